//! Collapsed enumeration: paths of the recursion that meet again are merged.
//!
//! # Notation
//! An algorithm is *order-free* if it holds one race at a time and all that matters afterwards is which entries have
//! won, not in which order: Kruskal, crossing, top-k. Its runs are paths through *nodes*, layer by layer: layer `r`
//! holds the nodes after `r` races. Two ways to say when two paths meet:
//!
//! * [`Layers::by_winners`]: the same set of winners. The last layer is then the structures. Kruskal: the forests of
//!   the graph; crossing: the partial matchings.
//! * [`Layers::by_state`]: the same state of the recursion, which is less: Kruskal: the partitions of the vertices;
//!   crossing: the pairs of row set and column set. Enough for everything that adds up over entries.
//!
//! # Law
//! With `P(node)` the probability that the run passes through it, `Λ` its total rate:
//! `P(child) = Σ_{parents, k} P(parent)·λ_k/Λ(parent)`. Of a loss that is `c_k` for each entry that wins plus `g` of the
//! last node, the expectation from a node on is `V(node) = Σ_k λ_k/Λ·(c_k + V(child_k))`, and the gradient of the
//! expected loss is
//!
//! `∂E/∂θ_k = Σ_{nodes in which k races} P(node)·λ_k/Λ·(V(node) - c_k - V(child_k))`,
//!
//! because the score of the race won by `w` is `-[k = w] + λ_k/Λ`: one sweep forward, one back, whatever the number of
//! entries.
//!
//! # Cost
//! Transitions × the cost of an exact addition. Rates are first brought to integers without a common factor (a scale
//! changes no probability). A layer is sorted and merged, in parallel; exact sums do not depend on the order.
//!
//! # Example
//! ```
//! use gumbel_oracle::{collapse::Layers, number::ratio, spanning_tree::SpanningTree};
//! let triangle = SpanningTree::new(3, &[(0, 1), (0, 2), (1, 2)]);
//! let layers = Layers::by_winners(&triangle, &[ratio(4, 1), ratio(2, 1), ratio(1, 1)]);
//! let law = layers.law();
//! assert_eq!(law[0], ([0, 1].into(), ratio(64, 105)));
//! ```

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, Signed, Zero};
use rayon::slice::ParallelSliceMut as _;

use crate::estimators::ScoreMoments;
use crate::number::{Exact, FromExact, Number, to_rational};
use crate::parallel::each;
use crate::recursion::Recursion;
use crate::structure::EntrySet;

/// An algorithm that holds one race at a time and whose future depends on the set of winners only; its structure is
/// that set.
pub trait OrderFree: Recursion<State: Send + Sync, Structure = EntrySet> + Sync {}

/// A node: where paths meet.
#[derive(Debug, Clone)]
struct Node<S> {
    state: S,
    winners: EntrySet,
    probability: Exact,
    /// Who races here, and the total rate; nobody in the last layer.
    entrants: Vec<usize>,
    total: Exact,
}

impl<S> Node<S> {
    /// `P(node)/Λ`, 0 where nobody races.
    fn share(&self) -> Exact {
        if self.entrants.is_empty() { Exact::ZERO } else { self.probability.clone() / &self.total }
    }
}

/// A step from a node of one layer to a node of the next.
#[derive(Debug, Clone)]
struct Step {
    parent: usize,
    entry: usize,
    child: usize,
}

/// The nodes after each number of races, and the steps between them.
#[derive(Debug, Clone)]
pub struct Layers<R: OrderFree> {
    rates: Vec<Exact>,
    scale: BigRational,
    nodes: Vec<Vec<Node<R::State>>>,
    steps: Vec<Vec<Step>>,
}

/// The rates brought to integers without a common factor, and the scale: integer rate = rate · scale.
///
/// No probability changes; exact arithmetic gets much shorter.
#[must_use]
pub fn integer_rates(rates: &[BigRational]) -> (Vec<BigRational>, BigRational) {
    let common = rates.iter().fold(BigInt::one(), |lcm, rate| num_integer::lcm(lcm, rate.denom().clone()));
    let scaled: Vec<BigInt> = rates.iter().map(|rate| rate.numer() * (&common / rate.denom())).collect();
    let factor = scaled.iter().fold(BigInt::zero(), |gcd, rate| num_integer::gcd(gcd, rate.clone()));
    let factor = if factor.is_positive() { factor } else { BigInt::one() };
    let integers = scaled.into_iter().map(|rate| BigRational::from(rate / &factor)).collect();
    (integers, BigRational::new(common, factor))
}

impl<R: OrderFree> Layers<R> {
    /// Merges paths with the same set of winners: the last layer is the structures.
    ///
    /// # Panics
    /// If there is not one rate per entry. So do the other constructors.
    #[must_use]
    pub fn by_winners(recursion: &R, rates: &[BigRational]) -> Self {
        Self::build(recursion, rates, |_| true, |_, winners| winners.clone())
    }

    /// As [`by_winners`](Self::by_winners), only the paths to one structure: at most `2^|X|` nodes.
    #[must_use]
    pub fn towards(recursion: &R, rates: &[BigRational], structure: &EntrySet) -> Self {
        Self::build(recursion, rates, |k| structure.contains(&k), |_, winners| winners.clone())
    }

    /// Merges paths with the same state: enough for what adds up over entries.
    #[must_use]
    pub fn by_state(recursion: &R, rates: &[BigRational]) -> Self {
        Self::build(recursion, rates, |_| true, |state, _| state.clone())
    }

    /// Merges paths with the same state and the same sum of `values` over the winners.
    #[must_use]
    fn by_state_and_sum(recursion: &R, rates: &[BigRational], values: &[i64]) -> Self {
        let sum = |winners: &EntrySet| winners.iter().map(|&k| values[k]).sum::<i64>();
        Self::build(recursion, rates, |_| true, |state, winners| (state.clone(), sum(winners)))
    }

    fn build<K: Ord + Send + Sync>(
        recursion: &R,
        rates: &[BigRational],
        may_win: impl Fn(usize) -> bool + Sync,
        key: impl Fn(&R::State, &EntrySet) -> K + Sync,
    ) -> Self {
        assert_eq!(rates.len(), recursion.entry_count(), "one rate per entry");
        let (rates, scale) = integer_rates(rates);
        let rates: Vec<Exact> = rates.iter().map(Exact::from_exact).collect();
        let node = |state: R::State, winners, probability| {
            let stopped = recursion.stop(&state).is_some();
            let entrants = if stopped { Vec::new() } else { recursion.split(&state).concat() };
            let total = Exact::sum(entrants.iter().map(|&k| &rates[k]));
            Node { state, winners, probability, entrants, total }
        };
        let mut nodes = vec![vec![node(recursion.start(), EntrySet::new(), Exact::ONE)]];
        let mut steps = Vec::new();
        loop {
            let layer = &nodes[nodes.len() - 1];
            let step = |parent: usize, entry: usize| {
                let mut winners = layer[parent].winners.clone();
                winners.extend([entry]);
                let state = recursion.map(&layer[parent].state, &[entry]);
                (key(&state, &winners), parent, entry)
            };
            let leave = |parent: usize| -> Vec<(K, usize, usize)> {
                let entrants = layer[parent].entrants.iter().filter(|&&k| may_win(k));
                entrants.map(|&k| step(parent, k)).collect()
            };
            let mut reached: Vec<(K, usize, usize)> =
                each(layer.len(), &leave).into_iter().flatten().collect();
            if reached.is_empty() {
                break;
            }
            reached.par_sort_unstable();
            let groups: Vec<&[(K, usize, usize)]> = reached.chunk_by(|a, b| a.0 == b.0).collect();
            let share = each(layer.len(), &|place| layer[place].share());
            let merge = |number: usize| {
                let group = groups[number];
                let mut probability = Exact::ZERO;
                for of_one_parent in group.chunk_by(|a, b| a.1 == b.1) {
                    let rate = Exact::sum(of_one_parent.iter().map(|&(_, _, entry)| &rates[entry]));
                    probability += rate * &share[of_one_parent[0].1];
                }
                let &(_, parent, entry) = &group[0];
                let mut winners = layer[parent].winners.clone();
                winners.extend([entry]);
                node(recursion.map(&layer[parent].state, &[entry]), winners, probability)
            };
            let next: Vec<Node<R::State>> = each(groups.len(), &merge);
            let numbered = groups.iter().enumerate();
            steps.push(
                numbered
                    .flat_map(|(child, group)| {
                        group.iter().map(move |&(_, parent, entry)| Step { parent, entry, child })
                    })
                    .collect(),
            );
            nodes.push(next);
        }
        Self { rates, scale, nodes, steps }
    }

    /// How many nodes there are in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.iter().map(Vec::len).sum()
    }

    /// Never: there is always the start.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The nodes in which nobody races any more, of all layers.
    fn stopped(&self) -> impl Iterator<Item = &Node<R::State>> {
        self.nodes.iter().flatten().filter(|node| node.entrants.is_empty())
    }

    /// The sets of winners at the end with their probabilities, in increasing order: the law of the structure if paths
    /// were merged [`by_winners`](Self::by_winners). Runs may end after different numbers of races.
    #[must_use]
    pub fn law(&self) -> Vec<(EntrySet, BigRational)> {
        let mut law: Vec<_> =
            self.stopped().map(|node| (node.winners.clone(), to_rational(&node.probability))).collect();
        law.sort_unstable();
        law
    }

    /// The marginals `P(k ∈ X) = Σ P(node)·λ_k/Λ` over the nodes in which `k` races, one per entry.
    #[must_use]
    pub fn marginals(&self) -> Vec<BigRational> {
        let per_layer = |layer: &Vec<Node<R::State>>| -> Vec<Exact> {
            let racing: Vec<&Node<R::State>> =
                layer.iter().filter(|node| !node.entrants.is_empty()).collect();
            let share = each(racing.len(), &|place| racing[place].share());
            let marginal = |k: usize| {
                let terms =
                    racing.iter().zip(&share).filter(|(node, _)| node.entrants.binary_search(&k).is_ok());
                let terms: Vec<&Exact> = terms.map(|(_, share)| share).collect();
                pairwise_sum(&terms) * &self.rates[k]
            };
            each(self.rates.len(), &marginal)
        };
        let layers: Vec<Vec<Exact>> = self.nodes.iter().map(per_layer).collect();
        let sum = |k: usize| to_rational(&Exact::sum(layers.iter().map(|layer| &layer[k])));
        (0..self.rates.len()).map(sum).collect()
    }

    /// The expectation of the loss `Σ_{k∈X} additive[k] + terminal(X)` and its gradient with respect to every logit.
    ///
    /// `terminal` sees the set of winners, which is the structure only if paths were merged
    /// [`by_winners`](Self::by_winners); otherwise it must not look.
    #[must_use]
    pub fn gradient(
        &self,
        additive: &[BigRational],
        terminal: impl Fn(&EntrySet) -> BigRational,
    ) -> (BigRational, Vec<BigRational>) {
        let additive: Vec<Exact> = additive.iter().map(Exact::from_exact).collect();
        let mut gradient = vec![Exact::ZERO; self.rates.len()];
        let at_the_end = |node: &Node<R::State>| Exact::from_exact(&terminal(&node.winners));
        let mut after: Vec<Exact> = self.nodes.iter().rev().take(1).flatten().map(at_the_end).collect();
        for (layer, steps) in self.nodes.iter().zip(&self.steps).rev() {
            let mut by_parent: Vec<Vec<&Step>> = vec![Vec::new(); layer.len()];
            for step in steps {
                by_parent[step.parent].push(step);
            }
            let reward = |step: &Step| after[step.child].clone() + &additive[step.entry];
            let value = |place: usize| {
                let (node, steps) = (&layer[place], &by_parent[place]);
                let terms: Vec<Exact> =
                    steps.iter().map(|step| reward(step) * &self.rates[step.entry]).collect();
                if terms.is_empty() { Exact::ZERO } else { Exact::sum(&terms) / &node.total }
            };
            let mut before = each(layer.len(), &value);
            for (before, node) in before.iter_mut().zip(layer).filter(|(_, node)| node.entrants.is_empty()) {
                *before = at_the_end(node);
            }
            let mut terms: Vec<Vec<(usize, usize)>> = vec![Vec::new(); self.rates.len()];
            for step in steps {
                terms[step.entry].push((step.parent, step.child));
            }
            let share = each(layer.len(), &|place| layer[place].share());
            let part = |k: usize| {
                let gain = |&(parent, child): &(usize, usize)| {
                    (before[parent].clone() - &additive[k] - &after[child]) * &share[parent]
                };
                let gains: Vec<Exact> = terms[k].iter().map(gain).collect();
                pairwise_sum(&gains.iter().collect::<Vec<_>>()) * &self.rates[k]
            };
            let parts = each(terms.len(), &part);
            for (sum, part) in gradient.iter_mut().zip(parts) {
                *sum += part;
            }
            after = before;
        }
        (to_rational(&after[0]), gradient.iter().map(to_rational).collect())
    }

    /// The moments of a loss and the scores, if paths were merged [`by_winners`](Self::by_winners): forward, the expectations of
    /// the score so far, of its square, and of the variance given the trace, on the event that the run passes through a node.
    #[must_use]
    pub fn score_moments(&self, loss: impl Fn(&EntrySet) -> BigRational) -> ScoreMoments {
        let m = self.rates.len();
        let mut moments = ScoreMoments::none(m);
        let none = || [vec![Exact::ZERO; m], vec![Exact::ZERO; m], vec![Exact::ZERO; m]];
        let mut layer = vec![none()];
        for (number, nodes) in self.nodes.iter().enumerate() {
            for (node, [score, square, inside]) in
                nodes.iter().zip(&mut layer).filter(|(node, _)| node.entrants.is_empty())
            {
                for k in (0..m).filter(|k| !self.rates[*k].is_zero() && !node.winners.contains(k)) {
                    inside[k] += &node.probability;
                }
                let loss = Exact::from_exact(&loss(&node.winners));
                moments.add(&loss, &node.probability, score, square, inside);
            }
            let Some(steps) = self.steps.get(number) else { break };
            let mut of_child: Vec<Vec<&Step>> = vec![Vec::new(); self.nodes[number + 1].len()];
            steps.iter().for_each(|step| of_child[step.child].push(step));
            let reach = |child: usize| {
                let mut sums = none();
                for step in &of_child[child] {
                    let node = &nodes[step.parent];
                    let [score, square, inside] = &layer[step.parent];
                    let chance = self.rates[step.entry].clone() / &node.total;
                    for k in 0..m {
                        let races = node.entrants.binary_search(&k).is_ok();
                        let share = if races { self.rates[k].clone() / &node.total } else { Exact::ZERO };
                        let won = if k == step.entry { Exact::ONE } else { Exact::ZERO };
                        let gain = share.clone() - won;
                        let p = &node.probability;
                        sums[0][k] += (gain.clone() * p + &score[k]) * &chance;
                        sums[1][k] +=
                            (gain.clone() * &gain * p + gain * &score[k] * Exact::from(2) + &square[k])
                                * &chance;
                        sums[2][k] += (share.clone() * share * p + &inside[k]) * &chance;
                    }
                }
                sums
            };
            layer = each(of_child.len(), &reach);
        }
        moments
    }

    /// The expected winning time `E[M_r] = Σ P(node)/Λ(node)` of each race; of a race that is not held in every run, the
    /// expectation counts 0 where it is not.
    #[must_use]
    pub fn expected_times(&self) -> Vec<BigRational> {
        let per_layer = |layer: &Vec<Node<R::State>>| {
            let racing = layer.iter().filter(|node| !node.entrants.is_empty());
            let times: Vec<Exact> = racing.map(|node| node.probability.clone() / &node.total).collect();
            to_rational(&pairwise_sum(&times.iter().collect::<Vec<_>>())) * &self.scale
        };
        self.nodes.iter().take(self.steps.len()).map(per_layer).collect()
    }
}

/// The law of `Σ_{k∈X} values[k]`, by the small state: partitions, row and column sets.
#[must_use]
pub fn sum_law<R: OrderFree>(
    recursion: &R,
    rates: &[BigRational],
    values: &[i64],
) -> BTreeMap<i64, BigRational> {
    let layers = Layers::by_state_and_sum(recursion, rates, values);
    let mut law = BTreeMap::new();
    for node in layers.stopped() {
        let sum: i64 = node.winners.iter().map(|&k| values[k]).sum();
        *law.entry(sum).or_insert_with(BigRational::zero) += to_rational(&node.probability);
    }
    law
}

/// The sum by halves: intermediate denominators stay short.
pub(crate) fn pairwise_sum(terms: &[&Exact]) -> Exact {
    match terms {
        [] => Exact::ZERO,
        [one] => (*one).clone(),
        _ => {
            let (left, right) = terms.split_at(terms.len() / 2);
            pairwise_sum(left) + pairwise_sum(right)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::ratio;
    use crate::recursion::traces;

    /// Races among 0, 1, 2 until 0 has won or two have: runs of one or of two races.
    struct UntilZero;

    impl Recursion for UntilZero {
        type State = EntrySet;
        type Structure = EntrySet;
        fn entry_count(&self) -> usize {
            3
        }
        fn start(&self) -> EntrySet {
            EntrySet::new()
        }
        fn stop(&self, won: &EntrySet) -> Option<EntrySet> {
            (won.contains(&0) || won.len() == 2).then(EntrySet::new)
        }
        fn split(&self, won: &EntrySet) -> Vec<Vec<usize>> {
            vec![(0..3).filter(|k| !won.contains(k)).collect()]
        }
        fn map(&self, won: &EntrySet, winners: &[usize]) -> EntrySet {
            won.iter().chain(winners).copied().collect()
        }
        fn combine(&self, _: &EntrySet, winners: &[usize], rest: EntrySet) -> EntrySet {
            rest.iter().chain(winners).copied().collect()
        }
    }
    impl OrderFree for UntilZero {}

    #[test]
    fn runs_of_different_lengths_are_all_counted() {
        let rates = [ratio(1, 1), ratio(2, 1), ratio(3, 1)];
        let layers = Layers::by_winners(&UntilZero, &rates);
        // {0}: 1/6. {0,1}: 2/6·1/4. {0,2}: 3/6·1/3. {1,2}: 2/6·3/4 + 3/6·2/3.
        let law = [
            (EntrySet::from_iter([0]), ratio(1, 6)),
            ([0, 1].into(), ratio(1, 12)),
            ([0, 2].into(), ratio(1, 6)),
            ([1, 2].into(), ratio(7, 12)),
        ];
        assert_eq!(layers.law(), law);
        assert_eq!(layers.marginals(), [ratio(5, 12), ratio(2, 3), ratio(3, 4)]);
        let values = [5, 1, 2];
        let sums = BTreeMap::from([(5, ratio(1, 6)), (6, ratio(1, 12)), (7, ratio(1, 6)), (3, ratio(7, 12))]);
        assert_eq!(sum_law(&UntilZero, &rates, &values), sums);
    }

    #[test]
    fn the_gradient_over_runs_of_different_lengths_is_the_sum_over_traces() {
        let rates = [ratio(1, 1), ratio(2, 1), ratio(3, 1)];
        let additive = [ratio(5, 1), ratio(1, 3), ratio(2, 1)];
        let terminal = |x: &EntrySet| ratio(x.iter().map(|&k| (k * k) as i64 + 1).sum(), x.len() as i64);
        let (mut expectation, mut gradient) = (ratio(0, 1), vec![ratio(0, 1); 3]);
        for outcome in traces(&UntilZero, &rates) {
            let x = &outcome.structure;
            let f = x.iter().fold(terminal(x), |sum, &k| sum + &additive[k]);
            expectation += &outcome.probability * &f;
            for (sum, score) in gradient.iter_mut().zip(outcome.trace.score(&rates)) {
                *sum += &outcome.probability * &f * score;
            }
        }
        let layers = Layers::by_winners(&UntilZero, &rates);
        assert_eq!(layers.gradient(&additive, terminal), (expectation, gradient));
    }
}
