//! What holds for equal rates and complete graphs only, and what has a formula of its own.

use std::collections::BTreeMap;

use num_bigint::{BigInt, BigUint};
use num_rational::BigRational;
use num_traits::{One, Zero};
use petgraph::graph::{DiGraph, NodeIndex, UnGraph};

use super::{Compared, Identity, equal, identity};
use crate::collapse::{Layers, integer_rates};
use crate::count;
use crate::limit::Limit;
use crate::model::{Algorithm, Kind, Model};
use crate::number::ratio;
use crate::recursion::Outcome;
use crate::structure::{Order, Parents, Structure};

/// Closed forms for complete graphs and equal rates, by structure.
#[must_use]
pub fn closed_forms() -> Vec<(Kind, Identity)> {
    vec![
        (Kind::SpanningTree, identity("Cayley, traces (n-1)! n^(n-2)", cayley(Kind::SpanningTree, 6))),
        (Kind::Arborescence, identity("Cayley", cayley(Kind::Arborescence, 5))),
        (Kind::SpanningTree, identity("expected weight of the tree of K_n", expected_weights(6))),
        (Kind::Matching, identity("equal rates: uniform, 1/n!", uniform_matching(5))),
        (Kind::BinaryTree, identity("equal rates: Π 1/size", search_trees(7))),
        (Kind::TopK, identity("equal rates: 1/C(n,k)", uniform_top_k(6))),
        (Kind::Permutation, identity("Plackett-Luce product", plackett_luce())),
        (Kind::Categorical, identity("rate / total", categorical())),
    ]
}

fn complete(n: usize, rate: impl Fn(usize, usize) -> BigRational) -> Vec<(usize, usize, BigRational)> {
    (0..n).flat_map(|u| (u + 1..n).map(move |v| (u, v))).map(|(u, v)| (u, v, rate(u, v))).collect()
}

fn complete_model(kind: Kind, n: usize) -> Result<Model, String> {
    let one = |_, _| ratio(1, 1);
    let pairs = complete(n, one).into_iter().map(|(u, v, rate)| (u as u32, v as u32, rate));
    let model = match kind {
        Kind::Arborescence => {
            let arcs = pairs.flat_map(|(u, v, rate)| [(u, v, rate.clone()), (v, u, rate)]);
            Model::arborescence(&DiGraph::<(), _>::from_edges(arcs), NodeIndex::new(n - 1))
        }
        _ => Model::spanning_tree(&UnGraph::<(), _>::from_edges(pairs)),
    };
    model.map_err(|error| error.to_string())
}

fn cayley(kind: Kind, largest: usize) -> Compared {
    let mut compared = 0;
    for n in 2..=largest {
        let model = complete_model(kind, n)?;
        let structures = BigUint::from(n).pow(n as u32 - 2);
        let law = model.law(Limit(u64::MAX)).map_err(|error| error.to_string())?;
        compared +=
            equal(|| format!("structures at n = {n}"), &BigUint::from(law.outcomes.len()), &structures)?;
        if kind == Kind::SpanningTree {
            let traces = BigUint::from(model.traces().count());
            compared +=
                equal(|| format!("traces at n = {n}"), &traces, &(structures * count::factorial(n - 1)))?;
        }
    }
    Ok(compared)
}

/// The expected weight of the minimum spanning tree of K_n with all rates 1, by the race argument on block sizes: while
/// there are `b` blocks, every edge still to be chosen, `b - 1` of them, waits for the next winning time, of mean `1/Λ`.
///
/// Returned too: the same for uniform weights on (0, 1), by discounting: with `U = 1 - e^{-E}` the expected
/// weight is `∫ E[blocks - 1] e^{-t} dt`.
#[must_use]
pub fn expected_tree_weight(n: usize) -> (BigRational, BigRational) {
    let mut layer: BTreeMap<Vec<usize>, (BigRational, BigRational)> = BTreeMap::new();
    layer.insert(vec![1; n], (BigRational::one(), BigRational::one()));
    let (mut exponential, mut uniform) = (BigRational::zero(), BigRational::zero());
    for blocks in (2..=n).rev() {
        let mut next: BTreeMap<Vec<usize>, (BigRational, BigRational)> = BTreeMap::new();
        for (sizes, (p, discounted)) in layer {
            let pairs = || (0..blocks).flat_map(|i| (i + 1..blocks).map(move |j| (i, j)));
            let integer = |value: usize| BigRational::from(BigInt::from(value));
            let total = integer(pairs().map(|(i, j)| sizes[i] * sizes[j]).sum());
            let (share, shared) = (p / &total, discounted / (&total + BigRational::one()));
            exponential += integer(blocks - 1) * &share;
            uniform += integer(blocks - 1) * &shared;
            for (i, j) in pairs() {
                let mut merged = sizes.clone();
                merged[i] += merged.remove(j);
                merged.sort_unstable();
                let sum = next.entry(merged).or_insert_with(|| (BigRational::zero(), BigRational::zero()));
                let rate = integer(sizes[i] * sizes[j]);
                sum.0 += &share * &rate;
                sum.1 += &shared * &rate;
            }
        }
        layer = next;
    }
    (exponential, uniform)
}

fn expected_weights(largest: usize) -> Compared {
    // Uniform weights: Steele (2002), Fill and Steele (2005), Table 1.
    let published: [(i64, i64); 8] = [
        (1, 2),
        (3, 4),
        (31, 35),
        (893, 924),
        (278, 273),
        (30_739, 29_172),
        (199_462_271, 184_848_378),
        (126_510_063_932, 115_228_853_025),
    ];
    let mut compared = 0;
    for (n, (p, q)) in (2..).zip(published) {
        compared += equal(|| format!("uniform weights, n = {n}"), &expected_tree_weight(n).1, &ratio(p, q))?;
    }
    for n in 2..=largest {
        let model = complete_model(Kind::SpanningTree, n)?;
        let (want, _) = expected_tree_weight(n);
        if let Algorithm::SpanningTree(a) = model.algorithm() {
            let times = Layers::by_state(a, model.rates()).expected_times();
            let left = (0..times.len()).map(|r| BigRational::from(BigInt::from(times.len() - r)));
            let weight =
                times.iter().zip(left).fold(BigRational::zero(), |sum, (time, left)| sum + time * left);
            compared += equal(|| format!("expected weight by partitions, n = {n}"), &weight, &want)?;
        }
        if n <= 5 {
            // Σ_T p(T) Σ_{k∈X} E[E_k | T]
            let mut weight = BigRational::zero();
            for Outcome { trace, structure, probability } in model.traces() {
                let Structure::Entries(edges) = structure else { continue };
                let mean = trace.conditional_mean(model.rates());
                for &k in edges.iter() {
                    weight += &probability * mean[k].clone().unwrap_or_default();
                }
            }
            compared += equal(|| format!("expected weight by traces, n = {n}"), &weight, &want)?;
        }
    }
    Ok(compared)
}

fn reciprocal(count: &BigUint) -> BigRational {
    BigRational::new(BigInt::one(), BigInt::from(count.clone()))
}

fn uniform(model: Result<Model, crate::model::ModelError>, count: &BigUint) -> Compared {
    let law = model
        .map_err(|problem| problem.to_string())?
        .law(Limit(u64::MAX))
        .map_err(|error| error.to_string())?;
    let mut compared = equal(|| "structures".to_owned(), &BigUint::from(law.outcomes.len()), count)?;
    for (x, p) in &law.outcomes {
        compared += equal(|| format!("P of {x:?}"), p, &reciprocal(count))?;
    }
    Ok(compared)
}

fn uniform_matching(largest: usize) -> Compared {
    (1..=largest)
        .map(|n| uniform(Model::matching(&vec![vec![ratio(3, 7); n]; n]), &count::factorial(n)))
        .sum()
}

fn uniform_top_k(largest: usize) -> Compared {
    let cases = (1..=largest).flat_map(|n| (1..=n).map(move |k| (n, k)));
    cases.map(|(n, k)| uniform(Model::top_k(vec![ratio(3, 7); n], k), &count::binomial(n, k))).sum()
}

fn search_trees(largest: usize) -> Compared {
    let mut compared = 0;
    for n in 1..=largest {
        let model = Model::binary_tree(vec![ratio(3, 7); n]).map_err(|problem| problem.to_string())?;
        let law = model.law(Limit(u64::MAX)).map_err(|error| error.to_string())?;
        compared +=
            equal(|| format!("trees on {n}"), &BigUint::from(law.outcomes.len()), &count::catalan(n))?;
        for (x, p) in &law.outcomes {
            let Structure::Parents(Parents(parents)) = x else { continue };
            let mut size = vec![0_i64; n];
            for position in 0..n {
                for above in std::iter::successors(Some(position), |&v: &usize| parents[v]) {
                    size[above] += 1;
                }
            }
            let product = size.iter().fold(BigRational::one(), |product, &size| product * ratio(1, size));
            compared += equal(|| format!("P of {parents:?}"), p, &product)?;
        }
    }
    Ok(compared)
}

fn plackett_luce() -> Compared {
    let rates: Vec<BigRational> = [(2, 3), (5, 1), (1, 7), (4, 9)].map(|(p, q)| ratio(p, q)).to_vec();
    let model = Model::permutation(rates.clone()).map_err(|problem| problem.to_string())?;
    let law = model.law(Limit(u64::MAX)).map_err(|error| error.to_string())?;
    let mut compared = equal(|| "permutations".to_owned(), &law.outcomes.len(), &24)?;
    for (x, p) in &law.outcomes {
        let Structure::Order(Order(order)) = x else { continue };
        // from the last place back: λ / (sum of the rates from here on)
        let mut total = BigRational::zero();
        let mut product = BigRational::one();
        for &i in order.iter().rev() {
            total += &rates[i];
            product *= &rates[i] / &total;
        }
        compared += equal(|| format!("P of {order:?}"), p, &product)?;
    }
    Ok(compared)
}

fn categorical() -> Compared {
    let rates: Vec<BigRational> = [(2, 3), (0, 1), (1, 7)].map(|(p, q)| ratio(p, q)).to_vec();
    let (integers, _) = integer_rates(&rates); // 14, 0, 3
    let model = Model::categorical(rates).map_err(|problem| problem.to_string())?;
    let marginals = model.marginals(Limit(u64::MAX)).map_err(|error| error.to_string())?;
    let want: Vec<BigRational> = integers.iter().map(|rate| rate / ratio(17, 1)).collect();
    equal(|| "marginals".to_owned(), &marginals, &want)
}
