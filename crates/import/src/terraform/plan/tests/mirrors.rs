//! Attributes that repeat resources which the plan deletes or changes.

use serde_json::json;

use super::*;

/// What an attribute of a resource that stays is, once the plan has deleted others that were as these.
fn left(owner: &str, values: &Value, attribute: &str, deleted: &[(&str, Value)]) -> Value {
    let mut plan = Planned::default();
    let mut values = values.clone();
    values["vpc_id"] = json!("vpc-1");
    plan.known(owner, values);
    for (address, before) in deleted {
        let mut change = resource(address, Value::Null);
        change["change"] = json!({"actions": ["delete"], "before": before, "after": null});
        plan.changes.push(change);
    }
    plan.root(json!({owner: {}}));
    plan.read().values(owner)[attribute].clone()
}

fn block(from: u16, more: Value) -> Value {
    let mut block = json!({"protocol": "tcp", "from_port": from, "to_port": from, "cidr_blocks": []});
    block.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    block
}

#[test]
fn rules_of_a_group_go_with_their_resources() {
    let ingress = json!([
        block(22, json!({"cidr_blocks": ["0.0.0.0/0", "10.0.0.0/8"], "security_groups": ["1234/sg-2", "sg-3"]})),
        block(443, json!({"cidr_blocks": ["0.0.0.0/0"], "self": true})),
        {"protocol": "-1", "from_port": 0, "to_port": 0, "prefix_list_ids": ["pl-1"], "ipv6_cidr_blocks": ["::/0"]},
    ]);
    let group = json!({"id": "sg-1", "ingress": ingress, "egress": ingress});
    let ssh = |peer: Value| {
        let mut rule = json!({"security_group_id": "sg-1", "ip_protocol": "6", "from_port": 22, "to_port": 22});
        rule.as_object_mut().unwrap().extend(peer.as_object().unwrap().clone());
        rule
    };
    let deleted = [
        ("aws_vpc_security_group_ingress_rule.a", ssh(json!({"cidr_ipv4": "0.0.0.0/0"}))),
        ("aws_vpc_security_group_ingress_rule.b", ssh(json!({"referenced_security_group_id": "sg-2"}))),
        // Of another group, and of another direction.
        (
            "aws_vpc_security_group_ingress_rule.c",
            json!({"security_group_id": "sg-9", "ip_protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_ipv4": "0.0.0.0/0"}),
        ),
        ("aws_vpc_security_group_egress_rule.d", ssh(json!({"referenced_security_group_id": "sg-3"}))),
        (
            "aws_security_group_rule.e",
            json!({"security_group_id": "sg-1", "type": "ingress", "protocol": "tcp", "from_port": 443, "to_port": 443, "self": true}),
        ),
        (
            "aws_security_group_rule.f",
            json!({"security_group_id": "sg-1", "type": "ingress", "protocol": "all", "from_port": 0, "to_port": 65535, "ipv6_cidr_blocks": ["::/0"]}),
        ),
    ];
    let expected = json!([
        block(22, json!({"cidr_blocks": ["10.0.0.0/8"], "security_groups": ["sg-3"]})),
        block(443, json!({"cidr_blocks": ["0.0.0.0/0"], "self": false})),
        {"protocol": "-1", "from_port": 0, "to_port": 0, "prefix_list_ids": ["pl-1"], "ipv6_cidr_blocks": []},
    ]);
    assert_eq!(left("aws_security_group.g", &group, "ingress", &deleted), expected);
    let egress = left("aws_security_group.g", &group, "egress", &deleted);
    assert_eq!(egress[0]["security_groups"], json!(["1234/sg-2"]));
    assert_eq!(egress[0]["cidr_blocks"], json!(["0.0.0.0/0", "10.0.0.0/8"]));
}

#[test]
fn what_is_narrowed_or_made_anew_is_not_there_twice() {
    let rule = |block: &str| json!({"id": "sgr-1", "security_group_id": "sg-1", "ip_protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_ipv4": block});
    let group = json!({"id": "sg-1", "ingress": [block(443, json!({"cidr_blocks": ["0.0.0.0/0"]}))]});
    for (actions, kept) in
        [(&["update"][..], json!([])), (&["delete", "create"], json!([])), (&["no-op"], json!(["0.0.0.0/0"]))]
    {
        let mut plan = Planned::default();
        plan.known("aws_security_group.g", group.clone());
        plan.change("aws_vpc_security_group_ingress_rule.r", actions, rule("10.0.0.0/8"), json!({}));
        plan.changes[1]["change"]["before"] = rule("0.0.0.0/0");
        plan.root(json!({"aws_security_group.g": {}, "aws_vpc_security_group_ingress_rule.r": {}}));
        let read = plan.read();
        assert_eq!(read.values("aws_security_group.g")["ingress"][0]["cidr_blocks"], kept, "{actions:?}");
        assert_eq!(read.text("aws_vpc_security_group_ingress_rule.r", "cidr_ipv4"), "10.0.0.0/8");
        assert_eq!(read.assumed(), [] as [&str; 0]);
    }
}

#[test]
fn what_the_configuration_sets_stays() {
    // The rule moves from its own resource into the group.
    let mut plan = Planned::default();
    plan.known("aws_security_group.g", json!({"id": "sg-1", "ingress": [block(22, json!({"cidr_blocks": ["::/0"]}))]}));
    let mut change = resource("aws_security_group_rule.r", Value::Null);
    let before = json!({"security_group_id": "sg-1", "type": "ingress", "protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": ["::/0"]});
    change["change"] = json!({"actions": ["delete"], "before": before});
    plan.changes.push(change);
    plan.root(json!({"aws_security_group.g": {"ingress": {}}}));
    assert_eq!(plan.read().values("aws_security_group.g")["ingress"][0]["cidr_blocks"], json!(["::/0"]));
}

#[test]
fn what_only_the_prior_state_has_is_gone_too_and_what_is_forgotten_is_not() {
    let rule = json!({"security_group_id": "sg-1", "type": "ingress", "protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": ["::/0"]});
    for (forgotten, kept) in [(false, json!([])), (true, json!(["::/0"]))] {
        let mut plan = Planned::default();
        let group = json!({"id": "sg-1", "ingress": [block(22, json!({"cidr_blocks": ["::/0"]}))]});
        plan.known("aws_security_group.g", group);
        let prior = [resource("aws_security_group_rule.r", rule.clone())];
        plan.with("prior_state", json!({"values": {"root_module": {"resources": prior}}}));
        if forgotten {
            let mut change = resource("aws_security_group_rule.r", Value::Null);
            change["change"] = json!({"actions": ["forget"], "before": rule});
            plan.changes.push(change);
        }
        assert_eq!(plan.read().values("aws_security_group.g")["ingress"][0]["cidr_blocks"], kept);
    }
}

#[test]
fn routes_entries_and_members_go_with_their_resources() {
    let routes =
        json!([{"cidr_block": "0.0.0.0/0", "nat_gateway_id": "nat-1"}, {"cidr_block": "", "ipv6_cidr_block": "::/0"}]);
    let table = json!({"id": "rtb-1", "route": routes, "propagating_vgws": ["vgw-1", "vgw-2"]});
    let deleted = [
        ("aws_route.a", json!({"route_table_id": "rtb-1", "destination_cidr_block": "0.0.0.0/0"})),
        ("aws_route.b", json!({"route_table_id": "rtb-2", "destination_ipv6_cidr_block": "::/0"})),
        ("aws_vpn_gateway_route_propagation.a", json!({"route_table_id": "rtb-1", "vpn_gateway_id": "vgw-2"})),
    ];
    assert_eq!(left("aws_route_table.t", &table, "route", &deleted), json!([routes[1]]));
    assert_eq!(left("aws_route_table.t", &table, "propagating_vgws", &deleted), json!(["vgw-1"]));

    let (allow, deny) = (json!({"rule_no": 100, "action": "allow"}), json!({"rule_no": 50, "action": "deny"}));
    let acl =
        json!({"id": "acl-1", "subnet_ids": ["subnet-1", "subnet-2"], "ingress": [allow, deny], "egress": [deny]});
    let deleted = [
        ("aws_network_acl_rule.a", json!({"network_acl_id": "acl-1", "rule_number": 50, "egress": false})),
        ("aws_network_acl_association.a", json!({"network_acl_id": "acl-1", "subnet_id": "subnet-2"})),
    ];
    assert_eq!(left("aws_network_acl.n", &acl, "ingress", &deleted), json!([allow]));
    assert_eq!(left("aws_network_acl.n", &acl, "egress", &deleted), json!([deny]));
    assert_eq!(left("aws_network_acl.n", &acl, "subnet_ids", &deleted), json!(["subnet-1"]));

    let list = json!({"id": "pl-1", "entry": [{"cidr": "10.0.0.0/8"}, {"cidr": "10.1.0.0/16"}]});
    let entry = ("aws_ec2_managed_prefix_list_entry.e", json!({"prefix_list_id": "pl-1", "cidr": "10.1.0.0/16"}));
    assert_eq!(left("aws_ec2_managed_prefix_list.p", &list, "entry", &[entry]), json!([{"cidr": "10.0.0.0/8"}]));
}

#[test]
fn links_go_with_their_resources() {
    let endpoint = json!({"id": "vpce-1", "route_table_ids": ["rtb-1", "rtb-2"], "subnet_ids": ["subnet-1", "subnet-2"],
        "network_interface_ids": ["eni-1", "eni-2"], "security_group_ids": ["sg-1"]});
    let of = |attribute: &str, id: &str| json!({"vpc_endpoint_id": "vpce-1", attribute: id});
    let deleted = [
        ("aws_vpc_endpoint_route_table_association.a", of("route_table_id", "rtb-1")),
        ("aws_vpc_endpoint_subnet_association.a", of("subnet_id", "subnet-1")),
        ("aws_vpc_endpoint_security_group_association.a", of("security_group_id", "sg-1")),
    ];
    for (attribute, kept) in [
        ("route_table_ids", json!(["rtb-2"])),
        ("subnet_ids", json!(["subnet-2"])),
        ("network_interface_ids", json!(["eni-2"])),
        ("security_group_ids", json!([])),
    ] {
        assert_eq!(left("aws_vpc_endpoint.e", &endpoint, attribute, &deleted), kept);
    }

    let address = json!({"id": "eipalloc-1", "public_ip": "203.0.113.4", "instance": "i-1", "network_interface": "eni-1",
        "private_ip": "10.0.1.10"});
    for named in [json!({"allocation_id": "eipalloc-1"}), json!({"public_ip": "203.0.113.4"})] {
        let mut before =
            json!({"instance_id": "i-1", "network_interface_id": "eni-1", "private_ip_address": "10.0.1.10"});
        before.as_object_mut().unwrap().extend(named.as_object().unwrap().clone());
        for (attribute, kept) in
            [("instance", json!(null)), ("private_ip", json!(null)), ("public_ip", json!("203.0.113.4"))]
        {
            assert_eq!(left("aws_eip.e", &address, attribute, &[("aws_eip_association.a", before.clone())]), kept);
        }
    }

    let attachment = (
        "aws_network_interface_sg_attachment.a",
        json!({"network_interface_id": "eni-1", "security_group_id": "sg-2"}),
    );
    let instance =
        json!({"id": "i-1", "primary_network_interface_id": "eni-1", "vpc_security_group_ids": ["sg-1", "sg-2"]});
    assert_eq!(left("aws_instance.i", &instance, "vpc_security_group_ids", &[attachment]), json!(["sg-1"]));
    let main = ("aws_main_route_table_association.a", json!({"vpc_id": "vpc-1", "route_table_id": "rtb-2"}));
    let vpc = json!({"id": "vpc-1", "default_route_table_id": "rtb-1", "main_route_table_id": "rtb-2"});
    assert_eq!(left("aws_vpc.v", &vpc, "main_route_table_id", &[main]), json!(null));
}
