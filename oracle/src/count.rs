//! Closed-form counts of structures and traces, exact and without enumeration.
//!
//! # Law
//! Spanning trees of any graph: a cofactor of the Laplacian (Kirchhoff). Arborescences from a root `r`: the determinant
//! of the in-degree Laplacian without row and column `r` (Tutte). Complete graphs: `n^(n-2)` (Cayley). Binary trees:
//! Catalan. Traces of Kruskal: every order of the edges of every spanning tree, `(n-1)!·τ`.
//!
//! # Cost
//! A determinant by fraction-free elimination (Bareiss): O(n³) operations on integers of O(n log m) bits.
//!
//! # Example
//! ```
//! use gumbel_oracle::count::spanning_trees;
//! assert_eq!(spanning_trees(4, &[(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]), 16_u32.into()); // 4^2
//! ```
//!
//! # References
//! G. Kirchhoff (1847); W. T. Tutte (1948), *The dissection of equilateral triangles into equilateral triangles*; E. H.
//! Bareiss (1968), *Sylvester's identity and multistep integer-preserving Gaussian elimination*, Math. Comp. 22.

use std::collections::BTreeMap;

use num_bigint::{BigInt, BigUint};
use num_traits::{One, Zero};

/// `n!`
#[must_use]
pub fn factorial(n: usize) -> BigUint {
    (1..=n).map(BigUint::from).product()
}

/// The binomial coefficient `n` over `k`; 0 if `k > n`.
#[must_use]
pub fn binomial(n: usize, k: usize) -> BigUint {
    if k > n {
        return BigUint::zero();
    }
    (0..k).fold(BigUint::one(), |product, i| product * (n - i) / (i + 1))
}

/// The Catalan number: binary trees with `n` nodes.
#[must_use]
pub fn catalan(n: usize) -> BigUint {
    binomial(2 * n, n) / (n + 1)
}

/// The Bell number: partitions of `n` things.
#[must_use]
pub fn bell(n: usize) -> BigUint {
    let mut row = vec![BigUint::one()];
    for _ in 0..n {
        let mut next = vec![row[row.len() - 1].clone()];
        for (i, above) in row.iter().enumerate() {
            let entry = &next[i] + above;
            next.push(entry);
        }
        row = next;
    }
    row[0].clone()
}

/// The number of spanning trees of a multigraph: a determinant.
#[must_use]
pub fn spanning_trees(vertices: usize, edges: &[(usize, usize)]) -> BigUint {
    let mut laplacian = vec![vec![BigInt::zero(); vertices]; vertices];
    for &(u, v) in edges.iter().filter(|(u, v)| u != v) {
        laplacian[u][u] += 1;
        laplacian[v][v] += 1;
        laplacian[u][v] -= 1;
        laplacian[v][u] -= 1;
    }
    cofactor(laplacian, 0)
}

/// The number of arborescences from `root` of a multidigraph: a determinant.
#[must_use]
pub fn arborescences(vertices: usize, root: usize, arcs: &[(usize, usize)]) -> BigUint {
    let mut laplacian = vec![vec![BigInt::zero(); vertices]; vertices];
    for &(u, v) in arcs.iter().filter(|(u, v)| u != v) {
        laplacian[v][v] += 1;
        laplacian[u][v] -= 1;
    }
    cofactor(laplacian, root)
}

/// The determinant without row and column `without`; 0 if there are none such: without a root there is no tree.
fn cofactor(mut matrix: Vec<Vec<BigInt>>, without: usize) -> BigUint {
    if without >= matrix.len() {
        return BigUint::zero();
    }
    matrix.remove(without);
    for row in &mut matrix {
        row.remove(without);
    }
    determinant(matrix).magnitude().clone()
}

/// The determinant of an integer matrix, by fraction-free elimination.
#[must_use]
pub fn determinant(mut matrix: Vec<Vec<BigInt>>) -> BigInt {
    let n = matrix.len();
    let (mut sign, mut before) = (BigInt::one(), BigInt::one());
    for step in 0..n {
        let Some(pivot) = (step..n).find(|&row| !matrix[row][step].is_zero()) else {
            return BigInt::zero();
        };
        if pivot != step {
            matrix.swap(pivot, step);
            sign = -sign;
        }
        let top = matrix[step].clone();
        for row in matrix.iter_mut().skip(step + 1) {
            for column in (step + 1..n).rev() {
                row[column] = (&row[column] * &top[step] - &row[step] * &top[column]) / &before;
            }
        }
        before = top[step].clone();
    }
    sign * before
}

/// The number of traces of the algorithm of Chu, Liu and Edmonds: see the law of [`crate::arborescence`].
///
/// `arcs` are those that are present. O(5ⁿ⁻¹ + Bell(n-1)·n³) for `n` vertices.
#[must_use]
pub fn arborescence_traces(vertices: usize, root: usize, arcs: &[(usize, usize)]) -> BigUint {
    let others: Vec<usize> = (0..vertices).filter(|&v| v != root).collect();
    let n = others.len();
    let bit = |v: usize| others.iter().position(|&other| other == v).map_or(0, |i| 1_usize << i);
    let between = |from: usize, to: usize| {
        arcs.iter().filter(|&&(u, v)| bit(u) & from != 0 && bit(v) & to != 0).count()
    };
    // formed[S]: ways to form the component S. Subsets are bit masks over `others`, smaller ones first.
    let mut formed = vec![BigUint::zero(); 1 << n];
    let mut known = BTreeMap::new();
    for set in 1_usize..1 << n {
        if set.count_ones() == 1 {
            formed[set] = BigUint::one();
            continue;
        }
        // Cycles of parts S_1 → … → S_k → S_1 with the lowest vertex in S_1: paths from S_1 through the rest and back.
        let lowest = set & set.wrapping_neg();
        for first in subsets(set).filter(|first| first & lowest != 0 && *first != set) {
            let ways = cycles(first, first, set & !first, &formed, &between, &mut known);
            let ways = ways * &formed[first];
            formed[set] += ways;
        }
    }
    let mut total = BigUint::zero();
    partitions((1 << n) - 1, &mut Vec::new(), &mut |parts: &[usize]| {
        let ways: BigUint = parts.iter().map(|&part| &formed[part]).product();
        if ways.is_zero() {
            return;
        }
        let part = |v: usize| parts.iter().position(|part| part & bit(v) != 0).map_or(0, |i| i + 1);
        let contracted: Vec<(usize, usize)> = arcs.iter().map(|&(u, v)| (part(u), part(v))).collect();
        total += ways * arborescences(parts.len() + 1, 0, &contracted);
    });
    total
}

/// Ways to go on from the part `last` through all of `rest`, part by part, and back to `first`.
fn cycles(
    first: usize,
    last: usize,
    rest: usize,
    formed: &[BigUint],
    between: &impl Fn(usize, usize) -> usize,
    known: &mut BTreeMap<(usize, usize, usize), BigUint>,
) -> BigUint {
    if rest == 0 {
        return BigUint::from(between(last, first));
    }
    if let Some(ways) = known.get(&(first, last, rest)) {
        return ways.clone();
    }
    let mut ways = BigUint::zero();
    for next in subsets(rest) {
        let arcs = between(last, next);
        if arcs > 0 && !formed[next].is_zero() {
            ways += &formed[next] * arcs * cycles(first, next, rest & !next, formed, between, known);
        }
    }
    known.insert((first, last, rest), ways.clone());
    ways
}

/// The subsets of a bit mask, the empty one left out.
fn subsets(set: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(set), move |&subset| Some((subset.wrapping_sub(1)) & set))
        .take_while(|&subset| subset != 0)
}

/// Calls `visit` with every partition of the bits of `set`.
fn partitions(set: usize, parts: &mut Vec<usize>, visit: &mut impl FnMut(&[usize])) {
    if set == 0 {
        visit(parts);
        return;
    }
    let lowest = set & set.wrapping_neg();
    for part in subsets(set).filter(|part| part & lowest != 0) {
        parts.push(part);
        partitions(set & !part, parts, visit);
        parts.pop();
    }
}

/// An upper bound on the number of forests of a graph with `m` edges, `n` vertices and `trees` spanning trees: every
/// forest is a subset of at most `n-1` edges, and a subset of a spanning tree.
#[must_use]
pub(crate) fn forests_bound(n: usize, m: usize, trees: &BigUint) -> BigUint {
    let most = n.saturating_sub(1);
    let subsets: BigUint = (0..=most.min(m)).map(|k| binomial(m, k)).sum();
    subsets.min(trees << most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete(n: usize) -> Vec<(usize, usize)> {
        (0..n).flat_map(|u| (u + 1..n).map(move |v| (u, v))).collect()
    }

    fn complete_digraph(n: usize, root: usize) -> Vec<(usize, usize)> {
        (0..n).flat_map(|u| (0..n).map(move |v| (u, v))).filter(|&(u, v)| u != v && v != root).collect()
    }

    #[test]
    fn complete_graphs_have_cayleys_number_of_trees_and_arborescences() {
        for n in 2..9 {
            let cayley = BigUint::from(n).pow(n as u32 - 2);
            assert_eq!(spanning_trees(n, &complete(n)), cayley);
            assert_eq!(arborescences(n, n / 2, &complete_digraph(n, n / 2)), cayley);
        }
        assert_eq!(spanning_trees(1, &[]), BigUint::one());
    }

    #[test]
    fn small_numbers_are_the_tabulated_ones() {
        assert_eq!([0, 1, 2, 3, 4, 12].map(|n| catalan(n).to_string()), ["1", "1", "2", "5", "14", "208012"]);
        assert_eq!([0, 1, 2, 3, 4, 10].map(|n| bell(n).to_string()), ["1", "1", "2", "5", "15", "115975"]);
        assert_eq!(binomial(10, 3), 120_u32.into());
        assert_eq!(binomial(3, 10), 0_u32.into());
        assert_eq!(factorial(6), 720_u32.into());
    }

    #[test]
    fn a_determinant_that_needs_a_row_exchange() {
        let matrix = |rows: [[i64; 3]; 3]| rows.map(|row| row.map(BigInt::from).to_vec()).to_vec();
        assert_eq!(determinant(matrix([[0, 2, 1], [1, 0, 3], [2, 1, 0]])), 13.into());
        assert_eq!(determinant(matrix([[1, 2, 3], [2, 4, 6], [0, 1, 1]])), 0.into());
        assert_eq!(determinant(vec![]), 1.into());
    }

    #[test]
    fn a_disconnected_graph_has_no_tree() {
        assert_eq!(spanning_trees(4, &[(0, 1), (2, 3)]), BigUint::zero());
        assert_eq!(arborescences(3, 0, &[(1, 2), (2, 1)]), BigUint::zero());
    }
}
