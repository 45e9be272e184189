//! Bytes of packets without the packet crate: what tests set, and how two packets differ, field by field.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;

/// Sets what a datagram's builder leaves to others. In IPv6 only the hop limit is there to be set.
pub(super) fn set_ip_fields(bytes: &mut Vec<u8>, ttl: u8, id: u16, dont_fragment: bool, options: &[u8]) {
    if bytes[0] >> 4 == 6 {
        bytes[7] = ttl;
        return;
    }
    bytes[8] = ttl;
    bytes[4..6].copy_from_slice(&id.to_be_bytes());
    bytes[6] = if dont_fragment { 0x40 } else { 0 };
    bytes.splice(IPV4_HEADER..IPV4_HEADER, options.iter().copied());
    bytes[0] = 0x40 | ((IPV4_HEADER + options.len()) / 4) as u8;
    let total = bytes.len() as u16;
    bytes[2..4].copy_from_slice(&total.to_be_bytes());
    sum_ipv4_header(bytes);
}

/// Puts an IPv6 options header with nothing but padding (RFC 8200 4.2) behind the IPv6 header.
pub(super) fn insert_extension(bytes: &mut Vec<u8>, number: u8) {
    let padding = [bytes[6], 0, 1, 4, 0, 0, 0, 0];
    bytes[6] = number;
    bytes.splice(IPV6_HEADER..IPV6_HEADER, padding);
    let payload = (bytes.len() - IPV6_HEADER) as u16;
    bytes[4..6].copy_from_slice(&payload.to_be_bytes());
}

/// Sets the type of service or traffic class.
pub(super) fn set_class(bytes: &mut [u8], class: u8) {
    if bytes[0] >> 4 == 6 {
        bytes[0] = 0x60 | class >> 4;
        bytes[1] = class << 4 | (bytes[1] & 15);
    } else {
        bytes[1] = class;
        sum_ipv4_header(bytes);
    }
}

/// Computes the header checksum of an IPv4 datagram.
pub(super) fn sum_ipv4_header(bytes: &mut [u8]) {
    let length = usize::from(bytes[0] & 15) * 4;
    bytes[10..12].fill(0);
    let sum = !add(&bytes[..length]);
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// Adds to the transport checksum of an unfragmented datagram, in ones' complement.
pub(super) fn worsen_checksum(bytes: &mut [u8], by: u16) {
    let (start, protocol) = transport(bytes);
    let at = start
        + match protocol {
            6 => 16,
            17 => 6,
            1 | 58 => 2,
            other => panic!("protocol {other} has no checksum here"),
        };
    add_to(bytes, at, by);
}

/// Adds to the checksum of an IPv4 header, in ones' complement.
pub(super) fn worsen_header(bytes: &mut [u8], by: u16) {
    if by != 0 {
        add_to(bytes, 10, by);
    }
}

fn add_to(bytes: &mut [u8], at: usize, by: u16) {
    let wrong = fold(u32::from(word(bytes, at)) + u32::from(by));
    bytes[at..at + 2].copy_from_slice(&wrong.to_be_bytes());
}

/// Where the transport header starts, and of which protocol it is. Extension headers of IPv6 are not looked behind.
fn transport(bytes: &[u8]) -> (usize, u8) {
    if bytes[0] >> 4 == 6 { (IPV6_HEADER, bytes[6]) } else { (usize::from(bytes[0] & 15) * 4, bytes[9]) }
}

/// The sum of 16-bit words in ones' complement (RFC 1071).
fn add(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low)));
    fold(words.sum())
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// The fields in which two packets differ, one a line; empty if they are the same.
pub(super) fn difference(expected: &[u8], got: &[u8]) -> String {
    let mut text = String::new();
    if expected == got {
        return text;
    }
    let (expected, got) = (fields(expected), fields(got));
    for (name, value) in &expected {
        let other = got.iter().find(|(of, _)| of == name).map_or("nothing", |(_, value)| value.as_str());
        if other != value {
            let _ = writeln!(text, "  {name}: expected {value}, got {other}");
        }
    }
    for (name, value) in got.iter().filter(|(name, _)| expected.iter().all(|(of, _)| of != name)) {
        let _ = writeln!(text, "  {name}: expected nothing, got {value}");
    }
    text
}

/// What a packet says, as names and values.
fn fields(bytes: &[u8]) -> Vec<(String, String)> {
    let mut out = Vec::new();
    ip(&mut out, "", bytes);
    out
}

fn ip(out: &mut Vec<(String, String)>, prefix: &str, bytes: &[u8]) {
    let version = bytes.first().map_or(0, |first| first >> 4);
    let (rest, protocol, later) = match version {
        4 if bytes.len() >= IPV4_HEADER => {
            let length = (usize::from(bytes[0] & 15) * 4).max(IPV4_HEADER).min(bytes.len());
            let address = |at: usize| Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
            let offset = word(bytes, 6) & 0x1fff;
            for (name, value) in [
                ("IP header length", length.to_string()),
                ("IP type of service", bytes[1].to_string()),
                ("IP total length", word(bytes, 2).to_string()),
                ("IP identification", word(bytes, 4).to_string()),
                ("IP flags", format!("{:#05b}", bytes[6] >> 5)),
                ("IP fragment offset", (offset * 8).to_string()),
                ("IP time to live", bytes[8].to_string()),
                ("IP protocol", bytes[9].to_string()),
                ("IP header checksum", format!("{:#06x}", word(bytes, 10))),
                ("IP source", address(12).to_string()),
                ("IP destination", address(16).to_string()),
                ("IP options", hex(&bytes[IPV4_HEADER..length])),
            ] {
                out.push((format!("{prefix}{name}"), value));
            }
            (&bytes[length..], bytes[9], offset > 0)
        }
        6 if bytes.len() >= IPV6_HEADER => {
            let address = |at: usize| {
                <[u8; 16]>::try_from(&bytes[at..at + 16]).map(Ipv6Addr::from).unwrap_or(Ipv6Addr::UNSPECIFIED)
            };
            for (name, value) in [
                ("IP class and label", hex(&bytes[..4])),
                ("IP payload length", word(bytes, 4).to_string()),
                ("IP next header", bytes[6].to_string()),
                ("IP hop limit", bytes[7].to_string()),
                ("IP source", address(8).to_string()),
                ("IP destination", address(24).to_string()),
            ] {
                out.push((format!("{prefix}{name}"), value));
            }
            (&bytes[IPV6_HEADER..], bytes[6], false)
        }
        _ => return out.push((format!("{prefix}bytes"), hex(bytes))),
    };
    if later {
        return out.push((format!("{prefix}payload"), hex(rest)));
    }
    segment(out, prefix, protocol, rest);
}

fn segment(out: &mut Vec<(String, String)>, prefix: &str, protocol: u8, bytes: &[u8]) {
    // Each field: its name, where it starts, how many bytes it has.
    let (names, header): (&[(&str, usize, usize)], usize) = match protocol {
        6 => (
            &[
                ("TCP source port", 0, 2),
                ("TCP destination port", 2, 2),
                ("TCP sequence number", 4, 4),
                ("TCP acknowledgement number", 8, 4),
                ("TCP data offset", 12, 1),
                ("TCP flags", 13, 1),
                ("TCP window", 14, 2),
                ("TCP checksum", 16, 2),
                ("TCP urgent pointer", 18, 2),
            ],
            20,
        ),
        17 => (
            &[("UDP source port", 0, 2), ("UDP destination port", 2, 2), ("UDP length", 4, 2), ("UDP checksum", 6, 2)],
            8,
        ),
        1 | 58 => (
            &[
                ("ICMP type", 0, 1),
                ("ICMP code", 1, 1),
                ("ICMP checksum", 2, 2),
                ("ICMP id or rest, high", 4, 2),
                ("ICMP sequence or rest, low", 6, 2),
            ],
            8,
        ),
        _ => (&[], 0),
    };
    for (name, at, length) in names.iter().filter(|(_, at, length)| at + length <= bytes.len()) {
        let value = bytes[*at..at + length].iter().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
        let text = if name.ends_with("checksum") || name.ends_with("flags") {
            format!("{value:#06x}")
        } else {
            value.to_string()
        };
        out.push((format!("{prefix}{name}"), text));
    }
    let rest = bytes.get(header.min(bytes.len())..).unwrap_or_default();
    let quotes = matches!((protocol, bytes.first()), (1, Some(3 | 4 | 5 | 11 | 12)) | (58, Some(1..=4)));
    if quotes && prefix.is_empty() {
        ip(out, "quoted ", rest);
    } else {
        out.push((format!("{prefix}payload"), hex(rest)));
    }
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// The bytes, or of many the first and how many there are.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(48) {
        let _ = write!(text, "{byte:02x}");
    }
    if bytes.len() > 48 {
        let digest = bytes.iter().fold(0_u64, |digest, byte| digest.wrapping_mul(31).wrapping_add(u64::from(*byte)));
        let _ = write!(text, ".. ({} bytes, digest {digest:x})", bytes.len());
    }
    if text.is_empty() { "none".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_the_field() {
        let one = vpcemu_packet::build::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap()).build();
        let mut other = one.clone();
        other[8] = 9;
        sum_ipv4_header(&mut other);
        assert_eq!(difference(&one, &one), "");
        let text = difference(&one, &other);
        assert!(text.contains("IP time to live: expected 64, got 9\n"), "{text}");
        assert_eq!(text.lines().count(), 2, "the header checksum differs too: {text}");
    }

    #[test]
    fn fields_that_are_set_leave_the_checksums_right() {
        let mut bytes = vpcemu_packet::build::udp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap()).build();
        set_ip_fields(&mut bytes, 7, 99, true, &[1, 1, 1, 0]);
        let headers = crate::headers(&bytes);
        assert_eq!((headers.ttl, headers.dont_fragment, headers.l4), (7, true, 24));
        worsen_checksum(&mut bytes, 1);
        let strict = vpcemu_packet::Headers::parse(&bytes, bytes.len() as u32, vpcemu_packet::Offloads::Strict);
        assert_eq!(strict, Err(vpcemu_packet::Malformed::TransportChecksum(17)));
    }
}
