//! Checks of draws against the exact law: each a fold over batches, in bounded memory, judged at its share of the false alarm.
//!
//! # Notation
//! A draw is a structure `X`, its trace `T`, `log p(T)`, the score, the exponentials `E` it was made from, and a
//! conditional draw `E' ~ p(E | T)`. The inverse map turns weights into one number per present entry, given `T`
//! ([`gumbel_oracle::race::Trace::uniforms`]): `v_k` from `E`, `u_k` from `E'`. `s_k = e^{-λ_k E_k}`.
//!
//! # Law
//! | subject | null | test |
//! |---|---|---|
//! | form | one value per present entry, none at an absent one | exact, every draw |
//! | structures, traces | multinomial with the exact `P(X)`, `p(T)` | Pearson's chi-square, pooled to expect at least [`MINIMUM_EXPECTED`](crate::statistics::MINIMUM_EXPECTED); and G, not pooled |
//! | rerun | the algorithm run on `E` holds the same races and returns the same structure | exact, every draw |
//! | round trip | the same of `E'` | exact, every draw |
//! | log-probability, score | the exact value | error of every different trace among the first draws |
//! | positive times | `s_k`, `u_k` lie in `[0, 1]` | exact, every value |
//! | exponentials | each `s_k` uniform | Kolmogorov-Smirnov, entry by entry |
//! | exponentials in pairs | `s_j`, `s_k` independent | chi-square on a grid, pair by pair |
//! | conditional | each `u_k` uniform | Kolmogorov-Smirnov, entry by entry |
//! | conditional given the trace | each `u_k` uniform given `T` | chi-square on trace × octile given how often each trace was drawn, entry by entry |
//! | conditional in pairs | `u_j`, `u_k` independent, whichever of them won | chi-square on a grid, pair by pair |
//! | conditional against exponentials | `u_k`, `v_k` independent, given whether `k` won | chi-square on a grid, entry by entry |
//! | repeats | no two draws share their weights | exact |
//! | exponentials, conditional: draw after draw | `s_k` (`u_k`) of draw i and draw i+1 independent | chi-square on a grid, entry by entry, disjoint pairs |
//!
//! *Given the trace* is not the same as over all draws: if `E'` is made from the uniforms that made `E`, each `u_k` is
//! uniform over all draws and far from it where `k` won. Where traces are too many for one to expect
//! [`MINIMUM_EXPECTED`](crate::statistics::MINIMUM_EXPECTED) in each octile, they are pooled among those in which `k` won the
//! same race, or none; the row says how many groups were left.
//!
//! A test of two uniforms together fails too if one of them is not uniform by itself: then the row of the pair says "not
//! judged" and names its cause. So a verdict points at what is wrong, and what follows from it waits for the repair.
//!
//! Each check says which fields of a draw it needs ([`Check::needs`]); where a sampler has not all, the others are judged and
//! the row says what is lacking.
//!
//! # Errors of the verdicts
//! The false-alarm probability `alpha` is for the whole report and split evenly over its tests ([`tests`] says how many),
//! whatever their number; exact checks spend nothing. Each test states the smallest departure that it catches with
//! probability 0.99, for one entry or one pair: no row pools entries, so none is diluted. A row that shows the worst of
//! several shows the p-value of that one, and the largest of their smallest departures.
//!
//! # Cost
//! O(present²) per draw beside the draw itself; memory O(present²) and O(present · traces) counts, and two
//! hashes of 16 bytes per draw, in sets, for the repeats.

mod evidence;
mod exact;
mod laws;
mod order;
mod times;

use gumbel_oracle::instance::Instance;
use gumbel_oracle::limit::{Limit, TooLarge};
use num_traits::Zero as _;
use rayon::prelude::*;

use evidence::Numbered;
pub use evidence::{Evidence, Fingerprint, Known, Values};

use crate::report::{Row, Verdict, mark_underpowered};
use crate::sample::{Field, Sampler};
use crate::statistics::{Budget, StatisticsError, TestResult};

/// How to judge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Draws per model.
    pub samples: u64,
    /// The false-alarm probability of the whole report.
    pub alpha: f64,
    /// The departure that should not be missed, as total variation or largest difference of distribution functions.
    pub departure: f64,
}

/// Draws per model, unless told otherwise: enough to catch a departure of 0.05 of everything judged on every built-in
/// model, which a test asserts.
pub const DEFAULT_SAMPLES: u64 = 200_000;

impl Default for Options {
    fn default() -> Self {
        Self { samples: DEFAULT_SAMPLES, alpha: 1e-6, departure: 0.05 }
    }
}

/// Why a sampler cannot be judged on this model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The model is too large for its law to be enumerated.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The options ask for what the tests cannot give.
    #[error(transparent)]
    Statistics(#[from] StatisticsError),
}

/// One check: it sees the draws batch after batch, in order, and is judged at the end.
pub trait Check: Send + Sync {
    /// Takes a batch into account.
    fn see(&mut self, known: &Known<'_>, batch: &Evidence);

    /// What it judges.
    fn subject(&self) -> &'static str;

    /// The fields without which there is nothing to judge.
    fn needs(&self) -> &'static [Field];

    /// How many statistical tests it holds; 0 if it is exact.
    fn tests(&self) -> usize;

    /// Its rows, each test at false-alarm probability `alpha`.
    ///
    /// # Errors
    /// [`StatisticsError`] if `alpha` is out of range.
    fn judge(&self, known: &Known<'_>, alpha: f64) -> Result<Vec<Row>, StatisticsError>;
}

/// All checks of a model with `present` entries of positive rate.
fn all(present: usize) -> Vec<Box<dyn Check>> {
    use laws::{Cells, Of};
    use times::{Against, Each, GivenTrace, Pairs, Which};
    vec![
        Box::new(exact::Form::default()),
        Box::new(Cells::of(Of::Structures)),
        Box::new(Cells::of(Of::Traces)),
        Box::new(exact::Holds::rerun()),
        Box::new(exact::Values::log_prob()),
        Box::new(exact::Values::score()),
        Box::new(exact::Positive::of(Which::Exponentials)),
        Box::new(Each::new(Which::Exponentials, present)),
        Box::new(Pairs::new(Which::Exponentials, present)),
        Box::new(order::Lag::new(Which::Exponentials, present)),
        Box::new(exact::Positive::of(Which::Conditional)),
        Box::new(Each::new(Which::Conditional, present)),
        Box::new(GivenTrace::new(present)),
        Box::new(Pairs::new(Which::Conditional, present)),
        Box::new(Against::new(present)),
        Box::new(order::Lag::new(Which::Conditional, present)),
        Box::new(exact::Holds::round_trip()),
        Box::new(order::Repeats::of(Which::Exponentials)),
        Box::new(order::Repeats::of(Which::Conditional)),
    ]
}

/// The checks that draws with these fields can be put to, and a row for each of the others that says what it lacks.
fn split_by_needs(present: usize, fields: &[Field]) -> (Vec<Box<dyn Check>>, Vec<Row>) {
    let lacks = |check: &dyn Check| -> Vec<&str> {
        check.needs().iter().filter(|field| !fields.contains(field)).map(|field| field.name()).collect()
    };
    let (can, cannot): (Vec<_>, Vec<_>) =
        all(present).into_iter().partition(|check| lacks(check.as_ref()).is_empty());
    let row = |check: &dyn Check| {
        let lacking = lacks(check).join(", ");
        Row::exact(check.subject(), "every draw", 0, "draws")
            .not_judged(format!("the draws have no {lacking}"))
    };
    let rows = cannot.iter().map(|check| row(check.as_ref())).collect();
    (can, rows)
}

/// How many statistical tests [`judge`] holds on a model and draws with these fields: `4 + 6p + p(p-1)` with `p` entries of
/// positive rate, if they have all.
#[must_use]
pub fn tests<I: Instance>(model: &I, fields: &[Field]) -> usize {
    let present = model.rates().iter().filter(|rate| !rate.is_zero()).count();
    split_by_needs(present, fields).0.iter().map(|check| check.tests()).sum()
}

/// Draws looked at together: enough for all threads.
const BATCH: u64 = 4096;

/// Holds a sampler to the exact law of a model, or of any other [`Instance`]. `budget` is that of the whole report; see [`tests`]. `drawn` is told of
/// the draws made, for a sign of progress.
///
/// # Errors
/// [`CheckError`] if the law cannot be enumerated, or the options make no sense.
pub fn judge<I: Instance>(
    name: &str,
    model: &I,
    sampler: &dyn Sampler<I::Structure>,
    options: &Options,
    budget: &Budget,
    drawn: impl Fn(u64) + Sync,
) -> Result<Vec<Row>, CheckError> {
    let limit = Limit::default();
    let law = model.law(limit)?;
    model.check_traces(limit)?;
    let (numbered, known) = Numbered::new(model, law);
    let (mut checks, cannot) = split_by_needs(known.present.len(), sampler.fields());
    let gather = |first: u64| {
        let end = options.samples.min(first + BATCH).max(first);
        let batch = Evidence::gather(&known, &numbered, sampler, first, end);
        drawn(end - first);
        batch
    };
    let mut next = 0;
    let mut batch = gather(next);
    while next < options.samples {
        next += BATCH;
        // The checks look at one batch while the next is drawn.
        let see = || checks.par_iter_mut().for_each(|check| check.see(&known, &batch));
        (batch, ()) = rayon::join(|| gather(next), see);
    }
    let judged: Vec<Result<Vec<Row>, StatisticsError>> =
        checks.par_iter().map(|check| check.judge(&known, budget.per_test())).collect();
    let mut rows = Vec::new();
    for judged in judged {
        rows.extend(judged?);
    }
    rows.extend(cannot);
    for row in &mut rows {
        (row.structure, row.model) = (model.name(), name.to_owned());
    }
    leave_to_their_cause(&mut rows);
    mark_underpowered(&mut rows, options.departure);
    Ok(rows)
}

/// What a refutation says nothing of its own about: pairs of uniforms are not uniform if one of them is not.
const FOLLOWS: [(&str, &[&str]); 5] = [
    ("exponentials in pairs", &["exponentials"]),
    ("exponentials: draw after draw", &["exponentials"]),
    ("conditional in pairs", &["conditional", "conditional given the trace"]),
    (
        "conditional against exponentials",
        &["exponentials", "rerun", "conditional", "conditional given the trace"],
    ),
    ("conditional: draw after draw", &["conditional"]),
];

/// Rows that are refuted because another is are not judged, and name it.
fn leave_to_their_cause(rows: &mut [Row]) {
    for (subject, causes) in FOLLOWS {
        let refuted =
            |cause: &&&str| rows.iter().any(|row| row.subject == **cause && row.verdict == Verdict::Refuted);
        let Some(cause) = causes.iter().find(refuted) else { continue };
        for row in rows.iter_mut().filter(|row| row.subject == subject && row.verdict == Verdict::Refuted) {
            row.verdict = Verdict::NotJudged;
            row.note = format!("it fails, as it must where this is refuted: {cause}");
        }
    }
}

/// The one of several tests with the smallest p-value, with the largest of all their smallest departures.
fn worst<T>(tests: impl IntoIterator<Item = (T, TestResult)>) -> Option<(T, TestResult)> {
    let mut worst: Option<(T, TestResult)> = None;
    let mut departure = 0.0_f64;
    for (of, test) in tests {
        departure = departure.max(test.smallest_departure);
        if worst.as_ref().is_none_or(|(_, worst)| test.p_value < worst.p_value) {
            worst = Some((of, test));
        }
    }
    worst.map(|(of, test)| (of, TestResult { smallest_departure: departure, ..test }))
}
