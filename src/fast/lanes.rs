//! Many numbers at once, by the widest instructions that the machine has.
//!
//! The loops here are plain ones, without branches, that a compiler turns into vector instructions; those that look for the least of a row
//! are written in such instructions, since it makes slow ones of them. [`pulp`] has all compiled for several levels (x86-64 as it is, AVX2,
//! AVX-512; NEON) and picks one when the program runs. Sums, products and quotients are rounded as they are written (no two are ever
//! fused), so that all levels give the same numbers to the bit, which a test here asserts.
//!
//! # Notation
//! `stir` is the finaliser of SplitMix64 (Steele, Lea, Flood 2014, with the constants of Stafford's variant 13). The exponential of entry
//! `k` (of an arborescence, of its cell in the matrix) is `-log u`, `u` the upper 52 bits of `stir(stir(a + k) ^ b)` in the middle of their
//! cell of a grid of 2⁻⁵², where `a` and `b` are the first words of the stream of a draw's weights: a function of the seed, the draw and the
//! entry only, in whatever order it is asked for.

// Loops over an index into slices of one length: written with iterators zipped, the exponentials took six times as long.
#![allow(clippy::needless_range_loop)]

use std::sync::LazyLock;

use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};

use super::stream::{Stream, stir, unit};

/// The widest level.
pub(crate) static WIDEST: LazyLock<Arch> = LazyLock::new(Arch::new);

/// Draws the weight of each entry, of this mean: infinite where the mean is.
pub(super) fn weights(mut stream: Stream, means: &[f64], weights: &mut [f64]) {
    WIDEST.dispatch(Weigh { keys: [stream.bits(), stream.bits()], means, weights });
}

/// Draws them in working memory, and copies them to where they are asked for.
pub(super) fn weights_at_once(
    stream: &Stream,
    means: &[f64],
    drawn: &mut Vec<f64>,
    asked_for: Option<&mut [f64]>,
) {
    drawn.resize(means.len(), 0.0);
    weights(stream.clone(), means, drawn);
    if let Some(asked_for) = asked_for {
        asked_for.copy_from_slice(drawn);
    }
}

/// The sum of eight partial sums.
#[inline(always)]
pub(super) fn fold(sums: [f64; 8]) -> f64 {
    let fours = [0, 1, 2, 3].map(|i| sums[i] + sums[i + 4]);
    (fours[0] + fours[2]) + (fours[1] + fours[3])
}

struct Weigh<'a> {
    keys: [u64; 2],
    means: &'a [f64],
    weights: &'a mut [f64],
}

impl NullaryFnOnce for Weigh<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { keys: [a, b], means, weights } = self;
        let count = means.len().min(weights.len());
        let (means, weights) = (&means[..count], &mut weights[..count]);
        for k in 0..count {
            weights[k] = minus_log(uniform(a.wrapping_add(k as u64), b)) * means[k];
        }
    }
}

/// `1/λ` of each rate.
pub(super) fn means(rates: &[f64], means: &mut Vec<f64>) {
    means.resize(rates.len(), 0.0);
    inverse(rates, means);
}

/// The same, where there is room for them.
pub(super) fn inverse(rates: &[f64], means: &mut [f64]) {
    WIDEST.dispatch(Means { rates, means });
}

struct Means<'a> {
    rates: &'a [f64],
    means: &'a mut [f64],
}

impl NullaryFnOnce for Means<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.means.iter_mut().zip(self.rates).for_each(|(mean, rate)| *mean = 1.0 / rate);
    }
}

/// The `u` of the entry whose number has been added to the first key.
#[inline(always)]
pub(super) fn uniform(first: u64, second: u64) -> f64 {
    unit(stir(stir(first) ^ second))
}

/// `√½` as bits.
const ROOT: u64 = 0x3fe6_a09e_667f_3bcd;

/// `-log u` for `0 < u < 1`, within an ulp.
///
/// With `u = 2^k m`, `√½ ≤ m < √2`, `f = m - 1` and `s = f/(2 + f)`: `log m = 2s + 2s³/3 + 2s⁵/5 + …`, of which a polynomial takes the place
/// with an error below 2⁻⁵⁸·⁴⁵. Polynomial and order of the sums are those of `e_log.c` in FreeBSD's msun (Sun Microsystems 1993), here
/// without branches.
#[inline(always)]
pub(super) fn minus_log(u: f64) -> f64 {
    const LOG_2: [f64; 2] = [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10];
    const ODD: [f64; 4] =
        [0.147_981_986_051_165_86, 0.181_835_721_616_180_5, 0.285_714_287_436_623_9, 0.666_666_666_666_673_5];
    const EVEN: [f64; 3] = [0.153_138_376_992_093_73, 0.222_221_984_321_497_84, 0.399_999_999_994_094_2];
    let bits = u.to_bits().wrapping_add((1023 << 52) - ROOT);
    // k, from its place in the lowest bits of 2⁵².
    let k = f64::from_bits((bits >> 52) | (1075 << 52)) - (4_503_599_627_370_496.0 + 1023.0);
    let m = f64::from_bits((bits & ((1 << 52) - 1)) + ROOT);
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let odd = z * (((ODD[0] * w + ODD[1]) * w + ODD[2]) * w + ODD[3]);
    let even = w * ((EVEN[0] * w + EVEN[1]) * w + EVEN[2]);
    let half = 0.5 * f * f;
    ((half - (s * (half + (even + odd)) + k * LOG_2[1])) - f) - k * LOG_2[0]
}

/// Writes what stands above the diagonal of a symmetric matrix of so many rows, row by row, to both triangles; zeros on the diagonal and
/// up to the stride, a multiple of 8.
pub(super) fn unpack(n: usize, stride: usize, above: &[f64], matrix: &mut [f64]) {
    WIDEST.dispatch(Unpack { n, stride, above, matrix });
}

struct Unpack<'a> {
    n: usize,
    stride: usize,
    above: &'a [f64],
    matrix: &'a mut [f64],
}

impl NullaryFnOnce for Unpack<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { n, stride, above, matrix } = self;
        // Block by block, so that what is read together and written together is in the cache.
        for first in (0..stride).step_by(8) {
            for start in (first..stride).step_by(8) {
                let mut block = [[0.0; 8]; 8];
                for (u, row) in (first..).zip(&mut block) {
                    let columns = start.max(u + 1)..n.min(start + 8);
                    if columns.is_empty() {
                        continue;
                    }
                    // Where the row would begin if it began at the first column: for row 0, before all.
                    let begin = (u * (2 * n - u - 1) / 2).wrapping_sub(u + 1);
                    if columns.len() == 8 {
                        row.copy_from_slice(&above[begin.wrapping_add(start)..][..8]);
                    } else {
                        for v in columns {
                            row[v - start] = above[begin.wrapping_add(v)];
                        }
                    }
                }
                if first == start {
                    for u in 0..8 {
                        for v in 0..u {
                            block[u][v] = block[v][u];
                        }
                    }
                }
                for (u, row) in block.iter().enumerate() {
                    matrix[(first + u) * stride + start..][..8].copy_from_slice(row);
                }
                if first < start {
                    for v in 0..8 {
                        let row = &mut matrix[(start + v) * stride + first..][..8];
                        for u in 0..8 {
                            row[u] = block[u][v];
                        }
                    }
                }
            }
        }
    }
}

/// Prim's algorithm from vertex 0 on a matrix of weights.
///
/// Writes the vertex at each place from the second on, with the place where the edge ends by which it joins, and the weight of this edge.
/// Of edges of one weight some one is taken: drawn weights tie once in 2⁵² or more rarely.
pub(super) struct Prim<'a> {
    /// Each row has so many numbers, one for each vertex, and then whatever it may be.
    pub(super) stride: usize,
    pub(super) matrix: &'a [f64],
    /// Of each vertex outside the lightest edge into the tree, and where that ends. Working memory.
    pub(super) lightest: &'a mut Vec<f64>,
    pub(super) ends: &'a mut Vec<u64>,
    /// As many as there are vertices, of which the first is not written.
    pub(super) joined: &'a mut [Join],
}

/// How a vertex joins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Join {
    pub(super) vertex: u32,
    pub(super) end: u32,
    pub(super) weight: u64,
}

impl Prim<'_> {
    pub(super) fn run(self) {
        WIDEST.dispatch(self);
    }
}

impl WithSimd for Prim<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { stride, matrix, lightest, ends, joined } = self;
        lightest.clear();
        lightest.resize(joined.len(), f64::INFINITY);
        lightest.resize(stride, INSIDE);
        ends.clear();
        ends.resize(stride, 0);
        let mut vertex = 0_usize;
        for place in 1..joined.len() {
            lightest[vertex] = INSIDE;
            let row = S::as_simd_f64s(&matrix[vertex * stride..][..stride]).0;
            let all = S::as_mut_simd_f64s(lightest).0.iter_mut().zip(S::as_mut_simd_u64s(ends).0);
            let end_now = simd.splat_u64s(place as u64 - 1);
            let mut found = Found::new(simd);
            for (&weight, (lightest, end)) in row.iter().zip(all) {
                let is_lighter = simd.less_than_f64s(weight, *lightest);
                let now = simd.select_f64s(is_lighter, weight, *lightest);
                *lightest = now;
                *end = simd.select_u64s(is_lighter, end_now, *end);
                found.look_at(simd, simd.abs_f64s(now));
            }
            let weight;
            (weight, vertex, _) = found.least(simd);
            joined[place] =
                Join { vertex: vertex as u32, end: ends[vertex] as u32, weight: weight.to_bits() };
        }
    }
}

/// Stands for the lightest edge of a vertex that is inside: no weight is less, and its absolute value comes last.
const INSIDE: f64 = f64::NEG_INFINITY;

/// The least of the numbers looked at, and the first and the last place where it stands, in each lane.
#[derive(Clone, Copy)]
struct Found<S: Simd> {
    least: S::f64s,
    /// Places are counted up from the bits of 2⁵²: they are counted as whole numbers, and compared as numbers.
    first: S::u64s,
    last: S::u64s,
    /// The places that are looked at next.
    here: S::u64s,
}

/// The bits of 2⁵².
const START: u64 = 1075 << 52;

impl<S: Simd> Found<S> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        let start = simd.splat_u64s(START);
        let here = S::as_simd_u64s(&[0, 1, 2, 3, 4, 5, 6, 7]).0[0];
        Self {
            least: simd.splat_f64s(f64::INFINITY),
            first: start,
            last: start,
            here: simd.add_u64s(start, here),
        }
    }

    #[inline(always)]
    fn look_at(&mut self, simd: S, numbers: S::f64s) {
        let is_less = simd.less_than_f64s(numbers, self.least);
        let is_no_more = simd.less_than_or_equal_f64s(numbers, self.least);
        self.least = simd.min_f64s(numbers, self.least);
        self.first = simd.select_u64s(is_less, self.here, self.first);
        self.last = simd.select_u64s(is_no_more, self.here, self.last);
        self.here = simd.add_u64s(self.here, simd.splat_u64s(S::F64_LANES as u64));
    }

    /// The least number of a row, and the first and the last place where it stands; each counts as the one below it if that is larger.
    #[inline(always)]
    fn in_row(simd: S, row: &[f64], below: &[f64]) -> (f64, usize, usize) {
        if row.len() < S::F64_LANES {
            return Self::in_short_row(row, below);
        }
        let mut found = Self::new(simd);
        let ((numbers, rest), (bounds, _)) = (S::as_simd_f64s(row), S::as_simd_f64s(below));
        for (&numbers, &bounds) in numbers.iter().zip(bounds) {
            found.look_at(simd, simd.max_f64s(numbers, bounds));
        }
        if !rest.is_empty() {
            // The last ones with some of those before: one by one they would take as long as all others.
            let start = row.len() - S::F64_LANES;
            let seen = simd.splat_u64s((S::F64_LANES - rest.len()) as u64);
            found.here = simd.sub_u64s(found.here, seen);
            let (numbers, bounds) =
                (simd.partial_load_f64s(&row[start..]), simd.partial_load_f64s(&below[start..]));
            found.look_at(simd, simd.max_f64s(numbers, bounds));
        }
        found.least(simd)
    }

    #[inline(always)]
    fn in_short_row(row: &[f64], below: &[f64]) -> (f64, usize, usize) {
        let (mut least, mut first, mut last) = (f64::INFINITY, 0, 0);
        for (place, (&number, &bound)) in row.iter().zip(below).enumerate() {
            let number = if number > bound { number } else { bound };
            first = if number < least { place } else { first };
            last = if number <= least { place } else { last };
            least = if number < least { number } else { least };
        }
        (least, first, last)
    }

    /// The least, and the first and the last place where it stands.
    #[inline(always)]
    fn least(self, simd: S) -> (f64, usize, usize) {
        let least = simd.reduce_min_f64s(self.least);
        let is_least = simd.equal_f64s(self.least, simd.splat_f64s(least));
        let first = simd.select_u64s(is_least, self.first, simd.splat_u64s(f64::INFINITY.to_bits()));
        let last = simd.select_u64s(is_least, self.last, simd.splat_u64s(START));
        let first = simd.reduce_min_f64s(simd.transmute_f64s_u64s(first));
        let last = simd.reduce_max_f64s(simd.transmute_f64s_u64s(last));
        let place = |number: f64| (number.to_bits() - START) as usize;
        (least, place(first), place(last))
    }
}

/// Of each number how many are less; there is room for as many.
pub(super) fn ranks(numbers: &[f64], ranks: &mut [u64]) {
    WIDEST.dispatch(Ranks { numbers, ranks });
}

struct Ranks<'a> {
    numbers: &'a [f64],
    ranks: &'a mut [u64],
}

impl NullaryFnOnce for Ranks<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { numbers, ranks } = self;
        for (eight, ranks) in numbers.chunks(8).zip(ranks.chunks_mut(8)) {
            let mut these = [f64::INFINITY; 8];
            these[..eight.len()].copy_from_slice(eight);
            let mut less = [0; 8];
            for number in numbers {
                for i in 0..8 {
                    less[i] += u64::from(*number < these[i]);
                }
            }
            ranks.copy_from_slice(&less[..ranks.len()]);
        }
    }
}

/// The least of some numbers, 0 or above, the first place where it stands, and whether that is the only one.
pub(super) fn least(row: &[f64]) -> (f64, usize, bool) {
    WIDEST.dispatch(Least(row))
}

struct Least<'a>(&'a [f64]);

impl WithSimd for Least<'_> {
    type Output = (f64, usize, bool);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f64, usize, bool) {
        let (least, first, last) = Found::in_row(simd, self.0, self.0);
        (least, first, first == last)
    }
}

/// Of each row of a square matrix the sum of all numbers but one, and what is not there if that is beyond the last.
pub(super) fn sums_but_one(side: usize, matrix: &[f64], places: &[u64], sums: &mut [f64]) {
    WIDEST.dispatch(SumsButOne { side, matrix, places, sums });
}

struct SumsButOne<'a> {
    side: usize,
    matrix: &'a [f64],
    places: &'a [u64],
    sums: &'a mut [f64],
}

impl NullaryFnOnce for SumsButOne<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { side, matrix, places, sums } = self;
        for ((row, &place), sum) in matrix.chunks_exact(side).zip(places).zip(sums) {
            let (eights, rest) = row.as_chunks::<8>();
            let mut partial = [0.0; 8];
            let mut here = [0, 1, 2, 3, 4, 5, 6, 7_u64];
            for eight in eights {
                for i in 0..8 {
                    partial[i] += if here[i] == place { 0.0 } else { eight[i] };
                    here[i] += 8;
                }
            }
            for (i, &value) in rest.iter().enumerate() {
                partial[i] += if here[i] == place { 0.0 } else { value };
            }
            *sum = fold(partial);
        }
    }
}

/// Makes an operation of two rows of one length, of which the second is written.
macro_rules! on_rows {
    ($(#[$doc:meta])* $name:ident, $operation:ident, |$from:ident, $to:ident $(, $time:ident)?| $value:expr) => {
        $(#[$doc])*
        pub(super) fn $name(from: &[f64], $($time: f64,)? to: &mut [f64]) {
            WIDEST.dispatch($operation { from, $($time,)? to });
        }

        struct $operation<'a> {
            from: &'a [f64],
            $($time: f64,)?
            to: &'a mut [f64],
        }

        impl NullaryFnOnce for $operation<'_> {
            type Output = ();

            #[inline(always)]
            fn call(self) {
                let Self { from, $($time,)? to } = self;
                let count = from.len().min(to.len());
                let (from, to) = (&from[..count], &mut to[..count]);
                for v in 0..count {
                    let ($from, $to) = (from[v], to[v]);
                    to[v] = $value;
                }
            }
        }
    };
}

on_rows!(
    /// Adds each number to the other row's.
    add, Add, |from, to| to + from
);
on_rows!(
    /// Writes each number less a time.
    subtract, Subtract, |from, _to, time| from - time
);
on_rows!(
    /// Writes each number less a time, where it is less than what stands there.
    lighter, Lighter, |from, to, time| if from - time < to { from - time } else { to }
);

/// Takes the lightest cell of a matrix without absent cells again and again, each time in a row and a column of which none was taken.
pub(super) struct Greedy<'a> {
    /// Row by row; of equally light cells the first is taken.
    pub(super) weights: &'a [f64],
    /// Of each row the lightest cell whose column was left when it was looked at, and its column. Working memory.
    pub(super) lightest: &'a mut Vec<f64>,
    pub(super) columns: &'a mut Vec<u32>,
    /// Infinite for a column that is taken, 0 for others. Working memory.
    pub(super) closed: &'a mut Vec<f64>,
    /// For each race the row and the column; as many as there are rows.
    pub(super) taken: &'a mut [(u32, u32)],
}

impl Greedy<'_> {
    pub(super) fn run(self) {
        WIDEST.dispatch(self);
    }
}

impl WithSimd for Greedy<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { weights, lightest, columns, closed, taken } = self;
        let n = taken.len();
        closed.clear();
        closed.resize(n, 0.0);
        lightest.clear();
        columns.clear();
        for row in weights.chunks_exact(n) {
            let (weight, column, _) = Found::in_row(simd, row, closed);
            lightest.push(weight);
            columns.push(column as u32);
        }
        // Rows that are taken are closed too, in a list of their own.
        let mut done = vec![0.0; n];
        for place in taken {
            loop {
                let (_, row, _) = Found::in_row(simd, lightest, &done);
                let column = columns[row] as usize;
                if closed[column] == 0.0 {
                    (closed[column], done[row]) = (f64::INFINITY, f64::INFINITY);
                    *place = (row as u32, column as u32);
                    break;
                }
                let (weight, column, _) = Found::in_row(simd, &weights[row * n..][..n], closed);
                (lightest[row], columns[row]) = (weight, column as u32);
            }
        }
    }
}

/// What races beside the winner and does not go on, for each race of a matching without absent cells: the other cells of its row and column.
pub(super) struct Crossed<'a> {
    /// Row by row.
    pub(super) rates: &'a [f64],
    /// The race by which each row and each column is taken.
    pub(super) rows: &'a [u32],
    pub(super) columns: &'a [u32],
    /// Of each column the sum over rows taken later; and 1 if it itself is taken later. Working memory.
    pub(super) sums: &'a mut Vec<f64>,
    pub(super) left: &'a mut Vec<f64>,
    pub(super) others: &'a mut [f64],
}

impl Crossed<'_> {
    pub(super) fn run(self) {
        WIDEST.dispatch(self);
    }
}

impl NullaryFnOnce for Crossed<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { rates, rows, columns, sums, left, others } = self;
        let n = others.len();
        let mut taken = vec![(0, 0); n];
        (0..).zip(rows).for_each(|(row, &race)| taken[race as usize].0 = row);
        (0..).zip(columns).for_each(|(column, &race)| taken[race as usize].1 = column);
        for list in [&mut *sums, &mut *left] {
            list.clear();
            list.resize(n, 0.0);
        }
        let (sums, left) = (&mut sums[..n], &mut left[..n]);
        for (others, (row, column)) in others.iter_mut().zip(taken).rev() {
            let row = &rates[row * n..][..n];
            let mut partial = [0.0; 8];
            let (eights, rest) = row.as_chunks::<8>();
            let (lefts, rest_left) = left.as_chunks::<8>();
            for (eight, left) in eights.iter().zip(lefts) {
                for i in 0..8 {
                    partial[i] += eight[i] * left[i];
                }
            }
            for (i, (rate, left)) in rest.iter().zip(rest_left).enumerate() {
                partial[i] += rate * left;
            }
            *others = sums[column] + fold(partial);
            left[column] = 1.0;
            for v in 0..n {
                sums[v] += row[v];
            }
        }
    }
}

/// What races beside the winner and does not go on, for each race of a spanning tree: rates between the two components that it joins.
/// Rows of components are added up as they are joined.
pub(super) struct Contract<'a> {
    pub(super) stride: usize,
    /// Both triangles.
    pub(super) rates: &'a [f64],
    /// The vertex at each place.
    pub(super) order: &'a [u32],
    /// The race by which each place but the first is joined to those before it: there one of two components begins, and the other ends just
    /// before.
    pub(super) race: &'a [u32],
    /// The places of the ends of the edge that wins each race.
    pub(super) places: &'a [(u32, u32)],
    pub(super) begins: &'a mut Vec<u32>,
    pub(super) work: &'a mut Vec<f64>,
    pub(super) intervals: &'a mut Vec<Interval>,
    pub(super) others: &'a mut [f64],
}

/// A component that begins, or ends, at a place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    /// Where it ends, or begins.
    far: u32,
    /// The vertex whose row has the sum; of one that begins.
    row: u32,
}

impl Contract<'_> {
    pub(super) fn run(self) {
        WIDEST.dispatch(self);
    }
}

impl NullaryFnOnce for Contract<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { stride, rates, order, race, places, begins, work, intervals, others } = self;
        work.clear();
        work.extend_from_slice(rates);
        for &(later, earlier) in places {
            let (u, v) = (order[later as usize] as usize, order[earlier as usize] as usize);
            (work[u * stride + v], work[v * stride + u]) = (0.0, 0.0);
        }
        begins.resize(places.len(), 0);
        (0..).zip(race).skip(1).for_each(|(place, &race)| begins[race as usize] = place);
        intervals.clear();
        intervals.extend((0..).zip(order).map(|(far, &row)| Interval { far, row }));
        for (&later, others) in begins.iter().zip(others) {
            let (start, stop) = (intervals[later as usize - 1].far, intervals[later as usize].far + 1);
            let (before, after) = (intervals[start as usize].row, intervals[later as usize].row);
            let (small, large, members) = if later - start < stop - later {
                (before, after, start..later)
            } else {
                (after, before, later..stop)
            };
            let row = &work[large as usize * stride..][..stride];
            let members = &order[members.start as usize..members.end as usize];
            *others = members.iter().map(|&vertex| row[vertex as usize]).sum();
            let (low, high) = work.split_at_mut(small.max(large) as usize * stride);
            let (low, high) = (&mut low[small.min(large) as usize * stride..][..stride], &mut high[..stride]);
            let (small_row, large_row) = if small < large { (low, high) } else { (high, low) };
            for v in 0..stride {
                large_row[v] += small_row[v];
            }
            intervals[start as usize] = Interval { far: stop - 1, row: large };
            intervals[stop as usize - 1].far = start;
        }
    }
}

/// The levels of this machine, the plainest first.
#[cfg(test)]
pub(super) fn levels() -> Vec<Arch> {
    let mut levels = vec![Arch::Scalar, *WIDEST];
    #[cfg(target_arch = "x86_64")]
    levels.extend(pulp::x86::V3::try_new().map(Arch::V3));
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fast::stream::Seed;

    /// What an operation leaves, at each level.
    fn at_each_level<R: PartialEq + std::fmt::Debug>(run: impl Fn(Arch) -> R) -> R {
        let all: Vec<R> = levels().into_iter().map(run).collect();
        assert!(all.windows(2).all(|two| two[0] == two[1]), "levels differ: {all:?}");
        all.into_iter().next().expect("at least one level")
    }

    fn bits(seed: u64) -> impl FnMut() -> u64 {
        let mut stream = Stream::weights(Seed::new(seed), 0);
        move || stream.bits()
    }

    #[test]
    fn a_logarithm_is_within_an_ulp_of_libms() {
        let mut bits = bits(1);
        let units = (0..200_000).map(|step| unit(bits() >> (step % 53)));
        let ends = [
            f64::EPSILON / 2.0,
            1.0 - f64::EPSILON / 2.0,
            0.5,
            0.25,
            f64::from_bits(ROOT),
            f64::from_bits(ROOT - 1),
        ];
        for u in units.chain(ends) {
            let (found, want) = (minus_log(u), -libm::log(u));
            assert!(found.to_bits().abs_diff(want.to_bits()) <= 1, "-log {u} = {want}, not {found}");
        }
        // -log ½, to the last bit.
        assert_eq!(minus_log(0.5), std::f64::consts::LN_2);
    }

    #[test]
    fn weights_are_the_same_at_all_levels_and_each_by_itself() {
        let mut bits = bits(2);
        for count in (0..70).chain([1000]) {
            let keys = [bits(), bits()];
            let mean = |bits: u64| if bits.is_multiple_of(5) { f64::INFINITY } else { unit(bits) * 1e-3 };
            let means: Vec<f64> = (0..count).map(|_| mean(bits())).collect();
            let all = at_each_level(|arch| {
                let mut weights = vec![0.0; count];
                arch.dispatch(Weigh { keys, means: &means, weights: &mut weights });
                weights
            });
            for (k, (&weight, &mean)) in (0..).zip(all.iter().zip(&means)) {
                let u = unit(stir(stir(keys[0].wrapping_add(k)) ^ keys[1]));
                assert_eq!(weight, minus_log(u) * mean, "{k} of {count}");
                assert_eq!(weight.is_infinite(), mean.is_infinite());
            }
        }
    }

    /// Value stability: a change here changes the draws of every seed and belongs in the CHANGELOG.
    #[test]
    fn weights_stay_what_they_are() {
        let mut drawn = [0.0; 3];
        weights(Stream::weights(Seed::new(1), 0), &[1.0; 3], &mut drawn);
        assert_eq!(drawn, [0.5600434299270407, 0.34981494133033786, 0.8380087957962237]);
    }

    /// Means, variances and neighbours' products of a million, each within six standard errors: false alarm below 1e-7 in all.
    #[test]
    fn weights_are_standard_exponentials_that_do_not_know_each_other() {
        let count = 1_000_000;
        let mut drawn = vec![0.0; count];
        let moments = |values: &[f64], lag: usize| {
            let n = (values.len() - lag) as f64;
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let square = values.iter().map(|e| (e - 1.0) * (e - 1.0)).sum::<f64>() / values.len() as f64;
            let pairs = values.iter().zip(&values[lag..]);
            (mean, square, pairs.map(|(a, b)| (a - 1.0) * (b - 1.0)).sum::<f64>() / n)
        };
        let fits = |values: &[f64], lag: usize| {
            let (mean, square, product) = moments(values, lag);
            let error = 1.0 / (values.len() as f64).sqrt();
            // The variance of (E - 1)² is E(E - 1)⁴ - 1 = 8, of a product of two 1.
            (mean - 1.0).abs() < 6.0 * error
                && (square - 1.0).abs() < 6.0 * 8_f64.sqrt() * error
                && product.abs() < 6.0 * error
        };
        weights(Stream::weights(Seed::new(3), 0), &vec![1.0; count], &mut drawn);
        for lag in [1, 2, 3, 8, 64, 100] {
            assert!(fits(&drawn, lag), "{lag}: {:?}", moments(&drawn, lag));
        }
        // The first of many draws, whose keys are near each other.
        let firsts: Vec<f64> = (0..200_000)
            .map(|draw| {
                let mut drawn = [0.0];
                weights(Stream::weights(Seed::new(3), draw), &[1.0], &mut drawn);
                drawn[0]
            })
            .collect();
        assert!(fits(&firsts, 1), "{:?}", moments(&firsts, 1));
        // It can fail: every second one a neighbour's, and too large by one part in fifty.
        let twins: Vec<f64> = firsts.iter().enumerate().map(|(i, _)| firsts[i / 2]).collect();
        assert!(!fits(&twins, 1));
        assert!(!fits(&firsts.iter().map(|e| e * 1.02).collect::<Vec<_>>(), 1));
    }

    /// A symmetric matrix of different numbers, with anything beyond its side.
    fn matrix(n: usize, stride: usize, seed: u64) -> Vec<u64> {
        let mut bits = bits(seed);
        let mut matrix: Vec<u64> = (0..stride * stride).map(|_| bits()).collect();
        for (u, v) in (0..n).flat_map(|u| (0..u).map(move |v| (u, v))) {
            matrix[u * stride + v] = matrix[v * stride + u];
        }
        matrix
    }

    #[test]
    fn both_triangles_are_what_stands_above_the_diagonal() {
        let mut bits = bits(4);
        for n in (1_usize..27).chain([40, 41]) {
            let stride = n.next_multiple_of(8);
            let above: Vec<f64> = (0..n * (n - 1) / 2).map(|_| unit(bits())).collect();
            let unpacked = at_each_level(|arch| {
                let mut matrix = vec![7.0; stride * stride];
                arch.dispatch(Unpack { n, stride, above: &above, matrix: &mut matrix });
                matrix
            });
            let mut want = vec![0.0; stride * stride];
            let pairs = (0..n).flat_map(|u| (u + 1..n).map(move |v| (u, v)));
            for ((u, v), value) in pairs.zip(above) {
                (want[u * stride + v], want[v * stride + u]) = (value, value);
            }
            assert_eq!(unpacked, want, "{n}");
        }
    }

    /// Prim's algorithm as it is told: of all edges that leave the tree the lightest.
    fn told(n: usize, stride: usize, matrix: &[u64]) -> Vec<Join> {
        let mut order = vec![0];
        let mut joined = vec![Join::default()];
        while order.len() < n {
            let outside = (0..n).filter(|v| !order.contains(v));
            let leave =
                outside.flat_map(|v| (0..).zip(&order).map(move |(end, u)| (matrix[u * stride + v], v, end)));
            let (weight, v, end) = leave.min().expect("some are outside");
            order.push(v);
            joined.push(Join { vertex: v as u32, end, weight });
        }
        joined
    }

    #[test]
    fn prims_algorithm_takes_the_lightest_edge_that_leaves() {
        for n in (1_usize..20).chain([33, 64, 65, 100]) {
            let stride = n.next_multiple_of(8);
            // Any weights below 2.
            let matrix: Vec<u64> = matrix(n, stride, n as u64).iter().map(|bits| bits >> 2).collect();
            let weights: Vec<f64> = matrix.iter().copied().map(f64::from_bits).collect();
            let joined = at_each_level(|arch| {
                let mut joined = vec![Join::default(); n];
                let (mut lightest, mut ends) = (vec![7.0; 3], vec![9; 500]);
                arch.dispatch(Prim {
                    stride,
                    matrix: &weights,
                    lightest: &mut lightest,
                    ends: &mut ends,
                    joined: &mut joined,
                });
                joined
            });
            assert_eq!(joined, told(n, stride, &matrix), "{n}");
        }
    }

    #[test]
    fn what_races_beside_the_winner_is_what_joins_the_two_components() {
        for n in (2_usize..12).chain([40, 67]) {
            let stride = n.next_multiple_of(8);
            let cells = matrix(n, stride, n as u64);
            let joined = told(n, stride, &cells);
            let order: Vec<u32> = joined.iter().map(|join| join.vertex).collect();
            // Rates that have nothing to do with the weights, whole numbers so that sums are exact in any order.
            let rates: Vec<f64> = cells.iter().map(|bits| (bits.rotate_left(17) >> 44) as f64).collect();
            let mut by_weight: Vec<u32> = (1..n as u32).collect();
            by_weight.sort_by_key(|&place| joined[place as usize].weight);
            let mut race = vec![0; n];
            (0..).zip(&by_weight).for_each(|(number, &place)| race[place as usize] = number);
            let places: Vec<(u32, u32)> =
                by_weight.iter().map(|&place| (place, joined[place as usize].end)).collect();
            let others = at_each_level(|arch| {
                let mut others = vec![f64::NAN; n - 1];
                let (mut work, mut intervals, mut begins) = (vec![3.0; 9], Vec::new(), vec![9]);
                arch.dispatch(Contract {
                    stride,
                    rates: &rates,
                    order: &order,
                    race: &race,
                    places: &places,
                    begins: &mut begins,
                    work: &mut work,
                    intervals: &mut intervals,
                    others: &mut others,
                });
                others
            });
            let mut component: Vec<u32> = (0..n as u32).collect();
            for (&(later, earlier), others) in places.iter().zip(others) {
                let (u, v) = (order[later as usize] as usize, order[earlier as usize] as usize);
                let (one, two) = (component[u], component[v]);
                let of = |name: u32| (0..n).filter(|&vertex| component[vertex] == name).collect::<Vec<_>>();
                let both: f64 =
                    of(one).iter().map(|a| of(two).iter().map(|b| rates[a * stride + b]).sum::<f64>()).sum();
                assert_eq!(others, both - rates[u * stride + v], "{n}");
                component.iter_mut().filter(|name| **name == one).for_each(|name| *name = two);
            }
        }
    }

    #[test]
    fn the_lightest_cell_that_is_left_is_taken_and_the_first_of_several() {
        for n in (1_usize..12).chain([33, 64]) {
            for values in [3, 1 << 40] {
                let weights: Vec<f64> = matrix(0, n, 5).iter().map(|bits| (bits % values) as f64).collect();
                let taken = at_each_level(|arch| {
                    let mut taken = vec![(7, 7); n];
                    let (mut lightest, mut columns, mut closed) = (vec![1.0], vec![2], vec![3.0; 100]);
                    arch.dispatch(Greedy {
                        weights: &weights,
                        lightest: &mut lightest,
                        columns: &mut columns,
                        closed: &mut closed,
                        taken: &mut taken,
                    });
                    taken
                });
                let mut left: Vec<(usize, usize)> =
                    (0..n).flat_map(|row| (0..n).map(move |column| (row, column))).collect();
                for (row, column) in taken {
                    let (row, column) = (row as usize, column as usize);
                    let weight = |cell: &&(usize, usize)| weights[cell.0 * n + cell.1];
                    let first = left.iter().min_by(|a, b| weight(a).total_cmp(&weight(b))); // of equals the first
                    assert_eq!(first, Some(&(row, column)), "{n}, {values} values");
                    left.retain(|cell| cell.0 != row && cell.1 != column);
                }
                assert!(left.is_empty());
            }
        }
    }

    #[test]
    fn what_races_beside_a_cell_is_what_its_row_and_column_have_left() {
        for n in (1_usize..12).chain([33, 64]) {
            let mut bits = bits(n as u64);
            let mut order = || {
                let mut order: Vec<(u64, u32)> = (0..n as u32).map(|place| (bits(), place)).collect();
                order.sort_unstable();
                order.into_iter().map(|(_, place)| place).collect::<Vec<u32>>()
            };
            let (rows, columns) = (order(), order());
            // Whole numbers, so that sums are exact in any order.
            let rates: Vec<f64> = matrix(0, n, 6).iter().map(|bits| (bits >> 44) as f64).collect();
            let others = at_each_level(|arch| {
                let mut others = vec![f64::NAN; n];
                let (mut sums, mut left) = (vec![1.0; 3], Vec::new());
                arch.dispatch(Crossed {
                    rates: &rates,
                    rows: &rows,
                    columns: &columns,
                    sums: &mut sums,
                    left: &mut left,
                    others: &mut others,
                });
                others
            });
            for (race, others) in (0..).zip(others) {
                let goes = |cell: &usize| {
                    let (row, column) = (rows[cell / n], columns[cell % n]);
                    row.min(column) == race && row != column
                };
                let want: f64 = (0..n * n).filter(goes).map(|cell| rates[cell]).sum();
                assert_eq!(others, want, "{n}, race {race}");
            }
        }
    }

    #[test]
    fn a_rank_is_how_many_are_less() {
        for count in (0..40).chain([100, 255]) {
            for values in [5, 1 << 50] {
                let mut bits = bits(count + values);
                let numbers: Vec<f64> = (0..count).map(|_| (bits() % values) as f64).collect();
                let ranks = at_each_level(|arch| {
                    let mut ranks = vec![7; numbers.len()];
                    arch.dispatch(Ranks { numbers: &numbers, ranks: &mut ranks });
                    ranks
                });
                let mut sorted = numbers.clone();
                sorted.sort_by(f64::total_cmp);
                for (number, rank) in numbers.iter().zip(ranks) {
                    assert_eq!(sorted.iter().position(|other| other == number), Some(rank as usize));
                }
            }
        }
    }

    #[test]
    fn sums_of_rows_lack_one() {
        for side in (1..20).chain([64, 65]) {
            // Whole numbers, so that sums are exact in any order.
            let matrix: Vec<f64> = matrix(0, side, 11).iter().map(|bits| (bits >> 44) as f64).collect();
            let places: Vec<u64> = (0..side as u64).map(|row| row * 7 % (side as u64 + 1)).collect();
            let sums = at_each_level(|arch| {
                let mut sums = vec![f64::NAN; side];
                arch.dispatch(SumsButOne { side, matrix: &matrix, places: &places, sums: &mut sums });
                sums
            });
            for ((row, place), sum) in matrix.chunks(side).zip(places).zip(sums) {
                let all: f64 = row.iter().sum();
                assert_eq!(sum, all - row.get(place as usize).unwrap_or(&0.0), "{side}: {place}");
            }
        }
    }

    #[test]
    fn rows_are_the_same_at_all_levels_and_as_they_are_told() {
        let mut bits = bits(9);
        for count in (1_usize..40).chain([100]) {
            let mut values = || (0..count).map(|_| (bits() % 64) as f64).collect::<Vec<f64>>();
            let (from, to, time) = (values(), values(), 7.0);
            let after = |run: &dyn Fn(Arch, &mut [f64])| {
                at_each_level(|arch| {
                    let mut row = to.clone();
                    run(arch, &mut row);
                    row
                })
            };
            let told = |of: fn(f64, f64) -> f64| {
                from.iter().zip(&to).map(|(&from, &to)| of(from, to)).collect::<Vec<f64>>()
            };
            assert_eq!(after(&|arch, to| arch.dispatch(Add { from: &from, to })), told(|from, to| from + to));
            assert_eq!(
                after(&|arch, to| arch.dispatch(Subtract { from: &from, time, to })),
                told(|from, _| from - 7.0)
            );
            assert_eq!(
                after(&|arch, to| arch.dispatch(Lighter { from: &from, time, to })),
                told(|from, to| to.min(from - 7.0))
            );
            let mut inverse = at_each_level(|arch| {
                let mut means = vec![0.0; count];
                arch.dispatch(Means { rates: &from, means: &mut means });
                means
            });
            inverse.iter_mut().for_each(|mean| *mean = 1.0 / *mean);
            assert!(
                inverse.iter().zip(&from).all(|(a, b)| (a - b).abs() <= 1e-15 * b),
                "{inverse:?} {from:?}"
            );
            let found = at_each_level(|arch| arch.dispatch(Least(&from)));
            let least = from.iter().copied().fold(f64::INFINITY, f64::min);
            let places: Vec<usize> = (0..count).filter(|&v| from[v] == least).collect();
            assert_eq!(found, (least, places[0], places.len() == 1));
        }
    }
}
