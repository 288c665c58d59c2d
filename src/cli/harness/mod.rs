//! `harness MODEL -- COMMAND`

mod child;
mod exact;
mod suite;

use std::collections::BTreeSet;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::Args;
use gumbel_oracle::model::{Kind, Model};
use recursive_gumbel::check::{Asked, CheckError, Method};
use recursive_gumbel::protocol::VERSION;
use recursive_gumbel::report::Row;
use recursive_gumbel::sample::Field;
use recursive_gumbel::sample::jsonl::{Input, JsonLines};
use recursive_gumbel::statistics::Budget;
use serde_json::{Map, Value, json};

use child::{Child, Fault, items};
use suite::Case;

use super::output::Output;
use super::report::{How, Judgement, quoted};
use super::{Failure, Outcome, named, parse_model, read_text, spinner};

/// Judge a live implementation, in any language: a command that is asked line by line.
///
/// First the glue: it must say who it is, and run a model of one entry. Then what has one right answer: runs on chosen exponentials,
/// log-probabilities, scores and conditional draws of chosen traces. Then its draws, by the checks of `check`. The protocol is in
/// docs/src/protocol.md; `serve` is an implementation that speaks it.
///
/// Exit status: 0 all held, 1 refuted, 2 bad input or usage, 3 underpowered, 4 the implementation did not answer as it should.
#[derive(Args, Debug)]
pub(super) struct Harness {
    /// The model files (JSON); `-` reads standard input.
    #[arg(required_unless_present_any = ["suite", "explain_protocol"], conflicts_with = "suite")]
    models: Vec<PathBuf>,
    /// The command that starts the implementation, after `--`.
    #[arg(required_unless_present = "explain_protocol", last = true)]
    command: Vec<String>,
    /// All structures that it offers, on some 40 models, with 60000 draws each; they catch a departure of 0.1, so --departure is no less.
    #[arg(long)]
    suite: bool,
    /// Of the suite a model or two of each structure, with 8000 draws each; they catch a departure of 0.5.
    #[arg(long)]
    quick: bool,
    /// Print the protocol, with an example of each request and answer, and nothing else.
    #[arg(long)]
    explain_protocol: bool,
    /// So many draws on each model [default: 100000, of the suite as told there].
    #[arg(long, value_name = "N")]
    budget: Option<u64>,
    /// The seed of what it is asked.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The longest that an answer may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    timeout: f64,
    #[command(flatten)]
    how: How,
}

/// The chapter of the book, in which a test compares what is asked and answered.
const PROTOCOL: &str = include_str!("../../../docs/src/protocol.md");

/// What the implementation says that it has.
#[derive(Debug)]
struct Offer {
    name: String,
    structures: BTreeSet<String>,
    ops: BTreeSet<String>,
    fields: Vec<Field>,
    /// Whether it computes in single precision.
    single: bool,
}

impl Offer {
    fn has(&self, op: &str) -> bool {
        self.ops.contains(op)
    }

    /// The number that the implementation can hold.
    fn round(&self, value: f64) -> f64 {
        if self.single { f64::from(value as f32) } else { value }
    }

    /// From the answer to `hello`.
    fn ask(child: &mut Child) -> Result<Self, Fault> {
        let mut said = child.need(&json!({"op": "hello", "protocol": VERSION}))?;
        let words = |child: &Child, said: &mut Map<String, Value>, field: &str| {
            let list = match said.remove(field) {
                Some(Value::Array(list)) => list,
                _ => return Err(child.fault(format!("gave no list `{field}`"))),
            };
            let word = |value: Value| match value {
                Value::String(word) => Ok(word),
                other => Err(child.fault(format!("gave {other} in `{field}`: want texts"))),
            };
            list.into_iter().map(word).collect::<Result<BTreeSet<String>, Fault>>()
        };
        let text = |child: &Child, said: &Map<String, Value>, field: &str| {
            let text = said.get(field).and_then(Value::as_str).map(ToOwned::to_owned);
            text.ok_or_else(|| child.fault(format!("gave no text `{field}`")))
        };
        let name = format!("{} {}", text(child, &said, "name")?, text(child, &said, "version")?);
        let single = match text(child, &said, "dtype")?.as_str() {
            "f64" => false,
            "f32" => true,
            other => return Err(child.fault(format!("gave the dtype {other:?}: want f32 or f64"))),
        };
        let ops = words(child, &mut said, "ops")?;
        let named = if ops.contains("sample") { words(child, &mut said, "fields")? } else { BTreeSet::new() };
        let known = Field::DRAWN.map(Field::name);
        if let Some(other) = named.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(child.fault(format!("gave the field {other:?}: want some of {}", known.join(", "))));
        }
        let fields = Field::DRAWN.into_iter().filter(|field| named.contains(field.name())).collect();
        Ok(Self { name, structures: words(child, &mut said, "structures")?, ops, fields, single })
    }
}

/// Draws in one request, and fewer of large models: the answer must come in time from a slow implementation.
const AT_ONCE: usize = 1000;
const ENTRIES_AT_ONCE: usize = 10_000;

/// Draws as the lines of a samples file.
struct Lines {
    child: Arc<Mutex<Child>>,
    fault: Arc<Mutex<Option<Fault>>>,
    fields: Vec<Field>,
    left: u64,
    /// In one request.
    at_once: u64,
    seed: u64,
    lines: Cursor<Vec<u8>>,
}

impl Lines {
    fn more(&mut self) -> Result<(), Fault> {
        let count = self.left.min(self.at_once);
        let names: Vec<&str> = self.fields.iter().map(|field| field.name()).collect();
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let mut answer =
            child.need(&json!({"op": "sample", "count": count, "seed": self.seed, "fields": names}))?;
        let mut draws = vec![Map::new(); count as usize];
        for name in names {
            let column = items(&child, &mut answer, name, count as usize)?;
            for (draw, value) in draws.iter_mut().zip(column) {
                draw.insert(name.to_owned(), value);
            }
        }
        let lines: String = draws.into_iter().map(|draw| format!("{}\n", Value::Object(draw))).collect();
        self.lines = Cursor::new(lines.into_bytes());
        (self.left, self.seed) = (self.left - count, self.seed + 1);
        Ok(())
    }
}

impl Read for Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.lines.read(buffer)?;
        if read > 0 || self.left == 0 {
            return Ok(read);
        }
        if let Err(fault) = self.more() {
            let said = io::Error::other(fault.to_string());
            *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
            return Err(said);
        }
        self.lines.read(buffer)
    }
}

/// A model of one entry of a structure, in which there is one trace only.
fn smallest(kind: Kind) -> Value {
    let name = kind.name();
    match name {
        "spanning_tree" => json!({"structure": name, "vertices": 2, "edges": [[0, 1, 1]]}),
        "arborescence" => json!({"structure": name, "vertices": 2, "root": 0, "edges": [[0, 1, 1]]}),
        "matching" => json!({"structure": name, "rates": [[1]]}),
        "top_k" => json!({"structure": name, "k": 1, "rates": [1]}),
        _ => json!({"structure": name, "rates": [1]}),
    }
}

/// Tells the child the model.
fn tell(child: &mut Child, model: &Model, file: &str) -> Result<(), Fault> {
    let rates: Vec<f64> = model.rates_as();
    let logit = |rate: &f64| if *rate > 0.0 { json!(-libm::log(*rate)) } else { Value::Null };
    let logits: Vec<Value> = rates.iter().map(logit).collect();
    // The file as it is, but on one line: its numbers are exact.
    let file = file.replace(['\n', '\r'], " ");
    let (rates, logits) = (json!(rates), Value::from(logits));
    let request = format!(r#"{{"op":"model","model":{file},"rates":{rates},"logits":{logits}}}"#);
    child.need_text(&request).map(|_| ())
}

/// What is judged, and how.
struct Dialogue {
    child: Arc<Mutex<Child>>,
    offer: Offer,
    seed: u64,
    /// Draws on each model.
    draws: u64,
    departure: f64,
}

impl Dialogue {
    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fields of the draws; none if they are not asked for, or have nothing that can be judged.
    fn fields(&self) -> &[Field] {
        let fields = &self.offer.fields;
        let enough = fields.contains(&Field::Structure) || fields.contains(&Field::Trace);
        if self.offer.has("sample") && enough && self.draws > 0 { fields } else { &[] }
    }

    fn method(&self, model: &Model, alpha: f64) -> Option<Method> {
        let fields = self.fields();
        (!fields.is_empty()).then(|| Method::of(model, fields, None, alpha))
    }

    /// How many statistical tests are held on this model.
    fn tests(&self, model: &Model, alpha: f64) -> usize {
        self.method(model, alpha).map_or(0, |method| method.tests(model, self.fields(), None))
    }

    /// Everything on one model.
    fn judge(&self, case: &Case, budget: &Budget, drawn: impl Fn(u64) + Sync) -> Result<Vec<Row>, Failure> {
        let Case { name, model, file } = case;
        let mut child = self.child();
        tell(&mut child, model, file).map_err(Failure::fault)?;
        let mut rows = exact::judge(&mut child, model, &self.offer, self.seed).map_err(Failure::fault)?;
        drop(child);
        for row in &mut rows {
            (row.structure, row.model) = (model.kind().name(), name.clone());
        }
        let Some(method) = self.method(model, budget.alpha()) else { return Ok(rows) };
        let fault = Arc::new(Mutex::new(None));
        let lines = Lines {
            child: Arc::clone(&self.child),
            fault: Arc::clone(&fault),
            fields: self.fields().to_vec(),
            left: self.draws,
            at_once: (ENTRIES_AT_ONCE / model.entries().len().max(1)).clamp(1, AT_ONCE) as u64,
            seed: self.seed,
            lines: Cursor::default(),
        };
        let why = |error: &dyn std::fmt::Display| {
            let fault = fault.lock().unwrap_or_else(PoisonError::into_inner).take();
            Failure::fault(
                fault.unwrap_or_else(|| self.child().fault(format!("gave draws that are none: {error}"))),
            )
        };
        let input = Input { name: "its draws".to_owned(), read: Box::new(lines) };
        let mut source = JsonLines::new(model, vec![input]).map_err(|error| why(&error))?;
        let asked = Asked::only(self.departure);
        let judged = method.judge(name, model, &mut source, &asked, budget, drawn);
        rows.extend(judged.map_err(|error| match error {
            CheckError::Source(error) => why(&error),
            ours => Failure::input(ours),
        })?);
        Ok(rows)
    }

    /// A model with one trace: whatever is wrong here is wrong with the glue.
    fn smoke(&self, kind: Kind) -> Result<(), Fault> {
        let file = smallest(kind).to_string();
        let Ok(one) = Model::parse(&file) else { return Ok(()) };
        let mut child = self.child();
        tell(&mut child, &one, &file)?;
        let Some(only) = one.traces().next() else { return Ok(()) };
        if self.offer.has("run") {
            let mut answer = child.need(&json!({"op": "run", "exponentials": [[1.5]]}))?;
            let want =
                [("structure", one.canonical(&only.structure)), ("trace", one.canonical_trace(&only.trace))];
            for (field, want) in want {
                let found = items(&child, &mut answer, field, 1)?;
                if serde_json::from_str::<Value>(&want).ok().as_ref() != found.first() {
                    let found = found.first().map(ToString::to_string).unwrap_or_default();
                    return Err(child.fault(format!("gave the {field} {found} where only {want} can be")));
                }
            }
        }
        Ok(())
    }
}

/// Draws on each model unless told otherwise, and the departure that they catch everywhere: of a named model, of the suite, of its quick part.
const NAMED: (u64, f64) = (100_000, 0.0);
const SUITE: (u64, f64) = (60_000, 0.1);
const QUICK: (u64, f64) = (8_000, 0.5);

impl Harness {
    pub(super) fn run(mut self) -> Result<Outcome, Failure> {
        if self.explain_protocol {
            let mut out = Output::open(None)?;
            out.write(|out| out.write_all(PROTOCOL.as_bytes()))?;
            out.finish()?;
            return Ok(Outcome::Held);
        }
        let seconds = self.timeout;
        if !(seconds > 0.0 && seconds < 1e6) {
            return Err(Failure::input(format!("--timeout {seconds}: want a number of seconds")));
        }
        if self.quick && !self.suite {
            return Err(Failure::input(
                "--quick is a part of the suite: want --suite --quick, and no models",
            ));
        }
        let outputs = self.how.outputs()?;
        let mut named_models = Vec::new();
        for path in &self.models {
            let file = read_text(path)?;
            let model = parse_model(path, &file)?;
            let name = if self.models.len() == 1 { String::new() } else { named(path) };
            named_models.push(Case { name, model, file });
        }
        let (draws, departure) = match (self.suite, self.quick) {
            (_, true) => QUICK,
            (true, false) => SUITE,
            (false, false) => NAMED,
        };
        self.how.departure = self.how.departure.max(departure);
        let draws = self.budget.unwrap_or(draws);
        let waiting = spinner("asking".to_owned(), self.how.quiet);
        let mut child =
            Child::start(&self.command, Duration::from_secs_f64(seconds)).map_err(Failure::fault)?;
        let offer = Offer::ask(&mut child).map_err(Failure::fault)?;
        let offers = |name: &str| offer.structures.contains(name);
        let cases = if self.suite { suite::cases(offers, self.quick) } else { named_models };
        let missing = cases.iter().map(|case| case.model.kind().name()).find(|name| !offers(name));
        if missing.is_some() || cases.is_empty() {
            let offered: Vec<&str> = offer.structures.iter().map(String::as_str).collect();
            let missing = missing.unwrap_or("any structure that is known here");
            return Err(Failure::fault(
                child.fault(format!("does not offer {missing}, only {}", offered.join(", "))),
            ));
        }
        let dialogue = Dialogue {
            child: Arc::new(Mutex::new(child)),
            offer,
            seed: self.seed,
            draws,
            departure: self.how.departure,
        };
        let kinds: BTreeSet<&str> = cases.iter().map(|case| case.model.kind().name()).collect();
        for kind in Kind::ALL.into_iter().filter(|kind| kinds.contains(kind.name())) {
            dialogue.smoke(kind).map_err(Failure::fault)?;
        }
        let tests: usize = cases.iter().map(|case| dialogue.tests(&case.model, self.how.alpha)).sum();
        let budget = Budget::new(self.how.alpha, tests.max(1)).map_err(Failure::input)?;
        let mut rows = Vec::new();
        for case in &cases {
            waiting.set_message(format!("{} {}", case.model.kind().name(), case.name));
            rows.extend(dialogue.judge(case, &budget, |drawn| waiting.inc(drawn))?);
        }
        waiting.finish_and_clear();
        dialogue.child().stop().map_err(Failure::fault)?;
        let command: Vec<String> = self.command.iter().map(|word| quoted(word)).collect();
        let structures: Vec<&str> = kinds.into_iter().collect();
        let of = match &cases[..] {
            [_] => structures.join(", "),
            _ => format!("{} models", cases.len()),
        };
        let judgement = Judgement {
            rows: &rows,
            budget: &budget,
            departure: self.how.departure,
            subject: format!("{} of {of}, by {}", dialogue.offer.name, command.join(" ")),
            facts: vec![
                ("structures", structures.into()),
                ("implementation", dialogue.offer.name.clone().into()),
                ("command", self.command.clone().into()),
                ("draws", draws.into()),
                ("seed", self.seed.into()),
            ],
            again: self.again(draws, &command.join(" ")),
            all: true,
        };
        self.how.write(outputs, &judgement, "harness")
    }

    /// The command that repeats the judgement.
    fn again(&self, draws: u64, command: &str) -> String {
        let mut again = "recursive-gumbel harness".to_owned();
        for path in &self.models {
            again.push_str(&format!(" {}", quoted(&path.display().to_string())));
        }
        for (is, option) in [(self.suite, " --suite"), (self.quick, " --quick")] {
            again.push_str(if is { option } else { "" });
        }
        let (seed, how) = (self.seed, self.how.again());
        again.push_str(&format!(" --budget {draws} --seed {seed} {how} -- {command}"));
        again
    }
}
