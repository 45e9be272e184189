//! Reclaims expired entries, in buckets of one second of capture time.

use std::collections::BTreeMap;

/// A timer wheel on capture time. An entry is put into the bucket of the second in which it would expire; by then it may have
/// been given a new lease, and goes into a later bucket. Refreshing an entry costs nothing.
///
/// The next few minutes have a bucket for each second, what comes later one for each block of seconds.
#[derive(Debug)]
pub struct Wheel {
    reclaim: bool,
    /// The first second that is not over; what was due before is in `due`.
    base: u64,
    near: Vec<Vec<u32>>,
    /// Entries in `near`.
    count: usize,
    far: BTreeMap<u64, Vec<u32>>,
    /// Entries of a second that is over, and which.
    due: Vec<u32>,
    due_second: u64,
}

/// Seconds with a bucket of their own: as many as most timers have, so that their entries are put into one bucket only.
const NEAR: u64 = 512;

/// Seconds that share a bucket when they are far away. They are dealt out when the last of them comes near.
const BLOCK: u64 = 128;

impl Default for Wheel {
    fn default() -> Self {
        Self::new(true)
    }
}

impl Wheel {
    /// A wheel that turns, or one that stands still so that only lookups notice expiry.
    pub fn new(reclaim: bool) -> Self {
        let far = BTreeMap::new();
        Self { reclaim, base: u64::MAX, near: Vec::new(), count: 0, far, due: Vec::new(), due_second: 0 }
    }

    /// Puts an entry into the bucket of a second, as seen from `now`. Returns the second in which it will be looked at.
    pub fn schedule(&mut self, entry: u32, second: u64, now: u64) -> u64 {
        if !self.reclaim {
            return second;
        }
        if self.near.is_empty() {
            self.near.resize_with(NEAR as usize, Vec::new);
            self.base = now.min(second);
        }
        // What should have been looked at already is looked at next.
        let second = second.max(self.base);
        self.deal(entry, second);
        second
    }

    fn deal(&mut self, entry: u32, second: u64) {
        if second - self.base < NEAR {
            self.near[(second % NEAR) as usize].push(entry);
            self.count += 1;
        } else {
            self.far.entry(second / BLOCK).or_default().push(entry);
        }
    }

    /// The next entry whose second is over at `now`, with that second. `second_of` tells when an entry is to be looked at, if it
    /// is still there.
    pub fn due(&mut self, now: u64, second_of: impl Fn(u32) -> Option<u64>) -> Option<(u32, u64)> {
        loop {
            if let Some(entry) = self.due.pop() {
                return Some((entry, self.due_second));
            }
            if self.near.is_empty() || self.base >= now {
                return None;
            }
            if self.count == 0 {
                // Nothing until the first block, or at all.
                let first = self.far.first_key_value().map_or(now, |(block, _)| block * BLOCK);
                self.base = self.base.max(first.min(now));
                self.deal_out(&second_of);
                if self.base >= now {
                    return None;
                }
            }
            let bucket = &mut self.near[(self.base % NEAR) as usize];
            std::mem::swap(bucket, &mut self.due);
            self.count -= self.due.len();
            self.due_second = self.base;
            self.base += 1;
            self.deal_out(&second_of);
        }
    }

    /// Deals out the blocks that have come near.
    fn deal_out(&mut self, second_of: &impl Fn(u32) -> Option<u64>) {
        while let Some(first) = self.far.first_entry()
            && (*first.key() + 1) * BLOCK <= self.base + NEAR
        {
            for entry in first.remove() {
                if let Some(second) = second_of(entry) {
                    let second = second.max(self.base);
                    self.deal(entry, second);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Entry 7 at a second, and the moments at which the wheel hands it out.
    fn handed_out(second: u64, steps: &[u64]) -> Vec<u64> {
        let mut wheel = Wheel::default();
        wheel.schedule(7, second, 5);
        let due = |now: &u64| wheel.due(*now, |_| Some(second)) == Some((7, second));
        steps
            .iter()
            .copied()
            .filter({
                let mut due = due;
                move |now| due(now)
            })
            .collect()
    }

    #[test]
    fn a_bucket_is_due_when_its_second_is_over() {
        assert_eq!(handed_out(5, &[5, 6, 7, 9]), [6]);
        for second in [6, 500, 516, 517, 600, 1000, 5000, 432_000] {
            assert_eq!(
                handed_out(second, &[5, second - 1, second, second + 1, second + 900]),
                [second + 1],
                "{second}"
            );
            assert_eq!(handed_out(second, &[second + 10_000]), [second + 10_000], "at one go, {second}");
        }
    }

    #[test]
    fn nothing_is_lost_among_many() {
        let seconds: Vec<u64> = (0..3000).map(|entry| 100 + entry * entry % 7919).collect();
        let mut wheel = Wheel::default();
        for (entry, second) in (0..).zip(&seconds) {
            wheel.schedule(entry, *second, 100);
        }
        let mut handed_out = Vec::new();
        for now in (100..9000).step_by(37) {
            while let Some((entry, second)) = wheel.due(now, |entry| seconds.get(entry as usize).copied()) {
                assert!(second < now && second + 37 >= now.min(second + 37));
                assert_eq!(second, seconds[entry as usize]);
                handed_out.push(entry);
            }
        }
        handed_out.sort_unstable();
        assert_eq!(handed_out, (0..3000).collect::<Vec<_>>());
    }

    #[test]
    fn a_wheel_that_stands_still_hands_out_nothing() {
        let mut wheel = Wheel::new(false);
        wheel.schedule(7, 5, 5);
        assert_eq!(wheel.due(u64::MAX, |_| Some(5)), None);
    }
}
