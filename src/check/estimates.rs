//! Estimates of a gradient by an estimator whose law is known: their means and their covariances, jointly.
//!
//! # Law
//! Given the trace (or the traces of two draws) an estimate by a classical estimator is linear in independent exponentials `Z_g` of
//! mean 1: `ĝ_i = a_i + Σ_g b_gi (Z_g - 1)`. With the weights of a draw as `E_k = Σ_r M_r + R_k`, `Z = Λ_r M_r` or `λ_k R_k`, `f` the loss
//! and `s` the score of the trace:
//!
//! | estimator | `a_i` | `b_gi` |
//! |---|---|---|
//! | T-REINFORCE | `f s_i` | |
//! | E-REINFORCE | `f s_i` | `f λ_i/Λ_r` in the races of `i`, `f` if it never won |
//! | both '+', of 2 draws | `½ (f - f') (s_i - s'_i)` | `½ (f - f')` times those of `f = 1` of the first draw, and less those of the second |
//! | RELAX, linear critic | as in [`gumbel_oracle::relax`] | |
//!
//! From `E(Z - 1)² = 1`, `E(Z - 1)³ = 2`, `E(Z - 1)⁴ = 9` follow the moments of `ĝ_i ĝ_j` and `ĝ_i² ĝ_j²` given the trace, and with the
//! probabilities of the traces those of the estimate. So the exact variance of every product of two deviations from the gradient is known,
//! and the test of its [mean](crate::statistics::mean_test), which is a covariance, takes nothing for granted.
//!
//! # Cost
//! O(traces · present² · (races + present)), of the '+' forms with the square of the number of traces.

use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::to_f64;
use gumbel_oracle::race::Trace;
use rayon::prelude::*;

use super::exact::Form;
use super::gradient::Means;
use super::numbered::Numbered;
use super::{Asked, Check, CheckError, Evidence, Known, Level, Options, Terms, fold, most_traces, present};
use crate::estimate::{Linear, Score};
use crate::report::{Row, Verdict};
use crate::sample::{Draws, Field, Sampler};
use crate::statistics::{Budget, DepartureKind, Deviations, StatisticsError, TestResult};

/// An estimator whose law is worked out.
#[derive(Debug, Clone, PartialEq)]
pub enum Estimator {
    /// One draw, with nothing taken off: T-REINFORCE or E-REINFORCE.
    Plain(Score),
    /// Two draws, each with the loss of the other taken off: the '+' forms.
    Pair(Score),
    /// RELAX from one draw.
    Relax(Linear),
}

impl Estimator {
    /// The name in reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Plain(Score::Exponentials) => "E-REINFORCE",
            Self::Plain(Score::Trace) => "T-REINFORCE",
            Self::Pair(Score::Exponentials) => "E-REINFORCE+ of 2",
            Self::Pair(Score::Trace) => "T-REINFORCE+ of 2",
            Self::Relax(_) => "RELAX, linear critic",
        }
    }
}

/// What is known of one estimate if its trace, or its traces, are known.
#[derive(Debug, Clone)]
struct Given {
    p: f64,
    /// `a_i`, by entry.
    mean: Vec<f64>,
    /// `b_gi`, for each exponential by entry; those that are all 0 may be left out.
    noise: Vec<Vec<f64>>,
}

/// Moments of an estimate about its mean, up to rounding.
#[derive(Debug, Clone, PartialEq)]
pub struct LawOfEstimates {
    name: &'static str,
    /// The gradient, by entry.
    pub mean: Vec<f64>,
    /// The covariance of two entries, row by row.
    pub covariance: Vec<f64>,
    /// The variance of the product of the deviations of two entries, row by row.
    pub of_products: Vec<f64>,
    /// The range of the loss.
    range: f64,
}

impl LawOfEstimates {
    /// The law of an estimator of a named loss.
    ///
    /// # Errors
    /// [`CheckError::TooLarge`] if there are too many traces, or pairs of them.
    pub fn of(model: &Model, loss: &Loss, estimator: &Estimator) -> Result<Self, CheckError> {
        let limit = most_traces(model.rates().len());
        model.check_traces(limit)?;
        let traces = Traced::all(model, loss);
        let given: Vec<Given> = match estimator {
            Estimator::Plain(score) => traces.iter().map(|of| of.plain(*score)).collect(),
            Estimator::Pair(score) => {
                limit.check("pairs of traces", &(traces.len() as u64 * traces.len() as u64).into())?;
                let pairs = traces.iter().flat_map(|a| traces.iter().map(move |b| (a, b)));
                pairs.map(|(a, b)| a.beside(b, *score)).collect()
            }
            Estimator::Relax(critic) => traces.iter().map(|of| of.relax(critic)).collect(),
        };
        let losses = || traces.iter().map(|of| of.loss);
        let range = losses().fold(f64::NEG_INFINITY, f64::max) - losses().fold(f64::INFINITY, f64::min);
        let m = model.rates().len();
        let mean = (0..m).map(|i| given.iter().map(|of| of.p * of.mean[i]).sum()).collect();
        let mut law = Self {
            name: estimator.name(),
            mean,
            covariance: vec![0.0; m * m],
            of_products: vec![0.0; m * m],
            range,
        };
        let cells: Vec<[f64; 2]> =
            (0..m * m).into_par_iter().map(|cell| law.cell(&given, cell / m, cell % m)).collect();
        (law.covariance, law.of_products) = cells.into_iter().map(|[c, v]| (c, v)).unzip();
        Ok(law)
    }

    /// Covariance, and variance of the product.
    fn cell(&self, given: &[Given], i: usize, j: usize) -> [f64; 2] {
        let (mut covariance, mut square) = (0.0, 0.0);
        for Given { p, mean, noise } in given {
            let (a, c) = (mean[i] - self.mean[i], mean[j] - self.mean[j]);
            // Sums of products of the factors of Z_g - 1: of i squared, of both, and so on.
            let (mut ii, mut ij, mut jj, mut iij, mut ijj, mut iijj) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
            for row in noise {
                let (b, d) = (row[i], row[j]);
                ii += b * b;
                ij += b * d;
                jj += d * d;
                iij += b * b * d;
                ijj += b * d * d;
                iijj += b * b * d * d;
            }
            covariance += p * (a * c + ij);
            // E(a + U)²(c + V)² with E U²V = 2 iij, E UV² = 2 ijj, and E U²V² = ii jj + 2 ij² + 6 iijj.
            let both = ii * jj + 2.0 * ij * ij + 6.0 * iijj;
            let thirds = 4.0 * (a * ijj + c * iij);
            square += p * (a * a * c * c + a * a * jj + c * c * ii + 4.0 * a * c * ij + thirds + both);
        }
        [covariance, (square - covariance * covariance).max(0.0)]
    }

    /// How many statistical tests [`judge`] holds: one per present entry and one per pair of them, the same entry twice among these.
    #[must_use]
    pub fn tests(model: &Model) -> usize {
        let present = present(model.rates()).len();
        present + present * (present + 1) / 2
    }
}

/// A trace with what estimators make of it.
struct Traced {
    p: f64,
    loss: f64,
    score: Vec<f64>,
    trace: Trace,
    rates: Vec<f64>,
}

impl Traced {
    fn all(model: &Model, loss: &Loss) -> Vec<Self> {
        let rates: Vec<f64> = model.rates().iter().map(to_f64).collect();
        let of = |outcome: gumbel_oracle::recursion::Outcome<_, num_rational::BigRational>| Self {
            p: to_f64(&outcome.probability),
            loss: loss.of(model, &outcome.structure) as f64,
            score: outcome.trace.score(&rates),
            trace: outcome.trace,
            rates: rates.clone(),
        };
        model.traces().map(of).collect()
    }

    /// For each exponential: its mean, and the entries that it is a part of.
    fn exponentials(&self) -> Vec<(f64, Vec<usize>)> {
        let totals = self.trace.totals(&self.rates);
        let races = self.trace.races().iter().zip(totals);
        let mut all: Vec<(f64, Vec<usize>)> =
            races.map(|(race, total)| (1.0 / total, race.entrants.clone())).collect();
        let won = self.trace.won();
        let lost = (0..self.rates.len()).filter(|&k| won[k].is_none() && self.rates[k] > 0.0);
        all.extend(lost.map(|k| (1.0 / self.rates[k], vec![k])));
        all
    }

    /// `∂ log p(E)/∂θ` given the trace: the factors of `Z_g - 1`.
    fn noise(&self, score: Score) -> Vec<Vec<f64>> {
        if score == Score::Trace {
            return Vec::new();
        }
        let row = |(mean, entries): (f64, Vec<usize>)| {
            let mut row = vec![0.0; self.rates.len()];
            entries.into_iter().for_each(|k| row[k] = self.rates[k] * mean);
            row
        };
        self.exponentials().into_iter().map(row).collect()
    }

    fn plain(&self, score: Score) -> Given {
        let times = |row: &Vec<f64>| row.iter().map(|value| self.loss * value).collect();
        Given { p: self.p, mean: times(&self.score), noise: self.noise(score).iter().map(times).collect() }
    }

    fn beside(&self, other: &Self, score: Score) -> Given {
        let half = (self.loss - other.loss) / 2.0;
        let times = |factor: f64| move |row: Vec<f64>| row.into_iter().map(|value| factor * value).collect();
        let mean = self.score.iter().zip(&other.score).map(|(s, t)| half * (s - t)).collect();
        let noise = self.noise(score).into_iter().map(times(half));
        let noise = noise.chain(other.noise(score).into_iter().map(times(-half))).collect();
        Given { p: self.p * other.p, mean, noise }
    }

    fn relax(&self, critic: &Linear) -> Given {
        let (s, m) = (&self.score, self.rates.len());
        let mut mean: Vec<f64> = s.iter().map(|s| (self.loss - critic.constant) * s).collect();
        let mut noise = Vec::new();
        for (part, entries) in self.exponentials() {
            let inside: f64 = entries.iter().map(|&k| critic.weights[k]).sum();
            // Of the draw given the trace: the slope of the logarithm of the part's mean is the share of the entry in it.
            let given = |i: usize| {
                let share = if entries.contains(&i) { self.rates[i] * part } else { 0.0 };
                if self.rates[i] > 0.0 { -inside * part * (s[i] + share) } else { 0.0 }
            };
            // Of the draw itself: each entry scales with its own logit.
            let drawn = |i: usize| if entries.contains(&i) { critic.weights[i] * part } else { 0.0 };
            for row in [(0..m).map(given).collect::<Vec<f64>>(), (0..m).map(drawn).collect()] {
                mean.iter_mut().zip(&row).for_each(|(mean, value)| *mean += value);
                noise.push(row);
            }
        }
        Given { p: self.p, mean, noise }
    }
}

/// Holds estimates to their law: the first that the sampler gives, [`Options::samples`] of them, with the field `gradient`.
///
/// Two rows, of one subject: the means of all entries, and the covariances of all pairs.
///
/// # Errors
/// [`CheckError`].
pub fn judge(
    name: &str,
    model: &Model,
    law: &LawOfEstimates,
    sampler: &dyn Sampler,
    options: &Options,
    budget: &Budget,
    drawn: impl Fn(u64) + Sync,
) -> Result<Vec<Row>, CheckError> {
    let structures = model.law(Limit::default())?.outcomes;
    let (numbered, mut known) = Numbered::new(model, structures);
    let checks: Vec<Box<dyn Check>> =
        vec![Box::new(Form::default()), Box::new(Joint::new(law.clone(), &known.present))];
    let mut draws = Draws::new(sampler, options.samples);
    let asked = Asked::only(options.departure);
    let terms = Terms::of(&asked, budget);
    let mut rows = fold(checks, &mut known, &numbered, &mut draws, terms, drawn, |_| {})?;
    rows.retain(|row| row.subject == law.name || row.verdict != Verdict::Held); // of the form only what is wrong
    for row in &mut rows {
        (row.structure, row.model) = (model.kind().name(), name.to_owned());
    }
    Ok(rows)
}

/// Means and covariances.
struct Joint {
    law: LawOfEstimates,
    double: bool,
    /// By present entry.
    means: Vec<Deviations>,
    /// By pair of present entries, the first not after the second.
    products: Vec<Deviations>,
    /// The pairs, by place among the present entries.
    pairs: Vec<(usize, usize)>,
    present: Vec<usize>,
}

impl Joint {
    fn new(law: LawOfEstimates, present: &[usize]) -> Self {
        let m = present.len();
        let pairs: Vec<(usize, usize)> = (0..m).flat_map(|i| (i..m).map(move |j| (i, j))).collect();
        Self {
            law,
            double: false,
            means: vec![Deviations::default(); m],
            products: vec![Deviations::default(); pairs.len()],
            pairs,
            present: present.to_vec(),
        }
    }

    fn cell(&self, of: &[f64], (i, j): (usize, usize)) -> f64 {
        of[self.present[i] * self.law.mean.len() + self.present[j]]
    }
}

impl Check for Joint {
    fn see(&mut self, _: &Known<'_>, batch: &Evidence) {
        self.double |= batch.double[Field::Gradient as usize];
        let covariances: Vec<f64> =
            self.pairs.iter().map(|&pair| self.cell(&self.law.covariance, pair)).collect();
        let mut off = vec![0.0; self.present.len()];
        for estimate in batch.gradients.chunks_exact(self.present.len().max(1)) {
            for ((off, value), (deviations, &k)) in
                off.iter_mut().zip(estimate).zip(self.means.iter_mut().zip(&self.present))
            {
                *off = value - self.law.mean[k];
                deviations.add(*off);
            }
            for ((deviations, &(i, j)), covariance) in
                self.products.iter_mut().zip(&self.pairs).zip(&covariances)
            {
                deviations.add(off[i] * off[j] - covariance);
            }
        }
    }

    fn subject(&self) -> &'static str {
        self.law.name
    }

    fn needs(&self) -> &'static [Field] {
        &[Field::Gradient]
    }

    fn tests(&self) -> usize {
        self.means.len() + self.products.len()
    }

    fn judge(&self, known: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        let Level { times, .. } = *at;
        let count = self.means.first().map_or(0.0, |deviations| deviations.draws * times) as u64;
        let subject = self.subject();
        if count == 0 {
            return Ok(vec![Row::exact(subject, "mean and covariance", 0, "estimates")]);
        }
        let variances: Vec<f64> =
            (0..self.means.len()).map(|i| self.cell(&self.law.covariance, (i, i))).collect();
        let largest = variances.iter().copied().fold(0.0, f64::max);
        let unit = |value: f64| if value > 0.0 { value } else { 1.0 };
        let label = |place: usize| known.label(self.present[place]);
        let mut rows = Vec::new();
        let sizes: Vec<f64> = self.present.iter().map(|&k| self.law.mean[k].abs()).collect();
        let means = Means {
            deviations: &self.means,
            variances: &variances,
            sizes: &sizes,
            double: self.double,
            products: false,
        };
        if let Some((place, test)) = means.worst(at, unit(self.law.range))? {
            let exact = self.law.mean[self.present[place]];
            let check = format!("mean, worst of {}: {}", variances.len(), label(place));
            let note = || {
                let mean = exact + self.means[place].mean();
                format!("the mean at {} is {mean:.4}, exactly {exact:.4}", label(place))
            };
            rows.push(Row::test(subject, check, count, "estimates", test, note));
        }
        let of = |of: &[f64]| self.pairs.iter().map(|&pair| self.cell(of, pair)).collect::<Vec<f64>>();
        let (exact, variances) = (of(&self.law.covariance), of(&self.law.of_products));
        let sizes = vec![largest; exact.len()];
        let products = Means {
            deviations: &self.products,
            variances: &variances,
            sizes: &sizes,
            double: self.double,
            products: true,
        };
        if let Some((place, test)) = products.worst(at, unit(largest))? {
            let test = TestResult { departure_kind: DepartureKind::Variance, ..test };
            let (i, j) = self.pairs[place];
            let pair = if i == j { label(i) } else { format!("{}, {}", label(i), label(j)) };
            let check = format!("covariance, worst of {}: {pair}", exact.len());
            let note = || {
                let (found, exact) = (exact[place] + self.products[place].mean(), exact[place]);
                format!("the covariance at {pair} is {found:.4}, exactly {exact:.4}")
            };
            rows.push(Row::test(subject, check, count, "estimates", test, note));
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::super::examples::MODELS;
    use super::*;
    use gumbel_oracle::relax::{Critic, Degree};

    /// The rule of Gauss and Laguerre with three nodes, which is exact up to the fifth power: a law with the first four moments of an
    /// exponential. Abramowitz, Stegun (1964), table 25.9.
    const NODES: [(f64, f64); 3] = [
        (0.415_774_556_783, 0.711_093_009_929),
        (2.294_280_360_279, 0.278_517_733_569),
        (6.289_945_082_937, 0.010_389_256_501_6),
    ];

    /// Every outcome of so many exponentials, with its weight.
    fn outcomes(exponentials: usize) -> Vec<(f64, Vec<f64>)> {
        (0..exponentials).fold(vec![(1.0, Vec::new())], |all, _| {
            let more = |(p, z): &(f64, Vec<f64>)| NODES.map(|(node, q)| (p * q, [&z[..], &[node]].concat()));
            all.iter().flat_map(more).collect()
        })
    }

    #[test]
    fn moments_are_those_of_a_quadrature() {
        for text in MODELS.into_iter().filter(|text| text.contains("top_k") || text.contains("categorical")) {
            let model = Model::parse(text).unwrap();
            let loss = Loss::named(&model, "default").unwrap();
            let m = model.rates().len();
            let critic = Linear { constant: 0.3, weights: (0..m).map(|k| 0.5 - 0.4 * k as f64).collect() };
            for score in [Score::Exponentials, Score::Trace] {
                for estimator in [Estimator::Plain(score), Estimator::Relax(critic.clone())] {
                    let law = LawOfEstimates::of(&model, &loss, &estimator).unwrap();
                    let traces = Traced::all(&model, &loss);
                    let all: Vec<(f64, Vec<f64>)> = traces
                        .iter()
                        .flat_map(|of| {
                            let given = match &estimator {
                                Estimator::Relax(critic) => of.relax(critic),
                                _ => of.plain(score),
                            };
                            let estimate = |z: &[f64], i: usize| {
                                let noise = given.noise.iter().zip(z).map(|(row, z)| row[i] * (z - 1.0));
                                given.mean[i] + noise.sum::<f64>()
                            };
                            outcomes(given.noise.len())
                                .into_iter()
                                .map(|(q, z)| (given.p * q, (0..m).map(|i| estimate(&z, i)).collect()))
                                .collect::<Vec<_>>()
                        })
                        .collect();
                    let mean = |of: &dyn Fn(&[f64]) -> f64| all.iter().map(|(p, g)| p * of(g)).sum::<f64>();
                    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-8 * b.abs().max(1.0), "{a} {b}");
                    for (i, j) in (0..m).flat_map(|i| (0..m).map(move |j| (i, j))) {
                        near(mean(&|g| g[i]), law.mean[i]);
                        let product = |g: &[f64]| (g[i] - law.mean[i]) * (g[j] - law.mean[j]);
                        let covariance = mean(&product);
                        near(covariance, law.covariance[i * m + j]);
                        let square = mean(&|g| product(g) * product(g));
                        near(square - covariance * covariance, law.of_products[i * m + j]);
                    }
                }
            }
        }
    }

    /// Mean and variances as the oracle has them, in fractions.
    #[test]
    fn means_and_variances_are_those_of_the_oracle() {
        for text in MODELS {
            let model = Model::parse(text).unwrap();
            let loss = Loss::named(&model, "default").unwrap();
            let moments = model.score_moments_of(&loss, Limit::default()).unwrap();
            let critics = model.critics_of(&loss, Degree::Linear, Limit::default()).unwrap();
            let m = model.rates().len();
            let linear = Linear { constant: 0.5, weights: (0..m).map(|k| 0.25 * k as f64 - 0.5).collect() };
            let exact = |value: f64| num_rational::BigRational::from_float(value).unwrap();
            let critic = Critic {
                weights: linear.weights.iter().copied().map(exact).collect(),
                ..Critic::constant(exact(linear.constant), m)
            };
            let none = exact(0.0);
            let [trace, exponentials] = [Score::Trace, Score::Exponentials];
            for (estimator, want) in [
                (Estimator::Plain(trace), moments.variance(trace, &none)),
                (Estimator::Plain(exponentials), moments.variance(exponentials, &none)),
                (Estimator::Pair(trace), moments.leave_one_out(trace, 2).unwrap()),
                (Estimator::Pair(exponentials), moments.leave_one_out(exponentials, 2).unwrap()),
                (Estimator::Relax(linear), critics.variance(&critic).unwrap()),
            ] {
                let law = LawOfEstimates::of(&model, &loss, &estimator).unwrap();
                let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12 * b.abs().max(1.0), "{a} {b}");
                for (k, (variance, g)) in want.iter().zip(moments.gradient().gradient).enumerate() {
                    near(law.mean[k], to_f64(&g));
                    near(law.covariance[k * m + k], to_f64(variance));
                }
            }
            let law = LawOfEstimates::of(&model, &loss, &Estimator::Plain(trace)).unwrap();
            let f = |x: &_| num_rational::BigRational::from(num_bigint::BigInt::from(loss.of(&model, x)));
            let covariance = model.t_reinforce_covariance(f, Limit::default()).unwrap();
            for (cell, want) in law.covariance.iter().zip(covariance.iter().flatten()) {
                assert!((cell - to_f64(want)).abs() < 1e-12 * to_f64(want).abs().max(1.0), "{text}");
            }
        }
    }
}
