//! The fast samplers against the oracle's plain algorithms, on the same weights.

mod common;

use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::race::Trace;
use gumbel_oracle::structure::Structure;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;
use recursive_gumbel::fast::{Algorithm, Fast, NONE, Outputs, SpanningTree};

use common::random;

/// What is compared of a run.
#[derive(Debug, Clone, PartialEq)]
struct Ran {
    structure: Structure,
    winners: Vec<usize>,
    log_prob: f64,
    score: Vec<f64>,
    conditional: Vec<f64>,
}

/// Runs an algorithm on given weights, and makes the conditional draw from given uniforms.
type Runner = Box<dyn FnMut(&[f64], &[f64]) -> Ran + Send>;

fn runner<A: Algorithm + Send + 'static>(algorithm: A) -> Runner {
    let mut fast = Fast::new(algorithm, 1);
    Box::new(move |weights, uniforms| {
        let algorithm = fast.algorithm();
        let mut structure = vec![0; algorithm.structure_len()];
        let mut trace = vec![0; algorithm.trace_len()];
        let (mut log_prob, mut score, mut conditional) = ([0.0], vec![9.0; weights.len()], weights.to_vec());
        let outputs = Outputs {
            structure: Some(&mut structure),
            trace: Some(&mut trace),
            log_prob: Some(&mut log_prob),
            score: Some(&mut score),
            conditional: Some(&mut conditional),
            ..Outputs::default()
        };
        fast.run(weights, uniforms, outputs).unwrap();
        Ran {
            structure: fast.algorithm().to_structure(&structure),
            winners: trace.iter().filter(|winner| **winner != NONE).map(|&winner| winner as usize).collect(),
            log_prob: log_prob[0],
            score,
            conditional,
        }
    })
}

/// The structures that have a fast sampler.
const KINDS: [Kind; 1] = [Kind::SpanningTree];

/// The fast algorithms of a model, one for each layout that there is.
fn runners(model: &Model) -> Vec<Runner> {
    let pairs: Vec<(u32, u32)> = model.pairs().iter().map(|&(u, v)| (u as u32, v as u32)).collect();
    let rates: Vec<f64> = model.rates_as();
    match model.kind() {
        Kind::SpanningTree => [true, false]
            .map(|dense| runner(SpanningTree::with_layout(model.size(), &pairs, &rates, dense).unwrap()))
            .into(),
        kind => panic!("{} has no fast sampler", kind.name()),
    }
}

/// Weights of different sorts: as drawn; few values, with 0, so that most are tied; apart by a few units of the last place; all
/// equal; over 200 orders of magnitude.
fn weights(rates: &[f64], sort: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let mut weight = |rate: f64| match sort % 5 {
        0 => -libm::log(rng.random_range(1e-12..1.0)) / rate,
        1 => f64::from(rng.random_range(0..4)),
        2 => 1.0 + f64::from(rng.random_range(0..6)) * f64::EPSILON,
        3 => 1.0,
        _ => libm::exp(rng.random_range(-230.0..230.0)),
    };
    rates.iter().map(|&rate| if rate > 0.0 { weight(rate) } else { f64::NAN }).collect()
}

/// The first difference between a run and the oracle's on the same weights.
fn difference(model: &Model, rates: &[f64], weights: &[f64], uniforms: &[f64], ran: &Ran) -> Option<String> {
    let oracles: Vec<f64> = weights.iter().map(|&w| if w.is_nan() { 0.0 } else { w }).collect();
    let run = model.run(&oracles).unwrap();
    let winners: Vec<usize> = run.trace.races().iter().map(|race| race.winner).collect();
    if ran.winners != winners {
        return Some(format!("winners {:?}, want {winners:?}", ran.winners));
    }
    if ran.structure != run.structure {
        return Some(format!("structure {:?}, want {:?}", ran.structure, run.structure));
    }
    let trace: &Trace = &run.trace;
    let conditional = trace.exponentials(rates, uniforms);
    let conditional: Vec<f64> =
        conditional.into_iter().map(|weight| weight.unwrap_or(f64::INFINITY)).collect();
    let close = |a: f64, b: f64, scale: f64| a == b || (a - b).abs() <= 1e-12 * scale;
    let log_prob = trace.log_probability(rates);
    if !close(ran.log_prob, log_prob, log_prob.abs().max(1.0)) {
        return Some(format!("log p {}, want {log_prob}", ran.log_prob));
    }
    for (what, found, want) in
        [("score", &ran.score, trace.score(rates)), ("conditional", &ran.conditional, conditional)]
    {
        if let Some(k) = (0..rates.len()).find(|&k| !close(found[k], want[k], want[k].abs().max(1e-3))) {
            return Some(format!("{what}[{k}] {}, want {}", found[k], want[k]));
        }
    }
    None
}

/// The sizes of models, and how many, with so many weights each.
const SIZES: [(std::ops::RangeInclusive<usize>, usize, usize); 3] =
    [(1..=8, 200, 60), (9..=16, 60, 20), (17..=40, 6, 10)];

#[test]
fn runs_on_the_same_weights_are_the_oracles() {
    let sizes =
        SIZES.iter().flat_map(|(sizes, models, runs)| sizes.clone().map(move |n| (n, *models, *runs)));
    let all: Vec<(Kind, usize, usize, usize)> = KINDS
        .iter()
        .flat_map(|&kind| sizes.clone().map(move |(n, models, runs)| (kind, n, models, runs)))
        .collect();
    let compared: usize = all
        .into_par_iter()
        .map(|(kind, n, models, runs)| {
            let mut rng = ChaCha8Rng::seed_from_u64(n as u64);
            let mut compared = 0;
            for _ in 0..models {
                let model = random(kind, n, &mut rng);
                let rates: Vec<f64> = model.rates_as();
                let mut runners = runners(&model);
                for sort in 0..runs {
                    let weights = weights(&rates, sort, &mut rng);
                    let uniforms: Vec<f64> = rates.iter().map(|_| rng.random_range(0.01..0.99)).collect();
                    for run in &mut runners {
                        let ran = run(&weights, &uniforms);
                        let difference = difference(&model, &rates, &weights, &uniforms, &ran);
                        assert_eq!(difference, None, "{weights:?} {model:?}");
                        compared += 1;
                    }
                }
            }
            compared
        })
        .sum();
    assert!(compared >= 180_000 * KINDS.len(), "{compared}");
}
