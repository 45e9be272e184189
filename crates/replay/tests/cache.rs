//! The flow cache only remembers: every output is the same with it and without, for any number of workers.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_dataplane::Timeline;
use vpcemu_dataplane::engine::CacheCounters;
use vpcemu_packet::build;
use vpcemu_replay::progress::Progress;
use vpcemu_replay::{At, CaptureInput, Finished, ReplayOptions, Start, replay};
use vpcemu_traffic::{Direction, Load, Mix, Packet, Side};

/// A client behind a NAT gateway, and a server with public addresses of both versions.
const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1234:1a00::/56"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24", "2001:db8:1234:1a00::/64"]
route_table = "public"
[subnet.private]
cidrs = ["10.0.1.0/24"]
route_table = "private"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "::/0", via = "igw" }]
[route_table.private]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[nat_gateway.nat]
subnet = "public"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.web]
ingress = [
    { proto = "tcp", ports = "443", from = "0.0.0.0/0" },
    { proto = "udp", ports = "443", from = "0.0.0.0/0" },
    { proto = "icmp", from = "0.0.0.0/0" },
    { proto = "tcp", ports = "443", from = "::/0" },
    { proto = "udp", ports = "443", from = "::/0" },
]
egress = [{ proto = "udp", ports = "53", to = "0.0.0.0/0" }]
[instance.app]
subnet = "private"
addresses = ["10.0.1.10"]
[instance.web]
subnet = "public"
addresses = ["10.0.0.10", "2001:db8:1234:1a00::10"]
public = "203.0.113.10"
security_groups = ["web"]
"#;

/// More than one window of them.
const PACKETS: usize = 70_000;

/// When the server's group stops to take UDP: in the middle of the capture.
const CHANGE: u64 = PACKETS as u64 / 2 * INTERVAL;

/// Between two packets, in nanoseconds: the capture is longer than a NAT gateway's timers are.
const INTERVAL: u64 = 10_000_000;

const WEB: &str = "203.0.113.10";

/// What the load sends, with what it does not: every fiftieth packet brings something that always walks.
fn datagrams() -> impl Iterator<Item = Vec<u8>> {
    let side = |client: &str, remote: &str| Side::new(client.parse().unwrap(), remote.parse().unwrap()).remotes(300);
    let sides = vec![
        side("10.0.1.10", "93.184.0.0").share(2),
        side("10.0.0.10", "198.51.100.0").opened(Direction::Inbound),
        side("2001:db8:1234:1a00::10", "2620:fe::").opened(Direction::Inbound),
    ];
    let mix = Mix { udp: 2, tcp: 2, echo: 1 };
    let load = Load { flows: 400, mix, new_flows: 0.01, interval_ns: INTERVAL, ..Load::new(sides) };
    load.generate().enumerate().flat_map(|(index, packet)| {
        let datagram = captured_outside(&packet);
        let mut datagrams = vec![datagram];
        if index % 50 == 49 {
            datagrams.extend(odd(index / 50, &packet));
        }
        datagrams
    })
}

/// A packet of the load as it is where the server's public address is in it.
fn captured_outside(packet: &Packet) -> Vec<u8> {
    let (source, mut destination) = packet.addresses();
    if destination.ip() == "10.0.0.10".parse::<IpAddr>().unwrap() {
        destination.set_ip(WEB.parse().unwrap());
    }
    packet.readdressed(source, destination)
}

/// Fragments in and out of order, an error about a packet, one whose hops run out, one that no rule lets in, and damage.
fn odd(number: usize, packet: &Packet) -> Vec<Vec<u8>> {
    let (source, destination) = packet.addresses();
    let remote: SocketAddr = format!("93.184.0.{}:53", number % 200).parse().unwrap();
    let (app, web): (SocketAddr, SocketAddr) = ("10.0.1.10:4000".parse().unwrap(), "203.0.113.10:22".parse().unwrap());
    match number % 6 {
        0 | 1 => {
            let whole = build::udp(app, remote).id(number as u16).dont_fragment(false).payload(&[7; 1800]).build();
            let mut pieces = build::fragment(&whole, 1000);
            if number % 6 == 1 {
                pieces.reverse();
            }
            pieces
        }
        2 => match (source.ip(), destination.ip()) {
            (IpAddr::V4(_), IpAddr::V4(_)) if source.ip() == "10.0.0.10".parse::<IpAddr>().unwrap() => {
                let quoted = packet.readdressed(SocketAddr::new(WEB.parse().unwrap(), source.port()), destination);
                vec![build::icmp_error("192.0.2.1".parse().unwrap(), WEB.parse().unwrap(), 3, 1, 0, &quoted)]
            }
            _ => vec![packet.bytes()],
        },
        3 => vec![build::udp(app, remote).ttl(1).payload(b"?").build()],
        4 => vec![build::tcp(remote, web).flags(vpcemu_packet::TcpFlags::SYN).build()],
        _ => vec![packet.bytes()[..12].to_vec()],
    }
}

/// As Ethernet frames, every third with a VLAN tag and every fourth padded, or as bare datagrams.
fn write_capture(path: &Path, link_type: LinkType) {
    let mut writer = PcapWriter::new(std::fs::File::create(path).unwrap(), link_type).unwrap();
    for (n, datagram) in datagrams().take(PACKETS).enumerate() {
        let mut bytes = datagram;
        if link_type == LinkType::ETHERNET {
            bytes = build::ethernet(&bytes, [2, 0, 0, 0, 0, 7], [2, 0, 0, 0, 0, 9]);
            if n % 3 == 0 {
                bytes = build::vlan(&bytes, 0x8100, 12);
            }
            if n % 4 == 0 {
                bytes.extend([0; 6]);
            }
        }
        writer.write(INTERVAL * n as u64, bytes.len() as u32, &bytes).unwrap();
    }
    writer.finish().unwrap();
}

/// A replay, and what it wrote.
struct Replayed {
    finished: Finished,
    packets: Vec<u8>,
    verdicts: Option<String>,
}

impl Replayed {
    /// The summary without what depends on the machine.
    fn summary(&self) -> serde_json::Value {
        let mut summary = serde_json::to_value(&self.finished.summary).unwrap();
        summary["run"] = serde_json::Value::Null;
        summary
    }
}

/// With everything that there is to tell (pcapng with comments, and verdicts), or with nothing but packets (pcap).
fn run(folder: &Path, tells: bool, adjust: impl FnOnce(&mut ReplayOptions)) -> Replayed {
    let without_udp = NETWORK.replace(r#"{ proto = "udp", ports = "443", from = "0.0.0.0/0" },"#, "");
    assert_ne!(without_udp, NETWORK);
    let networks = [NETWORK, &without_udp].map(|text| vpcemu_model::native::parse("net.toml", text).unwrap().network);
    let mut options = ReplayOptions::new(Arc::new(Timeline::compile(&networks)));
    options.starts = vec![Start::AfterFirst(CHANGE)];
    options.captures.push(CaptureInput { path: folder.join("in.pcap"), at: At::Auto });
    let packets = folder.join(if tells { "out.pcapng" } else { "out.pcap" });
    let verdicts = tells.then(|| folder.join("out.ndjson"));
    (options.packets, options.verdicts) = (Some(packets.clone()), verdicts.clone());
    adjust(&mut options);
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let finished = runtime.block_on(replay(options, Arc::new(Progress::default()))).unwrap();
    let verdicts = verdicts.map(|path| std::fs::read_to_string(path).unwrap());
    Replayed { finished, packets: std::fs::read(packets).unwrap(), verdicts }
}

fn compare(link_type: LinkType, workers: &[usize]) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_capture(&folder.join("in.pcap"), link_type);
    for tells in [true, false] {
        let walked = run(folder, tells, |options| options.engine.flow_cache = false);
        assert_eq!((walked.finished.cache.hits, walked.finished.cache.opened), (0, 0));
        let counted = walked.finished.summary.packets;
        assert!(counted.delivered > PACKETS as u64 / 2 && counted.dropped > PACKETS as u64 / 20, "{counted:?}");
        assert!(counted.generated > 0 && counted.malformed > 0 && !walked.finished.summary.translated.is_empty());
        for workers in workers {
            let cached = run(folder, tells, |options| options.workers = *workers);
            let CacheCounters { hits, opened, .. } = cached.finished.cache;
            assert!(hits > PACKETS as u64 / 2 && opened > 0, "{hits} hits and {opened} openings of {workers} workers");
            assert_eq!(cached.summary(), walked.summary(), "{workers} workers");
            let lines = |replayed: &Replayed| replayed.verdicts.clone().unwrap_or_default();
            let (cached_lines, walked_lines) = (lines(&cached), lines(&walked));
            let differing = cached_lines.lines().zip(walked_lines.lines()).find(|(cached, walked)| cached != walked);
            assert_eq!(differing, None, "{workers} workers");
            assert_eq!(cached_lines.len(), walked_lines.len());
            assert_eq!(!cached_lines.is_empty(), tells);
            assert!(cached.packets == walked.packets, "{workers} workers, verdicts {tells}: packets differ");
        }
    }
}

#[test]
fn the_cache_changes_no_output() {
    compare(LinkType::ETHERNET, &[1, 2, 3]);
}

#[test]
fn the_cache_changes_no_output_of_bare_datagrams() {
    compare(LinkType::RAW, &[2]);
}
