//! Chu-Liu-Edmonds: the races of a trace from its winners.

use gumbel_oracle::structure::EntrySet;
use petgraph::unionfind::UnionFind;

use super::walk::{NONE, Node, Paths, WalkError};

/// A vertex, or a contracted cycle, numbered as they are formed: the vertices first.
#[derive(Debug, Clone)]
struct Component {
    vertices: Vec<usize>,
    /// The component that its cycle was contracted to.
    above: Option<usize>,
    /// Its race, and the tail of the arc that won it.
    raced: Option<(u32, usize)>,
    /// The round in which the algorithm holds its race: that of the vertices is 0.
    round: usize,
}

/// The components that form, one after the other, if these arcs win.
///
/// The order of races on different components does not matter, as long as a component races after those in it: a cycle is
/// contracted as soon as its last arc has won.
///
/// Complexity: O(n · depth of the contractions), as many numbers as the vertices of all components.
fn form(
    n: usize,
    root: usize,
    ends: impl Fn(u32) -> (usize, usize),
    winners: &[u32],
) -> Result<Vec<Component>, WalkError> {
    let vertex = |v: usize| Component { vertices: vec![v], above: None, raced: None, round: 0 };
    let mut components: Vec<Component> = (0..n).map(vertex).collect();
    // For each vertex the largest component that holds it.
    let mut top: Vec<usize> = (0..n).collect();
    // What the arcs chosen join. From anywhere in it they lead back to its one component that has not raced, or to the root.
    let mut joined = UnionFind::new(n);
    let mut waiting = n - 1; // components that have still to race
    for (race, &winner) in winners.iter().enumerate() {
        if waiting == 0 {
            return Err(WalkError::TooLong { races: race, found: winners.len() });
        }
        let (tail, head) = ends(winner);
        let component = top[head];
        if head == root || components[component].raced.is_some() || top[tail] == component {
            return Err(WalkError::NotAnEntrant { race, winner });
        }
        components[component].raced = Some((race as u32, tail));
        waiting -= 1;
        if joined.union(tail, head) {
            continue;
        }
        // The arcs chosen lead from the tail back to this component, which has just raced: round a cycle.
        let before =
            |&at: &usize| components[at].raced.map(|(_, tail)| top[tail]).filter(|&at| at != component);
        let cycle: Vec<usize> = std::iter::successors(Some(component), before).collect();
        let contracted = components.len();
        let vertices: Vec<usize> =
            cycle.iter().flat_map(|&member| components[member].vertices.iter().copied()).collect();
        let round = 1 + cycle.iter().map(|&member| components[member].round).max().unwrap_or(0);
        vertices.iter().for_each(|&v| top[v] = contracted);
        cycle.iter().for_each(|&member| components[member].above = Some(contracted));
        components.push(Component { vertices, above: None, raced: None, round });
        waiting += 1;
    }
    if waiting > 0 {
        return Err(WalkError::TooShort { races: winners.len() });
    }
    Ok(components)
}

/// Nodes: each component's race for each of its vertices, after that of the component below it that holds the vertex. An arc
/// races from its head up, as long as its tail is outside.
pub(super) fn paths(
    n: usize,
    root: usize,
    arcs: &[(usize, usize)],
    winners: &[u32],
) -> Result<Paths, WalkError> {
    let components = form(n, root, |arc| arcs[arc as usize], winners)?;
    // The nodes of each vertex, from the bottom up.
    let mut of_vertex: Vec<Vec<u32>> = vec![Vec::new(); n];
    let mut nodes: Vec<Node> = Vec::new();
    let mut by_race: Vec<(u32, &Component)> =
        components.iter().filter_map(|component| Some((component.raced?.0, component))).collect();
    by_race.sort_unstable_by_key(|(race, _)| *race);
    for (race, component) in by_race {
        for &v in &component.vertices {
            let before = of_vertex[v].last().copied().unwrap_or(NONE);
            of_vertex[v].push(nodes.len() as u32);
            nodes.push(Node { race, before });
        }
    }
    Ok(Paths { last: last_nodes(n, root, arcs, &components, &of_vertex), nodes })
}

/// The arborescence that a trace leads to: from the top down, the arc that enters a component takes the place of that of the
/// member of its cycle that holds its head.
pub(super) fn expand(n: usize, root: usize, arcs: &[(usize, usize)], winners: &[usize]) -> EntrySet {
    let races: Vec<u32> = winners.iter().map(|&winner| winner as u32).collect();
    let components = form(n, root, |arc| arcs[arc as usize], &races).unwrap_or_default();
    let mut entering: Vec<Option<usize>> = vec![None; components.len()];
    for (number, component) in components.iter().enumerate().rev() {
        let from_above = component.above.and_then(|above| entering[above]);
        let kept = from_above.filter(|&arc| component.vertices.contains(&arcs[arc].1));
        entering[number] = kept.or(component.raced.map(|(race, _)| winners[race as usize]));
    }
    entering.into_iter().take(n).flatten().collect()
}

/// The races of a trace as (component, winning arc), in the order of the canonical trace: sorted by size and component. The ends
/// are those of an arc.
///
/// Complexity: O(numbers in it), but for sorting.
pub(crate) fn races(
    n: usize,
    root: usize,
    ends: impl Fn(u32) -> (usize, usize),
    winners: &[u32],
) -> Result<Vec<(Vec<usize>, u32)>, WalkError> {
    let race = |component: Component| {
        let (race, _) = component.raced?;
        let mut vertices = component.vertices;
        vertices.sort_unstable();
        Some((vertices, winners[race as usize]))
    };
    let mut races: Vec<(Vec<usize>, u32)> =
        form(n, root, ends, winners)?.into_iter().filter_map(race).collect();
    races.sort_unstable_by(|(a, _), (b, _)| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
    Ok(races)
}

/// The winners of a trace that is given as a set of (component, arc), in the order of the algorithm's rounds. The components
/// are sorted inside, and smaller ones come first. Races that the algorithm cannot hold stay as they are: they are no trace in
/// any order.
///
/// # Errors
/// In words, if an arc wins for another component than it is said to.
pub(super) fn in_rounds(
    n: usize,
    root: usize,
    arcs: &[(usize, usize)],
    races: &[(&[usize], u32)],
) -> Result<Vec<u32>, String> {
    let winners: Vec<u32> = races.iter().map(|race| race.1).collect();
    let Ok(components) = form(n, root, |arc| arcs[arc as usize], &winners) else { return Ok(winners) };
    let mut order: Vec<(usize, usize, u32)> = Vec::with_capacity(races.len());
    for component in &components {
        let Some((race, _)) = component.raced else { continue };
        let (claimed, winner) = races[race as usize];
        let mut vertices = component.vertices.clone();
        vertices.sort_unstable();
        if claimed != vertices {
            let (tail, head) = arcs[winner as usize];
            return Err(format!(
                "the race that arc [{tail},{head}] wins is said to be of component {claimed:?}, but is of {vertices:?}"
            ));
        }
        order.push((component.round, vertices[0], winner));
    }
    order.sort_unstable();
    Ok(order.into_iter().map(|race| race.2).collect())
}

/// For each arc the node of the largest component that holds its head, but not its tail.
fn last_nodes(
    n: usize,
    root: usize,
    arcs: &[(usize, usize)],
    components: &[Component],
    of_vertex: &[Vec<u32>],
) -> Vec<u32> {
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
