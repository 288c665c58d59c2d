//! Kruskal's algorithm without sorting all edges, and where none is asked for, without weights.
//!
//! # Notation
//! *Dense* graphs (at least a fifth of the pairs are edges). A draw: edges are drawn out of all in proportion to their rates, again if
//! both ends are in one component; the components are lists, of which the smaller is put after the larger. A run on given weights:
//! Prim's algorithm on rows of the matrix, each weight looked at once. A draw [on weights](SpanningTree::on_weights): all weights are drawn at
//! once, and Prim's algorithm goes through whole rows, several vertices at a time (in batches of small graphs, several graphs at a time:
//! [`lockstep`](super::lockstep)). In each case each component is an interval of
//! *places*; `w_j` is the weight of the edge that joined place `j` to those before it.
//!
//! *Sparse* graphs: all weights are drawn and sorted, and Kruskal's algorithm runs over them.
//!
//! # Law
//! *Draws.* A race is won in proportion to the rates of those that race, whatever happened before (the stochastic invariant): an edge
//! drawn out of all, given that it races, is such a winner. For rates alike there are about `n/2 · log n` tries, as many as random
//! edges make a graph connected. Where a few edges of high rate take all tries, after `16 n` that failed fresh weights are drawn for all
//! that still race, and Prim's algorithm finishes: the work is bounded by that and one run, for any rates. The weights, if
//! they are asked for, are drawn last, given the trace: the joint law is the same, and the algorithm run on them has this trace.
//!
//! *Runs.* With ties broken by entry number the minimum spanning tree is unique, so Prim's is Kruskal's, and Kruskal's trace is its edges by
//! weight. The edge of places `i < j` races until its ends are in one component, that is up to the race of the heaviest edge
//! on the tree's path between them, and this is the heaviest of `w_{i+1}, …, w_j`: before `j` joins, Prim's algorithm crosses an edge of
//! that weight only when every lighter edge out of the tree is used up (the components of each moment of Kruskal's run are
//! intervals of places). So the places left of `j` fall into blocks of equal last race, which a stack of falling maxima keeps.
//!
//! # Cost
//! Dense: O(n log n) for a draw, on average over rates alike, and never more than O(n²); O(n²) for a run; score and conditional
//! draw each look at every pair once, totals at every row. Sparse: O(m log m) for a run, O(m log n) for what follows. Memory: 20 n² bytes,
//! or 16 m; and in working memory, of draws on weights, 12 n², of totals, 8 n².
//!
//! # References
//! R. C. Prim (1957), *Shortest connection networks and some generalizations*. That Prim's order unfolds single-linkage clustering:
//! J. C. Gower and G. J. S. Ross (1969), *Minimum spanning trees and single linkage cluster analysis*, Appl. Statist. 18.

use super::alias::{Alias, TRIES};
use super::lanes::{self, Interval, Join};
use super::races::{Races, later, select, sort};
use super::sorting::{Sorter, Weighed};
use super::stream::Stream;
use super::{Algorithm, Given, InputError, NONE, Times, Weights, check_rates, missed};

/// Spanning trees of a graph with fixed rates.
#[derive(Debug, Clone)]
pub struct SpanningTree {
    vertices: usize,
    edges: Vec<(u32, u32)>,
    rates: Vec<f64>,
    layout: Layout,
}

#[derive(Debug, Clone)]
enum Layout {
    Dense(Matrix),
    /// The means of present edges; infinite for the others.
    Sparse(Vec<f64>),
}

/// Both triangles, row by row.
#[derive(Debug, Clone)]
struct Matrix {
    /// From one row to the next: a multiple of 8.
    stride: usize,
    /// 0 where there is no edge.
    rates: Vec<f64>,
    /// [`NONE`] where there is no edge.
    entries: Vec<u32>,
    /// None if draws are made on weights.
    alias: Option<Alias>,
    /// The mean of each entry, if they are.
    by_entry: Vec<f64>,
    /// Whether the edges are all pairs, row by row.
    is_complete: bool,
}

impl SpanningTree {
    /// Spanning trees of the graph with these edges; edge `k` is entry `k`, with the rate `rates[k]`.
    ///
    /// # Errors
    /// [`InputError`]: a rate that is none, an edge that is none or that is there twice, or a graph in pieces.
    pub fn new(vertices: usize, edges: &[(u32, u32)], rates: &[f64]) -> Result<Self, InputError> {
        Self::with_layout(vertices, edges, rates, Self::is_dense(vertices, edges.len()))
    }

    /// Whether a graph is dense. Measured for n = 10 to 300: sparse is faster up to 15 to 20 edges in 100 pairs.
    pub(crate) fn is_dense(vertices: usize, edges: usize) -> bool {
        edges >= vertices.saturating_mul(vertices.saturating_sub(1)) / 2 / 5
    }

    /// Spanning trees of the complete graph, less absent edges: `rates` is an n×n matrix, row by row, of which what is above the
    /// diagonal is read. Entries are numbered row by row, those of rate 0 left out, as in model files.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`InputError::Length`] if there are not n² numbers.
    pub fn dense(vertices: usize, rates: &[f64]) -> Result<Self, InputError> {
        if Some(rates.len()) != vertices.checked_mul(vertices) {
            return Err(InputError::Length {
                entries: vertices.saturating_mul(vertices),
                found: rates.len(),
            });
        }
        let pairs = (0..vertices).flat_map(|u| (u + 1..vertices).map(move |v| (u, v)));
        let (mut edges, mut present) = (Vec::new(), Vec::new());
        for (u, v) in pairs.filter(|(u, v)| rates[u * vertices + v] != 0.0) {
            edges.push((u as u32, v as u32));
            present.push(rates[u * vertices + v]);
        }
        Self::new(vertices, &edges, &present)
    }

    /// As [`new`](Self::new), dense or not whatever the number of edges: for tests and measurements.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    #[doc(hidden)]
    pub fn with_layout(
        vertices: usize,
        edges: &[(u32, u32)],
        rates: &[f64],
        dense: bool,
    ) -> Result<Self, InputError> {
        for (what, found) in [("vertices", vertices), ("edges", edges.len().max(1))] {
            if found == 0 || found >= NONE as usize {
                return Err(InputError::Size { below: "2³²", what, found });
            }
        }
        if rates.len() != edges.len() {
            return Err(InputError::Length { entries: edges.len(), found: rates.len() });
        }
        check_rates(rates)?;
        check_edges(vertices, edges)?;
        connected(vertices, edges, rates)?;
        Ok(Self::made(vertices, edges, rates, dense, Alias::new))
    }

    /// As [`new`](Self::new), [on weights](Self::on_weights), of edges that are in order, and rates that are positive.
    pub(crate) fn lean(vertices: usize, edges: &[(u32, u32)], rates: &[f64]) -> Result<Self, InputError> {
        let pairs = vertices * (vertices - 1) / 2;
        if edges.len() < pairs {
            connected(vertices, edges, rates)?;
        }
        let dense = Self::is_dense(vertices, edges.len());
        let made = Self::made(vertices, edges, rates, dense, |_| Alias::default());
        Ok(made.on_weights())
    }

    /// Whether it is [on weights](Self::on_weights), and of the complete graph of so many vertices, with edges row by row.
    pub(crate) fn can_be_refilled(&self, vertices: usize) -> bool {
        self.vertices == vertices
            && matches!(&self.layout, Layout::Dense(matrix) if matrix.is_complete && matrix.alias.is_none())
    }

    /// Gives one that [can be refilled](Self::can_be_refilled) as many other rates, which are positive, and takes back those it had.
    pub(crate) fn refill(&mut self, rates: &mut Vec<f64>) {
        let Layout::Dense(matrix) = &mut self.layout else { return };
        std::mem::swap(&mut self.rates, rates);
        lanes::means(&self.rates, &mut matrix.by_entry);
        lanes::unpack(self.vertices, matrix.stride, &self.rates, &mut matrix.rates);
    }

    /// The same, but each draw is a run on weights. Such a sampler is ready in less time; its draws are others.
    #[must_use]
    pub fn on_weights(mut self) -> Self {
        if let Layout::Dense(matrix) = &mut self.layout {
            matrix.alias = None;
            lanes::means(&self.rates, &mut matrix.by_entry);
        }
        self
    }

    fn made(
        vertices: usize,
        edges: &[(u32, u32)],
        rates: &[f64],
        dense: bool,
        alias: impl Fn(&[f64]) -> Alias,
    ) -> Self {
        let layout = if dense {
            let stride = vertices.next_multiple_of(8);
            let mut matrix = Matrix {
                stride,
                rates: vec![0.0; stride * stride],
                entries: vec![NONE; stride * stride],
                alias: Some(alias(rates)),
                by_entry: Vec::new(),
                is_complete: is_complete(vertices, edges),
            };
            let present = (0..).zip(edges).zip(rates).filter(|of| *of.1 > 0.0);
            for ((entry, &(u, v)), &rate) in present {
                for cell in [u as usize * stride + v as usize, v as usize * stride + u as usize] {
                    (matrix.rates[cell], matrix.entries[cell]) = (rate, entry);
                }
            }
            Layout::Dense(matrix)
        } else {
            Layout::Sparse(rates.iter().map(|rate| rate.recip()).collect())
        };
        Self { vertices, edges: edges.to_vec(), rates: rates.to_vec(), layout }
    }

    /// The ends of each edge.
    #[must_use]
    pub fn edges(&self) -> &[(u32, u32)] {
        &self.edges
    }
}

/// Edges join two different vertices, each two at most once.
fn check_edges(vertices: usize, edges: &[(u32, u32)]) -> Result<(), InputError> {
    let mut sorted = Vec::with_capacity(edges.len());
    for (entry, &(u, v)) in edges.iter().enumerate() {
        if u == v || u.max(v) as usize >= vertices {
            return Err(InputError::Edge { entry, u, v, vertices });
        }
        sorted.push((u.min(v), u.max(v), entry));
    }
    sorted.sort_unstable();
    match sorted.windows(2).find(|two| (two[0].0, two[0].1) == (two[1].0, two[1].1)) {
        Some(two) => Err(InputError::Parallel { first: two[0].2, entry: two[1].2 }),
        None => Ok(()),
    }
}

/// Whether these are all pairs, row by row.
fn is_complete(vertices: usize, edges: &[(u32, u32)]) -> bool {
    let n = vertices as u32;
    let pairs = (0..n).flat_map(|u| (u + 1..n).map(move |v| (u, v)));
    edges.len() == vertices * (vertices - 1) / 2 && pairs.eq(edges.iter().copied())
}

/// Present edges reach every vertex from vertex 0.
fn connected(vertices: usize, edges: &[(u32, u32)], rates: &[f64]) -> Result<(), InputError> {
    if edges.len() + 1 < vertices {
        let both = edges.iter().zip(rates).filter(|(_, rate)| **rate > 0.0);
        return Err(InputError::Disconnected {
            vertex: missed(0, both.flat_map(|(&(u, v), _)| [(u, v), (v, u)]).collect()),
        });
    }
    let mut components = Components::default();
    components.reset(vertices);
    for (race, ((u, v), _)) in (0..).zip(edges.iter().zip(rates).filter(|(_, rate)| **rate > 0.0)) {
        components.join(*u, *v, race);
    }
    let first = components.name(0);
    match (0..vertices).find(|&vertex| components.name(vertex as u32) != first) {
        Some(vertex) => Err(InputError::Disconnected { vertex }),
        None => Ok(()),
    }
}

/// Components, joined smaller to larger, so that the way from a vertex to its component's name is at most `log₂ n` long; the
/// races on that way grow, and two vertices were joined by the last race before their ways meet.
#[derive(Debug, Default)]
struct Components {
    above: Vec<u32>,
    joined: Vec<u32>,
    size: Vec<u32>,
}

impl Components {
    fn reset(&mut self, vertices: usize) {
        self.above.clear();
        self.above.extend(0..vertices as u32);
        self.joined.clear();
        self.joined.resize(vertices, NONE); // joined to no other yet
        self.size.clear();
        self.size.resize(vertices, 1);
    }

    fn name(&self, mut vertex: u32) -> u32 {
        while self.above[vertex as usize] != vertex {
            vertex = self.above[vertex as usize];
        }
        vertex
    }

    /// Joins two components by this race; false if they are one.
    fn join(&mut self, u: u32, v: u32, race: u32) -> bool {
        let (mut small, mut large) = (self.name(u), self.name(v));
        if small == large {
            return false;
        }
        if self.size[small as usize] > self.size[large as usize] {
            (small, large) = (large, small);
        }
        (self.above[small as usize], self.joined[small as usize]) = (large, race);
        self.size[large as usize] += self.size[small as usize];
        true
    }

    /// The race that joined two vertices of one component.
    fn race_of(&self, mut u: u32, mut v: u32) -> u32 {
        let mut race = 0;
        while u != v {
            let lower = if self.joined[u as usize] < self.joined[v as usize] { &mut u } else { &mut v };
            race = self.joined[*lower as usize];
            *lower = self.above[*lower as usize];
        }
        race
    }
}

/// The working memory of a run.
#[derive(Debug, Default)]
pub struct Scratch {
    races: Races,
    // Dense: the set of vertices outside the tree, the lightest edge of each into it, and the place where that edge ends.
    outside: Vec<u64>,
    lightest: Vec<f64>,
    ends: Vec<u32>,
    /// The vertex at each place.
    order: Vec<u32>,
    /// The race by which each place joined those before it. The first has none.
    race: Vec<u32>,
    /// The places of the ends of the edge that wins each race: the later, the earlier.
    places: Vec<(u32, u32)>,
    /// The place where the edge ends by which each place joined in Prim's order.
    end: Vec<u32>,
    lists: Lists,
    blocks: Vec<Block>,
    /// The place of each vertex, and its last race with the vertex looked at.
    place: Vec<usize>,
    latest: Vec<u32>,
    /// Weights, as bits, which are in the order of the numbers; entries; places.
    sorted: Vec<(u64, u32, u32)>,
    /// Weights, and of each how many are lighter.
    ranked: Vec<f64>,
    ranks: Vec<u64>,
    // Sparse.
    components: Components,
    weights: Vec<Weighed>,
    sorter: Sorter,
    last: Vec<u32>,
    /// Weights drawn all at once, by entry, and in both triangles; how vertices join.
    drawn: Vec<f64>,
    matrix: Vec<f64>,
    joined: Vec<Join>,
    lightest_of: Vec<f64>,
    ends_of: Vec<u64>,
    /// Rates, contracted.
    work: Vec<f64>,
    intervals: Vec<Interval>,
    /// The place at which the later component of each race begins.
    begins: Vec<u32>,
}

/// Beyond so many vertices matrices are gone through row by row.
const LARGE: usize = 512;

/// Up to so many vertices, pairs are looked at one by one.
const SMALL: usize = 32;

/// Beyond so many, edges are sorted by comparisons one after the other.
const RANKED: usize = 128;

/// Beyond so many vertices, totals are summed up pair by pair: rows added up no longer fit into the cache.
const MIDDLE: usize = 256;

impl Scratch {
    /// Makes the lists of a dense run as long as they must be.
    fn fit(&mut self, n: usize) {
        let Races { winners, others, .. } = &self.races;
        if self.order.len() == n && winners.len() == n - 1 && others.len() == n - 1 {
            return;
        }
        self.outside.resize(n / 64 + 1, 0);
        self.lightest.resize(n, 0.0);
        self.ends.resize(n, 0);
        for list in [&mut self.order, &mut self.race, &mut self.end] {
            list.clear();
            list.resize(n, 0);
        }
        self.places.resize(n - 1, (0, 0));
        self.races.winners.resize(n - 1, 0);
        self.races.others.resize(n - 1, 0.0);
        self.sorted.reserve(n);
    }
}

/// The places from `start` to the start of the next block raced with the place looked at up to this race.
#[derive(Debug, Clone, Copy)]
struct Block {
    race: u32,
    start: u32,
}

impl Matrix {
    /// Draws all weights at once and runs on them.
    fn draw_all(&self, n: usize, edges: &[(u32, u32)], stream: &Stream, scratch: &mut Scratch) {
        scratch.drawn.resize(edges.len(), 0.0);
        lanes::weights(stream.clone(), &self.by_entry, &mut scratch.drawn);
        if n <= SMALL {
            let drawn = std::mem::take(&mut scratch.drawn);
            self.run(n, Given(&drawn), scratch);
            scratch.drawn = drawn;
            return;
        }
        scratch.fit(n);
        let Scratch { drawn, matrix, joined, lightest_of, ends_of, .. } = scratch;
        let stride = self.stride;
        matrix.resize(stride * stride, 0.0);
        if self.is_complete {
            lanes::unpack(n, stride, drawn, matrix);
        } else {
            matrix.fill(f64::INFINITY);
            for (&(u, v), weight) in edges.iter().zip(&*drawn) {
                matrix[u as usize * stride + v as usize] = *weight;
                matrix[v as usize * stride + u as usize] = *weight;
            }
        }
        joined.resize(n, Join::default());
        lanes::Prim { stride, matrix, lightest: lightest_of, ends: ends_of, joined }.run();
        let Scratch { order, end, sorted, joined, .. } = scratch;
        sorted.clear();
        order[0] = 0;
        for (place, &Join { vertex, end: at, weight }) in (0..).zip(&*joined).skip(1) {
            (order[place as usize], end[place as usize]) = (vertex, at);
            let entry = self.entries[order[at as usize] as usize * self.stride + vertex as usize];
            sorted.push((weight, entry, place));
        }
        self.in_order(n, scratch);
    }

    /// Prim's algorithm from vertex 0; then the races in Kruskal's order.
    #[inline]
    fn run(&self, n: usize, weights: impl Weights, scratch: &mut Scratch) {
        scratch.fit(n);
        scratch.order[0] = 0; // where Prim's algorithm starts; a draw has left its own order
        match n {
            0..=8 => self.join_few::<8>(n, weights, scratch),
            9..=16 => self.join_few::<16>(n, weights, scratch),
            17..=32 => self.join_few::<32>(n, weights, scratch),
            33..=64 => self.join_few::<64>(n, weights, scratch),
            _ => self.join_all(n, weights, scratch),
        }
        self.in_order(n, scratch);
    }

    /// The races in Kruskal's order, of the edges that join the places.
    fn in_order(&self, n: usize, scratch: &mut Scratch) {
        let Scratch { races, race, sorted, places, end, ranked, ranks, .. } = scratch;
        if n > RANKED || !rank(sorted, (ranked, ranks), race, &mut races.winners) {
            sorted.sort_unstable();
            for (number, &(_, entry, place)) in sorted.iter().enumerate() {
                race[place as usize] = number as u32;
                races.winners[number] = entry;
            }
        }
        for (place, (&race, &end)) in (0..).zip(race.iter().zip(&*end)).skip(1) {
            places[race as usize] = (place, end);
        }
    }

    /// The vertices join, one after the other.
    #[inline]
    fn join_all(&self, n: usize, weights: impl Weights, scratch: &mut Scratch) {
        let mut weights = weights; // in registers, not where the caller has it
        let Scratch { outside, lightest, ends, order, end, sorted, .. } = scratch;
        sorted.clear();
        let lightest = &mut lightest[..n];
        let ends = &mut ends[..n];
        lightest.fill(f64::MAX);
        ends.fill(NONE);
        outside.fill(u64::MAX);
        outside[0] &= !1;
        outside[n / 64] &= !(u64::MAX << (n % 64)); // no vertex beyond the last
        let mut joins = 0; // the vertex that joins, at this place
        for place in 0..n.saturating_sub(1) {
            let row = joins as usize * self.stride..joins as usize * self.stride + n;
            let (rates, entries) = (&self.rates[row.clone()], &self.entries[row]);
            // The entry by which a vertex outside is reached.
            let entry_of = |order: &[u32], ends: &[u32], v: usize| match ends[v] {
                NONE => NONE,
                end => self.entries[order[end as usize] as usize * self.stride + v],
            };
            let (mut best, mut at, mut equal) = (f64::MAX, NONE, false);
            for (&word, first) in outside.iter().zip((0..).step_by(64)) {
                let mut left = word;
                while left != 0 {
                    let v = first + left.trailing_zeros() as usize;
                    left &= left - 1;
                    let weight = weights.of(|| entries[v], rates[v].recip());
                    let before = lightest[v];
                    let mut lighter = weight < before;
                    if weight == before {
                        lighter = entries[v] < entry_of(order, ends, v); // of equally light edges the first
                    }
                    let now = if weight < before { weight } else { before };
                    lightest[v] = now;
                    ends[v] = select(lighter, place as u32, ends[v]);
                    equal |= now == best;
                    at = select(now < best, v as u32, at);
                    best = if now < best { now } else { best };
                }
            }
            let mut entry = if at == NONE { NONE } else { entry_of(order, ends, at as usize) };
            if equal {
                for v in (0..n).filter(|&v| outside[v / 64] >> (v % 64) & 1 == 1 && lightest[v] == best) {
                    if entry_of(order, ends, v) < entry {
                        (at, entry) = (v as u32, entry_of(order, ends, v));
                    }
                }
            }
            joins = at;
            outside[joins as usize / 64] &= !(1 << (joins % 64));
            order[place + 1] = joins;
            end[place + 1] = ends[joins as usize];
            sorted.push((best.to_bits(), entry, place as u32 + 1));
        }
    }

    /// The same on at most `LANES` ≤ 64 vertices: their lists are as long as can be told when compiling, which saves checks and registers.
    #[inline]
    fn join_few<const LANES: usize>(&self, n: usize, weights: impl Weights, scratch: &mut Scratch) {
        let mut weights = weights; // in registers, not where the caller has it
        let Scratch { order, end, sorted, .. } = scratch;
        sorted.clear();
        let (mut lightest, mut ends) = ([f64::MAX; LANES], [NONE; LANES]);
        let mut outside = (u64::MAX >> (64 - n)) & !1;
        let mut joins = 0_usize; // the vertex that joins, at this place
        for place in 0..n.saturating_sub(1) {
            let row = joins * self.stride..joins * self.stride + n;
            let (rates, row) = (&self.rates[row.clone()], &self.entries[row]);
            // The entry by which a vertex outside is reached.
            let entry_of = |order: &[u32], ends: &[u32; LANES], v: usize| match ends[v] {
                NONE => NONE,
                end => self.entries[order[end as usize] as usize * self.stride + v],
            };
            let (mut left, mut best, mut equal) = (outside, f64::MAX, false);
            let mut at = left.trailing_zeros();
            while left != 0 {
                let v = left.trailing_zeros() as usize % LANES;
                left &= left - 1;
                let weight = weights.of(|| row[v], rates[v].recip());
                let before = lightest[v];
                let mut lighter = weight < before;
                if weight == before {
                    lighter = row[v] < entry_of(order, &ends, v); // of equally light edges the first
                }
                let now = if weight < before { weight } else { before };
                lightest[v] = now;
                ends[v] = select(lighter, place as u32, ends[v]);
                equal |= now == best;
                at = select(now < best, v as u32, at);
                best = if now < best { now } else { best };
            }
            joins = at as usize % LANES;
            let mut entry = entry_of(order, &ends, joins);
            if equal {
                for v in (0..n).filter(|&v| outside >> v & 1 == 1 && lightest[v] == best) {
                    if entry_of(order, &ends, v) < entry {
                        (joins, entry) = (v, entry_of(order, &ends, v));
                    }
                }
            }
            order[place + 1] = joins as u32;
            end[place + 1] = ends[joins];
            sorted.push((best.to_bits(), entry, place as u32 + 1));
            outside &= !(1 << joins);
        }
    }

    fn totals(&self, n: usize, rates: &[f64], scratch: &mut Scratch) {
        let Scratch { races, order, race, places, begins, work, intervals, blocks, .. } = scratch;
        races.others.fill(0.0);
        let others = &mut races.others;
        if n <= SMALL && self.alias.is_none() {
            self.sums_by_rows(n, scratch);
            scratch.races.accumulate(rates);
            return;
        }
        if n <= SMALL {
            // One by one: blocks are too short to be worth their keeping.
            let (mut latest, mut sums) = ([0; SMALL], [0.0; SMALL]);
            let mut winners = [0_u32; SMALL]; // for each place the earlier places to which it has an edge that wins
            places.iter().for_each(|&(later, earlier)| winners[later as usize % SMALL] |= 1 << earlier);
            for j in 1..n {
                let row = &self.rates[order[j] as usize * self.stride..][..n];
                let (joined, winners) = (race[j], winners[j % SMALL]);
                for (i, (latest, &vertex)) in latest.iter_mut().zip(&order[..j]).enumerate() {
                    *latest = joined.max(*latest);
                    let rate = if winners >> i & 1 == 1 { 0.0 } else { row[vertex as usize] };
                    sums[*latest as usize % SMALL] += rate;
                }
            }
            others.copy_from_slice(&sums[..n - 1]);
            races.accumulate(rates);
            return;
        }
        if n <= MIDDLE {
            let stride = self.stride;
            let rates = &self.rates;
            lanes::Contract { stride, rates, order, race, places, begins, work, intervals, others }.run();
        } else {
            each_place(race, blocks, |j, blocks| {
                let row = &self.rates[order[j] as usize * self.stride..][..n];
                let mut stop = j;
                for &Block { race, start } in blocks.iter().rev() {
                    let mut block = start as usize..stop;
                    stop = block.start;
                    let (later, earlier) = places[race as usize];
                    if later as usize == j {
                        // All but the edge that wins.
                        others[race as usize] += sum(row, &order[block.start..earlier as usize]);
                        block.start = earlier as usize + 1;
                    }
                    others[race as usize] += sum(row, &order[block]);
                }
            });
        }
        races.accumulate(rates);
    }

    /// What leaves after each race, by one sum for each row of the matrix, and then over rows: the order in which [`super::lockstep`] takes
    /// it, where the order of places differs from model to model.
    fn sums_by_rows(&self, n: usize, scratch: &mut Scratch) {
        let Scratch { races, order, race, places, .. } = scratch;
        // The last race of each two vertices; of those that win beyond all.
        let (mut latest, mut last) = ([0; SMALL], [[0; SMALL]; SMALL]);
        for j in 1..n {
            let (joined, v) = (race[j], order[j] as usize % SMALL);
            for (latest, &u) in latest.iter_mut().zip(&order[..j]) {
                *latest = joined.max(*latest);
                let u = u as usize % SMALL;
                last[u.min(v)][u.max(v)] = *latest;
            }
        }
        for &(later, earlier) in &*places {
            let (u, v) = (order[later as usize] as usize % SMALL, order[earlier as usize] as usize % SMALL);
            last[u.min(v)][u.max(v)] = SMALL as u32;
        }
        for u in 0..n {
            let mut sums = [0.0; SMALL + 1];
            let row = &self.rates[u * self.stride..][..n];
            for (&rate, &last) in row.iter().zip(&last[u]).skip(u + 1) {
                sums[last as usize % (SMALL + 1)] += rate;
            }
            races.others.iter_mut().zip(sums).for_each(|(others, sum)| *others += sum);
        }
    }

    /// Writes a value for each edge, from the sum at its last race and its cell of the matrix; edges in an order that depends on the
    /// trace only.
    fn write(
        &self,
        n: usize,
        scratch: &mut Scratch,
        row: &mut [f64],
        mut value: impl FnMut(f64, usize) -> f64,
    ) {
        if n > LARGE {
            return self.write_by_rows(n, scratch, row, value);
        }
        let Scratch { races, order, race, blocks, .. } = scratch;
        each_place(race, blocks, |j, blocks| {
            let first = order[j] as usize * self.stride;
            let mut stop = j;
            for &Block { race, start } in blocks.iter().rev() {
                let sum = races.sums[race as usize];
                for &vertex in &order[start as usize..stop] {
                    let cell = first + vertex as usize;
                    if let Some(place) = row.get_mut(self.entries[cell] as usize) {
                        *place = value(sum, cell);
                    }
                }
                stop = start as usize;
            }
        });
    }

    /// The same in the order of the matrix, which is better where it does not fit into the cache.
    fn write_by_rows(
        &self,
        n: usize,
        scratch: &mut Scratch,
        row: &mut [f64],
        mut value: impl FnMut(f64, usize) -> f64,
    ) {
        let Scratch { races, order, race, place, latest, .. } = scratch;
        place.resize(n, 0);
        latest.resize(n, 0);
        (0..).zip(&*order).for_each(|(at, &vertex)| place[vertex as usize] = at);
        for vertex in 0..n {
            // To both sides the latest race on the way.
            let at = place[vertex];
            let mut last = 0;
            for (&other, &race) in order.iter().zip(&*race).skip(at + 1) {
                last = race.max(last);
                latest[other as usize] = last;
            }
            last = 0;
            for (&other, &race) in order[..at].iter().zip(&race[1..]).rev() {
                last = race.max(last);
                latest[other as usize] = last;
            }
            let cells = vertex * self.stride + vertex + 1..vertex * self.stride + n;
            for ((cell, &entry), &race) in cells.clone().zip(&self.entries[cells]).zip(&latest[vertex + 1..])
            {
                if let Some(place) = row.get_mut(entry as usize) {
                    *place = value(races.sums[race as usize], cell);
                }
            }
        }
    }
}

/// Goes through the places from the second on, each with the blocks of those before it.
fn each_place(race: &[u32], blocks: &mut Vec<Block>, mut visit: impl FnMut(usize, &[Block])) {
    blocks.clear();
    for (place, &race) in race.iter().enumerate().skip(1) {
        let mut start = place as u32 - 1;
        while let Some(block) = blocks.pop_if(|block| block.race < race) {
            start = block.start;
        }
        blocks.push(Block { race, start });
        visit(place, blocks);
    }
}

/// Edges in order without comparing one after the other: the number of lighter ones is the race. False if two are equal. With working
/// memory.
fn rank(
    edges: &[(u64, u32, u32)],
    (weights, ranks): (&mut Vec<f64>, &mut Vec<u64>),
    race: &mut [u32],
    winners: &mut [u32],
) -> bool {
    weights.clear();
    weights.extend(edges.iter().map(|edge| f64::from_bits(edge.0)));
    ranks.resize(edges.len(), 0);
    lanes::ranks(weights, ranks);
    let mut sum = 0;
    for (&(_, entry, place), &lighter) in edges.iter().zip(&*ranks) {
        sum += lighter as usize;
        race[place as usize] = lighter as u32;
        winners[lighter as usize] = entry;
    }
    2 * sum == edges.len() * edges.len().saturating_sub(1)
}

/// The sum of the numbers at these indices, in four interleaved sums.
fn sum(row: &[f64], at: &[u32]) -> f64 {
    let mut sums = [0.0; 4];
    let fours = at.chunks_exact(4);
    for &index in fours.remainder() {
        sums[0] += row[index as usize];
    }
    for four in fours {
        for (sum, &index) in sums.iter_mut().zip(four) {
            *sum += row[index as usize];
        }
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

impl SpanningTree {
    /// Kruskal's algorithm on all edges.
    fn run_sparse(&self, means: &[f64], mut weights: impl Weights, scratch: &mut Scratch) {
        let Scratch { races, components, weights: sorted, sorter, .. } = scratch;
        sorted.clear();
        for (entry, &mean) in (0..).zip(means) {
            if mean < f64::INFINITY {
                sorted.push((weights.of(|| entry, mean).to_bits(), entry));
            }
        }
        sorter.sort(sorted);
        components.reset(self.vertices);
        races.winners.clear();
        for &(_, entry) in &*sorted {
            if races.winners.len() + 1 == self.vertices {
                break;
            }
            let (u, v) = self.edges[entry as usize];
            if components.join(u, v, races.winners.len() as u32) {
                races.winners.push(entry);
            }
        }
    }

    fn totals_sparse(&self, scratch: &mut Scratch) {
        let Scratch { races, components, last, .. } = scratch;
        last.clear();
        last.extend(self.edges.iter().map(|&(u, v)| components.race_of(u, v)));
        races.others.clear();
        races.others.resize(self.vertices - 1, 0.0);
        for ((entry, &race), rate) in (0..).zip(&*last).zip(&self.rates) {
            if races.winners[race as usize] != entry {
                races.others[race as usize] += rate;
            }
        }
        races.accumulate(&self.rates);
    }
}

/// Components as lists of vertices, smaller ones put after larger ones.
#[derive(Debug, Default)]
struct Lists {
    /// The component that each vertex is in, known by its first vertex; the vertex after it; the race that put it after those before it.
    name: Vec<u32>,
    next: Vec<u32>,
    race: Vec<u32>,
    /// Of the first vertex of a component the last one, and how many there are.
    last: Vec<u32>,
    size: Vec<u32>,
    /// The race that each entry has won; used, and then cleared, by what finishes a draw.
    won: Vec<u32>,
}

impl Lists {
    fn reset(&mut self, n: usize) {
        for list in [&mut self.name, &mut self.last] {
            list.clear();
            list.extend(0..n as u32);
        }
        for (list, value) in [(&mut self.next, NONE), (&mut self.race, 0), (&mut self.size, 1)] {
            list.clear();
            list.resize(n, value);
        }
    }

    fn join(&mut self, u: u32, v: u32, race: u32) {
        let (mut large, mut small) = (u as usize, v as usize);
        if self.size[large] < self.size[small] {
            (large, small) = (small, large);
        }
        self.next[self.last[large] as usize] = small as u32;
        self.last[large] = self.last[small];
        self.size[large] += self.size[small];
        self.race[small] = race;
        let mut vertex = small as u32;
        while vertex != NONE {
            self.name[vertex as usize] = large as u32;
            vertex = self.next[vertex as usize];
        }
    }
}

impl Matrix {
    /// Draws a trace race by race: an edge out of all, again if it does not race. If too many do not, the rest is drawn by weights,
    /// since whatever has happened, what is left of the weights of those that still race is as at the start.
    #[inline]
    fn draw(
        &self,
        alias: &Alias,
        n: usize,
        edges: &[(u32, u32)],
        stream: Stream,
        scratch: &mut Scratch,
    ) -> Stream {
        let mut stream = stream; // in registers, not where the caller has it
        scratch.fit(n);
        let Scratch { races, order, race, places, lists, .. } = &mut *scratch;
        lists.reset(n);
        let (mut held, mut tries) = (0, TRIES * n);
        while held + 1 < n {
            let entry = alias.draw(&mut stream);
            let (u, v) = edges[entry as usize];
            let (one, two) = (lists.name[u as usize], lists.name[v as usize]);
            if one != two {
                lists.join(one, two, held as u32);
                races.winners[held] = entry;
                held += 1;
            } else if tries == 0 {
                return self.finish(n, edges, held, stream, scratch);
            } else {
                tries -= 1;
            }
        }
        let mut vertex = lists.name[0];
        for (order, race) in order.iter_mut().zip(race) {
            (*order, *race) = (vertex, lists.race[vertex as usize]);
            vertex = lists.next[vertex as usize];
        }
        let place_of = &mut lists.last;
        (0..).zip(&*order).for_each(|(place, &vertex)| place_of[vertex as usize] = place);
        for (places, &winner) in places.iter_mut().zip(&races.winners) {
            let (u, v) = edges[winner as usize];
            let (one, two) = (place_of[u as usize], place_of[v as usize]);
            *places = (one.max(two), one.min(two));
        }
        stream
    }

    /// Holds the races after the first `held` by weights.
    #[cold]
    fn finish(
        &self,
        n: usize,
        edges: &[(u32, u32)],
        held: usize,
        mut stream: Stream,
        scratch: &mut Scratch,
    ) -> Stream {
        let mut lists = std::mem::take(&mut scratch.lists);
        let winners = scratch.races.winners[..held].to_vec();
        lists.won.resize(edges.len(), NONE);
        (0..).zip(&winners).for_each(|(race, &winner)| lists.won[winner as usize] = race);
        self.run(n, Rest { stream: &mut stream, edges, lists: &lists }, scratch);
        winners.iter().for_each(|&winner| lists.won[winner as usize] = NONE);
        scratch.lists = lists;
        stream
    }
}

/// Weights of those that still race; those that have won come before them, in their order, and the others do not come.
struct Rest<'a> {
    stream: &'a mut Stream,
    edges: &'a [(u32, u32)],
    lists: &'a Lists,
}

impl Weights for Rest<'_> {
    fn of(&mut self, entry: impl FnOnce() -> u32, mean: f64) -> f64 {
        let entry = entry() as usize;
        let Some(&(u, v)) = self.edges.get(entry) else { return f64::INFINITY };
        match self.lists.won[entry] {
            NONE if self.lists.name[u as usize] == self.lists.name[v as usize] => f64::INFINITY,
            // In units in which no weight is as small as what comes before it.
            NONE => self.stream.exponential() * mean * 2.0_f64.powi(20),
            race => f64::from_bits(u64::from(race) + 1),
        }
    }
}

impl Algorithm for SpanningTree {
    type Scratch = Scratch;

    fn rates(&self) -> &[f64] {
        &self.rates
    }

    fn structure_len(&self) -> usize {
        self.vertices - 1
    }

    fn trace_len(&self) -> usize {
        self.vertices - 1
    }

    fn draw(&self, stream: Stream, scratch: &mut Scratch) -> Option<Stream> {
        match &self.layout {
            Layout::Dense(matrix) => {
                let alias = matrix.alias.as_ref()?;
                Some(matrix.draw(alias, self.vertices, &self.edges, stream, scratch))
            }
            Layout::Sparse(_) => None,
        }
    }

    fn draw_all(&self, stream: &Stream, weights: Option<&mut [f64]>, scratch: &mut Scratch) -> bool {
        let Layout::Dense(matrix) = &self.layout else { return false };
        if matrix.alias.is_some() {
            return false;
        }
        matrix.draw_all(self.vertices, &self.edges, stream, scratch);
        if let Some(weights) = weights {
            weights.copy_from_slice(&scratch.drawn);
        }
        true
    }

    fn run(&self, weights: impl Weights, scratch: &mut Scratch) {
        match &self.layout {
            Layout::Dense(matrix) => matrix.run(self.vertices, weights, scratch),
            Layout::Sparse(means) => self.run_sparse(means, weights, scratch),
        }
    }

    fn winners<'s>(&self, scratch: &'s Scratch) -> &'s [u32] {
        &scratch.races.winners
    }

    fn structure(&self, scratch: &mut Scratch, structure: &mut [u32]) {
        sort(&scratch.races.winners, structure);
    }

    fn loss(&self, scratch: &mut Scratch) -> i64 {
        let away = |&&edge: &&u32| self.edges[edge as usize].0.min(self.edges[edge as usize].1) > 0;
        scratch.races.winners.iter().filter(away).count() as i64
    }

    fn totals(&self, scratch: &mut Scratch) {
        match &self.layout {
            Layout::Dense(matrix) => matrix.totals(self.vertices, &self.rates, scratch),
            Layout::Sparse(_) => self.totals_sparse(scratch),
        }
    }

    fn log_prob(&self, scratch: &Scratch) -> f64 {
        scratch.races.log_prob(&self.rates)
    }

    fn score(&self, scratch: &mut Scratch, score: &mut [f64]) {
        match &self.layout {
            Layout::Dense(matrix) => {
                scratch.races.sum_means();
                matrix.write(self.vertices, scratch, score, |sum, cell| matrix.rates[cell] * sum);
                scratch.races.winners.iter().for_each(|&winner| score[winner as usize] -= 1.0);
            }
            Layout::Sparse(_) => scratch.races.score(&self.rates, &scratch.last, score),
        }
    }

    fn conditional(&self, scratch: &mut Scratch, mut times: impl Times, weights: &mut [f64]) {
        match &self.layout {
            Layout::Dense(matrix) => {
                scratch.races.sum_times(&mut times);
                matrix.write(self.vertices, scratch, weights, |sum, cell| {
                    later(sum, times.of(matrix.entries[cell]) * matrix.rates[cell].recip())
                });
                let Races { winners, sums, .. } = &scratch.races;
                winners.iter().zip(sums).for_each(|(&winner, &sum)| weights[winner as usize] = sum);
            }
            Layout::Sparse(means) => scratch.races.conditional(means, &scratch.last, times, weights),
        }
    }
}
