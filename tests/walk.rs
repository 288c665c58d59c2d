//! Traces walked by their winners, against the oracle's races with all their entrants.

mod common;

use std::collections::BTreeMap;

use gumbel_oracle::enclosure;
use gumbel_oracle::limit::Limit;
use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::number::{Dual, Exact, ratio, to_f64, to_rational};
use gumbel_oracle::race::Trace;
use gumbel_oracle::structure::{Order, Parents, Structure};
use gumbel_oracle::top_k::TopK;
use petgraph::graph::UnGraph;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use recursive_gumbel::estimate::{Plain, Races};
use recursive_gumbel::sample::{Reference, Walk, WalkError, Walker};

use common::random;

fn winners(trace: &Trace) -> Vec<u32> {
    trace.races().iter().map(|race| race.winner as u32).collect()
}

/// Who races in each race, from the paths of the entries.
fn entrants(walk: &Walk<'_>, entries: usize) -> Vec<Vec<usize>> {
    let mut races = vec![Vec::new(); walk.winners().len()];
    (0..entries).for_each(|k| walk.races_of(k).for_each(|race| races[race].push(k)));
    races
}

/// The first difference from the oracle's trace, if there is one: entrants exactly, numbers up to rounding.
fn difference(model: &Model, trace: &Trace, walk: &Walk<'_>, uniforms: &[f64]) -> Option<String> {
    let rates: Vec<f64> = model.rates_as();
    let want: Vec<Vec<usize>> = trace.races().iter().map(|race| race.entrants.clone()).collect();
    let found = entrants(walk, rates.len());
    if found != want {
        return Some(format!("entrants {found:?}, want {want:?}"));
    }
    let absent = |values: Vec<Option<f64>>, value: f64| -> Vec<f64> {
        values.into_iter().map(|of| of.unwrap_or(value)).collect()
    };
    let conditional = trace.exponentials(&rates, uniforms);
    let inverse = trace.uniforms(&rates, &conditional);
    let weights = walk.conditional(uniforms);
    // Sums of at most 2n positive terms in another order; a weight minus the times before it loses no more than the weight
    // holds.
    let scale = weights.iter().zip(&rates).filter(|(e, _)| e.is_finite()).map(|(e, rate)| e * rate);
    let scale = scale.chain(walk.totals().iter().map(|total| {
        weights.iter().filter(|e| e.is_finite()).fold(0.0_f64, |largest, e| largest.max(e * total))
    }));
    let scale = scale.fold(1.0, f64::max);
    let columns = [
        ("totals", walk.totals().to_vec(), trace.totals(&rates), 1.0),
        ("log p", vec![walk.log_prob()], vec![trace.log_probability(&rates)], 1.0),
        ("score", walk.score(), trace.score(&rates), 1.0),
        ("conditional", weights.clone(), absent(conditional, f64::INFINITY), 1.0),
        ("inverse", walk.uniforms(&weights), absent(inverse, f64::NAN), scale),
        ("inverse of the draw", walk.uniforms(&weights), masked(uniforms, &rates), scale),
    ];
    for (what, found, want, scale) in columns {
        let allowed = 1e-12 * scale;
        let close = |a: f64, b: f64| {
            a == b || (a - b).abs() <= allowed * b.abs().max(1.0) || a.is_nan() && b.is_nan()
        };
        if let Some(i) = (0..want.len()).find(|&i| !close(found[i], want[i])) {
            return Some(format!("{what}[{i}]: {} instead of {}", found[i], want[i]));
        }
    }
    None
}

/// NaN at absent entries.
fn masked(uniforms: &[f64], rates: &[f64]) -> Vec<f64> {
    uniforms.iter().zip(rates).map(|(&u, &rate)| if rate > 0.0 { u } else { f64::NAN }).collect()
}

fn examples() -> Vec<(String, Model)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/models");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let read = |path: &std::path::PathBuf| Model::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    files.iter().map(|path| (path.display().to_string(), read(path))).collect()
}

#[test]
fn every_trace_of_every_example_is_walked() {
    for (name, model) in examples() {
        let walker = Walker::new(&model);
        let uniforms: Vec<f64> = (0..model.rates().len()).map(|k| (k + 1) as f64 / 40.0 % 1.0).collect();
        for outcome in model.traces().take(5_000) {
            let walk = walker.walk(&winners(&outcome.trace)).unwrap();
            assert_eq!(difference(&model, &outcome.trace, &walk, &uniforms), None, "{name}");
        }
    }
}

/// By dual numbers through the oracle's generic code, and by differences; a conditional draw that is taken for constant in the race
/// totals is told from it.
#[test]
fn the_derivative_of_a_conditional_draw_is_that_of_the_oracles_own() {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let mut models = examples();
    for kind in Kind::ALL {
        models.extend((2..=6).map(|n| (format!("{kind:?} {n}"), random(kind, n, &mut rng))));
    }
    let mut detached = 0;
    for (name, model) in models {
        let rates: Vec<f64> = model.rates_as();
        let m = rates.len();
        let walker = Walker::new(&model);
        for outcome in model.traces().take(40) {
            let uniforms: Vec<f64> = (0..m).map(|_| rng.random_range(0.01..0.99)).collect();
            let vector: Vec<f64> = (0..m).map(|_| rng.random_range(-1.0..1.0)).collect();
            let found = walker.walk(&winners(&outcome.trace)).unwrap().pull_back(&uniforms, &vector);
            let dual = |i: usize| {
                let rate = |k: usize| if k == i { Dual::logit(rates[k]) } else { Dual::constant(rates[k]) };
                let rates: Vec<Dual<f64>> = (0..m).map(rate).collect();
                let uniforms: Vec<Dual<f64>> = uniforms.iter().map(|&u| Dual::constant(u)).collect();
                let weights = outcome.trace.exponentials(&rates, &uniforms);
                let terms = weights.iter().zip(&vector);
                terms.map(|(weight, v)| weight.as_ref().map_or(0.0, |weight| v * weight.derivative)).sum()
            };
            let at = |i: usize, by: f64| {
                let mut rates = rates.clone();
                rates[i] *= libm::exp(-by);
                let weights = outcome.trace.exponentials(&rates, &uniforms);
                weights.iter().zip(&vector).map(|(weight, v)| v * weight.unwrap_or(0.0)).sum::<f64>()
            };
            let scale = outcome.trace.exponentials(&rates, &uniforms).into_iter().flatten().sum::<f64>();
            // Along the vector: one run with all logits.
            let along = walker.walk(&winners(&outcome.trace)).unwrap().push_forward(&uniforms, &vector);
            let along_dual = |k: usize| Dual { value: rates[k], derivative: -rates[k] * vector[k] };
            let duals: Vec<Dual<f64>> = (0..m).map(along_dual).collect();
            let constant: Vec<Dual<f64>> = uniforms.iter().map(|&u| Dual::constant(u)).collect();
            for (found, want) in along.iter().zip(outcome.trace.exponentials(&duals, &constant)) {
                let want = want.map_or(0.0, |weight| weight.derivative);
                assert!((found - want).abs() <= 1e-12 * scale, "{name}: {found} {want}");
            }
            for i in 0..m {
                let want: f64 = if rates[i] > 0.0 { dual(i) } else { 0.0 };
                assert!((found[i] - want).abs() <= 1e-12 * scale, "{name} {i}: {} {want}", found[i]);
                let difference = (at(i, 1e-5) - at(i, -1e-5)) / 2e-5;
                assert!(
                    (found[i] - difference).abs() <= 1e-8 * scale,
                    "{name} {i}: {} {difference}",
                    found[i]
                );
                let weight = outcome.trace.exponentials(&rates, &uniforms)[i].unwrap_or(0.0);
                detached += usize::from((vector[i] * weight - want).abs() > 1e-6 * scale);
            }
        }
    }
    assert!(detached > 1000, "{detached}");
}

/// With all rates `c` times as large all times are a `c`-th, and so are their derivatives: to the bit, if `c` is a power of two.
#[test]
fn the_derivative_of_a_conditional_draw_is_in_the_unit_of_the_rates() {
    let mut rng = ChaCha8Rng::seed_from_u64(13);
    for (kind, n) in Kind::ALL.into_iter().flat_map(|kind| (2..=5).map(move |n| (kind, n))) {
        let model = random(kind, n, &mut rng);
        let rates: Vec<f64> = model.rates_as();
        let m = rates.len();
        for outcome in model.traces().take(10) {
            let winners = winners(&outcome.trace);
            let uniforms: Vec<f64> = (0..m).map(|_| rng.random_range(0.01..0.99)).collect();
            let vector: Vec<f64> = (0..m).map(|_| rng.random_range(-1.0..1.0)).collect();
            let derivatives = |power: i32| {
                let rates: Vec<f64> = rates.iter().map(|rate| libm::ldexp(*rate, power)).collect();
                let mut walker = Walker::new(&model);
                walker.set_rates(&rates);
                let walk = walker.walk(&winners).unwrap();
                let all = [walk.pull_back(&uniforms, &vector), walk.push_forward(&uniforms, &vector)];
                all.concat().into_iter().map(|value| libm::ldexp(value, power).to_bits()).collect::<Vec<_>>()
            };
            let want = derivatives(0);
            for power in [-980, -600, 1, 600, 980] {
                assert_eq!(derivatives(power), want, "{kind:?} {n} 2^{power}");
            }
        }
    }
    // And where all entrants are listed.
    let derivatives = |power: i32| {
        let rates = [1.0, 2.0, 3.0, 5.0].map(|rate| libm::ldexp(rate, power));
        let pulled = Plain(&TopK::new(4, 2), &rates)
            .races(&[2, 0])
            .unwrap()
            .pull_back(&[0.3; 4], &[1.0, -2.0, 0.5, 3.0]);
        pulled.into_iter().map(|value| libm::ldexp(value, power)).collect::<Vec<_>>()
    };
    assert_eq!(derivatives(-600), derivatives(0));
    assert_eq!(derivatives(600), derivatives(0));
}

#[test]
fn the_lists_of_entrants_of_a_tree_are_as_long_as_the_documentation_says() {
    for n in 2..=5_u32 {
        let pairs = (0..n).flat_map(|u| (u + 1..n).map(move |v| (u, v, ratio(1, 1))));
        let model = Model::spanning_tree(&UnGraph::<(), _>::from_edges(pairs)).unwrap();
        let length = |trace: &Trace| trace.races().iter().map(|race| race.entrants.len()).sum::<usize>();
        let shortest = model.traces().map(|outcome| length(&outcome.trace)).min();
        assert_eq!(shortest, Some((n * (n - 1) * (2 * n - 1) / 6) as usize));
    }
}

#[test]
fn runs_of_all_sizes_are_walked() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (mut compared, mut deepest) = (0, 0);
    for kind in Kind::ALL {
        for n in (1..=12).chain([20, 30, 40]) {
            for _ in 0..if n <= 12 { 12 } else { 2 } {
                let model = random(kind, n, &mut rng);
                let sampler = Reference::new(&model, 1).unwrap();
                let walker = Walker::new(&model);
                let uniforms: Vec<f64> = model.rates().iter().map(|_| rng.random_range(0.01..0.99)).collect();
                for number in 0..3 {
                    let trace = sampler.draw(number).trace;
                    let walk = walker.walk(&winners(&trace)).unwrap();
                    assert_eq!(difference(&model, &trace, &walk, &uniforms), None, "{model:?}");
                    compared += 1;
                    if kind == Kind::Arborescence {
                        deepest = deepest
                            .max((0..uniforms.len()).map(|k| walk.races_of(k).count()).max().unwrap_or(0));
                    }
                }
            }
        }
    }
    assert!(compared >= 3_000 && deepest >= 8, "{compared} runs, {deepest} races of one arc");
}

#[test]
fn winners_that_are_no_trace_are_refused_just_when_the_oracle_refuses_them() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let (mut refused, mut taken) = (0, 0);
    for kind in Kind::ALL {
        for n in 1..=5 {
            for _ in 0..300 {
                let model = random(kind, n, &mut rng);
                let m = model.rates().len();
                let mut list = winners(&Reference::new(&model, rng.random()).unwrap().draw(0).trace);
                // One mistake, or none.
                let place = rng.random_range(0..=list.len());
                match rng.random_range(0..5) {
                    0 if place < list.len() => list[place] = rng.random_range(0..m as u32),
                    1 if place < list.len() => drop(list.remove(place)),
                    2 if m > 0 => list.insert(place, rng.random_range(0..m as u32)),
                    3 if place + 1 < list.len() => list.swap(place, place + 1),
                    _ => {}
                }
                let by_oracle = model.trace_of(&list.iter().map(|&w| w as usize).collect::<Vec<_>>());
                let walker = Walker::new(&model);
                let walk = walker.walk(&list);
                match by_oracle {
                    Ok(trace) => {
                        let found = entrants(&walk.unwrap(), m);
                        let want: Vec<_> = trace.races().iter().map(|race| race.entrants.clone()).collect();
                        assert_eq!(found, want, "{model:?}");
                        taken += 1;
                    }
                    // The oracle wants races on different components in its own order.
                    Err(_) if kind == Kind::Arborescence && walk.is_ok() => {
                        let sorted = |list: &[u32]| {
                            let mut sorted = list.to_vec();
                            sorted.sort_unstable();
                            sorted
                        };
                        let same = model.traces().any(|outcome| {
                            let mut sets = entrants(walk.as_ref().unwrap(), m);
                            let mut of: Vec<Vec<usize>> =
                                outcome.trace.races().iter().map(|race| race.entrants.clone()).collect();
                            sets.sort();
                            of.sort();
                            sorted(&winners(&outcome.trace)) == sorted(&list) && sets == of
                        });
                        assert!(same, "{list:?} of {model:?}");
                    }
                    Err(error) => {
                        assert!(walk.is_err(), "{list:?}: {error}, of {model:?}");
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(refused > 2_000 && taken > 2_000, "{refused} refused, {taken} taken");
}

#[test]
fn the_error_names_the_race() {
    let model = Model::parse(r#"{"structure": "top_k", "k": 2, "rates": [1, 2, 0, 3]}"#).unwrap();
    let walker = Walker::new(&model);
    let error = |winners: &[u32]| walker.walk(winners).unwrap_err();
    assert_eq!(error(&[0, 4]), WalkError::NoSuchEntry { race: 1, winner: 4, entries: 4 });
    assert_eq!(error(&[0, 2]), WalkError::NotAnEntrant { race: 1, winner: 2 });
    assert_eq!(error(&[3, 3]), WalkError::NotAnEntrant { race: 1, winner: 3 });
    assert_eq!(error(&[3]), WalkError::TooShort { races: 1 });
    assert_eq!(error(&[3, 1, 0]), WalkError::TooLong { races: 2, found: 3 });
}

/// Given the races before, the winners of a race take up the unit interval between them, without gap or overlap, each as much
/// as is its probability.
#[test]
fn the_transform_shares_the_unit_interval_among_those_who_may_win() {
    let mut shared = 0;
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let random: Vec<(String, Model)> = Kind::ALL
        .iter()
        .flat_map(|&kind| (1..=5).map(move |n| (kind, n)))
        .map(|(kind, n)| (format!("{kind:?} {n}"), random(kind, n, &mut rng)))
        .collect();
    for (name, model) in examples().into_iter().chain(random) {
        if model.trace_count().is_none_or(|count| count > 20_000_u16.into()) {
            continue;
        }
        let walker = Walker::new(&model);
        // By the winners before a race: the interval of each winner.
        let mut intervals: BTreeMap<Vec<u32>, BTreeMap<u32, (f64, f64)>> = BTreeMap::new();
        for outcome in model.traces() {
            let winners = winners(&outcome.trace);
            let walk = walker.walk(&winners).unwrap();
            let [low, high] = [0.0, 1.0].map(|u| walk.transform(&vec![u; winners.len()]));
            for (race, &winner) in winners.iter().enumerate() {
                let interval = (low[race], high[race]);
                let known = intervals.entry(winners[..race].to_vec()).or_default().insert(winner, interval);
                // What is still to come changes nothing.
                let same = known
                    .is_none_or(|(a, b)| (a - low[race]).abs() < 1e-12 && (b - high[race]).abs() < 1e-12);
                assert!(same, "{name}: {known:?}, {interval:?}");
                let p = walk.rates()[winner as usize] / walk.totals()[race];
                assert!((interval.1 - interval.0 - p).abs() < 1e-12, "{name}");
            }
        }
        for (past, intervals) in intervals {
            let mut intervals: Vec<(f64, f64)> = intervals.into_values().collect();
            intervals.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut end = 0.0;
            for (low, high) in intervals {
                assert!((low - end).abs() < 1e-12, "{name} after {past:?}: from {low}, not {end}");
                end = high;
            }
            assert!((end - 1.0_f64).abs() < 1e-12, "{name} after {past:?} ends at {end}");
            shared += 1;
        }
    }
    assert!(shared > 5_000, "{shared}");
}

/// The exact values, by fractions, of all traces: the nearest `f64`.
#[test]
fn certain_values_are_the_nearest_to_the_exact_ones() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let random: Vec<Model> = Kind::ALL
        .iter()
        .flat_map(|&kind| (1..=5).map(move |n| (kind, n)))
        .map(|(kind, n)| random(kind, n, &mut rng))
        .collect();
    let far = [
        r#"{"structure": "top_k", "k": 3, "rates": ["1e-300", "1e300", 0, 0.1, "1e-290"]}"#,
        r#"{"structure": "permutation", "logits": [80, -80, 0.1, 500, -500]}"#,
    ];
    let far = far.iter().map(|text| Model::parse(text).unwrap());
    for model in examples().into_iter().map(|(_, model)| model).chain(random).chain(far) {
        let walker = Walker::new(&model);
        let rates: Vec<f64> = model.rates_as();
        let exact: Vec<Exact> = rates.iter().map(|&rate| Exact::try_from(rate).unwrap()).collect();
        for outcome in model.traces().take(200) {
            let walk = walker.walk(&winners(&outcome.trace)).unwrap();
            let log_prob = enclosure::ln(&to_rational(&outcome.trace.probability(&exact))).unwrap();
            // Where p(T) is 1 but for some 1e-35, the product is 1.
            let found = walk.certain_log_prob();
            assert!(found == log_prob || (found - log_prob).abs() < 1e-30, "{found} {log_prob} {model:?}");
            let counts: Vec<usize> = outcome.trace.races().iter().map(|race| race.entrants.len()).collect();
            assert_eq!(walk.entrant_counts(), counts);
            for (found, want) in walk.certain_score().iter().zip(outcome.trace.score(&exact)) {
                let want = to_f64(&to_rational(&want));
                assert!((found - want).abs() <= f64::EPSILON * want.abs().max(1.0) / 2.0, "{found} {want}");
            }
        }
    }
}

#[test]
fn structures_of_traces_and_traces_of_structures_are_the_oracles() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let (mut none, mut some) = (0, 0);
    for kind in Kind::ALL {
        for n in (1..=7).chain([20, 40]) {
            for _ in 0..8 {
                let model = random(kind, n, &mut rng);
                let walker = Walker::new(&model);
                let sampler = Reference::new(&model, rng.random()).unwrap();
                let m = model.rates().len();
                for number in 0..if n > 7 { 3 } else { 30 } {
                    let draw = sampler.draw(number);
                    let walk = walker.walk(&winners(&draw.trace)).unwrap();
                    assert_eq!(walker.structure_of(&walk), draw.structure, "{model:?}");
                    assert!(walker.is_structure(&draw.structure), "{:?} of {model:?}", draw.structure);
                    let on = walker.trace_on(&draw.structure, &draw.exponentials);
                    assert_eq!(on, (kind != Kind::Arborescence).then(|| winners(&draw.trace)), "{model:?}");
                    if n > 5 {
                        continue;
                    }
                    // One part of it changed for another, moved, or dropped.
                    let mut changed = |parts: &mut Vec<usize>, most: usize| {
                        let place = rng.random_range(0..=parts.len());
                        match rng.random_range(0..3) {
                            0 if place < parts.len() => parts[place] = rng.random_range(0..=most),
                            1 if place < parts.len() => drop(parts.remove(place)),
                            _ => parts.push(rng.random_range(0..=most)),
                        }
                    };
                    let other = match draw.structure {
                        Structure::Entries(set) => {
                            let mut entries = set.entries().to_vec();
                            changed(&mut entries, m);
                            Structure::Entries(entries.into_iter().collect())
                        }
                        Structure::Order(Order(mut order)) => {
                            changed(&mut order, m);
                            Structure::Order(Order(order))
                        }
                        Structure::Parents(Parents(mut parents)) => {
                            let place = rng.random_range(0..parents.len());
                            parents[place] = rng.random_bool(0.9).then(|| rng.random_range(0..=m));
                            Structure::Parents(Parents(parents))
                        }
                    };
                    let law = model.law(Limit::default()).unwrap().outcomes;
                    let is_one = law.iter().any(|(structure, _)| *structure == other);
                    assert_eq!(walker.is_structure(&other), is_one, "{other:?} of {model:?}");
                    *if is_one { &mut some } else { &mut none } += 1;
                }
            }
        }
    }
    assert!(none > 3_000 && some > 500, "{none} no structures, {some} structures");
}

/// A walk of other winners differs, so a wrong one would be seen: of every two traces of a model.
#[test]
fn the_comparison_tells_any_two_traces_apart() {
    for (name, model) in
        examples().into_iter().filter(|(_, model)| model.trace_count().unwrap() < 100_u8.into())
    {
        let walker = Walker::new(&model);
        let uniforms = vec![0.5; model.rates().len()];
        let all: Vec<Trace> = model.traces().map(|outcome| outcome.trace).collect();
        for (i, one) in all.iter().enumerate() {
            let walk = walker.walk(&winners(one)).unwrap();
            for (j, other) in all.iter().enumerate() {
                assert_eq!(difference(&model, other, &walk, &uniforms).is_none(), i == j, "{name}");
            }
        }
    }
}
