//! Small items, eight at a time.

use std::ops::Range;

use gumbel_oracle::kind::Kind;
use ndarray::{ArrayView3, ArrayViewD, ArrayViewMut3, Axis, Ix3};

use super::items::is_matrix;
use super::outputs::Outputs;
use super::{Float, Items};
use crate::fast::NONE;
use crate::fast::lockstep::{self, Group, NOBODY};
use crate::fast::stream::{LANES, Lane, Seed};

/// Fewer draws are made faster one by one.
const FEW: usize = 3;

/// Eight items that are made ready, or one item eight times.
#[derive(Debug, Clone, Default)]
pub(super) struct Together {
    kind: Option<Kind>,
    /// The length of the longest, and the size of the array.
    n: usize,
    size: usize,
    /// The cells that may have an entry, row by row, and what of each row they are.
    cells: Vec<Cell>,
    rows: Vec<Range<usize>>,
    /// Where each cell is in the group.
    places: Vec<u32>,
    /// Whether all lanes have the same item.
    is_one: bool,
    group: Group,
}

/// A cell of the matrix, or of the list, which is its only row.
#[derive(Debug, Clone, Copy)]
struct Cell {
    u: usize,
    v: usize,
    /// As it is called in the outputs.
    number: u32,
}

/// Whether draws of items are made so: if they are small, and nothing is asked for but what follows from the winners.
pub(super) fn is_for<T: Float>(
    items: &Items<'_, T>,
    length: usize,
    outputs: &Outputs<'_, T>,
    draws: usize,
) -> bool {
    let is_of_winners = outputs.loss.is_none()
        && outputs.score.is_none()
        && outputs.exponentials.is_none()
        && outputs.conditional.is_none();
    is_of_winners && draws >= FEW && !items.by_races && lockstep::is_for(items.kind, length)
}

impl Together {
    /// Reads an item for each lane, the first for those beyond the last. False if one of them is wrong, or is drawn in another way when it is
    /// alone.
    pub(super) fn read<T: Float>(&mut self, items: &Items<'_, T>, these: Range<usize>) -> bool {
        let in_lane =
            |lane: usize| Some(these.start + lane).filter(|item| these.contains(item)).unwrap_or(these.start);
        let of: Lane<usize> = std::array::from_fn(in_lane);
        self.is_one = these.len() == 1;
        let lengths = of.map(|item| items.length(item));
        let n = lengths.into_iter().max().unwrap_or(0);
        self.list_cells(items.kind, n, items.size());
        let absent = items.scale.absent();
        let values = self.group.rates(n, self.cells.len());
        let all = items.parameters.as_slice().filter(|_| items.mask.is_none());
        let view = match (all, &items.mask) {
            (Some(_), _) => None,
            (None, None) => rows(items.parameters.view()).map(|values| (values, None)),
            (None, Some(mask)) => rows(items.parameters.view()).zip(rows(mask.view()).map(Some)),
        };
        let of_item = items.parameters.len() / items.items();
        // Cells that no model of such a length has.
        let mut beyond = 0;
        for lane in 0..LANES {
            let (item, length, root) = (of[lane], lengths[lane], items.root(of[lane]));
            let is_arborescence = items.kind == Kind::Arborescence;
            if is_arborescence && root >= length {
                return false;
            }
            match (all, &view) {
                (Some(all), _) if length == n => {
                    let own = &all[item * of_item..][..of_item];
                    let mut places = self.places.iter();
                    for row in &self.rows {
                        for (value, &place) in own[row.clone()].iter().zip(&mut places) {
                            values[place as usize][lane] = value.to_f64();
                        }
                    }
                }
                (Some(_), _) | (None, Some(_)) => {
                    for (cell, &place) in self.cells.iter().zip(&self.places) {
                        let is_in = cell.u.max(cell.v) < length;
                        beyond += usize::from(!is_in);
                        values[place as usize][lane] = match (all, &view) {
                            _ if !is_in => absent,
                            (Some(all), _) => all[item * of_item + cell.u * self.size + cell.v].to_f64(),
                            (_, Some((_, Some(mask)))) if !mask[[item, cell.u, cell.v]] => absent,
                            (_, Some((all, _))) => all[[item, cell.u, cell.v]].to_f64(),
                            _ => absent,
                        };
                    }
                }
                (None, None) => return false,
            }
            if is_arborescence {
                // Head by head: no arc enters the root, or joins a vertex to itself.
                for vertex in 0..length {
                    values[vertex * n + vertex][lane] = absent;
                    values[root * n + vertex][lane] = absent;
                }
                beyond += 2 * length - 1;
            }
        }
        let races = of.map(|item| items.races(item));
        let can_be_held = |lane: usize| races[lane] > 0 && races[lane] <= lengths[lane];
        if !is_matrix(items.kind) && !(0..LANES).all(can_be_held) {
            return false;
        }
        let Some(missing) = items.scale.make_all_rates(values.as_flattened_mut()) else { return false };
        self.group.prepare(items.kind, &lengths, &races, missing == 0);
        missing == beyond || self.group.are_drawn_so(items.kind, &lengths)
    }

    /// Writes so many draws of each of so many items: of those that have been read, or of one that all are like.
    pub(super) fn write<T: Float>(
        &mut self,
        seed: Seed,
        first: (u64, u64),
        (items, draws): (usize, usize),
        outputs: &mut Outputs<'_, T>,
    ) {
        if self.is_one {
            let all = (0..items).flat_map(|item| (0..draws).map(move |draw| (item, draw)));
            let mut lanes = all.peekable();
            while lanes.peek().is_some() {
                let some: Vec<_> = lanes.by_ref().take(LANES).collect();
                self.draw(seed, first, &some, outputs);
            }
            return;
        }
        for draw in 0..draws {
            let mut lanes = [(0, draw); LANES];
            (0..).zip(&mut lanes[..items]).for_each(|(item, lane)| lane.0 = item);
            self.draw(seed, first, &lanes[..items], outputs);
        }
    }

    /// Makes a draw in each lane, and writes it: of which item, and which number, counted from the first.
    fn draw<T: Float>(
        &mut self,
        seed: Seed,
        first: (u64, u64),
        places: &[(usize, usize)],
        outputs: &mut Outputs<'_, T>,
    ) {
        let Some(kind) = self.kind else { return };
        let place = |lane: usize| places.get(lane).or(places.first()).copied().unwrap_or_default();
        let items = std::array::from_fn(|lane| first.0.wrapping_add(place(lane).0 as u64));
        let draws = std::array::from_fn(|lane| first.1.wrapping_add(place(lane).1 as u64));
        self.group.draw(kind, seed, &items, &draws);
        let drawn = &self.group.drawn;
        let members = drawn.members(kind);
        let number = |cell: u64| self.cells.get(cell as usize).map_or(NONE, |cell| cell.number);
        let of =
            |list: &[Lane<u64>], place: usize, lane: usize| list.get(place).map_or(NOBODY, |of| of[lane]);
        if let Some(structure) = &mut outputs.structure {
            match kind {
                // In order.
                Kind::Permutation => write(structure, places, |lane, place| number(of(members, place, lane))),
                Kind::BinaryTree => {
                    write(structure, places, |lane, place| number(of(members, place, lane) >> 1))
                }
                _ => {
                    let sorted: Lane<_> = std::array::from_fn(|lane| self.sorted(members, lane));
                    write(structure, places, |lane, place| sorted[lane].get(place).copied().unwrap_or(NONE));
                }
            }
        }
        if let Some(trace) = &mut outputs.trace {
            write(trace, places, |lane, place| number(of(&drawn.winners, place, lane)));
        }
        if let Some(log_prob) = &mut outputs.log_prob {
            for (&place, &value) in places.iter().zip(&drawn.log_prob) {
                log_prob[place] = T::nearest(value);
            }
        }
    }

    /// What members are called, in increasing order, filled up with [`NONE`].
    fn sorted(&self, members: &[Lane<u64>], lane: usize) -> [u32; lockstep::MOST_MEMBERS] {
        let mut sorted = [NONE; lockstep::MOST_MEMBERS];
        let mut places = sorted.iter_mut();
        for word in 0..self.cells.len().div_ceil(64) {
            // The members among 64 cells, as bits.
            let bit = |member: u64| if member / 64 == word as u64 { 1 << (member % 64) } else { 0 };
            let mut set: u64 = members.iter().fold(0, |set, members| set | bit(members[lane]));
            let some = &self.cells[64 * word..];
            while set != 0 {
                let cell = some.get(set.trailing_zeros() as usize);
                if let Some((place, cell)) = places.next().zip(cell) {
                    *place = cell.number;
                }
                set &= set - 1;
            }
        }
        sorted
    }

    fn list_cells(&mut self, kind: Kind, n: usize, size: usize) {
        if (self.kind, self.n, self.size) == (Some(kind), n, size) {
            return;
        }
        (self.kind, self.n, self.size) = (Some(kind), n, size);
        self.cells.clear();
        self.rows.clear();
        self.places.clear();
        let row = |u: usize| match kind {
            Kind::SpanningTree => u + 1..n,
            _ => 0..n,
        };
        for u in 0..if is_matrix(kind) { n } else { n.min(1) } {
            self.cells.extend(row(u).map(|v| Cell { u, v, number: (u * size + v) as u32 }));
            self.rows.push(u * size + row(u).start..u * size + row(u).end);
        }
        // Arcs lie in the group head by head.
        let place = |(number, cell): (u32, &Cell)| match kind {
            Kind::Arborescence => (cell.v * n + cell.u) as u32,
            _ => number,
        };
        self.places.extend((0..).zip(&self.cells).map(place));
    }
}

/// Matrices, or lists as matrices of one row.
fn rows<T>(array: ArrayViewD<'_, T>) -> Option<ArrayView3<'_, T>> {
    let array = if array.ndim() == 2 { array.insert_axis(Axis(1)) } else { array };
    array.into_dimensionality::<Ix3>().ok()
}

/// Writes a row for each lane, of which item and which draw, from the number at each place of it.
#[inline]
fn write(rows: &mut ArrayViewMut3<'_, u32>, of: &[(usize, usize)], number: impl Fn(usize, usize) -> u32) {
    let (_, draws, length) = rows.dim();
    let Some(flat) = rows.as_slice_mut() else {
        for (lane, &(item, draw)) in of.iter().enumerate() {
            (0..length).for_each(|place| rows[[item, draw, place]] = number(lane, place));
        }
        return;
    };
    for (lane, &(item, draw)) in of.iter().enumerate() {
        let row = &mut flat[(item * draws + draw) * length..][..length];
        row.iter_mut().enumerate().for_each(|(place, written)| *written = number(lane, place));
    }
}
