//! What the numbers of an implementation mean, where that is a matter of taste: they are brought to the conventions here as they come in.

use gumbel_oracle::model::{Kind, Model};
use serde_json::{Map, Value, json};

use super::child::shortened;

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
    /// Lists per entry are matrices, where the structure is on pairs.
    matrices: bool,
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
                ("entries", Some("list")) => read.matrices = false,
                ("entries", Some("matrix")) => read.matrices = true,
                _ => {
                    return Err(format!(
                        "gave the convention {name} = {value}: want parameter = log_mean, log_rate, rate or mean; weights = \
                         exponential or gumbel; entries = list or matrix"
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

    /// Numbers per entry as the implementation is told them.
    pub(super) fn lay_out(&self, row: Vec<Value>, entries: &Entries) -> Value {
        if !self.matrices || entries.pairs.is_empty() {
            return row.into();
        }
        let mut matrix = vec![vec![Value::Null; entries.n]; entries.n];
        for (&(u, v), value) in entries.pairs.iter().zip(row) {
            matrix[u][v] = value;
        }
        json!(matrix)
    }

    /// Brings an answer about a model with these entries to the conventions here.
    pub(super) fn translate(&self, answer: &mut Map<String, Value>, entries: &Entries) -> Result<(), String> {
        let rates = &entries.rates;
        if self.matrices && !entries.pairs.is_empty() {
            for field in ["exponentials", "conditional", "score", "gradient"] {
                let derivative = matches!(field, "score" | "gradient");
                for row in answer.get_mut(field).and_then(Value::as_array_mut).into_iter().flatten() {
                    let list = entries.list(row, derivative);
                    *row = list.map_err(|what| format!("gave {what} in `{field}`"))?.into();
                }
            }
        }
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
                    // Of an absent entry it stays what it is, and wrong: the mean is infinite.
                    let in_log = |k: usize, derivative: f64| {
                        if rates[k] > 0.0 { derivative / rates[k] } else { derivative }
                    };
                    by_entry(value, &|k, derivative| self.round(in_log(k, derivative)), rates.len(), field)?
                }
            }
        }
        Ok(())
    }
}

/// What it must know of a model.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries {
    /// Of each entry.
    rates: Vec<f64>,
    /// The ends of each edge or arc, or the cell; empty for positions.
    pairs: Vec<(usize, usize)>,
    n: usize,
    /// Below the diagonal of a matrix the same may stand again.
    symmetric: bool,
}

impl Entries {
    pub(super) fn of(model: &Model) -> Self {
        Self {
            rates: model.rates_as(),
            pairs: model.pairs(),
            n: model.size(),
            symmetric: model.kind() == Kind::SpanningTree,
        }
    }

    /// The numbers of a matrix in the order of the entries. Elsewhere there is nothing: what a weight is where nothing can be chosen is
    /// nobody's business, but a derivative there is 0.
    fn list(&self, matrix: &Value, derivative: bool) -> Result<Vec<Value>, String> {
        let n = self.n;
        let rows: Option<Vec<&Vec<Value>>> =
            matrix.as_array().and_then(|rows| rows.iter().map(Value::as_array).collect());
        let rows = rows.filter(|rows| rows.len() == n && rows.iter().all(|row| row.len() == n));
        let Some(rows) = rows else {
            return Err(format!("{}: want a matrix of {n} × {n}", shortened(&matrix.to_string())));
        };
        let list: Vec<Value> = self.pairs.iter().map(|&(u, v)| rows[u][v].clone()).collect();
        if derivative {
            let mut left: Vec<Vec<&Value>> = rows.iter().map(|row| row.iter().collect()).collect();
            for &(u, v) in &self.pairs {
                left[u][v] = &Value::Null;
                if self.symmetric && rows[u][v] == rows[v][u] {
                    left[v][u] = &Value::Null;
                }
            }
            let something = |value: &&Value| !value.is_null() && value.as_f64() != Some(0.0);
            for (u, row) in left.iter().enumerate() {
                if let Some(v) = row.iter().position(something) {
                    return Err(format!("{} at [{u}][{v}], where there is no entry: want 0 or null", row[v]));
                }
            }
        }
        Ok(list)
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
            // No sign of 0.
            each(value, &|derivative| if derivative == 0.0 { 0.0 } else { change(k, derivative) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(said: &str, single: bool, answer: Value) -> Result<Value, String> {
        let Ok(Value::Object(mut answer)) = serde_json::from_value(answer) else { panic!("an object") };
        let conventions = Conventions::read(serde_json::from_str(said).ok(), single)?;
        let entries = Entries { rates: vec![4.0, 0.0, 0.5], ..Entries::default() };
        conventions.translate(&mut answer, &entries).map(|()| Value::Object(answer))
    }

    #[test]
    fn numbers_are_brought_to_the_conventions_here() {
        let score = json!({"score": [[2.0, 0.0, -1.0], [1.0, null, 3.0]], "log_prob": [2.0]});
        for (parameter, first) in [
            ("log_mean", json!([2.0, 0.0, -1.0])),
            ("log_rate", json!([-2.0, -0.0, 1.0])),
            ("rate", json!([-8.0, 0.0, 0.5])),
            ("mean", json!([0.5, 0.0, -2.0])),
        ] {
            let said = format!(r#"{{"parameter":"{parameter}"}}"#);
            let found = translated(&said, false, score.clone()).unwrap();
            assert_eq!(found["score"][0], first, "{parameter}");
            assert_eq!((&found["score"][1][1], &found["log_prob"][0]), (&Value::Null, &json!(2.0)));
        }
        // What is wrong at an absent entry does not vanish.
        let wrong = json!({"gradient": [[0.0, 1.0, 0.0]]});
        assert_eq!(translated(r#"{"parameter":"mean"}"#, false, wrong.clone()).unwrap(), wrong);
        let few = translated(r#"{"parameter":"rate"}"#, false, json!({"score": [[1.0, 2.0]]}));
        assert_eq!(few.unwrap_err(), "gave [1.0,2.0] in `score`: want a list of 3 numbers, one per entry");
    }

    #[test]
    fn gumbels_are_exponentials_of_their_precision() {
        let said = r#"{"weights":"gumbel"}"#;
        let found = translated(said, false, json!({"conditional": [[0.0, null, -1.0]]})).unwrap();
        assert_eq!(found, json!({"conditional": [[1.0, null, libm::exp(1.0)]]}));
        let found = translated(said, true, json!({"exponentials": [[-1.0]]})).unwrap();
        assert_eq!(found["exponentials"][0][0], json!(f64::from(libm::exp(1.0) as f32)));
        let conventions = Conventions::read(serde_json::from_str(said).ok(), false).unwrap();
        assert_eq!((conventions.tell(1.0), conventions.tell(f64::INFINITY)), (json!(-0.0), Value::Null));
        assert_eq!(Conventions::default().tell(2.0), json!(2.0));
    }

    #[test]
    fn what_is_no_convention_is_told() {
        for said in [
            r#"{"parameter":"odds"}"#,
            r#"{"entries":"ragged"}"#,
            r#"{"weights":1}"#,
            r#"{"order":"max"}"#,
            "[]",
        ] {
            let error = translated(said, false, json!({})).unwrap_err();
            assert!(error.starts_with("gave the convention"), "{error}");
        }
    }

    #[test]
    fn matrices_have_the_entries_at_their_places() {
        let said = serde_json::from_str(r#"{"entries":"matrix"}"#).ok();
        let conventions = Conventions::read(said, false).unwrap();
        let arcs = r#"{"structure":"arborescence","vertices":3,"root":2,"edges":[[1,0,5],[2,1,"1/2"]]}"#;
        let edges = r#"{"structure":"spanning_tree","vertices":3,"edges":[[1,2,5],[0,1,3]]}"#;
        let positions = r#"{"structure":"top_k","k":1,"rates":[1,2]}"#;
        let told = json!([1.0, 2.0]);
        let to = |model: &str| {
            let entries = Entries::of(&Model::parse(model).unwrap());
            (conventions.lay_out(vec![json!(1.0), json!(2.0)], &entries), entries)
        };
        let (of_arcs, arcs) = to(arcs);
        assert_eq!(of_arcs, json!([[null, null, null], [1.0, null, null], [null, 2.0, null]]));
        let (of_edges, edges) = to(edges);
        assert_eq!(of_edges, json!([[null, 2.0, null], [null, null, 1.0], [null, null, null]]));
        assert_eq!(to(positions).0, told);
        let back = |field: &str, row: Value, entries: &Entries| {
            let mut answer = Map::from_iter([(field.to_owned(), json!([row]))]);
            conventions.translate(&mut answer, entries).map(|()| answer[field][0].clone())
        };
        assert_eq!(back("score", of_arcs, &arcs).unwrap(), told);
        assert_eq!(back("conditional", of_edges, &edges).unwrap(), told);
        // Padded with zeros, and symmetric.
        let symmetric = json!([[0, 2.0, 0], [2.0, 0, 1.0], [0, 1.0, 0]]);
        assert_eq!(back("gradient", symmetric.clone(), &edges).unwrap(), told);
        assert_eq!(back("exponentials", json!([[9, 2.0, 9], [9, 9, 1.0], [9, 9, 9]]), &edges).unwrap(), told);
        for (row, entries, want) in [
            (&symmetric, &arcs, "gave 2.0 at [0][1], where there is no entry: want 0 or null in `score`"),
            (
                &json!([[0, 2.0, 0], [1.5, 0, 1.0], [0, 0, 0]]),
                &edges,
                "gave 1.5 at [1][0], where there is no entry",
            ),
            (&told, &edges, "gave [1.0,2.0]: want a matrix of 3 × 3 in `score`"),
            (&json!([[0, 2.0, 0], [1.5, 0], [0, 0, 0]]), &edges, "want a matrix of 3 × 3 in `score`"),
        ] {
            let error = back("score", row.clone(), entries).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
    }
}
