//! The sentences that text and Markdown share.

use gumbel_oracle::limit::TooLarge;
use gumbel_oracle::model::Kind;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::One;

use super::fraction::{Fraction, SENTENCE};
use super::{Event, Expansion, Explanation, Stage, Told};

/// The most items of a list in a sentence, of vertices in a set, of entrants in a table.
pub(super) const MOST: usize = 12;

/// `a`, `a and b`, `a, b and c`; of a long list the beginning.
pub(super) fn listed(items: &[String]) -> String {
    match items {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        _ if items.len() > MOST + 1 => {
            format!("{}, … and {} more", items[..MOST].join(", "), items.len() - MOST)
        }
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `{0,1,2}`; of a large set the beginning.
pub(super) fn set(items: &[usize]) -> String {
    let shown: Vec<String> = items.iter().take(MOST).map(usize::to_string).collect();
    if items.len() > MOST + 1 {
        format!("{{{},… {} in all}}", shown.join(","), items.len())
    } else {
        let all: Vec<String> = items.iter().map(usize::to_string).collect();
        format!("{{{}}}", all.join(","))
    }
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `row 3`, or `rows {0,2}`.
fn lines(what: &str, items: &[usize]) -> String {
    match items {
        [one] => format!("{what} {one}"),
        many => format!("{what}s {}", set(many)),
    }
}

/// `position 3`, or `positions 3 to 5`.
fn positions((first, last): (usize, usize)) -> String {
    if first == last { format!("position {first}") } else { format!("positions {first} to {last}") }
}

impl Explanation {
    pub(super) fn label(&self, entry: usize) -> &str {
        self.entries.get(entry).map_or("", |entry| &entry.label)
    }

    fn labels(&self, entries: impl IntoIterator<Item = usize>) -> String {
        listed(&entries.into_iter().map(|k| self.label(k).to_owned()).collect::<Vec<_>>())
    }

    /// What the model is.
    pub(super) fn model_in_words(&self) -> String {
        let entries = self.entries.len();
        let held = plural(self.races.len(), "race", "races");
        let what = match self.kind {
            Kind::SpanningTree => format!(
                "{} and {}",
                plural(self.size, "vertex", "vertices"),
                plural(entries, "edge", "edges")
            ),
            Kind::Arborescence => format!(
                "{}, root {}, {}",
                plural(self.size, "vertex", "vertices"),
                self.root.unwrap_or(0),
                plural(entries, "arc", "arcs")
            ),
            Kind::Matching => {
                format!("{0} rows and {0} columns, {1}", self.size, plural(entries, "cell", "cells"))
            }
            _ => plural(entries, "position", "positions"),
        };
        format!("{what}. One run of the algorithm: {held}.")
    }

    pub(super) fn title(&self, told: &Told) -> String {
        match &told.stage {
            Stage::Between(components) if components.len() <= 6 => {
                let sets: Vec<String> = components.iter().map(|c| set(c)).collect();
                format!("the edges between {}", listed(&sets))
            }
            Stage::Between(components) => format!("the edges between {} components", components.len()),
            Stage::Entering(component) => format!("the arcs that enter {}", set(component)),
            Stage::Cells { rows, columns } => {
                format!("the cells in {} and {}", lines("row", rows), lines("column", columns))
            }
            Stage::Interval { low, high, .. } => positions((*low, high.saturating_sub(1))),
            Stage::Place(place) => format!("place {place} of {}", self.races.len()),
            Stage::Draw => "the draw".to_owned(),
        }
    }

    /// What follows from a race.
    pub(super) fn event_in_words(&self, told: &Told) -> String {
        let winner = self.label(told.winner);
        match &told.event {
            Event::Merged { parts: [left, right], merged, leaving } => {
                let mut text =
                    format!("The components {} and {} merge to {}.", set(left), set(right), set(merged));
                match leaving.as_slice() {
                    [] => {}
                    [one] => text += &format!(" {} is now inside it and leaves.", self.label(*one)),
                    many => {
                        let many = self.labels(many.iter().copied());
                        text += &format!(" {many} are now inside it and leave.");
                    }
                }
                if merged.len() == self.size {
                    text += " All vertices are joined: the tree is complete.";
                }
                text
            }
            Event::Entered { tail } => {
                let Stage::Entering(component) = &told.stage else { return String::new() };
                let tail = match tail {
                    None => format!("the root {}", self.root.unwrap_or(0)),
                    Some(tail) => set(tail),
                };
                format!("{} takes {winner}, which comes from {tail}. That closes no cycle.", set(component))
            }
            Event::Contracted { cycle, component, entrants } => {
                let Stage::Entering(raced) = &told.stage else { return String::new() };
                let parts: Vec<String> = cycle.iter().map(|(part, _)| set(part)).collect();
                format!(
                    "{} takes {winner}. The arcs {} close a cycle: {} are contracted to {}, which will race over {}.",
                    set(raced),
                    self.labels(cycle.iter().map(|(_, arc)| *arc)),
                    listed(&parts),
                    set(component),
                    self.labels(entrants.iter().copied())
                )
            }
            Event::Crossed { row, column, rows, columns } => {
                let text = format!("Row {row} is matched to column {column}; both are removed.");
                if rows.is_empty() {
                    text + " No row is left: the matching is complete."
                } else {
                    text + &format!(" Left are {} and {}.", lines("row", rows), lines("column", columns))
                }
            }
            Event::Split { root, parent, left, right } => {
                let hangs = match parent {
                    None => format!("Position {root} is the root of the tree."),
                    Some(parent) if parent > root => {
                        format!("Position {root} is the left child of {parent}.")
                    }
                    Some(parent) => format!("Position {root} is the right child of {parent}."),
                };
                match (left, right) {
                    (None, None) => format!("{hangs} It is a leaf."),
                    (Some(side), None) => {
                        format!("{hangs} To its left {} will race, to its right nothing.", positions(*side))
                    }
                    (None, Some(side)) => {
                        format!("{hangs} To its right {} will race, to its left nothing.", positions(*side))
                    }
                    (Some(left), Some(right)) => format!(
                        "{hangs} To its left {} will race, to its right {}.",
                        positions(*left),
                        positions(*right)
                    ),
                }
            }
            Event::Placed { place, to_draw } => {
                let text = format!("Position {winner} takes place {place} and leaves.");
                match to_draw {
                    0 => format!("{text} That was the last."),
                    1 => format!("{text} 1 more is to be drawn."),
                    more => format!("{text} {more} more are to be drawn."),
                }
            }
            Event::Drawn => format!("Position {winner} is drawn."),
        }
    }

    pub(super) fn expansion_in_words(&self, expansion: &Expansion) -> String {
        let Expansion { component, entered_by, part, gives_up, keeps } = expansion;
        let keeps: Vec<String> =
            keeps.iter().map(|(part, arc)| format!("{} keeps {}", set(part), self.label(*arc))).collect();
        format!(
            "{} is entered by {} at {}, so {} gives up {}; {}.",
            set(component),
            self.label(*entered_by),
            set(part),
            set(part),
            self.label(*gives_up),
            listed(&keeps)
        )
    }

    /// What comes before the expansions.
    pub(super) fn before_expansions(&self) -> &'static str {
        if self.expansions.is_empty() {
            "No cycle was contracted: the arcs that won are the arborescence."
        } else {
            "Every component has its arc. Where a contracted cycle is entered, the part at the head of that arc gives \
             up its own arc; the other parts keep theirs."
        }
    }

    /// What became of an entry: `won race 2, given up`.
    pub(super) fn fate(&self, entry: usize) -> String {
        let Some(told) = self.entries.get(entry) else { return String::new() };
        match told.won {
            Some(race) if told.chosen => format!("won race {}", race + 1),
            Some(race) => format!("won race {}, given up", race + 1),
            None if told.mean.is_none() => "absent".to_owned(),
            None => "never won".to_owned(),
        }
    }

    /// The entrants of a race that are listed, as positions in it; the winner is among them.
    pub(super) fn listed_entrants(&self, told: &Told) -> Vec<usize> {
        let count = told.entrants.len();
        if count <= MOST + 1 {
            return (0..count).collect();
        }
        let winner = told.entrants.iter().position(|entrant| entrant.entry == told.winner).unwrap_or(0);
        if winner < MOST { (0..MOST).collect() } else { (0..MOST - 1).chain([winner]).collect() }
    }

    /// The entries that the last table lists, in entry order: those that won first, then the largest rates.
    pub(super) fn listed_entries(&self) -> Vec<usize> {
        let most = 2 * MOST;
        let mut all: Vec<usize> = (0..self.entries.len()).collect();
        if all.len() > most + 1 {
            let never = self.races.len();
            let rank = |k: usize| (self.entries[k].won.unwrap_or(never), &self.entries[k].rate);
            all.sort_by(|&j, &k| rank(j).0.cmp(&rank(k).0).then(rank(k).1.cmp(rank(j).1)));
            all.truncate(most);
            all.sort_unstable();
        }
        all
    }

    /// What a rate of 0 means, if there is one.
    pub(super) fn on_absent(&self) -> &'static str {
        if self.present() < self.entries.len() {
            " An entry of rate 0 is absent: it never races."
        } else {
            ""
        }
    }

    /// The number of entries with a positive rate.
    pub(super) fn present(&self) -> usize {
        self.entries.iter().filter(|entry| entry.mean.is_some()).count()
    }

    pub(super) fn one(&self) -> Fraction {
        Fraction(BigRational::one())
    }

    /// Between `log p(T)` and its value.
    pub(super) fn log_sign(&self, approximately: &'static str) -> &'static str {
        match (self.probability == self.one(), approximately) {
            (false, sign) => sign,
            (true, "\\approx") => "=",
            (true, _) => "",
        }
    }

    /// Two sums that must come out.
    pub(super) fn checks(&self) -> String {
        format!(
            "Over all entries the scores sum to 0, and λ times the mean sums to {}, the number of entries that are not absent.",
            self.present()
        )
    }

    /// Why `P(X)` is missing, in a line.
    pub(super) fn not_computed(&self, too_large: &TooLarge) -> String {
        let count = Fraction(BigRational::from(BigInt::from(too_large.count.clone()))).brief(SENTENCE);
        format!(
            "not computed: that would visit {count} {}, more than the limit of {}",
            too_large.what, too_large.limit
        )
    }
}
