//! Translation between IPv4 and IPv6 (RFC 7915), as a NAT64 does it to every packet (4.32, 4.33).
//!
//! Here are the rules that need no state: headers, fragments, ICMP, and what all that does to checksums. The caller
//! knows the addresses ([`Embedding`] for those that contain the other one), decrements the hop limit, rewrites ports
//! with the setters of [`Packet`], and takes IPv4 datagrams apart that get too long.
//!
//! - A transport checksum is patched by the difference and stays exactly as right or as wrong as it was. Only where
//!   there is none, in UDP/IPv4, it is computed; behind the snap length of a capture that is impossible and it stays 0.
//! - Every protocol is translated as far as its header: whether one of which nothing else is known goes on at all is the
//!   caller's choice.
//! - Traffic class and type of service are copied with all eight bits. Flow labels, IPv4 options and IPv6 extension
//!   headers are lost.
//! - An error about a packet has that packet translated too. An ICMPv6 error of more than 1280 bytes is cut there
//!   (RFC 4443 2.4), extensions (RFC 4884) first.
//!
//! ```
//! use std::net::Ipv4Addr;
//! use vpcemu_packet::translate::{Embedding, ToV4, ToV6};
//! use vpcemu_packet::{Offloads, Packet, build};
//!
//! let (client, gateway, host) = ("2001:db8::5".parse()?, "10.0.0.9".parse()?, "192.0.2.1".parse()?);
//! let mut bytes = build::udp("[2001:db8::5]:40000".parse()?, "[64:ff9b::192.0.2.1]:53".parse()?).build();
//! let len = bytes.len() as u32;
//! let mut packet = Packet::parse(&mut bytes, len, Offloads::Strict)?;
//!
//! packet.translate_to_v4(&ToV4::new(gateway, host, 7))?;
//! packet.set_src_port(1024);
//! assert_eq!(packet.key().to_string(), "udp 10.0.0.9:1024 > 192.0.2.1:53");
//!
//! packet.translate_to_v6(&ToV6::new(client, Embedding::WELL_KNOWN.embed(host)))?;
//! assert_eq!(packet.key().to_string(), "udp [2001:db8::5]:1024 > [64:ff9b::c000:201]:53");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod embedding;
mod error;
mod icmp;
mod payload;
mod source;
mod target;
mod untranslatable;

use std::net::{Ipv4Addr, Ipv6Addr};

pub use embedding::Embedding;
pub use untranslatable::Untranslatable;

use crate::headers::Offloads;
use crate::packet::Packet;
use source::Source;
use target::Target;

/// What an IPv6 packet gets that becomes an IPv4 packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ToV4 {
    src: Ipv4Addr,
    dst: Ipv4Addr,
    id: u16,
    quoted: Option<(Ipv4Addr, Ipv4Addr)>,
    max_mtu: u32,
}

/// What an IPv4 packet gets that becomes an IPv6 packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ToV6 {
    src: Ipv6Addr,
    dst: Ipv6Addr,
    quoted: Option<(Ipv6Addr, Ipv6Addr)>,
    max_mtu: u32,
}

impl ToV4 {
    /// The addresses, and the identification of a packet that is not a fragment. Fragments keep the lower half of
    /// theirs.
    pub fn new(src: Ipv4Addr, dst: Ipv4Addr, id: u16) -> Self {
        Self { src, dst, id, quoted: None, max_mtu: u32::MAX }
    }

    /// The addresses of the packet that an ICMP error quotes. It went the other way, so they are of the other sides:
    /// its source is the host that the error goes to.
    #[must_use]
    pub fn quoting(self, src: Ipv4Addr, dst: Ipv4Addr) -> Self {
        Self { quoted: Some((src, dst)), ..self }
    }

    /// The largest MTU that a "fragmentation needed" may announce: that of the next IPv4 hop, or 20 less than that of the
    /// next IPv6 hop (RFC 7915 5.2). Without limit otherwise.
    #[must_use]
    pub fn max_mtu(self, max_mtu: u32) -> Self {
        Self { max_mtu, ..self }
    }
}

impl ToV6 {
    /// The addresses.
    pub fn new(src: Ipv6Addr, dst: Ipv6Addr) -> Self {
        Self { src, dst, quoted: None, max_mtu: u32::MAX }
    }

    /// The addresses of the packet that an ICMP error quotes. It went the other way, so they are of the other sides:
    /// its source is the host that the error goes to.
    #[must_use]
    pub fn quoting(self, src: Ipv6Addr, dst: Ipv6Addr) -> Self {
        Self { quoted: Some((src, dst)), ..self }
    }

    /// The largest MTU that a "packet too big" may announce: that of the next IPv6 hop, or 20 more than that of the next
    /// IPv4 hop (RFC 7915 4.2). Without limit otherwise, and never less than 1280.
    #[must_use]
    pub fn max_mtu(self, max_mtu: u32) -> Self {
        Self { max_mtu, ..self }
    }
}

/// The IPv4 packet that an IPv6 packet becomes (RFC 7915 5).
pub fn v6_to_v4(packet: &Packet<'_>, to: &ToV4) -> Result<Vec<u8>, Untranslatable> {
    let target = Target::V4 { src: to.src, dst: to.dst, id: to.id };
    // What the quoted packet was identified by nobody knows any more.
    let quoted = to.quoted.map(|(src, dst)| Target::V4 { src, dst, id: 0 });
    translate(packet, target, quoted, to.max_mtu)
}

/// The IPv6 packet that an IPv4 packet becomes (RFC 7915 4). It is at least 20 bytes longer, a fragment 28.
///
/// A packet that may be fragmented and would get longer than 1280 bytes should be fragmented first (RFC 7915 4): with
/// [`build::fragment`](crate::build::fragment), to 1252 bytes.
pub fn v4_to_v6(packet: &Packet<'_>, to: &ToV6) -> Result<Vec<u8>, Untranslatable> {
    let target = Target::V6 { src: to.src, dst: to.dst };
    let quoted = to.quoted.map(|(src, dst)| Target::V6 { src, dst });
    translate(packet, target, quoted, to.max_mtu)
}

impl Packet<'_> {
    /// Becomes the IPv4 packet of [`translate::v6_to_v4`](v6_to_v4). If that fails nothing happens.
    pub fn translate_to_v4(&mut self, to: &ToV4) -> Result<(), Untranslatable> {
        Ok(self.replace(v6_to_v4(self, to)?)?)
    }

    /// Becomes the IPv6 packet of [`translate::v4_to_v6`](v4_to_v6). If that fails nothing happens.
    pub fn translate_to_v6(&mut self, to: &ToV6) -> Result<(), Untranslatable> {
        Ok(self.replace(v4_to_v6(self, to)?)?)
    }
}

fn translate(
    packet: &Packet<'_>,
    target: Target,
    quoted: Option<Target>,
    max_mtu: u32,
) -> Result<Vec<u8>, Untranslatable> {
    let headers = packet.headers();
    if headers.version == target.version() {
        return Err(Untranslatable::Version(headers.version));
    }
    let bytes = &packet.bytes()[..headers.within(packet.bytes().len())];
    let source = Source::read(headers.version, bytes, headers.total_len)?;
    let mut out = Vec::with_capacity(bytes.len() + ROOM);
    let around = Around { quoted, max_mtu, coalesced: packet.rules() == Offloads::Tolerate };
    datagram(&source, target, Some(&around), &mut out)?;
    Ok(out)
}

/// What is known around a whole packet and not around a quoted one.
struct Around {
    /// What becomes of the packet that an ICMP error quotes.
    quoted: Option<Target>,
    max_mtu: u32,
    /// TCP may be longer than any datagram, with a length of 0, for the network card to divide.
    coalesced: bool,
}

/// Appends the translated packet to `out`; `around` is None for a quoted one.
fn datagram(
    source: &Source<'_>,
    target: Target,
    around: Option<&Around>,
    out: &mut Vec<u8>,
) -> Result<(), Untranslatable> {
    let start = out.len();
    let l4 = start + target.header_len(source);
    out.resize(l4, 0);
    let payload_len = payload::translate(source, target, around, out)?;
    let length = target.length(source, payload_len);
    let field = match (u16::try_from(length), around) {
        (Ok(field), _) => field,
        // A quoted packet is history, whatever its length was.
        (Err(_), None) => u16::MAX,
        (Err(_), Some(Around { coalesced: true, .. })) if source.protocol == crate::number::TCP => 0,
        (Err(_), Some(_)) => return Err(Untranslatable::TooLong(length)),
    };
    target.write_header(source, payload_len, field, &mut out[start..l4]);
    Ok(())
}

/// What a translated packet is longer by: at most a quote grows too.
const ROOM: usize = 2 * 28;

#[cfg(test)]
mod tests;
