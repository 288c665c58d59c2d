//! How often the checks accuse what is right, and how often they catch what is as wrong as they say they would see: in short.
//! `recursive-gumbel calibrate` is the same at length, and `docs/calibration.md` has what came of it.
//!
//! Seeds are fixed. A rate passes unless it is above its bound by more than happens once in a million.

use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One as _, ToPrimitive as _};
use recursive_gumbel::calibrate::{
    Departure, Estimated, Estimates, How, Law, MODELS, Off, Perfect, Rate, Uniforms, WHOLE, Winners,
    alarms_of_estimates, clopper_pearson, false_alarms, looks, power, power_of_estimates,
};
use recursive_gumbel::check::apart::{Stops, each};
use recursive_gumbel::check::estimates::{Estimator, LawOfEstimates, judge};
use recursive_gumbel::check::{Looks, Method, Options};
use recursive_gumbel::estimate::Score;
use recursive_gumbel::report::Verdict;
use recursive_gumbel::sample::Sampler;
use recursive_gumbel::statistics::Budget;

const ALPHA: [f64; 3] = [0.05, 0.01, 0.001];

fn how(runs: u64, draws: u64, looks: Looks) -> How {
    How { runs, draws, seed: 1, alpha: ALPHA.to_vec(), looks, method: Method::Enumeration }
}

/// Every structure, few categories and few draws, one look and many.
#[test]
fn right_samplers_are_not_accused() {
    for (name, text) in MODELS {
        let model = Model::parse(text).unwrap();
        let all = [(60, 30, Looks::Once), (30, 500, Looks::Once), (15, 300, Looks::Always)];
        for (method, (runs, draws, looks)) in
            [Method::Enumeration, Method::AnySize].into_iter().flat_map(|method| all.map(|how| (method, how)))
        {
            let rates = false_alarms(&model, &How { method, ..how(runs, draws, looks) }, || ()).unwrap();
            for rate in &rates {
                assert!(rate.allows(rate.alpha), "{name}: {rate:?}");
                assert!(rate.tests > 0 || rate.refuted == 0, "{name}: {rate:?}");
            }
            assert_eq!(rates.iter().filter(|rate| rate.subject == WHOLE).count(), ALPHA.len());
        }
    }
}

/// Where nobody can lose, the transform of the winner is its random number. With the same ones for every sample, all forty were accused
/// here.
#[test]
fn samples_do_not_share_the_random_numbers_of_their_winners() {
    let model = Model::parse(MODELS[5].1).unwrap();
    let how = How { method: Method::AnySize, ..how(40, 1_000, Looks::Once) };
    let rates = false_alarms(&model, &how, || ()).unwrap();
    let winners: Vec<&Rate> = rates.iter().filter(|rate| rate.subject == "winners").collect();
    assert!(winners.len() >= 2 && winners.iter().all(|rate| rate.allows(rate.alpha)), "{winners:?}");
}

/// The same count sees a level that is not kept: at 0.5 each a check accuses far more often than at 0.05.
#[test]
fn alarms_that_are_too_many_are_seen() {
    let model = Model::parse(MODELS[2].1).unwrap();
    let rates = false_alarms(&model, &How { alpha: vec![0.5], ..how(200, 500, Looks::Once) }, || ()).unwrap();
    assert!(rates.iter().any(|rate| rate.subject == "parts" && !rate.allows(0.05)), "{rates:?}");
}

/// Each departure that a check says it catches with probability 0.99; a few structures, one look and bets.
#[test]
fn departures_of_the_stated_size_are_caught() {
    for (name, text) in [MODELS[0], MODELS[3], MODELS[7]] {
        let model = Model::parse(text).unwrap();
        for looks in [Looks::Once, Looks::Always] {
            let found = power(&model, &How { alpha: vec![0.01], ..how(25, 2_000, looks) }, || ()).unwrap();
            assert!(found.len() >= 10, "{name}: {found:?}");
            for power in found {
                assert!(power.caught.reaches(0.99), "{name} {looks:?}: {power:?}");
            }
        }
    }
}

/// The same as models of any size are judged, of what only these are judged by too: winners race by race and pooled, in pairs, draw after
/// draw; entries; the exponentials given the trace.
#[test]
fn departures_of_the_stated_size_are_caught_at_any_size() {
    let mut subjects = std::collections::BTreeSet::new();
    for (name, text) in [MODELS[3], MODELS[7]] {
        let model = Model::parse(text).unwrap();
        for looks in [Looks::Once, Looks::Always] {
            let how = How { alpha: vec![0.01], method: Method::AnySize, ..how(20, 2_000, looks) };
            for power in power(&model, &how, || ()).unwrap() {
                assert!(power.caught.reaches(0.99), "{name} {looks:?}: {power:?}");
                subjects.insert((power.caught.subject, power.what));
            }
        }
    }
    let of = |subject: &str| subjects.iter().filter(|(of, _)| of == subject).count();
    let counts = [
        "winners",
        "winners in pairs",
        "winners: draw after draw",
        "entries",
        "exponentials given the trace",
        "conditional given the trace",
        "conditional in pairs",
        "conditional against exponentials",
    ]
    .map(of);
    assert_eq!(counts, [2, 1, 2, 1, 2, 3, 3, 2], "{subjects:?}");
}

/// Estimates of a gradient: right ones are not accused, and a mean or a variance that is off by what is stated is caught.
#[test]
fn estimates_are_judged_as_is_said() {
    for (name, text) in [MODELS[2], MODELS[6]] {
        let model = Model::parse(text).unwrap();
        let loss = Loss::named(&model, "default").unwrap();
        for looks in [Looks::Once, Looks::Always] {
            let right = alarms_of_estimates(&model, loss, &how(40, 1_000, looks), || ()).unwrap();
            assert!(!right.is_empty());
            for rate in right {
                assert!(rate.allows(rate.alpha), "{name} {looks:?}: {rate:?}");
            }
            let how = How { alpha: vec![0.01], ..how(20, 20_000, looks) };
            let found = power_of_estimates(&model, loss, &how, || ()).unwrap();
            assert_eq!(found.len(), if looks == Looks::Once { 4 } else { 1 }, "{found:?}");
            for power in found {
                assert!(power.caught.reaches(0.99), "{name} {looks:?}: {power:?}");
            }
        }
    }
}

/// A third of what is stated is missed often; so the count of the test above can tell.
#[test]
fn estimates_that_are_off_by_less_are_missed() {
    let model = Model::parse(MODELS[2].1).unwrap();
    let loss = Loss::named(&model, "default").unwrap();
    let law = Law::new(&model).unwrap();
    let of = Estimated::new(&law, loss).unwrap();
    let stated =
        power_of_estimates(&model, loss, &How { alpha: vec![0.01], ..how(1, 10_000, Looks::Once) }, || ());
    let moments = LawOfEstimates::of(&model, &loss, &Estimator::Plain(Score::Exponentials)).unwrap();
    let options = Options { samples: 10_000, alpha: 0.01, departure: 1.0 };
    let budget = Budget::new(0.01, LawOfEstimates::tests(&model)).unwrap();
    for power in stated.unwrap().into_iter().skip(2) {
        let part = power.departure / 3.0;
        let off = if power.what.contains("variance") { Off::Variance(part) } else { Off::Mean(part) };
        let refuted = |seed: u64| {
            let estimates = Estimates::new(&of, off, seed).unwrap();
            let rows = judge("", &model, &moments, &estimates, &options, &budget, |_| ()).unwrap();
            rows.iter().any(|row| row.verdict == Verdict::Refuted)
        };
        let refuted = (0..30).filter(|seed| refuted(*seed)).count() as u64;
        let rate = Rate { subject: power.caught.subject, tests: 1, alpha: 0.01, refuted, runs: 30 };
        assert!(!rate.reaches(0.99), "{rate:?}");
    }
    assert!(Estimates::new(&of, Off::Mean(f64::NAN), 1).is_err());
    assert!(Estimates::new(&of, Off::Variance(-0.1), 1).is_err());
}

/// The same count sees a departure that is stated too small: of half the size each is missed often.
#[test]
fn departures_that_are_stated_too_small_are_seen() {
    let model = Model::parse(MODELS[3].1).unwrap();
    let law = Law::new(&model).unwrap();
    let of = |method: Method, subject: &str, departure: Departure| {
        let stops = Stops { at: &[2_000], alpha: &[0.01], looks: Looks::Once, objective: None };
        let refuted = |seed: u64| {
            let sampler = Perfect::new(&law, departure, seed, 2_000).unwrap();
            let checks = each(method, &model, &sampler, &stops).unwrap();
            let check = checks.iter().find(|check| check.subject == subject && check.tests > 0).unwrap();
            check.alone[0].is_some()
        };
        let refuted = (0..60).filter(|seed| refuted(*seed)).count() as u64;
        Rate { subject: subject.to_owned(), tests: 1, alpha: 0.01, refuted, runs: 60 }
    };
    let departure = |method: Method, subject: &str| {
        let how = How { alpha: vec![0.01], method, ..how(1, 2_000, Looks::Once) };
        let stated = power(&model, &how, || ()).unwrap();
        stated.iter().find(|power| power.caught.subject == subject).unwrap().departure
    };
    for (subject, wrong) in [
        ("structures", Departure::Structures as fn(f64) -> Departure),
        ("exponentials", |d| Departure::Exponentials(Uniforms::Alone, d)),
        ("exponentials in pairs", |d| Departure::Exponentials(Uniforms::Pair, d)),
        ("conditional: draw after draw", |d| Departure::Conditional(Uniforms::Distance(1), d)),
    ] {
        let rate = of(Method::Enumeration, subject, wrong(0.5 * departure(Method::Enumeration, subject)));
        assert!(!rate.reaches(0.99), "{rate:?}");
    }
    for (subject, wrong) in [
        ("winners", Departure::Winners as fn(Winners, f64) -> Departure),
        ("winners in pairs", |_, d| Departure::Winners(Winners::Pair, d)),
        ("entries", |_, d| Departure::Winners(Winners::Entry, d)),
        ("exponentials given the trace", |_, d| Departure::Given(Uniforms::Winners, d)),
    ] {
        let half = 0.5 * departure(Method::AnySize, subject);
        let rate = of(Method::AnySize, subject, wrong(Winners::First, half));
        assert!(!rate.reaches(0.99), "{rate:?}");
    }
}

/// `P(X ≥ seen)` of a binomial, by fractions.
fn at_least(seen: u64, of: u64, p: f64) -> f64 {
    let p = BigRational::from_float(p).unwrap();
    let q = BigRational::one() - &p;
    let mut choose = BigInt::one();
    let mut tail = BigRational::from_integer(0.into());
    for k in 0..=of {
        if k >= seen {
            tail += BigRational::from_integer(choose.clone()) * p.pow(k as i32) * q.pow((of - k) as i32);
        }
        choose = choose * (of - k) / (k + 1);
    }
    tail.to_f64().unwrap()
}

/// At the lower end as many or more are seen with half of what is missed, at the upper end as many or fewer.
#[test]
fn intervals_are_those_of_clopper_and_pearson() {
    for (seen, of) in [(0, 10), (1, 10), (5, 10), (10, 10), (3, 60), (59, 60)] {
        for confidence in [0.9, 0.99, 1.0 - 2e-6] {
            let (lower, upper) = clopper_pearson(seen, of, confidence);
            let tail = (1.0 - confidence) / 2.0;
            let near = |p: f64| (p / tail - 1.0).abs() < 1e-6;
            assert!(
                if seen == 0 { lower == 0.0 } else { near(at_least(seen, of, lower)) },
                "{seen} of {of}: {lower}"
            );
            let fewer = 1.0 - at_least(seen + 1, of, upper);
            assert!(if seen == of { upper == 1.0 } else { near(fewer) }, "{seen} of {of}: {upper}, {fewer}");
        }
    }
}

#[test]
fn one_looks_often_and_at_last_at_all() {
    assert_eq!(looks(5), [5]);
    assert_eq!(looks(12), [8, 9, 10, 11, 12]);
    let all = looks(1_000);
    assert!(all.is_sorted() && all.last() == Some(&1_000) && all.len() == 48, "{}", all.len());
}

/// The perfect sampler is held by the whole kit, at as many draws as `verify` takes by default: it is another way to the same law.
#[test]
fn the_perfect_sampler_is_held() {
    use recursive_gumbel::sample::{Draws, Field};
    let model = Model::parse(MODELS[4].1).unwrap();
    let law = Law::new(&model).unwrap();
    let asked = recursive_gumbel::check::Asked::only(0.05);
    let budget = Budget::new(1e-6, Method::Enumeration.tests(&model, &Field::DRAWN, &asked)).unwrap();
    let of = |departure: Departure| {
        let sampler = Perfect::new(&law, departure, 7, 200_000).unwrap();
        let mut draws = Draws::new(&sampler as &dyn Sampler, 200_000);
        let rows = Method::Enumeration.judge("", &model, &mut draws, &asked, &budget, |_| ()).unwrap();
        Verdict::of(&rows)
    };
    assert_eq!(of(Departure::None), Verdict::Held);
    assert_eq!(of(Departure::Traces(0.02)), Verdict::Refuted);
}

/// One judgement tells the verdicts at every level: they are those of a report at that level, but for what is left to its cause.
#[test]
fn each_check_by_itself_is_what_a_report_says() {
    use recursive_gumbel::check::Asked;
    use recursive_gumbel::mutants::{Mutant, Mutated};
    use recursive_gumbel::sample::{Draws, Field};
    use std::collections::BTreeSet;
    let alphas = [0.05, 1e-4, 1e-6];
    let (mut refuted, mut differ) = (0, 0);
    for (name, draws) in [("one_rate_a_fifth_off", 2_000), ("rates_ignored", 200), ("residuals_doubled", 300)]
    {
        let model = Model::parse(MODELS[7].1).unwrap();
        let sampler = Mutated::new(&model, Mutant::named(name).unwrap(), 3).unwrap();
        let stops = Stops { at: &[draws], alpha: &alphas, looks: Looks::Once, objective: None };
        let alone = each(Method::Enumeration, &model, &sampler, &stops).unwrap();
        let mut before: Option<BTreeSet<&str>> = None;
        for (place, alpha) in alphas.into_iter().enumerate() {
            let tests = Method::Enumeration.tests(&model, &Field::DRAWN, &Asked::only(1.0));
            let budget = Budget::new(alpha, tests).unwrap();
            let mut source = Draws::new(&sampler, draws);
            let asked = Asked::only(1.0);
            let rows = Method::Enumeration.judge("", &model, &mut source, &asked, &budget, |_| ()).unwrap();
            let wrong = |row: &&recursive_gumbel::report::Row| {
                row.verdict == Verdict::Refuted || row.note.starts_with("it fails, as it must")
            };
            let report: BTreeSet<&str> = rows.iter().filter(wrong).map(|row| row.subject).collect();
            let these = alone.iter().filter(|check| check.shared[place] == Some(draws));
            let these: BTreeSet<&str> = these.map(|check| check.subject).collect();
            assert_eq!(these, report, "{name} at {alpha}");
            refuted += report.len();
            differ += u32::from(before.is_some_and(|before| before != report));
            before = Some(report);
        }
    }
    assert!(refuted > 10 && differ > 0, "{refuted}, {differ}");
}

#[test]
fn what_cannot_be_counted_is_refused() {
    use recursive_gumbel::check::CheckError;
    use recursive_gumbel::statistics::StatisticsError;
    let model = Model::parse(MODELS[3].1).unwrap();
    let refused = |how: How| match false_alarms(&model, &how, || ()) {
        Err(CheckError::Statistics(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let right = how(2, 10, Looks::Once);
    assert_eq!(refused(How { runs: 0, ..right.clone() }), "no draws: want at least one");
    assert_eq!(refused(How { draws: 0, ..right.clone() }), "no draws: want at least one");
    assert_eq!(refused(How { alpha: vec![], ..right.clone() }), "a budget for 0 tests: want at least one");
    for alpha in [0.0, 1.5, f64::NAN, -0.1] {
        let said = refused(How { alpha: vec![0.05, alpha], ..right.clone() });
        assert!(said.starts_with(&format!("a false-alarm probability of {alpha:?}")), "{said}");
    }
    let law = Law::new(&model).unwrap();
    for wrong in [
        Departure::Structures(f64::NAN),
        Departure::Traces(-0.1),
        Departure::Exponentials(Uniforms::Alone, 0.6),
        Departure::Conditional(Uniforms::Distance(0), 0.1),
        Departure::Winners(Winners::Distance(0), 0.1),
        Departure::Winners(Winners::Pair, 0.45), // more than there is room for
    ] {
        assert!(
            matches!(Perfect::new(&law, wrong, 1, 10), Err(StatisticsError::Argument { .. })),
            "{wrong:?}"
        );
    }
    // A tree of 12 vertices has more traces than can be told.
    let edges: Vec<String> = (0..12).flat_map(|v| (0..v).map(move |u| format!("[{u},{v},1]"))).collect();
    let large =
        format!(r#"{{"structure": "spanning_tree", "vertices": 12, "edges": [{}]}}"#, edges.join(","));
    let large = Model::parse(&large).unwrap();
    assert!(matches!(false_alarms(&large, &right, || ()), Err(CheckError::TooLarge(_))));
    // Where there is no entry, nothing can depart.
    let lone = Model::parse(r#"{"structure": "spanning_tree", "vertices": 1, "edges": []}"#).unwrap();
    assert!(false_alarms(&lone, &right, || ()).unwrap().iter().all(|rate| rate.refuted == 0));
    let law = Law::new(&lone).unwrap();
    for departure in [
        Departure::Part(0.1),
        Departure::Exponentials(Uniforms::Distance(1), 0.1),
        Departure::Winners(Winners::First, 0.0),
    ] {
        assert!(Perfect::new(&law, departure, 1, 10).unwrap().draw(3).exponentials.is_empty());
    }
}
