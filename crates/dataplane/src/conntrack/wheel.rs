//! Reclaims expired entries, in buckets of one second of capture time.

use std::collections::BTreeMap;

use super::lists::{List, Lists};

/// A timer wheel on capture time. An entry is put into the bucket of the second in which it would expire; by then it may have
/// been given a new lease, and goes into a later bucket. Refreshing an entry costs nothing.
///
/// The next few minutes have a bucket for each second, what comes later one for each block of seconds.
#[derive(Debug)]
pub struct Wheel {
    reclaim: bool,
    /// The first second that is not over; what was due before is in `due`.
    base: u64,
    near: Vec<List>,
    /// Which buckets of `near` have entries, a bit each: most seconds are over without one.
    occupied: [u64; WORDS],
    far: BTreeMap<u64, List>,
    /// Entries of a second that is over, and which.
    due: List,
    due_second: u64,
    lists: Lists,
}

/// Seconds with a bucket of their own: as many as most timers have, so that their entries are put into one bucket only.
const NEAR: u64 = 512;

/// Bits for all of them.
const WORDS: usize = NEAR as usize / 64;

/// Seconds that share a bucket when they are far away. They are dealt out when the last of them comes near.
const BLOCK: u64 = 128;

/// Whether a second comes before another one, of which 32 bits are known: 68 years from each other they are taken for what they
/// are not, and an entry is looked at too early or too late.
pub(super) fn is_before(second: u64, other: u32) -> bool {
    (second as u32).wrapping_sub(other) > u32::MAX / 2
}

impl Default for Wheel {
    fn default() -> Self {
        Self::new(true)
    }
}

impl Wheel {
    /// A wheel that turns, or one that stands still so that only lookups notice expiry.
    pub fn new(reclaim: bool) -> Self {
        Self {
            reclaim,
            base: u64::MAX,
            near: Vec::new(),
            occupied: [0; WORDS],
            far: BTreeMap::new(),
            due: List::EMPTY,
            due_second: 0,
            lists: Lists::default(),
        }
    }

    /// Puts an entry into the bucket of a second, as seen from `now`. Returns the second in which it will be looked at.
    pub fn schedule(&mut self, entry: u32, second: u64, now: u64) -> u64 {
        if !self.reclaim {
            return second;
        }
        if self.near.is_empty() {
            self.near = vec![List::EMPTY; NEAR as usize];
            self.base = now.min(second);
        }
        // What should have been looked at already is looked at next.
        let second = second.max(self.base);
        self.deal(entry, second);
        second
    }

    fn deal(&mut self, entry: u32, second: u64) {
        if second - self.base < NEAR {
            let bucket = (second % NEAR) as usize;
            self.lists.push(&mut self.near[bucket], entry);
            self.occupied[bucket / 64] |= 1 << (bucket % 64);
        } else {
            self.lists.push(self.far.entry(second / BLOCK).or_default(), entry);
        }
    }

    /// The next entry whose second is over at `now`, with that second. `second_of` tells when an entry is to be looked at, in
    /// 32 bits, if it is still there.
    pub fn due(&mut self, now: u64, second_of: impl Fn(u32) -> Option<u32>) -> Option<(u32, u64)> {
        loop {
            if let Some(entry) = self.lists.pop(&mut self.due) {
                return Some((entry, self.due_second));
            }
            if self.near.is_empty() || self.base >= now {
                return None;
            }
            let next = self.next_occupied(self.base).unwrap_or(now).min(now);
            // When the first block that is far away comes near.
            let deals = self.far.first_key_value().map(|(block, _)| ((block + 1) * BLOCK).saturating_sub(NEAR));
            if let Some(deals) = deals.filter(|deals| *deals <= next) {
                self.base = self.base.max(deals);
                self.deal_out(&second_of);
                continue;
            }
            self.base = next;
            if next >= now {
                return None;
            }
            let bucket = (next % NEAR) as usize;
            std::mem::swap(&mut self.near[bucket], &mut self.due);
            self.occupied[bucket / 64] &= !(1 << (bucket % 64));
            self.due_second = next;
            self.base += 1;
        }
    }

    /// The first second with a bucket of its own that has entries, from `start` on.
    fn next_occupied(&self, start: u64) -> Option<u64> {
        let first = (start % NEAR) as usize;
        // Once around: the word that it starts in comes last again, for the seconds before the start.
        (0..=WORDS).find_map(|step| {
            let word = (first / 64 + step) % WORDS;
            let mask = match step {
                0 => u64::MAX << (first % 64),
                WORDS => !(u64::MAX << (first % 64)),
                _ => u64::MAX,
            };
            let found = self.occupied[word] & mask;
            let bucket = word * 64 + found.trailing_zeros() as usize;
            (found != 0).then(|| start + (bucket + NEAR as usize - first) as u64 % NEAR)
        })
    }

    /// Some of the entries that will be handed out next, if nothing is put before them.
    #[inline]
    pub(super) fn upcoming(&self) -> impl Iterator<Item = u32> + use<> {
        let list = if self.due.is_empty() {
            self.next_occupied(self.base).and_then(|second| self.near.get((second % NEAR) as usize)).copied()
        } else {
            Some(self.due)
        };
        self.lists.first(list.unwrap_or(List::EMPTY))
    }

    /// Deals out the blocks that have come near.
    fn deal_out(&mut self, second_of: &impl Fn(u32) -> Option<u32>) {
        while let Some(first) = self.far.first_entry()
            && (*first.key() + 1) * BLOCK <= self.base.saturating_add(NEAR)
        {
            let mut block = first.remove();
            while let Some(entry) = self.lists.pop(&mut block) {
                if let Some(second) = second_of(entry) {
                    let ahead = second.wrapping_sub(self.base as u32);
                    // What is behind was put there when the base was: it is looked at next.
                    let ahead = if ahead > u32::MAX / 2 { 0 } else { ahead };
                    self.deal(entry, self.base.saturating_add(u64::from(ahead)));
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
        let due = |now: &u64| wheel.due(*now, |_| Some(second as u32)) == Some((7, second));
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
            while let Some((entry, second)) =
                wheel.due(now, |entry| seconds.get(entry as usize).map(|second| *second as u32))
            {
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
