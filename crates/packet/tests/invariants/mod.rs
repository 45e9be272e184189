//! What holds for any bytes at all. The fuzz target and the replay of its corpus both call [`check`].
//!
//! An input is two bytes of settings (framing and rules; bytes missing from the capture), eight bytes that the new
//! addresses, ports and hop limits are made of, and a frame.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vpcemu_packet::{Framing, Headers, IpVersion, Offloads, Packet, Plain, QuoteTransport, Transport, build};

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
    check_plain(before);
    let mut bytes = before.to_vec();
    let mut packet = match Packet::parse(&mut bytes, original_len, rules) {
        Ok(packet) => packet,
        Err(malformed) => return assert!(!malformed.to_string().is_empty()),
    };
    check_clamped(&packet, rules, values as u16);
    let headers = *packet.headers();
    check_headers(&headers, original_len);
    check_built(before, &headers);

    // The headers a packet believes in are those that its bytes have, and what was right stays right.
    rewrite(&mut packet, values);
    let rewritten = *packet.headers();
    assert_eq!(Headers::parse(packet.bytes(), original_len, rules), Ok(rewritten));

    restore(&mut packet, &headers);
    assert_eq!(*packet.headers(), headers);
    check_restored(before, packet.bytes(), headers.version);
    packet.fix_ip_checksum();
}

/// What the short walk takes for a packet is one, and says the same of it.
fn check_plain(datagram: &[u8]) {
    let Some(plain) = Plain::parse(datagram) else { return };
    let headers = Headers::parse(datagram, datagram.len() as u32, Offloads::Tolerate).unwrap();
    assert_eq!(plain.key(), headers.key());
    assert_eq!((u32::from(plain.total_len), plain.ttl), (headers.total_len, headers.ttl));
    assert_eq!(plain.is_v6(), headers.version == IpVersion::V6);
    assert_eq!(headers.fragment, vpcemu_packet::Fragment::None);
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

/// A segment size is lowered, nothing else is touched, and a right checksum stays right.
fn check_clamped(packet: &Packet<'_>, rules: Offloads, max: u16) {
    let mut bytes = packet.bytes().to_vec();
    let mut clamped = Packet::parse(&mut bytes, packet.original_len(), rules).unwrap();
    let before = clamped.mss();
    assert_eq!(clamped.clamp_mss(max), before.is_some_and(|mss| mss > max));
    assert_eq!(clamped.mss(), before.map(|mss| mss.min(max)));
    assert_eq!(Headers::parse(&bytes, packet.original_len(), rules), Ok(*packet.headers()));
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
    packet.set_ip_id(d);
}

fn restore(packet: &mut Packet<'_>, headers: &Headers) {
    packet.set_ttl(headers.ttl);
    packet.set_ip_id(headers.ip_id);
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

/// Rewriting there and back restores the bytes, but for values of a checksum that no sender computes: 0xFFFF comes back
/// as 0, which is the same sum (and 0 as 0xFFFF in a message of zeros), and an IPv4 header checksum of 0 was filled in.
fn check_restored(before: &[u8], after: &[u8], version: IpVersion) {
    for (at, (before, after)) in before.chunks(2).zip(after.chunks(2)).enumerate() {
        let same_sum = [(before, after), (after, before)].contains(&(&[0xFF, 0xFF], &[0, 0]));
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
