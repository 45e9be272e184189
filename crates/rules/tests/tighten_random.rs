//! Random traffic through random security groups, tightened: the same verdicts, nothing admitted that was not, and no rule too
//! many.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fmt::Write;
use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::select;
use vpcemu_capture::{LinkType, PcapWriter};
use vpcemu_dataplane::Timeline;
use vpcemu_model::{Id, Network, SecurityGroup, SecurityGroupRule, native};
use vpcemu_packet::{TcpFlags, build};
use vpcemu_replay::progress::Progress;
use vpcemu_replay::{At, CaptureInput, ReplayOptions};
use vpcemu_rules::tighten::{Tightened, tighten};
use vpcemu_rules::{Detail, Probe};

/// Three interfaces with public addresses, and some remotes that are neighbours of each other.
const HOSTS: [&str; 6] = ["10.0.0.10", "10.0.0.11", "10.0.1.10", "198.51.100.6", "198.51.100.7", "192.0.2.1"];
const PORTS: [u16; 4] = [80, 81, 443, 40000];

fn network(groups: &[[Vec<String>; 2]], sets: &[Vec<usize>]) -> Network {
    let mut text = String::from(
        "[vpc.main]\ncidrs = [\"10.0.0.0/16\"]\n[internet_gateway.igw]\n\
         [subnet.a]\ncidrs = [\"10.0.0.0/24\"]\nroute_table = \"t\"\n[subnet.b]\ncidrs = [\"10.0.1.0/24\"]\nroute_table = \"t\"\n\
         [route_table.t]\nroutes = [{ to = \"0.0.0.0/0\", via = \"igw\" }]\n\
         [prefix_list.far]\nentries = [\"198.51.100.0/24\"]\n",
    );
    for (at, [ingress, egress]) in groups.iter().enumerate() {
        writeln!(text, "[security_group.g{at}]\ningress = [{}]\negress = [{}]", ingress.join(", "), egress.join(", "))
            .unwrap();
    }
    for (at, set) in sets.iter().enumerate() {
        let names: Vec<_> = set.iter().map(|group| format!("\"g{group}\"")).collect();
        let (subnet, address) = (if at < 2 { "a" } else { "b" }, HOSTS[at]);
        writeln!(
            text,
            "[instance.i{at}]\nsubnet = \"{subnet}\"\naddresses = [\"{address}\"]\npublic = \"203.0.113.1{at}\"\nsecurity_groups = [{}]",
            names.join(", ")
        )
        .unwrap();
    }
    native::parse("net.toml", &text).unwrap_or_else(|error| panic!("{error}")).network
}

/// A rule of a native file, inbound or outbound.
fn rule(way: &'static str) -> impl Strategy<Value = String> {
    let transport = select(vec![
        "proto = \"all\"",
        "proto = \"tcp\"",
        "proto = \"udp\"",
        "proto = \"tcp\", ports = \"80-100\"",
        "proto = \"tcp\", ports = \"443\"",
        "proto = \"udp\", ports = \"80\"",
        "proto = \"icmp\"",
    ]);
    let peer = select(vec!["0.0.0.0/0", "10.0.0.0/16", "198.51.100.0/24", "sg:g0", "sg:g1", "pl:far", "10.0.0.11/32"]);
    (transport, peer).prop_map(move |(transport, peer)| format!("{{ {transport}, {way} = \"{peer}\" }}"))
}

/// A packet: from, to, what it is, and how long after the one before, in milliseconds.
type Sent = (usize, usize, u8, usize, u64);

fn datagram((from, to, what, port, _): Sent) -> Vec<u8> {
    let (src, dst): (IpAddr, IpAddr) = (HOSTS[from].parse().unwrap(), HOSTS[to].parse().unwrap());
    let (asks, answers) = (PORTS[port], 50_000);
    let tcp = |from: u16, to: u16, flags| {
        build::tcp(SocketAddr::new(src, from), SocketAddr::new(dst, to)).flags(flags).build()
    };
    match what {
        0 => tcp(answers, asks, TcpFlags::SYN),
        1 => tcp(asks, answers, TcpFlags::SYN | TcpFlags::ACK),
        2 => tcp(answers, asks, TcpFlags::ACK),
        3 => build::udp(SocketAddr::new(src, answers), SocketAddr::new(dst, asks)).build(),
        4 => build::udp(SocketAddr::new(src, asks), SocketAddr::new(dst, answers)).build(),
        5 => build::echo_request(src, dst, 7, 1).build(),
        6 => build::echo_reply(src, dst, 7, 1).build(),
        _ => build::protocol(src, dst, 47, &[0; 8]).build(),
    }
}

fn tightened(network: &Network, sent: &[Sent]) -> Tightened {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.pcap");
    let mut writer = PcapWriter::new(File::create(&path).unwrap(), LinkType::RAW).unwrap();
    let mut now = 1_750_000_000_000;
    for packet in sent {
        now += packet.4;
        let datagram = datagram(*packet);
        writer.write(now * 1_000_000, datagram.len() as u32, &datagram).unwrap();
    }
    writer.finish().unwrap();
    let mut options = ReplayOptions::new(Arc::new(Timeline::compile([network])));
    options.captures.push(CaptureInput { path, at: At::Auto });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(tighten(network, &options, &Arc::new(Progress::default()))).unwrap().unwrap()
}

fn admits(network: &Network, rules: &[SecurityGroupRule], probe: &Probe) -> bool {
    let lists = |id: &Id| network.prefix_lists.iter().find(|list| list.id == *id).unwrap().entries.clone();
    rules.iter().any(|rule| probe.is_admitted_by(rule, lists))
}

/// Packets that rules might admit: from all hosts and their neighbours, as members of groups and as nobody.
fn probes(groups: &[SecurityGroup]) -> Vec<Probe> {
    let mut probes = Vec::new();
    let identities = std::iter::once(Vec::new()).chain(groups.iter().map(|group| vec![group.id.clone()]));
    for groups in identities {
        for host in HOSTS.iter().chain(&["198.51.100.5", "198.51.100.8", "10.0.0.12"]) {
            let peer = host.parse().unwrap();
            let probe = |protocol, detail| Probe { protocol, detail, peer, groups: groups.clone() };
            for port in PORTS.into_iter().chain([79, 82, 50_000]) {
                probes.extend([6, 17].map(|protocol| probe(protocol, Detail::Port(port))));
            }
            probes.extend([(8, 0), (0, 0), (3, 1)].map(|(kind, code)| probe(1, Detail::Icmp(kind, code))));
            probes.push(probe(47, Detail::None));
        }
    }
    probes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn tightened_groups_do_the_same_and_admit_no_more(
        groups in proptest::collection::vec([proptest::collection::vec(rule("from"), 0..4), proptest::collection::vec(rule("to"), 0..3)], 2..4),
        sets in proptest::collection::vec(proptest::collection::btree_set(0usize..2, 1..3), 3..4),
        sent in proptest::collection::vec((0usize..6, 0usize..6, 0u8..8, 0usize..4, select(vec![1u64, 1, 1, 1000, 40_000])), 1..40),
    ) {
        let sets: Vec<Vec<usize>> = sets.into_iter().map(|set| set.into_iter().collect()).collect();
        let network = network(&groups, &sets);
        let tight = tightened(&network, &sent);
        prop_assert_eq!((tight.differing, tight.difference.clone()), (0, None));
        prop_assert!(tight.minimal);
        for (old, new) in network.security_groups.iter().zip(&tight.network.security_groups) {
            for probe in probes(&network.security_groups) {
                for (old, new) in [(&old.ingress, &new.ingress), (&old.egress, &new.egress)] {
                    prop_assert!(!admits(&network, new, &probe) || admits(&network, old, &probe), "{probe}");
                }
            }
        }
        // Once more from the result. Fewer rules may do: which group admits what is taken from the network as it was.
        let again = tightened(&tight.network, &sent);
        let count = |network: &Network| network.security_groups.iter().map(|it| it.ingress.len() + it.egress.len()).sum::<usize>();
        prop_assert!(again.differing == 0 && count(&again.network) <= count(&tight.network));
    }
}
