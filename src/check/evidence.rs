//! What the checks look at: a batch of draws, and what follows from each draw by itself.
//!
//! Columns have a leading draw axis. Entry by entry columns hold the *present* entries only (positive rate), in entry
//! order, `[draws, present]` row by row. A draw that is not of the model's form has no place in the columns: it is named in
//! [`Evidence::malformed`].

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};

use gumbel_oracle::instance::Instance;
use gumbel_oracle::number::{Real, to_f64};
use gumbel_oracle::race::Trace;
use gumbel_oracle::recursion::ReplayError;
use num_rational::BigRational;
use rayon::prelude::*;

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
    /// The number of races of the longest trace.
    pub most_races: usize,
    /// Where the draws come from.
    pub places: Places,
    /// `[traces, present]`: 0 if the entry won no race, else the number of that race, from 1.
    roles: Vec<u32>,
    structure_name: Box<dyn Fn(usize) -> String + Sync + 'm>,
    trace_name: Box<dyn Fn(&Trace) -> String + Sync + 'm>,
    label: Box<dyn Fn(usize) -> String + Sync + 'm>,
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
            let score = batch.score(draw).map_or(0.0, |score| score[k]);
            if absent && score != 0.0 {
                let label = self.label(k);
                return Some(format!("score of the absent entry {label} is {score}: want 0"));
            }
        }
        None
    }

    /// The inverse map's uniforms of weights given a trace, one per present entry: nothing without a trace, NaN where it is
    /// impossible. At most 1 if the weights are of this trace, up to their rounding.
    fn uniforms(&self, trace: Option<usize>, weights: &[f64]) -> Vec<f64> {
        let Some(trace) = trace else { return Vec::new() };
        let Some((trace, _)) = self.traces.get(trace) else {
            return vec![f64::NAN; self.present.len()]; // no races, no times
        };
        let present = weights.iter().zip(&self.rates);
        let finite: Vec<Option<f64>> =
            present.map(|(&weight, &rate)| (rate > 0.0).then_some(weight)).collect();
        let mut uniforms = trace.uniforms(&self.rates, &finite);
        // A time that is negative by no more than rounding is 0.
        if uniforms.iter().flatten().any(|&u| u > 1.0) {
            let (allowed, mut totals) = (rounding(trace, weights), self.rates.clone());
            for (race, total) in trace.races().iter().zip(trace.totals(&self.rates)) {
                totals[race.winner] = total;
            }
            for (k, u) in uniforms.iter_mut().enumerate() {
                *u = u.map(|u| if u > 1.0 && Real::ln(&u) / totals[k] <= allowed(k) { 1.0 } else { u });
            }
        }
        self.present.iter().map(|&k| uniforms[k].unwrap_or(f64::NAN)).collect()
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

/// An instance with the numbers of its structures and traces: what turns draws into [`Evidence`].
pub(super) struct Numbered<'m, I: Instance> {
    instance: &'m I,
    structures: Vec<I::Structure>,
    traces: HashMap<Vec<u32>, usize>, // by winners; looked up, never iterated over
    /// The number of the structure that each trace leads to.
    leads_to: Vec<usize>,
}

impl<'m, I: Instance> Numbered<'m, I> {
    /// Numbers structures and traces.
    pub(super) fn new(instance: &'m I, law: Vec<(I::Structure, BigRational)>) -> (Self, Known<'m>) {
        let (mut traces, mut numbers) = (Vec::new(), HashMap::new());
        let (structures, probabilities): (Vec<I::Structure>, Vec<BigRational>) = law.into_iter().unzip();
        let mut leads_to = Vec::new();
        for outcome in instance.traces() {
            leads_to.push(structures.binary_search(&outcome.structure).unwrap_or(structures.len()));
            let winners = outcome.trace.races().iter().map(|race| race.winner as u32).collect();
            numbers.insert(winners, traces.len());
            traces.push((outcome.trace, to_f64(&outcome.probability)));
        }
        let rates: Vec<f64> = instance.rates().iter().map(to_f64).collect();
        let present: Vec<usize> = (0..rates.len()).filter(|&k| rates[k] > 0.0).collect();
        let mut roles = Vec::with_capacity(traces.len() * present.len());
        for (trace, _) in &traces {
            let won = trace.won();
            roles.extend(present.iter().map(|&k| won[k].map_or(0, |race| race as u32 + 1)));
        }
        let named = structures.clone();
        let known = Known {
            rates,
            present,
            structures: probabilities.iter().map(to_f64).collect(),
            most_races: traces.iter().map(|(trace, _)| trace.races().len()).max().unwrap_or(0),
            places: Places::default(),
            traces,
            roles,
            structure_name: Box::new(move |number| instance.canonical(&named[number])),
            trace_name: Box::new(|trace| instance.canonical_trace(trace)),
            label: Box::new(|entry| instance.label(entry)),
        };
        (Self { instance, structures, traces: numbers, leads_to }, known)
    }

    /// The number of a structure; the number of structures if it is none.
    fn structure(&self, structure: &I::Structure) -> usize {
        self.structures.binary_search(structure).unwrap_or(self.structures.len())
    }

    /// The number of a trace; the number of traces if it is impossible.
    fn trace(&self, winners: &[u32]) -> usize {
        self.traces.get(winners).copied().unwrap_or(self.traces.len())
    }

    /// Why winners are no trace.
    fn impossible(&self, winners: &[u32]) -> String {
        let winners: Vec<usize> = winners.iter().map(|&winner| winner as usize).collect();
        let names = |entries: &[usize]| {
            entries.iter().map(|&entry| self.instance.label(entry)).collect::<Vec<_>>().join(", ")
        };
        let all = names(&winners);
        match self.instance.trace_of(&winners) {
            Ok(_) => format!("the trace in which {all} win has probability 0"),
            Err(ReplayError::NotAnEntrant { race, winner, entrants }) => {
                let (winner, entrants) = (self.instance.label(winner), names(&entrants));
                format!(
                    "in the trace in which {all} win, race {race} (from 0) cannot be won by {winner}: it is between {entrants}"
                )
            }
            Err(ReplayError::TooShort { races, entrants }) => {
                let entrants = names(&entrants);
                format!(
                    "the trace in which {all} win ends after {races} races, but {entrants} have still to race"
                )
            }
            Err(error) => format!("in the trace in which {all} win: {error}"),
        }
    }

    /// What is wrong with structure and trace of a draw, whose numbers these are.
    fn defect(
        &self,
        batch: &Batch<I::Structure>,
        draw: usize,
        structure: Option<usize>,
        trace: Option<usize>,
    ) -> Option<(Defect, String)> {
        let written = || batch.structure(draw).map_or_else(String::new, |x| self.instance.canonical(x));
        if structure == Some(self.structures.len()) {
            return Some((Defect::Structure, format!("{} is no structure of this model", written())));
        }
        if trace == Some(self.traces.len()) {
            return Some((Defect::Trace, self.impossible(batch.trace(draw).unwrap_or_default())));
        }
        let leads_to = self.leads_to[trace?];
        (structure? != leads_to).then(|| {
            let right = self.instance.canonical(&self.structures[leads_to]);
            (Defect::LeadsTo, format!("the trace leads to {right}, but the structure is {}", written()))
        })
    }

    /// Whether the algorithm, run on these weights, holds the races and returns the structure of the draw, as far as there
    /// are columns for them.
    fn holds(&self, weights: &[f64], batch: &Batch<I::Structure>, draw: usize) -> Held {
        let Ok(run) = self.instance.run(weights) else { return Held::Other };
        let winners = run.trace.races().iter().map(|race| race.winner as u32);
        let same = batch.trace(draw).is_none_or(|trace| winners.eq(trace.iter().copied()))
            && batch.structure(draw).is_none_or(|structure| *structure == run.structure);
        if same {
            Held::Same
        } else if tied(&run.trace, weights) {
            Held::Tied
        } else {
            Held::Other
        }
    }
}

/// What an algorithm does on the weights of a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// It holds the races of the draw.
    Same,
    /// It holds others, but someone wins by no more than rounding.
    Tied,
    /// It holds others.
    Other,
}

/// Whether a number is one of single precision.
fn is_single(value: f64) -> bool {
    value.is_infinite() || f64::from(value as f32) == value
}

/// How far a time that follows from these weights may be off because they are rounded: one value per entry. Times are sums and
/// differences of at most as many numbers as there are races, none larger than the entry's weight or that of a winner; each
/// side of a comparison may be off by half a unit per number, in the sampler and here.
fn rounding(trace: &Trace, weights: &[f64]) -> impl Fn(usize) -> f64 {
    let epsilon =
        if weights.iter().all(|&weight| is_single(weight)) { f64::from(f32::EPSILON) } else { f64::EPSILON };
    let largest = trace.races().iter().map(|race| weights[race.winner]).fold(0.0, f64::max);
    let races = trace.races().len() as f64;
    move |entry| 4.0 * epsilon * (races + 1.0) * weights[entry].max(largest)
}

/// Whether some race of a run is won by no more than rounding.
fn tied(trace: &Trace, weights: &[f64]) -> bool {
    let allowed = rounding(trace, weights);
    let finite: Vec<Option<f64>> =
        weights.iter().map(|&weight| weight.is_finite().then_some(weight)).collect();
    let (times, residuals) = trace.disassemble(&finite);
    let winners = trace.races().iter().zip(times).any(|(race, time)| time <= allowed(race.winner));
    winners
        || residuals.iter().enumerate().any(|(k, residual)| residual.is_some_and(|left| left <= allowed(k)))
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

/// What a draw says of its trace, beside the races.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// The trace's number.
    pub trace: usize,
    /// `log p(T)` as drawn.
    pub log_prob: Option<f64>,
    /// The score as drawn, one per entry.
    pub score: Option<Vec<f64>>,
}

/// A batch of draws with what follows from each. A column that needs a field which the draws do not have is empty.
#[derive(Debug, Default)]
pub struct Evidence {
    /// The number of each draw in the sample: growing, with gaps where a draw was malformed.
    pub number: Vec<u64>,
    /// The structure's number in the law; one past the last for one that is impossible.
    pub structure: Vec<usize>,
    /// The trace's number; one past the last for one that is impossible.
    pub trace: Vec<usize>,
    /// `e^{-λ_k E_k}` of the exponentials, `[draws, present]`.
    pub survivals: Vec<f64>,
    /// The inverse map's uniforms of the exponentials, `[draws, present]`; NaN where the trace is impossible.
    pub own: Vec<f64>,
    /// The inverse map's uniforms of the conditional draw, `[draws, present]`; NaN where the trace is impossible.
    pub conditional: Vec<f64>,
    /// A hash of the exponentials.
    pub exponentials_hash: Vec<Fingerprint>,
    /// A hash of the conditional draw.
    pub conditional_hash: Vec<Fingerprint>,
    /// The values of the first draws of the sample that have a possible trace.
    pub first: Vec<Values>,
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

/// Draws whose values are kept, at the start of a sample.
const FIRST: u64 = 2000;

impl Evidence {
    /// The next draws of a source, in parallel; `None` if there are no more.
    pub(super) fn gather<I: Instance, S: Source<I::Structure>>(
        known: &Known<'_>,
        numbered: &Numbered<'_, I>,
        source: &mut S,
    ) -> Result<Option<Self>, SourceError> {
        let pieces = source.next()?;
        if pieces.is_empty() {
            return Ok(None);
        }
        let source = &*source;
        let columns = || Batch::new(known.rates.len(), source.fields());
        let look = |batch: &mut Batch<I::Structure>, piece: &S::Piece| {
            batch.clear();
            source.fill(piece, batch)?;
            let mut evidence = Self::default();
            evidence.look(known, numbered, source.first(piece), batch);
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
    fn look<I: Instance>(
        &mut self,
        known: &Known<'_>,
        numbered: &Numbered<'_, I>,
        first: u64,
        batch: &Batch<I::Structure>,
    ) {
        let mut malformed = batch.malformed().iter().peekable();
        for draw in 0..batch.len() {
            let number = first + draw as u64;
            let lengths = malformed.next_if(|(wrong, _)| *wrong == draw).map(|(_, what)| what.clone());
            if let Some(what) = lengths.or_else(|| known.malformed(batch, draw)) {
                self.malformed.push((number, what));
                continue;
            }
            self.number.push(number);
            let structure = batch.structure(draw).map(|structure| numbered.structure(structure));
            self.structure.extend(structure);
            let trace = batch.trace(draw).map(|winners| numbered.trace(winners));
            self.trace.extend(trace);
            let defect = numbered.defect(batch, draw, structure, trace);
            self.defects.extend(defect.map(|(defect, what)| (number, defect, what)));
            self.precision(batch, draw);
            if let Some(weights) = batch.exponentials(draw) {
                let survival = |&k: &usize| Real::exp(&(-weights[k] * known.rates[k]));
                self.survivals.extend(known.present.iter().map(survival));
                self.own.extend(known.uniforms(trace, weights));
                self.run(number, Defect::Rerun, numbered.holds(weights, batch, draw));
                self.exponentials_hash.push(known.fingerprint(weights));
            }
            if let Some(weights) = batch.conditional(draw) {
                self.conditional.extend(known.uniforms(trace, weights));
                self.run(number, Defect::RoundTrip, numbered.holds(weights, batch, draw));
                self.conditional_hash.push(known.fingerprint(weights));
            }
            if let Some(trace) = trace.filter(|&trace| number < FIRST && trace < known.traces.len()) {
                let score = batch.score(draw).map(<[f64]>::to_vec);
                self.first.push(Values { trace, log_prob: batch.log_prob(draw), score });
            }
        }
        self.malformed.extend(malformed.map(|(draw, what)| (first + *draw as u64, what.clone())));
    }

    fn run(&mut self, draw: u64, defect: Defect, held: Held) {
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
        ] {
            let double = &mut self.double[field as usize];
            *double = *double || values.is_some_and(|values| !values.iter().all(|&value| is_single(value)));
        }
    }

    /// The number of draws looked at.
    pub(super) fn len(&self) -> usize {
        self.number.len() + self.malformed.len()
    }

    fn append(&mut self, later: Self) {
        self.number.extend(later.number);
        self.structure.extend(later.structure);
        self.trace.extend(later.trace);
        self.survivals.extend(later.survivals);
        self.own.extend(later.own);
        self.conditional.extend(later.conditional);
        self.exponentials_hash.extend(later.exponentials_hash);
        self.conditional_hash.extend(later.conditional_hash);
        self.first.extend(later.first);
        self.defects.extend(later.defects);
        self.ties.extend(later.ties);
        self.double.iter_mut().zip(later.double).for_each(|(double, later)| *double |= later);
        self.malformed.extend(later.malformed);
    }
}
