//! The run as Markdown with mathematics.

use std::fmt::Write as _;

use num_rational::BigRational;
use num_traits::Zero;

use super::fraction::{float, float_tex};
use super::{Explanation, Fraction, Told};

/// Writes a line; writing to a string cannot fail.
macro_rules! line {
    ($out:expr) => { $out.push('\n') };
    ($out:expr, $($what:tt)*) => { let _ = writeln!($out, $($what)*); };
}

impl Explanation {
    /// The run as Markdown, with mathematics between `$` signs, a heading and a table per race.
    ///
    /// A fraction of more than 40 characters is given as a decimal with 12 significant digits.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        line!(out, "# One run of `{}`\n", self.kind.name());
        line!(out, "{}\n", self.model_in_words());
        line!(out, "{}\n", self.kind.about());
        line!(
            out,
            "Each entry has a rate $\\lambda$ and a weight $E \\sim \\mathrm{{Exp}}(\\lambda)$. The smallest weight of a race \
             wins: an entrant wins with probability $\\lambda/\\Lambda$, where $\\Lambda = \\sum \\lambda$ over all entrants. \
             The winner's weight is subtracted from those of all entrants. What is left of the losers is again \
             $\\mathrm{{Exp}}(\\lambda)$, whatever happened before: so the probabilities multiply.{}\n",
            self.on_absent()
        );
        if self.races.iter().any(|told| told.time.is_some()) {
            line!(
                out,
                "$E$ below is the weight when the race is held, $M$ the winning time: the smallest of them.\n"
            );
        }
        line!(
            out,
            "Decimals after $\\approx$ and in the columns of decimals are rounded, and a long fraction is given only so. \
             Everything else is exact, but for weights and times.\n"
        );
        if self.races.is_empty() {
            line!(out, "Nothing races: there is only one structure.\n");
        }
        for (r, told) in self.races.iter().enumerate() {
            self.race_in_markdown(&mut out, r, told);
        }
        if self.root.is_some() && !self.races.is_empty() {
            line!(out, "## Expansion\n");
            line!(out, "{}\n", self.before_expansions());
            for expansion in &self.expansions {
                line!(out, "- {}", self.expansion_in_words(expansion));
            }
            if !self.expansions.is_empty() {
                line!(out);
            }
        }
        self.result_in_markdown(&mut out);
        self.entries_in_markdown(&mut out);
        out
    }

    fn race_in_markdown(&self, out: &mut String, r: usize, told: &Told) {
        line!(out, "## Race {}: {}\n", r + 1, self.title(told));
        line!(out, "$$\\Lambda {}$$\n", told.total.tex_equals());
        let weighed = told.time.is_some();
        let (head, rule) = if weighed { (" $E$ |", "---:|") } else { ("", "") };
        line!(out, "| entrant | rate $\\lambda$ | probability $\\lambda/\\Lambda$ | decimal |{head} |");
        line!(out, "|:---|---:|---:|---:|{rule}:---|");
        let listed = self.listed_entrants(told);
        let (mut rate, mut probability) = (BigRational::zero(), BigRational::zero());
        let row = |label: &str, rate: &Fraction, probability: &Fraction| {
            let (rate, whole) = (rate.tex_cell(), probability.tex_cell());
            format!("| {label} | {rate} | {whole} | {} |", probability.decimal(6))
        };
        for (i, entrant) in told.entrants.iter().enumerate() {
            let entry = &self.entries[entrant.entry];
            if !listed.contains(&i) {
                rate += &entry.rate.0;
                probability += &entrant.probability.0;
                continue;
            }
            let wins = entrant.entry == told.winner;
            let label = if wins { format!("**{}**", entry.label) } else { entry.label.clone() };
            let weight = if weighed {
                format!(" {} |", entrant.weight.map(float).unwrap_or_default())
            } else {
                String::new()
            };
            let row = row(&label, &entry.rate, &entrant.probability);
            line!(out, "{row}{weight}{} |", if wins { " wins" } else { "" });
        }
        let rest = told.entrants.len() - listed.len();
        if rest > 0 {
            let row = row(&format!("… and {rest} more"), &Fraction(rate), &Fraction(probability));
            line!(out, "{row}{} |", if weighed { " |" } else { "" });
        }
        line!(out);
        let at =
            told.time.map_or_else(String::new, |time| format!(", at time $M \\approx {}$", float_tex(time)));
        line!(out, "{} wins{at}:\n", self.label(told.winner));
        line!(
            out,
            "$$\\frac{{\\lambda_w}}{{\\Lambda}} {}, \\qquad \\text{{product so far}} {}$$\n",
            told.probability.tex_equals(),
            told.product.tex_equals()
        );
        line!(out, "{}\n", self.event_in_words(told));
    }

    fn result_in_markdown(&self, out: &mut String) {
        line!(out, "## Result\n");
        line!(out, "- structure $X$: `{}`", self.structure);
        line!(out, "- trace $T$: `{}`", self.trace);
        line!(out, "- $p(T) {}$", self.probability.tex_equals());
        line!(out, "- $\\log p(T) {} {}$", self.log_sign("\\approx"), self.log_probability);
        match &self.over_traces {
            Ok(over) if over.share == self.one() => {
                line!(
                    out,
                    "- $P(X) {}$, for $T$ is the only trace that leads to $X$",
                    over.total.tex_equals()
                );
            }
            Ok(over) => {
                line!(
                    out,
                    "- $P(X) {}$, the sum of $p$ over all traces that lead to $X$",
                    over.total.tex_equals()
                );
                line!(out, "- $p(T)/P(X) {}$", over.share.tex_equals());
            }
            Err(too_large) => {
                line!(out, "- $P(X)$ {}", self.not_computed(too_large));
            }
        }
        line!(out, "- default loss {} ({})\n", self.loss, self.kind.losses()[0].1);
    }

    fn entries_in_markdown(&self, out: &mut String) {
        if self.entries.is_empty() {
            return;
        }
        line!(out, "## Entries\n");
        line!(
            out,
            "Score and conditional mean of entry $k$, with $\\theta_k = -\\log \\lambda_k$ and $S_r$ the entrants of race $r$:\n"
        );
        line!(
            out,
            "$$\\frac{{\\partial \\log p(T)}}{{\\partial \\theta_k}} = -[k \\text{{ won}}] + \\sum_{{r:\\, k \\in S_r}} \
             \\frac{{\\lambda_k}}{{\\Lambda_r}}, \\qquad \\mathbb{{E}}[E_k \\mid T] = \\sum_{{r:\\, k \\in S_r}} \
             \\frac{{1}}{{\\Lambda_r}} + [k \\text{{ never won}}] \\frac{{1}}{{\\lambda_k}}$$\n"
        );
        line!(out, "| entry | rate $\\lambda$ | score | decimal | mean | decimal | |");
        line!(out, "|:---|---:|---:|---:|---:|---:|:---|");
        let listed = self.listed_entries();
        for &k in &listed {
            let entry = &self.entries[k];
            let mean = match &entry.mean {
                Some(mean) => format!("{} | {}", mean.tex_cell(), mean.decimal(6)),
                None => "— | —".to_owned(),
            };
            let (rate, score) = (entry.rate.tex_cell(), entry.score.tex_cell());
            let decimal = entry.score.decimal(6);
            line!(out, "| {} | {rate} | {score} | {decimal} | {mean} | {} |", entry.label, self.fate(k));
        }
        let rest = self.entries.len() - listed.len();
        if rest > 0 {
            line!(out, "| … and {rest} more | | | | | | |");
        }
        line!(out, "\n{}", self.checks());
    }
}
