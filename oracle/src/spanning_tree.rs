//! Random spanning trees: Kruskal's algorithm run on exponential weights.
//!
//! # Notation
//! A connected graph with `n` vertices and a set `K` of `m` edges. Edge `k` has rate `λ_k ≥ 0` (0: absent) and weight
//! `E_k ~ Exp(λ_k)`, mean `1/λ_k`. The trace `T = (t_1, …, t_{n-1})` is the edges in the order chosen, `X(T)` their
//! set. Before step `r` the edges between different components are `S_r`; `Λ_r = Σ_{k∈S_r} λ_k`. The paper's parameter
//! is the logit `θ_k = -log λ_k`; here the rate is primary.
//!
//! # Law
//! `p(T) = Π_r λ_{t_r} / Λ_r`, and `P(X = x) = Σ p(T)` over the `(n-1)!` orders in which the edges of `x` can be
//! chosen. `X` is the minimum spanning tree of the weights.
//!
//! This is *not* the Gibbs law, in which a tree has probability proportional to the product of its rates: on the
//! triangle with rates 4, 2, 1 the trees without the edge of rate 1, 2, 4 have probability 64/105, 30/105, 11/105 here
//! and 60/105, 30/105, 15/105 there.
//!
//! # Cost
//! A run: O(n·m). There are `(n-1)!·τ` traces for `τ` spanning trees (K₄: 96; K₆: 155,520). The collapsed law visits
//! the forests of the graph (K₈: 561,948), the edge marginals the partitions of the vertices (K₁₀: 115,975).
//!
//! # Example
//! ```
//! use gumbel_oracle::{number::ratio, recursion::traces, spanning_tree::SpanningTree};
//! let triangle = SpanningTree::new(3, &[(0, 1), (0, 2), (1, 2)]);
//! let first = traces(&triangle, &[ratio(1, 1), ratio(2, 1), ratio(3, 1)]).next().unwrap();
//! assert_eq!(first.probability, ratio(1, 15)); // edges 0, 1: 1/6 · 2/5
//! ```
//!
//! # References
//! Struminsky et al. (2021), arXiv:2110.15072, section 4 and appendix (Kruskal); J. B. Kruskal (1956), *On the shortest
//! spanning subtree of a graph and the traveling salesman problem*.

use itertools::Itertools;
use num_bigint::BigUint;
use num_rational::BigRational;
use num_traits::Zero;
use petgraph::graph::{EdgeIndex, NodeIndex, UnGraph};
use petgraph::unionfind::UnionFind;
use petgraph::visit::EdgeRef;

use crate::builtin::{Builtin, Relabelled, canonical_set};
use crate::checked::{check_pairs, reachable, split};
use crate::collapse::OrderFree;
use crate::count;
use crate::kind::{Entry, Kind};
use crate::limit::{Limit, TooLarge};
use crate::problem::{EntryProblem, ModelError, Problem, TraceProblem};
use crate::race::Trace;
use crate::reader::{Given, Weighted};
use crate::recursion::Recursion;
use crate::structure::EntrySet;
use crate::trace_reader;

/// Kruskal's algorithm. The state is the component of each vertex, named by its smallest vertex; the structure is
/// the set of edges, by entry number.
#[derive(Debug, Clone)]
pub struct SpanningTree {
    /// An edge's index is its entry number; its weight says whether it is present.
    graph: UnGraph<(), bool>,
}

impl SpanningTree {
    /// Kruskal on the graph with these edges; edge `k` is entry `k`.
    ///
    /// # Panics
    /// If an edge names a vertex that is not in `0..vertices`. Files are checked by [`crate::model`].
    #[must_use]
    pub fn new(vertices: usize, edges: &[(usize, usize)]) -> Self {
        Self::with_absent(vertices, edges, &vec![true; edges.len()])
    }

    /// The same, where only the edges with `present[k]` exist.
    pub(crate) fn with_absent(vertices: usize, edges: &[(usize, usize)], present: &[bool]) -> Self {
        let mut graph = UnGraph::with_capacity(vertices, edges.len());
        for _ in 0..vertices {
            graph.add_node(());
        }
        for (&(u, v), &present) in edges.iter().zip(present) {
            graph.add_edge(NodeIndex::new(u), NodeIndex::new(v), present);
        }
        Self { graph }
    }

    /// The graph; an edge's index is its entry number, its weight whether it is present.
    #[must_use]
    pub fn graph(&self) -> &UnGraph<(), bool> {
        &self.graph
    }
}

impl Recursion for SpanningTree {
    type State = Vec<usize>;
    type Structure = EntrySet;

    fn entry_count(&self) -> usize {
        self.graph.edge_count()
    }

    fn start(&self) -> Vec<usize> {
        (0..self.graph.node_count()).collect()
    }

    fn stop(&self, component: &Vec<usize>) -> Option<EntrySet> {
        component.iter().all(|&c| c == component[0]).then(EntrySet::new)
    }

    fn split(&self, component: &Vec<usize>) -> Vec<Vec<usize>> {
        let between = |e: &petgraph::graph::EdgeReference<'_, bool>| {
            *e.weight() && component[e.source().index()] != component[e.target().index()]
        };
        vec![self.graph.edge_references().filter(between).map(|e| e.id().index()).collect()]
    }

    fn map(&self, component: &Vec<usize>, winners: &[usize]) -> Vec<usize> {
        let mut sets = UnionFind::new(component.len());
        for (vertex, &name) in component.iter().enumerate() {
            sets.union(vertex, name);
        }
        for &winner in winners {
            if let Some((u, v)) = self.graph.edge_endpoints(EdgeIndex::new(winner)) {
                sets.union(u.index(), v.index());
            }
        }
        // The first vertex found with a representative is the smallest of its set.
        let mut name = vec![None; component.len()];
        (0..component.len()).map(|vertex| *name[sets.find(vertex)].get_or_insert(vertex)).collect()
    }

    fn combine(&self, _: &Vec<usize>, winners: &[usize], rest: EntrySet) -> EntrySet {
        rest.with(winners)
    }
}

impl OrderFree for SpanningTree {}

impl SpanningTree {
    /// From edges with rates that are checked here.
    pub(crate) fn checked(
        vertices: usize,
        edges: Vec<Weighted>,
    ) -> Result<(Self, Vec<BigRational>), EntryProblem> {
        let edges: Vec<_> = edges.into_iter().map(|(u, v, rate)| (u.min(v), u.max(v), rate)).collect();
        check_pairs(vertices, &edges)?;
        reachable(vertices, 0, edges.iter().flat_map(|(u, v, rate)| [(*u, *v, rate), (*v, *u, rate)]))
            .map_err(|vertex| (None, Problem::Disconnected { vertex }))?;
        let (pairs, rates, present) = split(edges);
        Ok((Self::with_absent(vertices, &pairs, &present), rates))
    }

    /// The ends of an edge, the lower first.
    fn ends(&self, edge: usize) -> (usize, usize) {
        let ends = self.graph.edge_endpoints(EdgeIndex::new(edge));
        let (u, v) = ends.expect("an entry of this graph");
        (u.index().min(v.index()), u.index().max(v.index()))
    }

    /// The edges that are of this graph: all, of a structure of this model.
    fn known(&self, edges: &EntrySet) -> impl Iterator<Item = usize> {
        edges.iter().copied().filter(|&k| k < self.graph.edge_count())
    }

    fn present(&self) -> Vec<usize> {
        self.graph.edge_references().filter(|e| *e.weight()).map(|e| e.id().index()).collect()
    }

    fn connects(&self, edges: &EntrySet) -> bool {
        let mut sets = UnionFind::<usize>::new(self.graph.node_count());
        edges.iter().map(|&k| self.ends(k)).all(|(u, v)| sets.union(u, v))
    }

    fn forests_bound(&self, trees: &BigUint) -> BigUint {
        count::forests_bound(self.size(), self.present().len(), trees)
    }

    /// Each edge with its rate, as a graph is built from.
    fn weighted(&self, rates: &[BigRational]) -> Vec<Weighted> {
        rates.iter().enumerate().map(|(k, rate)| (self.ends(k).0, self.ends(k).1, rate.clone())).collect()
    }
}

impl Builtin for SpanningTree {
    const KIND: Kind = Kind::SpanningTree;
    const ABOUT: &'static str = "Kruskal: in each step the edges between different components race. The winner becomes an \
                               edge of the tree and joins its two components.";
    const LOSSES: &'static [(&'static str, &'static str)] = &[
        ("default", "the number of tree edges that do not touch vertex 0"),
        ("max_degree", "the largest degree"),
        ("leaves", "the number of vertices with one edge"),
    ];
    const FIELDS: &'static [&'static str] = &["vertices", "edges"];

    fn size(&self) -> usize {
        self.graph.node_count()
    }

    fn entry(&self, k: usize) -> Entry {
        let (u, v) = self.ends(k);
        Entry::Pair(u, v)
    }

    fn read(given: &Given<'_>) -> Result<(Self, Vec<BigRational>), ModelError> {
        given.graph(false, Self::checked)
    }

    fn structure_count(&self) -> BigUint {
        let present: Vec<_> = self.present().into_iter().map(|k| self.ends(k)).collect();
        count::spanning_trees(self.size(), &present)
    }

    fn trace_count(&self) -> Option<BigUint> {
        Some(self.structure_count() * count::factorial(self.size().saturating_sub(1)))
    }

    /// A connected graph on `n` vertices has at least `2^(n-1)` forests.
    fn check_magnitude(&self, limit: Limit) -> Result<(), TooLarge> {
        limit.check_power("forests (a lower bound)", self.size().saturating_sub(1))
    }

    fn check_law(&self, limit: Limit) -> Result<(), TooLarge> {
        self.check_magnitude(limit)?;
        let trees = self.structure_count();
        limit.check_lower_bound("structures", &trees)?; // and more forests on the way to them
        limit.check("forests (an upper bound)", &self.forests_bound(&trees))
    }

    fn check_states(&self, limit: Limit) -> Result<(), TooLarge> {
        self.check_magnitude(limit)?;
        let partitions = count::bell(self.size()).min(self.forests_bound(&self.structure_count()));
        limit.check("partitions of the vertices (an upper bound)", &partitions)
    }

    fn loss(&self, name: &str, edges: &EntrySet) -> i64 {
        let mut degree = vec![0_i64; self.size()];
        for (u, v) in self.known(edges).map(|k| self.ends(k)) {
            degree[u] += 1;
            degree[v] += 1;
        }
        match name {
            "max_degree" => degree.into_iter().max().unwrap_or(0),
            "leaves" if self.size() == 1 => 1,
            "leaves" => degree.iter().filter(|&&d| d == 1).count() as i64,
            _ => self.known(edges).filter(|&k| self.ends(k).0 != 0).count() as i64,
        }
    }

    fn additive(&self, name: &str) -> Option<Vec<i64>> {
        let value = |k| i64::from(self.ends(k).0 != 0);
        (name == "default").then(|| (0..self.entry_count()).map(value).collect())
    }

    fn canonical(&self, edges: &EntrySet) -> String {
        canonical_set(self, edges)
    }

    fn parse_trace(&self, text: &str) -> Result<Trace, TraceProblem> {
        let want = "the edges in the order chosen, [[u,v],…]";
        let edges: Vec<(usize, usize)> = trace_reader::parse::<Self, _>(text, want)?;
        let edge = |(u, v): (usize, usize)| Entry::Pair(u.min(v), u.max(v));
        trace_reader::of_winners(self, &edges.into_iter().map(edge).collect::<Vec<_>>())
    }

    fn race_count(&self, _: &Trace) -> usize {
        self.size().saturating_sub(1)
    }

    fn relabelled(&self, rates: &[BigRational]) -> Relabelled<Self> {
        let (n, m) = (self.size(), rates.len());
        let moved =
            self.weighted(rates).into_iter().rev().map(|(u, v, rate)| ((u + 1) % n, (v + 1) % n, rate));
        let (pairs, rates, present) = split(moved.collect());
        Relabelled {
            algorithm: Self::with_absent(n, &pairs, &present),
            rates,
            number: (0..m).rev().collect(),
        }
    }

    fn without(&self, rates: &[BigRational], k: usize) -> Option<[(Self, Vec<BigRational>); 2]> {
        let [mut zero, mut less] = [self.weighted(rates), self.weighted(rates)];
        zero[k].2 = BigRational::zero();
        less.remove(k);
        let build = |edges| Self::checked(self.size(), edges).ok();
        Some([build(zero)?, build(less)?])
    }

    fn candidates(&self) -> Option<Vec<EntrySet>> {
        let sets =
            self.present().into_iter().combinations(self.size().saturating_sub(1)).map(EntrySet::from_iter);
        Some(sets.filter(|set| self.connects(set)).collect())
    }
}
