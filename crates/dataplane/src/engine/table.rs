//! The table of the flow cache: buckets of one cache line with tags, and records of one cache line each.
//!
//! It only ever forgets too much: where a flow does not fit, another gives way, and walks when it comes again.

use std::collections::VecDeque;

use smallvec::SmallVec;
use vpcemu_packet::{FlowKey, Plain};

use super::record::Record;
use crate::fabric::FixedMap;
use crate::growth::push;
use crate::prefetch::prefetch;

/// The place of no record.
pub(super) const NO_RECORD: u32 = u32::MAX;

/// Slots of a bucket: as many tags and places as a cache line holds in powers of two.
const SLOTS: usize = 8;

/// Records of flows without a connection, which would otherwise tell when it is over; beyond this many, 64 MiB of them, the oldest
/// goes.
const UNTRACKED: usize = 1 << 20;

/// Buckets of an empty table: 4 KiB, so that hundreds of engines in tests cost nothing.
const SMALLEST: usize = 64;

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Bucket {
    /// 0 where there is nothing.
    tags: [u16; SLOTS],
    records: [u32; SLOTS],
    /// Records that are in their other bucket for want of room here.
    spilled: u32,
}

const EMPTY: Bucket = Bucket { tags: [0; SLOTS], records: [NO_RECORD; SLOTS], spilled: 0 };

/// Records that had to give way, and where they were.
type Replaced = SmallVec<[(u32, Record); 2]>;

/// Records by flow.
#[derive(Debug)]
pub(super) struct FlowTable {
    buckets: Vec<Bucket>,
    records: Vec<Record>,
    free: Vec<u32>,
    untracked: VecDeque<u32>,
    /// Of few records, the flow as it came to the walk, if that is not how it was captured.
    injected: FixedMap<u32, FlowKey>,
}

impl Default for FlowTable {
    fn default() -> Self {
        Self {
            buckets: vec![EMPTY; SMALLEST],
            records: Vec::new(),
            free: Vec::new(),
            untracked: VecDeque::new(),
            injected: FixedMap::default(),
        }
    }
}

impl FlowTable {
    /// Asks for the bucket of a flow.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        prefetch(&self.buckets[self.home(hash)]);
    }

    /// The place of the record that a flow probably has; asks for it.
    #[inline]
    pub(super) fn candidate(&self, hash: u64) -> u32 {
        let home = self.home(hash);
        let bucket = &self.buckets[home];
        let mut place = first(bucket, tag(hash));
        if place == NO_RECORD && bucket.spilled > 0 {
            place = first(&self.buckets[self.other(hash)], tag(hash));
        }
        if let Some(record) = self.records.get(place as usize) {
            prefetch(record);
        }
        place
    }

    /// The place of a flow's record. Not inline: [`Self::candidate`] is nearly always right.
    #[inline(never)]
    pub(super) fn find(&self, hash: u64, plain: &Plain, port: u32) -> u32 {
        let home = self.home(hash);
        let both = if self.buckets[home].spilled > 0 { 2 } else { 1 };
        for bucket in [home, self.other(hash)].into_iter().take(both).map(|bucket| &self.buckets[bucket]) {
            for slot in 0..SLOTS {
                let place = bucket.records[slot];
                if bucket.tags[slot] == tag(hash) && self.records[place as usize].is_of(plain, port) {
                    return place;
                }
            }
        }
        NO_RECORD
    }

    /// A record by its place.
    #[inline]
    pub(super) fn record(&self, place: u32) -> Option<&Record> {
        self.records.get(place as usize)
    }

    /// Puts a record in, in the place of one of the same flow. Returns where it is, and what had to give way from where.
    pub(super) fn insert(&mut self, hash: u64, record: Record) -> (u32, Replaced) {
        let mut replaced = Replaced::new();
        if let Some(place) = self.of_same_flow(hash, &record) {
            let old = std::mem::replace(&mut self.records[place as usize], record);
            replaced.push((place, old));
            // One without a connection is noted already.
            if old.connection().is_some() {
                self.note_untracked(place, &mut replaced);
            }
            return (place, replaced);
        }
        if self.len() + 1 > self.buckets.len() * SLOTS * 5 / 8 {
            self.grow(&mut replaced);
        }
        let place = match self.free.pop() {
            Some(place) => {
                self.records[place as usize] = record;
                place
            }
            None => {
                push(&mut self.records, record);
                u32::try_from(self.records.len() - 1).unwrap_or(NO_RECORD)
            }
        };
        self.link(hash, place, &mut replaced);
        self.note_untracked(place, &mut replaced);
        (place, replaced)
    }

    /// Takes a record out.
    pub(super) fn remove(&mut self, place: u32) {
        let Some(record) = self.records.get(place as usize).filter(|record| record.is_taken()) else { return };
        self.unlink(record.hash(), place);
        self.set_injected(place, None);
        self.records[place as usize].give_up();
        push(&mut self.free, place);
    }

    /// The flow of a record as it came to the walk, if that is not how it was captured.
    pub(super) fn injected(&self, place: u32) -> Option<FlowKey> {
        if self.injected.is_empty() { None } else { self.injected.get(&place).copied() }
    }

    /// Notes that, or that there is nothing to be noted.
    pub(super) fn set_injected(&mut self, place: u32, injected: Option<FlowKey>) {
        if let Some(key) = injected {
            self.injected.insert(place, key);
        } else if !self.injected.is_empty() {
            self.injected.remove(&place);
        }
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.records.len() - self.free.len()
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        // The number of buckets is a power of two.
        hash as usize & (self.buckets.len() - 1)
    }

    /// The bucket of what finds no room in its home.
    #[inline]
    fn other(&self, hash: u64) -> usize {
        let (home, other) = (self.home(hash), (hash >> 24) as usize & (self.buckets.len() - 1));
        if other == home { home ^ 1 } else { other }
    }

    fn of_same_flow(&self, hash: u64, record: &Record) -> Option<u32> {
        let slots = [self.home(hash), self.other(hash)].into_iter().flat_map(|bucket| {
            let Bucket { tags, records, .. } = self.buckets[bucket];
            tags.into_iter().zip(records)
        });
        let mut places = slots.filter(|(of, _)| *of == tag(hash)).map(|(_, place)| place);
        places.find(|place| self.records[*place as usize].is_same_flow(record))
    }

    /// Puts a place into a bucket, where another may have to move, or to give way.
    fn link(&mut self, hash: u64, place: u32, replaced: &mut Replaced) {
        if self.put(hash, place) {
            return;
        }
        let home = self.home(hash);
        for slot in 0..SLOTS {
            let resident = self.buckets[home].records[slot];
            let of = self.records[resident as usize].hash();
            let there = if self.home(of) == home { self.other(of) } else { self.home(of) };
            if self.buckets[there].tags.contains(&0) {
                self.unlink(of, resident);
                self.put_into(there, of, resident);
                self.put(hash, place);
                return;
            }
        }
        // Any slot is as good as another; the hash has bits that nobody used.
        let evicted = self.buckets[home].records[(hash >> 40) as usize % SLOTS];
        let old = self.records[evicted as usize];
        replaced.push((evicted, old));
        self.unlink(old.hash(), evicted);
        self.records[evicted as usize].give_up();
        push(&mut self.free, evicted);
        self.put(hash, place);
    }

    /// Puts a place where there is room. False if there is none.
    fn put(&mut self, hash: u64, place: u32) -> bool {
        let free = [self.home(hash), self.other(hash)].into_iter().find(|at| self.buckets[*at].tags.contains(&0));
        if let Some(bucket) = free {
            self.put_into(bucket, hash, place);
        }
        free.is_some()
    }

    fn put_into(&mut self, bucket: usize, hash: u64, place: u32) {
        if let Some(slot) = self.buckets[bucket].tags.iter().position(|tag| *tag == 0) {
            self.buckets[bucket].tags[slot] = tag(hash);
            self.buckets[bucket].records[slot] = place;
            let home = self.home(hash);
            self.buckets[home].spilled += u32::from(bucket != home);
        }
    }

    fn unlink(&mut self, hash: u64, place: u32) {
        let (home, other) = (self.home(hash), self.other(hash));
        if !unlink(&mut self.buckets[home], place) && unlink(&mut self.buckets[other], place) {
            self.buckets[home].spilled -= 1;
        }
    }

    /// Twice as many buckets.
    fn grow(&mut self, replaced: &mut Replaced) {
        self.buckets = vec![EMPTY; self.buckets.len() * 2];
        for place in 0..self.records.len() {
            let record = &self.records[place];
            if record.is_taken() {
                self.link(record.hash(), place as u32, replaced);
            }
        }
    }

    fn note_untracked(&mut self, place: u32, replaced: &mut Replaced) {
        if self.records[place as usize].connection().is_some() {
            return;
        }
        self.untracked.push_back(place);
        if self.untracked.len() > UNTRACKED
            && let Some(oldest) = self.untracked.pop_front()
            && oldest != place
            && self.records[oldest as usize].is_taken()
            && self.records[oldest as usize].connection().is_none()
        {
            replaced.push((oldest, self.records[oldest as usize]));
            self.remove(oldest);
        }
    }
}

/// The part of a hash that tells flows of one bucket apart; never 0.
#[inline]
fn tag(hash: u64) -> u16 {
    (hash >> 48) as u16 | 1
}

#[inline]
fn first(bucket: &Bucket, tag: u16) -> u32 {
    // Without a branch for each slot: the compiler compares them all at once.
    let mut found = 0u32;
    for slot in 0..SLOTS {
        found |= u32::from(bucket.tags[slot] == tag) << slot;
    }
    if found == 0 { NO_RECORD } else { bucket.records[found.trailing_zeros() as usize % SLOTS] }
}

fn unlink(bucket: &mut Bucket, place: u32) -> bool {
    let slot = bucket.records.iter().zip(bucket.tags).position(|(of, tag)| *of == place && tag != 0);
    if let Some(slot) = slot {
        bucket.tags[slot] = 0;
        bucket.records[slot] = NO_RECORD;
    }
    slot.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::record;
    use crate::outcome::Place;
    use crate::shard::Remembered;

    fn plain(flow: u32) -> Plain {
        Plain::of_flow([flow, !flow, 0, 0, 0, 0, 0, 0], flow << 16 | 443, 17)
    }

    fn insert(table: &mut FlowTable, flow: u32) -> (u32, Replaced) {
        let remembered = Remembered {
            connection: Some(crate::conntrack::ConnectionIx(flow)),
            opening: None,
            at: Place::Internet,
            state: None,
            digest: 0,
            untracked: None,
            max_len: 1500,
            legs: SmallVec::new(),
        };
        let record = Record::new(&plain(flow), 0, &Default::default(), (0, 0, false), 0, &remembered);
        table.insert(record::hash(&plain(flow), 0), record)
    }

    fn find(table: &FlowTable, flow: u32) -> u32 {
        table.find(record::hash(&plain(flow), 0), &plain(flow), 0)
    }

    #[test]
    fn whatever_is_put_in_is_found_until_it_is_taken_out() {
        let mut table = FlowTable::default();
        let places: Vec<_> = (0..50_000).map(|flow| insert(&mut table, flow)).collect();
        assert!(places.iter().all(|(_, replaced)| replaced.is_empty()), "there was room for all");
        for (flow, (place, _)) in (0..).zip(&places) {
            assert_eq!(find(&table, flow), *place);
        }
        for (place, _) in places.iter().step_by(2) {
            table.remove(*place);
        }
        assert_eq!(table.len(), 25_000);
        for (flow, (place, _)) in (0..).zip(&places) {
            assert_eq!(find(&table, flow), if flow % 2 == 0 { NO_RECORD } else { *place });
        }
        let spilled: u32 = table.buckets.iter().map(|bucket| bucket.spilled).sum();
        let away = |bucket: usize, slot: usize| {
            let Bucket { tags, records, .. } = table.buckets[bucket];
            tags[slot] != 0 && table.home(table.records[records[slot] as usize].hash()) != bucket
        };
        let buckets = 0..table.buckets.len();
        assert_eq!(
            buckets.flat_map(|at| (0..SLOTS).map(move |slot| (at, slot))).filter(|(at, slot)| away(*at, *slot)).count(),
            spilled as usize
        );
    }

    #[test]
    fn a_flow_that_comes_again_takes_its_own_place() {
        let mut table = FlowTable::default();
        let (place, _) = insert(&mut table, 7);
        let (again, replaced) = insert(&mut table, 7);
        assert_eq!((place, replaced.len(), table.len()), (again, 1, 1));
    }
}
