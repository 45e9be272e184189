//! Configurations of any kind, recognised by content.

use std::path::Path;

use vpcemu_import::{Choice, Loaded, TerraformError};
use vpcemu_model::Assumption;

use crate::args::Configuration;
use crate::error::Error;

impl Configuration {
    /// Loads it.
    pub(crate) fn load(&self) -> Result<Loaded, Error> {
        refuse_hosts(&self.bind)?;
        load(&self.path, Choice { vpc: self.vpc.as_deref(), binds: &self.bind })
    }
}

/// Loads a native file, a dump, or a plan or state of Terraform's.
pub(crate) fn load(path: &Path, choice: Choice<'_>) -> Result<Loaded, Error> {
    Ok(vpcemu_import::open(path, choice)?)
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
            let refused =
                match &error {
                    Error::Import(vpcemu_import::Error::Terraform(TerraformError::Bind { bind, .. })) => {
                        here.iter().position(|&at| choice.binds[at] == *bind)
                    }
                    Error::Import(
                        vpcemu_import::Error::NotTerraform { .. } | vpcemu_import::Error::BindsNative { .. },
                    ) if !here.is_empty() => Some(0),
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

/// With `--strict` assumptions are errors.
pub(crate) fn refuse_assumptions(assumptions: &[Assumption]) -> Result<(), Error> {
    if assumptions.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = assumptions.iter().map(|a| format!("  {} {}: {}", a.code, a.place, a.text)).collect();
    Err(Error::Invalid(format!("--strict, and {} things were assumed:\n{}", assumptions.len(), lines.join("\n"))))
}
