//! Gateway and interface endpoints.

use vpcemu_model::{Destination, EndpointKind, Id, Network, Route, RouteOrigin, Target, VpcEndpoint};

use super::of_known_vpc;
use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
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
                let (interfaces, unknown): (Vec<Id>, Vec<Id>) =
                    node.ids("NetworkInterfaceIds")?.into_iter().partition(|id| network.interface(id).is_some());
                for interface in unknown {
                    let text = format!("{interface} of {id} is not in the dump: nothing answers at its address");
                    notes.assume(codes::UNKNOWN_ENDPOINT_INTERFACE, interface, text);
                }
                EndpointKind::Interface { interfaces, udp: false }
            }
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
                let text = format!(
                    "the prefix list of {} is not in the dump: no route leads to {}",
                    endpoint.service, endpoint.id
                );
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
                "Groups": [{"GroupId": "sg-1"}]}],
            "VpcEndpoints": [endpoint("vpce-1", "interface", "available"), endpoint("vpce-2", "Interface", "rejected"),
                endpoint("vpce-3", "GatewayLoadBalancer", "available")],
        }));
        let [only] = &imported.network.vpc_endpoints[..] else { panic!() };
        assert_eq!(only.kind, EndpointKind::Interface { interfaces: vec!["eni-1".into()], udp: false });
        let interface = &imported.network.interfaces[0];
        assert!(interface.in_use && interface.kind == vpcemu_model::InterfaceKind::VpcEndpoint);
        assert_eq!(ignored(&imported), ["vpce-2", "vpce-3"]);
        assert_eq!(imported.network.assumptions[0].code, codes::UNKNOWN_ENDPOINT_INTERFACE);
    }
}
