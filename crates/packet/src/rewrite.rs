//! Rewriting a packet's own headers.
//!
//! IP headers are always there as a whole, so pnet's views write their fields. Transport headers may be cut after the
//! ports, where a view that wants the whole header is no use: their words are written at their offsets.

use std::net::IpAddr;

use pnet_packet::ipv4::MutableIpv4Packet;
use pnet_packet::ipv6::MutableIpv6Packet;

use crate::checksum::{Checksum, Difference};
use crate::headers::{Fragment, IpVersion};
use crate::number::{
    DCCP, ICMP, ICMP_CHECKSUM_AT, ICMPV6, IPV4_CHECKSUM_AT, IPV4_HEADER, IPV4_ID_AT, TCP, UDP, UDP_LITE, put_word, word,
};
use crate::packet::Packet;
use crate::transport::Transport;

/// Source or destination.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Src,
    Dst,
}

impl Packet<'_> {
    /// Replaces the source address.
    #[inline]
    pub fn set_src(&mut self, address: IpAddr) {
        self.set_address(Side::Src, address);
    }

    /// Replaces the destination address.
    #[inline]
    pub fn set_dst(&mut self, address: IpAddr) {
        self.set_address(Side::Dst, address);
    }

    /// Replaces the source port, of an ICMP query the identifier.
    #[inline]
    pub fn set_src_port(&mut self, port: u16) {
        self.set_port(Side::Src, port);
    }

    /// Replaces the destination port, of an ICMP query the identifier.
    #[inline]
    pub fn set_dst_port(&mut self, port: u16) {
        self.set_port(Side::Dst, port);
    }

    /// Replaces the time to live or hop limit.
    #[inline]
    pub fn set_ttl(&mut self, ttl: u8) {
        let old = self.headers.ttl;
        if old == ttl {
            return;
        }
        match self.headers.version {
            IpVersion::V4 => {
                let Some(mut view) = MutableIpv4Packet::new(&mut self.bytes) else { return };
                view.set_ttl(ttl);
                // The other half of the word is the protocol, which stays.
                let word = |ttl: u8| u16::from(ttl) << 8;
                self.patch_header_checksum(Difference::of_u16(word(old), word(ttl)));
            }
            IpVersion::V6 => {
                let Some(mut view) = MutableIpv6Packet::new(&mut self.bytes) else { return };
                view.set_hop_limit(ttl);
            }
        }
        self.headers.ttl = ttl;
    }

    /// Replaces the IPv4 identification. IPv6 has none: nothing happens.
    pub fn set_ip_id(&mut self, new: u16) {
        let old = self.headers.ip_id;
        if self.headers.version != IpVersion::V4 || old == new {
            return;
        }
        put_word(&mut self.bytes, IPV4_ID_AT, new);
        self.patch_header_checksum(Difference::of_u16(old, new));
        self.headers.ip_id = new;
        if let Fragment::First { id } | Fragment::Later { id, .. } = &mut self.headers.fragment {
            *id = u32::from(new);
        }
    }

    /// Takes `by` hops off the time to live or hop limit, which ends at 0.
    pub fn decrement_ttl(&mut self, by: u8) {
        self.set_ttl(self.headers.ttl.saturating_sub(by));
    }

    /// Writes an IPv4 header checksum of 0 right: the network card of the capturing host would have filled it in.
    ///
    /// Rewriting does the same on the way, so this is for packets that nobody rewrote.
    pub fn fix_ip_checksum(&mut self) {
        if self.headers.version != IpVersion::V4 || word(&self.bytes, IPV4_CHECKSUM_AT) != Some(0) {
            return;
        }
        let header_len = self.bytes.first().map_or(0, |first| usize::from(first & 0x0F) * 4);
        // Over the checksum's own 0 the sum is the checksum itself.
        let Some(checksum) = self.bytes.get(..header_len.max(IPV4_HEADER)).map(Checksum::of_words) else { return };
        put_word(&mut self.bytes, IPV4_CHECKSUM_AT, checksum.0);
    }

    #[inline]
    fn set_address(&mut self, side: Side, new: IpAddr) {
        let old = match side {
            Side::Src => self.headers.src,
            Side::Dst => self.headers.dst,
        };
        debug_assert_eq!(old.is_ipv4(), new.is_ipv4(), "an address of the other IP version");
        if old == new || !write_address(&mut self.bytes, side, new) {
            return;
        }
        let difference = Difference::of_address(old, new);
        if self.headers.version == IpVersion::V4 {
            self.patch_header_checksum(difference);
        }
        if let Some(sum) = self.transport_sum()
            && sum.covers_address(side, self.headers.source_routed)
        {
            sum.patch(&mut self.bytes, difference);
        }
        match side {
            Side::Src => self.headers.src = new,
            Side::Dst => self.headers.dst = new,
        }
    }

    fn set_port(&mut self, side: Side, new: u16) {
        let l4 = usize::from(self.headers.l4);
        let (field, at) = match (&mut self.headers.transport, side) {
            (Transport::Tcp { src, .. } | Transport::Udp { src, .. }, Side::Src) => (src, l4),
            (Transport::Tcp { dst, .. } | Transport::Udp { dst, .. }, Side::Dst) => (dst, l4 + 2),
            (Transport::Query { id, .. }, _) => (id, l4 + 4),
            _ => return,
        };
        let old = std::mem::replace(field, new);
        if old == new {
            return;
        }
        put_word(&mut self.bytes, at, new);
        if let Some(sum) = self.transport_sum() {
            sum.patch(&mut self.bytes, Difference::of_u16(old, new));
        }
    }

    /// A header checksum of 0 was never filled in (or is right, which a full sum then says again).
    fn patch_header_checksum(&mut self, difference: Difference) {
        let Some(old) = word(&self.bytes, IPV4_CHECKSUM_AT) else { return };
        if old == 0 {
            self.fix_ip_checksum();
        } else {
            put_word(&mut self.bytes, IPV4_CHECKSUM_AT, Checksum(old).updated(difference).0);
        }
    }

    /// The transport checksum, if the packet has one and it was captured.
    pub(crate) fn transport_sum(&self) -> Option<TransportSum> {
        let headers = &self.headers;
        TransportSum::find(
            headers.protocol,
            headers.version,
            headers.fragment,
            usize::from(headers.l4),
            headers.within(self.bytes.len()),
        )
    }
}

/// Writes an address into the IP header at the start of `bytes`. False if that header is of the other version.
#[inline]
pub(crate) fn write_address(bytes: &mut [u8], side: Side, address: IpAddr) -> bool {
    match (address, bytes.first().map(|first| first >> 4)) {
        (IpAddr::V4(address), Some(4)) => {
            let Some(mut view) = MutableIpv4Packet::new(bytes) else { return false };
            match side {
                Side::Src => view.set_source(address),
                Side::Dst => view.set_destination(address),
            }
        }
        (IpAddr::V6(address), Some(6)) => {
            let Some(mut view) = MutableIpv6Packet::new(bytes) else { return false };
            match side {
                Side::Src => view.set_source(address),
                Side::Dst => view.set_destination(address),
            }
        }
        _ => return false,
    }
    true
}

/// Where a transport checksum is and what it covers.
#[derive(Clone, Copy)]
pub(crate) struct TransportSum {
    at: usize,
    /// Where what it covers ends, as far as it was captured.
    end: usize,
    /// It covers the addresses.
    pseudo_header: bool,
    /// 0 says that there is none.
    optional: bool,
}

impl TransportSum {
    /// The checksum of the segment at `l4`, if it ends before `end`. Of the protocols not listed none covers an address:
    /// SCTP has a CRC of its own, GRE and IGMP sum up their own bytes.
    #[inline]
    pub(crate) fn find(protocol: u8, version: IpVersion, fragment: Fragment, l4: usize, end: usize) -> Option<Self> {
        let (offset, pseudo_header, optional) = match (protocol, version) {
            (TCP, _) => (16, true, false),
            (UDP | UDP_LITE, _) => (6, true, true),
            (DCCP, _) => (6, true, false),
            (ICMP, IpVersion::V4) => (ICMP_CHECKSUM_AT, false, false),
            (ICMPV6, IpVersion::V6) => (ICMP_CHECKSUM_AT, true, false),
            _ => return None,
        };
        let at = l4 + offset;
        let here = !matches!(fragment, Fragment::Later { .. }) && at + 2 <= end;
        here.then_some(Self { at, end, pseudo_header, optional })
    }

    /// True if the checksum covers the address on this side of the IP header.
    pub(crate) fn covers_address(self, side: Side, source_routed: bool) -> bool {
        self.pseudo_header && !(side == Side::Dst && source_routed)
    }

    /// Patches the checksum and returns the difference that makes to a checksum around it.
    #[inline]
    pub(crate) fn patch(self, bytes: &mut [u8], difference: Difference) -> Difference {
        let Some(old) = word(bytes, self.at) else { return Difference::NONE };
        let mut new = match self.optional {
            true => Checksum(old).updated_optional(difference),
            false => Checksum(old).updated(difference),
        };
        put_word(bytes, self.at, new.0);
        if new.0 == 0 && self.covers_zeros(bytes) {
            new = Checksum(0xFFFF);
            put_word(bytes, self.at, new.0);
        }
        Difference::of_u16(old, new.0)
    }

    /// True for a message of nothing but zeros, the one case in which a checksum of 0 is wrong: zeros sum up to 0, other
    /// bytes that sum up to nothing to 0xFFFF. Only an ICMP echo reply can be one; a pseudo-header never is.
    #[cold]
    fn covers_zeros(self, bytes: &[u8]) -> bool {
        let message = bytes.get(self.at - ICMP_CHECKSUM_AT..self.end);
        !self.pseudo_header && message.is_some_and(|message| message.iter().all(|byte| *byte == 0))
    }
}

#[cfg(test)]
mod tests;
