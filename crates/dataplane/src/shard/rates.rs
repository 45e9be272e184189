//! What interfaces send a second, where that is policed (1.12, 1.26).

use crate::fabric::FixedMap;
use crate::index::EniIx;
use crate::time::Timestamp;

/// Packets that each interface has sent in the second that it last sent one. A second is one of capture time.
#[derive(Debug, Default)]
pub(crate) struct SendRates {
    sent: FixedMap<EniIx, (u64, u32)>,
}

impl SendRates {
    /// Counts a packet; true if it is one more than the interface may send this second.
    pub(crate) fn exceeds(&mut self, limit: u32, eni: EniIx, now: Timestamp) -> bool {
        let second = now.second();
        let sent = self.sent.entry(eni).or_default();
        if sent.0 != second {
            *sent = (second, 0);
        }
        sent.1 = sent.1.saturating_add(1);
        sent.1 > limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_begins_with_the_second_and_not_with_the_packet() {
        let mut rates = SendRates::default();
        let mut exceeds = |milliseconds: u64| rates.exceeds(2, EniIx(0), Timestamp(milliseconds * 1_000_000));
        assert_eq!([1000, 1900, 1999, 2000, 2001, 2002].map(&mut exceeds), [false, false, true, false, false, true]);
    }
}
