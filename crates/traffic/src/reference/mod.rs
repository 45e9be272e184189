//! The reference loop: the least that a stateful translator does to a packet, and nothing of policy.
//!
//! Of every packet it validates the headers (version, lengths, IPv4 header checksum, no fragment, hops left), finds the
//! flow in a table of tagged 64-byte buckets, touches the flow's state (last seen, packets, bytes), writes one address,
//! one port and the hop limit anew, and patches the checksums (RFC 1624). Packets are staged 32 at a time, so that the
//! lines that one needs are on their way while others are worked on. No route, rule, gateway or verdict is looked at: an
//! engine's figure divided by this one is the price of all that.
//!
//! Each direction of a flow is an entry of its own, 64 bytes, with 16 to 32 bytes of bucket. IPv6 packets keep their
//! addresses, as behind a gateway that does not translate; port, hop limit and state are as in IPv4.
//!
//! ```
//! use vpcemu_traffic::reference::{Reference, Span};
//! use vpcemu_traffic::{Load, Side};
//!
//! let load = Load { flows: 100, ..Load::new(vec![Side::new("10.0.0.1".parse()?, "93.0.0.0".parse()?).remotes(10)]) };
//! let packets: Vec<_> = load.generate().take(100).map(|packet| packet.bytes()).collect();
//! let mut reference = Reference::with_capacity(100);
//! let mut arena = Vec::new();
//! let mut spans = Vec::new();
//! for packet in &packets {
//!     assert!(reference.learn(packet));
//!     spans.push(Span { start: arena.len() as u32, len: packet.len() as u32 });
//!     arena.extend_from_slice(packet);
//! }
//! assert_eq!(reference.run(&mut arena, &spans, 1).hits, 100);
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

mod datagram;
mod memory;
mod table;

use vpcemu_dataplane::prefetch::prefetch;

use datagram::{Found, Key};
use table::{Candidate, Flow, Table};

/// How many packets are staged: enough that a line from memory (100 ns) is there when its packet's turn comes, few
/// enough that all of it stays in the first-level cache.
const STAGED: usize = 32;

/// Where a datagram lies in an arena of bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// Offset of its first byte.
    pub start: u32,
    /// Its length in bytes.
    pub len: u32,
}

impl Span {
    /// As a range of the arena.
    pub fn range(self) -> std::ops::Range<usize> {
        let start = self.start as usize;
        start..start + self.len as usize
    }
}

/// What a run over packets came to. A bench has to see that every packet was a hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Packets whose flow was found, and that were rewritten.
    pub hits: u64,
    /// Packets that are malformed, fragments, or of no known flow; they were left alone.
    pub misses: u64,
    /// Bytes of the hits, of IP total length.
    pub bytes: u64,
}

/// The table of the loop, and the loop.
#[derive(Debug)]
pub struct Reference {
    table: Table,
}

/// A packet between two stages.
#[derive(Clone, Copy)]
struct Staged {
    found: Found,
    key: Key,
    hash: u64,
    candidate: Candidate,
}

impl Reference {
    /// Room for so many entries, one for each direction of a flow. There is no room for more later.
    pub fn with_capacity(entries: usize) -> Self {
        Self { table: Table::with_capacity(entries) }
    }

    /// Makes an entry for the flow direction that a datagram is of. A second one of the same direction changes nothing.
    ///
    /// False if the loop could not serve it (a fragment, an ICMP error, damaged headers), or there is no room.
    pub fn learn(&mut self, datagram: &[u8]) -> bool {
        let Some(found) = datagram::validate(datagram) else { return false };
        let key = Key::of(datagram, &found);
        self.table.contains(&key) || self.table.insert(Flow::translating(&key, &found))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs the loop over datagrams, rewriting them in place. `now` is in any unit: it is what entries remember.
    ///
    /// # Panics
    /// If a span does not lie in the arena.
    pub fn run(&mut self, arena: &mut [u8], packets: &[Span], now: u32) -> Tally {
        let mut tally = Tally::default();
        let nothing = Staged { found: Found::NOTHING, key: Key::default(), hash: 0, candidate: Candidate::NONE };
        let mut staged = [nothing; STAGED];
        for batch in packets.chunks(STAGED) {
            self.batch(arena, batch, &mut staged, now, &mut tally);
        }
        tally
    }

    fn batch(&mut self, arena: &mut [u8], batch: &[Span], staged: &mut [Staged; STAGED], now: u32, tally: &mut Tally) {
        for (slot, span) in staged.iter_mut().zip(batch) {
            let datagram = &arena[span.range()];
            slot.found = datagram::validate(datagram).unwrap_or(Found::NOTHING);
            if slot.found.is_nothing() {
                continue;
            }
            slot.key = Key::of(datagram, &slot.found);
            slot.hash = slot.key.hash();
            prefetch(self.table.bucket(slot.hash));
        }
        for slot in &mut staged[..batch.len()] {
            slot.candidate = self.table.candidate(slot.hash);
            if let Some(flow) = self.table.flow(slot.candidate) {
                prefetch(flow);
            }
        }
        for (slot, span) in staged.iter().zip(batch) {
            let flow = match slot.found.is_nothing() {
                true => None,
                false => self.table.resolve(slot.candidate, slot.hash, &slot.key),
            };
            let Some(flow) = flow else {
                tally.misses += 1;
                continue;
            };
            flow.touch(now, u32::from(slot.found.total_len));
            flow.rewrite(&mut arena[span.range()], &slot.found);
            tally.hits += 1;
            tally.bytes += u64::from(slot.found.total_len);
        }
    }
}

#[cfg(test)]
mod tests;
