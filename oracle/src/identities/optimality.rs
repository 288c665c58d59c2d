//! That the structure found is the best.

use super::{Compared, Identity, equal, exact, identity};
use crate::builtin::Builtin;
use crate::model::{Algorithm, Model, with_algorithm};
use crate::number::Exact;
use crate::structure::{EntrySet, Structure};

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
    let Some(all) = with_algorithm!(model, a => a.candidates()) else { return Ok(0) };
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
