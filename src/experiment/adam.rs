//! Adam.

use serde::{Deserialize, Serialize};

/// How fast the moments forget, and what keeps a quotient finite: the values of the paper.
const FIRST: f64 = 0.9;
const SECOND: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Steps against a gradient, each entry by its own size.
///
/// # References
/// D. P. Kingma, J. Ba (2015), *Adam: a method for stochastic optimization*, ICLR, algorithm 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    rate: f64,
    /// `β₁^t` and `β₂^t`.
    powers: [f64; 2],
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Adam {
    /// For so many numbers, with this learning rate.
    #[must_use]
    pub fn new(numbers: usize, rate: f64) -> Self {
        Self { rate, powers: [1.0; 2], first: vec![0.0; numbers], second: vec![0.0; numbers] }
    }

    /// One step against the gradient.
    ///
    /// # Panics
    /// If there are not as many numbers as in [`new`](Self::new).
    pub fn step(&mut self, numbers: &mut [f64], gradient: &[f64]) {
        assert!(numbers.len() == self.first.len() && gradient.len() == self.first.len(), "one per number");
        self.powers = [self.powers[0] * FIRST, self.powers[1] * SECOND];
        let [first_bias, second_bias] = self.powers.map(|power| 1.0 - power);
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((number, g), (first, second)) in numbers.iter_mut().zip(gradient).zip(moments) {
            *first = FIRST * *first + (1.0 - FIRST) * g;
            *second = SECOND * *second + (1.0 - SECOND) * g * g;
            let size = (*second / second_bias).sqrt() + EPSILON;
            *number -= self.rate * (*first / first_bias) / size;
        }
    }

    /// Whether the other moves as many numbers at the same rate, wherever they are.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let of = |adam: &Self| (adam.rate, adam.first.len(), adam.second.len());
        of(self) == of(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand from the algorithm of the paper, and its first property: the first step has the length of the learning rate.
    #[test]
    fn steps_are_those_of_the_paper() {
        let mut adam = Adam::new(2, 0.1);
        let mut numbers = [1.0, -3.0];
        adam.step(&mut numbers, &[0.5, -200.0]);
        assert!((numbers[0] - 0.9).abs() < 1e-8 && (numbers[1] + 2.9).abs() < 1e-8, "{numbers:?}");
        // m = 0.9·0.05 - 0.1·0.25 = 0.02, v = 0.999·0.00025 + 0.001·0.0625 = 0.00031225.
        adam.step(&mut numbers, &[-0.25, -200.0]);
        let moved: f64 = 0.1 * (0.02 / 0.19) / ((0.000_312_25_f64 / 0.001_999).sqrt() + 1e-8);
        assert!((numbers[0] - (0.9 - moved)).abs() < 1e-8, "{numbers:?}");
        assert!((numbers[1] + 2.8).abs() < 1e-8, "{numbers:?}");
    }
}
