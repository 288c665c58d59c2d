//! Which cells are over- or under-drawn, one by one, exactly.

use std::f64::consts::PI;

use super::given::{check_alpha, check_cells};
use super::special::{deviance, first_above, stirling_error};
use super::{MOST_DRAWS, POWER, SERIES_TOLERANCE, StatisticsError};

/// On which side of its expectation a cell fell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawn {
    /// More often than expected.
    Over,
    /// Less often than expected, or exactly as often.
    Under,
}

/// One cell of a sample with its exact binomial test, made by [`worst_cells`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellResult {
    /// Position of the cell.
    pub cell: usize,
    /// Draws in it.
    pub observed: u64,
    /// Draws expected in it, `n·p`.
    pub expected: f64,
    /// On which side of the expectation it fell.
    pub drawn: Drawn,
    /// Two-sided p-value, times the number of cells of positive probability, at most 1.
    pub p_value: f64,
}

/// Exact two-sided p-value of `observed` draws out of `draws` in a cell of probability `probability`.
///
/// `2·min(P(B ≤ observed), P(B ≥ observed))` with `B ~ Binomial(draws, probability)`, at most 1. Relative error
/// below 1e-11 down to 1e-290 for up to 10⁶ draws (it grows as the square root of their number).
///
/// # Errors
/// [`StatisticsError::Argument`] for a probability outside [0, 1]; [`StatisticsError::Observed`] if
/// `observed > draws`; [`StatisticsError::TooManyDraws`].
///
/// ```
/// # use recursive_gumbel::statistics::cell_p_value;
/// assert!((cell_p_value(10, 0.5, 0)? - 2.0 / 1024.0).abs() < 1e-17);
/// assert_eq!(cell_p_value(10, 0.5, 5)?, 1.0);
/// assert_eq!(cell_p_value(10, 0.0, 1)?, 0.0);
/// # Ok::<(), recursive_gumbel::statistics::StatisticsError>(())
/// ```
pub fn cell_p_value(draws: u64, probability: f64, observed: u64) -> Result<f64, StatisticsError> {
    if !(0.0..=1.0).contains(&probability) {
        return Err(StatisticsError::Argument {
            name: "probability",
            value: probability,
            want: "a number from 0 to 1",
        });
    }
    if observed > draws {
        return Err(StatisticsError::Observed { observed, draws });
    }
    if draws > MOST_DRAWS {
        return Err(StatisticsError::TooManyDraws);
    }
    Ok(libm::exp(ln_cell_p_value(draws as f64, probability, observed as f64)))
}

/// The difference between the probability of a cell and `probability` from which [`cell_p_value`] refutes at `alpha` with
/// probability [`POWER`](super::POWER), in either direction. A cell cannot be drawn less often than never: if even that would not
/// be refuted, nothing is missed there but `probability` itself; so it is on the other side. Exact but for the steps of a bisection.
///
/// # Errors
/// [`StatisticsError::Alpha`]; [`StatisticsError::NoDraws`]; otherwise as [`cell_p_value`].
///
/// ```
/// # use recursive_gumbel::statistics::smallest_difference;
/// let of_half = smallest_difference(10_000, 0.5, 1e-6)?;
/// assert!(of_half > 0.035 && of_half < 0.037); // (4.89 + 2.33) · 0.005
/// assert_eq!(smallest_difference(10, 0.5, 1e-6)?, 0.5);
/// # Ok::<(), recursive_gumbel::statistics::StatisticsError>(())
/// ```
pub fn smallest_difference(draws: u64, probability: f64, alpha: f64) -> Result<f64, StatisticsError> {
    check_alpha(alpha)?;
    if draws == 0 {
        return Err(StatisticsError::NoDraws);
    }
    cell_p_value(draws, probability, 0)?;
    // Seen from the failures, less often is more often.
    Ok(more_often(draws as f64, probability, alpha).max(more_often(draws as f64, 1.0 - probability, alpha)))
}

/// How much more often.
fn more_often(n: f64, p: f64, alpha: f64) -> f64 {
    let most = 1.0 - p;
    let refutes = |count: f64| count > n * p && ln_cell_p_value(n, p, count) <= libm::log(alpha);
    if !refutes(n) {
        return most;
    }
    let (mut low, mut high) = (libm::floor(n * p), n);
    while high - low > 1.0 {
        let middle = libm::floor((low + high) / 2.0);
        if refutes(middle) { high = middle } else { low = middle }
    }
    // The probability of fewer than `high`, twice: of what is below its expectation.
    let missed = libm::log(2.0 * (1.0 - POWER));
    let caught = |q: f64| high - 1.0 < n * q && ln_cell_p_value(n, q, high - 1.0) <= missed;
    first_above(0.0, most / 64.0, 1e-6, |more| more >= most || caught(p + more)).min(most)
}

/// The `limit` cells that fit worst, worst first (ties: lower cell), with Bonferroni-corrected exact p-values.
///
/// Cells are ordered by the logarithm of the p-value, so that cells whose p-value is 0 in f64 keep their order. A
/// cell of probability 0 that was drawn comes first, with p-value 0. The smallest p-value returned is itself a
/// valid p-value of the whole sample. O(k log k) and a binomial tail per cell.
///
/// # Errors
/// As [`pearson`](super::pearson()).
pub fn worst_cells(
    observed: &[u64],
    probabilities: &[f64],
    limit: usize,
) -> Result<Vec<CellResult>, StatisticsError> {
    let n = check_cells(observed, probabilities)? as f64;
    let possible = probabilities.iter().filter(|p| **p > 0.0).count() as f64;
    let mut cells: Vec<(f64, CellResult)> = Vec::with_capacity(observed.len());
    for (cell, (&observed, &p)) in observed.iter().zip(probabilities).enumerate() {
        let ln_p_value = ln_cell_p_value(n, p, observed as f64) + libm::log(possible);
        let drawn = if observed as f64 > n * p { Drawn::Over } else { Drawn::Under };
        let p_value = libm::exp(ln_p_value).min(1.0);
        cells.push((ln_p_value, CellResult { cell, observed, expected: n * p, drawn, p_value }));
    }
    cells.sort_by(|a, b| a.0.total_cmp(&b.0)); // stable
    Ok(cells.into_iter().take(limit).map(|(_, cell)| cell).collect())
}

/// `log` of the two-sided p-value; `p` in [0, 1], `0 ≤ observed ≤ n`.
///
/// Only the tail on the observed side is summed. The other holds the median, so it is at least ½: a binomial
/// median lies between ⌊np⌋ and ⌈np⌉.
pub(super) fn ln_cell_p_value(n: f64, p: f64, observed: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 {
        return if observed == if p <= 0.0 { 0.0 } else { n } { 0.0 } else { f64::NEG_INFINITY };
    }
    let q = 1.0 - p;
    // Seen from the failures, an upper tail is a lower one: sum P(B ≤ k) downwards from k.
    let (k, odds) = if observed > n * p { (n - observed, p / q) } else { (observed, q / p) };
    let (mut sum, mut term, mut j) = (1.0, 1.0, k);
    while j > 0.0 {
        let ratio = j / (n - j + 1.0) * odds;
        term *= ratio;
        sum += term;
        // The ratios fall, so the rest is less than a geometric series.
        if ratio < 1.0 && term * ratio <= SERIES_TOLERANCE * sum * (1.0 - ratio) {
            break;
        }
        j -= 1.0;
    }
    (std::f64::consts::LN_2 + ln_binomial_pmf(n, p, observed) + libm::log(sum)).min(0.0)
}

/// `log P(B = k)` for `0 < p < 1`, in Loader's form: deviances and Stirling errors, no cancellation.
pub(super) fn ln_binomial_pmf(n: f64, p: f64, k: f64) -> f64 {
    if k == 0.0 {
        return n * libm::log1p(-p);
    }
    if k == n {
        return n * libm::log(p);
    }
    let rest = n - k;
    let deviances = deviance(k, n * p) + deviance(rest, n * (1.0 - p));
    stirling_error(n) - stirling_error(k) - stirling_error(rest) - deviances
        + 0.5 * (libm::log(n / k) - libm::log(2.0 * PI * rest))
}
