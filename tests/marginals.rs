//! Where whole structures are too rare to be judged, their parts and losses are: each sees what the other cannot.
//!
//! Every run has its seed; a report alarms falsely with probability at most 1e-6.

use gumbel_oracle::limit::Limit;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::to_f64;
use gumbel_oracle::structure::Structure;
use recursive_gumbel::check::{Asked, Method};
use recursive_gumbel::report::{Row, Verdict};
use recursive_gumbel::sample::{Batch, Draw, Draws, Field, Reference, Sampler};
use recursive_gumbel::statistics::{Budget, cell_p_value, smallest_difference};

/// Structures only, made from the number of the draw.
struct Structures<F>(F);

impl<F: Fn(u64) -> Draw + Sync> Sampler for Structures<F> {
    fn fields(&self) -> &[Field] {
        &[Field::Structure]
    }

    fn fill(&self, first: u64, count: usize, batch: &mut Batch) {
        (first..first + count as u64).for_each(|number| batch.push(&(self.0)(number)));
    }
}

fn judge(model: &Model, draws: u64, draw: impl Fn(u64) -> Draw + Sync) -> Vec<Row> {
    let sampler = Structures(draw);
    let method = Method::of(model, sampler.fields(), &Asked::only(0.05), 1e-6);
    let budget = Budget::new(1e-6, method.tests(model, sampler.fields(), &Asked::only(0.05))).unwrap();
    let mut draws = Draws::new(&sampler, draws);
    method.judge("", model, &mut draws, &Asked::only(0.1), &budget, |_| ()).unwrap()
}

fn refuted(rows: &[Row]) -> Vec<&str> {
    rows.iter().filter(|row| row.verdict == Verdict::Refuted).map(|row| row.subject).collect()
}

fn note<'r>(rows: &'r [Row], subject: &str) -> &'r str {
    &rows.iter().find(|row| row.subject == subject && !row.note.is_empty()).unwrap().note
}

/// The complete graph, all rates 1 but that of 0–1.
fn tree(n: usize, first: &str) -> Model {
    let edge = |u: usize, v: usize| format!("[{u},{v},\"{}\"]", if (u, v) == (0, 1) { first } else { "1" });
    let edges: Vec<String> = (0..n).flat_map(|u| (u + 1..n).map(move |v| edge(u, v))).collect();
    let text = format!(r#"{{"structure":"spanning_tree","vertices":{n},"edges":[{}]}}"#, edges.join(","));
    Model::parse(&text).unwrap()
}

/// 16,807 trees, too many for a law; a rate that is wrong by a half shows in how often its edge is drawn.
#[test]
fn a_wrong_rate_shows_in_the_parts_of_trees_that_are_too_many() {
    let (model, wrong) = (tree(7, "1"), tree(7, "3/2"));
    assert_eq!(Method::of(&model, &[Field::Structure], &Asked::only(0.05), 1e-6), Method::AnySize);
    let right = Reference::new(&model, 3).unwrap();
    let rows = judge(&model, 10_000, |number| right.draw(number));
    assert_eq!(Verdict::of(&rows), Verdict::Held, "{rows:#?}");
    let has = |subject: &str| rows.iter().any(|row| row.subject == subject && row.verdict == Verdict::Held);
    assert!(has("parts") && has("losses"));
    assert!(note(&rows, "structures").contains("its parts and losses are judged"));
    // Its probability is known by itself: of a tree on 7 vertices with equal rates each edge has 6/21.
    let wrong = Reference::new(&wrong, 3).unwrap();
    let rows = judge(&model, 10_000, |number| wrong.draw(number));
    assert!(refuted(&rows).contains(&"parts"), "{rows:#?}");
    let note = note(&rows, "parts");
    assert!(
        note.starts_with("0–1 is in 3") && note.ends_with("of the structures, expected 28.571 %"),
        "{note}"
    );
}

/// Two subsets, each half of the time: every position is drawn as often as it should be, but their sums are two only.
#[test]
fn right_parts_in_wrong_company_show_in_the_losses() {
    let text = format!(r#"{{"structure":"top_k","k":8,"rates":[{}]}}"#, vec!["1"; 16].join(","));
    let model = Model::parse(&text).unwrap();
    let draw = Reference::new(&model, 1).unwrap().draw(0);
    let rows = judge(&model, 10_000, |number| {
        // A fair coin.
        let low = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).is_multiple_of(2);
        let half = if low { 0..8 } else { 8..16 };
        Draw { structure: Structure::Entries(half.collect()), ..draw.clone() }
    });
    assert_eq!(refuted(&rows), ["losses", "losses"], "{rows:#?}");
    assert!(note(&rows, "losses").starts_with("default (the sum of the positions) is "), "{rows:#?}");
}

/// The parents of binary trees, the places of permutations and the cells of matchings are parts too.
#[test]
fn every_structure_has_parts() {
    let orders = |rates: &str| format!(r#"{{"structure":"permutation","rates":[{rates}]}}"#);
    let trees = |rates: &str| format!(r#"{{"structure":"binary_tree","rates":[{rates}]}}"#);
    let cells = |rate: &str| format!(r#"{{"structure":"matching","rates":[[{rate},1,1],[1,1,1],[1,1,1]]}}"#);
    let many = format!("{}1", "1,".repeat(14));
    for (right, wrong, says) in [
        (orders("1,1,1,1"), orders("2,1,1,1"), "0 in place 3 is in 9."),
        (trees("1,1,1,1"), trees("1,1,1,3"), "3 as the root is in 5"),
        (cells("1"), cells("3"), "(0,0) is in 5"),
        (trees(&many), trees(&format!("{}2", "1,".repeat(14))), "13 as the parent of 14 is in 33."),
    ] {
        let (right, wrong) = (Model::parse(&right).unwrap(), Model::parse(&wrong).unwrap());
        let [good, bad] = [&right, &wrong].map(|model| Reference::new(model, 5).unwrap());
        let rows = judge(&right, 20_000, |number| good.draw(number));
        assert_ne!(Verdict::of(&rows), Verdict::Refuted, "{rows:#?}");
        let rows = judge(&right, 20_000, |number| bad.draw(number));
        assert!(refuted(&rows).contains(&"parts"), "{says}: {rows:#?}");
        assert!(note(&rows, "parts").starts_with(says), "{rows:#?}");
    }
}

/// Twenty draws of 1,296 trees are too few for G. That all are the same tree is seen all the same.
#[test]
fn one_structure_all_the_time_shows_in_few_draws() {
    let model = tree(6, "1");
    let right = Reference::new(&model, 3).unwrap();
    let rows = judge(&model, 20, |_| right.draw(0));
    let by = |check: &str| {
        let row = rows.iter().find(|row| row.subject == "structures" && row.check.starts_with(check));
        row.map(|row| row.verdict).unwrap()
    };
    assert_eq!(by("binomial of the worst cell"), Verdict::Refuted);
    assert_ne!(by("G"), Verdict::Refuted);
    let rows = judge(&model, 20, |number| right.draw(number));
    assert_eq!(Verdict::of(&rows), Verdict::Underpowered);
}

/// The probability of a wrong verdict and of a right one, as exact sums: the difference that is said to be caught is, and not much
/// less.
#[test]
fn the_smallest_difference_is_caught() {
    for (n, p, alpha) in [(2_000_u64, 0.5, 1e-6), (2_000, 0.05, 1e-9), (500, 0.9, 1e-4), (3_000, 0.002, 1e-6)]
    {
        let difference = smallest_difference(n, p, alpha).unwrap();
        let density = |q: f64, k: u64| {
            let choose = (0..k).fold(0.0, |sum, i| sum + libm::log((n - i) as f64 / (k - i) as f64));
            libm::exp(choose + k as f64 * libm::log(q) + (n - k) as f64 * libm::log1p(-q))
        };
        let caught = |q: f64| -> f64 {
            (0..=n).filter(|&k| cell_p_value(n, p, k).unwrap() <= alpha).map(|k| density(q, k)).sum()
        };
        assert!(caught(p) <= alpha, "{p}");
        let both = |part: f64| [p + part * difference, p - part * difference];
        for q in both(1.0).into_iter().filter(|q| *q > 0.0 && *q < 1.0) {
            assert!(caught(q) >= 0.99 - 1e-6, "{p} {q}: {}", caught(q));
        }
        let missed = both(0.9).into_iter().filter(|q| *q > 0.0 && *q < 1.0).map(caught).fold(1.0, f64::min);
        assert!(missed < 0.99, "{p}: {missed}");
    }
}

/// By the law of all structures, and by the states of the recursion: the same rows.
#[test]
fn marginals_by_the_law_are_marginals_by_states() {
    let model = tree(5, "2");
    let law = model.law(Limit::default()).unwrap();
    let by_law: Vec<f64> = law.marginals(10).iter().map(to_f64).collect();
    let by_states: Vec<f64> = model.marginals(Limit::default()).unwrap().iter().map(to_f64).collect();
    assert_eq!(by_law, by_states);
    let right = Reference::new(&model, 3).unwrap();
    let sampler = Structures(|number| right.draw(number));
    let rows = |method: Method| -> Vec<Row> {
        let budget = Budget::new(1e-6, 100).unwrap();
        let mut draws = Draws::new(&sampler, 5_000);
        let rows = method.judge("", &model, &mut draws, &Asked::only(0.1), &budget, |_| ()).unwrap();
        rows.into_iter().filter(|row| ["parts", "losses"].contains(&row.subject)).collect()
    };
    let (enumerated, seen) = (rows(Method::Enumeration), rows(Method::AnySize));
    assert_eq!(enumerated.len(), 4);
    for (a, b) in enumerated.iter().zip(&seen) {
        assert_eq!((&a.check, a.count, a.verdict), (&b.check, b.count, b.verdict));
        let [a, b] = [a, b].map(|row| row.test.unwrap());
        assert!((a.statistic - b.statistic).abs() < 1e-9 && (a.p_value - b.p_value).abs() < 1e-9);
    }
}
