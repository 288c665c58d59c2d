//! Critics: functions of the exponentials that stand in for a loss, with their gradients.

use rand::{Rng, RngExt as _};

/// A critic `c(e)` of RELAX.
///
/// It may be anything that has a gradient almost everywhere, is continuous, and has finite variance; the estimate is unbiased whatever it is.
/// At absent entries it is given 0, and what it says of them is not used.
pub trait Critic {
    /// Whether it is made for so many entries: asked before anything else.
    ///
    /// # Errors
    /// In words, what it is made for.
    fn check(&self, entries: usize) -> Result<(), String> {
        let _ = entries;
        Ok(())
    }

    /// `c(e)`.
    fn value(&self, exponentials: &[f64]) -> f64;

    /// `∂c/∂e_k`, one number per entry.
    fn gradient(&self, exponentials: &[f64]) -> Vec<f64>;
}

/// Refuses another number than the one that is wanted.
fn want(what: &str, found: usize, wanted: usize, entries: usize) -> Result<(), String> {
    match found == wanted {
        true => Ok(()),
        false => Err(format!("has {found} {what}: want {wanted} for {entries} entries")),
    }
}

/// A critic with parameters `φ` that can be learnt.
///
/// [`Relax::gradient_and_derivative`](super::Relax::gradient_and_derivative) needs no more of it than the two derivatives.
pub trait Trainable: Critic {
    /// `φ`.
    fn parameters(&self) -> Vec<f64>;

    /// Sets `φ`.
    ///
    /// # Panics
    /// If there are not as many parameters.
    fn set(&mut self, parameters: &[f64]);

    /// `∂c/∂φ`.
    fn in_parameters(&self, exponentials: &[f64]) -> Vec<f64>;

    /// `∂/∂φ Σ_k w_k ∂c/∂e_k`, the derivative of the slope along a direction `w`.
    fn slope_in_parameters(&self, exponentials: &[f64], direction: &[f64]) -> Vec<f64>;
}

impl<C: Critic + ?Sized> Critic for &C {
    fn check(&self, entries: usize) -> Result<(), String> {
        (**self).check(entries)
    }

    fn value(&self, exponentials: &[f64]) -> f64 {
        (**self).value(exponentials)
    }

    fn gradient(&self, exponentials: &[f64]) -> Vec<f64> {
        (**self).gradient(exponentials)
    }
}

impl<C: Critic + ?Sized> Critic for Box<C> {
    fn check(&self, entries: usize) -> Result<(), String> {
        (**self).check(entries)
    }

    fn value(&self, exponentials: &[f64]) -> f64 {
        (**self).value(exponentials)
    }

    fn gradient(&self, exponentials: &[f64]) -> Vec<f64> {
        (**self).gradient(exponentials)
    }
}

impl<C: Trainable + ?Sized> Trainable for Box<C> {
    fn parameters(&self) -> Vec<f64> {
        (**self).parameters()
    }

    fn set(&mut self, parameters: &[f64]) {
        (**self).set(parameters);
    }

    fn in_parameters(&self, exponentials: &[f64]) -> Vec<f64> {
        (**self).in_parameters(exponentials)
    }

    fn slope_in_parameters(&self, exponentials: &[f64], direction: &[f64]) -> Vec<f64> {
        (**self).slope_in_parameters(exponentials, direction)
    }
}

/// `c(e) = b`: a constant baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constant(pub f64);

impl Trainable for Constant {
    fn parameters(&self) -> Vec<f64> {
        vec![self.0]
    }

    fn set(&mut self, parameters: &[f64]) {
        assert_eq!(parameters.len(), 1, "one parameter");
        self.0 = parameters[0];
    }

    fn in_parameters(&self, _: &[f64]) -> Vec<f64> {
        vec![1.0]
    }

    fn slope_in_parameters(&self, _: &[f64], _: &[f64]) -> Vec<f64> {
        vec![0.0]
    }
}

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
    fn check(&self, entries: usize) -> Result<(), String> {
        want("weights", self.weights.len(), entries, entries)
    }

    fn value(&self, exponentials: &[f64]) -> f64 {
        self.constant + dot(&self.weights, exponentials)
    }

    fn gradient(&self, _: &[f64]) -> Vec<f64> {
        self.weights.clone()
    }
}

/// First the constant, then the weights.
impl Trainable for Linear {
    fn parameters(&self) -> Vec<f64> {
        std::iter::once(self.constant).chain(self.weights.iter().copied()).collect()
    }

    fn set(&mut self, parameters: &[f64]) {
        assert_eq!(parameters.len(), 1 + self.weights.len(), "a constant and one weight per entry");
        self.constant = parameters[0];
        self.weights.copy_from_slice(&parameters[1..]);
    }

    fn in_parameters(&self, exponentials: &[f64]) -> Vec<f64> {
        std::iter::once(1.0).chain(exponentials.iter().copied()).collect()
    }

    fn slope_in_parameters(&self, _: &[f64], direction: &[f64]) -> Vec<f64> {
        std::iter::once(0.0).chain(direction.iter().copied()).collect()
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
    fn check(&self, entries: usize) -> Result<(), String> {
        want("weights", self.weights.len(), entries, entries)?;
        want("numbers in its matrix", self.matrix.len(), entries * entries, entries)
    }

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

/// First the constant, then the weights, then the matrix.
impl Trainable for Quadratic {
    fn parameters(&self) -> Vec<f64> {
        std::iter::once(&self.constant).chain(&self.weights).chain(&self.matrix).copied().collect()
    }

    fn set(&mut self, parameters: &[f64]) {
        let (weights, matrix) = (self.weights.len(), self.matrix.len());
        assert_eq!(parameters.len(), 1 + weights + matrix, "a constant, weights and a matrix");
        self.constant = parameters[0];
        self.weights.copy_from_slice(&parameters[1..=weights]);
        self.matrix.copy_from_slice(&parameters[1 + weights..]);
    }

    fn in_parameters(&self, exponentials: &[f64]) -> Vec<f64> {
        let products = exponentials.iter().flat_map(|a| exponentials.iter().map(move |b| a * b));
        std::iter::once(1.0).chain(exponentials.iter().copied()).chain(products).collect()
    }

    fn slope_in_parameters(&self, exponentials: &[f64], direction: &[f64]) -> Vec<f64> {
        let both = exponentials.iter().zip(direction);
        let products =
            both.clone().flat_map(|(e, w)| both.clone().map(move |(other, along)| w * other + e * along));
        std::iter::once(0.0).chain(direction.iter().copied()).chain(products).collect()
    }
}

/// A network with one hidden layer, `c(e) = b + Σ_h v_h max(0, a_h + Σ_k w_hk e_k)`: the critic of the toy experiments of the paper, there
/// with 32 units.
///
/// Its derivatives are short enough to be written out, and are held to differences by a test: a library of tensors would be the
/// larger risk.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    /// `b`, then `v_h` and `a_h` and `w_hk` unit by unit.
    parameters: Vec<f64>,
    entries: usize,
}

impl Network {
    /// So many units over so many entries; the units with random weights, uniform between ± `1/√entries`, the output 0.
    #[must_use]
    pub fn new(entries: usize, units: usize, rng: &mut (impl Rng + ?Sized)) -> Self {
        let range = 1.0 / (entries.max(1) as f64).sqrt();
        let mut parameters = vec![0.0];
        for _ in 0..units {
            parameters.push(0.0);
            parameters.extend((0..=entries).map(|_| rng.random_range(-range..=range)));
        }
        Self { parameters, entries }
    }

    /// For each unit its output weight, its weights, and what goes into it.
    fn units(&self, exponentials: &[f64]) -> impl Iterator<Item = (f64, &[f64], f64)> {
        self.parameters[1..].chunks(self.entries + 2).map(|unit| {
            let weights = &unit[2..];
            (unit[0], weights, unit[1] + dot(weights, exponentials))
        })
    }
}

impl Critic for Network {
    fn check(&self, entries: usize) -> Result<(), String> {
        want("inputs", self.entries, entries, entries)
    }

    fn value(&self, exponentials: &[f64]) -> f64 {
        self.parameters[0]
            + self.units(exponentials).map(|(out, _, inside)| out * inside.max(0.0)).sum::<f64>()
    }

    fn gradient(&self, exponentials: &[f64]) -> Vec<f64> {
        let mut gradient = vec![0.0; self.entries];
        for (out, weights, _) in self.units(exponentials).filter(|(.., inside)| *inside > 0.0) {
            gradient.iter_mut().zip(weights).for_each(|(gradient, weight)| *gradient += out * weight);
        }
        gradient
    }
}

impl Trainable for Network {
    fn parameters(&self) -> Vec<f64> {
        self.parameters.clone()
    }

    fn set(&mut self, parameters: &[f64]) {
        self.parameters.copy_from_slice(parameters);
    }

    fn in_parameters(&self, exponentials: &[f64]) -> Vec<f64> {
        let mut derivative = vec![1.0];
        for (out, _, inside) in self.units(exponentials) {
            let out = if inside > 0.0 { out } else { 0.0 };
            derivative.extend([inside.max(0.0), out]);
            derivative.extend(exponentials.iter().map(|e| out * e));
        }
        derivative
    }

    fn slope_in_parameters(&self, exponentials: &[f64], direction: &[f64]) -> Vec<f64> {
        let mut derivative = vec![0.0];
        for (out, weights, inside) in self.units(exponentials) {
            let (out, slope) = if inside > 0.0 { (out, dot(weights, direction)) } else { (0.0, 0.0) };
            derivative.extend([slope, 0.0]);
            derivative.extend(direction.iter().map(|along| out * along));
        }
        derivative
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::ChaCha8Rng;

    #[test]
    fn gradients_are_those_of_the_values() {
        let weights = vec![1.0, -2.0, 0.5];
        let matrix = vec![1.0, 2.0, 0.0, -1.0, 3.0, 0.25, 4.0, 0.0, -0.5];
        let mut network = Network::new(3, 5, &mut ChaCha8Rng::seed_from_u64(4));
        let parameters: Vec<f64> =
            network.parameters().iter().zip(0..).map(|(p, i)| p + 0.1 * f64::from(i % 7)).collect();
        network.set(&parameters);
        let critics: [Box<dyn Trainable>; 4] = [
            Box::new(Constant(3.0)),
            Box::new(Linear { constant: 1.0, weights: weights.clone() }),
            Box::new(Quadratic { constant: 1.0, weights, matrix }),
            Box::new(network),
        ];
        let (e, w) = ([0.5, 1.5, 2.0], [0.3, -1.0, 0.7]);
        let step = 1e-4;
        for mut critic in critics {
            for (k, found) in critic.gradient(&e).into_iter().enumerate() {
                let at = |by: f64| {
                    let mut e = e;
                    e[k] += by;
                    critic.value(&e)
                };
                assert!((found - (at(step) - at(-step)) / (2.0 * step)).abs() < 1e-8);
            }
            let parameters = critic.parameters();
            let (values, slopes) = (critic.in_parameters(&e), critic.slope_in_parameters(&e, &w));
            assert_eq!([values.len(), slopes.len()], [parameters.len(); 2]);
            for i in 0..parameters.len() {
                let mut at = |by: f64| {
                    let mut changed = parameters.clone();
                    changed[i] += by;
                    critic.set(&changed);
                    [critic.value(&e), dot(&critic.gradient(&e), &w)]
                };
                let ([value, slope], [value_less, slope_less]) = (at(step), at(-step));
                assert!((values[i] - (value - value_less) / (2.0 * step)).abs() < 1e-8, "{i}");
                assert!((slopes[i] - (slope - slope_less) / (2.0 * step)).abs() < 1e-8, "{i}");
            }
        }
    }
}
