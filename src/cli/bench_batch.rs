//! `bench --batch ITEMS`

use std::fmt::Write as _;

use gumbel_oracle::kind::Kind;
use ndarray::{Array, ArrayD, ArrayViewD, Axis, IxDyn};
use recursive_gumbel::batch::{BatchError, Drawn, Items};
use recursive_gumbel::fast::stream::{Seed, Stream};
use recursive_gumbel::sample::Field;
use serde::Serialize;

use super::bench::{median, time};
use super::table::{float, table};

/// One measurement: a draw of each item, in single precision.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    structure: &'static str,
    n: usize,
    entries: usize,
    items: usize,
    precision: &'static str,
    outputs: &'static str,
    /// `own`, of each item, or `shared` by all.
    logits: &'static str,
    /// How draws are made: `on weights`, or `race by race` where that is faster.
    way: &'static str,
    threads: usize,
    ns_per_draw: f64,
    floor_ns: f64,
    ratio: f64,
}

const OUTPUTS: &str = "structure,trace,log_prob";

/// The entries that are looked at.
fn entries(kind: Kind, n: usize) -> usize {
    match kind {
        Kind::SpanningTree => n * (n - 1) / 2,
        Kind::Arborescence => (n - 1) * (n - 1),
        Kind::Matching => n * n,
        _ => n,
    }
}

/// A batch and where it is drawn to, which stays the same.
struct Work<'a> {
    items: Items<'a, f32>,
    drawn: Drawn<f32>,
    seed: u64,
}

impl<'a> Work<'a> {
    fn new(kind: Kind, logits: ArrayViewD<'a, f32>, by_races: bool, seed: u64) -> Result<Self, BatchError> {
        let mut items = Items::logits(kind, logits)?;
        if by_races {
            items = items.race_by_race();
        }
        if kind == Kind::TopK {
            let k = items.size().min(10);
            items = items.with_races(&[k])?;
        }
        let fields = [Field::Structure, Field::Trace, Field::LogProb];
        Ok(Self { drawn: Drawn::new(&items, 1, &fields)?, items, seed })
    }

    /// Nanoseconds for one draw.
    fn draw(&mut self, all_threads: bool, repeats: usize) -> Result<f64, BatchError> {
        let mut result = Ok(());
        let took = time(|| {
            for _ in 0..repeats {
                self.seed += 1;
                let fill = if all_threads { Items::fill_on_all_threads } else { Items::fill };
                result = fill(&self.items, self.seed, 0, self.drawn.outputs());
            }
        });
        result.map(|()| took.as_nanos() as f64 / (repeats * self.items.items()) as f64)
    }
}

/// Measures batches of one structure and size.
pub(super) fn rows(
    kind: Kind,
    n: usize,
    items: usize,
    quick: bool,
    seed: u64,
) -> Result<Vec<Row>, BatchError> {
    let (rounds, least) = if quick { (5, 2e6) } else { (9, 2e7) };
    let entries = entries(kind, n);
    let matrix = matches!(kind, Kind::SpanningTree | Kind::Arborescence | Kind::Matching);
    let shape = if matrix { vec![items, n, n] } else { vec![items, n] };
    let mut stream = Stream::weights(Seed::new(0x10617), 1);
    let logits: ArrayD<f32> =
        Array::from_shape_simple_fn(IxDyn(&shape), || (1.0 - 2.0 * libm::exp(-stream.exponential())) as f32);
    let one = logits.index_axis(Axis(0), 0);
    let shared = one.broadcast(IxDyn(&shape)).unwrap_or_else(|| logits.view());
    let mut own = Work::new(kind, logits.view(), false, seed)?;
    let mut by_races = Work::new(kind, shared.clone(), true, seed)?;
    let mut shared = Work::new(kind, shared, false, seed)?;
    let mut repeats = 1;
    while own.draw(false, repeats)? * ((repeats * items) as f64) < least {
        repeats *= 2;
    }
    let mut measured: [Vec<f64>; 5] = Default::default();
    for round in 0..rounds {
        let floor = time(|| {
            let mut stream = Stream::weights(Seed::new(seed), round);
            for _ in 0..repeats * items {
                let sum: f64 = (0..entries).map(|_| stream.exponential()).sum();
                std::hint::black_box(sum);
            }
        });
        let floor = floor.as_nanos() as f64 / (repeats * items) as f64;
        let [one_by_one, of_shared, of_races] =
            [own.draw(false, repeats)?, shared.draw(false, repeats)?, by_races.draw(false, repeats)?];
        // Threads that have slept take some milliseconds until each has a core.
        own.draw(true, repeats)?;
        let times = [floor, one_by_one, of_shared, of_races, own.draw(true, repeats)?];
        measured.iter_mut().zip(times).for_each(|(column, time)| column.push(time));
    }
    let threads = rayon::current_num_threads();
    let [floor, own, shared, by_races, all] = measured;
    let row = |logits, way, threads, times: &[f64]| Row {
        structure: kind.name(),
        n,
        entries,
        items,
        precision: "f32",
        outputs: OUTPUTS,
        logits,
        way,
        threads,
        ns_per_draw: median(times.iter().copied()),
        floor_ns: median(floor.iter().copied()),
        ratio: median(times.iter().zip(&floor).map(|(time, floor)| time / floor)),
    };
    let [on_weights, race_by_race] = ["on weights", "race by race"];
    let mut rows = vec![
        row("own", on_weights, 1, &own),
        row("shared", on_weights, 1, &shared),
        row("shared", race_by_race, 1, &by_races),
    ];
    rows.extend((threads > 1).then(|| row("own", on_weights, threads, &all)));
    Ok(rows)
}

/// A line for each structure and size.
pub(super) fn told(rows: &[Row]) -> String {
    let head = [
        "structure",
        "n",
        "entries",
        "own µs",
        "shared µs",
        "by race µs",
        "floor µs",
        "own",
        "shared",
        "by race",
        "own/shared",
        "speed-up",
    ];
    let per_size = rows.chunk_by(|a, b| (a.structure, a.n) == (b.structure, b.n));
    let lines = per_size.filter_map(|rows| {
        let [own, shared, by_races, ..] = rows else { return None };
        let mut line = vec![
            own.structure.to_owned(),
            own.n.to_string(),
            own.entries.to_string(),
            float(own.ns_per_draw / 1e3, 3),
            float(shared.ns_per_draw / 1e3, 3),
            float(by_races.ns_per_draw / 1e3, 3),
            float(own.floor_ns / 1e3, 3),
            format!("{:.2}", own.ratio),
            format!("{:.2}", shared.ratio),
            format!("{:.2}", by_races.ratio),
            format!("{:.2}", own.ratio / shared.ratio),
        ];
        line.extend(rows.get(3).map(|all| format!("{:.2}", own.ratio / all.ratio)));
        Some(line)
    });
    let right: Vec<usize> = (1..head.len()).collect();
    let mut text = table(&head, &right, lines);
    let items = rows.first().map_or(0, |row| row.items);
    let threads = rows.iter().map(|row| row.threads).max().unwrap_or(1);
    let _ = writeln!(
        text,
        "\n\nA draw of each of {items} items in f32: structure, trace and log-probability, on one thread.\n\
         own µs, shared µs: on weights, with logits of each item, which are made ready anew for every draw, and with one set for all.\n\
         by race µs: with one set for all, race by race where that is faster.\n\
         own, shared, by race: the same as ratios to the floor, one exponential (f64, scalar) per entry. speed-up: on {threads} thread{}, batch after batch.",
        if threads == 1 { "" } else { "s" },
    ); // writing to a string cannot fail
    text
}

/// As CSV, with a head.
pub(super) fn csv(rows: &[Row]) -> String {
    let mut text =
        "structure,n,entries,items,precision,outputs,logits,way,threads,ns_per_draw,floor_ns,ratio\n"
            .to_owned();
    for row in rows {
        let Row { structure, n, entries, items, precision, outputs, logits, way, threads, .. } = row;
        let Row { ns_per_draw, floor_ns, ratio, .. } = row;
        let _ = writeln!(
            text,
            "{structure},{n},{entries},{items},{precision},\"{outputs}\",{logits},{way},{threads},{ns_per_draw},{floor_ns},{ratio}"
        ); // writing to a string cannot fail
    }
    text
}
