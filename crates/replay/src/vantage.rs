//! Where a packet of a capture enters: a capture was taken somewhere, and its addresses tell where.
//!
//! A packet captured behind a translation that the model performs is put back in front of it, so that the gateway can do
//! its work: that is what lets a capture taken on an instance be replayed through a NAT gateway whose ports differ from
//! the captured ones.

use std::net::{IpAddr, Ipv4Addr};

use vpcemu_dataplane::fabric::{Fabric, NextHop, address};
use vpcemu_dataplane::index::{EniIx, NatIx};
use vpcemu_dataplane::outcome::Service;
use vpcemu_dataplane::shard::{Arrival, Shard, key_of};
use vpcemu_dataplane::{DropReason, Ingress, Inside, Outside, Stamp};
use vpcemu_packet::{FlowKey, Headers, Packet, Transport};

/// How a packet was placed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Vantage {
    /// It leaves an interface.
    Leaves,
    /// It arrives from outside.
    Arrives,
    /// It was captured behind a translation, and put back in front of it.
    Reanchored,
    /// It comes from or goes to a service of the VPC.
    Service,
    /// The user named the place.
    Forced,
}

impl Vantage {
    /// As in outputs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Leaves => "leaves",
            Self::Arrives => "arrives",
            Self::Reanchored => "reanchored",
            Self::Service => "service",
            Self::Forced => "forced",
        }
    }
}

/// How many translators may stand behind each other on the way back to the internet.
const MAX_RECURSION: usize = 4;

/// Finds where `packet` enters, and re-anchors it where that is in front of a translation. First match decides. `transport`
/// is the packet's transport header, of a later fragment that of the first; it changes with the packet.
///
/// # Errors
/// The reason with which a packet that cannot be placed is dropped.
pub fn place(
    shard: &mut Shard,
    stamp: Stamp,
    packet: &mut Packet<'_>,
    transport: &mut Transport,
    captured: FlowKey,
) -> Result<(Ingress, Vantage), DropReason> {
    let timeline = std::sync::Arc::clone(shard.timeline());
    let fabric = timeline.fabric(stamp.generation);
    let (source, destination) = (packet.headers().src, packet.headers().dst);
    if let Some((service, eni)) = answering_service(fabric, *transport, source, destination) {
        return Ok((Ingress::Service(service, eni), Vantage::Service));
    }
    if let Some(eni) = emitter(fabric, source, destination) {
        let to_service = fabric.eni(eni).is_some_and(|eni| fabric.service(eni.vpc, destination).is_some());
        let vantage = if to_service { Vantage::Service } else { Vantage::Leaves };
        return Ok((Ingress::Interface(eni), vantage));
    }
    let mut placing = Placing { shard, fabric, stamp, packet, transport: *transport, captured };
    let placed = match source {
        IpAddr::V4(v4) if fabric.public(v4).is_some() => placing.of_public_source(v4),
        _ if nat_with_private(fabric, source).is_some() => {
            let nat = nat_with_private(fabric, source).ok_or(DropReason::NoVantage)?;
            Ok((Ingress::BehindNat(nat), Vantage::Arrives))
        }
        _ if fabric.is_owned(source) => Err(DropReason::NoVantage),
        _ => placing.of_outside_source(destination),
    };
    *transport = match placing.packet.headers().transport {
        Transport::Missing => placing.transport,
        own => own,
    };
    placed
}

/// The service whose answer this is, and the interface that it answers (rule 1).
fn answering_service(
    fabric: &Fabric,
    transport: Transport,
    source: IpAddr,
    destination: IpAddr,
) -> Option<(Service, EniIx)> {
    let owners = fabric.owners(destination);
    let dhcp_reply = matches!(transport, Transport::Udp { src: 67, dst: 68 } | Transport::Udp { src: 547, dst: 546 });
    owners.into_iter().find_map(|eni| {
        let interface = fabric.eni(eni)?;
        let router = fabric.subnet(interface.subnet)?.reserves(source);
        let dhcp = (dhcp_reply && router).then_some(Service::Dhcp);
        Some((fabric.service(interface.vpc, source).or(dhcp)?, eni))
    })
}

/// The interface that the packet leaves: whose address its source is, a NAT gateway's excepted (rule 2). Where VPCs
/// overlap, the one whose VPC has the destination too.
fn emitter(fabric: &Fabric, source: IpAddr, destination: IpAddr) -> Option<EniIx> {
    let owners = fabric.owners(source);
    let candidates = || owners.iter().copied().filter(|eni| fabric.eni(*eni).is_some_and(|eni| eni.nat.is_none()));
    let local = candidates().find(|eni| {
        let vpc = fabric.eni(*eni).and_then(|eni| fabric.vpc(eni.vpc));
        vpc.is_some_and(|vpc| vpc.cidrs.iter().any(|net| net.contains(&destination)))
    });
    local.or_else(|| candidates().next())
}

fn nat_with_private(fabric: &Fabric, source: IpAddr) -> Option<NatIx> {
    fabric.owners(source).into_iter().find_map(|eni| fabric.eni(eni)?.nat)
}

struct Placing<'a, 'b, 'p> {
    shard: &'a mut Shard,
    fabric: &'a Fabric,
    stamp: Stamp,
    packet: &'b mut Packet<'p>,
    transport: Transport,
    captured: FlowKey,
}

impl Placing<'_, '_, '_> {
    /// The source is a public address of the model: captured outside, on the way out (rule 4). The private address is put
    /// back, and the packet leaves its interface.
    fn of_public_source(&mut self, public: Ipv4Addr) -> Result<(Ingress, Vantage), DropReason> {
        let owner = self.fabric.public(public).ok_or(DropReason::NoVantage)?;
        let nat = self.fabric.eni(owner.eni).and_then(|eni| eni.nat);
        let eni = match nat {
            None => {
                self.packet.set_src(IpAddr::V4(owner.private));
                self.restore_quote_destination();
                owner.eni
            }
            Some(nat) => self.undo_nat(nat, owner.private)?,
        };
        // Seen at the receiver of a hairpin: the sender had called the receiver's public address.
        if let IpAddr::V4(destination) = self.packet.headers().dst
            && let Some(receiver) = self.fabric.owners(IpAddr::V4(destination)).first()
            && let Some(receiver) = self.fabric.eni(*receiver)
            && let Some(called) = self.fabric.public_of(receiver.vpc, destination)
        {
            self.packet.set_dst(IpAddr::V4(called));
        }
        Ok((Ingress::Interface(eni), Vantage::Reanchored))
    }

    /// Puts the client's address and port back in place of a NAT gateway's.
    fn undo_nat(&mut self, nat: NatIx, private: Ipv4Addr) -> Result<EniIx, DropReason> {
        let mut key = key_of(self.packet, self.transport);
        key.src = IpAddr::V4(private);
        let arriving = Outside(key.reversed());
        let inside = self.shard.nat_inside(nat, arriving, self.stamp.now).ok_or(DropReason::NoVantage)?;
        let Inside(inside) = inside;
        let eni = emitter(self.fabric, inside.src, inside.dst).ok_or(DropReason::NoVantage)?;
        self.packet.set_src(inside.src);
        self.packet.set_src_port(inside.src_port);
        if let Transport::Udp { src, .. } = &mut self.transport {
            *src = inside.src_port;
        }
        self.raise_ttl();
        Ok(eni)
    }

    /// An error sent by a host with a public address quotes what it had received, with the private address inside.
    fn restore_quote_destination(&mut self) {
        if let Transport::IcmpError { quote: Some(quote), .. } = self.packet.headers().transport
            && let IpAddr::V4(quoted) = quote.dst
            && let Some(owner) = self.fabric.public(quoted)
        {
            self.packet.set_quote_dst(IpAddr::V4(owner.private));
        }
    }

    /// The source is not of the model: the packet arrives, at a public address (rule 3) or seen behind the translation
    /// (rule 6).
    fn of_outside_source(&mut self, destination: IpAddr) -> Result<(Ingress, Vantage), DropReason> {
        match destination {
            IpAddr::V4(v4) if self.fabric.public(v4).is_some() => Ok((Ingress::Internet, Vantage::Arrives)),
            _ => {
                let owners = self.fabric.owners(destination);
                let eni = *owners.first().ok_or(DropReason::NoVantage)?;
                self.behind_translation(eni, eni, 0)
            }
        }
    }

    /// Asks the reverse route: by which way had the packet come to `eni`? `via` is whose subnet's table is asked.
    fn behind_translation(&mut self, eni: EniIx, via: EniIx, depth: usize) -> Result<(Ingress, Vantage), DropReason> {
        let source = self.packet.headers().src;
        let destination = self.packet.headers().dst;
        let next = self.fabric.route_from(via, source).map(|hit| hit.next);
        match (next, destination) {
            (Some(NextHop::Edge(edge)), _) => Ok((Ingress::Edge(edge, eni), Vantage::Arrives)),
            (Some(NextHop::Endpoint(endpoint)), _) => Ok((Ingress::Endpoint(endpoint, eni), Vantage::Arrives)),
            // IPv6 is not translated: whichever gateway serves the address, the packet arrives there as it is.
            (_, IpAddr::V6(_)) => Ok((Ingress::Internet, Vantage::Arrives)),
            (Some(NextHop::NatGateway(nat)), IpAddr::V4(_)) => self.before_nat(nat),
            (Some(NextHop::Interface(appliance)), IpAddr::V4(_)) if depth < MAX_RECURSION => {
                self.behind_translation(eni, appliance, depth + 1)
            }
            (_, IpAddr::V4(private)) => {
                let vpc = self.fabric.eni(eni).map(|eni| eni.vpc).ok_or(DropReason::NoVantage)?;
                let public = self.fabric.public_of(vpc, private).ok_or(DropReason::ReanchorNoPublic)?;
                self.packet.set_dst(IpAddr::V4(public));
                if let Transport::IcmpError { quote: Some(quote), .. } = self.packet.headers().transport
                    && quote.src == destination
                {
                    self.packet.set_quote_src(IpAddr::V4(public));
                }
                Ok((Ingress::Internet, Vantage::Reanchored))
            }
        }
    }

    /// Captured behind a NAT gateway: the packet goes back in front of it, to the port of the flow's mapping.
    fn before_nat(&mut self, nat_ix: NatIx) -> Result<(Ingress, Vantage), DropReason> {
        let nat = self.fabric.nat(nat_ix).ok_or(DropReason::ReanchorNoMapping)?;
        let quote = match self.packet.headers().transport {
            Transport::IcmpError { quote, .. } => Some(quote.and_then(|quote| quote.key())),
            _ => None,
        };
        let inside = match quote {
            // An error quotes the client's own packet.
            Some(quoted) => Inside(quoted.ok_or(DropReason::ReanchorNoMapping)?),
            None => Inside(key_of(self.packet, self.transport).reversed()),
        };
        let outside = self.shard.nat_mapping(nat_ix, inside, self.stamp.now).or_else(|| {
            let ingress = Ingress::Internet;
            let arrival = Arrival { stamp: self.stamp, ingress, captured: self.captured, transport: self.transport };
            self.shard.adopt_mapping(nat_ix, inside, &arrival)
        });
        let Outside(arriving) = outside.ok_or(DropReason::ReanchorNoMapping)?;
        let private = arriving.dst;
        let public = match private {
            IpAddr::V4(v4) => self.fabric.public_of(nat.vpc, v4).map(IpAddr::V4),
            IpAddr::V6(_) => None,
        };
        let seen_as = public.unwrap_or(private);
        self.packet.set_dst(seen_as);
        if quote.is_some() {
            self.packet.set_quote_src(seen_as);
            self.packet.set_quote_src_port(arriving.dst_port);
        } else {
            self.packet.set_dst_port(arriving.dst_port);
            if let Transport::Udp { dst, .. } = &mut self.transport {
                *dst = arriving.dst_port;
            }
        }
        self.raise_ttl();
        let source = self.packet.headers().src;
        match (public, self.fabric.route_from(nat.eni, source).map(|hit| hit.next)) {
            (Some(_), _) => Ok((Ingress::Internet, Vantage::Reanchored)),
            (None, Some(NextHop::Edge(edge))) => Ok((Ingress::Edge(edge, nat.eni), Vantage::Reanchored)),
            (None, _) => Err(DropReason::ReanchorNoPublic),
        }
    }

    /// The gateway will decrement it again (1.25).
    fn raise_ttl(&mut self) {
        let ttl = self.packet.headers().ttl;
        self.packet.set_ttl(ttl.saturating_add(1));
    }
}

/// Whether a packet that cannot be placed concerns the link, not the VPC: neighbour discovery, or link-scope addresses.
pub fn is_link_scope(headers: &Headers) -> bool {
    let scoped = |end| address::is_link_scope_v6(end);
    scoped(headers.src) || scoped(headers.dst) || address::is_neighbour_discovery(headers)
}
