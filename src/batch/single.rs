//! One model as a batch of one item in single precision: what samples it can be judged as any other sampler.

use gumbel_oracle::kind::Kind;
use gumbel_oracle::model::{Algorithm, Entry, Model};
use gumbel_oracle::number::to_f64;
use gumbel_oracle::structure::{Order, Parents, Structure};
use ndarray::{ArrayD, Axis, IxDyn};

use super::items::is_matrix;
use super::{BatchError, Drawn, Items};
use crate::fast::NONE;
use crate::sample::{Batch, Field, Sampler};

/// A sparse graph of more is small, but its matrix is not: of so many vertices it has 256 MiB.
const MOST_VERTICES: usize = 8_192;

/// A sampler of a model whose rates are rounded to single precision, and whose draws are in single precision.
///
/// Item 0 of a batch: a draw of this number with this seed.
#[derive(Debug)]
pub struct Single<'m> {
    model: &'m Model,
    seed: u64,
    rates: ArrayD<f32>,
    root: Option<usize>,
    races: Option<usize>,
    /// The cell of each entry, and the entry of each cell.
    cells: Vec<usize>,
    entries: Vec<u32>,
}

impl<'m> Single<'m> {
    /// The sampler of a model.
    ///
    /// # Errors
    /// [`BatchError::Parameter`] if a rate is beyond the range of single precision, [`BatchError::TooLarge`].
    pub fn new(model: &'m Model, seed: u64) -> Result<Self, BatchError> {
        let n = model.size();
        let matrix = is_matrix(model.kind());
        if matrix && n > MOST_VERTICES {
            return Err(BatchError::TooLarge { vertices: n, most: MOST_VERTICES });
        }
        let shape = if matrix { vec![1, n, n] } else { vec![1, n] };
        let mut rates = ArrayD::zeros(IxDyn(&shape));
        let mut entries = vec![NONE; if matrix { n * n } else { n }];
        let mut cells = Vec::with_capacity(model.entries().len());
        for ((number, entry), exact) in (0..).zip(model.entries()).zip(model.rates()) {
            let cell = match *entry {
                Entry::Pair(u, v) if model.kind() == Kind::SpanningTree => vec![0, u.min(v), u.max(v)],
                Entry::Pair(u, v) => vec![0, u, v],
                Entry::Position(k) => vec![0, k],
            };
            let (exact, flat) = (to_f64(exact), cell[1..].iter().fold(0, |flat, axis| flat * n + axis));
            let rate = exact as f32;
            if exact > 0.0 && !rate.is_normal() {
                let (what, want) =
                    ("rate", "0 (absent) or a number between 1.2e-38 and 3.4e38, as f32 has them");
                return Err(BatchError::Parameter {
                    item: 0,
                    what,
                    cell: cell[1..].to_vec(),
                    value: exact,
                    want,
                });
            }
            rates[&cell[..]] = rate;
            entries[flat] = number;
            cells.push(flat);
        }
        let (mut root, mut races) = (None, None);
        match model.algorithm() {
            Algorithm::Arborescence(a) => root = Some(a.root()),
            Algorithm::TopK(a) => races = Some(a.k()),
            _ => {}
        }
        let single = Self { model, seed, rates, root, races, cells, entries };
        single.items()?.draw(seed, 1, &[Field::LogProb])?; // whether it can be drawn from at all
        Ok(single)
    }

    fn items(&self) -> Result<Items<'_, f32>, BatchError> {
        let mut items = Items::rates(self.model.kind(), self.rates.view())?;
        if let Some(root) = self.root {
            items = items.with_roots(&[root])?;
        }
        if let Some(races) = self.races {
            items = items.with_races(&[races])?;
        }
        Ok(items)
    }

    fn structure(&self, numbers: &[u32]) -> Structure {
        match self.model.kind() {
            Kind::BinaryTree => {
                let parent = |&parent: &u32| (parent != NONE).then_some(parent as usize);
                Structure::Parents(Parents(numbers.iter().map(parent).collect()))
            }
            Kind::Permutation => Structure::Order(Order(numbers.iter().map(|&k| k as usize).collect())),
            _ => {
                Structure::Entries(numbers.iter().map(|&cell| self.entries[cell as usize] as usize).collect())
            }
        }
    }
}

impl Sampler for Single<'_> {
    fn fill(&self, first: u64, count: usize, batch: &mut Batch) {
        let fields: Vec<Field> = Field::DRAWN.into_iter().filter(|field| batch.has(*field)).collect();
        let drawn = self.items().and_then(|items| {
            let mut drawn = Drawn::new(&items, count, &fields)?;
            items.fill(self.seed, first, drawn.outputs())?;
            Ok(drawn)
        });
        let Ok(drawn) = drawn else { return }; // it was drawn from when it was made
        let rows = batch.grow(count);
        if let (Some(column), Some(values)) = (rows.log_prob, &drawn.log_prob) {
            column.iter_mut().zip(values).for_each(|(place, value)| *place = f64::from(*value));
        }
        for (column, values) in [
            (rows.score, &drawn.score),
            (rows.exponentials, &drawn.exponentials),
            (rows.conditional, &drawn.conditional),
        ] {
            let (Some(column), Some(values)) = (column, values) else { continue };
            let draws = values.index_axis(Axis(0), 0);
            for (row, draw) in column.chunks_mut(self.cells.len().max(1)).zip(draws.outer_iter()) {
                let Some(draw) = draw.as_slice() else { continue }; // it is in order, as it was made
                row.iter_mut().zip(&self.cells).for_each(|(place, &cell)| *place = f64::from(draw[cell]));
            }
        }
        for draw in 0..count {
            if let Some(structures) = &drawn.structure {
                batch.push_structure(self.structure(&structures.index_axis(Axis(0), 0).row(draw).to_vec()));
            }
            if let Some(traces) = &drawn.trace {
                let winners = traces.index_axis(Axis(0), 0);
                let winners = winners.row(draw).to_vec().into_iter().take_while(|cell| *cell != NONE);
                let entries: Vec<u32> = winners.map(|cell| self.entries[cell as usize]).collect();
                batch.push_winners(&entries);
            }
        }
    }
}
