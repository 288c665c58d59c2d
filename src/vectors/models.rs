//! The models of the vectors. A name is never used again for another model, and never goes away.

use std::borrow::Cow;

use gumbel_oracle::model::Kind;
use rand::Rng as _;
use rand::rngs::ChaCha8Rng;

use super::inputs::generator;

/// A model with what it is for.
#[derive(Clone)]
pub(super) struct Of {
    pub(super) name: &'static str,
    /// What mistakes it is for.
    pub(super) comment: &'static str,
    pub(super) flags: &'static [&'static str],
    pub(super) model: Cow<'static, str>,
    /// The same model as a batch has it that is padded for longer ones: a JSON object.
    pub(super) padded: Option<&'static str>,
}

const fn of(
    name: &'static str,
    comment: &'static str,
    flags: &'static [&'static str],
    model: &'static str,
) -> Of {
    Of { name, comment, flags, model: Cow::Borrowed(model), padded: None }
}

const fn padded(name: &'static str, model: &'static str, padded: &'static str) -> Of {
    let comment = "an item of a padded batch: only the leading part is the model";
    Of { name, comment, flags: &["ragged"], model: Cow::Borrowed(model), padded: Some(padded) }
}

const SINGLE: &str = "nothing to choose: the probability is 1, the score 0";
const REPEATED: &str = "all rates alike: laws are uniform over traces, not over structures";
const EXTREME: &str = "rates over many powers of ten: sums and logarithms must not lose the small ones";
const ABSENT: &str = "rates of 0: entries that never race, have no exponential, and no share in any score";
const DISTINCT: &str = "rates that all differ: what is read at the wrong place shows";
const SPARSE: &str = "not everything is there: entries are not all pairs";

const SPANNING_TREE: &[Of] = &[
    of(
        "edge",
        SINGLE,
        &["single-entry"],
        r#"{"structure":"spanning_tree","vertices":2,"edges":[[0,1,"5/2"]]}"#,
    ),
    of(
        "triangle",
        DISTINCT,
        &[],
        r#"{"structure":"spanning_tree","vertices":3,"edges":[[0,1,4],[0,2,2],[1,2,1]]}"#,
    ),
    of(
        "k4",
        DISTINCT,
        &[],
        r#"{"structure":"spanning_tree","vertices":4,"edges":[[0,1,3],[0,2,1],[0,3,"1/2"],[1,2,"5/2"],[1,3,2],[2,3,"3/4"]]}"#,
    ),
    of(
        "k4_repeated",
        REPEATED,
        &["repeated-rates"],
        r#"{"structure":"spanning_tree","vertices":4,"edges":[[0,1,1],[0,2,1],[0,3,1],[1,2,1],[1,3,1],[2,3,1]]}"#,
    ),
    of(
        "cycle_with_chord",
        SPARSE,
        &["sparse"],
        r#"{"structure":"spanning_tree","vertices":6,"edges":[[0,1,2],[1,2,"1/3"],[2,3,1],[3,4,"5/2"],[4,5,3],[0,5,"3/2"],[1,4,"1/2"]]}"#,
    ),
    of(
        "bridge",
        "two triangles and a bridge that every tree has: its race is never lost",
        &["sparse"],
        r#"{"structure":"spanning_tree","vertices":6,"edges":[[0,1,1],[0,2,2],[1,2,3],[2,3,"1/10"],[3,4,2],[3,5,1],[4,5,"1/2"]]}"#,
    ),
    of(
        "k4_extreme",
        EXTREME,
        &["extreme-rates"],
        r#"{"structure":"spanning_tree","vertices":4,"edges":[[0,1,"1e30"],[0,2,"1e-30"],[0,3,1],[1,2,"1e15"],[1,3,"1e-15"],[2,3,"3e-30"]]}"#,
    ),
    of(
        "k4_absent",
        ABSENT,
        &["absent-entries"],
        r#"{"structure":"spanning_tree","vertices":4,"edges":[[0,1,3],[0,2,0],[0,3,"1/2"],[1,2,"5/2"],[1,3,0],[2,3,"3/4"]]}"#,
    ),
    padded(
        "triangle_of_5",
        r#"{"structure":"spanning_tree","vertices":3,"edges":[[0,1,"7/2"],[0,2,"1/4"],[1,2,"3/2"]]}"#,
        r#"{"lengths":3,"rates":[[0,3.5,0.25,9,9],[3.5,0,1.5,9,9],[0.25,1.5,0,9,9],[9,9,9,0,9],[9,9,9,9,0]]}"#,
    ),
];

const ARBORESCENCE: &[Of] = &[
    of(
        "arc",
        SINGLE,
        &["single-entry"],
        r#"{"structure":"arborescence","vertices":2,"root":0,"edges":[[0,1,"5/2"]]}"#,
    ),
    of(
        "triangle",
        "one cycle can be formed, and entered at both of its vertices",
        &[],
        r#"{"structure":"arborescence","vertices":3,"root":0,"edges":[[0,1,1],[0,2,"1/2"],[1,2,4],[2,1,2]]}"#,
    ),
    of(
        "nested",
        "cycles in cycles: weights are reduced twice, and the members of the inner one are entered through the outer one",
        &["nested-contraction", "other-root", "sparse"],
        r#"{"structure":"arborescence","vertices":5,"root":4,"edges":[[0,1,4],[1,0,5],[1,2,3],[2,0,2],[2,3,"7/2"],[3,1,1],[4,0,"1/2"],[4,2,"1/3"],[4,3,"3/4"]]}"#,
    ),
    of(
        "other_root",
        "the root is not the first vertex, and has arcs that enter others only",
        &["other-root"],
        r#"{"structure":"arborescence","vertices":3,"root":2,"edges":[[0,1,3],[1,0,"3/2"],[2,0,1],[2,1,"1/2"]]}"#,
    ),
    of(
        "k4_nested",
        "all arcs, with rates that make cycles, and cycles of them, likely",
        &["nested-contraction"],
        r#"{"structure":"arborescence","vertices":4,"root":0,"edges":[[0,1,"1/2"],[0,2,"1/3"],[0,3,"1/4"],[1,2,6],[2,1,5],[2,3,4],[3,1,3],[1,3,2],[3,2,7]]}"#,
    ),
    of(
        "repeated",
        REPEATED,
        &["repeated-rates"],
        r#"{"structure":"arborescence","vertices":3,"root":1,"edges":[[0,2,1],[1,0,1],[1,2,1],[2,0,1]]}"#,
    ),
    of(
        "sparse",
        SPARSE,
        &["sparse"],
        r#"{"structure":"arborescence","vertices":5,"root":0,"edges":[[0,1,1],[1,2,2],[2,3,"3/2"],[3,1,4],[3,4,"1/2"],[4,3,3],[0,4,"1/5"]]}"#,
    ),
    of(
        "extreme",
        EXTREME,
        &["extreme-rates"],
        r#"{"structure":"arborescence","vertices":3,"root":0,"edges":[[0,1,"1e-30"],[0,2,"2e-30"],[1,2,"1e30"],[2,1,"1e20"]]}"#,
    ),
    of(
        "absent",
        ABSENT,
        &["absent-entries"],
        r#"{"structure":"arborescence","vertices":4,"root":0,"edges":[[0,1,1],[0,2,0],[0,3,"1/2"],[1,2,2],[2,1,3],[2,3,0],[3,2,"5/2"]]}"#,
    ),
    padded(
        "triangle_of_4",
        r#"{"structure":"arborescence","vertices":3,"root":0,"edges":[[0,1,2],[0,2,"1/4"],[1,2,3],[2,1,"3/2"]]}"#,
        r#"{"lengths":3,"rates":[[0,2,0.25,9],[0,0,3,9],[0,1.5,0,9],[9,9,9,0]]}"#,
    ),
];

const MATCHING: &[Of] = &[
    of("one", SINGLE, &["single-entry"], r#"{"structure":"matching","rates":[["5/2"]]}"#),
    of("two", DISTINCT, &[], r#"{"structure":"matching","rates":[[4,2],[1,3]]}"#),
    of("three", DISTINCT, &[], r#"{"structure":"matching","rates":[[4,1,2],["1/2",6,5],[3,"1/3","3/2"]]}"#),
    of(
        "three_repeated",
        REPEATED,
        &["repeated-rates"],
        r#"{"structure":"matching","rates":[[1,1,1],[1,1,1],[1,1,1]]}"#,
    ),
    of(
        "four",
        "all rows and columns that are left race, not the next row",
        &[],
        r#"{"structure":"matching","rates":[[1,2,3,4],["1/2","3/2","5/2","7/2"],[5,6,7,8],["1/3","2/3","4/3","5/3"]]}"#,
    ),
    of(
        "three_extreme",
        EXTREME,
        &["extreme-rates"],
        r#"{"structure":"matching","rates":[["1e30",1,"1e-30"],["1e15","1e-15",2],[3,"2e-30","1e20"]]}"#,
    ),
    of("three_sparse", SPARSE, &["sparse"], r#"{"structure":"matching","rates":[[2,0,0],[0,1,3],[0,4,5]]}"#),
    padded(
        "two_of_4",
        r#"{"structure":"matching","rates":[["1/2",2],[3,"5/4"]]}"#,
        r#"{"lengths":2,"rates":[[0.5,2,9,9],[3,1.25,9,9],[9,9,9,9],[9,9,9,9]]}"#,
    ),
];

/// Of rates alone.
macro_rules! of_rates {
    ($structure:literal $(, $k:literal)?) => {
        &[
            of("one", SINGLE, &["single-entry"], concat!(r#"{"structure":""#, $structure, r#"","#, $(ignored!($k, "\"k\":1,"),)? r#""rates":["5/2"]}"#)),
            of("two", DISTINCT, &[], concat!(r#"{"structure":""#, $structure, r#"","#, $(ignored!($k, "\"k\":1,"),)? r#""rates":[3,1]}"#)),
            of("three", DISTINCT, &[], concat!(r#"{"structure":""#, $structure, r#"","#, $($k,)? r#""rates":[4,2,1]}"#)),
            of("four", DISTINCT, &[], concat!(r#"{"structure":""#, $structure, r#"","#, $($k,)? r#""rates":[1,2,"1/2",3]}"#)),
            of("four_repeated", REPEATED, &["repeated-rates"], concat!(r#"{"structure":""#, $structure, r#"","#, $($k,)? r#""rates":[1,1,1,1]}"#)),
            of("five", DISTINCT, &[], concat!(r#"{"structure":""#, $structure, r#"","#, $($k,)? r#""rates":["1/3",2,"3/2",5,"1/4"]}"#)),
            of("four_extreme", EXTREME, &["extreme-rates"], concat!(r#"{"structure":""#, $structure, r#"","#, $($k,)? r#""rates":["1e30","1e-30",1,"3e-30"]}"#)),
            padded("three_of_5", concat!(r#"{"structure":""#, $structure, r#"","#, $($k,)? r#""rates":[2,"1/4",3]}"#), r#"{"lengths":3,"rates":[2,0.25,3,9,9]}"#),
        ]
    };
}

macro_rules! ignored {
    ($of:literal, $instead:literal) => {
        $instead
    };
}

const BINARY_TREE: &[Of] = of_rates!("binary_tree");
const TOP_K: &[Of] = of_rates!("top_k", r#""k":2,"#);
const PERMUTATION: &[Of] = of_rates!("permutation");
const CATEGORICAL: &[Of] = of_rates!("categorical");

/// With what not all of these structures have.
const MORE: &[(Kind, Of)] = &[
    (
        Kind::TopK,
        of(
            "all_of_3",
            "k is n: a set that is certain, and traces that are not",
            &[],
            r#"{"structure":"top_k","k":3,"rates":[4,2,1]}"#,
        ),
    ),
    (
        Kind::TopK,
        of("absent", ABSENT, &["absent-entries"], r#"{"structure":"top_k","k":2,"rates":[1,2,0,"1/2",3]}"#),
    ),
    (
        Kind::Categorical,
        of("absent", ABSENT, &["absent-entries"], r#"{"structure":"categorical","rates":[0,1,2,0,"1/2"]}"#),
    ),
    (
        Kind::BinaryTree,
        of(
            "seven",
            "intervals of every length and place",
            &[],
            r#"{"structure":"binary_tree","rates":[1,2,"1/2",3,5,"1/3","3/2"]}"#,
        ),
    ),
];

/// Those of a structure.
pub(super) fn of_kind(kind: Kind) -> Vec<Of> {
    let all = match kind {
        Kind::SpanningTree => SPANNING_TREE,
        Kind::Arborescence => ARBORESCENCE,
        Kind::Matching => MATCHING,
        Kind::BinaryTree => BINARY_TREE,
        Kind::TopK => TOP_K,
        Kind::Permutation => PERMUTATION,
        Kind::Categorical => CATEGORICAL,
    };
    all.iter().chain(MORE.iter().filter(|(of, _)| *of == kind).map(|(_, of)| of)).cloned().collect()
}

/// Larger ones, with rates from a generator: of so many vertices, rows or positions.
pub(super) fn large(kind: Kind) -> Vec<Of> {
    let sizes: [(usize, &str, &str); 2] = match kind {
        Kind::SpanningTree | Kind::Matching => [(8, "eight", "sparse_12"), (12, "twelve", "sparse_18")],
        Kind::Arborescence => [(6, "six", "sparse_9"), (8, "eight", "sparse_12")],
        _ => [(20, "twenty", ""), (60, "sixty", "")],
    };
    let mut all = Vec::new();
    for (n, dense, sparse) in sizes {
        let mut of = |name: &'static str, flags: &'static [&'static str], n: usize, sparse: bool| {
            let mut rng = generator(&format!("{}.{name}", kind.name()));
            let comment = "larger: many races, and sums of many rates";
            let model = Cow::Owned(larger(kind, n, sparse, &mut rng));
            all.push(Of { name, comment, flags, model, padded: None });
        };
        of(dense, &[], n, false);
        if !sparse.is_empty() && kind != Kind::Matching {
            of(sparse, &["sparse"], n * 3 / 2, true);
        }
    }
    all
}

/// A whole number of thirds or quarters, up to 16.
fn rate(rng: &mut ChaCha8Rng) -> String {
    let (numerator, denominator) = (rng.next_u64() % 48 + 1, 3 + rng.next_u64() % 2);
    format!("\"{numerator}/{denominator}\"")
}

fn larger(kind: Kind, n: usize, sparse: bool, rng: &mut ChaCha8Rng) -> String {
    let name = kind.name();
    match kind {
        Kind::SpanningTree | Kind::Arborescence => {
            let directed = kind == Kind::Arborescence;
            let (mut edges, root) = (Vec::new(), if directed { n - 1 } else { 0 });
            for u in 0..n {
                for v in 0..n {
                    // A path from the root through all, and of the others all or a third.
                    let on_path = if directed { v + 1 == u } else { u + 1 == v };
                    let is_pair = if directed { u != v && v != root } else { u < v };
                    if is_pair && (on_path || !sparse || rng.next_u64().is_multiple_of(3)) {
                        edges.push(format!("[{u},{v},{}]", rate(rng)));
                    }
                }
            }
            let root = if directed { format!("\"root\":{root},") } else { String::new() };
            format!(r#"{{"structure":"{name}","vertices":{n},{root}"edges":[{}]}}"#, edges.join(","))
        }
        Kind::Matching => {
            let row = |rng: &mut ChaCha8Rng| (0..n).map(|_| rate(rng)).collect::<Vec<_>>().join(",");
            let rows: Vec<String> = (0..n).map(|_| format!("[{}]", row(rng))).collect();
            format!(r#"{{"structure":"{name}","rates":[{}]}}"#, rows.join(","))
        }
        _ => {
            let rates: Vec<String> = (0..n).map(|_| rate(rng)).collect();
            let k = if kind == Kind::TopK { format!("\"k\":{},", n / 4) } else { String::new() };
            format!(r#"{{"structure":"{name}",{k}"rates":[{}]}}"#, rates.join(","))
        }
    }
}
