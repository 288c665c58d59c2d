//! Identities of the structures of this crate: two ways to compute one thing.

use std::collections::BTreeMap;

use num_bigint::{BigInt, BigUint};
use num_rational::BigRational;
use num_traits::Zero;

use super::{Compared, Identity, equal, identity, of_recursion, some};
use crate::builtin::{Builtin, Laws, Relabelled};
use crate::kind::Kind;
use crate::law::Law;
use crate::limit::{Limit, TooLarge};
use crate::number::{Dual, Exact, FromExact, Residue, ratio, to_rational};
use crate::recursion::{Outcome, traces};
use crate::structure::{Parents, Structure, Variant};
use crate::top_k::TopK;

/// Structures with their probabilities, in increasing order.
type LawOf<A> = Vec<(<A as crate::recursion::Recursion>::Structure, BigRational)>;

/// Identities of a structure on given rates: those of its recursion, and what compares two ways to compute one thing.
///
/// All traces are enumerated: check first how many there are.
///
/// # Panics
/// If there is not one rate per entry.
#[must_use]
pub fn of_builtin<A: Builtin>(algorithm: &A, rates: &[BigRational]) -> Vec<Identity> {
    let mut all = of_recursion(algorithm, rates);
    if all[0].outcome.is_err() {
        return all; // it breaks a promise: its traces may have no end
    }
    let law = algorithm.law(rates);
    let traced = traced_law(algorithm, rates);
    all.push(identity("counts", counts(algorithm, rates, &law)));
    all.push(identity("collapsed = full enumeration", collapsed(algorithm, rates, &law, &traced)));
    all.push(identity("modulo a prime", modulo_a_prime(algorithm, rates, &law)));
    let by_traces = Law { outcomes: traced.into_iter().map(|(x, p)| (x.into(), p)).collect() };
    all.push(identity("marginals by two ways", marginals(algorithm, rates, &by_traces)));
    all.push(identity("gradients by two ways", gradients(algorithm, rates)));
    if A::KIND != Kind::Permutation {
        // of that one there is one way only: all traces
        all.push(identity("laws of losses", loss_laws(algorithm, rates, &law, &by_traces)));
    }
    all.push(identity("relabelling", relabelling(algorithm, rates, &law)));
    if !matches!(A::KIND, Kind::BinaryTree | Kind::Permutation) {
        // of those two no entry can be absent
        all.push(identity("rate 0 = entry removed", rate_zero(algorithm, rates, &law)));
    }
    if A::KIND == Kind::Arborescence {
        all.push(identity("weight of X = sum of race times", duality(algorithm, rates)));
    }
    all
}

/// The law by listing every trace.
fn traced_law<A: Builtin>(algorithm: &A, rates: &[BigRational]) -> BTreeMap<A::Structure, BigRational> {
    let mut law = BTreeMap::new();
    for Outcome { structure, probability, .. } in traces(algorithm, rates) {
        *law.entry(structure).or_insert_with(BigRational::zero) += probability;
    }
    law
}

fn counts<A: Builtin>(algorithm: &A, rates: &[BigRational], law: &LawOf<A>) -> Compared {
    let listed = BigUint::from(traces(algorithm, rates).count());
    let structures = BigUint::from(law.len());
    let mut compared = equal(|| "number of traces".to_owned(), &Some(listed), &algorithm.trace_count())?
        + equal(|| "number of structures".to_owned(), &structures, &algorithm.structure_count())?;
    for Outcome { trace, .. } in traces(algorithm, rates) {
        let want = algorithm.race_count(&trace);
        compared += equal(|| format!("number of races of {trace:?}"), &trace.races().len(), &want)?;
    }
    Ok(compared)
}

/// The law from merged paths against the law from all traces, and each probability by the paths to it alone.
///
/// A permutation has as many traces as structures: there is nothing to merge. What is compared there is who is drawn in the
/// first `k` places, against the merged paths of the same races stopped after `k`.
fn collapsed<A: Builtin>(
    algorithm: &A,
    rates: &[BigRational],
    law: &LawOf<A>,
    traced: &BTreeMap<A::Structure, BigRational>,
) -> Compared {
    let mut compared = equal(|| "support".to_owned(), &law.len(), &traced.len())?;
    for ((x, p), (y, q)) in law.iter().zip(traced) {
        compared += equal(|| "support".to_owned(), x, y)?;
        compared += equal(|| format!("P of {}", algorithm.canonical(x)), p, q)?;
    }
    for (x, p) in some(law, 2000) {
        let single = algorithm.probability(rates, x, Limit(u64::MAX)).map_err(told)?;
        compared += equal(|| format!("P of {} alone", algorithm.canonical(x)), &single, p)?;
    }
    if A::KIND != Kind::Permutation {
        return Ok(compared);
    }
    compared = 0; // so far by one way
    for k in 1..=rates.len() {
        let mut first: BTreeMap<Structure, BigRational> = BTreeMap::new();
        for (x, p) in law {
            let Structure::Order(order) = x.clone().into() else { continue };
            let set = Structure::Entries(order.iter().take(k).copied().collect());
            *first.entry(set).or_insert_with(BigRational::zero) += p;
        }
        let want = TopK::new(rates.len(), k).law(rates);
        compared += equal(|| format!("sets of {k}"), &first.len(), &want.len())?;
        for ((x, p), (y, q)) in first.iter().zip(want) {
            compared += equal(|| format!("set of {k}"), x, &y.into())?;
            compared += equal(|| format!("P of the set of {k} {x:?}"), p, &q)?;
        }
    }
    Ok(compared)
}

fn told(error: TooLarge) -> String {
    error.to_string()
}

fn modulo_a_prime<A: Builtin>(algorithm: &A, rates: &[BigRational], law: &LawOf<A>) -> Compared {
    let rates: Vec<Residue> = rates.iter().map(Residue::from_exact).collect();
    let mut sums: BTreeMap<A::Structure, Residue> = BTreeMap::new();
    for outcome in traces(algorithm, &rates) {
        let sum = sums.entry(outcome.structure).or_insert_with(Residue::zero);
        *sum = *sum + outcome.probability;
    }
    let compare = |(x, p): &(A::Structure, BigRational)| {
        let found = sums.get(x).copied().unwrap_or_else(Residue::zero);
        equal(|| format!("P of {} modulo 2^61-1", algorithm.canonical(x)), &found, &Residue::from_exact(p))
    };
    let support = equal(|| "support".to_owned(), &law.len(), &sums.len())?;
    Ok(support + law.iter().map(compare).sum::<Compared>()?)
}

/// By states or merged paths, against the sum over all traces.
fn marginals<A: Builtin>(algorithm: &A, rates: &[BigRational], by_traces: &Law) -> Compared {
    let found = algorithm.marginals(rates);
    let mut compared = equal(|| "number of marginals".to_owned(), &found.len(), &rates.len())?;
    for (k, (found, want)) in found.iter().zip(by_traces.marginals(rates.len())).enumerate() {
        compared += equal(|| format!("P({k} in X)"), found, &want)?;
    }
    let pairs = algorithm.pair_marginals(rates, Limit(u64::MAX)).map_err(told)?;
    for (i, row) in pairs.iter().flatten().enumerate() {
        for (j, p) in row.iter().enumerate() {
            let want = if A::KIND == Kind::Permutation {
                // Among the first j + 1 but not among the first j.
                let n = rates.len();
                let among = |k: usize| {
                    if k == 0 { BigRational::zero() } else { TopK::new(n, k).marginals(rates)[i].clone() }
                };
                among(j + 1) - among(j)
            } else {
                by_traces.expectation(|x| {
                    let parent = (i != j).then_some(j);
                    let hit = matches!(x, Structure::Parents(Parents(parents)) if parents[i] == parent);
                    BigInt::from(u8::from(hit)).into()
                })
            };
            compared += equal(|| format!("pair marginal ({i}, {j})"), p, &want)?;
        }
    }
    Ok(compared)
}

/// By one sweep over merged paths, or by `Σ p(T) f(X) s(T)`, against the derivative of `Σ p(T) f(X)`: every trace's
/// probability multiplied out in dual numbers, one logit after the other, without the formula of the score.
fn gradients<A: Builtin>(algorithm: &A, rates: &[BigRational]) -> Compared {
    let exact: Vec<Exact> = rates.iter().map(Exact::from_exact).collect();
    let value = |name: &str, x: &A::Structure| BigRational::from(BigInt::from(algorithm.loss(name, x)));
    // [losses, entries]
    let mut want = vec![vec![Dual::constant(Exact::ZERO); rates.len()]; A::LOSSES.len()];
    for k in 0..rates.len() {
        let dual = |(j, rate): (usize, &Exact)| {
            if j == k { Dual::logit(rate.clone()) } else { Dual::constant(rate.clone()) }
        };
        let duals: Vec<Dual<Exact>> = exact.iter().enumerate().map(dual).collect();
        for Outcome { structure, probability, .. } in traces(algorithm, &duals) {
            for ((name, _), want) in A::LOSSES.iter().zip(&mut want) {
                let f = Dual::constant(Exact::from_exact(&value(name, &structure)));
                want[k] = want[k].clone() + f * &probability;
            }
        }
    }
    let mut compared = 0;
    for ((name, _), want) in A::LOSSES.iter().zip(&want) {
        let of = |part: fn(&Dual<Exact>) -> &Exact| -> Vec<BigRational> {
            want.iter().map(|dual| to_rational(part(dual))).collect()
        };
        let (values, derivatives) = (of(|dual| &dual.value), of(|dual| &dual.derivative));
        let general = algorithm.gradient_of(rates, &|x| value(name, x));
        let of_sum = algorithm.additive(name).and_then(|values| algorithm.sum_gradient(rates, &values));
        for found in std::iter::once(&general).chain(&of_sum) {
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
fn loss_laws<A: Builtin>(algorithm: &A, rates: &[BigRational], law: &LawOf<A>, by_traces: &Law) -> Compared {
    let mut compared = 0;
    for (name, _) in A::LOSSES {
        let of = |x: &Structure| Variant::of(x).map_or(0, |x| algorithm.loss(name, x));
        let of_sum = algorithm.additive(name).and_then(|values| algorithm.sum_law(rates, &values));
        let found = match algorithm.loss_law(name, rates, Limit(u64::MAX)).map_err(told)?.or(of_sum) {
            Some(found) => found,
            None => {
                let outcomes = law.iter().map(|(x, p)| (x.clone().into(), p.clone())).collect();
                Law { outcomes }.statistic(of)
            }
        };
        compared += equal(|| format!("law of {name}"), &found, &by_traces.statistic(of))?;
    }
    Ok(compared)
}

fn probability<X: Ord>(law: &[(X, BigRational)], structure: &X) -> BigRational {
    let found = law.binary_search_by(|(x, _)| x.cmp(structure));
    found.map_or_else(|_| BigRational::zero(), |i| law[i].1.clone())
}

/// Vertices, rows and columns, or positions in another order: the law is carried along.
fn relabelling<A: Builtin>(algorithm: &A, rates: &[BigRational], law: &LawOf<A>) -> Compared {
    let Relabelled { algorithm: other, rates, number } = algorithm.relabelled(rates);
    let there = other.law(&rates);
    let compare = |(x, p): &(A::Structure, BigRational)| {
        let what = || format!("P of {} relabelled", algorithm.canonical(x));
        equal(what, &probability(&there, &x.renamed(&number)), p)
    };
    law.iter().map(compare).sum()
}

/// With an entry set to rate 0, and with the entry left out: the same law. Where no entry can be absent alone: beside
/// another block.
fn rate_zero<A: Builtin>(algorithm: &A, rates: &[BigRational], law: &LawOf<A>) -> Compared {
    let mut compared = 0;
    for k in 0..rates.len() {
        let Some([(zero, zero_rates), (less, less_rates)]) = algorithm.without(rates, k) else { continue };
        let (with_zero, without) = (zero.law(&zero_rates), less.law(&less_rates));
        compared += equal(|| format!("support without {k}"), &with_zero.len(), &without.len())?;
        let number: Vec<usize> = (0..rates.len()).filter(|&entry| entry != k).collect();
        for (x, p) in &without {
            let at_zero = probability(&with_zero, &x.renamed(&number));
            compared += equal(|| format!("P with entry {k} at rate 0"), &at_zero, p)?;
        }
    }
    if let Some((both, rates)) = algorithm.beside_a_block(rates) {
        let both = both.law(&rates);
        compared += equal(|| "support of a block".to_owned(), &both.len(), &law.len())?;
        for ((_, p), (_, q)) in both.iter().zip(law) {
            compared += equal(|| "P of a block".to_owned(), p, q)?;
        }
    }
    Ok(compared)
}

/// Linear programming duality: the weight of the minimum arborescence is the sum of the times of all races.
fn duality<A: Builtin>(algorithm: &A, rates: &[BigRational]) -> Compared {
    let outcomes: Vec<_> = traces(algorithm, rates).collect();
    let mut compared = 0;
    for (i, Outcome { trace, structure, .. }) in some(&outcomes, 2000).enumerate() {
        let number =
            |k: usize| ratio((k as i64 * 7919 + i as i64 * 31) % 101 + 1, (k as i64 + i as i64) % 13 + 1);
        let times: Vec<BigRational> = (0..trace.races().len()).map(number).collect();
        let residuals: Vec<_> =
            rates.iter().enumerate().map(|(k, rate)| (!rate.is_zero()).then(|| number(k))).collect();
        let weights = trace.assemble(&times, &residuals);
        let Structure::Entries(arcs) = structure.clone().into() else { continue };
        let weight =
            arcs.iter().fold(BigRational::zero(), |sum, &k| sum + weights[k].clone().unwrap_or_default());
        let sum = times.iter().fold(BigRational::zero(), |sum, time| sum + time);
        compared += equal(|| format!("weight of {}", algorithm.canonical(structure)), &weight, &sum)?;
    }
    Ok(compared)
}
