//! ICMP and ICMPv6 messages.

use std::net::IpAddr;

use super::datagram::{Ip, ip_setters};
use crate::headers::IpVersion;
use crate::number::{ICMP_HEADER, IPV4_HEADER, IPV6_HEADER};

/// An echo request, without data until told otherwise.
pub fn echo_request(src: IpAddr, dst: IpAddr, id: u16, seq: u16) -> IcmpBuilder {
    echo(src, dst, [8, 128], id, seq)
}

/// The reply to an echo request, without data until told otherwise.
pub fn echo_reply(src: IpAddr, dst: IpAddr, id: u16, seq: u16) -> IcmpBuilder {
    echo(src, dst, [0, 129], id, seq)
}

/// Any message: its type, its code, and the four bytes behind the checksum (`rest`).
pub fn icmp_message(src: IpAddr, dst: IpAddr, kind: u8, code: u8, rest: u32) -> IcmpBuilder {
    IcmpBuilder { ip: Ip::between(src, dst), kind, code, rest, payload: Vec::new() }
}

/// An ICMP error about `quoted`, of which it quotes as much as fits into a datagram that every host can receive.
/// `rest` are the four bytes behind the checksum: the MTU of a "packet too big", 0 for most.
pub fn icmp_error(from: IpAddr, to: IpAddr, kind: u8, code: u8, rest: u32, quoted: &[u8]) -> Vec<u8> {
    let mut error = icmp_message(from, to, kind, code, rest);
    let room = match IpVersion::of(error.ip.src) {
        IpVersion::V4 => {
            // "with their IP Precedence field set to a value of 6" (RFC 1812 4.3.2.5), as Linux does.
            error.ip.dscp = INTERNETWORK_CONTROL;
            V4_ERROR - IPV4_HEADER - ICMP_HEADER
        }
        IpVersion::V6 => V6_ERROR - IPV6_HEADER - ICMP_HEADER,
    };
    error.payload(&quoted[..quoted.len().min(room)]).build()
}

/// An ICMP or ICMPv6 message in the making; the addresses decide which.
#[derive(Clone, Debug)]
#[must_use]
pub struct IcmpBuilder {
    ip: Ip,
    kind: u8,
    code: u8,
    rest: u32,
    payload: Vec<u8>,
}

impl IcmpBuilder {
    ip_setters!();

    /// The datagram.
    pub fn build(self) -> Vec<u8> {
        let mut message = Vec::with_capacity(ICMP_HEADER + self.payload.len());
        message.extend_from_slice(&[self.kind, self.code, 0, 0]);
        message.extend_from_slice(&self.rest.to_be_bytes());
        message.extend_from_slice(&self.payload);
        self.ip.around_summed(IpVersion::of(self.ip.src).icmp(), message)
    }
}

fn echo(src: IpAddr, dst: IpAddr, kinds: [u8; 2], id: u16, seq: u16) -> IcmpBuilder {
    let mut echo = icmp_message(src, dst, 0, 0, u32::from(id) << 16 | u32::from(seq));
    echo.kind = if echo.ip.src.is_ipv4() { kinds[0] } else { kinds[1] };
    // Linux's ping asks for path MTU discovery.
    echo.dont_fragment(true)
}

/// "as much of the original datagram as possible without the length of the ICMP datagram exceeding 576 bytes" (RFC 1812
/// 4.3.2.3).
const V4_ERROR: usize = 576;
/// "As much of invoking packet as possible without the ICMPv6 packet exceeding the minimum IPv6 MTU" (RFC 4443 3.1).
const V6_ERROR: usize = 1280;
/// Class selector 6.
const INTERNETWORK_CONTROL: u8 = 48;
