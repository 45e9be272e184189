//! What the configuration refers to, and how an instance of it is chosen.

use serde_json::json;

use super::*;

/// Subnets and something in each.
fn interfaces(subnets: &[&str], interfaces: &[&str], references: &[&str]) -> Planned {
    let mut plan = Planned::default();
    plan.known("aws_vpc.v", json!({"id": "vpc-1", "cidr_block": "10.0.0.0/16"}));
    for (number, subnet) in subnets.iter().enumerate() {
        plan.create(subnet, json!({"vpc_id": "vpc-1", "cidr_block": format!("10.0.{number}.0/24")}), json!({}));
    }
    for interface in interfaces {
        plan.create(interface, json!({}), json!({"subnet_id": true}));
    }
    plan.root(json!({"aws_subnet.a": {}, "aws_network_interface.i": {"subnet_id": refs(references)}}));
    plan
}

fn subnets_of(plan: &Planned, interfaces: &[&str]) -> Vec<String> {
    let read = plan.read();
    assert!(read.assumed().iter().all(|it| it.starts_with("PLAN_ADDRESS ")), "{:?}", read.assumed());
    interfaces.iter().map(|interface| read.text(interface, "subnet_id").to_owned()).collect()
}

#[test]
fn an_index_is_explicit() {
    let references = ["aws_subnet.a[1].id", "aws_subnet.a[1]", "aws_subnet.a"];
    let plan = interfaces(&["aws_subnet.a[0]", "aws_subnet.a[1]"], &["aws_network_interface.i"], &references);
    assert_eq!(subnets_of(&plan, &["aws_network_interface.i"]), ["aws_subnet.a[1]"]);
    let references = ["aws_subnet.a[\"x.y\"].id", "aws_subnet.a[\"x.y\"]", "aws_subnet.a"];
    let plan = interfaces(&["aws_subnet.a[\"x.y\"]", "aws_subnet.a[\"z\"]"], &["aws_network_interface.i"], &references);
    assert_eq!(subnets_of(&plan, &["aws_network_interface.i"]), ["aws_subnet.a[\"x.y\"]"]);
}

#[test]
fn count_index_is_lost_and_found() {
    let three = ["aws_subnet.a[0]", "aws_subnet.a[1]", "aws_subnet.a[2]"];
    let two = ["aws_network_interface.i[0]", "aws_network_interface.i[1]"];
    let plan = interfaces(&three, &two, &["aws_subnet.a", "count.index"]);
    assert_eq!(subnets_of(&plan, &two), ["aws_subnet.a[0]", "aws_subnet.a[1]"]);
    // An old plan says nothing of `count.index`, but there are as many.
    let plan = interfaces(&three[..2], &two, &["aws_subnet.a"]);
    assert_eq!(subnets_of(&plan, &two), ["aws_subnet.a[0]", "aws_subnet.a[1]"]);
}

#[test]
fn each_key_is_the_same() {
    let subnets = ["aws_subnet.a[\"x\"]", "aws_subnet.a[\"y\"]", "aws_subnet.a[\"z\"]"];
    let plan = interfaces(&subnets, &["aws_network_interface.i[\"y\"]"], &["aws_subnet.a", "each.key"]);
    assert_eq!(subnets_of(&plan, &["aws_network_interface.i[\"y\"]"]), ["aws_subnet.a[\"y\"]"]);
    let mut plan = interfaces(&subnets, &["aws_network_interface.i[\"z\"]"], &["each.value.id", "each.value"]);
    let expressions = json!({"subnet_id": refs(&["each.value.id", "each.value"]), "for_each": refs(&["aws_subnet.a"])});
    plan.root(json!({"aws_network_interface.i": expressions}));
    assert_eq!(subnets_of(&plan, &["aws_network_interface.i[\"z\"]"]), ["aws_subnet.a[\"z\"]"]);
}

#[test]
fn many_refer_to_one() {
    let two = ["aws_network_interface.i[0]", "aws_network_interface.i[1]"];
    let plan = interfaces(&["aws_subnet.a[0]"], &two, &["aws_subnet.a", "count.index"]);
    assert_eq!(subnets_of(&plan, &two), ["aws_subnet.a[0]", "aws_subnet.a[0]"]);
}

#[test]
fn a_variable_may_say_that_there_is_one() {
    let two = ["aws_network_interface.i[0]", "aws_network_interface.i[1]"];
    let references = ["aws_subnet.a", "var.single_subnet", "count.index"];
    let mut plan = interfaces(&["aws_subnet.a[0]", "aws_subnet.a[1]"], &two, &references);
    assert_eq!(subnets_of(&plan, &two), ["aws_subnet.a[0]", "aws_subnet.a[1]"]);
    let read = plan.with("variables", json!({"single_subnet": {"value": true}})).read();
    assert_eq!(read.text(two[1], "subnet_id"), "aws_subnet.a[0]");
    assert!(read.assumed().iter().any(|it| it.starts_with("PLAN_REFERENCE aws_network_interface.i[1].subnet_id: ")));
}

#[test]
fn element_begins_again() {
    let three = ["aws_network_interface.i[0]", "aws_network_interface.i[1]", "aws_network_interface.i[2]"];
    let plan = interfaces(&["aws_subnet.a[0]", "aws_subnet.a[1]"], &three, &["aws_subnet.a", "count.index"]);
    let read = plan.read();
    assert_eq!(read.text(three[2], "subnet_id"), "aws_subnet.a[0]");
    let assumed = read.assumed().into_iter().filter(|it| it.starts_with("PLAN_REFERENCE")).collect::<Vec<_>>();
    assert_eq!(
        assumed,
        [
            "PLAN_REFERENCE aws_network_interface.i[2].subnet_id: it is taken for aws_subnet.a[0] because `element` begins \
          again after the last of 2"
        ]
    );
}

#[test]
fn attributes_of_other_resources_lead_on() {
    let mut plan = Planned::default();
    plan.create("aws_vpc.v", json!({"cidr_block": "10.0.0.0/16"}), json!({}));
    plan.create("aws_vpc_ipv4_cidr_block_association.x", json!({"cidr_block": "10.9.0.0/16"}), json!({"vpc_id": true}));
    plan.create("aws_subnet.a", json!({"cidr_block": "10.9.0.0/24"}), json!({"vpc_id": true}));
    plan.create("aws_security_group_rule.r", json!({"type": "egress"}), json!({"security_group_id": true}));
    plan.create("aws_main_route_table_association.m", json!({}), json!({"vpc_id": true, "route_table_id": true}));
    plan.root(json!({
        "aws_vpc_ipv4_cidr_block_association.x": {"vpc_id": refs(&["aws_vpc.v.id", "aws_vpc.v"])},
        "aws_subnet.a": {"vpc_id": refs(&["aws_vpc_ipv4_cidr_block_association.x.vpc_id"])},
        "aws_security_group_rule.r": {"security_group_id": refs(&["aws_vpc.v.default_security_group_id", "aws_vpc.v"])},
        "aws_main_route_table_association.m": {"vpc_id": refs(&["aws_vpc.v"]),
            "route_table_id": refs(&["aws_vpc.v.main_route_table_id", "aws_vpc.v"])},
    }));
    let read = plan.read();
    assert_eq!(read.text("aws_subnet.a", "vpc_id"), "aws_vpc.v");
    assert_eq!(read.text("aws_security_group_rule.r", "security_group_id"), "aws_vpc.v.default_security_group_id");
    let table = read.text("aws_main_route_table_association.m", "route_table_id");
    assert_eq!((table, read.text("aws_vpc.v", "default_route_table_id")), ("aws_vpc.v.default_route_table_id", table));
    assert!(read.assumed().is_empty(), "{:?}", read.assumed());
}

#[test]
fn what_is_taken_over_has_the_id_of_what_the_vpc_was_made_with() {
    let mut plan = Planned::default();
    plan.create("aws_vpc.v", json!({"cidr_block": "10.0.0.0/16"}), json!({}));
    plan.create("aws_default_security_group.d", json!({}), json!({"vpc_id": true}));
    plan.create("aws_default_route_table.d", json!({}), json!({"default_route_table_id": true}));
    plan.create("aws_route.r", json!({"gateway_id": "igw-1"}), json!({"route_table_id": true}));
    plan.root(json!({
        "aws_default_security_group.d": {"vpc_id": refs(&["aws_vpc.v.id"])},
        "aws_default_route_table.d": {"default_route_table_id": refs(&["aws_vpc.v.default_route_table_id"])},
        "aws_route.r": {"route_table_id": refs(&["aws_default_route_table.d.id"])},
    }));
    let read = plan.read();
    assert_eq!(read.text("aws_default_security_group.d", "id"), "aws_vpc.v.default_security_group_id");
    assert_eq!(read.text("aws_default_route_table.d", "id"), "aws_vpc.v.default_route_table_id");
    assert_eq!(read.text("aws_route.r", "route_table_id"), "aws_vpc.v.default_route_table_id");
}

/// A module with subnets, one that is given them, and one that gives them on.
fn modules() -> Planned {
    let mut plan = Planned::default();
    plan.known("aws_vpc.v", json!({"id": "vpc-1", "cidr_block": "10.0.0.0/16"}));
    for net in ["a", "b"] {
        for number in 0..2 {
            let values = json!({"vpc_id": "vpc-1", "cidr_block": format!("10.0.{number}.0/24")});
            plan.create(&format!("module.net[\"{net}\"].aws_subnet.private[{number}]"), values, json!({}));
        }
        plan.create(
            &format!("module.app[\"{net}\"].module.in.aws_network_interface.i"),
            json!({}),
            json!({"subnet_id": true}),
        );
    }
    plan.with(
        "configuration",
        json!({"root_module": {"module_calls": {
            "net": {"for_each_expression": refs(&["local.nets"]), "module": {
                "outputs": {"subnets": {"expression": refs(&["aws_subnet.private"])}},
                "resources": module(json!({"aws_subnet.private": {}}))["resources"],
            }},
            "app": {"for_each_expression": refs(&["local.nets"]),
                "expressions": {"ids": refs(&["module.net", "each.key"])},
                "module": {"module_calls": {"in": {
                    "expressions": {"id": refs(&["var.ids[1]", "var.ids"])},
                    "module": module(json!({"aws_network_interface.i": {"subnet_id": refs(&["var.id"])}})),
                }}}},
        }}}),
    );
    plan
}

#[test]
fn variables_and_outputs_are_followed_through_modules() {
    let read = modules().read();
    for net in ["a", "b"] {
        let subnet = read.text(&format!("module.app[\"{net}\"].module.in.aws_network_interface.i"), "subnet_id");
        assert_eq!(subnet, format!("module.net[\"{net}\"].aws_subnet.private[1]"));
    }
}

#[test]
fn circles_end() {
    let mut plan = modules();
    let mut document = plan.document();
    let calls = &mut document.get_mut("configuration").unwrap()["root_module"]["module_calls"];
    calls["net"]["module"]["outputs"]["subnets"]["expression"] = refs(&["var.back"]);
    calls["net"]["expressions"] = json!({"back": refs(&["module.net.subnets", "module.net"])});
    plan.with("configuration", document["configuration"].clone());
    let error = plan.error();
    assert!(error.contains("2 attributes are known only after apply"), "{error}");
    assert!(error.contains("the configuration refers to var.id; candidates are "), "{error}");
}

#[test]
fn attributes_in_a_circle_end() {
    let mut plan = Planned::default();
    for (one, other) in [("a", "b"), ("b", "a")] {
        plan.create(&format!("aws_subnet.{one}"), json!({"cidr_block": "10.0.0.0/24"}), json!({"vpc_id": true}));
        plan.create(&format!("aws_vpn_gateway.{other}"), json!({}), json!({}));
    }
    plan.root(json!({
        "aws_subnet.a": {"vpc_id": refs(&["aws_subnet.b.vpc_id", "aws_subnet.b"])},
        "aws_subnet.b": {"vpc_id": refs(&["aws_subnet.a.vpc_id", "aws_subnet.a"])},
    }));
    assert!(plan.error().contains("aws_subnet.a.vpc_id: expected the id of aws_vpc or aws_default_vpc; "));
}

#[test]
fn references_without_attributes_are_those_of_old_plans() {
    let mut plan = Planned::default();
    plan.with("format_version", json!("0.1"));
    plan.create("aws_vpc.v", json!({"cidr_block": "10.0.0.0/16"}), json!({}));
    plan.create("aws_subnet.a", json!({"cidr_block": "10.0.0.0/24"}), json!({"vpc_id": true}));
    plan.root(json!({"aws_subnet.a": {"vpc_id": refs(&["aws_vpc.v"])}}));
    assert_eq!(plan.read().text("aws_subnet.a", "vpc_id"), "aws_vpc.v");
}

#[test]
fn count_index_counts_through_outputs_and_variables() {
    let mut plan = Planned::default();
    plan.known("aws_vpc.v", json!({"id": "vpc-1", "cidr_block": "10.0.0.0/16"}));
    for number in 0..3 {
        let values = json!({"vpc_id": "vpc-1", "cidr_block": format!("10.0.{number}.0/24")});
        plan.create(&format!("module.net[\"a\"].aws_subnet.private[{number}]"), values, json!({}));
    }
    for number in 0..4 {
        for module in ["", "module.app."] {
            let address = format!("{module}aws_network_interface.i[{number}]");
            plan.create(&address, json!({}), json!({"subnet_id": true}));
        }
    }
    let private = ["module.net[\"a\"].private", "module.net[\"a\"]", "module.net"];
    let outside = json!({"subnet_id": refs(&[&private[..], &["count.index"]].concat())});
    let inside = json!({"subnet_id": refs(&["var.subnets", "count.index"])});
    let mut root = module(json!({"aws_network_interface.i": outside}));
    root["module_calls"] = json!({
        "net": {"module": {
            "outputs": {"private": {"expression": refs(&["aws_subnet.private"])}},
            "resources": module(json!({"aws_subnet.private": {}}))["resources"],
        }},
        "app": {"expressions": {"subnets": refs(&private)}, "module": module(json!({"aws_network_interface.i": inside}))},
    });
    plan.with("configuration", json!({"root_module": root}));
    let read = plan.read();
    for module in ["", "module.app."] {
        for (number, subnet) in [0, 1, 2, 0].into_iter().enumerate() {
            let address = format!("{module}aws_network_interface.i[{number}]");
            let subnet = format!("module.net[\"a\"].aws_subnet.private[{subnet}]");
            assert_eq!(read.text(&address, "subnet_id"), subnet, "{address}");
            let said = format!("PLAN_REFERENCE {address}.subnet_id: it is taken for {subnet}, number {number} of what");
            assert!(read.assumed().iter().any(|it| it.starts_with(&said)), "{said}: {:?}", read.assumed());
        }
    }
}
