//! What Terraform marks as sensitive stays out of errors.

use serde_json::Value;

use crate::Error;
use crate::terraform::entry::Entry;

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
        Self { texts }
    }

    /// An error without them.
    pub(crate) fn kept_from(&self, error: Error) -> Error {
        match error {
            Error::Value { file, path, expected, found } if self.shown_in(&found) => {
                Error::Value { file, path, expected, found: "a value that is sensitive".to_owned() }
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
}
