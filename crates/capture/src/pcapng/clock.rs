const SECOND: u64 = 1_000_000_000;

/// The clock of an interface: what its ticks are in nanoseconds since the epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Clock {
    rate: Rate,
    /// Seconds to be added.
    offset: i64,
}

/// Decimal clocks, which are nearly all there are, get by with one 64-bit operation a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rate {
    /// Nanoseconds a tick.
    Multiply(u64),
    /// Ticks a nanosecond.
    Divide(u64),
    /// Ticks a second.
    Ratio(u128),
}

impl Clock {
    /// That of an interface which says nothing: microseconds.
    pub(crate) const DEFAULT: Self = Self { rate: Rate::Multiply(1_000), offset: 0 };

    /// Sets the resolution from an if_tsresol: a negative power of 10, or of 2 with the top bit.
    pub(crate) fn set_resolution(&mut self, resolution: u8) {
        let base: u128 = if resolution & 0x80 == 0 { 10 } else { 2 };
        // A clock of more than 2^128 ticks a second: no 64-bit time reaches its first nanosecond either way.
        let ticks = base.saturating_pow(u32::from(resolution & 0x7f));
        self.rate = match u64::try_from(ticks) {
            Ok(ticks) if SECOND.is_multiple_of(ticks) => Rate::Multiply(SECOND / ticks),
            Ok(ticks) if ticks.is_multiple_of(SECOND) => Rate::Divide(ticks / SECOND),
            _ => Rate::Ratio(ticks),
        };
    }

    /// Sets the seconds to be added, from an if_tsoffset.
    pub(crate) fn set_offset(&mut self, seconds: i64) {
        self.offset = seconds;
    }

    /// Nanoseconds since the epoch, if 64 bits hold them.
    pub(crate) fn nanoseconds(self, ticks: u64) -> Option<u64> {
        let since_offset = match self.rate {
            Rate::Multiply(by) if self.offset == 0 => return ticks.checked_mul(by),
            Rate::Divide(by) if self.offset == 0 => return Some(ticks / by),
            Rate::Multiply(by) => u128::from(ticks) * u128::from(by),
            Rate::Divide(by) => u128::from(ticks / by),
            // 64 bits times 30 bits.
            Rate::Ratio(per_second) => u128::from(ticks) * u128::from(SECOND) / per_second,
        };
        let offset = i128::from(self.offset) * i128::from(SECOND);
        u64::try_from(i128::try_from(since_offset).ok()?.checked_add(offset)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(resolution: u8, offset: i64) -> Clock {
        let mut clock = Clock::DEFAULT;
        clock.set_resolution(resolution);
        clock.set_offset(offset);
        clock
    }

    #[test]
    fn resolutions() {
        assert_eq!(clock(6, 0), Clock::DEFAULT);
        assert_eq!(clock(0, 0).nanoseconds(3), Some(3_000_000_000));
        assert_eq!(clock(9, 0).nanoseconds(u64::MAX), Some(u64::MAX));
        assert_eq!(clock(12, 0).nanoseconds(1_999), Some(1));
        assert_eq!(clock(0x80 | 10, 0).nanoseconds(1_025), Some(1_000_976_562));
        assert_eq!(clock(0x80 | 64, 0).nanoseconds(1 << 63), Some(500_000_000));
        assert_eq!(clock(127, 0).nanoseconds(u64::MAX), Some(0));
        assert_eq!(clock(255, 0).nanoseconds(u64::MAX), Some(0));
    }

    #[test]
    fn offsets_and_ends() {
        assert_eq!(clock(9, 2).nanoseconds(1), Some(2_000_000_001));
        assert_eq!(clock(9, -2).nanoseconds(2_000_000_001), Some(1));
        assert_eq!(clock(6, -1).nanoseconds(999_999), None, "before 1970");
        assert_eq!(clock(6, 0).nanoseconds(u64::MAX), None, "after 2554");
        assert_eq!(clock(0, i64::MAX).nanoseconds(u64::MAX), None);
        assert_eq!(clock(255, i64::MIN).nanoseconds(u64::MAX), None);
    }
}
