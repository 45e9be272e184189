//! The IP header around a transport segment, and packets that are just that.

use std::net::IpAddr;

use etherparse::{IpDscp, IpNumber, Ipv4Header, Ipv6Header};

use crate::checksum::Checksum;
use crate::number::{ICMP, ICMPV6, IPV4_HEADER, IPV6_HEADER, TCP, UDP, put_word};

/// The setters that all builders share: of the IP header and the payload.
macro_rules! ip_setters {
    () => {
        /// Sets the payload.
        pub fn payload(mut self, payload: &[u8]) -> Self {
            self.payload = payload.to_vec();
            self
        }

        /// Sets the time to live or hop limit; 64 otherwise.
        pub fn ttl(mut self, ttl: u8) -> Self {
            self.ip.ttl = ttl;
            self
        }

        /// Sets the IPv4 identification; 0 otherwise.
        pub fn id(mut self, id: u16) -> Self {
            self.ip.id = id;
            self
        }

        /// Sets or clears the IPv4 don't-fragment bit. TCP and echo set it, as Linux does for path MTU discovery.
        pub fn dont_fragment(mut self, dont_fragment: bool) -> Self {
            self.ip.dont_fragment = dont_fragment;
            self
        }
    };
}
pub(super) use ip_setters;

/// A packet of any protocol. `payload` is all that follows the IP header; checksums in it are the caller's.
pub fn protocol(src: IpAddr, dst: IpAddr, protocol: u8, payload: &[u8]) -> ProtocolBuilder {
    ProtocolBuilder { ip: Ip::between(src, dst), protocol, payload: payload.to_vec() }
}

/// A packet of any protocol in the making.
#[derive(Clone, Debug)]
#[must_use]
pub struct ProtocolBuilder {
    ip: Ip,
    protocol: u8,
    payload: Vec<u8>,
}

impl ProtocolBuilder {
    ip_setters!();

    /// The datagram.
    pub fn build(self) -> Vec<u8> {
        self.ip.around(self.protocol, &self.payload)
    }
}

/// What Linux sends with (net.ipv4.ip_default_ttl, net.ipv6.conf.*.hop_limit).
const DEFAULT_TTL: u8 = 64;

/// The largest value of both length fields.
const MAX_LENGTH: usize = u16::MAX as usize;

/// An IP header in the making.
#[derive(Clone, Debug)]
pub(super) struct Ip {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) ttl: u8,
    pub(super) id: u16,
    pub(super) dont_fragment: bool,
    /// The differentiated services code point.
    pub(super) dscp: u8,
}

impl Ip {
    /// A header with what Linux would put into it. The don't-fragment bit is off; TCP sets it, for path MTU discovery.
    pub(super) fn between(src: IpAddr, dst: IpAddr) -> Self {
        let (src, dst) = match (src, dst) {
            (IpAddr::V4(src), IpAddr::V6(_)) => (IpAddr::V6(src.to_ipv6_mapped()), dst),
            (IpAddr::V6(_), IpAddr::V4(dst)) => (src, IpAddr::V6(dst.to_ipv6_mapped())),
            pair => pair,
        };
        Self { src, dst, ttl: DEFAULT_TTL, id: 0, dont_fragment: false, dscp: 0 }
    }

    /// The room for a segment in a datagram with this header.
    pub(super) fn room(&self) -> usize {
        if self.src.is_ipv4() { MAX_LENGTH - IPV4_HEADER } else { MAX_LENGTH }
    }

    /// The datagram around a segment whose checksum field is still 0, with the checksum.
    pub(super) fn around_summed(&self, protocol: u8, mut segment: Vec<u8>) -> Vec<u8> {
        segment.truncate(self.room());
        let (at, sum) = match protocol {
            ICMP => (2, Checksum::of(&segment)),
            TCP => (16, Checksum::of_segment(self.src, self.dst, protocol, &segment)),
            UDP => (6, Checksum::of_segment(self.src, self.dst, protocol, &segment).never_zero()),
            ICMPV6 => (2, Checksum::of_segment(self.src, self.dst, protocol, &segment)),
            _ => return self.around(protocol, &segment),
        };
        put_word(&mut segment, at, sum.0);
        self.around(protocol, &segment)
    }

    /// The datagram around a segment as it is.
    pub(super) fn around(&self, protocol: u8, segment: &[u8]) -> Vec<u8> {
        let segment = &segment[..segment.len().min(self.room())];
        let mut datagram = Vec::with_capacity(IPV6_HEADER + segment.len());
        match (self.src, self.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let mut header = Ipv4Header {
                    dscp: IpDscp::try_new(self.dscp).unwrap_or_default(),
                    total_len: (IPV4_HEADER + segment.len()) as u16,
                    identification: self.id,
                    dont_fragment: self.dont_fragment,
                    time_to_live: self.ttl,
                    protocol: IpNumber(protocol),
                    source: src.octets(),
                    destination: dst.octets(),
                    ..Ipv4Header::default()
                };
                header.header_checksum = header.calc_header_checksum();
                datagram.extend_from_slice(&header.to_bytes());
            }
            (src, dst) => {
                let header = Ipv6Header {
                    traffic_class: self.dscp << 2,
                    payload_length: segment.len() as u16,
                    next_header: IpNumber(protocol),
                    hop_limit: self.ttl,
                    source: octets(src),
                    destination: octets(dst),
                    ..Ipv6Header::default()
                };
                datagram.extend_from_slice(&header.to_bytes());
            }
        }
        datagram.extend_from_slice(segment);
        datagram
    }
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}
