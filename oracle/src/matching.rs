//! Random perfect matchings: the greedy 'crossing' algorithm run on exponential weights.
//!
//! # Notation
//! An n×n matrix of cells, the entries, row by row. Cell `(i, j)` has rate `λ_ij` and weight `E_ij ~ Exp(λ_ij)`. The trace
//! is the cells in the order chosen; `X` is the permutation that sends each row to its column.
//!
//! # Law
//! In each step all cells of the rows and columns that are left race; the winner's row and column go.
//! `p(T) = Π_r λ_{t_r}/Λ_r`, and `P(X)` is the sum over the `n!` orders of the cells of `X`. The matching is the greedy
//! one; in general it is not the minimum assignment, and is not meant to be.
//!
//! A rate 0 (an absent cell) is allowed only where greedy choices can never get stuck: where the rows that share a column
//! have the same columns, as many as there are rows. (A graph all of whose maximal matchings are perfect is, if
//! connected, complete with parts of equal size: Sumner 1979.)
//!
//! # Cost
//! A run: O(n³). `(n!)²` traces. The collapsed law visits the `Σ_k C(n,k)²·k!` partial matchings (n = 8: 1,441,729), the
//! cell marginals the `C(2n,n)` pairs of row set and column set (n = 8: 12,870).
//!
//! # Example
//! ```
//! use gumbel_oracle::{matching::Matching, number::ratio, recursion::traces};
//! let rates = [ratio(1, 1), ratio(2, 1), ratio(3, 1), ratio(4, 1)];
//! let first = traces(&Matching::new(2), &rates).next().unwrap();
//! assert_eq!(first.probability, ratio(1, 10)); // cell (0,0) wins, then (1,1) races alone
//! ```
//!
//! # References
//! Struminsky et al. (2021), arXiv:2110.15072, section 4 and appendix (perfect matchings); D. P. Sumner (1979),
//! *Randomly matchable graphs*, J. Graph Theory 3.

use crate::recursion::Recursion;
use crate::structure::EntrySet;

/// The greedy 'crossing' algorithm. The state is the rows and the columns that are left; the structure is the set of
/// cells, cell `(i, j)` being entry `i·n + j` less the absent ones before it.
#[derive(Debug, Clone)]
pub struct Matching {
    n: usize,
    /// The present cells in entry order.
    cells: Vec<(usize, usize)>,
}

impl Matching {
    /// Crossing on an n×n matrix; cell `(i, j)` is entry `i·n + j`.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { n, cells: (0..n * n).map(|k| (k / n, k % n)).collect() }
    }

    /// Crossing where only these cells are present.
    pub(crate) fn with_cells(n: usize, cells: Vec<(usize, usize)>) -> Self {
        Self { n, cells }
    }

    /// The cells, in entry order.
    #[must_use]
    pub fn cells(&self) -> &[(usize, usize)] {
        &self.cells
    }
}

impl Recursion for Matching {
    type State = (Vec<usize>, Vec<usize>);
    type Structure = EntrySet;

    fn entries(&self) -> usize {
        self.cells.len()
    }

    fn start(&self) -> Self::State {
        ((0..self.n).collect(), (0..self.n).collect())
    }

    fn stop(&self, (rows, _): &Self::State) -> Option<EntrySet> {
        rows.is_empty().then(EntrySet::new)
    }

    fn split(&self, (rows, columns): &Self::State) -> Vec<Vec<usize>> {
        let left = |&k: &usize| rows.contains(&self.cells[k].0) && columns.contains(&self.cells[k].1);
        vec![(0..self.cells.len()).filter(left).collect()]
    }

    fn map(&self, (rows, columns): &Self::State, winners: &[usize]) -> Self::State {
        let gone = |cell: fn(&(usize, usize)) -> usize, line: usize| {
            winners.iter().any(|&winner| cell(&self.cells[winner]) == line)
        };
        let rows = rows.iter().copied().filter(|&row| !gone(|cell| cell.0, row)).collect();
        let columns = columns.iter().copied().filter(|&column| !gone(|cell| cell.1, column)).collect();
        (rows, columns)
    }

    fn combine(&self, _: &Self::State, winners: &[usize], mut rest: EntrySet) -> EntrySet {
        rest.extend(winners);
        rest
    }
}
