//! What must hold for every draw, and spends no false alarm.

use std::collections::HashSet;

use gumbel_oracle::enclosure;
use gumbel_oracle::number::{Exact, Real, to_f64, to_rational};

use super::times::Which;
use super::{Check, Defect, Evidence, IMPOSSIBLE, Known};
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

    fn row(
        &self,
        known: &Known<'_>,
        subject: &'static str,
        check: impl Into<String>,
        unit: &'static str,
    ) -> Row {
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

/// Whether each draw is right by itself in one respect.
pub(super) struct Without {
    defect: Defect,
    tally: Tally,
    ties: u64,
}

impl Without {
    pub(super) fn any(defect: Defect) -> Self {
        Self { defect, tally: Tally::default(), ties: 0 }
    }
}

impl Check for Without {
    fn see(&mut self, _: &Known<'_>, batch: &Evidence) {
        let mut defects = batch.defects.iter().filter(|defect| defect.1 == self.defect).peekable();
        let mut ties = batch.ties.iter().filter(|tie| tie.1 == self.defect).peekable();
        for &draw in &batch.number {
            if ties.next_if(|tie| tie.0 == draw).is_some() {
                self.ties += 1;
                continue;
            }
            let wrong = defects.next_if(|defect| defect.0 == draw);
            self.tally.see(draw, wrong.is_some(), || wrong.map_or_else(String::new, |wrong| wrong.2.clone()));
        }
    }

    fn subject(&self) -> &'static str {
        match self.defect {
            Defect::Structure => "structures",
            Defect::Trace => "traces",
            Defect::LeadsTo => "structure of the trace",
            Defect::Rerun => "rerun",
            Defect::RoundTrip => "round trip",
        }
    }

    fn needs(&self) -> &'static [Field] {
        match self.defect {
            Defect::Structure => &[Field::Structure],
            Defect::Trace => &[Field::Trace],
            Defect::LeadsTo => &[Field::Structure, Field::Trace],
            Defect::Rerun => &[Field::Exponentials],
            Defect::RoundTrip => &[Field::Conditional],
        }
    }

    fn tests(&self) -> usize {
        0
    }

    fn judge(&self, known: &Known<'_>, _: f64, _: f64) -> Result<Vec<Row>, StatisticsError> {
        let check = match self.ties {
            0 => "every draw".to_owned(),
            ties => format!("every draw but {ties} tied within rounding"),
        };
        Ok(vec![self.tally.row(known, self.subject(), check, "draws")])
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
            if batch.trace.get(i) == Some(&IMPOSSIBLE) {
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
    /// Whether some draw has a number that single precision has not.
    double: bool,
    worst: Worst,
}

impl Values {
    fn of(of: Field) -> Self {
        Self { of, seen: HashSet::new(), double: false, worst: Worst::default() }
    }

    pub(super) fn log_prob() -> Self {
        Self::of(Field::LogProb)
    }

    pub(super) fn score() -> Self {
        Self::of(Field::Score)
    }
}

impl Check for Values {
    fn see(&mut self, known: &Known<'_>, batch: &Evidence) {
        self.double |= batch.double[self.of as usize];
        for drawn in batch.first.iter().filter(|drawn| self.seen.insert(drawn.trace)) {
            let (trace, rates) = (&known.traces[drawn.trace].0, &known.rates);
            // The rates as the sampler has them, taken exactly.
            let exact: Vec<Exact> =
                rates.iter().map(|&rate| Exact::try_from(rate).unwrap_or_default()).collect();
            let races = trace.races().len() as f64;
            let name = || known.trace_name(drawn.trace);
            let logits = rates.iter().copied().filter(|&rate| rate > 0.0).chain(trace.totals(rates));
            let scale = logits.map(|rate| Real::ln(&rate).abs()).fold(1.0, f64::max);
            if let (Field::LogProb, Some(found)) = (self.of, drawn.log_prob) {
                let want =
                    enclosure::ln(&to_rational(&trace.probability(&exact))).unwrap_or(f64::NEG_INFINITY);
                // Each race adds two logarithms of at most `scale`, and a total of at most m rounded additions; logits that
                // were rounded themselves move each of them by as much again.
                let allowed = races * (4.0 * scale + rates.len() as f64);
                let what = || format!("log p of {}: {found} instead of {want}", name());
                self.worst.see(found, want, allowed, what);
            }
            if let (Field::Score, Some(score)) = (self.of, &drawn.score) {
                for (k, (&found, want)) in score.iter().zip(&trace.score(&exact)).enumerate() {
                    let want = to_f64(&to_rational(want));
                    let allowed = (races + 1.0) * (2.0 * scale + rates.len() as f64);
                    self.worst.see(found, want, allowed, || {
                        format!("score of {} at {}: {found} instead of {want}", name(), known.label(k))
                    });
                }
            }
        }
    }

    fn subject(&self) -> &'static str {
        values_of(self.of).0
    }

    fn needs(&self) -> &'static [Field] {
        values_of(self.of).1
    }

    fn tests(&self) -> usize {
        0
    }

    fn judge(&self, known: &Known<'_>, _: f64, _: f64) -> Result<Vec<Row>, StatisticsError> {
        Ok(vec![self.worst.row(known, self.subject(), self.double)])
    }
}

/// Log-probability or score of every draw, against values that are certain to the last digit.
pub(super) struct Certain {
    of: Field,
    double: bool,
    worst: Worst,
}

impl Certain {
    pub(super) fn of(of: Field) -> Self {
        Self { of, double: false, worst: Worst::default() }
    }
}

impl Check for Certain {
    fn see(&mut self, _: &Known<'_>, batch: &Evidence) {
        self.double |= batch.double[self.of as usize];
        for compared in batch.compared.iter().filter(|compared| compared.field == self.of) {
            self.worst.compare(compared.error, compared.want, compared.allowed, || {
                (Some(compared.number), compared.what.clone())
            });
        }
    }

    fn subject(&self) -> &'static str {
        values_of(self.of).0
    }

    fn needs(&self) -> &'static [Field] {
        values_of(self.of).1
    }

    fn tests(&self) -> usize {
        0
    }

    fn judge(&self, known: &Known<'_>, _: f64, _: f64) -> Result<Vec<Row>, StatisticsError> {
        Ok(vec![self.worst.row(known, self.subject(), self.double)])
    }
}

fn values_of(field: Field) -> (&'static str, &'static [Field]) {
    match field {
        Field::Score => ("score", &[Field::Score, Field::Trace]),
        _ => ("log-probability", &[Field::LogProb, Field::Trace]),
    }
}

/// The largest error seen, and the first beyond what is allowed in each precision.
#[derive(Default)]
struct Worst {
    count: u64,
    error: f64,
    beyond_single: Option<Beyond>,
    beyond_double: Option<Beyond>,
}

/// The draw, if it is known, and what is wrong there.
type Beyond = (Option<u64>, String);

impl Worst {
    fn see(&mut self, found: f64, want: f64, allowed: f64, what: impl Fn() -> String) {
        self.compare((found - want).abs(), want, allowed, || (None, what()));
    }

    /// `allowed` is in units in the last place of 1.
    fn compare(&mut self, error: f64, want: f64, allowed: f64, what: impl Fn() -> Beyond) {
        self.count += 1;
        let relative = error / want.abs().max(1.0);
        self.error = if relative.is_nan() { f64::INFINITY } else { self.error.max(relative) };
        let beyond = |epsilon: f64| error > epsilon * allowed || error.is_nan();
        if beyond(f64::EPSILON) {
            self.beyond_double.get_or_insert_with(&what);
        }
        if beyond(f32::EPSILON.into()) {
            self.beyond_single.get_or_insert_with(&what);
        }
    }

    /// In the precision of the numbers.
    fn row(&self, known: &Known<'_>, subject: &'static str, double: bool) -> Row {
        let (check, epsilon, wrong) = if double {
            ("against exact", f64::EPSILON, &self.beyond_double)
        } else {
            ("against exact, in f32", f32::EPSILON.into(), &self.beyond_single)
        };
        let row = Row::exact(subject, check, self.count, "values");
        let row = Row { ulps: (self.count > 0).then_some(self.error / epsilon), ..row };
        match wrong {
            Some((Some(draw), what)) => row.refuted(format!("{}: {what}", known.places.of(*draw))),
            Some((None, what)) => row.refuted(what.clone()),
            None => row,
        }
    }
}
