//! Resources as the `describe-*` calls would answer once they exist.
//!
//! Each object says by its Terraform address where it was defined, rules and routes those of their own resources or blocks.
//! What AWS makes without being asked is described with what it is made for, and called by the attribute that would have
//! its id: `aws_vpc.main.default_security_group_id`.

mod address;
mod block_public_access;
mod endpoint;
mod flow_log;
mod gateway;
mod instance;
mod interface;
mod made;
mod nat_gateway;
mod network_acl;
mod objects;
mod peering;
mod prefix_list;
mod route;
mod route_table;
mod security_group;
mod security_group_rule;
mod source;
mod transit_gateway;
mod vpc;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::Error;
use crate::dump::{Dump, Key};
use crate::notes::Notes;
use crate::terraform::resource::Resource;

use objects::{Fields, Objects};
use source::{Described, Source};

/// Describes resources of one document. Errors name the address and attribute whose value cannot be.
pub(crate) fn dump(resources: &[Resource], file: &Arc<str>, notes: &mut Notes) -> Result<Dump, Error> {
    let source = Source::new(resources, file);
    let (elastic, public) = (address::Elastic::read(&source)?, address::Public::read(&source)?);
    let mut to = Describer {
        source,
        objects: Objects::default(),
        made: HashMap::new(),
        further_groups: BTreeMap::new(),
        elastic,
        public,
        groups: HashMap::new(),
        notes,
    };
    vpc::describe(&mut to)?;
    made::describe(&mut to)?;
    prefix_list::describe(&mut to)?;
    security_group::describe(&mut to)?;
    security_group_rule::describe(&mut to)?;
    network_acl::describe(&mut to)?;
    interface::describe(&mut to)?;
    instance::describe(&mut to)?;
    interface::attachments(&mut to)?;
    nat_gateway::describe(&mut to)?;
    address::describe(&mut to)?;
    // Routes come after whatever they lead to, and gateways add to tables.
    route_table::describe(&mut to)?;
    gateway::describe(&mut to)?;
    endpoint::describe(&mut to)?;
    peering::describe(&mut to)?;
    transit_gateway::describe(&mut to)?;
    route::describe(&mut to)?;
    block_public_access::describe(&mut to)?;
    flow_log::describe(&mut to)?;
    to.objects.into_dump(file, to.notes)
}

/// What there is, and what was described of it.
#[derive(Debug)]
struct Describer<'a> {
    source: Source<'a>,
    objects: Objects,
    /// What AWS makes with each VPC: ids by kind and VPC.
    made: HashMap<(Key, String), String>,
    /// Groups of interfaces that are not described yet, with what attaches them.
    further_groups: BTreeMap<String, Vec<(Described<'a>, Value)>>,
    elastic: address::Elastic<'a>,
    public: address::Public,
    /// Security groups by name.
    groups: HashMap<String, String>,
    notes: &'a mut Notes,
}

impl Describer<'_> {
    /// The id of a route table, which may be named as what AWS makes with a VPC.
    fn table(&self, name: &str) -> String {
        self.objects.id(Key::RouteTables, name)
    }

    /// Notes a resource that adds to something which is not here.
    fn unknown(&mut self, resource: Described<'_>, what: &str) {
        self.notes.ignore(
            resource.address(),
            resource.node().origin(),
            format!("{what}, which it is for, was not read"),
        );
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wild;

/// What the tests of the modules share.
#[cfg(test)]
mod testing {
    use serde_json::{Value, json};
    use vpcemu_model::Network;

    use super::*;
    use crate::terraform::resource::Mode;

    /// A resource of the root module; its id is its address, unless it says otherwise.
    pub(super) fn resource(address: &str, values: Value) -> Resource {
        let Value::Object(mut values) = values else { panic!("{address} has no attributes") };
        let (mode, rest) = match address.strip_prefix("data.") {
            Some(rest) => (Mode::Data, rest),
            None => (Mode::Managed, address),
        };
        let (kind, name) = rest.split_once('.').unwrap();
        values.entry("id").or_insert_with(|| Value::from(address));
        let (module, index) = (Arc::from(""), None);
        Resource { address: address.into(), module, mode, kind: kind.into(), name: name.into(), index, values }
    }

    /// `aws_vpc.main` with `aws_subnet.a`.
    pub(super) fn vpc_and_subnet() -> Vec<Resource> {
        vec![
            resource("aws_vpc.main", json!({"cidr_block": "10.0.0.0/16"})),
            resource(
                "aws_subnet.a",
                json!({"vpc_id": "aws_vpc.main", "cidr_block": "10.0.1.0/24", "availability_zone": "us-east-1a"}),
            ),
        ]
    }

    /// The network of resources, and what was noted.
    pub(super) fn network(resources: &[Resource]) -> (Network, Notes) {
        let mut notes = Notes::default();
        let dump = dump(resources, &Arc::from("main.json"), &mut notes).unwrap_or_else(|error| panic!("{error}"));
        let network = crate::build::network(&dump, &mut notes).unwrap_or_else(|error| panic!("{error}"));
        (network, notes)
    }

    /// The codes of the assumptions, in order.
    pub(super) fn codes(notes: &Notes) -> Vec<&str> {
        notes.assumptions.iter().map(|it| it.code.as_str()).collect()
    }

    /// What was ignored, in order.
    pub(super) fn ignored(notes: &Notes) -> Vec<&str> {
        notes.ignored.iter().map(|it| it.what.as_str()).collect()
    }
}
