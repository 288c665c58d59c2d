//! Optimising a law over structures: the toy experiments of the paper, with every estimator.
//!
//! # Notation
//! `f` is a loss of a structure `X`, `θ_k = -log λ_k` the logit of entry `k`. A [`Training`] moves the logits from 0 against
//! [estimates](crate::estimate) of `∂E[f(X)]/∂θ`, by [`Adam`]. The smaller the loss, the better.
//!
//! # Reproducible, and resumable
//! What is drawn at a step depends on the seed and the number of the step only, and looking ([`Training::look`]) draws from a stream of its own:
//! so a training that goes on from a saved [`Progress`] ends with the same numbers as one that was never stopped, and how often one
//! looks changes nothing.
//!
//! # Example
//! ```
//! use gumbel_oracle::{loss::Loss, model::Kind};
//! use recursive_gumbel::experiment::{Estimator, Problem, Settings, Training, toy_model};
//! let model = toy_model(Kind::Matching, 4)?;
//! let loss = Loss::named(&model, "default")?;
//! let problem = Problem::new(model, loss);
//! let mut training = Training::new(&problem, Estimator::TReinforcePlus, Settings::default())?;
//! let before = training.look()?;
//! for _ in 0..600 {
//!     training.step()?;
//! }
//! let after = training.look()?;
//! assert!(after.exact_loss < Some(-3.5) && before.exact_loss > Some(-1.1)); // the best is -4
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # References
//! K. Struminsky et al. (2021), arXiv:2110.15072, section 6 and appendix.

mod adam;
mod exact;

use std::fmt;
use std::str::FromStr;

use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::{Kind, Model, ModelError};
use gumbel_oracle::structure::Structure;
use num_traits::Zero as _;
use rand::SeedableRng as _;
use rand::rngs::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::estimate::{
    Diagnostics, Estimate, EstimateError, Network, Reinforce, Relax, Score, Trainable as _, mean_loss,
};
use crate::fast::{InputError, at_rates, rates_of_logits};
use crate::sample::{Walker, WithRates};

pub use adam::Adam;
use exact::Exact;

/// Why there is no such experiment.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ToyError {
    /// Too small for anything to be learnt.
    #[error("dim {dim}: want at least {least}, or there is only one {structure}")]
    Small {
        /// The dimension.
        dim: usize,
        /// The least that makes sense.
        least: usize,
        /// The structure.
        structure: &'static str,
    },
    /// More than there is room for.
    #[error("dim {0}: want at most 1000")]
    Large(usize),
    /// Not a model.
    #[error(transparent)]
    Model(#[from] ModelError),
}

/// The structure of dimension `dim`, all logits 0: complete graphs on `dim` vertices (an arborescence has the root 0),
/// `dim × dim` matchings, `dim` positions, of which top-k takes half.
///
/// # Errors
/// [`ToyError`].
pub fn toy_model(kind: Kind, dim: usize) -> Result<Model, ToyError> {
    let name = kind.name();
    // Two vertices have one tree.
    let least = if matches!(kind, Kind::SpanningTree | Kind::Arborescence) { 3 } else { 2 };
    match dim {
        _ if dim < least => return Err(ToyError::Small { dim, least, structure: name }),
        1001.. => return Err(ToyError::Large(dim)),
        _ => {}
    }
    let pairs = |keep: fn(usize, usize) -> bool| -> Vec<_> {
        let all = (0..dim).flat_map(|u| (0..dim).map(move |v| (u, v)));
        all.filter(|&(u, v)| keep(u, v)).map(|(u, v)| json!([u, v, 1])).collect()
    };
    let model = match name {
        "spanning_tree" => json!({"structure": name, "vertices": dim, "edges": pairs(|u, v| u < v)}),
        "arborescence" => {
            json!({"structure": name, "vertices": dim, "root": 0, "edges": pairs(|u, v| u != v && v > 0)})
        }
        "matching" => json!({"structure": name, "rates": vec![vec![1; dim]; dim]}),
        "top_k" => json!({"structure": name, "k": dim / 2, "rates": vec![1; dim]}),
        _ => json!({"structure": name, "rates": vec![1; dim]}),
    };
    Ok(Model::parse(&model.to_string())?)
}

/// What the gradient is estimated by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    /// The score of the exponentials.
    EReinforce,
    /// The same with a leave-one-out baseline.
    EReinforcePlus,
    /// The score of the trace.
    TReinforce,
    /// The same with a leave-one-out baseline.
    TReinforcePlus,
    /// The score of the trace with a critic that learns: a [`Network`].
    Relax,
    /// Nothing is estimated: the exact gradient, where it is within reach.
    Exact,
}

impl Estimator {
    /// All, the exact gradient last.
    pub const ALL: [Self; 6] = [
        Self::EReinforce,
        Self::EReinforcePlus,
        Self::TReinforce,
        Self::TReinforcePlus,
        Self::Relax,
        Self::Exact,
    ];

    /// In files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EReinforce => "e_reinforce",
            Self::EReinforcePlus => "e_reinforce_plus",
            Self::TReinforce => "t_reinforce",
            Self::TReinforcePlus => "t_reinforce_plus",
            Self::Relax => "relax",
            Self::Exact => "exact",
        }
    }

    /// In pictures.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::EReinforce => "E-REINFORCE",
            Self::EReinforcePlus => "E-REINFORCE+",
            Self::TReinforce => "T-REINFORCE",
            Self::TReinforcePlus => "T-REINFORCE+",
            Self::Relax => "RELAX",
            Self::Exact => "exact gradient",
        }
    }
}

impl fmt::Display for Estimator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Estimator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = || Self::ALL.map(Self::name).join(", ");
        let found = Self::ALL.into_iter().find(|estimator| estimator.name() == text);
        found.ok_or_else(|| format!("want one of {}", known()))
    }
}

/// How a training goes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Draws of one estimate.
    pub samples: usize,
    /// The learning rate of the logits.
    pub learning_rate: f64,
    /// That of the critic of RELAX.
    pub critic_rate: f64,
    /// The hidden units of that critic.
    pub units: usize,
    /// What everything is drawn from.
    pub seed: u64,
}

/// Those of the paper.
impl Default for Settings {
    fn default() -> Self {
        Self { samples: 3, learning_rate: 0.01, critic_rate: 0.01, units: 32, seed: 0 }
    }
}

/// Why a training does not go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// There is no such estimate.
    #[error(transparent)]
    Estimate(#[from] EstimateError),
    /// The logits have gone where no rates are.
    #[error("step {step}: {problem}: want a smaller learning rate")]
    Rates {
        /// The step.
        step: u64,
        /// Why.
        problem: InputError,
    },
    /// The exact gradient is out of reach.
    #[error(
        "the exact gradient of this loss would take too many traces: want a smaller dim, or another estimator"
    )]
    TooLarge,
    /// A learning rate that is none.
    #[error("{name} {value}: want a positive number")]
    LearningRate {
        /// Which.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// Progress of another training.
    #[error("this is the progress of another training: {0}")]
    OtherTraining(&'static str),
}

/// Where a training is, to go on from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// How many steps were made.
    pub step: u64,
    /// One per entry.
    pub logits: Vec<f64>,
    adam: Adam,
    /// The parameters of the critic of RELAX, and what moves them.
    critic: Option<(Vec<f64>, Adam)>,
}

/// What one sees of a training after some step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// How many steps were made.
    pub step: u64,
    /// The mean loss of 10 draws.
    pub loss_of_10: f64,
    /// The mean loss of 1,000 draws.
    pub loss_of_1000: f64,
    /// `√Σ_k Var(ĝ_k)` of one estimate of the gradient, from [`LOOKS`] fresh ones.
    pub deviation: f64,
    /// `E[f(X)]`, up to the rounding of `f64`; `None` out of reach.
    pub exact_loss: Option<f64>,
    /// `‖∂E[f(X)]/∂θ‖`, the same; `None` too if it takes more than some milliseconds.
    pub exact_norm: Option<f64>,
}

/// Estimates of one look, from which their deviation is told.
pub const LOOKS: usize = 100;

/// The most numbers that are summed for an exact gradient at every look.
const CHEAP: usize = 4_000_000;

/// What is learnt: a structure, and a loss of it.
#[derive(Debug)]
pub struct Problem {
    model: Model,
    loss: Loss,
    exact: Option<Exact>,
}

impl Problem {
    /// A loss of a model's structure. Of its rates only those that are 0 are used: what is absent stays absent. Works out how the exact loss is summed, where that is within reach: some
    /// seconds at most.
    #[must_use]
    pub fn new(model: Model, loss: Loss) -> Self {
        let exact = Exact::of(&model, &loss);
        Self { model, loss, exact }
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The loss.
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// `E[f(X)]` at these rates, up to the rounding of `f64`; `None` out of reach.
    ///
    /// # Panics
    /// If there is not one rate per entry. So does [`exact_gradient`](Self::exact_gradient).
    #[must_use]
    pub fn exact_loss(&self, rates: &[f64]) -> Option<f64> {
        assert_eq!(rates.len(), self.model.entries().len(), "one rate per entry");
        self.exact.as_ref().map(|exact| exact.loss(rates))
    }

    /// The same, and `∂E[f(X)]/∂θ`, one number per entry.
    #[must_use]
    pub fn exact_gradient(&self, rates: &[f64]) -> Option<(f64, Vec<f64>)> {
        assert_eq!(rates.len(), self.model.entries().len(), "one rate per entry");
        self.exact.as_ref()?.gradient(rates)
    }

    /// The rates at these logits, 0 at absent entries.
    fn rates(&self, logits: &[f64]) -> Vec<f64> {
        let mut rates = rates_of_logits(logits);
        let absent = rates.iter_mut().zip(self.model.rates()).filter(|(_, rate)| rate.is_zero());
        absent.for_each(|(rate, _)| *rate = 0.0);
        rates
    }

    /// Whether the exact gradient is within reach, and costs no more than some milliseconds.
    #[must_use]
    pub fn is_small(&self) -> bool {
        self.exact.as_ref().is_some_and(|exact| exact.has_gradient() && exact.cost() <= CHEAP)
    }

    fn of(&self, structure: &Structure) -> f64 {
        self.loss.of(&self.model, structure) as f64
    }
}

/// One training: logits on their way.
#[derive(Debug)]
pub struct Training<'p> {
    problem: &'p Problem,
    walker: Walker<'p>,
    estimator: Estimator,
    settings: Settings,
    critic: Option<Relax<Network>>,
    progress: Progress,
}

/// What a stream of random numbers is for.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Start,
    Step,
    Look,
}

impl<'p> Training<'p> {
    /// From logits 0.
    ///
    /// # Errors
    /// [`TrainingError`]: no draws, or one for a leave-one-out baseline; an exact gradient that is out of reach; a learning rate
    /// that is none.
    pub fn new(
        problem: &'p Problem,
        estimator: Estimator,
        settings: Settings,
    ) -> Result<Self, TrainingError> {
        for (name, value) in
            [("learning_rate", settings.learning_rate), ("critic_rate", settings.critic_rate)]
        {
            if !(value > 0.0 && value.is_finite()) {
                return Err(TrainingError::LearningRate { name, value });
            }
        }
        let entries = problem.model.entries().len();
        if estimator == Estimator::Exact && !problem.exact.as_ref().is_some_and(Exact::has_gradient) {
            return Err(TrainingError::TooLarge);
        }
        let progress = Progress {
            step: 0,
            logits: vec![0.0; entries],
            adam: Adam::new(entries, settings.learning_rate),
            critic: None,
        };
        let walker = Walker::new(&problem.model);
        let mut training = Self { problem, walker, estimator, settings, critic: None, progress };
        if estimator == Estimator::Relax {
            let network = Network::new(entries, settings.units, &mut training.rng(Purpose::Start));
            let parameters = network.parameters();
            let adam = Adam::new(parameters.len(), settings.critic_rate);
            training.critic = Some(Relax::new(network, settings.samples)?);
            training.progress.critic = Some((parameters, adam));
        }
        training.by_score()?; // whether there is such an estimate
        Ok(training)
    }

    /// Goes on from there.
    ///
    /// # Errors
    /// [`TrainingError::OtherTraining`] if that is not this training's progress.
    pub fn go_on(&mut self, from: Progress) -> Result<(), TrainingError> {
        let here = &self.progress;
        let critics = match (&from.critic, &here.critic) {
            (Some((a, adam)), Some((b, other))) => a.len() == b.len() && adam.is_like(other),
            (a, b) => a.is_none() && b.is_none(),
        };
        for (is, problem) in [
            (from.logits.len() == here.logits.len(), "want one logit per entry"),
            (from.adam.is_like(&here.adam), "want moments of every logit, and the same learning rate"),
            (critics, "want a critic, with its moments and the same learning rate, of RELAX only"),
        ] {
            if !is {
                return Err(TrainingError::OtherTraining(problem));
            }
        }
        if let (Some(relax), Some((parameters, _))) = (&mut self.critic, &from.critic) {
            relax.critic_mut().set(parameters);
        }
        self.progress = from;
        Ok(())
    }

    /// Where it is.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The logits as they are now, one per entry.
    #[must_use]
    pub fn logits(&self) -> &[f64] {
        &self.progress.logits
    }

    /// The stream of this step for some purpose.
    fn rng(&self, purpose: Purpose) -> ChaCha8Rng {
        let mut seed = [0; 32];
        let words = [self.settings.seed, self.progress.step, purpose as u64];
        seed.chunks_mut(8).zip(words).for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_le_bytes()));
        ChaCha8Rng::from_seed(seed)
    }

    fn sampler(&self) -> Result<Box<dyn WithRates>, TrainingError> {
        let rates = self.problem.rates(&self.progress.logits);
        let sampler = at_rates(&self.problem.model, &rates, self.settings.seed);
        sampler.map_err(|problem| TrainingError::Rates { step: self.progress.step, problem })
    }

    /// The estimator, if it is one by a score.
    fn by_score(&self) -> Result<Option<Reinforce>, EstimateError> {
        let of = |score| Reinforce::new(score, self.settings.samples);
        Ok(Some(match self.estimator {
            Estimator::EReinforce => of(Score::Exponentials)?,
            Estimator::EReinforcePlus => of(Score::Exponentials)?.leave_one_out()?,
            Estimator::TReinforce => of(Score::Trace)?,
            Estimator::TReinforcePlus => of(Score::Trace)?.leave_one_out()?,
            Estimator::Relax | Estimator::Exact => return Ok(None),
        }))
    }

    /// One step against an estimate of the gradient, which is returned; of the exact one its `value` is the expected loss.
    ///
    /// # Errors
    /// [`TrainingError`]: logits so far off that there are no such rates.
    pub fn step(&mut self) -> Result<Estimate, TrainingError> {
        let mut rng = self.rng(Purpose::Step);
        let (problem, sampler) = (self.problem, self.sampler()?);
        let loss = |structure: &Structure| problem.of(structure);
        let (estimate, derivative) = match (self.by_score()?, &self.critic) {
            (Some(estimator), _) => (estimator.gradient(&*sampler, loss, &mut rng)?, None),
            (None, Some(relax)) => {
                self.walker.set_rates(sampler.rates());
                let (estimate, derivative) =
                    relax.gradient_and_derivative(&*sampler, &self.walker, loss, &mut rng)?;
                (estimate, Some(derivative))
            }
            (None, None) => {
                let found = problem.exact_gradient(sampler.rates());
                let (value, gradient) = found.ok_or(TrainingError::TooLarge)?;
                let diagnostics = Diagnostics { first: 0, losses: Vec::new(), variance: None };
                (Estimate { value, gradient, diagnostics }, None)
            }
        };
        self.progress.adam.step(&mut self.progress.logits, &estimate.gradient);
        if let (Some(derivative), Some((parameters, adam)), Some(relax)) =
            (derivative, &mut self.progress.critic, &mut self.critic)
        {
            adam.step(parameters, &derivative);
            relax.critic_mut().set(parameters);
        }
        self.progress.step += 1;
        Ok(estimate)
    }

    /// Looks at where it is: moves nothing.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn look(&mut self) -> Result<Look, TrainingError> {
        let mut rng = self.rng(Purpose::Look);
        let sampler = self.sampler()?;
        let mean = |draws: usize, rng: &mut ChaCha8Rng| -> Result<f64, EstimateError> {
            mean_loss(&*sampler, |structure| self.problem.of(structure), draws, rng)
        };
        let (loss_of_10, loss_of_1000) = (mean(10, &mut rng)?, mean(1000, &mut rng)?);
        let exact_loss = self.problem.exact_loss(sampler.rates());
        let small = self.problem.is_small();
        let gradient = if small { self.problem.exact_gradient(sampler.rates()) } else { None };
        let norm = |(_, gradient): (f64, Vec<f64>)| libm::sqrt(gradient.iter().map(|g| g * g).sum());
        self.walker.set_rates(sampler.rates());
        let deviation = self.deviation(&*sampler, &mut rng)?;
        let step = self.progress.step;
        Ok(Look { step, loss_of_10, loss_of_1000, deviation, exact_loss, exact_norm: gradient.map(norm) })
    }

    /// `√Σ_k Var(ĝ_k)`, as fresh estimates tell it.
    fn deviation(&self, sampler: &dyn WithRates, rng: &mut ChaCha8Rng) -> Result<f64, EstimateError> {
        let entries = self.progress.logits.len();
        let (mut sums, mut squares) = (vec![0.0; entries], vec![0.0; entries]);
        let loss = |structure: &Structure| self.problem.of(structure);
        for _ in 0..LOOKS {
            let estimate = match (self.by_score()?, &self.critic) {
                (Some(estimator), _) => estimator.gradient(sampler, loss, rng)?,
                (None, Some(relax)) => relax.gradient(sampler, &self.walker, loss, rng)?,
                (None, None) => return Ok(0.0),
            };
            for (k, g) in estimate.gradient.into_iter().enumerate() {
                sums[k] += g;
                squares[k] += g * g;
            }
        }
        let n = LOOKS as f64;
        let variance = |(sum, square): (&f64, &f64)| ((square - sum * sum / n) / (n - 1.0)).max(0.0);
        Ok(libm::sqrt(sums.iter().zip(&squares).map(variance).sum()))
    }
}
