//! Where draws come from, and the columns they are written to.
//!
//! A [`Sampler`] fills a [`Batch`]: columns with a leading draw axis, each there only if asked for, flat and kept by the
//! caller from batch to batch. What reads draws (the checks, the writers of files) reads columns and does not ask who filled
//! them. [`Draw`] is one draw with all its fields, for looking at.
//!
//! # Notation
//! A trace is *compact* in a column: the winner of each race, in the order held. Who raced follows from it
//! ([`gumbel_oracle::recursion::replay_winners`], [`Walker`]); the lists of entrants of one tree of the complete graph on
//! n vertices are at least n(n-1)(2n-1)/6 numbers, which is why they are not kept.
//!
//! **Absent entries** (rate 0): their weight is infinite, their score 0. This is so in every column and in [`Draw`]; files in
//! JSON, which has no infinity, say `null`. In the exact numbers of the oracle, which have none either, it is `None`.
//!
//! # Example
//! ```
//! use gumbel_oracle::model::Model;
//! use recursive_gumbel::sample::{Batch, Field, Reference, Sampler as _};
//! let model = Model::parse(r#"{"structure": "top_k", "k": 2, "rates": [1, 2, 0, 3]}"#)?;
//! let mut batch = Batch::new(4, &[Field::Trace, Field::Exponentials]);
//! Reference::new(&model, 7)?.fill(0, 100, &mut batch);
//! assert_eq!(batch.len(), 100);
//! assert_eq!(batch.trace(5).map(<[u32]>::len), Some(2));
//! assert_eq!(batch.exponentials(5).map(|weights| weights[2]), Some(f64::INFINITY));
//! assert!(batch.structure(5).is_none()); // not asked for
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod arborescence;
pub(crate) mod binary_tree;
mod certain;
pub mod file;
mod form;
pub mod jsonl;
pub mod losses;
mod matching;
pub mod npz;
mod positions;
mod reference;
mod source;
mod spanning_tree;
mod structures;
mod walk;

use gumbel_oracle::race::Trace;
use gumbel_oracle::structure::Structure;

pub use reference::{Reference, SampleError};
pub use source::{Draws, Places, Source, SourceError};
pub use walk::{Walk, WalkError, Walker};

/// A field of a draw: a column of a batch, a name in a samples file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The structure.
    Structure,
    /// The trace.
    Trace,
    /// `log p(T)`.
    LogProb,
    /// `∂ log p(T)/∂θ`.
    Score,
    /// The weights the algorithm was run on.
    Exponentials,
    /// A draw of the weights given the trace.
    Conditional,
    /// An estimate of the gradient of an expected loss with respect to every logit.
    Gradient,
}

impl Field {
    /// What a sampler draws, in the order of samples files.
    pub const DRAWN: [Self; 6] =
        [Self::Structure, Self::Trace, Self::LogProb, Self::Score, Self::Exponentials, Self::Conditional];

    /// The fields of samples files: what a sampler draws, and what is estimated from draws.
    pub const ALL: [Self; 7] = [
        Self::Structure,
        Self::Trace,
        Self::LogProb,
        Self::Score,
        Self::Exponentials,
        Self::Conditional,
        Self::Gradient,
    ];

    /// The name in samples files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Structure => "structure",
            Self::Trace => "trace",
            Self::LogProb => "log_prob",
            Self::Score => "score",
            Self::Exponentials => "exponentials",
            Self::Conditional => "conditional",
            Self::Gradient => "gradient",
        }
    }
}

/// One draw; `X` is the structure.
#[derive(Debug, Clone, PartialEq)]
pub struct Draw<X = Structure> {
    /// The structure.
    pub structure: X,
    /// The races held.
    pub trace: Trace,
    /// `log p(T)`, natural.
    pub log_prob: f64,
    /// `∂ log p(T)/∂θ_k`, one per entry; 0 at an absent entry.
    pub score: Vec<f64>,
    /// The weights the algorithm was run on, one per entry; infinite at an absent entry.
    pub exponentials: Vec<f64>,
    /// A draw of the weights given the trace, one per entry; infinite at an absent entry.
    pub conditional: Vec<f64>,
}

/// Something that draws. What [`crate::check`] judges.
pub trait Sampler<X = Structure>: Sync {
    /// The fields that its draws have.
    fn fields(&self) -> &[Field] {
        &Field::DRAWN
    }

    /// Appends the draws `first..first + count` to the columns of the batch.
    ///
    /// A draw is independent of those of other numbers, and the same whenever the same number is asked for, alone or among
    /// others.
    fn fill(&self, first: u64, count: usize, batch: &mut Batch<X>);
}

/// A sampler that knows the rates of its entries: what estimators of gradients draw from.
pub trait WithRates<X = Structure>: Sampler<X> {
    /// `λ_k`, one per entry; 0 is absent.
    fn rates(&self) -> &[f64];
}

/// Any sampler together with its rates, one per entry.
#[derive(Debug, Clone, Copy)]
pub struct Rated<'a, S: ?Sized>(pub &'a S, pub &'a [f64]);

impl<X, S: Sampler<X> + ?Sized> Sampler<X> for Rated<'_, S> {
    fn fields(&self) -> &[Field] {
        self.0.fields()
    }

    fn fill(&self, first: u64, count: usize, batch: &mut Batch<X>) {
        self.0.fill(first, count, batch);
    }
}

impl<X, S: Sampler<X> + ?Sized> WithRates<X> for Rated<'_, S> {
    fn rates(&self) -> &[f64] {
        self.1
    }
}

/// A sampler made of a function from the number of a draw to the draw.
#[derive(Debug, Clone, Copy)]
pub struct FromDraws<F>(pub F);

impl<X: Clone, F: Fn(u64) -> Draw<X> + Sync> Sampler<X> for FromDraws<F> {
    fn fill(&self, first: u64, count: usize, batch: &mut Batch<X>) {
        (first..first + count as u64).for_each(|number| batch.push(&(self.0)(number)));
    }
}

/// The rows of some draws of a [`Batch`], as far as there are columns.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) log_prob: Option<&'a mut [f64]>,
    pub(crate) score: Option<&'a mut [f64]>,
    pub(crate) exponentials: Option<&'a mut [f64]>,
    pub(crate) conditional: Option<&'a mut [f64]>,
}

/// Draws in columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch<X = Structure> {
    entries: usize,
    fields: Vec<Field>,
    draws: usize,
    structures: Vec<X>,
    /// The winners of all draws, one draw after the other, and where each draw ends.
    winners: Vec<u32>,
    ends: Vec<usize>,
    log_probs: Vec<f64>,
    scores: Vec<f64>,
    exponentials: Vec<f64>,
    conditionals: Vec<f64>,
    gradients: Vec<f64>,
    malformed: Vec<(usize, String)>,
}

impl<X> Batch<X> {
    /// An empty batch of draws of a model with so many entries, with these columns.
    #[must_use]
    pub fn new(entries: usize, fields: &[Field]) -> Self {
        Self {
            entries,
            fields: fields.to_vec(),
            draws: 0,
            structures: Vec::new(),
            winners: Vec::new(),
            ends: Vec::new(),
            log_probs: Vec::new(),
            scores: Vec::new(),
            exponentials: Vec::new(),
            conditionals: Vec::new(),
            gradients: Vec::new(),
            malformed: Vec::new(),
        }
    }

    /// The number of entries of the model.
    #[must_use]
    pub fn entry_count(&self) -> usize {
        self.entries
    }

    /// The number of draws.
    #[must_use]
    pub fn len(&self) -> usize {
        self.draws
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.draws == 0
    }

    /// The columns.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Whether there is this column.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        self.fields.contains(&field)
    }

    /// Forgets the draws and keeps the memory.
    pub fn clear(&mut self) {
        self.draws = 0;
        self.structures.clear();
        self.winners.clear();
        self.ends.clear();
        for column in [
            &mut self.log_probs,
            &mut self.scores,
            &mut self.exponentials,
            &mut self.conditionals,
            &mut self.gradients,
        ] {
            column.clear();
        }
        self.malformed.clear();
    }

    /// Appends a draw, as far as there are columns for it; an estimate of the gradient is appended by
    /// [`push_gradient`](Self::push_gradient).
    ///
    /// One whose lists do not have one value per entry is [`malformed`](Self::malformed): it has its place in the columns,
    /// and nothing in it means anything.
    pub fn push(&mut self, draw: &Draw<X>)
    where
        X: Clone,
    {
        let m = self.entries;
        let mut wrong = (draw.trace.entry_count() != m)
            .then(|| format!("the trace is one of {} entries, the model has {m}", draw.trace.entry_count()));
        for &field in &self.fields {
            let (column, values) = match field {
                Field::Structure => {
                    self.structures.push(draw.structure.clone());
                    continue;
                }
                Field::Trace => {
                    self.winners.extend(draw.trace.races().iter().map(|race| race.winner as u32));
                    self.ends.push(self.winners.len());
                    continue;
                }
                Field::LogProb => {
                    self.log_probs.push(draw.log_prob);
                    continue;
                }
                Field::Score => (&mut self.scores, &draw.score),
                Field::Exponentials => (&mut self.exponentials, &draw.exponentials),
                Field::Conditional => (&mut self.conditionals, &draw.conditional),
                Field::Gradient => continue, // not of the draw
            };
            if values.len() != m {
                wrong.get_or_insert_with(|| {
                    let (name, found) = (field.name(), values.len());
                    format!("{name} has {found} values: want one for each of {m} entries")
                });
            }
            column.extend(values.iter().copied().chain(std::iter::repeat(f64::NAN)).take(m));
        }
        if let Some(wrong) = wrong {
            self.malformed.push((self.draws, wrong));
        }
        self.draws += 1;
    }

    /// Appends an estimate of the gradient, one number per entry; 0 at an absent one. It belongs to the draw at the same place:
    /// where there is such a column, each draw needs one.
    ///
    /// # Panics
    /// If it does not have one number per entry.
    pub fn push_gradient(&mut self, gradient: &[f64]) {
        assert_eq!(gradient.len(), self.entries, "one number per entry");
        self.gradients.extend_from_slice(gradient);
    }

    /// Appends a draw that has a gradient only; malformed, if there is none, or it has not one number per entry.
    pub(crate) fn push_estimate(&mut self, gradient: Result<Vec<f64>, String>) {
        let m = self.entries;
        let wrong = |found: usize| format!("gradient has {found} values: want one for each of {m} entries");
        match gradient.and_then(|g| if g.len() == m { Ok(g) } else { Err(wrong(g.len())) }) {
            Ok(gradient) => self.gradients.extend(gradient),
            Err(wrong) => {
                self.gradients.extend(std::iter::repeat_n(f64::NAN, m));
                self.malformed.push((self.draws, wrong));
            }
        }
        self.draws += 1;
    }

    /// Makes room for so many draws and hands out their rows of the columns of numbers, to be written. Structures and traces must
    /// follow by [`push_structure`](Self::push_structure) and [`push_winners`](Self::push_winners), if there are such columns.
    pub(crate) fn grow(&mut self, draws: usize) -> Rows<'_> {
        fn tail(column: &mut Vec<f64>, values: usize) -> &mut [f64] {
            let before = column.len();
            column.resize(before + values, 0.0);
            &mut column[before..]
        }
        self.draws += draws;
        let (values, has) = (draws * self.entries, |field| self.fields.contains(&field));
        Rows {
            log_prob: has(Field::LogProb).then(|| tail(&mut self.log_probs, draws)),
            score: has(Field::Score).then(|| tail(&mut self.scores, values)),
            exponentials: has(Field::Exponentials).then(|| tail(&mut self.exponentials, values)),
            conditional: has(Field::Conditional).then(|| tail(&mut self.conditionals, values)),
        }
    }

    pub(crate) fn push_structure(&mut self, structure: X) {
        self.structures.push(structure);
    }

    pub(crate) fn push_winners(&mut self, winners: &[u32]) {
        self.winners.extend_from_slice(winners);
        self.ends.push(self.winners.len());
    }

    /// Says that the draw which would come next is not to be had, or the last one pushed is malformed.
    pub(crate) fn refuse(&mut self, what: String) {
        self.malformed.push((self.draws, what));
    }

    /// The draws that do not have the form of the model: position and what is wrong.
    #[must_use]
    pub fn malformed(&self) -> &[(usize, String)] {
        &self.malformed
    }

    fn row<'a>(&self, field: Field, column: &'a [f64], draw: usize) -> Option<&'a [f64]> {
        self.has(field).then(|| &column[draw * self.entries..(draw + 1) * self.entries])
    }

    /// The structure of a draw; `None` if there is no such column. So are all below.
    ///
    /// # Panics
    /// If there are not so many draws. So do all below.
    #[must_use]
    pub fn structure(&self, draw: usize) -> Option<&X> {
        self.has(Field::Structure).then(|| &self.structures[draw])
    }

    /// The winners of the races of a draw, in the order held.
    #[must_use]
    pub fn trace(&self, draw: usize) -> Option<&[u32]> {
        let start =
            draw.checked_sub(1).map_or(0, |before| self.ends.get(before).copied().unwrap_or_default());
        self.has(Field::Trace).then(|| &self.winners[start..self.ends[draw]])
    }

    /// `log p(T)` of a draw.
    #[must_use]
    pub fn log_prob(&self, draw: usize) -> Option<f64> {
        self.has(Field::LogProb).then(|| self.log_probs[draw])
    }

    /// The score of a draw, one number per entry.
    #[must_use]
    pub fn score(&self, draw: usize) -> Option<&[f64]> {
        self.row(Field::Score, &self.scores, draw)
    }

    /// The weights the algorithm was run on, one per entry.
    #[must_use]
    pub fn exponentials(&self, draw: usize) -> Option<&[f64]> {
        self.row(Field::Exponentials, &self.exponentials, draw)
    }

    /// The conditional draw, one weight per entry.
    #[must_use]
    pub fn conditional(&self, draw: usize) -> Option<&[f64]> {
        self.row(Field::Conditional, &self.conditionals, draw)
    }

    /// The estimate of the gradient, one number per entry.
    #[must_use]
    pub fn gradient(&self, draw: usize) -> Option<&[f64]> {
        self.row(Field::Gradient, &self.gradients, draw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel_oracle::model::Model;

    fn model() -> Model {
        Model::parse(r#"{"structure": "top_k", "k": 2, "rates": [1, 2, 0, 3]}"#).expect("a model")
    }

    #[test]
    fn columns_are_the_draws_and_only_those_asked_for() {
        let model = model();
        let sampler = Reference::new(&model, 3).expect("in range");
        let mut all = Batch::new(4, &Field::DRAWN);
        sampler.fill(10, 5, &mut all);
        sampler.fill(15, 2, &mut all);
        for i in 0..7 {
            let draw = sampler.draw(10 + i as u64);
            let winners: Vec<u32> = draw.trace.races().iter().map(|race| race.winner as u32).collect();
            assert_eq!(all.structure(i), Some(&draw.structure));
            assert_eq!(all.trace(i), Some(&winners[..]));
            assert_eq!(all.log_prob(i), Some(draw.log_prob));
            assert_eq!(all.score(i), Some(&draw.score[..]));
            assert_eq!(all.exponentials(i), Some(&draw.exponentials[..]));
            assert_eq!(all.conditional(i), Some(&draw.conditional[..]));
        }
        for field in Field::DRAWN {
            let mut one = Batch::new(4, &[field]);
            sampler.fill(0, 3, &mut one);
            let there = [
                one.structure(1).is_some(),
                one.trace(1).is_some(),
                one.log_prob(1).is_some(),
                one.score(1).is_some(),
                one.exponentials(1).is_some(),
                one.conditional(1).is_some(),
            ];
            assert_eq!(there, Field::DRAWN.map(|other| other == field));
            one.clear();
            assert!(one.is_empty() && one.has(field));
        }
    }

    #[test]
    fn a_list_of_another_length_is_named_and_moves_no_other_draw() {
        let model = model();
        let sampler = Reference::new(&model, 3).expect("in range");
        let mut batch = Batch::new(4, &Field::DRAWN);
        batch.push(&Draw { score: vec![0.0; 9], ..sampler.draw(0) });
        batch.push(&sampler.draw(1));
        let wrong = "score has 9 values: want one for each of 4 entries".to_owned();
        assert_eq!(batch.malformed(), [(0, wrong)]);
        assert_eq!(batch.score(1), Some(&sampler.draw(1).score[..]));
    }
}
