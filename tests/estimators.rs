//! Estimators of a gradient that are wrong on purpose: as samplers, in files, and live.
//!
//! Every run has its seed; a report alarms falsely with probability at most 1e-6.

#[path = "common/mistaken.rs"]
mod mistaken;
#[path = "common/program.rs"]
mod program;

use mistaken::{Judged, is_refuted};
use program::{program, said};
use rayon::prelude::*;
use recursive_gumbel::estimate::Named;
use recursive_gumbel::mutants::Mutant;
use recursive_gumbel::mutants::estimates::Mistake;

/// Without a mistake they are right: mean and covariances of every estimator, of every structure.
#[test]
fn right_without_a_mistake() {
    let models = Mutant::models();
    let all: Vec<(&str, Named)> =
        models.iter().flat_map(|text| Named::ALL.map(|estimator| (*text, estimator))).collect();
    all.par_iter().for_each(|&(text, estimator)| {
        let refuted = Judged::new(text, estimator).refuted(None, 5, 10_000);
        assert_eq!(refuted, [false; 3], "{estimator:?} of {text}");
    });
}

/// Of every structure, in every estimator in which it can be made: by the mean, or if that is right by the covariances. The mean alone
/// is not enough everywhere, where the gradient is small beside the variance.
#[test]
fn every_mistake_is_refuted_on_every_structure() {
    let models = Mutant::models();
    let mistakes = Mistake::all().iter();
    let of = mistakes.flat_map(|mistake| mistake.of().iter().map(move |estimator| (mistake, *estimator)));
    let all: Vec<_> =
        of.flat_map(|(mistake, of)| models.iter().map(move |text| (mistake, of, *text))).collect();
    let missed: Vec<String> = all
        .par_iter()
        .filter_map(|&(mistake, estimator, text)| {
            let judged = Judged::new(text, estimator);
            if mistake.is_unbiased() {
                assert_eq!(
                    judged.refuted(Some(mistake), 6, 30_000),
                    [false, false, true],
                    "{mistake:?} {text}"
                );
                return None;
            }
            let seen = [3_000, 30_000, 200_000];
            let seen = seen.into_iter().any(|count| is_refuted(&judged.law(Some(mistake), 6, count)));
            (!seen).then(|| format!("{mistake:?} {estimator:?} {text}"))
        })
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

/// The triangle, and six positions of which one wins: there RELAX is asked for live.
const TRIANGLE: &str =
    r#"{"structure": "spanning_tree", "vertices": 3, "edges": [[0, 1, 4], [0, 2, 2], [1, 2, 1]]}"#;
const ONE: &str = r#"{"structure": "categorical", "rates": [4, 2, 1]}"#;

/// The door of files, and the live one.
#[test]
fn every_mistake_is_refuted_in_files_and_live() {
    let folder = tempfile::tempdir().unwrap();
    let [triangle, one, file] =
        ["triangle.json", "one.json", "estimates.jsonl"].map(|name| folder.path().join(name));
    std::fs::write(&triangle, TRIANGLE).unwrap();
    std::fs::write(&one, ONE).unwrap();
    let [triangle, one, file] = [&triangle, &one, &file].map(|path| path.to_str().unwrap());
    let program = program();
    for mistake in Mistake::all().iter() {
        let (name, wanted) = (mistake.name(), i32::from(!mistake.is_unbiased()));
        let estimator = mistake.of()[0].name();
        let written = said(&[
            "sample",
            triangle,
            "-n",
            "20000",
            "--estimator",
            estimator,
            "--mutant",
            name,
            "--out",
            file,
        ]);
        assert_eq!((written.0, &*written.2), (0, ""), "{name}");
        let (status, out, error) =
            said(&["check", triangle, file, "--loss", "default", "--departure", "0.2"]);
        assert_eq!((status, &*error), (wanted, ""), "{name}: {out}");
        let child = [&program, "serve", "--mutant", name];
        let harness = ["harness", one, "--departure", "0.05", "--"];
        let (status, out, error) = said(&[&harness[..], &child].concat());
        assert_eq!((status, &*error), (wanted, ""), "{name}: {out}");
        let row = out.lines().any(|line| line.contains("gradient: ") && line.contains("REFUTED"));
        assert_eq!(row, wanted == 1, "{name}: {out}");
    }
}

/// What there is not is refused, and what would be right is said.
#[test]
fn what_there_is_not_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("one.json");
    std::fs::write(&model, ONE).unwrap();
    let model = model.to_str().unwrap();
    for (arguments, want) in [
        (&["--estimator", "reinforce"][..], "want one of e_reinforce, t_reinforce, e_reinforce_plus"),
        (
            &["--estimator", "t_reinforce_plus", "--draws", "1"],
            "--draws: a leave-one-out baseline is the mean loss of the other draws: want at least 2 draws",
        ),
        (
            &["--estimator", "t_reinforce", "--loss", "leaves"],
            "--loss leaves: categorical has no loss \"leaves\": want",
        ),
        (
            &["--estimator", "t_reinforce", "--mutant", "critic_sign"],
            "--mutant critic_sign: t_reinforce has no such mistake, both gradients of the critic with the wrong sign: want one of relax_linear",
        ),
        (
            &["--mutant", "critic_sign"],
            "--mutant critic_sign is a mistake of estimators: want --estimator, one of relax_linear",
        ),
        (&["--estimator", "t_reinforce", "--with", "trace"], "cannot be used with"),
        (&["--draws", "3"], "--estimator"),
    ] {
        let (status, out, error) = said(&[&["sample", model][..], arguments].concat());
        assert_eq!((status, &*out), (2, ""), "{arguments:?}: {error}");
        assert!(error.contains(want), "{arguments:?}: {error}");
    }
    let (status, _, error) = said(&["mutants", "--matrix", "critic_sign"]);
    assert!(status == 2 && error.contains("critic_sign is a mistake of estimators"), "{error}");
    let (_, out, _) = said(&["mutants"]);
    let named = |name: &str| out.lines().any(|line| line.split_whitespace().next() == Some(name));
    assert!(Mistake::all().iter().map(Mistake::name).all(named), "{out}");
}

/// The same estimates, whatever is asked for besides, as lines and as arrays.
#[test]
fn estimates_are_written_in_both_formats() {
    let folder = tempfile::tempdir().unwrap();
    let [model, lines, arrays] = ["one.json", "e.jsonl", "e.npz"].map(|name| folder.path().join(name));
    std::fs::write(&model, ONE).unwrap();
    let [model, lines, arrays] = [&model, &lines, &arrays].map(|path| path.to_str().unwrap());
    let options =
        ["sample", model, "-n", "6000", "--estimator", "relax_linear", "--draws", "3", "--loss", "default"];
    assert_eq!(said(&[&options[..], &["--out", lines]].concat()).0, 0);
    assert_eq!(said(&[&options[..], &["--format", "npz", "--out", arrays]].concat()).0, 0);
    let report = |file: &str| {
        let (status, out, error) =
            said(&["check", model, file, "--loss", "default", "--departure", "0.5", "--quiet"]);
        assert_eq!((status, &*error), (0, ""), "{out}");
        out.replace(file, "estimates")
    };
    assert_eq!(report(lines), report(arrays));
    let first = std::fs::read_to_string(lines).unwrap();
    let fewer = said(&["sample", model, "-n", "2", "--estimator", "relax_linear", "--draws", "3"]).1;
    assert!(first.starts_with(&fewer), "{fewer}");
}

/// Numbers beyond `f64` are refused, and nothing is written.
#[test]
fn estimates_beyond_f64_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let [model, file] = ["far.json", "far.jsonl"].map(|name| folder.path().join(name));
    std::fs::write(
        &model,
        r#"{"structure": "top_k", "k": 3, "rates": ["1e-300", "1e-300", "1e-300", "1e300"]}"#,
    )
    .unwrap();
    let [model, file] = [&model, &file].map(|path| path.to_str().unwrap());
    for format in ["jsonl", "npz"] {
        let options = ["--estimator", "relax_linear", "--draws", "2", "--format", format, "--out", file];
        let (status, out, error) = said(&[&["sample", model, "-n", "500"], &options[..]].concat());
        assert_eq!((status, &*out), (2, ""), "{error}");
        assert!(error.contains("estimate 0: beyond the range of f64: nothing is written"), "{error}");
        assert!(!std::path::Path::new(file).exists());
    }
}
