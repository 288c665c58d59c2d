//! Estimates of the gradient of an expected loss with respect to every logit, by a score.
//!
//! # Notation
//! `X` is the structure, `f` a loss, `θ_k = -log λ_k` the logit of entry `k`, and `g = ∂E[f(X)]/∂θ`. A *score* `s` has the means
//! `E[s] = 0`, `E[f s] = g`: that of the trace, `∂ log p(T)/∂θ`, or that of the exponentials, `∂ log p(E)/∂θ_k = λ_k E_k - 1`.
//!
//! # Law
//! From `K` draws of the same rates:
//!
//! | | score of the trace | score of the exponentials | one estimate |
//! |---|---|---|---|
//! | [`Baseline::None`] | T-REINFORCE | E-REINFORCE | `1/K Σ_i f_i s_i` |
//! | [`Baseline::Constant`] | | | `1/K Σ_i (f_i - b) s_i` |
//! | [`Baseline::LeaveOneOut`] | T-REINFORCE+ | E-REINFORCE+ | `1/K Σ_i (f_i - mean of the other f) s_i` |
//!
//! All are unbiased. Their exact variances are in [`gumbel_oracle::estimators`]; the command `variance` prints them. The score of the
//! trace is never worse. An absent entry has the estimate 0.
//!
//! [`Relax`] is RELAX, with a [`Critic`] of the exponentials in the place of the baseline. [`Named`] is any of them by its name.
//!
//! # Cost
//! That of the draws, O(K · entries) more, and as many numbers in memory.
//!
//! # Example
//! Gradient descent, to have vertex 0 of the complete graph on 6 vertices on as many edges of the spanning tree as can be:
//! ```
//! use rand::{SeedableRng, rngs::ChaCha8Rng};
//! use recursive_gumbel::estimate::{Reinforce, Score};
//! use recursive_gumbel::fast::{Fast, SpanningTree, rates_of_logits};
//!
//! let edges: Vec<(u32, u32)> = (0..6).flat_map(|u| (u + 1..6).map(move |v| (u, v))).collect();
//! let mut logits = vec![0.0; edges.len()];
//! let mut rng = ChaCha8Rng::seed_from_u64(1);
//! let estimator = Reinforce::new(Score::Trace, 20)?.leave_one_out()?;
//! let mut values = Vec::new();
//! for _ in 0..100 {
//!     let sampler = Fast::new(SpanningTree::new(6, &edges, &rates_of_logits(&logits))?, 1);
//!     let away = |tree: &gumbel_oracle::structure::Structure| match tree {
//!         gumbel_oracle::structure::Structure::Entries(tree) => tree.iter().filter(|&&k| edges[k].0 > 0).count() as f64,
//!         _ => 0.0,
//!     };
//!     let estimate = estimator.gradient(&sampler, away, &mut rng)?;
//!     logits.iter_mut().zip(&estimate.gradient).for_each(|(logit, g)| *logit -= g);
//!     values.push(estimate.value);
//! }
//! assert!(values[0] > 3.0 && values[99] < 0.5, "{values:?}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # References
//! K. Struminsky et al. (2021), arXiv:2110.15072, section 5. R. J. Williams (1992), *Simple statistical gradient-following algorithms for
//! connectionist reinforcement learning*, Machine Learning 8. W. Kool, H. van Hoof, M. Welling (2019), *Buy 4 REINFORCE samples, get a
//! baseline for free!*, ICLR workshop. W. Grathwohl, D. Choi, Y. Wu, G. Roeder, D. Duvenaud (2018), *Backpropagation through the
//! void*, ICLR, for RELAX.

mod critic;
mod named;
mod numbered;
mod relax;

use rand::Rng;

use crate::sample::{Batch, Field, WithRates};

pub use critic::{Constant, Critic, Linear, Network, Quadratic, Trainable};
pub use gumbel_oracle::estimators::{Score, TooFewDraws};
pub use named::{Named, NoEstimator};
pub use numbered::Estimates;
pub use relax::{Plain, Races, Relax, Reparameterised};

/// What is taken off each loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Baseline {
    /// Nothing.
    None,
    /// One number, which must not depend on the draws.
    Constant(f64),
    /// The mean loss of the other draws.
    LeaveOneOut,
}

/// Why there is no estimate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EstimateError {
    /// An estimate from nothing.
    #[error("an estimate from 0 draws: want at least 1")]
    NoDraws,
    /// A leave-one-out baseline without others.
    #[error(transparent)]
    TooFewDraws(#[from] TooFewDraws),
    /// A baseline that is no number.
    #[error("the baseline is {0}: want a finite number")]
    Baseline(f64),
    /// A loss that is no number.
    #[error("the loss of draw {draw} is {loss}: want a finite number")]
    Loss {
        /// The draw, as its sampler numbers it.
        draw: u64,
        /// Its loss.
        loss: f64,
    },
    /// A sampler without what the score is made of.
    #[error("the sampler does not give the field {0} with its draws, which this estimator needs")]
    Lacks(&'static str),
    /// A draw that is none of the model, or is not there.
    #[error("draw {draw}: {problem}")]
    Malformed {
        /// The draw, as its sampler numbers it.
        draw: u64,
        /// What is wrong.
        problem: String,
    },
    /// A critic that is not made for these entries, or whose numbers are none.
    #[error("the critic {0}")]
    Critic(String),
    /// Races at other rates than those that are drawn from.
    #[error(
        "the races have rate {} at entry {entry}, the sampler has {}: want races and sampler of one model",
        told(*races),
        told(*sampler)
    )]
    OtherRates {
        /// The first entry at which they differ.
        entry: usize,
        /// The rate of the races, if they have such an entry.
        races: Option<f64>,
        /// That of the sampler.
        sampler: Option<f64>,
    },
    /// A trace of another model.
    #[error("the trace of draw {draw} is not one of these races: {problem}")]
    OtherRaces {
        /// The draw, as its sampler numbers it.
        draw: u64,
        /// Why.
        problem: String,
    },
}

fn told(rate: Option<f64>) -> String {
    rate.map_or_else(|| "none".to_owned(), |rate| rate.to_string())
}

/// An estimate of a gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// The mean loss, an estimate of `E[f(X)]`.
    pub value: f64,
    /// The estimate of `∂E[f(X)]/∂θ_k`, one per entry; 0 at an absent one.
    pub gradient: Vec<f64>,
    /// What it was made of.
    pub diagnostics: Diagnostics,
}

/// What an estimate was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostics {
    /// The first of the draws, as its sampler numbers them; they follow one another.
    pub first: u64,
    /// The loss of each.
    pub losses: Vec<f64>,
    /// The variance of the estimate as the draws tell it, one per entry: unbiased. `None` from one draw, and of a leave-one-out
    /// baseline, which makes the terms depend on each other.
    pub variance: Option<Vec<f64>>,
}

/// An estimator by a score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reinforce {
    score: Score,
    baseline: Baseline,
    draws: usize,
}

impl Reinforce {
    /// By this score, from so many draws, without a baseline.
    ///
    /// # Errors
    /// [`EstimateError::NoDraws`] if there are none.
    pub fn new(score: Score, draws: usize) -> Result<Self, EstimateError> {
        if draws == 0 {
            return Err(EstimateError::NoDraws);
        }
        Ok(Self { score, baseline: Baseline::None, draws })
    }

    /// With a constant taken off each loss.
    ///
    /// # Errors
    /// [`EstimateError::Baseline`] if it is not finite.
    pub fn constant(self, baseline: f64) -> Result<Self, EstimateError> {
        if !baseline.is_finite() {
            return Err(EstimateError::Baseline(baseline));
        }
        Ok(Self { baseline: Baseline::Constant(baseline), ..self })
    }

    /// With the mean loss of the other draws taken off each.
    ///
    /// # Errors
    /// [`TooFewDraws`] if there are no others.
    pub fn leave_one_out(self) -> Result<Self, TooFewDraws> {
        if self.draws < 2 {
            return Err(TooFewDraws { draws: self.draws as u32 });
        }
        Ok(Self { baseline: Baseline::LeaveOneOut, ..self })
    }

    /// The score.
    #[must_use]
    pub fn score(&self) -> Score {
        self.score
    }

    /// The baseline.
    #[must_use]
    pub fn baseline(&self) -> Baseline {
        self.baseline
    }

    /// The number of draws of one estimate.
    #[must_use]
    pub fn draws(&self) -> usize {
        self.draws
    }

    /// One estimate, from draws whose first number is drawn from `rng`: estimates of one sampler are independent, and the same
    /// again from the same generator.
    ///
    /// # Errors
    /// [`EstimateError`]: a loss that is no finite number, or a sampler that lacks what the score is made of.
    pub fn gradient<X>(
        &self,
        sampler: &(impl WithRates<X> + ?Sized),
        loss: impl Fn(&X) -> f64,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Estimate, EstimateError> {
        let rates = sampler.rates();
        let field = match self.score {
            Score::Trace => Field::Score,
            Score::Exponentials => Field::Exponentials,
        };
        let (first, batch) = draw(sampler, self.draws, &[Field::Structure, field], rng)?;
        let losses = losses(&batch, first, loss)?;
        let value = losses.iter().sum::<f64>() / self.draws as f64;
        // What each score is multiplied by, but for the number of draws.
        let (baseline, terms) = match self.baseline {
            Baseline::None => (0.0, self.draws),
            Baseline::Constant(baseline) => (baseline, self.draws),
            Baseline::LeaveOneOut => (value, self.draws - 1),
        };
        let mut mean = Mean::new(rates.len());
        for (draw, loss) in losses.iter().enumerate() {
            let column = match self.score {
                Score::Trace => batch.score(draw),
                Score::Exponentials => batch.exponentials(draw),
            };
            let column = column.ok_or(EstimateError::Lacks(field.name()))?;
            mean.add(column.iter().zip(rates).map(|(&value, &rate)| match self.score {
                _ if rate == 0.0 => 0.0,
                Score::Trace => (loss - baseline) * value,
                Score::Exponentials => (loss - baseline) * (rate * value - 1.0),
            }));
        }
        let variance = if self.baseline == Baseline::LeaveOneOut { None } else { mean.variance() };
        let scale = self.draws as f64 / terms as f64;
        let gradient = mean.means.iter().map(|mean| mean * scale).collect();
        Ok(Estimate { value, gradient, diagnostics: Diagnostics { first, losses, variance } })
    }
}

/// The mean of the terms of an estimate, and the squares of their distances from it, as they come.
///
/// # References
/// B. P. Welford (1962), *Note on a method for calculating corrected sums of squares and products*, Technometrics 4.
struct Mean {
    terms: usize,
    means: Vec<f64>,
    squares: Vec<f64>,
}

impl Mean {
    fn new(entries: usize) -> Self {
        Self { terms: 0, means: vec![0.0; entries], squares: vec![0.0; entries] }
    }

    fn add(&mut self, term: impl Iterator<Item = f64>) {
        self.terms += 1;
        for ((mean, square), term) in self.means.iter_mut().zip(&mut self.squares).zip(term) {
            let distance = term - *mean;
            *mean += distance / self.terms as f64;
            *square += distance * (term - *mean);
        }
    }

    /// That of the mean, if there is more than one term.
    fn variance(&self) -> Option<Vec<f64>> {
        let terms = self.terms as f64;
        let of = |square: &f64| square / (terms * (terms - 1.0));
        (self.terms > 1).then(|| self.squares.iter().map(of).collect())
    }
}

/// The mean loss of so many draws, an estimate of `E[f(X)]`.
///
/// # Errors
/// [`EstimateError`]: no draws, or a loss that is no finite number.
pub fn mean_loss<X>(
    sampler: &(impl WithRates<X> + ?Sized),
    loss: impl Fn(&X) -> f64,
    draws: usize,
    rng: &mut (impl Rng + ?Sized),
) -> Result<f64, EstimateError> {
    let (first, batch) = draw(sampler, draws, &[Field::Structure], rng)?;
    if draws == 0 {
        return Err(EstimateError::NoDraws);
    }
    Ok(losses(&batch, first, loss)?.iter().sum::<f64>() / draws as f64)
}

/// So many draws with these fields, and the number of the first, which is drawn from `rng`.
fn draw<X>(
    sampler: &(impl WithRates<X> + ?Sized),
    draws: usize,
    fields: &[Field],
    rng: &mut (impl Rng + ?Sized),
) -> Result<(u64, Batch<X>), EstimateError> {
    if let Some(lacking) = fields.iter().find(|field| !sampler.fields().contains(field)) {
        return Err(EstimateError::Lacks(lacking.name()));
    }
    let mut batch = Batch::new(sampler.rates().len(), fields);
    let first = rng.next_u64() >> 3; // with room for what follows
    sampler.fill(first, draws, &mut batch);
    let missing = (batch.len() < draws).then(|| (batch.len(), "the sampler has not made it".to_owned()));
    match batch.malformed().first().cloned().or(missing) {
        Some((draw, problem)) => Err(EstimateError::Malformed { draw: first + draw as u64, problem }),
        None => Ok((first, batch)),
    }
}

/// The loss of each draw of a batch.
fn losses<X>(batch: &Batch<X>, first: u64, loss: impl Fn(&X) -> f64) -> Result<Vec<f64>, EstimateError> {
    let of = |i: usize| {
        let structure = batch.structure(i).ok_or(EstimateError::Lacks(Field::Structure.name()))?;
        let (draw, loss) = (first + i as u64, loss(structure));
        if loss.is_finite() { Ok(loss) } else { Err(EstimateError::Loss { draw, loss }) }
    };
    (0..batch.len()).map(of).collect()
}
