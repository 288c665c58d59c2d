//! Lists: who is before whom is counted, each with each.

use pulp::Simd;

use super::{Aligned, Group, NOBODY};
use crate::fast::small::{POSITIONS, POSITIONS_OF_TREE};
use crate::fast::stream::{LANES, Lane};

impl Group {
    /// The smallest weights in order, as many as there are to be races in each lane, and at most this many.
    ///
    /// Each goes where there are as many before it. The rates of those who win no race are added up as [`sum_by_eights`](crate::fast::races::sum_by_eights) does it.
    #[inline(always)]
    pub(super) fn order<S: Simd>(&mut self, simd: S, races: &Lane<u64>, most: usize) {
        let Self { n, rates, weights, drawn, .. } = self;
        let n = *n;
        drawn.fit(most);
        let parts = LANES / S::F64_LANES;
        let rates = S::as_simd_f64s(rates.as_flattened()).0;
        let weights = S::as_simd_f64s(weights.as_flattened()).0;
        let races = S::as_simd_u64s(races).0;
        let winners = S::as_mut_simd_u64s(drawn.winners.as_flattened_mut()).0;
        let winners_rates = S::as_mut_simd_f64s(drawn.rates.as_flattened_mut()).0;
        let others = S::as_mut_simd_f64s(drawn.others.as_flattened_mut()).0;
        let (zero, nobody) = (simd.splat_f64s(0.0), simd.splat_u64s(NOBODY));
        for part in 0..parts {
            let mut ranks = Aligned([nobody; POSITIONS]);
            let ranks = &mut ranks.0[..n];
            rank(simd, ranks, |before, i, j| {
                let (one, other) = (weights[i * parts + part], weights[j * parts + part]);
                if before {
                    simd.less_than_or_equal_f64s(other, one)
                } else {
                    simd.less_than_f64s(other, one)
                }
            });
            let races = races[part];
            // Who wins no race is beyond all.
            let mut losers = [zero; 8];
            for (i, rank) in ranks.iter_mut().enumerate() {
                let wins = simd.less_than_u64s(*rank, races);
                let rate = rates[i * parts + part];
                losers[i % 8] = simd.add_f64s(losers[i % 8], simd.select_f64s(wins, zero, rate));
                *rank = simd.select_u64s(wins, *rank, nobody);
            }
            let mut total = fold(simd, losers);
            for race in (0..most).rev() {
                let (mut winner, mut rate) = (nobody, zero);
                let this = simd.splat_u64s(race as u64);
                for (i, rank) in ranks.iter().enumerate() {
                    let is_winner = simd.equal_u64s(*rank, this);
                    winner = simd.select_u64s(is_winner, simd.splat_u64s(i as u64), winner);
                    rate = simd.select_f64s(is_winner, rates[i * parts + part], rate);
                }
                let place = race * parts + part;
                (winners[place], winners_rates[place]) = (winner, rate);
                let is_held = simd.less_than_u64s(this, races);
                others[place] = simd.select_f64s(is_held, total, zero);
                total = simd.add_f64s(total, rate);
            }
        }
    }

    /// The smallest weight.
    #[inline(always)]
    pub(super) fn first<S: Simd>(&mut self, simd: S) {
        let Self { rates, weights, drawn, .. } = self;
        drawn.fit(1);
        let parts = LANES / S::F64_LANES;
        let rates = S::as_simd_f64s(rates.as_flattened()).0;
        let weights = S::as_simd_f64s(weights.as_flattened()).0;
        let winners = S::as_mut_simd_u64s(drawn.winners.as_flattened_mut()).0;
        let winners_rates = S::as_mut_simd_f64s(drawn.rates.as_flattened_mut()).0;
        let others = S::as_mut_simd_f64s(drawn.others.as_flattened_mut()).0;
        let (zero, one) = (simd.splat_f64s(0.0), simd.splat_u64s(1));
        for part in 0..parts {
            let (mut lightest, mut winner) = (simd.splat_f64s(f64::INFINITY), simd.splat_u64s(NOBODY));
            let mut here = simd.splat_u64s(0);
            for weights in weights.chunks_exact(parts) {
                let is_lighter = simd.less_than_f64s(weights[part], lightest); // of equals the first stays
                lightest = simd.min_f64s(weights[part], lightest);
                winner = simd.select_u64s(is_lighter, here, winner);
                here = simd.add_u64s(here, one);
            }
            let (mut losers, mut rate) = ([zero; 8], zero);
            here = simd.splat_u64s(0);
            for (i, rates) in rates.chunks_exact(parts).enumerate() {
                let wins = simd.equal_u64s(here, winner);
                losers[i % 8] = simd.add_f64s(losers[i % 8], simd.select_f64s(wins, zero, rates[part]));
                rate = simd.select_f64s(wins, rates[part], rate);
                here = simd.add_u64s(here, one);
            }
            (winners[part], winners_rates[part], others[part]) = (winner, rate, fold(simd, losers));
        }
    }

    /// The Cartesian tree of the weights. Members are for each position twice the parent, and one more if it is in the right subtree.
    ///
    /// From a position outwards, who is lighter than all between is above it, the first on each side or the heavier of the two next, and
    /// what lies before that is below it. As many as are above it are its depth, which says the order of the races.
    #[inline(always)]
    pub(super) fn divide<S: Simd>(&mut self, simd: S) {
        let Self { n, rates, weights, drawn, .. } = self;
        let n = *n;
        drawn.fit(n);
        drawn.members.resize(n, [NOBODY; LANES]);
        drawn.rates.copy_from_slice(rates);
        let parts = LANES / S::F64_LANES;
        let rates = S::as_simd_f64s(rates.as_flattened()).0;
        let weights = S::as_simd_f64s(weights.as_flattened()).0;
        let winners = S::as_mut_simd_u64s(drawn.winners.as_flattened_mut()).0;
        let members = S::as_mut_simd_u64s(drawn.members.as_flattened_mut()).0;
        let others = S::as_mut_simd_f64s(drawn.others.as_flattened_mut()).0;
        let (zero, none) = (simd.splat_f64s(0.0), simd.splat_f64s(-1.0));
        let (one, nobody) = (simd.splat_u64s(1), simd.splat_u64s(NOBODY));
        let always = simd.equal_u64s(one, one);
        for part in 0..parts {
            let (mut depths, mut ranks) =
                (Aligned([nobody; POSITIONS_OF_TREE]), Aligned([nobody; POSITIONS_OF_TREE]));
            let (depths, ranks) = (&mut depths.0[..n], &mut ranks.0[..n]);
            for i in 0..n {
                let at = i * parts + part;
                let mut depth = simd.splat_u64s(0);
                // To the left.
                let (mut above, mut parent, mut below) = (none, nobody, zero);
                let (mut lightest, mut is_below) = (weights[at], always);
                for j in (0..i).rev() {
                    let other = weights[j * parts + part];
                    let is_above = simd.less_than_or_equal_f64s(other, lightest); // of equals the earlier is above
                    let is_next = simd.and_m64s(is_below, is_above);
                    is_below = simd.and_m64s(is_below, simd.not_m64s(is_above));
                    depth = simd.select_u64s(is_above, simd.add_u64s(depth, one), depth);
                    below = simd.select_f64s(is_below, simd.add_f64s(below, rates[j * parts + part]), below);
                    above = simd.select_f64s(is_next, other, above);
                    parent = simd.select_u64s(is_next, simd.splat_u64s(2 * j as u64 + 1), parent);
                    lightest = simd.min_f64s(other, lightest);
                }
                let (left_above, left_parent, left_below) = (above, parent, below);
                // To the right.
                (above, parent, below) = (none, nobody, zero);
                (lightest, is_below) = (weights[at], always);
                for j in i + 1..n {
                    let other = weights[j * parts + part];
                    let is_above = simd.less_than_f64s(other, lightest);
                    let is_next = simd.and_m64s(is_below, is_above);
                    is_below = simd.and_m64s(is_below, simd.not_m64s(is_above));
                    depth = simd.select_u64s(is_above, simd.add_u64s(depth, one), depth);
                    below = simd.select_f64s(is_below, simd.add_f64s(below, rates[j * parts + part]), below);
                    above = simd.select_f64s(is_next, other, above);
                    parent = simd.select_u64s(is_next, simd.splat_u64s(2 * j as u64), parent);
                    lightest = simd.min_f64s(other, lightest);
                }
                parent = simd.select_u64s(simd.greater_than_f64s(left_above, above), left_parent, parent);
                // What is beyond the last position comes last.
                let is_there = simd.greater_than_f64s(rates[at], zero);
                depths[i] = simd.select_u64s(is_there, depth, nobody);
                members[at] = simd.select_u64s(is_there, parent, nobody);
                others[at] = simd.add_f64s(left_below, below);
            }
            rank(simd, ranks, |before, i, j| {
                let (one, other) = (depths[i], depths[j]);
                if before {
                    simd.less_than_or_equal_u64s(other, one)
                } else {
                    simd.less_than_u64s(other, one)
                }
            });
            for race in 0..n {
                let this = simd.splat_u64s(race as u64);
                let mut winner = nobody;
                for (i, (&rank, &depth)) in ranks.iter().zip(&*depths).enumerate() {
                    let wins = simd.and_m64s(simd.equal_u64s(rank, this), simd.less_than_u64s(depth, nobody));
                    winner = simd.select_u64s(wins, simd.splat_u64s(i as u64), winner);
                }
                winners[race * parts + part] = winner;
            }
        }
    }
}

/// The sum of eight partial ones.
#[inline(always)]
fn fold<S: Simd>(simd: S, sums: [S::f64s; 8]) -> S::f64s {
    let [a, b, c, d] = [0, 1, 2, 3].map(|i| simd.add_f64s(sums[i], sums[i + 4]));
    simd.add_f64s(simd.add_f64s(a, c), simd.add_f64s(b, d))
}

/// For each how many are before it, where it is said whether `j` is before `i`, and whether it stands before it in the list.
#[inline(always)]
fn rank<S: Simd>(simd: S, ranks: &mut [S::u64s], is_before: impl Fn(bool, usize, usize) -> S::m64s) {
    let n = ranks.len();
    let one = simd.splat_u64s(1);
    for (i, rank) in ranks.iter_mut().enumerate() {
        *rank = simd.splat_u64s(0);
        for j in 0..i {
            *rank = simd.select_u64s(is_before(true, i, j), simd.add_u64s(*rank, one), *rank);
        }
        for j in i + 1..n {
            *rank = simd.select_u64s(is_before(false, i, j), simd.add_u64s(*rank, one), *rank);
        }
    }
}
