//! Uniforms: Kolmogorov-Smirnov.

use super::given::{check_alpha, check_counts, check_critical, check_power, check_uniforms};
use super::special::square;
use super::verdict::{DepartureKind, TestResult};
use super::{POWER, StatisticsError};

/// The Kolmogorov-Smirnov test of uniforms, made by [`kolmogorov_smirnov`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KolmogorovSmirnov {
    /// `D = sup |F_n(x) - x|`.
    pub statistic: f64,
    /// `min(1, 2 exp(-2nD²))`, an upper bound of the tail at every `n`.
    pub p_value: f64,
    /// Number of values.
    pub draws: u64,
    /// By how much `D` can be too small: the width of a bin if the values were counted on a grid, else 0.
    pub resolution: f64,
}

/// The Kolmogorov-Smirnov test that `values` are independent uniforms on (0, 1); sorts them in place.
///
/// 0 and 1 are allowed: rounding makes them. O(n log n).
///
/// # Errors
/// [`StatisticsError::Uniform`] for the first value that is NaN or outside [0, 1], with the values left as they
/// were; [`StatisticsError::NoDraws`].
///
/// ```
/// # use recursive_gumbel::statistics::kolmogorov_smirnov;
/// let test = kolmogorov_smirnov(&mut [0.75, 0.25])?;
/// assert_eq!(test.statistic, 0.25);
/// # Ok::<(), recursive_gumbel::statistics::StatisticsError>(())
/// ```
pub fn kolmogorov_smirnov(values: &mut [f64]) -> Result<KolmogorovSmirnov, StatisticsError> {
    check_uniforms(values.iter().copied().enumerate())?;
    if values.is_empty() {
        return Err(StatisticsError::NoDraws);
    }
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len() as f64;
    let statistic = values.iter().enumerate().fold(0.0_f64, |d, (i, &u)| {
        let (below, above) = (i as f64 / n, (i + 1) as f64 / n);
        d.max(u - below).max(above - u)
    });
    Ok(KolmogorovSmirnov {
        statistic,
        p_value: massart(n, statistic),
        draws: values.len() as u64,
        resolution: 0.0,
    })
}

/// The Kolmogorov-Smirnov test of uniforms that were counted on a grid of equal bins.
///
/// `D` is taken at the edges of the bins only. So it is at most the `D` of the values, and the bound of its tail holds;
/// and at most one bin's width smaller (both distribution functions grow between two edges), which
/// [`KolmogorovSmirnov::judge`] adds to the smallest departure. O(bins), whatever the number of values.
///
/// # Errors
/// [`StatisticsError::NoDraws`]; [`StatisticsError::TooManyDraws`].
///
/// ```
/// # use recursive_gumbel::statistics::kolmogorov_smirnov_of_counts;
/// let test = kolmogorov_smirnov_of_counts(&[10, 30, 30, 30])?;
/// assert!((test.statistic - 0.15).abs() < 1e-15); // 0.1 instead of 0.25 up to the first edge
/// # Ok::<(), recursive_gumbel::statistics::StatisticsError>(())
/// ```
pub fn kolmogorov_smirnov_of_counts(counts: &[u64]) -> Result<KolmogorovSmirnov, StatisticsError> {
    let draws = check_counts(counts)?;
    let (n, bins) = (draws as f64, counts.len() as f64);
    let (mut below, mut statistic) = (0, 0.0_f64);
    for (i, &count) in counts.iter().enumerate() {
        below += count;
        statistic = statistic.max((below as f64 / n - (i + 1) as f64 / bins).abs());
    }
    Ok(KolmogorovSmirnov { statistic, p_value: massart(n, statistic), draws, resolution: 1.0 / bins })
}

/// `min(1, 2 exp(-2nD²))`.
pub(super) fn massart(n: f64, statistic: f64) -> f64 {
    (2.0 * libm::exp(-2.0 * n * square(statistic))).min(1.0)
}

impl KolmogorovSmirnov {
    /// The verdict at false-alarm probability `alpha`, which is also the threshold; the power holds at every `n`.
    ///
    /// # Errors
    /// [`StatisticsError::Alpha`].
    pub fn judge(&self, alpha: f64) -> Result<TestResult, StatisticsError> {
        let critical = kolmogorov_smirnov_critical(self.draws, alpha)?;
        Ok(TestResult {
            statistic: self.statistic,
            p_value: self.p_value,
            threshold: alpha,
            smallest_departure: (smallest_sup_norm(self.draws, critical, POWER)? + self.resolution).min(1.0),
            departure_kind: DepartureKind::SupNorm,
        })
    }
}

/// The `D` from which [`KolmogorovSmirnov::judge`] refutes: `√(log(2/alpha) / (2·draws))`.
///
/// # Errors
/// [`StatisticsError::Alpha`]; [`StatisticsError::NoDraws`].
pub fn kolmogorov_smirnov_critical(draws: u64, alpha: f64) -> Result<f64, StatisticsError> {
    check_alpha(alpha)?;
    if draws == 0 {
        return Err(StatisticsError::NoDraws);
    }
    Ok(libm::sqrt(libm::log(2.0 / alpha) / (2.0 * draws as f64)))
}

/// Every law with `sup |F(x) - x|` at least this gives `D > critical` with probability at least `power`.
///
/// `critical + √(log(2/(1-power)) / (2·draws))`, at most 1: under the law `F`, `D ≥ sup|F(x) - x| - sup|F_n - F|`,
/// and the last is bounded as under the null. Holds at every `n`.
///
/// # Errors
/// [`StatisticsError::Argument`] if `critical` is not from 0 to 10¹² or infinite, or `power` not between 0 and 1;
/// [`StatisticsError::NoDraws`].
pub fn smallest_sup_norm(draws: u64, critical: f64, power: f64) -> Result<f64, StatisticsError> {
    check_power(power)?;
    check_critical(critical)?;
    if draws == 0 {
        return Err(StatisticsError::NoDraws);
    }
    Ok((critical + libm::sqrt(libm::log(2.0 / (1.0 - power)) / (2.0 * draws as f64))).min(1.0))
}
