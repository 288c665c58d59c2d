//! Counts in cells against their probabilities: G, nothing pooled.

use super::given::{check_alpha, check_cells, check_statistic};
use super::power::smallest_total_variation;
use super::special::{deviance, first_above};
use super::verdict::{DepartureKind, TestResult};
use super::{POWER, StatisticsError};

/// The log-likelihood-ratio test of one sample, made by [`g_test`](super::g_test).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GTest {
    /// `G = 2 Σ O_i log(O_i/E_i)`; infinite if a cell of probability 0 was drawn.
    pub statistic: f64,
    /// Cells of positive probability.
    pub cells: usize,
    /// Upper bound of the tail, valid at every number of draws.
    pub p_value: f64,
    /// Number of draws.
    pub draws: u64,
}

/// The log-likelihood-ratio test of counts against exact probabilities, one of each per cell.
///
/// No cell is pooled and no count is too small: the p-value is the bound of [`g_p_value`]. It costs power against
/// [`pearson`](super::pearson()) when cells are many and counts large. A draw in a cell of probability 0 gives p-value 0.
/// O(k).
///
/// # Errors
/// As [`pearson`](super::pearson()).
#[doc(alias = "likelihood ratio")]
pub fn g_test(observed: &[u64], probabilities: &[f64]) -> Result<GTest, StatisticsError> {
    let draws = check_cells(observed, probabilities)?;
    let n = draws as f64;
    let cells = probabilities.iter().filter(|p| **p > 0.0).count();
    // Σ O log(O/E) = Σ [O log(O/E) + E - O], whose terms are positive.
    let term = |(&o, &p): (&u64, &f64)| match (o, p > 0.0) {
        (0, false) => 0.0,
        (_, false) => f64::INFINITY,
        _ => deviance(o as f64, n * p),
    };
    let statistic = 2.0 * observed.iter().zip(probabilities).map(term).sum::<f64>();
    Ok(GTest { statistic, cells, p_value: g_bound(statistic, cells), draws })
}

impl GTest {
    /// The verdict at false-alarm probability `alpha`, which is also the threshold.
    ///
    /// # Errors
    /// [`StatisticsError::Alpha`].
    pub fn judge(&self, alpha: f64) -> Result<TestResult, StatisticsError> {
        let critical = g_critical(self.cells, alpha)?;
        let smallest_departure = if self.cells == 1 {
            // Whatever departs is impossible, and seen with probability 1 - (1 - TV)^n.
            -libm::expm1(libm::log(1.0 - POWER) / self.draws as f64)
        } else {
            smallest_total_variation(self.draws, critical, self.cells.saturating_sub(1), POWER)?
        };
        Ok(TestResult {
            statistic: self.statistic,
            p_value: self.p_value,
            threshold: alpha,
            smallest_departure,
            departure_kind: DepartureKind::TotalVariation,
        })
    }
}

/// Upper bound of `P(G ≥ statistic)` for `cells` cells of positive probability, at every number of draws.
///
/// `exp(-g + (k-1)(1 + log(g/(k-1))))` with `g` half the statistic, for `g > k-1`; else 1. One cell: 1, or 0 for
/// an infinite statistic.
///
/// # Errors
/// [`StatisticsError::Argument`] if the statistic is NaN.
pub fn g_p_value(statistic: f64, cells: usize) -> Result<f64, StatisticsError> {
    check_statistic(statistic)?;
    Ok(g_bound(statistic, cells))
}

/// The `G` from which [`GTest::judge`] refutes at false-alarm probability `alpha`; infinite for one cell.
///
/// # Errors
/// [`StatisticsError::Alpha`].
pub fn g_critical(cells: usize, alpha: f64) -> Result<f64, StatisticsError> {
    check_alpha(alpha)?;
    if cells < 2 {
        return Ok(f64::INFINITY);
    }
    let start = 2.0 * (cells - 1) as f64;
    Ok(first_above(start, start, 0.0, |statistic| g_bound(statistic, cells) <= alpha))
}

pub(super) fn g_bound(statistic: f64, cells: usize) -> f64 {
    if statistic == f64::INFINITY {
        return 0.0;
    }
    let g = statistic / 2.0;
    let shape = cells.saturating_sub(1) as f64;
    if g <= shape || shape == 0.0 {
        return 1.0;
    }
    libm::exp(shape - g + shape * libm::log(g / shape)).min(1.0)
}
