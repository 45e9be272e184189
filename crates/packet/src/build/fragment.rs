//! Taking a datagram apart into fragments.

use etherparse::Ipv4Header;

use crate::chain;
use crate::checksum::Checksum;
use crate::headers::Fragment;
use crate::number::{
    DESTINATION_OPTIONS, FRAGMENT, FRAGMENT_HEADER, HOP_BY_HOP, IPV4_CHECKSUM_AT, IPV4_HEADER, IPV6_HEADER, ROUTING,
    put_word, word,
};
use crate::options;

/// The pieces of an IPv4 datagram that fit `mtu`, as a router makes them (RFC 791 3.2). They keep the identification;
/// the don't-fragment bit is the caller's to judge. A fragment may be taken apart further.
///
/// What fits already comes back as it is, and so does an IPv6 datagram: only its sender may fragment it, with
/// [`fragment_v6`].
pub fn fragment(datagram: &[u8], mtu: usize) -> Vec<Vec<u8>> {
    ipv4_pieces(datagram, mtu).unwrap_or_else(|| vec![datagram.to_vec()])
}

/// The pieces of an IPv6 datagram that fit `mtu`, as its sender makes them (RFC 8200 4.5), named `id`.
///
/// What fits already, is a fragment, or is IPv4 comes back as it is.
pub fn fragment_v6(datagram: &[u8], mtu: usize, id: u32) -> Vec<Vec<u8>> {
    ipv6_pieces(datagram, mtu, id).unwrap_or_else(|| vec![datagram.to_vec()])
}

fn ipv4_pieces(datagram: &[u8], mtu: usize) -> Option<Vec<Vec<u8>>> {
    let (header, _) = Ipv4Header::from_slice(datagram).ok()?;
    let datagram = datagram.get(..datagram.len().min(usize::from(header.total_len)))?;
    let payload = datagram.get(header.header_len()..)?;
    if datagram.len() <= mtu {
        return None;
    }
    let first_offset = usize::from(header.fragment_offset.value()) * UNIT;
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < payload.len() {
        let mut bytes = datagram.get(..header.header_len())?.to_vec();
        if at > 0 {
            bytes.truncate(IPV4_HEADER);
            bytes.extend(copied_options(header.options.as_slice()));
        }
        let header_len = bytes.len();
        let end = piece_end(at, mtu.saturating_sub(header_len), payload.len());
        bytes.extend_from_slice(&payload[at..end]);

        let more = end < payload.len() || header.more_fragments;
        let offset = u16::try_from((first_offset + at) / UNIT).ok().filter(|offset| *offset <= MAX_OFFSET)?;
        let reserved_and_df = word(datagram, 6)? & 0xC000;
        bytes[0] = 0x40 | (header_len / 4) as u8;
        let total_len = bytes.len() as u16;
        put_word(&mut bytes, 2, total_len);
        put_word(&mut bytes, 6, reserved_and_df | u16::from(more) << 13 | offset);
        put_word(&mut bytes, IPV4_CHECKSUM_AT, 0);
        let checksum = Checksum::of(&bytes[..header_len]);
        put_word(&mut bytes, IPV4_CHECKSUM_AT, checksum.0);
        pieces.push(bytes);
        at = end;
    }
    Some(pieces)
}

fn ipv6_pieces(datagram: &[u8], mtu: usize, id: u32) -> Option<Vec<Vec<u8>>> {
    let header = datagram.first_chunk::<IPV6_HEADER>().filter(|header| header[0] >> 4 == 6)?;
    let total_len = IPV6_HEADER + usize::from(word(datagram, 4)?);
    let datagram = &datagram[..datagram.len().min(total_len)];
    let chain = chain::walk(datagram, header[6]).ok()?;
    if datagram.len() <= mtu || chain.fragment != Fragment::None {
        return None;
    }
    let (split, next_at) = per_fragment_headers(datagram);
    let payload = datagram.get(split..)?;
    let next = datagram[next_at];
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < payload.len() {
        let end = piece_end(at, mtu.saturating_sub(split + FRAGMENT_HEADER), payload.len());
        let mut bytes = datagram[..split].to_vec();
        bytes[next_at] = FRAGMENT;
        let more = end < payload.len();
        bytes.extend_from_slice(&[next, 0]);
        // The offset in units of eight bytes is in the upper 13 bits.
        let field = u16::try_from(at).ok()? | u16::from(more);
        bytes.extend_from_slice(&field.to_be_bytes());
        bytes.extend_from_slice(&id.to_be_bytes());
        bytes.extend_from_slice(&payload[at..end]);
        let payload_len = u16::try_from(bytes.len() - IPV6_HEADER).ok()?;
        put_word(&mut bytes, 4, payload_len);
        pieces.push(bytes);
        at = end;
    }
    Some(pieces)
}

/// Where the part ends that every fragment repeats (up to the last hop-by-hop or routing header), and where the number
/// of the header behind it is.
fn per_fragment_headers(datagram: &[u8]) -> (usize, usize) {
    let mut split = (IPV6_HEADER, 6);
    let (mut at, mut number_at) = (IPV6_HEADER, 6);
    while let Some(&[_, units]) = datagram.get(at..).and_then(|rest| rest.first_chunk::<2>()) {
        let number = datagram[number_at];
        if !matches!(number, HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS) {
            break;
        }
        number_at = at;
        at += (usize::from(units) + 1) * UNIT;
        if number != DESTINATION_OPTIONS && at <= datagram.len() {
            split = (at, number_at);
        }
    }
    split
}

/// Every piece but the last is a multiple of eight bytes, and none is empty.
fn piece_end(at: usize, room: usize, payload_len: usize) -> usize {
    let whole_units = (room / UNIT * UNIT).max(UNIT);
    if payload_len - at <= room.max(UNIT) { payload_len } else { at + whole_units }
}

/// The options that every fragment repeats, padded: those with the copied flag (RFC 791 3.1).
fn copied_options(options: &[u8]) -> Vec<u8> {
    let copied = options::walk(options).filter(|(_, option)| option[0] & COPIED != 0);
    let mut copied: Vec<u8> = copied.flat_map(|(_, option)| option.iter().copied()).collect();
    copied.resize(copied.len().next_multiple_of(4), 0);
    copied
}

/// Fragment offsets count units of eight bytes, and so do the lengths of most IPv6 extension headers.
const UNIT: usize = 8;
/// The flag of an IPv4 option.
const COPIED: u8 = 0x80;
/// Thirteen bits.
const MAX_OFFSET: u16 = 0x1FFF;
