//! Input that is none: models, traces and exponentials that must be refused, with the reason and the place.

use std::fmt::Debug;

use gumbel_oracle::model::{Kind, Model};
use num_rational::BigRational;
use num_traits::Zero as _;
use serde_json::{Map, Value, json};

use super::expected::exact;

type Object = Map<String, Value>;

/// One question: a name, and the input.
pub(super) struct Wrong {
    pub(super) name: &'static str,
    pub(super) comment: &'static str,
    pub(super) input: Object,
}

/// What is expected: `reason` and `place` of the error, and its words, which are for people.
pub(super) fn expected(input: &Object) -> Object {
    let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
    let refused = |reason: String, place: String, error: String| {
        Object::from_iter([
            ("reason".to_owned(), reason.into()),
            ("place".to_owned(), place.into()),
            ("error".to_owned(), error.into()),
        ])
    };
    let model = match Model::parse(text("model_text")) {
        Ok(model) => model,
        Err(error) => return refused(reason(&error.problem), error.place.item.clone(), error.to_string()),
    };
    if input.contains_key("trace_text") {
        return match model.parse_trace(text("trace_text")) {
            Ok(_) => Object::new(),
            Err(problem) => refused(reason(&problem), "trace".to_owned(), problem.to_string()),
        };
    }
    let row = input.get("exponentials").and_then(Value::as_array).cloned().unwrap_or_default();
    let weights: Vec<Option<f64>> = row.iter().map(Value::as_f64).collect();
    for (k, rate) in model.rates().iter().enumerate().take(weights.len()) {
        if weights[k].is_none() && !rate.is_zero() {
            let error = format!("entry {k} has no weight: want a finite number at every entry that is there");
            return refused("NotFinite".to_owned(), format!("exponentials[{k}]"), error);
        }
    }
    let weights: Result<Vec<BigRational>, String> =
        weights.into_iter().map(|weight| exact(weight.unwrap_or(0.0))).collect();
    match weights.map(|weights| model.run(&weights)) {
        Ok(Err(error)) => refused(reason(&error), "exponentials".to_owned(), error.to_string()),
        _ => Object::new(),
    }
}

/// The names of an error and of the error inside of it: `Rate.Negative`.
fn reason(error: &impl Debug) -> String {
    let text = format!("{error:?}");
    let name = |text: &str| -> String { text.chars().take_while(|c| c.is_ascii_alphanumeric()).collect() };
    let outer = name(&text);
    let inside = text[outer.len()..].strip_prefix('(').map(name).unwrap_or_default();
    let is_name = inside.starts_with(|c: char| c.is_ascii_uppercase());
    if is_name { format!("{outer}.{inside}") } else { outer }
}

fn model(name: &'static str, comment: &'static str, text: impl Into<String>) -> Wrong {
    Wrong { name, comment, input: Object::from_iter([("model_text".to_owned(), Value::String(text.into()))]) }
}

fn trace(name: &'static str, comment: &'static str, model_text: &str, trace: &str) -> Wrong {
    let mut wrong = model(name, comment, model_text);
    wrong.input.insert("trace_text".to_owned(), trace.into());
    wrong
}

fn weights(name: &'static str, comment: &'static str, model_text: &str, row: &Value) -> Wrong {
    let mut wrong = model(name, comment, model_text);
    wrong.input.insert("exponentials".to_owned(), row.clone());
    wrong
}

/// What must be refused of a structure.
pub(super) fn questions(kind: Kind) -> Vec<Wrong> {
    let mut all = match kind {
        Kind::SpanningTree | Kind::Arborescence => graphs(kind),
        Kind::Matching => matchings(),
        _ => positions(kind),
    };
    let name = kind.name();
    all.push(model("not_json", "the file ends in the middle", format!(r#"{{"structure":"{name}","#)));
    all.push(model("no_structure", "nobody says of what", r#"{"rates":[1,2]}"#));
    all.push(model(
        "unknown_structure",
        "a name that there is not",
        format!(r#"{{"structure":"{name}s","rates":[1,2]}}"#),
    ));
    all.push(model("empty_text", "nothing at all", ""));
    all
}

/// The rates of a model of two positions, one after the other, with what is wrong with the second.
const RATES: [(&str, &str, &str); 9] = [
    ("negative_rate", "a rate below 0", "-1"),
    ("minus_zero", "0 with a sign", "-0.0"),
    ("nan_rate", "not a number", "\"NaN\""),
    ("infinite_rate", "infinity", "\"inf\""),
    ("text_rate", "no number at all", "\"one\""),
    ("division_by_zero", "a fraction that is none", "\"1/0\""),
    ("comma_rate", "another language's decimal point", "\"1,5\""),
    ("listed_rate", "a list where a number is wanted", "[1]"),
    ("huge_exponent", "a number that nobody could hold", "\"1e99999\""),
];

fn positions(kind: Kind) -> Vec<Wrong> {
    let name = kind.name();
    let k = if kind == Kind::TopK { r#""k":1,"# } else { "" };
    let with = |rates: &str| format!(r#"{{"structure":"{name}",{k}"rates":[{rates}]}}"#);
    let mut all: Vec<Wrong> = RATES
        .into_iter()
        .map(|(slug, comment, rate)| model(slug, comment, with(&format!("1,{rate}"))))
        .collect();
    let right = with("1,2,3");
    let one = |row: Value| row;
    all.extend([
        model("no_rates", "no positions", with("")),
        model("all_absent", "every rate 0: nobody races", with("0,0")),
        model(
            "missing_rates",
            "no rates",
            format!(r#"{{"structure":"{name}"{}}}"#, if k.is_empty() { "" } else { ",\"k\":1" }),
        ),
        model(
            "rates_and_logits",
            "both are given",
            format!(r#"{{"structure":"{name}",{k}"rates":[1],"logits":[0]}}"#),
        ),
        model(
            "unknown_field",
            "a field that there is not",
            format!(r#"{{"structure":"{name}",{k}"rates":[1,2],"root":0}}"#),
        ),
        model(
            "twice",
            "the same field twice",
            format!(r#"{{"structure":"{name}",{k}"rates":[1,2],"rates":[1,2]}}"#),
        ),
        weights("too_few_weights", "an exponential too few", &right, &one(json!([1.0, 2.0]))),
        weights("too_many_weights", "an exponential too many", &right, &one(json!([1.0, 2.0, 3.0, 4.0]))),
        weights(
            "no_weight",
            "no exponential at an entry that is there",
            &right,
            &one(json!([1.0, null, 3.0])),
        ),
    ]);
    let traces: &[(&str, &str, &str)] = match kind {
        Kind::BinaryTree => &[
            ("two_roots", "two positions without a parent", "[null,null,1]"),
            ("no_root", "a circle of parents", "[1,2,0]"),
            ("crossed", "a child on the wrong side of its ancestors", "[1,null,0]"),
            ("short_trace", "a position too few", "[null,0]"),
            ("foreign", "a parent that there is not", "[null,0,7]"),
        ],
        Kind::TopK => &[
            ("foreign", "a position that there is not", "[7]"),
            ("short_trace", "no race", "[]"),
            ("long_trace", "a race too many", "[0,1]"),
            ("other_form", "no list", "0"),
        ],
        Kind::Permutation => &[
            ("twice_drawn", "a position drawn twice", "[0,1,0]"),
            ("foreign", "a position that there is not", "[0,1,7]"),
            ("short_trace", "a position too few", "[0,1]"),
            ("long_trace", "a position too many", "[0,1,2,0]"),
            ("other_form", "no list", "0"),
        ],
        _ => &[
            ("foreign", "a position that there is not", "7"),
            ("negative_position", "a position from the end", "-1"),
            ("other_form", "a list", "[0]"),
        ],
    };
    all.extend(traces.iter().map(|(slug, comment, text)| trace(slug, comment, &right, text)));
    if kind == Kind::TopK {
        all.push(model("k_of_0", "nothing to draw", r#"{"structure":"top_k","k":0,"rates":[1,2]}"#));
        all.push(model(
            "k_too_large",
            "more than there are",
            r#"{"structure":"top_k","k":3,"rates":[1,2,0]}"#,
        ));
        all.push(model("no_k", "nobody says how many", r#"{"structure":"top_k","rates":[1,2]}"#));
    }
    all
}

fn graphs(kind: Kind) -> Vec<Wrong> {
    let name = kind.name();
    let root = if kind == Kind::Arborescence { r#""root":0,"# } else { "" };
    let with = |vertices: &str, edges: &str| {
        format!(r#"{{"structure":"{name}","vertices":{vertices},{root}"edges":[{edges}]}}"#)
    };
    let mut all: Vec<Wrong> = RATES
        .into_iter()
        .map(|(slug, comment, rate)| model(slug, comment, with("3", &format!("[0,1,1],[1,2,{rate}]"))))
        .collect();
    let right = with("3", "[0,1,1],[0,2,2],[1,2,3]");
    all.extend([
        model("disconnected", "a vertex that nothing reaches", with("3", "[0,1,1]")),
        model("absent_bridge", "a vertex that only an edge of rate 0 reaches", with("3", "[0,1,1],[1,2,0]")),
        model("loop", "an edge from a vertex to itself", with("2", "[0,1,1],[1,1,2]")),
        model("duplicate", "an edge twice", with("2", "[0,1,1],[0,1,2]")),
        model("vertex_out_of_range", "vertices counted from 1", with("2", "[1,2,1]")),
        model("no_vertices", "no graph", with("0", "")),
        model("pair_without_rate", "an edge without a rate", with("2", "[0,1]")),
        weights("too_few_weights", "an exponential too few", &right, &json!([1.0, 2.0])),
        weights("no_weight", "no exponential at an entry that is there", &right, &json!([1.0, 2.0, null])),
    ]);
    if kind == Kind::Arborescence {
        let rooted = |root: &str| {
            format!(r#"{{"structure":"arborescence","vertices":2,"root":{root},"edges":[[0,1,1]]}}"#)
        };
        all.extend([
            model("wrong_direction", "arcs that lead to the root only", with("2", "[1,0,1]")),
            model("root_out_of_range", "a root that there is not", rooted("2")),
            model("other_root", "a root that cannot reach the other vertex", rooted("1")),
            model("no_root", "nobody says which vertex", r#"{"structure":"arborescence","vertices":2,"edges":[[0,1,1]]}"#),
            trace("short_trace", "a vertex that nobody enters", &right, r#"[{"component":[1],"arc":[0,1]}]"#),
            trace("foreign", "an arc that there is not", &right, r#"[{"component":[1],"arc":[2,1]},{"component":[2],"arc":[0,2]}]"#),
            trace("wrong_component", "an arc that does not enter the component", &right, r#"[{"component":[1],"arc":[0,2]},{"component":[2],"arc":[1,2]}]"#),
            trace("never_formed", "a cycle that no arcs close", &right, r#"[{"component":[1],"arc":[0,1]},{"component":[2],"arc":[0,2]},{"component":[1,2],"arc":[0,1]}]"#),
            trace("other_form", "arcs alone", &right, "[[0,1],[0,2]]"),
        ]);
    } else {
        all.extend([
            trace(
                "cycle",
                "an edge between vertices that are connected",
                &with("4", "[0,1,1],[0,2,2],[1,2,3],[2,3,1]"),
                "[[0,1],[0,2],[1,2]]",
            ),
            trace("twice_drawn", "an edge twice", &right, "[[0,1],[0,1]]"),
            trace("foreign", "an edge that there is not", &right, "[[0,1],[1,3]]"),
            trace("short_trace", "an edge too few", &right, "[[0,1]]"),
            trace("long_trace", "an edge too many", &right, "[[0,1],[0,2],[1,2]]"),
            trace("other_form", "numbers of edges", &right, "[0,1]"),
        ]);
    }
    all
}

fn matchings() -> Vec<Wrong> {
    let with = |rows: &str| format!(r#"{{"structure":"matching","rates":[{rows}]}}"#);
    let mut all: Vec<Wrong> = RATES
        .into_iter()
        .map(|(slug, comment, rate)| model(slug, comment, with(&format!("[1,2],[3,{rate}]"))))
        .collect();
    let right = with("[1,2],[3,4]");
    all.extend([
        model("not_square", "a row too few", with("[1,2]")),
        model("ragged_rows", "a row that is shorter", with("[1,2],[3]")),
        model("empty_row", "a row that can be matched with nobody", with("[1,2],[0,0]")),
        model("stuck", "what is taken first can leave a row with nobody", with("[1,2],[0,3]")),
        model("no_rows", "no matrix", with("")),
        model("flat", "a list of numbers", with("1,2")),
        weights("too_few_weights", "an exponential too few", &right, &json!([1.0, 2.0, 3.0])),
        weights(
            "no_weight",
            "no exponential at an entry that is there",
            &right,
            &json!([1.0, null, 3.0, 4.0]),
        ),
        trace("same_column", "a column twice", &right, "[[0,1],[1,1]]"),
        trace("same_row", "a row twice", &right, "[[0,1],[0,0]]"),
        trace("foreign", "a cell that there is not", &right, "[[0,1],[1,2]]"),
        trace("short_trace", "a row too few", &right, "[[0,1]]"),
        trace("long_trace", "a race too many", &right, "[[0,1],[1,0],[0,0]]"),
        trace("other_form", "columns alone", &right, "[1,0]"),
    ]);
    all
}
