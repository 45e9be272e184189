//! Regional NAT gateways: addresses in availability zones and a route table, no subnet and no interface (semantics 4.4).

use vpcemu_model::{
    Connectivity, Destination, Id, Kind, NatAddress, NatGateway, Network, Placement, Route, RouteOrigin, RouteTable,
    Target,
};

use super::{nat_gateway, suffix};
use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// The gateway; its route table is made where the dump has none.
pub(super) fn read(
    node: &Node<'_>,
    id: Id,
    dump: &Dump,
    network: &mut Network,
    notes: &mut Notes,
) -> Result<Option<NatGateway>, Error> {
    let Some(vpc) = node.id("VpcId")?.filter(|vpc| network.vpc(vpc).is_some()) else {
        notes.ignore(id, node.origin(), "its VPC was not read");
        return Ok(None);
    };
    let mut addresses = Vec::new();
    for entry in node.list("NatGatewayAddresses")? {
        if !nat_gateway::has_succeeded(&entry)? {
            continue;
        }
        let Some(public) = entry.ipv4("PublicIp")? else { continue };
        let zone = zone(&entry, &vpc, dump, network)?;
        if zone.is_none() {
            let text = format!("{public} of {id} has no availability zone: it serves every zone");
            notes.assume(codes::NAT_ADDRESS_ZONE, &id, text);
        }
        addresses.push(NatAddress { translated: public, public: Some(public), zone });
    }
    let named = node.id("RouteTableId")?;
    let route_table = match named {
        Some(table) if is_read(&table, dump, network)? => table,
        named => made_table(named, &id, &vpc, node, network, notes),
    };
    let mut gateway = NatGateway {
        name: node.name()?,
        vpc,
        placement: Placement::Regional { route_table },
        connectivity: Connectivity::Public,
        addresses,
        available: nat_gateway::is_available(node)?,
        origin: node.origin(),
        id,
    };
    nat_gateway::without_address(&mut gateway, notes);
    Ok(Some(gateway))
}

/// The zone of an address, by the word that the subnets use: a zone has a name and an id, and a dump may have either.
fn zone(address: &Node<'_>, vpc: &Id, dump: &Dump, network: &Network) -> Result<Option<String>, Error> {
    let (name, id) = (address.text("AvailabilityZone")?, address.text("AvailabilityZoneId")?);
    let used =
        |zone: &String| network.subnets.iter().any(|subnet| subnet.vpc == *vpc && subnet.availability_zone == *zone);
    if let Some(zone) = [&name, &id].into_iter().flatten().find(|zone| used(zone)) {
        return Ok(Some(zone.clone()));
    }
    for subnet in dump.nodes(Key::Subnets) {
        if id.is_some() && subnet.text("AvailabilityZoneId")? == id {
            return Ok(subnet.text("AvailabilityZone")?.or(id));
        }
    }
    Ok(name.or(id))
}

/// Whether a table becomes part of the network: its VPC has to.
fn is_read(table: &Id, dump: &Dump, network: &Network) -> Result<bool, Error> {
    for node in dump.nodes(Key::RouteTables) {
        if node.id("RouteTableId")?.as_ref() == Some(table) {
            return Ok(node.id("VpcId")?.is_some_and(|vpc| network.vpc(&vpc).is_some()));
        }
    }
    Ok(false)
}

/// The table that AWS makes with the gateway; its local routes are added with those of all tables.
fn made_table(
    named: Option<Id>,
    gateway: &Id,
    vpc: &Id,
    node: &Node<'_>,
    network: &mut Network,
    notes: &mut Notes,
) -> Id {
    let id = named.unwrap_or_else(|| Id::of(Kind::RouteTable, &format!("nat-{}", suffix(gateway))));
    let text = format!("the route table of {gateway} was not read: it leads to the internet gateway of {vpc}");
    notes.assume(codes::NAT_GATEWAY_ROUTE_TABLE, gateway, text);
    let internet = network.internet_gateways.iter().find(|it| it.vpc.as_ref() == Some(vpc));
    let route = internet.map(|internet| Route {
        destination: Destination::Cidr(ipnet::IpNet::V4(ipnet::Ipv4Net::default())),
        target: Target::InternetGateway(internet.id.clone()),
        route_origin: RouteOrigin::Static,
        active: true,
        origin: node.origin(),
    });
    // Two gateways may name one table.
    if !network.route_tables.iter().any(|table| table.id == id) {
        let (vpc, routes, origin) = (vpc.clone(), route.into_iter().collect(), node.origin());
        network.route_tables.push(RouteTable { id: id.clone(), name: None, vpc, routes, origin });
    }
    id
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Imported;
    use crate::build::testing::{codes, ignored, import_over};

    fn read_one(over: Value, rest: Value) -> Imported {
        let mut gateway = json!({"NatGatewayId": "nat-1", "VpcId": "vpc-1", "State": "available",
            "AvailabilityMode": "regional", "ConnectivityType": "public", "RouteTableId": "rtb-1",
            "NatGatewayAddresses": addresses()});
        gateway.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        let mut rest = rest;
        rest["NatGateways"] = json!([gateway]);
        import_over(rest)
    }

    fn addresses() -> Value {
        json!([
            {"PublicIp": "203.0.113.9", "Status": "succeeded", "AvailabilityZone": "a", "AvailabilityZoneId": "use1-az1"},
            {"PublicIp": "203.0.113.8", "Status": "associating", "AvailabilityZone": "a"},
            {"AllocationId": "eipalloc-1", "Status": "succeeded", "AvailabilityZone": "a"},
        ])
    }

    fn zones(imported: &Imported) -> Vec<Option<&str>> {
        imported.network.nat_gateways[0].addresses.iter().map(|address| address.zone.as_deref()).collect()
    }

    #[test]
    fn addresses_are_public_and_of_zones() {
        let imported = read_one(json!({}), json!({}));
        let gateway = &imported.network.nat_gateways[0];
        assert_eq!(gateway.placement, Placement::Regional { route_table: "rtb-1".into() });
        assert_eq!(
            (gateway.vpc.as_str(), gateway.connectivity, gateway.available),
            ("vpc-1", Connectivity::Public, true)
        );
        let address = [203, 0, 113, 9].into();
        let expected = NatAddress { translated: address, public: Some(address), zone: Some("a".to_owned()) };
        assert_eq!(gateway.addresses, [expected]);
        assert!(imported.network.interfaces.is_empty() && codes(&imported).is_empty());
    }

    #[test]
    fn zones_are_named_as_the_subnets_name_them() {
        let of = |address: Value, subnet: Value| {
            let mut address = address;
            address["PublicIp"] = json!("203.0.113.9");
            let mut subnet = subnet;
            subnet.as_object_mut().unwrap().extend(
                json!({"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24"})
                    .as_object()
                    .unwrap()
                    .clone(),
            );
            let imported = read_one(json!({"NatGatewayAddresses": [address]}), json!({"Subnets": [subnet]}));
            zones(&imported)[0].map(str::to_owned)
        };
        let both = json!({"AvailabilityZone": "us-east-1a", "AvailabilityZoneId": "use1-az1"});
        let (name, id) = (json!({"AvailabilityZone": "us-east-1a"}), json!({"AvailabilityZoneId": "use1-az1"}));
        assert_eq!(of(id.clone(), both.clone()).as_deref(), Some("us-east-1a"));
        assert_eq!(of(name, both.clone()).as_deref(), Some("us-east-1a"));
        assert_eq!(of(both, id.clone()).as_deref(), Some("use1-az1"));
        assert_eq!(of(id, json!({"AvailabilityZone": "us-east-1a"})).as_deref(), Some("use1-az1"));
        assert_eq!(of(json!({}), json!({"AvailabilityZone": "us-east-1a"})), None);
    }

    #[test]
    fn what_is_missing_is_made_or_told() {
        let igw = json!({"InternetGateways": [{"InternetGatewayId": "igw-1", "Attachments": [{"VpcId": "vpc-1"}]}]});
        let imported =
            read_one(json!({"RouteTableId": "rtb-9", "NatGatewayAddresses": [{"PublicIp": "203.0.113.9"}]}), igw);
        assert_eq!(codes(&imported), [codes::NAT_ADDRESS_ZONE, codes::NAT_GATEWAY_ROUTE_TABLE]);
        let table = imported.network.route_tables.iter().find(|table| table.id.as_str() == "rtb-9").unwrap();
        let targets: Vec<_> = table.routes.iter().map(|route| route.target.clone()).collect();
        assert_eq!(targets, [Target::InternetGateway("igw-1".into()), Target::Local]);

        let imported = read_one(json!({"RouteTableId": null, "NatGatewayAddresses": []}), json!({}));
        let gateway = &imported.network.nat_gateways[0];
        assert_eq!(gateway.placement, Placement::Regional { route_table: "rtb-nat-1".into() });
        assert!(!gateway.available);
        assert_eq!(codes(&imported), [codes::NAT_GATEWAY_ROUTE_TABLE, codes::NAT_GATEWAY_WITHOUT_ADDRESS]);
    }

    #[test]
    fn gateways_that_are_not_there() {
        let imported = read_one(json!({"State": "Deleted"}), json!({}));
        assert_eq!((imported.network.nat_gateways.len(), ignored(&imported)), (0, vec!["nat-1"]));
        let imported = read_one(json!({"VpcId": "vpc-9"}), json!({}));
        assert_eq!((imported.network.nat_gateways.len(), ignored(&imported)), (0, vec!["nat-1"]));
        let imported = read_one(json!({"State": "pending", "NatGatewayAddresses": []}), json!({}));
        assert!(!imported.network.nat_gateways[0].available && codes(&imported).is_empty());
    }
}
