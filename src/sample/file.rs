//! Writing samples files: JSON Lines and NumPy's `.npz`.
//!
//! # Format
//! JSON Lines: one object per draw, with the fields asked for in this order: `structure`, `trace`, `log_prob`, `score`,
//! `exponentials`, `conditional`. Structures and traces are canonical JSON; lists per entry are flat in entry order, `null`
//! at absent entries. Floats are written with the fewest digits that read back to the same `f64`.
//!
//! `.npz`: the same names as arrays with a leading axis for the draws. Floats are `f64` `[draws, entries]` (`log_prob`
//! `[draws]`), infinite at absent entries. Integers are `i64`:
//!
//! | structure | `structure` | `trace` |
//! |---|---|---|
//! | spanning_tree, arborescence | `[draws, n-1, 2]` | spanning_tree `[draws, n-1, 2]`; arborescence below |
//! | matching | `[draws, n]` | `[draws, n, 2]` |
//! | binary_tree | `[draws, n]`, -1 for the root's parent | as structure |
//! | top_k | `[draws, k]` | `[draws, k]` |
//! | permutation | `[draws, n]` | as structure |
//! | categorical | `[draws]` | as structure |
//!
//! The races of an arborescence's trace differ in number from draw to draw, at most `2n-3`: `trace` is the winning arcs
//! `[draws, 2n-3, 2]` and `trace_component` the components `[draws, 2n-3, n]` as 0 and 1, in the order of the canonical
//! trace; rows that are not used are -1 and 0.

use std::io::{self, Seek, Write};

use gumbel_oracle::model::{Algorithm, Entry, Kind, Model};
use gumbel_oracle::race::Trace;
use gumbel_oracle::structure::Structure;
use ndarray::{ArrayD, IxDyn};
use ndarray_npy::{NpzWriter, WriteNpzError};

use super::{Draw, Field};

/// Writes one draw as a line of JSON. An estimate of the gradient is not of one draw, and not written.
///
/// # Errors
/// Those of the writer.
pub fn write_json_line(out: &mut impl Write, model: &Model, fields: &[Field], draw: &Draw) -> io::Result<()> {
    for (i, field) in fields.iter().filter(|field| **field != Field::Gradient).enumerate() {
        out.write_all(if i == 0 { b"{" } else { b"," })?;
        write!(out, "\"{}\":", field.name())?;
        match field {
            Field::Structure => out.write_all(model.canonical(&draw.structure).as_bytes())?,
            Field::Trace => out.write_all(model.canonical_trace(&draw.trace).as_bytes())?,
            Field::LogProb => out.write_all(float(draw.log_prob).as_bytes())?,
            Field::Score => out.write_all(floats(&draw.score).as_bytes())?,
            Field::Exponentials => out.write_all(floats(&draw.exponentials).as_bytes())?,
            Field::Conditional => out.write_all(floats(&draw.conditional).as_bytes())?,
            Field::Gradient => {} // filtered out
        }
    }
    out.write_all(b"}\n")
}

/// A float as JSON, with the fewest digits that read back the same; `null` if it is not finite.
fn float(value: f64) -> String {
    serde_json::Number::from_f64(value).map_or_else(|| "null".to_owned(), |number| number.to_string())
}

fn floats(values: &[f64]) -> String {
    let items: Vec<String> = values.iter().map(|&value| float(value)).collect();
    format!("[{}]", items.join(","))
}

/// Collects draws and writes them as `.npz`.
#[derive(Debug)]
pub struct Arrays<'m> {
    model: &'m Model,
    fields: Vec<Field>,
    draws: usize,
    integers: [Vec<i64>; 3],
    floats: [Vec<f64>; 4],
}

impl<'m> Arrays<'m> {
    /// No draws yet.
    #[must_use]
    pub fn new(model: &'m Model, fields: &[Field]) -> Self {
        Self {
            model,
            fields: fields.to_vec(),
            draws: 0,
            integers: Default::default(),
            floats: Default::default(),
        }
    }

    /// Adds a draw.
    pub fn push(&mut self, draw: &Draw) {
        self.draws += 1;
        for field in &self.fields {
            match field {
                Field::Structure => self.integers[0].extend(self.structure(&draw.structure)),
                Field::Trace => {
                    let (trace, components) = self.trace(draw);
                    self.integers[1].extend(trace);
                    self.integers[2].extend(components);
                }
                Field::LogProb => self.floats[0].push(draw.log_prob),
                Field::Score => self.floats[1].extend(&draw.score),
                Field::Exponentials => self.floats[2].extend(&draw.exponentials),
                Field::Conditional => self.floats[3].extend(&draw.conditional),
                Field::Gradient => {} // not of the draw
            }
        }
    }

    fn structure(&self, structure: &Structure) -> Vec<i64> {
        match structure {
            Structure::Parents(parents) => parents.0.iter().map(|p| p.map_or(-1, |p| p as i64)).collect(),
            Structure::Order(order) => order.iter().map(|&i| i as i64).collect(),
            Structure::Entries(set) => {
                let mut entries: Vec<Entry> = set.iter().map(|&k| self.model.entries()[k]).collect();
                entries.sort_unstable();
                let matching = self.model.kind() == Kind::Matching;
                entries
                    .into_iter()
                    .flat_map(|entry| numbers(entry).split_off(usize::from(matching)))
                    .collect()
            }
        }
    }

    fn trace(&self, draw: &Draw) -> (Vec<i64>, Vec<i64>) {
        let entry = |k: usize| numbers(self.model.entries()[k]);
        match self.model.kind() {
            Kind::BinaryTree => (self.structure(&draw.structure), Vec::new()),
            Kind::Arborescence => self.components(&draw.trace),
            _ => (draw.trace.races().iter().flat_map(|race| entry(race.winner)).collect(), Vec::new()),
        }
    }

    fn components(&self, trace: &Trace) -> (Vec<i64>, Vec<i64>) {
        let (n, rows) = (self.model.size(), self.rows());
        let (mut arcs, mut members) = (vec![-1; rows * 2], vec![0; rows * n]);
        for (row, (component, arc)) in self.model.components(trace).into_iter().enumerate() {
            arcs[2 * row..2 * row + 2].copy_from_slice(&numbers(self.model.entries()[arc]));
            component.into_iter().for_each(|vertex| members[row * n + vertex] = 1);
        }
        (arcs, members)
    }

    /// The most races of an arborescence on `n` vertices: a laminar family without the root.
    fn rows(&self) -> usize {
        (2 * self.model.size()).saturating_sub(3)
    }

    /// Writes the arrays.
    ///
    /// # Errors
    /// [`WriteNpzError`] if the writer fails.
    pub fn write(self, out: impl Write + Seek) -> Result<(), WriteNpzError> {
        let mut npz = NpzWriter::new(out);
        let (n, m, draws) = (self.model.size(), self.model.entries().len(), self.draws);
        let (structure, trace): (Vec<usize>, Vec<usize>) = match self.model.kind() {
            Kind::SpanningTree => (vec![n - 1, 2], vec![n - 1, 2]),
            Kind::Arborescence => (vec![n - 1, 2], vec![self.rows(), 2]),
            Kind::Matching => (vec![n], vec![n, 2]),
            Kind::BinaryTree | Kind::Permutation => (vec![n], vec![n]),
            Kind::TopK => {
                let k = if let Algorithm::TopK(a) = self.model.algorithm() { a.k() } else { 0 };
                (vec![k], vec![k])
            }
            Kind::Categorical => (vec![], vec![]),
        };
        let rows = self.rows();
        let [structures, traces, components] = self.integers;
        let [log_prob, score, exponentials, conditional] = self.floats;
        let mut integers = |name: &str, shape: Vec<usize>, values: Vec<i64>| {
            npz.add_array(name, &array([vec![draws], shape].concat(), values)?)
        };
        if self.fields.contains(&Field::Structure) {
            integers("structure", structure, structures)?;
        }
        if self.fields.contains(&Field::Trace) {
            integers("trace", trace, traces)?;
            if self.model.kind() == Kind::Arborescence {
                integers("trace_component", vec![rows, n], components)?;
            }
        }
        for (field, name, shape, values) in [
            (Field::LogProb, "log_prob", vec![draws], log_prob),
            (Field::Score, "score", vec![draws, m], score),
            (Field::Exponentials, "exponentials", vec![draws, m], exponentials),
            (Field::Conditional, "conditional", vec![draws, m], conditional),
        ] {
            if self.fields.contains(&field) {
                npz.add_array(name, &array(shape, values)?)?;
            }
        }
        npz.finish()?;
        Ok(())
    }
}

fn array<T>(shape: Vec<usize>, values: Vec<T>) -> Result<ArrayD<T>, WriteNpzError> {
    ArrayD::from_shape_vec(IxDyn(&shape), values)
        .map_err(|error| WriteNpzError::from(zip_error(&error.to_string())))
}

fn zip_error(message: &str) -> ndarray_npy::WriteNpyError {
    ndarray_npy::WriteNpyError::from(io::Error::other(message))
}

fn numbers(entry: Entry) -> Vec<i64> {
    match entry {
        Entry::Pair(u, v) => vec![u as i64, v as i64],
        Entry::Position(i) => vec![i as i64],
    }
}
