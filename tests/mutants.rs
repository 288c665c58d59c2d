//! Samplers that are wrong on purpose, and the checks of `verify` that catch each.
//!
//! Every run has its seed. The report as a whole refutes a right sampler with probability at most 1e-6 over seeds; a mutant
//! is caught by a departure far above the smallest that its check states.

use gumbel_oracle::model::Model;
use gumbel_oracle::race::Trace;
use recursive_gumbel::check::{Asked, Method, Options, any_size, judge, tests};
use recursive_gumbel::report::{Row, Verdict};
use recursive_gumbel::sample::{Batch, Draw, Draws, Field, FromDraws, Reference, Sampler};
use recursive_gumbel::statistics::Budget;

const K4: &str = include_str!("../examples/models/k4.json");
const NESTED: &str = include_str!("../examples/models/nested_arborescence.json");
const MATCHING: &str = include_str!("../examples/models/matching3.json");

fn report(model: &Model, sampler: &dyn Sampler, samples: u64) -> Vec<Row> {
    let options = Options { samples, ..Options::default() };
    let budget = Budget::new(options.alpha, tests(model, &Field::DRAWN, &Asked::only(0.05))).unwrap();
    judge("model", model, sampler, &options, &budget, |_| ()).unwrap()
}

/// The subjects that refute without enumeration.
fn at_any_size(model: &Model, sampler: &dyn Sampler, samples: u64) -> Vec<&'static str> {
    let options = Options { samples, ..Options::default() };
    let budget =
        Budget::new(options.alpha, any_size::tests(model, &Field::DRAWN, &Asked::only(0.05))).unwrap();
    let rows = any_size::judge("model", model, sampler, &options, &budget, |_| ()).unwrap();
    let refuted = rows.into_iter().filter(|row| row.verdict == Verdict::Refuted);
    let mut subjects: Vec<&str> = refuted.map(|row| row.subject).collect();
    subjects.dedup();
    subjects
}

/// The subjects that refute if one looks after every batch of 64, and does not stop for any departure that so many draws would show.
fn at_every_look(model: &Model, sampler: &dyn Sampler, samples: u64, method: Method) -> Vec<&'static str> {
    let asked = Asked::until(1e-4);
    let budget = Budget::new(1e-6, method.tests(model, sampler.fields(), &asked)).unwrap();
    let mut draws = Draws::new(sampler, samples).in_pieces_of(2);
    let rows = method.judge("", model, &mut draws, &asked, &budget, |_| ()).unwrap();
    rows.into_iter().filter(|row| row.verdict == Verdict::Refuted).map(|row| row.subject).collect()
}

/// The subjects of the rows that refute 20,000 draws, without repetition.
fn refuted(model: &str, mistake: impl Fn(&Reference<'_>, u64) -> Draw + Sync) -> Vec<&'static str> {
    refuted_of(model, 20_000, mistake)
}

fn refuted_of(
    model: &str,
    samples: u64,
    mistake: impl Fn(&Reference<'_>, u64) -> Draw + Sync,
) -> Vec<&'static str> {
    let model = Model::parse(model).unwrap();
    let right = Reference::new(&model, 11).unwrap();
    let mutant = FromDraws(|number| mistake(&right, number));
    let at_any_size = at_any_size(&model, &mutant, samples);
    let mut subjects: Vec<&str> = report(&model, &mutant, samples)
        .into_iter()
        .filter(|row| row.verdict == Verdict::Refuted)
        .map(|row| {
            assert!(!row.note.is_empty(), "a refutation says what is wrong");
            row.subject
        })
        .collect();
    subjects.dedup();
    let with_laws = at_every_look(&model, &mutant, samples, Method::Enumeration);
    assert_eq!(with_laws.is_empty(), subjects.is_empty(), "{with_laws:?}, {subjects:?}");
    // Without enumeration the same are caught, but for what single pairs do.
    if subjects.iter().any(|subject| !subject.ends_with("in pairs")) || subjects.is_empty() {
        assert_eq!(at_any_size.is_empty(), subjects.is_empty(), "{at_any_size:?}, {subjects:?}");
        let always = at_every_look(&model, &mutant, samples, Method::AnySize);
        assert_eq!(always.is_empty(), subjects.is_empty(), "{always:?}, {subjects:?}");
    }
    subjects
}

/// A right draw of the model with other rates, or on other weights.
fn on_weights(right: &Reference<'_>, model: &str, index: u64, weights: impl Fn(f64, f64) -> f64) -> Draw {
    let model = Model::parse(model).unwrap();
    let draw = right.draw(index);
    let exponentials: Vec<f64> =
        draw.exponentials.iter().zip(right.rates()).map(|(e, &rate)| weights(*e, rate)).collect();
    let run = model.run(&exponentials).unwrap();
    Draw {
        structure: run.structure,
        log_prob: run.trace.log_probability(right.rates()),
        score: run.trace.score(right.rates()),
        conditional: given(&run.trace, right, &uniforms(right, index)),
        exponentials,
        trace: run.trace,
    }
}

/// The weights given the trace that these uniforms make.
fn given(trace: &Trace, right: &Reference<'_>, uniforms: &[f64]) -> Vec<f64> {
    let weights = trace.exponentials(right.rates(), uniforms).into_iter();
    weights.map(|weight| weight.unwrap_or(f64::INFINITY)).collect()
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
fn a_value_that_is_wrong_in_one_late_draw_is_caught() {
    for late in [15_000, 19_999] {
        let caught = refuted(K4, |right, index| {
            let mut draw = right.draw(index);
            draw.log_prob += if index == late { 1e-9 } else { 0.0 };
            draw.score[4] += if index == late { 1e-9 } else { 0.0 };
            draw
        });
        assert_eq!(caught, ["log-probability", "score"]);
    }
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
    assert_eq!(caught, ["conditional", "conditional given the trace", "round trip"]);
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
fn the_same_uniform_for_two_entries_is_caught_in_pairs() {
    let caught = refuted(K4, |right, index| {
        let mut draw = right.draw(index);
        let mut same = uniforms(right, index);
        same[1] = same[0];
        draw.conditional = given(&draw.trace, right, &same);
        draw
    });
    assert_eq!(caught, ["conditional in pairs"]);
}

/// The uniforms that the exponentials of a right draw were made from.
fn uniforms_of(right: &Reference<'_>, draw: &Draw) -> Vec<f64> {
    let survival = |(e, rate): (&f64, &f64)| libm::exp(-e * rate);
    draw.exponentials.iter().zip(right.rates()).map(survival).collect()
}

#[test]
fn a_conditional_draw_from_the_uniforms_of_its_exponentials_is_caught_given_the_trace() {
    // Over all draws each uniform is uniform, and independent of the others: only given the trace it is not.
    for model in [K4, NESTED, MATCHING] {
        let caught = refuted(model, |right, index| {
            let mut draw = right.draw(index);
            draw.conditional = given(&draw.trace, right, &uniforms_of(right, &draw));
            draw
        });
        assert_eq!(caught, ["conditional given the trace"]);
    }
}

#[test]
fn the_draw_itself_given_out_as_a_conditional_draw_is_caught() {
    // Given its trace, the weights that made it do follow p(E | T): what is missing is a draw of its own.
    let caught = refuted(K4, |right, index| {
        let mut draw = right.draw(index);
        draw.conditional.clone_from(&draw.exponentials);
        draw
    });
    assert_eq!(caught, ["conditional against exponentials"]);
}

#[test]
fn a_uniform_copied_onto_another_in_a_tenth_of_the_draws_is_caught() {
    let caught = refuted_of(K4, 200_000, |right, index| {
        let mut draw = right.draw(index);
        let mut some = uniforms(right, index);
        if index % 10 == 0 {
            some[4] = some[1];
        }
        draw.conditional = given(&draw.trace, right, &some);
        draw
    });
    assert_eq!(caught, ["conditional in pairs"]);
}

#[test]
fn exponentials_that_depend_on_each_other_are_caught() {
    // Edge 5 reads the uniform of edge 0: each has its law, but not both together.
    let caught = refuted(K4, |right, index| {
        let first = uniforms_of(right, &right.draw(index))[0];
        let rates = right.rates();
        on_weights(right, K4, index, |e, rate| if rate == rates[5] { -libm::log(first) / rate } else { e })
    });
    assert!(caught.contains(&"exponentials in pairs") && !caught.contains(&"exponentials"), "{caught:?}");
}

#[test]
fn one_entry_off_by_a_little_is_caught_at_the_stated_departure() {
    // The distribution function of one entry is off by 0.014 at most: above the 0.0112 that its row states.
    let caught = refuted_of(K4, 200_000, |right, index| {
        let mut draw = right.draw(index);
        let mut some = uniforms(right, index);
        some[2] = libm::pow(some[2], 1.0388);
        draw.conditional = given(&draw.trace, right, &some);
        draw
    });
    assert!(caught.contains(&"conditional"), "{caught:?}");
}

#[test]
fn every_draw_given_twice_is_caught() {
    let caught = refuted(K4, |right, index| right.draw(index / 2));
    let repeats = ["exponentials: repeats", "conditional: repeats"];
    assert!(repeats.iter().all(|subject| caught.contains(subject)), "{caught:?}");
    assert!(caught.contains(&"exponentials: draw after draw"), "{caught:?}");
}

#[test]
fn one_draw_given_again_is_caught() {
    let caught = refuted(K4, |right, index| right.draw(if index == 19_999 { 17 } else { index }));
    assert_eq!(caught, ["exponentials: repeats", "conditional: repeats"]);
}

#[test]
fn a_uniform_kept_for_the_next_draw_is_caught() {
    let caught = refuted(K4, |right, index| {
        let mut draw = right.draw(index);
        let mut some = uniforms(right, index);
        some[0] = uniforms(right, index / 2 * 2)[0]; // an odd draw has that of the even one before
        draw.conditional = given(&draw.trace, right, &some);
        draw
    });
    assert_eq!(caught, ["conditional: draw after draw"]);
}

#[test]
fn a_uniform_drawn_once_for_two_batches_is_caught_at_their_size() {
    for batch in [2, 64, 1_000] {
        let caught = refuted(K4, |right, index| {
            let draw = right.draw(index);
            // The second of two batches has one uniform of the first.
            let other = if index / batch % 2 == 1 { index - batch } else { index };
            let mut random = uniforms(right, index);
            random[3] = uniforms(right, other)[3];
            Draw { conditional: given(&draw.trace, right, &random), ..draw }
        });
        assert_eq!(caught, ["conditional: at a distance"], "{batch}");
    }
}

/// No one thought of 48. The first 4096 draws make it suspect, and the draws after them judge it.
#[test]
fn a_uniform_drawn_once_for_two_batches_of_an_odd_size_is_found() {
    let model = Model::parse(K4).unwrap();
    let right = Reference::new(&model, 11).unwrap();
    let mutant = FromDraws(|number: u64| {
        let mut draw = right.draw(number);
        let (batch, place) = (number / 48, number % 48);
        let mut uniforms = uniforms(&right, number);
        uniforms[2] = self::uniforms(&right, (batch / 2) * 48 + place)[2];
        draw.conditional = given(&draw.trace, &right, &uniforms);
        draw
    });
    let rows = report(&model, &mutant, 20_000);
    let wrong: Vec<(&str, &str)> = rows
        .iter()
        .filter(|row| row.verdict == Verdict::Refuted)
        .map(|row| (row.subject, row.note.as_str()))
        .collect();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(
        wrong[0].0 == "conditional: at a distance" && wrong[0].1.contains("those 48 draws before"),
        "{wrong:?}"
    );
    assert_eq!(at_any_size(&model, &mutant, 20_000), ["conditional: draw after draw"]);
}

/// What is seen in the draws that make a lag suspect is no evidence: they were looked at to find it.
#[test]
fn draws_that_were_looked_at_do_not_judge() {
    let model = Model::parse(K4).unwrap();
    let right = Reference::new(&model, 11).unwrap();
    let mutant = |until: u64| {
        let right = &right;
        FromDraws(move |number: u64| {
            let draw = right.draw(number);
            let other = if number < until && number / 48 % 2 == 1 { number - 48 } else { number };
            let mut random = uniforms(right, number);
            random[2..].copy_from_slice(&uniforms(right, other)[2..]);
            Draw { conditional: given(&draw.trace, right, &random), ..draw }
        })
    };
    let at_a_distance = |until: u64| {
        let rows = report(&model, &mutant(until), 20_000);
        rows.into_iter().find(|row| row.subject == "conditional: at a distance").unwrap().verdict
    };
    assert_ne!(at_a_distance(4096), Verdict::Refuted);
    assert_eq!(at_a_distance(20_000), Verdict::Refuted);
}

#[test]
fn a_list_of_the_wrong_length_or_a_value_at_an_absent_entry_is_named() {
    const ABSENT: &str = r#"{"structure": "top_k", "k": 2, "rates": [1, 0, 2, 3]}"#;
    let model = Model::parse(ABSENT).unwrap();
    type Mistake = fn(&mut Draw);
    let mistakes: [(Mistake, &str); 6] = [
        (|draw| draw.score = vec![], "score has 0 values: want one for each of 4 entries"),
        (|draw| draw.exponentials[1] = -7.0, "exponentials of the absent entry 1 is -7: want none"),
        (|draw| draw.conditional[1] = f64::NAN, "conditional of the absent entry 1 is NaN: want none"),
        (|draw| draw.conditional[2] = f64::INFINITY, "conditional of entry 2 is inf: want a finite number"),
        (|draw| draw.score[1] = 1e-9, "score of the absent entry 1 is 0.000000001: want 0"),
        (|draw| draw.conditional.push(1.0), "conditional has 5 values: want one for each of 4 entries"),
    ];
    for (mistake, note) in mistakes {
        let right = Reference::new(&model, 3).unwrap();
        let mistake = |right: &Reference<'_>, index: u64| {
            let mut draw = right.draw(index);
            if index == 5 {
                mistake(&mut draw);
            }
            draw
        };
        let rows = report(&model, &FromDraws(|number| mistake(&right, number)), 2_000);
        let wrong: Vec<&Row> = rows.iter().filter(|row| row.verdict == Verdict::Refuted).collect();
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert_eq!(
            (wrong[0].subject, wrong[0].note.as_str()),
            ("form", &*format!("1 of 2000 draws, the first is draw 5: {note}"))
        );
    }
    // If no draw has a score, no score has held.
    let right = Reference::new(&model, 3).unwrap();
    let mistake = |right: &Reference<'_>, index: u64| {
        let draw = right.draw(index);
        Draw { score: vec![], ..draw }
    };
    let rows = report(&model, &FromDraws(|number| mistake(&right, number)), 2_000);
    assert!(rows.iter().all(|row| (row.count == 0) == (row.verdict == Verdict::NotJudged)), "{rows:?}");
}

#[test]
fn a_model_with_one_structure_is_held_not_underpowered() {
    // Whatever departs is impossible, so even a few draws see it. What cannot be compared says so.
    for text in [
        r#"{"structure": "spanning_tree", "vertices": 1, "edges": []}"#,
        r#"{"structure": "arborescence", "vertices": 1, "root": 0, "edges": []}"#,
        r#"{"structure": "matching", "rates": [[2]]}"#,
        r#"{"structure": "binary_tree", "rates": [2]}"#,
        r#"{"structure": "top_k", "k": 2, "rates": [1, 2]}"#,
        r#"{"structure": "permutation", "rates": [2]}"#,
        r#"{"structure": "categorical", "rates": [0, 2]}"#,
    ] {
        let model = Model::parse(text).unwrap();
        let rows = report(&model, &Reference::new(&model, 1).unwrap(), 100_000);
        for row in &rows {
            let empty = row.verdict == Verdict::NotJudged && !row.note.is_empty();
            assert!(row.verdict == Verdict::Held || empty, "{text}: {row:?}");
        }
        assert_eq!(Verdict::of(&rows), Verdict::Held);
    }
}

#[test]
fn where_traces_are_many_the_uniforms_are_judged_by_the_race_that_was_won() {
    // 15,120 traces, too many for each to be counted.
    const MANY: &str = r#"{"structure": "top_k", "k": 5, "rates": [1, 2, 3, 1, 2, 3, 1, 2, 3]}"#;
    let conditional = |right: &Reference<'_>, index: u64| {
        let mut draw = right.draw(index);
        draw.conditional = given(&draw.trace, right, &uniforms_of(right, &draw));
        draw
    };
    assert_eq!(refuted(MANY, conditional), ["conditional given the trace"]);
    assert_eq!(refuted(MANY, |right, index| right.draw(index)), [""; 0]);
    let model = Model::parse(MANY).unwrap();
    let rows = report(&model, &Reference::new(&model, 11).unwrap(), 20_000);
    let row = rows.iter().find(|row| row.subject == "conditional given the trace").unwrap();
    assert!(row.check.starts_with("χ² 6×8, worst of 9"), "{}", row.check); // five races, or none
}

#[test]
fn the_tests_of_a_report_are_as_many_as_its_budget_counts() {
    // 6 of structures and traces, 10 lags of each kind of weights, 6 for each entry that is present, 2 for each pair of them.
    for (model, present) in [(K4, 6), (NESTED, 9), (MATCHING, 9)] {
        let model = Model::parse(model).unwrap();
        let all = 26 + 6 * present + present * (present - 1);
        assert_eq!(tests(&model, &Field::DRAWN, &Asked::only(0.05)), all);
        assert_eq!(tests(&model, &Field::DRAWN, &Asked::until(0.05)), all - 4);
        let rows = report(&model, &Reference::new(&model, 1).unwrap(), 20_000);
        let in_row = |row: &Row| match row.check.split_once("worst of ") {
            Some((_, of)) => of.split([':', ' ']).next().unwrap().parse::<usize>().unwrap(),
            None => 1,
        };
        let held: usize = rows.iter().filter(|row| row.test.is_some()).map(in_row).sum();
        assert_eq!(held, tests(&model, &Field::DRAWN, &Asked::only(0.05)));
        // Of a model, besides: its entries, and three losses.
        let all = Method::Enumeration.tests(&model, &Field::DRAWN, &Asked::only(0.05));
        assert_eq!(all, held + present + 3);
        let reference = Reference::new(&model, 1).unwrap();
        let budget = Budget::new(1e-6, all).unwrap();
        let mut draws = Draws::new(&reference, 20_000);
        let asked = Asked::only(0.05);
        let rows = Method::Enumeration.judge("", &model, &mut draws, &asked, &budget, |_| ()).unwrap();
        assert_eq!(rows.iter().filter(|row| row.test.is_some()).map(in_row).sum::<usize>(), all);
    }
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
            conditional: given(&trace, right, &uniforms(right, index + 1)),
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
    use recursive_gumbel::check::DEFAULT_SAMPLES;
    use recursive_gumbel::verify::MODELS;
    let models: Vec<Model> = MODELS.iter().map(|(_, text)| Model::parse(text).unwrap()).collect();
    let budget = Budget::new(
        Options::default().alpha,
        models.iter().map(|model| tests(model, &Field::DRAWN, &Asked::only(0.05))).sum(),
    )
    .unwrap();
    let options = Options { samples: DEFAULT_SAMPLES, ..Options::default() };
    for ((name, _), model) in MODELS.iter().zip(&models) {
        let sampler = Reference::new(model, 5).unwrap();
        let rows = judge(name, model, &sampler, &options, &budget, |_| ()).unwrap();
        for row in rows {
            assert_eq!(row.verdict, Verdict::Held, "{name}, {}, {}: {}", row.subject, row.check, row.note);
        }
    }
}

#[test]
fn a_few_draws_are_called_underpowered() {
    let model = Model::parse(K4).unwrap();
    let sampler = Reference::new(&model, 1).unwrap();
    let options = Options { samples: 300, ..Options::default() };
    let budget = Budget::new(options.alpha, tests(&model, &Field::DRAWN, &Asked::only(0.05))).unwrap();
    let rows = judge("model", &model, &sampler, &options, &budget, |_| ()).unwrap();
    let verdict = |subject, check| {
        rows.iter().find(|row| row.subject == subject && row.check == check).unwrap().verdict
    };
    assert_eq!(verdict("structures", "G"), Verdict::Underpowered);
    assert_eq!(verdict("structures", "every draw"), Verdict::Held);
    assert_eq!(verdict("round trip", "every draw"), Verdict::Held);
}

/// A sampler whose draws have only some fields.
struct Only<'f, S> {
    sampler: S,
    fields: &'f [Field],
}

impl<S: Sampler> Sampler for Only<'_, S> {
    fn fields(&self) -> &[Field] {
        self.fields
    }
    fn fill(&self, first: u64, count: usize, batch: &mut Batch) {
        self.sampler.fill(first, count, batch);
    }
}

/// The rows of 20,000 draws of K_4 with these fields, right ones or with a mistake.
fn rows_of(fields: &[Field], mistake: impl Fn(&Reference<'_>, u64) -> Draw + Sync) -> Vec<Row> {
    let model = Model::parse(K4).unwrap();
    let right = Reference::new(&model, 11).unwrap();
    let sampler = Only { sampler: FromDraws(|number| mistake(&right, number)), fields };
    let options = Options { samples: 20_000, departure: 0.2, ..Options::default() };
    let budget = Budget::new(options.alpha, tests(&model, fields, &Asked::only(0.05)).max(1)).unwrap();
    judge("model", &model, &sampler, &options, &budget, |_| ()).unwrap()
}

#[test]
fn draws_with_some_of_the_fields_are_judged_by_what_they_have() {
    // Every subset of the fields. False alarm: 1e-6 each, over seeds.
    let all = rows_of(&Field::DRAWN, |right, number| right.draw(number));
    assert!(all.iter().all(|row| row.verdict == Verdict::Held), "{all:?}");
    let subjects = |rows: &[Row], verdict| -> Vec<&str> {
        let mut found: Vec<&str> =
            rows.iter().filter(|row| row.verdict == verdict).map(|row| row.subject).collect();
        found.sort_unstable();
        found.dedup();
        found
    };
    for subset in 0..1 << Field::DRAWN.len() {
        let has = |field: &Field| subset >> Field::DRAWN.iter().position(|of| of == field).unwrap() & 1 == 1;
        let fields: Vec<Field> = Field::DRAWN.into_iter().filter(has).collect();
        let rows = rows_of(&fields, |right, number| right.draw(number));
        let (held, not) = (subjects(&rows, Verdict::Held), subjects(&rows, Verdict::NotJudged));
        // Together they are the subjects of all fields, and what is not judged says what it lacks.
        let mut both = [held, not.clone()].concat();
        both.sort_unstable();
        both.dedup();
        assert_eq!(both, subjects(&all, Verdict::Held), "{fields:?}");
        for row in rows.iter().filter(|row| row.verdict == Verdict::NotJudged) {
            let lacks =
                Field::DRAWN.iter().filter(|field| !has(field)).any(|field| row.note.contains(field.name()));
            assert!(row.note.starts_with("the draws have no ") && lacks, "{fields:?}: {row:?}");
        }
        let want = |subject: &str, needs: &[Field]| {
            assert_eq!(!not.contains(&subject), needs.iter().all(has), "{subject}: {fields:?}");
        };
        want("form", &[]);
        want("structures", &[Field::Structure]);
        want("traces", &[Field::Trace]);
        want("log-probability", &[Field::Trace, Field::LogProb]);
        want("score", &[Field::Trace, Field::Score]);
        want("rerun", &[Field::Exponentials]);
        want("exponentials in pairs", &[Field::Exponentials]);
        want("conditional: repeats", &[Field::Conditional]);
        want("conditional given the trace", &[Field::Conditional, Field::Trace]);
        want("conditional against exponentials", &[Field::Exponentials, Field::Conditional, Field::Trace]);
    }
}

#[test]
fn a_mistake_is_caught_by_what_is_left() {
    // The trace of another draw. Without structures it shows in nothing but the weights.
    let mixed = |right: &Reference<'_>, number: u64| {
        let (draw, other) = (right.draw(number), right.draw(number + (1 << 40)));
        Draw { trace: other.trace, ..draw }
    };
    let refuted = |fields: &[Field]| -> Vec<&str> {
        let rows = rows_of(fields, mixed);
        rows.iter().filter(|row| row.verdict == Verdict::Refuted).map(|row| row.subject).collect()
    };
    assert_eq!(refuted(&[Field::Structure, Field::Trace]), ["structure of the trace"]);
    assert_eq!(refuted(&[Field::Trace, Field::Exponentials]), ["rerun"]);
    assert!(refuted(&[Field::Trace, Field::Conditional]).contains(&"round trip"));
    assert_eq!(refuted(&[Field::Structure, Field::Exponentials]), [""; 0]);
    assert_eq!(refuted(&[Field::Trace, Field::LogProb]), ["log-probability"]);
}

/// A sampler that stops after a thousand draws.
struct Short<S>(S);

impl<S: Sampler> Sampler for Short<S> {
    fn fill(&self, first: u64, count: usize, batch: &mut Batch) {
        self.0.fill(first, count.min(1_000_u64.saturating_sub(first) as usize), batch);
    }
}

#[test]
fn a_sampler_that_makes_fewer_draws_than_asked_is_told_so() {
    let model = Model::parse(K4).unwrap();
    let rows = report(&model, &Short(Reference::new(&model, 11).unwrap()), 2_000);
    let form = rows.iter().find(|row| row.subject == "form").unwrap();
    let want = "draw 896: the sampler made 104 draws, asked for 128";
    assert!(form.verdict == Verdict::Refuted && form.note.ends_with(want), "{}", form.note);
}
