//! Tails of chi-square, central and not, and what a test at a given size catches.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::given::{check_critical, check_degrees, check_power, check_statistic};
use super::special::{first_above, gamma_q, poisson_density, square};
use super::{LARGEST_NONCENTRALITY, NONCENTRALITY_TOLERANCE, SERIES_TOLERANCE, StatisticsError};

/// `P(χ²_f > x)`, the chi-square survival function `Q(f/2, x/2)`.
///
/// A tail is computed as a tail, never as `1 - cdf`: relative error below 1e-12 down to 1e-290. 1 for `x ≤ 0`.
///
/// # Errors
/// [`StatisticsError::Argument`] if `x` is NaN, or `degrees_of_freedom` not from 1 to 2⁴⁰.
///
/// ```
/// # use recursive_gumbel::statistics::chi_square_sf;
/// let tail = chi_square_sf(200.0, 2)?; // exp(-100)
/// assert!((tail / 3.720_075_976_020_836e-44 - 1.0).abs() < 1e-12);
/// # Ok::<(), recursive_gumbel::statistics::StatisticsError>(())
/// ```
pub fn chi_square_sf(x: f64, degrees_of_freedom: usize) -> Result<f64, StatisticsError> {
    check_statistic(x)?;
    check_degrees(degrees_of_freedom)?;
    Ok(chi_square_tail(x, degrees_of_freedom as f64))
}

/// `P(χ'²_f(δ) > x)`, the noncentral chi-square survival function.
///
/// The mixture of `P(χ²_{f+2j} > x)` over `j ~ Poisson(δ/2)`, summed upwards from so far below the mode that
/// what is left out is less than 1e-20 of the whole: every step adds positive terms. Relative error below 1e-10
/// down to 1e-250 for `δ` up to 10⁵. O(√δ) steps. 1 for `x ≤ 0`.
///
/// # Errors
/// [`StatisticsError::Argument`] if `x` is NaN, `noncentrality` not from 0 to 10¹², or `degrees_of_freedom` not
/// from 1 to 2⁴⁰.
pub fn noncentral_chi_square_sf(
    x: f64,
    degrees_of_freedom: usize,
    noncentrality: f64,
) -> Result<f64, StatisticsError> {
    check_statistic(x)?;
    check_degrees(degrees_of_freedom)?;
    if !(0.0..=LARGEST_NONCENTRALITY).contains(&noncentrality) {
        return Err(StatisticsError::Argument {
            name: "noncentrality",
            value: noncentrality,
            want: "a number from 0 to 1e12",
        });
    }
    Ok(noncentral_tail(x, degrees_of_freedom as f64, noncentrality))
}

/// The total variation from which every departure is caught with probability `power` by a test that refutes when
/// its statistic exceeds `critical`: `½√(δ/draws)` with `P(χ'²_f(δ) > critical) = power`, at most 1.
///
/// For [`pearson`](super::pearson()) (total variation between pools) and [`g_test`](super::g_test), each with its own
/// critical value; asymptotic in the number of draws. 1 means that no departure is sure to be caught: too few draws, or no
/// degree of freedom.
///
/// # Errors
/// [`StatisticsError::Argument`] if `critical` is not from 0 to 10¹² or infinite, or `power` not between 0 and 1;
/// [`StatisticsError::NoDraws`].
pub fn smallest_total_variation(
    draws: u64,
    critical: f64,
    degrees_of_freedom: usize,
    power: f64,
) -> Result<f64, StatisticsError> {
    check_power(power)?;
    check_critical(critical)?;
    if draws == 0 {
        return Err(StatisticsError::NoDraws);
    }
    if degrees_of_freedom == 0 || critical == f64::INFINITY {
        return Ok(1.0);
    }
    check_degrees(degrees_of_freedom)?;
    let delta = smallest_noncentrality(critical, degrees_of_freedom, power);
    Ok((0.5 * libm::sqrt(delta / draws as f64)).min(1.0))
}

/// The smallest `δ` with `P(χ'²_f(δ) > critical) ≥ power`. What was found is kept: a report asks for the same few again and again.
fn smallest_noncentrality(critical: f64, degrees_of_freedom: usize, power: f64) -> f64 {
    type Kept = Mutex<HashMap<(u64, usize, u64), f64>>;
    static KEPT: LazyLock<Kept> = LazyLock::new(Kept::default);
    /// More than any report asks for.
    const MOST: usize = 1 << 16;
    let key = (critical.to_bits(), degrees_of_freedom, power.to_bits());
    let kept = || KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(&delta) = kept().get(&key) {
        return delta;
    }
    let caught = |delta: f64| noncentral_tail(critical, degrees_of_freedom as f64, delta) >= power;
    let delta = first_above(0.0, critical.max(1.0), NONCENTRALITY_TOLERANCE, caught);
    let mut kept = kept();
    if kept.len() >= MOST {
        kept.clear();
    }
    kept.insert(key, delta);
    delta
}

/// `P(χ²_f > x)` for `f ≥ 0` and `x` not NaN.
pub(super) fn chi_square_tail(x: f64, f: f64) -> f64 {
    if x <= 0.0 {
        1.0
    } else if f == 0.0 || x == f64::INFINITY {
        0.0
    } else {
        gamma_q(f / 2.0, x / 2.0)
    }
}

/// `P(χ'²_f(δ) > x)` for `f > 0`, finite `δ ≥ 0` and `x` not NaN.
pub(super) fn noncentral_tail(x: f64, f: f64, delta: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if x == f64::INFINITY {
        return 0.0;
    }
    let (a, y, mean) = (f / 2.0, x / 2.0, delta / 2.0);
    if mean == 0.0 {
        return gamma_q(a, y);
    }
    // A norm is at most the sum of two: χ' ≤ √δ + χ. Where this bound is 0, the sum below would only take long.
    if x > delta && chi_square_tail(square(libm::sqrt(x) - libm::sqrt(delta)), f) == 0.0 {
        return 0.0;
    }
    /// Below this a recursion has lost its digits to underflow, and starts afresh.
    const UNDERFLOW: f64 = 1e-290;
    // P(J ≤ mean - w) ≤ exp(-w²/(2·mean)) = e^-46 for Poisson J, and Q grows with j.
    let mut j = libm::floor((mean - libm::sqrt(92.0 * mean) - 1.0).max(0.0));
    let mut weight = poisson_density(j, mean);
    let mut tail = gamma_q(a + j, y);
    let mut step = poisson_density(a + j, y); // Q(a+1, y) = Q(a, y) + y^a e^-y / Γ(a+1)
    let (mut sum, mut previous) = (0.0, 0.0);
    loop {
        let term = weight * tail;
        sum += term;
        // Terms are log-concave in j: once they fall, the rest is less than a geometric series.
        let ratio = if previous > 0.0 { term / previous } else { 1.0 };
        let falling = ratio < 1.0 && term * ratio <= SERIES_TOLERANCE * sum * (1.0 - ratio);
        if j >= mean && (falling || weight < f64::MIN_POSITIVE) {
            return sum.min(1.0);
        }
        previous = term;
        j += 1.0;
        tail = (tail + step).min(1.0);
        step = if step < UNDERFLOW { poisson_density(a + j, y) } else { step * y / (a + j) };
        weight *= mean / j;
    }
}
