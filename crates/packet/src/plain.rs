//! The packets that most packets are, and the rewrite that all packets of a flow have in common: one short header walk and
//! one patch, where [`Headers`] and the setters of [`Packet`](crate::Packet) ask about everything that a packet may be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::checksum::{Checksum, Difference};
use crate::headers::{Headers, IpVersion};
use crate::key::FlowKey;
use crate::number::{
    ICMP, ICMP_CHECKSUM_AT, ICMPV6, IPV4_CHECKSUM_AT, IPV4_HEADER, IPV6_HEADER, TCP, TCP_HEADER, UDP, UDP_HEADER,
};
use crate::tcp_flags::TcpFlags;

/// A packet like most others: TCP that is no answer to a SYN and no end of a connection, UDP, or an echo, right behind an IP
/// header without options, whole and in no fragment.
///
/// ```
/// use vpcemu_packet::{Plain, TcpFlags, build};
///
/// let (client, server) = ("10.0.0.5:40000".parse()?, "192.0.2.1:443".parse()?);
/// let segment = build::tcp(client, server).flags(TcpFlags::ACK).build();
/// assert_eq!(Plain::parse(&segment).unwrap().key().to_string(), "tcp 10.0.0.5:40000 > 192.0.2.1:443");
/// assert_eq!(Plain::parse(&build::tcp(client, server).flags(TcpFlags::RST).build()), None);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plain {
    /// Source and destination: of IPv4 one word each, of IPv6 four. The rest is 0.
    pub addresses: [u32; 8],
    /// Source and destination port, of an echo twice its identifier.
    pub ports: u32,
    /// What tells protocols apart: number, IP version, ICMP type.
    pub kind: u16,
    /// The datagram's length.
    pub total_len: u16,
    /// The time to live or hop limit.
    pub ttl: u8,
    /// The flags of a TCP segment.
    flags: u8,
}

/// Set in [`Plain::kind`] of IPv6. The protocols in question have numbers below 64.
const V6: u16 = 0x80;

/// The sum of differences that cancel out. As a difference it changes nothing.
const CANCELLED: u16 = 0xFFFF;

/// Where the checksums are behind the start of their headers.
const TCP_CHECKSUM_AT: usize = 16;
const UDP_CHECKSUM_AT: usize = 6;

impl Plain {
    /// Walks the headers of a datagram; none if they say anything that most packets' headers do not, or nothing right. What this
    /// takes for a packet, [`Headers::parse`] does too, with the same fields.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match *bytes.first()? {
            0x45 => Self::v4(bytes),
            0x60..=0x6f => Self::v6(bytes),
            _ => None,
        }
    }

    #[inline]
    fn v4(bytes: &[u8]) -> Option<Self> {
        // The shortest there is has eight bytes behind the IP header.
        let h = bytes.first_chunk::<{ IPV4_HEADER + UDP_HEADER }>()?;
        let total_len = u16::from_be_bytes([h[2], h[3]]);
        let whole = usize::from(total_len) <= bytes.len();
        // Of the flags only "don't fragment" may be set.
        let in_pieces = (h[6] & !0x40) | h[7] != 0;
        // No sender computes a checksum of all ones, and patching could leave it so where setting one field after the other does not.
        let odd = h[IPV4_CHECKSUM_AT] & h[IPV4_CHECKSUM_AT + 1] == 0xFF;
        if !whole || in_pieces || odd || Checksum::of_words(&h[..IPV4_HEADER]).0 != 0 {
            return None;
        }
        let (ports, icmp, flags) = Self::transport(bytes, total_len, IPV4_HEADER, h[9])?;
        let mut addresses = [0; 8];
        addresses[0] = u32::from_be_bytes([h[12], h[13], h[14], h[15]]);
        addresses[1] = u32::from_be_bytes([h[16], h[17], h[18], h[19]]);
        Some(Self { addresses, ports, kind: u16::from(h[9]) | icmp << 8, total_len, ttl: h[8], flags })
    }

    #[inline]
    fn v6(bytes: &[u8]) -> Option<Self> {
        let h = bytes.first_chunk::<{ IPV6_HEADER + UDP_HEADER }>()?;
        let total_len = u16::from_be_bytes([h[4], h[5]]).checked_add(IPV6_HEADER as u16)?;
        if usize::from(total_len) > bytes.len() {
            return None;
        }
        let (ports, icmp, flags) = Self::transport(bytes, total_len, IPV6_HEADER, h[6])?;
        let mut addresses = [0; 8];
        for (word, octets) in addresses.iter_mut().zip(h[8..IPV6_HEADER].as_chunks::<4>().0) {
            *word = u32::from_be_bytes(*octets);
        }
        Some(Self { addresses, ports, kind: u16::from(h[6]) | V6 | icmp << 8, total_len, ttl: h[7], flags })
    }

    /// Ports, the ICMP type, and the flags of a segment.
    #[inline]
    fn transport(bytes: &[u8], total_len: u16, l4: usize, protocol: u8) -> Option<(u32, u16, u8)> {
        let len = usize::from(total_len).checked_sub(l4)?;
        let h = bytes.get(l4..)?.first_chunk::<UDP_HEADER>()?;
        let ports = u32::from_be_bytes([h[0], h[1], h[2], h[3]]);
        match (protocol, l4) {
            (TCP, _) => {
                let h = bytes.get(l4..)?.first_chunk::<TCP_HEADER>()?;
                let header_len = usize::from(h[12] >> 4) * 4;
                let control = h[13] & (TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST).0;
                let opens = control == TcpFlags::SYN.0 && h[13] & TcpFlags::ACK.0 == 0;
                let fits = header_len >= TCP_HEADER && header_len <= len;
                (fits && (control == 0 || opens)).then_some((ports, 0, h[13]))
            }
            (UDP, _) => {
                let own = usize::from(u16::from_be_bytes([h[4], h[5]]));
                (own >= UDP_HEADER && own <= len).then_some((ports, 0, 0))
            }
            (ICMP, IPV4_HEADER) | (ICMPV6, IPV6_HEADER) => {
                let echo = matches!((protocol, h[0]), (ICMP, 0 | 8) | (ICMPV6, 128 | 129)) && h[1] == 0;
                let id = u32::from(u16::from_be_bytes([h[4], h[5]]));
                (echo && len >= UDP_HEADER).then_some((id << 16 | id, u16::from(h[0]), 0))
            }
            _ => None,
        }
    }

    /// A packet of which no more is known than its flow.
    pub fn of_flow(addresses: [u32; 8], ports: u32, kind: u16) -> Self {
        Self { addresses, ports, kind, total_len: 0, ttl: 0, flags: 0 }
    }

    /// Whether it is a SYN.
    #[inline]
    pub fn is_syn(&self) -> bool {
        self.flags & TcpFlags::SYN.0 != 0
    }

    /// The maximum segment size that a SYN announces, if it does.
    pub fn mss(&self, bytes: &[u8]) -> Option<u16> {
        let l4 = if self.is_v6() { IPV6_HEADER } else { IPV4_HEADER };
        let segment = bytes.get(l4..usize::from(self.total_len)).filter(|_| self.is_syn())?;
        crate::mss::announced(segment)
    }

    /// Its flags, of a TCP segment.
    pub fn tcp_flags(&self) -> Option<TcpFlags> {
        (self.protocol() == TCP).then_some(TcpFlags(self.flags))
    }

    /// Whether it is IPv6.
    #[inline]
    pub fn is_v6(&self) -> bool {
        self.kind & V6 != 0
    }

    /// The protocol number.
    #[inline]
    fn protocol(&self) -> u8 {
        (self.kind & !V6) as u8
    }

    /// The flow that the packet is of.
    pub fn key(&self) -> FlowKey {
        let (src, dst) = if self.is_v6() {
            let half = |from: usize| {
                let words = self.addresses[from..from + 4].iter();
                Ipv6Addr::from(words.fold(0u128, |bits, word| bits << 32 | u128::from(*word)))
            };
            (IpAddr::V6(half(0)), IpAddr::V6(half(4)))
        } else {
            (IpAddr::V4(Ipv4Addr::from(self.addresses[0])), IpAddr::V4(Ipv4Addr::from(self.addresses[1])))
        };
        FlowKey {
            src,
            dst,
            src_port: (self.ports >> 16) as u16,
            dst_port: self.ports as u16,
            protocol: self.protocol(),
            icmp_type: (self.kind >> 8) as u8,
        }
    }
}

/// What all packets of a flow have rewritten: addresses and ports put in place of others, some hops taken off, and by how much
/// that changes the checksums (RFC 1624). IPv6 only loses hops.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Patch {
    /// The new source, destination and ports of IPv4, and the differences of the header's and the transport's sum.
    pub words: [u32; 4],
    /// Hops that are taken off.
    pub hops: u8,
}

impl Patch {
    /// What puts these addresses and ports, source first, into an IPv4 packet and takes hops off.
    #[inline]
    pub fn to(before: &Plain, [src, dst]: [u32; 2], ports: u32, hops: u8) -> Self {
        let [old_src, old_dst, ..] = before.addresses;
        // The TTL is the upper half of its word; taking hops off is the same difference whatever it was.
        let ttl = Difference::of_u16(u16::from(hops) << 8, 0);
        let addresses = [Difference::of_u32(old_src, src), Difference::of_u32(old_dst, dst)];
        let [source, destination] =
            [16, 0].map(|at| Difference::of_u16((before.ports >> at) as u16, (ports >> at) as u16));
        let transport = match before.protocol() {
            // One identifier, and no address in the sum.
            ICMP => sum(&[source]),
            _ => sum(&[addresses[0], addresses[1], source, destination]),
        };
        let header = sum(&[addresses[0], addresses[1], ttl]);
        Self { words: [src, dst, ports, u32::from(header) << 16 | u32::from(transport)], hops }
    }

    /// What made a packet, whose headers were `before`, into one whose headers are `after`. None if that was more than a patch
    /// does, or something that is not the same for every packet of the flow.
    pub fn between(before: &Plain, after: &Headers) -> Option<Self> {
        let (was, is) = (before.key(), after.key());
        let hops = before.ttl.checked_sub(after.ttl)?;
        let same_kind = (was.protocol, was.icmp_type) == (is.protocol, is.icmp_type);
        if !same_kind || was.src.is_ipv4() != is.src.is_ipv4() || u32::from(before.total_len) != after.total_len {
            return None;
        }
        let (IpAddr::V4(src), IpAddr::V4(dst)) = (is.src, is.dst) else {
            return (was == is && after.version == IpVersion::V6).then_some(Self { words: [0; 4], hops });
        };
        let ports = u32::from(is.src_port) << 16 | u32::from(is.dst_port);
        Some(Self::to(before, [src.to_bits(), dst.to_bits()], ports, hops))
    }

    /// Whether [`Self::apply`] does to the packet all that the setters of [`Packet`](crate::Packet) do. Not where they may come to
    /// the other of the two forms of a checksum: if what is rewritten cancels out in the sum, or the sum of an echo comes to 0.
    #[inline]
    pub fn suits(&self, bytes: &[u8], of: &Plain) -> bool {
        let sums = self.words[3] as u16;
        if of.protocol() != ICMP && sums != CANCELLED {
            return true;
        }
        let at = match of.protocol() {
            ICMP => ICMP_CHECKSUM_AT,
            UDP => UDP_CHECKSUM_AT,
            _ => TCP_CHECKSUM_AT,
        };
        let Some(sum) = bytes.get(IPV4_HEADER + at..).and_then(|rest| rest.first_chunk::<2>()) else { return false };
        let sum = Checksum(u16::from_be_bytes(*sum));
        sum.updated(Difference::folded(sums)).0 != 0 && (sums != CANCELLED || !matches!(sum.0, 0 | 0xFFFF))
    }

    /// Rewrites a packet of the flow that it [suits](Self::suits).
    #[inline]
    pub fn apply(&self, bytes: &mut [u8], of: &Plain) {
        if of.is_v6() {
            if let Some(hop_limit) = bytes.get_mut(7) {
                *hop_limit = hop_limit.saturating_sub(self.hops);
            }
            return;
        }
        let [src, dst, ports, sums] = self.words;
        let transport = Difference::folded(sums as u16);
        let Some(h) = bytes.first_chunk_mut::<{ IPV4_HEADER + UDP_HEADER }>() else { return };
        let checksum = |high: u8, low: u8| Checksum(u16::from_be_bytes([high, low]));
        match of.protocol() {
            ICMP => {
                let new = checksum(h[22], h[23]).updated(transport);
                h[22..24].copy_from_slice(&new.0.to_be_bytes());
                h[24..26].copy_from_slice(&(ports as u16).to_be_bytes());
            }
            UDP => {
                h[20..24].copy_from_slice(&ports.to_be_bytes());
                let new = checksum(h[26], h[27]).updated_optional(transport);
                h[26..28].copy_from_slice(&new.0.to_be_bytes());
            }
            _ => {
                let Some(h) = bytes.first_chunk_mut::<{ IPV4_HEADER + TCP_HEADER }>() else { return };
                h[20..24].copy_from_slice(&ports.to_be_bytes());
                let new = checksum(h[36], h[37]).updated(transport);
                h[36..38].copy_from_slice(&new.0.to_be_bytes());
            }
        }
        let Some(h) = bytes.first_chunk_mut::<IPV4_HEADER>() else { return };
        h[8] = h[8].saturating_sub(self.hops);
        let new = checksum(h[10], h[11]).updated(Difference::folded((sums >> 16) as u16));
        h[10..12].copy_from_slice(&new.0.to_be_bytes());
        h[12..16].copy_from_slice(&src.to_be_bytes());
        h[16..20].copy_from_slice(&dst.to_be_bytes());
    }
}

/// Differences in one word: 0 if there are none, [`CANCELLED`] if they come to nothing.
fn sum(parts: &[Difference]) -> u16 {
    let total = parts.iter().fold(Difference::NONE, |sum, part| sum.and(*part));
    match (total.is_none(), parts.iter().all(|part| part.is_none())) {
        (true, true) => 0,
        (true, false) => CANCELLED,
        (false, _) => total.fold(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build;

    fn datagram() -> Vec<u8> {
        build::udp("10.0.0.1:53".parse().unwrap(), "192.0.2.1:4000".parse().unwrap()).payload(b"answer").build()
    }

    #[test]
    fn what_is_out_of_the_ordinary_is_not_plain() {
        let plain = datagram();
        assert!(Plain::parse(&plain).is_some());
        let damaged: [(&str, usize, u8); 6] = [
            ("version", 0, 0x55),
            ("options", 0, 0x46),
            ("more fragments", 6, 0x20),
            ("offset", 7, 1),
            ("protocol", 9, 47),
            ("sum", 10, plain[10] ^ 1),
        ];
        for (what, at, value) in damaged {
            let mut bytes = plain.clone();
            bytes[at] = value;
            assert_eq!(Plain::parse(&bytes), None, "{what}");
        }
        assert_eq!(Plain::parse(&plain[..plain.len() - 1]), None, "cut");
        assert!(Plain::parse(&[&plain[..], &[0; 6]].concat()).is_some(), "with the link's padding");
    }

    #[test]
    fn a_datagram_of_another_length_is_no_patch() {
        let before = Plain::parse(&datagram()).unwrap();
        let mut after = Headers::parse(&datagram(), 34, crate::Offloads::Strict).unwrap();
        assert_eq!(Patch::between(&before, &after).unwrap().hops, 0);
        after.total_len += 20;
        assert_eq!(Patch::between(&before, &after), None);
    }
}
