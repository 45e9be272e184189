//! Peering connections.

use vpcemu_model::{Id, Network, PeeredVpc, VpcPeeringConnection};

use crate::Error;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// The states of connections that will never carry a packet again; AWS lists them for a while.
pub(super) const OVER: [&str; 5] = ["deleted", "deleting", "rejected", "failed", "expired"];

/// Fills the connections; a side that the dump does not describe stays outside.
pub(super) fn read(dump: &Dump, network: &mut Network, notes: &mut Notes) -> Result<(), Error> {
    for node in dump.nodes(Key::VpcPeeringConnections) {
        let id = node.required_id("VpcPeeringConnectionId")?;
        let state = match node.object("Status")? {
            Some(status) => status.state("Code")?,
            None => None,
        };
        if let Some(state) = state.as_deref().filter(|state| OVER.contains(state)) {
            notes.gone(id, node.origin(), state);
            continue;
        }
        let (requester, accepter) = (side(&node, "RequesterVpcInfo")?, side(&node, "AccepterVpcInfo")?);
        let (Some(requester), Some(accepter)) = (requester, accepter) else {
            notes.ignore(id, node.origin(), "it does not tell both of its VPCs");
            continue;
        };
        if ![&requester, &accepter].iter().any(|side| network.vpc(&side.peered.vpc).is_some()) {
            notes.ignore(id, node.origin(), "neither of its VPCs was read");
            continue;
        }
        let inter_region = match (&requester.region, &accepter.region) {
            (Some(one), Some(other)) => one != other,
            // Emulators of the API leave them out, and have one region.
            _ => false,
        };
        network.vpc_peering_connections.push(VpcPeeringConnection {
            name: node.name()?,
            requester: requester.peered,
            accepter: accepter.peered,
            inter_region,
            active: state.is_none_or(|state| state == "active"),
            origin: node.origin(),
            id,
        });
    }
    Ok(())
}

/// One side as the connection knows it.
struct Side {
    peered: PeeredVpc,
    region: Option<String>,
}

fn side(node: &Node<'_>, field: &str) -> Result<Option<Side>, Error> {
    let Some(node) = node.object(field)? else { return Ok(None) };
    let Some(vpc): Option<Id> = node.id("VpcId")? else { return Ok(None) };
    let mut cidrs = Vec::new();
    cidrs.extend(node.block("CidrBlock")?);
    for (set, block) in [("CidrBlockSet", "CidrBlock"), ("Ipv6CidrBlockSet", "Ipv6CidrBlock")] {
        for entry in node.list(set)? {
            // The set repeats the first block.
            cidrs.extend(entry.block(block)?.filter(|block| !cidrs.contains(block)));
        }
    }
    Ok(Some(Side { peered: PeeredVpc { vpc, cidrs }, region: node.state("Region")? }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vpcemu_model::Target;

    use super::*;
    use crate::Imported;
    use crate::build::testing::{codes, ignored, import_over};
    use crate::codes;

    /// A connection of vpc-1 with one of another account, and a route to it.
    fn with(status: &str, regions: [Value; 2], route: &str) -> Imported {
        import_over(json!({
            "VpcPeeringConnections": [{"VpcPeeringConnectionId": "pcx-1", "Status": {"Code": status},
                "Tags": [{"Key": "Name", "Value": "to-partner"}],
                "RequesterVpcInfo": {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", "Region": regions[0]},
                "AccepterVpcInfo": {"VpcId": "vpc-9", "CidrBlock": "10.9.0.0/16", "OwnerId": "210987654321",
                    "CidrBlockSet": [{"CidrBlock": "10.9.0.0/16"}, {"CidrBlock": "10.10.0.0/16"}],
                    "Ipv6CidrBlockSet": [{"Ipv6CidrBlock": "2001:db8:9::/56"}], "Region": regions[1]}}],
            "RouteTables": [{"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": true}], "Routes": [
                {"DestinationCidrBlock": "10.9.0.0/16", "VpcPeeringConnectionId": "pcx-1", "State": route}]}],
        }))
    }

    fn target(imported: &Imported) -> (&Target, bool) {
        let route = &imported.network.route_tables[0].routes[0];
        (&route.target, route.active)
    }

    #[test]
    fn the_other_side_is_known_by_its_blocks() {
        let imported = with("active", [json!("eu-west-1"), json!("EU-WEST-1")], "active");
        let [peering] = &imported.network.vpc_peering_connections[..] else { panic!() };
        assert_eq!(peering.name.as_deref(), Some("to-partner"));
        assert_eq!(peering.requester.vpc.as_str(), "vpc-1");
        let blocks = ["10.9.0.0/16", "10.10.0.0/16", "2001:db8:9::/56"].map(|it| it.parse().unwrap());
        assert_eq!(peering.accepter, PeeredVpc { vpc: "vpc-9".into(), cidrs: blocks.to_vec() });
        assert!(peering.active && !peering.inter_region);
        assert_eq!(peering.origin.path.as_deref(), Some("VpcPeeringConnections[0]"));
        assert_eq!(target(&imported), (&Target::VpcPeeringConnection("pcx-1".into()), true));
        assert_eq!((codes(&imported), ignored(&imported)), (vec![], vec![]));
    }

    #[test]
    fn regions_differ_only_where_both_are_told() {
        let of = |regions| with("active", regions, "active").network.vpc_peering_connections[0].inter_region;
        assert!(of([json!("eu-west-1"), json!("eu-west-2")]));
        assert!(!of([json!("eu-west-1"), json!(null)]));
        assert!(!of([json!(null), json!("eu-west-2")]));
    }

    #[test]
    fn only_active_ones_carry_packets() {
        let regions = || [json!("eu-west-1"), json!("eu-west-1")];
        for state in ["pending-acceptance", "provisioning", "initiating-request"] {
            let imported = with(state, regions(), "blackhole");
            assert!(!imported.network.vpc_peering_connections[0].active, "{state}");
            assert_eq!(target(&imported), (&Target::VpcPeeringConnection("pcx-1".into()), false));
        }
        for state in OVER {
            let imported = with(state, regions(), "blackhole");
            assert_eq!(imported.network.vpc_peering_connections, [], "{state}");
            assert_eq!(target(&imported), (&Target::Missing("pcx-1".into()), false));
            assert_eq!((codes(&imported), ignored(&imported)), (vec![], vec!["pcx-1"]));
        }
        // A route that was not told yet.
        let imported = with("deleted", regions(), "active");
        assert_eq!(target(&imported), (&Target::Missing("pcx-1".into()), false));
        assert_eq!(codes(&imported), [codes::UNKNOWN_TARGET]);
    }

    #[test]
    fn connections_of_others_are_noted() {
        let side = |vpc: Value| json!({"VpcId": vpc, "CidrBlock": "10.9.0.0/16"});
        let imported = import_over(json!({"VpcPeeringConnections": [
            {"VpcPeeringConnectionId": "pcx-1", "RequesterVpcInfo": side(json!("vpc-8")), "AccepterVpcInfo": side(json!("vpc-9"))},
            {"VpcPeeringConnectionId": "pcx-2", "RequesterVpcInfo": side(json!("vpc-1")), "AccepterVpcInfo": side(json!(null))},
            {"VpcPeeringConnectionId": "pcx-3", "RequesterVpcInfo": side(json!("vpc-1"))},
        ]}));
        assert_eq!(imported.network.vpc_peering_connections, []);
        assert_eq!(ignored(&imported), ["pcx-1", "pcx-2", "pcx-3"]);
    }
}
