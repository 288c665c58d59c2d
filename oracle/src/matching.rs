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

use num_bigint::BigUint;
use num_rational::BigRational;
use num_traits::{Signed, Zero};

use crate::builtin::{Builtin, Relabelled, list};
use crate::checked::{check_rates, split};
use crate::collapse::OrderFree;
use crate::count;
use crate::kind::{Entry, Kind};
use crate::limit::{Limit, TooLarge};
use crate::permutation::order_loss;
use crate::problem::{EntryProblem, ModelError, Problem, TraceProblem};
use crate::race::Trace;
use crate::reader::Given;
use crate::recursion::Recursion;
use crate::structure::EntrySet;
use crate::trace_reader;

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

    fn entry_count(&self) -> usize {
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

    fn combine(&self, _: &Self::State, winners: &[usize], rest: EntrySet) -> EntrySet {
        rest.with(winners)
    }
}

impl OrderFree for Matching {}

impl Matching {
    /// From a matrix of rates that is checked here. Cells of rate 0 are left out.
    pub(crate) fn checked(rates: &[Vec<BigRational>]) -> Result<(Self, Vec<BigRational>), EntryProblem> {
        let n = rates.len();
        if n == 0 {
            return Err((None, Problem::Empty));
        }
        if let Some((row, cells)) = rates.iter().enumerate().find(|(_, cells)| cells.len() != n) {
            return Err((None, Problem::NotSquare { rows: n, row, columns: cells.len() }));
        }
        let all: Vec<(usize, usize, BigRational)> = rates
            .iter()
            .enumerate()
            .flat_map(|(i, row)| row.iter().enumerate().map(move |(j, rate)| (i, j, rate.clone())))
            .collect();
        check_rates(all.iter().map(|(_, _, rate)| rate))?;
        can_get_stuck(rates)?;
        let (cells, rates, _) = split(all.into_iter().filter(|(_, _, rate)| rate.is_positive()).collect());
        Ok((Self::with_cells(n, cells), rates))
    }

    /// The matrix of rates, 0 for an absent cell.
    fn matrix(&self, rates: &[BigRational]) -> Vec<Vec<BigRational>> {
        let mut matrix = vec![vec![BigRational::zero(); self.n]; self.n];
        for (&(i, j), rate) in self.cells.iter().zip(rates) {
            matrix[i][j] = rate.clone();
        }
        matrix
    }

    /// The column of each row, none for a row without a cell.
    fn columns(&self, cells: &EntrySet) -> Vec<Option<usize>> {
        let mut columns = vec![None; self.n];
        for &(i, j) in cells.iter().filter_map(|&k| self.cells.get(k)) {
            columns[i] = Some(j);
        }
        columns
    }
}

/// Greedy choices can get stuck unless rows that share a column have the same columns, as many as there are such rows.
fn can_get_stuck(rates: &[Vec<BigRational>]) -> Result<(), EntryProblem> {
    let columns =
        |row: usize| -> Vec<usize> { (0..rates.len()).filter(|&j| rates[row][j].is_positive()).collect() };
    let all: Vec<Vec<usize>> = (0..rates.len()).map(columns).collect();
    for (row, mine) in all.iter().enumerate() {
        if mine.is_empty() {
            return Err((None, Problem::EmptyRow { row }));
        }
        for (other, _) in all.iter().enumerate().filter(|(_, theirs)| *theirs != mine) {
            let has = |column: &&usize| rates[other][**column].is_positive();
            let (shared, missing) = (mine.iter().find(has), mine.iter().find(|column| !has(column)));
            if let (Some(&shared), Some(&missing)) = (shared, missing) {
                return Err((None, Problem::Stuck { row, other, shared, missing }));
            }
        }
        let same = all.iter().filter(|theirs| *theirs == mine).count();
        if same != mine.len() {
            return Err((None, Problem::Unbalanced { row, rows: same, columns: mine.len() }));
        }
    }
    Ok(())
}

impl Builtin for Matching {
    const KIND: Kind = Kind::Matching;
    const ABOUT: &'static str = "Greedy crossing: in each step the cells in the rows and columns that are left race. The \
                               winner matches its row to its column, and both are removed.";
    const LOSSES: &'static [(&'static str, &'static str)] = &[
        ("default", "minus the number of diagonal cells"),
        ("displacement", "the sum of |row - column|"),
        ("inversions", "the number of pairs of rows whose columns are in the other order"),
    ];

    fn size(&self) -> usize {
        self.n
    }

    fn entry(&self, k: usize) -> Entry {
        let (row, column) = self.cells[k];
        Entry::Pair(row, column)
    }

    fn read(given: &Given<'_>) -> Result<(Self, Vec<BigRational>), ModelError> {
        given.square(Self::checked)
    }

    /// Rows fall into blocks of `m` rows with the same `m` columns; a row of the block has `m` cells.
    fn structure_count(&self) -> BigUint {
        let mut cells = vec![0_usize; self.n];
        self.cells.iter().for_each(|&(row, _)| cells[row] += 1);
        let rows_with = |m: usize| cells.iter().filter(|&&c| c == m).count();
        (1..=self.n).map(|m| count::factorial(m).pow((rows_with(m) / m) as u32)).product()
    }

    fn trace_count(&self) -> Option<BigUint> {
        Some(self.structure_count() * count::factorial(self.n))
    }

    fn check_magnitude(&self, limit: Limit) -> Result<(), TooLarge> {
        limit.check_power("partial matchings (a lower bound)", self.n)
    }

    fn check_law(&self, limit: Limit) -> Result<(), TooLarge> {
        self.check_magnitude(limit)?;
        limit.check_lower_bound("structures", &self.structure_count())?; // and more states on the way to them
        let of_size = |k| count::binomial(self.n, k).pow(2) * count::factorial(k);
        let matchings = (0..=self.n).map(of_size).sum::<BigUint>();
        limit.check("partial matchings (an upper bound)", &matchings)
    }

    fn check_states(&self, limit: Limit) -> Result<(), TooLarge> {
        self.check_magnitude(limit)?;
        limit.check("pairs of row set and column set", &count::binomial(2 * self.n, self.n))
    }

    fn loss(&self, name: &str, cells: &EntrySet) -> i64 {
        let columns: Vec<usize> = self.columns(cells).into_iter().flatten().collect();
        match name {
            "default" => -(columns.iter().enumerate().filter(|&(row, &column)| row == column).count() as i64),
            _ => order_loss(name, &columns),
        }
    }

    fn additive(&self, name: &str) -> Option<Vec<i64>> {
        let value = |&(i, j): &(usize, usize)| match name {
            "default" => Some(-i64::from(i == j)),
            "displacement" => Some(i.abs_diff(j) as i64),
            _ => None,
        };
        self.cells.iter().map(value).collect()
    }

    fn canonical(&self, cells: &EntrySet) -> String {
        let column = |j: Option<usize>| j.map_or_else(|| "null".to_owned(), |j| j.to_string());
        let foreign = cells.iter().filter(|k| **k >= self.cells.len()).map(|&k| self.written(k));
        list(self.columns(cells).into_iter().map(column).chain(foreign))
    }

    fn parse_trace(&self, text: &str) -> Result<Trace, TraceProblem> {
        let want = "the cells in the order chosen, [[row,column],…]";
        let cells: Vec<(usize, usize)> = trace_reader::parse::<Self, _>(text, want)?;
        let cells: Vec<Entry> = cells.into_iter().map(|(row, column)| Entry::Pair(row, column)).collect();
        trace_reader::of_winners(self, &cells)
    }

    fn race_count(&self, _: &Trace) -> usize {
        self.n
    }

    /// Rows turned by one, columns mirrored.
    fn relabelled(&self, rates: &[BigRational]) -> Relabelled<Self> {
        let place = |&(i, j): &(usize, usize)| ((i + 1) % self.n, self.n - 1 - j);
        let moved = self.cells.iter().map(place).zip(rates.iter().cloned());
        let moved: std::collections::BTreeMap<(usize, usize), BigRational> = moved.collect();
        let new = |cell| moved.keys().position(|key| *key == place(cell));
        let number = self.cells.iter().filter_map(new).collect();
        let (cells, rates) = moved.into_iter().unzip();
        let algorithm = Self::with_cells(self.n, cells);
        Relabelled { algorithm, rates, number }
    }

    /// No cell can be absent alone. Here all the same: one more row and column, whose cell is alone in its block; with it at
    /// rate 5/3, the others of that row and column are absent.
    fn beside_a_block(&self, rates: &[BigRational]) -> Option<(Self, Vec<BigRational>)> {
        let mut blocks = self.matrix(rates);
        blocks.iter_mut().for_each(|row| row.push(BigRational::zero()));
        blocks.push(vec![BigRational::zero(); self.n + 1]);
        blocks[self.n][self.n] = crate::number::ratio(5, 3);
        Self::checked(&blocks).ok()
    }
}
