use std::fmt;

/// An oddity of a capture that was tolerated: common in the wild, and no reason to lose a packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Oddity {
    /// More bytes captured than the snap length allows.
    LongerThanSnapLength,
    /// Microseconds, or nanoseconds, beyond a second: carried into the seconds.
    FractionBeyondSecond,
    /// The original length is below the captured one, which is used instead.
    OriginalShorterThanCaptured,
    /// A time that no 64-bit count of nanoseconds since 1970 holds; the last one of the file is used.
    TimeOutOfRange,
    /// A packet without a time stamp; the last one of the file is used.
    NoTimestamp,
    /// A pcapng block whose length at its end differs from that at its beginning, which is used.
    LengthsDiffer,
}

impl fmt::Display for Oddity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LongerThanSnapLength => "more bytes captured than the snap length allows",
            Self::FractionBeyondSecond => "a fraction of a second that is more than one",
            Self::OriginalShorterThanCaptured => "an original length below the captured one",
            Self::TimeOutOfRange => "a time stamp out of range",
            Self::NoTimestamp => "no time stamp",
            Self::LengthsDiffer => "a block whose two lengths differ",
        })
    }
}

/// How often a capture was odd in one way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Warning {
    /// In which way.
    pub oddity: Oddity,
    /// How often.
    pub count: u64,
    /// The packet that was the first, or came next after it; from 1.
    pub first: u64,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} times, first at packet {}; tolerated", self.oddity, self.count, self.first)
    }
}

/// The oddities of one capture: one entry a kind, so there are never more than there are kinds.
#[derive(Default, Debug)]
pub(crate) struct Warnings(Vec<Warning>);

impl Warnings {
    pub(crate) fn add(&mut self, oddity: Oddity, packet: u64) {
        match self.0.iter_mut().find(|warning| warning.oddity == oddity) {
            Some(warning) => warning.count += 1,
            None => self.0.push(Warning { oddity, count: 1, first: packet }),
        }
    }

    pub(crate) fn as_slice(&self) -> &[Warning] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_by_kind() {
        let mut warnings = Warnings::default();
        for (oddity, packet) in [(Oddity::NoTimestamp, 2), (Oddity::TimeOutOfRange, 3), (Oddity::NoTimestamp, 4)] {
            warnings.add(oddity, packet);
        }
        let sentences: Vec<_> = warnings.as_slice().iter().map(Warning::to_string).collect();
        assert_eq!(
            sentences,
            [
                "no time stamp, 2 times, first at packet 2; tolerated",
                "a time stamp out of range, 1 times, first at packet 3; tolerated",
            ]
        );
    }
}
