//! What must hold for every draw, and spends no false alarm.

use super::times::Which;
use super::{Check, Compared, Defect, Evidence, IMPOSSIBLE, Known, Level};
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

    fn judge(&self, known: &Known<'_>, _: &Level) -> Result<Vec<Row>, StatisticsError> {
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

    fn judge(&self, known: &Known<'_>, _: &Level) -> Result<Vec<Row>, StatisticsError> {
        let check = match self.ties {
            0 => "every draw".to_owned(),
            ties => format!("every draw but {ties} tied within rounding"),
        };
        Ok(vec![self.tally.row(known, self.subject(), check, "draws")])
    }
}

/// Whether the times behind the weights are positive.
///
/// A time is positive with probability 1. In rounded weights it can vanish in a difference, or be negative by no more than rounding,
/// which is taken for 0: then it is counted and said, and not wrong. That there are too many shows in how times are distributed.
pub(super) struct Positive {
    which: Which,
    tally: Tally,
    vanished: u64,
}

impl Positive {
    pub(super) fn of(which: Which) -> Self {
        Self { which, tally: Tally::default(), vanished: 0 }
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
            self.vanished += row.iter().filter(|u| **u == 1.0).count() as u64;
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

    fn judge(&self, known: &Known<'_>, _: &Level) -> Result<Vec<Row>, StatisticsError> {
        let check = match self.vanished {
            0 => "positive times".to_owned(),
            times => format!("positive times, but {times} that rounding made 0"),
        };
        Ok(vec![self.tally.row(known, self.which.subject(), check, "times")])
    }
}

/// Log-probability or score of every draw, against the exact value.
pub(super) struct Values {
    of: Field,
    double: bool,
    worst: Worst,
}

impl Values {
    pub(super) fn of(of: Field) -> Self {
        Self { of, double: false, worst: Worst::default() }
    }
}

impl Check for Values {
    fn see(&mut self, _: &Known<'_>, batch: &Evidence) {
        self.double |= batch.double[self.of as usize];
        for compared in batch.compared.iter().filter(|compared| compared.field == self.of) {
            self.worst.see(compared);
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

    fn judge(&self, known: &Known<'_>, _: &Level) -> Result<Vec<Row>, StatisticsError> {
        Ok(vec![self.worst.row(known, self.subject(), self.double)])
    }
}

fn values_of(field: Field) -> (&'static str, &'static [Field]) {
    match field {
        Field::Score => ("score", &[Field::Score, Field::Trace]),
        _ => ("log-probability", &[Field::LogProb, Field::Trace]),
    }
}

/// The largest error seen, and what is beyond what is allowed in each precision.
#[derive(Default)]
struct Worst {
    count: u64,
    error: f64,
    single: Beyond,
    double: Beyond,
}

/// How many are, and the first: the draw, and what is wrong there.
#[derive(Default)]
struct Beyond {
    count: u64,
    first: Option<(u64, String)>,
}

impl Beyond {
    fn see(&mut self, compared: &Compared, epsilon: f64) {
        if compared.error > epsilon * compared.allowed || compared.error.is_nan() {
            self.count += 1;
            self.first.get_or_insert_with(|| (compared.number, compared.what.clone()));
        }
    }
}

impl Worst {
    fn see(&mut self, compared: &Compared) {
        self.count += 1;
        let relative = compared.error / compared.want.abs().max(1.0);
        self.error = if relative.is_nan() { f64::INFINITY } else { self.error.max(relative) };
        self.single.see(compared, f32::EPSILON.into());
        self.double.see(compared, f64::EPSILON);
    }

    /// In the precision of the numbers.
    fn row(&self, known: &Known<'_>, subject: &'static str, double: bool) -> Row {
        let (check, epsilon, wrong) = if double {
            ("against exact", f64::EPSILON, &self.double)
        } else {
            ("against exact, in f32", f32::EPSILON.into(), &self.single)
        };
        let row = Row::exact(subject, check, self.count, "draws");
        let row = Row { ulps: (self.count > 0).then_some(self.error / epsilon), ..row };
        match &wrong.first {
            Some((draw, what)) => {
                let (wrong, count, place) = (wrong.count, self.count, known.places.of(*draw));
                row.refuted(format!("{wrong} of {count} draws, the first is {place}: {what}"))
            }
            None => row,
        }
    }
}
