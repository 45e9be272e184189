//! The native configuration file: TOML, everything not written has AWS's default.
//!
//! Reading is in two steps: `read` makes the shapes of `file` of the text, `build` makes a network of those. Neither
//! stops at a mistake, so that all of them are shown at once, those of [`validate`] included. [`write`](fn@write) is the way
//! back, from a network of any origin to a file.

mod behavior;
mod build;
mod defaults;
mod edges;
mod file;
mod filters;
mod flow_logs;
mod gateways;
mod hosts;
mod keys;
mod narrow;
mod nat_gateways;
mod neighbors;
mod only_vpc;
mod places;
mod read;
mod routes;
mod text;
mod transit_gateways;
mod vpcs;
mod write;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::validate::validate;
use crate::{Id, Network};

use places::Places;

pub use text::nearest;
pub use write::{Inexpressible, write};

pub use crate::finding::{Finding, Severity, Source, render};

/// What other files of this program need to speak of mistakes as this one does: each with its place, unknown keys with the
/// nearest known one.
pub mod mistakes {
    pub use super::keys::Keys;
    pub use super::places::Places;
    pub use super::read::{toml as table, type_error};
    pub use super::text::{listed, nearest};
}

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
    /// It is not TOML.
    #[error("{rendered}")]
    Syntax {
        /// All findings with their source lines.
        rendered: String,
        /// In the order of the text.
        findings: Vec<Finding>,
    },
    /// It is TOML, but describes no network that could be.
    #[error("{rendered}")]
    Invalid {
        /// All findings with their source lines.
        rendered: String,
        /// Errors first, each group in the order of the text.
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
    let places = Places::of(&source);
    let table = read::toml(text, &places).map_err(|findings| {
        let rendered = render(&findings, Some(&source), false);
        Error::Syntax { rendered, findings }
    })?;
    let values = narrow::Values::of(&table, text.len());
    let read = read::file(table, &places);
    let mut findings = read.findings;
    let built = build::build(&places, read.file, read.broken);
    findings.extend(built.findings);
    let mut validated = validate(&built.network);
    values.narrow(&mut validated, &places);
    let mistaken = findings.iter().any(|finding| finding.severity == Severity::Error);
    // What looks odd may only be so because what was mistaken had to be left out.
    let follows = |finding: &Finding| mistaken && finding.severity == Severity::Lint;
    validated.retain(|finding| !follows(finding) && !mentions(finding, &built.reported));
    findings.extend(validated);
    findings.sort_by_key(|finding| (finding.severity, finding.origin.span.map_or(usize::MAX, |(start, _)| start)));
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        let rendered = render(&findings, Some(&source), false);
        return Err(Error::Invalid { rendered, findings });
    }
    Ok(Loaded { network: built.network, findings, source })
}

/// Whether a finding is about one of these: what has been reported as missing or unreadable would show again as missing.
fn mentions(finding: &Finding, reported: &HashSet<Id>) -> bool {
    let is_of_id = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    finding.text.split(|c| !is_of_id(c)).any(|word| reported.contains(word.trim_end_matches('.')))
}

/// The JSON Schema of the file: every key, its type and the rule that it comes from.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(file::File).to_value()
}
