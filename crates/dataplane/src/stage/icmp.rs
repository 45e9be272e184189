//! ICMP errors by what they say, in the form of either IP version.
//!
//! Rules: 1.25. Knobs: none.

use vpcemu_packet::IpVersion;

/// Type and code of time exceeded in transit (RFC 792), or hop limit exceeded (RFC 4443 3.3).
pub(crate) fn time_exceeded(version: IpVersion) -> (u8, u8) {
    match version {
        IpVersion::V4 => (11, 0),
        IpVersion::V6 => (3, 0),
    }
}
