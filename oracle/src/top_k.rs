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

use itertools::Itertools;
use num_bigint::BigUint;
use num_rational::BigRational;

use crate::builtin::{Builtin, Relabelled, canonical_set};
use crate::checked::present;
use crate::collapse::OrderFree;
use crate::count;
use crate::kind::Kind;
use crate::limit::{Limit, TooLarge};
use crate::problem::{EntryProblem, ModelError, Problem, TraceProblem};
use crate::race::Trace;
use crate::reader::Given;
use crate::recursion::Recursion;
use crate::structure::EntrySet;
use crate::trace_reader;

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

    /// The size `k` of the set drawn.
    #[must_use]
    pub fn k(&self) -> usize {
        self.k
    }
}

impl Recursion for TopK {
    type State = EntrySet;
    type Structure = EntrySet;

    fn entry_count(&self) -> usize {
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

    fn combine(&self, _: &EntrySet, winners: &[usize], rest: EntrySet) -> EntrySet {
        rest.with(winners)
    }
}

impl OrderFree for TopK {}

impl TopK {
    /// For rates that are checked here.
    pub(crate) fn checked(rates: &[BigRational], k: usize) -> Result<Self, EntryProblem> {
        let present = present(rates)?;
        let (n, positive) = (present.len(), present.iter().filter(|&&p| p).count());
        if k == 0 || k > positive {
            return Err((None, Problem::K { k: k.to_string(), n, positive }));
        }
        Ok(Self { present, k })
    }

    fn positive(&self) -> usize {
        self.present.iter().filter(|&&p| p).count()
    }

    fn check_subsets(&self, limit: Limit) -> Result<(), TooLarge> {
        limit.check("subsets", &(0..=self.k).map(|size| count::binomial(self.positive(), size)).sum())
    }
}

impl Builtin for TopK {
    const KIND: Kind = Kind::TopK;
    const ABOUT: &'static str =
        "The k smallest: those that are left race, the winner leaves, until k are drawn.";
    const LOSSES: &'static [(&'static str, &'static str)] =
        &[("default", "the sum of the positions"), ("largest", "the largest position")];
    const FIELDS: &'static [&'static str] = &["k"];

    fn size(&self) -> usize {
        self.present.len()
    }

    fn read(given: &Given<'_>) -> Result<(Self, Vec<BigRational>), ModelError> {
        let k = given.count("k", "\"k\"", "the number of positions to draw, a positive integer")?;
        given.positions(|rates| Self::checked(rates, k))
    }

    fn structure_count(&self) -> BigUint {
        count::binomial(self.positive(), self.k)
    }

    fn trace_count(&self) -> Option<BigUint> {
        let left = self.positive().checked_sub(self.k);
        Some(
            left.map_or_else(BigUint::default, |left| {
                count::factorial(self.positive()) / count::factorial(left)
            }),
        )
    }

    fn check_magnitude(&self, limit: Limit) -> Result<(), TooLarge> {
        limit.check_power("subsets (a lower bound)", self.k)
    }

    fn check_law(&self, limit: Limit) -> Result<(), TooLarge> {
        self.check_magnitude(limit)?;
        limit.check_lower_bound("structures", &self.structure_count())?; // and more states on the way to them
        self.check_subsets(limit)
    }

    fn check_states(&self, limit: Limit) -> Result<(), TooLarge> {
        self.check_magnitude(limit)?;
        self.check_subsets(limit)
    }

    fn loss(&self, name: &str, set: &EntrySet) -> i64 {
        let positions = set.iter().map(|&i| i as i64);
        if name == "largest" { positions.max().unwrap_or(0) } else { positions.sum() }
    }

    fn additive(&self, name: &str) -> Option<Vec<i64>> {
        (name == "default").then(|| (0..self.size() as i64).collect())
    }

    fn canonical(&self, set: &EntrySet) -> String {
        canonical_set(self, set)
    }

    fn parse_trace(&self, text: &str) -> Result<Trace, TraceProblem> {
        trace_reader::of_positions(self, text)
    }

    fn race_count(&self, _: &Trace) -> usize {
        self.k
    }

    fn relabelled(&self, rates: &[BigRational]) -> Relabelled<Self> {
        let (rates, number) = Relabelled::<Self>::turned(rates);
        let mut present = self.present.clone();
        let n = present.len();
        present.rotate_right(1.min(n));
        Relabelled { algorithm: Self { present, k: self.k }, rates, number }
    }

    fn without(&self, rates: &[BigRational], k: usize) -> Option<[(Self, Vec<BigRational>); 2]> {
        let build = |rates: Vec<BigRational>| Some((Self::checked(&rates, self.k).ok()?, rates));
        let [zero, less] = crate::checked::without(rates, k);
        Some([build(zero)?, build(less)?])
    }

    fn candidates(&self) -> Option<Vec<EntrySet>> {
        let present = (0..self.size()).filter(|&i| self.present[i]);
        Some(present.combinations(self.k).map(EntrySet::from_iter).collect())
    }
}
