//! One item: its algorithm made ready, and its draws written.

use ndarray::{ArrayViewMutD, Axis, Ix1, Ix2};

use super::Float;
use super::outputs::OutputsOfItem;
use super::together::Together;
use crate::fast::stream::Seed;
use crate::fast::{
    self, Algorithm, Arborescence, BinaryTree, Categorical, Matching, NONE, Permutation, SpanningTree, TopK,
};

/// Makes an enum of the algorithms and a struct of their scratches.
macro_rules! algorithms {
    ($($name:ident $scratch:ident),*) => {
        /// The algorithm of an item.
        #[derive(Debug)]
        pub(super) enum Any {
            $($name($name)),*
        }

        /// What a thread keeps from item to item.
        #[derive(Debug, Default)]
        pub(super) struct Worker {
            $($scratch: <$name as Algorithm>::Scratch,)*
            pub(super) reading: Reading,
            pub(super) together: Together,
            /// Whether the item that all are like has been read to it.
            pub(super) is_shared_read: bool,
            rows: Rows,
        }

        impl Prepared {
            /// Writes the draws from number `first` on.
            pub(super) fn write<T: Float>(
                &self,
                seed: Seed,
                first: u64,
                draws: usize,
                outputs: &mut OutputsOfItem<'_, T>,
                worker: &mut Worker,
            ) {
                match &self.algorithm {
                    $(Any::$name(algorithm) => {
                        write(algorithm, self, seed, first, draws, outputs, (&mut worker.$scratch, &mut worker.rows));
                    })*
                }
            }
        }
    };
}

algorithms!(
    SpanningTree spanning_tree,
    Arborescence arborescence,
    Matching matching,
    BinaryTree binary_tree,
    TopK top_k,
    Permutation permutation,
    Categorical categorical
);

/// What is read of an item, kept from one to the next.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Of each entry the rate and the ends.
    pub(super) rates: Vec<f64>,
    pub(super) pairs: Vec<(u32, u32)>,
    /// The item before.
    pub(super) kept: Option<Prepared>,
}

/// An item made ready.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) algorithm: Any,
    /// The cell of each entry of a matrix; of a list each entry is its own.
    pub(super) cells: Option<Vec<u32>>,
    /// Entries of rate 0.
    pub(super) absent: Vec<u32>,
    /// Whether weights stand in both triangles.
    pub(super) is_symmetric: bool,
}

/// One draw in the numbers of [`fast`].
#[derive(Debug, Default)]
struct Rows {
    structure: Vec<u32>,
    trace: Vec<u32>,
    score: Vec<f64>,
    exponentials: Vec<f64>,
    conditional: Vec<f64>,
}

/// Writes the draws of an item.
fn write<A: Algorithm, T: Float>(
    algorithm: &A,
    of: &Prepared,
    seed: Seed,
    first: u64,
    draws: usize,
    outputs: &mut OutputsOfItem<'_, T>,
    (scratch, rows): (&mut A::Scratch, &mut Rows),
) {
    let entries = algorithm.rates().len();
    let fit = |list: &mut Vec<f64>| list.resize(entries, 0.0);
    rows.structure.resize(algorithm.structure_len(), NONE);
    rows.trace.resize(algorithm.trace_len(), NONE);
    fit(&mut rows.score);
    fit(&mut rows.exponentials);
    fit(&mut rows.conditional);
    for draw in 0..draws {
        let (mut log_prob, mut loss) = ([0.0], [0]);
        let row = fast::Outputs {
            structure: outputs.structure.is_some().then_some(&mut rows.structure[..]),
            trace: outputs.trace.is_some().then_some(&mut rows.trace[..]),
            loss: outputs.loss.is_some().then_some(&mut loss[..]),
            log_prob: outputs.log_prob.is_some().then_some(&mut log_prob[..]),
            score: outputs.score.is_some().then_some(&mut rows.score[..]),
            exponentials: outputs.exponentials.is_some().then_some(&mut rows.exponentials[..]),
            conditional: outputs.conditional.is_some().then_some(&mut rows.conditional[..]),
        };
        fast::draw(algorithm, &of.absent, seed, first.wrapping_add(draw as u64), scratch, row);
        for (column, numbers) in
            [(&mut outputs.structure, &rows.structure), (&mut outputs.trace, &rows.trace)]
        {
            let Some(column) = column else { continue };
            let cell = |number: u32| match &of.cells {
                Some(cells) if number != NONE => cells[number as usize],
                _ => number,
            };
            let all = numbers.iter().copied().map(cell).chain(std::iter::repeat(NONE));
            column.row_mut(draw).iter_mut().zip(all).for_each(|(place, number)| *place = number);
        }
        if let Some(column) = &mut outputs.loss {
            column[draw] = loss[0];
        }
        if let Some(column) = &mut outputs.log_prob {
            column[draw] = T::nearest(log_prob[0]);
        }
        if let Some(column) = &mut outputs.score {
            of.scatter(column, draw, &rows.score, T::nearest(0.0), T::nearest, false);
        }
        for (column, values) in
            [(&mut outputs.exponentials, &rows.exponentials), (&mut outputs.conditional, &rows.conditional)]
        {
            if let Some(column) = column {
                let absent = T::nearest(f64::INFINITY);
                of.scatter(column, draw, values, absent, T::positive, of.is_symmetric);
            }
        }
    }
}

impl Prepared {
    /// Whether an item of this length, root and number of races that has all its entries differs from it in the rates only, and can take
    /// its place.
    pub(super) fn can_be_refilled(&self, length: usize, root: usize, races: usize) -> bool {
        match &self.algorithm {
            Any::SpanningTree(tree) => tree.can_be_refilled(length),
            Any::Arborescence(arborescence) => arborescence.can_be_refilled(length, root),
            Any::Matching(matching) => matching.can_be_refilled(length),
            Any::BinaryTree(tree) => tree.can_be_refilled(),
            Any::TopK(entries) => entries.can_be_refilled(length, races),
            Any::Permutation(order) => order.can_be_refilled(length, races),
            Any::Categorical(entry) => entry.can_be_refilled(length, races),
        }
    }

    /// Makes it that of such an item.
    pub(super) fn refill(&mut self, rates: &mut Vec<f64>) {
        self.absent.clear();
        match &mut self.algorithm {
            Any::SpanningTree(tree) => tree.refill(rates),
            Any::Arborescence(arborescence) => arborescence.refill(rates),
            Any::Matching(matching) => matching.refill(rates),
            Any::BinaryTree(tree) => tree.refill(rates),
            Any::TopK(entries) => entries.refill(rates),
            Any::Permutation(order) => order.refill(rates),
            Any::Categorical(entry) => entry.refill(rates),
        }
    }

    /// Writes one value per entry to its cell, and another where there is none.
    fn scatter<T: Float>(
        &self,
        column: &mut ArrayViewMutD<'_, T>,
        draw: usize,
        values: &[f64],
        absent: T,
        round: impl Fn(f64) -> T,
        both: bool,
    ) {
        let mut row = column.index_axis_mut(Axis(0), draw);
        match &self.cells {
            None => {
                let Ok(row) = row.into_dimensionality::<Ix1>() else { return };
                let all = values.iter().map(|value| round(*value)).chain(std::iter::repeat(absent));
                row.into_iter().zip(all).for_each(|(place, value)| *place = value);
            }
            Some(cells) => {
                row.fill(absent);
                let Ok(mut row) = row.into_dimensionality::<Ix2>() else { return };
                let n = row.ncols();
                if let Some(row) = row.as_slice_mut().filter(|_| !both) {
                    cells.iter().zip(values).for_each(|(&cell, &value)| row[cell as usize] = round(value));
                    return;
                }
                for (&cell, &value) in cells.iter().zip(values) {
                    let (u, v) = (cell as usize / n, cell as usize % n);
                    row[[u, v]] = round(value);
                    if both {
                        row[[v, u]] = row[[u, v]];
                    }
                }
            }
        }
    }
}
