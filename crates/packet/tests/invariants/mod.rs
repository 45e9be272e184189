//! What holds for any bytes at all. The fuzz target and the replay of its corpus both call [`check`].
//!
//! An input is two bytes of settings (framing and rules; bytes missing from the capture), eight bytes that the new
//! addresses, ports and hop limits are made of, and a frame.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vpcemu_packet::translate::{Ends, v4_to_v6, v6_to_v4};
use vpcemu_packet::{Framing, Headers, IpVersion, Offloads, Packet, QuoteTransport, Transport, build};

/// In the order that the first byte of an input counts them.
pub(crate) const FRAMINGS: [Framing; 6] =
    [Framing::Raw, Framing::Ethernet, Framing::LinuxSll, Framing::LinuxSll2, Framing::Null, Framing::Loop];

/// The bit of the first byte that asks for strict rules.
pub(crate) const STRICT: u8 = 0x80;

/// Panics if anything about this input is not as it should be.
pub(crate) fn check(input: &[u8]) {
    let Some((settings, frame)) = input.split_at_checked(10) else { return };
    let framing = FRAMINGS[usize::from(settings[0] & 0x7F) % FRAMINGS.len()];
    let rules = if settings[0] & STRICT != 0 { Offloads::Strict } else { Offloads::Tolerate };
    let values = u64::from_be_bytes(settings[2..].try_into().unwrap());

    let link = match framing.locate(frame) {
        Ok(link) => link,
        Err(not_ip) => return assert!(!not_ip.to_string().is_empty()),
    };
    let before = &frame[link.offset..];
    let original_len = before.len() as u32 + u32::from(settings[1]);
    let mut bytes = before.to_vec();
    let mut packet = match Packet::parse(&mut bytes, original_len, rules) {
        Ok(packet) => packet,
        Err(malformed) => return assert!(!malformed.to_string().is_empty()),
    };
    let headers = *packet.headers();
    check_headers(&headers, original_len);
    check_built(before, &headers);
    check_translated(before, original_len, rules);
    check_segment(before, original_len, rules);

    // The headers a packet believes in are those that its bytes have, and what was right stays right.
    rewrite(&mut packet, values);
    let rewritten = *packet.headers();
    assert_eq!(Headers::parse(packet.bytes(), original_len, rules), Ok(rewritten));

    restore(&mut packet, &headers);
    assert_eq!(*packet.headers(), headers);
    check_restored(before, packet.bytes(), headers.version);
    packet.fix_ip_checksum();
}

/// What becomes of a datagram in the other IP version is as right as it was.
fn check_translated(before: &[u8], original_len: u32, rules: Offloads) {
    let v4 = Ends { src: Ipv4Addr::new(10, 0, 0, 1), dst: Ipv4Addr::new(192, 0, 2, 1) };
    let v6 = Ends {
        src: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
        dst: Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 1),
    };
    for translated in [v6_to_v4(before, original_len, v4, Some(v4), 7), v4_to_v6(before, original_len, v6, Some(v6))]
        .into_iter()
        .flatten()
    {
        let longest = original_len + 100;
        let headers = Headers::parse(&translated, longest, Offloads::Tolerate).unwrap();
        assert!(headers.total_len <= longest);
        let whole = headers.total_len as usize == translated.len();
        if rules == Offloads::Strict && whole && before.len() == original_len as usize {
            Headers::parse(&translated, translated.len() as u32, rules).unwrap();
        }
    }
}

/// A lower segment size and another identification leave everything else as right as it was.
fn check_segment(before: &[u8], original_len: u32, rules: Offloads) {
    let mut bytes = before.to_vec();
    let mut packet = Packet::parse(&mut bytes, original_len, rules).unwrap();
    let offered = packet.mss();
    assert_eq!(packet.clamp_mss(536), offered.is_some_and(|mss| mss > 536));
    assert_eq!(packet.mss(), offered.map(|mss| mss.min(536)));
    packet.set_ip_id(7);
    let headers = *packet.headers();
    assert_eq!(Headers::parse(packet.bytes(), original_len, rules), Ok(headers));
}

fn check_headers(headers: &Headers, original_len: u32) {
    assert!(u32::from(headers.l4) <= headers.total_len);
    assert!(headers.total_len <= original_len);
    let key = headers.key();
    assert_eq!(key.reversed().reversed(), key);
    assert!(!key.to_string().is_empty());
    if let Transport::IcmpError { quote: Some(quote), .. } = headers.transport {
        assert!(quote.at < quote.l4 && quote.l4 <= quote.end && u32::from(quote.end) <= headers.total_len);
        assert_eq!(quote.src.is_ipv4(), headers.src.is_ipv4());
        assert!(quote.transport == QuoteTransport::None || quote.key().is_some());
    }
}

/// What is built about a packet is right in itself.
fn check_built(datagram: &[u8], headers: &Headers) {
    let answers = [build::tcp_reset(headers), build::icmp_error(headers.dst, headers.src, 3, 4, 1500, datagram)];
    for answer in answers.iter().filter(|answer| !answer.is_empty()) {
        let answered = Headers::parse(answer, answer.len() as u32, Offloads::Tolerate).unwrap();
        assert_eq!((answered.src, answered.dst), (headers.dst, headers.src));
    }
    for mtu in [0, 68, 1280] {
        for piece in build::fragment(datagram, mtu).iter().chain(&build::fragment_v6(datagram, mtu, 7)) {
            let _ = Headers::parse(piece, piece.len() as u32, Offloads::Tolerate);
        }
    }
}

fn rewrite(packet: &mut Packet<'_>, values: u64) {
    let [a, b, c, d] = [values as u16, (values >> 16) as u16, (values >> 32) as u16, (values >> 48) as u16];
    let version = packet.headers().version;
    packet.set_src(address(version, a, b));
    packet.set_src_port(c);
    packet.set_dst(address(version, c, d));
    packet.set_dst_port(a);
    packet.set_quote_src(address(version, d, b));
    packet.set_quote_dst_port(b);
    packet.set_quote_dst(address(version, b, a));
    packet.set_quote_src_port(d);
    packet.decrement_ttl(b as u8);
    packet.set_ttl(c as u8);
}

fn restore(packet: &mut Packet<'_>, headers: &Headers) {
    packet.set_ttl(headers.ttl);
    packet.set_src(headers.src);
    packet.set_dst(headers.dst);
    let key = headers.key();
    packet.set_src_port(key.src_port);
    packet.set_dst_port(key.dst_port);
    let Transport::IcmpError { quote: Some(quote), .. } = headers.transport else { return };
    packet.set_quote_src(quote.src);
    packet.set_quote_dst(quote.dst);
    let (src, dst) = match quote.transport {
        QuoteTransport::Ports { src, dst } => (src, dst),
        QuoteTransport::Query { id, .. } => (id, id),
        QuoteTransport::None => return,
    };
    packet.set_quote_src_port(src);
    packet.set_quote_dst_port(dst);
}

/// Rewriting there and back restores the bytes, but for two values of a checksum that no sender computes: 0xFFFF comes
/// back as 0, which is the same sum, and an IPv4 header checksum of 0 was filled in.
fn check_restored(before: &[u8], after: &[u8], version: IpVersion) {
    for (at, (before, after)) in before.chunks(2).zip(after.chunks(2)).enumerate() {
        let same_sum = before == [0xFF, 0xFF] && after == [0, 0];
        let filled_in = version == IpVersion::V4 && at == 5 && before == [0, 0];
        assert!(before == after || same_sum || filled_in, "word {at}: {before:02x?} came back as {after:02x?}");
    }
}

fn address(version: IpVersion, high: u16, low: u16) -> IpAddr {
    match version {
        IpVersion::V4 => Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)).into(),
        IpVersion::V6 => Ipv6Addr::new(high, low, 0, high, 0, low, high, low).into(),
    }
}
