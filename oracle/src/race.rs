//! Races and traces: every formula that follows from the list of races alone.
//!
//! # Notation
//! `K` is the set of entries, numbered `0..m`. Entry `k` has rate `λ_k ≥ 0` (0: absent) and weight
//! `E_k ~ Exp(λ_k)`, mean `1/λ_k`; its logit is `θ_k = -log λ_k`. A race is a set of entrants `S ⊆ K` and its winner
//! `w ∈ S`; `Λ = Σ_{k∈S} λ_k` is its total rate, `M ~ Exp(Λ)` its winning time. A trace `T` is the list of races
//! held. An entry wins at most once.
//!
//! # Law
//! | quantity | formula |
//! |---|---|
//! | [`Trace::probability`] | `p(T) = Π_r λ_{w_r} / Λ_r` |
//! | [`Trace::score`] | `∂ log p(T) / ∂θ_k = -[k won] + Σ_{r: k∈S_r} λ_k / Λ_r` |
//! | the exponentials given the trace | `E_k = Σ_{r: k∈S_r} M_r + [k never won] R_k`, with `M_r ~ Exp(Λ_r)` and `R_k ~ Exp(λ_k)` independent |
//! | [`Trace::conditional_mean`] | `Σ_{r: k∈S_r} 1/Λ_r + [k never won]/λ_k` |
//! | [`Trace::conditional_covariance`] | `Σ_{r: j,k∈S_r} 1/Λ_r² + [j = k, never won]/λ_k²` |
//! | [`Trace::laplace`] | `L_T(s) = Π_r Λ_r/(Λ_r + Σ_{k∈S_r} s_k) · Π_{k never won} λ_k/(λ_k + s_k)` |
//!
//! All of them are generic over the [`Number`]: exact fractions, `f64`, residues, dual numbers.
//!
//! # Cost
//! With `L = Σ_r |S_r|`, the length of the trace written out: O(L + m) each; the covariance O(m·L).
//!
//! # Example
//! Kruskal on the triangle with rates 1, 2, 3: first all three edges race and the first wins, then the two others.
//! ```
//! use gumbel_oracle::number::ratio;
//! use gumbel_oracle::race::{Race, Trace};
//! let trace = Trace::new(3, vec![Race::new([0, 1, 2], 0), Race::new([1, 2], 1)])?;
//! let rates = [ratio(1, 1), ratio(2, 1), ratio(3, 1)];
//! assert_eq!(trace.probability(&rates), ratio(1, 15)); // 1/6 · 2/5
//! assert_eq!(trace.conditional_mean(&rates)[2], Some(ratio(7, 10))); // 1/6 + 1/5 + 1/3
//! # Ok::<(), gumbel_oracle::race::TraceError>(())
//! ```
//!
//! # References
//! Struminsky, Gadetsky, Rakitin, Karpushkin, Vetrov (2021), *Leveraging Recursive Gumbel-Max Trick for Approximate
//! Inference in Combinatorial Spaces*, NeurIPS 34, arXiv:2110.15072, section 3 and appendix. The Laplace transform
//! and the covariance are not in the paper; they follow from the independence of the `M_r` and `R_k`.

use serde::Serialize;

use crate::hypoexponential::Hypoexponential;
use crate::number::{Number, Real};

/// One race: who took part, and who was first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Race {
    /// The entrants, as entry numbers in increasing order.
    pub entrants: Vec<usize>,
    /// The winner, one of the entrants.
    pub winner: usize,
}

impl Race {
    /// A race between `entrants`, in any order, won by `winner`. Checked when it becomes part of a [`Trace`].
    #[must_use]
    pub fn new(entrants: impl Into<Vec<usize>>, winner: usize) -> Self {
        let mut entrants = entrants.into();
        entrants.sort_unstable();
        Self { entrants, winner }
    }

    /// The total rate `Λ` of the entrants.
    #[must_use]
    pub fn total<N: Number>(&self, rates: &[N]) -> N {
        N::sum(self.entrants.iter().map(|&k| &rates[k]))
    }

    /// Whether entry `k` took part.
    #[must_use]
    pub fn has(&self, entry: usize) -> bool {
        self.entrants.binary_search(&entry).is_ok()
    }
}

/// Why a list of races is no trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// An entry number too large.
    #[error("race {race} names entry {entry}, but there are {entries} entries, 0 to {}", entries.saturating_sub(1))]
    NoSuchEntry {
        /// Position of the race in the trace.
        race: usize,
        /// The entry it names.
        entry: usize,
        /// How many there are.
        entries: usize,
    },
    /// An entrant listed twice.
    #[error("race {race} lists entry {entry} twice: each entrant takes part once")]
    TwiceInRace {
        /// Position of the race in the trace.
        race: usize,
        /// The entry.
        entry: usize,
    },
    /// The winner did not take part.
    #[error("race {race} is won by entry {winner}, which is not in it: the entrants are {entrants:?}")]
    NotAnEntrant {
        /// Position of the race in the trace.
        race: usize,
        /// The claimed winner.
        winner: usize,
        /// Who could have won.
        entrants: Vec<usize>,
    },
    /// The same entry wins two races.
    #[error("entry {entry} wins race {first} and race {second}: an entry wins at most once")]
    WinsTwice {
        /// The entry.
        entry: usize,
        /// The race it won first.
        first: usize,
        /// The race it cannot have won too.
        second: usize,
    },
}

/// The races held in one run of the algorithm, in the order in which they were held.
///
/// Races held in the same step of the recursion (on disjoint entrant sets) stand in the order in which
/// [`Recursion::split`](crate::recursion::Recursion::split) names them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Trace {
    races: Vec<Race>,
    #[serde(skip)]
    entries: usize,
}

impl Trace {
    /// A trace over `entries` entries. Entrants may come in any order; they are sorted.
    ///
    /// # Errors
    /// [`TraceError`] if an entry number is too large, an entrant is listed twice, a winner did not take part, or an
    /// entry wins twice. Whether the algorithm could have held these races is another question: see
    /// [`crate::recursion::replay`].
    pub fn new(entries: usize, mut races: Vec<Race>) -> Result<Self, TraceError> {
        races.iter_mut().for_each(|race| race.entrants.sort_unstable());
        let mut won = vec![None; entries];
        for (race, Race { entrants, winner }) in races.iter().enumerate() {
            for (i, &entry) in entrants.iter().enumerate() {
                if entry >= entries {
                    return Err(TraceError::NoSuchEntry { race, entry, entries });
                }
                if i > 0 && entrants[i - 1] == entry {
                    return Err(TraceError::TwiceInRace { race, entry });
                }
            }
            if entrants.binary_search(winner).is_err() {
                return Err(TraceError::NotAnEntrant { race, winner: *winner, entrants: entrants.clone() });
            }
            if let Some(first) = won[*winner].replace(race) {
                return Err(TraceError::WinsTwice { entry: *winner, first, second: race });
            }
        }
        Ok(Self { races, entries })
    }

    /// A trace whose races are known to be sound because the recursion made them.
    pub(crate) fn trusted(entries: usize, races: Vec<Race>) -> Self {
        Self { races, entries }
    }

    /// The races, in the order held.
    #[must_use]
    pub fn races(&self) -> &[Race] {
        &self.races
    }

    /// The number of entries `m`.
    #[must_use]
    pub fn entry_count(&self) -> usize {
        self.entries
    }

    /// For each entry the race it won, if any.
    #[must_use]
    pub fn won(&self) -> Vec<Option<usize>> {
        let mut won = vec![None; self.entries];
        for (r, race) in self.races.iter().enumerate() {
            won[race.winner] = Some(r);
        }
        won
    }

    /// The total rates `Λ_r`, one per race.
    ///
    /// # Panics
    /// If there is not one rate per entry. So do all functions below.
    #[must_use]
    pub fn totals<N: Number>(&self, rates: &[N]) -> Vec<N> {
        assert_eq!(rates.len(), self.entries, "one rate per entry");
        self.races.iter().map(|race| race.total(rates)).collect()
    }

    /// The probability of the trace, `p(T) = Π_r λ_{w_r} / Λ_r`.
    #[doc(alias = "F_log_prob")]
    #[must_use]
    pub fn probability<N: Number>(&self, rates: &[N]) -> N {
        let totals = self.totals(rates);
        self.races.iter().zip(&totals).fold(N::one(), |p, (race, total)| p * &rates[race.winner] / total)
    }

    /// `log p(T)`, natural, as the sum over races of `log λ_w - log Λ`.
    ///
    /// In `f64` the error grows with the number of races; [`crate::enclosure::ln`] of the exact
    /// [`probability`](Self::probability) is correctly rounded.
    #[doc(alias = "F_log_prob")]
    #[must_use]
    pub fn log_probability<N: Real>(&self, rates: &[N]) -> N {
        let totals = self.totals(rates);
        let terms = self.races.iter().zip(&totals);
        terms.fold(N::zero(), |sum, (race, total)| sum + rates[race.winner].ln() - total.ln())
    }

    /// The score `∂ log p(T) / ∂θ_k = -[k won] + Σ_{r: k∈S_r} λ_k / Λ_r`, one number per entry; 0 for an absent one.
    #[must_use]
    pub fn score<N: Number>(&self, rates: &[N]) -> Vec<N> {
        let mut score = vec![N::zero(); self.entries];
        for (race, total) in self.races.iter().zip(self.totals(rates)) {
            for &k in &race.entrants {
                score[k] = score[k].clone() + rates[k].clone() / &total;
            }
            score[race.winner] = score[race.winner].clone() - N::one();
        }
        score
    }

    /// The conditional mean `E[E_k | T]`, one per entry; `None` for an absent entry, whose weight is infinite.
    #[must_use]
    pub fn conditional_mean<N: Number>(&self, rates: &[N]) -> Vec<Option<N>> {
        let marginals = self.conditional_marginals(rates);
        marginals.into_iter().map(|law| law.map(|law| law.mean())).collect()
    }

    /// The conditional covariance `Cov(E_j, E_k | T)` as an m×m matrix; `None` in the rows and columns of absent
    /// entries.
    #[must_use]
    pub fn conditional_covariance<N: Number>(&self, rates: &[N]) -> Vec<Vec<Option<N>>> {
        let (totals, won) = (self.totals(rates), self.won());
        let variance = |rate: &N| N::one() / rate / rate;
        let cell = |j: usize, k: usize| {
            if rates[j].is_zero() || rates[k].is_zero() {
                return None;
            }
            let shared = self.races.iter().zip(&totals).filter(|(race, _)| race.has(j) && race.has(k));
            let sum = shared.fold(N::zero(), |sum, (_, total)| sum + variance(total));
            Some(if j == k && won[k].is_none() { sum + variance(&rates[k]) } else { sum })
        };
        (0..self.entries).map(|j| (0..self.entries).map(|k| cell(j, k)).collect()).collect()
    }

    /// The conditional variance `Var(E_k | T)`, one per entry: the diagonal of the covariance.
    #[must_use]
    pub fn conditional_variance<N: Number>(&self, rates: &[N]) -> Vec<Option<N>> {
        let square = |rate: &N| N::one() / rate / rate;
        let residuals = rates.iter().zip(self.won()).map(|(rate, won)| match won {
            _ if rate.is_zero() => None,
            Some(_) => Some(N::zero()),
            None => Some(square(rate)),
        });
        let mut variances: Vec<Option<N>> = residuals.collect();
        for (race, total) in self.races.iter().zip(self.totals(rates)) {
            for &k in &race.entrants {
                variances[k] = variances[k].take().map(|sum| sum + square(&total));
            }
        }
        variances
    }

    /// The joint Laplace transform `L_T(s) = E[exp(-Σ s_k E_k) | T]` for `s ≥ 0`, one `s` per entry (ignored for
    /// absent entries).
    ///
    /// # Panics
    /// If there is not one rate and one `s` per entry.
    #[must_use]
    pub fn laplace<N: Number>(&self, rates: &[N], s: &[N]) -> N {
        assert_eq!(s.len(), self.entries, "one s per entry");
        let mut product = N::one();
        for (race, total) in self.races.iter().zip(self.totals(rates)) {
            let shift = N::sum(race.entrants.iter().map(|&k| &s[k]));
            product = product * &total / (shift + &total);
        }
        for (k, won) in self.won().iter().enumerate() {
            if won.is_none() && !rates[k].is_zero() {
                product = product * &rates[k] / (rates[k].clone() + &s[k]);
            }
        }
        product
    }

    /// The law of each `E_k` given the trace, a sum of independent exponentials; `None` for an absent entry.
    #[must_use]
    pub fn conditional_marginals<N: Number>(&self, rates: &[N]) -> Vec<Option<Hypoexponential<N>>> {
        let mut phases = vec![Vec::new(); self.entries];
        for (race, total) in self.races.iter().zip(self.totals(rates)) {
            for &k in &race.entrants {
                phases[k].push(total.clone());
            }
        }
        for (k, won) in self.won().iter().enumerate() {
            if won.is_none() {
                phases[k].push(rates[k].clone());
            }
        }
        let absent = rates.iter().map(Zero::is_zero);
        phases.into_iter().zip(absent).map(|(p, absent)| (!absent).then(|| Hypoexponential::new(p))).collect()
    }

    /// A draw of the exponentials given the trace, from one uniform per entry:
    /// `M_r = -log u_{w_r} / Λ_r`, `R_k = -log u_k / λ_k`, `E_k = Σ_{r: k∈S_r} M_r + [k never won] R_k`.
    ///
    /// `None` for an absent entry. A uniform must lie in (0, 1).
    ///
    /// # Panics
    /// If there is not one rate and one uniform per entry.
    #[doc(alias = "F_cond")]
    #[must_use]
    pub fn exponentials<N: Real>(&self, rates: &[N], uniforms: &[N]) -> Vec<Option<N>> {
        assert_eq!(uniforms.len(), self.entries, "one uniform per entry");
        let times = self.races.iter().zip(self.totals(rates));
        let times: Vec<N> = times.map(|(race, total)| -uniforms[race.winner].ln() / total).collect();
        let residuals: Vec<Option<N>> =
            (0..self.entries).map(|k| (!rates[k].is_zero()).then(|| -uniforms[k].ln() / &rates[k])).collect();
        self.assemble(&times, &residuals)
    }

    /// The exponentials from the winning times `M_r` of the races and the residuals `R_k` of the entries:
    /// `E_k = Σ_{r: k∈S_r} M_r + [k never won] R_k`. `None` where the residual is `None` (absent).
    ///
    /// The residual of an entry that won is not used.
    ///
    /// # Panics
    /// If there is not one time per race and one residual per entry.
    #[must_use]
    pub fn assemble<N: Number>(&self, times: &[N], residuals: &[Option<N>]) -> Vec<Option<N>> {
        assert_eq!(times.len(), self.races.len(), "one time per race");
        assert_eq!(residuals.len(), self.entries, "one residual per entry");
        let mut sums = vec![N::zero(); self.entries];
        for (race, time) in self.races.iter().zip(times) {
            for &k in &race.entrants {
                sums[k] = sums[k].clone() + time;
            }
        }
        let won = self.won();
        let finish = |k: usize, sum: N| {
            let residual = residuals[k].as_ref()?;
            Some(if won[k].is_some() { sum } else { sum + residual })
        };
        sums.into_iter().enumerate().map(|(k, sum)| finish(k, sum)).collect()
    }

    /// The inverse of [`assemble`](Self::assemble): the winning times and residuals behind given exponentials,
    /// `M_r = e_{w_r} - Σ_{earlier r': w_r∈S_{r'}} M_{r'}` and `R_k = e_k - Σ_{r: k∈S_r} M_r`.
    ///
    /// Each must be positive if the exponentials belong to the trace; that is for the caller to check. `residuals[k]`
    /// is `None` for an entry that won, and for one whose exponential is `None`.
    ///
    /// # Panics
    /// If there is not one exponential per entry, or that of a winner is `None`.
    #[must_use]
    pub fn disassemble<N: Number>(&self, exponentials: &[Option<N>]) -> (Vec<N>, Vec<Option<N>>) {
        assert_eq!(exponentials.len(), self.entries, "one exponential per entry");
        let mut left = exponentials.to_vec();
        let mut times = Vec::with_capacity(self.races.len());
        for race in &self.races {
            let time = left[race.winner].clone().expect("a winner has a finite exponential");
            for &k in &race.entrants {
                left[k] = left[k].take().map(|e| e - &time);
            }
            times.push(time);
        }
        for race in &self.races {
            left[race.winner] = None;
        }
        (times, left)
    }

    /// The inverse of [`exponentials`](Self::exponentials): `exp(-Λ_r M_r)` at the winner of each race and
    /// `exp(-λ_k R_k)` at each other entry, `None` at an absent one.
    ///
    /// They are independent and uniform on (0, 1) exactly when the exponentials follow `p(E | T)`; a value above 1
    /// means a negative time: these exponentials do not belong to this trace.
    ///
    /// # Panics
    /// If there is not one rate and one exponential per entry, or that of a winner is `None`.
    #[must_use]
    pub fn uniforms<N: Real>(&self, rates: &[N], exponentials: &[Option<N>]) -> Vec<Option<N>> {
        let (times, residuals) = self.disassemble(exponentials);
        let mut uniforms: Vec<Option<N>> =
            residuals.into_iter().zip(rates).map(|(r, rate)| r.map(|r| (-(r * rate)).exp())).collect();
        for ((race, total), time) in self.races.iter().zip(self.totals(rates)).zip(times) {
            uniforms[race.winner] = Some((-(time * &total)).exp());
        }
        uniforms
    }
}

use num_traits::Zero;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::{Dual, ratio};
    use num_rational::BigRational;
    use num_traits::One;

    /// Kruskal on the triangle, edge 0 first, then edge 1; edge 3 is absent.
    fn triangle() -> (Trace, Vec<BigRational>) {
        let races = vec![Race::new([2, 1, 0], 0), Race::new([1, 2], 1)];
        (Trace::new(4, races).unwrap(), vec![ratio(1, 1), ratio(2, 1), ratio(3, 1), ratio(0, 1)])
    }

    #[test]
    fn impossible_lists_of_races_are_refused_by_name() {
        let error = |races| Trace::new(3, races).unwrap_err();
        let (race, entry, entries) = (0, 3, 3);
        assert_eq!(error(vec![Race::new([0, 3], 0)]), TraceError::NoSuchEntry { race, entry, entries });
        assert_eq!(error(vec![Race::new([1, 1], 1)]), TraceError::TwiceInRace { race: 0, entry: 1 });
        let entrants = vec![0, 1];
        assert_eq!(
            error(vec![Race::new([0, 1], 2)]),
            TraceError::NotAnEntrant { race: 0, winner: 2, entrants }
        );
        let twice = vec![Race::new([0, 1], 1), Race::new([1, 2], 1)];
        assert_eq!(error(twice), TraceError::WinsTwice { entry: 1, first: 0, second: 1 });
        let empty = TraceError::NotAnEntrant { race: 0, winner: 0, entrants: vec![] };
        assert_eq!(error(vec![Race::new([], 0)]), empty);
    }

    #[test]
    fn the_triangle_by_hand() {
        let (trace, rates) = triangle();
        assert_eq!(trace.probability(&rates), ratio(1, 15));
        // -[won] + λ/6 (+ λ/5 for those in the second race)
        assert_eq!(trace.score(&rates), [ratio(-5, 6), ratio(-4, 15), ratio(11, 10), ratio(0, 1)]);
        let mean = trace.conditional_mean(&rates);
        assert_eq!(mean, [Some(ratio(1, 6)), Some(ratio(11, 30)), Some(ratio(7, 10)), None]);
        let cov = trace.conditional_covariance(&rates);
        assert_eq!(cov[0][2], Some(ratio(1, 36)));
        assert_eq!(cov[1][2], Some(ratio(1, 36) + ratio(1, 25)));
        assert_eq!(cov[2][2], Some(ratio(1, 36) + ratio(1, 25) + ratio(1, 9)));
        assert_eq!(cov[3][0], None);
        let s = [ratio(1, 1), ratio(2, 1), ratio(5, 1), ratio(7, 1)];
        // 6/(6+8) · 5/(5+7) · 3/(3+5)
        assert_eq!(trace.laplace(&rates, &s), ratio(6, 14) * ratio(5, 12) * ratio(3, 8));
    }

    #[test]
    fn the_score_is_the_derivative_of_the_log_probability() {
        let (trace, rates) = triangle();
        let score = trace.score(&rates);
        for (k, want) in score.iter().enumerate().take(3) {
            let dual: Vec<Dual<BigRational>> = (0..4)
                .map(
                    |j| if j == k { Dual::logit(rates[j].clone()) } else { Dual::constant(rates[j].clone()) },
                )
                .collect();
            let p = trace.probability(&dual);
            assert_eq!(p.derivative / p.value, *want);
        }
    }

    #[test]
    fn minus_the_gradient_of_the_laplace_transform_at_0_is_the_mean() {
        let (trace, rates) = triangle();
        let lifted: Vec<Dual<BigRational>> = rates.iter().cloned().map(Dual::constant).collect();
        for (k, mean) in trace.conditional_mean(&rates).into_iter().enumerate().take(3) {
            let mut s = vec![Dual::constant(ratio(0, 1)); 4];
            s[k].derivative = BigRational::one();
            assert_eq!(trace.laplace(&lifted, &s).derivative, -mean.unwrap());
        }
    }

    #[test]
    fn a_conditional_draw_and_its_inverse_are_a_bijection() {
        let (trace, _) = triangle();
        let rates = [1.0, 2.0, 3.0, 0.0];
        let uniforms = [0.3, 0.8, 0.1, 0.5];
        let e = trace.exponentials(&rates, &uniforms);
        assert_eq!(e[3], None);
        let back = trace.uniforms(&rates, &e);
        for (u, v) in uniforms.iter().zip(&back).take(3) {
            assert!((u - v.unwrap()).abs() < 1e-15);
        }
        assert_eq!(back[3], None);
        // the winner of the first race is the smallest, the winner of the second the smaller of the rest
        assert!(e[0] < e[1] && e[1] < e[2]);
    }

    #[test]
    fn log_probability_is_the_logarithm_of_the_probability() {
        let (trace, _) = triangle();
        assert!((trace.log_probability(&[1.0, 2.0, 3.0, 0.0]) - libm::log(1.0 / 15.0)).abs() < 1e-15);
    }

    // ---- what follows from the formulas alone, over all traces of whatever recursion

    /// All traces of Kruskal on a square with a chord, and the rates.
    fn square() -> (Vec<Trace>, Vec<BigRational>) {
        let square = crate::spanning_tree::SpanningTree::new(4, &[(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]);
        let rates = [(2, 3), (5, 1), (1, 7), (4, 9), (1, 1)].map(|(p, q)| ratio(p, q)).to_vec();
        let traces = crate::recursion::traces(&square, &rates).map(|outcome| outcome.trace).collect();
        (traces, rates)
    }

    fn sums_to_one(p: impl Fn(&Trace, &[BigRational]) -> BigRational) -> bool {
        let (traces, rates) = square();
        traces.iter().map(|trace| p(trace, &rates)).sum::<BigRational>() == BigRational::one()
    }

    fn has_mean_zero(score: impl Fn(&Trace, &[BigRational]) -> Vec<BigRational>) -> bool {
        let (traces, rates) = square();
        let mut mean = vec![ratio(0, 1); rates.len()];
        for trace in &traces {
            for (sum, s) in mean.iter_mut().zip(score(trace, &rates)) {
                *sum += trace.probability(&rates) * s;
            }
        }
        mean.iter().all(Zero::is_zero)
    }

    /// Whether rates times `c` give the value times `c^power`.
    fn scales(power: i32, value: impl Fn(&Trace, &[BigRational]) -> Vec<BigRational>) -> bool {
        let (traces, rates) = square();
        let factor = ratio(7, 3);
        let scaled: Vec<BigRational> = rates.iter().map(|rate| rate * &factor).collect();
        let change = if power < 0 { factor.recip() } else { ratio(1, 1) };
        traces.iter().all(|trace| {
            let want: Vec<BigRational> = value(trace, &rates).into_iter().map(|v| v * &change).collect();
            value(trace, &scaled) == want
        })
    }

    fn mean(trace: &Trace, rates: &[BigRational]) -> Vec<BigRational> {
        trace.conditional_mean(rates).into_iter().flatten().collect()
    }

    #[test]
    fn the_probabilities_of_all_traces_sum_to_1() {
        assert!(sums_to_one(|trace, rates| trace.probability(rates)));
        // The last factor left out; the rate of the winner left out of the total.
        assert!(!sums_to_one(|trace, rates| {
            let last = &trace.races()[trace.races().len() - 1];
            trace.probability(rates) * last.total(rates) / &rates[last.winner]
        }));
        assert!(!sums_to_one(|trace, rates| {
            trace.races().iter().fold(ratio(1, 1), |p, race| {
                p * &rates[race.winner] / (race.total(rates) - &rates[race.winner])
            })
        }));
    }

    #[test]
    fn the_score_has_mean_0() {
        assert!(has_mean_zero(|trace, rates| trace.score(rates)));
        // The winners not counted; the sign of λ/Λ turned.
        let share = |trace: &Trace, rates: &[BigRational], sign: i64, won: i64| -> Vec<BigRational> {
            let mut score = vec![ratio(0, 1); rates.len()];
            for race in trace.races() {
                race.entrants
                    .iter()
                    .for_each(|&k| score[k] += ratio(sign, 1) * &rates[k] / race.total(rates));
                score[race.winner] -= ratio(won, 1);
            }
            score
        };
        assert!(has_mean_zero(|trace, rates| share(trace, rates, 1, 1))); // as it should be
        assert!(!has_mean_zero(|trace, rates| share(trace, rates, 1, 0)));
        assert!(!has_mean_zero(|trace, rates| share(trace, rates, -1, 1)));
    }

    #[test]
    fn a_scale_of_the_rates_changes_times_and_nothing_else() {
        assert!(scales(0, |trace, rates| vec![trace.probability(rates)]));
        assert!(scales(0, |trace, rates| trace.score(rates)));
        assert!(scales(-1, mean));
        // Rates not divided by the total; a mean that counts races instead of times.
        let unscaled = |trace: &Trace, rates: &[BigRational]| {
            vec![trace.races().iter().fold(ratio(1, 1), |p, race| p * &rates[race.winner])]
        };
        assert!(!scales(0, unscaled));
        assert!(!scales(-1, |trace, rates| {
            mean(trace, rates).into_iter().map(|mean| mean + ratio(1, 1)).collect()
        }));
    }
}
