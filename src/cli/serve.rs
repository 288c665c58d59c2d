//! `serve`

use std::io::{self, BufRead as _, Write as _};

use clap::Args;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::race::Trace;
use gumbel_oracle::structure::Structure;
use rand::distr::Open01;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};
use recursive_gumbel::estimate::{Estimates, Named, NoEstimator};
use recursive_gumbel::fast;
use recursive_gumbel::mutants::Mutated;
use recursive_gumbel::mutants::estimates::{Mistake, Mistaken};
use recursive_gumbel::protocol::{From, OPS, Op, Request, Row, VERSION};
use recursive_gumbel::sample::file::{json_number, json_row, json_value};
use recursive_gumbel::sample::{Batch, Field, Rated, Sampler, Walk, Walker};
use serde_json::json;
use serde_json::value::RawValue;

use super::mutant::Mutant;
use super::{Failure, Outcome};

/// Answer requests on standard input, one JSON object per line: an implementation for harnesses to ask.
///
/// The protocol, version 1, is described in docs/src/protocol.md. Ends at the end of the input, or when it is told to stop.
#[derive(Args, Debug)]
pub(super) struct Serve {
    /// Be wrong, in this way: to see whether a harness notices. The names are in docs/src/mutants.md.
    #[arg(long, value_name = "NAME")]
    mutant: Option<Mutant>,
}

/// The most numbers in one answer.
const NUMBERS: u64 = 1 << 24;

/// An answer: an object, or an error.
type Answer = Result<String, String>;

impl Serve {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let mut model = None;
        let mut out = io::stdout().lock();
        for line in io::stdin().lock().lines() {
            let line = line.map_err(|error| Failure::input(format!("standard input: {error}")))?;
            if line.trim().is_empty() {
                continue;
            }
            let (mut stop, mut mutant) = (false, None);
            let (id, answer) = match Request::parse(&line) {
                Ok(Request { id, op }) => {
                    stop = matches!(op, Op::Stop);
                    mutant = self.mutant.filter(|_| matches!(op, Op::Sample { count: 3.., .. }));
                    (id.get().to_owned(), answer(&mut model, op, self.mutant))
                }
                Err(wrong) => {
                    let id = wrong.id.as_ref().map_or("null", |id| id.get()).to_owned();
                    (id, Err(wrong.problem))
                }
            };
            let said = match (answer, mutant) {
                (Ok(object), None) => Ok(format!("{{\"id\":{id},\"ok\":{object}}}\n")),
                (Ok(object), Some(mutant)) => mutant
                    .instead(&id, &object)
                    .map(|said| said.unwrap_or_else(|| format!("{{\"id\":{id},\"ok\":{object}}}\n"))),
                (Err(error), _) => Ok(format!("{{\"id\":{id},\"error\":{}}}\n", json!(error))),
            };
            let written = said.and_then(|said| out.write_all(said.as_bytes())).and_then(|()| out.flush());
            written.map_err(Failure::Stdout)?;
            if stop {
                break;
            }
        }
        Ok(Outcome::Held)
    }
}

fn answer(held: &mut Option<Model>, op: Op, mutant: Option<Mutant>) -> Answer {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    match op {
        Op::Hello { protocol: VERSION } => return Ok(hello()),
        Op::Hello { protocol } => return Err(format!("protocol {protocol}: want {VERSION}")),
        Op::Stop => return Ok("{}".to_owned()),
        Op::Model { model } => {
            *held = Some(Model::parse(model.get()).map_err(|error| said(&error))?);
            return Ok("{}".to_owned());
        }
        _ => {}
    }
    let model = held.as_ref().ok_or("no model yet: want a `model` request first")?;
    let wrong = mutant.and_then(Mutant::draws).map(|mutant| Mutated::new(model, mutant, 0)).transpose();
    let wrong = wrong.map_err(|error| said(&error))?;
    match op {
        Op::Run { exponentials } => run(model, wrong.as_ref(), &exponentials),
        Op::Sample { count, seed, fields } => {
            let sampler: Box<dyn Sampler + '_> = match mutant.and_then(Mutant::draws) {
                Some(mutant) => Box::new(Mutated::new(model, mutant, seed).map_err(|error| said(&error))?),
                None => fast::of_model(model, seed).map_err(|error| said(&error))?,
            };
            sample(model, &*sampler, count, &fields)
        }
        Op::LogProb { traces } => per_trace(model, "log_prob", &traces, |_, trace, walk| {
            Ok(json_number(wrong.as_ref().map_or_else(|| walk.log_prob(), |wrong| wrong.log_prob(trace))))
        }),
        Op::Score { traces } => per_trace(model, "score", &traces, |_, trace, walk| {
            Ok(json_row(&wrong.as_ref().map_or_else(|| walk.score(), |wrong| wrong.score(trace))))
        }),
        Op::Conditional { traces, from } => conditional(model, wrong.as_ref(), &traces, &from),
        Op::Gradient { loss, estimator, draws, count, seed } => {
            let loss = Loss::named(model, &loss).map_err(|error| said(&error))?;
            let estimator = estimator.parse().map_err(|error: NoEstimator| said(&error))?;
            gradient(model, loss, (estimator, mutant.and_then(Mutant::estimates)), draws, count, seed)
        }
        _ => Err("an op that this program does not have".to_owned()),
    }
}

fn hello() -> String {
    let losses = |kind: &Kind| Loss::names(*kind);
    let mut loss_names: Vec<&str> = Kind::ALL.iter().flat_map(losses).collect();
    loss_names.sort_unstable();
    loss_names.dedup();
    json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "report_to": "the people of recursive-gumbel",
        "structures": Kind::ALL.map(Kind::name),
        "ops": OPS,
        "dtype": "f64",
        "fields": Field::DRAWN.map(Field::name),
        "loss_names": loss_names,
    })
    .to_string()
}

/// Refuses an answer of too many numbers.
fn check_size(model: &Model, rows: u64, fields: usize) -> Result<usize, String> {
    // The components of an arborescence's trace nest, and each is written out.
    let nested = if model.kind() == Kind::Arborescence { model.size().pow(2) } else { 0 };
    let row = (model.entries().len() * fields + nested).max(1) as u64;
    if rows > NUMBERS / row {
        let most = NUMBERS / row;
        return Err(format!(
            "{rows} rows at once: want at most {most} of this model, and another seed for more"
        ));
    }
    Ok(rows as usize)
}

/// One weight per entry; none is infinite.
fn weights(model: &Model, what: &str, number: usize, row: &Row) -> Result<Vec<f64>, String> {
    let entries = model.entries().len();
    if row.len() != entries {
        return Err(format!("{what}[{number}] has {} numbers: want {entries}, one per entry", row.len()));
    }
    Ok(row.iter().map(|weight| weight.unwrap_or(f64::INFINITY)).collect())
}

fn list(items: &[String]) -> String {
    format!("[{}]", items.join(","))
}

fn run(model: &Model, wrong: Option<&Mutated<'_>>, rows: &[Row]) -> Answer {
    let (mut structures, mut traces) = (Vec::new(), Vec::new());
    for (number, row) in rows.iter().enumerate() {
        let weights = weights(model, "exponentials", number, row)?;
        let run = model.run(&weights).map_err(|error| format!("exponentials[{number}]: {error}"))?;
        let other = wrong.and_then(|wrong| wrong.run(&weights));
        let (structure, trace) = other.unwrap_or((run.structure, run.trace));
        structures.push(model.canonical(&structure));
        traces.push(model.canonical_trace(&trace));
    }
    Ok(format!("{{\"structure\":{},\"trace\":{}}}", list(&structures), list(&traces)))
}

fn sample(model: &Model, sampler: &dyn Sampler, count: u64, names: &[String]) -> Answer {
    let field = |name: &String| {
        let of_name = |field: &Field| field.name() == name;
        let known = || Field::DRAWN.map(Field::name).join(", ");
        Field::DRAWN
            .into_iter()
            .find(of_name)
            .ok_or_else(|| format!("unknown field {name:?}: want {}", known()))
    };
    let mut fields = names.iter().map(field).collect::<Result<Vec<Field>, String>>()?;
    fields.sort_unstable();
    fields.dedup();
    let count = check_size(model, count, fields.len())?;
    let mut batch = Batch::new(model.entries().len(), &fields);
    sampler.fill(0, count, &mut batch);
    let mut columns = Vec::new();
    for field in fields {
        let mut items = Vec::with_capacity(count);
        for draw in 0..count {
            let value = json_value(model, &batch, draw, field).map_err(|error| error.to_string())?;
            items.extend(value);
        }
        columns.push(format!("\"{}\":{}", field.name(), list(&items)));
    }
    Ok(format!("{{{}}}", columns.join(",")))
}

/// One answer for each trace, given its number and its races.
fn per_trace(
    model: &Model,
    field: &str,
    traces: &[Box<RawValue>],
    mut of: impl FnMut(usize, &Trace, &Walk<'_>) -> Result<String, String>,
) -> Answer {
    let walker = Walker::new(model);
    let mut items = Vec::with_capacity(traces.len());
    for (number, trace) in traces.iter().enumerate() {
        let wrong = |error: &dyn std::fmt::Display| format!("traces[{number}]: {error}");
        let trace = model.parse_trace(trace.get()).map_err(|error| wrong(&error))?;
        let winners: Vec<u32> = trace.races().iter().map(|race| race.winner as u32).collect();
        items.push(of(number, &trace, &walker.walk(&winners).map_err(|error| wrong(&error))?)?);
    }
    Ok(format!("{{\"{field}\":{}}}", list(&items)))
}

fn conditional(model: &Model, wrong: Option<&Mutated<'_>>, traces: &[Box<RawValue>], from: &From) -> Answer {
    let mut rng = ChaCha8Rng::seed_from_u64(if let From::Seed(seed) = from { *seed } else { 0 });
    if let From::Uniforms(rows) = from
        && rows.len() != traces.len()
    {
        return Err(format!("{} rows of uniforms for {} traces: want one each", rows.len(), traces.len()));
    }
    per_trace(model, "conditional", traces, |number, trace, walk| {
        let uniforms: Vec<f64> = match from {
            From::Seed(_) => walk.rates().iter().map(|_| rng.sample(Open01)).collect(),
            From::Uniforms(rows) => weights(model, "uniforms", number, &rows[number])?,
        };
        let outside = |k: &usize| walk.rates()[*k] > 0.0 && !(uniforms[*k] > 0.0 && uniforms[*k] < 1.0);
        if let Some(k) = (0..uniforms.len()).find(outside) {
            return Err(format!("uniforms[{number}][{k}] is {}: want a number between 0 and 1", uniforms[k]));
        }
        let weights =
            wrong.map_or_else(|| walk.conditional(&uniforms), |wrong| wrong.conditional(trace, &uniforms));
        Ok(json_row(&weights))
    })
}

fn gradient(
    model: &Model,
    loss: Loss,
    (estimator, wrong): (Named, Option<&'static Mistake>),
    draws: u32,
    count: u64,
    seed: u64,
) -> Answer {
    check_size(model, count.saturating_mul(draws.into()), 1)?;
    let rates: Vec<f64> = model.rates_as();
    let sampler = fast::of_model(model, seed).map_err(|error| error.to_string())?;
    let (sampler, races) = (Rated(&*sampler, &rates), Walker::new(model));
    let f = |structure: &Structure| loss.of(model, structure) as f64;
    let draws = draws as usize;
    let estimates = Estimates::new(seed, |rng| estimator.gradient(draws, &sampler, &races, f, rng));
    let mut batch: Batch = Batch::new(rates.len(), &[Field::Gradient]);
    match wrong.filter(|wrong| wrong.of().contains(&estimator)) {
        Some(wrong) => Mistaken::new(model, loss, estimator, draws, Some(wrong), seed)
            .map_err(|error| error.to_string())?
            .fill(0, count as usize, &mut batch),
        None => estimates.fill(0, count as usize, &mut batch),
    }
    if let Some((draw, problem)) = batch.malformed().first() {
        return Err(format!("estimate {draw}: {problem}"));
    }
    let rows: Vec<String> = (0..batch.len()).filter_map(|draw| batch.gradient(draw)).map(json_row).collect();
    Ok(format!("{{\"gradient\":{}}}", list(&rows)))
}
