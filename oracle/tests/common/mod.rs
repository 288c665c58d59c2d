//! Random models for the property tests.

// Each test file uses a part of it.
#![allow(dead_code)]

use gumbel_oracle::model::Model;
use gumbel_oracle::number::ratio;
use num_rational::BigRational;
use petgraph::graph::{DiGraph, NodeIndex, UnGraph};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// `number` cases from a fixed seed: the same on every machine, so no file of failures is kept. A case that once failed
/// becomes a plain test.
pub(crate) fn cases(number: u32) -> ProptestConfig {
    ProptestConfig {
        cases: number,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x0607_7BE1),
        ..ProptestConfig::default()
    }
}

/// A graph or digraph as a list, in no particular order.
#[derive(Debug, Clone)]
pub(crate) struct Graph {
    pub(crate) vertices: usize,
    /// Of no meaning for a graph without directions.
    pub(crate) root: usize,
    pub(crate) edges: Vec<(usize, usize, BigRational)>,
}

impl Graph {
    pub(crate) fn undirected(&self) -> UnGraph<(), BigRational> {
        let mut graph = UnGraph::default();
        for _ in 0..self.vertices {
            graph.add_node(());
        }
        for (u, v, rate) in &self.edges {
            graph.add_edge(NodeIndex::new(*u), NodeIndex::new(*v), rate.clone());
        }
        graph
    }

    pub(crate) fn directed(&self) -> DiGraph<(), BigRational> {
        let mut graph = DiGraph::default();
        for _ in 0..self.vertices {
            graph.add_node(());
        }
        for (u, v, rate) in &self.edges {
            graph.add_edge(NodeIndex::new(*u), NodeIndex::new(*v), rate.clone());
        }
        graph
    }

    pub(crate) fn tree_model(&self) -> Model {
        Model::spanning_tree(&self.undirected()).unwrap()
    }

    pub(crate) fn arborescence_model(&self) -> Model {
        Model::arborescence(&self.directed(), NodeIndex::new(self.root)).unwrap()
    }
}

/// A positive fraction; small numbers, so that equal rates happen too.
pub(crate) fn rate() -> impl Strategy<Value = BigRational> {
    (1..=12_i64, 1..=6_i64).prop_map(|(p, q)| ratio(p, q))
}

/// A rate, and now and then 0.
fn rate_or_absent() -> impl Strategy<Value = BigRational> {
    prop_oneof![8 => rate(), 1 => Just(ratio(0, 1))]
}

/// How many of the pairs beyond the spanning tree there are: percent.
fn density() -> impl Strategy<Value = u32> {
    prop_oneof![1 => Just(0_u32), 1 => Just(100_u32), 3 => 5..95_u32]
}

/// A random recursive tree with shuffled names, and each of the other pairs with a probability that is itself drawn: from a
/// bare tree to all pairs.
fn graph(largest: usize, directed: bool) -> impl Strategy<Value = Graph> {
    let names = (2..=largest).prop_flat_map(|n| Just((0..n).collect::<Vec<usize>>()).prop_shuffle());
    names
        .prop_flat_map(move |names| {
            let n = names.len();
            let parents = proptest::collection::vec((any::<prop::sample::Index>(), rate()), n - 1);
            let others = proptest::collection::vec((0..100_u32, rate_or_absent(), any::<bool>()), n * n);
            (Just(names), parents, others, density())
        })
        .prop_map(move |(names, parents, others, density)| {
            let n = names.len();
            let mut edges: Vec<(usize, usize, BigRational)> = Vec::new();
            for (i, (parent, rate)) in parents.into_iter().enumerate() {
                edges.push((names[parent.index(i + 1)], names[i + 1], rate));
            }
            for (i, (chance, rate, turned)) in others.into_iter().enumerate() {
                let (u, v) = (names[i / n], names[i % n]);
                let here = |&(a, b, _): &(usize, usize, BigRational)| {
                    (a, b) == (u, v) || !directed && (a, b) == (v, u)
                };
                if u != v && chance < density && !edges.iter().any(here) {
                    edges.push(if turned && !directed { (v, u, rate) } else { (u, v, rate) });
                }
            }
            Graph { vertices: n, root: names[0], edges }
        })
        .prop_flat_map(|graph| {
            let edges = Just(graph.edges.clone()).prop_shuffle();
            edges.prop_map(move |edges| Graph { edges, ..graph.clone() })
        })
}

/// A connected graph of 2 to `largest` vertices. Edges of rate 0 are never needed to connect it.
pub(crate) fn connected_graph(largest: usize) -> impl Strategy<Value = Graph> {
    graph(largest, false)
}

/// A digraph of 2 to `largest` vertices in which the root, any vertex, reaches all. There are arcs into the root too.
pub(crate) fn digraph_from_root(largest: usize) -> impl Strategy<Value = Graph> {
    graph(largest, true)
}
