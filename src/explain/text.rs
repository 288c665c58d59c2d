//! The run as text for a terminal, at most [`WIDTH`] columns wide.

use std::fmt::Write as _;

use num_rational::BigRational;
use num_traits::Zero;

use super::fraction::{Parts, float};
use super::{Explanation, Fraction, Told};

/// Columns.
const WIDTH: usize = 100;
/// The most characters of a fraction in a table, tried in this order until the table fits.
const CAPS: [usize; 6] = [40, 30, 24, 18, 12, 0];

impl Explanation {
    /// The run for a terminal: at most 100 columns, no colours.
    ///
    /// A fraction of more than 40 characters (fewer in a table that would be too wide) is given as a decimal with 12
    /// significant digits.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        wrap(&mut out, 0, &format!("{}: {}", self.kind.name(), self.model_in_words()));
        wrap(&mut out, 0, self.kind.about());
        out.push('\n');
        wrap(
            &mut out,
            0,
            &("Each entry has a rate λ and a weight E ~ Exp(λ). The smallest weight of a race wins: an entrant wins with \
             probability λ/Λ, where Λ = Σ λ over all entrants. The winner's weight is subtracted from those of all \
             entrants. What is left of the losers is again Exp(λ), whatever happened before: so the probabilities \
             multiply."
                .to_owned()
                + self.on_absent()),
        );
        if self.races.iter().any(|told| told.time.is_some()) {
            wrap(
                &mut out,
                0,
                "E below is the weight when the race is held, M the winning time: the smallest of them.",
            );
        }
        wrap(
            &mut out,
            0,
            "Decimals after ≈ are rounded, and a long fraction is given only so. Everything else is exact, but for \
             weights and times.",
        );
        if self.races.is_empty() {
            out.push('\n');
            wrap(&mut out, 0, "Nothing races: there is only one structure.");
        }
        for (r, told) in self.races.iter().enumerate() {
            out.push('\n');
            self.race(&mut out, r, told);
        }
        if self.root.is_some() && !self.races.is_empty() {
            out.push_str("\nExpansion\n");
            wrap(&mut out, 2, self.before_expansions());
            for expansion in &self.expansions {
                wrap(&mut out, 2, &self.expansion_in_words(expansion));
            }
        }
        out.push('\n');
        self.result(&mut out);
        out.push('\n');
        self.table_of_entries(&mut out);
        out
    }

    fn race(&self, out: &mut String, r: usize, told: &Told) {
        wrap(out, 0, &format!("Race {}: {}, Λ {}", r + 1, self.title(told), told.total.equals()));
        let weighed = told.time.is_some();
        let listed = self.listed_entrants(told);
        let head = ["", "λ", "λ/Λ", if weighed { "E" } else { "" }];
        table(out, |cap| {
            let mut rows = vec![Row::head(&head)];
            let (mut rate, mut probability) = (BigRational::zero(), BigRational::zero());
            for (i, entrant) in told.entrants.iter().enumerate() {
                let entry = &self.entries[entrant.entry];
                if !listed.contains(&i) {
                    rate += &entry.rate.0;
                    probability += &entrant.probability.0;
                    continue;
                }
                let mut cells = vec![Cell::Left(entry.label.clone())];
                cells.push(Cell::Right(entry.rate.brief(cap)));
                cells.push(Cell::Number(entrant.probability.parts(cap)));
                if weighed {
                    cells.push(Cell::Right(entrant.weight.map(float).unwrap_or_default()));
                }
                cells.push(Cell::Left(if entrant.entry == told.winner { "wins" } else { "" }.to_owned()));
                rows.push(Row(cells));
            }
            let rest = told.entrants.len() - listed.len();
            if rest > 0 {
                rows.push(Row(vec![
                    Cell::Left(format!("… and {rest} more")),
                    Cell::Right(Fraction(rate).brief(cap)),
                    Cell::Number(Fraction(probability).parts(cap)),
                ]));
            }
            rows
        });
        let at = told.time.map_or_else(String::new, |time| format!(", at time M = {}", float(time)));
        let winner = self.label(told.winner);
        wrap(out, 2, &format!("{winner} wins with probability {}{at}.", told.probability.text()));
        let before = r.checked_sub(1).and_then(|before| self.races.get(before));
        let product = match before {
            None => told.product.text(),
            Some(before) => times(&before.product, &told.probability, &told.product),
        };
        wrap(out, 2, &format!("Product so far: {product}"));
        wrap(out, 2, &self.event_in_words(told));
    }

    fn result(&self, out: &mut String) {
        out.push_str("Result\n");
        let mut line = |name: &str, value: &str| {
            let mut text = String::new();
            wrap(&mut text, 16, value);
            let name = format!("  {name:<14}");
            let _ = writeln!(out, "{name}{}", text.trim()); // writing to a string cannot fail
        };
        line("structure X", &breakable(&self.structure));
        line("trace T", &breakable(&self.trace));
        line("p(T)", &self.probability.text());
        line("log p(T)", &format!("{}{}", self.log_sign("≈ "), self.log_probability));
        match &self.over_traces {
            Ok(over) if over.share == self.one() => {
                line("P(X)", &format!("{}, for T is the only trace that leads to X", over.total.text()));
            }
            Ok(over) => {
                let sum = "the sum of p over all traces that lead to X";
                line("P(X)", &format!("{}, {sum}", over.total.text()));
                line("p(T)/P(X)", &over.share.text());
            }
            Err(too_large) => line("P(X)", &self.not_computed(too_large)),
        }
        line("default loss", &format!("{} ({})", self.loss, self.kind.losses()[0].1));
    }

    fn table_of_entries(&self, out: &mut String) {
        if self.entries.is_empty() {
            return;
        }
        out.push_str("Entries\n");
        wrap(
            out,
            2,
            "score: ∂ log p(T)/∂θ with θ = -log λ, that is Σ λ/Λ over the races with the entry, less 1 if it won one.",
        );
        wrap(
            out,
            2,
            "mean: of E given T, that is Σ 1/Λ over the races with the entry, plus 1/λ if it won none.",
        );
        let listed = self.listed_entries();
        let rest = self.entries.len() - listed.len();
        table(out, |cap| {
            let mut rows = vec![Row::head(&["", "λ", "score", "mean"])];
            for &k in &listed {
                let entry = &self.entries[k];
                rows.push(Row(vec![
                    Cell::Left(entry.label.clone()),
                    Cell::Right(entry.rate.brief(cap)),
                    Cell::Number(entry.score.parts(cap)),
                    entry
                        .mean
                        .as_ref()
                        .map_or_else(|| Cell::Left("—".to_owned()), |mean| Cell::Number(mean.parts(cap))),
                    Cell::Left(self.fate(k)),
                ]));
            }
            if rest > 0 {
                rows.push(Row(vec![Cell::Left(format!("… and {rest} more"))]));
            }
            rows
        });
        wrap(out, 2, &self.checks());
    }
}

/// `2/3 · 4/15 = 8/45 ≈ 0.177778`
fn times(left: &Fraction, right: &Fraction, product: &Fraction) -> String {
    let brief = |fraction: &Fraction| fraction.brief(super::fraction::SENTENCE);
    let text = product.text();
    let approximate = [brief(left), brief(right)].iter().any(|factor| factor.contains('≈'));
    if approximate || text.starts_with('≈') {
        return text;
    }
    format!("{} · {} = {text}", brief(left), brief(right))
}

/// JSON that may be broken after a comma.
fn breakable(json: &str) -> String {
    json.replace(',', ",\u{200b}")
}

/// Writes a paragraph in lines of at most [`WIDTH`] columns, each indented; breaks at spaces and at zero-width spaces,
/// which are left out.
fn wrap(out: &mut String, indent: usize, text: &str) {
    let mut width = 0;
    for word in text.split(' ') {
        for (i, piece) in word.split('\u{200b}').enumerate() {
            let gap = usize::from(i == 0 && width > indent);
            let length = piece.chars().count();
            if width > indent && width + gap + length > WIDTH {
                out.push('\n');
                width = 0;
            }
            if width == 0 {
                out.extend(std::iter::repeat_n(' ', indent));
                width = indent;
            } else if gap > 0 {
                out.push(' ');
                width += 1;
            }
            out.push_str(piece);
            width += length;
        }
    }
    out.push('\n');
}

enum Cell {
    Left(String),
    Right(String),
    Number(Parts),
}

struct Row(Vec<Cell>);

impl Row {
    fn head(names: &[&str]) -> Self {
        Self(names.iter().map(|name| Cell::Left((*name).to_owned())).collect())
    }
}

/// Widths of a column: of plain cells, of fractions, of decimals.
#[derive(Default, Clone, Copy)]
struct Widths {
    plain: usize,
    fraction: usize,
    decimal: usize,
}

impl Widths {
    fn all(self) -> usize {
        let gap = usize::from(self.fraction > 0 && self.decimal > 0);
        self.plain.max(self.fraction + gap + self.decimal)
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Writes the table with the longest fractions that fit.
fn table(out: &mut String, rows: impl Fn(usize) -> Vec<Row>) {
    for cap in CAPS {
        let rows = rows(cap);
        let columns = rows.iter().map(|row| row.0.len()).max().unwrap_or(0);
        let mut widths = vec![Widths::default(); columns];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(&row.0) {
                match cell {
                    Cell::Left(text) | Cell::Right(text) => width.plain = width.plain.max(length(text)),
                    Cell::Number(parts) => {
                        width.fraction = width.fraction.max(length(&parts.fraction));
                        width.decimal = width.decimal.max(length(&parts.decimal));
                    }
                }
            }
        }
        let total: usize = 2 + widths.iter().map(|width| width.all() + 2).sum::<usize>();
        if total <= WIDTH || cap == 0 {
            for row in &rows {
                write_row(out, row, &widths);
            }
            return;
        }
    }
}

fn write_row(out: &mut String, Row(cells): &Row, widths: &[Widths]) {
    let mut line = String::from("  ");
    for (cell, width) in cells.iter().zip(widths) {
        let all = width.all();
        // writing to a string cannot fail
        let _ = match cell {
            Cell::Left(text) => write!(line, "  {text:<all$}"),
            Cell::Right(text) => write!(line, "  {text:>all$}"),
            Cell::Number(Parts { fraction, decimal }) => {
                let gap = usize::from(width.fraction > 0 && width.decimal > 0);
                let decimals = all - width.fraction - gap;
                write!(line, "  {fraction:>0$}{1:2$}{decimal:<decimals$}", width.fraction, "", gap)
            }
        };
    }
    out.push_str(line.trim_end());
    out.push('\n');
}
