//! What mistakes do to a small law, by families: the tables of the chapters on mistakes.

use std::collections::BTreeMap;

use gumbel_oracle::limit::Limit;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::to_f64;
use gumbel_oracle::race::Trace;
use gumbel_oracle::structure::Structure;
use itertools::Itertools as _;
use recursive_gumbel::mutants::{Family, Mutant, Mutated};

/// The triangle with rates 4, 2, 1, and small ones of the structures that it is not.
const SMALL: [&str; 7] = [
    r#"{"structure": "spanning_tree", "vertices": 3, "edges": [[0, 1, 4], [0, 2, 2], [1, 2, 1]]}"#,
    r#"{"structure": "arborescence", "vertices": 3, "root": 0, "edges": [[0, 1, 1], [0, 2, 1], [1, 2, 4], [2, 1, 2]]}"#,
    r#"{"structure": "matching", "rates": [[4, 2], [1, 3]]}"#,
    r#"{"structure": "binary_tree", "rates": [4, 2, 1]}"#,
    r#"{"structure": "top_k", "k": 2, "rates": [4, 2, 1]}"#,
    r#"{"structure": "permutation", "rates": [4, 2, 1]}"#,
    r#"{"structure": "categorical", "rates": [4, 2, 1]}"#,
];

fn models() -> Vec<Model> {
    SMALL.iter().map(|text| Model::parse(text).unwrap()).collect()
}

/// A family's mutants, each with the first small model that it is of.
fn of_family(family: Family) -> Vec<(&'static Mutant, Model)> {
    let of = |mutant: &'static Mutant| {
        let model = models().into_iter().find(|model| mutant.is_of(model.kind()));
        Some((mutant, model?))
    };
    // Some show on special models only.
    let general = |mutant: &&Mutant| Mutant::models().contains(&mutant.model());
    Mutant::all().iter().filter(|mutant| mutant.family() == family).filter(general).filter_map(of).collect()
}

fn six(value: f64) -> String {
    let text = format!("{value:.4}");
    if text == "-0.0000" { "0.0000".to_owned() } else { text }
}

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// The law of the structures with other rates.
fn with_rates(rates: &[f64]) -> Vec<f64> {
    let [a, b, c] = rates else { panic!("a triangle has three edges: {rates:?}") };
    let text = format!(
        r#"{{"structure": "spanning_tree", "vertices": 3, "edges": [[0, 1, {a:?}], [0, 2, {b:?}], [1, 2, {c:?}]]}}"#
    );
    let law = Model::parse(&text).unwrap().law(Limit::default()).unwrap();
    law.outcomes.iter().map(|(_, p)| to_f64(p)).collect()
}

/// The trees of the triangle with each wrong set of rates.
pub(crate) fn rates() -> Vec<Vec<String>> {
    let right = &models()[0];
    let mut rows = vec![cells(["mutant", "rates drawn with", "{0–1, 0–2}", "{0–1, 1–2}", "{0–2, 1–2}"])];
    let mut row = |name: &str, rates: &[f64]| {
        let rates_told = rates.iter().map(|rate| format!("{rate}")).join(", ");
        let law = with_rates(rates).into_iter().map(six);
        rows.push([name.to_owned(), rates_told].into_iter().chain(law).collect());
    };
    row("none", &[4.0, 2.0, 1.0]);
    for (mutant, model) in of_family(Family::Rates) {
        if model.kind() == right.kind() {
            let mutated = Mutated::new(&model, mutant, 1).unwrap();
            row(mutant.name(), mutated.drawn_with());
        }
    }
    rows
}

/// Mean and variance of the first exponential, and its correlation with the second, in units of the mean: 1, 1 and 0 if they are right. In
/// closed form; that a mutant follows it is seen on its draws.
pub(crate) fn exponentials() -> Vec<Vec<String>> {
    use std::f64::consts::PI;
    let once = 3.0_f64;
    let cut = libm::exp(-once);
    let clipped = (1.0 - cut, 2.0 * (1.0 - (1.0 + once) * cut) - (1.0 - cut) * (1.0 - cut));
    let coarse: Vec<f64> = (0..16).map(|i| -libm::log((f64::from(i) + 0.5) / 16.0)).collect();
    let mean = coarse.iter().sum::<f64>() / 16.0;
    let coarse = (mean, coarse.iter().map(|e| e * e).sum::<f64>() / 16.0 - mean * mean);
    // Of an exponential of rate 4 without its rate: the square root of one of rate 1 is √(E/4), in units of 1/4.
    let root = (PI.sqrt(), 4.0 - PI);
    let mut rows = vec![cells(["mutant", "mean", "variance", "correlation"])];
    for (name, (mean, variance), correlation) in [
        ("uniform_weights", (4.0 / 2.0, 16.0 / 12.0), 0.0),
        ("uniforms_divided", (1.0 / 2.0, 1.0 / 12.0), 0.0),
        ("square_roots", root, 0.0),
        ("no_minus", (-1.0, 1.0), 0.0),
        ("clipped", clipped, 0.0),
        ("coarse_uniforms", coarse, 0.0),
        ("shared_uniform", (1.0, 1.0), 1.0),
        ("antithetic", (1.0, 1.0), 1.0 - PI * PI / 6.0),
    ] {
        follows(name, [mean, variance, correlation]);
        rows.push([&cells([name])[..], &[mean, variance, correlation].map(six)].concat());
    }
    rows
}

/// On 40,000 draws of the triangle, each within six standard errors (of a variance of at most 9 for squares and products).
fn follows(name: &str, want: [f64; 3]) {
    const DRAWS: u64 = 40_000;
    let model = &models()[0];
    let mutated = Mutated::new(model, Mutant::named(name).unwrap(), 5).unwrap();
    let of = |number: u64| {
        let exponentials = mutated.draw(number).exponentials;
        [4.0 * exponentials[0], 2.0 * exponentials[1]]
    };
    let drawn: Vec<[f64; 2]> = (0..DRAWS).map(of).collect();
    let mean = |f: &dyn Fn(&[f64; 2]) -> f64| drawn.iter().map(f).sum::<f64>() / DRAWS as f64;
    let [one, other] = [0, 1].map(|k| mean(&|e| e[k]));
    let [first, second] = [(0, one), (1, other)].map(|(k, mid)| mean(&|e| (e[k] - mid) * (e[k] - mid)));
    let together = mean(&|e| (e[0] - one) * (e[1] - other)) / (first * second).sqrt();
    for (found, want) in [one, first, together].into_iter().zip(want) {
        assert!((found - want).abs() < 6.0 * 3.0 / (DRAWS as f64).sqrt(), "{name}: {found}, {want}");
    }
}

/// The laws of structures and traces, by all orders in which the weights can stand.
fn laws(model: &Model, run: impl Fn(&[f64]) -> Option<(Structure, Trace)>) -> [BTreeMap<String, f64>; 2] {
    let rates: Vec<f64> = model.rates().iter().map(to_f64).collect();
    let mut laws = [BTreeMap::new(), BTreeMap::new()];
    for order in (0..rates.len()).permutations(rates.len()) {
        // The order of exponentials: the next is each of those left with probability in proportion to its rate.
        let (mut p, mut left) = (1.0, rates.iter().sum::<f64>());
        let mut weights = vec![0.0; rates.len()];
        for (place, &k) in order.iter().enumerate() {
            p *= rates[k] / left;
            left -= rates[k];
            weights[k] = place as f64 + 1.0;
        }
        if let Some((structure, trace)) = run(&weights) {
            *laws[0].entry(format!("{structure:?}")).or_insert(0.0) += p;
            *laws[1].entry(format!("{trace:?}")).or_insert(0.0) += p;
        }
    }
    laws
}

fn distance(one: &BTreeMap<String, f64>, other: &BTreeMap<String, f64>) -> f64 {
    let keys = one.keys().chain(other.keys()).unique();
    let off = |key: &String| (one.get(key).unwrap_or(&0.0) - other.get(key).unwrap_or(&0.0)).abs();
    keys.map(off).sum::<f64>() / 2.0
}

/// How far the laws of structures and traces are off, where the order of the weights decides.
pub(crate) fn structures() -> Vec<Vec<String>> {
    let mut rows = vec![cells(["mutant", "of", "structures", "traces"])];
    for (mutant, model) in of_family(Family::Structures) {
        // What is left of a weight after a contraction is not told by the order.
        if ["reduced_by_alias", "one_member_of_cycle"].contains(&mutant.name()) {
            continue;
        }
        let mutated = Mutated::new(&model, mutant, 1).unwrap();
        let right: [BTreeMap<String, f64>; 2] = {
            let mut laws = [BTreeMap::new(), BTreeMap::new()];
            for outcome in model.traces() {
                let p = to_f64(&outcome.probability);
                *laws[0].entry(format!("{:?}", outcome.structure)).or_insert(0.0) += p;
                *laws[1].entry(format!("{:?}", outcome.trace)).or_insert(0.0) += p;
            }
            laws
        };
        let wrong = laws(&model, |weights| mutated.run(weights));
        let off = [0, 1].map(|of| six(distance(&right[of], &wrong[of])));
        rows.push([&cells([mutant.name(), model.kind().name()])[..], &off].concat());
    }
    rows
}

/// The sum of all probabilities that are said, and what is said of the likeliest trace.
pub(crate) fn log_probabilities() -> Vec<Vec<String>> {
    let mut rows = vec![cells(["mutant", "of", "sum of exp", "the likeliest trace", "right"])];
    for (mutant, model) in of_family(Family::LogProbabilities) {
        let mutated = Mutated::new(&model, mutant, 1).unwrap();
        let outcomes: Vec<(Trace, f64)> =
            model.traces().map(|outcome| (outcome.trace, to_f64(&outcome.probability))).collect();
        let sum: f64 = outcomes.iter().map(|(trace, _)| libm::exp(mutated.log_prob(trace))).sum();
        let (likeliest, p) = outcomes.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        let said = [sum, mutated.log_prob(likeliest), libm::log(*p)].map(six);
        rows.push([&cells([mutant.name(), model.kind().name()])[..], &said].concat());
    }
    rows
}

/// The expectation of the score that is said: 0 if it is right.
pub(crate) fn scores() -> Vec<Vec<String>> {
    let mut rows = vec![cells(["mutant", "of", "expectation of the score, entry by entry"])];
    for (mutant, model) in of_family(Family::Scores) {
        let mutated = Mutated::new(&model, mutant, 1).unwrap();
        let mut mean = vec![0.0; model.rates().len()];
        for outcome in model.traces() {
            let p = to_f64(&outcome.probability);
            mean.iter_mut().zip(mutated.score(&outcome.trace)).for_each(|(mean, s)| *mean += p * s);
        }
        let said = mean.into_iter().map(six).join("  ");
        rows.push([&cells([mutant.name(), model.kind().name()])[..], &[said]].concat());
    }
    rows
}

/// Mean and variance of the first entry, and the covariance with the second, in units of their means: 1, 1 and 0 if it is right. The
/// exponentials given the trace are linear in the logarithms of the uniforms, so that all follows from the coefficients.
pub(crate) fn conditionals() -> Vec<Vec<String>> {
    let mut rows = vec![cells(["mutant", "of", "mean", "variance", "covariance"])];
    for (mutant, model) in of_family(Family::Conditionals) {
        let mutated = Mutated::new(&model, mutant, 1).unwrap();
        let rates: Vec<f64> = model.rates().iter().map(to_f64).collect();
        let scaled = |trace: &Trace, logs: &[f64]| -> [f64; 2] {
            let uniforms: Vec<f64> = logs.iter().map(|log| libm::exp(-log)).collect();
            let weights = mutated.conditional(trace, &uniforms);
            [weights[0] * rates[0], weights[1] * rates[1]]
        };
        let unit = |j: usize| -> Vec<f64> { (0..rates.len()).map(|k| f64::from(u8::from(k == j))).collect() };
        let (mut sum, mut mean, mut products, mut linear) = (0.0, [0.0; 2], [0.0; 2], true);
        for outcome in model.traces() {
            let (trace, p) = (&outcome.trace, to_f64(&outcome.probability));
            let constant = scaled(trace, &vec![0.0; rates.len()]);
            let slopes: Vec<[f64; 2]> = (0..rates.len())
                .map(|j| {
                    let at = scaled(trace, &unit(j));
                    [at[0] - constant[0], at[1] - constant[1]]
                })
                .collect();
            let means = [0, 1].map(|k| constant[k] + slopes.iter().map(|slope| slope[k]).sum::<f64>());
            for logs in [vec![2.0; rates.len()], (0..rates.len()).map(|k| 0.3 + k as f64).collect()] {
                let at = scaled(trace, &logs);
                for k in 0..2 {
                    let want = constant[k]
                        + slopes.iter().zip(&logs).map(|(slope, log)| slope[k] * log).sum::<f64>();
                    linear &= (at[k] - want).abs() < 1e-9;
                }
            }
            let moved = |k: usize| slopes.iter().map(|slope| slope[0] * slope[k]).sum::<f64>();
            sum += p;
            (0..2).for_each(|k| mean[k] += p * means[k]);
            (0..2).for_each(|k| products[k] += p * (moved(k) + means[0] * means[k]));
        }
        assert!((sum - 1.0).abs() < 1e-12);
        let told = [mean[0], products[0] - mean[0] * mean[0], products[1] - mean[0] * mean[1]].map(six);
        let told = if linear { told.to_vec() } else { cells(["not linear", "", ""]) };
        rows.push([&cells([mutant.name(), model.kind().name()])[..], &told].concat());
    }
    rows
}
