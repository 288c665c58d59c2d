//! The models on which an implementation is judged if none is named: of every structure that it offers small ones, sparse and nested
//! ones, extreme rates, one and two entries, and some with 60 vertices or positions.

use gumbel_oracle::model::{Kind, Model};
use recursive_gumbel::verify::{ESTIMATED, MODELS};
use serde_json::{Value, json};

/// A model with its name and its file.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) model: Model,
    pub(super) file: String,
}

/// Those of the suite that are not among the models of `verify`; the first is a quick one too.
const MORE: [(&str, &str); 3] = [
    ("extreme_rates", include_str!("../../../examples/models/extreme_rates.json")),
    ("k3", include_str!("../../../examples/models/k3.json")),
    (
        "matching4",
        r#"{"structure": "matching", "rates": [[1, 2, 3, 4], [4, 1, "1/2", 2], [2, 2, 1, 5], [1, 3, 2, "1/3"]]}"#,
    ),
];

/// A model with so many positions, or vertices; sparse if there are many, the root the last vertex.
fn of_size(structure: &str, n: usize) -> Value {
    let rate = |k: usize| json!(1 + (3 * k + 1) % 7);
    let rates: Vec<Value> = (0..n).map(rate).collect();
    // A path with chords: a circle at every fifth vertex.
    let chord = |v: usize| (v % 5 == 4).then(|| (v - 4, v));
    let pairs: Vec<(usize, usize)> = (1..n).flat_map(|v| [Some((v - 1, v)), chord(v)]).flatten().collect();
    match structure {
        "spanning_tree" => {
            let edges: Vec<Value> =
                pairs.iter().enumerate().map(|(k, (u, v))| json!([u, v, rate(k)])).collect();
            json!({"structure": structure, "vertices": n, "edges": edges})
        }
        "arborescence" => {
            // Both ways, but none into the root.
            let ways = pairs.iter().flat_map(|&(u, v)| [(u, v), (v, u)]).filter(|(_, head)| head + 1 < n);
            let arcs: Vec<Value> = ways.enumerate().map(|(k, (u, v))| json!([u, v, rate(k)])).collect();
            json!({"structure": structure, "vertices": n, "root": n - 1, "edges": arcs})
        }
        "matching" => {
            let row = |i: usize| (0..n).map(|j| rate(i * n + j)).collect::<Vec<Value>>();
            json!({"structure": structure, "rates": (0..n).map(row).collect::<Vec<_>>()})
        }
        "top_k" => json!({"structure": structure, "k": n.div_ceil(2), "rates": rates}),
        _ => json!({"structure": structure, "rates": rates}),
    }
}

/// The suite for these structures.
pub(super) fn cases(structures: impl Fn(&str) -> bool, quick: bool) -> Vec<Case> {
    let mut all: Vec<(String, String)> = Vec::new();
    for (name, file) in MODELS.into_iter().chain(MORE) {
        if !quick || ESTIMATED.contains(&name) || name == MORE[0].0 {
            all.push((name.to_owned(), file.to_owned()));
        }
    }
    for kind in Kind::ALL {
        let name = kind.name();
        let least = if ["spanning_tree", "arborescence"].contains(&name) { 2 } else { 1 };
        let sizes: &[usize] = match (quick, name) {
            (true, _) => &[],
            (false, "matching") => &[1, 2, 8],
            (false, "spanning_tree" | "arborescence") => &[2, 60],
            (false, _) => &[1, 2, 3, 6, 60],
        };
        for &n in sizes.iter().filter(|n| **n >= least) {
            all.push((format!("{name}_{n}"), of_size(name, n).to_string()));
        }
    }
    let case = |(name, file): (String, String)| {
        let model = Model::parse(&file).ok()?;
        structures(model.kind().name()).then_some(Case { name, model, file })
    };
    let mut cases: Vec<Case> = all.into_iter().filter_map(case).collect();
    let order = |case: &Case| Kind::ALL.iter().position(|kind| *kind == case.model.kind());
    cases.sort_by_key(order);
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn every_model_of_the_suite_can_be_read() {
        let all = cases(|_| true, false);
        let lists = 4 * 5; // of lists five sizes each
        assert_eq!(all.len(), MODELS.len() + MORE.len() + lists + 3 + 2 * 2);
        let quick = cases(|_| true, true);
        assert!(Kind::ALL.iter().all(|kind| quick.iter().any(|case| case.model.kind() == *kind)));
        assert!(
            cases(|name| name == "matching", false).iter().all(|case| case.model.kind() == Kind::Matching)
        );
    }
}
