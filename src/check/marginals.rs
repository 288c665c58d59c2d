//! What structures are made of, and what they cost: how often each part is drawn, and each value of each named loss.
//!
//! Single structures are soon too rare to be judged one by one; their parts and losses are not. The parts are the entries of a
//! set; of a binary tree who is whose parent (or the root); of a permutation who is drawn in which place.

use std::collections::BTreeMap;

use gumbel_oracle::limit::{Limit, TooLarge};
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::{Kind, Model};
use gumbel_oracle::number::to_f64;
use gumbel_oracle::structure::Structure;
use num_traits::Zero as _;

use super::{Check, Evidence, IMPOSSIBLE, Known, Level, present, repeated, worst};
use crate::report::Row;
use crate::sample::Field;
use crate::statistics::{DepartureKind, StatisticsError, TestResult, worst_cells};

/// The parts of the structures of a model, numbered.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    kind: Kind,
    n: usize,
    /// For each entry its place among the present ones.
    places: Vec<usize>,
    names: Vec<String>,
}

impl Parts {
    pub(super) fn new(model: &Model) -> Self {
        let (kind, n, present) = (model.kind(), model.size(), present(model.rates()));
        let mut places = vec![usize::MAX; model.rates().len()];
        present.iter().enumerate().for_each(|(place, &k)| places[k] = place);
        let pair = |i: usize, j: usize| match kind {
            Kind::BinaryTree if i == j => format!("{i} as the root"),
            Kind::BinaryTree => format!("{j} as the parent of {i}"),
            _ => format!("{i} in place {j}"),
        };
        let names = if pairs(kind) {
            (0..n * n).map(|cell| pair(cell / n, cell % n)).collect()
        } else {
            present.iter().map(|&k| model.entries()[k].label(kind)).collect()
        };
        Self { kind, n, places, names }
    }

    /// The parts of a structure of the model.
    pub(super) fn of(&self, structure: &Structure) -> Vec<u32> {
        let part = |i: usize, j: usize| (i * self.n + j) as u32;
        match structure {
            Structure::Entries(set) => set.iter().map(|&k| self.places[k] as u32).collect(),
            Structure::Parents(tree) => {
                tree.0.iter().enumerate().map(|(i, parent)| part(i, parent.unwrap_or(i))).collect()
            }
            Structure::Order(order) => order.iter().enumerate().map(|(place, &i)| part(i, place)).collect(),
        }
    }

    /// Their exact probabilities, without the law of the structure where there is a smaller way.
    fn probabilities(&self, model: &Model, limit: Limit) -> Result<Vec<f64>, TooLarge> {
        if pairs(self.kind) {
            let cells = model.pair_marginals(limit)?.unwrap_or_default();
            return Ok(cells.iter().flatten().map(to_f64).collect());
        }
        let marginals = model.marginals(limit)?;
        Ok(present(model.rates()).iter().map(|&k| to_f64(&marginals[k])).collect())
    }
}

/// Whether every entry is in every structure, and what differs is where.
fn pairs(kind: Kind) -> bool {
    matches!(kind, Kind::BinaryTree | Kind::Permutation)
}

/// The losses of a model.
pub(super) fn losses(model: &Model) -> Vec<Loss> {
    let names = Loss::names(model.kind());
    names.into_iter().filter_map(|name| Loss::named(model, name).ok()).collect()
}

/// How many tests there are of parts and losses.
pub(super) fn tests(model: &Model) -> usize {
    Parts::new(model).names.len() + losses(model).len()
}

/// Whether the marginals of a model whose structures are too many can be had in a few seconds, and what counts their states.
pub(super) fn is_small(model: &Model) -> bool {
    let n = model.size();
    match model.kind() {
        Kind::SpanningTree | Kind::Matching => n <= 8, // partitions; pairs of sets
        Kind::TopK => n <= 16,                         // sets
        Kind::BinaryTree => n <= 30,                   // intervals and heights
        Kind::Categorical => true,
        Kind::Arborescence | Kind::Permutation => false, // no smaller way than the law
    }
}

/// The most states that are visited for one of them; those of a binary tree are small.
fn states(kind: Kind) -> Limit {
    Limit(if kind == Kind::BinaryTree { 1 << 20 } else { 1 << 16 })
}

/// The checks, where all structures are known with their probabilities.
pub(super) fn enumerated(
    model: &Model,
    structures: &[Structure],
    probabilities: &[f64],
) -> Vec<Box<dyn Check>> {
    let parts = Parts::new(model);
    let by_number: Vec<Vec<u32>> = structures.iter().map(|structure| parts.of(structure)).collect();
    let mut marginals = vec![0.0; parts.names.len()];
    for (parts, p) in by_number.iter().zip(probabilities) {
        parts.iter().for_each(|&part| marginals[part as usize] += p);
    }
    // Rounding of sums.
    marginals.iter_mut().for_each(|p| *p = p.min(1.0));
    let mut checks: Vec<Box<dyn Check>> =
        vec![Box::new(Marginals::new(parts.names, Ok(marginals), Some(by_number)))];
    for (place, loss) in losses(model).into_iter().enumerate() {
        let values: Vec<i64> = structures.iter().map(|structure| loss.of(model, structure)).collect();
        let mut law: BTreeMap<i64, f64> = BTreeMap::new();
        values.iter().zip(probabilities).for_each(|(value, p)| *law.entry(*value).or_default() += p);
        checks.push(Box::new(LossLaw::new(loss, place, Ok(law), Some(values))));
    }
    checks
}

/// The checks, where structures are seen one by one.
pub(super) fn of_any_size(model: &Model) -> Vec<Box<dyn Check>> {
    let parts = Parts::new(model);
    let marginals = parts.probabilities(model, states(model.kind()));
    let mut checks: Vec<Box<dyn Check>> = vec![Box::new(Marginals::new(parts.names, marginals, None))];
    for (place, loss) in losses(model).into_iter().enumerate() {
        let law = model.loss_law(&loss, states(model.kind())).map(|law| {
            law.iter().filter(|(_, p)| !p.is_zero()).map(|(value, p)| (*value, to_f64(p))).collect()
        });
        checks.push(Box::new(LossLaw::new(loss, place, law, None)));
    }
    checks
}

/// How often each part is drawn.
struct Marginals {
    names: Vec<String>,
    probabilities: Result<Vec<f64>, TooLarge>,
    /// The parts of each structure, where structures are numbered.
    by_number: Option<Vec<Vec<u32>>>,
    counts: Vec<u64>,
    draws: u64,
}

impl Marginals {
    fn new(
        names: Vec<String>,
        probabilities: Result<Vec<f64>, TooLarge>,
        by_number: Option<Vec<Vec<u32>>>,
    ) -> Self {
        let counts = vec![0; names.len()];
        Self { names, probabilities, by_number, counts, draws: 0 }
    }
}

impl Check for Marginals {
    fn see(&mut self, _: &Known<'_>, batch: &Evidence) {
        let possible = batch.structure.iter().filter(|&&structure| structure != IMPOSSIBLE);
        let mut count = |part: &u32| self.counts[*part as usize] += 1;
        match &self.by_number {
            Some(parts) => possible.clone().for_each(|&x| parts[x].iter().for_each(&mut count)),
            None => batch.parts.iter().for_each(count),
        }
        self.draws += possible.count() as u64;
    }

    fn subject(&self) -> &'static str {
        "parts"
    }

    fn needs(&self) -> &'static [Field] {
        &[Field::Structure]
    }

    fn tests(&self) -> usize {
        self.names.len()
    }

    fn judge(&self, _: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        let exact = |count| Row::exact("parts", at.name("binomial"), count, "draws");
        let probabilities = match &self.probabilities {
            Ok(probabilities) => probabilities,
            Err(error) => return Ok(vec![exact(0).not_judged(error.to_string())]),
        };
        let Level { alpha, times, .. } = *at;
        let draws = at.draws(&[self.draws]);
        if draws == 0 {
            return Ok(vec![exact(0)]);
        }
        let counts = repeated(&self.counts, times);
        // It is the largest where it is as likely as not.
        let even = probabilities.iter().map(|p| (p - 0.5).abs()).fold(0.5, f64::min);
        let departure = at.departure_of_one_cell(draws, 0.5 - even)?;
        let mut tests = Vec::with_capacity(counts.len());
        // How many draws would do is a matter of the departure only, the same for all.
        let judged = if times == 1.0 { counts.len() } else { 1 };
        for (part, (&count, &p)) in counts.iter().zip(probabilities).enumerate().take(judged) {
            let (statistic, p_value) = at.one_cell(draws, p, count)?;
            let test = TestResult {
                statistic,
                p_value,
                threshold: alpha,
                smallest_departure: departure,
                departure_kind: DepartureKind::TotalVariation,
            };
            tests.push((part, test));
        }
        let Some((part, test)) = worst(tests) else { return Ok(vec![exact(0)]) };
        let found = counts[part];
        let percent = |part: f64| format!("{:.3} %", 100.0 * part);
        let note = || {
            let (found, want) = (percent(found as f64 / draws as f64), percent(probabilities[part]));
            format!("{} is in {found} of the structures, expected {want}", self.names[part])
        };
        let check = format!("{}, worst of {}: {}", at.name("binomial"), self.names.len(), self.names[part]);
        Ok(vec![Row::test("parts", check, draws, "draws", test, note)])
    }
}

/// How often each value of a loss is drawn.
struct LossLaw {
    loss: Loss,
    /// Among the losses.
    place: usize,
    law: Result<BTreeMap<i64, f64>, TooLarge>,
    /// The value of each structure, where structures are numbered.
    by_number: Option<Vec<i64>>,
    counts: BTreeMap<i64, u64>,
}

impl LossLaw {
    fn new(
        loss: Loss,
        place: usize,
        law: Result<BTreeMap<i64, f64>, TooLarge>,
        by_number: Option<Vec<i64>>,
    ) -> Self {
        Self { loss, place, law, by_number, counts: BTreeMap::new() }
    }
}

impl Check for LossLaw {
    fn see(&mut self, _: &Known<'_>, batch: &Evidence) {
        let mut count = |value: i64| *self.counts.entry(value).or_default() += 1;
        match &self.by_number {
            Some(values) => {
                let possible = batch.structure.iter().filter(|&&structure| structure != IMPOSSIBLE);
                possible.for_each(|&structure| count(values[structure]));
            }
            None => batch.losses.iter().for_each(|values| count(values[self.place])),
        }
    }

    fn subject(&self) -> &'static str {
        "losses"
    }

    fn needs(&self) -> &'static [Field] {
        &[Field::Structure]
    }

    fn tests(&self) -> usize {
        1
    }

    fn judge(&self, _: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        let check = format!("{} of {}", at.name("G"), self.loss.name());
        let count: u64 = self.counts.values().sum();
        let exact = || Row::exact("losses", check.clone(), 0, "draws");
        let law = match &self.law {
            Ok(law) => law,
            Err(error) => return Ok(vec![exact().not_judged(error.to_string())]),
        };
        if count == 0 {
            return Ok(vec![exact()]);
        }
        let values: Vec<i64> = law.keys().copied().collect();
        let mut probabilities: Vec<f64> = law.values().copied().collect();
        let mut counts: Vec<u64> =
            values.iter().map(|value| self.counts.get(value).copied().unwrap_or(0)).collect();
        // Values that no structure has.
        counts.push(count - counts.iter().sum::<u64>());
        probabilities.push(0.0);
        let (draws, test) = at.law(&counts, &probabilities)?;
        let note = || {
            let worst = worst_cells(&counts, &probabilities, 2).into_iter().flatten().map(|worst| {
                let value =
                    values.get(worst.cell).map_or_else(|| "impossible".to_owned(), |value| value.to_string());
                format!("{value}: {} observed, {:.1} expected", worst.observed, worst.expected)
            });
            let worst: Vec<String> = worst.collect();
            format!("{} ({}) is {}", self.loss.name(), self.loss.words(), worst.join("; "))
        };
        Ok(vec![Row::test("losses", check.clone(), draws, "draws", test, note)])
    }
}
