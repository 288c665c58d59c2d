//! Reading samples files in NumPy's `.npz`, as a stream.
//!
//! # Format
//! The fields of [JSON Lines](super::jsonl) as arrays with a leading axis for the draws: what [`super::file`] writes, and what
//! `numpy.savez` and `numpy.savez_compressed` write. Numbers are `f32`, `f64`, or integers of any size, in either byte order;
//! arrays in C order (those in Fortran order are turned round in memory). Lists per entry are flat, or of the shape of the model's
//! matrix. The weight of an absent entry is infinite or NaN. The root of a binary tree has parent -1. An arborescence's trace
//! is two arrays, `trace` and `trace_component`; rows that are not used are -1.
//!
//! # Errors
//! [`SourceError`] with the file, the draw (counted from 0) and the array. What a checksum says to be damaged is not read.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::PathBuf;

use flate2::CrcReader;
use flate2::read::DeflateDecoder;
use gumbel_oracle::model::Model;
use num_traits::ToPrimitive as _;
use py_literal::Value;
use zip::CompressionMethod;

use super::form::{self, ComponentRace, Form, Given, Numbers};
use super::source::VALUES;
use super::{Batch, Field, Places, Source, SourceError};

/// Bytes that one thread parses at a time, and how many of such pieces are read at a time.
const PIECE: usize = 1 << 16;
const PIECES: usize = 32;

/// The most bytes of one draw in one array: a matrix of 5,000 × 5,000 is less.
const LARGEST: usize = 1 << 28;

/// The largest array in Fortran order, which must be held in memory to be read draw by draw.
const LARGEST_TURNED: usize = 1 << 30;

/// A file with its name.
#[derive(Debug, Clone)]
pub struct Archive {
    /// The name in messages.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// Samples files, one after the other, as one sample.
#[derive(Debug)]
pub struct Npz<'m> {
    form: Form<'m>,
    fields: Vec<Field>,
    reading: Option<Reading>,
    waiting: std::vec::IntoIter<Archive>,
    draws: u64,
    places: Places,
}

/// The draws of a file, in order.
#[derive(Debug)]
struct Reading {
    name: String,
    draws: u64,
    handed: u64,
    arrays: Vec<Array>,
}

/// What an array holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Field(Field),
    /// The components of the races of an arborescence.
    Components,
}

impl What {
    fn name(self) -> &'static str {
        match self {
            Self::Field(field) => field.name(),
            Self::Components => "trace_component",
        }
    }
}

/// The form of an array.
#[derive(Debug, Clone)]
struct Layout {
    what: What,
    number: Number,
    big: bool,
    /// The axes of one draw.
    shape: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    F4,
    F8,
    Signed(usize),
    Unsigned(usize),
}

impl Number {
    fn bytes(self) -> usize {
        match self {
            Self::F4 => 4,
            Self::F8 => 8,
            Self::Signed(bytes) | Self::Unsigned(bytes) => bytes,
        }
    }
}

struct Array {
    layout: Layout,
    read: Data,
    crc: u32,
}

/// Where the numbers come from, draw by draw.
enum Data {
    File(CrcReader<Box<dyn Read + Send + Sync>>),
    /// Turned round, and checked before.
    Memory(io::Cursor<Vec<u8>>),
}

impl std::fmt::Debug for Array {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Array").field("layout", &self.layout).finish_non_exhaustive()
    }
}

/// Some draws of a file, not yet parsed.
#[derive(Debug)]
pub struct Rows {
    /// The number of the first draw.
    first: u64,
    file: String,
    /// The number of the first draw in its file.
    first_in_file: u64,
    count: usize,
    columns: Vec<(Layout, Vec<u8>)>,
}

fn wrong(place: impl Into<String>, problem: impl Into<String>) -> SourceError {
    SourceError { place: place.into(), problem: problem.into() }
}

/// The head of an array.
pub(crate) struct Head {
    pub(crate) descr: String,
    pub(crate) fortran: bool,
    pub(crate) shape: Vec<usize>,
}

impl Head {
    /// NumPy's format, versions 1 to 3: a magic word, the length of a text, and the text, which is a dictionary in Python.
    pub(crate) fn read(read: &mut impl Read) -> Result<Self, String> {
        const LONGEST: usize = 10_000; // as NumPy
        let mut bytes = |count: usize| {
            let mut bytes = vec![0; count];
            read.read_exact(&mut bytes).map(|()| bytes).map_err(|error| error.to_string())
        };
        let magic = bytes(8)?;
        let length = match magic.strip_prefix(b"\x93NUMPY") {
            Some([1, _]) => bytes(2)?.iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte)),
            Some([2 | 3, _]) => {
                bytes(4)?.iter().rev().fold(0, |length, &byte| length << 8 | usize::from(byte))
            }
            Some([version, _]) => return Err(format!("version {version} of the format is not known")),
            _ => return Err("it does not begin as one".to_owned()),
        };
        if length > LONGEST {
            return Err(format!("its head has {length} bytes, more than {LONGEST}"));
        }
        let text = String::from_utf8(bytes(length)?).map_err(|_| "its head is no text".to_owned())?;
        // What is nested deeper is none of ours: even a list of records is not. The parser takes twice as long and more for each bracket
        // that is open.
        let mut open = 0_usize;
        let deep = text.chars().any(|character| {
            match character {
                '(' | '[' | '{' => open += 1,
                ')' | ']' | '}' => open = open.saturating_sub(1),
                _ => (),
            }
            open > 6
        });
        let head: Option<Value> = if deep { None } else { text.trim_end().parse().ok() };
        let get = |name: &str| match &head {
            Some(Value::Dict(items)) => {
                let found = items.iter().find(|(key, _)| key.as_string().is_some_and(|key| key == name));
                found.map(|(_, value)| value)
            }
            _ => None,
        };
        let axes = |axes: &Vec<Value>| -> Option<Vec<usize>> {
            axes.iter().map(|axis| axis.as_integer().and_then(|axis| axis.to_usize())).collect()
        };
        let descr = match get("descr") {
            Some(Value::List(_)) => return Err("it is one of records: want numbers".to_owned()),
            descr => descr.and_then(Value::as_string),
        };
        let fortran = get("fortran_order").and_then(Value::as_boolean);
        let shape = get("shape").and_then(Value::as_tuple).and_then(axes);
        match (descr, fortran, shape) {
            (Some(descr), Some(fortran), Some(shape)) => Ok(Self { descr: descr.clone(), fortran, shape }),
            _ => Err("its head does not say type, order and shape".to_owned()),
        }
    }
}

impl Layout {
    fn numbers(&self) -> usize {
        self.shape.iter().product()
    }

    fn bytes(&self) -> usize {
        self.numbers() * self.number.bytes()
    }

    /// From the head of an array, with the number of draws.
    fn of(what: What, head: &Head) -> Result<(Self, u64), String> {
        let descr = &head.descr;
        let (order, kind) = descr.split_at_checked(1).unwrap_or_default();
        let number = match kind {
            "f4" => Number::F4,
            "f8" => Number::F8,
            "i1" | "i2" | "i4" | "i8" => Number::Signed(usize::from(kind.as_bytes()[1] - b'0')),
            "u1" | "u2" | "u4" | "u8" | "b1" => Number::Unsigned(usize::from(kind.as_bytes()[1] - b'0')),
            _ => return Err(format!("has numbers of type {descr:?}: want f4, f8, or integers")),
        };
        let big = match order {
            "<" | "|" | "=" => false,
            ">" => true,
            _ => return Err(format!("has numbers of type {descr:?}: want f4, f8, or integers")),
        };
        let Some((&draws, shape)) = head.shape.split_first() else {
            return Err("is a single number: want an array with a leading axis for the draws".to_owned());
        };
        let all = shape.iter().try_fold(number.bytes(), |all, &axis| all.checked_mul(axis));
        if all.and_then(|all| all.checked_mul(draws)).is_none() {
            return Err("is too large for this machine".to_owned());
        }
        if shape.len() > 2 {
            return Err(format!(
                "has {} axes: want the draws, and a list or a matrix for each",
                shape.len() + 1
            ));
        }
        Ok((Self { what, number, big, shape: shape.to_vec() }, draws as u64))
    }

    /// The numbers of one draw.
    fn parse(&self, bytes: &[u8], numbers: &mut Numbers) {
        numbers.clear();
        let width = self.number.bytes();
        numbers.values.extend(bytes.chunks_exact(width).map(|bytes| self.number(bytes)));
        match self.shape.as_slice() {
            [] => numbers.scalar = true,
            [_] => {}
            [rows, columns] => numbers.rows.resize(*rows, *columns),
            _ => {} // refused by its layout
        }
    }

    fn number(&self, bytes: &[u8]) -> f64 {
        let mut eight = [0; 8];
        // Little end first.
        let width = bytes.len();
        eight[..width].copy_from_slice(bytes);
        if self.big {
            eight[..width].reverse();
        }
        match self.number {
            Number::F4 => f64::from(f32::from_le_bytes([eight[0], eight[1], eight[2], eight[3]])),
            Number::F8 => f64::from_le_bytes(eight),
            Number::Unsigned(_) => u64::from_le_bytes(eight) as f64,
            Number::Signed(width) => {
                let unused = 64 - 8 * width as u32;
                ((i64::from_le_bytes(eight) << unused) >> unused) as f64
            }
        }
    }
}

impl Array {
    /// The array of this name in the file, with the number of its draws.
    fn open(what: What, path: &PathBuf, entry: &Entry) -> Result<(Self, u64), String> {
        let failed = |error: io::Error| error.to_string();
        let mut file = File::open(path).map_err(failed)?;
        file.seek(SeekFrom::Start(entry.start)).map_err(failed)?;
        let packed = BufReader::with_capacity(PIECE, file.take(entry.packed));
        let unpacked: Box<dyn Read + Send + Sync> = match entry.method {
            CompressionMethod::Stored => Box::new(packed),
            _ => Box::new(DeflateDecoder::new(packed)),
        };
        let mut read = CrcReader::new(unpacked);
        let head = Head::read(&mut read).map_err(|problem| format!("is no array of NumPy: {problem}"))?;
        let (layout, draws) = Layout::of(what, &head)?;
        if layout.bytes() > LARGEST {
            return Err(format!(
                "has {} MiB for each draw, more than {}",
                layout.bytes() >> 20,
                LARGEST >> 20
            ));
        }
        let (has, wants) = (entry.size, u64::from(read.crc().amount()) + draws * layout.bytes() as u64);
        if has != wants {
            return Err(format!("has {has} bytes, but its shape says {wants}: the file is damaged"));
        }
        let mut array = Self { read: Data::File(read), crc: entry.crc, layout };
        if head.fortran && array.layout.numbers() > 1 && draws > 1 {
            array.turn(draws as usize)?;
        }
        Ok((array, draws))
    }

    /// From Fortran order, in which the draws of one number stand together, to C order.
    fn turn(&mut self, draws: usize) -> Result<(), String> {
        let size = draws * self.layout.bytes();
        if size > LARGEST_TURNED {
            return Err(format!(
                "is in Fortran order and has {} MiB, more than {}: save it by numpy.ascontiguousarray",
                size >> 20,
                LARGEST_TURNED >> 20
            ));
        }
        let width = self.layout.number.bytes();
        let columns = self.bytes(size)?;
        self.check()?;
        let numbers = self.layout.numbers();
        let mut rows = vec![0; size];
        // The number in place `c` of a draw in C order is in place `f` in Fortran order.
        for c in 0..numbers {
            let (mut left, mut f, mut stride) = (c, 0, numbers);
            let mut axes = Vec::with_capacity(self.layout.shape.len());
            for &axis in &self.layout.shape {
                stride /= axis;
                axes.push(left / stride);
                left %= stride;
            }
            let mut step = 1;
            for (&axis, place) in self.layout.shape.iter().zip(axes) {
                f += place * step;
                step *= axis;
            }
            for draw in 0..draws {
                let (from, to) = ((f * draws + draw) * width, (draw * numbers + c) * width);
                rows[to..to + width].copy_from_slice(&columns[from..from + width]);
            }
        }
        self.read = Data::Memory(io::Cursor::new(rows));
        Ok(())
    }

    fn bytes(&mut self, count: usize) -> Result<Vec<u8>, String> {
        let mut bytes = vec![0; count];
        let read = match &mut self.read {
            Data::File(read) => read.read_exact(&mut bytes),
            Data::Memory(read) => read.read_exact(&mut bytes),
        };
        read.map_err(|error| format!("cannot be read ({error}): is the file damaged?"))?;
        Ok(bytes)
    }

    /// At the end: nothing is left, and the checksum is right.
    fn check(&mut self) -> Result<(), String> {
        let Data::File(read) = &mut self.read else { return Ok(()) };
        let mut more = [0];
        let left = read
            .read(&mut more)
            .map_err(|error| format!("cannot be read ({error}): is the file damaged?"))?;
        if left > 0 {
            return Err("has more bytes than its shape says".to_owned());
        }
        if read.crc().sum() != self.crc {
            return Err("has another checksum than the file says: the file is damaged".to_owned());
        }
        Ok(())
    }
}

/// A file in an archive.
struct Entry {
    start: u64,
    packed: u64,
    size: u64,
    method: CompressionMethod,
    crc: u32,
}

impl Reading {
    /// The arrays of an archive; the fields are sorted.
    fn open(archive: &Archive, form: &Form<'_>) -> Result<(Self, Vec<Field>), SourceError> {
        let name = &archive.name;
        let file = File::open(&archive.path).map_err(|error| wrong(name, error.to_string()))?;
        let zip = zip::ZipArchive::new(BufReader::new(file));
        let mut zip =
            zip.map_err(|error| wrong(name, format!("is no .npz file ({error}): is it truncated?")))?;
        let (mut arrays, mut draws) = (Vec::new(), None::<(What, u64)>);
        for index in 0..zip.len() {
            let member = zip.by_index_raw(index).map_err(|error| wrong(name, error.to_string()))?;
            let array = member.name().strip_suffix(".npy").unwrap_or(member.name()).to_owned();
            let place = format!("{name}, `{}`", array.escape_debug());
            let field = Field::ALL.into_iter().find(|field| field.name() == array).map(What::Field);
            let components =
                (form.has_components() && array == What::Components.name()).then_some(What::Components);
            let Some(what) = field.or(components) else {
                let mut names: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
                names.extend(form.has_components().then_some(What::Components.name()));
                return Err(wrong(place, format!("unknown field: want {}", names.join(", "))));
            };
            let entry = Entry {
                start: member.data_start(),
                packed: member.compressed_size(),
                size: member.size(),
                method: member.compression(),
                crc: member.crc32(),
            };
            if !matches!(entry.method, CompressionMethod::Stored | CompressionMethod::Deflated)
                || member.encrypted()
            {
                let problem =
                    "is packed in a way that is not read: want numpy.savez or numpy.savez_compressed";
                return Err(wrong(place, problem));
            }
            let (array, found) =
                Array::open(what, &archive.path, &entry).map_err(|problem| wrong(&place, problem))?;
            match draws {
                Some((other, draws)) if draws != found => {
                    let other = other.name();
                    return Err(wrong(place, format!("has {found} draws, but `{other}` has {draws}")));
                }
                _ => draws = Some((what, found)),
            }
            arrays.push(array);
        }
        let has = |what: What| arrays.iter().any(|array: &Array| array.layout.what == what);
        let trace = has(What::Field(Field::Trace));
        if !form::SUFFICIENT.iter().any(|&field| has(What::Field(field))) {
            return Err(wrong(name, form::INSUFFICIENT));
        }
        if form.has_components() && trace != has(What::Components) {
            let [has, lacks] =
                if trace { ["trace", "trace_component"] } else { ["trace_component", "trace"] };
            let problem = format!("has `{has}`, but no `{lacks}`: the trace of an arborescence is both");
            return Err(wrong(name, problem));
        }
        let draws = draws.map_or(0, |draws| draws.1);
        if draws == 0 {
            return Err(wrong(name, "has no draws: want at least one"));
        }
        let mut fields: Vec<Field> = Vec::new();
        for array in &arrays {
            fields.extend(if let What::Field(field) = array.layout.what { Some(field) } else { None });
        }
        fields.sort_unstable();
        Ok((Self { name: name.clone(), draws, handed: 0, arrays }, fields))
    }

    /// The next draws, at most so many; none at the end.
    fn rows(&mut self, first: u64, most: usize) -> Result<Option<Rows>, SourceError> {
        let left = self.draws - self.handed;
        if left == 0 {
            return Ok(None);
        }
        let row: usize = self.arrays.iter().map(|array| array.layout.bytes()).sum();
        let count = (PIECE / row.max(1)).clamp(1, most).min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut columns = Vec::with_capacity(self.arrays.len());
        for array in &mut self.arrays {
            let mut bytes = array.bytes(count * array.layout.bytes());
            if count as u64 == left {
                bytes = bytes.and_then(|bytes| array.check().map(|()| bytes));
            }
            let place = || format!("{}, `{}`", self.name, array.layout.what.name());
            columns.push((array.layout.clone(), bytes.map_err(|problem| wrong(place(), problem))?));
        }
        let rows = Rows { first, file: self.name.clone(), first_in_file: self.handed, count, columns };
        self.handed += count as u64;
        Ok(Some(rows))
    }
}

impl<'m> Npz<'m> {
    /// The draws of a model in these files, one after the other. Opens the first.
    ///
    /// # Errors
    /// [`SourceError`] if it is no samples file.
    pub fn new(model: &'m Model, archives: Vec<Archive>) -> Result<Self, SourceError> {
        let form = Form::new(model);
        let mut waiting = archives.into_iter();
        let first = waiting.next().ok_or_else(|| wrong("samples", "want at least one file"))?;
        let (reading, fields) = Reading::open(&first, &form)?;
        let mut places = Places::default();
        places.push(0, first.name, false);
        Ok(Self { form, fields, reading: Some(reading), waiting, draws: 0, places })
    }

    /// The number of draws handed over so far.
    #[must_use]
    pub fn draws(&self) -> u64 {
        self.draws
    }
}

impl Source for Npz<'_> {
    type Piece = Rows;

    fn fields(&self) -> &[Field] {
        &self.fields
    }

    fn next(&mut self) -> Result<Vec<Rows>, SourceError> {
        let mut pieces = Vec::with_capacity(PIECES);
        let (first, entries) = (self.draws, self.form.entry_count());
        while pieces.len() < PIECES && (self.draws - first) as usize * entries < VALUES {
            let Some(now) = &mut self.reading else { break };
            if let Some(rows) = now.rows(self.draws, (VALUES / PIECES / entries.max(1)).max(1))? {
                self.draws += rows.count as u64;
                pieces.push(rows);
                continue;
            }
            self.reading = None;
            if let Some(archive) = self.waiting.next() {
                let (reading, fields) = Reading::open(&archive, &self.form)?;
                if fields != self.fields {
                    let names = |fields: &[Field]| {
                        fields.iter().map(|field| field.name()).collect::<Vec<_>>().join(", ")
                    };
                    let problem =
                        format!("has {}, but the first file has {}", names(&fields), names(&self.fields));
                    return Err(wrong(archive.name, problem));
                }
                self.places.push(self.draws, archive.name, false);
                self.reading = Some(reading);
            }
        }
        Ok(pieces)
    }

    fn first(&self, piece: &Rows) -> u64 {
        piece.first
    }

    fn fill(&self, piece: &Rows, batch: &mut Batch) -> Result<(), SourceError> {
        let mut given = Given::default();
        let (mut arcs, mut members) = (Numbers::default(), Numbers::default());
        for draw in 0..piece.count {
            let number = piece.first_in_file + draw as u64;
            let place = |what: What| format!("{}, draw {number}, field `{}`", piece.file, what.name());
            for (layout, bytes) in &piece.columns {
                let bytes = &bytes[draw * layout.bytes()..(draw + 1) * layout.bytes()];
                match layout.what {
                    What::Components => layout.parse(bytes, &mut members),
                    What::Field(Field::Trace) if self.form.has_components() => layout.parse(bytes, &mut arcs),
                    What::Field(field) => {
                        let numbers = &mut given.numbers[field as usize];
                        layout.parse(bytes, numbers);
                        if matches!(field, Field::Structure | Field::Trace) {
                            self.form.minus_one_is_none(numbers);
                        }
                        if field == Field::LogProb && !numbers.scalar {
                            let problem = "has more than one number for each draw: want one";
                            return Err(wrong(place(layout.what), problem));
                        }
                    }
                }
            }
            if self.form.has_components() && self.fields.contains(&Field::Trace) {
                let races = races(&arcs, &members);
                given.races =
                    Some(races.map_err(|problem| wrong(place(What::Field(Field::Trace)), problem))?);
            }
            let appended = self.form.append(&self.fields, &mut given, batch, number == 0);
            appended.map_err(|(field, problem)| wrong(place(What::Field(field)), problem))?;
        }
        Ok(())
    }

    fn places(&self) -> Places {
        self.places.clone()
    }
}

/// The races of an arborescence from its two arrays.
fn races(arcs: &Numbers, members: &Numbers) -> Result<Vec<ComponentRace>, String> {
    let form = "want `trace` [draws, races, 2] and `trace_component` [draws, races, n]";
    if arcs.rows.len() != members.rows.len() || arcs.rows.iter().any(|&width| width != 2) {
        return Err(form.to_owned());
    }
    let width = members.rows.first().copied().unwrap_or(0);
    let mut races = Vec::with_capacity(arcs.rows.len());
    for (arc, members) in arcs.values.chunks_exact(2).zip(members.values.chunks_exact(width.max(1))) {
        if arc.iter().all(|&end| end == -1.0) {
            if members.iter().any(|&member| member != 0.0) {
                return Err("a row without an arc has a component: want 0".to_owned());
            }
            continue;
        }
        let end = |end: f64| {
            let whole = end >= 0.0 && end <= f64::from(u32::MAX) && end == libm::trunc(end);
            whole.then_some(end as usize).ok_or_else(|| format!("{end} is no vertex: {form}"))
        };
        let mut component = Vec::new();
        for (vertex, &member) in members.iter().enumerate() {
            match member {
                1.0 => component.push(vertex),
                0.0 => {}
                other => return Err(format!("`trace_component` has {other}: want 0 or 1")),
            }
        }
        races.push(ComponentRace { component, arc: (end(arc[0])?, end(arc[1])?) });
    }
    Ok(races)
}
