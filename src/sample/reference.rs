//! The reference sampler: the oracle's plain algorithms run on random weights.
//!
//! # Notation
//! A draw with number `i` of a seed reads stream `i` of `ChaCha8Rng::seed_from_u64(seed)`: first one uniform per entry for
//! the exponentials `E_k = -log u_k / λ_k`, then one uniform per entry for a conditional draw given the trace. So a draw
//! depends on seed and number only, not on how many are drawn, in which order or on how many threads.
//!
//! # Law
//! `E_k ~ Exp(λ_k)` independent; trace and structure are the algorithm's on `E`; the conditional draw follows `p(E | T)`:
//! see [`gumbel_oracle::race`]. Uniforms lie in (0, 1), on a grid of 2⁻⁵²: never 0, so weights are finite; never 1, so they
//! are positive.
//!
//! # Cost
//! That of the plain algorithms, which copy states and subtract winning times as the paper writes them: right, not fast.
//!
//! # Example
//! ```
//! use gumbel_oracle::model::Model;
//! use recursive_gumbel::sample::Reference;
//! let model = Model::parse(r#"{"structure": "top_k", "k": 2, "rates": [1, 2, 3]}"#)?;
//! let sampler = Reference::new(&model, 7)?;
//! assert_eq!(sampler.draw(0), sampler.draw(0));
//! assert_eq!(model.replay(&sampler.draw(5).trace), Ok(sampler.draw(5).structure));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use gumbel_oracle::instance::Instance;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::{Real, to_f64};
use num_traits::Zero;
use rand::distr::Open01;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::{Batch, Draw, Sampler, WithRates};

/// Why a model cannot be sampled in `f64`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// A rate beyond the range of `f64`.
    #[error(
        "entry {entry} has rate {rate}, which f64 cannot hold: scale all rates to lie between 1e-300 and 1e300"
    )]
    Range {
        /// The entry, in entry order.
        entry: usize,
        /// The rate.
        rate: String,
    },
}

/// The reference sampler of a model, or of any other [`Instance`].
#[derive(Debug, Clone)]
pub struct Reference<'m, I = Model> {
    model: &'m I,
    rates: Vec<f64>,
    seed: u64,
}

impl<'m, I: Instance> Reference<'m, I> {
    /// The sampler of this model with this seed.
    ///
    /// # Errors
    /// [`SampleError::Range`] if a positive rate is below 1e-300 or above 1e300.
    pub fn new(model: &'m I, seed: u64) -> Result<Self, SampleError> {
        let rates: Vec<f64> = model.rates().iter().map(to_f64).collect();
        for (entry, (rate, exact)) in rates.iter().zip(model.rates()).enumerate() {
            if !exact.is_zero() && !(1e-300..=1e300).contains(rate) {
                let rate = if *rate > 1.0 { "above 1e300" } else { "below 1e-300" }.to_owned();
                return Err(SampleError::Range { entry, rate });
            }
        }
        Ok(Self { model, rates, seed })
    }

    /// The rates, one per entry, nearest `f64`.
    #[must_use]
    pub fn rates(&self) -> &[f64] {
        &self.rates
    }

    fn uniforms(&self, index: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(index);
        rng
    }

    /// The exponentials of draw number `index`; infinite for an absent entry.
    #[must_use]
    pub fn weights(&self, index: u64) -> Vec<f64> {
        let mut rng = self.uniforms(index);
        self.rates.iter().map(|rate| -Real::ln(&rng.sample::<f64, _>(Open01)) / rate).collect()
    }

    /// Draw number `index`.
    ///
    /// # Panics
    /// Only if the instance is a [`Rated`](gumbel_oracle::instance::Rated) recursion too large for its promises to be
    /// checked, and breaks one: an empty entrant set, or an absent entry that races.
    #[must_use]
    pub fn draw(&self, index: u64) -> Draw<I::Structure> {
        let mut rng = self.uniforms(index);
        let mut uniform = |_: &f64| rng.sample::<f64, _>(Open01);
        let weights: Vec<f64> = self.rates.iter().map(|rate| -Real::ln(&uniform(rate)) / rate).collect();
        let uniforms: Vec<f64> = self.rates.iter().map(uniform).collect();
        let run = self.model.run(&weights).expect("one finite weight per present entry");
        let conditional = run.trace.exponentials(&self.rates, &uniforms);
        Draw {
            structure: run.structure,
            log_prob: run.trace.log_probability(&self.rates),
            score: run.trace.score(&self.rates),
            conditional: conditional.into_iter().map(|weight| weight.unwrap_or(f64::INFINITY)).collect(),
            exponentials: weights,
            trace: run.trace,
        }
    }
}

/// # Panics
/// As [`Reference::draw`].
impl<I: Instance> Sampler<I::Structure> for Reference<'_, I> {
    fn fill(&self, first: u64, count: usize, batch: &mut Batch<I::Structure>) {
        (first..first + count as u64).for_each(|number| batch.push(&self.draw(number)));
    }
}

impl<I: Instance> WithRates<I::Structure> for Reference<'_, I> {
    fn rates(&self) -> &[f64] {
        &self.rates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_draws_of_a_seed_stay_what_they_are() {
        // Value stability: a change here changes the draws of every seed and belongs in the CHANGELOG.
        let model = Model::parse(r#"{"structure": "permutation", "rates": [1, 2, 3, 4]}"#).expect("a model");
        let sampler = Reference::new(&model, 1).expect("in range");
        let drawn: Vec<String> = (0..4).map(|i| model.canonical(&sampler.draw(i).structure)).collect();
        assert_eq!(drawn, ["[2,3,0,1]", "[0,2,3,1]", "[0,3,1,2]", "[1,3,2,0]"]);
        assert_eq!(
            sampler.weights(0),
            [0.910095800981843, 1.260471874289977, 0.17219171748321646, 0.3793006359325084]
        );
    }

    #[test]
    fn a_rate_that_f64_cannot_hold_is_named() {
        let model = Model::parse(r#"{"structure": "categorical", "rates": [1, "1e400"]}"#).expect("a model");
        let rate = "above 1e300".to_owned();
        assert_eq!(Reference::new(&model, 1).unwrap_err(), SampleError::Range { entry: 1, rate });
    }

    #[test]
    fn absent_entries_have_no_weight() {
        let model = Model::parse(r#"{"structure": "categorical", "rates": [1, 0, 2]}"#).expect("a model");
        let draw = Reference::new(&model, 1).expect("in range").draw(0);
        assert!(draw.exponentials[1] == f64::INFINITY && draw.conditional[1] == f64::INFINITY);
        assert!(draw.exponentials[0].is_finite() && draw.score[1] == 0.0);
    }
}
