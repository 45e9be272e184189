//! Routes: those of tables, those with a resource of their own, and what virtual private gateways propagate.

use std::collections::{HashMap, HashSet};

use ipnet::IpNet;
use serde_json::Value;

use super::Describer;
use super::objects::{Fields, append, fields, placed};
use super::route_table::TABLES;
use super::source::{Described, renamed, texts};
use crate::Error;
use crate::codes;
use crate::dump::Key;
use crate::node::Node;

/// Describes the routes of every table. Whatever they lead to has to be described by now.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    let mut own: HashMap<String, Vec<Fields>> = HashMap::new();
    for route in to.source.managed(&["aws_route"]) {
        let table = to.table(&route.required("route_table_id")?);
        if !to.objects.has(Key::RouteTables, &table) {
            to.unknown(route, &table);
            continue;
        }
        own.entry(table).or_default().push(described(&route.node(), to)?);
    }
    let (mut inline, propagating) = (inline(to)?, propagating(to)?);
    for table in to.objects.ids(Key::RouteTables) {
        let mut routes = own.remove(&table).unwrap_or_default();
        let known: HashSet<_> = routes.iter().filter_map(destination).collect();
        // A state repeats the routes that have their own resource in the table.
        let listed = inline.remove(&table).unwrap_or_default();
        routes.extend(listed.into_iter().filter(|it| destination(it).is_none_or(|it| !known.contains(&it))));
        for gateway in propagating.get(&table).into_iter().flatten() {
            propagated(gateway, &table, to, &mut routes)?;
        }
        if let Some(table) = to.objects.object_mut(Key::RouteTables, &table) {
            routes.into_iter().for_each(|route| append(table, "Routes", route));
        }
    }
    Ok(())
}

/// The routes that tables list themselves.
fn inline(to: &Describer<'_>) -> Result<HashMap<String, Vec<Fields>>, Error> {
    let mut inline = HashMap::new();
    for table in to.source.all(&TABLES) {
        let list = if table.is_data() { "routes" } else { "route" };
        let mut routes = Vec::new();
        for route in table.node().list(list)? {
            routes.push(described(&route, to)?);
        }
        inline.entry(to.table(&table.id()?)).or_insert(routes);
    }
    Ok(inline)
}

/// One route.
fn described(route: &Node<'_>, to: &Describer<'_>) -> Result<Fields, Error> {
    let mut described = renamed(route.map, &SAME);
    let text = |attribute| route.text(attribute);
    // What an attribute names may have another name for what it leads to.
    for (attribute, field, key) in NAMED {
        if let Some(name) = text(attribute)? {
            described.insert(field.to_owned(), Value::from(to.objects.id(key, &name)));
        }
    }
    if !["DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId"]
        .iter()
        .any(|field| described.contains_key(*field))
    {
        return Err(route.missing("cidr_block"));
    }
    if let Some(name) = text("instance_id")?
        && !described.contains_key("NetworkInterfaceId")
    {
        described.insert("InstanceId".to_owned(), Value::from(name));
    }
    if let Some(name) = text("gateway_id")? {
        let (field, id) = gateway(&name, to);
        described.entry(field).or_insert_with(|| Value::from(id));
    }
    Ok(placed(described, &route.path))
}

/// `gateway_id` takes several kinds of things. By its id AWS tells which it is, here by what it is the id of.
fn gateway(name: &str, to: &Describer<'_>) -> (&'static str, String) {
    for (field, key) in GATEWAYS {
        let id = to.objects.id(key, name);
        if to.objects.has(key, &id) {
            return (field, id);
        }
    }
    ("GatewayId", name.to_owned())
}

/// The destination in one form, to find the same again.
fn destination(route: &Fields) -> Option<String> {
    let text = |field| route.get(field).and_then(Value::as_str);
    let block = text("DestinationCidrBlock").or_else(|| text("DestinationIpv6CidrBlock"));
    let block = block.map(|block| block.parse().map_or_else(|_| block.to_owned(), |it: IpNet| it.trunc().to_string()));
    block.or_else(|| text("DestinationPrefixListId").map(str::to_owned))
}

/// The tables that learn the routes of virtual private gateways.
fn propagating(to: &Describer<'_>) -> Result<HashMap<String, Vec<String>>, Error> {
    let mut gateways: HashMap<String, Vec<String>> = HashMap::new();
    for table in to.source.all(&TABLES) {
        let of: &mut Vec<String> = gateways.entry(to.table(&table.id()?)).or_default();
        of.extend(texts(&table.node(), "propagating_vgws")?);
    }
    for propagation in to.source.managed(&["aws_vpn_gateway_route_propagation"]) {
        let table = to.table(&propagation.required("route_table_id")?);
        gateways.entry(table).or_default().push(propagation.required("vpn_gateway_id")?);
    }
    Ok(gateways)
}

/// What a gateway propagates: the static routes of its VPN connections. What it learns by BGP nobody writes.
fn propagated(gateway: &str, table: &str, to: &mut Describer<'_>, routes: &mut Vec<Fields>) -> Result<(), Error> {
    let already = |routes: &[Fields], block: &str| {
        let is = |route: &&Fields| destination(route).as_deref() == Some(block);
        routes.iter().any(|route| is(&route) && route.get("Origin") == Some(&Value::from(PROPAGATED)))
    };
    let mut any = false;
    for connection in to.source.all(&["aws_vpn_connection"]) {
        if connection.text("vpn_gateway_id")?.as_deref() != Some(gateway) {
            continue;
        }
        for (block, place) in static_routes(connection, to)? {
            any = true;
            if !already(routes, &block) {
                let route = fields([
                    ("DestinationCidrBlock", Value::from(block)),
                    ("GatewayId", Value::from(gateway)),
                    ("Origin", Value::from(PROPAGATED)),
                ]);
                routes.push(placed(route, &place));
            }
        }
    }
    if !any {
        let text = format!("what {gateway} propagates into {table} is written nowhere: the table has none of it");
        to.notes.assume(codes::UNKNOWN_PROPAGATED_ROUTES, table, text);
    }
    Ok(())
}

/// The static routes of a VPN connection, with their places; a state repeats them in the connection.
fn static_routes(connection: Described<'_>, to: &Describer<'_>) -> Result<Vec<(String, String)>, Error> {
    let id = connection.id()?;
    let mut routes = Vec::new();
    for route in to.source.managed(&["aws_vpn_connection_route"]) {
        if route.required("vpn_connection_id")? == id {
            routes.push((route.required("destination_cidr_block")?, route.address().to_owned()));
        }
    }
    for route in connection.node().list("routes")? {
        if let Some(block) = route.text("destination_cidr_block")? {
            routes.push((block, route.path));
        }
    }
    Ok(routes)
}

/// How AWS marks what a gateway has propagated.
const PROPAGATED: &str = "EnableVgwRoutePropagation";

/// Attributes of a route in a table, and of one with its own resource.
const SAME: [(&str, &str); 9] = [
    ("cidr_block", "DestinationCidrBlock"),
    ("destination_cidr_block", "DestinationCidrBlock"),
    ("ipv6_cidr_block", "DestinationIpv6CidrBlock"),
    ("destination_ipv6_cidr_block", "DestinationIpv6CidrBlock"),
    ("carrier_gateway_id", "CarrierGatewayId"),
    ("local_gateway_id", "LocalGatewayId"),
    ("core_network_arn", "CoreNetworkArn"),
    ("odb_network_arn", "OdbNetworkArn"),
    ("state", "State"),
];

/// Attributes that say what kind of thing they name.
const NAMED: [(&str, &str, Key); 7] = [
    ("destination_prefix_list_id", "DestinationPrefixListId", Key::PrefixLists),
    ("nat_gateway_id", "NatGatewayId", Key::NatGateways),
    ("egress_only_gateway_id", "EgressOnlyInternetGatewayId", Key::EgressOnlyInternetGateways),
    ("network_interface_id", "NetworkInterfaceId", Key::NetworkInterfaces),
    ("vpc_peering_connection_id", "VpcPeeringConnectionId", Key::VpcPeeringConnections),
    ("transit_gateway_id", "TransitGatewayId", Key::TransitGateways),
    ("vpc_endpoint_id", "VpcEndpointId", Key::VpcEndpoints),
];

/// What `gateway_id` may name, and the field for it.
const GATEWAYS: [(&str, Key); 7] = [
    ("GatewayId", Key::InternetGateways),
    ("GatewayId", Key::VpnGateways),
    ("NatGatewayId", Key::NatGateways),
    ("EgressOnlyInternetGatewayId", Key::EgressOnlyInternetGateways),
    ("VpcEndpointId", Key::VpcEndpoints),
    ("TransitGatewayId", Key::TransitGateways),
    ("VpcPeeringConnectionId", Key::VpcPeeringConnections),
];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vpcemu_model::{Destination, Network, RouteOrigin, Target};

    use crate::codes;
    use crate::notes::Notes;
    use crate::terraform::describe::testing::{codes, ignored, network, resource, vpc_and_subnet};
    use crate::terraform::resource::Resource;

    /// A table with these routes, and whatever else there is.
    fn with(routes: Value, more: impl IntoIterator<Item = Resource>) -> (Network, Notes) {
        let mut resources = vpc_and_subnet();
        resources.push(resource("aws_route_table.it", json!({"vpc_id": "aws_vpc.main", "route": routes})));
        resources.extend(more);
        network(&resources)
    }

    fn of_table(network: &Network) -> &[vpcemu_model::Route] {
        &network.route_tables.iter().find(|table| table.id.as_str() == "aws_route_table.it").unwrap().routes
    }

    fn to(route: &vpcemu_model::Route) -> String {
        match &route.destination {
            Destination::Cidr(block) => block.to_string(),
            Destination::PrefixList(list) => list.to_string(),
        }
    }

    #[test]
    fn a_gateway_is_what_its_id_is_of() {
        let gateways = || {
            let of = |kind: &str| resource(&format!("{kind}.it"), json!({"vpc_id": "aws_vpc.main"}));
            let nat = json!({"subnet_id": "aws_subnet.a", "private_ip": "10.0.1.9", "public_ip": "203.0.113.9"});
            let endpoint = json!({"vpc_id": "aws_vpc.main", "vpc_endpoint_type": "GatewayLoadBalancer", "subnet_ids": ["aws_subnet.a"]});
            [
                of("aws_internet_gateway"),
                of("aws_egress_only_internet_gateway"),
                of("aws_vpn_gateway"),
                resource("aws_nat_gateway.it", nat),
                resource("aws_vpc_endpoint.it", endpoint),
            ]
        };
        let target = |attribute: &str, named: &str| {
            let mut route =
                json!({"cidr_block": "0.0.0.0/0", "gateway_id": "", "nat_gateway_id": "", "ipv6_cidr_block": ""});
            route[attribute] = json!(named);
            let (network, notes) = with(json!([route]), gateways());
            assert!(!codes(&notes).contains(&codes::EDGE_TARGET), "{attribute} {named}");
            of_table(&network)[0].target.clone()
        };
        assert_eq!(target("gateway_id", "local"), Target::Local);
        let igw = "aws_internet_gateway.it";
        assert_eq!(target("gateway_id", igw), Target::InternetGateway(igw.into()));
        let vgw = "aws_vpn_gateway.it";
        assert_eq!(target("gateway_id", vgw), Target::VpnGateway(vgw.into()));
        let endpoint = "aws_vpc_endpoint.it";
        assert_eq!(target("gateway_id", endpoint), Target::VpcEndpoint(endpoint.into()));
        assert_eq!(target("vpc_endpoint_id", endpoint), Target::VpcEndpoint(endpoint.into()));
        let nat = "aws_nat_gateway.it";
        assert_eq!(target("gateway_id", nat), Target::NatGateway(nat.into()));
        assert_eq!(target("nat_gateway_id", nat), Target::NatGateway(nat.into()));
        let eigw = "aws_egress_only_internet_gateway.it";
        assert_eq!(target("egress_only_gateway_id", eigw), Target::EgressOnlyInternetGateway(eigw.into()));
    }

    #[test]
    fn a_state_repeats_routes_that_have_their_own_resource() {
        let repeated = json!([{"cidr_block": "192.0.2.0/24", "gateway_id": "local"}, {"cidr_block": "", "ipv6_cidr_block": "::/0", "gateway_id": "local"}]);
        let own = json!({"route_table_id": "aws_route_table.it", "destination_cidr_block": "192.0.2.7/24", "gateway_id": "local",
            "origin": "CreateRoute", "state": "active"});
        let lost = json!({"route_table_id": "rtb-9", "destination_cidr_block": "192.0.2.7/24"});
        let (network, notes) = with(repeated, [resource("aws_route.own", own), resource("aws_route.lost", lost)]);
        let routes = of_table(&network);
        let places: Vec<&str> = routes[..2].iter().map(|it| it.origin.path.as_deref().unwrap()).collect();
        assert_eq!(places, ["aws_route.own", "aws_route_table.it.route[1]"]);
        assert!(routes[2].origin.is_implicit() && routes.len() == 3);
        assert_eq!(ignored(&notes), ["aws_route.lost"]);
    }

    #[test]
    fn a_route_needs_a_destination() {
        let route =
            resource("aws_route_table.it", json!({"vpc_id": "aws_vpc.main", "route": [{"gateway_id": "local"}]}));
        let error = crate::terraform::describe::dump(&[route], &"a.json".into(), &mut Notes::default()).unwrap_err();
        assert_eq!(error.to_string(), "a.json: aws_route_table.it.route[0]: no cidr_block");
    }

    #[test]
    fn routes_lead_to_interfaces_of_instances_and_to_lists() {
        let instance = json!({"subnet_id": "aws_subnet.a", "private_ip": "10.0.1.9", "instance_type": "t3.nano", "vpc_security_group_ids": ["sg-1"]});
        let routes = json!([{"cidr_block": "10.1.0.0/16", "network_interface_id": "aws_instance.it"},
            {"cidr_block": "10.2.0.0/16", "network_interface_id": "aws_instance.it.primary_network_interface_id"},
            {"cidr_block": "10.3.0.0/16", "instance_id": "aws_instance.it"},
            {"destination_prefix_list_id": "aws_ec2_managed_prefix_list.it", "gateway_id": "local"}]);
        let list = resource("aws_ec2_managed_prefix_list.it", json!({"entry": [{"cidr": "192.0.2.0/24"}]}));
        let (network, _) = with(routes, [resource("aws_instance.it", instance), list]);
        let interface = Target::NetworkInterface("aws_instance.it.primary_network_interface_id".into());
        let routes = of_table(&network);
        assert!(routes[..3].iter().all(|route| route.target == interface), "{routes:?}");
        assert_eq!(to(&routes[3]), "aws_ec2_managed_prefix_list.it");
    }

    #[test]
    fn virtual_private_gateways_propagate_what_is_written() {
        let gateway = resource("aws_vpn_gateway.it", json!({"vpc_id": "aws_vpc.main"}));
        let propagation = json!({"vpn_gateway_id": "aws_vpn_gateway.it", "route_table_id": "aws_route_table.it"});
        let propagation = resource("aws_vpn_gateway_route_propagation.it", propagation);
        let (without, notes) = with(json!([]), [gateway.clone(), propagation.clone()]);
        assert_eq!((of_table(&without).len(), codes(&notes)), (1, vec![codes::UNKNOWN_PROPAGATED_ROUTES]));
        let connection =
            json!({"vpn_gateway_id": "aws_vpn_gateway.it", "routes": [{"destination_cidr_block": "192.168.0.0/16"}]});
        let route = json!({"vpn_connection_id": "aws_vpn_connection.it", "destination_cidr_block": "192.168.0.0/16"});
        let more = [
            gateway,
            propagation,
            resource("aws_vpn_connection.it", connection),
            resource("aws_vpn_connection_route.it", route),
        ];
        let (network, notes) = with(json!([]), more);
        let routes = of_table(&network);
        assert_eq!((to(&routes[0]).as_str(), routes[0].route_origin), ("192.168.0.0/16", RouteOrigin::Propagated));
        assert_eq!(routes[0].origin.path.as_deref(), Some("aws_vpn_connection_route.it"));
        assert_eq!((routes.len(), codes(&notes)), (2, vec![]));
    }
}
