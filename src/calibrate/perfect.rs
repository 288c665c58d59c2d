//! A sampler that is right by construction, and wrong by as much as one likes: from the exact law, by rational arithmetic.
//!
//! # Law
//! The trace is drawn from the enumerated law: 64 random bits at a time are compared with the exact cumulative probabilities until
//! they decide. Given the trace both the exponentials and the conditional draw are made from uniforms by the oracle
//! ([`Trace::exponentials`](gumbel_oracle::race::Trace::exponentials)); by the stochastic invariant the exponentials then are
//! independent with the rates of the model, without any algorithm having been run on them. Log-probability and score are the fractions
//! rounded. No code of the samplers, and no algorithm of the oracle, has a part in it.
//!
//! # Departures
//! [`Departure`] makes one thing wrong by an exact amount `δ`: the total variation of a law, of a uniform given another or given the
//! trace, or the difference of distribution functions of one uniform. Where the exponentials are wrong, they are made from uniforms
//! `s_k = e^{-λ_k E_k}`, and the trace is that of the oracle's algorithm run on them.

use gumbel_oracle::limit::{Limit, TooLarge};
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::to_f64;
use gumbel_oracle::race::Trace;
use gumbel_oracle::structure::Structure;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One as _, Signed as _, ToPrimitive as _, Zero as _};
use rand::distr::Open01;
use rand::rngs::ChaCha8Rng;
use rand::{Rng as _, RngExt as _, SeedableRng as _};

use super::winners::Winners;
use crate::sample::{Batch, Draw, Field, Sampler};
use crate::statistics::StatisticsError;

/// What is wrong, and by how much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Departure {
    /// Nothing.
    None,
    /// The law of the structures, in total variation.
    Structures(f64),
    /// The law of the traces, in total variation.
    Traces(f64),
    /// The law of this loss, in total variation.
    Losses(Loss, f64),
    /// How often the first present entry is in the structure.
    Part(f64),
    /// Who wins the first races, in total variation.
    Winners(Winners, f64),
    /// Uniforms of the exponentials; of what depends on the trace nothing, since there is none yet.
    Exponentials(Uniforms, f64),
    /// Uniforms of the exponentials given the trace.
    Given(Uniforms, f64),
    /// Uniforms of the conditional draw.
    Conditional(Uniforms, f64),
}

impl Departure {
    /// By how much.
    pub(super) fn delta(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Structures(delta)
            | Self::Traces(delta)
            | Self::Losses(_, delta)
            | Self::Part(delta)
            | Self::Winners(_, delta)
            | Self::Exponentials(_, delta)
            | Self::Given(_, delta)
            | Self::Conditional(_, delta) => delta,
        }
    }

    /// The draws it depends on are so many before.
    fn lag(self) -> Option<u64> {
        match self {
            Self::Exponentials(Uniforms::Distance(lag), _)
            | Self::Given(Uniforms::Distance(lag), _)
            | Self::Conditional(Uniforms::Distance(lag), _)
            | Self::Winners(Winners::Distance(lag), _) => Some(lag),
            _ => None,
        }
    }
}

/// Which uniforms are wrong: the first present entry, unless it is said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uniforms {
    /// It falls into the lower half too often.
    Alone,
    /// It falls into the half of that of the second present entry too often.
    Pair,
    /// It falls into the lower half too often or too seldom, given the trace.
    GivenTrace,
    /// It falls too often into the half of that of the exponentials, read back from the trace.
    Against,
    /// Those of all entries fall too often into the half of those so many draws before.
    Distance(u64),
    /// Those of all entries fall into the lower half too often.
    All,
    /// Those of the entries 0, 2, 4, … fall into the half of those of 1, 3, 5, … too often.
    Neighbours,
    /// That of the winner of the first race falls into the lower half too often.
    FirstWinner,
    /// Those of all winners do.
    Winners,
    /// Those of all other entries do.
    Others,
    /// Those of the winners of races 0, 2, 4, … fall into the half of those of races 1, 3, 5, … too often.
    Races,
    /// That of entry i, if it wins no race, falls too often into the half of that of the winner of race i.
    RaceAndEntry,
    /// Those of all winners fall too often into the half of theirs of the exponentials, read back from the trace.
    WinnersAgainst,
    /// Those of all other entries do.
    OthersAgainst,
}

/// Draws from the exact law, or from one that departs from it by an exact amount.
#[derive(Debug)]
pub struct Perfect<'m> {
    law: &'m Law<'m>,
    departure: Departure,
    fields: &'static [Field],
    /// Of each trace whether it is in the half that [`Uniforms::GivenTrace`] is about.
    half: Vec<bool>,
    table: Table,
    seed: u64,
    /// Of each draw and present entry the half, where it depends on draws before.
    halves: Vec<bool>,
    /// Of each draw the trace, where it depends on draws before.
    chain: Vec<usize>,
}

/// Of each trace the probability of it and all before, and that times 2^64, rounded down; 2^64 - 1 for the last.
#[derive(Debug)]
struct Table {
    cumulative: Vec<BigRational>,
    floors: Vec<u64>,
}

impl Table {
    fn new(probabilities: impl Iterator<Item = BigRational>) -> Self {
        let mut sum = BigRational::zero();
        let cumulative: Vec<BigRational> = probabilities
            .map(|p| {
                sum += p;
                sum.clone()
            })
            .collect();
        let two_64 = BigRational::from_integer(BigInt::one() << 64);
        let floor = |c: &BigRational| (c * &two_64).to_integer().to_u64().unwrap_or(u64::MAX);
        let floors = cumulative.iter().map(floor).collect();
        Self { cumulative, floors }
    }

    /// By as many bits as it takes: the first trace whose cumulative probability is above a number of which these are the digits.
    fn pick(&self, mut next: impl FnMut() -> u64) -> usize {
        let Self { cumulative, floors } = self;
        let bits = next();
        let first = floors.partition_point(|floor| *floor < bits);
        if floors.get(first).is_some_and(|floor| *floor > bits) {
            return first;
        }
        // The digits are those of a cumulative probability: the next ones decide.
        let (mut digits, mut unit) = (BigInt::from(bits), BigInt::one() << 64);
        loop {
            let above = |c: &BigRational| c.numer() * &unit > &digits * c.denom();
            let first = cumulative.iter().position(above).unwrap_or(cumulative.len() - 1);
            let c = &cumulative[first];
            if c.numer() * &unit >= (&digits + 1) * c.denom() {
                return first;
            }
            digits = (digits << 64) + next();
            unit <<= 64;
        }
    }
}

/// All traces of a model, with what is said of them.
#[derive(Debug)]
pub struct Law<'m> {
    model: &'m Model,
    rates: Vec<f64>,
    present: Vec<usize>,
    traces: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    trace: Trace,
    structure: Structure,
    probability: BigRational,
    log_prob: f64,
    score: Vec<f64>,
}

impl<'m> Law<'m> {
    /// Enumerates.
    ///
    /// # Errors
    /// [`TooLarge`] if there are more traces than the default limit.
    pub fn new(model: &'m Model) -> Result<Self, TooLarge> {
        model.check_traces(Limit::default())?;
        let rates: Vec<f64> = model.rates().iter().map(to_f64).collect();
        let known = model.traces().map(|outcome| Known {
            log_prob: libm::log(to_f64(&outcome.probability)),
            score: outcome.trace.score(model.rates()).iter().map(to_f64).collect(),
            trace: outcome.trace,
            structure: outcome.structure,
            probability: outcome.probability,
        });
        let traces = known.collect();
        let present = (0..rates.len()).filter(|&k| rates[k] > 0.0).collect();
        Ok(Self { model, rates, present, traces })
    }

    /// How many traces there are.
    pub(super) fn len(&self) -> usize {
        self.traces.len()
    }

    pub(super) fn trace(&self, number: usize) -> &Trace {
        &self.traces[number].trace
    }

    pub(super) fn probabilities(&self) -> impl Iterator<Item = &BigRational> {
        self.traces.iter().map(|known| &known.probability)
    }

    pub(super) fn model(&self) -> &'m Model {
        self.model
    }

    pub(super) fn rates(&self) -> &[f64] {
        &self.rates
    }

    /// The structure of each trace.
    pub(super) fn structures(&self) -> impl Iterator<Item = &Structure> {
        self.traces.iter().map(|known| &known.structure)
    }

    pub(super) fn exact_rates(&self) -> &[BigRational] {
        self.model.rates()
    }

    /// By how much there can be such a departure at most.
    pub(super) fn room_of(&self, departure: Departure) -> f64 {
        match departure {
            Departure::Winners(which, _) => self.room(which),
            // A loss may have one value.
            Departure::Losses(loss, _) => {
                let inside = self.half(|_, structure| loss.of(self.model, structure));
                let outside = self.probabilities().zip(&inside).filter(|(_, is)| !**is).map(|(p, _)| p);
                to_f64(&outside.sum::<BigRational>()).min(0.5)
            }
            _ => 0.5,
        }
    }

    /// The factor `c` with which the winners depart by so much.
    pub(super) fn factor(&self, which: Winners, delta: f64) -> BigRational {
        let (most, per_unit) = self.tilt(which);
        let delta = BigRational::from_float(delta).unwrap_or_default();
        if per_unit.is_zero() { BigRational::zero() } else { (delta / per_unit).min(most) }
    }

    /// Of each trace whether it is in a set of about half of the probability; those of equal keys together.
    fn half<'a, K: PartialEq>(&'a self, key: impl Fn(usize, &'a Structure) -> K) -> Vec<bool> {
        let mut groups: Vec<(K, Vec<usize>, BigRational)> = Vec::new();
        for (number, known) in self.traces.iter().enumerate() {
            let key = key(number, &known.structure);
            match groups.iter_mut().find(|(of, ..)| *of == key) {
                Some((_, members, p)) => {
                    members.push(number);
                    *p += &known.probability;
                }
                None => groups.push((key, vec![number], known.probability.clone())),
            }
        }
        // The likeliest first, each to the side that has less.
        groups.sort_by(|a, b| b.2.cmp(&a.2));
        let (mut inside, mut outside) = (BigRational::zero(), BigRational::zero());
        let mut half = vec![false; self.traces.len()];
        for (_, members, p) in groups {
            if inside <= outside {
                inside += p;
                members.into_iter().for_each(|member| half[member] = true);
            } else {
                outside += p;
            }
        }
        half
    }

    /// Of each trace whether the first present entry is in the structure.
    fn first_inside(&self) -> Vec<bool> {
        let inside = |known: &Known| match &known.structure {
            Structure::Entries(set) => self.present.first().is_some_and(|first| set.contains(first)),
            _ => known.trace.races().first().is_some_and(|race| self.present.first() == Some(&race.winner)),
        };
        self.traces.iter().map(inside).collect()
    }

    /// Probabilities moved into a set by `δ`, as far as there is something to move: within and without as before.
    fn moved(&self, into: &[bool], delta: f64) -> Vec<BigRational> {
        let of = |inside: bool| -> BigRational {
            let members = self.traces.iter().zip(into).filter(|(_, is)| **is == inside);
            members.map(|(known, _)| &known.probability).sum()
        };
        let (inside, outside) = (of(true), of(false));
        let delta = BigRational::from_float(delta).unwrap_or_default().min(outside.clone());
        let factor = |is: bool| match is {
            _ if inside.is_zero() || outside.is_zero() => BigRational::one(),
            true => (&inside + &delta) / &inside,
            false => (&outside - &delta) / &outside,
        };
        let (up, down) = (factor(true), factor(false));
        self.traces
            .iter()
            .zip(into)
            .map(|(known, is)| &known.probability * if *is { &up } else { &down })
            .collect()
    }
}

impl<'m> Perfect<'m> {
    /// Draws that depart like this. Of a departure that depends on draws before, so many: later ones do not depart.
    ///
    /// # Errors
    /// [`StatisticsError::Argument`] if the departure is not from 0 to 1/2, or at a distance of 0.
    pub fn new(
        law: &'m Law<'m>,
        departure: Departure,
        seed: u64,
        draws: u64,
    ) -> Result<Self, StatisticsError> {
        let delta = departure.delta();
        if !(0.0..=0.5).contains(&delta) {
            let want = "a number from 0 to 1/2";
            return Err(StatisticsError::Argument { name: "departure", value: delta, want });
        }
        if departure.lag() == Some(0) {
            return Err(StatisticsError::Argument { name: "distance", value: 0.0, want: "1 draw or more" });
        }
        if delta > law.room_of(departure) {
            let want = "no more than the law of the winners leaves room for";
            return Err(StatisticsError::Argument { name: "departure", value: delta, want });
        }
        let moved = match departure {
            Departure::Structures(delta) => Some(law.moved(&law.half(|_, structure| structure), delta)),
            Departure::Losses(loss, delta) => {
                let value = |_, structure| loss.of(law.model, structure);
                Some(law.moved(&law.half(value), delta))
            }
            Departure::Traces(delta) => Some(law.moved(&law.half(|number, _| number), delta)),
            Departure::Part(delta) => Some(law.moved(&law.first_inside(), delta)),
            Departure::Winners(which @ (Winners::First | Winners::Entry), delta) => {
                Some(law.moved(&law.first_winners(which), delta))
            }
            Departure::Winners(Winners::Pair, delta) => {
                let c = law.factor(Winners::Pair, delta);
                let sides = law.sides(Winners::Pair).into_iter().zip(law.probabilities());
                Some(sides.map(|(side, p)| p * (BigRational::one() + &c * side)).collect())
            }
            _ => None,
        };
        let table = match moved {
            Some(moved) => Table::new(moved.into_iter()),
            None => Table::new(law.probabilities().cloned()),
        };
        let half = law.half(|number, _| number);
        let mut perfect = Self {
            law,
            departure,
            fields: &Field::DRAWN,
            half,
            table,
            seed,
            halves: Vec::new(),
            chain: Vec::new(),
        };
        match (departure, departure.lag()) {
            (_, None) => {}
            (Departure::Winners(..), Some(lag)) => {
                perfect.chain = perfect.chain_of_winners(lag, delta, draws);
            }
            (_, Some(lag)) => perfect.halves = perfect.chains(lag, delta, draws),
        }
        Ok(perfect)
    }

    /// Draws that have these fields only, the same as with all.
    #[must_use]
    pub fn only(self, fields: &'static [Field]) -> Self {
        Self { fields, ..self }
    }

    /// Of each draw the trace: the first race is won too often on the side of that so many draws before.
    fn chain_of_winners(&self, lag: u64, delta: f64, draws: u64) -> Vec<usize> {
        let (law, which) = (self.law, Winners::Distance(lag));
        let (c, sides) = (law.factor(which, delta), law.sides(which));
        // A side has one of two values, one for each side of the cut.
        let after = |before: &BigRational| {
            let terms = sides.iter().zip(law.probabilities());
            Table::new(terms.map(|(side, p)| p * (BigRational::one() + &c * side * before)))
        };
        let lower = sides.iter().max().map(&after);
        let upper = sides.iter().min().map(&after);
        let mut chain: Vec<usize> = Vec::with_capacity(draws as usize);
        for number in 0..draws {
            let table = match number.checked_sub(lag).map(|before| &sides[chain[before as usize]]) {
                Some(side) if side.is_positive() => lower.as_ref(),
                Some(side) if side.is_negative() => upper.as_ref(),
                _ => None,
            };
            let mut rng = self.rng(number, 2);
            chain.push(table.unwrap_or(&self.table).pick(|| rng.next_u64()));
        }
        chain
    }

    /// Of each draw and entry the half: that of the draw before with probability `1/2 + δ`.
    fn chains(&self, lag: u64, delta: f64, draws: u64) -> Vec<bool> {
        let width = self.law.present.len();
        let mut halves = Vec::with_capacity(width * draws as usize);
        for number in 0..draws {
            let mut rng = self.rng(number, 1);
            for k in 0..width {
                let before = number.checked_sub(lag).map(|before| halves[before as usize * width + k]);
                let upper = match before {
                    Some(before) => before ^ (rng.random::<f64>() >= 0.5 + delta),
                    None => rng.random(),
                };
                halves.push(upper);
            }
        }
        halves
    }

    /// Random numbers of a draw; of others for each purpose.
    fn rng(&self, number: u64, purpose: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(number * 8 + purpose);
        rng
    }

    /// The draw of this number; of weights that are [no field](Self::only) of it, nothing.
    #[must_use]
    pub fn draw(&self, number: u64) -> Draw {
        let (law, rates) = (self.law, &self.law.rates);
        let mut rng = self.rng(number, 0);
        let mut uniforms = || -> Vec<f64> { rates.iter().map(|_| rng.sample::<f64, _>(Open01)).collect() };
        let (mut of_draw, mut of_conditional) = (uniforms(), uniforms());
        if let Departure::Exponentials(which, delta) = self.departure {
            // Here the uniforms are those of the exponentials themselves.
            self.depart(which, delta, number, &mut of_draw, None);
            let weight =
                |(u, rate): (&f64, &f64)| if *rate > 0.0 { -libm::log(*u) / rate } else { f64::INFINITY };
            let exponentials: Vec<f64> = of_draw.iter().zip(rates).map(weight).collect();
            let run = law.model.run(&exponentials);
            let found = run.ok().and_then(|run| law.traces.iter().find(|known| known.trace == run.trace));
            return self.of(found.unwrap_or(&law.traces[0]), Some(exponentials), &of_draw, &of_conditional);
        }
        let trace = match self.chain.get(number as usize) {
            Some(&trace) => trace,
            None => self.table.pick(|| rng.next_u64()),
        };
        match self.departure {
            Departure::Given(which, delta) => {
                self.depart(which, delta, number, &mut of_draw, Some((trace, &[])))
            }
            Departure::Conditional(which, delta) => {
                self.depart(which, delta, number, &mut of_conditional, Some((trace, &of_draw)));
            }
            _ => {}
        }
        self.of(&law.traces[trace], None, &of_draw, &of_conditional)
    }

    fn of(&self, known: &Known, weights: Option<Vec<f64>>, of_draw: &[f64], of_conditional: &[f64]) -> Draw {
        let given = |field: Field, uniforms: &[f64]| -> Vec<f64> {
            if !self.fields.contains(&field) {
                return Vec::new();
            }
            let weights = known.trace.exponentials(&self.law.rates, uniforms);
            weights.into_iter().map(|weight| weight.unwrap_or(f64::INFINITY)).collect()
        };
        Draw {
            structure: known.structure.clone(),
            trace: known.trace.clone(),
            log_prob: known.log_prob,
            score: known.score.clone(),
            exponentials: weights.unwrap_or_else(|| given(Field::Exponentials, of_draw)),
            conditional: given(Field::Conditional, of_conditional),
        }
    }

    /// Makes the uniforms of a draw wrong. Known of it are the trace, and the uniforms that are independent of these given the trace, if
    /// there are any yet.
    fn depart(
        &self,
        which: Uniforms,
        delta: f64,
        number: u64,
        uniforms: &mut [f64],
        known: Option<(usize, &[f64])>,
    ) {
        let present = &self.law.present;
        let Some(&first) = present.first() else { return };
        let upper = |u: f64| u >= 0.5;
        let (winners, of_draw): (Vec<usize>, &[f64]) = match known {
            Some((trace, of_draw)) => {
                let races = self.law.traces[trace].trace.races();
                (races.iter().map(|race| race.winner).collect(), of_draw)
            }
            None => (Vec::new(), &[]),
        };
        let others = || present.iter().copied().filter(|k| !winners.contains(k));
        // Entries, each with the half that it goes to.
        let of_draw = |k: usize| (k, of_draw.get(k).is_some_and(|u| upper(*u)));
        let lower = |k: usize| (k, false);
        let to_that_of = |uniforms: &[f64], k: usize, of: usize| (k, upper(uniforms[of]));
        let wrong: Vec<(usize, bool)> = match which {
            Uniforms::Distance(_) => {
                let halves = self.halves.chunks(present.len()).nth(number as usize).unwrap_or_default();
                for (&k, &upper) in present.iter().zip(halves) {
                    uniforms[k] = f64::midpoint(uniforms[k], f64::from(u8::from(upper)));
                }
                return;
            }
            Uniforms::Alone => vec![lower(first)],
            Uniforms::All => present.iter().copied().map(lower).collect(),
            Uniforms::Pair => {
                present.get(1).map(|&second| to_that_of(uniforms, first, second)).into_iter().collect()
            }
            Uniforms::Neighbours => {
                present.chunks_exact(2).map(|pair| to_that_of(uniforms, pair[0], pair[1])).collect()
            }
            Uniforms::GivenTrace => known.map(|(trace, _)| (first, self.half[trace])).into_iter().collect(),
            Uniforms::Against => vec![of_draw(first)],
            Uniforms::FirstWinner => winners.first().copied().map(lower).into_iter().collect(),
            Uniforms::Winners => winners.iter().copied().map(lower).collect(),
            Uniforms::Others => others().map(lower).collect(),
            Uniforms::Races => {
                winners.chunks_exact(2).map(|pair| to_that_of(uniforms, pair[0], pair[1])).collect()
            }
            Uniforms::RaceAndEntry => {
                let pairs = winners.iter().zip(present).filter(|(_, k)| !winners.contains(k));
                pairs.map(|(&winner, &k)| to_that_of(uniforms, k, winner)).collect()
            }
            Uniforms::WinnersAgainst => winners.iter().copied().map(of_draw).collect(),
            Uniforms::OthersAgainst => others().map(of_draw).collect(),
        };
        for (k, upper) in wrong {
            uniforms[k] = towards(uniforms[k], upper, delta);
        }
    }
}

/// A uniform made to fall into the upper half, or into the lower, with probability `1/2 + δ`, evenly within each.
fn towards(u: f64, upper: bool, delta: f64) -> f64 {
    let (chance, here) = (0.5 + delta, f64::from(u8::from(upper)));
    if u < chance {
        f64::midpoint(here, u / chance)
    } else {
        f64::midpoint(1.0 - here, (u - chance) / (1.0 - chance))
    }
}

impl Sampler for Perfect<'_> {
    fn fields(&self) -> &[Field] {
        self.fields
    }

    fn fill(&self, first: u64, count: usize, batch: &mut Batch) {
        (first..first + count as u64).for_each(|number| batch.push(&self.draw(number)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel_oracle::number::ratio;

    /// A third has the digits 0x5555…: what is below it by its two-hundredth binary digit is told from what is above.
    #[test]
    fn as_many_bits_as_it_takes() {
        let cumulative = [ratio(1, 3), ratio(1, 2), ratio(1, 1)];
        let third = 0x5555_5555_5555_5555;
        let table = Table::new([ratio(1, 3), ratio(1, 6), ratio(1, 2)].into_iter());
        assert_eq!(table.cumulative, cumulative);
        assert_eq!(table.floors, [third, 1 << 63, u64::MAX]);
        let of = |digits: &[u64]| {
            let mut digits = digits.iter();
            let found = table.pick(|| *digits.next().unwrap());
            assert_eq!(digits.next(), None);
            found
        };
        assert_eq!(of(&[0]), 0);
        assert_eq!(of(&[third - 1]), 0);
        assert_eq!(of(&[third, third, third, third - 1]), 0);
        assert_eq!(of(&[third, third, third, third + 1]), 1);
        assert_eq!(of(&[third + 1]), 1);
        assert_eq!(of(&[(1 << 63) - 1]), 1);
        assert_eq!(of(&[1 << 63]), 2);
        assert_eq!(of(&[u64::MAX]), 2);
    }

    /// The law moved is a law, and as far from the right one as is said; and within the set and without it is as before.
    #[test]
    fn laws_are_moved_by_an_exact_amount() {
        let model = Model::parse(r#"{"structure": "top_k", "k": 2, "rates": [1, 2, "1/2", 3]}"#).unwrap();
        let law = Law::new(&model).unwrap();
        for into in [law.half(|_, structure| structure), law.half(|number, _| number), law.first_inside()] {
            let moved = law.moved(&into, 0.0625);
            assert_eq!(moved.iter().sum::<BigRational>(), ratio(1, 1));
            let off = moved.iter().zip(&law.traces).map(|(q, known)| q - &known.probability);
            let more: BigRational = off.filter(|off| *off > BigRational::zero()).sum();
            assert_eq!(more, ratio(1, 16));
            let half: BigRational = law
                .traces
                .iter()
                .zip(&into)
                .filter(|(_, is)| **is)
                .map(|(known, _)| &known.probability)
                .sum();
            assert!(half > ratio(1, 4) && half < ratio(3, 4), "{half}");
        }
    }

    #[test]
    fn a_uniform_goes_towards_a_half_and_stays_even_within_it() {
        let n = 100_000;
        for upper in [false, true] {
            let drawn: Vec<f64> =
                (0..n).map(|i| towards((f64::from(i) + 0.5) / f64::from(n), upper, 0.1)).collect();
            let in_quarter =
                |q: f64| drawn.iter().filter(|u| (q..q + 0.25).contains(*u)).count() as f64 / f64::from(n);
            let quarters = [0.0, 0.25, 0.5, 0.75].map(in_quarter);
            let want = if upper { [0.2, 0.2, 0.3, 0.3] } else { [0.3, 0.3, 0.2, 0.2] };
            assert!(quarters.iter().zip(want).all(|(q, want)| (q - want).abs() < 1e-4), "{quarters:?}");
        }
    }
}
