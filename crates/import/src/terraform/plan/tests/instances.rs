//! Addresses of the document: keys, duplicates, what is not there.

use serde_json::json;

use super::*;

#[test]
fn ids_are_addresses_until_there_are_others() {
    let mut plan = Planned::default();
    plan.create("module.a[\"x.y\"].aws_vpc.v[0]", json!({"cidr_block": "10.0.0.0/16"}), json!({}));
    plan.known("aws_vpc.old", json!({"id": "vpc-1", "cidr_block": "10.0.0.0/16"}));
    let read = plan.read();
    assert_eq!(read.text("module.a[\"x.y\"].aws_vpc.v[0]", "id"), "module.a[\"x.y\"].aws_vpc.v[0]");
    assert_eq!(read.text("aws_vpc.old", "id"), "vpc-1");
    let read = plan.try_read(&["module.a[\"x.y\"].aws_vpc.v[0].id=vpc-7"]).unwrap();
    assert_eq!(read.text("module.a[\"x.y\"].aws_vpc.v[0]", "id"), "vpc-7");
}

#[test]
fn addresses_are_unique() {
    let mut plan = Planned::default();
    plan.known("aws_vpc.v", json!({"id": "vpc-1"})).known("aws_vpc.v", json!({"id": "vpc-2"}));
    assert!(plan.error().contains("aws_vpc.v is there twice"), "{}", plan.error());
}

#[test]
fn a_plan_without_configuration_resolves_by_type() {
    let mut plan = Planned::default();
    plan.create("aws_vpc.v", json!({"cidr_block": "10.0.0.0/16"}), json!({}));
    plan.create("aws_subnet.s", json!({"cidr_block": "10.0.0.0/24"}), json!({"vpc_id": true}));
    let read = plan.read();
    assert_eq!(read.text("aws_subnet.s", "vpc_id"), "aws_vpc.v");
    assert!(read.assumed()[0].ends_with("the only aws_vpc of the root module"), "{:?}", read.assumed());
}

#[test]
fn binds_name_attributes_that_only_the_unknown_has() {
    let mut plan = Planned::default();
    plan.create("aws_instance.i", json!({}), json!({"ipv6_addresses": true, "some_new_attribute": true}));
    assert!(plan.try_read(&["aws_instance.i.some_new_attribute=x"]).is_ok());
    let error = plan.try_read(&["aws_instance.i.some_old_attribute=x"]).err().unwrap();
    assert!(error.contains("near are some_new_attribute"), "{error}");
}

#[test]
fn what_is_looked_up_at_apply_may_be_unknown() {
    let mut plan = Planned::default();
    plan.change("data.aws_vpc.d", &["read"], json!({}), json!({"id": true, "cidr_block": true}));
    plan.change("data.aws_subnet.s", &["read"], json!({}), json!({"id": true, "vpc_id": true, "cidr_block": true}));
    plan.create("aws_security_group.g", json!({}), json!({"vpc_id": true}));
    plan.root(json!({
        "data.aws_vpc.d": {}, "data.aws_subnet.s": {},
        "aws_security_group.g": {"vpc_id": refs(&["data.aws_vpc.d.id", "data.aws_vpc.d"])},
    }));
    let read = plan.read();
    assert_eq!(read.text("aws_security_group.g", "vpc_id"), "data.aws_vpc.d");
    assert_eq!(
        (read.text("data.aws_subnet.s", "id"), read.text("data.aws_subnet.s", "vpc_id")),
        ("data.aws_subnet.s", "-")
    );
}

/// A VPC, a data source that looks it up by what is given, and a subnet in what that finds.
fn looked_up(id: Value) -> Planned {
    let mut plan = Planned::default();
    plan.create("aws_vpc.m", json!({"cidr_block": "10.0.0.0/16"}), json!({}));
    plan.create("aws_vpc.other", json!({"cidr_block": "10.0.0.0/8"}), json!({}));
    plan.change("data.aws_vpc.d", &["read"], json!({}), json!({"cidr_block": true}));
    plan.create("aws_subnet.s", json!({"cidr_block": "10.0.0.0/24"}), json!({"vpc_id": true}));
    plan.root(json!({
        "data.aws_vpc.d": id, "aws_subnet.s": {"vpc_id": refs(&["data.aws_vpc.d.id", "data.aws_vpc.d", "data.aws_vpc"])},
    }));
    plan
}

#[test]
fn what_is_looked_up_at_apply_may_be_in_the_plan() {
    let read = looked_up(json!({"id": refs(&["aws_vpc.m.id", "aws_vpc.m"])})).read();
    assert_eq!(read.text("aws_subnet.s", "vpc_id"), "aws_vpc.m");
    assert!(read.entries.iter().all(|it| &*it.text != "data.aws_vpc.d"), "it is aws_vpc.m");
    assert_eq!(read.assumed(), Vec::<String>::new());
}

#[test]
fn what_is_looked_up_at_apply_is_asked_for_where_something_needs_it() {
    let plan = looked_up(json!({"tags": refs(&["local.tags"])}));
    let error = plan.error();
    assert!(
        error.contains(
            "data.aws_vpc.d.id: expected the id of the aws_vpc that the data source finds; it is read only during apply"
        ),
        "{error}"
    );
    assert!(error.ends_with("--bind 'data.aws_vpc.d.id=aws_vpc.m'"), "{error}");
    let read = plan.try_read(&["data.aws_vpc.d.id=aws_vpc.m"]).unwrap();
    assert_eq!(read.text("aws_subnet.s", "vpc_id"), "aws_vpc.m");
}

#[test]
fn binds_name_what_is_made_with_something_else() {
    let mut plan = Planned::default();
    plan.create("aws_vpc.m", json!({"cidr_block": "10.0.0.0/16"}), json!({}));
    let values = json!({"subnet_id": "subnet-1", "private_ip": "10.0.0.9"});
    plan.create("aws_instance.i", values, json!({"vpc_security_group_ids": true}));
    plan.create("aws_route.r", json!({"gateway_id": "igw-1"}), json!({"route_table_id": true}));
    let read = plan.try_read(&[
        "aws_instance.i.vpc_security_group_ids=aws_vpc.m.default_security_group_id",
        "aws_route.r.route_table_id=aws_vpc.m.main_route_table_id",
    ]);
    let read = read.unwrap();
    let vpc = read.values("aws_vpc.m");
    assert_eq!(read.values("aws_instance.i")["vpc_security_group_ids"], json!([vpc["default_security_group_id"]]));
    assert_eq!(read.text("aws_route.r", "route_table_id"), vpc["main_route_table_id"]);
    let error = plan.try_read(&["aws_route.r.route_table_id=aws_instance.i.subnet"]).err().unwrap();
    assert!(error.ends_with("aws_instance.i.subnet is not known either"), "{error}");
}
