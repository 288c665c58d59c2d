//! Single and double precision.

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// The numbers that parameters are given in and results are written in: `f32` or `f64`.
pub trait Float: Copy + Send + Sync + std::fmt::Debug + sealed::Sealed + 'static {
    /// NumPy's name for it, without the byte order.
    const DESCR: &'static str;

    /// Its bytes.
    type Bytes: AsRef<[u8]>;

    /// Little end first.
    fn little_end(self) -> Self::Bytes;

    /// Exactly.
    fn to_f64(self) -> f64;

    /// The nearest.
    fn nearest(value: f64) -> Self;

    /// The nearest positive number to a positive one.
    fn positive(value: f64) -> Self;
}

impl Float for f64 {
    const DESCR: &'static str = "f8";

    type Bytes = [u8; 8];

    fn little_end(self) -> [u8; 8] {
        self.to_le_bytes()
    }

    #[inline]
    fn to_f64(self) -> f64 {
        self
    }

    #[inline]
    fn nearest(value: f64) -> Self {
        value
    }

    #[inline]
    fn positive(value: f64) -> Self {
        value
    }
}

impl Float for f32 {
    const DESCR: &'static str = "f4";

    type Bytes = [u8; 4];

    fn little_end(self) -> [u8; 4] {
        self.to_le_bytes()
    }

    #[inline]
    fn to_f64(self) -> f64 {
        self.into()
    }

    #[inline]
    fn nearest(value: f64) -> Self {
        value as Self
    }

    #[inline]
    fn positive(value: f64) -> Self {
        (value as Self).max(Self::from_bits(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_positive_stays_so() {
        assert_eq!(f32::positive(1e-60), f32::from_bits(1));
        assert_eq!(f32::positive(0.1), 0.1);
        assert_eq!(f32::positive(f64::INFINITY), f32::INFINITY);
        assert_eq!(f32::nearest(-1e-60), 0.0);
        assert_eq!(f64::positive(1e-60), 1e-60);
    }
}
