//! Packets in the words of a scenario: `udp("one:5353 > dns:53")`, and the same packet with something changed.
//!
//! A datagram is kept as what it says and only then made into bytes, so that the packet that should come out is written as
//! the one that went in "but from `nat:*`": every checksum is then computed anew, and nothing that the engine patched is
//! taken over.

use std::net::{IpAddr, SocketAddr};

use vpcemu_packet::{Headers, Offloads, TcpFlags, Transport, build};

use super::bytes;
use super::networks::host;

mod change;

/// A packet, as far as a scenario talks about it.
#[derive(Clone, Debug)]
pub struct Datagram {
    src: IpAddr,
    dst: IpAddr,
    src_port: Port,
    dst_port: Port,
    kind: Kind,
    payload: Vec<u8>,
    ttl: u8,
    id: u16,
    /// The identification is whatever the packet has that came out.
    any_id: bool,
    /// Type of service or traffic class; none for what the builder sets.
    class: Option<u8>,
    dont_fragment: bool,
    options: Vec<u8>,
    /// An IPv6 extension header without content.
    extension: Option<u8>,
    /// One of the pieces that it has when taken apart for an MTU.
    piece: Option<(usize, usize)>,
    /// Added to the transport checksum, so that it is wrong.
    checksum_off_by: u16,
    /// Likewise, to the checksum of the IPv4 header.
    header_off_by: u16,
    damage: Vec<(usize, u8)>,
    /// The IPv4 header checksum is computed after the damage.
    resummed: bool,
    cut: usize,
    trailer: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Port {
    Number(u16),
    /// Whatever the packet that came out has.
    Any,
}

#[derive(Clone, Debug)]
enum Kind {
    Tcp { flags: TcpFlags, seq: u32, ack: u32, window: u16, mss: Option<u16> },
    Udp { checksum: bool },
    Echo { reply: bool, seq: u16 },
    Error { kind: u8, code: u8, rest: u32, about: Box<Datagram>, quoted: usize },
    Icmp { kind: u8, code: u8, rest: u32 },
    Protocol(u8),
}

/// A UDP datagram, `"one:5353 > dns:53"`.
#[track_caller]
pub fn udp(ends: &str) -> Datagram {
    Datagram::between(ends, Kind::Udp { checksum: true }).payload(b"question")
}

/// A TCP segment with flags as letters, `tcp("one:4000 > server:443", "SA")`. `P` has data with it.
#[track_caller]
pub fn tcp(ends: &str, letters: &str) -> Datagram {
    let flags = flags(letters);
    let data: &[u8] = if flags.contains(TcpFlags::PSH) { b"data" } else { b"" };
    let ack = if flags.contains(TcpFlags::ACK) { 2000 } else { 0 };
    let kind = Kind::Tcp { flags, seq: 1000, ack, window: 64240, mss: None };
    Datagram::between(ends, kind).payload(data).dont_fragment(true)
}

/// An echo request, `ping("one > server", 77)`.
#[track_caller]
pub fn ping(ends: &str, id: u16) -> Datagram {
    let mut ping = Datagram::between(ends, Kind::Echo { reply: false, seq: 1 }).payload(b"ping").dont_fragment(true);
    (ping.src_port, ping.dst_port) = (Port::Number(id), Port::Number(id));
    ping
}

/// An echo reply.
#[track_caller]
pub fn pong(ends: &str, id: u16) -> Datagram {
    let mut pong = ping(ends, id);
    pong.kind = Kind::Echo { reply: true, seq: 1 };
    pong
}

/// An ICMP or ICMPv6 error about a packet.
#[track_caller]
pub fn error(ends: &str, kind: u8, code: u8, about: &Datagram) -> Datagram {
    let about = Box::new(about.clone());
    Datagram::between(ends, Kind::Error { kind, code, rest: 0, about, quoted: usize::MAX })
}

/// Any other ICMP message; `rest` are the four bytes behind the checksum.
#[track_caller]
pub fn icmp(ends: &str, kind: u8, code: u8, rest: u32) -> Datagram {
    Datagram::between(ends, Kind::Icmp { kind, code, rest })
}

/// A packet of any other protocol.
#[track_caller]
pub fn protocol(ends: &str, number: u8, payload: &[u8]) -> Datagram {
    Datagram::between(ends, Kind::Protocol(number)).payload(payload)
}

impl Datagram {
    #[track_caller]
    fn between(ends: &str, kind: Kind) -> Self {
        let (src, dst) = ends.split_once(" > ").unwrap_or_else(|| panic!("{ends:?} is not `SOURCE > DESTINATION`"));
        let (src, src_port) = end(src);
        let (dst, dst_port) = end(dst);
        let (src_port, dst_port) = (src_port.unwrap_or(Port::Number(0)), dst_port.unwrap_or(Port::Number(0)));
        Self {
            src,
            dst,
            src_port,
            dst_port,
            kind,
            payload: Vec::new(),
            ttl: 64,
            id: 0,
            any_id: false,
            class: None,
            dont_fragment: false,
            options: Vec::new(),
            extension: None,
            piece: None,
            checksum_off_by: 0,
            header_off_by: 0,
            damage: Vec::new(),
            resummed: false,
            cut: usize::MAX,
            trailer: Vec::new(),
        }
    }

    /// Its pieces for an MTU, as its sender makes them.
    pub fn pieces(&self, mtu: usize) -> Vec<Self> {
        let count = self.taken_apart(mtu).len();
        (0..count).map(|index| Self { piece: Some((mtu, index)), ..self.clone() }).collect()
    }

    /// The answer to it: ends swapped, a SYN answered by SYN-ACK, an echo request by its reply.
    #[must_use]
    pub fn reply(&self) -> Self {
        let mut reply = Self {
            src: self.dst,
            dst: self.src,
            src_port: self.dst_port,
            dst_port: self.src_port,
            ttl: 64,
            options: Vec::new(),
            ..self.clone()
        };
        match &mut reply.kind {
            Kind::Tcp { flags, seq, ack, .. } => {
                let syn = flags.contains(TcpFlags::SYN);
                *flags = if syn { TcpFlags::SYN | TcpFlags::ACK } else { TcpFlags::ACK };
                (*seq, *ack) = (*ack, seq.wrapping_add(1));
                reply.payload = Vec::new();
            }
            Kind::Echo { reply, .. } => *reply = true,
            Kind::Udp { .. } => reply.payload = b"answer".to_vec(),
            _ => {}
        }
        reply
    }

    /// Its source, as scenarios write it.
    pub fn source(&self) -> String {
        match self.src_port {
            Port::Number(port) => SocketAddr::new(self.src, port).to_string(),
            Port::Any => panic!("nobody knows yet which port it has"),
        }
    }

    /// Its source port, or echo id.
    pub fn source_port(&self) -> u16 {
        match self.src_port {
            Port::Number(port) => port,
            Port::Any => panic!("nobody knows yet which port it has"),
        }
    }

    /// Puts what came out in the place of every `*`, and of an identification that may be anything.
    #[must_use]
    pub(super) fn filled(mut self, came_out: &[u8]) -> Self {
        if self.any_id && came_out.len() > 6 && came_out[0] >> 4 == 4 {
            (self.id, self.any_id) = (u16::from_be_bytes([came_out[4], came_out[5]]), false);
        }
        if self.src_port != Port::Any && self.dst_port != Port::Any {
            return self;
        }
        let length = u32::try_from(came_out.len()).unwrap_or(u32::MAX);
        let headers = Headers::parse(came_out, length, Offloads::Tolerate).ok();
        let ports = headers.and_then(|headers| match headers.transport {
            Transport::Tcp { src, dst, .. } | Transport::Udp { src, dst } => Some((src, dst)),
            Transport::Query { id, .. } => Some((id, id)),
            _ => None,
        });
        // A later fragment has no ports, and none of its bytes depends on them.
        let (src, dst) = ports.unwrap_or_default();
        if self.src_port == Port::Any {
            self.src_port = Port::Number(src);
        }
        if self.dst_port == Port::Any {
            self.dst_port = Port::Number(dst);
        }
        self
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = match self.piece {
            Some((mtu, index)) => self.taken_apart(mtu).swap_remove(index),
            None => self.whole(),
        };
        for (at, value) in &self.damage {
            bytes[*at] = *value;
        }
        if self.resummed {
            bytes::sum_ipv4_header(&mut bytes);
        }
        bytes.truncate(self.cut);
        bytes.extend_from_slice(&self.trailer);
        bytes
    }

    fn taken_apart(&self, mtu: usize) -> Vec<Vec<u8>> {
        let whole = self.whole();
        if self.src.is_ipv6() { build::fragment_v6(&whole, mtu, self.id.into()) } else { build::fragment(&whole, mtu) }
    }

    fn whole(&self) -> Vec<u8> {
        let number = |port| match port {
            Port::Number(port) => port,
            Port::Any => 0,
        };
        let (src_port, dst_port) = (number(self.src_port), number(self.dst_port));
        let (src, dst) = (SocketAddr::new(self.src, src_port), SocketAddr::new(self.dst, dst_port));
        let mut bytes = match &self.kind {
            Kind::Tcp { flags, seq, ack, window, mss } => {
                let mut segment = build::tcp(src, dst).flags(*flags).seq(*seq).ack(*ack).window(*window);
                if let Some(mss) = mss {
                    segment = segment.mss(*mss);
                }
                segment.payload(&self.payload).build()
            }
            Kind::Udp { checksum: true } => build::udp(src, dst).payload(&self.payload).build(),
            Kind::Udp { checksum: false } => build::udp(src, dst).payload(&self.payload).without_checksum().build(),
            Kind::Echo { reply: false, seq } => {
                build::echo_request(self.src, self.dst, src_port, *seq).payload(&self.payload).build()
            }
            Kind::Echo { reply: true, seq } => {
                build::echo_reply(self.src, self.dst, src_port, *seq).payload(&self.payload).build()
            }
            Kind::Error { kind, code, rest, about, quoted } => {
                let about = about.bytes();
                build::icmp_error(self.src, self.dst, *kind, *code, *rest, &about[..about.len().min(*quoted)])
            }
            Kind::Icmp { kind, code, rest } => {
                build::icmp_message(self.src, self.dst, *kind, *code, *rest).payload(&self.payload).build()
            }
            Kind::Protocol(number) => build::protocol(self.src, self.dst, *number, &self.payload).build(),
        };
        bytes::set_ip_fields(&mut bytes, self.ttl, self.id, self.dont_fragment, &self.options);
        if let Some(class) = self.class {
            bytes::set_class(&mut bytes, class);
        }
        if self.checksum_off_by != 0 {
            bytes::worsen_checksum(&mut bytes, self.checksum_off_by);
        }
        bytes::worsen_header(&mut bytes, self.header_off_by);
        if let Some(number) = self.extension {
            bytes::insert_extension(&mut bytes, number);
        }
        bytes
    }
}

/// A place in a packet: `one`, `one:5353`, `nat:*`, or with an address instead of a name, `[2001:db8::1]:53`.
#[track_caller]
fn end(text: &str) -> (IpAddr, Option<Port>) {
    if let Some(address) = host(text) {
        return (address, None);
    }
    let (name, port) = text.rsplit_once(':').unwrap_or_else(|| panic!("{text:?} is no host"));
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let address = host(name).unwrap_or_else(|| panic!("{name:?} is no host"));
    let port = match port {
        "*" => Port::Any,
        number => Port::Number(number.parse().unwrap_or_else(|_| panic!("{number:?} is no port"))),
    };
    (address, Some(port))
}

fn flags(letters: &str) -> TcpFlags {
    letters.chars().fold(TcpFlags::default(), |flags, letter| {
        flags
            | match letter {
                'F' => TcpFlags::FIN,
                'S' => TcpFlags::SYN,
                'R' => TcpFlags::RST,
                'P' => TcpFlags::PSH,
                'A' => TcpFlags::ACK,
                'U' => TcpFlags::URG,
                'E' => TcpFlags::ECE,
                'C' => TcpFlags::CWR,
                '.' => TcpFlags::default(),
                other => panic!("no TCP flag is called {other}"),
            }
    })
}
