//! Entries of network ACLs and rules of security groups.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use toml::Spanned;

use super::Text;

/// An entry of a network ACL.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["rule", "action", "proto"]))]
pub(crate) struct AclEntryFile {
    /// Its number, 1 to 32766; lower ones are asked first (7.3).
    #[schemars(with = "u16")]
    pub(crate) rule: Option<Spanned<i64>>,
    /// `allow` or `deny` (7.3).
    #[schemars(with = "ActionFile")]
    pub(crate) action: Option<ActionFile>,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, `all`, or a number (7.7).
    #[schemars(with = "TextOrNumber")]
    pub(crate) proto: Option<Spanned<TextOrNumber>>,
    /// Destination ports of TCP and UDP: `443`, `1024-65535`, `all`; default all (7.6).
    #[schemars(with = "Option<TextOrNumber>")]
    pub(crate) ports: Option<Spanned<TextOrNumber>>,
    /// ICMP type: a number, or a name as `echo-request`; default any.
    #[serde(rename = "type")]
    #[schemars(with = "Option<TextOrNumber>")]
    pub(crate) kind: Option<Spanned<TextOrNumber>>,
    /// ICMP code; default any.
    #[schemars(with = "Option<u8>")]
    pub(crate) code: Option<Spanned<i64>>,
    /// Ingress: the block of the senders (7.6).
    #[schemars(with = "Option<OneOrMany>")]
    pub(crate) from: Option<Spanned<OneOrMany>>,
    /// Egress: the block of the receivers (7.6).
    #[schemars(with = "Option<OneOrMany>")]
    pub(crate) to: Option<Spanned<OneOrMany>>,
}

/// A rule of a security group: it allows, and rules have no order (6.1).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields, extend("required" = ["proto"]))]
pub(crate) struct GroupRuleFile {
    /// Its id; default made from the group, the direction and the position: `sgr-web-in-1`.
    pub(crate) id: Option<String>,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, `all`, or a number (6.4).
    #[schemars(with = "TextOrNumber")]
    pub(crate) proto: Option<Spanned<TextOrNumber>>,
    /// Destination ports of TCP and UDP: `443`, `1024-65535`, `all`; default all (6.7).
    #[schemars(with = "Option<TextOrNumber>")]
    pub(crate) ports: Option<Spanned<TextOrNumber>>,
    /// ICMP type: a number, or a name as `echo-request`; default any (6.5).
    #[serde(rename = "type")]
    #[schemars(with = "Option<TextOrNumber>")]
    pub(crate) kind: Option<Spanned<TextOrNumber>>,
    /// ICMP code; default any.
    #[schemars(with = "Option<u8>")]
    pub(crate) code: Option<Spanned<i64>>,
    /// Ingress: who may send. A block, `pl:NAME`, `sg:NAME` (6.10), or a list of these.
    #[schemars(with = "Option<OneOrMany>")]
    pub(crate) from: Option<Spanned<OneOrMany>>,
    /// Egress: who may receive. A block, `pl:NAME`, `sg:NAME` (6.10), or a list of these.
    #[schemars(with = "Option<OneOrMany>")]
    pub(crate) to: Option<Spanned<OneOrMany>>,
    /// For people.
    #[serde(rename = "description")]
    pub(crate) _description: Option<String>,
}

/// What a network ACL entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ActionFile {
    /// Lets it pass.
    Allow,
    /// Drops it.
    Deny,
}

/// What both kinds of rule say about packets.
#[derive(Clone, Copy)]
pub(crate) struct Matcher<'a> {
    pub(crate) proto: Option<&'a Spanned<TextOrNumber>>,
    pub(crate) ports: Option<&'a Spanned<TextOrNumber>>,
    pub(crate) kind: Option<&'a Spanned<TextOrNumber>>,
    pub(crate) code: Option<&'a Spanned<i64>>,
    pub(crate) from: Option<&'a Spanned<OneOrMany>>,
    pub(crate) to: Option<&'a Spanned<OneOrMany>>,
}

macro_rules! matcher {
    ($($file:ty),*) => {$(
        impl<'a> From<&'a $file> for Matcher<'a> {
            fn from(file: &'a $file) -> Self {
                let (proto, ports, kind) = (file.proto.as_ref(), file.ports.as_ref(), file.kind.as_ref());
                Self { proto, ports, kind, code: file.code.as_ref(), from: file.from.as_ref(), to: file.to.as_ref() }
            }
        }
    )*};
}

matcher!(AclEntryFile, GroupRuleFile);

/// A text or a number.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum TextOrNumber {
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

impl fmt::Display for TextOrNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

// By hand, since serde says of an untagged enum only that no variant matched.
impl<'de> Deserialize<'de> for TextOrNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = TextOrNumber;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a whole number")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(TextOrNumber::Number(number))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TextOrNumber::Text(text.to_owned()))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

/// One text or a list of them.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum OneOrMany {
    /// One.
    One(String),
    /// Several, each with its place.
    Many(#[schemars(with = "Vec<String>")] Vec<Text>),
}

// By hand: an untagged enum would lose the places of the texts.
impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(OneOrMany::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(OneOrMany::Many(texts))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}
