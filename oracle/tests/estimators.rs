//! Exact variances of estimators, against their definition: sums over all traces, and over all tuples of traces.

use gumbel_oracle::estimators::{Score, TooFewDraws};
use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::{Dual, ratio};
use gumbel_oracle::race::Trace;
use gumbel_oracle::relax::LinearCritic;
use itertools::Itertools as _;
use num_rational::BigRational;
use num_traits::Zero;

const SCORES: [Score; 2] = [Score::Trace, Score::Exponentials];

/// Small models of every structure; absent entries where there may be some; some with one trace only.
const MODELS: [&str; 12] = [
    r#"{"structure": "spanning_tree", "vertices": 3, "edges": [[0,1,4],[0,2,2],[1,2,1]]}"#,
    r#"{"structure": "spanning_tree", "vertices": 4, "edges": [[0,1,1],[1,2,"2/3"],[2,3,5],[0,3,0],[0,2,3]]}"#,
    r#"{"structure": "spanning_tree", "vertices": 2, "edges": [[0,1,7]]}"#,
    r#"{"structure": "arborescence", "vertices": 3, "root": 0, "edges": [[0,1,1],[0,2,2],[1,2,3],[2,1,"1/2"]]}"#,
    r#"{"structure": "arborescence", "vertices": 4, "root": 1, "edges": [[1,0,"1/5"],[0,2,4],[2,0,3],[2,3,1],[3,2,2],[1,3,0]]}"#,
    r#"{"structure": "matching", "rates": [[1,2],["3/4",1]]}"#,
    r#"{"structure": "matching", "rates": [[1,2,3],[4,1,"1/2"],[2,2,1]]}"#,
    r#"{"structure": "binary_tree", "rates": [1,2,"1/3",4]}"#,
    r#"{"structure": "top_k", "k": 2, "rates": [1,2,0,3]}"#,
    r#"{"structure": "permutation", "rates": [1,"5/2",3]}"#,
    r#"{"structure": "categorical", "rates": [3,1,0,2]}"#,
    r#"{"structure": "categorical", "rates": [0,1]}"#,
];

/// A trace as estimators see it: probability, loss, score, and `λ² Var(E | T)` per entry.
struct Seen {
    p: BigRational,
    f: BigRational,
    s: Vec<BigRational>,
    inside: Vec<BigRational>,
}

/// All traces, by what the races say of themselves.
fn seen(model: &Model, loss: &Loss) -> Vec<Seen> {
    let rates = model.rates();
    let of = |outcome: gumbel_oracle::recursion::Outcome<_, BigRational>| {
        let covariance = outcome.trace.conditional_covariance(rates);
        let inside = |k: usize| match &covariance[k][k] {
            Some(variance) => variance * &rates[k] * &rates[k],
            None => BigRational::zero(),
        };
        Seen {
            p: outcome.probability,
            f: ratio(loss.of(model, &outcome.structure), 1),
            s: {
                let diagonal = (0..rates.len()).map(|k| covariance[k][k].clone());
                assert!(diagonal.eq(outcome.trace.conditional_variance(rates)));
                outcome.trace.score(rates)
            },
            inside: (0..rates.len()).map(inside).collect(),
        }
    };
    model.traces().map(of).collect()
}

/// The mean and the variance, per entry, of an estimate `Σ_i a_i s_i` made of independent draws, where the factors `a_i` depend on the
/// losses: over all tuples of traces.
fn by_tuples(
    seen: &[Seen],
    draws: usize,
    score: Score,
    factors: impl Fn(&[&BigRational]) -> Vec<BigRational>,
) -> (Vec<BigRational>, Vec<BigRational>) {
    let m = seen[0].s.len();
    let (mut mean, mut square) = (vec![BigRational::zero(); m], vec![BigRational::zero(); m]);
    for tuple in (0..draws).map(|_| seen.iter()).multi_cartesian_product() {
        let p: BigRational = tuple.iter().map(|of| &of.p).product();
        let a = factors(&tuple.iter().map(|of| &of.f).collect::<Vec<_>>());
        for k in 0..m {
            let given: BigRational = a.iter().zip(&tuple).map(|(a, of)| a * &of.s[k]).sum();
            mean[k] += &p * &given;
            square[k] += &p * &given * &given;
            if score == Score::Exponentials {
                let inside: BigRational = a.iter().zip(&tuple).map(|(a, of)| a * a * &of.inside[k]).sum();
                square[k] += &p * inside;
            }
        }
    }
    let variance = square.iter().zip(&mean).map(|(square, mean)| square - mean * mean).collect();
    (mean, variance)
}

/// Each loss less the mean of the others, over the number of draws.
fn less_the_others(losses: &[&BigRational]) -> Vec<BigRational> {
    let draws = losses.len() as i64;
    let sum: BigRational = losses.iter().copied().sum();
    losses.iter().map(|&f| (f - (&sum - f) / ratio(draws - 1, 1)) / ratio(draws, 1)).collect()
}

fn each(mut visit: impl FnMut(&Model, &Loss)) {
    for text in MODELS {
        let model = Model::parse(text).unwrap();
        for name in Loss::names(model.kind()) {
            visit(&model, &Loss::named(&model, name).unwrap());
        }
    }
}

#[test]
fn variances_are_those_of_the_definition() {
    each(|model, loss| {
        let moments = model.score_moments_of(loss, Limit::default()).unwrap();
        let gradient = model.gradient(loss, Limit::default()).unwrap();
        assert_eq!(moments.gradient(), gradient);
        let seen = seen(model, loss);
        for (score, baseline) in SCORES.into_iter().cartesian_product([ratio(0, 1), ratio(-7, 3)]) {
            let (mean, variance) = by_tuples(&seen, 1, score, |f| vec![f[0] - &baseline]);
            assert_eq!(mean, gradient.gradient);
            assert_eq!(moments.variance(score, &baseline), variance, "{model:?} {} {score:?}", loss.name());
        }
    });
}

#[test]
fn leave_one_out_is_unbiased_with_the_variance_of_the_sampling_theory() {
    let mut tuples = 0;
    each(|model, loss| {
        let moments = model.score_moments_of(loss, Limit::default()).unwrap();
        let gradient = model.gradient(loss, Limit::default()).unwrap().gradient;
        let seen = seen(model, loss);
        for (draws, score) in (2..=4).cartesian_product(SCORES) {
            if seen.len().pow(draws as u32) > 1_000 {
                continue;
            }
            let (mean, variance) = by_tuples(&seen, draws, score, less_the_others);
            assert_eq!(mean, gradient);
            assert_eq!(
                moments.leave_one_out(score, draws as u32),
                Ok(variance),
                "{model:?} {draws} {score:?}"
            );
            tuples += 1;
            // Caught: the mean of all losses as the baseline, which is biased by 1/K.
            let (mean, _) = by_tuples(&seen, draws, score, |losses| {
                let all = losses.iter().copied().sum::<BigRational>() / ratio(draws as i64, 1);
                losses.iter().map(|&f| (f - &all) / ratio(draws as i64, 1)).collect()
            });
            assert_eq!(mean == gradient, gradient.iter().all(BigRational::is_zero));
        }
    });
    assert!(tuples > 60, "{tuples}");
    let model = Model::parse(MODELS[0]).unwrap();
    let moments = model.score_moments_of(&Loss::named(&model, "default").unwrap(), Limit::default()).unwrap();
    for draws in [0, 1] {
        assert_eq!(moments.leave_one_out(Score::Trace, draws), Err(TooFewDraws { draws }));
    }
}

/// The claims of Rao and Blackwell, and that no other baseline is better than the best.
#[test]
fn the_trace_varies_less_and_the_best_baseline_is_best() {
    let sum = |variances: &[BigRational]| variances.iter().sum::<BigRational>();
    each(|model, loss| {
        let moments = model.score_moments_of(loss, Limit::default()).unwrap();
        for baseline in [ratio(0, 1), ratio(5, 2)] {
            let [trace, exponentials] = SCORES.map(|score| moments.variance(score, &baseline));
            assert!(trace.iter().zip(&exponentials).all(|(a, b)| a <= b));
        }
        let [trace, exponentials] = SCORES.map(|score| moments.leave_one_out(score, 3).unwrap());
        assert!(trace.iter().zip(&exponentials).all(|(a, b)| a <= b));
        for score in SCORES {
            let Some(best) = moments.best_baseline(score) else {
                assert_eq!(model.traces().count(), 1);
                continue;
            };
            let least = sum(&moments.variance(score, &best));
            for other in [ratio(0, 1), &best + ratio(1, 1000), &best - ratio(1, 1000)] {
                let variance = sum(&moments.variance(score, &other));
                assert!(variance > least || other == best);
            }
        }
        // What is absent has no gradient, and no noise.
        for (k, _) in model.rates().iter().enumerate().filter(|(_, rate)| rate.is_zero()) {
            let all = SCORES.map(|score| moments.variance(score, &ratio(9, 1))[k].clone());
            assert!(all.iter().all(BigRational::is_zero) && moments.gradient().gradient[k].is_zero());
        }
    });
}

#[test]
fn what_is_too_large_is_refused() {
    // Few structures and traces, but too many numbers for each.
    let large = Model::categorical(vec![ratio(1, 1); 2_000]).unwrap();
    let loss = Loss::named(&large, "default").unwrap();
    let error = large.score_moments_of(&loss, Limit::default()).unwrap_err();
    assert!(error.to_string().contains("4000000 structures × entries"), "{error}");
    let error = large.linear_critics_of(&loss, Limit::default()).unwrap_err();
    assert!(error.to_string().contains("8000000000 coefficients"), "{error}");
    for text in MODELS {
        let model = Model::parse(text).unwrap();
        let loss = Loss::named(&model, "default").unwrap();
        assert!(model.score_moments_of(&loss, Limit(0)).is_err(), "{text}");
        assert!(model.linear_critics_of(&loss, Limit(0)).is_err(), "{text}");
    }
}

/// What one gets wrong in RELAX.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mistake {
    None,
    /// The conditional draw is taken for constant.
    Detached,
    /// The gradient of the critic at the draw has the other sign.
    Sign,
    /// The loss is compared with the critic of another item of the batch, here with its mean.
    OtherItem,
}

/// One estimate of RELAX with a linear critic as a function of standard exponentials: one per race and one per entry, for `e₁` and
/// for `e₂`. By dual numbers through the oracle's own `assemble`.
fn relax(
    model: &Model,
    critic: &LinearCritic,
    seen: &Whole,
    i: usize,
    e: &[Vec<BigRational>; 4],
    mistake: Mistake,
) -> BigRational {
    let rates = model.rates();
    let dual = |k: usize| {
        let rate = rates[k].clone();
        if k == i { Dual::logit(rate) } else { Dual::constant(rate) }
    };
    let duals: Vec<Dual<BigRational>> = (0..rates.len()).map(dual).collect();
    let draw = |times: &[BigRational], residuals: &[BigRational]| -> Dual<BigRational> {
        let totals = seen.trace.totals(&duals);
        let times: Vec<_> =
            times.iter().zip(totals).map(|(e, total)| Dual::constant(e.clone()) / total).collect();
        let residual =
            |k: usize| (!rates[k].is_zero()).then(|| Dual::constant(residuals[k].clone()) / duals[k].clone());
        let residuals: Vec<_> = (0..rates.len()).map(residual).collect();
        let weights = seen.trace.assemble(&times, &residuals);
        let terms = weights.into_iter().flatten().zip((0..rates.len()).filter(|&k| !rates[k].is_zero()));
        terms.fold(Dual::constant(critic.constant.clone()), |sum, (weight, k)| {
            sum + weight * Dual::constant(critic.weights[k].clone())
        })
    };
    let given = draw(&e[2], &e[3]);
    // e₁ is the draw that was run on: with its trace fixed, only what is its own entry changes with a logit.
    let times: Vec<BigRational> =
        e[0].iter().zip(seen.trace.totals(rates)).map(|(e, total)| e / total).collect();
    let residual = |k: usize| (!rates[k].is_zero()).then(|| &e[1][k] / &rates[k]);
    let residuals: Vec<_> = (0..rates.len()).map(residual).collect();
    let own = seen.trace.assemble(&times, &residuals)[i].clone().unwrap();
    let score = &seen.trace.score(rates)[i];
    let at_drawn = own * &critic.weights[i];
    match mistake {
        Mistake::None => (&seen.f - given.value) * score - given.derivative + at_drawn,
        Mistake::Detached => (&seen.f - given.value) * score + at_drawn,
        Mistake::Sign => (&seen.f - given.value) * score - given.derivative - at_drawn,
        Mistake::OtherItem => {
            let present = rates.iter().zip(&critic.weights).filter(|(rate, _)| !rate.is_zero());
            let other = present.fold(critic.constant.clone(), |sum, (rate, weight)| sum + weight / rate);
            (&seen.f - other) * score - given.derivative + at_drawn
        }
    }
}

struct Whole {
    p: BigRational,
    f: BigRational,
    trace: Trace,
}

/// RELAX with a linear critic is unbiased, and varies as the formula says: it is linear in independent exponentials of mean 1 and
/// variance 1, so the squares of its differences from unit steps are its variance given the trace.
#[test]
fn relax_with_a_linear_critic_has_the_exact_mean_and_variance() {
    let mistakes = [Mistake::Detached, Mistake::Sign, Mistake::OtherItem];
    let mut caught = Vec::new();
    each(|model, loss| {
        if loss.name() != "default" {
            return;
        }
        let rates = model.rates();
        let gradient = model.gradient(loss, Limit::default()).unwrap().gradient;
        let critics = model.linear_critics_of(loss, Limit::default()).unwrap();
        let weights = (0..rates.len() as i64).map(|k| ratio(3 - 2 * k, 1 + k)).collect();
        let critic = LinearCritic { constant: ratio(-1, 3), weights };
        let all: Vec<Whole> = model
            .traces()
            .map(|outcome| Whole {
                p: outcome.probability,
                f: ratio(loss.of(model, &outcome.structure), 1),
                trace: outcome.trace,
            })
            .collect();
        let found = critics.variance(&critic);
        for i in 0..rates.len() {
            if rates[i].is_zero() {
                assert!(found[i].is_zero());
                continue;
            }
            let (mut mean, mut square) = (BigRational::zero(), BigRational::zero());
            for seen in &all {
                let (races, entries) = (seen.trace.races().len(), rates.len());
                let ones = [races, entries, races, entries].map(|length| vec![ratio(1, 1); length]);
                let given = relax(model, &critic, seen, i, &ones, Mistake::None);
                mean += &seen.p * &given;
                square += &seen.p * &given * &given;
                for (which, list) in ones.iter().enumerate() {
                    for step in 0..list.len() {
                        let mut there = ones.clone();
                        there[which][step] += ratio(1, 1);
                        let difference = relax(model, &critic, seen, i, &there, Mistake::None) - &given;
                        square += &seen.p * &difference * &difference;
                    }
                }
            }
            assert_eq!(mean, gradient[i], "{model:?} {i}");
            assert_eq!(found[i], square - &mean * &mean, "{model:?} {i}");
            for mistake in mistakes {
                let term = |seen: &Whole| {
                    let (races, entries) = (seen.trace.races().len(), rates.len());
                    let ones = [races, entries, races, entries].map(|length| vec![ratio(1, 1); length]);
                    &seen.p * relax(model, &critic, seen, i, &ones, mistake)
                };
                let mean: BigRational = all.iter().map(term).sum();
                caught.extend((mean != gradient[i]).then_some(mistake));
            }
        }
    });
    for mistake in mistakes {
        let times = caught.iter().filter(|of| **of == mistake).count();
        assert!(times >= 20, "{mistake:?} {times}");
    }
}

#[test]
fn the_best_linear_critic_is_best() {
    let sum = |variances: &[BigRational]| variances.iter().sum::<BigRational>();
    each(|model, loss| {
        let critics = model.linear_critics_of(loss, Limit::default()).unwrap();
        let moments = model.score_moments_of(loss, Limit::default()).unwrap();
        let m = model.rates().len();
        // A constant critic is a baseline.
        let constant = |b: BigRational| LinearCritic { constant: b, weights: vec![BigRational::zero(); m] };
        for b in [ratio(0, 1), ratio(5, 7)] {
            assert_eq!(critics.variance(&constant(b.clone())), moments.variance(Score::Trace, &b));
        }
        let best = critics.best();
        let least = sum(&critics.variance(&best));
        let baseline = moments.best_baseline(Score::Trace).unwrap_or_default();
        assert!(least <= sum(&critics.variance(&constant(baseline))) && least >= BigRational::zero());
        for (k, by) in (0..=m).cartesian_product([ratio(1, 100), ratio(-1, 100)]) {
            let mut other = best.clone();
            if k == 0 {
                other.constant += by
            } else {
                other.weights[k - 1] += by
            }
            assert!(sum(&critics.variance(&other)) >= least, "{model:?} {k}");
        }
    });
}
