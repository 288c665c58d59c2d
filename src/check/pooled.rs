//! What all entries, or all races, of a draw have in common: uniforms pooled over them, one by one and two by two.
//!
//! Under the null the values of one draw are independent as well as those of different draws, so that all of them together are
//! one sample. A row that pools catches a departure which all share, however small; of one that a single entry has, it sees next
//! to nothing: that is what the rows entry by entry and race by race are for, and each kind stands for itself.

use super::evidence::Seen;
use super::times::{SIDE, bin};
use super::{Check, Evidence, Known};
use crate::report::Row;
use crate::sample::Field;
use crate::statistics::{
    KolmogorovSmirnov, StatisticsError, TestResult, g_test, kolmogorov_smirnov_of_counts,
};

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

    fn judge(&self, _: &Known<'_>, alpha: f64, times: f64) -> Result<Vec<Row>, StatisticsError> {
        let Of { subject, what, wrong, .. } = self.of;
        let counts = super::repeated(&self.counts, times);
        if counts.iter().all(|&count| count == 0) {
            return Ok(Vec::new());
        }
        let ks = kolmogorov_smirnov_of_counts(&counts)?;
        let places = 1.0 + self.draws as f64 * times * self.spare as f64;
        let test =
            KolmogorovSmirnov { p_value: (ks.p_value * places).min(1.0), ..ks }.judge(alpha / places)?;
        let test = TestResult { threshold: alpha, ..test };
        Ok(vec![Row::test(subject, format!("KS, {what} pooled"), ks.draws, "values", test, || {
            wrong.to_owned()
        })])
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

/// The test that counts on a grid are those of independent uniforms, and how many there are; `None` if there are none.
pub(super) fn independent(
    counts: &[u64],
    alpha: f64,
    times: f64,
) -> Result<Option<(u64, TestResult)>, StatisticsError> {
    let counts = super::repeated(counts, times);
    if counts.iter().all(|&count| count == 0) {
        return Ok(None);
    }
    let g = g_test(&counts, &[1.0 / (SIDE * SIDE) as f64; SIDE * SIDE])?;
    Ok(Some((g.draws, g.judge(alpha)?)))
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

    fn judge(&self, _: &Known<'_>, alpha: f64, times: f64) -> Result<Vec<Row>, StatisticsError> {
        let Of { subject, what, wrong, .. } = self.of;
        let row = |(pairs, test)| {
            let check = format!("G {SIDE}×{SIDE}, {what} pooled");
            Row::test(subject, check, pairs, "pairs", test, || wrong.to_owned())
        };
        Ok(independent(&self.counts, alpha, times)?.map(row).into_iter().collect())
    }
}
