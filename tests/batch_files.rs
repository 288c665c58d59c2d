//! `sample` of batches: arrays in, arrays out, and each item is judged by `check` as a sample of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use gumbel_oracle::kind::Kind;
use ndarray::{Array, Array1, ArrayD, Axis, IxDyn, ShapeBuilder as _, arr0};
use ndarray_npy::{NpzReader, NpzWriter, WriteNpyExt as _, write_npy};
use recursive_gumbel::batch::Items;
use recursive_gumbel::fast::stream::{Seed, Stream};
use recursive_gumbel::sample::Field;

mod common {
    pub(crate) mod mutated;
    pub(crate) mod program;
}
use common::mutated::mutated;
use common::program::said;

use proptest::prelude::*;
use recursive_gumbel::batch::file::{FromFile, read};

const FIELDS: &str = "trace,log-prob,score,exponentials,conditional";

fn is_matrix(kind: Kind) -> bool {
    matches!(kind, Kind::SpanningTree | Kind::Arborescence | Kind::Matching)
}

/// Logits in single precision, in Fortran order.
fn logits(kind: Kind, items: usize, n: usize) -> ArrayD<f32> {
    let mut stream = Stream::weights(Seed::new(5), kind as u64);
    let shape = if is_matrix(kind) { vec![items, n, n] } else { vec![items, n] };
    Array::from_shape_simple_fn(IxDyn(&shape).f(), || (stream.exponential() - 1.0) as f32)
}

/// The model file of an item.
fn model(kind: Kind, item: &ndarray::ArrayViewD<'_, f32>) -> String {
    let n = item.shape()[0];
    let number = |cell: &[usize]| f64::from(item[cell]).to_string();
    let row = |u: usize| {
        let cell = |v: usize| match kind {
            Kind::SpanningTree if u >= v => "null".to_owned(),
            Kind::Arborescence if u == v || v == 0 => "null".to_owned(),
            _ => number(&[u, v]),
        };
        format!("[{}]", (0..n).map(cell).collect::<Vec<_>>().join(","))
    };
    let list = |each: &dyn Fn(usize) -> String| (0..n).map(each).collect::<Vec<_>>().join(",");
    let numbers = if is_matrix(kind) { list(&row) } else { list(&|k| number(&[k])) };
    let more = match kind {
        Kind::TopK => r#""k": 2, "#,
        Kind::Arborescence => r#""root": 0, "#,
        _ => "",
    };
    format!(r#"{{"structure": "{}", {more}"logits": [{numbers}]}}"#, kind.name())
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

/// The arrays of one item, as a samples file of its own.
fn item_of(from: &str, item: usize, to: &str) {
    let mut npz = NpzReader::new(File::open(from).unwrap()).unwrap();
    let mut one = NpzWriter::new(File::create(to).unwrap());
    for name in npz.names().unwrap() {
        if name.starts_with("structure") || name.starts_with("trace") {
            let all: ArrayD<i64> = npz.by_name(&name).unwrap();
            one.add_array(&name, &all.index_axis(Axis(0), item)).unwrap();
        } else {
            let all: ArrayD<f32> = npz.by_name(&name).unwrap();
            one.add_array(&name, &all.index_axis(Axis(0), item)).unwrap();
        }
    }
    one.finish().unwrap();
}

/// Every structure in single precision; of the second item a report with every field. Seed 1; false alarm one in a million each. The
/// draws of another item are refuted.
#[test]
fn each_item_holds_as_a_sample_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| path(folder.path(), name);
    for kind in Kind::ALL {
        let all = logits(kind, 3, 3);
        let (logits, drawn, one) = (file("logits.npz"), file("drawn.npz"), file("one.npz"));
        let mut npz = NpzWriter::new(File::create(&logits).unwrap());
        npz.add_array("logits", &all).unwrap();
        if kind == Kind::TopK {
            npz.add_array("k", &arr0(2_i64)).unwrap();
        }
        npz.finish().unwrap();
        let sample = ["sample", &logits, "--structure", kind.name(), "-n", "40000", "--with", FIELDS];
        let (status, out, err) = said(&[&sample[..], &["--out", &drawn, "--quiet"]].concat());
        assert_eq!((status, &*out, &*err), (0, "", ""), "{kind:?}");
        std::fs::write(file("model.json"), model(kind, &all.index_axis(Axis(0), 1))).unwrap();
        for (item, want) in [(1, 0), (2, 1)] {
            item_of(&drawn, item, &one);
            let check = ["check", &file("model.json"), &one, "--departure", "0.1", "--quiet"];
            let (status, out, err) = said(&check);
            assert_eq!(status, want, "{kind:?} {item}: {out}{err}");
        }
    }
}

/// Heads that open many brackets take the parser no time, and an array that is there under two names is refused.
#[test]
fn heads_that_never_end_and_arrays_that_are_there_twice() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    for (place, text) in
        [format!("{{'descr': {}", "[".repeat(60)), "[[[[[[],".repeat(1_000)].iter().enumerate()
    {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(text.len()).unwrap().to_le_bytes());
        bytes.extend(text.as_bytes());
        let name = file(&format!("{place}.npy"));
        std::fs::write(&name, bytes).unwrap();
        let said = read(&name).unwrap_err().to_string();
        assert!(said.contains("its head does not say type, order and shape"), "{said}");
    }
    let twice = file("twice.npz");
    let mut zip = zip::ZipWriter::new(File::create(&twice).unwrap());
    let mut array = Vec::new();
    ndarray::array![[1.0, 2.0]].write_npy(&mut array).unwrap();
    for name in ["rates.npy", "rates"] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&array).unwrap();
    }
    zip.finish().unwrap();
    let said = read(&twice).unwrap_err().to_string();
    assert!(said.contains("`rates`: is there twice: want one of each array"), "{said}");
}

/// What the program writes is what the library draws; and more draws than are held at once, with one item, are the same.
#[test]
fn the_file_has_the_draws_of_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| path(folder.path(), name);
    let n = 4;
    let all = logits(Kind::SpanningTree, 5, n);
    write_npy(file("logits.npy"), &all).unwrap();
    let (input, output) = (file("logits.npy"), file("drawn.npz"));
    let sample =
        ["sample", &input, "--structure", "spanning_tree", "-n", "6", "--seed", "9", "--with", FIELDS];
    let (status, _, err) = said(&[&sample[..], &["--out", &output]].concat());
    assert_eq!((status, &*err), (0, ""));
    let fields = Field::DRAWN;
    let drawn = Items::logits(Kind::SpanningTree, all.view()).unwrap().draw(9, 6, &fields).unwrap();
    let mut npz = NpzReader::new(File::open(&output).unwrap()).unwrap();
    let structure: ArrayD<i64> = npz.by_name("structure").unwrap();
    assert_eq!(structure.shape(), [5, 6, n - 1, 2]);
    for (cell, place) in drawn.structure.unwrap().indexed_iter() {
        let ((item, draw, edge), cell) = (cell, *place as usize);
        let found = [0, 1].map(|end| structure[[item, draw, edge, end].as_slice()] as usize);
        assert_eq!(found, [cell / n, cell % n]);
    }
    let mut values = |name: &str| -> ArrayD<f32> { npz.by_name(name).unwrap() };
    assert_eq!(values("log_prob"), drawn.log_prob.unwrap().into_dyn());
    assert_eq!(values("score"), drawn.score.unwrap());
    assert_eq!(values("exponentials"), drawn.exponentials.unwrap());
    assert_eq!(values("conditional"), drawn.conditional.unwrap());
}

/// Items of a model, with its root, and without the entries that it lacks; shorter items, masks and roots of their own.
#[test]
fn a_batch_beside_a_model_has_its_entries() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| path(folder.path(), name);
    let model = "examples/models/nested_arborescence.json"; // five vertices
    let text: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(model).unwrap()).unwrap();
    let arcs: Vec<(u64, u64)> = text["edges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| (edge[0].as_u64().unwrap(), edge[1].as_u64().unwrap()))
        .collect();
    let mut npz = NpzWriter::new(File::create(file("batch.npz")).unwrap());
    npz.add_array("rates", &ArrayD::<f64>::ones(IxDyn(&[2, 5, 5]))).unwrap();
    npz.finish().unwrap();
    let sample = ["sample", model, "--batch", &file("batch.npz"), "-n", "500", "--with", "trace"];
    let (status, out, err) = said(&[&sample[..], &["--out", &file("drawn.npz"), "--quiet"]].concat());
    assert_eq!((status, &*out, &*err), (0, "", ""));
    let mut npz = NpzReader::new(File::open(file("drawn.npz")).unwrap()).unwrap();
    let structure: ArrayD<i64> = npz.by_name("structure").unwrap();
    let mut seen: BTreeMap<(u64, u64), usize> = BTreeMap::new();
    for arc in structure.rows() {
        *seen.entry((arc[0] as u64, arc[1] as u64)).or_default() += 1;
    }
    assert!(seen.keys().all(|arc| arcs.contains(arc)), "{seen:?}");
    assert!(seen.len() == arcs.len(), "{seen:?}");
    // What is beyond the length is -1.
    let mut npz = NpzWriter::new(File::create(file("short.npz")).unwrap());
    npz.add_array("logits", &ArrayD::<f64>::zeros(IxDyn(&[2, 5]))).unwrap();
    npz.add_array("lengths", &Array1::from(vec![3_u8, 5])).unwrap();
    npz.finish().unwrap();
    let sample = ["sample", &file("short.npz"), "--structure", "permutation", "-n", "2"];
    let (status, _, err) = said(&[&sample[..], &["--out", &file("drawn.npz"), "--quiet"]].concat());
    assert_eq!((status, &*err), (0, ""));
    let mut npz = NpzReader::new(File::open(file("drawn.npz")).unwrap()).unwrap();
    let structure: ArrayD<i64> = npz.by_name("structure").unwrap();
    let padding = structure.indexed_iter().filter(|(_, value)| **value == -1);
    assert_eq!(
        padding.map(|(cell, _)| (cell[0], cell[2])).collect::<Vec<_>>(),
        [(0, 3), (0, 4), (0, 3), (0, 4)]
    );
}

/// What is wrong is said by file and array, and nothing is left behind.
#[test]
fn wrong_batches_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| path(folder.path(), name);
    let out = file("out.npz");
    let refused = |arguments: &[&str]| {
        let (status, said, err) = said(&[&["sample"], arguments, &["--out", &out, "--quiet"]].concat());
        assert_eq!((status, &*said), (2, ""), "{arguments:?}: {err}");
        assert!(!Path::new(&out).exists());
        err.replace(folder.path().to_str().unwrap(), "")
    };
    let npz = |name: &str, arrays: &dyn Fn(&mut NpzWriter<File>)| {
        let mut npz = NpzWriter::new(File::create(file(name)).unwrap());
        arrays(&mut npz);
        npz.finish().unwrap();
        file(name)
    };
    let tree = ["--structure", "spanning_tree"];
    let zeros = ArrayD::<f64>::zeros(IxDyn(&[2, 3, 3]));
    write_npy(file("zeros.npy"), &zeros).unwrap();
    let good = file("zeros.npy");
    assert!(refused(&[&good]).contains("is a batch: say of what with --structure, one of spanning_tree"));
    assert!(refused(&[&good, "--structure", "forest"]).contains("no such structure: want spanning_tree"));
    assert!(refused(&[&good, "--structure", "categorical"]).contains("logits has the shape [2, 3, 3]"));
    assert!(refused(&[&good, "--structure", "top_k"]).contains("logits has the shape [2, 3, 3]"));
    assert!(refused(&[&[&*good], &tree[..], &["--reference"]].concat()).contains("without --reference"));
    assert!(
        refused(&[&[&*good], &tree[..], &["--format", "jsonl"]].concat()).contains("without --format jsonl")
    );
    let model = "examples/models/nested_arborescence.json";
    assert!(refused(&[model, "--batch", &good]).contains("n is 3: want 5, that of the model"));
    for shape in [&[][..], &[5], &[5, 5], &[1, 5, 5, 5], &[2, 5, 4]] {
        write_npy(file("shape.npy"), &ArrayD::<f64>::zeros(IxDyn(shape))).unwrap();
        let said = refused(&[model, "--batch", &file("shape.npy")]);
        assert!(said.contains("want [items, n, n] for arborescence"), "{said}");
    }
    assert!(refused(&[model, "--structure", "arborescence"]).contains("is a model file"));
    assert!(refused(&[&good, "--batch", &good]).contains("is a batch itself"));
    assert!(refused(&[&[&*file("none.npy")], &tree[..]].concat()).contains("/none.npy: No such file"));
    // Damaged, or of other types.
    let mut bytes = Vec::new();
    zeros.write_npy(&mut bytes).unwrap();
    std::fs::write(file("cut.npy"), &bytes[..bytes.len() - 1]).unwrap();
    let cut = refused(&[&[&*file("cut.npy")], &tree[..]].concat());
    assert!(cut.contains("/cut.npy: has 143 bytes, but its shape says 144: the file is damaged"), "{cut}");
    File::options().append(true).open(file("cut.npy")).unwrap().write_all(&[0, 0]).unwrap();
    assert!(refused(&[&[&*file("cut.npy")], &tree[..]].concat()).contains("has more bytes"));
    let head = |shape: &str| {
        let head = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\x00", &(head.len() as u16).to_le_bytes()[..], head.as_bytes()].concat()
    };
    std::fs::write(file("huge.npy"), head("(1, 1000000, 1000000)")).unwrap();
    assert!(
        refused(&[&[&*file("huge.npy")], &tree[..]].concat()).contains("has 0 bytes, but its shape says")
    );
    std::fs::write(file("huge.npy"), head("(9223372036854775807, 9, 9)")).unwrap();
    assert!(refused(&[&[&*file("huge.npy")], &tree[..]].concat()).contains("too large for this machine"));
    std::fs::write(file("text.npz"), "no archive").unwrap();
    assert!(refused(&[&[&*file("text.npz")], &tree[..]].concat()).contains("is no .npz file"));
    let of = |name: &str, arrays: &dyn Fn(&mut NpzWriter<File>)| {
        refused(&[&[&*npz(name, arrays)], &tree[..]].concat())
    };
    let said = of("integers.npz", &|npz| npz.add_array("logits", &zeros.mapv(|_| 1_i32)).unwrap());
    assert!(said.contains("`logits`: has numbers of type integers: want f4 or f8"), "{said}");
    let said = of("unknown.npz", &|npz| npz.add_array("weights", &zeros).unwrap());
    assert!(said.contains("`weights`: unknown array: want logits, rates, lengths, mask, root, k"), "{said}");
    let said = of("none.npz", &|npz| npz.add_array("mask", &zeros.mapv(|_| true)).unwrap());
    assert!(said.contains("has neither `logits` nor `rates`"), "{said}");
    let said = of("both.npz", &|npz| {
        npz.add_array("logits", &zeros).unwrap();
        npz.add_array("rates", &zeros).unwrap();
    });
    assert!(said.contains("has both `logits` and `rates`"), "{said}");
    let with = |name: &str, array: &dyn Fn(&mut NpzWriter<File>)| {
        of(name, &|npz| {
            npz.add_array("logits", &zeros).unwrap();
            array(npz);
        })
    };
    let said = with("mask.npz", &|npz| npz.add_array("mask", &zeros).unwrap());
    assert!(said.contains("`mask`: has numbers of type f8: want booleans"), "{said}");
    let said = with("lengths.npz", &|npz| npz.add_array("lengths", &Array1::from(vec![-1_i64, 2])).unwrap());
    assert!(said.contains("`lengths`: has -1: want 0 or above"), "{said}");
    let said = with("root.npz", &|npz| npz.add_array("root", &arr0(0_i64)).unwrap());
    assert!(said.contains("spanning_tree has no root"), "{said}");
    let said = with("nan.npz", &|npz| {
        npz.add_array("mask", &Array::from_elem((2, 3, 3), false)).unwrap();
    });
    assert!(said.contains("item 0: vertex 1 cannot be reached from vertex 0"), "{said}");
}

/// Floats in either byte order and either order of axes, and integers of any width, are the numbers that they are.
#[test]
fn every_type_and_order_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let npy = |descr: &str, fortran: bool, shape: &str, bytes: &[u8]| {
        let fortran = if fortran { "True" } else { "False" };
        let head = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\x00", &(head.len() as u16).to_le_bytes()[..], head.as_bytes(), bytes].concat()
    };
    let numbers = [1.5_f32, -2.25, 0.1, 3.0, 4.0, 5.0];
    let want = ndarray::arr2(&[[1.5_f32, -2.25, 0.1], [3.0, 4.0, 5.0]]).into_dyn();
    let columns = [0, 3, 1, 4, 2, 5].map(|place| numbers[place]);
    let little = |of: &[f32]| of.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let big = |of: &[f32]| of.iter().flat_map(|x| x.to_be_bytes()).collect::<Vec<u8>>();
    for bytes in [
        npy("<f4", false, "(2, 3)", &little(&numbers)),
        npy(">f4", false, "(2, 3)", &big(&numbers)),
        npy("<f4", true, "(2, 3)", &little(&columns)),
        npy(">f4", true, "(2, 3)", &big(&columns)),
    ] {
        std::fs::write(folder.path().join("one.npy"), bytes).unwrap();
        let FromFile::Single(found) = read(&folder.path().join("one.npy")).unwrap() else { panic!("f4") };
        assert_eq!((found.values, found.are_logits), (want.clone(), true));
    }
    let double: Vec<u8> = numbers.iter().flat_map(|x| f64::from(*x).to_be_bytes()).collect();
    let lengths: [(&str, &[u8]); 6] = [
        ("|u1", &[3, 2]),
        ("|i1", &[3, 2]),
        (">u2", &[0, 3, 0, 2]),
        ("<i4", &[3, 0, 0, 0, 2, 0, 0, 0]),
        (">i8", &[0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2]),
        ("<u8", &[3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]),
    ];
    for (descr, bytes) in lengths {
        let path = folder.path().join("one.npz");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        let options = zip::write::SimpleFileOptions::default();
        for (name, bytes) in [
            ("rates.npy", npy(">f8", false, "(2, 3)", &double)),
            ("lengths.npy", npy(descr, false, "(2,)", bytes)),
        ] {
            zip.start_file(name, options).unwrap();
            zip.write_all(&bytes).unwrap();
        }
        zip.finish().unwrap();
        let FromFile::Double(found) = read(&path).unwrap() else { panic!("f8") };
        assert_eq!((found.values, found.are_logits), (want.mapv(f64::from), false));
        assert_eq!(found.lengths, Some(vec![3, 2]), "{descr}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_500) })]

    /// Whatever stands in a file, it is drawn from or refused: no panic, no endless loop.
    #[test]
    fn mutated_batches_are_drawn_from_or_refused(
        kind in 0_usize..7,
        packed in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<u8>()), 1..5),
    ) {
        let kind = Kind::ALL[kind];
        let all = logits(kind, 2, 3);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(if packed { "batch.npz" } else { "batch.npy" });
        if packed {
            let mut npz = NpzWriter::new(File::create(&path).unwrap());
            npz.add_array("rates", &all.mapv(|logit| f64::from(logit.abs()))).unwrap();
            npz.add_array("lengths", &Array1::from(vec![2_u16, 3])).unwrap();
            npz.add_array("mask", &all.mapv(|_| true)).unwrap();
            npz.finish().unwrap();
        } else {
            write_npy(&path, &all).unwrap();
        }
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, mutated(&bytes, b"0123456789-,(){}<>|=fiub'", &changes)).unwrap();
        let said = match read(&path) {
            Ok(FromFile::Single(of)) => of.items(kind).and_then(|of| of.draw(1, 2, &Field::DRAWN).map(|_| ())),
            Ok(FromFile::Double(of)) => of.items(kind).and_then(|of| of.draw(1, 2, &Field::DRAWN).map(|_| ())),
            Err(error) => {
                prop_assert!(error.to_string().contains("batch.np"), "{error}");
                Ok(())
            }
        };
        if let Err(error) = said {
            prop_assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}
