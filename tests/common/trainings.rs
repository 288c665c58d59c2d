//! The trainings that were kept in `docs/toy`.

use std::collections::BTreeMap;
use std::path::Path;

/// The expected loss of an estimator at a step, one number per seed: the exact one if it is there, else the mean of 1,000 draws.
pub(crate) type Losses = BTreeMap<(String, u64), Vec<f64>>;

/// Reads a file of `docs/toy`.
pub(crate) fn losses(name: &str) -> Losses {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/toy/{name}.csv"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut losses = Losses::new();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let loss = if cells[6].is_empty() { cells[4] } else { cells[6] };
        let key = (cells[0].to_owned(), cells[2].parse().expect("a step"));
        losses.entry(key).or_default().push(loss.parse().expect("a loss"));
    }
    losses
}

/// Mean, least and largest.
pub(crate) fn spread(values: &[f64]) -> [f64; 3] {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    [mean, least, values.iter().copied().fold(f64::NEG_INFINITY, f64::max)]
}
