//! What hands draws over piece by piece, in order: a sampler, files, later a child process.
//!
//! [`Source::next`] is called by one thread and does what only one can do (reading a file); [`Source::fill`] is called by many
//! at once and does the rest (parsing what was read). So whoever looks at draws need not know where they come from.

use std::fmt;

use gumbel_oracle::structure::Structure;

use super::{Batch, Field, Sampler};

/// Why draws cannot be had: where, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct SourceError {
    /// Where: the file, the line, the field.
    pub place: String,
    /// What is wrong there, and what would be right.
    pub problem: String,
}

/// What is handed over at a time has at most about this many values in one column: a draw that names a few edges of a large model
/// takes little room in a file, and what follows from it takes one number per entry.
pub(super) const VALUES: usize = 1 << 22;

/// Draws in order.
pub trait Source<X = Structure>: Send + Sync {
    /// What one thread takes at a time.
    type Piece: Send + Sync;

    /// The fields that the draws have.
    fn fields(&self) -> &[Field];

    /// The next pieces, enough for all threads; none at the end.
    ///
    /// # Errors
    /// [`SourceError`].
    fn next(&mut self) -> Result<Vec<Self::Piece>, SourceError>;

    /// The number of the first draw of a piece, counted from 0 over the whole source.
    fn first(&self, piece: &Self::Piece) -> u64;

    /// Appends the draws of a piece to the columns.
    ///
    /// # Errors
    /// [`SourceError`].
    fn fill(&self, piece: &Self::Piece, batch: &mut Batch<X>) -> Result<(), SourceError>;

    /// Where the draws that were handed over come from.
    fn places(&self) -> Places {
        Places::default()
    }
}

/// Where the draw of a number comes from, as people say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places(Vec<Place>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    first: u64,
    file: String,
    /// Whether a draw is a line of the file, counted from 1.
    lines: bool,
}

impl Places {
    /// From draw number `first` on, they are the draws of this file; its lines, if `lines`.
    pub fn push(&mut self, first: u64, file: impl Into<String>, lines: bool) {
        self.0.push(Place { first, file: file.into(), lines });
    }

    /// Where a draw comes from: `line 18 of a.jsonl`, `draw 17 of b.npz`, or `draw 17`.
    #[must_use]
    pub fn of(&self, draw: u64) -> impl fmt::Display + use<> {
        match self.0.iter().rev().find(|place| place.first <= draw) {
            Some(Place { first, file, lines: true }) => format!("line {} of {file}", draw - first + 1),
            Some(Place { first, file, .. }) => format!("draw {} of {file}", draw - first),
            None => format!("draw {draw}"),
        }
    }
}

/// The first draws of a sampler.
pub struct Draws<'s, X> {
    sampler: &'s dyn Sampler<X>,
    next: u64,
    end: u64,
    piece: u64,
}

impl<X> fmt::Debug for Draws<'_, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draws").field("next", &self.next).field("end", &self.end).finish_non_exhaustive()
    }
}

impl<'s, X> Draws<'s, X> {
    /// The draws `0..count`.
    #[must_use]
    pub fn new(sampler: &'s dyn Sampler<X>, count: u64) -> Self {
        Self { sampler, next: 0, end: count, piece: 128 }
    }

    /// So many at a time on each thread, instead of 128: fewer where draws are large.
    #[must_use]
    pub fn in_pieces_of(self, draws: u64) -> Self {
        Self { piece: draws.max(1), ..self }
    }

    /// Go on to the draws before this one.
    pub(crate) fn extend_to(&mut self, end: u64) {
        self.end = self.end.max(end);
    }
}

/// Pieces at a time, for all threads.
const PIECES: usize = 32;

impl<X: Send> Source<X> for Draws<'_, X> {
    type Piece = std::ops::Range<u64>;

    fn fields(&self) -> &[Field] {
        self.sampler.fields()
    }

    fn next(&mut self) -> Result<Vec<Self::Piece>, SourceError> {
        let mut pieces = Vec::with_capacity(PIECES);
        while self.next < self.end && pieces.len() < PIECES {
            let end = self.end.min(self.next + self.piece);
            pieces.push(self.next..end);
            self.next = end;
        }
        Ok(pieces)
    }

    fn first(&self, piece: &Self::Piece) -> u64 {
        piece.start
    }

    fn fill(&self, piece: &Self::Piece, batch: &mut Batch<X>) -> Result<(), SourceError> {
        let (before, asked) = (batch.len(), (piece.end - piece.start) as usize);
        self.sampler.fill(piece.start, asked, batch);
        let made = batch.len() - before;
        let estimates = batch.has(Field::Gradient).then_some(batch.gradients.len() / batch.entries.max(1));
        if made != asked {
            batch.clear();
            batch.refuse(format!("the sampler made {made} draws, asked for {asked}"));
        } else if let Some(found) = estimates.filter(|&found| found != batch.len() && batch.entries > 0) {
            let draws = batch.len();
            batch.clear();
            batch.refuse(format!("the sampler made {draws} draws, and {found} estimates of the gradient"));
        }
        Ok(())
    }
}
