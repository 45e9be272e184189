//! The assigned numbers that more than one module needs (IANA, "Protocol Numbers").

pub(crate) const HOP_BY_HOP: u8 = 0;
pub(crate) const ICMP: u8 = 1;
pub(crate) const IGMP: u8 = 2;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const DCCP: u8 = 33;
pub(crate) const ROUTING: u8 = 43;
pub(crate) const FRAGMENT: u8 = 44;
pub(crate) const AUTHENTICATION: u8 = 51;
pub(crate) const ICMPV6: u8 = 58;
pub(crate) const DESTINATION_OPTIONS: u8 = 60;
pub(crate) const MOBILITY: u8 = 135;
pub(crate) const UDP_LITE: u8 = 136;
pub(crate) const HIP: u8 = 139;
pub(crate) const SHIM6: u8 = 140;

/// An IPv4 header without options (RFC 791 3.1).
pub(crate) const IPV4_HEADER: usize = 20;
/// The fixed IPv6 header (RFC 8200 3).
pub(crate) const IPV6_HEADER: usize = 40;
/// The IPv6 fragment header (RFC 8200 4.5).
pub(crate) const FRAGMENT_HEADER: usize = 8;
/// A TCP header without options (RFC 9293 3.1).
pub(crate) const TCP_HEADER: usize = 20;
/// The UDP header (RFC 768).
pub(crate) const UDP_HEADER: usize = 8;
/// The part of an ICMP message before the packet that an error quotes (RFC 792, RFC 4443 3).
pub(crate) const ICMP_HEADER: usize = 8;
/// Where the identification is in an IPv4 header.
pub(crate) const IPV4_ID_AT: usize = 4;
/// Where the header checksum is in an IPv4 header.
pub(crate) const IPV4_CHECKSUM_AT: usize = 10;
/// Where the checksum is in an ICMP or ICMPv6 message.
pub(crate) const ICMP_CHECKSUM_AT: usize = 2;

/// The big-endian 16-bit word at `at`, if it is there.
pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    let word = bytes.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*word))
}

/// The big-endian 32-bit word at `at`, if it is there.
pub(crate) fn double_word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*word))
}

/// Writes the big-endian 16-bit word at `at`; nothing if it is not there.
pub(crate) fn put_word(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(word) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<2>()) {
        *word = value.to_be_bytes();
    }
}
