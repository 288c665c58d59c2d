//! A judgement for people and for programs, the same for every command that judges.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use recursive_gumbel::report::{Row, Verdict, csv, findings, number};
use recursive_gumbel::statistics::{Budget, MINIMUM_EXPECTED, POWER, TestResult};
use serde_json::Value;

use super::ci;
use super::output::{Format, Output};
use super::table::{float, table};
use super::{Failure, Outcome};

/// What the commands that judge share.
#[derive(clap::Args, Debug)]
pub(super) struct How {
    /// The probability that a right sampler is refuted anywhere in the report.
    #[arg(long, default_value_t = 1e-6)]
    pub(super) alpha: f64,
    /// The departure that must not be missed (total variation, or largest difference of distribution
    /// functions; of a gradient, part of the loss's range).
    #[arg(long, value_name = "D", default_value_t = 0.05)]
    pub(super) departure: f64,
    /// The format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write to this file, which appears only when it is complete, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write JUnit's XML to this file as well: a test case per check.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Append Markdown to this file as well, for the page of a CI job: `--summary "$GITHUB_STEP_SUMMARY"`.
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,
    /// No sign of progress.
    #[arg(long)]
    pub(super) quiet: bool,
}

/// Where a report goes.
#[derive(Debug)]
pub(super) struct Outputs {
    report: Output,
    junit: Option<Output>,
    summary: Option<(PathBuf, File)>,
}

impl How {
    /// Where the report goes, opened before the long work. Refuses a departure that is none.
    pub(super) fn outputs(&self) -> Result<Outputs, Failure> {
        let departure = self.departure;
        if !(departure > 0.0 && departure < 1.0) {
            return Err(Failure::input(format!("--departure {departure}: want a number between 0 and 1")));
        }
        let append = |path: &PathBuf| {
            let file = File::options().append(true).create(true).open(path);
            file.map(|file| (path.clone(), file))
                .map_err(|error| Failure::Write { path: path.clone(), error })
        };
        Ok(Outputs {
            report: Output::open(self.out.as_deref())?,
            junit: self.junit.as_deref().map(|path| Output::open(Some(path))).transpose()?,
            summary: self.summary.as_ref().map(append).transpose()?,
        })
    }

    /// Writes the report there; `command` made it.
    pub(super) fn write(
        &self,
        outputs: Outputs,
        judgement: &Judgement<'_>,
        command: &str,
    ) -> Result<Outcome, Failure> {
        if let Some(mut junit) = outputs.junit {
            junit.write(|out| out.write_all(ci::junit(judgement, command)?.as_bytes()))?;
            junit.finish()?;
        }
        if let Some((path, mut summary)) = outputs.summary {
            let written = summary.write_all(ci::summary(judgement, command).as_bytes());
            written.map_err(|error| Failure::Write { path, error })?;
        }
        let mut report = outputs.report;
        report.write(|out| out.write_all(judgement.text(self.format).as_bytes()))?;
        report.finish()?;
        Ok(judgement.outcome())
    }

    /// The options that decide what a report says.
    pub(super) fn again(&self) -> String {
        format!("--alpha {:?} --departure {:?}", self.alpha, self.departure)
    }
}

/// What was judged, and how.
#[derive(Debug)]
pub(super) struct Judgement<'a> {
    pub(super) rows: &'a [Row],
    pub(super) budget: &'a Budget,
    pub(super) departure: f64,
    /// What was judged, for people: a sentence without a full stop.
    pub(super) subject: String,
    /// The same for programs: fields of the JSON object.
    pub(super) facts: Vec<(&'static str, Value)>,
    /// The command that repeats it.
    pub(super) again: String,
    /// What people are told besides: whole lines, or nothing.
    pub(super) after: String,
    /// Every identity on a line of its own.
    pub(super) all: bool,
}

/// The most findings told before the table.
pub(super) const FINDINGS: usize = 5;

impl Judgement<'_> {
    fn outcome(&self) -> Outcome {
        match Verdict::of(self.rows) {
            Verdict::Held => Outcome::Held,
            Verdict::Refuted => Outcome::Refuted,
            Verdict::Underpowered => Outcome::Underpowered,
            _ => Outcome::NotJudged,
        }
    }

    fn text(&self, format: Format) -> String {
        match format {
            Format::Table => self.table(),
            Format::Json => self.json(),
            Format::Jsonl => self.rows.iter().map(|row| format!("{}\n", row.json())).collect(),
            Format::Csv => csv(self.rows),
        }
    }

    /// The verdict, and what speaks against.
    pub(super) fn head(&self) -> String {
        let exact =
            self.rows.iter().filter(|row| row.test.is_none() && row.verdict != Verdict::NotJudged).count();
        let tests = self.rows.iter().filter(|row| row.test.is_some()).count();
        let s = |count: usize| if count == 1 { "" } else { "s" };
        let counts = format!("{exact} exact check{} and {tests} test{}", s(exact), s(tests));
        let wrong = findings(self.rows);
        let mut text = match Verdict::of(self.rows) {
            Verdict::Held => format!("All held: {counts}. {}.\n", self.subject),
            Verdict::Refuted => {
                let refuted = self.rows.iter().filter(|row| row.verdict == Verdict::Refuted).count();
                format!("REFUTED: {refuted} of {counts}. {}.\n", self.subject)
            }
            Verdict::Underpowered => {
                let missed = |row: &&Row| row.verdict == Verdict::Underpowered;
                let rows = self.rows.iter().filter(missed).count();
                let draws = self.rows.iter().filter_map(|row| row.draws_needed).max();
                let draws = draws.map_or_else(String::new, |draws| format!(": about {draws} draws would do"));
                let unknown = self.rows.iter().filter(missed).filter(|row| row.test.is_none());
                let unknown: String =
                    unknown.map(|row| format!("  {}{}: {}\n", of(row), row.subject, row.note)).collect();
                let these = self.caught().map_or_else(String::new, |caught| {
                    format!(". These draws are enough for --departure {caught}")
                });
                format!(
                    "Underpowered: nothing is wrong in {counts}, but in {rows} row{} a departure of {}\n\
                     could have been missed{draws}{these}.\n{}.\n{unknown}",
                    if rows == 1 { "" } else { "s" },
                    self.departure,
                    self.subject
                )
            }
            _ => format!("Nothing could be judged. {}.\n", self.subject),
        };
        for (i, row) in wrong.iter().take(FINDINGS).enumerate() {
            let of = of(row);
            text.push_str(&format!("  {}. {of}{}: {}\n", i + 1, row.subject, row.note));
        }
        if wrong.len() > FINDINGS {
            text.push_str(&format!("  and {} more, below\n", wrong.len() - FINDINGS));
        }
        text
    }

    fn table(&self) -> String {
        let mut shown = if self.all { self.rows.to_vec() } else { gathered(self.rows) };
        shown.retain(|row| row.verdict != Verdict::NotJudged); // they are told below
        let (models, draws) =
            (shown.iter().any(|row| !row.model.is_empty()), self.rows.iter().any(|row| row.test.is_some()));
        let mut head = vec!["check", "n", "statistic", "p-value", "catches", "verdict"];
        if models {
            head.splice(0..0, ["structure", "model"]);
        }
        let cells = |row: &Row| {
            let mut cells = cells(row).to_vec();
            if models {
                cells.splice(0..0, [row.structure.to_owned(), row.model.clone()]);
            }
            cells
        };
        let first = head.len() - 5;
        let numbers = [first, first + 1, first + 2, first + 3];
        let mut text = self.head();
        text.push('\n');
        text.push_str(&table(&head, &numbers, shown.iter().map(cells)));
        text.push('\n');
        for row in findings(self.rows).into_iter().skip(FINDINGS) {
            text.push_str(&format!("{}: {}{}: {}\n", row.verdict.word(), of(row), row.subject, row.note));
        }
        text.push_str(&self.silent());
        text.push('\n');
        if draws {
            text.push_str(&self.explanation());
        }
        text.push_str(&format!("Again: {}\n", self.again));
        text.push_str(&self.after);
        text
    }

    /// What was not judged, by reason.
    pub(super) fn silent(&self) -> String {
        let mut by_reason: Vec<(String, &str, Vec<&str>)> = Vec::new();
        for row in self.rows.iter().filter(|row| row.verdict == Verdict::NotJudged) {
            let (of, reason) = (of(row), row.note.as_str());
            match by_reason.iter_mut().find(|known| (&known.0, known.1) == (&of, reason)) {
                Some((.., subjects)) if subjects.contains(&row.subject) => {}
                Some((.., subjects)) => subjects.push(row.subject),
                None => by_reason.push((of, reason, vec![row.subject])),
            }
        }
        let line = |(of, reason, subjects): (String, &str, Vec<&str>)| {
            format!("not judged: {of}{}: {reason}\n", subjects.join(", "))
        };
        by_reason.into_iter().map(line).collect()
    }

    /// The departure from which nothing was missed, rounded up to two digits; `None` if there is none.
    fn caught(&self) -> Option<f64> {
        let mut caught = 0.0_f64;
        // Chi-square and G of one law are one check: the better counts.
        let together = |a: &Row, b: &Row| {
            a.subject == b.subject
                && a.model == b.model
                && (a.check.as_str(), b.check.as_str()) == ("χ²", "G")
        };
        for rows in self.rows.chunk_by(together) {
            let missed = rows.iter().filter(|row| row.verdict == Verdict::Underpowered);
            let best = missed.map(|row| row.test.map_or(1.0, |test| test.smallest_departure));
            caught = best.reduce(f64::min).map_or(caught, |best| caught.max(best));
        }
        let digit = libm::pow(10.0, libm::floor(libm::log10(caught)) - 1.0);
        let rounded = libm::ceil(caught / digit * (1.0 - 1e-12)) * digit;
        (rounded < 1.0).then(|| float(rounded, 2).parse().ok()).flatten()
    }

    /// What the table's numbers mean.
    fn explanation(&self) -> String {
        let kinds = [
            ("range", "; range: of a mean, in units\nof the range of the loss"),
            ("variance", "; variance: of a covariance, in units of the largest variance"),
        ];
        let seen = |kind: &str| self.rows.iter().any(|row| row.departure_kind() == kind);
        let range: String =
            kinds.into_iter().filter(|(kind, _)| seen(kind)).map(|(_, words)| words).collect();
        let mut text = format!(
            "False alarm: a right sampler is refuted anywhere in this report with probability at most {},\n\
             {} in each of its {} tests (a row that shows the worst of several is several).\n\
             catches: the smallest departure (TV: total variation; sup: of distribution functions{range}) that the test \
             refutes\nwith probability {POWER}, for one entry or one pair.",
            float(self.budget.alpha(), 9),
            short(self.budget.per_test()),
            self.budget.tests(),
        );
        let used = |word: &str| {
            let is_word = |row: &Row| row.check.split([' ', ',']).any(|part| part == word);
            self.rows.iter().any(|row| row.test.is_some() && is_word(row))
        };
        let words = [
            (
                "χ²",
                format!(
                    "χ²: Pearson's test, which pools the smallest cells\nuntil each expects {MINIMUM_EXPECTED} draws; "
                ),
            ),
            ("G", "G: likelihood ratio, which pools nothing; ".to_owned()),
            ("KS", "KS: Kolmogorov-Smirnov; ".to_owned()),
        ];
        let bets = [(
            "bets",
            "bets: the log of what bets at the odds of the exact law have gained, evidence at every look; ",
        )];
        let any_size = [
            ("wins", "wins: how often an entry won, beside its chances; "),
            ("pooled", "pooled: what all the values have in common, of a single one next to nothing; "),
        ];
        let mut end = " ";
        for said in [
            words.into_iter().filter(|(word, _)| used(word)).map(|(_, said)| said).collect::<String>(),
            bets.into_iter().filter(|(word, _)| used(word)).map(|(_, said)| said).collect(),
            any_size.into_iter().filter(|(word, _)| used(word)).map(|(_, said)| said).collect(),
        ] {
            if let Some(said) = said.strip_suffix("; ") {
                text.push_str(&format!("{end}{said}."));
            }
            end = "\n";
        }
        text + "\n"
    }

    fn json(&self) -> String {
        let wrong: Vec<String> = findings(self.rows)
            .iter()
            .map(|row| format!("{}{}: {}", of(row), row.subject, row.note))
            .collect();
        let mut report = serde_json::json!({
            "verdict": Verdict::of(self.rows).word(),
            "alpha": number(self.budget.alpha()),
            "tests": self.budget.tests(),
            "alpha_per_test": number(self.budget.per_test()),
            "departure": number(self.departure),
            "power": POWER,
            "findings": wrong,
            "again": self.again,
        });
        for (name, value) in &self.facts {
            report[*name] = value.clone();
        }
        let rows: Vec<String> = self.rows.iter().map(|row| row.json().to_string()).collect();
        let head = report.to_string();
        let head = head.strip_suffix('}').unwrap_or(&head);
        format!("{head},\n\"rows\":[\n{}\n]}}\n", rows.join(",\n"))
    }
}

/// What is checked, how many times, statistic, p-value, what it catches, verdict.
pub(super) fn cells(row: &Row) -> [String; 6] {
    let test =
        |value: fn(&TestResult) -> f64| row.test.as_ref().map_or_else(String::new, |test| short(value(test)));
    let subject = if row.subject == "identity" { String::new() } else { format!("{}: ", row.subject) };
    let statistic =
        row.ulps.map_or_else(|| test(|test| test.statistic), |ulps| format!("{} ulp", short(ulps)));
    let catches = test(|test| test.smallest_departure);
    let catches = match row.test {
        Some(test) if test.smallest_departure >= 1.0 => "none".to_owned(),
        Some(_) => format!("{catches} {}", row.departure_kind()),
        None => catches,
    };
    [
        format!("{subject}{}", row.check),
        row.count.to_string(),
        statistic,
        test(|test| test.p_value),
        catches,
        row.verdict.word().to_owned(),
    ]
}

/// The model of a row, where there are several.
pub(super) fn of(row: &Row) -> String {
    if row.model.is_empty() { String::new() } else { format!("{} {}: ", row.structure, row.model) }
}

/// The identities of a model on one line; those that do not hold keep theirs.
fn gathered(rows: &[Row]) -> Vec<Row> {
    let mut shown: Vec<Row> = Vec::new();
    let mut identities = 0;
    for row in rows {
        let joins = |last: &&mut Row| {
            let same =
                last.subject == row.subject && last.structure == row.structure && last.model == row.model;
            row.subject == "identity" && same && last.verdict == row.verdict && row.verdict == Verdict::Held
        };
        match shown.last_mut().filter(joins) {
            Some(last) => {
                identities += 1;
                last.count += row.count;
                last.check = format!("{identities} exact identities");
            }
            None => {
                identities = 1;
                shown.push(row.clone());
            }
        }
    }
    shown
}

/// Three significant digits; of a number of thousands all before the point.
fn short(value: f64) -> String {
    if (1e3..1e7).contains(&value.abs()) { float(libm::round(value), 7) } else { float(value, 3) }
}

/// A word of a command, in quotes if a shell needs them.
pub(super) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=,:+%@".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
