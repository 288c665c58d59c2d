//! `serve`, asked as a harness asks, and held to the oracle. Seeds are fixed; a report alarms falsely with probability at most 1e-6.

use std::io::Write as _;
use std::process::{Command, Stdio};

use gumbel_oracle::model::Model;
use gumbel_oracle::number::to_f64;
use gumbel_oracle::race::Trace;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt as _, SeedableRng as _};
use recursive_gumbel::protocol::{Op, Request};
use recursive_gumbel::verify::MODELS;
use schema::differs;
use serde_json::{Value, json};

#[path = "common/schema.rs"]
mod schema;

/// The answers to some lines.
fn serve(lines: &[String]) -> Vec<Value> {
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("recursive-gumbel"))
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, text) = (child.stdin.take().unwrap(), lines.join("\n") + "\n");
    // It may stop before it has read all.
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).unwrap();
    answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The `ok` of each request on a model.
fn ask(text: &str, requests: &[Value]) -> Vec<Value> {
    let model: Value = serde_json::from_str(text).unwrap();
    let mut lines = vec![json!({"id": 0, "op": "model", "model": model}).to_string()];
    lines.extend(requests.iter().zip(1..).map(|(request, id)| {
        let mut request = request.clone();
        request["id"] = id.into();
        request.to_string()
    }));
    let answers = serve(&lines);
    assert_eq!(answers.len(), lines.len());
    let ok = |(answer, id): (Value, usize)| {
        assert_eq!(answer["id"], id);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["ok"].clone()
    };
    answers.into_iter().zip(0..).map(ok).skip(1).collect()
}

fn near(found: &Value, want: f64) -> bool {
    found.as_f64().is_some_and(|found| (found - want).abs() <= 1e-12 * want.abs().max(1.0))
}

fn rows_are_near(found: &Value, want: &[Vec<Option<f64>>]) -> bool {
    let is = |(cell, want): (&Value, &Option<f64>)| want.map_or(cell.is_null(), |want| near(cell, want));
    let rows = found.as_array().unwrap();
    rows.len() == want.len()
        && rows.iter().zip(want).all(|(row, want)| {
            let row = row.as_array().unwrap();
            row.len() == want.len() && row.iter().zip(want).all(is)
        })
}

#[test]
fn traces_and_runs_are_those_of_the_oracle() {
    for (name, text) in MODELS {
        let model = Model::parse(text).unwrap();
        let rates: Vec<f64> = model.rates_as();
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut row = || -> Vec<Option<f64>> {
            let cell = |rate: &f64| (*rate > 0.0).then(|| rng.random_range(0.01..0.99));
            rates.iter().map(cell).collect()
        };
        let outcomes: Vec<_> = model.traces().collect();
        let traces: Vec<Value> = outcomes
            .iter()
            .map(|of| serde_json::from_str(&model.canonical_trace(&of.trace)).unwrap())
            .collect();
        let uniforms: Vec<Vec<Option<f64>>> = traces.iter().map(|_| row()).collect();
        // Weights on which the answer is known: the conditional draws of every trace, by the oracle.
        let conditional = |(trace, uniforms): (&Trace, &Vec<Option<f64>>)| {
            let uniforms: Vec<f64> = uniforms.iter().map(|u| u.unwrap_or(0.5)).collect();
            trace.exponentials(&rates, &uniforms)
        };
        let given: Vec<Vec<Option<f64>>> =
            outcomes.iter().map(|of| &of.trace).zip(&uniforms).map(conditional).collect();
        let answers = ask(
            text,
            &[
                json!({"op": "log_prob", "traces": traces}),
                json!({"op": "score", "traces": traces}),
                json!({"op": "conditional", "traces": traces, "uniforms": uniforms}),
                json!({"op": "run", "exponentials": given}),
            ],
        );
        let log_probs = answers[0]["log_prob"].as_array().unwrap();
        for (found, outcome) in log_probs.iter().zip(&outcomes) {
            assert!(near(found, libm::log(to_f64(&outcome.probability))), "{name}");
        }
        let scores: Vec<Vec<Option<f64>>> = outcomes
            .iter()
            .map(|of| of.trace.score(model.rates()).iter().map(|s| Some(to_f64(s))).collect())
            .collect();
        assert!(rows_are_near(&answers[1]["score"], &scores), "{name}");
        assert!(rows_are_near(&answers[2]["conditional"], &given), "{name}");
        assert_eq!(answers[3]["trace"], Value::from(traces), "{name}");
        let structures = answers[3]["structure"].as_array().unwrap();
        for (found, outcome) in structures.iter().zip(&outcomes) {
            assert_eq!(found.to_string(), model.canonical(&outcome.structure), "{name}");
        }
    }
}

/// What it draws is judged by `check`, all fields and estimates, and conditional draws in the place of its own.
#[test]
fn draws_are_held_by_check() {
    let fields = ["structure", "trace", "log_prob", "score", "exponentials", "conditional"];
    let folder = tempfile::tempdir().unwrap();
    let (file, model_file) = (folder.path().join("draws.jsonl"), folder.path().join("model.json"));
    for (name, text) in MODELS.into_iter().filter(|(name, _)| ["k4", "top_k", "matching3"].contains(name)) {
        let ask_for =
            |count: u64, seed: u64| json!({"op": "sample", "count": count, "seed": seed, "fields": fields});
        let drawn = ask(text, &[ask_for(10_000, 1), ask_for(10_000, 2)]);
        assert_ne!(drawn[0], drawn[1]);
        let traces: Vec<Value> = drawn.iter().map(|of| of["trace"].clone()).collect();
        let again = ask(
            text,
            &[
                json!({"op": "conditional", "traces": traces[0], "seed": 11}),
                json!({"op": "conditional", "traces": traces[1], "seed": 12}),
                json!({"op": "gradient", "loss": "default", "estimator": "t_reinforce_plus", "draws": 5, "count": 20_000, "seed": 3}),
            ],
        );
        let mut lines = String::new();
        for (of, other) in drawn.iter().zip(&again) {
            for draw in 0..10_000 {
                let mut line = serde_json::Map::new();
                for field in fields {
                    line.insert(field.to_owned(), of[field][draw].clone());
                }
                line.insert("conditional".to_owned(), other["conditional"][draw].clone());
                lines.push_str(&format!("{}\n", Value::Object(line)));
            }
        }
        std::fs::write(&model_file, text).unwrap();
        std::fs::write(&file, lines).unwrap();
        let check = |options: &[&str]| {
            let mut command = Command::new(assert_cmd::cargo::cargo_bin("recursive-gumbel"));
            command.arg("check").args([&model_file, &file]).arg("--quiet").args(options);
            String::from_utf8(command.output().unwrap().stdout).unwrap()
        };
        let report = check(&["--departure", "0.2"]);
        assert!(report.starts_with("All held"), "{name}: {report}");
        let rows = again[2]["gradient"].as_array().unwrap();
        let lines: String = rows.iter().map(|row| format!("{}\n", json!({"gradient": row}))).collect();
        std::fs::write(&file, lines).unwrap();
        let report = check(&["--loss", "default"]);
        assert!(report.starts_with("All held: 1 exact check and 2 tests."), "{name}: {report}");
    }
}

/// The dialogue of the chapter, word for word.
#[test]
fn the_dialogue_of_the_book_is_held() {
    let chapter = include_str!("../docs/src/protocol.md");
    let lines = |mark: &str| -> Vec<String> {
        chapter.lines().filter_map(|line| line.strip_prefix(mark)).map(ToOwned::to_owned).collect()
    };
    let (asked, told) = (lines("> "), lines("< "));
    assert!(asked.len() > 8);
    let answers = serve(&asked);
    assert_eq!(answers.len(), told.len());
    for (answer, told) in answers.iter().zip(told) {
        assert_eq!(*answer, serde_json::from_str::<Value>(&told).unwrap());
    }
    assert!(
        matches!(Request::parse(&asked[2]).unwrap().op, Op::Run { exponentials } if exponentials.len() == 2)
    );
}

#[test]
fn what_cannot_be_answered_is_told_and_the_next_request_is() {
    let model = r#"{"id":0,"op":"model","model":{"structure":"top_k","k":2,"rates":[1,0,3]}}"#;
    let many = r#"{"id":1,"op":"sample","count":99999999999,"seed":5,"fields":["trace"]}"#;
    for (line, error) in [
        ("nonsense", "no request: expected ident at line 1 column 2"),
        (r#"{"op":"stop"}"#, "a request without `id`"),
        (r#"{"id":1}"#, "a request without `op`"),
        (r#"{"id":1,"op":"fly"}"#, "unknown op \"fly\": want one of hello, model, run,"),
        (r#"{"id":1,"op":"hello","protocol":2}"#, "protocol 2: want 1"),
        (
            r#"{"id":1,"op":"model","model":{"structure":"top_k","k":9,"rates":[1]}}"#,
            "line 1, column 26: k: k = 9 is out of range",
        ),
        (r#"{"id":1,"op":"run","exponentials":[[1,"x",1]]}"#, "run: invalid type: string \"x\""),
        (r#"{"id":1,"op":"run","exponentials":[[1,2]]}"#, "exponentials[0] has 2 numbers: want 3"),
        (r#"{"id":1,"op":"run","exponentials":[[null,null,1]]}"#, "exponentials[0]: entry 0 has weight inf"),
        (many, "99999999999 rows at once: want at most"),
        (r#"{"id":1,"op":"sample","count":1,"seed":5,"fields":["color"]}"#, "unknown field \"color\""),
        (r#"{"id":1,"op":"log_prob","traces":[[0,2],[0,1]]}"#, "traces[1]: race 2 cannot be won by 1"),
        (r#"{"id":1,"op":"conditional","traces":[[0,2]]}"#, "want one of `uniforms` and `seed`"),
        (r#"{"id":1,"op":"conditional","traces":[[0,2]],"uniforms":[]}"#, "0 rows of uniforms for 1 trace"),
        (
            r#"{"id":1,"op":"conditional","traces":[[0,2]],"uniforms":[[0.5,null,1]]}"#,
            "uniforms[0][2] is 1: want a number between 0 and 1",
        ),
        (
            r#"{"id":1,"op":"gradient","loss":"depth","estimator":"t_reinforce","draws":1,"count":1,"seed":1}"#,
            "no loss \"depth\"",
        ),
        (
            r#"{"id":1,"op":"gradient","loss":"default","estimator":"relax","draws":1,"count":1,"seed":1}"#,
            "no estimator \"relax\": want one of e_reinforce",
        ),
        (
            r#"{"id":1,"op":"gradient","loss":"default","estimator":"t_reinforce_plus","draws":1,"count":1,"seed":1}"#,
            "want at least 2 draws, there is 1",
        ),
    ] {
        let answers = serve(&[model.to_owned(), line.to_owned(), r#"{"id":"z","op":"stop"}"#.to_owned()]);
        assert_eq!(answers[0], json!({"id": 0, "ok": {}}));
        let found = answers[1]["error"].as_str().unwrap_or_default();
        assert!(found.contains(error), "{line}: {}", answers[1]);
        assert!(answers[1].get("ok").is_none());
        let id = if line.contains("\"id\"") { json!(1) } else { Value::Null };
        assert_eq!(answers[1]["id"], id);
        assert_eq!(answers[2], json!({"id": "z", "ok": {}}));
    }
    // Before there is a model; and nothing is answered after `stop`.
    let answers = serve(&[
        r#"{"id":1,"op":"run","exponentials":[]}"#.to_owned(),
        r#"{"id":2,"op":"stop"}"#.to_owned(),
        r#"{"id":3,"op":"hello","protocol":1}"#.to_owned(),
    ]);
    assert_eq!(answers.len(), 2);
    assert!(answers[0]["error"].as_str().unwrap().contains("no model yet"));
}

/// Where a dialogue is not as the schemas say.
fn strange(dialogue: &str) -> Option<String> {
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(format!("docs/protocol/{name}.schema.json")).unwrap())
            .unwrap()
    };
    let (requests, answers) = (read("request"), read("answer"));
    let mut op = Value::Null;
    dialogue.lines().find_map(|line| {
        let (mark, text) = line.split_at(2);
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        match mark {
            "> " => {
                op = value["op"].clone();
                // Of all kinds of requests the one that it says it is.
                differs(&requests, &requests["$defs"][op.as_str().unwrap()], &value, line)
            }
            "< " => differs(&answers, &answers, &value, line).or_else(|| {
                let ok = value.get("ok")?;
                differs(&answers, &answers["$defs"][op.as_str().unwrap()], ok, line)
            }),
            _ => None,
        }
    })
}

/// The dialogue of the book, all that the quick suite asks and `serve` answers, and what `plain.py` does; and answers that are wrong.
#[test]
fn dialogues_are_as_their_schemas_say() {
    let chapter = include_str!("../docs/src/protocol.md");
    let lines = |text: &str| {
        text.lines().filter(|line| line.starts_with(['>', '<'])).map(|line| format!("{line}\n")).collect()
    };
    let told: String = lines(chapter.split("```json").nth(1).unwrap());
    assert!(told.lines().count() == 20, "{told}");
    assert_eq!(strange(&told), None);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dialogue");
    let program = assert_cmd::cargo::cargo_bin("recursive-gumbel");
    let mut suite = Command::new(&program);
    suite
        .args(["harness", "--suite", "--quick", "--quiet", "--budget", "70", "--record"])
        .arg(&file)
        .arg("--");
    suite.arg(&program).arg("serve").output().unwrap();
    let recorded = std::fs::read_to_string(&file).unwrap();
    assert!(recorded.lines().count() > 100, "{recorded}");
    assert_eq!(strange(&recorded), None);
    for (right, wrong) in [
        (r#""dtype":"f64""#, r#""dtype":"f16""#),
        (r#""log_prob":[-0"#, r#""log_prob":["-0"#),
        (r#""score":[[-0"#, r#""score":[-0"#),
        (r#""ok":{"structure":"#, r#""ok":{"structures":"#),
        (r#"< {"id":2,"ok":{}}"#, r#"< {"id":2}"#),
        (r#""protocol":1"#, r#""protocol":2"#),
        (r#""count":3,"#, r#""count":-3,"#),
        (r#""seed":1,"fields""#, r#""seeds":1,"fields""#),
    ] {
        assert!(told.contains(right), "{right}");
        // Whatever is no JSON any more is no answer either.
        assert!(strange(&told.replacen(right, wrong, 1)).is_some(), "{wrong}");
    }
}
