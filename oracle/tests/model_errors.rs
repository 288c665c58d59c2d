//! Every way in which a model, a trace, weights or a size can be wrong: the variant with its fields, and the place.
//!
//! In the broken models below, `¦` marks the place that the error must name; it is taken out before the text is read.
//! A text without a mark is wrong as a whole (line 0, column 0).

use std::collections::{BTreeMap, BTreeSet};
use std::panic::catch_unwind;

use gumbel_oracle::binary_tree::BinaryTree;
use gumbel_oracle::builtin::Builtin as _;
use gumbel_oracle::limit::{Limit, Remedy, TooLarge};
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::{Kind, Model, ModelError, Place, Problem, TraceProblem};
use gumbel_oracle::number::{Exact, ratio};
use gumbel_oracle::permutation::Permutation;
use gumbel_oracle::race::{Race, Trace, TraceError};
use gumbel_oracle::rate::{MAX_LENGTH, RateError};
use gumbel_oracle::recursion::{self, Recursion, ReplayError, WeightError};
use gumbel_oracle::spanning_tree::SpanningTree;
use gumbel_oracle::structure::{EntrySet, Order, Parents, Structure};
use gumbel_oracle::top_k::TopK;
use num_bigint::BigUint;
use num_rational::BigRational;
use petgraph::graph::{DiGraph, NodeIndex, UnGraph};
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

/// A broken model with the place marked, the item that the error must name, and the problem.
type Case = (String, &'static str, Problem);

fn case(text: impl Into<String>, item: &'static str, problem: Problem) -> Case {
    (text.into(), item, problem)
}

fn form(found: &str, want: &'static str) -> Problem {
    Problem::Form { found: found.to_owned(), want }
}

fn refused(text: &str) -> ModelError {
    Model::parse(text).expect_err(text)
}

/// Checks place, item and problem of every case.
fn check(cases: Vec<Case>) {
    for (marked, item, problem) in cases {
        let text = marked.replacen('¦', "", 1);
        let place = match marked.split_once('¦') {
            None => Place::default(),
            Some((before, _)) => Place {
                line: before.matches('\n').count() + 1,
                column: before.rsplit('\n').next().unwrap_or("").chars().count() + 1,
                item: item.to_owned(),
            },
        };
        assert_eq!(Model::parse(&text).map(|_| ()), Err(ModelError { place, problem }), "{marked}");
    }
}

const A_RATE: &str = "a rate: a number, or a string such as \"2/3\" or \"1e-30\"";
const A_LOGIT: &str = "a logit: a number";
const A_LIST: &str = "a list with one number per position";
const A_MATRIX: &str = "a matrix, a list of rows";
const A_ROW: &str = "a row of the matrix, a list of numbers";
const A_VERTEX: &str = "a vertex, an integer from 0";
const VERTICES: &str = "the number of vertices, a positive integer";
const AN_EDGE: &str = "an edge [u, v, rate]";
const AN_EDGE_WITHOUT_RATE: &str = "an edge [u, v], its logit is in \"logits\"";
const EDGES: &str = "a list of edges such as [[0,1,\"2/3\"], [1,2,5]]";
const K: &str = "the number of positions to draw, a positive integer";

fn fields() -> Vec<Case> {
    let missing = |structure, field| Problem::MissingField { structure, field };
    let unknown = |field: &str, structure, known: &str| Problem::UnknownField {
        field: field.to_owned(),
        structure,
        known: known.to_owned(),
    };
    let twice = |field: &str| Problem::DuplicateField(field.to_owned());
    vec![
        case(r#"{"rates": [1, 2]}"#, "", Problem::MissingStructure),
        case("{}", "", Problem::MissingStructure),
        case(
            r#"{"structure": ¦"tree", "rates": [1]}"#,
            "structure",
            Problem::UnknownStructure("tree".to_owned()),
        ),
        case(r#"{"structure": ¦"Top_K"}"#, "structure", Problem::UnknownStructure("Top_K".to_owned())),
        case(r#"{"structure": ¦7}"#, "structure", form("7", "a string such as \"spanning_tree\"")),
        case(r#"{"structure": ¦null}"#, "structure", form("null", "a string such as \"spanning_tree\"")),
        case(
            r#"{"structure": "matching", "rates": [[1]], "vertices": ¦1}"#,
            "vertices",
            unknown("vertices", "matching", "structure, rates, logits"),
        ),
        case(
            "{\"structure\": \"top_k\", \"k\": 1,\n \"größe\": \"é\", \"rates\": [1]}"
                .replace("\"é\"", "¦\"é\""),
            "größe",
            unknown("größe", "top_k", "structure, k, rates, logits"),
        ),
        case(
            r#"{"structure": "spanning_tree", "vertices": 1, "edges": [], "root": ¦0}"#,
            "root",
            unknown("root", "spanning_tree", "structure, vertices, edges, rates, logits"),
        ),
        case(
            r#"{"structure": "arborescence", "k": ¦0}"#,
            "k",
            unknown("k", "arborescence", "structure, vertices, root, edges, rates, logits"),
        ),
        case(r#"{"structure": "categorical", "rates": [1], "rates": ¦[2]}"#, "rates", twice("rates")),
        case(r#"{"structure": "matching", "structure": ¦"matching"}"#, "structure", twice("structure")),
        // the same key in another spelling
        case(r#"{"structure": "categorical", "rates": [1], "r\u0061tes": ¦[2]}"#, "rates", twice("rates")),
        case(
            r#"{"structure": "categorical", "rates": [1], "logits": ¦[0]}"#,
            "logits",
            Problem::BothRatesAndLogits,
        ),
        case(
            r#"{"structure": "spanning_tree", "vertices": 2, "edges": [[0,1,1]], "rates": ¦[[0,1],[1,0]]}"#,
            "rates",
            Problem::BothEdgesAndMatrix("rates"),
        ),
        case(r#"{"structure": "binary_tree"}"#, "", missing("binary_tree", "\"rates\" (or \"logits\")")),
        case(r#"{"structure": "matching"}"#, "", missing("matching", "\"rates\" (or \"logits\")")),
        case(r#"{"structure": "top_k", "rates": [1]}"#, "", missing("top_k", "\"k\"")),
        case(
            r#"{"structure": "arborescence", "vertices": 1, "edges": []}"#,
            "",
            missing("arborescence", "\"root\""),
        ),
        case(
            r#"{"structure": "spanning_tree", "edges": [[0,1,1]]}"#,
            "",
            missing("spanning_tree", "\"vertices\""),
        ),
        case(
            r#"{"structure": "spanning_tree", "vertices": 2}"#,
            "",
            missing("spanning_tree", "\"edges\" (or a matrix \"rates\" or \"logits\")"),
        ),
    ]
}

#[test]
fn a_wrong_missing_or_repeated_field_is_named() {
    check(fields());
}

fn numbers() -> Vec<Case> {
    use RateError as E;
    let text = |text: &str| text.to_owned();
    let mut cases = Vec::new();
    // As JSON numbers and as strings, in a list, an edge and a matrix.
    for (number, error) in [
        ("-1", E::Negative(text("-1"))),
        ("-0", E::MinusZero(text("-0"))),
        ("-0.0", E::MinusZero(text("-0.0"))),
        ("-0e5", E::MinusZero(text("-0e5"))),
        ("1e5001", E::Exponent(text("1e5001"))),
        ("1e-5001", E::Exponent(text("1e-5001"))),
        ("1e999999999999999999999999", E::Exponent(text("1e999999999999999999999999"))),
    ] {
        for number in [text(number), format!("\"{number}\"")] {
            for (model, item) in [
                (format!(r#"{{"structure": "binary_tree", "rates": [1, ¦{number}]}}"#), "rates[1]"),
                (format!(r#"{{"structure": "matching", "rates": [[1, 1], [¦{number}, 1]]}}"#), "rates[1][0]"),
                (
                    format!(
                        r#"{{"structure": "spanning_tree", "vertices": 2, "edges": [[0, 1, ¦{number}]]}}"#
                    ),
                    "edges[0]",
                ),
            ] {
                cases.push(case(model, item, Problem::Rate(error.clone())));
            }
        }
    }
    for (string, error) in [
        ("", E::NotANumber(text(""))),
        ("one", E::NotANumber(text("one"))),
        ("1/2/3", E::NotANumber(text("1/2/3"))),
        ("1,5", E::NotANumber(text("1,5"))),
        (" 1", E::NotANumber(text(" 1"))),
        ("٣", E::NotANumber(text("٣"))),
        ("NaN", E::Nan(text("NaN"))),
        ("-nan", E::Nan(text("-nan"))),
        ("Infinity", E::Infinite(text("Infinity"))),
        ("-inf", E::Infinite(text("-inf"))),
        ("-2/3", E::Negative(text("-2/3"))),
        ("-0/3", E::MinusZero(text("-0/3"))),
        ("3/0", E::DividesByZero(text("3/0"))),
        ("-3/0", E::DividesByZero(text("-3/0"))),
        ("-1e5001", E::Exponent(text("-1e5001"))),
    ] {
        let model = format!("{{\"structure\": \"permutation\",\n  \"rates\": [1, ¦\"{string}\"]}}");
        cases.push(case(model, "rates[1]", Problem::Rate(error)));
    }
    let long = "1".repeat(MAX_LENGTH + 1);
    let model = format!(r#"{{"structure": "categorical", "rates": [¦{long}]}}"#);
    cases.push(case(model, "rates[0]", Problem::Rate(E::TooLong(MAX_LENGTH + 1))));
    for (logit, error) in [
        ("800", E::Logit { logit: 800.0, rate: 0.0 }),
        ("-710", E::Logit { logit: -710.0, rate: f64::INFINITY }),
        ("1e999", E::Infinite(text("1e999"))),
        ("\"nan\"", E::Nan(text("nan"))),
        ("\"1/2\"", E::NotALogit(text("1/2"))),
        ("\"+1\"", E::NotALogit(text("+1"))),
        ("\".5\"", E::NotALogit(text(".5"))),
    ] {
        for (model, item) in [
            (format!(r#"{{"structure": "binary_tree", "logits": [0, ¦{logit}]}}"#), "logits[1]"),
            (format!(r#"{{"structure": "matching", "logits": [[¦{logit}]]}}"#), "logits[0][0]"),
            (
                format!(
                    r#"{{"structure": "arborescence", "root": 0, "vertices": 2, "edges": [[0, 1]], "logits": [¦{logit}]}}"#
                ),
                "logits[0]",
            ),
        ] {
            cases.push(case(model, item, Problem::Rate(error.clone())));
        }
    }
    // No number at all.
    for (found, want) in [("true", A_RATE), ("null", A_RATE), ("[1]", A_RATE), ("{}", A_RATE)] {
        let model = format!(r#"{{"structure": "top_k", "k": 1, "rates": [1, ¦{found}]}}"#);
        cases.push(case(model, "rates[1]", form(found, want)));
        let model = format!(r#"{{"structure": "top_k", "k": 1, "logits": [1, ¦{found}]}}"#);
        cases.push(case(model, "logits[1]", form(found, A_LOGIT)));
    }
    cases.push(case(
        r#"{"structure": "spanning_tree", "vertices": 2, "edges": [[0, 1, ¦null]]}"#,
        "edges[0]",
        form("null", A_RATE),
    ));
    cases
}

#[test]
fn what_is_no_rate_and_no_logit_is_refused_where_it_stands() {
    check(numbers());
}

fn zeros() -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in [Kind::BinaryTree, Kind::Permutation] {
        let model = format!(r#"{{"structure": "{}", "rates": [1, 2, ¦"0/7"]}}"#, kind.name());
        cases.push(case(model, "rates[2]", Problem::ZeroRate { kind }));
    }
    cases.push(case(r#"{"structure": "categorical", "rates": ¦[0, 0.0]}"#, "rates", Problem::AllAbsent));
    for name in ["binary_tree", "permutation", "categorical", "matching", "spanning_tree"] {
        let model = format!(r#"{{"structure": "{name}", "rates": ¦[]}}"#);
        cases.push(case(model, "rates", Problem::Empty));
        let model = format!(r#"{{"structure": "{name}", "logits": ¦[]}}"#);
        cases.push(case(model, "logits", Problem::Empty));
    }
    cases.push(case(r#"{"structure": "top_k", "k": 1, "rates": ¦[]}"#, "rates", Problem::Empty));
    cases.push(case(
        r#"{"structure": "spanning_tree", "vertices": ¦0, "edges": []}"#,
        "vertices",
        Problem::Empty,
    ));
    cases
}

#[test]
fn nothing_to_race_is_refused() {
    check(zeros());
}

fn shapes() -> Vec<Case> {
    let not_square = |rows, row, columns| Problem::NotSquare { rows, row, columns };
    let mut cases = Vec::new();
    for kind in ["matching", "spanning_tree"] {
        for (matrix, item, problem) in [
            ("[¦[1, 2]]", "rates[0]", not_square(1, 0, 2)),
            ("[[0, 2], ¦[1]]", "rates[1]", not_square(2, 1, 1)),
            ("[[0, 2], ¦[]]", "rates[1]", not_square(2, 1, 0)),
            ("[[0, 1, 2], [1, 0, 2], ¦[1, 2, 3, 4]]", "rates[2]", not_square(3, 2, 4)),
            ("¦5", "rates", form("5", A_MATRIX)),
            ("¦\"1\"", "rates", form("\"1\"", A_MATRIX)),
            ("¦null", "rates", form("null", A_MATRIX)),
            ("¦{\"0\": [1]}", "rates", form("{\"0\": [1]}", A_MATRIX)),
            ("[¦1, 2]", "rates[0]", form("1", A_ROW)),
            ("[¦null]", "rates[0]", form("null", A_ROW)),
            ("[[¦[1]]]", "rates[0][0]", form("[1]", A_RATE)),
        ] {
            let model = format!(r#"{{"structure": "{kind}", "rates": {matrix}}}"#);
            cases.push(case(model, item, problem));
        }
    }
    for (list, item, problem) in [
        ("¦1", "rates", form("1", A_LIST)),
        ("¦{}", "rates", form("{}", A_LIST)),
        ("[¦[1, 2]]", "rates[0]", form("[1, 2]", A_RATE)),
    ] {
        let model = format!(r#"{{"structure": "permutation", "rates": {list}}}"#);
        cases.push(case(model, item, problem));
    }
    for (edges, item, problem) in [
        ("¦{}", "edges", form("{}", EDGES)),
        ("¦3", "edges", form("3", EDGES)),
        ("[[0, 1, 1], ¦[1, 2]]", "edges[1]", form("[1, 2]", AN_EDGE)),
        ("[¦[0, 1, 1, 1]]", "edges[0]", form("[0, 1, 1, 1]", AN_EDGE)),
        ("[¦[]]", "edges[0]", form("[]", AN_EDGE)),
        ("[¦0, 1, 1]", "edges[0]", form("0", AN_EDGE)),
        ("[[0, ¦-1, 1]]", "edges[0]", form("-1", A_VERTEX)),
        ("[[¦0.0, 1, 1]]", "edges[0]", form("0.0", A_VERTEX)),
        ("[[0, ¦\"1\", 1]]", "edges[0]", form("\"1\"", A_VERTEX)),
        ("[[0, ¦1e0, 1]]", "edges[0]", form("1e0", A_VERTEX)),
        ("[[0, ¦99999999999999999999, 1]]", "edges[0]", form("99999999999999999999", A_VERTEX)),
    ] {
        let model = format!(r#"{{"structure": "spanning_tree", "vertices": 3, "edges": {edges}}}"#);
        cases.push(case(model, item, problem));
    }
    for (given, item, problem) in [
        (r#""edges": [¦[0, 1, 1]], "logits": [0]"#, "edges[0]", form("[0, 1, 1]", AN_EDGE_WITHOUT_RATE)),
        (r#""edges": [[0, 1]], "logits": ¦[0, 0]"#, "logits", Problem::LogitCount { logits: 2, edges: 1 }),
        (r#""edges": [[0, 1]], "logits": ¦[]"#, "logits", Problem::LogitCount { logits: 0, edges: 1 }),
        (r#""edges": [[0, 1]], "logits": [¦null]"#, "logits[0]", form("null", A_LOGIT)),
        (r#""edges": [[0, 1]], "logits": ¦0"#, "logits", form("0", "a list with one logit per edge")),
    ] {
        let model = format!(r#"{{"structure": "spanning_tree", "vertices": 2, {given}}}"#);
        cases.push(case(model, item, problem));
    }
    for (count, found) in [("¦-1", "-1"), ("¦2.0", "2.0"), ("¦\"2\"", "\"2\""), ("¦null", "null")] {
        let model = format!(r#"{{"structure": "spanning_tree", "vertices": {count}, "edges": [[0, 1, 1]]}}"#);
        cases.push(case(model, "vertices", form(found, VERTICES)));
        let model = format!(
            r#"{{"structure": "arborescence", "vertices": 2, "root": {count}, "edges": [[0, 1, 1]]}}"#
        );
        cases.push(case(model, "root", form(found, A_VERTEX)));
    }
    // What is found is shortened.
    let (long, short) = (format!("[{}]", "1,".repeat(100)), format!("[{}…", "1,".repeat(19) + "1"));
    let model = format!(r#"{{"structure": ¦{}}}"#, long.replace(",]", "]"));
    cases.push(case(model, "structure", form(&short, "a string such as \"spanning_tree\"")));
    cases
}

#[test]
fn a_wrong_shape_is_told_by_what_stands_there_and_what_should() {
    check(shapes());
}

fn graphs() -> Vec<Case> {
    let mut cases = Vec::new();
    for (edges, item, problem) in [
        ("[[0, 1, 1], ¦[1, 1, 1], [1, 2, 1]]", "edges[1]", Problem::Loop { vertex: 1 }),
        ("[[0, 1, 1], [1, 2, 1], ¦[0, 1, 2]]", "edges[2]", Problem::Duplicate { u: 0, v: 1, first: 0 }),
        ("[[0, 1, 1], [1, 2, 1], ¦[2, 1, 2]]", "edges[2]", Problem::Duplicate { u: 1, v: 2, first: 1 }),
        // absent edges count too
        ("[[0, 1, 1], [1, 2, 1], ¦[2, 1, 0]]", "edges[2]", Problem::Duplicate { u: 1, v: 2, first: 1 }),
        ("[[0, 1, 1], ¦[1, 3, 1]]", "edges[1]", Problem::Vertex { vertex: 3, vertices: 3 }),
        (
            "[[0, 1, 1], ¦[1000000000000000000, 1, 1]]",
            "edges[1]",
            Problem::Vertex { vertex: 1_000_000_000_000_000_000, vertices: 3 },
        ),
        ("¦[[0, 1, 1]]", "edges", Problem::Disconnected { vertex: 2 }),
        ("¦[[0, 1, 1], [1, 2, 0]]", "edges", Problem::Disconnected { vertex: 2 }),
        ("¦[[1, 2, 1]]", "edges", Problem::Disconnected { vertex: 1 }),
        ("¦[]", "edges", Problem::Disconnected { vertex: 1 }),
    ] {
        let model = format!(r#"{{"structure": "spanning_tree", "vertices": 3, "edges": {edges}}}"#);
        cases.push(case(model, item, problem));
    }
    let out_of_range = Problem::Root { root: 3, vertices: 3 };
    for (root, edges, item, problem) in [
        ("¦3", "[[0, 1, 1]]", "root", out_of_range.clone()),
        ("1", "¦[[0, 1, 1], [0, 2, 1]]", "edges", Problem::Unreachable { root: 1, vertex: 0 }),
        ("0", "¦[[0, 1, 1], [2, 1, 1]]", "edges", Problem::Unreachable { root: 0, vertex: 2 }),
        ("0", "¦[[0, 1, 0], [2, 1, 1], [1, 2, 1]]", "edges", Problem::Unreachable { root: 0, vertex: 1 }),
        ("0", "¦[[2, 1, 1], [1, 2, 1]]", "edges", Problem::Unreachable { root: 0, vertex: 1 }),
        (
            "0",
            "[[0, 1, 1], [1, 2, 1], [2, 1, 1], ¦[1, 2, 5]]",
            "edges[3]",
            Problem::Duplicate { u: 1, v: 2, first: 1 },
        ),
        // arcs into the root are left out, but read and checked
        ("0", "[[0, 1, 1], [1, 2, 1], ¦[0, 0, 1]]", "edges[2]", Problem::Loop { vertex: 0 }),
        (
            "0",
            "[[0, 1, 1], [1, 0, 1], [1, 2, 1], ¦[1, 0, 1]]",
            "edges[3]",
            Problem::Duplicate { u: 1, v: 0, first: 1 },
        ),
        ("0", "[[0, 1, 1], [1, 2, 1], ¦[3, 0, 1]]", "edges[2]", Problem::Vertex { vertex: 3, vertices: 3 }),
        (
            "0",
            "[[0, 1, 1], [1, 2, 1], [2, 0, ¦-1]]",
            "edges[2]",
            Problem::Rate(RateError::Negative("-1".to_owned())),
        ),
    ] {
        let model =
            format!(r#"{{"structure": "arborescence", "vertices": 3, "root": {root}, "edges": {edges}}}"#);
        cases.push(case(model, item, problem));
    }
    let no_entry =
        |row, column, why, found: &str| Problem::NoEntry { row, column, why, found: found.to_owned() };
    let (diagonal, below) = ("on the diagonal", "below the diagonal and differs from the one above it");
    for (model, item, problem) in [
        (
            r#"{"structure": "spanning_tree", "rates": [[0, 1], [1, ¦3]]}"#,
            "rates[1][1]",
            no_entry(1, 1, diagonal, "3"),
        ),
        (
            r#"{"structure": "arborescence", "root": 0, "logits": [[¦"0.5", 1], [1, 0]]}"#,
            "logits[0][0]",
            no_entry(0, 0, diagonal, "\"0.5\""),
        ),
        (
            r#"{"structure": "spanning_tree", "rates": [[0, 1], [¦2, 0]]}"#,
            "rates[1][0]",
            no_entry(1, 0, below, "2"),
        ),
        (
            r#"{"structure": "spanning_tree", "rates": [[0, null], [¦2, 0]]}"#,
            "rates[1][0]",
            no_entry(1, 0, below, "2"),
        ),
        (
            r#"{"structure": "spanning_tree", "vertices": ¦3, "rates": [[0, 1], [1, 0]]}"#,
            "vertices",
            Problem::VertexCount { vertices: 3, rows: 2 },
        ),
        (
            r#"{"structure": "spanning_tree", "rates": ¦[[0, 1, 0], [1, 0, 0], [0, 0, 0]]}"#,
            "rates",
            Problem::Disconnected { vertex: 2 },
        ),
        (
            r#"{"structure": "arborescence", "root": 1, "rates": ¦[[0, 1], [0, 0]]}"#,
            "rates",
            Problem::Unreachable { root: 1, vertex: 0 },
        ),
        (
            r#"{"structure": "arborescence", "root": ¦2, "rates": [[0, 1], [0, 0]]}"#,
            "root",
            Problem::Root { root: 2, vertices: 2 },
        ),
    ] {
        cases.push(case(model, item, problem));
    }
    cases
}

#[test]
fn a_graph_in_which_the_algorithm_could_not_run_is_refused() {
    check(graphs());
}

/// A cell below the diagonal may repeat the one above it, in any spelling.
#[test]
fn a_symmetric_matrix_is_a_graph() {
    let model =
        Model::parse(r#"{"structure": "spanning_tree", "rates": [[0, "1/2"], [0.5, null]]}"#).unwrap();
    assert_eq!(model.rates(), [ratio(1, 2)]);
}

fn sizes_of_k() -> Vec<Case> {
    let k = |k: &str, n, positive| Problem::K { k: k.to_owned(), n, positive };
    let mut cases = Vec::new();
    for (given, rates, problem) in [
        ("¦0", "[1, 2, 3]", k("0", 3, 3)),
        ("¦4", "[1, 2, 3]", k("4", 3, 3)),
        ("¦3", "[1, 0, 3]", k("3", 3, 2)),
        ("¦1", "[0, 0]", k("1", 2, 0)),
        ("¦1000000000000000", "[1, 2]", k("1000000000000000", 2, 2)),
        ("¦1.5", "[1, 2]", form("1.5", K)),
        ("¦1.0", "[1, 2]", form("1.0", K)),
        ("¦-1", "[1, 2]", form("-1", K)),
        ("¦\"1\"", "[1, 2]", form("\"1\"", K)),
        ("¦null", "[1, 2]", form("null", K)),
        ("¦[1]", "[1, 2]", form("[1]", K)),
    ] {
        let model = format!(r#"{{"structure": "top_k", "k": {given}, "rates": {rates}}}"#);
        cases.push(case(model, "k", problem));
    }
    cases
}

#[test]
fn k_lies_between_1_and_the_number_of_positive_rates() {
    check(sizes_of_k());
}

fn matchings() -> Vec<Case> {
    let stuck = |row, other, shared, missing| Problem::Stuck { row, other, shared, missing };
    vec![
        case(r#"{"structure": "matching", "rates": [[1, 1], [1, ¦0]]}"#, "rates[1][1]", stuck(0, 1, 0, 1)),
        case(
            r#"{"structure": "matching", "logits": [[0, ¦null], [0, 0]]}"#,
            "logits[0][1]",
            stuck(1, 0, 0, 1),
        ),
        // three rows around a hexagon: each perfect matching can be missed
        case(
            r#"{"structure": "matching", "rates": [[1, 1, 0], [0, 1, 1], [1, 0, 1]]}"#.replacen(
                "[0, 1, 1]",
                "[¦0, 1, 1]",
                1,
            ),
            "rates[1][0]",
            stuck(0, 1, 1, 0),
        ),
        case(
            r#"{"structure": "matching", "rates": [[¦0, 0], [1, 1]]}"#,
            "rates[0]",
            Problem::EmptyRow { row: 0 },
        ),
        case(
            r#"{"structure": "matching", "rates": [[¦1, 1, 0], [0, 0, 1], [0, 0, 1]]}"#,
            "rates[0]",
            Problem::Unbalanced { row: 0, rows: 1, columns: 2 },
        ),
        case(
            r#"{"structure": "matching", "rates": [[¦1, 0], [1, 0]]}"#,
            "rates[0]",
            Problem::Unbalanced { row: 0, rows: 2, columns: 1 },
        ),
    ]
}

#[test]
fn a_matching_that_can_get_stuck_is_refused_with_the_cell_that_is_missing() {
    check(matchings());
}

fn syntax(text: &str) -> (usize, usize, String) {
    match refused(text) {
        ModelError { place, problem: Problem::Syntax(message) } => {
            assert_eq!(place.item, "");
            (place.line, place.column, message)
        }
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn what_is_not_json_is_refused_with_line_and_column() {
    let told = |line, column, message: &str| (line, column, message.to_owned());
    assert_eq!(syntax(""), told(1, 0, "EOF while parsing a value"));
    assert_eq!(syntax("hello"), told(1, 1, "expected value"));
    let truncated = "{\"structure\": \"binary_tree\",\n \"rates\": [1, 2";
    assert_eq!(syntax(truncated), told(2, 15, "EOF while parsing a list"));
    assert_eq!(syntax("{\"structure\": \"binary_tr"), told(1, 24, "EOF while parsing a string"));
    let trailing = "{\"structure\": \"categorical\", \"rates\": [1]}\n x";
    assert_eq!(syntax(trailing), told(2, 2, "trailing characters"));
    assert_eq!(syntax("{\"structure\": \"categorical\", \"rates\": [1,]}").2, "expected value");
    assert_eq!(syntax("{\"structure\": \"categorical\", \"rates\": [NaN]}").2, "expected value");
    assert_eq!(syntax("{\"structure\": \"categorical\", \"rates\": [01]}").2, "invalid number");
    assert_eq!(syntax("{'structure': 1}").2, "key must be a string");
    for (text, found) in
        [("[1, 2]", "sequence"), ("7", "integer `7`"), ("null", "null"), ("\"x\"", "string \"x\"")]
    {
        let (_, _, message) = syntax(text);
        let want = "expected an object such as {\"structure\": \"binary_tree\", \"rates\": [1, 2, 3]}";
        assert_eq!(message, format!("invalid type: {found}, {want}"));
    }
}

/// A string is only decoded where it is used: then it must be one.
#[test]
fn half_a_surrogate_pair_in_a_rate_is_refused_where_it_stands() {
    let error = refused(r#"{"structure": "categorical", "rates": [1, "\ud800"]}"#);
    let place = Place { line: 1, column: 43, item: "rates[1]".to_owned() };
    assert!(error.place == place && matches!(error.problem, Problem::Syntax(_)), "{error:?}");
}

#[test]
fn deep_nesting_is_refused_without_deep_recursion() {
    let deep = |levels| "[".repeat(levels) + &"]".repeat(levels);
    for levels in [200, 100_000] {
        let found = "[".repeat(40) + "…";
        let model = format!(r#"{{"structure": "permutation", "rates": {}}}"#, deep(levels));
        assert_eq!(refused(&model).problem, form(&found, A_RATE));
        let model = format!(r#"{{"structure": "matching", "rates": {}}}"#, deep(levels));
        assert_eq!(refused(&model).problem, form(&found, A_RATE));
        let model = format!(r#"{{"structure": {}}}"#, deep(levels));
        assert_eq!(refused(&model).problem, form(&found, "a string such as \"spanning_tree\""));
        let model = format!(r#"{{"structure": "spanning_tree", "vertices": 2, "edges": {}}}"#, deep(levels));
        assert_eq!(refused(&model).problem, form(&found, AN_EDGE));
        assert!(matches!(refused(&"[".repeat(levels)).problem, Problem::Syntax(_)));
        assert!(matches!(refused(&"{\"a\":".repeat(levels)).problem, Problem::Syntax(_)));
    }
}

/// Memory goes with what the file lists, not with the numbers in it: these would not fit.
#[test]
fn huge_numbers_of_vertices_fail_at_once() {
    let huge = 1_000_000_000_000_000_usize;
    for vertices in [huge, usize::MAX] {
        let tree =
            format!(r#"{{"structure": "spanning_tree", "vertices": {vertices}, "edges": [[0, 1, 1]]}}"#);
        assert_eq!(refused(&tree).problem, Problem::Disconnected { vertex: 2 });
        let root = vertices - 1;
        let arborescence = |edges: &str| {
            format!(
                r#"{{"structure": "arborescence", "vertices": {vertices}, "root": {root}, "edges": {edges}}}"#
            )
        };
        assert_eq!(refused(&arborescence("[]")).problem, Problem::Unreachable { root, vertex: 0 });
        let last = format!("[[{root}, 0, 1]]");
        assert_eq!(refused(&arborescence(&last)).problem, Problem::Unreachable { root, vertex: 1 });
    }
    let too_large = format!(r#"{{"structure": "spanning_tree", "vertices": {}0, "edges": []}}"#, usize::MAX);
    assert_eq!(refused(&too_large).problem, form(&format!("{}0", usize::MAX), VERTICES));
}

/// The variants of an enum, read from its source, so that a new one cannot be forgotten here.
fn variants(file: &str, of: &str) -> BTreeSet<String> {
    let path = format!("{}/src/{file}", env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read_to_string(path).unwrap();
    let (_, body) = source.split_once(&format!("pub enum {of} {{\n")).expect("the enum is there");
    let (body, _) = body.split_once("\n}").expect("it ends");
    let names = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = names.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    names.map(variant).collect()
}

/// The name before the fields.
fn variant(debug: &str) -> String {
    debug.chars().take_while(|c| c.is_ascii_alphanumeric()).collect()
}

fn names<T: std::fmt::Debug>(values: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    values.into_iter().map(|value| variant(&format!("{value:?}"))).collect()
}

#[test]
fn every_variant_of_problem_and_of_rate_error_is_provoked() {
    let all = [fields(), numbers(), zeros(), shapes(), graphs(), sizes_of_k(), matchings()].concat();
    let mut problems: Vec<Problem> = all.into_iter().map(|(_, _, problem)| problem).collect();
    let rates =
        problems.iter().filter_map(|p| if let Problem::Rate(error) = p { Some(error.clone()) } else { None });
    assert_eq!(names(rates), variants("rate.rs", "RateError"));
    problems.push(refused("").problem);
    assert_eq!(names(problems), variants("problem.rs", "Problem"));
}

#[test]
fn the_message_says_what_where_and_what_would_be_right() {
    for (model, message) in [
        (
            "{\"structure\": \"binary_tree\",\n \"rates\": [1, -0.0]}",
            "line 2, column 15: rates[1]: -0.0 is minus zero, which as a weight would win every race: write 0 for an \
             absent entry",
        ),
        (
            r#"{"structure": "top_k", "k": 4, "rates": [1, 2, 3]}"#,
            "line 1, column 29: k: k = 4 is out of range: want 1 to 3, the number of positive rates among 3",
        ),
        (
            r#"{"structure": "spanning_tree", "vertices": 3, "edges": [[0,1,1], [1,0,2], [1,2,1]]}"#,
            "line 1, column 66: edges[1]: edge (0, 1) is given already as edge number 0: add the rates up, or leave one \
             out",
        ),
        (
            r#"{"structure": "spanning_tree", "vertices": 3, "edges": [[0,1,1], [1,2,0]]}"#,
            "line 1, column 56: edges: the graph is not connected: no path of edges with a positive rate joins vertex 0 \
             and vertex 2",
        ),
        (
            r#"{"structure": "matching", "rates": [[1, 1], [1, 0]]}"#,
            "line 1, column 49: rates[1][1]: cell (1, 1) has rate 0, but (0, 1), (0, 0) and (1, 0) have not: greedy \
             choices could leave a row and a column whose cell is absent. Zeros are possible only outside square blocks \
             of rows and columns",
        ),
        (
            r#"{"structure": "tree"}"#,
            "line 1, column 15: structure: unknown structure \"tree\": want one of spanning_tree, arborescence, matching, \
             binary_tree, top_k, permutation, categorical",
        ),
        (
            r#"{"structure": "categorical", "logits": [1000]}"#,
            "line 1, column 41: logits[0]: logit 1000 has rate exp(-1000) = 0.0 in f64: want a logit between -709 and 745",
        ),
        ("", "line 1, column 0: not JSON: EOF while parsing a value"),
    ] {
        assert_eq!(refused(model).to_string(), message);
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Models built in code.

#[test]
fn graphs_built_in_code_are_checked_like_files() {
    let tree = |edges: &[(u32, u32, i64)]| {
        let edges = edges.iter().map(|&(u, v, rate)| (u, v, ratio(rate, 1)));
        Model::spanning_tree(&UnGraph::<(), BigRational>::from_edges(edges)).map(|_| ()).map_err(problem)
    };
    assert_eq!(tree(&[(0, 1, 1), (1, 0, 1)]), Err(Problem::Duplicate { u: 0, v: 1, first: 0 }));
    assert_eq!(tree(&[(0, 1, 1), (1, 1, 1)]), Err(Problem::Loop { vertex: 1 }));
    assert_eq!(tree(&[(0, 1, -1)]), Err(Problem::Rate(RateError::Negative("-1".to_owned()))));
    assert_eq!(tree(&[(0, 1, 1), (2, 3, 1)]), Err(Problem::Disconnected { vertex: 2 }));
    assert_eq!(tree(&[]), Err(Problem::Empty));
    let arborescence = |root, arcs: &[(u32, u32, i64)]| {
        let arcs = arcs.iter().map(|&(u, v, rate)| (u, v, ratio(rate, 1)));
        let digraph = DiGraph::<(), BigRational>::from_edges(arcs);
        Model::arborescence(&digraph, NodeIndex::new(root)).map(|_| ()).map_err(problem)
    };
    assert_eq!(arborescence(0, &[(0, 1, 1), (1, 0, 1)]), Ok(()));
    assert_eq!(arborescence(2, &[(0, 1, 1)]), Err(Problem::Root { root: 2, vertices: 2 }));
    assert_eq!(arborescence(1, &[(0, 1, 1)]), Err(Problem::Unreachable { root: 1, vertex: 0 }));
    assert_eq!(arborescence(0, &[(0, 1, 1), (0, 1, 2)]), Err(Problem::Duplicate { u: 0, v: 1, first: 0 }));
}

fn problem(error: ModelError) -> Problem {
    error.problem
}

#[test]
fn lists_and_matrices_built_in_code_are_checked_like_files() {
    let list = |rates: &[i64]| rates.iter().map(|&rate| ratio(rate, 1)).collect::<Vec<_>>();
    let negative = Problem::Rate(RateError::Negative("-2".to_owned()));
    let at = |model: Result<Model, ModelError>| model.map(|_| ()).map_err(|e| (e.place.item, e.problem));
    let whole = |problem| Err((String::new(), problem));
    let item = |item: &str, problem| Err((item.to_owned(), problem));
    for build in [Model::binary_tree, Model::permutation, Model::categorical] {
        assert_eq!(at(build(list(&[]))), whole(Problem::Empty));
        assert_eq!(at(build(list(&[1, -2]))), item("rates[1]", negative.clone()));
    }
    let zero = |kind| Problem::ZeroRate { kind };
    assert_eq!(at(Model::binary_tree(list(&[1, 0]))), item("rates[1]", zero(Kind::BinaryTree)));
    assert_eq!(at(Model::permutation(list(&[0, 1]))), item("rates[0]", zero(Kind::Permutation)));
    assert_eq!(at(Model::categorical(list(&[0, 0]))), whole(Problem::AllAbsent));
    assert_eq!(
        at(Model::top_k(list(&[1, 0]), 2)),
        whole(Problem::K { k: "2".to_owned(), n: 2, positive: 1 })
    );
    assert_eq!(at(Model::matching(&[])), whole(Problem::Empty));
    assert_eq!(at(Model::matching(&[list(&[1, 1]), list(&[-2, 1])])), item("rates[1][0]", negative.clone()));
    let ragged = [list(&[1, 1]), list(&[1])];
    assert_eq!(at(Model::matching(&ragged)), whole(Problem::NotSquare { rows: 2, row: 1, columns: 1 }));
    let tree = |edges: &[(u32, u32, i64)]| {
        let edges = edges.iter().map(|&(u, v, rate)| (u, v, ratio(rate, 1)));
        at(Model::spanning_tree(&UnGraph::<(), BigRational>::from_edges(edges)))
    };
    assert_eq!(tree(&[(0, 1, 1), (1, 2, -2)]), item("edges[1]", negative.clone()));
    assert_eq!(tree(&[(0, 1, 1), (1, 1, 1)]), item("edges[1]", Problem::Loop { vertex: 1 }));
    assert_eq!(tree(&[(0, 1, 1), (2, 3, 1)]), whole(Problem::Disconnected { vertex: 2 }));
    let arcs = [(0, 1, ratio(1, 1)), (1, 2, ratio(-2, 1))];
    let digraph = DiGraph::<(), BigRational>::from_edges(arcs);
    assert_eq!(at(Model::arborescence(&digraph, NodeIndex::new(0))), item("edges[1]", negative));
    // The message says it in words.
    assert_eq!(
        Model::binary_tree(list(&[1, 0])).unwrap_err().to_string(),
        "rates[1]: rate 0: every position of a binary_tree takes its turn, so every rate must be positive"
    );
}

#[test]
fn a_structure_of_another_model_is_written_without_a_panic() {
    // Its entries that this model has not are named; a row without a cell is null.
    let model = Model::parse(r#"{"structure": "matching", "rates": [[1, 2], [3, 4]]}"#).unwrap();
    let foreign = Structure::Entries(EntrySet::from_iter([1, 9]));
    assert_eq!(model.canonical(&foreign), r#"[1,null,"no entry 9"]"#);
    let model = Model::parse(r#"{"structure": "top_k", "k": 1, "rates": [1, 2]}"#).unwrap();
    assert_eq!(model.canonical(&foreign), r#"[1,"no entry 9"]"#);
    let model = Model::parse(r#"{"structure": "categorical", "rates": [1, 2]}"#).unwrap();
    assert_eq!(model.canonical(&Structure::Entries(EntrySet::from_iter([9]))), r#""no entry 9""#);
    let trace = Trace::new(10, vec![Race::new([8, 9], 9)]).unwrap();
    for kind in Kind::ALL {
        let model = complete(kind, 3);
        let _ = model.canonical_trace(&trace);
        let _ = model.canonical(&foreign);
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Traces, weights, sizes.

fn model(text: &str) -> Model {
    Model::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

const TRIANGLE: &str =
    r#"{"structure": "spanning_tree", "vertices": 3, "edges": [[0,1,4], [0,2,2], [1,2,1]]}"#;
const DIGRAPH: &str =
    r#"{"structure": "arborescence", "vertices": 3, "root": 0, "edges": [[0,1,1],[0,2,2],[1,2,3],[2,1,4]]}"#;
const MATCHING: &str = r#"{"structure": "matching", "rates": [[1,2],[3,4]]}"#;
const BINARY_TREE: &str = r#"{"structure": "binary_tree", "rates": [1,2,3]}"#;
const TOP_K: &str = r#"{"structure": "top_k", "k": 2, "rates": [1,2,0,3]}"#;
const PERMUTATION: &str = r#"{"structure": "permutation", "rates": [1,2,3]}"#;
const CATEGORICAL: &str = r#"{"structure": "categorical", "rates": [1,0,3]}"#;

fn impossible_traces() -> Vec<(&'static str, &'static str, TraceProblem)> {
    use TraceProblem as P;
    let s = str::to_owned;
    vec![
        (TRIANGLE, "[[0,1]]", P::TooShort { races: 1, entrants: s("[[0,2],[1,2]]") }),
        (TRIANGLE, "[[0,1],[1,2],[0,2]]", P::TooLong { given: 3, held: 2 }),
        (TRIANGLE, "[[0,1],[2,3]]", P::NoSuchEntry { race: 1, entry: s("[2,3]") }),
        (
            TRIANGLE,
            "[[1,0],[0,1]]",
            P::NotAnEntrant { race: 1, winner: s("[0,1]"), entrants: s("[[0,2],[1,2]]") },
        ),
        (MATCHING, "[[0,1],[1,1]]", P::NotAnEntrant { race: 1, winner: s("[1,1]"), entrants: s("[[1,0]]") }),
        (MATCHING, "[[2,0]]", P::NoSuchEntry { race: 0, entry: s("[2,0]") }),
        (TOP_K, "[0]", P::TooShort { races: 1, entrants: s("[1,3]") }),
        (TOP_K, "[0,2]", P::NotAnEntrant { race: 1, winner: s("2"), entrants: s("[1,3]") }),
        (TOP_K, "[0,1,3]", P::TooLong { given: 3, held: 2 }),
        (PERMUTATION, "[0,1]", P::TooShort { races: 2, entrants: s("[2]") }),
        (PERMUTATION, "[0,0,1]", P::NotAnEntrant { race: 1, winner: s("0"), entrants: s("[1,2]") }),
        (CATEGORICAL, "1", P::NotAnEntrant { race: 0, winner: s("1"), entrants: s("[0,2]") }),
        (CATEGORICAL, "3", P::NoSuchEntry { race: 0, entry: s("3") }),
        (
            DIGRAPH,
            r#"[{"component":[1],"arc":[2,1]},{"component":[2],"arc":[1,2]}]"#,
            P::NoRace { component: s("[1,2]"), entrants: s("[[0,1],[0,2]]") },
        ),
        (
            DIGRAPH,
            r#"[{"component":[1],"arc":[0,1]},{"component":[2],"arc":[1,2]},{"component":[2,1],"arc":[0,2]}]"#,
            P::NeverFormed { component: s("[1,2]") },
        ),
        (
            DIGRAPH,
            r#"[{"component":[1],"arc":[0,1]},{"component":[2],"arc":[0,1]}]"#,
            P::NotAnEntrant { race: 1, winner: s("[0,1]"), entrants: s("[[0,2],[1,2]]") },
        ),
        (
            DIGRAPH,
            r#"[{"component":[1],"arc":[1,0]},{"component":[2],"arc":[0,2]}]"#,
            P::NoSuchEntry { race: 0, entry: s("[1,0]") },
        ),
        (BINARY_TREE, "[null,null,1]", P::NotATree { low: 0, high: 3, parent: s("null") }),
        (BINARY_TREE, "[1,2,1]", P::NotATree { low: 0, high: 3, parent: s("null") }),
        (BINARY_TREE, "[null,0,0]", P::NotATree { low: 1, high: 3, parent: s("0") }),
        (BINARY_TREE, "[null,0,1,2]", P::TooLong { given: 4, held: 3 }),
    ]
}

#[test]
fn an_impossible_trace_is_refused_by_the_race_at_fault() {
    for (text, trace, problem) in impossible_traces() {
        assert_eq!(model(text).parse_trace(trace), Err(problem), "{trace}");
    }
}

#[test]
fn a_trace_of_another_form_is_refused_with_an_example_of_the_right_one() {
    let mut found = Vec::new();
    for (text, traces) in [
        (TRIANGLE, &["", "[0,1]", "[[0,1,2]]", "[[0,-1]]", "{}", "[[0,1]"][..]),
        (DIGRAPH, &["[[0,1]]", r#"[{"component":[1]}]"#, r#"[{"component":[1],"arc":[0,1],"rate":1}]"#][..]),
        (MATCHING, &["[0,1]", "[[0.5,1]]"][..]),
        (BINARY_TREE, &["[null,\"0\"]", "0", "[null,-1,0]"][..]),
        (TOP_K, &["0", "[[0]]", "[null]"][..]),
        (PERMUTATION, &["[0,1,2] x", "[1e0]"][..]),
        (CATEGORICAL, &["[0]", "null", "-1"][..]),
    ] {
        let model = model(text);
        for trace in traces {
            match model.parse_trace(trace) {
                Err(problem @ TraceProblem::Form { structure, .. }) => {
                    assert_eq!(structure, model.kind().name());
                    found.push(problem);
                }
                other => panic!("{trace}: {other:?}"),
            }
        }
    }
    let first = found.remove(0).to_string();
    let want = "the trace is not of the form of a spanning_tree: want the edges in the order chosen, [[u,v],…] (EOF while \
                parsing a value at line 1 column 0)";
    assert_eq!(first, want);
    let all = impossible_traces().into_iter().map(|(_, _, problem)| problem).chain(found);
    assert_eq!(names(all), variants("problem.rs", "TraceProblem"));
}

#[test]
fn a_binary_tree_with_too_few_positions_is_too_short() {
    let problem = model(BINARY_TREE).parse_trace("[null,0]").unwrap_err();
    assert_eq!(problem, TraceProblem::TooShort { races: 2, entrants: "[2]".to_owned() });
}

#[test]
fn every_way_to_be_no_trace_has_its_error() {
    let error = |races| Trace::new(3, races).unwrap_err();
    let errors = [
        (error(vec![Race::new([0, 3], 0)]), TraceError::NoSuchEntry { race: 0, entry: 3, entries: 3 }),
        (
            error(vec![Race::new([0, 1], 0), Race::new([2, 1, 2], 1)]),
            TraceError::TwiceInRace { race: 1, entry: 2 },
        ),
        (
            error(vec![Race::new([1, 0], 2)]),
            TraceError::NotAnEntrant { race: 0, winner: 2, entrants: vec![0, 1] },
        ),
        (error(vec![Race::new([], 0)]), TraceError::NotAnEntrant { race: 0, winner: 0, entrants: vec![] }),
        (
            error(vec![Race::new([0], 0), Race::new([0, 1], 1), Race::new([0, 2], 0)]),
            TraceError::WinsTwice { entry: 0, first: 0, second: 2 },
        ),
    ];
    for (found, want) in &errors {
        assert_eq!(found, want);
    }
    assert_eq!(
        errors[0].0.to_string(),
        "race 0 names entry 3, but there are 3 entries, 0 to 2",
        "the message counts entries from 0"
    );
    assert_eq!(names(errors.map(|(_, want)| want)), variants("race.rs", "TraceError"));
}

/// The fields of a race are public, so it may come in any order.
#[test]
fn an_entrant_listed_twice_is_found_in_any_order() {
    let race = Race { entrants: vec![1, 0, 1], winner: 0 };
    assert_eq!(Trace::new(2, vec![race]), Err(TraceError::TwiceInRace { race: 0, entry: 1 }));
    let race = Race { entrants: vec![2, 0, 1], winner: 2 };
    assert_eq!(Trace::new(3, vec![race]), Trace::new(3, vec![Race::new([0, 1, 2], 2)]));
}

#[test]
fn a_trace_that_the_algorithm_cannot_hold_is_told_by_its_race() {
    let triangle = model(TRIANGLE); // two races: all three edges, then the other two
    let replay = |entries, races| triangle.replay(&Trace::new(entries, races).unwrap());
    let first = || Race::new([0, 1, 2], 0);
    assert!(replay(3, vec![first(), Race::new([1, 2], 2)]).is_ok());
    let errors = [
        (replay(4, vec![first()]).unwrap_err(), ReplayError::Entries { entries: 3, found: 4 }),
        (
            replay(3, vec![first(), Race::new([2], 2)]).unwrap_err(),
            ReplayError::Entrants { race: 1, entrants: vec![1, 2], found: vec![2] },
        ),
        (replay(3, vec![first()]).unwrap_err(), ReplayError::TooShort { races: 1, entrants: vec![1, 2] }),
        (
            replay(3, vec![first(), Race::new([1, 2], 2), Race::new([1], 1)]).unwrap_err(),
            ReplayError::TooLong { races: 2, found: 3 },
        ),
        (
            triangle.trace_of(&[0, 0]).unwrap_err(),
            ReplayError::NotAnEntrant { race: 1, winner: 0, entrants: vec![1, 2] },
        ),
    ];
    // By its winners alone.
    for outcome in triangle.traces() {
        let winners: Vec<usize> = outcome.trace.races().iter().map(|race| race.winner).collect();
        assert_eq!(triangle.trace_of(&winners), Ok(outcome.trace));
    }
    let (short, long) = (triangle.trace_of(&[0]), triangle.trace_of(&[0, 1, 2, 2]));
    assert_eq!(short, Err(ReplayError::TooShort { races: 1, entrants: vec![1, 2] }));
    assert_eq!(long, Err(ReplayError::TooLong { races: 2, found: 4 }));
    for (found, want) in &errors {
        assert_eq!(found, want);
    }
    let told = "race 1 is between [2] in the trace, but the algorithm holds one between [1, 2]";
    assert_eq!(errors[1].0.to_string(), told);
    assert_eq!(names(errors.map(|(_, want)| want)), variants("recursion.rs", "ReplayError"));
}

/// A recursion that breaks its promise: the second race has no entrants.
struct Empty;

impl Recursion for Empty {
    type State = usize;
    type Structure = ();
    fn entry_count(&self) -> usize {
        2
    }
    fn start(&self) -> usize {
        0
    }
    fn stop(&self, races: &usize) -> Option<()> {
        (*races == 2).then_some(())
    }
    fn split(&self, races: &usize) -> Vec<Vec<usize>> {
        vec![if *races == 0 { vec![0, 1] } else { vec![] }]
    }
    fn map(&self, races: &usize, _: &[usize]) -> usize {
        races + 1
    }
    fn combine(&self, _: &usize, _: &[usize], (): ()) {}
}

#[test]
fn weights_that_cannot_be_compared_are_refused_by_entry() {
    let triangle = model(TRIANGLE);
    let not_finite = |entry, weight: &str| WeightError::NotFinite { entry, weight: weight.to_owned() };
    let errors = [
        (triangle.run(&[1.0, 2.0]).unwrap_err(), WeightError::Count { entries: 3, found: 2 }),
        (triangle.run(&[1.0; 4]).unwrap_err(), WeightError::Count { entries: 3, found: 4 }),
        (triangle.run::<Exact>(&[]).unwrap_err(), WeightError::Count { entries: 3, found: 0 }),
        (triangle.run(&[1.0, f64::NAN, 2.0]).unwrap_err(), not_finite(1, "NaN")),
        (triangle.run(&[1.0, 2.0, f64::INFINITY]).unwrap_err(), not_finite(2, "inf")),
        (triangle.run(&[f64::NEG_INFINITY, 2.0, 1.0]).unwrap_err(), not_finite(0, "-inf")),
        (recursion::run(&Empty, &[1.0, 2.0]).unwrap_err(), WeightError::NoEntrants { race: 1 }),
    ];
    for (found, want) in &errors {
        assert_eq!(found, want);
    }
    assert_eq!(errors[3].0.to_string(), "entry 1 has weight NaN: want a finite number");
    assert_eq!(names(errors.map(|(_, want)| want)), variants("recursion.rs", "WeightError"));
    // an absent entry never races, so its weight is not looked at
    assert!(model(CATEGORICAL).run(&[1.0, f64::NAN, 2.0]).is_ok());
}

/// A complete graph or digraph, or a list of ones.
fn complete(kind: Kind, n: usize) -> Model {
    let ones = vec![ratio(1, 1); n];
    let pairs = (0..n as u32).flat_map(|u| (0..n as u32).map(move |v| (u, v)));
    let pairs = pairs.filter(|&(u, v)| u < v || kind == Kind::Arborescence && u != v);
    let edges = pairs.map(|(u, v)| (u, v, ratio(1, 1)));
    match kind {
        Kind::SpanningTree => Model::spanning_tree(&UnGraph::<(), BigRational>::from_edges(edges)),
        Kind::Arborescence => {
            Model::arborescence(&DiGraph::<(), BigRational>::from_edges(edges), NodeIndex::new(0))
        }
        Kind::Matching => Model::matching(&vec![ones; n]),
        Kind::BinaryTree => Model::binary_tree(ones),
        Kind::TopK => Model::top_k(ones, n / 2),
        Kind::Permutation => Model::permutation(ones),
        Kind::Categorical => Model::categorical(ones),
    }
    .unwrap()
}

#[test]
fn an_enumeration_that_would_not_fit_is_refused_with_count_and_limit() {
    let too_large = |what, count: u64, limit| Some((what, BigUint::from(count), limit));
    let limit = Limit(1000);
    for (kind, n, what, count) in [
        (Kind::SpanningTree, 10, "structures", 100_000_000),
        (Kind::SpanningTree, 6, "structures", 1296),
        (Kind::SpanningTree, 5, "forests (an upper bound)", 386), // C(10, 0) + … + C(10, 4)
        (Kind::Arborescence, 6, "structures", 1296),
        (Kind::Arborescence, 5, "cuts of arborescences (an upper bound)", 1000), // 125 · 2^3
        (Kind::Matching, 7, "structures", 5040),
        (Kind::Matching, 5, "partial matchings (an upper bound)", 1546),
        (Kind::BinaryTree, 8, "structures", 1430),
        (Kind::TopK, 12, "subsets", 2510), // C(12, 0) + … + C(12, 6)
        (Kind::Permutation, 7, "structures", 5040),
        (Kind::Categorical, 1001, "structures", 1001),
    ] {
        let model = complete(kind, n);
        let limit = limit.0.min(count - 1);
        let (name, limit) = (kind.name(), Limit(limit));
        assert_eq!(model.law(limit).err().map(told), too_large(what, count, limit.0), "{name} {n}");
        // one more is enough, unless a later count is larger
        let raised = model.law(Limit(count)).err();
        assert!(raised.is_none_or(|error| error.what != what), "{name} {n}");
    }
    let message = complete(Kind::BinaryTree, 20).law(limit).unwrap_err().to_string();
    let want = "the enumeration would visit 6564120420 structures, more than the limit of 1000: raise the limit (--limit \
                6564120420, in the library `Limit`) if you have the time and memory, or take a smaller model";
    assert_eq!(message, want);
}

/// What an error says, beside what would help.
fn told(error: TooLarge) -> (&'static str, BigUint, u64) {
    (error.what, error.count, error.limit)
}

#[test]
fn whoever_follows_the_advice_about_the_limit_gets_an_answer() {
    type Question = fn(&Model, Limit) -> Option<TooLarge>;
    let questions: [(&str, Question); 5] = [
        ("law", |model, limit| model.law(limit).err()),
        ("traces", |model, limit| model.check_traces(limit).err()),
        ("marginals", |model, limit| model.marginals(limit).err()),
        ("gradient", |model, limit| model.gradient_of(|_| ratio(1, 1), limit).err()),
        ("losses", |model, limit| model.loss_law(&Loss::named(model, "default").unwrap(), limit).err()),
    ];
    let mut advised = 0;
    for kind in Kind::ALL {
        let model = complete(kind, 4);
        for (name, question) in questions {
            let mut limit = Limit(2);
            while let Some(error) = question(&model, limit) {
                let (raise, count) = (error.remedy, u64::try_from(&error.count).unwrap());
                assert!(count > limit.0, "{} {name}: {error}", kind.name());
                assert_eq!(
                    error.to_string().contains(" at least, in the library"),
                    raise == Remedy::RaiseAtLeast
                );
                limit = Limit(count);
                advised += 1;
                if raise == Remedy::Raise {
                    assert_eq!(question(&model, limit), None, "{} {name}: {error}", kind.name());
                }
            }
        }
    }
    assert!(advised > 20, "{advised}");
    // Beyond 13 vertices the traces of an arborescence are not even counted: no limit helps.
    let ring: Vec<(u32, u32, BigRational)> = (0..15).map(|v| (v, v + 1, ratio(1, 1))).collect();
    let path = Model::arborescence(&DiGraph::<(), _>::from_edges(ring), NodeIndex::new(0)).unwrap();
    let error = path.check_traces(Limit(u64::MAX)).unwrap_err();
    assert_eq!(error.remedy, Remedy::SmallerModel);
    assert!(error.to_string().ends_with("no other limit helps, take a smaller model"), "{error}");
}

#[test]
fn every_question_about_a_law_keeps_to_the_limit() {
    let none = Limit(0);
    for kind in Kind::ALL {
        let model = complete(kind, 4);
        let loss = Loss::named(&model, "default").unwrap();
        assert!(model.law(none).is_err(), "{}", kind.name());
        // one race is no enumeration
        let one_race = kind == Kind::Categorical;
        assert_eq!(model.gradient(&loss, none).is_err(), !one_race, "{}", kind.name());
        assert!(model.gradient_of(|_| ratio(1, 1), none).is_err(), "{}", kind.name());
        assert!(model.t_reinforce_covariance(|_| ratio(1, 1), none).is_err(), "{}", kind.name());
    }
    let marginals = |kind, n| complete(kind, n).marginals(Limit(500)).err().map(told);
    let too_large = |what, count: u64| Some((what, BigUint::from(count), 500));
    assert_eq!(
        marginals(Kind::SpanningTree, 7),
        too_large("partitions of the vertices (an upper bound)", 877)
    );
    assert_eq!(marginals(Kind::Matching, 6), too_large("pairs of row set and column set", 924));
    assert_eq!(marginals(Kind::TopK, 10), too_large("subsets", 638));
    assert_eq!(marginals(Kind::Arborescence, 6), too_large("structures", 1296));
    let tree = complete(Kind::SpanningTree, 12);
    let path = Structure::Entries((0..11).collect());
    assert_eq!(
        tree.probability(&path, Limit(500)).err().map(told),
        too_large("subsets of the structure", 2048)
    );
    let pairs = complete(Kind::Permutation, 6).pair_marginals(Limit(500)).err();
    assert_eq!(pairs.map(told), too_large("structures", 720));
}

/// Kruskal's first edges are no tree, and the first cells no matching.
#[test]
fn a_part_of_a_structure_has_probability_0() {
    for (text, part) in [
        (TRIANGLE, EntrySet::from([0])),
        (TRIANGLE, EntrySet::new()),
        (MATCHING, EntrySet::from([0])),
        (TOP_K, EntrySet::from([3])),
        (DIGRAPH, EntrySet::from([0])),
        (CATEGORICAL, EntrySet::new()),
    ] {
        let found = model(text).probability(&Structure::Entries(part.clone()), Limit::default());
        assert_eq!(found, Ok(ratio(0, 1)), "{part:?} in {text}");
    }
}

/// Too many entries, entries that there are not, and structures of another kind.
#[test]
fn what_is_no_structure_of_the_model_has_probability_0() {
    for text in [TRIANGLE, DIGRAPH, MATCHING, BINARY_TREE, TOP_K, PERMUTATION, CATEGORICAL] {
        let model = model(text);
        let all = (0..model.entries().len()).collect::<EntrySet>();
        let mut foreign = vec![
            Structure::Entries(EntrySet::from([0, 99])),
            Structure::Entries(all),
            Structure::Entries(EntrySet::from([97, 98, 99])),
        ];
        if model.kind() != Kind::BinaryTree {
            foreign.push(Structure::Parents(Parents(vec![None, Some(0), Some(1)])));
        }
        if model.kind() != Kind::Permutation {
            foreign.push(Structure::Order(Order(vec![0, 1, 2])));
        }
        for structure in foreign {
            let found = model.probability(&structure, Limit::default());
            assert_eq!(found, Ok(ratio(0, 1)), "{structure:?} in {text}");
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Files cut short and files with a wrong byte.

fn example_models() -> BTreeMap<String, String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/models");
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    let models: BTreeMap<_, _> = std::fs::read_dir(folder).unwrap().map(read).collect();
    assert!(models.len() >= 12);
    models
}

#[test]
fn a_model_cut_short_anywhere_is_refused_as_no_json() {
    for (name, text) in example_models() {
        let whole = text.trim_end();
        for end in (0..whole.len()).filter(|&end| whole.is_char_boundary(end)) {
            let (line, column, message) = syntax(&whole[..end]);
            let lines = whole[..end].matches('\n').count() + 1;
            let cut = message.starts_with("EOF") || message == "invalid number"; // such as 1e
            assert!(line == lines && column <= end && cut, "{name}, {end}: {message}");
        }
        assert!(Model::parse(whole).is_ok(), "{name}");
    }
}

/// Asks a model that was read what it is; small ones for their law too.
fn look_at(model: &Model) {
    let structures = model.structure_count();
    assert!(model.trace_count().is_none_or(|count| count >= structures) && structures > 0_u32.into());
    assert_eq!(model.entries().len(), model.rates().len());
    let weights: Vec<f64> = (0..model.rates().len()).map(|k| (k * 7 % 5) as f64).collect();
    let run = model.run(&weights).unwrap();
    let trace = model.parse_trace(&model.canonical_trace(&run.trace)).unwrap();
    assert_eq!(model.replay(&trace), Ok(run.structure));
    if let Ok(law) = model.law(Limit(300)) {
        assert_eq!(law.total(), ratio(1, 1));
    }
}

/// 400 mutations of each file, 5,200 in all: a byte replaced, left out, or put in, by one of those that mean something in
/// JSON or any other of ASCII. The seed is fixed; that a few hundred of them are still models shows that the mutations
/// reach behind the parser.
#[test]
fn a_wrong_byte_never_panics() {
    let mut rng = ChaCha8Rng::seed_from_u64(0x0B17);
    let meaning = b"[]{}\",:.-+eE/0123456789 nulltruefals\\";
    let (mut read, mut refused) = (0, 0);
    for (name, text) in example_models() {
        for _ in 0..400 {
            let mut bytes = text.clone().into_bytes();
            let place = rng.random_range(0..bytes.len());
            let byte = match rng.random_range(0..4) {
                0 => rng.random_range(0..128),
                _ => meaning[rng.random_range(0..meaning.len())],
            };
            match rng.random_range(0..4) {
                0 => drop(bytes.remove(place)),
                1 => bytes.insert(place, byte),
                _ => bytes[place] = byte,
            }
            let Ok(mutated) = String::from_utf8(bytes) else { continue };
            let outcome = catch_unwind(|| match Model::parse(&mutated) {
                Ok(model) => {
                    look_at(&model);
                    true
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    assert!(error.place.line <= mutated.lines().count() + 1);
                    false
                }
            });
            match outcome {
                Ok(true) => read += 1,
                Ok(false) => refused += 1,
                Err(_) => panic!("{name}: this panics: {mutated}"),
            }
        }
    }
    assert!(read > 300 && refused > 3000, "{read} read, {refused} refused");
}

/// The number of traces of an arborescence is itself counted over the subsets and partitions of the vertices: that is
/// refused first.
#[test]
fn the_traces_of_a_large_arborescence_are_refused_at_once() {
    let model = complete(Kind::Arborescence, 16);
    assert!(model.gradient_of(|_| ratio(1, 1), Limit(1000)).is_err());
    let both_ways = (0..69).flat_map(|u| [(u, u + 1, ratio(1, 1)), (u + 1, u, ratio(1, 1))]);
    let path = DiGraph::<(), BigRational>::from_edges(both_ways);
    let path = Model::arborescence(&path, NodeIndex::new(0)).unwrap();
    assert_eq!(path.trace_count(), None);
    assert!(path.check_traces(Limit::default()).is_err());
}

/// Built by hand, past the checks of a model, or asked of a structure that is none: an answer, not a panic or no end.
#[test]
fn what_is_no_model_has_answers_too() {
    let limit = Limit::default();
    assert_eq!(TopK::new(3, 5).trace_count(), Some(0_u8.into()));
    let none = SpanningTree::new(0, &[]);
    assert_eq!((none.check_law(limit), none.trace_count().is_some()), (Ok(()), true));
    assert_eq!(BinaryTree::new(0).check_magnitude(limit), Ok(()));
    assert_eq!(Permutation::new(0).check_magnitude(limit), Ok(()));
    let foreign = Structure::Entries([0, 1, 99].into());
    let cycle = Structure::Parents(Parents(vec![Some(1), Some(0), Some(9)]));
    for text in [TRIANGLE, CATEGORICAL, ROUND] {
        let model = model(text);
        for (name, _) in model.kind().losses() {
            let loss = Loss::named(&model, name).unwrap();
            assert!((0..=100).contains(&loss.of(&model, &foreign).abs()), "{name}");
            assert_eq!(loss.of(&model, &cycle), 0);
        }
        assert_eq!(model.probability(&foreign, limit), Ok(ratio(0, 1)));
    }
    let round = model(ROUND);
    let depth = Loss::named(&round, "depth").unwrap();
    assert!(depth.of(&round, &Structure::Entries([1, 2].into())) <= 3); // 1→2→1
    assert!(Parents(vec![Some(1), Some(0), Some(9)]).height() <= 3);
}

/// An arborescence's digraph with a cycle of two.
const ROUND: &str =
    r#"{"structure": "arborescence", "vertices": 3, "root": 0, "edges": [[0,1,1],[1,2,3],[2,1,5]]}"#;
