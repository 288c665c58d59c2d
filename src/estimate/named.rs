//! Estimators by their names.

use std::str::FromStr;

use rand::Rng;

use super::{Estimate, EstimateError, Linear, Races, Reinforce, Relax, Score, TooFewDraws};
use crate::sample::WithRates;

/// An estimator by the name that it has in the protocol and in `sample --estimator`.
///
/// ```
/// use recursive_gumbel::estimate::Named;
/// assert_eq!("t_reinforce_plus".parse(), Ok(Named::TReinforcePlus));
/// assert_eq!("reinforce".parse::<Named>().map_err(|error| error.to_string()), Err(
///     "no estimator \"reinforce\": want one of e_reinforce, t_reinforce, e_reinforce_plus, t_reinforce_plus, relax_linear".to_owned()
/// ));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Named {
    /// The score of the exponentials.
    EReinforce,
    /// The score of the trace.
    TReinforce,
    /// The score of the exponentials, with a leave-one-out baseline.
    EReinforcePlus,
    /// The score of the trace, with a leave-one-out baseline.
    TReinforcePlus,
    /// RELAX with the critic `c(e) = 1 + Σ_k e_k` over the present entries, which is not trained.
    RelaxLinear,
}

/// A name that is none of an estimator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no estimator {0:?}: want one of {names}", names = Named::ALL.map(Named::name).join(", "))]
pub struct NoEstimator(String);

impl FromStr for Named {
    type Err = NoEstimator;

    fn from_str(name: &str) -> Result<Self, NoEstimator> {
        let named = Self::ALL.into_iter().find(|estimator| estimator.name() == name);
        named.ok_or_else(|| NoEstimator(name.to_owned()))
    }
}

impl Named {
    /// All.
    pub const ALL: [Self; 5] =
        [Self::EReinforce, Self::TReinforce, Self::EReinforcePlus, Self::TReinforcePlus, Self::RelaxLinear];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EReinforce => "e_reinforce",
            Self::TReinforce => "t_reinforce",
            Self::EReinforcePlus => "e_reinforce_plus",
            Self::TReinforcePlus => "t_reinforce_plus",
            Self::RelaxLinear => "relax_linear",
        }
    }

    /// The score that each loss is multiplied by.
    #[must_use]
    pub fn score(self) -> Score {
        match self {
            Self::EReinforce | Self::EReinforcePlus => Score::Exponentials,
            Self::TReinforce | Self::TReinforcePlus | Self::RelaxLinear => Score::Trace,
        }
    }

    /// Whether the mean loss of the other draws is taken off each.
    #[must_use]
    pub fn leave_one_out(self) -> bool {
        matches!(self, Self::EReinforcePlus | Self::TReinforcePlus)
    }

    /// The fewest draws of one estimate.
    #[must_use]
    pub fn fewest_draws(self) -> usize {
        if self.leave_one_out() { 2 } else { 1 }
    }

    /// The critic of [`RelaxLinear`](Self::RelaxLinear), for so many entries: `c(e) = 1 + Σ_k e_k`.
    #[must_use]
    pub fn critic(entries: usize) -> Linear {
        Linear { constant: 1.0, weights: vec![1.0; entries] }
    }

    /// Refuses fewer draws than one estimate needs.
    ///
    /// # Errors
    /// [`EstimateError::NoDraws`], or [`EstimateError::TooFewDraws`] without others to take off.
    pub fn check_draws(self, draws: usize) -> Result<(), EstimateError> {
        match draws {
            0 => Err(EstimateError::NoDraws),
            1 if self.leave_one_out() => Err(TooFewDraws { draws: 1 }.into()),
            _ => Ok(()),
        }
    }

    /// One estimate from so many draws. `races` are those of the sampler's model; only RELAX needs them.
    ///
    /// # Errors
    /// As [`Reinforce::gradient`] and [`Relax::gradient`]; and too few draws.
    pub fn gradient<X>(
        self,
        draws: usize,
        sampler: &(impl WithRates<X> + ?Sized),
        races: &(impl Races + ?Sized),
        loss: impl Fn(&X) -> f64,
        rng: &mut (impl Rng + ?Sized),
    ) -> Result<Estimate, EstimateError> {
        if self == Self::RelaxLinear {
            let critic = Self::critic(sampler.rates().len());
            return Relax::new(critic, draws)?.gradient(sampler, races, loss, rng);
        }
        let reinforce = Reinforce::new(self.score(), draws)?;
        let reinforce = if self.leave_one_out() { reinforce.leave_one_out()? } else { reinforce };
        reinforce.gradient(sampler, loss, rng)
    }
}
