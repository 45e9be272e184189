//! What the reader looks at in a packet, and the addresses that it changes.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

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

/// Pairs of addresses whose shards are remembered: those of some thousands of hosts in either direction, in memory that a
/// second-level cache holds.
const PAIRS: usize = 1 << 14;

/// The shard function, remembering what it said last of pairs of IPv4 addresses: asking what two addresses are takes longer than
/// all else that the reader does with a packet.
#[derive(Debug)]
pub(crate) struct Shards {
    map: Arc<ShardMap>,
    /// By a hash of the pair: the pair, and its shard. What is there of no packet is true all the same: of address 0.
    pairs: Box<[(u64, u8)]>,
}

impl Shards {
    pub(crate) fn new(map: Arc<ShardMap>) -> Self {
        let none = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let shard = map.shard_of(none, none);
        Self { map, pairs: vec![(0, shard); PAIRS].into() }
    }

    /// The shard of a packet.
    pub(crate) fn of(&self, headers: &Headers) -> u8 {
        self.map.shard(headers)
    }

    /// The shard of a packet that is no ICMP error.
    #[inline]
    fn of_plain(&mut self, plain: &Plain) -> u8 {
        if plain.is_v6() {
            let key = plain.key();
            return self.map.shard_of(key.src, key.dst);
        }
        let pair = u64::from(plain.addresses[0]) << 32 | u64::from(plain.addresses[1]);
        // The fraction of the golden ratio, an odd number without a pattern; the top bits of the product depend on all others.
        let place = pair.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - PAIRS.ilog2());
        let known = &mut self.pairs[place as usize % PAIRS];
        if known.0 != pair {
            let key = plain.key();
            *known = (pair, self.map.shard_of(key.src, key.dst));
        }
        known.1
    }
}

/// What the reader has to know of a datagram.
#[inline]
pub(crate) fn look(shards: &mut Shards, plainly: bool, offloads: Offloads, datagram: &[u8], original_len: u32) -> Seen {
    // Most packets have nothing about them that asks for more.
    if plainly && let Some(plain) = Plain::parse(datagram) {
        let shard = shards.of_plain(&plain);
        let total_len = plain.total_len.into();
        return Seen { content: Content::Packet, shard, portless: false, total_len, headers: None };
    }
    let Ok(headers) = Headers::parse(datagram, original_len, offloads) else {
        return Seen::refused(DropReason::Malformed);
    };
    Seen {
        content: Content::Packet,
        shard: shards.of(&headers),
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
