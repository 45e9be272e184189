//! Where packets enter that were captured beyond transit gateways and endpoints, and where VPCs have the same blocks.

mod common;

use serde_json::Value;
use vpcemu_model::native;
use vpcemu_packet::{TcpFlags, build};
use vpcemu_tests::{socket, syn};

/// A spoke whose way to the internet is inspected in one VPC, and in the egress VPC again.
const TWICE_INSPECTED: &str = r#"
[vpc.spoke]
cidrs = ["10.1.0.0/16"]
[vpc.inspection]
cidrs = ["10.2.0.0/16"]
[vpc.egress]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
vpc = "egress"
[transit_gateway.hub.attachment.spoke]
subnets = ["spoke"]
route_table = "spokes"
[transit_gateway.hub.attachment.inspection]
subnets = ["in"]
route_table = "inspected"
[transit_gateway.hub.attachment.egress]
subnets = ["tgw"]
route_table = "spokes"
[transit_gateway.hub.route_table.spokes]
routes = [{ to = "0.0.0.0/0", via = "inspection" }, { to = "10.1.0.0/16", via = "inspection" }]
[transit_gateway.hub.route_table.inspected]
routes = [{ to = "0.0.0.0/0", via = "egress" }, { to = "10.1.0.0/16", via = "spoke" }]
[subnet.spoke]
vpc = "spoke"
cidrs = ["10.1.0.0/24"]
route_table = "spoke"
[subnet.in]
vpc = "inspection"
cidrs = ["10.2.0.0/24"]
route_table = "in"
[subnet.fw]
vpc = "inspection"
cidrs = ["10.2.1.0/24"]
route_table = "fw"
[subnet.tgw]
vpc = "egress"
cidrs = ["10.0.8.0/24"]
route_table = "tgw"
[subnet.fw2]
vpc = "egress"
cidrs = ["10.0.7.0/24"]
route_table = "fw2"
[subnet.pub]
vpc = "egress"
cidrs = ["10.0.0.0/24"]
route_table = "pub"
[route_table.spoke]
vpc = "spoke"
routes = [{ to = "0.0.0.0/0", via = "hub" }]
[route_table.in]
vpc = "inspection"
routes = [{ to = "0.0.0.0/0", via = "fw" }]
[route_table.fw]
vpc = "inspection"
routes = [{ to = "0.0.0.0/0", via = "hub" }]
[route_table.tgw]
vpc = "egress"
routes = [{ to = "0.0.0.0/0", via = "fw2" }]
[route_table.fw2]
vpc = "egress"
routes = [{ to = "0.0.0.0/0", via = "nat" }, { to = "10.1.0.0/16", via = "hub" }]
[route_table.pub]
vpc = "egress"
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "10.1.0.0/16", via = "fw2" }]
[vpc_endpoint.fw]
vpc = "inspection"
type = "gateway-load-balancer"
service = "inspection"
subnets = ["fw"]
[vpc_endpoint.fw2]
vpc = "egress"
type = "gateway-load-balancer"
service = "inspection"
subnets = ["fw2"]
[nat_gateway.nat]
subnet = "pub"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[instance.app]
subnet = "spoke"
addresses = ["10.1.0.10"]
"#;

/// Two VPCs with one block and a host of one address in each; a third one is beyond a transit gateway for the second only.
const OVERLAPPING: &str = r#"
[vpc.a]
cidrs = ["10.0.0.0/16"]
[vpc.b]
cidrs = ["10.0.0.0/16"]
[vpc.c]
cidrs = ["10.5.0.0/16"]
[internet_gateway.igw]
vpc = "a"
[transit_gateway.hub.attachment.b]
subnets = ["b"]
[transit_gateway.hub.attachment.c]
subnets = ["c"]
[transit_gateway.hub.attachment.office]
type = "vpn"
prefixes = ["192.168.0.0/16"]
[subnet.a]
vpc = "a"
cidrs = ["10.0.0.0/24"]
route_table = "a"
[subnet.b]
vpc = "b"
cidrs = ["10.0.0.0/24"]
route_table = "b"
[subnet.c]
vpc = "c"
cidrs = ["10.5.0.0/24"]
route_table = "c"
[route_table.a]
vpc = "a"
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "172.16.0.0/12", via = "blackhole" }]
[route_table.b]
vpc = "b"
routes = [{ to = "10.5.0.0/16", via = "hub" }, { to = "192.168.0.0/16", via = "hub" }]
[route_table.c]
vpc = "c"
routes = [{ to = "10.0.0.0/16", via = "hub" }]
[security_group.b]
vpc = "b"
ingress = [{ proto = "all", from = "0.0.0.0/0" }]
[security_group.c]
vpc = "c"
ingress = [{ proto = "all", from = "0.0.0.0/0" }]
[instance.a]
subnet = "a"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
[instance.b]
subnet = "b"
addresses = ["10.0.0.10"]
security_groups = ["b"]
[instance.c]
subnet = "c"
addresses = ["10.5.0.5"]
security_groups = ["c"]
"#;

/// The verdicts of a capture of these datagrams.
fn verdicts(text: &str, datagrams: Vec<Vec<u8>>) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("captured.pcap");
    common::write_capture(&capture, datagrams);
    let network = native::parse("lab.toml", text).unwrap_or_else(|error| panic!("{error}")).network;
    let replayed = common::replay(&folder, network, &[capture], |_| {});
    replayed.verdicts.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_was_captured_outside_comes_out_as_old_as_it_was() {
    let opening = || syn("10.1.0.10:4000", "198.51.100.7:443");
    let first = verdicts(TWICE_INSPECTED, vec![opening()]).remove(0);
    assert_eq!(first["out"], "internet", "{first}");
    let public = first["xlate"]["src"].as_str().unwrap().to_owned();
    let outside = build::tcp(socket(&public), socket("198.51.100.7:443")).flags(TcpFlags::SYN).ttl(1).build();
    let inside = build::tcp(socket("198.51.100.7:443"), socket("10.1.0.10:4000"));
    let inside = inside.flags(TcpFlags::SYN | TcpFlags::ACK).ttl(1).build();
    // Two transit gateways and the NAT gateway would have been too much for either.
    let seen = verdicts(TWICE_INSPECTED, vec![opening(), outside, inside]);
    for (line, out) in [(&seen[1], "internet"), (&seen[2], "eni-app")] {
        assert_eq!((&line["vantage"], &line["out"]), (&"reanchored".into(), &out.into()), "{line}");
    }
}

#[test]
fn of_vpcs_with_one_block_the_one_with_the_longest_route_to_the_other_end() {
    let seen = verdicts(
        OVERLAPPING,
        vec![
            syn("10.0.0.10:4000", "10.5.0.5:443"),
            syn("10.0.0.10:4001", "198.51.100.7:443"),
            syn("192.168.1.1:4000", "10.0.0.10:443"),
        ],
    );
    let places: Vec<_> = seen.iter().map(|line| [line["in"].as_str(), line["out"].as_str()]).collect();
    assert_eq!(
        places,
        [[Some("eni-b"), Some("eni-c")], [Some("eni-a"), Some("internet")], [Some("tgw-attach-office"), Some("eni-b")],]
    );
}
