//! From keys to entries: a table of numbers, since the entries themselves have the keys.

use std::net::IpAddr;

use hashbrown::HashTable;
use vpcemu_packet::FlowKey;

use super::{EntryIx, Inside, Key, Outside, Translator, Way};
use crate::index::EniIx;
use crate::outcome::Direction;

/// Entries by key.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Twice the number of an entry, and one more for what travels against it.
    table: HashTable<u32>,
}

fn code(entry: EntryIx, way: Way) -> u32 {
    entry.0 << 1 | u32::from(way == Way::Reply)
}

fn decode(code: u32) -> (EntryIx, Way) {
    (EntryIx(code >> 1), if code & 1 == 0 { Way::Original } else { Way::Reply })
}

impl Index {
    /// The entry under a key, as `is_under` says of candidates.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_under: impl Fn(EntryIx, Way) -> bool) -> Option<(EntryIx, Way)> {
        let of = |code: &u32| {
            let (entry, way) = decode(*code);
            is_under(entry, way)
        };
        self.table.find(hash, of).map(|code| decode(*code))
    }

    /// Puts an entry under a key that nothing is under. `rehash` gives the hashes of entries again.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64, (entry, way): (EntryIx, Way), rehash: impl Fn(EntryIx, Way) -> u64) {
        let again = |code: &u32| {
            let (entry, way) = decode(*code);
            rehash(entry, way)
        };
        self.table.insert_unique(hash, code(entry, way), again);
    }

    /// Takes an entry from under a key, if it is there.
    #[inline]
    pub(super) fn remove(&mut self, hash: u64, (entry, way): (EntryIx, Way)) {
        if let Ok(found) = self.table.find_entry(hash, |known| *known == code(entry, way)) {
            found.remove();
        }
    }
}

/// Odd numbers without a pattern: square roots of 2, 3 and 5, as fractions.
const SEEDS: [u64; 3] = [0x6a09_e667_f3bc_c909, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b];

/// A hash of a key. Nothing that anybody sees depends on it.
#[inline]
pub(super) fn hash(key: &Key) -> u64 {
    let (whose, flow) = match key {
        Key::Interface(eni, direction, flow) => (Whose::interface(*eni, *direction), flow),
        Key::NatInside(nat, Inside(flow)) => (Whose::inside(*nat), flow),
        Key::NatOutside(nat, Outside(flow)) => (Whose::outside(*nat), flow),
        Key::EgressOnly(eigw, flow) => (Whose(u64::from(eigw.0) << 3 | 4), flow),
        Key::Endpoint(endpoint, flow) => (Whose(u64::from(endpoint.0) << 3 | 5), flow),
    };
    whose.key(flow_hash(flow))
}

/// Who has an entry, and on which side packets find it there.
#[derive(Clone, Copy)]
pub(super) struct Whose(u64);

impl Whose {
    pub(super) fn interface(eni: EniIx, direction: Direction) -> Self {
        Self(u64::from(eni.0) << 3 | u64::from(direction == Direction::Ingress))
    }

    pub(super) fn inside(nat: Translator) -> Self {
        Self(Self::translator(nat) << 3 | 2)
    }

    pub(super) fn outside(nat: Translator) -> Self {
        Self(Self::translator(nat) << 3 | 3)
    }

    fn translator(of: Translator) -> u64 {
        match of {
            Translator::Gateway(nat) => u64::from(nat.0) << 1,
            Translator::Instance(eni) => u64::from(eni.0) << 1 | 1,
        }
    }

    /// The hash of a key, of that of its flow.
    #[inline]
    pub(super) fn key(self, flow: u64) -> u64 {
        mix(flow, self.0)
    }
}

/// The hash of a flow.
#[inline]
pub(super) fn flow_hash(flow: &FlowKey) -> u64 {
    let FlowKey { src, dst, src_port, dst_port, protocol, icmp_type } = *flow;
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            flow_hash_v4([src.to_bits(), dst.to_bits()], [src_port, dst_port], protocol, icmp_type)
        }
        _ => {
            let wide = |address: IpAddr| match address {
                IpAddr::V4(v4) => u128::from(v4.to_bits()),
                IpAddr::V6(v6) => v6.to_bits(),
            };
            let fold = |bits: u128| mix(bits as u64, (bits >> 64) as u64);
            mix(fold(wide(src)), fold(wide(dst)).rotate_left(32) ^ rest([src_port, dst_port], protocol, icmp_type))
        }
    }
}

/// The same of IPv4, from its words.
#[inline]
pub(super) fn flow_hash_v4([src, dst]: [u32; 2], ports: [u16; 2], protocol: u8, icmp_type: u8) -> u64 {
    mix(u64::from(src) << 32 | u64::from(dst), rest(ports, protocol, icmp_type))
}

fn rest([src, dst]: [u16; 2], protocol: u8, icmp_type: u8) -> u64 {
    u64::from(src) << 48 | u64::from(dst) << 32 | u64::from(protocol) << 8 | u64::from(icmp_type)
}

/// A wide product, folded: every bit of the factors reaches the middle of it.
#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ SEEDS[0]) * u128::from(b ^ SEEDS[1]);
    (product as u64 ^ (product >> 64) as u64).wrapping_add(SEEDS[2])
}
