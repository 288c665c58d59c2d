//! `variance`: the table of estimators, held to what other commands and other formulas say.

use assert_cmd::Command;
use num_rational::BigRational;
use num_traits::Zero as _;
use serde_json::Value;

/// Exit status, standard output and standard error.
fn run(args: &[&str]) -> (i32, String, String) {
    let mut program = Command::cargo_bin("recursive-gumbel").unwrap();
    let output = program.current_dir(env!("CARGO_MANIFEST_DIR")).args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn json(args: &[&str]) -> Value {
    let (status, out, error) = run(args);
    assert_eq!((status, error.as_str()), (0, ""), "{args:?}");
    serde_json::from_str(&out).unwrap()
}

fn number(value: &Value) -> BigRational {
    value.as_str().unwrap().parse().unwrap()
}

fn numbers(value: &Value) -> Vec<BigRational> {
    value.as_array().unwrap().iter().map(number).collect()
}

const MODELS: [&str; 8] = [
    "k3",
    "arborescence4",
    "matching3",
    "binary_tree5",
    "top_k",
    "permutation4",
    "categorical",
    "cycle_with_chord",
];

fn path(model: &str) -> String {
    format!("examples/models/{model}.json")
}

#[test]
fn the_numbers_are_those_of_the_gradient_and_of_the_covariance() {
    for model in MODELS {
        let model = path(model);
        let found = json(&[
            "variance",
            &model,
            "--k",
            "5",
            "--critic",
            "quadratic,linear,constant",
            "--format",
            "json",
        ]);
        let gradient = json(&["enumerate", &model, "--by", "gradient", "--format", "json"]);
        assert_eq!(found["gradient"], gradient["gradient"], "{model}");
        assert_eq!(found["expectation"], gradient["expectation"]);
        let rows = found["estimators"].as_array().unwrap();
        let names: Vec<&str> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
        let want = [
            "e_reinforce",
            "t_reinforce",
            "e_reinforce_plus",
            "t_reinforce_plus",
            "relax_constant",
            "relax_linear",
            "relax_quadratic",
        ];
        assert_eq!(names, want);
        let draws: Vec<u64> = rows.iter().map(|row| row["draws"].as_u64().unwrap()).collect();
        assert_eq!(draws, [1, 1, 5, 5, 1, 1, 1]);
        for row in rows {
            let variances = numbers(&row["variance"]);
            assert_eq!(variances.iter().sum::<BigRational>(), number(&row["total"]));
        }
        // The best critics are told; a better one has less variance.
        let weights = |row: usize| numbers(&rows[row]["critic"]["weights"]);
        assert!(rows[0].get("critic").is_none() && weights(4).iter().all(BigRational::is_zero));
        assert_eq!(weights(5).len(), numbers(&found["gradient"]).len());
        for (less, more) in [(6, 5), (5, 4), (4, 1)] {
            assert!(number(&rows[less]["total"]) <= number(&rows[more]["total"]));
        }
        let matrix: Vec<Vec<BigRational>> =
            rows[6]["critic"]["matrix"].as_array().unwrap().iter().map(numbers).collect();
        assert_eq!(matrix.len(), weights(6).len());
        assert!((0..matrix.len()).all(|j| (0..matrix.len()).all(|k| matrix[j][k] == matrix[k][j])));
        assert!(rows[5]["critic"].get("matrix").is_none());
        let covariance = json(&["enumerate", &model, "--by", "covariance", "--format", "json"]);
        let diagonal = covariance["covariance"].as_array().unwrap().iter().enumerate();
        let diagonal: Vec<&Value> = diagonal.map(|(k, row)| &row[k]).collect();
        let variances = rows[1]["variance"].as_array().unwrap();
        assert_eq!(variances.iter().collect::<Vec<_>>(), diagonal, "{model}");
    }
}

/// The triangle with rates 4, 2, 1, as in `docs/src/gradients.md`, where each number is made by other code.
#[test]
fn the_triangle_has_the_numbers_of_the_book() {
    let found = json(&["variance", &path("k3"), "--k", "10", "--format", "json"]);
    let totals: Vec<String> = found["estimators"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["total"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(totals[..2], ["22980229/17364375", "9403624/17364375"]);
    let (_, table, _) = run(&["variance", &path("k3"), "--k", "10", "--quiet"]);
    for number in ["0.075528083", "0.0222660322", "22980229/17364375", "41/105", "-0.259773243"] {
        assert!(table.contains(number), "{table}");
    }
    let (_, csv, _) = run(&["variance", &path("k3"), "--format", "csv"]);
    assert_eq!(csv.lines().count(), 1 + 2 * 3);
    let first = csv.lines().nth(4).unwrap();
    assert!(first.starts_with("t_reinforce,1,\"[0,1]\",2899826/13505625,0.214712462"), "{first}");
    let (_, lines, _) = run(&["variance", &path("k3"), "--format", "jsonl"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
}

#[test]
fn a_file_of_losses_is_a_loss() {
    let (status, listed, _) = run(&["enumerate", &path("k3"), "--format", "jsonl"]);
    assert_eq!(status, 0);
    let with_loss = |line: &str| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        let touching = row["structure"].as_array().unwrap().iter().filter(|edge| edge[0] != 0).count();
        row["loss"] = touching.into();
        format!("{row}\n")
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("losses.jsonl");
    std::fs::write(&file, listed.lines().map(with_loss).collect::<String>()).unwrap();
    let of_file = json(&["variance", &path("k3"), "--loss", file.to_str().unwrap(), "--format", "json"]);
    let of_name = json(&["variance", &path("k3"), "--format", "json"]);
    assert_eq!(of_file["estimators"], of_name["estimators"]);
    std::fs::write(&file, listed.lines().skip(1).map(with_loss).collect::<String>()).unwrap();
    let (status, out, error) = run(&["variance", &path("k3"), "--loss", file.to_str().unwrap()]);
    assert_eq!((status, out.as_str()), (2, ""));
    assert!(error.contains("has no loss for 1 of 3 structures"), "{error}");
}

#[test]
fn what_makes_no_variance_is_refused() {
    let k3 = path("k3");
    for (args, want) in [
        (
            vec!["--loss", "depth"],
            "spanning_tree has no loss \"depth\": want one of default, max_degree, leaves",
        ),
        (vec!["--k", "1"], "--k 1: a leave-one-out baseline is the mean loss of the other draws"),
        (vec!["--k", "-3"], "unexpected argument"),
        (vec!["--critic", "cubic"], "invalid value 'cubic'"),
        (vec!["--limit", "2"], "more than the limit of 2"),
        (vec!["--critic", "linear", "--limit", "5"], "would visit 6 traces"),
        (vec!["--critic", "quadratic", "--limit", "400"], "would visit 600 traces × coefficients²"),
    ] {
        let args: Vec<&str> = ["variance", &k3].into_iter().chain(args).collect();
        let (status, out, error) = run(&args);
        assert_eq!((status, out.as_str()), (2, ""), "{args:?}");
        assert!(error.contains(want), "{error}");
    }
    // One structure: no estimate varies, and no ratio divides by 0.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("one.json");
    std::fs::write(&file, r#"{"structure": "categorical", "rates": [2]}"#).unwrap();
    let (status, table, _) = run(&["variance", file.to_str().unwrap(), "--critic", "constant"]);
    assert_eq!(status, 0);
    assert!(table.contains("t_reinforce          1"), "{table}");
}
