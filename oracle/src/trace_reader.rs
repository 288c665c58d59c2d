//! Reading traces: what structures share.

use serde::de::Deserialize;

use crate::builtin::{Builtin, list};
use crate::kind::Entry;
use crate::problem::TraceProblem;
use crate::race::Trace;
use crate::recursion;

/// JSON of the form of this structure.
pub(crate) fn parse<'a, A: Builtin, T: Deserialize<'a>>(
    text: &'a str,
    want: &'static str,
) -> Result<T, TraceProblem> {
    serde_json::from_str(text).map_err(|error| TraceProblem::Form {
        structure: A::KIND.name(),
        want,
        detail: error.to_string(),
    })
}

/// The number of an entry that wins a race.
pub(crate) fn number_of<A: Builtin>(algorithm: &A, race: usize, entry: Entry) -> Result<usize, TraceProblem> {
    let found = (0..algorithm.entry_count()).find(|&k| algorithm.entry(k) == entry);
    found.ok_or_else(|| TraceProblem::NoSuchEntry { race, entry: entry.to_string() })
}

/// Entries as in canonical JSON.
pub(crate) fn names<A: Builtin>(algorithm: &A, entries: &[usize]) -> String {
    list(entries.iter().map(|&k| algorithm.entry(k)))
}

/// The same, of positions.
pub(crate) fn of_positions<A: Builtin>(algorithm: &A, text: &str) -> Result<Trace, TraceProblem> {
    let positions: Vec<usize> = parse::<A, _>(text, "the positions in the order drawn, [i,…]")?;
    of_winners(algorithm, &positions.into_iter().map(Entry::Position).collect::<Vec<_>>())
}

/// The trace of an algorithm that holds one race at a time, from its winners in order.
pub(crate) fn of_winners<A: Builtin>(algorithm: &A, winners: &[Entry]) -> Result<Trace, TraceProblem> {
    let mut race = 0;
    let path = recursion::follow(algorithm, |_, _, entrants| {
        let Some(&winner) = winners.get(race) else {
            return Err(TraceProblem::TooShort { races: race, entrants: names(algorithm, entrants) });
        };
        let number = number_of(algorithm, race, winner)?;
        if !entrants.contains(&number) {
            let (winner, entrants) = (winner.to_string(), names(algorithm, entrants));
            return Err(TraceProblem::NotAnEntrant { race, winner, entrants });
        }
        race += 1;
        Ok(number)
    })?;
    if race < winners.len() {
        return Err(TraceProblem::TooLong { given: winners.len(), held: race });
    }
    Ok(path.trace)
}
