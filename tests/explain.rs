//! What `explain` says is what the oracle says: the numbers by independent computation, the words by snapshots.

use gumbel_oracle::limit::{Limit, Remedy, TooLarge};
use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::number::ratio;
use gumbel_oracle::race::{Race, Trace};
use gumbel_oracle::recursion::WeightError;
use num_rational::BigRational;
use num_traits::{One, Zero};
use recursive_gumbel::explain::{Event, ExplainError, Explanation, Stage};

/// Contractions three deep: {0,1}, then {0,1,2}, then {0,1,2,3}.
const NESTED: &str = r#"[{"component":[0],"arc":[1,0]},{"component":[1],"arc":[0,1]},{"component":[2],"arc":[1,2]},
    {"component":[3],"arc":[2,3]},{"component":[0,1],"arc":[2,0]},{"component":[0,1,2],"arc":[3,1]},
    {"component":[0,1,2,3],"arc":[4,3]}]"#;

/// All example models with few enough traces to look at every one.
const MODELS: [&str; 13] = [
    include_str!("../examples/models/arborescence4.json"),
    include_str!("../examples/models/binary_tree5.json"),
    include_str!("../examples/models/bridge.json"),
    include_str!("../examples/models/categorical.json"),
    include_str!("../examples/models/cycle_with_chord.json"),
    include_str!("../examples/models/extreme_rates.json"),
    include_str!("../examples/models/k3.json"),
    include_str!("../examples/models/k4.json"),
    include_str!("../examples/models/matching3.json"),
    include_str!("../examples/models/nested_arborescence.json"),
    include_str!("../examples/models/permutation4.json"),
    include_str!("../examples/models/top_k.json"),
    include_str!("../examples/models/tree_from_logits.json"),
];

fn model(name: &str) -> Model {
    let text = std::fs::read_to_string(format!("examples/models/{name}.json")).unwrap();
    Model::parse(&text).unwrap()
}

fn explain(model: &Model, trace: &Trace) -> Explanation {
    Explanation::new(model, trace, None, Limit::default()).unwrap()
}

fn told(name: &str, trace: &str) -> Explanation {
    let model = model(name);
    explain(&model, &model.parse_trace(trace).unwrap())
}

/// Every model, every trace (of those with many, every seventh).
fn every_trace(mut check: impl FnMut(&Model, &Trace)) {
    for text in MODELS {
        let model = Model::parse(text).unwrap();
        let step = if model.trace_count() > Some(100_u32.into()) { 7 } else { 1 };
        for outcome in model.traces().step_by(step) {
            check(&model, &outcome.trace);
        }
    }
}

/// Weights without rounding that lead to the trace: the r-th race takes 1/4, 1/8, 3/8, …, what never wins stays 1 longer.
fn weights(model: &Model, trace: &Trace) -> Vec<f64> {
    let times: Vec<f64> = (0..trace.races().len()).map(|r| [0.25, 0.125, 0.375][r % 3]).collect();
    let residuals: Vec<Option<f64>> =
        model.rates().iter().map(|rate| (!rate.is_zero()).then_some(1.0)).collect();
    let weights = trace.assemble(&times, &residuals);
    weights.into_iter().map(|weight| weight.unwrap_or(f64::INFINITY)).collect()
}

#[test]
fn the_text_reads_well() {
    insta::assert_snapshot!("k3_text", told("k3", "[[0,2],[0,1]]").text());
    insta::assert_snapshot!("nested_arborescence_text", told("nested_arborescence", NESTED).text());
    insta::assert_snapshot!("matching3_text", told("matching3", "[[1,2],[2,1],[0,0]]").text());
    insta::assert_snapshot!("binary_tree5_text", told("binary_tree5", "[2,0,null,4,2]").text());
    insta::assert_snapshot!("top_k_text", told("top_k", "[3,0]").text());
    insta::assert_snapshot!("categorical_text", told("categorical", "1").text());
    insta::assert_snapshot!("extreme_rates_text", told("extreme_rates", "[[0,3],[1,3],[0,2]]").text());
    insta::assert_snapshot!("permutation4_text", told("permutation4", "[3,1,0,2]").text());
}

#[test]
fn the_markdown_reads_well() {
    insta::assert_snapshot!("k3_markdown", told("k3", "[[0,2],[0,1]]").markdown());
    insta::assert_snapshot!("nested_arborescence_markdown", told("nested_arborescence", NESTED).markdown());
    insta::assert_snapshot!("matching3_markdown", told("matching3", "[[1,2],[2,1],[0,0]]").markdown());
    insta::assert_snapshot!("binary_tree5_markdown", told("binary_tree5", "[2,0,null,4,2]").markdown());
    insta::assert_snapshot!("top_k_markdown", told("top_k", "[3,0]").markdown());
    insta::assert_snapshot!("categorical_markdown", told("categorical", "1").markdown());
    insta::assert_snapshot!(
        "extreme_rates_markdown",
        told("extreme_rates", "[[0,3],[1,3],[0,2]]").markdown()
    );
}

#[test]
fn a_run_on_weights_tells_them_as_they_are_when_the_race_is_held() {
    let model = model("nested_arborescence");
    let trace = model.parse_trace(NESTED).unwrap();
    let weights = weights(&model, &trace);
    let told = Explanation::new(&model, &trace, Some(&weights), Limit::default()).unwrap();
    insta::assert_snapshot!("weights_text", told.text());
    insta::assert_snapshot!("weights_markdown", told.markdown());
}

#[test]
fn the_weights_told_give_the_winner_and_the_time() {
    every_trace(|model, trace| {
        let given = weights(model, trace);
        let told = Explanation::new(model, trace, Some(&given), Limit(0)).unwrap();
        let run = model.run(&given).unwrap();
        let mut left = given;
        for (race, time) in told.races.iter().zip(run.times) {
            assert_eq!(race.time, Some(time));
            for entrant in &race.entrants {
                assert_eq!(entrant.weight, Some(left[entrant.entry]));
                assert!(left[entrant.entry] >= left[race.winner]);
                left[entrant.entry] -= if entrant.entry == race.winner { 0.0 } else { time };
            }
        }
    });
}

/// The product of the probabilities that the text shows, if it shows all of them as fractions.
fn product_shown(text: &str) -> Option<BigRational> {
    let shown = text.lines().filter_map(|line| line.split_once(" wins with probability "));
    shown
        .map(|(_, rest)| rest.split([' ', ',']).next()?.trim_end_matches('.').parse::<BigRational>().ok())
        .product::<Option<_>>()
}

#[test]
fn the_probabilities_shown_multiply_up_to_that_of_the_trace() {
    let (mut all, mut fractions) = (0, 0);
    for text in MODELS {
        let model = Model::parse(text).unwrap();
        for outcome in model.traces().step_by(5) {
            let told = explain(&model, &outcome.trace);
            assert_eq!(told.probability.0, outcome.probability);
            let text = told.text();
            all += 1;
            if let Some(product) = product_shown(&text) {
                fractions += 1;
                assert_eq!(product, outcome.probability, "{text}");
            }
        }
    }
    assert!(fractions * 10 > all * 9, "only {fractions} of {all} texts show all probabilities as fractions");
}

#[test]
fn a_text_with_a_wrong_probability_is_caught() {
    let told = told("k3", "[[0,2],[0,1]]");
    let right = told.text();
    assert_eq!(product_shown(&right), Some(told.probability.0.clone()));
    let wrong = right.replace("wins with probability 2/7", "wins with probability 3/7");
    assert_ne!(right, wrong);
    assert_ne!(product_shown(&wrong), Some(told.probability.0));
}

#[test]
fn the_numbers_of_each_race_are_those_of_its_entrants() {
    every_trace(|model, trace| {
        let told = explain(model, trace);
        let mut product = BigRational::one();
        for (race, held) in told.races.iter().zip(trace.races()) {
            let total: BigRational = held.entrants.iter().map(|&k| &model.rates()[k]).sum();
            assert_eq!(race.total.0, total);
            let mut entrants: Vec<usize> = race.entrants.iter().map(|entrant| entrant.entry).collect();
            let rates: Vec<&BigRational> = entrants.iter().map(|&k| &model.rates()[k]).collect();
            assert!(rates.is_sorted_by(|a, b| a >= b), "the largest rate first");
            entrants.sort_unstable();
            assert_eq!(entrants, held.entrants);
            let sum: BigRational = race.entrants.iter().map(|entrant| &entrant.probability.0).sum();
            assert_eq!(sum, BigRational::one());
            product *= &model.rates()[held.winner] / total;
            assert_eq!(race.product.0, product);
        }
        assert_eq!(told.races.len(), trace.races().len());
    });
}

#[test]
fn the_structure_has_the_probability_of_all_its_traces_together() {
    for text in MODELS {
        let model = Model::parse(text).unwrap();
        let all: Vec<_> = model.traces().collect();
        for outcome in all.iter().step_by(1 + all.len() / 20) {
            let told = explain(&model, &outcome.trace);
            let same = all.iter().filter(|other| other.structure == outcome.structure);
            let total: BigRational = same.map(|other| &other.probability).sum();
            let over = told.over_traces.unwrap();
            assert_eq!(over.total.0, total);
            assert_eq!(over.share.0, &outcome.probability / total);
            assert_eq!(told.structure, model.canonical(&outcome.structure));
            assert_eq!(model.parse_trace(&told.trace).as_ref(), Ok(&outcome.trace));
        }
    }
}

#[test]
fn scores_sum_to_0_and_means_to_the_number_of_entries() {
    every_trace(|model, trace| {
        let told = explain(model, trace);
        let (mut scores, mut means, mut present) = (BigRational::zero(), BigRational::zero(), 0);
        for (k, entry) in told.entries.iter().enumerate() {
            let raced = told.races.iter().filter(|race| race.entrants.iter().any(|e| e.entry == k));
            let (mut score, mut mean) = (BigRational::zero(), BigRational::zero());
            for race in raced {
                score += &entry.rate.0 / &race.total.0;
                mean += race.total.0.recip();
            }
            if entry.won.is_some() {
                score -= BigRational::one();
            }
            assert_eq!(entry.score.0, score);
            scores += score;
            if entry.rate.0.is_zero() {
                assert_eq!(entry.mean, None);
                continue;
            }
            if entry.won.is_none() {
                mean += entry.rate.0.recip();
            }
            assert_eq!(entry.mean.as_ref().map(|mean| &mean.0), Some(&mean));
            means += mean * &entry.rate.0;
            present += 1;
        }
        assert_eq!(scores, BigRational::zero());
        assert_eq!(means, ratio(present, 1));
    });
}

#[test]
fn winners_less_those_given_up_are_the_arborescence() {
    for name in ["nested_arborescence", "arborescence4"] {
        let model = model(name);
        let mut contracted = 0;
        for outcome in model.traces() {
            let told = explain(&model, &outcome.trace);
            let given_up: Vec<usize> = told.expansions.iter().map(|expansion| expansion.gives_up).collect();
            for (k, entry) in told.entries.iter().enumerate() {
                assert_eq!(entry.chosen, entry.won.is_some() && !given_up.contains(&k), "{}", told.text());
            }
            // a component is contracted when and only when it races later
            let formed = told.races.iter().filter_map(|race| match &race.event {
                Event::Contracted { component, .. } => Some(component.clone()),
                _ => None,
            });
            let mut formed: Vec<Vec<usize>> = formed.collect();
            let raced = told.races.iter().filter_map(|race| match &race.stage {
                Stage::Entering(component) if component.len() > 1 => Some(component.clone()),
                _ => None,
            });
            let mut raced: Vec<Vec<usize>> = raced.collect();
            contracted += raced.len();
            formed.sort();
            raced.sort();
            assert_eq!(formed, raced);
            assert_eq!(told.expansions.len(), raced.len());
        }
        assert!(contracted > 0);
    }
}

#[test]
fn what_a_contracted_component_will_race_over_is_what_it_races_over() {
    let model = model("arborescence4");
    for outcome in model.traces() {
        let told = explain(&model, &outcome.trace);
        for (r, race) in told.races.iter().enumerate() {
            let Event::Contracted { component, entrants, .. } = &race.event else { continue };
            let later =
                told.races[r + 1..].iter().position(|l| l.stage == Stage::Entering(component.clone()));
            let later = &outcome.trace.races()[r + 1 + later.unwrap()];
            assert_eq!(*entrants, later.entrants);
        }
    }
}

#[test]
fn no_line_is_wider_than_a_terminal() {
    every_trace(|model, trace| {
        let weights = weights(model, trace);
        for weights in [None, Some(weights.as_slice())] {
            let text = Explanation::new(model, trace, weights, Limit::default()).unwrap().text();
            for line in text.lines() {
                assert!(line.chars().count() <= 100, "{line}");
                assert_eq!(line, line.trim_end());
            }
        }
    });
}

#[test]
fn the_smallest_models_can_be_told() {
    for text in [
        r#"{"structure": "spanning_tree", "vertices": 1, "edges": []}"#,
        r#"{"structure": "arborescence", "vertices": 1, "root": 0, "edges": []}"#,
        r#"{"structure": "matching", "rates": [["1/3"]]}"#,
        r#"{"structure": "binary_tree", "rates": [7]}"#,
        r#"{"structure": "top_k", "k": 1, "rates": [7]}"#,
        r#"{"structure": "permutation", "rates": [7]}"#,
        r#"{"structure": "categorical", "rates": [7]}"#,
    ] {
        let model = Model::parse(text).unwrap();
        let trace = model.traces().next().unwrap().trace;
        let told = explain(&model, &trace);
        assert_eq!((told.probability.0.clone(), told.log_probability), (BigRational::one(), 0.0));
        let over = told.over_traces.clone().unwrap();
        assert_eq!((over.total.0, over.share.0), (BigRational::one(), BigRational::one()));
        let words = if model.entries().is_empty() { "Nothing races" } else { "wins with probability 1." };
        assert!(told.text().contains(words), "{}", told.text());
        assert!(told.markdown().contains("- $p(T) = 1$"), "{}", told.markdown());
    }
}

#[test]
fn impossible_traces_are_refused_by_name() {
    let k3 = model("k3");
    let error = |model: &Model, races: Vec<Race>| {
        let trace = Trace::new(model.entries().len(), races).unwrap();
        Explanation::new(model, &trace, None, Limit::default()).unwrap_err()
    };
    let (race, found, want) = (2, "1–2".to_owned(), "0–2 and 1–2".to_owned());
    assert_eq!(
        error(&k3, vec![Race::new([0, 1, 2], 0), Race::new([2], 2)]),
        ExplainError::Entrants { race, found, want }
    );
    assert_eq!(
        error(&k3, vec![Race::new([0, 1, 2], 0)]),
        ExplainError::TooShort { races: 1, entrants: "0–2 and 1–2".to_owned() }
    );
    let races = vec![Race::new([0, 1, 2], 0), Race::new([1, 2], 1), Race::new([2], 2)];
    assert_eq!(error(&k3, races), ExplainError::TooLong { given: 3, held: 2 });
    let trace = Trace::new(4, vec![Race::new([0, 1, 2], 0), Race::new([1, 2], 1)]).unwrap();
    let other = Explanation::new(&k3, &trace, None, Limit::default()).unwrap_err();
    assert_eq!(other, ExplainError::OtherModel { model: 3, trace: 4 });
}

#[test]
fn weights_that_do_not_fit_are_refused_by_name() {
    let k3 = model("k3");
    let trace = k3.parse_trace("[[0,1],[0,2]]").unwrap();
    let error = |weights: &[f64]| {
        Explanation::new(&k3, &trace, Some(weights), Limit::default()).map(|told| told.races.len())
    };
    assert_eq!(error(&[1.0, 2.0, 3.0]), Ok(2));
    assert_eq!(error(&[1.0]), Err(ExplainError::Weights(WeightError::Count { entries: 3, found: 1 })));
    let not_finite = |weight: &str| {
        Err(ExplainError::Weights(WeightError::NotFinite { entry: 1, weight: weight.to_owned() }))
    };
    assert_eq!(error(&[1.0, f64::NAN, 3.0]), not_finite("NaN"));
    assert_eq!(error(&[1.0, f64::INFINITY, 3.0]), not_finite("inf"));
    let (entry, label, weight) = (0, "0–1".to_owned(), -1.0);
    assert_eq!(error(&[-1.0, 2.0, 3.0]), Err(ExplainError::NegativeWeight { entry, label, weight }));
    let (race, found, want) = (2, "0–2".to_owned(), "1–2".to_owned());
    assert_eq!(error(&[1.0, 3.0, 2.0]), Err(ExplainError::OtherRun { race, found, want }));
}

#[test]
fn a_graph_with_435_edges_stays_readable() {
    let edges: Vec<String> = (0..30)
        .flat_map(|u| {
            (u + 1..30).map(move |v| format!("[{u},{v},\"{}/{}\"]", (7 * u + v) % 11 + 1, v % 5 + 1))
        })
        .collect();
    let text = format!(r#"{{"structure": "spanning_tree", "vertices": 30, "edges": [{}]}}"#, edges.join(","));
    let model = Model::parse(&text).unwrap();
    let weights: Vec<f64> = (0..435).map(|k| f64::from(1 + k * 197 % 435) / 64.0).collect();
    let trace = model.run(&weights).unwrap().trace;
    let told = Explanation::new(&model, &trace, Some(&weights), Limit::default()).unwrap();
    assert_eq!(told.kind, Kind::SpanningTree);
    let (what, count) = ("subsets of the structure", (1_u32 << 29).into());
    let remedy = Remedy::Raise;
    assert_eq!(told.over_traces, Err(TooLarge { what, count, limit: 2_000_000, remedy }));
    let text = told.text();
    assert!(text.contains("… and 423 more"), "{text}");
    assert!(text.contains("not computed: that would visit 536870912 subsets of the structure"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100));
    let rows = text.lines().take_while(|line| !line.starts_with("Race 2")).filter(|line| line.contains('–'));
    assert!(rows.count() <= 16);
    for (r, told) in told.races.iter().enumerate() {
        let race = text.split("\nRace ").nth(r + 1).unwrap();
        let wins = race.lines().find(|line| line.ends_with("wins")).unwrap();
        assert!(wins.contains(&model.entries()[told.winner].label(model.kind())));
    }
}
