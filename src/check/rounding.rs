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

/// How far the log-probability and the score of a trace may be off, in units in the last place of 1, if they are worked out from
/// logits that were rounded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    /// Of the log-probability.
    pub(super) log_prob: f64,
    /// Of the score, for each unit of an entry's shares `λ_k Σ 1/Λ_r`.
    share: f64,
}

impl Allowed {
    /// From the rates, and total rate and number of entrants of each race.
    ///
    /// Each race: two logarithms of at most `scale`, of numbers that come from rounded logits; a total of so many rounded
    /// additions, each off by half a unit of the sum. Score: a share of each race, as above, and their sum.
    pub(super) fn new(rates: &[f64], totals: &[f64], entrants: &[usize]) -> Self {
        let present = rates.iter().copied().filter(|&rate| rate > 0.0);
        let scale =
            present.chain(totals.iter().copied()).map(|rate| Real::ln(&rate).abs()).fold(1.0, f64::max);
        let half = |count: usize| count as f64 / 2.0;
        let most = entrants.iter().copied().max().unwrap_or(0);
        Self {
            log_prob: entrants.iter().map(|&entrants| 4.0 * scale + half(entrants)).sum(),
            share: 4.0 * scale + half(most) + half(entrants.len()),
        }
    }

    /// Of one number of the score, of an entry that won or not; the 1 of a winner is exact, the difference is rounded.
    pub(super) fn score(&self, score: f64, won: bool) -> f64 {
        let shares = if won { score + 1.0 } else { score };
        self.share * shares + 1.0
    }
}
