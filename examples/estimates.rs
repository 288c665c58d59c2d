//! Estimates of a gradient as lines that `check` judges.
//!
//! ```console
//! cargo run --release --example estimates -- examples/models/k4.json t_reinforce_plus 20000 > estimates.jsonl
//! cargo run --release -- check examples/models/k4.json estimates.jsonl --loss default
//! ```

use std::error::Error;
use std::io::{self, Write};

use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::to_f64;
use gumbel_oracle::structure::Structure;
use rand::SeedableRng as _;
use rand::rngs::ChaCha8Rng;
use recursive_gumbel::estimate::{Linear, Reinforce, Relax, Score};
use recursive_gumbel::fast::of_model;
use recursive_gumbel::sample::{Rated, Walker};

/// The estimators of the command `variance`, the leave-one-out forms with 5 draws, and RELAX with a critic that is linear.
pub const ESTIMATORS: [&str; 5] =
    ["e_reinforce", "t_reinforce", "e_reinforce_plus", "t_reinforce_plus", "relax_linear"];

/// Writes so many estimates of the gradient of the expected default loss.
///
/// # Errors
/// If there is no such estimator, or its draws cannot be made or written.
pub fn write(model: &Model, estimator: &str, count: u32, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let loss = Loss::named(model, "default")?;
    let f = |structure: &Structure| loss.of(model, structure) as f64;
    let rates: Vec<f64> = model.rates().iter().map(to_f64).collect();
    let draws = of_model(model, 1)?;
    let (sampler, races) = (Rated(&*draws, &rates), Walker::new(model));
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let reinforce = match estimator {
        "e_reinforce" => Some(Reinforce::new(Score::Exponentials, 1)?),
        "t_reinforce" => Some(Reinforce::new(Score::Trace, 1)?),
        "e_reinforce_plus" => Some(Reinforce::new(Score::Exponentials, 5)?.leave_one_out()?),
        "t_reinforce_plus" => Some(Reinforce::new(Score::Trace, 5)?.leave_one_out()?),
        "relax_linear" => None,
        _ => return Err(format!("no estimator {estimator:?}: want one of {}", ESTIMATORS.join(", ")).into()),
    };
    let relax = Relax::new(Linear { constant: 1.0, weights: vec![0.1; rates.len()] }, 1)?;
    for _ in 0..count {
        let estimate = match &reinforce {
            Some(reinforce) => reinforce.gradient(&sampler, f, &mut rng)?,
            None => relax.gradient(&sampler, &races, f, &mut rng)?,
        };
        writeln!(out, "{{\"gradient\":{:?}}}", estimate.gradient)?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, estimator, count] = &arguments[..] else {
        return Err(format!("want MODEL, one of {}, and a number", ESTIMATORS.join(", ")).into());
    };
    let model = Model::parse(&std::fs::read_to_string(model)?)?;
    write(&model, estimator, count.parse()?, &mut io::stdout().lock())
}
