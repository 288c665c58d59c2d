//! The arrow between the crates, and where floating point may be.

use std::collections::BTreeSet;
use std::path::PathBuf;

/// Modules in which floats are spoken of, and why. In every other module of `oracle/src` there is none.
const WITH_FLOATS: [(&str, &str); 4] = [
    ("enclosure.rs", "its results are correctly rounded floats"),
    ("hypoexponential.rs", "its distribution functions are correctly rounded floats"),
    ("number.rs", "it says how a float is one of the numbers"),
    ("rate.rs", "a logit is a float, and its rate the float exp(-logit)"),
];

fn manifest_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Name and text of every source file, folders inside too.
fn sources() -> Vec<(String, String)> {
    let mut open = vec![manifest_folder().join("src")];
    let mut sources = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            sources.push((name, std::fs::read_to_string(path).unwrap()));
        }
    }
    sources.sort();
    assert!(sources.len() >= 20, "the source files are not where this test looks");
    sources
}

/// The code: without comments and without the unit tests at the end.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn words(code: &str) -> BTreeSet<&str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect()
}

#[test]
fn the_oracle_does_not_depend_on_what_it_checks() {
    let manifest = std::fs::read_to_string(manifest_folder().join("Cargo.toml")).unwrap();
    // The description may say what the crate is for; a dependency would be a line that begins with the name.
    let tables = manifest.lines().filter(|line| !line.starts_with("description"));
    for line in tables {
        assert!(!line.contains("recursive-gumbel") && !line.contains("recursive_gumbel"), "{line}");
        assert!(!line.contains("\"..\"") && !line.contains("../src"), "{line}");
    }
    assert!(manifest.contains("name = \"gumbel-oracle\""));
}

#[test]
fn no_source_file_of_the_oracle_mentions_the_crate_it_checks() {
    for (name, text) in sources() {
        assert!(!words(&text).contains("recursive_gumbel"), "{name}");
    }
}

#[test]
fn what_is_exact_has_no_floats() {
    let found = |code: &str| ["f32", "f64"].iter().any(|float| words(code).contains(float));
    let with_floats: Vec<String> =
        sources().into_iter().filter(|(_, text)| found(&code(text))).map(|(name, _)| name).collect();
    assert_eq!(with_floats, WITH_FLOATS.map(|(name, _)| name));
    for (name, text) in sources() {
        // A literal such as 0.5 is a float without its name.
        let literal = |word: &str| {
            let mut parts = word.split('.');
            let digits = |part: Option<&str>| {
                part.is_some_and(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
            };
            digits(parts.next()) && digits(parts.next())
        };
        let code = code(&text);
        let code = code.split('"').step_by(2).collect::<Vec<_>>().join(" "); // texts are no code
        let tuple_field = |c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_');
        let literals: Vec<&str> = code.split(tuple_field).filter(|word| literal(word)).collect();
        if !WITH_FLOATS.iter().any(|(with, _)| *with == name) {
            assert_eq!(literals, [""; 0], "{name}");
        }
    }
}

#[test]
fn the_search_for_floats_finds_them() {
    let text = "fn f(x: f64) {} // f32\n#[cfg(test)]\nmod tests { const X: f32 = 0.0; }";
    assert!(words(&code(text)).contains("f64") && !words(&code(text)).contains("f32"));
}

#[test]
fn floats_are_named_in_the_few_exceptions_only_for_their_reason() {
    let sources = sources();
    for (name, reason) in WITH_FLOATS {
        let (_, text) = sources.iter().find(|(file, _)| file == name).unwrap();
        assert!(words(&code(text)).contains("f64"), "{name} is no exception any more ({reason})");
        // Single precision only where something is rounded to it.
        assert_eq!(words(&code(text)).contains("f32"), name == "enclosure.rs", "{name}");
    }
}
