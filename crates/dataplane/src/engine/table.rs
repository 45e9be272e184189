//! The table of the flow cache: buckets of one cache line with tags, and records of one cache line each.
//!
//! It only ever forgets too much: where a flow does not fit, another gives way, and walks when it comes again.

use std::collections::VecDeque;

use smallvec::SmallVec;
use vpcemu_packet::Plain;

use super::record::Record;
use crate::prefetch::prefetch;

/// The place of no record.
pub(super) const NO_RECORD: u32 = u32::MAX;

/// Slots of a bucket: as many tags and places as a cache line holds in powers of two.
const SLOTS: usize = 8;

/// Records of flows without a connection, which would otherwise tell when it is over; beyond this many the oldest goes.
const UNTRACKED: usize = 65_536;

/// Buckets of an empty table: 4 KiB, so that hundreds of engines in tests cost nothing.
const SMALLEST: usize = 64;

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Bucket {
    /// 0 where there is nothing.
    tags: [u16; SLOTS],
    records: [u32; SLOTS],
    /// Records that are in the next bucket for want of room here.
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
}

impl Default for FlowTable {
    fn default() -> Self {
        Self { buckets: vec![EMPTY; SMALLEST], records: Vec::new(), free: Vec::new(), untracked: VecDeque::new() }
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
            place = first(&self.buckets[home ^ 1], tag(hash));
        }
        if let Some(record) = self.records.get(place as usize) {
            prefetch(record);
        }
        place
    }

    /// The place of a flow's record.
    pub(super) fn find(&self, hash: u64, plain: &Plain, port: u32) -> u32 {
        let home = self.home(hash);
        let near = [home, home ^ 1].into_iter().take(if self.buckets[home].spilled > 0 { 2 } else { 1 });
        for bucket in near.map(|bucket| &self.buckets[bucket]) {
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
            replaced.push((place, std::mem::replace(&mut self.records[place as usize], record)));
            self.note_untracked(place, &mut replaced);
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
                self.records.push(record);
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
        let home = self.home(record.hash());
        if !unlink(&mut self.buckets[home], place) && unlink(&mut self.buckets[home ^ 1], place) {
            self.buckets[home].spilled -= 1;
        }
        self.records[place as usize].give_up();
        self.free.push(place);
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

    fn of_same_flow(&self, hash: u64, record: &Record) -> Option<u32> {
        let home = self.home(hash);
        let slots = [home, home ^ 1].into_iter().flat_map(|bucket| {
            let Bucket { tags, records, .. } = self.buckets[bucket];
            tags.into_iter().zip(records)
        });
        let mut places = slots.filter(|(of, _)| *of == tag(hash)).map(|(_, place)| place);
        places.find(|place| self.records[*place as usize].is_same_flow(record))
    }

    /// Puts a place into a bucket, where another may have to give way.
    fn link(&mut self, hash: u64, place: u32, replaced: &mut Replaced) {
        let home = self.home(hash);
        for bucket in [home, home ^ 1] {
            if let Some(slot) = self.buckets[bucket].tags.iter().position(|tag| *tag == 0) {
                self.buckets[bucket].tags[slot] = tag(hash);
                self.buckets[bucket].records[slot] = place;
                self.buckets[home].spilled += u32::from(bucket != home);
                return;
            }
        }
        // Any slot is as good as another; the hash has bits that nobody used.
        let slot = (hash >> 40) as usize % SLOTS;
        let evicted = self.buckets[home].records[slot];
        if self.home(self.records[evicted as usize].hash()) != home {
            self.buckets[home ^ 1].spilled -= 1;
        }
        self.buckets[home].tags[slot] = tag(hash);
        self.buckets[home].records[slot] = place;
        replaced.push((evicted, self.records[evicted as usize]));
        self.records[evicted as usize].give_up();
        self.free.push(evicted);
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
