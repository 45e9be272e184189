//! Outputs do not depend on how the work is spread over threads.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::Path;
use std::sync::Arc;

use vpcemu_capture::{LinkType, PcapWriter, Reader};
use vpcemu_dataplane::Timeline;
use vpcemu_packet::build;
use vpcemu_replay::progress::Progress;
use vpcemu_replay::{At, CaptureInput, Finished, Listener, ReplayOptions, Report, listen, replay};

const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[instance.web]
subnet = "public"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
"#;

/// More than two windows of them.
const PACKETS: u32 = 150_000;

/// Requests of one instance to 250 remotes, in bare datagrams a microsecond apart; every tenth comes from nobody.
fn write_capture(path: &Path) {
    let mut writer = PcapWriter::new(std::fs::File::create(path).unwrap(), LinkType::RAW).unwrap();
    for n in 0..PACKETS {
        let source = if n % 10 == 9 { "192.0.2.1:7" } else { "10.0.0.10:4000" };
        let remote = format!("198.51.100.{}:{}", n % 250, 1000 + n % 7).parse().unwrap();
        let datagram = build::udp(source.parse().unwrap(), remote).payload(&n.to_be_bytes()).build();
        writer.write(1_000 * u64::from(n), datagram.len() as u32, &datagram).unwrap();
    }
    writer.finish().unwrap();
}

/// What was replayed, the packets of the pcap and the verdicts.
fn run(folder: &Path, adjust: impl FnOnce(&mut ReplayOptions)) -> (Finished, Vec<u8>, String) {
    let network = vpcemu_model::native::parse("net.toml", NETWORK).unwrap().network;
    let mut options = ReplayOptions::new(Arc::new(Timeline::compile(&[network])));
    options.captures.push(CaptureInput { path: folder.join("in.pcap"), at: At::Auto });
    let (packets, verdicts) = (folder.join("out.pcap"), folder.join("out.ndjson"));
    (options.packets, options.verdicts) = (Some(packets.clone()), Some(verdicts.clone()));
    adjust(&mut options);
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let finished = runtime.block_on(replay(options, Arc::new(Progress::default()))).unwrap();
    (finished, std::fs::read(packets).unwrap(), std::fs::read_to_string(verdicts).unwrap())
}

#[test]
fn workers_and_processors_change_nothing_but_the_time() {
    let folder = tempfile::tempdir().unwrap();
    write_capture(&folder.path().join("in.pcap"));
    let (finished, packets, verdicts) = run(folder.path(), |_| {});
    let counted = finished.summary.packets;
    assert_eq!((counted.input, counted.dropped), (PACKETS.into(), u64::from(PACKETS / 10)));
    assert_eq!(verdicts.lines().count(), PACKETS as usize);
    for (workers, pin) in [(1, true), (2, false), (3, true)] {
        // Processors are what Linux pins to.
        let pin = pin && cfg!(target_os = "linux");
        let (several, others, lines) = run(folder.path(), |options| (options.workers, options.pin) = (workers, pin));
        assert_eq!(several.summary.packets, counted, "{workers} {pin}");
        assert_eq!(several.summary.run.packets_per_worker.iter().sum::<u64>(), u64::from(PACKETS));
        assert!(others == packets && lines == verdicts, "{workers} {pin}");
    }
}

#[test]
fn packets_come_out_in_the_order_in_which_they_went_in() {
    let folder = tempfile::tempdir().unwrap();
    write_capture(&folder.path().join("in.pcap"));
    let (finished, _, _) = run(folder.path(), |options| options.workers = 2);
    let mut reader = Reader::open(&folder.path().join("out.pcap")).unwrap();
    let (mut count, mut last) = (0, 0);
    while let Some(record) = reader.next().unwrap() {
        assert!(count == 0 || record.timestamp_ns > last, "packet {count}");
        // The payload tells which one it is.
        let n = record.data.last_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes)).unwrap();
        assert_eq!(record.timestamp_ns, 1_000 * u64::from(n));
        (count, last) = (count + 1, record.timestamp_ns);
    }
    assert_eq!(count, finished.summary.packets.delivered);
}

/// Writes down what it hears.
#[derive(Default)]
struct Clerk {
    lines: Vec<u8>,
    delivered: u64,
}

impl Listener for Clerk {
    fn packet(&mut self, report: &Report<'_>) {
        report.line().write_json(&mut self.lines);
        self.delivered += u64::from(report.reason().is_none());
        // The payload tells which one it is.
        let n = report.datagram().last_chunk::<4>().map(|bytes| u64::from(u32::from_be_bytes(*bytes)));
        assert_eq!(n, Some(report.stamp().n - 1));
    }
}

#[test]
fn a_listener_hears_what_the_verdicts_say() {
    let folder = tempfile::tempdir().unwrap();
    write_capture(&folder.path().join("in.pcap"));
    let (finished, _, verdicts) = run(folder.path(), |_| {});
    let network = vpcemu_model::native::parse("net.toml", NETWORK).unwrap().network;
    let mut options = ReplayOptions::new(Arc::new(Timeline::compile(&[network])));
    options.captures.push(CaptureInput { path: folder.path().join("in.pcap"), at: At::Auto });
    options.workers = 2;
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let told = runtime.block_on(listen(options, Arc::new(Progress::default()), Clerk::default()));
    let (told, clerk) = told.unwrap();
    assert_eq!(told.summary.packets, finished.summary.packets);
    assert_eq!(clerk.delivered, finished.summary.packets.delivered);
    assert!(clerk.lines == verdicts.as_bytes());
}
