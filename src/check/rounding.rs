//! What weights that were rounded can still decide.

use gumbel_oracle::number::Real;

/// What an algorithm does on the weights of a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// It holds the races of the draw.
    Same,
    /// It holds others, but someone wins by no more than rounding.
    Tied,
    /// It holds others.
    Other,
}

/// Whether a number is one of single precision.
pub(super) fn is_single(value: f64) -> bool {
    value.is_infinite() || f64::from(value as f32) == value
}

/// How far the times that follow from weights may be off because the weights are rounded.
pub(super) struct Rounding<'w> {
    weights: &'w [f64],
    /// Relative to the largest number in a sum.
    unit: f64,
    /// The largest weight of a winner.
    largest: f64,
}

impl<'w> Rounding<'w> {
    /// Of the weights of a trace with these winners.
    pub(super) fn new(weights: &'w [f64], winners: impl Iterator<Item = usize>) -> Self {
        let single = weights.iter().all(|&weight| is_single(weight));
        let epsilon = if single { f64::from(f32::EPSILON) } else { f64::EPSILON };
        let (mut races, mut largest) = (0.0, 0.0_f64);
        for winner in winners {
            races += 1.0;
            largest = largest.max(weights[winner]);
        }
        Self { weights, unit: 4.0 * epsilon * (races + 1.0), largest }
    }

    /// Of the time behind an entry. Times are sums and differences of at most as many numbers as there are races, none larger than
    /// the entry's weight or that of a winner; each side of a comparison may be off by half a unit per number, in the sampler and
    /// here.
    pub(super) fn of(&self, entry: usize) -> f64 {
        self.unit * self.weights[entry].max(self.largest)
    }

    /// Sets to 1 the uniforms of times that are negative by no more than rounding, that is: to a time of 0. One uniform per entry,
    /// `exp(-total · time)`, NaN at an absent one.
    pub(super) fn settle(&self, uniforms: &mut [f64], total: impl Fn(usize) -> f64) -> Held {
        let mut held = Held::Same;
        for (entry, u) in uniforms.iter_mut().enumerate().filter(|(_, u)| **u > 1.0) {
            if held != Held::Other && Real::ln(u) / total(entry) <= self.of(entry) {
                (*u, held) = (1.0, Held::Tied);
            } else {
                held = Held::Other;
            }
        }
        held
    }
}
