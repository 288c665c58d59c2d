//! `vectors run -- COMMAND`: golden vectors, case by case, to an implementation.

use std::time::Duration;

use gumbel_oracle::model::Model;
use recursive_gumbel::vectors::{self, Operation};
use serde_json::{Map, Value, json};

use super::child::{Child, Fault};
use super::exact::{self, Close};
use super::process::Process;
use super::{Failure, Offer, failed, tell};

/// What came of a case.
pub(in crate::cli) struct Answered {
    pub(in crate::cli) file: String,
    pub(in crate::cli) id: String,
    pub(in crate::cli) verdict: Verdict,
}

pub(in crate::cli) enum Verdict {
    Held,
    /// What it said, and what is right.
    Refuted(String),
    /// Why it was not asked.
    NotAsked(String),
}

/// A file of vectors.
pub(in crate::cli) struct File {
    pub(in crate::cli) name: String,
    pub(in crate::cli) operation: Operation,
    /// The name of the structure.
    pub(in crate::cli) structure: &'static str,
    pub(in crate::cli) value: Value,
}

/// Asks everything of an implementation. Returns its name, and what came of each case.
pub(in crate::cli) fn run(
    command: &[String],
    timeout: f64,
    without: &[String],
    files: &[File],
    mut done: impl FnMut(),
) -> Result<(String, Vec<Answered>), Failure> {
    let process = Process::start(command, Duration::from_secs_f64(timeout));
    let mut child = Child::new(Box::new(process.map_err(|what| failed(Fault::of_command(what)))?));
    let offer = Offer::ask(&mut child).map_err(failed)?;
    let mut all = Vec::new();
    for file in files {
        for group in file.value.get("groups").and_then(Value::as_array).into_iter().flatten() {
            let group = Group { file, group, offer: &offer, without };
            all.extend(group.ask(&mut child)?);
        }
        done();
    }
    child.stop().map_err(failed)?;
    Ok((offer.name, all))
}

struct Group<'a> {
    file: &'a File,
    group: &'a Value,
    offer: &'a Offer,
    without: &'a [String],
}

/// The items of a case that are asked for at once.
type Case<'a> = (&'a str, &'a Map<String, Value>, &'a Map<String, Value>);

impl Group<'_> {
    fn answered(&self, id: &str, verdict: Verdict) -> Answered {
        Answered { file: self.file.name.clone(), id: id.to_owned(), verdict }
    }

    fn flags(of: &Value) -> impl Iterator<Item = &str> {
        of.get("flags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// Why a case is not asked.
    fn not_asked(&self, case: &Value) -> Option<String> {
        let wanted: &[&str] = match self.file.operation {
            Operation::Run => &["run"],
            Operation::Trace => &["log_prob", "score"],
            Operation::Conditional => &["conditional"],
            Operation::Inverse | Operation::Law | Operation::Invalid => {
                return Some("there is no such request".to_owned());
            }
        };
        let flagged = |flag: &str| Self::flags(self.group).chain(Self::flags(case)).any(|of| of == flag);
        if !self.offer.structures.contains(self.file.structure) {
            return Some(format!("it has no {}", self.file.structure));
        }
        if !wanted.iter().any(|op| self.offer.has(op)) {
            return Some(format!("it has no {}", wanted.join(" or ")));
        }
        if self.offer.single && self.file.operation != Operation::Trace && !flagged("f32") {
            return Some("it computes in f32, which does not hold the input".to_owned());
        }
        let left_out = self.without.iter().find(|flag| flagged(flag));
        left_out.map(|flag| format!("--without {flag}"))
    }

    fn ask(&self, child: &mut Child) -> Result<Vec<Answered>, Failure> {
        let (mut all, mut asked): (Vec<Answered>, Vec<Case<'_>>) = (Vec::new(), Vec::new());
        for case in self.group.get("cases").and_then(Value::as_array).into_iter().flatten() {
            let object = |name: &str| case.get(name).and_then(Value::as_object);
            let id = case.get("id").and_then(Value::as_str);
            let (Some(id), Some(input), Some(expected)) = (id, object("input"), object("expected")) else {
                let what = format!("{}: a case without id, input or expected", self.file.name);
                return Err(Failure::input(what));
            };
            match self.not_asked(case) {
                Some(why) => all.push(self.answered(id, Verdict::NotAsked(why))),
                None => asked.push((id, input, expected)),
            }
        }
        if asked.is_empty() {
            return Ok(all);
        }
        let wrong = |what: &dyn std::fmt::Display| Failure::input(format!("{}: {what}", self.file.name));
        let text = self.group.get("model").map(Value::to_string).unwrap_or_default();
        let model = Model::parse(&text).map_err(|error| wrong(&error))?;
        // A file that was changed is no fault of the implementation.
        for (id, input, _) in &asked {
            vectors::answer(&model, self.file.operation, input)
                .map_err(|why| wrong(&format!("{id}: the input: {why}")))?;
        }
        tell(child, &model, &text).map_err(failed)?;
        let told = match self.file.operation {
            Operation::Run => self.runs(child, &model, &asked)?,
            Operation::Trace => self.traces(child, &model, &asked)?,
            _ => self.conditionals(child, &model, &asked)?,
        };
        all.extend(asked.iter().zip(told).map(|((id, ..), verdict)| self.answered(id, verdict)));
        Ok(all)
    }

    fn runs(&self, child: &mut Child, model: &Model, asked: &[Case<'_>]) -> Result<Vec<Verdict>, Failure> {
        let row = |(_, input, _): &Case<'_>| {
            let weights = numbers(input, "exponentials");
            let told = weights.map(|weight| weight.map_or(Value::Null, |e| child.conventions().tell(e)));
            child.lay_out(told.collect())
        };
        let rows: Vec<Value> = asked.iter().map(row).collect();
        let fields = ["structure", "trace"];
        let found = match child.ask_of_each("run", &[("exponentials", &rows)], &fields).map_err(failed)? {
            Ok(found) => found,
            Err(refused) => return skipped(child, refused, asked.len()),
        };
        let verdict = |(number, (.., expected)): (usize, &Case<'_>)| {
            let found = json!({"structure": found[0][number], "trace": found[1][number]});
            let want = json!({"structure": expected.get("structure"), "trace": expected.get("trace")});
            let read = |value: &Value| {
                let batch = exact::read(model, value.to_string())?;
                let problem = batch.malformed().first().map(|(_, problem)| problem.clone());
                let told = (batch.structure(0).cloned(), batch.trace(0).map(<[u32]>::to_vec));
                problem.map_or(Ok(told), Err)
            };
            let differs = match (read(&found), read(&want)) {
                (Ok(found), Ok(want)) => (found != want).then(String::new),
                (Err(problem), _) | (_, Err(problem)) => Some(format!(" ({problem})")),
            };
            match differs {
                None => Verdict::Held,
                Some(why) => Verdict::Refuted(format!("it returns {found}{why}, exactly {want}")),
            }
        };
        Ok(asked.iter().enumerate().map(verdict).collect())
    }

    fn traces(&self, child: &mut Child, model: &Model, asked: &[Case<'_>]) -> Result<Vec<Verdict>, Failure> {
        let traces: Vec<Value> =
            asked.iter().map(|(_, input, _)| input.get("trace").cloned().unwrap_or_default()).collect();
        let mut verdicts: Vec<Verdict> = asked.iter().map(|_| Verdict::Held).collect();
        for op in ["log_prob", "score"].into_iter().filter(|op| self.offer.has(op)) {
            let found = match child.ask_of_each(op, &[("traces", &traces)], &[op]).map_err(failed)? {
                Ok(found) => found.into_iter().flatten(),
                Err(refused) => return skipped(child, refused, asked.len()),
            };
            for ((verdict, found), (_, input, expected)) in verdicts.iter_mut().zip(found).zip(asked) {
                let want: Vec<Option<f64>> = match expected.get(op) {
                    Some(Value::Number(number)) => vec![number.as_f64()],
                    _ => numbers(expected, op).collect(),
                };
                if let (Verdict::Held, Some(what)) =
                    (&*verdict, self.differs(model, input, op, &found, &want))
                {
                    *verdict = Verdict::Refuted(what);
                }
            }
        }
        Ok(verdicts)
    }

    fn conditionals(
        &self,
        child: &mut Child,
        model: &Model,
        asked: &[Case<'_>],
    ) -> Result<Vec<Verdict>, Failure> {
        let traces: Vec<Value> =
            asked.iter().map(|(_, input, _)| input.get("trace").cloned().unwrap_or_default()).collect();
        let row =
            |(_, input, _): &Case<'_>| child.lay_out(numbers(input, "uniforms").map(|u| json!(u)).collect());
        let rows: Vec<Value> = asked.iter().map(row).collect();
        let items = [("traces", &traces[..]), ("uniforms", &rows)];
        match child.ask_of_each("conditional", &items, &["conditional"]).map_err(failed)? {
            Ok(found) => {
                let verdict = |(found, (_, input, expected)): (Value, &Case<'_>)| {
                    let want: Vec<Option<f64>> = numbers(expected, "exponentials").collect();
                    let differs = self.differs(model, input, "conditional", &found, &want);
                    differs.map_or(Verdict::Held, Verdict::Refuted)
                };
                Ok(found.into_iter().flatten().zip(asked).map(verdict).collect())
            }
            // It may draw from seeds only.
            Err(refused) => Ok(asked.iter().map(|_| Verdict::NotAsked(refused.why.clone())).collect()),
        }
    }

    /// What numbers it gave, if they are not near to what is expected; an absent entry may have `null`, or a score of 0.
    fn differs(
        &self,
        model: &Model,
        input: &Map<String, Value>,
        op: &str,
        found: &Value,
        want: &[Option<f64>],
    ) -> Option<String> {
        let close = Close::of(model, self.offer.single);
        let trace = input.get("trace").map(Value::to_string).unwrap_or_default();
        let races = model.parse_trace(&trace).map_or(1, |trace| trace.races().len());
        let row = match found {
            Value::Array(row) => row.clone(),
            number => vec![number.clone()],
        };
        let told = || {
            let want: Vec<String> = want.iter().map(|want| json!(want).to_string()).collect();
            let want = if found.is_array() { format!("[{}]", want.join(",")) } else { want.join("") };
            format!("{op} is {found}, exactly {want}")
        };
        if row.len() != want.len() {
            return Some(told());
        }
        let wrong = row.iter().zip(want).enumerate().any(|(k, (found, want))| {
            let absent = want.is_none() || (op == "score" && num_traits::Zero::is_zero(&model.rates()[k]));
            match (found.as_f64(), want) {
                (None, _) if found.is_null() && absent => false,
                // An absent entry has a time that is infinite, which JSON does not have.
                (Some(_), None) | (None, _) => true,
                (Some(found), Some(want)) => {
                    let allowed = close.allowed(races, *want, op == "conditional");
                    (found - want).abs() > allowed
                }
            }
        });
        wrong.then(told)
    }
}

/// One number per entry, `None` where the entry is absent.
fn numbers<'a>(object: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = Option<f64>> + 'a {
    object.get(name).and_then(Value::as_array).into_iter().flatten().map(Value::as_f64)
}

fn skipped(child: &Child, refused: super::child::Refused, cases: usize) -> Result<Vec<Verdict>, Failure> {
    let why = child.skipped(refused).map_err(failed)?;
    Ok((0..cases).map(|_| Verdict::NotAsked(format!("it says: {why}"))).collect())
}
