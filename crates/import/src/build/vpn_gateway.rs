//! Virtual private gateways.

use vpcemu_model::{Network, VpnGateway};

use super::gateway::attached;
use crate::Error;
use crate::dump::{Dump, Key};
use crate::notes::Notes;

/// Fills the gateways. What they know a way to is not in a dump, only what they propagate into tables: they take anything.
pub(super) fn read(dump: &Dump, network: &mut Network, notes: &mut Notes) -> Result<(), Error> {
    for node in dump.nodes(Key::VpnGateways) {
        let id = node.required_id("VpnGatewayId")?;
        if let Some(state) = node.state("State")?.filter(|state| matches!(state.as_str(), "deleted" | "deleting")) {
            notes.gone(id, node.origin(), &state);
            continue;
        }
        let vpc = attached(&node, "VpcAttachments", network)?;
        network.vpn_gateways.push(VpnGateway { id, name: node.name()?, vpc, prefixes: None, origin: node.origin() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vpcemu_model::{RouteOrigin, Target};

    use crate::Imported;
    use crate::build::testing::{codes, ignored, import_over};

    fn with(gateway: Value) -> Imported {
        import_over(json!({"VpnGateways": [gateway], "RouteTables": [
            {"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": true}], "Routes": [
                {"DestinationCidrBlock": "192.168.0.0/16", "GatewayId": "vgw-1", "State": "active",
                 "Origin": "EnableVgwRoutePropagation"}], "PropagatingVgws": [{"GatewayId": "vgw-1"}]},
            {"RouteTableId": "rtb-edge", "VpcId": "vpc-1", "Associations": [{"GatewayId": "vgw-1"}], "Routes": []},
        ]}))
    }

    #[test]
    fn an_attached_gateway_is_routed_to_and_has_its_table() {
        let imported = with(json!({"VpnGatewayId": "vgw-1", "State": "available", "Type": "ipsec.1",
            "Tags": [{"Key": "Name", "Value": "office"}],
            "VpcAttachments": [{"VpcId": "vpc-8", "State": "detached"}, {"VpcId": "vpc-1", "State": "attached"}]}));
        let [gateway] = &imported.network.vpn_gateways[..] else { panic!() };
        assert_eq!((gateway.name.as_deref(), gateway.vpc.clone()), (Some("office"), Some("vpc-1".into())));
        assert_eq!(gateway.prefixes, None);
        let route = &imported.network.route_tables[0].routes[0];
        assert_eq!((&route.target, route.route_origin), (&Target::VpnGateway("vgw-1".into()), RouteOrigin::Propagated));
        assert_eq!(imported.network.gateway_route_tables[0].gateway.as_str(), "vgw-1");
        assert_eq!((codes(&imported), ignored(&imported)), (vec![], vec![]));
    }

    #[test]
    fn a_detached_gateway_has_no_table_and_a_deleted_one_nothing() {
        let attachments = json!([{"VpcId": "vpc-1", "State": "detaching"}]);
        let imported = with(json!({"VpnGatewayId": "vgw-1", "State": "available", "VpcAttachments": attachments}));
        assert_eq!(imported.network.vpn_gateways[0].vpc, None);
        assert_eq!((imported.network.gateway_route_tables.len(), ignored(&imported)), (0, vec!["rtb-edge"]));
        let imported = with(json!({"VpnGatewayId": "vgw-1", "State": "deleted"}));
        let route = &imported.network.route_tables[0].routes[0];
        assert_eq!((&route.target, route.active), (&Target::Missing("vgw-1".into()), false));
        assert_eq!(ignored(&imported), ["vgw-1", "rtb-edge"]);
    }
}
