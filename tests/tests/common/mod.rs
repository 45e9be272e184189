//! What tests of whole replays share: generated captures, and a replay with everything it wrote.

#![allow(dead_code, reason = "every test file uses a part of it")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_dataplane::Timeline;
use vpcemu_model::Network;
use vpcemu_packet::{TcpFlags, build};
use vpcemu_replay::progress::Progress;
use vpcemu_replay::{At, CaptureInput, Finished, ReplayOptions};
use vpcemu_tests::Dice;

/// A replay, and what it wrote.
pub(crate) struct Replayed {
    pub(crate) finished: Finished,
    pub(crate) verdicts: String,
    pub(crate) packets: Vec<u8>,
}

/// The network of `worked_example.rs`.
pub(crate) fn worked_example() -> Network {
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/import/tests/data/worked-example");
    vpcemu_import::load(&dump, &vpcemu_import::Options::default()).unwrap().network
}

/// Replays captures through a network into a pcapng and verdicts.
pub(crate) fn replay(
    folder: &TempDir,
    network: Network,
    captures: &[PathBuf],
    adjust: impl FnOnce(&mut ReplayOptions),
) -> Replayed {
    let timeline = Arc::new(Timeline::compile(&[network]));
    let (packets, verdicts) = (folder.path().join("out.pcapng"), folder.path().join("out.ndjson"));
    let mut options = ReplayOptions::new(timeline);
    options.captures = captures.iter().map(|path| CaptureInput { path: path.clone(), at: At::Auto }).collect();
    options.packets = Some(packets.clone());
    options.verdicts = Some(verdicts.clone());
    adjust(&mut options);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let finished = runtime.block_on(vpcemu_replay::replay(options, Arc::new(Progress::default()))).unwrap();
    Replayed {
        finished,
        verdicts: std::fs::read_to_string(verdicts).unwrap(),
        packets: std::fs::read(packets).unwrap_or_default(),
    }
}

/// Writes datagrams, a millisecond apart, as a raw-IP pcap.
pub(crate) fn write_capture(path: &Path, datagrams: impl IntoIterator<Item = Vec<u8>>) {
    let mut writer = PcapWriter::new(std::fs::File::create(path).unwrap(), LinkType::RAW).unwrap();
    let mut time = 1_750_000_000_000_000_000;
    for datagram in datagrams {
        writer.write(time, datagram.len() as u32, &datagram).unwrap();
        time += 1_000_000;
    }
    writer.finish().unwrap();
}

/// A mix of what the worked example's hosts could do: private clients to many remotes with their replies as captured on the
/// inside, web requests from outside, knocks, pings, errors, fragments.
pub(crate) fn generated(count: usize, seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut dice = Dice::new(seed);
    let app: IpAddr = "10.20.10.10".parse().unwrap();
    let web: IpAddr = "10.20.0.10".parse().unwrap();
    let public: IpAddr = "203.0.113.10".parse().unwrap();
    let mut pending: Vec<Vec<u8>> = Vec::new();
    std::iter::from_fn(move || {
        if let Some(next) = pending.pop() {
            return Some(next);
        }
        let host = 1 + dice.roll(2000) as u32;
        let remote = IpAddr::V4(Ipv4Addr::from(u32::from(Ipv4Addr::new(93, 184, 0, 0)) + host));
        let port = 1024 + dice.roll(60_000) as u16;
        let inside = SocketAddr::new(app, port);
        let https = SocketAddr::new(remote, 443);
        Some(match dice.roll(8) {
            0..=2 => {
                // A connection: pushed last to first.
                pending.push(build::tcp(https, inside).flags(TcpFlags::FIN | TcpFlags::ACK).build());
                pending.push(build::tcp(inside, https).flags(TcpFlags::FIN | TcpFlags::ACK).build());
                pending.push(build::tcp(https, inside).flags(TcpFlags::PSH | TcpFlags::ACK).payload(b"answer").build());
                pending
                    .push(build::tcp(inside, https).flags(TcpFlags::PSH | TcpFlags::ACK).payload(b"question").build());
                pending.push(build::tcp(inside, https).flags(TcpFlags::ACK).build());
                pending.push(build::tcp(https, inside).flags(TcpFlags::SYN | TcpFlags::ACK).build());
                build::tcp(inside, https).flags(TcpFlags::SYN).build()
            }
            3 => {
                let dns = SocketAddr::new(remote, 53);
                pending.push(build::udp(dns, inside).payload(b"answer").build());
                build::udp(inside, dns).payload(b"question").build()
            }
            4 => {
                let called = SocketAddr::new(public, 443);
                pending.push(build::tcp(SocketAddr::new(web, 443), https).flags(TcpFlags::SYN | TcpFlags::ACK).build());
                build::tcp(https, called).flags(TcpFlags::SYN).build()
            }
            5 => build::tcp(SocketAddr::new(remote, port), SocketAddr::new(public, 22)).flags(TcpFlags::SYN).build(),
            6 => {
                pending.push(build::echo_reply(web, remote, port, 1).build());
                build::echo_request(remote, public, port, 1).build()
            }
            _ => {
                let whole = build::udp(inside, SocketAddr::new(remote, 53)).id(port).dont_fragment(false);
                let mut pieces = build::fragment(&whole.payload(&[7; 1800]).build(), 1000);
                if dice.roll(3) > 0 {
                    pieces.reverse();
                }
                let first = pieces.pop().unwrap();
                pending.extend(pieces);
                first
            }
        })
    })
    .take(count)
}
