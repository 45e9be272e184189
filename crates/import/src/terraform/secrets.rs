//! What Terraform marks as sensitive stays out of errors, notes and names. Addresses and blocks stay, since they are the network.

use serde_json::{Map, Value};

use crate::terraform::entry::Entry;
use crate::{Error, Imported};

/// Attributes that name or describe a resource, and that the network does without.
const NAMES: [&str; 4] = ["tags", "tags_all", "name", "description"];

/// Takes out the names that are sensitive: the resource is called what Terraform calls it.
pub(crate) fn drop_names(values: &mut Map<String, Value>, sensitive: &Value) {
    for name in NAMES {
        match (values.get_mut(name), sensitive.get(name)) {
            (Some(_), Some(Value::Bool(true))) => _ = values.remove(name),
            (Some(Value::Object(tags)), Some(Value::Object(marks))) => {
                tags.retain(|tag, _| marks.get(tag) != Some(&Value::Bool(true)));
            }
            _ => {}
        }
    }
}

/// What is shown in the place of one.
const INSTEAD: &str = "a value that is sensitive";

/// A shorter text is no secret, and taking it out of sentences would leave nothing of them.
const SHORTEST: usize = 3;

/// The values of sensitive attributes, as errors would write them.
#[derive(Debug)]
pub(crate) struct Secrets {
    texts: Vec<String>,
}

impl Secrets {
    /// Those of all resources.
    pub(crate) fn of(entries: &[Entry]) -> Self {
        let mut texts = Vec::new();
        for entry in entries {
            let marked = entry.sensitive.as_object().into_iter().flatten();
            marked.for_each(|(attribute, mark)| collect(entry.values.get(attribute), mark, &mut texts));
        }
        // The longer one first, where one is within another.
        texts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        texts.dedup();
        Self { texts }
    }

    /// What was read, with notes that do not show them.
    pub(crate) fn kept_from_notes(&self, mut imported: Imported) -> Imported {
        for note in &mut imported.network.assumptions {
            self.take_out(&mut note.place, &mut note.text);
        }
        for note in &mut imported.ignored {
            self.take_out(&mut note.what, &mut note.text);
        }
        imported
    }

    /// Places are addresses of Terraform's or ids: only those that are a secret altogether show one.
    fn take_out(&self, place: &mut String, text: &mut String) {
        for secret in self.texts.iter().filter(|secret| secret.len() >= SHORTEST) {
            if place == secret {
                *place = INSTEAD.to_owned();
            }
            if text.contains(secret.as_str()) {
                *text = without(text, secret);
            }
        }
    }

    /// An error without them.
    pub(crate) fn kept_from(&self, error: Error) -> Error {
        match error {
            Error::Value { file, path, expected, found } if self.shown_in(&found) => {
                Error::Value { file, path, expected, found: INSTEAD.to_owned() }
            }
            other => other,
        }
    }

    fn shown_in(&self, found: &str) -> bool {
        // Long values are cut.
        let cut = found.strip_suffix("...").map(|text| text.trim_matches('"'));
        self.texts.iter().any(|text| found.contains(text.as_str()) || cut.is_some_and(|cut| text.starts_with(cut)))
    }
}

/// A text without a secret, wherever that is not a part of a longer word.
fn without(text: &str, secret: &str) -> String {
    let within = |it: Option<char>| it.is_some_and(char::is_alphanumeric);
    let mut rest = text;
    let mut left = String::with_capacity(text.len());
    while let Some(at) = rest.find(secret) {
        let (before, after) = (&rest[..at], &rest[at + secret.len()..]);
        left.push_str(before);
        let part = within(left.chars().next_back()) || within(after.chars().next());
        left.push_str(if part { secret } else { INSTEAD });
        rest = after;
    }
    left.push_str(rest);
    left
}

fn collect(value: Option<&Value>, mark: &Value, texts: &mut Vec<String>) {
    match (value, mark) {
        (Some(Value::Array(values)), Value::Bool(true)) => {
            values.iter().for_each(|value| collect(Some(value), mark, texts));
        }
        (Some(Value::Object(map)), Value::Bool(true)) => {
            map.values().for_each(|value| collect(Some(value), mark, texts));
        }
        (Some(value @ (Value::String(_) | Value::Number(_))), Value::Bool(true)) => {
            let text = value.to_string();
            let text = text.trim_matches('"');
            if !text.is_empty() {
                texts.push(text.to_owned());
            }
        }
        (Some(Value::Array(values)), Value::Array(marks)) => {
            values.iter().zip(marks).for_each(|(value, mark)| collect(Some(value), mark, texts));
        }
        (Some(Value::Object(map)), Value::Object(marks)) => {
            marks.iter().for_each(|(key, mark)| collect(map.get(key), mark, texts));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::terraform::address::Address;

    #[test]
    fn sensitive_values_are_not_shown() {
        let Value::Object(values) = json!({"cidr_block": "hunter2", "ingress": [{"from_port": 99_999}], "name": "web"})
        else {
            panic!("no object")
        };
        let entry = Entry {
            text: "aws_vpc.a".into(),
            address: Address::parse("aws_vpc.a").unwrap(),
            values,
            sensitive: json!({"cidr_block": true, "ingress": [{"from_port": true}]}),
            path: String::new(),
        };
        let secrets = Secrets::of(&[entry]);
        let shown = |found: &str| {
            let (file, path) = ("x.json".to_owned(), "aws_vpc.a.cidr_block".to_owned());
            secrets.kept_from(Error::Value { file, path, expected: "a block", found: found.to_owned() }).to_string()
        };
        assert_eq!(
            shown("\"hunter2\""),
            "x.json: aws_vpc.a.cidr_block: expected a block, found a value that is sensitive"
        );
        assert!(!shown("99999").contains("99999"));
        assert!(!shown("\"hunt...").contains("hunt"));
        assert!(shown("\"web\"").contains("web"));
    }

    #[test]
    fn notes_are_without_them() {
        let secrets = Secrets { texts: vec!["subnet-s3".to_owned(), "s3c".to_owned(), "of".to_owned()] };
        let noted = |place: &str, text: &str| {
            let (mut place, mut text) = (place.to_owned(), text.to_owned());
            secrets.take_out(&mut place, &mut text);
            format!("{place}: {text}")
        };
        assert_eq!(
            noted("aws_vpc.s3c", "its subnet subnet-s3 of s3cure was not read: s3c"),
            "aws_vpc.s3c: its subnet a value that is sensitive of s3cure was not read: a value that is sensitive"
        );
        assert_eq!(noted("subnet-s3", "it is gone"), "a value that is sensitive: it is gone");
    }
}
