//! `harness` on children that are right, that are wrong, and that misbehave: made by `serve`, and by a few lines of shell.
//!
//! Seeds are fixed; a report alarms falsely with probability at most 1e-6.

use std::process::Command;

use recursive_gumbel::verify::ESTIMATED;

#[path = "common/program.rs"]
mod program;

use program::{program, said};

fn harness(model: &str, options: &[&str], child: &[&str]) -> (i32, String, String) {
    let model = format!("examples/models/{model}.json");
    said(&[&["harness", &model, "--quiet"], options, &["--"], child].concat())
}

#[test]
fn what_is_right_is_held() {
    let program = program();
    for name in ESTIMATED {
        let (status, out, error) =
            harness(name, &["--budget", "10000", "--departure", "0.9"], &[&program, "serve"]);
        assert_eq!((status, error.as_str()), (0, ""), "{name}: {out}");
        for row in ["run: on given", "log-probability: of given", "score: of given", "conditional: of given"]
        {
            assert!(out.contains(row), "{name}: {out}");
        }
    }
}

/// How many draws a report was made from.
fn draws(report: &str) -> u64 {
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    let rows = report["rows"].as_array().unwrap();
    rows.iter().find(|row| row["subject"] == "form").unwrap()["count"].as_u64().unwrap()
}

/// It stops when the departure would have been caught, or something is refuted, or the budget is spent; and does so again.
#[test]
fn it_draws_no_more_than_it_takes() {
    let program = program();
    let json = |options: &[&str], child: &[&str]| {
        let (status, out, _) = harness("k3", &[&["--format", "json"], options].concat(), child);
        (status, draws(&out), out)
    };
    let serve = [program.as_str(), "serve"];
    let (status, coarse, out) = json(&["--departure", "0.3"], &serve);
    assert_eq!((status, json(&["--departure", "0.3"], &serve).2), (0, out));
    let (status, fine, _) = json(&["--departure", "0.05"], &serve);
    assert_eq!(status, 0);
    // The lags up to 1024 take 4096 draws.
    assert!((4096..6000).contains(&coarse) && (10_000..30_000).contains(&fine), "{coarse} {fine}");
    // A gross mistake shows in the first request.
    let wrong = [program.as_str(), "serve", "--mutant", "rates_for_means"];
    let (status, few, _) = json(&[], &wrong);
    assert_eq!((status, few), (1, 64));
    let (status, all, out) = json(&["--departure", "0.05", "--budget", "5000"], &serve);
    assert_eq!((status, all), (3, 5000), "{out}");
    let (status, some, out) = json(&["--departure", "0.0001", "--budget", "0.5s"], &serve);
    assert!(status == 3 && some >= 64, "{out}");
}

#[test]
fn what_is_wrong_is_refuted_by_its_row() {
    let program = program();
    for (mutant, findings) in [
        ("largest", &["run: on the exponentials ["][..]),
        ("log_prob_halved", &["log-probability: of the trace "]),
        ("score_sign", &["score: of the trace "]),
        ("residuals_doubled", &["conditional: of the trace "]),
        ("unconditional", &["conditional: of the trace "]),
        ("rates_for_means", &["structures: ", "exponentials: "]),
        ("one_seed", &["exponentials: repeats: "]),
        ("gradient_halved", &["gradient: t_reinforce_plus: the mean at "]),
    ] {
        for model in ["nested_arborescence", "binary_tree5", "top_k"] {
            // A tree over all positions has no one who never won.
            if mutant == "residuals_doubled" && model == "binary_tree5" {
                continue;
            }
            let (status, out, error) =
                harness(model, &["--budget", "5000"], &[&program, "serve", "--mutant", mutant]);
            assert_eq!((status, error.as_str()), (1, ""), "{mutant} {model}: {out}");
            assert!(findings.iter().all(|finding| out.contains(finding)), "{mutant} {model}: {out}");
        }
    }
}

/// A gradient that is grossly wrong shows in the first estimates; one that is right takes as many as it takes.
#[test]
fn gradients_are_looked_at_as_they_come() {
    let program = program();
    let estimates = |child: &[&str]| -> Vec<u64> {
        let options = ["--format", "json", "--departure", "0.1"];
        let (_, out, _) = harness("k3", &options, &[&[program.as_str(), "serve"], child].concat());
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        let mean = |row: &&serde_json::Value| row["subject"] == "gradient";
        report["rows"]
            .as_array()
            .unwrap()
            .iter()
            .filter(mean)
            .map(|row| row["count"].as_u64().unwrap())
            .collect()
    };
    let right = estimates(&[]);
    assert!(right.len() == 4 && right.iter().all(|count| (500..10_000).contains(count)), "{right:?}");
    assert_eq!(estimates(&["--mutant", "gradient_sign"]), [64; 4]);
}

/// Each ends in time, says what is wrong in a sentence, and says nothing of the sampler.
#[test]
fn what_misbehaves_is_told_with_what_it_was_asked() {
    let program = program();
    let asked = r#","count":64,"fields":["structure","trace","log_prob","score","exponentials","conditional"],"op":"sample""#;
    for (mutant, want) in [
        ("crash", "the implementation has ended with exit status: 3, when it was asked {\"id\":"),
        ("hang", "the implementation has not answered for 2 seconds (--timeout), when it was asked"),
        ("garbage", "wrote Traceback (most recent call last):, which is no JSON object"),
        ("wrong_id", "which does not have the id "),
        ("short", "gave 63 items in `structure`: want 64"),
        ("text", "gave draws that are none: its draws of seed 1, line 1"),
        ("null", "gave draws that are none: its draws of seed 1, line 1"),
        ("endless", "wrote more than 256 MiB without a newline"),
        ("refuses", "answered with the error \"out of memory\""),
        ("both", "want exactly one of `ok` (an object), `skipped` (a text) and `error` (a text)"),
    ] {
        let timeout = if mutant == "hang" { "2" } else { "60" }; // the machine may be busy
        let options = ["--budget", "5000", "--timeout", timeout];
        let (status, out, error) = harness("k3", &options, &[&program, "serve", "--mutant", mutant]);
        assert_eq!((status, out.as_str()), (4, ""), "{mutant}: {error}");
        assert!(error.contains(want) && error.contains(asked), "{mutant}: {error}");
    }
    let (_, _, error) = harness("k3", &["--budget", "5000"], &[&program, "serve", "--mutant", "crash"]);
    assert!(error.contains("last on its standard error: a mutant that crashes"), "{error}");
    assert!(
        error.ends_with("\njudged before it: 5 checks, 0 of 1 models to the end; nothing was refuted\n"),
        "{error}"
    );
}

#[cfg(unix)]
#[test]
fn children_that_are_none_are_told() {
    let hello =
        r#"{"id":1,"ok":{"name":"x","version":"1","structures":["matching"],"ops":[],"dtype":"f64"}}"#;
    let offers = format!("read line; echo '{hello}'; read line");
    let dtype = offers.replace("f64", "f16");
    for (script, want) in [
        ("exit 0", "has ended with exit status: 0"),
        ("exec 1>&-; sleep 30", "has closed its standard output"),
        ("kill -9 $$", "has ended with signal: 9"),
        ("exec 0<&-; sleep 30", "has not answered for 2 seconds"),
        ("echo oops >&2; printf 'half a line' >&2; sleep 30", "last on its standard error: oops"),
        ("read line; echo '[1]'", "wrote [1], which is no JSON object"),
        ("read line; echo '{\"id\":1,\"ok\":{}}'; sleep 30", "gave no text `name`"),
        (&offers, "does not offer spanning_tree, only matching"),
        (&dtype, "gave the dtype \"f16\": want f32 or f64"),
    ] {
        let hangs = want.ends_with("2 seconds") || want.ends_with("oops");
        let timeout = if hangs { "2" } else { "60" }; // the machine may be busy
        let (status, out, error) = harness("k3", &["--timeout", timeout], &["sh", "-c", script]);
        assert_eq!((status, out.as_str()), (4, ""), "{script}: {error}");
        assert!(error.contains(want), "{script}: {error}");
    }
    let (status, _, error) = harness("k3", &[], &["no-such-program"]);
    assert_eq!(status, 4);
    assert!(error.contains("\"no-such-program\" cannot be started"), "{error}");
    let (status, _, error) = harness("k3", &["--timeout", "0"], &["sh"]);
    assert_eq!(status, 2);
    assert!(error.contains("--timeout 0: want a number of seconds"), "{error}");
}

/// What a child says that it does not do is not judged, and why.
#[cfg(unix)]
#[test]
fn what_is_skipped_is_not_judged() {
    let hello = r#"{"id":1,"ok":{"name":"x","version":"1","structures":["spanning_tree"],"ops":["run","score","sample"],"fields":["structure"],"dtype":"f32"}}"#;
    let script = format!(
        r#"say() {{ read line; echo "{{\"id\":$1,$2}}"; }}
        read line; echo '{hello}'
        say 2 '"ok":{{}}'; say 3 '"ok":{{"structure":[[[0,1]]],"trace":[[[0,1]]]}}'
        for model in 4 8
        do say $model '"ok":{{}}'; for id in 1 2 3; do say $((model + id)) '"skipped":"too lazy"'; done
        done
        say 12 '"ok":{{}}'"#
    );
    let (status, out, error) = harness("k3", &[], &["sh", "-c", &script]);
    assert_eq!((status, error.as_str()), (4, ""), "{out}");
    assert!(out.contains("run, score, draws: it says: too lazy"), "{out}");
    // Answers of a wrong form are seen on a tiny model, before anything is said of the sampler.
    let wrong = script.replace(
        "; done\n",
        r#"; [ $id = 2 ] && say 7 '"ok":{"structure":[[0,1],[0,2]]}'; done
"#,
    );
    let (status, out, error) = harness("k3", &[], &["sh", "-c", &wrong]);
    assert_eq!((status, out.as_str()), (4, ""), "{error}");
    assert!(
        error.contains(r#"when it was asked {"id":7,"count":2,"fields":["structure"],"op":"sample""#),
        "{error}"
    );
    assert!(error.contains("gave draws that are none") && !error.contains("judged before it"), "{error}");
}

/// A dense tree whose races are too many to be listed: that is not the child's fault, and its draws are still asked for one by one.
#[test]
fn what_is_large_is_asked_for_in_small_pieces() {
    let edges: Vec<[usize; 3]> =
        (0..500).flat_map(|v| (0..v).map(move |u| [u, v, 1 + (u * v) % 5])).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.json");
    let model = serde_json::json!({"structure": "spanning_tree", "vertices": 500, "edges": edges});
    std::fs::write(&file, model.to_string()).unwrap();
    let program = program();
    let options = ["--budget", "2", "--timeout", "60", "--quiet", "--", &program, "serve"];
    let (status, out, error) = said(&[&["harness", file.to_str().unwrap()], &options[..]].concat());
    assert_eq!((status, error.as_str()), (3, ""), "{out}");
    assert!(out.contains("run, log-probability, score, conditional: the model is too large"), "{out}");
}

/// What was said is judged again, to the same report or the same fault; where it is no such dialogue, that is told.
#[test]
fn a_dialogue_is_judged_again_without_the_child() {
    let program = program();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let file = path("dialogue");
    let replay = |file: &str| said(&["harness", "--quiet", "--replay", file]);
    let wrong = [program.as_str(), "serve", "--mutant", "log_prob_halved"];
    for (options, child, want) in [
        (&["--departure", "0.5"][..], &[program.as_str(), "serve"][..], 0),
        (&["--budget", "0.2s", "--departure", "0.01"], &[&program, "serve"], 3),
        (&["--budget", "1000", "--seed", "5"], &wrong, 1),
        (&["--timeout", "60"], &[&program, "serve", "--mutant", "crash"], 4),
        (&["--timeout", "60"], &[&program, "serve", "--mutant", "text"], 4),
    ] {
        let live = harness("k3", &[options, &["--record", &file]].concat(), child);
        assert_eq!(live.0, want, "{live:?}");
        let again = replay(&file);
        // What a child says on its standard error is passed on, and told.
        let live_error = live.2.split_once("error: ").map_or("", |(_, error)| error);
        let error = again.2.split_once("error: ").map_or("", |(_, error)| error);
        assert_eq!((again.0, &again.1, error), (live.0, &live.1, live_error));
    }
    let suite = ["harness", "--suite", "--quick", "--quiet", "--budget", "70", "--record", &file, "--"];
    let live = said(&[&suite[..], &[&program, "serve"]].concat());
    assert_eq!(replay(&file), live);
    // An answer that another one was put in place of, a request that is another, a cut, and what is no recording.
    let (_, _, error) = harness("k3", &["--budget", "200", "--record", &file], &[&program, "serve"]);
    assert_eq!(error, "");
    let text = std::fs::read_to_string(&file).unwrap();
    let (head, rest) = text.split_once('\n').unwrap();
    let altered = path("altered");
    for (text, status, want) in [
        (text.replacen("\"score\":[[", "\"score\":[[1,", 1), 4, "gave a row of 4 numbers in `score`: want 3"),
        (
            text.replacen(r#""op":"hello""#, r#""op":"hallo""#, 1),
            2,
            "line 2: here something else is asked for now",
        ),
        (text[..text.len() / 2].to_owned(), 2, "is it truncated?"),
        (
            text.lines().take(8).map(|line| format!("{line}\n")).collect(),
            2,
            "ends before line 9: is it truncated?",
        ),
        (rest.to_owned(), 2, "line 1: want a recording, made by harness --record"),
        (text.replacen("\"recording\":1", "\"recording\":2", 1), 2, "a recording of version 2: want 1"),
        (format!("{}\n{rest}", head.replace("\"seed\":1,", "")), 2, "line 1: missing field `seed`"),
    ] {
        std::fs::write(&altered, text).unwrap();
        let (found, out, error) = replay(&altered);
        assert_eq!((found, out.as_str()), (status, ""), "{error}");
        assert!(error.contains(want), "{want}: {error}");
    }
    let (status, _, error) = said(&["harness", "--replay", &file, "--seed", "2"]);
    assert!(status == 2 && error.contains("cannot be used with"), "{error}");
}

/// The smallest model on which the same is refuted, and how to see it again.
#[test]
fn it_goes_down_to_a_small_model() {
    let program = program();
    let shrunk = |mutant: &str, options: &[&str]| {
        let options = [&["--shrink", "--departure", "0.3"], options].concat();
        harness("nested_arborescence", &options, &[&program, "serve", "--mutant", mutant])
    };
    let (status, out, _) = shrunk("residuals_doubled", &[]);
    let model = r#"{"structure":"arborescence","vertices":3,"root":2,"edges":[[0,1,1],[1,0,1],[2,0,1]]}"#;
    let told = format!(
        "\nThe smallest model on which it was found, of 7 tried:\n  {model}\n  conditional: of the trace "
    );
    assert!(status == 1 && out.contains(&told), "{out}");
    let again = format!(
        "echo '{model}' | recursive-gumbel harness - --budget 1000000 --seed 1 --alpha 1e-6 --departure 0.3 -- "
    );
    assert!(out.contains(&again), "{out}");
    // By its draws, and for programs; and again from the dialogue.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dialogue").display().to_string();
    let (status, out, _) = shrunk("one_seed", &["--format", "json", "--record", &file]);
    assert_eq!((status, &out), (1, &said(&["harness", "--replay", &file, "--format", "json", "--quiet"]).1));
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["smaller"]["model"]["vertices"], 3, "{out}");
    assert!(report["smaller"]["finding"].as_str().unwrap().starts_with("exponentials: repeats: "), "{out}");
    // What is held has none.
    let (status, out, _) = harness("k3", &["--shrink", "--departure", "0.5"], &[&program, "serve"]);
    assert!(status == 0 && !out.contains("smallest model"), "{out}");
}

/// Whatever the child has started goes with it.
#[cfg(unix)]
#[test]
fn nothing_is_left_running() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let script = format!("sleep 300 & echo $! > '{}'; cat > /dev/null", file.display());
    let (status, ..) = harness("k3", &["--timeout", "4"], &["sh", "-c", &script]);
    assert_eq!(status, 4);
    let started = std::fs::read_to_string(file).unwrap();
    let alive = Command::new("ps").args(["-o", "stat=", "-p", started.trim()]).output().unwrap();
    let state = String::from_utf8(alive.stdout).unwrap();
    assert!(state.trim().is_empty() || state.starts_with('Z'), "{state}");
}

/// The report of the chapter, as far as it is told there.
#[test]
fn the_report_of_the_book_is_held() {
    let chapter = include_str!("../docs/src/protocol.md");
    let block = chapter.split("```console\n$ recursive-gumbel ").nth(1).unwrap();
    let (command, told) = block.split("```").next().unwrap().split_once('\n').unwrap();
    let program = std::path::PathBuf::from(program());
    let path = std::env::join_paths(
        std::iter::once(program.parent().unwrap().to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let output = Command::new(&program)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(command.split(' '))
        .env("PATH", path.unwrap())
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let told: Vec<&str> = told.lines().take_while(|line| *line != "…").collect();
    assert!(told.len() > 5);
    for (found, told) in out.lines().zip(told) {
        assert_eq!(found.trim_end(), told.trim_end());
    }
}

#[test]
fn the_suite_is_of_every_structure_that_is_offered() {
    let program = program();
    let suite = ["harness", "--suite", "--quick", "--quiet", "--", &program, "serve"];
    let (status, out, _) = said(&suite);
    assert_eq!(status, 0, "{out}");
    assert!(out.starts_with("All held: 171 exact checks and 160 tests."), "{out}");
    for structure in ["spanning_tree", "arborescence", "matching", "binary_tree", "top_k", "permutation"] {
        assert!(out.contains(&format!("\n {structure} ")), "{out}");
    }
    // By two at once: the same; and if one does not answer, nobody waits for the other.
    let two = ["harness", "--jobs", "2", "--suite", "--quick", "--quiet", "--", &program, "serve"];
    assert_eq!(said(&two).1, out);
    let (status, _, error) = said(&[&two[..], &["--mutant", "refuses"]].concat());
    assert!(status == 4 && error.contains("of 8 models to the end; nothing was refuted"), "{error}");
    let (status, out, _) = said(&[&suite[..], &["--mutant", "rates_for_means"]].concat());
    assert_eq!(status, 1, "{out}");
    assert!(out.contains("It looks like rates taken for means"), "{out}");
    // Several models, each with its name.
    let models = ["examples/models/k3.json", "examples/models/top_k.json"];
    let options = ["--quiet", "--budget", "0", "--format", "json", "--", &program, "serve"];
    let (status, out, _) = said(&[&["harness"][..], &models, &options].concat());
    assert_eq!(status, 0, "{out}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    let named = |row: &serde_json::Value| models.contains(&row["model"].as_str().unwrap_or_default());
    assert!(report["rows"].as_array().unwrap().iter().all(named), "{out}");
    assert_eq!(report["rows"].as_array().unwrap().len(), 10);
    let (status, out, _) = said(&["harness", "--explain-protocol"]);
    assert_eq!((status, out.as_str()), (0, include_str!("../docs/src/protocol.md")));
    for (arguments, want) in [
        (vec!["harness", "--", &program, "serve"], "required arguments were not provided"),
        (vec!["harness", "--suite", models[0], "--", &program, "serve"], "cannot be used with"),
        (vec!["harness", "--quick", models[0], "--", &program, "serve"], "--quick is a part of the suite"),
        (
            vec!["harness", models[0], "--budget", "5x", "--", &program, "serve"],
            "want a number of draws, or of seconds: 30s",
        ),
        (
            vec!["harness", models[0], "--budget=-1s", "--", &program, "serve"],
            "want a number of seconds below a million: 30s",
        ),
        (vec!["harness", models[0]], "required arguments were not provided"),
        (vec!["harness", "nothing.json", "--", &program, "serve"], "nothing.json: No such file"),
    ] {
        let (status, _, error) = said(&arguments);
        assert_eq!(status, 2, "{error}");
        assert!(error.contains(want), "{error}");
    }
}

/// Every mutant of the library, behind this door too, on the model of the kill matrix.
#[test]
fn every_mutant_is_refuted_live() {
    use recursive_gumbel::mutants::Mutant;
    let program = program();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.json");
    let mut faults = 0;
    for mutant in Mutant::all() {
        // In the draws alone a rate that is a hundredth off takes some hundred thousand.
        if mutant.name() == "one_rate_a_percent_off" {
            continue;
        }
        std::fs::write(&path, mutant.model()).unwrap();
        let run = ["harness", path.to_str().unwrap(), "--quiet", "--budget", "60000", "--"];
        let child = [&program, "serve", "--mutant", mutant.name()];
        let (status, out, error) = said(&[&run[..], &child].concat());
        // What is not of the form of an answer is a fault.
        let fault = status == 4 && error.contains("error: the implementation gave");
        faults += u32::from(fault);
        assert!((status, error.as_str()) == (1, "") || fault, "{mutant:?}: {out}{error}");
    }
    assert!(faults <= 6, "{faults}");
    let (status, _, error) = said(&["serve", "--mutant", "nobody"]);
    assert!(status == 2 && error.contains("no such mutant: docs/src/mutants.md has the names"), "{error}");
}
