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
                Some(location) => places.at(within(text, &location)),
                None => places.file(),
            };
            let told = error.without_snippet().to_string();
            Box::new(Finding::error("syntax", &origin, sentence(&told)))
        })
    }

    /// The tables of the document.
    pub(crate) fn table(&self, places: &Places) -> Result<DeTable<'_>, Box<Finding>> {
        if matches!(self.0.value, Node::Null) {
            return Err(Box::new(Finding::error("no-cases", &places.file(), "the suite is empty")));
        }
        match converted(&self.0, places)?.into_inner() {
            DeValue::Table(table) => Ok(table),
            _ => {
                let origin = places.at(span(&self.0.referenced));
                Err(Box::new(Finding::error("wrong-type", &origin, "a suite is a mapping of keys")))
            }
        }
    }
}

/// What is wrong, without its place, which whoever shows it shows with its line, and without advice for programmers.
fn sentence(told: &str) -> &str {
    let ends = [" at line ", ", set DuplicateKeyPolicy", "; use from_str"];
    ends.iter().fold(told, |told, end| told.split(end).next().unwrap_or(told))
}

/// The place of a mistake of syntax, which is counted in characters.
fn within(text: &str, location: &Location) -> Range<usize> {
    if location.span().byte_offset().is_some() {
        return span(location);
    }
    let skipped = usize::try_from(location.span().offset()).unwrap_or(usize::MAX);
    let start = text.char_indices().nth(skipped).map_or(text.len(), |(at, _)| at);
    start..text[start..].chars().next().map_or(start, |found| start + found.len_utf8())
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

#[cfg(test)]
mod tests {
    use vpcemu_model::native::Source;

    use super::*;

    fn refused(text: &str) -> (String, Option<(usize, usize)>) {
        let source = Source { name: "suite.yaml".into(), text: text.into() };
        let places = Places::of(&source);
        let finding = Document::parse(text, &places).and_then(|document| document.table(&places).map(drop));
        finding.map_or_else(|finding| (finding.text, finding.origin.span), |()| panic!("{text} was read"))
    }

    #[test]
    fn a_mistake_has_its_place_in_bytes() {
        let (told, span) = refused("# \u{e4}\u{f6}\nconfig: [x\nflow: y\n");
        assert!(told.contains("':'"), "{told}");
        assert_eq!(span, Some((22, 23)));
        assert_eq!(refused("a: 1\na: 2\n"), ("duplicate mapping key: a".to_owned(), Some((5, 6))));
        assert_eq!(refused("a: 1\n---\nb: 2").0, "multiple YAML documents detected");
        assert_eq!(refused("- a\n").0, "a suite is a mapping of keys");
        assert_eq!(refused("a:\n").1, Some((1, 1)));
        assert_eq!(refused("").0, "the suite is empty");
    }
}
