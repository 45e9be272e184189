use std::collections::{HashMap, HashSet};

use etherparse::{NetHeaders, PacketHeaders, TransportHeader};
use vpcemu_packet::{Headers, IpVersion, Offloads, TcpFlags};

use super::*;
use crate::packet::{Direction, Kind};

fn v4() -> Side {
    Side::new("10.0.1.10".parse().unwrap(), "93.0.0.0".parse().unwrap()).remotes(100)
}

fn v6() -> Side {
    Side::new("2001:db8:1::10".parse().unwrap(), "2001:db8:2::".parse().unwrap()).remotes(100)
}

/// A load with a bit of everything.
fn varied() -> Load {
    Load {
        flows: 50,
        choice: Choice::Zipf(1.0),
        sizes: Sizes::Imix,
        mix: Mix { udp: 2, tcp: 2, echo: 1 },
        new_flows: 0.05,
        ..Load::new(vec![v4().share(3), v6(), v4().opened(Direction::Inbound).service(22)])
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let bytes = |seed| {
        let load = Load { seed, ..varied() };
        load.generate().take(2000).flat_map(|packet| packet.bytes()).collect::<Vec<_>>()
    };
    assert_eq!(bytes(3), bytes(3));
    assert_ne!(bytes(3), bytes(4));
}

#[test]
fn every_packet_is_right() {
    for packet in varied().generate().take(5000) {
        let bytes = packet.bytes();
        let headers = Headers::parse(&bytes, bytes.len() as u32, Offloads::Strict).unwrap();
        assert_eq!((headers.src, headers.dst), (packet.addresses().0.ip(), packet.addresses().1.ip()));
        let parsed = PacketHeaders::from_ip_slice(&bytes).unwrap();
        let payload = parsed.payload.slice();
        let (found, computed) = match (parsed.net.unwrap(), parsed.transport.unwrap()) {
            (NetHeaders::Ipv4(ip, _), TransportHeader::Udp(udp)) => {
                assert_eq!(ip.header_checksum, ip.calc_header_checksum());
                (udp.checksum, udp.calc_checksum_ipv4(&ip, payload).unwrap())
            }
            (NetHeaders::Ipv4(ip, _), TransportHeader::Tcp(tcp)) => {
                assert_eq!(ip.header_checksum, ip.calc_header_checksum());
                (tcp.checksum, tcp.calc_checksum_ipv4(&ip, payload).unwrap())
            }
            (NetHeaders::Ipv4(_, _), TransportHeader::Icmpv4(icmp)) => {
                (icmp.checksum, icmp.icmp_type.calc_checksum(payload))
            }
            (NetHeaders::Ipv6(ip, _), TransportHeader::Udp(udp)) => {
                (udp.checksum, udp.calc_checksum_ipv6(&ip, payload).unwrap())
            }
            (NetHeaders::Ipv6(ip, _), TransportHeader::Tcp(tcp)) => {
                (tcp.checksum, tcp.calc_checksum_ipv6(&ip, payload).unwrap())
            }
            (NetHeaders::Ipv6(ip, _), TransportHeader::Icmpv6(icmp)) => {
                (icmp.checksum, icmp.icmp_type.calc_checksum(ip.source, ip.destination, payload).unwrap())
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(found, computed, "{packet:?}");
    }
}

#[test]
fn packets_have_the_lengths_asked_for() {
    for length in [64, 1500] {
        let load = Load { sizes: Sizes::Fixed(length), mix: Mix { udp: 1, tcp: 0, echo: 1 }, flows: 10, ..varied() };
        assert!(load.generate().take(500).all(|packet| packet.bytes().len() == usize::from(length)));
    }
    let load = Load { sizes: Sizes::Imix, flows: 10, ..Load::new(vec![v4()]) };
    let lengths: HashSet<_> = load.generate().take(500).map(|packet| packet.bytes().len()).collect();
    assert_eq!(lengths, HashSet::from([46, 552, 1500]));
    // Headers alone may be longer.
    let load = Load { sizes: Sizes::Fixed(1), ..Load::new(vec![v6()]) };
    assert_eq!(load.generate().next().unwrap().bytes().len(), 48);
}

#[test]
fn tcp_flows_open_carry_data_and_close() {
    let load = Load { flows: 20, mix: Mix::TCP, new_flows: 0.1, ..Load::new(vec![v4()]) };
    let mut flows: HashMap<u64, Vec<Packet>> = HashMap::new();
    for packet in load.generate().take(5000) {
        flows.entry(packet.flow).or_default().push(packet);
    }
    let (syn, ack, fin) = (TcpFlags::SYN, TcpFlags::ACK, TcpFlags::FIN);
    let mut closed = 0;
    for packets in flows.values() {
        let mut expected: HashMap<Direction, u32> = HashMap::new();
        for (position, packet) in packets.iter().enumerate() {
            assert_eq!(packet.position as usize, position);
            let Kind::Tcp { flags, seq, ack, .. } = packet.kind else { panic!("{packet:?}") };
            assert_eq!(*expected.entry(packet.direction).or_insert(seq), seq, "sequence numbers have no gap");
            if flags.contains(TcpFlags::ACK) {
                assert_eq!(ack, expected[&packet.direction.reversed()], "what has come is acknowledged");
            }
            expected.insert(packet.direction, seq.wrapping_add(packet.sequence_length()));
        }
        let flags: Vec<_> = packets
            .iter()
            .map(|packet| match packet.kind {
                Kind::Tcp { flags, .. } => (packet.direction, flags),
                _ => panic!("{packet:?}"),
            })
            .collect();
        let (out, back) = (Direction::Outbound, Direction::Inbound);
        for (found, wanted) in flags.iter().zip([(out, syn), (back, syn | ack), (out, ack)]) {
            assert_eq!(*found, wanted);
        }
        if let Some(at) = flags.iter().position(|(_, flags)| flags.contains(fin)) {
            let closing = [(out, fin | ack), (back, fin | ack), (out, ack)];
            assert!(closing.starts_with(&flags[at..]) || flags[at..] == closing);
            closed += usize::from(flags[at..] == closing);
        }
    }
    assert!(closed > 100, "{closed} flows closed");
}

#[test]
fn pings_are_answered_one_by_one() {
    let load = Load { mix: Mix::ECHO, ..Load::new(vec![v4(), v6()]) };
    let kinds: Vec<_> = load.generate().take(4).map(|packet| (packet.direction, packet.kind)).collect();
    let echo = |request, sequence| Kind::Echo { request, sequence };
    let (out, back) = (Direction::Outbound, Direction::Inbound);
    assert_eq!(kinds, [(out, echo(true, 0)), (back, echo(false, 0)), (out, echo(true, 1)), (back, echo(false, 1))]);
    let identifiers: HashSet<_> = load
        .generate()
        .take(4)
        .map(|packet| {
            let bytes = packet.bytes();
            Headers::parse(&bytes, bytes.len() as u32, Offloads::Strict).unwrap().key().src_port
        })
        .collect();
    assert_eq!(identifiers.len(), 1, "request and reply have the identifier of the flow");
}

#[test]
fn shares_divide_the_flows() {
    let load = Load { flows: 400, ..Load::new(vec![v4().share(3), v6()]) };
    let packets: Vec<_> = load.generate().take(400).collect();
    assert!(packets.iter().all(Packet::opens));
    let version = |packet: &Packet| {
        let bytes = packet.bytes();
        Headers::parse(&bytes, bytes.len() as u32, Offloads::Strict).unwrap().version
    };
    assert_eq!(packets.iter().filter(|packet| version(packet) == IpVersion::V6).count(), 100);
    assert_eq!(packets.iter().map(|packet| packet.ends).collect::<HashSet<_>>().len(), 400);
}

#[test]
fn new_flows_come_at_their_rate() {
    let load = Load { flows: 100, new_flows: 0.2, ..Load::new(vec![v4()]) };
    let opening = load.generate().skip(100).take(20_000).filter(Packet::opens).count();
    assert!(opening.abs_diff(4000) < 300, "{opening}");
    let load = Load { new_flows: 1.0, ..load };
    assert!(load.generate().take(1000).all(|packet| packet.opens()));
}

#[test]
fn time_passes_evenly() {
    let load = Load { start_ns: 5, interval_ns: 7, ..Load::new(vec![v4()]) };
    let times: Vec<_> = load.generate().take(3).map(|packet| packet.time_ns).collect();
    assert_eq!(times, [5, 12, 19]);
}

#[test]
fn readdressed_packets_are_those_of_the_translated_flow() {
    let load = Load::new(vec![v4()]);
    let packet = load.generate().find(|packet| !packet.by_opener()).unwrap();
    let bytes = packet.readdressed("93.0.0.0:443".parse().unwrap(), "203.0.113.20:5000".parse().unwrap());
    let headers = Headers::parse(&bytes, 64, Offloads::Strict).unwrap();
    assert_eq!(headers.key().to_string(), "udp 93.0.0.0:443 > 203.0.113.20:5000");
}

#[test]
fn nobody_has_nothing_to_say() {
    assert_eq!(Load::new(Vec::new()).generate().next(), None);
}
