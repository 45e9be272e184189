//! The Internet checksum, whole (RFC 1071) and incremental (RFC 1624).

/// The one's complement sum of `data`, folded to 16 bits, on top of `start`.
pub fn sum(start: u32, data: &[u8]) -> u32 {
    let mut total = u64::from(start);
    let mut words = data.chunks_exact(2);
    for word in &mut words {
        total += u64::from(u16::from_be_bytes([word[0], word[1]]));
    }
    if let [last] = words.remainder() {
        total += u64::from(u16::from_be_bytes([*last, 0]));
    }
    u32::from(fold(total))
}

/// The checksum field for data of this sum.
pub fn finish(sum: u32) -> u16 {
    !fold(u64::from(sum))
}

fn fold(mut total: u64) -> u16 {
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

/// A change of words that a checksum covers: RFC 1624 equation 3, HC' = ~(~HC + ~m + m').
#[derive(Clone, Copy, Debug, Default)]
pub struct Change(u64);

impl Change {
    /// Nothing yet.
    pub fn new() -> Self {
        Self(0)
    }

    /// A 16-bit word.
    #[must_use]
    pub fn word(self, from: u16, to: u16) -> Self {
        Self(self.0 + u64::from(!from) + u64::from(to))
    }

    /// A run of bytes at an even offset; both of one even length.
    #[must_use]
    pub fn bytes(mut self, from: &[u8], to: &[u8]) -> Self {
        for (from, to) in from.chunks_exact(2).zip(to.chunks_exact(2)) {
            self = self.word(u16::from_be_bytes([from[0], from[1]]), u16::from_be_bytes([to[0], to[1]]));
        }
        self
    }

    /// The checksum field after the change.
    pub fn apply(self, checksum: u16) -> u16 {
        !fold(u64::from(!checksum) + self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1624() {
        // Section 4: HC = 0xDD2F, m = 0x5555, m' = 0x3285 gives 0x0000.
        assert_eq!(Change::new().word(0x5555, 0x3285).apply(0xdd2f), 0x0000);
    }
}
