//! The mean of numbers whose law is unknown, beside the mean that they should have.

use super::given::{check_alpha, check_argument};
use super::special::first_above;
use super::verdict::{DepartureKind, TestResult};
use super::{BetTest, MOST_DRAWS, POWER, POWER_QUANTILE, StatisticsError};

/// What [`mean_test`] takes for granted where the variance is larger than was said: `E[(X-μ)⁴] ≤ 100·E[(X-μ)²]²`.
///
/// It is 3 for a normal law, 9 for an exponential, and `1/p` for something that happens with a small probability `p`.
pub const MOST_KURTOSIS: f64 = 100.0;

/// Numbers by their deviations from the mean `μ` that they should have.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Deviations {
    /// How many numbers.
    pub draws: f64,
    /// `Σ (x_i - μ)`
    pub sum: f64,
    /// `Σ (x_i - μ)²`
    pub squares: f64,
}

impl Deviations {
    /// Takes a deviation in.
    pub fn add(&mut self, deviation: f64) {
        self.draws += 1.0;
        self.sum += deviation;
        self.squares += deviation * deviation;
    }

    /// As if each number had been seen so many times.
    #[must_use]
    pub fn repeated(self, times: f64) -> Self {
        Self { draws: self.draws * times, sum: self.sum * times, squares: self.squares * times }
    }

    /// The same numbers, if their mean should be larger by `shift`.
    #[must_use]
    pub fn beside(self, shift: f64) -> Self {
        let Self { draws, sum, squares } = self;
        Self { draws, sum: sum - draws * shift, squares: squares - 2.0 * shift * sum + draws * shift * shift }
    }

    /// How far their mean is off.
    #[must_use]
    pub fn mean(self) -> f64 {
        self.sum / self.draws
    }

    /// The same in standard errors; infinite if they do not vary.
    #[must_use]
    pub fn standard_errors(self) -> f64 {
        let errors = self.mean().abs() * libm::sqrt(self.draws / self.variance());
        if errors.is_nan() { 0.0 } else { errors }
    }

    /// Their variance about their own mean; 0 if it is no more than the rounding of these sums.
    #[must_use]
    pub fn variance(self) -> f64 {
        let square = self.squares / self.draws;
        let variance = square - self.mean() * self.mean();
        if variance > 1e-12 * square { variance } else { 0.0 }
    }
}

/// The test of a mean, made by [`mean_test`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanTest {
    /// The distance of the mean from the one that it should be, in standard errors as observed.
    pub statistic: f64,
    /// An upper bound of the probability of such a distance, at every number of draws.
    pub p_value: f64,
}

/// The test that independent numbers have the mean `μ`, though nothing else of their law is known but this: their variance is at
/// most `variance`, *or* their kurtosis is at most [`MOST_KURTOSIS`]. Without some such bound there is no test of a mean: a
/// large value that is too rare to be seen can make it anything (Bahadur, Savage 1956). The mean may be off by `rounding`.
///
/// # Derivation
/// For every real `x`: `exp(x - x²/6) ≤ 1 + x + x²/3` (the logarithm of the right side minus the exponent on the left has the
/// derivative `(x³/9)/(1 + x + x²/3)`, which has the sign of `x`, and is 0 at 0). Hence, for `Z = X - μ` of mean 0 and
/// variance `σ²` and every real `λ`, `E exp(λZ - λ²Z²/6) ≤ 1 + λ²σ²/3 ≤ exp(λ²σ²/3)`: with `S = ΣZ`, `Q = ΣZ²` and
/// `V = (Q + 2nσ²)/3`, `exp(λS - λ²V/2)` has a mean of at most 1. So has its mean over `λ` from the normal law of variance `τ²`,
/// `e_τ = (1 + τ²V)^(-1/2) exp(S²τ²/(2 + 2τ²V))`, and the mean `e` of these over scales `τ² = 16^j/n` for
/// `j` from -16 to 16. By Markov's inequality `e ≥ 1/α` with probability at most `α`.
///
/// If `σ²` may be larger than was said: `E exp(-λZ²) ≤ exp(-λσ² + λ²κσ⁴/2)` bounds the lower tail of `Q`, so that
/// `σ² ≤ (Q/n)/(1 - t)` with `t = √(2κ log(1/δ)/n)` but with probability `δ`. The larger of the two bounds is
/// taken for `σ²`, half of `α` is spent on each step, and the p-value is the least `α` at which both together refute.
///
/// Both are close to what is known to be possible: at large `n` the distance that refutes is nearly `σ√(2 log(2/α)/n)`.
///
/// # Errors
/// [`StatisticsError::NoDraws`], [`StatisticsError::TooManyDraws`]; [`StatisticsError::Argument`] if a sum is not finite, or a bound
/// negative or NaN.
///
/// ```
/// # use recursive_gumbel::statistics::{Deviations, mean_test};
/// let mut deviations = Deviations::default();
/// (0..40_000).for_each(|i| deviations.add(if i % 2 == 0 { 1.0 } else { -1.0 }));
/// assert_eq!(mean_test(deviations, 1.0, 0.0)?.p_value, 1.0);
/// assert!(mean_test(deviations.beside(0.05), 1.0, 0.0)?.p_value < 1e-9); // 10 standard errors
/// # Ok::<(), recursive_gumbel::statistics::StatisticsError>(())
/// ```
///
/// # References
/// Delyon (2009), *Exponential inequalities for sums of weakly dependent variables*, Electronic Journal of Probability 14, for the
/// inequality; Bahadur, Savage (1956), *The nonexistence of certain statistical procedures in nonparametric problems*;
/// Devroye, Lerasle, Lugosi, Oliveira (2016), *Sub-Gaussian mean estimators*, Annals of Statistics 44(6), for what a bound on
/// the kurtosis buys.
pub fn mean_test(deviations: Deviations, variance: f64, rounding: f64) -> Result<MeanTest, StatisticsError> {
    check_deviations(deviations, variance, rounding)?;
    let p_value = log_p_value(deviations, variance, rounding);
    Ok(MeanTest { statistic: deviations.standard_errors(), p_value: libm::exp(p_value) })
}

fn check_deviations(deviations: Deviations, variance: f64, rounding: f64) -> Result<(), StatisticsError> {
    let Deviations { draws, sum, squares } = deviations;
    if draws < 1.0 {
        return Err(StatisticsError::NoDraws);
    }
    if draws > MOST_DRAWS as f64 {
        return Err(StatisticsError::TooManyDraws);
    }
    check_argument("sum", sum, sum.is_finite(), "a finite number")?;
    check_argument("squares", squares, squares >= 0.0 && squares.is_finite(), "a finite number from 0")?;
    check_argument("variance", variance, variance >= 0.0, "a number from 0")?;
    check_argument("rounding", rounding, rounding >= 0.0, "a number from 0")
}

/// The logarithm of the p-value: the least `α` at which both steps refute, found by halving.
fn log_p_value(deviations: Deviations, variance: f64, rounding: f64) -> f64 {
    let refutes = |log_half: f64| log_evidence(deviations, variance, rounding, log_half) >= -log_half;
    // The smaller α, the larger the bound on the variance and the less the evidence.
    if !refutes(-std::f64::consts::LN_2) {
        return 0.0;
    }
    let least = first_above(-LARGEST, LARGEST / 2.0, 1e-9, |log_half| log_half >= 0.0 || refutes(log_half));
    (least + std::f64::consts::LN_2).min(0.0)
}

/// No p-value is said to be smaller than `e^-LARGEST`, which is 0 in `f64`.
const LARGEST: f64 = 1024.0;

/// Scales of the prior: `16^j/n`.
const SCALES: i32 = 16;

/// `log e`, where the variance is bounded but for a probability of `e^log_delta`.
fn log_evidence(deviations: Deviations, variance: f64, rounding: f64, log_delta: f64) -> f64 {
    let Deviations { draws, squares, .. } = deviations;
    let t = libm::sqrt(-2.0 * MOST_KURTOSIS * log_delta / draws);
    if t >= 1.0 {
        return 0.0; // no bound on the variance
    }
    log_mixture(deviations, variance.max(squares / draws / (1.0 - t)), rounding)
}

/// `log e` of numbers with at most this variance.
fn log_mixture(deviations: Deviations, variance: f64, rounding: f64) -> f64 {
    let Deviations { draws, sum, squares } = deviations;
    let spread = (squares + 2.0 * draws * variance) / 3.0;
    let off = (sum.abs() - draws * rounding).max(0.0);
    if spread == 0.0 || off == 0.0 {
        return 0.0;
    }
    let scales = (-SCALES..=SCALES).map(|j| libm::exp2(f64::from(4 * j)) / draws);
    log_mean_over(scales.map(|scale| (off * off / spread, spread * scale)))
}

/// Scales of the prior of [`mean_bets`]: `4^-j/σ²`, which look best at `4^j` draws.
const BET_SCALES: i32 = 20;

/// The bets on the mean of independent numbers whose variance is at most `variance`: evidence at every look, however often one looks. The
/// mean may be off by `rounding`.
///
/// That is `e_τ` of [`mean_test`] at fixed scales `τ² = 4^-j/σ²`, `j` from 0 to 20: a product over the draws for each `λ`, each factor with
/// a mean of at most 1 given the past, and so is the mean over `λ` and over the scales. Nothing is taken for granted but the variance.
///
/// # Errors
/// As [`mean_test`].
///
/// ```
/// # use recursive_gumbel::statistics::{Deviations, mean_bets};
/// let mut deviations = Deviations::default();
/// (0..200).for_each(|i| deviations.add(if i % 2 == 0 { 1.0 } else { -1.0 }));
/// assert_eq!(mean_bets(deviations, 1.0, 0.0)?.p_value, 1.0);
/// assert!(mean_bets(deviations.beside(0.7), 1.0, 0.0)?.p_value < 1e-12);
/// # Ok::<(), recursive_gumbel::statistics::StatisticsError>(())
/// ```
pub fn mean_bets(deviations: Deviations, variance: f64, rounding: f64) -> Result<BetTest, StatisticsError> {
    check_deviations(deviations, variance, rounding)?;
    let log = log_bets(deviations, variance, rounding);
    Ok(BetTest { statistic: log, p_value: libm::exp(-log).min(1.0), draws: deviations.draws as u64 })
}

/// `log e` at fixed scales.
fn log_bets(deviations: Deviations, variance: f64, rounding: f64) -> f64 {
    let Deviations { draws, sum, squares } = deviations;
    let off = (sum.abs() - draws * rounding).max(0.0);
    if variance == 0.0 {
        return if off > 0.0 { f64::INFINITY } else { 0.0 };
    }
    let spread = (squares + 2.0 * draws * variance) / 3.0;
    let scales = (0..=BET_SCALES).map(|j| libm::ldexp(1.0, -2 * j) / variance);
    log_mean_over(scales.map(|scale| (off * off / spread, spread * scale)))
}

/// The logarithm of the mean of `(1 + w)^(-1/2) exp(z w/(2 + 2w))`.
fn log_mean_over(terms: impl Iterator<Item = (f64, f64)>) -> f64 {
    let logs: Vec<f64> = terms.map(|(z, w)| z * (w / (1.0 + w)) / 2.0 - libm::log1p(w) / 2.0).collect();
    let largest = logs.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    let mean = logs.iter().map(|log| libm::exp(log - largest)).sum::<f64>() / logs.len() as f64;
    largest + libm::log(mean)
}

/// The distance from the mean, in units of `unit`, from which [`mean_bets`] refutes `draws` numbers of variance `variance` at `alpha` with
/// probability [`POWER`](super::POWER), once they are made; 1 if no distance up to `unit` is. Grows with `variance` and `rounding`.
///
/// Asymptotic: the mean is taken for normal.
///
/// # Errors
/// As [`smallest_mean`].
pub fn smallest_mean_bet(
    draws: f64,
    variance: f64,
    rounding: f64,
    alpha: f64,
    unit: f64,
) -> Result<f64, StatisticsError> {
    check_power(draws, &[("variance", variance), ("rounding", rounding)], alpha, unit)?;
    let noise = POWER_QUANTILE * libm::sqrt(draws * variance);
    Ok(smallest_part(unit, |distance| {
        let sum = (draws * distance - noise).max(0.0);
        let seen = Deviations { draws, sum, squares: draws * (variance + distance * distance) };
        log_bets(seen, variance, rounding) >= -libm::log(alpha)
    }))
}

impl MeanTest {
    /// The verdict at false-alarm probability `alpha`. `smallest_departure` is that of [`smallest_mean`], worked out by the caller once
    /// for all numbers that vary no more.
    #[must_use]
    pub fn judge(&self, alpha: f64, smallest_departure: f64) -> TestResult {
        TestResult {
            statistic: self.statistic,
            p_value: self.p_value,
            threshold: alpha,
            smallest_departure,
            departure_kind: DepartureKind::Range,
        }
    }
}

/// The distance from the mean, in units of `unit`, from which [`mean_test`] refutes `draws` numbers with the variance `observed` at `alpha` with
/// probability [`POWER`](super::POWER); 1 if no distance up to `unit` is. Grows with `observed`, `variance` and `rounding`, which are those
/// of [`mean_test`].
///
/// What varies by what is rare varies less in most samples than it does: the variance is taken to be as much more than observed as happens
/// once in a hundred times at most, with a kurtosis of [`MOST_KURTOSIS`].
///
/// Asymptotic: the mean is taken for normal.
///
/// # Errors
/// [`StatisticsError::Alpha`]; [`StatisticsError::NoDraws`]; [`StatisticsError::Argument`] if a number is negative, infinite or NaN, or the unit is 0.
pub fn smallest_mean(
    draws: f64,
    observed: f64,
    variance: f64,
    rounding: f64,
    alpha: f64,
    unit: f64,
) -> Result<f64, StatisticsError> {
    smallest([draws, observed, variance], rounding, alpha, unit, |_| 1.0)
}

/// The same of squares, or products, of numbers that vary too much: with their mean, which should be `unit`, their spread grows in
/// proportion.
///
/// # Errors
/// As [`smallest_mean`].
pub fn smallest_mean_of_squares(
    draws: f64,
    observed: f64,
    variance: f64,
    rounding: f64,
    alpha: f64,
    unit: f64,
) -> Result<f64, StatisticsError> {
    smallest([draws, observed, variance], rounding, alpha, unit, |part| (1.0 + part) * (1.0 + part))
}

/// `growth` is that of the variance with the part of the unit.
fn smallest(
    [draws, observed, variance]: [f64; 3],
    rounding: f64,
    alpha: f64,
    unit: f64,
    growth: impl Fn(f64) -> f64,
) -> Result<f64, StatisticsError> {
    let sizes = [("observed", observed), ("variance", variance), ("rounding", rounding)];
    check_power(draws, &sizes, alpha, unit)?;
    let log_half = libm::log(alpha / 2.0);
    let t = libm::sqrt(-2.0 * MOST_KURTOSIS * libm::log(1.0 - POWER) / draws);
    if t >= 1.0 {
        return Ok(1.0);
    }
    let likely = variance.max(observed / (1.0 - t));
    Ok(smallest_part(unit, |distance| {
        let likely = likely * growth(distance / unit);
        let noise = POWER_QUANTILE * libm::sqrt(draws * likely);
        let sum = (draws * distance - noise).max(0.0);
        let seen = Deviations { draws, sum, squares: draws * (likely + distance * distance) };
        log_evidence(seen, variance, rounding, log_half) >= -log_half
    }))
}

/// The least part of `unit` at which `caught` holds; 1 if it does at none.
fn smallest_part(unit: f64, caught: impl Fn(f64) -> bool) -> f64 {
    first_above(0.0, 1e-3, 1e-9, |part| part >= 1.0 || caught(part * unit)).min(1.0)
}

fn check_power(
    draws: f64,
    sizes: &[(&'static str, f64)],
    alpha: f64,
    unit: f64,
) -> Result<(), StatisticsError> {
    check_alpha(alpha)?;
    for &(name, value) in sizes {
        check_argument(name, value, value >= 0.0 && value.is_finite(), "a finite number from 0")?;
    }
    check_argument("unit", unit, unit > 0.0 && unit.is_finite(), "a positive finite number")?;
    if draws.is_nan() || draws < 1.0 {
        return Err(StatisticsError::NoDraws);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inequality that all rests on, on a grid; and it is sharp: with 1/7 for 1/6 it fails near 0.
    #[test]
    fn the_inequality_holds() {
        let gap = |x: f64, part: f64| libm::log(1.0 + x + x * x / 3.0) - (x - x * x * part);
        let grid = || (-40_000..40_000).map(|i| f64::from(i) / 1_000.0);
        assert!(grid().all(|x| gap(x, 1.0 / 6.0) >= -1e-15));
        assert!(grid().any(|x| gap(x, 1.0 / 7.0) < -1e-6));
    }

    /// What `n` trials, each a hit with probability `p`, look like beside a mean of `μ`: all outcomes that are not too seldom, with
    /// their probabilities.
    fn trials(n: u64, p: f64, mu: f64) -> impl Iterator<Item = (f64, Deviations)> {
        let log_factorial = |n: u64| libm::lgamma(n as f64 + 1.0);
        let all = (0..=n).map(move |hits| {
            let choose = log_factorial(n) - log_factorial(hits) - log_factorial(n - hits);
            let [h, m] = [hits as f64, (n - hits) as f64];
            let sum = h * (1.0 - mu) - m * mu;
            let squares = h * (1.0 - mu) * (1.0 - mu) + m * mu * mu;
            let density = libm::exp(choose + h * libm::log(p) + m * libm::log1p(-p));
            (density, Deviations { draws: n as f64, sum, squares })
        });
        all.filter(|(density, _)| *density > 1e-18)
    }

    /// Exact sums over skewed laws. Where the rare value is seldom seen, the observed variance alone would accuse the right mean.
    #[test]
    fn a_right_mean_is_seldom_accused() {
        for p in [0.5, 0.1, 0.02, 1e-3, 1e-4] {
            let (n, variance) = (5_000, p * (1.0 - p));
            let alarms = |alpha: f64, variance: f64| -> f64 {
                let alarm = |of: &Deviations| mean_test(*of, variance, 0.0).unwrap().p_value <= alpha;
                trials(n, p, p).filter(|(_, of)| alarm(of)).map(|(density, _)| density).sum()
            };
            let mean: f64 = trials(n, p, p)
                .map(|(density, of)| density * libm::exp(log_mixture(of, variance, 0.0)))
                .sum();
            assert!(mean <= 1.0 + 1e-9, "{p}: {mean}");
            for alpha in [0.1, 1e-3, 1e-6] {
                assert!(alarms(alpha, variance) <= alpha, "{p}");
                // Without a word of the variance the kurtosis, about 1/p, must be within what is taken for granted.
                let promised = 1.0 / p <= MOST_KURTOSIS;
                assert!(!promised || alarms(alpha, 0.0) <= alpha, "{p}");
                assert!(p > 1e-4 || alarms(alpha, 0.0) > 0.5, "{p}");
            }
        }
    }

    /// A mean that is off by as much as is said: caught about as often as is said, and not much less.
    #[test]
    fn the_departure_is_caught() {
        for (n, p, alpha) in [(20_000, 0.5, 1e-6), (100_000, 0.3, 1e-9), (50_000, 0.05, 1e-4)] {
            let caught = |off: f64| -> f64 {
                let found = trials(n, p + off, p);
                let of = |of: Deviations| mean_test(of, p * (1.0 - p), 0.0).unwrap().p_value <= alpha;
                found.map(|(density, deviations)| if of(deviations) { density } else { 0.0 }).sum()
            };
            let typical = trials(n, p, p).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap().1;
            let variance = p * (1.0 - p);
            let off = smallest_mean(n as f64, typical.variance(), variance, 0.0, alpha, 1.0).unwrap();
            assert!(caught(off) > 0.96, "{p}: {}", caught(off));
            assert!(caught(0.75 * off) < 0.96, "{p}: {}", caught(0.75 * off));
        }
    }

    /// Exact sums over a rare hit, of which the sample that tells the spread has had too few: one in twenty has fewer. Either way off.
    #[test]
    fn a_departure_told_by_a_sample_that_varied_too_little_is_caught() {
        let (n, p, alpha) = (2_000, 0.02, 0.01);
        let mut below = 0.0;
        let poor = trials(n, p, p).find(|(density, _)| {
            below += density;
            below > 0.05
        });
        let off = smallest_mean(n as f64, poor.unwrap().1.variance(), 0.0, 0.0, alpha, 1.0).unwrap();
        for mu in [p - off, p + off] {
            let refuted = |of: &Deviations| mean_test(*of, 0.0, 0.0).unwrap().p_value <= alpha;
            let caught: f64 =
                trials(n, p, mu).filter(|(_, of)| refuted(of)).map(|(density, _)| density).sum();
            assert!(caught > 0.985, "{mu}: {caught}");
        }
    }

    /// Numbers that are too large by a part of themselves vary more by it: the departure of squares says so, that of a mean is too small.
    #[test]
    fn a_departure_of_squares_is_caught() {
        let (n, p, alpha) = (20_000, 0.02, 0.01);
        let variance = p * (1.0 - p);
        let caught = |part: f64| -> f64 {
            let larger = trials(n, p, p).map(|(density, of)| {
                let hits = of.sum + of.draws * p;
                let [hit, miss] = [1.0 + part - p, -p];
                let misses = of.draws - hits;
                let (sum, squares) = (hits * hit + misses * miss, hits * hit * hit + misses * miss * miss);
                (density, Deviations { sum, squares, ..of })
            });
            let refuted = |of: &Deviations| mean_test(*of, variance, 0.0).unwrap().p_value <= alpha;
            larger.filter(|(_, of)| refuted(of)).map(|(density, _)| density).sum()
        };
        let of = |smallest: fn(f64, f64, f64, f64, f64, f64) -> Result<f64, StatisticsError>| {
            smallest(n as f64, variance, variance, 0.0, alpha, p).unwrap()
        };
        let (of_mean, of_squares) = (of(smallest_mean), of(smallest_mean_of_squares));
        assert!(of_squares < 1.0 && caught(of_squares) > 0.985, "{of_squares}: {}", caught(of_squares));
        assert!(caught(of_mean) < 0.985, "{of_mean}: {}", caught(of_mean));
    }

    /// With few draws nothing is known of the variance; rounding is no departure; and a constant is refuted.
    #[test]
    fn few_draws_rounding_and_constants() {
        let constant =
            |draws: f64, off: f64| Deviations { draws, sum: draws * off, squares: draws * off * off };
        assert_eq!(mean_test(constant(100.0, 0.5), 0.01, 0.0).unwrap().p_value, 1.0);
        assert!(mean_test(constant(1e5, 0.5), 0.01, 0.0).unwrap().p_value < 1e-100);
        assert!(mean_test(constant(1e5, 1e-9), 0.0, 0.0).unwrap().p_value < 1e-100);
        assert_eq!(mean_test(constant(1e5, 1e-9), 0.0, 1e-8).unwrap().p_value, 1.0);
        assert_eq!(mean_test(constant(1e5, 0.0), 0.0, 0.0).unwrap().p_value, 1.0);
        assert_eq!(mean_test(Deviations::default(), 1.0, 0.0), Err(StatisticsError::NoDraws));
        assert!(mean_test(constant(1.0, f64::NAN), 1.0, 0.0).is_err());
        let beside = constant(10.0, 0.5).beside(0.5);
        assert_eq!((beside.sum, beside.squares), (0.0, 0.0));
        assert_eq!(constant(10.0, 0.5).repeated(2.0), constant(20.0, 0.5));
        // The smallest departure of few draws is none.
        assert_eq!(smallest_mean(100.0, 0.0, 1.0, 0.0, 1e-6, 1.0), Ok(1.0));
        // It grows with each of what it depends on, so that one for all is enough.
        let of = |observed, variance, rounding| {
            smallest_mean(1e5, observed, variance, rounding, 1e-6, 1.0).unwrap()
        };
        assert!(of(1.0, 0.0, 0.0) < of(1.5, 0.0, 0.0) && of(1.0, 2.0, 0.0) < of(1.0, 3.0, 0.0));
        assert!(of(1.0, 0.0, 0.0) < of(1.0, 0.0, 1e-3) && of(1.0, 0.0, 0.0) <= of(1.0, 1e-3, 0.0));
    }

    /// Exact sums over skewed laws: bets have a mean of at most 1 at every number of draws, and are not caught up by their own variance.
    #[test]
    fn bets_on_a_mean_are_fair() {
        for (n, p) in [(1, 0.3), (30, 0.5), (1_000, 0.02), (20_000, 1e-3), (50_000, 0.5)] {
            let variance = p * (1.0 - p);
            let gain = |of: Deviations, variance: f64| mean_bets(of, variance, 0.0).unwrap().statistic;
            let mean = |variance: f64| -> f64 {
                trials(n, p, p).map(|(density, of)| density * libm::exp(gain(of, variance))).sum()
            };
            assert!(mean(variance) <= 1.0 + 1e-9, "{n} {p}: {}", mean(variance));
            // A variance that is much larger than was said is no fair game: the variance matters.
            assert!(n < 1_000 || mean(variance / 10.0) > 10.0, "{n} {p}: {}", mean(variance / 10.0));
        }
    }

    /// By Ville they refute what is right with probability `alpha` at most at any look: all paths of a skewed coin, by dynamic programming.
    #[test]
    fn bets_on_a_mean_may_be_looked_at_always() {
        let (p, alpha, variance) = (0.2, 0.05, 0.16);
        // The probability of each number of hits if nothing was refuted before.
        let (mut alive, mut refuted) = (vec![1.0], 0.0);
        for n in 1..=300_u32 {
            let mut next = vec![0.0; alive.len() + 1];
            for (hits, mass) in alive.iter().enumerate() {
                next[hits] += mass * (1.0 - p);
                next[hits + 1] += mass * p;
            }
            for (hits, mass) in next.iter_mut().enumerate() {
                let (h, m) = (hits as f64, f64::from(n) - hits as f64);
                let of = Deviations {
                    draws: f64::from(n),
                    sum: h * (1.0 - p) - m * p,
                    squares: h * (1.0 - p) * (1.0 - p) + m * p * p,
                };
                if mean_bets(of, variance, 0.0).unwrap().p_value <= alpha {
                    refuted += std::mem::take(mass);
                }
            }
            alive = next;
        }
        assert!(refuted > 1e-4 && refuted <= alpha, "{refuted}");
    }

    /// What is off by as much as is said is caught about as often as is said, and not much less; a gross mistake in a few draws.
    #[test]
    fn bets_catch_the_departure_of_a_mean() {
        for (n, p, alpha) in [(2_000, 0.5, 1e-6), (100_000, 0.3, 1e-9), (50_000, 0.05, 1e-4)] {
            let variance = p * (1.0 - p);
            let caught = |off: f64| -> f64 {
                let refuted = |of| mean_bets(of, variance, 0.0).unwrap().p_value <= alpha;
                trials(n, p + off, p).map(|(density, of)| if refuted(of) { density } else { 0.0 }).sum()
            };
            let off = smallest_mean_bet(n as f64, variance, 0.0, alpha, 1.0).unwrap();
            assert!(caught(off) > 0.96, "{p}: {}", caught(off));
            assert!(caught(0.75 * off) < 0.96, "{p}: {}", caught(0.75 * off));
        }
        let off =
            |off: f64, draws: f64| Deviations { draws, sum: draws * off, squares: draws * (off * off + 1.0) };
        assert!(mean_bets(off(5.0, 30.0), 1.0, 0.0).unwrap().p_value < 1e-9);
        assert_eq!(mean_bets(off(1e-9, 30.0), 1.0, 0.0).unwrap().p_value, 1.0);
        assert_eq!(
            mean_bets(Deviations { squares: 0.0, ..off(1e-9, 30.0) }, 0.0, 1e-8).unwrap().p_value,
            1.0
        );
        assert_eq!(mean_bets(Deviations { squares: 0.0, ..off(1e-9, 30.0) }, 0.0, 0.0).unwrap().p_value, 0.0);
        assert_eq!(mean_bets(Deviations::default(), 1.0, 0.0), Err(StatisticsError::NoDraws));
        assert!(smallest_mean_bet(0.0, 1.0, 0.0, 0.1, 1.0).is_err());
    }
}
