//! Entries drawn with probabilities proportional to their rates, in constant time.

use super::stream::Stream;

/// So many tries may fail for each race of a draw before weights are drawn for what still races. For rates alike a few for each vertex
/// or row are enough.
pub(super) const TRIES: usize = 16;

/// Walker's aliases: each slot is as likely as any other, and holds at most two entries.
///
/// # Law
/// A probability is wrong by less than 2⁻⁴⁴ in total variation over all entries: by the rounding of shares, and by the grid of a
/// 64-bit number on which slot and share are drawn at once.
///
/// # References
/// A. J. Walker (1977), *An efficient method for generating discrete random variables with general distributions*, ACM Trans. Math.
/// Softw. 3; M. D. Vose (1991), *A linear algorithm for generating random numbers with a given distribution*, IEEE Trans. Softw. Eng. 17.
#[derive(Debug, Clone, Default)]
pub(super) struct Alias {
    slots: Vec<Slot>,
    /// Working memory: what is left of each slot's first entry, in slots; slots with less than one, and with at least one.
    shares: Vec<f64>,
    small: Vec<u32>,
    large: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The share of the first, of 2⁶⁴.
    share: u64,
    first: u32,
    second: u32,
}

impl Alias {
    /// For entries with these rates, of which those of rate 0 are never drawn.
    pub(super) fn new(rates: &[f64]) -> Self {
        let mut alias = Self::default();
        alias.set((0..).zip(rates.iter().copied()).filter(|(_, rate)| *rate > 0.0));
        Self { slots: alias.slots, ..Self::default() }
    }

    /// The same for these entries with their rates.
    pub(super) fn set(&mut self, entries: impl Iterator<Item = (u32, f64)>) {
        let Self { slots, shares, small, large } = self;
        slots.clear();
        shares.clear();
        for (entry, rate) in entries {
            slots.push(Slot { share: u64::MAX, first: entry, second: entry });
            shares.push(rate);
        }
        let scale = slots.len() as f64 / shares.iter().sum::<f64>();
        small.clear();
        large.clear();
        for (slot, share) in (0..).zip(&mut *shares) {
            *share *= scale;
            // One that is just full is right in either list: its slot is its own but for 2^-64.
            if *share < 1.0 { small.push(slot) } else { large.push(slot) }
        }
        while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
            slots[poor as usize].share = (shares[poor as usize] * 2.0_f64.powi(64)) as u64;
            slots[poor as usize].second = slots[rich as usize].first;
            shares[rich as usize] -= 1.0 - shares[poor as usize];
            if shares[rich as usize] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Draws one. There must be an entry.
    #[inline]
    pub(super) fn draw(&self, stream: &mut Stream) -> u32 {
        let product = u128::from(stream.bits()) * self.slots.len() as u128;
        let (slot, share) = (self.slots[(product >> 64) as usize], product as u64);
        super::races::select(share < slot.share, slot.first, slot.second)
    }
}

#[cfg(test)]
mod tests {
    use super::super::stream::Seed;
    use super::*;

    #[test]
    fn slots_share_out_the_rates() {
        let mut stream = Stream::weights(Seed::new(1), 1);
        for (n, spread) in [(1, 0.0), (2, 1.0), (7, 3.0), (100, 3.0), (1000, 30.0)] {
            let rates: Vec<f64> = (0..n)
                .map(|k| if k % 5 == 3 { 0.0 } else { libm::exp(spread * (stream.exponential() - 1.0)) })
                .collect();
            let total: f64 = rates.iter().sum();
            let alias = Alias::new(&rates);
            let mut shares = vec![0.0; n];
            for slot in &alias.slots {
                let share = slot.share as f64 / 2.0_f64.powi(64) / alias.len() as f64;
                shares[slot.first as usize] += share;
                shares[slot.second as usize] += 1.0 / alias.len() as f64 - share;
            }
            let wrong: f64 =
                shares.iter().zip(&rates).map(|(share, rate)| (share - rate / total).abs()).sum();
            assert!(wrong / 2.0 < 2.0_f64.powi(-44), "{n}: {wrong}");
            assert!((0..n).all(|k| rates[k] > 0.0 || shares[k] == 0.0));
            for _ in 0..1000 {
                assert!(rates[alias.draw(&mut stream) as usize] > 0.0);
            }
        }
    }
}
