//! The modules of each crate form no circle: who reads one of them need not read those above it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};

/// The modules that stand directly under `src`, with all their code (submodules included), without comments, unit tests and
/// documentation.
fn modules(src: &Path) -> BTreeMap<String, String> {
    let mut modules: BTreeMap<String, String> = BTreeMap::new();
    let mut open: Vec<PathBuf> = vec![src.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().map(|file| file.unwrap().path()));
            continue;
        }
        let inside = path.strip_prefix(src).unwrap().with_extension("");
        let module = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        if ["lib", "main"].contains(&module.as_str()) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines() {
            let line = line.split("//").next().unwrap_or_default();
            modules.entry(module.clone()).or_default().push_str(&format!("{line}\n"));
        }
    }
    modules
}

/// The modules that `code` names after `crate::`, or after `library::` from the program.
fn uses(code: &str, library: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for root in ["crate::", library] {
        for rest in code.split(root).skip(1) {
            let name = |text: &str| -> String {
                text.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
            };
            match rest.strip_prefix('{') {
                Some(list) => found.extend(list.split('}').next().unwrap_or_default().split(',').map(name)),
                None => drop(found.insert(name(rest))),
            }
        }
    }
    found
}

/// A module on a circle, if there is one.
fn circle(modules: &BTreeMap<String, String>, library: &str) -> Option<String> {
    let number = |name: &String| modules.keys().position(|module| module == name);
    let mut graph = DiGraph::<(), ()>::new();
    let nodes: Vec<NodeIndex> = modules.keys().map(|_| graph.add_node(())).collect();
    for (module, code) in modules.values().enumerate() {
        for used in uses(code, library).iter().filter_map(number).filter(|used| *used != module) {
            graph.add_edge(nodes[module], nodes[used], ());
        }
    }
    assert!(graph.edge_count() > 1, "the modules are not where this test looks");
    let circle = toposort(&graph, None).err()?.node_id();
    modules.keys().nth(circle.index()).cloned()
}

#[test]
fn no_modules_of_a_crate_need_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(circle(&modules(&root.join("oracle/src")), "gumbel_oracle::"), None);
    assert_eq!(circle(&modules(&root.join("src")), "recursive_gumbel::"), None);
}

#[test]
fn two_modules_that_need_each_other_are_found() {
    let module = |name: &str, code: &str| (name.to_owned(), code.to_owned());
    let two = [module("a", "use crate::b::B;"), module("b", "use crate::{c::C, a::A};"), module("c", "")];
    assert!(circle(&two.into(), "library::").is_some());
    let chain = [module("a", "use crate::b::B;"), module("b", "use crate::{c::C};"), module("c", "")];
    assert_eq!(circle(&chain.into(), "library::"), None);
}
