//! The fast samplers against the oracle's plain algorithms, on the same weights.

mod common;

use gumbel_oracle::enclosure;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::{Algorithm as Oracles, Kind, Model};
use gumbel_oracle::number::{Exact, ratio, to_f64, to_rational};
use gumbel_oracle::race::Trace;
use gumbel_oracle::structure::Structure;
use itertools::Itertools as _;
use petgraph::graph::{DiGraph, NodeIndex, UnGraph};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;
use recursive_gumbel::fast::{
    Algorithm, Arborescence, BinaryTree, Categorical, Fast, InputError, Matching, NONE, Outputs, Permutation,
    SpanningTree, TopK, at_rates, of_model,
};
use recursive_gumbel::sample::{Batch, Field, Sampler, Walker};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use common::random;

/// What is compared of a run.
#[derive(Debug, Clone, PartialEq)]
struct Ran {
    structure: Structure,
    loss: i64,
    winners: Vec<usize>,
    log_prob: f64,
    score: Vec<f64>,
    conditional: Vec<f64>,
}

/// Runs an algorithm on given weights, and makes the conditional draw from given uniforms.
type Runner = Box<dyn FnMut(&[f64], &[f64]) -> Ran + Send>;

fn runner<A: Algorithm + Send + 'static>(algorithm: A) -> Runner {
    let fast = Fast::new(algorithm, 1);
    Box::new(move |weights, uniforms| {
        let algorithm = fast.algorithm();
        let mut structure = vec![0; algorithm.structure_len()];
        let mut trace = vec![0; algorithm.trace_len()];
        let (mut score, mut conditional) = (vec![9.0; weights.len()], weights.to_vec());
        let (mut log_prob, mut loss) = ([0.0], [99]);
        let outputs = Outputs {
            structure: Some(&mut structure),
            trace: Some(&mut trace),
            loss: Some(&mut loss),
            log_prob: Some(&mut log_prob),
            score: Some(&mut score),
            conditional: Some(&mut conditional),
            ..Outputs::default()
        };
        fast.run(weights, uniforms, outputs).unwrap();
        Ran {
            structure: fast.algorithm().to_structure(&structure),
            winners: trace.iter().filter(|winner| **winner != NONE).map(|&winner| winner as usize).collect(),
            loss: loss[0],
            log_prob: log_prob[0],
            score,
            conditional,
        }
    })
}

/// All structures.
const KINDS: [Kind; 7] = [
    Kind::SpanningTree,
    Kind::Arborescence,
    Kind::Matching,
    Kind::BinaryTree,
    Kind::TopK,
    Kind::Permutation,
    Kind::Categorical,
];

/// The fast algorithms of a model, one for each layout that there is.
fn runners(model: &Model) -> Vec<Runner> {
    let pairs: Vec<(u32, u32)> = model.pairs().iter().map(|&(u, v)| (u as u32, v as u32)).collect();
    let rates: Vec<f64> = model.rates_as();
    match model.algorithm() {
        Oracles::SpanningTree(_) => [true, false]
            .map(|dense| runner(SpanningTree::with_layout(model.size(), &pairs, &rates, dense).unwrap()))
            .into(),
        Oracles::Arborescence(a) => {
            let layout = |dense| Arborescence::with_layout(model.size(), a.root(), &pairs, &rates, dense);
            [true, false].map(|dense| runner(layout(dense).unwrap())).into()
        }
        Oracles::Matching(_) => {
            let n = model.size();
            let mut matrix = vec![0.0; n * n];
            pairs.iter().zip(&rates).for_each(|(&(i, j), &rate)| matrix[i as usize * n + j as usize] = rate);
            vec![runner(Matching::new(n, &matrix).unwrap())]
        }
        Oracles::BinaryTree(_) => vec![runner(BinaryTree::new(&rates).unwrap())],
        Oracles::TopK(a) => vec![runner(TopK::new(&rates, a.k()).unwrap())],
        Oracles::Permutation(_) => vec![runner(Permutation::new(&rates).unwrap())],
        Oracles::Categorical(_) => vec![runner(Categorical::new(&rates).unwrap())],
    }
}

/// The fast samplers of a model: as it is by itself, and if there is another way, on weights.
fn samplers(model: &Model, seed: u64) -> Vec<Box<dyn Sampler + '_>> {
    let pairs: Vec<(u32, u32)> = model.pairs().iter().map(|&(u, v)| (u as u32, v as u32)).collect();
    let rates: Vec<f64> = model.rates_as();
    let mut all = vec![of_model(model, seed).unwrap()];
    match model.algorithm() {
        Oracles::SpanningTree(_) => {
            let tree = SpanningTree::with_layout(model.size(), &pairs, &rates, true).unwrap();
            all.push(Box::new(Fast::new(tree.on_weights(), seed)));
        }
        Oracles::Matching(_) => {
            let n = model.size();
            let mut matrix = vec![0.0; n * n];
            pairs.iter().zip(&rates).for_each(|(&(i, j), &rate)| matrix[i as usize * n + j as usize] = rate);
            all.push(Box::new(Fast::new(Matching::new(n, &matrix).unwrap().on_weights(), seed)));
        }
        Oracles::TopK(a) => {
            all.push(Box::new(Fast::new(TopK::new(&rates, a.k()).unwrap().on_weights(), seed)));
        }
        Oracles::BinaryTree(_) => {
            all.push(Box::new(Fast::new(BinaryTree::new(&rates).unwrap().on_weights(), seed)));
        }
        Oracles::Permutation(_) => {
            all.push(Box::new(Fast::new(Permutation::new(&rates).unwrap().on_weights(), seed)));
        }
        Oracles::Categorical(_) => {
            all.push(Box::new(Fast::new(Categorical::new(&rates).unwrap().on_weights(), seed)));
        }
        Oracles::Arborescence(_) => (),
    }
    all
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
    let loss = Loss::named(model, "default").unwrap().of(model, &run.structure);
    if ran.loss != loss {
        return Some(format!("loss {}, want {loss}", ran.loss));
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
const SIZES: [(std::ops::RangeInclusive<usize>, usize, usize); 5] =
    [(1..=8, 210, 60), (9..=16, 60, 20), (17..=40, 6, 10), (64..=66, 2, 5), (129..=129, 1, 5)];

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
    assert!(compared >= 1_000_000, "{compared}");
}

/// A model with these rates, exactly.
fn with_rates(kind: Kind, n: usize, mut rate: impl FnMut() -> f64) -> Model {
    let mut exact = || to_rational(&Exact::try_from(rate()).unwrap());
    match kind {
        Kind::SpanningTree => {
            let pairs = (0..n as u32).flat_map(|u| (u + 1..n as u32).map(move |v| (u, v)));
            let edges: Vec<_> = pairs.map(|(u, v)| (u, v, exact())).collect();
            Model::spanning_tree(&UnGraph::<(), _>::from_edges(edges))
        }
        Kind::Matching => {
            Model::matching(&(0..n).map(|_| (0..n).map(|_| exact()).collect()).collect::<Vec<_>>())
        }
        Kind::BinaryTree => Model::binary_tree((0..n).map(|_| exact()).collect()),
        Kind::TopK => Model::top_k((0..n).map(|_| exact()).collect(), n.div_ceil(3)),
        Kind::Permutation => Model::permutation((0..n).map(|_| exact()).collect()),
        Kind::Categorical => Model::categorical((0..n).map(|_| exact()).collect()),
        Kind::Arborescence => {
            let pairs = (0..n as u32).flat_map(|u| (0..n as u32).map(move |v| (u, v)));
            let arcs: Vec<_> = pairs.filter(|(u, v)| u != v).map(|(u, v)| (u, v, exact())).collect();
            Model::arborescence(&DiGraph::<(), _>::from_edges(arcs), NodeIndex::new(n / 2))
        }
    }
    .unwrap()
}

/// A trace with `log p(T)` correctly rounded, and as it was found.
struct Known {
    rates: Vec<f64>,
    trace: Trace,
    log_prob: f64,
    found: f64,
}

/// Rates are `e^{-θ}` with logits in this range.
fn known(logits: std::ops::Range<f64>) -> Vec<Known> {
    let cases: Vec<(Kind, usize)> =
        KINDS.iter().flat_map(|&kind| [2, 3, 4, 6, 9, 25].map(|n| (kind, n))).collect();
    let of = |(kind, n): (Kind, usize)| {
        let mut rng = ChaCha8Rng::seed_from_u64(n as u64);
        let mut all = Vec::new();
        for _ in 0..if n < 10 { 8 } else { 1 } {
            let model = with_rates(kind, n, || libm::exp(-rng.random_range(logits.clone())));
            let rates: Vec<f64> = model.rates_as();
            let mut runners = runners(&model);
            // Wild weights let entries win that hardly ever do.
            for sort in [0, 4, 4] {
                let weights = weights(&rates, sort, &mut rng);
                let found: Vec<Ran> =
                    runners.iter_mut().map(|run| run(&weights, &vec![0.5; rates.len()])).collect();
                let trace = model.trace_of(&found[0].winners).unwrap();
                let log_prob = enclosure::ln(&trace.probability(model.rates())).unwrap();
                all.extend(found.iter().map(|ran| Known {
                    rates: rates.clone(),
                    trace: trace.clone(),
                    log_prob,
                    found: ran.log_prob,
                }));
            }
        }
        all
    };
    cases.into_par_iter().flat_map_iter(of).collect()
}

/// The largest error, in units of the last place of the right value times the number of races.
fn worst(all: &[Known], log_prob: impl Fn(&Known) -> f64) -> f64 {
    let error = |known: &Known| {
        let want = known.log_prob.abs();
        let races = known.trace.races().len() as f64;
        (log_prob(known) - known.log_prob).abs() / (want.next_up() - want) / races
    };
    all.iter().map(error).fold(0.0, f64::max)
}

#[test]
fn log_probabilities_are_right_to_a_few_units_of_the_last_place_per_race() {
    let all = [-1.0..1.0, -30.0..30.0, -500.0..500.0].map(known);
    for all in &all {
        let worst = worst(all, |known| known.found);
        println!("{worst} ulp per race, {} traces", all.len());
        assert!(worst <= 4.0, "{worst}");
    }
    // Caught: totals by subtraction, and the plain formula where a race is almost certain.
    let subtracted = |Known { rates, trace, .. }: &Known| {
        let mut total: f64 = rates.iter().sum();
        let mut left: Vec<usize> = (0..rates.len()).collect();
        let mut log_prob = 0.0;
        for race in trace.races() {
            for gone in left.extract_if(.., |k| !race.has(*k)) {
                total -= rates[gone];
            }
            log_prob += libm::log(rates[race.winner]) - libm::log(total);
        }
        log_prob
    };
    assert!(worst(&all[1], subtracted) > 1e6);
    assert!(worst(&all[1], |known| known.trace.log_probability(&known.rates)) > 1e3);
}

#[test]
fn draws_depend_on_seed_and_number_only() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for kind in KINDS {
        for n in [1, 2, 7, 30] {
            let model = random(kind, n, &mut rng);
            let m = model.rates().len();
            let sampler = of_model(&model, 11).unwrap();
            let mut all = Batch::new(m, &Field::DRAWN);
            sampler.fill(5, 40, &mut all);
            let log_probs = (0..40).filter_map(|draw| all.log_prob(draw));
            assert!(log_probs.into_iter().all(|log_prob| log_prob < 0.0 || log_prob.to_bits() == 0)); // not -0
            for field in Field::DRAWN {
                let mut one = Batch::new(m, &[field]);
                sampler.fill(5, 13, &mut one);
                sampler.fill(18, 27, &mut one);
                for draw in 0..40 {
                    match field {
                        Field::Structure => assert_eq!(one.structure(draw), all.structure(draw)),
                        Field::Trace => assert_eq!(one.trace(draw), all.trace(draw)),
                        Field::LogProb => assert_eq!(one.log_prob(draw), all.log_prob(draw)),
                        Field::Score => assert_eq!(one.score(draw), all.score(draw)),
                        Field::Exponentials => assert_eq!(one.exponentials(draw), all.exponentials(draw)),
                        _ => assert_eq!(one.conditional(draw), all.conditional(draw)),
                    }
                }
            }
        }
    }
    // On all threads.
    let tree = Fast::new(SpanningTree::new(4, &[(0, 1), (1, 2), (2, 3), (0, 3)], &[1.0; 4]).unwrap(), 2);
    let (mut one, mut all) = (vec![0; 3 * 200_000], vec![0; 3 * 200_000]);
    tree.fill(7, 200_000, Outputs { trace: Some(&mut one), ..Outputs::default() });
    tree.fill_on_all_threads(7, 200_000, Outputs { trace: Some(&mut all), ..Outputs::default() });
    assert_eq!(one, all);
}

#[test]
fn losses_are_those_of_the_structures_drawn() {
    fn compare(algorithm: impl Algorithm, model: &Model) {
        let loss = Loss::named(model, "default").unwrap();
        let in_structure = algorithm.structure_len();
        let (mut structures, mut losses, mut alone) = (vec![0; 50 * in_structure], [99; 50], [99; 50]);
        let sampler = Fast::new(algorithm, 3);
        let outputs =
            Outputs { structure: Some(&mut structures), loss: Some(&mut losses), ..Outputs::default() };
        sampler.fill_on_all_threads(0, 50, outputs);
        sampler.fill(0, 50, Outputs { loss: Some(&mut alone), ..Outputs::default() });
        assert_eq!(losses, alone);
        for (structure, found) in structures.chunks(in_structure).zip(losses) {
            assert_eq!(found, loss.of(model, &sampler.algorithm().to_structure(structure)));
        }
    }
    for n in [9, 40] {
        let mut rng = ChaCha8Rng::seed_from_u64(n as u64);
        let [tree, digraph, cells, list, order] =
            [Kind::SpanningTree, Kind::Arborescence, Kind::Matching, Kind::BinaryTree, Kind::Permutation]
                .map(|kind| with_rates(kind, n, || libm::exp(rng.random_range(-3.0..3.0))));
        let pairs = |model: &Model| -> Vec<(u32, u32)> {
            model.pairs().iter().map(|&(u, v)| (u as u32, v as u32)).collect()
        };
        compare(SpanningTree::new(n, &pairs(&tree), &tree.rates_as::<f64>()).unwrap(), &tree);
        let arborescence = Arborescence::new(n, n / 2, &pairs(&digraph), &digraph.rates_as::<f64>());
        compare(arborescence.unwrap(), &digraph);
        compare(Matching::new(n, &cells.rates_as::<f64>()).unwrap(), &cells);
        compare(BinaryTree::new(&list.rates_as::<f64>()).unwrap(), &list);
        compare(Permutation::new(&order.rates_as::<f64>()).unwrap(), &order);
        for kind in [Kind::TopK, Kind::Categorical] {
            let model = with_rates(kind, n, || libm::exp(rng.random_range(-3.0..3.0)));
            let rates: Vec<f64> = model.rates_as();
            match kind {
                Kind::TopK => compare(TopK::new(&rates, n.div_ceil(3)).unwrap(), &model),
                _ => compare(Categorical::new(&rates).unwrap(), &model),
            }
        }
    }
}

#[test]
fn draws_of_all_sizes_walk_and_come_back() {
    for kind in KINDS {
        for (n, draws) in [(4, 200), (30, 20), (45, 10), (300, 2), (1000, 1)] {
            let mut rng = ChaCha8Rng::seed_from_u64(n as u64);
            let model = with_rates(kind, n, || libm::exp(rng.random_range(-3.0..3.0)));
            let walker = Walker::new(&model);
            let mut batch = Batch::new(model.rates().len(), &Field::DRAWN);
            let samplers = samplers(&model, 1);
            samplers.iter().for_each(|sampler| sampler.fill(0, draws, &mut batch));
            for draw in 0..draws * samplers.len() {
                let walk = walker.walk(batch.trace(draw).unwrap()).unwrap();
                assert_eq!(&walker.structure_of(&walk), batch.structure(draw).unwrap());
                let close = |a: f64, b: f64| (a - b).abs() <= 1e-11 * b.abs().max(1.0);
                assert!(close(batch.log_prob(draw).unwrap(), walk.log_prob()));
                let score = walk.score();
                assert!(batch.score(draw).unwrap().iter().zip(&score).all(|(&a, &b)| close(a, b)));
                // Times are positive: the uniforms of the inverse map lie in (0, 1), up to rounding.
                for weights in [batch.exponentials(draw).unwrap(), batch.conditional(draw).unwrap()] {
                    let uniforms = walk.uniforms(weights);
                    assert!(uniforms.iter().all(|&u| 0.0 < u && u < 1.0 + 1e-9), "{} {n}", kind.name());
                    let back = walk.conditional(&uniforms.iter().map(|u| u.min(1.0)).collect::<Vec<_>>());
                    assert!(back.iter().zip(weights).all(|(a, b)| (a - b).abs() <= 1e-9 * b.max(1e-6)));
                }
            }
        }
    }
}

#[test]
fn matrices_that_can_get_stuck_are_refused_just_when_the_oracle_refuses_them() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let (mut taken, mut refused) = (0, 0);
    for pattern in 0..1_u32 << 9 {
        let rates: Vec<f64> = (0..9).map(|cell| f64::from(pattern >> cell & 1)).collect();
        let exact: Vec<Vec<_>> =
            rates.chunks(3).map(|row| row.iter().map(|&rate| ratio(rate as i64, 1)).collect()).collect();
        let (fast, oracles) = (Matching::new(3, &rates), Model::matching(&exact));
        assert_eq!(fast.is_ok(), oracles.is_ok(), "{rates:?} {fast:?} {oracles:?}");
        let (Ok(fast), Ok(model)) = (fast, oracles) else {
            refused += 1;
            continue;
        };
        taken += 1;
        let (mut run, rates): (_, Vec<f64>) = (runner(fast), model.rates_as());
        for sort in 0..20 {
            let weights = weights(&rates, sort, &mut rng);
            let uniforms = vec![0.3; rates.len()];
            let ran = run(&weights, &uniforms);
            assert_eq!(difference(&model, &rates, &weights, &uniforms, &ran), None, "{rates:?}");
        }
    }
    assert!(taken > 10 && refused > 400, "{taken} {refused}");
}

/// Weights of the complete digraph on `0..n`, root 0, on which Edmonds' algorithm must work: `of(u, v)` plus less than a half.
fn hard(n: u32, rng: &mut ChaCha8Rng, of: impl Fn(u32, u32) -> f64) -> (Model, Vec<f64>) {
    let arcs = (0..n).flat_map(|u| (1..n).map(move |v| (u, v))).filter(|(u, v)| u != v);
    let arcs: Vec<_> = arcs.map(|(u, v)| (u, v, ratio(1 + i64::from(u * v % 3), 1))).collect();
    let weights = arcs.iter().map(|&(u, v, _)| of(u, v) + rng.random_range(0.0..0.5)).collect();
    (Model::arborescence(&DiGraph::<(), _>::from_edges(arcs), NodeIndex::new(0)).unwrap(), weights)
}

#[test]
fn contractions_as_deep_and_as_many_as_can_be() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let nested = |u: u32, v: u32| match u {
        0 => 1e6,                   // last of all
        _ if u > v => f64::from(u), // 1, …, v are entered from v + 1 first,
        _ if u + 1 == v => 0.0,     // and it from v:
        _ => 1e3,                   // each cycle holds the one before and one more vertex
    };
    // Pairs, then pairs of pairs: many cycles at a time.
    let paired = |u: u32, v: u32| if u == 0 { 1e6 } else { f64::from(((u - 1) ^ (v - 1)).ilog2()) };
    // One cycle through all; one way from the root.
    let round = |n: u32| {
        move |u: u32, v: u32| {
            if u % (n - 1) + 1 == v && u > 0 {
                0.0
            } else if u == 0 && v == 1 {
                1e3
            } else {
                1e6
            }
        }
    };
    for n in [3, 5, 17, 33] {
        for _ in 0..5 {
            let cases = [
                (hard(n, &mut rng, nested), 2 * n - 3),
                (hard(n, &mut rng, paired), 2 * n - 3), // n - 1 is a power of two
                (hard(n, &mut rng, round(n)), n),
            ];
            for ((model, weights), races) in cases {
                let rates: Vec<f64> = model.rates_as();
                let uniforms: Vec<f64> = rates.iter().map(|_| rng.random_range(0.01..0.99)).collect();
                for run in &mut runners(&model) {
                    let ran = run(&weights, &uniforms);
                    assert_eq!(difference(&model, &rates, &weights, &uniforms, &ran), None, "{n} {races}");
                    assert_eq!(ran.winners.len(), races as usize, "{n}");
                }
            }
        }
    }
}

/// What one gets wrong in a line.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mistake {
    None,
    /// Prim's edges as they come, not by weight.
    Unsorted,
    /// The winning time is looked up after it has been taken from the winner itself.
    ReadLate,
    /// A cycle is made of the vertices at which its arcs enter, not of all vertices of the components they enter.
    ByHead,
    /// What races again has not been reduced.
    Unreduced,
}

/// The winners of Prim's algorithm, by weight.
fn prim(model: &Model, weights: &[f64], mistake: Mistake) -> Vec<usize> {
    let (mut reached, mut winners) = (vec![0], Vec::new());
    while winners.len() + 1 < model.size() {
        let leaves = |k: &usize| {
            let (u, v) = model.pairs()[*k];
            weights[*k].is_finite() && reached.contains(&u) != reached.contains(&v)
        };
        let next =
            (0..weights.len()).filter(leaves).min_by(|&j, &k| weights[j].total_cmp(&weights[k])).unwrap();
        let (u, v) = model.pairs()[next];
        reached.push(if reached.contains(&u) { v } else { u });
        winners.push(next);
    }
    if mistake != Mistake::Unsorted {
        winners.sort_by(|&j, &k| weights[j].total_cmp(&weights[k]).then(j.cmp(&k)));
    }
    winners
}

/// The winners of Edmonds' algorithm, round by round.
fn edmonds(model: &Model, root: usize, weights: &[f64], mistake: Mistake) -> Vec<usize> {
    let (n, arcs) = (model.size(), model.pairs());
    let mut left = weights.to_vec();
    let mut name: Vec<usize> = (0..n).collect(); // the least vertex of the component that each vertex is in
    let mut won: Vec<Option<usize>> = vec![None; n];
    let mut winners = Vec::new();
    for _ in 0..n {
        let racing: Vec<usize> = (0..n).filter(|&v| v != root && name[v] == v && won[v].is_none()).collect();
        if racing.is_empty() {
            return winners;
        }
        for c in racing {
            let enters =
                |k: &usize| weights[*k].is_finite() && name[arcs[*k].1] == c && name[arcs[*k].0] != c;
            let entrants: Vec<usize> = (0..arcs.len()).filter(enters).collect();
            let Some(&winner) = entrants.iter().min_by(|&&j, &&k| left[j].total_cmp(&left[k])) else {
                return winners; // a right one always has an entrant
            };
            let time = left[winner];
            for k in entrants {
                left[k] -= match mistake {
                    Mistake::ReadLate => left[winner],
                    Mistake::Unreduced => 0.0,
                    _ => time,
                };
            }
            won[c] = Some(winner);
            winners.push(winner);
        }
        for start in 0..n {
            let next = |c: &usize| won[*c].map(|winner| name[arcs[winner].0]);
            let mut cycle: Vec<usize> = vec![start];
            cycle.extend(std::iter::successors(next(&start), next).take(n).take_while(|&c| c != start));
            if name[start] != start || next(cycle.last().unwrap()) != Some(start) {
                continue;
            }
            let least = *cycle.iter().min().unwrap();
            let heads: Vec<usize> = cycle.iter().map(|&c| arcs[won[c].unwrap()].1).collect();
            for (v, name) in name.iter_mut().enumerate() {
                let inside = match mistake {
                    Mistake::ByHead => heads.contains(&v),
                    _ => cycle.contains(name),
                };
                *name = if inside { least } else { *name };
            }
            won[least] = None;
        }
    }
    winners // a wrong one may go on for ever
}

#[test]
fn wrong_algorithms_are_caught_on_the_same_weights() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let mut caught = Vec::new();
    for _ in 0..300 {
        let trees = random(Kind::SpanningTree, 6, &mut rng);
        let digraph = random(Kind::Arborescence, 6, &mut rng);
        let Oracles::Arborescence(a) = digraph.algorithm() else { panic!("{digraph:?}") };
        let root = a.root();
        for (model, mistake) in [
            (&trees, Mistake::Unsorted),
            (&digraph, Mistake::ReadLate),
            (&digraph, Mistake::ByHead),
            (&digraph, Mistake::Unreduced),
        ] {
            let rates: Vec<f64> = model.rates_as();
            let weights = weights(&rates, 0, &mut rng);
            let run = runners(model).remove(0)(&weights, &vec![0.5; rates.len()]);
            let by = |mistake| match model.kind() {
                Kind::SpanningTree => prim(model, &weights, mistake),
                _ => edmonds(model, root, &weights, mistake),
            };
            assert_eq!(run.winners, by(Mistake::None), "{model:?} {weights:?}");
            caught.extend((run.winners != by(mistake)).then_some(mistake));
        }
    }
    for mistake in [Mistake::Unsorted, Mistake::ReadLate, Mistake::ByHead, Mistake::Unreduced] {
        let times = caught.iter().filter(|of| **of == mistake).count();
        assert!(times >= 10, "{mistake:?} {times}");
    }
}

/// The smallest size at which an algorithm disagrees with the oracle, with the smallest weights; rates are 1, weights are small
/// integers, so that many are tied.
fn smallest_disagreement(
    kind: Kind,
    agrees: impl Fn(&Model, &[f64], &[f64]) -> bool,
) -> Option<(usize, Vec<u32>)> {
    (2..=7).find_map(|n| {
        let model = with_rates(kind, n, || 1.0);
        let rates: Vec<f64> = model.rates_as();
        let config = Config { cases: 400, failure_persistence: None, ..Config::default() };
        let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let given = proptest::collection::vec(0..9_u32, rates.len());
        let result = TestRunner::new_with_rng(config, rng).run(&given, |weights| {
            let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            if agrees(&model, &rates, &weights) { Ok(()) } else { Err(TestCaseError::fail("differs")) }
        });
        match result {
            Ok(()) => None,
            Err(TestError::Fail(_, weights)) => Some((n, weights)),
            Err(TestError::Abort(reason)) => panic!("{reason}"),
        }
    })
}

#[test]
fn the_smallest_disagreement_is_found_if_there_is_one() {
    for kind in KINDS {
        let found = smallest_disagreement(kind, |model, rates, weights| {
            let uniforms = vec![0.5; rates.len()];
            let agrees = |mut run: Runner| {
                let ran = run(weights, &uniforms);
                difference(model, rates, weights, &uniforms, &ran).is_none()
            };
            runners(model).into_iter().all(agrees)
        });
        assert_eq!(found, None, "{kind:?}");
    }
    let smallest = |mistake| {
        let kind = if mistake == Mistake::Unsorted { Kind::SpanningTree } else { Kind::Arborescence };
        smallest_disagreement(kind, |model, _, weights| {
            let run = model.run(weights).unwrap();
            let ran = match model.algorithm() {
                Oracles::Arborescence(a) => edmonds(model, a.root(), weights, mistake),
                _ => prim(model, weights, mistake),
            };
            run.trace.races().iter().map(|race| race.winner).eq(ran)
        })
    };
    assert_eq!(smallest(Mistake::None), None);
    // From vertex 0 Prim takes an edge of weight 1 first; the edge of weight 0, which joins the other two, wins the first race.
    assert_eq!(smallest(Mistake::Unsorted), Some((3, vec![1, 1, 0])));
    // Two vertices make a cycle; it takes a third, which joins them, to have heads that are not all of it.
    for (mistake, size) in [(Mistake::ReadLate, 3), (Mistake::Unreduced, 3), (Mistake::ByHead, 4)] {
        assert_eq!(smallest(mistake).map(|(n, _)| n), Some(size), "{mistake:?}");
    }
}

#[test]
fn the_algorithm_has_the_trace_drawn_on_the_exponentials_drawn() {
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let sizes = [(2, 300), (5, 200), (9, 100), (33, 10), (70, 3)];
    let (mut compared, mut others) = (0, 0);
    for (kind, (n, draws)) in KINDS.iter().flat_map(|&kind| sizes.map(|size| (kind, size))) {
        for spread in [0.0, 1.0, 30.0, 500.0] {
            let model = with_rates(kind, n, || libm::exp(spread * rng.random_range(-1.0..=1.0)));
            let mut batch = Batch::new(model.rates().len(), &[Field::Trace, Field::Exponentials]);
            let samplers = samplers(&model, 4);
            samplers.iter().for_each(|sampler| sampler.fill(0, draws, &mut batch));
            let draws = draws * samplers.len();
            for draw in 0..draws {
                let run = model.run(batch.exponentials(draw).unwrap()).unwrap();
                let winners: Vec<u32> = run.trace.races().iter().map(|race| race.winner as u32).collect();
                assert_eq!(batch.trace(draw), Some(&winners[..]), "{} {n} {spread}", kind.name());
                compared += 1;
                others += usize::from(batch.trace((draw + 1) % draws) != Some(&winners[..]));
            }
        }
    }
    // Exponentials that are not those of the draw, but of the next one, would be seen.
    assert!(others > compared / 4, "{others} of {compared}");
}

/// The p-value of Pearson's test of drawn traces against the exact law of a model, cells of less than 20 expected draws pooled.
fn judge(sampler: &dyn Sampler, law: &Model, draws: usize) -> f64 {
    let mut batch = Batch::new(law.rates().len(), &[Field::Trace]);
    sampler.fill(0, draws, &mut batch);
    let mut counts: std::collections::HashMap<Vec<u32>, usize> = std::collections::HashMap::new();
    (0..draws).for_each(|draw| *counts.entry(batch.trace(draw).unwrap().to_vec()).or_default() += 1);
    let (mut cells, mut rare) = (Vec::new(), (0.0, 0.0));
    for trace in law.traces() {
        let winners: Vec<u32> = trace.trace.races().iter().map(|race| race.winner as u32).collect();
        let expected = to_f64(&trace.probability) * draws as f64;
        let seen = counts.remove(&winners).unwrap_or_default() as f64;
        if expected < 20.0 {
            rare = (rare.0 + seen, rare.1 + expected);
        } else {
            cells.push((seen, expected));
        }
    }
    assert!(counts.is_empty(), "impossible: {counts:?}");
    if rare.1 >= 20.0 {
        cells.push(rare);
    }
    let statistic: f64 = cells.iter().map(|(seen, expected)| (seen - expected).powi(2) / expected).sum();
    ChiSquared::new((cells.len() - 1) as f64).unwrap().sf(statistic)
}

/// False alarms: 1e-7 for each of the twenty-four right ones. What is not caught of the wrong ones: far less.
#[test]
fn traces_drawn_follow_the_law() {
    let compare = |right: &Model, wrong: &Model| {
        let samplers = samplers(right, 12);
        assert_eq!(samplers.len(), 2);
        for sampler in samplers {
            assert!(judge(&*sampler, right, 200_000) > 1e-7, "{right:?}");
            assert!(judge(&*sampler, wrong, 200_000) < 1e-7, "{right:?}");
        }
    };
    // Rates alike; and rates that use up all tries on edges that no longer race, so that weights finish the draw.
    for [a, b, c, d, e, f] in [
        [1, 1, 1, 1, 1, 1],
        [5, 1, 2, 3, 1, 4],
        [10_000, 20_000, 1, 30_000, 2, 3],
        [1_000_000, 1, 1, 1000, 1, 1],
    ] {
        let tree = |rates: [i64; 6]| {
            let pairs = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)];
            let edges = pairs.iter().zip(rates).map(|(&(u, v), rate)| (u, v, ratio(rate, 1)));
            Model::spanning_tree(&UnGraph::<(), _>::from_edges(edges)).unwrap()
        };
        let right = tree([a, b, c, d, e, f]);
        compare(&right, &tree([a, b, c, d, e, f + 1]));
        let matching = |rates: [i64; 9]| {
            let rows: Vec<Vec<_>> =
                rates.chunks(3).map(|row| row.iter().map(|&r| ratio(r, 1)).collect()).collect();
            Model::matching(&rows).unwrap()
        };
        let right = matching([a, b, c, d, e, f, d, b, 1]);
        compare(&right, &matching([a, b, c, d, e, f, 2 * d, b, 1]));
        let top =
            |rates: [i64; 6]| Model::top_k(rates.iter().map(|&rate| ratio(rate, 1)).collect(), 3).unwrap();
        let right = top([a, b, c, d, e, f]);
        compare(&right, &top([a, b, c, 2 * d, e, f]));
    }
}

#[test]
fn layouts_agree_on_large_sparse_graphs() {
    let n: u32 = 1000;
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for degree in [2, 6] {
        // A cycle, so that all is reached, and more arcs anywhere.
        let mut arcs: Vec<(u32, u32)> = (0..n).map(|v| (v, (v + 1) % n)).collect();
        arcs.extend((0..degree * n).map(|_| (rng.random_range(0..n), rng.random_range(0..n))));
        arcs.retain(|&(u, v)| u != v && v != 7);
        arcs.sort_unstable();
        arcs.dedup();
        let rates: Vec<f64> = arcs.iter().map(|_| libm::exp(rng.random_range(-3.0..3.0))).collect();
        let (weights, uniforms) =
            (weights(&rates, 0, &mut rng), weights(&vec![1.0; rates.len()], 0, &mut rng));
        let uniforms: Vec<f64> =
            uniforms.iter().map(|weight| libm::exp(-weight).clamp(1e-9, 0.999)).collect();
        let [dense, sparse] = [true, false].map(|dense| {
            runner(Arborescence::with_layout(n as usize, 7, &arcs, &rates, dense).unwrap())(
                &weights, &uniforms,
            )
        });
        assert!(sparse.winners.len() > n as usize + 100, "contractions");
        assert_eq!((&sparse.winners, &sparse.structure), (&dense.winners, &dense.structure));
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-11 * b.abs().max(1.0);
        assert!(close(sparse.log_prob, dense.log_prob));
        assert!(sparse.score.iter().zip(&dense.score).all(|(&a, &b)| close(a, b)));
        assert!(sparse.conditional.iter().zip(&dense.conditional).all(|(&a, &b)| close(a, b)));
        // The same without the edges' direction.
        let mut edges: Vec<(u32, u32)> = arcs.iter().map(|&(u, v)| (u.min(v), u.max(v))).collect();
        edges.sort_unstable();
        edges.dedup();
        let (rates, weights, uniforms) =
            (&rates[..edges.len()], &weights[..edges.len()], &uniforms[..edges.len()]);
        let [dense, sparse] = [true, false].map(|dense| {
            runner(SpanningTree::with_layout(n as usize, &edges, rates, dense).unwrap())(weights, uniforms)
        });
        assert_eq!((&sparse.winners, &sparse.structure), (&dense.winners, &dense.structure));
        assert!(close(sparse.log_prob, dense.log_prob));
        assert!(sparse.score.iter().zip(&dense.score).all(|(&a, &b)| close(a, b)));
        assert!(sparse.conditional.iter().zip(&dense.conditional).all(|(&a, &b)| close(a, b)));
    }
}

#[test]
fn what_makes_no_sampler_is_named() {
    let tree = |n, edges: &[(u32, u32)], rates: &[f64]| SpanningTree::new(n, edges, rates).map(drop);
    let arborescence =
        |n, root, arcs: &[(u32, u32)], rates: &[f64]| Arborescence::new(n, root, arcs, rates).map(drop);
    let all: [(Result<(), InputError>, &str); 22] = [
        (tree(3, &[(0, 1), (1, 2)], &[1.0]), "1 rates for 2 entries: want one for each"),
        (tree(3, &[(0, 1), (1, 3)], &[1.0; 2]), "edge 1 is (1, 3): want two different vertices below 3"),
        (tree(3, &[(0, 1), (1, 1)], &[1.0; 2]), "edge 1 is (1, 1): want two different vertices below 3"),
        (
            tree(3, &[(0, 1), (1, 2), (1, 0)], &[1.0; 3]),
            "edges 0 and 2 join the same vertices: give one edge the sum of both rates",
        ),
        (
            tree(3, &[(0, 1), (1, 2)], &[1.0, 0.0]),
            "vertex 2 cannot be reached from vertex 0 over present edges: there is no spanning tree",
        ),
        (arborescence(3, 3, &[(0, 1), (1, 2)], &[1.0; 2]), "the root is 3: want a vertex, 0 to 2"),
        (
            arborescence(3, 0, &[(0, 1), (1, 2), (2, 0)], &[1.0; 3]),
            "arc 2 enters the root 0: leave it out, or give it rate 0",
        ),
        (
            arborescence(3, 1, &[(0, 2), (1, 0), (2, 0)], &[0.0, 1.0, 2.0]),
            "vertex 2 cannot be reached from the root 1 over present arcs: there is no arborescence",
        ),
        (
            arborescence(2, 0, &[(0, 1), (0, 1)], &[1.0; 2]),
            "arcs 0 and 1 lead from vertex 0 to vertex 1 both: give one arc the sum of both rates",
        ),
        (arborescence(2, 0, &[(0, 2)], &[1.0]), "arc 0 is (0, 2): want two different vertices below 2"),
        (tree(0, &[], &[]), "0 vertices: want at least 1 and fewer than 2³²"),
        (
            tree(2, &[(0, 1)], &[-1.0]),
            "entry 0 has rate -1: want 0 (absent) or a number between 1e-300 and 1e300",
        ),
        (
            TopK::new(&[1.0, f64::NAN], 1).map(drop),
            "entry 1 has rate NaN: want 0 (absent) or a number between 1e-300 and 1e300",
        ),
        (
            Permutation::new(&[f64::INFINITY]).map(drop),
            "entry 0 has rate inf: want 0 (absent) or a number between 1e-300 and 1e300",
        ),
        (TopK::new(&[1.0, 0.0], 2).map(drop), "k is 2: want 1 to 1, the number of positive rates"),
        (
            Categorical::new(&[0.0; 3]).map(drop),
            "all 3 positions are absent: a race needs at least one that is there",
        ),
        (
            TopK::new(&[0.0, 0.0], 1).map(drop),
            "all 2 positions are absent: a race needs at least one that is there",
        ),
        (Categorical::new(&[]).map(drop), "0 positions: want at least 1 and fewer than 2³²"),
        (
            BinaryTree::new(&[1.0, 0.0]).map(drop),
            "position 1 has rate 0: want a positive rate, as every position is used",
        ),
        (
            Permutation::new(&[0.0, 1.0]).map(drop),
            "position 0 has rate 0: want a positive rate, as every position is used",
        ),
        (Matching::new(2, &[1.0; 3]).map(drop), "3 rates for 4 entries: want one for each"),
        (
            Matching::new(2, &[1.0, 0.0, 1.0, 1.0]).map(drop),
            "rows 1 and 0 could leave a row without a cell: want rows that share a column to share all their columns, \
             and as many such rows as columns",
        ),
    ];
    for (found, message) in all {
        assert_eq!(found.unwrap_err().to_string(), message);
    }
    let mut fast = Fast::new(Permutation::new(&[1.0, 2.0]).unwrap(), 1);
    let refused = |fast: &mut Fast<Permutation>, weights: &[f64], uniforms: &[f64]| {
        let mut conditional = [0.0; 2];
        let outputs = Outputs { conditional: Some(&mut conditional), ..Outputs::default() };
        fast.run(weights, uniforms, outputs).unwrap_err().to_string()
    };
    let want = "want a finite weight, 0 or above, and a uniform between 0 and 1";
    assert_eq!(refused(&mut fast, &[1.0], &[0.5; 2]), "1 weights for 2 entries: want one for each");
    assert_eq!(refused(&mut fast, &[1.0, -0.0], &[0.5; 2]), format!("entry 1 has weight -0: {want}"));
    assert_eq!(refused(&mut fast, &[f64::NAN, 1.0], &[0.5; 2]), format!("entry 0 has weight NaN: {want}"));
    assert_eq!(refused(&mut fast, &[1.0, 2.0], &[0.5, 1.0]), format!("entry 1 has uniform 1: {want}"));
}

/// Graphs with too few edges are refused by the least vertex that is not reached, as an enumeration of walks has it, and that of a few
/// edges among billions of vertices takes no list of these.
#[test]
fn too_few_edges_for_the_vertices() {
    let disconnected =
        |vertices, edges: &[(u32, u32)], rates: &[f64]| match SpanningTree::new(vertices, edges, rates) {
            Err(InputError::Disconnected { vertex }) => vertex,
            other => panic!("{other:?}"),
        };
    let unreachable = |vertices, root, arcs: &[(u32, u32)]| match Arborescence::new(
        vertices,
        root,
        arcs,
        &vec![1.0; arcs.len()],
    ) {
        Err(InputError::Unreachable { vertex, .. }) => vertex,
        other => panic!("{other:?}"),
    };
    // Up to three of the twelve arcs between four vertices, of five.
    let pairs: Vec<(u32, u32)> =
        (0..4).flat_map(|u| (0..4).map(move |v| (u, v))).filter(|(u, v)| u != v).collect();
    for count in 0..=3 {
        for arcs in pairs.iter().copied().combinations(count) {
            let root = 3;
            if arcs.iter().all(|arc| arc.1 != root) {
                let steps = |from: &[u32]| {
                    arcs.iter().filter(|arc| from.contains(&arc.0)).map(|arc| arc.1).collect::<Vec<_>>()
                };
                let mut reached = vec![root];
                (0..4).for_each(|_| reached.extend(steps(&reached)));
                let missed = (0..).find(|vertex| !reached.contains(vertex)).unwrap() as usize;
                assert_eq!(unreachable(5, root as usize, &arcs), missed, "{arcs:?}");
                assert_eq!(unreachable(2_000_000_000, root as usize, &arcs), missed, "{arcs:?}");
            }
            if arcs.iter().all(|(u, v)| u < v) {
                let both: Vec<(u32, u32)> = arcs.iter().flat_map(|&(u, v)| [(u, v), (v, u)]).collect();
                let steps = |from: &[u32]| {
                    both.iter().filter(|arc| from.contains(&arc.0)).map(|arc| arc.1).collect::<Vec<_>>()
                };
                let mut reached = vec![0];
                (0..4).for_each(|_| reached.extend(steps(&reached)));
                let missed = (0..).find(|vertex| !reached.contains(vertex)).unwrap() as usize;
                assert_eq!(disconnected(5, &arcs, &vec![1.0; count]), missed, "{arcs:?}");
                assert_eq!(disconnected(4_000_000_000, &arcs, &vec![1.0; count]), missed, "{arcs:?}");
            }
        }
    }
    // An edge of rate 0 joins nothing, among few vertices and among many.
    let edges = [(0, 1), (1, 2), (0, 3)];
    assert_eq!(disconnected(4, &edges, &[1.0, 0.0, 1.0]), 2);
    assert_eq!(disconnected(4_000_000_000, &edges, &[1.0, 0.0, 1.0]), 2);
}

/// The sampler of a model has an entry for each of the model's, or there is none.
#[test]
fn rates_of_zero_do_not_take_entries_away() {
    for (text, rates, refused) in [
        (r#"{"structure": "matching", "rates": [[1, 2], [3, 4]]}"#, [1.0, 0.0, 0.0, 4.0], Some(1)),
        (r#"{"structure": "categorical", "rates": [1, 2, 3, 4]}"#, [1.0, 0.0, 0.0, 4.0], None),
        (
            r#"{"structure": "spanning_tree", "vertices": 4, "edges": [[0,1,1],[1,2,1],[2,3,1],[0,3,1]]}"#,
            [1.0, 0.0, 2.0, 1.0],
            None,
        ),
    ] {
        let model = Model::parse(text).unwrap();
        match (at_rates(&model, &rates, 1), refused) {
            (Ok(sampler), None) => assert_eq!(sampler.rates(), rates),
            (Err(InputError::AbsentCell { entry }), Some(first)) => assert_eq!(entry, first),
            (other, _) => panic!("{text}: {:?}", other.err()),
        }
    }
}

/// Of equally light arcs the one with the lowest number wins, wherever its tail stands in the matrix.
#[test]
fn arcs_in_any_order_are_taken_by_their_number() {
    let arcs = [(2, 1), (0, 1), (0, 2), (1, 2)];
    for dense in [true, false] {
        let arborescence = Arborescence::with_layout(3, 0, &arcs, &[1.0; 4], dense).unwrap();
        let ran = runner(arborescence)(&[1.0, 1.0, 1.0, 2.0], &[0.5; 4]);
        assert_eq!(ran.winners, [0, 2], "dense: {dense}");
    }
}
