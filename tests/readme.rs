//! The README: every command in it is run, and its output is what stands there.

use std::process::{Command, Stdio};

const README: &str = include_str!("../README.md");

/// The blocks of ```console, as command and output.
fn blocks() -> Vec<(String, Vec<String>)> {
    let mut blocks = Vec::new();
    for block in README.split("```console\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let mut lines = text.lines();
        let command = lines.next().unwrap().strip_prefix("$ ").expect("a block starts with a command");
        blocks.push((command.to_owned(), lines.map(ToOwned::to_owned).collect()));
    }
    blocks
}

/// What the program prints for a command of the README, which may start with `echo '…' |`.
fn output(command: &str) -> String {
    let (input, command) = match command.strip_prefix("echo '").and_then(|rest| rest.split_once("' | ")) {
        Some((input, command)) => (Some(format!("{input}\n")), command),
        None => (None, command),
    };
    let arguments = command.strip_prefix("cargo run --release -- ").expect("the program is run by cargo");
    // Words are separated by spaces; one in quotes is one word.
    let words: Vec<&str> = arguments
        .split('\'')
        .enumerate()
        .flat_map(|(i, part)| if i % 2 == 1 { vec![part] } else { part.split_whitespace().collect() })
        .collect();
    let mut child = Command::new(assert_cmd::cargo::cargo_bin("recursive-gumbel"))
        .args(words)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    if let Some(input) = input {
        use std::io::Write as _;
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

#[test]
fn every_command_prints_what_stands_in_the_readme() {
    let mut run = 0;
    for (command, told) in blocks().into_iter().filter(|(command, _)| command != "cargo test --workspace") {
        let output = output(&command);
        let mut lines = output.lines().map(str::trim_end);
        let mut skip = false;
        for line in &told {
            if line == "…" {
                skip = true;
                continue;
            }
            let found = if skip { lines.find(|found| found == line) } else { lines.next() };
            assert_eq!(found, Some(line.as_str()), "{command}");
            skip = false;
        }
        assert!(skip || lines.next().is_none(), "{command} prints more");
        run += 1;
    }
    assert!(run >= 5, "{run}");
}

#[test]
fn the_two_commands_stand_on_the_first_screen() {
    let first: Vec<&str> = README.lines().take(45).collect();
    for command in ["$ cargo run --release -- verify", "$ cargo test --workspace"] {
        assert!(first.contains(&command), "{command}");
    }
}

#[test]
fn every_file_the_readme_links_to_exists() {
    for part in README.split("](").skip(1).chain(README.split("src=\"").skip(1)) {
        let target = part.split([')', '"']).next().unwrap();
        if !target.starts_with("http") {
            assert!(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(target).exists(), "{target}");
        }
    }
}

#[test]
fn the_pictures_are_those_that_explain_draws() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let nested = concat!(
        r#"[{"component":[0],"arc":[1,0]},{"component":[1],"arc":[0,1]},{"component":[2],"arc":[1,2]},"#,
        r#"{"component":[3],"arc":[2,3]},{"component":[0,1],"arc":[2,0]},{"component":[0,1,2],"arc":[3,1]},"#,
        r#"{"component":[0,1,2,3],"arc":[4,0]}]"#
    );
    for (folder, model, trace) in
        [("k4", "k4.json", "[[0,1],[2,3],[1,2]]"), ("nested", "nested_arborescence.json", nested)]
    {
        let drawn = tempfile::tempdir().unwrap();
        let status = Command::new(assert_cmd::cargo::cargo_bin("recursive-gumbel"))
            .args(["explain", &format!("examples/models/{model}"), "--trace", trace, "--svg"])
            .arg(drawn.path())
            .current_dir(root)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
        let kept = root.join("docs/src/pictures").join(folder);
        let mut files = 0;
        for file in std::fs::read_dir(&kept).unwrap() {
            let name = file.unwrap().file_name();
            let (want, found) =
                (std::fs::read(kept.join(&name)).unwrap(), std::fs::read(drawn.path().join(&name)).unwrap());
            assert!(want == found, "{folder}/{name:?} is stale: draw it again with explain --svg");
            files += 1;
        }
        assert_eq!(files, std::fs::read_dir(drawn.path()).unwrap().count(), "{folder}");
    }
}
