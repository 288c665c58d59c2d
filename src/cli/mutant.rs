//! Ways in which `serve` can be wrong, for those who try a harness.

use std::io::{self, Write as _};
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use recursive_gumbel::mutants;
use recursive_gumbel::mutants::estimates::Mistake;
use serde_json::{Value, json};

/// A planted mistake.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mutant {
    /// One of the library, in whatever it says of draws and traces.
    Draws(&'static mutants::Mutant),
    /// One of the library, in its estimates of gradients.
    Estimates(&'static Mistake),
    /// It does not answer as it should when it is asked for more than two draws.
    Answers(Misbehaviour),
}

/// What it does when it is asked for more than two draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misbehaviour {
    /// It ends.
    Crash,
    /// It does not answer.
    Hang,
    /// It says something that is no JSON.
    Garbage,
    /// It answers another request.
    WrongId,
    /// It gives one draw too few.
    Short,
    /// It gives a text for a number.
    Text,
    /// It gives a null for a number.
    Null,
    /// It never ends the line.
    Endless,
    /// It has an error.
    Refuses,
    /// It gives draws and an error.
    Both,
}

/// By their names; those of the library are [`mutants::Mutant::all`] and [`Mistake::all`].
const OTHERS: [(&str, Mutant); 10] = [
    ("crash", Mutant::Answers(Misbehaviour::Crash)),
    ("hang", Mutant::Answers(Misbehaviour::Hang)),
    ("garbage", Mutant::Answers(Misbehaviour::Garbage)),
    ("wrong_id", Mutant::Answers(Misbehaviour::WrongId)),
    ("short", Mutant::Answers(Misbehaviour::Short)),
    ("text", Mutant::Answers(Misbehaviour::Text)),
    ("null", Mutant::Answers(Misbehaviour::Null)),
    ("endless", Mutant::Answers(Misbehaviour::Endless)),
    ("refuses", Mutant::Answers(Misbehaviour::Refuses)),
    ("both", Mutant::Answers(Misbehaviour::Both)),
];

const UNKNOWN: &str = "no such mutant: docs/src/mutants.md has the names";

/// The mutant of the library of that name that draws.
pub(super) fn of_draws(name: &str) -> Result<&'static mutants::Mutant, String> {
    let estimates = || match Mistake::named(name) {
        Some(_) => format!("{name} is a mistake of estimators: the matrix is of those that draw"),
        None => UNKNOWN.to_owned(),
    };
    mutants::Mutant::named(name).ok_or_else(estimates)
}

/// The mutant of the library of that name.
pub(super) fn of_library(name: &str) -> Result<Mutant, String> {
    let draws = mutants::Mutant::named(name).map(Mutant::Draws);
    draws.or_else(|| Mistake::named(name).map(Mutant::Estimates)).ok_or_else(|| UNKNOWN.to_owned())
}

impl FromStr for Mutant {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match OTHERS.iter().find(|(other, _)| *other == name) {
            Some((_, mutant)) => Ok(*mutant),
            None => of_library(name),
        }
    }
}

impl Mutant {
    /// The one of the library that draws.
    pub(super) fn draws(self) -> Option<&'static mutants::Mutant> {
        if let Self::Draws(mutant) = self { Some(mutant) } else { None }
    }

    /// The one of the library that estimates.
    pub(super) fn estimates(self) -> Option<&'static Mistake> {
        if let Self::Estimates(mistake) = self { Some(mistake) } else { None }
    }

    /// What it says in the place of these draws; `None` if it says them.
    pub(super) fn instead(self, id: &str, draws: &str) -> io::Result<Option<String>> {
        if let Self::Answers(how) = self { how.instead(id, draws).map(Some) } else { Ok(None) }
    }
}

impl Misbehaviour {
    /// What it says in the place of these draws.
    fn instead(self, id: &str, draws: &str) -> io::Result<String> {
        Ok(match self {
            Self::Crash => {
                writeln!(io::stderr(), "a mutant that crashes")?;
                std::process::exit(3);
            }
            Self::Hang => loop {
                thread::sleep(Duration::from_secs(1));
            },
            Self::Endless => {
                let (mut out, many) = (io::stdout().lock(), [b'x'; 1 << 16]);
                loop {
                    out.write_all(&many)?;
                }
            }
            Self::Garbage => "Traceback (most recent call last):\n".to_owned(),
            Self::WrongId => format!("{{\"id\":\"other\",\"ok\":{draws}}}\n"),
            Self::Refuses => format!("{{\"id\":{id},\"error\":\"out of memory\"}}\n"),
            Self::Both => format!("{{\"id\":{id},\"ok\":{draws},\"error\":\"out of memory\"}}\n"),
            Self::Short | Self::Text | Self::Null => {
                let mut draws: Value = serde_json::from_str(draws)?;
                let columns = draws.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut);
                for column in columns.filter_map(Value::as_array_mut) {
                    match (self, first_number(column)) {
                        (Self::Short, _) => drop(column.pop()),
                        (Self::Text, Some(number)) => *number = json!("0.5"),
                        (_, Some(number)) => *number = Value::Null,
                        (_, None) => {}
                    }
                }
                format!("{{\"id\":{id},\"ok\":{draws}}}\n")
            }
        })
    }
}

fn first_number(list: &mut [Value]) -> Option<&mut Value> {
    match list.first_mut()? {
        Value::Array(inner) => first_number(inner),
        number => Some(number),
    }
}
