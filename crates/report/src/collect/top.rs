//! Counts of many things, of which those that count most are kept.

use std::hash::Hash;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// What is counted of a thing.
pub(crate) trait Count: Default {
    /// By what things are compared: packets.
    fn weight(&self) -> u64;
    /// Adds the counts of another thing.
    fn absorb(&mut self, other: &Self);
}

/// Counts by key. When there are more keys than its capacity, the lighter half goes into one count for all of them: memory is
/// bounded, sums stay right, and a key that comes back later starts at nothing.
#[derive(Debug)]
pub(crate) struct Top<K, C> {
    kept: HashMap<K, C, FixedState>,
    capacity: usize,
    rest: C,
    /// How many keys were put together, those that came back counted again.
    folded: u64,
}

impl<K: Copy + Ord + Hash, C: Count> Top<K, C> {
    /// Keeps at most `capacity` keys, and after each cut half of them.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { kept: HashMap::with_hasher(FixedState::with_seed(0)), capacity, rest: C::default(), folded: 0 }
    }

    /// The counts of a key.
    pub(crate) fn of(&mut self, key: K) -> &mut C {
        if self.kept.len() >= self.capacity && !self.kept.contains_key(&key) {
            self.cut();
        }
        self.kept.entry(key).or_default()
    }

    /// What was put together.
    pub(crate) fn rest(&self) -> &C {
        &self.rest
    }

    /// How many keys that was.
    pub(crate) fn folded(&self) -> u64 {
        self.folded
    }

    /// The heaviest first; by key where they are alike.
    pub(crate) fn sorted(&self) -> Vec<(K, &C)> {
        let mut rows: Vec<_> = self.kept.iter().map(|(key, count)| (*key, count)).collect();
        rows.sort_unstable_by_key(|(key, count)| (std::cmp::Reverse(count.weight()), *key));
        rows
    }

    fn cut(&mut self) {
        let light: Vec<K> = self.sorted().into_iter().skip(self.capacity / 2).map(|(key, _)| key).collect();
        for key in light {
            if let Some(count) = self.kept.remove(&key) {
                self.rest.absorb(&count);
                self.folded += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, Debug)]
    struct Packets(u64);

    impl Count for Packets {
        fn weight(&self) -> u64 {
            self.0
        }

        fn absorb(&mut self, other: &Self) {
            self.0 += other.0;
        }
    }

    #[test]
    fn the_heavy_stay_and_the_sum_is_right() {
        let mut top: Top<u32, Packets> = Top::new(8);
        for n in 0..10_000u32 {
            // 1 and 2 are heavy, the others come once each.
            top.of(if n % 3 == 0 { n % 2 + 1 } else { 100 + n }).0 += 1;
        }
        let rows = top.sorted();
        assert!(rows.len() <= 8);
        assert_eq!(rows[..2].iter().map(|(key, count)| (*key, count.0)).collect::<Vec<_>>(), [(1, 1667), (2, 1667)]);
        assert_eq!(rows.iter().map(|(_, count)| count.0).sum::<u64>() + top.rest().0, 10_000);
        assert_eq!(top.folded() + rows.len() as u64, 6668);
    }
}
