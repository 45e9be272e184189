//! The native configuration file: TOML, everything not written has AWS's default.

mod behavior;
mod build;
mod file;
mod filters;
mod hosts;
mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::validate::validate;
use crate::{Id, Network, Origin};

pub use crate::finding::{Finding, Severity, Source, render};

/// A file that has been read.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What it describes.
    pub network: Network,
    /// Warnings and lints.
    pub findings: Vec<Finding>,
    /// Its text, for showing findings.
    pub source: Source,
}

/// Why a file cannot be used. Displayed, it is all there is to say, with the source lines shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// As the user named it.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not UTF-8 text.
    #[error("{path}: not UTF-8 text, from byte {offset} on; a native configuration is a TOML file")]
    Encoding {
        /// As the user named it.
        path: PathBuf,
        /// The first byte that is not.
        offset: usize,
    },
    /// It is not TOML, or has a key or a type that the format does not know.
    #[error("{rendered}")]
    Syntax {
        /// With the source line.
        rendered: String,
        /// The finding.
        finding: Box<Finding>,
    },
    /// It is TOML, but describes no network that could be.
    #[error("{rendered}")]
    Invalid {
        /// All findings with their source lines.
        rendered: String,
        /// Errors first.
        findings: Vec<Finding>,
    },
}

/// Loads a file.
///
/// # Errors
/// If it cannot be read, or as [`parse`].
pub fn load(path: &Path) -> Result<Loaded, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    // Editors on Windows put a byte order mark in front.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Error::Encoding { path: path.to_owned(), offset: error.valid_up_to() })?;
    parse(&path.display().to_string(), text)
}

/// Parses the text of a file.
///
/// # Errors
/// With everything that is wrong with it, each with its place.
pub fn parse(file_name: &str, text: &str) -> Result<Loaded, Error> {
    let source = Source { name: Arc::from(file_name), text: Arc::from(text) };
    let file: file::File = toml::from_str(text).map_err(|error| syntax(&source, &error))?;
    let (network, mut findings) = build::build(&source, file);
    let read_errors = findings.iter().any(|finding| finding.severity == Severity::Error);
    // What could not be read would only show again as something missing.
    let known: Vec<_> = findings.iter().map(|finding| (finding.code, finding.origin.clone())).collect();
    let validated = validate(&network);
    findings.extend(validated.into_iter().filter(|finding| !known.contains(&(finding.code, finding.origin.clone()))));
    findings.sort_by_key(|finding| (finding.severity, finding.origin.span.map_or(usize::MAX, |(start, _)| start)));
    if read_errors || findings.iter().any(|finding| finding.severity == Severity::Error) {
        let rendered = render(&findings, Some(&source), false);
        return Err(Error::Invalid { rendered, findings });
    }
    Ok(Loaded { network, findings, source })
}

/// The JSON Schema of the file: every key, its type and the rule that it comes from.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(file::File).to_value()
}

/// Where a piece of the text is.
fn origin(source: &Source, span: std::ops::Range<usize>) -> Origin {
    let start = span.start.min(source.text.len());
    let line = source.text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
    Origin {
        file: Arc::clone(&source.name),
        line: u32::try_from(line).ok(),
        span: Some((span.start, span.end)),
        path: None,
    }
}

fn syntax(source: &Source, error: &toml::de::Error) -> Error {
    let span = error.span().unwrap_or(0..0);
    let message = error.message().trim().to_owned();
    let named = message.split('`').nth(1).unwrap_or_default().to_owned();
    let unknown = message.starts_with("unknown field");
    let mut finding = if unknown && file::NOT_YET.contains(&named.as_str()) {
        Finding::error("not-supported-yet", &origin(source, span), format!("`{named}` is not supported yet"))
    } else if unknown {
        let known: Vec<_> = message.split('`').skip(3).step_by(2).collect();
        let text = format!("there is no key `{named}` here; there is {}", known.join(", "));
        let finding = Finding::error("unknown-key", &origin(source, span), text);
        match text::nearest(&named, known.iter().copied()) {
            Some(nearest) => finding.help(format!("did you mean `{nearest}`?")),
            None => finding,
        }
    } else {
        Finding::error("syntax", &origin(source, span), message)
    };
    if finding.origin.span == Some((0, 0)) {
        finding.origin.span = None;
    }
    let rendered = render(std::slice::from_ref(&finding), Some(source), false);
    Error::Syntax { rendered, finding: Box::new(finding) }
}

impl Network {
    /// Only one VPC, by id or name, with all that belongs to it.
    #[must_use]
    pub fn only_vpc(mut self, id_or_name: &str) -> Self {
        self.vpcs.retain(|vpc| vpc.id.as_str() == id_or_name || vpc.name.as_deref() == Some(id_or_name));
        let kept: Vec<Id> = self.vpcs.iter().map(|vpc| vpc.id.clone()).collect();
        self.subnets.retain(|subnet| kept.contains(&subnet.vpc));
        let subnets: Vec<Id> = self.subnets.iter().map(|subnet| subnet.id.clone()).collect();
        self.route_tables.retain(|table| kept.contains(&table.vpc));
        self.network_acls.retain(|acl| kept.contains(&acl.vpc));
        self.security_groups.retain(|group| kept.contains(&group.vpc));
        self.interfaces.retain(|interface| subnets.contains(&interface.subnet));
        let instances: Vec<Id> = self.interfaces.iter().filter_map(|interface| interface.instance.clone()).collect();
        self.instances.retain(|instance| instances.contains(&instance.id));
        self.internet_gateways.retain(|gateway| gateway.vpc.as_ref().is_some_and(|vpc| kept.contains(vpc)));
        self.egress_only_internet_gateways.retain(|gateway| kept.contains(&gateway.vpc));
        self.nat_gateways.retain(|gateway| subnets.contains(&gateway.subnet));
        self.vpc_endpoints.retain(|endpoint| kept.contains(&endpoint.vpc));
        self
    }
}
