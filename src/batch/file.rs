//! Parameters of batches from NumPy's `.npy` and `.npz`.
//!
//! # Format
//! `.npy`: logits `[items, n, n]` or `[items, n]`. `.npz`: these as `logits`, or rates as `rates`; and if there are any `lengths`
//! `[items]`, `mask` (booleans, of the shape of the parameters; true is present), `root` and `k`, each `[items]` or a single number. Logits and
//! rates are `f32` or `f64`, counts are integers, all in either byte order, in C or Fortran order, stored or deflated.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use gumbel_oracle::kind::Kind;
use ndarray::{ArrayD, IxDyn, ShapeBuilder as _};

use super::{BatchError, Float, Items};
use crate::sample::SourceError;
use crate::sample::npz::Head;

/// Parameters of one precision, as they stand in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters<T> {
    /// Whether they are logits, or else rates.
    pub are_logits: bool,
    /// `[items, n, n]` or `[items, n]`.
    pub values: ArrayD<T>,
    /// See [`Items::with_lengths`].
    pub lengths: Option<Vec<usize>>,
    /// See [`Items::with_mask`].
    pub mask: Option<ArrayD<bool>>,
    /// See [`Items::with_roots`].
    pub roots: Option<Vec<usize>>,
    /// See [`Items::with_races`].
    pub races: Option<Vec<usize>>,
}

impl<T: Float> Parameters<T> {
    /// The items of this structure.
    ///
    /// # Errors
    /// [`BatchError`].
    pub fn items(&self, kind: Kind) -> Result<Items<'_, T>, BatchError> {
        let values = self.values.view();
        let mut items =
            if self.are_logits { Items::logits(kind, values)? } else { Items::rates(kind, values)? };
        if let Some(lengths) = &self.lengths {
            items = items.with_lengths(lengths)?;
        }
        if let Some(mask) = &self.mask {
            items = items.with_mask(mask.view())?;
        }
        if let Some(roots) = &self.roots {
            items = items.with_roots(roots)?;
        }
        if let Some(races) = &self.races {
            items = items.with_races(races)?;
        }
        Ok(items)
    }
}

/// Parameters in the precision in which they stand in a file.
#[derive(Debug, Clone, PartialEq)]
pub enum FromFile {
    /// `f32`
    Single(Parameters<f32>),
    /// `f64`
    Double(Parameters<f64>),
}

/// Whether a file is one of arrays, by its name.
#[must_use]
pub fn is_array_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "npy" || extension == "npz")
}

fn wrong(place: impl Into<String>, problem: impl Into<String>) -> SourceError {
    SourceError { place: place.into(), problem: problem.into() }
}

/// Reads a `.npy` or `.npz` file, all of it.
///
/// # Errors
/// [`SourceError`] with the file, the array, and what is wrong.
pub fn read(path: &Path) -> Result<FromFile, SourceError> {
    let name = path.display().to_string();
    let failed = |error: std::io::Error| wrong(&name, error.to_string());
    let file = BufReader::new(File::open(path).map_err(failed)?);
    if path.extension().is_some_and(|extension| extension == "npy") {
        read_npy(&name, file)
    } else {
        read_npz(&name, file)
    }
}

/// Reads a `.npy`, which messages call by this name.
///
/// # Errors
/// As [`read`].
pub fn read_npy(name: &str, from: impl Read) -> Result<FromFile, SourceError> {
    let logits = Data::read(from).map_err(|problem| wrong(name, problem))?;
    gather(name, vec![("logits".to_owned(), logits)])
}

/// Reads a `.npz`, which messages call by this name.
///
/// # Errors
/// As [`read`].
pub fn read_npz(name: &str, from: impl Read + Seek) -> Result<FromFile, SourceError> {
    let zip = zip::ZipArchive::new(from);
    let mut zip = zip.map_err(|error| wrong(name, format!("is no .npz file ({error}): is it truncated?")))?;
    let mut arrays: Vec<(String, Data)> = Vec::new();
    for index in 0..zip.len() {
        let member = zip.by_index(index).map_err(|error| wrong(name, error.to_string()))?;
        let array = member.name().strip_suffix(".npy").unwrap_or(member.name()).to_owned();
        let place = format!("{name}, `{}`", array.escape_debug());
        if !NAMES.contains(&&*array) {
            return Err(wrong(place, format!("unknown array: want {}", NAMES.join(", "))));
        }
        if arrays.iter().any(|(other, _)| *other == array) {
            return Err(wrong(place, "is there twice: want one of each array"));
        }
        arrays.push((array, Data::read(member).map_err(|problem| wrong(place, problem))?));
    }
    gather(name, arrays)
}

const NAMES: [&str; 6] = ["logits", "rates", "lengths", "mask", "root", "k"];

fn gather(file: &str, arrays: Vec<(String, Data)>) -> Result<FromFile, SourceError> {
    let (mut values, mut mask) = (None, None);
    let [mut lengths, mut roots, mut races] = [None, None, None];
    for (name, data) in arrays {
        let place = || format!("{file}, `{name}`");
        let numbers = |data: Data| data.counts().map_err(|problem| wrong(place(), problem));
        match &*name {
            "lengths" => lengths = Some(numbers(data)?),
            "root" => roots = Some(numbers(data)?),
            "k" => races = Some(numbers(data)?),
            "mask" => match data {
                Data::Booleans(array) => mask = Some(array),
                other => {
                    let problem = format!("has numbers of type {}: want booleans", other.name());
                    return Err(wrong(place(), problem));
                }
            },
            _ if values.is_some() => {
                return Err(wrong(file, "has both `logits` and `rates`: want one of them"));
            }
            _ => values = Some((name == "logits", data)),
        }
    }
    let Some((are_logits, values)) = values else {
        return Err(wrong(file, "has neither `logits` nor `rates`: want one of them"));
    };
    Ok(match values {
        Data::Single(values) => {
            FromFile::Single(Parameters { are_logits, values, lengths, mask, roots, races })
        }
        Data::Double(values) => {
            FromFile::Double(Parameters { are_logits, values, lengths, mask, roots, races })
        }
        other => {
            let name = if are_logits { "logits" } else { "rates" };
            let problem = format!("has numbers of type {}: want f4 or f8", other.name());
            return Err(wrong(format!("{file}, `{name}`"), problem));
        }
    })
}

/// An array of any type that is read.
#[derive(Debug)]
enum Data {
    Single(ArrayD<f32>),
    Double(ArrayD<f64>),
    Integers(ArrayD<i128>),
    Booleans(ArrayD<bool>),
}

impl Data {
    fn name(&self) -> &'static str {
        match self {
            Self::Single(_) => "f4",
            Self::Double(_) => "f8",
            Self::Integers(_) => "integers",
            Self::Booleans(_) => "b1",
        }
    }

    /// Reads all of a `.npy`. What it says of its size is not believed before the bytes are there.
    fn read(mut from: impl Read) -> Result<Self, String> {
        let Head { descr, fortran, shape } =
            Head::read(&mut from).map_err(|problem| format!("is no array of NumPy: {problem}"))?;
        let types = || format!("has numbers of type {descr:?}: want f4, f8, integers or booleans");
        let (order, number) = descr.split_at_checked(1).ok_or_else(types)?;
        let width = match number {
            "f4" | "i4" | "u4" => 4,
            "f8" | "i8" | "u8" => 8,
            "i1" | "u1" | "b1" => 1,
            "i2" | "u2" => 2,
            _ => return Err(types()),
        };
        let is_big = match order {
            "<" | "|" | "=" => false,
            ">" => true,
            _ => return Err(types()),
        };
        let bytes = shape.iter().try_fold(width, |all: usize, &axis| all.checked_mul(axis));
        let bytes = bytes.ok_or("is too large for this machine")?;
        let mut read = Vec::new();
        let failed = |error: std::io::Error| format!("cannot be read ({error}): is the file damaged?");
        from.by_ref().take(bytes as u64).read_to_end(&mut read).map_err(failed)?;
        // At the end of a file in an archive its checksum is looked at.
        let more = from.read(&mut [0]).map_err(failed)?;
        if read.len() != bytes || more > 0 {
            let has = if more > 0 { "more".to_owned() } else { read.len().to_string() };
            return Err(format!("has {has} bytes, but its shape says {bytes}: the file is damaged"));
        }
        if is_big {
            read.chunks_exact_mut(width).for_each(<[u8]>::reverse);
        }
        let kind = &number[..1];
        Ok(match number {
            "f4" => Self::Single(array(&read, &shape, fortran, f32::from_le_bytes)?),
            "f8" => Self::Double(array(&read, &shape, fortran, f64::from_le_bytes)?),
            "b1" => Self::Booleans(array(&read, &shape, fortran, |[byte]: [u8; 1]| byte != 0)?),
            _ => {
                let numbers = read.chunks_exact(width).map(|bytes| integer(bytes, kind == "i")).collect();
                let shaped = IxDyn(&shape).set_f(fortran);
                Self::Integers(ArrayD::from_shape_vec(shaped, numbers).map_err(|error| error.to_string())?)
            }
        })
    }

    /// Numbers that count something, one or a list.
    fn counts(self) -> Result<Vec<usize>, String> {
        let Self::Integers(array) = self else {
            return Err(format!("has numbers of type {}: want integers", self.name()));
        };
        if array.ndim() > 1 {
            return Err(format!("has the shape {:?}: want one number, or one for each item", array.shape()));
        }
        let count =
            |value: &i128| usize::try_from(*value).map_err(|_| format!("has {value}: want 0 or above"));
        array.iter().map(count).collect()
    }
}

fn array<T, const WIDTH: usize>(
    bytes: &[u8],
    shape: &[usize],
    fortran: bool,
    number: impl Fn([u8; WIDTH]) -> T,
) -> Result<ArrayD<T>, String> {
    let (numbers, _) = bytes.as_chunks::<WIDTH>();
    let numbers = numbers.iter().map(|bytes| number(*bytes)).collect();
    ArrayD::from_shape_vec(IxDyn(shape).set_f(fortran), numbers).map_err(|error| error.to_string())
}

/// Little end first.
fn integer(bytes: &[u8], is_signed: bool) -> i128 {
    let fill = if is_signed && bytes.last().is_some_and(|last| *last >= 0x80) { 0xff } else { 0 };
    let mut all = [fill; 16];
    all[..bytes.len()].copy_from_slice(bytes);
    i128::from_le_bytes(all)
}
