//! From a step of the language to bytes.

use std::net::{IpAddr, SocketAddr};

use vpcemu_packet::{TcpFlags, build};

use super::bytes::{Datagram, SCTP, TCP, UDP, UDP_LITE, crc32c, folded, put, seal_header, sum, word};
use super::language::{Fresh, Step, What, Words, message_of};

/// What a router did in the steps so far, each by its number less one; none where nothing could be sent.
pub(crate) type History = Vec<Option<Done>>;

/// A step that is done.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    /// The packets that were sent, and where.
    pub(crate) sent: Vec<Injection>,
    pub(crate) emitted: Vec<Emission>,
    pub(crate) damaged: bool,
}

/// A packet that goes in.
#[derive(Clone, Debug)]
pub(crate) struct Injection {
    pub(crate) bytes: Vec<u8>,
    /// Who sends it.
    pub(crate) sender: Sender,
}

/// Who sends a packet.
#[derive(Clone, Debug)]
pub(crate) enum Sender {
    /// Whoever has its source address.
    Source(IpAddr),
    /// Whoever received something.
    Receiver(Emission),
}

/// A packet that came out.
#[derive(Clone, Debug)]
pub(crate) struct Emission {
    pub(crate) side: super::wire::Side,
    /// The interface that it reached, where that is known.
    pub(crate) interface: Option<String>,
    pub(crate) bytes: Vec<u8>,
    /// The router made it.
    pub(crate) made: bool,
}

/// The packets of a step. None if it is about one that did not come out.
pub(crate) fn build(step: &Step, numbers: (u32, u32), history: &History) -> Option<Vec<Injection>> {
    let words = &step.words;
    let ip_id = words.number("ipid").map_or(0x1000 + history.len() as u16, |id| id as u16);
    let sized = |bytes| finished(bytes, words, ip_id);
    let (bytes, sender) = match &step.what {
        What::Fresh(fresh) => (sized(segment(fresh, words, numbers)), Sender::Source(fresh.src.0)),
        What::Again(n) => return history[n - 1].as_ref().map(|done| done.sent.clone()),
        What::Reply(n) => {
            let received = received(history, *n)?;
            (sized(reply(&received.bytes, words, numbers)?), Sender::Receiver(received.clone()))
        }
        What::Error { kind, code, about } => {
            let received = received(history, *about)?;
            let (to, receiver) = Datagram::parse(&received.bytes)?.addresses();
            let quoted = quote(received.bytes.clone(), words);
            let from = words.text("from").map(|text| text.parse::<IpAddr>().unwrap());
            let sender = from.map_or_else(|| Sender::Receiver(received.clone()), Sender::Source);
            (sized(error(words, (*kind, *code), from.unwrap_or(receiver), to, &quoted)), sender)
        }
        What::Stray { kind, code, to, quoted } => {
            let from = words.text("from").map_or(quoted.dst.0, |text| text.parse().unwrap());
            let bytes = quote(segment(quoted, &Words::default(), (1, 1)), words);
            (sized(error(words, (*kind, *code), from, *to, &bytes)), Sender::Source(from))
        }
    };
    Some(bytes.into_iter().map(|bytes| Injection { bytes, sender: sender.clone() }).collect())
}

/// The first packet that a step let out and that the router did not make.
fn received(history: &History, n: usize) -> Option<&Emission> {
    history[n - 1].as_ref()?.emitted.iter().find(|emission| !emission.made)
}

/// A datagram with its transport checksum right, before anything is done to its IP header.
fn segment(fresh: &Fresh, words: &Words, numbers: (u32, u32)) -> Vec<u8> {
    let Fresh { protocol, src, dst } = fresh;
    let payload = payload(words);
    let (from, to) = (SocketAddr::from(*src), SocketAddr::from(*dst));
    let raw = |number: u8, header: &[u8]| build::protocol(src.0, dst.0, number, &[header, &payload].concat()).build();
    let id = words.number("id").unwrap_or(77) as u16;
    let seq = words.number("icmpseq").unwrap_or(1) as u16;
    match protocol.as_str() {
        "tcp" => tcp(from, to, words, numbers, &payload),
        "udp" => {
            let udp = build::udp(from, to).payload(&payload);
            if words.has("nosum") { udp.without_checksum().build() } else { udp.build() }
        }
        "ping" => build::echo_request(src.0, dst.0, id, seq).payload(&payload).build(),
        "pong" => build::echo_reply(src.0, dst.0, id, seq).payload(&payload).build(),
        "icmp" => {
            let (kind, code) = message_of(words.text("type").expect("type=13/0"));
            let rest = u32::from(id) << 16 | u32::from(seq);
            build::icmp_message(src.0, dst.0, kind, code, rest).payload(&payload).build()
        }
        // No flags, carrying IPv4 (RFC 2784 2).
        "gre" => raw(47, &[0, 0, 8, 0]),
        // SPI and sequence number (RFC 4303 2).
        "esp" => raw(50, &[0, 0, 16, 1, 0, 0, 0, 1]),
        // Next header UDP, four words, SPI and sequence number, check value (RFC 4302 2).
        "ah" => raw(51, &[17, 4, 0, 0, 0, 0, 16, 1, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        "ipip" => {
            raw(4, &build::udp(SocketAddr::from(([10, 9, 0, 1], 1)), SocketAddr::from(([10, 9, 0, 2], 2))).build())
        }
        "sctp" => build::protocol(src.0, dst.0, SCTP, &sctp_init(src.1, dst.1)).build(),
        "udplite" => build::protocol(src.0, dst.0, UDP_LITE, &udp_lite(*src, *dst, &payload)).build(),
        "proto" => raw(words.number("number").unwrap_or(253) as u8, &[]),
        other => panic!("no protocol {other}"),
    }
}

fn payload(words: &Words) -> Vec<u8> {
    let length = words.number("len").unwrap_or(0);
    (0..length).map(|at| (at * 7 + 1) as u8).collect()
}

fn tcp(from: SocketAddr, to: SocketAddr, words: &Words, (seq, ack): (u32, u32), payload: &[u8]) -> Vec<u8> {
    let bits = words.text("flags").unwrap_or("A").chars().map(|letter| match letter {
        'F' => TcpFlags::FIN,
        'S' => TcpFlags::SYN,
        'R' => TcpFlags::RST,
        'P' => TcpFlags::PSH,
        'A' => TcpFlags::ACK,
        'U' => TcpFlags::URG,
        'E' => TcpFlags::ECE,
        'C' => TcpFlags::CWR,
        other => panic!("no TCP flag {other}"),
    });
    let flags = bits.fold(TcpFlags(0), |sum, bit| sum | bit);
    let window = words.number("win").unwrap_or(64_240) as u16;
    let segment = build::tcp(from, to).flags(flags).seq(seq).ack(ack).window(window).payload(payload);
    match words.number("mss") {
        Some(mss) => segment.mss(mss as u16).build(),
        None => segment.build(),
    }
}

/// An INIT chunk with nothing optional (RFC 9260 3.3.2).
fn sctp_init(src: u16, dst: u16) -> Vec<u8> {
    let mut segment = [src.to_be_bytes(), dst.to_be_bytes()].concat();
    segment.extend_from_slice(&[0; 8]);
    segment.extend_from_slice(&[1, 0, 0, 20, 0, 0, 0, 9, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1]);
    let checksum = crc32c(&segment);
    segment[8..12].copy_from_slice(&checksum);
    segment
}

/// A datagram whose checksum covers all of it (RFC 3828).
fn udp_lite(src: (IpAddr, u16), dst: (IpAddr, u16), payload: &[u8]) -> Vec<u8> {
    let mut segment = [src.1.to_be_bytes(), dst.1.to_be_bytes(), [0; 2], [0; 2]].concat();
    segment.extend_from_slice(payload);
    let octets = |address| match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let pseudo = sum(&octets(src.0)) + sum(&octets(dst.0)) + u32::from(UDP_LITE) + segment.len() as u32;
    let checksum = !folded(pseudo + sum(&segment));
    put(&mut segment, 6, checksum);
    segment
}

/// The answer to a packet, by what it is.
fn reply(to: &[u8], words: &Words, numbers: (u32, u32)) -> Option<Vec<u8>> {
    let parts = Datagram::parse(to)?;
    let (src, dst) = parts.addresses();
    let (src_port, dst_port) = parts.ports().unwrap_or((0, 0));
    let protocol = match parts.protocol {
        TCP => "tcp",
        UDP => "udp",
        SCTP => "sctp",
        UDP_LITE => "udplite",
        _ if parts.is_icmp() => "icmp",
        47 => "gre",
        50 => "esp",
        _ => "proto",
    };
    let mut words = words.clone();
    if protocol == "icmp" {
        let l4 = parts.l4();
        let answer = match l4[0] {
            8 => 0,
            128 => 129,
            asks => asks + 1,
        };
        words.set("type", format!("{answer}/0"));
        words.set("id", word(l4, 4)?);
        words.set("icmpseq", word(l4, 6)?);
    }
    if protocol == "proto" {
        words.set("number", parts.protocol);
    }
    let fresh = Fresh { protocol: protocol.to_owned(), src: (dst, dst_port), dst: (src, src_port) };
    Some(segment(&fresh, &words, numbers))
}

fn quote(mut packet: Vec<u8>, words: &Words) -> Vec<u8> {
    if words.has("badquote") {
        packet[10] ^= 0x55;
    }
    packet.truncate(words.number("quote").map_or(packet.len(), |length| length as usize));
    packet
}

fn error(words: &Words, (kind, code): (u8, u8), from: IpAddr, to: IpAddr, quoted: &[u8]) -> Vec<u8> {
    build::icmp_error(from, to, kind, code, words.number("mtu").unwrap_or(0) as u32, quoted)
}

/// What the words do to the IP header, what they damage, and into how many pieces they take it.
fn finished(mut bytes: Vec<u8>, words: &Words, ip_id: u16) -> Vec<Vec<u8>> {
    if bytes[0] >> 4 == 4 {
        finish_v4(&mut bytes, words, ip_id);
    } else {
        finish_v6(&mut bytes, words);
    }
    damage(&mut bytes, words);
    let Some(mtu) = words.number("frag") else { return vec![bytes] };
    if bytes[0] >> 4 == 4 {
        // A sender that fragments does not forbid it.
        bytes[6] &= !0x40;
        seal_header(&mut bytes);
    }
    let id = u32::from(ip_id);
    let is_v4 = bytes[0] >> 4 == 4;
    let mut pieces =
        if is_v4 { build::fragment(&bytes, mtu as usize) } else { build::fragment_v6(&bytes, mtu as usize, id) };
    assert!(pieces.len() > 1, "frag={mtu} leaves one piece of {} bytes", bytes.len());
    if words.has("overlap") {
        let piece = &mut pieces[1];
        let at = if is_v4 { 6 } else { 42 };
        let moved = word(piece, at).unwrap() - if is_v4 { 1 } else { 8 };
        put(piece, at, moved);
        seal_header(piece);
    }
    match words.text("order") {
        Some(order) => order.split(',').map(|n| pieces[n.parse::<usize>().unwrap() - 1].clone()).collect(),
        None => pieces,
    }
}

fn finish_v4(bytes: &mut Vec<u8>, words: &Words, ip_id: u16) {
    if let Some(ttl) = words.number("ttl") {
        bytes[8] = ttl as u8;
    }
    if let Some(tos) = words.number("tos") {
        bytes[1] = tos as u8;
    }
    if let Some(df) = words.number("df") {
        bytes[6] = bytes[6] & !0x40 | (df as u8) << 6;
    }
    put(bytes, 4, ip_id);
    if let Some(option) = words.text("opt") {
        let option: &[u8] = match option {
            // Room for one address, none recorded.
            "rr" => &[7, 7, 4, 0, 0, 0, 0, 0],
            "nop" => &[1, 1, 1, 1],
            "lsrr" => &[131, 7, 4, 192, 0, 2, 77, 0],
            "alert" => &[148, 4, 0, 0],
            other => panic!("no option {other}"),
        };
        bytes.splice(20..20, option.iter().copied());
        bytes[0] += (option.len() / 4) as u8;
        let total = bytes.len() as u16;
        put(bytes, 2, total);
    }
    seal_header(bytes);
}

fn finish_v6(bytes: &mut Vec<u8>, words: &Words) {
    if let Some(ttl) = words.number("ttl") {
        bytes[7] = ttl as u8;
    }
    if let Some(class) = words.number("tos") {
        bytes[0] = 0x60 | (class >> 4) as u8;
        bytes[1] = bytes[1] & 0x0F | (class << 4) as u8;
    }
    if let Some(header) = words.text("ext") {
        let number = if header == "hop" { 0 } else { 60 };
        // One header of eight bytes, filled by a PadN option (RFC 8200 4.2).
        bytes.splice(40..40, [bytes[6], 0, 1, 4, 0, 0, 0, 0]);
        bytes[6] = number;
        let length = bytes.len() as u16 - 40;
        put(bytes, 4, length);
    }
}

fn damage(bytes: &mut Vec<u8>, words: &Words) {
    let l4 = Datagram::parse(bytes).map_or(20, |parts| parts.l4);
    if let Some(length) = words.number("udplen") {
        put(bytes, l4 + 4, length as u16);
    }
    if let Some(offset) = words.number("doff") {
        bytes[l4 + 12] = bytes[l4 + 12] & 15 | (offset as u8) << 4;
    }
    if words.has("badsum") {
        let at = Datagram::parse(bytes).and_then(|parts| parts.checksum_at()).expect("a checksum");
        let wrong = word(bytes, at).unwrap() ^ 0x0101;
        put(bytes, at, wrong);
    }
    if let Some(more) = words.number("total") {
        let total = (bytes.len() as i64 + more) as u16;
        put(bytes, 2, total);
        seal_header(bytes);
    }
    if let Some(header) = words.number("ihl") {
        bytes[0] = bytes[0] & 0xF0 | header as u8;
        seal_header(bytes);
    }
    if words.has("badip") {
        bytes[10] ^= 0x55;
    }
    if let Some(length) = words.number("cut") {
        bytes.truncate(length as usize);
    }
    if let Some(length) = words.number("trailer") {
        bytes.extend(std::iter::repeat_n(0xEE, length as usize));
    }
}
