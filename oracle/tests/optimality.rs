//! On any weights the algorithms find the optimum: by brute force, by petgraph, and by a linear programming certificate.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Graph, cases, connected_graph, digraph_from_root};
use gumbel_oracle::identities::optimality;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::{Exact, ratio};
use gumbel_oracle::structure::Structure;
use num_rational::BigRational;
use num_traits::Zero;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use rand::rngs::ChaCha8Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

fn exact(weight: i64) -> Exact {
    Exact::from(weight)
}

/// Weights in a narrow range, so that ties are common, and below 0 too.
fn weights(entries: usize, draws: usize) -> impl Strategy<Value = Vec<Vec<i64>>> {
    let narrow = proptest::collection::vec(0..4_i64, entries);
    let signed = proptest::collection::vec(-3..=5_i64, entries);
    let wide = proptest::collection::vec(0..1_000_000_i64, entries);
    proptest::collection::vec(prop_oneof![2 => narrow, 1 => signed, 1 => wide], draws)
}

fn with_weights(
    graphs: impl Strategy<Value = Graph>,
    model: fn(&Graph) -> Model,
) -> impl Strategy<Value = (Graph, Vec<Vec<i64>>)> {
    graphs.prop_flat_map(move |graph| {
        let entries = model(&graph).entries().len();
        (Just(graph), weights(entries, 6))
    })
}

#[test]
fn the_generators_draw_many_sizes_densities_and_roots_and_both_trees_and_cycles() {
    let mut runner = TestRunner::new(cases(1));
    let mut draw = |graphs: BoxedStrategy<Graph>| -> Vec<Graph> {
        (0..400).map(|_| graphs.new_tree(&mut runner).unwrap().current()).collect()
    };
    let graphs = draw(connected_graph(7).boxed());
    let digraphs = draw(digraph_from_root(7).boxed());
    for (drawn, all_pairs) in [(&graphs, 1), (&digraphs, 2)] {
        for n in 2..=7 {
            let of_size = || drawn.iter().filter(move |graph| graph.vertices == n);
            assert!(of_size().count() >= 20, "{n} vertices: {}", of_size().count());
            let full = all_pairs * n * (n - 1) / 2;
            let trees = of_size().filter(|graph| graph.edges.len() == n - 1).count();
            assert!(trees >= 3, "{n} vertices: {trees} trees");
            if n > 3 {
                let dense = of_size().filter(|graph| graph.edges.len() * 5 >= full * 4).count();
                let between = of_size().filter(|graph| (n..full).contains(&graph.edges.len())).count();
                assert!(dense >= 3 && between >= 5, "{n} vertices: {dense} dense, {between} between");
            }
            let absent = of_size().filter(|graph| graph.edges.iter().any(|(_, _, rate)| rate.is_zero()));
            assert!(n == 2 || absent.count() > 0, "{n} vertices: no rate 0");
        }
        let rates: BTreeSet<&BigRational> =
            drawn.iter().flat_map(|graph| graph.edges.iter().map(|(_, _, rate)| rate)).collect();
        assert!(rates.len() > 40 && rates.iter().any(|rate| !rate.is_integer()));
        // not always in sorted order, and not always u < v
        assert!(drawn.iter().any(|graph| !graph.edges.is_sorted()));
        assert!(drawn.iter().any(|graph| graph.edges.iter().any(|(u, v, _)| u > v)));
    }
    let roots: BTreeSet<usize> = digraphs.iter().map(|graph| graph.root).collect();
    assert_eq!(roots, (0..7).collect());
    let cyclic = |graph: &&Graph| {
        let arcs: BTreeSet<(usize, usize)> = graph.edges.iter().map(|&(u, v, _)| (u, v)).collect();
        arcs.iter().any(|&(u, v)| u != graph.root && v != graph.root && arcs.contains(&(v, u)))
    };
    let cyclic = digraphs.iter().filter(cyclic).count();
    assert!(
        (40..=360).contains(&cyclic),
        "{cyclic} of 400 digraphs have a cycle of two that avoids the root"
    );
    let into_root = digraphs.iter().filter(|graph| graph.edges.iter().any(|&(_, v, _)| v == graph.root));
    assert!(into_root.count() > 40);
}

fn held(model: &Model, draws: &[Vec<i64>]) -> Result<(), TestCaseError> {
    let identity = optimality(model, draws);
    prop_assert!(identity.outcome.as_ref().is_ok_and(|&compared| compared > 0), "{:?}", identity.outcome);
    Ok(())
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn kruskal_finds_a_minimum_spanning_tree((graph, draws) in with_weights(connected_graph(7), Graph::tree_model)) {
        held(&graph.tree_model(), &draws)?;
    }

    #[test]
    fn edmonds_finds_a_minimum_arborescence_by_brute_force_and_by_duality(
        (graph, draws) in with_weights(digraph_from_root(7), Graph::arborescence_model)
    ) {
        let model = graph.arborescence_model();
        held(&model, &draws)?;
        for weights in &draws {
            let certified = certified_weight(&model, graph.root, weights);
            prop_assert_eq!(certified, exact(brute_force(&model, graph.root, weights)));
        }
    }

    #[test]
    fn sorting_and_selecting_are_right(rates in proptest::collection::vec((0..3_i64, 1..9_i64), 1..7), k in 1..7_usize,
        draws in weights(7, 6)) {
        let rates: Vec<BigRational> = rates.into_iter().map(|(p, q)| ratio(p, q)).collect();
        let draws: Vec<Vec<i64>> = draws.into_iter().map(|draw| draw[..rates.len()].to_vec()).collect();
        let positive = rates.iter().filter(|rate| !rate.is_zero()).count();
        if positive > 0 {
            held(&Model::top_k(rates.clone(), k.min(positive)).unwrap(), &draws)?;
            held(&Model::categorical(rates.clone()).unwrap(), &draws)?;
        }
        if positive == rates.len() {
            held(&Model::permutation(rates).unwrap(), &draws)?;
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------
// Independent solvers for arborescences.

/// The least weight over all choices of one arc into each vertex that leave no cycle. Shares nothing with the crate.
fn brute_force(model: &Model, root: usize, weights: &[i64]) -> i64 {
    let n = model.size();
    let mut entering: Vec<Vec<(usize, i64)>> = vec![Vec::new(); n];
    for (k, (u, v)) in model.pairs().into_iter().enumerate() {
        if !model.rates()[k].is_zero() {
            entering[v].push((u, weights[k]));
        }
    }
    let mut parent = vec![usize::MAX; n];
    fn choose(v: usize, root: usize, entering: &[Vec<(usize, i64)>], parent: &mut [usize]) -> Option<i64> {
        if v == parent.len() {
            let reaches = |start: usize| {
                let mut at = start;
                (0..parent.len()).any(|_| {
                    let here = at;
                    at = if here == root { root } else { parent[here] };
                    here == root
                })
            };
            return (0..parent.len()).all(reaches).then_some(0);
        }
        if v == root {
            return choose(v + 1, root, entering, parent);
        }
        let options = entering[v].iter().filter_map(|&(u, weight)| {
            parent[v] = u;
            choose(v + 1, root, entering, parent).map(|rest| rest + weight)
        });
        options.min()
    }
    choose(0, root, &entering, &mut parent).expect("the root reaches every vertex")
}

/// Runs Edmonds and checks the certificate of Edmonds and Fulkerson: give each component the time `y_S` of its race. If
/// `y_S ≥ 0` (of a single vertex any sign), no arc is entered for more than it costs, `Σ_{S: (u,v) enters S} y_S ≤ w_uv`,
/// and `Σ y_S` is the weight of an arborescence, then that arborescence is a minimum. Returns the weight.
fn certified_weight(model: &Model, root: usize, weights: &[i64]) -> Exact {
    let exact_weights: Vec<Exact> = weights.iter().map(|&weight| exact(weight)).collect();
    let run = model.run(&exact_weights).unwrap();
    let Structure::Entries(arcs) = &run.structure else { panic!("a set of arcs") };
    // It is an arborescence: n - 1 arcs, one into each other vertex, and a way from the root to each.
    let pairs = model.pairs();
    let mut parent = vec![None; model.size()];
    for &arc in arcs.iter() {
        let (u, v) = pairs[arc];
        assert!(parent[v].replace(u).is_none() && v != root, "two arcs into {v}");
    }
    for v in 0..model.size() {
        let way = std::iter::successors(Some(v), |&v| parent[v]).take(model.size() + 1);
        assert_eq!(way.last(), Some(root), "no way from the root to {v}");
    }
    // The dual.
    let time: BTreeMap<usize, Exact> =
        run.trace.races().iter().map(|race| race.winner).zip(run.times.iter().cloned()).collect();
    let components: Vec<(Vec<usize>, Exact)> = model
        .components(&run.trace)
        .into_iter()
        .map(|(component, arc)| (component, time[&arc].clone()))
        .collect();
    assert_eq!(components.len(), run.times.len());
    for (component, y) in &components {
        assert!(component.len() == 1 || *y >= Exact::ZERO, "component {component:?} has time {y}");
    }
    for (k, &(u, v)) in pairs.iter().enumerate() {
        if model.rates()[k].is_zero() {
            continue;
        }
        let entered = components.iter().filter(|(set, _)| set.contains(&v) && !set.contains(&u));
        let sum = entered.fold(Exact::ZERO, |sum, (_, y)| sum + y);
        assert!(sum <= exact_weights[k], "arc {u}→{v} costs {} but is entered for {sum}", exact_weights[k]);
    }
    let weight = arcs.iter().fold(Exact::ZERO, |sum, &arc| sum + &exact_weights[arc]);
    let dual = run.times.iter().fold(Exact::ZERO, |sum, y| sum + y);
    assert_eq!(weight, dual, "the weight is the sum of all race times");
    weight
}

// ---------------------------------------------------------------------------------------------------------------
// Cycles of cycles.

/// A vertex, or a cycle of parts.
#[derive(Debug, Clone)]
enum Part {
    Vertex(usize),
    Cycle(Vec<Part>),
}

impl Part {
    fn vertices(&self) -> Vec<usize> {
        match self {
            Self::Vertex(v) => vec![*v],
            Self::Cycle(parts) => parts.iter().flat_map(Self::vertices).collect(),
        }
    }

    fn depth(&self) -> u32 {
        match self {
            Self::Vertex(_) => 0,
            Self::Cycle(parts) => 1 + parts.iter().map(Self::depth).max().unwrap_or(0),
        }
    }

    /// The vertex sets of all parts inside, and of this one.
    fn family(&self, into: &mut BTreeSet<Vec<usize>>) {
        let mut vertices = self.vertices();
        vertices.sort_unstable();
        into.insert(vertices);
        if let Self::Cycle(parts) = self {
            parts.iter().for_each(|part| part.family(into));
        }
    }

    /// An arc from each part of each cycle to the next, of weight about `BASE^depth` of the cycle.
    fn arcs(&self, rng: &mut ChaCha8Rng, into: &mut BTreeMap<(usize, usize), i64>) {
        let Self::Cycle(parts) = self else { return };
        for (i, part) in parts.iter().enumerate() {
            let next = &parts[(i + 1) % parts.len()];
            let tail = *part.vertices().choose(rng).unwrap();
            let head = *next.vertices().choose(rng).unwrap();
            into.insert((tail, head), BASE.pow(self.depth()) + rng.random_range(0..3));
            part.arcs(rng, into);
        }
    }
}

/// What an arc of a cycle costs more than one of the cycles inside it. By the time a part races, less than
/// `Σ_{i<d} (BASE^i + 3)` has been subtracted from an arc that enters it, so the dearer arcs never overtake.
const BASE: i64 = 20;

/// A digraph on `0..=n` with the root 0 in which Edmonds must contract exactly the cycles of `part`: all other arcs, and
/// all from the root, cost more than any cycle. About half of the other pairs get one.
fn nested(part: &Part, seed: u64) -> (Model, Vec<i64>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let n = part.vertices().len() + 1;
    let mut arcs = BTreeMap::new();
    part.arcs(&mut rng, &mut arcs);
    let dear = BASE.pow(part.depth() + 1);
    let entered = *part.vertices().choose(&mut rng).unwrap();
    for u in 0..n {
        for v in (1..n).filter(|&v| v != u) {
            let extra = rng.random_bool(0.5) || (u, v) == (0, entered);
            if extra && !arcs.contains_key(&(u, v)) {
                arcs.insert((u, v), dear + rng.random_range(0..dear));
            }
        }
    }
    let mut list: Vec<((usize, usize), i64)> = arcs.into_iter().collect();
    list.shuffle(&mut rng); // ties and entry order play no part
    let edges = list.iter().map(|&((u, v), _)| (u, v, ratio(1, 1))).collect();
    let model = Graph { vertices: n, root: 0, edges }.arborescence_model();
    (model, list.into_iter().map(|(_, weight)| weight).collect())
}

/// Runs it, checks that exactly the components of `part` were formed, and that the result is a minimum: by duality, and
/// up to 7 vertices by brute force too.
fn nests_as_built(part: &Part, seed: u64) {
    let (model, weights) = nested(part, seed);
    let exact_weights: Vec<Exact> = weights.iter().map(|&weight| exact(weight)).collect();
    let run = model.run(&exact_weights).unwrap();
    let formed: BTreeSet<Vec<usize>> =
        model.components(&run.trace).into_iter().map(|(component, _)| component).collect();
    let mut want = BTreeSet::new();
    part.family(&mut want);
    assert_eq!(formed, want);
    let weight = certified_weight(&model, 0, &weights);
    if model.size() <= 7 {
        assert_eq!(weight, exact(brute_force(&model, 0, &weights)));
    }
}

/// The longest chain of components, one inside the next.
fn nesting(components: &BTreeSet<Vec<usize>>) -> usize {
    let inside = |small: &Vec<usize>, large: &Vec<usize>| {
        small.len() < large.len() && small.iter().all(|v| large.contains(v))
    };
    let mut by_size: Vec<&Vec<usize>> = components.iter().collect();
    by_size.sort_by_key(|component| component.len());
    let mut depth: Vec<usize> = Vec::new();
    for (i, large) in by_size.iter().enumerate() {
        let below = (0..i).filter(|&j| inside(by_size[j], large)).map(|j| depth[j] + 1);
        depth.push(below.max().unwrap_or(0));
    }
    depth.into_iter().max().unwrap_or(0)
}

/// Vertices in random order: the first two are a cycle, each further one makes a cycle with all before.
fn chain(depth: usize, rng: &mut ChaCha8Rng) -> Part {
    let mut vertices: Vec<usize> = (1..=depth + 1).collect();
    vertices.shuffle(rng);
    let first = Part::Vertex(vertices[0]);
    vertices[1..].iter().fold(first, |inner, &v| {
        let outer = Part::Vertex(v);
        Part::Cycle(if v % 2 == 0 { vec![inner, outer] } else { vec![outer, inner] })
    })
}

#[test]
fn contractions_nest_to_any_depth() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    for depth in 1..=8 {
        for seed in 0..6 {
            let part = chain(depth, &mut rng);
            let (mut family, built) = (BTreeSet::new(), part.depth());
            part.family(&mut family);
            assert_eq!((built as usize, nesting(&family)), (depth, depth));
            nests_as_built(&part, seed);
        }
    }
}

/// Pairs that all close in the first step, then a cycle of the pairs.
#[test]
fn several_cycles_are_contracted_in_one_step() {
    let pairs = |n: usize| -> Vec<Part> {
        (0..n).map(|i| Part::Cycle(vec![Part::Vertex(2 * i + 1), Part::Vertex(2 * i + 2)])).collect()
    };
    for (n, seed) in [(2, 1), (3, 2), (4, 3), (3, 4), (4, 5)] {
        nests_as_built(&Part::Cycle(pairs(n)), seed);
        let (model, weights) = nested(&Part::Cycle(pairs(n)), seed);
        let run = model.run(&weights.iter().map(|&weight| exact(weight)).collect::<Vec<_>>()).unwrap();
        // the races: 2n vertices, then the n pairs, then the cycle of pairs
        let sizes: Vec<usize> = model.components(&run.trace).iter().map(|(set, _)| set.len()).collect();
        assert_eq!(sizes, [vec![1; 2 * n], vec![2; n], vec![2 * n]].concat());
    }
}

/// A random hierarchy on these vertices: cut into two to four parts, each cut in turn.
fn hierarchy(vertices: &[usize], rng: &mut ChaCha8Rng) -> Part {
    if let [v] = vertices {
        return Part::Vertex(*v);
    }
    let parts = if rng.random_bool(0.7) { 2 } else { rng.random_range(2..=vertices.len().min(4)) };
    let mut cuts: Vec<usize> = (1..vertices.len()).collect();
    cuts.shuffle(rng);
    cuts.truncate(parts - 1);
    cuts.extend([0, vertices.len()]);
    cuts.sort_unstable();
    Part::Cycle(cuts.windows(2).map(|cut| hierarchy(&vertices[cut[0]..cut[1]], rng)).collect())
}

#[test]
fn cycles_of_cycles_are_contracted_as_built() {
    let mut rng = ChaCha8Rng::seed_from_u64(0xC7C1E);
    let mut depths = BTreeMap::new();
    for seed in 0..300 {
        let mut vertices: Vec<usize> = (1..=rng.random_range(2..=9)).collect();
        vertices.shuffle(&mut rng);
        let part = hierarchy(&vertices, &mut rng);
        *depths.entry(part.depth()).or_insert(0) += 1;
        nests_as_built(&part, seed);
    }
    assert!((1..=5).all(|depth| depths.get(&depth).is_some_and(|&count| count >= 5)), "{depths:?}");
}

/// Against the listing of all structures that the laws are built on.
#[test]
fn the_sum_of_the_times_is_the_least_weight_of_all_arborescences() {
    let (model, weights) = nested(&chain(4, &mut ChaCha8Rng::seed_from_u64(1)), 9);
    let best = certified_weight(&model, 0, &weights);
    let others = model.law(gumbel_oracle::limit::Limit::default()).unwrap().outcomes;
    let weight = |structure: &Structure| {
        let Structure::Entries(arcs) = structure else { panic!("a set of arcs") };
        exact(arcs.iter().map(|&arc| weights[arc]).sum())
    };
    assert!(others.len() > 10);
    assert_eq!(others.iter().map(|(x, _)| weight(x)).min(), Some(best));
}
