//! Eight small models at once, each in a lane of its own.
//!
//! A single small model leaves most of a vector instruction idle. Here each number of an algorithm is one of eight: the same step is taken
//! for eight models, or for eight draws of one, whatever their rates; where they differ (which edge wins, who is where), it is by
//! selection, not by branches or by what is looked up in memory.
//!
//! # Notation
//! The *cells* of a group are all entries that the longest of its models could have, in order. A cell that a model does not have (it is
//! shorter, or the entry absent) has rate 0 and an infinite mean, and nobody wins a race where only those are left. The exponential of a cell
//! is that of the number which the entry has in its own model, so that draws are those of [`Fast`](super::Fast) to the bit: the
//! algorithms that draw one model at a time take the same sums in the same order.
//!
//! # Cost
//! A step takes all cells, also those that are long decided: O(n³) for a spanning tree or a matching, O(n²) for each round of an
//! arborescence, of which there are at most n, and O(n²) for a list. So it is for small models only, up to where it was measured to be faster.

// Loops over an index into slices of one length: written with iterators zipped, some are not vectorised.
#![allow(clippy::needless_range_loop)]

mod arborescence;
mod lists;
mod matching;
mod spanning_tree;
mod steps;

use gumbel_oracle::kind::Kind;
use pulp::{Arch, Simd, WithSimd};

use super::lanes::{WIDEST, minus_log, uniform};
use super::stream::{LANES, Lane, Seed, first_words};
use super::{races, small};
use arborescence::Rounds;
use matching::Crossing;
use spanning_tree::Kruskal;

/// Eight models of one structure and what is drawn from them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Group {
    /// The size of the longest.
    n: usize,
    /// Of each cell; 0 and infinite where there is none.
    rates: Vec<Lane<f64>>,
    means: Vec<Lane<f64>>,
    /// Which number the entry has in its model.
    numbers: Vec<Lane<u64>>,
    /// Whether these are those of the cells.
    are_plain: bool,
    /// The number of races of lists.
    races: Lane<u64>,
    weights: Vec<Lane<f64>>,
    /// Working memory: keys of cells; rates of those that race.
    keys: [Vec<Lane<u64>>; 2],
    left: Vec<Lane<f64>>,
    rounds: Rounds,
    pub(crate) drawn: Drawn,
}

/// What is drawn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Drawn {
    /// Of each race the cell that wins, [`NOBODY`] after the last, its rate, and the rates of all others that race.
    pub(crate) winners: Vec<Lane<u64>>,
    rates: Vec<Lane<f64>>,
    others: Vec<Lane<f64>>,
    /// What the structure is made of, if not of the winners.
    members: Vec<Lane<u64>>,
    /// `log p(T)`.
    pub(crate) log_prob: Lane<f64>,
}

/// Who wins a race that is not held.
pub(crate) const NOBODY: u64 = u64::MAX;

impl Drawn {
    /// The cells of the structure, of a set in any order; of a binary tree for each position twice the parent, or one more. Filled up with
    /// [`NOBODY`], which the root has too.
    pub(crate) fn members(&self, kind: Kind) -> &[Lane<u64>] {
        match kind {
            Kind::Arborescence | Kind::BinaryTree => &self.members,
            _ => &self.winners,
        }
    }

    fn fit(&mut self, races: usize) {
        self.winners.resize(races, [NOBODY; LANES]);
        self.rates.resize(races, [0.0; LANES]);
        self.others.resize(races, [0.0; LANES]);
    }
}

/// Numbers whose first begins a line of the cache. [`pulp`]'s vectors begin anywhere, and one that crosses from a line to the next takes
/// twice the time to be read or written.
#[repr(align(64))]
struct Aligned<T, const N: usize>([T; N]);

/// No structure has more cells.
pub(crate) const MOST_MEMBERS: usize = small::POSITIONS;

/// Whether models of this structure and size are drawn faster eight at a time than one by one.
pub(crate) fn is_for(kind: Kind, n: usize) -> bool {
    let most = match kind {
        Kind::SpanningTree | Kind::Arborescence | Kind::Matching => small::VERTICES,
        Kind::BinaryTree => small::POSITIONS_OF_TREE,
        Kind::TopK | Kind::Permutation => small::POSITIONS,
        Kind::Categorical => small::POSITIONS_FOR_ONE,
    };
    n <= most && !matches!(*WIDEST, Arch::Scalar)
}

impl Group {
    /// Room for the rates of models of up to this size, in so many cells: row by row, of an arborescence head by head.
    pub(crate) fn rates(&mut self, n: usize, cells: usize) -> &mut [Lane<f64>] {
        self.n = n;
        self.rates.resize(cells, [0.0; LANES]);
        &mut self.rates
    }

    /// Makes it ready, when all rates have been written: of models of these sizes, which may have all cells, and with so many races of a list.
    pub(crate) fn prepare(
        &mut self,
        kind: Kind,
        sizes: &Lane<usize>,
        races: &Lane<usize>,
        have_all_cells: bool,
    ) {
        self.races = races.map(|races| races as u64);
        let Self { n, rates, means, numbers, are_plain, .. } = self;
        means.resize(rates.len(), [0.0; LANES]);
        super::lanes::inverse(rates.as_flattened(), means.as_flattened_mut());
        let n = *n;
        let is_matrix = matches!(kind, Kind::SpanningTree | Kind::Arborescence | Kind::Matching);
        let is_plain = kind == Kind::Arborescence && sizes.iter().all(|size| *size == n);
        if have_all_cells || !is_matrix || is_plain {
            if !std::mem::replace(are_plain, true) || numbers.len() != rates.len() {
                numbers.clear();
                numbers.extend((0..rates.len() as u64).map(|cell| [cell; LANES]));
            }
            return;
        }
        *are_plain = false;
        numbers.clear();
        if kind == Kind::Arborescence {
            let number = |head: usize, tail: usize| sizes.map(|size| (head * size + tail) as u64);
            numbers.extend((0..n).flat_map(|head| (0..n).map(move |tail| number(head, tail))));
            return;
        }
        let mut next = [0; LANES];
        numbers.extend(rates.iter().map(|rates| {
            let these = next;
            next = std::array::from_fn(|lane| next[lane] + u64::from(rates[lane] > 0.0));
            these
        }));
    }

    /// Whether models of these sizes, of which some entries are absent, are drawn so when they are alone, and can be drawn at all.
    pub(crate) fn are_drawn_so(&self, kind: Kind, sizes: &Lane<usize>) -> bool {
        let is_drawn_so = |lane: usize| match kind {
            Kind::SpanningTree => self.is_dense_and_connected(lane, sizes[lane]),
            Kind::Arborescence => self.is_dense_and_reached(lane, sizes[lane]),
            // With absent cells the sums of one alone are in another order.
            Kind::Matching => {
                self.rates.iter().filter(|rates| rates[lane] > 0.0).count() == sizes[lane] * sizes[lane]
            }
            // Absent positions are only where some may be left over.
            Kind::TopK | Kind::Categorical => {
                self.rates.iter().filter(|rates| rates[lane] > 0.0).count() as u64 >= self.races[lane]
            }
            Kind::BinaryTree | Kind::Permutation => false,
        };
        (0..LANES).all(is_drawn_so)
    }

    /// Draws in each lane the draw of this number from the streams of this item.
    pub(crate) fn draw(&mut self, kind: Kind, seed: Seed, items: &Lane<u64>, draws: &Lane<u64>) {
        WIDEST.dispatch(Draw { group: self, kind, seed, items, draws });
    }
}

struct Draw<'a> {
    group: &'a mut Group,
    kind: Kind,
    seed: Seed,
    items: &'a Lane<u64>,
    draws: &'a Lane<u64>,
}

impl WithSimd for Draw<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { group, kind, seed, items, draws } = self;
        group.weigh(first_words(seed, items, draws));
        group.run(simd, kind);
    }
}

impl Group {
    /// Runs on the weights.
    #[inline(always)]
    fn run<S: Simd>(&mut self, simd: S, kind: Kind) {
        let n = self.n;
        match kind {
            Kind::SpanningTree => self.hold_races::<S, Kruskal>(simd, n - 1),
            Kind::Arborescence => self.grow(simd),
            Kind::Matching => self.hold_races::<S, Crossing>(simd, n),
            Kind::BinaryTree => self.divide(simd),
            Kind::Categorical => self.first(simd),
            Kind::TopK | Kind::Permutation => {
                let races = self.races;
                let most = races.iter().fold(0, |most, races| most.max(*races));
                self.order(simd, &races, most as usize);
            }
        }
        self.drawn.find_log_prob(simd);
    }

    /// Draws all weights.
    #[inline(always)]
    fn weigh(&mut self, [a, b]: [Lane<u64>; 2]) {
        let Self { means, numbers, weights, keys: [first, second], .. } = self;
        let cells = means.len();
        first.resize(cells, [0; LANES]);
        second.resize(cells, [0; LANES]);
        weights.resize(cells, [0.0; LANES]);
        let (first, second) = (&mut first[..cells], &mut second[..cells]);
        for cell in 0..cells {
            for lane in 0..LANES {
                first[cell][lane] = a[lane].wrapping_add(numbers[cell][lane]);
            }
            second[cell] = b;
        }
        let (first, second) = (first.as_flattened(), second.as_flattened());
        let (means, weights) = (means.as_flattened(), weights.as_flattened_mut());
        let count = means.len().min(weights.len()).min(first.len()).min(second.len());
        let (first, second, means, weights) =
            (&first[..count], &second[..count], &means[..count], &mut weights[..count]);
        for i in 0..count {
            weights[i] = uniform(first[i], second[i]);
        }
        for i in 0..count {
            weights[i] = minus_log(weights[i]) * means[i];
        }
    }
}

impl Drawn {
    /// `log p(T)` in all lanes: as [`races::log_prob`], by which lanes go whose numbers grow too large.
    #[inline(always)]
    fn find_log_prob<S: Simd>(&mut self, simd: S) {
        let Self { rates, others, log_prob, .. } = self;
        let mut products = [0.0; LANES];
        {
            let (rates, others) =
                (S::as_simd_f64s(rates.as_flattened()).0, S::as_simd_f64s(others.as_flattened()).0);
            let parts = LANES / S::F64_LANES;
            let (zero, one) = (simd.splat_f64s(0.0), simd.splat_f64s(1.0));
            let both = |a: S::f64s, b: S::f64s| simd.add_f64s(simd.add_f64s(a, b), simd.mul_f64s(a, b));
            for (part, place) in S::as_mut_simd_f64s(&mut products).0.iter_mut().enumerate() {
                let odds = |race: usize| {
                    let Some((&rate, &others)) =
                        rates.get(race * parts + part).zip(others.get(race * parts + part))
                    else {
                        return zero;
                    };
                    // A race that is not held is as if certain.
                    let is_held = simd.greater_than_f64s(rate, zero);
                    simd.div_f64s(others, simd.select_f64s(is_held, rate, one))
                };
                let mut product = zero;
                let mut is_right = simd.equal_f64s(zero, zero);
                for four in (0..rates.len() / parts).step_by(4) {
                    let odds = [odds(four), odds(four + 1), odds(four + 2), odds(four + 3)];
                    is_right = simd.and_m64s(is_right, simd.less_than_f64s(product, simd.splat_f64s(1e200)));
                    for odds in odds {
                        is_right = simd.and_m64s(is_right, simd.less_than_f64s(odds, simd.splat_f64s(1e25)));
                    }
                    product = both(product, both(both(odds[0], odds[1]), both(odds[2], odds[3])));
                }
                *place = simd.select_f64s(is_right, product, simd.splat_f64s(f64::INFINITY));
            }
        }
        for lane in 0..LANES {
            log_prob[lane] = if products[lane] < f64::INFINITY {
                0.0 - libm::log1p(products[lane])
            } else {
                let held = |race: &usize| rates[*race][lane] > 0.0;
                let races = (0..rates.len()).take_while(held);
                races::log_prob(races.map(|race| (rates[race][lane], others[race][lane])))
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fast::lanes::levels;
    use crate::fast::stream::{Stream, stir};
    use crate::fast::{
        Algorithm, Arborescence, BinaryTree, Categorical, Fast, Matching, NONE, Outputs, Permutation,
        SpanningTree, TopK,
    };

    const ITEMS: Lane<u64> = [0, 1, 2, 3, 40, 50, 60, 70];
    const DRAWS: Lane<u64> = [0, 5, 1, 1, 0, 9, 8, 1 << 40];

    /// Models of up to this size, and the cells that they may have, in the order in which they lie in a group.
    struct Case {
        kind: Kind,
        n: usize,
        sizes: Lane<usize>,
        cells: Vec<(usize, usize)>,
        rates: Vec<Lane<f64>>,
    }

    /// Models of up to this size, all with all entries, or of several sizes with some absent, if they may be; with rates about 1, or of all
    /// sizes.
    fn case(kind: Kind, n: usize, are_alike: bool, are_wild: bool) -> Case {
        let sizes: Lane<usize> =
            std::array::from_fn(|lane| if are_alike { n } else { n - lane.min(n - 2) % 4 });
        let all = (0..n).flat_map(|u| (0..n).map(move |v| (u, v)));
        let cells: Vec<(usize, usize)> = match kind {
            Kind::SpanningTree => all.filter(|(u, v)| u < v).collect(),
            Kind::Arborescence => all.map(|(head, tail)| (tail, head)).collect(),
            Kind::Matching => all.collect(),
            _ => (0..n).map(|k| (k, k)).collect(),
        };
        let mut stream = Stream::weights(Seed::new(6), n as u64);
        let mut rate = |lane: usize, (u, v): (usize, usize)| {
            let (drawn, bits) = (stream.exponential(), stir(stream.bits()));
            let may_be = match kind {
                Kind::Arborescence => u != v && v != root(lane, sizes[lane]),
                _ => true,
            };
            let is_kept = are_alike
                || match kind {
                    Kind::SpanningTree => u + 1 == v || !bits.is_multiple_of(3),
                    Kind::Arborescence => u == root(lane, sizes[lane]) || !bits.is_multiple_of(3),
                    Kind::TopK | Kind::Categorical => u % 2 == 0 || !bits.is_multiple_of(3),
                    _ => true,
                };
            let size = if are_wild { libm::exp10((bits % 580) as f64 - 290.0) } else { 1.0 };
            if u.max(v) < sizes[lane] && may_be && is_kept { drawn * size } else { 0.0 }
        };
        let rates = cells.iter().map(|&cell| std::array::from_fn(|lane| rate(lane, cell))).collect();
        Case { kind, n, sizes, cells, rates }
    }

    fn root(lane: usize, size: usize) -> usize {
        lane * 3 % size
    }

    impl Case {
        fn group(&self) -> Group {
            let mut group = Group::default();
            group.rates(self.n, self.cells.len()).copy_from_slice(&self.rates);
            group.prepare(
                self.kind,
                &self.sizes,
                &self.races(),
                self.rates.as_flattened().iter().all(|rate| *rate > 0.0),
            );
            group
        }

        fn races(&self) -> Lane<usize> {
            match self.kind {
                Kind::TopK => std::array::from_fn(|lane| 1 + lane % (self.sizes[lane] / 2)),
                Kind::Categorical => [1; LANES],
                _ => self.sizes,
            }
        }

        /// The cell that has this number.
        fn cell(&self, number: u64) -> (usize, usize) {
            match self.kind {
                Kind::Arborescence => (number as usize / self.n, number as usize % self.n),
                _ => self.cells[number as usize],
            }
        }

        /// Structure, trace, as cells, and log-probability of a model alone: of a draw, or on these weights.
        fn alone(&self, lane: usize, weights: Option<&[Lane<f64>]>) -> ([Vec<(usize, usize)>; 2], f64) {
            let size = self.sizes[lane];
            // The cells that are entries, in the order of the entries.
            let is_entry = |cell: usize| match self.kind {
                Kind::TopK | Kind::Categorical => cell < size,
                _ => self.rates[cell][lane] > 0.0,
            };
            let mut entries: Vec<usize> = (0..self.cells.len()).filter(|&cell| is_entry(cell)).collect();
            entries.sort_by_key(|&cell| self.cells[cell]);
            let pair = |&cell: &usize| (self.cells[cell].0 as u32, self.cells[cell].1 as u32);
            let pairs: Vec<(u32, u32)> = entries.iter().map(pair).collect();
            let rates: Vec<f64> = entries.iter().map(|&cell| self.rates[cell][lane]).collect();
            let weights = weights.map(|weights| entries.iter().map(|&cell| weights[cell][lane]).collect());
            let (structure, trace, log_prob) = match self.kind {
                Kind::Matching => draw(Matching::new(size, &rates).unwrap().on_weights(), lane, weights),
                Kind::Arborescence => {
                    draw(Arborescence::new(size, root(lane, size), &pairs, &rates).unwrap(), lane, weights)
                }
                Kind::SpanningTree => {
                    draw(SpanningTree::new(size, &pairs, &rates).unwrap().on_weights(), lane, weights)
                }
                Kind::BinaryTree => draw(BinaryTree::new(&rates).unwrap().on_weights(), lane, weights),
                Kind::TopK => {
                    draw(TopK::new(&rates, self.races()[lane]).unwrap().on_weights(), lane, weights)
                }
                Kind::Permutation => draw(Permutation::new(&rates).unwrap().on_weights(), lane, weights),
                Kind::Categorical => draw(Categorical::new(&rates).unwrap().on_weights(), lane, weights),
            };
            let cells = |numbers: Vec<u32>| {
                let numbers = numbers.into_iter().filter(|number| *number != NONE);
                numbers.map(|number| self.cells[entries[number as usize]]).collect()
            };
            ([cells(structure), cells(trace)], log_prob)
        }

        /// The same in a lane of a group.
        fn in_lane(&self, group: &Group, lane: usize) -> ([Vec<(usize, usize)>; 2], f64) {
            let cells = |numbers: &[Lane<u64>]| {
                let numbers = numbers.iter().map(|numbers| numbers[lane]).filter(|number| *number != NOBODY);
                numbers.map(|number| self.cell(number)).collect::<Vec<_>>()
            };
            let members = group.drawn.members(self.kind);
            let structure = match self.kind {
                // As it is written: the parent, and nobody at the root.
                Kind::BinaryTree => {
                    let all = members[..self.sizes[lane]].iter().map(|members| members[lane]);
                    all.filter(|code| *code != NOBODY).map(|code| self.cell(code / 2)).collect()
                }
                Kind::Permutation => cells(members),
                _ => {
                    let mut set = cells(members);
                    set.sort_unstable();
                    set
                }
            };
            ([structure, cells(&group.drawn.winners)], group.drawn.log_prob[lane])
        }
    }

    fn draw<A: Algorithm>(algorithm: A, lane: usize, weights: Option<Vec<f64>>) -> (Vec<u32>, Vec<u32>, f64) {
        let (mut trace, mut log_prob) = (vec![NONE; algorithm.trace_len()], [0.0]);
        let mut structure = vec![NONE; algorithm.structure_len()];
        let fast = Fast::with_keys(algorithm, Seed::new(3).of_item(ITEMS[lane]));
        let outputs = Outputs {
            structure: Some(&mut structure),
            trace: Some(&mut trace),
            log_prob: Some(&mut log_prob),
            ..Outputs::default()
        };
        match weights {
            Some(weights) => fast.run(&weights, &[], outputs).unwrap(),
            None => fast.fill(DRAWS[lane], 1, outputs),
        }
        (structure, trace, log_prob[0])
    }

    /// Models of every structure and size, alike and not, and with rates of all sizes.
    fn cases() -> impl Iterator<Item = Case> {
        Kind::ALL.into_iter().flat_map(|kind| {
            let most = match kind {
                Kind::TopK => small::POSITIONS,
                Kind::Categorical => small::POSITIONS_FOR_ONE,
                Kind::BinaryTree => small::POSITIONS_OF_TREE,
                _ => small::VERTICES,
            };
            (2..=most).flat_map(move |n| {
                [(true, false), (false, false), (true, true)]
                    .map(|(are_alike, are_wild)| case(kind, n, are_alike, are_wild))
            })
        })
    }

    #[test]
    fn eight_are_drawn_as_each_alone_at_all_levels() {
        for case in cases() {
            let (kind, n) = (case.kind, case.n);
            let groups: Vec<Group> = levels()
                .into_iter()
                .map(|level| {
                    let mut group = case.group();
                    let may_lack_entries = !matches!(kind, Kind::BinaryTree | Kind::Permutation);
                    assert_eq!(group.are_drawn_so(kind, &case.sizes), may_lack_entries, "{kind:?} {n}");
                    let seed = Seed::new(3);
                    level.dispatch(Draw { group: &mut group, kind, seed, items: &ITEMS, draws: &DRAWS });
                    group
                })
                .collect();
            for (lane, group) in (0..LANES).flat_map(|lane| groups.iter().map(move |group| (lane, group))) {
                assert_eq!(case.in_lane(group, lane), case.alone(lane, None), "{kind:?} {n}, lane {lane}");
            }
        }
    }

    /// On given weights.
    struct Run<'a>(&'a mut Group, Kind);

    impl WithSimd for Run<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            self.0.run(simd, self.1);
        }
    }

    /// Few different weights, so that most are tied, also after some have been subtracted.
    #[test]
    fn ties_are_broken_as_they_are_alone() {
        let mut stream = Stream::weights(Seed::new(7), 0);
        for case in cases() {
            let (kind, n) = (case.kind, case.n);
            let mut weight =
                |rate: f64| if rate > 0.0 { (stir(stream.bits()) % 4) as f64 } else { f64::INFINITY };
            let weights: Vec<Lane<f64>> = case.rates.iter().map(|rates| rates.map(&mut weight)).collect();
            for level in levels() {
                let mut group = case.group();
                group.weights.clone_from(&weights);
                level.dispatch(Run(&mut group, kind));
                for lane in 0..LANES {
                    let want = case.alone(lane, Some(&weights));
                    assert_eq!(case.in_lane(&group, lane), want, "{kind:?} {n}, lane {lane}");
                }
            }
        }
    }
}
