//! Verdicts: the budget of false alarms, and what a test says.

use super::StatisticsError;
use super::given::check_alpha;

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
    /// A difference of means, as a part of the range of what is averaged (of a gradient: of the loss).
    Range,
    /// A difference of covariances, as a part of the largest variance.
    Variance,
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
    /// Every departure of at least this size is caught with probability [`POWER`](super::POWER); 1 means: none is sure to be.
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
