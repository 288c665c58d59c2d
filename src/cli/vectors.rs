//! `vectors`

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use rayon::prelude::*;
use recursive_gumbel::vectors::{self, Documents};

use super::output::Output;
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
}

/// Write all files, with their JSON Schema and a README: the same bytes each time and everywhere.
#[derive(Args, Debug)]
struct Write {
    /// The folder, which is made if there is none.
    dir: PathBuf,
    /// No sign of progress.
    #[arg(long)]
    quiet: bool,
}

/// Hold the files of a folder to the oracle: every case is worked out again, and then every byte is compared.
///
/// Exit status 1 if anything differs, with the case and what would be right.
#[derive(Args, Debug)]
struct Check {
    /// The folder, with all files that `vectors write` writes.
    dir: PathBuf,
    /// No sign of progress.
    #[arg(long)]
    quiet: bool,
}

/// What is told of a file at most.
const TOLD: usize = 5;

impl Vectors {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        match self.what {
            What::Write(write) => write.run(),
            What::Check(check) => check.run(),
        }
    }
}

/// All files by their names.
fn texts(quiet: bool) -> Result<BTreeMap<String, String>, Failure> {
    let files = vectors::files();
    let bar = progress(files.len() as u64, "files", quiet);
    let text = |(kind, operation, name): &(_, _, String)| {
        let text = vectors::text(*kind, *operation).map(|text| (name.clone(), text));
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
        for (name, text) in texts(self.quiet)? {
            let mut file = Output::open(Some(&self.dir.join(name)))?;
            file.write(|out| out.write_all(text.as_bytes()))?;
            file.finish()?;
        }
        Ok(Outcome::Held)
    }
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
        let files = vectors::files();
        let bar = progress(files.len() as u64, "files", self.quiet);
        let of = |(kind, operation, name): &(_, _, String)| -> Result<(String, usize, Vec<String>), Failure> {
            let text = read(&self.dir.join(name))?;
            let (cases, wrong) = vectors::check(*kind, *operation, &text);
            bar.inc(1);
            Ok((name.clone(), cases, wrong))
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
