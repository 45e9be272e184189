//! Reading what is to be translated: a whole packet, or one that an ICMP error quotes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::untranslatable::Untranslatable;
use crate::headers::{Fragment, IpVersion};
use crate::ip::fragment_of;
use crate::number::{
    AUTHENTICATION, DESTINATION_OPTIONS, FRAGMENT, FRAGMENT_HEADER, HIP, HOP_BY_HOP, IPV4_HEADER, IPV6_HEADER,
    MOBILITY, ROUTING, SHIM6, double_word, word,
};
use crate::options;

/// What an IP packet has for the other version.
pub(super) struct Source<'a> {
    pub(super) src: IpAddr,
    pub(super) dst: IpAddr,
    pub(super) traffic_class: u8,
    pub(super) ttl: u8,
    pub(super) protocol: u8,
    pub(super) piece: Option<Piece>,
    /// What is there behind the header and the extension headers that are not translated.
    pub(super) payload: &'a [u8],
    /// How long that is by the IP header.
    pub(super) payload_len: u32,
}

/// What the fragmentation fields say.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub(super) id: u32,
    /// In bytes.
    pub(super) offset: u16,
    pub(super) more: bool,
}

impl<'a> Source<'a> {
    /// Reads a packet up to the end of `bytes`. `total_len` is the length by its own header, with what is known about it
    /// from elsewhere. Without a header of this version that is [`Untranslatable::Cut`].
    pub(super) fn read(version: IpVersion, bytes: &'a [u8], total_len: u32) -> Result<Self, Untranslatable> {
        match version {
            IpVersion::V4 => Self::v4(bytes, total_len),
            IpVersion::V6 => Self::v6(bytes, total_len),
        }
    }

    pub(super) fn version(&self) -> IpVersion {
        IpVersion::of(self.src)
    }

    /// Which part of a fragmented datagram this is; an atomic fragment is whole.
    pub(super) fn fragment(&self) -> Fragment {
        self.piece.map_or(Fragment::None, |piece| fragment_of(piece.id, piece.offset, piece.more))
    }

    fn v4(bytes: &'a [u8], total_len: u32) -> Result<Self, Untranslatable> {
        let h = bytes.first_chunk::<IPV4_HEADER>().filter(|h| h[0] >> 4 == 4).ok_or(Untranslatable::Cut)?;
        let header_len = usize::from(h[0] & 0x0F) * 4;
        let options = bytes.get(IPV4_HEADER..header_len).ok_or(Untranslatable::Cut)?;
        if let Some(at) = source_route(options) {
            return Err(Untranslatable::SourceRouted { at: (IPV4_HEADER + at) as u32 });
        }
        let flags = u16::from_be_bytes([h[6], h[7]]);
        let piece = Piece {
            id: u32::from(u16::from_be_bytes([h[4], h[5]])),
            offset: (flags & 0x1FFF) << 3,
            more: flags & 0x2000 != 0,
        };
        Ok(Self {
            src: Ipv4Addr::new(h[12], h[13], h[14], h[15]).into(),
            dst: Ipv4Addr::new(h[16], h[17], h[18], h[19]).into(),
            traffic_class: h[1],
            ttl: h[8],
            protocol: h[9],
            piece: (piece.offset > 0 || piece.more).then_some(piece),
            payload: &bytes[header_len..],
            payload_len: total_len.saturating_sub(header_len as u32),
        })
    }

    fn v6(bytes: &'a [u8], total_len: u32) -> Result<Self, Untranslatable> {
        let h = bytes.first_chunk::<IPV6_HEADER>().filter(|h| h[0] >> 4 == 6).ok_or(Untranslatable::Cut)?;
        let mut protocol = h[6];
        let mut at = IPV6_HEADER;
        let mut piece = None;
        // Every step goes on by eight bytes or more.
        while is_extension(protocol) {
            if piece.is_some() {
                return Err(Untranslatable::ExtensionInFragment(protocol));
            }
            if !matches!(protocol, HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | FRAGMENT) {
                // Authentication and its like are a protocol to IPv4.
                break;
            }
            let header = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()).ok_or(Untranslatable::Cut)?;
            let mut len = (usize::from(header[1]) + 1) * 8;
            if protocol == FRAGMENT {
                len = FRAGMENT_HEADER;
                let field = word(header, 2).unwrap_or_default();
                let id = double_word(header, 4).unwrap_or_default();
                piece = Some(Piece { id, offset: field & 0xFFF8, more: field & 1 != 0 });
            } else if protocol == ROUTING && header[SEGMENTS_LEFT] != 0 {
                return Err(Untranslatable::SourceRouted { at: (at + SEGMENTS_LEFT) as u32 });
            }
            protocol = header[0];
            at += len;
        }
        Ok(Self {
            src: address(h, 8),
            dst: address(h, 24),
            traffic_class: h[0] << 4 | h[1] >> 4,
            ttl: h[7],
            protocol,
            piece,
            payload: bytes.get(at..).ok_or(Untranslatable::Cut)?,
            payload_len: total_len.saturating_sub(at as u32),
        })
    }
}

fn address(header: &[u8; IPV6_HEADER], at: usize) -> IpAddr {
    let mut octets = [0; 16];
    octets.copy_from_slice(&header[at..at + 16]);
    Ipv6Addr::from(octets).into()
}

/// All but ESP, which encrypts what follows; authentication is one (RFC 7915 5.1.1).
fn is_extension(protocol: u8) -> bool {
    matches!(protocol, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS | AUTHENTICATION | MOBILITY | HIP | SHIM6)
}

/// Where a source route option is that the packet has not followed to its end.
fn source_route(options: &[u8]) -> Option<usize> {
    options::source_routes(options).find_map(|(at, option)| match *option {
        // Kind, length, pointer: the route has ended where the pointer is behind the length (RFC 791 3.1).
        [_, len, pointer, ..] if pointer <= len => Some(at),
        _ => None,
    })
}

/// The fourth byte of every routing header (RFC 8200 4.4).
const SEGMENTS_LEFT: usize = 3;
