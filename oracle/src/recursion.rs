//! The recursion: one trait for every structure, and what follows from it.
//!
//! # Notation
//! The paper's recursion has four parts. Here they are the methods of [`Recursion`]:
//!
//! | paper | here | says |
//! |---|---|---|
//! | `F_stop` | [`Recursion::stop`] | nothing is left to race; the structure that is left |
//! | `F_split` | [`Recursion::split`] | which disjoint entrant sets race now |
//! | `F_map` | [`Recursion::map`] | the state after these winners |
//! | `F_combine` | [`Recursion::combine`] | the structure, from the winners and the structure of the rest |
//!
//! They are four because the paper's are: who knows the paper finds them again, and each of our modules can be read against
//! its algorithm there. `split` is asked only where `stop` is `None`; one method that is either would save that sentence
//! and cost the correspondence.
//!
//! Whoever implements it for a new structure gets, with no more work: the run on given weights ([`run`], the paper's
//! `F_struct`), all traces with exact probabilities ([`traces`]), why a trace is impossible ([`replay`]), and
//! the laws of [`crate::law`].
//!
//! # Law
//! After a race its winning time is subtracted from all its entrants. What is left of the losers is again
//! independent `Exp(λ_k)`: the stochastic invariant. So every race is won by `w` with probability `λ_w/Λ` whatever
//! happened before, and the probabilities of a trace multiply.
//!
//! Ties go to the lower entry number.
//!
//! # Cost
//! [`run`]: the sum over races of their entrants. [`traces`]: lazy, one path of the recursion in memory at a time.
//!
//! # Example
//! A structure of one's own: the two fastest of three, as a race for first and then for second place.
//! ```
//! use gumbel_oracle::number::ratio;
//! use gumbel_oracle::recursion::{traces, Recursion};
//!
//! struct Podium;
//! impl Recursion for Podium {
//!     type State = Vec<usize>; // who has a place
//!     type Structure = Vec<usize>;
//!     fn entry_count(&self) -> usize { 3 }
//!     fn start(&self) -> Vec<usize> { vec![] }
//!     fn stop(&self, state: &Vec<usize>) -> Option<Vec<usize>> { (state.len() == 2).then(Vec::new) }
//!     fn split(&self, state: &Vec<usize>) -> Vec<Vec<usize>> {
//!         vec![(0..3).filter(|k| !state.contains(k)).collect()]
//!     }
//!     fn map(&self, state: &Vec<usize>, winners: &[usize]) -> Vec<usize> { [state, winners].concat() }
//!     fn combine(&self, _: &Vec<usize>, winners: &[usize], rest: Vec<usize>) -> Vec<usize> { [winners, &rest].concat() }
//! }
//!
//! let rates = [ratio(1, 1), ratio(2, 1), ratio(3, 1)];
//! let all: Vec<_> = traces(&Podium, &rates).collect();
//! assert_eq!(all.len(), 6);
//! assert_eq!(all[0].structure, [0, 1]);
//! assert_eq!(all[0].probability, ratio(1, 15)); // 1/6 · 2/5
//! ```
//!
//! # References
//! Struminsky et al. (2021), arXiv:2110.15072, algorithms 1 to 3.

use std::fmt::Debug;

use itertools::{Itertools, structs::MultiProduct};

use crate::number::Number;
use crate::race::{Race, Trace};

/// A recursive algorithm on weights, in the paper's four parts.
///
/// Three promises make the stochastic invariant hold: the entrant sets of one split are disjoint and not empty; an entry
/// that has won never races again; and an entry of rate 0 never races. [`traces`] and [`run`] rely on them.
pub trait Recursion {
    /// What the algorithm remembers between races.
    type State: Clone + Ord + Debug;
    /// The structure `X` it returns.
    type Structure: Clone + Ord + Debug;

    /// The number of entries `m`; entries are numbered `0..m`.
    fn entry_count(&self) -> usize;
    /// The state before the first race.
    fn start(&self) -> Self::State;
    /// If nothing is left to race: the structure that this state stands for (often the empty one).
    #[doc(alias = "F_stop")]
    fn stop(&self, state: &Self::State) -> Option<Self::Structure>;
    /// The entrant sets that race now, each in increasing order.
    #[doc(alias = "F_split")]
    fn split(&self, state: &Self::State) -> Vec<Vec<usize>>;
    /// The state after `winners[i]` won the i-th entrant set.
    #[doc(alias = "F_map")]
    fn map(&self, state: &Self::State, winners: &[usize]) -> Self::State;
    /// The structure, given the winners in this state and the structure `rest` of the state that follows.
    #[doc(alias = "F_combine")]
    fn combine(&self, state: &Self::State, winners: &[usize], rest: Self::Structure) -> Self::Structure;
}

/// What a run returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Run<X, N> {
    /// The races held.
    pub trace: Trace,
    /// The winning time of each race.
    pub times: Vec<N>,
    /// The structure.
    pub structure: X,
}

/// Why an algorithm cannot be run on these weights.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightError {
    /// Too few or too many weights.
    #[error("{found} weights for {entries} entries: want one weight per entry")]
    Count {
        /// The number of entries.
        entries: usize,
        /// The number of weights.
        found: usize,
    },
    /// A weight that cannot be compared or subtracted.
    #[error("entry {entry} has weight {weight}: want a finite number")]
    NotFinite {
        /// The entry.
        entry: usize,
        /// The weight, as printed.
        weight: String,
    },
    /// The recursion broke a promise.
    #[error("race {race} has no entrants: a recursion must name entrant sets that are not empty")]
    NoEntrants {
        /// The race, from 0.
        race: usize,
    },
}

/// Runs the algorithm on given weights: the paper's `F_struct`.
///
/// Each race is won by its smallest weight (a tie goes to the lower entry number), which is then subtracted from all
/// its entrants. The weight of an entry that never races (an absent one) is not looked at.
///
/// On floats the subtractions round; two weights that differ by less than the rounding may become a tie. On exact
/// numbers nothing rounds.
///
/// # Errors
/// [`WeightError`] if there is not one weight per entry, an entrant's weight is NaN or infinite, or the recursion names an
/// empty entrant set.
#[doc(alias = "F_struct")]
pub fn run<R, N>(recursion: &R, weights: &[N]) -> Result<Run<R::Structure, N>, WeightError>
where
    R: Recursion,
    N: Number + PartialOrd,
{
    let (entries, found) = (recursion.entry_count(), weights.len());
    if entries != found {
        return Err(WeightError::Count { entries, found });
    }
    let mut left = weights.to_vec();
    let mut times = Vec::new();
    let path = follow(recursion, |_, _, entrants| {
        let race = times.len();
        let mut winner = *entrants.first().ok_or(WeightError::NoEntrants { race })?;
        for &k in entrants {
            // x - x is not 0 for NaN and infinity
            if !(left[k].clone() - &left[k]).is_zero() {
                return Err(WeightError::NotFinite { entry: k, weight: format!("{:?}", weights[k]) });
            }
            if left[k] < left[winner] {
                winner = k;
            }
        }
        let time = left[winner].clone();
        for &k in entrants {
            left[k] = left[k].clone() - &time;
        }
        times.push(time);
        Ok(winner)
    })?;
    Ok(Run { trace: path.trace, times, structure: path.structure })
}

/// Why an algorithm cannot hold the races of a trace. Races are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The trace is over other entries.
    #[error("the trace is one of {found} entries, the recursion has {entries}")]
    Entries {
        /// The number of entries of the recursion.
        entries: usize,
        /// That of the trace.
        found: usize,
    },
    /// Others race here.
    #[error(
        "race {race} is between {found:?} in the trace, but the algorithm holds one between {entrants:?}"
    )]
    Entrants {
        /// The race.
        race: usize,
        /// Who should race.
        entrants: Vec<usize>,
        /// Who races in the trace.
        found: Vec<usize>,
    },
    /// Someone wins who does not race here.
    #[error("race {race} cannot be won by {winner}: it is between {entrants:?}")]
    NotAnEntrant {
        /// The race.
        race: usize,
        /// The winner named.
        winner: usize,
        /// Who races.
        entrants: Vec<usize>,
    },
    /// The trace ends before the algorithm stops.
    #[error("the trace ends after {races} races, but {entrants:?} have still to race")]
    TooShort {
        /// How many races it has.
        races: usize,
        /// Who races next.
        entrants: Vec<usize>,
    },
    /// The trace goes on after the algorithm has stopped.
    #[error("the trace has {found} races, but the algorithm stops after {races}")]
    TooLong {
        /// How many races are held.
        races: usize,
        /// How many the trace has.
        found: usize,
    },
}

/// Follows the recursion with the winners of the trace and returns the structure it leads to.
///
/// # Errors
/// [`ReplayError`] with the first race that the algorithm cannot hold after those before it.
pub fn replay<R: Recursion>(recursion: &R, trace: &Trace) -> Result<R::Structure, ReplayError> {
    let (entries, found) = (recursion.entry_count(), trace.entry_count());
    if entries != found {
        return Err(ReplayError::Entries { entries, found });
    }
    let mut held = 0;
    let path = follow(recursion, |_, _, entrants| {
        let race = held;
        held += 1;
        match trace.races().get(race) {
            Some(race) if race.entrants == entrants => Ok(race.winner),
            Some(Race { entrants: found, .. }) => {
                Err(ReplayError::Entrants { race, entrants: entrants.to_vec(), found: found.clone() })
            }
            None => Err(ReplayError::TooShort { races: race, entrants: entrants.to_vec() }),
        }
    })?;
    let found = trace.races().len();
    if held < found {
        return Err(ReplayError::TooLong { races: held, found });
    }
    Ok(path.structure)
}

/// Follows the recursion with these winners, in the order held: a trace is known by them, who raced follows.
///
/// ```
/// use gumbel_oracle::{recursion::{ReplayError, replay_winners}, top_k::TopK};
/// let path = replay_winners(&TopK::new(3, 2), [2, 0])?;
/// assert_eq!(path.trace.races()[1].entrants, [0, 1]);
/// assert_eq!(path.structure, [0, 2].into());
/// # Ok::<(), ReplayError>(())
/// ```
///
/// # Errors
/// [`ReplayError`] with the first race that cannot be won like this, or that is missing.
pub fn replay_winners<R: Recursion>(
    recursion: &R,
    winners: impl IntoIterator<Item = usize>,
) -> Result<Path<R>, ReplayError> {
    let mut winners = winners.into_iter();
    let mut held = 0;
    let path = follow(recursion, |_, _, entrants| {
        let race = held;
        held += 1;
        match winners.next() {
            Some(winner) if entrants.contains(&winner) => Ok(winner),
            Some(winner) => Err(ReplayError::NotAnEntrant { race, winner, entrants: entrants.to_vec() }),
            None => Err(ReplayError::TooShort { races: race, entrants: entrants.to_vec() }),
        }
    })?;
    match winners.count() {
        0 => Ok(path),
        more => Err(ReplayError::TooLong { races: held, found: held + more }),
    }
}

/// One way through the recursion, from start to stop.
#[derive(Debug, Clone)]
pub struct Path<R: Recursion> {
    /// The states visited, the last one stopped.
    pub states: Vec<R::State>,
    /// The winners in each state but the last.
    pub winners: Vec<Vec<usize>>,
    /// All races held.
    pub trace: Trace,
    /// The structure.
    pub structure: R::Structure,
}

/// Runs the recursion with winners named by `choose(state, i, entrants)` for the i-th entrant set of a state.
///
/// # Errors
/// Whatever `choose` returns. It must name one of the entrants.
pub fn follow<R: Recursion, E>(
    recursion: &R,
    mut choose: impl FnMut(&R::State, usize, &[usize]) -> Result<usize, E>,
) -> Result<Path<R>, E> {
    let (mut states, mut all_winners, mut races) = (vec![recursion.start()], Vec::new(), Vec::new());
    let mut state = recursion.start();
    let mut structure = loop {
        if let Some(structure) = recursion.stop(&state) {
            break structure;
        }
        let mut winners = Vec::new();
        for (i, entrants) in recursion.split(&state).into_iter().enumerate() {
            let winner = choose(&state, i, &entrants)?;
            winners.push(winner);
            races.push(Race { entrants, winner });
        }
        state = recursion.map(&state, &winners);
        states.push(state.clone());
        all_winners.push(winners);
    };
    for (state, winners) in states.iter().zip(&all_winners).rev() {
        structure = recursion.combine(state, winners, structure);
    }
    let trace = Trace::trusted(recursion.entry_count(), races);
    Ok(Path { states, winners: all_winners, trace, structure })
}

/// One trace of the enumeration.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome<X, N> {
    /// The races.
    pub trace: Trace,
    /// The structure they lead to.
    pub structure: X,
    /// `p(T)`.
    pub probability: N,
}

/// All traces with their probabilities, lazily, in lexicographic order of the winners.
///
/// The whole enumeration is `trace_count` long: check that first ([`crate::model::Model::trace_count`]). Memory is
/// that of one path of the recursion.
pub fn traces<'a, R: Recursion, N: Number>(recursion: &'a R, rates: &'a [N]) -> Traces<'a, R, N> {
    let mut all = Traces { recursion, rates, levels: Vec::new(), at_once: None };
    let start = recursion.start();
    match recursion.stop(&start) {
        Some(structure) => {
            let trace = Trace::trusted(recursion.entry_count(), Vec::new());
            all.at_once = Some(Outcome { trace, structure, probability: N::one() });
        }
        None => all.descend(start, N::one()),
    }
    all
}

/// The iterator of [`traces`].
#[derive(Debug)]
pub struct Traces<'a, R: Recursion, N> {
    recursion: &'a R,
    rates: &'a [N],
    levels: Vec<Level<R::State, N>>,
    /// The only trace of a recursion that stops at once.
    at_once: Option<Outcome<R::Structure, N>>,
}

/// One step of the path that is being enumerated.
#[derive(Debug)]
struct Level<S, N> {
    state: S,
    entrants: Vec<Vec<usize>>,
    totals: Vec<N>,
    /// The combinations of winners still to come.
    combinations: MultiProduct<std::vec::IntoIter<usize>>,
    /// The combination being followed.
    winners: Vec<usize>,
    /// The probability of the path up to this state.
    before: N,
}

impl<R: Recursion, N: Number> Traces<'_, R, N> {
    fn descend(&mut self, state: R::State, before: N) {
        let entrants = self.recursion.split(&state);
        let totals = entrants.iter().map(|set| N::sum(set.iter().map(|&k| &self.rates[k]))).collect();
        let combinations = entrants.iter().cloned().multi_cartesian_product();
        self.levels.push(Level { state, entrants, totals, combinations, winners: Vec::new(), before });
    }

    fn outcome(&self, mut structure: R::Structure, probability: N) -> Outcome<R::Structure, N> {
        for level in self.levels.iter().rev() {
            structure = self.recursion.combine(&level.state, &level.winners, structure);
        }
        let races = self.levels.iter().flat_map(|level| level.entrants.iter().zip(&level.winners));
        let races = races.map(|(entrants, &winner)| Race { entrants: entrants.clone(), winner }).collect();
        Outcome { trace: Trace::trusted(self.recursion.entry_count(), races), structure, probability }
    }
}

impl<R: Recursion, N: Number> Iterator for Traces<'_, R, N> {
    type Item = Outcome<R::Structure, N>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(outcome) = self.at_once.take() {
            return Some(outcome);
        }
        loop {
            let level = self.levels.last_mut()?;
            let Some(winners) = level.combinations.next() else {
                self.levels.pop();
                continue;
            };
            let won = winners.iter().zip(&level.totals);
            let probability = won.fold(level.before.clone(), |p, (&w, total)| p * &self.rates[w] / total);
            level.winners = winners;
            let state = self.recursion.map(&level.state, &level.winners);
            match self.recursion.stop(&state) {
                Some(structure) => return Some(self.outcome(structure, probability)),
                None => self.descend(state, probability),
            }
        }
    }
}
