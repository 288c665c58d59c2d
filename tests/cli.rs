//! The binary: what it prints, where, and its exit status.

use std::path::Path;

use assert_cmd::Command;
use serde_json::{Value, json};

fn program() -> Command {
    let mut command = Command::cargo_bin("recursive-gumbel").unwrap();
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Runs to the end: exit status, standard output, standard error.
fn run(args: &[&str]) -> (i32, String, String) {
    run_with(args, "")
}

fn run_with(args: &[&str], input: &str) -> (i32, String, String) {
    let output = program().args(args).write_stdin(input).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn json_of(args: &[&str]) -> Value {
    let (status, out, err) = run(args);
    assert_eq!((status, err.as_str()), (0, ""), "{args:?}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{args:?}: {error}\n{out}"))
}

const K3: &str = "examples/models/k3.json";

#[test]
fn enumerate_tells_the_law_of_the_triangle() {
    // 64/105, 30/105, 11/105: by hand, in the chapter on spanning trees.
    let told = json_of(&["enumerate", K3, "--format", "json"]);
    let want = json!({
        "structure": "spanning_tree",
        "entries": [{"entry": [0, 1], "rate": "4"}, {"entry": [0, 2], "rate": "2"}, {"entry": [1, 2], "rate": "1"}],
        "trace_count": 6,
        "structure_count": 3,
        "distribution": [
            {"structure": [[0, 1], [0, 2]], "probability": "64/105"},
            {"structure": [[0, 1], [1, 2]], "probability": "2/7"},
            {"structure": [[0, 2], [1, 2]], "probability": "11/105"},
        ],
    });
    assert_eq!(told, want);
}

#[test]
fn enumerate_by_trace_tells_log_probability_moments_and_races() {
    let told = json_of(&["enumerate", K3, "--by", "trace", "--moments", "--races", "--format", "json"]);
    let first = &told["distribution"][0];
    assert_eq!(first["trace"], json!([[0, 1], [0, 2]]));
    assert_eq!(first["probability"], "8/21"); // 4/7 · 2/3
    assert_eq!(first["log_prob"].as_f64().unwrap(), -0.965_080_896_043_587); // ln(8/21)
    assert_eq!(first["conditional_mean"], json!(["1/7", "10/21", "31/21"])); // 1/7, + 1/3, + 1
    assert_eq!(first["races"][1], json!({"entrants": [1, 2], "winner": 1}));
    assert_eq!(told["distribution"].as_array().unwrap().len(), 6);
}

#[test]
fn enumerate_by_gradient_and_marginals_are_lists_in_entry_order() {
    let told = json_of(&["enumerate", K3, "--by", "gradient", "--format", "json"]);
    assert_eq!(told["expectation"], "41/105");
    assert_eq!(told["gradient"], json!(["96/1225", "80/441", "-2864/11025"]));
    let told = json_of(&["enumerate", K3, "--by", "marginals", "--format", "json"]);
    assert_eq!(told["marginals"], json!(["94/105", "5/7", "41/105"]));
    let told =
        json_of(&["enumerate", "examples/models/permutation4.json", "--by", "marginals", "--format", "json"]);
    assert_eq!(told["marginals"], json!(["1", "1", "1", "1"]));
    assert_eq!(told["pair_marginals"][3][0], "6/13"); // 3 / (1 + 2 + 1/2 + 3)
}

#[test]
fn enumerate_by_loss_and_covariance() {
    let told = json_of(&["enumerate", K3, "--by", "loss", "--format", "json"]);
    assert_eq!(told["distribution"][1], json!({"value": 1, "probability": "41/105"}));
    let told = json_of(&["enumerate", K3, "--by", "covariance", "--format", "json"]);
    assert_eq!(told["covariance"][0][1], told["covariance"][1][0]);
}

#[test]
fn enumerate_in_the_other_formats() {
    let (_, csv, _) = run(&["enumerate", K3, "--format", "csv"]);
    assert_eq!(csv.lines().next(), Some("structure,probability,decimal"));
    assert_eq!(csv.lines().nth(1), Some(r#""[[0,1],[0,2]]",64/105,0.6095238095238096"#));
    let (_, csv, _) = run(&["enumerate", K3, "--format", "csv", "--top", "0"]);
    assert_eq!(csv, "structure,probability,decimal\n");
    for (by, head) in [
        ("gradient", "entry,gradient,decimal"),
        ("marginals", "entry,marginals,decimal"),
        ("loss", "value,probability,decimal"),
        ("covariance", "entry,covariance"),
    ] {
        let (_, csv, _) = run(&["enumerate", K3, "--format", "csv", "--by", by]);
        assert_eq!(csv.lines().next(), Some(head));
    }
    let (_, lines, _) = run(&["enumerate", K3, "--format", "jsonl"]);
    assert_eq!(lines.lines().count(), 3);
    let (_, table, _) = run(&["enumerate", K3]);
    insta::assert_snapshot!(table, @r"
    spanning_tree, 3 structures, 6 traces
     structure       probability             ≈
    ───────────────────────────────────────────
     [[0,1],[0,2]]        64/105    0.60952381
     [[0,1],[1,2]]           2/7   0.285714286
     [[0,2],[1,2]]        11/105   0.104761905
    ");
}

#[test]
fn enumerate_top_keeps_the_most_probable() {
    let told = json_of(&["enumerate", "examples/models/k4.json", "--top", "2", "--format", "json"]);
    let kept: Vec<&Value> =
        told["distribution"].as_array().unwrap().iter().map(|row| &row["structure"]).collect();
    assert_eq!(kept, [&json!([[0, 1], [0, 2], [1, 3]]), &json!([[0, 1], [1, 2], [1, 3]])]);
    assert_eq!(told["structure_count"], 16);
}

#[test]
fn every_example_model_is_enumerated_and_sums_to_one() {
    for file in std::fs::read_dir("examples/models").unwrap() {
        let path = file.unwrap().path();
        let told = json_of(&["enumerate", path.to_str().unwrap(), "--format", "json"]);
        let p =
            |row: &Value| row["probability"].as_str().unwrap().parse::<num_rational::BigRational>().unwrap();
        let rows = told["distribution"].as_array().unwrap();
        let total =
            rows.iter().map(p).fold(num_rational::BigRational::from_integer(0.into()), |sum, p| sum + p);
        assert_eq!(total.to_string(), "1", "{path:?}");
        assert_eq!(told["structure_count"].as_u64().unwrap() as usize, rows.len(), "{path:?}");
    }
}

#[test]
fn a_model_on_standard_input_is_read() {
    let (status, out, _) =
        run_with(&["enumerate", "-", "--format", "csv"], r#"{"structure":"categorical","rates":[1,3]}"#);
    assert_eq!((status, out.as_str()), (0, "structure,probability,decimal\n0,1/4,0.25\n1,3/4,0.75\n"));
}

#[test]
fn bad_input_is_status_2_with_one_message_and_no_output() {
    let cases: [(&[&str], &str, &str); 9] = [
        (&["enumerate", "nothing.json"], "", "error: nothing.json: No such file or directory (os error 2)\n"),
        (
            &["enumerate", "-"],
            r#"{"structure":"binary_tree","rates":[1,-2]}"#,
            "error: standard input: line 1, column 39: rates[1]: -2 is negative: a rate is positive, or 0 for an absent \
             entry\n",
        ),
        (
            &["enumerate", "-"],
            "{\"structure\": \"binary_tree\",\n \"rates\": [1, 2}",
            "error: standard input: line 2, column 16: not JSON: expected `,` or `]`\n",
        ),
        (
            &["enumerate", K3, "--limit", "2"],
            "",
            "error: the enumeration would visit 3 structures, more than the limit of 2: \
            raise the limit (--limit 3 at least, in the library `Limit`) if you have the time and memory, or take a smaller model\n",
        ),
        (
            &["enumerate", K3, "--by", "gradient", "--loss", "depth"],
            "",
            "error: spanning_tree has no loss \"depth\": want one of default, max_degree, leaves\n",
        ),
        (&["enumerate", K3, "--moments"], "", "error: --moments and --races go with --by trace\n"),
        (
            &["sample", K3, "--format", "npz"],
            "",
            "error: --format npz is not text: name a file with --out FILE\n",
        ),
        (
            &["sample", "-"],
            r#"{"structure":"categorical","rates":[1,"1e-400"]}"#,
            "error: entry 1 has rate below 1e-300, which f64 cannot hold: scale all rates to lie between 1e-300 and 1e300\n",
        ),
        (
            &["sample", K3, "--out", "/nowhere/at/all"],
            "",
            "error: /nowhere/at/all: No such file or directory (os error 2)\n",
        ),
    ];
    for (args, input, message) in cases {
        assert_eq!(run_with(args, input), (2, String::new(), message.to_owned()), "{args:?}");
    }
}

#[test]
fn bad_usage_is_status_2() {
    for args in [
        &["enumerat", K3][..],
        &["enumerate"],
        &["enumerate", K3, "--by", "chance"],
        &["sample", K3, "-n", "-1"],
        &["verify", "--structure", "heap"],
        &["verify", "--samples", "0"],
        &["verify", "--alpha", "2"],
        &["verify", "--departure", "0"],
    ] {
        let (status, out, err) = run(args);
        assert_eq!((status, out.as_str()), (2, ""), "{args:?}");
        assert!(err.starts_with("error: "), "{args:?}: {err}");
    }
}

#[test]
fn help_and_version_are_status_0_on_standard_output() {
    for args in [&["--help"][..], &["--version"], &["verify", "--help"], &["help", "sample"]] {
        let (status, out, err) = run(args);
        assert!(status == 0 && !out.is_empty() && err.is_empty(), "{args:?}");
    }
}

#[test]
fn sample_writes_the_fields_asked_for() {
    let (status, out, _) = run(&[
        "sample",
        K3,
        "-n",
        "3",
        "--with",
        "conditional,trace,log-prob,score,exponentials",
        "--seed",
        "5",
    ]);
    assert_eq!(status, 0);
    for line in out.lines() {
        let draw: Value = serde_json::from_str(line).unwrap();
        let names: Vec<&String> = draw.as_object().unwrap().keys().collect();
        assert_eq!(names, ["conditional", "exponentials", "log_prob", "score", "structure", "trace"]);
        // The two smallest of the exponentials are the tree: in a triangle Kruskal takes the two lightest edges.
        let e: Vec<f64> =
            draw["exponentials"].as_array().unwrap().iter().map(|e| e.as_f64().unwrap()).collect();
        let edges = [json!([0, 1]), json!([0, 2]), json!([1, 2])];
        let heaviest = (0..3).max_by(|&i, &j| e[i].total_cmp(&e[j])).unwrap();
        assert!(!draw["structure"].as_array().unwrap().contains(&edges[heaviest]));
    }
    assert_eq!(out.lines().count(), 3);
}

#[test]
fn a_draw_depends_on_its_number_and_the_seed_only() {
    let (_, ten, _) = run(&["sample", "examples/models/nested_arborescence.json", "-n", "10", "--seed", "3"]);
    let (_, three, _) =
        run(&["sample", "examples/models/nested_arborescence.json", "-n", "3", "--seed", "3"]);
    let (_, other, _) =
        run(&["sample", "examples/models/nested_arborescence.json", "-n", "10", "--seed", "4"]);
    assert!(ten.starts_with(&three) && ten != other);
}

#[test]
fn an_npz_file_has_the_documented_shapes_and_the_same_draws() {
    use ndarray::{Array1, Array2, Array3};
    use ndarray_npy::NpzReader;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("draws.npz");
    let model = "examples/models/nested_arborescence.json";
    let fields = "trace,log-prob,score,exponentials,conditional";
    let (status, out, err) = run(&[
        "sample",
        model,
        "-n",
        "7",
        "--with",
        fields,
        "--format",
        "npz",
        "--out",
        path.to_str().unwrap(),
    ]);
    assert_eq!((status, out.as_str(), err.as_str()), (0, "", ""));
    let mut npz = NpzReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    let structure: Array3<i64> = npz.by_name("structure").unwrap();
    let trace: Array3<i64> = npz.by_name("trace").unwrap();
    let component: Array3<i64> = npz.by_name("trace_component").unwrap();
    let log_prob: Array1<f64> = npz.by_name("log_prob").unwrap();
    let conditional: Array2<f64> = npz.by_name("conditional").unwrap();
    assert_eq!((structure.dim(), trace.dim(), component.dim()), ((7, 4, 2), (7, 7, 2), (7, 7, 5)));
    assert_eq!((log_prob.dim(), conditional.dim()), (7, (7, 9)));
    let (_, lines, _) = run(&["sample", model, "-n", "7", "--with", fields]);
    for (i, line) in lines.lines().enumerate() {
        let draw: Value = serde_json::from_str(line).unwrap();
        assert_eq!(draw["structure"][3], json!([structure[[i, 3, 0]], structure[[i, 3, 1]]]));
        assert_eq!(draw["trace"][0]["arc"], json!([trace[[i, 0, 0]], trace[[i, 0, 1]]]));
        assert_eq!(draw["log_prob"].as_f64(), Some(log_prob[i]));
        assert_eq!(draw["conditional"][8].as_f64(), Some(conditional[[i, 8]]));
    }
    assert_eq!(files(folder.path()), ["draws.npz"]);
}

fn files(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_failed_command_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("law.json");
    let (status, ..) = run(&["enumerate", K3, "--limit", "1", "--out", path.to_str().unwrap()]);
    assert_eq!(status, 2);
    assert_eq!(files(folder.path()), [""; 0]);
}

#[test]
fn a_file_of_the_users_is_not_touched_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for name in ["law.part", "law.json.part", ".law.json.part"] {
        std::fs::write(path(name), "mine").unwrap();
    }
    let out = path("law.json");
    let (status, ..) = run(&["enumerate", K3, "--out", out.to_str().unwrap()]);
    assert_eq!(status, 0);
    for name in ["law.part", "law.json.part", ".law.json.part"] {
        assert_eq!(std::fs::read_to_string(path(name)).unwrap(), "mine", "{name}");
    }
    assert_eq!(files(folder.path()).len(), 4);
    assert!(std::fs::read_to_string(out).unwrap().contains("64/105"));
}

#[cfg(unix)]
#[test]
fn a_written_file_has_the_permissions_of_any_new_file_and_a_device_stays_one() {
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("law"), folder.path().join("other"));
    assert_eq!(run(&["enumerate", K3, "--out", ours.to_str().unwrap()]).0, 0);
    std::fs::write(&theirs, "").unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
    assert_eq!(mode(&ours), mode(&theirs));
    assert_eq!(run(&["enumerate", K3, "--out", "/dev/null"]), (0, String::new(), String::new()));
    assert!(std::fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    let (status, _, err) = run(&["sample", K3, "--format", "npz", "--out", "/dev/null"]);
    let want = "error: --format npz is written back and forth: --out must name a file, not a device\n";
    assert_eq!((status, err.as_str()), (2, want));
}

#[test]
fn an_npz_file_without_draws_has_the_shapes_of_one_with_draws() {
    use ndarray::Array2;
    use ndarray_npy::NpzReader;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.npz");
    let model = r#"{"structure":"top_k","k":2,"rates":[1,2,3]}"#;
    let args = ["sample", "-", "-n", "0", "--format", "npz", "--with", "trace,score", "--out"];
    let (status, _, err) = run_with(&[&args[..], &[path.to_str().unwrap()]].concat(), model);
    assert_eq!((status, err.as_str()), (0, ""));
    let mut npz = NpzReader::new(std::fs::File::open(&path).unwrap()).unwrap();
    let dim = |npz: &mut NpzReader<_>, name: &str| {
        npz.by_name::<_, ndarray::Ix2>(name).map(|a: Array2<i64>| a.dim())
    };
    assert_eq!(dim(&mut npz, "structure").unwrap(), (0, 2));
    assert_eq!(dim(&mut npz, "trace").unwrap(), (0, 2));
    let score: Array2<f64> = npz.by_name("score").unwrap();
    assert_eq!(score.dim(), (0, 3));
}

#[test]
fn the_name_of_a_file_says_its_format_unless_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let begins = |name: &str, more: &[&str]| {
        let path = folder.path().join(name);
        let args = ["sample", K3, "-n", "2", "--quiet", "--out", path.to_str().unwrap()];
        assert_eq!(run(&[&args[..], more].concat()).0, 0);
        std::fs::read(path).unwrap()[..2].to_vec()
    };
    assert_eq!(begins("a.npz", &[]), b"PK");
    assert_eq!(begins("b.npz", &["--format", "jsonl"]), b"{\"");
    assert_eq!(begins("a.jsonl", &[]), b"{\"");
    assert_eq!(begins("npz", &[]), b"{\"");
    assert_eq!(begins("b.jsonl", &["--format", "npz"]), b"PK");
}

#[test]
fn every_command_takes_quiet() {
    for args in [
        &["enumerate", K3][..],
        &["explain", K3],
        &["sample", K3],
        &["verify", "--structure", "categorical", "--samples", "100000"],
    ] {
        let (status, out, err) = run(&[args, &["--quiet"]].concat());
        assert!(status == 0 && !out.is_empty() && err.is_empty(), "{args:?}: {err}");
    }
}

#[test]
fn a_single_vertex_row_or_position_is_a_model() {
    for model in [
        r#"{"structure":"spanning_tree","vertices":1,"edges":[]}"#,
        r#"{"structure":"arborescence","vertices":1,"root":0,"edges":[]}"#,
        r#"{"structure":"matching","rates":[[2]]}"#,
        r#"{"structure":"binary_tree","rates":[2]}"#,
        r#"{"structure":"top_k","k":1,"rates":[2]}"#,
        r#"{"structure":"permutation","rates":[2]}"#,
        r#"{"structure":"categorical","rates":[2]}"#,
    ] {
        for by in ["structure", "trace", "marginals", "gradient", "loss", "covariance"] {
            for format in ["json", "table", "csv", "jsonl"] {
                let (status, out, err) = run_with(&["enumerate", "-", "--by", by, "--format", format], model);
                assert_eq!((status, err.as_str()), (0, ""), "{model} {by} {format}: {out}");
            }
        }
        let (status, out, err) =
            run_with(&["sample", "-", "-n", "2", "--with", "trace,log-prob,score,conditional"], model);
        assert_eq!((status, err.as_str(), out.lines().count()), (0, "", 2), "{model}");
    }
}

#[test]
fn bench_tells_time_and_floor_of_every_structure_in_every_format() {
    let quick = ["bench", "--quick", "--quiet", "--n", "4,60,70"];
    let told = json_of(&[&quick[..], &["--format", "json"]].concat());
    let rows = told["rows"].as_array().unwrap();
    let one_thread: Vec<&Value> = rows.iter().filter(|row| row["threads"] == 1).collect();
    assert_eq!(one_thread.len(), 7 * 3 * 4);
    for row in &one_thread {
        let (n, entries) = (row["n"].as_u64().unwrap(), row["entries"].as_u64().unwrap());
        let want = match row["structure"].as_str().unwrap() {
            "spanning_tree" => n * (n - 1) / 2,
            "arborescence" => (n - 1) * (n - 1),
            "matching" => n * n,
            _ => n,
        };
        assert_eq!(entries, want, "{row}");
        assert_eq!(row["precision"], "f64");
        assert!(row["floor_ns"].as_f64().unwrap() > 0.0, "{row}");
        assert!(row["ratio"].as_f64().unwrap() >= 0.0, "{row}");
        if row["outputs"] == "structure,trace,log_prob" {
            let per_draw = row["ns_per_draw"].as_f64().unwrap();
            assert!((row["ns_per_entry"].as_f64().unwrap() * entries as f64 / per_draw - 1.0).abs() < 1e-9);
        }
    }
    assert_eq!(told["growth"].as_array().unwrap().len(), 7);
    let quick = ["bench", "--quick", "--quiet", "--n", "1", "--structure", "top_k,matching"];
    let (status, table, _) = run(&quick);
    assert_eq!(status, 0);
    assert!(table.lines().nth(2).unwrap().starts_with(" top_k "), "{table}");
    let (_, csv, _) = run(&[&quick[..], &["--format", "csv"]].concat());
    let (_, jsonl, _) = run(&[&quick[..], &["--format", "jsonl"]].concat());
    assert_eq!(csv.lines().count(), 1 + jsonl.lines().count());
    for (bad, message) in [
        (["--n", "1", "--structure", "spanning_tree"], "--n 1: want 2 to 5000 for spanning_tree"),
        (["--n", "9999", "--structure", "matching"], "--n 9999: want 1 to 5000 for matching"),
        (["--n", "5,0", "--structure", "top_k"], "--n 0: want 1 to 10000000 for top_k"),
        (["--batch", "64", "--n", "1"], "--n 1: want 2 to 2048 for batches of 64 items"),
    ] {
        let (status, out, err) = run(&[&["bench"], &bad[..]].concat());
        assert_eq!((status, out.as_str(), err), (2, "", format!("error: {message}\n")));
    }
}

#[test]
fn bench_has_rows_of_batches_in_single_precision() {
    let quick = ["bench", "--batch", "3", "--quick", "--quiet", "--n", "2,6"];
    let told = json_of(&[&quick[..], &["--format", "json"]].concat());
    let rows = told["rows"].as_array().unwrap();
    let one_thread: Vec<&Value> = rows.iter().filter(|row| row["threads"] == 1).collect();
    assert_eq!(one_thread.len(), 7 * 2 * 3);
    for row in one_thread {
        assert_eq!((&row["precision"], &row["items"]), (&json!("f32"), &json!(3)));
        assert!(row["ns_per_draw"].as_f64().unwrap() > 0.0 && row["ratio"].as_f64().unwrap() > 0.0, "{row}");
    }
    let few = [&quick[..], &["--structure", "categorical"]].concat();
    let (status, table, _) = run(&few);
    assert_eq!(status, 0);
    assert!(table.lines().nth(2).unwrap().starts_with(" categorical "), "{table}");
    let (_, csv, _) = run(&[&few[..], &["--format", "csv"]].concat());
    let (_, jsonl, _) = run(&[&few[..], &["--format", "jsonl"]].concat());
    assert_eq!(csv.lines().count(), 1 + jsonl.lines().count());
}

#[test]
fn verify_holds_and_says_with_which_error_rate() {
    let (status, out, err) = run(&["verify", "--structure", "top_k,categorical", "--samples", "100000"]);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.contains("All held") && out.contains("with probability at most 1e-6"), "{out}");
    let told = json_of(&[
        "verify",
        "--structure",
        "categorical",
        "--samples",
        "100000",
        "--format",
        "json",
        "--seed",
        "9",
    ]);
    assert_eq!(told["verdict"], "held");
    assert_eq!(told["seed"], 9);
    assert!(told["rows"].as_array().unwrap().iter().all(|row| row["verdict"] == "held"));
}

#[test]
fn verify_is_the_same_on_any_number_of_threads() {
    let report = |threads: &str| {
        let mut command = program();
        command.env("RAYON_NUM_THREADS", threads);
        command.args(["verify", "--structure", "matching", "--samples", "10000", "--format", "json"]);
        command.output().unwrap().stdout
    };
    assert_eq!(report("1"), report("3"));
}

#[test]
fn verify_with_few_draws_is_underpowered_status_3() {
    let (status, out, _) = run(&["verify", "--structure", "permutation", "--samples", "200"]);
    assert_eq!(status, 3);
    assert!(out.contains("Underpowered") && out.contains("could have been missed"), "{out}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    use std::process::Stdio;
    let binary = assert_cmd::cargo::cargo_bin("recursive-gumbel");
    let mut child = std::process::Command::new(binary)
        .args(["sample", K3, "-n", "200000"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
