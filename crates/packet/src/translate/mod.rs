//! From one IP version to the other: RFC 7915, as a NAT64 needs it (RFC 6146).
//!
//! A datagram is translated header by header; the caller names the addresses, those of a packet quoted in an ICMP error
//! included. Checksums are updated by what changed, so that a wrong one stays exactly as wrong, and a datagram that the
//! capture cut off stays cut. Ports and the hop count are the caller's business.

mod icmp;
mod v4_to_v6;
mod v6_to_v4;

use std::fmt;

use crate::checksum::{Checksum, Difference};
use crate::number::{DCCP, TCP, UDP, UDP_LITE, put_word, word};

pub use v4_to_v6::v4_to_v6;
pub use v6_to_v4::v6_to_v4;

/// A pair of addresses of one version: what source and destination become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ends<A> {
    /// The new source.
    pub src: A,
    /// The new destination.
    pub dst: A,
}

/// Why a datagram has no form in the other version.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Untranslatable {
    /// It is not of the version to translate from, or its headers are damaged.
    Malformed,
    /// A source route is not done with (RFC 7915 4.1, 5.1).
    SourceRouted,
    /// An ICMP message without counterpart (RFC 7915 4.2, 5.2).
    Icmp {
        /// Its type.
        kind: u8,
        /// Its code.
        code: u8,
    },
    /// ICMP in fragments: its checksum is over all of them (RFC 7915 1.2).
    IcmpFragment,
    /// A fragment of UDP without a checksum, which IPv6 has to have (RFC 7915 4.5).
    NoUdpChecksum,
    /// A protocol that belongs to the other version: its ICMP, or an extension header (RFC 7915 4.2).
    ForeignProtocol,
    /// Larger than a datagram of the other version can be.
    TooLarge,
}

impl fmt::Display for Untranslatable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the headers are damaged"),
            Self::SourceRouted => f.write_str("a source route is not done with"),
            Self::Icmp { kind, code } => write!(f, "ICMP type {kind} code {code} has no counterpart"),
            Self::IcmpFragment => f.write_str("ICMP in fragments is not translated"),
            Self::NoUdpChecksum => f.write_str("a fragment of UDP without a checksum"),
            Self::ForeignProtocol => f.write_str("a protocol of the other IP version"),
            Self::TooLarge => f.write_str("too large for the other version"),
        }
    }
}

impl std::error::Error for Untranslatable {}

/// The sum of bytes as a difference from nothing: what they add to a checksum.
fn added(bytes: &[u8]) -> Difference {
    Difference::of_u16(0, !Checksum::of(bytes).0)
}

/// What taking bytes away does to a checksum.
fn removed(bytes: &[u8]) -> Difference {
    Difference::of_u16(!Checksum::of(bytes).0, 0)
}

/// Updates the transport checksum of a whole datagram's or first fragment's segment, at its start in `segment`, for other
/// addresses in the pseudo-header. ICMP is not of these.
fn update_transport(protocol: u8, segment: &mut [u8], addresses: Difference) {
    let (at, optional) = match protocol {
        TCP => (16, false),
        UDP | UDP_LITE => (6, true),
        DCCP => (6, false),
        _ => return,
    };
    let Some(old) = word(segment, at) else { return };
    let new = if optional { Checksum(old).updated_optional(addresses) } else { Checksum(old).updated(addresses) };
    put_word(segment, at, new.0);
}

#[cfg(test)]
mod tests;
