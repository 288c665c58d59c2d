//! Samples files in every form that people write, and in forms that no one should.

mod common;
#[path = "common/mutated.rs"]
mod mutated;

use std::io::{Cursor, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use flate2::Compression;
use flate2::write::GzEncoder;
use gumbel_oracle::model::{Entry, Kind, Model};
use gumbel_oracle::race::{Race, Trace};
use gumbel_oracle::structure::{EntrySet, Structure};
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::rngs::ChaCha8Rng;
use recursive_gumbel::sample::file::{Arrays, write_json_line};
use recursive_gumbel::sample::jsonl::{Input, JsonLines};
use recursive_gumbel::sample::npz::{Archive, Npz};
use recursive_gumbel::sample::{Batch, Draw, Field, Reference, Sampler as _, Source};
use recursive_gumbel::verify::MODELS;
use zip::CompressionMethod;
use zip::write::SimpleFileOptions;

use common::random;
use mutated::mutated;

const K4: &str = "examples/models/k4.json";

fn k4() -> Model {
    Model::parse(&std::fs::read_to_string(K4).unwrap()).unwrap()
}

fn drawn(model: &Model, count: usize) -> Batch {
    let mut batch = Batch::new(model.entries().len(), &Field::DRAWN);
    Reference::new(model, 7).unwrap().fill(0, count, &mut batch);
    batch
}

/// The draws of [`drawn`] as the library writes them.
fn npz(model: &Model, count: usize) -> Vec<u8> {
    let mut arrays = Arrays::new(model, &Field::DRAWN);
    arrays.push(&drawn(model, count)).unwrap();
    let mut file = Cursor::new(Vec::new());
    arrays.write(&mut file).unwrap();
    file.into_inner()
}

/// In scratch files as in memory, batch by batch or at once: the same bytes.
#[test]
fn arrays_are_the_same_wherever_they_are_kept() {
    for file in std::fs::read_dir("examples/models").unwrap() {
        let model = Model::parse(&std::fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
        let mut arrays = Arrays::kept_in(&model, &Field::DRAWN, tempfile::tempfile).unwrap();
        for first in [0, 10, 20] {
            let mut batch = Batch::new(model.entries().len(), &Field::DRAWN);
            Reference::new(&model, 7).unwrap().fill(first, 10, &mut batch);
            arrays.push(&batch).unwrap();
        }
        let mut written = Cursor::new(Vec::new());
        arrays.write(&mut written).unwrap();
        assert!(written.into_inner() == npz(&model, 30), "{:?}", model.kind());
    }
    let k4 = k4();
    let none = Arrays::kept_in(&k4, &Field::DRAWN, || Err::<std::fs::File, _>(ErrorKind::StorageFull.into()));
    assert_eq!(none.unwrap_err().kind(), ErrorKind::StorageFull);
}

/// As NumPy's description of its format 1.0 has it (`numpy.lib.format`): the magic string, the length, the dictionary, spaces up to a
/// multiple of 64 bytes, and a line feed.
#[test]
fn headers_are_of_the_format() {
    let file = npz(&k4(), 12);
    let header = "\x76\x00{'descr': '<i8', 'fortran_order': False, 'shape': (12, 3, 2), }";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(header.bytes());
    bytes.resize(127, b' ');
    bytes.push(b'\n');
    assert!(file.windows(128).any(|window| window == bytes));
}

fn jsonl(model: &Model, count: usize) -> Vec<u8> {
    let (batch, mut lines) = (drawn(model, count), Vec::new());
    (0..count).for_each(|draw| write_json_line(&mut lines, model, &batch, draw).unwrap());
    lines
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// All draws of a source.
fn all(model: &Model, mut source: impl Source) -> Result<Batch, String> {
    let mut batch = Batch::new(model.entries().len(), source.fields());
    loop {
        let pieces = source.next().map_err(|error| error.to_string())?;
        if pieces.is_empty() {
            return Ok(batch);
        }
        for piece in &pieces {
            assert_eq!(source.first(piece), batch.len() as u64);
            source.fill(piece, &mut batch).map_err(|error| error.to_string())?;
        }
    }
}

fn read_lines(model: &Model, bytes: Vec<u8>) -> Result<Batch, String> {
    let input = Input { name: "a".to_owned(), read: Box::new(Cursor::new(bytes)) };
    all(model, JsonLines::new(model, vec![input]).map_err(|error| error.to_string())?)
}

fn read_npz(model: &Model, bytes: &[u8]) -> Result<Batch, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    let archive = Archive { name: "a.npz".to_owned(), path: file.path().to_owned() };
    all(model, Npz::new(model, vec![archive]).map_err(|error| error.to_string())?)
}

/// What a model's trace is written as, by its winners.
fn written(model: &Model, winners: &[usize]) -> std::io::Result<String> {
    let races = winners.iter().map(|&winner| Race::new([winner], winner)).collect();
    let draw = Draw {
        structure: Structure::Entries(EntrySet::default()),
        trace: Trace::new(model.entries().len().max(100), races).unwrap(),
        log_prob: 0.0,
        score: Vec::new(),
        exponentials: Vec::new(),
        conditional: Vec::new(),
    };
    let (mut batch, mut line) = (Batch::new(model.entries().len(), &[Field::Trace]), Vec::new());
    batch.push(&draw);
    write_json_line(&mut line, model, &batch, 0)?;
    Ok(String::from_utf8(line).unwrap())
}

/// The text of a trace is made from its winners alone; the oracle makes it by a run of the algorithm.
#[test]
fn traces_are_written_as_the_oracle_writes_them() {
    let mut rng = ChaCha8Rng::seed_from_u64(41);
    for kind in Kind::ALL {
        let mut contracted = 0;
        for n in (1..=9).chain([14, 20]) {
            let model = random(kind, n, &mut rng);
            let batch = drawn(&model, 12);
            for draw in 0..12 {
                let winners: Vec<usize> =
                    batch.trace(draw).unwrap().iter().map(|&winner| winner as usize).collect();
                let want = model.canonical_trace(&model.trace_of(&winners).unwrap());
                assert_eq!(
                    written(&model, &winners).unwrap(),
                    format!("{{\"trace\":{want}}}\n"),
                    "{kind:?} {n}"
                );
                contracted += usize::from(winners.len() >= model.size() + 2);
            }
        }
        assert!(kind != Kind::Arborescence || contracted > 10, "some nest: {contracted}");
    }
}

#[test]
fn winners_that_are_no_trace_are_not_written() {
    let rows = "[null, 1, 1, 1], [null, null, 1, 1], [null, 1, null, 1], [null, 1, 1, null]";
    let text = format!(r#"{{"structure": "arborescence", "root": 0, "rates": [{rows}]}}"#);
    let arborescence = Model::parse(&text).unwrap();
    let arc = |u, v| arborescence.entries().iter().position(|&e| e == Entry::Pair(u, v)).unwrap();
    let tree = Model::parse(r#"{"structure": "binary_tree", "rates": [1, 2, 3]}"#).unwrap();
    for (model, winners, want) in [
        (&arborescence, vec![arc(0, 1), 99], "race 1 is won by entry 99"),
        (&arborescence, vec![arc(0, 1), arc(2, 1)], "race 1 cannot be won by entry"),
        (&arborescence, vec![arc(1, 2), arc(2, 1), arc(0, 3)], "the trace ends after 3 races"),
        (&arborescence, vec![arc(0, 1), arc(0, 2), arc(0, 3), arc(1, 3)], "the trace has 4 races"),
        (&tree, vec![1, 2, 0], "race 1 cannot be won by entry 2"),
        (&tree, vec![1, 0], "the trace ends after 2 races"),
        (&k4(), vec![0, 1, 6], "race 2 is won by entry 6, but there are 6 entries"),
    ] {
        let error = written(model, &winners).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
        assert!(error.to_string().starts_with(want), "{error}: want {want}");
    }
}

#[test]
fn arrays_and_packed_lines_are_read_back_bit_by_bit() {
    for (name, text) in MODELS {
        let model = Model::parse(text).unwrap();
        let want = drawn(&model, 700);
        assert!(read_npz(&model, &npz(&model, 700)).unwrap() == want, "{name}");
        assert!(read_lines(&model, gzip(&jsonl(&model, 700))).unwrap() == want, "{name}");
        // Two members one after the other are one file.
        let lines = jsonl(&model, 700);
        let middle = 1 + lines.iter().take(lines.len() / 2).rposition(|&byte| byte == b'\n').unwrap();
        let halves = [gzip(&lines[..middle]), gzip(&lines[middle..])].concat();
        assert!(read_lines(&model, halves).unwrap() == want, "{name}");
    }
}

/// An array as a file: its head by hand, as NumPy's format description says.
fn npy(descr: &str, fortran: bool, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let axes: String = shape.iter().map(|axis| format!("{axis},")).collect();
    let order = if fortran { "True" } else { "False" };
    let mut head = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({axes}), }}");
    while (10 + head.len() + 1) % 64 != 0 {
        head.push(' ');
    }
    head.push('\n');
    let length = (head.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00".as_slice(), &length, head.as_bytes(), data].concat()
}

fn archive(arrays: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        zip.start_file(format!("{name}.npy"), SimpleFileOptions::default().compression_method(method))
            .unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn stored(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    archive(arrays, CompressionMethod::Stored)
}

/// Two trees on four vertices, as `[draws, 3, 2]`.
const TREES: [i8; 12] = [0, 1, 0, 2, 0, 3, 0, 1, 1, 2, 2, 3];

fn bytes<const N: usize>(values: &[f64], number: fn(f64) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| number(value)).collect()
}

#[test]
fn numbers_of_any_type_and_arrays_of_any_order_are_read() {
    let model = k4();
    let trees: Vec<f64> = TREES.iter().map(|&end| f64::from(end)).collect();
    let values = [-1.5, -2.25];
    let one = stored(&[
        ("structure", npy("<i8", false, &[2, 3, 2], &bytes(&trees, |end| (end as i64).to_le_bytes()))),
        ("log_prob", npy("<f8", false, &[2], &bytes(&values, f64::to_le_bytes))),
    ]);
    let want = read_npz(&model, &one).unwrap();
    assert_eq!((want.len(), want.log_prob(1)), (2, Some(-2.25)));
    type Bytes = Vec<u8>;
    let integers: [(&str, Bytes); 12] = [
        ("|i1", bytes(&trees, |end| (end as i8).to_le_bytes())),
        ("|u1", bytes(&trees, |end| (end as u8).to_le_bytes())),
        ("<i2", bytes(&trees, |end| (end as i16).to_le_bytes())),
        (">i2", bytes(&trees, |end| (end as i16).to_be_bytes())),
        ("<u2", bytes(&trees, |end| (end as u16).to_le_bytes())),
        ("<i4", bytes(&trees, |end| (end as i32).to_le_bytes())),
        (">i4", bytes(&trees, |end| (end as i32).to_be_bytes())),
        (">u4", bytes(&trees, |end| (end as u32).to_be_bytes())),
        (">i8", bytes(&trees, |end| (end as i64).to_be_bytes())),
        ("<u8", bytes(&trees, |end| (end as u64).to_le_bytes())),
        ("<f4", bytes(&trees, |end| (end as f32).to_le_bytes())),
        (">f8", bytes(&trees, f64::to_be_bytes)),
    ];
    let floats = [
        ("<f4", bytes(&values, |value| (value as f32).to_le_bytes())),
        (">f4", bytes(&values, |value| (value as f32).to_be_bytes())),
        (">f8", bytes(&values, f64::to_be_bytes)),
    ];
    for (type_of_integers, integers) in &integers {
        for (type_of_floats, floats) in &floats {
            let structure = ("structure", npy(type_of_integers, false, &[2, 3, 2], integers));
            let arrays = [structure, ("log_prob", npy(type_of_floats, false, &[2], floats))];
            for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
                let found = read_npz(&model, &archive(&arrays, method)).unwrap();
                assert!(found == want, "{type_of_integers} {type_of_floats}");
            }
        }
    }
    // Fortran order: the draws first, then the rows, then the ends.
    let turned: Vec<u8> =
        (0..12).map(|place| TREES[place % 2 * 6 + place / 2 % 3 * 2 + place / 6] as u8).collect();
    let arrays = [
        ("structure", npy("|i1", true, &[2, 3, 2], &turned)),
        ("log_prob", npy("<f8", true, &[2], &bytes(&values, f64::to_le_bytes))),
    ];
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        assert!(read_npz(&model, &archive(&arrays, method)).unwrap() == want);
    }
}

#[test]
fn lists_per_entry_are_flat_or_matrices_and_a_root_has_no_parent() {
    let model = k4();
    let structure = ("structure", npy("|i1", false, &[1, 3, 2], &[0, 1, 0, 2, 0, 3]));
    let of = |shape: &[usize], values: &[f64]| {
        let values = npy("<f8", false, shape, &bytes(values, f64::to_le_bytes));
        let file = stored(&[structure.clone(), ("exponentials", values)]);
        read_npz(&model, &file)
    };
    let nan = f64::NAN;
    let flat = of(&[1, 6], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let upper = [nan, 1.0, 2.0, 3.0, nan, nan, 4.0, 5.0, nan, nan, nan, 6.0, nan, nan, nan, nan];
    let both = [0.0, 1.0, 2.0, 3.0, 1.0, 0.0, 4.0, 5.0, 2.0, 4.0, 0.0, 6.0, 3.0, 5.0, 6.0, 0.0];
    assert!(of(&[1, 4, 4], &upper).unwrap() == flat && of(&[1, 4, 4], &both).unwrap() == flat);
    let error = of(&[1, 6], &[1.0, 2.0, nan, 4.0, 5.0, 6.0]).unwrap_err();
    let want = "a.npz, draw 0, field `exponentials`: is null at entry 2 (0–3): want a number";
    assert_eq!(error, want);

    let tree = Model::parse(r#"{"structure": "binary_tree", "rates": [1, 2, 3]}"#).unwrap();
    for (descr, parents) in [("|i1", vec![1_u8, 255, 1]), ("<f8", bytes(&[1.0, nan, 1.0], f64::to_le_bytes))]
    {
        let batch = read_npz(&tree, &stored(&[("structure", npy(descr, false, &[1, 3], &parents))])).unwrap();
        assert_eq!(tree.canonical(batch.structure(0).unwrap()), "[1,null,1]");
        assert!(batch.malformed().is_empty());
    }
}

#[test]
fn what_is_no_samples_file_is_bad_input_and_named() {
    let model = k4();
    let structure = || ("structure", npy("|i1", false, &[2, 3, 2], &TREES.map(|end| end as u8)));
    let floats = |descr: &str, shape: &[usize], bytes: usize| npy(descr, false, shape, &vec![0; bytes]);
    let whole = npz(&model, 100);
    let mut damaged = archive(&[structure()], CompressionMethod::Deflated);
    let at = damaged.windows(4).position(|part| part == b".npy").unwrap() + 40;
    damaged[at] ^= 4;
    let cases = [
        (stored(&[]), "a.npz: has none of `structure`, `trace` and `gradient`"),
        (
            stored(&[("log_prob", floats("<f8", &[2], 16))]),
            "a.npz: has none of `structure`, `trace` and `gradient`",
        ),
        (
            stored(&[structure(), ("logp", floats("<f8", &[2], 16))]),
            "a.npz, `logp`: unknown field: want structure",
        ),
        (
            stored(&[structure(), ("log_prob", floats("<f8", &[3], 24))]),
            "a.npz, `log_prob`: has 3 draws, but `structure` has 2",
        ),
        (
            stored(&[structure(), ("log_prob", floats("<f2", &[2], 4))]),
            "`log_prob`: has numbers of type \"<f2\": want f4, f8",
        ),
        (
            stored(&[structure(), ("log_prob", floats("<f8", &[2, 1], 16))]),
            "draw 0, field `log_prob`: has more than one number",
        ),
        (
            stored(&[structure(), ("score", floats("<f8", &[2, 5], 80))]),
            "draw 0, field `score`: has 5 numbers: want one for each of 6",
        ),
        (stored(&[structure(), ("score", floats("<f8", &[2, 1, 2, 3], 96))]), "`score`: has 4 axes"),
        (stored(&[structure(), ("score", floats("<f8", &[], 8))]), "`score`: is a single number"),
        (
            stored(&[structure(), ("score", floats("<f8", &[2, 6], 90))]),
            "`score`: has 218 bytes, but its shape says 224",
        ),
        (
            stored(&[structure(), ("score", floats("<f8", &[2, 1 << 40], 8))]),
            "`score`: has 8388608 MiB for each draw",
        ),
        (stored(&[structure(), ("score", floats("<f8", &[1 << 40, 1 << 40], 8))]), "`score`: is too large"),
        (stored(&[structure(), ("score", b"score".to_vec())]), "`score`: is no array of NumPy"),
        (stored(&[("structure", floats("|i1", &[0, 3, 2], 0))]), "a.npz: has no draws"),
        (stored(&[("structure", floats("|O", &[1], 8))]), "has numbers of type \"|O\""),
        (stored(&[("structure", floats("é", &[1], 8))]), "has numbers of type \"é\""),
        (stored(&[("structure", floats("", &[1], 8))]), "has numbers of type \"\""),
        (
            stored(&[("structure", floats(&format!("<i1', 'more': {}", "(".repeat(9_000)), &[1], 8))]),
            "its head does not say type, order and shape",
        ),
        (stored(&[("structure", b"\x93NUMPY\x01\x00\xff\xff".to_vec())]), "its head has 65535 bytes"),
        (stored(&[("structure", b"\x93NUMPY\x09\x00".to_vec())]), "version 9 of the format is not known"),
        (
            stored(&[("structure", floats("|i1", &[2, 3, 3], 18))]),
            "draw 0, field `structure`: want the edges",
        ),
        (
            stored(&[("structure", npy("|i1", false, &[1, 3, 2], &[0, 1, 0, 2, 3, 3]))]),
            "field `structure`: edge [3,3] is not in the model",
        ),
        (stored(&[("structure", npy("|i1", false, &[1, 2, 2], &[0, 1, 0, 2]))]), "has 2 edges: want 3"),
        (whole[..whole.len() - 30].to_vec(), "a.npz: is no .npz file"),
        (damaged, "`structure`"),
        (b"PK\x03\x04".to_vec(), "a.npz: is no .npz file"),
    ];
    for (file, want) in cases {
        let error = read_npz(&model, &file).unwrap_err();
        assert!(error.contains(want), "{error}\nwant {want}");
    }
    // A draw that is no tree is a finding, not an error of the file.
    let circle = npy("|i1", false, &[2, 3, 2], &[0, 1, 0, 2, 0, 3, 0, 1, 0, 1, 1, 2]);
    assert_eq!(read_npz(&model, &stored(&[("structure", circle)])).unwrap().malformed().len(), 1);
}

#[test]
fn the_trace_of_an_arborescence_is_two_arrays() {
    let text = r#"{"structure": "arborescence", "vertices": 3, "root": 0, "edges": [[0,1,1],[0,2,2],[1,2,3],[2,1,4]]}"#;
    let model = Model::parse(text).unwrap();
    // The cycle 1 → 2 → 1 first, its components in any order; an unused row.
    let arcs = npy("|i1", false, &[1, 4, 2], &[0, 2, 2, 1, 255, 255, 1, 2]);
    let members = npy("|b1", false, &[1, 4, 3], &[0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1]);
    let read = |arrays: &[(&str, Vec<u8>)]| read_npz(&model, &stored(arrays));
    let batch = read(&[("trace", arcs.clone()), ("trace_component", members.clone())]).unwrap();
    assert_eq!(batch.trace(0), Some([3, 2, 1].as_slice()));
    let error = |arrays: &[(&str, Vec<u8>)]| read(arrays).unwrap_err();
    assert!(error(&[("trace", arcs.clone())]).contains("has `trace`, but no `trace_component`"));
    let two = npy("|i1", false, &[1, 4, 3], &[0, 2, 2, 0, 1, 0, 0, 0, 0, 0, 0, 1]);
    assert!(error(&[("trace", arcs.clone()), ("trace_component", two)]).contains("has 2: want 0 or 1"));
    let short = npy("|b1", false, &[1, 3, 3], &[0, 1, 1, 0, 1, 0, 0, 0, 0]);
    assert!(error(&[("trace", arcs), ("trace_component", short)]).contains("[draws, races, 2]"));
    let negative = npy("|i1", false, &[1, 4, 2], &[0, 2, 254, 1, 255, 255, 1, 2]);
    assert!(error(&[("trace", negative), ("trace_component", members)]).contains("-2 is no vertex"));
}

fn run(args: &[&Path], input: Vec<u8>) -> (i32, String, String) {
    let mut command = Command::cargo_bin("recursive-gumbel").unwrap();
    let output = command.arg("check").arg(K4).args(args).write_stdin(input).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_line_knows_files_by_what_is_in_them() {
    let model = k4();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let (arrays, lines) = (npz(&model, 3_000), jsonl(&model, 3_000));
    let files = [write("a", &arrays), write("b", &lines), write("c", &gzip(&lines))];
    let report = |args: &[&Path], input: &[u8]| {
        let (status, out, err) = run(args, input.to_vec());
        assert_eq!(status, 3, "{err}"); // 3,000 draws are few
        let table: Vec<&str> = out.lines().skip(3).filter(|line| !line.starts_with("Again")).collect();
        table.join("\n")
    };
    let want = report(&[&files[0]], b"");
    assert!(want.contains("round trip: every draw"), "{want}");
    for file in &files[1..] {
        assert_eq!(report(&[file], b""), want);
    }
    for input in [&arrays, &lines, &gzip(&lines)] {
        assert_eq!(report(&[Path::new("-")], input), want);
    }
    // Several are one sample, of one kind.
    let (status, out, _) = run(&[&files[0], &files[0]], Vec::new());
    assert_eq!(status, 1);
    assert!(out.contains("3000 of 6000 draws have the weights of an earlier one"), "{out}");
    assert!(out.contains("the first is draw 0 of "), "{out}");
    let (status, _, err) = run(&[&files[0], &files[1]], Vec::new());
    assert!(status == 2 && err.contains("want files of one kind"), "{err}");
}

const CHARACTERS: &[u8] = b"0123456789-+.eE[]{},:\"nN";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// Whatever stands in a file, it is read or refused in one line that names it: no panic, no endless loop.
    #[test]
    fn mutated_files_are_read_or_refused(
        which in 0_usize..11,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<u8>()), 1..6),
    ) {
        let model = Model::parse(MODELS[which].1).unwrap();
        let lines = jsonl(&model, 3);
        for error in [
            read_lines(&model, mutated(&lines, CHARACTERS, &changes)).err(),
            read_lines(&model, mutated(&gzip(&lines), CHARACTERS, &changes)).err(),
            read_npz(&model, &mutated(&npz(&model, 3), CHARACTERS, &changes)).err(),
        ].into_iter().flatten() {
            prop_assert!(error.starts_with('a') && !error.contains('\n'), "{error:?}");
        }
    }
}
