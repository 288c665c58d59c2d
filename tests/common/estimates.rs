//! What mistakes in estimators do to their mean, and what sees them: the tables of the chapter.

use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::to_f64;
use recursive_gumbel::estimate::Named;
use recursive_gumbel::mutants::estimates::{Mistake, Mistaken};
use recursive_gumbel::statistics::Deviations;

use super::mistaken::Judged;

/// The triangle with rates 4, 2, 1.
const TRIANGLE: &str =
    r#"{"structure": "spanning_tree", "vertices": 3, "edges": [[0, 1, 4], [0, 2, 2], [1, 2, 1]]}"#;

/// Numbers of estimates that are tried.
const LADDER: [u64; 9] = [30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 200_000];

/// Each mistake in the first estimator in which it can be made: the number of estimates at which each way of judging refutes it first.
pub(crate) fn refuted_at() -> Vec<Vec<String>> {
    let head = ["mistake", "what is wrong", "of", "mean", "mean, always", "covariances"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for mistake in Mistake::all() {
        let estimator = mistake.of()[0];
        let judged = Judged::new(TRIANGLE, estimator);
        let mut first = [None; 3];
        for count in LADDER {
            if first.iter().all(Option::is_some) || (mistake.is_unbiased() && first[2].is_some()) {
                break; // a mean that is right is refuted by nobody: the test of all structures says so
            }
            for (first, refuted) in first.iter_mut().zip(judged.refuted(Some(mistake), 8, count)) {
                *first = first.or(refuted.then_some(count));
            }
        }
        let told = first.map(|count| count.map_or_else(|| "-".to_owned(), |count| count.to_string()));
        let words = [mistake.name(), mistake.words(), estimator.name()].map(str::to_owned);
        rows.push([&words[..], &told].concat());
    }
    rows
}

/// A trace, with what is expected of an estimate given it.
struct Given {
    p: f64,
    loss: f64,
    score: Vec<f64>,
    /// `E[e_k | T]`, and `E[∂c(e₂)/∂θ_k | T]` for the critic `1 + Σ e`.
    mean: Vec<f64>,
    slope: Vec<f64>,
}

fn given(model: &Model, rates: &[f64]) -> Vec<Given> {
    let loss = Loss::named(model, "default").unwrap();
    let of = |outcome: gumbel_oracle::recursion::Outcome<_, num_rational::BigRational>| {
        let trace = &outcome.trace;
        let (mut mean, mut slope) = (vec![0.0; rates.len()], vec![0.0; rates.len()]);
        for (race, total) in trace.races().iter().zip(trace.totals(rates)) {
            for &k in &race.entrants {
                mean[k] += 1.0 / total;
                slope[k] += rates[k] / total * race.entrants.len() as f64 / total;
            }
        }
        for (k, won) in trace.won().into_iter().enumerate() {
            if won.is_none() {
                mean[k] += 1.0 / rates[k];
                slope[k] += 1.0 / rates[k];
            }
        }
        let (p, loss) = (to_f64(&outcome.probability), loss.of(model, &outcome.structure) as f64);
        Given { p, loss, score: trace.score(rates), mean, slope }
    };
    model.traces().map(of).collect()
}

/// The exact mean of an estimate with this mistake, entry by entry: a sum over traces, or over pairs of them.
fn exact_mean(name: &str, rates: &[f64], all: &[Given], k: usize) -> f64 {
    let one = |of: &dyn Fn(&Given) -> f64| all.iter().map(|given| given.p * of(given)).sum::<f64>();
    let right = one(&|of| of.loss * of.score[k]);
    // (f - b) s, with b from the losses of both draws; halved, as each draw is one of two.
    let pair = |term: &dyn Fn(&Given, &Given) -> f64| {
        one(&|first| one(&|second| (term(first, second) + term(second, first)) / 2.0))
    };
    let critic = |of: &Given| 1.0 + of.mean.iter().sum::<f64>();
    match name {
        "gradient_halved" => right / 2.0,
        "gradient_sign" | "score_of_weights_in_rates" => -right,
        "gradient_summed" => 2.0 * pair(&|of, other| (of.loss - other.loss) * of.score[k]),
        "losses_rolled" => pair(&|of, other| (other.loss - of.loss) * of.score[k]),
        "baseline_with_own" => pair(&|of, other| (of.loss - (of.loss + other.loss) / 2.0) * of.score[k]),
        "baseline_with_own_by_one_less" => {
            pair(&|of, other| (of.loss - (of.loss + other.loss)) * of.score[k])
        }
        "baseline_by_all" => pair(&|of, other| (of.loss - other.loss / 2.0) * of.score[k]),
        "baseline_of_first_only" => {
            one(&|first| one(&|second| (second.loss - first.loss) * second.score[k])) / 2.0
        }
        "baseline_missing" | "weights_for_traces" => right,
        "weights_not_centred" => one(&|of| of.loss * rates[k] * of.mean[k]),
        "score_not_scaled" => one(&|of| of.loss * (of.mean[k] - 1.0)),
        "critic_sign" => one(&|of| (of.loss - critic(of)) * of.score[k] + of.slope[k] - of.mean[k]),
        "critic_added" => one(&|of| (of.loss + critic(of)) * of.score[k] - of.slope[k] + of.mean[k]),
        "critic_not_taken_off" => one(&|of| of.loss * of.score[k] - of.slope[k] + of.mean[k]),
        "conditional_detached" => one(&|of| (of.loss - critic(of)) * of.score[k] + of.mean[k]),
        "draw_detached" => one(&|of| (of.loss - critic(of)) * of.score[k] - of.slope[k]),
        "conditional_of_another" => {
            one(&|of| one(&|other| (of.loss - critic(other)) * of.score[k] - other.slope[k] + of.mean[k]))
        }
        _ => panic!("{name}: no exact mean"),
    }
}

/// The exact mean of each mistake on the triangle, entry by entry, and what it is of the gradient.
pub(crate) fn means() -> Vec<Vec<String>> {
    let model = Model::parse(TRIANGLE).unwrap();
    let rates = [4.0, 2.0, 1.0];
    let all = given(&model, &rates);
    let head = ["mistake", "of", "mean at 0–1", "0–2", "1–2"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let places = |value: f64| format!("{:.4}", if value.abs() < 5e-5 { 0.0 } else { value });
    let right = |k: usize| all.iter().map(|of| of.p * of.loss * of.score[k]).sum::<f64>();
    let none = ["none", "all"].map(str::to_owned);
    rows.push(none.into_iter().chain((0..3).map(right).map(places)).collect());
    for mistake in Mistake::all() {
        let estimator = mistake.of()[0];
        let exact: Vec<f64> = (0..3).map(|k| exact_mean(mistake.name(), &rates, &all, k)).collect();
        follows(&model, mistake, estimator, &exact);
        let words = [mistake.name(), estimator.name()].map(str::to_owned);
        rows.push(words.into_iter().chain(exact.into_iter().map(places)).collect());
    }
    rows
}

/// That the mistake does have this mean: 20,000 estimates, at most 6 standard errors off: of all of them a right one is with a probability
/// below 1e-6.
fn follows(model: &Model, mistake: &'static Mistake, estimator: Named, exact: &[f64]) {
    let loss = Loss::named(model, "default").unwrap();
    let draws = estimator.fewest_draws();
    let made = Mistaken::new(model, loss, estimator, draws, Some(mistake), 9).unwrap();
    let mut seen = vec![Deviations::default(); exact.len()];
    for number in 0..20_000 {
        let estimate = made.estimate(number);
        seen.iter_mut().zip(estimate.iter().zip(exact)).for_each(|(seen, (g, exact))| seen.add(g - exact));
    }
    let far = seen.iter().map(|seen| seen.standard_errors()).fold(0.0, f64::max);
    assert!(far < 6.0, "{mistake:?}: {far} standard errors off");
}
