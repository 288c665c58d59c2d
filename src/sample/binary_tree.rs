//! Divide and conquer: the races of a trace from its winners.

use std::collections::VecDeque;

use super::walk::{NONE, Node, Paths, WalkError, check_length};

/// Each race after that of the interval above, depth by depth and from left to right; a position races until it wins.
pub(super) fn paths(n: usize, winners: &[u32]) -> Result<Paths, WalkError> {
    let mut open = VecDeque::from([(0, n, NONE)]);
    let mut nodes = Vec::with_capacity(n);
    let mut last = vec![NONE; n];
    for (race, &winner) in winners.iter().enumerate() {
        let Some((low, high, before)) = open.pop_front() else {
            return Err(WalkError::TooLong { races: race, found: winners.len() });
        };
        let root = winner as usize;
        if !(low..high).contains(&root) {
            return Err(WalkError::NotAnEntrant { race, winner });
        }
        let race = race as u32;
        nodes.push(Node { race, before });
        last[root] = race;
        let halves = [(low, root), (root + 1, high)].into_iter().filter(|(low, high)| low < high);
        open.extend(halves.map(|(low, high)| (low, high, race)));
    }
    check_length(winners, n)?;
    Ok(Paths { nodes, last })
}
