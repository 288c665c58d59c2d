//! Heaps of arcs.

use std::ops::Add;

use twofloat::TwoFloat;

use super::super::{NONE, Weights};
use super::{Digraph, Forest};

/// The arcs by head.
#[derive(Debug, Clone)]
pub(super) struct Lists {
    /// The present arcs into each vertex, by entry, one vertex after the other, and where those of each vertex start.
    arcs: Vec<u32>,
    starts: Vec<usize>,
    /// For each arc the sum of the other rates into its head.
    others: Vec<f64>,
    means: Vec<f64>,
}

impl Lists {
    pub(super) fn new(vertices: usize, arcs: &[(u32, u32)], rates: &[f64]) -> Self {
        let mut into: Vec<u32> = (0..arcs.len() as u32).filter(|&arc| rates[arc as usize] > 0.0).collect();
        into.sort_by_key(|&arc| arcs[arc as usize].1);
        let starts: Vec<usize> = (0..=vertices as u32)
            .map(|vertex| into.partition_point(|&arc| arcs[arc as usize].1 < vertex))
            .collect();
        let mut others = vec![0.0; arcs.len()];
        for head in starts.windows(2) {
            let list = &into[head[0]..head[1]];
            let rates: Vec<f64> = list.iter().map(|&arc| rates[arc as usize]).collect();
            let mut sums = vec![0.0; list.len()];
            super::dense::sums_of_others(&rates, &mut sums);
            list.iter().zip(sums).for_each(|(&arc, sum)| others[arc as usize] = sum);
        }
        Self { arcs: into, starts, others, means: rates.iter().map(|rate| rate.recip()).collect() }
    }

    fn into(&self, vertex: usize) -> &[u32] {
        &self.arcs[self.starts[vertex]..self.starts[vertex + 1]]
    }
}

/// For each component one above it, and the sum of a value over the components from it on to before that one.
#[derive(Debug, Default)]
struct Ways<N> {
    above: Vec<u32>,
    sums: Vec<N>,
}

impl<N: Copy + Default + Add<Output = N>> Ways<N> {
    fn reset(&mut self, components: usize) {
        self.above.clear();
        self.above.extend(0..components as u32);
        self.sums.clear();
        self.sums.resize(components, N::default());
    }

    /// One more component, which nothing is below.
    fn push(&mut self) {
        self.above.push(self.above.len() as u32);
        self.sums.push(N::default());
    }

    /// Puts a component under another one.
    fn put(&mut self, component: u32, above: u32, value: N) {
        (self.above[component as usize], self.sums[component as usize]) = (above, value);
    }

    /// The topmost component above this one, and the sum of the values from this one on to before that one. Halves the way.
    fn top(&mut self, component: u32) -> (u32, N) {
        let (mut at, mut sum) = (component as usize, N::default());
        loop {
            let above = self.above[at] as usize;
            if above == at {
                return (at as u32, sum);
            }
            if self.above[above] as usize != above {
                (self.above[at], self.sums[at]) = (self.above[above], self.sums[at] + self.sums[above]);
            }
            sum = sum + self.sums[at];
            at = self.above[at] as usize;
        }
    }
}

/// The working memory of a run.
#[derive(Debug, Default)]
pub(super) struct Heaps {
    weights: Vec<f64>,
    /// Skew heaps: the arcs below each arc, and the first of each component.
    left: Vec<u32>,
    right: Vec<u32>,
    first: Vec<u32>,
    times: Vec<TwoFloat>,
    ways: Ways<TwoFloat>,
    /// Arcs by weight, and arcs by the component that holds both their ends.
    sorted: Vec<(u64, u32)>,
    inside: Vec<(u32, u32)>,
    /// The place of each vertex in the order.
    places: Vec<u32>,
    joined: Tree<u32>,
    sums: Tree<f64>,
    leaves: Vec<usize>,
    values: Ways<f64>,
}

/// A run on lists.
pub(super) struct Run<'a> {
    arcs: &'a [(u32, u32)],
    heaps: &'a mut Heaps,
}

impl Heaps {
    /// Draws the weights, and makes a heap for each vertex.
    pub(super) fn draw<'a>(
        &'a mut self,
        lists: &Lists,
        arcs: &'a [(u32, u32)],
        weights: impl Weights,
    ) -> Run<'a> {
        let mut weights = weights; // in registers, not where the caller has it
        let n = lists.starts.len() - 1;
        self.weights.resize(arcs.len(), 0.0);
        self.left.clear();
        self.left.resize(arcs.len(), NONE);
        self.right.clear();
        self.right.resize(arcs.len(), NONE);
        self.first.clear();
        self.first.resize(n, NONE);
        self.times.clear();
        self.times.resize(n, TwoFloat::default());
        self.ways.reset(n);
        for head in 0..n {
            self.sorted.clear();
            for &arc in lists.into(head) {
                let weight = weights.of(|| arc, lists.means[arc as usize]);
                self.weights[arc as usize] = weight;
                self.sorted.push((weight.to_bits(), arc)); // bits are in the order of the numbers
            }
            self.sorted.sort_unstable();
            for two in self.sorted.windows(2) {
                self.left[two[0].1 as usize] = two[1].1; // what is sorted is a heap
            }
            self.first[head] = self.sorted.first().map_or(NONE, |first| first.1);
        }
        Run { arcs, heaps: self }
    }
}

impl Run<'_> {
    /// What is left of the weight of an arc in the component that its head is in.
    fn weight(&mut self, arc: u32) -> TwoFloat {
        let head = self.arcs[arc as usize].1;
        self.heaps.weights[arc as usize] - self.heaps.ways.top(head).1
    }

    /// Makes one heap of two of the same component.
    fn meld(&mut self, mut one: u32, mut two: u32) -> u32 {
        if one == NONE || two == NONE {
            return one.min(two);
        }
        let (mut weight, mut other) = (self.weight(one), self.weight(two));
        let (mut first, mut last) = (NONE, NONE);
        loop {
            if (other, two) < (weight, one) {
                (one, two, other) = (two, one, weight);
            }
            match last {
                NONE => first = one,
                last => self.heaps.left[last as usize] = one,
            }
            last = one;
            let next = self.heaps.right[one as usize];
            self.heaps.right[one as usize] = self.heaps.left[one as usize];
            if next == NONE {
                self.heaps.left[one as usize] = two;
                return first;
            }
            one = next;
            weight = self.weight(one);
        }
    }
}

impl Digraph for Run<'_> {
    fn race(&mut self, _: &Forest, component: usize) -> u32 {
        loop {
            let winner = self.heaps.first[component];
            let (tail, head) = self.arcs[winner as usize];
            if self.heaps.ways.top(tail).0 == component as u32 {
                // From inside: does not race.
                let (left, right) = (self.heaps.left[winner as usize], self.heaps.right[winner as usize]);
                self.heaps.first[component] = self.meld(left, right);
                continue;
            }
            self.heaps.times[component] = self.heaps.weights[winner as usize] - self.heaps.ways.top(head).1;
            return winner;
        }
    }

    fn top(&mut self, vertex: u32) -> u32 {
        self.heaps.ways.top(vertex).0
    }

    fn contract(&mut self, forest: &Forest) {
        let new = forest.components.len() - 1;
        self.heaps.ways.push();
        self.heaps.times.push(TwoFloat::default());
        let members = forest.members(new);
        for &member in members {
            self.heaps.ways.put(member, new as u32, self.heaps.times[member as usize]);
        }
        let mut first = NONE;
        for &member in members {
            first = self.meld(first, self.heaps.first[member as usize]);
        }
        self.heaps.first.push(first);
    }
}

/// A tree over a list, each node from the two below it.
#[derive(Debug, Default)]
struct Tree<N> {
    leaves: usize,
    nodes: Vec<N>,
}

impl<N: Copy + Default> Tree<N> {
    fn reset(&mut self, leaves: usize) {
        self.leaves = leaves;
        self.nodes.clear();
        self.nodes.resize(2 * leaves, N::default());
    }

    fn set(&mut self, leaf: usize, value: N, both: impl Fn(N, N) -> N) {
        let mut node = self.leaves + leaf;
        self.nodes[node] = value;
        while node > 1 {
            node /= 2;
            self.nodes[node] = both(self.nodes[2 * node], self.nodes[2 * node + 1]);
        }
    }

    /// Over the leaves of a range.
    fn over(&self, range: std::ops::Range<usize>, both: impl Fn(N, N) -> N) -> N {
        let (mut from, mut to) = (self.leaves + range.start, self.leaves + range.end);
        let mut all = N::default();
        while from < to {
            if from % 2 == 1 {
                all = both(all, self.nodes[from]);
                from += 1;
            }
            if to % 2 == 1 {
                to -= 1;
                all = both(all, self.nodes[to]);
            }
            (from, to) = (from / 2, to / 2);
        }
        all
    }
}

impl Heaps {
    /// For each component the sum of the rates of those who race, but do not win.
    ///
    /// From the last component back: what lies inside a component is added only after it. The arcs, by the place of their heads, are
    /// the leaves of a tree of sums.
    pub(super) fn totals(
        &mut self,
        lists: &Lists,
        arcs: &[(u32, u32)],
        rates: &[f64],
        forest: &Forest,
        others: &mut Vec<f64>,
    ) {
        self.find_inside(lists, arcs, forest);
        let n = lists.starts.len() - 1;
        // Where the arcs into the vertex at each place start among the leaves.
        self.leaves.clear();
        self.leaves.push(0);
        for &vertex in &forest.order {
            self.leaves.push(self.leaves[self.leaves.len() - 1] + lists.into(vertex as usize).len());
        }
        let (places, leaves) = (&self.places, &self.leaves);
        let leaf = |arc: u32| {
            let head = arcs[arc as usize].1 as usize;
            let list = lists.into(head);
            leaves[places[head] as usize] + list.partition_point(|&other| other < arc)
        };
        self.sums.reset(lists.arcs.len());
        others.resize(forest.components.len(), 0.0);
        let mut next = self.inside.len();
        for (number, component) in forest.components.iter().enumerate().skip(n).rev() {
            while let Some(&(inside, arc)) = self.inside[..next].last()
                && inside as usize > number
            {
                self.sums.set(leaf(arc), rates[arc as usize], Add::add);
                next -= 1;
            }
            let all = leaves[component.start as usize]..leaves[component.end as usize];
            let winner = leaf(component.winner);
            others[number] =
                self.sums.over(all.start..winner, Add::add) + self.sums.over(winner + 1..all.end, Add::add);
        }
        for (others, component) in others.iter_mut().zip(&forest.components[..n]) {
            *others = lists.others.get(component.winner as usize).copied().unwrap_or_default();
        }
    }

    /// Finds for each arc the component that holds both its ends, the smallest; [`NONE`] if there is none. It is the last that joins
    /// two neighbours of the order between them.
    fn find_inside(&mut self, lists: &Lists, arcs: &[(u32, u32)], forest: &Forest) {
        let Self { places, joined, inside, .. } = self;
        let n = lists.starts.len() - 1;
        places.clear();
        places.resize(n, NONE); // the root has none
        (0..).zip(&forest.order).for_each(|(place, &vertex)| places[vertex as usize] = place);
        joined.reset(forest.order.len());
        joined.nodes.fill(NONE);
        for number in n..forest.components.len() {
            for &member in &forest.members(number)[1..] {
                let start = forest.components[member as usize].start as usize;
                joined.nodes[joined.leaves + start] = number as u32;
            }
        }
        for node in (1..joined.leaves).rev() {
            joined.nodes[node] = joined.nodes[2 * node].max(joined.nodes[2 * node + 1]);
        }
        inside.clear();
        inside.extend(lists.arcs.iter().map(|&arc| {
            let (tail, head) = arcs[arc as usize];
            let (one, two) = (places[tail as usize], places[head as usize]);
            let (one, two) = (one.min(two), one.max(two));
            (if two == NONE { NONE } else { joined.over(one as usize + 1..two as usize + 1, u32::max) }, arc)
        }));
        inside.sort_unstable();
    }

    /// Writes a value for each arc, from the sum over its races of their values.
    pub(super) fn write(
        &mut self,
        arcs: &[(u32, u32)],
        forest: &Forest,
        values: &[f64],
        row: &mut [f64],
        mut value: impl FnMut(f64, u32) -> f64,
    ) {
        let Self { inside, values: ways, .. } = self;
        let n = forest.components.len() - forest.ends.len();
        ways.reset(forest.components.len());
        let mut next = n;
        for &(inside, arc) in &*inside {
            while next < forest.components.len() && next < inside as usize {
                for &member in forest.members(next) {
                    ways.put(member, next as u32, values[member as usize]);
                }
                next += 1;
            }
            let (top, sum) = ways.top(arcs[arc as usize].1);
            row[arc as usize] = value(sum + values[top as usize], arc);
        }
    }
}
