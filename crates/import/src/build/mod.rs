//! Objects to resources. Each kind has its reader; what they need of each other decides the order.

mod address;
mod block_public_access;
mod edge;
mod endpoint;
mod flow_log;
mod gateway;
mod instance;
mod interface;
mod made_interface;
mod nat_gateway;
mod network_acl;
mod peering;
mod prefix_list;
mod regional_nat_gateway;
mod route;
mod route_table;
mod security_group;
mod security_group_association;
mod security_group_rule;
mod transit_gateway;
mod vpc;
mod vpn_gateway;

use std::collections::HashMap;

use vpcemu_model::{Id, Network};

use crate::Error;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// The network of a dump.
pub(crate) fn network(dump: &Dump, notes: &mut Notes) -> Result<Network, Error> {
    let mut network = Network::default();
    let tables = route_table::heads(dump, notes)?;
    vpc::read(dump, &tables, &mut network, notes)?;
    // These three complete the VPCs and subnets, which name a table, an ACL and a group each.
    route_table::assign(dump, &tables, &mut network, notes);
    network_acl::read(dump, &mut network, notes)?;
    security_group::read(dump, &mut network, notes)?;

    prefix_list::read(dump, &mut network)?;
    instance::read(dump, &mut network, notes)?;
    let owned = interface::Owned::read(dump, &network)?;
    interface::read(dump, &owned, &mut network, notes)?;
    instance::interfaces(dump, &owned, &mut network, notes)?;
    address::fill(dump, &mut network)?;
    gateway::read(dump, &mut network, notes)?;
    nat_gateway::read(dump, &mut network, notes)?;
    // The last that gives interfaces addresses are their gateways.
    interface::drop_unaddressed(dump, &mut network, notes);
    endpoint::read(dump, &mut network, notes)?;
    peering::read(dump, &mut network, notes)?;
    transit_gateway::read(dump, &mut network, notes)?;
    vpn_gateway::read(dump, &mut network, notes)?;
    route::read(dump, &tables, &mut network, notes)?;

    block_public_access::read(dump, &mut network, notes)?;
    flow_log::read(dump, &mut network, notes)?;
    endpoint::routes(dump, &mut network, notes)?;
    instance::finish(dump, &mut network, notes);
    security_group::finish(dump, &mut network, notes)?;
    prefix_list::finish(dump, &mut network, notes);
    Ok(network)
}

/// Where the resources of a kind are, by id; of duplicates the first counts. What is asked for once for each of thousands is
/// not looked for among thousands.
fn positions<T>(items: &[T], id: impl Fn(&T) -> Option<&Id>) -> HashMap<Id, usize> {
    let mut positions = HashMap::with_capacity(items.len());
    for (position, item) in items.iter().enumerate() {
        if let Some(id) = id(item) {
            positions.entry(id.clone()).or_insert(position);
        }
    }
    positions
}

/// The part of an id after its kind: what ids made from it are named by. The address of a Terraform resource has no kind in
/// front.
fn suffix(id: &Id) -> &str {
    match id.as_str().split_once('-') {
        Some((kind, suffix)) if !kind.contains('.') => suffix,
        _ => id.as_str(),
    }
}

/// The id of an object and of its VPC, where that VPC is part of the network; what belongs to none is noted.
fn of_known_vpc(node: &Node<'_>, key: Key, network: &Network, notes: &mut Notes) -> Result<Option<(Id, Id)>, Error> {
    let id = node.required_id(key.id_field())?;
    match node.id("VpcId")? {
        Some(vpc) if network.vpc(&vpc).is_some() => return Ok(Some((id, vpc))),
        Some(vpc) => notes.ignore(id, node.origin(), format!("its VPC {vpc} was not read")),
        None => notes.ignore(id, node.origin(), "it has no VpcId"),
    }
    Ok(None)
}

/// What the tests of the readers share.
#[cfg(test)]
mod testing {
    use serde_json::{Value, json};

    use crate::{Error, Imported, Options};

    /// Reads one document.
    pub(super) fn try_import(document: &Value) -> Result<Imported, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump.json");
        std::fs::write(&path, document.to_string()).unwrap();
        crate::load(&path, &Options::default())
    }

    /// Reads a document over a complete dump of one VPC with one subnet and nothing in it.
    pub(super) fn import_over(over: Value) -> Imported {
        let document = complete(over);
        try_import(&document).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The document that [`import_over`] reads.
    pub(super) fn complete(over: Value) -> Value {
        let mut document = json!({
            "Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", "State": "available"}],
            "Subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "a"}],
            "RouteTables": [{"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": true}],
                "Routes": [{"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}]}],
            "NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true, "Entries": []}],
            "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "default", "VpcId": "vpc-1"}],
            "NetworkInterfaces": [], "Reservations": [],
        });
        let fields = document.as_object_mut().unwrap();
        fields.extend(over.as_object().unwrap().clone());
        // Null stands for a key that no file has.
        fields.retain(|_, value| !value.is_null());
        document
    }

    /// The codes of the assumptions, in order.
    pub(super) fn codes(imported: &Imported) -> Vec<&str> {
        imported.network.assumptions.iter().map(|assumption| assumption.code.as_str()).collect()
    }

    /// What was ignored, in order.
    pub(super) fn ignored(imported: &Imported) -> Vec<&str> {
        imported.ignored.iter().map(|ignored| ignored.what.as_str()).collect()
    }
}
