//! Estimates of a gradient: of E-REINFORCE, the loss times `λ_k E_k - 1`, of draws that are right by construction.

use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use rayon::prelude::*;

use super::perfect::{Departure, Law, Perfect};
use super::{How, Power, Rate};
use crate::check::apart::{Stops, each};
use crate::check::estimates::{self, Estimator, LawOfEstimates};
use crate::check::{CheckError, Looks, Method, Objective, Options};
use crate::estimate::Score;
use crate::report::Verdict;
use crate::sample::{Batch, Field, Sampler};
use crate::statistics::{Budget, StatisticsError};

/// What is wrong with estimates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Off {
    /// Nothing.
    Nothing,
    /// The mean of the entry that varies most, by so much of the range of the loss.
    Mean(f64),
    /// The mean along the gradient, by so much of the range of the loss.
    Along(f64),
    /// The variance of the entry that varies most, by so much of itself.
    Variance(f64),
}

/// The loss, the law of its estimates, and what they are held to.
#[derive(Debug)]
pub struct Estimated<'m> {
    law: &'m Law<'m>,
    loss: Loss,
    moments: LawOfEstimates,
    objective: Objective,
    /// The range of the loss; 1 if it is constant.
    range: f64,
}

impl<'m> Estimated<'m> {
    /// Of a loss of this model.
    ///
    /// # Errors
    /// [`CheckError::TooLarge`] if there are too many traces.
    pub fn new(law: &'m Law<'m>, loss: Loss) -> Result<Self, CheckError> {
        let model = law.model();
        let moments = LawOfEstimates::of(model, &loss, &Estimator::Plain(Score::Exponentials))?;
        let entries = model.rates().len();
        let variances = (0..entries).map(|k| moments.covariance[k * entries + k]).collect();
        let objective = Objective::named(model, &loss, Limit::default())?.with_variances(variances);
        let losses = || law.structures().map(|structure| loss.of(model, structure) as f64);
        let range = losses().fold(f64::NEG_INFINITY, f64::max) - losses().fold(f64::INFINITY, f64::min);
        let range = if range > 0.0 { range } else { 1.0 };
        Ok(Self { law, loss, moments, objective, range })
    }

    fn variance(&self, entry: usize) -> f64 {
        self.moments.covariance[entry * self.moments.mean.len() + entry]
    }

    /// The entry that varies most.
    fn widest(&self) -> usize {
        let entries = 0..self.moments.mean.len();
        entries.max_by(|a, b| self.variance(*a).total_cmp(&self.variance(*b))).unwrap_or(0)
    }
}

/// Estimates of draws from the exact law, or such that depart by an exact amount.
#[derive(Debug)]
pub struct Estimates<'m> {
    of: &'m Estimated<'m>,
    draws: Perfect<'m>,
    off: Off,
}

impl<'m> Estimates<'m> {
    /// Of draws with this seed.
    ///
    /// # Errors
    /// [`StatisticsError::Argument`] if it departs by less than nothing, or by no number.
    pub fn new(of: &'m Estimated<'m>, off: Off, seed: u64) -> Result<Self, StatisticsError> {
        if let Off::Mean(value) | Off::Along(value) | Off::Variance(value) = off
            && !(0.0..f64::INFINITY).contains(&value)
        {
            let want = "a finite number of 0 or more";
            return Err(StatisticsError::Argument { name: "departure", value, want });
        }
        Ok(Self { of, draws: Perfect::new(of.law, Departure::None, seed, 0)?, off })
    }

    /// The estimate from the draw of this number, one value per entry.
    #[must_use]
    pub fn estimate(&self, number: u64) -> Vec<f64> {
        let Estimated { law, loss, moments, range, .. } = self.of;
        let draw = self.draws.draw(number);
        let f = loss.of(law.model(), &draw.structure) as f64;
        let terms = law.rates().iter().zip(&draw.exponentials);
        let mut estimate: Vec<f64> =
            terms.map(|(rate, e)| if *rate > 0.0 { f * (rate * e - 1.0) } else { 0.0 }).collect();
        let widest = self.of.widest();
        match self.off {
            Off::Nothing => {}
            _ if estimate.is_empty() => {}
            Off::Mean(part) => estimate[widest] += part * range,
            Off::Along(part) => {
                let length = moments.mean.iter().map(|g| g * g).sum::<f64>().sqrt();
                let along = |(value, g): (&mut f64, &f64)| *value += part * range * g / length;
                estimate.iter_mut().zip(&moments.mean).for_each(along);
            }
            Off::Variance(part) => {
                let mean = moments.mean[widest];
                estimate[widest] = mean + (estimate[widest] - mean) * (1.0 + part).sqrt();
            }
        }
        estimate
    }
}

impl Sampler for Estimates<'_> {
    fn fields(&self) -> &[Field] {
        &[Field::Gradient]
    }

    fn fill(&self, first: u64, count: usize, batch: &mut Batch) {
        (first..first + count as u64).for_each(|number| batch.push_estimate(Ok(self.estimate(number))));
    }
}

/// A check of estimates: whether it refutes at each `alpha`, how many tests it holds and what it states.
struct Said {
    subject: String,
    tests: usize,
    refuted: Vec<bool>,
    departure: f64,
}

/// What every check of estimates says of a sampler: those of the mean by themselves, and where one looks once the mean and the covariance
/// together.
fn said(estimates: &Estimates<'_>, how: &How, at: &[u64]) -> Result<Vec<Said>, CheckError> {
    let Estimated { law, moments, objective, .. } = estimates.of;
    let stops = Stops { at, alpha: &how.alpha, looks: how.looks, objective: Some(objective) };
    let alone = each(Method::Enumeration, law.model(), estimates, &stops)?;
    let tested = alone.into_iter().filter(|check| check.tests > 0);
    let mut said: Vec<Said> = tested
        .map(|check| Said {
            subject: check.subject.to_owned(),
            tests: check.tests,
            refuted: check.alone.iter().map(Option::is_some).collect(),
            departure: check.departure,
        })
        .collect();
    if how.looks == Looks::Always {
        return Ok(said);
    }
    let tests = LawOfEstimates::tests(law.model());
    for (place, &alpha) in how.alpha.iter().enumerate() {
        let options = Options { samples: how.draws, alpha, departure: 1.0 };
        let budget = Budget::new(alpha, tests)?;
        for row in estimates::judge("", law.model(), moments, estimates, &options, &budget, |_| ())? {
            let Some(test) = row.test else { continue };
            let what = if row.check.starts_with("mean") { "mean" } else { "covariance" };
            let subject = format!("{}: {what}", row.subject);
            let refuted = row.verdict == Verdict::Refuted;
            match said.iter_mut().find(|said| said.subject == subject) {
                Some(said) => said.refuted[place] = refuted,
                None => {
                    let mut all = vec![false; how.alpha.len()];
                    all[place] = refuted;
                    said.push(Said { subject, tests, refuted: all, departure: test.smallest_departure });
                }
            }
        }
    }
    Ok(said)
}

/// What all checks say in every run; one that says nothing, since the draws are too few, does not refute.
fn all(
    of: &Estimated<'_>,
    off: Off,
    how: &How,
    at: &[u64],
    done: impl Fn() + Sync,
) -> Result<Vec<Vec<Said>>, CheckError> {
    let run = |number: u64| {
        let said = said(&Estimates::new(of, off, how.seed_of(number))?, how, at);
        done();
        said
    };
    (0..how.runs).into_par_iter().map(run).collect()
}

/// How often each check of estimates refutes right ones, each with `alpha` for itself. `done` is told of each run.
///
/// # Errors
/// [`CheckError`].
pub fn alarms_of_estimates(
    model: &Model,
    loss: Loss,
    how: &How,
    done: impl Fn() + Sync,
) -> Result<Vec<Rate>, CheckError> {
    how.check()?;
    let law = Law::new(model)?;
    let of = Estimated::new(&law, loss)?;
    let runs = all(&of, Off::Nothing, how, &how.stops(), done)?;
    let mut rates: Vec<Rate> = Vec::new();
    for (place, &alpha) in how.alpha.iter().enumerate() {
        for Said { subject, tests, .. } in &runs[0] {
            let refuted =
                runs.iter().flatten().filter(|said| said.subject == *subject && said.refuted[place]);
            let refuted = refuted.count() as u64;
            rates.push(Rate { subject: subject.clone(), tests: *tests, alpha, refuted, runs: how.runs });
        }
    }
    Ok(rates)
}

/// The check, what is wrong, and the estimates that are wrong like this.
type Wrong = (&'static str, &'static str, fn(f64) -> Off);

const WRONG: [Wrong; 4] = [
    ("gradient", "the mean at one entry", Off::Mean),
    ("gradient: along the exact one", "the mean along the gradient", Off::Along),
    ("E-REINFORCE: mean", "the mean at one entry", Off::Mean),
    ("E-REINFORCE: covariance", "the variance at one entry", Off::Variance),
];

/// How often each check of estimates catches a departure of the size that it states, judged by itself at the first `alpha`, at the
/// end.
///
/// # Errors
/// [`CheckError`].
pub fn power_of_estimates(
    model: &Model,
    loss: Loss,
    how: &How,
    done: impl Fn() + Sync,
) -> Result<Vec<Power>, CheckError> {
    how.check()?;
    let law = Law::new(model)?;
    let of = Estimated::new(&law, loss)?;
    let (one, at) = (How { runs: 1, ..how.clone() }, [how.draws]);
    let stated = all(&of, Off::Nothing, &one, &at, || ())?.remove(0);
    let mut found = Vec::new();
    for (subject, what, off) in WRONG {
        let Some(said) = stated.iter().find(|said| said.subject == subject) else { continue };
        if said.departure >= 1.0 {
            continue; // more than the check can say
        }
        let runs = all(&of, off(said.departure), how, &at, &done)?;
        let refuted = runs.iter().flatten().filter(|said| said.subject == subject && said.refuted[0]);
        let refuted = refuted.count() as u64;
        let (alpha, runs) = (how.alpha[0], how.runs);
        let caught = Rate { subject: subject.to_owned(), tests: said.tests, alpha, refuted, runs };
        found.push(Power { what, departure: said.departure, caught });
    }
    Ok(found)
}
