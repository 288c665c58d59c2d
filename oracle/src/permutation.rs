//! Random permutations: the Plackett-Luce law, by sorting exponential weights.
//!
//! # Notation
//! Positions `0..n` are the entries, with rates `λ_i`. There are `n` races; the winner of each leaves, and the last race
//! has one entrant. Trace and structure are the same: the positions in the order in which they won.
//!
//! # Law
//! `P(X) = Π_r λ_{x_r} / (λ_{x_r} + … + λ_{x_n})`.
//!
//! # Cost
//! A run: O(n²). `n!` traces.
//!
//! # Example
//! ```
//! use gumbel_oracle::{number::ratio, permutation::Permutation, recursion::traces};
//! let first = traces(&Permutation::new(3), &[ratio(1, 1), ratio(2, 1), ratio(3, 1)]).next().unwrap();
//! assert_eq!(first.structure.0, [0, 1, 2]);
//! assert_eq!(first.probability, ratio(1, 15)); // 1/6 · 2/5 · 3/3
//! ```
//!
//! # References
//! R. L. Plackett (1975), *The analysis of permutations*, Applied Statistics 24; R. D. Luce (1959), *Individual choice
//! behavior*; Struminsky et al. (2021), arXiv:2110.15072, section 4.

use num_bigint::BigUint;
use num_rational::BigRational;
use num_traits::Zero;

use crate::builtin::{Builtin, Laws, Relabelled, list};
use crate::checked::all_present;
use crate::collapse::pairwise_sum;
use crate::count;
use crate::kind::Kind;
use crate::limit::{Limit, TooLarge};
use crate::number::{Exact, FromExact, ratio, to_rational};
use crate::problem::{ModelError, TraceProblem};
use crate::race::Trace;
use crate::reader::Given;
use crate::recursion::{self, Recursion};
use crate::structure::{EntrySet, Order};
use crate::trace_reader;

/// Sorting by successive races. The state is who has won so far, in order.
#[derive(Debug, Clone)]
pub struct Permutation {
    n: usize,
}

impl Permutation {
    /// Permutations of `n` positions.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { n }
    }
}

impl Recursion for Permutation {
    type State = Vec<usize>;
    type Structure = Order;

    fn entry_count(&self) -> usize {
        self.n
    }

    fn start(&self) -> Vec<usize> {
        Vec::new()
    }

    fn stop(&self, won: &Vec<usize>) -> Option<Order> {
        (won.len() == self.n).then(|| Order(Vec::new()))
    }

    fn split(&self, won: &Vec<usize>) -> Vec<Vec<usize>> {
        let mut left = vec![true; self.n];
        won.iter().for_each(|&i| left[i] = false);
        vec![(0..self.n).filter(|&i| left[i]).collect()]
    }

    fn map(&self, won: &Vec<usize>, winners: &[usize]) -> Vec<usize> {
        [won, winners].concat()
    }

    fn combine(&self, _: &Vec<usize>, winners: &[usize], rest: Order) -> Order {
        Order([winners, &rest.0].concat())
    }
}

/// By all traces: as many as structures.
impl Laws for Permutation {
    fn law(&self, rates: &[BigRational]) -> Vec<(Order, BigRational)> {
        let mut law: Vec<_> =
            recursion::traces(self, rates).map(|outcome| (outcome.structure, outcome.probability)).collect();
        law.sort();
        law
    }

    fn probability(&self, rates: &[BigRational], order: &Order, _: Limit) -> Result<BigRational, TooLarge> {
        let trace = self.parse_trace(&self.canonical(order));
        Ok(trace.map_or_else(|_| BigRational::zero(), |trace| trace.probability(rates)))
    }

    fn marginals(&self, rates: &[BigRational]) -> Vec<BigRational> {
        vec![ratio(1, 1); rates.len()]
    }
}

impl Builtin for Permutation {
    const KIND: Kind = Kind::Permutation;
    const ABOUT: &'static str =
        "Plackett-Luce: those that are left race and the winner leaves, until all are in order.";
    const LOSSES: &'static [(&'static str, &'static str)] = &[
        ("default", "the number of inversions"),
        ("displacement", "the sum of |place - position|"),
        ("fixed_points", "the number of positions in their own place"),
    ];

    fn size(&self) -> usize {
        self.n
    }

    fn read(given: &Given<'_>) -> Result<(Self, Vec<BigRational>), ModelError> {
        given.positions(|rates| Ok(Self::new(all_present(Self::KIND, rates)?)))
    }

    fn structure_count(&self) -> BigUint {
        count::factorial(self.n)
    }

    /// There are at least `2^(n-1)`.
    fn check_magnitude(&self, limit: Limit) -> Result<(), TooLarge> {
        limit.check_power("structures (a lower bound)", self.n.saturating_sub(1))
    }

    fn loss(&self, name: &str, order: &Order) -> i64 {
        order_loss(name, order)
    }

    /// `P(i is drawn in place r)`: row `i`, column `r`.
    fn pair_marginals(
        &self,
        rates: &[BigRational],
        limit: Limit,
    ) -> Result<Option<Vec<Vec<BigRational>>>, TooLarge> {
        self.check_law(limit)?;
        let law: Vec<(Order, Exact)> =
            self.law(rates).into_iter().map(|(x, p)| (x, Exact::from_exact(&p))).collect();
        let at = |i: usize, r: usize| {
            let hits: Vec<&Exact> = law.iter().filter(|(x, _)| x[r] == i).map(|(_, p)| p).collect();
            to_rational(&pairwise_sum(&hits))
        };
        Ok(Some((0..self.n).map(|i| (0..self.n).map(|r| at(i, r)).collect()).collect()))
    }

    fn canonical(&self, order: &Order) -> String {
        list(order.iter())
    }

    fn parse_trace(&self, text: &str) -> Result<Trace, TraceProblem> {
        trace_reader::of_positions(self, text)
    }

    fn race_count(&self, _: &Trace) -> usize {
        self.n
    }

    fn relabelled(&self, rates: &[BigRational]) -> Relabelled<Self> {
        let (rates, number) = Relabelled::<Self>::turned(rates);
        Relabelled { algorithm: self.clone(), rates, number }
    }

    /// None to list: the best order is the sorted one.
    fn candidates(&self) -> Option<Vec<EntrySet>> {
        Some(Vec::new())
    }
}

/// The named losses of a list that says where each item goes.
pub(crate) fn order_loss(name: &str, order: &[usize]) -> i64 {
    match name {
        "displacement" => order.iter().enumerate().map(|(i, &x)| i.abs_diff(x) as i64).sum(),
        "fixed_points" => order.iter().enumerate().filter(|&(i, &x)| i == x).count() as i64,
        _ => {
            let inversions = |i: usize| order[..i].iter().filter(|&&before| before > order[i]).count() as i64;
            (0..order.len()).map(inversions).sum()
        }
    }
}
