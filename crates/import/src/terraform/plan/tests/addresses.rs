//! Addresses and blocks that AWS chooses.

use serde_json::json;

use super::*;

/// A VPC with IPv6, a subnet, a NAT gateway and an instance in it.
fn network() -> Planned {
    let mut plan = Planned::default();
    let values = json!({"cidr_block": "10.0.0.0/16", "assign_generated_ipv6_cidr_block": true});
    plan.create("aws_vpc.v", values, json!({"ipv6_cidr_block": true}));
    let values =
        json!({"cidr_block": "10.0.12.0/24", "assign_ipv6_address_on_creation": true, "map_public_ip_on_launch": true});
    plan.create("aws_subnet.s", values, json!({"vpc_id": true, "ipv6_cidr_block": true}));
    plan.create("aws_eip.e", json!({}), json!({"public_ip": true}));
    plan.create(
        "aws_nat_gateway.n",
        json!({"secondary_allocation_ids": ["eipalloc-1"]}),
        json!({"allocation_id": true, "subnet_id": true, "private_ip": true}),
    );
    plan.create(
        "aws_instance.i",
        json!({}),
        json!({"subnet_id": true, "private_ip": true, "ipv6_addresses": true, "public_ip": true}),
    );
    plan.create(
        "aws_network_interface.w",
        json!({"ipv6_address_count": 2}),
        json!({"subnet_id": true, "private_ip": true, "private_ips": true}),
    );
    let subnet = json!({"subnet_id": refs(&["aws_subnet.s.id"])});
    plan.root(json!({
        "aws_subnet.s": {"vpc_id": refs(&["aws_vpc.v.id"]), "ipv6_cidr_block": refs(&["aws_vpc.v.ipv6_cidr_block"])},
        "aws_nat_gateway.n": {"subnet_id": refs(&["aws_subnet.s.id"]), "allocation_id": refs(&["aws_eip.e.id"])},
        "aws_instance.i": subnet, "aws_network_interface.w": subnet,
    }));
    plan
}

#[test]
fn each_is_made_up_and_said() {
    let read = network().read();
    let vpc: ipnet::Ipv6Net = read.text("aws_vpc.v", "ipv6_cidr_block").parse().unwrap();
    let subnet: ipnet::Ipv6Net = read.text("aws_subnet.s", "ipv6_cidr_block").parse().unwrap();
    assert!("2001:db8::/32".parse::<ipnet::Ipv6Net>().unwrap().contains(&vpc) && vpc.prefix_len() == 56);
    assert!(vpc.contains(&subnet) && subnet.prefix_len() == 64);
    assert_eq!(subnet.network().segments()[3] & 0xff, 12);
    let block: ipnet::Ipv4Net = "10.0.12.0/24".parse().unwrap();
    for address in ["aws_nat_gateway.n", "aws_instance.i", "aws_network_interface.w"] {
        let private: std::net::Ipv4Addr = read.text(address, "private_ip").parse().unwrap();
        assert!(block.contains(&private) && private.octets()[3] >= 4, "{address} {private}");
    }
    assert_eq!(read.text("aws_nat_gateway.n", "public_ip"), read.text("aws_eip.e", "public_ip"));
    assert_eq!(read.values("aws_nat_gateway.n")["secondary_private_ip_addresses"].as_array().unwrap().len(), 1);
    assert!(read.text("aws_instance.i", "public_ip").starts_with("203.0.113."));
    assert_eq!(read.values("aws_instance.i")["ipv6_addresses"].as_array().unwrap().len(), 1);
    assert_eq!(read.values("aws_network_interface.w")["ipv6_addresses"].as_array().unwrap().len(), 2);
    let made: Vec<_> = read.notes.assumptions.iter().filter(|it| it.code == crate::codes::PLAN_ADDRESS).collect();
    assert_eq!((made.len(), made.len()), (10, read.notes.assumptions.len()), "{:?}", read.assumed());
}

#[test]
fn the_order_decides_nothing_and_additions_little() {
    let mut other = network();
    other.resources.reverse();
    other.changes.reverse();
    let of = |read: &Read, address: &str| read.values(address).clone();
    let (one, other) = (network().read(), other.read());
    for entry in &one.entries {
        assert_eq!(of(&one, &entry.text), of(&other, &entry.text));
    }
    let mut more = network();
    more.create("aws_eip.another", json!({}), json!({}));
    more.create("aws_instance.another", json!({"subnet_id": "aws_subnet.s"}), json!({"private_ip": true}));
    let more = more.read();
    for entry in &one.entries {
        assert_eq!(of(&one, &entry.text), of(&more, &entry.text));
    }
}

#[test]
fn known_addresses_are_avoided() {
    let made = network().read();
    let (private, public) = (made.text("aws_instance.i", "private_ip"), made.text("aws_eip.e", "public_ip"));
    let mut plan = network();
    plan.known("aws_network_interface.k", json!({"id": "eni-1", "subnet_id": "subnet-1", "private_ip": private}));
    plan.known("aws_eip.k", json!({"id": "eipalloc-1", "public_ip": public}));
    let read = plan.read();
    assert_ne!(read.text("aws_instance.i", "private_ip"), private);
    assert_ne!(read.text("aws_eip.e", "public_ip"), public);
}

#[test]
fn binds_are_taken_instead() {
    let read = network()
        .try_read(&["aws_vpc.v.ipv6_cidr_block=2001:db8:1:100::/56", "aws_eip.e.public_ip=203.0.113.20"])
        .unwrap();
    assert_eq!(read.text("aws_subnet.s", "ipv6_cidr_block"), "2001:db8:1:10c::/64");
    assert_eq!(read.text("aws_nat_gateway.n", "public_ip"), "203.0.113.20");
}

#[test]
fn blocks_that_nothing_tells_are_asked_for() {
    let mut plan = Planned::default();
    plan.create("aws_vpc.v", json!({"ipv4_ipam_pool_id": "ipam-pool-1"}), json!({"cidr_block": true}));
    assert!(plan.error().ends_with("--bind 'aws_vpc.v.cidr_block=10.0.0.0/16'"), "{}", plan.error());
    assert_eq!(
        plan.try_read(&["aws_vpc.v.cidr_block=10.7.0.0/16"]).unwrap().text("aws_vpc.v", "cidr_block"),
        "10.7.0.0/16"
    );
}

#[test]
fn default_vpcs_have_the_block_that_all_have() {
    let mut plan = Planned::default();
    plan.create("aws_default_vpc.d", json!({}), json!({"cidr_block": true}));
    for zone in ["b", "a"] {
        plan.create(
            &format!("aws_default_subnet.{zone}"),
            json!({"availability_zone": zone}),
            json!({"cidr_block": true}),
        );
    }
    let read = plan.read();
    assert_eq!(read.text("aws_default_vpc.d", "cidr_block"), "172.31.0.0/16");
    assert_eq!(read.text("aws_default_subnet.b", "cidr_block"), "172.31.16.0/20");
}

#[test]
fn endpoints_of_gateways_have_lists_whose_blocks_are_unknown() {
    let mut plan = Planned::default();
    plan.create(
        "aws_vpc_endpoint.s3",
        json!({"vpc_id": "vpc-1", "vpc_endpoint_type": "Gateway"}),
        json!({"prefix_list_id": true, "cidr_blocks": true}),
    );
    let read = plan.read();
    assert!(read.assumed()[0].contains("--bind 'aws_vpc_endpoint.s3.cidr_blocks="), "{:?}", read.assumed());
    assert!(plan.try_read(&["aws_vpc_endpoint.s3.cidr_blocks=52.216.0.0/15"]).unwrap().assumed().is_empty());
}
