//! The numbers that the oracle computes with.
//!
//! Every formula of a race is written once, over the trait [`Number`], and run on whatever the question needs:
//!
//! | type | for |
//! |---|---|
//! | [`BigRational`] | the type that the public interface speaks: exact |
//! | [`Exact`] (dashu's `RBig`) | the same numbers inside the enumeration: exact, and some twenty times faster to add |
//! | [`Residue`] | integers modulo 2⁶¹ − 1: an independent check at sizes where fractions are slow |
//! | [`Dual`] | a value with one derivative, exact when its parts are |
//! | `f64` | sampling |
//!
//! # Cost
//! `oracle/benches/enumeration.rs` adds fractions of about 200 bits: `RBig` takes a twentieth of the time of `BigRational`
//! (365 µs against 18 µs for the same additions on an AMD EPYC), which reduces by a slow greatest common divisor each
//! time. The collapsed enumeration of K₈ is two million such additions, which is why it runs on [`Exact`] and converts at
//! the end.

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

use dashu_int::{IBig, Sign as DashuSign, UBig};
use num_bigint::{BigInt, BigUint, Sign};
use num_rational::BigRational;
use num_traits::{One, ToPrimitive, Zero};

/// The exact fraction used inside the enumeration; the same numbers as [`BigRational`].
pub type Exact = dashu_ratio::RBig;

/// A field in which the formulas of a race can be computed.
///
/// Implemented for every type with the four operations, by value and by reference on the right.
pub trait Number:
    Clone
    + Debug
    + Zero
    + One
    + Sub<Output = Self>
    + Div<Output = Self>
    + for<'a> Add<&'a Self, Output = Self>
    + for<'a> Sub<&'a Self, Output = Self>
    + for<'a> Mul<&'a Self, Output = Self>
    + for<'a> Div<&'a Self, Output = Self>
{
    /// The sum of the numbers, 0 if there are none.
    fn sum<'a>(numbers: impl IntoIterator<Item = &'a Self>) -> Self
    where
        Self: 'a,
    {
        numbers.into_iter().fold(Self::zero(), |sum, number| sum + number)
    }

    /// The product of the numbers, 1 if there are none.
    fn product<'a>(numbers: impl IntoIterator<Item = &'a Self>) -> Self
    where
        Self: 'a,
    {
        numbers.into_iter().fold(Self::one(), |product, number| product * number)
    }
}

impl<T> Number for T where
    T: Clone
        + Debug
        + Zero
        + One
        + Sub<Output = T>
        + Div<Output = T>
        + for<'a> Add<&'a T, Output = T>
        + for<'a> Sub<&'a T, Output = T>
        + for<'a> Mul<&'a T, Output = T>
        + for<'a> Div<&'a T, Output = T>
{
}

/// A [`Number`] with a natural logarithm and an exponential: what a log-probability or a draw needs.
pub trait Real: Number + Neg<Output = Self> {
    /// Natural logarithm.
    #[must_use]
    fn ln(&self) -> Self;
    /// Exponential.
    #[must_use]
    fn exp(&self) -> Self;
}

/// By `libm`, not by the system's library, so that every machine draws the same.
impl Real for f64 {
    fn ln(&self) -> Self {
        libm::log(*self)
    }
    fn exp(&self) -> Self {
        libm::exp(*self)
    }
}

/// A number that an exact fraction can be turned into.
pub trait FromExact: Number {
    /// The number that stands for `value`: equal if the type is exact, the nearest if it is a float.
    fn from_exact(value: &BigRational) -> Self;
}

impl FromExact for BigRational {
    fn from_exact(value: &BigRational) -> Self {
        value.clone()
    }
}

impl FromExact for Exact {
    fn from_exact(value: &BigRational) -> Self {
        // In lowest terms already, as `BigRational` always is.
        Exact::from_parts(ibig(value.numer()), ubig(value.denom().magnitude()))
    }
}

/// The nearest `f64` (ties to even); beyond the range of `f64` it is infinite, or 0.
impl FromExact for f64 {
    fn from_exact(value: &BigRational) -> Self {
        Exact::from_exact(value).to_f64().value()
    }
}

fn ubig(n: &BigUint) -> UBig {
    UBig::from_le_bytes(&n.to_bytes_le())
}

fn ibig(n: &BigInt) -> IBig {
    let sign = if n.sign() == Sign::Minus { DashuSign::Negative } else { DashuSign::Positive };
    IBig::from_parts(sign, ubig(n.magnitude()))
}

/// The same fraction in the type that the public interface speaks.
#[must_use]
pub fn to_rational(value: &Exact) -> BigRational {
    let (sign, magnitude) = value.numerator().clone().into_parts();
    let sign = if sign == DashuSign::Negative { Sign::Minus } else { Sign::Plus };
    let numer = BigInt::from_bytes_le(sign, &magnitude.to_le_bytes());
    let denom = BigInt::from_bytes_le(Sign::Plus, &value.denominator().to_le_bytes());
    BigRational::new_raw(numer, denom)
}

/// The fraction as `f64`, correctly rounded.
///
/// ```
/// use gumbel_oracle::number::to_f64;
/// # use num_rational::BigRational;
/// let third = BigRational::new(1.into(), 3.into());
/// assert_eq!(to_f64(&third), 1.0 / 3.0);
/// ```
#[must_use]
pub fn to_f64(value: &BigRational) -> f64 {
    f64::from_exact(value)
}

/// A fraction from two small integers, for tests and examples.
///
/// # Panics
/// If `denominator` is 0.
#[must_use]
pub fn ratio(numerator: i64, denominator: i64) -> BigRational {
    BigRational::new(numerator.into(), denominator.into())
}

// ---------------------------------------------------------------------------------------------------------------

/// An integer modulo the prime 2⁶¹ − 1.
///
/// A fraction `p/q` stands for `p·q⁻¹`. Two different fractions of degree `d` in rates drawn at random agree modulo
/// the prime with probability about `d / 2⁶¹`, so agreement checks an identity at sizes where fractions are slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Residue(u64);

impl Residue {
    /// The prime.
    pub const MODULUS: u64 = (1 << 61) - 1;

    /// The residue of an integer.
    #[must_use]
    pub fn new(value: u64) -> Self {
        Self(value % Self::MODULUS)
    }

    /// The representative in `0..MODULUS`.
    #[must_use]
    pub fn value(self) -> u64 {
        self.0
    }

    fn power(self, mut exponent: u64) -> Self {
        let (mut base, mut result) = (self, Self(1));
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = result * base;
            }
            base = base * base;
            exponent >>= 1;
        }
        result
    }
}

impl Add for Residue {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.0 + other.0)
    }
}

impl Sub for Residue {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::new(self.0 + (Self::MODULUS - other.0))
    }
}

impl Mul for Residue {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self((u128::from(self.0) * u128::from(other.0) % u128::from(Self::MODULUS)) as u64)
    }
}

/// By Fermat: the inverse of `a` is `a^(p-2)`. The inverse of 0 is 0.
impl Div for Residue {
    type Output = Self;
    #[allow(clippy::suspicious_arithmetic_impl)] // division is multiplication by the inverse
    fn div(self, other: Self) -> Self {
        self * other.power(Self::MODULUS - 2)
    }
}

impl Zero for Residue {
    fn zero() -> Self {
        Self(0)
    }
    fn is_zero(&self) -> bool {
        self.0 == 0
    }
}

impl One for Residue {
    fn one() -> Self {
        Self(1)
    }
}

impl FromExact for Residue {
    fn from_exact(value: &BigRational) -> Self {
        let modulus = BigInt::from(Self::MODULUS);
        let residue = |n: &BigInt| {
            let r = num_integer::Integer::mod_floor(n, &modulus);
            Self(r.to_u64().unwrap_or_default())
        };
        residue(value.numer()) / residue(value.denom())
    }
}

// ---------------------------------------------------------------------------------------------------------------

/// A value with its derivative in one direction: `a + b·ε` with `ε² = 0`.
///
/// Run any formula of this crate on `Dual` rates and the derivative comes out beside the value, exact when the parts
/// are. The derivative with respect to a logit `θ_k = -log λ_k` is the one in direction `∂λ_k/∂θ_k = -λ_k`: see
/// [`Dual::logit`].
#[derive(Debug, Clone, PartialEq)]
pub struct Dual<N> {
    /// The value.
    pub value: N,
    /// The derivative.
    pub derivative: N,
}

impl<N: Number> Dual<N> {
    /// A constant: derivative 0.
    pub fn constant(value: N) -> Self {
        Self { value, derivative: N::zero() }
    }

    /// The rate `λ = e^{-θ}` seen as a function of its logit `θ`: derivative `-λ`.
    pub fn logit(rate: N) -> Self {
        Self { derivative: N::zero() - &rate, value: rate }
    }
}

impl<N: Number> Add for Dual<N> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self + &other
    }
}

impl<N: Number> Sub for Dual<N> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self - &other
    }
}

impl<N: Number> Mul for Dual<N> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        self * &other
    }
}

impl<N: Number> Div for Dual<N> {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        self / &other
    }
}

impl<N: Number> Add<&Self> for Dual<N> {
    type Output = Self;
    fn add(self, other: &Self) -> Self {
        Self { value: self.value + &other.value, derivative: self.derivative + &other.derivative }
    }
}

impl<N: Number> Sub<&Self> for Dual<N> {
    type Output = Self;
    fn sub(self, other: &Self) -> Self {
        Self { value: self.value - &other.value, derivative: self.derivative - &other.derivative }
    }
}

impl<N: Number> Mul<&Self> for Dual<N> {
    type Output = Self;
    fn mul(self, other: &Self) -> Self {
        let derivative = self.derivative * &other.value + &(self.value.clone() * &other.derivative);
        Self { value: self.value * &other.value, derivative }
    }
}

impl<N: Number> Div<&Self> for Dual<N> {
    type Output = Self;
    fn div(self, other: &Self) -> Self {
        let value = self.value / &other.value;
        let derivative = (self.derivative - &(value.clone() * &other.derivative)) / &other.value;
        Self { value, derivative }
    }
}

impl<N: Number + Neg<Output = N>> Neg for Dual<N> {
    type Output = Self;
    fn neg(self) -> Self {
        Self { value: -self.value, derivative: -self.derivative }
    }
}

impl<N: Number> Zero for Dual<N> {
    fn zero() -> Self {
        Self::constant(N::zero())
    }
    fn is_zero(&self) -> bool {
        self.value.is_zero() && self.derivative.is_zero()
    }
}

impl<N: Number> One for Dual<N> {
    fn one() -> Self {
        Self::constant(N::one())
    }
}

impl<N: Real> Real for Dual<N> {
    fn ln(&self) -> Self {
        Self { value: self.value.ln(), derivative: self.derivative.clone() / &self.value }
    }
    fn exp(&self) -> Self {
        let value = self.value.exp();
        Self { derivative: self.derivative.clone() * &value, value }
    }
}

/// Order and equality of the values; the derivatives do not count.
impl<N: Number + PartialOrd> PartialOrd for Dual<N> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.value.partial_cmp(&other.value)
    }
}
impl<N: FromExact> FromExact for Dual<N> {
    fn from_exact(value: &BigRational) -> Self {
        Self::constant(N::from_exact(value))
    }
}

// ---------------------------------------------------------------------------------------------------------------

impl Add<&Self> for Residue {
    type Output = Self;
    fn add(self, other: &Self) -> Self {
        self + *other
    }
}

impl Sub<&Self> for Residue {
    type Output = Self;
    fn sub(self, other: &Self) -> Self {
        self - *other
    }
}

impl Mul<&Self> for Residue {
    type Output = Self;
    fn mul(self, other: &Self) -> Self {
        self * *other
    }
}

impl Div<&Self> for Residue {
    type Output = Self;
    fn div(self, other: &Self) -> Self {
        self / *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_keep_the_fraction_and_its_sign() {
        for (p, q) in [(0, 1), (1, 3), (-7, 12), (5, 1)] {
            let value = ratio(p, q);
            assert_eq!(to_rational(&Exact::from_exact(&value)), value);
        }
        let huge = BigRational::new(BigInt::from(3).pow(500), BigInt::from(-2).pow(301));
        assert_eq!(to_rational(&Exact::from_exact(&huge)), huge);
    }

    #[test]
    fn to_f64_rounds_as_the_standard_library_parses() {
        // Decimal text is parsed with correct rounding by the standard library: an independent reference.
        for (text, p, q) in [
            ("0.1", BigInt::from(1), BigInt::from(10)),
            ("1e-320", BigInt::from(1), BigInt::from(10).pow(320)),
            (
                "123456789012345678901234567890",
                "123456789012345678901234567890".parse().unwrap(),
                BigInt::one(),
            ),
            ("9007199254740993", BigInt::from(9007199254740993_u64), BigInt::one()),
            (
                "1.7976931348623157e308",
                BigInt::from(17976931348623157_u64) * BigInt::from(10).pow(292),
                BigInt::one(),
            ),
        ] {
            assert_eq!(to_f64(&BigRational::new(p, q)), text.parse::<f64>().unwrap(), "{text}");
        }
        assert_eq!(to_f64(&BigRational::from(BigInt::from(10).pow(400))), f64::INFINITY);
        assert_eq!(to_f64(&BigRational::new(BigInt::one(), BigInt::from(10).pow(400))), 0.0);
    }

    #[test]
    fn residues_are_a_field_and_agree_with_fractions() {
        let (a, b) = (ratio(-7, 12), ratio(5, 9));
        let (x, y) = (Residue::from_exact(&a), Residue::from_exact(&b));
        assert_eq!(Residue::from_exact(&(&a + &b)), x + y);
        assert_eq!(Residue::from_exact(&(&a - &b)), x - y);
        assert_eq!(Residue::from_exact(&(&a * &b)), x * y);
        assert_eq!(Residue::from_exact(&(&a / &b)), x / y);
        assert_eq!(Residue::new(Residue::MODULUS), Residue::zero());
    }

    #[test]
    fn a_dual_number_differentiates_a_quotient() {
        // d/dx (x² / (1 + x)) = (x² + 2x) / (1 + x)², at x = 3: 15/16.
        let x = Dual { value: ratio(3, 1), derivative: ratio(1, 1) };
        let f = x.clone() * &x / &(Dual::one() + &x);
        assert_eq!((f.value, f.derivative), (ratio(9, 4), ratio(15, 16)));
    }

    #[test]
    fn a_dual_number_differentiates_logarithm_and_exponential() {
        let x = Dual { value: 2.0, derivative: 1.0 };
        assert_eq!(x.ln(), Dual { value: libm::log(2.0), derivative: 0.5 });
        assert_eq!(x.exp(), Dual { value: libm::exp(2.0), derivative: libm::exp(2.0) });
    }
}
