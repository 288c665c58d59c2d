//! Kruskal's algorithm without sorting all edges: Prim's finds the same tree, and its order says who raced in which race.
//!
//! # Notation
//! *Dense* graphs (at least a quarter of the pairs are edges): Prim's algorithm on rows of the matrix. The weight of an edge is
//! drawn when its first end joins the tree, and is looked at once. Places count the vertices in the order in which they join; `w_j`
//! is the weight of the edge by which place `j` joined.
//!
//! *Sparse* graphs: all weights are drawn and sorted, and Kruskal's algorithm runs over them.
//!
//! # Law
//! With ties broken by entry number the minimum spanning tree is unique, so Prim's is Kruskal's, and Kruskal's trace is its edges by
//! weight. The edge of places `i < j` races until its ends are in one component, that is up to the race of the heaviest edge
//! on the tree's path between them, and this is the heaviest of `w_{i+1}, …, w_j`: before `j` joins, Prim's algorithm crosses an edge of
//! that weight only when every lighter edge out of the tree is used up (the components of each moment of Kruskal's run are
//! intervals of places). So the places left of `j` fall into blocks of equal last race, which a stack of falling maxima keeps.
//!
//! # Cost
//! Dense: O(n²) per draw; trace, totals, score and conditional draw each look at every pair once. Sparse: O(m log m) for a run,
//! O(m log n) for what follows. Memory: 20 n² bytes, or 16 m.
//!
//! # References
//! R. C. Prim (1957), *Shortest connection networks and some generalizations*. That Prim's order unfolds single-linkage clustering:
//! J. C. Gower and G. J. S. Ross (1969), *Minimum spanning trees and single linkage cluster analysis*, Appl. Statist. 18.

use gumbel_oracle::structure::Structure;

use super::races::Races;
use super::{Algorithm, InputError, NONE, Times, Weights, check_rates};

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
    /// `1/λ`; infinite where there is no edge.
    means: Vec<f64>,
    /// 0 where there is no edge.
    rates: Vec<f64>,
    /// [`NONE`] where there is no edge.
    entries: Vec<u32>,
}

impl SpanningTree {
    /// Spanning trees of the graph with these edges; edge `k` is entry `k`, with the rate `rates[k]`.
    ///
    /// # Errors
    /// [`InputError`]: a rate that is none, an edge that is none or that is there twice, or a graph in pieces.
    pub fn new(vertices: usize, edges: &[(u32, u32)], rates: &[f64]) -> Result<Self, InputError> {
        let pairs = vertices.saturating_mul(vertices.saturating_sub(1)) / 2;
        // What is faster: see docs/src/performance.md.
        Self::with_layout(vertices, edges, rates, edges.len() >= pairs / 4)
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
                return Err(InputError::Size { what, found });
            }
        }
        if rates.len() != edges.len() {
            return Err(InputError::Length { entries: edges.len(), found: rates.len() });
        }
        check_rates(rates)?;
        check_edges(vertices, edges)?;
        connected(vertices, edges, rates)?;
        let means = rates.iter().map(|rate| rate.recip());
        let layout = if dense {
            let cells = vertices * vertices;
            let mut matrix = Matrix {
                means: vec![f64::INFINITY; cells],
                rates: vec![0.0; cells],
                entries: vec![NONE; cells],
            };
            let present = (0..).zip(edges).zip(means.zip(rates)).filter(|of| *of.1.1 > 0.0);
            for ((entry, &(u, v)), (mean, &rate)) in present {
                for cell in [u as usize * vertices + v as usize, v as usize * vertices + u as usize] {
                    (matrix.means[cell], matrix.rates[cell], matrix.entries[cell]) = (mean, rate, entry);
                }
            }
            Layout::Dense(matrix)
        } else {
            Layout::Sparse(means.collect())
        };
        Ok(Self { vertices, edges: edges.to_vec(), rates: rates.to_vec(), layout })
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

/// Present edges reach every vertex from vertex 0.
fn connected(vertices: usize, edges: &[(u32, u32)], rates: &[f64]) -> Result<(), InputError> {
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
    // Dense: the vertices outside the tree, the lightest edge of each into it, and the place where that edge ends.
    outside: Vec<u32>,
    lightest: Vec<f64>,
    ends: Vec<u32>,
    /// The vertex at each place.
    order: Vec<u32>,
    /// The race by which each place joined, and the place where its edge ends. The first place has none.
    race: Vec<u32>,
    end: Vec<u32>,
    blocks: Vec<Block>,
    /// Weights, as bits, which are in the order of the numbers; entries; places.
    sorted: Vec<(u64, u32, u32)>,
    // Sparse.
    components: Components,
    weights: Vec<(u64, u32)>,
    last: Vec<u32>,
}

/// The places from `start` to the start of the next block raced with the place looked at up to this race.
#[derive(Debug, Clone, Copy)]
struct Block {
    race: u32,
    start: u32,
}

impl Matrix {
    /// Prim's algorithm from vertex 0; then the races in Kruskal's order.
    #[inline]
    fn run(&self, n: usize, mut weights: impl Weights, scratch: &mut Scratch) {
        let Scratch { races, outside, lightest, ends, order, race, end, sorted, .. } = scratch;
        outside.clear();
        outside.extend(1..n as u32);
        for (list, value) in [(&mut *ends, 0), (order, 0), (end, 0)] {
            list.clear();
            list.resize(n, value);
        }
        lightest.clear();
        lightest.resize(n, f64::INFINITY);
        sorted.clear();
        let mut joins = 0; // the vertex that joins, at this place
        for place in 0..n.saturating_sub(1) {
            let row = joins as usize * n..(joins as usize + 1) * n;
            let (means, entries) = (&self.means[row.clone()], &self.entries[row]);
            let left = outside.len();
            let (mut best, mut at, mut tied) = (f64::INFINITY, 0, false);
            let vertices = outside.iter().zip(&mut lightest[..left]).zip(&mut ends[..left]);
            for (i, ((&v, lightest), end)) in vertices.enumerate() {
                let entry = entries[v as usize];
                let weight = weights.of(entry, means[v as usize]);
                let mut lighter = weight < *lightest;
                if weight == *lightest && weight < f64::INFINITY {
                    lighter = entry < self.entries[order[*end as usize] as usize * n + v as usize];
                }
                *lightest = if lighter { weight } else { *lightest };
                *end = if lighter { place as u32 } else { *end };
                tied |= *lightest == best;
                (best, at) = if *lightest < best { (*lightest, i) } else { (best, at) };
            }
            // Among equally light edges the first by entry.
            let entry_of = |i: usize, ends: &[u32]| {
                self.entries[order[ends[i] as usize] as usize * n + outside[i] as usize]
            };
            let mut entry = entry_of(at, ends);
            if tied {
                for (i, _) in lightest[..left].iter().enumerate().filter(|of| *of.1 == best) {
                    if entry_of(i, ends) < entry {
                        (at, entry) = (i, entry_of(i, ends));
                    }
                }
            }
            joins = outside.swap_remove(at);
            order[place + 1] = joins;
            end[place + 1] = ends[at];
            sorted.push((best.to_bits(), entry, place as u32 + 1));
            // The last of the list takes its place.
            (lightest[at], ends[at]) = (lightest[left - 1], ends[left - 1]);
        }
        sorted.sort_unstable();
        race.clear();
        race.resize(n, 0);
        races.winners.clear();
        for (number, &(_, entry, place)) in (0..).zip(&*sorted) {
            race[place as usize] = number;
            races.winners.push(entry);
        }
    }

    fn totals(&self, n: usize, rates: &[f64], scratch: &mut Scratch) {
        let Scratch { races, order, race, end, blocks, .. } = scratch;
        races.others.clear();
        races.others.resize(n - 1, 0.0);
        let others = &mut races.others;
        each_place(race, blocks, |j, blocks| {
            let row = &self.rates[order[j] as usize * n..][..n];
            let mut stop = j;
            for (depth, &Block { race, start }) in blocks.iter().rev().enumerate() {
                let mut places = start as usize..stop;
                stop = places.start;
                if depth == 0 {
                    // The race by which j joined: all but the winner, which goes from j to its end.
                    let end = end[j] as usize;
                    others[race as usize] += sum(row, &order[places.start..end]);
                    places.start = end + 1;
                }
                others[race as usize] += sum(row, &order[places]);
            }
        });
        races.accumulate(rates);
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
        let Scratch { races, order, race, blocks, .. } = scratch;
        each_place(race, blocks, |j, blocks| {
            let first = order[j] as usize * n;
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
        let Scratch { races, components, weights: sorted, .. } = scratch;
        sorted.clear();
        for (entry, &mean) in (0..).zip(means) {
            if mean < f64::INFINITY {
                sorted.push((weights.of(entry, mean).to_bits(), entry));
            }
        }
        sorted.sort_unstable();
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
        structure.copy_from_slice(&scratch.races.winners);
        structure.sort_unstable();
    }

    fn to_structure(&self, structure: &[u32]) -> Structure {
        Structure::Entries(structure.iter().map(|&entry| entry as usize).collect())
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
        scratch.races.sum_means();
        match &self.layout {
            Layout::Dense(matrix) => {
                matrix.write(self.vertices, scratch, score, |sum, cell| matrix.rates[cell] * sum);
            }
            Layout::Sparse(_) => {
                for ((score, &rate), &race) in score.iter_mut().zip(&self.rates).zip(&scratch.last) {
                    *score = rate * scratch.races.sums[race as usize];
                }
            }
        }
        scratch.races.winners.iter().for_each(|&winner| score[winner as usize] -= 1.0);
    }

    fn conditional(&self, scratch: &mut Scratch, times: &mut impl Times, weights: &mut [f64]) {
        scratch.races.sum_times(times);
        match &self.layout {
            Layout::Dense(matrix) => {
                matrix.write(self.vertices, scratch, weights, |sum, cell| {
                    sum + times.of(matrix.entries[cell]) * matrix.means[cell]
                });
            }
            Layout::Sparse(means) => {
                for (entry, (&mean, &race)) in (0..).zip(means.iter().zip(&scratch.last)) {
                    if mean < f64::INFINITY {
                        weights[entry as usize] = scratch.races.sums[race as usize] + times.of(entry) * mean;
                    }
                }
            }
        }
        let Races { winners, sums, .. } = &scratch.races;
        winners.iter().zip(sums).for_each(|(&winner, &sum)| weights[winner as usize] = sum);
    }
}
