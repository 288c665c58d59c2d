//! Exact laws: of the structure, of its entries, of a statistic; expectations, gradients, covariances.
//!
//! # Notation
//! `X` is the structure, `T` the trace, `f` a loss, `θ_k = -log λ_k` the logit of entry `k`, `s = ∂ log p(T)/∂θ` the score.
//!
//! # Law
//! `P(X = x) = Σ_{T: X(T)=x} p(T)`; `∂/∂θ E[f(X)] = Σ_T p(T) f(X(T)) s(T)`; the T-REINFORCE estimate `f(X)·s(T)` has
//! covariance `Σ_T p(T) f² s sᵀ - g gᵀ` with `g` the gradient. Each by whichever enumeration is smallest: the table is in
//! [`crate::builtin`].
//!
//! # Cost
//! The number of nodes in the table, known or bounded before it starts and held against a [`Limit`].

use std::collections::BTreeMap;

use num_bigint::{BigInt, BigUint};
use num_rational::BigRational;
use num_traits::Zero;

use crate::builtin::{Builtin, Laws, Moments};
use crate::collapse;
use crate::estimators::ScoreMoments;
use crate::limit::{Limit, TooLarge};
use crate::loss::Loss;
use crate::model::{Model, with_algorithm};
use crate::number::{Exact, FromExact, to_rational};
use crate::relax::{Critics, Degree};
use crate::structure::{Structure, Variant};

pub use crate::builtin::Gradient;

/// The law of the structure: every structure with its probability, in increasing order.
#[derive(Debug, Clone, PartialEq)]
pub struct Law {
    /// Structure and probability.
    pub outcomes: Vec<(Structure, BigRational)>,
}

impl Law {
    /// The sum of all probabilities.
    #[must_use]
    pub fn total(&self) -> BigRational {
        exact_sum(self.outcomes.iter().map(|(_, p)| Exact::from_exact(p)))
    }

    /// The probability of a structure; 0 if it is none of this law.
    #[must_use]
    pub fn probability(&self, structure: &Structure) -> BigRational {
        let found = self.outcomes.binary_search_by(|(x, _)| x.cmp(structure));
        found.map_or_else(|_| BigRational::zero(), |i| self.outcomes[i].1.clone())
    }

    /// `E[f(X)]` of any loss.
    #[must_use]
    pub fn expectation(&self, loss: impl Fn(&Structure) -> BigRational) -> BigRational {
        exact_sum(self.outcomes.iter().map(|(x, p)| Exact::from_exact(p) * Exact::from_exact(&loss(x))))
    }

    /// The law of an integer-valued statistic.
    #[must_use]
    pub fn statistic(&self, statistic: impl Fn(&Structure) -> i64) -> BTreeMap<i64, BigRational> {
        let mut terms: BTreeMap<i64, Vec<Exact>> = BTreeMap::new();
        for (x, p) in &self.outcomes {
            terms.entry(statistic(x)).or_default().push(Exact::from_exact(p));
        }
        terms.into_iter().map(|(value, terms)| (value, exact_sum(terms))).collect()
    }

    /// `P(k ∈ X)` for each of `entries` entries. Of structures that use every position it is 1.
    #[must_use]
    pub fn marginals(&self, entries: usize) -> Vec<BigRational> {
        let has =
            |x: &Structure, k: usize| if let Structure::Entries(set) = x { set.contains(&k) } else { true };
        let marginal = |k: usize| {
            exact_sum(self.outcomes.iter().filter(|(x, _)| has(x, k)).map(|(_, p)| Exact::from_exact(p)))
        };
        (0..entries).map(marginal).collect()
    }
}

fn exact_sum(terms: impl IntoIterator<Item = Exact>) -> BigRational {
    let terms: Vec<Exact> = terms.into_iter().collect();
    to_rational(&collapse::pairwise_sum(&terms.iter().collect::<Vec<_>>()))
}

/// A structure of the model's own type, for a question about any.
fn asked<A: Builtin>(_: &A, structure: &Structure) -> Option<A::Structure> {
    Variant::of(structure).cloned()
}

impl Model {
    /// The law of the structure.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` structures or states.
    pub fn law(&self, limit: Limit) -> Result<Law, TooLarge> {
        let outcomes = with_algorithm!(self, a => {
            a.check_law(limit)?;
            a.law(self.rates()).into_iter().map(|(x, p)| (x.into(), p)).collect()
        });
        Ok(Law { outcomes })
    }

    /// Whether all traces can be enumerated: their number is worked out and held against the limit.
    ///
    /// # Errors
    /// [`TooLarge`] if there are more than `limit` traces, or counting them would take more steps than that.
    pub fn check_traces(&self, limit: Limit) -> Result<(), TooLarge> {
        with_algorithm!(self, a => a.check_traces(limit))
    }

    /// The probability of one structure, by the paths that lead to it.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` states. A structure of another model has probability 0.
    pub fn probability(&self, structure: &Structure, limit: Limit) -> Result<BigRational, TooLarge> {
        with_algorithm!(self, a => match asked(a, structure) {
            Some(x) => a.probability(self.rates(), &x, limit),
            None => Ok(BigRational::zero()),
        })
    }

    /// The marginals `P(k ∈ X)`, one per entry. Of structures that use every position it is 1.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` states.
    pub fn marginals(&self, limit: Limit) -> Result<Vec<BigRational>, TooLarge> {
        with_algorithm!(self, a => {
            a.check_states(limit)?;
            Ok(a.marginals(self.rates()))
        })
    }

    /// For a binary tree `P(parent of i is j)`, on the diagonal `P(i is the root)`; for a permutation
    /// `P(i is drawn in place r)`. Row `i`, column `j` or `r`. `None` for other structures.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` permutations.
    pub fn pair_marginals(&self, limit: Limit) -> Result<Option<Vec<Vec<BigRational>>>, TooLarge> {
        with_algorithm!(self, a => a.pair_marginals(self.rates(), limit))
    }

    /// The law of a named loss.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` states.
    pub fn loss_law(&self, loss: &Loss, limit: Limit) -> Result<BTreeMap<i64, BigRational>, TooLarge> {
        with_algorithm!(self, a => {
            if let Some(law) = a.loss_law(loss.name(), self.rates(), limit)? {
                return Ok(law);
            }
            if let Some(values) = a.additive(loss.name()) {
                a.check_states(limit)?;
                if let Some(law) = a.sum_law(self.rates(), &values) {
                    return Ok(law);
                }
            }
        });
        Ok(self.law(limit)?.statistic(|x| loss.of(self, x)))
    }

    /// The expectation of a named loss and its gradient with respect to every logit.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` states or traces.
    pub fn gradient(&self, loss: &Loss, limit: Limit) -> Result<Gradient, TooLarge> {
        with_algorithm!(self, a => {
            if let Some(values) = a.additive(loss.name()) {
                a.check_states(limit)?;
                if let Some(gradient) = a.sum_gradient(self.rates(), &values) {
                    return Ok(gradient);
                }
            }
        });
        self.gradient_of(|x| BigInt::from(loss.of(self, x)).into(), limit)
    }

    /// The expectation of any loss and its gradient with respect to every logit.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` states or traces.
    pub fn gradient_of(
        &self,
        loss: impl Fn(&Structure) -> BigRational,
        limit: Limit,
    ) -> Result<Gradient, TooLarge> {
        fn merges<A: Laws>(_: &A) -> bool {
            A::MERGES
        }
        with_algorithm!(self, a => {
            if merges(a) { a.check_law(limit)? } else { a.check_traces(limit)? }
            Ok(a.gradient_of(self.rates(), &|x| loss(&x.clone().into())))
        })
    }

    /// The covariance matrix of the T-REINFORCE estimate `f(X)·∂log p(T)/∂θ`, by enumeration of all traces.
    ///
    /// # Errors
    /// [`TooLarge`] if there are more than `limit` traces.
    pub fn t_reinforce_covariance(
        &self,
        loss: impl Fn(&Structure) -> BigRational,
        limit: Limit,
    ) -> Result<Vec<Vec<BigRational>>, TooLarge> {
        self.check_traces(limit)?;
        Ok(with_algorithm!(self, a => {
            Moments::over_traces(a, self.rates(), &|x| loss(&x.clone().into()), true).covariance()
        }))
    }

    /// The moments of any loss and the scores.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` structures, hold more numbers for them, or visit more traces.
    pub fn score_moments(
        &self,
        loss: impl Fn(&Structure) -> BigRational,
        limit: Limit,
    ) -> Result<ScoreMoments, TooLarge> {
        fn merges<A: Laws>(_: &A) -> bool {
            A::MERGES
        }
        with_algorithm!(self, a => {
            if merges(a) {
                a.check_law(limit)?;
                let numbers = self.structure_count() * self.entries().len();
                limit.check("structures × entries", &numbers)?;
            } else {
                a.check_traces(limit)?;
            }
            Ok(a.score_moments(self.rates(), &|x| loss(&x.clone().into())))
        })
    }

    /// The same of a named loss.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` structures or traces.
    pub fn score_moments_of(&self, loss: &Loss, limit: Limit) -> Result<ScoreMoments, TooLarge> {
        self.score_moments(|x| BigInt::from(loss.of(self, x)).into(), limit)
    }

    /// The second moments of RELAX with any critic of a degree, by enumeration of all traces.
    ///
    /// # Errors
    /// [`TooLarge`] if there are more than `limit` traces, or traces × the square of the coefficients of a critic for quadratic ones, or
    /// numbers: that square for every entry.
    pub fn critics(
        &self,
        loss: impl Fn(&Structure) -> BigRational,
        degree: Degree,
        limit: Limit,
    ) -> Result<Critics, TooLarge> {
        self.check_traces(limit)?;
        let entries = self.entries().len();
        let square = BigUint::from(degree.coefficients(entries)).pow(2);
        limit.check("entries × coefficients²", &(&square * entries))?;
        if degree == Degree::Quadratic {
            let traces = self.trace_count().unwrap_or_else(|| BigUint::from(self.traces().count()));
            limit.check("traces × coefficients²", &(square * traces))?;
        }
        Ok(with_algorithm!(self, a => {
            Critics::over_traces(a, self.rates(), &|x| loss(&x.clone().into()), degree)
        }))
    }

    /// The same of a named loss.
    ///
    /// # Errors
    /// [`TooLarge`] as for any loss.
    pub fn critics_of(&self, loss: &Loss, degree: Degree, limit: Limit) -> Result<Critics, TooLarge> {
        self.critics(|x| BigInt::from(loss.of(self, x)).into(), degree, limit)
    }
}
