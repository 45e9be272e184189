//! Random VPCs and random traffic, the same for the same seed.

#![allow(dead_code, reason = "every test file uses a part of it")]

mod forwarding;

use std::collections::HashMap;
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use vpcemu_dataplane::counters::NatCounters;
use vpcemu_dataplane::index::NatIx;
use vpcemu_dataplane::outcome::{Outcome, Step};
use vpcemu_dataplane::shard::{Admission, key_of};
use vpcemu_dataplane::{
    Arrival, DropReason, Ingress, Options, Output, SHARDS, Shard, ShardMap, Stamp, Timestamp, Verdict,
};
use vpcemu_model::native;
use vpcemu_packet::{Fragment, Headers, Offloads, Packet, TcpFlags, Transport, build};
use vpcemu_tests::{Dice, Lab, Sent, headers, reply_to};

/// A private client behind a NAT gateway, and nothing else.
pub(crate) const PRIVATE: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
[subnet.private]
cidrs = ["10.0.1.0/24"]
route_table = "private"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.private]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[nat_gateway.nat]
subnet = "public"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.all]
ingress = []
[instance.app]
subnet = "private"
addresses = ["10.0.1.10"]
security_groups = ["all"]
"#;

/// An instance of a random VPC.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) v4: IpAddr,
    pub(crate) v6: Option<IpAddr>,
    pub(crate) public: Option<IpAddr>,
}

/// One to three VPCs, which may overlap.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    text: String,
    pub(crate) hosts: Vec<Host>,
    /// Public addresses of NAT gateways.
    pub(crate) gateways: Vec<IpAddr>,
    /// Whether hosts call IPv4 by its NAT64 form.
    pub(crate) nat64: bool,
    /// Whether a knob puts everything on one shard.
    pub(crate) serial: bool,
}

impl Topology {
    pub(crate) fn random(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut topology = Self::default();
        for number in 0..1 + dice.roll(3) {
            topology.vpc(number, &mut dice);
        }
        topology
    }

    /// As a native file.
    pub(crate) fn text(&self) -> String {
        self.text.clone()
    }

    fn vpc(&mut self, number: u64, dice: &mut Dice) {
        // Every second VPC has the block of the first: they overlap.
        let net = if dice.chance(50) { 0 } else { number };
        let six = format!("2001:db8:{number:x}00");
        let text = &mut self.text;
        writeln!(text, "[vpc.v{number}]\ncidrs = [\"10.{net}.0.0/16\", \"{six}::/56\"]").unwrap();
        writeln!(text, "[internet_gateway.igw{number}]\nvpc = \"v{number}\"").unwrap();
        writeln!(text, "[egress_only_internet_gateway.eigw{number}]\nvpc = \"v{number}\"").unwrap();
        let nacl = if dice.chance(50) { format!("nacl = \"acl{number}\"") } else { String::new() };
        for (third, kind) in [(0, "public"), (1, "private"), (2, "private"), (3, "isolated")] {
            let nacl = if third == 1 { nacl.as_str() } else { "" };
            writeln!(
                text,
                "[subnet.s{number}-{third}]\nvpc = \"v{number}\"\ncidrs = [\"10.{net}.{third}.0/24\", \"{six}:{third}::/64\"]\n\
                 route_table = \"{kind}{number}\"\n{nacl}"
            )
            .unwrap();
        }
        // Sometimes one public destination inside the model is reached by the NAT gateway from a public subnet too.
        let detour = if dice.chance(30) {
            format!(", {{ to = \"203.0.113.0/25\", via = \"nat{number}\" }}")
        } else {
            String::new()
        };
        writeln!(
            text,
            "[route_table.public{number}]\nvpc = \"v{number}\"\nroutes = [{{ to = \"0.0.0.0/0\", via = \"igw{number}\" }}, \
             {{ to = \"::/0\", via = \"igw{number}\" }}]\n\
             [route_table.private{number}]\nvpc = \"v{number}\"\nroutes = [{{ to = \"0.0.0.0/0\", via = \"nat{number}\" }}, \
             {{ to = \"::/0\", via = \"eigw{number}\" }}{detour}]\n\
             [route_table.isolated{number}]\nvpc = \"v{number}\""
        )
        .unwrap();
        writeln!(
            text,
            "[network_acl.acl{number}]\nvpc = \"v{number}\"\ningress = [\n\
             {{ rule = 90, action = \"deny\", proto = \"all\", from = \"198.51.100.{}/28\" }},\n\
             {{ rule = 100, action = \"allow\", proto = \"all\", from = \"0.0.0.0/0\" }},\n\
             {{ rule = 101, action = \"allow\", proto = \"all\", from = \"::/0\" }}]\n\
             egress = [{{ rule = 100, action = \"allow\", proto = \"all\", to = \"0.0.0.0/0\" }},\n\
             {{ rule = 110, action = \"allow\", proto = \"all\", to = \"::/0\" }}]",
            dice.roll(4) * 16
        )
        .unwrap();
        let two = dice.chance(50);
        let own = 20 + number * 2;
        let second = format!(", {{ private = \"10.{net}.0.201\", public = \"203.0.113.{}\" }}", own + 1);
        writeln!(
            text,
            "[nat_gateway.nat{number}]\nsubnet = \"s{number}-0\"\n\
             addresses = [{{ private = \"10.{net}.0.200\", public = \"203.0.113.{own}\" }}{}]",
            if two { second.as_str() } else { "" }
        )
        .unwrap();
        self.gateways.push(format!("203.0.113.{own}").parse().unwrap());
        for (name, rules) in [
            ("open", "{ proto = \"all\", from = \"0.0.0.0/0\" }, { proto = \"all\", from = \"::/0\" }"),
            ("web", "{ proto = \"tcp\", ports = \"80-443\", from = \"0.0.0.0/0\" }"),
            ("shut", ""),
        ] {
            writeln!(text, "[security_group.{name}{number}]\nvpc = \"v{number}\"\ningress = [{rules}]").unwrap();
        }
        writeln!(
            text,
            "[security_group.inner{number}]\nvpc = \"v{number}\"\ningress = [{{ proto = \"all\", from = \"sg:open{number}\" }}]"
        )
        .unwrap();
        for host in 0..2 + dice.roll(5) {
            let third = dice.roll(4);
            let last = 10 + host;
            let group = ["open", "web", "shut", "inner"][dice.roll(4) as usize];
            let v4 = format!("10.{net}.{third}.{last}");
            let v6 = dice.chance(60).then(|| format!("{six}:{third}::{last}"));
            let public = dice.chance(60).then(|| format!("203.0.113.{}", 100 + number * 20 + host));
            let addresses = v6.iter().fold(format!("\"{v4}\""), |list, v6| format!("{list}, \"{v6}\""));
            let public_line = public.iter().fold(String::new(), |_, public| format!("public = \"{public}\""));
            writeln!(
                text,
                "[instance.h{number}-{host}]\nsubnet = \"s{number}-{third}\"\naddresses = [{addresses}]\n{public_line}\n\
                 security_groups = [\"{group}{number}\"]"
            )
            .unwrap();
            let address = |text: &String| text.parse().unwrap();
            self.hosts.push(Host {
                name: format!("h{number}-{host}"),
                v4: address(&v4),
                v6: v6.as_ref().map(address),
                public: public.as_ref().map(address),
            });
        }
    }
}

/// The form that NAT64 gives an IPv4 address (RFC 6052 2.1).
pub(crate) fn nat64(address: IpAddr) -> IpAddr {
    format!("64:ff9b::{address}").parse().unwrap()
}

/// Packets of every kind, some of them about earlier ones.
pub(crate) struct Traffic<'a> {
    topology: &'a Topology,
    dice: Dice,
    /// Packets that were delivered, as they arrived.
    arrived: Vec<Vec<u8>>,
}

impl<'a> Traffic<'a> {
    pub(crate) fn new(topology: &'a Topology, seed: u64) -> Self {
        Self { topology, dice: Dice::new(seed.rotate_left(17)), arrived: Vec::new() }
    }

    /// Seconds until the next packet: mostly none, sometimes longer than any timer.
    pub(crate) fn pause(&mut self) -> f64 {
        match self.dice.roll(20) {
            0 => self.dice.roll(1000) as f64,
            1 => self.dice.roll(60) as f64,
            _ => self.dice.roll(1000) as f64 / 1000.0,
        }
    }

    /// Notes what became of a packet.
    pub(crate) fn saw(&mut self, sent: &Sent) {
        if sent.place.is_some() && self.arrived.len() < 200 {
            self.arrived.push(sent.bytes.clone());
        }
    }

    /// A packet that can open a flow, and where it enters.
    pub(crate) fn opening(&mut self, lab: &Lab) -> (Ingress, Vec<u8>) {
        let topology = self.topology;
        let host = self.dice.pick(&topology.hosts).clone();
        let eni = lab.eni(&host.name);
        let v6 = host.v6.filter(|_| self.dice.chance(30));
        let outside: IpAddr = match v6 {
            Some(_) => format!("2001:db8:ffff::{:x}", 1 + self.dice.roll(50)).parse().unwrap(),
            None => format!("198.51.100.{}", 1 + self.dice.roll(60)).parse().unwrap(),
        };
        let other = self.dice.pick(&topology.hosts).clone();
        let own = v6.unwrap_or(host.v4);
        if topology.nat64 && v6.is_some() && self.dice.chance(50) {
            let v4 = match self.dice.roll(4) {
                0 => other.v4,
                1 => other.public.unwrap_or(other.v4),
                _ => format!("{PUBLIC_BLOCK}.{}", 1 + self.dice.roll(60)).parse().unwrap(),
            };
            return (Ingress::Interface(eni), self.first_packet(own, nat64(v4)));
        }
        let called = v6.or(host.public);
        match (self.dice.roll(10), called) {
            (0..=2, Some(called)) => (Ingress::Internet, self.first_packet(outside, called)),
            (3, _) => {
                let to = if v6.is_some() { other.v6.unwrap_or(outside) } else { other.public.unwrap_or(other.v4) };
                (Ingress::Interface(eni), self.first_packet(own, to))
            }
            (4, _) => {
                let to = if v6.is_some() { other.v6.unwrap_or(outside) } else { other.v4 };
                (Ingress::Interface(eni), self.first_packet(own, to))
            }
            (5, _) if v6.is_none() => {
                let to = *self.dice.pick(&topology.gateways);
                (Ingress::Interface(eni), self.first_packet(own, to))
            }
            _ => (Ingress::Interface(eni), self.first_packet(own, outside)),
        }
    }

    fn first_packet(&mut self, src: IpAddr, dst: IpAddr) -> Vec<u8> {
        let port = 1024 + self.dice.roll(200) as u16;
        let service = *self.dice.pick(&[53, 80, 443, 8080]);
        let (from, to) = (SocketAddr::new(src, port), SocketAddr::new(dst, service));
        match self.dice.roll(10) {
            0..=4 => build::tcp(from, to).flags(TcpFlags::SYN).build(),
            5..=7 => build::udp(from, to).payload(b"question").build(),
            8 => build::echo_request(src, dst, port, 1).build(),
            _ => build::protocol(src, dst, 47, &[0, 0, 8, 0, 1, 2, 3, 4]).build(),
        }
    }

    /// Any packet: an opening, an answer, more of the same, an end, an error.
    pub(crate) fn next(&mut self, lab: &Lab) -> (Ingress, Vec<u8>) {
        if self.arrived.is_empty() || self.dice.chance(50) {
            return self.opening(lab);
        }
        let index = self.dice.roll(self.arrived.len() as u64) as usize;
        let arrived = self.arrived[index].clone();
        let of = headers(&arrived);
        // Errors are neither answered nor reported.
        if matches!(of.transport, Transport::IcmpError { .. } | Transport::Icmp { .. }) {
            return self.opening(lab);
        }
        let packet = match self.dice.roll(6) {
            0..=2 => reply_to(&of),
            3 => {
                let (kind, code) = if of.dst.is_ipv4() { (3, 1) } else { (1, 3) };
                build::icmp_error(of.dst, of.src, kind, code, 0, &arrived)
            }
            _ => {
                let key = of.key();
                if key.protocol != 6 {
                    return self.opening(lab);
                }
                let flags = *self.dice.pick(&[TcpFlags::RST, TcpFlags::FIN | TcpFlags::ACK, TcpFlags::ACK]);
                let (from, to) = (SocketAddr::new(key.dst, key.dst_port), SocketAddr::new(key.src, key.src_port));
                build::tcp(from, to).flags(flags).build()
            }
        };
        // Whoever has the source sends it.
        let source = headers(&packet).src;
        let sender = self.topology.hosts.iter().find(|host| host.v4 == source || host.v6 == Some(source));
        match sender {
            Some(host) => (Ingress::Interface(lab.eni(&host.name)), packet),
            None => (Ingress::Internet, packet),
        }
    }
}

/// The remotes of `Traffic::opening`, some of which a VPC with a public block has as its own (1.4).
const PUBLIC_BLOCK: &str = "198.51.100";

impl Topology {
    /// More of everything that `random` has: two to five subnets with a table each, random rules, two NAT gateways, detours
    /// through them, blocks that are publicly routable.
    pub(crate) fn wide(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x5eed);
        let mut topology = Self::default();
        for vpc in 0..1 + dice.roll(3) {
            topology.wide_vpc(vpc, &mut dice);
        }
        topology
    }

    fn wide_vpc(&mut self, v: u64, dice: &mut Dice) {
        // Its second block: what the resolver's address in the first one does, `shard_map.rs` has a test of its own for.
        let public_block = v > 0 && dice.chance(40);
        let net = if dice.chance(50) { 0 } else { v };
        let six = format!("2001:db8:{v:x}00");
        let at = |subnet: u64, last: u64| match public_block {
            true => format!("{PUBLIC_BLOCK}.{}", subnet * 16 + last),
            false => format!("10.{net}.{subnet}.{}", if last == 0 { 0 } else { 6 + last }),
        };
        let block =
            if public_block { format!("10.77.0.0/16\", \"{PUBLIC_BLOCK}.0/24") } else { format!("10.{net}.0.0/16") };
        let text = &mut self.text;
        writeln!(text, "[vpc.v{v}]\ncidrs = [\"{block}\", \"{six}::/56\"]").unwrap();
        writeln!(text, "[internet_gateway.igw{v}]\nvpc = \"v{v}\"").unwrap();
        writeln!(text, "[egress_only_internet_gateway.eigw{v}]\nvpc = \"v{v}\"").unwrap();
        let subnets = 2 + dice.roll(4);
        let nats = 1 + dice.roll(2);
        for subnet in 0..subnets {
            let length = if public_block { 28 } else { 24 };
            // NAT gateways live in the first one.
            let kind = if subnet == 0 { 0 } else { dice.roll(4) };
            let nacl = if dice.chance(40) { format!("nacl = \"acl{v}-{}\"\n", dice.roll(2)) } else { String::new() };
            let mut routes = Vec::new();
            let nat = dice.roll(nats);
            match kind {
                0 => routes.push(format!("{{ to = \"0.0.0.0/0\", via = \"igw{v}\" }}")),
                1 | 2 => routes.push(format!("{{ to = \"0.0.0.0/0\", via = \"nat{v}-{nat}\" }}")),
                _ => {}
            }
            if kind < 3 {
                let via = if kind == 0 || dice.chance(30) { "igw" } else { "eigw" };
                routes.push(format!("{{ to = \"::/0\", via = \"{via}{v}\" }}"));
            }
            if kind < 3 && dice.chance(40) {
                let to = *dice.pick(&["203.0.113.0/25", "203.0.113.100/30", "198.51.100.0/27", "198.51.100.16/28"]);
                let via = if dice.chance(60) { format!("nat{v}-{}", dice.roll(nats)) } else { format!("igw{v}") };
                if !public_block || !to.starts_with(PUBLIC_BLOCK) {
                    routes.push(format!("{{ to = \"{to}\", via = \"{via}\" }}"));
                }
            }
            writeln!(
                text,
                "[subnet.s{v}-{subnet}]\nvpc = \"v{v}\"\ncidrs = [\"{}/{length}\", \"{six}:{subnet}::/64\"]\n\
                 route_table = \"r{v}-{subnet}\"\n{nacl}[route_table.r{v}-{subnet}]\nvpc = \"v{v}\"\nroutes = [{}]",
                at(subnet, 0),
                routes.join(", ")
            )
            .unwrap();
        }
        for acl in 0..2 {
            let side = |key: &str, dice: &mut Dice| {
                let mut entries: Vec<_> = (0..dice.roll(4))
                    .map(|rule| {
                        let action = *dice.pick(&["allow", "deny"]);
                        let what = *dice.pick(&[
                            "proto = \"tcp\", ports = \"1-600\"",
                            "proto = \"udp\", ports = \"53\"",
                            "proto = \"all\"",
                        ]);
                        let block =
                            *dice.pick(&["198.51.100.0/28", "10.0.0.0/8", "203.0.113.0/24", "2001:db8:ffff::/124"]);
                        format!("{{ rule = {}, action = \"{action}\", {what}, {key} = \"{block}\" }}", 10 + rule)
                    })
                    .collect();
                if dice.chance(85) {
                    entries
                        .push(format!("{{ rule = 100, action = \"allow\", proto = \"all\", {key} = \"0.0.0.0/0\" }}"));
                    entries.push(format!("{{ rule = 101, action = \"allow\", proto = \"all\", {key} = \"::/0\" }}"));
                }
                entries.join(", ")
            };
            let (ingress, egress) = (side("from", dice), side("to", dice));
            writeln!(text, "[network_acl.acl{v}-{acl}]\nvpc = \"v{v}\"\ningress = [{ingress}]\negress = [{egress}]")
                .unwrap();
        }
        for group in 0..4 {
            let side = |key: &str, open: u64, dice: &mut Dice| {
                let mut rules: Vec<_> = (0..dice.roll(4))
                    .map(|_| {
                        let other = format!("sg:g{v}-{}", dice.roll(4));
                        let peers = ["0.0.0.0/0", "::/0", "10.0.0.0/8", "198.51.100.0/26", "203.0.113.0/24", &other];
                        let peer = dice.roll(peers.len() as u64) as usize;
                        let what = *dice.pick(&[
                            "proto = \"tcp\", ports = \"80-443\"",
                            "proto = \"udp\"",
                            "proto = \"udp\", ports = \"53\"",
                            "proto = \"icmp\"",
                            "proto = \"tcp\"",
                            "proto = \"all\"",
                        ]);
                        format!("{{ {what}, {key} = \"{}\" }}", peers[peer])
                    })
                    .collect();
                if dice.chance(open) {
                    rules.push(format!("{{ proto = \"all\", {key} = \"0.0.0.0/0\" }}"));
                    rules.push(format!("{{ proto = \"all\", {key} = \"::/0\" }}"));
                }
                rules.sort();
                rules.dedup();
                rules.join(", ")
            };
            let (ingress, egress) = (side("from", 30, dice), side("to", 70, dice));
            writeln!(text, "[security_group.g{v}-{group}]\nvpc = \"v{v}\"\ningress = [{ingress}]\negress = [{egress}]")
                .unwrap();
        }
        for nat in 0..nats {
            let addresses: Vec<_> = (0..if nat == 0 { 1 + dice.roll(2) } else { 1 })
                .map(|one| {
                    let public = format!("203.0.113.{}", 10 + v * 8 + nat * 2 + one);
                    self.gateways.push(public.parse().unwrap());
                    format!("{{ private = \"{}\", public = \"{public}\" }}", at(0, 12 + nat * 2 + one))
                })
                .collect();
            let text = &mut self.text;
            writeln!(text, "[nat_gateway.nat{v}-{nat}]\nsubnet = \"s{v}-0\"\naddresses = [{}]", addresses.join(", "))
                .unwrap();
        }
        for host in 0..2 + dice.roll(7) {
            let subnet = dice.roll(subnets);
            let v4 = at(subnet, 4 + host.min(7));
            if self.text.contains(&format!("subnet = \"s{v}-{subnet}\"\naddresses = [\"{v4}\"")) {
                continue;
            }
            let v6 = dice.chance(60).then(|| format!("{six}:{subnet}::{}", 10 + host));
            let public = dice.chance(60).then(|| format!("203.0.113.{}", 100 + v * 20 + host));
            let mut addresses = format!("\"{v4}\"");
            v6.iter().for_each(|v6| write!(addresses, ", \"{v6}\"").unwrap());
            let public_line = public.iter().fold(String::new(), |_, public| format!("public = \"{public}\"\n"));
            let mut groups = vec![format!("\"g{v}-{}\"", dice.roll(4))];
            if dice.chance(30) {
                groups.push(format!("\"g{v}-{}\"", dice.roll(4)));
                groups.dedup();
            }
            let name = format!("h{v}-{host}");
            writeln!(
                self.text,
                "[instance.{name}]\nsubnet = \"s{v}-{subnet}\"\naddresses = [{addresses}]\n{public_line}security_groups = [{}]",
                groups.join(", ")
            )
            .unwrap();
            let address = |text: &String| text.parse().unwrap();
            self.hosts.push(Host {
                name,
                v4: address(&v4),
                v6: v6.as_ref().map(address),
                public: public.as_ref().map(address),
            });
        }
    }
}

/// `Traffic` and what it leaves out: fragments in any order, short quotes, TTLs that run out, packets too large, data out of
/// the blue, calls to public addresses of the model from inside and outside.
pub(crate) struct Wild<'a> {
    pub(crate) usual: Traffic<'a>,
    pending: Vec<(Ingress, Vec<u8>)>,
}

impl<'a> Wild<'a> {
    pub(crate) fn new(topology: &'a Topology, seed: u64) -> Self {
        Self { usual: Traffic::new(topology, seed ^ 0xf00d), pending: Vec::new() }
    }

    /// Nanoseconds until the next packet.
    pub(crate) fn pause(&mut self) -> u64 {
        (self.usual.pause() * 1e9) as u64
    }

    /// Notes a whole packet that was delivered.
    pub(crate) fn saw(&mut self, walked: &Walked) {
        let delivered = matches!(walked.verdict.outcome, Outcome::Delivered { .. });
        if delivered && walked.bytes.len() <= 1000 && headers(&walked.bytes).fragment == Fragment::None {
            if self.usual.arrived.len() >= 100 {
                let forgotten = self.usual.dice.roll(100) as usize;
                self.usual.arrived.swap_remove(forgotten);
            }
            self.usual.arrived.push(walked.bytes.clone());
        }
    }

    pub(crate) fn next(&mut self, lab: &Lab) -> (Ingress, Vec<u8>) {
        if !self.pending.is_empty() && self.usual.dice.chance(70) {
            return self.pending.remove(0);
        }
        match self.usual.dice.roll(14) {
            0..=6 => self.usual.next(lab),
            7 | 8 => self.short_error(lab),
            9 => {
                let (ingress, packet) = self.usual.opening(lab);
                let key = headers(&packet).key();
                let ends = (SocketAddr::new(key.src, key.src_port), SocketAddr::new(key.dst, key.dst_port));
                let flags = TcpFlags::ACK | TcpFlags::PSH;
                (ingress, build::tcp(ends.0, ends.1).flags(flags).seq(7).ack(9).payload(b"data").build())
            }
            10 => self.large(lab),
            11 => {
                let (ingress, packet) = self.usual.opening(lab);
                let key = headers(&packet).key();
                let ends = (SocketAddr::new(key.src, key.src_port), SocketAddr::new(key.dst, key.dst_port));
                let ttl = 1 + self.usual.dice.roll(2) as u8;
                (ingress, build::udp(ends.0, ends.1).ttl(ttl).payload(b"probe").build())
            }
            12 => {
                let gateway = *self.usual.dice.pick(&self.usual.topology.gateways);
                let outside = format!("{PUBLIC_BLOCK}.{}", 1 + self.usual.dice.roll(60)).parse().unwrap();
                (Ingress::Internet, self.usual.first_packet(outside, gateway))
            }
            _ => {
                let topology = self.usual.topology;
                let host = self.usual.dice.pick(&topology.hosts).clone();
                let publics: Vec<_> = topology.hosts.iter().filter_map(|host| host.public).collect();
                let to = if publics.is_empty() { topology.gateways[0] } else { *self.usual.dice.pick(&publics) };
                (Ingress::Interface(lab.eni(&host.name)), self.usual.first_packet(host.v4, to))
            }
        }
    }

    /// An error that quotes no more than RFC 792 asks for, from the receiver or a router.
    fn short_error(&mut self, lab: &Lab) -> (Ingress, Vec<u8>) {
        if self.usual.arrived.is_empty() {
            return self.usual.opening(lab);
        }
        let index = self.usual.dice.roll(self.usual.arrived.len() as u64) as usize;
        let arrived = self.usual.arrived[index].clone();
        let of = headers(&arrived);
        if matches!(of.transport, Transport::IcmpError { .. } | Transport::Icmp { .. }) {
            return self.usual.opening(lab);
        }
        let cut = &arrived[..(usize::from(of.l4) + 8).min(arrived.len())];
        let (router, kind) = if of.dst.is_ipv4() { ("192.0.2.254", 3) } else { ("2001:db8:eeee::254", 1) };
        let from = if self.usual.dice.chance(50) { of.dst } else { router.parse().unwrap() };
        let packet = build::icmp_error(from, of.src, kind, 1, 0, cut);
        let hosts = &self.usual.topology.hosts;
        let sender = hosts.iter().find(|host| host.v4 == from || host.v6 == Some(from));
        (sender.map_or(Ingress::Internet, |host| Ingress::Interface(lab.eni(&host.name))), packet)
    }

    /// More than a link carries: in fragments, or whole with and without DF.
    fn large(&mut self, lab: &Lab) -> (Ingress, Vec<u8>) {
        let (ingress, packet) = self.usual.opening(lab);
        let key = headers(&packet).key();
        let ends = (SocketAddr::new(key.src, key.src_port), SocketAddr::new(key.dst, key.dst_port));
        let id = self.usual.dice.roll(60_000) as u16;
        let size = 1600 + self.usual.dice.roll(1500) as usize;
        let whole = build::udp(ends.0, ends.1).id(id).dont_fragment(self.usual.dice.chance(40));
        let whole = whole.payload(&vec![id as u8; size]).build();
        if key.src.is_ipv6() || self.usual.dice.chance(40) {
            return (ingress, whole);
        }
        let mut pieces = build::fragment(
            &build::udp(ends.0, ends.1).id(id).dont_fragment(false).payload(&vec![7; size]).build(),
            1000,
        );
        match self.usual.dice.roll(4) {
            0 => pieces.reverse(),
            // The first never comes.
            1 => drop(pieces.remove(0)),
            _ => {}
        }
        let first = pieces.remove(0);
        self.pending.extend(pieces.into_iter().map(|piece| (ingress, piece)));
        (ingress, first)
    }
}

/// What became of a packet, with every form that it had on the way.
#[derive(Debug, PartialEq)]
pub(crate) struct Walked {
    pub(crate) n: u64,
    pub(crate) length: u32,
    pub(crate) verdict: Verdict,
    pub(crate) bytes: Vec<u8>,
    pub(crate) pieces: Vec<Vec<u8>>,
    pub(crate) generated: Option<(Vec<u8>, Verdict)>,
    pub(crate) steps: Vec<Step>,
}

/// How a rig chooses shards.
pub(crate) type Choice = fn(&ShardMap, &Headers) -> u8;

/// Shards as the replay drives them: fragments are admitted and held, time is exact to the nanosecond.
pub(crate) struct Rig {
    pub(crate) lab: Lab,
    pub(crate) shards: Vec<Shard>,
    pub(crate) now: u64,
    choice: Choice,
    n: u64,
    held: HashMap<u64, (Ingress, Vec<u8>)>,
}

impl Rig {
    pub(crate) fn new(text: &str, options: Options, choice: Choice) -> Self {
        let network = native::parse("random.toml", text).unwrap_or_else(|error| panic!("{error}\n{text}")).network;
        let lab = Lab::of(&[network], options);
        let options = Options { record_steps: true, ..options };
        let shards = (0..SHARDS).map(|_| Shard::new(Arc::clone(lab.timeline()), options)).collect();
        Self { lab, shards, now: 1_000_000_000_000_000_000, choice, n: 0, held: HashMap::new() }
    }

    /// By the shard map.
    pub(crate) fn of(text: &str) -> Self {
        Self::new(text, Options::default(), |map, headers| map.shard(headers))
    }

    /// The fates that a packet decides: its own, and those of what waited for it. None while it is held itself.
    pub(crate) fn enter(&mut self, ingress: Ingress, mut bytes: Vec<u8>) -> Vec<Walked> {
        self.n += 1;
        let mut fates = self.expire(None);
        let parsed =
            Headers::parse(&bytes, bytes.len() as u32, Offloads::Strict).unwrap_or_else(|error| panic!("{error}"));
        let shard = usize::from((self.choice)(self.lab.map(), &parsed));
        match self.shards[shard].reassembly.admit(&parsed, self.n, Timestamp(self.now), 0) {
            Admission::Ready(transport) => {
                fates.push(self.walk(shard, self.n, ingress, &mut bytes, transport));
                for (ticket, transport) in self.shards[shard].reassembly.take_ready() {
                    let (ingress, mut bytes) = self.held.remove(&ticket).unwrap();
                    fates.push(self.walk(shard, ticket, ingress, &mut bytes, transport));
                }
            }
            Admission::Hold => {
                self.held.insert(self.n, (ingress, bytes));
            }
            Admission::Refused(reason) => fates.push(unwalked(self.n, bytes, reason)),
            Admission::Full => fates.push(unwalked(self.n, bytes, DropReason::TableFull)),
        }
        fates
    }

    /// A packet that has a number out of the row: the numbers of all others are as if it had not come.
    pub(crate) fn aside(&mut self, ingress: Ingress, bytes: Vec<u8>) -> Vec<Walked> {
        let next = std::mem::replace(&mut self.n, 1_000_000);
        let fates = self.enter(ingress, bytes);
        self.n = next;
        fates
    }

    /// One packet that is never held.
    pub(crate) fn one(&mut self, ingress: Ingress, bytes: Vec<u8>) -> Walked {
        let mut fates = self.enter(ingress, bytes);
        assert_eq!(fates.len(), 1);
        fates.remove(0)
    }

    pub(crate) fn leave(&mut self, eni: &str, bytes: Vec<u8>) -> Walked {
        self.one(Ingress::Interface(self.lab.eni(eni)), bytes)
    }

    /// Ends the wait of fragments: of those whose time is over, or at the end of a window of all.
    pub(crate) fn expire(&mut self, window: Option<u64>) -> Vec<Walked> {
        let now = Timestamp(self.now);
        let tickets: Vec<_> =
            self.shards.iter_mut().flat_map(|shard| shard.reassembly.take_expired(now, window)).collect();
        let held = &mut self.held;
        let mut over: Vec<_> =
            tickets.into_iter().map(|(n, reason)| unwalked(n, held.remove(&n).unwrap().1, reason)).collect();
        over.sort_by_key(|walked| walked.n);
        over
    }

    pub(crate) fn waiting(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn tick(&mut self) {
        for shard in &mut self.shards {
            shard.tick(Timestamp(self.now));
        }
    }

    /// Totals, once everything that has expired is counted: connections, and all gateways.
    pub(crate) fn totals(&mut self) -> (u64, u64, Vec<NatCounters>) {
        let (mut created, mut expired) = (0, 0);
        for shard in &mut self.shards {
            shard.finish(Timestamp(self.now));
            created += shard.connections().created;
            expired += shard.connections().expired;
        }
        let nats: Vec<_> = self.nats();
        (created, expired, nats.into_iter().map(|nat| self.nat(nat)).collect())
    }

    pub(crate) fn nats(&self) -> Vec<NatIx> {
        self.lab.timeline().registry().nats.iter().map(|(nat, _)| nat).collect()
    }

    pub(crate) fn nat(&self, nat: NatIx) -> NatCounters {
        let mut sum = NatCounters::default();
        self.shards.iter().for_each(|shard| sum += shard.nat_counters(nat));
        sum
    }

    fn walk(&mut self, shard: usize, n: u64, ingress: Ingress, bytes: &mut [u8], transport: Transport) -> Walked {
        let length = bytes.len() as u32;
        let stamp = Stamp { n, now: Timestamp(self.now), generation: 0 };
        let mut out = Output::default();
        let mut packet = Packet::parse(bytes, length, Offloads::Strict).unwrap_or_else(|error| panic!("{error}"));
        let captured = key_of(&packet, transport);
        let verdict =
            self.shards[shard].process(Arrival { stamp, ingress, captured, transport }, &mut packet, &mut out);
        let generated = out.generated.map(|made| (made.bytes, made.verdict));
        // What NAT64 replaced is handed out as a piece of its own, whole.
        let pieces = if verdict.pieces == 0 { Vec::new() } else { out.pieces };
        Walked { n, length, verdict, bytes: packet.bytes().to_vec(), pieces, generated, steps: out.steps }
    }
}

fn unwalked(n: u64, bytes: Vec<u8>, reason: DropReason) -> Walked {
    let outcome = Outcome::Dropped(vpcemu_dataplane::Denial { reason, at: None, direction: None, rule: None });
    let verdict = Verdict::stateless(outcome, headers(&bytes).key());
    Walked { n, length: bytes.len() as u32, verdict, bytes, pieces: Vec::new(), generated: None, steps: Vec::new() }
}

impl Walked {
    pub(crate) fn reason(&self) -> Option<DropReason> {
        match self.verdict.outcome {
            Outcome::Dropped(denial) => Some(denial.reason),
            _ => None,
        }
    }

    pub(crate) fn delivered(&self) -> bool {
        matches!(self.verdict.outcome, Outcome::Delivered { .. })
    }
}
