//! What a structure of this crate says of itself beside its recursion: one trait, one implementation in its own module.
//!
//! [`Laws`] is how its exact laws are found, [`Builtin`] its names, entries, losses, sizes and files. [`crate::model::Model`]
//! is the choice of one of them at run time, and holds nothing else that differs from structure to structure. A
//! recursion of one's own needs none of this: see [`crate::instance::Rated`].
//!
//! # An eighth structure
//! Its module with [`Recursion`], [`Laws`] (if it holds one race at a time and their order does not matter: [`OrderFree`], one
//! line) and [`Builtin`]. Elsewhere some twenty lines: `pub mod`; in [`Kind`] a variant, its name, its place in
//! [`Kind::ALL`]; in [`crate::model`] an import and two lines of lists. Then the compiler asks for one line each in
//! `recursive-gumbel`: the shape of its arrays in `.npz`, how its winners are walked, stage and picture of `explain`; and for four
//! on its form in samples files.
//!
//! # Law
//! By whichever enumeration is smallest:
//!
//! | | P(X) of all X | of one X | entry marginals, additive losses | gradient of any loss |
//! |---|---|---|---|---|
//! | spanning_tree | forests | subsets of X | partitions of the vertices | forests |
//! | arborescence | subtrees of all X ([`crate::arborescence`]) | subtrees of X | from P(X) | traces |
//! | matching | partial matchings | subsets of X | row and column sets | partial matchings |
//! | binary_tree | intervals × trees | a product | intervals | traces (one per tree) |
//! | top_k | subsets | subsets of X | subsets | subsets |
//! | permutation | traces (one per permutation) | a product | traces | traces |
//! | categorical | a race | a race | a race | a race |
//!
//! # Example
//! ```
//! use gumbel_oracle::builtin::{Builtin, Laws};
//! use gumbel_oracle::{number::ratio, top_k::TopK};
//! let two_of_three = TopK::new(3, 2);
//! assert_eq!(two_of_three.structure_count(), 3_u32.into());
//! assert_eq!(two_of_three.law(&[ratio(1, 1), ratio(2, 1), ratio(3, 1)])[0].1, ratio(3, 20));
//! assert_eq!(two_of_three.loss("largest", &[0, 1].into()), 1);
//! ```

use std::collections::BTreeMap;
use std::fmt::Debug;

use num_bigint::{BigInt, BigUint};
use num_rational::BigRational;
use num_traits::{One, Zero};

use crate::collapse::{self, Layers, OrderFree};
use crate::estimators::ScoreMoments;
use crate::kind::{Entry, Kind};
use crate::limit::{Limit, TooLarge};
use crate::number::{Exact, FromExact, to_rational};
use crate::problem::{ModelError, TraceProblem};
use crate::race::Trace;
use crate::reader::Given;
use crate::recursion::{Recursion, traces};
use crate::structure::{EntrySet, Variant};

pub use crate::estimators::Gradient;

/// The exact laws of a recursion. Rates are one per entry, 0 for an absent one; nothing here holds its size against a limit
/// but what depends on the structure asked for.
///
/// # Panics
/// All panic if there is not one rate per entry.
pub trait Laws: Recursion + Sized + Sync {
    /// Whether paths that meet are merged: then a gradient visits what the law visits, and no list of traces.
    const MERGES: bool = false;

    /// Every structure with its probability, in increasing order.
    fn law(&self, rates: &[BigRational]) -> Vec<(Self::Structure, BigRational)>;

    /// The probability of one structure; 0 if it is none.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` states.
    fn probability(
        &self,
        rates: &[BigRational],
        structure: &Self::Structure,
        limit: Limit,
    ) -> Result<BigRational, TooLarge>;

    /// `P(k ∈ X)`, one per entry. Of structures that use every position it is 1.
    fn marginals(&self, rates: &[BigRational]) -> Vec<BigRational>;

    /// The expectation of any loss and its gradient with respect to every logit: here by all traces.
    fn gradient_of(&self, rates: &[BigRational], loss: &dyn Fn(&Self::Structure) -> BigRational) -> Gradient {
        Moments::over_traces(self, rates, loss, false).gradient()
    }

    /// The moments of any loss and the scores: here by all traces.
    fn score_moments(
        &self,
        rates: &[BigRational],
        loss: &dyn Fn(&Self::Structure) -> BigRational,
    ) -> ScoreMoments {
        ScoreMoments::over_traces(self, rates, loss)
    }

    /// The gradient of `Σ_{k∈X} values[k]`, if there is a smaller way for it.
    fn sum_gradient(&self, _rates: &[BigRational], _values: &[i64]) -> Option<Gradient> {
        None
    }

    /// The law of `Σ_{k∈X} values[k]`, if there is a smaller way for it than the law of `X`.
    fn sum_law(&self, _rates: &[BigRational], _values: &[i64]) -> Option<BTreeMap<i64, BigRational>> {
        None
    }
}

impl<R: OrderFree> Laws for R {
    const MERGES: bool = true;

    fn law(&self, rates: &[BigRational]) -> Vec<(EntrySet, BigRational)> {
        Layers::by_winners(self, rates).law()
    }

    fn probability(
        &self,
        rates: &[BigRational],
        structure: &EntrySet,
        limit: Limit,
    ) -> Result<BigRational, TooLarge> {
        limit.check("subsets of the structure", &(BigUint::one() << structure.len()))?;
        let mut law = Layers::towards(self, rates, structure).law().into_iter();
        Ok(law.find(|(x, _)| x == structure).map_or_else(BigRational::zero, |(_, p)| p))
    }

    fn marginals(&self, rates: &[BigRational]) -> Vec<BigRational> {
        Layers::by_state(self, rates).marginals()
    }

    fn gradient_of(&self, rates: &[BigRational], loss: &dyn Fn(&EntrySet) -> BigRational) -> Gradient {
        let none = vec![BigRational::zero(); rates.len()];
        let (expectation, gradient) = Layers::by_winners(self, rates).gradient(&none, loss);
        Gradient { expectation, gradient }
    }

    fn score_moments(&self, rates: &[BigRational], loss: &dyn Fn(&EntrySet) -> BigRational) -> ScoreMoments {
        Layers::by_winners(self, rates).score_moments(loss)
    }

    fn sum_gradient(&self, rates: &[BigRational], values: &[i64]) -> Option<Gradient> {
        let values: Vec<BigRational> = values.iter().map(|&value| BigInt::from(value).into()).collect();
        let layers = Layers::by_state(self, rates);
        let (expectation, gradient) = layers.gradient(&values, |_| BigRational::zero());
        Some(Gradient { expectation, gradient })
    }

    fn sum_law(&self, rates: &[BigRational], values: &[i64]) -> Option<BTreeMap<i64, BigRational>> {
        Some(collapse::sum_law(self, rates, values))
    }
}

/// The same structure with its entries in another order, and with the rates that belong to them.
#[derive(Debug, Clone)]
pub struct Relabelled<A> {
    /// The algorithm on the new entries.
    pub algorithm: A,
    /// The rate of each new entry.
    pub rates: Vec<BigRational>,
    /// The new number of each old entry.
    pub number: Vec<usize>,
}

impl<A> Relabelled<A> {
    /// The rates of a list turned by one place, and the new number of each.
    pub(crate) fn turned(rates: &[BigRational]) -> (Vec<BigRational>, Vec<usize>) {
        let n = rates.len();
        let mut turned = rates.to_vec();
        turned.rotate_right(1.min(n));
        (turned, (0..n).map(|i| (i + 1) % n).collect())
    }
}

/// A structure of this crate.
pub trait Builtin: Laws<Structure: Variant> + Clone + Debug {
    /// Which it is.
    const KIND: Kind;
    /// What the algorithm does, in a few sentences.
    const ABOUT: &'static str;
    /// Its losses, the default first: the name, and what it is.
    const LOSSES: &'static [(&'static str, &'static str)];
    /// The fields of its model files beside `structure`, `rates` and `logits`.
    const FIELDS: &'static [&'static str] = &[];

    /// The number of vertices, rows, or positions.
    fn size(&self) -> usize;

    /// What an entry stands for: here its position.
    ///
    /// # Panics
    /// If there is no such entry.
    fn entry(&self, k: usize) -> Entry {
        Entry::Position(k)
    }

    /// From a model file: the algorithm, and the rate of each entry.
    ///
    /// # Errors
    /// [`ModelError`], with line, column, item, and what would be right.
    fn read(given: &Given<'_>) -> Result<(Self, Vec<BigRational>), ModelError>;

    // Sizes

    /// The number of structures, without enumerating them.
    fn structure_count(&self) -> BigUint;

    /// The number of traces, without enumerating them; `None` if counting alone would take over 10⁹ steps. Here one per
    /// structure.
    fn trace_count(&self) -> Option<BigUint> {
        Some(self.structure_count())
    }

    /// Refuses what no limit would allow, from lower bounds that cost nothing.
    ///
    /// # Errors
    /// [`TooLarge`].
    fn check_magnitude(&self, limit: Limit) -> Result<(), TooLarge>;

    /// Whether [`Laws::law`] visits no more than `limit` structures and states; here only the structures count.
    ///
    /// # Errors
    /// [`TooLarge`].
    fn check_law(&self, limit: Limit) -> Result<(), TooLarge> {
        self.check_magnitude(limit)?;
        limit.check("structures", &self.structure_count())
    }

    /// Whether [`Laws::marginals`] and sums over entries visit no more than `limit` states; here there is no bound to keep.
    ///
    /// # Errors
    /// [`TooLarge`].
    fn check_states(&self, _limit: Limit) -> Result<(), TooLarge> {
        Ok(())
    }

    /// Whether there are no more than `limit` traces.
    ///
    /// # Errors
    /// [`TooLarge`], also if counting them would take more steps than that.
    fn check_traces(&self, limit: Limit) -> Result<(), TooLarge> {
        self.check_magnitude(limit)?;
        limit.check("traces", &self.trace_count().unwrap_or_default())
    }

    // Losses and further laws

    /// The value of a loss of [`LOSSES`](Self::LOSSES).
    fn loss(&self, name: &str, structure: &Self::Structure) -> i64;

    /// If the loss is a sum over the entries of the structure: its value for each entry. Such losses need no enumeration of
    /// structures, only of the states of the recursion.
    fn additive(&self, _name: &str) -> Option<Vec<i64>> {
        None
    }

    /// The law of a loss that is no sum over entries, if there is a smaller way than the law of `X`.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` states.
    fn loss_law(
        &self,
        _name: &str,
        _rates: &[BigRational],
        _limit: Limit,
    ) -> Result<Option<BTreeMap<i64, BigRational>>, TooLarge> {
        Ok(None)
    }

    /// For structures whose entry marginals are all 1, the probabilities of pairs that say more.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` states.
    fn pair_marginals(
        &self,
        _rates: &[BigRational],
        _limit: Limit,
    ) -> Result<Option<Vec<Vec<BigRational>>>, TooLarge> {
        Ok(None)
    }

    // Text

    /// The canonical JSON of a structure. One of another model is written as far as it goes.
    fn canonical(&self, structure: &Self::Structure) -> String;

    /// The canonical JSON of a trace: here the winners in order.
    fn canonical_trace(&self, trace: &Trace) -> String {
        list(trace.races().iter().map(|race| self.written(race.winner)))
    }

    /// A trace from its canonical JSON.
    ///
    /// # Errors
    /// [`TraceProblem`], naming the race, if it is not of this form or the algorithm cannot hold these races.
    fn parse_trace(&self, text: &str) -> Result<Trace, TraceProblem>;

    /// An entry as in canonical JSON; `"no entry 9"` if there is none of that number.
    fn written(&self, k: usize) -> String {
        if k < self.entry_count() { self.entry(k).to_string() } else { format!("\"no entry {k}\"") }
    }

    // Known by another way, for `crate::identities`

    /// How many races a trace with these winners must have.
    fn race_count(&self, trace: &Trace) -> usize;

    /// Vertices, rows or positions renamed, so that the law is the same but for the names.
    fn relabelled(&self, rates: &[BigRational]) -> Relabelled<Self>;

    /// With entry `k` at rate 0, and without it; `None` where it cannot be left out.
    fn without(&self, _rates: &[BigRational], _k: usize) -> Option<[(Self, Vec<BigRational>); 2]> {
        None
    }

    /// The same structure beside one more that has no choice, where entries can be absent only in that way.
    fn beside_a_block(&self, _rates: &[BigRational]) -> Option<(Self, Vec<BigRational>)> {
        None
    }

    /// Every structure by brute force, if `X` is the set of least total weight; `None` if it is not.
    fn candidates(&self) -> Option<Vec<EntrySet>> {
        None
    }
}

/// `[a,b,…]`
pub(crate) fn list(items: impl Iterator<Item = impl std::fmt::Display>) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    format!("[{}]", items.join(","))
}

/// A set of entries as canonical JSON: sorted by what they stand for, those of another model last.
pub(crate) fn canonical_set<A: Builtin>(algorithm: &A, set: &EntrySet) -> String {
    let known = |k: &&usize| **k < algorithm.entry_count();
    let mut entries: Vec<Entry> = set.iter().filter(known).map(|&k| algorithm.entry(k)).collect();
    entries.sort_unstable();
    let foreign = set.iter().filter(|k| !known(k)).map(|&k| algorithm.written(k));
    list(entries.iter().map(Entry::to_string).chain(foreign))
}

/// `E[f]`, `E[f·s]` and `E[f²·s·sᵀ]`, with `s` the score of the trace.
pub(crate) struct Moments {
    expectation: Exact,
    first: Vec<Exact>,
    second: Vec<Vec<Exact>>,
}

impl Moments {
    /// Sums over all traces; the second moments only if asked for.
    pub(crate) fn over_traces<R: Recursion>(
        recursion: &R,
        rates: &[BigRational],
        loss: &dyn Fn(&R::Structure) -> BigRational,
        second: bool,
    ) -> Self {
        let rates: Vec<Exact> = rates.iter().map(Exact::from_exact).collect();
        let m = rates.len();
        let second = if second { vec![vec![Exact::ZERO; m]; m] } else { Vec::new() };
        let mut sums = Self { expectation: Exact::ZERO, first: vec![Exact::ZERO; m], second };
        for outcome in traces(recursion, &rates) {
            let f = Exact::from_exact(&loss(&outcome.structure));
            sums.add(&outcome.probability, &f, &outcome.trace.score(&rates));
        }
        sums
    }

    fn add(&mut self, p: &Exact, f: &Exact, score: &[Exact]) {
        let pf = p.clone() * f;
        if pf == Exact::ZERO {
            return;
        }
        self.expectation += &pf;
        for (sum, s) in self.first.iter_mut().zip(score) {
            *sum += pf.clone() * s;
        }
        let pff = pf * f;
        for (row, sj) in self.second.iter_mut().zip(score) {
            let left = pff.clone() * sj;
            for (sum, sk) in row.iter_mut().zip(score) {
                *sum += left.clone() * sk;
            }
        }
    }

    /// Expectation and gradient.
    pub(crate) fn gradient(&self) -> Gradient {
        let gradient = self.first.iter().map(to_rational).collect();
        Gradient { expectation: to_rational(&self.expectation), gradient }
    }

    /// The covariance of `f·s`.
    pub(crate) fn covariance(&self) -> Vec<Vec<BigRational>> {
        let cell = |j: usize, k: usize| {
            to_rational(&(self.second[j][k].clone() - self.first[j].clone() * &self.first[k]))
        };
        let m = self.second.len();
        (0..m).map(|j| (0..m).map(|k| cell(j, k)).collect()).collect()
    }
}
