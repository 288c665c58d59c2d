//! The kill matrix: which check sees which mistake, and at how many draws.

use std::fmt::Write as _;

use gumbel_oracle::model::Model;
use rayon::prelude::*;

use super::{Mutant, Mutated};
use crate::check::apart::{Stops, each};
use crate::check::{Asked, CheckError, Looks, Method};
use crate::sample::{Field, Reference, Sampler};

/// Numbers of draws at which all checks judge; the last is the default of `verify`.
pub const LADDER: [u64; 10] = [10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 200_000];

/// The false-alarm probability of every report, at every number of draws.
pub const ALPHA: f64 = 1e-6;

/// Seeds of which the median is told.
pub const SEEDS: u64 = 20;

/// How many draws each check takes, for each of several implementations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// The checks, in the order of a report; one that is exact and has the subject of a test is called so.
    pub checks: Vec<String>,
    /// The implementations.
    pub rows: Vec<Kills>,
}

/// Of one implementation: at how many draws each check refutes it first, or that it does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kills {
    /// The mutant; `None` is the implementation without a mistake.
    pub mutant: Option<&'static str>,
    /// The structure.
    pub structure: &'static str,
    /// By check.
    pub draws: Vec<Option<u64>>,
}

/// Why there is no matrix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KillsError {
    /// A right implementation was refuted: then nothing that refutes a wrong one says anything.
    #[error("without a mistake {structure} is refuted from seed {seed} by {check}: the matrix is void")]
    Void {
        /// The structure.
        structure: &'static str,
        /// The seed.
        seed: u64,
        /// The check.
        check: String,
    },
    /// The model of a mutant is none.
    #[error(transparent)]
    Model(#[from] gumbel_oracle::model::ModelError),
    /// The draws cannot be made.
    #[error(transparent)]
    Sample(#[from] crate::sample::SampleError),
    /// They cannot be judged.
    #[error(transparent)]
    Check(#[from] CheckError),
}

/// Makes the matrix: first the right implementation of every structure, which no check may refute, then the mutants, each on its
/// model; the upper median of this many seeds. `done` is told when one implementation is done.
///
/// # Errors
/// [`KillsError`].
pub fn matrix(
    mutants: &[&'static Mutant],
    ladder: &[u64],
    seeds: u64,
    done: impl Fn() + Sync,
) -> Result<Matrix, KillsError> {
    let mut all: Vec<(Option<&'static Mutant>, &str)> =
        Mutant::models().into_iter().map(|text| (None, text)).collect();
    all.extend(mutants.iter().map(|mutant| (Some(*mutant), mutant.model())));
    let of = |(mutant, text): &(Option<&'static Mutant>, &str)| {
        let row = of_one(*mutant, text, ladder, seeds);
        done();
        row
    };
    let found: Result<Vec<_>, KillsError> = all.par_iter().map(of).collect();
    let found = found?;
    let mut checks: Vec<String> = Vec::new();
    for (_, _, subjects) in &found {
        // Each new one after the one that it follows.
        let mut after = 0;
        for (subject, _) in subjects {
            match checks.iter().position(|check| check == subject) {
                Some(place) => after = place + 1,
                None => {
                    checks.insert(after, subject.clone());
                    after += 1;
                }
            }
        }
    }
    let row = |(mutant, structure, subjects): &(Option<&'static Mutant>, &'static str, Subjects)| {
        let draws = |check: &String| subjects.iter().find(|(subject, _)| subject == check)?.1;
        let draws = checks.iter().map(draws).collect();
        Kills { mutant: mutant.map(Mutant::name), structure, draws }
    };
    Ok(Matrix { rows: found.iter().map(row).collect(), checks })
}

type Subjects = Vec<(String, Option<u64>)>;

fn of_one(
    mutant: Option<&'static Mutant>,
    text: &str,
    ladder: &[u64],
    seeds: u64,
) -> Result<(Option<&'static Mutant>, &'static str, Subjects), KillsError> {
    let model = Model::parse(text)?;
    let structure = model.kind().name();
    let method = Method::of(&model, &Field::DRAWN, &Asked::only(1.0), ALPHA);
    let of_seed = |seed: u64| -> Result<Subjects, KillsError> {
        let sampler: Box<dyn Sampler> = match mutant {
            Some(mutant) => Box::new(Mutated::new(&model, mutant, seed)?),
            None => Box::new(Reference::new(&model, seed)?),
        };
        let stops = Stops { at: ladder, alpha: &[ALPHA], looks: Looks::Once, objective: None };
        let found = each(method, &model, sampler.as_ref(), &stops)?;
        let tested = |subject: &str| found.iter().any(|check| check.subject == subject && check.tests > 0);
        let mut subjects: Subjects = Vec::new();
        for check in &found {
            let exact = if check.tests == 0 && tested(check.subject) { " (exact)" } else { "" };
            let (name, first) = (format!("{}{exact}", check.subject), check.shared[0]);
            match subjects.iter_mut().find(|(subject, _)| *subject == name) {
                Some((_, draws)) => *draws = [*draws, first].into_iter().flatten().min(),
                None => subjects.push((name, first)),
            }
        }
        match subjects.iter().find(|(_, first)| first.is_some()) {
            Some((check, _)) if mutant.is_none() => {
                Err(KillsError::Void { structure, seed, check: check.clone() })
            }
            _ => Ok(subjects),
        }
    };
    let by_seed: Result<Vec<Subjects>, KillsError> = (1..=seeds).into_par_iter().map(of_seed).collect();
    let by_seed = by_seed?;
    let median = |place: usize| {
        let mut draws: Vec<u64> =
            by_seed.iter().map(|subjects| subjects[place].1.unwrap_or(u64::MAX)).collect();
        draws.sort_unstable();
        draws.get(draws.len() / 2).copied().filter(|draws| *draws < u64::MAX)
    };
    let subjects = by_seed.first().into_iter().flatten().enumerate();
    let subjects = subjects.map(|(place, (subject, _))| (subject.clone(), median(place))).collect();
    Ok((mutant, structure, subjects))
}

impl Kills {
    /// The first check, in the order of a report, of those that take the fewest draws.
    #[must_use]
    pub fn first<'m>(&self, of: &'m Matrix) -> Option<(&'m str, u64)> {
        let seen =
            of.checks.iter().zip(&self.draws).filter_map(|(check, draws)| Some((check.as_str(), (*draws)?)));
        seen.min_by_key(|(_, draws)| *draws)
    }
}

impl Matrix {
    /// As CSV: mutant, structure, and the draws that each check takes; empty where it does not see.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut text = format!("mutant,structure,{}\n", self.checks.join(","));
        for row in &self.rows {
            let draws = row.draws.iter().map(|draws| draws.map_or(String::new(), |draws| draws.to_string()));
            let draws: Vec<String> = draws.collect();
            let _ = writeln!(text, "{},{},{}", row.mutant.unwrap_or(NONE), row.structure, draws.join(",")); // a `String` takes all
        }
        text
    }

    /// What [`csv`](Self::csv) wrote. `None` if it is not that, or not of these mutants.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let checks: Vec<String> =
            lines.next()?.strip_prefix("mutant,structure,")?.split(',').map(str::to_owned).collect();
        let row = |line: &str| {
            let mut cells = line.split(',');
            let mutant = cells.next().filter(|name| *name != NONE);
            let mutant = mutant.map_or(Some(None), |name| Some(Some(Mutant::named(name)?.name())))?;
            let structure = cells.next()?;
            let structure = gumbel_oracle::model::Kind::ALL
                .iter()
                .map(|kind| kind.name())
                .find(|name| *name == structure)?;
            let draws =
                cells.map(|cell| if cell.is_empty() { Some(None) } else { Some(Some(cell.parse().ok()?)) });
            let draws: Vec<Option<u64>> = draws.collect::<Option<_>>()?;
            (draws.len() == checks.len()).then_some(Kills { mutant, structure, draws })
        };
        let rows = lines.map(row).collect::<Option<_>>()?;
        Some(Self { checks, rows })
    }

    /// The same, for people: a column for each check, a sign for the place in the [`LADDER`].
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        let sign = |draws: &Option<u64>| {
            let place = draws.and_then(|draws| LADDER.iter().position(|stop| *stop == draws));
            place.map_or('.', |place| SIGNS[place])
        };
        // A `String` takes all that is written below.
        let _ = writeln!(text, "{:<34}{:<15}{}", "mutant", "of", self.letters().join(" "));
        for row in &self.rows {
            let signs: Vec<String> = row.draws.iter().map(|draws| sign(draws).to_string()).collect();
            let _ =
                writeln!(text, "{:<34}{:<15}{}", row.mutant.unwrap_or(NONE), row.structure, signs.join(" "));
        }
        let draws = LADDER.iter().zip(SIGNS).map(|(draws, sign)| format!("{sign} = {draws}"));
        let _ = writeln!(text, "\ndraws: {}\n", draws.collect::<Vec<_>>().join(", "));
        let _ = writeln!(text, "{:<4}{:<37}{:>6}{:>7}{:>7}", "", "check", "sees", "first", "alone");
        for ((letter, check), worth) in self.letters().iter().zip(&self.checks).zip(self.worth()) {
            let _ =
                writeln!(text, "{letter:<4}{check:<37}{:>6}{:>7}{:>7}", worth.sees, worth.first, worth.alone);
        }
        text
    }

    fn letters(&self) -> Vec<String> {
        let letters = ('a'..='z').chain('A'..='Z').map(String::from);
        letters.take(self.checks.len()).collect()
    }

    /// What each check is needed for.
    #[must_use]
    pub fn worth(&self) -> Vec<Worth> {
        let of = |check: usize| {
            let seen: Vec<&Kills> = self.rows.iter().filter(|row| row.draws[check].is_some()).collect();
            let fewest = |row: &Kills| row.draws.iter().flatten().min().copied();
            Worth {
                sees: seen.len(),
                first: seen.iter().filter(|row| row.draws[check] == fewest(row)).count(),
                alone: seen.iter().filter(|row| row.draws.iter().flatten().count() == 1).count(),
            }
        };
        (0..self.checks.len()).map(of).collect()
    }

    /// The mutants that no check sees.
    #[must_use]
    pub fn survivors(&self) -> Vec<&'static str> {
        let unseen = self.rows.iter().filter(|row| row.draws.iter().all(Option::is_none));
        unseen.filter_map(|row| row.mutant).collect()
    }

    /// The same of so many draws at most: what takes more is not seen.
    #[must_use]
    pub fn up_to(mut self, most: u64) -> Self {
        let draws = self.rows.iter_mut().flat_map(|row| &mut row.draws);
        draws.for_each(|draws| *draws = draws.filter(|draws| *draws <= most));
        self
    }
}

/// How many mutants a check sees, at how many of them no check takes fewer draws, and how many no other check sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worth {
    /// See there.
    pub sees: usize,
    /// See there.
    pub first: usize,
    /// See there.
    pub alone: usize,
}

/// The implementation without a mistake.
const NONE: &str = "none";
/// One for each place of the [`LADDER`].
const SIGNS: [char; 10] = ['1', '2', '3', '4', '5', '6', '7', '8', '9', 'X'];
