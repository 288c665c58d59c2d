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

/// The parent of each position: the trace in its canonical form.
pub(crate) fn parents(n: usize, winners: &[u32]) -> Result<Vec<Option<usize>>, WalkError> {
    let nodes = paths(n, winners)?.nodes;
    let mut parents = vec![None; n];
    for (&winner, node) in winners.iter().zip(nodes) {
        parents[winner as usize] = winners.get(node.before as usize).map(|&above| above as usize);
    }
    Ok(parents)
}

/// The positions of a binary tree level by level, from left to right: as they win.
///
/// # Errors
/// In words, if it is no binary tree.
pub(super) fn levels(parents: &[Option<usize>]) -> Result<Vec<u32>, String> {
    let n = parents.len();
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); n];
    let mut order = Vec::with_capacity(n);
    for (position, parent) in parents.iter().enumerate() {
        match parent {
            Some(parent) if *parent >= n => {
                return Err(format!("names position {parent}: want 0 to {}", n - 1));
            }
            Some(parent) => below[*parent].push(position),
            None => order.push(position),
        }
    }
    if order.len() != 1 {
        return Err(format!("has {} roots: want one null", order.len()));
    }
    let mut next = 0;
    while let Some(&position) = order.get(next) {
        order.extend(&below[position]); // in increasing order: left, right
        next += 1;
    }
    if order.len() != n {
        return Err("goes round in a circle: want a tree".to_owned());
    }
    // Read from left to right, the nodes must be the positions in order: else it is no tree of intervals.
    let mut span: Vec<(usize, usize)> = (0..n).map(|position| (position, position)).collect();
    for &position in order.iter().rev() {
        for &child in &below[position] {
            let (low, high) = span[child];
            let left = child < position && high + 1 == position;
            let right = child > position && low == position + 1;
            match (left && span[position].0 == position, right && span[position].1 == position) {
                (true, _) => span[position].0 = low,
                (_, true) => span[position].1 = high,
                _ => {
                    return Err(format!(
                        "puts position {child} below {position}, where it cannot be: want the positions below a \
                         node to be an interval on its left and one on its right"
                    ));
                }
            }
        }
    }
    Ok(order.into_iter().map(|position| position as u32).collect())
}
