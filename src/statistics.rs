//! Statistical tests of samples against exact laws, each with its false-alarm probability and its power.
//!
//! # Notation
//! `n` draws fall in `k` cells; cell `i` has exact probability `p_i`, observed count `O_i`, expected count
//! `E_i = n·p_i`. `q` is the law the draws really follow; `TV = ½ Σ|q_i - p_i|` its total variation from `p`.
//! `α` is the false-alarm probability of one test, `δ` a noncentrality, `Q(a, x)` the regularised upper
//! incomplete gamma function, `f` degrees of freedom. All logarithms are natural.
//!
//! # Law
//! - Pearson: `X² = Σ (O_i - E_i)²/E_i` over pooled cells, `p = Q(f/2, X²/2)`, `f` = pooled cells - 1. This tail is
//!   asymptotic, and too small far out: see [`MINIMUM_EXPECTED`] and [`PEARSON_SAFETY`], which make up for it.
//! - G: `G = 2 Σ O_i log(O_i/E_i)`; with `g = G/2`, `p ≤ exp(-g + (k-1)(1 + log(g/(k-1))))` for `g > k-1`, else 1.
//!   This holds at every `n` (Agrawal 2020: `E exp(s·g) ≤ (1-s)^{-(k-1)}` for `0 ≤ s < 1`, then Chernoff at
//!   `s = 1 - (k-1)/g`); no cell is pooled.
//! - One cell: `2·min(P(B ≤ O_i), P(B ≥ O_i))` with `B ~ Binomial(n, p_i)`, capped at 1: exact.
//! - Kolmogorov-Smirnov: `D = sup|F_n(x) - x|`, `p ≤ 2 exp(-2nD²)` at every `n` (Dvoretzky-Kiefer-Wolfowitz with
//!   Massart's constant).
//! - Power: under `q`, `X²` and `G` are nearly noncentral chi-square with `δ = n Σ(q_i - p_i)²/p_i ≥ 4n·TV²`
//!   (Cauchy-Schwarz), so that every `TV ≥ ½√(δ/n)` is caught with the probability that `δ` is.
//!   This is asymptotic; that of Kolmogorov-Smirnov holds at every `n`.
//!
//! # Cost
//! `k` cells, `n` draws. Pearson and [`worst_cells`]: O(k log k) to sort. G: O(k). Kolmogorov-Smirnov: O(n log n).
//! `Q(a, x)`: O(√a) steps near `x = a`, fewer elsewhere. A binomial tail: O(√(n p (1-p))) steps at the mean, fewer
//! further out. [`noncentral_chi_square_sf`]: O(√δ) steps; [`smallest_total_variation`]: about 45 of these.
//! Everything rests on `libm`, so that a result is the same on every machine.
//!
//! # Example
//! ```
//! use recursive_gumbel::statistics::{g_test, pearson};
//! let law = [0.5, 0.25, 0.25];
//! let right = pearson(&[5_020, 2_480, 2_500], &law)?.judge(1e-9)?;
//! assert!(!right.refuted());
//! assert!(right.smallest_departure < 0.05); // a total variation of 0.05 is caught with probability 0.99
//! let wrong = g_test(&[3_300, 3_300, 3_400], &law)?.judge(1e-9)?;
//! assert!(wrong.refuted());
//! # Ok::<(), recursive_gumbel::statistics::StatisticsError>(())
//! ```
//!
//! # References
//! - Agrawal (2020), *Finite-sample concentration of the multinomial in relative entropy*, IEEE Transactions on
//!   Information Theory 66(10), arXiv:1904.02291.
//! - Massart (1990), *The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality*, Annals of Probability 18(3).
//! - Loader (2000), *Fast and accurate computation of binomial probabilities*: the deviance form of the densities.
//! - Cressie, Read (1984), *Multinomial goodness-of-fit tests*, JRSS B 46(3): the common limit of `X²` and `G`.

use std::f64::consts::PI;

/// Smallest expected count of a pooled cell in [`pearson`].
///
/// How many times `α` the false-alarm probability of the test "`Q(½, X²/2) ≤ α`" really is, for the worst two-cell
/// law (a rare cell, Poisson) with a smallest expected count `m`:
///
/// | `m` | `α` = 1e-6 | 1e-7 | 1e-8 | 1e-9 | 1e-10 |
/// |---|---|---|---|---|---|
/// | 5 | 72 | 218 | 659 | 2,020 | 6,330 |
/// | 20 | 13 | 27 | 61 | 132 | 315 |
/// | 100 | 2.9 | 4.4 | 6.8 | 12 | 19 |
/// | 1,000 | 1.2 | 1.3 | 1.5 | 1.7 | 2.1 |
///
/// The textbook's 5 is therefore of no use at these levels. At 100 a modest [`PEARSON_SAFETY`] mends the rest.
/// More rare cells are less bad than one (at `m` = 100, `α` = 1e-9: 8 with two, 3 with sixteen, 1.4 with 128).
pub const MINIMUM_EXPECTED: f64 = 100.0;

/// What `α` is divided by to get the threshold that the p-value of [`pearson`] is held to.
///
/// With it and [`MINIMUM_EXPECTED`] the worst two-cell law is refuted with probability at most `0.08·α`, `0.12·α`,
/// `0.21·α`, `0.35·α`, `0.60·α` at `α` = 1e-6, 1e-7, 1e-8, 1e-9, 1e-10 (exact sums; a test repeats them). A factor
/// of 30 would break at 1e-10. Price: the critical value grows by about 9 at one degree of freedom.
pub const PEARSON_SAFETY: f64 = 100.0;

/// Below this `α`, [`PEARSON_SAFETY`] was not shown to be enough, and [`Pearson::judge`] refuses. Here a false
/// alarm has probability at most `0.71·α`; at 1e-11 it would be `1.01·α`. Half of 1e-10, so that 1e-6 split over
/// 10,000 tests is allowed however it rounds.
pub const PEARSON_SMALLEST_ALPHA: f64 = 5e-11;

/// Probability with which a [`TestResult::smallest_departure`] is caught.
pub const POWER: f64 = 0.99;

/// Absolute tolerance on the sum of a law's probabilities: rounding of exact fractions, for up to 10⁷ cells.
pub const PROBABILITY_SUM_TOLERANCE: f64 = 1e-9;

/// Most draws a test takes, 2⁵³: up to here counts are exact in f64.
pub const MOST_DRAWS: u64 = 1 << 53;

/// Relative size at which a series of positive terms is cut off: a quarter of the rounding of its sum.
const SERIES_TOLERANCE: f64 = f64::EPSILON / 4.0;

/// Largest noncentrality and finite critical value taken: above it the sums would be too long to wait for.
const LARGEST_NONCENTRALITY: f64 = 1e12;

/// Most degrees of freedom taken, 2⁴⁰: more cells than fit in memory.
const MOST_DEGREES: usize = 1 << 40;

/// Relative width at which a bisection on a noncentrality stops: far below the error of the approximation.
const NONCENTRALITY_TOLERANCE: f64 = 1e-12;

/// Why a test cannot be held.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StatisticsError {
    /// NaN, negative, or above 1.
    #[error("cell {cell} has probability {value:?}: want a number from 0 to 1")]
    Probability {
        /// Position of the cell.
        cell: usize,
        /// The probability as given.
        value: f64,
    },
    /// The probabilities are not those of a law.
    #[error("the probabilities sum to {sum:?}: want 1 within {PROBABILITY_SUM_TOLERANCE:e}")]
    ProbabilitySum {
        /// Their sum.
        sum: f64,
    },
    /// NaN, infinite or negative.
    #[error("cell {cell} expects {value:?} draws: want a finite number, 0 or positive")]
    Expected {
        /// Position of the cell.
        cell: usize,
        /// The expected count as given.
        value: f64,
    },
    /// Counts and probabilities do not belong together.
    #[error("{observed} observed counts but {probabilities} probabilities: want one of each per cell")]
    Lengths {
        /// Number of observed counts.
        observed: usize,
        /// Number of probabilities.
        probabilities: usize,
    },
    /// Nothing to judge by.
    #[error("no draws: want at least one")]
    NoDraws,
    /// Counts would lose their last digit.
    #[error("more than {MOST_DRAWS} draws: split them into several reports")]
    TooManyDraws,
    /// A cell holds more draws than there are.
    #[error("a cell holds {observed} of {draws} draws: want at most all of them")]
    Observed {
        /// Draws in the cell.
        observed: u64,
        /// All draws.
        draws: u64,
    },
    /// NaN, or outside [0, 1].
    #[error("value {index} is {value:?}: want a uniform, from 0 to 1")]
    Uniform {
        /// Position of the value; of a pair, position of the pair.
        index: usize,
        /// The value as given.
        value: f64,
    },
    /// A false-alarm probability that is none.
    #[error("a false-alarm probability of {value:?}: want a number between 0 and 1, both excluded")]
    Alpha {
        /// The probability as given.
        value: f64,
    },
    /// Out of reach of the chi-square tail.
    #[error(
        "a false-alarm probability of {value:e} for a Pearson test: its tail is trusted down to \
         {PEARSON_SMALLEST_ALPHA:e}; use the G test, whose bound holds at every level"
    )]
    PearsonAlpha {
        /// The probability as given.
        value: f64,
    },
    /// A false-alarm probability cannot be split over no test.
    #[error("a budget for 0 tests: want at least one")]
    NoTests,
    /// A grid without cells, or with more than can be counted.
    #[error("{bins} bins a side: want at least 1, and at most 65,536")]
    Bins {
        /// Bins a side, as given.
        bins: usize,
    },
    /// A number outside the range of its function.
    #[error("{name} is {value:?}: want {want}")]
    Argument {
        /// Which argument.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What would be right.
        want: &'static str,
    },
}

// ---------------------------------------------------------------------------------------------- verdicts

/// A false-alarm probability for a whole report, split evenly over its tests.
///
/// By the union bound the report as a whole alarms falsely with probability at most `alpha`, however the tests
/// depend on each other.
///
/// ```
/// # use recursive_gumbel::statistics::Budget;
/// assert_eq!(Budget::new(1e-6, 8)?.per_test(), 1.25e-7);
/// # Ok::<(), recursive_gumbel::statistics::StatisticsError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    alpha: f64,
    tests: usize,
}

impl Budget {
    /// A report that alarms falsely with probability at most `alpha` and holds `tests` tests.
    ///
    /// # Errors
    /// [`StatisticsError::Alpha`] unless `0 < alpha < 1`; [`StatisticsError::NoTests`] if `tests` is 0.
    pub fn new(alpha: f64, tests: usize) -> Result<Self, StatisticsError> {
        check_alpha(alpha)?;
        if tests == 0 {
            return Err(StatisticsError::NoTests);
        }
        Ok(Self { alpha, tests })
    }

    /// False-alarm probability of the whole report.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// Number of tests it is split over.
    #[must_use]
    pub fn tests(&self) -> usize {
        self.tests
    }

    /// False-alarm probability of one test: `alpha / tests`.
    #[must_use]
    pub fn per_test(&self) -> f64 {
        self.alpha / self.tests as f64
    }
}

/// What a smallest departure is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DepartureKind {
    /// `½ Σ|q_i - p_i|` over the cells.
    TotalVariation,
    /// `sup |F(x) - x|` over distribution functions.
    SupNorm,
    /// An exact check: any departure at all is caught.
    None,
}

/// The outcome of one test, with what it costs and what it can see.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestResult {
    /// The statistic, in its own unit; infinite when something impossible was drawn.
    pub statistic: f64,
    /// Probability, under the null, of a statistic at least as large (or an upper bound of it).
    pub p_value: f64,
    /// The null is refuted when the p-value is at or below this.
    pub threshold: f64,
    /// Every departure of at least this size is caught with probability [`POWER`]; 1 means: none is sure to be.
    pub smallest_departure: f64,
    /// What the departure is measured in.
    pub departure_kind: DepartureKind,
}

impl TestResult {
    /// The result of an exact check with `failures` failures: refuted by the first, with no false alarm.
    #[must_use]
    pub fn exact(failures: u64) -> Self {
        Self {
            statistic: failures as f64,
            p_value: if failures == 0 { 1.0 } else { 0.0 },
            threshold: 0.0,
            smallest_departure: 0.0,
            departure_kind: DepartureKind::None,
        }
    }

    /// Whether the null is refuted: the p-value is at or below the threshold (or, if someone made it so, NaN).
    #[must_use]
    pub fn refuted(&self) -> bool {
        self.p_value <= self.threshold || self.p_value.is_nan()
    }
}

// ------------------------------------------------------------------------------------------ cells: Pearson

/// The pool of each cell, in cell order: no pool but a lone one expects fewer than `minimum` draws.
///
/// The classical rule, made definite: cells are taken from the smallest expected count up (ties: lower cell
/// first) and put in one pool until it expects `minimum`; then the next pool is begun. If the last pool stays
/// short, it joins the smallest of the others (ties: the earlier). No cell is dropped. Pools are numbered from 0
/// in the order in which they were begun. If all cells together expect fewer than `minimum`, there is one pool.
///
/// # Errors
/// [`StatisticsError::Expected`] for an expected count that is NaN, infinite or negative;
/// [`StatisticsError::Argument`] if `minimum` is NaN or infinite.
///
/// ```
/// # use recursive_gumbel::statistics::pool;
/// assert_eq!(pool(&[2.0, 40.0, 3.0, 7.0, 30.0], 10.0)?, [0, 2, 0, 0, 1]); // 2+3+7 | 30 | 40
/// assert_eq!(pool(&[6.0, 6.0, 6.0], 10.0)?, [0, 0, 0]); // the third alone would be short
/// # Ok::<(), recursive_gumbel::statistics::StatisticsError>(())
/// ```
pub fn pool(expected: &[f64], minimum: f64) -> Result<Vec<usize>, StatisticsError> {
    if !minimum.is_finite() {
        return Err(StatisticsError::Argument { name: "minimum", value: minimum, want: "a finite number" });
    }
    for (cell, &value) in expected.iter().enumerate() {
        if !(value >= 0.0 && value.is_finite()) {
            return Err(StatisticsError::Expected { cell, value });
        }
    }
    let mut order: Vec<usize> = (0..expected.len()).collect();
    order.sort_by(|&i, &j| (expected[i] + 0.0).total_cmp(&(expected[j] + 0.0))); // stable; -0 is 0
    let mut pools = vec![0; expected.len()];
    let mut full: Vec<f64> = Vec::new();
    let mut open = 0.0;
    for &cell in &order {
        pools[cell] = full.len();
        open += expected[cell];
        if open >= minimum {
            full.push(open);
            open = 0.0;
        }
    }
    // Whatever is in the pool after the last full one (possibly nothing) goes to the smallest full one.
    let short = full.len();
    let smallest = (0..short).min_by(|&i, &j| full[i].total_cmp(&full[j])).unwrap_or(0);
    for pool in &mut pools {
        if *pool == short {
            *pool = smallest;
        }
    }
    Ok(pools)
}

/// Pearson's chi-square test of one sample, made by [`pearson`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pearson {
    /// `X²` over the pooled cells; infinite if a cell of probability 0 was drawn.
    pub statistic: f64,
    /// Pooled cells less 1.
    pub degrees_of_freedom: usize,
    /// Cells after pooling.
    pub cells: usize,
    /// Probability of all pools that hold more than one cell of positive probability: a departure inside them
    /// is not seen.
    pub pooled_probability: f64,
    /// `Q(f/2, X²/2)`, asymptotic: hold it to `α / `[`PEARSON_SAFETY`], as [`Pearson::judge`] does.
    pub p_value: f64,
    /// Number of draws.
    pub draws: u64,
}

/// Pearson's chi-square test of counts against exact probabilities, one of each per cell.
///
/// Cells are pooled until each pool expects [`MINIMUM_EXPECTED`] draws; with fewer draws than twice that, one pool
/// is left, nothing can be seen, and the p-value is 1. A draw in a cell of probability 0 is a refutation at once:
/// the statistic is infinite and the p-value 0. O(k log k).
///
/// # Errors
/// [`StatisticsError::Lengths`], [`StatisticsError::Probability`], [`StatisticsError::ProbabilitySum`],
/// [`StatisticsError::NoDraws`], [`StatisticsError::TooManyDraws`].
///
/// ```
/// # use recursive_gumbel::statistics::pearson;
/// let test = pearson(&[480, 520], &[0.5, 0.5])?;
/// assert_eq!(test.statistic, 1.6); // 20²/500 twice
/// assert_eq!((test.degrees_of_freedom, test.cells), (1, 2));
/// # Ok::<(), recursive_gumbel::statistics::StatisticsError>(())
/// ```
#[doc(alias = "chi-square")]
pub fn pearson(observed: &[u64], probabilities: &[f64]) -> Result<Pearson, StatisticsError> {
    let draws = check_cells(observed, probabilities)?;
    let n = draws as f64;
    let expected: Vec<f64> = probabilities.iter().map(|p| n * p).collect();
    let pools = pool(&expected, MINIMUM_EXPECTED)?;
    let cells = pools.iter().max().map_or(0, |last| last + 1);
    let mut counts = vec![0_u64; cells];
    let mut probability = vec![0.0; cells];
    let mut members = vec![0_usize; cells];
    for (cell, &pool) in pools.iter().enumerate() {
        counts[pool] += observed[cell];
        probability[pool] += probabilities[cell];
        members[pool] += usize::from(probabilities[cell] > 0.0);
    }
    let degrees_of_freedom = cells.saturating_sub(1);
    let impossible = observed.iter().zip(probabilities).any(|(&o, &p)| p == 0.0 && o > 0);
    let statistic = if impossible {
        f64::INFINITY
    } else if degrees_of_freedom == 0 {
        0.0
    } else {
        let term = |(&o, p): (&u64, &f64)| square(o as f64 - n * p) / (n * p);
        counts.iter().zip(&probability).map(term).sum()
    };
    let pooled_probability =
        members.iter().zip(&probability).filter(|(m, _)| **m > 1).map(|(_, p)| p).sum::<f64>().min(1.0);
    let p_value = if impossible { 0.0 } else { chi_square_tail(statistic, degrees_of_freedom as f64) };
    Ok(Pearson { statistic, degrees_of_freedom, cells, pooled_probability, p_value, draws })
}

impl Pearson {
    /// Two tests of different draws as one: the statistics and the degrees of freedom add up, if under the null the draws
    /// are independent (or the counts are, given the number of draws of each).
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let draws = self.draws + other.draws;
        let pooled = |test: &Self| test.pooled_probability * test.draws as f64;
        let (statistic, degrees_of_freedom) =
            (self.statistic + other.statistic, self.degrees_of_freedom + other.degrees_of_freedom);
        Self {
            statistic,
            degrees_of_freedom,
            cells: self.cells + other.cells,
            pooled_probability: (pooled(self) + pooled(other)) / draws as f64,
            p_value: chi_square_tail(statistic, degrees_of_freedom as f64),
            draws,
        }
    }

    /// The verdict at false-alarm probability `alpha`: the threshold is `alpha / `[`PEARSON_SAFETY`].
    ///
    /// The smallest departure is that of [`smallest_total_variation`] between pools, and all of
    /// [`Pearson::pooled_probability`] besides: the total variation of two laws exceeds that of their pooled laws
    /// by at most the probability that the null gives to pools of several cells.
    ///
    /// # Errors
    /// [`StatisticsError::Alpha`]; [`StatisticsError::PearsonAlpha`] below [`PEARSON_SMALLEST_ALPHA`].
    pub fn judge(&self, alpha: f64) -> Result<TestResult, StatisticsError> {
        let critical = pearson_critical(self.degrees_of_freedom, alpha)?;
        let between = smallest_total_variation(self.draws, critical, self.degrees_of_freedom, POWER)?;
        Ok(TestResult {
            statistic: self.statistic,
            p_value: self.p_value,
            threshold: alpha / PEARSON_SAFETY,
            smallest_departure: (between + self.pooled_probability).min(1.0),
            departure_kind: DepartureKind::TotalVariation,
        })
    }
}

/// The `X²` from which [`Pearson::judge`] refutes at false-alarm probability `alpha`; infinite if
/// `degrees_of_freedom` is 0.
///
/// # Errors
/// [`StatisticsError::Alpha`]; [`StatisticsError::PearsonAlpha`] below [`PEARSON_SMALLEST_ALPHA`].
pub fn pearson_critical(degrees_of_freedom: usize, alpha: f64) -> Result<f64, StatisticsError> {
    check_alpha(alpha)?;
    if alpha < PEARSON_SMALLEST_ALPHA {
        return Err(StatisticsError::PearsonAlpha { value: alpha });
    }
    if degrees_of_freedom == 0 {
        return Ok(f64::INFINITY);
    }
    let f = degrees_of_freedom as f64;
    let threshold = alpha / PEARSON_SAFETY;
    Ok(first_above(0.0, f, 0.0, |x| chi_square_tail(x, f) <= threshold))
}

// ------------------------------------------------------------------------------------------------ cells: G

/// The log-likelihood-ratio test of one sample, made by [`g_test`].
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
/// [`pearson`] when cells are many and counts large. A draw in a cell of probability 0 gives p-value 0. O(k).
///
/// # Errors
/// As [`pearson`].
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

fn g_bound(statistic: f64, cells: usize) -> f64 {
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

// ----------------------------------------------------------------------------------------- cells, one by one

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

/// The `limit` cells that fit worst, worst first (ties: lower cell), with Bonferroni-corrected exact p-values.
///
/// Cells are ordered by the logarithm of the p-value, so that cells whose p-value is 0 in f64 keep their order. A
/// cell of probability 0 that was drawn comes first, with p-value 0. The smallest p-value returned is itself a
/// valid p-value of the whole sample. O(k log k) and a binomial tail per cell.
///
/// # Errors
/// As [`pearson`].
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
fn ln_cell_p_value(n: f64, p: f64, observed: f64) -> f64 {
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
fn ln_binomial_pmf(n: f64, p: f64, k: f64) -> f64 {
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

// -------------------------------------------------------------------------------------------- uniforms

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
fn massart(n: f64, statistic: f64) -> f64 {
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

/// Counts of pairs of uniforms on a `bins`×`bins` grid, row by row (the first of a pair names the row).
///
/// Bins are half open, `[i/b, (i+1)/b)`, but for the last, which holds 1.
///
/// # Errors
/// [`StatisticsError::Bins`] if `bins` is 0 or above 65,536; [`StatisticsError::Uniform`] with the position of the
/// first pair that holds NaN or a number outside [0, 1].
pub fn pair_counts(pairs: &[(f64, f64)], bins: usize) -> Result<Vec<u64>, StatisticsError> {
    if !(1..=1 << 16).contains(&bins) {
        return Err(StatisticsError::Bins { bins });
    }
    check_uniforms(pairs.iter().enumerate().flat_map(|(i, &(u, v))| [(i, u), (i, v)]))?;
    let bin = |u: f64| ((u * bins as f64) as usize).min(bins - 1);
    let mut counts = vec![0; bins * bins];
    for &(u, v) in pairs {
        counts[bin(u) * bins + bin(v)] += 1;
    }
    Ok(counts)
}

/// [`pearson`] of pairs of uniforms on a `bins`×`bins` grid of equal cells: are they uniform, and independent?
///
/// To be of use, each cell should expect [`MINIMUM_EXPECTED`]: `100·bins²` pairs. With fewer, neighbours are pooled.
///
/// # Errors
/// As [`pair_counts`]; [`StatisticsError::NoDraws`].
pub fn pearson_of_pairs(pairs: &[(f64, f64)], bins: usize) -> Result<Pearson, StatisticsError> {
    let counts = pair_counts(pairs, bins)?;
    let probability = 1.0 / (bins * bins) as f64;
    pearson(&counts, &vec![probability; counts.len()])
}

/// Pearson's chi-square test that, in every row by itself, all columns are equally likely, *given* how many draws fell
/// in each row: `X² = Σ_r Σ_c (O_rc - n_r/C)²/(n_r/C)` with `rows·(C - 1)` degrees of freedom.
///
/// `counts` holds the rows one after the other, `C` = `columns` each. Whatever decides the rows is not judged: a wrong law
/// of the rows refutes nothing here, and rows may be pooled by their totals. Rows are pooled until each expects
/// [`MINIMUM_EXPECTED`] in every column (a departure that cancels between pooled rows is not seen, and
/// [`Pearson::pooled_probability`] is their share of the draws); if all together expect fewer, nothing can be seen, the
/// p-value is 1 and that share too. The total variation that is caught is the mean over draws of that of their row (`δ = Σ_r n_r δ_r ≥
/// 4 Σ_r n_r TV_r² ≥ 4n·(mean TV)²`). O(k log k) for `k` counts.
///
/// # Errors
/// [`StatisticsError::Lengths`] if the counts do not fill rows; [`StatisticsError::NoDraws`];
/// [`StatisticsError::TooManyDraws`].
///
/// ```
/// # use recursive_gumbel::statistics::pearson_of_rows;
/// let test = pearson_of_rows(&[480, 520, 1_000, 1_000], 2)?; // 20²/500 twice, and 0
/// assert_eq!((test.statistic, test.degrees_of_freedom), (1.6, 2));
/// # Ok::<(), recursive_gumbel::statistics::StatisticsError>(())
/// ```
pub fn pearson_of_rows(counts: &[u64], columns: usize) -> Result<Pearson, StatisticsError> {
    if columns == 0 || !counts.len().is_multiple_of(columns) {
        return Err(StatisticsError::Lengths { observed: counts.len(), probabilities: columns });
    }
    let draws = check_counts(counts)?;
    let totals: Vec<f64> = counts.chunks(columns).map(|row| row.iter().sum::<u64>() as f64).collect();
    let minimum = MINIMUM_EXPECTED * columns as f64;
    let pools = pool(&totals, minimum)?;
    let rows = if draws as f64 >= minimum { pools.iter().max().map_or(0, |last| last + 1) } else { 0 };
    let mut pooled = vec![0_u64; rows * columns];
    let mut members = vec![0_usize; rows];
    for (row, &pool) in counts.chunks(columns).zip(&pools).filter(|_| rows > 0) {
        let into = &mut pooled[pool * columns..(pool + 1) * columns];
        into.iter_mut().zip(row).for_each(|(sum, count)| *sum += count);
        members[pool] += usize::from(row.iter().any(|count| *count > 0));
    }
    let (mut statistic, mut together) = (0.0, if rows == 0 { draws as f64 } else { 0.0 });
    for (row, members) in pooled.chunks(columns).zip(members) {
        let total = row.iter().sum::<u64>() as f64;
        let expected = total / columns as f64;
        statistic += row.iter().map(|&count| square(count as f64 - expected) / expected).sum::<f64>();
        together += if members > 1 { total } else { 0.0 };
    }
    let degrees_of_freedom = rows * (columns - 1);
    Ok(Pearson {
        statistic,
        degrees_of_freedom,
        cells: rows * columns,
        pooled_probability: together / draws as f64,
        p_value: chi_square_tail(statistic, degrees_of_freedom as f64),
        draws,
    })
}

// ------------------------------------------------------------------------------------------------- power

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
/// For [`pearson`] (total variation between pools) and [`g_test`], each with its own critical value; asymptotic
/// in the number of draws. 1 means that no departure is sure to be caught: too few draws, or no degree of freedom.
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
    let f = degrees_of_freedom as f64;
    let caught = |delta: f64| noncentral_tail(critical, f, delta) >= power;
    let delta = first_above(0.0, critical.max(1.0), NONCENTRALITY_TOLERANCE, caught);
    Ok((0.5 * libm::sqrt(delta / draws as f64)).min(1.0))
}

/// `P(χ²_f > x)` for `f ≥ 0` and `x` not NaN.
fn chi_square_tail(x: f64, f: f64) -> f64 {
    if x <= 0.0 {
        1.0
    } else if f == 0.0 || x == f64::INFINITY {
        0.0
    } else {
        gamma_q(f / 2.0, x / 2.0)
    }
}

/// `P(χ'²_f(δ) > x)` for `f > 0`, finite `δ ≥ 0` and `x` not NaN.
fn noncentral_tail(x: f64, f: f64, delta: f64) -> f64 {
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

// ---------------------------------------------------------------------------------------- special functions

/// Regularised upper incomplete gamma function for `a > 0`, `0 < x < ∞`: a tail where it is small, the complement
/// of a positive series where it is not (`x < a + 1`, where `Q > 0.08` for `a ≥ ½`).
fn gamma_q(a: f64, x: f64) -> f64 {
    let density = poisson_density(a, x);
    if x < a + 1.0 {
        let (mut sum, mut term, mut j) = (1.0, 1.0, a);
        while term > SERIES_TOLERANCE * sum {
            j += 1.0;
            term *= x / j;
            sum += term;
        }
        return (1.0 - density * sum).max(0.0);
    }
    if density == 0.0 {
        return 0.0;
    }
    // Γ(a, x) = e^-x x^a / (x+1-a - 1(1-a)/(x+3-a - 2(2-a)/(x+5-a - …))), by Lentz's method.
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / TINY, 1.0 / b);
    let mut fraction = d;
    let mut i = 0.0;
    loop {
        i += 1.0;
        let numerator = -i * (i - a);
        b += 2.0;
        d = numerator * d + b;
        c = b + numerator / c;
        d = 1.0 / if d.abs() < TINY { TINY } else { d };
        c = if c.abs() < TINY { TINY } else { c };
        let change = d * c;
        fraction *= change;
        // The second bound is never met: 10⁶ steps serve a = 10¹⁰ at x = a + 1.
        if (change - 1.0).abs() <= f64::EPSILON || i > 1e8 {
            return (density * a * fraction).clamp(0.0, 1.0);
        }
    }
}

/// `e^-m m^x / Γ(x+1)` for real `x ≥ 0` and `m > 0`, in Loader's form.
fn poisson_density(x: f64, m: f64) -> f64 {
    if x == 0.0 {
        return libm::exp(-m);
    }
    libm::exp(-stirling_error(x) - deviance(x, m)) / libm::sqrt(2.0 * PI * x)
}

/// `x log(x/m) + m - x ≥ 0` for `x ≥ 0`, `m > 0`, without cancellation near `x = m`.
fn deviance(x: f64, m: f64) -> f64 {
    if x == 0.0 {
        return m;
    }
    if (x - m).abs() < 0.1 * (x + m) {
        // log(x/m) = 2 artanh(v), v = (x-m)/(x+m).
        let v = (x - m) / (x + m);
        let mut sum = (x - m) * v;
        let mut power = 2.0 * x * v;
        let mut odd = 1.0;
        loop {
            power *= v * v;
            odd += 2.0;
            let next = sum + power / odd;
            if next == sum || odd > 1_000.0 {
                return next.max(0.0);
            }
            sum = next;
        }
    }
    (x * (libm::log(x) - libm::log(m)) + m - x).max(0.0)
}

/// `log Γ(x+1) - [(x + ½) log x - x + ½ log 2π]` for `x > 0`.
fn stirling_error(x: f64) -> f64 {
    /// From here on the series below is exact to rounding (its next term is below 1e-17).
    const SERIES_FROM: f64 = 16.0;
    if x < SERIES_FROM {
        return libm::lgamma(x + 1.0) - (x + 0.5) * libm::log(x) + x - 0.5 * libm::log(2.0 * PI);
    }
    let z = 1.0 / (x * x);
    let inner = 1.0 / 1260.0 - z * (1.0 / 1680.0 - z * (1.0 / 1188.0 - z * (691.0 / 360_360.0 - z / 156.0)));
    (1.0 / 12.0 - z * (1.0 / 360.0 - z * inner)) / x
}

fn square(x: f64) -> f64 {
    x * x
}

/// The first `x > start` with `holds(x)`, from above, for a predicate that holds from some point on.
///
/// The search goes up from `start` in steps that double, from `step > 0`; then it halves the interval until it is
/// at most `tolerance` wide relative to its upper end, or cannot be halved.
fn first_above(start: f64, step: f64, tolerance: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high, mut step) = (start, start + step, step);
    while !holds(high) {
        low = high;
        step *= 2.0;
        high = start + step;
        if high == f64::INFINITY {
            return high;
        }
    }
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high || high - low <= tolerance * high {
            return high;
        }
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
}

/// Number of representable f64 between `a` and `b`, one end included: 0 if they are equal (so for `0.0` and
/// `-0.0`), 1 for neighbours, [`u64::MAX`] if either is NaN.
///
/// ```
/// # use recursive_gumbel::statistics::ulp_distance;
/// assert_eq!(ulp_distance(1.0, 1.0 + f64::EPSILON), 1);
/// assert_eq!(ulp_distance(-0.0, 0.0), 0);
/// assert_eq!(ulp_distance(f64::NAN, 1.0), u64::MAX);
/// ```
#[must_use]
pub fn ulp_distance(a: f64, b: f64) -> u64 {
    if a.is_nan() || b.is_nan() {
        return u64::MAX;
    }
    /// Bits as an integer that grows with the number, both zeros at 0.
    fn ordered(x: f64) -> i64 {
        let bits = x.to_bits() as i64;
        if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits }
    }
    ordered(a).abs_diff(ordered(b))
}

// ------------------------------------------------------------------------------------------------ checks

/// Number of draws, after checks of the counts and of the law.
fn check_cells(observed: &[u64], probabilities: &[f64]) -> Result<u64, StatisticsError> {
    if observed.len() != probabilities.len() {
        let (observed, probabilities) = (observed.len(), probabilities.len());
        return Err(StatisticsError::Lengths { observed, probabilities });
    }
    for (cell, &value) in probabilities.iter().enumerate() {
        if !(0.0..=1.0).contains(&value) {
            return Err(StatisticsError::Probability { cell, value });
        }
    }
    let sum: f64 = probabilities.iter().sum();
    if (sum - 1.0).abs() > PROBABILITY_SUM_TOLERANCE {
        return Err(StatisticsError::ProbabilitySum { sum });
    }
    check_counts(observed)
}

/// Their sum, if it is a number of draws that can be judged.
fn check_counts(counts: &[u64]) -> Result<u64, StatisticsError> {
    match counts.iter().try_fold(0_u64, |sum, &count| sum.checked_add(count)) {
        Some(0) => Err(StatisticsError::NoDraws),
        Some(draws) if draws <= MOST_DRAWS => Ok(draws),
        _ => Err(StatisticsError::TooManyDraws),
    }
}

fn check_uniforms(values: impl Iterator<Item = (usize, f64)>) -> Result<(), StatisticsError> {
    for (index, value) in values {
        if !(0.0..=1.0).contains(&value) {
            return Err(StatisticsError::Uniform { index, value });
        }
    }
    Ok(())
}

fn check_alpha(value: f64) -> Result<(), StatisticsError> {
    if value > 0.0 && value < 1.0 { Ok(()) } else { Err(StatisticsError::Alpha { value }) }
}

fn check_power(value: f64) -> Result<(), StatisticsError> {
    if value > 0.0 && value < 1.0 {
        return Ok(());
    }
    Err(StatisticsError::Argument { name: "power", value, want: "a number between 0 and 1, both excluded" })
}

fn check_critical(value: f64) -> Result<(), StatisticsError> {
    if (0.0..=LARGEST_NONCENTRALITY).contains(&value) || value == f64::INFINITY {
        return Ok(());
    }
    Err(StatisticsError::Argument { name: "critical", value, want: "a number from 0 to 1e12, or infinity" })
}

fn check_statistic(value: f64) -> Result<(), StatisticsError> {
    if value.is_nan() {
        return Err(StatisticsError::Argument { name: "statistic", value, want: "a number" });
    }
    Ok(())
}

fn check_degrees(degrees_of_freedom: usize) -> Result<(), StatisticsError> {
    if !(1..=MOST_DEGREES).contains(&degrees_of_freedom) {
        return Err(StatisticsError::Argument {
            name: "degrees_of_freedom",
            value: degrees_of_freedom as f64,
            want: "1 to 2^40",
        });
    }
    Ok(())
}
