//! Divide and conquer: the Cartesian tree of the weights.
//!
//! # Law
//! The winner of an interval is its smallest weight, so the tree is the Cartesian tree, which a stack builds in one pass. (Winning
//! times are subtracted from all that race in an interval alike, so they change no later race.) A race's total is a sum over a subtree.
//! Races are held depth by depth, from left to right.
//!
//! # Cost
//! O(n) per draw and for all that follows from it. (In batches up to 48 positions are divided eight lists at a time, in O(n²):
//! [`lockstep`](super::lockstep).)
//!
//! # References
//! J. Vuillemin (1980), *A unifying look at data structures*, Comm. ACM 23(4), for the tree.

use gumbel_oracle::structure::{Parents, Structure};

use super::lanes;
use super::races::log_prob;
use super::small::POSITIONS_OF_TREE;
use super::stream::Stream;
use super::{Algorithm, Given, InputError, NONE, Times, Weights, check_rates};

/// Binary trees over a list with fixed rates.
#[derive(Debug, Clone)]
pub struct BinaryTree {
    rates: Vec<f64>,
    means: Vec<f64>,
    /// Whether all weights of a draw are drawn at once.
    at_once: bool,
}

impl BinaryTree {
    /// Binary trees over positions with these rates.
    ///
    /// # Errors
    /// [`InputError`]: no position, or a rate that is none, or absent.
    pub fn new(rates: &[f64]) -> Result<Self, InputError> {
        if rates.is_empty() || rates.len() >= NONE as usize {
            return Err(InputError::Size { below: "2³²", what: "positions", found: rates.len() });
        }
        check_rates(rates)?;
        match rates.iter().position(|&rate| rate == 0.0) {
            Some(entry) => Err(InputError::Absent { entry }),
            None => {
                let means = rates.iter().map(|rate| rate.recip()).collect();
                Ok(Self { rates: rates.to_vec(), means, at_once: false })
            }
        }
    }

    /// The same, but all weights of a draw are drawn at once. Its draws are others.
    #[must_use]
    pub fn on_weights(self) -> Self {
        Self { at_once: true, ..self }
    }

    /// Whether it is [on weights](Self::on_weights).
    pub(crate) fn can_be_refilled(&self) -> bool {
        self.at_once
    }

    /// Gives one that [can be refilled](Self::can_be_refilled) other rates, which are positive, and takes back those it had.
    pub(crate) fn refill(&mut self, rates: &mut Vec<f64>) {
        std::mem::swap(&mut self.rates, rates);
        lanes::means(&self.rates, &mut self.means);
    }
}

/// The working memory of a run: lists by position, with one more place for no position.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The weights, as bits, and as they are drawn.
    drawn: Vec<u64>,
    weights: Vec<f64>,
    /// The weights of those whose right subtree is still open, from the root down, and who they are.
    open: Vec<u64>,
    places: Vec<u32>,
    /// The roots of the left and of the right subtree.
    halves: Vec<[u32; 2]>,
    parents: Vec<u32>,
    winners: Vec<u32>,
    /// `Λ` of the race that a position wins, and the same without its own rate.
    totals: Vec<f64>,
    others: Vec<f64>,
    /// The sum of one value per race from the root down.
    sums: Vec<f64>,
}

impl Scratch {
    /// Sums a value of each race, given its winner and its total, from the root down.
    fn sum(&mut self, mut value: impl FnMut(u32, f64) -> f64) {
        let Self { halves, winners, totals, sums, .. } = self;
        let n = halves.len() - 1;
        sums.resize(n + 1, 0.0);
        sums[winners[0] as usize] = 0.0;
        for &winner in &winners[..n] {
            let position = winner as usize;
            let sum = sums[position] + value(winner, totals[position]);
            let [left, right] = halves[position];
            (sums[left as usize], sums[right as usize]) = (sum, sum);
            sums[position] = sum;
        }
    }
}

impl BinaryTree {
    /// The totals, each from its winner outwards to the ends of its interval, as [`lockstep`](super::lockstep) adds them up.
    fn one_by_one(&self, scratch: &mut Scratch) {
        let n = self.rates.len();
        let Scratch { halves, winners, totals, others, .. } = scratch;
        let mut intervals = [(0, n); POSITIONS_OF_TREE + 1];
        for &winner in &winners[..n] {
            let position = winner as usize;
            let (start, end) = intervals[position];
            let [left, right] = halves[position];
            (intervals[left as usize], intervals[right as usize]) = ((start, position), (position + 1, end));
            let add = |sum: f64, rate: &f64| sum + rate;
            let below = [
                self.rates[start..position].iter().rev().fold(0.0, add),
                self.rates[position + 1..end].iter().fold(0.0, add),
            ];
            others[position] = below[0] + below[1];
            totals[position] = others[position] + self.rates[position];
        }
    }
}

/// So many are looked at at once for whether a lighter weight closes them: few are closed by one.
const POPPED: usize = 4;

impl Algorithm for BinaryTree {
    type Scratch = Scratch;

    fn rates(&self) -> &[f64] {
        &self.rates
    }

    fn structure_len(&self) -> usize {
        self.rates.len()
    }

    fn trace_len(&self) -> usize {
        self.rates.len()
    }

    fn draw_all(&self, stream: &Stream, weights: Option<&mut [f64]>, scratch: &mut Scratch) -> bool {
        if self.at_once {
            let mut drawn = std::mem::take(&mut scratch.weights);
            lanes::weights_at_once(stream, &self.means, &mut drawn, weights);
            self.run(Given(&drawn), scratch);
            scratch.weights = drawn;
        }
        self.at_once
    }

    fn run(&self, weights: impl Weights, scratch: &mut Scratch) {
        let mut weights = weights; // in registers, not where the caller has it
        let n = self.means.len();
        let nobody = n as u32;
        let Scratch { drawn, open, places, halves, winners, .. } = scratch;
        // First all weights, as bits, which are in the order of the numbers.
        drawn.clear();
        drawn.extend((0..).zip(&self.means).map(|(position, &mean)| weights.of(|| position, mean).to_bits()));
        // Above the root is nobody, who is lighter than all; below a leaf likewise: nothing has to be asked for.
        open.resize(n + POPPED, 0);
        places.resize(n + POPPED + 1, nobody);
        halves.resize(n + 1, [nobody; 2]);
        winners.resize(n + 1, 0);
        let (open, places, halves) = (&mut open[..n + POPPED], &mut places[..=n + POPPED], &mut halves[..=n]);
        let mut top = POPPED - 1;
        (open[top], places[top], places[top + 1]) = (0, nobody, nobody);
        for (position, &weight) in (0..).zip(&*drawn) {
            // What is heavier becomes the left subtree; of equals the earlier stays above. Counted some at a time: where to stop
            // could not be foreseen.
            loop {
                let heavier = open[top + 1 - POPPED..=top].iter().map(|open| usize::from(*open > weight));
                let heavier: usize = heavier.sum();
                top -= heavier;
                if heavier < POPPED {
                    break;
                }
            }
            halves[position as usize] = [places[top + 1], nobody];
            halves[places[top] as usize][1] = position;
            top += 1;
            (open[top], places[top], places[top + 1]) = (weight, position, nobody);
        }
        let winners = &mut winners[..=n];
        winners[0] = halves[n][1];
        let mut end = 1;
        for race in 0..n {
            let [left, right] = halves[winners[race] as usize];
            winners[end] = left;
            end += usize::from(left != nobody);
            winners[end] = right;
            end += usize::from(right != nobody);
        }
    }

    fn winners<'s>(&self, scratch: &'s Scratch) -> &'s [u32] {
        &scratch.winners[..self.means.len()]
    }

    fn structure(&self, scratch: &mut Scratch, structure: &mut [u32]) {
        let n = self.means.len();
        let Scratch { halves, parents, winners, .. } = scratch;
        parents.resize(n + 1, NONE);
        for (position, halves) in (0..).zip(&halves[..n]) {
            halves.iter().for_each(|&half| parents[half as usize] = position);
        }
        parents[winners[0] as usize] = NONE;
        structure.copy_from_slice(&parents[..n]);
    }

    /// As many levels as there are, each of the halves of the one before.
    fn loss(&self, scratch: &mut Scratch) -> i64 {
        let n = self.means.len();
        let (mut height, mut race, mut end) = (0, 0, 1);
        while race < n {
            let halves =
                scratch.winners[race..end].iter().flat_map(|&winner| scratch.halves[winner as usize]);
            (race, end) = (end, end + halves.filter(|half| (*half as usize) < n).count());
            height += 1;
        }
        -height
    }

    fn to_structure(&self, structure: &[u32]) -> Structure {
        let parent = |&parent: &u32| Some(parent as usize).filter(|_| parent != NONE);
        Structure::Parents(Parents(structure.iter().map(parent).collect()))
    }

    fn totals(&self, scratch: &mut Scratch) {
        let n = self.rates.len();
        let Scratch { halves, winners, totals, others, .. } = scratch;
        totals.resize(n + 1, 0.0);
        totals[n] = 0.0; // nobody's
        others.resize(n, 0.0);
        if self.at_once && n <= POSITIONS_OF_TREE {
            return self.one_by_one(scratch);
        }
        for &winner in winners[..n].iter().rev() {
            let winner = winner as usize;
            let [left, right] = halves[winner];
            others[winner] = totals[left as usize] + totals[right as usize];
            totals[winner] = others[winner] + self.rates[winner];
        }
    }

    fn log_prob(&self, scratch: &Scratch) -> f64 {
        log_prob(self.rates.iter().copied().zip(scratch.others.iter().copied()))
    }

    fn score(&self, scratch: &mut Scratch, score: &mut [f64]) {
        scratch.sum(|_, total| total.recip());
        for ((score, rate), sum) in score.iter_mut().zip(&self.rates).zip(&scratch.sums) {
            *score = rate * sum - 1.0; // every position wins
        }
    }

    fn conditional(&self, scratch: &mut Scratch, mut times: impl Times, weights: &mut [f64]) {
        scratch.sum(|winner, total| times.of(winner) / total);
        weights.copy_from_slice(&scratch.sums[..self.rates.len()]);
    }
}
