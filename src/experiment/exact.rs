//! The expected loss and its gradient in `f64`, for rates that change: what there is to sum is worked out once.
//!
//! # Law
//! An additive loss is `c(node, k)` for each race, where a *node* is what the rest of a run depends on: the partition of the vertices, the rows
//! and columns that are left, the positions that are left. With `P(node)` the probability that a run passes through it and `Λ` its total
//! rate, `V(node) = Σ_k λ_k/Λ (c(node, k) + V(child_k))`, and
//! `∂E[f]/∂θ_k = Σ_{nodes in which k races} P(node) λ_k/Λ (V(node) - c(node, k) - V(child_k))`, as in [`gumbel_oracle::collapse`].
//!
//! Of any other loss all traces are listed: `E[f] = Σ_T p(T) f(X(T))`, and with `A_S = Σ_{T that hold the race S} p f / Λ_S` and `W_k` the sum
//! of `p f` over the traces in which `k` wins, `∂E[f]/∂θ_k = λ_k Σ_{S∋k} A_S - W_k`.
//!
//! The height of a binary tree is at most `h` if its root is any `w` and both sides are at most `h - 1` high:
//! `P(≤ h) = Σ_w λ_w/Λ P_left(≤ h-1) P_right(≤ h-1)`, for every interval.

use std::collections::{BTreeMap, HashMap};

use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::{Algorithm, Model};
use num_traits::Zero as _;

/// The most numbers that are kept: steps between nodes, or races of all traces.
const MOST: usize = 8_000_000;

/// The most positions of a tree whose height is followed: a third of a second for the highest one.
const MOST_POSITIONS: usize = 200;

/// An expected loss as a function of the rates.
#[derive(Debug)]
pub(super) struct Exact(Method);

#[derive(Debug)]
enum Method {
    Merged(Merged),
    Listed(Listed),
    /// Of a binary tree: no gradient.
    Height,
}

/// Nodes layer by layer: those of the first are before those of the next.
#[derive(Debug)]
struct Merged {
    /// The steps of each node end where those of the next begin.
    ends: Vec<usize>,
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    child: u32,
    entry: u16,
    cost: i16,
}

/// All traces, each so many races.
#[derive(Debug)]
struct Listed {
    /// The different sets of entrants.
    sets: Vec<Vec<usize>>,
    /// Of each race its set and its winner.
    races: Vec<(u32, u32)>,
    /// Of each trace the end of its races, and its loss.
    traces: Vec<(usize, f64)>,
}

impl Exact {
    /// Of a loss of a model's structure; `None` if there would be too much to sum.
    pub(super) fn of(model: &Model, loss: &Loss) -> Option<Self> {
        let method = Self::merged(model, loss).map(Method::Merged);
        let method = method.or_else(|| Listed::of(model, loss).map(Method::Listed));
        let tree = matches!(model.algorithm(), Algorithm::BinaryTree(_));
        let height = tree && loss.name() == "default" && model.size() <= MOST_POSITIONS;
        method.or_else(|| height.then_some(Method::Height)).map(Self)
    }

    /// The expected loss.
    pub(super) fn loss(&self, rates: &[f64]) -> f64 {
        match &self.0 {
            Method::Merged(merged) => merged.values(rates).0[0],
            Method::Listed(listed) => listed.evaluate(rates).0,
            Method::Height => expected_height(rates),
        }
    }

    /// The same, and its gradient in the logits, one number per entry; `None` if that is out of reach.
    pub(super) fn gradient(&self, rates: &[f64]) -> Option<(f64, Vec<f64>)> {
        match &self.0 {
            Method::Merged(merged) => Some(merged.evaluate(rates)),
            Method::Listed(listed) => Some(listed.evaluate(rates)),
            Method::Height => None,
        }
    }

    /// How many numbers there are to sum.
    pub(super) fn cost(&self) -> usize {
        match &self.0 {
            Method::Merged(merged) => merged.steps.len(),
            Method::Listed(listed) => listed.races.len(),
            Method::Height => 0,
        }
    }

    /// Whether there is a gradient.
    pub(super) fn has_gradient(&self) -> bool {
        !matches!(self.0, Method::Height)
    }

    fn merged(model: &Model, loss: &Loss) -> Option<Merged> {
        let (n, pairs) = (model.size(), model.pairs());
        let present: Vec<usize> = (0..model.rates().len()).filter(|&k| !model.rates()[k].is_zero()).collect();
        let positions = |k: usize| {
            let inversions =
                loss.name() == "default" && matches!(model.algorithm(), Algorithm::Permutation(_));
            let costs = loss.additive(model);
            if n > 60 || costs.is_none() && !inversions {
                return None;
            }
            let next = |won: u64, entry: usize| {
                let races = won.count_ones() < k as u32 && won >> entry & 1 == 0;
                races.then_some(won | 1 << entry)
            };
            let cost = |won: u64, entry: usize| match &costs {
                Some(costs) => costs[entry],
                // Those that are left and would come before.
                None => entry as i64 - i64::from((won & ((1 << entry) - 1)).count_ones()),
            };
            Merged::of(&present, 0, next, cost)
        };
        match model.algorithm() {
            Algorithm::SpanningTree(_) => {
                let costs = loss.additive(model).filter(|_| n <= 16)?;
                // The component of each vertex, four bits each, by its least vertex.
                let start = (0..n as u64).map(|v| v << (4 * v)).sum();
                let next = |state: u64, entry: usize| {
                    let component = |v: usize| state >> (4 * v) & 15;
                    let (u, v) = (component(pairs[entry].0), component(pairs[entry].1));
                    (u != v).then(|| {
                        let (low, high) = (u.min(v), u.max(v));
                        let merged = |w: usize| if component(w) == high { low } else { component(w) };
                        (0..n).map(|w| merged(w) << (4 * w)).sum()
                    })
                };
                Merged::of(&present, start, next, |_, entry| costs[entry])
            }
            Algorithm::Matching(_) => {
                let costs = loss.additive(model).filter(|_| n <= 32)?;
                // The rows that are taken, and the columns.
                let next = |state: u64, entry: usize| {
                    let taken = 1 << pairs[entry].0 | 1 << (32 + pairs[entry].1);
                    (state & taken == 0).then_some(state | taken)
                };
                Merged::of(&present, 0, next, |_, entry| costs[entry])
            }
            Algorithm::TopK(a) => positions(a.k()),
            Algorithm::Permutation(_) => positions(n),
            Algorithm::Categorical(_) => positions(1),
            Algorithm::Arborescence(_) | Algorithm::BinaryTree(_) => None,
        }
    }
}

impl Merged {
    /// `next` is the node after an entry has won, if it races. `None` if there are too many steps.
    fn of(
        entries: &[usize],
        start: u64,
        next: impl Fn(u64, usize) -> Option<u64>,
        cost: impl Fn(u64, usize) -> i64,
    ) -> Option<Self> {
        let (mut ends, mut steps) = (Vec::new(), Vec::new());
        let (mut layer, mut made) = (vec![start], 1);
        while !layer.is_empty() {
            let (mut later, mut numbers) = (Vec::new(), HashMap::new());
            for &node in &layer {
                for &entry in entries {
                    let Some(child) = next(node, entry) else { continue };
                    let number = *numbers.entry(child).or_insert_with(|| {
                        later.push(child);
                        made += 1;
                        made - 1
                    });
                    let cost = i16::try_from(cost(node, entry)).ok()?;
                    steps.push(Step { child: number, entry: entry as u16, cost });
                }
                ends.push(steps.len());
                if steps.len() > MOST {
                    return None;
                }
            }
            layer = later;
        }
        Some(Self { ends, steps })
    }

    fn steps(&self, node: usize) -> &[Step] {
        let start = node.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.steps[start..self.ends[node]]
    }

    /// `V` and `Λ` of every node.
    fn values(&self, rates: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut values = vec![0.0; self.ends.len()];
        let mut totals = vec![0.0; self.ends.len()];
        for node in (0..self.ends.len()).rev() {
            let steps = self.steps(node);
            let total: f64 = steps.iter().map(|step| rates[usize::from(step.entry)]).sum();
            let value = |step: &Step| {
                rates[usize::from(step.entry)] * (f64::from(step.cost) + values[step.child as usize])
            };
            if !steps.is_empty() {
                (values[node], totals[node]) = (steps.iter().map(value).sum::<f64>() / total, total);
            }
        }
        (values, totals)
    }

    fn evaluate(&self, rates: &[f64]) -> (f64, Vec<f64>) {
        let (values, totals) = self.values(rates);
        let (mut reached, mut gradient) = (vec![0.0; self.ends.len()], vec![0.0; rates.len()]);
        reached[0] = 1.0;
        for node in 0..self.ends.len() {
            for step in self.steps(node) {
                let (entry, child) = (usize::from(step.entry), step.child as usize);
                let p = reached[node] * rates[entry] / totals[node];
                reached[child] += p;
                gradient[entry] += p * (values[node] - f64::from(step.cost) - values[child]);
            }
        }
        (values[0], gradient)
    }
}

impl Listed {
    fn of(model: &Model, loss: &Loss) -> Option<Self> {
        let most = MOST / model.size().max(1);
        model.check_traces(Limit(most as u64)).ok()?;
        let (mut numbers, mut sets) = (BTreeMap::new(), Vec::new());
        let (mut races, mut traces) = (Vec::new(), Vec::new());
        for outcome in model.traces() {
            for race in outcome.trace.races() {
                let number = *numbers.entry(race.entrants.clone()).or_insert_with(|| {
                    sets.push(race.entrants.clone());
                    sets.len() - 1
                });
                races.push((number as u32, race.winner as u32));
            }
            traces.push((races.len(), loss.of(model, &outcome.structure) as f64));
        }
        Some(Self { sets, races, traces })
    }

    fn evaluate(&self, rates: &[f64]) -> (f64, Vec<f64>) {
        let totals: Vec<f64> = self.sets.iter().map(|set| set.iter().map(|&k| rates[k]).sum()).collect();
        let (mut value, mut start) = (0.0, 0);
        let (mut held, mut gradient) = (vec![0.0; self.sets.len()], vec![0.0; rates.len()]);
        for &(end, loss) in &self.traces {
            let races = &self.races[start..end];
            let chance = |&(set, winner): &(u32, u32)| rates[winner as usize] / totals[set as usize];
            let weight = loss * races.iter().map(chance).product::<f64>();
            value += weight;
            for &(set, winner) in races {
                held[set as usize] += weight;
                gradient[winner as usize] -= weight;
            }
            start = end;
        }
        for ((set, held), total) in self.sets.iter().zip(held).zip(totals) {
            set.iter().for_each(|&k| gradient[k] += rates[k] * held / total);
        }
        (value, gradient)
    }
}

/// `-E[height]` of a binary tree: its default loss.
fn expected_height(rates: &[f64]) -> f64 {
    let n = rates.len();
    // The probability that the tree over `i..j` is at most so high; the empty one has the height 0.
    let at = |i: usize, j: usize| i * (n + 1) + j;
    let mut most = vec![1.0; (n + 1) * (n + 1)];
    for i in 0..=n {
        (i + 1..=n).for_each(|j| most[at(i, j)] = 0.0);
    }
    let mut expected = 0.0;
    for _ in 0..n {
        // `E[height] = Σ_h P(height > h)`.
        let higher = 1.0 - most[at(0, n)];
        if higher <= f64::EPSILON {
            break;
        }
        expected += higher;
        let mut next = most.clone();
        for i in 0..n {
            for j in i + 1..=n {
                let total: f64 = rates[i..j].iter().sum();
                let of = |w: usize| rates[w] / total * most[at(i, w)] * most[at(w + 1, j)];
                next[at(i, j)] = (i..j).map(of).sum();
            }
        }
        most = next;
    }
    -expected
}

#[cfg(test)]
mod tests {
    use gumbel_oracle::number::to_f64;

    use super::*;

    /// `n` rates that are all different.
    fn rates(n: usize) -> Vec<String> {
        (0..n).map(|k| format!("{}/{}", 2 * k + 1, 1 + (3 * k) % 7)).collect()
    }

    /// Models of every structure, and how the loss is summed.
    fn models() -> Vec<(serde_json::Value, &'static str, &'static str)> {
        use serde_json::json;
        let rate = rates(36);
        let pairs = |n: usize, keep: fn(usize, usize) -> bool| {
            let all = (0..n).flat_map(|u| (0..n).map(move |v| (u, v))).filter(|&(u, v)| keep(u, v));
            all.zip(&rate).map(|((u, v), rate)| json!([u, v, rate])).collect::<Vec<_>>()
        };
        let tree = json!({"structure": "spanning_tree", "vertices": 5, "edges": pairs(5, |u, v| u < v)});
        let arcs = pairs(4, |u, v| u != v && v != 1);
        let arcs = json!({"structure": "arborescence", "vertices": 4, "root": 1, "edges": arcs});
        let matching: Vec<&[String]> = rate[..16].chunks(4).collect();
        let matching = json!({"structure": "matching", "rates": matching});
        let positions = |name: &str, n: usize| json!({"structure": name, "k": 3, "rates": rate[..n]});
        let others = |name: &str, n: usize| json!({"structure": name, "rates": rate[..n]});
        vec![
            (tree.clone(), "default", "merged"),
            (tree, "leaves", "listed"),
            (arcs.clone(), "default", "listed"),
            (arcs, "depth", "listed"),
            (matching.clone(), "default", "merged"),
            (matching.clone(), "displacement", "merged"),
            (others("binary_tree", 6), "default", "listed"),
            (positions("top_k", 6), "default", "merged"),
            (positions("top_k", 6), "largest", "listed"),
            (others("permutation", 5), "default", "merged"),
            (others("permutation", 5), "fixed_points", "listed"),
            (others("categorical", 5), "default", "merged"),
        ]
    }

    /// The oracle's, in fractions, by other ways.
    #[test]
    fn losses_and_gradients_are_those_of_the_oracle() {
        for (model, name, how) in models() {
            let model = Model::parse(&model.to_string()).unwrap();
            let loss = Loss::named(&model, name).unwrap();
            let exact = Exact::of(&model, &loss).unwrap();
            let told = match exact.0 {
                Method::Merged(_) => "merged",
                Method::Listed(_) => "listed",
                Method::Height => "height",
            };
            assert_eq!(told, how, "{} {name}", model.kind().name());
            let rates: Vec<f64> = model.rates_as();
            let (value, gradient) = exact.gradient(&rates).unwrap();
            let want = model.gradient(&loss, Limit::default()).unwrap();
            let near = |found: f64, want: f64| (found - want).abs() <= 1e-13 * want.abs().max(1.0);
            assert_eq!(exact.loss(&rates), value);
            assert!(near(value, to_f64(&want.expectation)), "{} {name}: {value}", model.kind().name());
            for (found, want) in gradient.iter().zip(&want.gradient) {
                assert!(near(*found, to_f64(want)), "{} {name}: {found}", model.kind().name());
            }
            if model.kind().name() == "binary_tree" {
                assert!(near(expected_height(&rates), value));
            }
        }
    }

    /// What is out of reach is not tried, and a binary tree of any size has the law of its height.
    #[test]
    fn what_is_out_of_reach_is_none() {
        let of = |structure: &str, dim: usize| {
            let kind = gumbel_oracle::model::Kind::from_name(structure).unwrap();
            let model = super::super::toy_model(kind, dim).unwrap();
            Exact::of(&model, &Loss::named(&model, "default").unwrap())
        };
        assert!(
            of("spanning_tree", 17).is_none()
                && of("arborescence", 9).is_none()
                && of("matching", 13).is_none()
        );
        assert!(of("permutation", 40).is_none() && of("binary_tree", 300).is_none());
        let tree = of("binary_tree", 40).unwrap();
        assert!(!tree.has_gradient());
        let height = tree.loss(&[1.0; 40]);
        assert!((-14.0..-8.0).contains(&height), "{height}");
        assert!(of("top_k", 18).unwrap().has_gradient());
    }
}
