//! Estimates of gradients: their mean against the exact one.
//!
//! The four estimators are known, and so is the variance of each: bets on the mean may be looked at after every batch.

use gumbel_oracle::estimators::{Score, ScoreMoments};
use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::{ratio, to_f64};
use recursive_gumbel::check::{Asked, Method, Objective};
use recursive_gumbel::report::Row;
use recursive_gumbel::sample::Field;
use recursive_gumbel::statistics::Budget;

use super::live::Live;
use super::{Dialogue, Failure};

/// The estimators that are asked for, each with its score, and whether it has a leave-one-out baseline.
const ESTIMATORS: [(&str, Score, bool); 4] = [
    ("e_reinforce", Score::Exponentials, false),
    ("t_reinforce", Score::Trace, false),
    ("e_reinforce_plus", Score::Exponentials, true),
    ("t_reinforce_plus", Score::Trace, true),
];

/// The draws of one estimate: as many as are needed.
fn draws(leave_one_out: bool) -> u32 {
    if leave_one_out { 2 } else { 1 }
}

/// What is asked for.
struct Question {
    loss: &'static str,
    /// The mean, without a variance.
    objective: Objective,
    moments: ScoreMoments,
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
        Some(Self { loss: name, objective, moments: model.score_moments_of(&loss, Limit::default()).ok()? })
    }

    /// With the variance of this estimator.
    fn objective(&self, score: Score, leave_one_out: bool) -> Objective {
        let variances = match leave_one_out {
            true => self.moments.leave_one_out(score, draws(true)).unwrap_or_default(),
            false => self.moments.variance(score, &ratio(0, 1)),
        };
        self.objective.clone().with_variances(variances.iter().map(to_f64).collect())
    }
}

const FIELDS: &[Field] = &[Field::Gradient];

fn asked<'a>(dialogue: &Dialogue, objective: &'a Objective) -> Asked<'a> {
    Asked { objective: Some(objective), ..Asked::until(dialogue.departure) }
}

/// How many tests are held.
pub(super) fn tests(dialogue: &Dialogue, model: &Model) -> usize {
    Question::of(dialogue, model).map_or(0, |question| {
        let of_one = |(_, score, leave_one_out)| {
            let objective = question.objective(score, leave_one_out);
            let asked = asked(dialogue, &objective);
            Method::of(model, FIELDS, &asked, dialogue.alpha).tests(model, FIELDS, &asked)
        };
        ESTIMATORS.into_iter().map(of_one).sum()
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
    for (estimator, score, leave_one_out) in ESTIMATORS {
        let objective = question.objective(score, leave_one_out);
        let asked = asked(dialogue, &objective);
        let method = Method::of(model, FIELDS, &asked, dialogue.alpha);
        let estimates = (question.loss, estimator, u64::from(draws(leave_one_out)));
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
