//! Translation between IP versions against an independent implementation of the checksums, and against any bytes.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use proptest::prelude::*;
use proptest::sample::Index;
use std::net::{Ipv4Addr, Ipv6Addr};

use vpcemu_packet::translate::{self, Ends, Untranslatable};
use vpcemu_packet::{Headers, IpVersion, Offloads, Packet};

#[allow(dead_code, reason = "shared with the tests of rewriting")]
mod oracle;
#[allow(dead_code, reason = "shared with the tests of rewriting")]
mod samples;

use samples::{any_datagram, any_error, any_sample};

fn v4() -> Ends<Ipv4Addr> {
    Ends { src: [10, 0, 0, 200].into(), dst: [198, 51, 100, 7].into() }
}

fn v6() -> Ends<Ipv6Addr> {
    Ends { src: "2001:db8::10".parse().unwrap(), dst: "64:ff9b::c633:6407".parse().unwrap() }
}

/// Of a datagram that was captured as a whole.
fn v6_to_v4(
    datagram: &[u8],
    ends: Ends<Ipv4Addr>,
    quoted: Option<Ends<Ipv4Addr>>,
    id: u16,
) -> Result<Vec<u8>, Untranslatable> {
    translate::v6_to_v4(datagram, datagram.len() as u32, ends, quoted, id)
}

/// Likewise.
fn v4_to_v6(datagram: &[u8], ends: Ends<Ipv6Addr>, quoted: Option<Ends<Ipv6Addr>>) -> Result<Vec<u8>, Untranslatable> {
    translate::v4_to_v6(datagram, datagram.len() as u32, ends, quoted)
}

/// What the bytes become in the other version, if they have a form there.
fn translated(bytes: &[u8]) -> Option<Vec<u8>> {
    let version = Headers::parse(bytes, bytes.len() as u32, Offloads::Tolerate).unwrap().version;
    match version {
        IpVersion::V4 => v4_to_v6(bytes, v6(), Some(v6())).ok(),
        IpVersion::V6 => v6_to_v4(bytes, v4(), Some(v4()), 7).ok(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn checksums_are_right_on_the_other_side(sample in any_sample()) {
        if let Some(other) = translated(&sample.bytes) {
            Headers::parse(&other, other.len() as u32, Offloads::Strict).unwrap();
            oracle::assert_right(&other);
        }
    }

    #[test]
    fn errors_are_right_with_their_quotes(error in any_error()) {
        let bytes = error.bytes();
        if let Some(other) = translated(&bytes) {
            Headers::parse(&other, other.len() as u32, Offloads::Strict).unwrap();
        }
    }

    #[test]
    fn there_and_back_is_the_same_but_for_the_header(sample in any_datagram()) {
        let before = Headers::parse(&sample.bytes, sample.bytes.len() as u32, Offloads::Tolerate).unwrap();
        let Some(other) = translated(&sample.bytes) else { return Ok(()) };
        let Some(mut again) = translated(&other) else { return Ok(()) };
        let len = again.len() as u32;
        let mut packet = Packet::parse(&mut again, len, Offloads::Strict).unwrap();
        packet.set_src(before.src);
        packet.set_dst(before.dst);
        let after = *packet.headers();
        prop_assert_eq!(after.key(), before.key());
        prop_assert_eq!((after.ttl, after.fragment), (before.ttl, before.fragment));
        let payload = |bytes: &[u8], headers: &Headers| bytes[usize::from(headers.l4)..headers.total_len as usize].to_vec();
        // A UDP checksum that was none has been computed on the way.
        let mut there = payload(&sample.bytes, &before);
        let back = payload(packet.bytes(), &after);
        if before.protocol == 17 && there.get(6..8) == Some(&[0, 0]) {
            there[6..8].copy_from_slice(&back[6..8]);
        }
        prop_assert_eq!(back, there);
    }

    #[test]
    fn any_bytes_survive(bytes in proptest::collection::vec(any::<u8>(), 0..200), version in 0u8..16) {
        let mut bytes = bytes;
        if let Some(first) = bytes.first_mut() {
            *first = version << 4 | *first & 0x0F;
        }
        let _ = v4_to_v6(&bytes, v6(), Some(v6()));
        let _ = v6_to_v4(&bytes, v4(), Some(v4()), 7);
    }

    #[test]
    fn damage_and_cuts_survive(
        error in any_error(),
        damage in proptest::collection::vec((any::<Index>(), any::<u8>()), 0..4),
        cut in any::<Index>(),
    ) {
        let mut bytes = error.bytes();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let _ = v4_to_v6(&bytes, v6(), Some(v6()));
        let _ = v6_to_v4(&bytes, v4(), Some(v4()), 7);
    }
}
