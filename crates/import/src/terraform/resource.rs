//! Resources of one document, with every attribute that the network needs known.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

/// One instance of a resource, as a state has it. Of a plan, what was unknown has been resolved: references are ids, and the
/// id of what does not exist yet is its address.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resource {
    /// `module.vpc.aws_subnet.public[0]`: unique in a document.
    pub(crate) address: Arc<str>,
    /// `module.vpc`, with its keys; empty for the root module.
    pub(crate) module: Arc<str>,
    /// `data` resources are what exists elsewhere.
    pub(crate) mode: Mode,
    /// `aws_subnet`.
    pub(crate) kind: Arc<str>,
    /// `public`.
    pub(crate) name: Arc<str>,
    /// Of `count` and `for_each`.
    pub(crate) index: Option<Index>,
    /// The attributes. `id` is always there.
    pub(crate) values: Map<String, Value>,
}

/// Whether a resource is made by the configuration, or only looked up by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Mode {
    Managed,
    Data,
}

/// Which instance of a resource or module: `[0]` of `count`, `["a"]` of `for_each`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Index {
    Number(u64),
    Key(Arc<str>),
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "[{number}]"),
            Self::Key(key) => write!(f, "[{key:?}]"),
        }
    }
}
