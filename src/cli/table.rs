//! Tables for people, and fractions shortened for them.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use gumbel_oracle::number::to_f64;
use num_rational::BigRational;

/// A table with a head and right-aligned columns where `right` says so.
pub(super) fn table(head: &[&str], right: &[usize], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    let line = LineStyle::none().fill('─').junction('─');
    table.load_style(TableStyle::new().header_separator(line));
    table.set_header(head.to_vec());
    table.add_rows(rows);
    for &column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A fraction as a person reads it; of a long one only the length (its decimal value stands beside it).
pub(super) fn fraction(value: &BigRational) -> String {
    let text = value.to_string();
    if text.len() <= 40 { text } else { format!("({} characters)", text.len()) }
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
        let text = format!("{value:.8e}");
        match text.split_once('e') {
            Some((digits, exponent)) if digits.contains('.') => {
                format!("{}e{exponent}", digits.trim_end_matches('0').trim_end_matches('.'))
            }
            _ => text,
        }
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
        assert_eq!(float(-1e-30), "-1e-30");
        assert_eq!(float(1e40), "1e40");
        assert_eq!(float(100.0), "100");
    }
}
