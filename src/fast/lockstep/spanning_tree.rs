//! Spanning trees.

use pulp::Simd;

use super::Group;
use super::steps::Closing;
use crate::fast::SpanningTree;
use crate::fast::small::VERTICES;

impl Group {
    /// Whether a graph of so many vertices is dense, and of one piece.
    pub(super) fn is_dense_and_connected(&self, lane: usize, vertices: usize) -> bool {
        let mut labels: [usize; VERTICES] = std::array::from_fn(|vertex| vertex);
        let pairs = (0..self.n).flat_map(|u| (u + 1..self.n).map(move |v| (u, v)));
        let mut edges = 0;
        for ((u, v), _) in pairs.zip(&self.rates).filter(|of| of.1[lane] > 0.0) {
            edges += 1;
            let (from, to) = (labels[u], labels[v]);
            labels.iter_mut().filter(|label| **label == to).for_each(|label| *label = from);
        }
        SpanningTree::is_dense(vertices, edges) && labels[..vertices].iter().all(|label| *label == labels[0])
    }
}

/// Kruskal's algorithm: rows and columns are vertices, called by their component.
pub(super) struct Kruskal;

impl Closing for Kruskal {
    #[inline(always)]
    fn first(row: usize) -> usize {
        row + 1
    }

    #[inline(always)]
    fn is_closed<S: Simd>(simd: S, row: S::u64s, column: S::u64s) -> S::m64s {
        simd.equal_u64s(row, column)
    }

    #[inline(always)]
    fn close<S: Simd>(simd: S, [from, to]: [S::u64s; 2], rows: &mut [S::u64s], columns: &mut [S::u64s]) {
        for (row, column) in rows.iter_mut().zip(columns) {
            *row = simd.select_u64s(simd.equal_u64s(*row, to), from, *row);
            *column = *row;
        }
    }
}
