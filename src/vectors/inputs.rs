//! What is asked: chosen by whole numbers from a generator, so that every machine chooses alike.

use std::collections::BTreeSet;

use gumbel_oracle::limit::Limit;
use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::number::to_f64;
use gumbel_oracle::race::Trace;
use gumbel_oracle::recursion::Run;
use gumbel_oracle::structure::Structure;
use num_rational::BigRational;
use num_traits::Zero as _;
use rand::rngs::ChaCha8Rng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Map, Value, json};

use super::Operation;
use super::expected::exact_row;
use super::float::put_row;

/// One question.
pub(super) struct Question {
    pub(super) comment: &'static str,
    pub(super) flags: Vec<&'static str>,
    pub(super) input: Map<String, Value>,
}

/// The traces of a model that are asked for, if there are more.
const TRACES: usize = 8;
/// Laws are listed of models with so many traces at most.
const LISTED: u64 = 2_500;

/// The questions about a model, always the same.
pub(super) fn questions(model: &Model, name: &str, operation: Operation) -> Vec<Question> {
    let mut rng = generator(&format!("{}.{}.{name}", model.kind().name(), operation.name()));
    match operation {
        Operation::Run => runs(model, &mut rng).into_iter().map(|(question, _)| question).collect(),
        Operation::Trace => traces(model, &mut rng).iter().map(|trace| of_trace(model, trace)).collect(),
        Operation::Conditional => conditionals(model, &mut rng),
        Operation::Inverse => inverses(model, &mut rng),
        Operation::Law if model.check_traces(Limit(LISTED)).is_ok() => vec![law()],
        Operation::Law | Operation::Invalid => Vec::new(),
    }
}

/// Seeded by a text: FNV-1a.
pub(super) fn generator(text: &str) -> ChaCha8Rng {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    ChaCha8Rng::seed_from_u64(text.bytes().fold(0xcbf2_9ce4_8422_2325, hash))
}

fn law() -> Question {
    let input = Map::from_iter([("loss".to_owned(), json!("default"))]);
    Question { comment: "everything that is known of the law, as fractions", flags: Vec::new(), input }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

fn with_trace(model: &Model, trace: &Trace) -> Map<String, Value> {
    Map::from_iter([("trace".to_owned(), parsed(&model.canonical_trace(trace)))])
}

fn of_trace(model: &Model, trace: &Trace) -> Question {
    let flags = if is_nested(model, trace) { vec!["nested-contraction"] } else { Vec::new() };
    Question {
        comment: "log-probability, score and structure of a trace",
        flags,
        input: with_trace(model, trace),
    }
}

/// Whether a cycle was contracted that a contracted cycle is on.
fn is_nested(model: &Model, trace: &Trace) -> bool {
    if model.kind() != Kind::Arborescence {
        return false;
    }
    let components: Vec<Vec<usize>> = model.components(trace).into_iter().map(|(inside, _)| inside).collect();
    let within = |small: &Vec<usize>, large: &Vec<usize>| {
        small.len() > 1 && small.len() < large.len() && small.iter().all(|v| large.contains(v))
    };
    components.iter().any(|small| components.iter().any(|large| within(small, large)))
}

/// How weights are chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Weights {
    /// Between 0 and 1, of 53 bits.
    Doubles,
    /// Between 0 and 1, of 20 bits: numbers of `f32` too, and so are their differences.
    Singles,
    /// Near to each other.
    Close,
    /// Small whole numbers, some alike.
    Ties,
    /// Over many powers of two.
    Spread,
}

impl Weights {
    fn draw(self, rng: &mut ChaCha8Rng) -> f64 {
        let bits = |rng: &mut ChaCha8Rng, n: u32| (rng.next_u64() >> (64 - n)) as f64;
        match self {
            Self::Doubles => (bits(rng, 52) * 2.0 + 1.0) * f64::EPSILON / 2.0,
            Self::Singles => (bits(rng, 20) + 1.0) / f64::from(1 << 21),
            Self::Close => 1024.0 + bits(rng, 12) / f64::from(1 << 16),
            Self::Ties => bits(rng, 2) + 1.0,
            // Each a power of two, times 1 to 2.
            Self::Spread => {
                let power = (bits(rng, 5) - 16.0) as i32;
                (1.0 + bits(rng, 8) / 256.0) * libm::ldexp(1.0, power)
            }
        }
    }

    /// How far apart what is compared must be, in parts of the larger: no rounding of subtractions may change who wins.
    fn margin(self) -> f64 {
        match self {
            Self::Doubles => 1e-6,
            Self::Singles | Self::Spread => 1e-3,
            Self::Close => 1e-9,
            Self::Ties => 0.0,
        }
    }
}

/// A row of weights with the exact run on them.
type Ran = (Vec<Option<f64>>, Run<Structure, BigRational>);

/// A row of weights of which rounding changes nothing, with the run on them. `scaled`: as long as their means, to a factor of 2.
fn row(model: &Model, how: Weights, scaled: bool, rng: &mut ChaCha8Rng) -> Option<Ran> {
    let weight = |rate: &BigRational, rng: &mut ChaCha8Rng| {
        let power = if scaled { -libm::ilogb(to_f64(rate)) } else { 0 };
        libm::ldexp(how.draw(rng), power)
    };
    let weights: Vec<Option<f64>> =
        model.rates().iter().map(|rate| (!rate.is_zero()).then(|| weight(rate, rng))).collect();
    let exact = exact_row(&weights).ok()?;
    let run = model.run(&exact).ok()?;
    let margin = margin(&run, &exact);
    let fits = if how == Weights::Ties { margin == 0.0 } else { margin > how.margin() };
    fits.then_some((weights, run))
}

/// By how much the closest race was won, in parts of the larger weight.
fn margin(run: &Run<Structure, BigRational>, weights: &[BigRational]) -> f64 {
    let (mut left, mut margin) = (weights.to_vec(), 1.0_f64);
    for race in run.trace.races() {
        let time = left[race.winner].clone();
        for &k in &race.entrants {
            left[k] -= &time;
            if k != race.winner {
                margin = margin.min(to_f64(&(&left[k] / (&weights[k]).max(&weights[race.winner]))));
            }
        }
    }
    margin
}

/// What is said of each kind of weights, and how many of it there are.
const KINDS: [(Weights, usize, &str, &[&str]); 5] = [
    (Weights::Doubles, 6, "exponentials of 53 bits", &[]),
    (Weights::Singles, 3, "exponentials that f32 holds, and whose differences it holds", &["f32"]),
    (Weights::Spread, 2, "exponentials over many powers of two", &["f32"]),
    (
        Weights::Close,
        1,
        "exponentials near to each other: weights that are reduced by hand lose digits",
        &["close"],
    ),
    (Weights::Ties, 2, "exponentials that tie: the lower entry number wins", &["tie", "f32"]),
];

/// Runs: of each kind of weights those with traces that were not seen before, as far as there are such.
fn runs(model: &Model, rng: &mut ChaCha8Rng) -> Vec<(Question, Ran)> {
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    let single = model.rates().iter().filter(|rate| !rate.is_zero()).count() == 1;
    for (how, count, comment, flags) in KINDS {
        let (mut found, mut tried) = (0, 0);
        while found < count && tried < 400 {
            tried += 1;
            let Some((weights, run)) = row(model, how, false, rng) else { continue };
            let new = seen.insert((how as u8, model.canonical_trace(&run.trace)));
            // What is seen already is taken where there is nothing else.
            if !new && (single || tried < 200) {
                continue;
            }
            found += 1;
            let mut flags = flags.to_vec();
            if is_nested(model, &run.trace) {
                flags.push("nested-contraction");
            }
            let mut input = Map::new();
            put_row(&mut input, "exponentials", &weights);
            all.push((Question { comment, flags, input }, (weights, run)));
        }
    }
    all
}

/// All traces, or some.
fn traces(model: &Model, rng: &mut ChaCha8Rng) -> Vec<Trace> {
    if model.check_traces(Limit(TRACES as u64)).is_ok() {
        return model.traces().map(|outcome| outcome.trace).collect();
    }
    let (mut all, mut seen, mut tried) = (Vec::new(), BTreeSet::new(), 0);
    while all.len() < TRACES && tried < 400 {
        tried += 1;
        let Some((_, run)) = row(model, Weights::Doubles, false, rng) else { continue };
        if seen.insert(model.canonical_trace(&run.trace)) {
            all.push(run.trace);
        }
    }
    all
}

type Draw = fn(&mut ChaCha8Rng) -> f64;

/// What is said of each kind of uniforms, and how they are chosen.
const UNIFORMS: [(&str, &[&str], Draw); 4] = [
    ("uniforms of 53 bits", &[], |rng| Weights::Doubles.draw(rng)),
    ("other uniforms of 53 bits", &[], |rng| Weights::Doubles.draw(rng)),
    ("uniforms that f32 holds", &["f32"], |rng| Weights::Singles.draw(rng)),
    ("uniforms near 0 and near 1: the logarithm of 1 - u is no way round", &["extreme-uniforms"], |rng| {
        match rng.next_u64() % 2 {
            0 => libm::ldexp(1.0 + Weights::Singles.draw(rng), -60),
            _ => 1.0 - libm::ldexp(1.0, -(40 + (rng.next_u64() % 13) as i32)),
        }
    }),
];

/// Exponentials from uniforms given the trace.
fn conditionals(model: &Model, rng: &mut ChaCha8Rng) -> Vec<Question> {
    let traces = traces(model, rng);
    let mut all = Vec::new();
    let count = UNIFORMS.len().max(traces.len().min(6));
    for (number, trace) in traces.iter().cycle().take(count).enumerate() {
        let (comment, flags, draw) = UNIFORMS[number % UNIFORMS.len()];
        let mut flags = flags.to_vec();
        if is_nested(model, trace) {
            flags.push("nested-contraction");
        }
        let row: Vec<Option<f64>> =
            model.rates().iter().map(|rate| (!rate.is_zero()).then(|| draw(rng))).collect();
        let mut input = with_trace(model, trace);
        put_row(&mut input, "uniforms", &row);
        all.push(Question { comment, flags, input });
    }
    all
}

/// Uniforms from the exponentials of a run, which are as long as the rates say: else `e^{-ΛM}` is 0 or 1.
fn inverses(model: &Model, rng: &mut ChaCha8Rng) -> Vec<Question> {
    let (mut all, mut seen, mut tried) = (Vec::new(), BTreeSet::new(), 0);
    while all.len() < 4 && tried < 100 {
        tried += 1;
        let Some((weights, run)) = row(model, Weights::Doubles, true, rng) else { continue };
        if !seen.insert(model.canonical_trace(&run.trace)) && tried < 50 {
            continue;
        }
        let flags = if is_nested(model, &run.trace) { vec!["nested-contraction"] } else { Vec::new() };
        let mut input = with_trace(model, &run.trace);
        put_row(&mut input, "exponentials", &weights);
        let comment = "uniforms from exponentials that belong to the trace";
        all.push(Question { comment, flags, input });
    }
    all
}
