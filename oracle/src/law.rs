//! Exact laws: of the structure, of its entries, of a statistic; expectations, gradients, covariances.
//!
//! # Notation
//! `X` is the structure, `T` the trace, `f` a loss, `θ_k = -log λ_k` the logit of entry `k`, `s = ∂ log p(T)/∂θ` the score.
//!
//! # Law
//! `P(X = x) = Σ_{T: X(T)=x} p(T)`; `∂/∂θ E[f(X)] = Σ_T p(T) f(X(T)) s(T)`; the T-REINFORCE estimate `f(X)·s(T)` has
//! covariance `Σ_T p(T) f² s sᵀ - g gᵀ` with `g` the gradient. Each by whichever enumeration is smallest:
//!
//! | | P(X) of all X | of one X | entry marginals, additive losses | gradient of any loss |
//! |---|---|---|---|---|
//! | spanning_tree | forests | subsets of X | partitions of the vertices | forests |
//! | arborescence | subtrees of all X ([`crate::arborescence`]) | subtrees of X | from P(X) | traces |
//! | matching | partial matchings | subsets of X | row and column sets | partial matchings |
//! | binary_tree | intervals × trees | a product | intervals | traces (one per tree) |
//! | top_k | subsets | subsets of X | subsets | subsets |
//! | permutation | traces (one per permutation) | a product | traces | traces |
//! | categorical | a race | a race | a race | a race |
//!
//! # Cost
//! The number of nodes in the table, known or bounded before it starts and held against a [`Limit`].

use std::collections::BTreeMap;

use num_bigint::{BigInt, BigUint};
use num_rational::BigRational;
use num_traits::{One, Zero};

use crate::collapse::{self, Layers, OrderFree};
use crate::count;
use crate::limit::{Limit, Remedy, TooLarge};
use crate::loss::Loss;
use crate::model::{Algorithm, Kind, Model};
use crate::number::{Exact, FromExact, to_rational};
use crate::structure::{EntrySet, Structure};

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

fn integer(value: i64) -> BigRational {
    BigRational::from(BigInt::from(value))
}

/// A loss with its exact expectation and gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient {
    /// `E[f(X)]`.
    pub expectation: BigRational,
    /// `∂E[f(X)]/∂θ_k`, one per entry.
    pub gradient: Vec<BigRational>,
}

/// Runs code on the algorithms that hold one race at a time and forget the order.
macro_rules! order_free {
    ($model:expr, $algorithm:ident => $body:expr, else $other:expr) => {
        match $model.algorithm() {
            Algorithm::SpanningTree($algorithm) => $body,
            Algorithm::Matching($algorithm) => $body,
            Algorithm::TopK($algorithm) => $body,
            Algorithm::Categorical($algorithm) => $body,
            _ => $other,
        }
    };
}

impl Model {
    /// The law of the structure.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` structures or states.
    pub fn law(&self, limit: Limit) -> Result<Law, TooLarge> {
        self.check_structures(limit)?;
        let wrap = |outcomes: Vec<(EntrySet, BigRational)>| {
            outcomes.into_iter().map(|(x, p)| (Structure::Entries(x), p)).collect::<Vec<_>>()
        };
        let outcomes = match self.algorithm() {
            Algorithm::Arborescence(a) => wrap(a.law(self.rates())),
            Algorithm::BinaryTree(a) => {
                a.law(self.rates()).into_iter().map(|(x, p)| (Structure::Parents(x), p)).collect()
            }
            Algorithm::Permutation(_) => {
                let mut law: Vec<_> =
                    self.traces().map(|outcome| (outcome.structure, outcome.probability)).collect();
                law.sort();
                law
            }
            _ => order_free!(self, a => wrap(Layers::by_winners(a, self.rates()).law()), else Vec::new()),
        };
        Ok(Law { outcomes })
    }

    /// Whether all traces can be enumerated: their number is worked out and held against the limit.
    ///
    /// # Errors
    /// [`TooLarge`] if there are more than `limit` traces, or counting them would take more steps than that.
    pub fn check_traces(&self, limit: Limit) -> Result<(), TooLarge> {
        self.check_magnitude(limit)?;
        if self.kind() == Kind::Arborescence {
            limit.check_lower_bound("structures, and as many traces at least", &self.structure_count())?;
            let steps = BigUint::from(5_u8).pow(self.size() as u32 - 1);
            limit.check_lower_bound("steps to count the traces", &steps)?;
        }
        match self.trace_count() {
            Some(count) => limit.check("traces", &count),
            None => Err(TooLarge {
                what: "vertices to count the traces of",
                count: self.size().into(),
                limit: 13,
                remedy: Remedy::SmallerModel,
            }),
        }
    }

    /// Refuses what no limit would allow, from lower bounds that cost nothing: a connected graph on `n` vertices has at
    /// least `2^(n-1)` forests, there are at least `2^(n-1)` permutations and binary trees, …
    fn check_magnitude(&self, limit: Limit) -> Result<(), TooLarge> {
        let n = self.size();
        match self.algorithm() {
            Algorithm::SpanningTree(_) => limit.check_power("forests (a lower bound)", n - 1),
            Algorithm::Arborescence(_) => {
                limit.check_power("cuts of arborescences (a bound)", n.saturating_sub(2))
            }
            Algorithm::Matching(_) => limit.check_power("partial matchings (a lower bound)", n),
            Algorithm::BinaryTree(_) | Algorithm::Permutation(_) => {
                limit.check_power("structures (a lower bound)", n - 1)
            }
            Algorithm::TopK(a) => limit.check_power("subsets (a lower bound)", a.k()),
            Algorithm::Categorical(_) => Ok(()),
        }
    }

    fn check_structures(&self, limit: Limit) -> Result<(), TooLarge> {
        self.check_magnitude(limit)?;
        let structures = self.structure_count();
        let n = self.size();
        match self.kind() {
            Kind::SpanningTree | Kind::Matching | Kind::Arborescence | Kind::TopK => {
                limit.check_lower_bound("structures", &structures)?; // and more states on the way to them
            }
            _ => limit.check("structures", &structures)?,
        }
        match self.kind() {
            Kind::SpanningTree => limit.check("forests (an upper bound)", &self.forests(&structures)),
            Kind::Matching => {
                let matchings =
                    (0..=n).map(|k| count::binomial(n, k).pow(2) * count::factorial(k)).sum::<BigUint>();
                limit.check("partial matchings (an upper bound)", &matchings)
            }
            Kind::Arborescence => {
                let cuts = structures << n.saturating_sub(2);
                limit.check("cuts of arborescences (an upper bound)", &cuts)
            }
            Kind::TopK => limit.check("subsets", &self.subsets()),
            _ => Ok(()),
        }
    }

    fn forests(&self, trees: &BigUint) -> BigUint {
        let edges = self.rates().iter().filter(|rate| !rate.is_zero()).count();
        count::forests_bound(self.size(), edges, trees)
    }

    fn subsets(&self) -> BigUint {
        let positive = self.rates().iter().filter(|rate| !rate.is_zero()).count();
        let k = if let Algorithm::TopK(a) = self.algorithm() { a.k() } else { positive };
        (0..=k).map(|size| count::binomial(positive, size)).sum()
    }

    /// Whether the states of the recursion fit.
    fn check_states(&self, limit: Limit) -> Result<(), TooLarge> {
        self.check_magnitude(limit)?;
        let n = self.size();
        match self.kind() {
            Kind::SpanningTree => {
                let partitions = count::bell(n).min(self.forests(&self.structure_count()));
                limit.check("partitions of the vertices (an upper bound)", &partitions)
            }
            Kind::Matching => limit.check("pairs of row set and column set", &count::binomial(2 * n, n)),
            Kind::TopK => limit.check("subsets", &self.subsets()),
            _ => Ok(()),
        }
    }

    /// The probability of one structure, by the paths that lead to it.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` states. A structure of another model has probability 0.
    pub fn probability(&self, structure: &Structure, limit: Limit) -> Result<BigRational, TooLarge> {
        let zero = Ok(BigRational::zero());
        match (self.algorithm(), structure) {
            (Algorithm::Arborescence(a), Structure::Entries(set)) => {
                limit.check("cuts of the arborescence (an upper bound)", &(BigUint::one() << set.len()))?;
                let is_one = set.len() + 1 == self.size() && {
                    let arcs: Vec<(usize, usize)> =
                        set.iter().filter_map(|&k| self.pairs().get(k).copied()).collect();
                    count::arborescences(self.size(), a.root(), &arcs).is_one()
                };
                if !is_one || set.iter().any(|&k| self.rates()[k].is_zero()) {
                    return zero;
                }
                Ok(a.probabilities(self.rates(), std::slice::from_ref(set)).remove(0))
            }
            (Algorithm::BinaryTree(_), Structure::Parents(_))
            | (Algorithm::Permutation(_), Structure::Order(_)) => {
                let trace = self.parse_trace(&self.canonical(structure));
                trace.map_or(zero, |trace| Ok(trace.probability(self.rates())))
            }
            (_, Structure::Entries(set)) => {
                limit.check("subsets of the structure", &(BigUint::one() << set.len()))?;
                order_free!(self, a => Ok(towards(a, self.rates(), set)), else zero)
            }
            _ => zero,
        }
    }

    /// The marginals `P(k ∈ X)`, one per entry. Of structures that use every position it is 1.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` states.
    pub fn marginals(&self, limit: Limit) -> Result<Vec<BigRational>, TooLarge> {
        match self.kind() {
            Kind::BinaryTree | Kind::Permutation => Ok(vec![BigRational::one(); self.entries().len()]),
            Kind::Arborescence => Ok(self.law(limit)?.marginals(self.entries().len())),
            _ => {
                self.check_states(limit)?;
                Ok(order_free!(self, a => Layers::by_state(a, self.rates()).marginals(), else Vec::new()))
            }
        }
    }

    /// For a binary tree `P(parent of i is j)`, on the diagonal `P(i is the root)`; for a permutation
    /// `P(i is drawn in place r)`. Row `i`, column `j` or `r`. `None` for other structures.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` permutations.
    pub fn pair_marginals(&self, limit: Limit) -> Result<Option<Vec<Vec<BigRational>>>, TooLarge> {
        match self.algorithm() {
            Algorithm::BinaryTree(a) => {
                limit.check("pairs of intervals and positions", &BigUint::from(self.size()).pow(3))?;
                Ok(Some(a.parent_marginals(self.rates())))
            }
            Algorithm::Permutation(_) => {
                let law = self.law(limit)?;
                let at = |i: usize, r: usize| {
                    let hits =
                        law.outcomes.iter().filter(|(x, _)| matches!(x, Structure::Order(o) if o[r] == i));
                    exact_sum(hits.map(|(_, p)| Exact::from_exact(p)))
                };
                Ok(Some((0..self.size()).map(|i| (0..self.size()).map(|r| at(i, r)).collect()).collect()))
            }
            _ => Ok(None),
        }
    }

    /// The law of a named loss.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` states.
    pub fn loss_law(&self, loss: &Loss, limit: Limit) -> Result<BTreeMap<i64, BigRational>, TooLarge> {
        if let (Algorithm::BinaryTree(a), "default") = (self.algorithm(), loss.name()) {
            limit
                .check("intervals, heights and roots (an upper bound)", &BigUint::from(self.size()).pow(4))?;
            return Ok(a.height_law(self.rates()).into_iter().map(|(height, p)| (-height, p)).collect());
        }
        if let Some(values) = loss.additive(self) {
            self.check_states(limit)?;
            return Ok(
                order_free!(self, a => collapse::sum_law(a, self.rates(), &values), else BTreeMap::new()),
            );
        }
        Ok(self.law(limit)?.statistic(|x| loss.of(self, x)))
    }

    /// The expectation of a named loss and its gradient with respect to every logit.
    ///
    /// # Errors
    /// [`TooLarge`] if that would visit more than `limit` states or traces.
    pub fn gradient(&self, loss: &Loss, limit: Limit) -> Result<Gradient, TooLarge> {
        let (expectation, gradient) = if let Some(values) = loss.additive(self) {
            self.check_states(limit)?;
            let values: Vec<BigRational> = values.into_iter().map(integer).collect();
            let zero = |_: &EntrySet| BigRational::zero();
            order_free!(self, a => Layers::by_state(a, self.rates()).gradient(&values, zero), else Default::default())
        } else {
            return self.gradient_of(|x| integer(loss.of(self, x)), limit);
        };
        Ok(Gradient { expectation, gradient })
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
        let (expectation, gradient) = order_free!(self, a => {
            self.check_structures(limit)?;
            let none = vec![BigRational::zero(); self.entries().len()];
            Layers::by_winners(a, self.rates()).gradient(&none, |x| loss(&Structure::Entries(x.clone())))
        }, else {
            let moments = self.moments(loss, limit, Moments::First)?;
            (moments.expectation, moments.gradient)
        });
        Ok(Gradient { expectation, gradient })
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
        let Sums { gradient, second, .. } = self.moments(loss, limit, Moments::Second)?;
        let cell = |j: usize, k: usize| &second[j][k] - &gradient[j] * &gradient[k];
        Ok((0..second.len()).map(|j| (0..second.len()).map(|k| cell(j, k)).collect()).collect())
    }

    /// Sums over all traces.
    fn moments(
        &self,
        loss: impl Fn(&Structure) -> BigRational,
        limit: Limit,
        moments: Moments,
    ) -> Result<Sums, TooLarge> {
        self.check_traces(limit)?;
        let rates: Vec<Exact> = self.rates_as();
        let m = rates.len();
        let mut sums = SumsOver::new(m, moments);
        for outcome in self.traces_as(&rates) {
            let f = Exact::from_exact(&loss(&outcome.structure));
            sums.add(&outcome.probability, &f, &outcome.trace.score(&rates));
        }
        Ok(sums.finish())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moments {
    First,
    Second,
}

/// `E[f]`, `E[f·s]` and `E[f²·s·sᵀ]`.
struct Sums {
    expectation: BigRational,
    gradient: Vec<BigRational>,
    second: Vec<Vec<BigRational>>,
}

struct SumsOver {
    expectation: Exact,
    gradient: Vec<Exact>,
    second: Vec<Vec<Exact>>,
}

impl SumsOver {
    fn new(m: usize, moments: Moments) -> Self {
        let second = if moments == Moments::Second { vec![vec![Exact::ZERO; m]; m] } else { Vec::new() };
        Self { expectation: Exact::ZERO, gradient: vec![Exact::ZERO; m], second }
    }

    fn add(&mut self, p: &Exact, f: &Exact, score: &[Exact]) {
        let pf = p.clone() * f;
        if pf == Exact::ZERO {
            return;
        }
        self.expectation += &pf;
        for (sum, s) in self.gradient.iter_mut().zip(score) {
            *sum += pf.clone() * s;
        }
        let pff = pf * f;
        for (row, sj) in self.second.iter_mut().zip(score) {
            let left = pff.clone() * sj;
            for (sum, sk) in row.iter_mut().zip(score) {
                *sum += left.clone() * sk;
            }
        }
    }

    fn finish(self) -> Sums {
        Sums {
            expectation: to_rational(&self.expectation),
            gradient: self.gradient.iter().map(to_rational).collect(),
            second: self.second.iter().map(|row| row.iter().map(to_rational).collect()).collect(),
        }
    }
}

fn towards<R: OrderFree>(algorithm: &R, rates: &[BigRational], structure: &EntrySet) -> BigRational {
    let law = Layers::towards(algorithm, rates, structure).law();
    law.into_iter().find(|(x, _)| x == structure).map_or_else(BigRational::zero, |(_, p)| p)
}
