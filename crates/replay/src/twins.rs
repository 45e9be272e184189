//! Packets that were captured twice: alike but for what a router changes on the way.

use hashbrown::HashMap;
use vpcemu_dataplane::shard::hash::Mix;

/// Two copies of a packet lie at most this far apart: TCP retransmits after 200 ms at the earliest (Linux's TCP_RTO_MIN).
const GAP: u64 = 50_000_000;

/// Packets among which a twin is looked for where it is dropped.
const MEMORY: usize = 16_384;

/// Marks where twins are only counted: what fits the first-level cache beside the packets.
const MARKS: usize = 4096;

/// Nanoseconds that marks tell apart, as a power of two: 32 bits of them are more than an hour.
const TICK: u32 = 10;

/// Bytes from each end of a datagram that count where twins are only counted: headers and what a protocol says first, and
/// the end of the payload. Packets that differ only between them are rare, and all that depends on it is a warning.
const SHOWN: usize = 64;

/// Finds second copies. Where they are dropped the whole datagram counts and nothing else is taken for it; where they are
/// only counted, a table of marks is enough, in which a mark may be lost to another.
#[derive(Debug)]
pub(crate) struct Twins {
    memory: Memory,
    found: u64,
    looked_at: u64,
}

#[derive(Debug)]
enum Memory {
    /// The last time of each digest.
    Exact(HashMap<u64, u64, foldhash::fast::FixedState>),
    /// By the digest's low bits: its high bits, and the ticks at the last time.
    Marks(Box<[(u32, u32); MARKS]>),
}

impl Twins {
    /// `exact` if copies are to be dropped.
    pub(crate) fn new(exact: bool) -> Self {
        let memory = match exact {
            true => Memory::Exact(HashMap::default()),
            false => Memory::Marks(Box::new([(0, 0); MARKS])),
        };
        Self { memory, found: 0, looked_at: 0 }
    }

    /// How many copies there were.
    pub(crate) fn found(&self) -> u64 {
        self.found
    }

    /// Among how many.
    pub(crate) fn looked_at(&self) -> u64 {
        self.looked_at
    }

    /// Whether this datagram is a copy of one shortly before.
    #[inline]
    pub(crate) fn is_copy(&mut self, datagram: &[u8], timestamp: u64) -> bool {
        let copy = match &mut self.memory {
            Memory::Exact(seen) => {
                if seen.len() >= MEMORY {
                    seen.retain(|_, time| timestamp.saturating_sub(*time) <= GAP);
                    if seen.len() >= MEMORY {
                        seen.clear();
                    }
                }
                let before = seen.insert(digest(datagram), timestamp);
                before.is_some_and(|before| timestamp.abs_diff(before) <= GAP)
            }
            Memory::Marks(marks) => {
                let digest = quick_digest(datagram);
                let mark = ((digest >> 32) as u32, (timestamp >> TICK) as u32);
                let (before, ticks) = std::mem::replace(&mut marks[digest as usize % MARKS], mark);
                let apart = mark.1.wrapping_sub(ticks);
                before == mark.0 && apart.min(apart.wrapping_neg()) <= (GAP >> TICK) as u32 + 1
            }
        };
        self.found += u64::from(copy);
        self.looked_at += 1;
        copy
    }
}

/// A digest of a datagram without TTL and IPv4 header checksum, or without hop limit.
fn digest(datagram: &[u8]) -> u64 {
    let mut mix = Mix::new(datagram.len() as u64);
    for (index, chunk) in datagram.chunks(8).enumerate() {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mix = mix.word(unchanged(datagram, index, u64::from_le_bytes(word)));
    }
    mix.finish()
}

/// A weaker one of both ends of a datagram, at a multiplication for 16 bytes.
#[inline]
fn quick_digest(datagram: &[u8]) -> u64 {
    // Odd numbers without a pattern: the fraction of the golden ratio, and the constants of SplitMix64.
    const FACTORS: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb];
    let mut sum = FACTORS[0] ^ datagram.len() as u64;
    let mut take = |first: u64, second: u64| {
        let product = u128::from(first ^ sum ^ FACTORS[1]) * u128::from(second ^ FACTORS[2]);
        sum = (product as u64) ^ ((product >> 64) as u64);
    };
    let word = |bytes: &[u8], at: usize| match bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => {
            let mut word = [0; 8];
            let rest = bytes.get(at..).unwrap_or_default();
            word[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(word)
        }
    };
    take(unchanged(datagram, 0, word(datagram, 0)), unchanged(datagram, 1, word(datagram, 8)));
    let (front, rest) = datagram.split_at(datagram.len().min(SHOWN));
    let back = &rest[rest.len().saturating_sub(SHOWN)..];
    for part in [front.get(16..).unwrap_or_default(), back] {
        let (whole, rest) = part.as_chunks::<16>();
        for words in whole {
            take(word(words, 0), word(words, 8));
        }
        if !rest.is_empty() {
            take(word(rest, 0), word(rest, 8));
        }
    }
    sum
}

/// The `index`-th word of a datagram without what a router changes: TTL and header checksum, or hop limit.
#[inline]
fn unchanged(datagram: &[u8], index: usize, word: u64) -> u64 {
    let v4 = datagram.first().is_some_and(|byte| byte >> 4 == 4);
    match (v4, index) {
        // Byte 8; bytes 10 and 11.
        (true, 1) => word & !0xffff_00ff,
        // Byte 7.
        (false, 0) => word & !(0xff << 56),
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use vpcemu_packet::{Offloads, Packet, build};

    use super::*;

    fn datagram(length: usize) -> Vec<u8> {
        let payload: Vec<u8> = (0..length).map(|index| index as u8).collect();
        build::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap()).payload(&payload).build()
    }

    fn one_hop_on(datagram: &[u8]) -> Vec<u8> {
        let mut bytes = datagram.to_vec();
        let length = bytes.len() as u32;
        let mut packet = Packet::parse(&mut bytes, length, Offloads::Strict).unwrap();
        packet.set_ttl(packet.headers().ttl - 1);
        bytes
    }

    #[test]
    fn a_copy_is_one_a_hop_on_within_the_gap() {
        for (exact, length) in [(false, 0), (false, 1), (false, 30), (false, 1400), (true, 0), (true, 1400)] {
            let mut twins = Twins::new(exact);
            let first = datagram(length);
            assert!(!twins.is_copy(&first, 1_000), "{exact} {length}");
            assert!(twins.is_copy(&one_hop_on(&first), 1_000 + GAP));
            // A millisecond: marks tell no time in nanoseconds.
            assert!(!twins.is_copy(&first, 1_001_000 + 2 * GAP));
            assert_eq!(twins.found(), 1);
        }
    }

    #[test]
    fn every_byte_near_an_end_counts() {
        for length in [0, 5, 30, 200] {
            let first = datagram(length);
            let size = first.len();
            for at in (0..size).filter(|at| *at < SHOWN || at + SHOWN >= size) {
                let mut other = first.clone();
                other[at] ^= 0x10;
                let changed = matches!(at, 8 | 10 | 11);
                assert_eq!(quick_digest(&first) == quick_digest(&other), changed, "{length} {at}");
                assert_eq!(digest(&first) == digest(&other), changed, "{length} {at}");
            }
        }
    }

    #[test]
    fn the_hop_limit_is_what_changes_in_ipv6() {
        let first = build::udp("[fd00::1]:1".parse().unwrap(), "[fd00::2]:2".parse().unwrap()).payload(b"x").build();
        let mut other = first.clone();
        other[7] -= 1;
        assert_eq!((quick_digest(&first), digest(&first)), (quick_digest(&other), digest(&other)));
        other[8] ^= 1;
        assert!(quick_digest(&first) != quick_digest(&other) && digest(&first) != digest(&other));
    }

    #[test]
    fn other_packets_are_no_copies() {
        for exact in [false, true] {
            let mut twins = Twins::new(exact);
            for id in 0..100_000u32 {
                let mut bytes = datagram(8);
                bytes[20..24].copy_from_slice(&id.to_be_bytes());
                assert!(!twins.is_copy(&bytes, u64::from(id)));
            }
        }
    }
}
