//! Parameters of many items, and the draws from them.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use gumbel_oracle::kind::Kind;
use ndarray::{ArrayView, ArrayViewD, Axis, Dimension, Ix1, Ix2, Slice};
use rayon::prelude::*;

use super::exp::{LARGEST, all_rates, rates_of};
use super::outputs::{Drawn, Outputs, OutputsOfItem};
use super::together::{self, Together};
use super::write::{Any, Prepared, Reading, Worker};
use super::{BatchError, Float};
use crate::fast::stream::{LANES, Seed};
use crate::fast::{
    Arborescence, BinaryTree, Categorical, InputError, Matching, NONE, Permutation, SpanningTree, TopK,
};
use crate::sample::Field;

/// Whether numbers are rates `λ` or logits `θ = -log λ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Rates,
    Logits,
}

impl Scale {
    /// Whether a number stands for an absent entry.
    #[inline(always)]
    pub(super) fn is_absent(self, value: f64) -> bool {
        match self {
            Self::Rates => value.to_bits() == 0, // not -0
            Self::Logits => value == f64::INFINITY,
        }
    }

    /// What stands for an absent one.
    pub(super) fn absent(self) -> f64 {
        match self {
            Self::Rates => 0.0,
            Self::Logits => f64::INFINITY,
        }
    }

    /// Whether it stands for a present one.
    #[inline(always)]
    pub(super) fn is_present(self, value: f64) -> bool {
        match self {
            Self::Rates => (1e-300..=1e300).contains(&value),
            Self::Logits => value.abs() <= LARGEST,
        }
    }

    /// What it should be.
    fn want(self) -> &'static str {
        match self {
            Self::Rates => "0 (absent) or a number between 1e-300 and 1e300",
            Self::Logits => "a number between -690 and 690, or inf (absent)",
        }
    }

    /// Makes rates of numbers of present entries, and tells whether all are: what becomes of one that is not means nothing.
    pub(super) fn make_rates(self, values: &mut [f64]) -> bool {
        match self {
            Self::Rates => all_rates(values, self) == Some(0),
            Self::Logits => rates_of(values),
        }
    }

    /// Makes rates of numbers, 0 of those that stand for absent entries, and counts these. `None` if one of them stands for nothing.
    pub(super) fn make_all_rates(self, values: &mut [f64]) -> Option<usize> {
        all_rates(values, self)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Rates => "rate",
            Self::Logits => "logit",
        }
    }
}

/// Items of one structure, each with parameters of its own. See [the module](super).
#[derive(Debug, Clone)]
pub struct Items<'a, T> {
    pub(super) kind: Kind,
    pub(super) scale: Scale,
    /// `[items, n, n]` or `[items, n]`.
    pub(super) parameters: ArrayViewD<'a, T>,
    lengths: Option<Vec<usize>>,
    pub(super) mask: Option<ArrayViewD<'a, bool>>,
    roots: Option<Vec<usize>>,
    races: Option<Vec<usize>>,
    /// The most of these, of some of the items as of all.
    most_races: usize,
    /// The number of the first item.
    first: u64,
    /// Whether draws are made race by race where this is faster.
    pub(super) by_races: bool,
}

/// Whether parameters are matrices.
pub(super) fn is_matrix(kind: Kind) -> bool {
    matches!(kind, Kind::SpanningTree | Kind::Arborescence | Kind::Matching)
}

impl<'a, T: Float> Items<'a, T> {
    /// Items with these rates: 0 is absent.
    ///
    /// # Errors
    /// [`BatchError::Shape`] if the array is not `[items, n, n]` for spanning trees, arborescences and matchings, `[items, n]` for the
    /// others.
    pub fn rates<D: Dimension>(kind: Kind, rates: ArrayView<'a, T, D>) -> Result<Self, BatchError> {
        Self::new(kind, Scale::Rates, rates.into_dyn())
    }

    /// Items with these logits `θ = -log λ`: infinity is absent.
    ///
    /// # Errors
    /// As [`rates`](Self::rates).
    pub fn logits<D: Dimension>(kind: Kind, logits: ArrayView<'a, T, D>) -> Result<Self, BatchError> {
        Self::new(kind, Scale::Logits, logits.into_dyn())
    }

    fn new(kind: Kind, scale: Scale, parameters: ArrayViewD<'a, T>) -> Result<Self, BatchError> {
        let found = parameters.shape();
        let fits = match (is_matrix(kind), found) {
            (true, [_, rows, columns]) => {
                rows == columns && *rows > 0 && rows.saturating_mul(*rows) < NONE as usize / 2
            }
            (false, [_, n]) => *n > 0 && *n < NONE as usize / 2,
            _ => false,
        };
        if !fits {
            let want = if is_matrix(kind) { "[items, n, n]" } else { "[items, n]" };
            return Err(BatchError::Shape {
                what: match scale {
                    Scale::Rates => "rates",
                    Scale::Logits => "logits",
                },
                found: found.to_vec(),
                want: format!("{want} for {}, n at least 1, fewer than 2³¹ entries", kind.name()),
            });
        }
        Ok(Self {
            kind,
            scale,
            parameters,
            lengths: None,
            mask: None,
            roots: None,
            races: None,
            most_races: 0,
            first: 0,
            by_races: false,
        })
    }

    /// Of item `i` the leading `lengths[i]` of each axis.
    ///
    /// # Errors
    /// [`BatchError::Count`], [`BatchError::Length`].
    pub fn with_lengths(self, lengths: &[usize]) -> Result<Self, BatchError> {
        let (items, size) = (self.items(), self.size());
        if lengths.len() != items {
            return Err(BatchError::Count { what: "lengths", found: lengths.len(), items });
        }
        match (0..items).find(|&item| !(1..=size).contains(&lengths[item])) {
            Some(item) => Err(BatchError::Length { item, length: lengths[item], size }),
            None => Ok(Self { lengths: Some(lengths.to_vec()), ..self }),
        }
    }

    /// Entries that are absent where this is false, of the shape of the parameters.
    ///
    /// # Errors
    /// [`BatchError::Shape`].
    pub fn with_mask<D: Dimension>(self, mask: ArrayView<'a, bool, D>) -> Result<Self, BatchError> {
        if mask.shape() != self.parameters.shape() {
            return Err(BatchError::Shape {
                what: "mask",
                found: mask.shape().to_vec(),
                want: format!("{:?}, that of the parameters", self.parameters.shape()),
            });
        }
        Ok(Self { mask: Some(mask.into_dyn()), ..self })
    }

    /// The roots of arborescences, one for all items or one for each; without this it is vertex 0.
    ///
    /// # Errors
    /// [`BatchError::Count`], [`BatchError::Unknown`]. That a root is no vertex of its item is found when draws are made.
    pub fn with_roots(self, roots: &[usize]) -> Result<Self, BatchError> {
        self.check_each(Kind::Arborescence, "root", "roots", roots)?;
        Ok(Self { roots: Some(roots.to_vec()), ..self })
    }

    /// The numbers of races of a top_k, `k`, one for all items or one for each.
    ///
    /// # Errors
    /// [`BatchError::Count`], [`BatchError::Unknown`]. That there are not as many present positions is found when draws are made.
    pub fn with_races(self, races: &[usize]) -> Result<Self, BatchError> {
        self.check_each(Kind::TopK, "number of races", "numbers of races", races)?;
        let most_races = races.iter().copied().max().unwrap_or(0);
        Ok(Self { races: Some(races.to_vec()), most_races, ..self })
    }

    /// The number of the first item, if these are some of a larger batch: item `i` is drawn, and called, as item `first + i` of that.
    #[must_use]
    pub fn starting_at(self, first: u64) -> Self {
        Self { first, ..self }
    }

    /// Draws race by race, without weights, where this is faster: spanning trees of dense graphs, matchings, and the first of long lists. An
    /// item takes longer to be made ready, and each of its draws less time; so it is for many draws of each item. Of the same law, they are
    /// other draws than those on weights.
    #[must_use]
    pub fn race_by_race(self) -> Self {
        Self { by_races: true, ..self }
    }

    /// Some of the items, which are drawn as among all, to outputs of the same widths.
    ///
    /// # Panics
    /// If there are not as many items.
    #[must_use]
    pub fn some(&self, items: Range<usize>) -> Self {
        let mut some = self.clone();
        let slice = Slice::from(items.clone());
        some.parameters.slice_axis_inplace(Axis(0), slice);
        if let Some(mask) = &mut some.mask {
            mask.slice_axis_inplace(Axis(0), slice);
        }
        let all = self.items();
        for each in [&mut some.lengths, &mut some.roots, &mut some.races].into_iter().flatten() {
            if each.len() == all {
                *each = each[items.clone()].to_vec();
            }
        }
        some.first = self.first.wrapping_add(items.start as u64);
        some
    }

    fn check_each(
        &self,
        kind: Kind,
        one: &'static str,
        many: &'static str,
        each: &[usize],
    ) -> Result<(), BatchError> {
        if self.kind != kind {
            return Err(BatchError::Unknown { structure: self.kind.name(), what: one });
        }
        if each.len() != 1 && each.len() != self.items() {
            return Err(BatchError::Count { what: many, found: each.len(), items: self.items() });
        }
        Ok(())
    }

    /// The structure.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How many items there are.
    #[must_use]
    pub fn items(&self) -> usize {
        self.parameters.len_of(Axis(0))
    }

    /// The common `n`.
    #[must_use]
    pub fn size(&self) -> usize {
        self.parameters.len_of(Axis(1))
    }

    /// The length of an item.
    ///
    /// # Panics
    /// If there is no such item.
    #[must_use]
    pub fn length(&self, item: usize) -> usize {
        self.lengths.as_ref().map_or(self.size(), |lengths| lengths[item])
    }

    /// The root of an item.
    #[must_use]
    pub fn root(&self, item: usize) -> usize {
        of_item(&self.roots, item).unwrap_or(0)
    }

    /// The number of races of an item of a list, which may be none that it can have.
    pub(super) fn races(&self, item: usize) -> usize {
        match self.kind {
            Kind::TopK => of_item(&self.races, item).unwrap_or(0),
            Kind::Categorical => 1,
            _ => self.length(item),
        }
    }

    /// The numbers of a structure, as many as the longest item may have: see [`Outputs::structure`].
    #[must_use]
    pub fn structure_len(&self) -> usize {
        match self.kind {
            Kind::SpanningTree | Kind::Arborescence => self.size() - 1,
            Kind::Matching | Kind::BinaryTree | Kind::Permutation => self.size(),
            // More than there are positions are refused when draws are made.
            Kind::TopK => self.most_races.min(self.size()),
            Kind::Categorical => 1,
        }
    }

    /// The most races of a trace.
    #[must_use]
    pub fn trace_len(&self) -> usize {
        match self.kind {
            Kind::Arborescence => (2 * self.size()).saturating_sub(3),
            _ => self.structure_len(),
        }
    }

    /// Draws in arrays of their own: `draws` of each item, on all threads of the rayon pool. Of [`Field::DRAWN`] those that are asked
    /// for.
    ///
    /// # Errors
    /// [`BatchError`].
    pub fn draw(&self, seed: u64, draws: usize, fields: &[Field]) -> Result<Drawn<T>, BatchError> {
        let mut drawn = Drawn::new(self, draws, fields)?;
        self.fill_on_all_threads(seed, 0, drawn.outputs())?;
        Ok(drawn)
    }

    /// Writes of each item the draws from number `first` on, on this thread: as many as the outputs have room for.
    ///
    /// # Errors
    /// [`BatchError`], of the first item that is wrong: what is in the outputs then means nothing.
    pub fn fill(&self, seed: u64, first: u64, mut outputs: Outputs<'_, T>) -> Result<(), BatchError> {
        let plan = self.plan(seed, first, &outputs)?;
        let mut worker = Worker::default();
        for start in (0..self.items()).step_by(LANES) {
            let items = start..self.items().min(start + LANES);
            let outputs = outputs.take(Axis(0), items.len());
            self.fill_some(&plan, items, outputs, &mut worker, usize::MAX)?;
        }
        Ok(())
    }

    /// Writes the same on all threads of the rayon pool, item by item, and many draws of an item in pieces.
    ///
    /// # Errors
    /// As [`fill`](Self::fill).
    pub fn fill_on_all_threads(
        &self,
        seed: u64,
        first: u64,
        mut outputs: Outputs<'_, T>,
    ) -> Result<(), BatchError> {
        let plan = self.plan(seed, first, &outputs)?;
        // Pieces of some 2¹⁶ entries: enough work to be worth handing over.
        let entries: usize = self.entry_shape().iter().product();
        let piece = ((1 << 16) / entries.max(1)).clamp(1, 1 << 12);
        // And as many items at once: to hand over a few microseconds' work takes longer than to do it.
        let most = (1 << 12) / entries.clamp(1, 1 << 12);
        let count = if most < LANES { 1 } else { LANES };
        let all: Vec<_> = (0..self.items())
            .step_by(count)
            .map(|start| start..self.items().min(start + count))
            .map(|items| (items.clone(), outputs.take(Axis(0), items.len())))
            .collect();
        let least = most.div_ceil(count);
        // Enough pieces that no thread waits long for the last.
        let finest = all.len().div_ceil(16 * rayon::current_num_threads()).max(least);
        let each = all.into_par_iter().with_min_len(least).with_max_len(finest);
        // What a thread has worked with goes on to the next piece: to get memory anew costs as much as some draws.
        let idle = Mutex::default();
        each.map_init(
            || Lent::from(&idle),
            |lent, (items, outputs)| self.fill_some(&plan, items, outputs, &mut lent.worker, piece),
        )
        .find_first(Result::is_err)
        .unwrap_or(Ok(()))
    }

    /// Writes a few items that follow each other: together, if they are small and all is as it should be, or one by one. More draws than a
    /// piece are handed to all threads.
    fn fill_some(
        &self,
        plan: &Plan,
        items: Range<usize>,
        mut outputs: Outputs<'_, T>,
        worker: &mut Worker,
        piece: usize,
    ) -> Result<(), BatchError> {
        let length = items.clone().map(|item| self.length(item)).max().unwrap_or(0);
        if !together::is_for(self, length, &outputs, items.len() * plan.draws) {
            return self.fill_each(plan, items, outputs, worker, piece);
        }
        // Lanes are items, or if these are few, or alike, draws.
        let count =
            if plan.shared.is_some() || items.len() >= plan.draws.min(LANES) { items.len() } else { 1 };
        for start in items.clone().step_by(count) {
            let items = start..items.end.min(start + count);
            let outputs = outputs.take(Axis(0), items.len());
            let is_read = if plan.shared.is_some() {
                worker.is_shared_read || worker.together.read(self, 0..1)
            } else {
                worker.together.read(self, items.clone())
            };
            worker.is_shared_read = plan.shared.is_some() && is_read;
            if is_read {
                self.fill_together(plan, items, outputs, &mut worker.together, piece);
            } else {
                self.fill_each(plan, items, outputs, worker, piece)?;
            }
        }
        Ok(())
    }

    /// Writes items that have been read together.
    fn fill_together(
        &self,
        plan: &Plan,
        items: Range<usize>,
        mut outputs: Outputs<'_, T>,
        together: &mut Together,
        piece: usize,
    ) {
        let first = self.number(items.start);
        if plan.draws <= piece {
            together.write(plan.seed, (first, plan.first), (items.len(), plan.draws), &mut outputs);
            return;
        }
        let starts = (0..plan.draws).step_by(piece);
        let pieces: Vec<_> = starts
            .map(|start| {
                let draws = piece.min(plan.draws - start);
                (plan.first.wrapping_add(start as u64), draws, outputs.take(Axis(1), draws))
            })
            .collect();
        let together = &*together;
        pieces.into_par_iter().for_each_init(
            || together.clone(),
            |together, (first_draw, draws, mut outputs)| {
                together.write(plan.seed, (first, first_draw), (items.len(), draws), &mut outputs);
            },
        );
    }

    /// Writes items one by one.
    fn fill_each(
        &self,
        plan: &Plan,
        mut items: Range<usize>,
        mut outputs: Outputs<'_, T>,
        worker: &mut Worker,
        piece: usize,
    ) -> Result<(), BatchError> {
        items.try_for_each(|item| self.fill_one(plan, item, outputs.first(), worker, piece))
    }

    /// Writes an item.
    fn fill_one(
        &self,
        plan: &Plan,
        item: usize,
        mut outputs: OutputsOfItem<'_, T>,
        worker: &mut Worker,
        piece: usize,
    ) -> Result<(), BatchError> {
        let own = self.own(plan, item, &mut worker.reading)?;
        let (Some(prepared), seed) = (own.as_ref().or(plan.shared.as_ref()), self.seed(plan, item)) else {
            return Ok(());
        };
        if plan.draws <= piece {
            prepared.write(seed, plan.first, plan.draws, &mut outputs, worker);
            worker.reading.kept = own;
            return Ok(());
        }
        let starts = (0..plan.draws).step_by(piece);
        let pieces: Vec<_> = starts
            .map(|start| {
                let draws = piece.min(plan.draws - start);
                (plan.first.wrapping_add(start as u64), draws, outputs.take(draws))
            })
            .collect();
        pieces.into_par_iter().for_each_init(Worker::default, |worker, (first, draws, mut outputs)| {
            prepared.write(seed, first, draws, &mut outputs, worker);
        });
        Ok(())
    }

    fn plan(&self, seed: u64, first: u64, outputs: &Outputs<'_, T>) -> Result<Plan, BatchError> {
        let draws = outputs.check(self)?;
        if self.kind == Kind::TopK && self.races.is_none() {
            return Err(BatchError::NoRaces);
        }
        let shared = if self.are_alike() { Some(self.prepare(0, &mut Reading::default())?) } else { None };
        Ok(Plan { seed: Seed::new(seed), first, draws, shared })
    }

    /// Whether all items are the same, as can be told by the strides, and there are several.
    fn are_alike(&self) -> bool {
        fn all_equal(each: &Option<Vec<usize>>) -> bool {
            each.as_ref().is_none_or(|each| each.windows(2).all(|two| two[0] == two[1]))
        }
        self.items() > 1
            && self.parameters.stride_of(Axis(0)) == 0
            && self.mask.as_ref().is_none_or(|mask| mask.stride_of(Axis(0)) == 0)
            && [&self.lengths, &self.roots, &self.races].into_iter().all(all_equal)
    }

    /// An item made ready, if not all are alike.
    fn own(&self, plan: &Plan, item: usize, reading: &mut Reading) -> Result<Option<Prepared>, BatchError> {
        if plan.shared.is_some() { Ok(None) } else { self.prepare(item, reading).map(Some) }
    }

    /// The number of an item in the batch that these are some of.
    fn number(&self, item: usize) -> u64 {
        self.first.wrapping_add(item as u64)
    }

    fn seed(&self, plan: &Plan, item: usize) -> Seed {
        plan.seed.of_item(self.number(item))
    }

    /// Reads an item and makes it ready.
    fn prepare(&self, item: usize, reading: &mut Reading) -> Result<Prepared, BatchError> {
        let (length, root) = (self.length(item), self.root(item));
        let wrong = |error: InputError| BatchError::Item { item: self.number(item) as usize, error };
        let Reading { rates, pairs, kept } = reading;
        rates.clear();
        pairs.clear();
        let kept = kept.take().filter(|kept| kept.can_be_refilled(length, root, self.races(item)));
        if let Some(mut kept) = kept {
            // If all entries are there, and right.
            if self.read_all(item, length, root, rates) && self.scale.make_rates(rates) {
                kept.refill(rates);
                return Ok(kept);
            }
            rates.clear();
        }
        if !is_matrix(self.kind) {
            self.read_list(item, length, rates)?;
            let absent = (0..).zip(&*rates).filter(|(_, rate)| **rate == 0.0).map(|(k, _)| k).collect();
            let algorithm = match self.kind {
                Kind::TopK => {
                    let k = of_item(&self.races, item).unwrap_or(0);
                    if self.by_races { TopK::new(rates, k) } else { TopK::lean(rates, k) }.map(Any::TopK)
                }
                Kind::Categorical if self.by_races => Categorical::new(rates).map(Any::Categorical),
                Kind::Categorical => Categorical::lean(rates).map(Any::Categorical),
                Kind::Permutation if self.by_races => Permutation::new(rates).map(Any::Permutation),
                Kind::Permutation => {
                    Permutation::new(rates).map(Permutation::on_weights).map(Any::Permutation)
                }
                _ if self.by_races => BinaryTree::new(rates).map(Any::BinaryTree),
                _ => BinaryTree::new(rates).map(BinaryTree::on_weights).map(Any::BinaryTree),
            };
            return Ok(Prepared {
                algorithm: algorithm.map_err(wrong)?,
                cells: None,
                absent,
                is_symmetric: false,
            });
        }
        if self.kind == Kind::Arborescence && root >= length {
            return Err(wrong(InputError::Root { root, vertices: length }));
        }
        let is_read = |u: usize, v: usize| match self.kind {
            Kind::SpanningTree => u < v,
            Kind::Arborescence => u != v && v != root,
            _ => true,
        };
        self.read_matrix(item, length, is_read, reading)?;
        let Reading { rates, pairs, .. } = &*reading;
        let n = self.size() as u32;
        let cells = pairs.iter().map(|(u, v)| u * n + v).collect();
        let algorithm = match self.kind {
            Kind::SpanningTree if self.by_races => {
                SpanningTree::new(length, pairs, rates).map(Any::SpanningTree)
            }
            Kind::SpanningTree => SpanningTree::lean(length, pairs, rates).map(Any::SpanningTree),
            Kind::Arborescence => Arborescence::lean(length, root, pairs, rates).map(Any::Arborescence),
            _ => {
                let mut matrix = vec![0.0; length * length];
                let cell = |(u, v): &(u32, u32)| *u as usize * length + *v as usize;
                pairs.iter().zip(rates).for_each(|(pair, rate)| matrix[cell(pair)] = *rate);
                let make = if self.by_races { Matching::new } else { Matching::lean };
                make(length, &matrix).map(Any::Matching)
            }
        };
        let is_symmetric = self.kind == Kind::SpanningTree;
        let (algorithm, cells) = (algorithm.map_err(wrong)?, Some(cells));
        Ok(Prepared { algorithm, cells, absent: Vec::new(), is_symmetric })
    }

    /// A number that stands in a cell; `None` if the entry is absent.
    #[inline]
    fn number_in(&self, item: usize, value: T, cell: &[usize]) -> Result<Option<f64>, BatchError> {
        let value = value.to_f64();
        if self.scale.is_present(value) {
            return Ok(Some(value));
        }
        if self.scale.is_absent(value) {
            return Ok(None);
        }
        let (item, what, want) = (self.number(item) as usize, self.scale.name(), self.scale.want());
        Err(BatchError::Parameter { item, what, cell: cell.to_vec(), value, want })
    }

    /// Reads the rates of a list; 0 is absent.
    fn read_list(&self, item: usize, length: usize, rates: &mut Vec<f64>) -> Result<(), BatchError> {
        let row = self.parameters.index_axis(Axis(0), item);
        let mask = self.mask.as_ref().map(|mask| mask.index_axis(Axis(0), item));
        let (Ok(row), mask) =
            (row.into_dimensionality::<Ix1>(), mask.and_then(|mask| mask.into_dimensionality::<Ix1>().ok()))
        else {
            return Ok(()); // the shape has been checked
        };
        let mut absent = Vec::new();
        for (k, value) in row.iter().take(length).enumerate() {
            let is_there = mask.as_ref().is_none_or(|mask| mask[k]);
            let number = if is_there { self.number_in(item, *value, &[k])? } else { None };
            if number.is_none() {
                absent.push(k);
            }
            rates.push(number.unwrap_or(0.0));
        }
        self.scale.make_rates(rates);
        absent.into_iter().for_each(|k| rates[k] = 0.0);
        Ok(())
    }

    /// Reads all entries that a structure can have, row by row; false if some are masked, or rows do not lie in memory in order.
    fn read_all(&self, item: usize, length: usize, root: usize, rates: &mut Vec<f64>) -> bool {
        let values = self.parameters.index_axis(Axis(0), item);
        if !is_matrix(self.kind) {
            let Some(row) = values.to_slice().filter(|_| self.mask.is_none()) else { return false };
            rates.extend(row[..length].iter().map(|value| value.to_f64()));
            return true;
        }
        let Ok(matrix) = values.into_dimensionality::<Ix2>() else { return false };
        if self.mask.is_some() || matrix.row(0).to_slice().is_none() {
            return false;
        }
        let mut read = |row: &[T]| rates.extend(row.iter().map(|value| value.to_f64()));
        for (u, row) in (0..length).filter_map(|u| Some((u, matrix.row(u).to_slice()?))) {
            match self.kind {
                Kind::SpanningTree => read(&row[u + 1..length]),
                Kind::Arborescence => {
                    let (one, two) = (u.min(root), u.max(root));
                    read(&row[..one]);
                    if one < two {
                        read(&row[one + 1..two]);
                    }
                    read(&row[two + 1..length]);
                }
                _ => read(&row[..length]),
            }
        }
        true
    }

    /// Reads the present entries of a matrix, row by row.
    fn read_matrix(
        &self,
        item: usize,
        length: usize,
        is_read: impl Fn(usize, usize) -> bool,
        Reading { rates, pairs, .. }: &mut Reading,
    ) -> Result<(), BatchError> {
        let matrix = self.parameters.index_axis(Axis(0), item);
        let mask = self.mask.as_ref().map(|mask| mask.index_axis(Axis(0), item));
        let (Ok(matrix), mask) = (
            matrix.into_dimensionality::<Ix2>(),
            mask.and_then(|mask| mask.into_dimensionality::<Ix2>().ok()),
        ) else {
            return Ok(()); // the shape has been checked
        };
        for (u, row) in matrix.rows().into_iter().take(length).enumerate() {
            for (v, value) in row.iter().take(length).enumerate() {
                if !is_read(u, v) || mask.as_ref().is_some_and(|mask| !mask[[u, v]]) {
                    continue;
                }
                if let Some(number) = self.number_in(item, *value, &[u, v])? {
                    rates.push(number);
                    pairs.push((u as u32, v as u32));
                }
            }
        }
        self.scale.make_rates(rates);
        Ok(())
    }

    /// The shape of the entries of an item.
    pub(super) fn entry_shape(&self) -> Vec<usize> {
        let size = self.size();
        if is_matrix(self.kind) { vec![size, size] } else { vec![size] }
    }
}

/// One for all, or one for each.
fn of_item(each: &Option<Vec<usize>>, item: usize) -> Option<usize> {
    match each.as_deref() {
        Some([one]) => Some(*one),
        Some(each) => each.get(item).copied(),
        None => None,
    }
}

/// A worker that goes back when it is no longer used.
struct Lent<'a> {
    worker: Worker,
    to: &'a Mutex<Vec<Worker>>,
}

impl<'a> From<&'a Mutex<Vec<Worker>>> for Lent<'a> {
    fn from(to: &'a Mutex<Vec<Worker>>) -> Self {
        let worker = to.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        Self { worker, to }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let worker = std::mem::take(&mut self.worker);
            self.to.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        }
    }
}

/// What is to be drawn.
struct Plan {
    seed: Seed,
    first: u64,
    draws: usize,
    /// If all items are the same.
    shared: Option<Prepared>,
}
