//! Whose addresses an interface may use: the source/destination check, and what gateways make of strangers (1.16, 1.17).

use vpcemu_dataplane::DropReason::{self, Martian, NatForeignSource, SourceDestCheck, Spoofed};
use vpcemu_tests::scenario::*;

/// `eni-own` has every kind of address that an interface can have (1.15), in a subnet with `api`; `one` is in another, whose
/// table leads elsewhere: 172.16.0.0/12 and fd12::/16 to `eni-own`, the rest to a NAT gateway.
const OWNERS: Net = Net::new(
    r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1::/56"]
[internet_gateway.igw]
[subnet.pub]
cidrs = ["10.0.0.0/24", "2001:db8:1::/64"]
route_table = "pub"
[subnet.priv]
cidrs = ["10.0.1.0/24", "2001:db8:1:1::/64"]
route_table = "priv"
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "::/0", via = "igw" }, { to = "203.0.112.0/24", via = "nat" }]
[route_table.priv]
routes = [
  { to = "0.0.0.0/0", via = "nat" },
  { to = "172.16.0.0/12", via = "eni-own" },
  { to = "2001:db8:ffff::/48", via = "eni-own" },
]
[subnet.nat]
cidrs = ["10.0.2.0/24"]
route_table = "nat"
[route_table.nat]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[nat_gateway.nat]
subnet = "nat"
addresses = [{ private = "10.0.2.200", public = "203.0.113.20" }]
[security_group.open]
ingress = [{ proto = "all", from = ["0.0.0.0/0", "::/0"] }]
[instance.box]
subnet = "pub"
addresses = ["10.0.0.9"]
security_groups = ["open"]
[eni.own]
subnet = "pub"
instance = "i-box"
addresses = ["10.0.0.10", "10.0.0.20", "2001:db8:1::10"]
public = "203.0.113.10"
prefixes = ["10.0.0.64/28", "2001:db8:1:0:a::/80"]
security_groups = ["open"]
[instance.api]
subnet = "pub"
addresses = ["10.0.0.11", "2001:db8:1::11"]
public = "203.0.113.11"
security_groups = ["open"]
[instance.one]
subnet = "priv"
addresses = ["10.0.1.10", "2001:db8:1:1::10"]
security_groups = ["open"]
"#,
);

/// Addresses of `eni-own`: primary, secondary, IPv6, both ends of its prefixes.
const OWN: [&str; 7] = [
    "10.0.0.10",
    "10.0.0.20",
    "10.0.0.64",
    "10.0.0.79",
    "2001:db8:1::10",
    "2001:db8:1:0:a::",
    "2001:db8:1:0:a:ffff:ffff:ffff",
];

/// Addresses that are not: one beside each of them, a neighbour's, its own public one, others of the instance, the router's,
/// nobody's, and somebody's on the internet.
const FOREIGN: [&str; 15] = [
    "10.0.0.12",
    "10.0.0.21",
    "10.0.0.63",
    "10.0.0.80",
    "10.0.0.11",
    "10.0.1.10",
    "203.0.113.10",
    "10.0.0.9",
    "10.0.0.1",
    "10.0.9.9",
    "198.51.100.7",
    "2001:db8:1::11",
    "2001:db8:1:0:9:ffff:ffff:ffff",
    "2001:db8:1:0:b::",
    "2001:db8:ffff::7",
];

/// A datagram with these addresses, whatever their family.
fn between(src: &str, dst: &str) -> Datagram {
    udp(&format!("[{src}]:4000 > [{dst}]:53"))
}

/// The neighbour of the same family.
fn neighbour(of: &str) -> &'static str {
    if of.contains(':') { "2001:db8:1::11" } else { "10.0.0.11" }
}

#[test]
fn f15_only_who_owns_an_address_may_send_from_it() {
    let mut s = OWNERS.start();
    for own in OWN {
        // Within the subnet, and to another one.
        s.leave("own", between(own, neighbour(own))).to("api", |p| p).counts(NOTHING);
        let there = if own.contains(':') { "2001:db8:1:1::10" } else { "10.0.1.10" };
        s.leave("own", between(own, there)).to("one", |p| p).counts(NOTHING);
    }
    for foreign in FOREIGN {
        for to in [neighbour(foreign), if foreign.contains(':') { "2001:db8:ffff::9" } else { "198.51.100.9" }] {
            let step = s.leave("own", between(foreign, to)).dropped(SourceDestCheck, "eni-own");
            step.steps(&["check eni-own egress DENY"]).counts(NOTHING);
        }
    }
}

#[test]
fn only_who_owns_an_address_receives_for_it() {
    let mut s = OWNERS.start();
    for own in OWN {
        s.leave("api", between(neighbour(own), own)).to("own", |p| p).counts(NOTHING);
    }
    // A route brings it what is for others (2.13).
    for (src, dst) in [("10.0.1.10", "172.16.0.1"), ("2001:db8:1:1::10", "2001:db8:ffff::7")] {
        s.leave("one", between(src, dst)).dropped(SourceDestCheck, "eni-own").counts(NOTHING);
    }
    let mut s = OWNERS.but("prefixes = [", "source_dest_check = false\nprefixes = [").start();
    for (src, dst) in [("10.0.1.10", "172.16.0.1"), ("2001:db8:1:1::10", "2001:db8:ffff::7")] {
        s.leave("one", between(src, dst)).to("own", |p| p).counts(NOTHING);
    }
}

#[test]
fn without_the_check_gateways_still_know_who_is_who() {
    let unchecked = || OWNERS.but("prefixes = [", "source_dest_check = false\nprefixes = [");
    let mut s = unchecked().start();
    // Inside the VPC anything goes, but for addresses that no packet has.
    for foreign in FOREIGN {
        s.leave("own", between(foreign, neighbour(foreign))).to("api", |p| p).counts(NOTHING);
    }
    for nobody in ["127.0.0.1", "0.0.0.0", "224.0.0.1", "::1", "ff0e::1"] {
        s.leave("own", between(nobody, neighbour(nobody))).dropped(Martian, "eni-own").counts(NOTHING);
    }
    // To the internet only what an interface of the VPC has, as which it then leaves (1.17, 3.2).
    s.leave("own", between("10.0.0.11", "198.51.100.9")).to("internet", |p| p.src("203.0.113.11")).counts(NOTHING);
    s.leave("own", between("2001:db8:1::11", "2001:db8:ffff::9")).to("internet", |p| p).counts(NOTHING);
    let nobodys: [(&str, DropReason); 4] = [
        ("10.0.9.9", Spoofed),
        ("198.51.100.7", Spoofed),
        ("203.0.113.10", Spoofed),
        ("10.0.0.20", DropReason::NoPublicAddress),
    ];
    for (src, reason) in nobodys {
        s.leave("own", between(src, "198.51.100.9")).dropped(reason, "igw-igw").counts(NOTHING);
    }
    for src in ["2001:db8:1::99", "2001:db8:fffe::7"] {
        s.leave("own", between(src, "2001:db8:ffff::9")).dropped(Spoofed, "igw-igw").counts(NOTHING);
    }
    // Nor does a NAT gateway serve strangers (4.7).
    for (src, reason) in [("10.0.9.9", Spoofed), ("198.51.100.7", NatForeignSource)] {
        s.leave("own", between(src, "203.0.112.9")).dropped(reason, "nat-nat").counts(REFUSED_OUT);
    }
    let served = s.leave("own", between("10.0.0.11", "203.0.112.9")).to("internet", |p| p.src("203.0.113.20:*").hop());
    served.counts(OUT + OPENED);
}
