//! Random binary trees: divide and conquer on exponential weights.
//!
//! # Notation
//! Positions `0..n` are the entries, with rates `λ_i`. An interval `[lo, hi)` races; the winner is its root, what is
//! left of it goes to the left and what is right of it to the right. The trace has one race per node; trace and
//! structure determine each other.
//!
//! # Law
//! `P(X) = p(T) = Π_v λ_v/Λ(subtree of v)`: the Cartesian tree of the weights. With equal rates this is the law of a
//! random binary search tree, `Π 1/size of the subtree`.
//!
//! # Cost
//! A run: O(n·height). There are Catalan(n) trees (n = 12: 208,012).
//!
//! # Example
//! ```
//! use gumbel_oracle::{binary_tree::BinaryTree, number::ratio, recursion::traces};
//! let all: Vec<_> = traces(&BinaryTree::new(2), &[ratio(1, 1), ratio(2, 1)]).collect();
//! assert_eq!(all[0].structure.0, [None, Some(0)]); // position 0 is the root
//! assert_eq!(all[0].probability, ratio(1, 3));
//! ```
//!
//! # References
//! Struminsky et al. (2021), arXiv:2110.15072, section 4 and appendix (binary trees); J. Vuillemin (1980), *A unifying
//! look at data structures* (Cartesian trees).

use std::collections::BTreeMap;

use num_bigint::BigUint;
use num_rational::BigRational;
use num_traits::Zero;

use crate::builtin::{Builtin, Laws, Relabelled, list};
use crate::checked::all_present;
use crate::collapse::integer_rates;
use crate::count;
use crate::kind::Kind;
use crate::limit::{Limit, TooLarge};
use crate::number::{Exact, FromExact, Number, ratio, to_rational};
use crate::problem::{ModelError, TraceProblem};
use crate::race::Trace;
use crate::reader::Given;
use crate::recursion::{self, Recursion};
use crate::structure::Parents;
use crate::trace_reader::{self, names};

/// Divide and conquer on the positions `0..n`. The structure is the parent of each position.
#[derive(Debug, Clone)]
pub struct BinaryTree {
    n: usize,
}

/// An interval that has still to race.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    /// Its first position.
    pub low: usize,
    /// The position after its last.
    pub high: usize,
    /// The position that its root will hang from; none for the whole.
    pub parent: Option<usize>,
}

impl BinaryTree {
    /// Trees on `n` positions.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { n }
    }
}

impl Recursion for BinaryTree {
    /// The intervals of one depth, from left to right.
    type State = Vec<Interval>;
    type Structure = Parents;

    fn entry_count(&self) -> usize {
        self.n
    }

    fn start(&self) -> Vec<Interval> {
        vec![Interval { low: 0, high: self.n, parent: None }]
    }

    fn stop(&self, intervals: &Vec<Interval>) -> Option<Parents> {
        intervals.is_empty().then(|| Parents(vec![None; self.n]))
    }

    fn split(&self, intervals: &Vec<Interval>) -> Vec<Vec<usize>> {
        intervals.iter().map(|interval| (interval.low..interval.high).collect()).collect()
    }

    fn map(&self, intervals: &Vec<Interval>, winners: &[usize]) -> Vec<Interval> {
        let halves = intervals.iter().zip(winners).flat_map(|(&Interval { low, high, .. }, &root)| {
            let parent = Some(root);
            [Interval { low, high: root, parent }, Interval { low: root + 1, high, parent }]
        });
        halves.filter(|interval| interval.low < interval.high).collect()
    }

    fn combine(&self, intervals: &Vec<Interval>, winners: &[usize], mut rest: Parents) -> Parents {
        for (interval, &root) in intervals.iter().zip(winners) {
            rest.0[root] = interval.parent;
        }
        rest
    }
}

impl BinaryTree {
    /// The law of the height, by intervals: with `H(lo,hi,h)` the probability that the tree on `[lo, hi)` has height
    /// at most `h`, `H(lo,hi,h) = Σ_root λ_root/Λ · H(lo,root,h-1)·H(root+1,hi,h-1)`. O(n³·n) operations.
    ///
    /// # Panics
    /// If there is not one rate per position.
    #[must_use]
    pub fn height_law(&self, rates: &[BigRational]) -> BTreeMap<i64, BigRational> {
        let rates = self.integers(rates);
        // At height 0 only the empty interval.
        let mut at_most: BTreeMap<(usize, usize), Exact> =
            (0..=self.n).map(|low| ((low, low), Exact::ONE)).collect();
        at_most.extend(self.intervals().into_iter().map(|interval| (interval, Exact::ZERO)));
        let mut law = BTreeMap::new();
        for height in 1..=self.n {
            let mut next = at_most.clone();
            for (low, high) in self.intervals() {
                let term =
                    |root: usize| rates[root].clone() * &at_most[&(low, root)] * &at_most[&(root + 1, high)];
                let terms: Vec<Exact> = (low..high).map(term).collect();
                next.insert((low, high), Exact::sum(&terms) / Exact::sum(&rates[low..high]));
            }
            let probability = next[&(0, self.n)].clone() - &at_most[&(0, self.n)];
            if probability != Exact::ZERO {
                law.insert(height as i64, to_rational(&probability));
            }
            at_most = next;
        }
        law
    }

    /// `P(parent of i is j)` as an n×n matrix, row `i`, column `j`; on the diagonal `P(i is the root)`.
    ///
    /// From the outside in: the probability that an interval races below a given root, times that of its winner. O(n⁴)
    /// operations.
    ///
    /// # Panics
    /// If there is not one rate per position.
    #[must_use]
    pub fn parent_marginals(&self, rates: &[BigRational]) -> Vec<Vec<BigRational>> {
        let rates = self.integers(rates);
        // reached[lo,hi]: the probability that the interval races, from the outside in.
        let mut reached: BTreeMap<(usize, usize), Exact> = BTreeMap::new();
        let mut parents = vec![vec![Exact::ZERO; self.n]; self.n];
        let mut from: BTreeMap<(usize, usize), BTreeMap<usize, Exact>> = BTreeMap::new();
        reached.insert((0, self.n), Exact::ONE);
        for (low, high) in self.intervals().into_iter().rev() {
            let Some(here) = reached.get(&(low, high)).cloned() else { continue };
            let total = Exact::sum(&rates[low..high]);
            for root in low..high {
                let wins = rates[root].clone() / &total;
                if (low, high) == (0, self.n) {
                    parents[root][root] = wins.clone();
                }
                for (&parent, share) in from.get(&(low, high)).into_iter().flatten() {
                    parents[root][parent] += share.clone() * &wins;
                }
                let through = here.clone() * &wins;
                for half in [(low, root), (root + 1, high)] {
                    if half.0 < half.1 {
                        *reached.entry(half).or_insert(Exact::ZERO) += &through;
                        *from.entry(half).or_default().entry(root).or_insert(Exact::ZERO) += &through;
                    }
                }
            }
        }
        parents.iter().map(|row| row.iter().map(to_rational).collect()).collect()
    }

    fn integers(&self, rates: &[BigRational]) -> Vec<Exact> {
        assert_eq!(rates.len(), self.n, "one rate per position");
        integer_rates(rates).0.iter().map(Exact::from_exact).collect()
    }

    /// The intervals that are not empty, shorter ones first.
    fn intervals(&self) -> Vec<(usize, usize)> {
        (1..=self.n).flat_map(|length| (0..=self.n - length).map(move |low| (low, low + length))).collect()
    }
}

/// Interval by interval: a tree's probability is `λ_root/Λ` times that of its two subtrees.
impl Laws for BinaryTree {
    fn law(&self, rates: &[BigRational]) -> Vec<(Parents, BigRational)> {
        /// The trees on one interval: the parent of each of its positions, and the probability.
        type Trees = Vec<(Vec<Option<usize>>, Exact)>;
        let rates = self.integers(rates);
        let mut trees: BTreeMap<(usize, usize), Trees> = BTreeMap::new();
        for low in 0..=self.n {
            trees.insert((low, low), vec![(Vec::new(), Exact::ONE)]);
        }
        for (low, high) in self.intervals() {
            let total = Exact::sum(&rates[low..high]);
            let mut here = Trees::new();
            for root in low..high {
                let first = rates[root].clone() / &total;
                let hang = |half: &[Option<usize>]| -> Vec<Option<usize>> {
                    half.iter().map(|parent| parent.or(Some(root))).collect()
                };
                for (left, p) in &trees[&(low, root)] {
                    let before = first.clone() * p;
                    for (right, q) in &trees[&(root + 1, high)] {
                        here.push(([hang(left), vec![None], hang(right)].concat(), before.clone() * q));
                    }
                }
            }
            trees.insert((low, high), here);
        }
        let whole = trees.remove(&(0, self.n)).unwrap_or_default();
        let mut law: Vec<_> =
            whole.into_iter().map(|(parents, p)| (Parents(parents), to_rational(&p))).collect();
        law.sort();
        law
    }

    fn probability(
        &self,
        rates: &[BigRational],
        parents: &Parents,
        _: Limit,
    ) -> Result<BigRational, TooLarge> {
        let trace = self.parse_trace(&self.canonical(parents));
        Ok(trace.map_or_else(|_| BigRational::zero(), |trace| trace.probability(rates)))
    }

    fn marginals(&self, rates: &[BigRational]) -> Vec<BigRational> {
        vec![ratio(1, 1); rates.len()]
    }
}

impl Builtin for BinaryTree {
    const KIND: Kind = Kind::BinaryTree;
    const ABOUT: &'static str = "Divide and conquer: an interval of positions races. The winner is its root; what lies to its \
                               left and to its right goes on separately.";
    const LOSSES: &'static [(&'static str, &'static str)] = &[
        ("default", "minus the height"),
        ("leaves", "the number of positions without a child"),
        ("root", "the position of the root"),
    ];

    fn size(&self) -> usize {
        self.n
    }

    fn read(given: &Given<'_>) -> Result<(Self, Vec<BigRational>), ModelError> {
        given.positions(|rates| Ok(Self::new(all_present(Self::KIND, rates)?)))
    }

    fn structure_count(&self) -> BigUint {
        count::catalan(self.n)
    }

    /// There are at least `2^(n-1)`.
    fn check_magnitude(&self, limit: Limit) -> Result<(), TooLarge> {
        limit.check_power("structures (a lower bound)", self.n.saturating_sub(1))
    }

    fn loss(&self, name: &str, parents: &Parents) -> i64 {
        match name {
            "leaves" => (0..self.n).filter(|i| !parents.0.contains(&Some(*i))).count() as i64,
            "root" => parents.0.iter().position(Option::is_none).map_or(0, |i| i as i64),
            _ => -(parents.height() as i64),
        }
    }

    fn loss_law(
        &self,
        name: &str,
        rates: &[BigRational],
        limit: Limit,
    ) -> Result<Option<BTreeMap<i64, BigRational>>, TooLarge> {
        if name != "default" {
            return Ok(None);
        }
        limit.check("intervals, heights and roots (an upper bound)", &BigUint::from(self.n).pow(4))?;
        Ok(Some(self.height_law(rates).into_iter().map(|(height, p)| (-height, p)).collect()))
    }

    /// `P(parent of i is j)`, on the diagonal `P(i is the root)`.
    fn pair_marginals(
        &self,
        rates: &[BigRational],
        limit: Limit,
    ) -> Result<Option<Vec<Vec<BigRational>>>, TooLarge> {
        limit.check("pairs of intervals and positions", &BigUint::from(self.n).pow(3))?;
        Ok(Some(self.parent_marginals(rates)))
    }

    fn canonical(&self, parents: &Parents) -> String {
        list(parents.0.iter().map(|parent| parent.map_or_else(|| "null".to_owned(), |p| p.to_string())))
    }

    /// That of its structure; nothing if the trace is impossible.
    fn canonical_trace(&self, trace: &Trace) -> String {
        recursion::replay(self, trace).map_or_else(|_| String::new(), |parents| self.canonical(&parents))
    }

    fn parse_trace(&self, text: &str) -> Result<Trace, TraceProblem> {
        let want = "the parent of each position, null at the root, [1,null,1]";
        let parents: Vec<Option<usize>> = trace_reader::parse::<Self, _>(text, want)?;
        let (given, held) = (parents.len(), self.n);
        if given < held {
            let left: Vec<usize> = (given..held).collect();
            return Err(TraceProblem::TooShort { races: given, entrants: names(self, &left) });
        }
        if given > held {
            return Err(TraceProblem::TooLong { given, held });
        }
        let path = recursion::follow(self, |state, i, entrants| {
            let &Interval { low, high, parent } = &state[i];
            let mut roots = entrants.iter().copied().filter(|&position| parents[position] == parent);
            match (roots.next(), roots.next()) {
                (Some(root), None) => Ok(root),
                _ => {
                    let parent = parent.map_or_else(|| "null".to_owned(), |parent| parent.to_string());
                    Err(TraceProblem::NotATree { low, high, parent })
                }
            }
        })?;
        Ok(path.trace)
    }

    fn race_count(&self, _: &Trace) -> usize {
        self.n
    }

    /// Only the mirror image has the same law.
    fn relabelled(&self, rates: &[BigRational]) -> Relabelled<Self> {
        let rates = rates.iter().rev().cloned().collect();
        Relabelled { algorithm: self.clone(), rates, number: (0..self.n).rev().collect() }
    }
}
