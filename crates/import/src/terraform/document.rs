//! JSON of Terraform's without what is nobody's business: attributes of resources that describe no network may be secrets, and
//! are dropped as soon as they are read.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::terraform::error::TerraformError;
use crate::terraform::kinds;
use crate::terraform::resource::Mode;

/// The one document of a file.
pub(crate) fn parse(file: &str, text: &str) -> Result<Map<String, Value>, TerraformError> {
    let mut documents = serde_json::Deserializer::from_str(text);
    let value = Kept { depth: 0 }.deserialize(&mut documents).and_then(|value| documents.end().map(|()| value));
    match value {
        Ok(Value::Object(map)) => Ok(map),
        Ok(other) => Err(shape(file, "the document", "an object", &other)),
        Err(error) => Err(damage(file, &error)),
    }
}

/// The error for a value of another shape. It shows what kind of value it is, never the value.
pub(crate) fn shape(file: &str, path: &str, expected: &'static str, found: &Value) -> TerraformError {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    TerraformError::Shape { file: file.to_owned(), path: path.to_owned(), expected, found }
}

fn damage(file: &str, error: &serde_json::Error) -> TerraformError {
    let text = error.to_string();
    let next = if error.is_eof() {
        "the file ends in the middle: write it again with `terraform show -json`"
    } else {
        "expected the one document that `terraform show -json` prints, and nothing before or after it"
    };
    TerraformError::Json {
        file: file.to_owned(),
        line: error.line(),
        column: error.column(),
        // The position has its own fields. Syntax errors say no value.
        cause: text.split(" at line ").next().unwrap_or(&text).to_owned(),
        next,
    }
}

/// Reads a value, and drops what is not wanted of objects as each ends.
#[derive(Clone, Copy)]
struct Kept {
    depth: usize,
}

/// Parts of documents that tell nothing of a network.
const UNREAD: [&str; 7] = [
    "output_changes",
    "resource_drift",
    "relevant_attributes",
    "check_results",
    "checks",
    // Access keys, sometimes.
    "provider_config",
    "action_invocations",
];

impl<'de> DeserializeSeed<'de> for Kept {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Kept {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            // Further in these are names of somebody's own.
            if self.depth <= 1 && UNREAD.contains(&&*key) {
                fields.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = fields.next_value_seed(Self { depth: self.depth + 1 })?;
            map.insert(key, value);
        }
        drop_secrets(&mut map);
        Ok(Value::Object(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Self { depth: self.depth + 1 })? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }
}

/// Drops the attributes of a resource that is not read, and values of outputs, variables and constants.
fn drop_secrets(map: &mut Map<String, Value>) {
    let read = match (map.get("type"), map.get("mode")) {
        (Some(Value::String(kind)), Some(Value::String(mode))) => {
            Some(kinds::is_read(kind, if mode == "data" { Mode::Data } else { Mode::Managed }))
        }
        _ => None,
    };
    match read {
        Some(false) => {
            // The instances of a raw state are counted.
            if let Some(Value::Array(instances)) = map.get_mut("instances") {
                instances
                    .iter_mut()
                    .filter_map(Value::as_object_mut)
                    .for_each(|it| it.retain(|key, _| key == "deposed"));
            }
            map.retain(|key, _| {
                [
                    "address",
                    "mode",
                    "type",
                    "name",
                    "index",
                    "provider_name",
                    "provider",
                    "module",
                    "instances",
                    "deposed_key",
                ]
                .contains(&&**key)
            });
        }
        Some(true) => {}
        // A step of the path to a secret in a raw state.
        None if map.get("type").is_some_and(|it| it == "get_attr") => {}
        None => {
            // A variable is asked only whether it is on, as `single_nat_gateway`.
            for key in ["value", "constant_value", "default"] {
                if map.get(key).is_some_and(|value| !value.is_boolean()) {
                    map.remove(key);
                }
            }
            map.retain(|key, _| !is_private(key));
        }
    }
}

/// Whether an attribute holds a secret, even of a resource that is read, and tells nothing of the network: what an instance is
/// started with, the keys of a tunnel.
fn is_private(attribute: &str) -> bool {
    let tells = ["user_data", "password", "preshared_key", "secret", "customer_gateway_configuration"];
    tells.iter().any(|part| attribute.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_gone_after_reading() {
        let map = parse(
            "x.json",
            r#"{"format_version": "1.0",
                "checks": ["secret"], "output_changes": {"p": {"after": "secret"}},
                "variables": {"on": {"value": true}, "password": {"value": "secret"}},
                "values": {"outputs": {"p": {"sensitive": true, "value": "secret"}}, "root_module": {"resources": [
                    {"values": {"password": "secret"}, "mode": "managed", "type": "aws_db_instance", "name": "d"},
                    {"mode": "managed", "type": "aws_instance", "values": {"user_data": "secret", "id": "i-1"}}]}},
                "configuration": {"provider_config": {"aws": {"expressions": {"secret_key": {"constant_value": "secret"}}}},
                    "root_module": {"resources": [{"mode": "managed", "type": "aws_db_instance",
                        "expressions": {"password": {"constant_value": "secret"}}}]}},
                "resources": [{"mode": "managed", "type": "aws_db_instance", "instances": [
                    {"attributes": {"password": "secret"}}]}]}"#,
        );
        let text = Value::Object(map.unwrap()).to_string();
        assert!(!text.contains("secret") || !text.replace("secret_key", "").contains("secret"), "{text}");
        assert!(text.contains("i-1") && text.contains("\"on\":{\"value\":true}"), "{text}");
        assert!(text.contains("\"instances\":[{}]"), "{text}");
    }

    #[test]
    fn damage_names_its_place_and_what_to_do() {
        let error = parse("x.json", "{\"values\": {").unwrap_err().to_string();
        assert!(error.starts_with("x.json:1:12: not JSON: EOF while parsing an object; the file ends"), "{error}");
        let error = parse("x.json", "{}\n{}").unwrap_err().to_string();
        assert!(error.starts_with("x.json:2:1: not JSON: trailing characters; expected the one document"), "{error}");
        let error = parse("x.json", "[\"hunter2\"]").unwrap_err().to_string();
        assert_eq!(error, "x.json: the document: expected an object, found a list");
    }
}
