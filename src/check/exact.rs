//! What must hold for every draw, and spends no false alarm.

use std::collections::HashSet;

use gumbel_oracle::enclosure;
use gumbel_oracle::number::{Exact, Real, to_f64, to_rational};

use super::times::Which;
use super::{Check, Defect, Evidence, Known};
use crate::report::Row;
use crate::sample::Field;
use crate::statistics::StatisticsError;

/// How many failed, and what the first was.
#[derive(Default)]
struct Tally {
    count: u64,
    wrong: u64,
    first: Option<(u64, String)>,
}

impl Tally {
    fn see(&mut self, draw: u64, wrong: bool, what: impl FnOnce() -> String) {
        self.count += 1;
        if wrong {
            self.wrong += 1;
            self.first.get_or_insert_with(|| (draw, what()));
        }
    }

    fn row(&self, known: &Known<'_>, subject: &'static str, check: &str, unit: &'static str) -> Row {
        let row = Row::exact(subject, check, self.count, unit);
        match &self.first {
            Some((draw, what)) => {
                let (wrong, count, place) = (self.wrong, self.count, known.places.of(*draw));
                row.refuted(format!("{wrong} of {count} {unit}, the first is {place}: {what}"))
            }
            None => row,
        }
    }
}

/// Whether each draw has the form of the model.
#[derive(Default)]
pub(super) struct Form(Tally);

impl Check for Form {
    fn see(&mut self, _: &Known<'_>, batch: &Evidence) {
        batch.number.iter().for_each(|&draw| self.0.see(draw, false, String::new));
        for (draw, what) in &batch.malformed {
            self.0.see(*draw, true, || what.clone());
        }
    }

    fn subject(&self) -> &'static str {
        "form"
    }

    fn needs(&self) -> &'static [Field] {
        &[]
    }

    fn tests(&self) -> usize {
        0
    }

    fn judge(&self, known: &Known<'_>, _: f64, _: f64) -> Result<Vec<Row>, StatisticsError> {
        Ok(vec![self.0.row(known, "form", "every draw", "draws")])
    }
}

/// Whether structures are structures, traces are traces, and lead to them.
pub(super) struct Possible {
    defect: Defect,
    tally: Tally,
}

impl Possible {
    pub(super) fn of(defect: Defect) -> Self {
        Self { defect, tally: Tally::default() }
    }
}

impl Check for Possible {
    fn see(&mut self, _: &Known<'_>, batch: &Evidence) {
        let mut defects = batch.defects.iter().filter(|defect| defect.1 == self.defect).peekable();
        for &draw in &batch.number {
            let wrong = defects.next_if(|defect| defect.0 == draw);
            self.tally.see(draw, wrong.is_some(), || wrong.map_or_else(String::new, |wrong| wrong.2.clone()));
        }
    }

    fn subject(&self) -> &'static str {
        match self.defect {
            Defect::Structure => "structures",
            Defect::Trace => "traces",
            Defect::LeadsTo => "structure of the trace",
        }
    }

    fn needs(&self) -> &'static [Field] {
        match self.defect {
            Defect::Structure => &[Field::Structure],
            Defect::Trace => &[Field::Trace],
            Defect::LeadsTo => &[Field::Structure, Field::Trace],
        }
    }

    fn tests(&self) -> usize {
        0
    }

    fn judge(&self, known: &Known<'_>, _: f64, _: f64) -> Result<Vec<Row>, StatisticsError> {
        Ok(vec![self.tally.row(known, self.subject(), "every draw", "draws")])
    }
}

/// Whether the algorithm holds the same races again.
pub(super) struct Holds {
    subject: &'static str,
    needs: &'static [Field],
    column: fn(&Evidence) -> &[bool],
    tally: Tally,
}

impl Holds {
    pub(super) fn rerun() -> Self {
        let needs = &[Field::Exponentials];
        Self { subject: "rerun", needs, column: |batch| &batch.rerun, tally: Tally::default() }
    }

    pub(super) fn round_trip() -> Self {
        let needs = &[Field::Conditional];
        Self { subject: "round trip", needs, column: |batch| &batch.round_trip, tally: Tally::default() }
    }
}

impl Check for Holds {
    fn see(&mut self, _: &Known<'_>, batch: &Evidence) {
        for (number, held) in batch.number.iter().zip((self.column)(batch)) {
            self.tally.see(*number, !held, || "its weights hold other races".to_owned());
        }
    }

    fn subject(&self) -> &'static str {
        self.subject
    }

    fn needs(&self) -> &'static [Field] {
        self.needs
    }

    fn tests(&self) -> usize {
        0
    }

    fn judge(&self, known: &Known<'_>, _: f64, _: f64) -> Result<Vec<Row>, StatisticsError> {
        Ok(vec![self.tally.row(known, self.subject, "every draw", "draws")])
    }
}

/// Whether the times behind the weights are positive.
pub(super) struct Positive {
    which: Which,
    tally: Tally,
}

impl Positive {
    pub(super) fn of(which: Which) -> Self {
        Self { which, tally: Tally::default() }
    }
}

impl Check for Positive {
    fn see(&mut self, known: &Known<'_>, batch: &Evidence) {
        let present = known.present.len();
        for (i, number) in batch.number.iter().enumerate() {
            if batch.trace.get(i) == Some(&known.traces.len()) {
                continue; // no races, no times: the traces say so
            }
            let row = &self.which.column(batch)[i * present..(i + 1) * present];
            for (u, &entry) in row.iter().zip(&known.present) {
                self.tally.see(*number, !(0.0..=1.0).contains(u), || {
                    format!("the time behind entry {} is not positive", known.label(entry))
                });
            }
        }
    }

    fn subject(&self) -> &'static str {
        self.which.subject()
    }

    fn needs(&self) -> &'static [Field] {
        self.which.needs()
    }

    fn tests(&self) -> usize {
        0
    }

    fn judge(&self, known: &Known<'_>, _: f64, _: f64) -> Result<Vec<Row>, StatisticsError> {
        Ok(vec![self.tally.row(known, self.which.subject(), "positive times", "times")])
    }
}

/// Log-probability or score of the different traces among the first draws, against the exact values.
pub(super) struct Values {
    of: Field,
    seen: HashSet<usize>, // looked up, never iterated over
    worst: Worst,
}

impl Values {
    pub(super) fn log_prob() -> Self {
        Self { of: Field::LogProb, seen: HashSet::new(), worst: Worst::default() }
    }

    pub(super) fn score() -> Self {
        Self { of: Field::Score, seen: HashSet::new(), worst: Worst::default() }
    }
}

impl Check for Values {
    fn see(&mut self, known: &Known<'_>, batch: &Evidence) {
        for drawn in batch.first.iter().filter(|drawn| self.seen.insert(drawn.trace)) {
            let (trace, rates) = (&known.traces[drawn.trace].0, &known.rates);
            // The rates as the sampler has them, taken exactly.
            let exact: Vec<Exact> =
                rates.iter().map(|&rate| Exact::try_from(rate).unwrap_or_default()).collect();
            let races = trace.races().len() as f64;
            let name = || known.trace_name(drawn.trace);
            if let (Field::LogProb, Some(found)) = (self.of, drawn.log_prob) {
                let want =
                    enclosure::ln(&to_rational(&trace.probability(&exact))).unwrap_or(f64::NEG_INFINITY);
                let totals: Vec<f64> = trace.totals(rates);
                let won = trace.races().iter().map(|race| rates[race.winner]);
                let scale = won.chain(totals).map(|rate| Real::ln(&rate).abs()).fold(1.0, f64::max);
                // Each race adds two logarithms of at most `scale`, and a total of at most m rounded additions.
                let allowed = f64::EPSILON * races * (4.0 * scale + rates.len() as f64);
                let what = || format!("log p of {}: {found} instead of {want}", name());
                self.worst.see(found, want, allowed, what);
            }
            if let (Field::Score, Some(score)) = (self.of, &drawn.score) {
                for (k, (&found, want)) in score.iter().zip(&trace.score(&exact)).enumerate() {
                    let want = to_f64(&to_rational(want));
                    let allowed = f64::EPSILON * (races + 1.0) * (2.0 + rates.len() as f64);
                    self.worst.see(found, want, allowed, || {
                        format!("score of {} at {}: {found} instead of {want}", name(), known.label(k))
                    });
                }
            }
        }
    }

    fn subject(&self) -> &'static str {
        if self.of == Field::Score { "score" } else { "log-probability" }
    }

    fn needs(&self) -> &'static [Field] {
        if self.of == Field::Score { &[Field::Score, Field::Trace] } else { &[Field::LogProb, Field::Trace] }
    }

    fn tests(&self) -> usize {
        0
    }

    fn judge(&self, _: &Known<'_>, _: f64, _: f64) -> Result<Vec<Row>, StatisticsError> {
        Ok(vec![self.worst.row(self.subject())])
    }
}

/// The largest error seen, and the first beyond what is allowed.
#[derive(Default)]
struct Worst {
    count: u64,
    ulps: f64,
    wrong: Option<String>,
}

impl Worst {
    fn see(&mut self, found: f64, want: f64, allowed: f64, what: impl FnOnce() -> String) {
        self.count += 1;
        let error = (found - want).abs();
        let ulps = error / (f64::EPSILON * want.abs().max(1.0));
        self.ulps = if ulps.is_nan() { f64::INFINITY } else { self.ulps.max(ulps) };
        if (error > allowed || error.is_nan()) && self.wrong.is_none() {
            self.wrong = Some(what());
        }
    }

    fn row(&self, subject: &'static str) -> Row {
        let row = Row::exact(subject, "against exact", self.count, "values");
        let row = Row { ulps: (self.count > 0).then_some(self.ulps), ..row };
        match &self.wrong {
            Some(wrong) => row.refuted(wrong),
            None => row,
        }
    }
}
