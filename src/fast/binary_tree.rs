//! Divide and conquer: the Cartesian tree of the weights.
//!
//! # Law
//! The winner of an interval is its smallest weight, so the tree is the Cartesian tree, which a stack builds in one pass. (Winning
//! times are subtracted from all that race in an interval alike, so they change no later race.) A race's total is a sum over a subtree.
//! Races are held depth by depth, from left to right.
//!
//! # Cost
//! O(n) per draw and for all that follows from it.
//!
//! # References
//! J. Vuillemin (1980), *A unifying look at data structures*, Comm. ACM 23(4), for the tree.

use gumbel_oracle::structure::{Parents, Structure};

use super::races::log_prob;
use super::{Algorithm, InputError, NONE, Times, Weights, check_rates};

/// Binary trees over a list with fixed rates.
#[derive(Debug, Clone)]
pub struct BinaryTree {
    rates: Vec<f64>,
    means: Vec<f64>,
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
                Ok(Self { rates: rates.to_vec(), means: rates.iter().map(|rate| rate.recip()).collect() })
            }
        }
    }
}

/// The working memory of a run: lists by position, and the order of the races.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Those whose right subtree is still open, from the root down, with their weights.
    open: Vec<(f64, u32)>,
    parents: Vec<u32>,
    left: Vec<u32>,
    right: Vec<u32>,
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
        self.sums.clear();
        self.sums.resize(self.winners.len(), 0.0);
        for &winner in &self.winners {
            let above = self.sums.get(self.parents[winner as usize] as usize).copied().unwrap_or(0.0);
            self.sums[winner as usize] = above + value(winner, self.totals[winner as usize]);
        }
    }
}

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

    fn run(&self, mut weights: impl Weights, scratch: &mut Scratch) {
        let Scratch { open, parents, left, right, winners, .. } = scratch;
        open.clear();
        for list in [&mut *parents, &mut *left, &mut *right] {
            list.clear();
            list.resize(self.means.len(), NONE);
        }
        for (position, &mean) in (0..).zip(&self.means) {
            let weight = weights.of(|| position, mean);
            // What is heavier becomes the left subtree; of equals the earlier stays above.
            let mut below = NONE;
            while let Some((_, closed)) = open.pop_if(|(above, _)| *above > weight) {
                below = closed;
            }
            if below != NONE {
                (left[position as usize], parents[below as usize]) = (below, position);
            }
            if let Some(&(_, above)) = open.last() {
                (right[above as usize], parents[position as usize]) = (position, above);
            }
            open.push((weight, position));
        }
        winners.clear();
        winners.push(open[0].1);
        let mut next = 0;
        while let Some(&winner) = winners.get(next) {
            let halves = [left[winner as usize], right[winner as usize]];
            winners.extend(halves.into_iter().filter(|half| *half != NONE));
            next += 1;
        }
    }

    fn winners<'s>(&self, scratch: &'s Scratch) -> &'s [u32] {
        &scratch.winners
    }

    fn structure(&self, scratch: &mut Scratch, structure: &mut [u32]) {
        structure.copy_from_slice(&scratch.parents);
    }

    /// The last race is of an interval of the deepest level.
    fn loss(&self, scratch: &mut Scratch) -> i64 {
        let parent = |&position: &u32| scratch.parents.get(position as usize).copied();
        let up = std::iter::successors(scratch.winners.last().copied(), parent);
        -(up.take_while(|position| *position != NONE).count() as i64)
    }

    fn to_structure(&self, structure: &[u32]) -> Structure {
        let parent = |&parent: &u32| Some(parent as usize).filter(|_| parent != NONE);
        Structure::Parents(Parents(structure.iter().map(parent).collect()))
    }

    fn totals(&self, scratch: &mut Scratch) {
        let Scratch { winners, left, right, totals, others, .. } = scratch;
        for list in [&mut *totals, &mut *others] {
            list.clear();
            list.resize(self.rates.len(), 0.0);
        }
        for &winner in winners.iter().rev() {
            let winner = winner as usize;
            let of = |half: u32| totals.get(half as usize).copied().unwrap_or(0.0);
            others[winner] = of(left[winner]) + of(right[winner]);
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
        weights.copy_from_slice(&scratch.sums);
    }
}
