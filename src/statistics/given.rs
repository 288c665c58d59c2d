//! What is given must make sense.

use super::{LARGEST_NONCENTRALITY, MOST_DEGREES, MOST_DRAWS, PROBABILITY_SUM_TOLERANCE, StatisticsError};

/// Number of draws, after checks of the counts and of the law.
pub(super) fn check_cells(observed: &[u64], probabilities: &[f64]) -> Result<u64, StatisticsError> {
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
pub(super) fn check_counts(counts: &[u64]) -> Result<u64, StatisticsError> {
    match counts.iter().try_fold(0_u64, |sum, &count| sum.checked_add(count)) {
        Some(0) => Err(StatisticsError::NoDraws),
        Some(draws) if draws <= MOST_DRAWS => Ok(draws),
        _ => Err(StatisticsError::TooManyDraws),
    }
}

pub(super) fn check_uniforms(values: impl Iterator<Item = (usize, f64)>) -> Result<(), StatisticsError> {
    for (index, value) in values {
        if !(0.0..=1.0).contains(&value) {
            return Err(StatisticsError::Uniform { index, value });
        }
    }
    Ok(())
}

pub(super) fn check_alpha(value: f64) -> Result<(), StatisticsError> {
    if value > 0.0 && value < 1.0 { Ok(()) } else { Err(StatisticsError::Alpha { value }) }
}

pub(super) fn check_power(value: f64) -> Result<(), StatisticsError> {
    if value > 0.0 && value < 1.0 {
        return Ok(());
    }
    Err(StatisticsError::Argument { name: "power", value, want: "a number between 0 and 1, both excluded" })
}

pub(super) fn check_critical(value: f64) -> Result<(), StatisticsError> {
    if (0.0..=LARGEST_NONCENTRALITY).contains(&value) || value == f64::INFINITY {
        return Ok(());
    }
    Err(StatisticsError::Argument { name: "critical", value, want: "a number from 0 to 1e12, or infinity" })
}

pub(super) fn check_statistic(value: f64) -> Result<(), StatisticsError> {
    if value.is_nan() {
        return Err(StatisticsError::Argument { name: "statistic", value, want: "a number" });
    }
    Ok(())
}

pub(super) fn check_degrees(degrees_of_freedom: usize) -> Result<(), StatisticsError> {
    if !(1..=MOST_DEGREES).contains(&degrees_of_freedom) {
        return Err(StatisticsError::Argument {
            name: "degrees_of_freedom",
            value: degrees_of_freedom as f64,
            want: "1 to 2^40",
        });
    }
    Ok(())
}

pub(super) fn check_argument(
    name: &'static str,
    value: f64,
    right: bool,
    want: &'static str,
) -> Result<(), StatisticsError> {
    if right { Ok(()) } else { Err(StatisticsError::Argument { name, value, want }) }
}
