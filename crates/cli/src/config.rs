//! Configurations of any kind, recognised by content.

use std::path::Path;

use serde::Serialize;
use vpcemu_import::FileReport;
use vpcemu_model::validate::validate;
use vpcemu_model::{Assumption, Id, Network, native};

use crate::error::Error;
use native::{Finding, Severity};

/// A configuration that has been read.
pub(crate) struct Loaded {
    pub(crate) network: Network,
    /// Warnings and lints.
    pub(crate) findings: Vec<Finding>,
    pub(crate) source: Option<native::Source>,
    pub(crate) ignored: Vec<IgnoredLine>,
    /// What was read.
    pub(crate) files: Vec<FileReport>,
}

/// Something that the reader left out.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct IgnoredLine {
    pub(crate) what: String,
    pub(crate) place: String,
    pub(crate) text: String,
}

/// Loads a native file, or a dump.
pub(crate) fn load(path: &Path, vpc: Option<&str>) -> Result<Loaded, Error> {
    if vpcemu_import::is_dump(path) {
        return load_dump(path, vpc);
    }
    vpcemu_import::refuse(path)?;
    let loaded = native::load(path)?;
    let loaded = Loaded {
        network: loaded.network,
        findings: loaded.findings,
        source: Some(loaded.source),
        ignored: Vec::new(),
        files: vec![FileReport { name: path.display().to_string(), keys: Vec::new() }],
    };
    match vpc {
        Some(vpc) if loaded.network.vpcs.iter().all(|of| of.id.as_str() != vpc && of.name.as_deref() != Some(vpc)) => {
            let known: Vec<_> = loaded.network.vpcs.iter().map(|vpc| vpc.id.as_str()).collect();
            Err(Error::Usage(format!("--vpc {vpc}: no such VPC; there is {}", known.join(", "))))
        }
        Some(vpc) => Ok(Loaded { network: loaded.network.only_vpc(vpc), ..loaded }),
        None => Ok(loaded),
    }
}

fn load_dump(path: &Path, vpc: Option<&str>) -> Result<Loaded, Error> {
    let options = vpcemu_import::Options { vpc: vpc.map(Id::new), ..vpcemu_import::Options::default() };
    let imported = vpcemu_import::load(path, &options)?;
    let findings = validate(&imported.network);
    let (errors, rest): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| finding.severity == Severity::Error);
    if !errors.is_empty() {
        return Err(Error::Invalid(native::render(&errors, None, false)));
    }
    let ignored = imported.ignored.into_iter().map(|ignored| IgnoredLine {
        what: ignored.what,
        place: ignored.place,
        text: ignored.text,
    });
    Ok(Loaded {
        network: imported.network,
        findings: rest,
        source: None,
        ignored: ignored.collect(),
        files: imported.files,
    })
}

/// With `--strict` assumptions are errors.
pub(crate) fn refuse_assumptions(assumptions: &[Assumption]) -> Result<(), Error> {
    if assumptions.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = assumptions.iter().map(|a| format!("  {} {}: {}", a.code, a.place, a.text)).collect();
    Err(Error::Invalid(format!("--strict, and {} things were assumed:\n{}", assumptions.len(), lines.join("\n"))))
}
