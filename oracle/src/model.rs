//! The model: a structure with its rates, from a file or from a petgraph graph, checked once.
//!
//! # Format
//! ```json
//! {"structure": "spanning_tree", "vertices": 4, "edges": [[0,1,"2/3"], [0,2,1], [1,2,"0.25"], [2,3,5]]}
//! {"structure": "arborescence", "vertices": 3, "root": 0, "edges": [[0,1,1],[0,2,2],[1,2,3],[2,1,"1/2"]]}
//! {"structure": "matching", "rates": [[1,2],["3/4",1]]}
//! {"structure": "binary_tree", "rates": [1,2,3]}
//! {"structure": "top_k", "k": 2, "rates": [1,2,3]}
//! {"structure": "permutation", "rates": [1,2,3]}
//! {"structure": "categorical", "rates": [1,2,3]}
//! ```
//! Rates are read as [`crate::rate`] says. In place of the third item of an edge or of `rates` there may be `"logits"`, of
//! the same shape; with `edges`, one logit per edge. `spanning_tree` and `arborescence` also take an n×n matrix `rates`
//! or `logits` in place of `edges`: `[u][v]` is the edge `{u, v}` (above the diagonal) or the arc `u → v`.
//!
//! **Entries** are numbered in the order of the file: edges in file order, matrices row by row. Absent cells of a
//! matrix (`null` or rate 0) are left out; an edge or position with rate 0 keeps its number and never wins.
//! Cells of a matrix that are no entries must not say anything else: on the diagonal `null` or 0; below the diagonal of
//! a spanning tree `null`, 0, or the same as above it. Arcs into the root of an arborescence can never be chosen; they
//! are read, checked and left out of the entries.
//!
//! # Where a rate may be 0
//! Wherever the algorithm can still always finish: the present edges must connect the graph, the root must reach every
//! vertex, top-k needs `k` positive rates, a categorical draw one; in a matching see [`crate::matching`]. Binary trees and
//! permutations use every position, so no rate of theirs may be 0.
//!
//! # Example
//! ```
//! use gumbel_oracle::limit::Limit;
//! use gumbel_oracle::model::Model;
//! let triangle = r#"{"structure": "spanning_tree", "vertices": 3, "edges": [[0,1,4], [0,2,2], [1,2,1]]}"#;
//! let model = Model::parse(triangle)?;
//! let law = model.law(Limit::default())?;
//! assert_eq!(model.canonical(&law.outcomes[0].0), "[[0,1],[0,2]]");
//! assert_eq!(law.outcomes[0].1.to_string(), "64/105");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use num_bigint::BigUint;
use num_rational::BigRational;
use num_traits::{Signed, Zero};
use petgraph::graph::{DiGraph, NodeIndex, UnGraph};
use petgraph::visit::EdgeRef;

use crate::arborescence::Arborescence;
use crate::binary_tree::BinaryTree;
use crate::builtin::{Builtin, list};
use crate::categorical::Categorical;
use crate::checked::all_present;
use crate::matching::Matching;
use crate::number::{FromExact, Number};
use crate::permutation::Permutation;
use crate::problem::EntryProblem;
use crate::race::{Race, Trace};
use crate::reader::Given;
use crate::recursion::{self, Outcome, ReplayError, Run, WeightError};
use crate::spanning_tree::SpanningTree;
use crate::structure::{Structure, Variant};
use crate::top_k::TopK;

pub use crate::kind::{Entry, Kind};
pub use crate::problem::{ModelError, Place, Problem, TraceProblem};

/// The algorithms by kind: everything that depends on the list of structures is made from it.
macro_rules! algorithms {
    ($($(#[$doc:meta])* $algorithm:ident),+ $(,)?) => {
        /// The algorithm of a model, one of those built in.
        #[derive(Debug, Clone)]
        pub enum Algorithm {
            $($(#[$doc])* $algorithm($algorithm),)+
        }

        $(impl From<$algorithm> for Algorithm {
            fn from(algorithm: $algorithm) -> Self {
                Self::$algorithm(algorithm)
            }
        })+

        impl Model {
            fn read(kind: Kind, given: &Given<'_>) -> Result<Self, ModelError> {
                match kind {
                    $(Kind::$algorithm => {
                        given.check_fields($algorithm::FIELDS)?;
                        $algorithm::read(given).map(Self::new)
                    })+
                }
            }
        }

        impl Kind {
            /// What the algorithm does, in a few sentences.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$algorithm => $algorithm::ABOUT,)+
                }
            }

            /// The losses of such a structure, the default first: the name, and what it is.
            #[must_use]
            pub fn losses(self) -> &'static [(&'static str, &'static str)] {
                match self {
                    $(Self::$algorithm => $algorithm::LOSSES,)+
                }
            }
        }
    };
}

algorithms! {
    /// Kruskal.
    SpanningTree,
    /// Chu-Liu-Edmonds.
    Arborescence,
    /// Greedy crossing.
    Matching,
    /// Divide and conquer.
    BinaryTree,
    /// The k smallest.
    TopK,
    /// Plackett-Luce.
    Permutation,
    /// One race.
    Categorical,
}

/// Runs the same generic code on whichever algorithm it is.
macro_rules! with_algorithm {
    ($model:expr, $algorithm:ident => $body:expr) => {
        match $model.algorithm() {
            $crate::model::Algorithm::SpanningTree($algorithm) => $body,
            $crate::model::Algorithm::Arborescence($algorithm) => $body,
            $crate::model::Algorithm::Matching($algorithm) => $body,
            $crate::model::Algorithm::BinaryTree($algorithm) => $body,
            $crate::model::Algorithm::TopK($algorithm) => $body,
            $crate::model::Algorithm::Permutation($algorithm) => $body,
            $crate::model::Algorithm::Categorical($algorithm) => $body,
        }
    };
}

pub(crate) use with_algorithm;

/// A structure with its rates.
#[derive(Debug, Clone)]
pub struct Model {
    algorithm: Algorithm,
    entries: Vec<Entry>,
    rates: Vec<BigRational>,
}

/// The same for whoever builds a model in code: an entry is an item of a list.
fn in_list(list: &'static str) -> impl Fn(EntryProblem) -> ModelError {
    move |(entry, problem)| {
        let item = entry.map_or_else(String::new, |entry| format!("{list}[{entry}]"));
        ModelError { place: Place { item, ..Place::default() }, problem }
    }
}

impl Model {
    /// Spanning trees of a petgraph graph whose edge weights are the rates; an edge's index is its entry number.
    ///
    /// # Errors
    /// [`ModelError`], with the entry, if a rate is negative, the graph has a loop or parallel edges, or its present edges do not connect it.
    pub fn spanning_tree<V>(graph: &UnGraph<V, BigRational>) -> Result<Self, ModelError> {
        let edges =
            graph.edge_references().map(|e| (e.source().index(), e.target().index(), e.weight().clone()));
        SpanningTree::checked(graph.node_count(), edges.collect()).map(Self::new).map_err(in_list("edges"))
    }

    /// Arborescences of a petgraph digraph whose arc weights are the rates. Arcs into the root are no entries; the others
    /// are, in the order of their indices.
    ///
    /// # Errors
    /// [`ModelError`], with the entry, if a rate is negative, the digraph has a loop or parallel arcs, or a vertex cannot be reached.
    pub fn arborescence<V>(graph: &DiGraph<V, BigRational>, root: NodeIndex) -> Result<Self, ModelError> {
        let arcs =
            graph.edge_references().map(|e| (e.source().index(), e.target().index(), e.weight().clone()));
        let made = Arborescence::checked(graph.node_count(), root.index(), arcs.collect());
        made.map(Self::new).map_err(in_list("edges"))
    }

    /// Greedy matchings of a square matrix of rates.
    ///
    /// # Errors
    /// [`ModelError`], with the entry, if the matrix is empty or not square, a rate is negative, or the greedy choice could get stuck.
    pub fn matching(rates: &[Vec<BigRational>]) -> Result<Self, ModelError> {
        Matching::checked(rates).map(Self::new).map_err(|(entry, problem)| {
            let item = |cell: usize| format!("rates[{}][{}]", cell / rates.len(), cell % rates.len());
            let item = entry.map_or_else(String::new, item);
            ModelError { place: Place { item, ..Place::default() }, problem }
        })
    }

    /// Binary trees on a list of positive rates.
    ///
    /// # Errors
    /// [`ModelError`], with the entry, if the list is empty or a rate is not positive.
    pub fn binary_tree(rates: Vec<BigRational>) -> Result<Self, ModelError> {
        let n = all_present(Kind::BinaryTree, &rates).map_err(in_list("rates"))?;
        Ok(Self::new((BinaryTree::new(n), rates)))
    }

    /// Sets of the `k` smallest of a list.
    ///
    /// # Errors
    /// [`ModelError`], with the entry, if a rate is negative or `k` is not between 1 and the number of positive rates.
    pub fn top_k(rates: Vec<BigRational>, k: usize) -> Result<Self, ModelError> {
        let top_k = TopK::checked(&rates, k).map_err(in_list("rates"))?;
        Ok(Self::new((top_k, rates)))
    }

    /// Permutations of a list of positive rates.
    ///
    /// # Errors
    /// [`ModelError`], with the entry, if the list is empty or a rate is not positive.
    pub fn permutation(rates: Vec<BigRational>) -> Result<Self, ModelError> {
        let n = all_present(Kind::Permutation, &rates).map_err(in_list("rates"))?;
        Ok(Self::new((Permutation::new(n), rates)))
    }

    /// One position of a list.
    ///
    /// # Errors
    /// [`ModelError`], with the entry, if a rate is negative or none is positive.
    pub fn categorical(rates: Vec<BigRational>) -> Result<Self, ModelError> {
        let categorical = Categorical::checked(&rates).map_err(in_list("rates"))?;
        Ok(Self::new((categorical, rates)))
    }

    fn new<A: Builtin + Into<Algorithm>>((algorithm, rates): (A, Vec<BigRational>)) -> Self {
        let entries = (0..rates.len()).map(|k| algorithm.entry(k)).collect();
        Self { algorithm: algorithm.into(), entries, rates }
    }

    /// A model from the text of a model file.
    ///
    /// # Errors
    /// [`ModelError`], with line and column, the field or entry, and what would be right.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let (kind, given) = Given::parse(text)?;
        Self::read(kind, &given)
    }

    /// A trace from its canonical JSON.
    ///
    /// # Errors
    /// [`TraceProblem`], naming the race, if it is not of this model's form or the algorithm cannot hold these races.
    pub fn parse_trace(&self, text: &str) -> Result<Trace, TraceProblem> {
        with_algorithm!(self, algorithm => algorithm.parse_trace(text))
    }

    /// The same structure with other rates (absent entries stay absent).
    ///
    /// # Panics
    /// If there is not one rate per entry, or the zeros are elsewhere, or a rate is negative.
    #[must_use]
    pub fn with_rates(&self, rates: Vec<BigRational>) -> Self {
        assert_eq!(rates.len(), self.rates.len(), "one rate per entry");
        let same = rates
            .iter()
            .zip(&self.rates)
            .all(|(new, old)| !new.is_negative() && new.is_zero() == old.is_zero());
        assert!(same, "rates of present entries positive, of absent ones 0");
        Self { rates, ..self.clone() }
    }

    /// Which structure it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        fn of<A: Builtin>(_: &A) -> Kind {
            A::KIND
        }
        with_algorithm!(self, algorithm => of(algorithm))
    }

    /// The algorithm.
    #[must_use]
    pub fn algorithm(&self) -> &Algorithm {
        &self.algorithm
    }

    /// What each entry stands for, in entry order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// One rate per entry, in entry order; 0 for an absent one.
    #[must_use]
    pub fn rates(&self) -> &[BigRational] {
        &self.rates
    }

    /// The rates in another type of number.
    #[must_use]
    pub fn rates_as<N: FromExact>(&self) -> Vec<N> {
        self.rates.iter().map(N::from_exact).collect()
    }

    /// The number of vertices, rows, or positions.
    #[must_use]
    pub fn size(&self) -> usize {
        with_algorithm!(self, algorithm => algorithm.size())
    }

    /// The ends of the edges or arcs, or the cells; empty for structures on positions.
    #[must_use]
    pub fn pairs(&self) -> Vec<(usize, usize)> {
        let pair = |entry: &Entry| if let Entry::Pair(u, v) = *entry { Some((u, v)) } else { None };
        self.entries.iter().filter_map(pair).collect()
    }

    /// Runs the algorithm on given weights: see [`recursion::run`].
    ///
    /// # Errors
    /// [`WeightError`].
    pub fn run<N: Number + PartialOrd>(&self, weights: &[N]) -> Result<Run<Structure, N>, WeightError> {
        with_algorithm!(self, algorithm => {
            let Run { trace, times, structure } = recursion::run(algorithm, weights)?;
            Ok(Run { trace, times, structure: structure.into() })
        })
    }

    /// The structure a trace leads to: see [`recursion::replay`].
    ///
    /// # Errors
    /// [`ReplayError`] with the first race that the algorithm cannot hold after those before it.
    pub fn replay(&self, trace: &Trace) -> Result<Structure, ReplayError> {
        with_algorithm!(self, algorithm => recursion::replay(algorithm, trace).map(Into::into))
    }

    /// The trace with these winners, in the order held: see [`recursion::replay_winners`].
    ///
    /// # Errors
    /// [`ReplayError`] with the first race that cannot be won like this, or that is missing.
    pub fn trace_of(&self, winners: &[usize]) -> Result<Trace, ReplayError> {
        with_algorithm!(self, algorithm => {
            recursion::replay_winners(algorithm, winners.iter().copied()).map(|path| path.trace)
        })
    }

    /// All traces with their exact probabilities, lazily. Check [`trace_count`](Self::trace_count) first.
    #[must_use]
    pub fn traces(&self) -> Box<dyn Iterator<Item = Outcome<Structure, BigRational>> + '_> {
        self.traces_as(&self.rates)
    }

    /// All traces with their probabilities in the given type of number.
    #[must_use]
    pub fn traces_as<'a, N: Number>(
        &'a self,
        rates: &'a [N],
    ) -> Box<dyn Iterator<Item = Outcome<Structure, N>> + 'a> {
        with_algorithm!(self, algorithm => Box::new(recursion::traces(algorithm, rates).map(|outcome| {
            let Outcome { trace, structure, probability } = outcome;
            Outcome { trace, structure: structure.into(), probability }
        })))
    }

    /// The number of traces, without enumerating them; `None` for an arborescence on more than 13 vertices, where counting
    /// alone would take over 10⁹ steps.
    #[must_use]
    pub fn trace_count(&self) -> Option<BigUint> {
        with_algorithm!(self, algorithm => algorithm.trace_count())
    }

    /// The number of structures, without enumerating them.
    #[must_use]
    pub fn structure_count(&self) -> BigUint {
        with_algorithm!(self, algorithm => algorithm.structure_count())
    }

    /// The canonical JSON of a structure: edges or arcs `[[u,v],…]` sorted; the column of each row; the parent of each
    /// position or null; sorted positions; positions in order; the position.
    ///
    /// A structure of another model is written as far as it goes: an entry that this model has not is the text
    /// `"no entry 9"` at the end, a row without a cell `null`. One of another type (a tree, in a model of permutations) is
    /// written as it is debugged.
    #[must_use]
    pub fn canonical(&self, structure: &Structure) -> String {
        with_algorithm!(self, algorithm => {
            Variant::of(structure).map_or_else(|| format!("{structure:?}"), |x| algorithm.canonical(x))
        })
    }

    /// The canonical JSON of a trace: the winners in order; for an arborescence
    /// `[{"component":[v,…],"arc":[u,v]},…]` sorted by size and component; for a binary tree its structure.
    #[must_use]
    pub fn canonical_trace(&self, trace: &Trace) -> String {
        with_algorithm!(self, algorithm => algorithm.canonical_trace(trace))
    }

    /// The races of an arborescence's trace as (component, winning arc), sorted by size and component; empty for
    /// other structures and impossible traces.
    #[must_use]
    pub fn components(&self, trace: &Trace) -> Vec<(Vec<usize>, usize)> {
        let Algorithm::Arborescence(algorithm) = &self.algorithm else { return Vec::new() };
        algorithm.components(trace).unwrap_or_default()
    }

    /// The races of a trace as JSON, `[{"entrants":[…],"winner":…},…]`, entries by number.
    #[must_use]
    pub fn canonical_races(&self, trace: &Trace) -> String {
        let race = |race: &Race| {
            format!(r#"{{"entrants":{},"winner":{}}}"#, list(race.entrants.iter()), race.winner)
        };
        list(trace.races().iter().map(race))
    }
}
