//! The flow table: buckets of one cache line, which hold a byte of each flow's hash, and flows of one line each.

use vpcemu_packet::{Checksum, Difference};

use super::datagram::{Found, Key, Places, covers_addresses, is_optional};
use super::memory;

/// Entries of a bucket: a tag and an index each, in 64 bytes.
const WAYS: usize = 8;

/// Buckets are filled to half at most: then nearly every flow is in the first bucket that is looked at.
const FILL: usize = WAYS / 2;

/// The low bit of every byte of a word, and the high one.
const LOW: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Eight flows. A tag of 0 is a free way; ways fill up from the first.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Bucket {
    tags: [u8; WAYS],
    flows: [u32; WAYS],
}

/// One direction of a flow: what it is, what becomes of its packets, and its state. One cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Flow {
    key: Key,
    /// What takes the place of the address; IPv6 keeps its own.
    address: [u8; 4],
    port: [u8; 2],
    /// The differences to the checksums of the IPv4 header and of the transport, folded to a word.
    header: u16,
    transport: u16,
    /// Whether the destination is rewritten rather than the source.
    destination: bool,
    last_seen: u32,
    packets: u32,
    bytes: u32,
}

const _: () = assert!(size_of::<Flow>() == 64 && size_of::<Bucket>() == 64);

/// A flow whose tag fits, or none.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate(u32);

impl Candidate {
    pub(super) const NONE: Self = Self(u32::MAX);
}

#[derive(Debug)]
pub(super) struct Table {
    buckets: Vec<Bucket>,
    flows: Vec<Flow>,
    capacity: usize,
}

impl Table {
    pub(super) fn with_capacity(entries: usize) -> Self {
        let count = entries.div_ceil(FILL).next_power_of_two();
        let mut buckets = memory::reserved(count);
        buckets.resize(count, Bucket::default());
        Self { buckets, flows: memory::reserved(entries), capacity: entries }
    }

    pub(super) fn len(&self) -> usize {
        self.flows.len()
    }

    /// The first bucket that a hash's flow may be in.
    #[inline(always)]
    pub(super) fn bucket(&self, hash: u64) -> &Bucket {
        &self.buckets[self.first(hash)]
    }

    #[inline(always)]
    fn first(&self, hash: u64) -> usize {
        hash as usize & (self.buckets.len() - 1)
    }

    /// The first flow with the tag of the hash in the first bucket.
    #[inline(always)]
    pub(super) fn candidate(&self, hash: u64) -> Candidate {
        let bucket = self.bucket(hash);
        let matching = matching(bucket, tag(hash));
        if matching == 0 {
            return Candidate::NONE;
        }
        Candidate(bucket.flows[matching.trailing_zeros() as usize / 8 % WAYS])
    }

    #[inline(always)]
    pub(super) fn flow(&self, candidate: Candidate) -> Option<&Flow> {
        self.flows.get(candidate.0 as usize)
    }

    /// The flow of a key: the candidate nearly always, else any with the same tag.
    #[inline(always)]
    pub(super) fn resolve(&mut self, candidate: Candidate, hash: u64, key: &Key) -> Option<&mut Flow> {
        let at = candidate.0 as usize;
        if self.flows.get(at).is_some_and(|flow| flow.key.is(key)) {
            return self.flows.get_mut(at);
        }
        let at = self.search(hash, key)?;
        self.flows.get_mut(at)
    }

    pub(super) fn contains(&self, key: &Key) -> bool {
        self.search(key.hash(), key).is_some()
    }

    /// Looks through the buckets from the first on, until one has a free way.
    #[cold]
    fn search(&self, hash: u64, key: &Key) -> Option<usize> {
        let mut at = self.first(hash);
        loop {
            let bucket = &self.buckets[at];
            let mut left = matching(bucket, tag(hash));
            while left != 0 {
                let flow = bucket.flows[left.trailing_zeros() as usize / 8 % WAYS] as usize;
                if self.flows[flow].key.is(key) {
                    return Some(flow);
                }
                left &= left - 1;
            }
            if bucket.tags[WAYS - 1] == 0 {
                return None;
            }
            at = (at + 1) & (self.buckets.len() - 1);
        }
    }

    /// Last seen, packets and bytes of a flow.
    #[cfg(test)]
    pub(super) fn state(&self, flow: usize) -> (u32, u32, u32) {
        let Flow { last_seen, packets, bytes, .. } = self.flows[flow];
        (last_seen, packets, bytes)
    }

    /// Adds a flow that is not there. False if there is no room.
    pub(super) fn insert(&mut self, flow: Flow) -> bool {
        let (hash, index) = (flow.key.hash(), self.flows.len());
        // Half of all ways are free at the least, so that the search for one ends.
        let Ok(number) = u32::try_from(index) else { return false };
        if index == self.capacity {
            return false;
        }
        let mut at = self.first(hash);
        loop {
            let last = self.buckets.len() - 1;
            let bucket = &mut self.buckets[at];
            if let Some(free) = bucket.tags.iter().position(|tag| *tag == 0) {
                bucket.tags[free] = tag(hash);
                bucket.flows[free] = number;
                self.flows.push(flow);
                return true;
            }
            at = (at + 1) & last;
        }
    }
}

/// The high bits of a hash, of which buckets use the low ones; never 0.
#[inline(always)]
fn tag(hash: u64) -> u8 {
    ((hash >> 56) as u8).max(1)
}

/// The high bit of every byte of the tags that equals `tag`. A byte above an equal one may be wrong by a borrow: keys
/// are compared afterwards.
#[inline(always)]
fn matching(bucket: &Bucket, tag: u8) -> u64 {
    let differing = u64::from_le_bytes(bucket.tags) ^ (LOW * u64::from(tag));
    differing.wrapping_sub(LOW) & !differing & HIGH
}

impl Flow {
    /// A translation of a flow: to an address and port that follow from its own. Whichever of its ends has the higher
    /// port is translated, which is the client's.
    pub(super) fn translating(key: &Key, found: &Found) -> Self {
        let [a, _, _, _, tail] = key.0;
        let (source_port, destination_port) = ((tail >> 32) as u16, (tail >> 16) as u16);
        let destination = destination_port > source_port;
        let (old_address, old_port) =
            if destination { (a as u32, destination_port) } else { ((a >> 32) as u32, source_port) };
        let (new_address, new_port) = (old_address ^ TRANSLATED, old_port ^ 0x5555);
        let of_address = if found.v6 { Difference::NONE } else { Difference::of_u32(old_address, new_address) };
        // The hop limit is the upper half of its word in IPv4, and in no checksum in IPv6.
        let hop = Difference::of_u16(0x0200, 0x0100);
        let of_port = Difference::of_u16(old_port, new_port);
        let covered = if covers_addresses(found) { of_address.and(of_port) } else { of_port };
        Self {
            key: *key,
            address: new_address.to_be_bytes(),
            port: new_port.to_be_bytes(),
            header: folded(of_address.and(hop)),
            transport: folded(covered),
            destination,
            ..Self::default()
        }
    }

    #[inline(always)]
    pub(super) fn touch(&mut self, now: u32, bytes: u32) {
        self.last_seen = now;
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(bytes);
    }

    #[inline(always)]
    pub(super) fn rewrite(&self, datagram: &mut [u8], found: &Found) {
        let places = Places::of(found, self.destination);
        datagram[places.ttl] -= 1; // more than 1, or it was no packet for the loop
        if !found.v6 {
            put(datagram, places.address, self.address);
            patch(datagram, 10, self.header, false);
        }
        put(datagram, places.port, self.port);
        patch(datagram, places.checksum, self.transport, is_optional(found));
    }
}

/// What the address changes by: any bits, in every byte some.
const TRANSLATED: u32 = 0x1234_5678;

/// A difference as one word.
fn folded(difference: Difference) -> u16 {
    !Checksum(0xFFFF).updated(difference).0
}

#[inline(always)]
fn put<const N: usize>(datagram: &mut [u8], at: usize, bytes: [u8; N]) {
    if let Some(place) = datagram.get_mut(at..at + N) {
        place.copy_from_slice(&bytes);
    }
}

/// Patches a checksum by a difference that was folded before: RFC 1624 equation 3, with one word to add and so one carry.
#[inline(always)]
fn patch(datagram: &mut [u8], at: usize, by: u16, optional: bool) {
    let Some(place) = datagram.get_mut(at..at + 2).and_then(|bytes| bytes.first_chunk_mut::<2>()) else { return };
    let was = u16::from_be_bytes(*place);
    let (sum, carry) = (!was).overflowing_add(by);
    let is = !(sum + u16::from(carry)); // a sum that carried is below 0xFFFF
    let is = match optional {
        true if was == 0 => 0,
        true if is == 0 => 0xFFFF,
        _ => is,
    };
    *place = is.to_be_bytes();
}
