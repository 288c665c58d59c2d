//! Golden vectors: answers in files, for every language.
//!
//! # Notation
//! A *case* is a question with its answer: an input, and what is expected of it. Cases of one model are a group, the groups of one structure
//! and one [`Operation`] a file, `STRUCTURE_OPERATION.json`. What is expected is worked out by the oracle in exact arithmetic and rounded
//! once; inputs are whole numbers from a generator, scaled by powers of two. So the files are the same, byte for byte, on every machine.
//!
//! # Example
//! ```
//! use gumbel_oracle::model::Kind;
//! use recursive_gumbel::vectors::{File, Operation, check, text};
//! let file = File { kind: Kind::Categorical, operation: Operation::Run, large: false };
//! let right = text(file)?;
//! assert_eq!(check(file, &right).1, Vec::<String>::new());
//! let wrong = right.replacen("\"structure\":0", "\"structure\":1", 1);
//! assert!(check(file, &wrong).1[0].contains("structure is 1, exactly 0"));
//! # Ok::<(), String>(())
//! ```
//!
//! # References
//! Project Wycheproof, <https://github.com/C2SP/wycheproof>, whose manner this is: groups, ids that never move, flags with what they mean.

mod catches;
mod expected;
mod float;
mod inputs;
mod invalid;
mod models;
mod readme;

use std::collections::{BTreeMap, BTreeSet};

use gumbel_oracle::enclosure::ln;
use gumbel_oracle::model::{Entry, Kind, Model};
use gumbel_oracle::number::to_f64;
use serde_json::{Map, Value, json};

pub use float::hexadecimal;

type Object = Map<String, Value>;

/// The version of the files: of their form, and of what is expected. Cases may be added without a new one.
pub const VERSION: u32 = 1;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// The algorithm on given exponentials: structure and trace.
    Run,
    /// Log-probability, score and structure of a trace.
    Trace,
    /// Exponentials given a trace, from uniforms.
    Conditional,
    /// Uniforms from exponentials and their trace: the inverse.
    Inverse,
    /// The law: structures, marginals, gradient, variances.
    Law,
    /// What must be refused.
    Invalid,
}

impl Operation {
    /// All.
    pub const ALL: [Self; 6] =
        [Self::Run, Self::Trace, Self::Conditional, Self::Inverse, Self::Law, Self::Invalid];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Trace => "trace",
            Self::Conditional => "conditional",
            Self::Inverse => "inverse",
            Self::Law => "law",
            Self::Invalid => "invalid",
        }
    }
}

/// A file of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct File {
    /// Of which structure.
    pub kind: Kind,
    /// Of which operation.
    pub operation: Operation,
    /// Of larger models: not in the repository, but written on demand.
    pub large: bool,
}

impl File {
    /// Those of the repository.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let of = |kind: Kind| Operation::ALL.map(|operation| Self { kind, operation, large: false });
        Kind::ALL.into_iter().flat_map(of).collect()
    }

    /// Those of larger models, whose laws are not listed.
    #[must_use]
    pub fn large() -> Vec<Self> {
        let asked = |file: &Self| !matches!(file.operation, Operation::Law | Operation::Invalid);
        Self::all().into_iter().filter(asked).map(|file| Self { large: true, ..file }).collect()
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> String {
        let large = if self.large { "_large" } else { "" };
        format!("{}_{}{large}.json", self.kind.name(), self.operation.name())
    }
}

/// What each flag means.
pub const FLAGS: [(&str, &str); 13] = [
    ("absent-entries", "entries of rate 0, which never race"),
    ("close", "exponentials that differ by little: they are exact, and so are their differences"),
    ("extreme-rates", "rates over sixty powers of ten"),
    ("extreme-uniforms", "uniforms near 0 and near 1"),
    ("f32", "every number of the input is a number of f32"),
    ("invalid-input", "must be refused: for that reason, at that place"),
    ("nested-contraction", "a cycle is contracted that a contracted cycle is on"),
    ("other-root", "the root is not vertex 0"),
    ("ragged", "the model is the leading part of what is padded for a batch"),
    ("repeated-rates", "all rates are alike"),
    ("single-entry", "one entry, one race"),
    ("sparse", "entries are missing"),
    ("tie", "exponentials that tie: the lower entry number wins"),
];

/// The file, as it is written.
///
/// # Errors
/// In words, if a model of the vectors is none: that would be a mistake of this library.
pub fn text(file: File) -> Result<String, String> {
    let File { kind, operation, .. } = file;
    let groups = groups(file)?;
    let cases = |group: &Object| group.get("cases").and_then(Value::as_array).map_or(0, Vec::len);
    let count: usize = groups.iter().map(cases).sum();
    let used: BTreeSet<&str> = groups
        .iter()
        .flat_map(|group| {
            flags(group)
                .chain(listed(group, "cases").flat_map(|case| case.as_object().into_iter().flat_map(flags)))
        })
        .collect();
    let told: BTreeMap<&str, &str> = FLAGS.into_iter().filter(|(flag, _)| used.contains(flag)).collect();
    let head = [
        ("schema", json!("schema.json")),
        ("version", json!(VERSION)),
        ("structure", json!(kind.name())),
        ("operation", json!(operation.name())),
        ("number_of_cases", json!(count)),
        ("flags", json!(told)),
    ];
    let mut out = String::from("{\n");
    for (name, value) in head {
        out.push_str(&format!(" \"{name}\": {value},\n"));
    }
    out.push_str(" \"groups\": [");
    for (number, mut group) in groups.into_iter().enumerate() {
        let cases = group.remove("cases").unwrap_or_default();
        let head = Value::Object(group).to_string();
        let lines: Vec<String> = cases.as_array().into_iter().flatten().map(Value::to_string).collect();
        let comma = if number == 0 { "" } else { "," };
        out.push_str(&format!(
            "{comma}\n  {},\"cases\":[\n   {}\n  ]}}",
            &head[..head.len() - 1],
            lines.join(",\n   ")
        ));
    }
    out.push_str("\n ]\n}\n");
    Ok(out)
}

fn listed<'a>(object: &'a Object, name: &str) -> impl Iterator<Item = &'a Value> {
    object.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn flags(object: &Object) -> impl Iterator<Item = &str> {
    listed(object, "flags").filter_map(Value::as_str)
}

fn groups(file: File) -> Result<Vec<Object>, String> {
    let File { kind, operation, large } = file;
    if operation == Operation::Invalid {
        return Ok(vec![refused(kind)]);
    }
    let mut all = Vec::new();
    for of in if large { models::large(kind) } else { models::of_kind(kind) } {
        let group = group(file, &of).map_err(|why| format!("{} {}: {why}", kind.name(), of.name))?;
        all.extend(group);
    }
    Ok(all)
}

/// The cases of one model; none if there are no questions.
fn group(file: File, of: &models::Of) -> Result<Option<Object>, String> {
    let File { kind, operation, large } = file;
    let model = Model::parse(&of.model).map_err(|error| error.to_string())?;
    // Some mutants ask for the whole law: of larger models nobody waits for that.
    let implementations = if large { Vec::new() } else { catches::implementations(&model) };
    let mut cases = Vec::new();
    for (number, question) in inputs::questions(&model, of.name, operation).into_iter().enumerate() {
        let expected = answer(&model, operation, &question.input)?;
        let catches = catches::catches(&implementations, &model, operation, [&question.input, &expected]);
        cases.push(json!({
            "id": format!("{}.{}.{}.{}", kind.name(), operation.name(), of.name, number + 1),
            "comment": question.comment,
            "flags": question.flags,
            "input": question.input,
            "expected": expected,
            "catches": catches,
        }));
    }
    let Ok(source) = serde_json::from_str::<Value>(&of.model) else { return Err("no JSON".to_owned()) };
    let mut group = Object::from_iter([
        ("name".to_owned(), json!(of.name)),
        ("comment".to_owned(), json!(of.comment)),
        ("flags".to_owned(), json!(of.flags)),
        ("model".to_owned(), source),
        ("entries".to_owned(), model.entries().iter().map(|entry| entry_value(*entry)).collect()),
        ("cases".to_owned(), Value::Array(cases)),
    ]);
    float::put_row(
        &mut group,
        "rates",
        &model.rates().iter().map(|rate| Some(to_f64(rate))).collect::<Vec<_>>(),
    );
    let logit = |rate| ln(rate).map(|log| 0.0 - log);
    float::put_row(&mut group, "logits", &model.rates().iter().map(logit).collect::<Vec<_>>());
    if let Some(padded) = of.padded {
        group.insert("padded".to_owned(), serde_json::from_str(padded).map_err(|error| error.to_string())?);
    }
    let empty = group.get("cases").is_none_or(|cases| cases.as_array().is_none_or(Vec::is_empty));
    Ok((!empty).then_some(group))
}

fn entry_value(entry: Entry) -> Value {
    match entry {
        Entry::Pair(u, v) => json!([u, v]),
        Entry::Position(i) => json!(i),
    }
}

fn refused(kind: Kind) -> Object {
    let case = |wrong: invalid::Wrong| {
        json!({
            "id": format!("{}.invalid.{}", kind.name(), wrong.name),
            "comment": wrong.comment,
            "flags": ["invalid-input"],
            "expected": invalid::expected(&wrong.input),
            "input": wrong.input,
            "catches": [],
        })
    };
    let cases: Vec<Value> = invalid::questions(kind).into_iter().map(case).collect();
    Object::from_iter([
        ("name".to_owned(), json!("refused")),
        (
            "comment".to_owned(),
            json!(
                "models, traces and exponentials that are none; the words of an error are for people, reason and place for programs"
            ),
        ),
        ("flags".to_owned(), json!([])),
        ("cases".to_owned(), Value::Array(cases)),
    ])
}

/// The number of cases in a file, and what is wrong with it: of each case whatever is not as the oracle has it; and if nothing is, where it differs from what is
/// written here. Nothing if all is right.
#[must_use]
pub fn check(file: File, text: &str) -> (usize, Vec<String>) {
    let operation = file.operation;
    let found: Value = match serde_json::from_str(text) {
        Ok(found) => found,
        Err(error) => return (0, vec![format!("not JSON: {error}")]),
    };
    let (mut count, mut wrong) = (0, Vec::new());
    let groups = found.get("groups").and_then(Value::as_array);
    if groups.is_none() {
        wrong.push("no list `groups`".to_owned());
    }
    for group in groups.into_iter().flatten() {
        let model = group.get("model").map(|model| Model::parse(&model.to_string()));
        for case in group.get("cases").and_then(Value::as_array).into_iter().flatten() {
            count += 1;
            let id = case.get("id").and_then(Value::as_str).unwrap_or("a case without an id");
            let differs = match &model {
                Some(Err(error)) => Some(format!("the model: {error}")),
                Some(Ok(model)) if operation != Operation::Invalid => of_case(Some(model), operation, case),
                _ if operation == Operation::Invalid => of_case(None, operation, case),
                _ => Some("its group has no model".to_owned()),
            };
            wrong.extend(differs.map(|differs| format!("{id}: {differs}")));
        }
    }
    if wrong.is_empty() {
        match self::text(file) {
            Ok(exact) => wrong.extend(first_difference(text, &exact)),
            Err(why) => wrong.push(why),
        }
    }
    (count, wrong)
}

/// What is expected of an input, by the oracle; or why it is none.
///
/// # Errors
/// In words: a field that is lacking, a trace that is impossible, a number that is none.
pub fn answer(model: &Model, operation: Operation, input: &Object) -> Result<Object, String> {
    expected::expected(model, operation, input)
}

/// Where a case is not as the oracle has it.
fn of_case(model: Option<&Model>, operation: Operation, case: &Value) -> Option<String> {
    let object = |name: &str| case.get(name).and_then(Value::as_object);
    let (Some(input), Some(found)) = (object("input"), object("expected")) else {
        return Some("want `input` and `expected`, both objects".to_owned());
    };
    if let Some(name) = float::differing(input) {
        return Some(format!("in the input {name} and {name}_hex are not the same"));
    }
    let exact = match model {
        Some(model) => answer(model, operation, input),
        None => Ok(invalid::expected(input)),
    };
    match exact {
        Err(why) => Some(format!("the input: {why}")),
        Ok(exact) => exact
            .iter()
            .find(|(name, value)| found.get(*name) != Some(value))
            .map(|(name, value)| {
                let found = found.get(name).map_or_else(|| "missing".to_owned(), Value::to_string);
                format!("{name} is {found}, exactly {value}")
            })
            .or_else(|| {
                found
                    .keys()
                    .find(|name| !exact.contains_key(*name))
                    .map(|name| format!("unknown field {name:?} in `expected`"))
            }),
    }
}

/// The first line of a text that is not as it should be.
#[must_use]
pub fn first_difference(found: &str, exact: &str) -> Option<String> {
    if found == exact {
        return None;
    }
    let lines = found.lines().zip(exact.lines());
    let number = lines.take_while(|(found, exact)| found == exact).count();
    let differs = |text: &str| text.lines().nth(number).map(ToOwned::to_owned);
    Some(match (differs(found), differs(exact)) {
        (Some(found), Some(exact)) => {
            let place = found.chars().zip(exact.chars()).take_while(|(a, b)| a == b).count();
            let around =
                |line: &str| line.chars().skip(place.saturating_sub(30)).take(60).collect::<String>();
            format!(
                "line {}, column {}: {:?}, want {:?}",
                number + 1,
                place + 1,
                around(&found),
                around(&exact)
            )
        }
        (None, Some(_)) => format!("ends after line {number}"),
        (Some(_), None) => format!("goes on after line {number}, where it should end"),
        (None, None) => "differs in how its last line ends".to_owned(),
    })
}

/// What lies beside the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    /// JSON Schema.
    pub schema: String,
    /// What the files are, with tables of what is in them.
    pub readme: String,
}

/// The documents as they are written.
///
/// # Errors
/// As [`text`].
pub fn documents() -> Result<Documents, String> {
    let schema = include_str!("../../vectors/schema.json").to_owned();
    Ok(Documents { schema, readme: readme::filled(include_str!("../../vectors/README.md"))? })
}
