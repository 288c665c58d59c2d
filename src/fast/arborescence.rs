//! Chu-Liu-Edmonds by growing a path.
//!
//! # Notation
//! Components are numbered as they form: the vertices first, then each contracted cycle. A path grows backwards: the component at its
//! tip races; the tail of the arc that wins lies in a component that is new and becomes the tip, or on the path, and all from there to
//! the tip is a cycle and is contracted to the new tip, or where paths have been before, and the path is done. So the vertices, in the
//! order in which paths come to them, have each component as an interval.
//!
//! *Dense* digraphs: each component has a row, for each tail `u` outside the least of the reduced weights of its arcs from `u`. The
//! row of a contracted cycle is the least of its members' rows, each less the winning time of its member.
//!
//! *Sparse* digraphs: each component has a heap of the arcs that enter it.
//!
//! # Law
//! Which cycle is contracted first does not matter: a component's race depends on what happened inside it only. The trace is put in
//! the order of the reference, which races in rounds: a cycle in the round after those of its members, and in a round by least vertex.
//! An arc `(u, v)` races with each component of `v` up to the largest without `u`.
//!
//! *Rounding.* Dense: the weight of an arc is reduced by one race after the other, as the reference does it. Rounding keeps order, so
//! the least of a row is the reference's to the last bit; only where two arcs from one tail, apart in the last bit, are made equal by a
//! subtraction may the other one win. Sparse: reduced weights are reckoned with twice the digits; only where they are apart by less
//! than the reference's rounding may the other one win.
//!
//! # Cost
//! There are fewer than `2n` components, and each is contracted once. Dense: O(n) each, O(n²) per draw; what follows from the trace
//! likewise; several places of a row at a time. Memory: 20 n² bytes, and up to 32 n² for each thread. Sparse: O(m log n) per draw, and for what follows.
//!
//! # References
//! R. E. Tarjan (1977), *Finding optimum branchings*, Networks 7; H. N. Gabow, Z. Galil, T. Spencer, R. E. Tarjan (1986), *Efficient
//! algorithms for finding minimum spanning trees in undirected and directed graphs*, Combinatorica 6 (the path).

mod dense;
mod sparse;

use super::races::{log_prob, sort};
use super::stream::Stream;
use super::{Algorithm, InputError, NONE, Times, Weights, check_rates, missed};
use dense::{Matrix, Rows};
use sparse::{Heaps, Lists};

/// Arborescences of a digraph with fixed rates.
///
/// On given weights the arcs that win are the reference's, but for ties that rounding makes or breaks. In dense digraphs that is where two
/// arcs from one tail, apart in the last bit, are made equal by a subtraction; in sparse ones, where reduced weights, reckoned with twice
/// the digits, are apart by less than the reference's rounding.
#[derive(Debug, Clone)]
pub struct Arborescence {
    vertices: usize,
    root: usize,
    arcs: Vec<(u32, u32)>,
    rates: Vec<f64>,
    layout: Layout,
}

#[derive(Debug, Clone)]
enum Layout {
    Dense(Matrix),
    Sparse(Lists),
}

impl Arborescence {
    /// Arborescences of the digraph with these arcs `(from, to)`; arc `k` is entry `k`, with the rate `rates[k]`.
    ///
    /// # Errors
    /// [`InputError`]: a rate that is none, an arc that is none, that is there twice or that enters the root, a root that is no vertex,
    /// or a vertex that cannot be reached from it.
    pub fn new(vertices: usize, root: usize, arcs: &[(u32, u32)], rates: &[f64]) -> Result<Self, InputError> {
        Self::with_layout(vertices, root, arcs, rates, Self::is_dense(vertices, arcs.len()))
    }

    /// Whether a digraph is dense. Measured for n = 10 to 1000: sparse is faster up to one arc in 20 to 30 pairs.
    pub(crate) fn is_dense(vertices: usize, arcs: usize) -> bool {
        arcs >= vertices.saturating_mul(vertices) / 25
    }

    /// As [`new`](Self::new), dense or not whatever the number of arcs: for tests and measurements.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    #[doc(hidden)]
    pub fn with_layout(
        vertices: usize,
        root: usize,
        arcs: &[(u32, u32)],
        rates: &[f64],
        dense: bool,
    ) -> Result<Self, InputError> {
        for (what, found) in [("vertices", vertices), ("arcs", arcs.len().max(1))] {
            if found == 0 || found >= NONE as usize / 2 {
                return Err(InputError::Size { below: "2³¹", what, found });
            }
        }
        if root >= vertices {
            return Err(InputError::Root { root, vertices });
        }
        if rates.len() != arcs.len() {
            return Err(InputError::Length { entries: arcs.len(), found: rates.len() });
        }
        check_rates(rates)?;
        check_arcs(vertices, root, arcs, rates)?;
        reachable(vertices, root, arcs, rates)?;
        Ok(Self::made(vertices, root, arcs, rates, dense))
    }

    /// As [`new`](Self::new), of arcs that are in order, and rates that are positive.
    pub(crate) fn lean(
        vertices: usize,
        root: usize,
        arcs: &[(u32, u32)],
        rates: &[f64],
    ) -> Result<Self, InputError> {
        if arcs.len() < (vertices - 1) * (vertices - 1) {
            reachable(vertices, root, arcs, rates)?;
        }
        Ok(Self::made(vertices, root, arcs, rates, Self::is_dense(vertices, arcs.len())))
    }

    /// Whether it is of the complete digraph of so many vertices with this root, less the arcs into it.
    pub(crate) fn can_be_refilled(&self, vertices: usize, root: usize) -> bool {
        (self.vertices, self.root) == (vertices, root)
            && self.arcs.len() == (vertices - 1) * (vertices - 1)
            && matches!(self.layout, Layout::Dense(_))
    }

    /// Gives one that [can be refilled](Self::can_be_refilled) as many other rates, which are positive and stand row by row as those it has,
    /// and takes back these.
    pub(crate) fn refill(&mut self, rates: &mut Vec<f64>) {
        let Layout::Dense(matrix) = &mut self.layout else { return };
        std::mem::swap(&mut self.rates, rates);
        matrix.refill(self.root, &self.rates);
    }

    fn made(vertices: usize, root: usize, arcs: &[(u32, u32)], rates: &[f64], dense: bool) -> Self {
        let layout = match dense {
            true => Layout::Dense(Matrix::new(vertices, arcs, rates)),
            false => Layout::Sparse(Lists::new(vertices, arcs, rates)),
        };
        Self { vertices, root, arcs: arcs.to_vec(), rates: rates.to_vec(), layout }
    }

    /// Arborescences of the complete digraph, less absent arcs: `rates` is an n×n matrix, row by row, whose `[u][v]` is the arc from
    /// `u` to `v`; the diagonal and the arcs into the root are not read. Entries are numbered row by row, those of rate 0 left out, as
    /// in model files.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`InputError::Length`] if there are not n² numbers.
    pub fn dense(vertices: usize, root: usize, rates: &[f64]) -> Result<Self, InputError> {
        if Some(rates.len()) != vertices.checked_mul(vertices) {
            return Err(InputError::Length {
                entries: vertices.saturating_mul(vertices),
                found: rates.len(),
            });
        }
        let pairs = (0..vertices).flat_map(|u| (0..vertices).map(move |v| (u, v)));
        let (mut arcs, mut present) = (Vec::new(), Vec::new());
        for (u, v) in pairs.filter(|&(u, v)| u != v && v != root && rates[u * vertices + v] != 0.0) {
            arcs.push((u as u32, v as u32));
            present.push(rates[u * vertices + v]);
        }
        Self::new(vertices, root, &arcs, &present)
    }

    /// The ends `(from, to)` of each arc.
    #[must_use]
    pub fn arcs(&self) -> &[(u32, u32)] {
        &self.arcs
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> usize {
        self.root
    }
}

/// Arcs join two different vertices, each two at most once each way, and none enters the root.
fn check_arcs(vertices: usize, root: usize, arcs: &[(u32, u32)], rates: &[f64]) -> Result<(), InputError> {
    let mut sorted = Vec::with_capacity(arcs.len());
    for (entry, (&(u, v), &rate)) in arcs.iter().zip(rates).enumerate() {
        if u == v || u.max(v) as usize >= vertices {
            return Err(InputError::Arc { entry, u, v, vertices });
        }
        if v as usize == root && rate > 0.0 {
            return Err(InputError::IntoRoot { entry, root });
        }
        sorted.push((u, v, entry));
    }
    sorted.sort_unstable();
    match sorted.windows(2).find(|two| (two[0].0, two[0].1) == (two[1].0, two[1].1)) {
        Some(two) => {
            Err(InputError::ParallelArcs { first: two[0].2, entry: two[1].2, u: two[0].0, v: two[0].1 })
        }
        None => Ok(()),
    }
}

/// Present arcs lead from the root to every vertex.
fn reachable(vertices: usize, root: usize, arcs: &[(u32, u32)], rates: &[f64]) -> Result<(), InputError> {
    let mut out: Vec<(u32, u32)> =
        arcs.iter().zip(rates).filter(|(_, rate)| **rate > 0.0).map(|(arc, _)| *arc).collect();
    if out.len() + 1 < vertices {
        return Err(InputError::Unreachable { root, vertex: missed(root as u32, out) });
    }
    out.sort_unstable();
    let mut reached = vec![false; vertices];
    reached[root] = true;
    let mut left = vec![root as u32];
    while let Some(u) = left.pop() {
        let first = out.partition_point(|arc| arc.0 < u);
        for &(_, v) in out[first..].iter().take_while(|arc| arc.0 == u) {
            if !std::mem::replace(&mut reached[v as usize], true) {
                left.push(v);
            }
        }
    }
    match reached.iter().position(|reached| !reached) {
        Some(vertex) => Err(InputError::Unreachable { root, vertex }),
        None => Ok(()),
    }
}

/// A vertex or a contracted cycle.
#[derive(Debug, Clone, Copy)]
struct Component {
    /// The arc that won its race, and the tail of it.
    winner: u32,
    tail: u32,
    /// Its vertices are at these places of the order.
    start: u32,
    end: u32,
    /// The component that it was contracted to.
    above: u32,
    /// In which round it races, and its least vertex.
    round: u32,
    vertex: u32,
}

/// The components of a run.
#[derive(Debug, Default)]
struct Forest {
    components: Vec<Component>,
    /// The members of contracted cycles, one cycle after the other, and where each ends.
    members: Vec<u32>,
    ends: Vec<usize>,
    /// The vertices in the order in which paths come to them.
    order: Vec<u32>,
    path: Vec<u32>,
    /// Where on the path each component is; [`NONE`] if no path has come to it, [`DONE`] if its path is done.
    on_path: Vec<u32>,
}

const DONE: u32 = NONE - 1;

/// What the layouts do differently.
trait Digraph {
    /// Holds the race of a component: the arc that wins.
    fn race(&mut self, forest: &Forest, component: usize) -> u32;

    /// The component in which a vertex is.
    fn top(&mut self, vertex: u32) -> u32;

    /// The last component has been made of its members.
    fn contract(&mut self, forest: &Forest);
}

impl Forest {
    /// Runs the algorithm.
    fn grow(&mut self, n: usize, root: usize, arcs: &[(u32, u32)], mut digraph: impl Digraph) {
        self.components.clear();
        self.components.extend((0..n as u32).map(|vertex| Component {
            winner: NONE,
            tail: NONE,
            start: 0,
            end: 0,
            above: NONE,
            round: 0,
            vertex,
        }));
        self.members.clear();
        self.ends.clear();
        self.order.clear();
        self.on_path.clear();
        self.on_path.resize(n, NONE);
        self.on_path[root] = DONE;
        for first in 0..n {
            if self.on_path[first] != NONE {
                continue;
            }
            let mut tip = first;
            self.visit(first);
            loop {
                self.on_path[tip] = self.path.len() as u32;
                self.path.push(tip as u32);
                let winner = digraph.race(self, tip);
                let tail = arcs[winner as usize].0;
                (self.components[tip].winner, self.components[tip].tail) = (winner, tail);
                let next = digraph.top(tail) as usize;
                tip = match self.on_path[next] {
                    DONE => break,
                    NONE => {
                        self.visit(next);
                        next
                    }
                    place => {
                        self.contract(place as usize);
                        digraph.contract(self);
                        self.components.len() - 1
                    }
                };
            }
            for component in self.path.drain(..) {
                self.on_path[component as usize] = DONE;
            }
        }
    }

    /// A path comes to a vertex.
    fn visit(&mut self, vertex: usize) {
        let place = self.order.len() as u32;
        (self.components[vertex].start, self.components[vertex].end) = (place, place + 1);
        self.order.push(vertex as u32);
    }

    /// Contracts the path from this place on.
    fn contract(&mut self, from: usize) {
        let new = self.components.len() as u32;
        let start = self.members.len();
        self.members.extend(self.path.drain(from..));
        self.ends.push(self.members.len());
        let first = self.components[self.members[start] as usize];
        let mut component = Component { winner: NONE, tail: NONE, end: self.order.len() as u32, ..first };
        for &member in &self.members[start..] {
            let member = &mut self.components[member as usize];
            member.above = new;
            component.round = component.round.max(member.round);
            component.vertex = component.vertex.min(member.vertex);
        }
        component.round += 1;
        self.components.push(component);
        self.on_path.push(NONE);
    }

    /// The members of a contracted component, of which there are at least two.
    fn members(&self, component: usize) -> &[u32] {
        let number = component - (self.components.len() - self.ends.len());
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.members[start..self.ends[number]]
    }

    /// The vertices of a component.
    fn vertices(&self, component: usize) -> &[u32] {
        let Component { start, end, .. } = self.components[component];
        &self.order[start as usize..end as usize]
    }
}

/// The working memory of a run.
#[derive(Debug, Default)]
pub struct Scratch {
    forest: Forest,
    rows: Rows,
    heaps: Heaps,
    /// The contracted components by round, and the winners of all in the order of the reference.
    rounds: Vec<(u32, u32, u32)>,
    winners: Vec<u32>,
    /// For each component the sum of the rates of those who race, but do not win, and a value of its race.
    others: Vec<f64>,
    values: Vec<f64>,
    /// The arc that enters each component.
    entering: Vec<u32>,
    /// How many arcs leave each vertex.
    leaving: Vec<u32>,
}

impl Arborescence {
    /// The winners in the order of the reference.
    fn in_order(&self, scratch: &mut Scratch) {
        let (n, root) = (self.vertices, self.root);
        let Scratch { forest, rounds, winners, .. } = scratch;
        let components = &forest.components;
        rounds.clear();
        rounds.extend((n as u32..).zip(&components[n..]).map(|(c, of)| (of.round, of.vertex, c)));
        rounds.sort_unstable();
        winners.clear();
        winners.extend((0..n).filter(|&v| v != root).map(|v| components[v].winner));
        winners.extend(rounds.iter().map(|&(_, _, component)| components[component as usize].winner));
    }
}

impl Algorithm for Arborescence {
    type Scratch = Scratch;

    fn rates(&self) -> &[f64] {
        &self.rates
    }

    fn structure_len(&self) -> usize {
        self.vertices - 1
    }

    /// Each cycle joins at least two components: there are at most n - 2.
    fn trace_len(&self) -> usize {
        (2 * self.vertices).saturating_sub(3)
    }

    fn draw_all(&self, stream: &Stream, weights: Option<&mut [f64]>, scratch: &mut Scratch) -> bool {
        let Layout::Dense(matrix) = &self.layout else { return false };
        let Scratch { forest, rows, .. } = &mut *scratch;
        forest.grow(self.vertices, self.root, &self.arcs, rows.draw_all(matrix, stream));
        if let Some(weights) = weights {
            rows.keep(matrix, weights);
        }
        self.in_order(scratch);
        true
    }

    fn run(&self, weights: impl Weights, scratch: &mut Scratch) {
        let (n, root) = (self.vertices, self.root);
        let Scratch { forest, rows, heaps, .. } = &mut *scratch;
        match &self.layout {
            Layout::Dense(matrix) => forest.grow(n, root, &self.arcs, rows.draw(matrix, root, weights)),
            Layout::Sparse(lists) => forest.grow(n, root, &self.arcs, heaps.draw(lists, &self.arcs, weights)),
        }
        self.in_order(scratch);
    }

    fn winners<'s>(&self, scratch: &'s Scratch) -> &'s [u32] {
        &scratch.winners
    }

    fn structure(&self, scratch: &mut Scratch, structure: &mut [u32]) {
        sort(self.enter(scratch), structure);
    }

    fn loss(&self, scratch: &mut Scratch) -> i64 {
        self.enter(scratch);
        let Scratch { entering, leaving, .. } = scratch;
        leaving.clear();
        leaving.resize(self.vertices, 0_u32);
        entering.iter().for_each(|&arc| leaving[self.arcs[arc as usize].0 as usize] += 1);
        -i64::from(leaving.iter().copied().max().unwrap_or(0))
    }

    fn totals(&self, scratch: &mut Scratch) {
        let Scratch { forest, rows, heaps, others, .. } = scratch;
        others.clear();
        match &self.layout {
            Layout::Dense(matrix) => rows.totals(matrix, &self.arcs, forest, others),
            Layout::Sparse(lists) => heaps.totals(lists, &self.arcs, &self.rates, forest, others),
        }
    }

    fn log_prob(&self, scratch: &Scratch) -> f64 {
        let Scratch { forest, rounds, others, .. } = scratch;
        let components = (0..self.vertices).filter(|&vertex| vertex != self.root);
        let components = components.chain(rounds.iter().map(|&(_, _, component)| component as usize));
        let rate = |component: usize| self.rates[forest.components[component].winner as usize];
        log_prob(components.map(|component| (rate(component), others[component])))
    }

    fn score(&self, scratch: &mut Scratch, score: &mut [f64]) {
        self.each_race(scratch, |_, total| total.recip());
        self.write(scratch, score, |sum, entry| self.rates[entry as usize] * sum);
        for &winner in &scratch.winners {
            score[winner as usize] -= 1.0;
        }
    }

    fn conditional(&self, scratch: &mut Scratch, mut times: impl Times, weights: &mut [f64]) {
        self.each_race(scratch, |winner, total| times.of(winner) / total);
        self.write(scratch, weights, |sum, entry| sum + times.of(entry) / self.rates[entry as usize]);
        let Scratch { forest, values, .. } = scratch;
        for (number, component) in forest.components.iter().enumerate().filter(|(_, of)| of.winner != NONE) {
            // The races of its head up to this one.
            let (mut inside, mut sum) = (self.arcs[component.winner as usize].1 as usize, 0.0);
            while inside != number {
                sum += values[inside];
                inside = forest.components[inside].above as usize;
            }
            weights[component.winner as usize] = sum + values[number];
        }
    }
}

impl Arborescence {
    /// The arcs of the arborescence, from the top down: the arc that enters a component takes the place of those of the members that
    /// hold its head.
    fn enter<'s>(&self, scratch: &'s mut Scratch) -> &'s [u32] {
        let Scratch { forest, entering, .. } = scratch;
        entering.clear();
        entering.resize(forest.components.len(), NONE);
        for (number, component) in forest.components.iter().enumerate().rev() {
            if component.winner == NONE || entering[number] != NONE {
                continue; // the root, or entered from above
            }
            let mut inside = self.arcs[component.winner as usize].1 as usize;
            entering[number] = component.winner;
            while inside != number {
                entering[inside] = component.winner;
                inside = forest.components[inside].above as usize;
            }
        }
        entering.truncate(self.vertices);
        entering.remove(self.root);
        entering
    }

    /// A value for the race of each component, from its winner and its total.
    fn each_race(&self, scratch: &mut Scratch, mut value: impl FnMut(u32, f64) -> f64) {
        let Scratch { forest, others, values, .. } = scratch;
        values.clear();
        values.extend(forest.components.iter().zip(&*others).map(
            |(component, others)| match component.winner {
                NONE => 0.0,
                winner => value(winner, others + self.rates[winner as usize]),
            },
        ));
    }

    /// Writes a value for each arc, from the sum over its races.
    fn write(&self, scratch: &mut Scratch, row: &mut [f64], value: impl FnMut(f64, u32) -> f64) {
        let Scratch { forest, rows, heaps, values, .. } = scratch;
        match &self.layout {
            Layout::Dense(matrix) => rows.write(matrix, self.root, forest, values, row, value),
            Layout::Sparse(_) => heaps.write(&self.arcs, forest, values, row, value),
        }
    }
}
