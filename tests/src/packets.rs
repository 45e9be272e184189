//! The packets that most tests send.

use std::net::{IpAddr, SocketAddr};

use vpcemu_packet::{Headers, Offloads, TcpFlags, Transport, build};

/// The headers of a datagram. Panics if anything in it is wrong.
pub fn headers(datagram: &[u8]) -> Headers {
    let length = u32::try_from(datagram.len()).unwrap_or(u32::MAX);
    Headers::parse(datagram, length, Offloads::Strict).unwrap_or_else(|error| panic!("{error}"))
}

/// The answer to a packet with these headers.
pub fn reply_to(headers: &Headers) -> Vec<u8> {
    let (src, dst) = (headers.dst, headers.src);
    match headers.transport {
        Transport::Tcp { src: sport, dst: dport, flags, seq, .. } => {
            let reply = build::tcp(SocketAddr::new(src, dport), SocketAddr::new(dst, sport)).ack(seq.wrapping_add(1));
            let flags = if flags.contains(TcpFlags::SYN) { TcpFlags::SYN | TcpFlags::ACK } else { TcpFlags::ACK };
            reply.flags(flags).build()
        }
        Transport::Udp { src: sport, dst: dport } => {
            build::udp(SocketAddr::new(src, dport), SocketAddr::new(dst, sport)).payload(b"answer").build()
        }
        Transport::Query { id, .. } => build::echo_reply(src, dst, id, 1).build(),
        _ => build::protocol(src, dst, headers.protocol, b"answer").build(),
    }
}

/// An address from text. Panics if it is none.
pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap_or_else(|_| panic!("{text} is no address"))
}

/// A socket address from text. Panics if it is none.
pub fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|_| panic!("{text} is no address with port"))
}

/// A SYN from one socket address to another.
pub fn syn(src: &str, dst: &str) -> Vec<u8> {
    build::tcp(socket(src), socket(dst)).flags(TcpFlags::SYN).build()
}

/// A data segment.
pub fn data(src: &str, dst: &str) -> Vec<u8> {
    build::tcp(socket(src), socket(dst))
        .flags(TcpFlags::ACK | TcpFlags::PSH)
        .seq(1000)
        .ack(2000)
        .payload(b"data")
        .build()
}

/// A UDP datagram.
pub fn udp(src: &str, dst: &str) -> Vec<u8> {
    build::udp(socket(src), socket(dst)).payload(b"question").build()
}

/// An echo request.
pub fn ping(src: &str, dst: &str, id: u16) -> Vec<u8> {
    build::echo_request(ip(src), ip(dst), id, 1).payload(b"ping").build()
}
