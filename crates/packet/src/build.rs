//! Packets made from scratch: for tests and generators, and what gateways and routers send themselves.

use std::net::{IpAddr, SocketAddr};

use etherparse::{Ethernet2Header, EtherType, IpNumber, Ipv4Header, Ipv6Header, TcpHeader, TcpOptionElement, UdpHeader};

use crate::headers::{Headers, Offloads, TcpFlags, Transport};
use crate::packet::Packet;

/// TTL of what is made here, as Linux defaults it.
const TTL: u8 = 64;

/// Longest ICMP error about an IPv4 packet (RFC 1812 4.3.2.3), and about an IPv6 one (RFC 4443 2.4 c).
const MAX_ERROR_V4: usize = 576;
const MAX_ERROR_V6: usize = 1280;

/// The window that built segments announce; nothing in here depends on it.
const WINDOW: u16 = 64_240;

/// What all builders share.
#[derive(Debug, Clone)]
struct Ip {
    src: IpAddr,
    dst: IpAddr,
    ttl: u8,
    dont_fragment: bool,
    id: u16,
}

impl Ip {
    fn new(src: IpAddr, dst: IpAddr) -> Self {
        Self { src, dst, ttl: TTL, dont_fragment: true, id: 0 }
    }

    /// The datagram with `payload` behind its IP header, all checksums right. Addresses of two families make nothing.
    fn wrap(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(40 + payload.len());
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let len = u16::try_from(payload.len()).unwrap_or(u16::MAX);
                let Ok(mut header) = Ipv4Header::new(len, self.ttl, IpNumber(protocol), src.octets(), dst.octets())
                else {
                    return bytes;
                };
                header.dont_fragment = self.dont_fragment;
                header.identification = self.id;
                bytes.extend_from_slice(&header.to_bytes());
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                let header = Ipv6Header {
                    payload_length: u16::try_from(payload.len()).unwrap_or(u16::MAX),
                    next_header: IpNumber(protocol),
                    hop_limit: self.ttl,
                    source: src.octets(),
                    destination: dst.octets(),
                    ..Ipv6Header::default()
                };
                bytes.extend_from_slice(&header.to_bytes());
            }
            _ => return bytes,
        }
        bytes.extend_from_slice(payload);
        finished(bytes)
    }
}

/// Fills in every checksum.
fn finished(mut bytes: Vec<u8>) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    // Its own header checksum is right already, so that it parses; what does not is returned as it is.
    if let Ok(mut packet) = Packet::parse(&mut bytes, len, Offloads::Tolerate) {
        packet.fill_checksums();
    }
    bytes
}

macro_rules! ip_setters {
    () => {
        /// TTL or hop limit.
        pub fn ttl(mut self, ttl: u8) -> Self {
            self.ip.ttl = ttl;
            self
        }

        /// IPv4's DF; set unless cleared.
        pub fn dont_fragment(mut self, dont: bool) -> Self {
            self.ip.dont_fragment = dont;
            self
        }

        /// IPv4's identification.
        pub fn id(mut self, id: u16) -> Self {
            self.ip.id = id;
            self
        }

        /// What follows the header.
        pub fn payload(mut self, payload: &[u8]) -> Self {
            self.payload = payload.to_vec();
            self
        }
    };
}

/// A TCP segment; see [`tcp`].
#[derive(Debug, Clone)]
#[must_use]
pub struct TcpBuilder {
    ip: Ip,
    header: TcpHeader,
    payload: Vec<u8>,
}

/// A TCP segment, with ACK set unless flags are given.
pub fn tcp(src: SocketAddr, dst: SocketAddr) -> TcpBuilder {
    let header = TcpHeader::new(src.port(), dst.port(), 0, WINDOW);
    TcpBuilder { ip: Ip::new(src.ip(), dst.ip()), header, payload: Vec::new() }.flags(TcpFlags::ACK)
}

impl TcpBuilder {
    ip_setters!();

    /// Flags.
    pub fn flags(mut self, flags: TcpFlags) -> Self {
        self.header.fin = flags.contains(TcpFlags::FIN);
        self.header.syn = flags.contains(TcpFlags::SYN);
        self.header.rst = flags.contains(TcpFlags::RST);
        self.header.psh = flags.contains(TcpFlags::PSH);
        self.header.ack = flags.contains(TcpFlags::ACK);
        self.header.urg = flags.contains(TcpFlags::URG);
        self.header.ece = flags.contains(TcpFlags::ECE);
        self.header.cwr = flags.contains(TcpFlags::CWR);
        self
    }

    /// Sequence number.
    pub fn seq(mut self, seq: u32) -> Self {
        self.header.sequence_number = seq;
        self
    }

    /// Acknowledgement number.
    pub fn ack(mut self, ack: u32) -> Self {
        self.header.acknowledgment_number = ack;
        self
    }

    /// Window.
    pub fn window(mut self, window: u16) -> Self {
        self.header.window_size = window;
        self
    }

    /// The maximum segment size option.
    pub fn mss(mut self, mss: u16) -> Self {
        // One option always fits.
        let _ = self.header.set_options(&[TcpOptionElement::MaximumSegmentSize(mss)]);
        self
    }

    /// The datagram.
    #[must_use]
    pub fn build(self) -> Vec<u8> {
        let mut bytes = self.header.to_bytes().to_vec();
        bytes.extend_from_slice(&self.payload);
        self.ip.wrap(6, &bytes)
    }
}

/// A UDP datagram; see [`udp`].
#[derive(Debug, Clone)]
#[must_use]
pub struct UdpBuilder {
    ip: Ip,
    ports: (u16, u16),
    payload: Vec<u8>,
}

/// A UDP datagram.
pub fn udp(src: SocketAddr, dst: SocketAddr) -> UdpBuilder {
    UdpBuilder { ip: Ip::new(src.ip(), dst.ip()), ports: (src.port(), dst.port()), payload: Vec::new() }
}

impl UdpBuilder {
    ip_setters!();

    /// The datagram.
    #[must_use]
    pub fn build(self) -> Vec<u8> {
        let header = UdpHeader {
            source_port: self.ports.0,
            destination_port: self.ports.1,
            length: u16::try_from(8 + self.payload.len()).unwrap_or(u16::MAX),
            checksum: 0,
        };
        let mut bytes = header.to_bytes().to_vec();
        bytes.extend_from_slice(&self.payload);
        self.ip.wrap(17, &bytes)
    }
}

/// A packet of any other kind; see [`echo_request`] and [`protocol`].
#[derive(Debug, Clone)]
#[must_use]
pub struct OtherBuilder {
    ip: Ip,
    protocol: u8,
    head: Vec<u8>,
    payload: Vec<u8>,
}

impl OtherBuilder {
    ip_setters!();

    /// The datagram.
    #[must_use]
    pub fn build(self) -> Vec<u8> {
        self.ip.wrap(self.protocol, &[self.head, self.payload].concat())
    }
}

fn query(src: IpAddr, dst: IpAddr, kinds: (u8, u8), id: u16, seq: u16) -> OtherBuilder {
    let (protocol, kind) = if src.is_ipv4() { (1, kinds.0) } else { (58, kinds.1) };
    let [id_high, id_low] = id.to_be_bytes();
    let [seq_high, seq_low] = seq.to_be_bytes();
    let head = vec![kind, 0, 0, 0, id_high, id_low, seq_high, seq_low];
    OtherBuilder { ip: Ip::new(src, dst), protocol, head, payload: Vec::new() }
}

/// An ICMP or ICMPv6 echo request.
pub fn echo_request(src: IpAddr, dst: IpAddr, id: u16, seq: u16) -> OtherBuilder {
    query(src, dst, (8, 128), id, seq)
}

/// An ICMP or ICMPv6 echo reply.
pub fn echo_reply(src: IpAddr, dst: IpAddr, id: u16, seq: u16) -> OtherBuilder {
    query(src, dst, (0, 129), id, seq)
}

/// A packet of any protocol; the payload is everything behind the IP header.
pub fn protocol(src: IpAddr, dst: IpAddr, protocol: u8, payload: &[u8]) -> OtherBuilder {
    OtherBuilder { ip: Ip::new(src, dst), protocol, head: Vec::new(), payload: payload.to_vec() }
}

/// An ICMP or ICMPv6 error about `quoted`, which is cut to what such an error may hold. `rest` is the second word of the
/// header: the MTU, or 0.
pub fn icmp_error(from: IpAddr, to: IpAddr, kind: u8, code: u8, rest: u32, quoted: &[u8]) -> Vec<u8> {
    let (protocol, room) = if from.is_ipv4() { (1, MAX_ERROR_V4 - 28) } else { (58, MAX_ERROR_V6 - 48) };
    let mut body = vec![kind, code, 0, 0];
    body.extend_from_slice(&rest.to_be_bytes());
    body.extend_from_slice(&quoted[..quoted.len().min(room)]);
    let mut ip = Ip::new(from, to);
    ip.dont_fragment = false;
    ip.wrap(protocol, &body)
}

/// The RST that answers a segment, in the name of its destination (RFC 9293 3.10.7.1). Nothing for other protocols.
pub fn tcp_reset(answered: &Headers) -> Vec<u8> {
    let Transport::Tcp { src, dst, flags, seq, ack, payload_len, .. } = answered.transport else { return Vec::new() };
    let reset = tcp(SocketAddr::new(answered.dst, dst), SocketAddr::new(answered.src, src)).window(0);
    if flags.contains(TcpFlags::ACK) {
        return reset.flags(TcpFlags::RST).seq(ack).build();
    }
    // SYN and FIN take a sequence number each.
    let controls = u32::from(flags.contains(TcpFlags::SYN)) + u32::from(flags.contains(TcpFlags::FIN));
    let length = payload_len.wrapping_add(controls);
    reset.flags(TcpFlags::RST | TcpFlags::ACK).ack(seq.wrapping_add(length)).build()
}

/// Takes a datagram apart so that no piece is longer than `mtu` (RFC 791 3.2). IPv6 gets fragment headers with `id` made of
/// its first words, as a source would (RFC 8200 4.5). What fits, or cannot be taken apart, is returned whole.
pub fn fragment(datagram: &[u8], mtu: usize) -> Vec<Vec<u8>> {
    let whole = || vec![datagram.to_vec()];
    let len = u32::try_from(datagram.len()).unwrap_or(u32::MAX);
    let Ok(headers) = Headers::parse(datagram, len, Offloads::Tolerate) else { return whole() };
    if datagram.len() <= mtu {
        return whole();
    }
    if headers.version == crate::IpVersion::V4 { fragment_v4(datagram, mtu) } else { fragment_v6(datagram, &headers, mtu) }
}

fn fragment_v4(datagram: &[u8], mtu: usize) -> Vec<Vec<u8>> {
    let header_len = usize::from(datagram[0] & 0x0f) * 4;
    let room = mtu.saturating_sub(header_len) / 8 * 8;
    if room == 0 {
        return vec![datagram.to_vec()];
    }
    let (header, payload) = datagram.split_at(header_len);
    let flags = u16::from_be_bytes([header[6], header[7]]);
    let (base, more_after) = (flags & 0x1fff, flags & 0x2000 != 0);
    let count = payload.len().div_ceil(room);
    payload
        .chunks(room)
        .enumerate()
        .map(|(index, chunk)| {
            let mut piece = [header, chunk].concat();
            let length = u16::try_from(piece.len()).unwrap_or(u16::MAX);
            piece[2..4].copy_from_slice(&length.to_be_bytes());
            let offset = base + u16::try_from(index * room / 8).unwrap_or(0);
            let more = index + 1 < count || more_after;
            let field = (flags & 0xc000) | if more { 0x2000 } else { 0 } | offset;
            piece[6..8].copy_from_slice(&field.to_be_bytes());
            let len = u32::from(length);
            piece[10..12].fill(0);
            if let Ok(mut packet) = Packet::parse(&mut piece, len, Offloads::Tolerate) {
                packet.fix_ip_checksum();
            }
            piece
        })
        .collect()
}

fn fragment_v6(datagram: &[u8], headers: &Headers, mtu: usize) -> Vec<Vec<u8>> {
    let room = mtu.saturating_sub(48) / 8 * 8;
    // Only what has no extension headers: nothing in here makes others.
    if room == 0 || usize::from(headers.l4) != 40 {
        return vec![datagram.to_vec()];
    }
    let (header, payload) = datagram.split_at(40);
    let id = payload.iter().take(8).fold(0x5eed_u32, |id, byte| id.rotate_left(5) ^ u32::from(*byte));
    let count = payload.len().div_ceil(room);
    payload
        .chunks(room)
        .enumerate()
        .map(|(index, chunk)| {
            let mut piece = header.to_vec();
            piece[4..6].copy_from_slice(&u16::try_from(chunk.len() + 8).unwrap_or(u16::MAX).to_be_bytes());
            piece[6] = 44;
            let offset = u16::try_from(index * room).unwrap_or(0);
            let field = offset | u16::from(index + 1 < count);
            piece.extend_from_slice(&[header[6], 0]);
            piece.extend_from_slice(&field.to_be_bytes());
            piece.extend_from_slice(&id.to_be_bytes());
            piece.extend_from_slice(chunk);
            piece
        })
        .collect()
}

/// An Ethernet frame around a datagram.
pub fn ethernet(datagram: &[u8], source: [u8; 6], destination: [u8; 6]) -> Vec<u8> {
    let v6 = datagram.first().is_some_and(|byte| byte >> 4 == 6);
    let ether_type = if v6 { EtherType::IPV6 } else { EtherType::IPV4 };
    let mut frame = Ethernet2Header { source, destination, ether_type }.to_bytes().to_vec();
    frame.extend_from_slice(datagram);
    frame
}
