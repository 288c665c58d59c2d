//! Greedy crossing: the races of a trace from its winners.

use super::walk::{Paths, WalkError, check_length};

/// All races in a row; a cell races until its row or its column is taken.
pub(super) fn paths(n: usize, cells: &[(usize, usize)], winners: &[u32]) -> Result<Paths, WalkError> {
    /// The race that takes a line which is left.
    const NEVER: u32 = u32::MAX;
    let (mut rows, mut columns) = (vec![NEVER; n], vec![NEVER; n]);
    for (race, &winner) in winners.iter().enumerate() {
        let (row, column) = cells[winner as usize];
        if race == n {
            return Err(WalkError::TooLong { races: n, found: winners.len() });
        }
        if rows[row] != NEVER || columns[column] != NEVER {
            return Err(WalkError::NotAnEntrant { race, winner });
        }
        (rows[row], columns[column]) = (race as u32, race as u32);
    }
    check_length(winners, n)?;
    Ok(Paths::in_a_row(n, cells.iter().map(|&(row, column)| rows[row].min(columns[column])).collect()))
}
