//! Weights in order, with few comparisons whose outcome could not be foreseen.

/// The bits of a weight, which are in the order of the numbers, and its entry.
pub(super) type Weighed = (u64, u32);

/// Up to so many are compared each with each.
const FEW: usize = 32;

/// Sorts again and again; keeps its memory.
#[derive(Debug, Default)]
pub(super) struct Sorter {
    sorted: Vec<Weighed>,
    /// Where the next of each bucket goes.
    next: Vec<u32>,
}

impl Sorter {
    /// Sorts by weight, and by entry where weights are equal.
    ///
    /// Complexity: O(n) on average if the logarithms of the weights are spread like those of exponentials of like rates; never more
    /// than O(n log n).
    pub(super) fn sort(&mut self, weighed: &mut Vec<Weighed>) {
        self.sorted.clear();
        self.sorted.resize(weighed.len(), (0, 0));
        let sorted = match weighed.len() {
            0..=1 => return,
            2..=FEW => self.rank(weighed),
            _ => self.spread(weighed),
        };
        if sorted {
            std::mem::swap(weighed, &mut self.sorted);
        } else {
            weighed.sort_unstable();
        }
    }

    /// Each goes where there are as many lighter ones before it. False if two are equal.
    fn rank(&mut self, weighed: &[Weighed]) -> bool {
        let mut weights = [f64::INFINITY; FEW];
        weights.iter_mut().zip(weighed).for_each(|(weight, of)| *weight = f64::from_bits(of.0));
        let weights = &weights[..weighed.len().next_multiple_of(8)];
        let mut sum = 0;
        for &(bits, entry) in weighed {
            let weight = f64::from_bits(bits);
            let lighter = weights.iter().map(|other| u64::from(*other < weight)).sum::<u64>() as usize;
            self.sorted[lighter] = (bits, entry);
            sum += lighter;
        }
        2 * sum == weighed.len() * (weighed.len() - 1)
    }

    /// Each goes to a bucket by the first digits of its bits; then only neighbours are out of order. False if that does not spread
    /// them.
    fn spread(&mut self, weighed: &[Weighed]) -> bool {
        let (least, most) =
            weighed.iter().fold((u64::MAX, 0), |(least, most), &(bits, _)| (least.min(bits), most.max(bits)));
        let buckets = 2 * weighed.len();
        let range = most - least;
        if range < buckets as u64 {
            return false;
        }
        let scale = ((buckets as u128) << 64) / u128::from(range) - 1;
        let bucket = |bits: u64| ((u128::from(bits - least) * scale) >> 64) as usize;
        self.next.clear();
        self.next.resize(buckets, 0);
        weighed.iter().for_each(|&(bits, _)| self.next[bucket(bits)] += 1);
        let (mut start, mut largest) = (0, 0);
        for next in &mut self.next {
            largest = largest.max(*next);
            start += std::mem::replace(next, start);
        }
        if largest > FEW as u32 {
            return false;
        }
        for &(bits, entry) in weighed {
            let next = &mut self.next[bucket(bits)];
            self.sorted[*next as usize] = (bits, entry);
            *next += 1;
        }
        for place in 1..self.sorted.len() {
            let moved = self.sorted[place];
            let mut to = place;
            while to > 0 && self.sorted[to - 1] > moved {
                self.sorted[to] = self.sorted[to - 1];
                to -= 1;
            }
            self.sorted[to] = moved;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fast::stream::{Seed, Stream};

    /// Weights of this sort.
    fn weights(sort: usize, n: usize, stream: &mut Stream) -> Vec<Weighed> {
        let mut weight = |k: usize| match sort {
            0 => stream.exponential(),
            1 => f64::from((stream.bits() % 5) as u32),
            2 => 1.0 + (stream.bits() % 64) as f64 * f64::EPSILON,
            3 => f64::from_bits(stream.bits() % f64::MAX.to_bits()),
            4 => stream.exponential() + if k == 0 { 1e300 } else { 0.0 }, // all others in one bucket
            _ => (n - k) as f64,
        };
        (0..).zip(0..n).map(|(entry, k)| (weight(k).to_bits(), entry)).collect()
    }

    #[test]
    fn it_sorts() {
        let mut sorter = Sorter::default();
        let mut stream = Stream::weights(Seed::new(1), 0);
        for n in (0..70).chain([500, 3000]) {
            for sort in 0..6 {
                let mut given = weights(sort, n, &mut stream);
                let mut want = given.clone();
                want.sort_unstable();
                sorter.sort(&mut given);
                assert_eq!(given, want, "{n} {sort}");
            }
        }
    }

    #[test]
    fn what_does_not_spread_is_left_to_others() {
        let mut stream = Stream::weights(Seed::new(2), 0);
        let spreads = [0, 1, 2, 3, 4, 5].map(|sort| {
            let given = weights(sort, 1000, &mut stream);
            let mut sorter = Sorter { sorted: given.clone(), ..Sorter::default() };
            sorter.spread(&given)
        });
        assert_eq!(spreads, [true, false, false, true, false, true]);
    }
}
