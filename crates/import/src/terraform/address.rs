//! Addresses of resources, and what expressions refer to: the same syntax.

use std::fmt;
use std::sync::Arc;

use crate::terraform::resource::{Index, Mode};

/// `module.vpc["a.b"].data.aws_subnet.public[0]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    /// From the root module inwards; empty in the root module itself.
    pub(crate) modules: Vec<Step>,
    pub(crate) mode: Mode,
    pub(crate) kind: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) index: Option<Index>,
}

/// One module on the way to a resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Step {
    pub(crate) name: Arc<str>,
    pub(crate) key: Option<Index>,
}

/// What an expression refers to, as a plan's `references` say it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reference {
    pub(crate) head: Head,
    /// Attributes and indices after it: `id` of `aws_vpc.main.id`.
    pub(crate) rest: Vec<Segment>,
}

/// The first part of a reference.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Head {
    Resource {
        mode: Mode,
        kind: Arc<str>,
        name: Arc<str>,
        index: Option<Index>,
    },
    /// A child module; its output follows.
    Module {
        name: Arc<str>,
        key: Option<Index>,
    },
    Variable(Arc<str>),
    /// `each.key` or `each.value`.
    Each,
    /// `count.index`.
    Count,
    /// `local.x`, whose meaning no plan tells.
    Local(Arc<str>),
    /// `path.module`, `terraform.workspace`, `self`.
    Other,
}

/// One part between dots and brackets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Segment {
    Name(Arc<str>),
    Index(Index),
    /// `[*]`, `[each.key]`: an index that is not written out.
    Dynamic,
}

impl Address {
    /// The address that is the whole of a text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::split(text).filter(|(_, rest)| rest.is_empty()).map(|(address, _)| address)
    }

    /// The address that a text begins with, and the attributes after it.
    pub(crate) fn split(text: &str) -> Option<(Self, Vec<Segment>)> {
        let segments = segments(text)?;
        let mut rest = &segments[..];
        let mut modules = Vec::new();
        while let [Segment::Name(word), Segment::Name(name), after @ ..] = rest
            && &**word == "module"
        {
            let (key, after) = index(after);
            modules.push(Step { name: name.clone(), key });
            rest = after;
        }
        let Head::Resource { mode, kind, name, index } = head(&mut rest)? else { return None };
        Some((Self { modules, mode, kind, name, index }, rest.to_vec()))
    }

    /// The module instance that the resource is in, as addresses write it.
    pub(crate) fn module(&self) -> String {
        module_path(&self.modules)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.modules.is_empty() {
            write!(f, "{}.", self.module())?;
        }
        if self.mode == Mode::Data {
            f.write_str("data.")?;
        }
        write!(f, "{}.{}", self.kind, self.name)?;
        self.index.as_ref().map_or(Ok(()), |index| write!(f, "{index}"))
    }
}

/// `module.a["x"].module.b`; empty for the root module.
pub(crate) fn module_path(steps: &[Step]) -> String {
    let mut path = String::new();
    for Step { name, key } in steps {
        let dot = if path.is_empty() { "" } else { "." };
        path.push_str(&format!("{dot}module.{name}"));
        if let Some(key) = key {
            path.push_str(&key.to_string());
        }
    }
    path
}

impl Reference {
    /// Reads what a plan writes. None for what is no reference at all.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let segments = segments(text)?;
        let mut rest = &segments[..];
        let head = head(&mut rest)?;
        Some(Self { head, rest: rest.to_vec() })
    }

    /// The attribute that is referred to: the last name, as in `aws_subnet.a[*].id`.
    pub(crate) fn attribute(&self) -> Option<&str> {
        self.rest.iter().rev().find_map(|segment| match segment {
            Segment::Name(name) if name.parse::<u64>().is_err() && &**name != "*" => Some(&**name),
            _ => None,
        })
    }

    /// The index after everything else: `[0]` of `module.vpc.private_subnets[0]`.
    pub(crate) fn tail(&self) -> Option<Index> {
        match self.rest.last() {
            Some(Segment::Index(index)) => Some(index.clone()),
            Some(Segment::Name(name)) => name.parse().ok().map(Index::Number),
            _ => None,
        }
    }
}

fn head(rest: &mut &[Segment]) -> Option<Head> {
    let [Segment::Name(first), after @ ..] = *rest else { return None };
    let name = |after: &[Segment]| match after {
        [Segment::Name(name), ..] => Some(name.clone()),
        _ => None,
    };
    let (head, after) = match (&**first, after) {
        ("data", [Segment::Name(kind), Segment::Name(name), after @ ..]) => {
            let (index, after) = index(after);
            (Head::Resource { mode: Mode::Data, kind: kind.clone(), name: name.clone(), index }, after)
        }
        ("module", [Segment::Name(name), after @ ..]) => {
            let (key, after) = index(after);
            (Head::Module { name: name.clone(), key }, after)
        }
        ("var", [_, after @ ..]) => (Head::Variable(name(&rest[1..])?), after),
        ("local", [_, after @ ..]) => (Head::Local(name(&rest[1..])?), after),
        ("each", after) => (Head::Each, after),
        ("count", after) => (Head::Count, after),
        ("path" | "terraform" | "self" | "data" | "module" | "var" | "local", after) => (Head::Other, after),
        (_, [Segment::Name(name), after @ ..]) => {
            let (index, after) = index(after);
            (Head::Resource { mode: Mode::Managed, kind: first.clone(), name: name.clone(), index }, after)
        }
        _ => return None,
    };
    *rest = after;
    Some(head)
}

fn index(rest: &[Segment]) -> (Option<Index>, &[Segment]) {
    match rest {
        [Segment::Index(index), after @ ..] => (Some(index.clone()), after),
        _ => (None, rest),
    }
}

/// The parts of a text, none if it is damaged.
fn segments(text: &str) -> Option<Vec<Segment>> {
    let mut segments = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let name = &rest[..end];
        if name.is_empty() || name.contains([']', '"', ' ', '\t', '\n', '=']) {
            return None;
        }
        segments.push(Segment::Name(name.into()));
        rest = &rest[end..];
        while let Some(bracket) = rest.strip_prefix('[') {
            let (segment, after) = bracketed(bracket)?;
            segments.push(segment);
            rest = after;
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None => return rest.is_empty().then_some(segments),
        }
    }
}

/// What is in brackets, and what comes after them.
fn bracketed(text: &str) -> Option<(Segment, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (key, after) = unquoted(quoted)?;
        return Some((Segment::Index(Index::Key(key.into())), after.strip_prefix(']')?));
    }
    let (inner, after) = text.split_once(']')?;
    let segment = inner.parse().map_or(Segment::Dynamic, |number| Segment::Index(Index::Number(number)));
    Some((segment, after))
}

/// The text up to the closing quote, and what comes after it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut plain = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                // What templates would begin with is written twice.
                return Some((plain.replace("$${", "${").replace("%%{", "%{"), &text[at + 1..]));
            }
            '\\' => plain.push(match characters.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                length @ ('u' | 'U') => {
                    let digits = if length == 'u' { 4 } else { 8 };
                    let code: String = characters.by_ref().take(digits).map(|(_, digit)| digit).collect();
                    char::from_u32(u32::from_str_radix(&code, 16).ok()?)?
                }
                other => other,
            }),
            other => plain.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in [
            "aws_vpc.main",
            "aws_subnet.public[0]",
            "data.aws_vpc.shared",
            "module.vpc.aws_subnet.public[\"a.b\"]",
            "module.a[\"x]\\\"y\"].module.b[12].data.aws_subnet.s[\"k\"]",
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        let address = Address::parse("module.net[\"eu.west \\\"1\\\"\"].aws_vpc.main").unwrap();
        assert_eq!(address.modules[0].key, Some(Index::Key("eu.west \"1\"".into())));
        let address = Address::parse(r#"aws_vpc.main["$${x}\u0041\t"]"#).unwrap();
        assert_eq!(address.index, Some(Index::Key("${x}A\t".into())));
    }

    #[test]
    fn damaged_addresses_are_none() {
        for text in [
            "",
            ".",
            "aws_vpc",
            "aws_vpc.",
            "aws_vpc.main[",
            "aws_vpc.main[\"x]",
            "aws_vpc.main]",
            "module.x",
            "var.x",
            "aws_vpc.main.id",
            "a b.c",
            "aws_vpc.main[0]x",
            "aws_vpc.main[\"\\u12\"]",
            "é.\"",
        ] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }

    #[test]
    fn attributes_follow_addresses() {
        let (address, rest) = Address::split("module.m.aws_route_table.r[1].route[0].nat_gateway_id").unwrap();
        assert_eq!(address.to_string(), "module.m.aws_route_table.r[1]");
        let names =
            [Segment::Name("route".into()), Segment::Index(Index::Number(0)), Segment::Name("nat_gateway_id".into())];
        assert_eq!(rest, names);
    }

    #[test]
    fn references_say_what_they_refer_to() {
        let of = |text| Reference::parse(text).unwrap();
        assert_eq!(of("var.subnets[1]").head, Head::Variable("subnets".into()));
        assert_eq!(of("var.subnets[1]").tail(), Some(Index::Number(1)));
        assert_eq!(of("each.value.id").head, Head::Each);
        assert_eq!(of("count.index").head, Head::Count);
        assert_eq!(of("local.vpc_id").head, Head::Local("vpc_id".into()));
        assert_eq!(of("path.module").head, Head::Other);
        let splat = of("aws_subnet.public[*].id");
        assert_eq!((splat.attribute(), splat.tail()), (Some("id"), None));
        let legacy = of("aws_subnet.public.0.id");
        assert_eq!(legacy.attribute(), Some("id"));
        let output = of("module.vpc[\"a\"].private_subnets[2]");
        assert_eq!(output.head, Head::Module { name: "vpc".into(), key: Some(Index::Key("a".into())) });
        assert_eq!((output.attribute(), output.tail()), (Some("private_subnets"), Some(Index::Number(2))));
        assert_eq!(Reference::parse("aws_vpc"), None);
    }
}
