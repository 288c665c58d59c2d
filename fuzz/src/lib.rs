//! What is done with bytes from anywhere. Each target takes an entry point of the library, or some that belong together, and whatever the
//! bytes are there is a result or an error: no panic, no hang, and of a result what is written at each target holds.
//!
//! `tests/fuzz.rs` runs all of them on `corpus/`, and on changes of what is there, in every test run; the programs of `fuzz_targets/` hand
//! them to libFuzzer. See README.md here.

mod numbers;
mod samplers;
mod texts;

use std::io::{Cursor, Write as _};

use arbitrary::{Arbitrary, Result, Unstructured};
use gumbel_oracle::model::Model;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

/// A target: its name, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 12] = [
    ("archive", texts::archive),
    ("estimate", numbers::estimate),
    ("fast", samplers::fast),
    ("items", samplers::items),
    ("losses", texts::losses),
    ("model", texts::model),
    ("parameters", samplers::parameters),
    ("request", texts::request),
    ("samples", texts::samples),
    ("statistics", numbers::statistics),
    ("trace", texts::trace),
    ("vectors", texts::vectors),
];

/// Runs the target of this name.
///
/// # Panics
/// If there is none; and where the target finds a fault.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.0 == name);
    target.expect("a target").1(bytes);
}

/// Small models of every structure, with absent entries, extreme rates and one entry; those of a target that takes a model and something
/// else are chosen by its first byte.
const MODELS: [&str; 11] = [
    include_str!("../../examples/models/k3.json"),
    include_str!("../../examples/models/cycle_with_chord.json"),
    include_str!("../../examples/models/nested_arborescence.json"),
    include_str!("../../examples/models/matching3.json"),
    include_str!("../../examples/models/binary_tree5.json"),
    include_str!("../../examples/models/top_k.json"),
    include_str!("../../examples/models/permutation4.json"),
    include_str!("../../examples/models/categorical.json"),
    include_str!("../../examples/models/extreme_rates.json"),
    r#"{"structure": "matching", "rates": [[1, 0], [0, 3]]}"#,
    r#"{"structure": "binary_tree", "rates": ["1/3"]}"#,
];

/// A model by the first byte, and the rest.
pub(crate) fn of_first_byte(bytes: &[u8]) -> Option<(Model, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let text = MODELS[usize::from(first.wrapping_sub(b'a')) % MODELS.len()];
    Some((Model::parse(text).expect("a model of the examples"), rest))
}

/// A `.npz` of these parts: each begins with the word `PART`, then is its name up to the end of the line, then the file. What a fuzzer changes in
/// an archive has a wrong checksum, and is refused before it is read.
pub(crate) fn zipped(parts: &[u8]) -> Vec<u8> {
    const PART: &[u8] = b"PART";
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let starts: Vec<usize> = (0..parts.len()).filter(|&at| parts[at..].starts_with(PART)).collect();
    for (place, &start) in starts.iter().enumerate() {
        let end = starts.get(place + 1).copied().unwrap_or(parts.len());
        let part = &parts[start + PART.len()..end];
        let (name, file) = part.split_at(part.iter().position(|&byte| byte == b'\n').unwrap_or(part.len()));
        // Of two parts of one name the writer takes the first.
        if zip.start_file(String::from_utf8_lossy(name), stored).is_ok() {
            zip.write_all(file.get(1..).unwrap_or_default()).expect("room for it");
        }
    }
    zip.finish().expect("room for it").into_inner()
}

/// A number, more often one that is a rate, a weight or a uniform than chance would have it.
pub(crate) fn number(from: &mut Unstructured<'_>) -> Result<f64> {
    const CHOSEN: [f64; 16] = [
        0.0,
        -0.0,
        1.0,
        0.5,
        3.0,
        1e-3,
        1e3,
        1e-300,
        1e300,
        5e-324,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::INFINITY,
        f64::NAN,
        -1.0,
        80.0,
    ];
    Ok(match u8::arbitrary(from)? {
        byte @ 0..32 => CHOSEN[usize::from(byte % 16)],
        32..40 => f64::arbitrary(from)?,
        byte => f64::from(byte) / 64.0,
    })
}

pub(crate) fn some_numbers(from: &mut Unstructured<'_>, count: usize) -> Result<Vec<f64>> {
    (0..count).map(|_| number(from)).collect()
}
