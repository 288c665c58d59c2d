//! Tables for people, and fractions shortened for them.

use comfy_table::{CellAlignment, Table, presets};
use gumbel_oracle::number::to_f64;
use num_rational::BigRational;

/// A table with a head and right-aligned columns where `right` says so.
pub(super) fn table(head: &[&str], right: &[usize], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(head.to_vec());
    table.add_rows(rows);
    for &column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A fraction as a person reads it: whole if short, otherwise as a decimal.
pub(super) fn fraction(value: &BigRational) -> String {
    let text = value.to_string();
    if text.len() <= 40 { text } else { format!("≈ {}", decimal(value)) }
}

/// About nine significant digits.
pub(super) fn decimal(value: &BigRational) -> String {
    float(to_f64(value))
}

/// About nine significant digits; an exponent where a plain decimal would be long.
pub(super) fn float(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-4..1e9).contains(&size) {
        let digits =
            if value == 0.0 { 0 } else { (8 - libm::floor(libm::log10(size)) as i32).max(0) as usize };
        let text = format!("{value:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    } else {
        format!("{value:.8e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_nine_digits_and_no_tail_of_zeros() {
        assert_eq!(float(1.0 / 3.0), "0.333333333");
        assert_eq!(float(0.25), "0.25");
        assert_eq!(float(0.0), "0");
        assert_eq!(float(123_456.789), "123456.789");
        assert_eq!(float(-1e-30), "-1.00000000e-30");
        assert_eq!(float(1e40), "1.00000000e40");
        assert_eq!(float(100.0), "100");
    }
}
