//! Reclaims expired entries, in buckets of one second of capture time.

use std::collections::BTreeMap;

use crate::time::Timestamp;

/// A timer wheel on capture time. An entry is put into the bucket of the second in which it would expire; by then it may
/// have been given a new lease, and goes into a later bucket. Refreshing an entry costs nothing.
#[derive(Debug)]
pub struct Wheel {
    buckets: BTreeMap<u64, Vec<u32>>,
    reclaim: bool,
}

impl Default for Wheel {
    fn default() -> Self {
        Self::new(true)
    }
}

impl Wheel {
    /// A wheel that turns, or one that stands still so that only lookups notice expiry.
    pub fn new(reclaim: bool) -> Self {
        Self { buckets: BTreeMap::new(), reclaim }
    }

    /// Puts an entry into the bucket of its expiry and returns that bucket.
    pub fn schedule(&mut self, entry: u32, expires: Timestamp) -> u64 {
        let second = expires.second();
        if self.reclaim {
            self.buckets.entry(second).or_default().push(entry);
        }
        second
    }

    /// The next bucket whose second is over at `now`, so that everything in it that was not refreshed has expired.
    pub fn due(&mut self, now: Timestamp) -> Option<(u64, Vec<u32>)> {
        let first = self.buckets.first_entry()?;
        (*first.key() < now.second()).then(|| first.remove_entry())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_bucket_is_due_when_its_second_is_over() {
        let mut wheel = Wheel::default();
        wheel.schedule(7, Timestamp(5 * SECOND + 1));
        assert_eq!(wheel.due(Timestamp(6 * SECOND - 1)), None);
        assert_eq!(wheel.due(Timestamp(6 * SECOND)), Some((5, vec![7])));
        assert_eq!(wheel.due(Timestamp(9 * SECOND)), None);
    }
}
