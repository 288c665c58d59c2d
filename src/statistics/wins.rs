//! How often something won, beside the sum of its chances.

use super::given::{check_alpha, check_argument};
use super::special::first_above;
use super::verdict::{DepartureKind, TestResult};
use super::{POWER_QUANTILE, StatisticsError};

/// The test of a number of wins, made by [`wins_test`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WinsTest {
    /// The number of wins.
    pub won: u64,
    /// The sum of the chances.
    pub expected: f64,
    /// Logarithm of the evidence against the null; see [`wins_test`].
    pub statistic: f64,
    /// `min(1, 1/evidence)`: an upper bound of the tail at every number of trials.
    pub p_value: f64,
}

/// The test that a thing wins with its chances: trial after trial, each won with a probability `p_i` that may depend on all that
/// came before, and at whose end one looks whenever one likes. `won` is the number of wins, `expected` the sum of the `p_i`.
///
/// For every `μ > 0`, `μ^won · exp(-(μ-1)·expected)` is a supermartingale from 1, since `1 + p(μ-1) ≤ exp(p(μ-1))`. The evidence is
/// its mean over `μ` from the gamma law of shape and rate 1:
/// `e = Γ(1+won) · (1+expected)^-(1+won) · exp(expected)`, and exceeds `1/α` with probability at most `α` (Ville). It sees wins that
/// are too many or too few. The price of the bound: it takes a variance of `p` for `p(1-p)`.
///
/// # Errors
/// [`StatisticsError::Argument`] if `expected` is negative, infinite or NaN.
///
/// ```
/// # use recursive_gumbel::statistics::wins_test;
/// assert_eq!(wins_test(100, 100.0)?.p_value, 1.0);
/// assert!(wins_test(200, 100.0)?.p_value < 1e-14);
/// assert!(wins_test(40, 100.0)?.p_value < 1e-9);
/// # Ok::<(), recursive_gumbel::statistics::StatisticsError>(())
/// ```
///
/// # References
/// Ville (1939), *Étude critique de la notion de collectif*; mixtures of supermartingales: Howard, Ramdas, McAuliffe, Sekhon
/// (2021), *Time-uniform, nonparametric, nonasymptotic confidence sequences*, Annals of Statistics 49(2), section 3.
pub fn wins_test(won: u64, expected: f64) -> Result<WinsTest, StatisticsError> {
    check_argument("expected", expected, expected >= 0.0 && expected.is_finite(), "a number from 0")?;
    let statistic = evidence(won as f64, expected);
    Ok(WinsTest { won, expected, statistic, p_value: libm::exp(-statistic).min(1.0) })
}

/// `log e`.
fn evidence(won: f64, expected: f64) -> f64 {
    libm::lgamma(1.0 + won) - (1.0 + won) * libm::log1p(expected) + expected
}

impl WinsTest {
    /// The verdict at false-alarm probability `alpha`, which is also the threshold. `smallest_departure` is that of
    /// [`smallest_wins`], worked out by the caller: it is the same for all things with the same chances.
    #[must_use]
    pub fn judge(&self, alpha: f64, smallest_departure: f64) -> TestResult {
        TestResult {
            statistic: self.statistic,
            p_value: self.p_value,
            threshold: alpha,
            smallest_departure,
            departure_kind: DepartureKind::TotalVariation,
        }
    }
}

/// The difference between the frequency of wins in `draws` draws and `expected/draws` from which [`wins_test`] refutes at `alpha` with
/// probability [`POWER`](super::POWER); at most 1. Grows with `expected`.
///
/// Asymptotic: the number of wins is taken for normal, with the variance of a Poisson number.
///
/// # Errors
/// [`StatisticsError::Alpha`]; [`StatisticsError::NoDraws`]; [`StatisticsError::Argument`] as [`wins_test`].
pub fn smallest_wins(draws: u64, expected: f64, alpha: f64) -> Result<f64, StatisticsError> {
    check_alpha(alpha)?;
    check_argument("expected", expected, expected >= 0.0 && expected.is_finite(), "a number from 0")?;
    if draws == 0 {
        return Err(StatisticsError::NoDraws);
    }
    let (n, want) = (draws as f64, -libm::log(alpha));
    let noise = |mean: f64| POWER_QUANTILE * libm::sqrt(mean);
    // The evidence is least at won = expected, and grows on either side.
    let more = first_above(0.0, 1.0, 1e-9, |more| {
        let won = expected + more - noise(expected + more);
        won > expected && evidence(won, expected) >= want
    });
    let caught = |fewer: f64| {
        let won = expected - fewer + noise(expected - fewer);
        won < expected && evidence(won, expected) >= want
    };
    // If not even none at all are too few, there is no such departure of more than `expected`.
    let fewer = first_above(0.0, 1.0, 1e-9, |fewer| fewer >= expected || caught(fewer)).min(expected);
    Ok((more.max(fewer) / n).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Σ_w Binomial(n, p; w) e(w)` is at most 1, and the tail beyond 1/α at most α: exact sums.
    #[test]
    fn the_evidence_is_at_most_one_in_the_mean_and_seldom_large() {
        for (n, p) in [(1, 0.5), (10, 0.1), (10, 0.9), (200, 0.03), (200, 0.5), (2_000, 0.01)] {
            let n_f = n as f64;
            let (mut mean, mut tails) = (0.0, [0.0; 3]);
            let alphas = [0.1, 1e-3, 1e-6];
            for w in 0..=n {
                let w_f = w as f64;
                let choose =
                    libm::lgamma(n_f + 1.0) - libm::lgamma(w_f + 1.0) - libm::lgamma(n_f - w_f + 1.0);
                let log_density = choose + w_f * libm::log(p) + (n_f - w_f) * libm::log1p(-p);
                let test = wins_test(w, n_f * p).unwrap();
                mean += libm::exp(log_density + test.statistic);
                let density = libm::exp(log_density);
                for (tail, alpha) in tails.iter_mut().zip(alphas) {
                    *tail += if test.p_value <= alpha { density } else { 0.0 };
                }
            }
            assert!(mean <= 1.0 + 1e-9, "{n} {p}: {mean}");
            for (tail, alpha) in tails.into_iter().zip(alphas) {
                assert!(tail <= alpha, "{n} {p}: {tail} at {alpha}");
            }
        }
    }

    /// Poisson numbers with a mean that departs by as much as is said: caught about as often as is said, and not much less.
    #[test]
    fn the_departure_is_caught() {
        for (draws, expected, alpha) in
            [(1_000, 30.0, 1e-9), (10_000, 4_000.0, 1e-9), (2_000, 400.0, 1e-11), (500, 2.0, 1e-6)]
        {
            let departure = smallest_wins(draws, expected, alpha).unwrap() * draws as f64;
            let caught = |mean: f64| -> f64 {
                let density =
                    |w: u64| libm::exp(w as f64 * libm::log(mean) - mean - libm::lgamma(w as f64 + 1.0));
                (0..20_000).filter(|&w| wins_test(w, expected).unwrap().p_value <= alpha).map(density).sum()
            };
            assert!(caught(expected + departure) > 0.98, "{}", caught(expected + departure));
            assert!(caught(expected + 0.8 * departure) < 0.98, "{}", caught(expected + 0.8 * departure));
            if departure < expected {
                assert!(caught(expected - departure) > 0.98);
            }
        }
    }
}
