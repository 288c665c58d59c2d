//! Trainings: that they go down, that they are resumed to the same numbers, and what the command `toy` makes of them.
//!
//! Seeds are fixed, and what is compared with a bound is the exact expected loss, not an estimate of it: nothing here is left to chance.

use std::path::Path;
use std::process::Command;

use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::number::to_f64;
use recursive_gumbel::experiment::{
    Adam, Estimator, Problem, Settings, ToyError, Training, TrainingError, toy_model,
};

fn problem(kind: Kind, dim: usize) -> Problem {
    let model = toy_model(kind, dim).unwrap();
    let loss = Loss::named(&model, "default").unwrap();
    Problem::new(model, loss)
}

/// The default losses at dim 4, as they are at first and at best, from their definitions.
const ENDS: [(Kind, f64, f64); 7] = [
    // Each of 6 edges is in a tree with probability 1/2, and 3 touch vertex 0.
    (Kind::SpanningTree, 1.5, 0.0),
    (Kind::Arborescence, f64::NAN, -3.0),
    // One cell in four.
    (Kind::Matching, -1.0, -4.0),
    // 14 trees of 4 nodes by their first root: 5/2 or 8/3 and one more.
    (Kind::BinaryTree, -10.0 / 3.0, -4.0),
    // Two of 0, 1, 2, 3, and the best are the first two.
    (Kind::TopK, 3.0, 1.0),
    (Kind::Permutation, 3.0, 0.0),
    (Kind::Categorical, 1.5, 0.0),
];

#[test]
fn every_estimator_goes_down_on_every_structure() {
    for (kind, first, best) in ENDS {
        let problem = problem(kind, 4);
        for estimator in Estimator::ALL {
            let settings = Settings { learning_rate: 0.05, ..Settings::default() };
            let mut training = Training::new(&problem, estimator, settings).unwrap();
            let before = training.look().unwrap();
            let exact = before.exact_loss.unwrap();
            assert!(first.is_nan() || (exact - first).abs() < 1e-12, "{kind:?}: {exact}");
            assert!((before.loss_of_1000 - exact).abs() < 0.2, "{kind:?} {estimator}: {before:?}");
            for _ in 0..1500 {
                training.step().unwrap();
            }
            let after = training.look().unwrap();
            let left = (after.exact_loss.unwrap() - best) / (exact - best);
            // E-REINFORCE varies so much that it may still be anywhere.
            let most = if estimator == Estimator::EReinforce { 1.5 } else { 0.1 };
            assert!((0.0..most).contains(&left), "{kind:?} {estimator}: {after:?}");
            assert!(estimator != Estimator::Exact || after.deviation == 0.0, "{kind:?}");
            assert!(estimator == Estimator::Exact || before.deviation > 0.1, "{kind:?} {estimator}");
        }
    }
}

/// The companion: against the gradient with its sign wrong the loss goes up.
#[test]
fn the_other_way_it_goes_up() {
    let problem = problem(Kind::Matching, 4);
    let mut training = Training::new(&problem, Estimator::TReinforcePlus, Settings::default()).unwrap();
    let (mut logits, mut adam) = (vec![0.0; 16], Adam::new(16, 0.05));
    for _ in 0..500 {
        let rates = recursive_gumbel::fast::rates_of_logits(&logits);
        let (_, gradient) = problem.exact_gradient(&rates).unwrap();
        adam.step(&mut logits, &gradient.iter().map(|g| -g).collect::<Vec<f64>>());
        training.step().unwrap();
    }
    let wrong = problem.exact_loss(&recursive_gumbel::fast::rates_of_logits(&logits)).unwrap();
    assert!(wrong > -0.1 && training.look().unwrap().exact_loss.unwrap() < -2.0, "{wrong}");
}

/// From any step on, and however often one looks.
#[test]
fn progress_goes_on_to_the_same_numbers() {
    for kind in [Kind::Arborescence, Kind::BinaryTree] {
        let problem = problem(kind, 4);
        for estimator in Estimator::ALL {
            let new = || Training::new(&problem, estimator, Settings::default()).unwrap();
            let mut whole = new();
            (0..100).for_each(|_| drop(whole.step().unwrap()));
            let mut part = new();
            for _ in 0..37 {
                part.step().unwrap();
                part.look().unwrap();
            }
            let saved = serde_json::to_string(part.progress()).unwrap();
            let mut rest = new();
            rest.go_on(serde_json::from_str(&saved).unwrap()).unwrap();
            (37..100).for_each(|_| drop(rest.step().unwrap()));
            assert_eq!(rest.progress(), whole.progress(), "{kind:?} {estimator}");
            assert_eq!(rest.look(), whole.look());
            // Another seed is another training, but of the exact gradient.
            let settings = Settings { seed: 1, ..Settings::default() };
            let mut other = Training::new(&problem, estimator, settings).unwrap();
            (0..100).for_each(|_| drop(other.step().unwrap()));
            assert_eq!(
                other.logits() == whole.logits(),
                estimator == Estimator::Exact,
                "{kind:?} {estimator}"
            );
        }
    }
}

/// What is absent in the model stays so: it has no gradient, is never drawn, and the exact loss is that of the oracle without it.
#[test]
fn absent_entries_stay_absent() {
    for (text, absent) in [
        (r#"{"structure": "top_k", "k": 2, "rates": [0, 1, 1, 1]}"#, 0),
        (r#"{"structure": "spanning_tree", "vertices": 3, "edges": [[0,1,1],[0,2,1],[1,2,0]]}"#, 2),
        (
            r#"{"structure": "arborescence", "vertices": 3, "root": 0, "edges": [[0,1,1],[0,2,1],[1,2,0],[2,1,1]]}"#,
            2,
        ),
    ] {
        let model = Model::parse(text).unwrap();
        let loss = Loss::named(&model, "default").unwrap();
        let want = to_f64(&model.gradient(&loss, Limit::default()).unwrap().expectation);
        let problem = Problem::new(model, loss);
        for estimator in Estimator::ALL {
            let mut training = Training::new(&problem, estimator, Settings::default()).unwrap();
            let look = training.look().unwrap();
            assert!((look.exact_loss.unwrap() - want).abs() < 1e-12, "{text} {estimator}: {look:?}");
            assert!((look.loss_of_1000 - want).abs() < 0.2, "{text} {estimator}: {look:?}");
            (0..50).for_each(|_| {
                assert_eq!(training.step().unwrap().gradient[absent], 0.0, "{text} {estimator}")
            });
            assert_eq!(training.logits()[absent], 0.0, "{text} {estimator}");
        }
    }
}

/// Progress that someone has cut or changed is refused, and not gone on with as far as it reaches.
#[test]
fn progress_that_does_not_fit_is_refused() {
    let problem = problem(Kind::Matching, 3);
    let mut training = Training::new(&problem, Estimator::Relax, Settings::default()).unwrap();
    training.step().unwrap();
    let right = serde_json::to_value(training.progress()).unwrap();
    training.go_on(serde_json::from_value(right.clone()).unwrap()).unwrap();
    for (place, want) in [
        ("/logits", "want one logit per entry"),
        ("/adam/first", "want moments of every logit"),
        ("/adam/second", "want moments of every logit"),
        ("/critic/0", "want a critic, with its moments"),
        ("/critic/1/second", "want a critic, with its moments"),
    ] {
        let mut cut = right.clone();
        cut.pointer_mut(place).unwrap().as_array_mut().unwrap().pop();
        let error = training.go_on(serde_json::from_value(cut).unwrap()).unwrap_err().to_string();
        assert!(error.contains(want), "{place}: {error}");
    }
    for (place, value, want) in [
        ("/adam/rate", serde_json::json!(0.5), "the same learning rate"),
        ("/critic", serde_json::Value::Null, "of RELAX only"),
    ] {
        let mut other = right.clone();
        *other.pointer_mut(place).unwrap() = value;
        let error = training.go_on(serde_json::from_value(other).unwrap()).unwrap_err().to_string();
        assert!(error.contains(want), "{place}: {error}");
    }
}

#[test]
fn what_is_no_training_is_told() {
    let small = problem(Kind::SpanningTree, 4);
    let new = |settings: Settings| Training::new(&small, Estimator::TReinforcePlus, settings).map(drop);
    let told = |settings: Settings| new(settings).unwrap_err().to_string();
    let want = Settings::default();
    assert!(told(Settings { samples: 1, ..want }).contains("want at least 2 draws, there is 1"));
    assert!(
        told(Settings { learning_rate: f64::NAN, ..want })
            .contains("learning_rate NaN: want a positive number")
    );
    let large = problem(Kind::Arborescence, 12);
    let exact = Training::new(&large, Estimator::Exact, want).map(drop);
    assert_eq!(exact, Err(TrainingError::TooLarge));
    assert!(!large.is_small() && large.exact_loss(&[1.0; 121]).is_none());
    // Logits that leave the numbers.
    let mut far = Training::new(&small, Estimator::Exact, Settings { learning_rate: 500.0, ..want }).unwrap();
    far.step().unwrap();
    far.step().unwrap();
    let error = far.step().map(drop).unwrap_err();
    assert!(matches!(error, TrainingError::Rates { step: 2, .. }), "{error}");
    let progress = far.progress().clone();
    let other = problem(Kind::Matching, 4);
    let mut training = Training::new(&other, Estimator::Relax, want).unwrap();
    assert!(matches!(training.go_on(progress), Err(TrainingError::OtherTraining(_))));
    assert!(matches!(toy_model(Kind::Arborescence, 2), Err(ToyError::Small { least: 3, .. })));
    assert!(matches!(toy_model(Kind::TopK, 5000), Err(ToyError::Large(5000))));
}

fn toy(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let program = assert_cmd::cargo::cargo_bin("recursive-gumbel");
    let output = Command::new(program).current_dir(folder).arg("toy").args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// All files of a folder, by name.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((
                path.display().to_string().split_once("/e").unwrap().1.to_owned(),
                std::fs::read(&path).unwrap(),
            ));
        }
    }
    found.sort();
    found
}

#[test]
fn the_command_prints_and_keeps_what_it_sees() {
    let folder = tempfile::tempdir().unwrap();
    let short = ["binary_tree", "--dim", "4", "--iters", "700", "--seeds", "3,5", "--quiet"];
    let (status, table, error) = toy(folder.path(), &[&short[..], &["--out", "kept"]].concat());
    assert_eq!((status, error.as_str()), (0, ""));
    for word in ["E-REINFORCE ", "T-REINFORCE+ ", "RELAX ", "exact gradient ", " 700 ", "exact loss"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    let csv = std::fs::read_to_string(folder.path().join("kept/history.csv")).unwrap();
    assert_eq!(toy(folder.path(), &[&short[..], &["--format", "csv"]].concat()).1, csv);
    let mut lines = csv.lines();
    assert_eq!(
        lines.next(),
        Some("estimator,seed,step,loss_of_10,loss_of_1000,deviation,exact_loss,exact_norm")
    );
    // Five by two seeds, and the exact gradient once; at 0, 500 and the end.
    assert_eq!(lines.clone().count(), 33);
    assert!(lines.all(|line| line.split(',').all(|cell| !cell.is_empty())));
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("kept/results.json")).unwrap())
            .unwrap();
    assert_eq!(json["runs"].as_array().unwrap().len(), 11);
    assert_eq!(json["runs"][0]["logits"].as_array().unwrap().len(), 4);
    assert_eq!(json["experiment"]["seeds"], serde_json::json!([3, 5]));
    let (_, jsonl, _) = toy(folder.path(), &[&short[..], &["--format", "jsonl"]].concat());
    assert_eq!(jsonl.lines().count(), 33);
    let row: serde_json::Value = serde_json::from_str(jsonl.lines().last().unwrap()).unwrap();
    assert_eq!((&row["estimator"], &row["step"]), (&"exact".into(), &700.into()));
}

/// Every estimator is in every picture, by its label and its colour.
#[test]
fn the_pictures_show_every_estimator() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, _, _) in ENDS {
        let arguments = ["--dim", "3", "--iters", "60", "--every", "20", "--quiet", "--out", kind.name()];
        assert_eq!(toy(folder.path(), &[&[kind.name()][..], &arguments].concat()).0, 0);
        for name in ["loss", "deviation", "law"] {
            let file = |end: &str| folder.path().join(kind.name()).join(format!("{name}.{end}"));
            let svg = std::fs::read_to_string(file("svg")).unwrap();
            assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
            assert!(svg.contains(&format!("{}, dim 3, loss default", kind.name())), "{svg}");
            let labels = || svg.lines().filter(|line| !line.starts_with('<'));
            let rounded = |label: &str| !label.contains("99999") && !label.contains("00000");
            assert!(labels().count() > 8 && labels().all(rounded), "{svg}");
            for estimator in
                Estimator::ALL.into_iter().filter(|one| name != "deviation" || *one != Estimator::Exact)
            {
                assert!(svg.contains(estimator.label()), "{kind:?} {name} {estimator}");
            }
            let decoder =
                png::Decoder::new(std::io::BufReader::new(std::fs::File::open(file("png")).unwrap()));
            let mut reader = decoder.read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            assert!(svg.contains(&format!(r#"width="{}" height="{}""#, info.width, info.height)), "{svg}");
            let there = |colour: [u8; 3]| pixels.chunks(3).any(|pixel| pixel == colour);
            let lines = [[213, 94, 0], [230, 159, 0], [0, 114, 178], [86, 180, 233], [0, 158, 115]];
            let shown = lines.into_iter().filter(|colour| there(*colour)).count();
            assert_eq!(shown, if name == "law" { 0 } else { 5 }, "{kind:?} {name}");
            assert!(there([255; 3]) && (name == "law" || there([0; 3])), "{kind:?} {name}");
        }
    }
}

/// A picture of a large law does not grow with it.
#[test]
fn a_large_law_is_drawn_in_squares() {
    let folder = tempfile::tempdir().unwrap();
    let large = ["matching", "--dim", "120", "--iters", "2", "--seeds", "0", "--quiet", "--out", "large"];
    let (status, _, error) = toy(folder.path(), &[&large[..], &["--estimator", "t_reinforce"]].concat());
    assert_eq!((status, error.as_str()), (0, ""));
    let svg = std::fs::read_to_string(folder.path().join("large/law.svg")).unwrap();
    // 40 by 40, each of three cells a side.
    let squares = svg.matches("<rect ").count();
    assert!((1500..1700).contains(&squares), "{squares}");
}

#[cfg(unix)]
#[test]
fn what_was_interrupted_is_resumed_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "top_k",
        "--dim",
        "6",
        "--iters",
        "40000",
        "--estimator",
        "t_reinforce,relax",
        "--seeds",
        "7",
        "--quiet",
    ];
    let (status, whole, error) = toy(folder.path(), &[&arguments[..], &["--out", "e1"]].concat());
    assert_eq!((status, error.as_str()), (0, ""));
    let program = assert_cmd::cargo::cargo_bin("recursive-gumbel");
    let mut interrupted = 0;
    for resume in [None, Some("--resume"), Some("--resume")] {
        let mut child = Command::new(&program)
            .current_dir(folder.path())
            .arg("toy")
            .args(arguments)
            .args(["--out", "e2"])
            .args(resume)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(400));
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        interrupted += i32::from(child.wait().unwrap().code() == Some(130));
        // Whatever happens, what is there is whole.
        for (name, bytes) in files(&folder.path().join("e2")) {
            assert!(name.ends_with(".png") || bytes.ends_with(b"\n"), "{name}");
        }
    }
    let (status, resumed, error) =
        toy(folder.path(), &[&arguments[..], &["--out", "e2", "--resume"]].concat());
    assert_eq!((status, error.as_str(), &resumed), (0, "", &whole));
    let kept = |name: &str| {
        files(&folder.path().join(name))
            .into_iter()
            .map(|(name, bytes)| (name[1..].to_owned(), bytes))
            .collect::<Vec<_>>()
    };
    assert_eq!(kept("e2"), kept("e1"));
    // On a machine so fast that it was over before, there was nothing to be seen.
    println!("interrupted {interrupted} times");
}

#[test]
fn what_is_wrong_is_told_early() {
    let folder = tempfile::tempdir().unwrap();
    let short = ["--iters", "10", "--estimator", "t_reinforce", "--quiet", "--out"];
    assert_eq!(toy(folder.path(), &[&["matching", "--dim", "3"], &short[..], &["kept"]].concat()).0, 0);
    std::fs::create_dir(folder.path().join("other")).unwrap();
    std::fs::write(folder.path().join("other/letter.txt"), "Dear").unwrap();
    let training = folder.path().join("kept/trainings/t_reinforce-1.json");
    for (arguments, want) in [
        (&["matching", "--dim", "1"][..], "--dim 1: want at least 2, or there is only one matching"),
        (&["spanning_tree", "--dim", "2"], "--dim 2: want at least 3"),
        (&["matching", "--dim", "100000"], "--dim 100000: want at most 1000"),
        (&["matching", "--loss", "height"], "--loss height: matching has no loss \"height\""),
        (&["forest"], "want one of spanning_tree, arborescence"),
        (&["matching", "--estimator", "adam"], "want one of e_reinforce"),
        (
            &["matching", "--estimator", "t_reinforce_plus", "--samples", "1"],
            "t_reinforce_plus: a leave-one-out baseline",
        ),
        (
            &["arborescence", "--estimator", "exact"],
            "exact: the exact gradient of this loss would take too many traces",
        ),
        (&["matching", "--seeds", "3..1"], "want seeds as 0..9"),
        (&["matching", "--seeds", "1,1"], "want seeds as 0..9"),
        (&["matching", "--iters", "0"], "--iters 0: want at least 1"),
        (&["matching", "--lr=-1"], "want a positive number"),
        (&["matching", "--resume"], "--out"),
        (
            &["matching", "--dim", "3", "--out", "kept", "--iters", "10", "--estimator", "t_reinforce"],
            "holds this experiment already: want --resume",
        ),
        (
            &[
                "matching",
                "--dim",
                "4",
                "--out",
                "kept",
                "--iters",
                "10",
                "--estimator",
                "t_reinforce",
                "--resume",
            ],
            "holds another experiment, with dim 3 (asked for: 4): want another folder",
        ),
        (&["matching", "--out", "other"], "holds letter.txt, and no experiment"),
        (&["matching", "--out", "other/letter.txt"], "letter.txt"),
    ] {
        let (status, out, error) = toy(folder.path(), arguments);
        assert_eq!((status, out.as_str()), (2, ""), "{arguments:?}: {error}");
        assert!(error.contains(want), "{arguments:?}: {error}");
    }
    // A training that is cut, or that of another.
    let text = std::fs::read_to_string(&training).unwrap();
    for (text, want) in [
        (text[..100].to_owned(), "EOF while parsing"),
        (text.replace("\"seed\":1", "\"seed\":2"), "from seed 2"),
    ] {
        std::fs::write(&training, text).unwrap();
        let (status, _, error) =
            toy(folder.path(), &[&["matching", "--dim", "3", "--resume"], &short[..], &["kept"]].concat());
        assert!(status == 2 && error.contains("t_reinforce-1.json: ") && error.contains(want), "{error}");
    }
}

/// What the book tells of was kept in `docs/toy`: the beginnings are made again, to the last digit (not of the exact gradient, of which a
/// step takes long).
#[test]
fn the_trainings_of_the_book_are_these() {
    let folder = tempfile::tempdir().unwrap();
    for (file, options) in [
        ("spanning_tree", &["spanning_tree"][..]),
        ("arborescence", &["arborescence"]),
        ("matching", &["matching"]),
        ("binary_tree", &["binary_tree"]),
        ("matching-5-draws", &["matching", "--samples", "5", "--every", "1000"]),
    ] {
        let short = ["--seeds", "0,7", "--format", "csv", "--quiet", "--iters", "1000"];
        let (status, again, error) = toy(folder.path(), &[options, &short].concat());
        assert_eq!(status, 0, "{error}");
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/toy/{file}.csv"));
        let kept = std::fs::read_to_string(kept).unwrap();
        let kept: std::collections::BTreeSet<&str> = kept.lines().collect();
        let other = again.lines().find(|line| !kept.contains(line));
        assert!(again.lines().count() > 20 && other.is_none(), "{file}: {other:?}");
    }
}

#[path = "../examples/toy.rs"]
#[allow(dead_code, unreachable_pub)] // it is a program of its own
mod example;

/// The example: half of a cycle of 8 in the end, where the first hundred steps have less.
#[test]
fn the_example_learns() {
    let means = example::train(8, 400).unwrap();
    assert!(means[0] < 3.7 && means[3] > 3.9 && means.is_sorted(), "{means:?}");
}
