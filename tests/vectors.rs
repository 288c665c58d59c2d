//! The golden vectors: what is in `vectors/` is what the oracle says, byte for byte, and whatever is changed in them is seen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::race::Trace;
use recursive_gumbel::mutants::{Family, Mutant};
use recursive_gumbel::vectors::{File, Operation, check, documents, text};
use serde_json::Value;

#[path = "common/program.rs"]
mod program;
#[path = "common/schema.rs"]
mod schema;

use program::{program, said};

fn kept(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `recursive-gumbel vectors write vectors` makes them.
#[test]
fn the_files_are_those_that_are_written() {
    let mut bytes = 0;
    for file in File::all() {
        let (exact, name) = (text(file).unwrap(), file.name());
        let found = kept(&name);
        assert!(found == exact, "{name} is not what is written now");
        bytes += found.len();
    }
    let documents = documents().unwrap();
    assert_eq!(kept("README.md"), documents.readme);
    assert_eq!(kept("schema.json"), documents.schema);
    assert!(bytes < 3_000_000, "{bytes}");
    let names: BTreeSet<String> = File::all().into_iter().map(File::name).collect();
    let folder = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")).unwrap();
    let there: BTreeSet<String> =
        folder.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let known = |name: &String| names.contains(name) || ["README.md", "schema.json"].contains(&name.as_str());
    assert!(there.iter().all(known) && there.len() == names.len() + 2, "{there:?}");
}

#[test]
fn they_are_of_their_schema_and_every_id_is_there_once() {
    let schema: Value = serde_json::from_str(&kept("schema.json")).unwrap();
    let (mut ids, mut count) = (BTreeSet::new(), 0);
    for File { kind, operation, .. } in File::all() {
        let name = File { kind, operation, large: false }.name();
        let file: Value = serde_json::from_str(&kept(&name)).unwrap();
        assert_eq!(schema::differs(&schema, &schema, &file, &name), None);
        assert_eq!((&file["structure"], &file["operation"]), (&kind.name().into(), &operation.name().into()));
        let cases =
            || file["groups"].as_array().unwrap().iter().flat_map(|group| group["cases"].as_array().unwrap());
        assert_eq!(file["number_of_cases"], cases().count());
        count += cases().count();
        for case in cases() {
            assert!(ids.insert(case["id"].as_str().unwrap().to_owned()), "{name}: {}", case["id"]);
            assert!(!case["expected"].as_object().unwrap().is_empty(), "{}", case["id"]);
        }
        // Every flag is explained, and no other.
        let flags = |of: &Value| -> Vec<String> {
            of["flags"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap().to_owned()).collect()
        };
        let used: BTreeSet<String> =
            file["groups"].as_array().unwrap().iter().chain(cases()).flat_map(flags).collect();
        let told: BTreeSet<String> = file["flags"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(used, told, "{name}");
    }
    assert!(count >= 800, "{count}");
}

/// Mistakes in what has one answer are caught in the file where they belong; the others are named as what needs draws.
#[test]
fn every_mistake_in_what_has_one_answer_is_caught() {
    let readme = kept("README.md");
    let (_, missed) = readme.split_once("Caught by none").unwrap();
    let missed = missed.split("\n\n").next().unwrap();
    for mutant in Mutant::all() {
        let needs_draws = match mutant.family() {
            Family::Exponentials | Family::Together => true,
            // Of the rates those that are wrong in the draws only.
            Family::Rates => {
                !["first_rate_a_percent_more", "last_rate_lost", "rates_of_8_bits"].contains(&mutant.name())
            }
            Family::Structures | Family::LogProbabilities | Family::Scores | Family::Conditionals => false,
        };
        // Absent entries are told as null here, so that what is written there is not looked at.
        let needs_draws = needs_draws || mutant.name() == "finite_where_absent";
        assert_eq!(missed.contains(&format!("`{}`", mutant.name())), needs_draws, "{mutant:?}");
    }
}

/// One digit changed anywhere in a file is seen.
#[test]
fn a_changed_digit_is_seen() {
    for (kind, operation) in [
        (Kind::Arborescence, Operation::Run),
        (Kind::SpanningTree, Operation::Trace),
        (Kind::TopK, Operation::Conditional),
        (Kind::Matching, Operation::Inverse),
        (Kind::BinaryTree, Operation::Law),
        (Kind::Permutation, Operation::Invalid),
    ] {
        let file = File { kind, operation, large: false };
        let text = text(file).unwrap();
        let (count, wrong) = check(file, &text);
        assert!(count > 0 && wrong.is_empty(), "{wrong:?}");
        let digits: Vec<usize> =
            text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit()).map(|(i, _)| i).collect();
        for place in digits.iter().step_by(digits.len() / 23) {
            let mut bytes = text.clone().into_bytes();
            bytes[*place] = b'0' + (bytes[*place] - b'0' + 1) % 10;
            let changed = String::from_utf8(bytes).unwrap();
            assert!(!check(file, &changed).1.is_empty(), "{kind:?} {operation:?} at {place}");
        }
    }
}

/// What is wrong is told with the case, and what would be right.
#[test]
fn what_is_wrong_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("vectors");
    let dir = dir.to_str().unwrap();
    assert_eq!(said(&["vectors", "check", dir]).0, 2);
    assert_eq!(said(&["vectors", "write", dir]), (0, String::new(), String::new()));
    let (status, out, _) = said(&["vectors", "check", dir]);
    assert!(
        status == 0 && out.starts_with("All held: 20") && out.ends_with(" cases in 42 files.\n"),
        "{out}"
    );
    let change = |name: &str, from: &str, to: &str| {
        let path = Path::new(dir).join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{name}: no {from}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    change("spanning_tree_trace.json", "\"probability_exact\":\"8/21\"", "\"probability_exact\":\"8/22\"");
    change("categorical_run.json", "\"number_of_cases\": ", "\"number_of_cases\": 1");
    change("README.md", "Golden", "Gilded");
    let (status, out, _) = said(&["vectors", "check", dir]);
    assert_eq!(status, 1);
    for told in [
        "REFUTED: 3 things in 3 of 44 files",
        "  spanning_tree_trace.json: spanning_tree.trace.triangle.",
        ": probability_exact is \"8/22\", exactly \"8/21\"\n",
        "  categorical_run.json: line 6, column 23: ",
        "  README.md: line 1, column 4: \"# Gilded vectors\", want \"# Golden vectors\"\n",
    ] {
        assert!(out.contains(told), "{told}: {out}");
    }
    std::fs::write(Path::new(dir).join("top_k_law.json"), "{\"groups\":").unwrap();
    assert!(said(&["vectors", "check", dir]).1.contains("  top_k_law.json: not JSON: "));
    std::fs::remove_file(Path::new(dir).join("top_k_run.json")).unwrap();
    let (status, _, error) = said(&["vectors", "check", dir]);
    assert!(status == 2 && error.contains("top_k_run.json"), "{error}");
}

/// The ids with their verdicts, of a run of all cases.
fn run_live(child: &[&str], options: &[&str]) -> (i32, BTreeMap<String, String>) {
    let start = ["vectors", "run", "--format", "jsonl", "--quiet", "--timeout", "60"];
    let (status, out, error) = said(&[&start[..], options, &["--"], child].concat());
    assert_eq!(error, "");
    let verdict = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        (text("id"), text("verdict"))
    };
    (status, out.lines().map(verdict).collect())
}

/// The right implementation holds all that can be asked; a wrong one is refuted at the cases that say so, and no others.
#[test]
fn what_a_case_says_that_it_catches_is_refuted_live() {
    let program = program();
    let (status, all) = run_live(&[&program, "serve"], &[]);
    assert_eq!(status, 0);
    let mut catches: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for of in File::all() {
        let (operation, name) = (of.operation, of.name());
        let file: Value = serde_json::from_str(&kept(&name)).unwrap();
        let asked = [Operation::Run, Operation::Trace, Operation::Conditional].contains(&operation);
        for case in
            file["groups"].as_array().unwrap().iter().flat_map(|group| group["cases"].as_array().unwrap())
        {
            let id = case["id"].as_str().unwrap();
            assert_eq!(all[id], if asked { "held" } else { "not asked" }, "{id}");
            let names =
                case["catches"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
            catches.insert(id.to_owned(), names.collect());
        }
    }
    assert_eq!(all.len(), catches.len());
    for name in
        ["one_member_of_cycle", "prim_order", "score_of_losers", "log_prob_of_structure", "times_not_added"]
    {
        let (status, all) = run_live(&[&program, "serve", "--mutant", name], &[]);
        assert_eq!(status, 1, "{name}");
        for (id, verdict) in all {
            let caught = catches[&id].iter().any(|mutant| mutant == name);
            assert_eq!(verdict == "refuted", caught, "{id} {name}");
        }
    }
}

#[test]
fn a_run_tells_what_is_wrong_and_what_was_not_asked() {
    let program = program();
    let run =
        |options: &[&str], child: &[&str]| said(&[&["vectors", "run"], options, &["--"], child].concat());
    let (status, out, _) =
        run(&["--quiet", "--timeout", "60"], &[&program, "serve", "--mutant", "log_prob_base_2"]);
    assert_eq!(status, 1);
    for told in [
        "REFUTED: ",
        "\n  spanning_tree.trace.triangle.1: log_prob is -1.39231742277876",
        ", exactly -0.965080896043587\n",
        "\n  spanning_tree_trace.json: and ",
        " more (--format jsonl has all)\n",
        " cases: there is no such request\n",
    ] {
        assert!(out.contains(told), "{told}: {out}");
    }
    let (status, all) = run_live(&[&program, "serve"], &["--without", "tie,f32"]);
    let left_out = all.iter().filter(|(id, verdict)| id.contains(".run.") && *verdict == "not asked").count();
    assert!(status == 0 && left_out > 200, "{left_out}");
    let (status, _, error) = run(&["--without", "luck"], &[&program, "serve"]);
    assert!(status == 2 && error.contains("no such flag: want some of absent-entries, close, "), "{error}");
    let (status, _, error) = run(&["--timeout", "60"], &["/no/such/program"]);
    assert!(status == 4 && error.contains("cannot be started"), "{error}");
    let (status, _, error) = run(&["--dir", "/no/such/folder"], &[&program, "serve"]);
    assert!(status == 2 && error.contains("/no/such/folder/"), "{error}");
    let (status, _, error) = run(&["--timeout", "0"], &[&program, "serve"]);
    assert!(status == 2 && error.contains("--timeout 0: want a number of seconds"), "{error}");
    assert_eq!(said(&["vectors", "run"]).0, 2);
    // What differs in a folder's files is asked as it stands there.
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    assert_eq!(said(&["vectors", "write", dir, "--quiet"]).0, 0);
    let path = folder.path().join("categorical_run.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"structure\":0,\"trace\":0", "\"structure\":1,\"trace\":1", 1))
        .unwrap();
    let (status, all) = run_live(&[&program, "serve"], &["--dir", dir]);
    assert_eq!((status, all.values().filter(|verdict| *verdict == "refuted").count()), (1, 1));
    // An input that is none is no fault of the implementation.
    let path = folder.path().join("top_k_trace.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"input\":{\"trace\":[", "\"input\":{\"trace\":[7,", 1)).unwrap();
    let (status, _, error) = run(&["--dir", dir, "--timeout", "60"], &[&program, "serve"]);
    assert!(status == 2 && error.contains("top_k_trace.json: top_k.trace.one.1: the input: "), "{error}");
}

/// Other languages, judged by files alone, and by the same questions live; where a language is missing that is said past the test runner.
#[cfg(unix)]
#[test]
fn readers_and_adapters_in_other_languages_hold() {
    use std::io::Write as _;
    use std::process::Command as Process;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let output = Process::new(program).args(arguments).current_dir(root).output();
        output.ok().map(|output| {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            (output.status.code(), text + &String::from_utf8_lossy(&output.stderr))
        })
    };
    let skipped = |what: &str| {
        std::io::stderr().write_all(format!("SKIPPED: {what} is not on this machine\n").as_bytes()).unwrap()
    };
    let vectors = folder.path().join("vectors");
    std::fs::create_dir(&vectors).unwrap();
    for name in File::all().into_iter().map(File::name) {
        std::fs::copy(root.join("vectors").join(&name), vectors.join(&name)).unwrap();
    }
    let path = vectors.join("spanning_tree_run.json");
    let right = std::fs::read_to_string(&path).unwrap();
    let wrong = right.replacen("\"trace\":[[1,2],[0,2]]", "\"trace\":[[0,2],[1,2]]", 1);
    assert_ne!(right, wrong);
    std::fs::write(&path, wrong).unwrap();
    let (changed, path) = (vectors.to_str().unwrap(), path.to_str().unwrap());
    if run("python3", &["-c", "pass"]).is_some() {
        let reader = "examples/vectors/spanning_tree.py";
        let (status, out) = run("python3", &[reader, "vectors"]).unwrap();
        assert!(status == Some(0) && out.starts_with("All 1") && out.ends_with(" cases held\n"), "{out}");
        let (status, out) = run("python3", &[reader, changed]).unwrap();
        assert!(
            status == Some(1) && out.contains("spanning_tree.run.triangle.1: ") && out.contains("1 of "),
            "{out}"
        );
        assert_eq!(
            run_live(&["python3", root.join("examples/adapters/plain.py").to_str().unwrap()], &[]).0,
            0
        );
    } else {
        skipped("Python");
    }
    let built = folder.path().join("reader");
    let built = built.to_str().unwrap();
    if let Some((status, out)) = run(
        "g++",
        &["-std=c++17", "-Wall", "-Wextra", "-Werror", "-o", built, "examples/vectors/spanning_tree.cpp"],
    ) {
        assert_eq!(status, Some(0), "{out}");
        let (status, out) = run(built, &["vectors/spanning_tree_run.json"]).unwrap();
        assert!(status == Some(0) && out.ends_with(" cases held\n"), "{out}");
        let (status, out) = run(built, &[path]).unwrap();
        assert!(status == Some(1) && out.contains("spanning_tree.run.triangle.1"), "{out}");
        let adapter = folder.path().join("adapter");
        let adapter = adapter.to_str().unwrap();
        let (status, out) =
            run("g++", &["-std=c++17", "-o", adapter, "examples/adapters/plain.cpp"]).unwrap();
        assert_eq!(status, Some(0), "{out}");
        assert_eq!(run_live(&[adapter], &[]).0, 0);
    } else {
        skipped("g++");
    }
}

/// Larger ones are written on demand, held like the others, and asked like the others.
#[test]
fn larger_ones_are_written_on_demand() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    assert_eq!(said(&["vectors", "write", dir, "--large", "--quiet"]), (0, String::new(), String::new()));
    let (status, out, _) = said(&["vectors", "check", dir]);
    assert!(status == 0 && out.ends_with(" cases in 70 files.\n"), "{out}");
    let program = program();
    let (status, all) = run_live(&[&program, "serve"], &["--dir", dir]);
    let large = |name: &str| all.keys().any(|id| id.contains(name));
    assert!(status == 0 && large(".twelve.") && large(".sparse_18.") && large(".sixty."), "{}", all.len());
    assert!(all.len() > 2_200, "{}", all.len());
}

/// Nobody wins by rounding: subtractions in `f64`, and in `f32` where the flag says so, lead to the same trace; and a hexadecimal float
/// is the decimal one.
#[test]
fn rounding_changes_no_run_and_flags_tell_the_truth() {
    let (mut runs, mut singles, mut ties, mut changed) = (0, 0, 0, 0);
    for file in File::all().into_iter().filter(|file| file.operation != Operation::Invalid) {
        let value: Value = serde_json::from_str(&kept(&file.name())).unwrap();
        for group in value["groups"].as_array().unwrap() {
            let model = Model::parse(&group["model"].to_string()).unwrap();
            for case in group["cases"].as_array().unwrap() {
                let (id, input) = (case["id"].as_str().unwrap(), case["input"].as_object().unwrap());
                let flagged = |flag: &str| case["flags"].as_array().unwrap().iter().any(|of| of == flag);
                let numbers = |name: &str| -> Vec<f64> {
                    let row = input.get(name).and_then(Value::as_array).into_iter().flatten();
                    row.map(|value| value.as_f64().unwrap_or(f64::INFINITY)).collect()
                };
                let mut all = numbers("exponentials");
                all.extend(numbers("uniforms"));
                assert!(!flagged("f32") || all.iter().all(|e| f64::from(*e as f32) == *e), "{id}");
                if file.operation != Operation::Run {
                    continue;
                }
                let weights = numbers("exponentials");
                let told =
                    |trace: &Trace| serde_json::from_str::<Value>(&model.canonical_trace(trace)).unwrap();
                assert_eq!(told(&model.run(&weights).unwrap().trace), case["expected"]["trace"], "{id}");
                runs += 1;
                let single: Vec<f32> = weights.iter().map(|e| *e as f32).collect();
                // What can fail: a precision for which that is not promised.
                let coarse = |e: &f32| f32::from_bits(e.to_bits() & 0xffff_0000);
                let coarse: Vec<f32> = single.iter().map(coarse).collect();
                changed += usize::from(told(&model.run(&coarse).unwrap().trace) != case["expected"]["trace"]);
                if flagged("f32") {
                    assert_eq!(told(&model.run(&single).unwrap().trace), case["expected"]["trace"], "{id}");
                    singles += 1;
                }
                let mut sorted = weights.clone();
                sorted.sort_by(f64::total_cmp);
                let alike = sorted.windows(2).any(|pair| pair[0] == pair[1] && pair[0].is_finite());
                assert!(!flagged("tie") || alike || file.kind == Kind::Arborescence, "{id}");
                ties += usize::from(flagged("tie"));
            }
        }
    }
    assert!(runs > 700 && singles > 300 && ties > 60 && changed > 10, "{runs} {singles} {ties} {changed}");
}
