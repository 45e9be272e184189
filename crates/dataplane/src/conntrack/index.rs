//! From keys to entries: a table of numbers, since the entries themselves have the keys.
//!
//! Whoever opens a connection asks for half a dozen keys and makes as many, each somewhere else in memory. So a bucket is one
//! cache line, which can be asked for before it is needed.

use hashbrown::HashTable;

use super::{EntryIx, Inside, Key, Outside, Translator};
use crate::index::EniIx;
use crate::mixing::{canonical, mix};
use crate::prefetch::prefetch;

/// Entries by key.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// None, or a power of two.
    buckets: Vec<Bucket>,
    /// What found no room in its bucket: few, unless somebody has chosen the keys.
    crowd: HashTable<u32>,
    len: usize,
}

/// Which of its keys an entry is under. All but mappings have one key, for packets of both directions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    /// That of its flow.
    Own,
    /// That of a mapping's outside tuple.
    Outside,
}

/// Twice the number of an entry, and one more for its outside.
fn code(entry: EntryIx, side: Side) -> u32 {
    entry.0 << 1 | u32::from(side == Side::Outside)
}

fn decode(code: u32) -> (EntryIx, Side) {
    (EntryIx(code >> 1), if code & 1 == 0 { Side::Own } else { Side::Outside })
}

/// Codes in a bucket: as many as fill a cache line with a byte of tag each, and the rest of the tags' vector for [`CROWDED`].
const SLOTS: usize = 12;

/// Where among the tags a bucket counts what it had no room for. It stops counting at the last number there is, and then
/// sends whoever finds nothing to the crowd for ever.
const CROWDED: usize = 15;

#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Bucket {
    /// 0 where there is nothing.
    tags: [u8; 16],
    codes: [u32; SLOTS],
}

const _: () = assert!(size_of::<Bucket>() == 64, "a bucket is one cache line");

const EMPTY: Bucket = Bucket { tags: [0; 16], codes: [0; SLOTS] };

impl Bucket {
    /// The slots with a tag, a bit each.
    #[inline]
    fn tagged(&self, tag: u8) -> u32 {
        // Without a branch for each slot: the compiler compares them all at once.
        let mut found = 0;
        for (slot, of) in self.tags.iter().enumerate() {
            found |= u32::from(*of == tag) << slot;
        }
        found & ((1 << SLOTS) - 1)
    }
}

/// The slots whose bits are set.
fn slots(mut found: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let slot = (found != 0).then_some(found.trailing_zeros() as usize % SLOTS);
        found &= found.wrapping_sub(1);
        slot
    })
}

/// The part of a hash that tells keys of one bucket apart; never 0.
#[inline]
fn tag(hash: u64) -> u8 {
    ((hash >> 56) as u8).max(1)
}

/// In the crowd are many of one bucket, whose hashes end alike.
fn in_crowd(hash: u64) -> u64 {
    hash.rotate_left(32)
}

impl Index {
    /// Asks for where a key is.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        if let Some(bucket) = self.buckets.get(self.home(hash)) {
            prefetch(bucket);
        }
    }

    /// What is under a key, as `under` says of candidates.
    #[inline]
    pub(super) fn find<T>(&self, hash: u64, under: impl Fn(EntryIx, Side) -> Option<T>) -> Option<T> {
        let bucket = self.buckets.get(self.home(hash))?;
        let ask = |code: u32| {
            let (entry, side) = decode(code);
            under(entry, side)
        };
        let found = slots(bucket.tagged(tag(hash))).find_map(|slot| ask(bucket.codes[slot]));
        if found.is_some() || bucket.tags[CROWDED] == 0 {
            return found;
        }
        self.crowd.iter_hash(in_crowd(hash)).find_map(|code| ask(*code))
    }

    /// Puts an entry under a key that nothing is under. `rehash` gives the hashes of entries again.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64, (entry, side): (EntryIx, Side), rehash: impl Fn(EntryIx, Side) -> u64) {
        // Three quarters: then one in twenty is in the crowd, and it is fewer most of the time.
        if self.len >= self.buckets.len() * SLOTS * 3 / 4 {
            self.grow(&rehash);
        }
        self.len += 1;
        self.put(hash, code(entry, side), &rehash);
    }

    /// Takes an entry from under a key, if it is there.
    #[inline]
    pub(super) fn remove(&mut self, hash: u64, (entry, side): (EntryIx, Side)) {
        let home = self.home(hash);
        let Some(bucket) = self.buckets.get_mut(home) else { return };
        let code = code(entry, side);
        let slot = slots(bucket.tagged(tag(hash))).find(|slot| bucket.codes[*slot] == code);
        if let Some(slot) = slot {
            bucket.tags[slot] = 0;
            self.len -= 1;
        } else if bucket.tags[CROWDED] > 0
            && let Ok(found) = self.crowd.find_entry(in_crowd(hash), |of| *of == code)
        {
            found.remove();
            self.len -= 1;
            if bucket.tags[CROWDED] < u8::MAX {
                bucket.tags[CROWDED] -= 1;
            }
        }
    }

    #[inline]
    fn home(&self, hash: u64) -> usize {
        hash as usize & self.buckets.len().wrapping_sub(1)
    }

    fn put(&mut self, hash: u64, code: u32, rehash: &impl Fn(EntryIx, Side) -> u64) {
        let home = self.home(hash);
        let bucket = &mut self.buckets[home];
        match slots(bucket.tagged(0)).next() {
            Some(slot) => {
                bucket.tags[slot] = tag(hash);
                bucket.codes[slot] = code;
            }
            None => {
                bucket.tags[CROWDED] = bucket.tags[CROWDED].saturating_add(1);
                let again = |code: &u32| {
                    let (entry, side) = decode(*code);
                    in_crowd(rehash(entry, side))
                };
                self.crowd.insert_unique(in_crowd(hash), code, again);
            }
        }
    }

    /// Twice as many buckets.
    #[inline(never)]
    fn grow(&mut self, rehash: &impl Fn(EntryIx, Side) -> u64) {
        let buckets = vec![EMPTY; (self.buckets.len() * 2).max(1)];
        let old = std::mem::replace(&mut self.buckets, buckets);
        let crowd = std::mem::take(&mut self.crowd);
        let of =
            |bucket: &Bucket| slots(!bucket.tagged(0) & ((1 << SLOTS) - 1)).map(|slot| bucket.codes[slot]).collect();
        for code in old.iter().flat_map(|bucket| -> smallvec::SmallVec<[u32; SLOTS]> { of(bucket) }).chain(crowd) {
            let (entry, side) = decode(code);
            self.put(rehash(entry, side), code, rehash);
        }
    }
}

/// A hash of a key. Nothing that anybody sees depends on it.
#[inline]
pub(super) fn hash(key: &Key) -> u64 {
    let (whose, flow) = match key {
        Key::Interface(eni, _, flow) => (Whose::interface(*eni), flow),
        Key::NatInside(nat, Inside(flow)) => (Whose::inside(*nat), flow),
        Key::NatOutside(nat, Outside(flow)) => (Whose::outside(*nat), flow),
        Key::EgressOnly(eigw, flow) => (Whose(u64::from(eigw.0) << 3 | 4), flow),
        Key::Endpoint(endpoint, flow) => (Whose(u64::from(endpoint.0) << 3 | 5), flow),
    };
    whose.key(canonical(flow))
}

/// Who has an entry, and on which side packets find it there.
#[derive(Clone, Copy)]
pub(super) struct Whose(u64);

impl Whose {
    pub(super) fn interface(eni: EniIx) -> Self {
        Self(u64::from(eni.0) << 3)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A hash for an entry: of `crowded` ones all the same.
    fn hash_of(entry: EntryIx, side: Side, crowded: bool) -> u64 {
        if crowded { 7 } else { mix(u64::from(code(entry, side)), 1) }
    }

    fn found(index: &Index, entry: EntryIx, crowded: bool) -> Option<(EntryIx, Side)> {
        let is_it = |of: EntryIx, side: Side| (of == entry).then_some((of, side));
        index.find(hash_of(entry, Side::Own, crowded), is_it)
    }

    #[test]
    fn whatever_is_put_in_is_found_until_it_is_taken_out() {
        for (crowded, many) in [(false, 20_000), (true, 600)] {
            let mut index = Index::default();
            let rehash = |entry, side| hash_of(entry, side, crowded);
            for entry in (0..many).map(EntryIx) {
                assert_eq!(found(&index, entry, crowded), None);
                index.insert(rehash(entry, Side::Own), (entry, Side::Own), rehash);
            }
            for entry in (0..many).map(EntryIx) {
                assert_eq!(found(&index, entry, crowded), Some((entry, Side::Own)));
            }
            for entry in (0..many).step_by(2).map(EntryIx) {
                index.remove(rehash(entry, Side::Own), (entry, Side::Own));
                // The other key of the same entry is not there.
                index.remove(rehash(entry, Side::Outside), (entry, Side::Outside));
            }
            for entry in 0..many {
                let left = (entry % 2 == 1).then_some((EntryIx(entry), Side::Own));
                assert_eq!(found(&index, EntryIx(entry), crowded), left);
            }
            assert_eq!(index.len, many as usize / 2);
            assert!(crowded || index.crowd.len() < index.len / 10, "{} of {}", index.crowd.len(), index.len);
        }
    }
}
