//! Tables for people, and fractions shortened for them.

use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};
use num_rational::BigRational;
use recursive_gumbel::explain::Fraction;

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

/// Nine significant digits.
pub(super) fn decimal(value: &BigRational) -> String {
    Fraction(value.clone()).decimal(9)
}

/// So many significant digits, rounded from the exact value.
pub(super) fn float(value: f64, digits: usize) -> String {
    BigRational::from_float(value).map_or_else(|| value.to_string(), |exact| Fraction(exact).decimal(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_nine_digits_and_no_tail_of_zeros() {
        assert_eq!(float(1.0 / 3.0, 9), "0.333333333");
        assert_eq!(float(0.25, 9), "0.25");
        assert_eq!(float(0.0, 9), "0");
        assert_eq!(float(123_456.789, 9), "123456.789");
        assert_eq!(float(-1e-30, 9), "-1e-30");
        assert_eq!(float(1e40, 9), "1e40");
        assert_eq!(float(100.0, 9), "100");
        assert_eq!(float(0.000_069_28, 3), "0.0000693");
        assert_eq!(float(f64::INFINITY, 3), "inf");
    }
}
