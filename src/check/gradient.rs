//! Estimates of a gradient, against the exact one.
//!
//! # Law
//! `E[ĝ] = g = ∂E[f(X)]/∂θ`, whatever the estimator. Nothing else of its law is known, so that the
//! [test](crate::statistics::mean_test) takes a bound on its spread for granted. The classical estimators say which is fair: with
//! `f` the loss, with and without its mean as a baseline, times the score of the trace (T-REINFORCE) or of the exponentials,
//! `λE - 1` (E-REINFORCE). At an entry where all of these have a kurtosis of at most half of
//! [`MOST_KURTOSIS`](crate::statistics::MOST_KURTOSIS), that of the estimate is taken to be at most [`MOST_KURTOSIS`](crate::statistics::MOST_KURTOSIS).
//! At other entries what matters may be too rare to be seen: there a right estimate is accused only if besides its variance is
//! larger than that of E-REINFORCE. Where traces cannot be enumerated, the first is taken for granted everywhere.
//!
//! Given the trace, `λ_k E_k - 1 = s_k + Σ_r a_r (t_r - 1)` with `t_r` independent exponentials of mean 1: `s_k` the score of the
//! trace, `a_r = λ_k/Λ_r` over the races of `k`, and one more of 1 if it wins none. The cumulants of the sum are `Σ a²`, `2 Σ a³`,
//! `6 Σ a⁴`. Along a direction `u` the same holds of `Σ u_k (λ_k E_k - 1)` with `a_r = Σ_k u_k λ_k/Λ_r` and `u_k`.
//!
//! Where the gradient is not known, it is estimated from the same draws, by the loss times the score of the trace: the difference has
//! the mean 0, and a small variance if the estimate is made of that draw.
//!
//! Where the estimator is known, so is its variance ([`Objective::with_variances`]), and one may look [always](crate::statistics::mean_bets).
//!
//! Departures are in units of the range of `f` over the structures: a law that is off by a total variation of `d` is off by
//! at most `d` times the range in `E[f]`.

use std::collections::BTreeMap;

use gumbel_oracle::instance::Instance;
use gumbel_oracle::law::Gradient;
use gumbel_oracle::limit::{Limit, TooLarge};
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::to_f64;
use gumbel_oracle::race::Trace;
use num_rational::BigRational;

use super::{Check, Evidence, Known, Level, Looks, most_traces, worst};
use crate::report::Row;
use crate::sample::Field;
use crate::statistics::{
    DepartureKind, Deviations, MOST_KURTOSIS, StatisticsError, TestResult, mean_bets, mean_test,
    smallest_mean, smallest_mean_bet, smallest_mean_of_squares,
};

/// An expected loss, whose gradient is estimated: what estimates are held to.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    name: String,
    held_to: HeldTo,
}

#[derive(Debug, Clone, PartialEq)]
enum HeldTo {
    /// The exact gradient.
    Exact(Exact),
    /// This loss times the score of the trace of the same draw.
    Draws(Loss),
}

/// What is known exactly.
#[derive(Debug, Clone, PartialEq)]
struct Exact {
    /// `E[f(X)]`
    expectation: f64,
    /// One number per entry.
    gradient: Vec<f64>,
    range: f64,
    /// Where traces can be enumerated.
    spread: Option<Spread>,
    /// The variance of the estimates, one number per entry, where it is known.
    variances: Option<Vec<f64>>,
}

/// The classical estimators, at each entry and along the gradient.
#[derive(Debug, Clone, PartialEq)]
struct Spread {
    entries: Vec<Classical>,
    along: Classical,
}

/// What is known of the classical estimators of one number.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Classical {
    /// The variance of T-REINFORCE.
    by_trace: f64,
    /// The variance of E-REINFORCE.
    by_exponentials: f64,
    /// The largest kurtosis of all.
    kurtosis: f64,
}

impl Classical {
    /// The variance that a right estimate may have whatever its kurtosis; 0 where its kurtosis is bounded.
    fn allowance(&self) -> f64 {
        if self.kurtosis <= MOST_KURTOSIS / 2.0 { 0.0 } else { self.by_exponentials }
    }
}

/// Moments of `f·s` and `(f - E f)·s`, each with the score of the trace and with that of the exponentials.
#[derive(Debug, Clone, Copy, Default)]
struct Moments([[f64; 3]; 4]);

impl Moments {
    /// A trace of probability `p`, with the two factors, the score, and the cumulants of what is random given the trace.
    fn add(&mut self, p: f64, factors: [f64; 2], s: f64, [c2, c3, c4]: [f64; 3]) {
        let by_trace = [s * s, s * s * s, s * s * s * s];
        let by_exponentials = [
            by_trace[0] + c2,
            by_trace[1] + 3.0 * s * c2 + c3,
            by_trace[2] + 6.0 * s * s * c2 + 4.0 * s * c3 + 3.0 * c2 * c2 + c4,
        ];
        for (i, f) in factors.into_iter().enumerate() {
            let powers = [f * f, f * f * f, f * f * f * f];
            for (j, moments) in [by_trace, by_exponentials].into_iter().enumerate() {
                for (order, moment) in moments.into_iter().enumerate() {
                    self.0[2 * i + j][order] += p * powers[order] * moment;
                }
            }
        }
    }

    /// All have this mean.
    fn classical(&self, g: f64) -> Classical {
        let variance = |[m2, _, _]: [f64; 3]| (m2 - g * g).max(0.0);
        let kurtosis = |[m2, m3, m4]: [f64; 3]| {
            let variance = variance([m2, m3, m4]);
            let fourth = m4 - 4.0 * g * m3 + 6.0 * g * g * m2 - 3.0 * g * g * g * g;
            // A constant has none.
            if variance > 1e-12 * m2 { fourth / (variance * variance) } else { 0.0 }
        };
        Classical {
            by_trace: variance(self.0[0]),
            by_exponentials: variance(self.0[1]),
            kurtosis: self.0.map(kurtosis).into_iter().fold(0.0, f64::max),
        }
    }
}

impl Objective {
    /// Any loss of an instance whose traces can be enumerated. `name` is for reports.
    ///
    /// # Errors
    /// [`TooLarge`] if there are more than `limit` traces.
    pub fn of<I: Instance>(
        instance: &I,
        name: impl Into<String>,
        loss: impl Fn(&I::Structure) -> BigRational,
        limit: Limit,
    ) -> Result<Self, TooLarge> {
        instance.check_traces(limit)?;
        let gradient = instance.gradient_of(&loss, limit)?;
        let values = instance.law(limit)?.into_iter().filter(|(_, p)| *p != BigRational::default());
        let range = range(values.map(|(structure, _)| to_f64(&loss(&structure))));
        let mut exact = Exact::new(&gradient, range);
        exact.spread = Some(exact.spread(instance, |x| to_f64(&loss(x))));
        Ok(Self { name: name.into(), held_to: HeldTo::Exact(exact) })
    }

    /// A named loss of a model.
    ///
    /// # Errors
    /// [`TooLarge`] if the gradient, or the law of the loss, would take more than `limit` states.
    pub fn named(model: &Model, loss: &Loss, limit: Limit) -> Result<Self, TooLarge> {
        let gradient = model.gradient(loss, limit)?;
        let law: BTreeMap<i64, BigRational> = model.loss_law(loss, limit)?;
        let values = law.into_iter().filter(|(_, p)| *p != BigRational::default());
        let mut exact = Exact::new(&gradient, range(values.map(|(value, _)| value as f64)));
        if model.check_traces(Limit(limit.0.min(most_traces(model.rates().len()).0))).is_ok() {
            exact.spread = Some(exact.spread(model, |x| loss.of(model, x) as f64));
        }
        Ok(Self { name: loss.name().to_owned(), held_to: HeldTo::Exact(exact) })
    }

    /// A named loss of a model of any size, whose gradient is not known: the draws need traces, and the mean of the estimates is
    /// held to that of the loss times the score of the trace of the same draw, which has the same mean if the traces are right.
    #[must_use]
    pub fn by_draws(loss: Loss) -> Self {
        Self { name: loss.name().to_owned(), held_to: HeldTo::Draws(loss) }
    }

    /// The same, estimated with these variances at most, one per entry: then the mean can be looked at after every batch. Nothing if the
    /// exact gradient is not known.
    #[must_use]
    pub fn with_variances(mut self, variances: Vec<f64>) -> Self {
        if let HeldTo::Exact(exact) = &mut self.held_to {
            exact.variances = Some(variances);
        }
        self
    }

    /// The name of the loss.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The exact gradient, nearest `f64`, one number per entry, if it is known.
    #[must_use]
    pub fn gradient(&self) -> Option<&[f64]> {
        self.exact().map(|exact| &*exact.gradient)
    }

    /// The exact variance of the estimates by T-REINFORCE and by E-REINFORCE, summed over the entries, up to rounding; `None`
    /// where traces cannot be enumerated.
    #[must_use]
    pub fn variances(&self) -> Option<[f64; 2]> {
        self.exact()?.variances()
    }

    fn exact(&self) -> Option<&Exact> {
        if let HeldTo::Exact(exact) = &self.held_to { Some(exact) } else { None }
    }

    /// The loss that is needed of every draw.
    pub(super) fn of_every_draw(&self) -> Option<Loss> {
        if let HeldTo::Draws(loss) = self.held_to { Some(loss) } else { None }
    }

    /// The check of its estimates at every look, which takes their variances.
    pub(super) fn bets(&self, present: &[usize]) -> Option<Box<dyn Check>> {
        let exact = self.exact()?;
        let variances = exact.variances.as_ref()?;
        Some(Box::new(exact.entries(present, present.iter().map(|&k| variances[k]).collect())))
    }

    /// The checks of its estimates.
    pub(super) fn checks(&self, present: &[usize]) -> Vec<Box<dyn Check>> {
        match &self.held_to {
            HeldTo::Exact(exact) => exact.checks(present),
            HeldTo::Draws(_) => vec![Box::new(Differences {
                double: false,
                first: None,
                range: None,
                estimates: vec![Deviations::default(); present.len()],
                differences: [(); 2].map(|()| vec![Deviations::default(); present.len()]),
            })],
        }
    }
}

impl Exact {
    fn new(exact: &Gradient, range: f64) -> Self {
        let gradient = exact.gradient.iter().map(to_f64).collect();
        Self { expectation: to_f64(&exact.expectation), gradient, range, spread: None, variances: None }
    }

    fn variances(&self) -> Option<[f64; 2]> {
        let spread = self.spread.as_ref()?;
        let sum = |of: fn(&Classical) -> f64| spread.entries.iter().map(of).sum();
        Some([sum(|at| at.by_trace), sum(|at| at.by_exponentials)])
    }

    /// The unit vector along the gradient; `None` if it is 0.
    fn direction(&self) -> Option<Vec<f64>> {
        let length = libm::sqrt(self.gradient.iter().map(|g| g * g).sum());
        (length > 0.0).then(|| self.gradient.iter().map(|g| g / length).collect())
    }

    fn spread<I: Instance>(&self, instance: &I, loss: impl Fn(&I::Structure) -> f64) -> Spread {
        let direction = self.direction().unwrap_or_else(|| vec![0.0; self.gradient.len()]);
        let (entries, along) = self.moments(instance, loss, &direction);
        let mean = direction.iter().zip(&self.gradient).map(|(u, g)| u * g).sum();
        Spread {
            entries: entries.iter().zip(&self.gradient).map(|(moments, &g)| moments.classical(g)).collect(),
            along: along.classical(mean),
        }
    }

    /// At each entry, and along a direction.
    fn moments<I: Instance>(
        &self,
        instance: &I,
        loss: impl Fn(&I::Structure) -> f64,
        direction: &[f64],
    ) -> (Vec<Moments>, Moments) {
        let rates: Vec<f64> = instance.rates().iter().map(to_f64).collect();
        let dot = |values: &[f64]| direction.iter().zip(values).map(|(u, value)| u * value).sum::<f64>();
        let (mut entries, mut along) = (vec![Moments::default(); rates.len()], Moments::default());
        for outcome in instance.traces() {
            let f = loss(&outcome.structure);
            let (p, factors) = (to_f64(&outcome.probability), [f, f - self.expectation]);
            let score = outcome.trace.score(&rates);
            let inside = cumulants(&outcome.trace, &rates);
            for (moments, (s, inside)) in entries.iter_mut().zip(score.iter().zip(inside)) {
                moments.add(p, factors, *s, inside);
            }
            along.add(p, factors, dot(&score), cumulants_along(&outcome.trace, &rates, direction));
        }
        (entries, along)
    }

    /// The mean of every entry, whose variances are these, or allowed whatever the kurtosis.
    fn entries(&self, present: &[usize], variances: Vec<f64>) -> Entries {
        Entries {
            exact: present.iter().map(|&k| self.gradient[k]).collect(),
            variances,
            by_trace: self.variances().map(|[by_trace, _]| by_trace),
            unit: if self.range > 0.0 { self.range } else { 1.0 },
            double: false,
            deviations: vec![Deviations::default(); present.len()],
        }
    }

    fn checks(&self, present: &[usize]) -> Vec<Box<dyn Check>> {
        let variances = match &self.spread {
            Some(spread) => present.iter().map(|&k| spread.entries[k].allowance()).collect(),
            None => vec![0.0; present.len()],
        };
        let entries = self.entries(present, variances);
        let unit = entries.unit;
        let mut checks: Vec<Box<dyn Check>> = vec![Box::new(entries)];
        if let Some(direction) = self.direction() {
            let variance = self.spread.as_ref().map_or(0.0, |spread| spread.along.allowance());
            let length = direction.iter().zip(&self.gradient).map(|(u, g)| u * g).sum();
            let direction = present.iter().map(|&k| direction[k]).collect();
            let deviations = Deviations::default();
            checks.push(Box::new(Along { direction, length, variance, unit, double: false, deviations }));
        }
        checks
    }
}

fn range(values: impl Iterator<Item = f64>) -> f64 {
    let ends = values.fold(None, |ends: Option<[f64; 2]>, value| {
        let [least, most] = ends.unwrap_or([value; 2]);
        Some([least.min(value), most.max(value)])
    });
    ends.map_or(0.0, |[least, most]| most - least)
}

/// The cumulants of `a·(t - 1)`, from the second to the fourth.
fn cumulants_of(a: f64) -> [f64; 3] {
    [a * a, 2.0 * a * a * a, 6.0 * a * a * a * a]
}

fn add(sum: &mut [f64; 3], more: [f64; 3]) {
    sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

/// The cumulants of `λ_k E_k` given the trace, one triple per entry.
fn cumulants(trace: &Trace, rates: &[f64]) -> Vec<[f64; 3]> {
    let loses = |(won, &rate): (&Option<usize>, &f64)| cumulants_of(f64::from(won.is_none() && rate > 0.0));
    let mut cumulants: Vec<[f64; 3]> = trace.won().iter().zip(rates).map(loses).collect();
    for (race, total) in trace.races().iter().zip(trace.totals(rates)) {
        for &k in &race.entrants {
            add(&mut cumulants[k], cumulants_of(rates[k] / total));
        }
    }
    cumulants
}

/// The cumulants of `Σ_k u_k λ_k E_k` given the trace.
fn cumulants_along(trace: &Trace, rates: &[f64], u: &[f64]) -> [f64; 3] {
    let mut sum = [0.0; 3];
    for (k, won) in trace.won().iter().enumerate() {
        add(&mut sum, cumulants_of(if won.is_none() { u[k] } else { 0.0 }));
    }
    for (race, total) in trace.races().iter().zip(trace.totals(rates)) {
        add(&mut sum, cumulants_of(race.entrants.iter().map(|&k| u[k] * rates[k] / total).sum()));
    }
    sum
}

/// How far the mean of right estimates may be off by their rounding: in ulps of their typical size.
const ROUNDING: f64 = 64.0;

fn rounding(deviations: &Deviations, exact: f64, double: bool) -> f64 {
    let epsilon = if double { f64::EPSILON } else { f32::EPSILON.into() };
    let size = exact.abs() + libm::sqrt(deviations.squares / deviations.draws.max(1.0));
    ROUNDING * epsilon * size
}

/// The means of all present entries.
pub(super) struct Means<'a> {
    pub(super) deviations: &'a [Deviations],
    /// Allowed whatever the kurtosis.
    pub(super) variances: &'a [f64],
    /// How large the numbers are, for their rounding.
    pub(super) sizes: &'a [f64],
    pub(super) double: bool,
    /// Whether they are products, whose spread grows with their mean.
    pub(super) products: bool,
}

impl Means<'_> {
    /// The entry with the worst mean. The departure that is caught is that of an entry which varies as much as the one that varies
    /// most; and if draws are seen as often as `times` other than 1, no more than it is asked for.
    pub(super) fn worst(
        &self,
        at: &Level,
        unit: f64,
    ) -> Result<Option<(usize, TestResult)>, StatisticsError> {
        let Level { alpha, times, looks } = *at;
        let rounding = |place: usize| rounding(&self.deviations[place], self.sizes[place], self.double);
        let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
        let Some(draws) = self.deviations.first().map(|of| of.draws * times) else { return Ok(None) };
        let variance = largest(&mut self.variances.iter().copied());
        let observed = largest(&mut self.deviations.iter().map(|of| of.variance()));
        let rounded = largest(&mut (0..self.deviations.len()).map(rounding));
        let departure = match looks {
            Looks::Once if self.products => {
                smallest_mean_of_squares(draws, observed, variance, rounded, alpha, unit)?
            }
            Looks::Once => smallest_mean(draws, observed, variance, rounded, alpha, unit)?,
            Looks::Always => smallest_mean_bet(draws, variance, rounded, alpha, unit)?,
        };
        let judged = if times == 1.0 { self.deviations.len() } else { 1 };
        let mut tests = Vec::with_capacity(judged);
        for (place, (deviations, &variance)) in
            self.deviations.iter().zip(self.variances).enumerate().take(judged)
        {
            let (seen, rounded) = (deviations.repeated(times), rounding(place));
            let test = match looks {
                Looks::Once => mean_test(seen, variance, rounded)?.judge(alpha, departure),
                Looks::Always => {
                    mean_bets(seen, variance, rounded)?.judge(alpha, departure, DepartureKind::Range)
                }
            };
            tests.push((place, test));
        }
        Ok(worst(tests))
    }
}

const NEEDS: &[Field] = &[Field::Gradient];

/// The mean of every entry.
struct Entries {
    // All by present entry.
    exact: Vec<f64>,
    variances: Vec<f64>,
    by_trace: Option<f64>,
    unit: f64,
    double: bool,
    deviations: Vec<Deviations>,
}

impl Check for Entries {
    fn see(&mut self, _: &Known<'_>, batch: &Evidence) {
        self.double |= batch.double[Field::Gradient as usize];
        for estimate in batch.gradients.chunks_exact(self.exact.len().max(1)) {
            for ((deviations, value), exact) in self.deviations.iter_mut().zip(estimate).zip(&self.exact) {
                deviations.add(value - exact);
            }
        }
    }

    fn subject(&self) -> &'static str {
        "gradient"
    }

    fn needs(&self) -> &'static [Field] {
        NEEDS
    }

    fn tests(&self) -> usize {
        self.exact.len()
    }

    fn judge(&self, known: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        let Level { times, looks, .. } = *at;
        let count = self.deviations.first().map_or(0.0, |deviations| deviations.draws * times) as u64;
        let variance: f64 = self.deviations.iter().map(|deviations| deviations.variance()).sum();
        let check = match self.by_trace {
            _ if count == 0 => "mean of every entry".to_owned(),
            _ if looks == Looks::Always => {
                let exact: f64 = self.variances.iter().sum();
                format!("bets on the mean of every entry; variance {variance:.3} (exactly: {exact:.3})")
            }
            Some(by_trace) => {
                format!("mean of every entry; variance {variance:.3} (T-REINFORCE: {by_trace:.3})")
            }
            None => format!("mean of every entry; variance {variance:.3}"),
        };
        if count == 0 {
            return Ok(vec![Row::exact("gradient", check, 0, "draws")]);
        }
        let sizes: Vec<f64> = self.exact.iter().map(|exact| exact.abs()).collect();
        let means = Means {
            deviations: &self.deviations,
            variances: &self.variances,
            sizes: &sizes,
            double: self.double,
            products: false,
        };
        let row = means.worst(at, self.unit)?.map(|(place, test)| {
            let note = || {
                let exact = self.exact[place];
                let mean = exact + self.deviations[place].mean();
                let entry = known.label(known.present[place]);
                let errors = self.deviations[place].standard_errors();
                let far = if errors.is_finite() {
                    format!("{errors:.0} standard errors off")
                } else {
                    "always the same".to_owned()
                };
                let alike = self.looks_like(known).map_or_else(String::new, |alike| format!(". {alike}"));
                format!("the mean at {entry} is {}, exactly {}: {far}{alike}", places(mean), places(exact))
            };
            Row::test("gradient", check, count, "draws", test, note)
        });
        Ok(row.into_iter().collect())
    }
}

/// Four places, and no minus before zeros.
fn places(value: f64) -> String {
    format!("{:.4}", libm::round(value * 1e4) / 1e4 + 0.0)
}

/// How many standard errors the mean of an entry may be from what a confusion would make it.
const ALIKE: f64 = 5.0;

impl Entries {
    /// The usual confusion that explains the means, if one does.
    fn looks_like(&self, known: &Known<'_>) -> Option<String> {
        // The most standard errors that an entry is off.
        let off = |wrong: &[f64]| {
            let all = self.deviations.iter().zip(&self.exact).zip(wrong);
            let off = all.map(|((deviations, exact), wrong)| {
                let off = (deviations.mean() - (wrong - exact)).abs();
                let off = (off - rounding(deviations, *exact, self.double)).max(0.0);
                let error = libm::sqrt(deviations.variance() / deviations.draws);
                if off == 0.0 { 0.0 } else { off / error }
            });
            off.fold(0.0, f64::max)
        };
        let fits = |wrong: &[f64]| off(wrong) <= ALIKE;
        let times = |factor: f64| self.exact.iter().map(|g| factor * g).collect::<Vec<f64>>();
        let by_rate = |sign: f64| {
            let rates = known.present.iter().map(|&k| known.rates[k]);
            self.exact.iter().zip(rates).map(|(g, rate)| sign * g / rate).collect::<Vec<f64>>()
        };
        let named = [
            (times(0.0), "It looks like 0: a gradient does not come through, or is that of a constant"),
            (
                times(-1.0),
                "It looks like minus the gradient: taken in log λ, where the logits are θ = -log λ, or of minus the loss",
            ),
            (by_rate(-1.0), "It looks like the gradient in the rates λ instead of the logits θ = -log λ"),
            (
                by_rate(1.0),
                "It looks like minus the gradient in the rates λ instead of the logits θ = -log λ",
            ),
        ];
        let nearest = named.iter().min_by(|(a, _), (b, _)| off(a).total_cmp(&off(b)));
        if let Some((_, words)) = nearest.filter(|(wrong, _)| fits(wrong)) {
            return Some((*words).to_owned());
        }
        let square: f64 = self.exact.iter().map(|g| g * g).sum();
        let means = || self.deviations.iter().zip(&self.exact).map(|(deviations, g)| g + deviations.mean());
        let factor = means().zip(&self.exact).map(|(mean, g)| mean * g).sum::<f64>() / square;
        if !factor.is_finite() || !fits(&times(factor)) {
            return None;
        }
        // The entries may depend on each other in any way.
        let errors = self.deviations.iter().zip(&self.exact);
        let error = errors.map(|(d, g)| g.abs() * libm::sqrt(d.variance() / d.draws)).sum::<f64>() / square;
        let own = (2..=10).find(|&draws| {
            let part = f64::from(draws - 1) / f64::from(draws);
            error <= 0.1 && (factor - part).abs() <= 2.0 * error
        });
        let own = own.map_or_else(String::new, |draws| {
            format!(
                ": so does a baseline that is the mean over all {draws} draws, the draw itself among them"
            )
        });
        Some(format!("It looks like {factor:.3} ± {error:.3} times the gradient{own}"))
    }
}

/// The mean of the estimates along the exact gradient.
struct Along {
    direction: Vec<f64>,
    length: f64,
    variance: f64,
    unit: f64,
    double: bool,
    deviations: Deviations,
}

impl Check for Along {
    fn see(&mut self, _: &Known<'_>, batch: &Evidence) {
        self.double |= batch.double[Field::Gradient as usize];
        for estimate in batch.gradients.chunks_exact(self.direction.len().max(1)) {
            let along: f64 = estimate.iter().zip(&self.direction).map(|(value, u)| value * u).sum();
            self.deviations.add(along - self.length);
        }
    }

    fn subject(&self) -> &'static str {
        "gradient: along the exact one"
    }

    fn needs(&self) -> &'static [Field] {
        NEEDS
    }

    fn tests(&self) -> usize {
        1
    }

    fn judge(&self, _: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        let subject = self.subject();
        let Level { alpha, times, .. } = *at;
        let deviations = self.deviations.repeated(times);
        if deviations.draws < 1.0 {
            return Ok(vec![Row::exact(subject, "mean", 0, "draws")]);
        }
        let rounding = rounding(&deviations, self.length, self.double);
        let (draws, observed) = (deviations.draws, deviations.variance());
        let departure = smallest_mean(draws, observed, self.variance, rounding, alpha, self.unit)?;
        let test = mean_test(deviations, self.variance, rounding)?.judge(alpha, departure);
        let note = || {
            let part = 1.0 + self.deviations.mean() / self.length;
            format!("along the exact gradient the mean is {part:.3} times as long")
        };
        Ok(vec![Row::test(subject, "mean", deviations.draws as u64, "draws", test, note)])
    }
}

/// The mean of every entry beside that of the loss times the score of the trace of the same draws: as it is, and less the loss of
/// the first draw. The one is near to an estimate without a baseline, the other to one with.
struct Differences {
    double: bool,
    /// The loss of the first draw, which is not counted.
    first: Option<f64>,
    /// The least loss seen, and the largest.
    range: Option<[f64; 2]>,
    // By present entry.
    estimates: Vec<Deviations>,
    differences: [Vec<Deviations>; 2],
}

impl Check for Differences {
    fn see(&mut self, known: &Known<'_>, batch: &Evidence) {
        self.double |= batch.double[Field::Gradient as usize];
        let present = known.present.len().max(1);
        let both = batch.gradients.chunks_exact(present).zip(batch.scores.chunks_exact(present));
        for ((estimate, score), &loss) in both.zip(&batch.loss) {
            if loss.is_nan() {
                continue; // an impossible trace: the traces say so
            }
            let [least, most] = self.range.unwrap_or([loss; 2]);
            self.range = Some([least.min(loss), most.max(loss)]);
            let Some(first) = self.first else {
                self.first = Some(loss);
                continue;
            };
            for (place, (value, score)) in estimate.iter().zip(score).enumerate() {
                self.estimates[place].add(*value);
                self.differences[0][place].add(value - loss * score);
                self.differences[1][place].add(value - (loss - first) * score);
            }
        }
    }

    fn subject(&self) -> &'static str {
        "gradient"
    }

    fn needs(&self) -> &'static [Field] {
        &[Field::Gradient, Field::Trace]
    }

    fn tests(&self) -> usize {
        2 * self.estimates.len()
    }

    fn judge(&self, known: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        let Level { times, .. } = *at;
        let count = self.estimates.first().map_or(0.0, |deviations| deviations.draws * times) as u64;
        let variance: f64 = self.estimates.iter().map(|estimates| estimates.variance()).sum();
        let check = |loss: &str| format!("mean of every entry beside {loss} × score of the same draws");
        let Some([least, most]) = self.range.filter(|_| count > 0) else {
            return Ok(vec![Row::exact("gradient", check("loss"), 0, "draws")]);
        };
        let unit = if most > least { most - least } else { 1.0 };
        let mut rows = Vec::new();
        for (differences, loss) in self.differences.iter().zip(["loss", "(loss - that of the first)"]) {
            let typical = |of: &Deviations| libm::sqrt(of.squares / of.draws);
            let sizes: Vec<f64> = self.estimates.iter().map(typical).collect();
            let variances = vec![0.0; differences.len()];
            let means = Means {
                deviations: differences,
                variances: &variances,
                sizes: &sizes,
                double: self.double,
                products: false,
            };
            let Some((place, test)) = means.worst(at, unit)? else { continue };
            let note = || {
                let (mean, off) = (self.estimates[place].mean(), differences[place].mean());
                format!(
                    "the mean at {} is {}, that of {loss} × score of the same traces {}: {:.0} standard errors apart",
                    known.label(known.present[place]),
                    places(mean),
                    places(mean - off),
                    test.statistic
                )
            };
            let check = format!("{}; variance {variance:.3}", check(loss));
            rows.push(Row::test("gradient", check, count, "draws", test, note));
        }
        Ok(rows)
    }
}

/// Estimates that are not judged, and why.
pub(super) struct NotJudged(pub(super) &'static str);

impl NotJudged {
    /// Nobody knows of which gradient.
    pub(super) const UNNAMED: Self = Self("of which loss? --loss NAME or --loss FILE says it");
    /// There is no bet on a mean if nothing is known of the variance.
    pub(super) const LOOKED_AT: Self =
        Self("nothing is known of their variance, without which their mean can be looked at only once");
}

impl Check for NotJudged {
    fn see(&mut self, _: &Known<'_>, _: &Evidence) {}

    fn subject(&self) -> &'static str {
        "gradient"
    }

    fn needs(&self) -> &'static [Field] {
        NEEDS
    }

    fn tests(&self) -> usize {
        0
    }

    fn judge(&self, _: &Known<'_>, _: &Level) -> Result<Vec<Row>, StatisticsError> {
        let row = Row::exact("gradient", "mean of every entry", 0, "draws");
        Ok(vec![row.not_judged(self.0)])
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::MODELS;
    use super::*;
    use gumbel_oracle::number::ratio;
    use num_traits::Zero as _;

    /// Exact fractions, by the covariance matrices of the oracle: of T-REINFORCE, and inside each trace.
    #[test]
    fn variances_are_those_of_the_oracle() {
        for text in MODELS {
            let model = Model::parse(text).unwrap();
            let loss = Loss::named(&model, "default").unwrap();
            let f = |x: &_| ratio(loss.of(&model, x), 1);
            let objective = Objective::named(&model, &loss, Limit::default()).unwrap();
            let (rates, m) = (model.rates(), model.rates().len());
            let by_trace = model.t_reinforce_covariance(f, Limit::default()).unwrap();
            let mut by_exponentials = by_trace.clone();
            for outcome in model.traces() {
                let inside = outcome.trace.conditional_covariance(rates);
                let weight = &outcome.probability * f(&outcome.structure) * f(&outcome.structure);
                for j in 0..m {
                    for k in 0..m {
                        let Some(cell) = &inside[j][k] else { continue };
                        by_exponentials[j][k] += &weight * &rates[j] * &rates[k] * cell;
                    }
                }
            }
            let exact = objective.exact().unwrap();
            let spread = exact.spread.as_ref().unwrap();
            let near = |a: f64, b: &BigRational| (a - to_f64(b)).abs() <= 1e-12 * to_f64(b).abs().max(1.0);
            for k in 0..m {
                assert!(near(spread.entries[k].by_trace, &by_trace[k][k]), "{text}");
                assert!(near(spread.entries[k].by_exponentials, &by_exponentials[k][k]), "{text}");
                assert!(rates[k].is_zero() || by_exponentials[k][k] >= by_trace[k][k]);
            }
            let direction = exact.direction().unwrap_or_else(|| vec![0.0; m]);
            let cell = |(j, k): (usize, usize)| direction[j] * direction[k] * to_f64(&by_exponentials[j][k]);
            let along: f64 = (0..m).flat_map(|j| (0..m).map(move |k| (j, k))).map(cell).sum();
            assert!((spread.along.by_exponentials - along).abs() <= 1e-12 * along.max(1.0), "{text}");
            // By name, and as a loss of one's own: the same.
            let own = Objective::of(&model, "default", f, Limit::default()).unwrap();
            assert_eq!(own, objective, "{text}");
        }
    }

    /// With the loss 1 nothing is left of the traces: the `λE - 1` are independent, each with the moments 1, 2, 9.
    #[test]
    fn over_all_traces_the_exponentials_are_exponential() {
        for text in MODELS {
            let model = Model::parse(text).unwrap();
            let objective = Objective::of(&model, "1", |_| ratio(1, 1), Limit::default()).unwrap();
            let present = model.rates().iter().filter(|rate| !rate.is_zero()).count() as f64;
            let weights = (1..=model.rates().len()).map(|k| k as f64 * 0.3 - 1.0);
            let direction: Vec<f64> =
                weights.zip(model.rates()).map(|(u, rate)| if rate.is_zero() { 0.0 } else { u }).collect();
            let (entries, along) = objective.exact().unwrap().moments(&model, |_| 1.0, &direction);
            let near = |found: [f64; 3], want: [f64; 3]| {
                found
                    .iter()
                    .zip(want)
                    .all(|(found, want)| (found - want).abs() <= 1e-12 * want.abs().max(1.0))
            };
            let exponential = entries.iter().filter(|moments| near(moments.0[1], [1.0, 2.0, 9.0])).count();
            assert_eq!(exponential as f64, present, "{text}: {entries:?}");
            let sum =
                |power: i32| direction.iter().map(|&u| (0..power).map(|_| u).product::<f64>()).sum::<f64>();
            let want = [sum(2), 2.0 * sum(3), 3.0 * sum(2) * sum(2) + 6.0 * sum(4)];
            assert!(near(along.0[1], want), "{text}: {:?} {want:?}", along.0[1]);
            assert!(near(along.0[3], [0.0; 3]), "{text}");
        }
    }
}
