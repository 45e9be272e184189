//! Why bytes are not taken for an IP datagram.

/// Why bytes are not an IP datagram that a network would forward.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// The first four bits are neither 4 nor 6.
    #[error("the IP version is {0}, neither 4 nor 6")]
    Version(u8),
    /// The bytes end inside the IP header, typically because the capture's snap length is very small.
    #[error("the bytes end inside the IP header")]
    HeaderTruncated,
    /// The IPv4 header claims fewer than five 32-bit words.
    #[error("the IPv4 header length is {0} words, fewer than 5")]
    HeaderLength(u8),
    /// The IPv4 total length does not even hold the header.
    #[error("the total length is {total}, less than the header of {header} bytes")]
    TotalLength {
        /// The total length field.
        total: u32,
        /// The header's length.
        header: u32,
    },
    /// The datagram claims more bytes than the frame had on the wire.
    #[error("the datagram claims {total} bytes, the frame had {frame}")]
    LongerThanFrame {
        /// The datagram's length by its own header.
        total: u32,
        /// The bytes that were on the wire.
        frame: u32,
    },
    /// The IPv4 header checksum is wrong.
    #[error("the IPv4 header checksum is wrong")]
    HeaderChecksum,
    /// More IPv6 extension headers than any real packet has.
    #[error("the chain of IPv6 extension headers is longer than {0}")]
    ChainTooLong(usize),
    /// The chain of IPv6 extension headers leads past the end of the datagram.
    #[error("the chain of IPv6 extension headers leads past the end of the datagram")]
    ChainTruncated,
    /// A fragment inside a fragment: RFC 8200 allows one fragment header.
    #[error("a second IPv6 fragment header")]
    NestedFragment,
    /// The datagram is too short for the header of its transport protocol.
    #[error("the datagram is too short for a header of protocol {0}")]
    TransportTruncated(u8),
    /// The TCP data offset is below five words or past the end of the segment.
    #[error("the TCP data offset is {0} words")]
    TcpDataOffset(u8),
    /// The UDP length is below eight or past the end of the datagram.
    #[error("the UDP length is {length}, the datagram has room for {available}")]
    UdpLength {
        /// The UDP length field.
        length: u32,
        /// The bytes after the IP header.
        available: u32,
    },
    /// The checksum of the transport header is wrong; judged only if checksums are not left to offloads.
    #[error("the checksum of protocol {0} is wrong")]
    TransportChecksum(u8),
    /// The packet quoted in an ICMP error has a wrong header checksum; judged as above (RFC 5508 REQ-3).
    #[error("the header checksum of the quoted packet is wrong")]
    QuotedHeaderChecksum,
}
