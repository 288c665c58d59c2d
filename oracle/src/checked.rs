//! What entries and rates must be, whatever file or graph they come from.

use num_rational::BigRational;
use num_traits::{Signed, Zero};
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::Bfs;

use crate::kind::Kind;
use crate::problem::{EntryProblem, Problem};
use crate::rate::RateError;

/// The pairs, their rates, and whether they are present.
pub(crate) type Split = (Vec<(usize, usize)>, Vec<BigRational>, Vec<bool>);

pub(crate) fn split(edges: Vec<(usize, usize, BigRational)>) -> Split {
    let present = edges.iter().map(|(_, _, rate)| rate.is_positive()).collect();
    let (pairs, rates) = edges.into_iter().map(|(u, v, rate)| ((u, v), rate)).unzip();
    (pairs, rates, present)
}

pub(crate) fn check_rates<'a>(rates: impl IntoIterator<Item = &'a BigRational>) -> Result<(), EntryProblem> {
    match rates.into_iter().enumerate().find(|(_, rate)| rate.is_negative()) {
        Some((entry, rate)) => Err((Some(entry), Problem::Rate(RateError::Negative(rate.to_string())))),
        None => Ok(()),
    }
}

/// Loops, vertices out of range, pairs given twice, negative rates.
pub(crate) fn check_pairs(
    vertices: usize,
    edges: &[(usize, usize, BigRational)],
) -> Result<(), EntryProblem> {
    if vertices == 0 {
        return Err((None, Problem::Empty));
    }
    check_rates(edges.iter().map(|(_, _, rate)| rate))?;
    let mut first = std::collections::BTreeMap::new();
    for (entry, &(u, v, _)) in edges.iter().enumerate() {
        if let Some(vertex) = [u, v].into_iter().find(|&vertex| vertex >= vertices) {
            return Err((Some(entry), Problem::Vertex { vertex, vertices }));
        }
        if u == v {
            return Err((Some(entry), Problem::Loop { vertex: u }));
        }
        if let Some(first) = first.insert((u, v), entry) {
            return Err((Some(entry), Problem::Duplicate { u, v, first }));
        }
    }
    Ok(())
}

/// The smallest vertex that cannot be reached, if there is one, without memory for more vertices than edges name.
pub(crate) fn reachable<'a>(
    vertices: usize,
    root: usize,
    arcs: impl Iterator<Item = (usize, usize, &'a BigRational)>,
) -> Result<(), usize> {
    let arcs: Vec<(usize, usize)> =
        arcs.filter(|(_, _, rate)| rate.is_positive()).map(|(u, v, _)| (u, v)).collect();
    // Every other vertex must be the head of an arc.
    let mut heads: Vec<usize> = arcs.iter().map(|&(_, v)| v).chain([root]).collect();
    heads.sort_unstable();
    heads.dedup();
    if let Some(vertex) = (0..vertices)
        .zip(heads.iter().map(Some).chain(std::iter::repeat(None)))
        .find_map(|(vertex, head)| (head != Some(&vertex)).then_some(vertex))
    {
        return Err(vertex);
    }
    // So there are at most as many vertices as arcs, and one more.
    let mut graph = DiGraph::<(), ()>::new();
    let nodes: Vec<NodeIndex> = (0..vertices).map(|_| graph.add_node(())).collect();
    for (u, v) in arcs {
        graph.add_edge(nodes[u], nodes[v], ());
    }
    let mut seen = vec![false; vertices];
    let mut search = Bfs::new(&graph, nodes[root]);
    while let Some(vertex) = search.next(&graph) {
        seen[vertex.index()] = true;
    }
    seen.iter().position(|seen| !seen).map_or(Ok(()), Err)
}

/// Which positions of a list of rates are present.
pub(crate) fn present(rates: &[BigRational]) -> Result<Vec<bool>, EntryProblem> {
    if rates.is_empty() {
        return Err((None, Problem::Empty));
    }
    check_rates(rates)?;
    Ok(rates.iter().map(Signed::is_positive).collect())
}

/// The number of positions, all of which must be present.
pub(crate) fn all_present(kind: Kind, rates: &[BigRational]) -> Result<usize, EntryProblem> {
    match present(rates)?.iter().position(|present| !present) {
        Some(absent) => Err((Some(absent), Problem::ZeroRate { kind })),
        None => Ok(rates.len()),
    }
}

/// The list with rate `k` set to 0, and without it.
pub(crate) fn without(rates: &[BigRational], k: usize) -> [Vec<BigRational>; 2] {
    let [mut zero, mut less] = [rates.to_vec(), rates.to_vec()];
    zero[k] = BigRational::zero();
    less.remove(k);
    [zero, less]
}
