//! Samplers in Python, judged as a user judges theirs: what `docs/src/check.md` tells is run. Where there is no Python, or no
//! NumPy, that is said on standard error and not judged.

#![cfg(unix)]

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

const CHAPTER: &str = include_str!("../docs/src/check.md");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Whether Python can do this; said if not, past the test runner, which keeps what tests print.
fn has(what: &str, code: &str) -> bool {
    let found =
        Command::new("python3").args(["-c", code]).output().is_ok_and(|output| output.status.success());
    if !found {
        let said = format!("SKIPPED: {what} is not on this machine\n");
        std::io::stderr().write_all(said.as_bytes()).unwrap();
    }
    found
}

/// A folder with `examples`, and a `recursive-gumbel` on the path.
struct Shell(tempfile::TempDir);

impl Shell {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(Path::new(ROOT).join("examples"), folder.path().join("examples")).unwrap();
        std::fs::create_dir(folder.path().join("bin")).unwrap();
        let program = assert_cmd::cargo::cargo_bin("recursive-gumbel");
        std::os::unix::fs::symlink(program, folder.path().join("bin/recursive-gumbel")).unwrap();
        Self(folder)
    }

    /// Exit status, and what was printed.
    fn run(&self, command: &str) -> (i32, String) {
        let path = format!("{}:{}", self.0.path().join("bin").display(), std::env::var("PATH").unwrap());
        let output = Command::new("sh")
            .args(["-c", command])
            .current_dir(self.0.path())
            .env("PATH", path)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text)
    }
}

/// Holds an adapter to the quick suite, of so many exact checks, and to a graph of a lone vertex, in which nothing is raced for.
fn held(shell: &Shell, adapter: &str, exact: u32) {
    let harness = "recursive-gumbel harness --quiet --timeout 60";
    let (status, report) = shell.run(&format!("{harness} --suite --quick -- {adapter}"));
    assert!(status == 0 && report.contains(&format!("All held: {exact} exact checks")), "{report}");
    let alone = r#"echo '{"structure":"spanning_tree","vertices":1,"edges":[]}'"#;
    let (status, report) = shell.run(&format!("{alone} | {harness} - --departure 0.5 -- {adapter}"));
    assert!(status == 0 && report.contains("All held: 12 exact checks"), "{report}");
}

#[test]
fn what_the_chapter_tells_is_what_happens() {
    if !has("python3", "import fractions, json, random") {
        return;
    }
    let shell = Shell::new();
    let mut statuses = Vec::new();
    for block in CHAPTER.split("```console\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let (commands, told): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("$ "));
        let mut printed = String::new();
        for command in commands {
            let (status, text) = shell.run(&command[2..]);
            printed.push_str(&text);
            if command.contains("recursive-gumbel") {
                statuses.push(status);
            }
        }
        let (mut lines, mut skip) = (printed.lines().map(str::trim_end), false);
        for line in told {
            if line == "…" {
                skip = true;
                continue;
            }
            let found = if skip { lines.find(|found| *found == line) } else { lines.next() };
            assert_eq!(found, Some(line), "{printed}");
            skip = false;
        }
    }
    assert_eq!(statuses, [0, 1, 1, 0, 1]);
}

#[test]
fn a_sampler_in_numpy_is_held_in_double_and_single_precision() {
    if !has("NumPy", "import numpy") {
        return;
    }
    let shell = Shell::new();
    for (precision, row) in [("float64", "against exact  "), ("float32", "against exact, in f32  ")] {
        let draw = "python3 examples/python/kruskal_numpy.py examples/models/k4.json 8000 samples.npz";
        assert_eq!(shell.run(&format!("{draw} {precision}")), (0, String::new()));
        let check = "recursive-gumbel check examples/models/k4.json samples.npz --departure 0.4";
        let (status, report) = shell.run(check);
        assert_eq!(status, 0, "{report}");
        assert!(report.contains(row), "{report}");
    }
}

#[test]
fn a_sampler_in_pytorch_is_held() {
    if !has("PyTorch", "import numpy, torch") {
        return;
    }
    let shell = Shell::new();
    let model = "examples/models/top_k.json";
    let draw = format!("python3 examples/python/top_k_torch.py {model} 50000 samples.npz");
    assert_eq!(shell.run(&draw), (0, String::new()));
    let (status, report) = shell.run(&format!("recursive-gumbel check {model} samples.npz --departure 0.1"));
    assert_eq!(status, 0, "{report}");
}

/// All structures in C++, with derivatives in the rates; and a mistake that its author made.
#[test]
fn the_cpp_adapter_is_held_by_the_harness() {
    if !Command::new("g++").arg("--version").output().is_ok_and(|output| output.status.success()) {
        std::io::stderr().write_all(b"SKIPPED: g++ is not on this machine\n").unwrap();
        return;
    }
    let shell = Shell::new();
    let build = |file: &str| shell.run(&format!("g++ -O1 -std=c++17 -Wall -Wextra -Werror {file} -o plain"));
    assert_eq!(build("examples/adapters/plain.cpp"), (0, String::new()));
    held(&shell, "./plain", 136);
    // A set that changes under a reference to it.
    let source = std::fs::read_to_string(Path::new(ROOT).join("examples/adapters/plain.cpp")).unwrap();
    let wrong = source.replace("int from = set", "int& from = set");
    assert_ne!(wrong, source);
    std::fs::write(shell.0.path().join("wrong.cpp"), wrong).unwrap();
    assert_eq!(build("wrong.cpp"), (0, String::new()));
    let harness = "recursive-gumbel harness examples/models/k4.json --quiet --shrink";
    let (status, report) = shell.run(&format!("{harness} -- ./plain"));
    assert_eq!(status, 1, "{report}");
    assert!(report.contains("1. run: on the exponentials"), "{report}");
}

/// Log-rates and Gumbels; and what is found if it does not say that these are.
#[test]
fn the_numpy_adapter_is_held_by_the_harness() {
    if !has("NumPy", "import numpy") {
        return;
    }
    let shell = Shell::new();
    held(&shell, "python3 examples/adapters/gumbels.py", 102);
    let source = std::fs::read_to_string(Path::new(ROOT).join("examples/adapters/gumbels.py")).unwrap();
    let silent = source.replace(r#""parameter": "log_rate", "#, "");
    assert_ne!(silent, source);
    std::fs::write(shell.0.path().join("silent.py"), silent).unwrap();
    let suite = "recursive-gumbel harness --suite --quick --quiet --timeout 60";
    let (status, report) = shell.run(&format!("{suite} -- python3 silent.py"));
    assert_eq!(status, 1, "{report}");
    assert!(report.contains("score: of the trace"), "{report}");
}

/// Batches of tensors, in double and in single precision, and what is plugged in there.
#[test]
fn the_pytorch_adapter_is_held_by_the_harness() {
    if !has("PyTorch", "import torch") {
        return;
    }
    let shell = Shell::new();
    for precision in ["", " float32"] {
        held(&shell, &format!("python3 examples/adapters/pytorch.py{precision}"), 102);
    }
    let plugged = r#"
import sys
sys.path.insert(0, "examples/adapters")
import pytorch

def mine(file, n):
    plug = pytorch.kruskal(n)
    right = plug.F_cond
    # A winning time with the mean Λ instead of 1/Λ.
    plug.F_cond = lambda var, logits, uniform: right(var, -logits.masked_fill(logits.isinf(), -float("inf")), uniform)
    return plug

pytorch.PLUGGED = {"spanning_tree": (mine, sorted)}
pytorch.main()
"#;
    std::fs::write(shell.0.path().join("plugged.py"), plugged).unwrap();
    let harness = "recursive-gumbel harness examples/models/k3.json --quiet --shrink --timeout 60";
    let (status, report) = shell.run(&format!("{harness} -- python3 plugged.py"));
    assert_eq!(status, 1, "{report}");
    assert!(report.contains("conditional: of the trace"), "{report}");
}

/// `plain.py` with other conventions, in the place of {…}: derivatives in the rate, say, or Gumbels, or single precision, or matrices; and
/// it answers no more than 20 items at once.
const OTHER: &str = r#"
import math, struct, sys
sys.path.insert(0, "examples/adapters")
import plain

declared, parameter, gumbel, single, padded = {…}
right, of_list = plain.ops, plain.Model

def Model(file, rates):
    if padded and isinstance(rates[0], list):
        edges = file.get("edges") or [(u, v) for u in range(len(rates)) for v in range(len(rates))]
        rates = [rates[edge[0]][edge[1]] for edge in edges]
    return of_list(file, rates)

def matrix(model, row, nothing):
    at = dict(zip(model.pair, row))
    return [[at.get((u, v), nothing) for v in range(model.size)] for u in range(model.size)]

def deep(change, value):
    if isinstance(value, list):
        return [deep(change, item) for item in value]
    return value if value is None else change(value)

def derivative(rate, in_log_mean):
    return in_log_mean * {"log_mean": 1, "log_rate": -1, "rate": -1 / rate if rate else 0, "mean": rate}[parameter]

def ops(model, request):
    if any(len(value) > 20 for value in request.values() if isinstance(value, list)) or request.get("count", 0) > 20:
        raise ValueError("too many at once")
    in_pairs = padded and hasattr(model, "pair")
    for name in ("exponentials", "uniforms"):
        if in_pairs and name in request:
            request[name] = [[row[u][v] for u, v in model.pair] for row in request[name]]
    if gumbel and "exponentials" in request:
        request["exponentials"] = deep(lambda weight: math.exp(-weight), request["exponentials"])
    answer = right(model, request)
    for field in ("exponentials", "conditional"):
        if gumbel and field in answer:
            answer[field] = deep(lambda weight: -math.log(weight), answer[field])
    if "score" in answer:
        answer["score"] = [[derivative(rate, s) for rate, s in zip(model.rate, row)] for row in answer["score"]]
    if single:
        for field in answer.keys() & {"exponentials", "conditional", "score", "log_prob"}:
            answer[field] = deep(lambda value: struct.unpack("f", struct.pack("f", value))[0], answer[field])
    for field in ("exponentials", "conditional", "score"):
        if in_pairs and field in answer:
            answer[field] = [matrix(model, row, 0 if field == "score" else 7.5) for row in answer[field]]
    return answer

plain.ops, plain.Model = ops, Model
plain.HELLO["batch"] = 20
plain.HELLO["dtype"] = "f32" if single else "f64"
if declared:
    plain.HELLO["conventions"] = {"parameter": parameter, "weights": "gumbel" if gumbel else "exponential", "entries": "matrix" if padded else "list"}
plain.main()
"#;

/// Whatever the conventions: what is right is held if they are declared, and only then.
#[test]
fn other_conventions_are_honoured() {
    if !has("python3", "import json, math, random") {
        return;
    }
    let shell = Shell::new();
    let judge = |model: &str, conventions: &str| {
        std::fs::write(shell.0.path().join("other.py"), OTHER.replace("{…}", conventions)).unwrap();
        let harness =
            format!("recursive-gumbel harness examples/models/{model}.json --quiet --departure 0.6");
        shell.run(&format!("{harness} --budget 6000 -- python3 other.py"))
    };
    for (model, conventions, status) in [
        ("nested_arborescence", r#"True, "log_rate", True, False, False"#, 0),
        ("matching3", r#"True, "rate", True, False, False"#, 0),
        ("top_k", r#"True, "mean", False, False, False"#, 0), // an entry is absent
        ("k4", r#"True, "rate", True, True, False"#, 0),
        ("extreme_rates", r#"True, "log_mean", True, False, False"#, 0),
        ("nested_arborescence", r#"True, "rate", True, False, True"#, 0),
        ("matching3", r#"True, "log_rate", False, True, True"#, 0),
        ("k4", r#"True, "mean", False, False, True"#, 0),
        ("binary_tree5", r#"True, "log_mean", False, False, True"#, 0),
        ("k4", r#"False, "log_mean", False, False, True"#, 4),
        ("k4", r#"False, "log_rate", False, False, False"#, 1),
        ("k4", r#"False, "log_mean", True, False, False"#, 1),
        ("k4", r#"True, "odds", False, False, False"#, 4),
    ] {
        let (found, report) = judge(model, conventions);
        assert_eq!(found, status, "{model} {conventions}: {report}");
        let odds = !conventions.contains("odds")
            || report.contains("gave the convention parameter = \"odds\": want parameter = log_mean");
        assert!(odds, "{report}");
    }
}

/// An implementation of all structures that was written for it alone, and what it says to wrong questions.
#[test]
fn the_plain_adapter_is_held_by_the_harness() {
    if !has("python3", "import json, math, random") {
        return;
    }
    let shell = Shell::new();
    let adapter = "python3 examples/adapters/plain.py";
    for model in
        recursive_gumbel::verify::ESTIMATED.iter().chain(&["extreme_rates", "tree_from_logits", "bridge"])
    {
        let harness = format!("recursive-gumbel harness examples/models/{model}.json --quiet");
        let (status, report) = shell.run(&format!("{harness} --budget 6000 --departure 0.6 -- {adapter}"));
        assert_eq!(status, 0, "{model}: {report}");
        assert!(report.starts_with("All held: 17 exact checks"), "{report}");
    }
    // As the README has it.
    let command = "harness --suite --quick -- python3 examples/adapters/plain.py";
    assert!(include_str!("../README.md").contains(&format!("\ncargo run --release -- {command}\n")));
    held(&shell, adapter, 136);
    // Its mistakes would be seen.
    let source = std::fs::read_to_string(Path::new(ROOT).join("examples/adapters/plain.py")).unwrap();
    // The score of an absent entry may be null, as other numbers of one are.
    let nulls =
        source.replace("return score\n", "return [s if r > 0 else None for s, r in zip(score, self.rate)]\n");
    assert_ne!(nulls, source);
    std::fs::write(shell.0.path().join("nulls.py"), nulls).unwrap();
    let harness = "recursive-gumbel harness examples/models/top_k.json --quiet --departure 0.6";
    let (status, report) = shell.run(&format!("{harness} --budget 6000 -- python3 nulls.py"));
    assert_eq!(status, 0, "{report}");
    for (right, wrong, finding) in [
        ("left[k] -= time", "pass", "run: on the exponentials"),
        ("score[winner] -= 1", "pass", "score: of the trace"),
        (
            "for k in set(self.present).difference(winner for _, winner in races):",
            "for k in []:",
            "conditional: of the trace",
        ),
    ] {
        assert!(source.contains(right), "{right}");
        std::fs::write(shell.0.path().join("wrong.py"), source.replace(right, wrong)).unwrap();
        let model = "examples/models/nested_arborescence.json";
        let (status, report) =
            shell.run(&format!("recursive-gumbel harness {model} --quiet --budget 0 -- python3 wrong.py"));
        assert_eq!(status, 1, "{report}");
        assert!(report.contains(finding), "{report}");
    }
}
