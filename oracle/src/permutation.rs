//! Random permutations: the Plackett-Luce law, by sorting exponential weights.
//!
//! # Notation
//! Positions `0..n` are the entries, with rates `λ_i`. There are `n` races; the winner of each leaves, and the last race
//! has one entrant. Trace and structure are the same: the positions in the order in which they won.
//!
//! # Law
//! `P(X) = Π_r λ_{x_r} / (λ_{x_r} + … + λ_{x_n})`.
//!
//! # Cost
//! A run: O(n²). `n!` traces.
//!
//! # Example
//! ```
//! use gumbel_oracle::{number::ratio, permutation::Permutation, recursion::traces};
//! let first = traces(&Permutation::new(3), &[ratio(1, 1), ratio(2, 1), ratio(3, 1)]).next().unwrap();
//! assert_eq!(first.structure.0, [0, 1, 2]);
//! assert_eq!(first.probability, ratio(1, 15)); // 1/6 · 2/5 · 3/3
//! ```
//!
//! # References
//! R. L. Plackett (1975), *The analysis of permutations*, Applied Statistics 24; R. D. Luce (1959), *Individual choice
//! behavior*; Struminsky et al. (2021), arXiv:2110.15072, section 4.

use crate::recursion::Recursion;
use crate::structure::Order;

/// Sorting by successive races. The state is who has won so far, in order.
#[derive(Debug, Clone)]
pub struct Permutation {
    n: usize,
}

impl Permutation {
    /// Permutations of `n` positions.
    #[must_use]
    pub fn new(n: usize) -> Self {
        Self { n }
    }
}

impl Recursion for Permutation {
    type State = Vec<usize>;
    type Structure = Order;

    fn entries(&self) -> usize {
        self.n
    }

    fn start(&self) -> Vec<usize> {
        Vec::new()
    }

    fn stop(&self, won: &Vec<usize>) -> Option<Order> {
        (won.len() == self.n).then(|| Order(Vec::new()))
    }

    fn split(&self, won: &Vec<usize>) -> Vec<Vec<usize>> {
        let mut left = vec![true; self.n];
        won.iter().for_each(|&i| left[i] = false);
        vec![(0..self.n).filter(|&i| left[i]).collect()]
    }

    fn map(&self, won: &Vec<usize>, winners: &[usize]) -> Vec<usize> {
        [won, winners].concat()
    }

    fn combine(&self, _: &Vec<usize>, winners: &[usize], rest: Order) -> Order {
        Order([winners, &rest.0].concat())
    }
}
