//! Algorithms that are wrong on purpose, and which check sees it.
//!
//! The identities of a recursion ask whether the traces and the laws drawn from them fit together. An algorithm that is
//! consistent but another one passes them all: only the comparison with the right law, the right numbers of traces and
//! structures, or the right result on given weights can refute it. The table at the end says, for each mutant, exactly
//! which checks fail, so it documents what each can and cannot see.

use std::collections::{BTreeMap, BTreeSet};

use gumbel_oracle::arborescence::{Arborescence, Component};
use gumbel_oracle::binary_tree::{BinaryTree, Interval};
use gumbel_oracle::identities::{of_recursion, of_traces};
use gumbel_oracle::limit::Limit;
use gumbel_oracle::matching::Matching;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::{Exact, FromExact, to_rational};
use gumbel_oracle::recursion::{Recursion, run, traces};
use gumbel_oracle::spanning_tree::SpanningTree;
use gumbel_oracle::structure::{EntrySet, Parents, Structure};
use num_bigint::BigUint;
use num_rational::BigRational;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

const LAW: &str = "law";
const TRACES: &str = "number of traces";
const RACES: &str = "numbers of races";
const STRUCTURES: &str = "number of structures";
const RESULT: &str = "result on given weights";
const PROMISES: &str = "promises kept";
const DIFFERENT: &str = "traces are different";
const DECOMPOSITION: &str = "decomposition";
const MOMENTS: &str = "total expectation and covariance";
const ROUND_TRIP: &str = "round trip";
const VARIABLES: &str = "change of variables";

/// The checks that fail, in the order: identities, law, numbers, results.
fn refuted_by<R>(mutant: &R, right: &Model) -> Vec<&'static str>
where
    R: Recursion<Structure: Into<Structure>>,
{
    let first = of_recursion(mutant, right.rates()).remove(0);
    assert_eq!(first.name, PROMISES);
    let identities = of_traces(mutant, right.rates());
    let names: Vec<&str> = identities.iter().map(|identity| identity.name).collect();
    let known = [DIFFERENT, DECOMPOSITION, MOMENTS, ROUND_TRIP, VARIABLES];
    assert_eq!(names, known, "the identities are those that this file knows");
    let failed = std::iter::once(first).chain(identities).filter(|identity| identity.outcome.is_err());
    let mut found: Vec<&str> = failed.map(|identity| identity.name).collect();

    let rates: Vec<Exact> = right.rates().iter().map(Exact::from_exact).collect();
    let mut law: BTreeMap<Structure, Exact> = BTreeMap::new();
    let (mut count, mut races) = (0_usize, BTreeSet::new());
    for outcome in traces(mutant, &rates) {
        *law.entry(outcome.structure.into()).or_default() += outcome.probability;
        races.insert(outcome.trace.races().len());
        count += 1;
    }
    let number = law.len();
    let law: Vec<(Structure, BigRational)> = law.into_iter().map(|(x, p)| (x, to_rational(&p))).collect();
    let same_results = |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let weights: Vec<Exact> = rates.iter().map(|_| Exact::from(rng.random_range(1..1_000_i64))).collect();
        run(mutant, &weights).unwrap().structure.into() == right.run(&weights).unwrap().structure
    };
    let checks = [
        (LAW, law == right.law(Limit::default()).unwrap().outcomes),
        (TRACES, Some(BigUint::from(count)) == right.trace_count()),
        (RACES, races == right.traces().map(|outcome| outcome.trace.races().len()).collect()),
        (STRUCTURES, BigUint::from(number) == right.structure_count()),
        (RESULT, (0..200).all(same_results)),
    ];
    found.extend(checks.into_iter().filter(|(_, holds)| !holds).map(|(name, _)| name));
    found
}

/// A recursion that is a few closures away from the right one would be hard to read, so each mutant is spelled out where it
/// differs and hands the rest on.
macro_rules! hand_on {
    ($($method:ident),*) => { $(hand_on!(@ $method);)* };
    (@ entry_count) => { fn entry_count(&self) -> usize { self.right.entry_count() } };
    (@ start) => { fn start(&self) -> Self::State { self.right.start() } };
    (@ stop) => { fn stop(&self, state: &Self::State) -> Option<Self::Structure> { self.right.stop(state) } };
    (@ split) => { fn split(&self, state: &Self::State) -> Vec<Vec<usize>> { self.right.split(state) } };
    (@ map) => {
        fn map(&self, state: &Self::State, winners: &[usize]) -> Self::State { self.right.map(state, winners) }
    };
    (@ combine) => {
        fn combine(&self, state: &Self::State, winners: &[usize], rest: Self::Structure) -> Self::Structure {
            self.right.combine(state, winners, rest)
        }
    };
}

// ---------------------------------------------------------------------------------------------------------------
// Kruskal.

/// A square with one diagonal.
const EDGES: [(usize, usize); 5] = [(0, 1), (1, 2), (2, 3), (0, 3), (0, 2)];

fn right_tree() -> Model {
    let rates = "[[0,1,3],[1,2,1],[2,3,\"1/2\"],[0,3,\"5/2\"],[0,2,2]]";
    Model::parse(&format!(r#"{{"structure": "spanning_tree", "vertices": 4, "edges": {rates}}}"#)).unwrap()
}

#[derive(Clone, Copy, PartialEq)]
enum Tree {
    /// None.
    Right,
    /// Edges inside a component race on; one that wins is thrown away.
    InsideEdgesRace,
    /// The same, but it is kept.
    InsideEdgesWin,
    /// The last edge is the lowest that fits: no race is held for it.
    LastRaceForgotten,
    /// Only the edges that leave the component of vertex 0 race, as in the algorithm of Prim. On weights of which nothing is
    /// subtracted that would be right.
    OneComponentGrows,
    /// Of the edges between the same two components only the lowest races.
    ParallelEdgesMerged,
}

struct Kruskal {
    right: SpanningTree,
    mistake: Tree,
}

impl Recursion for Kruskal {
    /// The component of each vertex, and which edges have won.
    type State = (Vec<usize>, EntrySet);
    type Structure = EntrySet;
    hand_on!(entry_count);
    fn start(&self) -> Self::State {
        (self.right.start(), EntrySet::new())
    }
    fn stop(&self, (component, _): &Self::State) -> Option<EntrySet> {
        let names: BTreeSet<&usize> = component.iter().collect();
        match (names.len(), self.mistake) {
            (2, Tree::LastRaceForgotten) => {
                Some(self.right.split(component)[0][..1].iter().copied().collect())
            }
            _ => self.right.stop(component),
        }
    }
    fn split(&self, (component, won): &Self::State) -> Vec<Vec<usize>> {
        let ends = |k: usize| (component[EDGES[k].0], component[EDGES[k].1]);
        let between = self.right.split(component).concat();
        let first =
            |k: &usize| between.iter().find(|&&j| ends(j) == ends(*k) || ends(j) == (ends(*k).1, ends(*k).0));
        vec![match self.mistake {
            Tree::InsideEdgesRace | Tree::InsideEdgesWin => {
                (0..self.entry_count()).filter(|k| !won.contains(k)).collect()
            }
            Tree::OneComponentGrows => {
                between.into_iter().filter(|&k| ends(k).0 == 0 || ends(k).1 == 0).collect()
            }
            Tree::ParallelEdgesMerged => between.iter().copied().filter(|k| first(k) == Some(k)).collect(),
            Tree::Right | Tree::LastRaceForgotten => between,
        }]
    }
    fn map(&self, (component, won): &Self::State, winners: &[usize]) -> Self::State {
        let mut won = won.clone();
        won.extend(winners);
        (self.right.map(component, winners), won)
    }
    fn combine(&self, (component, _): &Self::State, winners: &[usize], rest: EntrySet) -> EntrySet {
        let joins = self.right.split(component)[0].contains(&winners[0]);
        if joins || self.mistake != Tree::InsideEdgesRace {
            self.right.combine(component, winners, rest)
        } else {
            rest
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Chu-Liu-Edmonds.

/// Three vertices that all prefer one another, and the root 0. The arcs from the root come first.
const ARCS: [(usize, usize); 9] = [(0, 1), (0, 2), (0, 3), (1, 2), (2, 1), (1, 3), (3, 1), (2, 3), (3, 2)];

fn right_arborescence() -> Model {
    let arcs =
        "[[0,1,\"1/2\"],[0,2,1],[0,3,\"3/4\"],[1,2,3],[2,1,2],[1,3,\"5/2\"],[3,1,4],[2,3,\"7/3\"],[3,2,5]]";
    let text = format!(r#"{{"structure": "arborescence", "vertices": 4, "root": 0, "edges": {arcs}}}"#);
    Model::parse(&text).unwrap()
}

#[derive(Clone, Copy, PartialEq)]
enum Arcs {
    /// None.
    Right,
    /// A contracted cycle does not race again: it is entered by its lowest arc.
    NoRaceAfterContraction,
    /// Cycles are not contracted: each vertex keeps the arc that it won.
    NoContraction,
    /// All arcs into a contracted cycle race, those from inside too, even if they have won already.
    WinnersInsideRace,
    /// All arcs into a contracted cycle race, those from inside too, unless they have won already.
    LosersInsideRace,
    /// On expansion the member after the one that is entered gives up its arc.
    WrongArcDropped,
    /// On expansion no member gives up its arc.
    NoArcDropped,
    /// A contracted cycle races over the arcs into its lowest vertex only.
    OneVertexEntered,
}

struct Edmonds {
    right: Arborescence,
    mistake: Arcs,
}

impl Edmonds {
    /// The cycles contracted after this state: (member, its arc) of each.
    fn contracted(&self, components: &[Component], winners: &[usize]) -> Vec<Vec<Component>> {
        let mut rest = winners.iter().copied();
        let raced: Vec<Component> = components
            .iter()
            .map(|c| Component { winner: c.winner.or_else(|| rest.next()), ..c.clone() })
            .collect();
        let next = self.right.map(&components.to_vec(), winners);
        let new = next.iter().filter(|c| c.winner.is_none());
        new.map(|c| raced.iter().filter(|member| member.vertices.is_subset(&c.vertices)).cloned().collect())
            .collect()
    }
}

impl Recursion for Edmonds {
    /// The components, and which arcs have won.
    type State = (Vec<Component>, EntrySet);
    type Structure = EntrySet;
    hand_on!(entry_count);
    fn start(&self) -> Self::State {
        (self.right.start(), EntrySet::new())
    }
    fn stop(&self, (components, _): &Self::State) -> Option<EntrySet> {
        self.right.stop(components)
    }
    fn split(&self, (components, won): &Self::State) -> Vec<Vec<usize>> {
        let mut sets = self.right.split(components);
        for (set, c) in sets.iter_mut().zip(components.iter().filter(|c| c.winner.is_none())) {
            if c.vertices.len() == 1 {
                continue;
            }
            let into = |k: &usize| c.vertices.contains(&ARCS[*k].1);
            match self.mistake {
                Arcs::WinnersInsideRace => *set = (0..ARCS.len()).filter(into).collect(),
                Arcs::LosersInsideRace => {
                    *set = (0..ARCS.len()).filter(into).filter(|k| !won.contains(k)).collect();
                }
                Arcs::OneVertexEntered => {
                    let lowest = c.vertices.first().copied();
                    set.retain(|&k| Some(ARCS[k].1) == lowest);
                }
                _ => {}
            }
        }
        sets
    }
    fn map(&self, (components, won): &Self::State, winners: &[usize]) -> Self::State {
        let mut won = won.clone();
        won.extend(winners);
        let mut next = self.right.map(components, winners);
        if self.mistake == Arcs::NoContraction {
            let singles = components.iter().zip(winners);
            next = singles.map(|(c, &arc)| Component { winner: Some(arc), ..c.clone() }).collect();
        }
        if self.mistake == Arcs::NoRaceAfterContraction {
            for c in next.iter_mut().filter(|c| c.winner.is_none()) {
                let enters = |&(u, v): &(usize, usize)| c.vertices.contains(&v) && !c.vertices.contains(&u);
                c.winner = ARCS.iter().position(enters); // from the root, so it closes no other cycle
            }
        }
        (next, won)
    }
    fn combine(&self, (components, _): &Self::State, winners: &[usize], mut rest: EntrySet) -> EntrySet {
        let wrong = match self.mistake {
            Arcs::NoContraction => return rest,
            Arcs::WrongArcDropped => 1,
            Arcs::NoArcDropped => usize::MAX,
            _ => return self.right.combine(components, winners, rest),
        };
        for members in self.contracted(components, winners) {
            let enters = |member: &Component| rest.iter().any(|&arc| member.vertices.contains(&ARCS[arc].1));
            // After one wrong expansion the next cycle may not be entered at all.
            let entered = members.iter().position(enters).unwrap_or(0);
            for (i, member) in members.iter().enumerate() {
                if wrong == usize::MAX || i != (entered + wrong) % members.len() {
                    rest.extend(member.winner);
                }
            }
        }
        rest
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Crossing.

fn right_matching() -> Model {
    Model::parse(r#"{"structure": "matching", "rates": [[1, 2, "1/3"], ["3/4", 1, 4], [2, "5/2", 1]]}"#)
        .unwrap()
}

#[derive(Clone, Copy, PartialEq)]
enum Cells {
    /// None.
    Right,
    /// The winner's row goes, its column stays.
    ColumnStays,
    /// Only the cells of the first row that is left race.
    RowByRow,
    /// The last cell is not raced for.
    LastRaceForgotten,
}

struct Crossing {
    right: Matching,
    mistake: Cells,
}

impl Recursion for Crossing {
    type State = (Vec<usize>, Vec<usize>);
    type Structure = EntrySet;
    hand_on!(entry_count, start, combine);
    fn stop(&self, state: &Self::State) -> Option<EntrySet> {
        match (self.mistake, self.right.split(state).concat().as_slice()) {
            (Cells::LastRaceForgotten, &[last]) => Some([last].into()),
            _ => self.right.stop(state),
        }
    }
    fn split(&self, state: &Self::State) -> Vec<Vec<usize>> {
        let mut sets = self.right.split(state);
        if self.mistake == Cells::RowByRow {
            sets[0].retain(|&k| self.right.cells()[k].0 == state.0[0]);
        }
        sets
    }
    fn map(&self, state: &Self::State, winners: &[usize]) -> Self::State {
        let (rows, columns) = self.right.map(state, winners);
        if self.mistake == Cells::ColumnStays { (rows, state.1.clone()) } else { (rows, columns) }
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Divide and conquer.

fn right_binary_tree() -> Model {
    Model::parse(r#"{"structure": "binary_tree", "rates": [2, "1/2", 3, 1]}"#).unwrap()
}

#[derive(Clone, Copy, PartialEq)]
enum Halves {
    /// None.
    Right,
    /// The root goes into the left half too, if that is shorter than the whole.
    RootInLeftHalf,
    /// Only the two ends of an interval race.
    EndsRace,
    /// A position alone is not raced for, though the trace lists a race for each.
    SingleNotRaced,
}

struct Halving {
    right: BinaryTree,
    mistake: Halves,
}

impl Recursion for Halving {
    type State = Vec<Interval>;
    type Structure = Parents;
    hand_on!(entry_count, start);
    fn stop(&self, intervals: &Vec<Interval>) -> Option<Parents> {
        if self.mistake == Halves::SingleNotRaced && intervals.iter().all(|i| i.high - i.low == 1) {
            let mut parents = Parents(vec![None; self.entry_count()]);
            for interval in intervals {
                parents.0[interval.low] = interval.parent;
            }
            return Some(parents);
        }
        self.right.stop(intervals)
    }
    fn split(&self, intervals: &Vec<Interval>) -> Vec<Vec<usize>> {
        let mut sets = self.right.split(intervals);
        if self.mistake == Halves::EndsRace {
            for set in &mut sets {
                let ends = (set.first().copied(), set.last().copied());
                set.retain(|&k| Some(k) == ends.0 || Some(k) == ends.1);
            }
        }
        sets
    }
    fn map(&self, intervals: &Vec<Interval>, winners: &[usize]) -> Vec<Interval> {
        let mut next = self.right.map(intervals, winners);
        if self.mistake == Halves::RootInLeftHalf {
            for (interval, &root) in intervals.iter().zip(winners) {
                let left = |half: &&mut Interval| half.high == root && half.low == interval.low;
                if root + 1 < interval.high {
                    next.iter_mut().filter(left).for_each(|half| half.high += 1);
                }
            }
        }
        next
    }
    hand_on!(combine);
}

// ---------------------------------------------------------------------------------------------------------------

fn tree(mistake: Tree) -> Vec<&'static str> {
    refuted_by(&Kruskal { right: SpanningTree::new(4, &EDGES), mistake }, &right_tree())
}

fn arcs(mistake: Arcs) -> Vec<&'static str> {
    refuted_by(&Edmonds { right: Arborescence::new(4, 0, &ARCS), mistake }, &right_arborescence())
}

fn cells(mistake: Cells) -> Vec<&'static str> {
    refuted_by(&Crossing { right: Matching::new(3), mistake }, &right_matching())
}

fn halves(mistake: Halves) -> Vec<&'static str> {
    refuted_by(&Halving { right: BinaryTree::new(4), mistake }, &right_binary_tree())
}

#[test]
fn nothing_refutes_the_right_algorithms() {
    assert_eq!(tree(Tree::Right), [""; 0]);
    assert_eq!(arcs(Arcs::Right), [""; 0]);
    assert_eq!(cells(Cells::Right), [""; 0]);
    assert_eq!(halves(Halves::Right), [""; 0]);
}

/// Consistent but different: no identity sees it.
const ANOTHER_LAW: [&str; 4] = [LAW, TRACES, STRUCTURES, RESULT];
/// An entry that has won and races again breaks the invariant that all laws are drawn from.
const WINS_TWICE: [&str; 5] = [PROMISES, DECOMPOSITION, MOMENTS, ROUND_TRIP, VARIABLES];

#[test]
fn each_wrong_kruskal_is_refuted_by_exactly_these_checks() {
    // The tree is right, since an edge thrown away changes nothing: only the traces are others.
    assert_eq!(tree(Tree::InsideEdgesRace), [TRACES, RACES]);
    assert_eq!(tree(Tree::InsideEdgesWin), [LAW, TRACES, RACES, STRUCTURES, RESULT]);
    assert_eq!(tree(Tree::LastRaceForgotten), [LAW, TRACES, RACES, STRUCTURES, RESULT]);
    assert_eq!(tree(Tree::OneComponentGrows), [LAW, TRACES, RESULT]);
    assert_eq!(tree(Tree::ParallelEdgesMerged), ANOTHER_LAW);
}

#[test]
fn each_wrong_edmonds_is_refuted_by_exactly_these_checks() {
    assert_eq!(arcs(Arcs::NoRaceAfterContraction), [LAW, TRACES, RACES, RESULT]);
    assert_eq!(arcs(Arcs::NoContraction), [LAW, TRACES, RACES, STRUCTURES, RESULT]);
    assert_eq!(arcs(Arcs::WinnersInsideRace), [&WINS_TWICE[..], &ANOTHER_LAW].concat());
    assert_eq!(arcs(Arcs::LosersInsideRace), ANOTHER_LAW);
    // The races are right: only what is made of the winners is wrong.
    assert_eq!(arcs(Arcs::WrongArcDropped), [LAW, STRUCTURES, RESULT]);
    assert_eq!(arcs(Arcs::NoArcDropped), [LAW, STRUCTURES, RESULT]);
    assert_eq!(arcs(Arcs::OneVertexEntered), [LAW, TRACES, RESULT]);
}

#[test]
fn each_wrong_crossing_is_refuted_by_exactly_these_checks() {
    assert_eq!(cells(Cells::ColumnStays), ANOTHER_LAW);
    assert_eq!(cells(Cells::RowByRow), [LAW, TRACES, RESULT]);
    // A race with one entrant has one outcome: its absence changes no probability and no conditional law.
    assert_eq!(cells(Cells::LastRaceForgotten), [RACES]);
}

#[test]
fn each_wrong_division_is_refuted_by_exactly_these_checks() {
    // On given weights the root, reduced to 0, wins again and again until it is alone, and the tree comes out right.
    assert_eq!(halves(Halves::RootInLeftHalf), [&WINS_TWICE[..], &[LAW, TRACES, RACES, STRUCTURES]].concat());
    assert_eq!(halves(Halves::EndsRace), ANOTHER_LAW);
    assert_eq!(halves(Halves::SingleNotRaced), [RACES]);
}
