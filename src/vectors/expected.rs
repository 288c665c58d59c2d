//! The answers: by the oracle alone, in exact arithmetic, rounded once.

use gumbel_oracle::enclosure::{exp_minus, ln, ln_f32, sum_of_logarithms};
use gumbel_oracle::estimators::Score;
use gumbel_oracle::limit::Limit;
use gumbel_oracle::loss::Loss;
use gumbel_oracle::model::Model;
use gumbel_oracle::number::{ratio, to_f64};
use gumbel_oracle::race::Trace;
use num_rational::BigRational;
use num_traits::Zero as _;
use serde_json::{Map, Value, json};

use super::Operation;
use super::float::{put, put_row};

type Object = Map<String, Value>;

/// What is expected of a valid input, or why it is none.
pub(super) fn expected(model: &Model, operation: Operation, input: &Object) -> Result<Object, String> {
    match operation {
        Operation::Run => run(model, input),
        Operation::Trace => trace(model, input),
        Operation::Conditional => conditional(model, input),
        Operation::Inverse => inverse(model, input),
        Operation::Law => law(model, input),
        Operation::Invalid => Ok(super::invalid::expected(input)),
    }
}

/// A float as the fraction that it is.
pub(super) fn exact(value: f64) -> Result<BigRational, String> {
    BigRational::from_float(value).ok_or_else(|| format!("{value} is not finite"))
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// One number per entry, `null` exactly where there is no entry.
pub(super) fn row(model: &Model, input: &Object, name: &str) -> Result<Vec<Option<f64>>, String> {
    let row = input.get(name).and_then(Value::as_array).ok_or_else(|| format!("no list `{name}`"))?;
    if row.len() != model.entries().len() {
        return Err(format!(
            "{} numbers in `{name}`: want {}, one per entry",
            row.len(),
            model.entries().len()
        ));
    }
    let cell = |(value, rate): (&Value, &BigRational)| match (value, rate.is_zero()) {
        (Value::Null, true) => Ok(None),
        (Value::Number(number), false) => Ok(number.as_f64()),
        (_, absent) => {
            let want = if absent { "null, as the entry is absent" } else { "a number" };
            Err(format!("{value} in `{name}`: want {want}"))
        }
    };
    row.iter().zip(model.rates()).map(cell).collect()
}

pub(super) fn trace_of(model: &Model, input: &Object) -> Result<Trace, String> {
    let text = input.get("trace").ok_or("no `trace`")?.to_string();
    model.parse_trace(&text).map_err(|problem| problem.to_string())
}

/// The exact weights; what an absent entry has is not looked at.
pub(super) fn exact_row(row: &[Option<f64>]) -> Result<Vec<BigRational>, String> {
    row.iter().map(|value| value.map_or_else(|| Ok(BigRational::zero()), exact)).collect()
}

fn run(model: &Model, input: &Object) -> Result<Object, String> {
    let weights = exact_row(&row(model, input, "exponentials")?)?;
    let run = model.run(&weights).map_err(|error| error.to_string())?;
    let mut expected = Object::new();
    expected.insert("structure".into(), parsed(&model.canonical(&run.structure)));
    expected.insert("trace".into(), parsed(&model.canonical_trace(&run.trace)));
    Ok(expected)
}

fn trace(model: &Model, input: &Object) -> Result<Object, String> {
    let trace = trace_of(model, input)?;
    let structure = model.replay(&trace).map_err(|error| error.to_string())?;
    let probability = trace.probability(model.rates());
    let mut expected = Object::new();
    expected.insert("structure".into(), parsed(&model.canonical(&structure)));
    let impossible = || "a trace of probability 0".to_owned();
    put(&mut expected, "log_prob", ln(&probability).ok_or_else(impossible)?);
    put(&mut expected, "log_prob_f32", ln_f32(&probability).ok_or_else(impossible)?.into());
    let score = trace.score(model.rates());
    put_row(&mut expected, "score", &score.iter().map(|s| Some(to_f64(s))).collect::<Vec<_>>());
    expected.insert("probability_exact".into(), probability.to_string().into());
    expected.insert("score_exact".into(), strings(&score));
    Ok(expected)
}

fn strings(values: &[BigRational]) -> Value {
    values.iter().map(ToString::to_string).collect()
}

/// `E_k = Σ_{r: k∈S_r} -log(u_{w_r})/Λ_r + [k never won] -log(u_k)/λ_k`
fn conditional(model: &Model, input: &Object) -> Result<Object, String> {
    let (trace, uniforms) = (trace_of(model, input)?, exact_row(&row(model, input, "uniforms")?)?);
    let rates = model.rates();
    let (won, totals) = (trace.won(), trace.totals(rates));
    let entry = |k: usize| {
        let races = trace.races().iter().zip(&totals).filter(|(race, _)| race.has(k));
        let mut terms: Vec<(BigRational, BigRational)> =
            races.map(|(race, total)| (total.recip(), uniforms[race.winner].clone())).collect();
        if won[k].is_none() {
            terms.push((rates[k].recip(), uniforms[k].clone()));
        }
        sum_of_logarithms(&terms).ok_or_else(|| "a uniform that is not between 0 and 1".to_owned())
    };
    let present = |k: usize| if rates[k].is_zero() { Ok(None) } else { entry(k).map(Some) };
    let exponentials: Result<Vec<Option<f64>>, String> = (0..rates.len()).map(present).collect();
    let mut expected = Object::new();
    put_row(&mut expected, "exponentials", &exponentials?);
    Ok(expected)
}

/// `exp(-Λ_r M_r)` at the winners, `exp(-λ_k R_k)` at those who never win.
fn inverse(model: &Model, input: &Object) -> Result<Object, String> {
    let (trace, row) = (trace_of(model, input)?, row(model, input, "exponentials")?);
    let rates = model.rates();
    let weights: Vec<Option<BigRational>> =
        row.into_iter().map(|value| value.map(exact).transpose()).collect::<Result<_, _>>()?;
    let (times, residuals) = trace.disassemble(&weights);
    let mut exponents: Vec<Option<BigRational>> =
        residuals.into_iter().zip(rates).map(|(residual, rate)| residual.map(|r| r * rate)).collect();
    for ((race, total), time) in trace.races().iter().zip(trace.totals(rates)).zip(times) {
        exponents[race.winner] = Some(time * total);
    }
    let uniform = |x: BigRational| exp_minus(&x).ok_or_else(|| "exponentials of another trace".to_owned());
    let uniforms: Result<Vec<Option<f64>>, String> =
        exponents.into_iter().map(|x| x.map(uniform).transpose()).collect();
    let mut expected = Object::new();
    put_row(&mut expected, "uniforms", &uniforms?);
    Ok(expected)
}

fn law(model: &Model, input: &Object) -> Result<Object, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let limit = Limit::default();
    let name = input.get("loss").and_then(Value::as_str).ok_or("no `loss`")?;
    let loss = Loss::named(model, name).map_err(|error| said(&error))?;
    let law = model.law(limit).map_err(|error| said(&error))?;
    let of = |(structure, p): &(gumbel_oracle::structure::Structure, BigRational)| json!({"structure": parsed(&model.canonical(structure)), "probability": p.to_string(), "loss": loss.of(model, structure)});
    let gradient = model.gradient(&loss, limit).map_err(|error| said(&error))?;
    let moments = model.score_moments_of(&loss, limit).map_err(|error| said(&error))?;
    let none = ratio(0, 1);
    let pair = |score| moments.leave_one_out(score, 2).map_err(|error| said(&error));
    let variances = json!({
        "e_reinforce": strings(&moments.variance(Score::Exponentials, &none)),
        "t_reinforce": strings(&moments.variance(Score::Trace, &none)),
        "e_reinforce_plus_2": strings(&pair(Score::Exponentials)?),
        "t_reinforce_plus_2": strings(&pair(Score::Trace)?),
    });
    let mut expected = Object::new();
    expected.insert("structures".into(), law.outcomes.iter().map(of).collect());
    expected.insert("marginals".into(), strings(&model.marginals(limit).map_err(|error| said(&error))?));
    expected.insert("expected_loss".into(), gradient.expectation.to_string().into());
    expected.insert("gradient".into(), strings(&gradient.gradient));
    expected.insert("variances".into(), variances);
    Ok(expected)
}
