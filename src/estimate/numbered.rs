//! Estimates by number, as a sampler gives its draws.

use rand::SeedableRng as _;
use rand::rngs::ChaCha8Rng;

use super::{Estimate, EstimateError};
use crate::sample::{Batch, Field, Sampler};

/// Estimates as draws that have the field `gradient` only: to be written to a file, or to be judged.
///
/// The estimate of a number is made with a generator of its own, so it is independent of the others, and the same again whenever it is
/// asked for. One that cannot be made is malformed, with the reason.
///
/// ```
/// use gumbel_oracle::{model::Model, structure::Structure};
/// use recursive_gumbel::estimate::{Estimates, Reinforce, Score};
/// use recursive_gumbel::sample::{Batch, Field, Reference, Sampler};
///
/// let model = Model::parse(r#"{"structure": "categorical", "rates": [1, 2, 3]}"#)?;
/// let sampler = Reference::new(&model, 1)?;
/// let estimator = Reinforce::new(Score::Trace, 10)?.leave_one_out()?;
/// let first = |x: &Structure| f64::from(u8::from(matches!(x, Structure::Entries(set) if set.contains(&0))));
/// let estimates = Estimates::new(7, |rng| estimator.gradient(&sampler, first, rng));
/// let mut batch: Batch = Batch::new(3, &[Field::Gradient]);
/// estimates.fill(0, 5, &mut batch);
/// assert_eq!((batch.len(), batch.gradient(4).map(<[f64]>::len)), (5, Some(3)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Estimates<F> {
    seed: u64,
    estimate: F,
}

impl<F: Fn(&mut ChaCha8Rng) -> Result<Estimate, EstimateError> + Sync> Estimates<F> {
    /// Estimates that `estimate` makes, each with a generator that is seeded with `seed` and the number.
    #[must_use]
    pub fn new(seed: u64, estimate: F) -> Self {
        Self { seed, estimate }
    }
}

impl<X, F: Fn(&mut ChaCha8Rng) -> Result<Estimate, EstimateError> + Sync> Sampler<X> for Estimates<F> {
    fn fields(&self) -> &[Field] {
        &[Field::Gradient]
    }

    fn fill(&self, first: u64, count: usize, batch: &mut Batch<X>) {
        for number in first..first + count as u64 {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(number);
            let estimate = (self.estimate)(&mut rng).map_err(|error| error.to_string());
            batch.push_estimate(estimate.map(|estimate| estimate.gradient));
        }
    }
}
