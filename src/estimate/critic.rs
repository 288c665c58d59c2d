//! Critics: functions of the exponentials that stand in for a loss, with their gradients.

/// A critic `c(e)` of RELAX.
///
/// It may be anything that has a gradient almost everywhere, is continuous, and has finite variance; the estimate is unbiased whatever it is.
/// At absent entries it is given 0, and what it says of them is not used.
pub trait Critic {
    /// `c(e)`.
    fn value(&self, exponentials: &[f64]) -> f64;

    /// `∂c/∂e_k`, one number per entry.
    fn gradient(&self, exponentials: &[f64]) -> Vec<f64>;
}

impl<C: Critic + ?Sized> Critic for Box<C> {
    fn value(&self, exponentials: &[f64]) -> f64 {
        (**self).value(exponentials)
    }

    fn gradient(&self, exponentials: &[f64]) -> Vec<f64> {
        (**self).gradient(exponentials)
    }
}

/// `c(e) = b`: a constant baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constant(pub f64);

impl Critic for Constant {
    fn value(&self, _: &[f64]) -> f64 {
        self.0
    }

    fn gradient(&self, exponentials: &[f64]) -> Vec<f64> {
        vec![0.0; exponentials.len()]
    }
}

/// `c(e) = b + Σ_k a_k e_k`.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// `b`.
    pub constant: f64,
    /// `a_k`, one per entry.
    pub weights: Vec<f64>,
}

impl Critic for Linear {
    fn value(&self, exponentials: &[f64]) -> f64 {
        self.constant + dot(&self.weights, exponentials)
    }

    fn gradient(&self, _: &[f64]) -> Vec<f64> {
        self.weights.clone()
    }
}

/// `c(e) = b + Σ_k a_k e_k + Σ_jk q_jk e_j e_k`.
#[derive(Debug, Clone, PartialEq)]
pub struct Quadratic {
    /// `b`.
    pub constant: f64,
    /// `a_k`, one per entry.
    pub weights: Vec<f64>,
    /// `q_jk`, row by row; it need not be symmetric.
    pub matrix: Vec<f64>,
}

impl Critic for Quadratic {
    fn value(&self, exponentials: &[f64]) -> f64 {
        let rows = self.matrix.chunks(exponentials.len().max(1)).zip(exponentials);
        let square: f64 = rows.map(|(row, e)| e * dot(row, exponentials)).sum();
        self.constant + dot(&self.weights, exponentials) + square
    }

    fn gradient(&self, exponentials: &[f64]) -> Vec<f64> {
        let mut gradient = self.weights.clone();
        for ((row, e), j) in self.matrix.chunks(exponentials.len().max(1)).zip(exponentials).zip(0..) {
            gradient[j] += dot(row, exponentials);
            gradient.iter_mut().zip(row).for_each(|(gradient, q)| *gradient += q * e);
        }
        gradient
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_those_of_the_values() {
        let weights = vec![1.0, -2.0, 0.5];
        let matrix = vec![1.0, 2.0, 0.0, -1.0, 3.0, 0.25, 4.0, 0.0, -0.5];
        let critics: [&dyn Critic; 3] = [
            &Constant(3.0),
            &Linear { constant: 1.0, weights: weights.clone() },
            &Quadratic { constant: 1.0, weights, matrix },
        ];
        let e = [0.5, 1.5, 2.0];
        for critic in critics {
            for (k, found) in critic.gradient(&e).into_iter().enumerate() {
                let at = |by: f64| {
                    let mut e = e;
                    e[k] += by;
                    critic.value(&e)
                };
                assert!((found - (at(1e-4) - at(-1e-4)) / 2e-4).abs() < 1e-9);
            }
        }
    }
}
