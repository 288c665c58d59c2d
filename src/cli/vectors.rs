//! `vectors`

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use rayon::prelude::*;
use recursive_gumbel::vectors::{self, Documents};

use super::harness::vectors::{Answered, File, Verdict, run};
use super::output::Output;
use super::report::quoted;
use super::{Failure, Outcome, progress};

/// Golden vectors: questions with their answers, in files, for every language.
///
/// One file for each structure and operation: runs on given exponentials, log-probability and score of given traces, exponentials given a
/// trace, their inverse, exact laws, and what must be refused. They are in vectors/ of the repository; its README tells their form.
#[derive(Args, Debug)]
pub(super) struct Vectors {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    Write(Write),
    Check(Check),
    Run(Run),
}

/// Write all files, with their JSON Schema and a README: the same bytes each time and everywhere.
#[derive(Args, Debug)]
struct Write {
    /// The folder, which is made if there is none.
    dir: PathBuf,
    /// Files of larger models too, with `_large` in their names.
    #[arg(long)]
    large: bool,
    /// No sign of progress.
    #[arg(long)]
    quiet: bool,
}

/// Hold the files of a folder to the oracle: every case is worked out again, and then every byte is compared.
///
/// Exit status 1 if anything differs, with the case and what would be right.
#[derive(Args, Debug)]
struct Check {
    /// The folder, with all files that `vectors write` writes; those of larger models only if they are there.
    dir: PathBuf,
    /// No sign of progress.
    #[arg(long)]
    quiet: bool,
}

/// Send the cases to a live implementation, as `harness` does, and say of each what came of it.
///
/// Runs, log-probabilities with scores, and conditional draws; numbers must be near to the exact ones up to the rounding of the dtype that
/// it computes in. Of one that computes in f32 only inputs that f32 holds are asked. The protocol is in docs/src/protocol.md.
///
/// Exit status: 0 all held, 1 refuted, 2 bad input or usage, 4 the implementation did not answer as it should, or had nothing to be asked.
#[derive(Args, Debug)]
struct Run {
    /// The command that starts the implementation, after `--`.
    #[arg(required = true, last = true)]
    command: Vec<String>,
    /// The files of this folder, instead of those that this program would write.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Not the cases with one of these flags, separated by commas: `tie` if ties are broken otherwise.
    #[arg(long, value_name = "FLAGS", value_delimiter = ',', value_parser = flag)]
    without: Vec<String>,
    /// The longest that an answer may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    timeout: f64,
    /// What is written: what is wrong, or a line of JSON for each case.
    #[arg(long, value_enum, default_value_t = Told::Text)]
    format: Told,
    /// Write to this file, which appears only when it is complete, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// No sign of progress.
    #[arg(long)]
    quiet: bool,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Text,
    Jsonl,
}

fn flag(name: &str) -> Result<String, String> {
    let names: Vec<&str> = vectors::FLAGS.iter().map(|(flag, _)| *flag).collect();
    let wrong = || format!("no such flag: want some of {}", names.join(", "));
    if names.contains(&name) { Ok(name.to_owned()) } else { Err(wrong()) }
}

/// What is told of a file at most.
const TOLD: usize = 5;

impl Vectors {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        match self.what {
            What::Write(write) => write.run(),
            What::Check(check) => check.run(),
            What::Run(run) => run.run(),
        }
    }
}

/// All files by their names.
fn texts(large: bool, quiet: bool) -> Result<BTreeMap<String, String>, Failure> {
    let mut files = vectors::File::all();
    files.extend(if large { vectors::File::large() } else { Vec::new() });
    let bar = progress(files.len() as u64, "files", quiet);
    let text = |file: &vectors::File| {
        let text = vectors::text(*file).map(|text| (file.name(), text));
        bar.inc(1);
        text
    };
    let all: Result<BTreeMap<String, String>, String> = files.par_iter().map(text).collect();
    bar.finish_and_clear();
    let mut all = all.map_err(Failure::input)?;
    let Documents { schema, readme } = vectors::documents().map_err(Failure::input)?;
    all.insert("schema.json".to_owned(), schema);
    all.insert("README.md".to_owned(), readme);
    Ok(all)
}

impl Write {
    fn run(self) -> Result<Outcome, Failure> {
        let failed = |error| Failure::Write { path: self.dir.clone(), error };
        fs::create_dir_all(&self.dir).map_err(failed)?;
        for (name, text) in texts(self.large, self.quiet)? {
            let mut file = Output::open(Some(&self.dir.join(name)))?;
            file.write(|out| out.write_all(text.as_bytes()))?;
            file.finish()?;
        }
        Ok(Outcome::Held)
    }
}

/// All files, and those of larger models that are there.
fn there(dir: &Path) -> Vec<vectors::File> {
    let mut files = vectors::File::all();
    files.extend(vectors::File::large().into_iter().filter(|file| dir.join(file.name()).exists()));
    files
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |error| Failure::Read { path: path.to_owned(), error };
    String::from_utf8(fs::read(path).map_err(failed)?).map_err(|_| failed(std::io::Error::other("not UTF-8")))
}

impl Check {
    fn run(self) -> Result<Outcome, Failure> {
        if !self.dir.is_dir() {
            let error = std::io::Error::other("no such folder: want one that `vectors write` wrote");
            return Err(Failure::Read { path: self.dir, error });
        }
        let files = there(&self.dir);
        let bar = progress(files.len() as u64, "files", self.quiet);
        let of = |file: &vectors::File| -> Result<(String, usize, Vec<String>), Failure> {
            let text = read(&self.dir.join(file.name()))?;
            let (cases, wrong) = vectors::check(*file, &text);
            bar.inc(1);
            Ok((file.name(), cases, wrong))
        };
        let mut checked: Vec<(String, usize, Vec<String>)> =
            files.par_iter().map(of).collect::<Result<_, _>>()?;
        bar.finish_and_clear();
        let Documents { schema, readme } = vectors::documents().map_err(Failure::input)?;
        for (name, exact) in [("schema.json", schema), ("README.md", readme)] {
            let differs = vectors::first_difference(&read(&self.dir.join(name))?, &exact);
            checked.push((name.to_owned(), 0, differs.into_iter().collect()));
        }
        let cases: usize = checked.iter().map(|(_, cases, _)| cases).sum();
        let wrong: usize = checked.iter().map(|(_, _, wrong)| wrong.len()).sum();
        let mut out = Output::open(None)?;
        out.write(|out| {
            if wrong == 0 {
                return writeln!(out, "All held: {cases} cases in {} files.", files.len());
            }
            let bad = checked.iter().filter(|(_, _, wrong)| !wrong.is_empty()).count();
            writeln!(
                out,
                "REFUTED: {wrong} things in {bad} of {} files, which have {cases} cases.",
                checked.len()
            )?;
            for (name, _, wrong) in &checked {
                wrong.iter().take(TOLD).try_for_each(|what| writeln!(out, "  {name}: {what}"))?;
                if wrong.len() > TOLD {
                    writeln!(out, "  {name}: and {} more", wrong.len() - TOLD)?;
                }
            }
            Ok(())
        })?;
        out.finish()?;
        Ok(if wrong == 0 { Outcome::Held } else { Outcome::Refuted })
    }
}

impl Run {
    fn run(self) -> Result<Outcome, Failure> {
        if !(self.timeout > 0.0 && self.timeout < 1e6) {
            return Err(Failure::input(format!("--timeout {}: want a number of seconds", self.timeout)));
        }
        let file = |file: vectors::File| {
            let (name, text) = match &self.dir {
                Some(dir) => (file.name(), read(&dir.join(file.name()))?),
                None => (file.name(), vectors::text(file).map_err(Failure::input)?),
            };
            let value = serde_json::from_str(&text);
            let value = value.map_err(|error| Failure::input(format!("{name}: not JSON: {error}")))?;
            Ok(File { name, operation: file.operation, structure: file.kind.name(), value })
        };
        let files = self.dir.as_ref().map_or_else(vectors::File::all, |dir| there(dir));
        let files: Vec<File> = files.into_par_iter().map(file).collect::<Result<_, Failure>>()?;
        let mut out = Output::open(self.out.as_deref())?;
        let bar = progress(files.len() as u64, "files", self.quiet);
        let (name, all) = run(&self.command, self.timeout, &self.without, &files, || bar.inc(1))?;
        bar.finish_and_clear();
        out.write(|out| match self.format {
            Told::Text => self.text(out, &name, &files, &all),
            Told::Jsonl => jsonl(out, &all),
        })?;
        out.finish()?;
        let any = |is: fn(&Verdict) -> bool| all.iter().any(|of| is(&of.verdict));
        Ok(match (any(|of| matches!(of, Verdict::Refuted(_))), any(|of| matches!(of, Verdict::Held))) {
            (true, _) => Outcome::Refuted,
            (false, true) => Outcome::Held,
            (false, false) => Outcome::NotJudged,
        })
    }

    fn text(
        &self,
        out: &mut dyn std::io::Write,
        name: &str,
        files: &[File],
        all: &[Answered],
    ) -> std::io::Result<()> {
        let command: Vec<String> = self.command.iter().map(|word| quoted(word)).collect();
        let command = command.join(" ");
        let asked = all.iter().filter(|of| !matches!(of.verdict, Verdict::NotAsked(_))).count();
        let refuted = all.iter().filter(|of| matches!(of.verdict, Verdict::Refuted(_))).count();
        let left = all.len() - asked;
        let verdict = match (asked, refuted) {
            (0, _) => "Nothing was asked".to_owned(),
            (_, 0) => format!("All held: {asked} cases"),
            _ => format!("REFUTED: {refuted} of {asked} cases"),
        };
        writeln!(out, "{verdict}, {left} not asked. {name}, by {command}.")?;
        for file in files {
            let of: Vec<&Answered> = all.iter().filter(|of| of.file == file.name).collect();
            let wrong = || {
                of.iter().filter_map(|of| match &of.verdict {
                    Verdict::Refuted(what) => Some((&of.id, what)),
                    _ => None,
                })
            };
            wrong().take(TOLD).try_for_each(|(id, what)| writeln!(out, "  {id}: {what}"))?;
            if wrong().count() > TOLD {
                writeln!(
                    out,
                    "  {}: and {} more (--format jsonl has all)",
                    file.name,
                    wrong().count() - TOLD
                )?;
            }
        }
        let mut why: BTreeMap<&str, usize> = BTreeMap::new();
        for of in all {
            if let Verdict::NotAsked(reason) = &of.verdict {
                *why.entry(reason).or_insert(0) += 1;
            }
        }
        why.iter().try_for_each(|(why, count)| writeln!(out, "not asked: {count} cases: {why}"))
    }
}

/// One line for each case.
fn jsonl(out: &mut dyn std::io::Write, all: &[Answered]) -> std::io::Result<()> {
    all.iter().try_for_each(|of| {
        let (verdict, note) = match &of.verdict {
            Verdict::Held => ("held", ""),
            Verdict::Refuted(what) => ("refuted", &**what),
            Verdict::NotAsked(why) => ("not asked", &**why),
        };
        let line = serde_json::json!({"id": of.id, "verdict": verdict, "note": note});
        writeln!(out, "{line}")
    })
}
