//! The mistakes.

use gumbel_oracle::limit::Limit;
use gumbel_oracle::model::{Algorithm, Kind};
use gumbel_oracle::number::to_f64;
use gumbel_oracle::race::{Race, Trace};
use gumbel_oracle::recursion::Recursion as _;
use gumbel_oracle::structure::{Order, Parents, Structure};

use super::{Does, Mutant, Right};
use crate::sample::Draw;

use Kind::{Arborescence, BinaryTree, Categorical, Matching, Permutation, SpanningTree, TopK};

/// Of every structure.
const ANY: &[Kind] = &[];
/// With several races one after the other, which can be told in another order.
const ORDERED: &[Kind] = &[SpanningTree, Matching, TopK];
/// With more than one race.
const RACES: &[Kind] = &[SpanningTree, Arborescence, Matching, BinaryTree, TopK, Permutation];
/// With entries that may never win.
const LOSERS: &[Kind] = &[SpanningTree, Arborescence, Matching, TopK, Categorical];

/// Models on which mistakes are shown, one of each structure.
pub(super) const MODELS: [(Kind, &str); 7] = [
    (
        SpanningTree,
        r#"{"structure": "spanning_tree", "vertices": 4, "edges":
            [[0,1,3],[0,2,1],[0,3,"1/2"],[1,2,"5/2"],[1,3,2],[2,3,"3/4"]]}"#,
    ),
    (
        Arborescence,
        r#"{"structure": "arborescence", "vertices": 4, "root": 0, "edges":
            [[0,1,1],[0,2,1],[0,3,1],[1,2,6],[2,1,5],[2,3,4],[3,1,3],[1,3,2],[3,2,7]]}"#,
    ),
    (Matching, r#"{"structure": "matching", "rates": [[4,1,2],["1/2",1,1],[3,"1/3",1]]}"#),
    (BinaryTree, r#"{"structure": "binary_tree", "rates": [1, 2, "1/2", 3, 5]}"#),
    (TopK, r#"{"structure": "top_k", "k": 2, "rates": [1, 2, "1/2", 3]}"#),
    (Permutation, r#"{"structure": "permutation", "rates": [1, 2, "1/2", 3]}"#),
    (Categorical, r#"{"structure": "categorical", "rates": [1, 2, "1/2", 3]}"#),
];
/// With an entry that is not there.
const ABSENT: &str = r#"{"structure": "top_k", "k": 2, "rates": [1, 2, 0, "1/2", 3]}"#;
/// With rates that are 0 in single precision, though not beside each other.
const EXTREME: &str = r#"{"structure": "top_k", "k": 2, "rates": [1, 1e-60, 2e-60, 3e-60]}"#;

macro_rules! mutants {
    ($($name:ident: $does:ident, $kinds:expr, $words:literal $(on $model:ident)?, $of:expr;)*) => {
        /// All, by where they are wrong.
        pub(super) const ALL: &[Mutant] = &[$(Mutant {
            name: stringify!($name),
            words: $words,
            kinds: $kinds,
            on: &[$($model)?],
            does: Does::$does($of),
        }),*];
    };
}

mutants! {
    // ------------------------------------------------------------------------------ the rates, wherever they are used
    first_rate_a_percent_more: Rates, ANY, "the first rate a hundredth too large, everywhere", |rates| {
        first_rate(rates, |rate| rate * 1.01);
    };
    last_rate_lost: Rates, ANY, "a length one too short: the last rate is padding", |rates| {
        if let Some(rate) = rates.iter_mut().rfind(|rate| **rate > 0.0) { *rate *= 1e-9 }
    };
    rates_of_8_bits: Rates, ANY, "rates in bfloat16, cut", |rates| {
        // As parts of 1.1, so that small whole numbers are not exact.
        each_rate(rates, |rate| f64::from(f32::from_bits((rate as f32 * 1.1).to_bits() & 0xffff_0000)) / 1.1);
    };

    // ------------------------------------------------------------------------ the rates that draws are made with
    rates_for_means: Drawn, ANY, "rates taken for means", |_, rates| each_rate(rates, |rate| 1.0 / rate);
    rates_ignored: Drawn, ANY, "all rates 1", |_, rates| each_rate(rates, |_| 1.0);
    rates_squared: Drawn, ANY, "logits doubled: a temperature of 1/2", |_, rates| each_rate(rates, |rate| rate * rate);
    rates_shifted: Drawn, ANY, "the rate of the next entry", |_, rates| permuted(rates, |present| {
        present.iter().cycle().skip(1).take(present.len()).copied().collect()
    });
    rates_transposed: Drawn, &[Matching], "the matrix of rates transposed", |right, rates| {
        let pairs = right.model.pairs();
        let of = |(k, &(u, v)): (usize, &(usize, usize))| {
            let other = pairs.iter().position(|&pair| pair == (v, u)).map_or(0.0, |other| right.rates()[other]);
            if other > 0.0 { other } else { right.rates()[k] }
        };
        let turned: Vec<f64> = pairs.iter().enumerate().map(of).collect();
        rates.iter_mut().zip(turned).filter(|(rate, _)| **rate > 0.0).for_each(|(rate, turned)| *rate = turned);
    };
    one_rate_a_fifth_off: Drawn, ANY, "the first rate a fifth too large", |_, rates| first_rate(rates, |rate| rate * 1.2);
    one_rate_a_percent_off: Drawn, ANY, "the first rate a hundredth too large", |_, rates| first_rate(rates, |rate| rate * 1.01);
    rates_strided: Drawn, ANY, "every second rate, and then the others", |_, rates| permuted(rates, |present| {
        present.iter().step_by(2).chain(present.iter().skip(1).step_by(2)).copied().collect()
    });
    never_drawn: Drawn, ANY, "the first entry a million times too late", |_, rates| first_rate(rates, |rate| rate * 1e-6);

    // ------------------------------------------------------------------------------------- the exponentials
    absent_present: Weights, LOSERS, "an absent entry takes part" on ABSENT, |right, weights| {
        let first = right.rates().iter().position(|rate| *rate > 0.0).map_or(1.0, |k| weights[k]);
        right.rates().iter().zip(weights).filter(|(rate, _)| **rate == 0.0).for_each(|(_, weight)| *weight = first / 2.0);
    };
    uniform_weights: Weights, ANY, "uniforms for exponentials", |right, weights| {
        each(right, weights, |e, rate| 1.0 - libm::exp(-e * rate));
    };
    uniforms_divided: Weights, ANY, "uniforms divided by rates, no logarithm", |right, weights| {
        each(right, weights, |e, rate| (1.0 - libm::exp(-e * rate)) / rate);
    };
    square_roots: Weights, ANY, "square roots of exponentials", |right, weights| each(right, weights, |e, _| libm::sqrt(e));
    no_minus: Weights, ANY, "no minus before the logarithm", |right, weights| each(right, weights, |e, _| -e);
    clipped: Weights, ANY, "exponentials clipped at 3 of their means", |right, weights| each(right, weights, |e, rate| e.min(3.0 / rate));
    coarse_uniforms: Weights, ANY, "uniforms of four bits, with ties", |right, weights| {
        each(right, weights, |e, rate| -libm::log((libm::floor(libm::exp(-e * rate) * 16.0) + 0.5) / 16.0) / rate);
    };
    shared_uniform: Weights, ANY, "one uniform for two entries", |right, weights| second(right, weights, |u| u);
    antithetic: Weights, ANY, "one uniform for two entries, the other way round", |right, weights| second(right, weights, |u| 1.0 - u);

    // ---------------------------------------------------------------------------------- the random numbers
    every_draw_twice: Number, ANY, "every draw twice", |number| number / 2;
    one_seed_for_all: Number, ANY, "the generator seeded again at every draw", |_| 0;
    one_seed_for_two: Number, ANY, "two threads with one seed, by turns of 64 draws", |number| number / 128 * 64 + number % 64;
    one_seed: Number, ANY, "batches of 64 from one seed", |number| number % 64;
    last_of_batch_kept: Number, ANY, "the last of each batch of 64 given twice", |number| {
        if number % 64 == 63 { number - 1 } else { number }
    };

    // ------------------------------------------------------------------------------------------ who wins
    largest: Winners, ANY, "the largest wins", |right, weights| {
        let turned: Vec<f64> = weights.iter().map(|e| if e.is_finite() { -e } else { *e }).collect();
        right.winners(&turned)
    };
    second_smallest: Winners, &[TopK, Permutation, Categorical], "the second smallest wins first", |right, weights| {
        let mut order: Vec<usize> = (0..weights.len()).filter(|&k| weights[k].is_finite()).collect();
        order.sort_by(|&a, &b| weights[a].total_cmp(&weights[b]));
        let mut swapped = weights.to_vec();
        if let [a, b, ..] = order[..] {
            swapped.swap(a, b);
        }
        right.winners(&swapped)
    };
    by_index: Winners, &[SpanningTree], "Kruskal over the list as it stands, not sorted", |right, weights| {
        let order = |k: usize| if weights[k].is_finite() { k as f64 + 1.0 } else { f64::INFINITY };
        right.winners(&(0..weights.len()).map(order).collect::<Vec<f64>>())
    };
    prim_order: Winners, &[SpanningTree], "the edges in the order in which Prim finds them", prim;
    reversed_trace: Winners, ORDERED, "the trace from its end", |right, weights| {
        right.winners(weights).into_iter().rev().collect()
    };
    sorted_trace: Winners, ORDERED, "the trace sorted by entry", |right, weights| {
        let mut winners = right.winners(weights);
        winners.sort_unstable();
        winners
    };
    row_by_row: Winners, &[Matching], "row after row its smallest free cell", rows;
    not_reduced: Winners, &[Arborescence], "cycles contracted, weights not reduced", unreduced;
    reduced_by_alias: Winners, &[Arborescence], "the winner's weight read again when it was reduced itself", aliased;
    one_member_of_cycle: Winners, &[Arborescence], "of a contracted cycle only the arcs into one vertex", one_member;
    interval_cut: Winners, &[BinaryTree], "the last position of an interval never its root", cut;
    largest_below: Winners, &[BinaryTree], "the smallest is the root, below it the largest", below;

    // ---------------------------------------------------------------------------------------- the structure
    one_entry_wrong: Structure, &[SpanningTree, Arborescence, Matching, TopK], "one entry of the structure replaced", |right, structure| {
        let Structure::Entries(set) = &structure else { return structure };
        let other = (0..right.rates().len()).find(|k| !set.contains(k));
        let replaced = other.map(|other| set.iter().copied().skip(1).chain([other]).collect());
        replaced.map_or_else(|| structure.clone(), Structure::Entries)
    };
    mirrored: Structure, &[BinaryTree], "the tree from right to left", |_, structure| {
        let Structure::Parents(Parents(parents)) = structure else { return structure };
        let n = parents.len();
        let turned = parents.iter().rev().map(|parent| parent.map(|p| n - 1 - p));
        Structure::Parents(Parents(turned.collect()))
    };
    inverse: Structure, &[Permutation], "the ranks instead of the order", |_, structure| {
        let Structure::Order(Order(order)) = structure else { return structure };
        let mut ranks = vec![0; order.len()];
        order.iter().enumerate().for_each(|(place, &k)| ranks[k] = place);
        Structure::Order(Order(ranks))
    };
    transposed: Structure, &[Matching], "the row of each column", |right, structure| {
        let Structure::Entries(set) = &structure else { return structure };
        let pairs = right.model.pairs();
        let turned = |k: &usize| pairs.iter().position(|&(u, v)| (v, u) == pairs[*k]);
        set.iter().map(turned).collect::<Option<_>>().map_or_else(|| structure.clone(), Structure::Entries)
    };

    replaced: Structure, &[TopK], "drawn with replacement: one twice", |_, structure| {
        let Structure::Entries(set) = &structure else { return structure };
        Structure::Entries(set.iter().skip(1).chain(set.iter().skip(1).take(1)).copied().collect())
    };
    column_not_closed: Structure, &[Matching], "the last row takes a column that is taken", |right, structure| {
        let Structure::Entries(set) = &structure else { return structure };
        let pairs = right.model.pairs();
        let (Some(&first), Some(&last)) = (set.iter().next(), set.iter().last()) else { return structure };
        let taken = pairs.iter().position(|&pair| pair == (pairs[last].0, pairs[first].1));
        let other = |taken| set.iter().copied().filter(|&k| k != last).chain([taken]).collect();
        taken.map_or_else(|| structure.clone(), |taken| Structure::Entries(other(taken)))
    };

    // ---------------------------------------------------------------------------------- the log-probability
    log_prob_halved: LogProb, ANY, "log-probabilities off by log 2", |right, trace| right_log(right, trace) - std::f64::consts::LN_2;
    log_prob_base_10: LogProb, ANY, "log-probabilities to base 10", |right, trace| right_log(right, trace) / std::f64::consts::LN_10;
    log_prob_base_2: LogProb, ANY, "log-probabilities to base 2", |right, trace| right_log(right, trace) / std::f64::consts::LN_2;
    log_prob_sign: LogProb, ANY, "minus the log-probability", |right, trace| -right_log(right, trace);
    log_prob_exponentiated: LogProb, ANY, "probabilities, no logarithm", |right, trace| libm::exp(right_log(right, trace));
    log_prob_without_last: LogProb, RACES, "the last race left out", |right, trace| {
        let shares = log_shares(right, trace);
        right_log(right, trace) - shares.iter().rev().find(|share| **share != 0.0).unwrap_or(&0.0)
    };
    log_prob_first_twice: LogProb, ANY, "the first race counted twice", |right, trace| {
        right_log(right, trace) + log_shares(right, trace).first().unwrap_or(&0.0)
    };
    log_prob_not_normalised: LogProb, ANY, "the product of the rates of the winners", |right, trace| {
        trace.races().iter().map(|race| libm::log(right.rates()[race.winner])).sum()
    };
    log_prob_all_race: LogProb, RACES, "every race among all entries", |right, trace| {
        let all: f64 = right.rates().iter().sum();
        trace.races().iter().map(|race| libm::log(right.rates()[race.winner] / all)).sum()
    };
    log_prob_of_race_before: LogProb, RACES, "every race among those of the race before", |right, trace| {
        let totals = trace.totals(right.rates());
        let before = totals.first().into_iter().chain(&totals);
        let share = |(race, total): (&Race, &f64)| libm::log(right.rates()[race.winner] / total);
        trace.races().iter().zip(before).map(share).sum()
    };
    log_prob_underflows: LogProb, &[TopK, Permutation], "rates below 1e-45 are 0 in single precision" on EXTREME, |right, trace| {
        let rates: Vec<f64> = right.rates().iter().map(|rate| f64::from(*rate as f32)).collect();
        trace.races().iter().zip(trace.totals(&rates)).map(|(race, total)| libm::log(rates[race.winner] / total)).sum()
    };
    log_prob_of_8_bits: LogProb, ANY, "log-probabilities in bfloat16", |right, trace| {
        f64::from(f32::from_bits((right_log(right, trace) as f32).to_bits() & 0xffff_0000))
    };
    log_prob_against_losers: LogProb, ANY, "odds against the losers for chances", |right, trace| {
        let against = |(winner, total): (f64, f64)| if total > winner { libm::log(winner / (total - winner)) } else { 0.0 };
        let winners = trace.races().iter().map(|race| right.rates()[race.winner]);
        winners.zip(trace.totals(right.rates())).map(against).sum()
    };
    log_prob_of_structure: LogProb, &[SpanningTree, Arborescence, Matching, TopK], "log P(X) for log p(T)", |right, trace| {
        let p = right.model.replay(trace).ok().and_then(|x| right.model.probability(&x, Limit::default()).ok());
        p.map_or(f64::NEG_INFINITY, |p| libm::log(to_f64(&p)))
    };

    // -------------------------------------------------------------------------------------------- the score
    score_sign: Score, ANY, "the score in log λ instead of θ = -log λ", |right, trace| scored(right, trace, |_, s, _| -s);
    score_in_rates: Score, ANY, "the derivative in the rates", |right, trace| {
        scored(right, trace, |k, s, _| if right.rates()[k] > 0.0 { -s / right.rates()[k] } else { 0.0 })
    };
    score_of_winners: Score, ANY, "only who won, without the race totals", |right, trace| {
        scored(right, trace, |_, _, won| if won { -1.0 } else { 0.0 })
    };
    score_of_totals: Score, ANY, "only the race totals, not who won", |right, trace| {
        scored(right, trace, |_, s, won| if won { s + 1.0 } else { s })
    };
    score_of_losers: Score, LOSERS, "nothing at those who won", |right, trace| scored(right, trace, |_, s, won| if won { 0.0 } else { s });
    score_detached: Score, ANY, "a derivative that does not come through: 0", |right, trace| scored(right, trace, |_, _, _| 0.0);
    score_of_first_race: Score, RACES, "the first race only", |right, trace| {
        let (Some(race), Some(total)) = (trace.races().first(), trace.totals(right.rates()).first().copied()) else {
            return vec![0.0; right.rates().len()];
        };
        let score = |k: usize| {
            let held = if race.has(k) { right.rates()[k] / total } else { 0.0 };
            held - if k == race.winner { 1.0 } else { 0.0 }
        };
        (0..right.rates().len()).map(score).collect()
    };

    score_of_absent: Score, LOSERS, "absent entries scored as present ones" on ABSENT, |right, trace| {
        let mut score = trace.score(right.rates());
        let absent = score.iter_mut().zip(right.rates()).filter(|(_, rate)| **rate == 0.0);
        absent.for_each(|(s, _)| *s = 0.1);
        score
    };

    // -------------------------------------------------------------------------------- the conditional draw
    finite_where_absent: Conditional, LOSERS, "a large number where there is no entry" on ABSENT, |right, trace, uniforms| {
        right.given(trace, uniforms).into_iter().map(|weight| if weight.is_finite() { weight } else { 1e30 }).collect()
    };
    residuals_from_0: Conditional, LOSERS, "losers not kept above those they lost to", |right, trace, uniforms| {
        lost(right, trace, uniforms, |_, fresh| fresh)
    };
    residuals_clipped: Conditional, LOSERS, "losers drawn from 0, and clipped where they lost", |right, trace, uniforms| {
        lost(right, trace, uniforms, f64::max)
    };
    two_uniforms_alike: Conditional, ANY, "one uniform for the first two entries", |right, trace, uniforms| {
        let mut uniforms = uniforms.to_vec();
        let mut present = (0..uniforms.len()).filter(|&k| right.rates()[k] > 0.0);
        if let (Some(first), Some(second)) = (present.next(), present.next()) {
            uniforms[second] = uniforms[first];
        }
        right.given(trace, &uniforms)
    };
    unconditional: Conditional, ANY, "the trace is not looked at", |right, _, uniforms| {
        right.rates().iter().zip(uniforms).map(|(rate, u)| -libm::log(*u) / rate).collect()
    };
    residuals_doubled: Conditional, LOSERS, "residuals twice as long", |right, trace, uniforms| {
        right.assembled(trace, uniforms, |_, total, log| log / total, |_, rate, log| 2.0 * log / rate)
    };
    residuals_a_tenth_longer: Conditional, LOSERS, "residuals a tenth too long", |right, trace, uniforms| {
        right.assembled(trace, uniforms, |_, total, log| log / total, |_, rate, log| 1.1 * log / rate)
    };
    residuals_of_rate_1: Conditional, LOSERS, "residuals of rate 1", |right, trace, uniforms| {
        right.assembled(trace, uniforms, |_, total, log| log / total, |_, _, log| log)
    };
    residuals_of_all: Conditional, LOSERS, "residuals of the sum of all rates", |right, trace, uniforms| {
        let all: f64 = right.rates().iter().sum();
        right.assembled(trace, uniforms, |_, total, log| log / total, |_, _, log| log / all)
    };
    residuals_missing: Conditional, LOSERS, "losers lose by nothing", |right, trace, uniforms| {
        right.assembled(trace, uniforms, |_, total, log| log / total, |_, _, _| 0.0)
    };
    times_of_winners: Conditional, ANY, "winning times of the rate of the winner", |right, trace, uniforms| {
        let rates: Vec<f64> = trace.races().iter().map(|race| right.rates()[race.winner]).collect();
        right.assembled(trace, uniforms, |r, _, log| log / rates[r], |_, rate, log| log / rate)
    };
    times_of_first_race: Conditional, RACES, "all winning times of the total of the first race", |right, trace, uniforms| {
        let first = trace.totals(right.rates()).first().copied().unwrap_or(1.0);
        right.assembled(trace, uniforms, |_, _, log| log / first, |_, rate, log| log / rate)
    };
    times_by_total: Conditional, ANY, "log-sum-exp with the wrong sign: the total for its inverse", |right, trace, uniforms| {
        right.assembled(trace, uniforms, |_, total, log| log * total, |_, rate, log| log / rate)
    };
    times_of_losers: Conditional, ANY, "winning times of a total without the winner", |right, trace, uniforms| {
        let rates: Vec<f64> = trace.races().iter().map(|race| right.rates()[race.winner]).collect();
        let without = |r: usize, total: f64| if total > rates[r] { total - rates[r] } else { total };
        right.assembled(trace, uniforms, |r, total, log| log / without(r, total), |_, rate, log| log / rate)
    };
    means_for_times: Conditional, ANY, "the mean of each winning time", |right, trace, uniforms| {
        right.assembled(trace, uniforms, |_, total, _| 1.0 / total, |_, rate, log| log / rate)
    };
    times_not_added: Conditional, RACES, "only the last winning time of each entry", |right, trace, uniforms| {
        let totals = trace.totals(right.rates());
        let mut weights = right.given(trace, uniforms);
        for (k, weight) in weights.iter_mut().enumerate().filter(|(k, _)| right.rates()[*k] > 0.0) {
            let last = trace.races().iter().zip(&totals).rfind(|(race, _)| race.has(k));
            let time = last.map_or(0.0, |(race, total)| -libm::log(uniforms[race.winner]) / total);
            let won = trace.races().iter().any(|race| race.winner == k);
            *weight = time + if won { 0.0 } else { -libm::log(uniforms[k]) / right.rates()[k] };
        }
        weights
    };
    one_uniform_for_all: Conditional, ANY, "one uniform for everything", |right, trace, uniforms| {
        let first = right.rates().iter().position(|rate| *rate > 0.0).unwrap_or(0);
        right.given(trace, &vec![uniforms.get(first).copied().unwrap_or(0.5); uniforms.len()])
    };
    uniform_of_time_for_residuals: Conditional, LOSERS, "the residuals from the uniform of the first race", |right, trace, uniforms| {
        let winner = trace.races().first().map_or(0, |race| race.winner);
        let log = -libm::log(uniforms.get(winner).copied().unwrap_or(0.5));
        right.assembled(trace, uniforms, |_, total, log| log / total, |_, rate, _| log / rate)
    };

    // ------------------------------------------------------------------------- what goes together in a draw
    kept_from_before: Draw, ANY, "an exponential that every second draw keeps from the one before", |right, number, draw| {
        let mut exponentials = right.reference.weights(number);
        if let Some(k) = right.rates().iter().position(|rate| *rate > 0.0).filter(|_| number % 2 == 1) {
            exponentials[k] = right.reference.weights(number - 1)[k];
        }
        match right.model.run(&exponentials) {
            Ok(run) => Draw {
                log_prob: right_log(right, &run.trace),
                score: run.trace.score(right.rates()),
                conditional: right.given(&run.trace, &right.uniforms(number)),
                structure: run.structure,
                trace: run.trace,
                exponentials,
            },
            Err(_) => draw,
        }
    };
    conditional_kept_from_before: Draw, ANY, "a uniform that every second conditional draw keeps", |right, number, draw| {
        let mut uniforms = right.uniforms(number);
        if let Some(k) = right.rates().iter().position(|rate| *rate > 0.0).filter(|_| number % 2 == 1) {
            uniforms[k] = right.uniforms(number - 1)[k];
        }
        Draw { conditional: right.given(&draw.trace, &uniforms), ..draw }
    };
    trace_cut: Draw, RACES, "a trace without its last race", |_, _, draw| {
        let races = draw.trace.races().split_last().map_or(&[][..], |(_, before)| before);
        let cut = Trace::new(draw.trace.entry_count(), races.to_vec());
        Draw { trace: cut.unwrap_or_else(|_| draw.trace.clone()), ..draw }
    };
    structure_before: Draw, ANY, "the structure of the draw before", |right, number, draw| {
        Draw { structure: right.reference.draw(number.saturating_sub(1)).structure, ..draw }
    };
    score_of_exponentials: Draw, ANY, "the score of the exponentials for that of the trace", |right, _, draw| {
        let of = |(e, &rate): (&f64, &f64)| if rate > 0.0 { rate * e - 1.0 } else { 0.0 };
        Draw { score: draw.exponentials.iter().zip(right.rates()).map(of).collect(), ..draw }
    };
    conditional_is_draw: Draw, ANY, "the exponentials themselves for a conditional draw", |_, _, draw| {
        Draw { conditional: draw.exponentials.clone(), ..draw }
    };
    conditional_of_own_uniforms: Draw, ANY, "a conditional draw from the uniforms of its exponentials", |right, _, draw| {
        Draw { conditional: right.given(&draw.trace, &right.uniforms_of(&draw.exponentials)), ..draw }
    };
    conditional_of_next: Draw, ANY, "the conditional draw of the next draw", |right, number, draw| {
        Draw { conditional: right.reference.draw(number + 1).conditional, ..draw }
    };
    losers_kept: Draw, LOSERS, "losers not drawn again", |_, _, draw| {
        let won = draw.trace.won();
        let of = |k: usize| if won[k].is_some() { draw.conditional[k] } else { draw.exponentials[k] };
        Draw { conditional: (0..won.len()).map(of).collect(), ..draw }
    };
    winners_kept: Draw, LOSERS, "winners not drawn again", |_, _, draw| {
        let won = draw.trace.won();
        let of = |k: usize| if won[k].is_some() { draw.exponentials[k] } else { draw.conditional[k] };
        Draw { conditional: (0..won.len()).map(of).collect(), ..draw }
    };

    // ------------------------------------------------- from public threads: docs/src/mistakes.md names them; more are above
    probabilities_for_logits: Drawn, ANY, "Gumbels added to probabilities, not to their logarithms", |_, rates| {
        let sum: f64 = rates.iter().sum();
        each_rate(rates, |rate| libm::exp(rate / sum));
    };
    log_prob_of_winners_so_far: LogProb, &[TopK, Permutation], "totals of those who have won, not of those who are left", |right, trace| {
        let mut total = 0.0;
        let share = |race: &Race| {
            let rate = right.rates()[race.winner];
            total += rate;
            libm::log(rate / total)
        };
        trace.races().iter().map(share).sum()
    };
}

/// Changes the exponential of every present entry, given its rate.
fn each(right: &Right<'_>, weights: &mut [f64], change: impl Fn(f64, f64) -> f64) {
    for (weight, &rate) in weights.iter_mut().zip(right.rates()).filter(|(_, rate)| **rate > 0.0) {
        *weight = change(*weight, rate);
    }
}

/// Changes every rate that is not 0.
fn each_rate(rates: &mut [f64], change: impl Fn(f64) -> f64) {
    rates.iter_mut().filter(|rate| **rate > 0.0).for_each(|rate| *rate = change(*rate));
}

/// Changes the first of them.
fn first_rate(rates: &mut [f64], change: impl Fn(f64) -> f64) {
    rates.iter_mut().filter(|rate| **rate > 0.0).take(1).for_each(|rate| *rate = change(*rate));
}

/// Takes them from other entries.
fn permuted(rates: &mut [f64], order: impl Fn(&[usize]) -> Vec<usize>) {
    let right = rates.to_vec();
    let present: Vec<usize> = (0..rates.len()).filter(|&k| rates[k] > 0.0).collect();
    present.iter().zip(order(&present)).for_each(|(&k, other)| rates[k] = right[other]);
}

/// Makes that of the second present entry from the uniform of the first.
fn second(right: &Right<'_>, weights: &mut [f64], change: impl Fn(f64) -> f64) {
    let rates = right.rates();
    let mut present = (0..rates.len()).filter(|&k| rates[k] > 0.0);
    if let (Some(first), Some(second)) = (present.next(), present.next()) {
        weights[second] = -libm::log(change(libm::exp(-weights[first] * rates[first]))) / rates[second];
    }
}

fn right_log(right: &Right<'_>, trace: &Trace) -> f64 {
    trace.log_probability(right.rates())
}

/// `log λ_w/Λ` of each race; 0 where nobody can lose.
fn log_shares(right: &Right<'_>, trace: &Trace) -> Vec<f64> {
    let races = trace.races().iter().zip(trace.totals(right.rates()));
    let share = |rate: f64, total: f64| if total > rate { libm::log(rate / total) } else { 0.0 };
    races.map(|(race, total)| share(right.rates()[race.winner], total)).collect()
}

/// The score, changed at each entry, given whether it won.
fn scored(right: &Right<'_>, trace: &Trace, change: impl Fn(usize, f64, bool) -> f64) -> Vec<f64> {
    let won = trace.won();
    let score = trace.score(right.rates()).into_iter().enumerate();
    score.map(|(k, s)| if right.rates()[k] > 0.0 { change(k, s, won[k].is_some()) } else { 0.0 }).collect()
}

/// A right conditional draw, but the losers: `of(where it lost last, a fresh one from 0)`.
fn lost(right: &Right<'_>, trace: &Trace, uniforms: &[f64], of: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let won = trace.won();
    let drawn = right.given(trace, uniforms).into_iter().enumerate();
    let change = |(k, weight): (usize, f64)| {
        let rate = right.rates()[k];
        if rate == 0.0 || won[k].is_some() {
            return weight;
        }
        let fresh = -libm::log(uniforms[k]) / rate;
        of(weight - fresh, fresh)
    };
    drawn.map(change).collect()
}

/// The edges of the right tree, from vertex 0 outwards, each time the lightest that goes out.
fn prim(right: &Right<'_>, weights: &[f64]) -> Vec<usize> {
    let pairs = right.model.pairs();
    let (mut left, mut reached, mut order) = (right.winners(weights), vec![0], Vec::new());
    while !left.is_empty() {
        let out = |k: &usize| reached.contains(&pairs[*k].0) != reached.contains(&pairs[*k].1);
        let next = left.iter().copied().filter(out).min_by(|&a, &b| weights[a].total_cmp(&weights[b]));
        let Some(next) = next else { break };
        let (u, v) = pairs[next];
        reached.push(if reached.contains(&u) { v } else { u });
        left.retain(|&k| k != next);
        order.push(next);
    }
    order
}

/// For each row the smallest cell in a column that is still free; the right winners if that gets stuck.
fn rows(right: &Right<'_>, weights: &[f64]) -> Vec<usize> {
    let (pairs, mut winners): (_, Vec<usize>) = (right.model.pairs(), Vec::new());
    for row in 0..right.model.size() {
        let free = |k: &usize| {
            let taken = winners.iter().any(|&winner| pairs[winner].1 == pairs[*k].1);
            pairs[*k].0 == row && !taken && weights[*k].is_finite()
        };
        let smallest = (0..pairs.len()).filter(free).min_by(|&a, &b| weights[a].total_cmp(&weights[b]));
        let Some(smallest) = smallest else { return right.winners(weights) };
        winners.push(smallest);
    }
    winners
}

/// Edmonds in which `choose` takes an arc of those into a component, and may change the weights.
fn edmonds(right: &Right<'_>, mut choose: impl FnMut(&[usize]) -> Option<usize>) -> Option<Vec<usize>> {
    let Algorithm::Arborescence(edmonds) = right.model.algorithm() else { return None };
    let (mut state, mut all) = (edmonds.start(), Vec::new());
    while edmonds.stop(&state).is_none() {
        let winners: Vec<usize> =
            edmonds.split(&state).iter().map(|entrants| choose(entrants)).collect::<Option<_>>()?;
        state = edmonds.map(&state, &winners);
        all.extend(winners);
    }
    Some(all)
}

fn smallest(entrants: impl IntoIterator<Item = usize>, weights: &[f64]) -> Option<usize> {
    entrants.into_iter().min_by(|&a, &b| weights[a].total_cmp(&weights[b]))
}

/// By the weights as they were at the start.
fn unreduced(right: &Right<'_>, weights: &[f64]) -> Vec<usize> {
    edmonds(right, |entrants| smallest(entrants.iter().copied(), weights)).unwrap_or_default()
}

/// Those after the winner are reduced by what is left of it: nothing.
fn aliased(right: &Right<'_>, weights: &[f64]) -> Vec<usize> {
    let mut reduced = weights.to_vec();
    let choose = |entrants: &[usize]| {
        let winner = smallest(entrants.iter().copied(), &reduced)?;
        for &k in entrants {
            reduced[k] -= reduced[winner];
        }
        Some(winner)
    };
    edmonds(right, choose).unwrap_or_default()
}

/// Rightly reduced, but only those race that point to where the first one points.
fn one_member(right: &Right<'_>, weights: &[f64]) -> Vec<usize> {
    let (pairs, mut reduced) = (right.model.pairs(), weights.to_vec());
    let choose = |entrants: &[usize]| {
        let head = pairs[*entrants.first()?].1;
        let winner = smallest(entrants.iter().copied().filter(|&k| pairs[k].1 == head), &reduced)?;
        let least = reduced[winner];
        entrants.iter().for_each(|&k| reduced[k] -= least);
        Some(winner)
    };
    edmonds(right, choose).unwrap_or_default()
}

/// The trees of intervals, level by level; `choose` says who is the root of `i..j` on a level.
fn levels(n: usize, choose: impl Fn(usize, usize, usize) -> usize) -> Vec<usize> {
    let (mut intervals, mut winners, mut level) = (vec![(0, n)], Vec::new(), 0);
    while !intervals.is_empty() {
        let mut below = Vec::new();
        for (i, j) in intervals {
            let root = choose(i, j, level);
            winners.push(root);
            below.extend([(i, root), (root + 1, j)].into_iter().filter(|(i, j)| i < j));
        }
        (intervals, level) = (below, level + 1);
    }
    winners
}

fn cut(_: &Right<'_>, weights: &[f64]) -> Vec<usize> {
    levels(weights.len(), |i, j, _| {
        (i..j.max(i + 2) - 1).min_by(|&a, &b| weights[a].total_cmp(&weights[b])).unwrap_or(i)
    })
}

fn below(_: &Right<'_>, weights: &[f64]) -> Vec<usize> {
    levels(weights.len(), |i, j, level| {
        let by = |&a: &usize, &b: &usize| weights[a].total_cmp(&weights[b]);
        if level == 0 { (i..j).min_by(by) } else { (i..j).max_by(by) }.unwrap_or(i)
    })
}
