//! `variance MODEL --loss NAME`

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gumbel_oracle::builtin::Gradient;
use gumbel_oracle::estimators::{Score, TooFewDraws};
use gumbel_oracle::model::Model;
use gumbel_oracle::number::to_f64;
use gumbel_oracle::relax::{Critic, Degree};
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero as _;

use super::loss::GivenLoss;
use super::output::{Format, Output};
use super::table::{decimal, fraction, table};
use super::{Failure, Limits, Outcome, read_model, spinner};

/// The exact variance of every estimator of the gradient of an expected loss.
///
/// E-REINFORCE is loss × (rate × exponential - 1), T-REINFORCE loss × score of the trace, both of one draw. With --k K also
/// their forms of K draws in which the mean loss of the other draws is taken off ("plus"). All are unbiased: the one with the
/// least variance needs the fewest draws. Ratios compare estimators at the same number of draws.
#[derive(Args, Debug)]
pub(super) struct Variance {
    /// The model file (JSON); `-` reads standard input.
    model: PathBuf,
    /// The loss: its name, or a file with a line {"structure":…,"loss":…} for each structure.
    #[arg(long, value_name = "NAME|FILE", default_value = "default")]
    loss: String,
    /// The number of draws of the leave-one-out forms, at least 2.
    #[arg(long, value_name = "K")]
    k: Option<u32>,
    /// Also RELAX with the best critic of this kind.
    #[arg(long, value_enum, value_delimiter = ',')]
    critic: Vec<CriticKind>,
    /// The format; json, jsonl and csv have the variance of every entry.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write to this file, which appears only when it is complete, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// No sign of progress.
    #[arg(long)]
    quiet: bool,
    #[command(flatten)]
    limits: Limits,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum CriticKind {
    /// One number: T-REINFORCE with the best constant baseline.
    Constant,
    /// A linear function of the exponentials: by all traces, with time as the third power of the entries for each.
    Linear,
    /// A polynomial of degree 2 in the exponentials: by all traces, with time as the fifth power of the entries for each.
    Quadratic,
}

/// An estimator with its exact variance.
struct Row {
    name: &'static str,
    draws: u32,
    /// Its critic.
    critic: Option<Critic>,
    /// One per entry, and their sum.
    variance: Vec<BigRational>,
    total: BigRational,
}

impl Row {
    fn new(name: &'static str, draws: u32, variance: Vec<BigRational>) -> Self {
        Self { name, draws, critic: None, total: variance.iter().sum(), variance }
    }

    /// The variance if each draw of this estimator were one of a mean: what estimators are compared by.
    fn per_draw(&self) -> BigRational {
        &self.total * BigRational::from(BigInt::from(self.draws))
    }

    fn json(&self) -> String {
        let critic = self.critic.as_ref().map_or_else(String::new, |critic| {
            let rows: Vec<String> = critic.matrix.iter().map(|row| format!("[{}]", strings(row))).collect();
            let matrix =
                if rows.is_empty() { String::new() } else { format!(",\"matrix\":[{}]", rows.join(",")) };
            let (constant, weights) = (&critic.constant, strings(&critic.weights));
            format!("\"critic\":{{\"constant\":\"{constant}\",\"weights\":[{weights}]{matrix}}},")
        });
        format!(
            "{{\"name\":\"{}\",\"draws\":{},{critic}\"variance\":[{}],\"total\":\"{}\"}}",
            self.name,
            self.draws,
            strings(&self.variance),
            self.total
        )
    }
}

/// Fractions as JSON strings.
fn strings(values: &[BigRational]) -> String {
    values.iter().map(|value| format!("\"{value}\"")).collect::<Vec<_>>().join(",")
}

/// Entries in a table.
const ENTRIES: usize = 40;

impl Variance {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        if let Some(draws) = self.k.filter(|draws| *draws < 2) {
            return Err(Failure::input(format!("--k {draws}: {}", TooFewDraws { draws }))); // before the work
        }
        let model = read_model(&self.model)?;
        let loss = GivenLoss::read(&model, &self.loss, self.limits.get())?;
        let mut output = Output::open(self.out.as_deref())?;
        let waiting = spinner(format!("enumerating {}", model.kind().name()), self.quiet);
        let worked_out = self.rows(&model, &loss);
        waiting.finish_and_clear();
        let (rows, exact) = worked_out?;
        output.write(|out| match self.format {
            Format::Table => out.write_all(self.table(&model, &exact, &rows).as_bytes()),
            Format::Json => self.json(out, &model, &exact, &rows),
            Format::Jsonl => rows.iter().try_for_each(|row| writeln!(out, "{}", row.json())),
            Format::Csv => csv(out, &model, &rows),
        })?;
        output.finish()?;
        Ok(Outcome::Held)
    }

    fn rows(&self, model: &Model, loss: &GivenLoss) -> Result<(Vec<Row>, Gradient), Failure> {
        let limit = self.limits.get();
        // First: they are refused at smaller sizes than the rest.
        let wanted = [
            (CriticKind::Quadratic, "relax_quadratic", Degree::Quadratic),
            (CriticKind::Linear, "relax_linear", Degree::Linear),
        ];
        let mut polynomial = Vec::new();
        for (kind, name, degree) in wanted {
            if self.critic.contains(&kind) {
                let critics = model.critics(|x| loss.of(model, x), degree, limit).map_err(Failure::input)?;
                let best = critics.best();
                let variance = critics.variance(&best).map_err(Failure::input)?;
                polynomial.push(Row { critic: Some(best), ..Row::new(name, 1, variance) });
            }
        }
        let moments = model.score_moments(|x| loss.of(model, x), limit).map_err(Failure::input)?;
        let scores = [("e_reinforce", Score::Exponentials), ("t_reinforce", Score::Trace)];
        let none = BigRational::zero();
        let mut rows: Vec<Row> =
            scores.iter().map(|&(name, score)| Row::new(name, 1, moments.variance(score, &none))).collect();
        if let Some(k) = self.k {
            let names = ["e_reinforce_plus", "t_reinforce_plus"];
            for (name, (_, score)) in names.into_iter().zip(scores) {
                let variance = moments.leave_one_out(score, k).map_err(Failure::input)?;
                rows.push(Row::new(name, k, variance));
            }
        }
        if self.critic.contains(&CriticKind::Constant) {
            let constant = moments.best_baseline(Score::Trace).unwrap_or_default();
            let variance = moments.variance(Score::Trace, &constant);
            let critic = Some(Critic::constant(constant, variance.len()));
            rows.push(Row { critic, ..Row::new("relax_constant", 1, variance) });
        }
        rows.extend(polynomial.into_iter().rev());
        Ok((rows, moments.gradient()))
    }

    fn table(&self, model: &Model, exact: &Gradient, rows: &[Row]) -> String {
        let expectation = &exact.expectation;
        let mut text = format!(
            "{}, loss {}: expectation {} ≈ {}\n\n",
            model.kind().name(),
            self.loss,
            fraction(expectation),
            decimal(expectation)
        );
        let best = rows.iter().map(Row::per_draw).min().unwrap_or_default();
        let row = |row: &Row| {
            let per_draw = row.per_draw();
            let ratio = match (best.is_zero(), per_draw == best) {
                (_, true) => "1".to_owned(),
                (true, false) => "–".to_owned(),
                (false, false) => format!("{:.4}", to_f64(&(per_draw / &best))),
            };
            let name = row.name.to_owned();
            vec![name, row.draws.to_string(), fraction(&row.total), decimal(&row.total), ratio]
        };
        let head = ["estimator", "draws", "total variance", "≈", "ratio"];
        text.push_str(&table(&head, &[1, 2, 3, 4], rows.iter().map(row)));
        text.push_str("\n\nratio: to the least, at the same number of draws.\n\n");
        let mut head = vec!["entry", "gradient"];
        head.extend(rows.iter().map(|row| row.name));
        let entry = |(k, entry): (usize, &gumbel_oracle::model::Entry)| {
            let variances = rows.iter().map(|row| decimal(&row.variance[k]));
            [entry.to_string(), decimal(&exact.gradient[k])].into_iter().chain(variances).collect()
        };
        let shown = model.entries().iter().enumerate().take(ENTRIES).map(entry);
        text.push_str(&table(&head, &(1..head.len()).collect::<Vec<_>>(), shown));
        text.push('\n');
        if let Some(left) = model.entries().len().checked_sub(ENTRIES).filter(|left| *left > 0) {
            let _ = writeln!(text, "… and {left} more: --format json or csv for all"); // a string: cannot fail
        }
        text
    }

    fn json(&self, out: &mut dyn Write, model: &Model, exact: &Gradient, rows: &[Row]) -> io::Result<()> {
        let entries: Vec<String> = model.entries().iter().map(ToString::to_string).collect();
        let gradient: Vec<String> = exact.gradient.iter().map(|value| format!("\"{value}\"")).collect();
        let rows: Vec<String> = rows.iter().map(Row::json).collect();
        let loss = serde_json::Value::from(self.loss.as_str());
        writeln!(out, "{{\"structure\":\"{}\",\"loss\":{loss},", model.kind().name())?;
        writeln!(out, "\"entries\":[{}],", entries.join(","))?;
        writeln!(out, "\"expectation\":\"{}\",", exact.expectation)?;
        writeln!(out, "\"gradient\":[{}],", gradient.join(","))?;
        writeln!(out, "\"estimators\":[\n{}\n]}}", rows.join(",\n"))
    }
}

/// One line per estimator and entry.
fn csv(out: &mut dyn Write, model: &Model, rows: &[Row]) -> io::Result<()> {
    writeln!(out, "estimator,draws,entry,variance,decimal")?;
    for row in rows {
        for (entry, variance) in model.entries().iter().zip(&row.variance) {
            let entry = entry.to_string();
            let entry = if entry.contains(',') { format!("\"{entry}\"") } else { entry };
            writeln!(out, "{},{},{entry},{variance},{:?}", row.name, row.draws, to_f64(variance))?;
        }
    }
    Ok(())
}
