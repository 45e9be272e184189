//! Gateway and interface endpoints, and those of Gateway Load Balancers.

use vpcemu_model::{
    Destination, EndpointKind, Id, InterfaceKind, Kind, Network, NetworkInterface, Route, RouteOrigin, Target,
    VpcEndpoint,
};

use super::made_interface::made;
use super::{of_known_vpc, suffix};
use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// Fills the endpoints that are available.
pub(super) fn read(dump: &Dump, network: &mut Network, notes: &mut Notes) -> Result<(), Error> {
    for node in dump.nodes(Key::VpcEndpoints) {
        let Some((id, vpc)) = of_known_vpc(&node, Key::VpcEndpoints, network, notes)? else { continue };
        if let Some(state) = node.state("State")?
            && state != "available"
        {
            notes.gone(id, node.origin(), &state);
            continue;
        }
        let kind = match node.state("VpcEndpointType")?.as_deref() {
            // The API's default.
            None | Some("gateway") => EndpointKind::Gateway { prefix_list: None },
            Some("interface") => {
                EndpointKind::Interface { interfaces: interfaces(&node, &id, network, notes)?, udp: false }
            }
            Some("gatewayloadbalancer") => match load_balancer_interface(&node, &id, dump, network, notes)? {
                Some(interface) => EndpointKind::GatewayLoadBalancer { interface },
                None => continue,
            },
            Some(other) => {
                notes.ignore(id, node.origin(), format!("endpoints of type {other} are not modelled"));
                continue;
            }
        };
        network.vpc_endpoints.push(VpcEndpoint {
            name: node.name()?,
            vpc,
            service: node.text("ServiceName")?.unwrap_or_else(|| id.to_string()),
            kind,
            origin: node.origin(),
            id,
        });
    }
    Ok(())
}

/// The interfaces of an interface endpoint. One that the dump does not list is made in a subnet that has none yet.
fn interfaces(node: &Node<'_>, id: &Id, network: &mut Network, notes: &mut Notes) -> Result<Vec<Id>, Error> {
    let (mut interfaces, unknown): (Vec<Id>, Vec<Id>) =
        node.ids("NetworkInterfaceIds")?.into_iter().partition(|id| network.interface(id).is_some());
    let there: Vec<Id> = interfaces.iter().filter_map(|id| network.interface(id).map(|it| it.subnet.clone())).collect();
    let mut subnets = node.ids("SubnetIds")?;
    subnets.retain(|subnet| network.subnet(subnet).is_some() && !there.contains(subnet));
    let mut subnets = subnets.into_iter();
    let mut groups = Vec::new();
    for group in node.list("Groups")? {
        groups.extend(group.id("GroupId")?);
    }
    for interface in unknown {
        let Some(subnet) = subnets.next() else {
            let text = format!("{interface} of {id} was not read: nothing answers at its address");
            notes.assume(codes::UNKNOWN_ENDPOINT_INTERFACE, interface, text);
            continue;
        };
        let made = made(interface, &subnet, InterfaceKind::VpcEndpoint, network, node.origin());
        let address = made.addresses().next().map_or_else(|| "no address".to_owned(), |it| it.to_string());
        let text = format!("{} of {id} was not read: taken to be in {subnet}, at {address}", made.id);
        notes.assume(codes::UNKNOWN_ENDPOINT_INTERFACE, &made.id, text);
        interfaces.push(made.id.clone());
        let (security_groups, source_dest_check) = (groups.clone(), true);
        network.interfaces.push(NetworkInterface { security_groups, source_dest_check, ..made });
    }
    Ok(interfaces)
}

/// The one interface of a Gateway Load Balancer's endpoint (semantics 10.14), made in its subnet where the dump has none.
fn load_balancer_interface(
    node: &Node<'_>,
    id: &Id,
    dump: &Dump,
    network: &mut Network,
    notes: &mut Notes,
) -> Result<Option<Id>, Error> {
    let named = node.ids("NetworkInterfaceIds")?;
    if let Some(interface) = named.iter().find(|id| network.interface(id).is_some()) {
        return Ok(Some(interface.clone()));
    }
    let subnets = node.ids("SubnetIds")?;
    let Some(subnet) = subnets.iter().find(|subnet| network.subnet(subnet).is_some()) else {
        notes.ignore(id, node.origin(), "its subnet was not read");
        return Ok(None);
    };
    let interface = named.into_iter().next().unwrap_or_else(|| Id::of(Kind::NetworkInterface, suffix(id)));
    if network.interface(&interface).is_some() {
        notes.ignore(id, node.origin(), format!("{interface}, as its interface would be called, is something else"));
        return Ok(None);
    }
    if dump.has(Key::NetworkInterfaces) && !dump.is_of_configuration() {
        let text = format!("{interface} of {id} was not read: made in {subnet}");
        notes.assume(codes::UNKNOWN_ENDPOINT_INTERFACE, &interface, text);
    }
    let kind = InterfaceKind::GatewayLoadBalancerEndpoint;
    let interface = made(interface, subnet, kind, network, node.origin());
    let id = interface.id.clone();
    network.interfaces.push(interface);
    Ok(Some(id))
}

/// Gives gateway endpoints their prefix lists, and the tables that they are in their routes: AWS keeps those itself.
pub(super) fn routes(dump: &Dump, network: &mut Network, notes: &mut Notes) -> Result<(), Error> {
    let Network { vpc_endpoints, route_tables, prefix_lists, .. } = network;
    for endpoint in vpc_endpoints {
        let EndpointKind::Gateway { prefix_list } = &mut endpoint.kind else { continue };
        let target = Target::VpcEndpoint(endpoint.id.clone());
        let routed = route_tables.iter().flat_map(|table| &table.routes).find_map(|route| match &route.destination {
            Destination::PrefixList(list) if route.target == target => Some(list),
            _ => None,
        });
        let named = prefix_lists.iter().find(|list| list.name.as_ref() == Some(&endpoint.service));
        if prefix_list.is_none() {
            *prefix_list = routed.or_else(|| named.map(|list| &list.id)).cloned();
        }
        let mut tables = Vec::new();
        for node in dump.nodes(Key::VpcEndpoints) {
            if node.id("VpcEndpointId")?.as_ref() == Some(&endpoint.id) {
                tables = node.ids("RouteTableIds")?;
            }
        }
        for table in route_tables.iter_mut().filter(|table| tables.contains(&table.id)) {
            if table.routes.iter().any(|route| route.target == target) {
                continue;
            }
            let Some(list) = prefix_list else {
                let text =
                    format!("the prefix list of {} was not read: no route leads to {}", endpoint.service, endpoint.id);
                notes.assume(codes::PREFIX_LIST_WITHOUT_ENTRIES, &endpoint.id, text);
                break;
            };
            table.routes.push(Route {
                destination: Destination::PrefixList(list.clone()),
                target: target.clone(),
                route_origin: RouteOrigin::Static,
                active: true,
                origin: endpoint.origin.clone(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::build::testing::{ignored, import_over};

    #[test]
    fn gateway_endpoints_route_in_their_tables() {
        let imported = import_over(json!({
            "VpcEndpoints": [{"VpcEndpointId": "vpce-1", "VpcEndpointType": "Gateway", "VpcId": "vpc-1", "State": "Available",
                "ServiceName": "com.amazonaws.x.s3", "RouteTableIds": ["rtb-1"]}],
            "PrefixLists": [{"PrefixListId": "pl-1", "PrefixListName": "com.amazonaws.x.s3", "Cidrs": ["52.0.0.0/8"]}],
        }));
        let kind = EndpointKind::Gateway { prefix_list: Some("pl-1".into()) };
        assert_eq!(imported.network.vpc_endpoints[0].kind, kind);
        let route = &imported.network.route_tables[0].routes[1];
        assert_eq!(route.destination, Destination::PrefixList("pl-1".into()));
        assert_eq!(route.target, Target::VpcEndpoint("vpce-1".into()));
        assert_eq!(imported.network.assumptions, []);
    }

    #[test]
    fn interface_endpoints_own_their_interfaces() {
        let endpoint = |id: &str, kind: &str, state: &str| {
            json!({"VpcEndpointId": id, "VpcEndpointType": kind,
            "VpcId": "vpc-1", "State": state, "ServiceName": "x", "NetworkInterfaceIds": ["eni-1", "eni-2"]})
        };
        let imported = import_over(json!({
            "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "Status": "available",
                "PrivateIpAddress": "10.0.1.5", "Groups": [{"GroupId": "sg-1"}]}],
            "VpcEndpoints": [endpoint("vpce-1", "interface", "available"), endpoint("vpce-2", "Interface", "rejected"),
                endpoint("vpce-3", "Resource", "available")],
        }));
        let [only] = &imported.network.vpc_endpoints[..] else { panic!() };
        assert_eq!(only.kind, EndpointKind::Interface { interfaces: vec!["eni-1".into()], udp: false });
        let interface = &imported.network.interfaces[0];
        assert!(interface.in_use && interface.kind == InterfaceKind::VpcEndpoint);
        assert_eq!(ignored(&imported), ["vpce-2", "vpce-3"]);
        assert_eq!(imported.network.assumptions[0].code, codes::UNKNOWN_ENDPOINT_INTERFACE);
    }

    #[test]
    fn interfaces_that_are_not_listed_are_made_where_the_endpoint_is() {
        let imported = import_over(json!({
            "Subnets": [
                {"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24"},
                {"SubnetId": "subnet-2", "VpcId": "vpc-1", "CidrBlock": "10.0.2.0/24"}],
            "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "Groups": [{"GroupId": "sg-1"}],
                "PrivateIpAddress": "10.0.1.4"}],
            "VpcEndpoints": [{"VpcEndpointId": "vpce-1", "VpcEndpointType": "Interface", "VpcId": "vpc-1", "ServiceName": "x",
                "SubnetIds": ["subnet-1", "subnet-2", "subnet-9"], "NetworkInterfaceIds": ["eni-2", "eni-1", "eni-3"],
                "Groups": [{"GroupId": "sg-1"}]}],
        }));
        let interfaces = vec!["eni-1".into(), "eni-2".into()];
        assert_eq!(imported.network.vpc_endpoints[0].kind, EndpointKind::Interface { interfaces, udp: false });
        let made = &imported.network.interfaces[1];
        assert_eq!((made.subnet.as_str(), made.ipv4[0].private.to_string()), ("subnet-2", "10.0.2.4".to_owned()));
        assert_eq!((made.kind, &made.security_groups[..]), (InterfaceKind::VpcEndpoint, &["sg-1".into()][..]));
        let places: Vec<_> =
            imported.network.assumptions.iter().map(|it| (it.code.as_str(), it.place.as_str())).collect();
        let code = codes::UNKNOWN_ENDPOINT_INTERFACE;
        assert_eq!(places, [(code, "eni-2"), (code, "eni-3")]);
    }

    #[test]
    fn load_balancer_endpoints_have_one_interface_and_are_routed_to() {
        let over = |interfaces: serde_json::Value| {
            json!({
                "NetworkInterfaces": interfaces,
                "VpcEndpoints": [{"VpcEndpointId": "vpce-1", "VpcEndpointType": "GatewayLoadBalancer", "VpcId": "vpc-1",
                    "State": "available", "ServiceName": "com.amazonaws.vpce.x.vpce-svc-1", "SubnetIds": ["subnet-1"],
                    "NetworkInterfaceIds": ["eni-1"]}],
                "RouteTables": [{"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": true}], "Routes": [
                    {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "vpce-1", "State": "active"},
                    {"DestinationCidrBlock": "192.0.2.0/24", "VpcEndpointId": "vpce-1", "State": "active"}]}],
            })
        };
        let listed = json!([{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "Status": "in-use",
            "InterfaceType": "gateway_load_balancer_endpoint", "RequesterManaged": true, "Groups": [],
            "Description": "VPC Endpoint Interface vpce-1", "PrivateIpAddress": "10.0.1.77"}]);
        for (interfaces, address, assumed) in [
            (listed, "10.0.1.77", vec![]),
            (json!([]), "10.0.1.4", vec![codes::UNKNOWN_ENDPOINT_INTERFACE]),
            (json!(null), "10.0.1.4", vec![codes::MISSING_NETWORK_INTERFACES]),
        ] {
            let imported = import_over(over(interfaces));
            let kind = &imported.network.vpc_endpoints[0].kind;
            assert_eq!(*kind, EndpointKind::GatewayLoadBalancer { interface: "eni-1".into() });
            let [interface] = &imported.network.interfaces[..] else { panic!() };
            assert_eq!(interface.kind, InterfaceKind::GatewayLoadBalancerEndpoint);
            assert_eq!(interface.ipv4[0].private.to_string(), address);
            assert!(interface.in_use && !interface.source_dest_check && interface.security_groups.is_empty());
            let targets = imported.network.route_tables[0].routes[..2].iter().map(|it| &it.target);
            assert_eq!(targets.collect::<Vec<_>>(), [&Target::VpcEndpoint("vpce-1".into()); 2]);
            let noted: Vec<_> = imported.network.assumptions.iter().map(|it| it.code.as_str()).collect();
            assert_eq!(noted, assumed);
        }
        let mut elsewhere = over(json!([]));
        elsewhere["VpcEndpoints"][0]["SubnetIds"] = json!(["subnet-9"]);
        let imported = import_over(elsewhere);
        assert_eq!(ignored(&imported), ["vpce-1"]);
        assert_eq!(imported.network.route_tables[0].routes[0].target, Target::Edge("vpce-1".into()));
    }
}
