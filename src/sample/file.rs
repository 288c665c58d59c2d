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
//! trace; rows that are not used are -1 and 0. These are about `16 n²` bytes per draw: for large n JSON Lines are shorter.

use std::io::{self, BufWriter, Cursor, Read, Seek, Write};

use gumbel_oracle::model::{Algorithm, Entry, Kind, Model};
use gumbel_oracle::structure::{Parents, Structure};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{Batch, Field, WalkError, arborescence, binary_tree};

/// Writes one draw of a batch as a line of JSON, the columns that the batch has in its order of fields.
///
/// # Errors
/// Those of the writer; [`io::ErrorKind::InvalidData`] if the trace is none of this model.
///
/// # Panics
/// If the batch does not have so many draws.
pub fn write_json_line(out: &mut impl Write, model: &Model, batch: &Batch, draw: usize) -> io::Result<()> {
    out.write_all(b"{")?;
    let mut first = true;
    for &field in batch.fields() {
        if let Some(text) = json_value(model, batch, draw, field)? {
            write!(out, "{}\"{}\":{text}", if first { "" } else { "," }, field.name())?;
            first = false;
        }
    }
    out.write_all(b"}\n")
}

/// One field of one draw of a batch as JSON, as it stands in samples files. `None` if there is no such column.
///
/// # Errors
/// [`io::ErrorKind::InvalidData`] if the trace is none of this model.
///
/// # Panics
/// If the batch does not have so many draws.
pub fn json_value(model: &Model, batch: &Batch, draw: usize, field: Field) -> io::Result<Option<String>> {
    Ok(match field {
        Field::Structure => batch.structure(draw).map(|structure| model.canonical(structure)),
        Field::Trace => batch.trace(draw).map(|winners| trace_text(model, winners)).transpose()?,
        Field::LogProb => batch.log_prob(draw).map(json_number),
        Field::Score => batch.score(draw).map(json_row),
        Field::Exponentials => batch.exponentials(draw).map(json_row),
        Field::Conditional => batch.conditional(draw).map(json_row),
        Field::Gradient => batch.gradient(draw).map(json_row),
    })
}

/// A trace in its canonical form.
enum Canonical {
    /// The winners in order.
    Winners(Vec<Entry>),
    /// The races of an arborescence: components and the arcs that won.
    Races(Vec<(Vec<usize>, Entry)>),
    /// The structure, which says it all.
    Structure(Structure),
}

/// The canonical form of the trace that these winners make up.
///
/// Complexity: O(numbers in it), but for sorting.
fn canonical_trace(model: &Model, winners: &[u32]) -> io::Result<Canonical> {
    let entries = model.entries();
    let foreign = |&(_, &winner): &(usize, &u32)| winner as usize >= entries.len();
    if let Some((race, &winner)) = winners.iter().enumerate().find(foreign) {
        return Err(no_trace(WalkError::NoSuchEntry { race, winner, entries: entries.len() }));
    }
    let entry = |winner: u32| entries[winner as usize];
    let ends = |winner: u32| match entry(winner) {
        Entry::Pair(u, v) => (u, v),
        Entry::Position(i) => (i, i),
    };
    let n = model.size();
    Ok(match model.algorithm() {
        Algorithm::Arborescence(a) => {
            let races = arborescence::races(n, a.root(), ends, winners).map_err(no_trace)?;
            Canonical::Races(races.into_iter().map(|(component, arc)| (component, entry(arc))).collect())
        }
        Algorithm::BinaryTree(_) => {
            let parents = binary_tree::parents(n, winners).map_err(no_trace)?;
            Canonical::Structure(Structure::Parents(Parents(parents)))
        }
        _ => Canonical::Winners(winners.iter().map(|&winner| entry(winner)).collect()),
    })
}

fn no_trace(error: WalkError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// The canonical JSON of a trace.
fn trace_text(model: &Model, winners: &[u32]) -> io::Result<String> {
    let item = |entry: Entry| match entry {
        Entry::Pair(u, v) => format!("[{u},{v}]"),
        Entry::Position(i) => i.to_string(),
    };
    let list = |items: Vec<String>| format!("[{}]", items.join(","));
    let race = |(component, arc): (Vec<usize>, Entry)| {
        let vertices = list(component.iter().map(usize::to_string).collect());
        format!(r#"{{"component":{vertices},"arc":{}}}"#, item(arc))
    };
    Ok(match canonical_trace(model, winners)? {
        Canonical::Winners(entries) => match (model.kind(), &entries[..]) {
            (Kind::Categorical, &[entry]) => item(entry),
            _ => list(entries.into_iter().map(item).collect()),
        },
        Canonical::Races(races) => list(races.into_iter().map(race).collect()),
        Canonical::Structure(structure) => model.canonical(&structure),
    })
}

/// A float as JSON, with the fewest digits that read back the same; `null` if it is not finite.
#[must_use]
pub fn json_number(value: f64) -> String {
    serde_json::Number::from_f64(value).map_or_else(|| "null".to_owned(), |number| number.to_string())
}

/// Floats as a list in JSON, `null` where one is not finite.
#[must_use]
pub fn json_row(values: &[f64]) -> String {
    let items: Vec<String> = values.iter().map(|&value| json_number(value)).collect();
    format!("[{}]", items.join(","))
}

/// Collects draws and writes them as `.npz`, which has one array after the other: all draws must be there before the first is whole. Until
/// then they are kept in memory, or in as many scratch files as there are arrays.
#[derive(Debug)]
pub struct Arrays<'m, S: Write = Cursor<Vec<u8>>> {
    model: &'m Model,
    fields: Vec<Field>,
    draws: usize,
    integers: [Column<S>; 3],
    floats: [Column<S>; 5],
}

/// The numbers of an array so far, all of as many bytes.
#[derive(Debug)]
pub(crate) struct Column<S: Write> {
    scratch: BufWriter<S>,
    numbers: u64,
}

impl<S: Write> Column<S> {
    /// None yet; they are kept in this scratch file.
    pub(crate) fn new(scratch: S) -> Self {
        Self { scratch: BufWriter::new(scratch), numbers: 0 }
    }

    /// Adds numbers, little end first.
    pub(crate) fn push(&mut self, numbers: impl IntoIterator<Item: AsRef<[u8]>>) -> io::Result<()> {
        numbers.into_iter().try_for_each(|number| {
            self.numbers += 1;
            self.scratch.write_all(number.as_ref())
        })
    }

    fn integers(&mut self, numbers: Vec<i64>) -> io::Result<()> {
        self.push(numbers.into_iter().map(i64::to_le_bytes))
    }

    fn floats(&mut self, numbers: &[f64]) -> io::Result<()> {
        self.push(numbers.iter().map(|number| number.to_le_bytes()))
    }
}

impl<'m> Arrays<'m> {
    /// No draws yet; they are kept in memory.
    #[must_use]
    pub fn new(model: &'m Model, fields: &[Field]) -> Self {
        let column = |()| Column::new(Cursor::default());
        Self {
            model,
            fields: fields.to_vec(),
            draws: 0,
            integers: [(); 3].map(column),
            floats: [(); 5].map(column),
        }
    }
}

impl<'m, S: Read + Write + Seek> Arrays<'m, S> {
    /// No draws yet; they are kept in scratch files, 8 of them, which `make` makes: empty, for reading and writing.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn kept_in(
        model: &'m Model,
        fields: &[Field],
        make: impl FnMut() -> io::Result<S>,
    ) -> io::Result<Self> {
        let mut columns = std::iter::repeat_with(make).map(|scratch| scratch.map(Column::new));
        let mut column = || columns.next().unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()));
        let integers = [column()?, column()?, column()?];
        let floats = [column()?, column()?, column()?, column()?, column()?];
        Ok(Self { model, fields: fields.to_vec(), draws: 0, integers, floats })
    }

    /// Adds the draws of a batch, which must have these columns.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] if a column is lacking, or a trace is none of this model; those of the scratch files.
    pub fn push(&mut self, batch: &Batch) -> io::Result<()> {
        for field in &self.fields {
            if !batch.has(*field) {
                let lacking = format!("no column {} in the batch", field.name());
                return Err(io::Error::new(io::ErrorKind::InvalidData, lacking));
            }
        }
        for draw in 0..batch.len() {
            self.draws += 1;
            if let Some(structure) = batch.structure(draw).filter(|_| self.fields.contains(&Field::Structure))
            {
                let structure = self.structure(structure);
                self.integers[0].integers(structure)?;
            }
            if let Some(winners) = batch.trace(draw).filter(|_| self.fields.contains(&Field::Trace)) {
                let (trace, components) = self.trace(winners)?;
                self.integers[1].integers(trace)?;
                self.integers[2].integers(components)?;
            }
            for (field, column, values) in [
                (Field::Score, 1, batch.score(draw)),
                (Field::Exponentials, 2, batch.exponentials(draw)),
                (Field::Conditional, 3, batch.conditional(draw)),
                (Field::Gradient, 4, batch.gradient(draw)),
            ] {
                let values = values.filter(|_| self.fields.contains(&field));
                self.floats[column].floats(values.unwrap_or_default())?;
            }
            let log_prob = batch.log_prob(draw).filter(|_| self.fields.contains(&Field::LogProb));
            self.floats[0].floats(log_prob.as_slice())?;
        }
        Ok(())
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

    fn trace(&self, winners: &[u32]) -> io::Result<(Vec<i64>, Vec<i64>)> {
        Ok(match canonical_trace(self.model, winners)? {
            Canonical::Winners(entries) => (entries.into_iter().flat_map(numbers).collect(), Vec::new()),
            Canonical::Races(races) => self.components(races),
            Canonical::Structure(structure) => (self.structure(&structure), Vec::new()),
        })
    }

    fn components(&self, races: Vec<(Vec<usize>, Entry)>) -> (Vec<i64>, Vec<i64>) {
        let (n, rows) = (self.model.size(), self.rows());
        let (mut arcs, mut members) = (vec![-1; rows * 2], vec![0; rows * n]);
        for (row, (component, arc)) in races.into_iter().enumerate() {
            arcs[2 * row..2 * row + 2].copy_from_slice(&numbers(arc));
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
    /// Those of the writer and of the scratch files; [`io::ErrorKind::InvalidData`] if there was a draw that is none of the model.
    pub fn write(self, out: impl Write + Seek) -> io::Result<()> {
        let mut npz = ZipWriter::new(out);
        let (n, m) = (self.model.size(), self.model.entries().len());
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
        let (rows, nested) = (self.rows(), self.model.kind() == Kind::Arborescence);
        let [structures, traces, components] = self.integers;
        let [log_prob, score, exponentials, conditional, gradient] = self.floats;
        for (field, name, number, shape, column) in [
            (Field::Structure, "structure", "i8", structure, structures),
            (Field::Trace, "trace", "i8", trace, traces),
            (Field::Trace, "trace_component", "i8", vec![rows, n], components),
            (Field::LogProb, "log_prob", "f8", vec![], log_prob),
            (Field::Score, "score", "f8", vec![m], score),
            (Field::Exponentials, "exponentials", "f8", vec![m], exponentials),
            (Field::Conditional, "conditional", "f8", vec![m], conditional),
            (Field::Gradient, "gradient", "f8", vec![m], gradient),
        ] {
            if self.fields.contains(&field) && (nested || name != "trace_component") {
                let shape = [vec![self.draws], shape].concat();
                add(&mut npz, name, number, &shape, column)?;
            }
        }
        npz.finish()?;
        Ok(())
    }
}

/// Adds an array to the archive: as NumPy's format 1.0 has it, of little-endian numbers in C order.
pub(crate) fn add<S: Read + Write + Seek>(
    npz: &mut ZipWriter<impl Write + Seek>,
    name: &str,
    number: &str,
    shape: &[usize],
    column: Column<S>,
) -> io::Result<()> {
    let wanted: usize = shape.iter().product();
    if column.numbers != wanted as u64 {
        let wrong = format!("{} numbers of {name}: want {wanted}, for draws of this model", column.numbers);
        return Err(io::Error::new(io::ErrorKind::InvalidData, wrong));
    }
    let extents: String = shape.iter().map(|extent| format!("{extent}, ")).collect();
    let extents = if shape.len() == 1 { extents.trim_end() } else { extents.trim_end_matches(", ") };
    let header = format!("{{'descr': '<{number}', 'fortran_order': False, 'shape': ({extents}), }}");
    // The numbers begin at a multiple of 64 bytes; a line feed ends what is before them.
    let before = 10 + header.len() + 1;
    let header = format!("{header}{}\n", " ".repeat(before.next_multiple_of(64) - before));
    // An archive states the size of a file in 32 bits, unless told beforehand that they may not do.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(column.numbers >= 1 << 28);
    npz.start_file(format!("{name}.npy"), options)?;
    npz.write_all(b"\x93NUMPY\x01\x00")?;
    npz.write_all(&(header.len() as u16).to_le_bytes())?;
    npz.write_all(header.as_bytes())?;
    let mut scratch = column.scratch.into_inner().map_err(io::IntoInnerError::into_error)?;
    scratch.rewind()?;
    io::copy(&mut scratch, npz)?;
    Ok(())
}

fn numbers(entry: Entry) -> Vec<i64> {
    match entry {
        Entry::Pair(u, v) => vec![u as i64, v as i64],
        Entry::Position(i) => vec![i as i64],
    }
}
