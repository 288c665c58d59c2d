//! RELAX: a score with a critic that is taken off and given back.

use gumbel_oracle::number::{Dual, Real};
use gumbel_oracle::race::Trace;
use gumbel_oracle::recursion::{Recursion, replay_winners};
use rand::distr::Open01;
use rand::{Rng, RngExt as _};

use super::critic::{Critic, Trainable};
use super::{Diagnostics, Estimate, EstimateError, Mean, losses};
use crate::sample::{Field, Walk, Walker, WithRates};

/// The races of a trace as functions of the logits.
pub trait Reparameterised {
    /// `∂ log p(T)/∂θ`, one number per entry.
    fn score(&self) -> Vec<f64>;

    /// A draw of the exponentials given the trace, from one uniform per entry; infinite at an absent one.
    fn conditional(&self, uniforms: &[f64]) -> Vec<f64>;

    /// `Σ_k v_k ∂E_k/∂θ_i` of that draw, one number per entry `i`.
    fn pull_back(&self, uniforms: &[f64], vector: &[f64]) -> Vec<f64>;

    /// `Σ_i v_i ∂E_k/∂θ_i` of that draw, one number per entry `k`.
    fn push_forward(&self, uniforms: &[f64], direction: &[f64]) -> Vec<f64>;
}

impl Reparameterised for Walk<'_> {
    fn score(&self) -> Vec<f64> {
        Walk::score(self)
    }

    fn conditional(&self, uniforms: &[f64]) -> Vec<f64> {
        Walk::conditional(self, uniforms)
    }

    fn pull_back(&self, uniforms: &[f64], vector: &[f64]) -> Vec<f64> {
        Walk::pull_back(self, uniforms, vector)
    }

    fn push_forward(&self, uniforms: &[f64], direction: &[f64]) -> Vec<f64> {
        Walk::push_forward(self, uniforms, direction)
    }
}

/// Who tells the races of a trace from its winners: [`Walker`] for the models of this crate, [`Plain`] for any recursion.
pub trait Races {
    /// The rates of the entries, which must be those that are drawn from.
    fn rates(&self) -> &[f64];

    /// The races in which these won.
    ///
    /// # Errors
    /// In words, if they cannot have.
    fn races(&self, winners: &[u32]) -> Result<Box<dyn Reparameterised + '_>, String>;
}

impl Races for Walker<'_> {
    fn rates(&self) -> &[f64] {
        Walker::rates(self)
    }

    fn races(&self, winners: &[u32]) -> Result<Box<dyn Reparameterised + '_>, String> {
        let walk = self.walk(winners).map_err(|error| error.to_string())?;
        Ok(Box::new(walk))
    }
}

/// A recursion with one rate per entry: its traces with all their entrants, as the oracle has them.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'a, R>(pub &'a R, pub &'a [f64]);

impl<R: Recursion> Races for Plain<'_, R> {
    fn rates(&self) -> &[f64] {
        self.1
    }

    fn races(&self, winners: &[u32]) -> Result<Box<dyn Reparameterised + '_>, String> {
        let (entries, rates) = (self.0.entry_count(), self.1.len());
        if entries != rates {
            return Err(format!("the recursion has {entries} entries and {rates} rates: want one for each"));
        }
        let path = replay_winners(self.0, winners.iter().map(|&winner| winner as usize));
        let trace = path.map_err(|error| error.to_string())?.trace;
        Ok(Box::new(Listed { trace, rates: self.1 }))
    }
}

struct Listed<'a> {
    trace: Trace,
    rates: &'a [f64],
}

impl Reparameterised for Listed<'_> {
    fn score(&self) -> Vec<f64> {
        self.trace.score(self.rates)
    }

    fn conditional(&self, uniforms: &[f64]) -> Vec<f64> {
        let weights = self.trace.exponentials(self.rates, uniforms);
        weights.into_iter().map(|weight| weight.unwrap_or(f64::INFINITY)).collect()
    }

    fn pull_back(&self, uniforms: &[f64], vector: &[f64]) -> Vec<f64> {
        let mut pulled = vec![0.0; self.rates.len()];
        for (race, total) in self.trace.races().iter().zip(self.trace.totals(self.rates)) {
            let inside: f64 = race.entrants.iter().map(|&k| vector[k]).sum();
            let value = -Real::ln(&uniforms[race.winner]) / total * inside;
            race.entrants.iter().for_each(|&k| pulled[k] += self.rates[k] / total * value);
        }
        for (k, won) in self.trace.won().into_iter().enumerate() {
            if won.is_none() && self.rates[k] > 0.0 {
                pulled[k] -= vector[k] * Real::ln(&uniforms[k]) / self.rates[k];
            }
        }
        pulled
    }

    fn push_forward(&self, uniforms: &[f64], direction: &[f64]) -> Vec<f64> {
        let dual = |(&value, along): (&f64, &f64)| Dual { value, derivative: -value * along };
        let rates: Vec<Dual<f64>> = self.rates.iter().zip(direction).map(dual).collect();
        let uniforms: Vec<Dual<f64>> = uniforms.iter().map(|&u| Dual::constant(u)).collect();
        let weights = self.trace.exponentials(&rates, &uniforms);
        weights.into_iter().map(|weight| weight.map_or(0.0, |weight| weight.derivative)).collect()
    }
}

/// RELAX, from so many draws.
///
/// # Law
/// With `e₁` the exponentials of a draw, `e₂` a draw of them given its trace `T`, and both as functions of the logits for fixed
/// random numbers,
///
/// `(f(X) - c(e₂)) ∂log p(T)/∂θ - ∂c(e₂)/∂θ + ∂c(e₁)/∂θ`
///
/// is unbiased: `E[c(e₂) ∂log p(T) + ∂c(e₂)]` and `E[∂c(e₁)]` are both `∂E[c(E)]/∂θ`, as `e₂` and `e₁` have the same law.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Relax<C> {
    critic: C,
    draws: usize,
}

impl<C: Critic> Relax<C> {
    /// With this critic, from so many draws.
    ///
    /// # Errors
    /// [`EstimateError::NoDraws`] if there are none.
    pub fn new(critic: C, draws: usize) -> Result<Self, EstimateError> {
        if draws == 0 {
            return Err(EstimateError::NoDraws);
        }
        Ok(Self { critic, draws })
    }

    /// The critic.
    #[must_use]
    pub fn critic(&self) -> &C {
        &self.critic
    }

    /// The critic, to be changed.
    pub fn critic_mut(&mut self) -> &mut C {
        &mut self.critic
    }

    /// One estimate; `races` must be of the model and of the rates that the sampler draws from.
    ///
    /// Complexity: that of the draws, of the critic, and O(K · entries) with a [`Walker`].
    ///
    /// # Errors
    /// [`EstimateError`]: a loss that is no finite number, a sampler without traces and exponentials, races of another model or at other
    /// rates, or a critic that is not made for so many entries or does not give finite numbers.
    pub fn gradient<X>(
        &self,
        sampler: &(impl WithRates<X> + ?Sized),
        races: &(impl Races + ?Sized),
        loss: impl Fn(&X) -> f64,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Estimate, EstimateError> {
        self.each(sampler, races, loss, rng, |_, _, _| {})
    }

    /// One estimate, and whatever is to be done with each draw.
    fn each<X>(
        &self,
        sampler: &(impl WithRates<X> + ?Sized),
        races: &(impl Races + ?Sized),
        loss: impl Fn(&X) -> f64,
        rng: &mut (impl Rng + ?Sized),
        mut visit: impl FnMut(&dyn Reparameterised, &[f64], &Term),
    ) -> Result<Estimate, EstimateError> {
        let rates = sampler.rates();
        same_rates(races.rates(), rates)?;
        self.critic.check(rates.len()).map_err(EstimateError::Critic)?;
        let (first, batch) =
            super::draw(sampler, self.draws, &[Field::Structure, Field::Trace, Field::Exponentials], rng)?;
        let losses = losses(&batch, first, loss)?;
        let mut mean = Mean::new(rates.len());
        for (draw, loss) in losses.iter().enumerate() {
            let winners = batch.trace(draw).ok_or(EstimateError::Lacks(Field::Trace.name()))?;
            let exponentials = batch.exponentials(draw);
            let exponentials = exponentials.ok_or(EstimateError::Lacks(Field::Exponentials.name()))?;
            let other = |problem| EstimateError::OtherRaces { draw: first + draw as u64, problem };
            let races = races.races(winners).map_err(other)?;
            let uniforms: Vec<f64> = rates.iter().map(|_| rng.sample(Open01)).collect();
            let term = self.term(&*races, rates, &uniforms, exponentials, *loss)?;
            visit(&*races, &uniforms, &term);
            mean.add(term.estimate.into_iter());
        }
        let variance = mean.variance();
        let value = losses.iter().sum::<f64>() / self.draws as f64;
        Ok(Estimate { value, gradient: mean.means, diagnostics: Diagnostics { first, losses, variance } })
    }

    /// The estimate of one draw.
    fn term(
        &self,
        races: &dyn Reparameterised,
        rates: &[f64],
        uniforms: &[f64],
        exponentials: &[f64],
        loss: f64,
    ) -> Result<Term, EstimateError> {
        let present = |exponentials: &[f64]| -> Vec<f64> {
            exponentials.iter().zip(rates).map(|(&e, &rate)| if rate > 0.0 { e } else { 0.0 }).collect()
        };
        let (drawn, given) = (present(exponentials), present(&races.conditional(uniforms)));
        let value = self.critic.value(&given);
        if !value.is_finite() {
            return Err(EstimateError::Critic(format!("has the value {value}: want a finite number")));
        }
        let slopes = |exponentials: &[f64]| {
            let slopes = self.critic.gradient(exponentials);
            per(slopes, rates.len(), "in its gradient")
        };
        let left = loss - value;
        let at_given = races.pull_back(uniforms, &slopes(&given)?);
        let (score, slopes) = (races.score(), slopes(&drawn)?);
        // ∂e₁/∂θ = e₁, entry by entry; 0 at an absent one, as are the others.
        let estimate =
            (0..rates.len()).map(|k| left * score[k] - at_given[k] + slopes[k] * drawn[k]).collect();
        Ok(Term { estimate, score, drawn, given })
    }
}

/// Refuses a list of a critic that does not have so many finite numbers.
fn per(values: Vec<f64>, wanted: usize, what: &str) -> Result<Vec<f64>, EstimateError> {
    if values.len() != wanted {
        return Err(EstimateError::Critic(format!("has {} numbers {what}: want {wanted}", values.len())));
    }
    match values.iter().find(|value| !value.is_finite()) {
        Some(value) => Err(EstimateError::Critic(format!("has {value} {what}: want finite numbers"))),
        None => Ok(values),
    }
}

/// Refuses races at other rates than the sampler's; rounding is none.
fn same_rates(races: &[f64], sampler: &[f64]) -> Result<(), EstimateError> {
    let differ = |entry: &usize| match (races.get(*entry), sampler.get(*entry)) {
        (Some(a), Some(b)) => (a - b).abs() > 1e-9 * b.abs(),
        _ => true,
    };
    match (0..races.len().max(sampler.len())).find(differ) {
        Some(entry) => {
            let (races, sampler) = (races.get(entry).copied(), sampler.get(entry).copied());
            Err(EstimateError::OtherRates { entry, races, sampler })
        }
        None => Ok(()),
    }
}

/// What is made of one draw.
struct Term {
    estimate: Vec<f64>,
    score: Vec<f64>,
    /// `e₁` and `e₂`, with 0 at absent entries.
    drawn: Vec<f64>,
    given: Vec<f64>,
}

impl<C: Trainable> Relax<C> {
    /// One estimate, as [`gradient`](Self::gradient) has it from the same generator; and the derivative in the critic's parameters of the
    /// squared norm of the estimate of one draw, as a mean over the draws.
    ///
    /// The expectation of the estimate does not depend on the critic, so this is an unbiased estimate of the derivative of the sum of the
    /// variances: going against it makes the critic better, with no draws but those that are made anyway.
    ///
    /// With `g` the estimate of a draw it is `2 Σ_i g_i ∂g_i/∂φ`, and of that, with `w₂ = Σ_i g_i ∂e₂/∂θ_i` and `w₁ = g e₁`,
    /// `Σ_i g_i ∂g_i/∂φ = -(Σ_i g_i s_i) ∂c(e₂)/∂φ - ∂/∂φ Σ_k w₂ₖ ∂c(e₂)/∂e_k + ∂/∂φ Σ_k w₁ₖ ∂c(e₁)/∂e_k`.
    ///
    /// # Errors
    /// As [`gradient`](Self::gradient).
    pub fn gradient_and_derivative<X>(
        &self,
        sampler: &(impl WithRates<X> + ?Sized),
        races: &(impl Races + ?Sized),
        loss: impl Fn(&X) -> f64,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<(Estimate, Vec<f64>), EstimateError> {
        let parameters = self.critic.parameters().len();
        let (mut derivative, mut wrong) = (vec![0.0; parameters], None);
        let scale = 2.0 / self.draws as f64;
        let estimate = self.each(sampler, races, loss, rng, |races, uniforms, term| {
            let Term { estimate, score, drawn, given } = term;
            let along: f64 = estimate.iter().zip(score).map(|(g, s)| g * s).sum();
            let at_given = races.push_forward(uniforms, estimate);
            let at_drawn: Vec<f64> = estimate.iter().zip(drawn).map(|(g, e)| g * e).collect();
            let lists = [
                self.critic.in_parameters(given),
                self.critic.slope_in_parameters(given, &at_given),
                self.critic.slope_in_parameters(drawn, &at_drawn),
            ];
            let lists = lists.map(|list| per(list, parameters, "in a derivative in its parameters"));
            let [Ok(values), Ok(given), Ok(drawn)] = &lists else {
                wrong = wrong.take().or(lists.into_iter().find_map(Result::err));
                return;
            };
            for (i, derivative) in derivative.iter_mut().enumerate() {
                *derivative += scale * (drawn[i] - along * values[i] - given[i]);
            }
        })?;
        wrong.map_or(Ok((estimate, derivative)), Err)
    }
}
