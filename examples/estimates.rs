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
use recursive_gumbel::estimate::Named;
use recursive_gumbel::fast::of_model;
use recursive_gumbel::sample::{Rated, Walker};

/// Writes so many estimates of the gradient of the expected default loss, those with a leave-one-out baseline from 5 draws each.
///
/// # Errors
/// If there is no such estimator, or its draws cannot be made or written.
pub fn write(model: &Model, estimator: &str, count: u32, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let loss = Loss::named(model, "default")?;
    let f = |structure: &Structure| loss.of(model, structure) as f64;
    let rates: Vec<f64> = model.rates().iter().map(to_f64).collect();
    let fast = of_model(model, 1)?;
    let (sampler, races) = (Rated(&*fast, &rates), Walker::new(model));
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let estimator: Named = estimator.parse()?;
    let draws = if estimator.leave_one_out() { 5 } else { 1 };
    for _ in 0..count {
        let estimate = estimator.gradient(draws, &sampler, &races, f, &mut rng)?;
        writeln!(out, "{{\"gradient\":{:?}}}", estimate.gradient)?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, estimator, count] = &arguments[..] else {
        let names = Named::ALL.map(Named::name).join(", ");
        return Err(format!("want MODEL, one of {names}, and a number").into());
    };
    let model = Model::parse(&std::fs::read_to_string(model)?)?;
    write(&model, estimator, count.parse()?, &mut io::stdout().lock())
}
