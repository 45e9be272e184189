//! How often each of many things was seen.

use std::hash::{BuildHasher, Hash};

use hashbrown::HashMap;

/// Slots of [`Counts`] in front of its map. Most of a capture's packets are of a few kinds.
const SLOTS: usize = 64;

/// How often each of many things was seen. What was seen lately is counted in a slot, and goes to a map when another comes to
/// its place: a map's lookup for each packet would cost more than all else that is counted.
#[derive(Debug)]
pub(crate) struct Counts<K> {
    slots: [Option<(K, u64)>; SLOTS],
    rest: HashMap<K, u64, foldhash::fast::FixedState>,
}

impl<K: Copy> Default for Counts<K> {
    fn default() -> Self {
        Self { slots: [None; SLOTS], rest: HashMap::default() }
    }
}

impl<K: Copy + Eq + Hash> Counts<K> {
    #[inline]
    pub(crate) fn count(&mut self, key: K) {
        // The top bits of a hash are those that a map uses least.
        let slot = &mut self.slots[(self.rest.hasher().hash_one(key) >> 56) as usize % SLOTS];
        match slot {
            Some((of, count)) if *of == key => *count += 1,
            _ => {
                if let Some((of, count)) = slot.replace((key, 1)) {
                    *self.rest.entry(of).or_default() += count;
                }
            }
        }
    }

    /// In no order.
    pub(crate) fn into_counts(mut self) -> HashMap<K, u64, foldhash::fast::FixedState> {
        for (key, count) in self.slots.into_iter().flatten() {
            *self.rest.entry(key).or_default() += count;
        }
        self.rest
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn counts_are_those_of_a_map() {
        let mut counts = Counts::default();
        let mut expected: BTreeMap<u64, u64> = BTreeMap::new();
        // Squares: some keys often, many keys, more than there are slots.
        for n in 0..10_000u64 {
            let key = n * n % 509;
            counts.count(key);
            *expected.entry(key).or_default() += 1;
        }
        assert!(expected.len() > 2 * SLOTS);
        assert_eq!(counts.into_counts().into_iter().collect::<BTreeMap<_, _>>(), expected);
    }
}
