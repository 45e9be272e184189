//! What a worker counted, told apart by when it was: what paths passed by minute, what NAT gateways counted by ten seconds.

use vpcemu_dataplane::Timestamp;
use vpcemu_dataplane::counters::NatCounters;
use vpcemu_dataplane::index::NatIx;

use crate::batch::Passed;
use crate::series::{SLOT, minute_of, slot_of};

/// The ten seconds of capture time in hand, and what has been counted by time and is not told yet.
#[derive(Default)]
pub(crate) struct Clock {
    slot: u64,
    minute: u64,
    /// When the ten seconds are over, in nanoseconds since the epoch.
    ends: u64,
    passed: Vec<(u64, u32, Passed)>,
    nat: Vec<(u64, NatIx, NatCounters)>,
}

impl Clock {
    /// Whether the ten seconds are over. Capture time does not go back.
    #[inline]
    pub(crate) fn turns(&self, now: Timestamp) -> bool {
        now.0 >= self.ends
    }

    /// Whether the minute is over.
    pub(crate) fn turns_minute(&self, now: Timestamp) -> bool {
        minute_of(now.0) != self.minute
    }

    /// Takes the ten seconds in hand that `now` is in.
    pub(crate) fn turn(&mut self, now: Timestamp) {
        self.slot = slot_of(now.0);
        self.minute = minute_of(now.0);
        self.ends = (self.slot + 1).saturating_mul(SLOT * 1_000_000_000);
    }

    /// What paths passed belongs to the minute in hand; they begin at nothing again.
    pub(crate) fn settle_passed(&mut self, passed: &mut [Passed]) {
        let passed = passed.iter_mut().enumerate().filter(|(_, passed)| passed.packets > 0);
        let minute = self.minute;
        // Paths are numbered in 32 bits.
        self.passed.extend(passed.map(|(path, passed)| (minute, path as u32, std::mem::take(passed))));
    }

    /// What NAT gateways have counted since they were last asked belongs to the ten seconds in hand. Mappings that died of idleness
    /// are not in it: their moment is their own, whenever it is noticed.
    pub(crate) fn settle_nat(&mut self, since: impl Iterator<Item = (NatIx, NatCounters)>) {
        self.nat.extend(since.map(|(nat, counted)| (self.slot, nat, counted)));
    }

    /// What paths passed, by minute and path.
    pub(crate) fn take_passed(&mut self) -> Vec<(u64, u32, Passed)> {
        std::mem::take(&mut self.passed)
    }

    /// What NAT gateways counted, by ten seconds.
    pub(crate) fn take_nat(&mut self) -> Vec<(u64, NatIx, NatCounters)> {
        std::mem::take(&mut self.nat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_since_belongs_to_the_ten_seconds_in_hand() {
        let counted =
            |nat, attempts| (NatIx(nat), NatCounters { connection_attempt: attempts, ..NatCounters::default() });
        let mut clock = Clock::default();
        clock.turn(Timestamp(59_999_999_999));
        assert!(!clock.turns(Timestamp(59_999_999_999)) && clock.turns(Timestamp(60_000_000_000)));
        assert!(clock.turns_minute(Timestamp(60_000_000_000)));
        clock.settle_nat([counted(0, 2)].into_iter());
        clock.turn(Timestamp(60_000_000_000));
        assert!(!clock.turns_minute(Timestamp(119_000_000_000)) && clock.turns(Timestamp(70_000_000_000)));
        clock.settle_nat([counted(0, 3), counted(1, 1)].into_iter());
        let expected = [(5, counted(0, 2)), (6, counted(0, 3)), (6, counted(1, 1))];
        assert_eq!(clock.take_nat(), expected.map(|(slot, (nat, counted))| (slot, nat, counted)));
        assert!(clock.take_nat().is_empty());
    }
}
