//! Estimators of a gradient that are wrong on purpose.
//!
//! # Notation
//! An estimate is made of `K` draws, each with its loss `f`, the score `s` of its trace or of its exponentials, its exponentials `e₁`, and a
//! draw `e₂` of them given its trace. [`Mistaken`] makes estimates with a [`Mistake`], written anew from the formulas of
//! [`crate::estimate`]: without one it is right. The same names are behind `sample --estimator E --mutant NAME` and
//! `serve --mutant NAME`.
//!
//! # Example
//! ```
//! use gumbel_oracle::{loss::Loss, model::Model};
//! use recursive_gumbel::estimate::Named;
//! use recursive_gumbel::mutants::estimates::{Mistake, Mistaken};
//! let model = Model::parse(r#"{"structure": "categorical", "rates": [1, 1]}"#)?;
//! let loss = Loss::named(&model, "default")?;
//! let mistake = Mistake::named("baseline_with_own").ok_or("no such mistake")?;
//! let of = |mistake| Mistaken::new(&model, loss, Named::TReinforcePlus, 2, mistake, 1).map(|made| made.estimate(0));
//! let (right, wrong) = (of(None)?, of(Some(mistake))?);
//! assert!(right.iter().zip(&wrong).all(|(right, wrong)| *wrong == right / 2.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;

use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use gumbel_oracle::race::Trace;
use rand::distr::Open01;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};

use crate::estimate::{Critic as _, EstimateError, Linear, Named, Score};
use crate::sample::{Batch, Field, Reference, SampleError, Sampler};

use Named::{EReinforce, EReinforcePlus, RelaxLinear, TReinforce, TReinforcePlus};

/// A mistake in an estimator.
pub struct Mistake {
    name: &'static str,
    words: &'static str,
    of: &'static [Named],
    does: Does,
}

/// Where it is wrong.
enum Does {
    /// So many times as long.
    Length(f64),
    /// Summed over the draws instead of their mean.
    Summed,
    /// The loss that belongs to each draw, from all.
    Loss(fn(&[f64], usize) -> f64),
    /// What is taken off each, from all.
    Baseline(fn(&[f64], usize) -> f64),
    /// The score, given rate, exponential, and the score of the trace, entry by entry.
    Score(fn(f64, f64, f64) -> f64),
    /// The estimate of RELAX, entry by entry.
    Relax(fn(&Parts) -> f64),
    /// RELAX given the trace of another draw.
    Given,
}

/// What the estimate of one entry by RELAX is made of: `(f - c(e₂)) s - ∂c(e₂) + ∂c(e₁)`.
struct Parts {
    loss: f64,
    score: f64,
    /// `c(e₂)`.
    critic: f64,
    /// `∂c(e₂)/∂θ` and `∂c(e₁)/∂θ`.
    given: f64,
    drawn: f64,
}

/// With several draws.
const PLUS: &[Named] = &[EReinforcePlus, TReinforcePlus];
const RELAX: &[Named] = &[RelaxLinear];

const ALL: &[Mistake] = &[
    Mistake { name: "gradient_halved", words: "half the gradient", of: &Named::ALL, does: Does::Length(0.5) },
    Mistake {
        name: "gradient_sign",
        words: "minus the gradient: of logits for θ = -logits, or of a reward for a loss",
        of: &Named::ALL,
        does: Does::Length(-1.0),
    },
    Mistake {
        name: "gradient_summed",
        words: "the sum over the draws for their mean",
        of: PLUS,
        does: Does::Summed,
    },
    Mistake {
        name: "losses_rolled",
        words: "each score beside the loss of the next draw",
        of: PLUS,
        does: Does::Loss(|losses, draw| losses[(draw + 1) % losses.len()]),
    },
    Mistake {
        name: "baseline_with_own",
        words: "the mean of all losses for that of the others",
        of: PLUS,
        does: Does::Baseline(|losses, _| losses.iter().sum::<f64>() / losses.len() as f64),
    },
    Mistake {
        name: "baseline_with_own_by_one_less",
        words: "the sum of all losses, divided by the number of the others",
        of: PLUS,
        does: Does::Baseline(|losses, _| losses.iter().sum::<f64>() / (losses.len() as f64 - 1.0)),
    },
    Mistake {
        name: "baseline_by_all",
        words: "the sum of the others' losses, divided by the number of all",
        of: PLUS,
        does: Does::Baseline(|losses, draw| {
            (losses.iter().sum::<f64>() - losses[draw]) / losses.len() as f64
        }),
    },
    Mistake {
        name: "baseline_of_first_only",
        words: "the loss of the first draw taken off all",
        of: PLUS,
        does: Does::Baseline(|losses, _| losses[0]),
    },
    Mistake { name: "baseline_missing", words: "no baseline", of: PLUS, does: Does::Baseline(|_, _| 0.0) },
    Mistake {
        name: "weights_not_centred",
        words: "λE for the score λE - 1",
        of: &[EReinforce],
        does: Does::Score(|rate, e, _| rate * e),
    },
    Mistake {
        name: "score_of_weights_in_rates",
        words: "1 - λE, the score in log λ",
        of: &[EReinforce, EReinforcePlus],
        does: Does::Score(|rate, e, _| 1.0 - rate * e),
    },
    Mistake {
        name: "score_not_scaled",
        words: "E - 1, as if all rates were 1",
        of: &[EReinforce, EReinforcePlus],
        does: Does::Score(|_, e, _| e - 1.0),
    },
    Mistake {
        name: "weights_for_traces",
        words: "the score of the exponentials for that of the trace",
        of: &[TReinforce, TReinforcePlus],
        does: Does::Score(|rate, e, _| rate * e - 1.0),
    },
    Mistake {
        name: "critic_sign",
        words: "both gradients of the critic with the wrong sign",
        of: RELAX,
        does: Does::Relax(|of| (of.loss - of.critic) * of.score + of.given - of.drawn),
    },
    Mistake {
        name: "critic_added",
        words: "the critic added to the loss, not taken off",
        of: RELAX,
        does: Does::Relax(|of| (of.loss + of.critic) * of.score - of.given + of.drawn),
    },
    Mistake {
        name: "critic_not_taken_off",
        words: "the critic given back, but not taken off",
        of: RELAX,
        does: Does::Relax(|of| of.loss * of.score - of.given + of.drawn),
    },
    Mistake {
        name: "conditional_detached",
        words: "the conditional draw taken for a constant",
        of: RELAX,
        does: Does::Relax(|of| (of.loss - of.critic) * of.score + of.drawn),
    },
    Mistake {
        name: "draw_detached",
        words: "the exponentials taken for constants",
        of: RELAX,
        does: Does::Relax(|of| (of.loss - of.critic) * of.score - of.given),
    },
    Mistake {
        name: "conditional_of_another",
        words: "the critic at a draw given the trace of another item of the batch",
        of: RELAX,
        does: Does::Given,
    },
];

/// By their names.
impl fmt::Debug for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Mistake {
    /// All.
    #[must_use]
    pub fn all() -> &'static [Self] {
        ALL
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|mistake| mistake.name == name)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What is wrong, in words.
    #[must_use]
    pub fn words(&self) -> &'static str {
        self.words
    }

    /// In which estimators it can be made.
    #[must_use]
    pub fn of(&self) -> &'static [Named] {
        self.of
    }

    /// Whether the mean is right for all that, so that nothing but the variance can tell.
    #[must_use]
    pub fn is_unbiased(&self) -> bool {
        matches!(self.name, "baseline_by_all" | "baseline_missing" | "weights_for_traces")
    }
}

/// An estimator with a mistake, or none: estimates by number, as draws that have the field `gradient` only. As slow as the reference.
pub struct Mistaken<'m> {
    model: &'m Model,
    reference: Reference<'m>,
    loss: Loss,
    estimator: Named,
    draws: usize,
    seed: u64,
    mistake: Option<&'static Mistake>,
}

impl fmt::Debug for Mistaken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mistaken").field(&self.estimator).field(&self.mistake).finish()
    }
}

/// Why there is no such estimator.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MistakenError {
    /// The model cannot be sampled.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// Nothing to make an estimate of, or no others to take off.
    #[error(transparent)]
    Draws(#[from] EstimateError),
    /// Another estimator's mistake.
    #[error("{estimator} has no such mistake, {words}: want one of {of}")]
    None {
        /// The name of the estimator.
        estimator: &'static str,
        /// What would be wrong.
        words: &'static str,
        /// The names of those that have it.
        of: String,
    },
}

/// One of the draws that an estimate is made of.
struct Seen {
    loss: f64,
    trace: Trace,
    exponentials: Vec<f64>,
}

impl<'m> Mistaken<'m> {
    /// The gradient of this loss by this estimator from so many draws each.
    ///
    /// # Errors
    /// [`MistakenError`].
    pub fn new(
        model: &'m Model,
        loss: Loss,
        estimator: Named,
        draws: usize,
        mistake: Option<&'static Mistake>,
        seed: u64,
    ) -> Result<Self, MistakenError> {
        estimator.check_draws(draws)?;
        if let Some(mistake) = mistake.filter(|mistake| !mistake.of.contains(&estimator)) {
            let names: Vec<&str> = mistake.of.iter().map(|of| of.name()).collect();
            let of = names.join(", ");
            return Err(MistakenError::None { estimator: estimator.name(), words: mistake.words, of });
        }
        let reference = Reference::new(model, seed)?;
        Ok(Self { model, reference, loss, estimator, draws, seed, mistake })
    }

    /// The estimate of a number, one number per entry; 0 at an absent one.
    #[must_use]
    pub fn estimate(&self, number: u64) -> Vec<f64> {
        let first = number.wrapping_mul(self.draws as u64);
        let seen: Vec<Seen> =
            (0..self.draws as u64).map(|draw| self.seen(first.wrapping_add(draw))).collect();
        let does = self.mistake.map(|mistake| &mistake.does);
        let terms: Vec<Vec<f64>> = match self.estimator {
            RelaxLinear => {
                let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ (1 << 63));
                rng.set_stream(number);
                seen.iter()
                    .enumerate()
                    .map(|(draw, of)| self.relax(first + draw as u64, of, &mut rng))
                    .collect()
            }
            _ => (0..self.draws).map(|draw| self.reinforce(&seen, draw)).collect(),
        };
        let length = match does {
            Some(Does::Length(length)) => *length,
            _ => 1.0,
        };
        let by = if matches!(does, Some(Does::Summed)) { 1.0 } else { self.draws as f64 };
        let entry = |k: usize| terms.iter().map(|term| term[k]).sum::<f64>() / by * length;
        (0..self.reference.rates().len()).map(entry).collect()
    }

    fn seen(&self, number: u64) -> Seen {
        let draw = self.reference.draw(number);
        let loss = self.loss.of(self.model, &draw.structure) as f64;
        Seen { loss, trace: draw.trace, exponentials: draw.exponentials }
    }

    /// `(f - b) s` of one draw.
    fn reinforce(&self, seen: &[Seen], draw: usize) -> Vec<f64> {
        let does = self.mistake.map(|mistake| &mistake.does);
        let losses: Vec<f64> = seen.iter().map(|of| of.loss).collect();
        let loss = match does {
            Some(Does::Loss(of)) => of(&losses, draw),
            _ => losses[draw],
        };
        let baseline = match does {
            Some(Does::Baseline(of)) => of(&losses, draw),
            _ if self.estimator.leave_one_out() => {
                (losses.iter().sum::<f64>() - loss) / (losses.len() as f64 - 1.0)
            }
            _ => 0.0,
        };
        let of = &seen[draw];
        let rates = self.reference.rates();
        let scores = of.trace.score(rates);
        let score = |(k, &rate): (usize, &f64)| match does {
            _ if rate == 0.0 => 0.0,
            Some(Does::Score(score)) => score(rate, of.exponentials[k], scores[k]),
            _ if self.estimator.score() == Score::Trace => scores[k],
            _ => rate * of.exponentials[k] - 1.0,
        };
        rates.iter().enumerate().map(|at| (loss - baseline) * score(at)).collect()
    }

    /// `(f - c(e₂)) s - ∂c(e₂) + ∂c(e₁)` of one draw.
    fn relax(&self, number: u64, seen: &Seen, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let does = self.mistake.map(|mistake| &mistake.does);
        let rates = self.reference.rates();
        let critic: Linear = Named::critic(rates.len());
        let present = |k: usize, value: f64| if rates[k] > 0.0 { value } else { 0.0 };
        let other = matches!(does, Some(Does::Given)).then(|| self.seen(number ^ (1 << 62)).trace);
        let trace = other.as_ref().unwrap_or(&seen.trace);
        let uniforms: Vec<f64> = rates.iter().map(|_| rng.sample(Open01)).collect();
        let given: Vec<f64> =
            trace.exponentials(rates, &uniforms).into_iter().map(|e| e.unwrap_or(0.0)).collect();
        let slopes = slopes(trace, rates, &uniforms, &critic.weights);
        let (value, score) = (critic.value(&given), seen.trace.score(rates));
        let of = |k: usize| {
            let drawn = present(k, critic.weights[k] * seen.exponentials[k]);
            let parts = Parts { loss: seen.loss, score: score[k], critic: value, given: slopes[k], drawn };
            present(
                k,
                match does {
                    Some(Does::Relax(relax)) => relax(&parts),
                    _ => (parts.loss - parts.critic) * parts.score - parts.given + parts.drawn,
                },
            )
        };
        (0..rates.len()).map(of).collect()
    }
}

/// `Σ_k a_k ∂E_k/∂θ_i` given the trace, for fixed uniforms: every race of `i` gives `λ_i/Λ_r M_r Σ_{k racing} a_k`, and
/// losing for good `a_i R_i`.
fn slopes(trace: &Trace, rates: &[f64], uniforms: &[f64], weights: &[f64]) -> Vec<f64> {
    let mut slopes = vec![0.0; rates.len()];
    for (race, total) in trace.races().iter().zip(trace.totals(rates)) {
        let time = -libm::log(uniforms[race.winner]) / total;
        let inside: f64 = race.entrants.iter().map(|&k| weights[k]).sum();
        race.entrants.iter().for_each(|&k| slopes[k] += rates[k] / total * time * inside);
    }
    let lost = trace.won().into_iter().enumerate().filter(|(k, won)| won.is_none() && rates[*k] > 0.0);
    lost.for_each(|(k, _)| slopes[k] -= weights[k] * libm::log(uniforms[k]) / rates[k]);
    slopes
}

impl Sampler for Mistaken<'_> {
    fn fields(&self) -> &[Field] {
        &[Field::Gradient]
    }

    fn fill(&self, first: u64, count: usize, batch: &mut Batch) {
        (first..first + count as u64).for_each(|number| batch.push_estimate(Ok(self.estimate(number))));
    }
}
