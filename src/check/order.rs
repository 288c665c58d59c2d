//! Draws in their order: none twice, and none that depends on the one before.

use std::collections::{HashSet, VecDeque};

use super::pooled::{First, Of, independent};
use super::times::{Grids, SIDE, Which, bin};
use super::{Check, Evidence, Fingerprint, Known, Level, Looks, Seen, worst};
use crate::report::Row;
use crate::sample::Field;
use crate::statistics::StatisticsError;

/// Bits of a uniform that a right sampler draws at least, in double and in single precision: 2⁵² and 2²³ values, all equally
/// likely.
const BITS: [f64; 2] = [52.0, 23.0];

/// A repeat counts as exact if right draws repeat with at most this probability.
const NEVER: f64 = 1e-12;

/// Whether two draws share all their weights. Right ones do with probability at most `n²/2 · 2^{-52·present}`, in single
/// precision `2^{-23·present}`.
pub(super) struct Repeats {
    which: Which,
    seen: HashSet<Fingerprint>, // looked up, never iterated over
    count: u64,
    repeats: u64,
    first: Option<u64>,
    /// Whether some weight is one that single precision has not.
    double: bool,
}

impl Repeats {
    pub(super) fn of(which: Which) -> Self {
        Self { which, seen: HashSet::new(), count: 0, repeats: 0, first: None, double: false }
    }
}

impl Check for Repeats {
    fn see(&mut self, _: &Known<'_>, batch: &Evidence) {
        let hashes = match self.which {
            Which::Exponentials => &batch.exponentials_hash,
            Which::Conditional => &batch.conditional_hash,
        };
        self.double |= self.needs().iter().any(|&field| batch.double[field as usize]);
        for (hash, number) in hashes.iter().zip(&batch.number) {
            self.count += 1;
            if !self.seen.insert(*hash) {
                self.repeats += 1;
                self.first.get_or_insert(*number);
            }
        }
    }

    fn subject(&self) -> &'static str {
        match self.which {
            Which::Exponentials => "exponentials: repeats",
            Which::Conditional => "conditional: repeats",
        }
    }

    fn needs(&self) -> &'static [Field] {
        match self.which {
            Which::Exponentials => &[Field::Exponentials],
            Which::Conditional => &[Field::Conditional],
        }
    }

    fn tests(&self) -> usize {
        0
    }

    fn judge(&self, known: &Known<'_>, _: &Level) -> Result<Vec<Row>, StatisticsError> {
        let present = known.present.len();
        if present == 0 {
            return Ok(Vec::new());
        }
        let row = Row::exact(self.subject(), "every draw", self.count, "draws");
        let n = self.count as f64;
        let bits = BITS[usize::from(!self.double)];
        if n * n / 2.0 * libm::exp2(-bits * present as f64) > NEVER {
            return Ok(vec![row.not_judged("of so many draws with one entry, right ones may repeat")]);
        }
        Ok(vec![match self.first {
            Some(first) => row.refuted(format!(
                "{} of {} draws have the weights of an earlier one, the first is {}",
                self.repeats,
                self.count,
                known.places.of(first)
            )),
            None => row,
        }])
    }
}

/// Each entry's uniform in one draw against that of the next: draws 0 and 1, 3 and 4, 6 and 7, …: disjoint pairs, so that
/// they are independent, which begin at even and at odd numbers. If one always looks, all draws but the first: bets on each, given the
/// one before.
pub(super) struct Lag {
    which: Which,
    present: usize,
    looks: Looks,
    grids: Grids,
    /// The number and the bins of the first of a pair.
    before: Option<(u64, Vec<Option<usize>>)>,
}

impl Lag {
    pub(super) fn new(which: Which, present: usize, looks: Looks) -> Self {
        Self { which, present, looks, grids: Grids::new(present, 1), before: None }
    }
}

impl Check for Lag {
    fn see(&mut self, _: &Known<'_>, batch: &Evidence) {
        if self.present == 0 {
            return;
        }
        for (row, &number) in self.which.column(batch).chunks(self.present).zip(&batch.number) {
            let bins: Vec<Option<usize>> = row.iter().map(|&u| Grids::bin(u)).collect();
            let always = self.looks == Looks::Always;
            if let Some((before, first)) = self.before.take()
                && before + 1 == number
                && (always || number % 3 == 1)
            {
                for (k, (&a, &b)) in first.iter().zip(&bins).enumerate() {
                    self.grids.see(k, 0, a, b);
                }
            }
            self.before = (always || number.is_multiple_of(3)).then_some((number, bins));
        }
    }

    fn subject(&self) -> &'static str {
        match self.which {
            Which::Exponentials => "exponentials: draw after draw",
            Which::Conditional => "conditional: draw after draw",
        }
    }

    fn needs(&self) -> &'static [Field] {
        self.which.needs()
    }

    fn tests(&self) -> usize {
        self.present
    }

    fn judge(&self, known: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        let of = match self.which {
            Which::Exponentials => "exponential",
            Which::Conditional => "conditional exponential",
        };
        let label = |k: usize| known.label(known.present[k]);
        self.grids.judge(self.subject(), "pairs", First::Earlier, at, label, |label| {
            format!("the {of} of entry {label} depends on that of the draw before")
        })
    }
}

/// The distances at which draws are compared: the next, the one after it, and the sizes of batches that people use.
pub(super) const LAGS: [usize; 10] = [1, 2, 32, 64, 100, 128, 256, 512, 1000, 1024];

/// A lag is looked at if there are this many times as many draws.
const ENOUGH: u64 = 4;

/// Bytes of the draws that are kept to be compared: all lags up to 65,536 values a draw, shorter ones of larger draws.
const KEPT: usize = 1 << 26;

/// The first draws, in which a lag is looked for that no one thought of; it is judged by the draws after them, which know nothing of
/// the choice.
const LOOKED_AT: usize = 4096;

/// As many values of each of these draws.
const COLUMNS: usize = 16;

/// The largest lag that is looked for.
const FARTHEST: usize = 1024;

/// All uniforms of a draw against the same of a later one, lag by lag, pooled: draws i and i + L with `i mod (2L+1) < L`, so that no
/// draw is in two pairs, and the pairs begin everywhere; or if one always looks, all pairs: bets on the later, given the earlier. Besides the lags that are given, the one at which the first draws seem most
/// correlated.
pub(super) struct Lags {
    of: Of,
    values: fn(&Seen<'_>, &mut dyn FnMut(f64)),
    looks: Looks,
    lags: Vec<usize>,
    /// The last draws: number, and bin of each uniform.
    before: VecDeque<(u64, Vec<u8>)>,
    /// `[lags, side, side]`
    counts: Vec<u64>,
    draws: u64,
    /// How many lags are given.
    given: usize,
    /// Bins of the first draws, as long as they are looked at.
    first: Option<Vec<Vec<u8>>>,
    /// The first draw by which the lag that was found is judged.
    judged_from: u64,
}

impl Lags {
    /// `values` are at most `size` of a draw.
    pub(super) fn new(
        of: Of,
        lags: &[usize],
        size: usize,
        looks: Looks,
        values: fn(&Seen<'_>, &mut dyn FnMut(f64)),
    ) -> Self {
        let lags: Vec<usize> = lags.iter().copied().filter(|lag| *lag == 1 || lag * size <= KEPT).collect();
        let counts = vec![0; lags.len() * SIDE * SIDE];
        let given = lags.len();
        let first = Some(Vec::with_capacity(LOOKED_AT));
        Self {
            of,
            values,
            looks,
            lags,
            before: VecDeque::new(),
            counts,
            draws: 0,
            given,
            first,
            judged_from: 0,
        }
    }

    /// Looks at the first draws, and when they are enough adds a lag.
    fn look(&mut self, number: u64, bins: &[u8]) {
        let Some(first) = &mut self.first else { return };
        let step = bins.len().div_ceil(COLUMNS).max(1);
        first.push(bins.iter().copied().step_by(step).collect());
        if first.len() == LOOKED_AT {
            let known = &self.lags;
            let farthest = FARTHEST.min(self.lags.iter().copied().max().unwrap_or(0));
            let lags = (2..=farthest).filter(|lag| !known.contains(lag));
            let strength = |lag: usize| (correlation(first, lag).abs(), lag);
            let strongest = lags.map(strength).max_by(|a, b| a.0.total_cmp(&b.0));
            if let Some((_, lag)) = strongest {
                self.lags.push(lag);
                self.counts.resize(self.lags.len() * SIDE * SIDE, 0);
            }
            (self.first, self.judged_from) = (None, number + 1);
        }
    }
}

/// Of values so many draws apart, in standard errors; pairs that have no values count as none.
fn correlation(draws: &[Vec<u8>], lag: usize) -> f64 {
    let centred = |bin: u8| 2 * i64::from(bin) - (SIDE as i64 - 1);
    let (mut sum, mut pairs) = (0_i64, 0_u64);
    for (first, second) in draws.iter().zip(&draws[lag..]) {
        for (&a, &b) in first.iter().zip(second) {
            if a != NONE && b != NONE {
                sum += centred(a) * centred(b);
                pairs += 1;
            }
        }
    }
    if pairs == 0 { 0.0 } else { sum as f64 / libm::sqrt(pairs as f64) }
}

/// The bin of what is no uniform.
const NONE: u8 = u8::MAX;

impl Check for Lags {
    fn see(&mut self, known: &Known<'_>, batch: &Evidence) {
        let longest = self.lags.iter().copied().max().unwrap_or(0);
        for seen in batch.draws(known) {
            let (number, mut bins) = (seen.number, Vec::new());
            (self.values)(&seen, &mut |u| bins.push(bin(u, SIDE).map_or(NONE, |bin| bin as u8)));
            let lags = self.lags.iter().zip(self.counts.chunks_mut(SIDE * SIDE)).enumerate();
            for (place, (lag, counts)) in lags {
                let long = *lag as u64;
                let is_second =
                    self.looks == Looks::Always || (long..2 * long).contains(&(number % (2 * long + 1)));
                let Some(first) = number.checked_sub(long).filter(|_| is_second) else { continue };
                if place >= self.given && first < self.judged_from {
                    continue;
                }
                // Draws that are not of the model's form are missing.
                let at = self.before.partition_point(|(before, _)| *before < first);
                let Some((_, earlier)) = self.before.get(at).filter(|(before, _)| *before == first) else {
                    continue;
                };
                for (&a, &b) in earlier.iter().zip(&bins) {
                    if a != NONE && b != NONE {
                        counts[usize::from(a) * SIDE + usize::from(b)] += 1;
                    }
                }
            }
            self.look(number, &bins);
            if self.before.len() == longest {
                self.before.pop_front();
            }
            self.before.push_back((number, bins));
            self.draws = number + 1;
        }
    }

    fn subject(&self) -> &'static str {
        self.of.subject
    }

    fn needs(&self) -> &'static [Field] {
        self.of.needs
    }

    fn tests(&self) -> usize {
        self.given + 1
    }

    /// The lags that are given.
    fn is_ready(&self) -> bool {
        let farthest = self.lags.iter().take(self.given).copied().max().unwrap_or(0);
        self.draws >= ENOUGH * farthest as u64
    }

    fn judge(&self, _: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        let Of { subject, what, wrong, .. } = self.of;
        let mut tests = Vec::new();
        for (place, (&lag, counts)) in self.lags.iter().zip(self.counts.chunks(SIDE * SIDE)).enumerate() {
            // Whether a lag is judged depends on the number of draws and not on what they are: it is in the name of the row.
            let farthest = if place < self.given { lag } else { FARTHEST };
            let from = if place < self.given { 0 } else { self.judged_from };
            if self.draws.saturating_sub(from) >= ENOUGH * farthest as u64 {
                let found = independent(counts, First::Earlier, at)?;
                tests.extend(found.map(|(pairs, test)| ((lag, pairs), test)));
            }
        }
        let looked_at = tests.len();
        Ok(worst(tests).map_or_else(Vec::new, |((lag, pairs), test)| {
            let test_is = at.name("G");
            let check = format!("{test_is} {SIDE}×{SIDE}, {what} pooled, worst of {looked_at} lags: {lag}");
            vec![Row::test(subject, check, pairs, "pairs", test, || match lag {
                1 => format!("{wrong} depend on those of the draw before"),
                _ => format!(
                    "{wrong} depend on those {lag} draws before: is something kept, or drawn once for several batches?"
                ),
            })]
        }))
    }
}
