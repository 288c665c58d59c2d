//! What holds the book (`docs/`) to the oracle: every number in it is computed here.
//!
//! Three rules, each a test:
//!
//! * A `text` block under `<!-- checked: name -->` is written by [`blocks`], character by character.
//! * A number in a sentence is part of a claim, a sentence fragment that [`claims`] composes from computed numbers.
//! * A number of two digits or more, or a fraction, that stands in neither, is an error. Years are let through if the
//!   references of the chapter name them.
//!
//! `BLESS_BOOK=1 cargo test -p recursive-gumbel --test book` rewrites the blocks (and then fails once, so that nobody
//! blesses by habit). The claims are rewritten by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};

use gumbel_oracle::collapse::Layers;
use gumbel_oracle::count;
use gumbel_oracle::estimators::Score;
use gumbel_oracle::identities::of_model;
use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::{Algorithm, Kind, Model};
use gumbel_oracle::number::{Dual, ratio, to_f64};
use gumbel_oracle::race::{Race, Trace};
use gumbel_oracle::recursion::Outcome;
use gumbel_oracle::relax::{Critic, Degree};
use gumbel_oracle::structure::Structure;
use itertools::Itertools;
use num_rational::BigRational;
use num_traits::{One, Zero};
use rand::{RngExt as _, SeedableRng as _};
use rand_xoshiro::Xoshiro256PlusPlus;
use recursive_gumbel::experiment::{Estimator, LOOKS as LOOKS_AT, Problem, Settings, Training, toy_model};
use recursive_gumbel::mutants::Mutant;
use recursive_gumbel::mutants::kills::{Kills, Matrix};
use recursive_gumbel::statistics::{POWER, cell_p_value, coin_bets, g_test, law_bets, pearson};

#[path = "common/estimates.rs"]
mod estimates;
#[path = "common/families.rs"]
mod families;
#[path = "common/mistaken.rs"]
mod mistaken;
#[path = "common/trainings.rs"]
mod trainings;

use trainings::{losses, spread};

type Q = BigRational;

// ------------------------------------------------------------------------------------------ the book as it stands

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src")
}

fn chapter(file: &str) -> String {
    std::fs::read_to_string(source().join(file)).unwrap_or_else(|error| panic!("docs/src/{file}: {error}"))
}

/// The files of `docs/src`, sorted.
fn files() -> Vec<String> {
    let entries = std::fs::read_dir(source()).expect("docs/src");
    let names = entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".md")).sorted().collect()
}

/// The chapters that the summary lists, in its order.
fn listed() -> Vec<String> {
    links(&chapter("SUMMARY.md")).into_iter().collect()
}

/// The targets of Markdown links.
fn links(text: &str) -> Vec<String> {
    let starts = text.match_indices("](").map(|(at, _)| &text[at + 2..]);
    starts.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// The part of a chapter a line belongs to.
#[derive(PartialEq)]
enum Part {
    Prose,
    /// A fenced block with its language, and the name of the check above it.
    Fence(String, Option<String>),
    References,
}

/// The lines of a chapter with the part each belongs to; fences themselves are left out.
fn parts(text: &str) -> Vec<(Part, &str)> {
    let (mut fence, mut check, mut references) = (None, None, false);
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(language) = line.strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some((language.to_owned(), check.take())) };
            continue;
        }
        if let Some((language, name)) = &fence {
            found.push((Part::Fence(language.clone(), name.clone()), line));
            continue;
        }
        if let Some(name) = line.strip_prefix("<!-- checked: ") {
            check = Some(name.trim_end_matches(" -->").to_owned());
            continue;
        }
        if line.starts_with("## ") {
            references = line == "## References";
        }
        found.push((if references { Part::References } else { Part::Prose }, line));
    }
    found
}

/// A model of `examples/models`.
fn model(name: &str) -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/models/{name}.json"));
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    Model::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The model that a chapter writes out in a `json` block.
fn written(file: &str) -> Model {
    let text = chapter(file);
    let lines = parts(&text).into_iter().filter(|(part, _)| *part == Part::Fence("json".to_owned(), None));
    let json: String = lines.map(|(_, line)| line).collect();
    Model::parse(&json).unwrap_or_else(|error| panic!("{file}: {error}"))
}

// ------------------------------------------------------------------------------------------------ how it is printed

/// Columns, padded; two spaces between them.
fn table(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("   ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn row<const N: usize>(cells: [&dyn Display; N]) -> Vec<String> {
    cells.iter().map(ToString::to_string).collect()
}

fn listing(items: impl IntoIterator<Item = impl Display>) -> String {
    items.into_iter().join(", ")
}

fn decimal(value: &Q) -> String {
    format!("{:.4}", to_f64(value))
}

/// `105`, `1,441,729`.
fn grouped(number: impl Display) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join(",")
}

fn labels(model: &Model) -> Vec<String> {
    model.entries().iter().map(|entry| entry.label(model.kind())).collect()
}

/// The winners of a trace, as a person writes them.
fn winners(model: &Model, trace: &Trace) -> String {
    let labels = labels(model);
    listing(trace.races().iter().map(|race| labels[race.winner].clone()))
}

/// `4/7 · 2/3`, unreduced: `λ_w/Λ` of each race.
fn factors(model: &Model, trace: &Trace) -> String {
    let factor = |race: &Race| race_factor(&model.rates()[race.winner], &race.total(model.rates()));
    trace.races().iter().map(factor).join(" · ")
}

/// `p/q` of two numbers: as it stands if both are integers, reduced otherwise.
fn race_factor(rate: &Q, total: &Q) -> String {
    if rate.is_integer() && total.is_integer() {
        format!("{rate}/{total}")
    } else {
        (rate / total).to_string()
    }
}

/// `{0–1, 0–2}`
fn told(model: &Model, structure: &Structure) -> String {
    match structure {
        Structure::Entries(set) if matches!(model.kind(), Kind::SpanningTree | Kind::Arborescence) => {
            let labels = labels(model);
            format!("{{{}}}", listing(set.iter().map(|&k| &labels[k])))
        }
        _ => model.canonical(structure),
    }
}

fn law(model: &Model) -> Vec<(Structure, Q)> {
    model.law(Limit::default()).expect("small").outcomes
}

fn outcomes(model: &Model) -> Vec<Outcome<Structure, Q>> {
    model.traces().collect()
}

fn sum<'a>(numbers: impl IntoIterator<Item = &'a Q>) -> Q {
    numbers.into_iter().fold(Q::zero(), |sum, number| sum + number)
}

fn product<'a>(numbers: impl IntoIterator<Item = &'a Q>) -> Q {
    numbers.into_iter().fold(Q::one(), |product, number| product * number)
}

/// The Gibbs law on the same structures: proportional to the product of rates.
fn gibbs(model: &Model) -> Vec<(Structure, Q)> {
    let weight = |x: &Structure| match x {
        Structure::Entries(set) => product(set.iter().map(|&k| &model.rates()[k])),
        _ => Q::one(),
    };
    let weights: Vec<(Structure, Q)> = law(model).into_iter().map(|(x, _)| (x.clone(), weight(&x))).collect();
    let total = sum(weights.iter().map(|(_, w)| w));
    weights.into_iter().map(|(x, w)| (x, w / &total)).collect()
}

/// The traces of a model: winners, factors, probability, structure.
fn trace_table(model: &Model) -> String {
    let line = |Outcome { trace, structure, probability }: &Outcome<Structure, Q>| {
        row([&winners(model, trace), &factors(model, trace), &probability, &told(model, structure)])
    };
    let head = row([&"winners", &"Π λ/Λ", &"p(T)", &"X"]);
    table(std::iter::once(head).chain(outcomes(model).iter().map(line)))
}

/// The most probable structures.
fn likely(model: &Model, most: usize) -> String {
    let mut law = law(model);
    law.sort_by(|(x, p), (y, q)| q.cmp(p).then(x.cmp(y)));
    table(law.iter().take(most).map(|(x, p)| row([&told(model, x), p, &decimal(p)])))
}

/// The races of one trace: entrants, winner, factor.
fn race_table(model: &Model, trace: &Trace) -> String {
    let labels = labels(model);
    let line = |(r, race): (usize, &Race)| {
        let entrants = race.entrants.iter().map(|&k| format!("{} ({})", labels[k], model.rates()[k]));
        let total = race.total(model.rates());
        row([
            &format!("race {}", r + 1),
            &listing(entrants),
            &format!("Λ = {total}"),
            &format!("{} wins: {}", labels[race.winner], &model.rates()[race.winner] / &total),
        ])
    };
    table(trace.races().iter().enumerate().map(line))
}

fn means(trace: &Trace, rates: &[Q]) -> Vec<Q> {
    trace.conditional_mean(rates).into_iter().map(|mean| mean.expect("present")).collect()
}

/// The sum of two logits' worth of algebra: `∂E[f]/∂θ` and the moments of both estimators, by trace.
struct Moments {
    expectation: Q,
    gradient: Vec<Q>,
    /// Variances per entry of `f·s(T)` and of `f·(λE - 1)`.
    by_trace: Vec<Q>,
    by_exponentials: Vec<Q>,
}

fn moments(model: &Model, loss: &Loss) -> Moments {
    moments_less(model, loss, 0)
}

/// With a constant taken off the loss.
fn moments_less(model: &Model, loss: &Loss, baseline: i64) -> Moments {
    let rates = model.rates();
    let m = rates.len();
    let mut expectation = Q::zero();
    let (mut gradient, mut second, mut inside) = (vec![Q::zero(); m], vec![Q::zero(); m], vec![Q::zero(); m]);
    for Outcome { trace, structure, probability } in model.traces() {
        let f = ratio(loss.of(model, &structure) - baseline, 1);
        expectation += &probability * &f;
        let (score, covariance) = (trace.score(rates), trace.conditional_covariance(rates));
        for k in 0..m {
            gradient[k] += &probability * &f * &score[k];
            second[k] += &probability * &f * &f * &score[k] * &score[k];
            let variance = covariance[k][k].clone().expect("present");
            inside[k] += &probability * &f * &f * &rates[k] * &rates[k] * variance;
        }
    }
    let by_trace: Vec<Q> = (0..m).map(|k| &second[k] - &gradient[k] * &gradient[k]).collect();
    let by_exponentials = (0..m).map(|k| &by_trace[k] + &inside[k]).collect();
    Moments { expectation, gradient, by_trace, by_exponentials }
}

fn default_loss(model: &Model) -> Loss {
    Loss::named(model, "default").expect("every structure has one")
}

// ---------------------------------------------------------------------------------------------------- the blocks

/// Every checked block: chapter, name, text.
fn blocks() -> Vec<(&'static str, &'static str, String)> {
    let mut all = vec![
        ("introduction.md", "gibbs", gibbs_block()),
        ("race.md", "race", race_block()),
        ("recursion.md", "k3-traces", trace_table(&model("k3"))),
        ("recursion.md", "k3-first", first_trace_block()),
        ("recursion.md", "k3-decomposition", decomposition_block()),
        ("recursion.md", "k3-blind", blind_block()),
        ("recursion.md", "k3-round", round_block()),
    ];
    all.extend(structure_blocks());
    all.extend(mistake_blocks());
    all
}

/// What mistakes do, and what sees them.
fn mistake_blocks() -> Vec<(&'static str, &'static str, String)> {
    let kept = std::fs::read_to_string(source().join("../kill-matrix.csv")).expect("docs/kill-matrix.csv");
    let matrix = Matrix::parse(&kept).expect("a kill matrix");
    let file = "mutants.md";
    let mut all = vec![
        (file, "mutants", table(mutant_lines(&matrix))),
        (file, "kill-matrix", matrix.table().trim_end().to_owned()),
    ];
    for (file, name, rows) in [
        ("mistakes_rates.md", "mistakes-rates", families::rates()),
        ("mistakes_exponentials.md", "mistakes-exponentials", families::exponentials()),
        ("mistakes_structures.md", "mistakes-structures", families::structures()),
        ("mistakes_log_probabilities.md", "mistakes-log-probabilities", families::log_probabilities()),
        ("mistakes_scores.md", "mistakes-scores", families::scores()),
        ("mistakes_conditionals.md", "mistakes-conditionals", families::conditionals()),
        ("mistakes_estimates.md", "mistakes-estimates", estimates::means()),
        ("mistakes_estimates.md", "mistakes-estimates-refuted", estimates::refuted_at()),
    ] {
        all.push((file, name, table(rows)));
    }
    all
}

/// Each mutant with the check that takes the fewest draws.
fn mutant_lines(matrix: &Matrix) -> Vec<Vec<String>> {
    let head = row([&"mutant", &"what is wrong", &"of", &"refuted first by", &"draws"]);
    let line = |kills: &Kills| {
        let mutant = Mutant::named(kills.mutant?)?;
        let (check, draws) = match kills.first(matrix) {
            Some((check, draws)) => (check, draws.to_string()),
            None => ("none", "-".to_owned()),
        };
        Some(row([&mutant.name(), &mutant.words(), &kills.structure, &check, &draws]))
    };
    std::iter::once(head).chain(matrix.rows.iter().filter_map(line)).collect()
}

/// What an urn with `c = 2` has after the rarest tree of K₃ came so often.
fn urn_block() -> String {
    let p = law(&model("k3")).into_iter().map(|(_, p)| p).min().expect("a law");
    let head = row([&"draw", &"the urn says", &"the null says", &"factor", &"e"]);
    let mut e = Q::one();
    let line = |n: i64| {
        let q = (ratio(2, 1) * &p + ratio(n, 1)) / ratio(2 + n, 1);
        let factor = &q / &p;
        e *= &factor;
        row([&(n + 1), &q, &p, &factor, &format!("{:.2}", to_f64(&e))])
    };
    table(std::iter::once(head).chain((0..5).map(line)))
}

/// A law that is drawn from instead of that of a model.
fn departures() -> Vec<(&'static str, &'static str, Model)> {
    let scaled = |name: &str, factor: Q| {
        let model = model(name);
        let mut rates = model.rates().to_vec();
        rates[0] *= factor;
        model.with_rates(rates)
    };
    let changed = |name: &str, rate: fn(&Q) -> Q| {
        let model = model(name);
        model.with_rates(model.rates().iter().map(rate).collect())
    };
    vec![
        ("k4", "one rate 10 % too large", scaled("k4", ratio(11, 10))),
        ("k4", "one rate 20 % too large", scaled("k4", ratio(6, 5))),
        ("k4", "one rate twice as large", scaled("k4", ratio(2, 1))),
        ("k4", "rates for means", changed("k4", Q::recip)),
        ("k4", "all rates 1", changed("k4", |_| Q::one())),
        ("matching3", "one rate 20 % too large", scaled("matching3", ratio(6, 5))),
        ("nested_arborescence", "one rate 20 % too large", scaled("nested_arborescence", ratio(6, 5))),
        ("binary_tree5", "rates for means", changed("binary_tree5", Q::recip)),
        ("permutation4", "one rate 20 % too large", scaled("permutation4", ratio(6, 5))),
        ("permutation4", "rates squared", changed("permutation4", |rate| rate * rate)),
    ]
}

const SAMPLES: usize = 20;

/// The number of draws at which each of three tests refutes half of the samples: bets, that may look at each number; G and χ², that are
/// asked as if this were the only one.
fn draws_needed(law: &[f64], other: &[f64], alpha: f64) -> [u64; 3] {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
    let below: Vec<f64> = other
        .iter()
        .scan(0.0, |sum, p| {
            *sum += p;
            Some(*sum)
        })
        .collect();
    let mut samples = vec![(vec![0; law.len()], [false; 3]); SAMPLES];
    let (mut seen, mut needed) = (0, [0; 3]);
    let mut next = 16;
    while needed.contains(&0) {
        for (counts, refuted) in &mut samples {
            for _ in seen..next {
                let u: f64 = rng.random();
                counts[below.partition_point(|sum| *sum <= u).min(law.len() - 1)] += 1;
            }
            refuted[0] |= law_bets(counts, law).expect("counts").p_value <= alpha;
            refuted[1] = g_test(counts, law).expect("counts").p_value <= alpha;
            refuted[2] = pearson(counts, law).expect("counts").judge(alpha).expect("a level").refuted();
        }
        (seen, next) = (next, next + next / 16);
        for (test, needed) in needed.iter_mut().enumerate().filter(|(_, needed)| **needed == 0) {
            if samples.iter().filter(|(_, refuted)| refuted[test]).count() >= SAMPLES / 2 {
                *needed = seen;
            }
        }
    }
    needed
}

const LEVEL: f64 = 0.05;
const LOOKS: u64 = 400;

/// The probability that a fair coin is refuted at some look: over all paths of the number of heads.
fn refuted_sometime(p_value: impl Fn(u64, u64) -> f64) -> f64 {
    let (mut alive, mut refuted) = (vec![1.0], 0.0);
    for n in 1..=LOOKS {
        let mut next = vec![0.0; alive.len() + 1];
        for (heads, mass) in alive.iter().enumerate() {
            next[heads] += mass / 2.0;
            next[heads + 1] += mass / 2.0;
        }
        let caught = next.iter_mut().enumerate().filter(|(heads, _)| p_value(n, *heads as u64) <= LEVEL);
        for (_, mass) in caught {
            refuted += std::mem::take(mass);
        }
        alive = next;
    }
    refuted
}

fn departures_block() -> String {
    let head = row([&"model", &"drawn instead", &"TV", &"bets", &"G", &"χ²", &"ratio"]);
    let line = |(name, what, other): (&'static str, &'static str, Model)| {
        let p: Vec<f64> = law(&model(name)).iter().map(|(_, p)| to_f64(p)).collect();
        let q: Vec<f64> = law(&other).iter().map(|(_, q)| to_f64(q)).collect();
        let tv = p.iter().zip(&q).map(|(p, q)| (p - q).abs()).sum::<f64>() / 2.0;
        let [bets, g, chi_square] = draws_needed(&p, &q, 1e-8);
        let ratio = bets as f64 / g.min(chi_square) as f64;
        let tv = format!("{tv:.4}");
        row([&name, &what, &tv, &grouped(bets), &grouped(g), &grouped(chi_square), &format!("{ratio:.2}")])
    };
    table(std::iter::once(head).chain(departures().into_iter().map(line)))
}

fn gibbs_block() -> String {
    let k3 = model("k3");
    let head = row([&"tree", &"here", &"Gibbs"]);
    let line = |((x, p), (_, g)): (&(Structure, Q), &(Structure, Q))| row([&told(&k3, x), p, g]);
    table(std::iter::once(head).chain(law(&k3).iter().zip(&gibbs(&k3)).map(line)))
}

fn race_block() -> String {
    let k3 = model("k3");
    let (labels, rates) = (labels(&k3), k3.rates());
    let head = row([&"entry", &"rate λ", &"mean 1/λ", &"wins: λ/Λ", &"mean if it wins: 1/Λ"]);
    let line = |k: usize| {
        let trace = Trace::new(3, vec![Race::new([0, 1, 2], k)]).expect("sound");
        let p = trace.probability(rates);
        row([&labels[k], &rates[k], &rates[k].recip(), &p, &means(&trace, rates)[k]])
    };
    table(std::iter::once(head).chain((0..3).map(line)))
}

fn first_trace_block() -> String {
    let k3 = model("k3");
    let (labels, rates) = (labels(&k3), k3.rates());
    let Outcome { trace, structure, .. } = outcomes(&k3).remove(0);
    let ones = vec![Q::one(); 3];
    let mut rows = vec![row([&"", &labels[0], &labels[1], &labels[2]])];
    let line = |name: &str, values: Vec<Q>| row([&name, &values[0], &values[1], &values[2]]);
    rows.push(line("score s_k(T)", trace.score(rates)));
    rows.push(line("E[E_k | T]", means(&trace, rates)));
    for (k, covariance) in trace.conditional_covariance(rates).into_iter().enumerate() {
        let values = covariance.into_iter().map(|cell| cell.expect("present")).collect();
        rows.push(line(&format!("Cov(E of {}, ·)", labels[k]), values));
    }
    let p = trace.probability(rates);
    let laplace = trace.laplace(rates, &ones);
    format!(
        "{}\nX = {}, p(T) = {p}, L_T(1, 1, 1) = {laplace}\n\n{}",
        race_table(&k3, &trace),
        told(&k3, &structure),
        table(rows)
    )
}

fn laplace_rows(model: &Model, traces: &[Trace]) -> (Vec<Vec<String>>, Q) {
    let ones = vec![Q::one(); model.rates().len()];
    let mut total = Q::zero();
    let mut rows = vec![row([&"winners", &"p(T)", &"L_T(s)", &"p(T) L_T(s)"])];
    for trace in traces {
        let (p, l) = (trace.probability(model.rates()), trace.laplace(model.rates(), &ones));
        rows.push(row([&winners(model, trace), &p, &l, &(&p * &l)]));
        total += p * l;
    }
    rows.push(row([&"sum", &"", &"", &total]));
    (rows, total)
}

/// `Π λ/(λ + 1)`
fn laplace_at_ones(rates: &[Q]) -> Q {
    rates.iter().fold(Q::one(), |product, rate| product * rate / (rate + Q::one()))
}

fn decomposition_block() -> String {
    let k3 = model("k3");
    let traces: Vec<Trace> = outcomes(&k3).into_iter().map(|outcome| outcome.trace).collect();
    let (rows, total) = laplace_rows(&k3, &traces);
    assert_eq!(total, laplace_at_ones(k3.rates()));
    table(rows)
}

fn blind_block() -> String {
    let k3 = model("k3");
    let coarse = |k| Trace::new(3, vec![Race::new([0, 1, 2], k)]).expect("sound");
    let (rows, total) = laplace_rows(&k3, &[coarse(0), coarse(1), coarse(2)]);
    assert_eq!(total, laplace_at_ones(k3.rates()));
    table(rows)
}

fn round_block() -> String {
    let k3 = model("k3");
    let labels = labels(&k3);
    let trace = outcomes(&k3).remove(0).trace;
    let times = [ratio(1, 2), ratio(2, 3)];
    let residuals = [None, None, Some(ratio(3, 4))];
    // The residual of a winner is not used, but must be there.
    let given: Vec<Option<Q>> = residuals.iter().map(|r| r.clone().or(Some(Q::one()))).collect();
    let weights: Vec<Q> = trace.assemble(&times, &given).into_iter().map(|e| e.expect("present")).collect();
    let run = k3.run(&weights).expect("finite");
    assert_eq!((&run.trace, run.times.as_slice()), (&trace, times.as_slice()));
    let wrapped: Vec<Option<Q>> = weights.iter().cloned().map(Some).collect();
    let (back, left) = trace.disassemble(&wrapped);
    assert_eq!((back.as_slice(), left.as_slice()), (times.as_slice(), residuals.as_slice()));
    let list = weights.iter().zip(&labels).map(|(e, label)| format!("E of {label} = {e}"));
    [
        format!("chosen     M_1 = {}, M_2 = {}, R of {} = {}", times[0], times[1], labels[2], ratio(3, 4)),
        format!("weights    {}", listing(list)),
        format!("run        winners {}, times {}", winners(&k3, &run.trace), listing(&run.times)),
        format!("inverse    M_1 = {}, M_2 = {}, R of {} = {}", back[0], back[1], labels[2], ratio(3, 4)),
    ]
    .join("\n")
}

fn structure_blocks() -> Vec<(&'static str, &'static str, String)> {
    vec![
        ("spanning_tree.md", "tree-k3", by_structure(&model("k3"))),
        ("spanning_tree.md", "tree-k4", beside_gibbs(&model("k4"), 5)),
        ("spanning_tree.md", "tree-equal", equal_k4_block()),
        ("spanning_tree.md", "tree-counts", tree_counts_block()),
        ("arborescence.md", "arborescence-traces", component_table(&written("arborescence.md"))),
        ("arborescence.md", "arborescence-law", beside_gibbs(&written("arborescence.md"), 3)),
        ("arborescence.md", "arborescence-nested", nested_block()),
        ("arborescence.md", "arborescence-nested-law", beside_gibbs(&model("nested_arborescence"), 5)),
        ("matching.md", "matching-traces", trace_table(&written("matching.md"))),
        ("matching.md", "matching-law", by_structure(&model("matching3"))),
        ("matching.md", "matching-greedy", greedy_block()),
        ("matching.md", "matching-counts", matching_counts_block()),
        ("binary_tree.md", "binary-traces", trace_table(&written("binary_tree.md"))),
        ("binary_tree.md", "binary-five", five_block()),
        ("binary_tree.md", "binary-height", height_block()),
        ("binary_tree.md", "binary-parents", parents_block()),
        ("top_k.md", "top-k-law", by_structure(&model("top_k"))),
        ("top_k.md", "top-k-inclusion", inclusion_block()),
        ("permutation.md", "permutation-law", likely(&model("permutation4"), 5)),
        ("permutation.md", "permutation-places", places_block()),
        ("categorical.md", "categorical-law", categorical_block()),
        ("gradients.md", "gradient-traces", gradient_block()),
        ("gradients.md", "gradient-sweep", sweep_block()),
        ("gradients.md", "gradient-variance", variance_block()),
        ("gradients.md", "gradient-baseline", baseline_block()),
        ("gradients.md", "gradient-derivative", derivative_block()),
        ("gradients.md", "gradient-relax", relax_block()),
        ("gradients.md", "gradient-plus", plus_block()),
        ("bets.md", "bets-urn", urn_block()),
        ("bets.md", "bets-departures", departures_block()),
        ("toy.md", "toy-losses", trainings_block()),
        ("toy.md", "toy-paper", paper_block()),
        ("toy.md", "toy-variance", deviations_block()),
        ("identities.md", "identities-mistakes", mistakes_block()),
        ("identities.md", "identities", identities_block()),
    ]
}

/// The loss of ten trainings at some steps, in the mean.
fn trainings_block() -> String {
    const STEPS: [u64; 5] = [500, 2000, 4000, 7000, 15_000];
    let head = ["structure", "estimator"].map(str::to_owned).into_iter().chain(STEPS.map(grouped)).collect();
    let mut rows: Vec<Vec<String>> = vec![head];
    for structure in ["spanning_tree", "arborescence", "matching", "binary_tree"] {
        let losses = losses(structure);
        for estimator in Estimator::ALL {
            let at = |step: u64| losses.get(&(estimator.name().to_owned(), step));
            let cell =
                |step: u64| at(step).map_or_else(String::new, |losses| format!("{:.2}", spread(losses)[0]));
            let ten = at(500).is_some_and(|losses| losses.len() == 10);
            if ten || estimator == Estimator::Exact && at(500).is_some() {
                let first = [structure, estimator.label()].map(str::to_owned);
                rows.push(first.into_iter().chain(STEPS.map(cell)).collect());
            }
        }
    }
    table(rows)
}

/// What is read off the plots of the paper, beside the trainings with 3 draws a step and with 5.
fn paper_block() -> String {
    let head = row([&"structure", &"estimator", &"step", &"paper", &"mean", &"of ten", &"with 5 draws"]);
    let (three, five, arborescence) =
        (losses("matching"), losses("matching-5-draws"), losses("arborescence"));
    let line = |(structure, estimator, step, paper): (&str, Estimator, u64, f64)| {
        let key = (estimator.name().to_owned(), step);
        let of = if structure == "matching" { &three } else { &arborescence };
        let [mean, least, most] = spread(&of[&key]);
        let more = five.get(&key).filter(|_| structure == "matching").map(|losses| spread(losses)[0]);
        let more = more.map_or_else(String::new, |mean| format!("{mean:.2}"));
        let (mean, range) = (format!("{mean:.2}"), format!("{least:.2} to {most:.2}"));
        row([&structure, &estimator.label(), &grouped(step), &paper, &mean, &range, &more])
    };
    use Estimator::{EReinforce, Relax, TReinforcePlus};
    let lines = [
        ("matching", EReinforce, 2000, -7.2),
        ("matching", EReinforce, 6000, -9.0),
        ("matching", TReinforcePlus, 2000, -9.8),
        ("matching", TReinforcePlus, 7000, -10.0),
        ("matching", Relax, 2000, -9.8),
        ("matching", Relax, 7000, -10.0),
        ("arborescence", EReinforce, 4000, -2.6),
        ("arborescence", EReinforce, 15_000, -7.0),
        ("arborescence", TReinforcePlus, 2000, -8.9),
        ("arborescence", TReinforcePlus, 4500, -9.0),
        ("arborescence", Relax, 2000, -8.9),
        ("arborescence", Relax, 4500, -9.0),
    ];
    table(std::iter::once(head).chain(lines.map(line)))
}

/// The standard deviation of an estimate from three draws at the first step, exactly, and as a training tells it.
fn deviations_block() -> String {
    let head = row([&"structure", &"estimator", &"exactly", &"of 100 estimates"]);
    let mut rows = vec![head];
    for kind in [Kind::SpanningTree, Kind::Arborescence, Kind::Matching, Kind::BinaryTree] {
        let model = toy_model(kind, 4).expect("a model");
        let loss = Loss::named(&model, "default").expect("a loss");
        let moments = model.score_moments_of(&loss, Limit::default()).expect("small");
        let problem = Problem::new(model, loss);
        let (after, mut order) = (losses(kind.name()), Vec::new());
        for (estimator, score, plus) in [
            (Estimator::EReinforce, Score::Exponentials, false),
            (Estimator::EReinforcePlus, Score::Exponentials, true),
            (Estimator::TReinforce, Score::Trace, false),
            (Estimator::TReinforcePlus, Score::Trace, true),
        ] {
            let variance: Q = match plus {
                true => moments.leave_one_out(score, 3).expect("three").iter().sum(),
                false => moments.variance(score, &Q::zero()).iter().sum::<Q>() / ratio(3, 1),
            };
            let exactly = to_f64(&variance).sqrt();
            let mut training = Training::new(&problem, estimator, Settings::default()).expect("a training");
            let found = training.look().expect("a look").deviation;
            assert!((found / exactly - 1.0).abs() < 0.35, "{kind:?} {estimator}: {found} {exactly}");
            let cells = [exactly, found].map(|deviation| format!("{deviation:.2}"));
            rows.push(row([&kind.name(), &estimator.label(), &cells[0], &cells[1]]));
            order.push((exactly, spread(&after[&(estimator.name().to_owned(), 500)])[0]));
        }
        // Who varies more learns more slowly.
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(order.is_sorted_by(|a, b| a.1 < b.1), "{kind:?}: {order:?}");
    }
    table(rows)
}

/// The law, with the probabilities of the traces of each structure.
fn by_structure(model: &Model) -> String {
    let mut traces: BTreeMap<Structure, Vec<Q>> = BTreeMap::new();
    for Outcome { structure, probability, .. } in model.traces() {
        traces.entry(structure).or_default().push(probability);
    }
    let head = row([&"X", &"p(T) of its traces", &"P(X)", &""]);
    let line = |(x, p): &(Structure, Q)| {
        assert_eq!(&sum(&traces[x]), p);
        row([&told(model, x), &traces[x].iter().join(" + "), p, &decimal(p)])
    };
    table(std::iter::once(head).chain(law(model).iter().map(line)))
}

/// The most probable structures, with the Gibbs law on the same rates.
fn beside_gibbs(model: &Model, most: usize) -> String {
    let mut rows: Vec<((Structure, Q), (Structure, Q))> = law(model).into_iter().zip(gibbs(model)).collect();
    rows.sort_by(|((x, p), _), ((y, q), _)| q.cmp(p).then(x.cmp(y)));
    let head = row([&"X", &"P(X)", &"", &"Gibbs", &""]);
    let line = |((x, p), (_, g)): &((Structure, Q), (Structure, Q))| {
        row([&told(model, x), p, &decimal(p), g, &decimal(g)])
    };
    table(std::iter::once(head).chain(rows.iter().take(most).map(line)))
}

/// The complete graph with all rates 1.
fn complete(n: usize) -> Model {
    let pairs = (0..n).flat_map(|u| (u + 1..n).map(move |v| (u, v))).map(|(u, v)| format!("[{u},{v},1]"));
    let edges = listing(pairs);
    Model::parse(&format!(r#"{{"structure": "spanning_tree", "vertices": {n}, "edges": [{edges}]}}"#))
        .expect("valid")
}

fn equal_k4_block() -> String {
    let k4 = complete(4);
    let star = Loss::named(&k4, "max_degree").expect("a loss of trees");
    let mut shapes: BTreeMap<i64, (usize, BTreeSet<Q>)> = BTreeMap::new();
    for (x, p) in law(&k4) {
        let shape = shapes.entry(star.of(&k4, &x)).or_default();
        shape.0 += 1;
        shape.1.insert(p);
    }
    let head = row([&"shape", &"trees", &"P of each", &"of all", &"uniform"]);
    let line = |(degree, (trees, p)): (&i64, &(usize, BTreeSet<Q>))| {
        assert_eq!(p.len(), 1);
        let p = p.first().expect("one");
        let name = if *degree == 3 { "star" } else { "path" };
        let trees = *trees as i64;
        row([&name, &trees, p, &(p * ratio(trees, 1)), &ratio(trees, 16)])
    };
    table(std::iter::once(head).chain(shapes.iter().map(line)))
}

fn tree_counts_block() -> String {
    let head = row([&"n", &"spanning trees of K_n", &"traces", &"forests", &"partitions"]);
    let line = |n: usize| {
        let model = complete(n);
        let Algorithm::SpanningTree(kruskal) = model.algorithm() else { panic!("a tree") };
        let forests = Layers::by_winners(kruskal, model.rates()).len();
        let partitions = Layers::by_state(kruskal, model.rates()).len();
        assert_eq!(count::bell(n), partitions.into());
        let counts = [model.structure_count().to_string(), model.trace_count().unwrap().to_string()];
        let cells = [counts[0].clone(), counts[1].clone(), forests.to_string(), partitions.to_string()];
        std::iter::once(n.to_string()).chain(cells.iter().map(grouped)).collect()
    };
    table(std::iter::once(head).chain((3..=6).map(line)))
}

fn braces(vertices: &[usize]) -> String {
    format!("{{{}}}", listing(vertices))
}

/// The traces of an arborescence: each component with its winner and the factor.
fn component_table(model: &Model) -> String {
    let labels = labels(model);
    let line = |Outcome { trace, structure, probability }: &Outcome<Structure, Q>| {
        let races = model.components(trace);
        let told_race =
            |(component, arc): &(Vec<usize>, usize)| format!("{}: {}", braces(component), labels[*arc]);
        row([
            &races.iter().map(told_race).join("   "),
            &factors(model, trace),
            &probability,
            &told(model, structure),
        ])
    };
    let head = row([&"component: winner", &"Π λ/Λ", &"p(T)", &"X"]);
    table(std::iter::once(head).chain(outcomes(model).iter().map(line)))
}

/// The trace of the nested example with the most races, run on the weights that make every time and residual 1.
fn nested_trace() -> (Model, Outcome<Structure, Q>) {
    let model = model("nested_arborescence");
    let mut all = outcomes(&model);
    let most = all.iter().map(|outcome| outcome.trace.races().len()).max().expect("some");
    let position = all.iter().position(|outcome| outcome.trace.races().len() == most).expect("some");
    let outcome = all.remove(position);
    (model, outcome)
}

fn nested_weights(model: &Model, trace: &Trace) -> Vec<Q> {
    let times = vec![Q::one(); trace.races().len()];
    let residuals = vec![Some(Q::one()); model.rates().len()];
    trace.assemble(&times, &residuals).into_iter().map(|e| e.expect("present")).collect()
}

fn nested_block() -> String {
    let (model, Outcome { trace, structure, .. }) = nested_trace();
    let labels = labels(&model);
    let weights = nested_weights(&model, &trace);
    let run = model.run(&weights).expect("finite");
    assert_eq!((&run.trace, &run.structure), (&trace, &structure));
    let mut left = weights.clone();
    let mut rows =
        vec![row([&"component", &"arcs that enter it, with current weights", &"winner", &"time", &"λ/Λ"])];
    for (race, time) in trace.races().iter().zip(&run.times) {
        let component =
            model.components(&trace).into_iter().find(|(_, arc)| *arc == race.winner).expect("raced").0;
        let entrants = listing(race.entrants.iter().map(|&k| format!("{} {}", labels[k], left[k])));
        let factor = &model.rates()[race.winner] / race.total(model.rates());
        rows.push(row([&braces(&component), &entrants, &labels[race.winner], time, &factor]));
        race.entrants.iter().for_each(|&k| left[k] -= time);
    }
    let list = listing(weights.iter().zip(&labels).map(|(e, label)| format!("{label} {e}")));
    let Structure::Entries(arcs) = &structure else { panic!("arcs") };
    let weight = sum(arcs.iter().map(|&k| &weights[k]));
    assert_eq!(weight, sum(&run.times));
    format!(
        "weights   {list}\n\n{}\n\nX = {}, weight {} = {weight}\nsum of all times {}, p(T) = {}",
        table(rows),
        told(&model, &structure),
        arcs.iter().map(|&k| weights[k].to_string()).join(" + "),
        sum(&run.times),
        trace.probability(model.rates())
    )
}

fn greedy_weights() -> Vec<Q> {
    [1, 2, 3, 8].map(|e| ratio(e, 1)).to_vec()
}

fn greedy_block() -> String {
    let model = written("matching.md");
    let weights = greedy_weights();
    let run = model.run(&weights).expect("finite");
    let cost = |x: &Structure| match x {
        Structure::Entries(set) => sum(set.iter().map(|&k| &weights[k])),
        _ => panic!("cells"),
    };
    let best = law(&model).into_iter().map(|(x, _)| x).min_by_key(cost).expect("two");
    let line = |name: &str, x: &Structure| row([&name, &told(&model, x), &format!("weight {}", cost(x))]);
    table([line("greedy", &run.structure), line("minimum", &best)])
}

fn matching_counts_block() -> String {
    let head = row([&"n", &"matchings", &"traces", &"partial matchings", &"row and column sets"]);
    let line = |n: usize| {
        let rates = listing((0..n).map(|_| format!("[{}]", listing(vec![1; n]))));
        let text = format!(r#"{{"structure": "matching", "rates": [{rates}]}}"#);
        let model = Model::parse(&text).expect("valid");
        let Algorithm::Matching(crossing) = model.algorithm() else { panic!("a matching") };
        let partial = Layers::by_winners(crossing, model.rates()).len();
        let sets = Layers::by_state(crossing, model.rates()).len();
        assert_eq!(count::binomial(2 * n, n), sets.into());
        let by_formula = (0..=n).map(|k| count::binomial(n, k).pow(2) * count::factorial(k));
        assert_eq!(by_formula.sum::<num_bigint::BigUint>(), partial.into());
        let cells = [model.structure_count().to_string(), model.trace_count().unwrap().to_string()];
        let cells = [cells[0].clone(), cells[1].clone(), partial.to_string(), sets.to_string()];
        std::iter::once(n.to_string()).chain(cells.iter().map(grouped)).collect()
    };
    table(std::iter::once(head).chain((2..=5).map(line)))
}

/// The most probable tree on five positions, node by node.
fn five_block() -> String {
    let model = model("binary_tree5");
    let best = outcomes(&model).into_iter().max_by(|a, b| a.probability.cmp(&b.probability)).expect("some");
    let line = |race: &Race| {
        let rates = listing(race.entrants.iter().map(|&k| &model.rates()[k]));
        let total = race.total(model.rates());
        let interval = format!("[{}, {})", race.entrants[0], race.entrants[race.entrants.len() - 1] + 1);
        let factor = &model.rates()[race.winner] / &total;
        row([
            &interval,
            &format!("rates {rates}"),
            &format!("Λ = {total}"),
            &format!("root {}: {factor}", race.winner),
        ])
    };
    let product = best
        .trace
        .races()
        .iter()
        .map(|race| &model.rates()[race.winner] / race.total(model.rates()))
        .join(" · ");
    let table = table(best.trace.races().iter().map(line));
    format!("{table}\nX = {}, p(T) = {product} = {}", told(&model, &best.structure), best.probability)
}

fn height_block() -> String {
    let head = row([&"height", &"binary_tree5.json", &"", &"equal rates", &""]);
    let heights = |model: &Model| -> BTreeMap<i64, Q> {
        let law = model.loss_law(&default_loss(model), Limit::default()).expect("small");
        law.into_iter().map(|(loss, p)| (-loss, p)).collect()
    };
    let five = heights(&model("binary_tree5"));
    let equal = heights(&Model::binary_tree(vec![Q::one(); 5]).expect("valid"));
    let line =
        |(height, p): (&i64, &Q)| row([height, p, &decimal(p), &equal[height], &decimal(&equal[height])]);
    table(std::iter::once(head).chain(five.iter().map(line)))
}

fn parents_block() -> String {
    let model = written("binary_tree.md");
    let pairs = model.pair_marginals(Limit::default()).expect("small").expect("a binary tree");
    let head = row([&"position", &"is the root", &"below 0", &"below 1", &"below 2"]);
    let line = |i: usize| {
        let below = |j: usize| if i == j { "–".to_owned() } else { pairs[i][j].to_string() };
        row([&i, &pairs[i][i], &below(0), &below(1), &below(2)])
    };
    table(std::iter::once(head).chain((0..3).map(line)))
}

fn inclusion_block() -> String {
    let model = model("top_k");
    let marginals = model.marginals(Limit::default()).expect("small");
    let total = sum(model.rates());
    let head = row([&"position", &"rate", &"P(in X)", &"", &"2 λ/Σλ"]);
    let line = |(i, p): (usize, &Q)| {
        row([&i, &model.rates()[i], p, &decimal(p), &(&model.rates()[i] / &total * ratio(2, 1))])
    };
    table(std::iter::once(head).chain(marginals.iter().enumerate().map(line)))
}

fn places_block() -> String {
    let model = model("permutation4");
    let places = model.pair_marginals(Limit::default()).expect("small").expect("a permutation");
    let head = row([&"position", &"rate", &"first", &"second", &"third", &"last"]);
    let line =
        |i: usize| row([&i, &model.rates()[i], &places[i][0], &places[i][1], &places[i][2], &places[i][3]]);
    table(std::iter::once(head).chain((0..4).map(line)))
}

fn categorical_block() -> String {
    let model = model("categorical");
    let rates = model.rates();
    let head = row([&"winner", &"P(X)", &"E[E_0 | X]", &"E[E_1 | X]", &"E[E_2 | X]", &"E[E_3 | X]"]);
    let line = |Outcome { trace, structure, probability }: &Outcome<Structure, Q>| {
        let mean = trace.conditional_mean(rates);
        let mean = |k: usize| mean[k].clone().expect("present");
        row([&told(&model, structure), probability, &mean(0), &mean(1), &mean(2), &mean(3)])
    };
    table(std::iter::once(head).chain(outcomes(&model).iter().map(line)))
}

fn gradient_block() -> String {
    let k3 = model("k3");
    let loss = default_loss(&k3);
    let head = row([&"winners", &"p(T)", &"f", &"score: 0–1", &"0–2", &"1–2"]);
    let mut rows = vec![head];
    for Outcome { trace, structure, probability } in k3.traces() {
        let s = trace.score(k3.rates());
        rows.push(row([&winners(&k3, &trace), &probability, &loss.of(&k3, &structure), &s[0], &s[1], &s[2]]));
    }
    let moments = moments(&k3, &loss);
    let known = k3.gradient(&loss, Limit::default()).expect("small");
    assert_eq!((&known.expectation, &known.gradient), (&moments.expectation, &moments.gradient));
    let g = &moments.gradient;
    rows.push(row([&"Σ p f, Σ p f s", &"", &moments.expectation, &g[0], &g[1], &g[2]]));
    table(rows)
}

/// The nodes of Kruskal on the triangle, by partition: what [`Layers::gradient`] sweeps over, written out by hand.
fn sweep_block() -> String {
    let k3 = model("k3");
    let (labels, rates) = (labels(&k3), k3.rates());
    let cost = [0, 0, 1].map(|c| ratio(c, 1));
    let others = |k: usize| (0..3).filter(move |&other| other != k);
    // After one race: the winner's ends are joined; one more of the others wins, and that is the end.
    let total: Q = sum(rates);
    let value = |k: usize| {
        let weighted = others(k).fold(Q::zero(), |sum, j| sum + &rates[j] * &cost[j]);
        weighted / sum(others(k).map(|j| &rates[j]))
    };
    let start = (0..3).fold(Q::zero(), |sum, k| sum + &rates[k] / &total * (&cost[k] + value(k)));
    let mut gradient: Vec<Q> = (0..3).map(|k| &rates[k] / &total * (&start - &cost[k] - value(k))).collect();
    let mut rows = vec![row([&"node", &"P(node)", &"Λ", &"V(node)", &"0–1", &"0–2", &"1–2"])];
    rows.push(row([&"0 | 1 | 2", &1, &total, &start, &gradient[0], &gradient[1], &gradient[2]]));
    for k in 0..3 {
        let p = &rates[k] / &total;
        let here = sum(others(k).map(|j| &rates[j]));
        let term = |j: usize| {
            if j == k {
                return Q::zero();
            }
            &p * &rates[j] / &here * (value(k) - &cost[j])
        };
        let terms = [term(0), term(1), term(2)];
        let node = format!("{} joined", labels[k]);
        rows.push(row([&node, &p, &here, &value(k), &terms[0], &terms[1], &terms[2]]));
        gradient.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
    }
    rows.push(row([&"gradient", &"", &"", &"", &gradient[0], &gradient[1], &gradient[2]]));
    assert_eq!(gradient, moments(&k3, &default_loss(&k3)).gradient);
    table(rows)
}

fn variance_block() -> String {
    let k3 = model("k3");
    let loss = default_loss(&k3);
    let moments = moments(&k3, &loss);
    let known = k3.t_reinforce_covariance(|x| ratio(loss.of(&k3, x), 1), Limit::default()).expect("small");
    let known: Vec<Q> = (0..3).map(|k| known[k][k].clone()).collect();
    assert_eq!(known, moments.by_trace);
    let labels = labels(&k3);
    let mut rows = vec![row([&"variance", &labels[0], &labels[1], &labels[2], &"sum", &""])];
    for (name, values) in [("f·s(T)", &moments.by_trace), ("f·(λE - 1)", &moments.by_exponentials)] {
        let total = sum(values);
        rows.push(row([&name, &values[0], &values[1], &values[2], &total, &decimal(&total)]));
    }
    table(rows)
}

/// By the parabola through three constants, each from the definition; held to the moments of the oracle.
fn baseline_block() -> String {
    let mut rows =
        vec![row([&"", &"E f", &"T-REINFORCE", &"with b*", &"b*", &"E-REINFORCE", &"with b*", &"b*"])];
    for (name, told) in [
        ("k3", "K₃"),
        ("k4", "K₄"),
        ("matching3", "3×3 matching"),
        ("nested_arborescence", "nested arborescence"),
        ("binary_tree5", "binary tree of 5"),
    ] {
        let model = model(name);
        let loss = default_loss(&model);
        let totals = |b: i64| {
            let moments = moments_less(&model, &loss, b);
            [sum(&moments.by_trace), sum(&moments.by_exponentials)]
        };
        let (less, zero, more) = (totals(-1), totals(0), totals(1));
        let exact = model.score_moments_of(&loss, Limit::default()).expect("small");
        let mut cells = vec![told.to_owned(), decimal(&exact.gradient().expectation)];
        for (i, score) in [Score::Trace, Score::Exponentials].into_iter().enumerate() {
            let curvature = (&more[i] + &less[i]) / ratio(2, 1) - &zero[i];
            let slope = (&more[i] - &less[i]) / ratio(2, 1);
            let best = -&slope / (ratio(2, 1) * &curvature);
            let least = &zero[i] - &slope * &slope / (ratio(4, 1) * &curvature);
            assert_eq!(exact.best_baseline(score), Some(best.clone()), "{name}");
            assert_eq!(sum(&exact.variance(score, &best)), least, "{name}");
            cells.extend([decimal(&zero[i]), decimal(&least), decimal(&best)]);
        }
        rows.push(cells);
    }
    table(rows)
}

/// The derivative of a conditional draw, by dual numbers, where each standard exponential is 1.
fn derivative_block() -> String {
    let k3 = model("k3");
    let (labels, rates) = (labels(&k3), k3.rates());
    let Outcome { trace, .. } = outcomes(&k3).remove(0);
    let weights = |duals: &[Dual<Q>]| -> Vec<Dual<Q>> {
        let one = || Dual::constant(Q::one());
        let times: Vec<Dual<Q>> = trace.totals(duals).into_iter().map(|total| one() / total).collect();
        let residuals: Vec<Option<Dual<Q>>> = duals.iter().map(|rate| Some(one() / rate)).collect();
        trace.assemble(&times, &residuals).into_iter().map(|weight| weight.expect("present")).collect()
    };
    let mut rows = vec![row([&"", &labels[0], &labels[1], &labels[2]])];
    let constant: Vec<Dual<Q>> = rates.iter().cloned().map(Dual::constant).collect();
    let drawn: Vec<Q> = weights(&constant).into_iter().map(|weight| weight.value).collect();
    rows.push(row([&"weight", &drawn[0], &drawn[1], &drawn[2]]));
    let mut sums = vec![Q::zero(); 3];
    for i in 0..3 {
        let mut duals = constant.clone();
        duals[i] = Dual::logit(rates[i].clone());
        let slopes: Vec<Q> = weights(&duals).into_iter().map(|weight| weight.derivative).collect();
        sums.iter_mut().zip(&slopes).for_each(|(sum, slope)| *sum += slope);
        rows.push(row([&format!("∂/∂θ of {}", labels[i]), &slopes[0], &slopes[1], &slopes[2]]));
    }
    assert_eq!(sums, drawn);
    table(rows)
}

/// The best critic of each degree: least among critics by steps of each coefficient.
fn relax_block() -> String {
    let mut rows = vec![row([
        &"",
        &"T-REINFORCE",
        &"constant",
        &"linear",
        &"quadratic",
        &"linear/constant",
        &"quadratic/constant",
    ])];
    for (name, told) in [("k3", "K₃"), ("k4", "K₄"), ("matching3", "3×3 matching")]
        .into_iter()
        .chain([("nested_arborescence", "nested arborescence"), ("binary_tree5", "binary tree of 5")])
    {
        let model = model(name);
        let loss = default_loss(&model);
        let moments = model.score_moments_of(&loss, Limit::default()).expect("small");
        let plain = sum(&moments.variance(Score::Trace, &Q::zero()));
        let baseline = moments.best_baseline(Score::Trace).expect("more than one trace");
        let constant = sum(&moments.variance(Score::Trace, &baseline));
        let [linear, quadratic] = [Degree::Linear, Degree::Quadratic].map(|degree| {
            let critics = model.critics_of(&loss, degree, Limit::default()).expect("small");
            let total = |critic: &Critic| sum(&critics.variance(critic).expect("of this model"));
            let best = critics.best();
            let least = total(&best);
            let last = if degree == Degree::Linear { best.weights.len() } else { 0 };
            for k in 0..=last {
                let [mut less, mut more] = [best.clone(), best.clone()];
                for (critic, by) in [(&mut less, ratio(-1, 50)), (&mut more, ratio(1, 50))] {
                    *(if k == 0 { &mut critic.constant } else { &mut critic.weights[k - 1] }) += by;
                    assert!(total(critic) > least, "{name} {k}");
                }
            }
            least
        });
        let numbers =
            [&plain, &constant, &linear, &quadratic, &(&linear / &constant), &(&quadratic / &constant)];
        let [a, b, c, d, e, f] = numbers.map(decimal);
        rows.push(row([&told, &a, &b, &c, &d, &e, &f]));
    }
    table(rows)
}

fn identities_block() -> String {
    let names = ["k3", "nested_arborescence", "matching3", "binary_tree5", "top_k"];
    let models: Vec<BTreeMap<&str, u64>> = names
        .iter()
        .map(|name| of_model(&model(name)).into_iter().map(|i| (i.name, i.outcome.expect("holds"))).collect())
        .collect();
    let mut order: Vec<&str> = Vec::new();
    for name in names {
        let found = of_model(&model(name));
        found.iter().for_each(|identity| {
            if !order.contains(&identity.name) {
                order.push(identity.name);
            }
        });
    }
    let head = std::iter::once("identity").chain(names).map(str::to_owned).collect();
    let line = |name: &&str| {
        let cells = models.iter().map(|model| model.get(name).map_or_else(|| "–".to_owned(), grouped));
        std::iter::once((*name).to_owned()).chain(cells).collect()
    };
    table(std::iter::once(head).chain(order.iter().map(line)))
}

/// Variances of both estimators with `draws` draws, summed over entries: plain and with the mean of the others as baseline.
fn several(model: &Model, loss: &Loss, draws: i64) -> [Q; 4] {
    let rates = model.rates();
    let one = moments(model, loss);
    let of_draws = ratio(draws, 1);
    let mut totals =
        [sum(&one.by_trace) / &of_draws, Q::zero(), sum(&one.by_exponentials) / &of_draws, Q::zero()];
    for k in 0..rates.len() {
        let [mut m20, mut m11] = [Q::zero(), Q::zero()];
        // For the trace and for the exponentials.
        let (mut m02, mut m22) = ([Q::zero(), Q::zero()], [Q::zero(), Q::zero()]);
        for Outcome { trace, structure, probability: p } in model.traces() {
            let f = ratio(loss.of(model, &structure), 1) - &one.expectation;
            let s = trace.score(rates)[k].clone();
            let variance = trace.conditional_covariance(rates)[k][k].clone().expect("present");
            let squares = [&s * &s, &s * &s + &rates[k] * &rates[k] * variance];
            m20 += &p * &f * &f;
            m11 += &p * &f * &s;
            for (i, square) in squares.iter().enumerate() {
                m02[i] += &p * square;
                m22[i] += &p * &f * &f * square;
            }
        }
        for i in 0..2 {
            let square = &m11 * &m11;
            totals[2 * i + 1] += (&m22[i] - &square) / &of_draws
                + (&m20 * &m02[i] + &square) / (&of_draws * ratio(draws - 1, 1));
        }
    }
    totals
}

fn plus_block() -> String {
    let k3 = model("k3");
    let loss = default_loss(&k3);
    let head = row([&"K", &"T-REINFORCE, plain", &"T-REINFORCE+", &"E-REINFORCE, plain", &"E-REINFORCE+"]);
    let line = |draws: i64| {
        let [t, t_plus, e, e_plus] = several(&k3, &loss, draws).map(|variance| decimal(&variance));
        row([&draws, &t, &t_plus, &e, &e_plus])
    };
    table(std::iter::once(head).chain([2, 4, 10].map(line)))
}

/// The probability and the conditional law that a program with a mistake ascribes to a trace.
struct Claimed {
    probability: Q,
    laplace: Q,
    mean: Vec<Q>,
}

fn mistakes_block() -> String {
    let k3 = model("k3");
    let rates = k3.rates();
    let ones = vec![Q::one(); 3];
    let right = |trace: &Trace| Claimed {
        probability: trace.probability(rates),
        laplace: trace.laplace(rates, &ones),
        mean: means(trace, rates),
    };
    let all = outcomes(&k3);
    let gibbs: BTreeMap<Structure, Q> = gibbs(&k3).into_iter().collect();
    let inverse: Vec<Q> = rates.iter().map(Q::recip).collect();
    // Only the own time of a winner, only the residual of the others.
    let uncharged = |trace: &Trace| {
        let (won, totals) = (trace.won(), trace.totals(rates));
        let own: Vec<Q> =
            (0..3).map(|k| won[k].map_or_else(|| rates[k].clone(), |r| totals[r].clone())).collect();
        (laplace_at_ones(&own), own.iter().map(Q::recip).collect::<Vec<_>>())
    };
    let coarse = |k| right(&Trace::new(3, vec![Race::new([0, 1, 2], k)]).expect("sound"));
    let each = |claim: &dyn Fn(&Outcome<Structure, Q>) -> Claimed| all.iter().map(claim).collect::<Vec<_>>();
    let cases: [(&str, Vec<Claimed>); 6] = [
        ("no mistake", each(&|o| right(&o.trace))),
        (
            "means for rates in p(T)",
            each(&|o| Claimed { probability: o.trace.probability(&inverse), ..right(&o.trace) }),
        ),
        (
            "the Gibbs law",
            each(&|o| Claimed { probability: &gibbs[&o.structure] / ratio(2, 1), ..right(&o.trace) }),
        ),
        (
            "last factor left out of p(T)",
            each(&|o| {
                let first = &o.trace.races()[0];
                Claimed { probability: &rates[first.winner] / first.total(rates), ..right(&o.trace) }
            }),
        ),
        (
            "losers not charged",
            each(&|o| {
                let (laplace, mean) = uncharged(&o.trace);
                Claimed { laplace, mean, ..right(&o.trace) }
            }),
        ),
        ("last race forgotten", (0..3).map(coarse).collect()),
    ];
    let mut rows =
        vec![row([&"", &"traces", &"Σ p(T)", &"Σ p(T) L_T(s)", &"mean of E: 0–1", &"0–2", &"1–2"])];
    let want = [6.to_string(), Q::one().to_string(), laplace_at_ones(rates).to_string()];
    let mean = inverse.clone();
    rows.push(row([&"it should be", &want[0], &want[1], &want[2], &mean[0], &mean[1], &mean[2]]));
    for (name, claimed) in cases {
        let total = sum(claimed.iter().map(|c| &c.probability));
        let mixed = claimed.iter().fold(Q::zero(), |sum, c| sum + &c.probability * &c.laplace);
        let mean = |k: usize| claimed.iter().fold(Q::zero(), |sum, c| sum + &c.probability * &c.mean[k]);
        rows.push(row([&name, &claimed.len(), &total, &mixed, &mean(0), &mean(1), &mean(2)]));
    }
    table(rows)
}

/// `P(X)` of the structure whose entries have these labels.
fn of_labels(model: &Model, wanted: &[&str]) -> Q {
    let labels = labels(model);
    let is = |x: &Structure| match x {
        Structure::Entries(set) => {
            set.len() == wanted.len() && set.iter().all(|&k| wanted.contains(&labels[k].as_str()))
        }
        _ => false,
    };
    law(model).into_iter().find(|(x, _)| is(x)).expect("a structure").1
}

fn structure_claims(say: &mut impl FnMut(&'static str, String)) {
    tree_claims(say);
    arborescence_claims(say);
    position_claims(say);
}

fn tree_claims(say: &mut impl FnMut(&'static str, String)) {
    let file = "spanning_tree.md";
    let k3 = model("k3");
    let all = outcomes(&k3);
    let [a, b, c] = [0, 1, 2].map(|k| k3.rates()[k].clone());
    let p = of_labels(&k3, &["0–1", "0–2"]);
    let step = |o: &Outcome<Structure, Q>, r: usize| {
        let race = &o.trace.races()[r];
        &k3.rates()[race.winner] / race.total(k3.rates())
    };
    say(
        file,
        format!(
            "with probability {}; then 0–2 must beat 1–2, with probability {}.",
            step(&all[0], 0),
            step(&all[0], 1)
        ),
    );
    say(
        file,
        format!(
            "with probability {}, and 0–1 beats 1–2, with probability {}.",
            step(&all[2], 0),
            step(&all[2], 1)
        ),
    );
    say(
        file,
        format!(
            "Together {} · {} + {} · {} = {p}",
            step(&all[0], 0),
            step(&all[0], 1),
            step(&all[2], 0),
            step(&all[2], 1)
        ),
    );
    let terms = [&c / (&c + &a), &c / (&c + &b), &c / (&c + &a + &b)];
    assert_eq!(p, Q::one() - &terms[0] - &terms[1] + &terms[2]);
    say(file, format!("which is 1 - {} - {} + {} = {p}", terms[0], terms[1], terms[2]));
    let Algorithm::SpanningTree(kruskal) = k3.algorithm() else { panic!("a tree") };
    let times = Layers::by_state(kruskal, k3.rates()).expected_times();
    let weight = ratio(2, 1) * &times[0] + &times[1];
    let mut by_traces = Q::zero();
    for Outcome { trace, structure, probability } in &all {
        let Structure::Entries(set) = structure else { panic!("edges") };
        let mean = means(trace, k3.rates());
        set.iter().for_each(|&k| by_traces += probability * &mean[k]);
    }
    assert_eq!(weight, by_traces);
    say(file, format!("2 · {} + {} = {weight}, where {} is the average", times[0], times[1], times[1]));
    say(file, format!("the five most probable of {} trees", model("k4").structure_count()));

    let k4 = complete(4);
    let shape = Loss::named(&k4, "max_degree").expect("a loss of trees");
    let (star, p_star) = law(&k4).into_iter().find(|(x, _)| shape.of(&k4, x) == 3).expect("a star");
    let (path, p_path) = law(&k4).into_iter().find(|(x, _)| shape.of(&k4, x) == 2).expect("a path");
    let of = |x: &Structure| {
        let traces = outcomes(&k4).into_iter().filter(|o| o.structure == *x);
        traces
            .map(|o| (o.probability.clone(), factors(&k4, &o.trace)))
            .into_group_map()
            .into_iter()
            .sorted()
            .rev()
            .collect::<Vec<_>>()
    };
    let stars = of(&star);
    assert_eq!((stars.len(), stars[0].1.len()), (1, 6));
    say(
        file,
        format!("A star is always of the first kind: 6 orders, each with {}, in all {p_star}", stars[0].1[0]),
    );
    let paths = of(&path);
    assert_eq!(paths.iter().map(|(_, orders)| orders.len()).collect::<Vec<_>>(), [4, 2]);
    say(file, format!("4 · {} + 2 · {} = {p_path}", paths[0].0, paths[1].0));
}

fn arborescence_claims(say: &mut impl FnMut(&'static str, String)) {
    let file = "arborescence.md";
    let nested = model("nested_arborescence");
    assert_eq!(outcomes(&nested).len().to_string(), nested.trace_count().unwrap().to_string());
    let counts = (nested.trace_count().unwrap(), nested.structure_count());
    say(file, format!("This model has {} traces and {} arborescences", counts.0, counts.1));
    let small = written(file);
    let rates = small.rates();
    let (one, two) = (&rates[0] + &rates[3], &rates[1] + &rates[2]);
    assert_eq!(one, two);
    let both = &rates[0] + &rates[1];
    let (g, part) = (one.recip(), both.recip());
    let formed = &part * &g * &g * &rates[3];
    say(file, format!("`G({{1}}) = G({{2}}) = {g}`"));
    say(file, format!("`G = {part} · {g} · {g} · {} = {formed}`", rates[3]));
    let p = of_labels(&small, &["0→1", "1→2"]);
    assert_eq!(p, &rates[0] * &rates[2] * (&g * &g + &formed));
    say(file, format!("P = {} · {} · ({g} · {g} + {formed}) = {p}", rates[0], rates[2]));
    let traces = outcomes(&small).into_iter().filter(|o| told(&small, &o.structure) == "{0→1, 1→2}");
    say(file, format!("as the traces say: {}", traces.map(|o| reduced_over(&o.probability, 25)).join(" + ")));
    let traces = outcomes(&small);
    let cyclic = traces.iter().filter(|o| o.trace.races().len() == 3).count();
    say(
        file,
        format!(
            "{} from the partition into {{1}} and {{2}}, and {cyclic} from {{1, 2}}",
            traces.len() - cyclic
        ),
    );
}

/// `3/25`: the fraction with this denominator.
fn reduced_over(p: &Q, denominator: i64) -> String {
    format!("{}/{denominator}", p * ratio(denominator, 1))
}

fn position_claims(say: &mut impl FnMut(&'static str, String)) {
    // Matchings.
    let file = "matching.md";
    let two = written(file);
    let all = outcomes(&two);
    let p = of_labels(&two, &["(0,0)", "(1,1)"]);
    let total = sum(two.rates());
    assert_eq!(p, (&two.rates()[0] + &two.rates()[3]) / &total);
    let share = format!("({} + {})/{total}", two.rates()[0], two.rates()[3]);
    say(file, format!("{} + {} = {p}, which is {share}", all[0].probability, all[3].probability));
    let w = greedy_weights();
    say(file, format!("weights {}, {} in the first row and {}, {} in the second", w[0], w[1], w[2], w[3]));
    let three = model("matching3");
    let rows = three.rates().chunks(3).map(|row| listing(row.iter())).join(" and ");
    say(file, format!("has the rows of rates {rows}."));

    // Binary trees.
    let file = "binary_tree.md";
    let five = model("binary_tree5");
    say(file, format!("The most probable of the {} trees", five.structure_count()));
    say(file, format!("Rates of positions 0 to 4: {}.", listing(five.rates())));
    let intervals = 5 * 6 / 2;
    say(file, format!("{intervals} for five positions"));
    let small = written(file);
    let middle = outcomes(&small).remove(2).trace;
    say(
        file,
        format!(
            "wins the first race, with probability {}",
            race_factor(&small.rates()[1], &middle.races()[0].total(small.rates()))
        ),
    );
    let equal = Model::binary_tree(vec![Q::one(); 3]).expect("valid");
    let law3 = law(&equal);
    let balanced = law3.iter().find(|(x, _)| told(&equal, x) == "[1,null,1]").expect("balanced").1.clone();
    let others: BTreeSet<Q> =
        law3.iter().filter(|(x, _)| told(&equal, x) != "[1,null,1]").map(|(_, p)| p.clone()).collect();
    let other = others.iter().exactly_one().expect("all alike");
    say(file, format!("the balanced tree has probability {balanced}, each of the four others {other}."));
    say(file, format!("with three positions {}.", ratio(1, law3.len() as i64)));
    say(file, format!("equal rates give the balanced tree {balanced}"));

    // Subsets.
    let file = "top_k.md";
    let top = model("top_k");
    let rates = top.rates();
    say(file, format!("five positions with rates {}.", listing(rates)));
    let total = sum(rates);
    say(file, format!("The total rate is {total}."));
    let (a, b) = (&rates[1], &rates[3]);
    let (after_a, after_b) = (&total - a, &total - b);
    let (ab, ba) = (a / &total * b / &after_a, b / &total * a / &after_b);
    say(
        file,
        format!(
            "{a}/({total}) · {b}/({after_a}) = {ab}, the trace 3, 1 has {b}/({total}) · {a}/({after_b}) = {ba}"
        ),
    );
    let p = of_labels(&top, &["1", "3"]);
    assert_eq!(p, ab + ba);
    let rest = &total - a - b;
    let terms = [&rest / (&rest + a), &rest / (&rest + b), &rest / (&rest + a + b)];
    assert_eq!(p, Q::one() - &terms[0] - &terms[1] + &terms[2]);
    say(
        file,
        format!(
            "For {{1, 3}}, where `ρ = {rest}`: the sum is 1 - {} - {} + {} = {p}",
            terms[0], terms[1], terms[2]
        ),
    );
    let there = gibbs(&top).into_iter().find(|(x, _)| top.canonical(x) == "[1,3]").expect("there").1;
    say(file, format!("There the set {{1, 3}} has probability {there}, here {p}"));

    // Permutations.
    let file = "permutation.md";
    let order = model("permutation4");
    let rates = order.rates();
    say(file, format!("has the rates {}.", listing(rates)));
    say(file, format!("The five most probable of {} orders", order.structure_count()));
    say(file, format!("Enumeration over the {} orders", order.structure_count()));
    let first = law(&order).into_iter().max_by(|(_, p), (_, q)| p.cmp(q)).expect("some");
    assert_eq!(order.canonical(&first.0), "[3,1,0,2]");
    let total = sum(rates);
    let second = &total - &rates[3];
    let third = &second - &rates[1];
    let steps = format!("{}/({total}) · {}/({second}) · {}/({third}) · 1", rates[3], rates[1], rates[0]);
    say(file, format!("By hand, the first: {steps} = {}", first.1));
    let pairs: Vec<Q> = (0..4)
        .flat_map(|i| (i + 1..4).map(move |j| (i, j)))
        .map(|(i, j)| &rates[j] / (&rates[i] + &rates[j]))
        .collect();
    let inversions = order.gradient(&default_loss(&order), Limit::default()).expect("small").expectation;
    assert_eq!(inversions, sum(&pairs));
    say(file, format!("In the example {} = {inversions}", pairs.iter().join(" + ")));

    // One position.
    let file = "categorical.md";
    let one = model("categorical");
    let rates = one.rates();
    let total = sum(rates);
    say(file, format!("the rates are {}, so `Λ = {total}`", listing(rates)));
    let mean = &total.recip();
    say(file, format!("`1/Λ = {mean}` where the position won"));
    let p = &rates[0] / &total;
    let lost = mean + rates[0].recip();
    let whole = &p * mean + (Q::one() - &p) * &lost;
    say(file, format!("for position 0, {p} · {mean} + {} · {lost} = {whole}", Q::one() - &p));
    let gradient = one.gradient(&default_loss(&one), Limit::default()).expect("small");
    say(
        file,
        format!("`E[f] = {}`, and the gradient is {}.", gradient.expectation, listing(&gradient.gradient)),
    );

    let k3 = model("k3");
    let loss = default_loss(&k3);
    let m = moments(&k3, &loss);
    say("gradients.md", format!("The last line is the expectation {}", m.expectation));
}

/// What the chapters say of the optimum: the result of a run is the lightest of all structures, listed one by one. Of
/// matchings they say the opposite.
#[test]
fn the_result_of_a_run_is_the_lightest_structure_unless_it_is_a_matching() {
    let mut not_lightest = 0;
    for name in [
        "k3",
        "k4",
        "cycle_with_chord",
        "bridge",
        "nested_arborescence",
        "arborescence4",
        "top_k",
        "matching3",
    ] {
        let model = model(name);
        let structures: Vec<Structure> = law(&model).into_iter().map(|(x, _)| x).collect();
        for (i, Outcome { trace, structure, .. }) in outcomes(&model).into_iter().enumerate() {
            // Any positive times and residuals; different for different entries, so that no two weights are alike.
            let number =
                |k: usize| ratio(((k + 1) * 7919 + i * 104_729) as i64 % 1009 + 1, 97 + 2 * k as i64);
            let times: Vec<Q> = (0..trace.races().len()).map(number).collect();
            let m = model.rates().len();
            let residuals =
                (0..m).map(|k| (!model.rates()[k].is_zero()).then(|| number(m + k))).collect::<Vec<_>>();
            let weights = trace.assemble(&times, &residuals);
            let weight = |x: &Structure| match x {
                Structure::Entries(set) => {
                    set.iter().fold(Q::zero(), |sum, &k| sum + weights[k].clone().expect("present"))
                }
                _ => panic!("{name}: entries"),
            };
            let least = structures.iter().map(weight).min().expect("some");
            if model.kind() == Kind::Matching {
                not_lightest += usize::from(weight(&structure) > least);
            } else {
                assert_eq!(weight(&structure), least, "{name}: {}", model.canonical_trace(&trace));
            }
        }
    }
    assert!(not_lightest > 0);
}

/// The formula for several draws, against all pairs of traces.
#[test]
fn the_variance_of_two_draws_is_that_of_all_pairs_of_traces() {
    let k3 = model("k3");
    let loss = default_loss(&k3);
    let all: Vec<(Q, Q, Vec<Q>)> = k3
        .traces()
        .map(|o| (o.probability, ratio(loss.of(&k3, &o.structure), 1), o.trace.score(k3.rates())))
        .collect();
    let gradient = moments(&k3, &loss).gradient;
    let mut variance = Q::zero();
    for k in 0..3 {
        let mut mean = Q::zero();
        for (p, f, s) in &all {
            for (q, g, t) in &all {
                let estimate = (f - g) * (&s[k] - &t[k]) / ratio(2, 1);
                mean += p * q * &estimate;
                variance += p * q * &estimate * &estimate;
            }
        }
        assert_eq!(mean, gradient[k]);
        variance -= &mean * &mean;
    }
    assert_eq!(variance, several(&k3, &loss, 2)[1]);
}

// ---------------------------------------------------------------------------------------------------- the claims

/// Every sentence fragment with a number: chapter, fragment.
fn claims() -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    let mut say = |chapter: &'static str, text: String| all.push((chapter, text));

    let once = refuted_sometime(|n, heads| cell_p_value(n, 0.5, heads).expect("counts"));
    let bets = refuted_sometime(|n, heads| coin_bets(n, 0.5, heads).expect("counts").p_value);
    say("bets.md", format!("level of {LEVEL} and a look after each of {LOOKS} draws a fair coin is refuted"));
    say("bets.md", format!("with probability {once:.2}; by what follows, with probability {bets:.4}"));
    say("bets.md", format!("the number of draws at which half of {SAMPLES} samples were refuted"));
    say("bets.md", format!("`--departure` with probability {POWER}"));
    // Counted by `ten_thousand_short_runs` in `tests/bets.rs`, which takes too long to be done here.
    let counted = 5;
    say(
        "bets.md",
        format!(
            "Of 10,000 short runs of a right sampler {counted} were refuted at a level of {LEVEL} for all"
        ),
    );
    let Settings { samples, learning_rate, units, .. } = Settings::default();
    say(
        "toy.md",
        format!("estimated from {samples} draws, and Adam with the learning rate {learning_rate} moves"),
    );
    say("toy.md", format!("one hidden layer of {units} units on the"));
    let exact = losses("matching-exact");
    let (every, last) = (500, losses("matching").keys().map(|(_, step)| *step).max().expect("steps"));
    say("toy.md", format!("There are {} steps. At every {every}th one looks", grouped(last)));
    say(
        "toy.md",
        format!("mean loss of 10 draws and of 1,000, at the deviation of {LOOKS_AT} fresh estimates"),
    );
    let trace_plus = (Estimator::TReinforcePlus.name().to_owned(), 2000);
    let ours = spread(&losses("matching")[&trace_plus])[0];
    say("toy.md", format!("with 3 draws a step T-REINFORCE+ is at {ours:.2} where the plot shows -9.8"));
    let best = exact[&(Estimator::Exact.name().to_owned(), 2000)][0];
    say("toy.md", format!("by the exact gradient the loss is {best:.2} there"));
    let k3 = model("k3");
    let rates = k3.rates().to_vec();
    {
        let here = law(&k3);
        let there = gibbs(&k3);
        let over = |p: &Q| (p * ratio(105, 1)).to_string();
        let list = |law: &[(Structure, Q)]| listing(law.iter().map(|(_, p)| over(p)));
        say("introduction.md", format!("{} over 105 here, and {} over 105 there", list(&here), list(&there)));
    }
    {
        let race = |k| Trace::new(3, vec![Race::new([0, 1, 2], k)]).expect("sound");
        let mean = |k| means(&race(k), &rates)[2].clone();
        let p = race(2).probability(&rates);
        let rest = Q::one() - &p;
        let same = mean(0);
        assert_eq!((mean(1), mean(2)), (same.clone(), means(&race(0), &rates)[0].clone()));
        say("race.md", format!("it is `E[M] = {}`", mean(2)));
        say("race.md", format!("it wins with probability {p} and then has mean {}; otherwise", mean(2)));
        say(
            "race.md",
            format!("with probability {rest}, it has mean {} + {} = {same}", mean(2), rates[2].recip()),
        );
        let whole = &p * mean(2) + &rest * &same;
        say("race.md", format!("{p} · {} + {rest} · {same} = {whole}", mean(2)));
    }
    {
        let first = outcomes(&k3).remove(0).trace;
        let (mean, score) = (means(&first, &rates), first.score(&rates));
        let totals = first.totals(&rates);
        let parts = format!("{} + {}", totals[0].recip(), totals[1].recip());
        say("recursion.md", format!("is {parts} + 1/{} = {}", rates[2], mean[2]));
        say("recursion.md", format!("The score of the same edge is {parts} = {}", score[2]));
        assert_eq!(score[2], &rates[2] * &mean[2] - Q::one());
        say("recursion.md", format!("`λE[E | T] - 1 = {} - 1`", mean[2]));
        let each = rates.iter().map(|rate| (rate / (rate + Q::one())).to_string()).join(" · ");
        say("recursion.md", format!("the right side is {each} = {}", laplace_at_ones(&rates)));
    }
    structure_claims(&mut say);
    {
        use statrs::distribution::{ContinuousCDF as _, Normal};
        let normal = Normal::standard();
        let (off, beyond) = (0.01 * 200_000_f64.sqrt(), -normal.inverse_cdf(1e-6));
        say("mutants.md", "Of 200,000 exponentials the most powerful".to_owned());
        say("mutants.md", format!("by {off:.1} standard errors"));
        let power = 1.0 - normal.cdf(beyond - off);
        say("mutants.md", format!("off by more than {beyond:.1}, so that it has a power of {power:.2}"));
    }
    all
}

// ----------------------------------------------------------------------------------------------------- the tests

/// Words separated by single spaces: a claim may be broken over lines.
fn flat(text: &str) -> String {
    text.split_whitespace().join(" ")
}

/// The chapter with a new text in one block.
fn with_block(text: &str, name: &str, new: &str) -> Option<String> {
    let marker = format!("<!-- checked: {name} -->\n```text\n");
    let start = text.find(&marker)? + marker.len();
    let end = start + text[start..].find("```")?;
    let new = if new.is_empty() { String::new() } else { format!("{new}\n") };
    Some(format!("{}{new}{}", &text[..start], &text[end..]))
}

#[test]
fn every_checked_block_is_what_the_oracle_says() {
    let bless = std::env::var_os("BLESS_BOOK").is_some();
    let mut stale = Vec::new();
    for (file, name, text) in blocks() {
        let book = chapter(file);
        let want = with_block(&book, name, &text).unwrap_or_else(|| panic!("{file} has no block {name:?}"));
        if want != book {
            if bless {
                std::fs::write(source().join(file), want).expect("writable");
            }
            stale.push(format!("{file}: {name}:\n{text}"));
        }
    }
    assert!(stale.is_empty(), "stale (BLESS_BOOK=1 rewrites them):\n\n{}", stale.join("\n\n"));
}

#[test]
fn every_marked_block_is_checked_once() {
    let known: Vec<(String, String)> =
        blocks().into_iter().map(|(file, name, _)| (file.to_owned(), name.to_owned())).sorted().collect();
    let mark = |file: &String| {
        let text = chapter(file);
        let names = text.lines().filter_map(|line| line.strip_prefix("<!-- checked: "));
        names.map(|name| (file.clone(), name.trim_end_matches(" -->").to_owned())).collect::<Vec<_>>()
    };
    let marked: Vec<(String, String)> = files().iter().flat_map(mark).sorted().collect();
    assert_eq!(marked, known);
}

#[test]
fn every_claim_stands_in_its_chapter() {
    let claims = claims();
    let chapters: BTreeMap<&str, String> =
        claims.iter().map(|(file, _)| *file).unique().map(|file| (file, flat(&chapter(file)))).collect();
    let missing = claims.iter().filter(|(file, text)| !chapters[file].contains(&flat(text)));
    let missing: Vec<String> = missing.map(|(file, text)| format!("{file}: {text}")).collect();
    assert!(missing.is_empty(), "not in the book:\n{}", missing.join("\n"));
}

/// The numbers in a text: `64/105`, `1,441,729`, `7`. Digits within a word (`f64`, `k3`) are none.
fn numbers(text: &str) -> Vec<String> {
    let symbols: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut i = 0;
    while i < symbols.len() {
        let in_word = i > 0 && (symbols[i - 1].is_alphabetic() || symbols[i - 1] == '_');
        if !symbols[i].is_ascii_digit() {
            i += 1;
            continue;
        }
        let start = i;
        let digit = |at: usize| symbols.get(at).is_some_and(char::is_ascii_digit);
        while digit(i) || (i < symbols.len() && ",/.".contains(symbols[i]) && digit(i + 1)) {
            i += 1;
        }
        if !in_word {
            found.push(symbols[start..i].iter().collect());
        }
    }
    found
}

#[test]
fn no_number_in_the_prose_is_unchecked() {
    let mut unchecked = Vec::new();
    for file in files() {
        let text = chapter(&file);
        let parts = parts(&text);
        let mut known: BTreeSet<String> = BTreeSet::new();
        for (chapter, claim) in claims() {
            if chapter == file {
                known.extend(numbers(&claim));
            }
        }
        let references = parts.iter().filter(|(part, _)| *part == Part::References);
        let years = references.flat_map(|(_, line)| numbers(line)).filter(|number| number.len() == 4);
        known.extend(years);
        let prose = parts.iter().filter(|(part, _)| {
            *part == Part::Prose || matches!(part, Part::Fence(language, None) if language == "text")
        });
        // A picture's line holds the name of its file; the picture itself is checked with the README.
        for (_, line) in prose.filter(|(_, line)| !line.starts_with("![")) {
            for number in numbers(line) {
                let small = number.len() == 1 || number.split(['.', ',']).all(|part| part.len() == 1);
                if !small && !known.contains(&number) {
                    unchecked.push(format!("{file}: {number} in {line:?}"));
                }
            }
        }
    }
    assert!(unchecked.is_empty(), "no claim or block computes these:\n{}", unchecked.join("\n"));
}

#[test]
fn the_number_scanner_sees_fractions_and_grouped_numbers() {
    assert_eq!(
        numbers("64/105, then 1,441,729 (f64, k3, M_12) 0..9 and 2,"),
        ["64/105", "1,441,729", "0", "9", "2"]
    );
}

/// The anchor that Markdown renderers give a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn the_summary_lists_every_file_once_and_every_link_resolves() {
    let listed = listed();
    let written: Vec<String> = files().into_iter().filter(|file| file != "SUMMARY.md").collect();
    assert_eq!(listed.iter().cloned().sorted().collect::<Vec<_>>(), written);
    for file in files() {
        let text = chapter(&file);
        for link in links(&text).iter().filter(|link| !link.starts_with("https://")) {
            let (target, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if target.is_empty() { &file } else { target };
            if target.ends_with(".svg") {
                assert!(source().join(target).exists(), "{file}: no picture {link}");
                continue;
            }
            assert!(written.iter().any(|known| known == target), "{file}: no chapter {link}");
            let has =
                |line: &str| line.starts_with('#') && anchor(line.trim_start_matches('#').trim()) == heading;
            assert!(heading.is_empty() || chapter(target).lines().any(has), "{file}: no heading {link}");
        }
    }
}

#[test]
fn every_chapter_has_the_title_of_the_summary() {
    let summary = chapter("SUMMARY.md");
    for file in listed() {
        let title = chapter(&file).lines().next().expect("a title").trim_start_matches("# ").to_owned();
        assert!(summary.contains(&format!("[{title}]({file})")), "{file}: {title:?} is not in SUMMARY.md");
    }
}

#[test]
fn fences_are_closed_and_lines_of_prose_fit() {
    for file in files() {
        let text = chapter(&file);
        assert_eq!(text.lines().filter(|line| line.starts_with("```")).count() % 2, 0, "{file}");
        for (part, line) in parts(&text) {
            let fits = part != Part::Prose || line.starts_with('|') || line.chars().count() <= 120;
            assert!(fits, "{file}: too long: {line}");
        }
    }
}
