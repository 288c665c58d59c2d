//! Right at the sizes that the collapsed enumerations are for, where no list of traces can be compared.

use std::collections::BTreeMap;

use gumbel_oracle::law::Law;
use gumbel_oracle::limit::Limit;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::{FromExact, Residue, ratio};
use gumbel_oracle::structure::Structure;
use num_rational::BigRational;
use petgraph::graph::{DiGraph, NodeIndex, UnGraph};

/// Rates with all kinds of denominators, nothing equal by chance.
fn rate(k: usize) -> BigRational {
    let k = k as i64;
    ratio(k * 7 % 11 + 1, k % 5 + 1)
}

fn rates(n: usize) -> Vec<BigRational> {
    (0..n).map(rate).collect()
}

fn complete_graph(n: u32) -> Model {
    let pairs = (0..n).flat_map(|u| (u + 1..n).map(move |v| (u, v))).enumerate();
    let edges = pairs.map(|(k, (u, v))| (u, v, rate(k)));
    Model::spanning_tree(&UnGraph::<(), BigRational>::from_edges(edges)).unwrap()
}

/// Without the arcs into the root 0.
fn complete_digraph(n: u32) -> Model {
    let pairs = (0..n).flat_map(|u| (1..n).map(move |v| (u, v))).filter(|(u, v)| u != v).enumerate();
    let arcs = pairs.map(|(k, (u, v))| (u, v, rate(k)));
    Model::arborescence(&DiGraph::<(), BigRational>::from_edges(arcs), NodeIndex::new(0)).unwrap()
}

fn matching(n: usize) -> Model {
    let row = |i: usize| (0..n).map(|j| rate(i * n + j)).collect();
    Model::matching(&(0..n).map(row).collect::<Vec<Vec<BigRational>>>()).unwrap()
}

fn law_with(model: &Model, structures: usize) -> Law {
    let law = model.law(Limit::default()).unwrap();
    assert_eq!(law.outcomes.len(), structures);
    assert!(law.outcomes.windows(2).all(|pair| pair[0].0 < pair[1].0), "sorted, and no structure twice");
    assert_eq!(law.total(), ratio(1, 1));
    law
}

/// Asks for the probability of 50 of the structures alone, spread over the law: the subsets of each, not all forests.
fn fifty_alone_agree(model: &Model, law: &Law) {
    for (structure, p) in law.outcomes.iter().step_by(law.outcomes.len() / 50 + 1) {
        let alone = model.probability(structure, Limit::default()).unwrap();
        assert_eq!(alone, *p, "{}", model.canonical(structure));
    }
}

/// Arithmetic modulo 2^61 - 1, without the crate's own.
mod prime {
    pub(crate) const P: u128 = (1 << 61) - 1;

    /// By the extended algorithm of Euclid.
    pub(crate) fn inverse(a: u128) -> u128 {
        let (mut r, mut next_r, mut t, mut next_t) = (P as i128, a as i128, 0_i128, 1_i128);
        while next_r != 0 {
            let quotient = r / next_r;
            (r, next_r) = (next_r, r - quotient * next_r);
            (t, next_t) = (next_t, t - quotient * next_t);
        }
        assert_eq!(r, 1, "{a} has an inverse");
        t.rem_euclid(P as i128) as u128
    }
}

/// The law of Kruskal's tree modulo 2^61 - 1, by forests as bit masks: a mask of edges is only left for larger ones, so
/// that going up through the numbers visits each forest after all that lead to it. Nothing is shared with the crate: the
/// components are found by colouring, inverses by Euclid.
fn kruskal_modulo(n: usize, edges: &[(usize, usize)], rates: &[u128]) -> BTreeMap<usize, u128> {
    let mut probability = vec![0_u128; 1 << edges.len()];
    probability[0] = 1;
    let mut law = BTreeMap::new();
    for forest in 0..probability.len() {
        let here = probability[forest];
        if here == 0 {
            continue;
        }
        let mut colour: Vec<usize> = (0..n).collect();
        for (_, &(u, v)) in edges.iter().enumerate().filter(|(k, _)| forest >> k & 1 == 1) {
            let (old, new) = (colour[u], colour[v]);
            colour.iter_mut().filter(|c| **c == old).for_each(|c| *c = new);
        }
        let races = |k: &usize| colour[edges[*k].0] != colour[edges[*k].1];
        let entrants: Vec<usize> = (0..edges.len()).filter(races).collect();
        if entrants.is_empty() {
            law.insert(forest, here);
            continue;
        }
        let total = entrants.iter().map(|&k| rates[k]).sum::<u128>() % prime::P;
        let share = here * prime::inverse(total) % prime::P;
        for k in entrants {
            let to = &mut probability[forest | 1 << k];
            *to = (*to + share * rates[k]) % prime::P;
        }
    }
    law
}

#[test]
fn the_16807_trees_of_k7_agree_with_subsets_and_modulo_a_prime() {
    let model = complete_graph(7);
    let law = law_with(&model, 16_807);
    fifty_alone_agree(&model, &law);
    let residue = |rate: &BigRational| {
        let part = |n: &num_bigint::BigInt| u128::try_from(n).unwrap();
        part(rate.numer()) * prime::inverse(part(rate.denom())) % prime::P
    };
    let rates: Vec<u128> = model.rates().iter().map(residue).collect();
    let modulo = kruskal_modulo(7, &model.pairs(), &rates);
    assert_eq!(modulo.len(), law.outcomes.len());
    for (structure, p) in &law.outcomes {
        let Structure::Entries(set) = structure else { panic!("a tree is a set") };
        let mask = set.iter().fold(0, |mask, &k| mask | 1 << k);
        assert_eq!(
            u128::from(Residue::from_exact(p).value()),
            modulo[&mask],
            "{}",
            model.canonical(structure)
        );
    }
}

/// On the triangle with rates 4, 2, 1 the trees have probability 64/105, 30/105, 11/105.
#[test]
fn the_independent_law_of_trees_is_right_on_the_triangle() {
    let law = kruskal_modulo(3, &[(0, 1), (0, 2), (1, 2)], &[4, 2, 1]);
    let over_105 = |p: u128| p * prime::inverse(105) % prime::P;
    let want = [(0b011, over_105(64)), (0b101, over_105(30)), (0b110, over_105(11))];
    assert_eq!(law.into_iter().collect::<Vec<_>>(), want);
}

#[test]
fn the_16807_arborescences_of_7_vertices_sum_to_1() {
    let model = complete_digraph(7);
    let law = law_with(&model, 16_807);
    fifty_alone_agree(&model, &law);
    // Each vertex but the root is entered once.
    let marginals = law.marginals(model.entries().len());
    for vertex in 1..7 {
        let entering = model.pairs().into_iter().zip(&marginals).filter(|((_, head), _)| *head == vertex);
        assert_eq!(entering.map(|(_, p)| p).sum::<BigRational>(), ratio(1, 1));
    }
}

#[test]
fn the_208012_binary_trees_of_12_nodes_sum_to_1() {
    let model = Model::binary_tree(rates(12)).unwrap();
    let law = law_with(&model, 208_012);
    fifty_alone_agree(&model, &law);
}

#[test]
fn the_edge_marginals_of_k8_by_partitions_sum_to_7() {
    let marginals = complete_graph(8).marginals(Limit::default()).unwrap();
    assert_eq!(marginals.len(), 28);
    assert!(marginals.iter().all(|p| *p > ratio(0, 1) && *p < ratio(1, 1)));
    assert_eq!(marginals.iter().sum::<BigRational>(), ratio(7, 1));
}

#[test]
fn the_edge_marginals_of_k7_by_partitions_are_those_of_its_law() {
    let model = complete_graph(7);
    let law = model.law(Limit::default()).unwrap();
    assert_eq!(model.marginals(Limit::default()).unwrap(), law.marginals(21));
}

#[test]
fn the_cell_marginals_of_a_7_by_7_matching_sum_to_1_in_every_row_and_column() {
    let marginals = matching(7).marginals(Limit::default()).unwrap();
    for line in 0..7 {
        assert_eq!(marginals[7 * line..7 * line + 7].iter().sum::<BigRational>(), ratio(1, 1));
        assert_eq!(marginals.iter().skip(line).step_by(7).sum::<BigRational>(), ratio(1, 1));
    }
}

#[test]
fn the_5040_matchings_of_7_rows_agree_with_subsets() {
    let model = matching(7);
    let law = law_with(&model, 5_040);
    fifty_alone_agree(&model, &law);
}

/// In the time of n³ small steps; with n⁴ this test took eleven seconds.
#[test]
fn a_matching_of_800_rows_is_read_without_delay() {
    let n = 800;
    let block = |i: usize| usize::from(i >= n / 2);
    let rate = |i: usize, j: usize| if block(i) == block(j) { ratio(1, 1) } else { ratio(0, 1) };
    let rows: Vec<Vec<BigRational>> = (0..n).map(|i| (0..n).map(|j| rate(i, j)).collect()).collect();
    assert_eq!(Model::matching(&rows).unwrap().entries().len(), n * n / 2);
}
