//! Draws of a model of any size: what can be known without enumeration.
//!
//! # Law
//! Given the past, the winner of each race is categorical with known probabilities; given the trace, the times behind the weights
//! are independent. So every trace makes a list of independent uniforms, one per race (the [transform](crate::sample::Walk::transform) of
//! its winner), and the weights make another, one per entry (the [inverse map](crate::sample::Walk::uniforms)). Nothing is lost: draws
//! follow `p(T) p(E | T)` exactly if both are uniform and independent.
//!
//! | subject | null | test |
//! |---|---|---|
//! | form; structures; traces; structure of the trace; rerun; round trip; positive times; repeats | as [where the law can be enumerated](super) | exact, every draw |
//! | log-probability, score | [certain to the last digit](crate::sample::Walk::certain_log_prob) | error, every draw |
//! | winners | the transform of each race's winner uniform | Kolmogorov-Smirnov, race by race, and all pooled |
//! | winners in pairs; draw after draw | those of two races, or of draws 1, 2, 32, … 1024 apart, independent | G on a grid, pooled, lag by lag |
//! | entries | each wins as often as its chances say, given whom it raced (not where each wins once: binary_tree, permutation) | [a bound that holds at any size](crate::statistics::wins_test), entry by entry |
//! | exponentials | `s_k` uniform | Kolmogorov-Smirnov, entry by entry, and all pooled |
//! | exponentials given the trace | `v_k` uniform given `T` | Kolmogorov-Smirnov, pooled over winners and over the others |
//! | conditional | `u_k` uniform | Kolmogorov-Smirnov, entry by entry |
//! | conditional given the trace | `u_k` uniform given `T` | Kolmogorov-Smirnov, race by race, and pooled over winners and over the others |
//! | in pairs; draw after draw | independent, of draws 1, 2, 32, … 1024 apart too | G on a grid, pooled, lag by lag |
//! | conditional against exponentials | `u_k`, `v_k` independent given `T` | G on a grid, pooled over winners and over the others |
//! | structures | multinomial with the exact `P(X)` | G, not pooled, and the worst cell, exactly, where there are at most [`MOST_STRUCTURES`] |
//! | gradient | the mean of each entry is the exact gradient of an [`Objective`], or where that is not known the mean of the loss times the score of the trace of the same draws | [a bound for any law](crate::statistics::mean_test) |
//! | parts, losses | as [where the law can be enumerated](super) | the same, where there are few states: trees and matchings up to n = 8, top_k up to 16, binary_tree up to 30, categorical |
//!
//! A row of pooled values catches what all have in common; of a single entry or race it says next to nothing, and neither do the
//! rows entry by entry say anything of pairs. Each row states what it catches.
//!
//! Structures alone, of a law that cannot be enumerated, are judged as a sample by their parts and losses only; where these are not
//! known either, one by one and not as a sample: then the report is underpowered and says why.
//!
//! # Cost
//! O(n² + entries · log n) per draw. Memory: O(present) counts, at most [`COUNTERS`] for each column of weights, two hashes of 16
//! bytes per draw; the last draws, in at most 64 MiB a column, or one draw; and a batch of some four million values a column.

use gumbel_oracle::limit::Limit;
use gumbel_oracle::model::{Algorithm, Kind, Model};
use gumbel_oracle::number::to_f64;
use gumbel_oracle::structure::Structure;

use super::evidence::Seen;
use super::laws::{Cells, Of as Law};
use super::order::{LAGS, Lags};
use super::pooled::{Of, Pairs, Uniforms};
use super::races::{Races, Wins};
use super::times::{Each, Which};
use super::walked::Walked;
use super::{
    Asked, Check, CheckError, Defect, Looks, Objective, Terms, exact, fold, marginals, of_estimates, order,
    present, split_by_needs,
};
use crate::report::{Row, Verdict};
use crate::sample::{Draws, Field, Sampler, Source};
use crate::statistics::Budget;

/// Most structures whose law is a test of its own beside the winners: a G test of more would need tens of millions of draws to
/// see a departure of 0.05.
pub const MOST_STRUCTURES: usize = 10_000;

/// Counters kept for one column of weights, some 30 MiB: 4096 bins for each of up to 1024 entries, 64 for each entry of the complete
/// graph on 300 vertices. A bin's width is added to the departure that is caught.
pub const COUNTERS: usize = 1 << 22;

/// The fewest bins of an entry.
const FEWEST: usize = 64;

type Checks = Vec<Box<dyn Check>>;

/// Whether the structures are few enough for their law to be a test of its own.
fn has_few_structures(model: &Model) -> bool {
    // Counting the trees of a large graph takes long, and they are too many.
    let counted = matches!(model.kind(), Kind::TopK | Kind::Categorical) || model.size() <= 9;
    counted && model.structure_count() <= MOST_STRUCTURES.into()
}

fn law(model: &Model) -> Option<Vec<(Structure, f64)>> {
    let law = has_few_structures(model).then(|| model.law(Limit::default()).ok()).flatten()?;
    Some(law.outcomes.into_iter().map(|(structure, p)| (structure, to_f64(&p))).collect())
}

/// The races that every trace has, and how many more there can be.
fn races(model: &Model) -> (usize, usize) {
    let n = model.size();
    match model.algorithm() {
        Algorithm::SpanningTree(_) => (n - 1, 0),
        // Each vertex but the root; and each cycle makes one component of two or more of these.
        Algorithm::Arborescence(_) => (n - 1, n.saturating_sub(2)),
        Algorithm::Matching(_) | Algorithm::BinaryTree(_) | Algorithm::Permutation(_) => (n, 0),
        Algorithm::TopK(a) => (a.k(), 0),
        Algorithm::Categorical(_) => (1, 0),
    }
}

const TRACE: &[Field] = &[Field::Trace];
const WEIGHTS: &[Field] = &[Field::Exponentials];
const WEIGHTS_AND_TRACE: &[Field] = &[Field::Exponentials, Field::Trace];
const REDRAWN: &[Field] = &[Field::Conditional, Field::Trace];
const BOTH: &[Field] = &[Field::Exponentials, Field::Conditional, Field::Trace];

/// The checks of winners.
fn of_winners(model: &Model, looks: Looks) -> Checks {
    let (fixed, spare) = races(model);
    let wrong = "given the races before, the winners do not follow their law";
    vec![
        Box::new(Races::new("winners", TRACE, fixed, |seen, race| seen.wins[race].transform, wrong)),
        Box::new(
            Uniforms::new(Of { subject: "winners", needs: TRACE, what: "all", wrong }, |seen, see| {
                seen.wins.iter().for_each(|win| see(win.transform));
            })
            .of_random_number(spare),
        ),
        Box::new(Pairs::new(
            Of {
                subject: "winners in pairs",
                needs: TRACE,
                what: "races 2i, 2i+1",
                wrong: "the winner of a race depends on that of the race before, beyond who is left",
            },
            // Of an arborescence only the vertices, which race at the start, are always as many: see `fixed` above.
            |seen, see| {
                seen.wins
                    .chunks_exact(2)
                    .take(seen.pairs_of_races)
                    .for_each(|pair| see(pair[0].transform, pair[1].transform))
            },
        )),
        Box::new(Lags::new(
            Of { subject: "winners: draw after draw", needs: TRACE, what: "all", wrong: "the winners" },
            &LAGS,
            fixed,
            looks,
            |seen, see| seen.wins.iter().take(2 * seen.pairs_of_races).for_each(|win| see(win.transform)),
        )),
    ]
}

/// Each present entry's own value, of winners or of the others.
fn by_role(seen: &Seen<'_>, values: &[f64], winners: bool, see: &mut dyn FnMut(usize, f64)) {
    let won = seen.won(values.len());
    values
        .iter()
        .enumerate()
        .filter(|(place, _)| won[*place] == winners)
        .for_each(|(place, &u)| see(place, u));
}

/// Neighbours in entry order, two by two.
fn neighbours(values: &[f64], see: &mut dyn FnMut(f64, f64)) {
    values.chunks_exact(2).for_each(|pair| see(pair[0], pair[1]));
}

/// The weights of draws that follow each other, and of such that are a batch apart.
fn draw_after_draw(
    subject: &'static str,
    wrong: &'static str,
    which: Which,
    present: usize,
    looks: Looks,
) -> Box<dyn Check> {
    Box::new(Lags::new(
        Of { subject, needs: which.needs(), what: "all", wrong },
        &LAGS,
        present,
        looks,
        which.values(),
    ))
}

/// The checks of exponentials.
fn of_exponentials(present: usize, looks: Looks) -> Checks {
    let subject = "exponentials";
    let given = "exponentials given the trace";
    vec![
        Box::new(exact::Positive::of(Which::Exponentials)),
        Box::new(Each::new(Which::Exponentials, present, bins(present))),
        Box::new(Uniforms::new(
            Of { subject, needs: WEIGHTS, what: "all", wrong: "the exponentials do not follow their law" },
            |seen, see| seen.survivals.iter().for_each(|&u| see(u)),
        )),
        Box::new(Pairs::new(
            Of {
                subject: "exponentials in pairs",
                needs: WEIGHTS,
                what: "entries 2i, 2i+1",
                wrong: "the exponentials of neighbouring entries depend on each other",
            },
            |seen, see| neighbours(seen.survivals, see),
        )),
        Box::new(Uniforms::new(
            Of {
                subject: given,
                needs: WEIGHTS_AND_TRACE,
                what: "winners",
                wrong: "given the trace, the winning times do not follow their law",
            },
            |seen, see| by_role(seen, seen.own, true, &mut |_, u| see(u)),
        )),
        Box::new(Uniforms::new(
            Of {
                subject: given,
                needs: WEIGHTS_AND_TRACE,
                what: "other entries",
                wrong: "given the trace, what is left of the entries that win no race does not follow its law",
            },
            |seen, see| by_role(seen, seen.own, false, &mut |_, u| see(u)),
        )),
        draw_after_draw(
            "exponentials: draw after draw",
            "the exponentials",
            Which::Exponentials,
            present,
            looks,
        ),
        Box::new(order::Repeats::of(Which::Exponentials)),
    ]
}

/// The checks of conditional draws.
fn of_conditional(model: &Model, present: usize, looks: Looks) -> Checks {
    let given = |what, wrong| Of { subject: "conditional given the trace", needs: REDRAWN, what, wrong };
    let pairs = |what, wrong| Of { subject: "conditional in pairs", needs: REDRAWN, what, wrong };
    let against = |what| Of {
        subject: "conditional against exponentials",
        needs: BOTH,
        what,
        wrong: "given the trace, the conditional exponentials depend on the exponentials: want a draw of their own",
    };
    vec![
        Box::new(exact::Positive::of(Which::Conditional)),
        Box::new(Each::new(Which::Conditional, present, bins(present))),
        Box::new(Races::new(
            "conditional given the trace",
            REDRAWN,
            races(model).0,
            |seen, race| seen.conditional.get(seen.wins[race].place).copied().unwrap_or(f64::NAN),
            "given the trace, the winning time behind the conditional draw does not follow its law",
        )),
        Box::new(Uniforms::new(
            given(
                "winners",
                "given the trace, the winning times behind the conditional draws do not follow their law",
            ),
            |seen, see| by_role(seen, seen.conditional, true, &mut |_, u| see(u)),
        )),
        Box::new(Uniforms::new(
            given(
                "other entries",
                "given the trace, what the conditional draws leave of the entries that win no race does not follow its law",
            ),
            |seen, see| by_role(seen, seen.conditional, false, &mut |_, u| see(u)),
        )),
        Box::new(Pairs::new(
            pairs(
                "entries 2i, 2i+1",
                "the times behind the conditional exponentials of neighbouring entries depend on each other",
            ),
            |seen, see| neighbours(seen.conditional, see),
        )),
        Box::new(Pairs::new(
            pairs("races 2i, 2i+1", "the winning times behind a conditional draw depend on each other"),
            |seen, see| {
                let times: Vec<f64> =
                    seen.wins.iter().filter_map(|win| seen.conditional.get(win.place).copied()).collect();
                neighbours(&times, see);
            },
        )),
        Box::new(Pairs::new(
            pairs(
                "race i, entry i",
                "the winning time of race i and what is left of entry i depend on each other: the same uniform seems to be used for both",
            ),
            |seen, see| {
                let won = seen.won(seen.conditional.len());
                for (win, (&u, won)) in seen.wins.iter().zip(seen.conditional.iter().zip(won)) {
                    if !won {
                        see(seen.conditional[win.place], u);
                    }
                }
            },
        )),
        Box::new(Pairs::new(against("winners"), |seen, see| {
            by_role(seen, seen.conditional, true, &mut |place, u| see(seen.own[place], u));
        })),
        Box::new(Pairs::new(against("other entries"), |seen, see| {
            by_role(seen, seen.conditional, false, &mut |place, u| see(seen.own[place], u));
        })),
        draw_after_draw(
            "conditional: draw after draw",
            "the conditional exponentials",
            Which::Conditional,
            present,
            looks,
        ),
        Box::new(exact::Without::any(Defect::RoundTrip)),
        Box::new(order::Repeats::of(Which::Conditional)),
    ]
}

fn bins(present: usize) -> usize {
    let fit = COUNTERS / present.max(1);
    (1 << fit.max(1).ilog2()).clamp(FEWEST, 4096)
}

fn all(model: &Model, looks: Looks) -> Checks {
    use num_traits::Zero as _;
    let present = model.rates().iter().filter(|rate| !rate.is_zero()).count();
    let mut checks: Checks =
        vec![Box::new(exact::Form::default()), Box::new(exact::Without::any(Defect::Structure))];
    if has_few_structures(model) {
        checks.push(Box::new(Cells::unpooled(Law::Structures, looks)));
    }
    checks.push(Box::new(exact::Without::any(Defect::Trace)));
    checks.extend(of_winners(model, looks));
    // Where each entry wins just once, how often it does says nothing.
    if !matches!(model.kind(), Kind::BinaryTree | Kind::Permutation) {
        checks.push(Box::new(Wins::new(present)));
    }
    checks.push(Box::new(exact::Without::any(Defect::LeadsTo)));
    checks.push(Box::new(exact::Without::any(Defect::Rerun)));
    checks.push(Box::new(exact::Values::of(Field::LogProb)));
    checks.push(Box::new(exact::Values::of(Field::Score)));
    checks.extend(of_exponentials(present, looks));
    checks.extend(of_conditional(model, present, looks));
    checks
}

/// How many statistical tests [`judge_source`] holds on draws with these fields.
#[must_use]
pub fn tests(model: &Model, fields: &[Field], asked: &Asked<'_>) -> usize {
    let mut checks = all(model, asked.looks);
    checks.extend(of_estimates(asked, fields, &present(model.rates())));
    let tests: usize = split_by_needs(checks, fields).0.iter().map(|check| check.tests()).sum();
    tests + if has_marginals(model, fields) { marginals::tests(model) } else { 0 }
}

/// Whether the parts of structures and their losses are judged.
fn has_marginals(model: &Model, fields: &[Field]) -> bool {
    fields.contains(&Field::Structure) && marginals::is_small(model)
}

/// Holds the first draws of a sampler to what can be known of a model without enumeration. `budget` is that of the whole report; see
/// [`tests`]. `drawn` is told of the draws made.
///
/// # Errors
/// [`CheckError`] if the options make no sense.
pub fn judge(
    name: &str,
    model: &Model,
    sampler: &dyn Sampler,
    options: &super::Options,
    budget: &Budget,
    drawn: impl Fn(u64) + Sync,
) -> Result<Vec<Row>, CheckError> {
    // A draw takes some 100 bytes per entry while it is looked at.
    let piece = (65_536 / model.rates().len().max(1)).clamp(1, 128) as u64;
    let mut draws = Draws::new(sampler, options.samples).in_pieces_of(piece);
    judge_source(name, model, &mut draws, &Asked::only(options.departure), budget, drawn)
}

/// The same of all draws of any [`Source`].
///
/// # Errors
/// [`CheckError`] if the options make no sense, or the source fails.
pub fn judge_source<S: Source>(
    name: &str,
    model: &Model,
    source: &mut S,
    asked: &Asked<'_>,
    budget: &Budget,
    drawn: impl Fn(u64) + Sync,
) -> Result<Vec<Row>, CheckError> {
    judge_on(name, model, source, Terms::of(asked, budget), drawn)
}

pub(super) fn judge_on<S: Source>(
    name: &str,
    model: &Model,
    source: &mut S,
    terms: Terms<'_>,
    drawn: impl Fn(u64) + Sync,
) -> Result<Vec<Row>, CheckError> {
    let asked = terms.asked;
    let loss = asked.objective.and_then(Objective::of_every_draw);
    let (walked, mut known) = Walked::new(model, law(model), races(model), loss);
    let enumerated = !known.structures.is_empty();
    let mut checks = all(model, asked.looks);
    if has_marginals(model, source.fields()) {
        let before = checks.iter().position(|check| check.subject() == "traces").unwrap_or(0);
        checks.splice(before..before, marginals::of_any_size(model));
    }
    checks.extend(of_estimates(asked, source.fields(), &known.present));
    let mut rows = fold(checks, &mut known, &walked, source, terms, drawn, |_| ())?;
    let has = |field| source.fields().contains(&field);
    if !enumerated && !has(Field::Trace) && !has(Field::Exponentials) {
        let row = Row::exact("structures", "law", 0, "draws");
        let parts = has_marginals(model, source.fields());
        rows.push(if parts {
            row.not_judged("how often each should be drawn cannot be enumerated at this size: its parts and losses are judged, one by one")
        } else {
            Row {
            verdict: Verdict::Underpowered,
            note: "each is a structure, but how often each should be drawn cannot be enumerated at this size: give the traces as \
                   well, or the exponentials"
                .to_owned(),
            ..row
        }});
    }
    for row in &mut rows {
        (row.structure, row.model) = (model.kind().name(), name.to_owned());
    }
    Ok(rows)
}
