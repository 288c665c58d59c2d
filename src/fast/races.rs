//! What all structures share that hold their races one after the other: each entry races from the first race on, up to its
//! last.

use gumbel_oracle::number::Real;

use super::lanes::fold;
use super::{NONE, Times};

/// `Σ_r log(λ_w / Λ_r)`, from the winners' rates and the sums of the other entrants' rates.
#[inline(never)]
pub(super) fn log_prob(mut races: impl Iterator<Item = (f64, f64)>) -> f64 {
    // Π (1 + x) - 1, and what was taken out of it before it grew too large.
    let (mut product, mut log) = (0.0, 0.0);
    let both = |a: f64, b: f64| a + b + a * b;
    loop {
        // Four at a time, which do not wait for each other; there may be fewer left, which are as if certain.
        let mut four = [(1.0, 0.0); 4];
        let held = four.iter_mut().zip(races.by_ref()).map(|(place, race)| *place = race).count();
        let odds = four.map(|(rate, others)| others / rate);
        if product < 1e200 && odds.iter().all(|odds| *odds < 1e25) {
            product = both(product, both(both(odds[0], odds[1]), both(odds[2], odds[3])));
        } else {
            for ((rate, others), odds) in four.into_iter().zip(odds) {
                if odds < 1e100 {
                    log += libm::log1p(product);
                    product = odds;
                } else {
                    log += Real::ln(&others) - Real::ln(&rate); // 1 + x is x to the last bit; x may be beyond f64
                }
            }
        }
        if held < 4 {
            return 0.0 - (log + libm::log1p(product)); // a certain trace has 0, not -0
        }
    }
}

/// The races of a run.
#[derive(Debug, Default)]
pub(super) struct Races {
    /// The winner of each.
    pub(super) winners: Vec<u32>,
    /// First the rates of those who leave after a race without having won it; then, after [`Races::accumulate`], of all who
    /// race and do not win.
    pub(super) others: Vec<f64>,
    /// `Λ_r`.
    pub(super) totals: Vec<f64>,
    /// For each race the sum up to it of one value per race.
    pub(super) sums: Vec<f64>,
}

impl Races {
    /// From the last race back, what goes on from a race to those before it.
    pub(super) fn accumulate(&mut self, rates: &[f64]) {
        self.totals.resize(self.winners.len(), 0.0);
        let mut total = 0.0;
        let races = self.others.iter_mut().zip(&self.winners).zip(&mut self.totals);
        for ((others, &winner), place) in races.rev() {
            *others += total;
            total = *others + rates[winner as usize];
            *place = total;
        }
    }

    /// `log p(T)`.
    pub(super) fn log_prob(&self, rates: &[f64]) -> f64 {
        log_prob(
            self.winners.iter().zip(&self.others).map(|(&winner, &others)| (rates[winner as usize], others)),
        )
    }

    /// Makes the sums of `1/Λ_r`.
    pub(super) fn sum_means(&mut self) {
        let mut sum = 0.0;
        self.sums.clear();
        self.sums.extend(self.totals.iter().map(|total| {
            sum += total.recip();
            sum
        }));
    }

    /// Makes the sums of drawn times `M_r ~ Exp(Λ_r)`.
    pub(super) fn sum_times(&mut self, times: &mut impl Times) {
        let mut sum = 0.0;
        self.sums.clear();
        self.sums.extend(self.winners.iter().zip(&self.totals).map(|(&winner, &total)| {
            sum = later(sum, times.of(winner) / total);
            sum
        }));
    }

    /// Writes `∂ log p(T)/∂θ_k` for all entries, given their last races.
    pub(super) fn score(&mut self, rates: &[f64], last: &[u32], score: &mut [f64]) {
        self.sum_means();
        for ((score, &rate), &race) in score.iter_mut().zip(rates).zip(last) {
            *score = rate * self.sums[race as usize];
        }
        self.winners.iter().for_each(|&winner| score[winner as usize] -= 1.0);
    }

    /// Writes a draw of the weights given the trace for present entries, given their last races.
    pub(super) fn conditional(
        &mut self,
        means: &[f64],
        last: &[u32],
        mut times: impl Times,
        weights: &mut [f64],
    ) {
        self.sum_times(&mut times);
        for ((entry, weight), (&mean, &race)) in (0..).zip(weights.iter_mut()).zip(means.iter().zip(last)) {
            if mean < f64::INFINITY {
                *weight = later(self.sums[race as usize], times.of(entry) * mean);
            }
        }
        self.winners.iter().zip(&self.sums).for_each(|(&winner, &sum)| weights[winner as usize] = sum);
    }
}

/// The time so much after this one: later, even where the difference is lost in rounding.
#[inline]
pub(super) fn later(time: f64, after: f64) -> f64 {
    let sum = time + after;
    if sum > time { sum } else { time.next_up() }
}

/// The sum of numbers, pairwise: the error grows with the logarithm of how many there are.
pub(super) fn sum(values: &[f64]) -> f64 {
    if values.len() > 128 {
        let (first, second) = values.split_at(values.len() / 2);
        return sum(first) + sum(second);
    }
    let mut sums = [0.0; 8];
    let eights = values.chunks_exact(8);
    sums.iter_mut().zip(eights.remainder()).for_each(|(sum, value)| *sum += value);
    for eight in eights {
        sums.iter_mut().zip(eight).for_each(|(sum, value)| *sum += value);
    }
    fold(sums)
}

/// The sum of some numbers, of which every eighth are added up first: in an order that does not depend on how many there are, but for
/// zeros at the end.
pub(super) fn sum_by_eights(values: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    values.iter().enumerate().for_each(|(i, value)| sums[i % 8] += value);
    fold(sums)
}

/// The least of some numbers, in lanes; infinite if there are none.
#[inline]
pub(super) fn least(values: &[f64]) -> f64 {
    let mut least = [f64::INFINITY; 8];
    let eights = values.chunks_exact(8);
    let rest = eights
        .remainder()
        .iter()
        .fold(f64::INFINITY, |least, &value| if value < least { value } else { least });
    for eight in eights {
        for (least, &value) in least.iter_mut().zip(eight) {
            *least = if value < *least { value } else { *least };
        }
    }
    least.into_iter().fold(rest, |least, value| if value < least { value } else { least })
}

/// One of two, without a branch, which could not be foreseen.
#[inline]
pub(super) fn select(first: bool, one: u32, other: u32) -> u32 {
    let mask = u32::from(first).wrapping_neg();
    one & mask | other & !mask
}

/// Up to so many numbers are sorted without a comparison whose outcome would have to be guessed.
const FEW: usize = 32;

/// Writes different numbers in increasing order.
pub(super) fn sort(numbers: &[u32], sorted: &mut [u32]) {
    if numbers.len() > FEW {
        sorted.copy_from_slice(numbers);
        sorted.sort_unstable();
        return;
    }
    // Each goes where there are as many before it.
    let mut few = [NONE; FEW];
    few.iter_mut().zip(numbers).for_each(|(place, &number)| *place = number);
    let few = &few[..numbers.len().next_multiple_of(8)];
    for &number in numbers {
        let before: u32 = few.iter().map(|other| u32::from(*other < number)).sum();
        sorted[before as usize] = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_is_later() {
        assert_eq!(later(1.0, 2.0), 3.0);
        assert_eq!(later(0.0, 1e-300), 1e-300);
        assert_eq!(later(1.0, 1e-30), 1.0 + f64::EPSILON);
    }
}
