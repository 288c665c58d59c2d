//! Logarithms and exponentials of exact fractions, correctly rounded to `f64` or `f32`.
//!
//! # Law
//! A fraction `q = 2^e·m` with `1/2 < m < 2` has `ln q = e·ln 2 + 2 Σ_{i≥0} y^{2i+1}/(2i+1)` with
//! `y = (m-1)/(m+1)`, `|y| < 1/3`. For `x ≥ 0`, `e^{-x}` is the Taylor series at `x/2^s ≤ 1/2`, squared `s` times. Both
//! are computed in fixed point on big integers with a bound on the error; the number of bits is raised until both ends
//! of the enclosure round to the same float. A logarithm or exponential of a rational (other than `ln 1`, `e^0`) is
//! irrational (Lindemann), and so is a sum of logarithms with rational factors that is not 0 (Baker): it is never a midpoint of
//! two floats and this ends.
//!
//! # Cost
//! A few dozen operations on integers of some 200 bits: microseconds.
//!
//! # References
//! The enlarging of the precision until the rounding is certain: A. Ziv (1991), *Fast evaluation of elementary
//! mathematical functions with correctly rounded last bit*, ACM TOMS 17(3). A. Baker (1966), *Linear forms in the logarithms of
//! algebraic numbers*, Mathematika 13.

use std::ops::Add;

use dashu_int::ops::BitTest;
use dashu_int::{IBig, UBig};
use num_rational::BigRational;
use num_traits::{One, Signed};

use crate::number::{Exact, FromExact};

/// The natural logarithm of a positive fraction, correctly rounded; `None` if it is not positive.
///
/// ```
/// use gumbel_oracle::{enclosure::ln, number::ratio};
/// assert_eq!(ln(&ratio(1, 15)), Some(-2.70805020110221));
/// assert_eq!(ln(&ratio(0, 1)), None);
/// ```
#[must_use]
pub fn ln(value: &BigRational) -> Option<f64> {
    nearest_ln(value)
}

/// The same, rounded to `f32` at once: rounding the `f64` again can be off by one.
///
/// ```
/// use gumbel_oracle::{enclosure::ln_f32, number::ratio};
/// assert_eq!(ln_f32(&ratio(1, 15)), Some(-2.708_050_2));
/// ```
#[must_use]
pub fn ln_f32(value: &BigRational) -> Option<f32> {
    nearest_ln(value)
}

fn nearest_ln<F: Float>(value: &BigRational) -> Option<F> {
    if !value.is_positive() {
        return None;
    }
    if value.is_one() {
        return Some(F::default());
    }
    let value = Exact::from_exact(value);
    Some(first_certain(|bits| ln_fixed(&value, bits)))
}

/// `Σ a_i (-ln q_i)` for factors `a_i > 0` and `0 < q_i < 1`, correctly rounded: a time made of uniforms. 0 if there are no terms, `None`
/// if a factor or an argument is none of these.
///
/// ```
/// use gumbel_oracle::{enclosure::sum_of_logarithms, number::ratio};
/// // ln 2 / 3 + ln 4 = 7/3 ln 2
/// let terms = [(ratio(1, 3), ratio(1, 2)), (ratio(1, 1), ratio(1, 4))];
/// assert_eq!(sum_of_logarithms(&terms), Some(1.617_343_421_306_539));
/// assert_eq!(sum_of_logarithms(&[(ratio(1, 1), ratio(1, 1))]), None);
/// ```
#[must_use]
pub fn sum_of_logarithms(terms: &[(BigRational, BigRational)]) -> Option<f64> {
    let fits =
        |(a, q): &(BigRational, BigRational)| a.is_positive() && q.is_positive() && *q < BigRational::one();
    if !terms.iter().all(fits) {
        return None;
    }
    if terms.is_empty() {
        return Some(0.0);
    }
    let terms: Vec<(Exact, Exact)> =
        terms.iter().map(|(a, q)| (Exact::from_exact(a), Exact::from_exact(q))).collect();
    Some(first_certain(|bits| {
        let (mut sum, mut error) = (IBig::ZERO, IBig::ONE);
        for (a, q) in &terms {
            let (value, ulps) = ln_fixed(q, bits);
            sum -= floor(&(a.clone() * Exact::from(value)));
            error += floor(&(a.clone() * Exact::from(ulps))) + IBig::from(2);
        }
        (sum, error)
    }))
}

/// `e^{-x}` of a fraction from 0, correctly rounded; 0 below 2⁻¹¹⁰⁰. `None` if `x` is negative.
///
/// ```
/// use gumbel_oracle::{enclosure::exp_minus, number::ratio};
/// assert_eq!(exp_minus(&ratio(1, 1)), Some(0.367_879_441_171_442_33));
/// assert_eq!(exp_minus(&ratio(-1, 1)), None);
/// ```
#[must_use]
pub fn exp_minus(x: &BigRational) -> Option<f64> {
    (!x.is_negative()).then(|| sum_of_exponentials(&[(Exact::ONE, Exact::from_exact(x))]))
}

/// `Σ a_i e^{-x_i}`, correctly rounded, for exact `a_i` and `x_i ≥ 0`; 0 if its absolute value is below 2⁻¹¹⁰⁰.
pub(crate) fn sum_of_exponentials(terms: &[(Exact, Exact)]) -> f64 {
    first_certain(|bits| {
        let (mut sum, mut error) = (IBig::ZERO, IBig::ONE);
        for (a, x) in terms {
            let (value, ulps) = exp_fixed(x, bits);
            sum += floor(&(a.clone() * Exact::from(value)));
            error += floor(&(a.abs() * Exact::from(ulps))) + IBig::from(2);
        }
        (sum, error)
    })
}

/// A float that fractions are rounded to.
trait Float: PartialEq + Add<Output = Self> + Default {
    /// The nearest, ties to even.
    fn nearest(value: &Exact) -> Self;
}

impl Float for f64 {
    fn nearest(value: &Exact) -> Self {
        value.to_f64().value()
    }
}

impl Float for f32 {
    fn nearest(value: &Exact) -> Self {
        value.to_f32().value()
    }
}

/// Raises the precision until the enclosure `(value ± error)·2^-bits` rounds to a single float.
fn first_certain<F: Float>(enclosure: impl Fn(usize) -> (IBig, IBig)) -> F {
    let mut bits = 128;
    loop {
        let (value, error) = enclosure(bits);
        let round = |n: IBig| F::nearest(&Exact::from_parts(n, UBig::ONE << bits));
        let (low, high) = (round(&value - &error), round(&value + &error));
        if low == high {
            return low + F::default(); // never -0: what rounds to it from below is a 0 like any other
        }
        // Nothing of it is above 2^-1100: less than any f64.
        if bits > 1200 && (value.abs() + error).bit_len() + 1100 < bits {
            return F::default();
        }
        bits *= 2;
    }
}

fn floor(value: &Exact) -> IBig {
    value.clone().floor()
}

/// `floor(value·2^bits)`.
fn fixed(value: &Exact, bits: usize) -> IBig {
    floor(&(value.clone() * Exact::from(IBig::ONE << bits)))
}

/// `ln(value)·2^bits` for a positive value, and a bound on its error in units of the last bit.
fn ln_fixed(value: &Exact, bits: usize) -> (IBig, IBig) {
    let exponent = value.numerator().bit_len() as i64 - value.denominator().bit_len() as i64;
    let power = Exact::from(IBig::ONE << exponent.unsigned_abs() as usize);
    let mantissa = if exponent < 0 { value.clone() * power } else { value.clone() / power };
    let (ln_mantissa, error) = ln_near_one(&mantissa, bits);
    let two = Exact::from(IBig::from(2));
    let (ln_2, error_2) = ln_near_one(&two, bits);
    (ln_mantissa + IBig::from(exponent) * ln_2, error + IBig::from(exponent.abs()) * error_2)
}

/// `ln(m)·2^bits` for `1/2 < m ≤ 2` by the series in `y = (m-1)/(m+1)`, `|y| ≤ 1/3`.
fn ln_near_one(m: &Exact, bits: usize) -> (IBig, IBig) {
    let y = (m.clone() - Exact::ONE) / (m.clone() + Exact::ONE);
    let square = fixed(&(y.clone() * &y), bits);
    let mut power = fixed(&y, bits);
    let (mut sum, mut terms) = (IBig::ZERO, 0_u64);
    // The power shrinks ninefold each time; rounding towards -∞ keeps a negative one at -1, so stop at |power| ≤ 1.
    while power.abs() > IBig::ONE {
        sum += &power / IBig::from(2 * terms + 1);
        power = (&power * &square) >> bits;
        terms += 1;
    }
    // Each term is off by at most 4 units (its power by less than 2, its quotient by 1), the rest of the series
    // by less than 3; doubled.
    (sum * IBig::from(2), IBig::from(8 * terms + 16))
}

/// `e^{-x}·2^bits` for `x ≥ 0`, and a bound on its error in units of the last bit.
fn exp_fixed(x: &Exact, bits: usize) -> (IBig, IBig) {
    if *x > Exact::from(IBig::from(bits)) {
        return (IBig::ZERO, IBig::ONE); // e^{-bits} < 2^{-bits}
    }
    // x ≤ bits, so x/2^s ≤ 1/2 for s = log2(bits) + 2.
    let squarings = bits.bit_len() + 1;
    let guard = bits + squarings + 32;
    let reduced = fixed(&(x.clone() / Exact::from(IBig::ONE << squarings)), guard);
    let (mut sum, mut term, mut i) = (IBig::ZERO, IBig::ONE << guard, 0_u64);
    while term != IBig::ZERO {
        sum += if i % 2 == 0 { term.clone() } else { -term.clone() };
        i += 1;
        term = ((term * &reduced) >> guard) / IBig::from(i);
    }
    // The sum is off by at most 2 units a term (fewer than 2^20 terms); each squaring at most doubles the error and
    // adds 1. So the error is below 2^(21 + squarings + 1) units of 2^-guard, less than 1 unit of 2^-bits.
    for _ in 0..squarings {
        sum = (&sum * &sum) >> guard;
    }
    (sum >> (guard - bits), IBig::from(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::ratio;
    use num_bigint::BigInt;

    #[test]
    fn logarithms_agree_with_published_digits() {
        // ln 2, ln 10 (OEIS A002162, A002392) and ln(1 + 10^-20) = 10^-20 - 10^-40/2 + …
        assert_eq!(ln(&ratio(2, 1)), Some(std::f64::consts::LN_2));
        assert_eq!(ln(&ratio(10, 1)), Some(std::f64::consts::LN_10));
        assert_eq!(ln(&ratio(1, 2)), Some(-std::f64::consts::LN_2));
        let tiny = BigInt::from(10).pow(20);
        assert_eq!(ln(&BigRational::new(&tiny + 1, tiny.clone())), Some(1e-20));
        assert_eq!(ln(&BigRational::new(&tiny - 1, tiny)), Some(-1e-20));
        assert_eq!(ln(&ratio(1, 1)), Some(0.0));
    }

    #[test]
    fn logarithms_of_huge_and_tiny_numbers_are_finite_and_right() {
        let huge = BigRational::from(BigInt::from(10).pow(5000));
        let want = 5000.0 * std::f64::consts::LN_10;
        assert!((ln(&huge).unwrap() - want).abs() <= 2e-12);
        assert!((ln(&huge.recip()).unwrap() + want).abs() <= 2e-12);
        assert_eq!(ln(&ratio(-1, 2)), None);
    }

    #[test]
    fn logarithms_agree_with_libm_to_an_ulp() {
        for i in 1..2000_i64 {
            let (p, q) = (i * 7919 % 1000 + 1, i * 104_729 % 997 + 1);
            let exact = ln(&ratio(p, q)).unwrap();
            // ln of the rounded quotient: a relative error of 2^-53 in the argument moves the logarithm by 2^-53
            let float = libm::log(p as f64 / q as f64);
            assert!((exact - float).abs() <= 1.2e-16 + exact.abs() * 2.3e-16, "{p}/{q}: {exact} {float}");
        }
    }

    /// Of 2,000 logarithms rounding twice moves some.
    #[test]
    fn logarithms_in_single_precision_are_rounded_once() {
        let mut moved = 0;
        for i in 1..2000_i64 {
            let q = ratio(i * 7919 % 1_000_003 + 1, i * 104_729 % 997_001 + 1);
            let (double, single) = (ln(&q).unwrap(), ln_f32(&q).unwrap());
            // Nothing in f32 is nearer: the midpoints beside it enclose the f64, to its own rounding.
            let step = |to: f32| (f64::from(single) + f64::from(to)) / 2.0;
            let (low, high) = (step(single.next_down()), step(single.next_up()));
            assert!(low <= double && double <= high, "{q}");
            moved += usize::from(double as f32 != single);
        }
        assert!(moved < 5, "{moved}");
        assert_eq!((ln_f32(&ratio(1, 1)), ln_f32(&ratio(0, 1))), (Some(0.0), None));
    }

    #[test]
    fn sums_of_logarithms_agree_with_single_ones() {
        for i in 1..300_i64 {
            let (a, q) = (ratio(i, 7), ratio(i, i * 13 + 1));
            // a·(-ln q), and the same in two parts.
            let one = sum_of_logarithms(&[(a.clone(), q.clone())]).unwrap();
            let half = &a / ratio(2, 1);
            assert_eq!(sum_of_logarithms(&[(half.clone(), q.clone()), (half, q.clone())]), Some(one));
            let float = -libm::log(i as f64 / (i * 13 + 1) as f64) * i as f64 / 7.0;
            assert!((one / float - 1.0).abs() < 1e-15, "{i}");
        }
        // -ln(1 - 2^-53) beside ln 2: 2^-53 + … is not lost.
        let near_one = ratio(1, 1) - BigRational::new(1.into(), BigInt::from(1_u64 << 53));
        assert_eq!(sum_of_logarithms(&[(ratio(1, 1), near_one)]), Some(f64::EPSILON / 2.0));
        assert_eq!(sum_of_logarithms(&[]), Some(0.0));
        for wrong in [(ratio(0, 1), ratio(1, 2)), (ratio(1, 1), ratio(0, 1)), (ratio(1, 1), ratio(3, 2))] {
            assert_eq!(sum_of_logarithms(&[wrong]), None);
        }
    }

    #[test]
    fn exponentials_agree_with_published_digits() {
        let term = |x: i64, y: i64| sum_of_exponentials(&[(Exact::ONE, Exact::from_exact(&ratio(x, y)))]);
        assert_eq!(term(0, 1), 1.0);
        // OEIS A068985
        assert_eq!(term(1, 1), "0.367879441171442321595523770161460867".parse::<f64>().unwrap());
        assert!((term(700, 1) / libm::exp(-700.0) - 1.0).abs() < 1e-14);
        assert_eq!(term(1_000_000, 1), 0.0);
        for i in 1..500 {
            let float = libm::exp(-(i as f64) / 64.0);
            assert!((term(i, 64) / float - 1.0).abs() < 3e-16, "{i}");
        }
    }

    #[test]
    fn cancelling_exponentials_keep_their_digits() {
        // e^{-1} - e^{-1 - 10^-30} = e^{-1}·10^-30·(1 - …)
        let step = BigRational::new(1.into(), BigInt::from(10).pow(30));
        let x = Exact::from_exact(&(ratio(1, 1) + &step));
        let difference = sum_of_exponentials(&[(Exact::ONE, Exact::ONE), (-Exact::ONE, x)]);
        assert!((difference / 0.367_879_441_171_442_3e-30 - 1.0).abs() < 1e-15);
    }
}
