//! The law of a sum of independent exponentials, equal rates included.
//!
//! # Notation
//! `Y = Y_1 + … + Y_n` with `Y_i ~ Exp(μ_i)` independent; the `μ_i > 0` are the phases. Given a trace, every
//! exponential is such a sum: its phases are the totals `Λ_r` of the races it took part in and, if it never won, its
//! own rate.
//!
//! # Law
//! The density is a sum of terms `c·t^j·e^{-μt}`. Adding one more phase `ν` turns a term into
//! `ν e^{-νt} ∫_0^t c·s^j·e^{(ν-μ)s} ds`: for `ν = μ` this is `νc·t^{j+1}/(j+1)·e^{-μt}`, and for `δ = ν - μ ≠ 0`
//! `νc·[Σ_{i≤j} (-1)^{j-i} j!/(i!·δ^{j-i+1}) t^i e^{-μt} - (-1)^j j!/δ^{j+1} e^{-νt}]`. The survival function
//! follows by `∫_t^∞ s^j e^{-μs} ds = e^{-μt} Σ_{i≤j} j!/(i!·μ^{j-i+1}) t^i`. The coefficients are rational functions of
//! the rates, so they are computed exactly; only `e^{-μt}` is not rational.
//!
//! # Cost
//! O(n³) operations on numbers for the coefficients. The terms alternate in sign and cancel: in `f64` the result
//! loses about `log10 max|c|` digits when phases are close but not equal. [`Hypoexponential::cdf_rounded`] is exact up
//! to one correct rounding, whatever the phases.
//!
//! # Example
//! ```
//! use gumbel_oracle::hypoexponential::Hypoexponential;
//! let sum = Hypoexponential::new(vec![1.0, 1.0]); // Gamma(2, 1)
//! assert!((sum.cdf(&1.0) - (1.0 - 2.0 * (-1.0_f64).exp())).abs() < 1e-15);
//! ```

use num_rational::BigRational;
use num_traits::Zero;

use crate::enclosure;
use crate::number::{Exact, FromExact, Number, Real};

/// A sum of independent exponentials, given by the rates of its phases.
#[derive(Debug, Clone, PartialEq)]
pub struct Hypoexponential<N> {
    phases: Vec<N>,
}

/// The term `Σ_j c_j t^j · e^{-μt}` of a density or a survival function.
#[derive(Debug, Clone)]
struct Term<N> {
    rate: N,
    coefficients: Vec<N>,
}

impl<N: Number> Hypoexponential<N> {
    /// The sum of one exponential of each rate. Rates must be positive; no phase at all is the constant 0.
    #[must_use]
    pub fn new(phases: Vec<N>) -> Self {
        Self { phases }
    }

    /// The rates of the phases.
    #[must_use]
    pub fn phases(&self) -> &[N] {
        &self.phases
    }

    /// The mean `Σ 1/μ_i`.
    #[must_use]
    pub fn mean(&self) -> N {
        self.phases.iter().fold(N::zero(), |sum, rate| sum + N::one() / rate)
    }

    /// The variance `Σ 1/μ_i²`.
    #[must_use]
    pub fn variance(&self) -> N {
        self.phases.iter().fold(N::zero(), |sum, rate| sum + N::one() / rate / rate)
    }

    /// The Laplace transform `E[e^{-sY}] = Π μ_i/(μ_i + s)`.
    #[must_use]
    pub fn laplace(&self, s: &N) -> N {
        self.phases.iter().fold(N::one(), |product, rate| product * rate / (rate.clone() + s))
    }
}

impl<N: Number + PartialEq> Hypoexponential<N> {
    /// The density as a list of terms with different rates. At least one phase.
    fn density(&self) -> Vec<Term<N>> {
        let mut density: Vec<Term<N>> = Vec::new();
        for (i, nu) in self.phases.iter().enumerate() {
            if i == 0 {
                density.push(Term { rate: nu.clone(), coefficients: vec![nu.clone()] });
                continue;
            }
            let mut constant = N::zero(); // of e^{-νt}
            let mut raised: Option<Vec<N>> = None; // the term whose rate is ν already
            for term in &mut density {
                if term.rate == *nu {
                    let mut coefficients = vec![N::zero()];
                    for (j, c) in term.coefficients.iter().enumerate() {
                        coefficients.push(nu.clone() * c / integer::<N>(j + 1));
                    }
                    raised = Some(coefficients);
                    continue;
                }
                let delta = nu.clone() - &term.rate;
                let mut coefficients = vec![N::zero(); term.coefficients.len()];
                for (j, c) in term.coefficients.iter().enumerate() {
                    // i = j: c/δ; each step down multiplies by -(i+1)/δ
                    let mut part = nu.clone() * c / &delta;
                    for i in (0..=j).rev() {
                        coefficients[i] = coefficients[i].clone() + &part;
                        if i == 0 {
                            constant = constant - &part;
                        } else {
                            part = N::zero() - part * &integer::<N>(i) / &delta;
                        }
                    }
                }
                term.coefficients = coefficients;
            }
            match raised {
                Some(mut coefficients) => {
                    coefficients[0] = coefficients[0].clone() + &constant;
                    for term in density.iter_mut().filter(|term| term.rate == *nu) {
                        term.coefficients.clone_from(&coefficients);
                    }
                }
                None => density.push(Term { rate: nu.clone(), coefficients: vec![constant] }),
            }
        }
        density
    }

    /// The survival function `P(Y > t)` as a list of terms with different rates.
    fn survival(&self) -> Vec<Term<N>> {
        let mut survival = self.density();
        for term in &mut survival {
            let mut coefficients = vec![N::zero(); term.coefficients.len()];
            for (j, c) in term.coefficients.iter().enumerate() {
                // i = j: c/μ; each step down multiplies by (i+1)/μ
                let mut part = c.clone() / &term.rate;
                for i in (0..=j).rev() {
                    coefficients[i] = coefficients[i].clone() + &part;
                    part = part * &integer::<N>(i) / &term.rate;
                }
            }
            term.coefficients = coefficients;
        }
        survival
    }
}

impl<N: Real + PartialOrd> Hypoexponential<N> {
    /// The distribution function `P(Y ≤ t)`; 0 for `t < 0`.
    ///
    /// With [`Dual`](crate::number::Dual) phases, equal phases must have equal derivatives too. In `f64` see the
    /// module's remark on cancellation.
    #[must_use]
    pub fn cdf(&self, t: &N) -> N {
        if *t < N::zero() {
            return N::zero();
        }
        let mut survival = N::zero();
        for term in if self.phases.is_empty() { Vec::new() } else { self.survival() } {
            let polynomial = term.coefficients.iter().rev().fold(N::zero(), |sum, c| sum * t + c);
            survival = survival + polynomial * &(-(term.rate * t)).exp();
        }
        N::one() - survival
    }
}

impl Hypoexponential<BigRational> {
    /// The distribution function `P(Y ≤ t)`, correctly rounded to `f64`, whatever the phases.
    #[must_use]
    pub fn cdf_rounded(&self, t: &BigRational) -> f64 {
        self.rounded(t, true)
    }

    /// The survival function `P(Y > t)`, correctly rounded to `f64` (0 below the smallest `f64`).
    #[must_use]
    pub fn sf_rounded(&self, t: &BigRational) -> f64 {
        self.rounded(t, false)
    }

    fn rounded(&self, t: &BigRational, complement: bool) -> f64 {
        if *t < BigRational::zero() || self.phases.is_empty() {
            return if complement == (*t >= BigRational::zero()) { 1.0 } else { 0.0 };
        }
        if t.is_zero() {
            return if complement { 0.0 } else { 1.0 };
        }
        let t = Exact::from_exact(t);
        let exact = Hypoexponential { phases: self.phases.iter().map(Exact::from_exact).collect() };
        // P(Y > t) = Σ a_i e^{-x_i}, and its complement, with a_i and x_i exact.
        let mut sum: Vec<(Exact, Exact)> = Vec::new();
        for term in exact.survival() {
            let a = term.coefficients.iter().rev().fold(Exact::ZERO, |sum, c| sum * &t + c);
            sum.push((if complement { -a } else { a }, term.rate * &t));
        }
        if complement {
            sum.push((Exact::ONE, Exact::ZERO));
        }
        enclosure::sum_of_exponentials(&sum)
    }
}

/// The integer `n` in any field.
fn integer<N: Number>(n: usize) -> N {
    (0..n).fold(N::zero(), |sum, _| sum + N::one())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::{ratio, to_f64};

    fn cdf(phases: &[(i64, i64)], t: (i64, i64)) -> f64 {
        let law = Hypoexponential::new(phases.iter().map(|&(p, q)| ratio(p, q)).collect());
        law.cdf_rounded(&ratio(t.0, t.1))
    }

    #[test]
    fn two_different_phases_have_the_textbook_distribution() {
        // 1 - (b e^{-at} - a e^{-bt}) / (b - a), a = 1, b = 3, t = 1/2
        let want = 1.0 - (3.0 * libm::exp(-0.5) - libm::exp(-1.5)) / 2.0;
        assert!((cdf(&[(1, 1), (3, 1)], (1, 2)) - want).abs() < 1e-15);
    }

    #[test]
    fn equal_phases_are_an_erlang_law() {
        // 1 - e^{-x}(1 + x + x²/2 + x³/6), x = 2·3/2
        let x = 3.0_f64;
        let want = 1.0 - libm::exp(-x) * (1.0 + x + x * x / 2.0 + x * x * x / 6.0);
        assert!((cdf(&[(2, 1); 4], (3, 2)) - want).abs() < 1e-15);
    }

    #[test]
    fn repeated_and_single_phases_mix_in_any_order() {
        let t = (7, 5);
        let first = cdf(&[(1, 1), (2, 1), (1, 1), (5, 2), (2, 1)], t);
        assert_eq!(first, cdf(&[(2, 1), (2, 1), (5, 2), (1, 1), (1, 1)], t));
        // nearly equal phases: the exact path does not mind the cancellation of 10^32
        let near = cdf(&[(1, 1), (2, 1), (100_000_001, 100_000_000), (5, 2), (200_000_001, 100_000_000)], t);
        assert!((first - near).abs() < 1e-7 && first != near);
    }

    #[test]
    fn the_derivative_of_the_distribution_has_the_laplace_transform() {
        // ∫_0^∞ s e^{-st} P(Y ≤ t) dt = L(s): trapezoids, an independent method
        let law = Hypoexponential::new(vec![1.0, 1.0, 2.5]);
        let (s, h) = (0.7, 1e-3);
        let integral: f64 =
            (0..60_000).map(|i| f64::from(i) * h).map(|t| s * libm::exp(-s * t) * law.cdf(&t) * h).sum();
        assert!((integral - law.laplace(&s)).abs() < 1e-5, "{integral}");
    }

    #[test]
    fn huge_and_tiny_phases_are_harmless() {
        let fast = BigRational::from(num_bigint::BigInt::from(10).pow(40));
        let law = Hypoexponential::new(vec![fast.clone(), ratio(1, 1), ratio(1, 1_000_000_000)]);
        let one = law.cdf_rounded(&ratio(1, 1));
        assert!(one > 3e-10 && one < 4e-10, "{one}");
        // 0, not -0: 1/x of it is +∞.
        let late = Hypoexponential::new(vec![fast.clone(), ratio(2, 1)]).sf_rounded(&ratio(2000, 1));
        let never = Hypoexponential::new(vec![fast]).sf_rounded(&ratio(1, 1));
        assert_eq!((never.to_bits(), late.to_bits()), (0, 0));
        assert_eq!(law.cdf_rounded(&ratio(0, 1)), 0.0);
        assert_eq!(law.sf_rounded(&ratio(-1, 1)), 1.0);
        assert!((to_f64(&law.mean()) - 1_000_000_001.0).abs() < 1e-3);
    }

    #[test]
    fn a_tail_below_the_rounding_error_of_the_distribution_is_right() {
        let law = Hypoexponential::new(vec![ratio(1, 1)]);
        let sf = law.sf_rounded(&ratio(100, 1));
        assert!((sf / libm::exp(-100.0) - 1.0).abs() < 1e-13);
    }
}
