//! Identities that must hold exactly: what makes the base trustworthy.
//!
//! # Law
//! [`of_recursion`] checks any [`Recursion`](crate::recursion::Recursion), one of ours or one of yours, on given rates, in exact fractions:
//!
//! | identity | formula |
//! |---|---|
//! | promises kept | in every state the entrant sets are disjoint, increasing and not empty, and nobody races who is absent or has won |
//! | traces are different | no trace is listed twice |
//! | decomposition | `Σ_T p(T) L_T(s) = Π_k λ_k/(λ_k + s_k)`, at several rational `s` |
//! | total expectation | `Σ_T p(T) E[E_k \| T] = 1/λ_k` |
//! | total covariance, up to 300 traces | `Σ_T p(T) (Cov(E_j, E_k \| T) + E[E_j \| T] E[E_k \| T]) = ([j = k] + 1)/(λ_j λ_k)` |
//! | round trip | from `T` and any times, rebuild `E`, run the algorithm: the same trace, structure and times |
//! | change of variables | `(M, R) → E` has determinant ±1 and `Σ λ_k E_k = Σ Λ_r M_r + Σ λ_k R_k` |
//!
//! If a promise is broken, only that is told: what follows from the promises could not even be enumerated. The last two
//! prove `p(T)` and `p(E | T)` for the trace at hand: the density `Π λ_k e^{-λ_k E_k}` of the exponentials,
//! written in `(M, R)`, is `p(T)·Π Λ_r e^{-Λ_r M_r}·Π λ_k e^{-λ_k R_k}` on the set where the trace is `T`. The
//! decomposition identity alone is blind to a last race that is neither recorded nor counted.
//!
//! That `Σ_T p(T) = 1`, that the score has mean 0, and what a scale of the rates does, is not among them: it follows from the
//! formulas of [`crate::race`] whatever the recursion is, and is tested there.
//!
//! [`of_builtin`] adds what compares two ways to compute one thing: counts, collapsed against full enumeration, marginals,
//! gradients, rate 0, relabelling, duality. Each is refuted by some wrong implementation: `oracle/tests/wrong_laws.rs` has
//! the table. [`closed_forms`] is what holds for equal rates and complete graphs only; [`optimality`] that the structure
//! found is the best.

mod builtin;
mod closed_forms;
mod optimality;
mod recursion;

pub use builtin::of_builtin;
pub use closed_forms::{closed_forms, expected_tree_weight};
pub use optimality::optimality;
pub(crate) use recursion::promises_kept;
pub use recursion::{of_recursion, of_traces};

use crate::model::{Model, with_algorithm};
use crate::number::{Exact, FromExact, ratio};

/// The outcome of one identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its name.
    pub name: &'static str,
    /// How many equalities were compared, or the first that does not hold.
    pub outcome: Result<u64, String>,
}

/// Counts equalities and stops at the first that fails.
pub(crate) type Compared = Result<u64, String>;

pub(crate) fn identity(name: &'static str, outcome: Compared) -> Identity {
    Identity { name, outcome }
}

pub(crate) fn equal<T: PartialEq + std::fmt::Debug>(
    what: impl FnOnce() -> String,
    found: &T,
    want: &T,
) -> Compared {
    if found == want { Ok(1) } else { Err(format!("{}: found {found:?}, want {want:?}", what())) }
}

/// Shortens fractions in messages.
pub(crate) fn equal_fraction(what: impl FnOnce() -> String, found: &Exact, want: &Exact) -> Compared {
    if found == want { Ok(1) } else { Err(format!("{}: found {found}, want {want}", what())) }
}

pub(crate) fn exact(numerator: i64, denominator: i64) -> Exact {
    Exact::from_exact(&ratio(numerator, denominator))
}

/// At most so many, spread evenly.
pub(crate) fn some<T>(items: &[T], most: usize) -> impl Iterator<Item = &T> {
    items.iter().step_by(items.len().div_ceil(most).max(1))
}

/// Identities of a model: [`of_builtin`] of its algorithm on its rates.
///
/// All traces are enumerated: check first how many there are.
#[must_use]
pub fn of_model(model: &Model) -> Vec<Identity> {
    with_algorithm!(model, algorithm => of_builtin(algorithm, model.rates()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_of_many_are_spread_evenly() {
        for (items, most) in [(3, 500), (500, 500), (501, 500), (1_080, 500), (100_003, 2_000), (0, 5)] {
            let all: Vec<usize> = (0..items).collect();
            let taken: Vec<usize> = some(&all, most).copied().collect();
            assert!(taken.len() <= most && taken.len() >= most.min(items) / 2, "{items} {most}");
            let step = taken.get(1).map_or(1, |second| second - taken[0]);
            assert!(taken.windows(2).all(|pair| pair[1] - pair[0] == step), "{items} {most}");
            assert!(taken.last().is_none_or(|last| last + step >= items), "{items} {most}");
        }
    }
}
