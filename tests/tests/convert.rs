//! A configuration that was converted into a native file judges packets as the one that it was made of.

#[path = "random/mod.rs"]
mod random;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use random::{Topology, Traffic};
use vpcemu_dataplane::{Ingress, Options};
use vpcemu_model::{AttachmentKind, Network, Peer, Ports, native};
use vpcemu_packet::{TcpFlags, build};
use vpcemu_tests::{Dice, Lab, Sent, reply_to};

/// How many packets go through each configuration of the repository.
const PACKETS: usize = 3_000;

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A network that has been written and read again, which it has to be in full.
fn converted(network: &Network, name: &str) -> Network {
    let text = native::write(network, name).unwrap_or_else(|error| panic!("{name}: {error}"));
    let again = native::parse("converted.toml", &text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
    assert_eq!(network.difference(&again.network), None, "{name}\n{text}");
    again.network
}

/// A configuration beside the one that it was converted into.
struct Both {
    original: Lab,
    converted: Lab,
}

impl Both {
    fn of(network: &Network, name: &str) -> Self {
        let converted = converted(network, name);
        let lab = |network: Network| Lab::of(&[network], Options::default());
        Self { original: lab(network.clone()), converted: lab(converted) }
    }

    fn wait(&mut self, seconds: f64) {
        self.original.wait(seconds);
        self.converted.wait(seconds);
    }

    /// Sends a packet through both, and is sure that they say and do the same.
    fn enter(&mut self, ingress: Ingress, packet: Vec<u8>) -> Sent {
        let there = self.there(ingress);
        let sent = self.original.enter(ingress, packet.clone());
        let other = self.converted.enter(there, packet);
        assert_eq!(told(&sent), told(&other));
        sent
    }

    /// The same place in the converted configuration, where resources have another order.
    fn there(&self, ingress: Ingress) -> Ingress {
        let (one, other) = (self.original.timeline().registry(), self.converted.timeline().registry());
        match ingress {
            Ingress::Interface(eni) => Ingress::Interface(other.enis.find(one.enis.id(eni)).expect("it is there")),
            Ingress::Edge(edge) => Ingress::Edge(other.edges.find(one.edges.id(edge)).expect("it is there")),
            Ingress::Internet => Ingress::Internet,
            _ => panic!("no packet enters at {ingress:?} here"),
        }
    }
}

/// Everything that can be told of a packet without the index of anything.
fn told(sent: &Sent) -> String {
    let reason = sent.reason().map(|reason| reason.code());
    let fate = format!("{:?} {reason:?} {:?} {:?} {:?}", sent.place, sent.at, sent.rule, sent.verdict.connection);
    let made = sent.made.as_ref().map(|made| (&made.steps, &made.dropped));
    let forms = (&sent.bytes, &sent.pieces, &sent.generated);
    format!("{fate} {:?} {:?} {made:?} {forms:02x?}", sent.steps, sent.rules)
}

/// Addresses and ports that a network says something about, and some that it does not.
struct Ends {
    inside: Vec<(String, IpAddr)>,
    all: Vec<IpAddr>,
    ports: Vec<u16>,
    edges: Vec<String>,
}

impl Ends {
    fn of(network: &Network) -> Self {
        let interfaces = network.interfaces.iter();
        let inside: Vec<_> =
            interfaces.flat_map(|eni| eni.addresses().map(|address| (eni.id.to_string(), address))).collect();
        let mut all: Vec<IpAddr> = inside.iter().map(|(_, address)| *address).collect();
        let publics = network.interfaces.iter().flat_map(|eni| &eni.ipv4).filter_map(|pair| pair.public);
        all.extend(publics.map(IpAddr::V4));
        all.extend(network.nat_gateways.iter().flat_map(|nat| &nat.addresses).map(|it| IpAddr::V4(it.translated)));
        // Some address of each block that a rule, a list, a neighbour or the network itself has.
        let mut blocks: Vec<_> = network.prefix_lists.iter().flat_map(|list| list.entries.clone()).collect();
        blocks.extend(network.vpcs.iter().flat_map(|vpc| vpc.cidrs.clone()));
        let peerings = network.vpc_peering_connections.iter();
        blocks.extend(peerings.flat_map(|it| [it.requester.cidrs.clone(), it.accepter.cidrs.clone()].concat()));
        let groups = network.security_groups.iter().flat_map(|group| group.ingress.iter().chain(&group.egress));
        let mut ports = vec![53, 80, 443, 40_000];
        for rule in groups {
            if let Peer::Cidr(block) = &rule.peer {
                blocks.push(*block);
            }
            if let Ports::Range(range) = rule.ports {
                ports.extend([range.from, range.to.saturating_add(1)]);
            }
        }
        for acl in &network.network_acls {
            blocks.extend(acl.ingress.iter().chain(&acl.egress).map(|entry| entry.cidr));
        }
        for attachment in network.transit_gateways.iter().flat_map(|gateway| &gateway.attachments) {
            if let AttachmentKind::Outside { prefixes, .. } = &attachment.kind {
                blocks.extend(prefixes);
            }
        }
        all.extend(blocks.iter().filter(|block| block.prefix_len() > 0).filter_map(|block| block.hosts().nth(9)));
        all.extend(["93.184.216.34", "198.51.100.9", "2606:2800:220:1::1"].map(|it| it.parse::<IpAddr>().unwrap()));
        Self { inside, all, ports, edges: Vec::new() }
    }

    /// The next packet of a stranger: from an interface or from outside, to anything of the same family.
    fn packet(&self, lab: &Lab, dice: &mut Dice) -> (Ingress, Vec<u8>) {
        let (eni, own) = dice.pick(&self.inside);
        let far = loop {
            let far = *dice.pick(&self.all);
            if far.is_ipv4() == own.is_ipv4() {
                break far;
            }
        };
        let called = loop {
            let called = *dice.pick(&self.all);
            if called.is_ipv4() == far.is_ipv4() {
                break called;
            }
        };
        let (ingress, from, to) = match dice.roll(10) {
            0..=5 => (Ingress::Interface(lab.eni(eni)), *own, far),
            6 if !self.edges.is_empty() => (lab.beyond(dice.pick::<String>(&self.edges)), far, *own),
            _ => (Ingress::Internet, far, called),
        };
        let port = 1024 + dice.roll(100) as u16;
        let service = *dice.pick(&self.ports);
        let (src, dst) = (SocketAddr::new(from, port), SocketAddr::new(to, service));
        let bytes = match dice.roll(10) {
            0..=4 => build::tcp(src, dst).flags(TcpFlags::SYN).build(),
            5 => build::tcp(src, dst).flags(TcpFlags::ACK).payload(b"data").build(),
            6 | 7 => build::udp(src, dst).payload(b"question").build(),
            8 => build::echo_request(from, to, port, 1).build(),
            _ => build::protocol(from, to, 47, &[0, 0, 8, 0, 1, 2, 3, 4]).build(),
        };
        (ingress, bytes)
    }
}

/// Packets through a network and through what it was converted into; how many were delivered.
fn push(network: &Network, name: &str, packets: usize) -> usize {
    let mut both = Both::of(network, name);
    let mut ends = Ends::of(network);
    assert!(!ends.inside.is_empty(), "{name} has no interface");
    ends.edges = both.original.timeline().registry().edges.iter().map(|(_, id)| id.to_string()).collect();
    let mut dice = Dice::new(7);
    let mut delivered = 0;
    for _ in 0..packets {
        both.wait(dice.roll(2000) as f64 / 100.0);
        let (ingress, packet) = ends.packet(&both.original, &mut dice);
        let sent = both.enter(ingress, packet);
        delivered += usize::from(sent.place.is_some());
        // Half of what arrives is answered, from where it arrived.
        if !dice.chance(50) {
            continue;
        }
        let eni = sent.place.as_deref().filter(|place| place.starts_with("eni-"));
        match (sent.place.as_deref(), eni) {
            (Some("internet"), _) => drop(both.enter(Ingress::Internet, reply_to(&sent.headers()))),
            (_, Some(eni)) => {
                let eni = both.original.eni(eni);
                drop(both.enter(Ingress::Interface(eni), reply_to(&sent.headers())));
            }
            _ => {}
        }
    }
    assert_eq!(both.original.connections(), both.converted.connections(), "{name}");
    delivered
}

fn dump(name: &str) -> Network {
    let path = root("crates/import/tests/data").join(name);
    vpcemu_import::load(&path, &vpcemu_import::Options::default()).unwrap_or_else(|error| panic!("{error}")).network
}

#[test]
fn dumps_judge_packets_as_their_native_files() {
    for name in ["worked-example", "moto-peering", "moto-three-tier", "edges", "egress", "neighbors", "peering"] {
        let delivered = push(&dump(name), name, PACKETS);
        // Detached interfaces send and take nothing.
        assert!(delivered > 100 || matches!(name, "moto-peering" | "peering"), "{name}: only {delivered} arrived");
    }
}

#[test]
fn one_vpc_of_a_dump_is_converted_alone() {
    let path = root("crates/import/tests/data/moto-peering");
    for vpc in dump("moto-peering").vpcs {
        let options = vpcemu_import::Options { vpc: Some(vpc.id.clone()), ..Default::default() };
        let network = vpcemu_import::load(&path, &options).unwrap_or_else(|error| panic!("{error}")).network;
        assert_eq!(network.difference(&converted(&network, "one")), None);
    }
    let neighbors = native::load(&root("crates/model/tests/data/neighbors.toml")).unwrap().network;
    for vpc in ["main", "shared"] {
        converted(&neighbors.clone().only_vpc(vpc), vpc);
    }
}

#[test]
fn native_files_judge_packets_as_what_is_written_of_them() {
    let mut files: Vec<PathBuf> = ["edges", "explicit", "neighbors", "reference", "web-server"]
        .map(|name| root(&format!("crates/model/tests/data/{name}.toml")))
        .to_vec();
    for folder in root("pcaps").read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(|it| it.is_dir()) {
        files.extend(
            folder
                .read_dir()
                .unwrap()
                .map(|it| it.unwrap().path())
                // A suite is about a network, and describes none.
                .filter(|it| it.extension().is_some_and(|it| it == "toml") && !it.ends_with("suite.toml")),
        );
    }
    assert!(files.len() > 15, "{files:?}");
    for file in files {
        let network = native::load(&file).unwrap_or_else(|error| panic!("{error}")).network;
        let delivered = push(&network, &file.display().to_string(), PACKETS);
        // Some let little of what strangers send pass.
        assert!(delivered > 10, "{}: only {delivered} arrived", file.display());
    }
}

/// Hosts that speak to each other and to the outside, through a random topology and what it was converted into.
fn converse(topology: &Topology, seed: u64) {
    let network = native::parse("random.toml", &topology.text()).unwrap_or_else(|error| panic!("{error}")).network;
    let mut both = Both::of(&network, "random");
    let mut traffic = Traffic::new(topology, seed);
    for _ in 0..1_000 {
        both.wait(traffic.pause());
        let (ingress, packet) = traffic.next(&both.original);
        let sent = both.enter(ingress, packet);
        traffic.saw(&sent);
    }
    assert_eq!(both.original.connections(), both.converted.connections());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn random_networks_judge_packets_as_their_native_files(seed: u64) {
        for topology in [Topology::random, Topology::wide, Topology::any, Topology::neighbors] {
            converse(&topology(seed), seed);
        }
    }
}
