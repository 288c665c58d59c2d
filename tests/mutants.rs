//! Samplers that are wrong on purpose, and the check of `verify` that catches each.
//!
//! Every run has its seed. The report as a whole refutes a right sampler with probability at most 1e-6 over seeds; a mutant
//! is caught by a departure far above the smallest that its check states.

use gumbel_oracle::model::Model;
use recursive_gumbel::reference::{Draw, Reference, Sampler};
use recursive_gumbel::statistics::Budget;
use recursive_gumbel::verify::{Options, Row, Verdict, judge, tests};

const K4: &str = include_str!("../examples/models/k4.json");
const NESTED: &str = include_str!("../examples/models/nested_arborescence.json");
const MATCHING: &str = include_str!("../examples/models/matching3.json");

/// A sampler made from the right one by a mistake in its draws.
struct Mutant<'m, F> {
    right: Reference<'m>,
    mistake: F,
}

impl<F: Fn(&Reference<'_>, u64) -> Draw + Sync> Sampler for Mutant<'_, F> {
    fn draw(&self, index: u64) -> Draw {
        (self.mistake)(&self.right, index)
    }
}

fn report(model: &Model, sampler: &dyn Sampler) -> Vec<Row> {
    let options = Options { samples: 20_000, ..Options::default() };
    let budget = Budget::new(options.alpha, tests(model)).unwrap();
    judge("model", model, sampler, &options, &budget, |_| ()).unwrap()
}

/// The subjects of the rows that refute, without repetition.
fn refuted(model: &str, mistake: impl Fn(&Reference<'_>, u64) -> Draw + Sync) -> Vec<&'static str> {
    let model = Model::parse(model).unwrap();
    let mutant = Mutant { right: Reference::new(&model, 11).unwrap(), mistake };
    let mut subjects: Vec<&str> = report(&model, &mutant)
        .into_iter()
        .filter(|row| row.verdict == Verdict::Refuted)
        .map(|row| {
            assert!(!row.note.is_empty(), "a refutation says what is wrong");
            row.subject
        })
        .collect();
    subjects.dedup();
    subjects
}

/// A right draw of the model with other rates, or on other weights.
fn on_weights(right: &Reference<'_>, model: &str, index: u64, weights: impl Fn(f64, f64) -> f64) -> Draw {
    let model = Model::parse(model).unwrap();
    let draw = right.draw(index);
    let given: Vec<f64> =
        draw.exponentials.iter().zip(right.rates()).map(|(e, &rate)| weights(e.unwrap(), rate)).collect();
    let run = model.run(&given).unwrap();
    Draw {
        structure: run.structure,
        log_prob: run.trace.log_probability(right.rates()),
        score: run.trace.score(right.rates()),
        conditional: run.trace.exponentials(right.rates(), &uniforms(right, index)),
        exponentials: given.into_iter().map(Some).collect(),
        trace: run.trace,
    }
}

/// Uniforms that have nothing to do with the draw.
fn uniforms(right: &Reference<'_>, index: u64) -> Vec<f64> {
    let other = right.weights(index + (1 << 40));
    other.iter().zip(right.rates()).map(|(e, rate)| libm::exp(-e * rate)).collect()
}

#[test]
fn the_right_sampler_is_not_refuted() {
    for model in [K4, NESTED, MATCHING] {
        assert_eq!(refuted(model, |right, index| right.draw(index)), [""; 0]);
    }
}

#[test]
fn rates_taken_for_means_are_caught_by_the_laws_and_by_the_exponentials() {
    let caught = refuted(K4, |right, index| on_weights(right, K4, index, |e, rate| e * rate * rate));
    assert_eq!(caught, ["structures", "traces", "exponentials"]);
}

#[test]
fn the_largest_weight_taken_for_the_smallest_is_caught() {
    let caught = refuted(K4, |right, index| {
        let mut draw = on_weights(right, K4, index, |e, _| -e);
        draw.exponentials = right.draw(index).exponentials;
        draw
    });
    assert_eq!(caught, ["structures", "traces", "rerun"]);
}

#[test]
fn one_rate_wrong_by_a_fifth_is_caught() {
    let caught = refuted(K4, |right, index| {
        let wrong = right.rates()[0];
        on_weights(right, K4, index, |e, rate| if rate == wrong { e / 1.2 } else { e })
    });
    assert!(caught.contains(&"structures") && caught.contains(&"exponentials"), "{caught:?}");
}

#[test]
fn a_log_probability_without_the_last_race_is_caught() {
    let caught = refuted(NESTED, |right, index| {
        let mut draw = right.draw(index);
        let last = draw.trace.races().last().unwrap();
        let total: f64 = last.total(right.rates());
        draw.log_prob -= libm::log(right.rates()[last.winner] / total);
        draw
    });
    assert_eq!(caught, ["log-probability"]);
}

#[test]
fn a_score_of_the_other_sign_is_caught() {
    let caught = refuted(MATCHING, |right, index| {
        let mut draw = right.draw(index);
        draw.score.iter_mut().for_each(|s| *s = -*s);
        draw
    });
    assert_eq!(caught, ["score"]);
}

#[test]
fn a_conditional_draw_that_forgets_the_trace_is_caught() {
    let caught = refuted(K4, |right, index| {
        let mut draw = right.draw(index);
        draw.conditional = right.draw(index + (1 << 40)).exponentials;
        draw
    });
    assert_eq!(caught, ["conditional", "round trip"]);
}

#[test]
fn a_conditional_draw_that_does_not_add_up_the_times_is_caught() {
    // The losers of the first race are drawn afresh, without the times of the races they lost.
    let caught = refuted(MATCHING, |right, index| {
        let mut draw = right.draw(index);
        let fresh = right.draw(index + (1 << 40)).exponentials;
        let won = draw.trace.won();
        for (k, e) in draw.conditional.iter_mut().enumerate() {
            if won[k].is_none() {
                *e = fresh[k];
            }
        }
        draw
    });
    assert_eq!(caught, ["conditional", "round trip"]);
}

#[test]
fn the_same_uniform_for_two_entries_is_caught_by_the_pairs() {
    let caught = refuted(K4, |right, index| {
        let mut draw = right.draw(index);
        let mut same = uniforms(right, index);
        same[1] = same[0];
        draw.conditional = draw.trace.exponentials(right.rates(), &same);
        draw
    });
    assert_eq!(caught, ["pairs"]);
}

#[test]
fn the_draw_itself_given_out_as_a_conditional_draw_is_not_told_apart_here() {
    // Given its trace, the weights that made it do follow p(E | T): on one draw per trace nothing is wrong.
    let caught = refuted(K4, |right, index| {
        let mut draw = right.draw(index);
        draw.conditional.clone_from(&draw.exponentials);
        draw
    });
    assert_eq!(caught, [""; 0]);
}

#[test]
fn the_gibbs_law_is_caught() {
    // Spanning trees with probability proportional to the product of their rates, by enumeration.
    let caught = refuted(K4, |right, index| {
        let model = Model::parse(K4).unwrap();
        let right_draw = right.draw(index);
        let all: Vec<_> = model.traces().collect();
        let weight = |t: &gumbel_oracle::race::Trace| -> f64 {
            t.races().iter().map(|r| right.rates()[r.winner]).product()
        };
        let total: f64 = all.iter().map(|t| weight(&t.trace)).sum();
        let mut left = uniforms(right, index)[0] * total;
        let mut chosen = all.len() - 1;
        for (i, outcome) in all.iter().enumerate() {
            left -= weight(&outcome.trace);
            if left <= 0.0 {
                chosen = i;
                break;
            }
        }
        let trace = all[chosen].trace.clone();
        Draw {
            structure: all[chosen].structure.clone(),
            log_prob: trace.log_probability(right.rates()),
            score: trace.score(right.rates()),
            conditional: trace.exponentials(right.rates(), &uniforms(right, index + 1)),
            trace,
            exponentials: right_draw.exponentials,
        }
    });
    assert!(caught.contains(&"structures") && caught.contains(&"traces"), "{caught:?}");
}

#[test]
fn edmonds_without_contraction_draws_impossible_things_and_is_caught() {
    // Every vertex keeps the arc that won its first race: cycles are given out as arborescences.
    let caught = refuted(NESTED, |right, index| {
        let mut draw = right.draw(index);
        let races: Vec<_> = draw.trace.races().iter().take(4).cloned().collect();
        draw.structure =
            gumbel_oracle::structure::EntrySet::from_iter(races.iter().map(|race| race.winner)).into();
        draw
    });
    assert_eq!(caught, ["structures", "rerun", "round trip"]);
}

#[test]
fn the_default_number_of_draws_is_enough_for_every_built_in_model() {
    // The power depends on the law and the number of draws, not on the draws: the same budget as `verify` has.
    use recursive_gumbel::verify::{DEFAULT_SAMPLES, MODELS};
    let models: Vec<Model> = MODELS.iter().map(|(_, text)| Model::parse(text).unwrap()).collect();
    let budget = Budget::new(Options::default().alpha, models.iter().map(tests).sum()).unwrap();
    let bridge = models.iter().max_by_key(|model| model.trace_count()).unwrap();
    assert_eq!(bridge.trace_count(), Some(1080_u32.into()));
    let options = Options { samples: DEFAULT_SAMPLES, ..Options::default() };
    let sampler = Reference::new(bridge, 5).unwrap();
    let rows = judge("the one with most traces", bridge, &sampler, &options, &budget, |_| ()).unwrap();
    assert!(rows.iter().all(|row| row.verdict == Verdict::Held));
}

#[test]
fn a_few_draws_are_called_underpowered() {
    let model = Model::parse(K4).unwrap();
    let sampler = Reference::new(&model, 1).unwrap();
    let options = Options { samples: 300, ..Options::default() };
    let budget = Budget::new(options.alpha, tests(&model)).unwrap();
    let rows = judge("model", &model, &sampler, &options, &budget, |_| ()).unwrap();
    let verdict = |subject| rows.iter().find(|row| row.subject == subject).unwrap().verdict;
    assert_eq!(verdict("structures"), Verdict::Underpowered);
    assert_eq!(verdict("round trip"), Verdict::Held);
}
