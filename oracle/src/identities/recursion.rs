//! Identities of any recursion.

use std::collections::BTreeSet;

use itertools::Itertools;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Signed};

use super::{Compared, Identity, equal, equal_fraction, exact, identity, some};
use crate::count;
use crate::number::{Exact, FromExact};
use crate::recursion::{self, Outcome, Recursion};
use crate::structure::EntrySet;

/// Identities of a recursion on given rates, one per entry; 0 for an entry that never races.
///
/// All traces are enumerated: check first how many there are.
///
/// # Panics
/// If there is not one rate per entry.
#[must_use]
pub fn of_recursion<R: Recursion>(recursion: &R, rates: &[BigRational]) -> Vec<Identity> {
    assert_eq!(rates.len(), recursion.entry_count(), "one rate per entry");
    let exact: Vec<Exact> = rates.iter().map(Exact::from_exact).collect();
    let kept =
        identity("promises kept", promises_kept(recursion, &exact, u64::MAX).map(Option::unwrap_or_default));
    let broken = kept.outcome.is_err();
    let mut all = vec![kept];
    if !broken {
        all.extend(of_traces(recursion, rates));
    }
    all
}

/// The identities of [`of_recursion`] that enumerate traces, whether or not the recursion keeps its promises: of one that
/// does not, the enumeration may never end.
///
/// # Panics
/// If there is not one rate per entry.
#[must_use]
pub fn of_traces<R: Recursion>(recursion: &R, rates: &[BigRational]) -> Vec<Identity> {
    assert_eq!(rates.len(), recursion.entry_count(), "one rate per entry");
    let rates: Vec<Exact> = rates.iter().map(Exact::from_exact).collect();
    let outcomes: Vec<Outcome<R::Structure, Exact>> = recursion::traces(recursion, &rates).collect();
    vec![
        identity("traces are different", traces_are_different(&outcomes)),
        identity("decomposition", decomposition(&rates, &outcomes)),
        identity("total expectation and covariance", total_moments(&rates, &outcomes)),
        identity("round trip", round_trip(recursion, &rates, &outcomes)),
        identity("change of variables", change_of_variables(&rates, &outcomes)),
    ]
}

/// Visits every state with every set of winners that leads to it, and counts the entrant sets found in order; `None` if that
/// would take more than `limit` steps (entrants looked at, states to come) and none of the first was wrong.
pub(crate) fn promises_kept<R: Recursion>(
    recursion: &R,
    rates: &[Exact],
    limit: u64,
) -> Result<Option<u64>, String> {
    let (mut compared, mut steps) = (0, 0_u64);
    let mut seen = BTreeSet::new();
    let mut open = vec![(recursion.start(), EntrySet::new())];
    while let Some((state, won)) = open.pop() {
        if recursion.stop(&state).is_some() || !seen.insert((state.clone(), won.clone())) {
            continue;
        }
        let sets = recursion.split(&state);
        let mut racing = EntrySet::new();
        let wrong = |what: String| Err(format!("in state {state:?} {what}: the entrant sets are {sets:?}"));
        if sets.is_empty() {
            return wrong("nothing races, but the algorithm does not stop".to_owned());
        }
        for set in &sets {
            if set.is_empty() {
                return wrong("a race has no entrants".to_owned());
            }
            if set.windows(2).any(|pair| pair[0] >= pair[1]) {
                return wrong("entrants are not in increasing order".to_owned());
            }
            steps += set.len() as u64;
            for &k in set {
                match rates.get(k) {
                    None => return wrong(format!("entry {k} races, but there are {} entries", rates.len())),
                    Some(rate) if *rate == Exact::ZERO => {
                        return wrong(format!("entry {k} races, which is absent"));
                    }
                    _ if won.contains(&k) => return wrong(format!("entry {k} races, which has won before")),
                    _ if racing.contains(&k) => return wrong(format!("entry {k} is in two races at once")),
                    _ => {}
                }
            }
            racing.extend(set.iter().copied());
            compared += 1;
        }
        for winners in sets.iter().map(|set| set.iter().copied()).multi_cartesian_product() {
            steps += 1;
            if steps > limit {
                return Ok(None);
            }
            let mut won = won.clone();
            won.extend(winners.iter().copied());
            open.push((recursion.map(&state, &winners), won));
        }
    }
    Ok(Some(compared))
}

fn traces_are_different<X>(outcomes: &[Outcome<X, Exact>]) -> Compared {
    let mut seen = BTreeSet::new();
    for outcome in outcomes {
        if !seen.insert(&outcome.trace) {
            return Err(format!("a trace is listed twice: {:?}", outcome.trace));
        }
    }
    Ok(outcomes.len() as u64)
}

fn decomposition<X>(rates: &[Exact], outcomes: &[Outcome<X, Exact>]) -> Compared {
    let mut compared = 0;
    // Three points: all alike, all different, and one entry at a time.
    let m = rates.len() as i64;
    let mut points =
        vec![vec![exact(2, 3); rates.len()], (0..m).map(|k| exact(k * k + 1, 2 * k + 3)).collect()];
    points.extend((0..m.min(4)).map(|one| (0..m).map(|k| exact(i64::from(k == one) * 5, 2)).collect()));
    for s in points {
        let mixed = outcomes.iter().fold(Exact::ZERO, |sum, outcome| {
            sum + outcome.probability.clone() * outcome.trace.laplace(rates, &s)
        });
        let product = rates.iter().zip(&s).filter(|(rate, _)| **rate != Exact::ZERO);
        let product =
            product.fold(Exact::ONE, |product, (rate, s)| product * (rate.clone() / (rate.clone() + s)));
        compared += equal_fraction(|| "Σ p(T) L_T(s)".to_owned(), &mixed, &product)?;
    }
    Ok(compared)
}

fn total_moments<X>(rates: &[Exact], outcomes: &[Outcome<X, Exact>]) -> Compared {
    let m = rates.len();
    let mut mean = vec![Exact::ZERO; m];
    let mut second = vec![vec![Exact::ZERO; m]; m];
    // The matrix of second moments is the slow part; a few hundred traces show it.
    let with_covariance = outcomes.len() <= 300;
    for Outcome { trace, probability, .. } in outcomes {
        let conditional = trace.conditional_mean(rates);
        for (sum, e) in mean.iter_mut().zip(&conditional) {
            if let Some(e) = e {
                *sum += probability.clone() * e;
            }
        }
        if with_covariance {
            for (j, row) in trace.conditional_covariance(rates).into_iter().enumerate() {
                for (k, cov) in row.into_iter().enumerate() {
                    if let (Some(cov), Some(ej), Some(ek)) = (cov, &conditional[j], &conditional[k]) {
                        second[j][k] += probability.clone() * (cov + ej.clone() * ek);
                    }
                }
            }
        }
    }
    let mut compared = 0;
    for k in (0..m).filter(|&k| rates[k] != Exact::ZERO) {
        let want = Exact::ONE / &rates[k];
        compared += equal_fraction(|| format!("Σ p(T) E[E_{k} | T]"), &mean[k], &want)?;
        for j in (0..m).filter(|&j| with_covariance && rates[j] != Exact::ZERO) {
            let want = exact(1 + i64::from(j == k), 1) / &rates[j] / &rates[k];
            compared += equal_fraction(|| format!("E[E_{j} E_{k}]"), &second[j][k], &want)?;
        }
    }
    Ok(compared)
}

fn round_trip<R: Recursion>(
    recursion: &R,
    rates: &[Exact],
    outcomes: &[Outcome<R::Structure, Exact>],
) -> Compared {
    let mut compared = 0;
    for (i, Outcome { trace, structure, .. }) in some(outcomes, 2000).enumerate() {
        // Any positive times will do: first all alike (so that only the order of the races tells entries apart), then
        // of very different sizes, so that a wrong order shows.
        for seed in [0, i as i64 + 1] {
            let number = |k: usize| match seed {
                0 => Exact::ONE,
                _ => exact((k as i64 * 7919 + seed * 104_729) % 1009 + 1, (k as i64 * 31 + seed) % 97 + 1),
            };
            let times: Vec<Exact> = (0..trace.races().len()).map(number).collect();
            let residuals: Vec<Option<Exact>> = (0..rates.len())
                .map(|k| (rates[k] != Exact::ZERO).then(|| number(k + times.len())))
                .collect();
            let exponentials = trace.assemble(&times, &residuals);
            let (back, rest) = trace.disassemble(&exponentials);
            compared += equal(|| format!("times of {trace:?}"), &back, &times)?;
            let won = trace.won();
            let lost = |(k, r): (usize, &Option<Exact>)| if won[k].is_some() { None } else { r.clone() };
            let want: Vec<_> = residuals.iter().enumerate().map(lost).collect();
            compared += equal(|| format!("residuals of {trace:?}"), &rest, &want)?;
            let weights: Vec<Exact> = exponentials.into_iter().map(Option::unwrap_or_default).collect();
            let run = recursion::run(recursion, &weights).map_err(|error| error.to_string())?;
            compared += equal(|| "trace after the round trip".to_owned(), &run.trace, trace)?;
            compared += equal(|| format!("structure of {trace:?}"), &run.structure, structure)?;
            compared += equal(|| format!("winning times of {trace:?}"), &run.times, &times)?;
            compared +=
                equal(|| "replay".to_owned(), &recursion::replay(recursion, trace), &Ok(structure.clone()))?;
        }
    }
    Ok(compared)
}

fn change_of_variables<X>(rates: &[Exact], outcomes: &[Outcome<X, Exact>]) -> Compared {
    let mut compared = 0;
    let present: Vec<usize> = (0..rates.len()).filter(|&k| rates[k] != Exact::ZERO).collect();
    for Outcome { trace, .. } in some(outcomes, 500) {
        let won = trace.won();
        let losers: Vec<usize> = present.iter().copied().filter(|&k| won[k].is_none()).collect();
        compared += equal(
            || "one variable per entry".to_owned(),
            &(trace.races().len() + losers.len()),
            &present.len(),
        )?;
        let row = |&k: &usize| -> Vec<BigInt> {
            let races = trace.races().iter().map(|race| race.has(k));
            races
                .chain(losers.iter().map(|&loser| loser == k))
                .map(|one| BigInt::from(u8::from(one)))
                .collect()
        };
        let determinant = count::determinant(present.iter().map(row).collect());
        compared += equal(|| format!("determinant of {trace:?}"), &determinant.abs(), &BigInt::one())?;
        let time = |r: usize| exact(r as i64 * r as i64 + 2, r as i64 + 5);
        let times: Vec<Exact> = (0..trace.races().len()).map(time).collect();
        let residuals: Vec<Option<Exact>> =
            (0..rates.len()).map(|k| (rates[k] != Exact::ZERO).then(|| exact(k as i64 + 3, 7))).collect();
        let exponentials = trace.assemble(&times, &residuals);
        let mut left = Exact::ZERO;
        let mut right = trace
            .totals(rates)
            .iter()
            .zip(&times)
            .fold(Exact::ZERO, |sum, (total, m)| sum + total.clone() * m);
        for &k in &present {
            left += rates[k].clone() * exponentials[k].clone().unwrap_or_default();
            if won[k].is_none() {
                right += rates[k].clone() * residuals[k].clone().unwrap_or_default();
            }
        }
        compared += equal_fraction(|| format!("Σ λE of {trace:?}"), &left, &right)?;
    }
    Ok(compared)
}
