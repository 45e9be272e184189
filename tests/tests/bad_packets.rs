//! Damaged, lying and hostile packets at translating gateways: each has its reason, memory stays bounded, and a flow that
//! has nothing to do with them goes on as if nothing had been.

use std::net::IpAddr;

use vpcemu_dataplane::DropReason;
use vpcemu_packet::{Offloads, TcpFlags, build};
use vpcemu_tests::{Lab, Sent, ip, ping, socket, syn, udp};

const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:0:100::/56"]
[internet_gateway.igw]
[subnet.pub]
cidrs = ["10.0.0.0/24"]
route_table = "pub"
[subnet.priv]
cidrs = ["10.0.1.0/24", "2001:db8:0:101::/64"]
route_table = "priv"
[subnet.linux]
cidrs = ["10.0.2.0/24"]
route_table = "linux"
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.priv]
routes = [{ to = "0.0.0.0/0", via = "nat" }, { to = "64:ff9b::/96", via = "nat" }]
[route_table.linux]
routes = [{ to = "0.0.0.0/0", via = "box" }]
[nat_gateway.nat]
subnet = "pub"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }]
egress = [{ proto = "all", to = "0.0.0.0/0" }, { proto = "all", to = "::/0" }]
[instance.box]
subnet = "pub"
addresses = ["10.0.0.5"]
public = "203.0.113.5"
security_groups = ["open"]
source_dest_check = false
forward = "nat-instance"
[instance.one]
subnet = "priv"
addresses = ["10.0.1.10", "2001:db8:0:101::10"]
security_groups = ["open"]
[instance.two]
subnet = "linux"
addresses = ["10.0.2.10"]
security_groups = ["open"]
"#;

/// A laboratory with a flow through each translator that has to survive everything.
struct Bystanders {
    lab: Lab,
    gateway: Sent,
    instance: Sent,
}

impl Bystanders {
    fn new() -> Self {
        let mut lab = Lab::new(NETWORK);
        let gateway = lab.leave("one", udp("10.0.1.10:5000", "198.51.100.99:53")).delivered("internet");
        let instance = lab.leave("two", udp("10.0.2.10:5000", "198.51.100.99:53")).delivered("internet");
        Self { lab, gateway, instance }
    }

    /// Both flows go on, with the ports they had.
    #[track_caller]
    fn go_on(&mut self) {
        self.lab.arrive(self.gateway.reply()).delivered("eni-one");
        self.lab.arrive(self.instance.reply()).delivered("eni-two");
        let again = self.lab.leave("one", udp("10.0.1.10:5000", "198.51.100.99:53")).delivered("internet");
        assert_eq!(again.key(), self.gateway.key());
    }

    /// Entries of all shards.
    fn entries(&self) -> usize {
        self.lab.shards().iter().map(vpcemu_dataplane::Shard::entries).sum()
    }
}

/// Patches bytes of a datagram and makes its IPv4 header checksum right again.
fn patched(mut datagram: Vec<u8>, patches: &[(usize, &[u8])]) -> Vec<u8> {
    for (at, bytes) in patches {
        datagram[*at..at + bytes.len()].copy_from_slice(bytes);
    }
    datagram[10..12].fill(0);
    let header = (usize::from(datagram[0] & 15) * 4).min(datagram.len());
    let checksum = vpcemu_packet::Checksum::of(&datagram[..header]);
    datagram[10..12].copy_from_slice(&checksum.0.to_be_bytes());
    datagram
}

#[test]
fn lying_lengths_and_damaged_headers_are_malformed() {
    let mut all = Bystanders::new();
    let whole = || udp("10.0.1.10:5001", "198.51.100.7:53");
    let tcp = || syn("10.0.1.10:5001", "198.51.100.7:443");
    let damaged = [
        ("total length beyond the frame", patched(whole(), &[(2, &[0xFF, 0xFF])])),
        ("total length within the header", patched(whole(), &[(2, &[0, 12])])),
        ("header of four words", patched(whole(), &[(0, &[0x44])])),
        ("UDP length beyond the datagram", patched(whole(), &[(24, &[0xFF, 0xFF])])),
        ("UDP length within its header", patched(whole(), &[(24, &[0, 4])])),
        ("TCP offset within its header", patched(tcp(), &[(32, &[0x30])])),
        ("TCP options that run past the segment", patched(tcp(), &[(32, &[0xF0])])),
        ("version 7", patched(whole(), &[(0, &[0x75])])),
        ("half a header", whole()[..12].to_vec()),
    ];
    let before = all.entries();
    for (what, bytes) in damaged {
        for eni in ["one", "two"] {
            let sent = all.lab.leave(eni, bytes.clone());
            assert_eq!(sent.reason(), Some(DropReason::Malformed), "{what}");
        }
        let sent = all.lab.arrive(bytes);
        assert_eq!(sent.reason(), Some(DropReason::Malformed), "{what}");
        all.go_on();
    }
    assert_eq!(all.entries(), before);
}

#[test]
fn tcp_options_that_lie_inside_the_header_change_nothing() {
    let mut all = Bystanders::new();
    for options in [[2, 0, 0, 0], [2, 1, 0, 0], [2, 60, 5, 180], [254, 255, 0, 0], [8, 10, 0, 0]] {
        let mut segment = build::tcp(socket("10.0.1.10:5001"), socket("198.51.100.7:443"))
            .flags(TcpFlags::SYN)
            .payload(&options)
            .build();
        segment[32] = 0x60;
        let sum = {
            let mut bytes = segment[20..].to_vec();
            bytes[16..18].fill(0);
            vpcemu_packet::Checksum::of_segment(ip("10.0.1.10"), ip("198.51.100.7"), 6, &bytes)
        };
        segment[36..38].copy_from_slice(&sum.0.to_be_bytes());
        let sent = all.lab.leave("one", segment).delivered("internet");
        assert_eq!(sent.bytes[40..44], options, "as they were");
        all.go_on();
    }
}

#[test]
fn damaged_quotes_belong_to_nothing() {
    let mut all = Bystanders::new();
    let quoted = all.gateway.bytes.clone();
    let to = ip("203.0.113.20");
    let error = |quote: &[u8]| build::icmp_error(ip("192.0.2.1"), to, 3, 3, 0, quote);
    let with = |at: usize, byte: u8| patched(quoted.clone(), &[(at, &[byte])]);
    let damaged = [
        ("nothing", Vec::new()),
        ("half an IP header", quoted[..12].to_vec()),
        ("no transport", quoted[..20].to_vec()),
        ("four bytes of transport", quoted[..24].to_vec()),
        ("another protocol", with(9, 6)),
        ("another port", with(21, 1)),
        ("another remote", with(19, 1)),
        ("a header of fifteen words", with(0, 0x4F)),
        ("version 6", with(0, 0x65)),
    ];
    for (what, quote) in damaged {
        let sent = all.lab.arrive(error(&quote));
        assert!(sent.place.is_none(), "{what} reached {:?}", sent.place);
        assert_eq!(sent.reason(), Some(DropReason::NatNoSession), "{what}");
        all.go_on();
    }
    // An error about an error is nobody's either.
    let nested = error(&error(&quoted));
    all.lab.arrive(nested).dropped(DropReason::NatNoSession, "nat-nat");
    all.lab.arrive(error(&quoted)).delivered("eni-one");
}

#[test]
fn port_zero_and_land_packets_are_ordinary() {
    let mut all = Bystanders::new();
    let zero = all.lab.leave("one", udp("10.0.1.10:0", "198.51.100.7:0")).delivered("internet");
    assert!(zero.key().src_port >= 1024);
    assert_eq!(all.lab.arrive(zero.reply()).delivered("eni-one").key().dst_port, 0);
    // From itself to itself: within a subnet, and back where it came from (G8).
    all.lab.leave("one", syn("10.0.1.10:80", "10.0.1.10:80")).delivered("eni-one");
    // A land packet from outside has the gateway's own address for its source.
    all.lab.arrive(udp("203.0.113.20:53", "203.0.113.20:53")).dropped(DropReason::NatNoSession, "nat-nat");
    all.lab.arrive(udp("203.0.113.5:53", "203.0.113.5:53")).delivered("eni-box");
    all.go_on();
}

#[test]
fn chains_without_end_are_malformed() {
    let mut all = Bystanders::new();
    let datagram = |chain: &[u8], first: u8| {
        let mut bytes = vec![0x60, 0, 0, 0, 0, 0, first, 64];
        bytes.extend("2001:db8:0:101::10".parse::<std::net::Ipv6Addr>().unwrap().octets());
        bytes.extend("64:ff9b::198.51.100.7".parse::<std::net::Ipv6Addr>().unwrap().octets());
        bytes.extend(chain);
        let payload = (bytes.len() - 40) as u16;
        bytes[4..6].copy_from_slice(&payload.to_be_bytes());
        bytes
    };
    let endless: Vec<u8> = std::iter::repeat_n([60u8, 0, 1, 4, 0, 0, 0, 0], 40).flatten().collect();
    let damaged = [
        ("destination options for ever", datagram(&endless, 60)),
        ("a chain that ends in the middle", datagram(&[60, 200, 1, 4, 0, 0, 0, 0], 60)),
        (
            "two fragment headers",
            datagram(&[44, 0, 0, 1, 0, 0, 0, 1, 17, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 2, 0, 8, 0, 0], 44),
        ),
    ];
    for (what, bytes) in damaged {
        assert_eq!(all.lab.leave("one", bytes).reason(), Some(DropReason::Malformed), "{what}");
        all.go_on();
    }
}

#[test]
fn a_routing_header_that_is_not_done_with_is_not_translated() {
    let mut all = Bystanders::new();
    let mut bytes = build::udp(socket("[2001:db8:0:101::10]:5001"), socket("[64:ff9b::198.51.100.7]:53")).build();
    let mut routing = vec![17, 2, 0, 1, 0, 0, 0, 0];
    routing.extend("64:ff9b::198.51.100.8".parse::<std::net::Ipv6Addr>().unwrap().octets());
    bytes.splice(40..40, routing);
    bytes[6] = 43;
    let payload = (bytes.len() - 40) as u16;
    bytes[4..6].copy_from_slice(&payload.to_be_bytes());
    // Its checksum would be over the last address; here it is over the next one.
    all.lab.offloads(Offloads::Tolerate);
    let sent = all.lab.leave("one", bytes);
    all.lab.offloads(Offloads::Strict);
    assert_eq!(sent.reason(), Some(DropReason::Untranslatable));
    all.go_on();
}

#[test]
fn a_flood_of_fragments_takes_no_more_than_its_share() {
    let mut all = Bystanders::new();
    let whole = |id: u16| {
        let from = socket("10.0.1.10:5001");
        let datagram = build::udp(from, socket("198.51.100.7:53")).id(id).dont_fragment(false).payload(&[7; 1800]);
        build::fragment(&datagram.build(), 1500)
    };
    // Firsts and lasts of different datagrams, none of which is ever complete.
    let mut full = 0;
    for id in 1..=4000 {
        let piece = whole(id).swap_remove(usize::from(id % 2));
        if all.lab.leave("one", piece).reason() == Some(DropReason::TableFull) {
            full += 1;
        }
    }
    assert!(full > 0, "the table is bounded");
    for shard in all.lab.shards() {
        let (datagrams, held) = shard.reassembly.len();
        assert!(datagrams <= 1024 && held <= 64, "{datagrams} datagrams, {held} held");
    }
    all.go_on();
    // Their time over, there is room again.
    for _ in 0..2 {
        all.lab.wait(16.0);
        all.go_on();
    }
    let [first, last] = whole(5000).try_into().unwrap();
    all.lab.leave("one", first).delivered("internet");
    all.lab.leave("one", last).delivered("internet");
    all.go_on();
}

#[test]
fn overlapping_fragments_take_nobody_else_along() {
    let mut all = Bystanders::new();
    let datagram =
        |id: u16| build::udp(socket("10.0.1.10:5001"), socket("198.51.100.7:53")).id(id).dont_fragment(false);
    let whole = datagram(9).payload(&[7; 1800]).build();
    let [first, last] = build::fragment(&whole, 1500).try_into().unwrap();
    let teardrop = patched(last.clone(), &[(6, &[0, 10])]);
    all.lab.leave("one", first).delivered("internet");
    all.lab.leave("one", teardrop).dropped(DropReason::FragmentOverlap, "-");
    all.lab.leave("one", last).dropped(DropReason::FragmentOverlap, "-");
    // The next datagram of the same flow is another.
    for piece in build::fragment(&datagram(10).payload(&[7; 1800]).build(), 1500) {
        all.lab.leave("one", piece).delivered("internet");
    }
    all.go_on();
}

#[test]
fn a_storm_of_errors_and_strangers_leaves_no_state() {
    let mut all = Bystanders::new();
    let before = all.entries();
    for n in 0..2000u32 {
        let remote = IpAddr::V4((0xC633_6400 + n).into());
        let stray = build::udp(std::net::SocketAddr::new(remote, 53), socket("203.0.113.20:4000")).build();
        all.lab.arrive(stray.clone()).dropped(DropReason::NatNoSession, "nat-nat");
        let error = build::icmp_error(remote, ip("203.0.113.20"), 11, 0, 0, &stray);
        all.lab.arrive(error).dropped(DropReason::NatNoSession, "nat-nat");
        let reply = build::echo_reply(remote, ip("203.0.113.20"), 7, 1).build();
        all.lab.arrive(reply).dropped(DropReason::NatNoSession, "nat-nat");
    }
    assert_eq!(all.entries(), before);
    all.go_on();
}

#[test]
fn a_ping_of_death_is_two_fragments_that_do_not_fit() {
    let mut all = Bystanders::new();
    let request = ping("10.0.2.10", "198.51.100.7", 7);
    let last = patched(request, &[(4, &[0, 9]), (6, &[0x1F, 0xFF])]);
    // It would end behind the largest datagram there is.
    let sent = all.lab.leave("two", last);
    assert!(sent.place.is_none());
    all.go_on();
}
