//! What a judgement says: rows, their verdicts, the verdict of all, and how they are written for programs.
//!
//! One list of checks makes one report, whoever made the draws. Tables for people are a view of it, made by the command
//! line; JSON and CSV are made here.
//!
//! # Verdicts
//! A row is *refuted* if something is wrong; *held* if something was compared and nothing speaks against it;
//! *underpowered* if nothing speaks against it, but a departure of the stated size could have been missed; and *not judged*
//! if there was nothing to compare. A count of 0 is never "held".
//!
//! Rows of one subject are several tests of one thing (chi-square and G of the structures): it is enough that one of them
//! would catch the departure. Different subjects stand each for themselves.

use serde_json::Value;

use crate::statistics::{DepartureKind, TestResult};

/// What a row, or a report, says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Nothing speaks against it.
    Held,
    /// It is wrong.
    Refuted,
    /// Nothing speaks against it, but a departure of the stated size could have been missed.
    Underpowered,
    /// There was nothing to compare.
    NotJudged,
}

impl Verdict {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Refuted => "REFUTED",
            Self::Underpowered => "underpowered",
            Self::NotJudged => "not judged",
        }
    }

    /// The verdict of a whole report: refuted if one row is, else underpowered if one row is, else held if one row is.
    #[must_use]
    pub fn of(rows: &[Row]) -> Self {
        let any = |verdict| rows.iter().any(|row| row.verdict == verdict);
        let order = [Self::Refuted, Self::Underpowered, Self::Held];
        order.into_iter().find(|verdict| any(*verdict)).unwrap_or(Self::NotJudged)
    }
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The structure.
    pub structure: &'static str,
    /// Which model, or which family of cases.
    pub model: String,
    /// What is judged.
    pub subject: &'static str,
    /// How.
    pub check: String,
    /// Draws, values, or equalities compared.
    pub count: u64,
    /// What `count` counts.
    pub unit: &'static str,
    /// The test, if it is one; `None` for an exact check.
    pub test: Option<TestResult>,
    /// The largest error of a value that is compared with an exact one, in ulps of the larger of that value and 1.
    pub ulps: Option<f64>,
    /// If it is underpowered: about how many draws would be enough.
    pub draws_needed: Option<u64>,
    /// The verdict.
    pub verdict: Verdict,
    /// What is wrong, or why it is not judged, in the user's terms; empty if it held.
    pub note: String,
}

impl Row {
    /// An exact check of `count` things: refuted if there is a note of what is wrong, not judged if there are none.
    #[must_use]
    pub fn exact(subject: &'static str, check: impl Into<String>, count: u64, unit: &'static str) -> Self {
        Self {
            structure: "",
            model: String::new(),
            subject,
            check: check.into(),
            count,
            unit,
            test: None,
            ulps: None,
            draws_needed: None,
            verdict: if count == 0 { Verdict::NotJudged } else { Verdict::Held },
            note: if count == 0 { "there is nothing to compare".to_owned() } else { String::new() },
        }
    }

    /// A test on `count` things; `note` says what is wrong if it refutes.
    #[must_use]
    pub fn test(
        subject: &'static str,
        check: impl Into<String>,
        count: u64,
        unit: &'static str,
        test: TestResult,
        note: impl FnOnce() -> String,
    ) -> Self {
        let row = Self { test: Some(test), ..Self::exact(subject, check, count, unit) };
        if test.refuted() { row.refuted(note()) } else { row }
    }

    /// The same row, refuted.
    #[must_use]
    pub fn refuted(self, note: impl Into<String>) -> Self {
        Self { verdict: Verdict::Refuted, note: note.into(), ..self }
    }

    /// The same row, not judged.
    #[must_use]
    pub fn not_judged(self, note: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotJudged, note: note.into(), ..self }
    }

    /// What the smallest departure is measured in.
    #[must_use]
    pub fn departure_kind(&self) -> &'static str {
        match self.test.map(|test| test.departure_kind) {
            Some(DepartureKind::TotalVariation) => "TV",
            Some(DepartureKind::SupNorm) => "sup",
            Some(DepartureKind::Range) => "range",
            Some(DepartureKind::Variance) => "variance",
            _ => "",
        }
    }

    /// The row as a JSON object. A number that JSON has not is the string `"inf"`, `"-inf"` or `"NaN"`.
    #[must_use]
    pub fn json(&self) -> Value {
        let test = |value: fn(&TestResult) -> f64| self.test.as_ref().map(|test| number(value(test)));
        serde_json::json!({
            "structure": self.structure,
            "model": self.model,
            "subject": self.subject,
            "check": self.check,
            "count": self.count,
            "unit": self.unit,
            "statistic": test(|test| test.statistic),
            "p_value": test(|test| test.p_value),
            "threshold": test(|test| test.threshold),
            "smallest_departure": test(|test| test.smallest_departure),
            "departure_kind": self.test.map(|_| self.departure_kind()),
            "ulps": self.ulps.map(number),
            "draws_needed": self.draws_needed,
            "verdict": self.verdict.word(),
            "note": self.note,
        })
    }
}

/// A number as JSON; one that JSON has not is the string `"inf"`, `"-inf"` or `"NaN"`.
#[must_use]
pub fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(|| Value::String(value.to_string()), Value::Number)
}

/// What is wrong, the strongest first: exact checks, then tests by p-value. What two tests say in the same words is told once.
#[must_use]
pub fn findings(rows: &[Row]) -> Vec<&Row> {
    let mut wrong: Vec<&Row> = rows.iter().filter(|row| row.verdict == Verdict::Refuted).collect();
    let strength = |row: &Row| row.test.map_or(-1.0, |test| test.p_value);
    wrong.sort_by(|a, b| strength(a).total_cmp(&strength(b))); // stable
    let mut told: Vec<&Row> = Vec::new();
    for row in wrong {
        let same =
            |other: &&Row| (&other.model, other.subject, &other.note) == (&row.model, row.subject, &row.note);
        if !told.iter().any(same) {
            told.push(row);
        }
    }
    told
}

/// The rows as CSV with a head; texts in quotes.
#[must_use]
pub fn csv(rows: &[Row]) -> String {
    let names = [
        "structure",
        "model",
        "subject",
        "check",
        "count",
        "unit",
        "statistic",
        "p_value",
        "smallest_departure",
        "departure_kind",
        "ulps",
        "draws_needed",
        "verdict",
        "note",
    ];
    let line = |row: &Row| {
        let json = row.json();
        let cell = |name: &&str| match &json[*name] {
            Value::Null => String::new(),
            Value::String(text) => format!("\"{}\"", text.replace('"', "\"\"")),
            other => other.to_string(),
        };
        names.iter().map(cell).collect::<Vec<_>>().join(",") + "\n"
    };
    names.join(",") + "\n" + &rows.iter().map(line).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_compared_is_never_held() {
        let row = Row::exact("score", "against exact", 0, "values");
        assert_eq!(row.verdict, Verdict::NotJudged);
        assert_eq!(Verdict::of(&[row]), Verdict::NotJudged);
        assert_eq!(Verdict::of(&[]), Verdict::NotJudged);
    }

    #[test]
    fn the_worst_row_decides() {
        let held = Row::exact("rerun", "every draw", 5, "draws");
        let bad = held.clone().refuted("no");
        let none = held.clone().not_judged("nothing");
        assert_eq!(Verdict::of(&[held.clone(), none]), Verdict::Held);
        assert_eq!(Verdict::of(&[held, bad]), Verdict::Refuted);
    }

    #[test]
    fn findings_are_told_once() {
        let row = |subject, note: &str| Row::exact(subject, "every draw", 5, "draws").refuted(note);
        let rows =
            [row("structures", "no"), row("structures", "no"), row("traces", "no"), row("traces", "never")];
        let told: Vec<(&str, &str)> =
            findings(&rows).iter().map(|row| (row.subject, row.note.as_str())).collect();
        assert_eq!(told, [("structures", "no"), ("traces", "no"), ("traces", "never")]);
    }

    #[test]
    fn an_infinite_statistic_is_not_null() {
        let test = TestResult { statistic: f64::INFINITY, p_value: 0.0, ..TestResult::exact(1) };
        let row = Row::test("traces", "chi-square", 5, "draws", test, || "impossible ones".to_owned());
        assert_eq!(row.verdict, Verdict::Refuted);
        assert_eq!(row.json()["statistic"], "inf");
        assert_eq!(row.json()["p_value"], 0.0);
        let line = csv(&[row]);
        assert!(line.lines().nth(1).unwrap().contains(",\"inf\",0.0,"), "{line}");
    }
}
