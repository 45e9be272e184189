//! Random VPCs and random traffic, the same for the same seed.

#![allow(dead_code, reason = "every test file uses a part of it")]

mod changes;
mod forwarding;
mod neighbors;
mod rig;
mod wide;
mod wild;

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use vpcemu_dataplane::Ingress;
use vpcemu_packet::{TcpFlags, Transport, build};
use vpcemu_tests::{Dice, Lab, Sent, headers, reply_to};

#[allow(unused_imports, reason = "every test file uses a part of it")]
pub(crate) use changes::changed;
#[allow(unused_imports, reason = "every test file uses a part of it")]
pub(crate) use rig::{Rig, Walked};
#[allow(unused_imports, reason = "every test file uses a part of it")]
pub(crate) use wild::Wild;

/// The remotes of `Traffic::opening`, some of which a VPC with a public block has as its own (1.4).
const PUBLIC_BLOCK: &str = "198.51.100";

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
    /// What lies beyond the VPCs, by id, with the first three numbers of addresses there.
    pub(crate) beyond: Vec<(String, String)>,
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
        if !topology.beyond.is_empty() && self.dice.chance(30) {
            let (edge, block) = self.dice.pick(&topology.beyond).clone();
            let far = format!("{block}.{}", 1 + self.dice.roll(20)).parse().unwrap();
            let remote = format!("{PUBLIC_BLOCK}.{}", 1 + self.dice.roll(60)).parse().unwrap();
            return match self.dice.roll(5) {
                0 | 1 => (Ingress::Interface(eni), self.first_packet(host.v4, far)),
                2 | 3 => (lab.beyond(&edge), self.first_packet(far, host.v4)),
                // By the NAT gateway of a VPC (10.27).
                _ => (lab.beyond(&edge), self.first_packet(far, remote)),
            };
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

    /// Where a packet of `source` comes from that no host has.
    fn outside(&self, lab: &Lab, source: IpAddr) -> Ingress {
        let of = |block: &str| source.to_string().starts_with(&format!("{block}."));
        let beyond = self.topology.beyond.iter().find(|(_, block)| of(block));
        beyond.map_or(Ingress::Internet, |(edge, _)| lab.beyond(edge))
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
            None => (self.outside(lab, source), packet),
        }
    }
}
