//! Corners in which the flow cache once said something else than the walk. Every laboratory compares the two packet by packet.

use vpcemu_packet::build;
use vpcemu_tests::{Lab, socket, syn, udp};

/// An appliance between two subnets, each of whose interfaces tracks what passes.
const APPLIANCE: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[subnet.a]
cidrs = ["10.0.1.0/24"]
route_table = "a"
[subnet.fw]
cidrs = ["10.0.2.0/24"]
route_table = "fw"
[subnet.b]
cidrs = ["10.0.3.0/24"]
route_table = "b"
[route_table.a]
routes = [{ to = "10.0.3.0/24", via = "fw" }]
[route_table.b]
routes = [{ to = "10.0.1.0/24", via = "fw" }]
[route_table.fw]
[security_group.sg]
ingress = [{ proto = "udp", ports = "1-60000", from = "10.0.0.0/8" }]
[instance.a]
subnet = "a"
addresses = ["10.0.1.10"]
security_groups = ["sg"]
[instance.b]
subnet = "b"
addresses = ["10.0.3.10"]
security_groups = ["sg"]
[instance.fw]
subnet = "fw"
addresses = ["10.0.2.10"]
security_groups = ["sg"]
source_dest_check = false
forward = "appliance"
"#;

/// A public host whose security group has these rules.
fn public(rules: &str) -> Lab {
    Lab::new(&format!(
        r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
[route_table.public]
routes = [{{ to = "0.0.0.0/0", via = "igw" }}]
[security_group.sg]
{rules}
[instance.app]
subnet = "public"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
security_groups = ["sg"]
"#
    ))
}

/// A private client behind a NAT gateway.
const PRIVATE: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
[subnet.private]
cidrs = ["10.0.1.0/24"]
route_table = "private"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.private]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[nat_gateway.nat]
subnet = "public"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.all]
ingress = []
egress = [{ proto = "udp", ports = "1-60000", to = "0.0.0.0/0" }]
[instance.app]
subnet = "private"
addresses = ["10.0.1.10"]
security_groups = ["all"]
"#;

#[test]
fn directions_that_renew_different_entries_do_not_share_a_lease() {
    let mut lab = Lab::new(APPLIANCE);
    let there = udp("10.0.1.10:4000", "10.0.3.10:53");
    let back = udp("10.0.3.10:53", "10.0.1.10:4000");
    for _ in 0..2 {
        lab.leave("a", there.clone()).delivered("eni-b");
        lab.leave("b", back.clone()).delivered("eni-a");
    }
    // Captured where the appliance sends them on.
    for _ in 0..2 {
        lab.leave("fw", there.clone()).delivered("eni-b");
    }
    lab.wait(100.0);
    let hits = lab.cache_counters().hits;
    lab.leave("fw", there.clone()).delivered("eni-b");
    assert_eq!(lab.cache_counters().hits, hits + 1);
    lab.wait(1.0);
    lab.leave("fw", back).delivered("eni-a");
    lab.wait(99.0);
    lab.leave("fw", there).delivered("eni-b");
}

#[test]
fn a_header_checksum_may_come_to_zero() {
    let mut lab = Lab::new(PRIVATE);
    let (from, to) = (socket("10.0.1.10:4000"), socket("198.51.100.7:53"));
    let back = lab.leave("app", build::udp(from, to).build()).delivered("internet").reply();
    for _ in 0..2 {
        lab.arrive(back.clone()).delivered("eni-app");
        lab.leave("app", build::udp(from, to).build());
    }
    let before = lab.cache_counters();
    // One identification of all brings it about.
    for id in 0..=u16::MAX {
        lab.leave("app", build::udp(from, to).id(id).build());
    }
    let after = lab.cache_counters();
    assert!(after.hits - before.hits >= 65_535, "{before:?} {after:?}");
}

#[test]
fn a_host_may_call_itself_from_the_port_that_it_calls() {
    let rules = "ingress = [{ proto = \"all\", from = \"203.0.113.10/32\" }]\n\
                 egress = [{ proto = \"all\", to = \"203.0.113.10/32\" }]";
    let mut lab = public(rules);
    for port in [1000, 1001, 500] {
        lab.leave("app", udp(&format!("10.0.0.10:{port}"), "203.0.113.10:500")).delivered("eni-app");
    }
    let mut lab = public("ingress = [{ proto = \"tcp\", ports = \"500\", from = \"203.0.113.10/32\" }]");
    for port in [1000, 1001, 500] {
        lab.leave("app", syn(&format!("10.0.0.10:{port}"), "203.0.113.10:500")).delivered("eni-app");
    }
    // The second was opened like the first.
    assert_eq!(lab.cache_counters().opened, 1);
}

#[test]
fn a_mapping_that_was_shared_once_is_known() {
    let shared = format!("{PRIVATE}\n[behavior.nat_gateway]\nmapping = \"EIM\"\n");
    let mut lab = Lab::then(&[&shared, PRIVATE]);
    lab.leave("app", udp("10.0.1.10:4000", "198.51.100.7:53")).delivered("internet");
    // Idle for the security group, not for the gateway.
    lab.wait(100.0);
    lab.tick();
    lab.switch();
    for port in [4001, 4002, 4000] {
        lab.leave("app", udp(&format!("10.0.1.10:{port}"), "198.51.100.7:53")).delivered("internet");
    }
    assert_eq!(lab.cache_counters().opened, 1);
}

#[test]
fn time_may_jump_to_its_end() {
    let mut lab = Lab::new(PRIVATE);
    for wait in [1e6, 1e9, 1e10, 6.4e9] {
        lab.wait(wait);
        for port in 5000..5010 {
            lab.leave("app", udp(&format!("10.0.1.10:{port}"), "198.51.100.7:53")).delivered("internet");
        }
        lab.tick();
    }
    assert_eq!(lab.connections().0, 40);
}
