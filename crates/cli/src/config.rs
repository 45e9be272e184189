//! Configurations of any kind, recognised by content.

use std::path::Path;

use serde::Serialize;
use vpcemu_import::{FileReport, Side, TerraformError};
use vpcemu_model::validate::validate;
use vpcemu_model::{Assumption, Id, Network, native};

use crate::args::Configuration;
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

/// What the command line says of how to read a configuration.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Choice<'a> {
    /// Keep this VPC only.
    pub(crate) vpc: Option<&'a str>,
    /// Attributes of Terraform resources, as `--bind` says them.
    pub(crate) binds: &'a [String],
}

impl Configuration {
    /// Loads it.
    pub(crate) fn load(&self) -> Result<Loaded, Error> {
        refuse_hosts(&self.bind)?;
        load(&self.path, Choice { vpc: self.vpc.as_deref(), binds: &self.bind })
    }
}

/// Loads a native file, a dump, or a plan or state of Terraform's.
pub(crate) fn load(path: &Path, choice: Choice<'_>) -> Result<Loaded, Error> {
    if is_stream(path) {
        return stream(path, choice);
    }
    let (plain, side) = Side::split(path);
    if side.is_some() || vpcemu_import::is_dump(&plain) || vpcemu_import::is_terraform(&plain) {
        return import(&plain, side, choice);
    }
    if let Some(bind) = choice.binds.first() {
        let text = format!(
            "--bind {bind}: the left side is not an IP address, and {} is a native file: only resources of Terraform's have \
             attributes to bind",
            path.display()
        );
        return Err(Error::Usage(text));
    }
    vpcemu_import::refuse(path)?;
    of_native(native::load(path)?, path, choice)
}

/// Whether a path is a pipe or a device: what it gives can be read once.
fn is_stream(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|it| !it.is_file() && !it.is_dir())
}

/// The same of a pipe, as `<(aws ec2 describe-vpcs)` and `/dev/stdin` are.
fn stream(path: &Path, choice: Choice<'_>) -> Result<Loaded, Error> {
    let failed = |source| vpcemu_import::Error::Read { path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(failed)?;
    let name = path.display().to_string();
    let options = vpcemu_import::Options { vpc: choice.vpc.map(Id::new), binds: choice.binds.to_vec(), side: None };
    match vpcemu_import::read_terraform(&name, bytes.clone(), &options) {
        Err(vpcemu_import::Error::NotTerraform { .. }) if choice.binds.is_empty() => {}
        read => return of_import(read?),
    }
    match vpcemu_import::read_dump(&name, &bytes, &options) {
        Ok(imported) => of_import(imported),
        // Neither a native file nor anything else of ours begins like JSON.
        Err(error) if bytes.trim_ascii_start().starts_with(b"{") => Err(error.into()),
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
            Err(Error::Usage(format!("--vpc {vpc}: no such VPC; there is {}", known.join(", "))))
        }
        Some(vpc) => Ok(Loaded { network: loaded.network.only_vpc(vpc), ..loaded }),
        None => Ok(loaded),
    }
}

/// Loads the configurations of one run. Binds are of whichever of them has the resource.
pub(crate) fn load_all(paths: &[&Path], choice: Choice<'_>) -> Result<Vec<Loaded>, Error> {
    if let [path] = paths {
        return Ok(vec![load(path, choice)?]);
    }
    let mut followed = vec![false; choice.binds.len()];
    let mut refusals: Vec<Option<Error>> = choice.binds.iter().map(|_| None).collect();
    let mut loaded = Vec::with_capacity(paths.len());
    for path in paths {
        let mut here: Vec<usize> = (0..choice.binds.len()).collect();
        loop {
            let binds: Vec<_> = here.iter().map(|&at| choice.binds[at].clone()).collect();
            let error = match load(path, Choice { binds: &binds, ..choice }) {
                Ok(network) => {
                    here.into_iter().for_each(|at| followed[at] = true);
                    loaded.push(network);
                    break;
                }
                Err(error) => error,
            };
            // A configuration without the resource, or without Terraform, is read without the bind.
            let refused = match &error {
                Error::Import(vpcemu_import::Error::Terraform(TerraformError::Bind { bind, .. })) => {
                    here.iter().position(|&at| choice.binds[at] == *bind)
                }
                Error::Import(vpcemu_import::Error::NotTerraform { .. }) | Error::Usage(_) if !here.is_empty() => {
                    Some(0)
                }
                _ => None,
            };
            let Some(refused) = refused else { return Err(error) };
            let told = &mut refusals[here.remove(refused)];
            // What is near is worth more than that another configuration has no such resources at all.
            if told.is_none() || matches!(&error, Error::Import(vpcemu_import::Error::Terraform(_))) {
                *told = Some(error);
            }
        }
    }
    let unheard = followed.into_iter().zip(refusals).find(|(followed, _)| !followed);
    match unheard {
        Some((_, Some(error))) => Err(error),
        _ => Ok(loaded),
    }
}

/// Whether a `--bind` moves a host of a capture, rather than telling an attribute of a Terraform resource.
pub(crate) fn binds_host(text: &str) -> bool {
    text.split_once('=').is_some_and(|(host, _)| host.parse::<std::net::IpAddr>().is_ok())
}

/// Refuses binds of hosts where there is no capture to replay.
pub(crate) fn refuse_hosts(binds: &[String]) -> Result<(), Error> {
    match binds.iter().find(|bind| binds_host(bind)) {
        Some(bind) => {
            let text = "hosts of captures are moved by `replay` only; here an attribute belongs on the left";
            Err(Error::Usage(format!("--bind {bind}: {text}, as in aws_nat_gateway.a.allocation_id=aws_eip.a")))
        }
        None => Ok(()),
    }
}

fn import(path: &Path, side: Option<Side>, choice: Choice<'_>) -> Result<Loaded, Error> {
    let options = vpcemu_import::Options { vpc: choice.vpc.map(Id::new), binds: choice.binds.to_vec(), side };
    of_import(vpcemu_import::load(path, &options)?)
}

fn of_import(imported: vpcemu_import::Imported) -> Result<Loaded, Error> {
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
