//! Rates of many logits at once.

use pulp::NullaryFnOnce;

use super::items::Scale;
use crate::fast::lanes::WIDEST;

/// `log₂ e`, and `log 2` in two parts, of which the first has 32 bits, so that its product with a whole number is exact.
const LOG2_E: f64 = std::f64::consts::LOG2_E;
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// To this a number is added to be rounded to a whole one, which then stands in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0; // 1.5 · 2⁵²

/// `1/k!` for k = 13, and from 12 down to 2.
const LAST_POWER: f64 = 1.0 / 6_227_020_800.0;
const POWERS: [f64; 11] = [
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
];

/// The largest logit, and minus the smallest: e⁶⁹⁰ is a little less than 1e300.
pub(super) const LARGEST: f64 = 690.0;

/// Makes each logit `θ` between -690 and 690 the rate `e^{-θ}`, within an ulp; whether all are between these, else what has become of them
/// means nothing.
///
/// Without branches or tables, so that the compiler works on several at once; sums and products only, in this order, so that the results are
/// the same on every machine. With `-θ = k log 2 + r`, `|r| ≤ ½ log 2`: `e^{-θ} = 2^k (1 + r + r²/2 + …)`, where what follows the
/// thirteenth power is less than a twentieth of an ulp.
pub(super) fn rates_of(logits: &mut [f64]) -> bool {
    WIDEST.dispatch(Rates(logits))
}

struct Rates<'a>(&'a mut [f64]);

impl NullaryFnOnce for Rates<'_> {
    type Output = bool;

    #[inline(always)]
    fn call(self) -> bool {
        let mut largest = 0;
        for value in self.0 {
            largest = largest.max(size(*value));
            *value = exp_minus(*value);
        }
        largest <= size(LARGEST)
    }
}

/// Makes rates of numbers on a scale, 0 of those that stand for absent entries, and counts these; `None` if one of them stands for nothing,
/// and then what has become of them means nothing.
pub(super) fn all_rates(values: &mut [f64], scale: Scale) -> Option<usize> {
    let (wrong, absent) = match scale {
        Scale::Rates => WIDEST.dispatch(AllRates::<false>(values)),
        Scale::Logits => WIDEST.dispatch(AllRates::<true>(values)),
    };
    (wrong == 0).then_some(absent as usize)
}

struct AllRates<'a, const ARE_LOGITS: bool>(&'a mut [f64]);

impl<const ARE_LOGITS: bool> NullaryFnOnce for AllRates<'_, ARE_LOGITS> {
    /// How many are wrong, and absent.
    type Output = (u64, u64);

    #[inline(always)]
    fn call(self) -> (u64, u64) {
        let Self(values) = self;
        // Mostly none is absent, and a look at all is worth what it saves each.
        if ARE_LOGITS && values.iter().fold(0, |largest, value| largest.max(size(*value))) <= size(LARGEST) {
            values.iter_mut().for_each(|value| *value = exp_minus(*value));
            return (0, 0);
        }
        let scale = if ARE_LOGITS { Scale::Logits } else { Scale::Rates };
        let (mut wrong, mut absent) = (0, 0);
        for value in values {
            let (is_present, is_absent) = (scale.is_present(*value), scale.is_absent(*value));
            wrong += u64::from(!is_present & !is_absent);
            absent += u64::from(is_absent);
            let rate = if ARE_LOGITS { exp_minus(if is_present { *value } else { 0.0 }) } else { *value };
            *value = if is_present { rate } else { 0.0 };
        }
        (wrong, absent)
    }
}

/// Grows with the absolute value, and is largest for what is not a number.
#[inline(always)]
fn size(value: f64) -> u64 {
    value.abs().to_bits()
}

#[inline(always)]
fn exp_minus(logit: f64) -> f64 {
    let rounded = ROUND - logit * LOG2_E;
    let k = rounded - ROUND;
    let r = (-logit - k * LN_2_HIGH) - k * LN_2_LOW;
    let series = POWERS.iter().fold(LAST_POWER, |sum, power| sum * r + power);
    // The larger a term the later it is added.
    let e = 1.0 + (r + r * r * series);
    // The lowest bits of the rounded number are k: in the place of an exponent they multiply by 2^k.
    f64::from_bits(e.to_bits().wrapping_add(rounded.to_bits() << 52))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gumbel_oracle::enclosure::exp_minus;
    use num_rational::BigRational;

    /// Logits of all sizes, of one sign.
    fn logits(count: usize) -> impl Iterator<Item = f64> {
        let mut state = 1_u64;
        (0..count).map(move |step| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unit = (state >> 11) as f64 / (1_u64 << 53) as f64;
            [LARGEST, 80.0, 2.0, 1e-3][step % 4] * unit
        })
    }

    #[test]
    fn what_is_no_logit_is_found_wherever_it_stands() {
        let next = LARGEST.next_up();
        for (count, logit) in (1..=70).flat_map(|count| [LARGEST, -LARGEST, -0.0].map(|logit| (count, logit)))
        {
            let all = vec![logit; count];
            let rate = libm::exp(-logit);
            assert!(rates_of(&mut all.clone()));
            assert_eq!(all_rates(&mut all.clone(), Scale::Logits), Some(0));
            for (place, wrong) in (0..count).flat_map(|place| {
                [next, -next, f64::NAN, -f64::NAN, f64::NEG_INFINITY].map(|wrong| (place, wrong))
            }) {
                let mut one = all.clone();
                one[place] = wrong;
                assert!(!rates_of(&mut one.clone()), "{wrong} at {place} of {count}");
                assert_eq!(all_rates(&mut one, Scale::Logits), None, "{wrong} at {place} of {count}");
            }
            for place in 0..count {
                let mut one = all.clone();
                one[place] = f64::INFINITY;
                assert!(!rates_of(&mut one.clone()));
                assert_eq!(all_rates(&mut one, Scale::Logits), Some(1));
                let is_right = |(i, found): (usize, &f64)| {
                    if i == place { *found == 0.0 } else { found.to_bits().abs_diff(rate.to_bits()) <= 1 }
                };
                assert!(one.iter().enumerate().all(is_right), "{one:?}");
            }
        }
    }

    #[test]
    fn rates_stay_and_what_is_none_is_found() {
        let all = vec![1e-300, 1.0, 1e300];
        assert!(Scale::Rates.make_rates(&mut all.clone()));
        for (wrong, absent) in [
            (0.0, Some(1)),
            (-0.0, None),
            (-1.0, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
            (1e-301, None),
        ] {
            let mut rates = [all.clone(), vec![wrong]].concat();
            assert!(!Scale::Rates.make_rates(&mut rates.clone()));
            assert_eq!(all_rates(&mut rates, Scale::Rates), absent, "{wrong}");
            assert_eq!(rates[..3], all);
        }
    }

    #[test]
    fn a_rate_is_within_an_ulp() {
        let off = |logit: f64, want: f64| {
            let mut rate = [logit];
            rates_of(&mut rate);
            rate[0].to_bits().abs_diff(want.to_bits())
        };
        // Below 1 beside the correctly rounded one; above, where the oracle has none, beside libm's, which is within an ulp itself.
        let exact = |logit: f64| exp_minus(&BigRational::from_float(logit).unwrap()).unwrap();
        let worst = logits(4_000).map(|logit| off(logit, exact(logit))).max();
        assert!(worst <= Some(1), "{worst:?} ulp");
        let worst = logits(200_000).map(|logit| off(-logit, libm::exp(logit))).max();
        assert!(worst <= Some(1), "{worst:?} ulp");
        let mut special = [0.0, -0.0, LARGEST, -LARGEST, std::f64::consts::LN_2, 5e-324];
        let want = special.map(|logit| libm::exp(-logit));
        rates_of(&mut special);
        for (rate, want) in special.into_iter().zip(want) {
            assert!(rate.to_bits().abs_diff(want.to_bits()) <= 1, "{rate} {want}");
        }
        assert!(special[2] > 1e-300 && special[3] < 1e300);
        // One by one they are the same as many at once.
        let many: Vec<f64> = (0..37).map(|i| f64::from(i) * 17.3 - 300.0).collect();
        let mut at_once = many.clone();
        rates_of(&mut at_once);
        for (logit, rate) in many.into_iter().zip(at_once) {
            let mut one = [logit];
            rates_of(&mut one);
            assert_eq!(one[0].to_bits(), rate.to_bits());
        }
    }
}
