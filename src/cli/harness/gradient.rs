//! Estimates of gradients: their mean against the exact one.
//!
//! The estimators are known, and so is the variance of each: bets on the mean may be looked at after every batch.

use gumbel_oracle::estimators::ScoreMoments;
use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::{ratio, to_f64};
use recursive_gumbel::check::estimates::{Estimator, LawOfEstimates};
use recursive_gumbel::check::{Asked, Method, Objective};
use recursive_gumbel::estimate::Named;
use recursive_gumbel::report::Row;
use recursive_gumbel::sample::Field;
use recursive_gumbel::statistics::Budget;

use super::live::Live;
use super::{Dialogue, Failure};

/// By so many traces at most the variance of RELAX is worked out, which is a sum over all.
const TRACES: Limit = Limit(20_000);
/// It is not asked for where its variance is more than so many times that of E-REINFORCE: where exponentials are long, the critic drowns the loss.
const NOISE: f64 = 2.0;

/// What is asked for.
struct Question {
    loss: &'static str,
    /// The mean, without a variance.
    objective: Objective,
    moments: ScoreMoments,
    /// The variances of RELAX, one per entry, if they are in reach, and small enough to be of use.
    relax: Option<Vec<f64>>,
}

impl Question {
    /// Of the default loss, or another that the implementation has. None if it has none, or what is exact is out of reach.
    fn of(dialogue: &Dialogue, model: &Model) -> Option<Self> {
        if !dialogue.offer.has("gradient") || dialogue.most.is_none() {
            return None;
        }
        let losses = Loss::names(model.kind());
        let name = losses.into_iter().find(|name| dialogue.offer.losses.contains(*name))?;
        let loss = Loss::named(model, name).ok()?;
        let objective = Objective::named(model, &loss, Limit::default()).ok()?;
        let moments = model.score_moments_of(&loss, Limit::default()).ok()?;
        let mut question = Self { loss: name, objective, moments, relax: None };
        let estimator = Estimator::Relax(Named::critic(model.entries().len()));
        let law =
            model.check_traces(TRACES).ok().and_then(|()| LawOfEstimates::of(model, &loss, &estimator).ok());
        if let Some(law) = law {
            let entries = law.mean.len();
            let variances: Vec<f64> = (0..entries).map(|k| law.covariance[k * entries + k]).collect();
            let largest = |of: &[f64]| of.iter().copied().fold(0.0, f64::max);
            let beside = question.variances(Named::EReinforce)?;
            question.relax = (largest(&variances) <= NOISE * largest(&beside)).then_some(variances);
        }
        Some(question)
    }

    fn variances(&self, estimator: Named) -> Option<Vec<f64>> {
        if estimator == Named::RelaxLinear {
            return self.relax.clone();
        }
        let score = estimator.score();
        let exact = match estimator.leave_one_out() {
            true => self.moments.leave_one_out(score, estimator.fewest_draws() as u32).ok()?,
            false => self.moments.variance(score, &ratio(0, 1)),
        };
        Some(exact.iter().map(to_f64).collect())
    }

    /// The estimators whose variance is known, from the fewest draws that they need, each with what is held.
    fn all(&self) -> impl Iterator<Item = (Named, Objective)> {
        let of =
            |estimator| Some((estimator, self.objective.clone().with_variances(self.variances(estimator)?)));
        Named::ALL.into_iter().filter_map(of)
    }
}

const FIELDS: &[Field] = &[Field::Gradient];

fn asked<'a>(dialogue: &Dialogue, objective: &'a Objective) -> Asked<'a> {
    Asked { objective: Some(objective), ..Asked::until(dialogue.departure) }
}

/// How many tests are held.
pub(super) fn tests(dialogue: &Dialogue, model: &Model) -> usize {
    Question::of(dialogue, model).map_or(0, |question| {
        let of_one = |(_, objective)| {
            let asked = asked(dialogue, &objective);
            Method::of(model, FIELDS, &asked, dialogue.alpha).tests(model, FIELDS, &asked)
        };
        question.all().map(of_one).sum()
    })
}

/// The rows of all estimators.
pub(super) fn judge(
    dialogue: &Dialogue,
    model: &Model,
    budget: &Budget,
    drawn: impl Fn(u64) + Sync,
) -> Result<Vec<Row>, Failure> {
    let Some(question) = Question::of(dialogue, model) else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for (estimator, objective) in question.all() {
        let (draws, estimator) = (estimator.fewest_draws() as u64, estimator.name());
        let asked = asked(dialogue, &objective);
        let method = Method::of(model, FIELDS, &asked, dialogue.alpha);
        let estimates = (question.loss, estimator, draws);
        let ask = |fault: &_| {
            Live::estimates(model, &dialogue.child, estimates, dialogue.most, dialogue.seed, fault)
        };
        let judged = dialogue.live(ask, |live| method.judge("", model, live, &asked, budget, &drawn))?;
        let rows = match judged {
            Ok(rows) => rows,
            Err(reason) => {
                let row = Row::exact("gradient", format!("of {estimator}"), 0, "estimates");
                all.push(row.not_judged(format!("it says: {reason}")));
                continue;
            }
        };
        let of_gradient =
            rows.into_iter().filter(|row| row.subject.starts_with("gradient") || row.subject == "form");
        all.extend(of_gradient.map(|row| {
            let note = if row.note.is_empty() { row.note } else { format!("{estimator}: {}", row.note) };
            Row { check: format!("{estimator}: {}", row.check), note, ..row }
        }));
    }
    Ok(all)
}
