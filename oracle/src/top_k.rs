//! Random subsets of fixed size: the `k` smallest of exponential weights.
//!
//! # Notation
//! Positions `0..n` are the entries, with rates `λ_i`. There are `k` races; the winner of each leaves. The trace is the
//! positions in the order in which they won, `X` the set of the `k` winners. A position of rate 0 is never drawn.
//!
//! # Law
//! `p(T) = Π_r λ_{t_r}/Λ_r` with `Λ_r` the total rate of those that are left (sampling without replacement with
//! probabilities proportional to the rates), and `P(X)` is the sum over the `k!` orders of `X`.
//!
//! # Cost
//! A run: O(k·n). `n!/(n-k)!` traces. The collapsed law visits the subsets of at most `k` positions.
//!
//! # Example
//! ```
//! use gumbel_oracle::{number::ratio, recursion::traces, top_k::TopK};
//! let rates = [ratio(1, 1), ratio(2, 1), ratio(3, 1)];
//! let law: Vec<_> = traces(&TopK::new(3, 2), &rates).filter(|t| t.structure == [0, 1].into()).collect();
//! assert_eq!(law[0].probability.clone() + &law[1].probability, ratio(3, 20)); // 1/6·2/5 + 2/6·1/4
//! ```
//!
//! # References
//! Struminsky et al. (2021), arXiv:2110.15072, section 4 (top-k); W. Kool, H. van Hoof, M. Welling (2019), *Stochastic
//! beams and where to find them*, ICML; J. I. Yellott (1977), *The relationship between Luce's choice axiom, Thurstone's
//! theory of comparative judgment, and the double exponential distribution*.

use crate::recursion::Recursion;
use crate::structure::EntrySet;

/// The `k` winners of successive races. The state is the set of those that have won.
#[derive(Debug, Clone)]
pub struct TopK {
    present: Vec<bool>,
    k: usize,
}

impl TopK {
    /// The `k` smallest of `n`.
    #[must_use]
    pub fn new(n: usize, k: usize) -> Self {
        Self { present: vec![true; n], k }
    }

    /// The same, where only the positions with `present[i]` race.
    pub(crate) fn with_absent(present: Vec<bool>, k: usize) -> Self {
        Self { present, k }
    }

    /// The size `k` of the set drawn.
    #[must_use]
    pub fn k(&self) -> usize {
        self.k
    }
}

impl Recursion for TopK {
    type State = EntrySet;
    type Structure = EntrySet;

    fn entries(&self) -> usize {
        self.present.len()
    }

    fn start(&self) -> EntrySet {
        EntrySet::new()
    }

    fn stop(&self, won: &EntrySet) -> Option<EntrySet> {
        (won.len() == self.k).then(EntrySet::new)
    }

    fn split(&self, won: &EntrySet) -> Vec<Vec<usize>> {
        vec![(0..self.present.len()).filter(|i| self.present[*i] && !won.contains(i)).collect()]
    }

    fn map(&self, won: &EntrySet, winners: &[usize]) -> EntrySet {
        let mut won = won.clone();
        won.extend(winners);
        won
    }

    fn combine(&self, _: &EntrySet, winners: &[usize], mut rest: EntrySet) -> EntrySet {
        rest.extend(winners);
        rest
    }
}
