//! The module that most people make VPCs with: its locals and lost indices, as its plans show them.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use serde_json::{Value, json};
use vpcemu_import::{Imported, Options, codes, read_terraform};
use vpcemu_model::finding::Severity;
use vpcemu_model::validate::validate;
use vpcemu_model::{Destination, Network, Target};

/// What the module is called with.
struct Called {
    zones: usize,
    /// Private subnets in each zone.
    private: usize,
    single_nat_gateway: bool,
    database_tables: bool,
    ipv6: bool,
}

/// A plan of a call.
#[derive(Default)]
struct Plan {
    resources: Vec<Value>,
    changes: Vec<Value>,
    configuration: Vec<Value>,
}

const MODULE: &str = "module.vpc";

impl Plan {
    /// Resources of the module: what is known of each, what is not, and the references of what its configuration sets.
    fn add(
        &mut self,
        kind: &str,
        name: &str,
        each: impl IntoIterator<Item = Value>,
        unknown: Value,
        set: &[(&str, &[&str])],
    ) {
        for (index, values) in each.into_iter().enumerate() {
            let address = format!("{MODULE}.{kind}.{name}[{index}]");
            let head = json!({"address": address, "mode": "managed", "type": kind, "name": name, "index": index,
                "provider_name": "registry.terraform.io/hashicorp/aws"});
            let with = |more: Value| {
                let mut all = head.clone();
                all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                all
            };
            self.resources.push(with(json!({"schema_version": 1, "values": values, "sensitive_values": {}})));
            let mut unknown = unknown.clone();
            unknown["id"] = json!(true);
            let change = json!({"actions": ["create"], "before": null, "after": values, "after_unknown": unknown});
            self.changes.push(with(json!({"module_address": MODULE, "change": change})));
        }
        let expressions: serde_json::Map<_, _> = set
            .iter()
            .map(|(attribute, references)| ((*attribute).to_owned(), json!({"references": references})))
            .collect();
        self.configuration.push(json!({"address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name,
            "expressions": expressions, "count_expression": {"references": ["local.create_vpc", "local.max_subnet_length"]}}));
    }

    fn subnets(&mut self, called: &Called, name: &str, base: usize, count: usize, public: bool) {
        let each = (0..count).map(|index| {
            json!({"cidr_block": format!("10.0.{}.0/24", base + index), "availability_zone": zone(called, index),
                "map_public_ip_on_launch": public, "assign_ipv6_address_on_creation": called.ipv6})
        });
        let unknown =
            if called.ipv6 { json!({"vpc_id": true, "ipv6_cidr_block": true}) } else { json!({"vpc_id": true}) };
        let prefixes = format!("var.{name}_subnet_ipv6_prefixes");
        let block = [
            "var.enable_ipv6",
            &prefixes,
            "aws_vpc.this[0].ipv6_cidr_block",
            "aws_vpc.this[0]",
            "aws_vpc.this",
            "count.index",
        ];
        self.add("aws_subnet", name, each, unknown, &[("vpc_id", &["local.vpc_id"]), ("ipv6_cidr_block", &block)]);
    }

    fn tables(&mut self, name: &str, count: usize) {
        let each = (0..count).map(|_| json!({"tags": {"Name": name}}));
        let unknown = json!({"vpc_id": true, "route": true, "propagating_vgws": true});
        self.add("aws_route_table", name, each, unknown, &[("vpc_id", &["local.vpc_id"])]);
    }

    fn associations(&mut self, name: &str, count: usize, tables: &[&str]) {
        let subnet = format!("aws_subnet.{name}");
        let each = (0..count).map(|_| json!({"gateway_id": null}));
        let unknown = json!({"subnet_id": true, "route_table_id": true});
        let set: [(&str, &[&str]); 2] = [("subnet_id", &[&subnet, "count.index"]), ("route_table_id", tables)];
        self.add("aws_route_table_association", name, each, unknown, &set);
    }

    fn routes(&mut self, name: &str, count: usize, to: &str, table: &str, (attribute, via): (&str, &[&str])) {
        let field = if to.contains(':') { "destination_ipv6_cidr_block" } else { "destination_cidr_block" };
        let each = (0..count).map(|_| json!({field: to}));
        let set: [(&str, &[&str]); 2] = [("route_table_id", &[table, "count.index"]), (attribute, via)];
        self.add("aws_route", name, each, json!({"route_table_id": true, attribute: true}), &set);
    }
}

fn zone(called: &Called, index: usize) -> String {
    format!("eu-west-1{}", char::from(b'a' + u8::try_from(index % called.zones).unwrap()))
}

/// A plan that makes everything anew, with an instance of the root module in the module's first private subnet.
fn plan(called: &Called) -> Value {
    let mut plan = Plan::default();
    let (zones, private) = (called.zones, called.zones * called.private);
    let gateways = if called.single_nat_gateway { 1 } else { zones };
    let vpc: &[&str] = &["local.vpc_id"];
    let unknown = json!({"ipv6_cidr_block": true, "default_network_acl_id": true, "default_route_table_id": true,
        "default_security_group_id": true, "main_route_table_id": true});
    plan.add(
        "aws_vpc",
        "this",
        [json!({"cidr_block": "10.0.0.0/16", "assign_generated_ipv6_cidr_block": called.ipv6})],
        unknown,
        &[],
    );
    plan.add(
        "aws_vpc_ipv4_cidr_block_association",
        "this",
        [],
        json!({}),
        &[("vpc_id", &["aws_vpc.this[0].id", "aws_vpc.this[0]", "aws_vpc.this"])],
    );
    plan.add("aws_internet_gateway", "this", [json!({})], json!({"vpc_id": true}), &[("vpc_id", vpc)]);
    plan.subnets(called, "public", 0, zones, true);
    plan.tables("public", 1);
    plan.associations(
        "public",
        zones,
        &["aws_route_table.public", "var.create_multiple_public_route_tables", "count.index"],
    );
    let internet = (
        "gateway_id",
        &["aws_internet_gateway.this[0].id", "aws_internet_gateway.this[0]", "aws_internet_gateway.this"][..],
    );
    plan.routes("public_internet_gateway", 1, "0.0.0.0/0", "aws_route_table.public", internet);
    plan.subnets(called, "private", 100, private, false);
    plan.tables("private", gateways);
    plan.associations("private", private, &["aws_route_table.private", "var.single_nat_gateway", "count.index"]);
    plan.subnets(called, "database", 200, zones, false);
    plan.tables("database", if called.database_tables { zones } else { 0 });
    plan.associations(
        "database",
        zones,
        &[
            "aws_route_table.database",
            "aws_route_table.private",
            "var.create_database_subnet_route_table",
            "var.single_nat_gateway",
            "count.index",
        ],
    );
    plan.subnets(called, "intra", 220, zones, false);
    plan.tables("intra", 1);
    plan.associations(
        "intra",
        zones,
        &["aws_route_table.intra", "var.create_multiple_intra_route_tables", "count.index"],
    );
    plan.add(
        "aws_eip",
        "nat",
        (0..gateways).map(|_| json!({"domain": "vpc"})),
        json!({"public_ip": true, "allocation_id": true, "instance": true, "network_interface": true}),
        &[],
    );
    plan.add(
        "aws_nat_gateway",
        "this",
        (0..gateways).map(|_| json!({"connectivity_type": "public"})),
        json!({"allocation_id": true, "subnet_id": true, "private_ip": true, "public_ip": true, "network_interface_id": true, "secondary_private_ip_addresses": true}),
        &[
            ("allocation_id", &["local.nat_gateway_ips", "var.single_nat_gateway", "count.index"]),
            ("subnet_id", &["aws_subnet.public", "var.single_nat_gateway", "count.index"]),
        ],
    );
    let nat = ("nat_gateway_id", &["aws_nat_gateway.this", "count.index"][..]);
    plan.routes("private_nat_gateway", gateways, "0.0.0.0/0", "aws_route_table.private", nat);
    if called.ipv6 {
        plan.routes("public_internet_gateway_ipv6", 1, "::/0", "aws_route_table.public", internet);
        plan.add("aws_egress_only_internet_gateway", "this", [json!({})], json!({"vpc_id": true}), &[("vpc_id", vpc)]);
        let egress = (
            "egress_only_gateway_id",
            &[
                "aws_egress_only_internet_gateway.this[0].id",
                "aws_egress_only_internet_gateway.this[0]",
                "aws_egress_only_internet_gateway.this",
            ][..],
        );
        plan.routes("private_ipv6_egress", gateways, "::/0", "aws_route_table.private", egress);
    }
    let this = |attribute: &str| {
        vec![format!("aws_vpc.this[0].{attribute}"), "aws_vpc.this[0]".to_owned(), "aws_vpc.this".to_owned()]
    };
    for (kind, name, attribute, own, values) in [
        ("aws_default_security_group", "this", "vpc_id", "id", json!({"ingress": [], "egress": []})),
        (
            "aws_default_route_table",
            "default",
            "default_route_table_id",
            "default_route_table_id",
            json!({"route": []}),
        ),
        ("aws_default_network_acl", "this", "default_network_acl_id", "default_network_acl_id", acl()),
    ] {
        let references = this(own);
        let references: Vec<_> = references.iter().map(String::as_str).collect();
        plan.add(kind, name, [values], json!({attribute: true}), &[(attribute, &references)]);
    }
    let Plan { resources, mut changes, configuration } = plan;
    let instance = json!({"address": "aws_instance.app", "mode": "managed", "type": "aws_instance", "name": "app",
        "provider_name": "registry.terraform.io/hashicorp/aws"});
    let mut planned = instance.clone();
    planned["values"] = json!({"instance_type": "t3.micro", "user_data": "hunter2"});
    let mut change = instance.clone();
    change["change"] = json!({"actions": ["create"], "after_unknown": {"id": true, "subnet_id": true, "private_ip": true,
        "vpc_security_group_ids": true, "ipv6_addresses": true, "public_ip": true, "network_interface": true}});
    changes.push(change);
    let mut configured = instance;
    configured["expressions"] = json!({
        "subnet_id": {"references": ["module.vpc.private_subnets[0]", "module.vpc.private_subnets", "module.vpc"]},
        "vpc_security_group_ids": {"references": ["module.vpc.default_security_group_id", "module.vpc"]},
    });
    json!({
        "format_version": "1.2", "terraform_version": "1.11.4",
        "planned_values": {"root_module": {"resources": [planned], "child_modules": [{"address": MODULE, "resources": resources}]}},
        "resource_changes": changes,
        "configuration": {"root_module": {"resources": [configured], "module_calls": {"vpc": {
            "source": "terraform-aws-modules/vpc/aws",
            "expressions": {"single_nat_gateway": {"constant_value": called.single_nat_gateway}, "cidr": {"constant_value": "10.0.0.0/16"}},
            "module": {"resources": configuration, "outputs": {
                "private_subnets": {"expression": {"references": ["aws_subnet.private"]}},
                "default_security_group_id": {"expression": {"references": this("default_security_group_id")}},
            }},
        }}}},
    })
}

fn acl() -> Value {
    let rule = |number: u16, field: &str, block: &str| json!({"rule_no": number, "action": "allow", "protocol": "-1", "from_port": 0, "to_port": 0, field: block});
    let rules = [rule(100, "cidr_block", "0.0.0.0/0"), rule(101, "ipv6_cidr_block", "::/0")];
    json!({"ingress": rules, "egress": rules, "subnet_ids": null})
}

fn load(called: &Called) -> Imported {
    let document = plan(called).to_string().into_bytes();
    let imported = read_terraform("plan.json", document, &Options::default()).unwrap_or_else(|error| panic!("{error}"));
    let errors: Vec<_> =
        validate(&imported.network).into_iter().filter(|finding| finding.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    imported
}

/// Where the default route of a subnet leads: the target's address without the module.
fn default_route(network: &Network, name: &str, index: usize, to: &str) -> Option<String> {
    let id = format!("{MODULE}.aws_subnet.{name}[{index}]");
    let subnet = network.subnets.iter().find(|it| it.id.as_str() == id).unwrap_or_else(|| panic!("no {id}"));
    let table = network.route_tables.iter().find(|it| it.id == subnet.route_table).unwrap();
    let destination = Destination::Cidr(to.parse().unwrap());
    let route = table.routes.iter().find(|it| it.destination == destination)?;
    let target = match &route.target {
        Target::InternetGateway(id) | Target::NatGateway(id) | Target::EgressOnlyInternetGateway(id) => id,
        other => panic!("{other:?}"),
    };
    Some(target.as_str().strip_prefix("module.vpc.").unwrap().to_owned())
}

fn guessed(imported: &Imported) -> Vec<&str> {
    let guesses = imported.network.assumptions.iter().filter(|it| it.code == codes::PLAN_REFERENCE);
    guesses.map(|it| it.place.strip_prefix("module.vpc.").unwrap()).collect()
}

#[test]
fn one_gateway_in_each_zone() {
    let called = Called { zones: 3, private: 1, single_nat_gateway: false, database_tables: false, ipv6: false };
    let imported = load(&called);
    let network = &imported.network;
    assert_eq!((network.subnets.len(), network.nat_gateways.len(), network.vpcs.len()), (12, 3, 1));
    for index in 0..3 {
        let gateway = format!("aws_nat_gateway.this[{index}]");
        assert_eq!(default_route(network, "private", index, "0.0.0.0/0"), Some(gateway.clone()));
        assert_eq!(default_route(network, "database", index, "0.0.0.0/0"), Some(gateway));
        assert_eq!(
            default_route(network, "public", index, "0.0.0.0/0"),
            Some("aws_internet_gateway.this[0]".to_owned())
        );
        assert_eq!(default_route(network, "intra", index, "0.0.0.0/0"), None);
    }
    for (index, gateway) in network.nat_gateways.iter().enumerate() {
        assert_eq!(gateway.subnet().unwrap().as_str(), format!("{MODULE}.aws_subnet.public[{index}]"));
        assert!(gateway.addresses[0].public.is_some());
    }
    let guessed = guessed(&imported);
    assert!(
        guessed.contains(&"aws_subnet.private[0].vpc_id") && guessed.contains(&"aws_nat_gateway.this[2].allocation_id")
    );
    // Only what is behind a local: the VPC of subnets, tables and the gateway, and the addresses.
    assert_eq!(guessed.len(), 12 + 5 + 1 + 3, "{guessed:?}");
}

#[test]
fn a_single_gateway_for_all() {
    let called = Called { zones: 2, private: 2, single_nat_gateway: true, database_tables: false, ipv6: true };
    let imported = load(&called);
    let network = &imported.network;
    for index in 0..4 {
        assert_eq!(default_route(network, "private", index, "0.0.0.0/0").as_deref(), Some("aws_nat_gateway.this[0]"));
        assert_eq!(
            default_route(network, "private", index, "::/0").as_deref(),
            Some("aws_egress_only_internet_gateway.this[0]")
        );
    }
    assert_eq!(default_route(network, "public", 1, "::/0").as_deref(), Some("aws_internet_gateway.this[0]"));
    assert!(network.subnets.iter().all(|it| it.cidrs.len() == 2), "{:?}", network.subnets);
    let [gateway] = &network.nat_gateways[..] else { panic!("{:?}", network.nat_gateways) };
    assert_eq!(gateway.subnet().unwrap().as_str(), "module.vpc.aws_subnet.public[0]");
}

#[test]
fn more_subnets_than_gateways_take_turns() {
    let called = Called { zones: 2, private: 2, single_nat_gateway: false, database_tables: true, ipv6: false };
    let imported = load(&called);
    let network = &imported.network;
    for index in 0..4 {
        let gateway = format!("aws_nat_gateway.this[{}]", index % 2);
        assert_eq!(default_route(network, "private", index, "0.0.0.0/0"), Some(gateway));
    }
    assert_eq!(default_route(network, "database", 1, "0.0.0.0/0"), None, "its own table has no way out");
    let guessed = guessed(&imported);
    assert!(guessed.contains(&"aws_route_table_association.private[2].route_table_id"), "{guessed:?}");
    assert!(guessed.contains(&"aws_route_table_association.database[1].route_table_id"), "{guessed:?}");
}

#[test]
fn what_the_vpc_was_made_with_is_taken_over() {
    let called = Called { zones: 1, private: 1, single_nat_gateway: true, database_tables: false, ipv6: false };
    let imported = load(&called);
    let network = &imported.network;
    let vpc = &network.vpcs[0];
    let group = network.security_groups.iter().find(|it| it.id == vpc.default_security_group).unwrap();
    assert!(group.ingress.is_empty() && group.egress.is_empty(), "{group:?}");
    assert_eq!(network.security_groups.len(), 1);
    assert!(network.route_tables.iter().any(|it| it.id == vpc.main_route_table));
    assert_eq!(network.network_acls.len(), 1);
    let instance = &network.interfaces.iter().find(|it| it.instance.is_some()).unwrap();
    assert_eq!(instance.subnet.as_str(), "module.vpc.aws_subnet.private[0]");
    assert_eq!(instance.security_groups.as_slice(), std::slice::from_ref(&vpc.default_security_group));
    assert!(!format!("{imported:?}").contains("hunter2"));
}
