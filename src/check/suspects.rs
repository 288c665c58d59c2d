//! The usual confusions of the seven structures, beside those of any: see [`super::diagnosis`].

use gumbel_oracle::model::{Algorithm, Kind, Model};
use gumbel_oracle::number::{Real, to_f64};
use gumbel_oracle::recursion::Recursion;
use gumbel_oracle::structure::Structure;
use rand::distr::Open01;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;

use super::diagnosis::{Law, Suspect};

/// A run on weights and on the uniforms that they are made of.
type Runs<'r> = dyn Fn(&[f64], &[f64]) -> Option<Structure> + Sync + 'r;

/// Runs of a simulation, and how many one thread makes at a time.
const RUNS: u64 = 1 << 16;
const AT_A_TIME: u64 = 1 << 10;

/// The suspects of a model; `structures` are all of it, in increasing order.
pub(super) fn suspects(model: &Model, structures: &[Structure]) -> Vec<Suspect> {
    let rates: Vec<f64> = model.rates().iter().map(to_f64).collect();
    let mut suspects = Vec::new();
    let product = |structure: &Structure| match structure {
        Structure::Entries(set) => set.iter().map(|&entry| rates[entry]).product(),
        _ => f64::NAN,
    };
    if !matches!(model.kind(), Kind::BinaryTree | Kind::Permutation | Kind::Categorical) {
        let products: Vec<f64> = structures.iter().map(product).collect();
        let total: f64 = products.iter().sum();
        let what =
            "the Gibbs law, in which a structure has probability proportional to the product of its rates";
        let law = Law::Exact(products.into_iter().map(|product| product / total).collect());
        suspects.push(Suspect { what: what.to_owned(), law });
    }
    if model.kind() == Kind::Matching {
        let pairs = model.pairs();
        let turned = |&(row, column): &(usize, usize)| {
            pairs.iter().position(|&pair| pair == (column, row)).map_or(0.0, |entry| rates[entry])
        };
        let turned: Vec<f64> = pairs.iter().map(turned).collect();
        if turned.iter().zip(&rates).all(|(a, b)| (*a > 0.0) == (*b > 0.0)) {
            suspects.push(Suspect { what: "the matrix transposed".to_owned(), law: Law::Rates(turned) });
        }
    }
    let simulate = |what: &str, run: &Runs<'_>| Suspect {
        what: what.to_owned(),
        law: Law::Simulated(simulated(&rates, structures, run)),
    };
    let result = |weights: &[f64]| model.run(weights).ok().map(|run| run.structure);
    suspects.push(simulate("the largest weight taken for the smallest", &|weights, _| {
        let turned: Vec<f64> = weights.iter().map(|&e| if e.is_finite() { -e } else { e }).collect();
        result(&turned)
    }));
    suspects.push(simulate("uniforms taken for exponentials", &|_, uniforms| {
        result(&uniforms.iter().zip(&rates).map(|(u, rate)| u / rate).collect::<Vec<f64>>())
    }));
    if let Algorithm::Arborescence(algorithm) = model.algorithm() {
        suspects.push(simulate("weights that are not reduced when a cycle is contracted", &|weights, _| {
            Some(unreduced(algorithm, algorithm.start(), weights).into())
        }));
    }
    suspects
}

/// A run in which each race is won by the entrant whose weight was the smallest at the start.
fn unreduced<R: Recursion>(algorithm: &R, state: R::State, weights: &[f64]) -> R::Structure {
    if let Some(structure) = algorithm.stop(&state) {
        return structure;
    }
    let lightest = |entrants: &Vec<usize>| {
        entrants.iter().copied().min_by(|&a, &b| weights[a].total_cmp(&weights[b])).unwrap_or_default()
    };
    let winners: Vec<usize> = algorithm.split(&state).iter().map(lightest).collect();
    let rest = unreduced(algorithm, algorithm.map(&state, &winners), weights);
    algorithm.combine(&state, &winners, rest)
}

/// How often each structure comes out of a run on weights and on the uniforms that they are made of; the last is everything else.
fn simulated(rates: &[f64], structures: &[Structure], run: &Runs<'_>) -> Vec<u64> {
    let some = |part: u64| {
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        rng.set_stream(part);
        let mut counts = vec![0; structures.len() + 1];
        for _ in 0..AT_A_TIME {
            let uniforms: Vec<f64> = rates.iter().map(|_| rng.sample::<f64, _>(Open01)).collect();
            let weights: Vec<f64> = uniforms.iter().zip(rates).map(|(u, rate)| -Real::ln(u) / rate).collect();
            let found =
                run(&weights, &uniforms).and_then(|structure| structures.binary_search(&structure).ok());
            counts[found.unwrap_or(structures.len())] += 1;
        }
        counts
    };
    let add = |mut a: Vec<u64>, b: Vec<u64>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    };
    let none = || vec![0; structures.len() + 1];
    (0..RUNS / AT_A_TIME).into_par_iter().map(some).reduce(none, add)
}

const SEED: u64 = 0x3c91_55d0_2f6a_7be4;
