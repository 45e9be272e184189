use std::net::IpAddr;

use pnet_packet::ipv4::MutableIpv4Packet;
use pnet_packet::ipv6::MutableIpv6Packet;

use crate::checksum::{self, Change};
use crate::headers::{Headers, IpVersion, Malformed, Offloads, QuoteTransport, Transport};
use crate::key::FlowKey;

/// A datagram in place: its bytes, and what its headers say.
///
/// Every setter patches all checksums that cover what it changes, by the difference alone (RFC 1624): a wrong checksum
/// stays exactly as wrong, a UDP/IPv4 checksum of 0 (none) stays 0, and one that comes out 0 is written 0xFFFF. Setters do
/// nothing where the field is not there: another address family, a later fragment's ports, bytes that the capture cut off.
#[derive(Debug)]
pub struct Packet<'a> {
    bytes: &'a mut [u8],
    headers: Headers,
    original_len: u32,
}

/// Where the checksum of an upper-layer header lies, if it covers the pseudo-header.
fn pseudo_checksum_at(protocol: u8) -> Option<usize> {
    match protocol {
        6 => Some(16),
        17 | 136 => Some(6),
        33 => Some(6),
        58 => Some(2),
        _ => None,
    }
}

/// Where the checksum of an upper-layer header lies.
fn checksum_at(protocol: u8) -> Option<usize> {
    if protocol == 1 { Some(2) } else { pseudo_checksum_at(protocol) }
}

fn octets(address: IpAddr) -> ([u8; 16], usize) {
    let mut bytes = [0; 16];
    match address {
        IpAddr::V4(v4) => {
            bytes[..4].copy_from_slice(&v4.octets());
            (bytes, 4)
        }
        IpAddr::V6(v6) => (v6.octets(), 16),
    }
}

impl<'a> Packet<'a> {
    /// Parses a datagram.
    ///
    /// # Errors
    /// As [`Headers::parse`].
    pub fn parse(bytes: &'a mut [u8], original_len: u32, rules: Offloads) -> Result<Self, Malformed> {
        let headers = Headers::parse(bytes, original_len, rules)?;
        Ok(Self { bytes, headers, original_len })
    }

    /// A datagram whose headers are known already: those of exactly these bytes.
    pub fn from_parts(bytes: &'a mut [u8], headers: Headers, original_len: u32) -> Self {
        Self { bytes, headers, original_len }
    }

    /// What the headers say.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// Length on the wire.
    pub fn original_len(&self) -> u32 {
        self.original_len
    }

    /// What tells the packet's flow from others.
    pub fn key(&self) -> FlowKey {
        self.headers.key()
    }

    /// Changes the source address.
    pub fn set_src(&mut self, address: IpAddr) {
        if address.is_ipv4() == self.headers.src.is_ipv4() {
            self.set_address(address, true);
            self.headers.src = address;
        }
    }

    /// Changes the destination address.
    pub fn set_dst(&mut self, address: IpAddr) {
        if address.is_ipv4() == self.headers.dst.is_ipv4() {
            self.set_address(address, false);
            self.headers.dst = address;
        }
    }

    fn set_address(&mut self, address: IpAddr, source: bool) {
        let (new, len) = octets(address);
        let (old, _) = octets(if source { self.headers.src } else { self.headers.dst });
        let change = Change::new().bytes(&old[..len], &new[..len]);
        match address {
            IpAddr::V4(v4) => {
                let Some(mut view) = MutableIpv4Packet::new(self.bytes) else { return };
                if source { view.set_source(v4) } else { view.set_destination(v4) }
                let patched = change.apply(view.get_checksum());
                view.set_checksum(patched);
            }
            IpAddr::V6(v6) => {
                let Some(mut view) = MutableIpv6Packet::new(self.bytes) else { return };
                if source { view.set_source(v6) } else { view.set_destination(v6) }
            }
        }
        if self.has_transport()
            && let Some(at) = pseudo_checksum_at(self.headers.protocol)
        {
            self.patch(usize::from(self.headers.l4) + at, change, self.headers.protocol);
        }
    }

    fn has_transport(&self) -> bool {
        !matches!(self.headers.fragment, crate::Fragment::Later { .. })
    }

    /// Changes the source port; of a query the id.
    pub fn set_src_port(&mut self, port: u16) {
        let l4 = usize::from(self.headers.l4);
        match &mut self.headers.transport {
            Transport::Tcp { src, .. } | Transport::Udp { src, .. } => {
                *src = port;
                self.set_word(l4, l4, port, self.headers.protocol);
            }
            Transport::Query { .. } => self.set_query_id(port),
            _ => {}
        }
    }

    /// Changes the destination port; of a query the id.
    pub fn set_dst_port(&mut self, port: u16) {
        let l4 = usize::from(self.headers.l4);
        match &mut self.headers.transport {
            Transport::Tcp { dst, .. } | Transport::Udp { dst, .. } => {
                *dst = port;
                self.set_word(l4 + 2, l4, port, self.headers.protocol);
            }
            Transport::Query { .. } => self.set_query_id(port),
            _ => {}
        }
    }

    fn set_query_id(&mut self, new: u16) {
        let l4 = usize::from(self.headers.l4);
        if let Transport::Query { id, .. } = &mut self.headers.transport {
            *id = new;
            self.set_word(l4 + 4, l4, new, self.headers.protocol);
        }
    }

    /// Changes TTL or hop limit.
    pub fn set_ttl(&mut self, ttl: u8) {
        match self.headers.version {
            IpVersion::V4 => {
                let Some(mut view) = MutableIpv4Packet::new(self.bytes) else { return };
                let protocol = u16::from(view.get_next_level_protocol().0);
                let change = Change::new()
                    .word(u16::from(self.headers.ttl) << 8 | protocol, u16::from(ttl) << 8 | protocol);
                view.set_ttl(ttl);
                let patched = change.apply(view.get_checksum());
                view.set_checksum(patched);
            }
            IpVersion::V6 => {
                let Some(mut view) = MutableIpv6Packet::new(self.bytes) else { return };
                view.set_hop_limit(ttl);
            }
        }
        self.headers.ttl = ttl;
    }

    /// Lowers TTL or hop limit, to 0 at least.
    pub fn decrement_ttl(&mut self, by: u8) {
        self.set_ttl(self.headers.ttl.saturating_sub(by));
    }

    /// Writes the IPv4 header checksum that the capturing host had left to its network card.
    pub fn fix_ip_checksum(&mut self) {
        if self.headers.version == IpVersion::V4
            && let Some(mut view) = MutableIpv4Packet::new(self.bytes)
        {
            let checksum = pnet_packet::ipv4::checksum(&view.to_immutable());
            view.set_checksum(checksum);
        }
    }

    /// Changes the source address of the packet quoted in an ICMP error.
    pub fn set_quote_src(&mut self, address: IpAddr) {
        self.set_quote_address(address, true);
    }

    /// Changes the destination address of the quoted packet.
    pub fn set_quote_dst(&mut self, address: IpAddr) {
        self.set_quote_address(address, false);
    }

    /// Changes the source port of the quoted packet; of a quoted query the id.
    pub fn set_quote_src_port(&mut self, port: u16) {
        self.set_quote_port(port, true);
    }

    /// Changes the destination port of the quoted packet; of a quoted query the id.
    pub fn set_quote_dst_port(&mut self, port: u16) {
        self.set_quote_port(port, false);
    }

    fn set_quote_address(&mut self, address: IpAddr, source: bool) {
        let Transport::IcmpError { quote: Some(quote), .. } = &mut self.headers.transport else { return };
        let field = if source { &mut quote.src } else { &mut quote.dst };
        if field.is_ipv4() != address.is_ipv4() {
            return;
        }
        *field = address;
        let quote = *quote;
        let (new, len) = octets(address);
        let at = usize::from(quote.at) + match (address.is_ipv4(), source) {
            (true, true) => 12,
            (true, false) => 16,
            (false, true) => 8,
            (false, false) => 24,
        };
        let Some(field) = self.bytes.get_mut(at..at + len) else { return };
        let mut old = [0; 16];
        old[..len].copy_from_slice(field);
        field.copy_from_slice(&new[..len]);
        let change = Change::new().bytes(&old[..len], &new[..len]);
        // The quote's checksums change with it, and the error's own checksum covers them all.
        let mut outer = change;
        if address.is_ipv4() {
            outer = self.patch_quoted(usize::from(quote.at) + 10, change, outer, 4);
        }
        if quote.transport != QuoteTransport::None
            && let Some(offset) = pseudo_checksum_at(quote.protocol)
        {
            outer = self.patch_quoted(usize::from(quote.l4) + offset, change, outer, quote.protocol);
        }
        self.patch_error(outer);
    }

    fn set_quote_port(&mut self, port: u16, source: bool) {
        let Transport::IcmpError { quote: Some(quote), .. } = &mut self.headers.transport else { return };
        let offset = match &mut quote.transport {
            QuoteTransport::Ports { src, .. } if source => {
                *src = port;
                0
            }
            QuoteTransport::Ports { dst, .. } => {
                *dst = port;
                2
            }
            QuoteTransport::Query { id, .. } => {
                *id = port;
                4
            }
            QuoteTransport::None => return,
        };
        let quote = *quote;
        let at = usize::from(quote.l4) + offset;
        let Some(old) = self.word(at) else { return };
        self.bytes[at..at + 2].copy_from_slice(&port.to_be_bytes());
        let change = Change::new().word(old, port);
        let mut outer = change;
        if let Some(offset) = checksum_at(quote.protocol) {
            outer = self.patch_quoted(usize::from(quote.l4) + offset, change, outer, quote.protocol);
        }
        self.patch_error(outer);
    }

    /// Patches a checksum inside the quote, and adds its own change to that of the error's checksum.
    fn patch_quoted(&mut self, at: usize, change: Change, outer: Change, protocol: u8) -> Change {
        let Some(before) = self.word(at) else { return outer };
        self.patch(at, change, protocol);
        let after = self.word(at).unwrap_or(before);
        outer.word(before, after)
    }

    fn patch_error(&mut self, change: Change) {
        let at = usize::from(self.headers.l4) + 2;
        if let Some(before) = self.word(at) {
            self.bytes[at..at + 2].copy_from_slice(&change.apply(before).to_be_bytes());
        }
    }

    /// Writes a word of the upper-layer header and patches its checksum.
    fn set_word(&mut self, at: usize, l4: usize, new: u16, protocol: u8) {
        let Some(old) = self.word(at) else { return };
        self.bytes[at..at + 2].copy_from_slice(&new.to_be_bytes());
        if let Some(offset) = checksum_at(protocol) {
            self.patch(l4 + offset, Change::new().word(old, new), protocol);
        }
    }

    /// Patches the checksum at `at`, unless there is none.
    fn patch(&mut self, at: usize, change: Change, protocol: u8) {
        let Some(before) = self.word(at) else { return };
        let udp = protocol == 17;
        if udp && before == 0 && self.headers.version == IpVersion::V4 {
            return;
        }
        let after = match change.apply(before) {
            0 if udp => 0xffff,
            other => other,
        };
        self.bytes[at..at + 2].copy_from_slice(&after.to_be_bytes());
    }

    /// A word within the datagram; what follows it is not the packet's.
    fn word(&self, at: usize) -> Option<u16> {
        let end = self.bytes.len().min(self.headers.total_len as usize);
        let word = self.bytes.get(..end)?.get(at..at + 2)?;
        Some(u16::from_be_bytes([word[0], word[1]]))
    }

    /// Writes the upper-layer checksum in full, for packets that are built. Needs the whole datagram.
    pub(crate) fn fill_checksums(&mut self) {
        self.fix_ip_checksum();
        let l4 = usize::from(self.headers.l4);
        let Some(at) = checksum_at(self.headers.protocol) else { return };
        let at = l4 + at;
        if at + 2 > self.bytes.len() {
            return;
        }
        self.bytes[at..at + 2].fill(0);
        let start = match self.headers.protocol {
            1 => 0,
            _ => crate::headers::pseudo_header(&self.headers, self.bytes.len() - l4),
        };
        let sum = checksum::finish(checksum::sum(start, &self.bytes[l4..]));
        let sum = if sum == 0 && self.headers.protocol == 17 { 0xffff } else { sum };
        self.bytes[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    }
}
