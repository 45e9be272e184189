//! Whatever attributes hold, describing ends with a network or with an error that names the place.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use vpcemu_model::validate;

use super::dump;
use super::testing::{network, resource};
use crate::notes::Notes;
use crate::terraform::resource::Resource;

/// One resource at least of every type that is described.
fn everything() -> Vec<Resource> {
    let vpc = "aws_vpc.a";
    let tgw = "aws_ec2_transit_gateway.a";
    let attachment = "aws_ec2_transit_gateway_vpc_attachment.a";
    let table = "aws_ec2_transit_gateway_route_table.a";
    let rule = |more: Value| {
        let mut rule = json!({"protocol": "tcp", "from_port": 80, "to_port": 81, "cidr_blocks": ["10.0.0.0/8"], "security_groups": ["aws_security_group.a"],
            "self": true, "rule_no": 100, "action": "allow", "cidr_block": "0.0.0.0/0"});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    };
    let of_tables = json!({"transit_gateway_route_table_id": table, "transit_gateway_attachment_id": attachment,
        "transit_gateway_id": tgw, "destination_cidr_block": "192.168.0.0/16", "prefix_list_id": "aws_ec2_managed_prefix_list.a"});
    let described = [
        (
            "aws_vpc",
            json!({"cidr_block": "10.0.0.0/16", "ipv6_cidr_block": "2001:db8::/56", "arn": "arn:aws:ec2:us-east-1:1:vpc/a"}),
        ),
        ("aws_default_vpc", json!({"cidr_block": "172.31.0.0/16"})),
        ("aws_vpc_ipv4_cidr_block_association", json!({"vpc_id": vpc, "cidr_block": "10.1.0.0/16"})),
        ("aws_vpc_ipv6_cidr_block_association", json!({"vpc_id": vpc, "ipv6_cidr_block": "2001:db9::/56"})),
        (
            "aws_subnet",
            json!({"vpc_id": vpc, "cidr_block": "10.0.1.0/24", "availability_zone": "us-east-1a", "map_public_ip_on_launch": true}),
        ),
        ("aws_default_subnet", json!({"cidr_block": "172.31.0.0/20", "availability_zone": "us-east-1a"})),
        ("aws_internet_gateway", json!({})),
        ("aws_internet_gateway_attachment", json!({"internet_gateway_id": "aws_internet_gateway.a", "vpc_id": vpc})),
        ("aws_egress_only_internet_gateway", json!({"vpc_id": vpc})),
        (
            "aws_nat_gateway",
            json!({"subnet_id": "aws_subnet.a", "allocation_id": "aws_eip.a", "private_ip": "10.0.1.9"}),
        ),
        (
            "aws_nat_gateway_eip_association",
            json!({"nat_gateway_id": "aws_nat_gateway.a", "allocation_id": "aws_eip.a"}),
        ),
        ("aws_eip", json!({"public_ip": "203.0.113.1", "private_ip": null})),
        ("aws_eip_association", json!({"allocation_id": "aws_eip.b", "instance_id": "aws_instance.a"})),
        (
            "aws_route_table",
            json!({"vpc_id": vpc, "propagating_vgws": ["aws_vpn_gateway.a"], "route": [{"cidr_block": "0.0.0.0/0", "gateway_id": "aws_internet_gateway.a"}]}),
        ),
        ("aws_default_route_table", json!({"default_route_table_id": vpc, "route": []})),
        ("aws_route_table_association", json!({"route_table_id": "aws_route_table.a", "subnet_id": "aws_subnet.a"})),
        ("aws_main_route_table_association", json!({"route_table_id": "aws_route_table.a", "vpc_id": vpc})),
        (
            "aws_route",
            json!({"route_table_id": "aws_route_table.a", "destination_cidr_block": "10.9.0.0/16", "nat_gateway_id": "aws_nat_gateway.a"}),
        ),
        (
            "aws_network_acl",
            json!({"vpc_id": vpc, "subnet_ids": ["aws_subnet.a"], "ingress": [rule(json!({}))], "egress": []}),
        ),
        ("aws_default_network_acl", json!({"default_network_acl_id": vpc, "ingress": [rule(json!({}))]})),
        (
            "aws_network_acl_rule",
            json!({"network_acl_id": "aws_network_acl.a", "rule_number": 90, "rule_action": "deny", "protocol": "1", "icmp_type": -1, "icmp_code": -1, "cidr_block": "0.0.0.0/0"}),
        ),
        ("aws_network_acl_association", json!({"network_acl_id": "aws_network_acl.a", "subnet_id": "aws_subnet.a"})),
        (
            "aws_security_group",
            json!({"vpc_id": vpc, "name": "web", "ingress": [rule(json!({"protocol": "-1"}))], "egress": []}),
        ),
        ("aws_default_security_group", json!({"vpc_id": vpc, "ingress": [rule(json!({}))]})),
        (
            "aws_security_group_rule",
            json!({"security_group_id": "aws_security_group.a", "type": "egress", "protocol": "6", "from_port": 1, "to_port": 2, "cidr_blocks": ["10.0.0.0/8"]}),
        ),
        (
            "aws_vpc_security_group_ingress_rule",
            json!({"security_group_id": "aws_security_group.a", "ip_protocol": "-1", "cidr_ipv4": "10.0.0.0/8"}),
        ),
        (
            "aws_vpc_security_group_egress_rule",
            json!({"security_group_id": "aws_security_group.a", "ip_protocol": "udp", "from_port": 53, "to_port": 53, "prefix_list_id": "aws_ec2_managed_prefix_list.a"}),
        ),
        (
            "aws_vpc_security_group_vpc_association",
            json!({"security_group_id": "aws_security_group.a", "vpc_id": "aws_default_vpc.a"}),
        ),
        (
            "aws_network_interface",
            json!({"subnet_id": "aws_subnet.a", "private_ips": ["10.0.1.20"], "attachment": [{"instance": "aws_instance.a", "device_index": 1}]}),
        ),
        (
            "aws_network_interface_attachment",
            json!({"network_interface_id": "aws_network_interface.a", "instance_id": "aws_instance.a", "device_index": 1}),
        ),
        (
            "aws_network_interface_sg_attachment",
            json!({"network_interface_id": "aws_instance.a", "security_group_id": "aws_security_group.a"}),
        ),
        (
            "aws_instance",
            json!({"subnet_id": "aws_subnet.a", "private_ip": "10.0.1.10", "instance_type": "t3.nano", "ipv6_addresses": ["2001:db8::10"], "instance_state": "running"}),
        ),
        (
            "aws_vpc_endpoint",
            json!({"vpc_id": vpc, "service_name": "s3", "vpc_endpoint_type": "Interface", "subnet_ids": ["aws_subnet.a"], "subnet_configuration": [{"subnet_id": "aws_subnet.a", "ipv4": "10.0.1.30"}]}),
        ),
        (
            "aws_vpc_endpoint_route_table_association",
            json!({"vpc_endpoint_id": "aws_vpc_endpoint.a", "route_table_id": "aws_route_table.a"}),
        ),
        (
            "aws_vpc_endpoint_subnet_association",
            json!({"vpc_endpoint_id": "aws_vpc_endpoint.a", "subnet_id": "aws_subnet.a"}),
        ),
        (
            "aws_vpc_endpoint_security_group_association",
            json!({"vpc_endpoint_id": "aws_vpc_endpoint.a", "security_group_id": "aws_security_group.a", "replace_default_association": true}),
        ),
        ("aws_ec2_managed_prefix_list", json!({"name": "corp", "entry": [{"cidr": "192.0.2.0/24"}]})),
        (
            "aws_ec2_managed_prefix_list_entry",
            json!({"prefix_list_id": "aws_ec2_managed_prefix_list.a", "cidr": "192.0.2.0/25"}),
        ),
        (
            "aws_flow_log",
            json!({"vpc_id": vpc, "traffic_type": "ALL", "destination_options": [{"file_format": "parquet"}]}),
        ),
        (
            "aws_vpc_peering_connection",
            json!({"vpc_id": vpc, "peer_vpc_id": "aws_default_vpc.a", "auto_accept": true, "peer_region": "eu-west-1"}),
        ),
        (
            "aws_vpc_peering_connection_accepter",
            json!({"vpc_peering_connection_id": "aws_vpc_peering_connection.a", "auto_accept": true}),
        ),
        ("aws_vpc_peering_connection_options", json!({"vpc_peering_connection_id": "aws_vpc_peering_connection.a"})),
        ("aws_ec2_transit_gateway", json!({})),
        (
            "aws_ec2_transit_gateway_vpc_attachment",
            json!({"transit_gateway_id": tgw, "vpc_id": vpc, "subnet_ids": ["aws_subnet.a"]}),
        ),
        (
            "aws_ec2_transit_gateway_vpc_attachment_accepter",
            json!({"transit_gateway_attachment_id": attachment, "transit_gateway_id": tgw, "vpc_id": vpc}),
        ),
        ("aws_ec2_transit_gateway_peering_attachment", json!({"transit_gateway_id": tgw})),
        ("aws_ec2_transit_gateway_connect", json!({"transit_gateway_id": tgw})),
        ("aws_dx_gateway_association", json!({"transit_gateway_id": tgw})),
        ("aws_ec2_transit_gateway_route_table", of_tables.clone()),
        ("aws_ec2_transit_gateway_route_table_association", of_tables.clone()),
        ("aws_ec2_transit_gateway_route_table_propagation", of_tables.clone()),
        ("aws_ec2_transit_gateway_default_route_table_association", of_tables.clone()),
        ("aws_ec2_transit_gateway_default_route_table_propagation", of_tables.clone()),
        ("aws_ec2_transit_gateway_route", of_tables.clone()),
        ("aws_ec2_transit_gateway_prefix_list_reference", of_tables),
        ("aws_vpn_gateway", json!({"vpc_id": vpc})),
        ("aws_vpn_gateway_attachment", json!({"vpn_gateway_id": "aws_vpn_gateway.a", "vpc_id": vpc})),
        (
            "aws_vpn_gateway_route_propagation",
            json!({"vpn_gateway_id": "aws_vpn_gateway.a", "route_table_id": "aws_route_table.a"}),
        ),
        (
            "aws_vpn_connection",
            json!({"vpn_gateway_id": "aws_vpn_gateway.a", "routes": [{"destination_cidr_block": "192.168.0.0/16"}]}),
        ),
        (
            "aws_vpn_connection_route",
            json!({"vpn_connection_id": "aws_vpn_connection.a", "destination_cidr_block": "192.168.0.0/16"}),
        ),
        ("aws_vpc_block_public_access_options", json!({"internet_gateway_block_mode": "off"})),
        (
            "aws_vpc_block_public_access_exclusion",
            json!({"vpc_id": vpc, "internet_gateway_exclusion_mode": "allow-egress"}),
        ),
    ];
    let mut all: Vec<Resource> =
        described.into_iter().map(|(kind, values)| resource(&format!("{kind}.a"), values)).collect();
    all.push(resource("aws_eip.b", json!({"public_ip": "203.0.113.2"})));
    let data = [
        "aws_vpc",
        "aws_subnet",
        "aws_security_group",
        "aws_nat_gateway",
        "aws_vpc_peering_connection",
        "aws_vpn_gateway",
        "aws_internet_gateway",
    ];
    let route_table = json!({"vpc_id": vpc, "routes": [{"cidr_block": "0.0.0.0/0", "gateway_id": "local"}], "associations": [{"main": true}]});
    all.push(resource("data.aws_route_table.d", route_table));
    all.push(resource("data.aws_prefix_list.d", json!({"name": "s3", "cidr_blocks": ["52.0.0.0/8"]})));
    all.extend(data.map(|kind| {
        resource(&format!("data.{kind}.d"), json!({"vpc_id": vpc, "cidr_block": "10.0.2.0/24", "default": true}))
    }));
    all
}

#[test]
fn every_type_is_described() {
    let (network, notes) = network(&everything());
    assert_eq!((network.vpcs.len(), network.subnets.len(), network.instances.len()), (3, 3, 1));
    assert_eq!((network.interfaces.len(), network.nat_gateways.len(), network.vpc_endpoints.len()), (5, 1, 1));
    assert_eq!((network.transit_gateways[0].attachments.len(), network.vpc_peering_connections.len()), (4, 1));
    // Only looked up, without what they would need.
    let ignored: Vec<&str> = notes.ignored.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(ignored, ["data.aws_nat_gateway.d", "data.aws_vpc_peering_connection.d"]);
}

/// What an attribute may hold that it should not, and what it may well hold.
fn value() -> impl Strategy<Value = Value> {
    let texts = [
        "",
        "x",
        "-1",
        "0",
        "70000",
        "local",
        "10.0.0.0/8",
        "10.0.1.10",
        "::/0",
        "2001:db8::10",
        "tcp",
        "default",
        "true",
        "aws_vpc.a",
        "aws_subnet.a",
        "aws_security_group.a",
        "aws_route_table.a",
        "aws_internet_gateway.a",
        "aws_instance.a",
        "aws_ec2_transit_gateway.a",
        "1/sg-1",
        "deny",
        "regional",
        "GatewayLoadBalancer",
        "Gateway",
        "terminated",
        "disable",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..70_000).prop_map(Value::from),
        prop::sample::select(texts.to_vec()).prop_map(Value::from),
    ];
    prop_oneof![
        leaf.clone(),
        prop::collection::vec(leaf.clone(), 0..3).prop_map(Value::from),
        leaf.prop_map(|leaf| json!({"x": leaf})),
    ]
}

/// Which resource, which of its attributes, and what that holds; or the resource goes.
fn change() -> impl Strategy<Value = (prop::sample::Index, prop::sample::Index, Option<Value>)> {
    (any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop::option::weighted(0.9, value()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(changes in prop::collection::vec(change(), 1..6)) {
        let mut resources = everything();
        for (which, attribute, value) in changes {
            let at = which.index(resources.len());
            match value {
                None => drop(resources.remove(at)),
                Some(value) => {
                    let values = &mut resources[at].values;
                    let names: Vec<String> = values.keys().cloned().collect();
                    values.insert(names[attribute.index(names.len())].clone(), value);
                }
            }
        }
        let mut notes = Notes::default();
        let network = dump(&resources, &Arc::from("wild.json"), &mut notes)
            .and_then(|dump| crate::build::network(&dump, &mut notes));
        match network {
            Ok(network) => drop(validate::validate(&network)),
            Err(error) => prop_assert!(error.to_string().starts_with("wild.json: "), "{error}"),
        }
    }
}
