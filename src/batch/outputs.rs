//! Where draws are written.

use ndarray::{
    Array2, Array3, ArrayD, ArrayViewMut, ArrayViewMut2, ArrayViewMut3, ArrayViewMutD, Axis, Dimension, Ix1,
    IxDyn, RemoveAxis,
};

use super::{BatchError, Float, Items};
use crate::fast::NONE;
use crate::sample::Field;

/// Where draws are written: views of any strides, with the items along the first axis and the draws of each along the second. What is not
/// there is not computed. All have as many draws.
#[derive(Debug)]
pub struct Outputs<'a, T> {
    /// `[items, draws, structure_len]`: the cells of a set in increasing order, the positions of a permutation in order, or the parent of
    /// each position of a binary tree ([`NONE`] at the root); filled up with [`NONE`].
    pub structure: Option<ArrayViewMut3<'a, u32>>,
    /// `[items, draws, trace_len]`: the cells that win, in the order in which the races are held; filled up with [`NONE`].
    pub trace: Option<ArrayViewMut3<'a, u32>>,
    /// `[items, draws]`: the `default` loss of the structure, as in [`gumbel_oracle::loss`].
    pub loss: Option<ArrayViewMut2<'a, i64>>,
    /// `[items, draws]`: `log p(T)`.
    pub log_prob: Option<ArrayViewMut2<'a, T>>,
    /// `[items, draws, n, n]` or `[items, draws, n]`: `∂ log p(T)/∂θ`; 0 where there is no entry.
    pub score: Option<ArrayViewMutD<'a, T>>,
    /// The same shape: the weights that were run on, of a spanning tree in both triangles; infinite where there is no entry.
    pub exponentials: Option<ArrayViewMutD<'a, T>>,
    /// The same shape: a draw of the weights given the trace.
    pub conditional: Option<ArrayViewMutD<'a, T>>,
}

impl<T> Default for Outputs<'_, T> {
    fn default() -> Self {
        Self {
            structure: None,
            trace: None,
            loss: None,
            log_prob: None,
            score: None,
            exponentials: None,
            conditional: None,
        }
    }
}

/// What [`Outputs`] has for one item: the same without the first axis.
pub(super) struct OutputsOfItem<'a, T> {
    pub(super) structure: Option<ArrayViewMut2<'a, u32>>,
    pub(super) trace: Option<ArrayViewMut2<'a, u32>>,
    pub(super) loss: Option<ArrayViewMut<'a, i64, Ix1>>,
    pub(super) log_prob: Option<ArrayViewMut<'a, T, Ix1>>,
    pub(super) score: Option<ArrayViewMutD<'a, T>>,
    pub(super) exponentials: Option<ArrayViewMutD<'a, T>>,
    pub(super) conditional: Option<ArrayViewMutD<'a, T>>,
}

/// Takes so many off along an axis.
fn take<'a, T, D: Dimension>(
    column: &mut Option<ArrayViewMut<'a, T, D>>,
    axis: Axis,
    count: usize,
) -> Option<ArrayViewMut<'a, T, D>> {
    let (first, rest) = column.take()?.split_at(axis, count);
    *column = Some(rest);
    Some(first)
}

/// Takes the first item off.
fn first<'a, T, D: RemoveAxis>(
    column: &mut Option<ArrayViewMut<'a, T, D>>,
) -> Option<ArrayViewMut<'a, T, D::Smaller>> {
    take(column, Axis(0), 1).map(|item| item.index_axis_move(Axis(0), 0))
}

impl<'a, T> OutputsOfItem<'a, T> {
    /// Takes the first draws off.
    pub(super) fn take(&mut self, draws: usize) -> Self {
        Self {
            structure: take(&mut self.structure, Axis(0), draws),
            trace: take(&mut self.trace, Axis(0), draws),
            loss: take(&mut self.loss, Axis(0), draws),
            log_prob: take(&mut self.log_prob, Axis(0), draws),
            score: take(&mut self.score, Axis(0), draws),
            exponentials: take(&mut self.exponentials, Axis(0), draws),
            conditional: take(&mut self.conditional, Axis(0), draws),
        }
    }
}

impl<'a, T> Outputs<'a, T> {
    /// How many draws there are of each item.
    ///
    /// # Errors
    /// [`BatchError::Shape`].
    pub(super) fn check(&self, of: &Items<'_, T>) -> Result<usize, BatchError>
    where
        T: Float,
    {
        fn shape<T, D: Dimension>(column: &Option<ArrayViewMut<'_, T, D>>) -> Option<Vec<usize>> {
            column.as_ref().map(|column| column.shape().to_vec())
        }
        let found = [
            ("structure", shape(&self.structure)),
            ("trace", shape(&self.trace)),
            ("loss", shape(&self.loss)),
            ("log_prob", shape(&self.log_prob)),
            ("score", shape(&self.score)),
            ("exponentials", shape(&self.exponentials)),
            ("conditional", shape(&self.conditional)),
        ];
        let draws = found.iter().find_map(|(_, found)| found.as_ref()?.get(1)).copied().unwrap_or(0);
        for (what, found) in found {
            let row = match what {
                "structure" => vec![of.structure_len()],
                "trace" => vec![of.trace_len()],
                "loss" | "log_prob" => Vec::new(),
                _ => of.entry_shape(),
            };
            let want: Vec<usize> = [of.items(), draws].into_iter().chain(row).collect();
            if let Some(found) = found.filter(|found| *found != want) {
                let want = format!("{want:?}, [items, draws, …]");
                return Err(BatchError::Shape { what, found, want });
            }
        }
        Ok(draws)
    }

    /// Takes the first so many off, along the axis of the items or of the draws.
    pub(super) fn take(&mut self, axis: Axis, count: usize) -> Self {
        Self {
            structure: take(&mut self.structure, axis, count),
            trace: take(&mut self.trace, axis, count),
            loss: take(&mut self.loss, axis, count),
            log_prob: take(&mut self.log_prob, axis, count),
            score: take(&mut self.score, axis, count),
            exponentials: take(&mut self.exponentials, axis, count),
            conditional: take(&mut self.conditional, axis, count),
        }
    }

    /// Takes the first item off.
    pub(super) fn first(&mut self) -> OutputsOfItem<'a, T> {
        OutputsOfItem {
            structure: first(&mut self.structure),
            trace: first(&mut self.trace),
            loss: first(&mut self.loss),
            log_prob: first(&mut self.log_prob),
            score: first(&mut self.score),
            exponentials: first(&mut self.exponentials),
            conditional: first(&mut self.conditional),
        }
    }
}

/// Draws, in arrays of their own, with the shapes of [`Outputs`]; those that were asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn<T> {
    /// See [`Outputs::structure`].
    pub structure: Option<Array3<u32>>,
    /// See [`Outputs::trace`].
    pub trace: Option<Array3<u32>>,
    /// See [`Outputs::log_prob`].
    pub log_prob: Option<Array2<T>>,
    /// See [`Outputs::score`].
    pub score: Option<ArrayD<T>>,
    /// See [`Outputs::exponentials`].
    pub exponentials: Option<ArrayD<T>>,
    /// See [`Outputs::conditional`].
    pub conditional: Option<ArrayD<T>>,
}

impl<T: Float> Drawn<T> {
    /// Room for so many draws of each item.
    ///
    /// # Errors
    /// [`BatchError::Field`], [`BatchError::TooMany`].
    pub fn new(of: &Items<'_, T>, draws: usize, fields: &[Field]) -> Result<Self, BatchError> {
        if let Some(field) = fields.iter().find(|field| !Field::DRAWN.contains(field)) {
            let known = Field::DRAWN.map(Field::name).join(", ");
            return Err(BatchError::Field { field: field.name(), known });
        }
        // In bytes an array is at most as long as half of what can be addressed.
        let row = of.entry_shape().into_iter().product::<usize>().max(of.trace_len());
        let bytes = [of.items().max(1), draws, row.max(1), 8].into_iter().try_fold(1, usize::checked_mul);
        if bytes.is_none_or(|bytes| bytes > isize::MAX as usize) {
            return Err(BatchError::TooMany { draws, items: of.items() });
        }
        let has = |field| fields.contains(&field);
        let entries: Vec<usize> = [of.items(), draws].into_iter().chain(of.entry_shape()).collect();
        let numbers =
            |field, row: usize| has(field).then(|| Array3::from_elem((of.items(), draws, row), NONE));
        let values = |field| has(field).then(|| ArrayD::from_elem(IxDyn(&entries), T::nearest(0.0)));
        Ok(Self {
            structure: numbers(Field::Structure, of.structure_len()),
            trace: numbers(Field::Trace, of.trace_len()),
            log_prob: has(Field::LogProb).then(|| Array2::from_elem((of.items(), draws), T::nearest(0.0))),
            score: values(Field::Score),
            exponentials: values(Field::Exponentials),
            conditional: values(Field::Conditional),
        })
    }

    /// Views of them all.
    pub fn outputs(&mut self) -> Outputs<'_, T> {
        Outputs {
            structure: self.structure.as_mut().map(|array| array.view_mut()),
            trace: self.trace.as_mut().map(|array| array.view_mut()),
            loss: None,
            log_prob: self.log_prob.as_mut().map(|array| array.view_mut()),
            score: self.score.as_mut().map(|array| array.view_mut()),
            exponentials: self.exponentials.as_mut().map(|array| array.view_mut()),
            conditional: self.conditional.as_mut().map(|array| array.view_mut()),
        }
    }
}
