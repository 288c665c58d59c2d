//! Kruskal: the races of a trace from its winners.

use super::walk::{Paths, WalkError, check_length};

/// All races in a row; an edge races until the components of its ends are joined.
///
/// Components are joined smaller to larger, so that the way from a vertex to its component's name is at most `log₂ n` long; the
/// races on that way grow, and two vertices were joined by the last race before their ways meet.
pub(super) fn paths(n: usize, edges: &[(usize, usize)], winners: &[u32]) -> Result<Paths, WalkError> {
    /// The race of a vertex that was joined to no other yet.
    const NEVER: u32 = u32::MAX;
    let (mut above, mut joined, mut size): (Vec<usize>, _, _) =
        ((0..n).collect(), vec![NEVER; n], vec![1; n]);
    for (race, &winner) in winners.iter().enumerate() {
        let (u, v) = edges[winner as usize];
        let name = |mut vertex: usize| {
            while above[vertex] != vertex {
                vertex = above[vertex];
            }
            vertex
        };
        let (mut small, mut large) = (name(u), name(v));
        if small == large {
            return match race + 1 == n {
                true => Err(WalkError::TooLong { races: race, found: winners.len() }),
                false => Err(WalkError::NotAnEntrant { race, winner }),
            };
        }
        if size[small] > size[large] {
            (small, large) = (large, small);
        }
        (above[small], joined[small]) = (large, race as u32);
        size[large] += size[small];
    }
    check_length(winners, n - 1)?;
    let last = |&(mut u, mut v): &(usize, usize)| {
        let mut race = 0;
        while u != v {
            let lower = if joined[u] < joined[v] { &mut u } else { &mut v };
            race = joined[*lower];
            *lower = above[*lower];
        }
        race
    };
    Ok(Paths::in_a_row(n - 1, edges.iter().map(last).collect()))
}
