//! What configurations say of records of a NAT gateway's IPv6 side, which shows the addresses of remotes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::told;

/// A client without IPv4 behind a NAT gateway, whose network ACL has a rule for it.
const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1234:1a00::/56"]
[internet_gateway.igw]
[subnet.pub]
cidrs = ["10.0.0.0/24"]
route_table = "public"
nacl = "pub"
[subnet.six]
cidrs = ["2001:db8:1234:1a40::/64"]
route_table = "six"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.six]
routes = [{ to = "64:ff9b::/96", via = "nat" }]
[network_acl.pub]
ingress = [
  { rule = 100, action = "allow", proto = "all", from = "2001:db8:1234:1a40::/64" },
  { rule = 110, action = "allow", proto = "all", from = "0.0.0.0/0" },
]
egress = [
  { rule = 100, action = "allow", proto = "all", to = "2001:db8:1234:1a40::/64" },
  { rule = 110, action = "allow", proto = "all", to = "0.0.0.0/0" },
]
[nat_gateway.nat]
subnet = "pub"
addresses = [{ private = "10.0.0.200", public = "203.0.113.64" }]
[security_group.six]
egress = [{ proto = "udp", ports = "53", to = "64:ff9b::/96" }]
[instance.client]
subnet = "six"
addresses = ["2001:db8:1234:1a40::10"]
security_groups = ["six"]
"#;

/// Neither the direction nor the headers' addresses, as in the default format.
const HEADER: &str = "interface-id srcaddr dstaddr srcport dstport protocol action";

/// The client asks, on either side of the gateway, and is answered.
const QUERY: &str = "\
eni-nat 2001:db8:1234:1a40::10 64:ff9b::c633:6435 38673 53 17 ACCEPT
eni-nat 10.0.0.200 198.51.100.53 23451 53 17 ACCEPT
eni-nat 198.51.100.53 10.0.0.200 53 23451 17 ACCEPT
eni-nat 64:ff9b::c633:6435 2001:db8:1234:1a40::10 53 38673 17 ACCEPT";

#[test]
fn addresses_tell_the_direction_and_the_clients_flow() {
    assert_eq!(told(NETWORK, HEADER, QUERY), ["ACCEPT"; 4]);
    let by_client = "REJECT SG_HAS_NO_RULES by eni-client";
    let closed = NETWORK.replace(r#"egress = [{ proto = "udp", ports = "53", to = "64:ff9b::/96" }]"#, "egress = []");
    assert_eq!(told(&closed, HEADER, QUERY), [by_client, "ACCEPT", "ACCEPT", by_client]);
}

#[test]
fn the_network_acl_is_asked_about_both_ways() {
    let rule = |way: &str| {
        format!(r#"  {{ rule = 100, action = "allow", proto = "all", {way} = "2001:db8:1234:1a40::/64" }},"#)
    };
    let by_acl = "REJECT SUBNET_ACL_RESTRICTION by acl-pub rule *";
    let no_ingress = NETWORK.replace(&rule("from"), "");
    assert_eq!(told(&no_ingress, HEADER, QUERY), [by_acl, "ACCEPT", "ACCEPT", by_acl]);
    let no_egress = NETWORK.replace(&rule("to"), "");
    assert_eq!(told(&no_egress, HEADER, QUERY), ["ACCEPT", "ACCEPT", "ACCEPT", by_acl]);
}

#[test]
fn two_addresses_of_neither_kind_tell_nothing() {
    let unknown = "not judged: it does not say which way the packets went";
    let records = "\
eni-nat 2001:db8:1234:1a40::10 2001:db8:ffff::53 38673 53 17 ACCEPT
eni-nat 2001:db8:1234:1a40::99 64:ff9b::c633:6435 38673 53 17 ACCEPT";
    assert_eq!(told(NETWORK, HEADER, records), [unknown, unknown]);
}
