//! The command line: what all commands share.

mod batch;
mod bench;
mod bench_batch;
mod calibrate;
mod check;
mod ci;
mod enumerate;
mod explain;
mod harness;
mod loss;
mod mutant;
mod mutants;
mod output;
mod report;
mod sample;
mod serve;
mod table;
mod toy;
mod variance;
mod vectors;
mod verify;

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use gumbel_oracle::limit::Limit;
use gumbel_oracle::model::Model;
use recursive_gumbel::fast;
use recursive_gumbel::sample::{Reference, Sampler};

/// Exact laws and reference samplers for the recursive Gumbel-Max trick, and what holds them together.
///
/// Perturb the edges of a graph (or cells, or positions) with independent exponentials, run Kruskal (or Chu-Liu-Edmonds,
/// greedy matching, divide and conquer, top-k), keep the trace. This program knows the exact law of the result for small
/// inputs, and holds samplers to it.
///
/// Exit status: 0 all held, 1 refuted, 2 bad input or usage, 3 underpowered, 4 nothing could be judged.
#[derive(Parser, Debug)]
#[command(name = "recursive-gumbel", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Verify(verify::Verify),
    Check(check::Check),
    Harness(harness::Harness),
    Enumerate(enumerate::Enumerate),
    Explain(explain::Explain),
    Variance(variance::Variance),
    Toy(toy::Toy),
    Sample(sample::Sample),
    Serve(serve::Serve),
    Bench(bench::Bench),
    Vectors(vectors::Vectors),
    Mutants(mutants::Mutants),
    Calibrate(calibrate::Calibrate),
}

/// How a command ends when nothing went wrong on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// All held.
    Held,
    /// Something was refuted.
    Refuted,
    /// Nothing refuted, but a departure of the stated size could have been missed.
    Underpowered,
    /// There was nothing to judge.
    NotJudged,
    /// Someone asked it to stop: what was done is there.
    Interrupted,
}

/// Why a command could not be carried out: bad input or usage, exit status 2, unless the reader has gone.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{}: {error}", named(path))]
    Read { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("{}: {error}", named(path))]
    Model { path: PathBuf, error: Box<gumbel_oracle::model::ModelError> },
    #[error("standard output: {0}")]
    Stdout(io::Error),
    #[error("{0}")]
    Input(String),
    /// Of an implementation that does not answer: exit status 4.
    #[error("{0}")]
    Fault(String),
}

impl Failure {
    fn input(error: impl std::fmt::Display) -> Self {
        Self::Input(error.to_string())
    }

    fn fault(fault: impl std::fmt::Display) -> Self {
        Self::Fault(fault.to_string())
    }

    /// The other end of the pipe was closed: no error of ours.
    fn reader_gone(&self) -> bool {
        matches!(self, Self::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Verify(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Harness(command) => command.run(),
        Command::Enumerate(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Variance(command) => command.run(),
        Command::Toy(command) => command.run(),
        Command::Sample(command) => command.run(),
        Command::Serve(command) => command.run(),
        Command::Bench(command) => command.run(),
        Command::Vectors(command) => command.run(),
        Command::Mutants(command) => command.run(),
        Command::Calibrate(command) => command.run(),
    };
    match done {
        Ok(Outcome::Held) => ExitCode::SUCCESS,
        Ok(Outcome::Refuted) => ExitCode::from(1),
        Ok(Outcome::Underpowered) => ExitCode::from(3),
        Ok(Outcome::NotJudged) => ExitCode::from(4),
        Ok(Outcome::Interrupted) => ExitCode::from(130),
        Err(failure) if failure.reader_gone() => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "error: {failure}"); // nowhere left to complain
            ExitCode::from(if matches!(failure, Failure::Fault(_)) { 4 } else { 2 })
        }
    }
}

/// The name of an input in messages.
fn named(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

/// Reads a model file; `-` is standard input.
fn read_model(path: &Path) -> Result<Model, Failure> {
    parse_model(path, &read_text(path)?)
}

/// The model of a file that was read.
fn parse_model(path: &Path, text: &str) -> Result<Model, Failure> {
    Model::parse(text).map_err(|error| Failure::Model { path: path.to_owned(), error: Box::new(error) })
}

/// Reads a file, without a byte order mark.
fn read_text(path: &Path) -> Result<String, Failure> {
    let unread = |error| Failure::Read { path: path.to_owned(), error };
    let text = if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map_err(unread)?;
        text
    } else {
        std::fs::read_to_string(path).map_err(unread)?
    };
    Ok(text.strip_prefix('\u{feff}').map(ToOwned::to_owned).unwrap_or(text))
}

/// A sampler of a model: the fast one, or the plain one.
fn sampler(model: &Model, seed: u64, reference: bool) -> Result<Box<dyn Sampler + '_>, Failure> {
    match reference {
        true => Ok(Box::new(Reference::new(model, seed).map_err(Failure::input)?)),
        false => fast::of_model(model, seed).map_err(Failure::input),
    }
}

/// The limit on enumerations, shared by the commands that enumerate.
#[derive(clap::Args, Debug)]
struct Limits {
    /// The most traces, structures or states to visit.
    #[arg(long, value_name = "COUNT", default_value_t = Limit::default().0)]
    limit: u64,
}

impl Limits {
    fn get(&self) -> Limit {
        Limit(self.limit)
    }
}

/// A sign of life on standard error while something of unknown length goes on, if that is a terminal and it is wanted.
fn spinner(what: String, quiet: bool) -> indicatif::ProgressBar {
    if quiet {
        return indicatif::ProgressBar::hidden();
    }
    let spinner = indicatif::ProgressBar::new_spinner().with_message(what);
    spinner.enable_steady_tick(std::time::Duration::from_millis(200));
    spinner
}

/// A progress bar on standard error, if that is a terminal and it is wanted.
fn progress(length: u64, what: &'static str, quiet: bool) -> indicatif::ProgressBar {
    if quiet {
        return indicatif::ProgressBar::hidden();
    }
    let style = indicatif::ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
    let bar = indicatif::ProgressBar::new(length).with_message(what);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
