//! Route tables of internet and virtual private gateways (semantics 2.15).

use vpcemu_model::{GatewayRouteTable, Id, InternetGateway, Kind, Network, Route};

use super::route_table::TableHead;
use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::notes::Notes;

/// Gives each gateway that a table is associated with the table's routes.
pub(super) fn tables(
    dump: &Dump,
    table: &TableHead<'_>,
    routes: &[Route],
    network: &mut Network,
    notes: &mut Notes,
) -> Result<(), Error> {
    for gateway in &table.gateways {
        if !serves(dump, gateway, table, network, notes) {
            let text = format!("{gateway}, which it is associated with, is not attached to {}", table.vpc);
            notes.ignore(&table.id, table.node.origin(), text);
            continue;
        }
        network.gateway_route_tables.push(GatewayRouteTable {
            id: table.id.clone(),
            name: table.node.name()?,
            vpc: table.vpc.clone(),
            gateway: gateway.clone(),
            routes: routes.to_vec(),
            origin: table.node.origin(),
        });
    }
    Ok(())
}

/// Whether packets come into the VPC by the gateway. One that is not in the dump is taken to be attached: AWS associates no
/// others.
fn serves(dump: &Dump, gateway: &Id, table: &TableHead<'_>, network: &mut Network, notes: &mut Notes) -> bool {
    let vpc = &table.vpc;
    if let Some(known) = network.vpn_gateways.iter().find(|it| it.id == *gateway) {
        return known.vpc.as_ref() == Some(vpc);
    }
    let is_internet = dump.saw(Key::InternetGateways, gateway);
    if !is_internet && !gateway.as_str().starts_with(Kind::InternetGateway.prefix()) {
        if dump.saw(Key::VpnGateways, gateway) {
            return false;
        }
        let text = format!("{gateway} was not read: taken to be attached to {vpc}, whose route table names it");
        notes.assume(codes::EDGE_GATEWAY, gateway, text);
        return true;
    }
    if let Some(known) = network.internet_gateways.iter().find(|it| it.id == *gateway) {
        return known.vpc.as_ref() == Some(vpc);
    }
    if dump.saw(Key::InternetGateways, gateway) {
        return false;
    }
    let text = format!("{gateway} was not read: taken to be attached to {vpc}, whose route table names it");
    notes.assume(codes::EDGE_GATEWAY, gateway, text);
    let (id, vpc, origin) = (gateway.clone(), Some(vpc.clone()), table.node.origin());
    network.internet_gateways.push(InternetGateway { id, vpc, origin });
    true
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vpcemu_model::Target;

    use crate::Imported;
    use crate::build::testing::{codes, ignored, import_over};
    use crate::codes;

    fn with(associations: Value, over: Value) -> Imported {
        let mut over = over;
        over["RouteTables"] = json!([
            {"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": true}]},
            {"RouteTableId": "rtb-edge", "VpcId": "vpc-1", "Associations": associations, "Routes": [
                {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"},
                {"DestinationCidrBlock": "10.0.1.0/24", "VpcEndpointId": "vpce-1", "State": "active"}],
                "Tags": [{"Key": "Name", "Value": "inspection"}]},
        ]);
        import_over(over)
    }

    fn attached() -> Value {
        json!({"InternetGateways": [{"InternetGatewayId": "igw-1", "Attachments": [{"VpcId": "vpc-1"}]}]})
    }

    /// Tables with their gateways.
    fn shown(imported: &Imported) -> Vec<(&str, &str)> {
        let tables = imported.network.gateway_route_tables.iter();
        tables.map(|table| (table.id.as_str(), table.gateway.as_str())).collect()
    }

    #[test]
    fn an_associated_table_is_the_gateways() {
        let imported = with(
            json!([{"Main": false, "GatewayId": "igw-1", "AssociationState": {"State": "associated"}}]),
            attached(),
        );
        assert_eq!(shown(&imported), [("rtb-edge", "igw-1")]);
        let table = &imported.network.gateway_route_tables[0];
        assert_eq!((table.vpc.as_str(), table.name.as_deref()), ("vpc-1", Some("inspection")));
        assert_eq!(table.routes[0].target, Target::Local);
        // The endpoint is none that the model has: a gateway load balancer's.
        assert_eq!(table.routes[1].target, Target::Edge("vpce-1".into()));
        // It is no table of subnets.
        let tables: Vec<&str> = imported.network.route_tables.iter().map(|table| table.id.as_str()).collect();
        assert_eq!(tables, ["rtb-1"]);
        assert_eq!(codes(&imported), [codes::UNKNOWN_TARGET]);
    }

    #[test]
    fn a_table_may_have_several_gateways_and_subnets() {
        let associations = json!([{"GatewayId": "igw-1"}, {"GatewayId": "vgw-1"}, {"SubnetId": "subnet-1"},
            {"GatewayId": "vgw-2", "AssociationState": {"State": "disassociated"}}]);
        let imported = with(associations, attached());
        assert_eq!(shown(&imported), [("rtb-edge", "igw-1"), ("rtb-edge", "vgw-1")]);
        assert_eq!(imported.network.route_tables.len(), 2);
        assert_eq!(imported.network.subnets[0].route_table.as_str(), "rtb-edge");
        assert_eq!(codes(&imported), [codes::UNKNOWN_TARGET, codes::EDGE_GATEWAY]);
    }

    #[test]
    fn gateways_are_attached_or_taken_to_be() {
        let imported = with(json!([{"GatewayId": "igw-1"}]), json!({}));
        assert_eq!(shown(&imported), [("rtb-edge", "igw-1")]);
        assert_eq!(imported.network.internet_gateways[0].vpc, Some("vpc-1".into()));
        assert_eq!(codes(&imported), [codes::UNKNOWN_TARGET, codes::EDGE_GATEWAY]);
        let detached = json!({"InternetGateways": [{"InternetGatewayId": "igw-1", "Attachments": []}]});
        let imported = with(json!([{"GatewayId": "igw-1"}]), detached);
        assert_eq!((shown(&imported), ignored(&imported)), (vec![], vec!["rtb-edge"]));
    }
}
