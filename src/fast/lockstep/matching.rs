//! Matchings.

use pulp::Simd;

use super::steps::Closing;

/// The lightest cell that is left wins its row and its column: these are called by their number, and those that are taken [`TAKEN`].
pub(super) struct Crossing;

/// Larger than all numbers, and not what somebody is called who does not win.
const TAKEN: u64 = u64::MAX - 1;

impl Closing for Crossing {
    #[inline(always)]
    fn first(_: usize) -> usize {
        0
    }

    #[inline(always)]
    fn is_closed<S: Simd>(simd: S, row: S::u64s, column: S::u64s) -> S::m64s {
        let taken = simd.splat_u64s(TAKEN);
        simd.or_m64s(simd.equal_u64s(row, taken), simd.equal_u64s(column, taken))
    }

    #[inline(always)]
    fn close<S: Simd>(simd: S, [row, column]: [S::u64s; 2], rows: &mut [S::u64s], columns: &mut [S::u64s]) {
        let taken = simd.splat_u64s(TAKEN);
        for (names, winner) in [(rows, row), (columns, column)] {
            for name in names {
                *name = simd.select_u64s(simd.equal_u64s(*name, winner), taken, *name);
            }
        }
    }
}
