//! `bench`

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use gumbel_oracle::model::Kind;
use recursive_gumbel::fast::stream::{Seed, Stream};
use recursive_gumbel::fast::{
    Algorithm, Arborescence, BinaryTree, Categorical, Fast, InputError, Matching, Outputs, Permutation,
    SpanningTree, TopK, rates_of_logits,
};
use serde::Serialize;

use super::bench_batch;
use super::output::{Format, Output};
use super::table::{float, table};
use super::verify::kind;
use super::{Failure, Outcome, progress};

/// Time per draw of the fast samplers, beside the floor measured in the same run.
///
/// The floor of a structure is the time it takes to draw one exponential per entry, one after the other on one thread, and to add them
/// up. Rounds of the floor and of draws take turns, each round with draws of its own; a ratio is the median of the rounds'. Logits
/// are between -1 and 1; top_k draws 10 positions.
#[derive(Args, Debug)]
pub(super) struct Bench {
    /// Only this structure, or several separated by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = kind)]
    structure: Vec<Kind>,
    /// The sizes, separated by commas. [default: 5 to 1000, and 10000 where there is one entry per position]
    #[arg(long, value_name = "N", value_delimiter = ',')]
    n: Vec<usize>,
    /// Three sizes, and a tenth of the time for each: rough figures in half a minute.
    #[arg(long)]
    quick: bool,
    /// Batches of so many items in single precision instead, a draw of each, at 10, 50 and 100 unless --n says otherwise.
    #[arg(long, value_name = "ITEMS", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: Option<u32>,
    /// The seed of the draws.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The format: a table, or every measurement as JSON, JSON Lines or CSV.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write to this file, which appears only when it is complete, instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// No progress bar.
    #[arg(long)]
    quiet: bool,
}

/// One measurement.
#[derive(Debug, Serialize)]
struct Row {
    structure: &'static str,
    n: usize,
    entries: usize,
    precision: &'static str,
    /// What is written of each draw; `score` and `conditional`: what they add to `structure,trace,log_prob`.
    outputs: &'static str,
    threads: usize,
    ns_per_draw: f64,
    ns_per_entry: f64,
    floor_ns: f64,
    ratio: f64,
}

/// What is measured, in this order.
const OUTPUTS: [&str; 4] = ["structure,trace,log_prob", "trace", "score", "conditional"];

/// A cost that grows as `n` to this power, by least squares over the sizes from 50 on.
#[derive(Debug, Serialize)]
struct Growth {
    structure: &'static str,
    exponent: f64,
    from: usize,
    to: usize,
}

/// The largest sizes: some GB of memory.
const LARGEST_MATRIX: usize = 5_000;
const LARGEST_LIST: usize = 10_000_000;
/// Numbers in the parameters of a batch.
const MOST_IN_BATCH: usize = 1 << 28;

impl Bench {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        if let Some(items) = self.batch {
            return self.run_batches(items as usize);
        }
        let kinds = if self.structure.is_empty() { Kind::ALL.to_vec() } else { self.structure.clone() };
        let mut cases = Vec::new();
        for &kind in &kinds {
            let list = matches!(kind, Kind::BinaryTree | Kind::TopK | Kind::Permutation | Kind::Categorical);
            let mut sizes = match (self.n.is_empty(), self.quick) {
                (false, _) => self.n.clone(),
                (true, true) => vec![10, 100, 1000],
                (true, false) => vec![5, 10, 20, 50, 100, 200, 1000],
            };
            if self.n.is_empty() && list {
                sizes.push(10_000);
            }
            let largest = if list { LARGEST_LIST } else { LARGEST_MATRIX };
            // A graph of one vertex has no entry to be measured by.
            let least = if matches!(kind, Kind::SpanningTree | Kind::Arborescence) { 2 } else { 1 };
            if let Some(n) = sizes.iter().find(|n| !(least..=largest).contains(*n)) {
                let name = kind.name();
                return Err(Failure::input(format!("--n {n}: want {least} to {largest} for {name}")));
            }
            cases.extend(sizes.into_iter().map(|n| (kind, n)));
        }
        let mut output = Output::open(self.out.as_deref())?;
        let bar = progress(cases.len() as u64, "sizes", self.quiet);
        let mut rows = Vec::new();
        for (kind, n) in cases {
            rows.extend(self.measure(kind, n).map_err(Failure::input)?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let growth: Vec<Growth> = kinds.iter().filter_map(|kind| growth(kind.name(), &rows)).collect();
        output.write(|out| match self.format {
            Format::Table => out.write_all(told(&rows, &growth).as_bytes()),
            Format::Json => {
                serde_json::to_writer(&mut *out, &serde_json::json!({ "rows": rows, "growth": growth }))?;
                writeln!(out)
            }
            Format::Jsonl => rows.iter().try_for_each(|row| {
                serde_json::to_writer(&mut *out, row)?;
                writeln!(out)
            }),
            Format::Csv => csv(out, &rows),
        })?;
        output.finish()?;
        Ok(Outcome::Held)
    }

    fn run_batches(self, items: usize) -> Result<Outcome, Failure> {
        let kinds = if self.structure.is_empty() { Kind::ALL.to_vec() } else { self.structure.clone() };
        let sizes = if self.n.is_empty() { vec![10, 50, 100] } else { self.n.clone() };
        // A matrix of each item, in memory.
        let largest = libm::sqrt(MOST_IN_BATCH as f64 / items as f64) as usize;
        if let Some(n) = sizes.iter().find(|n| !(2..=largest).contains(*n)) {
            return Err(Failure::input(format!("--n {n}: want 2 to {largest} for batches of {items} items")));
        }
        let mut output = Output::open(self.out.as_deref())?;
        let bar = progress((kinds.len() * sizes.len()) as u64, "sizes", self.quiet);
        let mut rows = Vec::new();
        for (kind, &n) in kinds.iter().flat_map(|kind| sizes.iter().map(move |n| (*kind, n))) {
            rows.extend(bench_batch::rows(kind, n, items, self.quick, self.seed).map_err(Failure::input)?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        output.write(|out| match self.format {
            Format::Table => out.write_all(bench_batch::told(&rows).as_bytes()),
            Format::Csv => out.write_all(bench_batch::csv(&rows).as_bytes()),
            Format::Json => {
                serde_json::to_writer(&mut *out, &serde_json::json!({ "rows": rows }))?;
                writeln!(out)
            }
            Format::Jsonl => rows.iter().try_for_each(|row| {
                serde_json::to_writer(&mut *out, row)?;
                writeln!(out)
            }),
        })?;
        output.finish()?;
        Ok(Outcome::Held)
    }

    fn measure(&self, kind: Kind, n: usize) -> Result<Vec<Row>, InputError> {
        let rates = |count| rates_of_logits(&logits(count));
        match kind {
            Kind::SpanningTree => Ok(self.rows(kind, n, SpanningTree::dense(n, &rates(n * n))?)),
            Kind::Arborescence => Ok(self.rows(kind, n, Arborescence::dense(n, 0, &rates(n * n))?)),
            Kind::Matching => Ok(self.rows(kind, n, Matching::new(n, &rates(n * n))?)),
            Kind::BinaryTree => Ok(self.rows(kind, n, BinaryTree::new(&rates(n))?)),
            Kind::TopK => Ok(self.rows(kind, n, TopK::new(&rates(n), n.min(10))?)),
            Kind::Permutation => Ok(self.rows(kind, n, Permutation::new(&rates(n))?)),
            Kind::Categorical => Ok(self.rows(kind, n, Categorical::new(&rates(n))?)),
        }
    }

    /// Measures one structure of one size.
    fn rows<A: Algorithm>(&self, kind: Kind, n: usize, algorithm: A) -> Vec<Row> {
        let (rounds, least) =
            if self.quick { (5, Duration::from_millis(2)) } else { (9, Duration::from_millis(20)) };
        let entries = algorithm.rates().len();
        let mut work = Work::new(algorithm, self.seed);
        let mut draws = 1;
        while work.draw(draws, [true, false, false]) < least {
            draws *= 2;
        }
        let threads = rayon::current_num_threads();
        // Per round: the floor; main, trace, score, conditional; main on all threads.
        let mut measured: [Vec<f64>; 6] = Default::default();
        for _ in 0..rounds {
            let per_draw = |time: Duration| time.as_nanos() as f64 / draws as f64;
            let times = [
                work.floor(draws),
                work.draw(draws, [true, false, false]),
                work.draw_traces(draws),
                work.draw(draws, [true, true, false]),
                work.draw(draws, [true, false, true]),
                work.draw_on_all_threads(draws),
            ]
            .map(per_draw);
            measured.iter_mut().zip(times).for_each(|(column, time)| column.push(time));
        }
        let [floor, main, trace, score, conditional, all] = measured;
        let beyond =
            |with: &[f64]| -> Vec<f64> { with.iter().zip(&main).map(|(a, b)| (a - b).max(0.0)).collect() };
        let (score, conditional) = (beyond(&score), beyond(&conditional));
        let columns = OUTPUTS.into_iter().zip([&main, &trace, &score, &conditional]).map(|of| (of, 1));
        columns
            .chain((threads > 1).then_some(((OUTPUTS[0], &all), threads)))
            .map(|((outputs, times), threads)| {
                let ns = median(times.iter().copied());
                Row {
                    structure: kind.name(),
                    n,
                    entries,
                    precision: "f64",
                    outputs,
                    threads,
                    ns_per_draw: ns,
                    ns_per_entry: ns / entries as f64,
                    floor_ns: median(floor.iter().copied()),
                    ratio: median(times.iter().zip(&floor).map(|(time, floor)| time / floor)),
                }
            })
            .collect()
    }
}

/// Logits between -1 and 1.
fn logits(count: usize) -> Vec<f64> {
    let mut stream = Stream::weights(Seed::new(0x10617), 0);
    (0..count).map(|_| 1.0 - 2.0 * libm::exp(-stream.exponential())).collect()
}

/// A sampler, the next draw that has not been drawn yet, and columns to draw to, which stay in the cache.
struct Work<A: Algorithm> {
    sampler: Fast<A>,
    seed: Seed,
    next: u64,
    piece: usize,
    structure: Vec<u32>,
    trace: Vec<u32>,
    log_prob: Vec<f64>,
    score: Vec<f64>,
    conditional: Vec<f64>,
}

impl<A: Algorithm> Work<A> {
    fn new(algorithm: A, seed: u64) -> Self {
        let entries = algorithm.rates().len();
        let piece = (1_024 / entries).max(1);
        Self {
            structure: vec![0; piece * algorithm.structure_len()],
            trace: vec![0; piece * algorithm.trace_len()],
            log_prob: vec![0.0; piece],
            score: vec![0.0; piece * entries],
            conditional: vec![0.0; piece * entries],
            sampler: Fast::new(algorithm, seed),
            seed: Seed::new(seed),
            next: 0,
            piece,
        }
    }

    fn floor(&mut self, draws: u64) -> Duration {
        let entries = self.sampler.algorithm().rates().len();
        let numbers = self.next..self.next + draws;
        self.next += draws;
        time(|| {
            for number in numbers {
                let mut stream = Stream::weights(self.seed, number);
                let sum: f64 = (0..entries).map(|_| stream.exponential()).sum();
                std::hint::black_box(sum);
            }
        })
    }

    /// Draws in pieces, what is asked for of structure, trace and log-probability; of the score; and of the conditional draw.
    fn draw(&mut self, draws: u64, [main, score, conditional]: [bool; 3]) -> Duration {
        self.pieces(draws, |work, first, count| {
            let Self { sampler, structure, trace, log_prob, score: scores, conditional: weights, .. } = work;
            let [in_structure, in_trace, entries] = lengths(sampler.algorithm());
            let outputs = Outputs {
                structure: main.then_some(&mut structure[..count * in_structure]),
                trace: main.then_some(&mut trace[..count * in_trace]),
                log_prob: main.then_some(&mut log_prob[..count]),
                score: score.then_some(&mut scores[..count * entries]),
                conditional: conditional.then_some(&mut weights[..count * entries]),
                ..Outputs::default()
            };
            sampler.fill(first, count, outputs);
        })
    }

    fn draw_traces(&mut self, draws: u64) -> Duration {
        self.pieces(draws, |work, first, count| {
            let in_trace = work.sampler.algorithm().trace_len();
            let trace = Some(&mut work.trace[..count * in_trace]);
            work.sampler.fill(first, count, Outputs { trace, ..Outputs::default() });
        })
    }

    fn pieces(&mut self, draws: u64, mut fill: impl FnMut(&mut Self, u64, usize)) -> Duration {
        let (first, end) = (self.next, self.next + draws);
        self.next = end;
        time(|| {
            for first in (first..end).step_by(self.piece) {
                fill(self, first, (end - first).min(self.piece as u64) as usize);
            }
        })
    }

    /// The same on all threads; enough draws for each of them, but told as if there were as many as asked for.
    fn draw_on_all_threads(&mut self, draws: u64) -> Duration {
        let more = 4 * rayon::current_num_threads() as u64;
        let count = (draws * more) as usize;
        let [in_structure, in_trace, _] = lengths(self.sampler.algorithm());
        let mut structure = vec![0; count * in_structure];
        let mut trace = vec![0; count * in_trace];
        let mut log_prob = vec![0.0; count];
        let first = self.next;
        self.next += count as u64;
        let took = time(|| {
            let outputs = Outputs {
                structure: Some(&mut structure),
                trace: Some(&mut trace),
                log_prob: Some(&mut log_prob),
                ..Outputs::default()
            };
            self.sampler.fill_on_all_threads(first, count, outputs);
        });
        took.div_f64(more as f64)
    }
}

fn lengths(algorithm: &impl Algorithm) -> [usize; 3] {
    [algorithm.structure_len(), algorithm.trace_len(), algorithm.rates().len()]
}

#[expect(clippy::disallowed_methods, reason = "time is what is measured here")]
pub(super) fn time(work: impl FnOnce()) -> Duration {
    let start = std::time::Instant::now();
    work();
    start.elapsed()
}

pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) }
}

/// How the main measurement of a structure grows; `None` if only one size tells.
fn growth(structure: &'static str, rows: &[Row]) -> Option<Growth> {
    let tells = |row: &&Row| {
        row.structure == structure && row.outputs == OUTPUTS[0] && row.threads == 1 && row.n >= 50
    };
    let rows: Vec<&Row> = rows.iter().filter(tells).collect();
    let points: Vec<(f64, f64)> =
        rows.iter().map(|row| (libm::log(row.n as f64), libm::log(row.ns_per_draw))).collect();
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let (up, over) = points.iter().fold((0.0, 0.0), |(up, over), point| {
        (up + (point.0 - x) * (point.1 - y), over + (point.0 - x).powi(2))
    });
    let (from, to) = (rows.iter().map(|row| row.n).min()?, rows.iter().map(|row| row.n).max()?);
    (over > 0.0).then_some(Growth { structure, exponent: up / over, from, to })
}

/// A row for each structure and size.
fn told(rows: &[Row], growth: &[Growth]) -> String {
    let head = [
        "structure",
        "n",
        "entries",
        "µs",
        "ns/entry",
        "floor µs",
        "ratio",
        "trace only",
        "+score",
        "+conditional",
        "speed-up",
    ];
    let mut lines: Vec<Vec<String>> = Vec::new();
    for row in rows {
        let ratio = format!("{:.2}", row.ratio);
        match lines.last_mut().filter(|_| row.outputs != OUTPUTS[0] || row.threads > 1) {
            Some(line) if row.threads > 1 => {
                let alone: f64 = line[6].parse().unwrap_or(f64::NAN);
                line.push(format!("{:.2}", alone / row.ratio));
            }
            Some(line) => line.push(ratio),
            None => lines.push(vec![
                row.structure.to_owned(),
                row.n.to_string(),
                row.entries.to_string(),
                float(row.ns_per_draw / 1e3, 3),
                format!("{:.1}", row.ns_per_entry),
                float(row.floor_ns / 1e3, 3),
                ratio,
            ]),
        }
    }
    let right: Vec<usize> = (1..head.len()).collect();
    let mut text = table(&head, &right, lines);
    let threads = rows.iter().map(|row| row.threads).max().unwrap_or(1);
    let _ = write!(
        text,
        "\n\nµs, ns/entry, ratio: structure, trace and log-probability of one draw on one thread; its ratio to the floor.\n\
         trace only, +score, +conditional: the trace alone; what the score and a conditional draw add; as ratios to the floor.\n\
         speed-up: on {threads} thread{}. floor: one exponential per entry.\n",
        if threads == 1 { "" } else { "s" },
    ); // writing to a string cannot fail
    for Growth { structure, exponent, from, to } in growth {
        let _ = writeln!(text, "{structure} grows as n^{exponent:.2} from n = {from} to {to}.");
    }
    text
}

fn csv(out: &mut dyn Write, rows: &[Row]) -> std::io::Result<()> {
    writeln!(out, "structure,n,entries,precision,outputs,threads,ns_per_draw,ns_per_entry,floor_ns,ratio")?;
    rows.iter().try_for_each(|row| {
        let Row { structure, n, entries, precision, outputs, threads, .. } = row;
        let Row { ns_per_draw, ns_per_entry, floor_ns, ratio, .. } = row;
        writeln!(
            out,
            "{structure},{n},{entries},{precision},\"{outputs}\",{threads},{ns_per_draw},{ns_per_entry},{floor_ns},{ratio}"
        )
    })
}
