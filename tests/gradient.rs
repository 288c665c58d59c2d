//! Estimates of a gradient: right ones of every structure are never accused, wrong ones are, and by the name of their mistake.
//!
//! The estimators here are a few lines each, on the reference sampler and the oracle's scores. Every run has its seed; a report
//! alarms falsely with probability at most 1e-6.

use std::fmt::Write as _;

use assert_cmd::Command;
use gumbel_oracle::estimators::Score;
use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::{ratio, to_f64};
use recursive_gumbel::check::{Asked, Method, Objective};
use recursive_gumbel::estimate::Named;
use recursive_gumbel::report::{Row, Verdict};
use recursive_gumbel::sample::{Batch, Draw, Draws, Field, Reference, Sampler};
use recursive_gumbel::statistics::Budget;

#[path = "../examples/estimates.rs"]
#[allow(dead_code, unreachable_pub)] // it is a program of its own
mod estimates;

const K4: &str = r#"{"structure": "spanning_tree", "vertices": 4,
    "edges": [[0,1,1],[0,2,2],[0,3,3],[1,2,1],[1,3,1],[2,3,2]]}"#;
const ARCS: &str = r#"{"structure": "arborescence", "vertices": 4, "root": 0, "edges":
    [[0,1,1],[0,2,1],[0,3,1],[1,2,6],[2,1,5],[2,3,4],[3,1,3],[1,3,2],[3,2,7]]}"#;
const MATCHING: &str = r#"{"structure": "matching", "rates": [[4,1,2],["1/2",1,1],[3,"1/3",1]]}"#;
const TREE: &str = r#"{"structure": "binary_tree", "rates": [1, 2, "1/2", 3, 5]}"#;
const TOP_K: &str = r#"{"structure": "top_k", "k": 2, "rates": [1, 2, 0, "1/2", 3]}"#;
const ORDER: &str = r#"{"structure": "permutation", "rates": [1, 2, "1/2", 3]}"#;
const ONE: &str = r#"{"structure": "categorical", "rates": [1, 2, "1/2", 3]}"#;
const RARE: &str = r#"{"structure": "categorical", "rates": [1000, 2000, "1/100"]}"#;

/// What an estimator sees: a model, the loss, and draws of its own.
struct Seen<'a> {
    rates: &'a [f64],
    draws: &'a [Draw],
    losses: &'a [f64],
}

impl Seen<'_> {
    /// `(1/K) Σ (f_i - b_i) s_i`
    fn mean(&self, score: impl Fn(&Draw) -> Vec<f64>, baseline: impl Fn(usize) -> f64) -> Vec<f64> {
        let mut mean = vec![0.0; self.rates.len()];
        for (i, draw) in self.draws.iter().enumerate() {
            let weight = (self.losses[i] - baseline(i)) / self.draws.len() as f64;
            mean.iter_mut().zip(score(draw)).for_each(|(mean, s)| *mean += weight * s);
        }
        mean
    }

    fn others(&self, i: usize) -> f64 {
        (self.losses.iter().sum::<f64>() - self.losses[i]) / (self.losses.len() - 1) as f64
    }

    /// The score of the exponentials, `λE - 1`; 0 at an absent entry.
    fn of_exponentials(&self, draw: &Draw) -> Vec<f64> {
        let at = |(rate, weight): (&f64, &f64)| if *rate > 0.0 { rate * weight - 1.0 } else { 0.0 };
        self.rates.iter().zip(&draw.exponentials).map(at).collect()
    }

    fn t_reinforce(&self) -> Vec<f64> {
        self.mean(|draw| draw.score.clone(), |_| 0.0)
    }
}

type Estimator = fn(&Seen<'_>) -> Vec<f64>;

/// One estimate from so many draws at a time, with the trace of the first.
struct Estimates<'m> {
    model: &'m Model,
    reference: Reference<'m>,
    loss: Loss,
    rates: Vec<f64>,
    at_a_time: u64,
    estimator: Estimator,
}

impl<'m> Estimates<'m> {
    fn new(model: &'m Model, at_a_time: u64, estimator: Estimator) -> Self {
        let reference = Reference::new(model, 11).unwrap();
        let loss = Loss::named(model, "default").unwrap();
        let rates = model.rates().iter().map(to_f64).collect();
        Self { model, reference, loss, rates, at_a_time, estimator }
    }
}

impl Sampler for Estimates<'_> {
    fn fields(&self) -> &[Field] {
        &[Field::Trace, Field::Gradient]
    }

    fn fill(&self, first: u64, count: usize, batch: &mut Batch) {
        for number in first..first + count as u64 {
            let numbers = number * self.at_a_time..(number + 1) * self.at_a_time;
            let draws: Vec<Draw> = numbers.map(|number| self.reference.draw(number)).collect();
            let losses: Vec<f64> =
                draws.iter().map(|draw| self.loss.of(self.model, &draw.structure) as f64).collect();
            batch.push(&draws[0]);
            let seen = Seen { rates: &self.rates, draws: &draws, losses: &losses };
            batch.push_gradient(&(self.estimator)(&seen));
        }
    }
}

/// The rows about the gradient.
fn judge(text: &str, draws: u64, at_a_time: u64, estimator: Estimator) -> Vec<Row> {
    let model = Model::parse(text).unwrap();
    let sampler = Estimates::new(&model, at_a_time, estimator);
    let objective = Objective::named(&model, &sampler.loss, Limit::default()).unwrap();
    let asked = Asked { objective: Some(&objective), ..Asked::only(0.2) };
    let method = Method::of(&model, sampler.fields(), &asked, 1e-6);
    let budget = Budget::new(1e-6, method.tests(&model, sampler.fields(), &asked)).unwrap();
    let rows = method.judge("", &model, &mut Draws::new(&sampler, draws), &asked, &budget, |_| ()).unwrap();
    rows.into_iter().filter(|row| row.subject.starts_with("gradient")).collect()
}

/// T- and E-REINFORCE, with and without the leave-one-out baseline, and in single precision.
const RIGHT: [(&str, u64, Estimator); 5] = [
    ("t_reinforce", 1, |seen| seen.t_reinforce()),
    ("e_reinforce", 1, |seen| seen.mean(|draw| seen.of_exponentials(draw), |_| 0.0)),
    ("t_reinforce_plus", 2, |seen| seen.mean(|draw| draw.score.clone(), |i| seen.others(i))),
    ("e_reinforce_plus", 3, |seen| seen.mean(|draw| seen.of_exponentials(draw), |i| seen.others(i))),
    ("single", 1, |seen| seen.t_reinforce().into_iter().map(|g| f64::from(g as f32)).collect()),
];

#[test]
fn right_estimators_of_every_structure_hold() {
    for text in [K4, ARCS, MATCHING, TREE, TOP_K, ORDER, ONE] {
        for (name, at_a_time, estimator) in RIGHT {
            let rows = judge(text, 20_000, at_a_time, estimator);
            assert_eq!(rows.len(), 2, "{text}");
            for row in rows {
                assert_eq!(row.verdict, Verdict::Held, "{name} of {text}: {row:?}");
            }
        }
    }
}

/// The test of a mean is of one look: where one looks at every batch, the variance must be known.
#[test]
fn at_every_look_the_variance_must_be_known() {
    let model = Model::parse(K4).unwrap();
    let loss = Loss::named(&model, "default").unwrap();
    let judge = |estimator: Estimator, objective: &Objective| {
        let sampler = Estimates::new(&model, 1, estimator);
        let asked = Asked { objective: Some(objective), ..Asked::until(0.5) };
        let method = Method::of(&model, sampler.fields(), &asked, 1e-6);
        let budget = Budget::new(1e-6, method.tests(&model, sampler.fields(), &asked).max(1)).unwrap();
        let mut draws = Draws::new(&sampler, 5_000);
        let rows = method.judge("", &model, &mut draws, &asked, &budget, |_| ()).unwrap();
        rows.into_iter().find(|row| row.subject == "gradient").unwrap()
    };
    let objective = Objective::named(&model, &loss, Limit::default()).unwrap();
    let row = judge(RIGHT[0].2, &objective);
    assert!(row.verdict == Verdict::NotJudged && row.note.contains("nothing is known of their variance"));
    let moments = model.score_moments_of(&loss, Limit::default()).unwrap();
    let variances = moments.variance(Score::Trace, &ratio(0, 1)).iter().map(to_f64).collect();
    let known = objective.with_variances(variances);
    let row = judge(RIGHT[0].2, &known);
    assert!(row.verdict == Verdict::Held && row.count < 5_000, "{row:?}");
    let row = judge(|seen| seen.t_reinforce().iter().map(|g| -g).collect(), &known);
    assert!(row.verdict == Verdict::Refuted && row.note.contains("minus the gradient"), "{row:?}");
    // Less than E-REINFORCE has: who varies more than was said is slow, but not accused.
    let row = judge(RIGHT[1].2, &known);
    assert!(row.verdict == Verdict::Held, "{row:?}");
}

/// The last position is drawn once in 300,000 draws, and most of the gradient at it comes from there: 20,000 draws know nothing of its
/// variance, and their mean is many standard errors as observed from the right one. It must not be accused.
#[test]
fn what_is_too_rare_to_be_seen_is_no_mistake() {
    for (name, at_a_time, estimator) in RIGHT {
        for row in judge(RARE, 20_000, at_a_time, estimator) {
            assert_ne!(row.verdict, Verdict::Refuted, "{name}: {row:?}");
        }
    }
    let rows = judge(RARE, 20_000, 1, |seen| seen.t_reinforce());
    assert!(rows[0].test.unwrap().statistic > 20.0, "{rows:?}");
}

/// Each a line from right: the draws of one estimate, the number of estimates that shows it, and what the note says.
const WRONG: [(&str, &str, u64, Estimator, u64, &str); 12] = [
    ("the sign", K4, 1, |seen| scaled(seen.t_reinforce(), -1.0), 4_000, "It looks like minus the gradient: "),
    (
        "in the rates",
        K4,
        1,
        |seen| seen.t_reinforce().iter().zip(seen.rates).map(|(g, rate)| -g / rate).collect(),
        4_000,
        "the gradient in the rates λ instead of the logits",
    ),
    (
        "a baseline with the draw itself",
        K4,
        2,
        |seen| seen.mean(|draw| draw.score.clone(), |_| seen.losses.iter().sum::<f64>() / 2.0),
        10_000,
        "times the gradient: so does a baseline that is the mean over all 2 draws",
    ),
    (
        "a sum for a mean",
        MATCHING,
        3,
        |seen| scaled(seen.mean(|draw| draw.score.clone(), |i| seen.others(i)), 3.0),
        4_000,
        "times the gradient",
    ),
    ("nothing comes through", TREE, 1, |seen| vec![0.0; seen.rates.len()], 10_000, "It looks like 0"),
    (
        "of the exponentials without the -1",
        ORDER,
        1,
        |seen| {
            let plus_one = |draw: &Draw| seen.of_exponentials(draw).iter().map(|s| s + 1.0).collect();
            seen.mean(plus_one, |_| 0.0)
        },
        4_000,
        "",
    ),
    (
        "one entry masked",
        TOP_K,
        1,
        |seen| {
            let mut estimate = seen.t_reinforce();
            estimate[4] = 0.0;
            estimate
        },
        4_000,
        "the mean at 4 is 0.0000",
    ),
    (
        "two entries exchanged",
        ONE,
        1,
        |seen| {
            let mut estimate = seen.t_reinforce();
            estimate.swap(0, 3);
            estimate
        },
        4_000,
        "",
    ),
    (
        "clipped",
        ARCS,
        1,
        |seen| seen.t_reinforce().into_iter().map(|g| g.clamp(-1.0, 1.0)).collect(),
        20_000,
        "",
    ),
    (
        "losers without a score",
        K4,
        1,
        |seen| {
            let won = seen.draws[0].trace.won();
            let mask = |(g, won): (f64, &Option<usize>)| if won.is_some() { g } else { 0.0 };
            seen.t_reinforce().into_iter().zip(&won).map(mask).collect()
        },
        4_000,
        "",
    ),
    (
        "the next draw's loss",
        ONE,
        2,
        |seen| {
            let score = &seen.draws[0].score;
            score.iter().map(|s| s * seen.losses[1]).collect()
        },
        6_000,
        "It looks like 0",
    ),
    (
        "a tenth too long",
        ONE,
        2,
        |seen| scaled(seen.mean(|draw| draw.score.clone(), |i| seen.others(i)), 1.1),
        100_000,
        "times the gradient",
    ),
];

fn scaled(values: Vec<f64>, factor: f64) -> Vec<f64> {
    values.into_iter().map(|value| factor * value).collect()
}

#[test]
fn wrong_estimators_are_refuted() {
    let mut missed = Vec::new();
    for (name, text, at_a_time, estimator, draws, says) in WRONG {
        let rows = judge(text, draws, at_a_time, estimator);
        if rows[0].verdict != Verdict::Refuted || !rows[0].note.contains(says) {
            missed.push((name, rows));
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

/// What is not the right gradient in any of the usual ways is refuted and given no name.
#[test]
fn other_mistakes_have_no_name() {
    let rows = judge(ONE, 20_000, 1, |seen| {
        let mut estimate = seen.t_reinforce();
        estimate.swap(0, 3);
        estimate
    });
    assert!(!rows[0].note.contains("looks like"), "{}", rows[0].note);
}

/// A constant that is right is right, in double precision and in single, though its variance is 0.
#[test]
fn the_exact_gradient_is_an_estimate_too() {
    let model = Model::parse(K4).unwrap();
    let loss = Loss::named(&model, "default").unwrap();
    let exact = Objective::named(&model, &loss, Limit::default()).unwrap();
    assert_eq!(exact.name(), "default");
    assert!(exact.gradient().unwrap().iter().sum::<f64>().abs() < 1e-12, "one rate for all changes nothing");
    let rows = judge(K4, 20_000, 1, |seen| {
        let loss = Loss::named(&Model::parse(K4).unwrap(), "default").unwrap();
        let exact = Objective::named(&Model::parse(K4).unwrap(), &loss, Limit::default()).unwrap();
        assert_eq!(exact.gradient().unwrap().len(), seen.rates.len());
        exact.gradient().unwrap().iter().map(|&g| f64::from(g as f32)).collect()
    });
    assert!(rows.iter().all(|row| row.verdict == Verdict::Held), "{rows:?}");
}

/// The complete graph on so many vertices.
fn complete(n: usize) -> String {
    let edges: Vec<String> =
        (0..n).flat_map(|u| (u + 1..n).map(move |v| format!("[{u},{v},{}]", 1 + (u * 7 + v) % 3))).collect();
    format!(r#"{{"structure":"spanning_tree","vertices":{n},"edges":[{}]}}"#, edges.join(","))
}

/// Where no gradient is known, the draws themselves say what it is. Estimates from two draws are judged by the trace of the first.
#[test]
fn where_no_gradient_is_known_the_same_draws_say_it() {
    let model = Model::parse(&complete(7)).unwrap();
    let rows = |at_a_time: u64, estimator: Estimator| {
        let sampler = Estimates::new(&model, at_a_time, estimator);
        let objective = Objective::by_draws(sampler.loss);
        let asked = Asked { objective: Some(&objective), ..Asked::only(0.3) };
        let method = Method::of(&model, sampler.fields(), &asked, 1e-6);
        assert_eq!(method, Method::AnySize);
        let small = Model::parse(K4).unwrap();
        assert_eq!(Method::of(&small, sampler.fields(), &asked, 1e-6), Method::AnySize);
        let budget = Budget::new(1e-6, method.tests(&model, sampler.fields(), &asked)).unwrap();
        let mut draws = Draws::new(&sampler, 20_000);
        let rows = method.judge("", &model, &mut draws, &asked, &budget, |_| ()).unwrap();
        let mut rows: Vec<Row> = rows.into_iter().filter(|row| row.subject == "gradient").collect();
        rows.sort_by_key(|row| row.verdict != Verdict::Refuted);
        rows.swap_remove(0)
    };
    for (name, at_a_time, estimator) in RIGHT {
        let row = rows(at_a_time, estimator);
        assert_eq!(row.verdict, Verdict::Held, "{name}: {row:?}");
    }
    for (at_a_time, estimator) in [
        (1, (|seen| scaled(seen.t_reinforce(), -1.0)) as Estimator),
        (2, |seen| scaled(seen.mean(|draw| draw.score.clone(), |i| seen.others(i)), 4.0)),
        (1, |seen| vec![0.0; seen.rates.len()]),
    ] {
        let row = rows(at_a_time, estimator);
        assert_eq!(row.verdict, Verdict::Refuted, "{row:?}");
        assert!(row.note.contains("× score of the same traces"), "{}", row.note);
    }
}

fn run(args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = Command::cargo_bin("recursive-gumbel").unwrap();
    let output = command.args(args).write_stdin(input).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A samples file, with the trace or without.
fn file(text: &str, draws: u64, trace: bool, estimator: Estimator) -> String {
    let model = Model::parse(text).unwrap();
    let sampler = Estimates::new(&model, 1, estimator);
    let mut batch = Batch::new(model.entries().len(), sampler.fields());
    sampler.fill(0, draws as usize, &mut batch);
    let mut lines = String::new();
    for i in 0..batch.len() {
        let draw = sampler.reference.draw(i as u64);
        let trace =
            if trace { format!("\"trace\":{},", model.canonical_trace(&draw.trace)) } else { String::new() };
        let gradient = serde_json::to_string(batch.gradient(i).unwrap()).unwrap();
        writeln!(lines, "{{{trace}\"gradient\":{gradient}}}").unwrap();
    }
    lines
}

#[test]
fn on_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let model = directory.path().join("k4.json");
    std::fs::write(&model, K4).unwrap();
    let model = model.to_str().unwrap();
    let check = |input: &str, more: &[&str]| run(&[&["check", model, "-"], more].concat(), input);
    let right = file(K4, 20_000, true, |seen| seen.t_reinforce());
    let (status, out, _) = check(&right, &["--loss", "default", "--departure", "0.1"]);
    assert_eq!(status, 0, "{out}");
    // The exact variance, from the oracle.
    assert!(out.contains("(T-REINFORCE: 5.092)"), "{out}");
    assert!(out.contains("range: of a mean, in units\nof the range of the loss"), "{out}");
    assert!(out.contains("--loss default"), "{out}");

    // The variance is not in the name of the test case.
    let junit = directory.path().join("junit.xml");
    let more = ["--loss", "default", "--departure", "0.1", "--junit", junit.to_str().unwrap()];
    assert_eq!(check(&right, &more).0, 0);
    let cases = std::fs::read_to_string(&junit).unwrap();
    assert!(cases.contains(r#"name="gradient: mean of every entry""#), "{cases}");

    // Estimates alone are enough to judge estimates.
    let alone = file(K4, 20_000, false, |seen| scaled(seen.t_reinforce(), -1.0));
    let (status, out, _) = check(&alone, &["--loss", "default"]);
    assert_eq!(status, 1, "{out}");
    assert!(
        out.contains("1. gradient: the mean at ") && out.contains("It looks like minus the gradient"),
        "{out}"
    );
    assert!(!out.contains("2. "), "{out}");
    let (status, out, _) = check(&alone, &["--loss", "default", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((status, &report["loss"]), (1, &"default".into()));
    assert!(report["rows"].as_array().unwrap().iter().any(|row| row["departure_kind"] == "range"), "{out}");

    // Of which loss?
    let (status, out, _) = check(&right, &["--departure", "0.2"]);
    assert!(status == 0 && out.contains("of which loss? --loss NAME"), "{out}");
    let (status, _, message) = check(&right, &["--loss", "depth"]);
    assert_eq!(status, 2);
    assert!(
        message.contains(r#"--loss depth: spanning_tree has no loss "depth": want one of default, "#),
        "{message}"
    );
    let traces = "{\"trace\":[[0,1],[0,2],[0,3]]}\n";
    let (status, _, message) = check(traces, &["--loss", "default"]);
    assert_eq!(status, 2);
    assert!(message.contains("--loss default: the samples have no field gradient"), "{message}");

    // What is no estimate.
    for (line, says) in [
        (r#"{"gradient":[0,0,0,0,0]}"#, "line 1, field `gradient`: has 5 numbers: want one for each of 6"),
        (r#"{"gradient":[0,0,null,0,0,0]}"#, "field `gradient`: is null at entry 2"),
        (r#"{"gradient":0}"#, "field `gradient`: want a list with one number per entry"),
        (r#"{"log_prob":0}"#, "line 1: has none of `structure`, `trace` and `gradient`"),
    ] {
        let (status, _, message) = check(line, &["--loss", "default"]);
        assert_eq!(status, 2, "{line}");
        assert!(message.contains(says), "{message}");
    }
    // A gradient that is not known needs traces.
    let large = directory.path().join("k12.json");
    std::fs::write(&large, complete(12)).unwrap();
    let large = ["check", large.to_str().unwrap(), "-", "--loss", "default", "--departure", "0.5"];
    let (status, out, _) = run(&large, &file(&complete(12), 6_000, true, |seen| seen.t_reinforce()));
    assert!(
        status == 0 && out.contains("gradient: mean of every entry beside loss × score"),
        "{status} {out}"
    );
    let (status, _, message) = run(&large, &file(&complete(12), 100, false, |seen| seen.t_reinforce()));
    assert_eq!(status, 2);
    assert!(
        message.contains("--loss default: its gradient cannot be had exactly: ") && message.contains("trace"),
        "{message}"
    );
    let (status, out, _) = check(r#"{"gradient":[0,1e308,-1e308,0,0,0]}"#, &["--loss", "default"]);
    assert!(
        status == 1
            && out.contains("gradient of entry 0–2 is 1e308")
            && out.contains("less than 1e100 in size"),
        "{out}"
    );
    // Few are too few, and the report says how many would do.
    let few = file(K4, 500, false, |seen| seen.t_reinforce());
    let (status, out, _) = check(&few, &["--loss", "default"]);
    assert!(status == 3 && out.contains("draws would do"), "{out}");
}

/// The default loss, shifted and scaled, as a file: the gradient is scaled.
#[test]
fn losses_of_ones_own() {
    let directory = tempfile::tempdir().unwrap();
    let [k4, losses] = ["k4.json", "losses.jsonl"].map(|name| directory.path().join(name));
    std::fs::write(&k4, K4).unwrap();
    let [k4, losses] = [&k4, &losses].map(|path| path.to_str().unwrap());
    let model = Model::parse(K4).unwrap();
    let loss = Loss::named(&model, "default").unwrap();
    let law = model.law(Limit::default()).unwrap();
    let line = |(x, _): &(gumbel_oracle::structure::Structure, _)| {
        format!("{{\"structure\":{},\"loss\":\"{}/3\"}}", model.canonical(x), loss.of(&model, x) - 2)
    };
    let lines: Vec<String> = law.outcomes.iter().map(line).collect();
    let check = |file: &str, input: &str| {
        std::fs::write(losses, file).unwrap();
        run(&["check", k4, "-", "--loss", losses, "--departure", "0.2"], input)
    };
    let third = file(K4, 20_000, true, |seen| scaled(seen.t_reinforce(), 1.0 / 3.0));
    let (status, out, message) = check(&(lines.join("\n") + "\n"), &third);
    assert_eq!(status, 0, "{out}{message}");
    assert!(out.contains("gradient: mean of every entry"), "{out}");
    let (status, out, _) = check(&lines.join("\n"), &file(K4, 20_000, true, |seen| seen.t_reinforce()));
    assert!(status == 1 && out.contains("times the gradient"), "{out}");

    // What `enumerate` lists, with a loss to each.
    let (_, listed, _) = run(&["enumerate", k4, "--format", "jsonl"], "");
    let (status, out, message) = check(&listed.replace('}', ",\"loss\":0.5}"), &third);
    assert_eq!(status, 1, "{out}{message}");
    assert!(out.contains("the mean at"), "{out}");

    let broken = |lines: &[&str]| check(&(lines.join("\n") + "\n"), &third);
    for (wrong, says) in [
        (
            vec![&*lines[0], &*lines[1]],
            "has no loss for 14 of 16 structures, the first is [[0,1],[0,2],[2,3]]",
        ),
        (vec![&*lines[0], &*lines[0]], "line 2, field `structure`: [[0,1],[0,2],[0,3]] has a loss already"),
        (
            vec![r#"{"structure":[[0,1],[0,2],[1,2]],"loss":1}"#],
            "line 1, field `structure`: [[0,1],[0,2],[1,2]] is no",
        ),
        (vec![r#"{"structure":[[0,1],[0,2]],"loss":1}"#], "line 1, field `structure`: has 2 edges: want 3"),
        (vec![r#"{"structure":[[0,1],[0,2],[0,9]],"loss":1}"#], "line 1, field `structure`: "),
        (
            vec![r#"{"structure":[[0,1],[0,2],[0,3]],"loss":"many"}"#],
            "line 1, field `loss`: \"many\" is no number",
        ),
        (vec![r#"{"structure":[[0,1],[0,2],[0,3]],"loss":[1]}"#], "line 1, field `loss`: [1] is no number"),
        (
            vec![r#"{"structure":[[0,1],[0,2],[0,3]],"loss":-1e80}"#],
            "line 1, field `loss`: -1e80 is out of reach",
        ),
        (vec![r#"{"structure":[[0,1],[0,2],[0,3]],"cost":1}"#], "unknown field `cost`: want structure, loss"),
        (vec![r#"{"structure":[[0,1],[0,2],[0,3]]}"#], "line 1: has no `loss`"),
        (vec![r#"{"loss":1}"#], "line 1: has no `structure`"),
        (vec![&*lines[0], "", &*lines[1]], "line 2: is empty"),
        (vec!["[1]"], "line 1"),
    ] {
        let (status, _, message) = broken(&wrong);
        assert_eq!(status, 2, "{wrong:?}");
        assert!(message.contains(says) && message.contains("losses.jsonl"), "{message}");
    }
    let (status, _, message) = check(r#"{"structure":[[0,1],[0"#, &third);
    assert!(status == 2 && message.contains("is it truncated?"), "{message}");
    std::fs::remove_file(losses).unwrap();
    let (status, _, message) = run(&["check", k4, "-", "--loss", losses], &third);
    assert!(status == 2 && message.contains("or a file of losses"), "{message}");
}

/// As NumPy writes it: a matrix of `f32` for each draw, with zeros where there is no entry. What is not finite is a finding.
#[test]
fn estimates_in_arrays() {
    let directory = tempfile::tempdir().unwrap();
    let [model, samples] = ["k4.json", "samples.npz"].map(|name| directory.path().join(name));
    std::fs::write(&model, K4).unwrap();
    let k4 = Model::parse(K4).unwrap();
    let sampler = Estimates::new(&k4, 1, |seen| seen.t_reinforce());
    let mut batch = Batch::new(6, sampler.fields());
    sampler.fill(0, 20_000, &mut batch);
    let mut matrices = ndarray::Array3::<f32>::zeros((20_000, 4, 4));
    for draw in 0..20_000 {
        for (&(u, v), &value) in k4.pairs().iter().zip(batch.gradient(draw).unwrap()) {
            matrices[[draw, u, v]] = value as f32;
        }
    }
    let judged = |matrices: &ndarray::Array3<f32>| {
        let mut npz = ndarray_npy::NpzWriter::new(std::fs::File::create(&samples).unwrap());
        npz.add_array("gradient", matrices).unwrap();
        npz.finish().unwrap();
        let [model, samples] = [&model, &samples].map(|path| path.to_str().unwrap());
        run(&["check", model, samples, "--loss", "default", "--departure", "0.1"], "")
    };
    let (status, out, message) = judged(&matrices);
    assert!(status == 0 && out.contains("gradient: mean of every entry"), "{out}{message}");
    matrices[[7, 0, 1]] = f32::INFINITY;
    let (status, out, _) = judged(&matrices);
    assert!(status == 1 && out.contains("gradient of entry 0–1 is inf: want a finite number"), "{out}");
    matrices[[7, 0, 1]] = 0.5;
    let (status, out, _) = judged(&-matrices.clone());
    assert!(status == 1 && out.contains("It looks like minus the gradient"), "{out}");
    matrices[[9, 2, 2]] = 1.0;
    let (status, _, message) = judged(&matrices);
    assert!(status == 2 && message.contains("draw 9, field `gradient`: [2][2] is 1"), "{message}");
}

/// A sampler that has the field and makes no estimates is told so; one of an absent entry is a finding.
#[test]
fn estimates_that_are_missing_or_of_nothing() {
    struct Made(fn(&mut Batch));
    impl Sampler for Made {
        fn fields(&self) -> &[Field] {
            &[Field::Trace, Field::Gradient]
        }

        fn fill(&self, first: u64, count: usize, batch: &mut Batch) {
            let model = Model::parse(TOP_K).unwrap();
            let right = Reference::new(&model, 1).unwrap();
            for number in first..first + count as u64 {
                batch.push(&right.draw(number));
                (self.0)(batch);
            }
        }
    }
    let model = Model::parse(TOP_K).unwrap();
    let loss = Loss::named(&model, "default").unwrap();
    let objective = Objective::named(&model, &loss, Limit::default()).unwrap();
    let form = |made: fn(&mut Batch)| -> Row {
        let budget = Budget::new(1e-6, 100).unwrap();
        let asked = Asked { objective: Some(&objective), ..Asked::only(0.2) };
        let sampler = Made(made);
        let mut draws = Draws::new(&sampler, 10);
        let rows = Method::Enumeration.judge("", &model, &mut draws, &asked, &budget, |_| ()).unwrap();
        rows.into_iter().find(|row| row.subject == "form").unwrap()
    };
    assert_eq!(form(|batch| batch.push_gradient(&[0.0; 5])).verdict, Verdict::Held);
    let row = form(|_| ());
    assert!(row.note.contains("the sampler made 10 draws, and 0 estimates of the gradient"), "{row:?}");
    let row = form(|batch| batch.push_gradient(&[1.0; 5]));
    assert!(row.note.contains("gradient of the absent entry 2 is 1: want 0"), "{row:?}");
}

/// What is worked out for each of twenty thousand entries is worked out once.
#[test]
fn estimates_of_many_entries_are_judged() {
    let directory = tempfile::tempdir().unwrap();
    let model = directory.path().join("model.json");
    let many = 20_000;
    std::fs::write(&model, format!(r#"{{"structure":"permutation","rates":{:?}}}"#, vec![1; many])).unwrap();
    let order: Vec<usize> = (0..many).collect();
    let draw = format!("{{\"trace\":{order:?},\"gradient\":{:?}}}\n", vec![0.5; many]);
    let (status, out, message) =
        run(&["check", model.to_str().unwrap(), "-", "--loss", "default"], &draw.repeat(4));
    assert_eq!(status, 1, "{message}"); // in the same order each time
    assert!(out.contains("gradient: mean of every entry beside loss × score"), "{out}");
}

/// Estimates by the library, written by the example, are held by the command.
#[test]
fn estimates_that_a_program_writes_are_held() {
    let folder = tempfile::tempdir().unwrap();
    let (model, file) = (folder.path().join("k4.json"), folder.path().join("estimates.jsonl"));
    std::fs::write(&model, K4).unwrap();
    for estimator in Named::ALL.map(Named::name) {
        let mut lines = Vec::new();
        estimates::write(&Model::parse(K4).unwrap(), estimator, 40_000, &mut lines).unwrap();
        std::fs::write(&file, lines).unwrap();
        let mut command = Command::cargo_bin("recursive-gumbel").unwrap();
        let check = command.arg("check").args([&model, &file]);
        let check = check.args(["--loss", "default", "--departure", "0.2", "--quiet"]);
        let out = check.output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout);
        assert!(text.starts_with("All held: 1 exact check and 2 tests."), "{estimator}: {text}");
    }
    let error = estimates::write(&Model::parse(K4).unwrap(), "reinforce", 1, &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("want one of e_reinforce, t_reinforce"), "{error}");
}
