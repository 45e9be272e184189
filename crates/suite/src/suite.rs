use std::path::{Component, Path, PathBuf};

use vpcemu_import::Choice;
use vpcemu_lab::{Lab, Options};
use vpcemu_model::native::mistakes::Places;
use vpcemu_model::native::{Finding, Source, render};
use vpcemu_model::{Assumption, Network};

use crate::case::Case;
use crate::check::Checker;
use crate::file::{SuiteFile, Text};
use crate::read;

/// A suite that has been read and checked, with its configuration.
#[derive(Debug)]
pub struct Suite {
    /// As the user named it.
    pub path: PathBuf,
    /// Its cases: flows first, then scripts, then captures, each kind in the order of the file.
    pub cases: Vec<Case>,
    pub(crate) network: Network,
    pub(crate) options: Options,
    /// Every file that it depends on, itself included. Directories stand for the files in them.
    pub(crate) inputs: Vec<PathBuf>,
}

/// Why a suite cannot be run. Displayed, it is all there is to say, with the source lines shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be read.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Read {
        /// As the user named it.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not UTF-8 text.
    #[error("{path}: not UTF-8 text, from byte {offset} on; a suite is a TOML or YAML file", path = path.display())]
    Encoding {
        /// As the user named it.
        path: PathBuf,
        /// The first byte that is not.
        offset: usize,
    },
    /// It says what cannot be, or what can never be evaluated.
    #[error("{rendered}")]
    Invalid {
        /// All findings with their source lines.
        rendered: String,
        /// In the order of the text.
        findings: Vec<Finding>,
    },
    /// A configuration that it names cannot be used.
    #[error("{suite}:{line}: the configuration cannot be used\n{source}", suite = suite.display())]
    Config {
        /// The suite.
        suite: PathBuf,
        /// The line that names the configuration.
        line: u32,
        /// Why.
        source: Box<vpcemu_import::Error>,
    },
}

/// The files and the network of a suite, for those who check its cases.
pub(crate) struct Context<'a> {
    pub(crate) path: &'a Path,
    pub(crate) places: &'a Places,
    pub(crate) vpc: Option<&'a str>,
    pub(crate) binds: &'a [String],
    pub(crate) inputs: Vec<PathBuf>,
}

impl Context<'_> {
    /// A path that the suite names, which is relative to the suite.
    pub(crate) fn path_of(&self, text: &str) -> PathBuf {
        let joined = self.path.parent().map_or_else(|| PathBuf::from(text), |folder| folder.join(text));
        tidy(&joined).unwrap_or(joined)
    }

    /// Loads a configuration that the suite names.
    pub(crate) fn load(&mut self, text: &Text) -> Result<Network, Error> {
        let path = self.path_of(text.get_ref());
        self.inputs.push(path.clone());
        let choice = Choice { vpc: self.vpc, binds: self.binds };
        let loaded = vpcemu_import::open(&path, choice).map_err(|source| Error::Config {
            suite: self.path.to_owned(),
            line: self.places.at(text.span()).line.unwrap_or(1),
            source: Box::new(source),
        })?;
        Ok(loaded.network)
    }
}

impl Suite {
    /// Reads a suite, with everything that it names but captures and goldens.
    ///
    /// # Errors
    /// If it cannot be read, says what cannot be, or has an expectation that nothing could ever meet or miss.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let source = read::source(path, bytes).map_err(|offset| Error::Encoding { path: path.to_owned(), offset })?;
        let places = Places::of(&source);
        let invalid = |findings| invalid(findings, &source);
        let file = read::read(path, &source, &places).map_err(invalid)?;
        let SuiteFile { config, vpc, bind, seed, flow, script, capture } = file;
        let mut findings = refuse_hosts(&bind, &places);
        if flow.is_empty() && script.is_empty() && capture.is_empty() {
            let text = "the suite has no cases, so there is nothing that it could show";
            let help = "write a `[[flow]]`, a `[[script]]` or a `[[capture]]`";
            findings.push(Finding::error("no-cases", &places.at(config.span()), text).help(help));
        }
        if !findings.is_empty() {
            return Err(invalid(findings));
        }
        let binds: Vec<_> = bind.into_iter().map(toml::Spanned::into_inner).collect();
        let mut context =
            Context { path, places: &places, vpc: vpc.as_deref(), binds: &binds, inputs: vec![path.to_owned()] };
        let network = context.load(&config)?;
        let defaults = Options::default();
        let options = Options { seed: seed.unwrap_or(defaults.seed), ..defaults };
        let lab = Lab::of(vec![network.clone()], options);
        let mut checker = Checker::new(&mut context, &network, &lab);
        let mut cases = Vec::new();
        for file in flow {
            cases.extend(checker.flow(file));
        }
        for file in script {
            cases.extend(checker.script(file)?);
        }
        for file in capture {
            cases.extend(checker.capture(file)?);
        }
        let findings = checker.finish();
        if !findings.is_empty() {
            return Err(invalid(findings));
        }
        let inputs = context.inputs;
        Ok(Self { path: path.to_owned(), cases, network, options, inputs })
    }

    /// Every file that the results depend on, the suite included. A directory stands for the files in it.
    pub fn inputs(&self) -> &[PathBuf] {
        &self.inputs
    }

    /// What was assumed while the configuration was read.
    pub fn assumptions(&self) -> &[Assumption] {
        &self.network.assumptions
    }
}

/// A path without `folder/..`, where that leads to the same file: behind a symbolic link it does not.
fn tidy(path: &Path) -> Option<PathBuf> {
    let mut tidied = PathBuf::new();
    for part in path.components() {
        let is_folder = matches!(tidied.components().next_back(), Some(Component::Normal(_)));
        if part == Component::ParentDir && is_folder {
            tidied.pop();
        } else {
            tidied.push(part);
        }
    }
    let is_same = path.canonicalize().ok()? == tidied.canonicalize().ok()?;
    is_same.then_some(tidied)
}

fn invalid(mut findings: Vec<Finding>, source: &Source) -> Error {
    findings.sort_by_key(|finding| finding.origin.span.map_or(usize::MAX, |(start, _)| start));
    let rendered = render(&findings, Some(source), false);
    Error::Invalid { rendered, findings }
}

/// Hosts are of one capture; all others have nothing that a bind of one could change.
fn refuse_hosts(binds: &[Text], places: &Places) -> Vec<Finding> {
    let is_host =
        |bind: &&Text| bind.get_ref().split_once('=').is_some_and(|(host, _)| host.parse::<std::net::IpAddr>().is_ok());
    let refuse = |bind: &Text| {
        let text = format!("`{}` moves a host of a capture, and belongs into a `[[capture]]`", bind.get_ref());
        let help = "here stand attributes of Terraform resources, as `aws_nat_gateway.a.allocation_id=aws_eip.a`";
        Finding::error("bind-of-host", &places.at(bind.span()), text).help(help)
    };
    binds.iter().filter(is_host).map(refuse).collect()
}
