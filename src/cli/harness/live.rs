//! Draws that are asked for as they are needed.

use std::fmt;
use std::io::Cursor;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gumbel_oracle::model::Model;
use recursive_gumbel::sample::jsonl::{Input, JsonLines, Lines};
use recursive_gumbel::sample::{Batch, Field, Places, Source, SourceError};
use serde_json::{Map, Value, json};

use super::child::{Answer, Child, Fault, items};

/// When no more draws are asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Most {
    /// So many draws.
    Draws(u64),
    /// So many seconds.
    Seconds(f64),
}

impl Most {
    /// Whether there are no draws at all.
    pub(super) fn is_none(self) -> bool {
        self == Self::Draws(0)
    }
}

impl fmt::Display for Most {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Draws(draws) => write!(f, "{draws}"),
            Self::Seconds(seconds) => write!(f, "{seconds}s"),
        }
    }
}

impl FromStr for Most {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(seconds) = text.strip_suffix('s') else {
            return text.parse().map(Self::Draws).map_err(|_| "want a number of draws, or of seconds: 30s");
        };
        let seconds = seconds.parse().ok().filter(|seconds| (0.0..1e6).contains(seconds));
        seconds.map(Self::Seconds).ok_or("want a number of seconds below a million: 30s")
    }
}

/// Draws in the first request, and at most in one; fewer of large models: the answer must come in time from a slow implementation.
const FIRST: u64 = 64;
const AT_ONCE: usize = 1000;
const ENTRIES_AT_ONCE: usize = 10_000;

/// The requests: each for a quarter of what is there.
struct Requests {
    child: Arc<Mutex<Child>>,
    /// What is asked for, but for the number and the seed.
    request: Value,
    /// The lists in the answer.
    columns: Vec<&'static str>,
    most: Most,
    until: Option<Instant>,
    at_once: u64,
    seed: u64,
    made: u64,
}

impl Requests {
    /// The lines of a samples file; none if there are to be no more, or it does not draw from this model, and why.
    fn next(&mut self) -> Result<More, Fault> {
        let left = match self.most {
            Most::Draws(most) => most - self.made,
            Most::Seconds(_) => u64::MAX,
        };
        let late = || match (
            self.child.lock().unwrap_or_else(PoisonError::into_inner).next_is(&self.request),
            self.until,
        ) {
            (Some(goes_on), Some(_)) => !goes_on,
            (None, Some(until)) => until <= now(),
            (_, None) => false,
        };
        if left == 0 || self.made > 0 && late() {
            return Ok(More::Enough);
        }
        let count = left.min(self.at_once).min(FIRST.max(self.made / 4));
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        (self.request["count"], self.request["seed"]) = (count.into(), self.seed.into());
        let answer = match child.ask(&self.request)? {
            Answer::Skipped(why) if self.made == 0 => return Ok(More::Skipped(why)),
            // Which estimators there are is not said beforehand.
            Answer::Error(why) if self.made == 0 && self.request["op"] == "gradient" => {
                return Ok(More::Skipped(why));
            }
            answer => child.ok(answer)?,
        };
        let lines = lines(&child, answer, &self.columns, count as usize)?;
        let name = format!("its draws of seed {}", self.seed);
        (self.made, self.seed) = (self.made + count, self.seed.wrapping_add(1));
        Ok(More::Draws(Input { name, read: Box::new(Cursor::new(lines.into_bytes())) }))
    }
}

/// An answer with a list for each column as the lines of a samples file.
pub(super) fn lines(
    child: &Child,
    mut answer: Map<String, Value>,
    columns: &[&str],
    count: usize,
) -> Result<String, Fault> {
    let mut draws = vec![Map::new(); count];
    for &name in columns {
        let column = items(child, &mut answer, name, count)?;
        for (draw, value) in draws.iter_mut().zip(column) {
            draw.insert(name.to_owned(), value);
        }
    }
    Ok(draws.into_iter().map(|draw| format!("{}\n", Value::Object(draw))).collect())
}

/// What a request for draws brings.
enum More {
    Draws(Input),
    Enough,
    /// With the reason.
    Skipped(String),
}

#[allow(clippy::disallowed_methods)] // how many draws there are may depend on the clock if someone asks for it; what is said of them not
fn now() -> Instant {
    Instant::now()
}

/// A sample that grows.
pub(super) struct Live<'m> {
    lines: JsonLines<'m>,
    requests: Requests,
    fault: Arc<Mutex<Option<Fault>>>,
}

/// The fault is told by whoever started the child; this says that there is one.
fn failed(slot: &Mutex<Option<Fault>>, fault: Fault) -> SourceError {
    let problem = fault.to_string();
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    SourceError { place: "its draws".to_owned(), problem }
}

impl<'m> Live<'m> {
    /// Asks for the first draws with these fields; or says why there are none. A fault is left in the slot.
    pub(super) fn draws(
        model: &'m Model,
        child: &Arc<Mutex<Child>>,
        fields: &[Field],
        most: Most,
        seed: u64,
        fault: &Arc<Mutex<Option<Fault>>>,
    ) -> Result<Result<Self, String>, SourceError> {
        let columns: Vec<&str> = fields.iter().map(|field| field.name()).collect();
        let request = json!({"op": "sample", "fields": columns});
        Self::new(model, child, (request, columns), most, seed, fault)
    }

    /// The same of estimates of a gradient.
    pub(super) fn estimates(
        model: &'m Model,
        child: &Arc<Mutex<Child>>,
        (loss, estimator, draws): (&str, &str, u64),
        most: Most,
        seed: u64,
        fault: &Arc<Mutex<Option<Fault>>>,
    ) -> Result<Result<Self, String>, SourceError> {
        let request = json!({"op": "gradient", "loss": loss, "estimator": estimator, "draws": draws});
        Self::new(model, child, (request, vec![Field::Gradient.name()]), most, seed, fault)
    }

    fn new(
        model: &'m Model,
        child: &Arc<Mutex<Child>>,
        (request, columns): (Value, Vec<&'static str>),
        most: Most,
        seed: u64,
        fault: &Arc<Mutex<Option<Fault>>>,
    ) -> Result<Result<Self, String>, SourceError> {
        let until = match most {
            Most::Seconds(seconds) => now().checked_add(Duration::from_secs_f64(seconds)),
            Most::Draws(_) => None,
        };
        let few = (ENTRIES_AT_ONCE / model.entries().len().max(1)).clamp(1, AT_ONCE);
        let at_once = child.lock().unwrap_or_else(PoisonError::into_inner).batch().unwrap_or(few);
        let mut requests = Requests {
            child: Arc::clone(child),
            request,
            columns,
            most,
            until,
            at_once: at_once as u64,
            seed,
            made: 0,
        };
        let inputs = match requests.next().map_err(|what| failed(fault, what))? {
            More::Draws(first) => vec![first],
            More::Enough => Vec::new(),
            More::Skipped(why) => return Ok(Err(why)),
        };
        let lines = JsonLines::new(model, inputs)?;
        Ok(Ok(Self { lines, requests, fault: Arc::clone(fault) }))
    }
}

impl Source for Live<'_> {
    type Piece = Lines;

    fn fields(&self) -> &[Field] {
        self.lines.fields()
    }

    fn next(&mut self) -> Result<Vec<Lines>, SourceError> {
        loop {
            let pieces = self.lines.next()?;
            if !pieces.is_empty() {
                return Ok(pieces);
            }
            match self.requests.next() {
                Ok(More::Draws(more)) => self.lines.add(more),
                Ok(More::Enough | More::Skipped(_)) => return Ok(Vec::new()),
                Err(fault) => return Err(failed(&self.fault, fault)),
            }
        }
    }

    fn first(&self, piece: &Lines) -> u64 {
        self.lines.first(piece)
    }

    fn fill(&self, piece: &Lines, batch: &mut Batch) -> Result<(), SourceError> {
        self.lines.fill(piece, batch)
    }

    fn places(&self) -> Places {
        self.lines.places()
    }
}
