//! RELAX with a critic of degree 1 or 2 in the exponentials: exact variances, and the best critic.
//!
//! # Notation
//! `f = f(X)` is a loss, `s` the score of the trace, `c(e) = b + Σ_k a_k e_k + Σ_jk q_jk e_j e_k` a critic. `e₁` are the exponentials of a
//! draw, `e₂` a draw of them given its trace, both functions of the logits for fixed random numbers. One estimate is
//!
//! `(f - c(e₂)) s_i - ∂c(e₂)/∂θ_i + ∂c(e₁)/∂θ_i`.
//!
//! # Law
//! Given the trace, `e₂` is made of independent times `M_r ~ Exp(Λ_r)` and residuals `R_k ~ Exp(λ_k)` of those who never won, and `e₁` is
//! another such draw: with `Z_g` independent exponentials of mean 1, `e_k = Σ_g C_kg Z_g`, where `C_kg` is `1/Λ_r` for every race of `k` and
//! `1/λ_k` if it never won. From `∂M_r/∂θ_i = [i∈S_r] M_r λ_i/Λ_r` and `∂R_k/∂θ_i = [k = i] R_k` the logarithm of `C_kg` has a derivative `w_g`
//! that depends on `g` only; and `∂e₁ₖ/∂θ_i = [k = i] e₁ₖ`. So a product of entries `e_j e_k` in the critic takes from an estimate
//!
//! `Σ_gh C_jg C_kh (s_i + w_g + w_h) Z_g Z_h - ([i=j] + [i=k]) Σ_gh C_jg C_kh Z'_g Z'_h`,
//!
//! a single entry the same with one factor, a constant `s_i`. Given the trace the estimate is a polynomial of degree 2 in independent
//! exponentials; written in the functions `1`, `Z - 1`, `Z²/2 - 2Z + 1` and products of the second (Laguerre's, of mean 0 and variance 1,
//! uncorrelated), its second moment is the sum of the squares of its coefficients. That is a quadratic function of the critic, and so is
//! the sum of all variances, which the best critic makes least. Only positive rates have a weight; an absent entry has estimate 0.
//!
//! # Cost
//! All traces; of the number of coefficients at most the square for each and for every entry, and the cube for the best critic.
//!
//! Merging paths as [`crate::collapse`] does would not make it less, except for `top_k`: for every entry `i` a node would have to hold
//! the joint moments of `s_i²` with all `E[e_j | T] E[e_k | T]` and `Cov(e_j, e_k | T)`, of `s_i` with the derivatives of the former, and of
//! these with each other, some `5m³` numbers for `m` entries, and each step between two nodes shifts them all. K₆ has 2,932 forests and
//! some 23,000 steps between them, beside 155,520 traces of `m³` numbers each: as much work. Where nodes are fewer, as with partitions and an
//! additive loss, what is gained is a small factor, and K₇ stays out of reach.
//!
//! # Example
//! ```
//! use gumbel_oracle::{limit::Limit, loss::Loss, model::Model, number::ratio, relax::{Critic, Degree}};
//! let model = Model::parse(r#"{"structure": "categorical", "rates": [1, 1]}"#)?;
//! let loss = Loss::named(&model, "default")?;
//! let critics = model.critics_of(&loss, Degree::Linear, Limit::default())?;
//! // A constant critic is a baseline, and 1/2 is the best: nothing is left to vary.
//! let half = Critic::constant(ratio(1, 2), 2);
//! assert_eq!(critics.variance(&half)?, vec![ratio(0, 1); 2]);
//! assert_eq!(critics.best(), half);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # References
//! W. Grathwohl, D. Choi, Y. Wu, G. Roeder, D. Duvenaud (2018), *Backpropagation through the void: optimizing control variates for
//! black-box gradient estimation*, ICLR; K. Struminsky et al. (2021), arXiv:2110.15072, section 5. The exact variances are in neither.

use dashu_int::IBig;
use itertools::Itertools as _;
use num_rational::BigRational;
use num_traits::{One, Zero};
use rayon::prelude::*;

use crate::number::{Exact, FromExact, to_rational};
use crate::parallel::each;
use crate::race::Trace;
use crate::recursion::{Recursion, traces};

/// `c(e) = constant + Σ_k weights_k e_k + Σ_jk matrix_jk e_j e_k`. Numbers at absent entries are not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Critic {
    /// What does not depend on the exponentials.
    pub constant: BigRational,
    /// One per entry.
    pub weights: Vec<BigRational>,
    /// A row per entry, symmetric or not; no rows in a linear critic.
    pub matrix: Vec<Vec<BigRational>>,
}

impl Critic {
    /// A constant critic of so many entries.
    #[must_use]
    pub fn constant(constant: BigRational, entries: usize) -> Self {
        Self { constant, weights: vec![BigRational::zero(); entries], matrix: Vec::new() }
    }

    /// The coefficient of a product of entries in increasing order; 0 if there is none.
    fn coefficient(&self, product: &[usize]) -> BigRational {
        let cell =
            |j: usize, k: usize| self.matrix.get(j).map_or_else(BigRational::zero, |row| row[k].clone());
        match *product {
            [] => self.constant.clone(),
            [k] => self.weights[k].clone(),
            [j, k] if j == k => cell(j, j),
            [j, k, ..] => cell(j, k) + cell(k, j),
        }
    }
}

/// The degree of a critic as a polynomial in the exponentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Degree {
    /// A constant and weights.
    Linear,
    /// Products of two entries too.
    Quadratic,
}

impl Degree {
    /// How many coefficients such a critic has: 1, and one per entry, and one per pair.
    #[must_use]
    pub fn coefficients(self, entries: usize) -> usize {
        match self {
            Self::Linear => 1 + entries,
            Self::Quadratic => 1 + entries + entries * (entries + 1) / 2,
        }
    }
}

/// A critic of another shape than the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongCritic {
    /// Weights or rows are missing or too many.
    #[error("the critic has {found} {what}: want {entries}, one per entry")]
    Entries {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many entries the model has.
        entries: usize,
    },
    /// A matrix where only linear critics were worked out.
    #[error(
        "the critic has products of entries, but only linear critics were worked out: want Degree::Quadratic"
    )]
    Products,
}

/// A quadratic function of the coefficients `x` of a critic, constant first: `xᵀHx - 2qᵀx + c`. Of `H` what is below the diagonal is 0,
/// and counted above it.
#[derive(Debug, Clone)]
struct Form {
    h: Vec<Vec<Exact>>,
    q: Vec<Exact>,
    c: Exact,
}

/// Coefficients of one function in what a critic takes from an estimate: the number of the coefficient of the critic, and its factor;
/// in increasing order, those that are 0 left out.
type Factors = Vec<(usize, Exact)>;

impl Form {
    fn new(size: usize) -> Self {
        Self { h: vec![vec![Exact::ZERO; size]; size], q: vec![Exact::ZERO; size], c: Exact::ZERO }
    }

    /// Adds `p (z - hᵀx)²`.
    fn add_square(&mut self, p: &Exact, z: &Exact, h: &Factors) {
        self.c += p.clone() * z * z;
        for (number, (j, left)) in h.iter().enumerate() {
            let left = left.clone() * p;
            if !z.is_zero() {
                self.q[*j] += left.clone() * z;
            }
            let row = &mut self.h[*j];
            row[*j] += left.clone() * &h[number].1;
            let twice = left * Exact::from(2);
            for (k, right) in &h[number + 1..] {
                row[*k] += twice.clone() * right;
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

/// The second moments of RELAX with any critic of a degree.
#[derive(Debug, Clone)]
pub struct Critics {
    /// `E[f s]`, one per entry.
    gradient: Vec<Exact>,
    /// The second moment, one per entry.
    forms: Vec<Form>,
    present: Vec<bool>,
    degree: Degree,
    /// The entries that each coefficient of a critic multiplies.
    products: Vec<Vec<usize>>,
}

impl Critics {
    /// Sums over all traces.
    pub(crate) fn over_traces<R: Recursion>(
        recursion: &R,
        rates: &[BigRational],
        loss: &dyn Fn(&R::Structure) -> BigRational,
        degree: Degree,
    ) -> Self {
        let rates: Vec<Exact> = rates.iter().map(Exact::from_exact).collect();
        let m = rates.len();
        let present: Vec<bool> = rates.iter().map(|rate| !rate.is_zero()).collect();
        let factors = match degree {
            Degree::Linear => 1,
            Degree::Quadratic => 2,
        };
        let entries = || (0..m).filter(|&k| present[k]);
        let products: Vec<Vec<usize>> =
            (0..=factors).flat_map(|size| entries().combinations_with_replacement(size)).collect();
        let forms = vec![Form::new(products.len()); m];
        let mut sums = Self { gradient: vec![Exact::ZERO; m], forms, present, degree, products };
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
        let known = each(traces.len(), &|number| Known::of(&traces[number].0, rates));
        let entries = self.gradient.par_iter_mut().zip(&mut self.forms).enumerate();
        entries.filter(|(i, _)| self.present[*i]).for_each(|(i, (gradient, form))| {
            for ((trace, p, f), known) in traces.iter().zip(&known) {
                let direct = f.clone() * &known.score[i];
                *gradient += p.clone() * &direct;
                // Functions of mean 0, and uncorrelated; the loss is in the constant one only.
                let functions = known.functions(i, rates, trace, &self.products);
                let losses = std::iter::once(direct).chain(std::iter::repeat(Exact::ZERO));
                functions.iter().zip(losses).for_each(|(h, z)| form.add_square(p, &z, h));
            }
        });
    }

    /// The variance of one estimate with this critic, one per entry.
    ///
    /// # Errors
    /// [`WrongCritic`] if it is not made for this number of entries, or of higher degree.
    pub fn variance(&self, critic: &Critic) -> Result<Vec<BigRational>, WrongCritic> {
        let entries = self.gradient.len();
        let want = |what: &'static str, found: usize| match found == entries {
            true => Ok(()),
            false => Err(WrongCritic::Entries { what, found, entries }),
        };
        want("weights", critic.weights.len())?;
        if !critic.matrix.is_empty() {
            want("rows in its matrix", critic.matrix.len())?;
            critic.matrix.iter().try_for_each(|row| want("numbers in a row of its matrix", row.len()))?;
            if self.degree < Degree::Quadratic {
                return Err(WrongCritic::Products);
            }
        }
        let x: Vec<Exact> =
            self.products.iter().map(|product| Exact::from_exact(&critic.coefficient(product))).collect();
        let variance = |(form, g): (&Form, &Exact)| to_rational(&(form.at(&x) - g.clone() * g));
        Ok(self.forms.iter().zip(&self.gradient).map(variance).collect())
    }

    /// The critic for which the sum of the variances over the entries is least. If there are many, coefficients that can be 0 are. The
    /// matrix is symmetric.
    #[must_use]
    pub fn best(&self) -> Critic {
        let (m, size) = (self.gradient.len(), self.products.len());
        let mut system = vec![vec![Exact::ZERO; size + 1]; size];
        for form in &self.forms {
            for (j, (h, q)) in form.h.iter().zip(&form.q).enumerate() {
                system[j][size] += q;
                for (k, cell) in h.iter().enumerate().skip(j) {
                    // Half the derivative of xᵀHx.
                    let half = if j == k { cell.clone() } else { cell.clone() / Exact::from(2) };
                    if j != k {
                        system[k][j] += &half;
                    }
                    system[j][k] += half;
                }
            }
        }
        let rows = if self.degree < Degree::Quadratic { 0 } else { m };
        let mut best = Critic::constant(BigRational::zero(), m);
        best.matrix = vec![vec![BigRational::zero(); m]; rows];
        for (product, value) in self.products.iter().zip(solve(system)) {
            let value = to_rational(&value);
            match product[..] {
                [] => best.constant = value,
                [k] => best.weights[k] = value,
                [j, k, ..] if j == k => best.matrix[j][j] = value,
                [j, k, ..] => {
                    let half = value / (BigRational::one() + BigRational::one());
                    best.matrix[j][k] = half.clone();
                    best.matrix[k][j] = half;
                }
            }
        }
        best
    }
}

/// So many traces are held at once.
const TRACES: usize = 1000;

/// What all entries need of a trace.
struct Known {
    score: Vec<Exact>,
    totals: Vec<Exact>,
    /// `C_kg`: for each entry `g` and the factor. First the exponentials of the races, then those of the entries that never won.
    weights: Vec<Vec<(usize, Exact)>>,
}

impl Known {
    fn of(trace: &Trace, rates: &[Exact]) -> Self {
        let (won, totals) = (trace.won(), trace.totals(rates));
        let mut weights = vec![Vec::new(); rates.len()];
        for (r, (race, total)) in trace.races().iter().zip(&totals).enumerate() {
            race.entrants.iter().for_each(|&k| weights[k].push((r, Exact::ONE / total)));
        }
        for (k, rate) in rates.iter().enumerate().filter(|(k, rate)| won[*k].is_none() && !rate.is_zero()) {
            weights[k].push((totals.len() + k, Exact::ONE / rate));
        }
        Self { score: trace.score(rates), totals, weights }
    }

    /// What a critic takes from the estimate of entry `i`, by functions of the exponentials: `1`, and after it those with mean 0.
    fn functions(&self, i: usize, rates: &[Exact], trace: &Trace, products: &[Vec<usize>]) -> Vec<Factors> {
        let exponentials = self.totals.len() + rates.len();
        // w_g: 0 but for the races of i and its residual.
        let mut slope = vec![Exact::ZERO; exponentials];
        for ((slope, race), total) in slope.iter_mut().zip(trace.races()).zip(&self.totals) {
            if race.has(i) {
                *slope = rates[i].clone() / total;
            }
        }
        slope[self.totals.len() + i] = Exact::ONE;
        let mut expansion =
            Expansion { exponentials, functions: vec![Vec::new(); Expansion::size(exponentials)] };
        let s = &self.score[i];
        for (number, product) in products.iter().enumerate() {
            let own = Exact::from(product.iter().filter(|&&k| k == i).count());
            match product[..] {
                [] => expansion.add(number, 0, s.clone()),
                [k] => {
                    for (g, c) in &self.weights[k] {
                        expansion.single(number, Draw::Given, *g, c.clone() * (slope[*g].clone() + s));
                        expansion.single(number, Draw::Drawn, *g, -(c.clone() * &own));
                    }
                }
                [j, k, ..] => {
                    for ((g, c), (h, d)) in self.weights[j].iter().cartesian_product(&self.weights[k]) {
                        let cd = c.clone() * d;
                        let sum = slope[*g].clone() + &slope[*h] + s;
                        expansion.double(number, Draw::Given, *g, *h, cd.clone() * sum);
                        expansion.double(number, Draw::Drawn, *g, *h, -(cd * &own));
                    }
                }
            }
        }
        expansion.functions
    }
}

/// Which of the two draws: `e₂` or `e₁`.
#[derive(Clone, Copy)]
enum Draw {
    Given,
    Drawn,
}

/// Polynomials of degree 2 in two independent sets of exponentials, by Laguerre's functions.
struct Expansion {
    /// In each set.
    exponentials: usize,
    functions: Vec<Factors>,
}

impl Expansion {
    /// The number of functions: 1, and of each set one per exponential and per pair.
    fn size(exponentials: usize) -> usize {
        1 + exponentials * (exponentials + 3)
    }

    fn add(&mut self, number: usize, function: usize, factor: Exact) {
        if factor.is_zero() {
            return;
        }
        match self.functions[function].last_mut() {
            Some((last, sum)) if *last == number => *sum += factor,
            _ => self.functions[function].push((number, factor)),
        }
    }

    /// The function `Z_g - 1`, or that of a pair.
    fn first(&self, draw: Draw, g: usize) -> usize {
        1 + g + draw as usize * self.exponentials
    }

    fn second(&self, draw: Draw, g: usize, h: usize) -> usize {
        let (low, high, n) = (g.min(h), g.max(h), self.exponentials);
        1 + 2 * n + draw as usize * (n * (n + 1) / 2) + high * (high + 1) / 2 + low
    }

    /// Adds `factor · Z`.
    fn single(&mut self, number: usize, draw: Draw, g: usize, factor: Exact) {
        self.add(number, self.first(draw, g), factor.clone());
        self.add(number, 0, factor);
    }

    /// Adds `factor · Z_g Z_h`: `Z² = 2 (Z²/2 - 2Z + 1) + 4 (Z - 1) + 2`.
    fn double(&mut self, number: usize, draw: Draw, g: usize, h: usize, factor: Exact) {
        let second = self.second(draw, g, h);
        if g == h {
            let twice = factor * Exact::from(2);
            self.add(number, 0, twice.clone());
            self.add(number, self.first(draw, g), twice.clone() * Exact::from(2));
            self.add(number, second, twice);
        } else {
            self.single(number, draw, g, factor.clone());
            self.add(number, self.first(draw, h), factor.clone());
            self.add(number, second, factor);
        }
    }
}

/// A solution of a system of equations that has one, its right side in the last column; free unknowns are 0. By Bareiss's elimination, in
/// integers, whose divisions leave no rest.
fn solve(rows: Vec<Vec<Exact>>) -> Vec<Exact> {
    let size = rows.len();
    let integers = |row: Vec<Exact>| -> Vec<IBig> {
        let multiple = row.iter().fold(IBig::ONE, |all, cell| {
            let denominator = IBig::from(cell.denominator().clone());
            let common = IBig::from(dashu_int::ops::Gcd::gcd(&all, &denominator));
            all / common * denominator
        });
        let integer = |cell: Exact| cell.numerator() * (&multiple / IBig::from(cell.denominator().clone()));
        row.into_iter().map(integer).collect()
    };
    let mut rows: Vec<Vec<IBig>> = rows.into_iter().map(integers).collect();
    let mut pivots: Vec<usize> = Vec::new();
    let mut before = IBig::ONE;
    for column in 0..size {
        let rank = pivots.len();
        let Some(pivot) = (rank..size).find(|&row| !rows[row][column].is_zero()) else { continue };
        rows.swap(rank, pivot);
        let (above, below) = rows.split_at_mut(rank + 1);
        let chosen = &above[rank];
        for row in below {
            let factor = row[column].clone();
            for (cell, value) in row.iter_mut().zip(chosen) {
                *cell = (&*cell * &chosen[column] - &factor * value) / &before;
            }
        }
        before = chosen[column].clone();
        pivots.push(column);
    }
    let mut solution = vec![Exact::ZERO; size];
    for (row, &column) in rows.iter().zip(&pivots).rev() {
        let known = (column + 1..size).filter(|&k| !solution[k].is_zero());
        let sum = known.map(|k| solution[k].clone() * &row[k]).fold(Exact::ZERO, |a, b| a + b);
        solution[column] = (Exact::from(row[size].clone()) - sum) / &row[column];
    }
    solution
}
