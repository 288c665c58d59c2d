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
//! - Wins: `P(log Γ(1+w) - (1+w) log(1+m) + m ≥ log 1/α) ≤ α` for `w` wins where `m` were expected, whenever one looks (a mixture of
//!   supermartingales, and Ville's inequality).
//! - Bets: `P(e_n ≥ 1/α for some n) ≤ α` for what bets at the odds of the null have gained after `n` draws, so that one may look after
//!   every draw and stop: [`law_bets`] and others.
//! - Mean: of numbers of which nothing is known but a bound on their variance or kurtosis, by a mixture of the supermartingales
//!   `exp(λS - λ²(Q + 2nσ²)/6)`: see [`mean_test`].
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

mod bets;
mod cells;
mod given;
mod likelihood;
mod mean;
mod pearson;
mod power;
mod special;
mod uniforms;
mod verdict;
mod wins;

pub use bets::{
    BetTest, coin_bets, law_bets, row_bets, smallest_coin_bet, smallest_law_bet, smallest_row_bet,
    smallest_uniform_bet, spread_bets, uniform_bets,
};
pub use cells::{CellResult, Drawn, cell_p_value, smallest_difference, worst_cells};
pub use likelihood::{GTest, g_critical, g_p_value, g_test};
pub use mean::{
    Deviations, MOST_KURTOSIS, MeanTest, mean_bets, mean_test, smallest_mean, smallest_mean_bet,
    smallest_mean_of_squares,
};
pub use pearson::{Pearson, pair_counts, pearson, pearson_critical, pearson_of_pairs, pearson_of_rows, pool};
pub use power::{chi_square_sf, noncentral_chi_square_sf, smallest_total_variation};
pub use special::ulp_distance;
pub use uniforms::{
    KolmogorovSmirnov, kolmogorov_smirnov, kolmogorov_smirnov_critical, kolmogorov_smirnov_of_counts,
    smallest_sup_norm,
};
pub use verdict::{Budget, DepartureKind, TestResult};
pub use wins::{WinsTest, smallest_wins, wins_test};

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

/// The quantile of the standard normal law at [`POWER`].
const POWER_QUANTILE: f64 = 2.326_347_874_040_841;

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
