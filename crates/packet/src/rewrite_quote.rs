//! Rewriting the packet that an ICMP error quotes, as a translator has to (RFC 5508 4.2).
//!
//! Three checksums cover each change: the quoted IP header's, the quoted transport's if it is in the quote, and the
//! error's own, which also covers the other two.

use std::net::IpAddr;

use crate::checksum::{Checksum, Difference};
use crate::headers::IpVersion;
use crate::number::{IPV4_CHECKSUM_AT, put_word, word};
use crate::packet::Packet;
use crate::quote::{Quote, QuoteTransport};
use crate::rewrite::{Side, TransportSum, write_address};
use crate::transport::Transport;

impl Packet<'_> {
    /// Replaces the source address of the quoted packet.
    pub fn set_quote_src(&mut self, address: IpAddr) {
        self.set_quote_address(Side::Src, address);
    }

    /// Replaces the destination address of the quoted packet.
    pub fn set_quote_dst(&mut self, address: IpAddr) {
        self.set_quote_address(Side::Dst, address);
    }

    /// Replaces the source port of the quoted packet, of an ICMP query the identifier.
    pub fn set_quote_src_port(&mut self, port: u16) {
        self.set_quote_port(Side::Src, port);
    }

    /// Replaces the destination port of the quoted packet, of an ICMP query the identifier.
    pub fn set_quote_dst_port(&mut self, port: u16) {
        self.set_quote_port(Side::Dst, port);
    }

    fn set_quote_address(&mut self, side: Side, new: IpAddr) {
        let Some(mut quote) = self.quote() else { return };
        let field = match side {
            Side::Src => &mut quote.src,
            Side::Dst => &mut quote.dst,
        };
        let old = std::mem::replace(field, new);
        debug_assert_eq!(old.is_ipv4(), new.is_ipv4(), "an address of the other IP version");
        let at = usize::from(quote.at);
        let Some(quoted) = self.bytes.get_mut(at..) else { return };
        if old == new || !write_address(quoted, side, new) {
            return;
        }
        let difference = Difference::of_address(old, new);
        let mut around = difference;
        if self.headers.version == IpVersion::V4
            && let Some(before) = word(&self.bytes, at + IPV4_CHECKSUM_AT)
        {
            let after = Checksum(before).updated(difference).0;
            put_word(&mut self.bytes, at + IPV4_CHECKSUM_AT, after);
            around = around.and(Difference::of_u16(before, after));
        }
        if let Some(sum) = self.quoted_sum(&quote)
            && sum.covers_address(side, quote.source_routed)
        {
            around = around.and(sum.patch(&mut self.bytes, difference));
        }
        self.finish(quote, around);
    }

    fn set_quote_port(&mut self, side: Side, new: u16) {
        let Some(mut quote) = self.quote() else { return };
        let l4 = usize::from(quote.l4);
        let (field, at) = match (&mut quote.transport, side) {
            (QuoteTransport::Ports { src, .. }, Side::Src) => (src, l4),
            (QuoteTransport::Ports { dst, .. }, Side::Dst) => (dst, l4 + 2),
            (QuoteTransport::Query { id, .. }, _) => (id, l4 + 4),
            (QuoteTransport::None, _) => return,
        };
        let old = std::mem::replace(field, new);
        if old == new {
            return;
        }
        put_word(&mut self.bytes, at, new);
        let difference = Difference::of_u16(old, new);
        let mut around = difference;
        if let Some(sum) = self.quoted_sum(&quote) {
            around = around.and(sum.patch(&mut self.bytes, difference));
        }
        self.finish(quote, around);
    }

    /// Patches the error's own checksum and remembers the rewritten quote.
    fn finish(&mut self, rewritten: Quote, around: Difference) {
        if let Some(sum) = self.transport_sum() {
            sum.patch(&mut self.bytes, around);
        }
        if let Transport::IcmpError { quote, .. } = &mut self.headers.transport {
            *quote = Some(rewritten);
        }
    }

    fn quote(&self) -> Option<Quote> {
        match self.headers.transport {
            Transport::IcmpError { quote, .. } => quote,
            _ => None,
        }
    }

    fn quoted_sum(&self, quote: &Quote) -> Option<TransportSum> {
        let end = usize::from(quote.end).min(self.bytes.len());
        TransportSum::find(quote.protocol, self.headers.version, quote.fragment, usize::from(quote.l4), end)
    }
}
