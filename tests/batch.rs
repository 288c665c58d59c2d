//! Batches: what is drawn of an item is what [`Fast`] draws of it alone, whatever stands around it, in whatever order it lies in memory.

use gumbel_oracle::kind::Kind;
use ndarray::{
    Array, Array3, ArrayBase, ArrayD, ArrayViewD, Axis, Dimension, Ix2, Ix3, IxDyn, RawData, Slice, array,
};
use proptest::prelude::*;
use recursive_gumbel::batch::{BatchError, Drawn, Float, Items, Outputs};
use recursive_gumbel::fast::stream::{Seed, Stream};
use recursive_gumbel::fast::{
    Algorithm, Arborescence, BinaryTree, Categorical, Fast, InputError, Matching, NONE, Outputs as Rows,
    Permutation, SpanningTree, TopK, rates_of_logits,
};
use recursive_gumbel::sample::Field;

const KINDS: [Kind; 7] = Kind::ALL;

fn is_matrix(kind: Kind) -> bool {
    matches!(kind, Kind::SpanningTree | Kind::Arborescence | Kind::Matching)
}

fn shape(kind: Kind, items: usize, n: usize) -> Vec<usize> {
    if is_matrix(kind) { vec![items, n, n] } else { vec![items, n] }
}

/// Logits between -2 and 2 or so, different for every seed.
fn logits(kind: Kind, items: usize, n: usize, seed: u64) -> ArrayD<f64> {
    let mut stream = Stream::weights(Seed::new(seed), 7);
    Array::from_shape_simple_fn(IxDyn(&shape(kind, items, n)), || 2.0 * (stream.exponential() - 1.0))
}

/// One draw of one item, as `Fast` has it, with cells of a matrix of side `n`.
#[derive(Debug, Clone, PartialEq)]
struct Alone {
    structure: Vec<u32>,
    trace: Vec<u32>,
    log_prob: f64,
    score: Vec<f64>,
    exponentials: Vec<f64>,
    conditional: Vec<f64>,
}

fn of_fast<A: Algorithm>(
    algorithm: A,
    cells: Option<&[usize]>,
    [whole, structure_len, trace_len]: [usize; 3],
    seed: Seed,
    number: u64,
) -> Alone {
    let m = algorithm.rates().len();
    let (mut structure, mut trace) = (vec![0; algorithm.structure_len()], vec![0; algorithm.trace_len()]);
    let (mut log_prob, mut score, mut exponentials, mut conditional) =
        ([0.0], vec![0.0; m], vec![0.0; m], vec![0.0; m]);
    let rows = Rows {
        structure: Some(&mut structure),
        trace: Some(&mut trace),
        log_prob: Some(&mut log_prob),
        score: Some(&mut score),
        exponentials: Some(&mut exponentials),
        conditional: Some(&mut conditional),
        ..Rows::default()
    };
    Fast::with_keys(algorithm, seed).fill(number, 1, rows);
    let cell = |k: u32| match cells {
        Some(cells) if k != NONE => cells[k as usize] as u32,
        _ => k,
    };
    let numbers = |of: &[u32], len: usize| {
        let mut all: Vec<u32> = of.iter().copied().map(cell).collect();
        all.resize(len, NONE);
        all
    };
    let values = |of: &[f64], absent: f64| {
        let mut all = vec![absent; whole];
        (0..).zip(of).for_each(|(k, value)| all[cell(k) as usize] = *value);
        all
    };
    Alone {
        structure: numbers(&structure, structure_len),
        trace: numbers(&trace, trace_len),
        log_prob: log_prob[0],
        score: values(&score, 0.0),
        exponentials: values(&exponentials, f64::INFINITY),
        conditional: values(&conditional, f64::INFINITY),
    }
}

fn or_not<A>(algorithm: A, on_weights: impl Fn(A) -> A, by_races: bool) -> A {
    if by_races { algorithm } else { on_weights(algorithm) }
}

/// What the first `length` of an item's rates draw, where `there` says which are not masked; root 0, and two races of a top_k.
fn alone(
    kind: Kind,
    item: &ArrayViewD<'_, f64>,
    length: usize,
    there: &dyn Fn(&[usize]) -> bool,
    seed: Seed,
    number: u64,
    by_races: bool,
) -> Alone {
    let n = item.shape()[0];
    let k = 2.min(length);
    if !is_matrix(kind) {
        let there = |k: usize| if there(&[k]) { item[[k].as_slice()] } else { 0.0 };
        let rates: Vec<f64> = (0..length).map(there).collect();
        let widths = |structure| [n, structure, structure];
        return match kind {
            Kind::BinaryTree => of_fast(
                or_not(BinaryTree::new(&rates).unwrap(), BinaryTree::on_weights, by_races),
                None,
                widths(n),
                seed,
                number,
            ),
            Kind::TopK => of_fast(
                or_not(TopK::new(&rates, k).unwrap(), TopK::on_weights, by_races),
                None,
                widths(2.min(n)),
                seed,
                number,
            ),
            Kind::Permutation => of_fast(
                or_not(Permutation::new(&rates).unwrap(), Permutation::on_weights, by_races),
                None,
                widths(n),
                seed,
                number,
            ),
            _ => of_fast(
                or_not(Categorical::new(&rates).unwrap(), Categorical::on_weights, by_races),
                None,
                widths(1),
                seed,
                number,
            ),
        };
    }
    let is_read = |u: usize, v: usize| match kind {
        Kind::SpanningTree => u < v,
        Kind::Arborescence => u != v && v != 0,
        _ => true,
    };
    let (mut pairs, mut rates, mut cells) = (Vec::new(), Vec::new(), Vec::new());
    let mut square = vec![0.0; length * length];
    for (u, v) in (0..length).flat_map(|u| (0..length).map(move |v| (u, v))) {
        if is_read(u, v) && there(&[u, v]) {
            pairs.push((u as u32, v as u32));
            rates.push(item[[u, v].as_slice()]);
            cells.push(u * n + v);
            square[u * length + v] = item[[u, v].as_slice()];
        }
    }
    match kind {
        Kind::SpanningTree => {
            let tree = or_not(
                SpanningTree::new(length, &pairs, &rates).unwrap(),
                SpanningTree::on_weights,
                by_races,
            );
            let mut alone = of_fast(tree, Some(&cells), [n * n, n - 1, n - 1], seed, number);
            for weights in [&mut alone.exponentials, &mut alone.conditional] {
                cells.iter().for_each(|cell| weights[cell % n * n + cell / n] = weights[*cell]);
            }
            alone
        }
        Kind::Arborescence => {
            let widths = [n * n, n - 1, (2 * n).saturating_sub(3)];
            let tree = Arborescence::new(length, 0, &pairs, &rates).unwrap();
            of_fast(tree, Some(&cells), widths, seed, number)
        }
        _ => {
            let matching = or_not(Matching::new(length, &square).unwrap(), Matching::on_weights, by_races);
            of_fast(matching, Some(&cells), [n * n, n, n], seed, number)
        }
    }
}

/// The same draw of a batch.
fn row<T: Float>(drawn: &Drawn<T>, item: usize, draw: usize) -> Alone {
    let numbers =
        |of: &Option<Array3<u32>>| of.as_ref().unwrap().index_axis(Axis(0), item).row(draw).to_vec();
    let values = |of: &Option<ArrayD<T>>| {
        let row = of.as_ref().unwrap().index_axis(Axis(0), item);
        row.index_axis(Axis(0), draw).iter().map(|value| value.to_f64()).collect()
    };
    Alone {
        structure: numbers(&drawn.structure),
        trace: numbers(&drawn.trace),
        log_prob: drawn.log_prob.as_ref().unwrap()[[item, draw]].to_f64(),
        score: values(&drawn.score),
        exponentials: values(&drawn.exponentials),
        conditional: values(&drawn.conditional),
    }
}

/// Draws of all fields; without what follows from more than the winners, when small items are drawn several at a time, they are the same.
fn both<T: Float + PartialEq>(items: &Items<'_, T>, seed: u64, draws: usize) -> Drawn<T> {
    let all = items.draw(seed, draws, &Field::DRAWN).unwrap();
    let few = items.draw(seed, draws, &[Field::Structure, Field::Trace, Field::LogProb]).unwrap();
    let kind = items.kind();
    assert_eq!((&few.structure, &few.trace), (&all.structure, &all.trace), "{kind:?}: fields change a draw");
    assert_eq!(few.log_prob, all.log_prob, "{kind:?}: fields change a draw");
    all
}

/// Holds items of these lengths to each alone. Of the entries a part is there, of each item another one: in hundredths; and what is needed,
/// of each vertex the way to the one before, of a list the first two.
fn hold_to_each_alone(
    kind: Kind,
    by_races: bool,
    n: usize,
    lengths: &[usize],
    percent: &[usize],
    threads: bool,
) {
    let (items, draws, seed) = (lengths.len(), 3, 5);
    let whole = logits(kind, items, n, 1).mapv(|logit| rates_of_logits(&[logit])[0]);
    let mut stream = Stream::weights(Seed::new(3), 0);
    let all_needed = matches!(kind, Kind::Matching | Kind::BinaryTree | Kind::Permutation);
    let mask = Array::from_shape_fn(whole.raw_dim(), |cell| {
        let needed = match cell.slice() {
            [_, u, v] => u + 1 == *v,
            [_, k] => *k < 2,
            _ => true,
        };
        needed || all_needed || (stream.exponential() * 1e6) as usize % 100 < percent[cell[0]]
    });
    let races: Vec<usize> = lengths.iter().map(|length| 2.min(*length)).collect();
    let mut batch = Items::rates(kind, whole.view()).unwrap().with_lengths(lengths).unwrap();
    if mask.iter().any(|is_there| !is_there) {
        batch = batch.with_mask(mask.view()).unwrap();
    }
    if kind == Kind::TopK {
        batch = batch.with_races(&races).unwrap();
    }
    if by_races {
        batch = batch.race_by_race();
    }
    let mut drawn = Drawn::new(&batch, draws, &Field::DRAWN).unwrap();
    let fill = if threads { Items::fill_on_all_threads } else { Items::fill };
    fill(&batch, seed, 0, drawn.outputs()).unwrap();
    // As in `both`.
    let mut few = Drawn::new(&batch, draws, &[Field::Structure, Field::Trace, Field::LogProb]).unwrap();
    fill(&batch, seed, 0, few.outputs()).unwrap();
    let same = (few.structure, few.trace, few.log_prob)
        == (drawn.structure.clone(), drawn.trace.clone(), drawn.log_prob.clone());
    assert!(same, "{kind:?} {by_races}: fields change a draw");
    for (item, &length) in lengths.iter().enumerate() {
        let (view, masked) = (whole.index_axis(Axis(0), item), mask.index_axis(Axis(0), item));
        let keys = Seed::new(seed).of_item(item as u64);
        for draw in 0..draws {
            let want = alone(kind, &view, length, &|cell| masked[cell], keys, draw as u64, by_races);
            assert!(row(&drawn, item, draw) == want, "{kind:?} {by_races} {item} {length} {draw}");
        }
    }
}

/// Every structure, with lengths from 1 up, on all threads.
#[test]
fn each_item_is_drawn_as_if_it_were_alone() {
    let lengths: Vec<usize> = (0..12).map(|item| item % 7 + 1).collect();
    for (kind, by_races) in KINDS.into_iter().flat_map(|kind| [false, true].map(|by_races| (kind, by_races)))
    {
        hold_to_each_alone(kind, by_races, 7, &lengths, &[63; 12], true);
    }
}

/// A thread goes from item to item with the same working memory: short ones after long ones, sparse ones after dense ones.
#[test]
fn nothing_is_left_of_the_item_before() {
    let mut stream = Stream::weights(Seed::new(8), 0);
    let mut below = |end: usize| (stream.exponential() * 1e6) as usize % end;
    for (kind, by_races) in KINDS.into_iter().flat_map(|kind| [false, true].map(|by_races| (kind, by_races)))
    {
        let sizes = [1, 2, 3, 5, 8, 9, 16, 17, 32, 33, 40, 64, 65, 70];
        let lengths: Vec<usize> = (0..48).map(|_| sizes[below(sizes.len())]).collect();
        let percent: Vec<usize> = (0..48).map(|_| [2, 50, 100][below(3)]).collect();
        hold_to_each_alone(kind, by_races, 70, &lengths, &percent, false);
        // Several of one size, of which some have all their entries.
        let lengths: Vec<usize> = [5, 33, 40, 1].iter().flat_map(|&length| [length; 12]).collect();
        let percent: Vec<usize> = (0..48).map(|_| [100, 100, 100, 50][below(4)]).collect();
        hold_to_each_alone(kind, by_races, 40, &lengths, &percent, false);
    }
}

/// Small items, which are drawn several at a time, of lengths alike and not, also those after the others, with all their entries and not, as
/// many as lanes and not.
#[test]
fn small_items_are_drawn_together_as_each_alone() {
    let mut stream = Stream::weights(Seed::new(9), 0);
    let mut below = |end: usize| (stream.exponential() * 1e6) as usize % end;
    for (kind, by_races) in KINDS.into_iter().flat_map(|kind| [false, true].map(|by_races| (kind, by_races)))
    {
        let largest = if is_matrix(kind) { 17 } else { 66 };
        for items in 1..=25 {
            let n = 1 + below(largest);
            let lengths: Vec<usize> = match items % 3 {
                0 => vec![n; items],
                1 => (0..items).map(|_| 1 + below(n)).collect(),
                _ => (0..items).map(|item| n - usize::from(item == 3 && n > 1)).collect(),
            };
            let some = [100, 100, 100, 50][items % 4];
            let percent: Vec<usize> = (0..items).map(|item| if item % 8 == 5 { some } else { 100 }).collect();
            hold_to_each_alone(kind, by_races, n, &lengths, &percent, items % 2 == 0);
        }
    }
}

/// More draws than are handed to a thread at once.
#[test]
fn pieces_of_many_draws_are_as_the_whole() {
    for (kind, items) in KINDS.into_iter().flat_map(|kind| [(kind, 1), (kind, 3)]) {
        let logits = logits(kind, items, 3, 4);
        let batch = Items::logits(kind, logits.view()).unwrap();
        let batch = if kind == Kind::TopK { batch.with_races(&[2]).unwrap() } else { batch };
        let fields = [Field::Structure, Field::Trace, Field::LogProb];
        let of = |all_threads: bool| {
            let mut drawn = Drawn::new(&batch, 9_001, &fields).unwrap();
            let fill = if all_threads { Items::fill_on_all_threads } else { Items::fill };
            fill(&batch, 5, 7, drawn.outputs()).unwrap();
            drawn
        };
        assert!(of(true) == of(false), "{kind:?} {items}");
    }
}

/// Logits are rates `e^{-θ}`, as libm has them within an ulp.
#[test]
fn logits_are_rates() {
    for kind in KINDS {
        let logits = logits(kind, 9, 6, 2);
        let rates = logits.mapv(|logit| rates_of_logits(&[logit])[0]);
        let of = |items: Items<'_, f64>| {
            let items = if kind == Kind::TopK { items.with_races(&[3]).unwrap() } else { items };
            items.draw(3, 20, &[Field::Structure, Field::Trace, Field::LogProb]).unwrap()
        };
        let by_logits = of(Items::logits(kind, logits.view()).unwrap());
        let by_rates = of(Items::rates(kind, rates.view()).unwrap());
        assert_eq!((by_logits.structure, by_logits.trace), (by_rates.structure, by_rates.trace), "{kind:?}");
        let pairs = by_logits.log_prob.unwrap().into_iter().zip(by_rates.log_prob.unwrap());
        let off = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(off < 1e-13, "{kind:?} {off}");
    }
}

/// Where an array of another order of axes lies in a larger one: every second number, some axes backwards, padding in front.
#[derive(Debug)]
struct Layout {
    order: Vec<usize>,
    backwards: Vec<bool>,
    padding: usize,
}

impl Layout {
    /// Memory for an array of this shape.
    fn memory<T: Clone>(&self, shape: &[usize], other: T) -> ArrayD<T> {
        let stored = self.order.iter().map(|&axis| shape[axis] * 2 + self.padding);
        ArrayD::from_elem(IxDyn(&stored.chain([2]).collect::<Vec<usize>>()), other)
    }

    fn of<S: RawData>(&self, memory: ArrayBase<S, IxDyn>) -> ArrayBase<S, IxDyn> {
        let mut view = memory.index_axis_move(Axis(self.order.len()), 1);
        let mut inverse = vec![0; self.order.len()];
        for (place, (&axis, &backwards)) in self.order.iter().zip(&self.backwards).enumerate() {
            view.slice_axis_inplace(Axis(place), Slice::from(self.padding..).step_by(2));
            if backwards {
                view.invert_axis(Axis(place));
            }
            inverse[axis] = place;
        }
        view.permuted_axes(IxDyn(&inverse))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Any order of axes, any of them backwards, every second number only, with padding in front.
    #[test]
    fn strides_do_not_matter(
        kind in 0_usize..7,
        items in 1_usize..5,
        n in 1_usize..6,
        order in Just(vec![0_usize, 1, 2]).prop_shuffle(),
        backwards in proptest::collection::vec(any::<bool>(), 3),
        padding in 0_usize..3,
        seed in any::<u64>(),
    ) {
        let kind = KINDS[kind];
        let plain = logits(kind, items, n, seed);
        let order = order.into_iter().filter(|axis| *axis < plain.ndim()).collect();
        let layout = Layout { order, backwards, padding };
        let mut memory = layout.memory(plain.shape(), f64::NAN);
        layout.of(memory.view_mut()).assign(&plain);
        let view = layout.of(memory.view());
        prop_assert_eq!(&view, &plain.view());
        let of = |view: ArrayViewD<'_, f64>| {
            let items = Items::logits(kind, view).unwrap();
            let items = if kind == Kind::TopK { items.with_races(&[1]).unwrap() } else { items };
            both(&items, seed, 2)
        };
        prop_assert_eq!(of(view), of(plain.view()));
    }
}

/// The test above can fail: read in the order in which they lie, transposed matrices are others.
#[test]
fn reading_in_the_order_of_memory_is_seen() {
    let plain = logits(Kind::Arborescence, 3, 5, 9);
    let transposed = plain.view().permuted_axes(IxDyn(&[0, 2, 1]));
    let as_it_lies = ArrayD::from_shape_vec(transposed.raw_dim(), plain.iter().copied().collect()).unwrap();
    let of = |view: ArrayViewD<'_, f64>| {
        Items::logits(Kind::Arborescence, view).unwrap().draw(1, 4, &[Field::Structure]).unwrap()
    };
    assert_eq!(of(transposed.view()), of(transposed.to_owned().view()));
    assert_ne!(of(transposed.view()), of(as_it_lies.view()));
}

/// Broadcast logits are those of every item, and items differ all the same.
#[test]
fn broadcast_is_as_repeated() {
    for kind in KINDS {
        let one = logits(kind, 1, 5, 3);
        let broadcast = one.broadcast(IxDyn(&shape(kind, 6, 5))).unwrap();
        let repeated = broadcast.to_owned();
        let of = |view: ArrayViewD<'_, f64>| {
            let items = Items::logits(kind, view).unwrap();
            let items = if kind == Kind::TopK { items.with_races(&[2]).unwrap() } else { items };
            both(&items, 11, 4)
        };
        let drawn = of(broadcast.view());
        assert_eq!(drawn, of(repeated.view()), "{kind:?}");
        assert_ne!(row(&drawn, 0, 0).exponentials, row(&drawn, 1, 0).exponentials, "{kind:?}");
        // Rows that are broadcast within an item too.
        if is_matrix(kind) {
            let rows = array![[0.5, -0.5, 1.0, 0.0, 2.0]];
            let view = rows.broadcast((6, 5, 5)).unwrap();
            assert_eq!(of(view.into_dyn()), of(view.to_owned().into_dyn().view()), "{kind:?}");
        }
    }
}

/// Draws into the caller's memory, whatever its order, are the same, and nothing beside them is written.
#[test]
fn outputs_may_lie_in_any_order() {
    let (items, n, draws) = (3, 4, 2);
    for kind in [Kind::SpanningTree, Kind::BinaryTree] {
        let logits = logits(kind, items, n, 2);
        let batch = Items::logits(kind, logits.view()).unwrap();
        let plain = both(&batch, 3, draws);
        let entries = [&[items, draws], &shape(kind, items, n)[1..]].concat();
        let layout = |axes: usize| Layout {
            order: (0..axes).rev().collect(),
            backwards: vec![true; axes],
            padding: 1,
        };
        let numbers = |len: usize| layout(3).memory(&[items, draws, len], 77_u32);
        let (mut structure, mut trace) = (numbers(batch.structure_len()), numbers(batch.trace_len()));
        let mut log_prob = layout(2).memory(&[items, draws], 77.0);
        let mut loss = layout(2).memory(&[items, draws], 77_i64);
        let values = || layout(entries.len()).memory(&entries, 77.0);
        let (mut score, mut exponentials, mut conditional) = (values(), values(), values());
        let of = |view| layout(entries.len()).of(view);
        let outputs = Outputs {
            structure: layout(3).of(structure.view_mut()).into_dimensionality::<Ix3>().ok(),
            trace: layout(3).of(trace.view_mut()).into_dimensionality::<Ix3>().ok(),
            loss: layout(2).of(loss.view_mut()).into_dimensionality::<Ix2>().ok(),
            log_prob: layout(2).of(log_prob.view_mut()).into_dimensionality::<Ix2>().ok(),
            score: Some(of(score.view_mut())),
            exponentials: Some(of(exponentials.view_mut())),
            conditional: Some(of(conditional.view_mut())),
        };
        batch.fill(3, 0, outputs).unwrap();
        assert_eq!(layout(3).of(structure.view()), plain.structure.clone().unwrap().into_dyn());
        assert_eq!(layout(3).of(trace.view()), plain.trace.clone().unwrap().into_dyn());
        assert_eq!(layout(2).of(log_prob.view()), plain.log_prob.unwrap().into_dyn());
        assert_eq!(layout(entries.len()).of(score.view()), plain.score.unwrap());
        assert_eq!(layout(entries.len()).of(exponentials.view()), plain.exponentials.unwrap());
        assert_eq!(layout(entries.len()).of(conditional.view()), plain.conditional.unwrap());
        assert!(layout(2).of(loss.view()).iter().all(|loss| *loss != 77));
        // What follows from the winners only, again.
        let again = |len: usize| layout(3).memory(&[items, draws, len], 77_u32);
        (structure, trace) = (again(batch.structure_len()), again(batch.trace_len()));
        let outputs = Outputs {
            structure: layout(3).of(structure.view_mut()).into_dimensionality::<Ix3>().ok(),
            trace: layout(3).of(trace.view_mut()).into_dimensionality::<Ix3>().ok(),
            ..Outputs::default()
        };
        batch.fill(3, 0, outputs).unwrap();
        assert_eq!(layout(3).of(structure.view()), plain.structure.unwrap().into_dyn());
        assert_eq!(layout(3).of(trace.view()), plain.trace.unwrap().into_dyn());
        let untouched = trace.iter().filter(|number| **number == 77).count();
        assert_eq!(trace.len() - untouched, items * draws * batch.trace_len());
        let untouched = score.iter().filter(|value| **value == 77.0).count();
        assert_eq!(score.len() - untouched, entries.iter().product::<usize>());
    }
}

/// A draw depends on the seed, its item and its number: not on how many there are, what else is asked for, or the threads.
#[test]
fn neither_splits_nor_threads_nor_fields_change_a_draw() {
    for kind in KINDS {
        let logits = logits(kind, 9, 6, 4);
        let of = |view: ArrayViewD<'_, f64>, first: u64, draws: usize, fields: &[Field], threads: bool| {
            let items = Items::logits(kind, view).unwrap();
            let items = if kind == Kind::TopK { items.with_races(&[3]).unwrap() } else { items };
            let mut drawn = Drawn::new(&items, draws, fields).unwrap();
            let fill = if threads { Items::fill_on_all_threads } else { Items::fill };
            fill(&items, 21, first, drawn.outputs()).unwrap();
            drawn
        };
        let whole = of(logits.view(), 0, 6, &Field::DRAWN, true);
        assert_eq!(whole, of(logits.view(), 0, 6, &Field::DRAWN, false), "{kind:?}");
        for (first, draws) in [(0, 1), (2, 3), (5, 1)] {
            let part = of(logits.view(), first, draws, &Field::DRAWN, true);
            for (item, draw) in (0..9).flat_map(|item| (0..draws).map(move |draw| (item, draw))) {
                assert_eq!(row(&part, item, draw), row(&whole, item, draw + first as usize), "{kind:?}");
            }
        }
        let mut few = logits.view();
        few.slice_axis_inplace(Axis(0), Slice::from(..4));
        let few = of(few, 0, 6, &Field::DRAWN, true);
        assert_eq!(row(&few, 3, 5), row(&whole, 3, 5), "{kind:?}");
        for field in Field::DRAWN {
            let one = of(logits.view(), 0, 6, &[field], true);
            match field {
                Field::Structure => assert_eq!(one.structure, whole.structure, "{kind:?}"),
                Field::Trace => assert_eq!(one.trace, whole.trace, "{kind:?}"),
                Field::LogProb => assert_eq!(one.log_prob, whole.log_prob, "{kind:?}"),
                Field::Score => assert_eq!(one.score, whole.score, "{kind:?}"),
                Field::Exponentials => assert_eq!(one.exponentials, whole.exponentials, "{kind:?}"),
                _ => assert_eq!(one.conditional, whole.conditional, "{kind:?}"),
            }
        }
    }
}

/// Some of the items are drawn, and called, as among all; or as of a larger batch.
#[test]
fn some_of_the_items_are_drawn_as_among_all() {
    for kind in KINDS {
        let logits = logits(kind, 6, 5, 4);
        let all = Items::logits(kind, logits.view()).unwrap().with_lengths(&[5, 3, 4, 5, 2, 5]).unwrap();
        let all = match kind {
            Kind::TopK => all.with_races(&[1, 3, 2, 5, 1, 2]).unwrap(),
            Kind::Arborescence => all.with_roots(&[4, 0, 2, 0, 1, 3]).unwrap(),
            _ => all,
        };
        let drawn = both(&all, 2, 3);
        let last = all.some(4..6); // without the most races
        assert_eq!((last.structure_len(), last.trace_len()), (all.structure_len(), all.trace_len()));
        assert_eq!(row(&both(&last, 2, 3), 1, 2), row(&drawn, 5, 2), "{kind:?}");
        let some = both(&all.some(1..5).some(1..4), 2, 3);
        for (item, draw) in (0..3).flat_map(|item| (0..3).map(move |draw| (item, draw))) {
            assert_eq!(row(&some, item, draw), row(&drawn, item + 2, draw), "{kind:?}");
        }
        assert_eq!(
            all.clone().starting_at(7).some(2..2).draw(2, 3, &Field::DRAWN).unwrap().log_prob.unwrap().len(),
            0
        );
        assert_ne!(
            all.starting_at(7).draw(2, 3, &[Field::LogProb]).unwrap().log_prob,
            drawn.log_prob,
            "{kind:?}"
        );
    }
    let mut wrong = Array3::<f64>::zeros((4, 2, 2));
    wrong[[3, 0, 1]] = f64::NAN;
    let found = Items::rates(Kind::Matching, wrong.view()).unwrap().starting_at(10).some(2..4);
    let found = found.draw(1, 1, &[Field::LogProb]);
    assert!(matches!(found, Err(BatchError::Item { item: 12, .. })), "{found:?}");
}

/// The padding does not matter: the same item in a larger array has the same draws.
#[test]
fn padding_does_not_change_a_draw() {
    let small = logits(Kind::Arborescence, 2, 4, 6);
    let mut large = ArrayD::from_elem(IxDyn(&[2, 9, 9]), f64::NAN);
    let mut corner = large.view_mut();
    for axis in [1, 2] {
        corner.slice_axis_inplace(Axis(axis), Slice::from(..4));
    }
    corner.assign(&small);
    let of_small = Items::logits(Kind::Arborescence, small.view()).unwrap();
    let of_large = Items::logits(Kind::Arborescence, large.view()).unwrap().with_lengths(&[4, 4]).unwrap();
    let [small, large] = [of_small, of_large].map(|items| both(&items, 8, 5));
    assert_eq!(small.log_prob, large.log_prob);
    for (item, draw) in (0..2).flat_map(|item| (0..5).map(move |draw| (item, draw))) {
        let (small, large) = (row(&small, item, draw), row(&large, item, draw));
        let cells = |of: &[u32], n: u32| -> Vec<(u32, u32)> {
            of.iter().filter(|cell| **cell != NONE).map(|cell| (cell / n, cell % n)).collect()
        };
        assert_eq!(cells(&small.structure, 4), cells(&large.structure, 9));
        assert_eq!(cells(&small.trace, 4), cells(&large.trace, 9));
        let finite = |of: &[f64]| of.iter().copied().filter(|e| e.is_finite()).collect::<Vec<f64>>();
        assert_eq!(finite(&small.exponentials), finite(&large.exponentials));
    }
}

#[test]
fn batches_of_nothing_and_of_one() {
    for kind in KINDS {
        for (items, n, draws) in [(0, 3, 4), (1, 1, 0), (1, 1, 2), (3, 1, 1), (1, 4, 3)] {
            let logits = logits(kind, items, n, 1);
            let batch = Items::logits(kind, logits.view()).unwrap();
            let batch = if kind == Kind::TopK { batch.with_races(&[1]).unwrap() } else { batch };
            let drawn = both(&batch, 1, draws);
            assert_eq!(drawn.log_prob.unwrap().dim(), (items, draws), "{kind:?}");
        }
    }
}

/// Single precision is rounded once, where it is written: what is drawn is what the same numbers in double precision draw.
#[test]
fn single_precision_is_double_rounded_once() {
    for kind in KINDS {
        let single = logits(kind, 6, 5, 8).mapv(|logit| 6.0 * logit as f32);
        let double = single.mapv(f64::from);
        let single = Items::logits(kind, single.view()).unwrap();
        let double = Items::logits(kind, double.view()).unwrap();
        let races = [2];
        let (single, double) = match kind {
            Kind::TopK => (single.with_races(&races).unwrap(), double.with_races(&races).unwrap()),
            _ => (single, double),
        };
        let single = both(&single, 4, 20);
        let double = both(&double, 4, 20);
        assert_eq!(single.structure, double.structure, "{kind:?}");
        assert_eq!(single.trace, double.trace, "{kind:?}");
        assert_eq!(single.log_prob, double.log_prob.map(|of| of.mapv(|value| value as f32)), "{kind:?}");
        let rounded = |of: Option<ArrayD<f64>>| of.map(|of| of.mapv(|value| value as f32));
        assert_eq!(single.score, rounded(double.score), "{kind:?}");
        assert_eq!(single.exponentials, rounded(double.exponentials), "{kind:?}");
        assert_eq!(single.conditional, rounded(double.conditional), "{kind:?}");
    }
}

/// Logits of ±80 in single precision: all is finite, and what must be positive is.
#[test]
fn extreme_logits_in_single_precision_are_finite() {
    for kind in KINDS {
        let mut sign = 1.0_f32;
        let logits = logits(kind, 40, 6, 8).mapv(|logit| {
            sign = if logit > 0.0 { sign } else { -sign };
            80.0 * sign
        });
        let items = Items::logits(kind, logits.view()).unwrap();
        let items = if kind == Kind::TopK { items.with_races(&[3]).unwrap() } else { items };
        let drawn = both(&items, 4, 50);
        assert!(drawn.log_prob.unwrap().iter().all(|value| value.is_finite() && *value <= 0.0), "{kind:?}");
        assert!(drawn.score.unwrap().iter().all(|value| value.is_finite()), "{kind:?}");
        let there = |u: usize, v: usize| match kind {
            Kind::SpanningTree => u != v,
            Kind::Arborescence => u != v && v != 0,
            _ => true,
        };
        for weights in [drawn.exponentials.unwrap(), drawn.conditional.unwrap()] {
            for (cell, weight) in weights.indexed_iter() {
                let is_entry = match cell.slice() {
                    [_, _, u, v] => there(*u, *v),
                    _ => true,
                };
                assert_eq!(*weight > 0.0 && weight.is_finite(), is_entry, "{kind:?} {cell:?} {weight}");
            }
        }
    }
}

/// Weights of some 1e-87, which single precision has not, are written as its smallest positive number.
#[test]
fn weights_that_are_too_small_stay_positive() {
    let logits = ndarray::Array2::from_elem((3, 4), -200.0_f32);
    let drawn = Items::logits(Kind::Permutation, logits.view()).unwrap().draw(1, 5, &Field::DRAWN).unwrap();
    assert!(drawn.exponentials.unwrap().iter().all(|weight| *weight == f32::from_bits(1)));
    assert!(drawn.conditional.unwrap().iter().all(|weight| *weight == f32::from_bits(1)));
    assert!(drawn.log_prob.unwrap().iter().all(|log_prob| (*log_prob + 3.178_053_8).abs() < 1e-6));
}

/// The log-probability in single precision beside the exact one, of rates taken exactly: half an ulp, and no more than a hair beyond.
#[test]
fn log_probabilities_in_single_precision_are_those_of_the_oracle() {
    use gumbel_oracle::enclosure::ln_f32;
    use gumbel_oracle::model::Model;
    let mut stream = Stream::weights(Seed::new(12), 0);
    let mut rates = Array3::from_shape_simple_fn((8, 3, 3), || stream.exponential() as f32);
    rates.index_axis_mut(Axis(0), 7).mapv_inplace(|rate| rate * rate * 1e-20);
    let drawn = Items::rates(Kind::Matching, rates.view()).unwrap();
    let drawn = drawn.draw(2, 30, &[Field::Trace, Field::LogProb]).unwrap();
    let (trace, log_prob) = (drawn.trace.unwrap(), drawn.log_prob.unwrap());
    let mut seen = 0;
    for (item, matrix) in rates.axis_iter(Axis(0)).enumerate() {
        let rows = matrix.rows().into_iter().map(|row| {
            let row = row.iter().map(|rate| {
                format!("{:?}", num_rational::BigRational::from_float(*rate).unwrap().to_string())
            });
            format!("[{}]", row.collect::<Vec<String>>().join(","))
        });
        let rows: Vec<String> = rows.collect();
        let text = format!(r#"{{"structure": "matching", "rates": [{}]}}"#, rows.join(","));
        let model = Model::parse(&text).unwrap();
        for outcome in model.traces() {
            let winners: Vec<u32> = outcome.trace.races().iter().map(|race| race.winner as u32).collect();
            let exact = ln_f32(&outcome.probability).unwrap();
            for draw in 0..30 {
                if trace.index_axis(Axis(0), item).row(draw).to_vec() == winners {
                    let off = (log_prob[[item, draw]].to_bits()).abs_diff(exact.to_bits());
                    assert!(off <= 1, "{item} {draw}: {} {exact}", log_prob[[item, draw]]);
                    seen += 1;
                }
            }
        }
    }
    assert_eq!(seen, 8 * 30);
}

#[test]
fn what_is_wrong_is_named() {
    let said = |found: Result<Drawn<f64>, BatchError>| found.unwrap_err().to_string();
    let tree = |logits: &Array3<f64>| {
        Items::logits(Kind::SpanningTree, logits.view()).unwrap().draw(1, 4, &[Field::Structure])
    };
    let mut logits = Array3::zeros((3, 4, 4));
    assert!(tree(&logits).is_ok());
    logits[[1, 2, 1]] = f64::NAN; // below the diagonal
    assert!(tree(&logits).is_ok());
    logits[[1, 1, 2]] = f64::NAN;
    assert_eq!(
        said(tree(&logits)),
        "item 1 has the logit NaN at [1, 2]: want a number between -690 and 690, or inf (absent)"
    );
    for wrong in [f64::NEG_INFINITY, 700.0, -1e9] {
        logits[[1, 1, 2]] = wrong;
        assert!(matches!(tree(&logits), Err(BatchError::Parameter { item: 1, .. })), "{wrong}");
    }
    logits[[1, 1, 2]] = 0.0;
    (0..3).for_each(|u| logits[[2, u, 3]] = f64::INFINITY);
    assert_eq!(
        said(tree(&logits)),
        "item 2: vertex 3 cannot be reached from vertex 0 over present edges: there is no spanning tree"
    );
    let rates = array![[1.0, 2.0, 0.0], [1.0, -0.0, 3.0]];
    let list = |kind| Items::rates(kind, rates.view()).unwrap();
    let draw = |items: Items<'_, f64>| items.draw(1, 4, &[Field::Structure]);
    assert_eq!(
        said(draw(list(Kind::Categorical))),
        "item 1 has the rate -0 at [1]: want 0 (absent) or a number between 1e-300 and 1e300"
    );
    assert_eq!(
        said(draw(list(Kind::BinaryTree))),
        "item 0: position 2 has rate 0: want a positive rate, as every position is used"
    );
    assert_eq!(
        said(draw(list(Kind::TopK))),
        "how many races top_k has is not given: want k, one for all items or one for each"
    );
    for races in [0, 3, usize::MAX] {
        let found = draw(list(Kind::TopK).with_races(&[races]).unwrap());
        assert_eq!(said(found), format!("item 0: k is {races}: want 1 to 2, the number of positive rates"));
    }
    let absent = array![[0.5, 1.0], [f64::INFINITY, f64::INFINITY]];
    assert_eq!(
        said(draw(Items::logits(Kind::Categorical, absent.view()).unwrap())),
        "item 1: all 2 positions are absent: a race needs at least one that is there"
    );
    let text = |found: Result<Items<'_, f64>, BatchError>| found.unwrap_err().to_string();
    let kind = Kind::Permutation;
    assert_eq!(text(list(kind).with_lengths(&[1])), "1 lengths for 2 items: want one for each");
    assert_eq!(
        text(list(kind).with_lengths(&[3, 4])),
        "item 1 has length 4: want 1 to 3, the size of the array"
    );
    assert_eq!(
        text(list(kind).with_lengths(&[0, 3])),
        "item 0 has length 0: want 1 to 3, the size of the array"
    );
    assert_eq!(text(list(kind).with_roots(&[0])), "permutation has no root");
    assert_eq!(text(list(kind).with_races(&[2])), "permutation has no number of races");
    assert_eq!(
        text(list(Kind::TopK).with_races(&[1, 1, 1])),
        "3 numbers of races for 2 items: want one for each, or one for all"
    );
    assert_eq!(
        text(list(kind).with_mask(array![[true]].view())),
        "mask has the shape [1, 1]: want [2, 3], that of the parameters"
    );
    let shaped = |kind, shape: &[usize]| {
        let numbers = ArrayD::<f64>::ones(IxDyn(shape));
        Items::rates(kind, numbers.view()).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(
        shaped(Kind::Matching, &[2, 3, 4]),
        "rates has the shape [2, 3, 4]: want [items, n, n] for matching, n at least 1, fewer than 2³¹ entries"
    );
    assert!(shaped(Kind::Matching, &[2, 3]).contains("[items, n, n]"));
    assert!(shaped(Kind::Matching, &[2, 0, 0]).contains("n at least 1"));
    assert!(shaped(Kind::Categorical, &[2, 2, 2]).contains("want [items, n] for"));
    // No number of this size is ever read.
    let one = array![[[0.0_f64]]];
    let huge = one.broadcast((1, 1 << 20, 1 << 20)).unwrap();
    assert!(matches!(Items::logits(Kind::Matching, huge), Err(BatchError::Shape { .. })));
    let square = Array3::<f64>::zeros((2, 3, 3));
    let arborescence = || Items::logits(Kind::Arborescence, square.view()).unwrap();
    let found = arborescence().with_roots(&[1, 3]).unwrap().draw(1, 4, &[Field::Trace]);
    assert_eq!(found, Err(BatchError::Item { item: 1, error: InputError::Root { root: 3, vertices: 3 } }));
    let found = arborescence().draw(1, 1, &[Field::Gradient]);
    assert!(said(found).starts_with("gradient is not drawn: want some of structure, trace"), "");
    for draws in [usize::MAX, 1 << 61] {
        let found = arborescence().draw(1, draws, &[Field::LogProb]);
        assert_eq!(found, Err(BatchError::TooMany { draws, items: 2 }));
    }
    let none = Array3::<f64>::zeros((0, 3, 3));
    let none = Items::logits(Kind::Arborescence, none.view()).unwrap().draw(1, usize::MAX, &[Field::LogProb]);
    assert!(matches!(none, Err(BatchError::TooMany { items: 0, .. })));
    let mut numbers = Array3::from_elem((2, 5, 3), 0);
    let outputs = Outputs { structure: Some(numbers.view_mut()), ..Outputs::default() };
    assert_eq!(
        arborescence().fill(1, 0, outputs).unwrap_err().to_string(),
        "structure has the shape [2, 5, 3]: want [2, 5, 2], [items, draws, …]"
    );
}

/// Roots of one's own, and one for all.
#[test]
fn roots_are_those_of_the_item() {
    let square = Array3::<f64>::zeros((3, 4, 4));
    let items = Items::logits(Kind::Arborescence, square.view()).unwrap();
    let entered = |drawn: &Drawn<f64>, item: usize| -> std::collections::BTreeSet<u32> {
        let structure = drawn.structure.as_ref().unwrap().index_axis(Axis(0), item);
        structure.iter().map(|cell| cell % 4).collect()
    };
    let each = items.clone().with_roots(&[2, 0, 3]).unwrap().draw(1, 9, &[Field::Structure]).unwrap();
    assert_eq!([0, 1, 2].map(|item| entered(&each, item).into_iter().sum::<u32>()), [4, 6, 3]);
    let all = items.with_roots(&[1]).unwrap().draw(1, 9, &[Field::Structure]).unwrap();
    assert_eq!([0, 1, 2].map(|item| entered(&all, item).into_iter().sum::<u32>()), [5, 5, 5]);
}

/// A model in single precision: its draws are those of a batch of one item, by entry.
#[test]
fn a_model_in_single_precision_is_a_batch_of_one() {
    use gumbel_oracle::model::Model;
    use recursive_gumbel::batch::Single;
    use recursive_gumbel::sample::{Batch, Sampler as _};
    let text =
        r#"{"structure": "spanning_tree", "vertices": 3, "edges": [[1, 2, 5], [0, 2, "1/3"], [1, 0, 2]]}"#;
    let model = Model::parse(text).unwrap();
    let mut batch = Batch::new(3, &Field::DRAWN);
    Single::new(&model, 6).unwrap().fill(2, 4, &mut batch);
    let rates = array![[[0.0, 2.0, 1.0 / 3.0], [0.0, 0.0, 5.0], [0.0, 0.0, 0.0_f32]]];
    let drawn = Items::rates(Kind::SpanningTree, rates.view()).unwrap().draw(6, 6, &Field::DRAWN).unwrap();
    let cells = [5, 2, 1]; // of the entries in the order of the model
    for draw in 0..4 {
        let row = row(&drawn, 0, draw + 2);
        let values = |of: &[f64]| cells.map(|cell: usize| of[cell]);
        assert_eq!(batch.log_prob(draw), Some(row.log_prob));
        assert_eq!(batch.score(draw), Some(&values(&row.score)[..]));
        assert_eq!(batch.exponentials(draw), Some(&values(&row.exponentials)[..]));
        assert_eq!(batch.conditional(draw), Some(&values(&row.conditional)[..]));
        let winners = batch.trace(draw).unwrap().iter().map(|winner| cells[*winner as usize] as u32);
        assert_eq!(winners.collect::<Vec<u32>>(), row.trace);
    }
    let beyond = r#"{"structure": "categorical", "rates": [1, "1e-45"]}"#;
    let beyond = Single::new(&Model::parse(beyond).unwrap(), 1).map(|_| ()).unwrap_err().to_string();
    let path: Vec<String> = (1..9_000).map(|v| format!("[{},{v},1]", v - 1)).collect();
    let sparse =
        format!(r#"{{"structure": "spanning_tree", "vertices": 9000, "edges": [{}]}}"#, path.join(","));
    let sparse = Single::new(&Model::parse(&sparse).unwrap(), 1).map(|_| ());
    assert_eq!(sparse, Err(BatchError::TooLarge { vertices: 9_000, most: 8_192 }));
    assert!(beyond.starts_with("item 0 has the rate ") && beyond.ends_with("as f32 has them"), "{beyond}");
}

/// Items that have all their entries take the place of the one before; between them are some that lack entries, by infinite logits, or have
/// another root or number of races. What is drawn of each is what is drawn of it where there is no other.
#[test]
fn an_item_in_the_place_of_another_is_as_in_its_own() {
    for (kind, n) in KINDS.into_iter().flat_map(|kind| [4, 40].map(|n| (kind, n))) {
        let mut logits = logits(kind, 9, n, 3);
        for (cell, logit) in logits.indexed_iter_mut() {
            // Of a matching two blocks are left, of a graph all but some edges far from vertex 0, of a list all but some of the last.
            let is_absent = match *cell.slice() {
                [2 | 3 | 6, u, v] if kind == Kind::Matching => (u < n / 2) != (v < n / 2),
                [item @ (2 | 3 | 6), u, v] => u.min(v) > 1 && (u + v) % item == 0,
                [item @ (2 | 3 | 6), k] if matches!(kind, Kind::TopK | Kind::Categorical) => {
                    k > 1 && (k + item) % 2 == 1
                }
                _ => false,
            };
            if is_absent {
                *logit = f64::INFINITY;
            }
        }
        let mut items = Items::logits(kind, logits.view()).unwrap();
        if kind == Kind::TopK {
            items = items.with_races(&[2, 2, 2, 3, 3, 1, 2, 2, 4]).unwrap();
        }
        if kind == Kind::Arborescence {
            items = items.with_roots(&[0, 2, 2, 2, 2, 1, 1, 3, 3]).unwrap();
        }
        let drawn = |items: &Items<'_, f64>| {
            let mut drawn = Drawn::new(items, 3, &Field::DRAWN).unwrap();
            items.fill(5, 0, drawn.outputs()).unwrap();
            drawn
        };
        let all = drawn(&items);
        for item in 0..9 {
            let alone = drawn(&items.some(item..item + 1));
            for draw in 0..3 {
                assert!(
                    row(&all, item, draw) == row(&alone, 0, draw),
                    "{kind:?} {n}: item {item}, draw {draw}"
                );
            }
        }
    }
}
