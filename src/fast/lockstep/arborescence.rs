//! Chu-Liu-Edmonds in rounds, as it is told.
//!
//! Cells are all pairs of vertices, head by head, so that arcs into a vertex follow each other; an arc is known by its number `u·n + v`, row
//! by row. In each round all components race that have formed in the round before, the vertices in the first; then all cycles are contracted.
//! A component is called by its least vertex, as a bit, so that sets of components are the sums of their names.

use pulp::Simd;

use super::{Aligned, Group, NOBODY};
use crate::fast::Arborescence;
use crate::fast::small::VERTICES;
use crate::fast::stream::{LANES, Lane};

/// What is kept of the races of a round, one place for each vertex, of which those count by which a component is called that races.
#[derive(Debug, Clone, Default)]
pub(super) struct Rounds {
    winners: Vec<Lane<u64>>,
    rates: Vec<Lane<f64>>,
    others: Vec<Lane<f64>>,
    /// The vertices of the component, and the head of the arc that wins, as bits.
    members: Vec<Lane<u64>>,
    heads: Vec<Lane<u64>>,
    /// Which places count, and in which the arc is one of the arborescence: bits in words.
    held: Vec<Lane<u64>>,
    entering: Vec<Lane<u64>>,
}

impl Group {
    /// Whether a digraph of so many vertices is dense, and all are reached from the root, which no arc enters.
    pub(super) fn is_dense_and_reached(&self, lane: usize, vertices: usize) -> bool {
        let n = self.n;
        let is_there = |u: usize, v: usize| self.rates[v * n + u][lane] > 0.0;
        let entered = (0..vertices).map(|v| (0..vertices).filter(|&u| is_there(u, v)).count());
        let arcs: usize = entered.clone().sum();
        if arcs == (vertices - 1) * (vertices - 1) {
            return true;
        }
        let Some(root) = entered.clone().position(|count| count == 0) else { return false };
        let (mut reached, mut left) = (1_u32 << root, vec![root]);
        while let Some(u) = left.pop() {
            for v in (0..vertices).filter(|&v| is_there(u, v)) {
                if reached >> v & 1 == 0 {
                    reached |= 1 << v;
                    left.push(v);
                }
            }
        }
        Arborescence::is_dense(vertices, arcs) && reached.count_ones() as usize == vertices
    }

    /// Runs on the weights.
    #[inline(always)]
    pub(super) fn grow<S: Simd>(&mut self, simd: S) {
        let Self { n, rates, weights, left, drawn, rounds, .. } = self;
        let n = *n;
        left.clone_from(rates);
        for list in [&mut rounds.winners, &mut rounds.members, &mut rounds.heads] {
            list.resize(n * n, [0; LANES]);
        }
        for list in [&mut rounds.rates, &mut rounds.others] {
            list.resize(n * n, [0.0; LANES]);
        }
        for list in [&mut rounds.held, &mut rounds.entering] {
            list.clear();
            list.resize((n * n).div_ceil(64), [0; LANES]);
        }
        let parts = LANES / S::F64_LANES;
        let mut last = 0;
        for part in 0..parts {
            let weights = S::as_mut_simd_f64s(weights.as_flattened_mut()).0;
            let left = S::as_mut_simd_f64s(left.as_flattened_mut()).0;
            let held = run(simd, n, part, weights, left, rounds);
            enter(simd, part, held * n, rounds);
            last = last.max(held);
        }
        // What counts, without gaps.
        let races = (2 * n).saturating_sub(3).max(1);
        drawn.fit(races);
        drawn.winners.fill([NOBODY; LANES]);
        drawn.rates.fill([0.0; LANES]);
        drawn.others.fill([0.0; LANES]);
        drawn.members.clear();
        drawn.members.resize(n - 1, [NOBODY; LANES]);
        for lane in 0..LANES {
            let mut race = 0;
            let mut member = 0;
            for word in 0..rounds.held.len() {
                let (mut held, entering) = (rounds.held[word][lane], rounds.entering[word][lane]);
                while held != 0 {
                    let bit = held.trailing_zeros() as usize;
                    held &= held - 1;
                    let place = 64 * word + bit;
                    let winner = rounds.winners[place][lane];
                    drawn.winners[race][lane] = winner;
                    drawn.rates[race][lane] = rounds.rates[place][lane];
                    drawn.others[race][lane] = rounds.others[place][lane];
                    race += 1;
                    if entering >> bit & 1 == 1 {
                        drawn.members[member][lane] = winner;
                        member += 1;
                    }
                }
            }
        }
    }
}

/// Whether something holds in some lane.
#[inline(always)]
fn any<S: Simd>(simd: S, mask: S::m64s) -> bool {
    simd.first_true_m64s(mask) < S::F64_LANES
}

/// Holds all races; how many rounds there are.
#[inline(always)]
fn run<S: Simd>(
    simd: S,
    n: usize,
    part: usize,
    weights: &mut [S::f64s],
    rates: &mut [S::f64s],
    rounds: &mut Rounds,
) -> usize {
    let parts = LANES / S::F64_LANES;
    let (zero, infinity) = (simd.splat_f64s(0.0), simd.splat_f64s(f64::INFINITY));
    let (none, nobody) = (simd.splat_u64s(0), simd.splat_u64s(NOBODY));
    let step = simd.splat_u64s(n as u64);
    let winners_of = S::as_mut_simd_u64s(rounds.winners.as_flattened_mut()).0;
    let members_of = S::as_mut_simd_u64s(rounds.members.as_flattened_mut()).0;
    let heads_of = S::as_mut_simd_u64s(rounds.heads.as_flattened_mut()).0;
    let rates_of = S::as_mut_simd_f64s(rounds.rates.as_flattened_mut()).0;
    let others_of = S::as_mut_simd_f64s(rounds.others.as_flattened_mut()).0;
    let held = S::as_mut_simd_u64s(rounds.held.as_flattened_mut()).0;
    let bits: Aligned<S::u64s, VERTICES> =
        Aligned(std::array::from_fn(|vertex| simd.splat_u64s(1 << vertex)));
    let bits = &bits.0[..n];
    let mut names = Aligned([none; VERTICES]);
    let names = &mut names.0[..n];
    names.copy_from_slice(bits);
    // Of the component of each vertex: the winning time, the component from which the arc comes that won, and whether it races.
    let (mut times, mut nexts, mut races) =
        (Aligned([zero; VERTICES]), Aligned([none; VERTICES]), [simd.equal_u64s(none, none); VERTICES]);
    let (times, nexts, races) = (&mut times.0[..n], &mut nexts.0[..n], &mut races[..n]);
    for round in 0..n {
        // The lightest arc into each vertex.
        let (mut least, mut ends) = (Aligned([infinity; VERTICES]), Aligned([zero; VERTICES]));
        let (mut arcs, mut tails) = (Aligned([nobody; VERTICES]), Aligned([none; VERTICES]));
        let (least, ends) = (&mut least.0[..n], &mut ends.0[..n]);
        let (arcs, tails) = (&mut arcs.0[..n], &mut tails.0[..n]);
        let cells = weights.chunks_exact(n * parts).zip(rates.chunks_exact(n * parts));
        for (v, (weights, rates)) in cells.enumerate() {
            if !any(simd, races[v]) {
                continue;
            }
            let (mut lightest, mut winner, mut tail, mut rate) = (infinity, nobody, none, zero);
            let mut here = simd.splat_u64s(v as u64);
            let cells = weights.chunks_exact(parts).zip(rates.chunks_exact(parts));
            for ((weights, rates), &name) in cells.zip(&*names) {
                let is_lighter = simd.less_than_f64s(weights[part], lightest); // of equals the first stays
                lightest = simd.min_f64s(weights[part], lightest);
                winner = simd.select_u64s(is_lighter, here, winner);
                tail = simd.select_u64s(is_lighter, name, tail);
                rate = simd.select_f64s(is_lighter, rates[part], rate);
                here = simd.add_u64s(here, step);
            }
            least[v] = simd.select_f64s(races[v], lightest, infinity);
            arcs[v] = simd.select_u64s(races[v], winner, nobody);
            tails[v] = tail;
            ends[v] = rate;
        }
        // And into each component.
        let (mut winners, mut sums) = (Aligned([nobody; VERTICES]), Aligned([zero; VERTICES]));
        let (winners, sums) = (&mut winners.0[..n], &mut sums.0[..n]);
        for v in 0..n {
            if !any(simd, races[v]) {
                continue;
            }
            let place = (round * n + v) * parts + part;
            let (mut lightest, mut winner, mut tail, mut rate) = (least[v], arcs[v], tails[v], ends[v]);
            let (mut members, mut head) = (bits[v], bits[v]);
            if round > 0 {
                for w in 0..n {
                    let is_member = simd.equal_u64s(names[v], names[w]);
                    lightest = simd.select_f64s(is_member, simd.min_f64s(least[w], lightest), lightest);
                    members = simd.or_u64s(members, simd.select_u64s(is_member, bits[w], none));
                }
                winner = nobody;
                for w in 0..n {
                    let is_member = simd.equal_u64s(names[v], names[w]);
                    let is_lightest = simd.and_m64s(is_member, simd.equal_f64s(least[w], lightest));
                    // Of equally light arcs the first.
                    winner = simd.select_u64s(is_lightest, simd.min_u64s(arcs[w], winner), winner);
                }
                for w in 0..n {
                    let is_winner = simd.equal_u64s(arcs[w], winner);
                    tail = simd.select_u64s(is_winner, tails[w], tail);
                    rate = simd.select_f64s(is_winner, ends[w], rate);
                    head = simd.select_u64s(is_winner, bits[w], head);
                }
            }
            // No arc enters the root, nor what lies beyond the last vertex.
            races[v] = simd.and_m64s(races[v], simd.less_than_f64s(lightest, infinity));
            times[v] = simd.select_f64s(races[v], lightest, times[v]);
            nexts[v] = simd.select_u64s(races[v], tail, nexts[v]);
            winners[v] = winner;
            (winners_of[place], rates_of[place], members_of[place], heads_of[place]) =
                (winner, rate, members, head);
        }
        // The rates of all others that race into each vertex, and into each component.
        for (v, rates) in rates.chunks_exact(n * parts).enumerate() {
            if !any(simd, races[v]) {
                continue;
            }
            let mut here = simd.splat_u64s(v as u64);
            let mut sum = zero;
            for rates in rates.chunks_exact(parts) {
                let has_won = simd.equal_u64s(here, winners[v]);
                sum = simd.add_f64s(sum, simd.select_f64s(has_won, zero, rates[part]));
                here = simd.add_u64s(here, step);
            }
            sums[v] = sum;
        }
        for v in 0..n {
            let counts = simd.and_m64s(races[v], simd.equal_u64s(names[v], bits[v]));
            if !any(simd, counts) {
                continue;
            }
            let place = round * n + v;
            let word = &mut held[place / 64 * parts + part];
            *word = simd.or_u64s(*word, simd.select_u64s(counts, simd.splat_u64s(1 << (place % 64)), none));
            let mut sum = sums[v];
            if round > 0 {
                for w in v + 1..n {
                    let is_member = simd.equal_u64s(names[v], names[w]);
                    sum = simd.select_f64s(is_member, simd.add_f64s(sum, sums[w]), sum);
                }
            }
            others_of[place * parts + part] = sum;
        }
        // What is reached backwards from each component.
        let mut reached = Aligned([none; VERTICES]);
        let reached = &mut reached.0[..n];
        reached.copy_from_slice(nexts);
        for k in 0..n {
            let through = reached[k];
            for reached in &mut *reached {
                let does = simd.equal_u64s(simd.and_u64s(*reached, bits[k]), bits[k]);
                *reached = simd.select_u64s(does, simd.or_u64s(*reached, through), *reached);
            }
        }
        // Cycles are contracted: called by the least of their names.
        let mut new = Aligned([none; VERTICES]);
        let new = &mut new.0[..n];
        let mut go_on = false;
        for v in 0..n {
            races[v] = simd.equal_u64s(simd.and_u64s(reached[v], names[v]), names[v]);
            go_on |= any(simd, races[v]);
            let least = simd.and_u64s(reached[v], simd.sub_u64s(none, reached[v]));
            new[v] = simd.select_u64s(races[v], least, names[v]);
        }
        if !go_on {
            return round + 1;
        }
        for v in 0..n {
            let mut next = nexts[v];
            for (old, new) in names.iter().zip(&*new) {
                next = simd.select_u64s(simd.equal_u64s(nexts[v], *old), *new, next);
            }
            nexts[v] = next; // of a contracted cycle that is itself until it races
        }
        names.copy_from_slice(new);
        let cells = weights.chunks_exact_mut(n * parts).zip(rates.chunks_exact_mut(n * parts));
        for (v, (weights, rates)) in cells.enumerate() {
            if !any(simd, races[v]) {
                continue; // it is in the component in which it was
            }
            let cells = weights.chunks_exact_mut(parts).zip(rates.chunks_exact_mut(parts));
            for ((weights, rates), &name) in cells.zip(&*names) {
                let (weight, rate) = (weights[part], rates[part]);
                let is_inside = simd.equal_u64s(names[v], name);
                let reduced = simd.select_f64s(races[v], simd.sub_f64s(weight, times[v]), weight);
                weights[part] = simd.select_f64s(is_inside, infinity, reduced);
                rates[part] = simd.select_f64s(is_inside, zero, rate);
            }
        }
    }
    n
}

/// Finds the arcs of the arborescence, from the top down: the arc that enters a component takes the place of those of the members that
/// hold its head.
#[inline(always)]
fn enter<S: Simd>(simd: S, part: usize, places: usize, rounds: &mut Rounds) {
    let parts = LANES / S::F64_LANES;
    let none = simd.splat_u64s(0);
    let members_of = S::as_simd_u64s(rounds.members.as_flattened()).0;
    let heads_of = S::as_simd_u64s(rounds.heads.as_flattened()).0;
    let held = S::as_simd_u64s(rounds.held.as_flattened()).0;
    let entering = S::as_mut_simd_u64s(rounds.entering.as_flattened_mut()).0;
    let mut entered = none;
    for place in (0..places).rev() {
        let bit = simd.splat_u64s(1 << (place % 64));
        let word = place / 64 * parts + part;
        let counts = simd.equal_u64s(simd.and_u64s(held[word], bit), bit);
        let is_entered_above = simd.and_u64s(entered, members_of[place * parts + part]);
        let does = simd.and_m64s(counts, simd.equal_u64s(is_entered_above, none));
        entered = simd.or_u64s(entered, simd.select_u64s(does, heads_of[place * parts + part], none));
        entering[word] = simd.or_u64s(entering[word], simd.select_u64s(does, bit, none));
    }
}
