//! Floats as text that gives them back exactly.

use serde_json::{Map, Value};

/// The hexadecimal form, as C's `%a`, `strtod` and Python's `float.fromhex` have it: `0x1.8p+1` is 3.
#[must_use]
pub fn hexadecimal(value: f64) -> String {
    let (bits, sign) = (value.to_bits(), if value.is_sign_negative() { "-" } else { "" });
    let (exponent, fraction) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
    if exponent == 0x7ff {
        return if fraction == 0 { format!("{sign}inf") } else { "nan".to_owned() };
    }
    if value == 0.0 {
        return format!("{sign}0x0p+0");
    }
    let digits = format!("{fraction:013x}");
    let digits = digits.trim_end_matches('0');
    let point = if digits.is_empty() { "" } else { "." };
    let (lead, exponent) = if exponent == 0 { (0, -1022) } else { (1, exponent as i64 - 1023) };
    format!("{sign}0x{lead}{point}{digits}p{exponent:+}")
}

/// A float as decimal: the fewest digits that read back the same.
pub(super) fn decimal(value: Option<f64>) -> Value {
    value.map_or(Value::Null, Value::from)
}

/// Puts a number under `name`, and its hexadecimal form under `name_hex`.
pub(super) fn put(into: &mut Map<String, Value>, name: &str, value: f64) {
    into.insert(name.to_owned(), decimal(Some(value)));
    into.insert(format!("{name}_hex"), hexadecimal(value).into());
}

/// The same of a row, `null` where there is nothing.
pub(super) fn put_row(into: &mut Map<String, Value>, name: &str, row: &[Option<f64>]) {
    into.insert(name.to_owned(), row.iter().copied().map(decimal).collect());
    let hexadecimal: Value =
        row.iter().map(|value| value.map_or(Value::Null, |v| hexadecimal(v).into())).collect();
    into.insert(format!("{name}_hex"), hexadecimal);
}

/// The first name whose numbers and their hexadecimal forms are not the same.
pub(super) fn differing(object: &Map<String, Value>) -> Option<&str> {
    let told = |value: &Value| value.as_f64().map_or(Value::Null, |value| hexadecimal(value).into());
    let differs = |(name, value): (&String, &Value)| {
        let name = name.strip_suffix("_hex")?;
        let want = match object.get(name)? {
            Value::Array(row) => row.iter().map(told).collect(),
            number => told(number),
        };
        (want != *value).then(|| object.get_key_value(name).map(|(name, _)| name.as_str())).flatten()
    };
    object.iter().find_map(differs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Python writes them, but for zeros at the end (`(0.1).hex()` and so on).
    #[test]
    fn hexadecimal_is_that_of_python() {
        for (value, text) in [
            (0.1, "0x1.999999999999ap-4"),
            (3.0, "0x1.8p+1"),
            (-1.0, "-0x1p+0"),
            (0.0, "0x0p+0"),
            (5e-324, "0x0.0000000000001p-1022"),
            (f64::MAX, "0x1.fffffffffffffp+1023"),
            (f64::MIN_POSITIVE, "0x1p-1022"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(hexadecimal(value), text);
        }
    }
}
