//! Identities on random models, and the algebra that they are computed with.

mod common;

use std::collections::BTreeMap;

use common::{Graph, cases, connected_graph, digraph_from_root, rate};
use gumbel_oracle::enclosure;
use gumbel_oracle::hypoexponential::Hypoexponential;
use gumbel_oracle::identities::of_model;
use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::number::{Dual, Exact, FromExact, Number, Residue, ratio, to_f64, to_rational};
use gumbel_oracle::structure::Structure;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Zero};
use proptest::prelude::*;
use quickcheck::{Gen, QuickCheck};

// ---------------------------------------------------------------------------------------------------------------
// Random small models of every kind.

/// The most traces of a model whose identities are checked.
const TRACES: u32 = 3000;

fn few_traces(model: Model) -> Option<Model> {
    (model.trace_count()? <= TRACES.into()).then_some(model)
}

fn rates(n: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<BigRational>> {
    proptest::collection::vec(rate(), n)
}

fn spanning_tree() -> impl Strategy<Value = Model> {
    connected_graph(5).prop_filter_map("too many traces", |graph| few_traces(graph.tree_model()))
}

fn arborescence() -> impl Strategy<Value = Model> {
    digraph_from_root(5).prop_filter_map("too many traces", |graph| few_traces(graph.arborescence_model()))
}

/// Square blocks, rows and columns shuffled: the absent cells that a matching may have.
fn matching() -> impl Strategy<Value = Model> {
    let blocks = prop_oneof![
        Just(vec![1]),
        Just(vec![2]),
        Just(vec![3]),
        Just(vec![1, 1]),
        Just(vec![1, 2]),
        Just(vec![2, 2]),
        Just(vec![1, 1, 2])
    ];
    blocks
        .prop_flat_map(|blocks| {
            let n: usize = blocks.iter().sum();
            let order = || Just((0..n).collect::<Vec<usize>>()).prop_shuffle();
            (Just(blocks), order(), order(), rates(n * n))
        })
        .prop_filter_map("too many traces", |(blocks, rows, columns, rates)| {
            let n = rows.len();
            let block: Vec<usize> = blocks.iter().enumerate().flat_map(|(b, &size)| vec![b; size]).collect();
            let mut matrix = vec![vec![ratio(0, 1); n]; n];
            for (cell, rate) in rates.into_iter().enumerate().filter(|(c, _)| block[c / n] == block[c % n]) {
                matrix[rows[cell / n]][columns[cell % n]] = rate;
            }
            few_traces(Model::matching(&matrix).unwrap())
        })
}

fn some_absent(largest: usize) -> impl Strategy<Value = Vec<BigRational>> {
    proptest::collection::vec(prop_oneof![4 => rate(), 1 => Just(ratio(0, 1))], 1..=largest)
        .prop_filter("none is positive", |rates| rates.iter().any(|rate| !rate.is_zero()))
}

fn top_k() -> impl Strategy<Value = Model> {
    (some_absent(6), any::<prop::sample::Index>()).prop_filter_map("too many traces", |(rates, k)| {
        let positive = rates.iter().filter(|rate| !rate.is_zero()).count();
        few_traces(Model::top_k(rates, k.index(positive) + 1).unwrap())
    })
}

fn binary_tree() -> impl Strategy<Value = Model> {
    rates(1..=6).prop_map(|rates| Model::binary_tree(rates).unwrap())
}

fn permutation() -> impl Strategy<Value = Model> {
    rates(1..=5).prop_map(|rates| Model::permutation(rates).unwrap())
}

fn categorical() -> impl Strategy<Value = Model> {
    some_absent(8).prop_map(|rates| Model::categorical(rates).unwrap())
}

fn any_model() -> impl Strategy<Value = Model> {
    prop_oneof![
        spanning_tree(),
        arborescence(),
        matching(),
        binary_tree(),
        top_k(),
        permutation(),
        categorical()
    ]
}

fn identities_hold(model: &Model) -> Result<(), TestCaseError> {
    let identities = of_model(model);
    let number = match model.kind() {
        Kind::Permutation => 12,
        Kind::BinaryTree => 13,
        Kind::Arborescence => 15,
        _ => 14,
    };
    prop_assert_eq!(identities.len(), number);
    for identity in identities {
        prop_assert!(identity.outcome.is_ok(), "{}: {}", identity.name, identity.outcome.unwrap_err());
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn all_identities_hold_for_spanning_trees_of_any_graph(model in spanning_tree()) { identities_hold(&model)?; }

    #[test]
    fn all_identities_hold_for_arborescences_of_any_digraph(model in arborescence()) { identities_hold(&model)?; }

    #[test]
    fn all_identities_hold_for_matchings_with_absent_cells(model in matching()) { identities_hold(&model)?; }

    #[test]
    fn all_identities_hold_for_binary_trees(model in binary_tree()) { identities_hold(&model)?; }

    #[test]
    fn all_identities_hold_for_top_k_with_absent_positions(model in top_k()) { identities_hold(&model)?; }

    #[test]
    fn all_identities_hold_for_permutations(model in permutation()) { identities_hold(&model)?; }

    #[test]
    fn all_identities_hold_for_categorical_draws(model in categorical()) { identities_hold(&model)?; }
}

// ---------------------------------------------------------------------------------------------------------------
// Models and traces as text.

/// What does not depend on the numbering of the entries.
fn law_by_name(model: &Model) -> BTreeMap<String, BigRational> {
    let law = model.law(Limit::default()).unwrap();
    let named: BTreeMap<_, _> = law.outcomes.into_iter().map(|(x, p)| (model.canonical(&x), p)).collect();
    assert!(!named.is_empty());
    named
}

fn list(items: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}

/// A model file with an edge list.
fn edge_list(kind: Kind, graph: &Graph) -> String {
    let edges = list(graph.edges.iter().map(|(u, v, rate)| format!("[{u}, {v}, \"{rate}\"]")));
    let root = if kind == Kind::Arborescence { format!("\"root\": {}, ", graph.root) } else { String::new() };
    format!(r#"{{"structure": "{}", {root}"vertices": {}, "edges": {edges}}}"#, kind.name(), graph.vertices)
}

/// The same as a matrix, in the upper triangle or everywhere off the diagonal.
fn matrix(kind: Kind, graph: &Graph) -> String {
    let n = graph.vertices;
    let mut cells = vec![vec!["null".to_owned(); n]; n];
    for (u, v, rate) in &graph.edges {
        let (row, column) = if kind == Kind::SpanningTree { (*u.min(v), *u.max(v)) } else { (*u, *v) };
        cells[row][column] = format!("\"{rate}\"");
    }
    let root = if kind == Kind::Arborescence { format!("\"root\": {}, ", graph.root) } else { String::new() };
    format!(r#"{{"structure": "{}", {root}"rates": {}}}"#, kind.name(), list(cells.iter().map(list)))
}

/// The same number as a fraction, a decimal, and with exponents: `mantissa·10^-places`.
fn spellings(mantissa: u32, places: usize) -> Vec<String> {
    let digits = format!("{mantissa:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let decimal = if places == 0 { whole.to_owned() } else { format!("{whole}.{fraction}") };
    vec![
        format!("\"{mantissa}/1{}\"", "0".repeat(places)),
        format!("\"{}/2{}\"", 2 * u64::from(mantissa), "0".repeat(places)),
        decimal.clone(),
        format!("\"{decimal}000\"").replace("000\"", if places == 0 { "\"" } else { "000\"" }),
        format!("{mantissa}e-{places}"),
        format!("\"{mantissa}00E-{}\"", places + 2),
        format!("{decimal}e+0"),
        format!("{mantissa}.0e-0{places}"),
    ]
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn canonical_traces_are_read_back(model in any_model()) {
        let traces: Vec<_> = model.traces().collect();
        let mut texts = Vec::new();
        for outcome in traces.iter().step_by(traces.len() / 60 + 1) {
            let text = model.canonical_trace(&outcome.trace);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
            let back = model.parse_trace(&text);
            prop_assert_eq!(back.as_ref(), Ok(&outcome.trace), "{}", text);
            prop_assert_eq!(model.replay(&outcome.trace), Ok(outcome.structure.clone()));
            texts.push(text);
        }
        texts.sort();
        prop_assert!(texts.windows(2).all(|pair| pair[0] != pair[1]), "two traces with the same text");
    }

    #[test]
    fn a_graph_in_code_an_edge_list_and_a_matrix_have_the_same_law(graph in connected_graph(5)) {
        let built = graph.tree_model();
        let parsed = Model::parse(&edge_list(Kind::SpanningTree, &graph)).unwrap();
        prop_assert_eq!(built.entries(), parsed.entries());
        prop_assert_eq!(built.rates(), parsed.rates());
        let law = law_by_name(&built);
        prop_assert_eq!(&law_by_name(&parsed), &law);
        prop_assert_eq!(&law_by_name(&Model::parse(&matrix(Kind::SpanningTree, &graph)).unwrap()), &law);
    }

    #[test]
    fn a_digraph_in_code_an_arc_list_and_a_matrix_have_the_same_law(graph in digraph_from_root(5)) {
        let built = graph.arborescence_model();
        let parsed = Model::parse(&edge_list(Kind::Arborescence, &graph)).unwrap();
        prop_assert_eq!(built.entries(), parsed.entries());
        prop_assert_eq!(built.rates(), parsed.rates());
        let law = law_by_name(&built);
        prop_assert_eq!(&law_by_name(&parsed), &law);
        prop_assert_eq!(&law_by_name(&Model::parse(&matrix(Kind::Arborescence, &graph)).unwrap()), &law);
    }

    #[test]
    fn every_spelling_of_a_rate_is_the_same_number(numbers in proptest::collection::vec((1..100_000_u32, 0..7_usize), 1..5)) {
        let want: Vec<BigRational> = numbers
            .iter()
            .map(|&(mantissa, places)| BigRational::new(mantissa.into(), BigInt::from(10).pow(places as u32)))
            .collect();
        let spelled: Vec<Vec<String>> = numbers.iter().map(|&(mantissa, places)| spellings(mantissa, places)).collect();
        for spelling in 0..spelled[0].len() {
            let rates = list(spelled.iter().map(|each| &each[spelling]));
            let model = Model::parse(&format!(r#"{{"structure": "permutation", "rates": {rates}}}"#)).unwrap();
            prop_assert_eq!(model.rates(), &want, "{}", rates);
        }
    }

    #[test]
    fn a_logit_has_the_rate_exp_of_minus_it_exactly_as_f64(
        logits in proptest::collection::vec(prop_oneof![-5.0..5.0_f64, -700.0..700.0_f64], 1..5)
    ) {
        let text = list(logits.iter().map(|logit| format!("{logit:?}")));
        let model = Model::parse(&format!(r#"{{"structure": "binary_tree", "logits": {text}}}"#)).unwrap();
        for (logit, rate) in logits.iter().zip(model.rates()) {
            let float = libm::exp(-logit);
            prop_assert_eq!(rate, &BigRational::from_float(float).unwrap());
            // two libraries differ by an ulp at most
            #[allow(clippy::disallowed_methods)] // the system's, because it is not the one that made the rate
            let other = (-logit).exp();
            prop_assert!((float / other - 1.0).abs() <= 2.0 * f64::EPSILON);
        }
        let rows = list(vec![&text; logits.len()]);
        let matching = Model::parse(&format!(r#"{{"structure": "matching", "logits": {rows}}}"#)).unwrap();
        prop_assert_eq!(&matching.rates()[..logits.len()], model.rates());
    }

    /// The covariance of T-REINFORCE, term by term from its definition, in the arithmetic of the public interface.
    #[test]
    fn the_covariance_of_t_reinforce_is_that_of_its_definition(model in any_model()) {
        prop_assume!(model.trace_count() <= Some(120_u32.into()));
        let loss = Loss::named(&model, "default").unwrap();
        let value = |x: &Structure| BigRational::from(BigInt::from(loss.of(&model, x)));
        let m = model.rates().len();
        let mut mean = vec![ratio(0, 1); m];
        let mut second = vec![vec![ratio(0, 1); m]; m];
        for outcome in model.traces() {
            let score = outcome.trace.score(model.rates());
            let estimate: Vec<BigRational> = score.iter().map(|s| s * value(&outcome.structure)).collect();
            for j in 0..m {
                mean[j] += &outcome.probability * &estimate[j];
                for k in 0..m {
                    second[j][k] += &outcome.probability * &estimate[j] * &estimate[k];
                }
            }
        }
        let covariance = model.t_reinforce_covariance(value, Limit::default()).unwrap();
        for j in 0..m {
            for k in 0..m {
                prop_assert_eq!(&covariance[j][k], &(&second[j][k] - &mean[j] * &mean[k]));
            }
        }
        prop_assert_eq!(mean, model.gradient(&loss, Limit::default()).unwrap().gradient);
    }
}

// ---------------------------------------------------------------------------------------------------------------
// The algebra, by quickcheck.

/// 500 cases from a fixed seed. Numbers of any size, among them 0, 1 and the largest.
macro_rules! holds {
    (|$($name:ident: $type:ty),+| $body:expr) => {{
        fn property($($name: $type),+) -> bool {
            $body
        }
        let quickcheck = QuickCheck::new().rng(Gen::from_size_and_seed(100, 0x0FA1)).tests(500);
        { quickcheck }.quickcheck(property as fn($($type),+) -> bool);
    }};
}

/// Residues: any number, now and then next to the modulus.
fn residue(seed: (u64, u8)) -> Residue {
    match seed.1 % 8 {
        0 => Residue::new(seed.0 % 3),
        1 => Residue::new(Residue::MODULUS - 1 - seed.0 % 3),
        _ => Residue::new(seed.0),
    }
}

/// The axioms of a field, for any three numbers.
fn is_a_field<N: Number + PartialEq>(a: N, b: N, c: N) -> bool {
    let (zero, one) = (N::zero(), N::one());
    a.clone() + &b == b.clone() + &a
        && a.clone() * &b == b.clone() * &a
        && (a.clone() + &b) + &c == a.clone() + &(b.clone() + &c)
        && (a.clone() * &b) * &c == a.clone() * &(b.clone() * &c)
        && a.clone() * &(b.clone() + &c) == a.clone() * &b + &(a.clone() * &c)
        && a.clone() + &zero == a
        && a.clone() * &one == a
        && (a.clone() - &a).is_zero()
        && (a.clone() - &b) + &b == a
        && (b.is_zero() || a.clone() / &b * &b == a)
        && (b.is_zero() || b.clone() / &b == one)
}

#[test]
fn residues_are_a_field() {
    type Seed = (u64, u8);
    holds!(|a: Seed, b: Seed, c: Seed| is_a_field(residue(a), residue(b), residue(c)));
    let edge = |offset: u64| residue((offset, 1));
    for (a, b) in (0..3).flat_map(|a| (0..3).map(move |b| (a, b))) {
        assert!(is_a_field(edge(a), edge(b), Residue::new(a)));
    }
}

/// Against the remainder of the product in 128 bits, the plain definition.
#[test]
fn residues_are_remainders() {
    holds!(|a: u64, b: u64| {
        let p = u128::from(Residue::MODULUS);
        let (x, y) = (Residue::new(a), Residue::new(b));
        let (a, b) = (u128::from(a), u128::from(b));
        u128::from((x * y).value()) == a % p * (b % p) % p
            && u128::from((x + y).value()) == (a + b) % p
            && u128::from((x - y).value()) == (a + 16 * p - b) % p
    });
}

/// Fractions of up to 128 bits.
fn fraction((p, q): (i128, i128)) -> BigRational {
    BigRational::new(p.into(), if q == 0 { 1.into() } else { q.into() })
}

#[test]
fn exact_fractions_are_big_rationals() {
    type Seed = (i128, i128);
    holds!(|a: Seed, b: Seed| {
        let (p, q) = (fraction(a), fraction(b));
        let (x, y) = (Exact::from_exact(&p), Exact::from_exact(&q));
        to_rational(&x) == p
            && to_rational(&(x.clone() + &y)) == &p + &q
            && to_rational(&(x.clone() - &y)) == &p - &q
            && to_rational(&(x.clone() * &y)) == &p * &q
            && (q.is_zero() || to_rational(&(x.clone() / &y)) == &p / &q)
            && (x < y) == (p < q)
            && (x == y) == (p == q)
    });
    holds!(|a: Seed, b: Seed, c: Seed| {
        let exact = |seed| Exact::from_exact(&fraction(seed));
        is_a_field(exact(a), exact(b), exact(c))
    });
}

#[test]
fn residues_of_fractions_add_and_multiply_like_fractions() {
    type Seed = (i64, u32);
    holds!(|a: Seed, b: Seed| {
        let number = |(p, q): Seed| ratio(p, i64::from(q) + 1);
        let (p, q) = (number(a), number(b));
        let (x, y) = (Residue::from_exact(&p), Residue::from_exact(&q));
        Residue::from_exact(&(&p + &q)) == x + y && Residue::from_exact(&(&p * &q)) == x * y
    });
}

type Polynomial = Vec<i8>;

fn evaluate<N: Number>(polynomial: &Polynomial, x: &N, number: impl Fn(i64) -> N) -> N {
    polynomial.iter().rev().fold(N::zero(), |sum, &c| sum * x + &number(c.into()))
}

/// The derivative of a polynomial of degree less than `values.len()` at the first of successive integers steps, from its
/// values alone: `f'(x) = Σ_{k≥1} (-1)^{k+1} Δ^k f(x) / k`, exact.
fn by_differences(mut values: Vec<BigRational>) -> BigRational {
    let mut derivative = BigRational::zero();
    for k in 1..values.len() as i64 {
        values = values.windows(2).map(|pair| &pair[1] - &pair[0]).collect();
        let term = &values[0] / ratio(k, 1);
        derivative = if k % 2 == 1 { derivative + term } else { derivative - term };
    }
    derivative
}

#[test]
fn dual_numbers_differentiate_products_and_quotients_of_polynomials() {
    holds!(|f: Polynomial, g: Polynomial, x: (i8, u8)| {
        let (f, g) = (f[..f.len().min(6)].to_vec(), g[..g.len().min(6)].to_vec());
        let x = ratio(x.0.into(), i64::from(x.1) + 1);
        let constant = |c| Dual::constant(ratio(c, 1));
        let dual = Dual { value: x.clone(), derivative: BigRational::one() };
        let (u, v) = (evaluate(&f, &dual, constant), evaluate(&g, &dual, constant));
        let product = u.clone() * &v;
        let degree = f.len() + g.len();
        let rational = |c| ratio(c, 1);
        let at =
            |polynomial: &Polynomial, i: usize| evaluate(polynomial, &(&x + ratio(i as i64, 1)), rational);
        let derivative_of =
            |values: &dyn Fn(usize) -> BigRational| by_differences((0..=degree).map(values).collect());
        let want = derivative_of(&|i| at(&f, i) * at(&g, i));
        let (du, dv) = (derivative_of(&|i| at(&f, i)), derivative_of(&|i| at(&g, i)));
        let quotient_rule = v.value.is_zero() || {
            let quotient = u.clone() / &v;
            quotient.derivative == (&du * &v.value - &u.value * &dv) / (&v.value * &v.value)
                && quotient * &v == u
        };
        product.derivative == want
            && u.derivative == du
            && (u.clone() + &v).derivative == &du + &dv
            && (u.clone() - &v).derivative == &du - &dv
            && quotient_rule
    });
}

/// A dual number is a ring with the same axioms; only what has value 0 has no inverse.
#[test]
fn dual_numbers_keep_the_axioms_where_they_can_be_divided() {
    type Seed = ((i16, i16), (i16, i16));
    holds!(|a: Seed, b: Seed, c: Seed| {
        let dual = |((p, q), (r, s)): Seed| Dual {
            value: ratio(p.into(), i64::from(q).abs() + 1),
            derivative: ratio(r.into(), i64::from(s).abs() + 1),
        };
        let b = dual(b);
        b.value.is_zero() || is_a_field(dual(a), b, dual(c))
    });
}

/// Each side is correctly rounded, so they differ by at most half an ulp of each term and the rounding of the sum.
#[test]
fn the_logarithm_of_a_product_is_the_sum_of_the_logarithms() {
    type Seed = (u128, u128);
    holds!(|a: Seed, b: Seed| {
        let number = |(p, q): Seed| BigRational::new(BigInt::from(p) + 1, BigInt::from(q) + 1);
        let ln = |value: &BigRational| enclosure::ln(value).unwrap();
        let (a, b) = (number(a), number(b));
        let (x, y, sum) = (ln(&a), ln(&b), ln(&(&a * &b)));
        let half_ulps = f64::EPSILON / 2.0 * (x.abs() + y.abs() + sum.abs() + (x + y).abs());
        (x + y - sum).abs() <= half_ulps && ln(&a.recip()) == -x
    });
}

// ---------------------------------------------------------------------------------------------------------------
// Sums of exponentials.

/// `P(Y > t)` by uniformisation: the chain that passes the phases one after another, watched at the times of a Poisson
/// process of rate `q = max μ_i`. Only positive terms, no cancellation; the error is that of some hundred float operations
/// and of the tail cut off, below 1e-12.
fn survival_by_uniformisation(phases: &[f64], t: f64) -> f64 {
    let q = phases.iter().copied().fold(0.0, f64::max);
    let mut at = vec![0.0; phases.len()]; // probability of being in each phase
    at[0] = 1.0;
    let (mut survival, mut poisson) = (0.0, libm::exp(-q * t));
    let steps = (q * t + 12.0 * (q * t).sqrt() + 40.0) as usize;
    for step in 0..steps {
        survival += poisson * at.iter().sum::<f64>();
        for i in (0..phases.len()).rev() {
            let on = phases[i] / q;
            at[i] = at[i] * (1.0 - on) + if i > 0 { at[i - 1] * phases[i - 1] / q } else { 0.0 };
        }
        poisson *= q * t / (step as f64 + 1.0);
    }
    survival
}

fn phases() -> impl Strategy<Value = Vec<BigRational>> {
    proptest::collection::vec(rate(), 1..=5)
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn a_distribution_function_is_monotone_and_adds_up_to_1_with_its_survival_function(
        phases in phases(),
        times in proptest::collection::vec((0..400_i64, 1..40_i64), 2..8)
    ) {
        let law = Hypoexponential::new(phases);
        let mut times: Vec<BigRational> = times.into_iter().map(|(p, q)| ratio(p, q)).collect();
        times.sort();
        let mut before = 0.0;
        for t in &times {
            let (cdf, sf) = (law.cdf_rounded(t), law.sf_rounded(t));
            // a correctly rounded monotone function is monotone
            prop_assert!(cdf >= before && (0.0..=1.0).contains(&cdf) && (0.0..=1.0).contains(&sf));
            prop_assert!((cdf + sf - 1.0).abs() <= f64::EPSILON, "{} + {}", cdf, sf);
            before = cdf;
        }
        prop_assert!(law.cdf_rounded(&(&times[0] + ratio(1, 1000))) > law.cdf_rounded(&times[0]) || before > 0.999);
    }

    #[test]
    fn the_distribution_function_agrees_with_uniformisation(phases in phases(), t in (1..200_i64, 10..40_i64)) {
        let t = ratio(t.0, t.1);
        let floats: Vec<f64> = phases.iter().map(to_f64).collect();
        let want = survival_by_uniformisation(&floats, to_f64(&t));
        let found = Hypoexponential::new(phases).sf_rounded(&t);
        prop_assert!((found - want).abs() < 1e-12, "{} {}", found, want);
    }

    /// Phases that differ by a factor of 2 at least, or are equal: the coefficients stay below about 2^10, so that the
    /// generic float path loses some four digits at most.
    #[test]
    fn the_float_distribution_function_is_good_when_phases_are_well_separated(
        exponents in proptest::collection::vec(-3..=3_i32, 1..=4), t in (1..100_i64, 5..40_i64)
    ) {
        let phases: Vec<f64> = exponents.iter().map(|&e| 2.0_f64.powi(e)).collect();
        let exact = Hypoexponential::new(phases.iter().map(|&mu| BigRational::from_float(mu).unwrap()).collect());
        let t = ratio(t.0, t.1);
        let (found, want) = (Hypoexponential::new(phases).cdf(&to_f64(&t)), exact.cdf_rounded(&t));
        prop_assert!((found - want).abs() < 1e-11, "{} {}", found, want);
    }

    #[test]
    fn the_order_of_the_phases_does_not_matter(phases in phases().prop_flat_map(|p| (Just(p.clone()), Just(p).prop_shuffle()))) {
        let (law, shuffled) = (Hypoexponential::new(phases.0), Hypoexponential::new(phases.1));
        let t = ratio(5, 7);
        prop_assert_eq!(law.cdf_rounded(&t), shuffled.cdf_rounded(&t));
        prop_assert_eq!((law.mean(), law.variance()), (shuffled.mean(), shuffled.variance()));
    }
}

/// `1 - 2e^{-t} + e^{-2t}` for phases 1 and 2.
#[test]
fn uniformisation_is_right_on_two_phases() {
    let want = 1.0 - (1.0 - 2.0 * libm::exp(-0.8_f64) + libm::exp(-1.6_f64));
    assert!((survival_by_uniformisation(&[1.0, 2.0], 0.8) - want).abs() < 1e-13);
    assert!((survival_by_uniformisation(&[3.0], 0.5) - libm::exp(-1.5_f64)).abs() < 1e-13);
}
