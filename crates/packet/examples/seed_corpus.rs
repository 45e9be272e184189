//! Writes the inputs that the fuzz targets `packet` and `translate` start from:
//!
//!     cargo run -p vpcemu-packet --example seed_corpus -- tests/fuzz/corpus
//!
//! One folder a target, one file a kind of packet. What the fuzzer finds wrong is kept beside them and not touched.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use vpcemu_packet::{SllDirection, TcpFlags, build};

fn main() -> io::Result<()> {
    let Some(directory) = env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("name the directory to write to"));
    };
    write(&directory.join("packet"), packets())?;
    write(&directory.join("translate"), datagrams())
}

fn write(folder: &Path, seeds: Vec<(&'static str, u8, Vec<u8>)>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, settings, bytes) in seeds {
        // Framing and rules, nothing cut off, and eight bytes to make new addresses and ports of.
        let mut input = vec![settings, 0, 0xC6, 0x33, 0x64, 0x07, 0x04, 0x00, 0xCB, 0x00];
        input.extend_from_slice(&bytes);
        fs::write(folder.join(name), input)?;
    }
    Ok(())
}

/// As the target counts framings; the top bit asks for strict rules.
const RAW: u8 = 0;
const ETHERNET: u8 = 1;
const SLL: u8 = 2;
const SLL2: u8 = 3;
const NULL: u8 = 4;
const LOOP: u8 = 5;
const STRICT: u8 = 0x80;

fn packets() -> Vec<(&'static str, u8, Vec<u8>)> {
    let syn = build::tcp(v4(40000), v4_remote(443)).flags(TcpFlags::SYN).mss(1460).build();
    let data = build::tcp(v6(40000), v6_remote(443)).flags(TcpFlags::PSH | TcpFlags::ACK).payload(b"hello").build();
    let dns = build::udp(v4(5353), v4_remote(53)).payload(b"question").build();
    let long = build::udp(v4(5000), v4_remote(5001)).payload(&[7; 200]).id(9).build();
    let long_v6 = build::udp(v6(5000), v6_remote(5001)).payload(&[7; 200]).build();
    let echo = build::echo_request(v4(0).ip(), v4_remote(0).ip(), 77, 1).payload(b"ping").build();
    let echo_v6 = build::echo_request(v6(0).ip(), v6_remote(0).ip(), 77, 1).build();
    let error = |about: &[u8]| build::icmp_error(v4_remote(0).ip(), v4(0).ip(), 3, 4, 1400, about);
    let error_v6 = |about: &[u8]| build::icmp_error(v6_remote(0).ip(), v6(0).ip(), 2, 0, 1280, about);
    let ethernet = |datagram: &[u8]| build::ethernet(datagram, [2; 6], [4; 6]);
    let tagged = |frame: &[u8]| build::vlan(&build::vlan(frame, 0x8100, 7), 0x88A8, 9);
    vec![
        ("tcp-syn", RAW | STRICT, syn.clone()),
        ("tcp-v6-ethernet", ETHERNET, ethernet(&data)),
        ("tcp-two-vlans", ETHERNET, tagged(&ethernet(&syn))),
        ("tcp-length-0", RAW, without_length(&syn)),
        ("udp-sll", SLL, build::linux_sll(&dns, SllDirection::Outgoing)),
        ("udp-sll2", SLL2, build::linux_sll2(&dns, SllDirection::Incoming, 2)),
        ("udp-null", NULL, [&[2, 0, 0, 0], dns.as_slice()].concat()),
        ("udp-v6-loop", LOOP, [&[0, 0, 0, 24], long_v6.as_slice()].concat()),
        ("udp-no-checksum", RAW | STRICT, build::udp(v4(1), v4_remote(2)).without_checksum().build()),
        ("fragment-first", RAW, build::fragment(&long, 100).swap_remove(0)),
        ("fragment-later", RAW, build::fragment(&long, 100).swap_remove(1)),
        ("fragment-v6-first", RAW, build::fragment_v6(&long_v6, 120, 3).swap_remove(0)),
        ("fragment-v6-later", RAW, build::fragment_v6(&long_v6, 120, 3).swap_remove(1)),
        ("echo", RAW | STRICT, echo.clone()),
        ("echo-v6", RAW | STRICT, echo_v6.clone()),
        ("error-about-tcp", RAW | STRICT, error(&syn)),
        ("error-about-tcp-8-bytes", RAW | STRICT, error(&syn[..28])),
        ("error-about-echo", RAW, error(&echo)),
        ("error-about-fragment", RAW, error(&build::fragment(&long, 100)[1])),
        ("error-v6-about-tcp", RAW | STRICT, error_v6(&data)),
        ("error-v6-about-echo", RAW | STRICT, error_v6(&echo_v6)),
        ("v6-extension-chain", RAW, chained(&data)),
        ("gre", RAW, build::protocol(v4(0).ip(), v4_remote(0).ip(), 47, &[0, 0, 8, 0]).build()),
        ("udp-lite", RAW, build::protocol(v4(0).ip(), v4_remote(0).ip(), 136, &[0, 1, 0, 2, 0, 8, 1, 2]).build()),
    ]
}

/// What makes a difference to a translator. It knows no framings.
fn datagrams() -> Vec<(&'static str, u8, Vec<u8>)> {
    let long = build::udp(v4(5000), v4_remote(5001)).payload(&[7; 200]).id(9).build();
    let without_checksum = build::udp(v4(5000), v4_remote(5001)).payload(&[7; 200]).without_checksum().build();
    let long_v6 = build::udp(v6(5000), v6_remote(5001)).payload(&[7; 200]).build();
    let error = |kind, code, rest| build::icmp_error(v4_remote(0).ip(), v4(0).ip(), kind, code, rest, &long);
    let error_v6 = |kind, code, rest| build::icmp_error(v6_remote(0).ip(), v6(0).ip(), kind, code, rest, &long_v6);
    let mut seeds = vec![
        ("too-long-without-mtu", STRICT, error(3, 4, 0)),
        ("pointer", STRICT, error(12, 0, 9 << 24)),
        ("pointer-v6", STRICT, error_v6(4, 0, 7)),
        ("next-header-v6", STRICT, error_v6(4, 1, 6)),
        // Extensions behind 128 bytes.
        ("extended", STRICT, error(11, 0, 32 << 16)),
        ("extended-v6", STRICT, error_v6(3, 0, 16 << 24)),
        ("error-about-error", STRICT, build::icmp_error(v4_remote(0).ip(), v4(0).ip(), 3, 1, 0, &error(3, 1, 0))),
        ("fragment-without-checksum", STRICT, build::fragment(&without_checksum, 100).swap_remove(0)),
        ("timestamp", STRICT, build::icmp_message(v4(0).ip(), v4_remote(0).ip(), 13, 0, 7).build()),
        ("neighbour-v6", STRICT, build::icmp_message(v6(0).ip(), v6_remote(0).ip(), 135, 0, 0).build()),
        ("echo-fragment", STRICT, {
            let echo = build::echo_request(v4(0).ip(), v4_remote(0).ip(), 77, 1).payload(&[8; 200]).build();
            build::fragment(&echo, 100).swap_remove(0)
        }),
    ];
    let bare = packets().into_iter().filter(|(_, framing, _)| framing & !STRICT == RAW);
    seeds.extend(bare);
    seeds
}

/// As a host hands a segment to its network card: no length, no header checksum.
fn without_length(datagram: &[u8]) -> Vec<u8> {
    let mut bytes = datagram.to_vec();
    bytes[2..4].fill(0);
    bytes[10..12].fill(0);
    bytes
}

/// Hop-by-hop options, a routing header with a segment left, destination options and an atomic fragment before TCP.
fn chained(datagram: &[u8]) -> Vec<u8> {
    let mut bytes = datagram.to_vec();
    let chain: [&[u8]; 4] = [
        &[43, 0, 5, 2, 0, 0, 1, 0],
        &[60, 2, 4, 1, 0, 0, 0, 0, 32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
        &[44, 0, 1, 4, 0, 0, 0, 0],
        &[6, 0, 0, 0, 0, 0, 0, 5],
    ];
    let chain = chain.concat();
    bytes[6] = 0;
    bytes.splice(40..40, chain.iter().copied());
    let len = (bytes.len() - 40) as u16;
    bytes[4..6].copy_from_slice(&len.to_be_bytes());
    bytes
}

fn v4(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::from([10, 0, 0, 5]), port)
}

fn v4_remote(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::from([192, 0, 2, 1]), port)
}

fn v6(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::from([0x2001, 0xdb8, 1, 0, 0, 0, 0, 5]), port)
}

fn v6_remote(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::from([0x2001, 0xdb8, 2, 0, 0, 0, 0, 1]), port)
}
