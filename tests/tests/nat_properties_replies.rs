//! What comes back through a translator is what went out, the other way round, byte for byte: answers, ICMP errors and all
//! that they quote; and any bytes at all are survived.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;
use vpcemu_dataplane::Ingress;
use vpcemu_dataplane::outcome::Outcome;
use vpcemu_packet::{Offloads, TcpFlags, build};
use vpcemu_tests::{Lab, headers};

/// A host behind each kind of translator; the same rules for all.
const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:0:100::/56"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24", "2001:db8:0:100::/64"]
route_table = "public"
[subnet.gateway]
cidrs = ["10.0.1.0/24", "2001:db8:0:101::/64"]
route_table = "gateway"
[subnet.instance]
cidrs = ["10.0.2.0/24"]
route_table = "instance"
[subnet.appliance]
cidrs = ["10.0.3.0/24"]
route_table = "appliance"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.gateway]
routes = [{ to = "0.0.0.0/0", via = "nat" }, { to = "64:ff9b::/96", via = "nat" }]
[route_table.instance]
routes = [{ to = "0.0.0.0/0", via = "ninst" }]
[route_table.appliance]
routes = [{ to = "0.0.0.0/0", via = "fw" }]
[nat_gateway.nat]
subnet = "public"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }, { private = "10.0.0.201", public = "203.0.113.21" }]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }, { proto = "all", from = "::/0" }]
egress = [{ proto = "all", to = "0.0.0.0/0" }, { proto = "all", to = "::/0" }]
[instance.pub]
subnet = "public"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
security_groups = ["open"]
[instance.app]
subnet = "gateway"
addresses = ["10.0.1.10", "2001:db8:0:101::10"]
security_groups = ["open"]
[instance.behind]
subnet = "instance"
addresses = ["10.0.2.10"]
security_groups = ["open"]
[instance.inspected]
subnet = "appliance"
addresses = ["10.0.3.10"]
public = "203.0.113.13"
security_groups = ["open"]
[instance.ninst]
subnet = "public"
addresses = ["10.0.0.5"]
public = "203.0.113.5"
security_groups = ["open"]
source_dest_check = false
forward = "nat-instance"
[instance.fw]
subnet = "public"
addresses = ["10.0.0.6"]
public = "203.0.113.6"
security_groups = ["open"]
source_dest_check = false
forward = "appliance"
"#;

/// A host, its address, and how it calls 198.51.100.7.
const CLIENTS: [(&str, &str, &str); 5] = [
    ("pub", "10.0.0.10", "198.51.100.7"),
    ("app", "10.0.1.10", "198.51.100.7"),
    ("behind", "10.0.2.10", "198.51.100.7"),
    ("inspected", "10.0.3.10", "198.51.100.7"),
    ("app", "2001:db8:0:101::10", "64:ff9b::198.51.100.7"),
];

#[derive(Clone, Debug)]
struct Content {
    kind: u8,
    ports: (u16, u16),
    id: u16,
    ttl: u8,
    there: Vec<u8>,
    back: Vec<u8>,
}

fn content() -> impl Strategy<Value = Content> {
    let payload = || proptest::collection::vec(any::<u8>(), 0..200);
    let ports = (1..u16::MAX, 1..u16::MAX);
    (0u8..3, ports, any::<u16>(), 3u8.., payload(), payload()).prop_map(|(kind, ports, id, ttl, there, back)| Content {
        kind,
        ports,
        id,
        ttl,
        there,
        back,
    })
}

fn packet(content: &Content, src: SocketAddr, dst: SocketAddr, back: bool) -> Vec<u8> {
    let Content { kind, id, ttl, .. } = *content;
    let payload = if back { &content.back } else { &content.there };
    match kind {
        0 if back => {
            let flags = TcpFlags::SYN | TcpFlags::ACK;
            build::tcp(src, dst).flags(flags).seq(9).ack(1).id(id).ttl(ttl).payload(payload).build()
        }
        0 => build::tcp(src, dst).flags(TcpFlags::SYN).id(id).ttl(ttl).build(),
        1 => build::udp(src, dst).id(id).ttl(ttl).payload(payload).build(),
        _ if back => build::echo_reply(src.ip(), dst.ip(), dst.port(), 7).id(id).ttl(ttl).payload(payload).build(),
        _ => build::echo_request(src.ip(), dst.ip(), src.port(), 7).id(id).ttl(ttl).payload(payload).build(),
    }
}

/// A datagram as it would be with this TTL and, in IPv4, this identification. What NAT64 makes of IPv6 of up to 1260 bytes may
/// be fragmented (RFC 7915 5.1).
fn aged(datagram: &[u8], ttl: u8, id: [u8; 2], from_six: bool) -> Vec<u8> {
    let mut bytes = datagram.to_vec();
    if bytes[0] >> 4 == 6 {
        bytes[7] = ttl;
        return bytes;
    }
    bytes[8] = ttl;
    bytes[4..6].copy_from_slice(&id);
    if from_six {
        bytes[6] &= 0xbf;
    }
    bytes[10..12].fill(0);
    let mut sum: u32 = bytes[..20].chunks(2).map(|word| (u32::from(word[0]) << 8) | u32::from(word[1])).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    bytes[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    bytes
}

/// What an ICMP error quotes.
fn quoted(error: &[u8]) -> &[u8] {
    &error[usize::from(headers(error).l4) + 8..]
}

/// The identification that a datagram has, if it has one.
fn id_of(datagram: &[u8]) -> [u8; 2] {
    [datagram[4], datagram[5]]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// The packet, its answer, an error of a router about the one and of the client about the other.
    #[test]
    fn what_comes_back_is_what_went_out(content in content(), client in 0usize..CLIENTS.len()) {
        let mut lab = Lab::new(NETWORK);
        let (eni, own, remote) = CLIENTS[client];
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        // An identifier is the same on both sides.
        let ports = if content.kind == 2 { (content.ports.0, content.ports.0) } else { content.ports };
        let (near, far) = (SocketAddr::new(ip(own), ports.0), SocketAddr::new(ip(remote), ports.1));
        let there = packet(&content, near, far, false);
        let sent = lab.leave(eni, there.clone()).delivered("internet");
        let of = sent.headers();
        let outside = SocketAddr::new(of.src, if content.kind == 2 { of.key().src_port } else { sent.key().src_port });
        let far_outside = SocketAddr::new(ip("198.51.100.7"), if content.kind == 2 { outside.port() } else { ports.1 });
        // On the other side it is what its sender would have written from there, a hop older.
        let written = packet(&content, outside, far_outside, false);
        prop_assert_eq!(&sent.bytes, &aged(&written, of.ttl, id_of(&sent.bytes), near.is_ipv6()));
        if !near.is_ipv6() {
            prop_assert_eq!(id_of(&sent.bytes), content.id.to_be_bytes());
        }

        let answer = packet(&content, far_outside, outside, true);
        let back = lab.arrive(answer.clone()).delivered(&format!("eni-{eni}"));
        let written = packet(&content, far, near, true);
        prop_assert_eq!(&back.bytes, &aged(&written, back.headers().ttl, content.id.to_be_bytes(), false));

        // The whole packet fits into the quote.
        let error = build::icmp_error(ip("192.0.2.1"), of.src, 11, 0, 0, &sent.bytes);
        let error = lab.arrive(error).delivered(&format!("eni-{eni}"));
        let known = aged(&there, of.ttl, content.id.to_be_bytes(), false);
        prop_assert_eq!(quoted(&error.bytes), &known[..]);

        let (kind, code) = if near.is_ipv6() { (1, 4) } else { (3, 3) };
        let complaint = build::icmp_error(near.ip(), far.ip(), kind, code, 0, &back.bytes);
        // Nobody complains about an answer to a ping (RFC 1122 3.2.2), but nobody minds.
        let complaint = lab.leave(eni, complaint).delivered("internet");
        let quote = quoted(&complaint.bytes);
        prop_assert_eq!(quote, &aged(&answer, back.headers().ttl, id_of(quote), near.is_ipv6())[..]);
        prop_assert_eq!(complaint.headers().src, of.src);
    }

    /// Bytes of any kind into a NAT gateway, NAT64, a NAT instance and an appliance, from both sides: each packet has one fate,
    /// and what leaves can be parsed.
    #[test]
    fn any_bytes_are_survived_and_conserved(
        packets in proptest::collection::vec((
            0usize..CLIENTS.len(),
            any::<bool>(),
            content(),
            proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
            proptest::option::of(proptest::collection::vec(any::<u8>(), 0..100)),
            any::<prop::sample::Index>(),
        ), 1..25)
    ) {
        let mut lab = Lab::new(NETWORK);
        lab.offloads(Offloads::Tolerate);
        let count = packets.len() as u64;
        let mut fates = HashSet::new();
        let mut waiting = 0u64;
        for (client, outside, content, damage, any, cut) in packets {
            let (eni, own, remote) = CLIENTS[client];
            let ip = |text: &str| text.parse::<IpAddr>().unwrap();
            let public = ["203.0.113.10", "203.0.113.20", "203.0.113.5", "203.0.113.13", "203.0.113.21"][client];
            let (src, dst) = if outside { (ip("198.51.100.7"), ip(public)) } else { (ip(own), ip(remote)) };
            let ports = content.ports;
            let whole = packet(&content, SocketAddr::new(src, ports.0), SocketAddr::new(dst, ports.1), outside);
            let mut bytes = whole;
            // Everything behind the addresses may be anything, of any protocol.
            let header = if src.is_ipv4() { 20 } else { 40 };
            if let Some(any) = any {
                bytes.truncate(header);
                bytes.extend(any);
            }
            for (place, bits) in damage {
                let at = place.index(bytes.len());
                // Addresses mostly stay.
                let addresses = if src.is_ipv4() { 12..20 } else { 8..40 };
                if !addresses.contains(&at) || bits < 16 {
                    bytes[at] ^= bits;
                }
            }
            if src.is_ipv4() {
                bytes[10..12].fill(0);
            }
            if cut.index(5) == 0 {
                bytes.truncate(1 + cut.index(bytes.len()));
            }
            let ingress = if outside { Ingress::Internet } else { Ingress::Interface(lab.eni(eni)) };
            let sent = lab.enter(ingress, bytes);
            if sent.verdict.outcome == Outcome::Held {
                waiting += 1;
            } else {
                prop_assert!(fates.insert(sent.n));
            }
            if sent.place.is_some() {
                let parsed = vpcemu_packet::Headers::parse(&sent.bytes, sent.bytes.len() as u32, Offloads::Tolerate);
                prop_assert!(parsed.is_ok(), "{:?} left as {:02x?}", parsed, sent.bytes);
            }
            if let Some((_, made, _)) = &sent.generated {
                prop_assert!(vpcemu_packet::Headers::parse(made, made.len() as u32, Offloads::Tolerate).is_ok());
            }
        }
        lab.wait(1.0);
        lab.expire_held();
        for sent in lab.take_later() {
            prop_assert!(fates.insert(sent.n));
            waiting -= 1;
        }
        prop_assert_eq!((fates.len() as u64, waiting), (count, 0));
    }
}
