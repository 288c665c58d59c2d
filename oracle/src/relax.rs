//! RELAX with a linear critic of the exponentials: exact variances, and the best critic.
//!
//! # Notation
//! `f = f(X)` is a loss, `s` the score of the trace, `c(e) = b + Σ_k a_k e_k` a critic. `e₁` are the exponentials of a draw, `e₂` a draw of
//! them given its trace, both functions of the logits for fixed random numbers. One estimate is
//!
//! `(f - c(e₂)) s_i - ∂c(e₂)/∂θ_i + ∂c(e₁)/∂θ_i`.
//!
//! # Law
//! Given the trace, `e₂` is made of independent times `M_r ~ Exp(Λ_r)` and residuals `R_k ~ Exp(λ_k)` of those who never won, and `e₁` is
//! another such draw. With `A_r = Σ_{k∈S_r} a_k`, and as `∂M_r/∂θ_i = [i∈S_r] M_r λ_i/Λ_r`, `∂R_k/∂θ_i = [k = i] R_k`, `∂e₁ᵢ/∂θ_i = e₁ᵢ`, the
//! estimate is
//!
//! `(f - b) s_i - Σ_r A_r M_r (s_i + [i∈S_r] λ_i/Λ_r) - Σ_{k never won} a_k R_k (s_i + [k = i]) + a_i e₁ᵢ`,
//!
//! linear in independent exponentials: its mean and variance given the trace are sums. So its second moment is a quadratic function of
//! `(b, a)`, and so is the sum of all variances, which the best critic makes least. Only positive rates have a weight; an absent entry
//! has estimate 0.
//!
//! # Cost
//! All traces, O(entries³) for each; O(entries³) in fractions for the best critic.
//!
//! # Example
//! ```
//! use gumbel_oracle::{limit::Limit, loss::Loss, model::Model, number::ratio, relax::LinearCritic};
//! let model = Model::parse(r#"{"structure": "categorical", "rates": [1, 1]}"#)?;
//! let loss = Loss::named(&model, "default")?;
//! let moments = model.linear_critics_of(&loss, Limit::default())?;
//! // A constant critic is a baseline, and 1/2 is the best: nothing is left to vary.
//! let half = LinearCritic { constant: ratio(1, 2), weights: vec![ratio(0, 1); 2] };
//! assert_eq!(moments.variance(&half), vec![ratio(0, 1); 2]);
//! assert_eq!(moments.variance(&moments.best()), vec![ratio(0, 1); 2]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # References
//! W. Grathwohl, D. Choi, Y. Wu, G. Roeder, D. Duvenaud (2018), *Backpropagation through the void: optimizing control variates for
//! black-box gradient estimation*, ICLR; K. Struminsky et al. (2021), arXiv:2110.15072, section 5. The exact variances are in neither.

use num_rational::BigRational;
use num_traits::Zero;
use rayon::prelude::*;

use crate::number::{Exact, FromExact, to_rational};
use crate::race::Trace;
use crate::recursion::{Recursion, traces};

/// `c(e) = constant + Σ_k weights_k e_k`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinearCritic {
    /// What does not depend on the exponentials.
    pub constant: BigRational,
    /// One per entry; that of an absent entry is not used.
    pub weights: Vec<BigRational>,
}

/// A quadratic function of the coefficients `x` of a critic, constant first: `xᵀHx - 2qᵀx + c`.
#[derive(Debug, Clone)]
struct Form {
    h: Vec<Vec<Exact>>,
    q: Vec<Exact>,
    c: Exact,
}

impl Form {
    fn new(size: usize) -> Self {
        Self { h: vec![vec![Exact::ZERO; size]; size], q: vec![Exact::ZERO; size], c: Exact::ZERO }
    }

    /// Adds `p (z - hᵀx)²`.
    fn add_square(&mut self, p: &Exact, z: &Exact, h: &[Exact]) {
        self.c += p.clone() * z * z;
        for (j, left) in h.iter().enumerate() {
            let left = left.clone() * p;
            self.q[j] += left.clone() * z;
            for (cell, right) in self.h[j].iter_mut().zip(h) {
                *cell += left.clone() * right;
            }
        }
    }

    fn at(&self, x: &[Exact]) -> Exact {
        let mut value = self.c.clone();
        for ((row, q), xj) in self.h.iter().zip(&self.q).zip(x) {
            let row = row.iter().zip(x).map(|(cell, xk)| cell.clone() * xk).fold(Exact::ZERO, |a, b| a + b);
            value += (row - q.clone() * Exact::from(2)) * xj;
        }
        value
    }
}

/// The second moments of RELAX with any linear critic.
#[derive(Debug, Clone)]
pub struct LinearCritics {
    /// `E[f s]`, one per entry.
    gradient: Vec<Exact>,
    /// The second moment, one per entry.
    forms: Vec<Form>,
    present: Vec<bool>,
}

impl LinearCritics {
    /// Sums over all traces.
    pub(crate) fn over_traces<R: Recursion>(
        recursion: &R,
        rates: &[BigRational],
        loss: &dyn Fn(&R::Structure) -> BigRational,
    ) -> Self {
        let rates: Vec<Exact> = rates.iter().map(Exact::from_exact).collect();
        let m = rates.len();
        let mut sums = Self {
            gradient: vec![Exact::ZERO; m],
            forms: vec![Form::new(m + 1); m],
            present: rates.iter().map(|rate| !rate.is_zero()).collect(),
        };
        let mut outcomes = traces(recursion, &rates);
        loop {
            let some: Vec<(Trace, Exact, Exact)> = outcomes
                .by_ref()
                .take(TRACES)
                .map(|outcome| {
                    let f = Exact::from_exact(&loss(&outcome.structure));
                    (outcome.trace, outcome.probability, f)
                })
                .collect();
            if some.is_empty() {
                return sums;
            }
            sums.add(&rates, &some);
        }
    }

    /// Adds traces with their probabilities and losses, entry by entry.
    fn add(&mut self, rates: &[Exact], traces: &[(Trace, Exact, Exact)]) {
        let present = |k: &usize| self.present[*k];
        let known: Vec<Known> =
            traces.par_iter().map(|(trace, ..)| Known::of(trace, rates, &present)).collect();
        let entries = self.gradient.par_iter_mut().zip(&mut self.forms).enumerate();
        entries.filter(|(i, _)| self.present[*i]).for_each(|(i, (gradient, form))| {
            for ((trace, p, f), known) in traces.iter().zip(&known) {
                *gradient += p.clone() * f * &known.score[i];
                known.add(i, rates, trace, p, f, form);
            }
        });
    }

    /// The variance of one estimate with this critic, one per entry.
    ///
    /// # Panics
    /// If the critic does not have one weight per entry.
    #[must_use]
    pub fn variance(&self, critic: &LinearCritic) -> Vec<BigRational> {
        assert_eq!(critic.weights.len(), self.gradient.len(), "one weight per entry");
        let x: Vec<Exact> =
            std::iter::once(&critic.constant).chain(&critic.weights).map(Exact::from_exact).collect();
        let variance = |(form, g): (&Form, &Exact)| to_rational(&(form.at(&x) - g.clone() * g));
        self.forms.iter().zip(&self.gradient).map(variance).collect()
    }

    /// The critic for which the sum of the variances over the entries is least. If there are many, coefficients that can be 0 are.
    #[must_use]
    pub fn best(&self) -> LinearCritic {
        let size = self.gradient.len() + 1;
        let mut system = vec![vec![Exact::ZERO; size + 1]; size];
        for form in &self.forms {
            for (row, (h, q)) in system.iter_mut().zip(form.h.iter().zip(&form.q)) {
                row.iter_mut().zip(h.iter().chain([q])).for_each(|(cell, value)| *cell += value);
            }
        }
        let mut x = solve(system).into_iter().map(|value| to_rational(&value));
        LinearCritic { constant: x.next().unwrap_or_else(BigRational::zero), weights: x.collect() }
    }
}

/// So many traces are held at once.
const TRACES: usize = 1000;

/// What all entries need of a trace.
struct Known {
    score: Vec<Exact>,
    totals: Vec<Exact>,
    /// Those present that never won.
    lost: Vec<usize>,
    mean: Vec<Option<Exact>>,
    variance: Vec<Option<Exact>>,
}

impl Known {
    fn of(trace: &Trace, rates: &[Exact], present: &impl Fn(&usize) -> bool) -> Self {
        let won = trace.won();
        Self {
            score: trace.score(rates),
            totals: trace.totals(rates),
            lost: (0..rates.len()).filter(present).filter(|&k| won[k].is_none()).collect(),
            mean: trace.conditional_mean(rates),
            variance: trace.conditional_variance(rates),
        }
    }

    /// Adds the second moment of the estimate of entry `i` given the trace.
    fn add(&self, i: usize, rates: &[Exact], trace: &Trace, p: &Exact, f: &Exact, form: &mut Form) {
        let (m, s) = (rates.len(), &self.score[i]);
        // The mean given the trace is f s - hᵀx; each exponential adds its variance times the square of its factor.
        let mut h = vec![Exact::ZERO; m + 1];
        h[0] = s.clone();
        for (race, total) in trace.races().iter().zip(&self.totals) {
            let share = if race.has(i) { rates[i].clone() / total } else { Exact::ZERO };
            let factor = (share + s) / total;
            let square = factor.clone() * &factor * p;
            for &j in &race.entrants {
                h[j + 1] += &factor;
                race.entrants.iter().for_each(|&k| form.h[j + 1][k + 1] += &square);
            }
        }
        for &k in &self.lost {
            let factor = (if k == i { Exact::ONE } else { Exact::ZERO } + s) / &rates[k];
            h[k + 1] += &factor;
            form.h[k + 1][k + 1] += factor.clone() * factor * p;
        }
        h[i + 1] -= self.mean[i].clone().unwrap_or_default();
        form.add_square(p, &(f.clone() * s), &h);
        form.h[i + 1][i + 1] += self.variance[i].clone().unwrap_or_default() * p;
    }
}

/// A solution of a system of equations that has one, its right side in the last column: Gauss and Jordan, free unknowns 0.
fn solve(mut rows: Vec<Vec<Exact>>) -> Vec<Exact> {
    let size = rows.len();
    let mut solution = vec![Exact::ZERO; size];
    let mut pivots: Vec<usize> = Vec::new();
    for column in 0..size {
        let rank = pivots.len();
        let Some(pivot) = (rank..size).find(|&row| !rows[row][column].is_zero()) else { continue };
        rows.swap(rank, pivot);
        let scale = rows[rank][column].clone();
        rows[rank].iter_mut().for_each(|cell| *cell = cell.clone() / &scale);
        let chosen = rows[rank].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(row, _)| *row != rank) {
            let factor = row[column].clone();
            if !factor.is_zero() {
                row.iter_mut().zip(&chosen).for_each(|(cell, value)| *cell -= factor.clone() * value);
            }
        }
        pivots.push(column);
    }
    for (row, column) in rows.iter_mut().zip(pivots) {
        solution[column] = std::mem::take(&mut row[size]);
    }
    solution
}
