//! The statistical tests themselves, held to exact sums, closed forms, an independent library, and simulation.
//!
//! Exact tests come first. The random ones fix a seed and state the probability, over seeds, that they fail
//! although the code is right: [`FALSE_ALARM`] each. Each has a companion in which something wrong is caught.

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use recursive_gumbel::statistics::*;

/// Probability, over seeds, that one random assertion here fails although the code is right (twelve of them: 1.2e-8).
const FALSE_ALARM: f64 = 1e-9;

fn relative_error(value: f64, truth: f64) -> f64 {
    if value == truth { 0.0 } else { ((value - truth) / truth).abs() }
}

/// `log P(Binomial(n, p) = k)` by log-gamma: another way than the module's. Absolute error about 1e-15·n log n.
fn ln_pmf(n: u64, p: f64, k: u64) -> f64 {
    let (n, k) = (n as f64, k as f64);
    let power = |x: f64, ln_p: f64| if x == 0.0 { 0.0 } else { x * ln_p };
    libm::lgamma(n + 1.0) - libm::lgamma(k + 1.0) - libm::lgamma(n - k + 1.0)
        + power(k, libm::log(p))
        + power(n - k, libm::log1p(-p))
}

/// `P(B in ks)`, summed from the first `k` until the terms no longer count (`ks` leads away from the mode).
fn sum_pmf(n: u64, p: f64, ks: impl Iterator<Item = u64>) -> f64 {
    let mut sum = 0.0;
    for k in ks {
        let term = libm::exp(ln_pmf(n, p, k));
        sum += term;
        if term < 1e-18 * sum || term == 0.0 {
            break;
        }
    }
    sum
}

// ------------------------------------------------------------------------------------------------ pooling

#[test]
fn every_pool_expects_the_minimum_and_no_cell_is_dropped() {
    let mut rng = Uniforms::new(0xB001);
    for cells in 1..60_usize {
        let expected: Vec<f64> = (0..cells).map(|_| libm::exp(rng.next() * 8.0 - 3.0)).collect();
        let pools = pool(&expected, 20.0).unwrap();
        assert_eq!(pools.len(), cells);
        assert_eq!(pools, pool(&expected, 20.0).unwrap());
        let count = pools.iter().max().unwrap() + 1;
        let sums: Vec<f64> = (0..count)
            .map(|g| (0..cells).filter(|&i| pools[i] == g).map(|i| expected[i]).sum::<f64>())
            .collect();
        assert!(sums.iter().all(|&s| s > 0.0), "pool numbers have no gap");
        assert!(count == 1 || sums.iter().all(|&s| s >= 20.0), "{sums:?}");
        // Rare cells are pooled with rare cells: whatever expects the minimum and is not the first such cell
        // of its pool stands alone.
        for g in 0..count {
            let large = (0..cells).filter(|&i| pools[i] == g && expected[i] >= 20.0).count();
            assert!(large <= 1, "pool {g} holds {large} cells that needed no pooling");
        }
    }
}

#[test]
fn pools_break_ties_by_the_lower_cell_and_a_short_last_pool_joins_the_smallest() {
    assert_eq!(pool(&[5.0, 5.0, 5.0, 5.0], 10.0).unwrap(), [0, 0, 1, 1]);
    assert_eq!(pool(&[0.0, -0.0, 9.0, 30.0], 10.0).unwrap(), [0, 0, 0, 0]); // 0+0+9+30: the next cell fills it
    assert_eq!(pool(&[8.0, 9.0, 9.0], 10.0).unwrap(), [0, 0, 0]);
    assert_eq!(pool(&[8.0, 8.5, 9.0, 9.0, 9.5], 16.0).unwrap(), [0, 0, 1, 1, 0]); // 16.5 | 18 | 9.5 short
    assert_eq!(pool(&[1.0, 2.0], 10.0).unwrap(), [0, 0]);
    assert_eq!(pool(&[], 10.0).unwrap(), [0_usize; 0]);
}

// ----------------------------------------------------------------------------------------- chi-square tail

/// Relative error granted to a tail: the exponents go up to 700, so that rounding alone makes 1e-13.
const TAIL_TOLERANCE: f64 = 1e-12;

/// `P(χ²_f > x)` by its closed form, a finite sum of positive terms.
fn closed_chi_square(x: f64, f: usize) -> f64 {
    let h = x / 2.0;
    let (mut sum, mut term, mut d) = if f % 2 == 1 {
        (libm::erfc(libm::sqrt(h)), 2.0 * libm::sqrt(h / std::f64::consts::PI) * libm::exp(-h), 1)
    } else {
        (libm::exp(-h), h * libm::exp(-h), 2)
    };
    while d < f {
        sum += term;
        d += 2;
        term *= x / d as f64;
    }
    sum
}

#[test]
fn chi_square_tails_agree_with_closed_forms_far_below_rounding() {
    assert_eq!(closed_chi_square(10.0, 2), libm::exp(-5.0));
    assert!(relative_error(closed_chi_square(10.0, 4), 6.0 * libm::exp(-5.0)) < 1e-15);
    for f in [1, 2, 3, 4, 5, 6, 9, 10, 31, 32, 99, 200] {
        for x in
            [1e-3, 0.1, 0.9, 1.0, 2.0, 5.0, 9.5, 11.0, 30.0, 33.0, 60.0, 140.0, 210.0, 420.0, 900.0, 1_300.0]
        {
            let (tail, truth) = (chi_square_sf(x, f).unwrap(), closed_chi_square(x, f));
            assert!(relative_error(tail, truth) < TAIL_TOLERANCE, "f = {f}, x = {x}: {tail:e} for {truth:e}");
        }
    }
    assert!(chi_square_sf(140.0, 2).unwrap() < 1e-30);
    assert_eq!(chi_square_sf(0.0, 3).unwrap(), 1.0);
    assert_eq!(chi_square_sf(f64::INFINITY, 3).unwrap(), 0.0);
}

/// Where the series for Stirling's error begins, each of its terms counts.
#[test]
fn densities_are_exact_to_rounding_where_the_stirling_series_begins() {
    const TOLERANCE: f64 = 2e-14; // relative: some 50 roundings; the fourth term of the series is 2e-12 here
    for f in 28..=44 {
        for x in [47.0, 60.0, 75.0] {
            let (tail, truth) = (chi_square_sf(x, f).unwrap(), closed_chi_square(x, f));
            assert!(relative_error(tail, truth) < TOLERANCE, "f = {f}, x = {x}: {tail:e} for {truth:e}");
        }
    }
}

/// The same function by another library, for degrees of freedom beyond the closed forms.
#[test]
fn chi_square_tails_agree_with_another_library() {
    for f in [1, 7, 1_000, 4_321, 100_000] {
        for z in [-3.0, -0.5, 0.5, 3.0, 6.0, 9.0, 12.0] {
            let x = (f as f64 + z * libm::sqrt(2.0 * f as f64)).max(0.3);
            let truth = statrs::function::gamma::checked_gamma_ur(f as f64 / 2.0, x / 2.0).unwrap();
            let tail = chi_square_sf(x, f).unwrap();
            // Its logarithm of Γ(50,000) is right to 1e-10.
            assert!(relative_error(tail, truth) < 1e-9, "f = {f}, x = {x}: {tail:e} for {truth:e}");
        }
    }
}

#[test]
fn one_minus_the_distribution_function_would_lose_the_tail() {
    use statrs::distribution::{ChiSquared, ContinuousCDF};
    let naive = 1.0 - ChiSquared::new(4.0).unwrap().cdf(100.0);
    assert!(relative_error(naive, closed_chi_square(100.0, 4)) > TAIL_TOLERANCE);
}

// -------------------------------------------------------------------------------------------------- Pearson

/// The exact probability that a right sampler of the law `(p, 1-p)` has `X² ≥ critical` with `n` draws.
fn real_false_alarm(n: u64, p: f64, critical: f64) -> f64 {
    let mean = n as f64 * p;
    // X² = (O - np)² / (n p (1-p)) with two cells.
    let reach = libm::sqrt(critical * mean * (1.0 - p));
    let above = libm::ceil(mean + reach) as u64;
    let below = libm::floor(mean - reach);
    let upper = if above <= n { sum_pmf(n, p, above..=n) } else { 0.0 };
    let lower = if below >= 0.0 { sum_pmf(n, p, (0..=below as u64).rev()) } else { 0.0 };
    upper + lower
}

const PROBABILITIES: [f64; 7] = [0.5, 0.4, 0.25, 0.1, 0.01, 1e-3, 1e-5];

/// Numbers of draws with which the rarer cell expects `minimum`, or somewhat more: the tails are steps, and the
/// worst place on a step is not known beforehand.
fn draws_at_least(p: f64, minimum: f64) -> impl Iterator<Item = u64> {
    let factors = (0..40).map(|i| 1.0 + f64::from(i) * 0.0057).chain([1.5, 2.0, 5.0, 10.0, 100.0]);
    factors.map(move |factor| libm::ceil(minimum * factor / p) as u64)
}

fn worst_false_alarm(minimum: f64, critical: f64) -> f64 {
    let mut worst = 0.0_f64;
    for p in PROBABILITIES {
        for n in draws_at_least(p, minimum) {
            worst = worst.max(real_false_alarm(n, p, critical));
        }
    }
    worst
}

#[test]
fn pearson_alarms_falsely_no_more_often_than_it_says() {
    // Measured worst: 0.07, 0.11, 0.19, 0.31, 0.55, 0.70 of alpha.
    for alpha in [1e-6, 1e-7, 1e-8, 1e-9, 1e-10, PEARSON_SMALLEST_ALPHA] {
        let worst = worst_false_alarm(MINIMUM_EXPECTED, pearson_critical(1, alpha).unwrap());
        assert!(worst <= alpha, "{worst:e} for {alpha:e}");
        assert!(worst > 0.01 * alpha, "{worst:e}: the safety factor costs power for nothing at {alpha:e}");
    }
}

#[test]
fn the_textbook_minimum_of_5_alarms_a_thousand_times_too_often() {
    let critical = pearson_critical(1, 1e-9 * PEARSON_SAFETY).unwrap(); // p-value held to 1e-9 itself
    assert!(worst_false_alarm(5.0, critical) > 1e-6);
    // Nor does the safety factor mend 5, nor would the minimum do without the factor.
    assert!(worst_false_alarm(5.0, pearson_critical(1, 1e-9).unwrap()) > 1e-8);
    assert!(worst_false_alarm(MINIMUM_EXPECTED, critical) > 5e-9);
}

/// With many rare cells and one common cell the counts are nearly independent Poisson, and the law of `X²` is a
/// convolution: no degree of freedom is worse than one.
#[test]
fn more_rare_cells_do_not_make_pearson_worse() {
    const MEAN: usize = MINIMUM_EXPECTED as usize;
    let size = 20_000; // X² up to 200, in steps of 1/MEAN
    let density = |o: usize| {
        let (o, m) = (o as f64, MEAN as f64);
        libm::exp(o * libm::log(m) - m - libm::lgamma(o + 1.0))
    };
    let mut law = vec![0.0; size];
    law[0] = 1.0;
    for f in 1..=16 {
        let mut next = vec![0.0; size];
        for o in 0..=MEAN + size.isqrt() {
            let step = o.abs_diff(MEAN).pow(2);
            let weight = density(o);
            for (to, from) in next[step.min(size)..].iter_mut().zip(&law) {
                *to += weight * from;
            }
        }
        law = next;
        for alpha in [1e-6, 1e-8, 1e-10] {
            let first = libm::ceil(pearson_critical(f, alpha).unwrap() * MEAN as f64) as usize;
            assert!(first + 3_000 < size, "what lies beyond the table counts for nothing");
            let real: f64 = law[first..].iter().rev().sum();
            assert!(real <= alpha && real > 1e-3 * alpha, "f = {f}: {real:e} for {alpha:e}");
        }
    }
}

#[test]
fn pearson_pools_counts_and_judges() {
    // 1000 draws: expected 500, 420, 50, 30, 0; the last three are pooled with 420.
    let test = pearson(&[520, 410, 45, 25, 0], &[0.5, 0.42, 0.05, 0.03, 0.0]).unwrap();
    assert_eq!((test.cells, test.degrees_of_freedom, test.draws), (2, 1, 1_000));
    assert!(relative_error(test.statistic, 1.6) < 1e-12);
    assert!(relative_error(test.p_value, libm::erfc(libm::sqrt(0.8))) < 1e-12);
    assert!((test.pooled_probability - 0.5).abs() < 1e-12);
    let result = test.judge(1e-6).unwrap();
    assert_eq!(result.threshold, 1e-6 / PEARSON_SAFETY);
    assert!(!result.refuted() && result.smallest_departure > 0.5);
    assert_eq!(result.departure_kind, DepartureKind::TotalVariation);
}

#[test]
fn a_draw_of_an_impossible_cell_refutes_at_once() {
    let (observed, law) = ([500, 499, 1], [0.5, 0.5, 0.0]);
    let (x, g) = (pearson(&observed, &law).unwrap(), g_test(&observed, &law).unwrap());
    assert_eq!((x.statistic, x.p_value), (f64::INFINITY, 0.0));
    assert_eq!((g.statistic, g.p_value, g.cells), (f64::INFINITY, 0.0, 2));
    assert!(x.judge(1e-9).unwrap().refuted() && g.judge(1e-300).unwrap().refuted());
    let worst = worst_cells(&observed, &law, 1).unwrap();
    assert_eq!((worst[0].cell, worst[0].p_value, worst[0].drawn), (2, 0.0, Drawn::Over));
    // Even where only one cell is possible, and nothing else could be seen.
    assert_eq!(pearson(&[3, 1], &[1.0, 0.0]).unwrap().p_value, 0.0);
    assert_eq!(g_test(&[3, 1], &[1.0, 0.0]).unwrap().p_value, 0.0);
    assert_eq!(g_test(&[4, 0], &[1.0, 0.0]).unwrap().p_value, 1.0);
}

#[test]
fn too_few_draws_refute_nothing_and_say_so() {
    let result = pearson(&[40, 0], &[0.5, 0.5]).unwrap().judge(1e-6).unwrap();
    assert_eq!((result.p_value, result.smallest_departure), (1.0, 1.0));
    assert!(!result.refuted());
    // The G test needs no large counts.
    assert!(g_test(&[40, 0], &[0.5, 0.5]).unwrap().judge(1e-6).unwrap().refuted());
}

#[test]
fn refutation_begins_at_the_critical_value() {
    for alpha in [0.01, 1e-6, 1e-9] {
        for f in [1, 2, 10, 500] {
            let x = pearson_critical(f, alpha).unwrap();
            let threshold = alpha / PEARSON_SAFETY;
            assert!(chi_square_sf(x, f).unwrap() <= threshold);
            assert!(chi_square_sf(x * (1.0 - 1e-12), f).unwrap() > threshold);
            let g = g_critical(f + 1, alpha).unwrap();
            assert!(g_p_value(g, f + 1).unwrap() <= alpha);
            assert!(g_p_value(g * (1.0 - 1e-12), f + 1).unwrap() > alpha);
        }
    }
}

// -------------------------------------------------------------------------------------------------- G bound

/// All outcomes of `n` draws from `law` with their probabilities, by lexicographic order of counts.
fn outcomes(n: u64, law: &[f64]) -> Vec<(Vec<u64>, f64)> {
    if law.len() == 1 {
        let ln = n as f64 * libm::log(law[0]) - libm::lgamma(n as f64 + 1.0);
        return vec![(vec![n], ln)];
    }
    let mut all = Vec::new();
    for first in 0..=n {
        let ln = first as f64 * libm::log(law[0]) - libm::lgamma(first as f64 + 1.0);
        for (rest, ln_rest) in outcomes(n - first, &law[1..]) {
            all.push(([vec![first], rest].concat(), ln + ln_rest));
        }
    }
    all
}

/// The largest ratio of the exact tail `P(G ≥ g)` to `claim(g)`, over all outcomes `g`.
fn worst_ratio(n: u64, law: &[f64], claim: impl Fn(f64) -> f64) -> f64 {
    let ln_factorial = libm::lgamma(n as f64 + 1.0);
    let mut all: Vec<(f64, f64)> = outcomes(n, law)
        .into_iter()
        .map(|(counts, ln)| (g_test(&counts, law).unwrap().statistic, libm::exp(ln + ln_factorial)))
        .collect();
    assert!((all.iter().map(|o| o.1).sum::<f64>() - 1.0).abs() < 1e-12, "the outcomes are all there");
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut tail, mut worst) = (0.0, 0.0_f64);
    for (g, probability) in all {
        tail += probability;
        worst = worst.max(tail / claim(g)); // of equal g, the last has the whole tail
    }
    worst
}

const LAWS: [&[f64]; 8] = [
    &[0.5, 0.5],
    &[0.9, 0.1],
    &[0.999, 0.001],
    &[0.3, 0.7],
    &[0.2, 0.3, 0.5],
    &[0.98, 0.01, 0.01],
    &[0.4, 0.4, 0.2],
    &[0.1, 0.2, 0.3, 0.4],
];

#[test]
fn the_g_bound_is_never_below_the_exact_tail() {
    for law in LAWS {
        for n in [1, 2, 3, 5, 8, 13, 21] {
            let worst = worst_ratio(n, law, |g| g_p_value(g, law.len()).unwrap());
            assert!(worst <= 1.0 + 1e-12, "n = {n}, {law:?}: the tail is {worst} times the bound");
        }
    }
    for n in 22..200 {
        assert!(worst_ratio(n, &[0.35, 0.65], |g| g_p_value(g, 2).unwrap()) <= 1.0 + 1e-12);
    }
}

#[test]
fn the_chi_square_tail_of_g_and_a_bound_without_its_shape_are_caught() {
    let chi_square = worst_ratio(21, LAWS[1], |g| chi_square_sf(g, 1).unwrap());
    assert!(chi_square > 1.5, "the exact tail is {chi_square} times the asymptotic one");
    let no_shape = worst_ratio(21, LAWS[4], |g| libm::exp(-g / 2.0));
    assert!(no_shape > 1.5, "{no_shape}");
}

#[test]
fn the_g_bound_is_the_published_formula() {
    // k = 3, G = 20: exp(-10) (10e/2)^2.
    let published = libm::exp(-10.0) * (5.0 * std::f64::consts::E).powi(2);
    assert!(relative_error(g_p_value(20.0, 3).unwrap(), published) < 1e-14);
    assert_eq!(g_p_value(4.0, 3).unwrap(), 1.0);
    assert_eq!(g_p_value(1e9, 1).unwrap(), 1.0);
}

// ------------------------------------------------------------------------------------------------ one cell

#[test]
fn a_cell_p_value_is_the_exact_two_sided_tail() {
    for n in [1, 2, 5, 17, 60] {
        for p in [1e-6, 0.01, 0.2, 0.5, 0.77, 1.0 - 1e-9] {
            for k in 0..=n {
                let lower: f64 = (0..=k).map(|j| libm::exp(ln_pmf(n, p, j))).sum();
                let upper: f64 = (k..=n).map(|j| libm::exp(ln_pmf(n, p, j))).sum();
                let truth = (2.0 * lower.min(upper)).min(1.0);
                if truth < f64::MIN_POSITIVE {
                    continue; // below, f64 itself loses digits
                }
                let value = cell_p_value(n, p, k).unwrap();
                assert!(
                    relative_error(value, truth) < TAIL_TOLERANCE,
                    "{n} {p} {k}: {value:e} for {truth:e}"
                );
            }
        }
    }
}

#[test]
fn cell_p_values_keep_their_digits_in_the_far_tail() {
    for n in [100_u64, 500, 900] {
        let all_or_none = 2.0 * libm::exp2(-(n as f64));
        assert!(relative_error(cell_p_value(n, 0.5, n).unwrap(), all_or_none) < TAIL_TOLERANCE);
        assert!(relative_error(cell_p_value(n, 0.5, 0).unwrap(), all_or_none) < TAIL_TOLERANCE);
    }
    // Another library: P(B ≥ k) is the regularised incomplete beta function I_p(k, n-k+1). Its log-gamma of 10⁶
    // is right to 1e-9.
    for (n, p, k) in
        [(1_000_000, 0.3, 303_000), (1_000_000, 0.3, 312_000), (100_000, 1e-3, 300), (50_000, 0.5, 26_000)]
    {
        let upper = statrs::function::beta::checked_beta_reg(k as f64, (n - k) as f64 + 1.0, p).unwrap();
        let value = cell_p_value(n, p, k).unwrap();
        assert!(relative_error(value, 2.0 * upper) < 1e-7, "{n} {p} {k}: {value:e} for {:e}", 2.0 * upper);
        assert!(value < 1e-8);
    }
    // A normal tail is not close enough to pass for it.
    let z = 12_000.0 / libm::sqrt(1e6 * 0.21);
    assert!(
        relative_error(libm::erfc(z / libm::sqrt(2.0)), cell_p_value(1_000_000, 0.3, 312_000).unwrap()) > 0.1
    );
}

#[test]
fn the_worst_cells_are_named_in_order_even_where_p_values_underflow() {
    let law = [0.1, 0.2, 0.3, 0.2, 0.1, 0.1, 0.0];
    let observed = [10_000, 18_000, 31_000, 5_000, 26_000, 10_000, 0];
    let worst = worst_cells(&observed, &law, 4).unwrap();
    let named: Vec<(usize, Drawn)> = worst.iter().map(|c| (c.cell, c.drawn)).collect();
    assert_eq!(named, [(4, Drawn::Over), (3, Drawn::Under), (1, Drawn::Under), (2, Drawn::Over)]);
    assert_eq!((worst[0].p_value, worst[1].p_value), (0.0, 0.0));
    // Corrected by six, the number of cells that can be drawn.
    let single = cell_p_value(100_000, 0.3, 31_000).unwrap();
    assert!(relative_error(worst[3].p_value, 6.0 * single) < 1e-11);
    assert_eq!((worst[3].observed, worst[3].expected), (31_000, 30_000.0));
    assert_eq!(worst_cells(&observed, &law, 99).unwrap().len(), 7);
    assert_eq!(worst_cells(&[1, 1], &[0.5, 0.5], 2).unwrap()[0].p_value, 1.0);
}

// ------------------------------------------------------------------------------------------------ uniforms

#[test]
fn the_kolmogorov_smirnov_statistic_is_the_largest_gap_on_either_side() {
    assert_eq!(kolmogorov_smirnov(&mut [0.5]).unwrap().statistic, 0.5);
    assert_eq!(kolmogorov_smirnov(&mut [0.0, 0.0]).unwrap().statistic, 1.0);
    assert_eq!(kolmogorov_smirnov(&mut [1.0, 1.0]).unwrap().statistic, 1.0);
    let test = kolmogorov_smirnov(&mut [0.875, 0.125, 0.625, 0.375]).unwrap();
    assert_eq!((test.statistic, test.draws, test.p_value), (0.125, 4, 1.0));
    let all_low = kolmogorov_smirnov(&mut [0.25; 100]).unwrap();
    assert_eq!(all_low.statistic, 0.75);
    assert!(relative_error(all_low.p_value, 2.0 * libm::exp(-112.5)) < 1e-13);
}

/// For `n` = 1, `P(D ≥ d) = 2(1-d)`; for `n` = 2, `P(D < d)` is `2(2d-½)²` to ½ and `1-2(1-d)²` beyond.
#[test]
fn the_kolmogorov_smirnov_bound_is_never_below_the_exact_tail() {
    for i in 1..1_000 {
        let d = f64::from(i) / 1_000.0;
        // A sample with exactly this D, and the exact tail.
        let (mut one, mut two) = ([d], if d <= 0.5 { [0.5 - d, 0.75] } else { [d, d] });
        let tail_of_two =
            if d <= 0.5 { 1.0 - 2.0 * (2.0 * d - 0.5).powi(2) } else { 2.0 * (1.0 - d).powi(2) };
        if d >= 0.5 {
            let test = kolmogorov_smirnov(&mut one).unwrap();
            assert!((test.statistic - d).abs() < 1e-12);
            assert!(test.p_value >= 2.0 * (1.0 - d), "n = 1, d = {d}");
            // Without the factor 2 it would be no bound.
            assert!(d != 0.5 || test.p_value / 2.0 < 1.0);
        }
        if d >= 0.25 {
            let test = kolmogorov_smirnov(&mut two).unwrap();
            assert!((test.statistic - d).abs() < 1e-12);
            assert!(test.p_value >= tail_of_two, "n = 2, d = {d}");
        }
    }
    // Where it is not cut off at 1: 2 exp(-2nD²) at n = 2, D = 0.95 is 2 e^-3.61.
    let p_value = kolmogorov_smirnov(&mut [0.95, 0.95]).unwrap().p_value;
    assert!(relative_error(p_value, 0.054_103_693_732_700_83) < 1e-12, "{p_value}");
}

#[test]
fn the_power_of_kolmogorov_smirnov_is_the_bound_applied_twice() {
    let critical = kolmogorov_smirnov_critical(1_000, 1e-6).unwrap();
    assert!(relative_error(2.0 * libm::exp(-2_000.0 * critical * critical), 1e-6) < 1e-13);
    let slack = smallest_sup_norm(1_000, critical, POWER).unwrap() - critical;
    assert!(relative_error(2.0 * libm::exp(-2_000.0 * slack * slack), 1.0 - POWER) < 1e-11);
}

#[test]
fn pairs_are_binned_row_by_row() {
    let pairs = [(0.0, 0.0), (0.1, 0.9), (0.5, 0.49), (1.0, 1.0), (0.99, 0.99)];
    assert_eq!(pair_counts(&pairs, 2).unwrap(), [1, 1, 1, 2]);
}

#[test]
fn of_a_single_possible_cell_any_departure_shows_as_something_impossible() {
    // A departure d is missed with probability (1 - d)^n: 0.01 at d = 1 - 0.01^(1/n).
    let right = g_test(&[100, 0], &[1.0, 0.0]).unwrap().judge(1e-9).unwrap();
    assert!(!right.refuted() && (libm::pow(1.0 - right.smallest_departure, 100.0) - 0.01).abs() < 1e-12);
    assert!(g_test(&[99, 1], &[1.0, 0.0]).unwrap().judge(1e-9).unwrap().refuted());
}

#[test]
fn counts_on_a_grid_lose_at_most_the_width_of_a_bin() {
    let mut rng = Uniforms::new(0x6121D);
    for (n, bins, power) in [(1, 7, 1.0), (50, 16, 1.0), (3_000, 64, 1.1), (3_000, 4_096, 2.0)] {
        let mut values: Vec<f64> = (0..n).map(|_| libm::pow(rng.next(), power)).collect();
        let mut counts = vec![0; bins];
        values.iter().for_each(|u| counts[(u * bins as f64) as usize] += 1);
        let (all, grid) =
            (kolmogorov_smirnov(&mut values).unwrap(), kolmogorov_smirnov_of_counts(&counts).unwrap());
        let loss = all.statistic - grid.statistic;
        assert!((-1e-12..=1.0 / bins as f64 + 1e-12).contains(&loss), "{n} {bins}: {loss}");
        assert_eq!((all.resolution, grid.resolution, grid.draws), (0.0, 1.0 / bins as f64, n));
        let (all, grid) = (all.judge(1e-9).unwrap(), grid.judge(1e-9).unwrap());
        let want = (all.smallest_departure + 1.0 / bins as f64).min(1.0);
        assert_eq!(grid.smallest_departure, want);
    }
    assert_eq!(kolmogorov_smirnov_of_counts(&[0, 0]), Err(StatisticsError::NoDraws));
}

#[test]
fn rows_are_judged_given_their_totals() {
    // One row: Pearson's test itself. Two rows: the sum, whatever the totals.
    let (one, other) = ([130, 90, 80, 100], [900, 1_100, 1_000, 1_000]);
    let alone = |row: &[u64]| pearson(row, &[0.25; 4]).unwrap();
    assert_eq!(pearson_of_rows(&one, 4).unwrap(), alone(&one));
    let both = pearson_of_rows(&[one, other].concat(), 4).unwrap();
    assert!(relative_error(both.statistic, alone(&one).statistic + alone(&other).statistic) < 1e-14);
    assert_eq!((both.degrees_of_freedom, both.cells, both.pooled_probability), (6, 8, 0.0));
    assert_eq!(both, alone(&one).and(&alone(&other)));
    // A row that expects too little joins the smallest of the others, and its share is told.
    let short = [60, 60, 60, 60];
    let pooled = pearson_of_rows(&[short, one, other].concat(), 4).unwrap();
    let joined = [190, 150, 140, 160];
    assert!(relative_error(pooled.statistic, alone(&joined).statistic + alone(&other).statistic) < 1e-14);
    assert_eq!(pooled.degrees_of_freedom, 6);
    assert!(relative_error(pooled.pooled_probability, 640.0 / 4_640.0) < 1e-14);
    // Too little altogether: nothing can be seen.
    let nothing = pearson_of_rows(&short, 4).unwrap();
    assert_eq!((nothing.p_value, nothing.degrees_of_freedom, nothing.pooled_probability), (1.0, 0, 1.0));
    assert_eq!(nothing.judge(1e-6).unwrap().smallest_departure, 1.0);
    assert!(matches!(pearson_of_rows(&[1, 2, 3], 2), Err(StatisticsError::Lengths { .. })));
    assert!(matches!(pearson_of_rows(&[1, 2, 3], 0), Err(StatisticsError::Lengths { .. })));
    assert_eq!(pearson_of_rows(&[0, 0], 2), Err(StatisticsError::NoDraws));
}

/// How many of [`REPORTS`] right samples, 3000 draws in three rows of unequal chance, have a p-value of at most [`LEVEL`].
fn row_rejections(p_value: impl Fn(&[u64]) -> f64) -> u64 {
    let mut rng = Uniforms::new(0x2035);
    let rejected = |_| {
        let mut counts = [0_u64; 12];
        for _ in 0..3_000 {
            let u = rng.next();
            let row = usize::from(u > 0.2) + usize::from(u > 0.5);
            counts[row * 4 + (rng.next() * 4.0) as usize] += 1;
        }
        u64::from(p_value(&counts) <= LEVEL)
    };
    (0..REPORTS).map(rejected).sum()
}

#[test]
fn p_values_of_rows_are_calibrated_at_one_percent_and_a_wrong_number_of_degrees_is_caught() {
    // Null: right samples. FALSE_ALARM for each of the two limits.
    let upper = most(REPORTS, LEVEL * (1.0 + ASYMPTOTIC));
    let lower = REPORTS - most(REPORTS, 1.0 - LEVEL * (1.0 - ASYMPTOTIC));
    let rejected = row_rejections(|counts| pearson_of_rows(counts, 4).unwrap().p_value);
    assert!((lower..=upper).contains(&rejected), "{rejected} outside {lower}..={upper}");
    // 11 degrees, as if the totals of the rows were not given.
    let statistic = |counts: &[u64]| pearson_of_rows(counts, 4).unwrap().statistic;
    let rejected = row_rejections(|counts| chi_square_sf(statistic(counts), 11).unwrap());
    assert!(rejected < lower, "{rejected}");
}

#[test]
fn dependent_pairs_of_uniforms_are_caught_and_independent_ones_are_not() {
    // False alarm of the first assertion: FALSE_ALARM.
    let mut rng = Uniforms::new(0x2BAD);
    let u: Vec<f64> = (0..20_001).map(|_| rng.next()).collect();
    let independent: Vec<(f64, f64)> = u.chunks_exact(2).map(|c| (c[0], c[1])).collect();
    assert!(!pearson_of_pairs(&independent, 8).unwrap().judge(FALSE_ALARM).unwrap().refuted());
    // Each uniform by itself, but the pairs on a line: marginals cannot see it.
    let dependent: Vec<(f64, f64)> =
        independent.iter().map(|&(u, v)| (u, (0.9 * u + 0.1 * v).fract())).collect();
    assert!(pearson_of_pairs(&dependent, 8).unwrap().judge(FALSE_ALARM).unwrap().refuted());
}

// --------------------------------------------------------------------------------------------------- power

#[test]
fn noncentral_tails_agree_with_normal_tails() {
    let half_erfc = |x: f64| 0.5 * libm::erfc(x / libm::sqrt(2.0));
    for delta in [1e-9, 0.1, 1.0, 30.0, 100.0, 2_500.0, 1e5] {
        let root = libm::sqrt(delta);
        for shift in [-8.0, -3.0, -1.0, 0.0, 0.5, 2.0, 6.0, 12.0, 20.0, 30.0] {
            if root + shift <= 0.0 {
                continue;
            }
            let x = (root + shift) * (root + shift);
            let truth = half_erfc(libm::sqrt(x) - root) + half_erfc(libm::sqrt(x) + root);
            let tail = noncentral_chi_square_sf(x, 1, delta).unwrap();
            assert!(relative_error(tail, truth) < 1e-10, "δ = {delta}, x = {x}: {tail:e} for {truth:e}");
        }
    }
}

#[test]
fn noncentral_tails_agree_with_the_mixture_summed_by_another_library() {
    for f in [1, 2, 5, 40] {
        for delta in [0.5_f64, 7.0, 60.0] {
            for x in [3.0, 50.0, 90.0, 200.0] {
                let truth: f64 = (0..300)
                    .map(|j| {
                        let j = f64::from(j);
                        let ln_weight = j * libm::log(delta / 2.0) - delta / 2.0 - libm::lgamma(j + 1.0);
                        libm::exp(ln_weight)
                            * statrs::function::gamma::checked_gamma_ur(f as f64 / 2.0 + j, x / 2.0).unwrap()
                    })
                    .sum();
                let tail = noncentral_chi_square_sf(x, f, delta).unwrap();
                assert!(relative_error(tail, truth) < 1e-11, "{f} {delta} {x}: {tail:e} for {truth:e}");
            }
        }
        for x in [0.5, 10.0, 300.0] {
            let central = chi_square_sf(x, f).unwrap();
            assert_eq!(noncentral_chi_square_sf(x, f, 0.0).unwrap(), central);
            assert!(relative_error(noncentral_chi_square_sf(x, f, 1e-14).unwrap(), central) < 1e-11);
        }
    }
}

/// Weights that round to the smallest f64 never fall to 0: the sum has to end before them.
#[test]
fn a_noncentral_tail_that_underflows_ends() {
    assert_eq!(noncentral_chi_square_sf(1.035e7, 3_000, 1e7).unwrap(), 0.0);
    assert_eq!(noncentral_chi_square_sf(1e10, 2, 1e9).unwrap(), 0.0);
    assert_eq!(noncentral_chi_square_sf(f64::MAX, 3, 1e-300).unwrap(), 0.0);
    assert!(relative_error(noncentral_chi_square_sf(1e-300, 3, 1e9).unwrap(), 1.0) < 1e-9);
}

#[test]
fn the_smallest_departure_has_the_stated_power() {
    for (n, f, alpha) in [(1_000, 1, 1e-6), (10_000, 3, 1e-9), (1_000_000, 500, 1e-8)] {
        let critical = pearson_critical(f, alpha).unwrap();
        let t = smallest_total_variation(n, critical, f, POWER).unwrap();
        let power = noncentral_chi_square_sf(critical, f, 4.0 * n as f64 * t * t).unwrap();
        assert!((power - POWER).abs() < 1e-9, "{power}");
        // Four times the draws see half as much.
        let finer = smallest_total_variation(4 * n, critical, f, POWER).unwrap();
        assert!(relative_error(finer, t / 2.0) < 1e-9);
    }
    assert_eq!(smallest_total_variation(10, 50.0, 1, POWER).unwrap(), 1.0);
    assert_eq!(smallest_total_variation(10, f64::INFINITY, 3, POWER).unwrap(), 1.0);
    assert_eq!(smallest_total_variation(10, 5.0, 0, POWER).unwrap(), 1.0);
    assert_eq!(smallest_total_variation(10, 0.0, 3, POWER).unwrap(), 0.0);
    assert_eq!(smallest_sup_norm(10, 0.9, POWER).unwrap(), 1.0);
}

// ---------------------------------------------------------------------------------------------- simulation

struct Uniforms(ChaCha8Rng);

impl Uniforms {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Uniform on (0, 1), from 53 bits.
    fn next(&mut self) -> f64 {
        ((rand::Rng::next_u64(&mut self.0) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Counts of `n` draws from `law`.
    fn counts(&mut self, n: usize, law: &[f64; 4]) -> [u64; 4] {
        let (a, b, c) = (law[0], law[0] + law[1], law[0] + law[1] + law[2]);
        let mut counts = [0; 4];
        for _ in 0..n {
            let u = self.next();
            counts[usize::from(u >= a) + usize::from(u >= b) + usize::from(u >= c)] += 1;
        }
        counts
    }
}

/// Smallest `k` with `P(Binomial(n, p) > k) ≤ FALSE_ALARM`.
fn most(n: u64, p: f64) -> u64 {
    let mut k = (n as f64 * p) as u64;
    while sum_pmf(n, p, k + 1..=n) > FALSE_ALARM {
        k += 1;
    }
    k
}

const REPORTS: u64 = 20_000;
const LEVEL: f64 = 0.01;
/// Granted to the chi-square approximation at [`LEVEL`] with expected counts of 100 and more (relative).
const ASYMPTOTIC: f64 = 0.15;

/// How many of [`REPORTS`] right samples of 1000 draws (four cells, expecting 100 to 400) have a p-value of at
/// most [`LEVEL`].
fn rejections(seed: u64, p_value: impl Fn(&[u64; 4], &[f64; 4]) -> f64) -> u64 {
    let law = [0.1, 0.2, 0.3, 0.4];
    let mut rng = Uniforms::new(seed);
    (0..REPORTS).map(|_| u64::from(p_value(&rng.counts(1_000, &law), &law) <= LEVEL)).sum()
}

/// The same for samples of 100 uniforms.
fn uniform_rejections(seed: u64, p_value: impl Fn(&KolmogorovSmirnov) -> f64) -> u64 {
    let mut rng = Uniforms::new(seed);
    let mut values = [0.0; 100];
    (0..REPORTS)
        .map(|_| {
            values.fill_with(|| rng.next());
            u64::from(p_value(&kolmogorov_smirnov(&mut values).unwrap()) <= LEVEL)
        })
        .sum()
}

#[test]
fn p_values_are_calibrated_at_one_percent() {
    // Null: right samples. FALSE_ALARM for each of the four limits; power: see the companion.
    let limit = most(REPORTS, LEVEL);
    let upper = most(REPORTS, LEVEL * (1.0 + ASYMPTOTIC));
    let lower = REPORTS - most(REPORTS, 1.0 - LEVEL * (1.0 - ASYMPTOTIC));
    let x = rejections(1, |o, law| pearson(o, law).unwrap().p_value);
    assert!((lower..=upper).contains(&x), "Pearson: {x} outside {lower}..={upper}");
    let g = rejections(2, |o, law| g_test(o, law).unwrap().p_value);
    assert!(g <= limit, "G: {g} above {limit}");
    let d = uniform_rejections(3, |test| test.p_value);
    assert!(d <= limit, "Kolmogorov-Smirnov: {d} above {limit}");
}

#[test]
fn p_values_that_are_too_small_are_caught() {
    let limit = most(REPORTS, LEVEL * (1.0 + ASYMPTOTIC));
    let one_degree_less =
        rejections(1, |o, law| chi_square_sf(pearson(o, law).unwrap().statistic, 2).unwrap());
    assert!(one_degree_less > limit, "{one_degree_less}");
    let no_shape = rejections(2, |o, law| libm::exp(-g_test(o, law).unwrap().statistic / 2.0));
    assert!(no_shape > limit, "{no_shape}");
    let one_sided = uniform_rejections(3, |test| test.p_value / 2.0);
    assert!(one_sided > limit, "{one_sided}");
}

const REPEATS: u64 = 2_000;
/// Granted to the noncentral approximation of the power at 10,000 draws (absolute).
const POWER_ERROR: f64 = 0.003;

/// How many of [`REPEATS`] samples of 10,000 draws are refuted, if the law departs from four equal cells by
/// `share` of the stated smallest departure, in the direction in which the bound is attained.
fn caught(seed: u64, share: f64, judge: impl Fn(&[u64; 4]) -> TestResult) -> u64 {
    let t = share * judge(&[2_500; 4]).smallest_departure;
    let law = [0.25 + t / 2.0, 0.25 - t / 2.0, 0.25 + t / 2.0, 0.25 - t / 2.0];
    let mut rng = Uniforms::new(seed);
    (0..REPEATS).map(|_| u64::from(judge(&rng.counts(10_000, &law)).refuted())).sum()
}

/// The same for Kolmogorov-Smirnov with 1000 values: a share of them is 0 instead of uniform.
fn caught_uniforms(seed: u64, share: f64) -> u64 {
    let judge = |values: &mut [f64]| kolmogorov_smirnov(values).unwrap().judge(1e-6).unwrap();
    let mut values = [0.5; 1_000];
    let departure = share * judge(&mut values).smallest_departure;
    let mut rng = Uniforms::new(seed);
    (0..REPEATS)
        .map(|_| {
            values.fill_with(|| if rng.next() < departure { 0.0 } else { rng.next() });
            u64::from(judge(&mut values).refuted())
        })
        .sum()
}

/// The same for 10,000 draws in three rows of four columns, and the same values on a grid of 64 bins.
fn caught_in_rows(seed: u64, share: f64) -> u64 {
    let at_null = pearson_of_rows(&[1_000; 12], 4).unwrap().judge(1e-6).unwrap();
    let t = share * at_null.smallest_departure * libm::sqrt(12_000.0 / 10_000.0); // the draws made below
    let law = [0.25 + t / 2.0, 0.25 - t / 2.0, 0.25 + t / 2.0, 0.25 - t / 2.0];
    let mut rng = Uniforms::new(seed);
    let refuted = |_| {
        let rows = [2_000, 3_000, 5_000].map(|draws| rng.counts(draws, &law)).concat();
        let p_value = pearson_of_rows(&rows, 4).unwrap().p_value;
        u64::from(TestResult { p_value, ..at_null }.refuted())
    };
    (0..REPEATS).map(refuted).sum()
}

fn caught_on_a_grid(seed: u64, share: f64) -> u64 {
    let judge = |counts: &[u64]| kolmogorov_smirnov_of_counts(counts).unwrap().judge(1e-6).unwrap();
    let mut even = [15; 64]; // 1000 values; the smallest departure depends on their number only
    even[0] += 1_000 - 64 * 15;
    let departure = share * judge(&even).smallest_departure;
    let mut rng = Uniforms::new(seed);
    let refuted = |_| {
        let mut counts = [0; 64];
        for _ in 0..1_000 {
            let u = if rng.next() < departure { 0.0 } else { rng.next() };
            counts[(u * 64.0) as usize] += 1;
        }
        u64::from(judge(&counts).refuted())
    };
    (0..REPEATS).map(refuted).sum()
}

/// Verdicts with the critical values computed once: a judgement costs more than the draws.
fn judge_pearson(alpha: f64) -> impl Fn(&[u64; 4]) -> TestResult {
    let at_null = pearson(&[2_500; 4], &[0.25; 4]).unwrap().judge(alpha).unwrap();
    move |o| TestResult { p_value: pearson(o, &[0.25; 4]).unwrap().p_value, ..at_null }
}

fn judge_g(alpha: f64) -> impl Fn(&[u64; 4]) -> TestResult {
    let at_null = g_test(&[2_500; 4], &[0.25; 4]).unwrap().judge(alpha).unwrap();
    move |o| TestResult { p_value: g_test(o, &[0.25; 4]).unwrap().p_value, ..at_null }
}

#[test]
fn the_stated_smallest_departure_is_caught_with_the_stated_probability() {
    // Null: the power is at least POWER. FALSE_ALARM for each of the five tests.
    let least = REPEATS - most(REPEATS, 1.0 - POWER + POWER_ERROR);
    let (rows, grid) = (caught_in_rows(14, 1.0), caught_on_a_grid(15, 1.0));
    assert!(rows >= least && grid >= least, "{rows}, {grid} of {REPEATS}: want {least}");
    let (x, g) = (caught(11, 1.0, judge_pearson(1e-6)), caught(12, 1.0, judge_g(1e-6)));
    let d = caught_uniforms(13, 1.0);
    assert!(x >= least && g >= least && d >= least, "{x}, {g}, {d} of {REPEATS}: want {least}");
}

#[test]
fn a_departure_stated_too_small_is_caught() {
    let least = REPEATS - most(REPEATS, 1.0 - POWER + POWER_ERROR);
    assert!(caught(11, 0.9, judge_pearson(1e-6)) < least);
    assert!(caught(12, 0.9, judge_g(1e-6)) < least);
    assert!(caught_uniforms(13, 0.7) < least);
    assert!(caught_in_rows(14, 0.9) < least);
    assert!(caught_on_a_grid(15, 0.6) < least);
}

// ---------------------------------------------------------------------------------------- verdicts, errors

#[test]
fn a_verdict_is_refuted_at_its_threshold_and_an_exact_check_by_one_failure() {
    let at = TestResult {
        statistic: 1.0,
        p_value: 1e-9,
        threshold: 1e-9,
        smallest_departure: 0.1,
        departure_kind: DepartureKind::SupNorm,
    };
    assert!(at.refuted());
    assert!(!TestResult { p_value: 1.1e-9, ..at }.refuted());
    assert!(TestResult { p_value: f64::NAN, ..at }.refuted());
    assert!(!TestResult::exact(0).refuted());
    assert!(TestResult::exact(1).refuted());
}

#[test]
fn a_budget_is_split_evenly() {
    let budget = Budget::new(1e-6, 1_024).unwrap();
    assert_eq!((budget.per_test(), budget.alpha(), budget.tests()), (1e-6 / 1_024.0, 1e-6, 1_024));
    // The smallest level of the Pearson test is reached, whichever way the division rounds.
    let smallest = Budget::new(1e-6, 10_000).unwrap().per_test();
    assert!(pearson_critical(1, smallest).is_ok() && pearson_critical(1, 1e-9 / 10.0).is_ok());
    for alpha in [0.0, 1.0, -0.5, 2.0, f64::INFINITY] {
        assert_eq!(Budget::new(alpha, 1), Err(StatisticsError::Alpha { value: alpha }));
    }
    assert!(matches!(Budget::new(f64::NAN, 1), Err(StatisticsError::Alpha { value }) if value.is_nan()));
    assert_eq!(Budget::new(0.5, 0), Err(StatisticsError::NoTests));
}

#[test]
fn ulp_distances_count_the_numbers_between() {
    assert_eq!(ulp_distance(1.0, 1.0), 0);
    assert_eq!(ulp_distance(0.0, -0.0), 0);
    assert_eq!(ulp_distance(5e-324, -5e-324), 2);
    assert_eq!(ulp_distance(-1.0, -1.0 - f64::EPSILON), 1);
    assert_eq!(ulp_distance(1.0, 2.0), 1 << 52);
    assert_eq!(ulp_distance(f64::MAX, f64::INFINITY), 1);
    assert_eq!(ulp_distance(f64::NEG_INFINITY, f64::INFINITY), 2 * (0x7FF << 52));
    assert_eq!(ulp_distance(f64::NAN, f64::NAN), u64::MAX);
    assert_eq!(ulp_distance(-1.0, 1.0), ulp_distance(1.0, -1.0));
}

#[test]
fn bad_input_is_named() {
    use StatisticsError as E;
    let name = |e: E| match e {
        E::Argument { name, .. } => name,
        other => panic!("{other}"),
    };
    assert_eq!(pearson(&[1], &[0.5, 0.5]), Err(E::Lengths { observed: 1, probabilities: 2 }));
    assert_eq!(pearson(&[1, 1], &[-0.5, 1.5]), Err(E::Probability { cell: 0, value: -0.5 }));
    assert!(matches!(g_test(&[1, 1], &[1.0, f64::NAN]), Err(E::Probability { cell: 1, .. })));
    assert_eq!(worst_cells(&[1, 1], &[0.5, 0.25], 1), Err(E::ProbabilitySum { sum: 0.75 }));
    assert_eq!(pearson(&[], &[]), Err(E::ProbabilitySum { sum: 0.0 }));
    assert_eq!(pearson(&[0, 0], &[0.5, 0.5]), Err(E::NoDraws));
    assert_eq!(g_test(&[u64::MAX, 1], &[0.5, 0.5]), Err(E::TooManyDraws));
    assert_eq!(pool(&[1.0, f64::INFINITY], 5.0), Err(E::Expected { cell: 1, value: f64::INFINITY }));
    assert_eq!(name(pool(&[1.0], f64::NAN).unwrap_err()), "minimum");
    assert_eq!(cell_p_value(3, 0.5, 4), Err(E::Observed { observed: 4, draws: 3 }));
    assert_eq!(name(cell_p_value(3, 1.5, 1).unwrap_err()), "probability");
    assert_eq!(kolmogorov_smirnov(&mut []), Err(E::NoDraws));
    let mut values = [0.9, 0.1, 1.5];
    assert_eq!(kolmogorov_smirnov(&mut values), Err(E::Uniform { index: 2, value: 1.5 }));
    assert_eq!(values, [0.9, 0.1, 1.5]);
    assert!(matches!(kolmogorov_smirnov(&mut [0.5, f64::NAN]), Err(E::Uniform { index: 1, .. })));
    assert_eq!(pair_counts(&[(0.5, -0.1)], 2), Err(E::Uniform { index: 0, value: -0.1 }));
    assert_eq!(pair_counts(&[], 0), Err(E::Bins { bins: 0 }));
    assert_eq!(pearson_of_pairs(&[], 3), Err(E::NoDraws));
    assert_eq!(pearson_critical(1, 1e-11), Err(E::PearsonAlpha { value: 1e-11 }));
    assert_eq!(g_critical(2, 1.0), Err(E::Alpha { value: 1.0 }));
    assert_eq!(name(chi_square_sf(f64::NAN, 1).unwrap_err()), "statistic");
    assert_eq!(name(chi_square_sf(1.0, 0).unwrap_err()), "degrees_of_freedom");
    assert_eq!(name(g_p_value(f64::NAN, 2).unwrap_err()), "statistic");
    assert_eq!(name(noncentral_chi_square_sf(1.0, 1, -1.0).unwrap_err()), "noncentrality");
    assert_eq!(name(smallest_total_variation(9, 1.0, 1, 1.0).unwrap_err()), "power");
    assert_eq!(name(smallest_total_variation(9, f64::NAN, 1, 0.5).unwrap_err()), "critical");
    assert_eq!(smallest_sup_norm(0, 0.1, 0.5), Err(E::NoDraws));
    assert_eq!(
        kolmogorov_smirnov(&mut values).unwrap_err().to_string(),
        "value 2 is 1.5: want a uniform, from 0 to 1"
    );
}
