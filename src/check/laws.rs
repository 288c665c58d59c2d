//! Structures and traces against the exact law.

use super::{Check, Evidence, Known, Level, Looks, repeated};
use crate::report::Row;
use crate::sample::Field;
use crate::statistics::{DepartureKind, Drawn, StatisticsError, TestResult, pearson, worst_cells};

/// Which law.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    /// `P(X)`.
    Structures,
    /// `p(T)`.
    Traces,
}

/// How often each structure or trace was drawn, against its exact probability; the last cell is everything impossible.
pub(super) struct Cells {
    of: Of,
    /// Whether chi-square is asked as well, whose tail is not trusted at every false-alarm probability.
    pooled: bool,
    looks: Looks,
    counts: Vec<u64>,
}

impl Cells {
    pub(super) fn of(of: Of, looks: Looks) -> Self {
        Self { of, pooled: true, looks, counts: Vec::new() }
    }

    /// No chi-square.
    pub(super) fn unpooled(of: Of, looks: Looks) -> Self {
        Self { pooled: false, ..Self::of(of, looks) }
    }
}

impl Check for Cells {
    fn see(&mut self, known: &Known<'_>, batch: &Evidence) {
        let (cells, drawn) = match self.of {
            Of::Structures => (known.structures.len(), &batch.structure),
            Of::Traces => (known.traces.len(), &batch.trace),
        };
        self.counts.resize(cells + 1, 0);
        drawn.iter().for_each(|&cell| self.counts[cell.min(cells)] += 1);
    }

    fn subject(&self) -> &'static str {
        match self.of {
            Of::Structures => "structures",
            Of::Traces => "traces",
        }
    }

    fn needs(&self) -> &'static [Field] {
        match self.of {
            Of::Structures => &[Field::Structure],
            Of::Traces => &[Field::Trace],
        }
    }

    fn tests(&self) -> usize {
        match self.looks {
            Looks::Always => 1,
            Looks::Once if self.pooled => 3,
            Looks::Once => 2,
        }
    }

    /// Chi-square; G; and cell by cell, which is exact however few the draws. Or bets on all of these.
    fn judge(&self, known: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        let subject = self.subject();
        let mut probabilities: Vec<f64> = match self.of {
            Of::Structures => known.structures.clone(),
            Of::Traces => known.traces.iter().map(|(_, p)| *p).collect(),
        };
        let name = |cell: usize| match self.of {
            Of::Structures => known.structure_name(cell),
            Of::Traces => known.trace_name(cell),
        };
        let Level { alpha, times, looks } = *at;
        let counts = repeated(&self.counts, times);
        let count = counts.iter().sum();
        if count == 0 {
            return Ok(vec![Row::exact(subject, at.name("χ²"), 0, "draws").not_judged("no draws")]);
        }
        probabilities.push(0.0);
        let note = || {
            let mut note = String::new();
            for worst in worst_cells(&counts, &probabilities, 3).into_iter().flatten() {
                let how = if worst.drawn == Drawn::Over { "over-drawn" } else { "under-drawn" };
                let impossible = worst.cell + 1 == probabilities.len();
                let cell = if impossible { "impossible ones".to_owned() } else { name(worst.cell) };
                let (observed, expected) = (worst.observed, worst.expected);
                note.push_str(&format!("{cell} {how}: {observed} observed, {expected:.1} expected. "));
            }
            note.trim_end().to_owned()
        };
        let mut rows = Vec::new();
        if self.pooled && looks == Looks::Once {
            let test = pearson(&counts, &probabilities)?.judge(alpha)?;
            rows.push(Row::test(subject, "χ²", count, "draws", test, note));
        }
        let (_, test) = at.law(&self.counts, &probabilities)?;
        rows.push(Row::test(subject, at.name("G"), count, "draws", test, note));
        // Its power is of one cell and not of a law, so it is no question of how many draws would do.
        if times == 1.0
            && looks == Looks::Once
            && let Some(worst) = worst_cells(&counts, &probabilities, 1)?.first()
        {
            let test = TestResult {
                statistic: worst.observed as f64 - worst.expected,
                p_value: worst.p_value,
                threshold: alpha,
                smallest_departure: 1.0,
                departure_kind: DepartureKind::TotalVariation,
            };
            let check = "binomial of the worst cell";
            rows.push(Row::test(subject, check, count, "draws", test, note));
        }
        Ok(rows)
    }
}
