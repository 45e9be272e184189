//! Flows as people name them, and what they mean in a network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vpcemu_dataplane::Ingress;
use vpcemu_dataplane::fabric::{EndpointKind as Compiled, Neighbor, NextHop};
use vpcemu_dataplane::index::EniIx;
use vpcemu_model::{EndpointKind, NetworkInterface, Protocol};
use vpcemu_packet::endpoint;

use crate::{Error, Lab, select};

/// The port that clients call from when nothing is said: within what Linux picks from (32768-60999) and in every list of
/// ephemeral ports.
const CLIENT_PORT: u16 = 40_000;
/// The identifier of pings when nothing is said.
const PING: u16 = 1;
/// Who is meant by `internet`: hosts of the blocks for documentation (RFC 5737, RFC 3849), the first that the network does not
/// claim for itself.
const OUTSIDE_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 1), Ipv4Addr::new(203, 0, 113, 1)];
const OUTSIDE_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0x2001, 0xdb8, 0xfffe, 0, 0, 0, 0, 1),
    Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 1),
];
/// The services of a VPC, by name (semantics 1.10, 1.11).
const SERVICES: [(&str, Ipv4Addr, Ipv6Addr); 3] = [
    ("dns", Ipv4Addr::new(169, 254, 169, 253), Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x253)),
    ("imds", Ipv4Addr::new(169, 254, 169, 254), Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    ("ntp", Ipv4Addr::new(169, 254, 169, 123), Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x123)),
];

/// Appliances and VPCs that an answer passes before it is taken to go in circles.
const FARTHEST: usize = 8;

/// A flow by the names of its ends.
///
/// An end is an interface (by name, id, instance, Terraform address or one of its addresses), `internet`, an address that the
/// network does not have, `dns`, `imds`, `ntp`, a gateway endpoint, or `ADDRESS@NAME`: an address at an interface or at what lies
/// beyond a VPC. Each may be followed by `:PORT`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flow {
    /// Where it begins.
    pub from: String,
    /// Where it goes.
    pub to: String,
    /// Its protocol, an IANA number; [`Flow::ICMP`] means ICMPv6 between IPv6 addresses.
    pub protocol: u8,
    /// The port it comes from, or the identifier of a ping, where `from` has none: 40000 and 1 if it is not said.
    pub source_port: Option<u16>,
    /// Whether it is IPv6 where its ends have addresses of both families: IPv4 if it is not said.
    pub ipv6: Option<bool>,
}

/// A flow in a network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resolved {
    /// Where its packets go in.
    pub ingress: Ingress,
    /// Where they come from.
    pub src: IpAddr,
    /// The port they come from, or the identifier of a ping.
    pub src_port: u16,
    /// Where they go.
    pub dst: IpAddr,
    /// The port they go to; 0 where there is none.
    pub dst_port: u16,
    /// The protocol number.
    pub protocol: u8,
}

/// `NAME`, `ADDRESS` or `ADDRESS@NAME`, with a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct End<'a> {
    name: Option<&'a str>,
    address: Option<IpAddr>,
    port: Option<u16>,
}

impl Flow {
    /// TCP's number.
    pub const TCP: u8 = 6;
    /// UDP's number.
    pub const UDP: u8 = 17;
    /// ICMP's number.
    pub const ICMP: u8 = 1;
    const ICMPV6: u8 = 58;

    /// A flow of any protocol.
    pub fn of(protocol: u8, from: impl Into<String>, to: impl Into<String>) -> Self {
        Self { from: from.into(), to: to.into(), protocol, source_port: None, ipv6: None }
    }

    /// A TCP connection.
    pub fn tcp(from: impl Into<String>, to: impl Into<String>) -> Self {
        Self::of(Self::TCP, from, to)
    }

    /// A flow of UDP.
    pub fn udp(from: impl Into<String>, to: impl Into<String>) -> Self {
        Self::of(Self::UDP, from, to)
    }

    /// A ping.
    pub fn ping(from: impl Into<String>, to: impl Into<String>) -> Self {
        Self::of(Self::ICMP, from, to)
    }

    /// Reads `tcp`, `udp`, `icmp`, `icmpv6` or a number.
    ///
    /// # Errors
    /// If it is none of them.
    pub fn protocol(text: &str) -> Result<u8, Error> {
        match Protocol::parse(text) {
            Some(Protocol::Number(number)) => Ok(number),
            Some(Protocol::All) | None => Err(Error::Protocol(text.to_owned())),
        }
    }
}

impl Lab {
    /// What a flow means in the network that is in force.
    ///
    /// # Errors
    /// If an end is nothing that the network knows, or no packet can go between the two.
    pub fn resolve(&self, flow: &Flow) -> Result<Resolved, Error> {
        let bad = |why: String| Error::Flow { from: flow.from.clone(), to: flow.to.clone(), why };
        let (from, to) = (End::parse(&flow.from), End::parse(&flow.to));
        for (end, text) in [(from, &flow.from), (to, &flow.to)] {
            if let Some(port) = end.bad_port() {
                return Err(bad(format!("{text}: {port} is no port: expected 0 to 65535")));
            }
        }
        if let (Some(_), Some(name)) = (to.address, to.name) {
            return Err(bad(format!("{}: @{name} says where a flow begins; where it goes its address says", flow.to)));
        }
        if let (Some(port), Some(other)) = (from.port, flow.source_port)
            && port != other
        {
            return Err(bad(format!("it comes from port {port} and from port {other}")));
        }
        let ipv6 = self.family(flow, from, to)?;
        let (ingress, src) = self.beginning(from, to, ipv6).map_err(|error| error.or(&bad))?;
        let dst = self.end(to, ingress, ipv6).map_err(|error| error.or(&bad))?;
        if src.is_ipv4() != dst.is_ipv4() {
            return Err(bad(format!("{src} and {dst} are of different IP versions")));
        }
        let protocol = match (flow.protocol, src) {
            (Flow::ICMP, IpAddr::V6(_)) => Flow::ICMPV6,
            (Flow::ICMPV6, IpAddr::V4(_)) => return Err(bad("ICMPv6 is not carried by IPv4".to_owned())),
            (protocol, _) => protocol,
        };
        let ported = matches!(protocol, Flow::TCP | Flow::UDP);
        let ping = matches!(protocol, Flow::ICMP | Flow::ICMPV6);
        let src_port = from.port.or(flow.source_port);
        if let (false, Some(port)) = (ported, to.port) {
            return Err(bad(format!("port {port}: this protocol has no ports")));
        }
        Ok(Resolved {
            ingress,
            src,
            dst,
            protocol,
            dst_port: match to.port {
                None if ported => {
                    let to = match to.address {
                        Some(IpAddr::V6(address)) => format!("[{address}]"),
                        _ => flow.to.clone(),
                    };
                    return Err(bad(format!("to which port? expected {to}:PORT")));
                }
                port => port.unwrap_or(0),
            },
            src_port: match src_port {
                Some(port) if !ported && !ping => {
                    return Err(bad(format!("port {port}: this protocol has no ports")));
                }
                None if ported => CLIENT_PORT,
                None if ping => PING,
                port => port.unwrap_or(0),
            },
        })
    }

    /// A flow between two addresses as a packet inside the network has them: it begins with whoever has the first, or comes from
    /// outside by the way that answers to it take. None if nobody has either, or they are of different IP versions.
    pub fn between(&self, src: (IpAddr, u16), dst: (IpAddr, u16), protocol: u8) -> Option<Resolved> {
        let fabric = self.fabric();
        let one = |address: IpAddr| fabric.owners(address).first().copied();
        let mut to = dst.0;
        let ingress = match (one(src.0), one(to)) {
            (Some(sender), _) => Ingress::Interface(sender),
            (None, Some(receiver)) => {
                let ingress = self.entrance(receiver, src.0);
                // From outside it is known by its public address.
                if let (Ingress::Internet, IpAddr::V4(private), Some(eni)) = (ingress, to, fabric.eni(receiver)) {
                    to = fabric.public_of(eni.vpc, private).map_or(to, IpAddr::V4);
                }
                ingress
            }
            (None, None) => return None,
        };
        let resolved = Resolved { ingress, src: src.0, src_port: src.1, dst: to, dst_port: dst.1, protocol };
        (src.0.is_ipv4() == to.is_ipv4()).then_some(resolved)
    }

    /// Whether a flow is IPv6: as its addresses say, as the flow says, or if its ends have only that in common.
    fn family(&self, flow: &Flow, from: End<'_>, to: End<'_>) -> Result<bool, Error> {
        if let Some(ipv6) = flow.ipv6 {
            return Ok(ipv6);
        }
        if let Some(address) = to.address.or(from.address) {
            return Ok(address.is_ipv6());
        }
        if flow.protocol == Flow::ICMPV6 {
            return Ok(true);
        }
        let mut either = (true, true);
        for name in [from.name, to.name].into_iter().flatten() {
            let Some(has) = self.families(name)? else { continue };
            either = (either.0 && has.0, either.1 && has.1);
        }
        Ok(either == (false, true))
    }

    /// Whether a name has IPv4 and IPv6 addresses; none if it is not for it to say.
    fn families(&self, name: &str) -> Result<Option<(bool, bool)>, Error> {
        if name == "internet" || SERVICES.iter().any(|(service, ..)| *service == name) || self.endpoint(name).is_some()
        {
            return Ok(None);
        }
        if select::edge(self.network(), self.timeline(), name).is_some() {
            return Ok(None);
        }
        let interface = select::interface(self.network(), name)?;
        Ok(Some((!interface.ipv4.is_empty(), !interface.ipv6.is_empty())))
    }

    /// Where a flow begins, and with which address.
    fn beginning(&self, from: End<'_>, to: End<'_>, ipv6: bool) -> Result<(Ingress, IpAddr), Problem> {
        let (network, timeline) = (self.network(), self.timeline());
        match (from.name, from.address) {
            (Some("internet"), address) => Ok((Ingress::Internet, address.unwrap_or_else(|| self.outside(ipv6)))),
            (Some(name), address) => {
                if let Some(edge) = select::edge(network, timeline, name) {
                    let Some(address) = address else {
                        return Err(Problem::Why(format!("who sends from beyond {name}? expected ADDRESS@{name}")));
                    };
                    if matches!(self.fabric().edge(edge), Some(Neighbor::Peering(of)) if of.sides.iter().all(|side| side.vpc.is_some()))
                    {
                        return Err(Problem::Why(format!(
                            "both VPCs of {name} are in the configuration: nobody is beyond it"
                        )));
                    }
                    return Ok((Ingress::Edge(edge), address));
                }
                let interface = select::interface(network, name)?;
                let own = || interface.addresses().find(|own| own.is_ipv6() == ipv6);
                let Some(address) = address.or_else(own) else { return Err(lacks(interface, ipv6)) };
                Ok((Ingress::Interface(select::index(timeline, interface)?), address))
            }
            (None, Some(address)) => {
                let interface = match select::interface(network, &address.to_string()) {
                    Ok(interface) => interface,
                    Err(Error::Unknown { .. }) => return Ok((self.outer(address, to)?, address)),
                    Err(ambiguous) => return Err(ambiguous.into()),
                };
                let public = |pair: &&vpcemu_model::PrivateIpv4| pair.public.map(IpAddr::V4) == Some(address);
                let private = interface.ipv4.iter().find(public).map(|pair| IpAddr::V4(pair.private));
                Ok((Ingress::Interface(select::index(timeline, interface)?), private.unwrap_or(address)))
            }
            (None, None) => Err(Problem::Why("it begins nowhere".to_owned())),
        }
    }

    /// Where an address of nobody in the network comes in: by the way that answers to it take, or from the internet.
    fn outer(&self, address: IpAddr, to: End<'_>) -> Result<Ingress, Problem> {
        // Who calls a public address comes from the internet, whatever way the answer takes.
        if matches!(to.address, Some(IpAddr::V4(public)) if self.fabric().public(public).is_some()) {
            return Ok(Ingress::Internet);
        }
        let named = to.name.map(str::to_owned).or_else(|| to.address.map(|to| to.to_string())).unwrap_or_default();
        match select::interface(self.network(), &named) {
            Ok(far) => Ok(self.entrance(select::index(self.timeline(), far)?, address)),
            Err(Error::Unknown { .. }) => Ok(Ingress::Internet),
            Err(ambiguous) => Err(ambiguous.into()),
        }
    }

    /// Where packets of an address of nobody in the network come in on their way to an interface: by the way that answers take.
    fn entrance(&self, receiver: EniIx, source: IpAddr) -> Ingress {
        let fabric = self.fabric();
        let mut subnet = fabric.eni(receiver).map(|eni| eni.subnet);
        for _ in 0..FARTHEST {
            let Some(via) = subnet else { break };
            subnet = match fabric.route_of(via, source).map(|hit| hit.next) {
                Some(NextHop::Edge(edge)) => match fabric.edge(edge) {
                    Some(Neighbor::TransitGateway(_)) => match fabric.transit(edge, via, source) {
                        Some((_, Some(beyond))) => Some(beyond),
                        Some((attachment, None)) => return Ingress::Edge(attachment),
                        None => None,
                    },
                    _ => return Ingress::Edge(edge),
                },
                Some(NextHop::Endpoint(endpoint)) => match fabric.endpoint(endpoint).map(|of| &of.kind) {
                    Some(Compiled::LoadBalancer { subnet, .. }) => Some(*subnet),
                    _ => return Ingress::Endpoint(endpoint, receiver),
                },
                Some(NextHop::Interface(via)) => fabric.eni(via).map(|eni| eni.subnet),
                _ => None,
            };
        }
        Ingress::Internet
    }

    /// The address that a flow goes to.
    fn end(&self, to: End<'_>, ingress: Ingress, ipv6: bool) -> Result<IpAddr, Problem> {
        let name = match (to.address, to.name) {
            (Some(address), _) => return Ok(address),
            (None, Some(name)) => name,
            (None, None) => return Err(Problem::Why("it goes nowhere".to_owned())),
        };
        if name == "internet" {
            return Ok(self.outside(ipv6));
        }
        if select::edge(self.network(), self.timeline(), name).is_some() {
            return Err(Problem::Why(format!(
                "who is meant beyond {name}? expected an address that routes lead there for"
            )));
        }
        if let Some((_, v4, v6)) = SERVICES.iter().find(|(service, ..)| *service == name) {
            return Ok(if ipv6 { IpAddr::V6(*v6) } else { IpAddr::V4(*v4) });
        }
        if let Some(address) = self.endpoint(name) {
            return Ok(address);
        }
        let interface = select::interface(self.network(), name)?;
        let public = interface.ipv4.iter().find_map(|pair| pair.public).map(IpAddr::V4);
        if let (Ingress::Internet, false, Some(public)) = (ingress, ipv6, public) {
            return Ok(public);
        }
        interface.addresses().find(|own| own.is_ipv6() == ipv6).ok_or_else(|| lacks(interface, ipv6))
    }

    /// The first address of the service behind a gateway endpoint.
    fn endpoint(&self, name: &str) -> Option<IpAddr> {
        let network = self.network();
        let named = |of: &&vpcemu_model::VpcEndpoint| of.id.as_str() == name || of.name.as_deref() == Some(name);
        let EndpointKind::Gateway { prefix_list } = &network.vpc_endpoints.iter().find(named)?.kind else {
            return None;
        };
        let list = network.prefix_lists.iter().find(|list| Some(&list.id) == prefix_list.as_ref())?;
        list.entries.first()?.hosts().next()
    }

    /// Somebody on the internet.
    fn outside(&self, ipv6: bool) -> IpAddr {
        let free = |address: &IpAddr| !self.fabric().is_owned(*address);
        if ipv6 {
            OUTSIDE_V6.map(IpAddr::V6).into_iter().find(free).unwrap_or(IpAddr::V6(OUTSIDE_V6[0]))
        } else {
            OUTSIDE_V4.map(IpAddr::V4).into_iter().find(free).unwrap_or(IpAddr::V4(OUTSIDE_V4[0]))
        }
    }
}

/// What is wrong with one end.
enum Problem {
    Error(Error),
    Why(String),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl Problem {
    fn or(self, bad: &dyn Fn(String) -> Error) -> Error {
        match self {
            Self::Error(error) => error,
            Self::Why(why) => bad(why),
        }
    }
}

fn lacks(interface: &NetworkInterface, ipv6: bool) -> Problem {
    Problem::Why(format!("{} has no IPv{} address", interface.id, if ipv6 { 6 } else { 4 }))
}

impl<'a> End<'a> {
    /// What stands where a port would, if it is a number too large for one.
    fn bad_port(self) -> Option<&'a str> {
        let (_, port) = self.name.filter(|_| self.port.is_none())?.rsplit_once(':')?;
        (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some(port)
    }

    fn parse(text: &'a str) -> Self {
        // What stands before an @ is an address, or the @ is part of a name.
        if let Some((left, name)) = text.split_once('@')
            && let Some((address, port)) = socket(left)
        {
            return match name.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?))) {
                Some((name, port)) => Self { name: Some(name), address: Some(address), port: Some(port) },
                None => Self { name: Some(name), address: Some(address), port },
            };
        }
        if let Some((address, port)) = socket(text) {
            return Self { name: None, address: Some(address), port };
        }
        match text.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse().ok()?))) {
            Some((name, port)) => Self { name: Some(name), address: None, port: Some(port) },
            None => Self { name: Some(text), address: None, port: None },
        }
    }
}

/// An address, with or without a port.
fn socket(text: &str) -> Option<(IpAddr, Option<u16>)> {
    if let Ok(address) = text.parse() {
        return Some((address, None));
    }
    if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
        return Some((socket.ip(), Some(socket.port())));
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(|address: Ipv6Addr| (IpAddr::V6(address), None))
}

impl std::fmt::Display for Resolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let port = |port: u16| (port != 0).then_some(port);
        write!(f, "{} > {}", endpoint(self.src, port(self.src_port)), endpoint(self.dst, port(self.dst_port)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_names_addresses_or_both() {
        let end = |text| {
            let End { name, address, port } = End::parse(text);
            (name, address.map(|address| address.to_string()), port)
        };
        assert_eq!(end("web"), (Some("web"), None, None));
        assert_eq!(end("web:443"), (Some("web"), None, Some(443)));
        assert_eq!(end("10.0.0.1:80"), (None, Some("10.0.0.1".to_owned()), Some(80)));
        assert_eq!(end("[2001:db8::1]:80"), (None, Some("2001:db8::1".to_owned()), Some(80)));
        assert_eq!(end("2001:db8::1"), (None, Some("2001:db8::1".to_owned()), None));
        assert_eq!(end("[2001:db8::1]"), (None, Some("2001:db8::1".to_owned()), None));
        assert_eq!(end("10.9.0.1:7@vgw-1"), (Some("vgw-1"), Some("10.9.0.1".to_owned()), Some(7)));
        assert_eq!(end("10.9.0.1@vgw-1:7"), (Some("vgw-1"), Some("10.9.0.1".to_owned()), Some(7)));
        assert_eq!(end("aws_instance.a[\"x@y\"]:7"), (Some("aws_instance.a[\"x@y\"]"), None, Some(7)));
        assert_eq!(end("aws_instance.a[\"x:y\"]"), (Some("aws_instance.a[\"x:y\"]"), None, None));
    }
}
