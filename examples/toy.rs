//! A training of one's own: a structure, a loss, a loop. Independent sets of a cycle, taken greedily, are to grow.
//!
//! ```console
//! cargo run --release --example toy
//! ```

use std::collections::BTreeSet;
use std::error::Error;

use gumbel_oracle::instance::Rated;
use gumbel_oracle::recursion::Recursion;
use num_rational::BigRational;
use rand::{SeedableRng, rngs::ChaCha8Rng};
use recursive_gumbel::estimate::{Reinforce, Score};
use recursive_gumbel::experiment::Adam;
use recursive_gumbel::{fast::rates_of_logits, sample::Reference};

/// Who wins joins the set, and both neighbours on a cycle of so many vertices leave with it.
#[derive(Clone)]
struct Cycle(usize);

impl Recursion for Cycle {
    type State = Vec<usize>;
    type Structure = BTreeSet<usize>;

    fn entry_count(&self) -> usize {
        self.0
    }
    fn start(&self) -> Vec<usize> {
        (0..self.0).collect()
    }
    fn stop(&self, left: &Vec<usize>) -> Option<BTreeSet<usize>> {
        left.is_empty().then(BTreeSet::new)
    }
    fn split(&self, left: &Vec<usize>) -> Vec<Vec<usize>> {
        vec![left.clone()]
    }
    fn map(&self, left: &Vec<usize>, won: &[usize]) -> Vec<usize> {
        left.iter()
            .copied()
            .filter(|v| ![0, 1, self.0 - 1].contains(&((self.0 + v - won[0]) % self.0)))
            .collect()
    }
    fn combine(&self, _: &Vec<usize>, won: &[usize], rest: BTreeSet<usize>) -> BTreeSet<usize> {
        rest.into_iter().chain(won.iter().copied()).collect()
    }
}

/// The mean size of the set, every hundred steps.
///
/// # Errors
/// None, unless the logits leave the range of `f64`.
pub fn train(vertices: usize, steps: usize) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let (mut logits, mut adam) = (vec![0.0; vertices], Adam::new(vertices, 0.02));
    let estimator = Reinforce::new(Score::Trace, 10)?.leave_one_out()?;
    let (mut means, mut sum) = (Vec::new(), 0.0);
    for step in 1..=steps {
        let rates = rates_of_logits(&logits).into_iter().filter_map(BigRational::from_float).collect();
        let sets = Rated::new("independent_set", Cycle(vertices), rates)?;
        let loss = |set: &BTreeSet<usize>| -(set.len() as f64);
        let estimate = estimator.gradient(&Reference::new(&sets, 0)?, loss, &mut rng)?;
        adam.step(&mut logits, &estimate.gradient);
        sum -= estimate.value / 100.0;
        if step % 100 == 0 {
            means.push(std::mem::take(&mut sum));
        }
    }
    Ok(means)
}

fn main() -> Result<(), Box<dyn Error>> {
    for (number, mean) in train(12, 1000)?.iter().enumerate() {
        println!("to step {:4}: {mean:.3} of 6", 100 * (number + 1));
    }
    Ok(())
}
