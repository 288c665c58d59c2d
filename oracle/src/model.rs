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

use std::fmt::Write as _;

use num_bigint::BigUint;
use num_rational::BigRational;
use num_traits::{Signed, Zero};
use petgraph::algo::connected_components;
use petgraph::graph::{DiGraph, NodeIndex, UnGraph};
use petgraph::visit::{Bfs, EdgeRef};

use crate::arborescence::Arborescence;
use crate::binary_tree::BinaryTree;
use crate::categorical::Categorical;
use crate::count;
use crate::matching::Matching;
use crate::number::{FromExact, Number};
use crate::permutation::Permutation;
use crate::race::Trace;
use crate::recursion::{self, Outcome, ReplayError, Run, WeightError};
use crate::spanning_tree::SpanningTree;
use crate::structure::Structure;
use crate::top_k::TopK;

pub use crate::kind::{Entry, Kind};
pub use crate::problem::{ModelError, Place, Problem, TraceProblem};

/// The algorithm of a model, one of seven.
#[derive(Debug, Clone)]
pub enum Algorithm {
    /// Kruskal.
    SpanningTree(SpanningTree),
    /// Chu-Liu-Edmonds.
    Arborescence(Arborescence),
    /// Greedy crossing.
    Matching(Matching),
    /// Divide and conquer.
    BinaryTree(BinaryTree),
    /// The k smallest.
    TopK(TopK),
    /// Plackett-Luce.
    Permutation(Permutation),
    /// One race.
    Categorical(Categorical),
}

/// Runs the same generic code on whichever algorithm it is.
macro_rules! with_algorithm {
    ($model:expr, $algorithm:ident => $body:expr) => {
        match &$model.algorithm {
            Algorithm::SpanningTree($algorithm) => $body,
            Algorithm::Arborescence($algorithm) => $body,
            Algorithm::Matching($algorithm) => $body,
            Algorithm::BinaryTree($algorithm) => $body,
            Algorithm::TopK($algorithm) => $body,
            Algorithm::Permutation($algorithm) => $body,
            Algorithm::Categorical($algorithm) => $body,
        }
    };
}

/// A structure with its rates.
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) algorithm: Algorithm,
    pub(crate) entries: Vec<Entry>,
    pub(crate) rates: Vec<BigRational>,
    size: usize,
}

/// What is wrong with a set of rates, and at which entry: the reader of files adds where that is.
pub(crate) type EntryProblem = (Option<usize>, Problem);

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
        Self::new_spanning_tree(graph.node_count(), edges.collect()).map_err(in_list("edges"))
    }

    /// Arborescences of a petgraph digraph whose arc weights are the rates. Arcs into the root are no entries; the others
    /// are, in the order of their indices.
    ///
    /// # Errors
    /// [`ModelError`], with the entry, if a rate is negative, the digraph has a loop or parallel arcs, or a vertex cannot be reached.
    pub fn arborescence<V>(graph: &DiGraph<V, BigRational>, root: NodeIndex) -> Result<Self, ModelError> {
        let arcs =
            graph.edge_references().map(|e| (e.source().index(), e.target().index(), e.weight().clone()));
        Self::new_arborescence(graph.node_count(), root.index(), arcs.collect()).map_err(in_list("edges"))
    }

    /// Greedy matchings of a square matrix of rates.
    ///
    /// # Errors
    /// [`ModelError`], with the entry, if the matrix is empty or not square, a rate is negative, or the greedy choice could get stuck.
    pub fn matching(rates: &[Vec<BigRational>]) -> Result<Self, ModelError> {
        Self::new_matching(rates).map_err(|(entry, problem)| {
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
        Self::new_positions(Kind::BinaryTree, rates, 0).map_err(in_list("rates"))
    }

    /// Sets of the `k` smallest of a list.
    ///
    /// # Errors
    /// [`ModelError`], with the entry, if a rate is negative or `k` is not between 1 and the number of positive rates.
    pub fn top_k(rates: Vec<BigRational>, k: usize) -> Result<Self, ModelError> {
        Self::new_positions(Kind::TopK, rates, k).map_err(in_list("rates"))
    }

    /// Permutations of a list of positive rates.
    ///
    /// # Errors
    /// [`ModelError`], with the entry, if the list is empty or a rate is not positive.
    pub fn permutation(rates: Vec<BigRational>) -> Result<Self, ModelError> {
        Self::new_positions(Kind::Permutation, rates, 0).map_err(in_list("rates"))
    }

    /// One position of a list.
    ///
    /// # Errors
    /// [`ModelError`], with the entry, if a rate is negative or none is positive.
    pub fn categorical(rates: Vec<BigRational>) -> Result<Self, ModelError> {
        Self::new_positions(Kind::Categorical, rates, 0).map_err(in_list("rates"))
    }

    pub(crate) fn new_spanning_tree(
        vertices: usize,
        edges: Vec<(usize, usize, BigRational)>,
    ) -> Result<Self, EntryProblem> {
        let edges: Vec<_> = edges.into_iter().map(|(u, v, rate)| (u.min(v), u.max(v), rate)).collect();
        check_pairs(vertices, &edges)?;
        reachable(vertices, 0, edges.iter().flat_map(|(u, v, rate)| [(*u, *v, rate), (*v, *u, rate)]))
            .map_err(|vertex| (None, Problem::Disconnected { vertex }))?;
        let (pairs, rates, present) = split(edges);
        let tree = SpanningTree::with_absent(vertices, &pairs, &present);
        debug_assert_eq!(
            connected_components(&tree.graph().filter_map(|_, ()| Some(()), |_, &p| p.then_some(()))),
            1
        );
        Ok(Self { algorithm: Algorithm::SpanningTree(tree), entries: named(&pairs), rates, size: vertices })
    }

    pub(crate) fn new_arborescence(
        vertices: usize,
        root: usize,
        arcs: Vec<(usize, usize, BigRational)>,
    ) -> Result<Self, EntryProblem> {
        if root >= vertices && vertices > 0 {
            return Err((None, Problem::Root { root, vertices }));
        }
        check_pairs(vertices, &arcs)?;
        reachable(vertices, root, arcs.iter().map(|(u, v, rate)| (*u, *v, rate)))
            .map_err(|vertex| (None, Problem::Unreachable { root, vertex }))?;
        let (pairs, rates, present) = split(arcs.into_iter().filter(|(_, v, _)| *v != root).collect());
        let algorithm = Algorithm::Arborescence(Arborescence::with_absent(vertices, root, &pairs, &present));
        Ok(Self { algorithm, entries: named(&pairs), rates, size: vertices })
    }

    pub(crate) fn new_matching(rates: &[Vec<BigRational>]) -> Result<Self, EntryProblem> {
        let n = rates.len();
        if n == 0 {
            return Err((None, Problem::Empty));
        }
        if let Some((row, cells)) = rates.iter().enumerate().find(|(_, cells)| cells.len() != n) {
            return Err((None, Problem::NotSquare { rows: n, row, columns: cells.len() }));
        }
        let all: Vec<(usize, usize, BigRational)> = rates
            .iter()
            .enumerate()
            .flat_map(|(i, row)| row.iter().enumerate().map(move |(j, rate)| (i, j, rate.clone())))
            .collect();
        check_rates(all.iter().map(|(_, _, rate)| rate))?;
        can_get_stuck(rates)?;
        let (cells, rates, _) = split(all.into_iter().filter(|(_, _, rate)| rate.is_positive()).collect());
        let entries = named(&cells);
        Ok(Self { algorithm: Algorithm::Matching(Matching::with_cells(n, cells)), entries, rates, size: n })
    }

    pub(crate) fn new_positions(kind: Kind, rates: Vec<BigRational>, k: usize) -> Result<Self, EntryProblem> {
        let n = rates.len();
        if n == 0 {
            return Err((None, Problem::Empty));
        }
        check_rates(&rates)?;
        let present: Vec<bool> = rates.iter().map(Signed::is_positive).collect();
        let positive = present.iter().filter(|&&p| p).count();
        let absent = present.iter().position(|p| !p);
        let algorithm = match kind {
            Kind::BinaryTree | Kind::Permutation if absent.is_some() => {
                return Err((absent, Problem::ZeroRate { kind }));
            }
            Kind::BinaryTree => Algorithm::BinaryTree(BinaryTree::new(n)),
            Kind::Permutation => Algorithm::Permutation(Permutation::new(n)),
            Kind::TopK if k == 0 || k > positive => {
                return Err((None, Problem::K { k: k.to_string(), n, positive }));
            }
            Kind::TopK => Algorithm::TopK(TopK::with_absent(present, k)),
            _ if positive == 0 => return Err((None, Problem::AllAbsent)),
            _ => Algorithm::Categorical(Categorical::with_absent(present)),
        };
        Ok(Self { algorithm, entries: (0..n).map(Entry::Position).collect(), rates, size: n })
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
        match &self.algorithm {
            Algorithm::SpanningTree(_) => Kind::SpanningTree,
            Algorithm::Arborescence(_) => Kind::Arborescence,
            Algorithm::Matching(_) => Kind::Matching,
            Algorithm::BinaryTree(_) => Kind::BinaryTree,
            Algorithm::TopK(_) => Kind::TopK,
            Algorithm::Permutation(_) => Kind::Permutation,
            Algorithm::Categorical(_) => Kind::Categorical,
        }
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
        self.size
    }

    /// The ends of the edges or arcs, or the cells; empty for structures on positions.
    #[must_use]
    pub fn pairs(&self) -> Vec<(usize, usize)> {
        let pair = |entry: &Entry| if let Entry::Pair(u, v) = *entry { Some((u, v)) } else { None };
        self.entries.iter().filter_map(pair).collect()
    }

    /// The pairs that are present.
    fn present_pairs(&self) -> Vec<(usize, usize)> {
        let pairs = self.pairs().into_iter().zip(&self.rates);
        pairs.filter(|(_, rate)| rate.is_positive()).map(|(pair, _)| pair).collect()
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
        let positive = self.rates.iter().filter(|rate| rate.is_positive()).count();
        match &self.algorithm {
            Algorithm::SpanningTree(_) => Some(self.structure_count() * count::factorial(self.size - 1)),
            Algorithm::Arborescence(_) if self.size > 13 => None,
            Algorithm::Arborescence(a) => {
                Some(count::arborescence_traces(self.size, a.root(), &self.present_pairs()))
            }
            Algorithm::Matching(_) => Some(self.structure_count() * count::factorial(self.size)),
            Algorithm::TopK(top) => Some(count::factorial(positive) / count::factorial(positive - top.k())),
            _ => Some(self.structure_count()),
        }
    }

    /// The number of structures, without enumerating them.
    #[must_use]
    pub fn structure_count(&self) -> BigUint {
        let positive = self.rates.iter().filter(|rate| rate.is_positive()).count();
        match &self.algorithm {
            Algorithm::SpanningTree(_) => count::spanning_trees(self.size, &self.present_pairs()),
            Algorithm::Arborescence(a) => count::arborescences(self.size, a.root(), &self.present_pairs()),
            Algorithm::Matching(_) => {
                // Rows fall into blocks of m rows with the same m columns; a row of the block has m cells.
                let mut cells = vec![0_usize; self.size];
                self.pairs().iter().for_each(|&(row, _)| cells[row] += 1);
                let rows_with = |m: usize| cells.iter().filter(|&&c| c == m).count();
                let blocks = (1..=self.size).map(|m| count::factorial(m).pow((rows_with(m) / m) as u32));
                blocks.product()
            }
            Algorithm::BinaryTree(_) => count::catalan(self.size),
            Algorithm::TopK(top) => count::binomial(positive, top.k()),
            Algorithm::Permutation(_) => count::factorial(self.size),
            Algorithm::Categorical(_) => positive.into(),
        }
    }

    /// An entry as in canonical JSON.
    fn written(&self, entry: usize) -> String {
        self.entries.get(entry).map_or_else(|| format!("\"no entry {entry}\""), Entry::to_string)
    }

    /// The canonical JSON of a structure: edges or arcs `[[u,v],…]` sorted; the column of each row; the parent of each
    /// position or null; sorted positions; positions in order; the position.
    ///
    /// A structure of another model is written as far as it goes: an entry that this model has not is the text
    /// `"no entry 9"` at the end, a row without a cell `null`.
    #[must_use]
    pub fn canonical(&self, structure: &Structure) -> String {
        match structure {
            Structure::Parents(parents) => self::parents(&parents.0),
            Structure::Order(order) => list(order.iter()),
            Structure::Entries(set) => match self.kind() {
                Kind::Matching => {
                    let mut columns = vec![None; self.size];
                    for &k in set.iter() {
                        if let Some(&Entry::Pair(i, j)) = self.entries.get(k) {
                            columns[i] = Some(j);
                        }
                    }
                    let column = |j: &Option<usize>| j.map_or_else(|| "null".to_owned(), |j| j.to_string());
                    let foreign = set.iter().filter(|k| **k >= self.entries.len());
                    list(columns.iter().map(column).chain(foreign.map(|&k| self.written(k))))
                }
                Kind::Categorical => set.iter().map(|&k| self.written(k)).collect(),
                _ => {
                    let mut known: Vec<Entry> =
                        set.iter().filter_map(|&k| self.entries.get(k).copied()).collect();
                    known.sort_unstable();
                    let foreign = set.iter().filter(|k| **k >= self.entries.len());
                    list(known.iter().map(Entry::to_string).chain(foreign.map(|&k| self.written(k))))
                }
            },
        }
    }

    /// The canonical JSON of a trace: the winners in order; for an arborescence
    /// `[{"component":[v,…],"arc":[u,v]},…]` sorted by size and component; for a binary tree its structure.
    #[must_use]
    pub fn canonical_trace(&self, trace: &Trace) -> String {
        let winners = || trace.races().iter().map(|race| self.written(race.winner));
        match &self.algorithm {
            Algorithm::Categorical(_) => winners().collect(),
            Algorithm::BinaryTree(_) => {
                self.replay(trace).map_or_else(|_| String::new(), |x| self.canonical(&x))
            }
            Algorithm::Arborescence(_) => {
                let races: Vec<String> = self
                    .components(trace)
                    .into_iter()
                    .map(|(component, arc)| {
                        let (component, arc) = (list(component.iter()), self.entries[arc]);
                        format!(r#"{{"component":{component},"arc":{arc}}}"#)
                    })
                    .collect();
                list(races.iter())
            }
            _ => list(winners()),
        }
    }

    /// The races of an arborescence's trace as (component, winning arc), sorted by size and component; empty for
    /// other structures and impossible traces.
    #[must_use]
    pub fn components(&self, trace: &Trace) -> Vec<(Vec<usize>, usize)> {
        let Algorithm::Arborescence(algorithm) = &self.algorithm else { return Vec::new() };
        let mut races = trace.races().iter();
        let mut found = Vec::new();
        let path = recursion::follow(algorithm, |state, i, entrants| {
            let component = state.iter().filter(|c| c.winner.is_none()).nth(i).ok_or(())?;
            let race = races.next().filter(|race| race.entrants == entrants).ok_or(())?;
            found.push((component.vertices.iter().copied().collect::<Vec<_>>(), race.winner));
            Ok::<usize, ()>(race.winner)
        });
        if path.is_err() {
            return Vec::new();
        }
        found.sort_by_key(|(component, _)| (component.len(), component.clone()));
        found
    }

    /// The races of a trace as JSON, `[{"entrants":[…],"winner":…},…]`, entries by number.
    #[must_use]
    pub fn canonical_races(&self, trace: &Trace) -> String {
        let race = |race: &crate::race::Race| {
            format!(r#"{{"entrants":{},"winner":{}}}"#, list(race.entrants.iter()), race.winner)
        };
        list(trace.races().iter().map(race))
    }
}

/// `[a,b,…]`
pub(crate) fn list(items: impl Iterator<Item = impl std::fmt::Display>) -> String {
    let mut text = String::from("[");
    for (i, item) in items.enumerate() {
        let _ = write!(text, "{}{item}", if i > 0 { "," } else { "" }); // writing to a string cannot fail
    }
    text.push(']');
    text
}

fn parents(parents: &[Option<usize>]) -> String {
    list(parents.iter().map(|parent| parent.map_or_else(|| "null".to_owned(), |p| p.to_string())))
}

fn named(pairs: &[(usize, usize)]) -> Vec<Entry> {
    pairs.iter().map(|&(u, v)| Entry::Pair(u, v)).collect()
}

/// The pairs, their rates, and whether they are present.
type Split = (Vec<(usize, usize)>, Vec<BigRational>, Vec<bool>);

fn split(edges: Vec<(usize, usize, BigRational)>) -> Split {
    let present = edges.iter().map(|(_, _, rate)| rate.is_positive()).collect();
    let (pairs, rates) = edges.into_iter().map(|(u, v, rate)| ((u, v), rate)).unzip();
    (pairs, rates, present)
}

fn check_rates<'a>(rates: impl IntoIterator<Item = &'a BigRational>) -> Result<(), EntryProblem> {
    match rates.into_iter().enumerate().find(|(_, rate)| rate.is_negative()) {
        Some((entry, rate)) => {
            Err((Some(entry), Problem::Rate(crate::rate::RateError::Negative(rate.to_string()))))
        }
        None => Ok(()),
    }
}

/// Loops, vertices out of range, pairs given twice, negative rates.
fn check_pairs(vertices: usize, edges: &[(usize, usize, BigRational)]) -> Result<(), EntryProblem> {
    if vertices == 0 {
        return Err((None, Problem::Empty));
    }
    check_rates(edges.iter().map(|(_, _, rate)| rate))?;
    let mut first = std::collections::BTreeMap::new();
    for (entry, &(u, v, _)) in edges.iter().enumerate() {
        if let Some(vertex) = [u, v].into_iter().find(|&vertex| vertex >= vertices) {
            return Err((Some(entry), Problem::Vertex { vertex, vertices }));
        }
        if u == v {
            return Err((Some(entry), Problem::Loop { vertex: u }));
        }
        if let Some(first) = first.insert((u, v), entry) {
            return Err((Some(entry), Problem::Duplicate { u, v, first }));
        }
    }
    Ok(())
}

/// The smallest vertex that cannot be reached, if there is one, without memory for more vertices than edges name.
fn reachable<'a>(
    vertices: usize,
    root: usize,
    arcs: impl Iterator<Item = (usize, usize, &'a BigRational)>,
) -> Result<(), usize> {
    let arcs: Vec<(usize, usize)> =
        arcs.filter(|(_, _, rate)| rate.is_positive()).map(|(u, v, _)| (u, v)).collect();
    // Every other vertex must be the head of an arc.
    let mut heads: Vec<usize> = arcs.iter().map(|&(_, v)| v).chain([root]).collect();
    heads.sort_unstable();
    heads.dedup();
    if let Some(vertex) = (0..vertices)
        .zip(heads.iter().map(Some).chain(std::iter::repeat(None)))
        .find_map(|(vertex, head)| (head != Some(&vertex)).then_some(vertex))
    {
        return Err(vertex);
    }
    // So there are at most as many vertices as arcs, and one more.
    let mut graph = DiGraph::<(), ()>::new();
    let nodes: Vec<NodeIndex> = (0..vertices).map(|_| graph.add_node(())).collect();
    for (u, v) in arcs {
        graph.add_edge(nodes[u], nodes[v], ());
    }
    let mut seen = vec![false; vertices];
    let mut search = Bfs::new(&graph, nodes[root]);
    while let Some(vertex) = search.next(&graph) {
        seen[vertex.index()] = true;
    }
    seen.iter().position(|seen| !seen).map_or(Ok(()), Err)
}

/// Greedy choices can get stuck unless rows that share a column have the same columns, as many as there are such rows.
fn can_get_stuck(rates: &[Vec<BigRational>]) -> Result<(), EntryProblem> {
    let columns =
        |row: usize| -> Vec<usize> { (0..rates.len()).filter(|&j| rates[row][j].is_positive()).collect() };
    let all: Vec<Vec<usize>> = (0..rates.len()).map(columns).collect();
    for (row, mine) in all.iter().enumerate() {
        if mine.is_empty() {
            return Err((None, Problem::EmptyRow { row }));
        }
        for (other, _) in all.iter().enumerate().filter(|(_, theirs)| *theirs != mine) {
            let has = |column: &&usize| rates[other][**column].is_positive();
            let (shared, missing) = (mine.iter().find(has), mine.iter().find(|column| !has(column)));
            if let (Some(&shared), Some(&missing)) = (shared, missing) {
                return Err((None, Problem::Stuck { row, other, shared, missing }));
            }
        }
        let same = all.iter().filter(|theirs| *theirs == mine).count();
        if same != mine.len() {
            return Err((None, Problem::Unbalanced { row, rows: same, columns: mine.len() }));
        }
    }
    Ok(())
}
