//! The run as pictures, one per race and one of the result.

use gumbel_oracle::model::{Entry, Kind, Model};
use gumbel_oracle::number::to_f64;

use super::{Event, Explanation, Fraction, Stage};
use crate::picture::{Edge, GraphPicture, GridPicture, Item, ListPicture, Placed, State, TreePicture};

impl Explanation {
    /// One picture per race, `step-01.svg`, `step-02.svg`, …, and `result.svg`: file name and SVG text.
    ///
    /// `model` is the one that this is told of; of another the pictures would not make sense.
    #[must_use]
    pub fn pictures(&self, model: &Model) -> Vec<(String, String)> {
        let digits = self.races.len().to_string().len().max(2);
        let name = |race: usize| format!("step-{:0digits$}.svg", race + 1);
        let mut pictures: Vec<(String, String)> =
            (0..self.races.len()).map(|race| (name(race), self.picture(model, Some(race)))).collect();
        pictures.push(("result.svg".to_owned(), self.picture(model, None)));
        pictures
    }

    /// One race, or the result.
    fn picture(&self, model: &Model, race: Option<usize>) -> String {
        let (title, caption) = (self.heading(race), self.caption(race));
        let states: Vec<State> = (0..self.entries.len()).map(|entry| self.state(entry, race)).collect();
        let labels: Vec<String> = self.entries.iter().map(|entry| short(&entry.rate)).collect();
        match self.kind {
            Kind::SpanningTree | Kind::Arborescence => {
                let edge = |(k, entry): (usize, &Entry)| match *entry {
                    Entry::Pair(from, to) => {
                        Some(Edge { from, to, label: labels[k].clone(), state: states[k] })
                    }
                    Entry::Position(_) => None,
                };
                let edges = model.entries().iter().enumerate().filter_map(edge).collect();
                let directed = self.kind == Kind::Arborescence;
                let groups = self.groups(race);
                GraphPicture { title, caption, vertices: self.size, root: self.root, directed, edges, groups }
                    .svg()
            }
            Kind::Matching => {
                let mut cells = vec![vec![("0".to_owned(), State::Absent); self.size]; self.size];
                for (k, entry) in model.entries().iter().enumerate() {
                    if let Entry::Pair(row, column) = *entry {
                        cells[row][column] = (labels[k].clone(), states[k]);
                    }
                }
                GridPicture { title, caption, cells }.svg()
            }
            Kind::BinaryTree => {
                let mut placed = vec![Placed::Not; self.size];
                for told in self.races.iter().take(race.map_or(usize::MAX, |race| race + 1)) {
                    if let Event::Split { root, parent, .. } = told.event {
                        placed[root] = parent.map_or(Placed::Root, Placed::Under);
                    }
                }
                TreePicture { title, caption, labels, placed, states }.svg()
            }
            Kind::TopK | Kind::Permutation | Kind::Categorical => {
                let ranked = self.kind != Kind::Categorical;
                let item = |(k, label): (usize, String)| {
                    let rank =
                        self.entries[k].won.filter(|&won| ranked && race.is_none_or(|race| won <= race));
                    Item {
                        label,
                        rate: to_f64(&model.rates()[k]),
                        state: states[k],
                        rank: rank.map(|won| won + 1),
                    }
                };
                ListPicture { title, caption, items: labels.into_iter().enumerate().map(item).collect() }
                    .svg()
            }
        }
    }

    fn heading(&self, race: Option<usize>) -> String {
        let Some(race) = race else { return "Result".to_owned() };
        let what = match &self.races[race].stage {
            Stage::Between(_) => "the edges between components race".to_owned(),
            Stage::Entering(component) => format!("the arcs that enter {} race", set(component)),
            Stage::Cells { .. } => "the cells of the rows and columns left race".to_owned(),
            Stage::Interval { low, high, .. } if low + 1 == *high => format!("position {low} races alone"),
            Stage::Interval { low, high, .. } => format!("positions {low} to {} race", high - 1),
            Stage::Place(place) => format!("those left race for place {place}"),
            Stage::Draw => "all positions race".to_owned(),
        };
        format!("Race {}: {what}", race + 1)
    }

    fn caption(&self, race: Option<usize>) -> Vec<String> {
        let Some(race) = race else {
            let mut lines = vec![format!("p(T) = {}", tell(&self.probability))];
            if let Ok(over) = &self.over_traces {
                lines.push(format!("P(X) = {}, over all traces that lead to X", tell(&over.total)));
            }
            return lines;
        };
        let told = &self.races[race];
        let winner = &self.entries[told.winner].label;
        let (total, probability) = (tell(&told.total), tell(&told.probability));
        vec![
            format!("Λ = {total}"),
            format!("{winner} wins, with probability λ/Λ = {probability}"),
            format!("product so far: {}", tell(&told.product)),
        ]
    }

    fn state(&self, entry: usize, race: Option<usize>) -> State {
        let told = &self.entries[entry];
        if told.mean.is_none() {
            return State::Absent;
        }
        let Some(race) = race else {
            return match (told.chosen, told.won) {
                (true, _) => State::Chosen,
                (false, Some(_)) => State::Dropped,
                (false, None) => State::Out,
            };
        };
        let races = |race: &super::Told| race.entrants.iter().any(|entrant| entrant.entry == entry);
        if self.races[race].winner == entry {
            State::Winner
        } else if races(&self.races[race]) {
            State::Racing
        } else if told.won.is_some_and(|won| won < race) {
            State::Chosen
        } else if self.races[race..].iter().any(races) {
            State::Idle
        } else {
            State::Out
        }
    }

    /// The components that there are when the race is held.
    fn groups(&self, race: Option<usize>) -> Vec<Vec<usize>> {
        if let Some(Stage::Between(components)) = race.map(|race| &self.races[race].stage) {
            return components.clone();
        }
        let before = self.races.iter().take(race.unwrap_or(usize::MAX));
        let contracted = before.filter_map(|told| match &told.event {
            Event::Contracted { component, .. } => Some(component.clone()),
            _ => None,
        });
        contracted.collect()
    }
}

fn set(vertices: &[usize]) -> String {
    let names: Vec<String> = vertices.iter().map(ToString::to_string).collect();
    format!("{{{}}}", names.join(","))
}

/// A fraction and its value, or the value alone if the fraction is long.
fn tell(value: &Fraction) -> String {
    let text = value.0.to_string();
    match (value.0.is_integer(), text.len()) {
        (true, 0..=12) => text,
        (false, 0..=28) => {
            let decimal = value.decimal(4);
            let sign =
                if gumbel_oracle::rate::parse(&decimal).as_ref() == Ok(&value.0) { "=" } else { "≈" };
            format!("{text} {sign} {decimal}")
        }
        _ => format!("≈ {}", value.decimal(6)),
    }
}

/// A rate as a label.
fn short(rate: &Fraction) -> String {
    let text = rate.0.to_string();
    if text.len() <= 7 { text } else { rate.decimal(3) }
}
