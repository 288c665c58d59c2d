//! What the checks look at: a batch of draws, and what follows from each draw by itself.
//!
//! Columns have a leading draw axis. Entry by entry columns hold the *present* entries only (positive rate), in entry
//! order, `[draws, present]` row by row. A draw that is not of the model's form has no place in the columns: it is named in
//! [`Evidence::malformed`].

use std::hash::{DefaultHasher, Hasher as _};

use gumbel_oracle::number::Real;
use gumbel_oracle::race::Trace;
use rayon::prelude::*;

use super::rounding::{Allowed, Held, is_single};
use crate::sample::{Batch, Field, Places, Source, SourceError};

/// An instance with all its structures and traces, numbered: what the checks know of it.
pub struct Known<'m> {
    /// The rates as the sampler has them, nearest `f64`, one per entry.
    pub rates: Vec<f64>,
    /// The present entries.
    pub present: Vec<usize>,
    /// The probability of each structure.
    pub structures: Vec<f64>,
    /// The traces with their probabilities.
    pub traces: Vec<(Trace, f64)>,
    /// The number of races of the shortest trace, and of the longest.
    pub fewest_races: usize,
    /// See above.
    pub most_races: usize,
    /// Where the draws come from.
    pub places: Places,
    /// `[traces, present]`: 0 if the entry won no race, else the number of that race, from 1.
    pub(super) roles: Vec<u32>,
    pub(super) structure_name: Box<dyn Fn(usize) -> String + Sync + 'm>,
    pub(super) trace_name: Box<dyn Fn(&Trace) -> String + Sync + 'm>,
    pub(super) label: Box<dyn Fn(usize) -> String + Sync + 'm>,
}

impl std::fmt::Debug for Known<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (structures, traces) = (self.structures.len(), self.traces.len());
        f.debug_struct("Known")
            .field("rates", &self.rates)
            .field("structures", &structures)
            .field("traces", &traces)
            .finish_non_exhaustive()
    }
}

/// Sums of squares of estimates must be finite.
const LARGEST_GRADIENT: f64 = 1e100;

impl Known<'_> {
    /// The role of the `k`-th present entry in a trace: 0 if it wins no race, else the number of the race, from 1.
    #[must_use]
    pub fn role(&self, trace: usize, k: usize) -> usize {
        self.roles[trace * self.present.len() + k] as usize
    }

    /// An entry as people write it.
    #[must_use]
    pub fn label(&self, entry: usize) -> String {
        (self.label)(entry)
    }

    /// A structure as people write it, by its number.
    #[must_use]
    pub fn structure_name(&self, structure: usize) -> String {
        (self.structure_name)(structure)
    }

    /// A trace as people write it, by its number.
    #[must_use]
    pub fn trace_name(&self, trace: usize) -> String {
        (self.trace_name)(&self.traces[trace].0)
    }

    /// What is wrong with the values of a draw: an entry has a finite weight, an absent one has none.
    fn malformed<X>(&self, batch: &Batch<X>, draw: usize) -> Option<String> {
        let weights = [("exponentials", batch.exponentials(draw)), ("conditional", batch.conditional(draw))];
        for (k, rate) in self.rates.iter().enumerate() {
            let absent = *rate == 0.0;
            for (field, weights) in weights {
                let Some(weight) = weights.map(|weights| weights[k]) else { continue };
                let label = || self.label(k);
                if absent && weight != f64::INFINITY {
                    return Some(format!("{field} of the absent entry {} is {weight}: want none", label()));
                }
                if !absent && !weight.is_finite() {
                    return Some(format!("{field} of entry {} is {weight}: want a finite number", label()));
                }
            }
            for (field, derivatives) in [("score", batch.score(draw)), ("gradient", batch.gradient(draw))] {
                let value = derivatives.map_or(0.0, |derivatives| derivatives[k]);
                let label = || self.label(k);
                if absent && value != 0.0 {
                    return Some(format!("{field} of the absent entry {} is {value}: want 0", label()));
                }
                if field == "gradient" && (value.is_nan() || value.abs() >= LARGEST_GRADIENT) {
                    return Some(format!(
                        "{field} of entry {} is {value:?}: want a finite number, less than {LARGEST_GRADIENT:e} in size",
                        label()
                    ));
                }
            }
        }
        None
    }

    fn fingerprint(&self, weights: &[f64]) -> Fingerprint {
        let [mut one, mut other] = [DefaultHasher::new(), DefaultHasher::new()];
        other.write_u8(1);
        for &k in &self.present {
            let bits = weights[k].to_bits();
            one.write_u64(bits);
            other.write_u64(bits);
        }
        (one.finish(), other.finish())
    }
}

/// What can be wrong with one draw by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// There is no such structure.
    Structure,
    /// There is no such trace.
    Trace,
    /// The trace leads to another structure.
    LeadsTo,
    /// The algorithm, run on the exponentials, holds other races.
    Rerun,
    /// The algorithm, run on the conditional draw, holds other races.
    RoundTrip,
}

/// A race that was won.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Win {
    /// The winner, by its place among the present entries.
    pub place: usize,
    /// The winner's transform: see [`Walk::transform`](crate::sample::Walk::transform).
    pub transform: f64,
}

/// One draw of a batch. A list that needs a field which the draws do not have is empty, and so are all at an impossible trace.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The number of the draw.
    pub number: u64,
    /// See [`Evidence::survivals`].
    pub survivals: &'a [f64],
    /// See [`Evidence::own`].
    pub own: &'a [f64],
    /// See [`Evidence::conditional`].
    pub conditional: &'a [f64],
    /// The races.
    pub wins: &'a [Win],
    /// See [`Evidence::chances`].
    pub chances: &'a [f64],
    /// The races that every trace has, in pairs.
    pub pairs_of_races: usize,
}

impl Seen<'_> {
    /// Whether each present entry won a race.
    #[must_use]
    pub fn won(&self, present: usize) -> Vec<bool> {
        let mut won = vec![false; present];
        self.wins.iter().for_each(|win| won[win.place] = true);
        won
    }
}

/// A value of a draw beside the one that is right.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The draw.
    pub number: u64,
    /// Of which field.
    pub field: Field,
    /// How far it is off.
    pub error: f64,
    /// The right value.
    pub want: f64,
    /// How far it may be off, in units in the last place of 1.
    pub allowed: f64,
    /// In words, if it is off by more than double precision allows.
    pub what: String,
}

impl Compared {
    fn new(
        number: u64,
        field: Field,
        [found, want]: [f64; 2],
        allowed: f64,
        name: impl FnOnce() -> String,
    ) -> Self {
        let error = (found - want).abs();
        let right = error <= f64::EPSILON * allowed;
        let what = || format!("{} of {} is {found} instead of {want}", Self::word(field), name());
        Self { number, field, error, want, allowed, what: if right { String::new() } else { what() } }
    }

    fn word(field: Field) -> &'static str {
        if field == Field::Score { "score" } else { "log p" }
    }

    /// The log-probability of the trace of this name.
    pub(super) fn log_prob(
        number: u64,
        found: f64,
        want: f64,
        allowed: Allowed,
        name: impl FnOnce() -> String,
    ) -> Self {
        Self::new(number, Field::LogProb, [found, want], allowed.log_prob, name)
    }

    /// The number of a score that is the furthest off; `name` names the trace and the entry.
    pub(super) fn score(
        number: u64,
        found: &[f64],
        want: &[f64],
        won: impl Fn(usize) -> bool,
        allowed: Allowed,
        name: impl Fn(usize) -> String,
    ) -> Option<Self> {
        let part = |k: &usize| {
            let part = (found[*k] - want[*k]).abs() / allowed.score(want[*k], won(*k));
            if part.is_nan() { f64::INFINITY } else { part }
        };
        let worst = (0..want.len()).map(|k| (part(&k), k)).reduce(|a, b| if b.0 > a.0 { b } else { a })?.1;
        let allowed = allowed.score(want[worst], won(worst));
        Some(Self::new(number, Field::Score, [found[worst], want[worst]], allowed, || name(worst)))
    }
}

/// A batch of draws with what follows from each. A column that needs a field which the draws do not have is empty.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The number of each draw in the sample: growing, with gaps where a draw was malformed.
    pub number: Vec<u64>,
    /// The structure's number in the law, 0 where nothing is enumerated; or [`IMPOSSIBLE`].
    pub structure: Vec<usize>,
    /// The parts of the structures that are possible, one after the other, where structures are not numbered.
    pub parts: Vec<u32>,
    /// The value of each loss of each structure that is possible, where structures are not numbered.
    pub losses: Vec<Vec<i64>>,
    /// The trace's number, 0 where nothing is enumerated; or [`IMPOSSIBLE`].
    pub trace: Vec<usize>,
    /// `e^{-λ_k E_k}` of the exponentials, `[draws, present]`.
    pub survivals: Vec<f64>,
    /// The inverse map's uniforms of the exponentials, `[draws, present]`; NaN where the trace is impossible.
    pub own: Vec<f64>,
    /// The inverse map's uniforms of the conditional draw, `[draws, present]`; NaN where the trace is impossible.
    pub conditional: Vec<f64>,
    /// The estimates of the gradient, `[draws, present]`.
    pub gradients: Vec<f64>,
    /// The loss of each draw, if estimates are held to it: NaN where the trace is impossible.
    pub loss: Vec<f64>,
    /// And the score of its trace, `[draws, present]`.
    pub scores: Vec<f64>,
    /// A hash of the exponentials.
    pub exponentials_hash: Vec<Fingerprint>,
    /// A hash of the conditional draw.
    pub conditional_hash: Vec<Fingerprint>,
    /// The races of all draws, one draw after the other, where traces are walked.
    pub wins: Vec<Win>,
    /// Where the races of each draw end.
    pub ends: Vec<usize>,
    /// The sum of an entry's chances to win the races that it takes part in, `[draws, present]`, where traces are walked: 0 where
    /// the trace is impossible.
    pub chances: Vec<f64>,
    /// Values beside the right ones: of a score the worst.
    pub compared: Vec<Compared>,
    /// The draws that are wrong by themselves, and how.
    pub defects: Vec<(u64, Defect, String)>,
    /// The draws that would be, if someone did not win by no more than rounding.
    pub ties: Vec<(u64, Defect)>,
    /// By field: whether it has a number that single precision has not.
    pub double: [bool; Field::ALL.len()],
    /// Number and fault of each draw that is not of the model's form.
    pub malformed: Vec<(u64, String)>,
}

/// Two hashes of 64 bits: one would repeat by itself among some billions of draws.
pub type Fingerprint = (u64, u64);

/// The number of what is no structure, or no trace.
pub const IMPOSSIBLE: usize = usize::MAX;

/// What follows from the structure and the trace of a draw that is of the model's form.
pub(super) trait Look<X>: Sync {
    /// Appends it to the columns of `evidence`.
    fn look(&self, known: &Known<'_>, number: u64, batch: &Batch<X>, draw: usize, evidence: &mut Evidence);
}

impl Evidence {
    /// The next draws of a source, in parallel; `None` if there are no more.
    pub(super) fn gather<X: Send + Sync, S: Source<X>>(
        known: &Known<'_>,
        looker: &dyn Look<X>,
        source: &mut S,
    ) -> Result<Option<Self>, SourceError> {
        let pieces = source.next()?;
        if pieces.is_empty() {
            return Ok(None);
        }
        let source = &*source;
        let columns = || Batch::new(known.rates.len(), source.fields());
        let look = |batch: &mut Batch<X>, piece: &S::Piece| {
            batch.clear();
            source.fill(piece, batch)?;
            let mut evidence = Self::default();
            evidence.look(known, looker, source.first(piece), batch);
            Ok(evidence)
        };
        let pieces: Vec<Result<Self, SourceError>> = pieces.par_iter().map_init(columns, look).collect();
        let mut all = Self::default();
        for piece in pieces {
            all.append(piece?); // the first error, whichever thread met it
        }
        Ok(Some(all))
    }

    /// Takes a batch in, with all that follows from each draw. Its first draw has this number.
    fn look<X>(&mut self, known: &Known<'_>, looker: &dyn Look<X>, first: u64, batch: &Batch<X>) {
        let mut malformed = batch.malformed().iter().peekable();
        for draw in 0..batch.len() {
            let number = first + draw as u64;
            let lengths = malformed.next_if(|(wrong, _)| *wrong == draw).map(|(_, what)| what.clone());
            if let Some(what) = lengths.or_else(|| known.malformed(batch, draw)) {
                self.malformed.push((number, what));
                continue;
            }
            self.number.push(number);
            self.precision(batch, draw);
            if let Some(weights) = batch.exponentials(draw) {
                let survival = |&k: &usize| Real::exp(&(-weights[k] * known.rates[k]));
                self.survivals.extend(known.present.iter().map(survival));
                self.exponentials_hash.push(known.fingerprint(weights));
            }
            if let Some(estimate) = batch.gradient(draw) {
                self.gradients.extend(known.present.iter().map(|&k| estimate[k]));
            }
            if let Some(weights) = batch.conditional(draw) {
                self.conditional_hash.push(known.fingerprint(weights));
            }
            looker.look(known, number, batch, draw, self);
        }
        self.malformed.extend(malformed.map(|(draw, what)| (first + *draw as u64, what.clone())));
    }

    pub(super) fn run(&mut self, draw: u64, defect: Defect, held: Held) {
        match held {
            Held::Same => {}
            Held::Tied => self.ties.push((draw, defect)),
            Held::Other => self.defects.push((draw, defect, "its weights hold other races".to_owned())),
        }
    }

    /// Notes which fields are of double precision.
    fn precision<X>(&mut self, batch: &Batch<X>, draw: usize) {
        let log_prob = batch.log_prob(draw);
        for (field, values) in [
            (Field::LogProb, log_prob.as_ref().map(std::slice::from_ref)),
            (Field::Score, batch.score(draw)),
            (Field::Exponentials, batch.exponentials(draw)),
            (Field::Conditional, batch.conditional(draw)),
            (Field::Gradient, batch.gradient(draw)),
        ] {
            let double = &mut self.double[field as usize];
            *double = *double || values.is_some_and(|values| !values.iter().all(|&value| is_single(value)));
        }
    }

    /// The column of the inverse map's uniforms of the weights that this check runs the algorithm on.
    pub(super) fn uniforms_of(&mut self, defect: Defect) -> &mut Vec<f64> {
        if defect == Defect::Rerun { &mut self.own } else { &mut self.conditional }
    }

    /// The draws that are of the model's form.
    pub fn draws<'a>(&'a self, known: &'a Known<'_>) -> impl Iterator<Item = Seen<'a>> {
        let present = known.present.len();
        let row = move |column: &'_ [f64], i: usize| -> std::ops::Range<usize> {
            if column.is_empty() { 0..0 } else { i * present..(i + 1) * present }
        };
        self.number.iter().enumerate().map(move |(i, &number)| {
            let start =
                i.checked_sub(1).map_or(0, |before| self.ends.get(before).copied().unwrap_or_default());
            let end = self.ends.get(i).copied().unwrap_or_default();
            let possible = self.trace.get(i).is_none_or(|&trace| trace != IMPOSSIBLE);
            let given = |column: &'_ [f64]| if possible { row(column, i) } else { 0..0 };
            Seen {
                number,
                survivals: &self.survivals[row(&self.survivals, i)],
                own: &self.own[given(&self.own)],
                conditional: &self.conditional[given(&self.conditional)],
                wins: &self.wins[start..end],
                chances: &self.chances[given(&self.chances)],
                pairs_of_races: known.fewest_races / 2,
            }
        })
    }

    /// The number of draws looked at.
    pub(super) fn len(&self) -> usize {
        self.number.len() + self.malformed.len()
    }

    fn append(&mut self, later: Self) {
        self.number.extend(later.number);
        self.structure.extend(later.structure);
        self.parts.extend(later.parts);
        self.losses.extend(later.losses);
        self.trace.extend(later.trace);
        self.survivals.extend(later.survivals);
        self.own.extend(later.own);
        self.conditional.extend(later.conditional);
        self.gradients.extend(later.gradients);
        self.loss.extend(later.loss);
        self.scores.extend(later.scores);
        self.exponentials_hash.extend(later.exponentials_hash);
        self.conditional_hash.extend(later.conditional_hash);
        self.ends.extend(later.ends.iter().map(|end| end + self.wins.len()));
        self.wins.extend(later.wins);
        self.chances.extend(later.chances);
        self.compared.extend(later.compared);
        self.defects.extend(later.defects);
        self.ties.extend(later.ties);
        self.double.iter_mut().zip(later.double).for_each(|(double, later)| *double |= later);
        self.malformed.extend(later.malformed);
    }
}
