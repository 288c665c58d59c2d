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

use crate::recursion::Recursion;
use crate::structure::EntrySet;

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

    /// The same, where only the positions with `present[i]` race.
    pub(crate) fn with_absent(present: Vec<bool>) -> Self {
        Self { present }
    }
}

impl Recursion for Categorical {
    type State = Option<usize>;
    type Structure = EntrySet;

    fn entries(&self) -> usize {
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

    fn combine(&self, _: &Option<usize>, winners: &[usize], mut rest: EntrySet) -> EntrySet {
        rest.extend(winners);
        rest
    }
}
