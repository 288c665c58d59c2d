//! Estimates of gradients: their mean against the exact one.
//!
//! The test of a mean is of one look, at a number of estimates that does not depend on them. So some estimates are looked at first, only to
//! see how many it takes; and then as many fresh ones are judged.

use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use recursive_gumbel::check::{Asked, Method, Objective};
use recursive_gumbel::report::Row;
use recursive_gumbel::sample::Field;
use recursive_gumbel::statistics::Budget;

use super::live::{Live, Most};
use super::{Dialogue, Failure};

/// The estimators that are asked for, each with the number of draws of one estimate.
const ESTIMATORS: [(&str, u64); 4] =
    [("e_reinforce", 1), ("t_reinforce", 1), ("e_reinforce_plus", 2), ("t_reinforce_plus", 2)];

/// Estimates that only say how many it takes.
const FIRST: u64 = 1000;

/// The loss that is asked for: the default one, or another that the implementation has; and what its gradient is. None if it has none, or
/// the gradient is out of reach.
fn objective(dialogue: &Dialogue, model: &Model) -> Option<(&'static str, Objective)> {
    if !dialogue.offer.has("gradient") || dialogue.most.is_none() {
        return None;
    }
    let name = Loss::names(model.kind()).into_iter().find(|name| dialogue.offer.losses.contains(*name))?;
    let loss = Loss::named(model, name).ok()?;
    Some((name, Objective::named(model, &loss, Limit::default()).ok()?))
}

fn method(dialogue: &Dialogue, model: &Model, asked: &Asked<'_>) -> Method {
    Method::of(model, &[Field::Gradient], asked, dialogue.alpha)
}

/// How many tests are held.
pub(super) fn tests(dialogue: &Dialogue, model: &Model) -> usize {
    objective(dialogue, model).map_or(0, |(_, objective)| {
        let asked = Asked { objective: Some(&objective), ..Asked::only(dialogue.departure) };
        ESTIMATORS.len() * method(dialogue, model, &asked).tests(model, &[Field::Gradient], &asked)
    })
}

/// The rows of all estimators.
pub(super) fn judge(
    dialogue: &Dialogue,
    model: &Model,
    budget: &Budget,
    drawn: impl Fn(u64) + Sync,
) -> Result<Vec<Row>, Failure> {
    let Some((loss, objective)) = objective(dialogue, model) else { return Ok(Vec::new()) };
    let asked = Asked { objective: Some(&objective), ..Asked::only(dialogue.departure) };
    let method = method(dialogue, model, &asked);
    let mut all = Vec::new();
    for (estimator, draws) in ESTIMATORS {
        let estimates = |most: Most, seed: u64| {
            dialogue.live(
                |fault| Live::estimates(model, &dialogue.child, (loss, estimator, draws), most, seed, fault),
                |live| method.judge("", model, live, &asked, budget, &drawn),
            )
        };
        let few = if let Most::Draws(most) = dialogue.most { most.min(FIRST) } else { FIRST };
        let first = match estimates(Most::Draws(few), dialogue.seed)? {
            Ok(rows) => rows,
            Err(reason) => {
                let row = Row::exact("gradient", format!("of {estimator}"), 0, "estimates");
                all.push(row.not_judged(format!("it says: {reason}")));
                continue;
            }
        };
        let needed = first.iter().filter_map(|row| row.draws_needed).max().unwrap_or(FIRST).max(FIRST);
        let most = match dialogue.most {
            Most::Draws(most) => Most::Draws(most.min(needed)),
            seconds @ Most::Seconds(_) => seconds,
        };
        // Seeds that were not asked for before.
        let rows = estimates(most, dialogue.seed.wrapping_add(FIRST))?.unwrap_or_default();
        let of_gradient =
            rows.into_iter().filter(|row| row.subject.starts_with("gradient") || row.subject == "form");
        all.extend(of_gradient.map(|row| {
            let note = if row.note.is_empty() { row.note } else { format!("{estimator}: {}", row.note) };
            Row { check: format!("{estimator}: {}", row.check), note, ..row }
        }));
    }
    Ok(all)
}
