//! Chu-Liu-Edmonds by growing a path, on rows of a matrix.
//!
//! # Notation
//! Components are numbered as they form: the vertices first, then each contracted cycle. A component has a row: for each tail
//! `u` outside the least of the reduced weights of its arcs from `u`. The row of a contracted cycle is the least of its members' rows,
//! each less the winning time of its member.
//!
//! A path grows backwards: the component at its tip races; the tail of the winner lies in a component that is new and becomes the
//! tip, or on the path, and all from there to the tip is a cycle and is contracted to the new tip, or with the root, and the path is
//! done. So the vertices, in the order in which the paths come to them, have each component as an interval.
//!
//! # Law
//! Which cycle is contracted first does not matter: a component's race depends on what happened inside it only. The trace is put in
//! the order of the reference, which races in rounds: a cycle in the round after those of its members, and in a round by least vertex.
//!
//! The weight of an arc is reduced by one race after the other, as the reference does it. Rounding keeps order, so the least of a
//! row is the reference's to the last bit; only where two arcs from one tail, apart in the last bit, are made equal by a subtraction
//! may the arc that wins be the other one.
//!
//! An arc `(u, v)` races with each component of `v` up to the largest without `u`. Totals are sums of contracted rows of rates.
//!
//! # Cost
//! A component is contracted once, O(n) each, and there are fewer than `2n`: O(n²) per draw; what follows from the trace likewise.
//! Memory: 28 n² bytes, and up to 32 n² for each thread.
//!
//! # References
//! R. E. Tarjan (1977), *Finding optimum branchings*, Networks 7; H. N. Gabow, Z. Galil, T. Spencer, R. E. Tarjan (1986), *Efficient
//! algorithms for finding minimum spanning trees in undirected and directed graphs*, Combinatorica 6 (the path).

use gumbel_oracle::structure::Structure;

use super::races::{least, log_prob, sort, sum};
use super::{Algorithm, InputError, NONE, Times, Weights, check_rates};

/// Arborescences of a digraph with fixed rates.
#[derive(Debug, Clone)]
pub struct Arborescence {
    vertices: usize,
    root: usize,
    arcs: Vec<(u32, u32)>,
    rates: Vec<f64>,
    matrix: Matrix,
}

/// A row for each head: a cell for each tail.
#[derive(Debug, Clone)]
struct Matrix {
    /// `1/λ`; infinite where there is no arc.
    means: Vec<f64>,
    /// 0 where there is no arc.
    rates: Vec<f64>,
    /// The sum of the other rates in the row.
    others: Vec<f64>,
    /// [`NONE`] where there is no arc.
    entries: Vec<u32>,
}

impl Arborescence {
    /// Arborescences of the digraph with these arcs `(from, to)`; arc `k` is entry `k`, with the rate `rates[k]`.
    ///
    /// # Errors
    /// [`InputError`]: a rate that is none, an arc that is none, that is there twice or that enters the root, a root that is no vertex,
    /// or a vertex that cannot be reached from it.
    pub fn new(vertices: usize, root: usize, arcs: &[(u32, u32)], rates: &[f64]) -> Result<Self, InputError> {
        for (what, found) in [("vertices", vertices), ("arcs", arcs.len().max(1))] {
            if found == 0 || found >= NONE as usize / 2 {
                return Err(InputError::Size { what, found });
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
        let cells = vertices * vertices;
        let mut matrix = Matrix {
            means: vec![f64::INFINITY; cells],
            rates: vec![0.0; cells],
            others: vec![0.0; cells],
            entries: vec![NONE; cells],
        };
        let present = (0..).zip(arcs).zip(rates).filter(|(_, rate)| **rate > 0.0);
        for ((entry, &(u, v)), &rate) in present {
            let cell = v as usize * vertices + u as usize;
            (matrix.means[cell], matrix.rates[cell], matrix.entries[cell]) = (rate.recip(), rate, entry);
        }
        for (others, rates) in matrix.others.chunks_mut(vertices).zip(matrix.rates.chunks(vertices)) {
            sums_of_others(rates, others);
        }
        Ok(Self { vertices, root, arcs: arcs.to_vec(), rates: rates.to_vec(), matrix })
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

/// For each number the sum of the others: of those before it and of those after it.
fn sums_of_others(values: &[f64], others: &mut [f64]) {
    let mut before = 0.0;
    for (place, value) in others.iter_mut().zip(values) {
        *place = before;
        before += value;
    }
    let mut after = 0.0;
    for (place, value) in others.iter_mut().zip(values).rev() {
        *place += after;
        after += value;
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

/// The working memory of a run.
#[derive(Debug, Default)]
pub struct Scratch {
    components: Vec<Component>,
    /// The members of contracted cycles, one cycle after the other, and where each ends.
    members: Vec<u32>,
    ends: Vec<usize>,
    /// The vertices in the order in which paths come to them.
    order: Vec<u32>,
    /// The component in which each vertex is; the root when its path is done.
    top: Vec<u32>,
    path: Vec<u32>,
    /// Where on the path each component is; [`NONE`] if no path has come to it.
    on_path: Vec<u32>,
    /// Rows of reduced weights of all components, and the winning times.
    weights: Vec<f64>,
    times: Vec<f64>,
    /// Components whose arcs are yet to be looked at.
    left: Vec<u32>,
    /// The contracted components by round, and the winners of all in the order of the reference.
    rounds: Vec<(u32, u32, u32)>,
    winners: Vec<u32>,
    /// Rows of rates of contracted components; the sum of the rates of those who race with a component, but do not win.
    rates: Vec<f64>,
    others: Vec<f64>,
    /// One value per component, and one for each tail.
    values: Vec<f64>,
    by_tail: Vec<f64>,
    /// The arc that enters each component.
    entering: Vec<u32>,
}

impl Scratch {
    fn start(&mut self, n: usize, root: usize) {
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
        self.top.clear();
        self.top.extend(0..n as u32);
        self.on_path.clear();
        self.on_path.resize(n, NONE);
        self.times.clear();
        self.times.resize(n, 0.0);
        self.members.clear();
        self.order.clear();
        self.path.clear();
        self.ends.clear();
        self.on_path[root] = 0;
        if self.weights.len() < n * n {
            self.weights.resize(n * n, 0.0);
        }
    }

    /// The members of a contracted component.
    fn members(&self, n: usize, component: usize) -> &[u32] {
        let number = component - n;
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.members[start..self.ends[number]]
    }

    /// Contracts the path from this place on.
    fn contract(&mut self, n: usize, from: usize) -> usize {
        let new = self.components.len();
        let start = self.members.len();
        self.members.extend(self.path.drain(from..));
        self.ends.push(self.members.len());
        let members = &self.members[start..];
        let first = self.components[members[0] as usize];
        let mut component = Component { winner: NONE, tail: NONE, end: self.order.len() as u32, ..first };
        for &member in members {
            let member = &mut self.components[member as usize];
            member.above = new as u32;
            component.round = component.round.max(member.round);
            component.vertex = component.vertex.min(member.vertex);
        }
        component.round += 1;
        self.components.push(component);
        self.on_path.push(NONE);
        self.times.push(0.0);
        if self.weights.len() < (new + 1) * n {
            self.weights.resize((new + 1) * n, 0.0);
        }
        let (old, row) = self.weights.split_at_mut(new * n);
        let row = &mut row[..n];
        let of = |member: u32| (&old[member as usize * n..][..n], self.times[member as usize]);
        let ((one, one_time), (two, two_time)) = (of(members[0]), of(members[1]));
        for (place, (one, two)) in row.iter_mut().zip(one.iter().zip(two)) {
            let (one, two) = (one - one_time, two - two_time);
            *place = if one < two { one } else { two };
        }
        for &member in &members[2..] {
            let (weights, time) = of(member);
            for (place, weight) in row.iter_mut().zip(weights) {
                let weight = weight - time;
                *place = if weight < *place { weight } else { *place };
            }
        }
        for &vertex in &self.order[first.start as usize..] {
            row[vertex as usize] = f64::INFINITY; // no arc from inside races
            self.top[vertex as usize] = new as u32;
        }
        new
    }

    /// Of the arcs from this tail into a contracted component the first among the lightest.
    fn lightest(&mut self, matrix: &Matrix, n: usize, component: usize, tail: usize) -> u32 {
        let mut left = std::mem::take(&mut self.left);
        let mut first = NONE;
        left.push(component as u32);
        while let Some(component) = left.pop() {
            let component = component as usize;
            if component < n {
                first = first.min(matrix.entries[component * n + tail]);
                continue;
            }
            let weight = self.weights[component * n + tail];
            left.extend(self.members(n, component).iter().filter(|&&member| {
                self.weights[member as usize * n + tail] - self.times[member as usize] == weight
            }));
        }
        self.left = left;
        first
    }

    /// Holds the race of a component.
    fn race(&mut self, matrix: &Matrix, n: usize, component: usize) {
        let row = component * n..(component + 1) * n;
        let time = least(&self.weights[row.clone()]);
        let (mut winner, mut winners_tail, mut from) = (NONE, 0, 0);
        while let Some(next) = self.weights[row.clone()][from..].iter().position(|weight| *weight == time) {
            let tail = from + next;
            let entry = if component < n {
                matrix.entries[row.start + tail]
            } else {
                self.lightest(matrix, n, component, tail)
            };
            if entry < winner {
                (winner, winners_tail) = (entry, tail as u32); // of equally light arcs the first
            }
            from = tail + 1;
        }
        self.times[component] = time;
        let component = &mut self.components[component];
        (component.winner, component.tail) = (winner, winners_tail);
    }

    /// A path comes to a vertex.
    fn visit(&mut self, vertex: usize) {
        let place = self.order.len() as u32;
        (self.components[vertex].start, self.components[vertex].end) = (place, place + 1);
        self.order.push(vertex as u32);
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

    fn run(&self, weights: impl Weights, scratch: &mut Scratch) {
        let mut weights = weights; // in registers, not where the caller has it
        let (n, root, matrix) = (self.vertices, self.root, &self.matrix);
        scratch.start(n, root);
        for head in (0..n).filter(|&head| head != root) {
            let row = head * n..(head + 1) * n;
            let cells = scratch.weights[row.clone()].iter_mut().zip(&matrix.means[row.clone()]);
            for ((place, &mean), &entry) in cells.zip(&matrix.entries[row]) {
                *place = weights.of(|| entry, mean);
            }
            scratch.weights[head * n + head] = f64::INFINITY;
        }
        for first in 0..n {
            if scratch.on_path[first] != NONE {
                continue;
            }
            let start = scratch.order.len();
            scratch.visit(first);
            let mut tip = first;
            loop {
                scratch.on_path[tip] = scratch.path.len() as u32;
                scratch.path.push(tip as u32);
                scratch.race(matrix, n, tip);
                let next = scratch.top[scratch.components[tip].tail as usize] as usize;
                if next == root {
                    break;
                }
                tip = match scratch.on_path[next] {
                    NONE => {
                        scratch.visit(next);
                        next
                    }
                    place => scratch.contract(n, place as usize),
                };
            }
            scratch.path.clear();
            for &vertex in &scratch.order[start..] {
                scratch.top[vertex as usize] = root as u32;
            }
        }
        let Scratch { components, rounds, winners, .. } = scratch;
        rounds.clear();
        rounds.extend((n as u32..).zip(&components[n..]).map(|(c, of)| (of.round, of.vertex, c)));
        rounds.sort_unstable();
        winners.clear();
        winners.extend((0..n).filter(|&v| v != root).map(|v| components[v].winner));
        winners.extend(rounds.iter().map(|&(_, _, component)| components[component as usize].winner));
    }

    fn winners<'s>(&self, scratch: &'s Scratch) -> &'s [u32] {
        &scratch.winners
    }

    /// From the top down: the arc that enters a component takes the place of those of the members that hold its head.
    fn structure(&self, scratch: &mut Scratch, structure: &mut [u32]) {
        let Scratch { components, entering, .. } = scratch;
        entering.clear();
        entering.resize(components.len(), NONE);
        for (number, component) in components.iter().enumerate().rev() {
            if component.winner == NONE || entering[number] != NONE {
                continue; // the root, or entered from above
            }
            let mut inside = self.arcs[component.winner as usize].1 as usize;
            entering[number] = component.winner;
            while inside != number {
                entering[inside] = component.winner;
                inside = components[inside].above as usize;
            }
        }
        entering.truncate(self.vertices);
        entering.remove(self.root);
        sort(entering, structure);
    }

    fn to_structure(&self, structure: &[u32]) -> Structure {
        Structure::Entries(structure.iter().map(|&entry| entry as usize).collect())
    }

    fn totals(&self, scratch: &mut Scratch) {
        let (n, matrix) = (self.vertices, &self.matrix);
        let Scratch { components, members, ends, order, rates, others, .. } = scratch;
        others.clear();
        others.extend(components[..n].iter().enumerate().map(|(vertex, component)| match component.tail {
            NONE => 0.0,
            tail => matrix.others[vertex * n + tail as usize],
        }));
        let contracted = components.len() - n;
        if rates.len() < contracted * n {
            rates.resize(contracted * n, 0.0);
        }
        let mut start = 0;
        for (number, (component, &end)) in components[n..].iter().zip(&*ends).enumerate() {
            let (old, row) = rates.split_at_mut(number * n);
            let row = &mut row[..n];
            let of = |member: u32| match (member as usize).checked_sub(n) {
                None => &matrix.rates[member as usize * n..][..n],
                Some(number) => &old[number * n..][..n],
            };
            let (one, two) = (of(members[start]), of(members[start + 1]));
            for (place, (one, two)) in row.iter_mut().zip(one.iter().zip(two)) {
                *place = one + two;
            }
            for &member in &members[start + 2..end] {
                row.iter_mut().zip(of(member)).for_each(|(place, rate)| *place += rate);
            }
            start = end;
            let (tail, head) = (component.tail as usize, self.arcs[component.winner as usize].1);
            let mut from_tail = 0.0;
            for &vertex in &order[component.start as usize..component.end as usize] {
                row[vertex as usize] = 0.0; // no arc from inside races
                from_tail += if vertex == head { 0.0 } else { matrix.rates[vertex as usize * n + tail] };
            }
            others.push(sum(&row[..tail]) + sum(&row[tail + 1..]) + from_tail);
        }
    }

    fn log_prob(&self, scratch: &Scratch) -> f64 {
        let races = scratch.components.iter().zip(&scratch.others).filter(|(of, _)| of.winner != NONE);
        log_prob(races.map(|(component, &others)| (self.rates[component.winner as usize], others)))
    }

    fn score(&self, scratch: &mut Scratch, score: &mut [f64]) {
        self.each_race(scratch, |_, total| total.recip());
        self.write(scratch, score, |sum, cell| self.matrix.rates[cell] * sum);
        for component in scratch.components.iter().filter(|component| component.winner != NONE) {
            score[component.winner as usize] -= 1.0;
        }
    }

    fn conditional(&self, scratch: &mut Scratch, mut times: impl Times, weights: &mut [f64]) {
        self.each_race(scratch, |winner, total| times.of(winner) / total);
        self.write(scratch, weights, |sum, cell| {
            sum + times.of(self.matrix.entries[cell]) * self.matrix.means[cell]
        });
        for number in 0..scratch.components.len() {
            let winner = scratch.components[number].winner;
            if winner != NONE {
                let head = self.arcs[winner as usize].1;
                // The races of its head up to this one.
                let mut sum = 0.0;
                let mut inside = head as usize;
                loop {
                    sum += scratch.values[inside];
                    if inside == number {
                        break;
                    }
                    inside = scratch.components[inside].above as usize;
                }
                weights[winner as usize] = sum;
            }
        }
    }
}

impl Arborescence {
    /// A value for the race of each component, from its winner and its total.
    fn each_race(&self, scratch: &mut Scratch, mut value: impl FnMut(u32, f64) -> f64) {
        let Scratch { components, others, values, .. } = scratch;
        values.clear();
        values.extend(components.iter().zip(&*others).map(|(component, others)| match component.winner {
            NONE => 0.0,
            winner => value(winner, others + self.rates[winner as usize]),
        }));
    }

    /// Writes a value for each arc, from the sum over its races and its cell of the matrix.
    fn write(&self, scratch: &mut Scratch, row: &mut [f64], mut value: impl FnMut(f64, usize) -> f64) {
        let (n, matrix) = (self.vertices, &self.matrix);
        let Scratch { components, order, values, by_tail, .. } = scratch;
        by_tail.clear();
        by_tail.resize(n, 0.0);
        for head in (0..n).filter(|&head| head != self.root) {
            // From the inside out: the tails that the next component has and this one has not.
            let (mut inside, mut sum) = (head, 0.0);
            loop {
                sum += values[inside];
                let Component { start, end, above, .. } = components[inside];
                let outer = components.get(above as usize);
                let (from, to) = outer.map_or((0, order.len()), |c| (c.start as usize, c.end as usize));
                for tails in [&order[from..start as usize], &order[end as usize..to]] {
                    tails.iter().for_each(|&tail| by_tail[tail as usize] = sum);
                }
                if outer.is_none() {
                    break;
                }
                inside = above as usize;
            }
            by_tail[self.root] = sum;
            let cells = head * n..(head + 1) * n;
            for ((cell, &entry), &sum) in cells.clone().zip(&matrix.entries[cells]).zip(&*by_tail) {
                if let Some(place) = row.get_mut(entry as usize) {
                    *place = value(sum, cell);
                }
            }
        }
    }
}
