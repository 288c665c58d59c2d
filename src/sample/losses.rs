//! Losses of one's own: files with a number for each structure.
//!
//! JSON Lines, `{"structure":…,"loss":…}`: the structure as in samples files, the loss a number or a fraction `"p/q"`, taken exactly.
//! `enumerate --format jsonl` lists the structures of a model in this form.
//!
//! ```
//! use gumbel_oracle::{model::Model, number::ratio};
//! let model = Model::parse(r#"{"structure": "categorical", "rates": [1, 2]}"#)?;
//! let file = "{\"structure\":0,\"loss\":-0.1}\n{\"structure\":1,\"loss\":\"2/3\"}\n";
//! let losses = recursive_gumbel::sample::losses::parse(&model, "losses.jsonl", file)?;
//! assert_eq!(losses.into_values().collect::<Vec<_>>(), [ratio(-1, 10), ratio(2, 3)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;

use gumbel_oracle::model::Model;
use gumbel_oracle::number::to_f64;
use gumbel_oracle::rate;
use gumbel_oracle::structure::Structure;
use num_rational::BigRational;
use serde::Deserializer as _;
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::form::{Form, Numbers};
use super::jsonl::{LineError, Value};
use super::{Field, SourceError, Walker};

/// Reads the losses in a file of this name, by structure.
///
/// # Errors
/// [`SourceError`] with the line, if one cannot be read, is no structure of the model, or comes twice.
pub fn parse(model: &Model, file: &str, text: &str) -> Result<BTreeMap<Structure, BigRational>, SourceError> {
    let (form, walker) = (Form::new(model), Walker::new(model));
    let mut losses = BTreeMap::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let whole = text.ends_with('\n');
    let mut lines = text.lines().zip(1..).peekable();
    while let Some((line, number)) = lines.next() {
        let whole = whole || lines.peek().is_some();
        let wrong = |field: Option<&str>, problem: String| {
            let field = field.map_or_else(String::new, |field| format!(", field `{field}`"));
            SourceError { place: format!("{file}, line {number}{field}"), problem }
        };
        if line.trim().is_empty() {
            return Err(wrong(None, "is empty: want one structure and its loss per line".to_owned()));
        }
        let mut row = Row::default();
        let mut json = serde_json::Deserializer::from_str(line);
        let read = json.deserialize_map(Line { row: &mut row, form: &form }).and_then(|()| json.end());
        read.map_err(|error| LineError::of(&error, None, whole, line.as_bytes()).at(file, number))?;
        let loss = row.loss.ok_or_else(|| wrong(None, "has no `loss`".to_owned()))?;
        let loss = number_of(&loss).map_err(|problem| wrong(Some("loss"), problem))?;
        let numbers = row.structure.ok_or_else(|| wrong(None, "has no `structure`".to_owned()))?;
        let field = Some(Field::Structure.name());
        let structure = form.structure_alone(&numbers).map_err(|problem| wrong(field, problem))?;
        if !walker.is_structure(&structure) {
            let written = model.canonical(&structure);
            return Err(wrong(field, format!("{written} is no structure of this model")));
        }
        if losses.contains_key(&structure) {
            let written = model.canonical(&structure);
            return Err(wrong(
                field,
                format!("{written} has a loss already: want one line for each structure"),
            ));
        }
        losses.insert(structure, loss);
    }
    Ok(losses)
}

/// The largest loss in size: fourth powers of losses must be finite in `f64`.
const LARGEST: f64 = 1e50;

/// A number as it is written: exact.
fn number_of(json: &str) -> Result<BigRational, String> {
    let text = json.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(json);
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let value = rate::parse(digits).map_err(|_| {
        format!(
            "{json} is no number that can be read exactly: want an integer, a decimal or a fraction \"p/q\""
        )
    })?;
    if to_f64(&value) > LARGEST {
        return Err(format!("{json} is out of reach: want a number of at most {LARGEST:e} in size"));
    }
    Ok(if negative { -value } else { value })
}

#[derive(Default)]
struct Row {
    structure: Option<Numbers>,
    loss: Option<String>,
}

struct Line<'a, 'm> {
    row: &'a mut Row,
    form: &'a Form<'m>,
}

impl<'de> Visitor<'de> for Line<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with a structure and its loss, {\"structure\": …, \"loss\": …}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            match &*key {
                "structure" if self.row.structure.is_none() => {
                    let mut numbers = Numbers::default();
                    let want = self.form.structure_form();
                    map.next_value_seed(Value { numbers: &mut numbers, want, depth: 0 })?;
                    self.row.structure = Some(numbers);
                }
                "loss" if self.row.loss.is_none() => {
                    self.row.loss = Some(map.next_value::<&RawValue>()?.get().to_owned());
                }
                "structure" | "loss" => return Err(A::Error::custom(format!("`{key}` is given twice"))),
                // As `enumerate` writes it.
                "probability" => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
                _ => {
                    let key = key.escape_debug();
                    return Err(A::Error::custom(format!("unknown field `{key}`: want structure, loss")));
                }
            }
        }
        Ok(())
    }
}
