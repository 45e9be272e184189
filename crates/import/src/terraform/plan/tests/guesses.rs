//! Locals, whose meaning no plan tells.

use serde_json::json;

use super::*;

fn vpcs(plan: &mut Planned) {
    plan.create("module.m.aws_vpc.a", json!({"cidr_block": "10.0.0.0/16"}), json!({}));
    plan.create("module.m.aws_vpc.b", json!({"cidr_block": "10.1.0.0/16"}), json!({}));
}

/// A module with resources and their expressions.
fn called(plan: &mut Planned, call: Value, resources: Value) {
    let mut call = call;
    call["module"] = module(resources);
    plan.with("configuration", json!({"root_module": {"module_calls": {"m": call}}}));
}

fn references(read: &Read) -> Vec<String> {
    read.assumed()
        .into_iter()
        .filter(|it| it.starts_with("PLAN_REFERENCE "))
        .map(|it| it["PLAN_REFERENCE ".len()..].to_owned())
        .collect()
}

#[test]
fn the_only_one_is_taken() {
    let mut plan = Planned::default();
    plan.create("module.m.aws_vpc.a", json!({"cidr_block": "10.0.0.0/16"}), json!({}));
    plan.create("aws_vpc.other", json!({"cidr_block": "10.0.0.0/16"}), json!({}));
    plan.create("module.m.aws_internet_gateway.g[0]", json!({}), json!({"vpc_id": true}));
    called(&mut plan, json!({}), json!({"aws_internet_gateway.g": {"vpc_id": refs(&["local.vpc_id"])}}));
    let read = plan.read();
    assert_eq!(read.text("module.m.aws_internet_gateway.g[0]", "vpc_id"), "module.m.aws_vpc.a");
    assert_eq!(
        references(&read),
        ["module.m.aws_internet_gateway.g[0].vpc_id: it is taken for module.m.aws_vpc.a: the only aws_vpc of module.m"]
    );
}

#[test]
fn subnets_are_in_the_vpc_that_holds_them() {
    let mut plan = Planned::default();
    vpcs(&mut plan);
    plan.create(
        "module.m.aws_vpc_ipv4_cidr_block_association.x",
        json!({"cidr_block": "10.9.0.0/16"}),
        json!({"vpc_id": true}),
    );
    for (name, block) in [("one", "10.1.2.0/24"), ("two", "10.9.2.0/24")] {
        plan.create(&format!("module.m.aws_subnet.{name}"), json!({"cidr_block": block}), json!({"vpc_id": true}));
    }
    let local = json!({"vpc_id": refs(&["local.vpc_id"])});
    let association = json!({"vpc_id": refs(&["aws_vpc.a.id"])});
    called(
        &mut plan,
        json!({}),
        json!({"aws_subnet.one": local, "aws_subnet.two": local, "aws_vpc_ipv4_cidr_block_association.x": association}),
    );
    let read = plan.read();
    assert_eq!(read.text("module.m.aws_subnet.one", "vpc_id"), "module.m.aws_vpc.b");
    assert_eq!(read.text("module.m.aws_subnet.two", "vpc_id"), "module.m.aws_vpc.a");
    assert!(references(&read)[0].contains("the only one whose blocks hold 10.1.2.0/24"), "{:?}", references(&read));
}

#[test]
fn gateways_have_the_address_of_the_same_index() {
    let mut plan = Planned::default();
    plan.create("aws_eip.web", json!({}), json!({"instance": true}));
    for number in 0..2 {
        plan.create(&format!("aws_eip.nat[{number}]"), json!({}), json!({}));
        let values = json!({"subnet_id": "subnet-1", "private_ip": "10.0.0.9"});
        plan.create(&format!("aws_nat_gateway.n[{number}]"), values, json!({"allocation_id": true}));
    }
    plan.create("aws_instance.web", json!({}), json!({}));
    plan.root(json!({
        "aws_eip.web": {"instance": refs(&["aws_instance.web.id"])}, "aws_eip.nat": {},
        "aws_nat_gateway.n": {"allocation_id": refs(&["local.ips", "count.index"])},
    }));
    let read = plan.read();
    assert_eq!(read.text("aws_nat_gateway.n[1]", "allocation_id"), "aws_eip.nat[1]");
    assert_eq!(read.text("aws_nat_gateway.n[1]", "public_ip"), read.text("aws_eip.nat[1]", "public_ip"));
    assert!(references(&read)[1].ends_with("aws_eip.nat[1]: there are 2 of each, and it has the same index"));
}

#[test]
fn several_resources_are_told_apart_by_their_names() {
    let mut plan = Planned::default();
    for name in ["database", "private"] {
        for number in 0..2 {
            plan.create(&format!("aws_route_table.{name}[{number}]"), json!({"vpc_id": "vpc-1"}), json!({}));
        }
    }
    for number in 0..2 {
        let address = format!("aws_route_table_association.database[{number}]");
        plan.create(&address, json!({"subnet_id": "subnet-1"}), json!({"route_table_id": true}));
    }
    let tables = refs(&["aws_route_table.database", "aws_route_table.private", "count.index"]);
    plan.root(json!({"aws_route_table_association.database": {"route_table_id": tables}}));
    let read = plan.read();
    assert_eq!(read.text("aws_route_table_association.database[1]", "route_table_id"), "aws_route_table.database[1]");
    assert_eq!(references(&read).len(), 2);
}

#[test]
fn what_is_in_the_same_zone_is_taken() {
    let mut plan = Planned::default();
    for zone in ["a", "b"] {
        let values = json!({"vpc_id": "vpc-1", "cidr_block": "10.0.0.0/24", "availability_zone": zone});
        plan.create(&format!("aws_subnet.{zone}"), values, json!({}));
    }
    plan.create(
        "aws_instance.i",
        json!({"availability_zone": "b", "private_ip": "10.0.0.9"}),
        json!({"subnet_id": true}),
    );
    plan.root(json!({"aws_instance.i": {"subnet_id": refs(&["local.subnet"])}}));
    let read = plan.read();
    assert_eq!(read.text("aws_instance.i", "subnet_id"), "aws_subnet.b");
    assert!(references(&read)[0].ends_with("the only one in b"), "{:?}", references(&read));
}

#[test]
fn locals_may_come_from_inputs_or_outputs() {
    let mut plan = Planned::default();
    plan.create("aws_eip.nat[0]", json!({}), json!({}));
    let values = json!({"subnet_id": "subnet-1", "private_ip": "10.0.0.9"});
    plan.create("module.m.aws_nat_gateway.n[0]", values, json!({"allocation_id": true}));
    let call = json!({"expressions": {"reuse": {"constant_value": true}, "external_ids": refs(&["aws_eip.nat"])}});
    called(&mut plan, call, json!({"aws_nat_gateway.n": {"allocation_id": refs(&["local.ips", "count.index"])}}));
    let read = plan.read();
    assert_eq!(read.text("module.m.aws_nat_gateway.n[0]", "allocation_id"), "aws_eip.nat[0]");
    assert!(references(&read)[0].ends_with("the only aws_eip of what is passed to or from module.m"));
}

#[test]
fn what_nothing_tells_is_an_error_that_a_bind_mends() {
    let mut plan = Planned::default();
    vpcs(&mut plan);
    plan.create("module.m.aws_internet_gateway.g", json!({}), json!({"vpc_id": true}));
    called(&mut plan, json!({}), json!({"aws_internet_gateway.g": {"vpc_id": refs(&["local.vpc_id"])}}));
    let error = plan.error();
    assert_eq!(
        error,
        "plan.json: an attribute is known only after apply, and nothing tells what it will be; say it with --bind:\n  \
         module.m.aws_internet_gateway.g.vpc_id: expected the id of aws_vpc or aws_default_vpc; the configuration refers to \
         local.vpc_id; candidates are module.m.aws_vpc.a, module.m.aws_vpc.b\n    \
         --bind 'module.m.aws_internet_gateway.g.vpc_id=module.m.aws_vpc.a'"
    );
    let read = plan.try_read(&["module.m.aws_internet_gateway.g.vpc_id=module.m.aws_vpc.b"]).unwrap();
    assert_eq!(read.text("module.m.aws_internet_gateway.g", "vpc_id"), "module.m.aws_vpc.b");
    assert!(references(&read).is_empty());
}

#[test]
fn unresolvable_references_list_what_there_is() {
    let mut plan = Planned::default();
    plan.create("aws_subnet.s", json!({"cidr_block": "10.0.0.0/24"}), json!({"vpc_id": true}));
    plan.root(json!({"aws_subnet.s": {"vpc_id": refs(&["data.terraform_remote_state.net.outputs", "data.terraform_remote_state.net"])}}));
    let error = plan.error();
    assert!(error.contains("the configuration refers to data.terraform_remote_state.net.outputs, "), "{error}");
    assert!(error.ends_with("there are no candidates\n    --bind 'aws_subnet.s.vpc_id=ID'"), "{error}");
}

#[test]
fn of_several_that_rules_may_mean_none_is_taken() {
    let mut plan = Planned::default();
    for name in ["a", "b"] {
        plan.create(&format!("aws_security_group.{name}"), json!({"vpc_id": "vpc-1"}), json!({}));
    }
    let rules = json!([{"from_port": 1, "security_groups": [null]}, {"from_port": 2, "security_groups": [null]}]);
    let unknown = json!({"ingress": [{"security_groups": [true]}, {"security_groups": [true]}]});
    plan.create("aws_security_group.t", json!({"vpc_id": "vpc-1", "ingress": rules}), unknown);
    plan.root(
        json!({"aws_security_group.t": {"ingress": refs(&["aws_security_group.a.id", "aws_security_group.b.id"])}}),
    );
    let error = plan.error();
    assert!(
        error.contains("--bind 'aws_security_group.t.ingress[1].security_groups[0]=aws_security_group.a'"),
        "{error}"
    );
    let read = plan.try_read(&[
        "aws_security_group.t.ingress[0].security_groups[0]=aws_security_group.b",
        "aws_security_group.t.ingress[1].security_groups[0]=aws_security_group.a",
    ]);
    assert_eq!(
        read.unwrap().values("aws_security_group.t")["ingress"][0]["security_groups"],
        json!(["aws_security_group.b"])
    );
}

/// An instance with groups that an expression refers to, and a prior state with another.
fn grouped(references: &[&str]) -> Planned {
    let mut plan = Planned::default();
    for name in ["a", "b"] {
        plan.create(&format!("aws_security_group.{name}"), json!({"vpc_id": "vpc-1"}), json!({}));
    }
    let known = json!({"id": "i-1", "subnet_id": "subnet-1", "private_ip": "10.0.0.9"});
    plan.change("aws_instance.i", &["update"], known.clone(), json!({"vpc_security_group_ids": true}));
    let mut prior = known;
    prior["vpc_security_group_ids"] = json!(["sg-1"]);
    let prior = json!({"values": {"root_module": {"resources": [resource("aws_instance.i", prior)]}}});
    plan.with("prior_state", prior);
    plan.root(json!({"aws_instance.i": {"vpc_security_group_ids": refs(references)}}));
    plan
}

#[test]
fn what_is_not_followed_besides_something_that_is_is_said() {
    let read = grouped(&["aws_security_group.a.id", "aws_security_group.a"]).read();
    assert_eq!(references(&read), Vec::<String>::new());
    for dark in ["local.common", "var.extra", "data.aws_security_groups.common"] {
        let read = grouped(&["aws_security_group.a.id", "aws_security_group.a", dark]).read();
        assert_eq!(read.values("aws_instance.i")["vpc_security_group_ids"], json!(["aws_security_group.a"]));
        assert_eq!(
            references(&read),
            [format!(
                "aws_instance.i.vpc_security_group_ids: it is taken for aws_security_group.a; what {dark} adds or leaves out \
                 is not known; before it was sg-1"
            )]
        );
    }
}

#[test]
fn both_sides_of_a_condition_are_said() {
    let groups = ["var.public", "aws_security_group.a.id", "aws_security_group.b.id"];
    let mut plan = grouped(&groups);
    let said = references(&plan.with("variables", json!({"public": {"value": true}})).read());
    assert!(
        said[0].contains("aws_security_group.a, aws_security_group.b; what var.public adds or leaves out"),
        "{said:?}"
    );
}

#[test]
fn groups_that_blocks_share_are_said() {
    let mut plan = Planned::default();
    for name in ["a", "b"] {
        plan.create(&format!("aws_security_group.{name}"), json!({"vpc_id": "vpc-1"}), json!({}));
    }
    let rules = json!([{"from_port": 1}, {"from_port": 2}]);
    let unknown = json!({"ingress": [{"security_groups": true}, {"security_groups": true}]});
    plan.create("aws_security_group.t", json!({"vpc_id": "vpc-1", "ingress": rules}), unknown);
    plan.root(
        json!({"aws_security_group.t": {"ingress": refs(&["aws_security_group.a.id", "aws_security_group.b.id"])}}),
    );
    let read = plan.read();
    let both = json!(["aws_security_group.a", "aws_security_group.b"]);
    let said = references(&read);
    for block in 0..2 {
        assert_eq!(read.values("aws_security_group.t")["ingress"][block]["security_groups"], both);
        let place =
            format!("aws_security_group.t.ingress[{block}].security_groups: it is taken for aws_security_group.a, ");
        assert!(said[block].starts_with(&place) && said[block].contains("no plan tells which"), "{said:?}");
    }
    plan.root(json!({"aws_security_group.t": {"ingress": refs(&["aws_security_group.a.id"])}}));
    assert_eq!(references(&plan.read()), Vec::<String>::new());
}

#[test]
fn endpoints_take_what_their_type_takes() {
    let mut plan = Planned::default();
    for name in ["a", "b"] {
        plan.create(&format!("aws_route_table.{name}"), json!({"vpc_id": "vpc-1"}), json!({}));
        let values = json!({"vpc_id": "vpc-1", "cidr_block": "10.0.0.0/24"});
        plan.create(&format!("aws_subnet.{name}"), values, json!({}));
    }
    let unknown = json!({"route_table_ids": true, "subnet_ids": true});
    for kind in ["Gateway", "Interface"] {
        let values = json!({"vpc_id": "vpc-1", "vpc_endpoint_type": kind});
        plan.create(&format!("module.m.aws_vpc_endpoint.e[\"{kind}\"]"), values, unknown.clone());
    }
    let call =
        json!({"expressions": {"endpoints": refs(&["aws_route_table.a", "aws_route_table.b", "aws_subnet.a.id"])}});
    let each = refs(&["each.value"]);
    let endpoint = json!({"for_each": refs(&["local.endpoints"]), "route_table_ids": each, "subnet_ids": each});
    called(&mut plan, call, json!({"aws_vpc_endpoint.e": endpoint}));
    let read = plan.read();
    let gateway = read.values("module.m.aws_vpc_endpoint.e[\"Gateway\"]");
    assert_eq!(gateway["route_table_ids"], json!(["aws_route_table.a", "aws_route_table.b"]));
    assert!(!gateway.contains_key("subnet_ids"));
    let interface = read.values("module.m.aws_vpc_endpoint.e[\"Interface\"]");
    assert_eq!(interface["subnet_ids"], json!(["aws_subnet.a"]));
    assert!(!interface.contains_key("route_table_ids"));
    assert_eq!(
        references(&read),
        [
            "module.m.aws_vpc_endpoint.e[\"Gateway\"].route_table_ids: it is taken for all 2 of what is passed to or from \
             module.m",
            "module.m.aws_vpc_endpoint.e[\"Interface\"].subnet_ids: it is taken for all 1 of what is passed to or from \
             module.m, the only aws_subnet"
        ]
    );
}
