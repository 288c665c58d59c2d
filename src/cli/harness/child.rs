//! The implementation under test, which is asked line by line, and whatever may be wrong with its answers.

use std::fmt;
use std::num::NonZeroUsize;

use serde_json::{Map, Value, json};

use super::conventions::{Conventions, Entries};

/// Characters of a request or of a line that are told.
const SHOWN: usize = 200;

/// What the implementation did instead of answering: the glue is wrong, and nothing is said of the sampler.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// The request, shortened; empty if it was not asked anything yet.
    request: String,
    what: String,
    /// The last lines of its standard error.
    tail: Vec<String>,
    /// It is the recording that is at fault, and nothing is said of the implementation.
    of_recording: bool,
}

impl Fault {
    fn of_recording(what: String) -> Self {
        Self { request: String::new(), what, tail: Vec::new(), of_recording: true }
    }

    /// What could not be started.
    pub(super) fn of_command(what: String) -> Self {
        Self { request: String::new(), what, tail: Vec::new(), of_recording: false }
    }

    /// Whether this is said of a recording, not of an implementation.
    pub(super) fn is_of_recording(&self) -> bool {
        self.of_recording
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.of_recording {
            return f.write_str(&self.what);
        }
        write!(f, "the implementation {}", self.what)?;
        if !self.request.is_empty() {
            write!(f, ", when it was asked {}", self.request)?;
        }
        for (number, line) in self.tail.iter().enumerate() {
            let before = if number == 0 { "\nlast on its standard error: " } else { "\n  " };
            write!(f, "{before}{line}")?;
        }
        Ok(())
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Ok(Map<String, Value>),
    Skipped(String),
    Error(String),
}

/// Why there is nothing.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) why: String,
    /// It was skipped; otherwise an error.
    pub(super) skipped: bool,
}

/// Why a request has no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// What the implementation did instead.
    Silent(String),
    /// It is no recording of this dialogue.
    Recording(String),
}

/// Someone who is asked line by line.
pub(super) trait Talk: Send {
    /// Sends a request, a line without its end, and waits for the line of the answer.
    fn exchange(&mut self, request: &str) -> Result<Vec<u8>, Unanswered>;

    /// The last lines of its standard error.
    fn tail(&self) -> Vec<String>;

    /// The next request, where it is known.
    fn next_request(&self) -> Option<&str> {
        None
    }

    /// There are no more requests: gives it a second to end.
    fn end(&mut self);
}

/// An implementation.
pub(super) struct Child {
    talk: Box<dyn Talk>,
    last: String,
    id: u64,
    conventions: Conventions,
    /// Of the model that it was told.
    entries: Entries,
    /// How many items it answers at once, if it has said so.
    batch: Option<NonZeroUsize>,
}

impl Child {
    pub(super) fn new(talk: Box<dyn Talk>) -> Self {
        Self {
            talk,
            last: String::new(),
            id: 0,
            conventions: Conventions::default(),
            entries: Entries::default(),
            batch: None,
        }
    }

    /// From now on its numbers mean this, and it is asked for no more items at once.
    pub(super) fn adopt(&mut self, conventions: Conventions, batch: Option<NonZeroUsize>) {
        (self.conventions, self.batch) = (conventions, batch);
    }

    /// How many items it answers at once, if it has said so.
    pub(super) fn batch(&self) -> Option<usize> {
        self.batch.map(NonZeroUsize::get)
    }

    /// What its numbers mean.
    pub(super) fn conventions(&self) -> &Conventions {
        &self.conventions
    }

    /// From now on it is asked of a model with these entries.
    pub(super) fn know(&mut self, entries: Entries) {
        self.entries = entries;
    }

    /// Numbers per entry as it is told them.
    pub(super) fn lay_out(&self, row: Vec<Value>) -> Value {
        self.conventions.lay_out(row, &self.entries)
    }

    /// Of a recording, whether the next request is this one, but for the number and the seed; otherwise nobody knows.
    pub(super) fn next_is(&self, request: &Value) -> Option<bool> {
        let next: Value = serde_json::from_str(self.talk.next_request()?).unwrap_or_default();
        let mut fields =
            request.as_object()?.iter().filter(|(name, _)| !["count", "seed"].contains(&name.as_str()));
        Some(fields.all(|(name, value)| next.get(name) == Some(value)))
    }

    /// A fault at the last request.
    pub(super) fn fault(&self, what: impl Into<String>) -> Fault {
        Fault { request: self.last.clone(), what: what.into(), tail: self.talk.tail(), of_recording: false }
    }

    /// The last lines of its standard error.
    pub(super) fn tail(&self) -> Vec<String> {
        self.talk.tail()
    }

    /// Asks, and waits for the answer. The request is an object, without an id.
    pub(super) fn ask(&mut self, request: &Value) -> Result<Answer, Fault> {
        self.ask_text(&request.to_string())
    }

    /// The same of a request as it is to be sent.
    fn ask_text(&mut self, request: &str) -> Result<Answer, Fault> {
        self.id += 1;
        let line = format!("{{\"id\":{},{}", self.id, request.trim_start_matches('{'));
        self.last = shortened(&line);
        let line = self.talk.exchange(&line).map_err(|unanswered| match unanswered {
            Unanswered::Silent(what) => self.fault(what),
            Unanswered::Recording(what) => Fault::of_recording(what),
        })?;
        let text = String::from_utf8_lossy(&line);
        let wrote = || format!("wrote {}", shortened(text.trim_end()));
        let Ok(Value::Object(mut answer)) = serde_json::from_slice::<Value>(&line) else {
            return Err(self.fault(format!("{}, which is no JSON object", wrote())));
        };
        if answer.get("id") != Some(&self.id.into()) {
            return Err(self.fault(format!("{}, which does not have the id {}", wrote(), self.id)));
        }
        let word = |value: &Value| value.as_str().map(ToOwned::to_owned);
        match (answer.remove("ok"), answer.remove("skipped"), answer.remove("error")) {
            (Some(Value::Object(mut object)), None, None) => {
                let translated = self.conventions.translate(&mut object, &self.entries);
                translated.map_err(|what| self.fault(what))?;
                Some(Answer::Ok(object))
            }
            (None, Some(reason), None) => word(&reason).map(Answer::Skipped),
            (None, None, Some(error)) => word(&error).map(Answer::Error),
            _ => None,
        }
        .ok_or_else(|| {
            let want = "want exactly one of `ok` (an object), `skipped` (a text) and `error` (a text)";
            self.fault(format!("{}: {want}", wrote()))
        })
    }

    /// Asks for something of each item, in requests for no more than it answers at once: of each field a list. Or says why it does not
    /// do that.
    pub(super) fn ask_of_each(
        &mut self,
        op: &str,
        items: &[(&str, &[Value])],
        fields: &[&str],
    ) -> Result<Result<Vec<Vec<Value>>, Refused>, Fault> {
        let count = items.first().map_or(0, |(_, column)| column.len());
        let most = self.batch().unwrap_or(count).max(1);
        let mut found = vec![Vec::with_capacity(count); fields.len()];
        // Of no items it is asked once, too.
        for start in (0..count.max(1)).step_by(most) {
            let end = count.min(start + most);
            let mut request = json!({"op": op});
            items.iter().for_each(|(name, column)| request[*name] = column[start..end].into());
            match self.ask(&request)? {
                Answer::Skipped(why) if start == 0 => return Ok(Err(Refused { why, skipped: true })),
                Answer::Error(why) if start == 0 => return Ok(Err(Refused { why, skipped: false })),
                answer => {
                    let mut answer = self.ok(answer)?;
                    for (column, field) in found.iter_mut().zip(fields) {
                        column.extend(self::items(self, &mut answer, field, end - start)?);
                    }
                }
            }
        }
        Ok(Ok(found))
    }

    /// Asks for what must be there: neither skipped nor an error.
    pub(super) fn need(&mut self, request: &Value) -> Result<Map<String, Value>, Fault> {
        self.need_text(&request.to_string())
    }

    /// The same of a request as it is to be sent.
    pub(super) fn need_text(&mut self, request: &str) -> Result<Map<String, Value>, Fault> {
        let answer = self.ask_text(request)?;
        self.ok(answer)
    }

    /// What an answer says, if it is neither skipped nor an error.
    pub(super) fn ok(&self, answer: Answer) -> Result<Map<String, Value>, Fault> {
        match answer {
            Answer::Ok(object) => Ok(object),
            Answer::Skipped(reason) => Err(self.fault(format!("skipped ({reason}) what it says it has"))),
            Answer::Error(error) => Err(self.error(&error)),
        }
    }

    fn error(&self, error: &str) -> Fault {
        self.fault(format!("answered with the error {error:?}"))
    }

    /// Why it skipped something; an error is a fault.
    pub(super) fn skipped(&self, refused: Refused) -> Result<String, Fault> {
        match refused {
            Refused { why, skipped: true } => Ok(why),
            Refused { why, skipped: false } => Err(self.error(&why)),
        }
    }

    /// Tells it to stop, and gives it a second to end.
    pub(super) fn stop(&mut self) -> Result<(), Fault> {
        self.need(&json!({"op": "stop"}))?;
        self.talk.end();
        Ok(())
    }
}

/// The start of a text.
pub(super) fn shortened(text: &str) -> String {
    if text.chars().count() <= SHOWN {
        text.to_owned()
    } else {
        text.chars().take(SHOWN).collect::<String>() + "…"
    }
}

/// A list of so many items in an answer.
pub(super) fn items(
    child: &Child,
    object: &mut Map<String, Value>,
    field: &str,
    count: usize,
) -> Result<Vec<Value>, Fault> {
    match object.remove(field) {
        Some(Value::Array(items)) if items.len() == count => Ok(items),
        Some(Value::Array(items)) => {
            Err(child.fault(format!("gave {} items in `{field}`: want {count}", items.len())))
        }
        Some(_) => Err(child.fault(format!("gave `{field}` that is no list"))),
        None => Err(child.fault(format!("gave no `{field}`"))),
    }
}
