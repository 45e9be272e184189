//! What the reader looks at in a packet, and the addresses that it changes.

use std::net::IpAddr;

use vpcemu_dataplane::{DropReason, ShardMap};
use vpcemu_packet::{Headers, Offloads, Packet, Plain, Transport};

use crate::batch::Content;
use crate::options::Binding;

/// What the reader has to know of a frame.
pub(crate) struct Seen {
    pub(crate) content: Content,
    pub(crate) shard: u8,
    pub(crate) portless: bool,
    pub(crate) total_len: u32,
    /// Its headers, if more of them were looked at than in most packets.
    pub(crate) headers: Option<Headers>,
}

impl Seen {
    pub(crate) fn refused(reason: DropReason) -> Self {
        Self { content: Content::Refused(reason), shard: 0, portless: false, total_len: 0, headers: None }
    }
}

/// What the reader has to know of a datagram.
#[inline]
pub(crate) fn look(map: &ShardMap, plainly: bool, offloads: Offloads, datagram: &[u8], original_len: u32) -> Seen {
    // Most packets have nothing about them that asks for more.
    if plainly && let Some(plain) = Plain::parse(datagram) {
        let (key, total_len) = (plain.key(), u32::from(plain.total_len));
        let shard = map.shard_of(key.src, key.dst);
        return Seen { content: Content::Packet, shard, portless: false, total_len, headers: None };
    }
    let Ok(headers) = Headers::parse(datagram, original_len, offloads) else {
        return Seen::refused(DropReason::Malformed);
    };
    Seen {
        content: Content::Packet,
        shard: map.shard(&headers),
        portless: headers.transport == Transport::Missing,
        total_len: headers.total_len,
        headers: Some(headers),
    }
}

/// Puts interfaces' addresses in place of the hosts that stand for them.
pub(crate) fn bind(bindings: &[Binding], packet: &mut Packet<'_>) -> bool {
    let becomes =
        |address: IpAddr| bindings.iter().find(|binding| binding.host == address).map(|binding| binding.becomes);
    let headers = *packet.headers();
    let mut changed = false;
    if let Some(address) = becomes(headers.src) {
        packet.set_src(address);
        changed = true;
    }
    if let Some(address) = becomes(headers.dst) {
        packet.set_dst(address);
        changed = true;
    }
    if let Transport::IcmpError { quote: Some(quote), .. } = headers.transport {
        if let Some(address) = becomes(quote.src) {
            packet.set_quote_src(address);
            changed = true;
        }
        if let Some(address) = becomes(quote.dst) {
            packet.set_quote_dst(address);
            changed = true;
        }
    }
    changed
}
