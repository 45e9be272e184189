//! What a file is, when it is Terraform's: by content, even of what cannot be read.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::text;

/// What a file of Terraform's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recognised {
    /// JSON of `terraform show -json`, or a raw state: what is read. Which of them, its keys tell.
    Document,
    /// A plan or state of another version than those that are read, or another command's output.
    Other,
    /// What `terraform plan -json` prints while it runs: one object a line.
    Events,
    /// What `terraform plan -out` writes.
    BinaryPlan,
    /// Source in Terraform's language.
    Source,
    /// Source in its JSON syntax, as CDK for Terraform writes it.
    JsonSource,
}

/// What a file is, none if it is not Terraform's. A damaged file is recognised by its beginning.
pub(crate) fn recognise(bytes: &[u8]) -> Option<Recognised> {
    /// The first local header of a zip archive.
    const ZIP: &[u8] = b"PK\x03\x04";
    if bytes.starts_with(ZIP) {
        return Some(Recognised::BinaryPlan);
    }
    // What is damaged further on is recognised by its beginning.
    let text = text::decode("", bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned());
    if text.trim_start().starts_with('{') { of_json(&text) } else { is_source(&text).then_some(Recognised::Source) }
}

fn of_json(text: &str) -> Option<Recognised> {
    let mut keys = Keys::default();
    let mut documents = serde_json::Deserializer::from_str(text);
    // Damage ends it; what came before counts.
    let _ = (&mut keys).deserialize(&mut documents);
    let has = |key: &str| keys.names.iter().any(|name| name == key);
    if has("@level") || has("@message") {
        Some(Recognised::Events)
    } else if has("planned_values") || has("resource_changes") || has("prior_state") || has("relevant_attributes") {
        Some(Recognised::Document)
    } else if has("format_version") {
        // An empty state has nothing more than its versions.
        let known = ["format_version", "terraform_version", "values", "checks", "configuration", "variables"];
        let ours = keys.names.iter().all(|name| known.contains(&&**name));
        Some(if ours { Recognised::Document } else { Recognised::Other })
    } else if has("terraform_version") || has("lineage") && has("serial") {
        Some(Recognised::Document)
    } else if keys.resource_types && (has("terraform") || has("provider") || has("//") || has("resource")) {
        Some(Recognised::JsonSource)
    } else {
        None
    }
}

/// Blocks as only Terraform's language writes them, at the beginning of a line.
fn is_source(text: &str) -> bool {
    let words = ["resource", "data", "module", "variable", "output", "provider", "terraform", "locals"];
    text.lines().any(|line| {
        let Some(word) = words.iter().find(|word| line.starts_with(**word)) else { return false };
        let Some(labels) = line[word.len()..].trim_end().strip_suffix(['{', '}']) else { return false };
        let labels = labels.trim_end_matches('{').trim();
        let quoted = labels.len() >= 2 && labels.starts_with('"') && labels.ends_with('"');
        // `[resource]` of other languages has no brace, `locals {` of this one has no label.
        if labels.is_empty() { ["terraform", "locals"].contains(word) } else { quoted }
    })
}

/// The keys at the top of a document.
#[derive(Debug, Default)]
struct Keys {
    names: Vec<String>,
    /// Whether `resource` holds types of some provider: `{"aws_vpc": {...}}`.
    resource_types: bool,
}

impl<'de> DeserializeSeed<'de> for &mut Keys {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Keys {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        /// No document of Terraform's has as many.
        const MOST: usize = 64;
        while let Some(name) = map.next_key::<String>()? {
            if name == "resource" {
                let value = map.next_value::<Value>();
                self.resource_types = value.as_ref().is_ok_and(|value| {
                    let types = value.as_object().into_iter().flat_map(|types| types.keys());
                    types.clone().count() > 0 && types.into_iter().all(|name| name.contains('_'))
                });
                self.names.push(name);
                value?;
                continue;
            }
            self.names.push(name);
            if self.names.len() > MOST {
                return Err(A::Error::custom("enough was read"));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

impl Recognised {
    /// What it is and what to do instead, of what is not read.
    pub(crate) fn refusal(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Document => None,
            Self::Other => Some((
                "JSON that Terraform wrote, but neither a plan nor a state: expected `planned_values`, `values` or \
                 `resources` beside `format_version`",
                "write `terraform show -json PLAN_OR_STATE > network.json` and read that",
            )),
            Self::Events => Some((
                "line 1: what `terraform plan -json` prints while it runs (`@level`, `@message`), which does not hold the plan",
                "run `terraform plan -out tfplan && terraform show -json tfplan > plan.json` and read plan.json",
            )),
            Self::BinaryPlan => Some((
                "byte 0: a zip archive (`PK`), as `terraform plan -out` writes it, whose contents only Terraform reads",
                "run `terraform show -json FILE > plan.json` where its configuration is, and read plan.json",
            )),
            Self::Source => Some((
                "Terraform source, which is not evaluated here",
                "run `terraform plan -out tfplan && terraform show -json tfplan > plan.json` and read plan.json",
            )),
            Self::JsonSource => Some((
                "Terraform source in JSON (`resource`), which is not evaluated here",
                "run `terraform plan -out tfplan && terraform show -json tfplan > plan.json` and read plan.json",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Recognised> {
        recognise(text.as_bytes())
    }

    #[test]
    fn documents_are_recognised_by_their_keys() {
        for text in [
            r#"{"format_version": "1.0"}"#,
            r#"{"format_version": "1.0", "terraform_version": "1.9.0", "values": {}, "checks": []}"#,
            r#"{"format_version": "0.1", "planned_values": {}, "other": 1}"#,
            r#"{"resource_changes": []}"#,
            r#"{"version": 4, "terraform_version": "1.9.0", "resources": []}"#,
            r#"{"lineage": "x", "resources": [], "serial": 3, "version": 4}"#,
            "{\"format_version\": \"1.2\", \"terraform_version\": \"1.9.0\", \"planned_values\": {\"root_mod",
            "\u{feff}{\"format_version\": \"1.0\"}",
        ] {
            assert_eq!(of(text), Some(Recognised::Document), "{text}");
        }
        let utf16: Vec<u8> =
            "\u{feff}{\"format_version\": \"1.0\"}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(recognise(&utf16), Some(Recognised::Document));
        assert_eq!(recognise(b"{\"format_version\": \"1.0\", \"values\": \"\xff\"}"), Some(Recognised::Document));
    }

    #[test]
    fn what_is_not_read_is_recognised_too() {
        assert_eq!(of(r#"{"@level":"info","@message":"Terraform 1.9.0"}"#), Some(Recognised::Events));
        assert_eq!(of("{\"@level\":\"info\"}\n{\"@level\":\"info\"}"), Some(Recognised::Events));
        assert_eq!(recognise(b"PK\x03\x04\x14\0"), Some(Recognised::BinaryPlan));
        assert_eq!(of("# main\nresource \"aws_vpc\" \"main\" {\n}\n"), Some(Recognised::Source));
        assert_eq!(of("locals {\n  a = 1\n}\n"), Some(Recognised::Source));
        assert_eq!(of("variable \"x\" {}\n"), Some(Recognised::Source));
        assert_eq!(of(r#"{"resource": {"aws_vpc": {"m": {}}}, "terraform": {}}"#), Some(Recognised::JsonSource));
        assert_eq!(of(r#"{"format_version": "1.0", "provider_schemas": {}}"#), Some(Recognised::Other));
    }

    #[test]
    fn other_files_are_not_terraforms() {
        for text in [
            "",
            "{}",
            "[]",
            "3",
            "{\"Vpcs\": []}",
            "{\"version\": 4}",
            "[vpc.main]\ncidrs = [\"10.0.0.0/8\"]\n",
            "resource = { a = 1 }",
            "data = \"x\" # {",
            "{\"resource\": {\"x\": 1}, \"provider\": 2}",
            "{\"Resources\": {}}",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
