//! What counts for which rule, where steps name none.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs::File;
use std::net::SocketAddr;
use std::sync::Arc;

use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_dataplane::Timeline;
use vpcemu_model::native;
use vpcemu_packet::{TcpFlags, build};
use vpcemu_replay::progress::Progress;
use vpcemu_replay::{At, CaptureInput, ReplayOptions, listen};
use vpcemu_rules::{Observer, Row, rows};

const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.a]
cidrs = ["10.0.0.0/24"]
route_table = "public"
nacl = "edge"
[subnet.b]
cidrs = ["10.0.1.0/24"]
[route_table.public]
routes = [{ to = "pl:far", via = "igw" }, { to = "0.0.0.0/0", via = "igw" }]
[prefix_list.far]
entries = ["198.51.100.0/25", "198.51.100.128/25"]
[network_acl.edge]
ingress = [{ rule = 100, action = "allow", proto = "all", from = "198.51.0.0/16" }]
egress = [{ rule = 100, action = "allow", proto = "all", to = "0.0.0.0/0" }]
[security_group.web]
ingress = [{ id = "sgr-web", proto = "tcp", ports = "80", from = "198.51.100.0/24" }]
egress = [{ id = "sgr-out", proto = "tcp", ports = "443", to = "198.51.100.0/24" }]
[instance.web]
subnet = "a"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
security_groups = ["web"]
"#;

const WEB: &str = "10.0.0.10:80";
const FAR: &str = "198.51.100.7:40000";

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn tcp(src: &str, dst: &str, flags: TcpFlags) -> Vec<u8> {
    build::tcp(socket(src), socket(dst)).flags(flags).build()
}

/// The rows after these packets, one a second.
fn rows_of(packets: &[Vec<u8>]) -> Vec<Row> {
    through(NETWORK, packets)
}

fn through(text: &str, packets: &[Vec<u8>]) -> Vec<Row> {
    let network = native::parse("net.toml", text).unwrap_or_else(|error| panic!("{error}")).network;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.pcap");
    let mut writer = PcapWriter::new(File::create(&path).unwrap(), LinkType::RAW).unwrap();
    for (second, datagram) in (1_750_000_000..).zip(packets) {
        writer.write(second * 1_000_000_000, datagram.len() as u32, datagram).unwrap();
    }
    writer.finish().unwrap();
    let timeline = Arc::new(Timeline::compile([&network]));
    let observer = Observer::new(&network, &timeline);
    let mut options = ReplayOptions::new(timeline);
    options.captures.push(CaptureInput { path, at: At::Auto });
    options.engine.record_steps = true;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (_, observer) = runtime.block_on(listen(options, Arc::new(Progress::default()), observer)).unwrap();
    rows(&network, &observer)
}

/// Packets, bytes and flows of a rule.
fn counts(rows: &[Row], owner: &str, rule: &str) -> (u64, u64, u64) {
    let mut of = rows.iter().filter(|row| row.owner == owner && row.rule.to_string() == rule);
    let row = of.next().unwrap_or_else(|| panic!("{owner} {rule}"));
    (row.packets, row.bytes, row.flows)
}

#[test]
fn a_connection_counts_for_the_rule_that_admitted_it_whichever_way() {
    let (syn, ack) = (TcpFlags::SYN, TcpFlags::ACK);
    let rows = rows_of(&[
        tcp(FAR, WEB, syn),
        tcp(WEB, FAR, syn | ack),
        tcp(FAR, WEB, ack),
        tcp("198.51.100.7:40001", WEB, syn),
        // Not admitted.
        tcp("198.51.100.7:40002", "10.0.0.10:22", syn),
    ]);
    assert_eq!(counts(&rows, "sg-web", "sgr-web"), (4, 160, 2));
    assert_eq!(counts(&rows, "sg-web", "sgr-out"), (0, 0, 0));
    let row = rows.iter().find(|row| row.rule.to_string() == "sgr-web").unwrap();
    assert_eq!(
        (row.first.as_deref(), row.last.as_deref()),
        (Some("1750000000.000000000"), Some("1750000003.000000000"))
    );
    assert_eq!(row.window.packets, 5);
    assert_eq!(row.window.last.as_deref(), Some("1750000004.000000000"));
}

#[test]
fn what_began_before_the_capture_counts_for_the_rule_that_admits_its_opening() {
    // The first that is seen is an answer: no outbound rule admits it, the inbound one its request.
    let ack = TcpFlags::ACK;
    let rows = rows_of(&[tcp(WEB, FAR, ack), tcp(FAR, WEB, ack)]);
    assert_eq!(counts(&rows, "sg-web", "sgr-web"), (2, 80, 1));
    assert_eq!(counts(&rows, "sg-web", "sgr-out"), (0, 0, 0));
}

#[test]
fn an_error_counts_for_the_connection_that_it_is_about() {
    let syn = tcp(FAR, WEB, TcpFlags::SYN);
    let answer = tcp(WEB, FAR, TcpFlags::SYN | TcpFlags::ACK);
    let error = build::icmp_error("198.51.100.1".parse().unwrap(), socket(WEB).ip(), 3, 1, 0, &answer);
    let length = error.len() as u64;
    let rows = rows_of(&[syn, answer, error]);
    assert_eq!(counts(&rows, "sg-web", "sgr-web"), (3, 80 + length, 1));
}

#[test]
fn a_prefix_list_is_one_route_and_what_nothing_matches_has_a_row() {
    let rows = rows_of(&[
        tcp("10.0.0.10:5000", "198.51.100.7:443", TcpFlags::SYN),
        tcp("10.0.0.10:5000", "198.51.100.200:443", TcpFlags::SYN),
        tcp("192.0.2.1:5000", WEB, TcpFlags::SYN),
    ]);
    assert_eq!(counts(&rows, "rtb-public", "pl-far"), (2, 80, 2));
    assert_eq!(counts(&rows, "rtb-public", "0.0.0.0/0"), (0, 0, 0));
    let denied: Vec<_> = rows.iter().filter(|row| row.owner == "acl-edge" && row.rule.to_string() == "*").collect();
    assert_eq!(
        denied.iter().map(|row| (row.direction, row.packets)).collect::<Vec<_>>(),
        [(Some("ingress"), 1), (Some("egress"), 0)]
    );
}

#[test]
fn a_packet_counts_once_for_an_entry_that_it_meets_on_both_sides_of_a_gateway() {
    let text = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
nacl = "both"
[subnet.private]
cidrs = ["10.0.1.0/24"]
route_table = "private"
nacl = "both"
[network_acl.both]
ingress = [{ rule = 100, action = "allow", proto = "all", from = "0.0.0.0/0" }]
egress = [{ rule = 100, action = "allow", proto = "all", to = "0.0.0.0/0" }]
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.private]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[nat_gateway.nat]
subnet = "public"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.app]
egress = [{ proto = "tcp", ports = "443", to = "0.0.0.0/0" }]
[instance.app]
subnet = "private"
addresses = ["10.0.1.10"]
security_groups = ["app"]
"#;
    let packets =
        [("10.0.1.10:5000", TcpFlags::SYN), ("10.0.1.10:5001", TcpFlags::SYN), ("10.0.1.10:5000", TcpFlags::ACK)];
    let rows = through(text, &packets.map(|(src, flags)| tcp(src, "198.51.100.7:443", flags)));
    // Out of the private subnet, into that of the gateway, and out of it with another source.
    let entries: Vec<_> = rows.iter().filter(|row| row.owner == "acl-both" && row.rule.to_string() == "100").collect();
    let counted: Vec<_> = entries.iter().map(|row| (row.packets, row.bytes, row.flows)).collect();
    assert_eq!(counted, [(3, 120, 2), (3, 120, 2)]);
}

#[test]
fn a_local_route_counts_also_where_nobody_has_the_address() {
    let packets = [tcp("10.0.0.10:5000", "10.0.1.9:443", TcpFlags::SYN)];
    // The security group is in front of the route.
    assert_eq!(counts(&rows_of(&packets), "rtb-public", "10.0.0.0/16"), (0, 0, 0));
    let open = NETWORK.replace("ports = \"443\", to = \"198.51.100.0/24\"", "ports = \"443\", to = \"0.0.0.0/0\"");
    assert_eq!(counts(&through(&open, &packets), "rtb-public", "10.0.0.0/16"), (1, 40, 1));
}
