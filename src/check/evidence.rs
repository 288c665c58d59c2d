//! What the checks look at: a batch of draws, and what follows from each draw by itself.
//!
//! Columns have a leading draw axis. Entry by entry columns hold the *present* entries only (positive rate), in entry
//! order, `[draws, present]` row by row. A draw that is not of the model's form has no place in the columns: it is named in
//! [`Evidence::malformed`].

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};

use gumbel_oracle::law::Law;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::{Real, to_f64};
use gumbel_oracle::race::Trace;
use gumbel_oracle::structure::Structure;
use rayon::prelude::*;

use crate::reference::{Draw, Sampler};

/// A model with all its structures and traces, numbered.
#[derive(Debug)]
pub struct Known<'m> {
    /// The model.
    pub model: &'m Model,
    /// The rates as the sampler has them, nearest `f64`, one per entry.
    pub rates: Vec<f64>,
    /// The present entries.
    pub present: Vec<usize>,
    /// The structures with their probabilities.
    pub law: Law,
    /// The traces with their probabilities.
    pub traces: Vec<(Trace, f64)>,
    /// `[traces, present]`: 0 if the entry won no race, else the number of that race, from 1.
    roles: Vec<u32>,
    numbers: HashMap<Trace, usize>, // looked up, never iterated over
}

impl<'m> Known<'m> {
    /// Numbers structures and traces.
    pub(super) fn new(model: &'m Model, law: Law) -> Self {
        let (mut traces, mut numbers) = (Vec::new(), HashMap::new());
        for outcome in model.traces() {
            numbers.insert(outcome.trace.clone(), traces.len());
            traces.push((outcome.trace, to_f64(&outcome.probability)));
        }
        let rates: Vec<f64> = model.rates_as();
        let present: Vec<usize> = (0..rates.len()).filter(|&k| rates[k] > 0.0).collect();
        let mut roles = Vec::with_capacity(traces.len() * present.len());
        for (trace, _) in &traces {
            let won = trace.won();
            roles.extend(present.iter().map(|&k| won[k].map_or(0, |race| race as u32 + 1)));
        }
        Self { model, rates, present, law, traces, roles, numbers }
    }

    /// The role of the `k`-th present entry in a trace: 0 if it wins no race, else the number of the race, from 1.
    #[must_use]
    pub fn role(&self, trace: usize, k: usize) -> usize {
        self.roles[trace * self.present.len() + k] as usize
    }

    /// The number of a structure; the number of structures if it is none.
    fn structure(&self, structure: &Structure) -> usize {
        let outcomes = &self.law.outcomes;
        outcomes.binary_search_by(|(known, _)| known.cmp(structure)).unwrap_or(outcomes.len())
    }

    /// The number of a trace; the number of traces if it is impossible.
    fn trace(&self, trace: &Trace) -> usize {
        self.numbers.get(trace).copied().unwrap_or(self.traces.len())
    }

    /// An entry as people write it.
    #[must_use]
    pub fn label(&self, entry: usize) -> String {
        self.model.entries()[entry].label(self.model.kind())
    }

    /// What is wrong with the form of a draw.
    fn malformed(&self, draw: &Draw) -> Option<String> {
        let m = self.rates.len();
        if draw.trace.entries() != m {
            return Some(format!("the trace is one of {} entries, the model has {m}", draw.trace.entries()));
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

    /// Whether the algorithm, run on these weights, holds the races of the draw and returns its structure.
    fn holds(&self, weights: &[Option<f64>], draw: &Draw) -> bool {
        let weights: Vec<f64> = weights.iter().map(|weight| weight.unwrap_or(f64::INFINITY)).collect();
        self.model.run(&weights).is_ok_and(|run| run.trace == draw.trace && run.structure == draw.structure)
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
    /// Trace number and draw, of the first draws of the sample that have a possible trace.
    pub first: Vec<(usize, Draw)>,
    /// Number and fault of each draw that is not of the model's form.
    pub malformed: Vec<(u64, String)>,
}

/// Two hashes of 64 bits: one would repeat by itself among some billions of draws.
pub type Fingerprint = (u64, u64);

/// Draws kept whole, at the start of a sample.
const FIRST: u64 = 2000;

/// Draws that one thread looks at before it takes others.
const PIECE: u64 = 128;

impl Evidence {
    /// Draws `first..first + count` of a sampler, in parallel.
    pub(super) fn gather(known: &Known<'_>, sampler: &dyn Sampler, first: u64, count: u64) -> Self {
        let piece = |piece: u64| {
            let mut evidence = Self::default();
            for number in first + piece * PIECE..(first + (piece + 1) * PIECE).min(first + count) {
                evidence.look(known, number, sampler.draw(number));
            }
            evidence
        };
        let pieces: Vec<Self> = (0..count.div_ceil(PIECE)).into_par_iter().map(piece).collect();
        let mut all = Self::default();
        pieces.into_iter().for_each(|piece| all.append(piece));
        all
    }

    /// Takes a draw in, with all that follows from it.
    fn look(&mut self, known: &Known<'_>, number: u64, draw: Draw) {
        if let Some(what) = known.malformed(&draw) {
            self.malformed.push((number, what));
            return;
        }
        let trace = known.trace(&draw.trace);
        let possible = trace < known.traces.len();
        self.number.push(number);
        self.structure.push(known.structure(&draw.structure));
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
        self.rerun.push(known.holds(&draw.exponentials, &draw));
        self.round_trip.push(known.holds(&draw.conditional, &draw));
        self.exponentials_hash.push(known.fingerprint(&draw.exponentials));
        self.conditional_hash.push(known.fingerprint(&draw.conditional));
        if number < FIRST && possible {
            self.first.push((trace, draw));
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
