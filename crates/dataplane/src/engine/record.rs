//! What the flow cache remembers of one direction of a flow, in one cache line.

use vpcemu_packet::{Patch, Plain};

use crate::conntrack::ConnectionIx;
use crate::mixing::mix;
use crate::shard::{Known, Remembered};

/// A record. One cache line, since finding one costs a line from memory, and at a million flows that is most of the cost.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Record {
    /// The addresses of [`Plain`]; of IPv4, which has two words of them, then those of [`Patch`].
    words: [u32; 8],
    ports: u32,
    port: u32,
    connection: u32,
    pub(super) path: u32,
    /// The state of [`Untracked`](crate::conntrack::Untracked) under which it holds, if it depends on that.
    epoch: u32,
    kind: u16,
    digest: u16,
    pub(super) max_len: u16,
    pub(super) generation: u16,
    /// Which of the worker's shards has the connection.
    pub(super) slot: u8,
    pub(super) hops: u8,
    /// Bits of [`UNTRACKED`], [`RAISED`] and [`TAKEN`].
    flags: u8,
    _reserved: u8,
}

const _: () = assert!(size_of::<Record>() == 64, "a record is one cache line");

/// It holds as long as nobody tracks the flow.
const UNTRACKED: u8 = 1;

/// Its packets came to the walk with more hops left than they were captured with.
const RAISED: u8 = 2;

/// It is a record.
const TAKEN: u8 = 4;

/// No connection.
const NONE: u32 = u32::MAX;

impl Record {
    pub(super) fn new(
        plain: &Plain,
        port: u32,
        patch: &Patch,
        (slot, generation, raised): (u8, u16, bool),
        path: u32,
        remembered: &Remembered,
    ) -> Self {
        let mut words = plain.addresses;
        if !plain.is_v6() {
            words[2..6].copy_from_slice(&patch.words);
        }
        Self {
            words,
            ports: plain.ports,
            port,
            connection: remembered.connection.map_or(NONE, |connection| connection.0),
            path,
            epoch: remembered.untracked.unwrap_or_default(),
            kind: plain.kind,
            digest: remembered.digest,
            max_len: u16::try_from(remembered.max_len).unwrap_or(u16::MAX),
            generation,
            slot,
            hops: patch.hops,
            flags: TAKEN | if remembered.untracked.is_some() { UNTRACKED } else { 0 } | if raised { RAISED } else { 0 },
            _reserved: 0,
        }
    }

    /// Whether it is of the flow of a packet that comes by a port.
    #[inline]
    pub(super) fn is_of(&self, plain: &Plain, port: u32) -> bool {
        // Word by word: as slices they would be compared by a call.
        let [a, b, rest @ ..] = self.words;
        let [c, d, others @ ..] = plain.addresses;
        let head =
            (self.ports ^ plain.ports) | (self.port ^ port) | (a ^ c) | (b ^ d) | u32::from(self.kind ^ plain.kind);
        head == 0 && self.is_taken() && (!plain.is_v6() || rest == others)
    }

    /// Whether it is of the same flow as another.
    pub(super) fn is_same_flow(&self, other: &Self) -> bool {
        let words = if self.is_v6() { 8 } else { 2 };
        let same = (self.ports, self.port, self.kind) == (other.ports, other.port, other.kind);
        self.is_taken() && same && self.words[..words] == other.words[..words]
    }

    /// What is rewritten.
    #[inline]
    pub(super) fn patch(&self) -> Patch {
        let [_, _, a, b, c, d, ..] = self.words;
        Patch { words: [a, b, c, d], hops: self.hops }
    }

    /// The connection whose lease it renews.
    #[inline]
    pub(super) fn connection(&self) -> Option<ConnectionIx> {
        (self.connection != NONE).then_some(ConnectionIx(self.connection))
    }

    /// What its shard has to be asked.
    #[inline]
    pub(super) fn known(&self) -> Known {
        Known {
            connection: self.connection(),
            digest: self.digest,
            untracked: (self.flags & UNTRACKED != 0).then_some(self.epoch),
        }
    }

    /// Where it is in the table.
    pub(super) fn hash(&self) -> u64 {
        let mut addresses = [0; 8];
        let words = if self.is_v6() { 8 } else { 2 };
        addresses[..words].copy_from_slice(&self.words[..words]);
        hash(&Plain::of_flow(addresses, self.ports, self.kind), self.port)
    }

    #[inline]
    pub(super) fn is_taken(&self) -> bool {
        self.flags & TAKEN != 0
    }

    /// Whether a packet has the hops that the record takes off. Whoever puts a packet in front of a translation gives it the hops
    /// that it will lose, and not more than there can be: what is near that end walks.
    #[inline]
    pub(super) fn suits(&self, ttl: u8) -> bool {
        ttl > self.hops && (self.flags & RAISED == 0 || ttl <= u8::MAX / 2)
    }

    /// Nobody's any more.
    pub(super) fn give_up(&mut self) {
        self.flags = 0;
    }

    fn is_v6(&self) -> bool {
        Plain::of_flow([0; 8], 0, self.kind).is_v6()
    }
}

/// The hash of a flow.
#[inline]
pub(super) fn hash(plain: &Plain, port: u32) -> u64 {
    let pair = |at: usize| u64::from(plain.addresses[at]) << 32 | u64::from(plain.addresses[at + 1]);
    let rest = u64::from(plain.ports) << 32 | u64::from(port ^ u32::from(plain.kind) << 15);
    let first = mix(pair(0), rest);
    if plain.is_v6() { mix(mix(first ^ pair(2), pair(4)), pair(6)) } else { mix(first, 0) }
}
