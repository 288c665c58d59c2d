//! Looking after every batch: a right sampler is refuted no oftener than it may be, and held as soon as the draws would do.
//!
//! Every run has its seed. That wrong ones are refuted is in `mutants.rs`, for all mutants.

use gumbel_oracle::model::Model;
use recursive_gumbel::check::{Asked, Method};
use recursive_gumbel::fast;
use recursive_gumbel::report::{Row, Verdict};
use recursive_gumbel::sample::{Draws, Sampler};
use recursive_gumbel::statistics::Budget;
use recursive_gumbel::verify::{ESTIMATED, MODELS};

const K3: &str = include_str!("../examples/models/k3.json");

/// Looks after every 64 draws, or when there are a quarter more.
fn judge(
    model: &Model,
    sampler: &dyn Sampler,
    most: u64,
    departure: f64,
    alpha: f64,
    method: Method,
) -> Vec<Row> {
    let asked = Asked::until(departure);
    let budget = Budget::new(alpha, method.tests(model, sampler.fields(), &asked)).unwrap();
    let mut draws = Draws::new(sampler, most).in_pieces_of(2);
    method.judge("", model, &mut draws, &asked, &budget, |_| ()).unwrap()
}

/// Of so many short runs of a right sampler, of at most 640 draws, at a false-alarm probability of 0.05, how many were refuted at one of
/// their looks.
fn refuted(runs: u64) -> usize {
    let model = Model::parse(K3).unwrap();
    let is_refuted = |seed: &u64| {
        let sampler = fast::of_model(&model, *seed).unwrap();
        // Such a departure takes the longest lags, and so all draws.
        let rows = judge(&model, sampler.as_ref(), 640, 0.99, 0.05, Method::Enumeration);
        rows.iter().any(|row| row.verdict == Verdict::Refuted)
    };
    (0..runs).filter(is_refuted).count()
}

/// If a run were refuted with a probability of 0.05, more than 60 of 500 were with one below 1e-8.
#[test]
fn right_samplers_are_seldom_refuted() {
    let refuted = refuted(500);
    assert!(refuted <= 60, "{refuted}");
}

/// The figure of the chapter.
#[test]
#[ignore = "three minutes"]
fn ten_thousand_short_runs() {
    let told = format!("Of 10,000 short runs of a right sampler {} were refuted", refuted(10_000));
    assert!(include_str!("../docs/src/bets.md").replace('\n', " ").contains(&told), "{told}");
}

/// Whatever the structure, with and without enumeration; and no draws are made that are not needed.
#[test]
fn right_samplers_are_held_when_the_draws_would_do() {
    for (name, text) in MODELS.iter().filter(|(name, _)| ESTIMATED.contains(name)) {
        let model = Model::parse(text).unwrap();
        let sampler = fast::of_model(&model, 5).unwrap();
        for method in [Method::Enumeration, Method::AnySize] {
            let rows = judge(&model, sampler.as_ref(), 1_000_000, 0.3, 1e-6, method);
            assert_eq!(Verdict::of(&rows), Verdict::Held, "{name}, {method:?}: {rows:?}");
            let draws = rows.iter().find(|row| row.subject == "form").unwrap().count;
            assert!((4096..8192).contains(&draws), "{name}, {method:?}: {draws}");
        }
    }
}
