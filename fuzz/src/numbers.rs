//! Statistics and estimates.

use std::hint::black_box;

use arbitrary::{Arbitrary, Unstructured};
use gumbel_oracle::model::Model;
use rand::SeedableRng as _;
use rand::rngs::ChaCha8Rng;
use recursive_gumbel::estimate::Named;
use recursive_gumbel::fast::at_rates;
use recursive_gumbel::sample::Walker;
use recursive_gumbel::statistics::{self, Budget, Deviations};

use super::{number, of_first_byte, some_numbers};

/// Counts, probabilities and numbers of draws from anywhere: every test is a p-value, or an error.
pub fn statistics(bytes: &[u8]) {
    let _ = statistics_of(&mut Unstructured::new(bytes));
}

fn statistics_of(from: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let long = from.int_in_range(0..=12)?;
    let count = |from: &mut Unstructured<'_>| -> arbitrary::Result<u64> {
        // Binomial tails take time in proportion to the square root of the draws.
        Ok(if from.ratio(1, 8)? { u64::arbitrary(from)? >> 28 } else { u8::arbitrary(from)?.into() })
    };
    let counts: Vec<u64> = (0..long).map(|_| count(from)).collect::<arbitrary::Result<_>>()?;
    let mut law = some_numbers(from, long)?;
    if bool::arbitrary(from)? {
        let sum: f64 = law.iter().sum();
        law.iter_mut().for_each(|p| *p /= sum);
    }
    let (draws, few, bins) = (count(from)?, from.int_in_range(0..=70)?, usize::from(u8::arbitrary(from)?));
    let [x, y, z, alpha] = [number(from)?, number(from)?, number(from)?, number(from)?];
    let is_p = |p: f64| assert!((0.0..=1.0).contains(&p), "a p-value of {p}");
    if let Ok(test) = statistics::pearson(&counts, &law) {
        is_p(test.p_value);
        drop(black_box(test.judge(alpha)));
    }
    if let Ok(test) = statistics::g_test(&counts, &law) {
        is_p(test.p_value);
        drop(black_box(test.judge(alpha)));
    }
    let cells = statistics::worst_cells(&counts, &law, few);
    cells.iter().flatten().for_each(|cell| is_p(cell.p_value));
    let bets = [
        statistics::law_bets(&counts, &law),
        statistics::row_bets(&counts, few),
        statistics::uniform_bets(&counts),
        statistics::coin_bets(draws, x, counts.first().copied().unwrap_or(3)),
    ];
    let bets: Vec<_> = bets.into_iter().flatten().collect();
    bets.iter().for_each(|bet| is_p(bet.p_value));
    drop(black_box(statistics::spread_bets(&bets)));
    let pairs: Vec<(f64, f64)> = law.iter().copied().zip(law.iter().rev().copied()).collect();
    drop(black_box(statistics::pearson_of_pairs(&pairs, bins)));
    drop(black_box(statistics::pearson_of_rows(&counts, few)));
    drop(black_box(statistics::pool(&law, x)));
    if let Ok(test) = statistics::kolmogorov_smirnov(&mut law) {
        is_p(test.p_value);
    }
    drop(black_box(statistics::kolmogorov_smirnov_of_counts(&counts)));
    drop(black_box(statistics::kolmogorov_smirnov_critical(draws, alpha)));
    drop(black_box(statistics::smallest_sup_norm(draws, x, alpha)));
    drop(black_box(statistics::smallest_law_bet(draws, few, alpha)));
    drop(black_box(statistics::smallest_row_bet(draws, few, bins, alpha)));
    drop(black_box(statistics::smallest_coin_bet(draws, alpha)));
    drop(black_box(statistics::smallest_uniform_bet(draws, bins, alpha)));
    drop(black_box(statistics::smallest_difference(draws, x, alpha)));
    drop(black_box(statistics::smallest_wins(draws, x, alpha)));
    if let Ok(p) = statistics::cell_p_value(draws, x, counts.first().copied().unwrap_or(3)) {
        is_p(p);
    }
    if let Ok(test) = statistics::wins_test(draws, x) {
        is_p(test.p_value);
    }
    if let Ok(p) = statistics::chi_square_sf(x, few) {
        is_p(p);
    }
    if let Ok(p) = statistics::noncentral_chi_square_sf(x, few, y) {
        is_p(p);
    }
    drop(black_box(statistics::smallest_total_variation(draws, x, few, alpha)));
    drop(black_box(statistics::pearson_critical(few, alpha)));
    drop(black_box(statistics::g_critical(few, alpha)));
    let deviations = Deviations { draws: x, sum: y, squares: z };
    if let Ok(test) = statistics::mean_test(deviations, z, y) {
        is_p(test.p_value);
    }
    if let Ok(bet) = statistics::mean_bets(deviations, z, y) {
        is_p(bet.p_value);
    }
    drop(black_box(statistics::smallest_mean(x, y, z, 0.0, alpha, y)));
    drop(black_box(statistics::smallest_mean_bet(x, y, z, alpha, y)));
    drop(black_box(statistics::smallest_mean_of_squares(x, y, z, 0.0, alpha, y)));
    drop(black_box(Budget::new(alpha, few)));
    Ok(())
}

/// Estimates of gradients with rates and losses from anywhere: finite numbers, or an error.
pub fn estimate(bytes: &[u8]) {
    let Some((model, bytes)) = of_first_byte(bytes) else { return };
    let _ = estimate_of(&model, &mut Unstructured::new(bytes));
}

fn estimate_of(model: &Model, from: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let (estimator, draws) = (*from.choose(&Named::ALL)?, from.int_in_range(0..=6)?);
    let own: Vec<f64> = model.rates_as();
    let rates = if bool::arbitrary(from)? { own.clone() } else { some_numbers(from, own.len())? };
    let losses = some_numbers(from, 4)?;
    let Ok(sampler) = at_rates(model, &rates, 1) else { return Ok(()) };
    let mut walker = Walker::new(model);
    walker.set_rates(&rates);
    let mut rng = ChaCha8Rng::seed_from_u64(u64::arbitrary(from)?);
    let loss = |structure: &_| losses[model.canonical(structure).len() % 4];
    match estimator.gradient(draws, &*sampler, &walker, loss, &mut rng) {
        Ok(estimate) => {
            assert_eq!(estimate.gradient.len(), rates.len());
            assert!(losses.iter().any(|loss| loss.is_finite()), "no loss is a number");
            for (k, &term) in estimate.gradient.iter().enumerate() {
                assert!(rates[k] > 0.0 || term == 0.0, "entry {k} is absent: {term}");
            }
        }
        Err(error) => drop(black_box(error.to_string())),
    }
    Ok(())
}
