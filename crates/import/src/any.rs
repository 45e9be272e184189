//! Configurations of any kind, recognised by content.

use std::path::Path;

use vpcemu_model::validate::validate;
use vpcemu_model::{Id, Network, native};

use crate::{Error, FileReport, Ignored, Imported, Options, Side};
use native::{Finding, Severity};

/// A configuration that has been read, and validated.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it describes.
    pub network: Network,
    /// Warnings and lints.
    pub findings: Vec<Finding>,
    /// The text of a native file, for showing where findings are.
    pub source: Option<native::Source>,
    /// What the reader left out.
    pub ignored: Vec<Ignored>,
    /// What was read.
    pub files: Vec<FileReport>,
}

/// How to read a configuration of any kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice<'a> {
    /// Keep this VPC only.
    pub vpc: Option<&'a str>,
    /// Attributes of Terraform resources, as [`Options::binds`].
    pub binds: &'a [String],
}

/// Reads a native file, a dump, or a plan or state of Terraform's (`PLAN#prior`, `PLAN#planned`), also from a pipe.
///
/// # Errors
/// If it is none of these, cannot be read, or describes a network that cannot be.
pub fn open(path: &Path, choice: Choice<'_>) -> Result<Loaded, Error> {
    if is_stream(path) {
        return stream(path, choice);
    }
    let (plain, side) = Side::split(path);
    if side.is_some() || crate::is_dump(&plain) || crate::is_terraform(&plain) {
        return import(&plain, side, choice);
    }
    if let Some(bind) = choice.binds.first() {
        return Err(Error::BindsNative { bind: bind.clone(), path: path.to_owned() });
    }
    crate::refuse(path)?;
    of_native(native::load(path)?, path, choice)
}

/// Whether a path is a pipe or a device: what it gives can be read once.
fn is_stream(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|it| !it.is_file() && !it.is_dir())
}

/// The same of a pipe, as `<(aws ec2 describe-vpcs)` and `/dev/stdin` are.
fn stream(path: &Path, choice: Choice<'_>) -> Result<Loaded, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(failed)?;
    let name = path.display().to_string();
    let options = Options { vpc: choice.vpc.map(Id::new), binds: choice.binds.to_vec(), side: None };
    match crate::read_terraform(&name, bytes.clone(), &options) {
        Err(Error::NotTerraform { .. }) if choice.binds.is_empty() => {}
        read => return of_import(read?),
    }
    match crate::read_dump(&name, &bytes, &options) {
        Ok(imported) => of_import(imported),
        // Neither a native file nor anything else of ours begins like JSON.
        Err(error) if bytes.trim_ascii_start().starts_with(b"{") => Err(error),
        Err(_) => {
            let text = String::from_utf8(bytes).map_err(|error| native::Error::Encoding {
                path: path.to_owned(),
                offset: error.utf8_error().valid_up_to(),
            })?;
            of_native(native::parse(&name, text.trim_start_matches('\u{feff}'))?, path, choice)
        }
    }
}

fn of_native(loaded: native::Loaded, path: &Path, choice: Choice<'_>) -> Result<Loaded, Error> {
    let loaded = Loaded {
        network: loaded.network,
        findings: loaded.findings,
        source: Some(loaded.source),
        ignored: Vec::new(),
        files: vec![FileReport { name: path.display().to_string(), keys: Vec::new() }],
    };
    match choice.vpc {
        Some(vpc) if loaded.network.vpcs.iter().all(|of| of.id.as_str() != vpc && of.name.as_deref() != Some(vpc)) => {
            let known: Vec<_> = loaded.network.vpcs.iter().map(|vpc| vpc.id.as_str()).collect();
            Err(Error::UnknownVpc { path: path.to_owned(), vpc: vpc.to_owned(), found: known.join(", ") })
        }
        Some(vpc) => Ok(Loaded { network: loaded.network.only_vpc(vpc), ..loaded }),
        None => Ok(loaded),
    }
}

fn import(path: &Path, side: Option<Side>, choice: Choice<'_>) -> Result<Loaded, Error> {
    let options = Options { vpc: choice.vpc.map(Id::new), binds: choice.binds.to_vec(), side };
    of_import(crate::load(path, &options)?)
}

fn of_import(imported: Imported) -> Result<Loaded, Error> {
    let findings = validate(&imported.network);
    let (errors, rest): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|finding| finding.severity == Severity::Error);
    if !errors.is_empty() {
        return Err(Error::Invalid { text: native::render(&errors, None, false) });
    }
    Ok(Loaded {
        network: imported.network,
        findings: rest,
        source: None,
        ignored: imported.ignored,
        files: imported.files,
    })
}
