//! Who wins the first races too often: laws of traces that depart by an exact amount, the races after them as they should be.
//!
//! The entrants of the first race are the same in every trace, and those of the second depend on its winner only. In the order of their
//! entries each race is cut in two where its cumulative probability is nearest to one half. With `s_r = 1 - b` of a winner before the
//! cut and `-b` of one after it, where `b` is the probability of the former, `p (1 + c s_0 s_1)` is a law in which the second race depends
//! on the first, and the first by itself is as before.

use gumbel_oracle::race::Race;
use num_rational::BigRational;
use num_traits::{One as _, Signed as _, Zero as _};

use super::perfect::Law;
use gumbel_oracle::number::to_f64;

/// Whose winner is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Winners {
    /// That of the first race is before the cut too often.
    First,
    /// The entry that wins the first race most often does so too often.
    Entry,
    /// That of the second race is too often on the side of that of the first.
    Pair,
    /// That of the first race is too often on the side of that so many draws before.
    Distance(u64),
}

impl Law<'_> {
    /// A race of a trace, if it is held.
    fn race(&self, trace: usize, race: usize) -> Option<&Race> {
        self.trace(trace).races().get(race)
    }

    /// Of each entrant, in the order of entries, where its part of the race's probability ends.
    fn ends(&self, race: &Race) -> Vec<(usize, BigRational)> {
        let mut sum = BigRational::zero();
        let mut end = |&k: &usize| {
            sum += &self.exact_rates()[k];
            (k, sum.clone())
        };
        let mut ends: Vec<(usize, BigRational)> = race.entrants.iter().map(&mut end).collect();
        ends.iter_mut().for_each(|(_, end)| *end /= &sum);
        ends
    }

    /// `s_r` of a trace; 0 where nobody can lose.
    fn side(&self, trace: usize, race: usize) -> BigRational {
        let Some(race) = self.race(trace, race) else { return BigRational::zero() };
        let ends = self.ends(race);
        let half = BigRational::new(1.into(), 2.into());
        let cut = ends[..ends.len() - 1].iter().map(|(_, end)| end);
        let Some(cut) = cut.min_by_key(|end| (*end - &half).abs()) else { return BigRational::zero() };
        let before = ends.iter().any(|(k, end)| *k == race.winner && end <= cut);
        if before { BigRational::one() - cut } else { -cut }
    }

    /// `z` of each trace, whose probability is to be `p (1 + c z)`.
    pub(super) fn sides(&self, which: Winners) -> Vec<BigRational> {
        let of = |trace: usize| match which {
            Winners::Pair => self.side(trace, 0) * self.side(trace, 1),
            _ => self.side(trace, 0),
        };
        (0..self.len()).map(of).collect()
    }

    /// The traces whose first winner is before the cut, or is the entry that it is most often.
    pub(super) fn first_winners(&self, which: Winners) -> Vec<bool> {
        let winner = |trace: usize| self.race(trace, 0).map(|race| race.winner);
        let rate = |k: &usize| self.exact_rates()[*k].clone();
        let likeliest = (0..self.len()).filter_map(winner).max_by_key(rate);
        let inside = |trace: usize| match which {
            Winners::Entry => likeliest.is_some() && winner(trace) == likeliest,
            _ => self.side(trace, 0).is_positive(),
        };
        (0..self.len()).map(inside).collect()
    }

    /// The largest `c` with which there is a law, and by how much it departs for each unit of `c`, in total variation.
    pub(super) fn tilt(&self, which: Winners) -> (BigRational, BigRational) {
        let sides = self.sides(which);
        let all = || sides.iter().zip(self.probabilities());
        let spread: BigRational = all().map(|(side, p)| side.abs() * p).sum();
        let two = BigRational::from_integer(2.into());
        let (lowest, per_unit) = match which {
            // s times that of a draw before.
            Winners::Distance(_) => {
                let least = sides.iter().min().cloned().unwrap_or_default();
                let most = sides.iter().max().cloned().unwrap_or_default();
                (least * most, &spread * &spread / two)
            }
            _ => (sides.iter().min().cloned().unwrap_or_default(), spread / two),
        };
        let most = if lowest.is_negative() { -lowest.recip() } else { BigRational::zero() };
        (most, per_unit)
    }

    /// By how much the winners can depart at most, in total variation.
    #[must_use]
    pub fn room(&self, which: Winners) -> f64 {
        if matches!(which, Winners::First | Winners::Entry) {
            let inside = self.first_winners(which);
            let of = |side| {
                let these = self.probabilities().zip(&inside).filter(move |(_, is)| **is == side);
                these.map(|(p, _)| p).sum::<BigRational>()
            };
            return if of(true).is_zero() { 0.0 } else { to_f64(&of(false)) };
        }
        let (most, per_unit) = self.tilt(which);
        to_f64(&(most * per_unit))
    }

    /// How much of the departure is left on a grid of so many cells a side, on which the [transforms](crate::sample::Walk::transform) of
    /// two winners fall.
    #[must_use]
    pub fn on_grid(&self, which: Winners, side: usize) -> f64 {
        // The part of a winner's interval in each bin.
        let parts = |trace: usize, race: usize| -> Vec<f64> {
            let Some(race) = self.race(trace, race) else { return vec![0.0; side] };
            let ends = self.ends(race);
            let place = ends.iter().position(|(k, _)| *k == race.winner).unwrap_or(0);
            let start = place.checked_sub(1).map_or(0.0, |before| to_f64(&ends[before].1));
            let end = to_f64(&ends[place].1);
            let edge = |bin: usize| (bin as f64 / side as f64).clamp(start, end);
            (0..side).map(|bin| (edge(bin + 1) - edge(bin)) / (end - start)).collect()
        };
        let (mut cells, mut all) = (vec![0.0; side * side], 0.0);
        let mut one = vec![0.0; side];
        for (trace, (z, p)) in self.sides(which).iter().zip(self.probabilities()).enumerate() {
            let weight = to_f64(&(z * p));
            all += weight.abs();
            let first = parts(trace, 0);
            one.iter_mut().zip(&first).for_each(|(sum, part)| *sum += weight * part);
            if which == Winners::Pair {
                let second = parts(trace, 1);
                let pairs = first.iter().flat_map(|a| second.iter().map(move |b| a * b));
                cells.iter_mut().zip(pairs).for_each(|(cell, both)| *cell += weight * both);
            }
        }
        let size = |values: &[f64]| values.iter().map(|value| value.abs()).sum::<f64>() / all;
        match which {
            _ if all == 0.0 => 0.0,
            Winners::Pair => size(&cells),
            Winners::Distance(_) => size(&one) * size(&one),
            Winners::First | Winners::Entry => 1.0,
        }
    }

    /// The mean number of races, and the fewest of a trace.
    #[must_use]
    pub fn races(&self) -> (f64, usize) {
        let counts = || (0..self.len()).map(|trace| self.trace(trace).races().len());
        let mean = counts().zip(self.probabilities()).map(|(n, p)| n as f64 * to_f64(p)).sum();
        (mean, counts().min().unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::perfect::{Departure, Perfect};
    use super::*;
    use gumbel_oracle::model::Model;
    use gumbel_oracle::number::ratio;

    const TOP_2: &str = r#"{"structure": "top_k", "k": 2, "rates": [1, 2, "1/2", 3]}"#;

    /// The law of two races: it is one, departs by what is said, and the first by itself is as before.
    #[test]
    fn two_races_depend_on_each_other() {
        let model = Model::parse(TOP_2).unwrap();
        let law = Law::new(&model).unwrap();
        let c = law.factor(Winners::Pair, 0.0625);
        let sides = law.sides(Winners::Pair);
        let q: Vec<BigRational> =
            sides.iter().zip(law.probabilities()).map(|(z, p)| p * (BigRational::one() + &c * z)).collect();
        assert!(q.iter().all(|q| !q.is_negative()));
        assert_eq!(q.iter().sum::<BigRational>(), ratio(1, 1));
        let off: Vec<BigRational> = q.iter().zip(law.probabilities()).map(|(q, p)| q - p).collect();
        assert_eq!(off.iter().map(|off| off.abs()).sum::<BigRational>(), ratio(1, 8));
        let sum_where = |is: &dyn Fn(usize) -> bool| -> BigRational {
            off.iter().enumerate().filter(|(trace, _)| is(*trace)).map(|(_, off)| off).sum()
        };
        for k in 0..4 {
            assert_eq!(sum_where(&|trace| law.race(trace, 0).unwrap().winner == k), ratio(0, 1));
        }
    }

    /// Of rates 1 and 2 the cut is at a third, within the third of eight bins: of the half that is before it three eighths and three
    /// eighths and a quarter, of the other a sixteenth in that bin.
    #[test]
    fn a_grid_sees_less_where_the_cut_is_within_a_bin() {
        let model = Model::parse(r#"{"structure": "categorical", "rates": [1, 2]}"#).unwrap();
        let law = Law::new(&model).unwrap();
        let part = (0.375 + 0.375 + (0.25 - 0.0625) + (1.0 - 0.0625)) / 2.0;
        assert!((law.on_grid(Winners::Distance(1), 8) - part * part).abs() < 1e-12);
        assert!((law.on_grid(Winners::Distance(1), 3) - 1.0).abs() < 1e-12);
        assert_eq!(law.on_grid(Winners::Pair, 8), 0.0);
        assert_eq!(law.room(Winners::Pair), 0.0);
        assert_eq!(law.races(), (1.0, 1));
        assert!((law.room(Winners::First) - 2.0 / 3.0).abs() < 1e-12);
        assert!((law.room(Winners::Entry) - 1.0 / 3.0).abs() < 1e-12);
    }

    /// With as much as there is room for, every draw is on the side of that two before where the cut is at one half.
    #[test]
    fn a_chain_goes_by_the_draw_before() {
        let model = Model::parse(r#"{"structure": "categorical", "rates": [1, 1]}"#).unwrap();
        let law = Law::new(&model).unwrap();
        let which = Winners::Distance(2);
        assert_eq!(law.room(which), 0.5);
        let winners = |departure| -> Vec<usize> {
            let perfect = Perfect::new(&law, departure, 5, 200).unwrap();
            (0..200).map(|number| perfect.draw(number).trace.races()[0].winner).collect()
        };
        let all = winners(Departure::Winners(which, 0.5));
        assert!(all.windows(3).all(|three| three[0] == three[2]));
        let none = winners(Departure::Winners(which, 0.0));
        let same = none.windows(3).filter(|three| three[0] == three[2]).count();
        assert!((60..140).contains(&same), "{same}"); // 99 expected, seven standard deviations
        assert!(Perfect::new(&law, Departure::Winners(Winners::Pair, 0.1), 5, 10).is_err());
    }
}
