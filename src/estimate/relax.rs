//! RELAX: a score with a critic that is taken off and given back.

use gumbel_oracle::number::Real;
use gumbel_oracle::race::Trace;
use gumbel_oracle::recursion::{Recursion, replay_winners};
use rand::distr::Open01;
use rand::{Rng, RngExt as _};

use super::critic::Critic;
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
}

/// Who tells the races of a trace from its winners: [`Walker`] for the models of this crate, [`Plain`] for any recursion.
pub trait Races {
    /// The races in which these won.
    ///
    /// # Errors
    /// In words, if they cannot have.
    fn races(&self, winners: &[u32]) -> Result<Box<dyn Reparameterised + '_>, String>;
}

impl Races for Walker<'_> {
    fn races(&self, winners: &[u32]) -> Result<Box<dyn Reparameterised + '_>, String> {
        let walk = self.walk(winners).map_err(|error| error.to_string())?;
        Ok(Box::new(walk))
    }
}

/// A recursion with one rate per entry: its traces with all their entrants, as the oracle has them.
#[derive(Debug, Clone, Copy)]
pub struct Plain<'a, R>(pub &'a R, pub &'a [f64]);

impl<R: Recursion> Races for Plain<'_, R> {
    fn races(&self, winners: &[u32]) -> Result<Box<dyn Reparameterised + '_>, String> {
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
            let value = -Real::ln(&uniforms[race.winner]) / total * inside / total;
            race.entrants.iter().for_each(|&k| pulled[k] += self.rates[k] * value);
        }
        for (k, won) in self.trace.won().into_iter().enumerate() {
            if won.is_none() && self.rates[k] > 0.0 {
                pulled[k] -= vector[k] * Real::ln(&uniforms[k]) / self.rates[k];
            }
        }
        pulled
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
    /// [`EstimateError`]: a loss that is no finite number, a sampler without traces and exponentials, or one whose traces are not of
    /// these races.
    pub fn gradient<X>(
        &self,
        sampler: &(impl WithRates<X> + ?Sized),
        races: &(impl Races + ?Sized),
        loss: impl Fn(&X) -> f64,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Estimate, EstimateError> {
        let rates = sampler.rates();
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
            mean.add(self.term(&*races, rates, &uniforms, exponentials, *loss));
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
    ) -> impl Iterator<Item = f64> {
        let present = |exponentials: &[f64]| -> Vec<f64> {
            exponentials.iter().zip(rates).map(|(&e, &rate)| if rate > 0.0 { e } else { 0.0 }).collect()
        };
        let (drawn, given) = (present(exponentials), present(&races.conditional(uniforms)));
        let left = loss - self.critic.value(&given);
        let at_given = races.pull_back(uniforms, &self.critic.gradient(&given));
        // ∂e₁/∂θ = e₁, entry by entry; 0 at an absent one, as are the others.
        let at_drawn = self.critic.gradient(&drawn).into_iter().zip(drawn).map(|(slope, e)| slope * e);
        let entries = races.score().into_iter().zip(at_given).zip(at_drawn);
        entries.map(move |((score, at_given), at_drawn)| left * score - at_given + at_drawn)
    }
}
