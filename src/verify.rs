//! The main job: the exact identities, on built-in models, closed forms, and random inputs by brute force.
//!
//! What is exact and needs no draws is here; [`crate::check`] then holds a sampler to the oracle. The command `verify` does
//! both, for every structure.

use gumbel_oracle::identities::{self, Identity};
use gumbel_oracle::model::{Kind, Model};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

use crate::report::Row;

/// The built-in models, by structure: name and text.
pub const MODELS: [(&str, &str); 11] = [
    ("k4", include_str!("../examples/models/k4.json")),
    ("bridge", include_str!("../examples/models/bridge.json")),
    ("cycle_with_chord", include_str!("../examples/models/cycle_with_chord.json")),
    ("tree_from_logits", include_str!("../examples/models/tree_from_logits.json")),
    ("nested_arborescence", include_str!("../examples/models/nested_arborescence.json")),
    ("arborescence4", include_str!("../examples/models/arborescence4.json")),
    ("matching3", include_str!("../examples/models/matching3.json")),
    ("binary_tree5", include_str!("../examples/models/binary_tree5.json")),
    ("top_k", include_str!("../examples/models/top_k.json")),
    ("permutation4", include_str!("../examples/models/permutation4.json")),
    ("categorical", include_str!("../examples/models/categorical.json")),
];

fn exact_row(kind: Kind, model: &str, Identity { name, outcome }: Identity) -> Row {
    let (count, wrong) = match outcome {
        Ok(compared) => (compared, None),
        Err(note) => (0, Some(note)),
    };
    let row = Row::exact("identity", name, count, "equalities");
    let row = Row { structure: kind.name(), model: model.to_owned(), ..row };
    match wrong {
        Some(note) => row.refuted(note),
        None => row,
    }
}

/// The exact identities of a model.
#[must_use]
pub fn identities(name: &str, model: &Model) -> Vec<Row> {
    identities::of_model(model).into_iter().map(|identity| exact_row(model.kind(), name, identity)).collect()
}

/// The closed forms of one structure.
#[must_use]
pub fn closed_forms(kind: Kind) -> Vec<Row> {
    let all = identities::closed_forms().into_iter().filter(|(of, _)| *of == kind);
    all.map(|(kind, identity)| exact_row(kind, "closed forms", identity)).collect()
}

/// Optimality by brute force on random weights, for the structures that are optimal: `graphs` random inputs, sparse and
/// dense, n up to 7, each with 40 draws of integer weights, ties among them.
#[must_use]
pub fn optimality(kind: Kind, seed: u64, graphs: u64) -> Option<Row> {
    if !matches!(kind, Kind::SpanningTree | Kind::Arborescence | Kind::TopK | Kind::Permutation) {
        return None;
    }
    let one = |graph: u64| -> Identity {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(graph);
        let model = random_model(kind, &mut rng);
        let draws: Vec<Vec<i64>> = (0..40)
            .map(|draw| {
                let largest = if draw % 2 == 0 { 9 } else { 1 << 40 }; // small weights: many ties
                model.entries().iter().map(|_| rng.random_range(1..=largest)).collect()
            })
            .collect();
        identities::optimality(&model, &draws)
    };
    let all: Vec<Identity> = (0..graphs).into_par_iter().map(one).collect();
    let outcome = all.into_iter().map(|identity| identity.outcome).sum();
    Some(exact_row(kind, "random weights", Identity { name: "optimal by brute force", outcome }))
}

/// A connected graph, a digraph that its root reaches, or a list, with rates 1.
fn random_model(kind: Kind, rng: &mut ChaCha8Rng) -> Model {
    use gumbel_oracle::number::ratio;
    use petgraph::graph::{DiGraph, NodeIndex, UnGraph};
    loop {
        let n: usize = rng.random_range(2..=7);
        let density = [0.2, 0.5, 1.0][rng.random_range(0..3)];
        let mut pairs: Vec<(u32, u32, _)> = Vec::new();
        for u in 0..n as u32 {
            for v in 0..n as u32 {
                if (kind == Kind::Arborescence && u != v || u < v) && rng.random_bool(density) {
                    pairs.push((u, v, ratio(1, 1)));
                }
            }
        }
        let model = match kind {
            Kind::SpanningTree => Model::spanning_tree(&UnGraph::<(), _>::from_edges(pairs)),
            Kind::Arborescence => {
                let graph = DiGraph::<(), _>::from_edges(pairs);
                let root = rng.random_range(0..graph.node_count().max(1));
                Model::arborescence(&graph, NodeIndex::new(root))
            }
            Kind::TopK => Model::top_k(vec![ratio(1, 1); n], rng.random_range(1..=n)),
            _ => Model::permutation(vec![ratio(1, 1); n]),
        };
        if let Ok(model) = model {
            return model;
        }
    }
}
