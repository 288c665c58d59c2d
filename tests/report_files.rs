//! What programs read of a report: JSON by its schema, JUnit's XML, and Markdown for the page of a job.

use std::path::Path;

use assert_cmd::Command;
use quick_xml::Reader;
use quick_xml::events::Event;
use schema::differs;
use serde_json::Value;

#[path = "common/schema.rs"]
mod schema;

const K3: &str = "examples/models/k3.json";

/// A log-probability that lacks a race, beside right ones.
const WRONG: &str = r#"{"structure":[[0,1],[1,2]],"trace":[[0,1],[1,2]],"log_prob":-1.2527629684953681}"#;

fn run(args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = Command::cargo_bin("recursive-gumbel").unwrap();
    let output = command.args(args).write_stdin(input).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn samples(model: &str, count: &str) -> String {
    run(&["sample", model, "-n", count, "--with", "trace,log-prob,score,exponentials,conditional"], "").1
}

#[test]
fn reports_are_as_their_schema_says() {
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string("docs/report.schema.json").unwrap()).unwrap();
    let large = format!(r#"{{"structure": "permutation", "rates": {:?}}}"#, vec![1; 20]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.json");
    std::fs::write(&path, large).unwrap();
    let path = path.to_str().unwrap();
    let json = ["--format", "json"];
    let serve = assert_cmd::cargo::cargo_bin("recursive-gumbel").display().to_string();
    let reports = [
        (run(&[&["check", K3, "-"], &json[..]].concat(), &samples(K3, "500")), 3),
        (run(&[&["check", K3, "-", "--departure", "0.7"], &json[..]].concat(), &samples(K3, "5000")), 0),
        (run(&[&["check", K3, "-"], &json[..]].concat(), WRONG), 1),
        (run(&[&["check", path, "-"], &json[..]].concat(), &samples(path, "200")), 3),
        (run(&[&["verify", "--structure", "top_k", "--samples", "300"], &json[..]].concat(), ""), 3),
        (
            run(
                &[&["check", K3, "-", "--loss", "default"], &json[..]].concat(),
                "{\"gradient\":[0.5,0.5,-1]}\n",
            ),
            3,
        ),
        (run(&[&["harness", K3, "--budget", "500"], &json[..], &["--", &serve, "serve"]].concat(), ""), 3),
        (
            run(
                &[
                    &["harness", K3, "--shrink"],
                    &json[..],
                    &["--", &serve, "serve", "--mutant", "score_sign"],
                ]
                .concat(),
                "",
            ),
            1,
        ),
        // An impossible trace: an infinite statistic.
        (run(&[&["check", K3, "-"], &json[..]].concat(), r#"{"trace":[[0,1],[0,1]]}"#), 1),
    ];
    for ((status, out, err), want) in &reports {
        assert_eq!(status, want, "{out}{err}");
        let report: Value = serde_json::from_str(out).unwrap();
        assert_eq!(differs(&schema, &schema, &report, ""), None);
    }
    // The test can fail: a field too many, one too few, a word that is none.
    let right: Value = serde_json::from_str(&reports[0].0.1).unwrap();
    for (pointer, value) in [("/rows/0/verdict", "right"), ("/rows/0/count", "5"), ("/method", "guess")] {
        let mut wrong = right.clone();
        *wrong.pointer_mut(pointer).unwrap() = value.into();
        assert!(differs(&schema, &schema, &wrong, "").is_some(), "{pointer}");
    }
    let mut wrong = right.clone();
    wrong["more"] = 1.into();
    assert!(differs(&schema, &schema, &wrong, "").is_some());
    wrong = right;
    drop(wrong["rows"][0].as_object_mut().unwrap().remove("note"));
    assert!(differs(&schema, &schema, &wrong, "").is_some());
}

/// The cases of a JUnit file: name, and what is inside.
fn cases(path: &Path) -> Vec<(String, Option<(String, String)>)> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut reader = Reader::from_str(&text);
    let mut cases: Vec<(String, Option<(String, String)>)> = Vec::new();
    let attribute = |element: &quick_xml::events::BytesStart<'_>, name: &str| -> String {
        let found = element.try_get_attribute(name).unwrap().unwrap();
        quick_xml::escape::unescape(&String::from_utf8_lossy(found.value.as_ref().as_ref()))
            .unwrap()
            .into_owned()
    };
    loop {
        match reader.read_event().unwrap() {
            Event::Eof => return cases,
            Event::Start(element) | Event::Empty(element) => {
                let name = String::from_utf8_lossy(element.name().as_ref().as_ref()).into_owned();
                match name.as_str() {
                    "testcase" => cases.push((attribute(&element, "name"), None)),
                    "failure" | "skipped" => {
                        cases.last_mut().unwrap().1 = Some((name, attribute(&element, "message")));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

#[test]
fn junit_has_a_case_for_each_check_and_markdown_is_appended() {
    let folder = tempfile::tempdir().unwrap();
    let [junit, summary] = ["junit.xml", "summary.md"].map(|name| folder.path().join(name));
    std::fs::write(&summary, "before\n").unwrap();
    let check = |input: &str, departure: &str| {
        let files = ["--junit", junit.to_str().unwrap(), "--summary", summary.to_str().unwrap()];
        let (status, out, _) =
            run(&[&["check", K3, "-", "--departure", departure], &files[..]].concat(), input);
        (status, out, cases(&junit), std::fs::read_to_string(&summary).unwrap())
    };
    let (status, out, wrong, first) = check(WRONG, "0.9");
    assert_eq!(status, 1);
    let of = |cases: &[(String, Option<(String, String)>)], name: &str| {
        cases.iter().find(|case| case.0 == name).unwrap_or_else(|| panic!("{name} in {cases:?}")).1.clone()
    };
    let (element, message) = of(&wrong, "log-probability: against exact").unwrap();
    assert_eq!(element, "failure");
    assert!(
        message.starts_with("1 of 1 draws, the first is line 1 of standard input: log p of [[0,1],[1,2]] is")
            && out.contains(&message),
        "{message}"
    );
    assert_eq!(of(&wrong, "rerun: every draw").unwrap().0, "skipped");
    assert_eq!(of(&wrong, "traces: every draw"), None);
    assert!(first.starts_with("before\n### check: REFUTED\n"), "{first}");
    assert!(first.contains(": log p of \\[\\[0,1\\],\\[1,2\\]\\] is"), "{first}");
    assert!(first.contains("- not judged: rerun, exponentials"), "{first}");

    let draws = samples(K3, "10000");
    let part = |from: usize, count: usize| -> String {
        draws.lines().skip(from).take(count).map(|line| format!("{line}\n")).collect()
    };
    let (status, _, right, both) = check(&part(0, 5_000), "0.7");
    assert_eq!(status, 0, "{right:?}");
    assert!(right.iter().all(|case| case.1.is_none()), "{right:?}");
    assert!(both.starts_with(&first) && both.contains("### check: held\n"), "{both}");
    // Two samples have the same cases, whichever entry is the worst.
    let (.., other, _) = check(&part(5_000, 5_000), "0.7");
    let names = |cases: &[(String, Option<(String, String)>)]| {
        cases.iter().map(|case| case.0.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&right), names(&other));
    // Underpowered is never green.
    let (status, _, few, _) = check(&part(0, 50), "0.05");
    assert_eq!(status, 3);
    let (element, message) = of(&few, "structures: χ²").unwrap();
    assert!(element == "failure" && message.contains("draws would do"), "{message}");

    // A place that cannot be written to is said before the work, and leaves nothing behind.
    for option in ["--junit", "--summary"] {
        let (status, out, err) = run(&["check", K3, "-", option, "no such folder/file"], WRONG);
        assert_eq!((status, out.as_str()), (2, ""));
        assert!(err.contains("no such folder/file"), "{err}");
    }
}
