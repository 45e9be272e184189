//! Keys that the format does not know, all of them, found by the JSON Schema: it has every key there is.

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use crate::finding::Finding;

use super::file::File;
use super::places::Places;
use super::text::nearest;

/// The keys of a format.
#[derive(Debug)]
pub struct Keys {
    schema: Value,
}

impl Keys {
    /// Those of the native file.
    pub(crate) fn of_file() -> Self {
        Self::of(schemars::schema_for!(File).to_value())
    }

    /// Those of a JSON Schema whose definitions are under `$defs`.
    pub fn of(schema: Value) -> Self {
        Self { schema }
    }

    /// A finding for each key of a file that the format does not know.
    pub fn unknown(&self, table: &DeTable<'_>, places: &Places) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.table(table, &self.schema, places, &mut findings);
        findings
    }

    fn table(&self, table: &DeTable<'_>, schema: &Value, places: &Places, findings: &mut Vec<Finding>) {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            // Tables by name have one schema for all their values.
            let of_value = match properties {
                Some(properties) => properties.get(name),
                None => schema.get("additionalProperties").filter(|of_all| of_all.is_object()),
            };
            if let Some(schema) = of_value {
                self.value(value.get_ref(), self.resolved(schema), places, findings);
                continue;
            }
            let Some(properties) = properties else { continue };
            let known: Vec<&str> = properties.keys().map(String::as_str).collect();
            let text = format!("there is no key `{name}` here");
            let finding = Finding::error("unknown-key", &places.at(key.span()), text);
            findings.push(match nearest(name, known.iter().copied()) {
                Some(nearest) => finding.help(format!("did you mean `{nearest}`?")),
                None => finding.help(format!("there is {}", known.join(", "))),
            });
        }
    }

    fn value(&self, value: &DeValue<'_>, schema: &Value, places: &Places, findings: &mut Vec<Finding>) {
        match value {
            DeValue::Table(table) => self.table(table, schema, places, findings),
            DeValue::Array(values) => {
                let Some(items) = schema.get("items") else { return };
                for value in values {
                    self.value(value.get_ref(), self.resolved(items), places, findings);
                }
            }
            _ => {}
        }
    }

    /// Follows a reference to where the schema is written down.
    fn resolved<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let named = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/"));
        named.and_then(|name| self.schema.get("$defs")?.get(name)).unwrap_or(schema)
    }
}
