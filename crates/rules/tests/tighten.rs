//! What narrower rules change besides what they admit: flows that went untracked are tracked, and expire.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_dataplane::Timeline;
use vpcemu_model::{Network, Peer, native};
use vpcemu_packet::build;
use vpcemu_replay::progress::Progress;
use vpcemu_replay::{At, CaptureInput, ReplayOptions};
use vpcemu_rules::tighten::{Tightened, tighten, toml};

/// UDP is open both ways, so that nothing about it is remembered.
const OPEN: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.a]
cidrs = ["10.0.0.0/24"]
route_table = "public"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[security_group.app]
ingress = [{ proto = "udp", from = "0.0.0.0/0" }]
egress = [{ proto = "all", to = "0.0.0.0/0" }]
[instance.app]
subnet = "a"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
security_groups = ["app"]
"#;

const APP: &str = "10.0.0.10:5000";
const FAR: &str = "198.51.100.7:53";

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn udp(src: &str, dst: &str) -> Vec<u8> {
    build::udp(socket(src), socket(dst)).build()
}

/// Tightens by these packets, each with its second.
fn tightened(text: &str, packets: &[(u64, Vec<u8>)], cancel: bool) -> Option<(Network, Tightened)> {
    let network = native::parse("net.toml", text).unwrap_or_else(|error| panic!("{error}")).network;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.pcap");
    let mut writer = PcapWriter::new(File::create(&path).unwrap(), LinkType::RAW).unwrap();
    for (second, datagram) in packets {
        writer.write(1_750_000_000_000_000_000 + second * 1_000_000_000, datagram.len() as u32, datagram).unwrap();
    }
    writer.finish().unwrap();
    let mut options = ReplayOptions::new(Arc::new(Timeline::compile([&network])));
    options.captures.push(CaptureInput { path, at: At::Auto });
    let progress = Arc::new(Progress::default());
    if cancel {
        progress.cancel();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let tightened = runtime.block_on(tighten(&network, &options, &progress)).unwrap()?;
    Some((network, tightened))
}

fn peers(network: &Network, outbound: bool) -> Vec<String> {
    let app = network.security_groups.iter().find(|group| group.id.as_str() == "sg-app").unwrap();
    let rules = if outbound { &app.egress } else { &app.ingress };
    let text = |peer: &Peer| match peer {
        Peer::Cidr(net) => net.to_string(),
        Peer::PrefixList(id) | Peer::SecurityGroup(id) => id.to_string(),
    };
    rules.iter().map(|rule| format!("{} {} {}", rule.protocol, rule.ports, text(&rule.peer))).collect()
}

#[test]
fn an_answer_in_time_needs_no_rule_and_a_late_one_does() {
    let (_, soon) = tightened(OPEN, &[(0, udp(APP, FAR)), (1, udp(FAR, APP))], false).unwrap();
    assert_eq!((soon.differing, soon.minimal), (0, true));
    assert_eq!(peers(&soon.network, true), ["udp 53 198.51.100.7/32"]);
    assert!(peers(&soon.network, false).is_empty());
    // UDP is forgotten after 30 s: now the answer is on its own.
    let (_, late) = tightened(OPEN, &[(0, udp(APP, FAR)), (60, udp(FAR, APP))], false).unwrap();
    assert_eq!((late.differing, late.minimal), (0, true));
    assert_eq!(peers(&late.network, true), ["udp 53 198.51.100.7/32"]);
    assert_eq!(peers(&late.network, false), ["udp 5000 198.51.100.7/32"]);
}

#[test]
fn what_no_rule_can_say_is_reported() {
    // An error about a flow that is not tracked passes at any time, and no rule of the group is about ICMP.
    let asked = udp(APP, FAR);
    let (router, app): (IpAddr, IpAddr) = ("198.51.100.1".parse().unwrap(), socket(APP).ip());
    let error = build::icmp_error(router, app, 3, 3, 0, &asked);
    let (_, tightened) = tightened(OPEN, &[(0, asked), (60, error)], false).unwrap();
    assert_eq!((tightened.differing, tightened.minimal), (1, false));
    let said = (2, "allow".to_owned(), "deny ENI_SG_RULES_MISMATCH".to_owned());
    assert_eq!(tightened.difference.as_ref(), Some(&said));
    assert!(toml(&tightened).unwrap().contains("# NOT THE SAME: 1 packets"));
}

#[test]
fn only_rules_change_and_no_traffic_needs_no_rule() {
    let (network, tightened) = tightened(OPEN, &[(0, udp(APP, "10.0.0.99:53"))], false).unwrap();
    // Nobody is there: which rule let it go that far does not show but in the reason.
    assert_eq!(peers(&tightened.network, true), ["udp 53 10.0.0.99/32"]);
    let mut same = tightened.network;
    same.security_groups.clone_from(&network.security_groups);
    assert_eq!(same, network);
    let (_, nothing) = self::tightened(OPEN, &[], false).unwrap();
    assert!(nothing.network.security_groups.iter().all(|group| group.ingress.is_empty() && group.egress.is_empty()));
    assert!(self::tightened(OPEN, &[(0, udp(APP, FAR))], true).is_none());
}
