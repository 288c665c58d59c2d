//! The size of an enumeration is known before it starts; this is where it is refused.

use num_bigint::BigUint;

/// The most traces, structures or states that an enumeration may visit.
///
/// ```
/// use gumbel_oracle::limit::Limit;
/// assert!(Limit::default().check("traces", &96_u32.into()).is_ok());
/// assert!(Limit(10).check("traces", &96_u32.into()).is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub u64);

impl Default for Limit {
    /// Two million: K₈ by structure, K₁₁ by partition, 8×8 matchings, binary trees of 13.
    fn default() -> Self {
        Self(2_000_000)
    }
}

/// An enumeration that would not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the enumeration would visit {} {what}, more than the limit of {limit}: {}", in_words(count), self.remedy())]
pub struct TooLarge {
    /// What would be visited.
    pub what: &'static str,
    /// How many: exactly, unless `what` says that it is a bound.
    pub count: BigUint,
    /// The limit.
    pub limit: u64,
    /// What would help.
    pub remedy: Remedy,
}

/// What helps against [`TooLarge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// A limit of `count` is enough.
    Raise,
    /// A limit of `count` is needed at the least; the whole work is not known yet.
    RaiseAtLeast,
    /// No limit: counting alone would take too long.
    SmallerModel,
}

/// The number, or its order of magnitude if it has more than 30 digits.
fn in_words(count: &BigUint) -> String {
    // log10(2) is a little more than 0.30102999
    let digits = count.bits().saturating_sub(1) * 30_103 / 100_000;
    if digits < 30 { count.to_string() } else { format!("about 10^{digits}") }
}

impl TooLarge {
    fn remedy(&self) -> String {
        let count = &self.count;
        let at_least = match self.remedy {
            _ if *count > BigUint::from(u64::MAX) => {
                return "no machine can do that, take a smaller model".to_owned();
            }
            Remedy::SmallerModel => return "no other limit helps, take a smaller model".to_owned(),
            Remedy::Raise => "",
            Remedy::RaiseAtLeast => " at least",
        };
        format!(
            "raise the limit (--limit {count}{at_least}, in the library `Limit`) if you have the time and memory, or \
             take a smaller model"
        )
    }
}

impl Limit {
    /// Refuses a count of at least `2^power` if that is above any limit, before the exact count is worked out.
    ///
    /// # Errors
    /// [`TooLarge`], with the lower bound and the limit.
    pub fn check_power(self, what: &'static str, power: usize) -> Result<(), TooLarge> {
        if power < 64 {
            return Ok(());
        }
        Err(TooLarge {
            what,
            count: BigUint::from(1_u8) << power,
            limit: self.0,
            remedy: Remedy::RaiseAtLeast,
        })
    }

    /// Refuses a count above the limit.
    ///
    /// # Errors
    /// [`TooLarge`], with the count and the limit.
    pub fn check(self, what: &'static str, count: &BigUint) -> Result<(), TooLarge> {
        self.check_with(what, count, Remedy::Raise)
    }

    /// As [`check`](Self::check), of a count that is only a lower bound of what will be visited.
    ///
    /// # Errors
    /// [`TooLarge`], with the count and the limit.
    pub fn check_lower_bound(self, what: &'static str, count: &BigUint) -> Result<(), TooLarge> {
        self.check_with(what, count, Remedy::RaiseAtLeast)
    }

    fn check_with(self, what: &'static str, count: &BigUint, remedy: Remedy) -> Result<(), TooLarge> {
        if *count > BigUint::from(self.0) {
            return Err(TooLarge { what, count: count.clone(), limit: self.0, remedy });
        }
        Ok(())
    }
}
