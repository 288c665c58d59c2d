//! Special functions.

use std::f64::consts::PI;

use super::SERIES_TOLERANCE;

/// Regularised upper incomplete gamma function for `a > 0`, `0 < x < ∞`: a tail where it is small, the complement
/// of a positive series where it is not (`x < a + 1`, where `Q > 0.08` for `a ≥ ½`).
pub(super) fn gamma_q(a: f64, x: f64) -> f64 {
    let density = poisson_density(a, x);
    if x < a + 1.0 {
        let (mut sum, mut term, mut j) = (1.0, 1.0, a);
        while term > SERIES_TOLERANCE * sum {
            j += 1.0;
            term *= x / j;
            sum += term;
        }
        return (1.0 - density * sum).max(0.0);
    }
    if density == 0.0 {
        return 0.0;
    }
    // Γ(a, x) = e^-x x^a / (x+1-a - 1(1-a)/(x+3-a - 2(2-a)/(x+5-a - …))), by Lentz's method.
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / TINY, 1.0 / b);
    let mut fraction = d;
    let mut i = 0.0;
    loop {
        i += 1.0;
        let numerator = -i * (i - a);
        b += 2.0;
        d = numerator * d + b;
        c = b + numerator / c;
        d = 1.0 / if d.abs() < TINY { TINY } else { d };
        c = if c.abs() < TINY { TINY } else { c };
        let change = d * c;
        fraction *= change;
        // The second bound is never met: 10⁶ steps serve a = 10¹⁰ at x = a + 1.
        if (change - 1.0).abs() <= f64::EPSILON || i > 1e8 {
            return (density * a * fraction).clamp(0.0, 1.0);
        }
    }
}

/// `e^-m m^x / Γ(x+1)` for real `x ≥ 0` and `m > 0`, in Loader's form.
pub(super) fn poisson_density(x: f64, m: f64) -> f64 {
    if x == 0.0 {
        return libm::exp(-m);
    }
    libm::exp(-stirling_error(x) - deviance(x, m)) / libm::sqrt(2.0 * PI * x)
}

/// `x log(x/m) + m - x ≥ 0` for `x ≥ 0`, `m > 0`, without cancellation near `x = m`.
pub(super) fn deviance(x: f64, m: f64) -> f64 {
    if x == 0.0 {
        return m;
    }
    if (x - m).abs() < 0.1 * (x + m) {
        // log(x/m) = 2 artanh(v), v = (x-m)/(x+m).
        let v = (x - m) / (x + m);
        let mut sum = (x - m) * v;
        let mut power = 2.0 * x * v;
        let mut odd = 1.0;
        loop {
            power *= v * v;
            odd += 2.0;
            let next = sum + power / odd;
            if next == sum || odd > 1_000.0 {
                return next.max(0.0);
            }
            sum = next;
        }
    }
    (x * (libm::log(x) - libm::log(m)) + m - x).max(0.0)
}

/// `log Γ(x+1) - [(x + ½) log x - x + ½ log 2π]` for `x > 0`.
pub(super) fn stirling_error(x: f64) -> f64 {
    /// From here on the series below is exact to rounding (its next term is below 1e-17).
    const SERIES_FROM: f64 = 16.0;
    if x < SERIES_FROM {
        return libm::lgamma(x + 1.0) - (x + 0.5) * libm::log(x) + x - 0.5 * libm::log(2.0 * PI);
    }
    let z = 1.0 / (x * x);
    let inner = 1.0 / 1260.0 - z * (1.0 / 1680.0 - z * (1.0 / 1188.0 - z * (691.0 / 360_360.0 - z / 156.0)));
    (1.0 / 12.0 - z * (1.0 / 360.0 - z * inner)) / x
}

pub(super) fn square(x: f64) -> f64 {
    x * x
}

/// The first `x > start` with `holds(x)`, from above, for a predicate that holds from some point on.
///
/// The search goes up from `start` in steps that double, from `step > 0`; then it halves the interval until it is
/// at most `tolerance` wide relative to its upper end, or cannot be halved.
pub(super) fn first_above(start: f64, step: f64, tolerance: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high, mut step) = (start, start + step, step);
    while !holds(high) {
        low = high;
        step *= 2.0;
        high = start + step;
        if high == f64::INFINITY {
            return high;
        }
    }
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high || high - low <= tolerance * high {
            return high;
        }
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
}

/// Number of representable f64 between `a` and `b`, one end included: 0 if they are equal (so for `0.0` and
/// `-0.0`), 1 for neighbours, [`u64::MAX`] if either is NaN.
///
/// ```
/// # use recursive_gumbel::statistics::ulp_distance;
/// assert_eq!(ulp_distance(1.0, 1.0 + f64::EPSILON), 1);
/// assert_eq!(ulp_distance(-0.0, 0.0), 0);
/// assert_eq!(ulp_distance(f64::NAN, 1.0), u64::MAX);
/// ```
#[must_use]
pub fn ulp_distance(a: f64, b: f64) -> u64 {
    if a.is_nan() || b.is_nan() {
        return u64::MAX;
    }
    /// Bits as an integer that grows with the number, both zeros at 0.
    fn ordered(x: f64) -> i64 {
        let bits = x.to_bits() as i64;
        if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits }
    }
    ordered(a).abs_diff(ordered(b))
}
