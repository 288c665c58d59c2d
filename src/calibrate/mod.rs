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

mod estimates;
mod perfect;
mod winners;

use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use rayon::prelude::*;
use statrs::function::beta::inv_beta_reg;

use crate::check::apart::{Alone, Stops, each};
use crate::check::{CheckError, Looks, Method};
use crate::sample::Field;
use crate::statistics::StatisticsError;
pub use estimates::{Estimated, Estimates, Off, alarms_of_estimates, power_of_estimates};
pub use perfect::{Departure, Law, Perfect, Uniforms};
pub use winners::Winners;

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

    /// The draws at which one looks.
    fn stops(&self) -> Vec<u64> {
        match self.looks {
            Looks::Once => vec![self.draws],
            Looks::Always => looks(self.draws),
        }
    }

    /// The seed of a run.
    fn seed_of(&self, run: u64) -> u64 {
        self.seed.wrapping_mul(1 << 32).wrapping_add(run)
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

/// Cells a side of the grid on which pairs of values are counted.
const GRID: usize = crate::check::SIDE;

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
    let runs = all(model, &law, how, &how.stops(), &Field::DRAWN, Departure::None, done)?;
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

/// A departure that a check is put to.
struct Wrong {
    subject: &'static str,
    /// Which of the checks with this subject.
    number: usize,
    what: &'static str,
    /// The sampler that is wrong by this much, as the check sees it; none if it cannot be.
    of: fn(&Law<'_>, f64) -> Option<Departure>,
}

/// The first check of a subject.
const fn wrong(
    subject: &'static str,
    what: &'static str,
    of: fn(&Law<'_>, f64) -> Option<Departure>,
) -> Wrong {
    Wrong { subject, number: 0, what, of }
}

/// Another one.
const fn second(wrong: Wrong) -> Wrong {
    Wrong { number: wrong.number + 1, ..wrong }
}

const ENUMERATION: [Wrong; 15] = [
    wrong("structures", "half of the structures too often", |_, d| Some(Departure::Structures(d))),
    wrong("traces", "half of the traces too often", |_, d| Some(Departure::Traces(d))),
    wrong("parts", "one entry too often", |_, d| Some(Departure::Part(d))),
    wrong("losses", "half of the default loss too often", |law, d| {
        Some(Departure::Losses(Loss::named(law.model(), "default").ok()?, d))
    }),
    wrong("exponentials", "one half too often", |_, d| Some(Departure::Exponentials(Uniforms::Alone, d))),
    wrong("exponentials in pairs", "the half of another entry", |_, d| {
        Some(Departure::Exponentials(Uniforms::Pair, d))
    }),
    wrong("exponentials: draw after draw", "the half of the draw before", |_, d| {
        Some(Departure::Exponentials(Uniforms::Distance(1), d))
    }),
    wrong("exponentials: at a distance", "the half of two draws before", |_, d| {
        Some(Departure::Exponentials(Uniforms::Distance(2), d))
    }),
    wrong("conditional", "one half too often", |_, d| Some(Departure::Conditional(Uniforms::Alone, d))),
    wrong("conditional given the trace", "a half by the trace", |_, d| {
        Some(Departure::Conditional(Uniforms::GivenTrace, d))
    }),
    wrong("conditional in pairs", "the half of another entry", |_, d| {
        Some(Departure::Conditional(Uniforms::Pair, d))
    }),
    wrong("conditional against exponentials", "the half of the exponentials", |_, d| {
        Some(Departure::Conditional(Uniforms::Against, d))
    }),
    wrong("conditional: draw after draw", "the half of the draw before", |_, d| {
        Some(Departure::Conditional(Uniforms::Distance(1), d))
    }),
    wrong("conditional: at a distance", "the half of two draws before", |_, d| {
        Some(Departure::Conditional(Uniforms::Distance(2), d))
    }),
    wrong("conditional: at a distance", "the half of 100 draws before", |_, d| {
        Some(Departure::Conditional(Uniforms::Distance(100), d))
    }),
];

/// Where values are pooled, all depart; of winners only those of the first race do, by as much more.
const ANY_SIZE: [Wrong; 28] = [
    wrong("structures", "half of the structures too often", |_, d| Some(Departure::Structures(d))),
    wrong("parts", "one entry too often", |_, d| Some(Departure::Part(d))),
    wrong("losses", "half of the default loss too often", |law, d| {
        Some(Departure::Losses(Loss::named(law.model(), "default").ok()?, d))
    }),
    wrong("winners", "a half of the first race too often", |_, d| {
        Some(Departure::Winners(Winners::First, d))
    }),
    second(wrong("winners", "a half of the first race: pooled", |law, d| {
        Some(Departure::Winners(Winners::First, d * law.races().0))
    })),
    wrong("winners in pairs", "the half of the first race", |law, d| {
        let seen = law.on_grid(Winners::Pair, GRID);
        let pairs = (law.races().1 / 2) as f64;
        (seen > 0.0).then(|| Departure::Winners(Winners::Pair, d * pairs / seen))
    }),
    wrong("winners: draw after draw", "the half of the draw before", |law, d| winners_at(law, 1, d)),
    wrong("winners: draw after draw", "the half of 100 draws before", |law, d| winners_at(law, 100, d)),
    wrong("entries", "one entry wins too often", |_, d| Some(Departure::Winners(Winners::Entry, d))),
    wrong("exponentials", "one half too often", |_, d| Some(Departure::Exponentials(Uniforms::Alone, d))),
    second(wrong("exponentials", "one half of all too often", |_, d| {
        Some(Departure::Exponentials(Uniforms::All, d))
    })),
    wrong("exponentials in pairs", "the halves of the neighbours", |_, d| {
        Some(Departure::Exponentials(Uniforms::Neighbours, d))
    }),
    wrong("exponentials given the trace", "one half of winners too often", |_, d| {
        Some(Departure::Given(Uniforms::Winners, d))
    }),
    second(wrong("exponentials given the trace", "one half of the others too often", |_, d| {
        Some(Departure::Given(Uniforms::Others, d))
    })),
    wrong("exponentials: draw after draw", "the half of the draw before", |_, d| {
        Some(Departure::Exponentials(Uniforms::Distance(1), d))
    }),
    wrong("exponentials: draw after draw", "the half of 100 draws before", |_, d| {
        Some(Departure::Exponentials(Uniforms::Distance(100), d))
    }),
    wrong("conditional", "one half too often", |_, d| Some(Departure::Conditional(Uniforms::Alone, d))),
    wrong("conditional given the trace", "one half of the first winner", |_, d| {
        Some(Departure::Conditional(Uniforms::FirstWinner, d))
    }),
    second(wrong("conditional given the trace", "one half of winners too often", |_, d| {
        Some(Departure::Conditional(Uniforms::Winners, d))
    })),
    second(second(wrong("conditional given the trace", "one half of the others too often", |_, d| {
        Some(Departure::Conditional(Uniforms::Others, d))
    }))),
    wrong("conditional in pairs", "the halves of the neighbours", |_, d| {
        Some(Departure::Conditional(Uniforms::Neighbours, d))
    }),
    second(wrong("conditional in pairs", "the halves of the next winners", |_, d| {
        Some(Departure::Conditional(Uniforms::Races, d))
    })),
    second(second(wrong("conditional in pairs", "the half of the winner of race i", |_, d| {
        Some(Departure::Conditional(Uniforms::RaceAndEntry, d))
    }))),
    wrong("conditional against exponentials", "the halves of winners", |_, d| {
        Some(Departure::Conditional(Uniforms::WinnersAgainst, d))
    }),
    second(wrong("conditional against exponentials", "the halves of the others", |_, d| {
        Some(Departure::Conditional(Uniforms::OthersAgainst, d))
    })),
    wrong("conditional: draw after draw", "the half of the draw before", |_, d| {
        Some(Departure::Conditional(Uniforms::Distance(1), d))
    }),
    wrong("conditional: draw after draw", "the half of two draws before", |_, d| {
        Some(Departure::Conditional(Uniforms::Distance(2), d))
    }),
    wrong("conditional: draw after draw", "the half of 100 draws before", |_, d| {
        Some(Departure::Conditional(Uniforms::Distance(100), d))
    }),
];

/// Of the races of a draw that are compared to the same of another only the first departs.
fn winners_at(law: &Law<'_>, lag: u64, d: f64) -> Option<Departure> {
    let (which, compared) = (Winners::Distance(lag), law.races().1 / 2 * 2);
    let seen = law.on_grid(which, GRID);
    (seen > 0.0 && compared > 0).then(|| Departure::Winners(which, d * compared as f64 / seen))
}

/// How often each check that states a departure catches one of that size, judged by itself at the first `alpha`, at the end.
///
/// # Errors
/// [`CheckError`].
pub fn power(model: &Model, how: &How, done: impl Fn() + Sync) -> Result<Vec<Power>, CheckError> {
    how.check()?;
    let law = Law::new(model)?;
    let one = How { runs: 1, ..how.clone() };
    let at = [how.draws];
    let stated = all(model, &law, &one, &at, &Field::DRAWN, Departure::None, || ())?.remove(0);
    let mut found = Vec::new();
    let wrong: &[Wrong] = match how.method {
        Method::Enumeration => &ENUMERATION,
        Method::AnySize => &ANY_SIZE,
    };
    for Wrong { subject, number, what, of } in wrong {
        let this = |checks: &[Alone]| {
            checks.iter().filter(|check| check.subject == *subject && check.tests > 0).nth(*number).cloned()
        };
        let Some(Alone { tests, departure, needs, .. }) = this(&stated) else { continue };
        let Some(wrong) = of(&law, departure).filter(|is| is.delta() < law.room_of(*is)) else {
            continue; // more than there is
        };
        // Nothing but what the check looks at.
        let runs = all(model, &law, how, &at, needs, wrong, &done)?;
        let refuted = runs.iter().filter_map(|run| this(run)).filter(|check| check.alone[0].is_some());
        let (subject, refuted) = ((*subject).to_owned(), refuted.count() as u64);
        let caught = Rate { subject, tests, alpha: how.alpha[0], refuted, runs: how.runs };
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
    fields: &'static [Field],
    departure: Departure,
    done: impl Fn() + Sync,
) -> Result<Vec<Vec<Alone>>, CheckError> {
    let stops = Stops { at, alpha: &how.alpha, looks: how.looks, objective: None };
    let run = |number: u64| {
        let sampler = Perfect::new(law, departure, how.seed_of(number), how.draws)?.only(fields);
        let found = each(how.method, model, &sampler, &stops);
        done();
        found
    };
    (0..how.runs).into_par_iter().map(run).collect()
}
