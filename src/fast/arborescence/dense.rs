//! Rows of a matrix.

use super::super::small::VERTICES;
use super::super::stream::Stream;
use super::super::{NONE, Weights, lanes};
use super::{Component, Digraph, Forest};

/// A row for each head: a cell for each tail.
#[derive(Debug, Clone)]
pub(super) struct Matrix {
    vertices: usize,
    /// `1/λ`; infinite where there is no arc.
    means: Vec<f64>,
    /// 0 where there is no arc.
    rates: Vec<f64>,
    /// [`NONE`] where there is no arc.
    entries: Vec<u32>,
}

impl Matrix {
    pub(super) fn new(vertices: usize, arcs: &[(u32, u32)], rates: &[f64]) -> Self {
        let cells = vertices * vertices;
        let mut matrix = Self {
            vertices,
            means: vec![f64::INFINITY; cells],
            rates: vec![0.0; cells],
            entries: vec![NONE; cells],
        };
        let present = (0..).zip(arcs).zip(rates).filter(|(_, rate)| **rate > 0.0);
        for ((entry, &(u, v)), &rate) in present {
            let cell = v as usize * vertices + u as usize;
            (matrix.means[cell], matrix.rates[cell], matrix.entries[cell]) = (rate.recip(), rate, entry);
        }
        matrix
    }

    /// Gives all arcs but those into the root other rates, which stand row by row.
    pub(super) fn refill(&mut self, root: usize, rates: &[f64]) {
        let (n, mut rates) = (self.vertices, rates.iter());
        for tail in 0..n {
            let (one, two) = (tail.min(root), tail.max(root));
            for heads in [0..one, one + 1..two, two + 1..n] {
                let cells = self.rates.get_mut(heads.start * n + tail..).unwrap_or_default();
                let cells = cells.iter_mut().step_by(n).take(heads.len());
                cells.zip(&mut rates).for_each(|(cell, rate)| *cell = *rate);
            }
        }
        lanes::means(&self.rates, &mut self.means);
    }
}

/// For each number the sum of the others: of those before it and of those after it.
pub(super) fn sums_of_others(values: &[f64], others: &mut [f64]) {
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

/// The sum of the rates of those who race into a component, but do not win: by one sum for each head, and then over heads: the order in which
/// [`lockstep`](crate::fast::lockstep) takes it.
fn one_by_one(matrix: &Matrix, forest: &Forest, number: usize) -> f64 {
    let n = matrix.vertices;
    let Component { winner, tail, .. } = forest.components[number];
    if number < n {
        let row = (0..).zip(&matrix.rates[number * n..][..n]);
        return row.fold(0.0, |sum, (vertex, rate)| sum + if vertex == tail { 0.0 } else { *rate });
    }
    let inside: u32 = forest.vertices(number).iter().map(|vertex| 1 << vertex).sum();
    let into = |head: usize| {
        let row = matrix.rates[head * n..][..n].iter().zip(&matrix.entries[head * n..][..n]);
        let races = (0..).zip(row).filter(|(tail, of)| inside >> tail & 1 == 0 && *of.1 != winner);
        races.fold(0.0, |sum, (_, (rate, _))| sum + rate)
    };
    let heads = (0..n).filter(|head| inside >> head & 1 == 1);
    heads.fold(0.0, |sum, head| sum + into(head))
}

/// The working memory of a run.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Rows of reduced weights of all components, and the winning times.
    weights: Vec<f64>,
    times: Vec<f64>,
    /// The component in which each vertex is.
    top: Vec<u32>,
    /// Components whose arcs are yet to be looked at.
    left: Vec<u32>,
    /// Rows of rates of contracted components.
    rates: Vec<f64>,
    /// The tail of the arc that won the race of each vertex.
    tails: Vec<u64>,
    /// The place of each vertex in the order.
    places: Vec<usize>,
}

/// A run on a matrix.
pub(super) struct Run<'a> {
    matrix: &'a Matrix,
    rows: &'a mut Rows,
}

impl Rows {
    /// Draws the weights.
    #[inline]
    pub(super) fn draw<'a>(&'a mut self, matrix: &'a Matrix, root: usize, weights: impl Weights) -> Run<'a> {
        let mut weights = weights; // in registers, not where the caller has it
        let n = matrix.vertices;
        self.start(n);
        for head in (0..n).filter(|&head| head != root) {
            let row = head * n..(head + 1) * n;
            let cells = self.weights[row.clone()].iter_mut().zip(&matrix.means[row.clone()]);
            for ((place, &mean), &entry) in cells.zip(&matrix.entries[row]) {
                *place = weights.of(|| entry, mean);
            }
            self.weights[head * n + head] = f64::INFINITY;
        }
        Run { matrix, rows: self }
    }

    /// Draws the weights of all cells at once.
    pub(super) fn draw_all<'a>(&'a mut self, matrix: &'a Matrix, stream: &Stream) -> Run<'a> {
        let n = matrix.vertices;
        self.start(n);
        lanes::weights(stream.clone(), &matrix.means, &mut self.weights[..n * n]);
        Run { matrix, rows: self }
    }

    /// Writes the weight of each present arc.
    pub(super) fn keep(&self, matrix: &Matrix, weights: &mut [f64]) {
        for (&entry, weight) in matrix.entries.iter().zip(&self.weights) {
            if let Some(place) = weights.get_mut(entry as usize) {
                *place = *weight;
            }
        }
    }

    fn start(&mut self, n: usize) {
        self.top.clear();
        self.top.extend(0..n as u32);
        self.times.clear();
        self.times.resize(n, 0.0);
        if self.weights.len() < n * n {
            self.weights.resize(n * n, 0.0);
        }
    }
}

impl Run<'_> {
    /// Of the arcs from this tail into a component the first among the lightest.
    fn first(&mut self, forest: &Forest, component: usize, tail: usize) -> u32 {
        let n = self.matrix.vertices;
        if component < n {
            return self.matrix.entries[component * n + tail];
        }
        let Rows { weights, times, left, .. } = &mut *self.rows;
        let mut first = NONE;
        left.push(component as u32);
        while let Some(component) = left.pop() {
            let component = component as usize;
            if component < n {
                first = first.min(self.matrix.entries[component * n + tail]);
                continue;
            }
            let weight = weights[component * n + tail];
            left.extend(
                forest.members(component).iter().filter(|&&member| {
                    weights[member as usize * n + tail] - times[member as usize] == weight
                }),
            );
        }
        first
    }
}

impl Digraph for Run<'_> {
    fn race(&mut self, forest: &Forest, component: usize) -> u32 {
        let n = self.matrix.vertices;
        let row = component * n..(component + 1) * n;
        let (time, first, is_alone) = lanes::least(&self.rows.weights[row.clone()]);
        self.rows.times[component] = time;
        if is_alone {
            return self.first(forest, component, first);
        }
        let (mut winner, mut from) = (NONE, first);
        while let Some(next) =
            self.rows.weights[row.clone()][from..].iter().position(|&weight| weight == time)
        {
            winner = winner.min(self.first(forest, component, from + next)); // of equally light arcs the first
            from += next + 1;
        }
        winner
    }

    fn top(&mut self, vertex: u32) -> u32 {
        self.rows.top[vertex as usize]
    }

    fn contract(&mut self, forest: &Forest) {
        let n = self.matrix.vertices;
        let new = forest.components.len() - 1;
        let Rows { weights, times, top, .. } = &mut *self.rows;
        if weights.len() < (new + 1) * n {
            weights.resize((new + 1) * n, 0.0);
        }
        let (old, row) = weights.split_at_mut(new * n);
        let row = &mut row[..n];
        let of = |member: u32| (&old[member as usize * n..][..n], times[member as usize]);
        let members = forest.members(new);
        let ((one, one_time), (two, two_time)) = (of(members[0]), of(members[1]));
        lanes::subtract(one, one_time, row);
        lanes::lighter(two, two_time, row);
        for &member in &members[2..] {
            let (weights, time) = of(member);
            lanes::lighter(weights, time, row);
        }
        for &vertex in forest.vertices(new) {
            row[vertex as usize] = f64::INFINITY; // no arc from inside races
            top[vertex as usize] = new as u32;
        }
        times.push(0.0);
    }
}

impl Rows {
    /// For each component the sum of the rates of those who race, but do not win.
    pub(super) fn totals(
        &mut self,
        matrix: &Matrix,
        arcs: &[(u32, u32)],
        forest: &Forest,
        others: &mut Vec<f64>,
    ) {
        let (n, Self { rates, tails, .. }) = (matrix.vertices, self);
        if n <= VERTICES {
            return others
                .extend((0..forest.components.len()).map(|number| one_by_one(matrix, forest, number)));
        }
        others.resize(n, 0.0);
        tails.clear();
        tails.extend(forest.components[..n].iter().map(|of| u64::from(of.tail)));
        lanes::sums_but_one(n, &matrix.rates, tails, others);
        let contracted = forest.components.len() - n;
        if rates.len() < contracted * n {
            rates.resize(contracted * n, 0.0);
        }
        for (number, component) in forest.components[n..].iter().enumerate() {
            let (old, row) = rates.split_at_mut(number * n);
            let row = &mut row[..n];
            let of = |member: u32| match (member as usize).checked_sub(n) {
                None => &matrix.rates[member as usize * n..][..n],
                Some(number) => &old[number * n..][..n],
            };
            let members = forest.members(n + number);
            row.copy_from_slice(of(members[0]));
            members[1..].iter().for_each(|&member| lanes::add(of(member), row));
            let (tail, head) = (component.tail as usize, arcs[component.winner as usize].1);
            let mut from_tail = 0.0;
            for &vertex in forest.vertices(n + number) {
                row[vertex as usize] = 0.0; // no arc from inside races
                from_tail += if vertex == head { 0.0 } else { matrix.rates[vertex as usize * n + tail] };
            }
            let mut sum = [0.0];
            lanes::sums_but_one(n, row, &[tail as u64], &mut sum);
            others.push(sum[0] + from_tail);
        }
    }

    /// Writes a value for each arc, from the sum over its races of their values.
    pub(super) fn write(
        &mut self,
        matrix: &Matrix,
        root: usize,
        forest: &Forest,
        values: &[f64],
        row: &mut [f64],
        mut value: impl FnMut(f64, u32) -> f64,
    ) {
        // Rows are free: the run is over. The row of a component has for each place of the order the sum from its own race up to the last
        // with a component that does not hold that place; the root comes after all places.
        let n = matrix.vertices;
        let Self { weights: sums, places, .. } = self;
        for (number, &Component { above, .. }) in forest.components.iter().enumerate().rev() {
            let own = values[number];
            let (before, after) = sums.split_at_mut((number + 1) * n);
            let row = &mut before[number * n..];
            match forest.components.get(above as usize) {
                None => row.fill(own),
                Some(&Component { start, end, .. }) => {
                    let outer = &after[(above as usize - number - 1) * n..][..n];
                    row.iter_mut().zip(outer).for_each(|(sum, outer)| *sum = own + outer);
                    row[start as usize..end as usize].fill(own);
                }
            }
        }
        places.resize(n, 0);
        (0..).zip(&forest.order).for_each(|(place, &vertex)| places[vertex as usize] = place);
        places[root] = n - 1;
        let mut heads = [0; HEADS];
        let mut all = (0..n).filter(|&head| head != root);
        loop {
            let count = heads.iter_mut().zip(&mut all).map(|(place, head)| *place = head).count();
            if count == 0 {
                return;
            }
            for (tail, &place) in places.iter().enumerate() {
                for &head in &heads[..count] {
                    let entry = matrix.entries[head * n + tail];
                    if let Some(written) = row.get_mut(entry as usize) {
                        *written = value(sums[head * n + place], entry);
                    }
                }
            }
        }
    }
}

/// Values are written for so many heads at a time: those of one tail are neighbours in most matrices, and share a line of the cache.
const HEADS: usize = 8;
