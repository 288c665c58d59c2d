//! Random arborescences: the algorithm of Chu, Liu and Edmonds run on exponential weights.
//!
//! # Notation
//! A digraph with `n` vertices, a root `r` from which every vertex can be reached, and the arcs `(u, v)` with `v ≠ r`
//! as entries. A *component* `S ∌ r` is a vertex at the start, or a cycle of components contracted later. `Λ(S)` is the
//! total rate of the arcs that enter `S`. The trace is the *set* of (component, winning arc).
//!
//! # Law
//! Each component races once, when it is formed, over the arcs that enter it; the winning time is subtracted from
//! them, and the reduced weights go on: they are again independent exponentials. So `p(T) = Π_S λ_{a_S} / Λ(S)`. When the
//! components that have raced close a cycle, the cycle is contracted to a new component. When none is left, the arcs
//! chosen by the components form an arborescence of the contracted graph; each cycle is expanded from the outside
//! in: the component that the arc from outside enters gives up its own arc, the others keep theirs. `X` is the minimum
//! arborescence of the weights, and its weight is the sum of all winning times (linear programming duality).
//!
//! **Collapsed.** Fix `X`. A component `S` of a trace that leads to `X` is a connected subtree of `X` (the arc of `X`
//! that enters `S` meets it at the top vertex, and inside `S` the expansion leaves a spanning tree). If `S` was
//! contracted from the cycle `S_1 → S_2 → … → S_k → S_1` with the top vertex in `S_1`, then the arcs `S_i → S_{i+1}`
//! are in `X` and the arc of `S_1`, which is given up, is any arc from `S_k` to `S_1`. So with `G(S)` (of the
//! *subtree* of `X` on `S`, not of the set alone) the sum over all races inside `S` and that of `S` itself, the rates of
//! arcs of `X` left out,
//!
//! `G({v}) = 1/Λ(v)`, `G(S) = 1/Λ(S) · Σ Π_i G(S_i) · λ(S_k → S_1)`
//!
//! over all cuts of `S` into `k ≥ 2` subtrees that form a downward path, `λ(A → B)` the total rate of arcs from `A` to
//! `B`; and `P(X) = Π_{a∈X} λ_a · Σ Π G(S_i)` over all partitions of the vertices other than `r` into subtrees of `X`.
//!
//! **Number of traces.** Let `C(S)` be the number of ways in which `S` can be formed: `C({v}) = 1`, and otherwise the
//! sum over the partitions of `S` into `k ≥ 2` parts and over the cyclic orders of the parts of
//! `Π C(S_i)·a(S_i → S_{i+1})`, `a` the number of arcs. Every partition of the vertices other than `r` is the last
//! stage of `Π C(S_i)` times the number of arborescences of the contracted multigraph, a determinant.
//!
//! # Cost
//! A run: O(n·(n + m)). The collapsed law of one `X`: the subtrees of `X` times the downward cuts of each. All `X` share
//! the `G` of their subtrees. K₆ has 1,296 arborescences for each root, K₇ 16,807.
//!
//! # Example
//! Two vertices that prefer each other, and a root that enters both:
//! ```
//! use gumbel_oracle::{arborescence::Arborescence, number::ratio, recursion::traces};
//! let digraph = Arborescence::new(3, 0, &[(0, 1), (0, 2), (1, 2), (2, 1)]);
//! let rates = [ratio(1, 1), ratio(2, 1), ratio(3, 1), ratio(4, 1)];
//! // vertex 1 takes 0→1 or 2→1, vertex 2 takes 0→2 or 1→2; the cycle 1→2→1 is contracted and races once more
//! assert_eq!(traces(&digraph, &rates).count(), 3 + 2);
//! ```
//!
//! # References
//! Struminsky et al. (2021), arXiv:2110.15072, section 4 and appendix (Chu-Liu-Edmonds); Y. J. Chu, T. H. Liu (1965),
//! *On the shortest arborescence of a directed graph*; J. Edmonds (1967), *Optimum branchings*. The collapsed recursion
//! is not in the paper.

use std::collections::{BTreeSet, HashMap};

use num_bigint::BigUint;
use num_rational::BigRational;
use num_traits::{One, Zero};
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, EdgeIndex, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::builtin::{Builtin, Laws, Relabelled, canonical_set, list};
use crate::checked::{check_pairs, reachable, split};
use crate::collapse::{integer_rates, pairwise_sum};
use crate::count;
use crate::kind::{Entry, Kind};
use crate::limit::{Limit, Remedy, TooLarge};
use crate::number::{Exact, FromExact, Number, to_rational};
use crate::problem::{EntryProblem, ModelError, Problem, TraceProblem};
use crate::race::Trace;
use crate::reader::{Given, Weighted};
use crate::recursion::{self, Recursion};
use crate::structure::EntrySet;
use crate::trace_reader::{self, names, number_of};

/// The algorithm of Chu, Liu and Edmonds. The structure is the set of arcs, by entry number.
#[derive(Debug, Clone)]
pub struct Arborescence {
    /// An arc's index is its entry number; its weight says whether it is present.
    graph: DiGraph<(), bool>,
    root: usize,
}

/// A component that does not hold the root: a vertex, or a contracted cycle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Component {
    /// Its vertices.
    pub vertices: BTreeSet<usize>,
    /// The arc that won its race, once it has raced.
    pub winner: Option<usize>,
}

impl Arborescence {
    /// The algorithm on the digraph with these arcs `(from, to)`; arc `k` is entry `k`.
    ///
    /// # Panics
    /// If an arc names a vertex that is not in `0..vertices`. Files are checked by [`crate::model`].
    #[must_use]
    pub fn new(vertices: usize, root: usize, arcs: &[(usize, usize)]) -> Self {
        Self::with_absent(vertices, root, arcs, &vec![true; arcs.len()])
    }

    /// The same, where only the arcs with `present[k]` exist.
    pub(crate) fn with_absent(
        vertices: usize,
        root: usize,
        arcs: &[(usize, usize)],
        present: &[bool],
    ) -> Self {
        let mut graph = DiGraph::with_capacity(vertices, arcs.len());
        for _ in 0..vertices {
            graph.add_node(());
        }
        for (&(u, v), &present) in arcs.iter().zip(present) {
            graph.add_edge(NodeIndex::new(u), NodeIndex::new(v), present);
        }
        Self { graph, root }
    }

    /// The digraph; an arc's index is its entry number, its weight whether it is present.
    #[must_use]
    pub fn graph(&self) -> &DiGraph<(), bool> {
        &self.graph
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> usize {
        self.root
    }

    /// The ends `(from, to)` of an arc.
    pub(crate) fn ends(&self, arc: usize) -> (usize, usize) {
        let (u, v) = self.graph.edge_endpoints(EdgeIndex::new(arc)).expect("an entry of this digraph");
        (u.index(), v.index())
    }

    /// The arcs that enter a set of vertices, in entry order.
    pub(crate) fn entering(&self, set: &BTreeSet<usize>) -> Vec<usize> {
        let enters = |u: NodeIndex, v: NodeIndex| !set.contains(&u.index()) && set.contains(&v.index());
        let arcs = self.graph.edge_references();
        arcs.filter(|a| *a.weight() && enters(a.source(), a.target())).map(|a| a.id().index()).collect()
    }

    /// The cycles among components that have all raced, each as the positions of its members, in increasing order.
    fn cycles(&self, components: &[Component]) -> Vec<Vec<usize>> {
        let position = |vertex| components.iter().position(|c| c.vertices.contains(&vertex));
        let mut chosen = DiGraph::<(), ()>::new();
        for _ in components {
            chosen.add_node(());
        }
        for (i, component) in components.iter().enumerate() {
            // An arc from the root's vertex has no component at its tail.
            if let Some(tail) = component.winner.and_then(|arc| position(self.ends(arc).0)) {
                chosen.add_edge(NodeIndex::new(tail), NodeIndex::new(i), ());
            }
        }
        let cycles = tarjan_scc(&chosen).into_iter().filter(|members| members.len() > 1);
        let mut cycles: Vec<Vec<usize>> =
            cycles.map(|members| members.into_iter().map(NodeIndex::index).collect()).collect();
        cycles.iter_mut().for_each(|members| members.sort_unstable());
        cycles.sort();
        cycles
    }

    /// The components of a state after their races.
    fn raced(components: &[Component], winners: &[usize]) -> Vec<Component> {
        let mut winners = winners.iter().copied();
        let race = |c: &Component| Component { winner: c.winner.or_else(|| winners.next()), ..c.clone() };
        components.iter().map(race).collect()
    }
}

impl Recursion for Arborescence {
    /// The components that are not inside another one, by smallest vertex.
    type State = Vec<Component>;
    type Structure = EntrySet;

    fn entry_count(&self) -> usize {
        self.graph.edge_count()
    }

    fn start(&self) -> Vec<Component> {
        let vertices = (0..self.graph.node_count()).filter(|&v| v != self.root);
        vertices.map(|v| Component { vertices: BTreeSet::from([v]), winner: None }).collect()
    }

    fn stop(&self, components: &Vec<Component>) -> Option<EntrySet> {
        components.iter().map(|c| c.winner).collect()
    }

    fn split(&self, components: &Vec<Component>) -> Vec<Vec<usize>> {
        components.iter().filter(|c| c.winner.is_none()).map(|c| self.entering(&c.vertices)).collect()
    }

    fn map(&self, components: &Vec<Component>, winners: &[usize]) -> Vec<Component> {
        let raced = Self::raced(components, winners);
        let cycles = self.cycles(&raced);
        let contract = |members: &Vec<usize>| {
            let vertices = members.iter().flat_map(|&i| raced[i].vertices.clone()).collect();
            Component { vertices, winner: None }
        };
        let mut next: Vec<Component> = cycles.iter().map(contract).collect();
        let single = |i: &usize| !cycles.iter().any(|members| members.contains(i));
        next.extend((0..raced.len()).filter(single).map(|i| raced[i].clone()));
        next.sort();
        next
    }

    fn combine(&self, components: &Vec<Component>, winners: &[usize], mut rest: EntrySet) -> EntrySet {
        // `rest` is the arborescence of the contracted graph: expand the cycles contracted in this step.
        let raced = Self::raced(components, winners);
        for members in self.cycles(&raced) {
            let head =
                |arc: usize| members.iter().position(|&i| raced[i].vertices.contains(&self.ends(arc).1));
            let entered = rest.iter().find_map(|&arc| head(arc));
            for (position, &i) in members.iter().enumerate() {
                if Some(position) != entered {
                    rest.extend(raced[i].winner);
                }
            }
        }
        rest
    }
}

/// A set of vertices, as a bit mask.
type Vertices = u128;

/// One arborescence, seen from its vertices.
struct Tree {
    /// The arc that enters each vertex; none at the root.
    arc: Vec<Option<usize>>,
    /// The tail of that arc.
    parent: Vec<Option<usize>>,
    /// The vertex and all below it.
    below: Vec<Vertices>,
}

/// The collapsed recursion: `G(S)` of every subtree met so far.
struct Collapsed<'a> {
    algorithm: &'a Arborescence,
    rates: &'a [Exact],
    /// `G` by top vertex and arcs of the subtree. Looked up, never iterated over.
    known: HashMap<(usize, Vec<usize>), Exact>,
}

impl Arborescence {
    /// All arborescences of the digraph, in increasing order.
    #[must_use]
    pub fn structures(&self) -> Vec<EntrySet> {
        let all: Vec<usize> = (0..self.graph.node_count()).filter(|&v| v != self.root).collect();
        let mut parent = vec![None; self.graph.node_count()];
        let mut found = Vec::new();
        self.choose(&all, &mut Vec::new(), &mut parent, &mut found);
        found.sort();
        found
    }

    /// Gives each of the vertices in `left` an arc that closes no cycle, in every way.
    fn choose(
        &self,
        left: &[usize],
        chosen: &mut Vec<usize>,
        parent: &mut Vec<Option<usize>>,
        found: &mut Vec<EntrySet>,
    ) {
        let Some((&vertex, left)) = left.split_first() else {
            found.push(chosen.iter().copied().collect());
            return;
        };
        for arc in self.entering(&BTreeSet::from([vertex])) {
            let tail = self.ends(arc).0;
            if std::iter::successors(Some(tail), |&v: &usize| parent[v]).any(|v| v == vertex) {
                continue;
            }
            parent[vertex] = Some(tail);
            chosen.push(arc);
            self.choose(left, chosen, parent, found);
            chosen.pop();
            parent[vertex] = None;
        }
    }

    /// `P(X)` of each of the given arborescences.
    ///
    /// # Panics
    /// If there is not one rate per entry, or there are more than 128 vertices.
    #[must_use]
    pub fn probabilities(&self, rates: &[BigRational], structures: &[EntrySet]) -> Vec<BigRational> {
        assert_eq!(rates.len(), self.entry_count(), "one rate per entry");
        assert!(self.graph.node_count() <= 128, "at most 128 vertices");
        let rates: Vec<Exact> = integer_rates(rates).0.iter().map(Exact::from_exact).collect();
        let mut collapsed = Collapsed { algorithm: self, rates: &rates, known: HashMap::new() };
        structures.iter().map(|structure| to_rational(&collapsed.probability(structure))).collect()
    }
}

impl Collapsed<'_> {
    /// `P(X) = Π_{a∈X} λ_a · Σ Π G(S_i)` over the partitions of the vertices other than the root into subtrees.
    fn probability(&mut self, structure: &EntrySet) -> Exact {
        let tree = self.algorithm.tree(structure);
        let top: Vec<usize> = structure.iter().map(|&arc| self.algorithm.ends(arc).1).collect();
        // An arc from the root always ends between two parts; of the others any subset may.
        let (always, free): (Vec<usize>, Vec<usize>) =
            top.into_iter().partition(|&v| tree.parent[v] == Some(self.algorithm.root));
        let mut sum = Exact::ZERO;
        for subset in 0_u128..1 << free.len() {
            let cut = free.iter().enumerate().filter(|(i, _)| subset >> i & 1 == 1).map(|(_, &v)| v);
            let tops: Vec<usize> = always.iter().copied().chain(cut).collect();
            sum += tops.iter().fold(Exact::ONE, |product, &top| {
                let others = tops.iter().filter(|&&other| other != top && tree.below[top] >> other & 1 == 1);
                let part = others.fold(tree.below[top], |part, &other| part & !tree.below[other]);
                product * self.formed(&tree, top, part)
            });
        }
        Exact::product(structure.iter().map(|&arc| &self.rates[arc])) * sum
    }

    /// `G(S)` of the subtree of `tree` on the vertices `part` with top vertex `top`.
    fn formed(&mut self, tree: &Tree, top: usize, part: Vertices) -> Exact {
        let inside: Vec<usize> = (0..tree.arc.len()).filter(|&v| v != top && part >> v & 1 == 1).collect();
        let mut arcs: Vec<usize> = inside.iter().filter_map(|&v| tree.arc[v]).collect();
        arcs.sort_unstable();
        let key = (top, arcs);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let mut sum = Exact::ZERO;
        if inside.is_empty() {
            sum = Exact::ONE;
        }
        // The deepest cut is above `last`; the others are above vertices on the way from there up to the top.
        for &last in &inside {
            let way: Vec<usize> = std::iter::successors(tree.parent[last], |&v| tree.parent[v])
                .take_while(|&v| v != top)
                .collect();
            for subset in 0_u128..1 << way.len() {
                // The tops of S_k, S_{k-1}, …, S_2, S_1.
                let chosen = way.iter().enumerate().filter(|(i, _)| subset >> i & 1 == 1).map(|(_, &v)| v);
                let tops: Vec<usize> = std::iter::once(last).chain(chosen).chain([top]).collect();
                let mut lower = 0;
                let mut parts = Vec::new();
                for &top in &tops {
                    parts.push(part & tree.below[top] & !lower);
                    lower |= tree.below[top];
                }
                let back = self.rate_between(parts[0], parts[parts.len() - 1]);
                if back != Exact::ZERO {
                    let formed = tops.iter().zip(&parts);
                    sum += formed.fold(back, |product, (&top, &part)| product * self.formed(tree, top, part));
                }
            }
        }
        let vertices = (0..tree.arc.len()).filter(|&v| part >> v & 1 == 1).collect();
        let total = Exact::sum(self.algorithm.entering(&vertices).iter().map(|&arc| &self.rates[arc]));
        let formed = sum / total;
        self.known.insert(key, formed.clone());
        formed
    }

    /// `λ(from → to)`: the total rate of the arcs from one set to the other.
    fn rate_between(&self, from: Vertices, to: Vertices) -> Exact {
        let arcs = self.algorithm.graph.edge_references();
        let between = arcs.filter(|a| {
            *a.weight() && from >> a.source().index() & 1 == 1 && to >> a.target().index() & 1 == 1
        });
        Exact::sum(between.map(|a| &self.rates[a.id().index()]))
    }
}

impl Arborescence {
    /// The arborescence as parents.
    fn tree(&self, structure: &EntrySet) -> Tree {
        let n = self.graph.node_count();
        let (mut arc, mut parent) = (vec![None; n], vec![None; n]);
        for &chosen in structure.iter() {
            let (tail, head) = self.ends(chosen);
            (arc[head], parent[head]) = (Some(chosen), Some(tail));
        }
        let mut below: Vec<Vertices> = vec![0; n];
        for vertex in 0..n {
            for above in std::iter::successors(Some(vertex), |&v: &usize| parent[v]) {
                below[above] |= 1 << vertex;
            }
        }
        Tree { arc, parent, below }
    }
}

/// The law by the collapsed recursion (see the module).
impl Laws for Arborescence {
    fn law(&self, rates: &[BigRational]) -> Vec<(EntrySet, BigRational)> {
        let structures = self.structures();
        let probabilities = self.probabilities(rates, &structures);
        structures.into_iter().zip(probabilities).collect()
    }

    fn probability(
        &self,
        rates: &[BigRational],
        arcs: &EntrySet,
        limit: Limit,
    ) -> Result<BigRational, TooLarge> {
        limit.check("cuts of the arborescence (an upper bound)", &(BigUint::one() << arcs.len()))?;
        let known: Vec<usize> = arcs.iter().copied().filter(|&k| k < self.entry_count()).collect();
        let ends: Vec<(usize, usize)> = known.iter().map(|&k| self.ends(k)).collect();
        let spans =
            arcs.len() + 1 == self.size() && count::arborescences(self.size(), self.root, &ends).is_one();
        if !spans || known.iter().any(|&k| rates[k].is_zero()) {
            return Ok(BigRational::zero());
        }
        Ok(self.probabilities(rates, std::slice::from_ref(arcs)).remove(0))
    }

    fn marginals(&self, rates: &[BigRational]) -> Vec<BigRational> {
        let law: Vec<(EntrySet, Exact)> =
            self.law(rates).into_iter().map(|(x, p)| (x, Exact::from_exact(&p))).collect();
        let marginal = |k: usize| {
            let with: Vec<&Exact> = law.iter().filter(|(x, _)| x.contains(&k)).map(|(_, p)| p).collect();
            to_rational(&pairwise_sum(&with))
        };
        (0..rates.len()).map(marginal).collect()
    }
}

/// A race of a trace in its canonical JSON.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct ComponentRace {
    component: Vec<usize>,
    arc: (usize, usize),
}

/// As many vertices as traces are counted for: more would take over 10⁹ steps.
const MOST_COUNTED: usize = 13;

impl Arborescence {
    /// From arcs with rates that are checked here. Arcs into the root are left out.
    pub(crate) fn checked(
        vertices: usize,
        root: usize,
        arcs: Vec<Weighted>,
    ) -> Result<(Self, Vec<BigRational>), EntryProblem> {
        if root >= vertices && vertices > 0 {
            return Err((None, Problem::Root { root, vertices }));
        }
        check_pairs(vertices, &arcs)?;
        reachable(vertices, root, arcs.iter().map(|(u, v, rate)| (*u, *v, rate)))
            .map_err(|vertex| (None, Problem::Unreachable { root, vertex }))?;
        let (pairs, rates, present) = split(arcs.into_iter().filter(|(_, v, _)| *v != root).collect());
        Ok((Self::with_absent(vertices, root, &pairs, &present), rates))
    }

    fn present(&self) -> Vec<(usize, usize)> {
        let present = self.graph.edge_references().filter(|arc| *arc.weight());
        present.map(|arc| (arc.source().index(), arc.target().index())).collect()
    }

    /// Each arc with its rate, as a digraph is built from.
    fn weighted(&self, rates: &[BigRational]) -> Vec<Weighted> {
        rates.iter().enumerate().map(|(k, rate)| (self.ends(k).0, self.ends(k).1, rate.clone())).collect()
    }

    /// The races of a trace as (component, winning arc), sorted by size and component; `None` if the algorithm cannot hold
    /// them.
    #[must_use]
    pub fn components(&self, trace: &Trace) -> Option<Vec<(Vec<usize>, usize)>> {
        let mut races = trace.races().iter();
        let mut found = Vec::new();
        let path = recursion::follow(self, |state, i, entrants| {
            let component = state.iter().filter(|c| c.winner.is_none()).nth(i).ok_or(())?;
            let race = races.next().filter(|race| race.entrants == entrants).ok_or(())?;
            found.push((component.vertices.iter().copied().collect::<Vec<_>>(), race.winner));
            Ok::<usize, ()>(race.winner)
        });
        path.ok()?;
        found.sort_by_key(|(component, _)| (component.len(), component.clone()));
        Some(found)
    }
}

/// How many cycles have to be contracted, given who won: one at a time, by walking from each component along the arcs
/// that were chosen until the root or a component seen before is reached.
fn contractions(algorithm: &Arborescence, trace: &Trace) -> usize {
    // For each component formed so far that is in no other: its vertices and the arc that won its race.
    let mut formed: Vec<(BTreeSet<usize>, Option<usize>)> = (0..algorithm.graph().node_count())
        .filter(|&v| v != algorithm.root())
        .map(|v| (BTreeSet::from([v]), None))
        .collect();
    let mut contracted = 0;
    loop {
        for (vertices, winner) in &mut formed {
            let entrants = algorithm.entering(vertices);
            *winner = trace.races().iter().find(|race| race.entrants == entrants).map(|race| race.winner);
        }
        let next = |i: usize| {
            let tail = formed[i].1.map(|arc| algorithm.ends(arc).0)?;
            formed.iter().position(|(vertices, _)| vertices.contains(&tail))
        };
        // After as many steps as there are components a walk that has not reached the root goes round a cycle.
        let walk = |start: usize| (0..formed.len()).try_fold(start, |at, _| next(at));
        let Some(on_cycle) = (0..formed.len()).find_map(walk) else { return contracted };
        let mut members = vec![on_cycle];
        let mut at = next(on_cycle);
        while let Some(member) = at.filter(|&member| member != on_cycle) {
            members.push(member);
            at = next(member);
        }
        let vertices = members.iter().flat_map(|&member| formed[member].0.clone()).collect();
        let mut position = 0;
        formed.retain(|_| {
            position += 1;
            !members.contains(&(position - 1))
        });
        formed.push((vertices, None));
        contracted += 1;
    }
}

impl Builtin for Arborescence {
    const KIND: Kind = Kind::Arborescence;
    const ABOUT: &'static str = "Chu-Liu-Edmonds: each component races once, when it is formed, over the arcs that enter it; \
                               at the start each vertex but the root is a component. A cycle is contracted to a new \
                               component. At the end the cycles are expanded, from the outside in.";
    const LOSSES: &'static [(&'static str, &'static str)] = &[
        ("default", "minus the largest out-degree"),
        ("depth", "the number of arcs on the longest path from the root"),
        ("leaves", "the number of vertices without an outgoing arc"),
    ];
    const FIELDS: &'static [&'static str] = &["vertices", "root", "edges"];

    fn size(&self) -> usize {
        self.graph.node_count()
    }

    fn entry(&self, k: usize) -> Entry {
        let (u, v) = self.ends(k);
        Entry::Pair(u, v)
    }

    fn read(given: &Given<'_>) -> Result<(Self, Vec<BigRational>), ModelError> {
        let root = given.count("root", "\"root\"", "a vertex, an integer from 0")?;
        given.graph(true, |vertices, arcs| Self::checked(vertices, root, arcs))
    }

    fn structure_count(&self) -> BigUint {
        count::arborescences(self.size(), self.root, &self.present())
    }

    fn trace_count(&self) -> Option<BigUint> {
        let countable = self.size() <= MOST_COUNTED;
        countable.then(|| count::arborescence_traces(self.size(), self.root, &self.present()))
    }

    fn check_magnitude(&self, limit: Limit) -> Result<(), TooLarge> {
        limit.check_power("cuts of arborescences (a bound)", self.size().saturating_sub(2))
    }

    fn check_law(&self, limit: Limit) -> Result<(), TooLarge> {
        self.check_magnitude(limit)?;
        let structures = self.structure_count();
        limit.check_lower_bound("structures", &structures)?; // and more states on the way to them
        let cuts = structures << self.size().saturating_sub(2);
        limit.check("cuts of arborescences (an upper bound)", &cuts)
    }

    fn check_states(&self, limit: Limit) -> Result<(), TooLarge> {
        self.check_law(limit)
    }

    fn check_traces(&self, limit: Limit) -> Result<(), TooLarge> {
        self.check_magnitude(limit)?;
        limit.check_lower_bound("structures, and as many traces at least", &self.structure_count())?;
        let steps = BigUint::from(5_u8).pow((self.size() as u32).saturating_sub(1));
        limit.check_lower_bound("steps to count the traces", &steps)?;
        match self.trace_count() {
            Some(count) => limit.check("traces", &count),
            None => Err(TooLarge {
                what: "vertices to count the traces of",
                count: self.size().into(),
                limit: MOST_COUNTED as u64,
                remedy: Remedy::SmallerModel,
            }),
        }
    }

    fn loss(&self, name: &str, arcs: &EntrySet) -> i64 {
        let known = arcs.iter().filter(|k| **k < self.entry_count());
        let ends: Vec<(usize, usize)> = known.map(|&k| self.ends(k)).collect();
        let mut degree = vec![0_i64; self.size()];
        ends.iter().for_each(|&(tail, _)| degree[tail] += 1);
        let parent = |v: &usize| ends.iter().find(|&&(_, head)| head == *v).map(|&(tail, _)| tail);
        // No path is longer, but in what is no arborescence one might go round a cycle.
        let depth = |v| std::iter::successors(Some(v), parent).take(self.size()).count() as i64 - 1;
        match name {
            "depth" => (0..self.size()).map(depth).max().unwrap_or(0),
            "leaves" => degree.iter().filter(|&&d| d == 0).count() as i64,
            _ => -degree.into_iter().max().unwrap_or(0),
        }
    }

    fn canonical(&self, arcs: &EntrySet) -> String {
        canonical_set(self, arcs)
    }

    fn canonical_trace(&self, trace: &Trace) -> String {
        let race = |(component, arc): (Vec<usize>, usize)| {
            format!(r#"{{"component":{},"arc":{}}}"#, list(component.iter()), self.entry(arc))
        };
        list(self.components(trace).unwrap_or_default().into_iter().map(race))
    }

    fn parse_trace(&self, text: &str) -> Result<Trace, TraceProblem> {
        let want = "[{\"component\":[v,…],\"arc\":[u,v]},…]";
        let given: Vec<ComponentRace> = trace_reader::parse::<Self, _>(text, want)?;
        let mut given: Vec<Option<ComponentRace>> = given.into_iter().map(Some).collect();
        for race in given.iter_mut().flatten() {
            race.component.sort_unstable();
        }
        let path = recursion::follow(self, |state, i, entrants| {
            let component = state.iter().filter(|c| c.winner.is_none()).nth(i);
            let vertices: Vec<usize> =
                component.into_iter().flat_map(|c| c.vertices.iter().copied()).collect();
            let races =
                |race: &Option<ComponentRace>| race.as_ref().is_some_and(|race| race.component == vertices);
            let Some(race) = given.iter().position(races) else {
                let component = list(vertices.iter());
                return Err(TraceProblem::NoRace { component, entrants: names(self, entrants) });
            };
            let (u, v) = given[race].take().map_or((0, 0), |race| race.arc);
            let number = number_of(self, race, Entry::Pair(u, v))?;
            if !entrants.contains(&number) {
                let winner = Entry::Pair(u, v).to_string();
                return Err(TraceProblem::NotAnEntrant { race, winner, entrants: names(self, entrants) });
            }
            Ok(number)
        })?;
        match given.iter().flatten().next() {
            Some(left) => Err(TraceProblem::NeverFormed { component: list(left.component.iter()) }),
            None => Ok(path.trace),
        }
    }

    /// One for each vertex but the root, and one for each larger component, formed or not: those that the arcs of the other
    /// races close to a cycle, counted independently by contracting one cycle at a time.
    fn race_count(&self, trace: &Trace) -> usize {
        self.size().saturating_sub(1) + contractions(self, trace)
    }

    fn relabelled(&self, rates: &[BigRational]) -> Relabelled<Self> {
        let (n, m) = (self.size(), rates.len());
        let moved =
            self.weighted(rates).into_iter().rev().map(|(u, v, rate)| ((u + 1) % n, (v + 1) % n, rate));
        let root = (self.root + 1) % n.max(1);
        let (pairs, rates, present) = split(moved.collect());
        Relabelled {
            algorithm: Self::with_absent(n, root, &pairs, &present),
            rates,
            number: (0..m).rev().collect(),
        }
    }

    fn without(&self, rates: &[BigRational], k: usize) -> Option<[(Self, Vec<BigRational>); 2]> {
        let [mut zero, mut less] = [self.weighted(rates), self.weighted(rates)];
        zero[k].2 = BigRational::zero();
        less.remove(k);
        let build = |arcs| Self::checked(self.size(), self.root, arcs).ok();
        Some([build(zero)?, build(less)?])
    }

    fn candidates(&self) -> Option<Vec<EntrySet>> {
        Some(self.structures())
    }
}
