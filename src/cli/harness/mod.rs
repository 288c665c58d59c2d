//! `harness MODEL -- COMMAND`

mod child;
mod conventions;
mod exact;
mod gradient;
mod live;
mod process;
mod recording;
mod shrink;
mod suite;
pub(super) mod vectors;

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use clap::Args;
use gumbel_oracle::model::{Kind, Model};
use recursive_gumbel::check::{Asked, CheckError, Method};
use recursive_gumbel::protocol::VERSION;
use recursive_gumbel::report::{Row, findings};
use recursive_gumbel::sample::{Field, SourceError};
use recursive_gumbel::statistics::Budget;
use serde_json::{Map, Value, json};

use child::{Answer, Child, Fault, Talk, items};
use conventions::{Conventions, Entries};
use live::{Live, Most};
use process::Process;
use recording::{FORMAT, Head, Recorder, Recording, Replay};
use shrink::Smaller;
use suite::Case;

use super::output::Output;
use super::report::{How, Judgement, quoted};
use super::{Failure, Outcome, named, parse_model, read_text, spinner};

/// Judge a live implementation, in any language: a command that is asked line by line.
///
/// First the glue: it must say who it is, run a model of one entry, and answer all that it offers in the right form. Then what has one right answer: runs on chosen exponentials,
/// log-probabilities, scores and conditional draws of chosen traces. Then its draws, batch after batch, until something is refuted or
/// the departure would have been; and last the mean of its estimates of a gradient. The protocol is in
/// docs/src/protocol.md; `serve` is an implementation that speaks it.
///
/// Exit status: 0 all held, 1 refuted, 2 bad input or usage, 3 underpowered, 4 the implementation did not answer as it should.
#[derive(Args, Debug)]
pub(super) struct Harness {
    /// The model files (JSON); `-` reads standard input.
    #[arg(required_unless_present_any = ["suite", "explain_protocol", "replay"], conflicts_with = "suite")]
    models: Vec<PathBuf>,
    /// The command that starts the implementation, after `--`.
    #[arg(required_unless_present_any = ["explain_protocol", "replay"], last = true)]
    command: Vec<String>,
    /// All structures that it offers, on some 40 models; --departure is no less than 0.1.
    #[arg(long)]
    suite: bool,
    /// Of the suite a model or two of each structure; --departure is no less than 0.5.
    #[arg(long)]
    quick: bool,
    /// Print the protocol, with an example of each request and answer, and nothing else.
    #[arg(long)]
    explain_protocol: bool,
    /// The most draws on each model, or seconds: `20000`, `30s`. Fewer are made if something is refuted, or when they would have shown
    /// the departure [default: 1000000, of the suite 200000].
    #[arg(long, value_name = "N|SECONDS")]
    budget: Option<Most>,
    /// If something is refuted, look for the smallest model on which it is: going down, part by part, to rates of 1.
    #[arg(long)]
    shrink: bool,
    /// Keep the whole dialogue in this file, which appears when it is over.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Judge such a dialogue again, without the implementation: to the same report.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["models", "command", "suite", "quick", "shrink", "budget", "seed", "timeout", "record", "jobs", "alpha", "departure"]
    )]
    replay: Option<PathBuf>,
    /// The seed of what it is asked.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// So many implementations at once, each with models of its own: to the same report.
    #[arg(long, value_name = "N", default_value = "1", conflicts_with = "record")]
    jobs: NonZeroUsize,
    /// The longest that an answer may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    timeout: f64,
    #[command(flatten)]
    how: How,
}

/// The chapter of the book, in which a test compares what is asked and answered.
const PROTOCOL: &str = include_str!("../../../docs/src/protocol.md");

/// What the implementation says that it has.
#[derive(Debug, Clone, PartialEq)]
struct Offer {
    name: String,
    structures: BTreeSet<String>,
    ops: BTreeSet<String>,
    fields: Vec<Field>,
    /// Whether it computes in single precision.
    single: bool,
    losses: BTreeSet<String>,
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
        let conventions = Conventions::read(said.remove("conventions"), single);
        let conventions = conventions.map_err(|what| child.fault(what))?;
        let ops = words(child, &mut said, "ops")?;
        let named = if ops.contains("sample") { words(child, &mut said, "fields")? } else { BTreeSet::new() };
        let known = Field::DRAWN.map(Field::name);
        if let Some(other) = named.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(child.fault(format!("gave the field {other:?}: want some of {}", known.join(", "))));
        }
        let fields = Field::DRAWN.into_iter().filter(|field| named.contains(field.name())).collect();
        let structures = words(child, &mut said, "structures")?;
        let batch = said.remove("batch").map(|said| serde_json::from_value(said.clone()).map_err(|_| said));
        let batch = batch.transpose().map_err(|said| {
            child.fault(format!("gave the batch {said}: want how many items it answers at once"))
        })?;
        child.adopt(conventions, batch);
        let losses =
            if ops.contains("gradient") { words(child, &mut said, "loss_names")? } else { BTreeSet::new() };
        Ok(Self { losses, name, structures, ops, fields, single })
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

/// A model of two entries of a structure, or hardly more.
fn tiny(kind: Kind) -> Value {
    let name = kind.name();
    let edges = json!([[0, 1, 1], [0, 2, 2], [1, 2, 3]]);
    match name {
        "spanning_tree" => json!({"structure": name, "vertices": 3, "edges": edges}),
        "arborescence" => json!({"structure": name, "vertices": 3, "root": 0, "edges": edges}),
        "matching" => json!({"structure": name, "rates": [[1, 2], [3, 4]]}),
        "top_k" => json!({"structure": name, "k": 1, "rates": [1, 2]}),
        _ => json!({"structure": name, "rates": [1, 2]}),
    }
}

/// Tells the child the model.
fn tell(child: &mut Child, model: &Model, file: &str) -> Result<(), Fault> {
    let rates: Vec<f64> = model.rates_as();
    let logit = |rate: &f64| if *rate > 0.0 { json!(-libm::log(*rate)) } else { Value::Null };
    let logits: Vec<Value> = rates.iter().map(logit).collect();
    // The file as it is, but on one line: its numbers are exact.
    let file = file.replace(['\n', '\r'], " ");
    let entries = Entries::of(model);
    let told = child.conventions().lay_out(rates.iter().map(|rate| json!(rate)).collect(), &entries);
    let logits = child.conventions().lay_out(logits, &entries);
    let request = format!(r#"{{"op":"model","model":{file},"rates":{told},"logits":{logits}}}"#);
    child.need_text(&request)?;
    child.know(entries);
    Ok(())
}

/// What is judged, and how.
struct Dialogue {
    child: Arc<Mutex<Child>>,
    offer: Offer,
    seed: u64,
    /// On each model.
    most: Most,
    departure: f64,
    /// The false-alarm probability of the whole report.
    alpha: f64,
}

impl Dialogue {
    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fields of the draws; none if they are not asked for, or have nothing that can be judged.
    fn fields(&self) -> &[Field] {
        let fields = &self.offer.fields;
        let enough = fields.contains(&Field::Structure) || fields.contains(&Field::Trace);
        if self.offer.has("sample") && enough && !self.most.is_none() { fields } else { &[] }
    }

    fn asked(&self) -> Asked<'static> {
        Asked::until(self.departure)
    }

    fn method(&self, model: &Model) -> Option<Method> {
        let fields = self.fields();
        (!fields.is_empty()).then(|| Method::of(model, fields, &self.asked(), self.alpha))
    }

    /// How many statistical tests are held on this model.
    fn tests(&self, model: &Model) -> usize {
        let of_draws =
            self.method(model).map_or(0, |method| method.tests(model, self.fields(), &self.asked()));
        of_draws + gradient::tests(self, model)
    }

    /// Everything on one model. What was judged before a fault is there as well.
    fn judge(
        &self,
        case: &Case,
        budget: &Budget,
        drawn: impl Fn(u64) + Sync,
        rows: &mut Vec<Row>,
    ) -> Result<(), Failure> {
        let Case { name, model, file } = case;
        let mut child = self.child();
        tell(&mut child, model, file).map_err(failed)?;
        let exact = exact::judge(&mut child, model, &self.offer, self.seed).map_err(failed)?;
        drop(child);
        rows.extend(exact.into_iter().map(|row| Row {
            structure: model.kind().name(),
            model: name.clone(),
            ..row
        }));
        if let Some(method) = self.method(model) {
            let live =
                |fault: &_| Live::draws(model, &self.child, self.fields(), self.most, self.seed, fault);
            let judged =
                self.live(live, |live| method.judge(name, model, live, &self.asked(), budget, &drawn))?;
            rows.extend(judged.unwrap_or_else(|reason| {
                let row = exact::skipped("draws", &reason);
                vec![Row { structure: model.kind().name(), model: name.clone(), ..row }]
            }));
        }
        let estimates = gradient::judge(self, model, budget, drawn)?;
        rows.extend(estimates.into_iter().map(|row| Row {
            structure: model.kind().name(),
            model: name.clone(),
            ..row
        }));
        Ok(())
    }

    /// Judges what is asked for as it is needed; or says why there is nothing.
    fn live<'m>(
        &self,
        ask: impl FnOnce(&Arc<Mutex<Option<Fault>>>) -> Result<Result<Live<'m>, String>, SourceError>,
        judge: impl FnOnce(&mut Live<'m>) -> Result<Vec<Row>, CheckError>,
    ) -> Result<Result<Vec<Row>, String>, Failure> {
        let fault = Arc::new(Mutex::new(None));
        let why = |error: &dyn std::fmt::Display| {
            let fault = fault.lock().unwrap_or_else(PoisonError::into_inner).take();
            failed(fault.unwrap_or_else(|| self.child().fault(format!("gave draws that are none: {error}"))))
        };
        let mut live = match ask(&fault).map_err(|error| why(&error))? {
            Ok(live) => live,
            Err(reason) => return Ok(Err(reason)),
        };
        let judged = judge(&mut live).map_err(|error| match error {
            CheckError::Source(error) => why(&error),
            ours => Failure::input(ours),
        })?;
        Ok(Ok(judged))
    }

    /// Everything that it offers once, before anything is said of it: a form that is wrong is wrong with the glue.
    fn smoke(&self, kind: Kind) -> Result<(), Fault> {
        self.smoke_one(kind)?;
        let file = tiny(kind).to_string();
        let Ok(tiny) = Model::parse(&file) else { return Ok(()) };
        let mut child = self.child();
        tell(&mut child, &tiny, &file)?;
        exact::judge(&mut child, &tiny, &self.offer, self.seed)?; // only whether it can be read
        let fields = self.fields();
        if !fields.is_empty() {
            let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
            let request = json!({"op": "sample", "fields": names, "count": 2, "seed": self.seed});
            if let Answer::Ok(answer) = child.ask(&request)? {
                live::lines(&child, answer, &names, 2).and_then(|lines| {
                    let read = exact::read(&tiny, lines);
                    read.map_err(|problem| child.fault(format!("gave draws that are none: {problem}")))
                })?;
            }
        }
        Ok(())
    }

    /// A model with one trace, which everyone returns.
    fn smoke_one(&self, kind: Kind) -> Result<(), Fault> {
        let file = smallest(kind).to_string();
        let Ok(one) = Model::parse(&file) else { return Ok(()) };
        let mut child = self.child();
        tell(&mut child, &one, &file)?;
        let Some(only) = one.traces().next() else { return Ok(()) };
        if self.offer.has("run") {
            let row = child.lay_out(vec![child.conventions().tell(1.5)]);
            let mut answer = child.need(&json!({"op": "run", "exponentials": [row]}))?;
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

/// The most draws on each model unless told otherwise, and the least departure: of a named model, of the suite, of its quick part.
const NAMED: (u64, f64) = (1_000_000, 0.0);
const SUITE: (u64, f64) = (200_000, 0.1);
const QUICK: (u64, f64) = (200_000, 0.5);

/// What came of a dialogue.
struct Judged {
    /// Name and version.
    implementation: String,
    structures: Vec<&'static str>,
    /// How many models.
    cases: usize,
    rows: Vec<Row>,
    budget: Budget,
    /// If one was looked for.
    smaller: Option<Smaller>,
}

/// The implementation, or the recording, is at fault.
fn failed(fault: Fault) -> Failure {
    if fault.is_of_recording() { Failure::input(fault) } else { Failure::fault(fault) }
}

/// What came of one model; `done` is none if it was not begun.
#[derive(Default)]
struct OfModel {
    rows: Vec<Row>,
    done: Option<Result<(), Failure>>,
}

/// Judges all models, on as many implementations as there are; the rows in the order of the models. A fault says what was judged before it.
fn judge_all(
    dialogues: &[Dialogue],
    cases: &[Case],
    budget: &Budget,
    waiting: &indicatif::ProgressBar,
) -> Result<Vec<Row>, Failure> {
    let (next, fault) = (AtomicUsize::new(0), AtomicBool::new(false));
    let judged: Vec<Mutex<OfModel>> = cases.iter().map(|_| Mutex::default()).collect();
    let work = |dialogue: &Dialogue| {
        while !fault.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(number) else { break };
            waiting.set_message(format!("{} {}", case.model.kind().name(), case.name));
            let mut rows = Vec::new();
            let done = dialogue.judge(case, budget, |drawn| waiting.inc(drawn), &mut rows);
            fault.fetch_or(done.is_err(), Ordering::Relaxed);
            *judged[number].lock().unwrap_or_else(PoisonError::into_inner) =
                OfModel { rows, done: Some(done) };
        }
    };
    match dialogues {
        [one] => work(one),
        several => thread::scope(|scope| {
            several.iter().for_each(|dialogue| {
                scope.spawn(|| work(dialogue));
            });
        }),
    }
    let (mut rows, mut models, mut first) = (Vec::new(), 0, None);
    for judged in judged {
        let OfModel { rows: of_model, done } = judged.into_inner().unwrap_or_else(PoisonError::into_inner);
        rows.extend(of_model);
        match done {
            Some(Ok(())) => models += 1,
            Some(Err(failure)) => first = first.or(Some(failure)),
            None => {}
        }
    }
    match first {
        None => Ok(rows),
        Some(Failure::Fault(what)) => Err(Failure::Fault(what + &before(&rows, models, cases.len()))),
        Some(ours) => Err(ours),
    }
}

/// What was judged before a fault.
fn before(rows: &[Row], models: usize, of: usize) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let so_far = format!("\njudged before it: {} checks, {models} of {of} models to the end", rows.len());
    match findings(rows).first() {
        None => so_far + "; nothing was refuted",
        Some(first) => format!("{so_far}; REFUTED: {}: {}", first.subject, first.note),
    }
}

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
        let replay = self.replay.take().map(|path| Replay::open(&path)).transpose()?;
        let (replay, files) = match replay {
            Some((replay, head)) => (Some(replay), self.go_back_to(head)?),
            None => (None, self.models.iter().map(|path| read_text(path)).collect::<Result<_, _>>()?),
        };
        let named_models = self.named_models(files)?;
        let (draws, departure) = match (self.suite, self.quick) {
            (_, true) => QUICK,
            (true, false) => SUITE,
            (false, false) => NAMED,
        };
        self.how.departure = self.how.departure.max(departure);
        let most = self.budget.unwrap_or(Most::Draws(draws));
        let outputs = self.how.outputs()?;
        let head = self.head(&named_models);
        let mut talk: Box<dyn Talk> = match replay {
            Some(replay) => Box::new(replay),
            None => Box::new(self.start().map_err(failed)?),
        };
        let mut recording: Option<Recording> = None;
        if let Some(path) = &self.record {
            let (recorder, of) = Recorder::new(talk, path, &head)?;
            (talk, recording) = (Box::new(recorder), Some(of));
        }
        let child = Arc::new(Mutex::new(Child::new(talk)));
        let judged = self.judge(&child, named_models, most);
        if let (Some(recording), Ok(_) | Err(Failure::Fault(_))) = (recording, &judged) {
            let tail = child.lock().unwrap_or_else(PoisonError::into_inner).tail();
            recording.finish(&tail)?;
        }
        let Judged { implementation, structures, cases, rows, budget, smaller } = judged?;
        let command: Vec<String> = self.command.iter().map(|word| quoted(word)).collect();
        let command = command.join(" ");
        let options = self.options(most, &command);
        let after = smaller.as_ref().map_or_else(String::new, |smaller| smaller.told(&options));
        let of = if cases == 1 { structures.join(", ") } else { format!("{cases} models") };
        let judgement = Judgement {
            rows: &rows,
            budget: &budget,
            departure: self.how.departure,
            subject: format!("{implementation} of {of}, by {command}"),
            facts: [
                ("structures", structures.into()),
                ("implementation", implementation.into()),
                ("command", self.command.clone().into()),
                ("budget", most.to_string().into()),
                ("seed", self.seed.into()),
            ]
            .into_iter()
            .chain(smaller.map(|smaller| ("smaller", smaller.fact(&options))))
            .collect(),
            again: self.again(&options),
            after,
            all: true,
        };
        self.how.write(outputs, &judgement, "harness")
    }

    /// Starts the implementation.
    fn start(&self) -> Result<Process, Fault> {
        Process::start(&self.command, Duration::from_secs_f64(self.timeout)).map_err(Fault::of_command)
    }

    /// The named models, from the texts of their files.
    fn named_models(&self, files: Vec<String>) -> Result<Vec<Case>, Failure> {
        let case = |(path, file): (&PathBuf, String)| {
            let name = if self.models.len() == 1 { String::new() } else { named(path) };
            Ok(Case { name, model: parse_model(path, &file)?, file })
        };
        self.models.iter().zip(files).map(case).collect()
    }

    /// What is written down of what is judged, and how.
    fn head(&self, models: &[Case]) -> Head {
        Head {
            recording: FORMAT,
            command: self.command.clone(),
            suite: self.suite,
            quick: self.quick,
            shrink: self.shrink,
            budget: self.budget.map(|most| most.to_string()),
            seed: self.seed,
            alpha: self.how.alpha,
            departure: self.how.departure,
            models: self.models.iter().cloned().zip(models.iter().map(|case| case.file.clone())).collect(),
        }
    }

    /// Takes over what was judged then, and how. Returns the texts of the models' files.
    fn go_back_to(&mut self, head: Head) -> Result<Vec<String>, Failure> {
        let budget = head.budget.map(|budget| budget.parse::<Most>().map_err(Failure::input));
        self.budget = budget.transpose()?;
        (self.command, self.seed) = (head.command, head.seed);
        (self.suite, self.quick, self.shrink) = (head.suite, head.quick, head.shrink);
        (self.how.alpha, self.how.departure) = (head.alpha, head.departure);
        let files;
        (self.models, files) = head.models.into_iter().unzip();
        Ok(files)
    }

    /// Holds the whole dialogue.
    fn judge(
        &self,
        child: &Arc<Mutex<Child>>,
        named_models: Vec<Case>,
        most: Most,
    ) -> Result<Judged, Failure> {
        let waiting = spinner("asking".to_owned(), self.how.quiet);
        if let Ok(style) = indicatif::ProgressStyle::with_template("{spinner} {msg}: {pos} draws, {per_sec}")
        {
            waiting.set_style(style);
        }
        let locked = || child.lock().unwrap_or_else(PoisonError::into_inner);
        let offer = Offer::ask(&mut locked()).map_err(failed)?;
        let offers = |name: &str| offer.structures.contains(name);
        let cases = if self.suite { suite::cases(offers, self.quick) } else { named_models };
        let missing = cases.iter().map(|case| case.model.kind().name()).find(|name| !offers(name));
        if missing.is_some() || cases.is_empty() {
            let offered: Vec<&str> = offer.structures.iter().map(String::as_str).collect();
            let missing = missing.unwrap_or("any structure that is known here");
            let what = format!("does not offer {missing}, only {}", offered.join(", "));
            return Err(failed(locked().fault(what)));
        }
        let dialogue = |child: Arc<Mutex<Child>>, offer: Offer| Dialogue {
            child,
            offer,
            seed: self.seed,
            most,
            departure: self.how.departure,
            alpha: self.how.alpha,
        };
        let mut dialogues = vec![dialogue(Arc::clone(child), offer)];
        for _ in 1..self.jobs.get().min(cases.len()) {
            let mut child = Child::new(Box::new(self.start().map_err(failed)?));
            let offer = Offer::ask(&mut child).map_err(failed)?;
            if offer != dialogues[0].offer {
                return Err(failed(child.fault("says something else of itself each time it is started")));
            }
            dialogues.push(dialogue(Arc::new(Mutex::new(child)), offer));
        }
        let first = &dialogues[0];
        let kinds: BTreeSet<&str> = cases.iter().map(|case| case.model.kind().name()).collect();
        for kind in Kind::ALL.into_iter().filter(|kind| kinds.contains(kind.name())) {
            first.smoke(kind).map_err(failed)?;
        }
        let tests: usize = cases.iter().map(|case| first.tests(&case.model)).sum();
        let budget = Budget::new(self.how.alpha, tests.max(1)).map_err(Failure::input)?;
        let rows = judge_all(&dialogues, &cases, &budget, &waiting)?;
        let smaller = if self.shrink { self.smaller(first, &cases, &rows)? } else { None };
        waiting.finish_and_clear();
        let ended = smaller.as_ref().is_some_and(|smaller| smaller.ended.is_some());
        for dialogue in dialogues.iter().skip(usize::from(ended)) {
            dialogue.child().stop().map_err(failed)?;
        }
        Ok(Judged {
            implementation: first.offer.name.clone(),
            structures: kinds.into_iter().collect(),
            cases: cases.len(),
            rows,
            budget,
            smaller,
        })
    }

    /// Goes down from the first model on which something was refuted; none if nothing was.
    fn smaller(&self, dialogue: &Dialogue, cases: &[Case], rows: &[Row]) -> Result<Option<Smaller>, Failure> {
        let Some(refuted) = findings(rows).into_iter().next() else { return Ok(None) };
        let of = |case: &&Case| (&case.name, case.model.kind().name()) == (&refuted.model, refuted.structure);
        let Some(case) = cases.iter().find(of) else { return Ok(None) };
        // Where one request shows it, no draws are needed.
        let most = if refuted.check.contains("given") { Most::Draws(0) } else { dialogue.most };
        let dialogue =
            Dialogue { child: Arc::clone(&dialogue.child), offer: dialogue.offer.clone(), most, ..*dialogue };
        let shrunk = shrink::shrink(&case.model, |model, file| {
            let case = Case { name: String::new(), model, file: file.to_owned() };
            let tests = dialogue.tests(&case.model);
            let budget = Budget::new(self.how.alpha, tests.max(1)).map_err(Failure::input)?;
            let mut rows = Vec::new();
            dialogue.judge(&case, &budget, |_| (), &mut rows)?;
            let same = |row: &&Row| row.subject == refuted.subject;
            let found = findings(&rows).into_iter().find(same);
            Ok(found.map(|row| format!("{}: {}", row.subject, row.note)))
        });
        let ended = match shrunk.ended {
            Some(Failure::Fault(what)) => Some(what),
            Some(ours) => return Err(ours),
            None => None,
        };
        Ok(Some(Smaller { tried: shrunk.tried, found: shrunk.smallest, ended }))
    }

    /// The command that repeats the judgement.
    fn again(&self, options: &str) -> String {
        let mut again = "recursive-gumbel harness".to_owned();
        for path in &self.models {
            again.push_str(&format!(" {}", quoted(&path.display().to_string())));
        }
        for (is, option) in [(self.suite, " --suite"), (self.quick, " --quick"), (self.shrink, " --shrink")] {
            again.push_str(if is { option } else { "" });
        }
        again + options
    }

    /// What comes after the models in it.
    fn options(&self, most: Most, command: &str) -> String {
        format!(" --budget {most} --seed {} {} -- {command}", self.seed, self.how.again())
    }
}
