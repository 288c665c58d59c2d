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

use petgraph::graph::{EdgeIndex, NodeIndex, UnGraph};
use petgraph::unionfind::UnionFind;
use petgraph::visit::EdgeRef;

use crate::recursion::Recursion;
use crate::structure::EntrySet;

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

    fn entries(&self) -> usize {
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

    fn combine(&self, _: &Vec<usize>, winners: &[usize], mut rest: EntrySet) -> EntrySet {
        rest.extend(winners);
        rest
    }
}
