//! A VPC in which one filter decides, and packets through it.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use vpcemu_dataplane::outcome::CtState;
use vpcemu_dataplane::{DropReason, Options};
use vpcemu_model::{Network, native};
use vpcemu_packet::{TcpFlags, build};
use vpcemu_tests::{Lab, Sent};

use super::{Host, Peer, Probe, Rule, text};

/// What judges.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Filter {
    SecurityGroup,
    NetworkAcl,
}

/// Seen from the instance that is judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    In,
    Out,
}

/// What a filter said.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Told {
    /// By which rule, `-` if it belongs to a known connection, and what connection tracking thought of it.
    Passed(String, Option<CtState>),
    Dropped(DropReason, String),
}

/// The VPC.
pub(crate) struct Site {
    lab: Lab,
    filter: Filter,
}

/// The addresses of the instance that is judged, by family; of IPv4 first inside, then outside.
pub(crate) const HOST: [&str; 3] = ["10.0.0.10", "203.0.113.10", "2001:db8:1:1a00::10"];

/// Everything but the filter under test. All others let everything pass.
const REST: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1:1a00::/56"]
[internet_gateway.igw]
[subnet.far]
cidrs = ["10.0.1.0/24", "2001:db8:1:1a01::/64"]
route_table = "all"
[route_table.all]
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "::/0", via = "igw" }]
[instance.friend]
subnet = "far"
addresses = ["10.0.1.21", "2001:db8:1:1a01::21"]
public = "203.0.113.21"
security_groups = ["friend"]
[instance.stranger]
subnet = "far"
addresses = ["10.0.1.22", "2001:db8:1:1a01::22"]
public = "203.0.113.22"
security_groups = ["stranger"]
[subnet.near]
cidrs = ["10.0.0.0/24", "2001:db8:1:1a00::/64"]
route_table = "all"
"#;

/// The two groups of the instance that is judged: rules are the union of both (6.2).
const GROUPS: [&str; 2] = ["first", "second"];

impl Site {
    /// With these rules in, and those out. The first `split` rules are in one group, the others in another.
    pub(crate) fn new(filter: Filter, ingress: &[Rule], egress: &[Rule], split: usize) -> Self {
        Self::of(filter, &network(filter, ingress, egress, split, ""))
    }

    /// With a network of [`network`].
    pub(crate) fn of(filter: Filter, network: &Network) -> Self {
        Self { lab: Lab::of(std::slice::from_ref(network), Options::default()), filter }
    }

    /// A packet of a connection of its own, and what the filter said.
    pub(crate) fn judge(&mut self, way: Way, probe: &Probe) -> Told {
        self.forget();
        let sent = self.send(way, &probe.peer, datagram(way, probe, b"question"));
        self.told(way, &sent)
    }

    /// The pieces of a datagram, later ones perhaps first, and what became of them in the order of the datagram.
    pub(crate) fn send_pieces(&mut self, way: Way, peer: &Host, pieces: &[Vec<u8>], backwards: bool) -> Vec<Sent> {
        self.forget();
        let mut order: Vec<_> = pieces.to_vec();
        if backwards {
            order.reverse();
        }
        let mut sent: Vec<_> = order.into_iter().map(|piece| self.send(way, peer, piece)).collect();
        if backwards {
            sent.reverse();
            // What was held has been judged behind the first.
            let later = self.lab.take_later();
            sent.truncate(1);
            sent.extend(later.into_iter().rev());
        }
        assert_eq!(sent.len(), pieces.len());
        sent
    }

    /// Waits until whatever the packets before have opened is over, for everything but TCP that was answered (6.16).
    fn forget(&mut self) {
        self.lab.wait(601.0);
    }

    /// A packet between the other side and the instance that is judged.
    fn send(&mut self, way: Way, peer: &Host, datagram: Vec<u8>) -> Sent {
        match (way, peer.instance) {
            (Way::Out, _) => self.lab.leave("host", datagram),
            (Way::In, Some(instance)) => self.lab.leave(instance.name, datagram),
            (Way::In, None) => self.lab.arrive(datagram),
        }
    }

    /// What the filter said about a packet. Whatever it lets pass arrives.
    pub(crate) fn told(&self, way: Way, sent: &Sent) -> Told {
        let step = match (self.filter, way) {
            (Filter::SecurityGroup, Way::In) => "sg eni-host ingress",
            (Filter::SecurityGroup, Way::Out) => "sg eni-host egress",
            (Filter::NetworkAcl, Way::In) => "nacl acl-judge ingress",
            (Filter::NetworkAcl, Way::Out) => "nacl acl-judge egress",
        };
        let at = sent.steps.iter().position(|taken| taken.strip_suffix(" DENY").unwrap_or(taken) == step);
        let at = at.unwrap_or_else(|| panic!("not judged: {:?} {:?}", sent.reason(), sent.steps));
        let rule = sent.rules[at].clone();
        if !sent.steps[at].ends_with(" DENY") {
            assert!(sent.place.is_some(), "passed, but {:?} at {:?}", sent.reason(), sent.at);
            return Told::Passed(rule, sent.verdict.state);
        }
        assert_eq!(sent.rule.as_ref(), Some(&rule));
        Told::Dropped(sent.reason().unwrap(), rule)
    }
}

/// Lets later fragments be judged without the ports of their first (7.13).
pub(crate) const PORTLESS: &str = "[behavior.network_acl]\nnacl_fragments = \"portless_only\"\n";

/// The VPC as a native file.
pub(crate) fn network(filter: Filter, ingress: &[Rule], egress: &[Rule], split: usize, behavior: &str) -> Network {
    let mut file = format!("{behavior}{REST}");
    let everyone = |word| {
        format!("  {{ proto = \"all\", {word} = \"0.0.0.0/0\" }},\n  {{ proto = \"all\", {word} = \"::/0\" }},\n")
    };
    let mut group = |name: &str, ingress: &str, egress: &str| {
        write!(file, "[security_group.{name}]\ningress = [\n{ingress}]\negress = [\n{egress}]\n").unwrap();
    };
    group("friend", &everyone("from"), &everyone("to"));
    group("stranger", &everyone("from"), &everyone("to"));
    match filter {
        Filter::SecurityGroup => {
            for (at, name) in GROUPS.into_iter().enumerate() {
                let part = |rules: &[Rule], way, word: &str| {
                    let (head, tail) = rules.split_at(split.min(rules.len()));
                    text([head, tail][at], way, filter, &format!("{name}-{word}"))
                };
                group(name, &part(ingress, Way::In, "in"), &part(egress, Way::Out, "out"));
            }
        }
        Filter::NetworkAcl => {
            group("first", &everyone("from"), &everyone("to"));
            group("second", "", "");
            file.push_str("[network_acl.judge]\n");
            for (word, rules, way) in [("ingress", ingress, Way::In), ("egress", egress, Way::Out)] {
                writeln!(file, "{word} = [\n{}]", text(rules, way, filter, "-")).unwrap();
            }
        }
    }
    for (rules, word) in [(ingress, "in"), (egress, "out")] {
        for (at, rule) in rules.iter().enumerate() {
            let Peer::List(blocks) = &rule.peer else { continue };
            let (group, at) = position(at, split);
            let blocks: Vec<_> = blocks.iter().map(|block| format!("\"{}/{}\"", block.first, block.length)).collect();
            writeln!(file, "[prefix_list.{group}-{word}-{at}]\nentries = [{}]", blocks.join(", ")).unwrap();
        }
    }
    let [v4, public, v6] = HOST;
    write!(
        file,
        "[instance.host]\nsubnet = \"near\"\naddresses = [\"{v4}\", \"{v6}\"]\npublic = \"{public}\"\n\
         security_groups = [\"first\", \"second\"]\n"
    )
    .unwrap();
    if filter == Filter::NetworkAcl {
        file = file.replace("[subnet.near]\n", "[subnet.near]\nnacl = \"judge\"\n");
    }
    native::parse("rules.toml", &file).unwrap_or_else(|error| panic!("{error}\n{file}")).network
}

/// The group of a rule, and its position there.
pub(crate) fn position(at: usize, split: usize) -> (&'static str, usize) {
    if at < split { (GROUPS[0], at) } else { (GROUPS[1], at - split) }
}

/// The datagram of a probe in pieces, as its sender sends it. Other datagrams have other `id`s.
pub(crate) fn pieces(way: Way, probe: &Probe, id: u16) -> Vec<Vec<u8>> {
    // In three: a later piece that is not the last, and one that is.
    let datagram = datagram(way, probe, &[0; 64]);
    match probe.peer.address {
        IpAddr::V4(_) => {
            let mut datagram = datagram;
            datagram[4..6].copy_from_slice(&id.to_be_bytes());
            datagram[6] &= !DONT_FRAGMENT;
            seal(&mut datagram);
            build::fragment(&datagram, 20 + 32)
        }
        IpAddr::V6(_) => build::fragment_v6(&datagram, 40 + 8 + 32, id.into()),
    }
}

/// Of the flags of an IPv4 header (RFC 791 3.1).
const DONT_FRAGMENT: u8 = 0x40;

/// Puts the checksum of an IPv4 header right (RFC 1071).
fn seal(datagram: &mut [u8]) {
    datagram[10..12].fill(0);
    let sum: u32 = datagram[..20].chunks(2).map(|word| u32::from(word[0]) << 8 | u32::from(word[1])).sum();
    let folded = (sum & 0xFFFF) + (sum >> 16);
    let checksum = !((folded & 0xFFFF) + (folded >> 16)) as u16;
    datagram[10..12].copy_from_slice(&checksum.to_be_bytes());
}

/// The packet, as its sender sends it.
fn datagram(way: Way, probe: &Probe, payload: &[u8]) -> Vec<u8> {
    let peer = probe.peer;
    // An instance that is talked to by its public address sends from its private one: the gateway translates.
    let in_public = peer.instance.is_none_or(|instance| instance.in_public);
    let own: IpAddr = match (peer.address, way) {
        (IpAddr::V6(_), _) => HOST[2],
        (IpAddr::V4(_), Way::In) if in_public => HOST[1],
        (IpAddr::V4(_), _) => HOST[0],
    }
    .parse()
    .unwrap();
    let sender = match (peer.instance, peer.address) {
        (Some(instance), IpAddr::V4(_)) if instance.in_public => private(instance.name),
        (_, address) => address,
    };
    let (src, dst) = if way == Way::In { (sender, own) } else { (own, peer.address) };
    let (from, to) = (SocketAddr::new(src, probe.source_port), SocketAddr::new(dst, probe.port));
    match (probe.protocol, src.is_ipv4()) {
        (6, _) => build::tcp(from, to).flags(TcpFlags::SYN).payload(payload).build(),
        (17, _) => build::udp(from, to).payload(payload).build(),
        (1, true) | (58, false) => {
            // What is no IP header is no quote: an error without one is about no connection.
            build::icmp_message(src, dst, probe.message.0, probe.message.1, 0x0007_0001).payload(payload).build()
        }
        (number, _) => build::protocol(src, dst, number, payload).build(),
    }
}

fn private(name: &str) -> IpAddr {
    if name == "friend" { "10.0.1.21" } else { "10.0.1.22" }.parse().unwrap()
}
