//! One random position: a single race, the Gumbel-Max trick itself.
//!
//! # Notation
//! Positions `0..n` are the entries, with rates `λ_i`. One race over all of them; trace and structure are the winner. A
//! position of rate 0 is never drawn.
//!
//! # Law
//! `P(X = i) = λ_i / Σ_j λ_j`.
//!
//! # Cost
//! A run: O(n). `n` traces.
//!
//! # Example
//! ```
//! use gumbel_oracle::{categorical::Categorical, number::ratio, recursion::traces};
//! let first = traces(&Categorical::new(2), &[ratio(1, 1), ratio(2, 1)]).next().unwrap();
//! assert_eq!(first.probability, ratio(1, 3));
//! ```
//!
//! # References
//! E. J. Gumbel (1954), *Statistical theory of extreme values and some practical applications*; C. J. Maddison, D. Tarlow,
//! T. Minka (2014), *A\* sampling*, NeurIPS 27.

use num_bigint::BigUint;
use num_rational::BigRational;

use crate::builtin::{Builtin, Relabelled};
use crate::checked::present;
use crate::collapse::OrderFree;
use crate::kind::{Entry, Kind};
use crate::limit::{Limit, TooLarge};
use crate::problem::{EntryProblem, ModelError, Problem, TraceProblem};
use crate::race::Trace;
use crate::reader::Given;
use crate::recursion::Recursion;
use crate::structure::EntrySet;
use crate::trace_reader;

/// One race. The state is the winner, once there is one.
#[derive(Debug, Clone)]
pub struct Categorical {
    present: Vec<bool>,
}

impl Categorical {
    /// One of `n` positions.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { present: vec![true; n] }
    }
}

impl Recursion for Categorical {
    type State = Option<usize>;
    type Structure = EntrySet;

    fn entry_count(&self) -> usize {
        self.present.len()
    }

    fn start(&self) -> Option<usize> {
        None
    }

    fn stop(&self, winner: &Option<usize>) -> Option<EntrySet> {
        winner.map(|_| EntrySet::new())
    }

    fn split(&self, _: &Option<usize>) -> Vec<Vec<usize>> {
        vec![(0..self.present.len()).filter(|&i| self.present[i]).collect()]
    }

    fn map(&self, _: &Option<usize>, winners: &[usize]) -> Option<usize> {
        winners.first().copied()
    }

    fn combine(&self, _: &Option<usize>, winners: &[usize], rest: EntrySet) -> EntrySet {
        rest.with(winners)
    }
}

impl OrderFree for Categorical {}

impl Categorical {
    /// For rates that are checked here.
    pub(crate) fn checked(rates: &[BigRational]) -> Result<Self, EntryProblem> {
        let present = present(rates)?;
        if present.iter().all(|p| !p) {
            return Err((None, Problem::AllAbsent));
        }
        Ok(Self { present })
    }
}

impl Builtin for Categorical {
    const KIND: Kind = Kind::Categorical;
    const ABOUT: &'static str = "One race: the Gumbel-Max trick itself.";
    const LOSSES: &'static [(&'static str, &'static str)] = &[("default", "the position")];

    fn size(&self) -> usize {
        self.present.len()
    }

    fn read(given: &Given<'_>) -> Result<(Self, Vec<BigRational>), ModelError> {
        given.positions(Self::checked)
    }

    fn structure_count(&self) -> BigUint {
        self.present.iter().filter(|&&p| p).count().into()
    }

    fn check_magnitude(&self, _: Limit) -> Result<(), TooLarge> {
        Ok(())
    }

    fn loss(&self, _: &str, winner: &EntrySet) -> i64 {
        winner.iter().map(|&i| i as i64).sum()
    }

    fn additive(&self, _: &str) -> Option<Vec<i64>> {
        Some((0..self.size() as i64).collect())
    }

    fn canonical(&self, winner: &EntrySet) -> String {
        winner.iter().map(|&k| self.written(k)).collect()
    }

    fn canonical_trace(&self, trace: &Trace) -> String {
        trace.races().iter().map(|race| self.written(race.winner)).collect()
    }

    fn parse_trace(&self, text: &str) -> Result<Trace, TraceProblem> {
        let position = trace_reader::parse::<Self, _>(text, "the position, a number")?;
        trace_reader::of_winners(self, &[Entry::Position(position)])
    }

    fn race_count(&self, _: &Trace) -> usize {
        1
    }

    fn relabelled(&self, rates: &[BigRational]) -> Relabelled<Self> {
        let (rates, number) = Relabelled::<Self>::turned(rates);
        let mut present = self.present.clone();
        let n = present.len();
        present.rotate_right(1.min(n));
        Relabelled { algorithm: Self { present }, rates, number }
    }

    fn without(&self, rates: &[BigRational], k: usize) -> Option<[(Self, Vec<BigRational>); 2]> {
        let build = |rates: Vec<BigRational>| Some((Self::checked(&rates).ok()?, rates));
        let [zero, less] = crate::checked::without(rates, k);
        Some([build(zero)?, build(less)?])
    }

    fn candidates(&self) -> Option<Vec<EntrySet>> {
        Some((0..self.size()).filter(|&i| self.present[i]).map(|i| EntrySet::from([i])).collect())
    }
}
