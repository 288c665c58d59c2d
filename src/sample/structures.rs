//! Structures and traces of each other, at any size.
//!
//! # Law
//! A trace determines its structure. A structure has many traces, but given the weights at most one:
//!
//! | structure | the trace that a run on `E` with this result holds |
//! |---|---|
//! | spanning_tree, matching, top_k | its entries by increasing weight: each race is won by the lightest entry left, and the weights of all that race fall alike |
//! | permutation, categorical, binary_tree | the only one there is |
//! | arborescence | none that could be told without a run |

use gumbel_oracle::model::Algorithm;
use gumbel_oracle::structure::{EntrySet, Order, Parents, Structure};
use petgraph::unionfind::UnionFind;

use super::walk::{Walk, Walker};
use super::{arborescence, binary_tree};

impl Walker<'_> {
    /// The structure that a trace of this model leads to.
    ///
    /// Complexity: O(entries of the structure), for an arborescence O(n · depth of its contractions).
    #[must_use]
    pub fn structure_of(&self, walk: &Walk<'_>) -> Structure {
        let winners = walk.winners();
        match self.model().algorithm() {
            Algorithm::Arborescence(a) => {
                let arcs: EntrySet =
                    arborescence::expand(self.model().size(), a.root(), self.pairs(), winners);
                Structure::Entries(arcs)
            }
            Algorithm::BinaryTree(_) => {
                let mut parents = vec![None; winners.len()];
                for (winner, above) in winners.iter().zip(walk.races_before()) {
                    parents[*winner] = above.map(|race| winners[race]);
                }
                Structure::Parents(Parents(parents))
            }
            Algorithm::Permutation(_) => Structure::Order(Order(winners.to_vec())),
            Algorithm::SpanningTree(_)
            | Algorithm::Matching(_)
            | Algorithm::TopK(_)
            | Algorithm::Categorical(_) => Structure::Entries(winners.iter().copied().collect()),
        }
    }

    /// Whether this is a structure of the model, of positive probability.
    ///
    /// Complexity: as [`walk`](Self::walk), for an arborescence O(n log n).
    #[must_use]
    pub fn is_structure(&self, structure: &Structure) -> bool {
        match (self.model().algorithm(), structure) {
            (Algorithm::Arborescence(a), Structure::Entries(arcs)) => {
                self.is_arborescence(a.root(), arcs.entries())
            }
            _ => self.trace_on(structure, &vec![0.0; self.rates().len()]).is_some(),
        }
    }

    /// The trace that the algorithm holds if it is run on these weights and returns this structure: the entries by increasing weight,
    /// or the only trace there is. `None` if it is no structure of the model, or an arborescence, which has no such shortcut.
    ///
    /// # Panics
    /// If there is not one weight per entry.
    #[must_use]
    pub fn trace_on(&self, structure: &Structure, weights: &[f64]) -> Option<Vec<u32>> {
        let order = match (self.model().algorithm(), structure) {
            (Algorithm::Arborescence(_), _) => return None,
            (Algorithm::Permutation(_), Structure::Order(order)) => order.0.clone(),
            (Algorithm::BinaryTree(_), Structure::Parents(parents)) => {
                return binary_tree::levels(&parents.0).ok().filter(|winners| self.walk(winners).is_ok());
            }
            (
                Algorithm::SpanningTree(_)
                | Algorithm::Matching(_)
                | Algorithm::TopK(_)
                | Algorithm::Categorical(_),
                Structure::Entries(set),
            ) => {
                let mut entries = set.entries().to_vec();
                if entries.last().is_some_and(|&last| last >= weights.len()) {
                    return None;
                }
                entries.sort_by(|&a, &b| weights[a].total_cmp(&weights[b]));
                entries
            }
            _ => return None,
        };
        let winners: Vec<u32> = order.iter().map(|&winner| winner as u32).collect();
        self.walk(&winners).is_ok().then_some(winners)
    }

    /// One present arc into every vertex but the root, and no way round in a circle.
    fn is_arborescence(&self, root: usize, arcs: &[usize]) -> bool {
        let n = self.model().size();
        let (mut joined, mut entered) = (UnionFind::new(n), vec![false; n]);
        arcs.len() == n - 1
            && arcs.iter().all(|&arc| {
                let present = self.rates().get(arc).is_some_and(|&rate| rate > 0.0);
                present && {
                    let (tail, head) = self.pairs()[arc];
                    head != root && !std::mem::replace(&mut entered[head], true) && joined.union(tail, head)
                }
            })
    }
}
