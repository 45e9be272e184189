//! What the reader looks at in a packet, and the addresses that it changes.

use std::net::IpAddr;
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

/// Places for pairs of addresses whose shards are remembered, two pairs each: those of some thousands of hosts in either
/// direction, in so little memory that what streams through the second-level cache does not drive it out.
const PLACES: usize = 1 << 12;

/// The fraction of the golden ratio, an odd number without a pattern. Multiplying by it loses nothing, and the top bits of the
/// product depend on all others.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// A pair of IPv4 addresses and its shard in one word: the product of the pair and [`FACTOR`], without the top bits, which are its
/// place. In the bits that this leaves free below are the shard and a mark that there is something at all.
type Known = u64;

const SHARD: Known = 0xff;
const MARK: Known = 0x100;

const _: () = assert!(1 << PLACES.ilog2() > MARK, "shard and mark fit below the product");

/// The shard function, remembering what it said last of pairs of IPv4 addresses: asking what two addresses are takes longer than
/// all else that the reader does with a packet.
#[derive(Debug)]
pub(crate) struct Shards {
    map: Arc<ShardMap>,
    /// By place, the later one first.
    pairs: Box<[[Known; 2]; PLACES]>,
}

impl Shards {
    pub(crate) fn new(map: Arc<ShardMap>) -> Self {
        Self { map, pairs: Box::new([[0; 2]; PLACES]) }
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
        let product = (u64::from(plain.addresses[0]) << 32 | u64::from(plain.addresses[1])).wrapping_mul(FACTOR);
        let place = (product >> (u64::BITS - PLACES.ilog2())) as usize % PLACES;
        let pair = product << PLACES.ilog2() | MARK;
        for known in self.pairs[place] {
            if known & !SHARD == pair {
                return known as u8;
            }
        }
        self.learn(plain, place, pair)
    }

    #[cold]
    fn learn(&mut self, plain: &Plain, place: usize, pair: Known) -> u8 {
        let key = plain.key();
        let shard = self.map.shard_of(key.src, key.dst);
        let [later, _] = self.pairs[place];
        self.pairs[place] = [pair | Known::from(shard), later];
        shard
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use vpcemu_dataplane::Timeline;
    use vpcemu_packet::build;

    use super::*;

    #[test]
    fn what_is_remembered_is_what_the_map_says() {
        let network = "[vpc.main]\ncidrs = [\"10.0.0.0/16\"]\n[subnet.a]\ncidrs = [\"10.0.0.0/24\"]\n\
             [instance.app]\nsubnet = \"a\"\naddresses = [\"10.0.0.10\"]";
        let network = vpcemu_model::native::parse("net.toml", network).unwrap().network;
        let map = Arc::new(ShardMap::new(&Timeline::compile(&[network])));
        let mut shards = Shards::new(Arc::clone(&map));
        let app: SocketAddr = "10.0.0.10:4000".parse().unwrap();
        let mut seen = [false; 256];
        // Three times as many pairs as there is room for, some of them again and again.
        for n in 0..100_000u32 {
            let remote = if n % 3 == 0 { n % 300 } else { n / 4 };
            let remote = SocketAddr::new(std::net::Ipv4Addr::from_bits(0xc633_0000 + remote).into(), 53);
            let (src, dst) = if n % 2 == 0 { (app, remote) } else { (remote, app) };
            let shard = shards.of_plain(&Plain::parse(&build::udp(src, dst).build()).unwrap());
            assert_eq!(shard, map.shard_of(src.ip(), dst.ip()), "{src} {dst}");
            seen[usize::from(shard)] = true;
        }
        assert!(seen.into_iter().filter(|seen| *seen).count() > 200);
    }
}
