//! An algorithm with the rates of its entries: what laws, samplers and judges need to know, and no more.
//!
//! [`Model`] is one, for the seven structures; [`Rated`] makes one of any [`Recursion`]. Whoever writes a recursion of
//! their own gets from it the law, exact gradients, the reference sampler and the whole judgement of draws.
//!
//! # Cost
//! What is provided here goes over all traces: [`Instance::check_traces`] says whether they fit.
//!
//! # Example
//! ```
//! use gumbel_oracle::instance::{Instance, Rated};
//! use gumbel_oracle::{limit::Limit, number::ratio, top_k::TopK};
//! let two_of_three = Rated::new("two_of_three", TopK::new(3, 2), vec![ratio(1, 1), ratio(2, 1), ratio(3, 1)])?;
//! let law = two_of_three.law(Limit::default())?;
//! assert_eq!(law[0].1, ratio(3, 20)); // 1/6 · 2/5 + 2/6 · 1/4
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::fmt::Debug;

use num_rational::BigRational;
use num_traits::{Signed, Zero};

use crate::identities::{Identity, of_recursion, promises_kept};
use crate::law::Gradient;
use crate::limit::{Limit, Remedy, TooLarge};
use crate::model::Model;
use crate::number::{Exact, FromExact, Number};
use crate::race::Trace;
use crate::recursion::{self, Outcome, Recursion, ReplayError, Run, WeightError};
use crate::structure::Structure;

/// An algorithm and one rate per entry.
pub trait Instance: Sync {
    /// The structure `X` that a run returns.
    type Structure: Clone + Ord + Debug + Send + Sync;

    /// The name of the algorithm, for reports.
    fn name(&self) -> &'static str;

    /// One rate per entry, in entry order; 0 for an absent one.
    fn rates(&self) -> &[BigRational];

    /// Runs the algorithm on given weights, one per entry: see [`recursion::run`].
    ///
    /// # Errors
    /// [`WeightError`].
    fn run<N: Number + PartialOrd>(&self, weights: &[N]) -> Result<Run<Self::Structure, N>, WeightError>;

    /// The trace with these winners, in the order held: see [`recursion::replay_winners`].
    ///
    /// # Errors
    /// [`ReplayError`] with the first race that cannot be won like this, or that is missing.
    fn trace_of(&self, winners: &[usize]) -> Result<Trace, ReplayError>;

    /// All traces with their exact probabilities, lazily. See [`check_traces`](Self::check_traces) first.
    fn traces(&self) -> Box<dyn Iterator<Item = Outcome<Self::Structure, BigRational>> + '_>;

    /// Whether all traces can be enumerated.
    ///
    /// # Errors
    /// [`TooLarge`] if there are more than `limit`.
    fn check_traces(&self, limit: Limit) -> Result<(), TooLarge>;

    /// The law of the structure, in increasing order of the structures.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` traces or states.
    fn law(&self, limit: Limit) -> Result<Vec<(Self::Structure, BigRational)>, TooLarge> {
        self.check_traces(limit)?;
        let mut law = BTreeMap::new();
        for Outcome { structure, probability, .. } in self.traces() {
            *law.entry(structure).or_insert_with(BigRational::zero) += probability;
        }
        Ok(law.into_iter().collect())
    }

    /// The expectation of a loss and its gradient with respect to every logit, `Σ_T p(T) f(X(T)) ∂ log p(T)/∂θ`.
    ///
    /// # Errors
    /// [`TooLarge`] if there are more than `limit` traces.
    fn gradient_of(
        &self,
        loss: impl Fn(&Self::Structure) -> BigRational,
        limit: Limit,
    ) -> Result<Gradient, TooLarge>
    where
        Self: Sized,
    {
        self.check_traces(limit)?;
        let mut expectation = BigRational::zero();
        let mut gradient = vec![BigRational::zero(); self.rates().len()];
        for Outcome { trace, structure, probability } in self.traces() {
            let pf = probability * loss(&structure);
            for (sum, score) in gradient.iter_mut().zip(trace.score(self.rates())) {
                *sum += &pf * score;
            }
            expectation += pf;
        }
        Ok(Gradient { expectation, gradient })
    }

    /// An entry as people write it: its number, unless there is better.
    fn label(&self, entry: usize) -> String {
        entry.to_string()
    }

    /// A structure as people write it.
    fn canonical(&self, structure: &Self::Structure) -> String {
        format!("{structure:?}")
    }

    /// A trace as people write it: its winners, unless there is better.
    fn canonical_trace(&self, trace: &Trace) -> String {
        let winners: Vec<String> = trace.races().iter().map(|race| self.label(race.winner)).collect();
        format!("[{}]", winners.join(","))
    }
}

impl Instance for Model {
    type Structure = Structure;

    fn name(&self) -> &'static str {
        self.kind().name()
    }

    fn rates(&self) -> &[BigRational] {
        self.rates()
    }

    fn run<N: Number + PartialOrd>(&self, weights: &[N]) -> Result<Run<Structure, N>, WeightError> {
        self.run(weights)
    }

    fn trace_of(&self, winners: &[usize]) -> Result<Trace, ReplayError> {
        self.trace_of(winners)
    }

    fn traces(&self) -> Box<dyn Iterator<Item = Outcome<Structure, BigRational>> + '_> {
        self.traces()
    }

    fn check_traces(&self, limit: Limit) -> Result<(), TooLarge> {
        self.check_traces(limit)
    }

    fn law(&self, limit: Limit) -> Result<Vec<(Structure, BigRational)>, TooLarge> {
        Ok(self.law(limit)?.outcomes)
    }

    fn gradient_of(
        &self,
        loss: impl Fn(&Structure) -> BigRational,
        limit: Limit,
    ) -> Result<Gradient, TooLarge> {
        self.gradient_of(loss, limit)
    }

    fn label(&self, entry: usize) -> String {
        self.entries().get(entry).map_or_else(|| entry.to_string(), |known| known.label(self.kind()))
    }

    fn canonical(&self, structure: &Structure) -> String {
        self.canonical(structure)
    }

    fn canonical_trace(&self, trace: &Trace) -> String {
        self.canonical_trace(trace)
    }
}

/// Why a recursion and rates make no instance.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RatedError {
    /// Not one rate per entry.
    #[error("{found} rates for {entries} entries: want one rate per entry")]
    Count {
        /// The number of entries.
        entries: usize,
        /// The number of rates.
        found: usize,
    },
    /// A rate below 0.
    #[error("entry {entry} has rate {rate}: want a positive rate, or 0 for an absent entry")]
    Negative {
        /// The entry.
        entry: usize,
        /// Its rate.
        rate: String,
    },
    /// The recursion is none: see [`Recursion`].
    #[error("a promise of every recursion is broken: {0}")]
    Promise(String),
}

/// Steps spent on the promises of a recursion: entrants looked at, and states to come.
const STEPS: u64 = 2_000_000;

/// Any recursion with rates.
#[derive(Debug, Clone)]
pub struct Rated<R> {
    name: &'static str,
    recursion: R,
    rates: Vec<BigRational>,
    /// Whether all states were looked at.
    visited: bool,
}

impl<R: Recursion> Rated<R> {
    /// A recursion with one rate per entry, 0 for an entry that never races.
    ///
    /// The promises of [`Recursion`] are checked in all states if that takes no more than two million steps. Of a larger
    /// recursion nothing is enumerated; it can be run, and its draws have no exact law to be held to.
    ///
    /// # Errors
    /// [`RatedError`].
    pub fn new(name: &'static str, recursion: R, rates: Vec<BigRational>) -> Result<Self, RatedError> {
        let (entries, found) = (recursion.entry_count(), rates.len());
        if entries != found {
            return Err(RatedError::Count { entries, found });
        }
        if let Some((entry, rate)) = rates.iter().enumerate().find(|(_, rate)| rate.is_negative()) {
            return Err(RatedError::Negative { entry, rate: rate.to_string() });
        }
        let exact: Vec<Exact> = rates.iter().map(Exact::from_exact).collect();
        let kept = promises_kept(&recursion, &exact, STEPS);
        let visited = kept.map_err(RatedError::Promise)?.is_some();
        Ok(Self { name, recursion, rates, visited })
    }

    /// The recursion.
    #[must_use]
    pub fn recursion(&self) -> &R {
        &self.recursion
    }

    /// The identities that hold of any recursion: see [`of_recursion`].
    ///
    /// # Errors
    /// [`TooLarge`] if there are more than `limit` traces.
    pub fn identities(&self, limit: Limit) -> Result<Vec<Identity>, TooLarge>
    where
        Self: Instance,
    {
        self.check_traces(limit)?;
        Ok(of_recursion(&self.recursion, &self.rates))
    }
}

impl<R> Instance for Rated<R>
where
    R: Recursion<Structure: Send + Sync> + Sync,
{
    type Structure = R::Structure;

    fn name(&self) -> &'static str {
        self.name
    }

    fn rates(&self) -> &[BigRational] {
        &self.rates
    }

    fn run<N: Number + PartialOrd>(&self, weights: &[N]) -> Result<Run<R::Structure, N>, WeightError> {
        recursion::run(&self.recursion, weights)
    }

    fn trace_of(&self, winners: &[usize]) -> Result<Trace, ReplayError> {
        recursion::replay_winners(&self.recursion, winners.iter().copied()).map(|path| path.trace)
    }

    fn traces(&self) -> Box<dyn Iterator<Item = Outcome<R::Structure, BigRational>> + '_> {
        Box::new(recursion::traces(&self.recursion, &self.rates))
    }

    /// By counting them, up to the limit.
    fn check_traces(&self, limit: Limit) -> Result<(), TooLarge> {
        if !self.visited {
            let what = "steps to check the promises of the recursion, or more";
            return Err(TooLarge { what, count: STEPS.into(), limit: STEPS, remedy: Remedy::SmallerModel });
        }
        // With residues, which are fast: the probabilities are not looked at.
        let rates: Vec<crate::number::Residue> = self.rates.iter().map(FromExact::from_exact).collect();
        let most = usize::try_from(limit.0).unwrap_or(usize::MAX);
        let count = recursion::traces(&self.recursion, &rates).take(most.saturating_add(1)).count();
        limit.check_lower_bound("traces at least", &count.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::ratio;
    use crate::top_k::TopK;

    fn rates() -> Vec<BigRational> {
        vec![ratio(1, 1), ratio(2, 1), ratio(3, 1)]
    }

    #[test]
    fn a_recursion_with_rates_has_the_law_and_gradient_of_the_model() {
        let model = Model::top_k(rates(), 2).unwrap();
        let rated = Rated::new("two_of_three", TopK::new(3, 2), rates()).unwrap();
        let law: Vec<(Structure, BigRational)> = Instance::law(&rated, Limit::default())
            .unwrap()
            .into_iter()
            .map(|(x, p)| (Structure::Entries(x), p))
            .collect();
        assert_eq!(law, Model::law(&model, Limit::default()).unwrap().outcomes);
        let smallest = |x: &crate::structure::EntrySet| ratio(x.entries()[0] as i64, 1);
        let ours = rated.gradient_of(smallest, Limit::default()).unwrap();
        let theirs = model.gradient_of(
            |x| if let Structure::Entries(x) = x { smallest(x) } else { ratio(0, 1) },
            Limit::default(),
        );
        assert_eq!(ours, theirs.unwrap());
        let identities = rated.identities(Limit::default()).unwrap();
        assert!(identities.len() == 6 && identities.iter().all(|identity| identity.outcome.is_ok()));
    }

    #[test]
    fn what_is_no_instance_is_refused() {
        let error = |recursion, rates| Rated::new("two", recursion, rates).map(|_| ()).unwrap_err();
        assert_eq!(error(TopK::new(2, 1), rates()), RatedError::Count { entries: 2, found: 3 });
        let negative = vec![ratio(1, 1), ratio(-2, 1)];
        let rate = "-2".to_owned();
        assert_eq!(error(TopK::new(2, 1), negative), RatedError::Negative { entry: 1, rate });
        // An entry of rate 0 that races all the same.
        let told = error(TopK::new(2, 1), vec![ratio(1, 1), ratio(0, 1)]).to_string();
        assert!(told.contains("entry 1 races, which is absent"), "{told}");
    }

    #[test]
    fn a_recursion_too_large_to_look_at_is_run_but_not_enumerated() {
        let rated = Rated::new("half", TopK::new(60, 30), vec![ratio(1, 1); 60]).unwrap();
        let error = Instance::law(&rated, Limit(u64::MAX)).unwrap_err();
        assert_eq!(error.remedy, Remedy::SmallerModel);
        let weights: Vec<f64> = (0..60).map(f64::from).collect();
        assert_eq!(rated.run(&weights).unwrap().structure, (0..30).collect());
    }

    #[test]
    fn traces_are_counted_up_to_the_limit() {
        let rated = Rated::new("two_of_three", TopK::new(3, 2), rates()).unwrap();
        assert_eq!(rated.check_traces(Limit(6)), Ok(()));
        let error = rated.check_traces(Limit(5)).unwrap_err();
        assert_eq!((error.count, error.remedy), (6_u32.into(), Remedy::RaiseAtLeast));
    }
}
