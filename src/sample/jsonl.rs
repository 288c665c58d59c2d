//! Reading samples files in JSON Lines: one draw per line, as a stream.
//!
//! # Format
//! Each line is an object with the fields of its draw: at least one of `structure` and `trace`, in canonical JSON, and
//! `gradient`, an estimate; and any of `log_prob`, `score`, `exponentials`, `conditional`. The first line says which fields there are; the others have the same.
//! What may vary, because people write it in one way or another:
//!
//! | | read as well |
//! |---|---|
//! | lists per entry | a matrix of the model's shape; `null` or 0 where there is no entry, and below the diagonal of a spanning tree |
//! | a set of edges, arcs, positions | in any order, edges in either direction |
//! | the trace of an arborescence | its races in any order |
//! | packed by gzip | unpacked as it is read |
//! | end of line, start of file | `\r\n`, a byte order mark, no newline after the last line |
//!
//! # Errors
//! Bad input is a [`SourceError`] that names file, line, column and field. A draw that can be read and is no structure or
//! trace of the model is not: it is told as [`Batch::malformed`], a finding about the sampler.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Mutex;

use flate2::read::MultiGzDecoder;
use gumbel_oracle::model::Model;
use serde::Deserializer as _;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};

use super::form::{self, Form, Given, Numbers};
use super::source::VALUES;
use super::{Batch, Field, Places, Source, SourceError};

/// Bytes that one thread parses at a time, and how many of such pieces are read at a time.
const PIECE: usize = 1 << 16;
const PIECES: usize = 32;

/// The longest line: a dense draw with four lists of a million numbers is a third of it.
const LONGEST: usize = 1 << 28;

/// Something to read with its name.
pub struct Input {
    /// The name in messages.
    pub name: String,
    /// What is read.
    pub read: Box<dyn Read + Send>,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Samples files, one after the other, as one sample.
pub struct JsonLines<'m> {
    form: Form<'m>,
    fields: Vec<Field>,
    /// Only one thread reads.
    files: Mutex<Files>,
    draws: u64,
    places: Places,
}

impl std::fmt::Debug for JsonLines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonLines")
            .field("fields", &self.fields)
            .field("draws", &self.draws)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Files {
    reading: Option<Reading>,
    waiting: VecDeque<Input>,
}

/// A file, with what is read and not yet handed over.
struct Reading {
    input: Input,
    rest: Vec<u8>,
    lines: u64,
    ended: bool,
}

/// Whole lines of a file.
#[derive(Debug)]
pub struct Lines {
    /// The number of the first draw.
    first: u64,
    file: String,
    /// The number of the first line, from 1.
    line: u64,
    bytes: Vec<u8>,
    /// Whether the last line has no newline.
    open: bool,
}

impl Reading {
    /// Opens a file and reads its first piece, which stays to be handed over.
    fn new(mut input: Input) -> Result<Self, SourceError> {
        let mut rest = Vec::new();
        let start = input.read.by_ref().take(3).read_to_end(&mut rest);
        start.map_err(|error| unread(&input.name, &error))?;
        if rest.starts_with(b"\x1f\x8b") {
            // Packed: several members one after the other are one file.
            let packed = io::Cursor::new(std::mem::take(&mut rest)).chain(input.read);
            input.read = Box::new(MultiGzDecoder::new(packed));
            let start = input.read.by_ref().take(3).read_to_end(&mut rest);
            start.map_err(|error| unread(&input.name, &error))?;
        }
        if rest.starts_with(b"PK\x03") {
            let problem = "is a zip or .npz file: want JSON Lines".to_owned();
            return Err(SourceError { place: input.name, problem });
        }
        if rest == b"\xef\xbb\xbf" {
            rest.clear();
        }
        let mut reading = Self { input, rest, lines: 0, ended: false };
        let Some((mut bytes, _)) = reading.lines(usize::MAX)? else {
            let problem = "is empty: want one draw per line".to_owned();
            return Err(SourceError { place: reading.input.name, problem });
        };
        bytes.append(&mut reading.rest);
        reading.rest = bytes;
        Ok(reading)
    }

    /// Whole lines of at least [`PIECE`] bytes, or what is left, but at most so many lines; `None` at the end.
    fn lines(&mut self, most: usize) -> Result<Option<(Vec<u8>, bool)>, SourceError> {
        let mut looked = 0;
        loop {
            let newline = self.rest[looked..].iter().rposition(|&byte| byte == b'\n');
            if let Some(last) = newline.filter(|_| self.rest.len() >= PIECE || self.ended) {
                let newlines = self.rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
                // No draw is shorter than `{"trace":1}`.
                let many = most.saturating_mul(11) < self.rest.len();
                let end = if many { newlines.map(|(at, _)| at + 1).nth(most - 1) } else { None };
                let end = end.unwrap_or(looked + last + 1);
                let rest = self.rest.split_off(end);
                return Ok(Some((std::mem::replace(&mut self.rest, rest), false)));
            }
            if self.ended {
                let rest = std::mem::take(&mut self.rest);
                return Ok(if rest.is_empty() { None } else { Some((rest, true)) });
            }
            looked = if newline.is_some() { 0 } else { self.rest.len() };
            if looked > LONGEST {
                let place = format!("{}, line {}", self.input.name, self.lines + 1);
                let problem = format!("is longer than {} MiB: want one draw per line", LONGEST >> 20);
                return Err(SourceError { place, problem });
            }
            let wanted = PIECE.max(self.rest.len()) as u64; // ever more of a long line
            let read = self.input.read.by_ref().take(wanted).read_to_end(&mut self.rest);
            let read = read.map_err(|error| unread(&self.input.name, &error))?;
            self.ended = read == 0;
        }
    }
}

fn unread(name: &str, error: &io::Error) -> SourceError {
    let damaged = matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
    );
    let hint = if damaged { ": is it truncated or damaged?" } else { "" };
    SourceError { place: name.to_owned(), problem: format!("{error}{hint}") }
}

impl<'m> JsonLines<'m> {
    /// The draws of a model in these files, one after the other. Reads the first line.
    ///
    /// # Errors
    /// [`SourceError`] if it is not the line of a samples file.
    pub fn new(model: &'m Model, inputs: Vec<Input>) -> Result<Self, SourceError> {
        let mut waiting = VecDeque::from(inputs);
        let Some(first) = waiting.pop_front() else {
            let problem = "want at least one file".to_owned();
            return Err(SourceError { place: "samples".to_owned(), problem });
        };
        let name = first.name.clone();
        let reading = Reading::new(first)?;
        let mut source = Self {
            form: Form::new(model),
            fields: Vec::new(),
            files: Mutex::default(),
            draws: 0,
            places: Places::default(),
        };
        let mut scratch = Scratch::default();
        let line = reading.rest.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let whole = line.len() < reading.rest.len();
        source.parse(&mut scratch, line, whole).map_err(|wrong| wrong.at(&name, 1))?;
        if !scratch.given.iter().any(|field| form::SUFFICIENT.contains(field)) {
            let problem = form::INSUFFICIENT.to_owned();
            return Err(SourceError { place: format!("{name}, line 1"), problem });
        }
        scratch.given.sort_unstable();
        source.fields = scratch.given;
        source.places.push(0, name, true);
        source.files = Mutex::new(Files { reading: Some(reading), waiting });
        Ok(source)
    }

    /// More draws of the same sample, after those that wait to be handed over.
    pub fn add(&mut self, input: Input) {
        let files = self.files.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        files.waiting.push_back(input);
    }

    /// The number of draws handed over so far.
    #[must_use]
    pub fn draws(&self) -> u64 {
        self.draws
    }

    fn parse(&self, scratch: &mut Scratch, line: &[u8], whole: bool) -> Result<(), LineError> {
        scratch.clear();
        let mut json = serde_json::Deserializer::from_slice(line);
        let read = json.deserialize_map(Line { scratch, form: &self.form }).and_then(|()| json.end());
        read.map_err(|error| LineError::of(&error, scratch.at, whole, line))
    }

    /// Appends what was parsed to the columns.
    fn push(&self, scratch: &mut Scratch, batch: &mut Batch, first: bool) -> Result<(), LineError> {
        if let Some(field) = self.fields.iter().find(|field| !scratch.given.contains(field)) {
            return Err(LineError::whole(format!("has no `{}`, which the first line has", field.name())));
        }
        if let Some(field) = scratch.given.iter().find(|field| !self.fields.contains(field)) {
            return Err(LineError::whole(format!(
                "has the field `{}`, which the first line has not",
                field.name()
            )));
        }
        let appended = self.form.append(&self.fields, &mut scratch.values, batch, first);
        appended.map_err(|(field, problem)| LineError { field: Some(field), column: None, problem })
    }
}

impl Source for JsonLines<'_> {
    type Piece = Lines;

    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn next(&mut self) -> Result<Vec<Lines>, SourceError> {
        let mut pieces = Vec::with_capacity(PIECES);
        let files = self.files.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Files { reading, waiting } = files;
        let (first, entries) = (self.draws, self.form.entry_count());
        while pieces.len() < PIECES && (self.draws - first) as usize * entries < VALUES {
            let Some(now) = reading else {
                let Some(input) = waiting.pop_front() else { break };
                self.places.push(self.draws, input.name.clone(), true);
                *reading = Some(Reading::new(input)?);
                continue;
            };
            if let Some((bytes, open)) = now.lines((VALUES / PIECES / entries.max(1)).max(1))? {
                let lines = bytes.iter().filter(|&&byte| byte == b'\n').count() as u64 + u64::from(open);
                let (first, line, file) = (self.draws, now.lines + 1, now.input.name.clone());
                pieces.push(Lines { first, file, line, bytes, open });
                self.draws += lines;
                now.lines += lines;
                continue;
            }
            *reading = None;
        }
        Ok(pieces)
    }

    fn first(&self, piece: &Lines) -> u64 {
        piece.first
    }

    fn fill(&self, piece: &Lines, batch: &mut Batch) -> Result<(), SourceError> {
        let mut scratch = Scratch::default();
        let ended = piece.bytes.strip_suffix(b"\n").unwrap_or(&piece.bytes);
        let mut lines = ended.split(|&byte| byte == b'\n').zip(piece.line..).peekable();
        while let Some((line, number)) = lines.next() {
            let whole = !piece.open || lines.peek().is_some();
            let read = self.parse(&mut scratch, line, whole);
            let read = read.and_then(|()| self.push(&mut scratch, batch, number == 1));
            read.map_err(|wrong| wrong.at(&piece.file, number))?;
        }
        Ok(())
    }

    fn places(&self) -> Places {
        self.places.clone()
    }
}

/// What is wrong with a line.
pub(super) struct LineError {
    field: Option<Field>,
    column: Option<usize>,
    problem: String,
}

impl LineError {
    fn whole(problem: String) -> Self {
        Self { field: None, column: None, problem }
    }

    /// An error of the parser.
    pub(super) fn of(error: &serde_json::Error, field: Option<Field>, whole: bool, line: &[u8]) -> Self {
        if line.trim_ascii().is_empty() {
            return Self::whole("is empty: want one draw per line".to_owned());
        }
        let text = error.to_string();
        let text = text.split(" at line 1 column ").next().unwrap_or(&text);
        let not_finite = [b"Infinity".as_slice(), b"NaN"];
        let there = line.get(error.column().saturating_sub(2)..).unwrap_or_default();
        let problem = if error.is_eof() && !whole {
            "the file ends within this line: is it truncated?".to_owned()
        } else if error.is_eof() {
            "the line ends within the draw: want one draw per line".to_owned()
        } else if let Some(found) =
            not_finite.iter().find(|word| there.windows(word.len()).take(3).any(|part| part == **word))
        {
            let found = String::from_utf8_lossy(found);
            format!("{found} is not JSON: want a number, or null for the weight of an absent entry")
        } else {
            // It may quote the file.
            text.split(char::is_control).collect::<Vec<_>>().join(" ")
        };
        Self { field, column: Some(error.column()), problem }
    }

    pub(super) fn at(self, file: &str, line: u64) -> SourceError {
        let column = self.column.map_or_else(String::new, |column| format!(", column {column}"));
        let field = self.field.map_or_else(String::new, |field| format!(", field `{}`", field.name()));
        SourceError { place: format!("{file}, line {line}{column}{field}"), problem: self.problem }
    }
}

/// What a line says, before it is known to be right.
#[derive(Debug, Default)]
struct Scratch {
    given: Vec<Field>,
    values: Given,
    /// The field that is being read.
    at: Option<Field>,
}

impl Scratch {
    fn clear(&mut self) {
        self.given.clear();
        self.values.numbers.iter_mut().for_each(Numbers::clear);
        (self.values.races, self.at) = (None, None);
    }
}

struct Line<'a, 'm> {
    scratch: &'a mut Scratch,
    form: &'a Form<'m>,
}

impl<'de> Visitor<'de> for Line<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with the fields of one draw, {\"structure\": …}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            let Some(field) = Field::ALL.into_iter().find(|field| field.name() == key) else {
                let names: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
                return Err(A::Error::custom(format!(
                    "unknown field `{}`: want {}",
                    key.escape_debug(),
                    names.join(", ")
                )));
            };
            self.scratch.at = Some(field);
            if self.scratch.given.contains(&field) {
                return Err(A::Error::custom("is given twice"));
            }
            self.scratch.given.push(field);
            let numbers = &mut self.scratch.values.numbers[field as usize];
            match field {
                Field::LogProb => numbers.values.push(map.next_value()?),
                Field::Trace if self.form.has_components() => {
                    self.scratch.values.races = Some(map.next_value()?);
                }
                Field::Structure => {
                    map.next_value_seed(Value { numbers, want: self.form.structure_form(), depth: 0 })?;
                }
                Field::Trace => {
                    map.next_value_seed(Value { numbers, want: self.form.trace_form(), depth: 0 })?
                }
                _ => map.next_value_seed(Value {
                    numbers,
                    want: "a list with one number per entry",
                    depth: 0,
                })?,
            }
            self.scratch.at = None;
        }
        Ok(())
    }
}

/// Numbers, `null`, and lists of them, down to lists of lists.
pub(super) struct Value<'a> {
    pub(super) numbers: &'a mut Numbers,
    pub(super) want: &'static str,
    pub(super) depth: usize,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Value<'_> {
    fn number(self, value: f64) {
        self.numbers.scalar |= self.depth == 0;
        self.numbers.values.push(value);
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.want)
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.number(value);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.number(value as f64);
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.number(value as f64);
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.number(f64::NAN);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { numbers, want, depth } = self;
        let before = numbers.values.len();
        if depth == 2 {
            return Err(A::Error::custom(format!("a list within a list of lists: want {want}")));
        }
        let mut count = 0;
        while items.next_element_seed(Value { numbers, want, depth: depth + 1 })?.is_some() {
            count += 1;
        }
        if depth == 1 {
            numbers.rows.push(numbers.values.len() - before);
        } else if !numbers.rows.is_empty() && numbers.rows.len() != count {
            return Err(A::Error::custom(format!("numbers beside lists: want {want}")));
        }
        Ok(())
    }
}
