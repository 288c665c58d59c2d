//! One run told step by step, with the exact numbers: what `explain` says.
//!
//! # Notation
//! As in the oracle: entry `k` has rate `λ_k` and weight `E_k ~ Exp(λ_k)`. A race between entrants `S` has total rate
//! `Λ = Σ_{k∈S} λ_k` and is won by `w` with probability `λ_w/Λ`, at time `M ~ Exp(Λ)`. `T` is the trace (the races
//! held), `X` the structure that it leads to. A *round* is one step of the recursion: the races that it holds at once.
//!
//! # Law
//! `p(T) = Π_r λ_{w_r}/Λ_r`, told race by race as a running product; `P(X) = Σ p(T)` over all traces that lead to `X`,
//! by [`Model::probability`]; per entry the score `∂ log p(T)/∂θ_k = -[k won] + Σ_{r: k∈S_r} λ_k/Λ_r` and the conditional
//! mean `Σ_{r: k∈S_r} 1/Λ_r + [k never won]/λ_k`. So the scores sum to 0, and `Σ_k λ_k·mean_k` to the number of entries
//! with a positive rate.
//!
//! The races of one round are told in the order of the trace. In an arborescence a cycle is contracted when the last of
//! its components has raced; the new component races in the next round. The algorithm contracts at the end of the round:
//! the races are the same.
//!
//! # Cost
//! O(L + m) exact operations for a trace with `L` entrants in all and `m` entries: milliseconds for K₃₀. To this comes
//! [`Model::probability`], which visits up to `2^(n-1)` states on ever longer fractions (a spanning tree of 15 vertices
//! whose rates come from logits: most of a minute). Above the limit it is refused, and the rest is told without it.
//!
//! # Example
//! ```
//! use gumbel_oracle::{limit::Limit, model::Model};
//! use recursive_gumbel::explain::Explanation;
//! let model = Model::parse(r#"{"structure": "categorical", "rates": [1, 2]}"#)?;
//! let told = Explanation::new(&model, &model.parse_trace("1")?, None, Limit::default())?;
//! assert_eq!(told.probability.to_string(), "2/3");
//! assert!(told.text().contains("1 wins with probability 2/3 ≈ 0.666667"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # References
//! Struminsky, Gadetsky, Rakitin, Karpushkin, Vetrov (2021), *Leveraging Recursive Gumbel-Max Trick for Approximate
//! Inference in Combinatorial Spaces*, NeurIPS 34, arXiv:2110.15072.

mod fraction;
mod markdown;
mod pictures;
mod sentences;
mod text;

use std::collections::BTreeSet;

use gumbel_oracle::enclosure;
use gumbel_oracle::limit::{Limit, TooLarge};
use gumbel_oracle::loss::{Loss, UnknownLoss};
use gumbel_oracle::model::{Algorithm, Entry, Kind, Model};
use gumbel_oracle::number::{Exact, FromExact, to_rational};
use gumbel_oracle::race::Trace;
use gumbel_oracle::recursion::{self, Recursion, WeightError};
use gumbel_oracle::structure::{EntrySet, Structure};
use num_rational::BigRational;
use num_traits::{One, Zero};

pub use fraction::Fraction;

/// Why a run cannot be told.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExplainError {
    /// The trace is over another number of entries than the model has.
    #[error("the trace is over {trace} entries, but the model has {model}: want a trace of this model")]
    OtherModel {
        /// Entries of the model.
        model: usize,
        /// Entries of the trace.
        trace: usize,
    },
    /// A race that the algorithm does not hold here.
    #[error("race {race} of the trace is between {found}, but here the algorithm holds one between {want}")]
    Entrants {
        /// The race, from 1.
        race: usize,
        /// The entrants in the trace.
        found: String,
        /// The entrants that race.
        want: String,
    },
    /// The trace ends before the algorithm does.
    #[error("the trace ends after {races} races, but {entrants} have still to race")]
    TooShort {
        /// How many races it has.
        races: usize,
        /// Who races next.
        entrants: String,
    },
    /// The trace goes on after the algorithm has stopped.
    #[error("the trace has {given} races, but the algorithm stops after {held}")]
    TooLong {
        /// How many races it has.
        given: usize,
        /// How many the algorithm holds.
        held: usize,
    },
    /// The algorithm cannot be run on these weights.
    #[error(transparent)]
    Weights(#[from] WeightError),
    /// No exponential is negative.
    #[error("entry {entry} ({label}) has weight {weight}: want a number from 0 up")]
    NegativeWeight {
        /// The entry.
        entry: usize,
        /// The entry as people write it.
        label: String,
        /// Its weight.
        weight: f64,
    },
    /// These weights lead to another trace.
    #[error("race {race} is won by {found} in the trace, but by {want} with these weights")]
    OtherRun {
        /// The first race that differs, from 1.
        race: usize,
        /// The winner in the trace.
        found: String,
        /// The winner with these weights.
        want: String,
    },
    /// The structure has no default loss.
    #[error(transparent)]
    Loss(#[from] UnknownLoss),
}

/// Which race of the algorithm it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// spanning_tree: all edges between these components.
    Between(Vec<Vec<usize>>),
    /// arborescence: all arcs that enter this component.
    Entering(Vec<usize>),
    /// matching: all cells in what is left.
    Cells {
        /// The rows left.
        rows: Vec<usize>,
        /// The columns left.
        columns: Vec<usize>,
    },
    /// binary_tree: the positions from `low` to `high - 1`.
    Interval {
        /// The first position.
        low: usize,
        /// The position after the last.
        high: usize,
        /// The position that the root of this interval hangs from; none for the whole.
        parent: Option<usize>,
    },
    /// top_k and permutation: the race for this place, from 1.
    Place(usize),
    /// categorical: the only race.
    Draw,
}

/// An entrant of a race.
#[derive(Debug, Clone, PartialEq)]
pub struct Entrant {
    /// Its entry number.
    pub entry: usize,
    /// `λ/Λ`, its probability to win.
    pub probability: Fraction,
    /// If weights were given: its weight when the race is held, after all earlier subtractions.
    pub weight: Option<f64>,
}

/// What follows from a race.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// spanning_tree: two components become one.
    Merged {
        /// The two, that with the smallest vertex first.
        parts: [Vec<usize>; 2],
        /// Their union.
        merged: Vec<usize>,
        /// The edges, other than the winner, that are now inside a component and race no more.
        leaving: Vec<usize>,
    },
    /// arborescence: the component has an arc, which closes no cycle so far.
    Entered {
        /// The component at the tail of the arc; none if the tail is the root.
        tail: Option<Vec<usize>>,
    },
    /// arborescence: the arc closes a cycle of components.
    Contracted {
        /// The components of the cycle with the arcs they chose, in the direction of the arcs (each arc leads to the
        /// component it stands with), from that with the smallest vertex.
        cycle: Vec<(Vec<usize>, usize)>,
        /// Their union, a new component.
        component: Vec<usize>,
        /// The arcs over which it will race.
        entrants: Vec<usize>,
    },
    /// matching: a row and a column are removed.
    Crossed {
        /// The row.
        row: usize,
        /// The column.
        column: usize,
        /// The rows left.
        rows: Vec<usize>,
        /// The columns left.
        columns: Vec<usize>,
    },
    /// binary_tree: the interval is split at its root.
    Split {
        /// The root of the interval.
        root: usize,
        /// What the root hangs from; none for the root of the tree.
        parent: Option<usize>,
        /// First and last position left of the root, if there are any.
        left: Option<(usize, usize)>,
        /// First and last position right of the root, if there are any.
        right: Option<(usize, usize)>,
    },
    /// top_k and permutation: the winner takes a place and leaves.
    Placed {
        /// The place, from 1.
        place: usize,
        /// How many are still to be drawn.
        to_draw: usize,
    },
    /// categorical: the winner is drawn.
    Drawn,
}

/// One race.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The round in which it is held, from 0.
    pub round: usize,
    /// Which race it is.
    pub stage: Stage,
    /// Who races, the largest rates first, ties in entry order.
    pub entrants: Vec<Entrant>,
    /// The total rate `Λ`.
    pub total: Fraction,
    /// The entry that wins.
    pub winner: usize,
    /// `λ_w/Λ`.
    pub probability: Fraction,
    /// The product of the winners' probabilities up to and with this race.
    pub product: Fraction,
    /// If weights were given: the winning time `M`, subtracted from the weights of all entrants.
    pub time: Option<f64>,
    /// What follows.
    pub event: Event,
}

/// arborescence: a contracted cycle is opened again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expansion {
    /// The contracted component.
    pub component: Vec<usize>,
    /// The arc by which the arborescence enters it.
    pub entered_by: usize,
    /// The component of the cycle at the head of that arc.
    pub part: Vec<usize>,
    /// The arc that this component gives up.
    pub gives_up: usize,
    /// The other components of the cycle with the arcs they keep.
    pub keeps: Vec<(Vec<usize>, usize)>,
}

/// What became of an entry.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryTold {
    /// The entry as people write it: `0–1`, `0→1`, `(0,1)`, `3`.
    pub label: String,
    /// Its rate `λ`.
    pub rate: Fraction,
    /// The race that it won, from 0.
    pub won: Option<usize>,
    /// Whether the structure has it. Always so for a binary tree or a permutation.
    pub chosen: bool,
    /// `∂ log p(T)/∂θ`.
    pub score: Fraction,
    /// The mean of its weight given the trace; none if it is absent (rate 0).
    pub mean: Option<Fraction>,
}

/// The probability of the structure, over all traces that lead to it.
#[derive(Debug, Clone, PartialEq)]
pub struct OverTraces {
    /// `P(X)`.
    pub total: Fraction,
    /// `p(T)/P(X)`, the probability of the trace given the structure.
    pub share: Fraction,
}

/// One run with all that is told of it.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Which structure it is.
    pub kind: Kind,
    /// The number of vertices, rows, or positions.
    pub size: usize,
    /// arborescence: the root.
    pub root: Option<usize>,
    /// The races in the order of the trace.
    pub races: Vec<Told>,
    /// arborescence: the contracted cycles, from the outside in.
    pub expansions: Vec<Expansion>,
    /// One per entry, in entry order.
    pub entries: Vec<EntryTold>,
    /// Canonical JSON of the structure.
    pub structure: String,
    /// Canonical JSON of the trace.
    pub trace: String,
    /// `p(T)`.
    pub probability: Fraction,
    /// `log p(T)`, natural, correctly rounded.
    pub log_probability: f64,
    /// `P(X)`, or why it is not computed.
    pub over_traces: Result<OverTraces, TooLarge>,
    /// The default loss of the structure.
    pub loss: i64,
}

impl Explanation {
    /// Everything there is to tell of one run.
    ///
    /// `weights`: the exponentials on which the algorithm was run, one per entry in entry order, if the run came from
    /// them; those of absent entries (rate 0) are not looked at. The subtractions are made in `f64`, as
    /// [`Model::run`] makes them.
    ///
    /// # Errors
    /// [`OtherModel`](ExplainError::OtherModel), [`Entrants`](ExplainError::Entrants),
    /// [`TooShort`](ExplainError::TooShort), [`TooLong`](ExplainError::TooLong) if the algorithm cannot hold these races;
    /// [`Weights`](ExplainError::Weights), [`NegativeWeight`](ExplainError::NegativeWeight),
    /// [`OtherRun`](ExplainError::OtherRun) if the weights do not lead to them. A `P(X)` beyond the limit is no error: see
    /// [`over_traces`](Self::over_traces).
    pub fn new(
        model: &Model,
        trace: &Trace,
        weights: Option<&[f64]>,
        limit: Limit,
    ) -> Result<Self, ExplainError> {
        let (stages, structure) = stages(model, trace)?;
        let weighed = weights.map(|weights| weigh(model, trace, weights)).transpose()?;
        let kind = model.kind();

        let exact: Vec<Exact> = model.rates_as();
        let totals: Vec<BigRational> = trace.totals(&exact).iter().map(to_rational).collect();
        let mut told = Teller::new(model);
        let mut product = BigRational::one();
        let mut races = Vec::with_capacity(totals.len());
        for (r, ((race, total), (round, stage))) in trace.races().iter().zip(totals).zip(stages).enumerate() {
            let probability = &model.rates()[race.winner] / &total;
            product *= &probability;
            let weight = |i: usize| weighed.as_ref().and_then(|weighed| weighed[r].get(i).copied());
            let mut entrants: Vec<Entrant> = race
                .entrants
                .iter()
                .enumerate()
                .map(|(i, &entry)| {
                    let probability = Fraction(&model.rates()[entry] / &total);
                    Entrant { entry, probability, weight: weight(i) }
                })
                .collect();
            // All have the same Λ, so this is by rate; the sort is stable.
            entrants.sort_by(|a, b| b.probability.cmp(&a.probability));
            let won = race.entrants.iter().position(|&entry| entry == race.winner);
            let next = trace.races().get(r + 1).map_or(&[][..], |next| &next.entrants);
            races.push(Told {
                round,
                event: told.event(&stage, &race.entrants, race.winner, next),
                stage,
                entrants,
                total: Fraction(total),
                winner: race.winner,
                probability: Fraction(probability),
                product: Fraction(product.clone()),
                time: won.and_then(weight),
            });
        }

        let over_traces = model.probability(&structure, limit).map(|total| OverTraces {
            share: Fraction(to_rational(&(Exact::from_exact(&product) / Exact::from_exact(&total)))),
            total: Fraction(total),
        });
        let chosen = |entry: usize| match &structure {
            Structure::Entries(set) => set.contains(&entry),
            _ => true,
        };
        let (won, score, mean) = (trace.won(), trace.score(&exact), trace.conditional_mean(&exact));
        let fraction = |value: &Exact| Fraction(to_rational(value));
        let entries = model.entries().iter().enumerate().map(|(k, entry)| EntryTold {
            label: entry.label(kind),
            rate: Fraction(model.rates()[k].clone()),
            won: won[k],
            chosen: chosen(k),
            score: fraction(&score[k]),
            mean: mean[k].as_ref().map(fraction),
        });
        Ok(Self {
            kind,
            size: model.size(),
            root: if let Algorithm::Arborescence(a) = model.algorithm() { Some(a.root()) } else { None },
            races,
            expansions: told.expansions(),
            entries: entries.collect(),
            structure: model.canonical(&structure),
            trace: model.canonical_trace(trace),
            log_probability: enclosure::ln(&product).unwrap_or(f64::NEG_INFINITY),
            probability: Fraction(product),
            over_traces,
            loss: Loss::named(model, "default")?.of(model, &structure),
        })
    }
}

/// The entries as people write them.
fn labels(model: &Model, entries: &[usize]) -> String {
    let labels = entries.iter().filter_map(|&k| model.entries().get(k)).map(|e| e.label(model.kind()));
    sentences::listed(&labels.collect::<Vec<_>>())
}

/// The round and the stage of each race, and the structure; an error if the algorithm does not hold these races.
fn stages(model: &Model, trace: &Trace) -> Result<(Vec<(usize, Stage)>, Structure), ExplainError> {
    let (entries, found) = (model.entries().len(), trace.entry_count());
    if entries != found {
        return Err(ExplainError::OtherModel { model: entries, trace: found });
    }
    match model.algorithm() {
        Algorithm::SpanningTree(a) => walk(a, model, trace, |names, _| {
            let members = |name| (0..names.len()).filter(|&v| names[v] == name).collect();
            Stage::Between(names.iter().copied().collect::<BTreeSet<_>>().into_iter().map(members).collect())
        }),
        Algorithm::Arborescence(a) => walk(a, model, trace, |state, i| {
            let component = state.iter().filter(|component| component.winner.is_none()).nth(i);
            Stage::Entering(component.into_iter().flat_map(|c| c.vertices.iter().copied()).collect())
        }),
        Algorithm::Matching(a) => walk(a, model, trace, |(rows, columns), _| Stage::Cells {
            rows: rows.clone(),
            columns: columns.clone(),
        }),
        Algorithm::BinaryTree(a) => walk(a, model, trace, |state, i| {
            let (low, high, parent) = (state[i].low, state[i].high, state[i].parent);
            Stage::Interval { low, high, parent }
        }),
        Algorithm::TopK(a) => walk(a, model, trace, |won, _| Stage::Place(won.len() + 1)),
        Algorithm::Permutation(a) => walk(a, model, trace, |won, _| Stage::Place(won.len() + 1)),
        Algorithm::Categorical(a) => walk(a, model, trace, |_, _| Stage::Draw),
    }
}

fn walk<R: Recursion>(
    algorithm: &R,
    model: &Model,
    trace: &Trace,
    stage: impl Fn(&R::State, usize) -> Stage,
) -> Result<(Vec<(usize, Stage)>, Structure), ExplainError>
where
    Structure: From<R::Structure>,
{
    let mut stages: Vec<(usize, Stage)> = Vec::new();
    let path = recursion::follow(algorithm, |state, i, entrants| {
        let Some(race) = trace.races().get(stages.len()) else {
            let entrants = labels(model, entrants);
            return Err(ExplainError::TooShort { races: stages.len(), entrants });
        };
        if race.entrants != entrants {
            let (found, want) = (labels(model, &race.entrants), labels(model, entrants));
            return Err(ExplainError::Entrants { race: stages.len() + 1, found, want });
        }
        let round = stages.last().map_or(0, |(round, _)| round + usize::from(i == 0));
        stages.push((round, stage(state, i)));
        Ok(race.winner)
    })?;
    let (given, held) = (trace.races().len(), stages.len());
    if held < given {
        return Err(ExplainError::TooLong { given, held });
    }
    Ok((stages, path.structure.into()))
}

/// The weights of the entrants of each race when it is held, in entry order.
fn weigh(model: &Model, trace: &Trace, weights: &[f64]) -> Result<Vec<Vec<f64>>, ExplainError> {
    let run = model.run(weights)?;
    for (entry, &weight) in weights.iter().enumerate() {
        if weight < 0.0 && !model.rates()[entry].is_zero() {
            let label = model.entries()[entry].label(model.kind());
            return Err(ExplainError::NegativeWeight { entry, label, weight });
        }
    }
    let pairs = trace.races().iter().zip(run.trace.races());
    if let Some((r, (found, want))) = pairs.enumerate().find(|(_, (found, want))| found != want) {
        let label = |entry: usize| labels(model, &[entry]);
        let (found, want) = (label(found.winner), label(want.winner));
        return Err(ExplainError::OtherRun { race: r + 1, found, want });
    }
    let mut left = weights.to_vec();
    let mut weighed = Vec::with_capacity(run.times.len());
    for (race, time) in run.trace.races().iter().zip(&run.times) {
        weighed.push(race.entrants.iter().map(|&k| left[k]).collect());
        race.entrants.iter().for_each(|&k| left[k] -= time);
    }
    Ok(weighed)
}

/// Components of an arborescence, each with the arc that it chose.
type Parts = Vec<(Vec<usize>, usize)>;

/// A component of an arborescence that is not inside another one.
struct Top {
    vertices: Vec<usize>,
    arc: Option<usize>,
}

/// What the events need to remember.
struct Teller<'a> {
    model: &'a Model,
    races: usize,
    /// arborescence: the components as they are now.
    tops: Vec<Top>,
    /// arborescence: the contracted components in the order in which they were formed, with their cycles.
    contracted: Vec<(Vec<usize>, Parts)>,
}

impl<'a> Teller<'a> {
    fn new(model: &'a Model) -> Self {
        let tops = match model.algorithm() {
            Algorithm::Arborescence(a) => {
                let vertices = (0..model.size()).filter(|&v| v != a.root());
                vertices.map(|v| Top { vertices: vec![v], arc: None }).collect()
            }
            _ => Vec::new(),
        };
        let races = match model.algorithm() {
            Algorithm::TopK(a) => a.k(),
            _ => model.size(),
        };
        Self { model, races, tops, contracted: Vec::new() }
    }

    /// The ends of an edge or arc, or the cell.
    fn pair(&self, entry: usize) -> (usize, usize) {
        match self.model.entries()[entry] {
            Entry::Pair(u, v) => (u, v),
            Entry::Position(i) => (i, i),
        }
    }

    /// What follows from a race; `next` are the entrants of the race told after it.
    fn event(&mut self, stage: &Stage, entrants: &[usize], winner: usize, next: &[usize]) -> Event {
        match stage {
            Stage::Between(components) => {
                let (u, v) = self.pair(winner);
                let of = |vertex| components.iter().filter(move |c| c.contains(&vertex)).flatten().copied();
                let mut parts = [of(u).collect::<Vec<_>>(), of(v).collect()];
                parts.sort();
                let mut merged = parts.concat();
                merged.sort_unstable();
                let stays = |k: &&usize| **k == winner || next.binary_search(k).is_ok();
                let leaving = entrants.iter().filter(|k| !stays(k)).copied().collect();
                Event::Merged { parts, merged, leaving }
            }
            Stage::Entering(component) => self.enter(component, winner),
            Stage::Cells { rows, columns } => {
                let (row, column) = self.pair(winner);
                Event::Crossed {
                    row,
                    column,
                    rows: rows.iter().copied().filter(|&i| i != row).collect(),
                    columns: columns.iter().copied().filter(|&j| j != column).collect(),
                }
            }
            &Stage::Interval { low, high, parent } => Event::Split {
                root: winner,
                parent,
                left: (low < winner).then(|| (low, winner - 1)),
                right: (winner + 1 < high).then(|| (winner + 1, high - 1)),
            },
            &Stage::Place(place) => Event::Placed { place, to_draw: self.races.saturating_sub(place) },
            Stage::Draw => Event::Drawn,
        }
    }

    fn top(&self, vertex: usize) -> Option<usize> {
        self.tops.iter().position(|top| top.vertices.contains(&vertex))
    }

    fn enter(&mut self, component: &[usize], winner: usize) -> Event {
        let here = component.first().and_then(|&v| self.top(v));
        if let Some(here) = here {
            self.tops[here].arc = Some(winner);
        }
        let tail = |arc: usize| self.top(self.pair(arc).0);
        // Against the arcs, from component to component; there are no more steps than components.
        let mut way = vec![];
        let mut at = here;
        while let Some(top) = at.filter(|top| !way.contains(top)) {
            way.push(top);
            at = self.tops[top].arc.and_then(tail);
        }
        if at.is_none() || at != here {
            let tail = tail(winner).map(|top| self.tops[top].vertices.clone());
            return Event::Entered { tail };
        }
        way.reverse();
        let least = |&top: &usize| self.tops[top].vertices.first().copied();
        let first = (0..way.len()).min_by_key(|&i| least(&way[i])).unwrap_or(0);
        way.rotate_left(first);
        let member = |&top: &usize| Some((self.tops[top].vertices.clone(), self.tops[top].arc?));
        let cycle: Parts = way.iter().filter_map(member).collect();
        let mut component: Vec<usize> = cycle.iter().flat_map(|(part, _)| part.iter().copied()).collect();
        component.sort_unstable();
        let mut place = 0..;
        self.tops.retain(|_| place.next().is_some_and(|i| !way.contains(&i)));
        self.tops.push(Top { vertices: component.clone(), arc: None });
        self.contracted.push((component.clone(), cycle.clone()));
        let enters = |k: &usize| {
            let (u, v) = self.pair(*k);
            !self.model.rates()[*k].is_zero() && !component.contains(&u) && component.contains(&v)
        };
        let entrants = (0..self.model.entries().len()).filter(enters).collect();
        Event::Contracted { cycle, component, entrants }
    }

    /// The contracted cycles opened, the one formed last first: it is inside no other that is still closed.
    fn expansions(&self) -> Vec<Expansion> {
        let mut arcs: EntrySet = self.tops.iter().filter_map(|top| top.arc).collect();
        let mut told = Vec::new();
        for (component, cycle) in self.contracted.iter().rev() {
            let head = |arc: &usize| self.pair(*arc).1;
            let entered_by = arcs.iter().copied().find(|arc| component.contains(&head(arc)));
            let Some(entered_by) = entered_by else { continue };
            let (part, keeps): (Parts, Parts) =
                cycle.iter().cloned().partition(|(part, _)| part.contains(&head(&entered_by)));
            arcs.extend(keeps.iter().map(|(_, arc)| *arc));
            for (part, gives_up) in part {
                let (component, keeps) = (component.clone(), keeps.clone());
                told.push(Expansion { component, entered_by, part, gives_up, keeps });
            }
        }
        told
    }
}
