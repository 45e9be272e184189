//! The Internet checksum: full sums (RFC 1071) and updates (RFC 1624).

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;

/// A value of a checksum field.
///
/// ```
/// use vpcemu_packet::{Checksum, Difference};
///
/// // A word 0x5555 of a header becomes 0x3285 (RFC 1624 section 4).
/// assert_eq!(Checksum(0xdd2f).updated(Difference::of_u16(0x5555, 0x3285)), Checksum(0x0000));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Checksum(pub u16);

impl Checksum {
    /// The checksum of bytes without a pseudo-header: an IPv4 header or an ICMP message.
    ///
    /// Over bytes that hold a right checksum the result is 0.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sum16BitWords::new().add_slice(bytes).ones_complement().to_be())
    }

    /// The same of a few whole 32-bit words, as IP headers are: a loop that short costs less than a call. Bytes behind the
    /// last whole word are not summed up.
    #[inline]
    pub(crate) fn of_words(bytes: &[u8]) -> Self {
        let words = bytes.as_chunks::<4>().0;
        Self(!fold(words.iter().map(|word| u64::from(u32::from_be_bytes(*word))).sum()))
    }

    /// The checksum of a transport segment with the pseudo-header of its IP version.
    ///
    /// Addresses of two families have no pseudo-header and sum up as they are.
    pub fn of_segment(src: IpAddr, dst: IpAddr, protocol: u8, segment: &[u8]) -> Self {
        let mut sum = Sum16BitWords::new();
        for address in [src, dst] {
            sum = match address {
                IpAddr::V4(address) => sum.add_4bytes(address.octets()),
                IpAddr::V6(address) => sum.add_16bytes(address.octets()),
            };
        }
        let length = u32::try_from(segment.len()).unwrap_or(u32::MAX);
        sum = sum.add_4bytes(length.to_be_bytes()).add_2bytes([0, protocol]);
        Self(sum.add_slice(segment).ones_complement().to_be())
    }

    /// This checksum after the difference was applied to the bytes it covers: RFC 1624 equation 3.
    ///
    /// A wrong checksum stays exactly as wrong. A field of 0xFFFF, which no sender computes, counts as 0.
    #[must_use]
    #[inline]
    pub fn updated(self, difference: Difference) -> Self {
        if difference.is_none() {
            return self;
        }
        Self(!fold(u64::from(!self.0) + difference.0))
    }

    /// The same for UDP, where 0 says that there is no checksum and stays, and a sum of 0 is written as 0xFFFF (RFC 768).
    #[must_use]
    #[inline]
    pub fn updated_optional(self, difference: Difference) -> Self {
        if self.0 == 0 { self } else { self.updated(difference).never_zero() }
    }

    /// The value to write where 0 would say that there is no checksum.
    #[must_use]
    #[inline]
    pub fn never_zero(self) -> Self {
        if self.0 == 0 { Self(0xFFFF) } else { self }
    }
}

/// What a rewrite changes in the sum of the bytes: the sum of `~m + m'` over the changed words.
///
/// Differences add up, so one can be computed once for a flow and applied to every packet of it. Room for 2^31 words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Difference(u64);

impl Difference {
    /// Nothing changed.
    pub const NONE: Self = Self(0);

    /// A 16-bit word changed.
    pub fn of_u16(old: u16, new: u16) -> Self {
        Self(u64::from(!old) + u64::from(new))
    }

    /// Two aligned 16-bit words changed.
    pub fn of_u32(old: u32, new: u32) -> Self {
        Self(u64::from(!old) + u64::from(new))
    }

    /// Eight aligned 16-bit words changed.
    pub fn of_u128(old: u128, new: u128) -> Self {
        Self(halves(!old) + halves(new))
    }

    /// An address changed. Addresses of two families sum up as they are.
    #[inline]
    pub fn of_address(old: IpAddr, new: IpAddr) -> Self {
        match (old, new) {
            (IpAddr::V4(old), IpAddr::V4(new)) => Self::of_u32(old.to_bits(), new.to_bits()),
            (IpAddr::V6(old), IpAddr::V6(new)) => Self::of_u128(old.to_bits(), new.to_bits()),
            (IpAddr::V4(old), IpAddr::V6(new)) => Self::of_u128(u128::from(old.to_bits()), new.to_bits()),
            (IpAddr::V6(old), IpAddr::V4(new)) => Self::of_u128(old.to_bits(), u128::from(new.to_bits())),
        }
    }

    /// Bytes that start at an even place gave way to others that do.
    pub(crate) fn of_bytes(old: &[u8], new: &[u8]) -> Self {
        Self(u64::from(Checksum::of(old).0) + u64::from(!Checksum::of(new).0))
    }

    /// The change back.
    pub(crate) fn reversed(self) -> Self {
        Self(u64::from(!fold(self.0)))
    }

    /// A change by what [`Self::fold`] gave.
    #[inline]
    pub(crate) fn folded(sum: u16) -> Self {
        Self(u64::from(sum))
    }

    /// The change in one word.
    #[inline]
    pub(crate) fn fold(self) -> u16 {
        fold(self.0)
    }

    /// Both changes together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// True if no sum changes, which also words that swap places come to.
    #[inline]
    pub fn is_none(self) -> bool {
        matches!(fold(self.0), 0 | 0xFFFF)
    }
}

/// The sum of a wide word's 32-bit parts: 2^16 is 1 in one's complement, so the width of the parts does not matter.
fn halves(wide: u128) -> u64 {
    let low = wide as u64;
    let high = (wide >> 64) as u64;
    (low & 0xFFFF_FFFF) + (low >> 32) + (high & 0xFFFF_FFFF) + (high >> 32)
}

/// Adds the carries back in until 16 bits are left.
#[inline]
fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xFFFF_FFFF) + (sum >> 32);
    let sum = (sum & 0xFFFF) + (sum >> 16);
    let sum = (sum & 0xFFFF) + (sum >> 16);
    let sum = (sum & 0xFFFF) + (sum >> 16);
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_sums_are_those_of_rfc_1071() {
        // The example of section 3: the words add up to 0xddf2.
        let bytes = [0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7];
        assert_eq!(Checksum::of(&bytes), Checksum(!0xDDF2));
        // An odd byte counts as the upper half of a word.
        assert_eq!(Checksum::of(&[0x12]), Checksum(!0x1200));
    }

    #[test]
    fn short_sums_are_those_of_long_ones() {
        for len in (0..64u8).step_by(4) {
            let bytes: Vec<u8> = (0..len).map(|at: u8| at.wrapping_mul(37).wrapping_add(200)).collect();
            assert_eq!(Checksum::of_words(&bytes), Checksum::of(&bytes));
        }
    }

    #[test]
    fn wide_differences_are_those_of_their_words() {
        let (old, new) = (0x0001_F203_F4F5_F6F7_FFFF_0000_8000_7FFF_u128, 0x20_0001_0DB8_u128);
        let words = |wide: u128| (0..8).map(move |at| (wide >> (16 * at)) as u16);
        let by_words =
            words(old).zip(words(new)).fold(Difference::NONE, |sum, (old, new)| sum.and(Difference::of_u16(old, new)));
        let start = Checksum(0x1234);
        assert_eq!(start.updated(Difference::of_u128(old, new)), start.updated(by_words));
    }

    #[test]
    fn no_change_leaves_even_odd_values_alone() {
        assert_eq!(Checksum(0xFFFF).updated(Difference::of_u16(7, 7)), Checksum(0xFFFF));
        assert_eq!(Checksum(0).updated(Difference::of_u32(0x0001_0002, 0x0002_0001)), Checksum(0));
    }

    #[test]
    fn an_optional_checksum_is_never_computed_as_none() {
        assert_eq!(Checksum(0).updated_optional(Difference::of_u16(1, 2)), Checksum(0));
        // RFC 1624's own example sums up to 0.
        assert_eq!(Checksum(0xDD2F).updated_optional(Difference::of_u16(0x5555, 0x3285)), Checksum(0xFFFF));
    }
}
