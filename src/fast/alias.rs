//! Entries drawn with probabilities proportional to their rates, in constant time.

use super::stream::Stream;

/// Walker's aliases: each slot is as likely as any other, and holds at most two entries.
///
/// # Law
/// A probability is wrong by less than 2⁻⁴⁴ in total variation over all entries: by the rounding of shares, and by the grid of a
/// 64-bit number on which slot and share are drawn at once.
///
/// # References
/// A. J. Walker (1977), *An efficient method for generating discrete random variables with general distributions*, ACM Trans. Math.
/// Softw. 3; M. D. Vose (1991), *A linear algorithm for generating random numbers with a given distribution*, IEEE Trans. Softw. Eng. 17.
#[derive(Debug, Clone)]
pub(super) struct Alias(Vec<Slot>);

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
        let present: Vec<u32> = (0..rates.len() as u32).filter(|&k| rates[k as usize] > 0.0).collect();
        let total: f64 = present.iter().map(|&k| rates[k as usize]).sum();
        let scale = present.len() as f64 / total;
        let mut shares: Vec<f64> = present.iter().map(|&k| rates[k as usize] * scale).collect();
        let mut slots: Vec<Slot> =
            present.iter().map(|&k| Slot { share: u64::MAX, first: k, second: k }).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) =
            (0..slots.len()).partition(|&slot| shares[slot] < 1.0);
        while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
            slots[poor].share = (shares[poor] * 2.0_f64.powi(64)) as u64;
            slots[poor].second = slots[rich].first;
            shares[rich] -= 1.0 - shares[poor];
            if shares[rich] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
        Self(slots)
    }

    /// Draws one. There must be an entry.
    #[inline]
    pub(super) fn draw(&self, stream: &mut Stream) -> u32 {
        let product = u128::from(stream.bits()) * self.0.len() as u128;
        let (slot, share) = (self.0[(product >> 64) as usize], product as u64);
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
            for slot in &alias.0 {
                let share = slot.share as f64 / 2.0_f64.powi(64) / alias.0.len() as f64;
                shares[slot.first as usize] += share;
                shares[slot.second as usize] += 1.0 / alias.0.len() as f64 - share;
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
