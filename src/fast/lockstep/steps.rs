//! Greedy choice: the lightest cell wins, and closes others.

use pulp::Simd;

use super::{Aligned, Group, NOBODY};
use crate::fast::small::VERTICES;
use crate::fast::stream::LANES;

/// What a cell is closed by.
pub(super) trait Closing {
    /// The first column of a row that has a cell.
    fn first(row: usize) -> usize;

    /// Whether a cell is closed, from what its row and its column are called.
    fn is_closed<S: Simd>(simd: S, row: S::u64s, column: S::u64s) -> S::m64s;

    /// Calls rows and columns anew after a race, of which the winner's are given.
    fn close<S: Simd>(simd: S, winners: [S::u64s; 2], rows: &mut [S::u64s], columns: &mut [S::u64s]);
}

impl Group {
    /// Holds races on the weights, until as many have been held as may be.
    ///
    /// In each step a look at all cells tells which of them no longer race, and which is the lightest of those that do. What leaves after a
    /// race is added up row by row, and then the rows.
    #[inline(always)]
    pub(super) fn hold_races<S: Simd, C: Closing>(&mut self, simd: S, races: usize) {
        let Self { n, rates, weights, left, drawn, .. } = self;
        drawn.fit(races);
        left.clone_from(rates);
        let parts = LANES / S::F64_LANES;
        let weights = S::as_simd_f64s(weights.as_flattened()).0;
        let left = S::as_mut_simd_f64s(left.as_flattened_mut()).0;
        let winners = S::as_mut_simd_u64s(drawn.winners.as_flattened_mut()).0;
        let rates = S::as_mut_simd_f64s(drawn.rates.as_flattened_mut()).0;
        let others = S::as_mut_simd_f64s(drawn.others.as_flattened_mut()).0;
        let zero = simd.splat_f64s(0.0);
        for part in 0..parts {
            let names: [S::u64s; VERTICES] = std::array::from_fn(|row| simd.splat_u64s(row as u64));
            let (mut rows, mut columns) = (Aligned(names), Aligned(names));
            let (rows, columns) = (&mut rows.0[..*n], &mut columns.0[..*n]);
            let mut before = simd.splat_u64s(NOBODY);
            for number in 0..=races {
                let names = (&*rows, &*columns);
                let race = match number {
                    0 if races > 0 => step::<S, C, true, false>(simd, part, before, names, left, weights),
                    _ if number < races => {
                        step::<S, C, false, false>(simd, part, before, names, left, weights)
                    }
                    _ => step::<S, C, false, true>(simd, part, before, names, left, weights),
                };
                C::close(simd, race.names, rows, columns);
                before = race.winner;
                if number > 0 {
                    others[(number - 1) * parts + part] = race.leaves;
                }
                if number < races {
                    winners[number * parts + part] = race.winner;
                    rates[number * parts + part] = race.rate;
                }
            }
            // From the last race back, what goes on from a race to those before it.
            let mut total = zero;
            for race in (0..races).rev() {
                let others = &mut others[race * parts + part];
                *others = simd.add_f64s(*others, total);
                total = simd.add_f64s(*others, rates[race * parts + part]);
            }
        }
    }
}

/// What a step finds.
struct Race<S: Simd> {
    /// Who wins, what its row and its column are called, and its rate.
    winner: S::u64s,
    names: [S::u64s; 2],
    rate: S::f64s,
    /// The rates of those who do not race, as they left after the race before, which they did not win.
    leaves: S::f64s,
}

/// Holds the next race. Before the `FIRST` nothing has left, after the `LAST` nothing races.
#[inline(always)]
fn step<S: Simd, C: Closing, const FIRST: bool, const LAST: bool>(
    simd: S,
    part: usize,
    before: S::u64s,
    (rows, columns): (&[S::u64s], &[S::u64s]),
    mut left: &mut [S::f64s],
    mut weights: &[S::f64s],
) -> Race<S> {
    let parts = LANES / S::F64_LANES;
    let (zero, infinity) = (simd.splat_f64s(0.0), simd.splat_f64s(f64::INFINITY));
    let (one, nobody) = (simd.splat_u64s(1), simd.splat_u64s(NOBODY));
    let [mut winner, mut from, mut to] = [nobody; 3];
    let (mut lightest, mut rate_of_winner, mut leaves) = (infinity, zero, zero);
    let mut here = simd.splat_u64s(0);
    for (u, &row) in rows.iter().enumerate() {
        let columns = &columns[C::first(u)..];
        let (left_of_row, weights_of_row);
        (left_of_row, left) = left.split_at_mut(columns.len() * parts);
        (weights_of_row, weights) = weights.split_at(columns.len() * parts);
        let (mut leaves_of_row, lightest_before) = (zero, lightest);
        let cells = left_of_row.chunks_exact_mut(parts).zip(weights_of_row.chunks_exact(parts));
        for (&column, (left, weights)) in columns.iter().zip(cells) {
            let (rate, mut weight) = (left[part], weights[part]);
            if !FIRST {
                let is_closed = C::is_closed(simd, row, column);
                let has_won = simd.equal_u64s(here, before);
                let goes = simd.and_m64s(is_closed, simd.not_m64s(has_won));
                leaves_of_row = simd.select_f64s(goes, simd.add_f64s(leaves_of_row, rate), leaves_of_row);
                left[part] = simd.select_f64s(is_closed, zero, rate);
                weight = simd.select_f64s(is_closed, infinity, weight);
            }
            if !LAST {
                let is_lighter = simd.less_than_f64s(weight, lightest); // of equals the first stays
                lightest = simd.min_f64s(weight, lightest);
                winner = simd.select_u64s(is_lighter, here, winner);
                rate_of_winner = simd.select_f64s(is_lighter, rate, rate_of_winner);
                to = simd.select_u64s(is_lighter, column, to);
            }
            here = simd.add_u64s(here, one);
        }
        leaves = simd.add_f64s(leaves, leaves_of_row);
        from = simd.select_u64s(simd.less_than_f64s(lightest, lightest_before), row, from);
    }
    Race { winner, names: [from, to], rate: rate_of_winner, leaves }
}
