//! What wrong draws look like: the laws of the usual confusions, and which of them fits.
//!
//! When structures or traces are refuted and the law can be enumerated, the structures drawn are compared with the laws of
//! mistakes that people make. The most likely one is named if it is not refuted itself. A name is a hint, not a verdict: that
//! something is wrong is known before.
//!
//! # Law
//! | suspect | law |
//! |---|---|
//! | rates for means, logits with the other sign | that of the model with rates `1/λ` |
//! | rates not used | that of the model with equal rates |
//! | logits doubled or halved | that of the model with rates `λ²` or `√λ` |
//! | the rates of the entries before or after | that of the model with rates `λ_(k-1)` or `λ_(k+1)`, absent entries left out |
//! | an entry never drawn | that of the model without it |
//! | one rate wrong | that of the model with one rate times `c`, the most likely `c` with its interval of likelihood ratios at 0.99 |
//! | every structure equally likely | uniform |
//! | the Gibbs law | proportional to the product of the rates of the structure |
//! | the matrix transposed | that of the model with rates `λ_(j,i)` |
//! | largest for smallest; weights not reduced; uniforms for exponentials | by simulation, with a seed of its own |
//!
//! A law *fits* if Pearson's test of the counts against it (of two samples, if it is simulated) has a p-value above
//! [`FITS`].

use rayon::prelude::*;

use super::{Evidence, IMPOSSIBLE, Known};
use crate::statistics::{chi_square_sf, pearson};

/// The smallest p-value of a law that fits.
pub(super) const FITS: f64 = 1e-4;

/// How many times the probabilities of all traces may be worked out to find one wrong rate: some seconds.
const MOST_WORK: usize = 30_000_000;

/// How often each structure was drawn, by the structure or, if there is none, by the trace; the last is everything impossible.
pub(super) struct Counter {
    counts: Vec<u64>,
}

impl Counter {
    pub(super) fn new(structures: usize) -> Self {
        Self { counts: vec![0; structures + 1] }
    }

    pub(super) fn see(&mut self, leads_to: &[usize], batch: &Evidence) {
        let impossible = self.counts.len() - 1;
        if batch.structure.is_empty() {
            for &trace in &batch.trace {
                self.counts[if trace == IMPOSSIBLE { impossible } else { leads_to[trace] }] += 1;
            }
        } else {
            batch.structure.iter().for_each(|&structure| self.counts[structure.min(impossible)] += 1);
        }
    }
}

/// A law that the draws may follow instead.
pub(super) struct Suspect {
    pub(super) what: String,
    pub(super) law: Law,
}

pub(super) enum Law {
    /// The model's, with other rates.
    Rates(Vec<f64>),
    /// The probability of each structure.
    Exact(Vec<f64>),
    /// How often each structure came out of a simulation; the last is everything else.
    Simulated(Vec<u64>),
}

/// What the draws look like, in words; `more` are suspects of this model beside the ones of all models.
pub(super) fn diagnose(
    known: &Known<'_>,
    leads_to: &[usize],
    counter: &Counter,
    more: Vec<Suspect>,
) -> Option<String> {
    let counts = &counter.counts;
    let positive = |rate: f64, value: f64| if rate > 0.0 { value } else { 0.0 };
    let structures = known.structures.len();
    let mut suspects = vec![
        Suspect {
            what: "rates taken for means, or logits with the other sign".to_owned(),
            law: Law::Rates(known.rates.iter().map(|&rate| positive(rate, 1.0 / rate)).collect()),
        },
        Suspect {
            what: "rates that are not used: all equal".to_owned(),
            law: Law::Rates(known.rates.iter().map(|&rate| positive(rate, 1.0)).collect()),
        },
        Suspect {
            what: "a choice among all structures with equal probability".to_owned(),
            law: Law::Exact(vec![1.0 / structures as f64; structures]),
        },
    ];
    let with = |what: String, rate: &dyn Fn(usize, f64) -> f64| {
        let rates = known.rates.iter().enumerate().map(|(k, &of)| positive(of, rate(k, of)));
        Suspect { what, law: Law::Rates(rates.collect()) }
    };
    suspects.push(with("logits that are doubled, a temperature of 1/2".to_owned(), &|_, rate| rate * rate));
    suspects.push(with("logits that are halved, a temperature of 2".to_owned(), &|_, rate| libm::sqrt(rate)));
    let present = known.present.len();
    let beside = |by: usize| {
        move |k: usize, rate: f64| {
            let place = known.present.iter().position(|&entry| entry == k);
            place.map_or(rate, |place| known.rates[known.present[(place + by) % present]])
        }
    };
    if present > 1 {
        suspects.push(with("each entry with the rate of the next one".to_owned(), &beside(1)));
        suspects.push(with("each entry with the rate of the one before".to_owned(), &beside(present - 1)));
    }
    for &never in &known.present {
        let what = format!("{} never drawn", known.label(never));
        suspects.push(with(what, &|k, rate| if k == never { 0.0 } else { rate }));
    }
    suspects.extend(more);
    let mut best: Option<(f64, String)> = None;
    for Suspect { what, law } in suspects {
        let found = match law {
            Law::Rates(rates) => exact_fit(counts, &law_of(known, leads_to, &rates)),
            Law::Exact(law) => exact_fit(counts, &law),
            Law::Simulated(simulated) => simulated_fit(counts, &simulated),
        };
        // Beyond the range of f64 there is no law to compare with.
        let Some((fit, p_value)) = found else { continue };
        if p_value > FITS && best.as_ref().is_none_or(|(likelihood, _)| fit > *likelihood) {
            best = Some((fit, format!("{what} (χ² p-value {p_value:.2})")));
        }
    }
    // A rate that is fitted is a freedom more.
    let fitted = one_rate(known, leads_to, counts);
    if let Some((fit, what)) =
        fitted.filter(|(fit, _)| best.as_ref().is_none_or(|(other, _)| *fit > other + 3.0))
    {
        best = Some((fit, what));
    }
    best.map(|(_, what)| format!("It looks like {what}."))
}

/// The law of the structures if these were the rates.
fn law_of(known: &Known<'_>, leads_to: &[usize], rates: &[f64]) -> Vec<f64> {
    let mut law = vec![0.0; known.structures.len()];
    for ((trace, _), &structure) in known.traces.iter().zip(leads_to) {
        law[structure] += trace.probability(rates);
    }
    law
}

/// Log-likelihood and p-value.
fn exact_fit(counts: &[u64], law: &[f64]) -> Option<(f64, f64)> {
    // Rounding of a sum of many.
    let total: f64 = law.iter().sum();
    let law: Vec<f64> = law.iter().map(|p| p / total).chain([0.0]).collect();
    Some((likelihood(counts, &law), pearson(counts, &law).ok()?.p_value))
}

fn likelihood(counts: &[u64], law: &[f64]) -> f64 {
    let drawn = counts.iter().zip(law).filter(|(count, _)| **count > 0);
    drawn.map(|(&count, &p)| count as f64 * libm::log(p)).sum()
}

/// The same of two samples. Rare cells are pooled.
fn simulated_fit(counts: &[u64], simulated: &[u64]) -> Option<(f64, f64)> {
    let (n, m): (u64, u64) = (counts.iter().sum(), simulated.iter().sum());
    let (n, m) = (n as f64, m as f64);
    let (mut cells, mut rare) = (Vec::new(), (0.0, 0.0));
    for (&a, &b) in counts.iter().zip(simulated) {
        let (a, b) = (a as f64, b as f64);
        if (a + b) * n.min(m) / (n + m) >= 20.0 {
            cells.push((a, b));
        } else {
            rare = (rare.0 + a, rare.1 + b);
        }
    }
    cells.extend((rare.0 + rare.1 > 0.0).then_some(rare));
    let term = |&(a, b): &(f64, f64)| {
        let difference = a * libm::sqrt(m / n) - b * libm::sqrt(n / m);
        difference * difference / (a + b)
    };
    let statistic: f64 = cells.iter().map(term).sum();
    let p_value = if cells.len() < 2 { 1.0 } else { chi_square_sf(statistic, cells.len() - 1).ok()? };
    // The law as far as it is known.
    let law: Vec<f64> =
        simulated.iter().map(|&b| (b as f64 + 0.5) / (m + 0.5 * simulated.len() as f64)).collect();
    Some((likelihood(counts, &law), p_value))
}

/// The one rate which, if it were another, makes the draws most likely; if it then fits.
fn one_rate(known: &Known<'_>, leads_to: &[usize], counts: &[u64]) -> Option<(f64, String)> {
    const STEPS: usize = 100;
    if known.traces.len() * known.present.len() * known.most_races * STEPS > MOST_WORK {
        return None;
    }
    let with = |entry: usize, log_factor: f64| {
        let mut rates = known.rates.clone();
        rates[entry] *= libm::exp(log_factor);
        law_of(known, leads_to, &rates)
    };
    let fit = |entry: usize, log_factor: f64| {
        exact_fit(counts, &with(entry, log_factor)).map_or(f64::NEG_INFINITY, |fit| fit.0)
    };
    let most = |&entry: &usize| {
        // The coarsest first, then between its neighbours, by thirds.
        let grid = (-12..=12).map(|step| f64::from(step) / 2.0);
        let start = grid.max_by(|&a, &b| fit(entry, a).total_cmp(&fit(entry, b))).unwrap_or(0.0);
        let (mut low, mut high) = (start - 0.5, start + 0.5);
        for _ in 0..20 {
            let (a, b) = (low + (high - low) / 3.0, high - (high - low) / 3.0);
            if fit(entry, a) < fit(entry, b) { low = a } else { high = b }
        }
        let middle = (low + high) / 2.0;
        (entry, middle, fit(entry, middle))
    };
    let all: Vec<(usize, f64, f64)> = known.present.par_iter().map(most).collect();
    let (entry, log_factor, likelihood) = all.into_iter().max_by(|a, b| a.2.total_cmp(&b.2))?;
    let (_, p_value) = exact_fit(counts, &with(entry, log_factor))?;
    if p_value <= FITS {
        return None;
    }
    /// Half the 0.99 quantile of chi-square with one degree of freedom.
    const DROP: f64 = 3.317_448_300_510_323;
    let end = |direction: f64| {
        let (mut inside, mut outside) = (0.0, 8.0);
        for _ in 0..30 {
            let middle = (inside + outside) / 2.0;
            let within = fit(entry, log_factor + direction * middle) >= likelihood - DROP;
            if within { inside = middle } else { outside = middle }
        }
        log_factor + direction * inside
    };
    let rate = |log_factor: f64| format!("{:.3}", known.rates[entry] * libm::exp(log_factor));
    let what = format!(
        "one wrong rate: that of {} is about {} ({} to {}) instead of {} (χ² p-value {p_value:.2})",
        known.label(entry),
        rate(log_factor),
        rate(end(-1.0)),
        rate(end(1.0)),
        rate(0.0)
    );
    Some((likelihood, what))
}
