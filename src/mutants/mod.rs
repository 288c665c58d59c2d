//! Deliberately wrong implementations, each a line from right, each a mistake that people make: to see whether a check sees it.
//!
//! # Notation
//! An implementation draws the exponentials `E`, runs the algorithm on them, which gives structure and trace, and has log-probability,
//! score and conditional draws of traces. A [`Mutant`] is wrong in one of these, everything else follows as it should.
//! [`Mutated`] is the implementation: a [`Sampler`], and what it says of a given trace. The same mutants, by the same names, are
//! behind `sample --mutant NAME` and `serve --mutant NAME`.
//!
//! # Example
//! ```
//! use gumbel_oracle::model::Model;
//! use recursive_gumbel::mutants::{Mutant, Mutated};
//! let model = Model::parse(r#"{"structure": "categorical", "rates": [1, 1]}"#)?;
//! let mutant = Mutant::named("log_prob_base_2").ok_or("no such mutant")?;
//! assert_eq!(mutant.words(), "log-probabilities to base 2");
//! let mutated = Mutated::new(&model, mutant, 1)?;
//! assert_eq!(mutated.log_prob(&mutated.draw(0).trace), -1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod catalogue;
pub mod estimates;
pub mod kills;

use std::fmt;

use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::race::Trace;
use gumbel_oracle::structure::Structure;

use crate::sample::{Batch, Draw, Reference, SampleError, Sampler, WithRates};

/// A mistake.
pub struct Mutant {
    name: &'static str,
    words: &'static str,
    /// Of which structures; none are all.
    kinds: &'static [Kind],
    /// A model on which it shows, if not on every one of its structures.
    on: &'static [&'static str],
    does: Does,
}

/// What mistakes are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// The rates.
    Rates,
    /// The exponentials, and the random numbers they are made of.
    Exponentials,
    /// Who wins, and what structure comes of it.
    Structures,
    /// What is said of a trace.
    LogProbabilities,
    /// Its derivative.
    Scores,
    /// The exponentials given the trace.
    Conditionals,
    /// What goes together in a draw.
    Together,
}

/// Where it is wrong.
enum Does {
    /// The rates, in all that is made from them.
    Rates(fn(&mut [f64])),
    /// The rates that draws are made with; what is said of them is right.
    Drawn(fn(&Right<'_>, &mut [f64])),
    /// The exponentials, from right ones.
    Weights(fn(&Right<'_>, &mut [f64])),
    /// Which random numbers a draw is made of.
    Number(fn(u64) -> u64),
    /// Who wins on given exponentials, in the order held.
    Winners(fn(&Right<'_>, &[f64]) -> Vec<usize>),
    /// The structure, from the right one.
    Structure(fn(&Right<'_>, Structure) -> Structure),
    /// `log p(T)`.
    LogProb(fn(&Right<'_>, &Trace) -> f64),
    /// The score of a trace.
    Score(fn(&Right<'_>, &Trace) -> Vec<f64>),
    /// The exponentials given a trace, from one uniform per entry.
    Conditional(fn(&Right<'_>, &Trace, &[f64]) -> Vec<f64>),
    /// What goes together in a draw, given its number and what it should be.
    Draw(fn(&Right<'_>, u64, Draw) -> Draw),
}

/// By their names.
impl fmt::Debug for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Mutant {
    /// All.
    #[must_use]
    pub fn all() -> &'static [Self] {
        catalogue::ALL
    }

    /// The models of [`Mutant::model`], but those of single mutants.
    #[must_use]
    pub fn models() -> Vec<&'static str> {
        catalogue::MODELS.iter().map(|(_, text)| *text).collect()
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        catalogue::ALL.iter().find(|mutant| mutant.name == name)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What is wrong, in words.
    #[must_use]
    pub fn words(&self) -> &'static str {
        self.words
    }

    /// Whether there is such a mistake with this structure.
    #[must_use]
    pub fn is_of(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// A model on which it shows, as JSON: of another structure for each, in turns, as far as there is such a mistake.
    #[must_use]
    pub fn model(&self) -> &'static str {
        let place = catalogue::ALL.iter().position(|mutant| mutant.name == self.name).unwrap_or(0);
        let mut models = catalogue::MODELS.iter().cycle().skip(place).take(catalogue::MODELS.len());
        let of_it = || models.find(|(kind, _)| self.is_of(*kind)).map_or("", |(_, text)| text);
        self.on.first().copied().unwrap_or_else(of_it)
    }

    /// What it is wrong in.
    #[must_use]
    pub fn family(&self) -> Family {
        match self.does {
            Does::Rates(_) | Does::Drawn(_) => Family::Rates,
            Does::Weights(_) | Does::Number(_) => Family::Exponentials,
            Does::Winners(_) | Does::Structure(_) => Family::Structures,
            Does::LogProb(_) => Family::LogProbabilities,
            Does::Score(_) => Family::Scores,
            Does::Conditional(_) => Family::Conditionals,
            Does::Draw(_) => Family::Together,
        }
    }

    /// Whether it draws the same from every seed.
    #[must_use]
    pub fn ignores_seeds(&self) -> bool {
        matches!(self.does, Does::Number(_))
    }
}

/// What a mistake is made from.
struct Right<'m> {
    model: &'m Model,
    reference: Reference<'m>,
}

impl Right<'_> {
    fn rates(&self) -> &[f64] {
        self.reference.rates()
    }

    /// Uniforms that have nothing to do with the draw.
    fn uniforms(&self, number: u64) -> Vec<f64> {
        self.uniforms_of(&self.reference.weights(number ^ (1 << 62)))
    }

    /// `exp(-λ_k E_k)`; a half at absent entries.
    fn uniforms_of(&self, weights: &[f64]) -> Vec<f64> {
        let uniform = |(e, &rate): (&f64, &f64)| if rate > 0.0 { libm::exp(-e * rate) } else { 0.5 };
        weights.iter().zip(self.rates()).map(uniform).collect()
    }

    /// The right conditional draw.
    fn given(&self, trace: &Trace, uniforms: &[f64]) -> Vec<f64> {
        finite_or_absent(trace.exponentials(self.rates(), uniforms))
    }

    /// A conditional draw from times and residuals of one's own: `time(race, total, -log u)`, `residual(entry, rate, -log u)`.
    fn assembled(
        &self,
        trace: &Trace,
        uniforms: &[f64],
        time: impl Fn(usize, f64, f64) -> f64,
        residual: impl Fn(usize, f64, f64) -> f64,
    ) -> Vec<f64> {
        let log = |k: usize| -libm::log(uniforms[k]);
        let races = trace.races().iter().zip(trace.totals(self.rates())).enumerate();
        let times: Vec<f64> = races.map(|(r, (race, total))| time(r, total, log(race.winner))).collect();
        let rates = self.rates().iter().enumerate();
        let residuals: Vec<Option<f64>> =
            rates.map(|(k, &rate)| (rate > 0.0).then(|| residual(k, rate, log(k)))).collect();
        finite_or_absent(trace.assemble(&times, &residuals))
    }

    /// The winners of the right run.
    fn winners(&self, weights: &[f64]) -> Vec<usize> {
        let run = self.model.run(weights);
        run.map(|run| run.trace.races().iter().map(|race| race.winner).collect()).unwrap_or_default()
    }
}

fn finite_or_absent(weights: Vec<Option<f64>>) -> Vec<f64> {
    weights.into_iter().map(|weight| weight.unwrap_or(f64::INFINITY)).collect()
}

/// An implementation with a mistake. As slow as the reference.
pub struct Mutated<'m> {
    right: Right<'m>,
    mutant: &'static Mutant,
    /// What it takes for the rates where nothing else is wrong.
    rates: Vec<f64>,
    /// What it takes for the rates where it draws.
    drawn: Vec<f64>,
}

impl fmt::Debug for Mutated<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mutated").field(self.mutant).finish()
    }
}

impl<'m> Mutated<'m> {
    /// Of this model; where the mistake is none of its structure, all is right.
    ///
    /// # Errors
    /// As [`Reference::new`].
    pub fn new(model: &'m Model, mutant: &'static Mutant, seed: u64) -> Result<Self, SampleError> {
        let seed = if mutant.ignores_seeds() { 0 } else { seed };
        let right = Right { model, reference: Reference::new(model, seed)? };
        let mut rates = right.rates().to_vec();
        let mut drawn = rates.clone();
        match mutant.does {
            Does::Rates(change) if mutant.is_of(model.kind()) => {
                change(&mut rates);
                drawn.clone_from(&rates);
            }
            Does::Drawn(change) if mutant.is_of(model.kind()) => change(&right, &mut drawn),
            _ => (),
        }
        Ok(Self { right, mutant, rates, drawn })
    }

    /// What is wrong with it.
    #[must_use]
    pub fn mutant(&self) -> &'static Mutant {
        self.mutant
    }

    fn does(&self) -> Option<&Does> {
        self.mutant.is_of(self.right.model.kind()).then_some(&self.mutant.does)
    }

    /// A run on given weights, infinite at absent entries. `None` if there is none.
    #[must_use]
    pub fn run(&self, weights: &[f64]) -> Option<(Structure, Trace)> {
        let model = self.right.model;
        let (structure, trace) = match self.does() {
            Some(Does::Winners(winners)) => {
                let trace = model.trace_of(&winners(&self.right, weights)).ok()?;
                (model.replay(&trace).ok()?, trace)
            }
            _ => {
                let run = model.run(weights).ok()?;
                (run.structure, run.trace)
            }
        };
        match self.does() {
            Some(Does::Structure(other)) => Some((other(&self.right, structure), trace)),
            _ => Some((structure, trace)),
        }
    }

    /// The rates that it draws with.
    #[must_use]
    pub fn drawn_with(&self) -> &[f64] {
        &self.drawn
    }

    /// What it says is `log p(T)`.
    #[must_use]
    pub fn log_prob(&self, trace: &Trace) -> f64 {
        match self.does() {
            Some(Does::LogProb(log_prob)) => log_prob(&self.right, trace),
            _ => trace.log_probability(&self.rates),
        }
    }

    /// What it says is the score of a trace.
    #[must_use]
    pub fn score(&self, trace: &Trace) -> Vec<f64> {
        match self.does() {
            Some(Does::Score(score)) => score(&self.right, trace),
            _ => trace.score(&self.rates),
        }
    }

    /// What it draws given a trace, from one uniform per entry; infinite at absent entries.
    #[must_use]
    pub fn conditional(&self, trace: &Trace, uniforms: &[f64]) -> Vec<f64> {
        match self.does() {
            Some(Does::Conditional(conditional)) => conditional(&self.right, trace, uniforms),
            _ => finite_or_absent(trace.exponentials(&self.rates, uniforms)),
        }
    }

    /// A draw.
    #[must_use]
    pub fn draw(&self, number: u64) -> Draw {
        let made = if let Some(Does::Number(of)) = self.does() { of(number) } else { number };
        let mut exponentials = self.right.reference.weights(made);
        let rates = self.right.rates().iter().zip(&self.drawn);
        let changed = exponentials.iter_mut().zip(rates).filter(|(_, (rate, drawn))| rate != drawn);
        changed.for_each(|(e, (rate, drawn))| *e *= rate / drawn);
        if let Some(Does::Weights(change)) = self.does() {
            change(&self.right, &mut exponentials);
        }
        let Some((structure, trace)) = self.run(&exponentials) else {
            return self.right.reference.draw(made); // weights on which nothing can be run: none of these mistakes
        };
        let draw = Draw {
            log_prob: self.log_prob(&trace),
            score: self.score(&trace),
            conditional: self.conditional(&trace, &self.right.uniforms(made)),
            structure,
            trace,
            exponentials,
        };
        match self.does() {
            Some(Does::Draw(change)) => change(&self.right, number, draw),
            _ => draw,
        }
    }
}

impl Sampler for Mutated<'_> {
    fn fill(&self, first: u64, count: usize, batch: &mut Batch) {
        (first..first + count as u64).for_each(|number| batch.push(&self.draw(number)));
    }
}

impl WithRates for Mutated<'_> {
    fn rates(&self) -> &[f64] {
        self.right.rates()
    }
}
