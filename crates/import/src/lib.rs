//! AWS CLI `describe-*` dumps into the VPC model, with a report of what was read, guessed and ignored.
//!
//! [`load`] takes a directory, searched recursively for `*.json`, or one JSON file. What a document is follows from its
//! top-level keys, never from its name. The result is a [`vpcemu_model::Network`] whose assumptions carry the stable
//! [`codes`], and every resource says in which file and where in it it was defined. Nothing else is done here: the model
//! validates, the dataplane compiles.
//!
//! Read: VPCs, subnets, route tables, network ACLs, security groups and their rules, network interfaces, instances,
//! addresses, internet, egress-only and NAT gateways, route tables of gateways, prefix lists, endpoints of gateways,
//! interfaces and Gateway Load Balancers, peering connections, transit gateways with their attachments, tables and routes,
//! virtual private gateways, Block Public Access with its exclusions, flow log definitions. **Not** read: VPN connections,
//! carrier and local gateways, core networks (routes to those end at the edge of the model), Terraform.
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
#[cfg_attr(not(test), expect(dead_code, reason = "not read yet"))]
mod terraform;
mod text;

use std::path::Path;

use serde::Serialize;
use vpcemu_model::{Id, Network};

pub use collect::collect_script;
pub use error::Error;
pub use files::is_dump;
pub use foreign::refuse;

/// Reads every `*.json` under a directory, or one JSON file, into one network.
pub fn load(path: &Path, options: &Options) -> Result<Imported, Error> {
    let mut notes = notes::Notes::default();
    let mut gathered = gather::gather(path, &mut notes)?;
    if let Some(vpc) = &options.vpc {
        gathered.dump.keep_only(vpc, path)?;
    }
    let mut network = build::network(&gathered.dump, &mut notes)?;
    network.assumptions = notes.assumptions;
    Ok(Imported { network, files: gathered.files, ignored: notes.ignored })
}

/// What to read of a dump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Keep only this VPC; a dump nearly always holds the account's default VPC too.
    pub vpc: Option<Id>,
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
    /// The top-level keys that were read; none when it is no dump.
    pub keys: Vec<KeyCount>,
}

/// A top-level key with the number of objects under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyCount {
    /// `Subnets`, `RouteTables` ...
    pub key: String,
    /// How many objects.
    pub count: usize,
}

/// Something that was left out of the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ignored {
    /// A top-level key or the id of a resource.
    pub what: String,
    /// The file, and where in it.
    pub place: String,
    /// One sentence that says why.
    pub text: String,
}
