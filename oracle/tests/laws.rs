//! What a law is asked, held to sums over all traces; and which limit stands for which way of enumerating.

use std::collections::{BTreeMap, BTreeSet};

use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::number::ratio;
use gumbel_oracle::recursion::{ReplayError, replay_winners};
use gumbel_oracle::structure::Structure;
use gumbel_oracle::top_k::TopK;
use num_rational::BigRational;
use num_traits::Zero as _;

const MODELS: [&str; 7] = [
    r#"{"structure": "spanning_tree", "vertices": 4, "edges": [[0,1,3],[0,2,1],[0,3,"1/2"],[1,2,"5/2"],[2,3,2]]}"#,
    r#"{"structure": "arborescence", "vertices": 3, "root": 0, "edges": [[0,1,1],[0,2,2],[1,2,6],[2,1,5]]}"#,
    r#"{"structure": "matching", "rates": [[4,1,2],["1/2",1,1],[3,"1/3",1]]}"#,
    r#"{"structure": "binary_tree", "rates": [1, 2, "1/2", 3]}"#,
    r#"{"structure": "top_k", "k": 2, "rates": [1, 2, "1/2", 3]}"#,
    r#"{"structure": "permutation", "rates": [1, 2, "1/2"]}"#,
    r#"{"structure": "categorical", "rates": [1, 2, "1/2", 3]}"#,
];

fn models() -> impl Iterator<Item = Model> {
    MODELS.into_iter().map(|text| Model::parse(text).unwrap())
}

/// The probability of each structure, by traces alone.
fn by_traces(model: &Model) -> BTreeMap<Structure, BigRational> {
    let mut law = BTreeMap::new();
    for outcome in model.traces() {
        *law.entry(outcome.structure).or_insert_with(BigRational::zero) += outcome.probability;
    }
    law
}

#[test]
fn every_structure_has_the_probability_of_its_traces() {
    let all: Vec<(Model, BTreeMap<Structure, BigRational>)> =
        models().map(|model| (model.clone(), by_traces(&model))).collect();
    for (model, exact) in &all {
        let law = model.law(Limit::default()).unwrap();
        assert_eq!(law.total(), ratio(1, 1));
        for (structure, p) in exact {
            assert_eq!(law.probability(structure), *p);
            assert_eq!(model.probability(structure, Limit::default()), Ok(p.clone()));
        }
        // Structures of others are none of this law.
        let foreign = all.iter().flat_map(|(_, law)| law.keys()).filter(|x| !exact.contains_key(x));
        assert!(foreign.into_iter().all(|structure| law.probability(structure).is_zero()));
    }
}

#[test]
fn every_loss_has_the_law_of_its_traces() {
    for model in models() {
        for name in Loss::names(model.kind()) {
            let loss = Loss::named(&model, name).unwrap();
            let mut exact: BTreeMap<i64, BigRational> = BTreeMap::new();
            for (structure, p) in by_traces(&model) {
                *exact.entry(loss.of(&model, &structure)).or_default() += p;
            }
            assert_eq!(model.loss_law(&loss, Limit::default()), Ok(exact.clone()), "{name}");
            let law = model.law(Limit::default()).unwrap();
            let mean: BigRational = exact.iter().map(|(value, p)| ratio(*value, 1) * p).sum();
            assert_eq!(law.expectation(|x| ratio(loss.of(&model, x), 1)), mean, "{name}");
        }
    }
}

/// Where the order of the races is all that traces of one structure differ in, paths are merged: and the
/// limit is that of the law, moments with a number for each entry of each structure. Elsewhere it is that of the traces.
#[test]
fn the_limit_is_that_of_what_is_visited() {
    use Kind::{Categorical, Matching, SpanningTree, TopK};
    let f = |_: &Structure| ratio(1, 1);
    let mut seen = BTreeSet::new();
    for model in models() {
        let numbers = by_traces(&model).len() as u64 * model.entries().len() as u64;
        let merges = matches!(model.kind(), SpanningTree | Matching | TopK | Categorical);
        for limit in (0..200).map(Limit) {
            let by_law = model.law(limit).is_ok();
            let by_traces = model.check_traces(limit).is_ok();
            let stopped = model.gradient_of(f, limit).is_err();
            assert_eq!(!stopped, if merges { by_law } else { by_traces }, "{:?} {limit:?}", model.kind());
            let stopped = model.score_moments(f, limit).is_err();
            let wanted = if merges { by_law && numbers <= limit.0 } else { by_traces };
            assert_eq!(!stopped, wanted, "{:?} {limit:?}", model.kind());
            if by_law != by_traces {
                seen.insert(model.kind().name());
            }
        }
    }
    let seen: Vec<&str> = seen.into_iter().collect();
    assert_eq!(seen, ["arborescence", "matching", "spanning_tree", "top_k"]);
}

/// Winners that are too many are counted, all of them.
#[test]
fn too_many_winners_are_counted() {
    for more in 1..4 {
        let winners = [2, 0].into_iter().chain(std::iter::repeat_n(1, more));
        let error = replay_winners(&TopK::new(3, 2), winners).unwrap_err();
        assert_eq!(error, ReplayError::TooLong { races: 2, found: 2 + more });
    }
}
