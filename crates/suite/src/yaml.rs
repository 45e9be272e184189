//! YAML as the tables that TOML gives, with the same places, so that everything behind them is there once.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned as Located};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};
use vpcemu_model::native::Finding;
use vpcemu_model::native::mistakes::Places;

/// A document that has been read. Tables borrow from it.
#[derive(Debug)]
pub(crate) struct Document(Located<Node>);

/// A value of YAML. Numbers are kept as text, which is what the tables want.
#[derive(Debug)]
enum Node {
    Null,
    Flag(bool),
    Number(String),
    Text(String),
    List(Vec<Located<Self>>),
    Table(Vec<(Located<String>, Located<Self>)>),
}

impl Document {
    /// Reads a text.
    pub(crate) fn parse(text: &str, places: &Places) -> Result<Self, Box<Finding>> {
        serde_saphyr::from_str(text).map(Self).map_err(|error| {
            let origin = match error.location() {
                Some(location) => places.at(span(&location)),
                None => places.file(),
            };
            // The place and the line are shown by whoever shows the finding.
            let told = error.without_snippet().to_string();
            let told = told.split(" at line ").next().unwrap_or(&told).lines().next().unwrap_or_default();
            Box::new(Finding::error("syntax", &origin, told.trim_start_matches("error: ").to_owned()))
        })
    }

    /// The tables of the document.
    pub(crate) fn table(&self, places: &Places) -> Result<DeTable<'_>, Box<Finding>> {
        match converted(&self.0, places)?.into_inner() {
            DeValue::Table(table) => Ok(table),
            _ => {
                let origin = places.at(span(&self.0.referenced));
                Err(Box::new(Finding::error("wrong-type", &origin, "a suite is a mapping of keys")))
            }
        }
    }
}

fn span(location: &Location) -> Range<usize> {
    let number = |number: Option<u64>| number.and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
    let start = number(location.span().byte_offset());
    start..start + number(location.span().byte_len())
}

fn converted<'t>(located: &'t Located<Node>, places: &Places) -> Result<Spanned<DeValue<'t>>, Box<Finding>> {
    let range = span(&located.referenced);
    let value = match &located.value {
        Node::Null => {
            let text = "an empty value says nothing: write one, or leave the key out";
            return Err(Box::new(Finding::error("wrong-type", &places.at(range), text)));
        }
        Node::Flag(flag) => DeValue::Boolean(*flag),
        Node::Text(text) => DeValue::String(Cow::Borrowed(text)),
        Node::Number(number) => match DeValue::parse(number) {
            Ok(value) => value.into_inner(),
            // Infinities and the like, which nothing here takes.
            Err(_) => DeValue::String(Cow::Borrowed(number)),
        },
        Node::List(nodes) => {
            let mut list = DeArray::new();
            for node in nodes {
                list.push(converted(node, places)?);
            }
            DeValue::Array(list)
        }
        Node::Table(pairs) => {
            let mut table = DeTable::default();
            for (key, node) in pairs {
                let name = Spanned::new(span(&key.referenced), Cow::Borrowed(key.value.as_str()));
                table.insert(name, converted(node, places)?);
            }
            DeValue::Table(table)
        }
    };
    Ok(Spanned::new(range, value))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::Flag(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Number(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Number(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Number(format!("{number:?}")))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = seq.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(Node::Table(pairs))
    }
}
