//! The main job: exact identities first, then draws against the exact law.
//!
//! # Law
//! [`identities()`] and [`optimality`] run what [`gumbel_oracle::identities`] knows, exactly. [`judge`] holds a [`Sampler`] to
//! the oracle's law of a model that can be enumerated:
//!
//! | check | null | test |
//! |---|---|---|
//! | structures, traces | multinomial with the exact `P(X)`, `p(T)` | Pearson's chi-square, cells pooled to expect at least [`MINIMUM_EXPECTED`](crate::statistics::MINIMUM_EXPECTED); and G, not pooled |
//! | exponentials | `e^{-λ_k E_k}` uniform | Kolmogorov-Smirnov |
//! | conditional draws | the inverse map's uniforms are iid uniform given the trace | Kolmogorov-Smirnov, all together and entry by entry; chi-square on an 8×8 grid of pairs |
//! | rerun | the algorithm run on the exponentials holds the same races | exact, every draw |
//! | round trip | the algorithm run on the conditional draw holds the same races | exact, every draw |
//! | log-probability, score | the exact value | error of every different trace among the first draws |
//!
//! # Errors of the verdicts
//! The false-alarm probability `alpha` is for the whole report and split evenly over its tests, whatever their
//! number; exact checks spend nothing. Each test states the smallest departure that it catches with probability 0.99:
//! see [`crate::statistics`]. If for one of the things judged no test would catch the stated departure, the verdict is
//! [`Verdict::Underpowered`].
//!
//! # Cost
//! The draws, in parallel; memory for the uniforms of all draws (16 bytes per draw and entry).

use std::collections::HashMap;

use gumbel_oracle::enclosure;
use gumbel_oracle::identities::{self, Identity};
use gumbel_oracle::limit::{Limit, TooLarge};
use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::number::{Exact, Real, to_f64, to_rational};
use gumbel_oracle::race::Trace;
use gumbel_oracle::structure::Structure;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

use crate::reference::{Draw, Sampler};
use crate::statistics::{
    Budget, DepartureKind, Drawn, StatisticsError, TestResult, g_test, kolmogorov_smirnov, pearson,
    pearson_of_pairs, worst_cells,
};

/// What a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing speaks against it.
    Held,
    /// It is wrong.
    Refuted,
    /// Nothing speaks against it, but a departure of the stated size could have been missed.
    Underpowered,
}

impl Verdict {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Refuted => "REFUTED",
            Self::Underpowered => "underpowered",
        }
    }
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The structure.
    pub structure: &'static str,
    /// Which model, or which family of cases.
    pub model: String,
    /// What is judged; rows of one model with the same subject share their power.
    pub subject: &'static str,
    /// How.
    pub check: String,
    /// Draws, values, or equalities compared.
    pub count: u64,
    /// What `count` counts.
    pub unit: &'static str,
    /// The test, if it is one; `None` for an exact check.
    pub test: Option<TestResult>,
    /// The largest error of a value that is compared with an exact one, in ulps of the larger of that value and 1.
    pub ulps: Option<f64>,
    /// The verdict.
    pub verdict: Verdict,
    /// What is wrong, in the user's terms; empty if nothing is.
    pub note: String,
}

/// How to judge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Draws per model.
    pub samples: u64,
    /// The false-alarm probability of the whole report.
    pub alpha: f64,
    /// The departure that should not be missed, as total variation or largest difference of distribution functions.
    pub departure: f64,
}

/// Draws per model, unless told otherwise: enough to catch a departure of 0.05 of everything judged on every built-in
/// model, which a test asserts.
pub const DEFAULT_SAMPLES: u64 = 200_000;

impl Default for Options {
    fn default() -> Self {
        Self { samples: DEFAULT_SAMPLES, alpha: 1e-6, departure: 0.05 }
    }
}

/// Why a sampler cannot be judged on this model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The model is too large for its law to be enumerated.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The options ask for what the tests cannot give.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
}

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
    let (count, note) = match outcome {
        Ok(compared) => (compared, String::new()),
        Err(note) => (0, note),
    };
    let verdict = if note.is_empty() { Verdict::Held } else { Verdict::Refuted };
    Row {
        structure: kind.name(),
        model: model.to_owned(),
        subject: "identity",
        check: name.to_owned(),
        count,
        unit: "equalities",
        test: None,
        ulps: None,
        verdict,
        note,
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

/// How many statistical tests [`judge`] makes on a model.
#[must_use]
pub fn tests(model: &Model) -> usize {
    let present = model.rates().iter().filter(|rate| **rate != num_traits::Zero::zero()).count();
    7 + present
}

/// What is kept of a draw.
struct Kept {
    structure: usize,
    trace: usize,
    /// `e^{-λ_k E_k}` of each present entry.
    exponentials: Vec<f64>,
    /// The inverse map's uniforms of the conditional draw, of each present entry.
    conditional: Vec<f64>,
    trace_of_exponentials: bool,
    round_trip: bool,
}

/// Holds a sampler to the exact law of the model. `budget` is that of the whole report; see [`tests`].
///
/// # Errors
/// [`VerifyError`] if the law cannot be enumerated, or the options make no sense.
pub fn judge(
    name: &str,
    model: &Model,
    sampler: &dyn Sampler,
    options: &Options,
    budget: &Budget,
    drawn: impl Fn(u64) + Sync,
) -> Result<Vec<Row>, VerifyError> {
    let limit = Limit::default();
    let law = model.law(limit)?;
    model.check_traces(limit)?;
    let mut trace_law: Vec<(Trace, f64)> = Vec::new();
    let mut trace_number: HashMap<Trace, usize> = HashMap::new(); // looked up, never iterated over
    for outcome in model.traces() {
        trace_number.insert(outcome.trace.clone(), trace_law.len());
        trace_law.push((outcome.trace, to_f64(&outcome.probability)));
    }
    let structure_number =
        |x: &Structure| law.outcomes.binary_search_by(|(y, _)| y.cmp(x)).unwrap_or(law.outcomes.len());
    let rates: Vec<f64> = model.rates_as();
    let keep = |index: u64| {
        let draw = sampler.draw(index);
        let kept = Kept {
            structure: structure_number(&draw.structure),
            trace: trace_number.get(&draw.trace).copied().unwrap_or(trace_law.len()),
            exponentials: survivals(&draw.exponentials, &rates),
            conditional: inverse(&draw, &rates),
            trace_of_exponentials: holds(model, &draw.exponentials, &draw),
            round_trip: holds(model, &draw.conditional, &draw),
        };
        if index % 1024 == 1023 {
            drawn(1024);
        }
        kept
    };
    let draws: Vec<Kept> = (0..options.samples).into_par_iter().map(keep).collect();

    let mut report = Report { kind: model.kind(), model: name, rows: Vec::new() };
    let alpha = budget.per_test();
    let structures: Vec<(String, f64)> =
        law.outcomes.iter().map(|(x, p)| (model.canonical(x), to_f64(p))).collect();
    report.cells("structures", &structures, draws.iter().map(|draw| draw.structure), alpha)?;
    let traces: Vec<(String, f64)> = trace_law.iter().map(|(t, p)| (model.canonical_trace(t), *p)).collect();
    report.cells("traces", &traces, draws.iter().map(|draw| draw.trace), alpha)?;
    report.exact_draws("rerun", draws.iter().map(|draw| draw.trace_of_exponentials));
    report.values(model, sampler, options.samples.min(2000));
    report.uniforms(
        "exponentials",
        "Kolmogorov-Smirnov",
        draws.iter().flat_map(|d| d.exponentials.iter().copied()),
        alpha,
    )?;
    report.uniforms(
        "conditional",
        "Kolmogorov-Smirnov",
        draws.iter().flat_map(|d| d.conditional.iter().copied()),
        alpha,
    )?;
    report.by_entry(model, &draws, alpha)?;
    report.pairs(&draws, alpha)?;
    report.exact_draws("round trip", draws.iter().map(|draw| draw.round_trip));
    power(&mut report.rows, options.departure);
    Ok(report.rows)
}

/// `e^{-λ_k E_k}` for the present entries; outside (0, 1) if the exponential is not positive, or missing.
fn survivals(exponentials: &[Option<f64>], rates: &[f64]) -> Vec<f64> {
    let present = exponentials.iter().zip(rates).filter(|(_, rate)| **rate > 0.0);
    present.map(|(e, rate)| e.map_or(2.0, |e| Real::exp(&(-e * rate)))).collect()
}

/// The inverse map's uniforms for the present entries; 2 where the conditional draw lacks one.
fn inverse(draw: &Draw, rates: &[f64]) -> Vec<f64> {
    let missing =
        draw.trace.races().iter().any(|race| draw.conditional.get(race.winner).copied().flatten().is_none());
    if missing || draw.conditional.len() != rates.len() {
        return rates.iter().filter(|rate| **rate > 0.0).map(|_| 2.0).collect();
    }
    let uniforms = draw.trace.uniforms(rates, &draw.conditional);
    uniforms.into_iter().zip(rates).filter(|(_, rate)| **rate > 0.0).map(|(u, _)| u.unwrap_or(2.0)).collect()
}

/// Whether the algorithm, run on these weights, holds the races of the draw and returns its structure.
fn holds(model: &Model, weights: &[Option<f64>], draw: &Draw) -> bool {
    let weights: Vec<f64> = weights.iter().map(|weight| weight.unwrap_or(f64::INFINITY)).collect();
    model.run(&weights).is_ok_and(|run| run.trace == draw.trace && run.structure == draw.structure)
}

/// Marks the subjects for which no test has the power asked for.
fn power(rows: &mut [Row], departure: f64) {
    let best = |subject: &str, rows: &[Row]| {
        let tests = rows.iter().filter(|row| row.subject == subject).filter_map(|row| row.test);
        tests.map(|test| test.smallest_departure).fold(f64::INFINITY, f64::min)
    };
    let best: Vec<f64> = rows.iter().map(|row| best(row.subject, rows)).collect();
    for (row, best) in rows.iter_mut().zip(best) {
        if row.test.is_some() && row.verdict == Verdict::Held && best > departure {
            row.verdict = Verdict::Underpowered;
            row.note = format!("a departure of {departure} could have been missed: draw more (--samples)");
        }
    }
}

struct Report<'a> {
    kind: Kind,
    model: &'a str,
    rows: Vec<Row>,
}

impl Report<'_> {
    fn row(&mut self, subject: &'static str, check: &str, count: u64, unit: &'static str) -> &mut Row {
        self.rows.push(Row {
            structure: self.kind.name(),
            model: self.model.to_owned(),
            subject,
            check: check.to_owned(),
            count,
            unit,
            test: None,
            ulps: None,
            verdict: Verdict::Held,
            note: String::new(),
        });
        let last = self.rows.len() - 1;
        &mut self.rows[last]
    }

    fn test(
        &mut self,
        subject: &'static str,
        check: &str,
        count: u64,
        unit: &'static str,
        test: TestResult,
        note: String,
    ) {
        let row = self.row(subject, check, count, unit);
        row.test = Some(test);
        if test.refuted() {
            row.verdict = Verdict::Refuted;
            row.note = note;
        }
    }

    /// Chi-square and G of cells with exact probabilities; a number past the last cell is something impossible.
    fn cells(
        &mut self,
        subject: &'static str,
        law: &[(String, f64)],
        drawn: impl Iterator<Item = usize>,
        alpha: f64,
    ) -> Result<(), VerifyError> {
        let mut observed = vec![0_u64; law.len() + 1];
        drawn.for_each(|cell| observed[cell] += 1);
        let count = observed.iter().sum();
        let mut probabilities: Vec<f64> = law.iter().map(|(_, p)| *p).collect();
        probabilities.push(0.0);
        let (chi_square, g) = (pearson(&observed, &probabilities)?, g_test(&observed, &probabilities)?);
        let name = |cell: usize| law.get(cell).map_or("impossible ones", |(name, _)| name.as_str());
        let mut note = String::new();
        for worst in worst_cells(&observed, &probabilities, 3)? {
            let how = if worst.drawn == Drawn::Over { "over-drawn" } else { "under-drawn" };
            let (cell, observed, expected) = (name(worst.cell), worst.observed, worst.expected);
            note.push_str(&format!("{cell} {how}: {observed} observed, {expected:.1} expected. "));
        }
        let note = note.trim_end().to_owned();
        self.test(subject, "chi-square", count, "draws", chi_square.judge(alpha)?, note.clone());
        self.test(subject, "G", count, "draws", g.judge(alpha)?, note);
        Ok(())
    }

    /// A check that must hold for every draw.
    fn exact_draws(&mut self, subject: &'static str, held: impl Iterator<Item = bool>) {
        let (mut count, mut wrong, mut first) = (0, 0_u64, None);
        for held in held {
            if !held {
                wrong += 1;
                first = first.or(Some(count));
            }
            count += 1;
        }
        let row = self.row(subject, "every draw", count, "draws");
        if let Some(first) = first {
            row.verdict = Verdict::Refuted;
            row.note = format!("{wrong} draws hold other races, the first is draw {first}");
        }
    }

    fn uniforms(
        &mut self,
        subject: &'static str,
        check: &str,
        values: impl Iterator<Item = f64>,
        alpha: f64,
    ) -> Result<(), VerifyError> {
        let mut values: Vec<f64> = values.collect();
        let count = values.len() as u64;
        if values.is_empty() {
            return Ok(()); // a model without entries has nothing to draw
        }
        if let Some(bad) = values.iter().position(|u| !(0.0..=1.0).contains(u)) {
            let row = self.row(subject, check, count, "values");
            row.verdict = Verdict::Refuted;
            row.note = format!("value {bad} is {}: the times behind the draw are not positive", values[bad]);
            return Ok(());
        }
        let test = kolmogorov_smirnov(&mut values)?.judge(alpha)?;
        self.test(
            subject,
            check,
            count,
            "values",
            test,
            "the uniforms behind the draws are not uniform".to_owned(),
        );
        Ok(())
    }

    /// Kolmogorov-Smirnov for each entry; the worst is shown.
    fn by_entry(&mut self, model: &Model, draws: &[Kept], alpha: f64) -> Result<(), VerifyError> {
        let present: Vec<usize> =
            (0..model.rates().len()).filter(|&k| to_f64(&model.rates()[k]) > 0.0).collect();
        let mut worst: Option<(usize, TestResult)> = None;
        for (i, &entry) in present.iter().enumerate() {
            let mut values: Vec<f64> = draws.iter().map(|draw| draw.conditional[i]).collect();
            let Ok(ks) = kolmogorov_smirnov(&mut values) else { continue }; // reported above
            let test = ks.judge(alpha)?;
            if worst.is_none_or(|(_, worst)| test.p_value < worst.p_value) {
                worst = Some((entry, test));
            }
        }
        if let Some((entry, test)) = worst {
            let label = model.entries()[entry].label(model.kind());
            let note = format!("the conditional exponential of entry {label} does not follow its law");
            let check = format!("worst of {} entries ({label})", present.len());
            self.test("conditional", &check, draws.len() as u64, "values", test, note);
        }
        Ok(())
    }

    /// Chi-square on pairs of uniforms, one pair of entries per draw, all pairs in turn.
    fn pairs(&mut self, draws: &[Kept], alpha: f64) -> Result<(), VerifyError> {
        let entries = draws.first().map_or(0, |draw| draw.conditional.len());
        let all: Vec<(usize, usize)> =
            (0..entries).flat_map(|i| (i + 1..entries).map(move |j| (i, j))).collect();
        if all.is_empty() {
            return Ok(());
        }
        let pair = |(i, draw): (usize, &Kept)| {
            let (a, b) = all[i % all.len()];
            (draw.conditional[a], draw.conditional[b])
        };
        let pairs: Vec<(f64, f64)> = draws.iter().enumerate().map(pair).collect();
        if let Ok(chi_square) = pearson_of_pairs(&pairs, 8) {
            let note = "the uniforms behind a draw depend on each other".to_owned();
            self.test(
                "pairs",
                "chi-square on 8×8",
                pairs.len() as u64,
                "pairs",
                chi_square.judge(alpha)?,
                note,
            );
        }
        Ok(())
    }

    /// Log-probability and score of the different traces among the first draws, against the exact values.
    fn values(&mut self, model: &Model, sampler: &dyn Sampler, draws: u64) {
        let rates: Vec<f64> = model.rates_as();
        // The rates as the sampler has them, taken exactly.
        let exact: Vec<Exact> = rates.iter().map(|&rate| Exact::try_from(rate).unwrap_or_default()).collect();
        let mut seen: HashMap<Trace, ()> = HashMap::new(); // looked up, never iterated over
        let (mut log_prob, mut score) = (Worst::default(), Worst::default());
        for index in 0..draws {
            let draw = sampler.draw(index);
            if seen.insert(draw.trace.clone(), ()).is_some() {
                continue;
            }
            let races = draw.trace.races().len() as f64;
            let want =
                enclosure::ln(&to_rational(&draw.trace.probability(&exact))).unwrap_or(f64::NEG_INFINITY);
            let totals: Vec<f64> = draw.trace.totals(&rates);
            let won = draw.trace.races().iter().map(|race| rates[race.winner]);
            let scale = won.chain(totals).map(|rate| Real::ln(&rate).abs()).fold(1.0, f64::max);
            // Each race adds two logarithms of at most `scale`, and a total of at most m rounded additions.
            let allowed = f64::EPSILON * races * (4.0 * scale + rates.len() as f64);
            let trace = || model.canonical_trace(&draw.trace);
            log_prob.see(draw.log_prob, want, allowed, || {
                format!("log p of {}: {} instead of {want}", trace(), draw.log_prob)
            });
            let exact_score = draw.trace.score(&exact);
            for (k, (found, want)) in draw.score.iter().zip(&exact_score).enumerate() {
                let want = to_f64(&to_rational(want));
                let allowed = f64::EPSILON * (races + 1.0) * (2.0 + rates.len() as f64);
                score.see(*found, want, allowed, || {
                    format!("score of {} at entry {k}: {found} instead of {want}", trace())
                });
            }
        }
        for (subject, worst) in [("log-probability", log_prob), ("score", score)] {
            let row = self.row(subject, "against exact", worst.count, "values");
            row.ulps = Some(worst.ulps);
            if let Some(note) = worst.wrong {
                row.verdict = Verdict::Refuted;
                row.note = note;
            }
        }
    }
}

/// The largest error seen, and the first beyond what is allowed.
#[derive(Default)]
struct Worst {
    count: u64,
    ulps: f64,
    wrong: Option<String>,
}

impl Worst {
    fn see(&mut self, found: f64, want: f64, allowed: f64, what: impl FnOnce() -> String) {
        self.count += 1;
        let error = (found - want).abs();
        let ulps = error / (f64::EPSILON * want.abs().max(1.0));
        self.ulps = if ulps.is_nan() { f64::INFINITY } else { self.ulps.max(ulps) };
        if (error > allowed || error.is_nan()) && self.wrong.is_none() {
            self.wrong = Some(what());
        }
    }
}

impl Row {
    /// What the smallest departure is measured in.
    #[must_use]
    pub fn departure_kind(&self) -> &'static str {
        match self.test.map(|test| test.departure_kind) {
            Some(DepartureKind::TotalVariation) => "TV",
            Some(DepartureKind::SupNorm) => "sup",
            _ => "",
        }
    }
}
