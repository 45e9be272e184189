//! Random packets through two configurations: whether any fares differently.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use vpcemu_diff::Pair;
use vpcemu_lab::{Conversation, Ingress, Lab, Resolved, Sent, TcpFlags, build, select};
use vpcemu_model::{Destination, Id, InterfaceKind, Network, Peer, Ports};
use vpcemu_tests::Dice;

pub(crate) struct Oracle<'a> {
    pair: &'a Pair,
    labs: [Lab; 2],
    dice: Dice,
    /// Ends of blocks, and addresses that somebody has.
    addresses: Vec<IpAddr>,
    /// Ends of ranges.
    ports: Vec<u16>,
    edges: Vec<Id>,
}

/// A packet that can open a conversation.
#[derive(Clone, Debug)]
struct Opening {
    from: From,
    src: IpAddr,
    dst: IpAddr,
    ports: (u16, u16),
    protocol: u8,
}

#[derive(Clone, Debug)]
enum From {
    Interface(Id),
    Internet,
    Edge(Id),
}

impl<'a> Oracle<'a> {
    pub(crate) fn new(pair: &'a Pair, dice: Dice) -> Self {
        let lab = |network: &Network| Lab::new(network.clone());
        let labs = [lab(&pair.old), lab(&pair.new)];
        let (mut addresses, mut ports) = (Vec::new(), vec![0, 1, 53, 443, 1023, 40_000, u16::MAX]);
        for network in [&pair.old, &pair.new] {
            look(network, &mut addresses, &mut ports);
        }
        let edges = labs[0].timeline().registry().edges.iter().map(|(_, id)| id.clone()).collect();
        Self { pair, labs, dice, addresses, ports, edges }
    }

    /// The first packet that fares differently, and how.
    pub(crate) fn differs(&mut self, packets: u32) -> Option<String> {
        (0..packets).find_map(|_| {
            let opening = self.opening()?;
            let [old, new] = &mut self.labs;
            let (was, is) = (fate(old, &opening), fate(new, &opening));
            (was != is).then(|| format!("{opening:?}\nwas {was:?}\nis  {is:?}"))
        })
    }

    fn address(&mut self, like: Option<IpAddr>) -> IpAddr {
        for _ in 0..20 {
            let address = *self.dice.pick(&self.addresses);
            if like.is_none_or(|like| like.is_ipv6() == address.is_ipv6()) {
                return match (self.dice.roll(10), address) {
                    (0, IpAddr::V4(_)) => IpAddr::V4(Ipv4Addr::from((self.dice.roll(1 << 16) << 16 | 7) as u32)),
                    (1, IpAddr::V4(v4)) => IpAddr::V4(Ipv4Addr::from(u32::from(v4) ^ 1 << self.dice.roll(32))),
                    (1, IpAddr::V6(v6)) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) ^ 1 << self.dice.roll(128))),
                    _ => address,
                };
            }
        }
        like.unwrap_or(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)))
    }

    fn port(&mut self) -> u16 {
        match self.dice.roll(4) {
            0 => self.dice.roll(65_536) as u16,
            _ => *self.dice.pick(&self.ports),
        }
    }

    fn opening(&mut self) -> Option<Opening> {
        let hosts: Vec<_> =
            self.pair.old.interfaces.iter().filter(|interface| interface.kind == InterfaceKind::Interface).collect();
        let (from, src) = match self.dice.roll(10) {
            0..=5 => {
                let host = *self.dice.pick(&hosts);
                let own: Vec<_> = host.addresses().collect();
                let spoofs = self.dice.chance(5);
                let src = *self.dice.pick(&own);
                (From::Interface(host.id.clone()), if spoofs { self.address(None) } else { src })
            }
            6 if !self.edges.is_empty() => (From::Edge(self.dice.pick(&self.edges).clone()), self.address(None)),
            _ => (From::Internet, self.address(None)),
        };
        let dst = if self.dice.chance(50) {
            let host = *self.dice.pick(&hosts);
            let public = host.ipv4.iter().filter_map(|pair| pair.public).map(IpAddr::V4);
            let all: Vec<_> = host.addresses().chain(public).filter(|it| it.is_ipv6() == src.is_ipv6()).collect();
            if all.is_empty() { self.address(Some(src)) } else { *self.dice.pick(&all) }
        } else {
            self.address(Some(src))
        };
        let protocol = *self.dice.pick(&[6, 6, 6, 6, 17, 17, 1, 1, 47, 132]);
        let ports = (if self.dice.chance(50) { 40_000 } else { self.port() }, self.port());
        // What a host sends to itself never leaves it.
        let own = match &from {
            From::Interface(id) => hosts.iter().any(|host| host.id == *id && host.addresses().any(|own| own == dst)),
            From::Internet | From::Edge(_) => false,
        };
        (src.is_ipv6() == dst.is_ipv6() && !own).then_some(Opening { from, src, dst, ports, protocol })
    }
}

/// What became of each packet of a conversation: where it came out, by which gateways, as what.
fn fate(lab: &mut Lab, opening: &Opening) -> Vec<Option<String>> {
    let registry = lab.timeline().registry();
    let ingress = match &opening.from {
        From::Interface(id) => registry.enis.find(id).map(Ingress::Interface),
        From::Internet => Some(Ingress::Internet),
        From::Edge(id) => select::edge(lab.network(), lab.timeline(), id.as_str()).map(Ingress::Edge),
    };
    let Some(ingress) = ingress else { return Vec::new() };
    lab.forget();
    let Opening { src, dst, ports: (src_port, dst_port), protocol, .. } = *opening;
    let protocol = if protocol == 1 && src.is_ipv6() { 58 } else { protocol };
    let mut sent = Vec::new();
    if matches!(protocol, 1 | 58) && dst_port % 3 > 0 {
        let quoted = build::udp(std::net::SocketAddr::new(dst, 53), std::net::SocketAddr::new(src, 53)).build();
        let kind = if protocol == 58 { 1 } else { 3 };
        let message = match dst_port % 3 {
            1 => build::icmp_error(src, dst, kind, (dst_port % 5) as u8, 0, &quoted),
            _ => build::icmp_message(src, dst, if protocol == 58 { 200 } else { 13 }, 0, 0).build(),
        };
        sent.push(lab.send(ingress, message));
    } else {
        let ported = matches!(protocol, 6 | 17);
        let (src_port, dst_port) = if ported { (src_port, dst_port) } else { (1, 0) };
        let mut conversation = Conversation::new(Resolved { ingress, src, src_port, dst, dst_port, protocol });
        sent.push(conversation.send(lab, TcpFlags::SYN));
        if let Ok(answer) = conversation.answer(lab, TcpFlags::SYN | TcpFlags::ACK) {
            sent.push(answer);
            if protocol == 6 && sent[1].is_delivered() {
                sent.push(conversation.send(lab, TcpFlags::ACK));
            }
        }
    }
    sent.iter().map(|sent| told(lab, sent)).collect()
}

fn told(lab: &Lab, sent: &Sent) -> Option<String> {
    let place = sent.place()?;
    let passes = ["nat", "igw", "eigw", "endpoint", "forward", "pcx", "tgw", "vgw"];
    let via = sent.steps.iter().filter(|step| step.allowed && passes.contains(&step.kind.name()));
    let via: Vec<_> = via.map(|step| lab.names().component(step.at)).collect();
    Some(format!("{} as {} by {via:?}", lab.names().place(place), sent.verdict.left_as))
}

/// Ends of everything that a network draws a boundary around.
fn look(network: &Network, addresses: &mut Vec<IpAddr>, ports: &mut Vec<u16>) {
    let mut nets: Vec<IpNet> = Vec::new();
    let mut ranges = Vec::new();
    for group in &network.security_groups {
        for rule in group.ingress.iter().chain(&group.egress) {
            if let Peer::Cidr(net) = rule.peer {
                nets.push(net);
            }
            ranges.push(rule.ports);
        }
    }
    for entry in network.network_acls.iter().flat_map(|acl| acl.ingress.iter().chain(&acl.egress)) {
        nets.push(entry.cidr);
        ranges.push(entry.ports);
    }
    for route in network.route_tables.iter().flat_map(|table| &table.routes) {
        if let Destination::Cidr(net) = route.destination {
            nets.push(net);
        }
    }
    for net in nets {
        addresses.extend([net.network(), net.broadcast()]);
        addresses.extend([beside(net.network(), false), beside(net.broadcast(), true)]);
        addresses.extend(net.hosts().nth(9));
    }
    for interface in &network.interfaces {
        addresses.extend(interface.addresses());
        addresses.extend(interface.ipv4.iter().filter_map(|pair| pair.public).map(IpAddr::V4));
    }
    for range in ranges {
        if let Ports::Range(range) = range {
            ports.extend([range.from, range.from.saturating_sub(1), range.to, range.to.saturating_add(1)]);
        }
    }
}

fn beside(address: IpAddr, above: bool) -> IpAddr {
    match (address, above) {
        (IpAddr::V4(v4), true) => IpAddr::V4(Ipv4Addr::from(u32::from(v4).wrapping_add(1))),
        (IpAddr::V4(v4), false) => IpAddr::V4(Ipv4Addr::from(u32::from(v4).wrapping_sub(1))),
        (IpAddr::V6(v6), true) => IpAddr::V6(Ipv6Addr::from(u128::from(v6).wrapping_add(1))),
        (IpAddr::V6(v6), false) => IpAddr::V6(Ipv6Addr::from(u128::from(v6).wrapping_sub(1))),
    }
}
