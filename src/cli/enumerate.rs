//! `enumerate MODEL`

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use gumbel_oracle::enclosure;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::number::to_f64;
use gumbel_oracle::recursion;
use num_bigint::{BigInt, BigUint};
use num_rational::BigRational;

use super::output::{Format, Output};
use super::table::{decimal, float, fraction, table};
use super::{Failure, Limits, Outcome, read_model, spinner};

/// The exact law of a model: every structure or trace with its probability as a fraction.
///
/// The order of magnitude of the work is known before it starts; what is larger than --limit is refused.
#[derive(Args, Debug)]
pub(super) struct Enumerate {
    /// The model file (JSON); `-` reads standard input.
    model: PathBuf,
    /// What to list.
    #[arg(long, value_enum, default_value_t = By::Structure)]
    by: By,
    /// The loss, for --by gradient, loss and covariance.
    #[arg(long, value_name = "NAME", default_value = "default")]
    loss: String,
    /// With --by trace: the conditional mean of every entry's exponential.
    #[arg(long)]
    moments: bool,
    /// With --by trace: the races of each trace, entrants and winner by entry number.
    #[arg(long)]
    races: bool,
    /// List only the N most probable; a table lists 40 unless told otherwise.
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// The format. json, jsonl and csv list in the order of the canonical JSON, a table the most probable first.
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
enum By {
    /// The law of the structure.
    Structure,
    /// Every trace with its probability.
    Trace,
    /// For every entry the probability that it is in the structure.
    Marginals,
    /// The expected loss and its gradient with respect to every logit.
    Gradient,
    /// The law of the loss.
    Loss,
    /// The covariance matrix of the T-REINFORCE estimate of the gradient.
    Covariance,
}

/// What is listed: rows with cells, in the order of the JSON.
struct Listing {
    /// The name of the list in JSON.
    name: &'static str,
    /// For each column its name.
    columns: Vec<&'static str>,
    rows: Vec<Row>,
    /// The matrix of pair marginals, if there is one.
    pairs: Option<Vec<Vec<BigRational>>>,
}

struct Row {
    cells: Vec<Cell>,
    /// By which the most probable come first.
    probability: f64,
}

enum Cell {
    /// Canonical JSON.
    Json(String),
    /// A fraction: in tables and CSV with its decimal value.
    Fraction(BigRational),
    Float(f64),
    /// A list of fractions, `None` where there is none (an absent entry).
    Fractions(Vec<Option<BigRational>>),
}

/// A member of the JSON object that is no list of rows.
type Member = (&'static str, String);

const TABLE_ROWS: usize = 40;

impl Enumerate {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let model = read_model(&self.model)?;
        let loss = Loss::named(&model, &self.loss).map_err(Failure::input)?;
        if (self.moments || self.races) && self.by != By::Trace {
            return Err(Failure::input("--moments and --races go with --by trace"));
        }
        let mut output = Output::open(self.out.as_deref())?;
        let waiting = spinner(format!("enumerating {}", model.kind().name()), self.quiet);
        let listed = self.list(&model, &loss);
        waiting.finish_and_clear();
        let (mut listing, members) = listed?;
        let counts = Counts::of(&model);
        self.keep_top(&mut listing);
        match self.format {
            Format::Table => {
                let text = self.table(&model, &counts, &listing, &members);
                output.write(|out| out.write_all(text.as_bytes()))?;
            }
            Format::Json => output.write(|out| json(out, &model, &counts, &listing, &members))?,
            Format::Jsonl => output.write(|out| {
                listing.rows.iter().try_for_each(|row| writeln!(out, "{}", object(&listing.columns, row)))
            })?,
            Format::Csv => output.write(|out| csv(out, &listing))?,
        }
        output.finish()?;
        Ok(Outcome::Held)
    }

    fn list(&self, model: &Model, loss: &Loss) -> Result<(Listing, Vec<Member>), Failure> {
        let limit = self.limits.get();
        let mut members = Vec::new();
        let value = |x: &_| BigRational::from(BigInt::from(loss.of(model, x)));
        let listing = match self.by {
            By::Structure => {
                let law = model.law(limit).map_err(Failure::input)?;
                let row = |(x, p): (_, BigRational)| Row {
                    probability: to_f64(&p),
                    cells: vec![Cell::Json(model.canonical(&x)), Cell::Fraction(p)],
                };
                let rows = law.outcomes.into_iter().map(row).collect();
                Listing { name: "distribution", columns: vec!["structure", "probability"], rows, pairs: None }
            }
            By::Trace => {
                model.check_traces(limit).map_err(Failure::input)?;
                self.traces(model)
            }
            By::Marginals => {
                let marginals = model.marginals(limit).map_err(Failure::input)?;
                if let Some(pairs) = model.pair_marginals(limit).map_err(Failure::input)? {
                    let rows: Vec<String> = pairs.iter().map(|row| strings(row.iter().map(Some))).collect();
                    members.push(("pair_marginals", format!("[{}]", rows.join(","))));
                    Listing { pairs: Some(pairs), ..per_entry(model, "marginals", marginals) }
                } else {
                    per_entry(model, "marginals", marginals)
                }
            }
            By::Gradient => {
                let exact = model.gradient(loss, limit).map_err(Failure::input)?;
                members.push(("loss", format!("\"{}\"", loss.name())));
                members.push(("expectation", format!("\"{}\"", exact.expectation)));
                per_entry(model, "gradient", exact.gradient)
            }
            By::Loss => {
                let law = model.loss_law(loss, limit).map_err(Failure::input)?;
                members.push(("loss", format!("\"{}\"", loss.name())));
                let row = |(value, p): (i64, BigRational)| Row {
                    probability: to_f64(&p),
                    cells: vec![Cell::Json(value.to_string()), Cell::Fraction(p)],
                };
                let rows = law.into_iter().map(row).collect();
                Listing { name: "distribution", columns: vec!["value", "probability"], rows, pairs: None }
            }
            By::Covariance => {
                let covariance = model.t_reinforce_covariance(value, limit).map_err(Failure::input)?;
                members.push(("loss", format!("\"{}\"", loss.name())));
                let row = |(entry, row): (_, Vec<BigRational>)| Row {
                    probability: 0.0,
                    cells: vec![Cell::Json(entry), Cell::Fractions(row.into_iter().map(Some).collect())],
                };
                let entries = model.entries().iter().map(ToString::to_string);
                let rows = entries.zip(covariance).map(row).collect();
                Listing { name: "covariance", columns: vec!["entry", "covariance"], rows, pairs: None }
            }
        };
        Ok((listing, members))
    }

    fn traces(&self, model: &Model) -> Listing {
        let mut columns = vec!["trace", "structure", "probability", "log_prob"];
        columns.extend(self.moments.then_some("conditional_mean"));
        columns.extend(self.races.then_some("races"));
        let row = |outcome: recursion::Outcome<_, BigRational>| {
            let mut cells = vec![
                Cell::Json(model.canonical_trace(&outcome.trace)),
                Cell::Json(model.canonical(&outcome.structure)),
                Cell::Fraction(outcome.probability.clone()),
                Cell::Float(enclosure::ln(&outcome.probability).unwrap_or(f64::NEG_INFINITY)),
            ];
            if self.moments {
                cells.push(Cell::Fractions(outcome.trace.conditional_mean(model.rates())));
            }
            if self.races {
                cells.push(Cell::Json(model.canonical_races(&outcome.trace)));
            }
            Row { probability: to_f64(&outcome.probability), cells }
        };
        Listing { name: "distribution", columns, rows: model.traces().map(row).collect(), pairs: None }
    }

    /// Whether rows are probabilities of different things, to be sorted and cut.
    fn ranked(&self) -> bool {
        matches!(self.by, By::Structure | By::Trace)
    }

    /// Sorts by canonical JSON, and keeps the most probable if asked.
    fn keep_top(&self, listing: &mut Listing) {
        if !self.ranked() {
            return;
        }
        if let Some(top) = self.top {
            listing
                .rows
                .sort_by(|a, b| b.probability.total_cmp(&a.probability).then_with(|| a.key().cmp(b.key())));
            listing.rows.truncate(top);
        }
        listing.rows.sort_by(|a, b| a.key().cmp(b.key()));
    }

    fn table(&self, model: &Model, counts: &Counts, listing: &Listing, members: &[Member]) -> String {
        let mut text = format!("{}, {}\n", model.kind().name(), counts.in_words());
        for (name, value) in members {
            if let Some(exact) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) {
                let _ = writeln!(text, "{name}: {exact}"); // writing to a string cannot fail
            }
        }
        let mut order: Vec<&Row> = listing.rows.iter().collect();
        if self.ranked() {
            order.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        }
        let shown =
            if self.ranked() && self.top.is_none() { order.len().min(TABLE_ROWS) } else { order.len() };
        let mut head = Vec::new();
        let mut right = Vec::new();
        for (column, cell) in
            listing.columns.iter().zip(listing.rows.first().map_or(&[][..], |row| &row.cells))
        {
            if !matches!(cell, Cell::Json(_) | Cell::Fractions(_)) {
                right.push(head.len());
            }
            head.push(*column);
            if matches!(cell, Cell::Fraction(_)) {
                right.push(head.len());
                head.push("≈");
            }
        }
        text.push_str(&table(
            &head,
            &right,
            order[..shown].iter().map(|row| row.cells.iter().flat_map(Cell::told).collect()),
        ));
        text.push('\n');
        if let Some(pairs) = &listing.pairs {
            let (what, columns) = match model.kind() {
                Kind::BinaryTree => {
                    ("P(parent of row is column); on the diagonal P(row is the root)", "position")
                }
                _ => ("P(row is drawn in place column)", "position"),
            };
            let names: Vec<String> = (0..pairs.len()).map(|i| i.to_string()).collect();
            let head: Vec<&str> = std::iter::once(columns).chain(names.iter().map(String::as_str)).collect();
            let cells = pairs.iter().enumerate();
            let cells = cells
                .map(|(i, row)| std::iter::once(i.to_string()).chain(row.iter().map(fraction)).collect());
            let _ = write!(text, "\n{what}\n{}\n", table(&head, &(1..head.len()).collect::<Vec<_>>(), cells));
        }
        if shown < order.len() {
            let left = order.len() - shown;
            let _ = writeln!(text, "… and {left} more: --top N for more rows, --format json or csv for all");
        }
        text
    }
}

impl Row {
    fn key(&self) -> &str {
        match self.cells.first() {
            Some(Cell::Json(text)) => text,
            _ => "",
        }
    }
}

impl Cell {
    /// As a person reads it; a fraction and its decimal value are two cells.
    fn told(&self) -> Vec<String> {
        match self {
            Self::Json(text) => vec![text.clone()],
            Self::Fraction(value) => vec![fraction(value), decimal(value)],
            Self::Float(value) => vec![float(*value, 9)],
            Self::Fractions(values) => {
                let told = values.iter().map(|value| value.as_ref().map_or_else(|| "–".to_owned(), fraction));
                vec![told.collect::<Vec<_>>().join(" ")]
            }
        }
    }

    fn json(&self) -> String {
        match self {
            Self::Json(text) => text.clone(),
            Self::Fraction(value) => format!("\"{value}\""),
            Self::Float(value) => serde_json::Number::from_f64(*value)
                .map_or_else(|| "null".to_owned(), |number| number.to_string()),
            Self::Fractions(values) => strings(values.iter().map(Option::as_ref)),
        }
    }
}

fn per_entry(model: &Model, name: &'static str, values: Vec<BigRational>) -> Listing {
    let row = |(entry, value): (_, BigRational)| Row {
        probability: to_f64(&value),
        cells: vec![Cell::Json(entry), Cell::Fraction(value)],
    };
    let entries = model.entries().iter().map(ToString::to_string);
    Listing { name, columns: vec!["entry", name], rows: entries.zip(values).map(row).collect(), pairs: None }
}

/// A list of fractions as JSON strings, null where there is none.
fn strings<'a>(values: impl Iterator<Item = Option<&'a BigRational>>) -> String {
    let items: Vec<String> =
        values.map(|value| value.map_or_else(|| "null".to_owned(), |value| format!("\"{value}\""))).collect();
    format!("[{}]", items.join(","))
}

fn object(columns: &[&str], row: &Row) -> String {
    let members = columns.iter().zip(&row.cells).map(|(name, cell)| format!("\"{name}\":{}", cell.json()));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn json(
    out: &mut dyn Write,
    model: &Model,
    counts: &Counts,
    listing: &Listing,
    members: &[Member],
) -> io::Result<()> {
    let entries = model.entries().iter().zip(model.rates());
    let entries: Vec<String> =
        entries.map(|(entry, rate)| format!("{{\"entry\":{entry},\"rate\":\"{rate}\"}}")).collect();
    write!(out, "{{\"structure\":\"{}\",\n\"entries\":[{}],\n", model.kind().name(), entries.join(","))?;
    if let Some(traces) = &counts.traces {
        writeln!(out, "\"trace_count\":{traces},")?;
    }
    writeln!(out, "\"structure_count\":{},", counts.structures)?;
    for (name, value) in members {
        writeln!(out, "\"{name}\":{value},")?;
    }
    // Lists per entry are plain lists in entry order; laws are lists of objects.
    let plain = listing.columns.first() == Some(&"entry");
    write!(out, "\"{}\":[", listing.name)?;
    for (i, row) in listing.rows.iter().enumerate() {
        out.write_all(if i == 0 { b"\n" } else { b",\n" })?;
        match row.cells.last() {
            Some(cell) if plain => out.write_all(cell.json().as_bytes())?,
            _ => out.write_all(object(&listing.columns, row).as_bytes())?,
        }
    }
    out.write_all(b"\n]}\n")
}

fn csv(out: &mut dyn Write, listing: &Listing) -> io::Result<()> {
    let quote = |text: &str| {
        if text.contains([',', '"', '\n']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.to_owned()
        }
    };
    let mut head = Vec::new();
    for column in &listing.columns {
        head.push(*column);
        // The columns of fractions; not told from the rows, of which there may be none.
        if matches!(*column, "probability" | "marginals" | "gradient") {
            head.push("decimal");
        }
    }
    writeln!(out, "{}", head.join(","))?;
    for row in &listing.rows {
        let cells = row.cells.iter().flat_map(|cell| match cell {
            Cell::Fraction(value) => vec![value.to_string(), format!("{:?}", to_f64(value))],
            Cell::Float(value) => vec![format!("{value:?}")],
            other => vec![quote(&other.json())],
        });
        writeln!(out, "{}", cells.collect::<Vec<_>>().join(","))?;
    }
    Ok(())
}

/// How many traces and structures there are.
struct Counts {
    /// Not known where counting them is itself too much: an arborescence on many vertices.
    traces: Option<BigUint>,
    structures: BigUint,
}

impl Counts {
    fn of(model: &Model) -> Self {
        // Counting the traces of an arborescence takes 5^(n-1) steps.
        let countable = model.kind() != Kind::Arborescence || model.size() <= 10;
        let traces = if countable { model.trace_count() } else { None };
        Self { traces, structures: model.structure_count() }
    }

    fn in_words(&self) -> String {
        let structures = format!(
            "{} structure{}",
            self.structures,
            if self.structures == BigUint::from(1_u8) { "" } else { "s" }
        );
        match &self.traces {
            Some(traces) => {
                format!(
                    "{structures}, {traces} trace{}",
                    if *traces == BigUint::from(1_u8) { "" } else { "s" }
                )
            }
            None => structures,
        }
    }
}
