//! `verify`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gumbel_oracle::model::{Kind, Model};
use recursive_gumbel::check::{self, Options};
use recursive_gumbel::report::{Row, Verdict, csv};
use recursive_gumbel::sample::{Field, Reference};
use recursive_gumbel::statistics::Budget;
use recursive_gumbel::verify;

use super::output::Output;
use super::table::{float, table};
use super::{Failure, Outcome, progress};

/// The main job: exact identities, then a sampler of every structure against the exact law.
///
/// First everything that must hold exactly, in fractions, on built-in models, closed forms, and random inputs by brute
/// force. Then draws of the reference sampler against the exact law: structures, traces, log-probabilities, scores,
/// exponentials, conditional draws. The false-alarm probability of the whole report is --alpha.
#[derive(Args, Debug)]
pub(super) struct Verify {
    /// Only this structure, or several separated by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = kind)]
    structure: Vec<Kind>,
    /// Draws per model.
    #[arg(long, value_name = "N", default_value_t = check::DEFAULT_SAMPLES,
          value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    samples: u64,
    /// The seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The probability that a right sampler is refuted anywhere in the report.
    #[arg(long, default_value_t = 1e-6)]
    alpha: f64,
    /// The departure that must not be missed (total variation, or largest difference of distribution functions).
    #[arg(long, value_name = "D", default_value_t = 0.05)]
    departure: f64,
    /// Every identity on a line of its own.
    #[arg(long)]
    all: bool,
    /// The format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write to this file, which appears only when it is complete, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// No progress bar.
    #[arg(long)]
    quiet: bool,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Table,
    Json,
    Jsonl,
    Csv,
}

fn kind(name: &str) -> Result<Kind, String> {
    let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
    Kind::from_name(name).ok_or_else(|| format!("want one of {}", names.join(", ")))
}

/// A seed of its own for each model, so that no two read the same random numbers: FNV-1a of the name, added.
fn stream(seed: u64, name: &str) -> u64 {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    seed.wrapping_add(name.bytes().fold(0xcbf2_9ce4_8422_2325, hash))
}

/// Random inputs per structure for the comparison with brute force; 40 draws of weights each.
const GRAPHS: u64 = 100;

impl Verify {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        if !(self.departure > 0.0 && self.departure < 1.0) {
            return Err(Failure::input(format!(
                "--departure {}: want a number between 0 and 1",
                self.departure
            )));
        }
        let mut output = Output::open(self.out.as_deref())?;
        let wanted = |kind: &Kind| self.structure.is_empty() || self.structure.contains(kind);
        let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(wanted).collect();
        let mut models: Vec<(&str, Model)> = Vec::new();
        for (name, text) in verify::MODELS {
            let model = Model::parse(text).map_err(Failure::input)?;
            if kinds.contains(&model.kind()) {
                models.push((name, model));
            }
        }
        let budget =
            Budget::new(self.alpha, models.iter().map(|(_, model)| check::tests(model, &Field::ALL)).sum());
        let budget = budget.map_err(Failure::input)?;
        let options = Options { samples: self.samples, alpha: self.alpha, departure: self.departure };

        let bar = progress((models.len() + kinds.len()) as u64, "exact identities", self.quiet);
        let mut rows: Vec<Row> = Vec::new();
        for kind in &kinds {
            rows.extend(verify::closed_forms(*kind));
            rows.extend(verify::optimality(*kind, self.seed, GRAPHS));
            bar.inc(1);
        }
        for (name, model) in &models {
            rows.extend(verify::identities(name, model));
            bar.inc(1);
        }
        bar.finish_and_clear();

        let bar = progress(models.len() as u64 * self.samples, "draws", self.quiet);
        for (name, model) in &models {
            let sampler = Reference::new(model, stream(self.seed, name)).map_err(Failure::input)?;
            let judged = check::judge(name, model, &sampler, &options, &budget, |drawn| bar.inc(drawn));
            rows.extend(judged.map_err(Failure::input)?);
        }
        bar.finish_and_clear();
        let order = |row: &Row| Kind::ALL.iter().position(|kind| kind.name() == row.structure);
        rows.sort_by_key(order); // stable: identities before draws

        let verdict = Verdict::of(&rows);
        let text = match self.format {
            Format::Table => self.table(&rows, &budget, verdict),
            Format::Json => self.json(&rows, &budget, verdict),
            Format::Jsonl => rows.iter().map(|row| format!("{}\n", row.json())).collect(),
            Format::Csv => csv(&rows),
        };
        output.write(|out| out.write_all(text.as_bytes()))?;
        output.finish()?;
        Ok(match verdict {
            Verdict::Held => Outcome::Held,
            Verdict::Refuted => Outcome::Refuted,
            Verdict::Underpowered => Outcome::Underpowered,
            _ => Outcome::NotJudged,
        })
    }

    fn table(&self, rows: &[Row], budget: &Budget, verdict: Verdict) -> String {
        let shown = if self.all { rows.to_vec() } else { gathered(rows) };
        let head = ["structure", "model", "check", "n", "statistic", "p-value", "catches", "verdict"];
        let cells = |row: &Row| {
            let test = |value: fn(&recursive_gumbel::statistics::TestResult) -> f64| {
                row.test.as_ref().map_or_else(String::new, |test| short(value(test)))
            };
            let subject =
                if row.subject == "identity" { String::new() } else { format!("{}: ", row.subject) };
            let statistic =
                row.ulps.map_or_else(|| test(|test| test.statistic), |ulps| format!("{} ulp", short(ulps)));
            let catches = test(|test| test.smallest_departure);
            let catches =
                if catches.is_empty() { catches } else { format!("{catches} {}", row.departure_kind()) };
            vec![
                row.structure.to_owned(),
                row.model.clone(),
                format!("{subject}{}", row.check),
                row.count.to_string(),
                statistic,
                test(|test| test.p_value),
                catches,
                row.verdict.word().to_owned(),
            ]
        };
        let mut text = table(&head, &[3, 4, 5, 6], shown.iter().map(cells));
        text.push('\n');
        let underpowered = |row: &&Row| row.verdict == Verdict::Underpowered;
        for row in rows.iter().filter(|row| !row.note.is_empty() && !underpowered(row)) {
            let (structure, model, subject, check) = (row.structure, &row.model, row.subject, &row.check);
            text.push_str(&format!(
                "{}: {structure} {model}, {subject}, {check}: {}\n",
                row.verdict.word(),
                row.note
            ));
        }
        // One line for all: what each says is the same.
        let count = rows.iter().filter(underpowered).count();
        if count > 0 {
            text.push_str(&format!(
                "underpowered: in {count} rows a departure of {} could have been missed: draw more (--samples)\n",
                self.departure
            ));
        }
        let exact = rows.iter().filter(|row| row.test.is_none()).count();
        text.push_str(&format!(
            "\n{}: {exact} exact checks and {} tests. Seed {}, {} draws per model.\n\
             False alarm: a right sampler is refuted anywhere in this report with probability at most {},\n\
             {} in each of its {} tests (a row that shows the worst of several is several).\n\
             catches: the smallest departure (TV: total variation; sup: of distribution functions) that the test \
             refutes\nwith probability {}, for one entry or one pair. χ²: Pearson's test, which pools the smallest \
             cells\nuntil each expects {} draws; G: likelihood ratio, which pools nothing; KS: Kolmogorov-Smirnov.\n",
            match verdict {
                Verdict::Held => "All held",
                Verdict::Refuted => "REFUTED",
                Verdict::Underpowered => "Underpowered",
                _ => "Nothing could be judged",
            },
            rows.len() - exact,
            self.seed,
            self.samples,
            float(budget.alpha(), 9),
            short(budget.per_test()),
            budget.tests(),
            recursive_gumbel::statistics::POWER,
            recursive_gumbel::statistics::MINIMUM_EXPECTED,
        ));
        text
    }

    fn json(&self, rows: &[Row], budget: &Budget, verdict: Verdict) -> String {
        let report = serde_json::json!({
            "verdict": verdict.word(),
            "seed": self.seed,
            "samples": self.samples,
            "alpha": budget.alpha(),
            "tests": budget.tests(),
            "alpha_per_test": budget.per_test(),
            "departure": self.departure,
            "power": recursive_gumbel::statistics::POWER,
        });
        let rows: Vec<String> = rows.iter().map(|row| row.json().to_string()).collect();
        let head = report.to_string();
        format!("{},\n\"rows\":[\n{}\n]}}\n", head.trim_end_matches('}'), rows.join(",\n"))
    }
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
