//! Which value counts: planned, prior, or what is referred to. Lists and blocks.

use serde_json::json;

use super::*;

fn prior(resources: Vec<Value>) -> Value {
    json!({"format_version": "1.0", "values": {"root_module": {"resources": resources}}})
}

#[test]
fn the_prior_state_knows_what_the_provider_chooses() {
    let mut plan = Planned::default();
    let unknown = json!({"vpc_security_group_ids": true, "id": true});
    plan.change("aws_instance.a", &["update"], json!({"subnet_id": "subnet-1"}), unknown);
    let values = json!({"id": "i-1", "subnet_id": "subnet-1", "vpc_security_group_ids": ["sg-1"]});
    plan.with("prior_state", prior(vec![resource("aws_instance.a", values)]));
    plan.root(json!({"aws_instance.a": {"subnet_id": {"constant_value": "subnet-1"}}}));
    let read = plan.read();
    assert_eq!(
        (read.text("aws_instance.a", "id"), &read.values("aws_instance.a")["vpc_security_group_ids"]),
        ("i-1", &json!(["sg-1"]))
    );
}

/// An interface whose subnet is replaced by `actions`.
fn replaced(actions: &[&str]) -> Planned {
    let mut plan = Planned::default();
    let values = json!({"vpc_id": "vpc-1", "cidr_block": "10.0.1.0/24"});
    plan.change("aws_subnet.a", &["create", "delete"], values, json!({"id": true}));
    plan.change("aws_network_interface.i", actions, json!({"private_ip": "10.0.1.9"}), json!({"subnet_id": true}));
    plan.with(
        "prior_state",
        prior(vec![
            resource("aws_subnet.a", json!({"id": "subnet-old"})),
            resource("aws_network_interface.i", json!({"id": "eni-1", "subnet_id": "subnet-old"})),
        ]),
    );
    plan.root(json!({"aws_network_interface.i": {"subnet_id": refs(&["aws_subnet.a.id", "aws_subnet.a"])}}));
    plan
}

#[test]
fn what_is_replaced_has_no_prior_value() {
    let read = replaced(&["delete", "create"]).read();
    assert_eq!(read.text("aws_network_interface.i", "id"), "aws_network_interface.i");
    assert_eq!(read.text("aws_network_interface.i", "subnet_id"), "aws_subnet.a");
    // What stays refers to the new one as well: that is why its attribute is unknown.
    let read = replaced(&["update"]).read();
    assert_eq!(read.text("aws_network_interface.i", "id"), "eni-1");
    assert_eq!(read.text("aws_network_interface.i", "subnet_id"), "aws_subnet.a");
}

#[test]
fn what_is_deleted_is_gone_and_what_is_forgotten_stays() {
    let mut plan = Planned::default();
    plan.known("aws_vpc.v", json!({"id": "vpc-1", "cidr_block": "10.0.0.0/16"}));
    for (name, action) in [("gone", "delete"), ("left", "forget")] {
        let mut change = resource(&format!("aws_subnet.{name}"), Value::Null);
        change["change"] = json!({"actions": [action], "after": null});
        plan.changes.push(change);
    }
    let subnet = |name: &str| {
        let values = json!({"id": format!("subnet-{name}"), "vpc_id": "vpc-1", "cidr_block": "10.0.0.0/24"});
        resource(&format!("aws_subnet.{name}"), values)
    };
    let looked_up = resource("data.aws_vpc.d", json!({"id": "vpc-2", "cidr_block": "10.9.0.0/16"}));
    plan.with("prior_state", prior(vec![subnet("gone"), subnet("left"), looked_up]));
    let read = plan.read();
    let there: Vec<_> = read.entries.iter().map(|entry| &*entry.text).collect();
    assert_eq!(there, ["aws_vpc.v", "aws_subnet.left", "data.aws_vpc.d"]);
}

#[test]
fn an_extract_of_changes_is_enough() {
    let mut plan = Planned::default();
    plan.create("aws_vpc.v", json!({}), json!({}));
    plan.changes[0]["change"]["after"] = json!({"cidr_block": "10.0.0.0/16"});
    let mut document = plan.document();
    document.remove("planned_values");
    let read = super::super::read("x", &document, &Binds::default(), &mut Notes::default()).unwrap();
    assert_eq!(read.0[0].values["cidr_block"], "10.0.0.0/16");
}

#[test]
fn lists_are_resolved_as_a_whole_and_by_element() {
    let mut plan = Planned::default();
    for name in ["a", "b"] {
        plan.create(&format!("aws_security_group.{name}"), json!({"vpc_id": "vpc-1"}), json!({}));
    }
    for number in 0..2 {
        let values = json!({"vpc_id": "vpc-1", "cidr_block": format!("10.0.{number}.0/24")});
        plan.create(&format!("aws_subnet.s[{number}]"), values, json!({}));
    }
    plan.create("aws_network_acl.n", json!({"vpc_id": "vpc-1"}), json!({"subnet_ids": true, "ingress": true}));
    let values = json!({"subnet_id": "subnet-1", "private_ip": "10.0.0.9", "security_groups": [null, "sg-1", null]});
    plan.create("aws_network_interface.i", values, json!({"security_groups": [true, false, true]}));
    plan.root(json!({
        "aws_security_group.a": {}, "aws_security_group.b": {}, "aws_subnet.s": {},
        "aws_network_acl.n": {"subnet_ids": refs(&["aws_subnet.s"])},
        "aws_network_interface.i": {"security_groups": refs(&["aws_security_group.a.id", "aws_security_group.b.id"])},
    }));
    let read = plan.read();
    assert_eq!(read.values("aws_network_acl.n")["subnet_ids"], json!(["aws_subnet.s[0]", "aws_subnet.s[1]"]));
    let groups = &read.values("aws_network_interface.i")["security_groups"];
    assert_eq!(groups, &json!(["aws_security_group.a", "sg-1", "aws_security_group.b"]));
}

#[test]
fn one_list_of_references_serves_all_blocks() {
    let mut plan = Planned::default();
    plan.create("aws_internet_gateway.g", json!({}), json!({}));
    plan.create("aws_nat_gateway.n", json!({"subnet_id": "subnet-1", "private_ip": "10.0.0.9"}), json!({}));
    let routes = json!([{"cidr_block": "0.0.0.0/0", "gateway_id": ""}, {"ipv6_cidr_block": "::/0", "nat_gateway_id": ""},
        {"cidr_block": "10.9.0.0/16", "nat_gateway_id": ""}]);
    let unknown = json!({"route": [{"nat_gateway_id": true}, {"gateway_id": true}, {"gateway_id": true}]});
    plan.create("aws_route_table.t", json!({"vpc_id": "vpc-1", "route": routes}), unknown);
    plan.create("aws_security_group.s", json!({"vpc_id": "vpc-1"}), json!({}));
    let rules = json!([{"from_port": 1, "security_groups": [null]}, {"from_port": 2, "security_groups": []}]);
    plan.create(
        "aws_security_group.t",
        json!({"vpc_id": "vpc-1", "ingress": rules}),
        json!({"ingress": [{"security_groups": [true]}, {}]}),
    );
    plan.root(json!({
        "aws_route_table.t": {"route": refs(&["aws_internet_gateway.g.id", "aws_internet_gateway.g", "aws_nat_gateway.n.id", "aws_nat_gateway.n"])},
        "aws_security_group.t": {"ingress": refs(&["aws_security_group.s.id", "aws_security_group.s"])},
    }));
    let read = plan.read();
    let routes = &read.values("aws_route_table.t")["route"];
    assert_eq!(
        (&routes[0]["nat_gateway_id"], &routes[1]["gateway_id"]),
        (&json!("aws_nat_gateway.n"), &json!("aws_internet_gateway.g"))
    );
    assert_eq!(routes[2]["gateway_id"], "aws_internet_gateway.g");
    assert_eq!(read.values("aws_security_group.t")["ingress"][0]["security_groups"], json!(["aws_security_group.s"]));
}

#[test]
fn blocks_have_expressions_of_their_own() {
    let mut plan = Planned::default();
    for name in ["a", "b"] {
        let values = json!({"subnet_id": "subnet-1", "private_ip": "10.0.0.9"});
        plan.create(&format!("aws_network_interface.{name}"), values, json!({}));
    }
    let blocks = json!([{"device_index": 0}, {"device_index": 1}]);
    let unknown = json!({"network_interface": [{"network_interface_id": true}, {"network_interface_id": true}]});
    plan.create("aws_instance.i", json!({"network_interface": blocks}), unknown);
    let block = |name| json!({"network_interface_id": refs(&[name])});
    let blocks = json!([block("aws_network_interface.b.id"), block("aws_network_interface.a.id")]);
    plan.root(json!({"aws_instance.i": {"network_interface": blocks}}));
    let read = plan.read();
    let of = |at: usize| read.values("aws_instance.i")["network_interface"][at]["network_interface_id"].clone();
    assert_eq!((of(0), of(1)), (json!("aws_network_interface.b"), json!("aws_network_interface.a")));
}

#[test]
fn optional_attributes_that_nothing_sets_are_absent() {
    let mut plan = Planned::default();
    let unknown = json!({"instance": true, "network_interface": true});
    plan.create("aws_eip.e", json!({}), unknown);
    plan.root(json!({"aws_eip.e": {"domain": {"constant_value": "vpc"}}}));
    let read = plan.read();
    assert_eq!((read.text("aws_eip.e", "instance"), read.text("aws_eip.e", "network_interface")), ("-", "-"));
    assert_eq!(read.assumed().len(), 1);
}

#[test]
fn blocks_that_are_wholly_unknown_are_said() {
    let mut plan = Planned::default();
    plan.create("aws_route_table.t", json!({"vpc_id": "vpc-1"}), json!({"route": true}));
    plan.create("aws_route_table.u", json!({"vpc_id": "vpc-1"}), json!({"route": true}));
    plan.root(json!({"aws_route_table.t": {"route": refs(&["local.routes"])}, "aws_route_table.u": {}}));
    let assumed = plan.read().assumed();
    assert_eq!(assumed.len(), 1, "{assumed:?}");
    assert!(assumed[0].starts_with("PLAN_UNKNOWN aws_route_table.t.route: all of it is known only after apply"));
}

#[test]
fn rules_may_be_for_addresses_that_are_not_known_yet() {
    let mut plan = Planned::default();
    plan.create(
        "aws_vpc.v",
        json!({"cidr_block": "10.0.0.0/16", "assign_generated_ipv6_cidr_block": true}),
        json!({"ipv6_cidr_block": true}),
    );
    plan.create("aws_eip.e", json!({}), json!({"public_ip": true}));
    let rules = json!([{"cidr_blocks": ["10.0.0.0/16", null], "ipv6_cidr_blocks": [null]}]);
    let unknown = json!({"ingress": [{"cidr_blocks": [false, true], "ipv6_cidr_blocks": [true]}]});
    plan.create("aws_security_group.s", json!({"vpc_id": "vpc-1", "ingress": rules}), unknown);
    plan.root(json!({"aws_security_group.s": {"ingress": refs(&["aws_vpc.v.cidr_block", "aws_eip.e.public_ip", "aws_vpc.v.ipv6_cidr_block"])}}));
    let read = plan.read();
    let rule = &read.values("aws_security_group.s")["ingress"][0];
    assert_eq!(rule["cidr_blocks"], json!(["10.0.0.0/16", format!("{}/32", read.text("aws_eip.e", "public_ip"))]));
    assert_eq!(rule["ipv6_cidr_blocks"], json!([read.text("aws_vpc.v", "ipv6_cidr_block")]));
}

#[test]
fn unfinished_plans_say_so() {
    let mut plan = Planned::default();
    plan.known("aws_vpc.v", json!({"id": "vpc-1", "cidr_block": "10.0.0.0/16"}));
    assert!(plan.with("errored", json!(true)).read().assumed()[0].starts_with("PLAN_ERRORED plan.json: "));
    plan.with("errored", json!(false)).with("complete", json!(false));
    assert!(plan.read().assumed()[0].starts_with("PLAN_INCOMPLETE plan.json: "));
}

#[test]
fn addresses_follow_an_instance_that_is_replaced() {
    let mut plan = Planned::default();
    let values = json!({"subnet_id": "subnet-1", "private_ip": "10.0.0.9"});
    plan.change("aws_instance.w", &["delete", "create"], values, json!({"id": true}));
    let unknown = json!({"instance": true, "network_interface": true});
    plan.change("aws_eip.w", &["update"], json!({"id": "eipalloc-1", "public_ip": "203.0.113.40"}), unknown);
    let before = json!({"id": "eipalloc-1", "instance": "i-1", "network_interface": "eni-1"});
    plan.with("prior_state", json!({"values": {"root_module": {"resources": [resource("aws_eip.w", before)]}}}));
    plan.root(json!({"aws_eip.w": {"instance": refs(&["aws_instance.w.id", "aws_instance.w"])}}));
    let read = plan.read();
    assert_eq!(read.text("aws_eip.w", "instance"), "aws_instance.w");
    assert_eq!(read.text("aws_eip.w", "network_interface"), "-");
    // What nothing replaces is where it was.
    plan.root(json!({"aws_eip.w": {}}));
    assert_eq!(plan.read().text("aws_eip.w", "network_interface"), "eni-1");
}
