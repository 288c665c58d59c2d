//! Exact fractions, and how they are shown: whole while short, as a decimal once they are long.

use std::fmt;

use num_bigint::{BigInt, BigUint};
use num_rational::BigRational;
use num_traits::{One, Pow, Signed, Zero};

/// Significant digits of the decimal beside a fraction.
const BESIDE: usize = 6;
/// Significant digits of the decimal in place of a fraction.
const INSTEAD: usize = 12;
/// A fraction longer than this gives way to a decimal that is exact.
const PLAIN: usize = 16;
/// The most characters of a fraction in a sentence.
pub(super) const SENTENCE: usize = 40;

/// An exact number. `Display` gives it whole, as `p/q` or `p`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fraction(pub BigRational);

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A decimal: `mantissa`, or `mantissa·10^exponent`; as it stands, or taken from 1.
struct Decimal {
    from_one: bool,
    mantissa: String,
    exponent: Option<i64>,
    exact: bool,
}

impl Decimal {
    fn sign(&self) -> &'static str {
        if self.exact { "=" } else { "≈" }
    }

    fn tex(&self) -> String {
        let from = if self.from_one { "1 - " } else { "" };
        match self.exponent {
            Some(exponent) if self.mantissa == "1" => format!("{from}10^{{{exponent}}}"),
            Some(exponent) => format!("{from}{} \\cdot 10^{{{exponent}}}", self.mantissa),
            None => format!("{from}{}", self.mantissa),
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.from_one { "1 - " } else { "" })?;
        f.write_str(&self.mantissa)?;
        self.exponent.map_or(Ok(()), |exponent| write!(f, "e{exponent}"))
    }
}

/// The digits of a positive number, rounded to `digits` of them (half up); its exponent; whether nothing was lost.
fn digits_of(value: &BigRational, digits: usize) -> (String, i64, bool) {
    let power = |exponent: i64| BigInt::from(Pow::pow(BigUint::from(10_u8), exponent.unsigned_abs()));
    let scale = |exponent: i64| {
        let (numer, denom) = (value.numer(), value.denom());
        if exponent >= 0 {
            (numer * power(exponent), denom.clone())
        } else {
            (numer.clone(), denom * power(exponent))
        }
    };
    // 10^e ≤ value < 10^(e+1): the lengths in bits leave two candidates.
    let bits = value.numer().bits() as f64 - value.denom().bits() as f64;
    let mut exponent = ((bits + 1.0) * std::f64::consts::LOG10_2).floor() as i64;
    let (numer, denom) = scale(-exponent);
    if numer < denom {
        exponent -= 1;
    }
    let (numer, denom) = scale(digits as i64 - 1 - exponent);
    let (mut quotient, rest) = (&numer / &denom, &numer % &denom);
    if &rest * 2 >= denom {
        quotient += 1;
    }
    let mut text = quotient.to_string();
    if text.len() > digits {
        text.pop();
        exponent += 1;
    }
    (text, exponent, rest.is_zero())
}

fn decimal(value: &BigRational, digits: usize) -> Decimal {
    let plain = |mantissa: &str| Decimal {
        from_one: false,
        mantissa: mantissa.to_owned(),
        exponent: None,
        exact: true,
    };
    if value.is_zero() {
        return plain("0");
    }
    let (mut text, exponent, exact) = digits_of(&value.abs(), digits);
    if !exact && value.is_positive() && *value < BigRational::one() && exponent == 0 {
        // It rounds up to 1: what is missing says more.
        let rest = decimal(&BigRational::new_raw(value.denom() - value.numer(), value.denom().clone()), 3);
        return Decimal { from_one: true, ..rest };
    }
    text.truncate(text.trim_end_matches('0').len());
    let minus = if value.is_negative() { "-" } else { "" };
    let point = |text: &str, at: usize| match text.split_at_checked(at) {
        Some((whole, "")) => whole.to_owned(),
        Some((whole, part)) => format!("{whole}.{part}"),
        None => format!("{text}{}", "0".repeat(at - text.len())),
    };
    let (mantissa, exponent) = match usize::try_from(exponent) {
        Ok(e) if e < digits => (point(&text, e + 1), None),
        Err(_) if exponent >= -5 => {
            (format!("0.{}{text}", "0".repeat(exponent.unsigned_abs() as usize - 1)), None)
        }
        _ => (point(&text, 1), Some(exponent)),
    };
    Decimal { from_one: false, mantissa: format!("{minus}{mantissa}"), exponent, exact }
}

/// The two parts of a number in a table: the fraction (empty if it is too long), then `≈` or `=` and a decimal (empty
/// for an integer).
pub(super) struct Parts {
    pub(super) fraction: String,
    pub(super) decimal: String,
}

impl Fraction {
    /// The number in decimal with so many significant digits, as `0.0123`, `1.23e-30`, or `1 - 7e-40`.
    ///
    /// ```
    /// use gumbel_oracle::number::ratio;
    /// use recursive_gumbel::explain::Fraction;
    /// assert_eq!(Fraction(ratio(2, 3)).decimal(6), "0.666667");
    /// assert_eq!(Fraction(ratio(1, 4)).decimal(6), "0.25");
    /// ```
    #[must_use]
    pub fn decimal(&self, digits: usize) -> String {
        decimal(&self.0, digits.max(1)).to_string()
    }

    /// The fraction, if it is short enough to be shown, else nothing.
    fn whole(&self, most: usize) -> Option<String> {
        // A digit has less than 4 bits; numbers of a million digits take long to write.
        if (self.0.numer().bits() + self.0.denom().bits()) as usize > 4 * (most + 1) {
            return None;
        }
        let text = self.0.to_string();
        let gives_way = text.len() > PLAIN && decimal(&self.0, INSTEAD).exact;
        (text.len() <= most && !gives_way).then_some(text)
    }

    /// As in a sentence: `4/15 ≈ 0.266667`, `1/4 = 0.25`, `5`, and if the fraction is long `≈ 0.266666666667`. What
    /// stands after `≈` is rounded, trailing zeros are left out.
    #[must_use]
    pub fn text(&self) -> String {
        let Parts { fraction, decimal } = self.parts(SENTENCE);
        format!("{fraction} {decimal}").trim().to_owned()
    }

    /// What follows a quantity: `= 4/15 ≈ 0.266667`, `= 5`, `≈ 0.266666666667`.
    pub(super) fn equals(&self) -> String {
        let text = self.text();
        if text.starts_with('≈') { text } else { format!("= {text}") }
    }

    /// The fraction alone, or if it is long its decimal.
    pub(super) fn brief(&self, most: usize) -> String {
        self.whole(most).unwrap_or_else(|| self.instead())
    }

    fn instead(&self) -> String {
        let decimal = decimal(&self.0, INSTEAD);
        if decimal.exact { decimal.to_string() } else { format!("≈ {decimal}") }
    }

    pub(super) fn parts(&self, most: usize) -> Parts {
        match self.whole(most) {
            Some(fraction) if self.0.is_integer() => Parts { fraction, decimal: String::new() },
            Some(fraction) => {
                let decimal = decimal(&self.0, BESIDE);
                Parts { fraction, decimal: format!("{} {decimal}", decimal.sign()) }
            }
            None => Parts { fraction: String::new(), decimal: self.instead() },
        }
    }

    /// The fraction alone in TeX, or if it is long its decimal; and whether it is exact.
    pub(super) fn tex_brief(&self) -> (String, bool) {
        match self.whole(SENTENCE) {
            Some(whole) => {
                let minus = if self.0.is_negative() { "-" } else { "" };
                let text = if self.0.is_integer() {
                    whole
                } else {
                    format!("{minus}\\frac{{{}}}{{{}}}", self.0.numer().abs(), self.0.denom())
                };
                (text, true)
            }
            None => {
                let decimal = decimal(&self.0, INSTEAD);
                (decimal.tex(), decimal.exact)
            }
        }
    }

    /// What follows a quantity in TeX: `= \frac{4}{15} \approx 0.266667`.
    pub(super) fn tex_equals(&self) -> String {
        let (brief, exact) = self.tex_brief();
        let sign = |exact| if exact { "=" } else { "\\approx" };
        let mut text = format!("{} {brief}", sign(exact));
        if self.whole(SENTENCE).is_some() && !self.0.is_integer() {
            let decimal = decimal(&self.0, BESIDE);
            text.push_str(&format!(" {} {}", sign(decimal.exact), decimal.tex()));
        }
        text
    }

    /// A cell of a table: the fraction, or `\approx` and its decimal.
    pub(super) fn tex_cell(&self) -> String {
        let (brief, exact) = self.tex_brief();
        if exact { format!("${brief}$") } else { format!("$\\approx {brief}$") }
    }
}

/// A float with six significant digits; `?` if it is not finite.
pub(super) fn float(value: f64) -> String {
    shown(value, |decimal| decimal.to_string())
}

/// The same in TeX.
pub(super) fn float_tex(value: f64) -> String {
    shown(value, Decimal::tex)
}

fn shown(value: f64, show: fn(&Decimal) -> String) -> String {
    BigRational::from_float(value).map_or_else(|| "?".to_owned(), |value| show(&decimal(&value, BESIDE)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel_oracle::number::ratio;

    #[test]
    fn decimals_are_rounded_from_the_exact_value() {
        let show = |p, q, digits| Fraction(ratio(p, q)).decimal(digits);
        assert_eq!(show(2, 3, 3), "0.667");
        assert_eq!(show(-2, 3, 3), "-0.667");
        assert_eq!(show(0, 1, 3), "0");
        assert_eq!(show(1, 4, 6), "0.25");
        assert_eq!(show(1, 3_000_000, 3), "3.33e-7");
        assert_eq!(show(1, 30_000, 3), "0.0000333");
        assert_eq!(show(9999, 10, 3), "1e3");
        assert_eq!(show(1234, 1, 6), "1234");
        assert_eq!(show(1_000_000, 1, 3), "1e6");
        assert_eq!(show(200, 1, 3), "200");
        assert_eq!(show(29, 2, 6), "14.5");
        assert_eq!(show(100_000, 3, 6), "33333.3");
    }

    #[test]
    fn what_rounds_up_to_1_says_what_is_missing() {
        assert_eq!(Fraction(ratio(9_999_999, 10_000_000)).decimal(6), "1 - 1e-7");
        assert_eq!(Fraction(ratio(10_000_001, 10_000_000)).decimal(6), "1");
    }

    #[test]
    fn long_fractions_give_way_to_decimals() {
        let big = BigInt::from(10).pow(40_u32);
        assert_eq!(Fraction(BigRational::from(big.clone())).text(), "1e40");
        assert_eq!(Fraction(BigRational::new(1.into(), big.clone())).text(), "1e-40");
        assert_eq!(Fraction(BigRational::new(1.into(), big.clone() * 3)).text(), "≈ 3.33333333333e-41");
        assert_eq!(Fraction(BigRational::new(&big - 7, big)).text(), "1 - 7e-40");
        assert_eq!(Fraction(ratio(4, 15)).text(), "4/15 ≈ 0.266667");
        assert_eq!(Fraction(ratio(1, 4)).text(), "1/4 = 0.25");
        assert_eq!(Fraction(ratio(-4, 15)).tex_equals(), "= -\\frac{4}{15} \\approx -0.266667");
    }
}
