//! Bets against an exact law, whose gain is evidence whenever one looks.
//!
//! # Notation
//! Draw after draw one bets on the next by a law `q` of one's own, which may depend on all draws before, at the odds of the null `p`: whoever
//! has 1 and bets all of it has `q(x)/p(x)` after drawing `x`. `e_n` is what is left after `n` draws, `n_x` how often `x` was drawn.
//!
//! # Law
//! Under the null `E[q(X)/p(X) | the past] = Σ_x q(x) ≤ 1`: `e_n` is a supermartingale from 1, so that `P(e_n ≥ 1/α for some n) ≤ α` (Ville),
//! however often one looks and for whatever reason one stops. The law here is the predictive one of Pólya's urn with `c·p(x)` balls of each
//! colour, `q(x) = (c·p(x) + n_x)/(c + n)`, under which the order of the draws does not matter:
//!
//! `log e_n = Σ_x D(c·p(x), n_x) - D(c, n)`, with `D(a, n) = Σ_{i<n} log(1 + i/a)`.
//!
//! A large `c` moves slowly, which is best against a small departure or among many cells, a small one fast. The stake is spread evenly over
//! the `c` of a grid: a mean of such `e_n` is another.
//!
//! # Power
//! With `ρ = n/c`, `X²` Pearson's statistic and `f` degrees of freedom, for counts that are not small,
//! `2 log e_n ≈ X²·ρ/(1+ρ) - f·log(1+ρ)` (normal draws, normal prior). So a bet exceeds `1/α` where `X²` exceeds
//! `(1+ρ)/ρ·(2 log(1/α) + f·log(1+ρ))`, of which the smallest over the grid is a critical value as that of Pearson's test is. Tests hold
//! the departures that follow from it to simulated draws.
//!
//! # References
//! J. Ville (1939), *Étude critique de la notion de collectif*; I. J. Good (1967), *A Bayesian significance test for multinomial
//! distributions*, JRSS B 29(3): a mixture over `c` as evidence; G. Shafer (2021), *Testing by betting*, JRSS A 184(2); A. Ramdas,
//! P. Grünwald, V. Vovk, G. Shafer (2023), *Game-theoretic statistics and safe anytime-valid inference*, Statistical Science 38(4).

use super::given::{check_alpha, check_cells, check_counts};
use super::power::smallest_total_variation;
use super::special::{deviance, stirling_error};
use super::verdict::{DepartureKind, TestResult};
use super::{LARGEST_NONCENTRALITY, POWER, StatisticsError};

/// What bets have gained, made by [`law_bets`] and others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BetTest {
    /// The natural logarithm of what is left of a stake of 1; infinite if something impossible was drawn.
    pub statistic: f64,
    /// `min(1, 1/e)`: an upper bound of the tail, whenever one looks.
    pub p_value: f64,
    /// Number of draws.
    pub draws: u64,
}

impl BetTest {
    fn new(statistic: f64, draws: u64) -> Self {
        Self { statistic, p_value: libm::exp(-statistic).min(1.0), draws }
    }

    /// The verdict at false-alarm probability `alpha`, which is also the threshold: at this look and all others together.
    /// `smallest_departure` is that of [`smallest_law_bet`] or another, worked out by the caller: it is the same for all bets of a kind.
    #[must_use]
    pub fn judge(&self, alpha: f64, smallest_departure: f64, departure_kind: DepartureKind) -> TestResult {
        TestResult {
            statistic: self.statistic,
            p_value: self.p_value,
            threshold: alpha,
            smallest_departure,
            departure_kind,
        }
    }
}

/// The `c` of the grid: 2, 8, 32, …: wide enough for billions of draws.
fn concentrations() -> impl Iterator<Item = f64> {
    (0..CONCENTRATIONS).map(|j| libm::ldexp(2.0, 2 * j))
}

const CONCENTRATIONS: i32 = 17;

/// `D(a, n) = Σ_{i<n} log(1 + i/a) = log Γ(a+n) - log Γ(a) - n log a`, for `a > 0` and a whole `n`; without their cancellation.
fn growth(a: f64, n: f64) -> f64 {
    // From here on Stirling's series is exact to rounding.
    let first = libm::ceil(16.0 - a).clamp(0.0, n);
    let sum: f64 = (1..first as u64).map(|i| libm::log1p(i as f64 / a)).sum();
    let (z, k) = (a + first, n - first);
    if k == 0.0 {
        return sum;
    }
    let stirling = stirling_error(z + k) - stirling_error(z);
    sum + (z + k - 0.5) * libm::log1p(k / z) - k + k * libm::log1p(first / a) + stirling
}

/// `log` of the mean of `exp`.
fn log_mean(logs: impl Iterator<Item = f64>) -> f64 {
    // Terms are added relative to the largest so far.
    let (mut largest, mut sum, mut count) = (f64::NEG_INFINITY, 0.0, 0.0);
    for log in logs {
        count += 1.0;
        if log > largest {
            sum *= libm::exp(largest - log);
            largest = log;
        }
        sum += if log.is_infinite() { 0.0 } else { libm::exp(log - largest) };
    }
    if largest.is_infinite() { largest } else { largest + libm::log(sum / count) }
}

/// Of one cell, at one `c`.
fn coin(c: f64, probability: f64, observed: f64, draws: f64) -> f64 {
    let side = |p: f64, n: f64| match (p > 0.0, n > 0.0) {
        (true, _) => growth(c * p, n),
        (false, true) => f64::INFINITY,
        (false, false) => 0.0,
    };
    side(probability, observed) + side(1.0 - probability, draws - observed)
}

/// A stake spread evenly over bets on single cells, each `(probability, observed)`: what is left of it by the bet on the cell that is the
/// furthest off, the others not counted. That is less than there is, and so is evidence too.
fn most_of_one(cells: impl Iterator<Item = (f64, f64)>, draws: f64) -> f64 {
    let (mut count, mut furthest, mut most) = (0.0, (1.0, draws), 0.0);
    for (p, observed) in cells {
        count += 1.0;
        let rest = if p < 1.0 { deviance(draws - observed, draws * (1.0 - p)) } else { 0.0 };
        let off = deviance(observed, draws * p) + rest;
        if off > most {
            (furthest, most) = ((p, observed), off);
        }
    }
    let bets = concentrations().map(|c| coin(c, furthest.0, furthest.1, draws) - growth(c, draws));
    if count == 0.0 { 0.0 } else { log_mean(bets) - libm::log(count) }
}

/// The bets on whether a cell of probability `probability` is drawn, which it was `observed` times.
///
/// # Errors
/// As [`cell_p_value`](super::cell_p_value).
///
/// ```
/// # use recursive_gumbel::statistics::coin_bets;
/// assert_eq!(coin_bets(100, 0.5, 50)?.p_value, 1.0);
/// assert!(coin_bets(100, 0.5, 10)?.p_value < 1e-12);
/// # Ok::<(), recursive_gumbel::statistics::StatisticsError>(())
/// ```
pub fn coin_bets(draws: u64, probability: f64, observed: u64) -> Result<BetTest, StatisticsError> {
    if observed > draws {
        return Err(StatisticsError::Observed { observed, draws });
    }
    check_cells(&[observed, draws - observed], &[probability, 1.0 - probability])?;
    let n = draws as f64;
    let bets = concentrations().map(|c| coin(c, probability, observed as f64, n) - growth(c, n));
    Ok(BetTest::new(log_mean(bets), draws))
}

/// The bets on which cell is drawn, against exact probabilities, one of each per cell: half of the stake on all cells together, half
/// spread evenly over bets on each cell by itself, of which the one on the cell that is the furthest off is counted. A draw in a cell of
/// probability 0 is a refutation at once. O(k).
///
/// # Errors
/// As [`g_test`](super::g_test).
///
/// ```
/// # use recursive_gumbel::statistics::law_bets;
/// let law = [0.5, 0.25, 0.25];
/// assert!(law_bets(&[5_020, 2_480, 2_500], &law)?.p_value > 0.5);
/// assert!(law_bets(&[3_300, 3_300, 3_400], &law)?.p_value < 1e-100);
/// assert!(law_bets(&[1, 0], &[0.0, 1.0])?.p_value == 0.0);
/// # Ok::<(), recursive_gumbel::statistics::StatisticsError>(())
/// ```
pub fn law_bets(observed: &[u64], probabilities: &[f64]) -> Result<BetTest, StatisticsError> {
    let draws = check_cells(observed, probabilities)?;
    let n = draws as f64;
    if observed.iter().zip(probabilities).any(|(&o, &p)| o > 0 && p == 0.0) {
        return Ok(BetTest::new(f64::INFINITY, draws));
    }
    let cells: Vec<(f64, f64)> =
        observed.iter().zip(probabilities).filter(|(_, p)| **p > 0.0).map(|(&o, &p)| (o as f64, p)).collect();
    let all =
        concentrations().map(|c| cells.iter().map(|&(o, p)| growth(c * p, o)).sum::<f64>() - growth(c, n));
    let each = most_of_one(cells.iter().map(|&(o, p)| (p.min(1.0), o)), n);
    Ok(BetTest::new(log_mean([log_mean(all), each].into_iter()), draws))
}

/// The bets on which of `cells` equally likely cells is drawn in each of several rows, where the row is known before: counts
/// `[rows, cells]`. All rows share one `c`, which is that of each.
///
/// # Errors
/// [`StatisticsError::NoDraws`], [`StatisticsError::TooManyDraws`]; [`StatisticsError::Lengths`] unless the counts are whole rows.
pub fn row_bets(observed: &[u64], cells: usize) -> Result<BetTest, StatisticsError> {
    let draws = check_counts(observed)?;
    if cells == 0 || !observed.len().is_multiple_of(cells) {
        return Err(StatisticsError::Lengths { observed: observed.len(), probabilities: cells });
    }
    let row = |c: f64, row: &[u64]| {
        let n: u64 = row.iter().sum();
        row.iter().map(|&o| growth(c / cells as f64, o as f64)).sum::<f64>() - growth(c, n as f64)
    };
    let bets = concentrations().map(|c| observed.chunks(cells).map(|counts| row(c, counts)).sum());
    Ok(BetTest::new(log_mean(bets), draws))
}

/// Bins of [`uniform_bets`], besides the edges of which there are one fewer than [`EDGES`].
const BINS: usize = 16;
const EDGES: usize = 256;

/// The bets on uniforms, of which each of several equal bins holds so many: half of the stake on which sixteenth a value falls in, half
/// spread over bets on whether it is below each of 255 edges, of which the one that is the furthest off is counted. If the bins are no
/// whole multiple of 16, or 256, they themselves are looked at.
///
/// # Errors
/// [`StatisticsError::NoDraws`], [`StatisticsError::TooManyDraws`].
pub fn uniform_bets(counts: &[u64]) -> Result<BetTest, StatisticsError> {
    let draws = check_counts(counts)?;
    let (n, bins) = (draws as f64, counts.len());
    let coarse = |cells: usize| -> Vec<u64> {
        let mut sums = vec![0; cells];
        counts.iter().enumerate().for_each(|(bin, &count)| sums[bin * cells / bins] += count);
        sums
    };
    let sixteenths = if bins.is_multiple_of(BINS) { coarse(BINS) } else { counts.to_vec() };
    let together = row_bets(&sixteenths, sixteenths.len())?;
    let fine = if bins.is_multiple_of(EDGES) { coarse(EDGES) } else { counts.to_vec() };
    let mut below = 0;
    let edges = fine[..fine.len() - 1].iter().enumerate().map(|(bin, &count)| {
        below += count;
        ((bin + 1) as f64 / fine.len() as f64, below as f64)
    });
    let each = most_of_one(edges, n);
    Ok(BetTest::new(log_mean([together.statistic, each].into_iter()), draws))
}

/// The stake spread evenly over several bets.
///
/// # Errors
/// [`StatisticsError::NoTests`].
pub fn spread_bets(bets: &[BetTest]) -> Result<BetTest, StatisticsError> {
    let draws = bets.iter().map(|bet| bet.draws).max().ok_or(StatisticsError::NoTests)?;
    Ok(BetTest::new(log_mean(bets.iter().map(|bet| bet.statistic)), draws))
}

/// The total variation from which [`law_bets`] refutes at `alpha` with probability [`POWER`](super::POWER), once `draws` are made, with
/// `cells` cells of positive probability; at most 1. Asymptotic, as said above.
///
/// # Errors
/// [`StatisticsError::Alpha`]; [`StatisticsError::NoDraws`].
pub fn smallest_law_bet(draws: u64, cells: usize, alpha: f64) -> Result<f64, StatisticsError> {
    if cells == 1 && draws > 0 {
        check_alpha(alpha)?;
        // Whatever departs is impossible.
        return Ok(-libm::expm1(libm::log(1.0 - POWER) / draws as f64));
    }
    smallest(draws, 1, cells.saturating_sub(1), alpha / 2.0)
}

/// The same of [`row_bets`]: the total variation of the cell given the row, in the mean over the draws.
///
/// # Errors
/// As [`smallest_law_bet`].
pub fn smallest_row_bet(draws: u64, rows: usize, cells: usize, alpha: f64) -> Result<f64, StatisticsError> {
    smallest(draws, rows, cells.saturating_sub(1), alpha)
}

/// The same of [`coin_bets`]: the difference of the probabilities.
///
/// # Errors
/// As [`smallest_law_bet`].
pub fn smallest_coin_bet(draws: u64, alpha: f64) -> Result<f64, StatisticsError> {
    smallest(draws, 1, 1, alpha)
}

/// The same of [`uniform_bets`] on so many bins: the largest difference of the distribution functions.
///
/// # Errors
/// As [`smallest_law_bet`].
pub fn smallest_uniform_bet(draws: u64, bins: usize, alpha: f64) -> Result<f64, StatisticsError> {
    let edges = if bins.is_multiple_of(EDGES) { EDGES } else { bins };
    let at_an_edge = smallest(draws, 1, 1, alpha / (2.0 * (edges - 1).max(1) as f64))?;
    Ok((at_an_edge + 1.0 / edges as f64).min(1.0)) // the next edge is as far at most
}

/// Of a bet with `degrees` of freedom in each of `rows` rows.
fn smallest(draws: u64, rows: usize, degrees: usize, alpha: f64) -> Result<f64, StatisticsError> {
    check_alpha(alpha)?;
    if draws == 0 {
        return Err(StatisticsError::NoDraws);
    }
    if rows * degrees == 0 {
        return Ok(1.0);
    }
    let (n, freedom) = (draws as f64, (rows * degrees) as f64);
    let want = 2.0 * (libm::log(f64::from(CONCENTRATIONS)) - libm::log(alpha));
    let critical = |c: f64| {
        // Rows of unlike lengths do no worse: log is concave, and the least noncentral way to depart has the harmonic mean.
        let rho = n / (c * rows as f64);
        (1.0 + rho) / rho * (want + freedom * libm::log1p(rho))
    };
    let least = concentrations().map(critical).fold(LARGEST_NONCENTRALITY, f64::min);
    smallest_total_variation(draws, least, rows * degrees, POWER)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::super::cell_p_value;
    use super::*;

    #[test]
    fn growth_is_its_sum() {
        for a in [1e-9, 0.3, 2.0, 15.9, 17.0, 5e3, 2e9] {
            let mut sum = 0.0;
            for n in 0_u32..3_000 {
                let got = growth(a, f64::from(n));
                assert!((got - sum).abs() <= 1e-12 * (1.0 + sum), "{a} {n}: {got} {sum}");
                sum += libm::log1p(f64::from(n) / a);
            }
        }
    }

    /// Bet after bet, as someone would who plays: the predictive law of each urn.
    fn played(draws: &[usize], law: &[f64]) -> f64 {
        let gain = |c: f64| {
            let mut counts = vec![0.0; law.len()];
            draws.iter().enumerate().fold(1.0, |gain, (n, &x)| {
                let q = (c * law[x] + counts[x]) / (c + n as f64);
                counts[x] += 1.0;
                gain * q / law[x]
            })
        };
        concentrations().map(gain).sum::<f64>() / f64::from(CONCENTRATIONS)
    }

    #[test]
    fn the_evidence_is_what_a_player_has() {
        let law = [0.5, 0.2, 0.3];
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let draws: Vec<usize> = (0..60).map(|_| rng.random_range(0..3)).collect();
        let counts = |cells: &[usize]| {
            let count = |x: &usize| draws.iter().filter(|draw| *draw == x).count() as u64;
            cells.iter().map(count).collect::<Vec<u64>>()
        };
        let all = played(&draws, &law);
        let each = (0..3).map(|x| {
            let is: Vec<usize> = draws.iter().map(|&draw| usize::from(draw != x)).collect();
            let off = (counts(&[x])[0] as f64 - 60.0 * law[x]).abs() / libm::sqrt(law[x] * (1.0 - law[x]));
            (off, played(&is, &[law[x], 1.0 - law[x]]))
        });
        let furthest = each.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap().1;
        let want = 0.5 * all + 0.5 * furthest / 3.0;
        let got = law_bets(&counts(&[0, 1, 2]), &law).unwrap().statistic;
        assert!((libm::exp(got) / want - 1.0).abs() < 1e-10, "{got} {want}");
    }

    /// All counts of `n` draws in so many cells.
    fn all_counts(n: u64, cells: usize) -> Vec<Vec<u64>> {
        if cells == 1 {
            return vec![vec![n]];
        }
        let first = |count: u64| {
            let rest = all_counts(n - count, cells - 1);
            rest.into_iter().map(move |rest| [vec![count], rest].concat())
        };
        (0..=n).flat_map(first).collect()
    }

    /// Under the null the mean of the evidence is 1, and less where not all of it is counted: a sum over all that can be drawn.
    #[test]
    fn the_mean_of_the_evidence_is_at_most_one() {
        let law = [0.5, 0.25, 0.2, 0.05];
        let uniform = [0.25; 4];
        for n in [1, 2, 7, 20] {
            let mut means = [0.0; 4];
            for counts in all_counts(n, 4) {
                let density = |law: &[f64]| {
                    let factor =
                        |(&o, &p): (&u64, &f64)| o as f64 * libm::log(p) - libm::lgamma(o as f64 + 1.0);
                    libm::exp(libm::lgamma(n as f64 + 1.0) + counts.iter().zip(law).map(factor).sum::<f64>())
                };
                let evidence = [
                    (law_bets(&counts, &law), &law),
                    (row_bets(&counts, 4), &uniform),
                    (uniform_bets(&counts), &uniform),
                    (coin_bets(n, law[0], counts[0]), &law),
                ];
                for (mean, (bet, law)) in means.iter_mut().zip(evidence) {
                    *mean += density(law) * libm::exp(bet.unwrap().statistic);
                }
            }
            let [law, rows, uniform, coin] = means;
            assert!([rows, coin].iter().all(|mean| (mean - 1.0).abs() < 1e-9), "{n}: {means:?}");
            assert!([law, uniform].iter().all(|mean| (0.5..1.0).contains(mean)), "{n}: {means:?}");
        }
    }

    /// The probability that a right coin is refuted at some look, of one after every draw: exact, over all paths of the count.
    fn refuted_sometime(p: f64, looks: u64, refutes: impl Fn(u64, u64) -> bool) -> f64 {
        let (mut alive, mut refuted) = (vec![1.0], 0.0);
        for n in 1..=looks {
            let mut next = vec![0.0; n as usize + 1];
            for (heads, mass) in alive.iter().enumerate() {
                next[heads] += mass * (1.0 - p);
                next[heads + 1] += mass * p;
            }
            for (heads, mass) in next.iter_mut().enumerate() {
                if refutes(n, heads as u64) {
                    refuted += *mass;
                    *mass = 0.0;
                }
            }
            alive = next;
        }
        refuted
    }

    /// Ville's bound, exactly; and that the same looks at a test made for one look refute a right coin much too often.
    #[test]
    fn one_may_look_after_every_draw() {
        for (p, alpha) in [(0.5, 0.05), (0.5, 0.01), (0.1, 0.05), (0.9, 0.05)] {
            let bets = refuted_sometime(p, 400, |n, heads| coin_bets(n, p, heads).unwrap().p_value <= alpha);
            assert!(bets > 0.0 && bets <= alpha, "{p}: {bets} at {alpha}");
            let once = refuted_sometime(p, 400, |n, heads| cell_p_value(n, p, heads).unwrap() <= alpha);
            assert!(once > 3.0 * alpha, "{p}: {once} at {alpha}");
        }
    }

    /// A law `departure` away from `law`, in cells chosen by chance: as far as probabilities go in each.
    fn away(law: &[f64], departure: f64, rng: &mut Xoshiro256PlusPlus) -> Vec<f64> {
        let mut up: Vec<bool> = law.iter().map(|_| rng.random()).collect();
        (up[0], up[law.len() - 1]) = (true, false);
        let over: f64 = law.iter().zip(&up).filter(|(_, up)| **up).map(|(p, _)| p).sum();
        let tilt = |(p, up): (&f64, &bool)| {
            p * if *up { 1.0 + departure / over } else { 1.0 - departure / (1.0 - over) }
        };
        law.iter().zip(&up).map(tilt).collect()
    }

    fn drawn(law: &[f64], n: u64, rng: &mut Xoshiro256PlusPlus) -> Vec<u64> {
        let mut counts = vec![0; law.len()];
        for _ in 0..n {
            let mut u: f64 = rng.random();
            let mut cell = 0;
            while cell + 1 < law.len() && u >= law[cell] {
                u -= law[cell];
                cell += 1;
            }
            counts[cell] += 1;
        }
        counts
    }

    /// Of 200 samples that depart by as much as is said 99 % are caught: fewer than 188 with probability below 1e-6. And of such
    /// that depart by 0.6 of it fewer are: what is said is not far from what is so.
    #[test]
    fn the_departure_is_caught() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
        let geometric: Vec<f64> = (0..40).map(|k| libm::ldexp(1.0, -k.min(20) - 1)).collect();
        let sum: f64 = geometric.iter().sum();
        let geometric: Vec<f64> = geometric.iter().map(|p| p / sum).collect();
        let uniform = vec![1.0 / 16.0; 16];
        for (law, n, alpha) in [
            (&uniform, 2_000, 1e-8),
            (&uniform, 400, 1e-4),
            (&geometric, 3_000, 1e-8),
            (&vec![0.5, 0.5], 1_000, 1e-8),
        ] {
            let departure = smallest_law_bet(n, law.len(), alpha).unwrap();
            let mut caught = [0; 2];
            for _ in 0..200 {
                for (caught, part) in caught.iter_mut().zip([1.0, 0.6]) {
                    // Where one side has little to lose or to give, the other is tilted less.
                    let mut other = away(law, part * departure, &mut rng);
                    while other.iter().any(|p| *p < 0.0) {
                        other = away(law, part * departure, &mut rng);
                    }
                    let counts = drawn(&other, n, &mut rng);
                    *caught += u32::from(law_bets(&counts, law).unwrap().p_value <= alpha);
                }
            }
            assert!(caught[0] >= 188 && caught[1] < 188, "{} cells, {n} draws: {caught:?}", law.len());
        }
    }

    /// The same of rows, of which some are rare, each with a departure of its own; and of uniforms that lie in one half too often.
    #[test]
    fn the_departure_of_rows_and_of_uniforms_is_caught() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
        let (n, alpha, cells, rows) = (6_000, 1e-8, 8, [0.4, 0.3, 0.15, 0.1, 0.05]);
        let of_rows = smallest_row_bet(n, rows.len(), cells, alpha).unwrap();
        let of_uniforms = smallest_uniform_bet(n, 4_096, alpha).unwrap();
        let mut caught = [0; 4];
        for _ in 0..200 {
            for (number, part) in [1.0, 0.6].into_iter().enumerate() {
                // The departures of the rows have the mean that is said.
                let mean: f64 = rows.iter().zip([0.5, 1.0, 1.5, 1.0, 3.0]).map(|(p, times)| p * times).sum();
                let mut counts = Vec::new();
                for (row, times) in drawn(&rows, n, &mut rng).into_iter().zip([0.5, 1.0, 1.5, 1.0, 3.0]) {
                    let up = |cell: usize| if cell.is_multiple_of(2) { 1.0 } else { -1.0 };
                    let tilt = 2.0 * part * of_rows * times / mean;
                    let law: Vec<f64> =
                        (0..cells).map(|cell| (1.0 + up(cell) * tilt) / cells as f64).collect();
                    counts.extend(drawn(&law, row, &mut rng));
                }
                caught[number] += u32::from(row_bets(&counts, cells).unwrap().p_value <= alpha);
                let (moved, mut counts) = (part * of_uniforms, vec![0; 4_096]);
                for _ in 0..n {
                    let u: f64 = rng.random();
                    // As smooth as can be: of the law's function only the middle is off by as much.
                    let u = if rng.random_bool(0.5 + moved) { u / 2.0 } else { (1.0 + u) / 2.0 };
                    counts[(u * 4_096.0) as usize] += 1;
                }
                caught[2 + number] += u32::from(uniform_bets(&counts).unwrap().p_value <= alpha);
            }
        }
        let [rows, fewer_rows, uniforms, fewer_uniforms] = caught;
        assert!(rows >= 188 && fewer_rows < 188 && uniforms >= 188 && fewer_uniforms < 188, "{caught:?}");
    }
}
