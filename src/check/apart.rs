//! Each check by itself: at how many draws it refutes, whatever the others say. For what the kit is worth: which check sees which
//! mistake, and how often one alarms falsely.
//!
//! # Cost
//! As [`Method::judge`], and a judgement of all checks at every stop.

use std::ops::Range;

use super::{Asked, Check, CheckError, Known, Level, Looks, Method, Objective, Terms, Verdict};
use crate::report::Row;
use crate::sample::{Batch, Draws, Field, Sampler, Source, SourceError};
use crate::statistics::{Budget, StatisticsError};
use gumbel_oracle::model::Model;
use gumbel_oracle::structure::Structure;

/// What one check says, for each `alpha`.
#[derive(Debug, Clone, PartialEq)]
pub struct Alone {
    /// What it judges.
    pub subject: &'static str,
    /// How many tests it holds; 0 if it is exact.
    pub tests: usize,
    /// The fields it looks at.
    pub needs: &'static [Field],
    /// The first number of draws at which it refutes, if its tests share `alpha` among themselves.
    pub alone: Vec<Option<u64>>,
    /// The same, if all tests of the report share `alpha`.
    pub shared: Vec<Option<u64>>,
    /// The smallest departure that it states at the first `alpha` alone, after all draws: of its rows the smallest.
    pub departure: f64,
}

/// How to look.
#[derive(Debug, Clone, Copy)]
pub struct Stops<'a> {
    /// Numbers of draws, increasing; at each the checks are judged.
    pub at: &'a [u64],
    /// False-alarm probabilities.
    pub alpha: &'a [f64],
    /// Whether these are tests of one look each, or bets.
    pub looks: Looks,
    /// What estimates of a gradient are held to, if there are any.
    pub objective: Option<&'a Objective>,
}

/// Looks at the first draws of a sampler, each check by itself.
///
/// # Errors
/// As [`Method::judge`].
pub fn each(
    method: Method,
    model: &Model,
    sampler: &dyn Sampler,
    stops: &Stops<'_>,
) -> Result<Vec<Alone>, CheckError> {
    let asked = Asked { looks: stops.looks, objective: stops.objective, ..Asked::only(1.0) };
    let tests = method.tests(model, sampler.fields(), &asked).max(1);
    for alpha in stops.alpha {
        Budget::new(*alpha, tests)?;
    }
    let most = stops.alpha.iter().copied().reduce(f64::max).ok_or(StatisticsError::NoTests)?;
    let budget = Budget::new(most, tests)?;
    let mut source = UpTo { draws: Draws::new(sampler, 0), stops: stops.at.iter() };
    let mut found: Vec<Alone> = Vec::new();
    let mut watch = |checks: &[Box<dyn Check>], known: &Known<'_>, seen: u64| {
        if found.is_empty() {
            found = checks.iter().map(|check| Alone::none(check.as_ref(), stops.alpha.len())).collect();
        }
        if stops.at.contains(&seen) {
            for (check, found) in checks.iter().zip(&mut found) {
                found.judge(check.as_ref(), known, seen, stops, tests)?;
            }
        }
        Ok(())
    };
    let terms = Terms { asked: &asked, budget: &budget, watch: Some(&mut watch) };
    method.judge_on("", model, &mut source, terms, |_| ())?;
    Ok(found)
}

impl Alone {
    fn none(check: &dyn Check, levels: usize) -> Self {
        let (subject, tests, needs, none) =
            (check.subject(), check.tests(), check.needs(), vec![None; levels]);
        Self { subject, tests, needs, alone: none.clone(), shared: none, departure: f64::INFINITY }
    }

    fn judge(
        &mut self,
        check: &dyn Check,
        known: &Known<'_>,
        seen: u64,
        stops: &Stops<'_>,
        all: usize,
    ) -> Result<(), StatisticsError> {
        if self.alone.iter().chain(&self.shared).all(Option::is_some) {
            return Ok(());
        }
        let own = self.tests.max(1);
        let level = Level { alpha: stops.alpha[0] / own as f64, times: 1.0, looks: stops.looks };
        let rows = check.judge(known, &level)?;
        let tests = || rows.iter().filter_map(|row| row.test);
        self.departure = tests().map(|test| test.smallest_departure).fold(f64::INFINITY, f64::min);
        // Thresholds are in proportion to the level: one judgement tells the least level at which each test refutes.
        let least = |row: &Row| match (row.verdict, row.test) {
            (_, Some(test)) if test.threshold > 0.0 && test.p_value >= 0.0 => {
                test.p_value / test.threshold * level.alpha
            }
            (Verdict::Refuted, _) => 0.0,
            _ => f64::INFINITY,
        };
        let least = rows.iter().map(least).fold(f64::INFINITY, f64::min);
        for (first, tests) in [(&mut self.alone, own), (&mut self.shared, all)] {
            for (first, alpha) in first.iter_mut().zip(stops.alpha) {
                if first.is_none() && least <= alpha / tests as f64 {
                    *first = Some(seen);
                }
            }
        }
        Ok(())
    }
}

/// The draws of a sampler up to the last stop, no batch beyond a stop.
struct UpTo<'s> {
    draws: Draws<'s, Structure>,
    stops: std::slice::Iter<'s, u64>,
}

impl Source for UpTo<'_> {
    type Piece = Range<u64>;

    fn fields(&self) -> &[Field] {
        self.draws.fields()
    }

    fn next(&mut self) -> Result<Vec<Range<u64>>, SourceError> {
        loop {
            let pieces = self.draws.next()?;
            let stop = if pieces.is_empty() { self.stops.next() } else { None };
            let Some(&stop) = stop else { return Ok(pieces) };
            self.draws.extend_to(stop);
        }
    }

    fn first(&self, piece: &Range<u64>) -> u64 {
        self.draws.first(piece)
    }

    fn fill(&self, piece: &Range<u64>, batch: &mut Batch) -> Result<(), SourceError> {
        self.draws.fill(piece, batch)
    }
}
