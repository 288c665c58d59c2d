//! `mutants`

use std::path::PathBuf;

use clap::Args;
use recursive_gumbel::mutants::estimates::Mistake;
use recursive_gumbel::mutants::{Mutant, kills};

use super::output::{Output, TableOrCsv};
use super::{Failure, Outcome, mutant, progress};

/// The implementations that are wrong on purpose, and with --matrix which check sees which of them.
///
/// The matrix says at how many draws each check refutes each mutant first, at a false alarm of one in a million for every
/// report: the median of several seeds. It begins with the right implementation of every structure: if that is refuted
/// there is no matrix. Exit status 1 if a mutant is not seen by any check.
#[derive(Args, Debug)]
pub(super) struct Mutants {
    /// Only these (default: all).
    #[arg(value_name = "NAME", value_parser = mutant::of_draws)]
    names: Vec<&'static Mutant>,
    /// Which check sees which: takes minutes.
    #[arg(long)]
    matrix: bool,
    /// Seeds of which the median is told.
    #[arg(long, value_name = "S", default_value_t = kills::SEEDS, requires = "matrix", value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// At most so many draws: a point stands for what takes more.
    #[arg(long, value_name = "N", default_value_t = 200_000, requires = "matrix", value_parser = clap::value_parser!(u64).range(10..=200_000))]
    most: u64,
    /// The format of the matrix.
    #[arg(long, value_enum, default_value_t = TableOrCsv::Table, requires = "matrix")]
    format: TableOrCsv,
    /// Write to this file, which appears only when it is complete, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// No sign of progress.
    #[arg(long)]
    quiet: bool,
}

impl Mutants {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let mut out = Output::open(self.out.as_deref())?;
        let mutants: Vec<&'static Mutant> =
            if self.names.is_empty() { Mutant::all().iter().collect() } else { self.names.clone() };
        if !self.matrix {
            let mut all: Vec<(&str, &str)> = mutants.iter().map(|of| (of.name(), of.words())).collect();
            if self.names.is_empty() {
                all.extend(Mistake::all().iter().map(|of| (of.name(), of.words())));
            }
            out.write(|out| all.iter().try_for_each(|(name, words)| writeln!(out, "{name:<34}{words}")))?;
            out.finish()?;
            return Ok(Outcome::Held);
        }
        let ladder: Vec<u64> = kills::LADDER.into_iter().filter(|draws| *draws <= self.most).collect();
        let bar = progress((mutants.len() + Mutant::models().len()) as u64, "mutants", self.quiet);
        let matrix = kills::matrix(&mutants, &ladder, self.seeds, || bar.inc(1)).map_err(Failure::input)?;
        bar.finish_and_clear();
        let text = match self.format {
            TableOrCsv::Table => matrix.table(),
            TableOrCsv::Csv => matrix.csv(),
        };
        out.write(|out| out.write_all(text.as_bytes()))?;
        out.finish()?;
        Ok(if matrix.survivors().is_empty() { Outcome::Held } else { Outcome::Refuted })
    }
}
