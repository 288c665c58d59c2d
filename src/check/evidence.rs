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
use num_rational::BigRational;
use rayon::prelude::*;

use crate::reference::{Draw, Sampler};

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

    /// What is wrong with the form of a draw.
    fn malformed<X>(&self, draw: &Draw<X>) -> Option<String> {
        let m = self.rates.len();
        if draw.trace.entry_count() != m {
            return Some(format!(
                "the trace is one of {} entries, the model has {m}",
                draw.trace.entry_count()
            ));
        }
        let lengths = [
            ("score", draw.score.len()),
            ("exponentials", draw.exponentials.len()),
            ("conditional", draw.conditional.len()),
        ];
        for (field, found) in lengths {
            if found != m {
                return Some(format!("{field} has {found} values: want one for each of {m} entries"));
            }
        }
        for (k, rate) in self.rates.iter().enumerate() {
            let weights = [("exponentials", draw.exponentials[k]), ("conditional", draw.conditional[k])];
            for (field, weight) in weights {
                match weight {
                    Some(weight) if *rate == 0.0 && weight != f64::INFINITY => {
                        let label = self.label(k);
                        return Some(format!("{field} of the absent entry {label} is {weight}: want none"));
                    }
                    None if *rate > 0.0 => {
                        return Some(format!("{field} of entry {} is missing", self.label(k)));
                    }
                    _ => {}
                }
            }
            if *rate == 0.0 && draw.score[k] != 0.0 {
                let (label, score) = (self.label(k), draw.score[k]);
                return Some(format!("score of the absent entry {label} is {score}: want 0"));
            }
        }
        None
    }

    fn fingerprint(&self, weights: &[Option<f64>]) -> Fingerprint {
        let [mut one, mut other] = [DefaultHasher::new(), DefaultHasher::new()];
        other.write_u8(1);
        for &k in &self.present {
            let bits = weights[k].unwrap_or(f64::NAN).to_bits();
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
    traces: HashMap<Trace, usize>, // looked up, never iterated over
}

impl<'m, I: Instance> Numbered<'m, I> {
    /// Numbers structures and traces.
    pub(super) fn new(instance: &'m I, law: Vec<(I::Structure, BigRational)>) -> (Self, Known<'m>) {
        let (mut traces, mut numbers) = (Vec::new(), HashMap::new());
        for outcome in instance.traces() {
            numbers.insert(outcome.trace.clone(), traces.len());
            traces.push((outcome.trace, to_f64(&outcome.probability)));
        }
        let rates: Vec<f64> = instance.rates().iter().map(to_f64).collect();
        let present: Vec<usize> = (0..rates.len()).filter(|&k| rates[k] > 0.0).collect();
        let mut roles = Vec::with_capacity(traces.len() * present.len());
        for (trace, _) in &traces {
            let won = trace.won();
            roles.extend(present.iter().map(|&k| won[k].map_or(0, |race| race as u32 + 1)));
        }
        let (structures, probabilities): (Vec<I::Structure>, Vec<BigRational>) = law.into_iter().unzip();
        let named = structures.clone();
        let known = Known {
            rates,
            present,
            structures: probabilities.iter().map(to_f64).collect(),
            most_races: traces.iter().map(|(trace, _)| trace.races().len()).max().unwrap_or(0),
            traces,
            roles,
            structure_name: Box::new(move |number| instance.canonical(&named[number])),
            trace_name: Box::new(|trace| instance.canonical_trace(trace)),
            label: Box::new(|entry| instance.label(entry)),
        };
        (Self { instance, structures, traces: numbers }, known)
    }

    /// The number of a structure; the number of structures if it is none.
    fn structure(&self, structure: &I::Structure) -> usize {
        self.structures.binary_search(structure).unwrap_or(self.structures.len())
    }

    /// The number of a trace; the number of traces if it is impossible.
    fn trace(&self, trace: &Trace) -> usize {
        self.traces.get(trace).copied().unwrap_or(self.traces.len())
    }

    /// Whether the algorithm, run on these weights, holds the races of the draw and returns its structure.
    fn holds(&self, weights: &[Option<f64>], draw: &Draw<I::Structure>) -> bool {
        let weights: Vec<f64> = weights.iter().map(|weight| weight.unwrap_or(f64::INFINITY)).collect();
        let run = self.instance.run(&weights);
        run.is_ok_and(|run| run.trace == draw.trace && run.structure == draw.structure)
    }
}

/// What a draw says of its trace, beside the races.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// The trace's number.
    pub trace: usize,
    /// `log p(T)` as drawn.
    pub log_prob: f64,
    /// The score as drawn, one per entry.
    pub score: Vec<f64>,
}

/// A batch of draws with what follows from each.
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
    /// Whether the algorithm run on the exponentials holds the same races.
    pub rerun: Vec<bool>,
    /// Whether the algorithm run on the conditional draw holds the same races.
    pub round_trip: Vec<bool>,
    /// A hash of the exponentials.
    pub exponentials_hash: Vec<Fingerprint>,
    /// A hash of the conditional draw.
    pub conditional_hash: Vec<Fingerprint>,
    /// The values of the first draws of the sample that have a possible trace.
    pub first: Vec<Values>,
    /// Number and fault of each draw that is not of the model's form.
    pub malformed: Vec<(u64, String)>,
}

/// Two hashes of 64 bits: one would repeat by itself among some billions of draws.
pub type Fingerprint = (u64, u64);

/// Draws whose values are kept, at the start of a sample.
const FIRST: u64 = 2000;

/// Draws that one thread looks at before it takes others.
const PIECE: u64 = 128;

impl Evidence {
    /// Draws `first..first + count` of a sampler, in parallel.
    pub(super) fn gather<I: Instance>(
        known: &Known<'_>,
        numbered: &Numbered<'_, I>,
        sampler: &dyn Sampler<I::Structure>,
        first: u64,
        count: u64,
    ) -> Self {
        let piece = |piece: u64| {
            let mut evidence = Self::default();
            for number in first + piece * PIECE..(first + (piece + 1) * PIECE).min(first + count) {
                evidence.look(known, numbered, number, sampler.draw(number));
            }
            evidence
        };
        let pieces: Vec<Self> = (0..count.div_ceil(PIECE)).into_par_iter().map(piece).collect();
        let mut all = Self::default();
        pieces.into_iter().for_each(|piece| all.append(piece));
        all
    }

    /// Takes a draw in, with all that follows from it.
    fn look<I: Instance>(
        &mut self,
        known: &Known<'_>,
        numbered: &Numbered<'_, I>,
        number: u64,
        draw: Draw<I::Structure>,
    ) {
        if let Some(what) = known.malformed(&draw) {
            self.malformed.push((number, what));
            return;
        }
        let trace = numbered.trace(&draw.trace);
        let possible = trace < known.traces.len();
        self.number.push(number);
        self.structure.push(numbered.structure(&draw.structure));
        self.trace.push(trace);
        let weight = |k: usize| draw.exponentials[k].unwrap_or(f64::NAN);
        self.survivals.extend(known.present.iter().map(|&k| Real::exp(&(-weight(k) * known.rates[k]))));
        for (column, weights) in
            [(&mut self.own, &draw.exponentials), (&mut self.conditional, &draw.conditional)]
        {
            if possible {
                let uniforms = draw.trace.uniforms(&known.rates, weights);
                column.extend(known.present.iter().map(|&k| uniforms[k].unwrap_or(f64::NAN)));
            } else {
                column.extend(known.present.iter().map(|_| f64::NAN)); // no races, no times
            }
        }
        self.rerun.push(numbered.holds(&draw.exponentials, &draw));
        self.round_trip.push(numbered.holds(&draw.conditional, &draw));
        self.exponentials_hash.push(known.fingerprint(&draw.exponentials));
        self.conditional_hash.push(known.fingerprint(&draw.conditional));
        if number < FIRST && possible {
            self.first.push(Values { trace, log_prob: draw.log_prob, score: draw.score });
        }
    }

    fn append(&mut self, later: Self) {
        self.number.extend(later.number);
        self.structure.extend(later.structure);
        self.trace.extend(later.trace);
        self.survivals.extend(later.survivals);
        self.own.extend(later.own);
        self.conditional.extend(later.conditional);
        self.rerun.extend(later.rerun);
        self.round_trip.extend(later.round_trip);
        self.exponentials_hash.extend(later.exponentials_hash);
        self.conditional_hash.extend(later.conditional_hash);
        self.first.extend(later.first);
        self.malformed.extend(later.malformed);
    }
}
