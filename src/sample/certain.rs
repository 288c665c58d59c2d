//! What follows from the races of a trace, to the last digit: what a sampler's numbers are held to at sizes where exact
//! fractions would be slow.
//!
//! # Law
//! Sums and products of rates are taken in pairs of `f64` (twice the digits, some 106 bits). All terms are positive, so a result
//! of N operations is right up to a relative error of `N · 2^-103`. The crate's quotient is not used: it takes `1 - x·y` from a
//! rounded product and is right to one `f64` only (version 0.8.4). The one logarithm of [`Walk::certain_log_prob`]
//! is that of the product `Π_r λ_w/Λ_r`, correctly rounded by [`gumbel_oracle::enclosure`]: its own error is at most half a unit
//! in the last place, and that of the product is far below.
//!
//! The rates are those of the [`Walker`](super::Walker), nearest `f64`, taken exactly.

use gumbel_oracle::enclosure;
use gumbel_oracle::number::{Exact, to_rational};
use num_traits::Pow as _;
use twofloat::TwoFloat;

use super::Walk;

impl Walk<'_> {
    /// `log p(T)`, rounded to the nearest `f64` from a value with an error of at most `N · 2^-103`.
    ///
    /// Complexity: O(nodes + entries), and one logarithm of a fraction of some hundred digits.
    #[must_use]
    pub fn certain_log_prob(&self) -> f64 {
        // Numerator and denominator as `p · 2^exponent`, with p between 1/4 and 1.
        let product = |factors: &mut dyn Iterator<Item = TwoFloat>| {
            let (mut p, mut exponent) = (TwoFloat::from(1.0), 0_i64);
            for factor in factors {
                for number in [factor, p] {
                    exponent += i64::from(libm::frexp(number.hi()).1);
                }
                p = normal(factor) * normal(p);
            }
            (p, exponent)
        };
        let rates = self.winners().iter().map(|&winner| TwoFloat::from(self.rates()[winner]));
        let (above, up) = product(&mut { rates });
        let (below, down) = product(&mut self.certain_totals().into_iter());
        let exact = |value: TwoFloat| {
            let exact = |value: f64| Exact::try_from(value).unwrap_or_default();
            exact(value.hi()) + exact(value.lo())
        };
        let power = Exact::from(2_u8).pow((up - down).unsigned_abs() as usize);
        let (above, below) = (exact(above), exact(below));
        let product = if up < down { above / (below * power) } else { above * power / below };
        enclosure::ln(&to_rational(&product)).unwrap_or(f64::NEG_INFINITY)
    }

    /// The score, each number right up to a unit in the last place of the larger of its two parts.
    ///
    /// Complexity: O(nodes + entries).
    #[must_use]
    pub fn certain_score(&self) -> Vec<f64> {
        let shares: Vec<TwoFloat> = self.certain_totals().into_iter().map(reciprocal).collect();
        let sums = self.sums(&shares);
        let score = |entry: usize| {
            let held =
                self.last_node(entry).map_or(TwoFloat::from(0.0), |node| sums[node] * self.rates()[entry]);
            f64::from(if self.has_won(entry) { held - 1.0 } else { held })
        };
        (0..self.rates().len()).map(score).collect()
    }

    fn certain_totals(&self) -> Vec<TwoFloat> {
        self.over_entrants(|entry| TwoFloat::from(self.rates()[entry]))
    }
}

/// A positive number times the power of 2 that brings it to between 1/2 and 1.
fn normal(value: TwoFloat) -> TwoFloat {
    let (_, exponent) = libm::frexp(value.hi());
    let [hi, lo] = [value.hi(), value.lo()].map(|part| libm::ldexp(part, -exponent));
    TwoFloat::new_add(hi, lo)
}

/// One step of Newton's method from the nearest `f64`.
fn reciprocal(value: TwoFloat) -> TwoFloat {
    let near = TwoFloat::from(1.0 / value.hi());
    near + near * (TwoFloat::from(1.0) - value * near)
}
