//! Estimates of gradients, held to the exact gradient and the exact variance.

use gumbel_oracle::instance::Rated as Instance;
use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::{Dual, ratio, to_f64};
use gumbel_oracle::relax::{Critic as Exact, Degree};
use gumbel_oracle::structure::Structure;
use gumbel_oracle::top_k::TopK;
use rand::distr::Open01;
use rand::rngs::ChaCha8Rng;
use rand::{Rng as _, RngExt as _, SeedableRng};
use rayon::prelude::*;
use recursive_gumbel::check::Options;
use recursive_gumbel::check::estimates::{self, Estimator, LawOfEstimates};
use recursive_gumbel::estimate::{
    Baseline, Constant, Critic, EstimateError, Estimates, Linear, Network, Plain, Quadratic, Reinforce,
    Relax, Score, TooFewDraws, Trainable,
};
use recursive_gumbel::fast::of_model;
use recursive_gumbel::report::Verdict;
use recursive_gumbel::sample::{Batch, Draw, Field, FromDraws, Rated, Reference, Sampler, Walker, WithRates};
use recursive_gumbel::statistics::Budget;

/// One small model of each structure, with absent entries where there may be some.
const MODELS: [&str; 7] = [
    r#"{"structure": "spanning_tree", "vertices": 4, "edges": [[0,1,1],[1,2,2],[2,3,5],[0,3,0],[0,2,3],[1,3,1]]}"#,
    r#"{"structure": "arborescence", "vertices": 4, "root": 1, "edges": [[1,0,1],[0,2,4],[2,0,3],[2,3,1],[3,2,2],[1,3,0.5]]}"#,
    r#"{"structure": "matching", "rates": [[1,2,3],[4,1,0.5],[2,2,1]]}"#,
    r#"{"structure": "binary_tree", "rates": [1,2,0.5,4]}"#,
    r#"{"structure": "top_k", "k": 2, "rates": [1,2,0,3]}"#,
    r#"{"structure": "permutation", "rates": [1,2.5,3]}"#,
    r#"{"structure": "categorical", "rates": [3,1,0,2]}"#,
];

const SCORES: [Score; 2] = [Score::Trace, Score::Exponentials];

/// So many estimates are compared with their law.
const ESTIMATES: usize = 10_000;

/// A difference of this many standard deviations is refuted. There are under 1,000 comparisons here, each of them of a mean of 10,000
/// terms with finite fourth moments, and the normal tail beyond 6.5 has 8e-11: a right estimator fails with probability below
/// 1e-6 even if the tail were ten times as heavy.
const BEYOND: f64 = 6.5;

/// How far the mean of estimates lies from the exact gradient, and the mean of their squared distances from the exact variance, in
/// standard deviations: the worst entry of each.
fn distances(estimates: &[Vec<f64>], gradient: &[f64], variance: &[f64]) -> [f64; 2] {
    let count = estimates.len() as f64;
    let mut worst = [0.0_f64; 2];
    for (k, (&g, &v)) in gradient.iter().zip(variance).enumerate() {
        let squares: Vec<f64> = estimates.iter().map(|of| (of[k] - g) * (of[k] - g)).collect();
        if v == 0.0 {
            assert!(squares.iter().all(|&square| square < 1e-20), "what does not vary is exact");
            continue;
        }
        let mean = estimates.iter().map(|of| of[k]).sum::<f64>() / count;
        worst[0] = worst[0].max((mean - g).abs() / (v / count).sqrt());
        let square = squares.iter().sum::<f64>() / count;
        let spread = squares.iter().map(|of| (of - square) * (of - square)).sum::<f64>() / count;
        worst[1] = worst[1].max((square - v).abs() / (spread / count).sqrt());
    }
    worst
}

/// Many estimates of a model's default loss, by its fast sampler or by the plain one.
fn estimates(model: &Model, estimator: Reinforce, reference: bool, seed: u64) -> Vec<Vec<f64>> {
    let loss = Loss::named(model, "default").unwrap();
    let rates: Vec<f64> = model.rates_as();
    let fast = of_model(model, 11).unwrap();
    let plain = Reference::new(model, 11).unwrap();
    let sampler: &dyn Sampler = if reference { &plain } else { &*fast };
    let one = |number: u64| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(number);
        let f = |x: &Structure| loss.of(model, x) as f64;
        let estimate = estimator.gradient(&Rated(sampler, &rates), f, &mut rng).unwrap();
        assert_eq!(
            estimate.value,
            estimate.diagnostics.losses.iter().sum::<f64>() / estimator.draws() as f64
        );
        estimate.gradient
    };
    (0..ESTIMATES as u64).into_par_iter().map(one).collect()
}

#[test]
fn estimates_have_the_exact_mean_and_the_exact_variance() {
    for (text, score) in MODELS.iter().flat_map(|text| SCORES.map(|score| (text, score))) {
        let model = Model::parse(text).unwrap();
        let loss = Loss::named(&model, "default").unwrap();
        let moments = model.score_moments_of(&loss, Limit::default()).unwrap();
        let gradient: Vec<f64> = moments.gradient().gradient.iter().map(to_f64).collect();
        let plain = Reinforce::new(score, 1).unwrap();
        let several = Reinforce::new(score, 3).unwrap();
        let cases = [
            (plain, moments.variance(score, &ratio(0, 1)), false),
            (plain, moments.variance(score, &ratio(0, 1)), true),
            (plain.constant(2.5).unwrap(), moments.variance(score, &ratio(5, 2)), false),
            (several.leave_one_out().unwrap(), moments.leave_one_out(score, 3).unwrap(), false),
        ];
        for (estimator, variance, reference) in cases {
            let variance: Vec<f64> = variance.iter().map(to_f64).collect();
            let found = estimates(&model, estimator, reference, 3);
            let worst = distances(&found, &gradient, &variance);
            assert!(worst.iter().all(|of| *of < BEYOND), "{text} {estimator:?}: {worst:?}");
            // Caught: a mean that is biased as by a baseline that contains its own draw, and one with the other sign.
            if estimator.baseline() == Baseline::LeaveOneOut {
                let biased: Vec<Vec<f64>> =
                    found.iter().map(|of| of.iter().map(|g| g * 2.0 / 3.0).collect()).collect();
                assert!(distances(&biased, &gradient, &variance)[0] > BEYOND, "{text} {score:?}");
                let turned: Vec<Vec<f64>> = found.iter().map(|of| of.iter().map(|g| -g).collect()).collect();
                assert!(distances(&turned, &gradient, &variance)[0] > BEYOND, "{text} {score:?}");
            }
        }
        // Caught: what is said to vary as the other score does.
        let other = SCORES[usize::from(score == Score::Trace)];
        let variance: Vec<f64> = moments.variance(other, &ratio(0, 1)).iter().map(to_f64).collect();
        assert!(distances(&estimates(&model, plain, false, 3), &gradient, &variance)[1] > BEYOND, "{text}");
    }
}

#[test]
fn the_variance_that_an_estimate_tells_is_its_own() {
    let model = Model::parse(MODELS[0]).unwrap();
    let loss = Loss::named(&model, "default").unwrap();
    let moments = model.score_moments_of(&loss, Limit::default()).unwrap();
    let sampler = Reference::new(&model, 1).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let f = |x: &Structure| loss.of(&model, x) as f64;
    let draws = 50_000;
    for score in SCORES {
        let estimator = Reinforce::new(score, draws).unwrap();
        let told = estimator.gradient(&sampler, f, &mut rng).unwrap().diagnostics.variance.unwrap();
        let exact = moments.variance(score, &ratio(0, 1));
        for (told, exact) in told.iter().zip(exact.iter().map(to_f64)) {
            // A variance from 50,000 terms is some 2 % off if their fourth moment is 30 times the square of the second; 20 % off
            // it is with no more than 1e-12.
            assert!((told * draws as f64 - exact).abs() <= 0.2 * exact, "{told} {exact}");
        }
        assert_eq!(told[3], 0.0); // absent
        for estimator in [Reinforce::new(score, 1).unwrap(), estimator.leave_one_out().unwrap()] {
            assert_eq!(estimator.gradient(&sampler, f, &mut rng).unwrap().diagnostics.variance, None);
        }
    }
}

#[test]
fn estimates_are_those_of_their_draws_and_of_their_generator() {
    let model = Model::parse(MODELS[1]).unwrap();
    let loss = Loss::named(&model, "default").unwrap();
    let sampler = Reference::new(&model, 5).unwrap();
    let f = |x: &Structure| loss.of(&model, x) as f64;
    let estimator = Reinforce::new(Score::Trace, 4).unwrap().leave_one_out().unwrap();
    let estimate = |seed: u64| estimator.gradient(&sampler, f, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
    assert_eq!(estimate(1), estimate(1));
    assert!(estimate(1) != estimate(2));
    // By hand from the same draws.
    let found = estimate(1);
    let mut batch = Batch::new(6, &[Field::Structure, Field::Score]);
    sampler.fill(found.diagnostics.first, 4, &mut batch);
    let losses: Vec<f64> = (0..4).map(|draw| f(batch.structure(draw).unwrap())).collect();
    assert_eq!(found.diagnostics.losses, losses);
    for k in 0..6 {
        let term = |i: usize| {
            let others = (losses.iter().sum::<f64>() - losses[i]) / 3.0;
            (losses[i] - others) * batch.score(i).unwrap()[k] / 4.0
        };
        let by_hand: f64 = (0..4).map(term).sum();
        assert!((found.gradient[k] - by_hand).abs() < 1e-14);
    }
}

/// A recursion of one's own is sampled by the reference, and needs nothing more.
#[test]
fn a_structure_of_ones_own_has_estimates() {
    let rates = vec![ratio(1, 1), ratio(2, 1), ratio(3, 1)];
    let instance = Instance::new("two of three", TopK::new(3, 2), rates).unwrap();
    let sampler = Reference::new(&instance, 1).unwrap();
    let estimator = Reinforce::new(Score::Trace, 100_000).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let estimate =
        estimator.gradient(&sampler, |set| f64::from(u8::from(set.contains(&0))), &mut rng).unwrap();
    // P(0 is drawn) = 1/6 + 2/6·1/4 + 3/6·1/3 = 5/12; its logit makes it heavier, and the components add up to 0.
    assert!((estimate.value - 5.0 / 12.0).abs() < 0.01);
    assert!(estimate.gradient[0] < -0.1 && estimate.gradient.iter().sum::<f64>().abs() < 1e-9);
}

#[test]
fn what_makes_no_estimate_is_named() {
    assert_eq!(Reinforce::new(Score::Trace, 0), Err(EstimateError::NoDraws));
    let one = Reinforce::new(Score::Trace, 1).unwrap();
    assert_eq!(one.leave_one_out(), Err(TooFewDraws { draws: 1 }));
    assert_eq!(one.constant(f64::INFINITY), Err(EstimateError::Baseline(f64::INFINITY)));
    let model = Model::parse(MODELS[6]).unwrap();
    let sampler = Reference::new(&model, 5).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let error = one.gradient(&sampler, |_| f64::NAN, &mut rng).unwrap_err();
    assert!(error.to_string().ends_with("is NaN: want a finite number"), "{error}");
    /// Draws without scores.
    struct Bare<'a>(FromDraws<&'a (dyn Fn(u64) -> Draw + Sync)>);
    impl Sampler for Bare<'_> {
        fn fields(&self) -> &[Field] {
            &[Field::Structure]
        }
        fn fill(&self, first: u64, count: usize, batch: &mut Batch) {
            self.0.fill(first, count, batch);
        }
    }
    let draw = |number| sampler.draw(number);
    let bare = Bare(FromDraws(&draw));
    let error = one.gradient(&Rated(&bare, sampler.rates()), |_| 0.0, &mut rng);
    assert_eq!(error, Err(EstimateError::Lacks("score")));
    assert_eq!(WithRates::rates(&sampler), [3.0, 1.0, 0.0, 2.0]);
    let short = FromDraws(|number| Draw { score: vec![0.0; 3], ..sampler.draw(number) });
    let error = one.gradient(&Rated(&short, sampler.rates()), |_| 0.0, &mut rng).unwrap_err();
    assert!(error.to_string().ends_with("score has 3 values: want one for each of 4 entries"), "{error}");
    /// A sampler that makes nothing.
    struct Idle;
    impl Sampler for Idle {
        fn fill(&self, _: u64, _: usize, _: &mut Batch) {}
    }
    let error = one.gradient(&Rated(&Idle, sampler.rates()), |_| 0.0, &mut rng).unwrap_err();
    assert!(error.to_string().ends_with("the sampler has not made it"), "{error}");
}

/// What one gets wrong in RELAX.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Mistake {
    None,
    /// The conditional draw is taken for constant.
    Detached,
    /// The race totals are.
    FixedTotals,
    /// The gradient of the critic at the draw has the other sign.
    Sign,
    /// The loss is compared with the critic of another item of the batch. (That of the draw itself would do: given the trace it has
    /// the law of the conditional draw.)
    OtherItem,
}

const MISTAKES: [Mistake; 4] = [Mistake::Detached, Mistake::FixedTotals, Mistake::Sign, Mistake::OtherItem];

/// One draw of RELAX from the definition, with the random numbers of the library.
fn relax_by_hand(
    model: &Model,
    sampler: &Reference<'_>,
    critic: &dyn Critic,
    rng: &mut ChaCha8Rng,
    mistake: Mistake,
) -> Vec<f64> {
    let loss = Loss::named(model, "default").unwrap();
    let rates = sampler.rates();
    let number = rng.next_u64() >> 3;
    let draw = sampler.draw(number);
    let uniforms: Vec<f64> = rates.iter().map(|_| rng.sample(Open01)).collect();
    let present = |weights: Vec<f64>| -> Vec<f64> {
        weights.into_iter().map(|e| if e.is_finite() { e } else { 0.0 }).collect()
    };
    let given = draw.trace.exponentials(rates, &uniforms).into_iter().map(|e| e.unwrap_or(0.0)).collect();
    let (drawn, given): (Vec<f64>, Vec<f64>) = (present(draw.exponentials.clone()), given);
    let compared = match mistake {
        Mistake::OtherItem => critic.value(&present(sampler.draw(number + 1).conditional)),
        _ => critic.value(&given),
    };
    let left = loss.of(model, &draw.structure) as f64 - compared;
    let (at_drawn, at_given) = (critic.gradient(&drawn), critic.gradient(&given));
    let sign = if mistake == Mistake::Sign { -1.0 } else { 1.0 };
    let pulled = |i: usize| -> f64 {
        // By dual numbers; a rate that is absent has no logit.
        let dual = |k: usize| if k == i { Dual::logit(rates[k]) } else { Dual::constant(rates[k]) };
        let duals: Vec<Dual<f64>> = (0..rates.len()).map(dual).collect();
        let uniforms: Vec<Dual<f64>> = uniforms.iter().map(|&u| Dual::constant(u)).collect();
        let weights = draw.trace.exponentials(&duals, &uniforms);
        weights.iter().zip(&at_given).map(|(e, slope)| e.as_ref().map_or(0.0, |e| e.derivative * slope)).sum()
    };
    let of = |i: usize| match mistake {
        _ if rates[i] == 0.0 => 0.0,
        Mistake::Detached => left * draw.score[i] + at_drawn[i] * drawn[i],
        Mistake::FixedTotals => left * draw.score[i] - at_given[i] * given[i] + at_drawn[i] * drawn[i],
        _ => left * draw.score[i] - pulled(i) + sign * at_drawn[i] * drawn[i],
    };
    (0..rates.len()).map(of).collect()
}

/// Critics of each sort, with weights that are no use but to be wrong with.
fn critics(entries: usize) -> [Box<dyn Critic + Sync>; 3] {
    let weights: Vec<f64> = (0..entries).map(|k| 0.7 - 0.4 * k as f64).collect();
    let matrix: Vec<f64> = (0..entries * entries).map(|cell| 0.1 * (cell % 5) as f64 - 0.15).collect();
    [
        Box::new(Constant(2.5)),
        Box::new(Linear { constant: 0.5, weights: weights.clone() }),
        Box::new(Quadratic { constant: -0.5, weights, matrix }),
    ]
}

/// The same critics in fractions.
fn exact_critic(number: usize, entries: usize) -> Exact {
    let mut critic = Exact::constant([ratio(5, 2), ratio(1, 2), ratio(-1, 2)][number].clone(), entries);
    if number > 0 {
        critic.weights = (0..entries as i64).map(|k| ratio(7 - 4 * k, 10)).collect();
    }
    if number > 1 {
        let cells: Vec<_> =
            (0..(entries * entries) as i64).map(|cell| ratio(2 * (cell % 5) - 3, 20)).collect();
        critic.matrix = cells.chunks(entries).map(<[_]>::to_vec).collect();
    }
    critic
}

#[test]
fn relax_is_that_of_its_definition_which_has_the_exact_mean() {
    let mut caught = Vec::new();
    for text in MODELS {
        let model = Model::parse(text).unwrap();
        let loss = Loss::named(&model, "default").unwrap();
        let moments = model.score_moments_of(&loss, Limit::default()).unwrap();
        let gradient: Vec<f64> = moments.gradient().gradient.iter().map(to_f64).collect();
        let quadratic = model.critics_of(&loss, Degree::Quadratic, Limit::default()).unwrap();
        let sampler = Reference::new(&model, 11).unwrap();
        let walker = Walker::new(&model);
        for (number, critic) in critics(gradient.len()).into_iter().enumerate() {
            let stream = |number: u64| {
                let mut rng = ChaCha8Rng::seed_from_u64(21);
                rng.set_stream(number);
                rng
            };
            let many = |mistake: Mistake| -> Vec<Vec<f64>> {
                let one =
                    |number: u64| relax_by_hand(&model, &sampler, &*critic, &mut stream(number), mistake);
                (0..ESTIMATES as u64).into_par_iter().map(one).collect()
            };
            let right = many(Mistake::None);
            let spread = |found: &[Vec<f64>]| -> Vec<f64> {
                let squares = |k: usize| found.iter().map(|of| (of[k] - gradient[k]).powi(2)).sum::<f64>();
                (0..gradient.len()).map(|k| squares(k) / ESTIMATES as f64).collect()
            };
            let exact = exact_critic(number, gradient.len());
            let variance: Vec<f64> = quadratic.variance(&exact).unwrap().iter().map(to_f64).collect();
            let worst = distances(&right, &gradient, &variance);
            assert!(worst.iter().all(|of| *of < BEYOND), "{text} {number}: {worst:?}");
            // A constant has no gradient to be mistaken in.
            for mistake in MISTAKES.into_iter().filter(|_| number > 0) {
                let wrong = many(mistake);
                caught.extend((distances(&wrong, &gradient, &spread(&wrong))[0] > BEYOND).then_some(mistake));
            }
            // The library, by walks and by plain races.
            let relax = Relax::new(critic, 1).unwrap();
            for (number, by_hand) in right.iter().take(200).enumerate() {
                let f = |x: &Structure| loss.of(&model, x) as f64;
                let found = relax.gradient(&sampler, &walker, f, &mut stream(number as u64)).unwrap();
                let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-10 * b.abs().max(1.0);
                assert!(found.gradient.iter().zip(by_hand).all(close), "{:?} {by_hand:?}", found.gradient);
            }
        }
    }
    for mistake in MISTAKES {
        let times = caught.iter().filter(|of| **of == mistake).count();
        assert!(times >= 9, "{mistake:?} {times}"); // of 7 models with 2 critics
    }
}

#[test]
fn relax_takes_any_recursion_and_refuses_other_races() {
    let top = TopK::new(3, 2);
    let rates = [1.0, 2.0, 3.0];
    let model = Model::parse(r#"{"structure": "top_k", "k": 2, "rates": [1, 2, 3]}"#).unwrap();
    let sampler = Reference::new(&model, 1).unwrap();
    let critic = Linear { constant: 1.0, weights: vec![0.5, -1.0, 2.0] };
    let relax = Relax::new(critic, 50).unwrap();
    let f = |x: &Structure| {
        if let Structure::Entries(set) = x { f64::from(u8::from(set.contains(&0))) } else { 0.0 }
    };
    let rng = || ChaCha8Rng::seed_from_u64(3);
    let walked = relax.gradient(&sampler, &Walker::new(&model), f, &mut rng()).unwrap();
    let plain = relax.gradient(&sampler, &Plain(&top, &rates), f, &mut rng()).unwrap();
    assert!(walked.gradient.iter().zip(&plain.gradient).all(|(a, b)| (a - b).abs() < 1e-13));
    assert_eq!(walked.diagnostics.losses.len(), 50);
    assert!(walked.diagnostics.variance.unwrap().iter().all(|&v| v > 0.0));
    let other = Model::parse(r#"{"structure": "categorical", "rates": [1, 2, 3]}"#).unwrap();
    let error = relax.gradient(&sampler, &Walker::new(&other), f, &mut rng()).unwrap_err();
    assert!(error.to_string().contains("the trace has 2 races, but the algorithm stops after 1"), "{error}");
    let error = relax.gradient(&sampler, &Plain(&TopK::new(3, 1), &rates), f, &mut rng()).unwrap_err();
    assert!(matches!(error, EstimateError::OtherRaces { .. }), "{error}");
    let four = Model::parse(r#"{"structure": "top_k", "k": 2, "rates": [1, 2, 3, 4]}"#).unwrap();
    let error = relax.gradient(&sampler, &Walker::new(&four), f, &mut rng()).unwrap_err();
    assert_eq!(error, EstimateError::OtherRates { entry: 3, races: Some(4.0), sampler: None });
    let error = relax.gradient(&sampler, &Plain(&top, &[1.0, 2.0, 4.0]), f, &mut rng()).unwrap_err();
    assert!(error.to_string().starts_with("the races have rate 4 at entry 2, the sampler has 3"), "{error}");
    let error = relax.gradient(&sampler, &Plain(&TopK::new(4, 2), &rates), f, &mut rng()).unwrap_err();
    assert!(error.to_string().contains("4 entries and 3 rates"), "{error}");
    assert_eq!(Relax::new(Constant(0.0), 0).unwrap_err(), EstimateError::NoDraws);
}

/// `‖g‖²` of one draw, by the critic's parameters: the derivative against differences of the same random numbers.
#[test]
fn the_derivative_of_the_squared_norm_is_that_of_differences() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for text in MODELS {
        let model = Model::parse(text).unwrap();
        let loss = Loss::named(&model, "default").unwrap();
        let f = |x: &Structure| loss.of(&model, x) as f64;
        let (sampler, walker) = (Reference::new(&model, 1).unwrap(), Walker::new(&model));
        let m = model.rates().len();
        let network = Network::new(m, 4, &mut rng);
        let critics: [Box<dyn Trainable>; 4] = [
            Box::new(Constant(0.0)),
            Box::new(Linear { constant: 0.0, weights: vec![0.0; m] }),
            Box::new(Quadratic { constant: 0.0, weights: vec![0.0; m], matrix: vec![0.0; m * m] }),
            Box::new(network),
        ];
        for mut critic in critics {
            let parameters: Vec<f64> =
                critic.parameters().iter().map(|p| p + rng.random_range(-0.5..0.5)).collect();
            critic.set(&parameters);
            let seed = rng.random();
            let mut relax = Relax::new(critic, 1).unwrap();
            let mut stream = ChaCha8Rng::seed_from_u64(seed);
            let (estimate, derivative) =
                relax.gradient_and_derivative(&sampler, &walker, f, &mut stream).unwrap();
            let mut norm = |changed: &[f64]| {
                relax.critic_mut().set(changed);
                let mut stream = ChaCha8Rng::seed_from_u64(seed);
                let estimate = relax.gradient(&sampler, &walker, f, &mut stream).unwrap();
                (estimate.gradient.iter().map(|g| g * g).sum::<f64>(), estimate)
            };
            assert_eq!(norm(&parameters).1, estimate);
            let scale = 1.0 + norm(&parameters).0;
            for i in 0..parameters.len() {
                let mut at = |by: f64| {
                    let mut changed = parameters.clone();
                    changed[i] += by;
                    norm(&changed).0
                };
                let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!(
                    (derivative[i] - difference).abs() < 1e-5 * scale,
                    "{text} {i}: {} {difference}",
                    derivative[i]
                );
            }
        }
    }
}

/// Critics learn: the linear one comes close to the best there is, and the network is no worse than a constant.
#[test]
fn critics_that_are_trained_come_close_to_the_best() {
    let model =
        Model::parse(r#"{"structure": "spanning_tree", "vertices": 3, "edges": [[0,1,4],[0,2,2],[1,2,1]]}"#)
            .unwrap();
    let loss = Loss::named(&model, "default").unwrap();
    let f = |x: &Structure| loss.of(&model, x) as f64;
    let (sampler, walker) = (Reference::new(&model, 1).unwrap(), Walker::new(&model));
    let critics = model.critics_of(&loss, Degree::Linear, Limit::default()).unwrap();
    let moments = model.score_moments_of(&loss, Limit::default()).unwrap();
    let total = |variances: &[num_rational::BigRational]| variances.iter().map(to_f64).sum::<f64>();
    let best = total(&critics.variance(&critics.best()).unwrap());
    let baseline = moments.best_baseline(Score::Trace).unwrap();
    let constant = total(&moments.variance(Score::Trace, &baseline));
    let trained = |critic: Box<dyn Trainable>| {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut relax = Relax::new(critic, 10).unwrap();
        for step in 0..3_000 {
            let (_, derivative) = relax.gradient_and_derivative(&sampler, &walker, f, &mut rng).unwrap();
            let rate = 0.1 / (1.0 + f64::from(step) / 150.0);
            let changed: Vec<f64> =
                relax.critic().parameters().iter().zip(derivative).map(|(p, d)| p - rate * d).collect();
            relax.critic_mut().set(&changed);
        }
        // What is left, from many draws: the mean squared norm less that of the gradient.
        let many = Relax::new(relax.critic(), 100_000).unwrap();
        let found = many.gradient(&sampler, &walker, f, &mut rng).unwrap();
        let variance = found.diagnostics.variance.unwrap().iter().sum::<f64>() * 100_000.0;
        (relax.critic().parameters(), variance)
    };
    let (parameters, _) = trained(Box::new(Linear { constant: 0.0, weights: vec![0.0; 3] }));
    let exact = |value: &f64| num_rational::BigRational::from_float(*value).unwrap();
    let learnt = Exact {
        weights: parameters[1..].iter().map(exact).collect(),
        ..Exact::constant(exact(&parameters[0]), 3)
    };
    let linear = total(&critics.variance(&learnt).unwrap());
    assert!(best < linear && linear < 1.02 * best && 1.02 * best < constant, "{best} {linear} {constant}");
    let (_, network) = trained(Box::new(Network::new(3, 32, &mut ChaCha8Rng::seed_from_u64(6))));
    assert!(network < constant, "{network} {constant}");
}

/// A critic that is not of this model, or no critic, is told so, and nothing panics.
#[test]
fn a_wrong_critic_is_refused() {
    /// So many numbers, all of them this one.
    struct All(usize, f64);
    impl Critic for All {
        fn value(&self, _: &[f64]) -> f64 {
            1.0
        }
        fn gradient(&self, _: &[f64]) -> Vec<f64> {
            vec![self.1; self.0]
        }
    }
    /// With a derivative too few.
    struct Short(Linear);
    impl Critic for Short {
        fn value(&self, e: &[f64]) -> f64 {
            self.0.value(e)
        }
        fn gradient(&self, e: &[f64]) -> Vec<f64> {
            self.0.gradient(e)
        }
    }
    impl Trainable for Short {
        fn parameters(&self) -> Vec<f64> {
            self.0.parameters()
        }
        fn set(&mut self, parameters: &[f64]) {
            self.0.set(parameters);
        }
        fn in_parameters(&self, e: &[f64]) -> Vec<f64> {
            e.to_vec()
        }
        fn slope_in_parameters(&self, e: &[f64], direction: &[f64]) -> Vec<f64> {
            self.0.slope_in_parameters(e, direction)
        }
    }
    let model = Model::parse(MODELS[5]).unwrap();
    let (sampler, walker) = (Reference::new(&model, 1).unwrap(), Walker::new(&model));
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let linear = |constant: f64, weights: usize| Linear { constant, weights: vec![1.0; weights] };
    let network = Network::new(2, 3, &mut rng);
    let quadratic = Quadratic { constant: 0.0, weights: vec![0.0; 3], matrix: vec![0.0; 4] };
    let critics: [(Box<dyn Critic>, &str); 7] = [
        (Box::new(linear(0.0, 4)), "the critic has 4 weights: want 3 for 3 entries"),
        (Box::new(quadratic), "the critic has 4 numbers in its matrix: want 9 for 3 entries"),
        (Box::new(network), "the critic has 2 inputs: want 3 for 3 entries"),
        (Box::new(linear(f64::NAN, 3)), "the critic has the value NaN: want a finite number"),
        (Box::new(All(2, 0.0)), "the critic has 2 numbers in its gradient: want 3"),
        (Box::new(All(3, f64::INFINITY)), "the critic has inf in its gradient: want finite numbers"),
        (Box::new(All(4, 0.0)), "the critic has 4 numbers in its gradient: want 3"),
    ];
    for (critic, want) in critics {
        let relax = Relax::new(critic, 2).unwrap();
        let error = relax.gradient(&sampler, &walker, |_| 1.0, &mut rng).unwrap_err();
        assert_eq!(error.to_string(), want);
    }
    let relax = Relax::new(Short(linear(0.0, 3)), 2).unwrap();
    let error = relax.gradient_and_derivative(&sampler, &walker, |_| 1.0, &mut rng).unwrap_err();
    assert_eq!(error.to_string(), "the critic has 3 numbers in a derivative in its parameters: want 4");
}

/// Right estimates are held to their law, wrong ones are refuted: those with another mean, and those that have the mean and another
/// covariance. By the checks of `verify`; each report alarms falsely with probability at most 1e-6.
#[test]
fn wrong_estimates_are_refuted_by_mean_or_covariance() {
    let model = Model::parse(MODELS[0]).unwrap();
    let loss = Loss::named(&model, "default").unwrap();
    let f = |x: &Structure| loss.of(&model, x) as f64;
    let (sampler, walker) = (Reference::new(&model, 31).unwrap(), Walker::new(&model));
    let m = model.rates().len();
    let options = Options { samples: 20_000, alpha: 1e-6, departure: 1.0 };
    let budget = Budget::new(options.alpha, LawOfEstimates::tests(&model)).unwrap();
    let refuted = |of: &Estimator, made: &dyn Sampler| -> Vec<String> {
        let law = LawOfEstimates::of(&model, &loss, of).unwrap();
        let rows = estimates::judge("k", &model, &law, made, &options, &budget, |_| {}).unwrap();
        let wrong = rows.iter().filter(|row| row.verdict == Verdict::Refuted);
        wrong.map(|row| row.check.split(',').next().unwrap().to_owned()).collect()
    };
    let [trace, exponentials] = [Score::Trace, Score::Exponentials];
    let plain = |score| Reinforce::new(score, 1).unwrap();
    let pair = |score| Reinforce::new(score, 2).unwrap().leave_one_out().unwrap();
    let critic = Linear { constant: 0.5, weights: (0..m).map(|k| 0.75 - 0.5 * k as f64).collect() };
    let none: [&str; 0] = [];
    for (seed, score) in [(1, trace), (2, exponentials)] {
        let made = Estimates::new(seed, |rng| plain(score).gradient(&sampler, f, rng));
        assert_eq!(refuted(&Estimator::Plain(score), &made), none);
        let made = Estimates::new(seed, |rng| pair(score).gradient(&sampler, f, rng));
        assert_eq!(refuted(&Estimator::Pair(score), &made), none);
        // The draws share nothing, but are taken for one: half the variance.
        let twice = Reinforce::new(score, 2).unwrap();
        let made = Estimates::new(seed, |rng| twice.gradient(&sampler, f, rng));
        assert_eq!(refuted(&Estimator::Plain(score), &made), ["covariance"]);
        // A baseline of all draws, the draw itself among them: half as long.
        let made = Estimates::new(seed, |rng| {
            let mut estimate = pair(score).gradient(&sampler, f, rng)?;
            estimate.gradient.iter_mut().for_each(|g| *g /= 2.0);
            Ok(estimate)
        });
        assert_eq!(refuted(&Estimator::Pair(score), &made), ["mean", "covariance"]);
    }
    let relax = Relax::new(critic.clone(), 1).unwrap();
    let relaxed = Estimator::Relax(critic.clone());
    let made = Estimates::new(3, |rng| relax.gradient(&sampler, &walker, f, rng));
    assert_eq!(refuted(&relaxed, &made), none);
    // Another critic: the mean is right, as it must be.
    let other = Relax::new(Linear { constant: 0.0, ..critic.clone() }, 1).unwrap();
    let made = Estimates::new(4, |rng| other.gradient(&sampler, &walker, f, rng));
    assert_eq!(refuted(&relaxed, &made), ["covariance"]);
    // The score of the exponentials in the place of that of the trace, and the other way round.
    let made = Estimates::new(5, |rng| plain(exponentials).gradient(&sampler, f, rng));
    assert_eq!(refuted(&Estimator::Plain(trace), &made), ["covariance"]);
    // One estimate in a hundred that cannot be made is told, and what is told is why.
    let made = Estimates::new(6, |rng| match rng.next_u64() % 100 {
        0 => plain(trace).gradient(&sampler, |_| f64::NAN, rng),
        _ => plain(trace).gradient(&sampler, f, rng),
    });
    let law = LawOfEstimates::of(&model, &loss, &Estimator::Plain(trace)).unwrap();
    let rows = estimates::judge("k", &model, &law, &made, &options, &budget, |_| {}).unwrap();
    let form = rows.iter().find(|row| row.subject == "form").unwrap();
    assert!(form.verdict == Verdict::Refuted && form.note.contains("want a finite number"), "{}", form.note);
}
