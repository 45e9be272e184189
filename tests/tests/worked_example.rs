//! The flows of a small but complete network, read from a dump as the AWS CLI prints it: what AWS's documentation says
//! must happen to each.

use std::path::Path;

use vpcemu_dataplane::{DropReason, Options};
use vpcemu_tests::{Lab, data, ping, syn, udp};

fn lab() -> Lab {
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/import/tests/data/worked-example");
    let imported = vpcemu_import::load(&dump, &vpcemu_import::Options::default()).unwrap();
    Lab::of(&[imported.network], Options::default())
}

const APP: &str = "eni-01000000000000002";
const DB: &str = "eni-01000000000000003";
const WEB: &str = "eni-01000000000000001";
const NAT: &str = "nat-0c000000000000003";

#[test]
fn private_to_internet_and_back() {
    let mut lab = lab();
    let sent = lab.leave("app", syn("10.20.10.10:40000", "93.184.216.34:443")).delivered("internet");
    let port = sent.key().src_port;
    assert!((1024..=65535).contains(&port));
    let sent = sent.source("203.0.113.20").destination("93.184.216.34:443").steps(&[
        "sg eni-01000000000000002 egress",
        "nacl acl-0e000000000000001 egress",
        "route rtb-0d000000000000002",
        "nacl acl-0e000000000000000 ingress",
        "nat nat-0c000000000000003 egress",
        "nacl acl-0e000000000000000 egress",
        "route rtb-0d000000000000001",
        "igw igw-0c000000000000001",
    ]);
    let reply = lab.arrive(sent.reply()).delivered(APP).destination("10.20.10.10:40000").source("93.184.216.34");
    assert_eq!(reply.verdict.connection, Some(sent.n));
    reply.steps(&[
        "igw igw-0c000000000000001",
        "nacl acl-0e000000000000000 ingress",
        "nat nat-0c000000000000003 ingress",
        "nacl acl-0e000000000000000 egress",
        "route rtb-0d000000000000001",
        "nacl acl-0e000000000000001 ingress",
        "sg eni-01000000000000002 ingress",
    ]);
    assert_eq!(lab.nat_counters(NAT).connection_attempt, 1);
}

#[test]
fn private_port_80_denied_by_security_group() {
    let sent = lab().leave("app", syn("10.20.10.10:40001", "93.184.216.34:80"));
    assert_eq!(sent.rule.as_deref(), Some("*"));
    sent.dropped(DropReason::SecurityGroup, APP);
}

#[test]
fn a_nacl_entry_denies_the_reply() {
    let mut lab = lab();
    let sent = lab.leave("app", syn("10.20.10.10:40002", "198.51.100.7:443")).delivered("internet");
    let reply = lab.arrive(sent.reply());
    assert_eq!(reply.rule.as_deref(), Some("90"));
    reply.dropped(DropReason::NetworkAcl, "acl-0e000000000000001");
}

#[test]
fn internet_to_web() {
    let mut lab = lab();
    let sent = lab.arrive(syn("198.51.100.9:51000", "203.0.113.10:443"));
    let sent = sent.delivered(WEB).destination("10.20.0.10:443").source("198.51.100.9");
    lab.leave("web", sent.reply()).delivered("internet").source("203.0.113.10").destination("198.51.100.9:51000");
}

#[test]
fn ssh_to_web_from_the_prefix_list_only() {
    let mut lab = lab();
    lab.arrive(syn("192.0.2.130:51000", "203.0.113.10:22")).delivered(WEB);
    lab.arrive(syn("198.51.100.9:51000", "203.0.113.10:22")).dropped(DropReason::SecurityGroup, WEB);
}

#[test]
fn unsolicited_to_the_nat_gateway() {
    let mut lab = lab();
    lab.arrive(syn("198.51.100.9:51000", "203.0.113.20:443")).dropped(DropReason::NatNoSession, NAT);
    assert_eq!(lab.nat_counters(NAT).packets_drop, 1);
    assert_eq!(lab.nat_counters(NAT).in_from_destination.packets, 1);
}

#[test]
fn web_to_app_to_db_by_group_references() {
    let mut lab = lab();
    lab.leave("web", syn("10.20.0.10:41000", "10.20.10.10:8080")).delivered(APP);
    let query = lab.leave("app", syn("10.20.10.10:42000", "10.20.11.10:5432")).delivered(DB);
    lab.leave("db", query.reply()).delivered(APP);
    lab.leave("web", syn("10.20.0.10:42000", "10.20.11.10:5432")).dropped(DropReason::SecurityGroup, DB);
}

#[test]
fn app_to_s3_by_the_gateway_endpoint() {
    let mut lab = lab();
    let sent = lab.leave("app", syn("10.20.10.10:43000", "52.216.1.1:443"));
    sent.delivered("vpce-04000000000000001").source("10.20.10.10");
}

#[test]
fn ipv6_leaves_by_the_egress_only_gateway_and_nothing_comes_in() {
    let mut lab = lab();
    let out = lab.leave("app", syn("[2001:db8:1234:1a10::10]:44000", "[2606:2800:220:1::1]:443"));
    let out = out.delivered("internet").source("2001:db8:1234:1a10::10");
    assert!(out.steps.contains(&"eigw eigw-0c000000000000002".to_owned()), "{:?}", out.steps);
    lab.arrive(out.reply()).delivered(APP);
    let knock = lab.arrive(syn("[2606:2800:220:1::1]:443", "[2001:db8:1234:1a10::10]:8080"));
    knock.dropped(DropReason::EgressOnlyNoSession, "eigw-0c000000000000002");
}

#[test]
fn a_spoofed_source_stays() {
    let sent = lab().leave("app", syn("10.20.10.99:40000", "93.184.216.34:443"));
    sent.dropped(DropReason::SourceDestCheck, APP);
}

#[test]
fn resolver_queries_pass_no_filter() {
    let mut lab = lab();
    lab.leave("db", udp("10.20.11.10:40000", "10.20.0.2:53")).delivered("dns");
    lab.leave("db", udp("10.20.11.10:40000", "169.254.169.253:53")).delivered("dns");
    // Nor does what is for the router (6.29), which answers nobody.
    lab.leave("db", ping("10.20.11.10", "10.20.0.1", 7)).dropped(DropReason::ReservedAddress, DB);
}

#[test]
fn a_data_segment_of_an_unknown_connection_is_adopted_once() {
    let mut lab = lab();
    let sent = lab.leave("app", data("10.20.10.10:45000", "93.184.216.34:443")).delivered("internet");
    assert!(sent.verdict.adopted);
    lab.wait(400.0);
    let late = lab.leave("app", data("10.20.10.10:45000", "93.184.216.34:443"));
    let (kind, _, place) = late.generated.as_ref().expect("the gateway answers with a RST");
    assert_eq!((kind.name(), place.as_deref()), ("tcp-rst", Some(APP)));
    late.dropped(DropReason::NatIdleExpired, NAT);
}
