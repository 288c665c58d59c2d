//! Fast samplers: the same laws as the reference, at a cost that grows as the input does.
//!
//! An [`Algorithm`] is a structure with fixed rates, made once; [`Fast`] draws from it. Draws are written to [`Outputs`]: flat
//! slices of the caller, one row per draw, each only if it is there; nothing is allocated per draw. As a
//! [`Sampler`] it fills the columns of a [`Batch`], like any other.
//!
//! # Notation
//! As everywhere: entry `k` has rate `λ_k ≥ 0` and weight `E_k ~ Exp(λ_k)`; 0 is absent. Rates are f64 between 1e-300 and 1e300;
//! [`rates_of_logits`] makes them from logits `θ_k = -log λ_k`. A trace is its winners, in the order held.
//!
//! # Law
//! On given weights ([`Fast::run`]) structure and trace are those of the reference algorithm, bit for bit, ties included: the two are
//! compared a million times in `tests/fast.rs`. (What rounding may do where weights are subtracted: see [`Arborescence`].) Where it is
//! faster, a draw is made race by race, without weights, and the weights that are asked for are drawn given the trace; the reference
//! algorithm has the same trace on them. Log-probability, score and conditional draw have the formulas of [`gumbel_oracle::race`].
//!
//! # Numbers
//! Race totals are sums of positive terms only. With `x_r = (Λ_r - λ_w) / λ_w`, summed without the winner,
//! `log p(T) = -log Π (1 + x_r)`: the product minus 1 is kept, again by adding positive terms only, so that it is as accurate
//! where almost every race is certain as where none is; one logarithm does for all races.
//!
//! # Randomness
//! See [`stream`]: a draw depends on the seed and its number only. What is asked for of a draw does not change the rest of it.
//!
//! # Example
//! ```
//! use recursive_gumbel::fast::{Fast, Outputs, SpanningTree};
//! // The triangle, and one more vertex.
//! let tree = SpanningTree::new(4, &[(0, 1), (0, 2), (1, 2), (2, 3)], &[2.0, 1.0, 0.25, 5.0])?;
//! let sampler = Fast::new(tree, 42);
//! let (mut trees, mut log_probs) = ([0; 30], [0.0; 10]);
//! sampler.fill(0, 10, Outputs {
//!     structure: Some(&mut trees),
//!     log_prob: Some(&mut log_probs),
//!     ..Outputs::default()
//! });
//! assert!(trees.chunks(3).all(|tree| tree[2] == 3)); // the last edge is in every tree
//! assert!(log_probs.iter().all(|&log_prob| log_prob < 0.0));
//! # Ok::<(), recursive_gumbel::fast::InputError>(())
//! ```

mod alias;
mod arborescence;
mod binary_tree;
pub(crate) mod lanes;
pub(crate) mod lockstep;
mod matching;
mod positions;
mod races;
mod small;
mod sorting;
mod spanning_tree;
pub mod stream;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use gumbel_oracle::model::{Algorithm as Oracles, Model};
use gumbel_oracle::number::Real;
use gumbel_oracle::structure::Structure;
use rayon::prelude::*;

use crate::sample::{Batch, Field, Reference, SampleError, Sampler, WithRates};
use stream::{Seed, Stream};

pub use arborescence::Arborescence;
pub use binary_tree::BinaryTree;
pub use matching::Matching;
pub use positions::{Categorical, Permutation, TopK};
pub use spanning_tree::SpanningTree;

/// Why rates do not make a sampler: what, where, and what would be right.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// A rate that is no rate.
    #[error("entry {entry} has rate {rate}: want 0 (absent) or a number between 1e-300 and 1e300")]
    Rate {
        /// The entry.
        entry: usize,
        /// Its rate.
        rate: f64,
    },
    /// Not one rate for each entry.
    #[error("{found} rates for {entries} entries: want one for each")]
    Length {
        /// How many entries there are.
        entries: usize,
        /// How many rates.
        found: usize,
    },
    /// An edge that is none.
    #[error("edge {entry} is ({u}, {v}): want two different vertices below {vertices}")]
    Edge {
        /// The entry.
        entry: usize,
        /// One end.
        u: u32,
        /// The other.
        v: u32,
        /// How many vertices there are.
        vertices: usize,
    },
    /// Two entries for the same two vertices.
    #[error("edges {first} and {entry} join the same vertices: give one edge the sum of both rates")]
    Parallel {
        /// The earlier entry.
        first: usize,
        /// The later one.
        entry: usize,
    },
    /// An arc that is none.
    #[error("arc {entry} is ({u}, {v}): want two different vertices below {vertices}")]
    Arc {
        /// The entry.
        entry: usize,
        /// Where it leaves.
        u: u32,
        /// Where it enters.
        v: u32,
        /// How many vertices there are.
        vertices: usize,
    },
    /// Two entries for the same two vertices in the same direction.
    #[error(
        "arcs {first} and {entry} lead from vertex {u} to vertex {v} both: give one arc the sum of both rates"
    )]
    ParallelArcs {
        /// The earlier entry.
        first: usize,
        /// The later one.
        entry: usize,
        /// Where they leave.
        u: u32,
        /// Where they enter.
        v: u32,
    },
    /// A graph in pieces.
    #[error("vertex {vertex} cannot be reached from vertex 0 over present edges: there is no spanning tree")]
    Disconnected {
        /// A vertex.
        vertex: usize,
    },
    /// A root that is no vertex.
    #[error("the root is {root}: want a vertex, 0 to {}", vertices.saturating_sub(1))]
    Root {
        /// The root.
        root: usize,
        /// How many vertices there are.
        vertices: usize,
    },
    /// An arc that no arborescence has.
    #[error("arc {entry} enters the root {root}: leave it out, or give it rate 0")]
    IntoRoot {
        /// The entry.
        entry: usize,
        /// The root.
        root: usize,
    },
    /// A vertex that no arborescence can have.
    #[error(
        "vertex {vertex} cannot be reached from the root {root} over present arcs: there is no arborescence"
    )]
    Unreachable {
        /// The root.
        root: usize,
        /// The vertex.
        vertex: usize,
    },
    /// An absent position where there must be none.
    #[error("position {entry} has rate 0: want a positive rate, as every position is used")]
    Absent {
        /// The position.
        entry: usize,
    },
    /// A cell that a matching has as an entry, with rate 0.
    #[error("entry {entry} has rate 0: want a positive rate, as absent cells of a matching are no entries")]
    AbsentCell {
        /// The entry.
        entry: usize,
    },
    /// Absent cells of a matching where the greedy choice could get stuck.
    #[error(
        "rows {row} and {other} could leave a row without a cell: want rows that share a column to share all their \
         columns, and as many such rows as columns"
    )]
    Stuck {
        /// A row.
        row: usize,
        /// Another that shares a column, but not all; or the same, if there are not as many rows as columns like it.
        other: usize,
    },
    /// Nobody is there to win the first race.
    #[error("all {positions} positions are absent: a race needs at least one that is there")]
    AllAbsent {
        /// How many positions there are.
        positions: usize,
    },
    /// More races than there are positions to win them, or none.
    #[error("k is {races}: want 1 to {present}, the number of positive rates")]
    Races {
        /// How many races.
        races: usize,
        /// How many positions are present.
        present: usize,
    },
    /// More than can be numbered.
    #[error("{found} {what}: want at least 1 and fewer than {below}")]
    Size {
        /// The bound.
        below: &'static str,
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
    },
    /// A rate of a model that f64 cannot hold.
    #[error(transparent)]
    Range(#[from] SampleError),
}

/// Why an algorithm cannot be run on what is given.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GivenError {
    /// Not one number for each entry.
    #[error("{found} {what}s for {entries} entries: want one for each")]
    Length {
        /// Weight or uniform.
        what: &'static str,
        /// How many entries there are.
        entries: usize,
        /// How many numbers.
        found: usize,
    },
    /// A weight that is no time, or a uniform that is no probability.
    #[error(
        "entry {entry} has {what} {value}: want a finite weight, 0 or above, and a uniform between 0 and 1"
    )]
    Value {
        /// Weight or uniform.
        what: &'static str,
        /// The entry.
        entry: usize,
        /// The number.
        value: f64,
    },
}

/// The rates `λ_k = e^{-θ_k}` of logits; an infinite logit stands for an absent entry.
///
/// ```
/// use recursive_gumbel::fast::rates_of_logits;
/// assert_eq!(rates_of_logits(&[0.0, f64::INFINITY]), [1.0, 0.0]);
/// ```
#[must_use]
pub fn rates_of_logits(logits: &[f64]) -> Vec<f64> {
    logits.iter().map(|logit| Real::exp(&-logit)).collect()
}

/// Each is a number that can be a rate.
fn check_rates(rates: &[f64]) -> Result<(), InputError> {
    let fits = |rate: f64| rate == 0.0 && rate.is_sign_positive() || (1e-300..=1e300).contains(&rate);
    match rates.iter().position(|&rate| !fits(rate)) {
        Some(entry) => Err(InputError::Rate { entry, rate: rates[entry] }),
        None => Ok(()),
    }
}

/// The weights an algorithm is run on, handed out in the order in which it looks at them, each once.
pub trait Weights {
    /// The weight of a present entry, whose mean this is. Not every source asks which entry it is.
    fn of(&mut self, entry: impl FnOnce() -> u32, mean: f64) -> f64;
}

/// Drawn when they are looked at.
#[derive(Debug)]
struct Drawn(Stream);

impl Weights for Drawn {
    #[inline]
    fn of(&mut self, _: impl FnOnce() -> u32, mean: f64) -> f64 {
        self.0.exponential() * mean
    }
}

/// Drawn, and written down.
#[derive(Debug)]
struct Kept<'a>(Stream, &'a mut [f64]);

impl Weights for Kept<'_> {
    #[inline]
    fn of(&mut self, entry: impl FnOnce() -> u32, mean: f64) -> f64 {
        let weight = self.0.exponential() * mean;
        if let Some(place) = self.1.get_mut(entry() as usize) {
            *place = weight; // a dense matrix has cells that are no entries
        }
        weight
    }
}

/// Given.
#[derive(Debug)]
struct Given<'a>(&'a [f64]);

impl Weights for Given<'_> {
    #[inline]
    fn of(&mut self, entry: impl FnOnce() -> u32, _: f64) -> f64 {
        self.0.get(entry() as usize).copied().unwrap_or(f64::INFINITY)
    }
}

/// Standard exponentials for a conditional draw: that of a winner makes the time of its race, that of another its residual time.
pub trait Times {
    /// That of this entry.
    fn of(&mut self, entry: u32) -> f64;
}

impl Times for Stream {
    #[inline]
    fn of(&mut self, _: u32) -> f64 {
        self.exponential()
    }
}

/// From one uniform per entry.
#[derive(Debug)]
struct Uniforms<'a>(&'a [f64]);

impl Times for Uniforms<'_> {
    #[inline]
    fn of(&mut self, entry: u32) -> f64 {
        -Real::ln(&self.0[entry as usize])
    }
}

/// A structure with its rates, made ready to be drawn from.
///
/// One run leaves its trace in the scratch; what follows from the trace is computed from there.
pub trait Algorithm: Sync {
    /// What a run needs and leaves: kept from draw to draw.
    type Scratch: Default + std::fmt::Debug + Send + Sync;

    /// The rates, one per entry; 0 is absent.
    fn rates(&self) -> &[f64];

    /// The numbers in a structure: the entries of a set in increasing order, the positions of a permutation in order, or the
    /// parent of each node of a binary tree ([`NONE`] at the root).
    fn structure_len(&self) -> usize;

    /// The largest number of races of a trace.
    fn trace_len(&self) -> usize;

    /// Draws a trace race by race, without weights, and returns the stream after it; `None` if it is faster to draw weights and run on
    /// them. The law is that of runs on drawn weights, which the weights given the trace complete: they are then drawn last.
    fn draw(&self, stream: Stream, scratch: &mut Self::Scratch) -> Option<Stream> {
        let _ = (stream, scratch);
        None
    }

    /// Draws the weights of all entries at once, runs on them, and writes those of present entries if they are asked for; false, and
    /// nothing done, if it is faster to draw each when it is looked at.
    fn draw_all(&self, stream: &Stream, weights: Option<&mut [f64]>, scratch: &mut Self::Scratch) -> bool {
        let _ = (stream, weights, scratch);
        false
    }

    /// Runs on these weights.
    fn run(&self, weights: impl Weights, scratch: &mut Self::Scratch);

    /// The winners of the last run, in the order held.
    fn winners<'s>(&self, scratch: &'s Self::Scratch) -> &'s [u32];

    /// Writes the structure of the last run.
    fn structure(&self, scratch: &mut Self::Scratch, structure: &mut [u32]);

    /// A structure as the oracle has it, from its numbers: a set of entries, if not said otherwise.
    fn to_structure(&self, structure: &[u32]) -> Structure {
        Structure::Entries(structure.iter().map(|&entry| entry as usize).collect())
    }

    /// The `default` loss of the structure of the last run: see [`gumbel_oracle::loss`].
    fn loss(&self, scratch: &mut Self::Scratch) -> i64;

    /// Finds the races' totals, which the following need.
    fn totals(&self, scratch: &mut Self::Scratch);

    /// `log p(T)`.
    fn log_prob(&self, scratch: &Self::Scratch) -> f64;

    /// Writes `∂ log p(T)/∂θ_k` for present entries.
    fn score(&self, scratch: &mut Self::Scratch, score: &mut [f64]);

    /// Writes a draw of the weights of present entries given the trace.
    fn conditional(&self, scratch: &mut Self::Scratch, times: impl Times, weights: &mut [f64]);
}

/// No number: where a structure or a trace is shorter than its row, and at the root of a binary tree.
pub const NONE: u32 = u32::MAX;

/// Where draws are written: flat, the row of one draw after that of the other. What is not there is not computed.
#[derive(Debug, Default)]
pub struct Outputs<'a> {
    /// [`structure_len`](Algorithm::structure_len) numbers per draw.
    pub structure: Option<&'a mut [u32]>,
    /// [`trace_len`](Algorithm::trace_len) winners per draw, filled up with [`NONE`].
    pub trace: Option<&'a mut [u32]>,
    /// The `default` loss of the structure, one number per draw, whether or not the structure is asked for:
    /// [`gumbel_oracle::loss`] has the table.
    pub loss: Option<&'a mut [i64]>,
    /// `log p(T)`, one number per draw.
    pub log_prob: Option<&'a mut [f64]>,
    /// `∂ log p(T)/∂θ`, one number per entry per draw; 0 at an absent entry.
    pub score: Option<&'a mut [f64]>,
    /// The weights that were run on, one per entry per draw; infinite at an absent entry.
    pub exponentials: Option<&'a mut [f64]>,
    /// A draw of the weights given the trace, likewise.
    pub conditional: Option<&'a mut [f64]>,
}

impl<'a> Outputs<'a> {
    /// Takes the first `draws` rows off, where rows have these lengths.
    fn take(&mut self, draws: usize, [structure, trace, entries]: [usize; 3]) -> Outputs<'a> {
        fn cut<'a, T>(column: &mut Option<&'a mut [T]>, values: usize) -> Option<&'a mut [T]> {
            let (first, rest) = column.take()?.split_at_mut(values);
            *column = Some(rest);
            Some(first)
        }
        Outputs {
            structure: cut(&mut self.structure, draws * structure),
            trace: cut(&mut self.trace, draws * trace),
            loss: cut(&mut self.loss, draws),
            log_prob: cut(&mut self.log_prob, draws),
            score: cut(&mut self.score, draws * entries),
            exponentials: cut(&mut self.exponentials, draws * entries),
            conditional: cut(&mut self.conditional, draws * entries),
        }
    }

    /// # Panics
    /// If a column has another length.
    fn check(&self, draws: usize, [structure, trace, entries]: [usize; 3]) {
        let lengths = [
            ("structure", self.structure.as_ref().map(|column| column.len()), structure),
            ("trace", self.trace.as_ref().map(|column| column.len()), trace),
            ("loss", self.loss.as_ref().map(|column| column.len()), 1),
            ("log_prob", self.log_prob.as_ref().map(|column| column.len()), 1),
            ("score", self.score.as_ref().map(|column| column.len()), entries),
            ("exponentials", self.exponentials.as_ref().map(|column| column.len()), entries),
            ("conditional", self.conditional.as_ref().map(|column| column.len()), entries),
        ];
        for (name, found, row) in lengths {
            let found = found.unwrap_or(draws * row);
            assert!(found == draws * row, "{name} has {found} values: want {row} for each of {draws} draws");
        }
    }
}

/// Draws from a structure with fixed rates.
#[derive(Debug)]
pub struct Fast<A: Algorithm> {
    algorithm: A,
    seed: Seed,
    /// What is not in use: as many as threads have drawn at once.
    scratches: Mutex<Vec<A::Scratch>>,
    absent: Vec<u32>,
}

/// A scratch that goes back when it is no longer used.
struct Lent<'a, A: Algorithm> {
    scratch: A::Scratch,
    to: &'a Mutex<Vec<A::Scratch>>,
}

impl<A: Algorithm> Drop for Lent<'_, A> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return; // in a state that nobody has thought of
        }
        let mut scratches = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        scratches.push(std::mem::take(&mut self.scratch));
    }
}

impl<A: Algorithm> Fast<A> {
    /// The sampler with this seed.
    #[must_use]
    pub fn new(algorithm: A, seed: u64) -> Self {
        Self::with_keys(algorithm, Seed::new(seed))
    }

    /// The sampler with the keys of a seed, or of an [item](Seed::of_item).
    #[must_use]
    pub fn with_keys(algorithm: A, seed: Seed) -> Self {
        let absent = (0..).zip(algorithm.rates()).filter(|(_, rate)| **rate == 0.0).map(|(k, _)| k);
        Self { absent: absent.collect(), algorithm, seed, scratches: Mutex::default() }
    }

    /// The structure and its rates.
    #[must_use]
    pub fn algorithm(&self) -> &A {
        &self.algorithm
    }

    fn lengths(&self) -> [usize; 3] {
        let algorithm = &self.algorithm;
        [algorithm.structure_len(), algorithm.trace_len(), algorithm.rates().len()]
    }

    fn lend(&self) -> Lent<'_, A> {
        let mut scratches = self.scratches.lock().unwrap_or_else(PoisonError::into_inner);
        Lent { scratch: scratches.pop().unwrap_or_default(), to: &self.scratches }
    }

    /// Writes the draws `first..first + count`, on this thread.
    ///
    /// # Panics
    /// If a column does not have `count` rows. So does [`fill_on_all_threads`](Self::fill_on_all_threads).
    pub fn fill(&self, first: u64, count: usize, outputs: Outputs<'_>) {
        outputs.check(count, self.lengths());
        self.fill_with(&mut self.lend().scratch, first, count, outputs);
    }

    fn fill_with(&self, scratch: &mut A::Scratch, first: u64, count: usize, mut outputs: Outputs<'_>) {
        for number in first..first + count as u64 {
            let row = outputs.take(1, self.lengths());
            draw(&self.algorithm, &self.absent, self.seed, number, scratch, row);
        }
    }

    /// Writes the draws `first..first + count`: the same, on all threads of the rayon pool.
    pub fn fill_on_all_threads(&self, first: u64, count: usize, mut outputs: Outputs<'_>) {
        let lengths = self.lengths();
        outputs.check(count, lengths);
        // Pieces of some 2¹⁶ entries: enough work to be worth handing over.
        let piece = ((1 << 16) / lengths[2].max(1)).clamp(1, 1 << 12).min(count.max(1));
        let pieces = count.div_ceil(piece);
        let pieces: Vec<(u64, usize, Outputs<'_>)> = (0..pieces)
            .map(|number| {
                let draws = piece.min(count - number * piece);
                (first + (number * piece) as u64, draws, outputs.take(draws, lengths))
            })
            .collect();
        pieces.into_par_iter().for_each_init(
            || self.lend(),
            |lent, (first, draws, outputs)| self.fill_with(&mut lent.scratch, first, draws, outputs),
        );
    }

    /// Runs on given weights, one per entry, and writes one row. A conditional draw is made from one uniform in (0, 1) per entry:
    /// `M_r = -log u_{w_r} / Λ_r`, `R_k = -log u_k / λ_k`; if none is asked for, `uniforms` may be empty. What is given for absent
    /// entries is not looked at. Exponentials are the caller's already: that column stays as it is.
    ///
    /// # Errors
    /// [`GivenError`].
    ///
    /// # Panics
    /// If a column does not have one row.
    pub fn run(&self, weights: &[f64], uniforms: &[f64], outputs: Outputs<'_>) -> Result<(), GivenError> {
        outputs.check(1, self.lengths());
        self.check_given("weight", weights, |weight| {
            weight >= 0.0 && weight.is_sign_positive() && weight < f64::INFINITY
        })?;
        if outputs.conditional.is_some() {
            self.check_given("uniform", uniforms, |u| 0.0 < u && u < 1.0)?;
        }
        let scratch = &mut self.lend().scratch;
        self.algorithm.run(Given(weights), scratch);
        write(&self.algorithm, &self.absent, (scratch, false), Uniforms(uniforms), outputs);
        Ok(())
    }

    fn check_given(
        &self,
        what: &'static str,
        values: &[f64],
        fits: impl Fn(f64) -> bool,
    ) -> Result<(), GivenError> {
        let rates = self.algorithm.rates();
        if values.len() != rates.len() {
            return Err(GivenError::Length { what, entries: rates.len(), found: values.len() });
        }
        match (0..rates.len()).find(|&entry| rates[entry] > 0.0 && !fits(values[entry])) {
            Some(entry) => Err(GivenError::Value { what, entry, value: values[entry] }),
            None => Ok(()),
        }
    }
}

/// Writes one draw. `absent` are the entries of rate 0.
pub(crate) fn draw<A: Algorithm>(
    algorithm: &A,
    absent: &[u32],
    seed: Seed,
    number: u64,
    scratch: &mut A::Scratch,
    mut row: Outputs<'_>,
) {
    let stream = Stream::weights(seed, number);
    let mut weights = row.exponentials.take();
    let mut totals = false;
    if let Some(weights) = weights.as_deref_mut() {
        mark(absent, weights, f64::INFINITY);
    }
    if algorithm.draw_all(&stream, weights.as_deref_mut(), scratch) {
        return write(algorithm, absent, (scratch, totals), Stream::conditional(seed, number), row);
    }
    match (algorithm.draw(stream.clone(), scratch), weights) {
        (None, None) => algorithm.run(Drawn(stream), scratch),
        (None, Some(weights)) => algorithm.run(Kept(stream, weights), scratch),
        (Some(_), None) => {}
        (Some(stream), Some(weights)) => {
            algorithm.totals(scratch);
            totals = true;
            algorithm.conditional(scratch, stream, weights);
        }
    }
    write(algorithm, absent, (scratch, totals), Stream::conditional(seed, number), row);
}

/// What was asked for of the last run, of which the totals may have been found already.
fn write<A: Algorithm>(
    algorithm: &A,
    absent: &[u32],
    (scratch, totals): (&mut A::Scratch, bool),
    times: impl Times,
    row: Outputs<'_>,
) {
    if let Some(trace) = row.trace {
        let winners = algorithm.winners(scratch);
        trace[..winners.len()].copy_from_slice(winners);
        trace[winners.len()..].fill(NONE);
    }
    if let Some(structure) = row.structure {
        algorithm.structure(scratch, structure);
    }
    if let Some(loss) = row.loss {
        loss[0] = algorithm.loss(scratch);
    }
    if row.log_prob.is_none() && row.score.is_none() && row.conditional.is_none() {
        return;
    }
    if !totals {
        algorithm.totals(scratch);
    }
    if let Some(log_prob) = row.log_prob {
        log_prob[0] = algorithm.log_prob(scratch);
    }
    if let Some(score) = row.score {
        mark(absent, score, 0.0);
        algorithm.score(scratch, score);
    }
    if let Some(weights) = row.conditional {
        mark(absent, weights, f64::INFINITY);
        algorithm.conditional(scratch, times, weights);
    }
}

/// Writes the value of absent entries.
fn mark(absent: &[u32], row: &mut [f64], value: f64) {
    absent.iter().for_each(|&entry| row[entry as usize] = value);
}

impl<A: Algorithm> Sampler for Fast<A> {
    fn fill(&self, first: u64, count: usize, batch: &mut Batch) {
        let [in_structure, in_trace, _] = self.lengths();
        let column = |field, row: usize| vec![NONE; if batch.has(field) { count * row } else { 0 }];
        let (mut structures, mut traces) =
            (column(Field::Structure, in_structure), column(Field::Trace, in_trace));
        let (structure, trace) = (batch.has(Field::Structure), batch.has(Field::Trace));
        let rows = batch.grow(count);
        let outputs = Outputs {
            structure: structure.then_some(&mut structures[..]),
            trace: trace.then_some(&mut traces[..]),
            loss: None,
            log_prob: rows.log_prob,
            score: rows.score,
            exponentials: rows.exponentials,
            conditional: rows.conditional,
        };
        self.fill_with(&mut self.lend().scratch, first, count, outputs);
        for draw in 0..count {
            if structure {
                let row = &structures[draw * in_structure..(draw + 1) * in_structure];
                batch.push_structure(self.algorithm.to_structure(row));
            }
            if trace {
                let row = &traces[draw * in_trace..(draw + 1) * in_trace];
                let races = row.iter().position(|&winner| winner == NONE).unwrap_or(in_trace);
                batch.push_winners(&row[..races]);
            }
        }
    }
}

impl<A: Algorithm> WithRates for Fast<A> {
    fn rates(&self) -> &[f64] {
        self.algorithm.rates()
    }
}

/// The least vertex that arcs do not lead to from the root, where there are too few to lead to all: without a list of all vertices, of
/// which there may be more than memory has room for.
fn missed(root: u32, mut arcs: Vec<(u32, u32)>) -> usize {
    arcs.sort_unstable();
    let mut reached = BTreeSet::from([root]);
    let mut left = vec![root];
    while let Some(u) = left.pop() {
        let first = arcs.partition_point(|arc| arc.0 < u);
        let heads = arcs[first..].iter().take_while(|arc| arc.0 == u).map(|arc| arc.1);
        left.extend(heads.filter(|&v| reached.insert(v)));
    }
    (0..)
        .zip(&reached)
        .find(|(place, vertex)| place != *vertex)
        .map_or(reached.len(), |(place, _)| place as usize)
}

/// The fast sampler of a model.
///
/// # Errors
/// [`InputError::Range`] if a rate is beyond the range of `f64`.
pub fn of_model(model: &Model, seed: u64) -> Result<Box<dyn Sampler + '_>, InputError> {
    let reference = Reference::new(model, seed)?;
    Ok(at_rates(model, reference.rates(), seed)?)
}

/// The fast sampler of a model's structure with other rates, one per entry: as they change while one learns.
///
/// # Errors
/// [`InputError`]: not one rate per entry, or a rate that is none.
///
/// ```
/// use gumbel_oracle::model::Model;
/// use recursive_gumbel::fast::{at_rates, rates_of_logits};
/// let model = Model::parse(r#"{"structure": "top_k", "k": 2, "rates": [1, 1, 1]}"#)?;
/// let sampler = at_rates(&model, &rates_of_logits(&[0.0, 0.5, -1.0]), 1)?;
/// assert_eq!(sampler.rates()[0], 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn at_rates(model: &Model, rates: &[f64], seed: u64) -> Result<Box<dyn WithRates>, InputError> {
    let (entries, found) = (model.entries().len(), rates.len());
    if entries != found {
        return Err(InputError::Length { entries, found });
    }
    Ok(match model.algorithm() {
        Oracles::SpanningTree(_) => {
            Box::new(Fast::new(SpanningTree::new(model.size(), &pairs(model), rates)?, seed))
        }
        Oracles::BinaryTree(_) => Box::new(Fast::new(BinaryTree::new(rates)?, seed)),
        Oracles::TopK(a) => Box::new(Fast::new(TopK::new(rates, a.k())?, seed)),
        Oracles::Permutation(_) => Box::new(Fast::new(Permutation::new(rates)?, seed)),
        Oracles::Categorical(_) => Box::new(Fast::new(Categorical::new(rates)?, seed)),
        Oracles::Matching(_) => {
            // Its sampler would not count them, and be of other entries than the model.
            if let Some(entry) = rates.iter().position(|&rate| rate == 0.0) {
                return Err(InputError::AbsentCell { entry });
            }
            let n = model.size();
            let mut matrix = vec![0.0; n * n];
            model
                .pairs()
                .iter()
                .zip(rates)
                .for_each(|(&(row, column), &rate)| matrix[row * n + column] = rate);
            Box::new(Fast::new(Matching::new(n, &matrix)?, seed))
        }
        Oracles::Arborescence(a) => {
            let arborescence = Arborescence::new(model.size(), a.root(), &pairs(model), rates)?;
            Box::new(Fast::new(arborescence, seed))
        }
    })
}

fn pairs(model: &Model) -> Vec<(u32, u32)> {
    model.pairs().iter().map(|&(u, v)| (u as u32, v as u32)).collect()
}
