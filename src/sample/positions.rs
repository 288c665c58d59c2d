//! Top-k, permutation, categorical: the races of a trace from its winners.

use super::walk::{Paths, WalkError, check_length};

/// `k` races in a row; a position races until it wins, or to the end.
pub(super) fn paths(n: usize, k: usize, winners: &[u32]) -> Result<Paths, WalkError> {
    let end = k.saturating_sub(1) as u32;
    let mut last = vec![end; n];
    let mut won = vec![false; n];
    for (race, &winner) in winners.iter().enumerate() {
        if race == k {
            return Err(WalkError::TooLong { races: k, found: winners.len() });
        }
        if std::mem::replace(&mut won[winner as usize], true) {
            return Err(WalkError::NotAnEntrant { race, winner });
        }
        last[winner as usize] = race as u32;
    }
    check_length(winners, k)?;
    Ok(Paths::in_a_row(k, last))
}
