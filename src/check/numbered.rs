//! Draws of an instance whose law can be enumerated: structures and traces by their numbers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use gumbel_oracle::enclosure;
use gumbel_oracle::instance::Instance;
use gumbel_oracle::number::{Exact, to_f64, to_rational};
use gumbel_oracle::race::Trace;
use gumbel_oracle::recursion::ReplayError;
use num_rational::BigRational;

use super::evidence::{Compared, Defect, Evidence, IMPOSSIBLE, Known, Look};
use super::rounding::{Allowed, Held, Rounding};
use crate::sample::Batch;

/// An instance with the numbers of its structures and traces: what turns draws into [`Evidence`].
pub(super) struct Numbered<'m, I: Instance> {
    instance: &'m I,
    pub(super) structures: Vec<I::Structure>,
    traces: HashMap<Vec<u32>, usize>, // by winners; looked up, never iterated over
    /// The number of the structure that each trace leads to.
    pub(super) leads_to: Vec<usize>,
    /// The exact values of traces, kept as they are drawn, up to [`MOST_KEPT`].
    values: Vec<OnceLock<Values>>,
    kept: AtomicUsize,
    /// The rates as the sampler has them, taken exactly.
    exact: Vec<Exact>,
}

/// Traces whose exact values are kept; those of others are worked out for each draw.
const MOST_KEPT: usize = 100_000;

/// The exact values of a trace, nearest `f64`.
#[derive(Debug, Clone)]
struct Values {
    log_prob: f64,
    score: Vec<f64>,
    /// Whether each entry won.
    won: Vec<bool>,
    allowed: Allowed,
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
            fewest_races: traces.iter().map(|(trace, _)| trace.races().len()).min().unwrap_or(0),
            most_races: traces.iter().map(|(trace, _)| trace.races().len()).max().unwrap_or(0),
            places: Default::default(),
            traces,
            roles,
            structure_name: Box::new(move |number| instance.canonical(&named[number])),
            trace_name: Box::new(|trace| instance.canonical_trace(trace)),
            label: Box::new(|entry| instance.label(entry)),
        };
        let values = known.traces.iter().map(|_| OnceLock::new()).collect();
        let exact = known.rates.iter().map(|&rate| Exact::try_from(rate).unwrap_or_default()).collect();
        let numbered = Self {
            instance,
            structures,
            traces: numbers,
            leads_to,
            values,
            kept: AtomicUsize::new(0),
            exact,
        };
        (numbered, known)
    }

    /// The number of a structure.
    fn structure(&self, structure: &I::Structure) -> usize {
        self.structures.binary_search(structure).unwrap_or(IMPOSSIBLE)
    }

    /// The number of a trace.
    fn trace(&self, winners: &[u32]) -> usize {
        self.traces.get(winners).copied().unwrap_or(IMPOSSIBLE)
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
        if structure == Some(IMPOSSIBLE) {
            return Some((Defect::Structure, format!("{} is no structure of this model", written())));
        }
        if trace == Some(IMPOSSIBLE) {
            return Some((Defect::Trace, self.impossible(batch.trace(draw).unwrap_or_default())));
        }
        let leads_to = self.leads_to[trace?];
        (structure? != leads_to).then(|| {
            let right = self.instance.canonical(&self.structures[leads_to]);
            (Defect::LeadsTo, format!("the trace leads to {right}, but the structure is {}", written()))
        })
    }

    /// The exact values of a trace.
    fn values(&self, known: &Known<'_>, trace: usize) -> Cow<'_, Values> {
        let work_out = || {
            let races = &known.traces[trace].0;
            let log_prob = enclosure::ln(&to_rational(&races.probability(&self.exact)));
            let entrants: Vec<usize> = races.races().iter().map(|race| race.entrants.len()).collect();
            Values {
                log_prob: log_prob.unwrap_or(f64::NEG_INFINITY),
                score: races.score(&self.exact).iter().map(|score| to_f64(&to_rational(score))).collect(),
                won: races.won().iter().map(Option::is_some).collect(),
                allowed: Allowed::new(&known.rates, &races.totals(&known.rates), &entrants),
            }
        };
        let keeps = || self.kept.fetch_add(1, Ordering::Relaxed) < MOST_KEPT;
        match self.values[trace].get() {
            Some(values) => Cow::Borrowed(values),
            None if keeps() => Cow::Borrowed(self.values[trace].get_or_init(work_out)),
            None => Cow::Owned(work_out()),
        }
    }

    /// Holds the values of a draw to the exact ones of its trace.
    fn compare(
        &self,
        known: &Known<'_>,
        trace: usize,
        number: u64,
        batch: &Batch<I::Structure>,
        draw: usize,
        evidence: &mut Evidence,
    ) {
        let (log_prob, score) = (batch.log_prob(draw), batch.score(draw));
        if log_prob.is_none() && score.is_none() {
            return;
        }
        let values = self.values(known, trace);
        let name = || known.trace_name(trace);
        if let Some(found) = log_prob {
            evidence.compared.push(Compared::log_prob(number, found, values.log_prob, values.allowed, name));
        }
        if let Some(found) = score {
            let won = |k: usize| values.won[k];
            let name = |k: usize| format!("{} at {}", name(), known.label(k));
            evidence.compared.extend(Compared::score(
                number,
                found,
                &values.score,
                won,
                values.allowed,
                name,
            ));
        }
    }

    /// Whether the algorithm, run on these weights, holds the races and returns the structure of the draw, as far as there
    /// are columns for them. `structure` and `trace` are their numbers.
    ///
    /// Who races next depends on who won before, and is known of all traces: the run goes along those of the draw, and only if
    /// someone else wins the algorithm itself is asked what it does.
    fn holds(
        &self,
        known: &Known<'_>,
        [structure, trace]: [Option<usize>; 2],
        weights: &[f64],
        batch: &Batch<I::Structure>,
        draw: usize,
    ) -> Held {
        let drawn = trace.and_then(|trace| Some((&known.traces.get(trace)?.0, self.leads_to[trace])));
        if let Some((races, leads_to)) = drawn
            && structure.is_none_or(|structure| structure == leads_to)
            && wins_all(races, weights)
        {
            return Held::Same;
        }
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

/// Whether a run on these weights that has come to the first of these races goes on with all of them: each is won by its first
/// entrant of least weight, and all entrants lose the winner's.
fn wins_all(trace: &Trace, weights: &[f64]) -> bool {
    let mut left = weights.to_vec();
    trace.races().iter().all(|race| {
        let least = |a: usize, &b: &usize| if left[b] < left[a] { b } else { a };
        let winner = race.entrants.iter().fold(race.winner, least);
        let time = left[winner];
        let first = race.entrants.iter().find(|&&k| left[k] == time);
        let wins = first == Some(&race.winner);
        race.entrants.iter().for_each(|&k| left[k] -= time);
        wins
    })
}

/// The inverse map's uniforms of weights given a trace, one per present entry: nothing without a trace, NaN where it is
/// impossible. At most 1 if the weights are of this trace, up to their rounding.
fn uniforms(known: &Known<'_>, trace: Option<usize>, weights: &[f64]) -> Vec<f64> {
    let Some(trace) = trace else { return Vec::new() };
    let Some((trace, _)) = known.traces.get(trace) else {
        return vec![f64::NAN; known.present.len()]; // no races, no times
    };
    let present = weights.iter().zip(&known.rates);
    let finite: Vec<Option<f64>> = present.map(|(&weight, &rate)| (rate > 0.0).then_some(weight)).collect();
    let uniforms = trace.uniforms(&known.rates, &finite);
    let mut uniforms: Vec<f64> = uniforms.into_iter().map(|u| u.unwrap_or(f64::NAN)).collect();
    if uniforms.iter().any(|&u| u > 1.0) {
        let mut totals = known.rates.clone();
        for (race, total) in trace.races().iter().zip(trace.totals(&known.rates)) {
            totals[race.winner] = total;
        }
        rounding(trace, weights).settle(&mut uniforms, |k| totals[k]);
    }
    known.present.iter().map(|&k| uniforms[k]).collect()
}

fn rounding<'w>(trace: &Trace, weights: &'w [f64]) -> Rounding<'w> {
    Rounding::new(weights, trace.races().iter().map(|race| race.winner))
}

/// Whether some race of a run is won by no more than rounding.
pub(super) fn tied(trace: &Trace, weights: &[f64]) -> bool {
    let allowed = rounding(trace, weights);
    let finite: Vec<Option<f64>> =
        weights.iter().map(|&weight| weight.is_finite().then_some(weight)).collect();
    let (times, residuals) = trace.disassemble(&finite);
    let winners = trace.races().iter().zip(times).any(|(race, time)| time <= allowed.of(race.winner));
    winners
        || residuals
            .iter()
            .enumerate()
            .any(|(k, residual)| residual.is_some_and(|left| left <= allowed.of(k)))
}

impl<I: Instance> Look<I::Structure> for Numbered<'_, I> {
    fn look(
        &self,
        known: &Known<'_>,
        number: u64,
        batch: &Batch<I::Structure>,
        draw: usize,
        evidence: &mut Evidence,
    ) {
        let structure = batch.structure(draw).map(|structure| self.structure(structure));
        evidence.structure.extend(structure);
        let trace = batch.trace(draw).map(|winners| self.trace(winners));
        evidence.trace.extend(trace);
        let defect = self.defect(batch, draw, structure, trace);
        evidence.defects.extend(defect.map(|(defect, what)| (number, defect, what)));
        if let Some(weights) = batch.exponentials(draw) {
            evidence.own.extend(uniforms(known, trace, weights));
            evidence.run(number, Defect::Rerun, self.holds(known, [structure, trace], weights, batch, draw));
        }
        if let Some(weights) = batch.conditional(draw) {
            evidence.conditional.extend(uniforms(known, trace, weights));
            evidence.run(
                number,
                Defect::RoundTrip,
                self.holds(known, [structure, trace], weights, batch, draw),
            );
        }
        if let Some(trace) = trace.filter(|&trace| trace != IMPOSSIBLE) {
            self.compare(known, trace, number, batch, draw, evidence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::MODELS;
    use super::*;
    use gumbel_oracle::limit::Limit;
    use gumbel_oracle::model::Model;
    use rand::rngs::ChaCha8Rng;
    use rand::{RngExt, SeedableRng};

    /// Of all traces the one that the algorithm holds, and no other, on weights with ties and without.
    #[test]
    fn a_run_along_a_trace_is_a_run() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        for text in MODELS {
            let model = Model::parse(text).unwrap();
            let (_, known) = Numbered::new(&model, model.law(Limit::default()).unwrap().outcomes);
            let mut seen = std::collections::BTreeSet::new();
            for round in 0..400 {
                let weight = |rng: &mut ChaCha8Rng| -> f64 {
                    if round % 2 == 0 { f64::from(rng.random_range(1..4_u32)) } else { rng.random() }
                };
                let weights: Vec<f64> = known
                    .rates
                    .iter()
                    .map(|&rate| if rate > 0.0 { weight(&mut rng) } else { f64::INFINITY })
                    .collect();
                let run = model.run(&weights).unwrap().trace;
                for (trace, _) in &known.traces {
                    assert_eq!(wins_all(trace, &weights), *trace == run, "{text} {weights:?} {trace:?}");
                }
                seen.insert(run.races().iter().map(|race| race.winner).collect::<Vec<usize>>());
            }
            assert!(seen.len() > known.traces.len() / 3, "{text}: {} of {}", seen.len(), known.traces.len());
        }
    }
}
