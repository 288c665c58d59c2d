//! Reading model files and traces, with line and column of whatever is wrong.
//!
//! The forms that structures share: a list of rates, a matrix, a graph; and traces that hold one race at a time.

use std::fmt;

use num_rational::BigRational;
use num_traits::{One, Zero};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::kind::Kind;
use crate::problem::{EntryProblem, ModelError, Place, Problem};
use crate::rate;

// ---------------------------------------------------------------------------------------------------------------

/// An object whose values are kept as text, in order, with every key once.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object such as {\"structure\": \"binary_tree\", \"rates\": [1, 2, 3]}")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(InOrder).map(Fields)
    }
}

/// The file being read: finds the line and column of its parts.
#[derive(Debug)]
struct Reader<'a> {
    text: &'a str,
}

impl<'a> Reader<'a> {
    fn place_of(&self, part: &str, item: &str) -> Place {
        let offset =
            (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len());
        let before = self.text.get(..offset).unwrap_or("");
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Place { line, column, item: item.to_owned() }
    }

    fn wrong(&self, part: &str, item: &str, problem: Problem) -> ModelError {
        ModelError { place: self.place_of(part, item), problem }
    }

    fn form(&self, part: &str, item: &str, want: &'static str) -> ModelError {
        let mut found: String = part.chars().take(40).collect();
        if found.len() < part.len() {
            found.push('…');
        }
        self.wrong(part, item, Problem::Form { found, want })
    }

    fn items(
        &self,
        value: &'a RawValue,
        item: &str,
        want: &'static str,
    ) -> Result<Vec<&'a RawValue>, ModelError> {
        serde_json::from_str(value.get()).map_err(|_| self.form(value.get(), item, want))
    }

    fn count(&self, value: &'a RawValue, item: &str, want: &'static str) -> Result<usize, ModelError> {
        serde_json::from_str(value.get()).map_err(|_| self.form(value.get(), item, want))
    }

    /// A rate or logit: a JSON number or a string. `None` for null.
    fn number(
        &self,
        value: &'a RawValue,
        item: &str,
        scale: Scale,
    ) -> Result<Option<BigRational>, ModelError> {
        let text = value.get();
        let string;
        let number = match text.as_bytes().first() {
            Some(b'"') => {
                string = serde_json::from_str::<String>(text)
                    .map_err(|error| self.wrong(text, item, Problem::Syntax(error.to_string())))?;
                string.as_str()
            }
            Some(b'n') => return Ok(None),
            Some(b'-' | b'0'..=b'9') => text,
            _ => return Err(self.form(text, item, scale.want())),
        };
        let read = match scale {
            Scale::Rates => rate::parse(number),
            Scale::Logits => rate::parse_logit(number),
        };
        read.map(Some).map_err(|error| self.wrong(text, item, Problem::Rate(error)))
    }

    fn present(&self, value: &'a RawValue, item: &str, scale: Scale) -> Result<BigRational, ModelError> {
        self.number(value, item, scale)?.ok_or_else(|| self.form(value.get(), item, scale.want()))
    }
}

/// Whether numbers are rates or logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Rates,
    Logits,
}

impl Scale {
    fn name(self) -> &'static str {
        match self {
            Self::Rates => "rates",
            Self::Logits => "logits",
        }
    }
    fn want(self) -> &'static str {
        match self {
            Self::Rates => "a rate: a number, or a string such as \"2/3\" or \"1e-30\"",
            Self::Logits => "a logit: a number",
        }
    }
}

/// A model file being read: its fields, each once.
#[derive(Debug)]
pub struct Given<'a> {
    reader: Reader<'a>,
    structure: &'static str,
    fields: Vec<(String, &'a RawValue)>,
}

/// An edge, arc or cell with its rate.
pub(crate) type Weighted = (usize, usize, BigRational);

impl<'a> Given<'a> {
    /// Which structure it is of, and the fields.
    pub(crate) fn parse(text: &'a str) -> Result<(Kind, Self), ModelError> {
        let reader = Reader { text };
        let Fields(mut fields) = serde_json::from_str(text).map_err(|error| {
            let place = Place { line: error.line(), column: error.column(), item: String::new() };
            // serde_json adds the place again
            let message = error.to_string();
            let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
            ModelError { place, problem: Problem::Syntax(message.to_owned()) }
        })?;
        for (i, (name, value)) in fields.iter().enumerate() {
            if fields[..i].iter().any(|(earlier, _)| earlier == name) {
                return Err(reader.wrong(value.get(), name, Problem::DuplicateField(name.clone())));
            }
        }
        let Some(place) = fields.iter().position(|(name, _)| name == "structure") else {
            return Err(ModelError { place: Place::default(), problem: Problem::MissingStructure });
        };
        let (_, structure) = fields.remove(place);
        let name: String = serde_json::from_str(structure.get())
            .map_err(|_| reader.form(structure.get(), "structure", "a string such as \"spanning_tree\""))?;
        let kind = Kind::from_name(&name)
            .ok_or_else(|| reader.wrong(structure.get(), "structure", Problem::UnknownStructure(name)))?;
        Ok((kind, Self { reader, structure: kind.name(), fields }))
    }

    /// Refuses a field that is none of `own`, and rates beside logits.
    pub(crate) fn check_fields(&self, own: &[&str]) -> Result<(), ModelError> {
        let known = [&["structure"], own, &["rates", "logits"]].concat();
        for (name, value) in &self.fields {
            if !known.contains(&name.as_str()) {
                let (field, structure, known) = (name.clone(), self.structure, known.join(", "));
                let problem = Problem::UnknownField { field, structure, known };
                return Err(self.reader.wrong(value.get(), name, problem));
            }
        }
        match (self.field("rates"), self.field("logits")) {
            (Some(_), Some(logits)) => {
                Err(self.reader.wrong(logits.get(), "logits", Problem::BothRatesAndLogits))
            }
            _ => Ok(()),
        }
    }

    fn field(&self, name: &str) -> Option<&'a RawValue> {
        self.fields.iter().find(|(field, _)| field == name).map(|&(_, value)| value)
    }

    fn missing(&self, field: &'static str) -> ModelError {
        let problem = Problem::MissingField { structure: self.structure, field };
        ModelError { place: Place::default(), problem }
    }

    /// A field that is a number of things; `quoted` is its name in quotes.
    pub(crate) fn count(
        &self,
        name: &str,
        quoted: &'static str,
        want: &'static str,
    ) -> Result<usize, ModelError> {
        let value = self.field(name).ok_or_else(|| self.missing(quoted))?;
        self.reader.count(value, name, want)
    }

    /// The list or matrix of rates or logits.
    fn scaled(&self) -> Result<(&'a RawValue, Scale), ModelError> {
        match (self.field("rates"), self.field("logits")) {
            (Some(rates), _) => Ok((rates, Scale::Rates)),
            (None, Some(logits)) => Ok((logits, Scale::Logits)),
            (None, None) => Err(self.missing("\"rates\" (or \"logits\")")),
        }
    }

    /// A structure on a list of rates.
    pub(crate) fn positions<A>(
        &self,
        build: impl FnOnce(&[BigRational]) -> Result<A, EntryProblem>,
    ) -> Result<(A, Vec<BigRational>), ModelError> {
        let (reader, (list, scale)) = (&self.reader, self.scaled()?);
        let items = reader.items(list, scale.name(), "a list with one number per position")?;
        let name = |i: usize| format!("{}[{i}]", scale.name());
        let mut rates = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            rates.push(reader.present(item, &name(i), scale)?);
        }
        let built = build(&rates).map_err(|(entry, problem)| match (entry, &problem, self.field("k")) {
            (Some(i), ..) => reader.wrong(items[i].get(), &name(i), problem),
            (None, Problem::K { .. }, Some(value)) => reader.wrong(value.get(), "k", problem),
            _ => reader.wrong(list.get(), scale.name(), problem),
        })?;
        Ok((built, rates))
    }

    /// A structure on the cells of a square matrix.
    pub(crate) fn square<A>(
        &self,
        build: impl FnOnce(&[Vec<BigRational>]) -> Result<A, EntryProblem>,
    ) -> Result<A, ModelError> {
        let (reader, (value, scale)) = (&self.reader, self.scaled()?);
        let matrix = matrix(reader, value, scale)?;
        let rate =
            |(_, rate): &(&RawValue, Option<BigRational>)| rate.clone().unwrap_or_else(BigRational::zero);
        let rates: Vec<Vec<BigRational>> = matrix.iter().map(|row| row.iter().map(rate).collect()).collect();
        build(&rates).map_err(|(_, problem)| match problem {
            Problem::Stuck { other, missing, .. } => {
                let cell = matrix[other][missing].0.get();
                reader.wrong(cell, &format!("{}[{other}][{missing}]", scale.name()), problem)
            }
            Problem::EmptyRow { row } | Problem::Unbalanced { row, .. } => {
                reader.wrong(matrix[row][0].0.get(), &format!("{}[{row}]", scale.name()), problem)
            }
            _ => reader.wrong(value.get(), scale.name(), problem),
        })
    }

    /// A structure on the edges or arcs of a graph, from a list or a matrix.
    pub(crate) fn graph<A>(
        &self,
        directed: bool,
        build: impl FnOnce(usize, Vec<Weighted>) -> Result<A, EntryProblem>,
    ) -> Result<A, ModelError> {
        let reader = &self.reader;
        let vertices = match self.field("vertices") {
            Some(value) => {
                Some((value, reader.count(value, "vertices", "the number of vertices, a positive integer")?))
            }
            None => None,
        };
        // Where a problem without an entry belongs.
        let whole = |problem: Problem, edges: &'a RawValue, name: &str| match (
            &problem,
            self.field("root"),
            self.field("vertices"),
        ) {
            (Problem::Root { .. }, Some(root), _) => reader.wrong(root.get(), "root", problem),
            (Problem::Empty, _, Some(vertices)) => reader.wrong(vertices.get(), "vertices", problem),
            _ => reader.wrong(edges.get(), name, problem),
        };
        if let Some(list) = self.field("edges") {
            if let Some(rates) = self.field("rates") {
                return Err(reader.wrong(rates.get(), "rates", Problem::BothEdgesAndMatrix("rates")));
            }
            let (_, vertices) = vertices.ok_or_else(|| self.missing("\"vertices\""))?;
            let (items, edges) = edge_list(reader, list, self.field("logits"))?;
            return build(vertices, edges).map_err(|(entry, problem): EntryProblem| match entry {
                Some(i) => reader.wrong(items[i].get(), &format!("edges[{i}]"), problem),
                None => whole(problem, list, "edges"),
            });
        }
        let Ok((value, scale)) = self.scaled() else {
            return Err(self.missing("\"edges\" (or a matrix \"rates\" or \"logits\")"));
        };
        let matrix = matrix(reader, value, scale)?;
        if let Some((given, vertices)) = vertices.filter(|&(_, vertices)| vertices != matrix.len()) {
            let problem = Problem::VertexCount { vertices, rows: matrix.len() };
            return Err(reader.wrong(given.get(), "vertices", problem));
        }
        let mut edges = Vec::new();
        for (row, cells) in matrix.iter().enumerate() {
            for (column, (raw, rate)) in cells.iter().enumerate() {
                // An unused logit may be 0, as it is in a fresh matrix of logits.
                let said = rate.as_ref().is_some_and(|rate| match scale {
                    Scale::Rates => !rate.is_zero(),
                    Scale::Logits => !rate.is_one(),
                });
                let why = match directed {
                    _ if row == column => "on the diagonal",
                    false if row > column && *rate != matrix[column][row].1 => {
                        "below the diagonal and differs from the one above it"
                    }
                    _ => "",
                };
                if !why.is_empty() && said {
                    let problem = Problem::NoEntry { row, column, why, found: raw.get().to_owned() };
                    return Err(reader.wrong(
                        raw.get(),
                        &format!("{}[{row}][{column}]", scale.name()),
                        problem,
                    ));
                }
                let entry = row != column && (directed || row < column);
                if let Some(rate) = rate.as_ref().filter(|rate| entry && !rate.is_zero()) {
                    edges.push((row, column, rate.clone()));
                }
            }
        }
        build(matrix.len(), edges).map_err(|(_, problem)| whole(problem, value, scale.name()))
    }
}

/// A matrix, `None` where it says null.
type Matrix<'a> = Vec<Vec<(&'a RawValue, Option<BigRational>)>>;

fn matrix<'a>(reader: &Reader<'a>, value: &'a RawValue, scale: Scale) -> Result<Matrix<'a>, ModelError> {
    let rows = reader.items(value, scale.name(), "a matrix, a list of rows")?;
    if rows.is_empty() {
        return Err(reader.wrong(value.get(), scale.name(), Problem::Empty));
    }
    let mut matrix = Matrix::new();
    for (i, row) in rows.iter().enumerate() {
        let cells =
            reader.items(row, &format!("{}[{i}]", scale.name()), "a row of the matrix, a list of numbers")?;
        if cells.len() != rows.len() {
            let problem = Problem::NotSquare { rows: rows.len(), row: i, columns: cells.len() };
            return Err(reader.wrong(row.get(), &format!("{}[{i}]", scale.name()), problem));
        }
        let mut read = Vec::with_capacity(cells.len());
        for (j, cell) in cells.into_iter().enumerate() {
            read.push((cell, reader.number(cell, &format!("{}[{i}][{j}]", scale.name()), scale)?));
        }
        matrix.push(read);
    }
    Ok(matrix)
}

/// Edges as items of the file and as (from, to, rate).
type Edges<'a> = (Vec<&'a RawValue>, Vec<(usize, usize, BigRational)>);

fn edge_list<'a>(
    reader: &Reader<'a>,
    list: &'a RawValue,
    logits: Option<&'a RawValue>,
) -> Result<Edges<'a>, ModelError> {
    let items = reader.items(list, "edges", "a list of edges such as [[0,1,\"2/3\"], [1,2,5]]")?;
    let logits = match logits {
        Some(value) => Some((value, reader.items(value, "logits", "a list with one logit per edge")?)),
        None => None,
    };
    if let Some((value, list)) = logits.as_ref().filter(|(_, list)| list.len() != items.len()) {
        let problem = Problem::LogitCount { logits: list.len(), edges: items.len() };
        return Err(reader.wrong(value.get(), "logits", problem));
    }
    let mut edges = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let name = format!("edges[{i}]");
        let want = if logits.is_some() {
            "an edge [u, v], its logit is in \"logits\""
        } else {
            "an edge [u, v, rate]"
        };
        let parts = reader.items(item, &name, want)?;
        let vertex = |part| reader.count(part, &name, "a vertex, an integer from 0");
        let edge = match (parts.as_slice(), &logits) {
            ([u, v, rate], None) => (vertex(u)?, vertex(v)?, reader.present(rate, &name, Scale::Rates)?),
            ([u, v], Some((_, logits))) => {
                (vertex(u)?, vertex(v)?, reader.present(logits[i], &format!("logits[{i}]"), Scale::Logits)?)
            }
            _ => return Err(reader.form(item.get(), &name, want)),
        };
        edges.push(edge);
    }
    Ok((items, edges))
}
