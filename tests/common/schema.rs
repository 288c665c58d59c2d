//! JSON Schema, as much of it as the schemas here use.

use serde_json::Value;

/// Where a value is not as the schema says: the part of JSON Schema that the schema uses, and no other word.
pub(crate) fn differs(root: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let words = schema.as_object().unwrap();
    words.iter().find_map(|(word, want)| {
        let differ = |schema: &Value, value: &Value, at: &str| differs(root, schema, value, at);
        let right = match word.as_str() {
            "$schema" | "$defs" | "title" | "description" => true,
            "$ref" => {
                let path = want.as_str().unwrap().strip_prefix('#').unwrap();
                return differ(root.pointer(path).unwrap(), value, at);
            }
            "type" => match want.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "number" => value.is_number(),
                "integer" => value.is_i64() || value.is_u64(),
                "null" => value.is_null(),
                other => panic!("type {other}"),
            },
            "minimum" => value.as_f64().is_none_or(|value| value >= want.as_f64().unwrap()),
            "enum" => want.as_array().unwrap().contains(value),
            "anyOf" => want.as_array().unwrap().iter().any(|schema| differ(schema, value, at).is_none()),
            "required" => {
                want.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "additionalProperties" => {
                assert_eq!(*want, Value::Bool(false));
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .all(|(key, _)| schema["properties"].get(key).is_some())
            }
            "properties" => {
                return want.as_object().unwrap().iter().find_map(|(name, schema)| {
                    value.get(name).and_then(|value| differ(schema, value, &format!("{at}/{name}")))
                });
            }
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                return items.into_iter().find_map(|(i, value)| differ(want, value, &format!("{at}/{i}")));
            }
            other => panic!("the schema uses {other}, which this test does not know"),
        };
        (!right).then(|| format!("{at}: {word} {want}, found {value}"))
    })
}
