//! Draws of a model of any size: each trace is walked, nothing is enumerated.
//!
//! # Law
//! Whether the algorithm, run on weights `e`, holds the trace `T` needs no run: it does exactly if all times of the inverse map
//! of `e` given `T` are positive. (If it does, they are its winning times and residuals. If they are, the winner of each race is
//! the lightest of its entrants, by induction over the races: its weight is the winning time, and that of every other entrant is
//! the winning time and what it has left, positive.)

use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::structure::Structure;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use super::evidence::{Compared, Defect, Evidence, IMPOSSIBLE, Known, Look, Win};
use super::marginals::{self, Parts};
use super::numbered::tied;
use super::rounding::{Allowed, Held, Rounding};
use crate::sample::{Batch, Walk, WalkError, Walker};

/// A model whose traces are walked.
pub(super) struct Walked<'m> {
    model: &'m Model,
    walker: Walker<'m>,
    /// All structures in increasing order, if there is a use for them.
    structures: Option<Vec<Structure>>,
    /// For each entry its place among the present ones.
    places: Vec<usize>,
    /// The parts of structures and their losses, if they are judged.
    parts: Option<(Parts, Vec<Loss>)>,
    /// The loss that estimates of a gradient are held to.
    loss: Option<Loss>,
}

impl<'m> Walked<'m> {
    /// And what the checks know of it. `law`, if given, is that of the structures; `races` is how many each trace has, and how many
    /// more there can be.
    pub(super) fn new(
        model: &'m Model,
        law: Option<Vec<(Structure, f64)>>,
        races: (usize, usize),
        loss: Option<Loss>,
    ) -> (Self, Known<'m>) {
        let walker = Walker::new(model);
        let rates = walker.rates().to_vec();
        let present: Vec<usize> = (0..rates.len()).filter(|&k| rates[k] > 0.0).collect();
        let mut places = vec![usize::MAX; rates.len()];
        present.iter().enumerate().for_each(|(place, &k)| places[k] = place);
        let (structures, probabilities) = law.unwrap_or_default().into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        let named = structures.clone();
        let known = Known {
            rates,
            present,
            structures: probabilities,
            traces: Vec::new(),
            fewest_races: races.0,
            most_races: races.0 + races.1,
            places: Default::default(),
            roles: Vec::new(),
            structure_name: Box::new(move |number| model.canonical(&named[number])),
            trace_name: Box::new(|trace| model.canonical_trace(trace)),
            label: Box::new(|entry| model.entries()[entry].label(model.kind())),
        };
        let structures = (!structures.is_empty()).then_some(structures);
        let parts = marginals::is_small(model).then(|| (Parts::new(model), marginals::losses(model)));
        (Self { model, walker, structures, places, parts, loss }, known)
    }

    fn label(&self, entry: usize) -> String {
        self.model.entries()[entry].label(self.model.kind())
    }

    fn number(&self, structure: &Structure) -> usize {
        match &self.structures {
            Some(all) => all.binary_search(structure).unwrap_or(IMPOSSIBLE),
            None if self.walker.is_structure(structure) => 0,
            None => IMPOSSIBLE,
        }
    }

    fn impossible(&self, error: WalkError) -> String {
        match error {
            WalkError::NotAnEntrant { race, winner } => format!(
                "race {race} (from 0) of the trace cannot be won by {}, which does not race any more, or never did",
                self.label(winner as usize)
            ),
            WalkError::TooShort { races } => {
                format!("the trace ends after {races} races, but there is still something to choose from")
            }
            error => error.to_string(),
        }
    }

    /// Where the structure of the trace differs from that of the draw.
    fn difference(&self, leads_to: &Structure, structure: &Structure) -> String {
        let at = |position: usize, here: String, there: String| {
            format!("the trace leads to {here} at position {position}, but the structure has {there}")
        };
        match (leads_to, structure) {
            (Structure::Entries(here), Structure::Entries(there)) => {
                let extra = here.iter().find(|entry| !there.contains(entry));
                extra.map_or_else(
                    || "the trace leads to another structure".to_owned(),
                    |&entry| {
                        format!(
                            "the trace leads to a structure with {}, which this has not",
                            self.label(entry)
                        )
                    },
                )
            }
            (Structure::Order(here), Structure::Order(there)) => {
                let first = here.iter().zip(there.iter()).position(|(a, b)| a != b).unwrap_or(0);
                at(first, here[first].to_string(), there[first].to_string())
            }
            (Structure::Parents(here), Structure::Parents(there)) => {
                let first = here.0.iter().zip(&there.0).position(|(a, b)| a != b).unwrap_or(0);
                let parent = |parent: Option<usize>| {
                    parent.map_or_else(|| "no parent".to_owned(), |parent| format!("parent {parent}"))
                };
                at(first, parent(here.0[first]), parent(there.0[first]))
            }
            _ => "the trace leads to another structure".to_owned(),
        }
    }

    /// The inverse map's uniforms of weights given a trace, one per entry, and whether these weights are of this trace.
    fn uniforms(&self, walk: &Walk<'_>, weights: &[f64]) -> (Vec<f64>, Held) {
        let mut uniforms = walk.uniforms(weights);
        let mut held = Held::Same;
        if uniforms.iter().any(|&u| u > 1.0) {
            let mut totals = self.walker.rates().to_vec();
            walk.winners().iter().zip(walk.totals()).for_each(|(&winner, &total)| totals[winner] = total);
            held =
                Rounding::new(weights, walk.winners().iter().copied()).settle(&mut uniforms, |k| totals[k]);
        }
        (uniforms, held)
    }

    /// Whether the algorithm, run on weights, returns this structure, of which no trace is known.
    fn returns(&self, structure: &Structure, weights: &[f64]) -> Held {
        if self.model.kind() == Kind::Arborescence {
            return match self.model.run(weights) {
                Ok(run) if run.structure == *structure => Held::Same,
                Ok(run) if tied(&run.trace, weights) => Held::Tied,
                _ => Held::Other,
            };
        }
        let winners = self.walker.trace_on(structure, weights);
        let walk = winners.as_ref().and_then(|winners| self.walker.walk(winners).ok());
        walk.map_or(Held::Other, |walk| self.uniforms(&walk, weights).1)
    }

    /// The races of a draw, with the transform of their winners.
    fn wins(&self, walk: &Walk<'_>, number: u64, digest: u64) -> Vec<Win> {
        let mut rng = ChaCha8Rng::seed_from_u64(SEED ^ digest);
        rng.set_stream(number);
        let random: Vec<f64> = walk.winners().iter().map(|_| rng.random()).collect();
        let winners = walk.winners().iter().zip(walk.transform(&random));
        winners.map(|(&winner, transform)| Win { place: self.places[winner], transform }).collect()
    }

    /// Holds the values of a draw to the certain ones.
    fn compare(&self, walk: &Walk<'_>, number: u64, batch: &Batch, draw: usize, evidence: &mut Evidence) {
        let allowed = Allowed::new(walk.rates(), walk.totals(), &walk.entrant_counts());
        if let Some(found) = batch.log_prob(draw) {
            let (want, name) = (walk.certain_log_prob(), || "the trace".to_owned());
            evidence.compared.push(Compared::log_prob(number, found, want, allowed, name));
        }
        if let Some(score) = batch.score(draw) {
            let (want, won) = (walk.certain_score(), |k: usize| walk.has_won(k));
            let name = |k: usize| format!("the trace at {}", self.label(k));
            evidence.compared.extend(Compared::score(number, score, &want, won, allowed, name));
        }
    }
}

/// Of the randomness that the transform needs: it is no one else's.
const SEED: u64 = 0x7d1f_9a3e_55c2_e08b;

/// A number for the traces up to this draw, as far as they are at hand. If the randomness were the same for the same number of a draw,
/// whatever was drawn, all samples would share it; where nobody can lose the transform is nothing else, and would be refuted for every
/// sample or for none. The trace of the draw alone is not enough either, where there are few.
fn digest(batch: &Batch, draw: usize) -> u64 {
    let traces = (draw.saturating_sub(EARLIER)..=draw).filter_map(|draw| batch.trace(draw));
    traces.flatten().fold(0, |digest: u64, &winner| {
        (digest.rotate_left(23) ^ (u64::from(winner) + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    })
}

/// So many draws before.
const EARLIER: usize = 16;

impl Look<Structure> for Walked<'_> {
    fn look(&self, known: &Known<'_>, number: u64, batch: &Batch, draw: usize, evidence: &mut Evidence) {
        let structure = batch.structure(draw);
        let drawn = structure.map(|structure| self.number(structure));
        evidence.structure.extend(drawn);
        if drawn == Some(IMPOSSIBLE) {
            let what = "no structure of this model".to_owned();
            evidence.defects.push((number, Defect::Structure, what));
        }
        if let (Some(structure), Some((parts, losses))) = (structure, &self.parts)
            && drawn != Some(IMPOSSIBLE)
        {
            evidence.parts.extend(parts.of(structure));
            evidence.losses.push(losses.iter().map(|loss| loss.of(self.model, structure)).collect());
        }
        let walk = batch.trace(draw).map(|winners| self.walker.walk(winners));
        evidence.trace.extend(walk.as_ref().map(|walk| if walk.is_ok() { 0 } else { IMPOSSIBLE }));
        let mut leads_here = true;
        let walk = match walk {
            Some(Ok(walk)) => {
                let leads_to = self.walker.structure_of(&walk);
                leads_here = structure.is_none_or(|structure| *structure == leads_to);
                if let Some(structure) = structure.filter(|_| !leads_here && drawn != Some(IMPOSSIBLE)) {
                    let what = self.difference(&leads_to, structure);
                    evidence.defects.push((number, Defect::LeadsTo, what));
                }
                evidence.wins.extend(self.wins(&walk, number, digest(batch, draw)));
                evidence.ends.push(evidence.wins.len());
                let (score, won) = (walk.score(), |k: usize| f64::from(u8::from(walk.has_won(k))));
                evidence.chances.extend(known.present.iter().map(|&k| (score[k] + won(k)).max(0.0)));
                if let Some(loss) = self.loss {
                    evidence.loss.push(loss.of(self.model, &leads_to) as f64);
                    evidence.scores.extend(known.present.iter().map(|&k| score[k]));
                }
                self.compare(&walk, number, batch, draw, evidence);
                Some(Ok(walk))
            }
            Some(Err(error)) => {
                evidence.defects.push((number, Defect::Trace, self.impossible(error)));
                evidence.chances.extend(known.present.iter().map(|_| 0.0));
                if self.loss.is_some() {
                    evidence.loss.push(f64::NAN);
                    evidence.scores.extend(known.present.iter().map(|_| f64::NAN));
                }
                evidence.ends.push(evidence.wins.len());
                Some(Err(error))
            }
            None => None,
        };
        let weigh = |weights: &[f64], defect: Defect, evidence: &mut Evidence| {
            let held = match (&walk, structure) {
                (Some(Ok(walk)), _) => {
                    let (uniforms, held) = self.uniforms(walk, weights);
                    let column = evidence.uniforms_of(defect);
                    column.extend(known.present.iter().map(|&k| uniforms[k]));
                    if leads_here { held } else { Held::Other }
                }
                (Some(Err(_)), _) => {
                    let column = evidence.uniforms_of(defect);
                    column.extend(known.present.iter().map(|_| f64::NAN));
                    Held::Other
                }
                (None, Some(structure)) => self.returns(structure, weights),
                (None, None) => Held::Other,
            };
            evidence.run(number, defect, held);
        };
        if let Some(weights) = batch.exponentials(draw) {
            weigh(weights, Defect::Rerun, evidence);
        }
        if let Some(weights) = batch.conditional(draw) {
            weigh(weights, Defect::RoundTrip, evidence);
        }
    }
}
