//! Exact variances of estimators, against their definition: sums over all traces, and over all tuples of traces.

use std::collections::BTreeMap;

use gumbel_oracle::estimators::{Score, TooFewDraws};
use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::{Dual, Exact, FromExact as _, ratio, to_rational};
use gumbel_oracle::race::Trace;
use gumbel_oracle::relax::{Critic, Critics, Degree, WrongCritic};
use itertools::Itertools as _;
use num_rational::BigRational;
use num_traits::Zero;

const DEGREES: [Degree; 2] = [Degree::Linear, Degree::Quadratic];

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
    for (degree, count) in [
        (Degree::Linear, "8008002000 entries × coefficients²"),
        (Degree::Quadratic, "8024026012002000 entries × coefficients²"),
    ] {
        let error = large.critics_of(&loss, degree, Limit::default()).unwrap_err();
        assert!(error.to_string().contains(count), "{error}");
    }
    let large = Model::top_k(vec![ratio(1, 1); 7], 5).unwrap();
    let loss = Loss::named(&large, "default").unwrap();
    let error = large.critics_of(&loss, Degree::Quadratic, Limit::default()).unwrap_err();
    assert!(error.to_string().contains("3265920 traces × coefficients²"), "{error}");
    for text in MODELS {
        let model = Model::parse(text).unwrap();
        let loss = Loss::named(&model, "default").unwrap();
        assert!(model.score_moments_of(&loss, Limit(0)).is_err(), "{text}");
        assert!(model.critics_of(&loss, Degree::Linear, Limit(0)).is_err(), "{text}");
    }
}

/// What one gets wrong in RELAX.
const MISTAKES: [&str; 3] = [
    "the conditional draw is taken for constant",
    "the gradient of the critic at the draw has the other sign",
    "the loss is compared with the critic of another item of the batch, here with that of the mean",
];

/// One estimate of RELAX, and what it is with each mistake, as a function of standard exponentials: one per race and one per entry, for
/// `e₁` and for `e₂`. By dual numbers through the oracle's own `assemble`.
fn relax(
    model: &Model,
    critic: &Critic,
    seen: &Whole,
    i: usize,
    e: &[Vec<BigRational>; 4],
) -> [BigRational; 4] {
    let rates = model.rates();
    let constant = |value: &BigRational| Dual::constant(value.clone());
    let duals: Vec<Dual<BigRational>> = (rates.iter().enumerate())
        .map(|(k, rate)| if k == i { Dual::logit(rate.clone()) } else { constant(rate) })
        .collect();
    let draw = |rates: &[Dual<BigRational>], times: &[BigRational], residuals: &[BigRational]| {
        let totals = seen.trace.totals(rates);
        let times: Vec<_> = times.iter().zip(totals).map(|(e, total)| constant(e) / total).collect();
        let residual = |(e, rate): (&BigRational, &Dual<BigRational>)| {
            (!rate.value.is_zero()).then(|| constant(e) / rate.clone())
        };
        let residuals: Vec<_> = residuals.iter().zip(rates).map(residual).collect();
        let absent = || Dual::constant(BigRational::zero());
        seen.trace.assemble(&times, &residuals).into_iter().map(|e| e.unwrap_or_else(absent)).collect()
    };
    let value = |e: &[Dual<BigRational>]| {
        let mut sum = constant(&critic.constant);
        for (j, e_j) in e.iter().enumerate() {
            sum = sum + e_j.clone() * constant(&critic.weights[j]);
            for (k, e_k) in e.iter().enumerate().filter(|_| !critic.matrix.is_empty()) {
                sum = sum + e_j.clone() * e_k * constant(&critic.matrix[j][k]);
            }
        }
        sum
    };
    let given: Vec<_> = draw(&duals, &e[2], &e[3]);
    let given = value(&given);
    // e₁ is the draw that was run on: its own entry, `-log u / λ`, changes with a logit as it is; no other does.
    let plain: Vec<_> = rates.iter().map(constant).collect();
    let mut drawn: Vec<_> = draw(&plain, &e[0], &e[1]);
    drawn[i].derivative = drawn[i].value.clone();
    let at_drawn = value(&drawn).derivative;
    let score = &seen.trace.score(rates)[i];
    let means: Vec<_> = rates
        .iter()
        .map(|rate| if rate.is_zero() { constant(rate) } else { constant(&rate.recip()) })
        .collect();
    let direct = (&seen.f - given.value) * score;
    let other = (&seen.f - value(&means).value) * score;
    [
        &direct - &given.derivative + &at_drawn,
        &direct + &at_drawn,
        &direct - &given.derivative - &at_drawn,
        other - given.derivative + at_drawn,
    ]
}

struct Whole {
    p: BigRational,
    f: BigRational,
    trace: Trace,
}

/// A polynomial of degree 2 in independent exponentials of mean 1: products of variables with their factors.
struct Polynomial(Vec<(Vec<usize>, BigRational)>);

impl Polynomial {
    /// From its values at whole numbers.
    fn of(variables: usize, value: impl Fn(&[usize]) -> BigRational) -> Self {
        let zero = value(&[]);
        let ones: Vec<BigRational> = (0..variables).map(|g| value(&[g]) - &zero).collect();
        let mut terms = vec![(vec![], zero.clone())];
        for g in 0..variables {
            let square = (value(&[g, g]) - &zero - &ones[g] - &ones[g]) / ratio(2, 1);
            terms.push((vec![g], &ones[g] - &square));
            terms.push((vec![g, g], square));
            for h in 0..g {
                terms.push((vec![h, g], value(&[h, g]) - &zero - &ones[g] - &ones[h]));
            }
        }
        terms.retain(|(_, factor)| !factor.is_zero());
        Self(terms)
    }

    /// `E[Z^k] = k!`, for each variable.
    fn moment(product: &[usize]) -> i64 {
        let power = |g: &usize| product.iter().filter(|h| *h == g).count();
        product.iter().unique().map(|g| [1, 1, 2, 6, 24][power(g)]).product()
    }

    fn mean(&self) -> BigRational {
        self.0.iter().map(|(product, factor)| factor * ratio(Self::moment(product), 1)).sum()
    }

    fn mean_square(&self) -> BigRational {
        // Exact adds some twenty times faster.
        let mut sum = Exact::ZERO;
        for (a, left) in &self.0 {
            let left = Exact::from_exact(left);
            for (b, right) in &self.0 {
                let moment = Exact::from(Self::moment(&[&a[..], &b[..]].concat()));
                sum += moment * &left * Exact::from_exact(right);
            }
        }
        to_rational(&sum)
    }
}

/// Some critic of a degree.
fn some_critic(degree: Degree, entries: usize) -> Critic {
    let mut critic = Critic::constant(ratio(-1, 3), entries);
    critic.weights = (0..entries as i64).map(|k| ratio(3 - 2 * k, 1 + k)).collect();
    if degree == Degree::Quadratic {
        let cell = |(j, k)| ratio(2 + 3 * j - 2 * k, 1 + j + k);
        let row = |j| (0..entries as i64).map(|k| cell((j, k))).collect();
        critic.matrix = (0..entries as i64).map(row).collect();
    }
    critic
}

/// RELAX is unbiased, and varies as the formula says: an estimate is a polynomial in independent exponentials, which is found by its
/// values.
#[test]
fn relax_has_the_exact_mean_and_variance() {
    let mut caught = Vec::new();
    each(|model, loss| {
        if loss.name() != "default" {
            return;
        }
        let rates = model.rates();
        let gradient = model.gradient(loss, Limit::default()).unwrap().gradient;
        let all: Vec<Whole> = model
            .traces()
            .map(|outcome| Whole {
                p: outcome.probability,
                f: ratio(loss.of(model, &outcome.structure), 1),
                trace: outcome.trace,
            })
            .collect();
        if all.len() * rates.len() > 60 {
            return; // for each a square of the number of terms
        }
        for degree in DEGREES {
            let critic = some_critic(degree, rates.len());
            let found = model.critics_of(loss, degree, Limit::default()).unwrap().variance(&critic).unwrap();
            for i in 0..rates.len() {
                if rates[i].is_zero() {
                    assert!(found[i].is_zero());
                    continue;
                }
                let mut means = [0; 4].map(|_| BigRational::zero());
                let mut square = BigRational::zero();
                for seen in &all {
                    let races = seen.trace.races().len();
                    let lengths = [races, rates.len(), races, rates.len()];
                    let variables = lengths.iter().sum();
                    let mut values = BTreeMap::new();
                    for steps in (0..=2).flat_map(|size| (0..variables).combinations_with_replacement(size)) {
                        let mut there = vec![BigRational::zero(); variables];
                        steps.iter().for_each(|&g| there[g] += ratio(1, 1));
                        let mut there = there.into_iter();
                        let e = lengths.map(|length| there.by_ref().take(length).collect());
                        values.insert(steps, relax(model, &critic, seen, i, &e));
                    }
                    for (number, mean) in means.iter_mut().enumerate() {
                        let estimate = Polynomial::of(variables, |steps| values[steps][number].clone());
                        *mean += &seen.p * estimate.mean();
                        if number == 0 {
                            square += &seen.p * estimate.mean_square();
                        }
                    }
                }
                assert_eq!(means[0], gradient[i], "{model:?} {i} {degree:?}");
                assert_eq!(found[i], square - &means[0] * &means[0], "{model:?} {i} {degree:?}");
                let wrong = means[1..].iter().zip(MISTAKES).filter(|(mean, _)| **mean != gradient[i]);
                caught.extend(wrong.map(|(_, mistake)| (degree, mistake)));
            }
        }
    });
    for both in DEGREES.into_iter().cartesian_product(MISTAKES) {
        let times = caught.iter().filter(|of| **of == both).count();
        assert!(times >= 20, "{both:?} {times}");
    }
}

#[test]
fn the_best_critic_is_best() {
    let sum = |variances: Vec<BigRational>| variances.iter().sum::<BigRational>();
    each(|model, loss| {
        let of = |degree| model.critics_of(loss, degree, Limit::default()).unwrap();
        let total = |critics: &Critics, critic: &Critic| sum(critics.variance(critic).unwrap());
        let moments = model.score_moments_of(loss, Limit::default()).unwrap();
        let m = model.rates().len();
        if m > 4 && loss.name() != "default" || m > 6 {
            return; // many coefficients
        }
        let [linear, quadratic] = DEGREES.map(of);
        // A constant critic is a baseline, and a linear critic a quadratic one.
        for b in [ratio(0, 1), ratio(5, 7)] {
            let constant = Critic::constant(b.clone(), m);
            assert_eq!(linear.variance(&constant).unwrap(), moments.variance(Score::Trace, &b));
        }
        let some = some_critic(Degree::Linear, m);
        assert_eq!(linear.variance(&some), quadratic.variance(&some));
        let baseline = moments.best_baseline(Score::Trace).unwrap_or_default();
        let mut above = sum(moments.variance(Score::Trace, &baseline));
        for critics in [&linear, &quadratic] {
            let best = critics.best();
            let least = total(critics, &best);
            assert!(least <= above && least >= BigRational::zero());
            above = least.clone();
            let places = 1 + m + best.matrix.len() * m;
            for (k, by) in (0..places).cartesian_product([ratio(1, 100), ratio(-1, 100)]) {
                let mut other = best.clone();
                match k.checked_sub(1) {
                    None => other.constant += by,
                    Some(k) if k < m => other.weights[k] += by,
                    Some(k) => other.matrix[k / m - 1][k % m] += by,
                }
                assert!(total(critics, &other) >= least, "{model:?} {k}");
            }
        }
    });
}

#[test]
fn a_critic_of_another_shape_is_refused() {
    let model = Model::parse(MODELS[0]).unwrap();
    let loss = Loss::named(&model, "default").unwrap();
    let [linear, quadratic] =
        DEGREES.map(|degree| model.critics_of(&loss, degree, Limit::default()).unwrap());
    let error = linear.variance(&Critic::constant(ratio(1, 1), 4)).unwrap_err();
    assert_eq!(error.to_string(), "the critic has 4 weights: want 3, one per entry");
    let mut critic = some_critic(Degree::Quadratic, 3);
    assert_eq!(linear.variance(&critic), Err(WrongCritic::Products));
    critic.matrix[1].pop();
    let error = quadratic.variance(&critic).unwrap_err();
    assert_eq!(error.to_string(), "the critic has 2 numbers in a row of its matrix: want 3, one per entry");
    critic.matrix.pop();
    assert!(quadratic.variance(&critic).is_err());
}
