//! What all structures share that hold their races one after the other: each entry races from the first race on, up to its
//! last.

use gumbel_oracle::number::Real;

use super::Times;

/// `Σ_r log(λ_w / Λ_r)`, from the winners' rates and the sums of the other entrants' rates.
pub(super) fn log_prob(races: impl Iterator<Item = (f64, f64)>) -> f64 {
    // Π (1 + x) - 1, and what was taken out of it before it grew too large.
    let (mut product, mut log) = (0.0, 0.0);
    for (rate, others) in races {
        let odds = others / rate;
        if odds < 1e100 && product < 1e200 {
            product += odds + product * odds;
        } else if odds < 1e100 {
            log += libm::log1p(product);
            product = odds;
        } else {
            log += Real::ln(&others) - Real::ln(&rate); // 1 + x is x to the last bit; x may be beyond f64
        }
    }
    -(log + libm::log1p(product))
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
        self.sum(|_, total| total.recip());
    }

    /// Makes the sums of drawn times `M_r ~ Exp(Λ_r)`.
    pub(super) fn sum_times(&mut self, times: &mut impl Times) {
        self.sum(|winner, total| times.of(winner) / total);
    }

    fn sum(&mut self, mut value: impl FnMut(u32, f64) -> f64) {
        let mut sum = 0.0;
        self.sums.clear();
        self.sums.extend(self.winners.iter().zip(&self.totals).map(|(&winner, &total)| {
            sum += value(winner, total);
            sum
        }));
    }
}
