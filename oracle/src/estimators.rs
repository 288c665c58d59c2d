//! Estimators of a gradient by a score: their exact variances.
//!
//! # Notation
//! `f = f(X)` is a loss with the gradient `g = ∂E[f]/∂θ`; `s` a score, with mean 0: that of the trace, `s_k(T)`, or that of the
//! exponentials, `λ_k E_k - 1`, whose expectation given the trace is the first. All estimators have the mean `g`:
//!
//! | name | one estimate | variance per entry |
//! |---|---|---|
//! | T-REINFORCE, E-REINFORCE | `f s` | `E[f² s²] - g²` |
//! | with a constant baseline `b` | `(f - b) s` | `E[(f - b)² s²] - g²` |
//! | T-REINFORCE+, E-REINFORCE+, of `K ≥ 2` draws | `1/K Σ_i (f_i - mean of the other f) s_i` | `(E[f̃² s²] - g²)/K + (E[f̃²] E[s²] + g²)/(K(K-1))`, `f̃ = f - E f` |
//!
//! # Law
//! The second is RELAX with a constant critic. The third is the sample covariance of loss and score, whose variance is classical:
//! `docs/src/gradients.md` has the proofs. All follow from `E[f^a s²]`, `a = 0, 1, 2`. For the score of the exponentials
//! `E[s² | T] = s_k(T)² + λ_k² Var(E_k | T)`, so what it has more is `E[f^a λ_k² Var(E_k | T)] ≥ 0`: by the score of the trace an
//! estimator never varies more (Rao and Blackwell).
//!
//! # Cost
//! That of the law of the structure times the square of the number of entries if paths are merged, see [`crate::collapse`]; else all
//! traces.
//!
//! # Example
//! ```
//! use gumbel_oracle::estimators::Score;
//! use gumbel_oracle::{limit::Limit, loss::Loss, model::Model, number::ratio};
//! let model = Model::parse(r#"{"structure": "categorical", "rates": [1, 1]}"#)?;
//! let moments = model.score_moments_of(&Loss::named(&model, "default")?, Limit::default())?;
//! // f is 0 or 1, and the score of the trace is 1/2 for one entry, -1/2 for the other.
//! assert_eq!(moments.variance(Score::Trace, &ratio(0, 1)), vec![ratio(1, 16); 2]);
//! assert_eq!(moments.best_baseline(Score::Trace), Some(ratio(1, 2)));
//! assert_eq!(moments.variance(Score::Trace, &ratio(1, 2)), vec![ratio(0, 1); 2]);
//! assert_eq!(moments.leave_one_out(Score::Trace, 2)?, vec![ratio(1, 16); 2]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # References
//! K. Struminsky et al. (2021), arXiv:2110.15072, section 5. W. Kool, H. van Hoof, M. Welling (2019), *Buy 4 REINFORCE samples, get a
//! baseline for free!*, ICLR workshop.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;

use crate::number::{Exact, FromExact, to_rational};
use crate::recursion::{Recursion, traces};

/// Which score an estimator uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Score {
    /// `∂ log p(T)/∂θ`: T-REINFORCE.
    Trace,
    /// `∂ log p(E)/∂θ_k = λ_k E_k - 1`: E-REINFORCE.
    Exponentials,
}

/// The expectation of a loss with its exact gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient {
    /// `E[f(X)]`.
    pub expectation: BigRational,
    /// `∂E[f(X)]/∂θ_k`, one per entry.
    pub gradient: Vec<BigRational>,
}

/// A leave-one-out baseline of one draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a leave-one-out baseline is the mean loss of the other draws: want at least 2 draws, there is {draws}"
)]
pub struct TooFewDraws {
    /// How many there are.
    pub draws: u32,
}

/// The moments of a loss and the scores from which all variances follow. An absent entry has score 0.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreMoments {
    /// `E[f^a]`.
    losses: [Exact; 3],
    /// `E[f s]`, one per entry.
    gradient: Vec<Exact>,
    /// `E[f^a s(T)²]`, one per entry.
    squares: Vec<[Exact; 3]>,
    /// `E[f^a λ² Var(E | T)]`, one per entry.
    inside: Vec<[Exact; 3]>,
}

impl ScoreMoments {
    pub(crate) fn none(entries: usize) -> Self {
        let none = || vec![[Exact::ZERO; 3]; entries];
        Self {
            losses: [Exact::ZERO; 3],
            gradient: vec![Exact::ZERO; entries],
            squares: none(),
            inside: none(),
        }
    }

    /// Adds what ends with this loss: probability; expectations of the score, its square and the variance inside on that event.
    pub(crate) fn add(
        &mut self,
        loss: &Exact,
        p: &Exact,
        score: &[Exact],
        square: &[Exact],
        inside: &[Exact],
    ) {
        let powers = [Exact::ONE, loss.clone(), loss.clone() * loss];
        for (sum, power) in self.losses.iter_mut().zip(&powers) {
            *sum += power.clone() * p;
        }
        for (sum, score) in self.gradient.iter_mut().zip(score) {
            *sum += loss.clone() * score;
        }
        for (sums, values) in [(&mut self.squares, square), (&mut self.inside, inside)] {
            for (sums, value) in sums.iter_mut().zip(values) {
                for (sum, power) in sums.iter_mut().zip(&powers) {
                    *sum += power.clone() * value;
                }
            }
        }
    }

    /// Sums over all traces.
    pub(crate) fn over_traces<R: Recursion>(
        recursion: &R,
        rates: &[BigRational],
        loss: &dyn Fn(&R::Structure) -> BigRational,
    ) -> Self {
        let rates: Vec<Exact> = rates.iter().map(Exact::from_exact).collect();
        let mut sums = Self::none(rates.len());
        for outcome in traces(recursion, &rates) {
            let f = Exact::from_exact(&loss(&outcome.structure));
            let weighted = |values: Vec<Exact>| -> Vec<Exact> {
                values.into_iter().map(|value| value * &outcome.probability).collect()
            };
            let score = outcome.trace.score(&rates);
            let square = weighted(score.iter().map(|s| s.clone() * s).collect());
            let variances = outcome.trace.conditional_variance(&rates).into_iter().zip(&rates);
            let inside = variances.map(|(variance, rate)| variance.unwrap_or_default() * rate * rate);
            let inside = weighted(inside.collect());
            sums.add(&f, &outcome.probability, &weighted(score), &square, &inside);
        }
        sums
    }

    /// Expectation and gradient of the loss.
    #[must_use]
    pub fn gradient(&self) -> Gradient {
        let gradient = self.gradient.iter().map(to_rational).collect();
        Gradient { expectation: to_rational(&self.losses[1]), gradient }
    }

    /// `E[f^a s²]` of an entry.
    fn squares(&self, score: Score, entry: usize) -> [Exact; 3] {
        let squares = self.squares[entry].clone();
        match score {
            Score::Trace => squares,
            Score::Exponentials => {
                let [a, b, c] = squares;
                let [d, e, f] = &self.inside[entry];
                [a + d, b + e, c + f]
            }
        }
    }

    /// `E[(f - b)² s²]` of an entry.
    fn shifted(&self, score: Score, entry: usize, baseline: &Exact) -> Exact {
        let [one, f, ff] = self.squares(score, entry);
        ff - baseline.clone() * f * Exact::from(2) + baseline.clone() * baseline * one
    }

    /// The variance of `(f - b) s`, one per entry; without a baseline `b` is 0.
    #[must_use]
    pub fn variance(&self, score: Score, baseline: &BigRational) -> Vec<BigRational> {
        let baseline = Exact::from_exact(baseline);
        let variance = |(entry, g): (usize, &Exact)| {
            to_rational(&(self.shifted(score, entry, &baseline) - g.clone() * g))
        };
        self.gradient.iter().enumerate().map(variance).collect()
    }

    /// The constant baseline for which the sum of the variances over the entries is least: `Σ_k E[f s_k²] / Σ_k E[s_k²]`. `None` if
    /// the score is always 0, as where there is only one trace.
    #[must_use]
    pub fn best_baseline(&self, score: Score) -> Option<BigRational> {
        let mut sums = [Exact::ZERO; 2];
        for entry in 0..self.gradient.len() {
            let [one, f, _] = self.squares(score, entry);
            sums[0] += one;
            sums[1] += f;
        }
        let [one, f] = sums.map(|sum| to_rational(&sum));
        (!one.is_zero()).then(|| f / one)
    }

    /// The variance of the estimate with a leave-one-out baseline from so many draws, one per entry.
    ///
    /// # Errors
    /// [`TooFewDraws`] if there are fewer than 2.
    pub fn leave_one_out(&self, score: Score, draws: u32) -> Result<Vec<BigRational>, TooFewDraws> {
        if draws < 2 {
            return Err(TooFewDraws { draws });
        }
        let [_, mean, square] = &self.losses;
        let spread = square.clone() - mean.clone() * mean;
        let k = BigRational::from(BigInt::from(draws));
        let pairs = &k * BigRational::from(BigInt::from(draws - 1));
        let variance = |(entry, g): (usize, &Exact)| {
            let gg = g.clone() * g;
            let [one, ..] = self.squares(score, entry);
            let alone = to_rational(&(self.shifted(score, entry, mean) - &gg));
            alone / &k + to_rational(&(spread.clone() * one + gg)) / &pairs
        };
        Ok(self.gradient.iter().enumerate().map(variance).collect())
    }
}
