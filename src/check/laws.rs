//! Structures and traces against the exact law.

use super::{Check, Evidence, Known};
use crate::report::Row;
use crate::statistics::{Drawn, StatisticsError, g_test, pearson, worst_cells};

/// How often each cell was drawn; the last is everything impossible.
#[derive(Default)]
struct Cells(Vec<u64>);

impl Cells {
    fn see(&mut self, cells: usize, drawn: &[usize]) {
        self.0.resize(cells + 1, 0);
        drawn.iter().for_each(|&cell| self.0[cell] += 1);
    }

    /// Chi-square and G.
    fn judge(
        &self,
        subject: &'static str,
        mut probabilities: Vec<f64>,
        name: impl Fn(usize) -> String,
        alpha: f64,
    ) -> Result<Vec<Row>, StatisticsError> {
        let count = self.0.iter().sum();
        if count == 0 {
            return Ok(vec![Row::exact(subject, "χ²", 0, "draws").not_judged("no draws")]);
        }
        probabilities.push(0.0);
        let note = || {
            let mut note = String::new();
            for worst in worst_cells(&self.0, &probabilities, 3).into_iter().flatten() {
                let how = if worst.drawn == Drawn::Over { "over-drawn" } else { "under-drawn" };
                let impossible = worst.cell + 1 == probabilities.len();
                let cell = if impossible { "impossible ones".to_owned() } else { name(worst.cell) };
                let (observed, expected) = (worst.observed, worst.expected);
                note.push_str(&format!("{cell} {how}: {observed} observed, {expected:.1} expected. "));
            }
            note.trim_end().to_owned()
        };
        let (chi_square, g) = (pearson(&self.0, &probabilities)?, g_test(&self.0, &probabilities)?);
        Ok(vec![
            Row::test(subject, "χ²", count, "draws", chi_square.judge(alpha)?, note),
            Row::test(subject, "G", count, "draws", g.judge(alpha)?, note),
        ])
    }
}

/// Structures against `P(X)`.
#[derive(Default)]
pub(super) struct Structures(Cells);

impl Check for Structures {
    fn see(&mut self, known: &Known<'_>, batch: &Evidence) {
        self.0.see(known.structures.len(), &batch.structure);
    }

    fn tests(&self) -> usize {
        2
    }

    fn judge(&self, known: &Known<'_>, alpha: f64) -> Result<Vec<Row>, StatisticsError> {
        self.0.judge("structures", known.structures.clone(), |cell| known.structure_name(cell), alpha)
    }
}

/// Traces against `p(T)`.
#[derive(Default)]
pub(super) struct Traces(Cells);

impl Check for Traces {
    fn see(&mut self, known: &Known<'_>, batch: &Evidence) {
        self.0.see(known.traces.len(), &batch.trace);
    }

    fn tests(&self) -> usize {
        2
    }

    fn judge(&self, known: &Known<'_>, alpha: f64) -> Result<Vec<Row>, StatisticsError> {
        let probabilities = known.traces.iter().map(|(_, p)| *p).collect();
        self.0.judge("traces", probabilities, |cell| known.trace_name(cell), alpha)
    }
}
