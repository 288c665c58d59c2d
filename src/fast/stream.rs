//! Random numbers: a stream for each draw, and standard exponentials from it.
//!
//! # Notation
//! A stream is known by a seed, the number of a draw, and what it is for ([`Stream::weights`], [`Stream::conditional`]). It
//! is a xoshiro256++ whose four words of state are each a hash of all three: word `j` is
//! `h(h(4·number + j) ⊕ κ_j)`, where `h` is the finaliser of SplitMix64, a bijection on 64 bits, and the keys `κ_j` are hashes
//! of the seed. So two draws of a seed never start in the same state, and nothing about a draw depends on others: how many
//! there are, in which order, or on how many threads.
//!
//! # Law
//! [`Stream::exponential`] is Exp(1) by the ziggurat with 256 layers: positive and finite always. The first try is taken with
//! probability 0.989; then a wedge is tried against the density, and beyond the last layer, at `r ≈ 7.697`, what is left is again
//! exponential: `r` plus a fresh draw. Inside a layer values lie on a grid of 2⁻⁵² times its width, from 2⁻⁵³ times it on.
//! The tables and the density come from libm, not from the platform: the same seed draws the same everywhere.
//!
//! # References
//! Marsaglia and Tsang (2000), *The ziggurat method for generating random variables*, J. Stat. Softw. 5(8), where `r` and the
//! layers' common area for 256 layers are given; Blackman and Vigna (2021), *Scrambled linear pseudorandom number generators*, for
//! the generator; Steele, Lea and Flood (2014), *Fast splittable pseudorandom number generators*, for the finaliser. The method is that
//! of the crate rand_distr, whose tail takes a logarithm from the platform and can return infinity; that is why it is not used.

use std::sync::LazyLock;

use gumbel_oracle::number::Real;

/// Where the last layer ends, and the area of each.
const R: f64 = 7.697_117_470_131_05;
const AREA: f64 = 3.949_659_822_581_572e-3;

/// The right ends of the layers, from the base up, and the density there.
#[derive(Debug)]
struct Layers {
    right: [f64; 257],
    density: [f64; 257],
}

static LAYERS: LazyLock<Layers> = LazyLock::new(|| {
    let density = |x: f64| Real::exp(&-x);
    let mut right = [0.0; 257];
    right[0] = AREA / density(R); // the base, as if it were a rectangle with the tail's area too
    right[1] = R;
    for i in 2..256 {
        right[i] = -Real::ln(&(density(right[i - 1]) + AREA / right[i - 1]));
    }
    Layers { density: right.map(density), right }
});

/// Stirs 64 bits: the finaliser of SplitMix64.
#[inline(always)]
pub(super) const fn stir(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A seed, stirred once for all its streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed([[u64; 4]; 2]);

impl Seed {
    /// The keys of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // The increment of SplitMix64; stir(0) is 0, so no key is the hash of 0 for all seeds.
        let key = |j: u64| stir(stir(seed).wrapping_add((j + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        Self([[key(0), key(1), key(2), key(3)], [key(4), key(5), key(6), key(7)]])
    }

    /// The keys of an item of a batch: each a bijection of those of the seed, and of the number of the item, so that no two items of a
    /// seed share one.
    #[must_use]
    pub fn of_item(self, item: u64) -> Self {
        let mut word = 0;
        let mut key = |key: u64| {
            word += 1;
            stir(key ^ stir(item.wrapping_mul(8).wrapping_add(word)))
        };
        Self(self.0.map(|keys| keys.map(&mut key)))
    }
}

/// So many draws are made at once, each in a lane of its own.
pub(crate) const LANES: usize = 8;

/// One number for each lane.
pub(crate) type Lane<T> = [T; LANES];

/// For each lane the first two words of the stream of the weights of a draw: of this item, with this number.
#[inline(always)]
pub(super) fn first_words(seed: Seed, items: &Lane<u64>, numbers: &Lane<u64>) -> [Lane<u64>; 2] {
    // One word of the state in all lanes after the other.
    let mut state = [[0; LANES]; 4];
    for ((word, state), key) in (0..).zip(&mut state).zip(seed.0[0]) {
        for (place, (item, number)) in state.iter_mut().zip(items.iter().zip(numbers)) {
            let key = stir(key ^ stir(item.wrapping_mul(8).wrapping_add(word + 1)));
            *place = stir(stir(number.wrapping_mul(4).wrapping_add(word)) ^ key);
        }
    }
    let mut words = [[0; LANES]; 2];
    for lane in 0..LANES {
        let [a, b, c, d] = state.map(|word| word[lane]);
        let mut generator = Generator(a, b, c, d);
        words[0][lane] = generator.next();
        words[1][lane] = generator.next();
    }
    words
}

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Stream {
    generator: Generator,
    layers: &'static Layers,
}

/// xoshiro256++, four words in registers.
///
/// The crate rand_xoshiro has the same generator, and the tests hold this one to it. Its state is made from bytes and lives in memory:
/// an exponential took 8 ns instead of 4, and a stream 40 ns to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Generator(u64, u64, u64, u64);

impl Generator {
    #[inline(always)]
    fn next(&mut self) -> u64 {
        let Self(a, b, c, d) = *self;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        *self = Self(a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45));
        result
    }
}

impl Stream {
    /// For the weights of draw number `number`.
    #[must_use]
    #[inline]
    pub fn weights(seed: Seed, number: u64) -> Self {
        Self::keyed(&seed.0[0], number)
    }

    /// For its conditional draw.
    #[must_use]
    #[inline]
    pub fn conditional(seed: Seed, number: u64) -> Self {
        Self::keyed(&seed.0[1], number)
    }

    #[inline]
    fn keyed(keys: &[u64; 4], number: u64) -> Self {
        // Numbers above 2⁶² would meet those 2⁶² below; nobody gets there. All four words are 0 for no number that matters: for
        // that, four hashes would have to meet four keys.
        let word = |j: usize| stir(stir(number.wrapping_mul(4).wrapping_add(j as u64)) ^ keys[j]);
        Self { generator: Generator(word(0), word(1), word(2), word(3)), layers: &LAYERS }
    }

    /// 64 random bits.
    #[inline]
    pub(super) fn bits(&mut self) -> u64 {
        self.generator.next()
    }

    /// A standard exponential: mean 1, positive, finite.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        let bits = self.generator.next();
        let layer = (bits & 0xff) as usize;
        let x = unit(bits) * self.layers.right[layer];
        if x < self.layers.right[layer + 1] {
            return x;
        }
        // By value: a generator whose address is taken is kept in memory.
        let (x, generator) = beyond(self.layers, self.generator, layer, x);
        self.generator = generator;
        x
    }
}

/// An exponential, when the first try fails, and the generator after it.
#[cold]
#[inline(never)]
fn beyond(
    Layers { right, density }: &Layers,
    mut generator: Generator,
    mut layer: usize,
    mut x: f64,
) -> (f64, Generator) {
    let mut tail = 0.0;
    while x >= right[layer + 1] {
        if layer == 0 {
            tail += R;
        } else {
            let height = density[layer] + (density[layer + 1] - density[layer]) * unit(generator.next());
            if height < Real::exp(&-x) {
                break;
            }
        }
        let bits = generator.next();
        layer = (bits & 0xff) as usize;
        x = unit(bits) * right[layer];
    }
    (tail + x, generator)
}

/// The upper 52 bits as a number in (0, 1), in the middle between two of a grid of 2⁻⁵².
#[inline(always)]
pub(super) fn unit(bits: u64) -> f64 {
    f64::from_bits(0x3ff0_0000_0000_0000 | (bits >> 12)) - (1.0 - f64::EPSILON / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    #[test]
    fn the_generator_is_xoshiro256_plus_plus() {
        let mut stream = Stream::weights(Seed::new(5), 9);
        let Generator(a, b, c, d) = stream.generator;
        let bytes: Vec<u8> = [a, b, c, d].iter().flat_map(|word| word.to_le_bytes()).collect();
        let mut other = Xoshiro256PlusPlus::from_seed(bytes.try_into().unwrap());
        assert!((0..1000).all(|_| stream.generator.next() == other.next_u64()));
    }

    #[test]
    fn the_layers_have_the_area_that_is_published_and_close_at_the_top() {
        // Each layer is a rectangle from 0 to its right end, between the densities there and at the next end.
        let Layers { right, density } = &*LAYERS;
        for i in 1..256 {
            let area = right[i] * (density[i + 1] - density[i]);
            assert!((area / AREA - 1.0).abs() < 1e-11, "layer {i}: {area}");
        }
        // The base has the rectangle below the density at R, and the tail, whose area is that density.
        assert!((R * density[1] + density[1]) / AREA - 1.0 < 1e-11);
        assert!(right.windows(2).all(|two| two[1] < two[0]) && right[256] == 0.0 && density[256] == 1.0);
    }

    #[test]
    fn items_have_keys_of_their_own() {
        let mut seen = std::collections::BTreeSet::new();
        for (seed, item) in (0..20).flat_map(|seed| (0..1000).map(move |item| (seed, item))) {
            let keys = Seed::new(seed).of_item(item).0;
            assert!(keys.into_iter().flatten().all(|key| seen.insert(key)), "{seed} {item}");
        }
        // Value stability.
        let mut stream = Stream::weights(Seed::new(1).of_item(3), 0);
        assert_eq!(stream.exponential(), 0.4455945245559235);
    }

    #[test]
    fn words_of_all_lanes_are_those_of_each_stream() {
        let seed = Seed::new(8);
        for first in [0, 5, u64::MAX - 3] {
            let items = std::array::from_fn(|lane| first.wrapping_add(lane as u64));
            let numbers = std::array::from_fn(|lane| (lane as u64 * 7).wrapping_sub(first));
            let words = first_words(seed, &items, &numbers);
            for lane in 0..LANES {
                let mut stream = Stream::weights(seed.of_item(items[lane]), numbers[lane]);
                assert_eq!(
                    [words[0][lane], words[1][lane]],
                    [stream.bits(), stream.bits()],
                    "{first} {lane}"
                );
            }
        }
    }

    #[test]
    fn streams_differ_in_every_word_and_stay_what_they_are() {
        let first = |seed: u64, number: u64| Stream::weights(Seed::new(seed), number).generator;
        let mut seen = std::collections::BTreeSet::new();
        for (seed, number) in (0..30).flat_map(|seed| (0..1000).map(move |number| (seed, number))) {
            for generator in [first(seed, number), Stream::conditional(Seed::new(seed), number).generator] {
                let Generator(a, b, c, d) = generator;
                assert!([a, b, c, d].into_iter().all(|word| seen.insert(word)), "{seed} {number}");
            }
        }
        // Value stability: a change here changes the draws of every seed and belongs in the CHANGELOG.
        let mut stream = Stream::weights(Seed::new(1), 0);
        let drawn: Vec<f64> = (0..4).map(|_| stream.exponential()).collect();
        assert_eq!(drawn, [0.39983799634408057, 1.1500948800251618, 0.7047852889426213, 0.6103133694683379]);
    }
}
