//! What all entries, or all races, of a draw have in common: uniforms pooled over them, one by one and two by two.
//!
//! Under the null the values of one draw are independent as well as those of different draws, so that all of them together are
//! one sample. A row that pools catches a departure which all share, however small; of one that a single entry has, it sees next
//! to nothing: that is what the rows entry by entry and race by race are for, and each kind stands for itself.

use super::evidence::Seen;
use super::times::{SIDE, bin};
use super::{Check, Evidence, Known, Level, Looks};
use crate::report::Row;
use crate::sample::Field;
use crate::statistics::{KolmogorovSmirnov, StatisticsError, TestResult, kolmogorov_smirnov_of_counts};

/// What a pooled check looks at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of {
    pub(super) subject: &'static str,
    pub(super) needs: &'static [Field],
    /// What is pooled, in the report.
    pub(super) what: &'static str,
    /// What is wrong if it is refuted.
    pub(super) wrong: &'static str,
}

/// Bins of a Kolmogorov-Smirnov test of pooled values, which are many: the departure it catches grows by 1/65,536.
const FINEST: usize = 65_536;

/// Uniforms, pooled.
pub(super) struct Uniforms {
    of: Of,
    values: fn(&Seen<'_>, &mut dyn FnMut(f64)),
    counts: Vec<u64>,
    /// The most races of a trace beyond those that each trace has.
    spare: usize,
    draws: u64,
}

impl Uniforms {
    pub(super) fn new(of: Of, values: fn(&Seen<'_>, &mut dyn FnMut(f64))) -> Self {
        Self { of, values, counts: vec![0; FINEST], spare: 0, draws: 0 }
    }

    /// The number of values depends on the values: a trace of an arborescence has so many races more if its winners form cycles. The
    /// sequence of all values of all draws is still one of independent uniforms, cut off somewhere; so the bound is held to every
    /// place where it could have been.
    pub(super) fn of_random_number(self, spare: usize) -> Self {
        Self { spare, ..self }
    }
}

impl Check for Uniforms {
    fn see(&mut self, known: &Known<'_>, batch: &Evidence) {
        self.draws += batch.number.len() as u64;
        let counts = &mut self.counts;
        for seen in batch.draws(known) {
            (self.values)(&seen, &mut |u| bin(u, FINEST).into_iter().for_each(|bin| counts[bin] += 1));
        }
    }

    fn subject(&self) -> &'static str {
        self.of.subject
    }

    fn needs(&self) -> &'static [Field] {
        self.of.needs
    }

    fn tests(&self) -> usize {
        1
    }

    fn judge(&self, _: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        let Of { subject, what, wrong, .. } = self.of;
        if self.counts.iter().all(|&count| count == 0) {
            return Ok(Vec::new());
        }
        let (values, test) = match at.looks {
            // Value after value they are bets; so it does not matter where the sequence ends.
            Looks::Always => at.uniforms()(&self.counts)?,
            Looks::Once => {
                let Level { alpha, times, .. } = *at;
                let ks = kolmogorov_smirnov_of_counts(&super::repeated(&self.counts, times))?;
                let places = 1.0 + self.draws as f64 * times * self.spare as f64;
                let p_value = (ks.p_value * places).min(1.0);
                let test = KolmogorovSmirnov { p_value, ..ks }.judge(alpha / places)?;
                (ks.draws, TestResult { threshold: alpha, ..test })
            }
        };
        let check = format!("{}, {what} pooled", at.name("KS"));
        Ok(vec![Row::test(subject, check, values, "values", test, || wrong.to_owned())])
    }
}

/// Pairs of uniforms, pooled.
pub(super) struct Pairs {
    of: Of,
    pairs: fn(&Seen<'_>, &mut dyn FnMut(f64, f64)),
    counts: Vec<u64>,
}

impl Pairs {
    pub(super) fn new(of: Of, pairs: fn(&Seen<'_>, &mut dyn FnMut(f64, f64))) -> Self {
        Self { of, pairs, counts: vec![0; SIDE * SIDE] }
    }
}

/// When the first of two values is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum First {
    /// With the second: one bets on both.
    Together,
    /// Draws before it: one bets on the second, given the first, since in between one may look.
    Earlier,
}

/// The test that counts on a grid are those of independent uniforms, and how many there are; `None` if there are none.
pub(super) fn independent(
    counts: &[u64],
    first: First,
    at: &Level,
) -> Result<Option<(u64, TestResult)>, StatisticsError> {
    if counts.iter().all(|&count| count == 0) {
        return Ok(None);
    }
    Ok(Some(match at.looks {
        Looks::Once => at.law(counts, &[1.0 / (SIDE * SIDE) as f64; SIDE * SIDE])?,
        Looks::Always => bets_on_grids(counts, first, 1, at)?,
    }))
}

/// Bets on grids of pairs, `[rows, SIDE, SIDE]`: half of the stake on the cells, half on the quarters, in which a dependence that is the
/// same all over shows first.
pub(super) fn bets_on_grids(
    counts: &[u64],
    first: First,
    rows: usize,
    at: &Level,
) -> Result<(u64, TestResult), StatisticsError> {
    const HALF: usize = SIDE / 2;
    let mut quarters = vec![0; rows * 4];
    for (cell, count) in counts.iter().enumerate() {
        let (row, a, b) = (cell / (SIDE * SIDE), cell / SIDE % SIDE, cell % SIDE);
        quarters[row * 4 + a / HALF * 2 + b / HALF] += count;
    }
    match first {
        First::Together => at.tables(&[(counts, SIDE * SIDE), (&quarters, 4)], rows),
        First::Earlier => at.tables(&[(counts, SIDE), (&quarters, 2)], rows * SIDE),
    }
}

impl Check for Pairs {
    fn see(&mut self, known: &Known<'_>, batch: &Evidence) {
        for seen in batch.draws(known) {
            (self.pairs)(&seen, &mut |a, b| {
                if let (Some(a), Some(b)) = (bin(a, SIDE), bin(b, SIDE)) {
                    self.counts[a * SIDE + b] += 1;
                }
            });
        }
    }

    fn subject(&self) -> &'static str {
        self.of.subject
    }

    fn needs(&self) -> &'static [Field] {
        self.of.needs
    }

    fn tests(&self) -> usize {
        1
    }

    fn judge(&self, _: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        let Of { subject, what, wrong, .. } = self.of;
        let row = |(pairs, test)| {
            let check = format!("{} {SIDE}×{SIDE}, {what} pooled", at.name("G"));
            Row::test(subject, check, pairs, "pairs", test, || wrong.to_owned())
        };
        Ok(independent(&self.counts, First::Together, at)?.map(row).into_iter().collect())
    }
}
