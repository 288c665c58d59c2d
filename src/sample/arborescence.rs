//! Chu-Liu-Edmonds: the races of a trace from its winners.

use super::walk::{NONE, Node, Paths, WalkError};

/// A vertex, or a contracted cycle, numbered as they are formed: the vertices first.
#[derive(Debug, Clone)]
struct Component {
    vertices: Vec<usize>,
    /// The component that its cycle was contracted to.
    above: Option<usize>,
    /// Its race, and the tail of the arc that won it.
    raced: Option<(u32, usize)>,
}

/// Nodes: each component's race for each of its vertices, after that of the component below it that holds the vertex. An arc
/// races from its head up, as long as its tail is outside.
///
/// The order of races on different components does not matter, as long as a component races after those in it: a cycle is
/// contracted as soon as its last arc has won.
pub(super) fn paths(
    n: usize,
    root: usize,
    arcs: &[(usize, usize)],
    winners: &[u32],
) -> Result<Paths, WalkError> {
    let mut components: Vec<Component> =
        (0..n).map(|v| Component { vertices: vec![v], above: None, raced: None }).collect();
    // For each vertex the largest component that holds it, and the last node made for it.
    let mut top: Vec<usize> = (0..n).collect();
    let mut latest = vec![NONE; n];
    let mut nodes = Vec::new();
    let mut waiting = n - 1; // components that have still to race
    for (race, &winner) in winners.iter().enumerate() {
        if waiting == 0 {
            return Err(WalkError::TooLong { races: race, found: winners.len() });
        }
        let (tail, head) = arcs[winner as usize];
        let component = top[head];
        if components[component].raced.is_some() || top[tail] == component {
            return Err(WalkError::NotAnEntrant { race, winner });
        }
        components[component].raced = Some((race as u32, tail));
        waiting -= 1;
        for &v in &components[component].vertices {
            nodes.push(Node { race: race as u32, before: latest[v] });
            latest[v] = (nodes.len() - 1) as u32;
        }
        // Back along the arcs chosen: to the root, to a component that has not raced, or round a cycle.
        let mut cycle = vec![component];
        let mut at = top[tail];
        while at != component {
            let Some((_, tail)) = components[at].raced else {
                cycle.clear();
                break;
            };
            cycle.push(at);
            at = top[tail];
        }
        if cycle.is_empty() {
            continue;
        }
        let contracted = components.len();
        let vertices: Vec<usize> =
            cycle.iter().flat_map(|&member| components[member].vertices.iter().copied()).collect();
        vertices.iter().for_each(|&v| top[v] = contracted);
        cycle.iter().for_each(|&member| components[member].above = Some(contracted));
        components.push(Component { vertices, above: None, raced: None });
        waiting += 1;
    }
    if waiting > 0 {
        return Err(WalkError::TooShort { races: winners.len() });
    }
    Ok(Paths { last: last_nodes(n, root, arcs, &components, &nodes), nodes })
}

/// For each arc the node of the largest component that holds its head, but not its tail.
fn last_nodes(
    n: usize,
    root: usize,
    arcs: &[(usize, usize)],
    components: &[Component],
    nodes: &[Node],
) -> Vec<u32> {
    // The nodes of each vertex, from the bottom up.
    let mut of_vertex: Vec<Vec<u32>> = vec![Vec::new(); n];
    let mut node = 0;
    let mut by_race: Vec<(u32, usize)> =
        components.iter().enumerate().filter_map(|(i, c)| Some((c.raced?.0, i))).collect();
    by_race.sort_unstable();
    for (_, component) in by_race {
        for &v in &components[component].vertices {
            of_vertex[v].push(node);
            node += 1;
        }
    }
    debug_assert_eq!(node as usize, nodes.len());
    let mut arcs_into: Vec<Vec<usize>> = vec![Vec::new(); n];
    arcs.iter().enumerate().for_each(|(arc, &(_, head))| arcs_into[head].push(arc));
    let mut last = vec![NONE; arcs.len()];
    for head in (0..n).filter(|&v| v != root) {
        // How far up from the head one must go to meet each component: its own height among those above the head, that of
        // the one above it if it is not among them.
        let all = of_vertex[head].len();
        let mut meets = vec![all; components.len()];
        for (height, component) in std::iter::successors(Some(head), |&c| components[c].above).enumerate() {
            meets[component] = height;
        }
        for component in (0..components.len()).rev() {
            if let Some(above) = components[component].above.filter(|_| meets[component] == all) {
                meets[component] = meets[above];
            }
        }
        for &arc in &arcs_into[head] {
            last[arc] = of_vertex[head][meets[arcs[arc].0] - 1];
        }
    }
    last
}
