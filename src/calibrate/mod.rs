//! What the checks are worth: how often they accuse a sampler that is right, and how often they catch one that is wrong by as much as
//! they say they would.
//!
//! Both are counted on [`Perfect`] samplers, which are made from the exact law and not from the samplers that the checks are for. Each
//! count has its Clopper-Pearson interval.
//!
//! # Example
//! ```
//! use gumbel_oracle::model::Model;
//! use recursive_gumbel::calibrate::{How, false_alarms};
//! use recursive_gumbel::check::{Looks, Method};
//! let model = Model::parse(r#"{"structure": "categorical", "rates": [1, 2]}"#)?;
//! let how = How { runs: 20, draws: 100, seed: 1, alpha: vec![0.05], looks: Looks::Once, method: Method::Enumeration };
//! let found = false_alarms(&model, &how, || ())?;
//! assert_eq!(found.last().map(|last| last.subject.as_str()), Some("the whole report"));
//! assert!(found.iter().all(|rate| rate.allows(0.05)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod perfect;

use gumbel_oracle::model::Model;
use rayon::prelude::*;
use statrs::function::beta::inv_beta_reg;

use crate::check::apart::{Alone, Stops, each};
use crate::check::{CheckError, Looks, Method};
use crate::statistics::StatisticsError;
pub use perfect::{Departure, Law, Perfect, Uniforms};

/// The models of `calibrate`: few categories, where asymptotic tests are least right, and one of each structure.
pub const MODELS: [(&str, &str); 9] = [
    ("2 categories", r#"{"structure": "categorical", "rates": [1, 2]}"#),
    ("3 categories", r#"{"structure": "categorical", "rates": [1, 2, 4]}"#),
    ("4 categories", r#"{"structure": "categorical", "rates": [1, 2, "1/2", 3]}"#),
    (
        "spanning tree",
        r#"{"structure": "spanning_tree", "vertices": 3, "edges": [[0, 1, 4], [0, 2, 2], [1, 2, 1]]}"#,
    ),
    (
        "arborescence",
        r#"{"structure": "arborescence", "vertices": 3, "root": 0, "edges": [[0, 1, 1], [0, 2, 2], [1, 2, 4], [2, 1, 3]]}"#,
    ),
    ("matching", r#"{"structure": "matching", "rates": [[4, 1], ["1/2", 3]]}"#),
    ("binary tree", r#"{"structure": "binary_tree", "rates": [1, 2, "1/2"]}"#),
    ("top-k", r#"{"structure": "top_k", "k": 2, "rates": [1, 2, "1/2", 3]}"#),
    ("permutation", r#"{"structure": "permutation", "rates": [1, 2, "1/2"]}"#),
];

/// How often, on how many draws.
#[derive(Debug, Clone, PartialEq)]
pub struct How {
    /// Samplers, each with a seed of its own.
    pub runs: u64,
    /// Draws of each.
    pub draws: u64,
    /// The seed, of which the lower 32 bits count.
    pub seed: u64,
    /// False-alarm probabilities.
    pub alpha: Vec<f64>,
    /// One look at the end, or many: see [`looks`].
    pub looks: Looks,
    /// By all traces, or as models of any size are judged.
    pub method: Method,
}

impl How {
    /// Whether there is something to count.
    fn check(&self) -> Result<(), StatisticsError> {
        match self.alpha.first() {
            _ if self.runs == 0 || self.draws == 0 => Err(StatisticsError::NoDraws),
            None => Err(StatisticsError::NoTests),
            Some(_) => Ok(()),
        }
    }
}

/// The draws at which one looks: eight, and then at least a tenth more each time, to the last.
#[must_use]
pub fn looks(draws: u64) -> Vec<u64> {
    let more = |at: &u64| Some((at + at.div_ceil(10)).min(draws)).filter(|_| *at < draws);
    std::iter::successors(Some(draws.min(8)), more).collect()
}

/// How many of so many runs were refuted.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    /// The check, or the whole report.
    pub subject: String,
    /// How many tests.
    pub tests: usize,
    /// The false-alarm probability that was asked for, of this check alone or of the whole report.
    pub alpha: f64,
    /// Runs that were refuted.
    pub refuted: u64,
    /// All runs.
    pub runs: u64,
}

impl Rate {
    /// The part that was refuted.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.refuted as f64 / self.runs.max(1) as f64
    }

    /// The interval of Clopper and Pearson (1934) with this confidence: it misses the probability on either side with at most half of
    /// the rest.
    #[must_use]
    pub fn interval(&self, confidence: f64) -> (f64, f64) {
        clopper_pearson(self.refuted, self.runs, confidence)
    }

    /// Whether a probability of `p` or less is possible: the lower end, missed with probability one in a million, is not above it.
    #[must_use]
    pub fn allows(&self, p: f64) -> bool {
        self.interval(SURE).0 <= p
    }

    /// Whether a probability of `p` or more is possible.
    #[must_use]
    pub fn reaches(&self, p: f64) -> bool {
        self.interval(SURE).1 >= p
    }

    /// The same of more runs.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self { refuted: self.refuted + other.refuted, runs: self.runs + other.runs, ..self.clone() }
    }
}

/// An interval misses on one side with a probability of one in a million.
const SURE: f64 = 1.0 - 2e-6;

/// Ends of the interval for a probability, of which so many of so many were seen.
#[must_use]
pub fn clopper_pearson(seen: u64, of: u64, confidence: f64) -> (f64, f64) {
    let (seen, of, tail) = (seen.min(of) as f64, of as f64, (1.0 - confidence) / 2.0);
    let lower = if seen == 0.0 { 0.0 } else { inv_beta_reg(seen, of - seen + 1.0, tail) };
    let upper = if seen == of { 1.0 } else { inv_beta_reg(seen + 1.0, of - seen, 1.0 - tail) };
    (lower, upper)
}

/// The name of the report in [`Rate::subject`].
pub const WHOLE: &str = "the whole report";

/// How often each check alone, and the whole report, refutes a right sampler; each check with `alpha` for itself. `done` is told of each
/// run.
///
/// # Errors
/// [`CheckError`].
pub fn false_alarms(model: &Model, how: &How, done: impl Fn() + Sync) -> Result<Vec<Rate>, CheckError> {
    how.check()?;
    let law = Law::new(model)?;
    let at = match how.looks {
        Looks::Once => vec![how.draws],
        Looks::Always => looks(how.draws),
    };
    let runs = all(model, &law, how, &at, Departure::None, done)?;
    let mut rates = Vec::new();
    for (place, alpha) in how.alpha.iter().enumerate() {
        for check in 0..runs[0].len() {
            let Alone { subject, tests, .. } = runs[0][check];
            let refuted = runs.iter().filter(|run| run[check].alone[place].is_some()).count() as u64;
            rates.push(Rate { subject: subject.to_owned(), tests, alpha: *alpha, refuted, runs: how.runs });
        }
        let refuted = |run: &&Vec<Alone>| run.iter().any(|check| check.shared[place].is_some());
        let refuted = runs.iter().filter(refuted).count() as u64;
        let tests = runs[0].iter().map(|check| check.tests).sum();
        rates.push(Rate { subject: WHOLE.to_owned(), tests, alpha: *alpha, refuted, runs: how.runs });
    }
    Ok(rates)
}

/// How often a check catches a departure of the size that it states.
#[derive(Debug, Clone, PartialEq)]
pub struct Power {
    /// What is wrong.
    pub what: &'static str,
    /// By how much: the smallest departure that the check states, at this `alpha` and number of draws.
    pub departure: f64,
    /// How often the check refuted it.
    pub caught: Rate,
}

/// The departures that checks are put to: the check, what is wrong, and the sampler that is wrong like this.
type Wrong = (&'static str, &'static str, fn(f64) -> Departure);

const WRONG: [Wrong; 14] = [
    ("structures", "half of the structures too often", Departure::Structures),
    ("traces", "half of the traces too often", Departure::Traces),
    ("parts", "one entry too often", Departure::Part),
    ("exponentials", "one half too often", |d| Departure::Exponentials(Uniforms::Alone, d)),
    ("exponentials in pairs", "the half of another entry", |d| Departure::Exponentials(Uniforms::Pair, d)),
    ("exponentials: draw after draw", "the half of the draw before", |d| {
        Departure::Exponentials(Uniforms::Distance(1), d)
    }),
    ("exponentials: at a distance", "the half of two draws before", |d| {
        Departure::Exponentials(Uniforms::Distance(2), d)
    }),
    ("conditional", "one half too often", |d| Departure::Conditional(Uniforms::Alone, d)),
    ("conditional given the trace", "a half by the trace", |d| {
        Departure::Conditional(Uniforms::GivenTrace, d)
    }),
    ("conditional in pairs", "the half of another entry", |d| Departure::Conditional(Uniforms::Pair, d)),
    ("conditional against exponentials", "the half of the exponentials", |d| {
        Departure::Conditional(Uniforms::Against, d)
    }),
    ("conditional: draw after draw", "the half of the draw before", |d| {
        Departure::Conditional(Uniforms::Distance(1), d)
    }),
    ("conditional: at a distance", "the half of two draws before", |d| {
        Departure::Conditional(Uniforms::Distance(2), d)
    }),
    ("conditional: at a distance", "the half of 100 draws before", |d| {
        Departure::Conditional(Uniforms::Distance(100), d)
    }),
];

/// How often each check that states a departure catches one of that size, judged by itself at the first `alpha`, at the end.
///
/// # Errors
/// [`CheckError`].
pub fn power(model: &Model, how: &How, done: impl Fn() + Sync) -> Result<Vec<Power>, CheckError> {
    how.check()?;
    let law = Law::new(model)?;
    let one = How { runs: 1, ..how.clone() };
    let at = [how.draws];
    let stated = all(model, &law, &one, &at, Departure::None, || ())?;
    let mut found = Vec::new();
    for (subject, what, of) in WRONG {
        let Some(place) = stated[0].iter().position(|check| check.subject == subject && check.tests > 0)
        else {
            continue;
        };
        let Alone { tests, departure, .. } = &stated[0][place];
        let departure = *departure;
        if departure >= 0.5 {
            continue; // more than there is
        }
        let runs = all(model, &law, how, &at, of(departure), &done)?;
        let refuted = runs.iter().filter(|run| run[place].alone[0].is_some()).count() as u64;
        let caught =
            Rate { subject: subject.to_owned(), tests: *tests, alpha: how.alpha[0], refuted, runs: how.runs };
        found.push(Power { what, departure, caught });
    }
    Ok(found)
}

/// What every check says in every run.
fn all(
    model: &Model,
    law: &Law<'_>,
    how: &How,
    at: &[u64],
    departure: Departure,
    done: impl Fn() + Sync,
) -> Result<Vec<Vec<Alone>>, CheckError> {
    let stops = Stops { at, alpha: &how.alpha, looks: how.looks };
    let run = |number: u64| {
        let seed = how.seed.wrapping_mul(1 << 32).wrapping_add(number);
        let sampler = Perfect::new(law, departure, seed, how.draws)?;
        let found = each(how.method, model, &sampler, &stops);
        done();
        found
    };
    (0..how.runs).into_par_iter().map(run).collect()
}
