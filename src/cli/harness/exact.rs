//! What an implementation is asked that has one right answer: runs on chosen exponentials, log-probabilities, scores and conditional
//! draws of chosen traces. No error rate: what is wrong once is wrong.

use gumbel_oracle::limit::Limit;
use gumbel_oracle::model::Model;
use gumbel_oracle::race::Trace;
use gumbel_oracle::recursion::Run;
use gumbel_oracle::structure::Structure;
use num_traits::Zero as _;
use rand::distr::Open01;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use recursive_gumbel::report::Row;
use recursive_gumbel::sample::file::json_row;
use recursive_gumbel::sample::jsonl::{Input, JsonLines};
use recursive_gumbel::sample::{Batch, Reference, Source as _};
use serde_json::{Value, json};

use super::Offer;
use super::child::{Child, Fault};

/// Runs and traces that are asked for, at most: of large models fewer, as who raced is listed, which takes numbers by the thousand million.
const MOST: usize = 300;
const NUMBERS: usize = 1 << 25;

/// How many of this model; none if one is too many.
fn most(model: &Model) -> usize {
    let of_one = model.entries().len().max(1).saturating_mul(model.size());
    MOST.min(NUMBERS / of_one)
}

/// The rows of a model whose races are too many to be listed.
fn too_large(offer: &Offer) -> Vec<Row> {
    let rows =
        [("run", "run"), ("log_prob", "log-probability"), ("score", "score"), ("conditional", "conditional")];
    let row = |(_, subject)| {
        let row = Row::exact(subject, "of what is given", 0, "requests");
        row.not_judged("the model is too large for its races to be listed one by one")
    };
    rows.into_iter().filter(|(op, _)| offer.has(op)).map(row).collect()
}

/// Everything that the implementation offers.
pub(super) fn judge(child: &mut Child, model: &Model, offer: &Offer, seed: u64) -> Result<Vec<Row>, Fault> {
    let most = most(model);
    if most == 0 {
        return Ok(too_large(offer));
    }
    let mut rows = Vec::new();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let rates: Vec<f64> = model.rates_as();
    if offer.has("run") {
        rows.push(runs(child, model, &rates, offer, most, &mut rng)?);
    }
    let traces = some_traces(child, model, most, seed)?;
    let canonical =
        |trace: &Trace| serde_json::from_str(&model.canonical_trace(trace)).unwrap_or(Value::Null);
    let asked: Vec<Value> = traces.iter().map(canonical).collect();
    let close = Close::of(model, offer.single);
    if offer.has("log_prob") {
        let subject = "log-probability";
        rows.push(match child.ask_of_each("log_prob", &[("traces", &asked)], &["log_prob"])? {
            Err(refused) => skipped(subject, &child.skipped(refused)?),
            Ok(found) => {
                let found: Vec<Vec<Value>> = found.into_iter().flatten().map(|value| vec![value]).collect();
                let want = |trace: &Trace| vec![Some(trace.log_probability(&rates))];
                close.row(child, model, subject, &traces, &found, want)?
            }
        });
    }
    if offer.has("score") {
        rows.push(match child.ask_of_each("score", &[("traces", &asked)], &["score"])? {
            Err(refused) => skipped("score", &child.skipped(refused)?),
            Ok(found) => {
                let found = per_entry(child, found.concat(), "score", rates.len())?;
                let want = |trace: &Trace| trace.score(&rates).into_iter().map(Some).collect();
                close.row(child, model, "score", &traces, &found, want)?
            }
        });
    }
    if offer.has("conditional") {
        let cell = |rate: &f64, rng: &mut ChaCha8Rng| {
            (*rate > 0.0).then(|| offer.round(rng.random_range(0.001..0.999)))
        };
        let uniforms: Vec<Vec<Option<f64>>> =
            traces.iter().map(|_| rates.iter().map(|rate| cell(rate, &mut rng)).collect()).collect();
        let told = |row: &Vec<Option<f64>>| child.lay_out(row.iter().map(|u| json!(u)).collect());
        let told: Vec<Value> = uniforms.iter().map(told).collect();
        let items = [("traces", &asked[..]), ("uniforms", &told)];
        match child.ask_of_each("conditional", &items, &["conditional"])? {
            Ok(found) => {
                let found = per_entry(child, found.concat(), "conditional", rates.len())?;
                let mut uniforms = uniforms.iter();
                let want = |trace: &Trace| {
                    let row: Vec<f64> =
                        uniforms.next().into_iter().flatten().map(|u| u.unwrap_or(0.5)).collect();
                    trace.exponentials(&rates, &row)
                };
                rows.push(close.row(child, model, "conditional", &traces, &found, want)?);
            }
            // It may draw from seeds only.
            Err(refused) => rows.push(skipped("conditional", &refused.why)),
        }
    }
    if offer.has("log_prob") {
        let foreign =
            [json!([]), json!([[0, 0]]), json!([0, 0]), json!({"arc": 3}), json!("no trace"), json!(null)];
        for trace in &foreign {
            child.ask(&json!({"op": "log_prob", "traces": [trace]}))?; // whatever it says
        }
        let count = foreign.len() as u64;
        rows.push(Row::exact("impossible traces", "answered or refused", count, "requests"));
    }
    Ok(rows)
}

/// The row of what the implementation does not do, for a reason of its own.
pub(super) fn skipped(subject: &'static str, why: &str) -> Row {
    Row::exact(subject, "of what is given", 0, "requests").not_judged(format!("it says: {why}"))
}

/// All traces, or some that were drawn.
fn some_traces(child: &Child, model: &Model, most: usize, seed: u64) -> Result<Vec<Trace>, Fault> {
    if model.check_traces(Limit(most as u64)).is_ok() {
        return Ok(model.traces().map(|outcome| outcome.trace).collect());
    }
    let sampler = Reference::new(model, seed).map_err(|error| child.fault(error.to_string()))?;
    Ok((0..most as u64).map(|number| sampler.draw(number).trace).collect())
}

/// The largest logarithm of a rate, at least 1.
fn scale(rates: &[f64]) -> f64 {
    rates.iter().filter(|rate| **rate > 0.0).map(|&rate| libm::log(rate).abs()).fold(1.0, f64::max)
}

/// Rows of one item per entry.
fn per_entry(child: &Child, rows: Vec<Value>, field: &str, entries: usize) -> Result<Vec<Vec<Value>>, Fault> {
    let row = |row: Value| match row {
        Value::Array(row) if row.len() == entries => Ok(row),
        Value::Array(row) => {
            let found = row.len();
            Err(child
                .fault(format!("gave a row of {found} numbers in `{field}`: want {entries}, one per entry")))
        }
        _ => Err(child.fault(format!("gave a row in `{field}` that is no list"))),
    };
    rows.into_iter().map(row).collect()
}

/// How near numbers must be.
pub(super) struct Close {
    single: bool,
    scale: f64,
}

impl Close {
    /// Of this model.
    pub(super) fn of(model: &Model, single: bool) -> Self {
        Self { single, scale: scale(&model.rates_as::<f64>()) }
    }

    /// A number that follows from a trace: a sum over the races, of quotients and logarithms of rates that may come from rounded logits.
    /// Times only add up: of them no digits are lost.
    pub(super) fn allowed(&self, races: usize, value: f64, times: bool) -> f64 {
        let (epsilon, least) = match self.single {
            true => (f64::from(f32::EPSILON), f64::from(f32::MIN_POSITIVE)),
            false => (f64::EPSILON, f64::MIN_POSITIVE),
        };
        // Below the least normal number steps grow no smaller.
        let size = if times { value.abs().max(least) } else { value.abs().max(1.0) };
        epsilon * (16.0 + 8.0 * self.scale) * (races as f64 + 4.0) * size
    }

    fn row(
        &self,
        child: &Child,
        model: &Model,
        subject: &'static str,
        traces: &[Trace],
        found: &[Vec<Value>],
        mut want: impl FnMut(&Trace) -> Vec<Option<f64>>,
    ) -> Result<Row, Fault> {
        let row = Row::exact(subject, "of given traces, against exact", traces.len() as u64, "traces");
        let (mut wrong, times) = (None, subject == "conditional");
        for (trace, found) in traces.iter().zip(found) {
            for (place, (cell, want)) in found.iter().zip(want(trace)).enumerate() {
                let absent = found.len() > 1 && model.rates()[place].is_zero();
                let is = match (cell, want) {
                    (Value::Null, _) if absent => continue,
                    (Value::Number(number), _) => number.as_f64().unwrap_or(f64::NAN),
                    _ => return Err(child.fault(format!("gave {cell} in the {subject}: want a number"))),
                };
                let want = want.unwrap_or(if subject == "score" { 0.0 } else { f64::INFINITY });
                if (is - want).abs() > self.allowed(trace.races().len(), want, times) && wrong.is_none() {
                    let entry = if found.len() > 1 {
                        format!(" at {}", model.entries()[place])
                    } else {
                        String::new()
                    };
                    wrong = Some(format!(
                        "of the trace {}{entry} it is {is:?}, exactly {want:?}",
                        model.canonical_trace(trace)
                    ));
                }
            }
        }
        Ok(match wrong {
            Some(note) => row.refuted(note),
            None => row,
        })
    }
}

/// Weights on which nobody wins by no more than rounding.
fn weights(
    model: &Model,
    rates: &[f64],
    offer: &Offer,
    most: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<(Vec<f64>, Run<Structure, f64>)> {
    let m = rates.len();
    let mut order: Vec<usize> = (0..m).collect();
    // What differs by whole steps is subtracted without rounding.
    let step = if offer.single { libm::exp2(-12.0) } else { libm::exp2(-40.0) };
    let (least, mut kept) = (if offer.single { libm::exp2(-14.0) } else { libm::exp2(-40.0) }, Vec::new());
    for number in 0..most.max(3) {
        order.shuffle(rng);
        let at = |k: usize, rng: &mut ChaCha8Rng| match number % 3 {
            0 => offer.round(-libm::log(rng.sample(Open01)) / rates[k]),
            1 => (order[k] + 1) as f64,
            _ => 64.0 + order[k] as f64 * step,
        };
        let row: Vec<f64> = (0..m).map(|k| if rates[k] > 0.0 { at(k, rng) } else { f64::INFINITY }).collect();
        let Ok(run) = model.run(&row) else { continue };
        let margin = margin(&run, &row);
        if margin > 0.0 && (number % 3 > 0 || margin > least) {
            kept.push((row, run));
        }
    }
    kept
}

/// By how much the closest race was won, in parts of the largest weight in it (of whole steps: at all).
fn margin(run: &Run<Structure, f64>, weights: &[f64]) -> f64 {
    let (mut left, mut margin) = (weights.to_vec(), f64::INFINITY);
    for race in run.trace.races() {
        let time = left[race.winner];
        for &k in &race.entrants {
            left[k] -= time;
            if k != race.winner {
                margin = margin.min(left[k] / weights[k].max(weights[race.winner]));
            }
        }
    }
    margin
}

/// The algorithm on given weights: random ones, whole numbers, and such as are very near to each other.
fn runs(
    child: &mut Child,
    model: &Model,
    rates: &[f64],
    offer: &Offer,
    most: usize,
    rng: &mut ChaCha8Rng,
) -> Result<Row, Fault> {
    let kept = weights(model, rates, offer, most, rng);
    let told = |weight: &f64| child.conventions().tell(*weight);
    let told = |(row, _): &(Vec<f64>, _)| child.lay_out(row.iter().map(told).collect());
    let asked: Vec<Value> = kept.iter().map(told).collect();
    let (structures, traces) =
        match child.ask_of_each("run", &[("exponentials", &asked)], &["structure", "trace"])? {
            Err(refused) => return Ok(skipped("run", &child.skipped(refused)?)),
            Ok(mut found) => (found.swap_remove(0), found.swap_remove(0)),
        };
    let row = Row::exact("run", "on given exponentials, against exact", kept.len() as u64, "runs");
    for (((weights, run), structure), trace) in kept.iter().zip(structures).zip(traces) {
        let line = json!({"structure": structure, "trace": trace}).to_string();
        let batch = read(model, line).map_err(|problem| child.fault(format!("gave a run that {problem}")))?;
        let winners: Vec<u32> = run.trace.races().iter().map(|race| race.winner as u32).collect();
        let same = batch.malformed().is_empty()
            && batch.structure(0) == Some(&run.structure)
            && batch.trace(0) == Some(&winners[..]);
        if !same {
            return Ok(row.refuted(format!(
                "on the exponentials {} it holds the races {trace} and returns {structure}; exactly: {} and {}",
                json_row(weights),
                model.canonical_trace(&run.trace),
                model.canonical(&run.structure)
            )));
        }
    }
    Ok(row)
}

/// Lines of a samples file, as `check` reads it.
pub(super) fn read(model: &Model, lines: String) -> Result<Batch, String> {
    let input = Input { name: "it".to_owned(), read: Box::new(std::io::Cursor::new(lines)) };
    let said = |error: recursive_gumbel::sample::SourceError| error.problem;
    let mut lines = JsonLines::new(model, vec![input]).map_err(said)?;
    let mut batch = Batch::new(model.entries().len(), lines.fields());
    for piece in lines.next().map_err(said)? {
        lines.fill(&piece, &mut batch).map_err(said)?;
    }
    Ok(batch)
}
