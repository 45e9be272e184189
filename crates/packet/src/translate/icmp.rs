//! Which ICMP messages correspond (RFC 7915 4.2, 5.2).

use super::untranslatable::Untranslatable;
use crate::headers::IpVersion;

/// The type of the echo message that corresponds to a query.
pub(super) fn echo(version: IpVersion, kind: u8) -> Option<u8> {
    match (version, kind) {
        (IpVersion::V4, 8) => Some(128),
        (IpVersion::V4, 0) => Some(129),
        (IpVersion::V6, 128) => Some(8),
        (IpVersion::V6, 129) => Some(0),
        _ => None,
    }
}

/// The first eight bytes of an ICMP error but for its checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ErrorHeader {
    pub(super) kind: u8,
    pub(super) code: u8,
    /// The four bytes behind the checksum, without the length of RFC 4884.
    pub(super) rest: u32,
}

impl ErrorHeader {
    /// The same error in the other version. `quoted_len` is the length of the packet it is about, and `max_mtu` what no
    /// announced MTU is above.
    pub(super) fn translated(self, from: IpVersion, quoted_len: u32, max_mtu: u32) -> Result<Self, Untranslatable> {
        let (kind, code, rest) = match from {
            IpVersion::V4 => self.v6(quoted_len, max_mtu)?,
            IpVersion::V6 => self.v4(max_mtu)?,
        };
        Ok(Self { kind, code, rest })
    }

    fn v6(self, quoted_len: u32, max_mtu: u32) -> Result<(u8, u8, u32), Untranslatable> {
        Ok(match (self.kind, self.code) {
            // Network or host unreachable, unknown or isolated, source route failed: no route.
            (3, 0 | 1 | 5 | 6 | 7 | 8 | 11 | 12) => (1, 0, 0),
            // The protocol is unreachable: the next header is unrecognised.
            (3, 2) => (4, 1, NEXT_HEADER_AT),
            (3, 3) => (1, 4, 0),
            (3, 4) => (2, 0, v6_mtu(self.rest & 0xFFFF, quoted_len).min(max_mtu).max(MIN_MTU)),
            // Prohibited, or the precedence is too low.
            (3, 9 | 10 | 13 | 15) => (1, 1, 0),
            (11, code) => (3, code, 0),
            // The pointer is the first byte. Code 2, "bad length", has one too.
            (12, 0 | 2) => (4, 0, v6_pointer(self.rest >> 24)?),
            _ => return Err(self.without_counterpart()),
        })
    }

    fn v4(self, max_mtu: u32) -> Result<(u8, u8, u32), Untranslatable> {
        Ok(match (self.kind, self.code) {
            // No route, beyond the scope of the source, address unreachable: host unreachable.
            (1, 0 | 2 | 3) => (3, 1, 0),
            (1, 1) => (3, 10, 0),
            (1, 4) => (3, 3, 0),
            (2, _) => (3, 4, self.rest.saturating_sub(GROWTH).min(max_mtu).min(0xFFFF)),
            (3, code) => (11, code, 0),
            (4, 0) => (12, 0, v4_pointer(self.rest)? << 24),
            (4, 1) => (3, 2, 0),
            _ => return Err(self.without_counterpart()),
        })
    }

    fn without_counterpart(self) -> Untranslatable {
        Untranslatable::Icmp { kind: self.kind, code: self.code }
    }
}

/// The MTU that an IPv6 sender is told. Routers from before RFC 1191 say 0; what they quote was too long for the link, so
/// that its MTU is likely the next plateau below.
fn v6_mtu(v4_mtu: u32, quoted_len: u32) -> u32 {
    let plateau = || PLATEAUS.into_iter().find(|plateau| *plateau < quoted_len).unwrap_or_default();
    GROWTH + if v4_mtu == 0 { plateau() } else { v4_mtu }
}

/// RFC 7915 figure 3.
fn v6_pointer(pointer: u32) -> Result<u32, Untranslatable> {
    Ok(match pointer {
        // Version and traffic class.
        0 | 1 => pointer,
        // Total length.
        2 | 3 => 4,
        // Time to live.
        8 => 7,
        9 => NEXT_HEADER_AT,
        12..=15 => 8,
        16..=19 => 24,
        // Identification, fragmentation, checksum, options.
        _ => return Err(Untranslatable::Pointer(pointer)),
    })
}

/// RFC 7915 figure 6.
fn v4_pointer(pointer: u32) -> Result<u32, Untranslatable> {
    Ok(match pointer {
        0 | 1 => pointer,
        4 | 5 => 2,
        NEXT_HEADER_AT => 9,
        7 => 8,
        8..=23 => 12,
        24..=39 => 16,
        // The flow label, and whatever is behind the fixed header.
        _ => return Err(Untranslatable::Pointer(pointer)),
    })
}

/// Where an IPv6 header names what follows it.
const NEXT_HEADER_AT: u32 = 6;
/// The difference between the two headers.
const GROWTH: u32 = 20;
/// Every IPv6 link carries as much (RFC 8200 5).
const MIN_MTU: u32 = 1280;
/// RFC 1191 table 7-1. Those below 1280 come to no less than that.
const PLATEAUS: [u32; 8] = [65_535, 32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006];

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(from: IpVersion, kind: u8, code: u8, rest: u32) -> Result<(u8, u8, u32), Untranslatable> {
        let header = ErrorHeader { kind, code, rest }.translated(from, 1500, u32::MAX)?;
        Ok((header.kind, header.code, header.rest))
    }

    #[test]
    fn every_unreachable_code_of_ipv4() {
        let expected = [
            Some((1, 0)),
            Some((1, 0)),
            Some((4, 1)),
            Some((1, 4)),
            Some((2, 0)),
            Some((1, 0)),
            Some((1, 0)),
            Some((1, 0)),
            Some((1, 0)),
            Some((1, 1)),
            Some((1, 1)),
            Some((1, 0)),
            Some((1, 0)),
            Some((1, 1)),
            None,
            Some((1, 1)),
            None,
        ];
        for (code, expected) in (0..).zip(expected) {
            let found = translated(IpVersion::V4, 3, code, 1400);
            assert_eq!(found.ok().map(|(kind, code, _)| (kind, code)), expected, "code {code}");
        }
        assert_eq!(translated(IpVersion::V4, 3, 2, 0), Ok((4, 1, 6)));
    }

    #[test]
    fn the_other_errors_of_ipv4() {
        assert_eq!(translated(IpVersion::V4, 11, 0, 7), Ok((3, 0, 0)));
        assert_eq!(translated(IpVersion::V4, 11, 1, 7), Ok((3, 1, 0)));
        let none = |kind, code| Err(Untranslatable::Icmp { kind, code });
        // Source quench, redirect, a missing option.
        for (kind, code) in [(4, 0), (5, 1), (12, 1), (12, 3), (6, 0), (3, 255)] {
            assert_eq!(translated(IpVersion::V4, kind, code, 0), none(kind, code));
        }
    }

    #[test]
    fn every_error_of_ipv6() {
        let none = |kind, code| Err(Untranslatable::Icmp { kind, code });
        for (code, v4) in [(0, 1), (1, 10), (2, 1), (3, 1), (4, 3)] {
            assert_eq!(translated(IpVersion::V6, 1, code, 9), Ok((3, v4, 0)));
        }
        assert_eq!(translated(IpVersion::V6, 1, 5, 0), none(1, 5));
        assert_eq!(translated(IpVersion::V6, 3, 1, 9), Ok((11, 1, 0)));
        assert_eq!(translated(IpVersion::V6, 4, 1, 6), Ok((3, 2, 0)));
        assert_eq!(translated(IpVersion::V6, 4, 2, 6), none(4, 2));
        assert_eq!(translated(IpVersion::V6, 100, 0, 0), none(100, 0));
    }

    #[test]
    fn pointers_are_those_of_the_figures() {
        let v6 = |pointer: u32| translated(IpVersion::V4, 12, 0, pointer << 24).map(|(_, _, rest)| rest).ok();
        let expected = [0, 1, 4, 4, 99, 99, 99, 99, 7, 6, 99, 99, 8, 8, 8, 8, 24, 24, 24, 24, 99];
        for (pointer, expected) in (0..).zip(expected) {
            assert_eq!(v6(pointer), (expected != 99).then_some(expected), "byte {pointer}");
        }
        assert_eq!(translated(IpVersion::V4, 12, 2, 9 << 24), Ok((4, 0, 6)));
        assert_eq!(translated(IpVersion::V4, 12, 0, 10 << 24), Err(Untranslatable::Pointer(10)));

        let v4 = |pointer| translated(IpVersion::V6, 4, 0, pointer).map(|(_, _, rest)| rest >> 24).ok();
        let ends = [(0, 0), (1, 1), (4, 2), (5, 2), (6, 9), (7, 8), (8, 12), (23, 12), (24, 16), (39, 16)];
        for (pointer, expected) in ends {
            assert_eq!(v4(pointer), Some(expected), "byte {pointer}");
        }
        for pointer in [2, 3, 40, 0x0100_0000, u32::MAX] {
            assert_eq!(v4(pointer), None);
        }
    }

    #[test]
    fn mtus_differ_by_the_headers() {
        let v6 = |mtu: u32, quoted_len, max_mtu| {
            let error = ErrorHeader { kind: 3, code: 4, rest: 0xABCD_0000 | mtu };
            error.translated(IpVersion::V4, quoted_len, max_mtu).unwrap().rest
        };
        assert_eq!(v6(1400, 1500, u32::MAX), 1420);
        assert_eq!(v6(9001, 9001, 1500), 1500);
        assert_eq!(v6(0xFFFF, 1500, u32::MAX), 65_555);
        // Never below what every IPv6 link carries.
        assert_eq!((v6(68, 1500, u32::MAX), v6(1260, 1500, u32::MAX), v6(1261, 1500, u32::MAX)), (1280, 1280, 1281));
        assert_eq!(v6(1400, 1500, 100), 1280);
        // No MTU: the plateau below what was too long.
        let plateaus = [(65_535, 32_020), (32_000, 17_934), (8_167, 8_186), (1_500, 1_512), (1_492, 1_280), (0, 1_280)];
        for (quoted_len, mtu) in plateaus {
            assert_eq!(v6(0, quoted_len, u32::MAX), mtu);
        }

        let v4 = |mtu, max_mtu| {
            ErrorHeader { kind: 2, code: 0, rest: mtu }.translated(IpVersion::V6, 1500, max_mtu).unwrap().rest
        };
        assert_eq!((v4(1280, u32::MAX), v4(9000, 1500), v4(1500, 1500)), (1260, 1500, 1480));
        assert_eq!((v4(u32::MAX, u32::MAX), v4(19, u32::MAX)), (65_535, 0));
    }

    #[test]
    fn echoes_are_the_only_queries() {
        for kind in 0..=255 {
            let v6 = echo(IpVersion::V4, kind);
            assert_eq!(v6.is_some(), matches!(kind, 0 | 8));
            assert_eq!(v6.and_then(|kind| echo(IpVersion::V6, kind)), v6.map(|_| kind));
            assert_eq!(echo(IpVersion::V6, kind).is_some(), matches!(kind, 128 | 129));
        }
    }
}
