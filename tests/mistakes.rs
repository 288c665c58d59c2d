//! Mistakes that people make, each a line from right, over all structures: the check that sees it first, and the draws that this takes.
//!
//! Each is judged as `check` judges a file, at 10, 30, 100, … draws; the table says from which of them on the check refutes. Every
//! run has its seed; a report alarms falsely with probability at most 1e-6.

use gumbel_oracle::model::Model;
use recursive_gumbel::check::{Asked, Method};
use recursive_gumbel::mutants::{Mutant, Mutated};
use recursive_gumbel::report::{Verdict, findings};
use recursive_gumbel::sample::{Draws, Field, Reference};
use recursive_gumbel::statistics::Budget;

const TREE: &str = include_str!("../examples/models/k4.json");
const ARCS: &str = r#"{"structure": "arborescence", "vertices": 4, "root": 0, "edges":
    [[0,1,1],[0,2,1],[0,3,1],[1,2,6],[2,1,5],[2,3,4],[3,1,3],[1,3,2],[3,2,7]]}"#;
const MATCHING: &str = r#"{"structure": "matching", "rates": [[4,1,2],["1/2",1,1],[3,"1/3",1]]}"#;
const BINARY: &str = r#"{"structure": "binary_tree", "rates": [1, 2, "1/2", 3, 5]}"#;
const TOP_K: &str = r#"{"structure": "top_k", "k": 2, "rates": [1, 2, "1/2", 3]}"#;
const ORDER: &str = r#"{"structure": "permutation", "rates": [1, 2, "1/2", 3]}"#;
const ONE: &str = r#"{"structure": "categorical", "rates": [1, 2, "1/2", 3]}"#;

const MODELS: [&str; 7] = [TREE, ARCS, MATCHING, BINARY, TOP_K, ORDER, ONE];

/// Draws at which a sample is judged.
const LADDER: [u64; 12] =
    [10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000];

/// A model of which this is a mistake; another for each, in turns.
fn text_of(number: usize, mutant: &Mutant) -> &'static str {
    let is_of = |text: &&&str| mutant.is_of(Model::parse(text).unwrap().kind());
    MODELS.iter().cycle().skip(number).take(7).find(is_of).unwrap()
}

/// The fewest draws of the ladder at which something is refuted, and by which check first.
fn needed(model: &Model, mutant: &'static Mutant) -> (u64, &'static str) {
    let wrong = Mutated::new(model, mutant, 21).unwrap();
    let method = Method::of(model, &Field::DRAWN, &Asked::only(0.05), 1e-6);
    let budget = Budget::new(1e-6, method.tests(model, &Field::DRAWN, &Asked::only(0.05))).unwrap();
    let found = LADDER.into_iter().find_map(|draws| {
        let mut source = Draws::new(&wrong, draws);
        let rows = method.judge("", model, &mut source, &Asked::only(0.99), &budget, |_| ()).unwrap();
        Some((draws, findings(&rows).first()?.subject))
    });
    found.unwrap_or_else(|| panic!("{mutant:?} is not refuted"))
}

/// The table as the chapter tells it.
fn table() -> String {
    let line = |cells: [&str; 5]| {
        format!("{:<30}{:<50}{:<15}{:<33}{:>8}\n", cells[0], cells[1], cells[2], cells[3], cells[4])
    };
    let mut lines = line(["mutant", "what is wrong", "of", "refuted by", "draws"]);
    for (number, mutant) in Mutant::all().iter().enumerate() {
        let model = Model::parse(text_of(number, mutant)).unwrap();
        let (draws, subject) = needed(&model, mutant);
        lines.push_str(&line([
            mutant.name(),
            mutant.words(),
            model.kind().name(),
            subject,
            &draws.to_string(),
        ]));
    }
    lines
}

/// Every mistake is seen, by the check and at the number of draws that the chapter tells.
#[test]
fn the_chapter_has_the_table() {
    let (chapter, table) = (include_str!("../docs/src/mutants.md"), table());
    assert!(chapter.contains(&table), "{table}");
}

#[test]
fn mutants_have_names_of_their_own_and_are_of_something() {
    let names: std::collections::BTreeSet<&str> = Mutant::all().iter().map(Mutant::name).collect();
    assert!(names.len() == Mutant::all().len() && names.len() >= 60, "{}", names.len());
    for mutant in Mutant::all() {
        assert!(!mutant.words().is_empty() && Mutant::named(mutant.name()).is_some());
        assert!(MODELS.iter().any(|text| mutant.is_of(Model::parse(text).unwrap().kind())), "{mutant:?}");
    }
    assert!(Mutant::named("right").is_none());
}

/// Where a mistake is none of the structure, the draws are right, to the last digit.
#[test]
fn what_is_no_mistake_of_a_structure_changes_nothing() {
    for text in MODELS {
        let model = Model::parse(text).unwrap();
        let right = Reference::new(&model, 3).unwrap();
        for mutant in Mutant::all().iter().filter(|mutant| !mutant.is_of(model.kind())) {
            let mutated = Mutated::new(&model, mutant, 3).unwrap();
            for number in 0..5 {
                let (found, want) = (mutated.draw(number), right.draw(number));
                assert_eq!(found.structure, want.structure, "{mutant:?}");
                assert_eq!((found.trace, found.exponentials), (want.trace, want.exponentials), "{mutant:?}");
                assert_eq!((found.log_prob, found.score), (want.log_prob, want.score), "{mutant:?}");
            }
        }
    }
}

/// Two hundred right samples of every structure, 300 draws each with all fields, each judged at a false alarm of 0.1. By what is
/// promised at most 140 of these 1,400 reports alarm on average; that 185 or more do has a probability of less than 1e-4. At 1e-6
/// none may.
#[test]
fn right_samples_of_every_structure_are_not_accused() {
    const ALPHA: f64 = 0.1;
    let (mut alarms, mut least) = (0, 1.0_f64);
    for text in MODELS {
        let model = Model::parse(text).unwrap();
        let method = Method::of(&model, &Field::DRAWN, &Asked::only(0.05), ALPHA);
        let tests = method.tests(&model, &Field::DRAWN, &Asked::only(0.05));
        let budget = Budget::new(ALPHA, tests).unwrap();
        for seed in 0..200 {
            let right = Reference::new(&model, seed).unwrap();
            let mut source = Draws::new(&right, 300);
            let rows = method.judge("", &model, &mut source, &Asked::only(0.99), &budget, |_| ()).unwrap();
            alarms += u64::from(rows.iter().any(|row| row.verdict == Verdict::Refuted));
            for row in &rows {
                assert!(row.test.is_some() || row.verdict != Verdict::Refuted, "{row:?}");
                // What is called a p-value of chi-square is too small far out, and held to a hundredth.
                let p = row.test.map_or(1.0, |test| test.p_value * ALPHA / tests as f64 / test.threshold);
                least = least.min(p * tests as f64);
            }
        }
    }
    assert!(alarms < 185, "{alarms} of 1,400");
    assert!(least > 1e-6, "{least}");
}

/// The same mistakes in files: `sample --mutant` writes them, and `check` sees them at the same number of draws.
#[test]
fn files_of_mutants_are_refuted_at_the_same_number_of_draws() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let program = assert_cmd::cargo::cargo_bin("recursive-gumbel");
        let output = std::process::Command::new(program).current_dir(folder.path()).args(arguments).output();
        let output = output.unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text)
    };
    let chapter = include_str!("../docs/src/mutants.md");
    let mut seen = 0;
    for (number, mutant) in Mutant::all().iter().enumerate() {
        let line = chapter.lines().find(|line| line.starts_with(&format!("{} ", mutant.name()))).unwrap();
        let draws = line.split_whitespace().last().unwrap();
        if draws.len() > 4 {
            continue; // the others take too long to be written and read
        }
        std::fs::write(folder.path().join("model.json"), text_of(number, mutant)).unwrap();
        let with = ["--with", "trace,log-prob,score,exponentials,conditional", "--seed", "21", "--quiet"];
        let sample = ["sample", "model.json", "-n", draws, "--out", "draws.jsonl", "--mutant", mutant.name()];
        assert_eq!(run(&[&sample[..], &with].concat()), (0, String::new()), "{mutant:?}");
        let (status, report) = run(&["check", "model.json", "draws.jsonl", "--quiet"]);
        assert_eq!(status, 1, "{mutant:?}: {report}");
        seen += 1;
    }
    assert!(seen >= 65, "{seen}");
    std::fs::write(folder.path().join("model.json"), ONE).unwrap();
    let (status, error) = run(&["sample", "model.json", "--mutant", "mirrored"]);
    let want = "--mutant mirrored: categorical has no such mistake, the tree from right to left";
    assert!(status == 2 && error.contains(want), "{error}");
    let (status, error) = run(&["sample", "model.json", "--mutant", "nobody"]);
    assert!(status == 2 && error.contains("no such mutant: docs/src/mutants.md has the names"), "{error}");
}
