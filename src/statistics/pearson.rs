//! Counts in cells against their probabilities: Pearson's chi-square, cells pooled.

use super::given::{check_alpha, check_cells, check_counts, check_uniforms};
use super::power::{chi_square_tail, smallest_total_variation};
use super::special::{first_above, square};
use super::verdict::{DepartureKind, TestResult};
use super::{MINIMUM_EXPECTED, PEARSON_SAFETY, PEARSON_SMALLEST_ALPHA, POWER, StatisticsError};

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
