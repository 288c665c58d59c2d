//! Race by race and entry by entry, at any size: who wins, and when.

use super::evidence::Seen;
use super::times::bin;
use super::{Check, Evidence, Known, Level, repeated, worst};
use crate::report::Row;
use crate::sample::Field;
use crate::statistics::{StatisticsError, smallest_wins, wins_test};

/// Bins of the Kolmogorov-Smirnov test of one race: the departure it catches grows by 1/1024.
const BINS: usize = 1024;

/// The races that every trace has, each by itself, in the order held: one uniform of each.
pub(super) struct Races {
    subject: &'static str,
    needs: &'static [Field],
    value: fn(&Seen<'_>, usize) -> f64,
    wrong: &'static str,
    races: usize,
    counts: Vec<u64>,
}

impl Races {
    /// `wrong` says what is wrong with a race that is refuted.
    pub(super) fn new(
        subject: &'static str,
        needs: &'static [Field],
        races: usize,
        value: fn(&Seen<'_>, usize) -> f64,
        wrong: &'static str,
    ) -> Self {
        Self { subject, needs, value, wrong, races, counts: Vec::new() }
    }
}

impl Check for Races {
    fn see(&mut self, known: &Known<'_>, batch: &Evidence) {
        self.counts.resize(self.races * BINS, 0);
        for seen in batch.draws(known) {
            for race in 0..self.races.min(seen.wins.len()) {
                if let Some(bin) = bin((self.value)(&seen, race), BINS) {
                    self.counts[race * BINS + bin] += 1;
                }
            }
        }
    }

    fn subject(&self) -> &'static str {
        self.subject
    }

    fn needs(&self) -> &'static [Field] {
        self.needs
    }

    fn tests(&self) -> usize {
        self.races
    }

    fn judge(&self, _: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        let (mut tests, mut judge) = (Vec::new(), at.uniforms());
        let counted =
            self.counts.chunks(BINS).enumerate().filter(|(_, counts)| counts.iter().any(|&n| n > 0));
        for (race, counts) in counted.take(at.coordinates()) {
            let (draws, test) = judge(counts)?;
            tests.push(((race, draws), test));
        }
        Ok(worst(tests).map_or_else(Vec::new, |((race, draws), test)| {
            let check = format!("{}, worst of {} races: race {race}", at.name("KS"), self.races);
            vec![Row::test(self.subject, check, draws, "draws", test, || {
                format!("race {race} (from 0): {}", self.wrong)
            })]
        }))
    }
}

/// How often each entry wins, beside how often it should, given whom it raced against.
pub(super) struct Wins {
    /// By place among the present entries: the draws in which it won, and the sum of its chances.
    won: Vec<u64>,
    expected: Vec<f64>,
    draws: u64,
}

impl Wins {
    pub(super) fn new(present: usize) -> Self {
        Self { won: vec![0; present], expected: vec![0.0; present], draws: 0 }
    }
}

impl Check for Wins {
    fn see(&mut self, known: &Known<'_>, batch: &Evidence) {
        for seen in batch.draws(known) {
            self.draws += u64::from(!seen.chances.is_empty());
            seen.wins.iter().for_each(|win| self.won[win.place] += 1);
            self.expected.iter_mut().zip(seen.chances).for_each(|(sum, chance)| *sum += chance);
        }
    }

    fn subject(&self) -> &'static str {
        "entries"
    }

    fn needs(&self) -> &'static [Field] {
        &[Field::Trace]
    }

    fn tests(&self) -> usize {
        self.won.len()
    }

    fn judge(&self, known: &Known<'_>, at: &Level) -> Result<Vec<Row>, StatisticsError> {
        if self.draws == 0 {
            return Ok(Vec::new());
        }
        // The evidence of wins holds at any look.
        let Level { alpha, times, .. } = *at;
        let won = repeated(&self.won, times);
        let draws = libm::round(self.draws as f64 * times) as u64;
        let most = self.expected.iter().copied().fold(0.0, f64::max);
        let departure = smallest_wins(draws, most * times, alpha)?; // that of the others is smaller
        let mut tests = Vec::new();
        for (place, (&won, expected)) in won.iter().zip(&self.expected).enumerate() {
            tests.push((place, wins_test(won, expected * times)?.judge(alpha, departure)));
        }
        Ok(worst(tests).map_or_else(Vec::new, |(place, test)| {
            let label = known.label(known.present[place]);
            let check = format!("wins, worst of {}: {label}", self.won.len());
            vec![Row::test(self.subject(), check, draws, "draws", test, || {
                let percent = |part: f64| format!("{:.3} %", 100.0 * part / self.draws as f64);
                format!(
                    "{label} wins a race in {} of the draws, given whom it raced against it should in {}",
                    percent(self.won[place] as f64),
                    percent(self.expected[place])
                )
            })]
        }))
    }
}
