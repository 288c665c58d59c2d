//! Greedy 'crossing' matchings: draws race by race, runs by row minima.
//!
//! # Notation
//! Entry `k` is the `k`-th present cell, row by row. A draw: a row that is left is drawn in proportion to its total rate, and a cell of it
//! in proportion to its rate; both again if its column is taken. A run on given weights: for each row that is left the lightest cell is
//! kept of those whose columns were left when it was looked for. The lightest of these is looked at: if its column has gone, the row looks
//! again; if not, it wins, since no cell that is left is lighter. A draw [on weights](Matching::on_weights): all weights are drawn at once,
//! and the algorithm is run on them.
//!
//! # Law
//! *Draws.* As for spanning trees: a cell drawn out of all in rows that are left, given that it races, is a winner, whatever happened
//! before. For rates alike there are about `n log n` tries. After `16 n` that failed fresh weights are drawn for all cells that are left,
//! and row minima finish. Rows that are taken are drawn too, and passed over, until as many have been as there were rows; then what draws
//! rows is made anew of those that are left. The weights, if they are asked for, are drawn last, given the trace.
//!
//! *Totals.* A cell races until its row or its column is taken: its last race is the earlier of the two. So the sum of rates that leave
//! after the race of row `i` and column `j` is taken over the cells of row `i` whose columns are taken later, and of column `j` whose rows are.
//!
//! # Cost
//! A draw: O(n log n) on average over rates alike. By row minima a row looks again about once on average when rates are alike, at O(n) each;
//! at worst, with all rates piled on a few columns, n times, O(n³) in all. What follows from the trace: O(n²).

use super::alias::{Alias, TRIES};
use super::lanes;
use super::races::{Races, later, least, select};
use super::small::VERTICES;
use super::stream::Stream;
use super::{Algorithm, Drawn, InputError, NONE, Times, Weights, check_rates};

/// Greedy matchings of a matrix with fixed rates.
#[derive(Debug, Clone)]
pub struct Matching {
    /// The rates of present cells, row by row, their means, and their columns.
    rates: Vec<f64>,
    means: Vec<f64>,
    columns: Vec<u32>,
    /// Where each row starts, and where the last one ends.
    starts: Vec<usize>,
    /// The total rate of each row, and how its cells are drawn; none if draws are made on weights.
    totals: Vec<f64>,
    aliases: Vec<Alias>,
}

impl Matching {
    /// Matchings of an n×n matrix of rates, row by row; cells of rate 0 are absent, and are no entries.
    ///
    /// # Errors
    /// [`InputError`]: a rate that is none, not n² rates, or absent cells where the greedy choice could get stuck: rows that share a
    /// column must share all, and there must be as many of them as columns.
    pub fn new(n: usize, rates: &[f64]) -> Result<Self, InputError> {
        if n == 0 || n.saturating_mul(n) >= NONE as usize {
            return Err(InputError::Size { below: "2³²", what: "cells", found: n.saturating_mul(n) });
        }
        if rates.len() != n * n {
            return Err(InputError::Length { entries: n * n, found: rates.len() });
        }
        check_rates(rates)?;
        can_get_stuck(n, rates)?;
        let mut matching = Self::made(n, rates);
        let alias = |row| Alias::new(&matching.rates[matching.row(row)]);
        matching.aliases = (0..n).map(alias).collect();
        Ok(matching)
    }

    /// As [`new`](Self::new), [on weights](Self::on_weights), of n² rates that are each 0 or positive.
    pub(crate) fn lean(n: usize, rates: &[f64]) -> Result<Self, InputError> {
        if rates.contains(&0.0) {
            can_get_stuck(n, rates)?;
        }
        Ok(Self::made(n, rates))
    }

    /// The same, but each draw is a run on weights. Such a sampler is ready in less time; its draws are others.
    #[must_use]
    pub fn on_weights(mut self) -> Self {
        self.aliases.clear();
        self
    }

    fn made(n: usize, rates: &[f64]) -> Self {
        let mut matching = Self {
            rates: Vec::with_capacity(rates.len()),
            means: Vec::with_capacity(rates.len()),
            columns: Vec::with_capacity(rates.len()),
            starts: vec![0],
            totals: rates.chunks(n).map(|row| row.iter().sum()).collect(),
            aliases: Vec::new(),
        };
        for row in rates.chunks(n) {
            for (column, &rate) in (0..).zip(row).filter(|(_, rate)| **rate > 0.0) {
                matching.rates.push(rate);
                matching.means.push(rate.recip());
                matching.columns.push(column);
            }
            matching.starts.push(matching.rates.len());
        }
        matching
    }

    fn size(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether no cell is absent.
    fn is_full(&self) -> bool {
        self.rates.len() == self.size() * self.size()
    }

    /// Whether it is [on weights](Self::on_weights), and of an n×n matrix without absent cells.
    pub(crate) fn can_be_refilled(&self, n: usize) -> bool {
        self.size() == n && self.is_full() && self.aliases.is_empty()
    }

    /// Gives one that [can be refilled](Self::can_be_refilled) as many other rates, which are positive, and takes back those it had.
    pub(crate) fn refill(&mut self, rates: &mut Vec<f64>) {
        std::mem::swap(&mut self.rates, rates);
        lanes::means(&self.rates, &mut self.means);
        self.totals.clear(); // only those who draw by rows need them
    }

    /// What leaves after each race, by one sum for each row, and then over rows: the order in which [`super::lockstep`] takes it.
    fn sums_by_rows(&self, races: &mut Races, rows: &[u32], columns: &[u32]) {
        for (rates, &row) in self.rates.chunks(self.size()).zip(rows) {
            let mut sums = [0.0; VERTICES];
            for (&rate, &column) in rates.iter().zip(columns) {
                // Which wins goes on.
                sums[row.min(column) as usize % VERTICES] += if row == column { 0.0 } else { rate };
            }
            races.others.iter_mut().zip(sums).for_each(|(others, sum)| *others += sum);
        }
    }

    fn row(&self, row: usize) -> std::ops::Range<usize> {
        self.starts[row]..self.starts[row + 1]
    }
}

/// Rows that share a column share all, and there are as many of them as columns.
fn can_get_stuck(n: usize, rates: &[f64]) -> Result<(), InputError> {
    let present = |row: usize| rates[row * n..(row + 1) * n].iter().map(|&rate| rate > 0.0);
    // The first row of each column, and how many rows are like it.
    let mut first: Vec<Option<usize>> = vec![None; n];
    let mut like = vec![0; n];
    for row in 0..n {
        let mine = (0..n).zip(present(row)).filter(|of| of.1).map(|of| of.0);
        let Some(column) = mine.clone().next() else { return Err(InputError::Stuck { row, other: row }) };
        let leader = *first[column].get_or_insert(row);
        like[leader] += 1;
        for column in mine {
            let other = *first[column].get_or_insert(leader);
            if other != leader {
                return Err(InputError::Stuck { row, other });
            }
        }
        if !present(row).eq(present(leader)) {
            return Err(InputError::Stuck { row, other: leader });
        }
    }
    match (0..n).find(|&row| like[row] > 0 && like[row] != present(row).filter(|of| *of).count()) {
        Some(row) => Err(InputError::Stuck { row, other: row }),
        None => Ok(()),
    }
}

/// The working memory of a run.
#[derive(Debug, Default)]
pub struct Scratch {
    races: Races,
    weights: Vec<f64>,
    /// For each row its lightest cell and the weight of it; infinite when the row is taken.
    lightest: Vec<f64>,
    cells: Vec<u32>,
    /// The race by which each row and each column is taken.
    rows: Vec<u32>,
    columns: Vec<u32>,
    /// Columns' values: sums of rates, or of what is summed over races.
    by_column: Vec<f64>,
    left_columns: Vec<f64>,
    closed: Vec<f64>,
    taken: Vec<(u32, u32)>,
    left: Left,
}

impl Scratch {
    /// No race has been held.
    fn start(&mut self, n: usize) {
        self.races.winners.clear();
        for list in [&mut self.rows, &mut self.columns] {
            list.clear();
            list.resize(n, NONE); // taken by no race yet
        }
    }
}

/// Rows drawn by their totals, of which some may have been taken.
#[derive(Debug, Default)]
struct Left {
    rows: Alias,
    /// How many that have been taken were drawn.
    taken: usize,
}

impl Left {
    fn reset(&mut self, totals: &[f64], taken: &[u32]) {
        let left = (0..).zip(totals.iter().copied()).zip(taken).filter(|(_, taken)| **taken == NONE);
        self.rows.set(left.map(|(row, _)| row));
        self.taken = 0;
    }

    /// Draws a row that is left.
    #[inline]
    fn draw(&mut self, totals: &[f64], taken: &[u32], stream: &mut Stream) -> usize {
        loop {
            let row = self.rows.draw(stream) as usize;
            if taken[row] == NONE {
                return row;
            }
            self.taken += 1;
            if self.taken > self.rows.len() {
                self.reset(totals, taken); // cheaper than to go on
            }
        }
    }
}

impl Algorithm for Matching {
    type Scratch = Scratch;

    fn rates(&self) -> &[f64] {
        &self.rates
    }

    fn structure_len(&self) -> usize {
        self.size()
    }

    fn trace_len(&self) -> usize {
        self.size()
    }

    fn draw(&self, stream: Stream, scratch: &mut Scratch) -> Option<Stream> {
        if self.aliases.is_empty() {
            return None;
        }
        let mut stream = stream; // in registers, not where the caller has it
        let n = self.size();
        scratch.start(n);
        let Scratch { races, rows, columns, left, .. } = &mut *scratch;
        left.reset(&self.totals, rows);
        let mut tries = TRIES * n;
        while races.winners.len() < n {
            let row = left.draw(&self.totals, rows, &mut stream);
            let cell = self.starts[row] + self.aliases[row].draw(&mut stream) as usize;
            let column = self.columns[cell] as usize;
            if columns[column] == NONE {
                let race = races.winners.len() as u32;
                (rows[row], columns[column]) = (race, race);
                races.winners.push(cell as u32);
            } else if tries == 0 {
                let Drawn(stream) = self.go_on(Drawn(stream), scratch);
                return Some(stream);
            } else {
                tries -= 1;
            }
        }
        Some(stream)
    }

    fn draw_all(&self, stream: &Stream, weights: Option<&mut [f64]>, scratch: &mut Scratch) -> bool {
        if !self.aliases.is_empty() {
            return false;
        }
        scratch.start(self.size());
        lanes::weights_at_once(stream, &self.means, &mut scratch.weights, weights);
        self.hold(scratch);
        true
    }

    fn run(&self, weights: impl Weights, scratch: &mut Scratch) {
        scratch.start(self.size());
        self.go_on(weights, scratch);
    }

    fn winners<'s>(&self, scratch: &'s Scratch) -> &'s [u32] {
        &scratch.races.winners
    }

    fn structure(&self, scratch: &mut Scratch, structure: &mut [u32]) {
        for (place, &race) in structure.iter_mut().zip(&scratch.rows) {
            *place = scratch.races.winners[race as usize];
        }
    }

    fn loss(&self, scratch: &mut Scratch) -> i64 {
        let on_diagonal = scratch.rows.iter().zip(&scratch.columns).filter(|(row, column)| row == column);
        -(on_diagonal.count() as i64)
    }

    fn totals(&self, scratch: &mut Scratch) {
        let Scratch { races, rows, columns, by_column, left_columns, .. } = scratch;
        let n = self.size();
        races.others.clear();
        races.others.resize(n, 0.0);
        if self.is_full() && n <= VERTICES && self.aliases.is_empty() {
            self.sums_by_rows(races, rows, columns);
            return races.accumulate(&self.rates);
        }
        if self.is_full() {
            let (rates, others) = (&self.rates[..], &mut races.others[..]);
            lanes::Crossed { rates, rows, columns, sums: by_column, left: left_columns, others }.run();
            return races.accumulate(rates);
        }
        by_column.clear();
        by_column.resize(n, 0.0);
        for (row, &taken) in rows.iter().enumerate() {
            let mut later = 0.0;
            for (&rate, &column) in self.rates[self.row(row)].iter().zip(&self.columns[self.row(row)]) {
                let column = column as usize;
                later += if columns[column] > taken { rate } else { 0.0 };
                by_column[column] += if columns[column] < taken { rate } else { 0.0 };
            }
            races.others[taken as usize] += later;
        }
        for (&taken, &sum) in columns.iter().zip(&*by_column) {
            races.others[taken as usize] += sum;
        }
        races.accumulate(&self.rates);
    }

    fn log_prob(&self, scratch: &Scratch) -> f64 {
        scratch.races.log_prob(&self.rates)
    }

    fn score(&self, scratch: &mut Scratch, score: &mut [f64]) {
        scratch.races.sum_means();
        self.write(scratch, score, |sum, entry| self.rates[entry] * sum);
        scratch.races.winners.iter().for_each(|&winner| score[winner as usize] -= 1.0);
    }

    fn conditional(&self, scratch: &mut Scratch, mut times: impl Times, weights: &mut [f64]) {
        scratch.races.sum_times(&mut times);
        self.write(scratch, weights, |sum, entry| later(sum, times.of(entry as u32) * self.means[entry]));
        let Races { winners, sums, .. } = &scratch.races;
        winners.iter().zip(sums).for_each(|(&winner, &sum)| weights[winner as usize] = sum);
    }
}

impl Matching {
    /// Holds the races that have not been held, on weights of the cells that are left; returns what weights come from.
    #[inline]
    fn go_on<W: Weights>(&self, weights_of: W, scratch: &mut Scratch) -> W {
        let mut weights_of = weights_of; // in registers, not where the caller has it
        let Scratch { weights, rows, columns, .. } = &mut *scratch;
        weights.clear();
        for (row, &taken) in rows.iter().enumerate() {
            let range = self.row(row);
            let row = (range.start as u32..).zip(&self.means[range.clone()]).zip(&self.columns[range]);
            weights.extend(row.map(|((entry, &mean), &column)| match (taken, columns[column as usize]) {
                (NONE, NONE) => weights_of.of(|| entry, mean),
                _ => f64::INFINITY,
            }));
        }
        self.hold(scratch);
        weights_of
    }

    /// Holds the races that have not been held, on the weights that have been drawn.
    fn hold(&self, scratch: &mut Scratch) {
        let Scratch { races, weights, lightest, cells, rows, columns, closed, taken, .. } = scratch;
        let n = self.size();
        if self.is_full() && races.winners.is_empty() {
            taken.resize(n, (0, 0));
            lanes::Greedy { weights, lightest, columns: cells, closed, taken }.run();
            for (race, &(row, column)) in (0..).zip(&*taken) {
                (rows[row as usize], columns[column as usize]) = (race, race);
                races.winners.push(row * n as u32 + column);
            }
            return;
        }
        lightest.clear();
        cells.clear();
        for row in 0..n {
            let range = self.row(row);
            let best = least(&weights[range.clone()]);
            let first = weights[range.clone()].iter().position(|weight| *weight == best);
            lightest.push(best);
            cells.push((range.start + first.unwrap_or_default()) as u32);
        }
        // The lightest cell of a row whose column is left.
        let look = |row: usize, columns: &[u32]| {
            let (mut best, mut cell) = (f64::INFINITY, NONE);
            let range = self.row(row);
            let row = (range.start as u32..).zip(&weights[range.clone()]).zip(&self.columns[range]);
            for ((entry, &weight), &column) in row {
                // NaN if the column is taken: not less than anything.
                let taken = u64::from(columns[column as usize] != NONE).wrapping_neg();
                let weight = f64::from_bits(weight.to_bits() | taken);
                cell = select(weight < best, entry, cell);
                best = if weight < best { weight } else { best };
            }
            (best, cell)
        };
        while races.winners.len() < n {
            // Among equally light cells the first: rows in order, and each row's first.
            let least = least(lightest);
            let row = lightest.iter().position(|weight| *weight == least).unwrap_or_default();
            let column = self.columns[cells[row] as usize] as usize;
            if columns[column] == NONE {
                let race = races.winners.len() as u32;
                (rows[row], columns[column]) = (race, race);
                lightest[row] = f64::INFINITY;
                races.winners.push(cells[row]);
            } else {
                (lightest[row], cells[row]) = look(row, columns);
            }
        }
    }

    /// Writes a value for each cell, from the sum at its last race.
    fn write(&self, scratch: &mut Scratch, values: &mut [f64], mut value: impl FnMut(f64, usize) -> f64) {
        let Scratch { races, rows, columns, by_column, .. } = scratch;
        by_column.clear();
        by_column.extend(columns.iter().map(|&taken| races.sums[taken as usize]));
        for (row, &taken) in rows.iter().enumerate() {
            let sum = races.sums[taken as usize];
            let range = self.row(row);
            let cells = range.clone().zip(&mut values[range.clone()]).zip(&self.columns[range]);
            for ((entry, place), &column) in cells {
                // Sums grow from race to race: that of the earlier is the smaller.
                *place = value(sum.min(by_column[column as usize]), entry);
            }
        }
    }
}
