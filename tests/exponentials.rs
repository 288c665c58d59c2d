//! The standard exponentials that the fast samplers draw, against their law.

use recursive_gumbel::fast::stream::{Seed, Stream};
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// The p-value of Pearson's test on equally likely bins, of `exp(-x)` for so many exponentials, and the smallest and largest.
fn judge(count: u64, bins: usize, mut draw: impl FnMut(u64) -> f64) -> (f64, f64, f64) {
    let (mut counts, mut least, mut most) = (vec![0_u64; bins], f64::INFINITY, 0.0_f64);
    for number in 0..count {
        let x = draw(number);
        counts[((libm::exp(-x) * bins as f64) as usize).min(bins - 1)] += 1;
        (least, most) = (least.min(x), most.max(x));
    }
    let expected = count as f64 / bins as f64;
    let statistic: f64 = counts.iter().map(|&n| (n as f64 - expected).powi(2) / expected).sum();
    (ChiSquared::new((bins - 1) as f64).unwrap().sf(statistic), least, most)
}

/// False alarms: 1e-6 for each of the five p-values.
const ALPHA: f64 = 1e-6;

#[test]
fn exponentials_follow_their_law() {
    let seed = Seed::new(1);
    let mut one = Stream::weights(seed, 0);
    // In one stream; the first of each stream, the second, and one of the other purpose.
    let (p, least, most) = judge(20_000_000, 4096, |_| one.exponential());
    assert!(p > ALPHA, "{p}");
    assert!(0.0 < least && least < 1e-6 && most.is_finite() && most > 14.0, "{least} {most}");
    let nth = |n: usize| {
        move |number| {
            let mut stream = Stream::weights(seed, number);
            (0..n).for_each(|_| _ = stream.exponential());
            stream.exponential()
        }
    };
    for n in 0..2 {
        assert!(judge(4_000_000, 1024, nth(n)).0 > ALPHA, "number {n} of each stream");
    }
    assert!(judge(4_000_000, 1024, |number| Stream::conditional(seed, number).exponential()).0 > ALPHA);
    // The minimum of two, of the first numbers of streams that follow each other, has mean 1/2.
    let first = |number| Stream::weights(seed, number).exponential();
    assert!(judge(4_000_000, 1024, |number| 2.0 * first(2 * number).min(first(2 * number + 1))).0 > ALPHA);
}

/// The moments of 20 million: mean 1, and `E[X^k] = k!`, each within six standard errors (false alarms: 2e-9 each, by the normal law).
#[test]
fn moments_are_factorials() {
    let (mut stream, count) = (Stream::weights(Seed::new(2), 0), 20_000_000);
    let mut sums = [0.0; 4];
    for _ in 0..count {
        let x = stream.exponential();
        sums.iter_mut().fold(x, |power, sum| {
            *sum += power;
            power * x
        });
    }
    // E[X^k] and E[X^{2k}].
    for (sum, (moment, square)) in
        sums.iter().zip([(1.0, 2.0), (2.0, 24.0), (6.0, 720.0), (24.0, 40320.0_f64)])
    {
        let error = ((square - moment * moment) / f64::from(count)).sqrt();
        let mean = sum / f64::from(count);
        assert!((mean - moment).abs() < 6.0 * error, "{mean}, want {moment} ± {error}");
    }
}

#[test]
fn wrong_exponentials_are_seen() {
    let seed = Seed::new(1);
    let mut stream = Stream::weights(seed, 0);
    // Without a tail: redrawn beyond the last layer, as if its wedge were rejected.
    let mut cut = || loop {
        let x = stream.exponential();
        if x < 7.697 {
            return x;
        }
    };
    assert!(judge(20_000_000, 4096, |_| cut()).0 < ALPHA);
    // 1 in 100 too slow.
    let mut stream = Stream::weights(seed, 0);
    assert!(judge(20_000_000, 4096, |_| 1.01 * stream.exponential()).0 < ALPHA);
    // The same stream for two draws that follow each other.
    let first = |number| Stream::weights(seed, number).exponential();
    assert!(judge(4_000_000, 1024, |number| 2.0 * first(number).min(first(number))).0 < ALPHA);
}
