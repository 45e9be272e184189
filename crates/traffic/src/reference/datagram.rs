//! What the loop reads of a packet: fixed places, no options of IPv6.

const V4_HEADER: usize = 20;
const V6_HEADER: usize = 40;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// The shortest headers of the transports that are served.
const TCP_HEADER: usize = 20;
const UDP_HEADER: usize = 8;

/// A packet that the loop serves.
#[derive(Clone, Copy)]
pub(super) struct Found {
    /// Where the transport header begins; 0 where nothing was found.
    pub(super) l4: u16,
    pub(super) total_len: u16,
    pub(super) protocol: u8,
    pub(super) v6: bool,
}

impl Found {
    pub(super) const NOTHING: Self = Self { l4: 0, total_len: 0, protocol: 0, v6: false };

    #[inline]
    pub(super) fn is_nothing(self) -> bool {
        self.l4 == 0
    }
}

/// The headers of a datagram, if they are right and the loop serves them.
#[inline(always)]
pub(super) fn validate(datagram: &[u8]) -> Option<Found> {
    if let Some(header) = datagram.first_chunk::<V4_HEADER>()
        && header[0] >> 4 == 4
    {
        let l4 = usize::from(header[0] & 15) * 4;
        let total_len = u16::from_be_bytes([header[2], header[3]]);
        let whole = usize::from(total_len) <= datagram.len() && l4 >= V4_HEADER;
        // More fragments, or an offset.
        let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3FFF != 0;
        let right = header_sum(header, datagram.get(V4_HEADER..l4)?) == 0xFFFF;
        if !whole || fragment || header[8] <= 1 || !right {
            return None;
        }
        let segment = datagram.get(l4..usize::from(total_len))?;
        return transport(segment, header[9]).then_some(Found {
            l4: l4 as u16,
            total_len,
            protocol: header[9],
            v6: false,
        });
    }
    let header = datagram.first_chunk::<V6_HEADER>()?;
    let payload_len = u16::from_be_bytes([header[4], header[5]]);
    let total_len = payload_len.checked_add(V6_HEADER as u16)?;
    if header[0] >> 4 != 6 || header[7] <= 1 {
        return None;
    }
    let segment = datagram.get(V6_HEADER..usize::from(total_len))?;
    let found = Found { l4: V6_HEADER as u16, total_len, protocol: header[6], v6: true };
    transport(segment, header[6]).then_some(found)
}

/// Whether the loop serves a segment.
#[inline(always)]
fn transport(segment: &[u8], protocol: u8) -> bool {
    match protocol {
        UDP => segment.len() >= UDP_HEADER,
        TCP => segment.len() >= TCP_HEADER,
        // Echo, whose identifier stands for the ports.
        ICMP => segment.len() >= UDP_HEADER && matches!(segment[0], 0 | 8),
        ICMPV6 => segment.len() >= UDP_HEADER && matches!(segment[0], 128 | 129),
        _ => false,
    }
}

/// The sum of an IPv4 header's words: 0xFFFF if its checksum is right (RFC 1071).
#[inline(always)]
fn header_sum(header: &[u8; V4_HEADER], options: &[u8]) -> u16 {
    let words = header.as_chunks::<4>().0.iter().chain(options.as_chunks::<4>().0);
    // The order of the bytes in a word does not matter to whether the sum is all ones.
    let sum: u64 = words.map(|word| u64::from(u32::from_ne_bytes(*word))).sum();
    let sum = (sum & 0xFFFF_FFFF) + (sum >> 32);
    let sum = (sum & 0xFFFF) + (sum >> 16);
    let sum = (sum & 0xFFFF) + (sum >> 16);
    let sum = (sum & 0xFFFF) + (sum >> 16);
    sum as u16
}

/// One direction of a flow: addresses, then ports or identifier, protocol and version in the last word. IPv4 leaves
/// three words in the middle 0, and nobody reads them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Key(pub(super) [u64; 5]);

impl Key {
    /// The key of a packet that was validated.
    #[inline(always)]
    pub(super) fn of(datagram: &[u8], found: &Found) -> Self {
        let l4 = usize::from(found.l4);
        let ports = match found.protocol {
            TCP | UDP => word32(datagram, l4),
            // The identifier; the type tells a request from its reply.
            _ => word32(datagram, l4 + 4) & IDENTIFIER | u32::from(datagram[l4]),
        };
        let tail = u64::from(ports) << 16 | u64::from(found.protocol) << 8 | u64::from(found.v6);
        if found.v6 {
            let word = |at| word64(datagram, at);
            Self([word(8), word(16), word(24), word(32), tail])
        } else {
            Self([word64(datagram, 12), 0, 0, 0, tail])
        }
    }

    #[inline(always)]
    pub(super) fn is_v6(&self) -> bool {
        self.0[4] & 1 == 1
    }

    /// A multiplication of 64 by 64 bits mixes best what the addresses and the ports have in common: low bits.
    #[inline(always)]
    pub(super) fn hash(&self) -> u64 {
        let [a, b, c, d, tail] = self.0;
        let mixed = fold(a ^ FIRST, tail ^ SECOND);
        if self.is_v6() { fold(fold(b ^ FIRST, c ^ mixed), d ^ SECOND) } else { mixed }
    }

    /// Equality, without the words that IPv4 does not use.
    #[inline(always)]
    pub(super) fn is(&self, other: &Self) -> bool {
        let (own, other) = (&self.0, &other.0);
        own[0] == other[0] && own[4] == other[4] && (!self.is_v6() || own[1..4] == other[1..4])
    }
}

/// The first two of the four bytes behind an echo's checksum.
const IDENTIFIER: u32 = 0xFFFF_0000;

/// Digits of pi, as good as any.
const FIRST: u64 = 0x243F_6A88_85A3_08D3;
const SECOND: u64 = 0x1319_8A2E_0370_7344;

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide as u64) ^ (wide >> 64) as u64
}

#[inline(always)]
fn word32(datagram: &[u8], at: usize) -> u32 {
    datagram.get(at..at + 4).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

#[inline(always)]
fn word64(datagram: &[u8], at: usize) -> u64 {
    datagram.get(at..at + 8).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Where the parts of a packet are that the loop writes.
pub(super) struct Places {
    /// Hop limit.
    pub(super) ttl: usize,
    /// The IPv4 address: the source, or the destination.
    pub(super) address: usize,
    /// The port on the same side, or the identifier.
    pub(super) port: usize,
    /// The transport checksum.
    pub(super) checksum: usize,
}

impl Places {
    #[inline(always)]
    pub(super) fn of(found: &Found, destination: bool) -> Self {
        let l4 = usize::from(found.l4);
        let (port, checksum) = match found.protocol {
            UDP => (l4 + 2 * usize::from(destination), l4 + 6),
            TCP => (l4 + 2 * usize::from(destination), l4 + 16),
            _ => (l4 + 4, l4 + 2),
        };
        let ttl = if found.v6 { 7 } else { 8 };
        Self { ttl, address: 12 + 4 * usize::from(destination), port, checksum }
    }
}

/// Whether a checksum of 0 says that there is none.
#[inline(always)]
pub(super) fn is_optional(found: &Found) -> bool {
    found.protocol == UDP
}

/// Whether the transport checksum covers the addresses.
pub(super) fn covers_addresses(found: &Found) -> bool {
    found.protocol != ICMP
}
