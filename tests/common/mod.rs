//! What several tests share.

use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::number::ratio;
use num_rational::BigRational;
use petgraph::graph::{DiGraph, NodeIndex, UnGraph};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;

/// A random model: dense or sparse, rates over six orders of magnitude, some absent where they may be.
pub(crate) fn random(kind: Kind, n: usize, rng: &mut ChaCha8Rng) -> Model {
    // A graph from a list of edges has a vertex only if an edge names it.
    let n = if matches!(kind, Kind::SpanningTree | Kind::Arborescence) { n.max(2) } else { n };
    loop {
        let density: f64 = if rng.random_bool(0.5) { 1.0 } else { (4.0 / n as f64).min(0.8) };
        let mut rate = |zeros: bool| -> BigRational {
            if zeros && rng.random_bool(0.1) {
                return ratio(0, 1);
            }
            ratio(rng.random_range(1..1000), 1) * ratio(1, 10_i64.pow(rng.random_range(0..4)))
        };
        let list = |rate: &mut dyn FnMut(bool) -> BigRational, zeros: bool| -> Vec<BigRational> {
            (0..n).map(|_| rate(zeros)).collect()
        };
        let pairs = |rate: &mut dyn FnMut(bool) -> BigRational, directed: bool| {
            let all = (0..n as u32).flat_map(|u| (0..n as u32).map(move |v| (u, v)));
            let all = all.filter(|&(u, v)| u < v || directed && u != v);
            all.map(|(u, v)| (u, v, rate(true))).collect::<Vec<_>>()
        };
        let model = match kind {
            Kind::SpanningTree | Kind::Arborescence => {
                let directed = kind == Kind::Arborescence;
                let mut edges = pairs(&mut rate, directed);
                edges.retain(|_| rng.random_bool(density));
                if directed {
                    let graph = DiGraph::<(), _>::from_edges(edges);
                    let root = rng.random_range(0..graph.node_count().max(1));
                    Model::arborescence(&graph, NodeIndex::new(root))
                } else {
                    Model::spanning_tree(&UnGraph::<(), _>::from_edges(edges))
                }
            }
            Kind::Matching => Model::matching(&(0..n).map(|_| list(&mut rate, false)).collect::<Vec<_>>()),
            Kind::BinaryTree => Model::binary_tree(list(&mut rate, false)),
            Kind::TopK => Model::top_k(list(&mut rate, true), n.div_ceil(3)),
            Kind::Permutation => Model::permutation(list(&mut rate, false)),
            Kind::Categorical => Model::categorical(list(&mut rate, true)),
        };
        if let Ok(model) = model {
            return model;
        }
    }
}
