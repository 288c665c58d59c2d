//! Samplers and batches, made of numbers and shapes.

use std::hint::black_box;
use std::io::Cursor;

use arbitrary::{Arbitrary, Unstructured};
use gumbel_oracle::kind::Kind;
use ndarray::{Array, ArrayD, ArrayViewD, Axis, IxDyn, Slice};
use recursive_gumbel::batch::{self, BatchError, Drawn, Float, Items, file};
use recursive_gumbel::fast::{
    Algorithm, Arborescence, BinaryTree, Categorical, Fast, Matching, NONE, Outputs, Permutation,
    SpanningTree, TopK,
};
use recursive_gumbel::sample::Field;

use super::{some_numbers as numbers, zipped};

/// Two draws of a sampler, and a run on numbers from anywhere: all have the form that is promised.
fn drawn<A: Algorithm>(algorithm: A, from: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let entries = algorithm.rates().len();
    let [structure_len, trace_len] = [algorithm.structure_len(), algorithm.trace_len()];
    let absent: Vec<bool> = algorithm.rates().iter().map(|&rate| rate == 0.0).collect();
    let is_tree = structure_len == entries; // or a permutation, or a choice of all: numbers of its own meaning
    let sampler = Fast::new(algorithm, u64::arbitrary(from)?);
    let given = if bool::arbitrary(from)? {
        let weights = if from.ratio(1, 16)? { from.int_in_range(0..=20)? } else { entries };
        Some((numbers(from, weights)?, numbers(from, entries)?))
    } else {
        None
    };
    let (mut structure, mut trace) = (vec![0; structure_len], vec![0; trace_len]);
    let (mut log_prob, mut loss, mut score) = ([f64::NAN], [0], vec![f64::NAN; entries]);
    let (mut exponentials, mut conditional) = (vec![f64::NAN; entries], vec![f64::NAN; entries]);
    for draw in 0..3_u64 {
        let outputs = Outputs {
            structure: Some(&mut structure),
            trace: Some(&mut trace),
            log_prob: Some(&mut log_prob),
            loss: Some(&mut loss),
            score: Some(&mut score),
            exponentials: Some(&mut exponentials),
            conditional: Some(&mut conditional),
        };
        match &given {
            Some((weights, uniforms)) if draw == 2 => match sampler.run(weights, uniforms, outputs) {
                Ok(()) => (),
                Err(error) => {
                    black_box(error.to_string());
                    return Ok(());
                }
            },
            _ if draw == 2 => return Ok(()),
            _ => sampler.fill(u64::MAX - 5 + draw, 1, outputs),
        }
        assert!(log_prob[0].is_finite() && log_prob[0] <= 0.0, "log p = {}", log_prob[0]);
        assert!(is_tree || structure.is_sorted(), "{structure:?}");
        for &winner in trace.iter().filter(|&&winner| winner != NONE) {
            assert!(!absent[winner as usize], "entry {winner} is absent, and wins");
        }
        assert!(score.iter().all(|score| score.is_finite()), "{score:?}");
        for (k, &absent) in absent.iter().enumerate() {
            let holds = |value: f64| if absent { value == f64::INFINITY } else { value >= 0.0 };
            assert!(draw == 2 || holds(exponentials[k]), "exponential {k}: {exponentials:?}");
            assert!(holds(conditional[k]), "given the trace {k}: {conditional:?}");
        }
    }
    Ok(())
}

/// A sampler with sides, edges, roots and rates from anywhere.
pub fn fast(bytes: &[u8]) {
    // An end of the bytes is no fault.
    let _ = fast_of(&mut Unstructured::new(bytes));
}

fn fast_of(from: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let which = u8::arbitrary(from)? % 10;
    let n = match u8::arbitrary(from)? {
        255 => usize::arbitrary(from)?,
        n => usize::from(n % 10),
    };
    let vertex = |from: &mut Unstructured<'_>| -> arbitrary::Result<u32> {
        Ok(match u8::arbitrary(from)? {
            255 => u32::arbitrary(from)?,
            vertex => u32::from(vertex) % (n.clamp(1, 16) as u32 + u32::from(vertex == 254)),
        })
    };
    let root = vertex(from)? as usize;
    let size = |cells: usize, from: &mut Unstructured<'_>| -> arbitrary::Result<usize> {
        Ok(if from.ratio(1, 32)? { from.int_in_range(0..=20)? } else { cells.min(200) })
    };
    let refused = |error: recursive_gumbel::fast::InputError| {
        black_box(error.to_string());
    };
    macro_rules! or_refused {
        ($algorithm:expr) => {
            match $algorithm {
                Ok(algorithm) => drawn(algorithm, from),
                Err(error) => Ok(refused(error)),
            }
        };
    }
    match which {
        0..4 => {
            let edges = (0..from.int_in_range(0..=40)?).map(|_| Ok((vertex(from)?, vertex(from)?)));
            let edges: Vec<(u32, u32)> = edges.collect::<arbitrary::Result<_>>()?;
            let count = size(edges.len(), from)?;
            let rates = numbers(from, count)?;
            match which {
                0 => or_refused!(SpanningTree::new(n, &edges, &rates)),
                1 => or_refused!(SpanningTree::new(n, &edges, &rates).map(SpanningTree::on_weights)),
                _ => or_refused!(Arborescence::new(n, root, &edges, &rates)),
            }
        }
        4..7 => {
            let count = size(n.saturating_mul(n), from)?;
            let rates = numbers(from, count)?;
            match which {
                4 => or_refused!(SpanningTree::dense(n, &rates)),
                5 => or_refused!(Arborescence::dense(n, root, &rates)),
                _ => or_refused!(Matching::new(n, &rates)),
            }
        }
        _ => {
            let count = from.int_in_range(0..=20)?;
            let rates = numbers(from, count)?;
            match (which, root % 2) {
                (7, 0) => or_refused!(BinaryTree::new(&rates)),
                (7, _) => or_refused!(Categorical::new(&rates)),
                (8, _) => or_refused!(TopK::new(&rates, n)),
                _ => or_refused!(Permutation::new(&rates)),
            }
        }
    }
}

/// Draws of these items, if they are ones: numbers that can be drawn; and the same of a copy that lies in memory in order.
fn of_items<T: Float + PartialEq>(items: &Items<'_, T>, copy: &Items<'_, T>) {
    let fields = [Field::Structure, Field::Trace, Field::LogProb, Field::Conditional];
    let mut drawn = Drawn::new(items, 2, &fields).expect("fields that are drawn, two of each");
    let said = |made: Result<(), BatchError>| made.map_err(|error| error.to_string()); // there may be a NaN in it
    let made = said(items.fill(7, u64::MAX - 1, drawn.outputs()));
    let mut copied = Drawn::new(copy, 2, &fields).expect("as before");
    assert_eq!(said(copy.fill(7, u64::MAX - 1, copied.outputs())), made, "of a copy");
    // Small items are drawn several at a time if no more is asked for than follows from the winners.
    let mut few = Drawn::new(items, 2, &fields[..3]).expect("as before");
    assert_eq!(said(items.fill(7, u64::MAX - 1, few.outputs())), made, "without exponentials");
    if made.is_err() {
        return;
    }
    assert_eq!(drawn, copied, "of a copy");
    let of_winners = (&few.structure, &few.trace, &few.log_prob);
    assert!(of_winners == (&drawn.structure, &drawn.trace, &drawn.log_prob), "without exponentials");
    let cells = match items.kind() {
        Kind::SpanningTree | Kind::Arborescence | Kind::Matching => items.size() * items.size(),
        _ => items.size(),
    };
    for number in drawn.structure.iter().chain(&drawn.trace).flatten() {
        assert!(*number == NONE || (*number as usize) < cells, "{number} of {cells} cells");
    }
    for log_prob in drawn.log_prob.iter().flatten() {
        assert!(log_prob.to_f64().is_finite() && log_prob.to_f64() <= 0.0, "log p = {log_prob:?}");
    }
    for exponential in drawn.conditional.iter().flatten() {
        assert!(exponential.to_f64() >= 0.0, "given the trace {exponential:?}");
    }
}

/// A letter for a structure, then `z`, `y` or `p`, then parameters of a batch: a `.npz`, a `.npy`, or [`zipped`] parts.
pub fn parameters(bytes: &[u8]) {
    let [structure, format, bytes @ ..] = bytes else { return };
    let kind = Kind::ALL[usize::from(structure.wrapping_sub(b'a')) % Kind::ALL.len()];
    let read = match format {
        b'y' => file::read_npy("parameters", bytes),
        b'p' => file::read_npz("parameters", Cursor::new(zipped(bytes))),
        _ => file::read_npz("parameters", Cursor::new(bytes)),
    };
    fn of_file<T: Float + PartialEq>(parameters: &file::Parameters<T>, kind: Kind) {
        match parameters.items(kind) {
            Ok(items) if items.size() <= 32 && items.items() <= 32 => of_items(&items, &items),
            Ok(_) => (),
            Err(error) => {
                black_box(error.to_string());
            }
        }
    }
    match read {
        Ok(file::FromFile::Single(parameters)) => of_file(&parameters, kind),
        Ok(file::FromFile::Double(parameters)) => of_file(&parameters, kind),
        Err(error) => {
            black_box(error.to_string());
        }
    }
}

/// Items with shapes, strides, lengths, masks, roots and races from anywhere.
pub fn items(bytes: &[u8]) {
    let mut from = Unstructured::new(bytes);
    let _ = match bool::arbitrary(&mut from) {
        Ok(true) => items_of::<f32>(&mut from),
        _ => items_of::<f64>(&mut from),
    };
}

/// What is made to an array to be viewed: its axes in another order, some backwards, some with steps.
struct Turned {
    axes: Vec<usize>,
    steps: Vec<isize>,
}

impl Turned {
    fn view<'a, T>(&self, array: &'a ArrayD<T>) -> ArrayViewD<'a, T> {
        let mut view = array.view().permuted_axes(IxDyn(&self.axes));
        for (axis, &step) in self.steps.iter().enumerate() {
            view.slice_axis_inplace(Axis(axis), Slice::new(0, None, step));
        }
        view
    }
}

/// What is asked of items beside their parameters.
struct Chosen {
    kind: Kind,
    are_logits: bool,
    lengths: Option<Vec<usize>>,
    roots: Option<Vec<usize>>,
    races: Option<Vec<usize>>,
    by_races: bool,
}

impl Chosen {
    fn items<'a, T: Float>(
        &self,
        values: ArrayViewD<'a, T>,
        mask: Option<ArrayViewD<'a, bool>>,
    ) -> Result<Items<'a, T>, BatchError> {
        let mut items = if self.are_logits {
            Items::logits(self.kind, values)?
        } else {
            Items::rates(self.kind, values)?
        };
        if let Some(lengths) = &self.lengths {
            items = items.with_lengths(lengths)?;
        }
        if let Some(mask) = mask {
            items = items.with_mask(mask)?;
        }
        if let Some(roots) = &self.roots {
            items = items.with_roots(roots)?;
        }
        if let Some(races) = &self.races {
            items = items.with_races(races)?;
        }
        Ok(if self.by_races { items.race_by_race() } else { items })
    }
}

fn items_of<T: Float + PartialEq>(from: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let kind = *from.choose(&Kind::ALL)?;
    let is_matrix = matches!(kind, Kind::SpanningTree | Kind::Arborescence | Kind::Matching);
    let side = from.int_in_range(0..=5)?;
    let mut shape = vec![from.int_in_range(0..=9)?, side];
    if is_matrix {
        shape.push(side);
    }
    if from.ratio(1, 16)? {
        shape = (0..from.int_in_range(0..=4)?)
            .map(|_| from.int_in_range(0..=3))
            .collect::<arbitrary::Result<_>>()?;
    }
    let mut turned = Turned { axes: (0..shape.len()).collect(), steps: Vec::new() };
    for axis in (1..shape.len()).rev() {
        turned.axes.swap(axis, from.int_in_range(0..=axis)?);
    }
    let mut whole = vec![0; shape.len()];
    for (&axis, &long) in turned.axes.iter().zip(&shape) {
        let step = *from.choose(&[1, -1, 2, -3])?;
        turned.steps.push(step);
        whole[axis] = long * step.unsigned_abs();
    }
    let count: usize = whole.iter().product();
    let values = numbers(from, count)?.into_iter().map(T::nearest).collect();
    let array = Array::from_shape_vec(IxDyn(&whole), values).expect("as many");
    let view = turned.view(&array);
    let (copy, are_logits) = (view.to_owned(), bool::arbitrary(from)?);
    let list =
        |long: usize, most: usize, from: &mut Unstructured<'_>| -> arbitrary::Result<Option<Vec<usize>>> {
            if from.ratio(2, 3)? {
                return Ok(None);
            }
            let long = if from.ratio(1, 4)? { from.int_in_range(0..=5)? } else { long };
            let each =
                |_| if from.ratio(1, 32)? { usize::arbitrary(from) } else { from.int_in_range(0..=most) };
            (0..long).map(each).collect::<arbitrary::Result<_>>().map(Some)
        };
    let long = shape.first().copied().unwrap_or(0);
    let lengths = list(long, side, from)?;
    let (mut roots, mut races) = (list(long, 3, from)?, list(long, 3, from)?);
    if !from.ratio(1, 16)? {
        roots = roots.filter(|_| kind == Kind::Arborescence);
        races = races.filter(|_| kind == Kind::TopK);
    }
    let mask = if from.ratio(1, 3)? {
        let present =
            (0..count).map(|_| Ok(u8::arbitrary(from)? % 4 != 0)).collect::<arbitrary::Result<_>>()?;
        Some(Array::from_shape_vec(IxDyn(&whole), present).expect("as many"))
    } else {
        None
    };
    let mask = mask.as_ref().map(|mask| turned.view(mask));
    let copied_mask = mask.as_ref().map(|mask| mask.to_owned());
    let by_races = bool::arbitrary(from)?;
    let chosen = Chosen { kind, are_logits, lengths, roots, races, by_races };
    let items = chosen.items(view, mask);
    let copy = chosen.items(copy.view(), copied_mask.as_ref().map(|mask| mask.view()));
    match (items, copy) {
        (Ok(items), Ok(copy)) => {
            of_items(&items, &copy);
            // Outputs of any shape are right or refused.
            let mut structure = Array::zeros((long, from.int_in_range(0..=3)?, from.int_in_range(0..=5)?));
            let mut log_prob = Array::from_elem((long, from.int_in_range(0..=3)?), T::nearest(0.5));
            let right = structure.dim().1 == log_prob.dim().1 && structure.dim().2 == items.structure_len();
            let outputs = batch::Outputs {
                structure: Some(structure.view_mut()),
                log_prob: Some(log_prob.view_mut()),
                ..batch::Outputs::default()
            };
            assert!(right || items.fill(1, 0, outputs).is_err(), "outputs of other shapes");
        }
        (items, copy) => assert_eq!(items.err(), copy.err(), "of a copy"),
    }
    Ok(())
}
