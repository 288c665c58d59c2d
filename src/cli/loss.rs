//! The loss that a command is asked about: a name, or a file.

use std::collections::BTreeMap;
use std::path::Path;

use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use gumbel_oracle::structure::Structure;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;
use recursive_gumbel::sample::losses;

use super::report::quoted;
use super::{Failure, named};

/// A loss by its name, or one number for each structure.
pub(super) enum GivenLoss {
    Named(Loss),
    Listed(BTreeMap<Structure, BigRational>),
}

impl GivenLoss {
    /// The loss of that name; else the file of that name, which must have all structures.
    pub(super) fn read(model: &Model, name: &str, limit: Limit) -> Result<Self, Failure> {
        match Loss::named(model, name) {
            Ok(loss) => Ok(Self::Named(loss)),
            Err(_) if Path::new(name).exists() => {
                read_losses(model, Path::new(name), limit).map(Self::Listed)
            }
            Err(error) => {
                Err(Failure::input(format!("--loss {}: {error}, or a file of losses", quoted(name))))
            }
        }
    }

    /// The loss of a structure.
    pub(super) fn of(&self, model: &Model, structure: &Structure) -> BigRational {
        match self {
            Self::Named(loss) => BigInt::from(loss.of(model, structure)).into(),
            Self::Listed(losses) => losses.get(structure).cloned().unwrap_or_default(),
        }
    }
}

/// A file with a loss for each structure.
fn read_losses(
    model: &Model,
    path: &Path,
    limit: Limit,
) -> Result<BTreeMap<Structure, BigRational>, Failure> {
    let unread = |error| Failure::Read { path: path.to_owned(), error };
    let text = std::fs::read_to_string(path).map_err(unread)?;
    let losses = losses::parse(model, &named(path), &text).map_err(Failure::input)?;
    let law = model.law(limit).map_err(Failure::input)?;
    let possible = || law.outcomes.iter().filter(|(_, p)| !p.is_zero());
    let mut missing = possible().filter(|(x, _)| !losses.contains_key(x));
    if let Some((first, _)) = missing.next() {
        return Err(Failure::input(format!(
            "{}: has no loss for {} of {} structures, the first is {}",
            named(path),
            1 + missing.count(),
            possible().count(),
            model.canonical(first)
        )));
    }
    Ok(losses)
}
