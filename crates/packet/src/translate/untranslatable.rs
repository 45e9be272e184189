//! Why a packet has no counterpart in the other IP version.

use crate::headers::IpVersion;
use crate::malformed::Malformed;

/// Why a packet is not translated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Untranslatable {
    /// The packet is of the version that it should become.
    #[error("the packet is {0:?} already")]
    Version(IpVersion),
    /// The capture cut off what decides how the packet is translated: extension headers, the ICMP type.
    #[error("the headers were cut off by the snap length")]
    Cut,
    /// The packet is on its way along a source route. Its sender is to be told (RFC 7915 4.1, 5.1): IPv4 by "source route
    /// failed" (3/5), IPv6 by a parameter problem (4/0) with this pointer.
    #[error("the packet is source-routed, at byte {at}")]
    SourceRouted {
        /// Where the source route option is in the IPv4 header, or the segments left in the IPv6 packet.
        at: u32,
    },
    /// An IPv6 extension header behind a fragment header: in IPv4 the offsets would be wrong (RFC 7915 5.1.1).
    #[error("the fragment starts with IPv6 extension header {0}")]
    ExtensionInFragment(u8),
    /// A fragment of an ICMP message. The checksum of ICMPv6 covers the length of the whole message, which no fragment
    /// tells (RFC 7915 1.2).
    #[error("fragments of ICMP messages are not translated")]
    FragmentedIcmp,
    /// The first fragment of a UDP/IPv4 datagram without checksum. IPv6 wants one, and it would cover all fragments.
    #[error("a fragmented UDP datagram without checksum")]
    NoUdpChecksum,
    /// A protocol that ends at the next hop or means something else in the other version: IGMP (RFC 7915 4.2), the other
    /// version's ICMP, a number of an IPv6 extension header in IPv4.
    #[error("protocol {0} has no counterpart")]
    Protocol(u8),
    /// An ICMP message without counterpart: single-hop messages, obsolete ones, unknown ones.
    #[error("ICMP type {kind} code {code} has no counterpart")]
    Icmp {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
    },
    /// A parameter problem in a header field that the other version does not have.
    #[error("the parameter problem points at byte {0}, which has no counterpart")]
    Pointer(u32),
    /// An ICMP error that does not quote a whole IP header, or the caller did not say what the quoted addresses become.
    #[error("the ICMP error quotes no packet that could be translated with it")]
    NoQuote,
    /// An ICMP error about a packet that is not translated itself, another ICMP error for example (RFC 7915 4.3, 5.3).
    #[error("the packet that the ICMP error quotes has no counterpart")]
    Quoted,
    /// The result is longer than the other version's length field can say.
    #[error("the translated packet would have {0} bytes")]
    TooLong(u32),
    /// The result would be malformed, which only damage that the other version cannot see leads to.
    #[error("the translated packet is malformed: {0}")]
    Malformed(#[from] Malformed),
}
