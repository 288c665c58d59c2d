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
//! | structures, traces | there are such | exact, every draw |
//! | structures, traces | multinomial with the exact `P(X)`, `p(T)` | Pearson's chi-square, pooled to expect at least [`MINIMUM_EXPECTED`](crate::statistics::MINIMUM_EXPECTED); and G, not pooled |
//! | parts | each entry (of a binary tree each parent, of a permutation each place) is drawn with its exact probability | exact binomial, one by one |
//! | losses | each named loss has its exact law | G |
//! | structure of the trace | the trace leads to the structure | exact, every draw |
//! | rerun | the algorithm run on `E` holds the same races and returns the same structure | exact, every draw |
//! | round trip | the same of `E'` | exact, every draw |
//! | log-probability, score | the exact value | error, every draw |
//! | positive times | `s_k`, `u_k` lie in `[0, 1]` | exact, every value |
//! | exponentials | each `s_k` uniform | Kolmogorov-Smirnov, entry by entry |
//! | exponentials in pairs | `s_j`, `s_k` independent | chi-square on a grid, pair by pair |
//! | conditional | each `u_k` uniform | Kolmogorov-Smirnov, entry by entry |
//! | conditional given the trace | each `u_k` uniform given `T` | chi-square on trace × octile given how often each trace was drawn, entry by entry |
//! | conditional in pairs | `u_j`, `u_k` independent, whichever of them won | chi-square on a grid, pair by pair |
//! | conditional against exponentials | `u_k`, `v_k` independent, given whether `k` won | chi-square on a grid, entry by entry |
//! | gradient | the mean of each entry is the exact gradient of an [`Objective`]; so is the mean along it | [a bound for any law](crate::statistics::mean_test) |
//! | E-REINFORCE and others | mean and covariance of [estimates] by an estimator whose law is known | the same, and nothing taken for granted |
//! | repeats | no two draws share their weights | exact |
//! | exponentials, conditional: at a distance | `s_k` (`u_k`) of draws 2, 32, 64, 100, 128, 256, 512, 1000, 1024 apart independent, and so far apart as the first 4096 draws make one suspect | G on a grid, lag by lag, pooled over entries |
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
//! What can be judged where nothing can be enumerated is [`any_size`]; [`Method`] chooses. Laws that are refuted are compared
//! with those of the usual confusions (`diagnosis`).
//!
//! Each check says which fields of a draw it needs ([`Check::needs`]); where a sampler has not all, the others are judged and
//! the row says what is lacking.
//!
//! # Rounding
//! Numbers that are all of single precision are taken for single precision, field by field: `log p(T)` and score are held to
//! what `f32` can do with rounded logits. A draw whose weights hold other races is not wrong if someone wins by no more than
//! rounding: it is left out of rerun and round trip, which say how many were; so is a time that is negative by no more.
//!
//! # Errors of the verdicts
//! The false-alarm probability `alpha` is for the whole report and split evenly over its tests ([`tests`] says how many),
//! whatever their number; exact checks spend nothing. Each test states the smallest departure that it catches with
//! probability 0.99, for one entry or one pair: no row pools entries, so none is diluted. A row that shows the worst of
//! several shows the p-value of that one, and the largest of their smallest departures.
//!
//! # Looking at every batch
//! With [`Looks::Always`] every test above is a bet against the same null ([`law_bets`](crate::statistics::law_bets) and others), so that
//! the false-alarm probability of the report holds however often one looks. Then all pairs of draws at a distance are looked at, the
//! later given the earlier; groups of traces are not pooled by their counts, which are not known beforehand: half of the stake is given the
//! trace, half given the race that the entry won. No more draws are made as soon as something is refuted, or every check would catch the
//! departure.
//!
//! # Cost
//! O(present²) per draw beside the draw itself; memory O(present²) and O(present · traces) counts, and two
//! hashes of 16 bytes per draw, in sets, for the repeats.

pub mod any_size;
pub mod apart;
mod diagnosis;
pub mod estimates;
mod evidence;
mod exact;
mod gradient;
mod laws;
mod level;
mod marginals;
mod numbered;
mod order;
mod pooled;
mod races;
mod rounding;
mod suspects;
mod times;
mod walked;

use gumbel_oracle::instance::Instance;
use gumbel_oracle::limit::{Limit, TooLarge};
use gumbel_oracle::model::Model;
use gumbel_oracle::structure::Structure;
use num_rational::BigRational;
use num_traits::Zero as _;
use rayon::prelude::*;

use diagnosis::{Counter, Suspect};
use evidence::Look;
pub use evidence::{Compared, Defect, Evidence, Fingerprint, IMPOSSIBLE, Known, Seen, Win};
pub use gradient::Objective;
pub use level::{Level, Looks};
use numbered::Numbered;
pub(crate) use times::SIDE;

use crate::estimate::EstimateError;
use crate::report::{Row, Verdict};
use crate::sample::{Draws, Field, Sampler, Source, SourceError};
use crate::statistics::{Budget, PEARSON_SMALLEST_ALPHA, StatisticsError, TestResult};

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
    /// So many tests that each would have to be trusted at a smaller probability than it can be: see
    /// [`PEARSON_SMALLEST_ALPHA`].
    #[error(
        "{tests} tests, which is too many for a false-alarm probability of {alpha} in all: want --alpha {least} or more, or \
         draws with fewer fields"
    )]
    TooManyTests {
        /// How many tests.
        tests: usize,
        /// The false-alarm probability of the whole report.
        alpha: f64,
        /// What it would have to be at least.
        least: f64,
    },
    /// The estimates cannot be made.
    #[error(transparent)]
    Estimate(#[from] EstimateError),
    /// The draws cannot be had.
    #[error(transparent)]
    Source(#[from] SourceError),
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

    /// Whether the draws are enough for all that it would look at to have come up; they may then still be too few to judge it by.
    fn is_ready(&self) -> bool {
        true
    }

    /// Its rows, each test at this level.
    ///
    /// # Errors
    /// [`StatisticsError`] if the level is out of range.
    fn judge(&self, known: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError>;
}

/// All checks of a model with `present` entries of positive rate.
fn all(present: usize, looks: Looks) -> Vec<Box<dyn Check>> {
    use laws::{Cells, Of};
    use times::{Against, Each, FINE, GivenTrace, Pairs, Which};
    // The next draw is looked at entry by entry.
    let distance = |which: Which| -> Box<dyn Check> {
        let (subject, wrong) = match which {
            Which::Exponentials => ("exponentials: at a distance", "the exponentials"),
            Which::Conditional => ("conditional: at a distance", "the conditional exponentials"),
        };
        let of = pooled::Of { subject, needs: which.needs(), what: "all", wrong };
        Box::new(order::Lags::new(of, &order::LAGS[1..], present, looks, which.values()))
    };
    vec![
        Box::new(exact::Form::default()),
        Box::new(exact::Without::any(Defect::Structure)),
        Box::new(Cells::of(Of::Structures, looks)),
        Box::new(exact::Without::any(Defect::Trace)),
        Box::new(Cells::of(Of::Traces, looks)),
        Box::new(exact::Without::any(Defect::LeadsTo)),
        Box::new(exact::Without::any(Defect::Rerun)),
        Box::new(exact::Values::of(Field::LogProb)),
        Box::new(exact::Values::of(Field::Score)),
        Box::new(exact::Positive::of(Which::Exponentials)),
        Box::new(Each::new(Which::Exponentials, present, FINE)),
        Box::new(Pairs::new(Which::Exponentials, present)),
        Box::new(order::Lag::new(Which::Exponentials, present, looks)),
        distance(Which::Exponentials),
        Box::new(exact::Positive::of(Which::Conditional)),
        Box::new(Each::new(Which::Conditional, present, FINE)),
        Box::new(GivenTrace::new(present)),
        Box::new(Pairs::new(Which::Conditional, present)),
        Box::new(Against::new(present)),
        Box::new(order::Lag::new(Which::Conditional, present, looks)),
        distance(Which::Conditional),
        Box::new(exact::Without::any(Defect::RoundTrip)),
        Box::new(order::Repeats::of(Which::Exponentials)),
        Box::new(order::Repeats::of(Which::Conditional)),
    ]
}

/// The checks that draws with these fields can be put to, and a row for each of the others that says what it lacks.
fn split_by_needs(checks: Vec<Box<dyn Check>>, fields: &[Field]) -> (Vec<Box<dyn Check>>, Vec<Row>) {
    let lacks = |check: &dyn Check| -> Vec<&str> {
        check.needs().iter().filter(|field| !fields.contains(field)).map(|field| field.name()).collect()
    };
    let (can, cannot): (Vec<_>, Vec<_>) =
        checks.into_iter().partition(|check| lacks(check.as_ref()).is_empty());
    let row = |check: &dyn Check| {
        let lacking = lacks(check).join(", ");
        Row::exact(check.subject(), "every draw", 0, "draws")
            .not_judged(format!("the draws have no {lacking}"))
    };
    let mut rows: Vec<Row> = cannot.iter().map(|check| row(check.as_ref())).collect();
    rows.dedup_by(|a, b| (a.subject, &a.note) == (b.subject, &b.note));
    (can, rows)
}

/// What draws are asked beside the law of the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked<'a> {
    /// The departure that should not be missed: see [`Options::departure`].
    pub departure: f64,
    /// What the field `gradient` is an estimate of.
    pub objective: Option<&'a Objective>,
    /// How often one looks. Always: after every batch of the source, or where draws are large more seldom; no more draws are made when
    /// something is refuted, or when the departure would have been caught by every check. Estimates of a gradient are judged only if
    /// their variances are known: [`Objective::with_variances`].
    pub looks: Looks,
}

impl Asked<'_> {
    /// Nothing but whether there is a departure of this size.
    #[must_use]
    pub fn only(departure: f64) -> Self {
        Self { departure, objective: None, looks: Looks::Once }
    }

    /// The same, batch after batch, until that is known.
    #[must_use]
    pub fn until(departure: f64) -> Self {
        Self { looks: Looks::Always, ..Self::only(departure) }
    }
}

/// How many statistical tests [`judge_source`] holds on a model and draws with these fields: `26 + 6p + p(p-1)` with `p` entries of
/// positive rate, if they have all that a sampler draws and are looked at once (always: 4 fewer, of what one bet does in place of
/// several tests); and `p + 1` of estimates of the gradient of an objective, or `p` if
/// it is 0.
#[must_use]
pub fn tests<I: Instance>(model: &I, fields: &[Field], asked: &Asked<'_>) -> usize {
    let present = present(model.rates());
    let mut checks = all(present.len(), asked.looks);
    checks.extend(of_estimates(asked, fields, &present));
    split_by_needs(checks, fields).0.iter().map(|check| check.tests()).sum()
}

/// The entries of positive rate.
fn present(rates: &[BigRational]) -> Vec<usize> {
    (0..rates.len()).filter(|&k| !rates[k].is_zero()).collect()
}

/// The checks of estimates of the gradient: none if there are none, and none are asked for.
fn of_estimates(asked: &Asked<'_>, fields: &[Field], present: &[usize]) -> Vec<Box<dyn Check>> {
    let there = fields.contains(&Field::Gradient);
    match (asked.looks, asked.objective) {
        (Looks::Always, objective) if there => {
            let bets = objective.and_then(|objective| objective.bets(present));
            vec![bets.unwrap_or_else(|| Box::new(gradient::NotJudged::LOOKED_AT))]
        }
        (Looks::Once, Some(objective)) => objective.checks(present),
        (Looks::Once, None) if there => vec![Box::new(gradient::NotJudged::UNNAMED)],
        _ => Vec::new(),
    }
}

/// Holds a sampler to the exact law of a model, or of any other [`Instance`]: its first draws, [`Options::samples`] of them.
/// `budget` is that of the whole report; see [`tests`]. `drawn` is told of the draws made, for a sign of progress.
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
    let mut draws = Draws::new(sampler, options.samples);
    judge_source(name, model, &mut draws, &Asked::only(options.departure), budget, drawn)
}

/// The same of all draws of any [`Source`].
///
/// # Errors
/// [`CheckError`] if the law cannot be enumerated, the options make no sense, or the source fails.
pub fn judge_source<I: Instance, S: Source<I::Structure>>(
    name: &str,
    model: &I,
    source: &mut S,
    asked: &Asked<'_>,
    budget: &Budget,
    drawn: impl Fn(u64) + Sync,
) -> Result<Vec<Row>, CheckError> {
    enumerate(name, model, source, Terms::of(asked, budget), drawn, |_, _| Special::default())
}

/// What is judged, at which level.
struct Terms<'t> {
    asked: &'t Asked<'t>,
    budget: &'t Budget,
    /// Told of the checks after every batch, with how many draws they have seen; then nobody else judges them.
    watch: Option<&'t mut Watch<'t>>,
}

type Watch<'t> = dyn FnMut(&[Box<dyn Check>], &Known<'_>, u64) -> Result<(), StatisticsError> + 't;

impl<'t> Terms<'t> {
    fn of(asked: &'t Asked<'t>, budget: &'t Budget) -> Self {
        Self { asked, budget, watch: None }
    }
}

type Suspects<'s, X> = Box<dyn FnOnce(&[X]) -> Vec<Suspect> + 's>;

/// What is judged of one instance beside what is of any.
struct Special<'s, X> {
    checks: Vec<Box<dyn Check>>,
    /// Its usual confusions, given all structures; asked for only if something is wrong.
    suspects: Suspects<'s, X>,
}

impl<X> Default for Special<'_, X> {
    fn default() -> Self {
        Self { checks: Vec::new(), suspects: Box::new(|_| Vec::new()) }
    }
}

/// The same; `special` is given all structures with their probabilities.
fn enumerate<'s, I: Instance, S: Source<I::Structure>>(
    name: &str,
    model: &I,
    source: &mut S,
    terms: Terms<'_>,
    drawn: impl Fn(u64) + Sync,
    special: impl FnOnce(&[I::Structure], &[f64]) -> Special<'s, I::Structure>,
) -> Result<Vec<Row>, CheckError> {
    let (asked, budget) = (terms.asked, terms.budget);
    let (alpha, tests) = (budget.alpha(), budget.tests());
    if asked.looks == Looks::Once && budget.per_test() < PEARSON_SMALLEST_ALPHA {
        let least = libm::ceil(PEARSON_SMALLEST_ALPHA * tests as f64 * 1e8) / 1e8; // eight decimals, rounded up
        return Err(CheckError::TooManyTests { tests, alpha, least });
    }
    model.check_traces(most_traces(model.rates().len()))?;
    let law = model.law(Limit::default())?;
    let (numbered, mut known) = Numbered::new(model, law);
    let special = special(&numbered.structures, &known.structures);
    let mut checks = all(known.present.len(), asked.looks);
    let before = checks.iter().position(|check| check.subject() == "traces").unwrap_or(0);
    checks.splice(before..before, special.checks);
    checks.extend(of_estimates(asked, source.fields(), &known.present));
    let mut counter = Counter::new(known.structures.len());
    let count = |batch: &Evidence| counter.see(&numbered.leads_to, batch);
    let mut rows = fold(checks, &mut known, &numbered, source, terms, drawn, count)?;
    let refuted = |row: &&mut Row| {
        ["structures", "traces"].contains(&row.subject) && row.test.is_some_and(|test| test.refuted())
    };
    if let Some(row) = rows.iter_mut().find(refuted) {
        let suspects = (special.suspects)(&numbered.structures);
        if let Some(looks_like) = diagnosis::diagnose(&known, &numbered.leads_to, &counter, suspects) {
            // Both tests of the law say it.
            let (subject, before) = (row.subject, row.note.clone());
            for row in rows.iter_mut().filter(|row| row.subject == subject && row.note == before) {
                row.note = format!("{looks_like} {before}");
            }
        }
    }
    for row in &mut rows {
        (row.structure, row.model) = (model.name(), name.to_owned());
    }
    Ok(rows)
}

/// Puts all draws of a source to the checks; `observe` sees the batches as well.
fn fold<X: Send + Sync, S: Source<X>>(
    checks: Vec<Box<dyn Check>>,
    known: &mut Known<'_>,
    looker: &dyn Look<X>,
    source: &mut S,
    terms: Terms<'_>,
    drawn: impl Fn(u64) + Sync,
    mut observe: impl FnMut(&Evidence),
) -> Result<Vec<Row>, CheckError> {
    let Terms { asked, budget, watch } = terms;
    let (mut checks, cannot) = split_by_needs(checks, source.fields());
    if let Some(watch) = watch {
        let mut seen = 0;
        while let Some(batch) = Evidence::gather(known, looker, source)? {
            show(&mut checks, known, &batch);
            seen += batch.len() as u64;
            watch(&checks, known, seen)?;
        }
        return Ok(Vec::new());
    }
    let mut count = 0;
    let mut gather = || -> Result<Option<Evidence>, SourceError> {
        let batch = Evidence::gather(known, looker, source)?;
        let gathered = batch.as_ref().map_or(0, |batch| batch.len() as u64);
        count += gathered;
        drawn(gathered);
        Ok(batch)
    };
    let mut next = gather()?;
    match asked.looks {
        Looks::Once => {
            while let Some(batch) = next {
                observe(&batch);
                // The checks look at one batch while the next is drawn.
                let (gathered, ()) = rayon::join(&mut gather, || show(&mut checks, known, &batch));
                next = gathered?;
            }
        }
        Looks::Always => {
            let (mut seen, mut look_at) = (0, 0.0);
            while let Some(batch) = next {
                observe(&batch);
                show(&mut checks, known, &batch);
                seen += batch.len() as u64;
                if seen as f64 >= look_at {
                    if settled(&checks, known, budget, asked.departure)? {
                        break;
                    }
                    let large = known.present.len() > LARGE;
                    look_at = seen as f64 * if large { SELDOM } else { OFTEN };
                }
                next = gather()?;
            }
        }
    }
    known.places = source.places();
    let mut rows = all_verdicts(&checks, known, budget, asked, count)?;
    rows.extend(cannot);
    leave_to_their_cause(&mut rows);
    Ok(rows)
}

// Not inside of `fold`, of which there is one for every source and every structure.

fn show(checks: &mut [Box<dyn Check>], known: &Known<'_>, batch: &Evidence) {
    checks.par_iter_mut().for_each(|check| check.see(known, batch));
}

/// By how much the draws grow from one look to the next, and where a draw has more present entries than this.
const OFTEN: f64 = 1.25;
const SELDOM: f64 = 2.0;
const LARGE: usize = 2_000;

/// Whether something is refuted, or all that is judged would catch the departure.
fn settled(
    checks: &[Box<dyn Check>],
    known: &Known<'_>,
    budget: &Budget,
    departure: f64,
) -> Result<bool, StatisticsError> {
    let level = Level { alpha: budget.per_test(), times: 1.0, looks: Looks::Always };
    let judged: Vec<Result<Vec<Row>, StatisticsError>> =
        checks.par_iter().map(|check| check.judge(known, &level)).collect();
    let mut would_be_caught = true;
    for (check, rows) in checks.iter().zip(judged) {
        let rows = rows?;
        if rows.iter().any(|row| row.verdict == Verdict::Refuted) {
            return Ok(true);
        }
        would_be_caught &= check.is_ready() && (!rows.iter().any(waits) || catches(&rows, departure));
    }
    Ok(would_be_caught)
}

fn all_verdicts(
    checks: &[Box<dyn Check>],
    known: &Known<'_>,
    budget: &Budget,
    asked: &Asked<'_>,
    count: u64,
) -> Result<Vec<Row>, StatisticsError> {
    let judged: Vec<Result<Vec<Row>, StatisticsError>> =
        checks.par_iter().map(|check| verdicts(check.as_ref(), known, budget, asked, count)).collect();
    judged.into_iter().try_fold(Vec::new(), |mut rows, more| {
        rows.extend(more?);
        Ok(rows)
    })
}

/// All traces are held in memory with who raced: so many at most, of a model with so many entries.
fn most_traces(entries: usize) -> Limit {
    const NUMBERS: u64 = 1 << 25;
    Limit(Limit::default().0.min(NUMBERS / entries.max(1) as u64))
}

/// How the draws of a model are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// All traces are enumerated: [`judge_source`].
    Enumeration,
    /// Nothing is: [`any_size::judge_source`].
    AnySize,
}

impl Method {
    /// Enumeration, where the traces can be enumerated, the tests are not too many, and the gradient, if one is estimated, is known.
    #[must_use]
    pub fn of(model: &Model, fields: &[Field], asked: &Asked<'_>, alpha: f64) -> Self {
        let tests = || Self::Enumeration.tests(model, fields, asked);
        let few = || asked.looks == Looks::Always || alpha / tests().max(1) as f64 >= PEARSON_SMALLEST_ALPHA;
        let all = model.check_traces(most_traces(model.rates().len())).is_ok();
        let known = asked.objective.is_none_or(|objective| objective.of_every_draw().is_none());
        if all && known && few() { Self::Enumeration } else { Self::AnySize }
    }

    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Enumeration => "enumeration",
            Self::AnySize => "any size",
        }
    }

    /// How many statistical tests it holds.
    #[must_use]
    pub fn tests(self, model: &Model, fields: &[Field], asked: &Asked<'_>) -> usize {
        match self {
            Self::Enumeration if fields.contains(&Field::Structure) => {
                tests(model, fields, asked) + marginals::tests(model)
            }
            Self::Enumeration => tests(model, fields, asked),
            Self::AnySize => any_size::tests(model, fields, asked),
        }
    }

    /// Judges all draws of a source.
    ///
    /// # Errors
    /// [`CheckError`].
    pub fn judge<S: Source>(
        self,
        name: &str,
        model: &Model,
        source: &mut S,
        asked: &Asked<'_>,
        budget: &Budget,
        drawn: impl Fn(u64) + Sync,
    ) -> Result<Vec<Row>, CheckError> {
        self.judge_on(name, model, source, Terms::of(asked, budget), drawn)
    }

    fn judge_on<S: Source>(
        self,
        name: &str,
        model: &Model,
        source: &mut S,
        terms: Terms<'_>,
        drawn: impl Fn(u64) + Sync,
    ) -> Result<Vec<Row>, CheckError> {
        match self {
            Self::Enumeration => {
                let has_structures = source.fields().contains(&Field::Structure);
                let special = |structures: &[Structure], probabilities: &[f64]| {
                    let parts =
                        has_structures.then(|| marginals::enumerated(model, structures, probabilities));
                    let suspects = Box::new(|structures: &[Structure]| suspects::suspects(model, structures));
                    Special { checks: parts.unwrap_or_default(), suspects }
                };
                enumerate(name, model, source, terms, drawn, special)
            }
            Self::AnySize => any_size::judge_on(name, model, source, terms, drawn),
        }
    }
}

/// Whether a row says that nothing speaks against it, if only it would have seen it.
fn waits(row: &Row) -> bool {
    row.test.is_some() && row.verdict == Verdict::Held
}

/// Whether one of the tests would catch a departure.
fn catches(rows: &[Row], departure: f64) -> bool {
    let tests = rows.iter().filter_map(|row| row.test);
    tests.map(|test| test.smallest_departure).fold(f64::INFINITY, f64::min) <= departure
}

/// The rows of a check on so many draws; underpowered where nothing speaks against it, but none of its tests would catch
/// `departure`.
fn verdicts(
    check: &dyn Check,
    known: &Known<'_>,
    budget: &Budget,
    asked: &Asked<'_>,
    count: u64,
) -> Result<Vec<Row>, StatisticsError> {
    let departure = asked.departure;
    let level = |times: f64| Level { alpha: budget.per_test(), times, looks: asked.looks };
    let mut rows = check.judge(known, &level(1.0))?;
    if !rows.iter().any(waits) || catches(&rows, departure) {
        return Ok(rows);
    }
    // With more draws grids grow finer, and may for a while catch less: so all must, from there to twice as many.
    let (mut times, mut enough) = (1.0, None);
    while times < MOST_TIMES && enough.is_none_or(|enough| times < 2.0 * enough) {
        times *= STEP;
        let caught = catches(&check.judge(known, &level(times))?, departure);
        enough = if caught { enough.or(Some(times)) } else { None };
    }
    let needed = enough.map(|enough| two_digits_up(count as f64 * enough * STEP));
    for row in rows.iter_mut().filter(|row| waits(row)) {
        row.verdict = Verdict::Underpowered;
        row.draws_needed = needed;
        let do_what = needed.map_or_else(
            || "no number of draws would do, ask for a larger one (--departure)".to_owned(),
            |draws| format!("about {draws} draws would do"),
        );
        row.note = format!("a departure of {departure} could have been missed: {do_what}");
    }
    Ok(rows)
}

/// How many times as many draws are looked at to find out how many would do: up to a billion, in steps of a tenth.
const MOST_TIMES: f64 = 1e9;
const STEP: f64 = 1.1;

/// Rounded up to two digits.
fn two_digits_up(value: f64) -> u64 {
    let digit = libm::pow(10.0, (libm::floor(libm::log10(value)) - 1.0).max(0.0));
    (libm::ceil(value / digit) * digit) as u64
}

/// Counts as if each draw had been seen so many times.
fn repeated(counts: &[u64], times: f64) -> std::borrow::Cow<'_, [u64]> {
    if times == 1.0 {
        return counts.into();
    }
    counts.iter().map(|&count| libm::round(count as f64 * times) as u64).collect()
}

/// What a refutation says nothing of its own about: pairs of uniforms are not uniform if one of them is not.
const FOLLOWS: [(&str, &[&str]); 12] = [
    ("losses", &["structures", "parts"]),
    ("gradient: along the exact one", &["gradient"]),
    ("winners in pairs", &["winners"]),
    ("winners: draw after draw", &["winners"]),
    ("exponentials in pairs", &["exponentials"]),
    ("exponentials: draw after draw", &["exponentials"]),
    ("exponentials given the trace", &["exponentials", "rerun"]),
    ("conditional in pairs", &["conditional", "conditional given the trace"]),
    (
        "conditional against exponentials",
        &["exponentials", "rerun", "conditional", "conditional given the trace"],
    ),
    ("conditional: draw after draw", &["conditional"]),
    (
        "exponentials: at a distance",
        &["exponentials", "exponentials: draw after draw", "exponentials: repeats"],
    ),
    ("conditional: at a distance", &["conditional", "conditional: draw after draw", "conditional: repeats"]),
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

/// The one of several tests with the smallest p-value (if that says nothing, the largest statistic), with the largest of all their smallest departures.
fn worst<T>(tests: impl IntoIterator<Item = (T, TestResult)>) -> Option<(T, TestResult)> {
    let mut worst: Option<(T, TestResult)> = None;
    let mut departure = 0.0_f64;
    for (of, test) in tests {
        departure = departure.max(test.smallest_departure);
        let is_worse = |than: &TestResult| {
            test.p_value < than.p_value || test.p_value == than.p_value && test.statistic > than.statistic
        };
        if worst.as_ref().is_none_or(|(_, worst)| is_worse(worst)) {
            worst = Some((of, test));
        }
    }
    worst.map(|(of, test)| (of, TestResult { smallest_departure: departure, ..test }))
}

/// A small model of each structure, some with an absent entry, for tests.
#[cfg(test)]
mod examples {
    pub(super) const MODELS: [&str; 8] = [
        r#"{"structure": "spanning_tree", "vertices": 4, "edges": [[0,1,1],[0,2,2],[0,3,3],[1,2,1],[1,3,0],[2,3,2]]}"#,
        r#"{"structure": "arborescence", "vertices": 4, "root": 0, "edges": [[0,1,1],[0,2,1],[0,3,2],[1,2,5],[2,1,7],[2,3,9],[3,2,4],[3,1,1]]}"#,
        r#"{"structure": "matching", "rates": [[1,2,3],[4,6,1],[2,2,5]]}"#,
        r#"{"structure": "binary_tree", "rates": [1, 3, 2, 4]}"#,
        r#"{"structure": "top_k", "k": 2, "rates": [1, 2, 0, 3, 4]}"#,
        r#"{"structure": "permutation", "rates": [1, 2, 3]}"#,
        r#"{"structure": "categorical", "rates": [1, 2, 3]}"#,
        r#"{"structure": "top_k", "k": 3, "rates": [1, 2, 3]}"#,
    ];
}
