//! Endpoints of gateways, interfaces and Gateway Load Balancers.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::objects::fields;
use super::security_group::named;
use super::source::Described;
use super::{Describer, Fields, interface};
use crate::Error;
use crate::dump::Key;

/// Describes them; route tables have to have their names by now.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    for endpoint in to.source.all(&["aws_vpc_endpoint"]) {
        let id = endpoint.id()?;
        let mut described = endpoint.fields(&SAME);
        let tables =
            linked(endpoint, "route_table_ids", ("aws_vpc_endpoint_route_table_association", "route_table_id"), to)?;
        let tables: Vec<String> = tables.iter().map(|table| to.table(table)).collect();
        let subnets = linked(endpoint, "subnet_ids", ("aws_vpc_endpoint_subnet_association", "subnet_id"), to)?;
        let groups = groups(endpoint, to)?;
        let kind = endpoint.node().state("vpc_endpoint_type")?;
        let interfaces = match kind.as_deref() {
            Some("interface" | "gatewayloadbalancer") => interfaces(endpoint, &subnets, &groups, to)?,
            _ => Vec::new(),
        };
        interface::groups_of(&mut described, groups, subnets.first().map(String::as_str), to);
        described.extend(fields([
            ("VpcId", Value::from(endpoint.text("vpc_id")?)),
            ("RouteTableIds", Value::from(tables)),
            ("SubnetIds", Value::from(subnets)),
            ("NetworkInterfaceIds", Value::from(interfaces)),
        ]));
        to.objects.add(Key::VpcEndpoints, &id, described, endpoint.address());
    }
    Ok(())
}

/// The ids of an attribute, and those that resources of their own link with the endpoint; a state has them in both.
fn linked(
    endpoint: Described<'_>,
    attribute: &str,
    (by, of): (&str, &'static str),
    to: &Describer<'_>,
) -> Result<Vec<String>, Error> {
    let id = endpoint.id()?;
    let mut all = endpoint.texts(attribute)?;
    for link in to.source.managed(&[by]) {
        if link.required("vpc_endpoint_id")? == id {
            all.push(link.required(of)?);
        }
    }
    let mut once = HashSet::new();
    all.retain(|id| once.insert(id.clone()));
    Ok(all)
}

/// The groups of its interfaces. One that is linked takes the place of the default one, where that is asked for.
fn groups(endpoint: Described<'_>, to: &Describer<'_>) -> Result<Vec<String>, Error> {
    let vpc = endpoint.text("vpc_id")?;
    let default = vpc.and_then(|vpc| to.made.get(&(Key::SecurityGroups, vpc)).cloned());
    let mut all: Vec<String> = endpoint.texts("security_group_ids")?.iter().map(|group| named(group, to)).collect();
    for link in to.source.managed(&["aws_vpc_endpoint_security_group_association"]) {
        if link.required("vpc_endpoint_id")? != endpoint.id()? {
            continue;
        }
        if all.is_empty() {
            // It has had the default one from the beginning.
            all.extend(default.clone());
        }
        if link.node().flag("replace_default_association")?.unwrap_or(false) {
            all.retain(|group| Some(group) != default.as_ref());
        }
        let group = named(&link.required("security_group_id")?, to);
        if !all.contains(&group) {
            all.push(group);
        }
    }
    Ok(all)
}

/// The interfaces, one in each subnet. Which of them is in which subnet, and at which address, only configurations that ask
/// for addresses say, or data sources of the interfaces.
fn interfaces(
    endpoint: Described<'_>,
    subnets: &[String],
    groups: &[String],
    to: &mut Describer<'_>,
) -> Result<Vec<String>, Error> {
    let named = endpoint.texts("network_interface_ids")?;
    let (known, mut unknown): (Vec<String>, Vec<String>) =
        named.into_iter().partition(|id| to.objects.has(Key::NetworkInterfaces, id));
    let there: Vec<String> = known
        .iter()
        .filter_map(|id| to.objects.text(Key::NetworkInterfaces, id, "SubnetId").map(str::to_owned))
        .collect();
    let mut all = known;
    for (at, subnet) in subnets.iter().enumerate().filter(|(_, subnet)| !there.contains(subnet)) {
        let made = endpoint.address_of(&format!("network_interface_ids[{at}]"));
        let id = if unknown.is_empty() { made } else { unknown.remove(0) };
        if let Some(addresses) = asked_addresses(endpoint, subnet)? {
            let mut described = addresses;
            interface::groups_of(&mut described, groups.to_vec(), Some(subnet), to);
            described.extend(fields([
                ("SubnetId", Value::from(subnet.as_str())),
                ("InterfaceType", Value::from("vpc_endpoint")),
                ("RequesterManaged", Value::from(true)),
            ]));
            to.objects.add(Key::NetworkInterfaces, &id, described, endpoint.address());
        }
        all.push(id);
    }
    all.extend(unknown);
    Ok(all)
}

/// The addresses that are asked for in a subnet.
fn asked_addresses(endpoint: Described<'_>, subnet: &str) -> Result<Option<Fields>, Error> {
    for asked in endpoint.node().list("subnet_configuration")? {
        if asked.text("subnet_id")?.as_deref() != Some(subnet) {
            continue;
        }
        let (ipv4, ipv6) = (asked.text("ipv4")?, asked.text("ipv6")?);
        if ipv4.is_some() || ipv6.is_some() {
            let ipv6: Vec<Value> = ipv6.into_iter().map(|it| json!({"Ipv6Address": it})).collect();
            return Ok(Some(fields([("PrivateIpAddress", Value::from(ipv4)), ("Ipv6Addresses", Value::from(ipv6))])));
        }
    }
    Ok(None)
}

const SAME: [(&str, &str); 6] = [
    ("vpc_endpoint_type", "VpcEndpointType"),
    ("service_name", "ServiceName"),
    ("state", "State"),
    ("ip_address_type", "IpAddressType"),
    ("private_dns_enabled", "PrivateDnsEnabled"),
    ("owner_id", "OwnerId"),
];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vpcemu_model::{Destination, EndpointKind, InterfaceKind, Network, Peer, Target};

    use crate::codes;
    use crate::notes::Notes;
    use crate::terraform::describe::testing::{codes, ignored, network, resource, vpc_and_subnet};
    use crate::terraform::resource::Resource;

    fn with(endpoint: Value, more: impl IntoIterator<Item = Resource>) -> (Network, Notes) {
        let mut all = json!({"vpc_id": "aws_vpc.main", "service_name": "com.amazonaws.us-east-1.s3", "vpc_endpoint_type": "Gateway"});
        all.as_object_mut().unwrap().extend(endpoint.as_object().unwrap().clone());
        let mut resources = vpc_and_subnet();
        resources.push(resource("aws_vpc_endpoint.it", all));
        resources.extend(more);
        network(&resources)
    }

    fn table(name: &str) -> Resource {
        resource(&format!("aws_route_table.{name}"), json!({"vpc_id": "aws_vpc.main"}))
    }

    #[test]
    fn gateway_endpoints_route_in_their_tables() {
        let association = json!({"route_table_id": "aws_route_table.b", "vpc_endpoint_id": "aws_vpc_endpoint.it"});
        let main =
            json!({"route_table_id": "aws_vpc.main.main_route_table_id", "vpc_endpoint_id": "aws_vpc_endpoint.it"});
        let (network, notes) = with(
            json!({"route_table_ids": ["aws_route_table.a"], "prefix_list_id": "pl-1", "cidr_blocks": ["52.0.0.0/8"]}),
            [
                table("a"),
                table("b"),
                table("c"),
                resource("aws_vpc_endpoint_route_table_association.it", association),
                resource("aws_vpc_endpoint_route_table_association.main", main),
            ],
        );
        let kind = EndpointKind::Gateway { prefix_list: Some("pl-1".into()) };
        assert_eq!((network.vpc_endpoints[0].kind.clone(), network.prefix_lists[0].entries.len()), (kind, 1));
        let target = Target::VpcEndpoint("aws_vpc_endpoint.it".into());
        let routed = network.route_tables.iter().filter(|table| {
            table
                .routes
                .iter()
                .any(|it| it.target == target && it.destination == Destination::PrefixList("pl-1".into()))
        });
        let routed: Vec<&str> = routed.map(|table| table.id.as_str()).collect();
        assert_eq!(routed, ["aws_vpc.main.default_route_table_id", "aws_route_table.a", "aws_route_table.b"]);
        assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec![]));
    }

    #[test]
    fn the_blocks_of_a_service_may_be_known_elsewhere_or_not_at_all() {
        let blocks = json!({"id": "pl-1", "name": "com.amazonaws.us-east-1.s3", "cidr_blocks": ["52.0.0.0/8"]});
        let tables = json!({"route_table_ids": ["aws_route_table.a"]});
        let (network, notes) = with(tables.clone(), [table("a"), resource("data.aws_prefix_list.s3", blocks)]);
        let table_a = network.route_tables.iter().find(|table| table.id.as_str() == "aws_route_table.a").unwrap();
        assert_eq!((table_a.routes.len(), codes(&notes)), (2, vec![]));
        let rule = json!({"security_group_id": "aws_vpc.main.default_security_group_id", "type": "egress", "protocol": "-1",
            "prefix_list_ids": ["aws_vpc_endpoint.it.prefix_list_id"]});
        let (network, notes) = with(tables, [table("a"), resource("aws_security_group_rule.it", rule)]);
        assert_eq!(codes(&notes), [codes::PREFIX_LIST_WITHOUT_ENTRIES]);
        assert_eq!(network.prefix_lists[0].id.as_str(), "aws_vpc_endpoint.it.prefix_list_id");
        let list = Peer::PrefixList(network.prefix_lists[0].id.clone());
        assert!(network.security_groups[0].egress.iter().any(|rule| rule.peer == list));
    }

    #[test]
    fn interface_endpoints_come_with_an_interface_in_each_subnet() {
        let second = resource("aws_subnet.b", json!({"vpc_id": "aws_vpc.main", "cidr_block": "10.0.2.0/24"}));
        let of_second = json!({"subnet_id": "aws_subnet.b", "vpc_endpoint_id": "aws_vpc_endpoint.it"});
        let group = resource("aws_security_group.a", json!({"vpc_id": "aws_vpc.main"}));
        let endpoint = json!({"vpc_endpoint_type": "Interface", "subnet_ids": ["aws_subnet.a"], "security_group_ids": ["aws_security_group.a"],
            "subnet_configuration": [{"subnet_id": "aws_subnet.b", "ipv4": "10.0.2.77"}]});
        let (network, notes) =
            with(endpoint, [second, group, resource("aws_vpc_endpoint_subnet_association.b", of_second)]);
        let EndpointKind::Interface { interfaces, .. } = &network.vpc_endpoints[0].kind else { panic!() };
        assert_eq!(interfaces.len(), 2);
        let it = "aws_vpc_endpoint.it.network_interface_ids";
        for (id, subnet, address) in [("[0]", "aws_subnet.a", "10.0.1.4"), ("[1]", "aws_subnet.b", "10.0.2.77")] {
            let interface = network.interface(&format!("{it}{id}").as_str().into()).unwrap();
            assert!(interfaces.contains(&interface.id) && interface.in_use);
            assert_eq!(interface.kind, InterfaceKind::VpcEndpoint);
            assert_eq!(
                (interface.subnet.as_str(), interface.ipv4[0].private.to_string()),
                (subnet, address.to_owned())
            );
            assert_eq!(interface.security_groups, ["aws_security_group.a".into()]);
        }
        // Only one of the addresses is a guess.
        assert_eq!((codes(&notes), ignored(&notes)), (vec![codes::UNKNOWN_ENDPOINT_INTERFACE], vec![]));
    }

    #[test]
    fn data_sources_may_show_the_interfaces() {
        let endpoint = json!({"vpc_endpoint_type": "Interface", "subnet_ids": ["aws_subnet.a"], "network_interface_ids": ["eni-1"]});
        let shown = json!({"id": "eni-1", "subnet_id": "aws_subnet.a", "private_ip": "10.0.1.55", "interface_type": "vpc_endpoint",
            "security_groups": ["aws_vpc.main.default_security_group_id"]});
        let (network, notes) = with(endpoint, [resource("data.aws_network_interface.it", shown)]);
        let [interface] = &network.interfaces[..] else { panic!() };
        assert_eq!(
            (interface.id.as_str(), interface.ipv4[0].private.octets()[3], interface.in_use),
            ("eni-1", 55, true)
        );
        assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec![]));
    }

    #[test]
    fn a_group_that_is_linked_comes_beside_the_default_one_or_instead() {
        let groups = |over: Value, written: Value| {
            let mut link =
                json!({"vpc_endpoint_id": "aws_vpc_endpoint.it", "security_group_id": "aws_security_group.a"});
            link.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
            let endpoint = json!({"vpc_endpoint_type": "Interface", "subnet_ids": ["aws_subnet.a"], "security_group_ids": written});
            let group = resource("aws_security_group.a", json!({"vpc_id": "aws_vpc.main"}));
            let (network, _) =
                with(endpoint, [group, resource("aws_vpc_endpoint_security_group_association.it", link)]);
            network.interfaces[0].security_groups.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let default = "aws_vpc.main.default_security_group_id";
        assert_eq!(groups(json!({}), json!(null)), [default, "aws_security_group.a"]);
        assert_eq!(groups(json!({"replace_default_association": true}), json!([])), ["aws_security_group.a"]);
        assert_eq!(
            groups(json!({"replace_default_association": true}), json!([default, "aws_security_group.a"])),
            ["aws_security_group.a"]
        );
        let (network, _) = with(json!({"vpc_endpoint_type": "Interface", "subnet_ids": ["aws_subnet.a"]}), []);
        assert_eq!(network.interfaces[0].security_groups, [default.into()]);
    }
}
