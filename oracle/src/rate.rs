//! Rates, read exactly.
//!
//! A rate is an integer (`12`), a decimal, with an exponent if need be (`0.25`, `1e-30`), or a fraction of integers
//! (`2/3`). It is read as the number it says: `0.1` is one tenth. 0 is an absent entry; `-0` is refused. A logit `θ` is an
//! integer or decimal of the same form, with a sign if it is negative, read as `f64`; its rate is the `f64` `exp(-θ)`, taken
//! exactly. The form is that of numbers in JSON, so `+1`, `.5` and `5.` are neither.
//!
//! # Example
//! ```
//! use gumbel_oracle::{number::ratio, rate};
//! assert_eq!(rate::parse("0.1"), Ok(ratio(1, 10)));
//! assert_eq!(rate::parse("-1"), Err(rate::RateError::Negative("-1".to_owned())));
//! ```

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;

/// The most characters of a rate.
pub const MAX_LENGTH: usize = 4096;

/// The largest power of ten in a rate, up or down.
pub const MAX_EXPONENT: i64 = 5000;

/// Why a text is no rate or logit.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RateError {
    /// Not a number at all.
    #[error(
        "{0:?} is not a number: want an integer, a decimal such as \"0.25\" or \"1e-30\", or a fraction \"p/q\""
    )]
    NotANumber(String),
    /// Not a logit.
    #[error("{0:?} is not a number: want an integer or a decimal such as \"-0.25\" or \"1e-3\"")]
    NotALogit(String),
    /// NaN.
    #[error("{0:?} is not a number: want a finite number, positive, or 0 for an absent entry")]
    Nan(String),
    /// Infinite.
    #[error("{0:?} is infinite: want a finite number, positive, or 0 for an absent entry")]
    Infinite(String),
    /// Below 0.
    #[error("{0} is negative: a rate is positive, or 0 for an absent entry")]
    Negative(String),
    /// Minus zero.
    #[error("{0} is minus zero, which as a weight would win every race: write 0 for an absent entry")]
    MinusZero(String),
    /// A fraction over 0.
    #[error("{0:?} divides by 0: want a fraction \"p/q\" with q positive")]
    DividesByZero(String),
    /// Too many digits.
    #[error("a number of {0} characters: at most {MAX_LENGTH} are read")]
    TooLong(usize),
    /// An exponent out of reason.
    #[error("the exponent of {0:?} is out of reach: want one between -{MAX_EXPONENT} and {MAX_EXPONENT}")]
    Exponent(String),
    /// A logit whose rate is no finite positive `f64`.
    #[error("logit {logit} has rate exp({}) = {rate:?} in f64: want a logit between -709 and 745", -logit)]
    Logit {
        /// The logit.
        logit: f64,
        /// 0 or infinity.
        rate: f64,
    },
}

/// Reads a rate.
///
/// # Errors
/// [`RateError`], with the text.
pub fn parse(text: &str) -> Result<BigRational, RateError> {
    if text.len() > MAX_LENGTH {
        return Err(RateError::TooLong(text.len()));
    }
    not_finite(text)?;
    let Some(positive) = text.strip_prefix('-') else {
        return unsigned(text);
    };
    let value = unsigned(positive).map_err(|error| match error {
        RateError::NotANumber(_) => RateError::NotANumber(text.to_owned()),
        RateError::DividesByZero(_) => RateError::DividesByZero(text.to_owned()),
        RateError::Exponent(_) => RateError::Exponent(text.to_owned()),
        other => other,
    })?;
    Err(if value.is_zero() {
        RateError::MinusZero(text.to_owned())
    } else {
        RateError::Negative(text.to_owned())
    })
}

fn not_finite(text: &str) -> Result<(), RateError> {
    match text.trim_start_matches(['+', '-']).to_ascii_lowercase().as_str() {
        "nan" => Err(RateError::Nan(text.to_owned())),
        "inf" | "infinity" => Err(RateError::Infinite(text.to_owned())),
        _ => Ok(()),
    }
}

fn unsigned(text: &str) -> Result<BigRational, RateError> {
    let wrong = || RateError::NotANumber(text.to_owned());
    let digits = |part: &str| -> Result<BigInt, RateError> {
        if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        part.parse().map_err(|_| wrong())
    };
    if let Some((numerator, denominator)) = text.split_once('/') {
        let (numerator, denominator) = (digits(numerator)?, digits(denominator)?);
        if denominator.is_zero() {
            return Err(RateError::DividesByZero(text.to_owned()));
        }
        return Ok(BigRational::new(numerator, denominator));
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, signed_exponent(exponent).ok_or_else(wrong)?),
        None => (text, Some(0)),
    };
    let exponent = exponent.ok_or_else(|| RateError::Exponent(text.to_owned()))?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let value = digits(&format!("{whole}{fraction}"))?;
    if mantissa.ends_with('.') || mantissa.starts_with('.') {
        return Err(wrong());
    }
    let power = BigInt::from(10).pow(u32::try_from(exponent.abs()).unwrap_or(0));
    let scaled = if exponent < 0 { BigRational::new(value, power) } else { BigRational::from(value * power) };
    let places = u32::try_from(fraction.len()).unwrap_or(0);
    Ok(scaled / BigRational::from(BigInt::from(10).pow(places)))
}

/// Digits, perhaps a point with digits on both sides, perhaps an exponent.
fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    digits(whole) && digits(fraction) && digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
}

/// `None`: not an exponent; `Some(None)`: out of reach.
fn signed_exponent(text: &str) -> Option<Option<i64>> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let in_reach = |exponent: &i64| exponent.abs() <= MAX_EXPONENT;
    Some(text.strip_prefix('+').unwrap_or(text).parse().ok().filter(in_reach))
}

/// Reads a logit and returns its rate, the `f64` `exp(-θ)` taken exactly.
///
/// # Errors
/// [`RateError`] if it is not a finite number, or its rate is 0 or infinite in `f64`.
pub fn parse_logit(text: &str) -> Result<BigRational, RateError> {
    if text.len() > MAX_LENGTH {
        return Err(RateError::TooLong(text.len()));
    }
    not_finite(text)?;
    let wrong = || RateError::NotALogit(text.to_owned());
    if !is_decimal(text.strip_prefix('-').unwrap_or(text)) {
        return Err(wrong());
    }
    let logit: f64 = text.parse().map_err(|_| wrong())?;
    if !logit.is_finite() {
        return Err(RateError::Infinite(text.to_owned()));
    }
    of_logit(logit)
}

/// The rate of a logit: the `f64` `exp(-θ)`, taken exactly.
///
/// # Errors
/// [`RateError::Logit`] if that is 0, infinite or NaN.
pub fn of_logit(logit: f64) -> Result<BigRational, RateError> {
    let rate = libm::exp(-logit);
    match BigRational::from_float(rate) {
        Some(exact) if rate > 0.0 => Ok(exact),
        _ => Err(RateError::Logit { logit, rate }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::ratio;

    #[test]
    fn numbers_are_read_exactly() {
        for (text, p, q) in [
            ("12", 12, 1),
            ("0.1", 1, 10),
            ("2/3", 2, 3),
            ("4/6", 2, 3),
            ("1e3", 1000, 1),
            ("2.50E-1", 1, 4),
            ("1.5e+2", 150, 1),
            ("0", 0, 1),
            ("0.000", 0, 1),
            ("007", 7, 1),
        ] {
            assert_eq!(parse(text), Ok(ratio(p, q)), "{text}");
        }
        assert_eq!(parse("1e40").unwrap(), BigRational::from(BigInt::from(10).pow(40)));
        assert_eq!(parse("1e-30").unwrap().recip(), BigRational::from(BigInt::from(10).pow(30)));
    }

    #[test]
    fn what_is_no_rate_is_refused_by_kind() {
        use RateError as E;
        let text = str::to_owned;
        for junk in [
            "", "abc", "1,5", "1/2/3", "1.5/2", "+1", ".5", "5.", "1e", "1e1.5", "0x10", " 1", "--1", "/",
            "1/", "-",
        ] {
            assert_eq!(parse(junk), Err(E::NotANumber(text(junk))), "{junk:?}");
        }
        assert_eq!(parse("-1/2"), Err(E::Negative(text("-1/2"))));
        assert_eq!(parse("-0.0"), Err(E::MinusZero(text("-0.0"))));
        assert_eq!(parse("NaN"), Err(E::Nan(text("NaN"))));
        assert_eq!(parse("-Infinity"), Err(E::Infinite(text("-Infinity"))));
        assert_eq!(parse("1/0"), Err(E::DividesByZero(text("1/0"))));
        assert_eq!(parse("1e5001"), Err(E::Exponent(text("1e5001"))));
        assert_eq!(parse("1e99999999999999999999"), Err(E::Exponent(text("1e99999999999999999999"))));
        assert_eq!(parse(&"1".repeat(5000)), Err(E::TooLong(5000)));
    }

    #[test]
    fn the_rate_of_a_logit_is_its_exponential_taken_exactly() {
        assert_eq!(parse_logit("0"), Ok(ratio(1, 1)));
        assert_eq!(parse_logit("1").unwrap(), BigRational::from_float(libm::exp(-1.0)).unwrap());
        assert_eq!(parse_logit("800"), Err(RateError::Logit { logit: 800.0, rate: 0.0 }));
        assert_eq!(parse_logit("-800"), Err(RateError::Logit { logit: -800.0, rate: f64::INFINITY }));
        assert_eq!(parse_logit("nan"), Err(RateError::Nan("nan".to_owned())));
        assert_eq!(parse_logit("1e999"), Err(RateError::Infinite("1e999".to_owned())));
        assert_eq!(parse_logit("-2.5e-1"), of_logit(-0.25));
        assert_eq!(parse_logit("-0"), Ok(ratio(1, 1)));
        for junk in ["1/2", "+1", ".5", "5.", "-.5", "1e", "e5", "", "-", "--1", "1e5.0", " 1", "1_0"] {
            assert_eq!(parse_logit(junk), Err(RateError::NotALogit(junk.to_owned())), "{junk:?}");
        }
    }
}
