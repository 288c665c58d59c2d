//! Ways in which `serve` can be wrong, for those who try a harness.

use std::io::{self, Write as _};
use std::thread;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};

/// A planted mistake.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
#[value(rename_all = "snake_case")]
pub(super) enum Mutant {
    /// In runs the largest exponential wins.
    Largest,
    /// The log-probability of a trace is off by log 2.
    LogProbHalved,
    /// The score of a trace is taken in log λ instead of θ = -log λ.
    ScoreSign,
    /// Conditional draws of given traces: those who never won have twice as much left.
    ResidualsDoubled,
    /// Conditional draws of given traces do not look at the trace.
    Unconditional,
    /// Draws take the rates for means.
    RatesForMeans,
    /// Estimates of gradients are half as long as they should be.
    GradientHalved,
    /// Estimates of gradients are in log λ instead of θ = -log λ.
    GradientSign,
    /// Every seed is the same.
    OneSeed,
    /// Asked for more than two draws, it ends.
    Crash,
    /// Asked for more than two draws, it does not answer.
    Hang,
    /// Asked for more than two draws, it says something that is no JSON.
    Garbage,
    /// Asked for more than two draws, it answers another request.
    WrongId,
    /// Asked for more than two draws, it gives one draw too few.
    Short,
    /// Asked for more than two draws, it gives a text for a number.
    Text,
    /// Asked for more than two draws, it gives a null for a number.
    Null,
    /// Asked for more than two draws, it never ends the line.
    Endless,
    /// Asked for more than two draws, it has an error.
    Refuses,
    /// Asked for more than two draws, it gives draws and an error.
    Both,
}

impl Mutant {
    /// What it says in the place of these draws; `None` if it says them.
    pub(super) fn instead(self, id: &str, draws: &str) -> io::Result<Option<String>> {
        Ok(Some(match self {
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
            _ => return Ok(None),
        }))
    }
}

fn first_number(list: &mut [Value]) -> Option<&mut Value> {
    match list.first_mut()? {
        Value::Array(inner) => first_number(inner),
        number => Some(number),
    }
}
