//! Top-k, permutation and categorical: one list, the smallest weights win in order.
//!
//! # Law
//! After each race the winner leaves and all others race again, up to the last race. So an entry takes part in every race up to
//! the one that it wins, or in all; the races' totals are sums from the last race back.
//!
//! If at most half of the entries win, a draw is made race by race: an entry is drawn out of all in proportion to its rate, again if it has
//! won. After `16 k` that had, weights are drawn for those that have not, and finish. Weights that are asked for are drawn given the trace.
//!
//! # Cost
//! A draw: O(k) on average if rates are alike; for more than half of the entries, or a permutation, O(n log n). A run on given weights:
//! O(n + k log k). What follows from the trace: O(n).

use gumbel_oracle::structure::{Order, Structure};

use super::alias::{Alias, TRIES};
use super::lanes;
use super::races::{Races, sum, sum_by_eights};
use super::small::POSITIONS_FOR_ONE;
use super::sorting::{Sorter, Weighed};
use super::stream::Stream;
use super::{Algorithm, Drawn, Given, InputError, NONE, Times, Weights, check_rates};

/// The smallest of a list of weights, in order.
#[derive(Debug, Clone)]
struct Smallest {
    rates: Vec<f64>,
    /// `1/λ`; infinite at an absent entry.
    means: Vec<f64>,
    races: usize,
    /// If at most half of the present entries win, and draws are not made on weights.
    alias: Option<Alias>,
    /// Whether draws are made on weights that are drawn at once.
    at_once: bool,
}

impl Smallest {
    fn new(rates: &[f64], races: usize, may_be_absent: bool) -> Result<Self, InputError> {
        if rates.is_empty() || rates.len() >= NONE as usize {
            return Err(InputError::Size { below: "2³²", what: "positions", found: rates.len() });
        }
        check_rates(rates)?;
        let present = rates.iter().filter(|rate| **rate > 0.0).count();
        if present == 0 {
            return Err(InputError::AllAbsent { positions: rates.len() });
        }
        if races == 0 || races > present {
            return Err(InputError::Races { races, present });
        }
        match rates.iter().position(|&rate| rate == 0.0).filter(|_| !may_be_absent) {
            Some(entry) => Err(InputError::Absent { entry }),
            None => Ok(Self {
                rates: rates.to_vec(),
                means: rates.iter().map(|rate| rate.recip()).collect(),
                races,
                alias: None,
                at_once: false,
            }),
        }
    }

    /// Ready to draw race by race, where this is faster.
    fn with_alias(mut self) -> Self {
        let present = self.rates.iter().filter(|rate| **rate > 0.0).count();
        self.alias = (2 * self.races <= present).then(|| Alias::new(&self.rates));
        self
    }

    /// On weights that are drawn at once.
    fn on_weights(self) -> Self {
        Self { alias: None, at_once: true, ..self }
    }

    /// Whether it is on weights, of so many positions and races.
    fn can_be_refilled(&self, positions: usize, races: usize) -> bool {
        self.at_once && (self.rates.len(), self.races) == (positions, races)
    }

    fn refill(&mut self, rates: &mut Vec<f64>) {
        std::mem::swap(&mut self.rates, rates);
        lanes::means(&self.rates, &mut self.means);
    }

    fn draw_all(&self, stream: &Stream, weights: Option<&mut [f64]>, scratch: &mut Scratch) -> bool {
        if self.at_once {
            let mut drawn = std::mem::take(&mut scratch.drawn);
            lanes::weights_at_once(stream, &self.means, &mut drawn, weights);
            if self.races == 1 {
                scratch.races.winners.clear();
                scratch.races.winners.push(lanes::least(&drawn).1 as u32);
            } else {
                self.run(Given(&drawn), scratch);
            }
            scratch.drawn = drawn;
        }
        self.at_once
    }

    /// Draws race by race: an entry out of all, again if it has won. If too many have, weights of the others finish.
    fn draw(&self, stream: Stream, scratch: &mut Scratch) -> Option<Stream> {
        let mut stream = stream; // in registers, not where the caller has it
        let alias = self.alias.as_ref()?;
        let Scratch { races, won, .. } = &mut *scratch;
        races.winners.clear();
        won.resize(self.rates.len(), false);
        let mut tries = TRIES * self.races;
        while races.winners.len() < self.races && tries > 0 {
            let entry = alias.draw(&mut stream);
            if std::mem::replace(&mut won[entry as usize], true) {
                tries -= 1;
            } else {
                races.winners.push(entry);
            }
        }
        if tries == 0 {
            Drawn(stream) = self.go_on(Drawn(stream), scratch);
        }
        let Scratch { races, won, .. } = scratch;
        races.winners.iter().for_each(|&winner| won[winner as usize] = false);
        Some(stream)
    }

    /// Holds the races that have not been held on weights of those who have not won.
    #[cold]
    fn go_on(&self, mut weights: Drawn, scratch: &mut Scratch) -> Drawn {
        let Scratch { races, weights: sorted, sorter, won, .. } = scratch;
        let left =
            (0..).zip(&self.means).zip(&*won).filter(|((_, mean), won)| **mean < f64::INFINITY && !**won);
        sorted.clear();
        sorted.extend(left.map(|((entry, &mean), _)| (weights.of(|| entry, mean).to_bits(), entry)));
        sorter.sort(sorted);
        let held = races.winners.len();
        races.winners.extend(sorted[..self.races - held].iter().map(|of| of.1));
        weights
    }

    fn run(&self, weights: impl Weights, scratch: &mut Scratch) {
        let mut weights = weights; // in registers, not where the caller has it
        let Scratch { races, weights: sorted, sorter, .. } = scratch;
        races.winners.clear();
        let present = (0..).zip(&self.means).filter(|(_, mean)| **mean < f64::INFINITY);
        if self.races == 1 {
            let (mut best, mut winner) = (f64::INFINITY, NONE);
            for (entry, &mean) in present {
                let weight = weights.of(|| entry, mean);
                (best, winner) = if weight < best { (weight, entry) } else { (best, winner) };
            }
            races.winners.push(winner);
            return;
        }
        sorted.clear();
        sorted.extend(present.map(|(entry, &mean)| (weights.of(|| entry, mean).to_bits(), entry)));
        if self.races < sorted.len() {
            sorted.select_nth_unstable(self.races - 1);
        }
        sorted.truncate(self.races);
        sorter.sort(sorted);
        races.winners.extend(sorted.iter().map(|of| of.1));
    }

    fn totals(&self, Scratch { races, last, losers, .. }: &mut Scratch) {
        last.clear();
        last.resize(self.rates.len(), self.races as u32 - 1);
        (0..).zip(&races.winners).for_each(|(race, &winner)| last[winner as usize] = race);
        races.others.clear();
        races.others.resize(self.races, 0.0);
        if self.races < self.rates.len() {
            losers.clear();
            losers.extend_from_slice(&self.rates);
            races.winners.iter().for_each(|&winner| losers[winner as usize] = 0.0);
            let is_small = self.at_once && losers.len() <= POSITIONS_FOR_ONE;
            races.others[self.races - 1] = if is_small { sum_by_eights(losers) } else { sum(losers) };
        }
        races.accumulate(&self.rates);
    }
}

/// The working memory of a run.
#[derive(Debug, Default)]
pub struct Scratch {
    races: Races,
    weights: Vec<Weighed>,
    /// Weights that are drawn at once.
    drawn: Vec<f64>,
    sorter: Sorter,
    /// Who has won, while a draw goes on.
    won: Vec<bool>,
    /// The last race of each entry.
    last: Vec<u32>,
    /// The rates of those who win no race.
    losers: Vec<f64>,
    /// Of those before, how many there are in each block of a Fenwick tree.
    counts: Vec<u32>,
}

impl Scratch {
    fn sum_of_positions(&mut self) -> i64 {
        self.races.winners.iter().map(|&position| i64::from(position)).sum()
    }

    /// The pairs of places in which the earlier holds the larger position. Complexity: O(n log n).
    fn inversions(&mut self) -> i64 {
        let n = self.races.winners.len();
        self.counts.clear();
        self.counts.resize(n + 1, 0);
        let mut inversions = 0;
        for (before, &position) in (0..).zip(&self.races.winners) {
            // Blocks end at a place and are as long as its lowest bit.
            let (mut smaller, mut place) = (0, position as usize);
            while place > 0 {
                smaller += self.counts[place];
                place &= place - 1;
            }
            inversions += before - i64::from(smaller);
            let mut place = position as usize + 1;
            while place <= n {
                self.counts[place] += 1;
                place += place & place.wrapping_neg();
            }
        }
        inversions
    }
}

macro_rules! positions {
    ($(#[$doc:meta])* $algorithm:ident, $to_structure:expr, $sorted:expr, $loss:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $algorithm(Smallest);

        impl $algorithm {
            /// Whether it is on weights, of so many positions and races.
            pub(crate) fn can_be_refilled(&self, positions: usize, races: usize) -> bool {
                self.0.can_be_refilled(positions, races)
            }

            /// Gives one that [can be refilled](Self::can_be_refilled) as many other rates, which are positive, and takes back those it had.
            pub(crate) fn refill(&mut self, rates: &mut Vec<f64>) {
                self.0.refill(rates);
            }
        }

        impl Algorithm for $algorithm {
            type Scratch = Scratch;

            fn rates(&self) -> &[f64] {
                &self.0.rates
            }

            fn structure_len(&self) -> usize {
                self.0.races
            }

            fn trace_len(&self) -> usize {
                self.0.races
            }

            fn draw(&self, stream: Stream, scratch: &mut Scratch) -> Option<Stream> {
                self.0.draw(stream, scratch)
            }

            fn draw_all(&self, stream: &Stream, weights: Option<&mut [f64]>, scratch: &mut Scratch) -> bool {
                self.0.draw_all(stream, weights, scratch)
            }

            fn run(&self, weights: impl Weights, scratch: &mut Scratch) {
                self.0.run(weights, scratch);
            }

            fn winners<'s>(&self, scratch: &'s Scratch) -> &'s [u32] {
                &scratch.races.winners
            }

            fn structure(&self, scratch: &mut Scratch, structure: &mut [u32]) {
                structure.copy_from_slice(&scratch.races.winners);
                if $sorted {
                    structure.sort_unstable();
                }
            }

            fn loss(&self, scratch: &mut Scratch) -> i64 {
                $loss(scratch)
            }

            fn to_structure(&self, structure: &[u32]) -> Structure {
                let positions = structure.iter().map(|&entry| entry as usize);
                $to_structure(positions.collect())
            }

            fn totals(&self, scratch: &mut Scratch) {
                self.0.totals(scratch);
            }

            fn log_prob(&self, scratch: &Scratch) -> f64 {
                scratch.races.log_prob(&self.0.rates)
            }

            fn score(&self, scratch: &mut Scratch, score: &mut [f64]) {
                scratch.races.score(&self.0.rates, &scratch.last, score);
            }

            fn conditional(&self, scratch: &mut Scratch, times: impl Times, weights: &mut [f64]) {
                scratch.races.conditional(&self.0.means, &scratch.last, times, weights);
            }
        }
    };
}

positions! {
    /// The `k` smallest of a list, as a set.
    TopK, Structure::Entries, true, Scratch::sum_of_positions
}
positions! {
    /// All of a list in order (Plackett-Luce).
    Permutation, |positions| Structure::Order(Order(positions)), false, Scratch::inversions
}
positions! {
    /// The smallest of a list (the Gumbel-Max trick itself).
    Categorical, Structure::Entries, false, Scratch::sum_of_positions
}

impl TopK {
    /// The `k` smallest of positions with these rates.
    ///
    /// # Errors
    /// [`InputError`]: a rate that is none, or `k` not between 1 and the number of present positions.
    pub fn new(rates: &[f64], k: usize) -> Result<Self, InputError> {
        Smallest::new(rates, k, true).map(Smallest::with_alias).map(Self)
    }

    /// As [`new`](Self::new), [on weights](Self::on_weights).
    pub(crate) fn lean(rates: &[f64], k: usize) -> Result<Self, InputError> {
        Smallest::new(rates, k, true).map(Smallest::on_weights).map(Self)
    }

    /// The same, but each draw is a run on weights. Such a sampler is ready in less time; its draws are others.
    #[must_use]
    pub fn on_weights(self) -> Self {
        Self(self.0.on_weights())
    }
}

impl Permutation {
    /// Positions with these rates in order.
    ///
    /// # Errors
    /// [`InputError`]: no position, or a rate that is none, or absent.
    pub fn new(rates: &[f64]) -> Result<Self, InputError> {
        if let Some(entry) = rates.iter().position(|&rate| rate == 0.0) {
            return Err(InputError::Absent { entry });
        }
        Smallest::new(rates, rates.len(), false).map(Smallest::with_alias).map(Self)
    }

    /// The same, but all weights of a draw are drawn at once. Its draws are others.
    #[must_use]
    pub fn on_weights(self) -> Self {
        Self(self.0.on_weights())
    }
}

impl Categorical {
    /// One position of those with these rates.
    ///
    /// # Errors
    /// [`InputError`]: a rate that is none, or no position present.
    pub fn new(rates: &[f64]) -> Result<Self, InputError> {
        Smallest::new(rates, 1, true).map(Smallest::with_alias).map(Self)
    }

    /// As [`new`](Self::new), [on weights](Self::on_weights).
    pub(crate) fn lean(rates: &[f64]) -> Result<Self, InputError> {
        Smallest::new(rates, 1, true).map(Smallest::on_weights).map(Self)
    }

    /// The same, but each draw is a run on weights. Such a sampler is ready in less time; its draws are others.
    #[must_use]
    pub fn on_weights(self) -> Self {
        Self(self.0.on_weights())
    }
}
