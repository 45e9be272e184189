//! Packets over capture time, in a bounded number of stretches.

use std::collections::BTreeMap;

use vpcemu_dataplane::DropReason;

/// Stretches that are kept at most: as many bars as can be told apart on a page.
const MOST: u64 = 120;

/// How long a stretch can be, in milliseconds. Each is a multiple of the one before, so that stretches can be put together;
/// beyond, ten times as long each time.
const WIDTHS: [u64; 19] = [
    1,
    2,
    10,
    20,
    100,
    200,
    1_000,
    2_000,
    10_000,
    20_000,
    60_000,
    120_000,
    600_000,
    1_200_000,
    3_600_000,
    7_200_000,
    21_600_000,
    86_400_000,
    172_800_000,
];

const MILLISECOND: u64 = 1_000_000;

/// What happened in one stretch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) delivered: u64,
    pub(crate) held: u64,
    pub(crate) bytes: u64,
    pub(crate) dropped: BTreeMap<DropReason, u64>,
}

impl Stretch {
    pub(crate) fn drops(&self) -> u64 {
        self.dropped.values().sum()
    }

    fn absorb(&mut self, other: &Self) {
        self.delivered += other.delivered;
        self.held += other.held;
        self.bytes += other.bytes;
        for (reason, packets) in &other.dropped {
            *self.dropped.entry(*reason).or_default() += packets;
        }
    }
}

/// Stretches by their number since the epoch. They start at round times, and get longer when they would be too many.
#[derive(Debug)]
pub(crate) struct OverTime {
    /// In milliseconds.
    width: u64,
    stretches: BTreeMap<u64, Stretch>,
}

impl OverTime {
    pub(crate) fn new() -> Self {
        Self { width: WIDTHS[0], stretches: BTreeMap::new() }
    }

    /// The stretch of a moment, in nanoseconds since the epoch.
    pub(crate) fn at(&mut self, nanoseconds: u64) -> &mut Stretch {
        let milliseconds = nanoseconds / MILLISECOND;
        let (first, last) = match (self.stretches.first_key_value(), self.stretches.last_key_value()) {
            (Some((first, _)), Some((last, _))) => (*first * self.width, *last * self.width),
            _ => (milliseconds, milliseconds),
        };
        let (first, last) = (first.min(milliseconds), last.max(milliseconds));
        while last / self.width - first / self.width >= MOST {
            self.widen();
        }
        self.stretches.entry(milliseconds / self.width).or_default()
    }

    /// How long a stretch is, in milliseconds.
    pub(crate) fn width(&self) -> u64 {
        self.width
    }

    /// Every stretch from the first to the last, those without packets included, with the milliseconds at which it begins.
    pub(crate) fn all(&self) -> Vec<(u64, Stretch)> {
        let (Some((first, _)), Some((last, _))) = (self.stretches.first_key_value(), self.stretches.last_key_value())
        else {
            return Vec::new();
        };
        let stretch = |number: u64| self.stretches.get(&number).cloned().unwrap_or_default();
        (*first..=*last).map(|number| (number * self.width, stretch(number))).collect()
    }

    fn widen(&mut self) {
        let wider = WIDTHS.iter().copied().find(|width| *width > self.width).unwrap_or(self.width * 10);
        let times = wider / self.width;
        for (number, stretch) in std::mem::take(&mut self.stretches) {
            self.stretches.entry(number / times).or_default().absorb(&stretch);
        }
        self.width = wider;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_divide_each_other() {
        assert!(WIDTHS.windows(2).all(|pair| pair[1] % pair[0] == 0 && pair[1] > pair[0]));
    }

    #[test]
    fn stretches_get_longer_and_lose_nothing() {
        let mut time = OverTime::new();
        for n in 0..10_000u64 {
            // From a moment to hours later, at growing distance.
            time.at(1_700_000_000_000_000_000 + n * n * 1_000_000).delivered += 1;
        }
        let all = time.all();
        assert!((2..=MOST as usize).contains(&all.len()), "{}", all.len());
        assert_eq!(all.iter().map(|(_, stretch)| stretch.delivered).sum::<u64>(), 10_000);
        assert_eq!(time.width(), 1_200_000);
        assert!(all.windows(2).all(|pair| pair[1].0 - pair[0].0 == time.width()));
    }

    #[test]
    fn the_end_of_time_is_a_time() {
        let mut time = OverTime::new();
        time.at(0).delivered += 1;
        time.at(u64::MAX).delivered += 1;
        assert_eq!(time.all().iter().map(|(_, stretch)| stretch.delivered).sum::<u64>(), 2);
    }
}
