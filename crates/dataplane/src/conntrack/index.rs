//! From keys to entries: a table of numbers, since the entries themselves have the keys.

use std::net::IpAddr;

use hashbrown::HashTable;
use vpcemu_packet::FlowKey;

use super::{EntryIx, Inside, Key, Outside, Translator, Way};
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
    pub(super) fn find(&self, key: &Key, is_under: impl Fn(EntryIx, Way) -> bool) -> Option<(EntryIx, Way)> {
        let of = |code: &u32| {
            let (entry, way) = decode(*code);
            is_under(entry, way)
        };
        self.table.find(hash(key), of).map(|code| decode(*code))
    }

    /// Puts an entry under a key, in the place of another. `rehash` gives the keys of entries back.
    pub(super) fn insert(
        &mut self,
        key: &Key,
        (entry, way): (EntryIx, Way),
        is_under: impl Fn(EntryIx, Way) -> bool,
        key_of: impl Fn(EntryIx, Way) -> Key,
    ) {
        let of = |code: &u32| {
            let (entry, way) = decode(*code);
            is_under(entry, way)
        };
        let rehash = |code: &u32| {
            let (entry, way) = decode(*code);
            hash(&key_of(entry, way))
        };
        match self.table.entry(hash(key), of, rehash) {
            hashbrown::hash_table::Entry::Occupied(mut taken) => *taken.get_mut() = code(entry, way),
            hashbrown::hash_table::Entry::Vacant(free) => drop(free.insert(code(entry, way))),
        }
    }

    /// Takes an entry from under a key, if it is what is there.
    pub(super) fn remove(&mut self, key: &Key, (entry, way): (EntryIx, Way)) {
        if let Ok(found) = self.table.find_entry(hash(key), |known| *known == code(entry, way)) {
            found.remove();
        }
    }
}

/// Odd numbers without a pattern: square roots of 2, 3 and 5, as fractions.
const SEEDS: [u64; 3] = [0x6a09_e667_f3bc_c909, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b];

/// A hash of a key. Nothing that anybody sees depends on it.
#[inline]
fn hash(key: &Key) -> u64 {
    let translator = |of: &Translator| match of {
        Translator::Gateway(nat) => u64::from(nat.0) << 1,
        Translator::Instance(eni) => u64::from(eni.0) << 1 | 1,
    };
    let (kind, whose, flow) = match key {
        Key::Interface(eni, Direction::Egress, flow) => (0, u64::from(eni.0), flow),
        Key::Interface(eni, Direction::Ingress, flow) => (1, u64::from(eni.0), flow),
        Key::NatInside(nat, Inside(flow)) => (2, translator(nat), flow),
        Key::NatOutside(nat, Outside(flow)) => (3, translator(nat), flow),
        Key::EgressOnly(eigw, flow) => (4, u64::from(eigw.0), flow),
        Key::Endpoint(endpoint, flow) => (5, u64::from(endpoint.0), flow),
    };
    let FlowKey { src, dst, src_port, dst_port, protocol, icmp_type } = *flow;
    let ports = u64::from(src_port) << 48 | u64::from(dst_port) << 32 | u64::from(protocol) << 8 | u64::from(icmp_type);
    let whose = whose << 3 | kind;
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            mix(u64::from(src.to_bits()) << 32 | u64::from(dst.to_bits()), mix(ports, whose))
        }
        _ => {
            let wide = |address: IpAddr| match address {
                IpAddr::V4(v4) => u128::from(v4.to_bits()),
                IpAddr::V6(v6) => v6.to_bits(),
            };
            let fold = |bits: u128| mix(bits as u64, (bits >> 64) as u64);
            mix(fold(wide(src)), mix(fold(wide(dst)).rotate_left(32), mix(ports, whose)))
        }
    }
}

/// A wide product, folded: every bit of the factors reaches the middle of it.
#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ SEEDS[0]) * u128::from(b ^ SEEDS[1]);
    (product as u64 ^ (product >> 64) as u64).wrapping_add(SEEDS[2])
}
