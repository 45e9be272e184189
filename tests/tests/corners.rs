//! Corners where stages meet, each found wrong once: who hears of a packet that is too large or too old, what a packet that
//! dies leaves behind, what is put back in front of which translator.

use std::sync::Arc;

use vpcemu_dataplane::shard::{Admission, key_of};
use vpcemu_dataplane::{
    Arrival, DropReason, Ingress, Options, Output, Place, SHARDS, Shard, ShardMap, Stamp, Timeline, Timestamp,
};
use vpcemu_model::native;
use vpcemu_packet::{Headers, Offloads, Packet, TcpFlags, build};
use vpcemu_tests::{Lab, data, headers, ip, socket, syn, udp};

/// A private and a public host, a NAT gateway, a NAT instance with clients of its own, and an IPv6 host with NAT64.
const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:0:100::/56"]
[internet_gateway.igw]
[subnet.pub]
cidrs = ["10.0.0.0/24"]
route_table = "pub"
[subnet.priv]
cidrs = ["10.0.1.0/24"]
route_table = "priv"
[subnet.linux]
cidrs = ["10.0.2.0/24"]
route_table = "linux"
[subnet.six]
cidrs = ["2001:db8:0:103::/64"]
route_table = "six"
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "192.168.0.0/16", via = "vgw-1" }]
[route_table.priv]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[route_table.linux]
routes = [{ to = "0.0.0.0/0", via = "box" }]
[route_table.six]
routes = [{ to = "64:ff9b::/96", via = "nat" }]
[nat_gateway.nat]
subnet = "pub"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }]
egress = [{ proto = "all", to = "0.0.0.0/0" }, { proto = "all", to = "::/0" }]
[instance.web]
subnet = "pub"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
security_groups = ["open"]
[instance.box]
subnet = "pub"
addresses = ["10.0.0.5"]
public = "203.0.113.5"
security_groups = ["open"]
source_dest_check = false
forward = "nat-instance"
[instance.app]
subnet = "priv"
addresses = ["10.0.1.10"]
security_groups = ["open"]
[instance.one]
subnet = "linux"
addresses = ["10.0.2.10"]
security_groups = ["open"]
[instance.two]
subnet = "linux"
addresses = ["10.0.2.11"]
security_groups = ["open"]
[instance.six]
subnet = "six"
addresses = ["2001:db8:0:103::10"]
security_groups = ["open"]
"#;

fn sized(from: &str, to: &str, payload: usize) -> Vec<u8> {
    build::udp(socket(from), socket(to)).payload(&vec![7; payload]).dont_fragment(true).build()
}

/// Whether somebody was told, and where that ended.
fn told(sent: &vpcemu_tests::Sent) -> Option<(&'static str, Option<&str>)> {
    sent.generated.as_ref().map(|(kind, _, place)| (kind.name(), place.as_deref()))
}

#[test]
fn whoever_sent_too_large_a_packet_hears_of_it() {
    let large = || sized("10.0.1.10:4000", "198.51.100.7:53", 2000);
    let zonal = Lab::new(NETWORK).leave("app", large());
    assert_eq!(told(&zonal), Some(("icmp-frag-needed", Some("eni-app"))));
    let regional = NETWORK.replace(
        "subnet = \"pub\"\naddresses = [{ private = \"10.0.0.200\", public = \"203.0.113.20\" }]",
        "mode = \"regional\"\naddresses = [{ public = \"203.0.113.20\", az = \"a\" }]",
    );
    let regional = Lab::new(&regional).leave("app", large());
    assert_eq!(told(&regional), Some(("icmp-frag-needed", Some("eni-app"))));
    // Behind an appliance too; the packet keeps its source there.
    let appliance = NETWORK
        .replace("nat-instance", "appliance")
        .replace("addresses = [\"10.0.2.10\"]", "addresses = [\"10.0.2.10\"]\npublic = \"203.0.113.12\"");
    let appliance = Lab::new(&appliance).leave("one", sized("10.0.2.10:4000", "198.51.100.7:53", 2000));
    assert_eq!(told(&appliance), Some(("icmp-frag-needed", Some("eni-one"))));
}

#[test]
fn errors_and_later_fragments_are_not_answered() {
    let mut lab = Lab::new(NETWORK);
    let whole = build::udp(socket("10.0.1.10:4000"), socket("198.51.100.7:53")).payload(&[7; 3000]);
    let pieces = build::fragment(&whole.dont_fragment(false).ttl(1).build(), 1500);
    let answers: Vec<_> = pieces.into_iter().map(|piece| told(&lab.leave("app", piece)).is_some()).collect();
    assert_eq!(answers, [true, false, false]);
    let about = udp("198.51.100.7:53", "10.0.0.10:99");
    let error = build::icmp_message(ip("10.0.0.10"), ip("198.51.100.7"), 3, 1, 0);
    let error = error.payload(&[&about[..], &[0; 1600]].concat()).dont_fragment(true).build();
    let large = lab.leave("web", error);
    assert_eq!(told(&large), None);
    large.dropped(DropReason::Mtu, "igw-igw");
}

#[test]
fn what_dies_leaves_nothing_behind() {
    // Too large for the instance: the port is still free for another.
    let mut lab = Lab::new(&format!("{NETWORK}\n[behavior.nat_instance]\nmtu = 1500\n"));
    lab.leave("one", sized("10.0.2.10:4000", "198.51.100.7:53", 2000)).dropped(DropReason::Mtu, "eni-box");
    let other = lab.leave("two", udp("10.0.2.11:4000", "198.51.100.7:53")).delivered("internet");
    assert_eq!(other.key().src_port, 4000);
    // At its last hop, where a filter would let it in.
    let knobs = "[behavior.nat_gateway]\nmapping = \"EIM\"\nfiltering = \"EIF\"\n";
    let mut lab = Lab::new(&format!("{NETWORK}\n{knobs}"));
    let sent = lab.leave("app", udp("10.0.1.10:4000", "198.51.100.7:53")).delivered("internet");
    let entries = |lab: &Lab| lab.shards().iter().map(Shard::entries).sum::<usize>();
    let before = entries(&lab);
    let public = format!("203.0.113.20:{}", sent.key().src_port);
    let last = build::udp(socket("198.51.100.9:9"), socket(&public)).ttl(1).build();
    assert!(lab.arrive(last).place.is_none());
    assert_eq!(entries(&lab), before);
}

#[test]
fn a_connection_that_was_closed_is_not_one_that_was_forgotten() {
    let mut lab = Lab::new(&format!("{NETWORK}\n[behavior.nat_instance]\ntimeout = \"fin\"\n"));
    let (client, server, public) = ("10.0.2.10:4000", "198.51.100.7:443", "203.0.113.5:4000");
    let segment = |from: &str, to: &str, flags: TcpFlags, seq: u32, ack: u32| {
        build::tcp(socket(from), socket(to)).flags(flags).seq(seq).ack(ack).build()
    };
    let (syn, ack, fin) = (TcpFlags::SYN, TcpFlags::ACK, TcpFlags::FIN | TcpFlags::ACK);
    lab.leave("one", segment(client, server, syn, 100, 0)).delivered("internet");
    lab.arrive(segment(server, public, syn | ack, 500, 101)).delivered("eni-one");
    lab.leave("one", segment(client, server, ack, 101, 501)).delivered("internet");
    lab.leave("one", segment(client, server, fin, 101, 501)).delivered("internet");
    lab.arrive(segment(server, public, fin, 501, 102)).delivered("eni-one");
    lab.leave("one", segment(client, server, ack, 102, 502)).delivered("internet");
    lab.wait(500.0);
    lab.tick();
    assert_eq!(lab.shards().iter().map(Shard::entries).sum::<usize>(), 0);
}

#[test]
fn nat64_carries_no_address_that_ipv4_does_not() {
    for nobody in ["127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "169.254.169.254"] {
        let packet = udp("[2001:db8:0:103::10]:4000", &format!("[64:ff9b::{nobody}]:53"));
        Lab::new(NETWORK).leave("six", packet).dropped(DropReason::Martian, "nat-nat");
    }
}

#[test]
fn fragments_of_an_error_are_in_one_shard() {
    let lab = Lab::new(NETWORK);
    let quoted = [udp("203.0.113.10:4000", "198.51.100.7:53"), vec![0; 500]].concat();
    let error = build::icmp_message(ip("192.0.2.1"), ip("203.0.113.10"), 3, 1, 0).payload(&quoted);
    let pieces = build::fragment(&error.dont_fragment(false).build(), 300);
    let shards: Vec<_> = pieces.iter().map(|piece| lab.map().shard(&headers(piece))).collect();
    assert!(shards.len() > 1 && shards.iter().all(|shard| *shard == shards[0]), "{shards:?}");
}

#[test]
fn what_is_tracked_by_force_stays_tracked() {
    // The second configuration changes something else, the third forbids the flow; nothing was said in the second.
    let other = NETWORK.replace("[subnet.priv]", "[subnet.extra]\ncidrs = [\"10.0.9.0/24\"]\n[subnet.priv]");
    let strict = NETWORK.replace(
        "ingress = [{ proto = \"all\", from = \"0.0.0.0/0\" }]\negress = [{ proto = \"all\", to = \"0.0.0.0/0\" }, { proto = \"all\", to = \"::/0\" }]",
        "egress = [{ proto = \"all\", to = \"10.9.0.0/16\" }]",
    );
    let mut lab = Lab::then(&[NETWORK, &other, &strict]);
    let sent = lab.leave("app", syn("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet");
    lab.arrive(sent.reply()).delivered("eni-app");
    lab.switch();
    lab.switch();
    lab.leave("app", data("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet");
}

#[test]
fn pieces_that_another_gateway_made_are_fragments_too() {
    // The public host answers a NAT gateway's client by way of the internet gateway, which takes the answer apart.
    let mut lab = Lab::new(NETWORK);
    let request = build::echo_request(ip("10.0.1.10"), ip("203.0.113.10"), 7, 1).build();
    let request = lab.leave("app", request).delivered("eni-web");
    let answer = build::echo_reply(ip("10.0.0.10"), request.key().src, request.key().src_port, 1);
    let answer = answer.payload(&[1; 3000]).dont_fragment(false).build();
    lab.leave("web", answer).dropped(DropReason::NatFragment, "nat-nat");
}

#[test]
fn a_class_of_ports_is_full_when_it_is_full() {
    let mut lab = Lab::new(&format!("{NETWORK}\n[behavior.nat_gateway]\npreserve_class = true\n"));
    for n in 0..1023 {
        lab.leave("app", udp(&format!("10.0.1.10:{}", 5000 + n), "198.51.100.7:53")).delivered("internet");
    }
    let low = lab.leave("app", udp("10.0.1.10:500", "198.51.100.7:53")).delivered("internet");
    assert!(low.key().src_port < 1024);
}

#[test]
fn segment_sizes_through_nat64_fit_the_longer_header() {
    let mut lab = Lab::new(NETWORK);
    let packet = build::tcp(socket("[2001:db8:0:103::10]:4000"), socket("[64:ff9b::198.51.100.7]:443"));
    let mut sent = lab.leave("six", packet.flags(TcpFlags::SYN).mss(8941).build()).delivered("internet");
    let length = sent.bytes.len() as u32;
    assert_eq!(Packet::parse(&mut sent.bytes, length, Offloads::Strict).unwrap().mss(), Some(8440));
}

/// Where captured packets end, put into the fabric as a replay puts them, with the ports they then have.
fn replayed(network: &str, packets: &[Vec<u8>]) -> Vec<(Option<Place>, Ingress, String, u8)> {
    let network = native::parse("corners.toml", network).unwrap_or_else(|error| panic!("{error}")).network;
    let timeline = Arc::new(Timeline::compile(&[network]));
    let map = ShardMap::new(&timeline);
    let mut shards: Vec<_> = (0..SHARDS).map(|_| Shard::new(Arc::clone(&timeline), Options::default())).collect();
    let mut ends = Vec::new();
    for (n, bytes) in (1..).zip(packets) {
        let mut bytes = bytes.clone();
        let length = bytes.len() as u32;
        let parsed = Headers::parse(&bytes, length, Offloads::Tolerate).unwrap();
        let shard = &mut shards[usize::from(map.shard(&parsed))];
        let stamp = Stamp { n, now: Timestamp(1_000_000_000_000_000_000 + n), generation: 0 };
        let Admission::Ready(mut transport) = shard.reassembly.admit(&parsed, n, stamp.now, 0) else { panic!("held") };
        let mut packet = Packet::from_parts(&mut bytes, parsed, length);
        let captured = key_of(&packet, transport);
        let placed = vpcemu_replay::vantage::place(shard, stamp, &mut packet, &mut transport, captured);
        let (ingress, _) = placed.unwrap_or_else(|reason| panic!("{n}: {reason}"));
        let (injected, ttl) = (key_of(&packet, transport).to_string(), packet.headers().ttl);
        let arrival = Arrival { stamp, ingress, captured, transport };
        let verdict = shard.process(arrival, &mut packet, &mut Output::default());
        let place = match verdict.outcome {
            vpcemu_dataplane::outcome::Outcome::Delivered { at } => Some(at),
            _ => None,
        };
        ends.push((place, ingress, injected, ttl));
    }
    ends
}

#[test]
fn every_fragment_is_put_back_for_the_client_it_was_captured_at() {
    let request = |from: &str| build::echo_request(ip(from), ip("198.51.100.7"), 7, 1).build();
    let answer = build::echo_reply(ip("198.51.100.7"), ip("10.0.2.11"), 7, 1).payload(&[1; 2000]);
    let mut packets = vec![request("10.0.2.10"), request("10.0.2.11")];
    packets.extend(build::fragment(&answer.dont_fragment(false).build(), 1500));
    let ends = replayed(NETWORK, &packets);
    let Some(Place::Interface(second)) = ends[2].0 else { panic!("{:?}", ends[2]) };
    assert_eq!(ends[3].0, Some(Place::Interface(second)), "the later one goes where the first went");
    assert_ne!(Lab::new(NETWORK).eni("one"), second);
}

#[test]
fn an_answer_comes_back_by_the_way_that_the_request_went() {
    let over = |remote: &str| {
        let request = udp("10.0.1.10:4000", &format!("{remote}:53"));
        let answer = udp(&format!("{remote}:53"), "10.0.1.10:4000");
        replayed(NETWORK, &[request, answer]).remove(1)
    };
    let (place, ingress, injected, _) = over("192.168.1.5");
    assert!(matches!(ingress, Ingress::Edge(..)) && injected.contains("10.0.0.200"), "{injected}");
    assert!(matches!(place, Some(Place::Interface(_))));
    let (place, ingress, injected, _) = over("198.51.100.7");
    assert!(matches!(ingress, Ingress::Internet) && injected.contains("203.0.113.20"), "{injected}");
    assert!(matches!(place, Some(Place::Interface(_))));
}

#[test]
fn a_host_of_the_vpc_answers_by_nat64() {
    let request = udp("[2001:db8:0:103::10]:4000", "[64:ff9b::10.0.1.10]:53");
    let answer = udp("[64:ff9b::10.0.1.10]:53", "[2001:db8:0:103::10]:4000");
    let ends = replayed(NETWORK, &[request, answer]);
    assert!(matches!(ends[1].1, Ingress::Interface(_)), "{:?}", ends[1]);
    assert_eq!(ends[1].0, Some(Place::Interface(Lab::new(NETWORK).eni("six"))));
}

#[test]
fn hops_to_come_are_given_back() {
    let network = format!("{NETWORK}\n[behavior.underlay]\nhops = 20\n");
    let request = udp("10.0.1.10:4000", "198.51.100.7:53");
    let answer = build::udp(socket("198.51.100.7:53"), socket("10.0.1.10:4000")).ttl(10).build();
    let ends = replayed(&network, &[request, answer]);
    assert_eq!(ends[1].3, 31, "twenty routers, and the gateway");
    assert!(matches!(ends[1].0, Some(Place::Interface(_))));
}
