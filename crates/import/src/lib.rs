//! AWS CLI `describe-*` dumps and Terraform plans and states into the VPC model, with a report of what was read, guessed and
//! ignored.
//!
//! [`load`] takes a directory, searched recursively for `*.json`, or one JSON file: a dump, or what `terraform show -json`
//! prints, or a `terraform.tfstate`. What a document is follows from its top-level keys, never from its name. The result is a
//! [`vpcemu_model::Network`] whose assumptions carry the stable [`codes`], and every resource says in which file and where in it
//! it was defined. Nothing else is done here: the model validates, the dataplane compiles.
//!
//! Read: VPCs, subnets, route tables, network ACLs, security groups and their rules, network interfaces, instances,
//! addresses, internet, egress-only and NAT gateways, route tables of gateways, prefix lists, endpoints of gateways,
//! interfaces and Gateway Load Balancers, peering connections, transit gateways with their attachments, tables and routes,
//! virtual private gateways, Block Public Access with its exclusions, flow log definitions. **Not** read: VPN connections,
//! carrier and local gateways, core networks (routes to those end at the edge of the model).
//!
//! [`open`] reads whatever configuration a path means, native files included, and validates it.
//!
//! What real dumps do besides: any file and folder names, several regions and accounts, pages, wrappers and several
//! documents in one file, UTF-8 and UTF-16, nulls, words in any case. A path that is nothing of the kind is [`refuse`]d with
//! what it is and what to do instead; [`collect_script`] prints the commands that make a dump.
//!
//! ```
//! let folder = tempfile::tempdir()?;
//! std::fs::write(
//!     folder.path().join("anything.json"),
//!     r#"{"Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}], "Subnets": []}"#,
//! )?;
//! let imported = vpcemu_import::load(folder.path(), &vpcemu_import::Options::default())?;
//! assert_eq!(imported.network.vpcs[0].id.as_str(), "vpc-1");
//! assert!(imported.network.assumptions.iter().any(|it| it.code == vpcemu_import::codes::MISSING_ROUTE_TABLES));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod any;
mod build;
pub mod codes;
mod collect;
mod dump;
mod error;
mod files;
mod foreign;
mod gather;
mod node;
mod notes;
mod terraform;
mod text;

use std::path::{Path, PathBuf};

use serde::Serialize;
use vpcemu_model::{Id, Network};

pub use any::{Choice, Loaded, open};
pub use collect::collect_script;
pub use error::Error;
pub use files::is_dump;
pub use foreign::refuse;
pub use terraform::{Side, TerraformError, Unresolved, is_terraform};

/// Reads a dump (every `*.json` under a directory, or one file), or the one plan or state of Terraform's that a path means.
pub fn load(path: &Path, options: &Options) -> Result<Imported, Error> {
    if let Some(found) = terraform::find(path)? {
        return import_terraform(&found, path, options);
    }
    if options.side.is_some() || !options.binds.is_empty() {
        return Err(Error::NotTerraform { path: path.to_owned() });
    }
    let mut notes = notes::Notes::default();
    let gathered = gather::gather(path, &mut notes)?;
    finish(gathered, path, options, notes)
}

/// Reads a dump that is in memory; `name` stands for the file's.
pub fn read_dump(name: &str, bytes: &[u8], options: &Options) -> Result<Imported, Error> {
    let path = Path::new(name);
    let mut notes = notes::Notes::default();
    let gathered = gather::gather_bytes(path, bytes, &mut notes)?;
    finish(gathered, path, options, notes)
}

/// Reads a plan or state of Terraform's that is in memory; `name` stands for the file's.
pub fn read_terraform(name: &str, bytes: Vec<u8>, options: &Options) -> Result<Imported, Error> {
    let path = PathBuf::from(name);
    let Some(what) = terraform::recognise(&bytes) else { return Err(Error::NotTerraform { path }) };
    import_terraform(&terraform::Found { path: path.clone(), bytes, what }, &path, options)
}

fn import_terraform(found: &terraform::Found, path: &Path, options: &Options) -> Result<Imported, Error> {
    let mut notes = notes::Notes::default();
    let terraform::Described { dump, report, secrets } = terraform::read(found, options, &mut notes)?;
    let gathered = gather::Gathered { dump, files: vec![report] };
    let imported = finish(gathered, path, options, notes).map_err(|error| secrets.kept_from(error))?;
    Ok(secrets.kept_from_notes(imported))
}

fn finish(
    mut gathered: gather::Gathered,
    path: &Path,
    options: &Options,
    mut notes: notes::Notes,
) -> Result<Imported, Error> {
    if let Some(vpc) = &options.vpc {
        gathered.dump.keep_only(vpc, path)?;
    }
    let mut network = build::network(&gathered.dump, &mut notes)?;
    // What a configuration lacks may be in another one; an answer without a VPC is of the wrong region.
    if network.vpcs.is_empty() && !gathered.dump.is_of_configuration() {
        return Err(Error::NoVpc { path: path.to_owned() });
    }
    network.assumptions = notes.assumptions;
    Ok(Imported { network, files: gathered.files, ignored: notes.ignored })
}

/// What to read of a dump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Keep only this VPC; a dump nearly always holds the account's default VPC too.
    pub vpc: Option<Id>,
    /// `ADDRESS.ATTRIBUTE=VALUE_OR_ADDRESS`: what an attribute of a Terraform resource is, whatever the document says.
    pub binds: Vec<String>,
    /// Which side of a Terraform plan to read; what is planned, if it is not said.
    pub side: Option<Side>,
}

/// A dump as it was read. What was guessed is in [`Network::assumptions`].
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The network that the dump describes.
    pub network: Network,
    /// Every file that was read, in reading order.
    pub files: Vec<FileReport>,
    /// What the files hold that the network does not.
    pub ignored: Vec<Ignored>,
}

/// What one file held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// The file, as the user named it.
    pub name: String,
    /// The top-level keys that were read, or resource types of Terraform's; none when it is neither.
    pub keys: Vec<KeyCount>,
}

/// A top-level key or resource type with the number of objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyCount {
    /// `Subnets`, `RouteTables`; `aws_subnet`, `data.aws_vpc` ...
    pub key: String,
    /// How many objects.
    pub count: usize,
}

/// Something that was left out of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ignored {
    /// A top-level key, a resource type or the id of a resource.
    pub what: String,
    /// The file, and where in it.
    pub place: String,
    /// One sentence that says why.
    pub text: String,
}
