//! What NAT gateways count over capture time: peaks of ten seconds, and minutes in which no packet comes.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_dataplane::Timeline;
use vpcemu_packet::{TcpFlags, build};
use vpcemu_replay::progress::Progress;
use vpcemu_replay::{At, CaptureInput, PerSecond, ReplayOptions, Summary, replay};

const NETWORK: &str = r#"
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
addresses = [{ private = "10.0.0.220", public = "203.0.113.20" }]
[instance.app]
subnet = "private"
addresses = ["10.0.1.5"]
"#;

const GATEWAY: &str = "nat-nat";
const APP: &str = "10.0.1.5:40000";

const SECOND: u64 = 1_000_000_000;

/// The beginning of a minute.
const BEGIN: u64 = 1_736_500_020;

/// Datagrams with their times in nanoseconds, replayed by so many workers.
fn run(packets: &[(u64, Vec<u8>)], workers: usize) -> Summary {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.pcap");
    write(&path, packets);
    let network = vpcemu_model::native::parse("net.toml", NETWORK).unwrap().network;
    let mut options = ReplayOptions::new(Arc::new(Timeline::compile(&[network])));
    options.captures.push(CaptureInput { path, at: At::Auto });
    options.workers = workers;
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    runtime.block_on(replay(options, Arc::new(Progress::default()))).unwrap().summary
}

fn write(path: &Path, packets: &[(u64, Vec<u8>)]) {
    let mut writer = PcapWriter::new(std::fs::File::create(path).unwrap(), LinkType::RAW).unwrap();
    for (time, datagram) in packets {
        writer.write(*time, datagram.len() as u32, datagram).unwrap();
    }
    writer.finish().unwrap();
}

/// Requests of an instance and answers to them in bursts of many rates, over more than a window, and now and then somebody who
/// knocks at the gateway itself.
fn bursts() -> Vec<(u64, Vec<u8>)> {
    let mut state = 1u64;
    let mut dice = move |sides: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    };
    let (mut time, mut gap) = (BEGIN * SECOND + 7 * SECOND, 1);
    let mut packets = Vec::new();
    for n in 0..100_000u64 {
        if n % 500 == 0 {
            // A packet every 20 ms on average at most, some not for half a minute.
            gap = 1 + dice(40_000_000);
            time += dice(4) * dice(10) * SECOND;
        }
        time += dice(gap);
        let app: SocketAddr = APP.parse().unwrap();
        let remote: SocketAddr = format!("198.51.100.{}:53", n / 3 % 200).parse().unwrap();
        let (from, to) = match n % 3 {
            0 => (app, remote),
            1 => (remote, app),
            _ if dice(10) == 0 => ("192.0.2.9:999".parse().unwrap(), "203.0.113.20:7".parse().unwrap()),
            _ => (app, remote),
        };
        packets.push((time, build::udp(from, to).payload(&vec![0; dice(600) as usize]).build()));
    }
    packets
}

#[test]
fn peaks_are_the_most_of_ten_seconds_whoever_saw_them() {
    let packets = bursts();
    let mut slots: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for (time, datagram) in &packets {
        let slot = slots.entry(time / SECOND / 10).or_default();
        slot.0 += 1;
        slot.1 += datagram.len() as u64;
    }
    let most = |of: &mut dyn Iterator<Item = &(u64, u64)>| {
        let (packets, bytes) = of.fold((0, 0), |most, slot| (most.0.max(slot.0), most.1.max(slot.1)));
        (PerSecond::of_ten_seconds(packets), PerSecond::of_ten_seconds(bytes))
    };
    let one = run(&packets, 1);
    assert!(one.minutes.len() > 20, "{}", one.minutes.len());
    assert_eq!(one.nat[GATEWAY].packets_drop_count, one.packets.dropped);
    assert!(one.packets.dropped > 0 && one.packets.reanchored == 33_333);
    let whole = |summary: &Summary| {
        let gateway = summary.nat[GATEWAY];
        (gateway.peak_packets_per_second, gateway.peak_bytes_per_second)
    };
    assert_eq!(whole(&one), most(&mut slots.values()));
    for minute in &one.minutes {
        let gateway = minute.nat[GATEWAY];
        let first = minute.start / 10;
        let expected = most(&mut slots.range(first..first + 6).map(|(_, slot)| slot));
        assert_eq!((gateway.peak_packets_per_second, gateway.peak_bytes_per_second), expected, "{}", minute.start);
    }
    let json = |summary: &Summary| serde_json::to_string(&(&summary.minutes, &summary.nat)).unwrap();
    for workers in [2, 3] {
        let several = run(&packets, workers);
        assert!(several.run.packets_per_worker.iter().filter(|packets| **packets > 0).count() > 1);
        assert_eq!(json(&several), json(&one), "{workers}");
    }
}

/// A handshake of the instance, and another instant at which something else is sent.
fn handshake_and(later: u64) -> Vec<(u64, Vec<u8>)> {
    let (app, remote): (SocketAddr, SocketAddr) = (APP.parse().unwrap(), "198.51.100.1:443".parse().unwrap());
    let segment = |from, to, flags| build::tcp(from, to).flags(flags).build();
    let at = |second: u64, datagram| ((BEGIN + second) * SECOND, datagram);
    vec![
        at(0, segment(app, remote, TcpFlags::SYN)),
        at(0, segment(remote, app, TcpFlags::SYN | TcpFlags::ACK)),
        at(0, segment(app, remote, TcpFlags::ACK)),
        at(later, build::udp(app, "198.51.100.2:53".parse().unwrap()).build()),
    ]
}

/// Of every minute that is told of: when it begins, its packets, and what its gateway's mappings did.
fn minutes(summary: &Summary) -> Vec<(u64, u64, u64, u64)> {
    let row = |it: &vpcemu_replay::Interval| {
        let gateway = it.nat[GATEWAY];
        (it.start - BEGIN, it.packets.input, gateway.idle_timeout_count, gateway.active_connection_count)
    };
    summary.minutes.iter().map(row).collect()
}

#[test]
fn a_mapping_dies_in_a_minute_of_its_own() {
    for workers in [1, 3] {
        let summary = run(&handshake_and(1000), workers);
        // Second 350, and no packet within five minutes of it.
        assert_eq!(minutes(&summary), [(0, 3, 0, 1), (300, 0, 1, 1), (960, 1, 0, 0)]);
        assert_eq!(summary.nat[GATEWAY].idle_timeout_count, 1);
        assert_eq!(summary.minutes.iter().map(|it| it.packets.input).sum::<u64>(), summary.packets.input);
        assert_eq!(summary.minutes.last().unwrap().connections.live, summary.connections.live);
    }
}

#[test]
fn what_happens_after_the_last_packet_is_not_told() {
    let summary = run(&handshake_and(349), 1);
    assert_eq!(minutes(&summary), [(0, 3, 0, 1), (300, 1, 0, 1)]);
    assert_eq!(summary.nat[GATEWAY].idle_timeout_count, 0);
    let summary = run(&handshake_and(350), 1);
    assert_eq!(minutes(&summary), [(0, 3, 0, 1), (300, 1, 1, 1)]);
    assert_eq!(summary.nat[GATEWAY].idle_timeout_count, 1);
}
