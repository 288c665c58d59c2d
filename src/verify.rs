//! The main job: the exact identities, on built-in models, closed forms, and random inputs by brute force.
//!
//! What is exact and needs no draws is here; [`crate::check`] then holds a sampler to the oracle. The command `verify` does
//! both, for every structure.

use gumbel_oracle::estimators::Score;
use gumbel_oracle::identities::{self, Identity};
use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::number::to_f64;
use gumbel_oracle::relax::Degree;
use gumbel_oracle::structure::Structure;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

use crate::check::estimates::{self, Estimator, LawOfEstimates};
use crate::check::{CheckError, Options};
use crate::estimate::{EstimateError, Estimates, Linear, Reinforce, Relax};
use crate::report::Row;
use crate::sample::{Rated, Sampler, Walker};
use crate::statistics::Budget;

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

/// The models of [`MODELS`] on which estimates of gradients are judged: one of each structure.
pub const ESTIMATED: [&str; 7] =
    ["k4", "nested_arborescence", "matching3", "binary_tree5", "top_k", "permutation4", "categorical"];

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

/// The classical estimators of the gradient of a loss: E-REINFORCE, T-REINFORCE, both of two draws with a leave-one-out baseline,
/// and RELAX with the best linear critic.
///
/// # Errors
/// [`CheckError::TooLarge`] if there are too many traces.
fn estimators(model: &Model, loss: &Loss) -> Result<Vec<Estimator>, CheckError> {
    let best = model.critics_of(loss, Degree::Linear, Limit::default())?.best();
    let weights = best.weights.iter().map(to_f64).collect();
    let critic = Linear { constant: to_f64(&best.constant), weights };
    let [trace, exponentials] = [Score::Trace, Score::Exponentials];
    let of = [Estimator::Plain(exponentials), Estimator::Plain(trace), Estimator::Pair(exponentials)];
    Ok(of.into_iter().chain([Estimator::Pair(trace), Estimator::Relax(critic)]).collect())
}

/// How many statistical tests [`estimates()`] holds on this model.
#[must_use]
pub fn tests_of_estimates(name: &str, model: &Model) -> usize {
    if ESTIMATED.contains(&name) { 5 * LawOfEstimates::tests(model) } else { 0 }
}

/// Estimates of the gradient of a loss, by every estimator of [`crate::estimate`] whose law is known, made of this sampler's draws:
/// [`Options::samples`] estimates of each, on the models of [`ESTIMATED`]. `drawn` is told of the estimates made.
///
/// # Errors
/// [`CheckError`].
pub fn estimates(
    name: &str,
    model: &Model,
    loss: &Loss,
    (sampler, seed): (&dyn Sampler, u64),
    options: &Options,
    budget: &Budget,
    drawn: impl Fn(u64) + Sync,
) -> Result<Vec<Row>, CheckError> {
    if !ESTIMATED.contains(&name) {
        return Ok(Vec::new());
    }
    let rates: Vec<f64> = model.rates().iter().map(to_f64).collect();
    let (sampler, walker) = (Rated(sampler, &rates), Walker::new(model));
    let f = |x: &Structure| loss.of(model, x) as f64;
    let mut rows = Vec::new();
    for estimator in estimators(model, loss)? {
        let law = LawOfEstimates::of(model, loss, &estimator)?;
        let judge =
            |estimates: &dyn Sampler| estimates::judge(name, model, &law, estimates, options, budget, &drawn);
        let leave_one_out =
            |score| -> Result<Reinforce, EstimateError> { Ok(Reinforce::new(score, 2)?.leave_one_out()?) };
        rows.extend(match estimator {
            Estimator::Plain(score) => {
                let reinforce = Reinforce::new(score, 1)?;
                judge(&Estimates::new(seed, |rng| reinforce.gradient(&sampler, f, rng)))
            }
            Estimator::Pair(score) => {
                let reinforce = leave_one_out(score)?;
                judge(&Estimates::new(seed, |rng| reinforce.gradient(&sampler, f, rng)))
            }
            Estimator::Relax(critic) => {
                let relax = Relax::new(critic, 1)?;
                judge(&Estimates::new(seed, |rng| relax.gradient(&sampler, &walker, f, rng)))
            }
        }?);
    }
    Ok(rows)
}
