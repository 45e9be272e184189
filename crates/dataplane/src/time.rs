use std::time::Duration;

/// Capture time: nanoseconds since the Unix epoch. The engine knows no other clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The end of time: what never expires.
    pub const MAX: Self = Self(u64::MAX);

    /// The whole second that this lies in.
    pub fn second(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// This long after.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// What the reader stamps every packet with: the only clock and the only counter that the engine sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Position in the merged input, from 1.
    pub n: u64,
    /// Running maximum of the capture's time stamps.
    pub now: Timestamp,
    /// Which fabric of the timeline is in force.
    pub generation: u32,
}
