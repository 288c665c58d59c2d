//! What the numbers of an implementation mean, where that is a matter of taste: they are brought to the conventions here as they come in.

use serde_json::{Map, Value, json};

/// What scores and gradients are derivatives with respect to, for each entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Parameter {
    /// `θ = -log λ`, as here and in the paper.
    #[default]
    LogMean,
    /// `log λ`.
    LogRate,
    /// `λ`.
    Rate,
    /// `1/λ`.
    Mean,
}

/// The conventions of an implementation.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Conventions {
    parameter: Parameter,
    /// Weights are Gumbels `-log E`, of which the largest wins, instead of exponentials.
    gumbels: bool,
    /// It computes in single precision.
    single: bool,
}

impl Conventions {
    /// From the field `conventions` of the answer to `hello`; or what is wrong with it.
    pub(super) fn read(said: Option<Value>, single: bool) -> Result<Self, String> {
        let mut read = Self { single, ..Self::default() };
        let said = match said {
            None => return Ok(read),
            Some(Value::Object(said)) => said,
            Some(other) => return Err(format!("gave the conventions {other}: want an object")),
        };
        for (name, value) in said {
            match (name.as_str(), value.as_str()) {
                ("parameter", Some("log_mean")) => read.parameter = Parameter::LogMean,
                ("parameter", Some("log_rate")) => read.parameter = Parameter::LogRate,
                ("parameter", Some("rate")) => read.parameter = Parameter::Rate,
                ("parameter", Some("mean")) => read.parameter = Parameter::Mean,
                ("weights", Some("exponential")) => read.gumbels = false,
                ("weights", Some("gumbel")) => read.gumbels = true,
                _ => {
                    return Err(format!(
                        "gave the convention {name} = {value}: want parameter = log_mean, log_rate, rate or mean, and weights = \
                         exponential or gumbel"
                    ));
                }
            }
        }
        Ok(read)
    }

    /// A number of the precision that the implementation has: what comes in rounded is still taken for that.
    fn round(&self, value: f64) -> f64 {
        if self.single { f64::from(value as f32) } else { value }
    }

    /// An exponential as the implementation is told it; none at an absent entry.
    pub(super) fn tell(&self, weight: f64) -> Value {
        match weight.is_finite() {
            true if self.gumbels => json!(self.round(-libm::log(weight))),
            true => json!(weight),
            false => Value::Null,
        }
    }

    /// Brings an answer about entries with these rates to the conventions here.
    pub(super) fn translate(&self, answer: &mut Map<String, Value>, rates: &[f64]) -> Result<(), String> {
        if self.gumbels {
            for field in ["exponentials", "conditional"] {
                answer
                    .get_mut(field)
                    .into_iter()
                    .for_each(|value| each(value, &|gumbel| self.round(libm::exp(-gumbel))));
            }
        }
        for field in ["score", "gradient"] {
            let Some(value) = answer.get_mut(field) else { continue };
            match self.parameter {
                Parameter::LogMean => {}
                Parameter::LogRate => each(value, &|derivative| -derivative),
                Parameter::Rate => {
                    by_entry(value, &|k, derivative| self.round(-derivative * rates[k]), rates.len(), field)?
                }
                Parameter::Mean => {
                    by_entry(value, &|k, derivative| self.round(derivative / rates[k]), rates.len(), field)?
                }
            }
        }
        Ok(())
    }
}

/// Every number, however deep; what is none is found by those who want one.
fn each(value: &mut Value, change: &dyn Fn(f64) -> f64) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| each(value, change)),
        Value::Number(number) => {
            if let Some(number) = number.as_f64() {
                *value = json!(change(number));
            }
        }
        _ => {}
    }
}

/// Every number of rows with one per entry.
fn by_entry(
    value: &mut Value,
    change: &dyn Fn(usize, f64) -> f64,
    entries: usize,
    field: &str,
) -> Result<(), String> {
    for row in value.as_array_mut().into_iter().flatten() {
        let Some(row) = row.as_array_mut().filter(|row| row.len() == entries) else {
            return Err(format!("gave {row} in `{field}`: want a list of {entries} numbers, one per entry"));
        };
        for (k, value) in row.iter_mut().enumerate() {
            // An absent entry has no derivative, whatever the parameter.
            each(value, &|derivative| if derivative == 0.0 { 0.0 } else { change(k, derivative) });
        }
    }
    Ok(())
}
