//! At which level a check is judged: by tests of one look, or by bets that may be looked at always.

use super::repeated;
use crate::statistics::{
    BetTest, DepartureKind, StatisticsError, TestResult, cell_p_value, coin_bets, g_test,
    kolmogorov_smirnov_of_counts, law_bets, row_bets, smallest_coin_bet, smallest_difference,
    smallest_law_bet, smallest_row_bet, smallest_uniform_bet, spread_bets, uniform_bets,
};

/// How often one looks at the draws before one says what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Looks {
    /// Once, when all are there: tests whose p-value is that of this look.
    #[default]
    Once,
    /// After every batch, and one stops when one likes: [bets](law_bets).
    Always,
}

/// What a check is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The false-alarm probability of each test.
    pub alpha: f64,
    /// As if each draw had been seen so many times: 1 for a verdict, more to find out how many draws would do.
    pub times: f64,
    /// See there.
    pub looks: Looks,
}

impl Level {
    /// What the row is called: `once` if the test is one of a single look.
    pub(super) fn name(&self, once: &'static str) -> &'static str {
        match self.looks {
            Looks::Once => once,
            Looks::Always => "bets",
        }
    }

    /// So many draws, if each had been seen so often.
    pub(super) fn draws(&self, counts: &[u64]) -> u64 {
        libm::round(counts.iter().sum::<u64>() as f64 * self.times) as u64
    }

    /// The result of bets, and of so many draws that were not made nothing but what they would catch.
    fn bets(
        &self,
        draws: u64,
        bets: impl FnOnce() -> Result<BetTest, StatisticsError>,
        departure: f64,
        kind: DepartureKind,
    ) -> Result<(u64, TestResult), StatisticsError> {
        let none = BetTest { statistic: 0.0, p_value: 1.0, draws };
        let test = if self.times == 1.0 { bets()? } else { none };
        Ok((draws, test.judge(self.alpha, departure, kind)))
    }

    /// How many coordinates of a check are judged: how many draws would do is the same for all.
    pub(super) fn coordinates(&self) -> usize {
        if self.looks == Looks::Always && self.times != 1.0 { 1 } else { usize::MAX }
    }

    /// Judges uniforms, counted in equal bins: one coordinate after the other.
    pub(super) fn uniforms(&self) -> impl FnMut(&[u64]) -> Result<(u64, TestResult), StatisticsError> {
        // Of all coordinates with as many draws.
        let mut departure = None;
        move |counts| match self.looks {
            Looks::Once => {
                let test = kolmogorov_smirnov_of_counts(&repeated(counts, self.times))?;
                Ok((test.draws, test.judge(self.alpha)?))
            }
            Looks::Always => {
                let draws = self.draws(counts);
                let known = departure.filter(|(of, _)| *of == draws);
                let (_, caught) = match known {
                    Some(known) => known,
                    None => (draws, smallest_uniform_bet(draws, counts.len(), self.alpha)?),
                };
                departure = Some((draws, caught));
                self.bets(draws, || uniform_bets(counts), caught, DepartureKind::SupNorm)
            }
        }
    }

    /// Of counts against exact probabilities.
    pub(super) fn law(
        &self,
        counts: &[u64],
        probabilities: &[f64],
    ) -> Result<(u64, TestResult), StatisticsError> {
        match self.looks {
            Looks::Once => {
                let test = g_test(&repeated(counts, self.times), probabilities)?;
                Ok((test.draws, test.judge(self.alpha)?))
            }
            Looks::Always => {
                let draws = self.draws(counts);
                let cells = probabilities.iter().filter(|p| **p > 0.0).count();
                let departure = smallest_law_bet(draws, cells, self.alpha)?;
                let bets = || law_bets(counts, probabilities);
                self.bets(draws, bets, departure, DepartureKind::TotalVariation)
            }
        }
    }

    /// What [`one_cell`](Self::one_cell) catches, at this probability.
    pub(super) fn departure_of_one_cell(&self, draws: u64, probability: f64) -> Result<f64, StatisticsError> {
        match self.looks {
            Looks::Once => smallest_difference(draws, probability, self.alpha),
            Looks::Always => smallest_coin_bet(draws, self.alpha),
        }
    }

    /// The statistic and the p-value of a cell that was drawn `count` times: how far it is off, or what bets on it have gained.
    pub(super) fn one_cell(
        &self,
        draws: u64,
        probability: f64,
        count: u64,
    ) -> Result<(f64, f64), StatisticsError> {
        if self.looks == Looks::Once {
            let off = (count as f64 - probability * draws as f64).abs();
            return Ok((off, cell_p_value(draws, probability, count.min(draws))?));
        }
        let bets = coin_bets(draws, probability, count.min(draws))?;
        Ok((bets.statistic, bets.p_value))
    }

    /// Bets on tables of the same draws: of each its counts `[rows, cells]` and the number of its cells; the stake is spread over them
    /// evenly. The departure is that of a table with the cells of the first, and so many rows.
    pub(super) fn tables(
        &self,
        tables: &[(&[u64], usize)],
        rows: usize,
    ) -> Result<(u64, TestResult), StatisticsError> {
        let Some(&(counts, cells)) = tables.first() else { return Err(StatisticsError::NoTests) };
        let draws = self.draws(counts);
        let departure = smallest_row_bet(draws, rows, cells, self.alpha / tables.len() as f64)?;
        let bets = || {
            let each: Result<Vec<BetTest>, StatisticsError> =
                tables.iter().map(|(counts, cells)| row_bets(counts, *cells)).collect();
            spread_bets(&each?)
        };
        self.bets(draws, bets, departure, DepartureKind::TotalVariation)
    }
}
