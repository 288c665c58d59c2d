//! Which mistakes a case catches: what each mutant answers, beside what is expected.

use gumbel_oracle::model::Model;
use serde_json::{Map, Value};

use super::Operation;
use super::expected::{row, trace_of};
use crate::mutants::{Mutant, Mutated};

/// How far a number may be off, in parts of its size or of 1: more than rounding, less than any mistake here.
const NEAR: f64 = 1e-12;

fn near(found: f64, want: f64) -> bool {
    found == want || (found - want).abs() <= NEAR * want.abs().max(1.0)
}

/// Times have no size but their own.
fn near_time(found: f64, want: f64) -> bool {
    found == want || (found - want).abs() <= NEAR * want.abs()
}

fn numbers(model: &Model, object: &Map<String, Value>, name: &str, absent: f64) -> Vec<f64> {
    let row = row(model, object, name).unwrap_or_default();
    row.into_iter().map(|value| value.unwrap_or(absent)).collect()
}

/// Whether this implementation answers a case otherwise.
fn is_caught(
    mutated: &Mutated<'_>,
    model: &Model,
    operation: Operation,
    [input, expected]: [&Map<String, Value>; 2],
) -> bool {
    match operation {
        Operation::Run => {
            let Some((structure, trace)) = mutated.run(&numbers(model, input, "exponentials", f64::INFINITY))
            else {
                return true;
            };
            let found =
                [("structure", model.canonical(&structure)), ("trace", model.canonical_trace(&trace))];
            found.iter().any(|(name, text)| expected.get(*name) != serde_json::from_str(text).ok().as_ref())
        }
        Operation::Trace => {
            let Ok(trace) = trace_of(model, input) else { return false };
            let want = expected.get("log_prob").and_then(Value::as_f64).unwrap_or(f64::NAN);
            let score = expected.get("score").and_then(Value::as_array).cloned().unwrap_or_default();
            let score = score.iter().map(|value| value.as_f64().unwrap_or(f64::NAN));
            let all = mutated.score(&trace).into_iter().zip(score);
            !near(mutated.log_prob(&trace), want) || !all.into_iter().all(|(found, want)| near(found, want))
        }
        Operation::Conditional => {
            let Ok(trace) = trace_of(model, input) else { return false };
            let found = mutated.conditional(&trace, &numbers(model, input, "uniforms", 0.5));
            let want = numbers(model, expected, "exponentials", f64::INFINITY);
            !found.into_iter().zip(want).all(|(found, want)| near_time(found, want))
        }
        Operation::Inverse | Operation::Law | Operation::Invalid => false,
    }
}

/// The mutants that answer a case otherwise, by name.
pub(super) fn catches(
    mutants: &[Mutated<'_>],
    model: &Model,
    operation: Operation,
    case: [&Map<String, Value>; 2],
) -> Vec<&'static str> {
    let caught = mutants.iter().filter(|mutated| is_caught(mutated, model, operation, case));
    caught.map(|mutated| mutated.mutant().name()).collect()
}

/// The implementations of a model, each with a mistake that there is with its structure.
pub(super) fn implementations(model: &Model) -> Vec<Mutated<'_>> {
    let all = Mutant::all().iter().filter(|mutant| mutant.is_of(model.kind()));
    all.filter_map(|mutant| Mutated::new(model, mutant, 0).ok()).collect()
}
