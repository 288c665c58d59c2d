//! Identities that must hold exactly: what makes the base trustworthy.
//!
//! # Law
//! [`of_recursion`] checks any [`Recursion`], one of ours or one of yours, on given rates, in exact fractions:
//!
//! | identity | formula |
//! |---|---|
//! | promises kept | in every state the entrant sets are disjoint, increasing and not empty, and nobody races who is absent or has won |
//! | traces are different | no trace is listed twice |
//! | decomposition | `Σ_T p(T) L_T(s) = Π_k λ_k/(λ_k + s_k)`, at several rational `s` |
//! | total expectation | `Σ_T p(T) E[E_k \| T] = 1/λ_k` |
//! | total covariance, up to 300 traces | `Σ_T p(T) (Cov(E_j, E_k \| T) + E[E_j \| T] E[E_k \| T]) = ([j = k] + 1)/(λ_j λ_k)` |
//! | round trip | from `T` and any times, rebuild `E`, run the algorithm: the same trace, structure and times |
//! | change of variables | `(M, R) → E` has determinant ±1 and `Σ λ_k E_k = Σ Λ_r M_r + Σ λ_k R_k` |
//!
//! If a promise is broken, only that is told: what follows from the promises could not even be enumerated. The last two
//! prove `p(T)` and `p(E | T)` for the trace at hand: the density `Π λ_k e^{-λ_k E_k}` of the exponentials,
//! written in `(M, R)`, is `p(T)·Π Λ_r e^{-Λ_r M_r}·Π λ_k e^{-λ_k R_k}` on the set where the trace is `T`. The
//! decomposition identity alone is blind to a last race that is neither recorded nor counted.
//!
//! That `Σ_T p(T) = 1`, that the score has mean 0, and what a scale of the rates does, is not among them: it follows from the
//! formulas of [`crate::race`] whatever the recursion is, and is tested there.
//!
//! [`of_model`] adds what needs a model: counts, collapsed against full enumeration, marginals, gradients, rate 0,
//! relabelling, duality; [`closed_forms`] what holds for equal rates and complete graphs only; [`optimality`] that the
//! structure found is the best.

use std::collections::{BTreeMap, BTreeSet};

use itertools::Itertools;
use num_bigint::{BigInt, BigUint};
use num_rational::BigRational;
use num_traits::{One, Signed, Zero};

use crate::collapse::{Layers, integer_rates};
use crate::count;
use crate::law::Law;
use crate::limit::Limit;
use crate::loss::Loss;
use crate::model::{Algorithm, Entry, Kind, Model};
use crate::number::{Dual, Exact, FromExact, Residue, ratio};
use crate::recursion::{self, Outcome, Recursion};
use crate::structure::{EntrySet, Order, Parents, Structure};

/// The outcome of one identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its name.
    pub name: &'static str,
    /// How many equalities were compared, or the first that does not hold.
    pub outcome: Result<u64, String>,
}

/// Counts equalities and stops at the first that fails.
type Compared = Result<u64, String>;

fn identity(name: &'static str, outcome: Compared) -> Identity {
    Identity { name, outcome }
}

fn equal<T: PartialEq + std::fmt::Debug>(what: impl FnOnce() -> String, found: &T, want: &T) -> Compared {
    if found == want { Ok(1) } else { Err(format!("{}: found {found:?}, want {want:?}", what())) }
}

/// Shortens fractions in messages.
fn equal_fraction(what: impl FnOnce() -> String, found: &Exact, want: &Exact) -> Compared {
    if found == want { Ok(1) } else { Err(format!("{}: found {found}, want {want}", what())) }
}

fn exact(numerator: i64, denominator: i64) -> Exact {
    Exact::from_exact(&ratio(numerator, denominator))
}

/// Identities of a recursion on given rates, one per entry; 0 for an entry that never races.
///
/// All traces are enumerated: check first how many there are.
///
/// # Panics
/// If there is not one rate per entry.
#[must_use]
pub fn of_recursion<R: Recursion>(recursion: &R, rates: &[BigRational]) -> Vec<Identity> {
    assert_eq!(rates.len(), recursion.entries(), "one rate per entry");
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
    assert_eq!(rates.len(), recursion.entries(), "one rate per entry");
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

/// At most so many, spread evenly.
fn some<T>(items: &[T], most: usize) -> impl Iterator<Item = &T> {
    items.iter().step_by(items.len().div_ceil(most).max(1))
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

// ---------------------------------------------------------------------------------------------------------------

/// Identities of a model: those of its recursion, and what compares two ways to compute one thing.
///
/// All traces are enumerated: check first how many there are.
#[must_use]
pub fn of_model(model: &Model) -> Vec<Identity> {
    let mut all = match model.algorithm() {
        Algorithm::SpanningTree(a) => of_recursion(a, model.rates()),
        Algorithm::Arborescence(a) => of_recursion(a, model.rates()),
        Algorithm::Matching(a) => of_recursion(a, model.rates()),
        Algorithm::BinaryTree(a) => of_recursion(a, model.rates()),
        Algorithm::TopK(a) => of_recursion(a, model.rates()),
        Algorithm::Permutation(a) => of_recursion(a, model.rates()),
        Algorithm::Categorical(a) => of_recursion(a, model.rates()),
    };
    let limit = Limit(u64::MAX);
    let Ok(law) = model.law(limit) else { return all };
    let traced = traced_law(model);
    all.push(identity("counts", counts(model, &law)));
    all.push(identity("collapsed = full enumeration", collapsed(model, &law, &traced)));
    all.push(identity("modulo a prime", modulo_a_prime(model, &law)));
    let by_traces = Law { outcomes: traced.into_iter().collect() };
    all.push(identity("marginals by two ways", marginals(model, &by_traces)));
    all.push(identity("gradients by two ways", gradients(model)));
    if model.kind() != Kind::Permutation {
        // of that one there is one way only: all traces
        all.push(identity("laws of losses", loss_laws(model, &by_traces)));
    }
    all.push(identity("relabelling", relabelling(model, &law)));
    if !matches!(model.kind(), Kind::BinaryTree | Kind::Permutation) {
        // of those two no entry can be absent
        all.push(identity("rate 0 = entry removed", rate_zero(model)));
    }
    if model.kind() == Kind::Arborescence {
        all.push(identity("weight of X = sum of race times", duality(model)));
    }
    all
}

/// The law by listing every trace.
fn traced_law(model: &Model) -> BTreeMap<Structure, BigRational> {
    let mut law = BTreeMap::new();
    for Outcome { structure, probability, .. } in model.traces() {
        *law.entry(structure).or_insert_with(BigRational::zero) += probability;
    }
    law
}

fn counts(model: &Model, law: &Law) -> Compared {
    let traces = BigUint::from(model.traces().count());
    let structures = BigUint::from(law.outcomes.len());
    let mut compared = equal(|| "number of traces".to_owned(), &Some(traces), &model.trace_count())?
        + equal(|| "number of structures".to_owned(), &structures, &model.structure_count())?;
    for outcome in model.traces() {
        let n = model.size();
        let races = match model.algorithm() {
            Algorithm::SpanningTree(_) => n - 1,
            Algorithm::TopK(a) => a.k(),
            Algorithm::Categorical(_) => 1,
            Algorithm::Matching(_) | Algorithm::BinaryTree(_) | Algorithm::Permutation(_) => n,
            // One for each vertex but the root, and one for each larger component, formed or not: those that the arcs
            // of the other races close to a cycle, counted independently by contracting one cycle at a time.
            Algorithm::Arborescence(a) => n - 1 + contractions(a, &outcome.trace),
        };
        let held = outcome.trace.races().len();
        compared += equal(|| format!("number of races of {:?}", outcome.trace), &held, &races)?;
    }
    Ok(compared)
}

/// How many cycles have to be contracted, given who won: one at a time, by walking from each component along the arcs
/// that were chosen until the root or a component seen before is reached.
fn contractions(algorithm: &crate::arborescence::Arborescence, trace: &crate::race::Trace) -> usize {
    // For each component formed so far that is in no other: its vertices and the arc that won its race.
    let mut formed: Vec<(BTreeSet<usize>, Option<usize>)> = (0..algorithm.graph().node_count())
        .filter(|&v| v != algorithm.root())
        .map(|v| (BTreeSet::from([v]), None))
        .collect();
    let mut contracted = 0;
    loop {
        for (vertices, winner) in &mut formed {
            let entrants = algorithm.entering(vertices);
            *winner = trace.races().iter().find(|race| race.entrants == entrants).map(|race| race.winner);
        }
        let next = |i: usize| {
            let tail = formed[i].1.map(|arc| algorithm.ends(arc).0)?;
            formed.iter().position(|(vertices, _)| vertices.contains(&tail))
        };
        // After as many steps as there are components a walk that has not reached the root goes round a cycle.
        let walk = |start: usize| (0..formed.len()).try_fold(start, |at, _| next(at));
        let Some(on_cycle) = (0..formed.len()).find_map(walk) else { return contracted };
        let mut members = vec![on_cycle];
        let mut at = next(on_cycle);
        while let Some(member) = at.filter(|&member| member != on_cycle) {
            members.push(member);
            at = next(member);
        }
        let vertices = members.iter().flat_map(|&member| formed[member].0.clone()).collect();
        let mut position = 0;
        formed.retain(|_| {
            position += 1;
            !members.contains(&(position - 1))
        });
        formed.push((vertices, None));
        contracted += 1;
    }
}

/// The law from merged paths against the law from all traces, and each probability by the paths to it alone.
///
/// A permutation has as many traces as structures: there is nothing to merge. What is compared there is who is drawn in the
/// first `k` places, against the merged paths of the same races stopped after `k`.
fn collapsed(model: &Model, law: &Law, traced: &BTreeMap<Structure, BigRational>) -> Compared {
    let mut compared = 0;
    if model.kind() == Kind::Permutation {
        for k in 1..=model.size() {
            let mut first: BTreeMap<Structure, BigRational> = BTreeMap::new();
            for (x, p) in traced {
                let Structure::Order(order) = x else { continue };
                let set = Structure::Entries(order.iter().take(k).copied().collect());
                *first.entry(set).or_insert_with(BigRational::zero) += p;
            }
            let want = top_k_law(model, k)?;
            compared += equal(|| format!("sets of {k}"), &first.len(), &want.outcomes.len())?;
            for ((x, p), (y, q)) in first.iter().zip(&want.outcomes) {
                compared += equal(|| format!("set of {k}"), x, y)?;
                compared += equal(|| format!("P of the set of {k} {x:?}"), p, q)?;
            }
        }
        return Ok(compared);
    }
    compared += equal(|| "support".to_owned(), &law.outcomes.len(), &traced.len())?;
    for ((x, p), (y, q)) in law.outcomes.iter().zip(traced) {
        compared += equal(|| "support".to_owned(), x, y)?;
        compared += equal(|| format!("P of {}", model.canonical(x)), p, q)?;
    }
    for (x, p) in some(&law.outcomes, 2000) {
        let single = model.probability(x, Limit(u64::MAX)).map_err(|error| error.to_string())?;
        compared += equal(|| format!("P of {} alone", model.canonical(x)), &single, p)?;
    }
    Ok(compared)
}

/// The law of the set of the first `k` of a permutation's races.
fn top_k_law(model: &Model, k: usize) -> Result<Law, String> {
    let top_k = Model::top_k(model.rates().to_vec(), k).map_err(|error| error.to_string())?;
    top_k.law(Limit(u64::MAX)).map_err(|error| error.to_string())
}

fn modulo_a_prime(model: &Model, law: &Law) -> Compared {
    let rates: Vec<Residue> = model.rates_as();
    let mut sums: BTreeMap<Structure, Residue> = BTreeMap::new();
    for outcome in model.traces_as(&rates) {
        let sum = sums.entry(outcome.structure).or_insert_with(Residue::zero);
        *sum = *sum + outcome.probability;
    }
    let compare = |(x, p): &(Structure, BigRational)| {
        let found = sums.get(x).copied().unwrap_or_else(Residue::zero);
        equal(|| format!("P of {} modulo 2^61-1", model.canonical(x)), &found, &Residue::from_exact(p))
    };
    law.outcomes.iter().map(compare).sum()
}

/// By states or merged paths, against the sum over all traces.
fn marginals(model: &Model, by_traces: &Law) -> Compared {
    let found = model.marginals(Limit(u64::MAX)).map_err(|error| error.to_string())?;
    let mut compared = equal(|| "number of marginals".to_owned(), &found.len(), &model.entries().len())?;
    for (k, (found, want)) in found.iter().zip(by_traces.marginals(model.entries().len())).enumerate() {
        compared += equal(|| format!("P({k} in X)"), found, &want)?;
    }
    let pairs = model.pair_marginals(Limit(u64::MAX)).map_err(|error| error.to_string())?;
    for (i, row) in pairs.iter().flatten().enumerate() {
        for (j, p) in row.iter().enumerate() {
            let want = match model.kind() {
                // Among the first j + 1 but not among the first j.
                Kind::Permutation => {
                    let among = |k: usize| -> Result<BigRational, String> {
                        if k == 0 { Ok(BigRational::zero()) } else { Ok(top_k_law(model, k)?.marginals(row.len())[i].clone()) }
                    };
                    among(j + 1)? - among(j)?
                }
                _ => by_traces.expectation(|x| {
                    let hit = matches!(x, Structure::Parents(Parents(parents)) if parents[i] == (i != j).then_some(j));
                    BigRational::from(BigInt::from(u8::from(hit)))
                }),
            };
            compared += equal(|| format!("pair marginal ({i}, {j})"), p, &want)?;
        }
    }
    Ok(compared)
}

/// By one sweep over merged paths, or by `Σ p(T) f(X) s(T)`, against the derivative of `Σ p(T) f(X)`: every trace's
/// probability multiplied out in dual numbers, one logit after the other, without the formula of the score.
fn gradients(model: &Model) -> Compared {
    let limit = Limit(u64::MAX);
    let names = Loss::names(model.kind());
    let losses: Vec<Loss> = names
        .iter()
        .map(|name| Loss::named(model, name))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    let rates: Vec<Exact> = model.rates_as();
    let value = |loss: &Loss, x: &Structure| BigRational::from(BigInt::from(loss.of(model, x)));
    // [losses, entries]
    let mut want = vec![vec![Dual::constant(Exact::ZERO); rates.len()]; losses.len()];
    for k in 0..rates.len() {
        let dual = |(j, rate): (usize, &Exact)| {
            if j == k { Dual::logit(rate.clone()) } else { Dual::constant(rate.clone()) }
        };
        let duals: Vec<Dual<Exact>> = rates.iter().enumerate().map(dual).collect();
        for Outcome { structure, probability, .. } in model.traces_as(&duals) {
            for (loss, want) in losses.iter().zip(&mut want) {
                let f = Dual::constant(Exact::from_exact(&value(loss, &structure)));
                want[k] = want[k].clone() + f * &probability;
            }
        }
    }
    let mut compared = 0;
    for ((loss, name), want) in losses.iter().zip(names).zip(&want) {
        let of = |part: fn(&Dual<Exact>) -> &Exact| -> Vec<BigRational> {
            want.iter().map(|dual| crate::number::to_rational(part(dual))).collect()
        };
        let (values, derivatives) = (of(|dual| &dual.value), of(|dual| &dual.derivative));
        let fast = model.gradient(loss, limit).map_err(|error| error.to_string())?;
        let general = model.gradient_of(|x| value(loss, x), limit).map_err(|error| error.to_string())?;
        for found in [&fast, &general] {
            for (k, (found, want)) in found.gradient.iter().zip(&derivatives).enumerate() {
                compared += equal(|| format!("derivative of {name} in logit {k}"), found, want)?;
            }
            compared += equal(|| format!("gradient of {name}"), &found.gradient.len(), &derivatives.len())?;
            if let Some(want) = values.first() {
                compared += equal(|| format!("expectation of {name}"), &found.expectation, want)?;
            }
        }
    }
    Ok(compared)
}

/// By states, intervals or merged paths, against the sum over all traces.
fn loss_laws(model: &Model, by_traces: &Law) -> Compared {
    let mut compared = 0;
    for name in Loss::names(model.kind()) {
        let loss = Loss::named(model, name).map_err(|error| error.to_string())?;
        let found = model.loss_law(&loss, Limit(u64::MAX)).map_err(|error| error.to_string())?;
        compared += equal(|| format!("law of {name}"), &found, &by_traces.statistic(|x| loss.of(model, x)))?;
    }
    Ok(compared)
}

/// Vertices, rows and columns, or positions in another order: the law is carried along. A binary tree allows only the
/// mirror image.
fn relabelling(model: &Model, law: &Law) -> Compared {
    let n = model.size();
    let rotate = |v: usize| (v + 1) % n;
    let flip = |v: usize| n - 1 - v;
    // The new model, and the new number of each old entry.
    let (other, number): (Model, Vec<usize>) = match model.algorithm() {
        Algorithm::SpanningTree(_) | Algorithm::Arborescence(_) => {
            let m = model.pairs().len();
            let moved = model.pairs().into_iter().zip(model.rates()).rev();
            let moved = moved.map(|((u, v), rate)| (rotate(u), rotate(v), rate.clone())).collect();
            let other = match model.algorithm() {
                Algorithm::Arborescence(a) => Model::new_arborescence(n, rotate(a.root()), moved),
                _ => Model::new_spanning_tree(n, moved),
            };
            (other.map_err(|(_, problem)| problem.to_string())?, (0..m).rev().collect())
        }
        Algorithm::Matching(_) => {
            let mut rates = vec![vec![BigRational::zero(); n]; n];
            for ((i, j), rate) in model.pairs().into_iter().zip(model.rates()) {
                rates[rotate(i)][flip(j)] = rate.clone();
            }
            let other = Model::matching(&rates).map_err(|problem| problem.to_string())?;
            let place = |(i, j)| other.entries().iter().position(|&e| e == Entry::Pair(rotate(i), flip(j)));
            let number = model.pairs().into_iter().filter_map(place).collect();
            (other, number)
        }
        algorithm => {
            let place = |i| if model.kind() == Kind::BinaryTree { flip(i) } else { rotate(i) };
            let mut rates = vec![BigRational::zero(); n];
            for (i, rate) in model.rates().iter().enumerate() {
                rates[place(i)] = rate.clone();
            }
            let k = if let Algorithm::TopK(a) = algorithm { a.k() } else { 0 };
            let other =
                Model::new_positions(model.kind(), rates, k).map_err(|(_, problem)| problem.to_string())?;
            (other, (0..n).map(place).collect())
        }
    };
    let carry = |x: &Structure| match x {
        Structure::Entries(set) => Structure::Entries(set.iter().map(|&k| number[k]).collect::<EntrySet>()),
        Structure::Order(order) => Structure::Order(Order(order.iter().map(|&k| number[k]).collect())),
        Structure::Parents(parents) => {
            let mut moved = vec![None; n];
            for (i, parent) in parents.0.iter().enumerate() {
                moved[number[i]] = parent.map(|parent| number[parent]);
            }
            Structure::Parents(Parents(moved))
        }
    };
    let there = other.law(Limit(u64::MAX)).map_err(|error| error.to_string())?;
    let compare = |(x, p): &(Structure, BigRational)| {
        equal(|| format!("P of {} relabelled", model.canonical(x)), &there.probability(&carry(x)), p)
    };
    law.outcomes.iter().map(compare).sum()
}

/// With one more entry of rate 0 set to 0, and with the entry left out: the same law.
fn rate_zero(model: &Model) -> Compared {
    let n = model.size();
    let mut compared = 0;
    let weighted = || -> Vec<(usize, usize, BigRational)> {
        model.pairs().into_iter().zip(model.rates()).map(|((u, v), rate)| (u, v, rate.clone())).collect()
    };
    for k in 0..model.entries().len() {
        let build = |zero: bool| -> Option<Model> {
            let mut edges = weighted();
            let mut list = model.rates().to_vec();
            if zero {
                list[k] = BigRational::zero();
            } else {
                list.remove(k);
            }
            if !edges.is_empty() {
                if zero { edges[k].2 = BigRational::zero() } else { drop(edges.remove(k)) }
            }
            match model.algorithm() {
                Algorithm::SpanningTree(_) => Model::new_spanning_tree(n, edges).ok(),
                Algorithm::Arborescence(a) => Model::new_arborescence(n, a.root(), edges).ok(),
                Algorithm::TopK(a) => Model::top_k(list, a.k()).ok(),
                Algorithm::Categorical(_) => Model::categorical(list).ok(),
                // Of a matching, binary tree or permutation no entry can be absent alone.
                _ => None,
            }
        };
        let (Some(with_zero), Some(without)) = (build(true), build(false)) else { continue };
        let law = |model: &Model| model.law(Limit(u64::MAX)).map_err(|error| error.to_string());
        let (with_zero, without) = (law(&with_zero)?, law(&without)?);
        compared +=
            equal(|| format!("support without {k}"), &with_zero.outcomes.len(), &without.outcomes.len())?;
        for (x, p) in &without.outcomes {
            let Structure::Entries(set) = x else { continue };
            let set = Structure::Entries(set.iter().map(|&entry| entry + usize::from(entry >= k)).collect());
            let at_zero = with_zero.probability(&set);
            compared += equal(|| format!("P with entry {k} at rate 0"), &at_zero, p)?;
        }
    }
    if model.kind() == Kind::Matching {
        // Two blocks, and rate 0 elsewhere: each block on its own.
        let rates = model.pairs().into_iter().zip(model.rates());
        let mut blocks = vec![vec![BigRational::zero(); n + 1]; n + 1];
        rates.for_each(|((i, j), rate)| blocks[i][j] = rate.clone());
        blocks[n][n] = ratio(5, 3);
        let both = Model::matching(&blocks).map_err(|problem| problem.to_string())?;
        let both = both.law(Limit(u64::MAX)).map_err(|error| error.to_string())?;
        let alone = model.law(Limit(u64::MAX)).map_err(|error| error.to_string())?;
        compared += equal(|| "support of a block".to_owned(), &both.outcomes.len(), &alone.outcomes.len())?;
        for ((_, p), (_, q)) in both.outcomes.iter().zip(&alone.outcomes) {
            compared += equal(|| "P of a block".to_owned(), p, q)?;
        }
    }
    Ok(compared)
}

/// Linear programming duality: the weight of the minimum arborescence is the sum of the times of all races.
fn duality(model: &Model) -> Compared {
    let outcomes: Vec<_> = model.traces().collect();
    let mut compared = 0;
    for (i, Outcome { trace, structure, .. }) in some(&outcomes, 2000).enumerate() {
        let number =
            |k: usize| ratio((k as i64 * 7919 + i as i64 * 31) % 101 + 1, (k as i64 + i as i64) % 13 + 1);
        let times: Vec<BigRational> = (0..trace.races().len()).map(number).collect();
        let residuals: Vec<_> =
            model.rates().iter().enumerate().map(|(k, r)| (!r.is_zero()).then(|| number(k))).collect();
        let weights = trace.assemble(&times, &residuals);
        let Structure::Entries(arcs) = structure else { continue };
        let weight =
            arcs.iter().fold(BigRational::zero(), |sum, &k| sum + weights[k].clone().unwrap_or_default());
        let sum = times.iter().fold(BigRational::zero(), |sum, time| sum + time);
        compared += equal(|| format!("weight of {}", model.canonical(structure)), &weight, &sum)?;
    }
    Ok(compared)
}

// ---------------------------------------------------------------------------------------------------------------

/// On each of the given integer weights, one list per run and one weight per entry, the structure found is the best of
/// all, listed by brute force: every set of `n-1` edges that connects, every choice of arcs without a cycle, sorting.
/// For spanning trees petgraph's own `min_spanning_tree` must agree too. A greedy matching is not optimal, and a
/// binary tree has no weight: for them nothing is compared.
///
/// # Panics
/// If there is not one weight per entry.
#[must_use]
pub fn optimality(model: &Model, draws: &[Vec<i64>]) -> Identity {
    identity("optimal by brute force", optimal(model, draws))
}

fn optimal(model: &Model, draws: &[Vec<i64>]) -> Compared {
    let mut compared = 0;
    let present = |k: &usize| model.rates()[*k].is_positive();
    let all: Vec<EntrySet> = match model.algorithm() {
        Algorithm::SpanningTree(a) => {
            let edges = (0..model.entries().len()).filter(present);
            let sets = edges.combinations(model.size() - 1).map(EntrySet::from_iter);
            sets.filter(|set| connects(a.graph(), set)).collect()
        }
        Algorithm::Arborescence(a) => a.structures(),
        Algorithm::TopK(a) => {
            (0..model.size()).filter(present).combinations(a.k()).map(EntrySet::from_iter).collect()
        }
        Algorithm::Categorical(_) => (0..model.size()).filter(present).map(|k| EntrySet::from([k])).collect(),
        Algorithm::Permutation(_) => Vec::new(),
        Algorithm::Matching(_) | Algorithm::BinaryTree(_) => return Ok(0),
    };
    for weights in draws {
        assert_eq!(weights.len(), model.entries().len(), "one weight per entry");
        let exact_weights: Vec<Exact> = weights.iter().map(|&weight| exact(weight, 1)).collect();
        let found = model.run(&exact_weights).map_err(|error| error.to_string())?.structure;
        let set = match &found {
            Structure::Entries(set) => set,
            Structure::Order(order) => {
                let mut sorted: Vec<usize> = (0..model.size()).collect();
                sorted.sort_by_key(|&i| weights[i]); // stable: ties to the lower position
                compared += equal(|| format!("order of {weights:?}"), &order.0, &sorted)?;
                continue;
            }
            Structure::Parents(_) => continue,
        };
        let weight = |set: &EntrySet| set.iter().map(|&k| weights[k]).sum::<i64>();
        compared += equal(|| "it is a structure".to_owned(), &all.contains(set), &true)?;
        compared +=
            equal(|| format!("weight on {weights:?}"), &Some(weight(set)), &all.iter().map(weight).min())?;
        if let Algorithm::SpanningTree(a) = model.algorithm() {
            let weighted =
                a.graph().filter_map(|_, ()| Some(()), |k, &present| present.then_some(weights[k.index()]));
            let theirs = petgraph::algo::min_spanning_tree(&weighted).filter_map(|element| match element {
                petgraph::data::Element::Edge { weight, .. } => Some(weight),
                petgraph::data::Element::Node { .. } => None,
            });
            compared += equal(|| format!("petgraph's weight on {weights:?}"), &weight(set), &theirs.sum())?;
        }
    }
    Ok(compared)
}

fn connects(graph: &petgraph::graph::UnGraph<(), bool>, edges: &EntrySet) -> bool {
    let mut sets = petgraph::unionfind::UnionFind::<usize>::new(graph.node_count());
    edges.iter().all(|&k| {
        let ends = graph.edge_endpoints(petgraph::graph::EdgeIndex::new(k));
        ends.is_some_and(|(u, v)| sets.union(u.index(), v.index()))
    })
}

// ---------------------------------------------------------------------------------------------------------------

/// Closed forms for complete graphs and equal rates, by structure.
#[must_use]
pub fn closed_forms() -> Vec<(Kind, Identity)> {
    vec![
        (Kind::SpanningTree, identity("Cayley, traces (n-1)! n^(n-2)", cayley(Kind::SpanningTree, 6))),
        (Kind::Arborescence, identity("Cayley", cayley(Kind::Arborescence, 5))),
        (Kind::SpanningTree, identity("expected weight of the tree of K_n", expected_weights(6))),
        (Kind::Matching, identity("equal rates: uniform, 1/n!", uniform_matching(5))),
        (Kind::BinaryTree, identity("equal rates: Π 1/size", search_trees(7))),
        (Kind::TopK, identity("equal rates: 1/C(n,k)", uniform_top_k(6))),
        (Kind::Permutation, identity("Plackett-Luce product", plackett_luce())),
        (Kind::Categorical, identity("rate / total", categorical())),
    ]
}

fn complete(n: usize, rate: impl Fn(usize, usize) -> BigRational) -> Vec<(usize, usize, BigRational)> {
    (0..n).flat_map(|u| (u + 1..n).map(move |v| (u, v))).map(|(u, v)| (u, v, rate(u, v))).collect()
}

fn complete_model(kind: Kind, n: usize) -> Result<Model, String> {
    let one = |_, _| ratio(1, 1);
    let model = match kind {
        Kind::Arborescence => {
            let edges =
                complete(n, one).into_iter().flat_map(|(u, v, rate)| [(u, v, rate.clone()), (v, u, rate)]);
            Model::new_arborescence(n, n - 1, edges.collect())
        }
        _ => Model::new_spanning_tree(n, complete(n, one)),
    };
    model.map_err(|(_, problem)| problem.to_string())
}

fn cayley(kind: Kind, largest: usize) -> Compared {
    let mut compared = 0;
    for n in 2..=largest {
        let model = complete_model(kind, n)?;
        let structures = BigUint::from(n).pow(n as u32 - 2);
        let law = model.law(Limit(u64::MAX)).map_err(|error| error.to_string())?;
        compared +=
            equal(|| format!("structures at n = {n}"), &BigUint::from(law.outcomes.len()), &structures)?;
        if kind == Kind::SpanningTree {
            let traces = BigUint::from(model.traces().count());
            compared +=
                equal(|| format!("traces at n = {n}"), &traces, &(structures * count::factorial(n - 1)))?;
        }
    }
    Ok(compared)
}

/// The expected weight of the minimum spanning tree of K_n with all rates 1, by the race argument on block sizes: while
/// there are `b` blocks, every edge still to be chosen, `b - 1` of them, waits for the next winning time, of mean `1/Λ`.
///
/// Returned too: the same for uniform weights on (0, 1), by discounting: with `U = 1 - e^{-E}` the expected
/// weight is `∫ E[blocks - 1] e^{-t} dt`.
#[must_use]
pub fn expected_tree_weight(n: usize) -> (BigRational, BigRational) {
    let mut layer: BTreeMap<Vec<usize>, (BigRational, BigRational)> = BTreeMap::new();
    layer.insert(vec![1; n], (BigRational::one(), BigRational::one()));
    let (mut exponential, mut uniform) = (BigRational::zero(), BigRational::zero());
    for blocks in (2..=n).rev() {
        let mut next: BTreeMap<Vec<usize>, (BigRational, BigRational)> = BTreeMap::new();
        for (sizes, (p, discounted)) in layer {
            let pairs = || (0..blocks).flat_map(|i| (i + 1..blocks).map(move |j| (i, j)));
            let integer = |value: usize| BigRational::from(BigInt::from(value));
            let total = integer(pairs().map(|(i, j)| sizes[i] * sizes[j]).sum());
            let (share, shared) = (p / &total, discounted / (&total + BigRational::one()));
            exponential += integer(blocks - 1) * &share;
            uniform += integer(blocks - 1) * &shared;
            for (i, j) in pairs() {
                let mut merged = sizes.clone();
                merged[i] += merged.remove(j);
                merged.sort_unstable();
                let sum = next.entry(merged).or_insert_with(|| (BigRational::zero(), BigRational::zero()));
                let rate = integer(sizes[i] * sizes[j]);
                sum.0 += &share * &rate;
                sum.1 += &shared * &rate;
            }
        }
        layer = next;
    }
    (exponential, uniform)
}

fn expected_weights(largest: usize) -> Compared {
    // Uniform weights: Steele (2002), Fill and Steele (2005), Table 1.
    let published: [(i64, i64); 8] = [
        (1, 2),
        (3, 4),
        (31, 35),
        (893, 924),
        (278, 273),
        (30_739, 29_172),
        (199_462_271, 184_848_378),
        (126_510_063_932, 115_228_853_025),
    ];
    let mut compared = 0;
    for (n, (p, q)) in (2..).zip(published) {
        compared += equal(|| format!("uniform weights, n = {n}"), &expected_tree_weight(n).1, &ratio(p, q))?;
    }
    for n in 2..=largest {
        let model = complete_model(Kind::SpanningTree, n)?;
        let (want, _) = expected_tree_weight(n);
        if let Algorithm::SpanningTree(a) = model.algorithm() {
            let times = Layers::by_state(a, model.rates()).expected_times();
            let left = (0..times.len()).map(|r| BigRational::from(BigInt::from(times.len() - r)));
            let weight =
                times.iter().zip(left).fold(BigRational::zero(), |sum, (time, left)| sum + time * left);
            compared += equal(|| format!("expected weight by partitions, n = {n}"), &weight, &want)?;
        }
        if n <= 5 {
            // Σ_T p(T) Σ_{k∈X} E[E_k | T]
            let mut weight = BigRational::zero();
            for Outcome { trace, structure, probability } in model.traces() {
                let Structure::Entries(edges) = structure else { continue };
                let mean = trace.conditional_mean(model.rates());
                for &k in edges.iter() {
                    weight += &probability * mean[k].clone().unwrap_or_default();
                }
            }
            compared += equal(|| format!("expected weight by traces, n = {n}"), &weight, &want)?;
        }
    }
    Ok(compared)
}

fn reciprocal(count: &BigUint) -> BigRational {
    BigRational::new(BigInt::one(), BigInt::from(count.clone()))
}

fn uniform(model: Result<Model, crate::model::ModelError>, count: &BigUint) -> Compared {
    let law = model
        .map_err(|problem| problem.to_string())?
        .law(Limit(u64::MAX))
        .map_err(|error| error.to_string())?;
    let mut compared = equal(|| "structures".to_owned(), &BigUint::from(law.outcomes.len()), count)?;
    for (x, p) in &law.outcomes {
        compared += equal(|| format!("P of {x:?}"), p, &reciprocal(count))?;
    }
    Ok(compared)
}

fn uniform_matching(largest: usize) -> Compared {
    (1..=largest)
        .map(|n| uniform(Model::matching(&vec![vec![ratio(3, 7); n]; n]), &count::factorial(n)))
        .sum()
}

fn uniform_top_k(largest: usize) -> Compared {
    let cases = (1..=largest).flat_map(|n| (1..=n).map(move |k| (n, k)));
    cases.map(|(n, k)| uniform(Model::top_k(vec![ratio(3, 7); n], k), &count::binomial(n, k))).sum()
}

fn search_trees(largest: usize) -> Compared {
    let mut compared = 0;
    for n in 1..=largest {
        let model = Model::binary_tree(vec![ratio(3, 7); n]).map_err(|problem| problem.to_string())?;
        let law = model.law(Limit(u64::MAX)).map_err(|error| error.to_string())?;
        compared +=
            equal(|| format!("trees on {n}"), &BigUint::from(law.outcomes.len()), &count::catalan(n))?;
        for (x, p) in &law.outcomes {
            let Structure::Parents(Parents(parents)) = x else { continue };
            let mut size = vec![0_i64; n];
            for position in 0..n {
                for above in std::iter::successors(Some(position), |&v: &usize| parents[v]) {
                    size[above] += 1;
                }
            }
            let product = size.iter().fold(BigRational::one(), |product, &size| product * ratio(1, size));
            compared += equal(|| format!("P of {parents:?}"), p, &product)?;
        }
    }
    Ok(compared)
}

fn plackett_luce() -> Compared {
    let rates: Vec<BigRational> = [(2, 3), (5, 1), (1, 7), (4, 9)].map(|(p, q)| ratio(p, q)).to_vec();
    let model = Model::permutation(rates.clone()).map_err(|problem| problem.to_string())?;
    let law = model.law(Limit(u64::MAX)).map_err(|error| error.to_string())?;
    let mut compared = equal(|| "permutations".to_owned(), &law.outcomes.len(), &24)?;
    for (x, p) in &law.outcomes {
        let Structure::Order(Order(order)) = x else { continue };
        // from the last place back: λ / (sum of the rates from here on)
        let mut total = BigRational::zero();
        let mut product = BigRational::one();
        for &i in order.iter().rev() {
            total += &rates[i];
            product *= &rates[i] / &total;
        }
        compared += equal(|| format!("P of {order:?}"), p, &product)?;
    }
    Ok(compared)
}

fn categorical() -> Compared {
    let rates: Vec<BigRational> = [(2, 3), (0, 1), (1, 7)].map(|(p, q)| ratio(p, q)).to_vec();
    let (integers, _) = integer_rates(&rates); // 14, 0, 3
    let model = Model::categorical(rates).map_err(|problem| problem.to_string())?;
    let marginals = model.marginals(Limit(u64::MAX)).map_err(|error| error.to_string())?;
    let want: Vec<BigRational> = integers.iter().map(|rate| rate / ratio(17, 1)).collect();
    equal(|| "marginals".to_owned(), &marginals, &want)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_many_are_spread_evenly() {
        for (items, most) in [(3, 500), (500, 500), (501, 500), (1_080, 500), (100_003, 2_000), (0, 5)] {
            let all: Vec<usize> = (0..items).collect();
            let taken: Vec<usize> = some(&all, most).copied().collect();
            assert!(taken.len() <= most && taken.len() >= most.min(items) / 2, "{items} {most}");
            let step = taken.get(1).map_or(1, |second| second - taken[0]);
            assert!(taken.windows(2).all(|pair| pair[1] - pair[0] == step), "{items} {most}");
            assert!(taken.last().is_none_or(|last| last + step >= items), "{items} {most}");
        }
    }
}
