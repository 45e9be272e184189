//! Lenient access to one JSON object, which knows its place for errors and origins.
//!
//! Dumps written by SDKs rather than by the CLI have explicit nulls, empty strings and empty objects: all of them are
//! "not there". Numbers and flags may be written as text.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;
use serde_json::{Map, Value};
use vpcemu_model::{Id, Origin};

use crate::Error;

/// The field in which an object that was described from something else says where that is. No API has a field like it.
pub(crate) const PLACE: &str = "(place)";

/// A JSON object at a place in a file.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) map: &'a Map<String, Value>,
    pub(crate) file: &'a Arc<str>,
    pub(crate) path: String,
}

impl<'a> Node<'a> {
    /// The text under a key; a number counts as text.
    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, Error> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(self.unexpected(key, "text", other)),
        }
    }

    /// The id under a key.
    pub(crate) fn id(&self, key: &str) -> Result<Option<Id>, Error> {
        Ok(self.text(key)?.map(Id::new))
    }

    /// The id under a key that has to be there.
    pub(crate) fn required_id(&self, key: &'static str) -> Result<Id, Error> {
        self.id(key)?.ok_or_else(|| self.missing(key))
    }

    /// A state or other enumerated text, in lower case.
    pub(crate) fn state(&self, key: &str) -> Result<Option<String>, Error> {
        Ok(self.text(key)?.map(|text| text.to_ascii_lowercase()))
    }

    /// The flag under a key.
    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, Error> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(other) => Err(self.unexpected(key, "true or false", other)),
        }
    }

    /// The number under a key, within its bounds.
    pub(crate) fn number<T: TryFrom<i64>>(&self, key: &str, expected: &'static str) -> Result<Option<T>, Error> {
        let number = match self.map.get(key) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(value) => value.as_i64(),
        };
        match number.and_then(|number| T::try_from(number).ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(self.unexpected(key, expected, &self.map[key])),
        }
    }

    /// The block under a key; bits beyond its length are cleared, as AWS does.
    pub(crate) fn block(&self, key: &str) -> Result<Option<IpNet>, Error> {
        Ok(self.parsed::<IpNet>(key, "a CIDR block")?.map(|block| block.trunc()))
    }

    /// The IPv4 address under a key.
    pub(crate) fn ipv4(&self, key: &str) -> Result<Option<Ipv4Addr>, Error> {
        self.parsed(key, "an IPv4 address")
    }

    /// The IPv6 address under a key.
    pub(crate) fn ipv6(&self, key: &str) -> Result<Option<Ipv6Addr>, Error> {
        self.parsed(key, "an IPv6 address")
    }

    /// The object under a key.
    pub(crate) fn object(&self, key: &str) -> Result<Option<Self>, Error> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(map)) => Ok(Some(self.within(map, self.join(key)))),
            Some(other) => Err(self.unexpected(key, "an object", other)),
        }
    }

    /// The objects of the list under a key; nulls among them are skipped.
    pub(crate) fn list(&self, key: &str) -> Result<Vec<Self>, Error> {
        let mut nodes = Vec::new();
        for (index, value) in self.values(key)?.iter().enumerate() {
            let path = format!("{}[{index}]", self.join(key));
            match value {
                Value::Null => {}
                Value::Object(map) => nodes.push(self.within(map, path)),
                other => return Err(value_error(self.file, path, "an object", other)),
            }
        }
        Ok(nodes)
    }

    /// The ids of the list under a key.
    pub(crate) fn ids(&self, key: &str) -> Result<Vec<Id>, Error> {
        let mut ids = Vec::new();
        for (index, value) in self.values(key)?.iter().enumerate() {
            match value {
                Value::Null => {}
                Value::String(text) => ids.push(Id::new(text.as_str())),
                other => return Err(value_error(self.file, format!("{}[{index}]", self.join(key)), "text", other)),
            }
        }
        Ok(ids)
    }

    /// The blocks of the list under a key.
    pub(crate) fn blocks(&self, key: &str) -> Result<Vec<IpNet>, Error> {
        let mut blocks = Vec::new();
        for (index, value) in self.values(key)?.iter().enumerate() {
            match value.as_str().map(str::parse::<IpNet>) {
                None if value.is_null() => {}
                Some(Ok(block)) => blocks.push(block.trunc()),
                _ => {
                    return Err(value_error(self.file, format!("{}[{index}]", self.join(key)), "a CIDR block", value));
                }
            }
        }
        Ok(blocks)
    }

    /// The `Name` tag, under whichever key this kind of resource has its tags.
    pub(crate) fn name(&self) -> Result<Option<String>, Error> {
        for tags in ["Tags", "TagSet"] {
            for tag in self.list(tags)? {
                if tag.text("Key")?.as_deref() == Some("Name") {
                    return tag.text("Value");
                }
            }
        }
        Ok(None)
    }

    /// Where this object is, for what is made of it.
    pub(crate) fn origin(&self) -> Origin {
        self.origin_as(&self.path)
    }

    /// The same with something better than a JSON path: a rule's id.
    pub(crate) fn origin_as(&self, path: &str) -> Origin {
        Origin { file: self.file.clone(), path: Some(Arc::from(path)), ..Origin::default() }
    }

    /// The error for a key that has to be there.
    pub(crate) fn missing(&self, key: &'static str) -> Error {
        Error::Missing { file: self.file.to_string(), path: self.path.clone(), key }
    }

    /// The error for a value that cannot be under `key`.
    pub(crate) fn invalid(&self, key: &str, expected: &'static str) -> Error {
        self.unexpected(key, expected, self.map.get(key).unwrap_or(&Value::Null))
    }

    /// Whether the object says itself where it was defined.
    pub(crate) fn is_placed(&self) -> bool {
        self.map.contains_key(PLACE)
    }

    fn within(&self, map: &'a Map<String, Value>, path: String) -> Self {
        let own = map.get(PLACE).and_then(Value::as_str).map(str::to_owned);
        Node { map, file: self.file, path: own.unwrap_or(path) }
    }

    fn parsed<T: FromStr>(&self, key: &str, expected: &'static str) -> Result<Option<T>, Error> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => text.parse().map(Some).map_err(|_| self.invalid(key, expected)),
            Some(other) => Err(self.unexpected(key, expected, other)),
        }
    }

    fn values(&self, key: &str) -> Result<&'a [Value], Error> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(&[]),
            Some(Value::Array(values)) => Ok(values),
            // What a null list becomes in some writers.
            Some(Value::Object(map)) if map.is_empty() => Ok(&[]),
            Some(other) => Err(self.unexpected(key, "a list", other)),
        }
    }

    fn join(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    fn unexpected(&self, key: &str, expected: &'static str, found: &Value) -> Error {
        value_error(self.file, self.join(key), expected, found)
    }
}

pub(crate) fn value_error(file: &str, path: String, expected: &'static str, found: &Value) -> Error {
    /// Long enough to recognise the value, short enough for a line.
    const SHOWN: usize = 60;
    let whole = found.to_string();
    let mut found: String = whole.chars().take(SHOWN).collect();
    if found.len() < whole.len() {
        found.push_str("...");
    }
    Error::Value { file: file.to_owned(), path, expected, found }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(json: &str, check: impl FnOnce(Node<'_>) -> T) -> T {
        let Value::Object(map) = serde_json::from_str(json).unwrap() else { panic!("not an object") };
        check(Node { map: &map, file: &Arc::from("x.json"), path: "Things[0]".to_owned() })
    }

    #[test]
    fn nulls_empty_text_and_empty_objects_are_absent() {
        with(r#"{"a": null, "b": "", "c": {}, "d": [null]}"#, |node| {
            for key in ["a", "b", "none"] {
                assert_eq!(node.text(key).unwrap(), None);
                assert_eq!(node.flag(key).unwrap(), None);
                assert_eq!(node.number::<i64>(key, "a number").unwrap(), None);
                assert_eq!(node.block(key).unwrap(), None);
            }
            assert!(node.list("c").unwrap().is_empty());
            assert!(node.list("d").unwrap().is_empty());
            assert!(node.blocks("d").unwrap().is_empty());
            assert!(node.ids("d").unwrap().is_empty());
        });
    }

    #[test]
    fn numbers_and_flags_may_be_text() {
        with(r#"{"n": "100", "f": "True", "p": 6, "b": "10.0.0.9/24"}"#, |node| {
            assert_eq!(node.number::<u16>("n", "a number").unwrap(), Some(100));
            assert_eq!(node.flag("f").unwrap(), Some(true));
            assert_eq!(node.text("p").unwrap().as_deref(), Some("6"));
            assert_eq!(node.block("b").unwrap(), Some("10.0.0.0/24".parse().unwrap()));
        });
    }

    #[test]
    fn objects_may_say_their_place_themselves() {
        with(r#"{"l": [{"(place)": "aws_route.x", "n": "x"}, {"n": 1}], "o": {"(place)": "aws_eip.y"}}"#, |node| {
            let list = node.list("l").unwrap();
            let places: Vec<&str> = list.iter().map(|it| it.path.as_str()).collect();
            assert_eq!(places, ["aws_route.x", "Things[0].l[1]"]);
            assert_eq!(node.object("o").unwrap().unwrap().origin().path.as_deref(), Some("aws_eip.y"));
            let error = list[0].number::<u16>("n", "a port").unwrap_err().to_string();
            assert_eq!(error, "x.json: aws_route.x.n: expected a port, found \"x\"");
        });
    }

    #[test]
    fn errors_name_the_place() {
        with(r#"{"n": 70000, "b": "10.0.0.0", "l": [3]}"#, |node| {
            let shown = |error: Error| error.to_string();
            assert_eq!(
                shown(node.number::<u16>("n", "a port").unwrap_err()),
                "x.json: Things[0].n: expected a port, found 70000"
            );
            assert_eq!(
                shown(node.block("b").unwrap_err()),
                "x.json: Things[0].b: expected a CIDR block, found \"10.0.0.0\""
            );
            assert_eq!(shown(node.list("l").unwrap_err()), "x.json: Things[0].l[0]: expected an object, found 3");
            assert_eq!(shown(node.required_id("z").unwrap_err()), "x.json: Things[0]: no z");
        });
    }
}
