//! Where a packet of a capture enters: a capture was taken somewhere, and its addresses tell where.
//!
//! A packet captured behind a translation that the model performs is put back in front of it, so that the gateway can do
//! its work: that is what lets a capture taken on an instance be replayed through a NAT gateway whose ports differ from
//! the captured ones.

use std::net::{IpAddr, Ipv4Addr};

use vpcemu_dataplane::fabric::{Fabric, Holder, NextHop, address};
use vpcemu_dataplane::index::{EniIx, NatIx};
use vpcemu_dataplane::outcome::Service;
use vpcemu_dataplane::shard::{Arrival, Shard, key_of};
use vpcemu_dataplane::{DropReason, Ingress, Inside, Outside, Stamp, Translator};
use vpcemu_model::Forwarding;
use vpcemu_packet::translate::ToV4;
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
        let translator = match owner.holder {
            Holder::Regional(nat) => Some(Translator::Gateway(nat)),
            Holder::Interface(eni) => self.translator_at(eni),
        };
        let undone = match translator {
            Some(translator) => self.undo_nat(translator, owner.private),
            None => None,
        };
        let eni = match (undone, translator, owner.holder) {
            (Some(eni), ..) => eni,
            // An instance speaks for itself too; a gateway never does.
            (None, None | Some(Translator::Instance(_)), Holder::Interface(eni)) => {
                self.packet.set_src(IpAddr::V4(owner.private));
                self.restore_quote_destination();
                self.raise_ttl_outward(eni);
                eni
            }
            _ => return Err(DropReason::NoVantage),
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

    /// Who translates at an interface.
    fn translator_at(&self, eni_ix: EniIx) -> Option<Translator> {
        let eni = self.fabric.eni(eni_ix)?;
        let instance = eni.forward == Some(Forwarding::NatInstance);
        eni.nat.map(Translator::Gateway).or_else(|| instance.then_some(Translator::Instance(eni_ix)))
    }

    /// Puts the client's address and port back in place of a translator's.
    fn undo_nat(&mut self, of: Translator, private: Ipv4Addr) -> Option<EniIx> {
        let mut key = key_of(self.packet, self.transport);
        key.src = IpAddr::V4(private);
        let arriving = Outside(key.reversed());
        let Inside(inside) = self.shard.nat_inside(of, arriving, self.stamp.now)?;
        // What a client said over IPv6 cannot be put back in its place: the capture has the IPv4 form.
        let eni = emitter(self.fabric, inside.src, inside.dst).filter(|_| inside.src.is_ipv4())?;
        self.packet.set_src(inside.src);
        self.packet.set_src_port(inside.src_port);
        if let Transport::Udp { src, .. } = &mut self.transport {
            *src = inside.src_port;
        }
        self.raise_ttl();
        Some(eni)
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
            (Some(NextHop::NatGateway(nat)), IpAddr::V6(_)) => self.before_nat64(nat),
            // Other IPv6 is not translated: whichever gateway serves the address, the packet arrives there as it is.
            (_, IpAddr::V6(_)) => Ok((Ingress::Internet, Vantage::Arrives)),
            (Some(NextHop::NatGateway(nat)), IpAddr::V4(_)) => self.before_nat(nat),
            (Some(NextHop::Interface(via)), IpAddr::V4(_)) if depth < MAX_RECURSION => match self.translator_at(via) {
                Some(instance @ Translator::Instance(_)) => self.before_instance(instance, via, depth),
                _ => {
                    let placed = self.behind_translation(eni, via, depth + 1);
                    // The appliance will make it a hop older (1.25).
                    if placed.is_ok() && self.fabric.eni(via).is_some_and(|eni| eni.forward.is_some()) {
                        self.raise_ttl();
                    }
                    placed
                }
            },
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
        let of = Translator::Gateway(nat_ix);
        let outside = self.mapping(of, inside);
        let Outside(arriving) = outside.ok_or(DropReason::ReanchorNoMapping)?;
        let private = arriving.dst;
        let public = match private {
            IpAddr::V4(v4) => self.fabric.public_of(nat.vpc, v4).map(IpAddr::V4),
            IpAddr::V6(_) => None,
        };
        self.aim_at(public.unwrap_or(private), arriving.dst_port, quote.is_some());
        self.raise_ttl();
        let Some(eni) = nat.eni() else { return Ok((Ingress::Internet, Vantage::Reanchored)) };
        let source = self.packet.headers().src;
        match (public, self.fabric.route_from(eni, source).map(|hit| hit.next)) {
            (Some(_), _) => Ok((Ingress::Internet, Vantage::Reanchored)),
            (None, Some(NextHop::Edge(edge))) => Ok((Ingress::Edge(edge, eni), Vantage::Reanchored)),
            (None, _) => Err(DropReason::ReanchorNoPublic),
        }
    }

    /// Captured behind NAT64: the IPv4 packet that the gateway had translated is made again, and goes in front of it.
    fn before_nat64(&mut self, nat_ix: NatIx) -> Result<(Ingress, Vantage), DropReason> {
        let lost = DropReason::ReanchorNoMapping;
        let nat = self.fabric.nat(nat_ix).ok_or(lost)?;
        let remote = address::nat64_embedded(self.packet.headers().src).ok_or(lost)?;
        let quote = match self.packet.headers().transport {
            Transport::IcmpError { quote, .. } => Some(quote.and_then(|quote| quote.key()).ok_or(lost)?),
            _ => None,
        };
        let inside = Inside(quote.unwrap_or_else(|| key_of(self.packet, self.transport).reversed()));
        let of = Translator::Gateway(nat_ix);
        let outside = self.mapping(of, inside);
        let Outside(arriving) = outside.ok_or(lost)?;
        let (IpAddr::V4(private), IpAddr::V4(peer)) = (arriving.dst, arriving.src) else { return Err(lost) };
        let public = self.fabric.public_of(nat.vpc, private);
        let seen_as = public.unwrap_or(private);
        // The client had sent what an error quotes: from the gateway to its peer.
        let made = ToV4::new(remote, seen_as, 0).quoting(seen_as, peer);
        self.packet.translate_to_v4(&made).map_err(|_| lost)?;
        self.transport = match self.packet.headers().transport {
            Transport::Missing => self.transport,
            own => own,
        };
        self.aim_at(IpAddr::V4(seen_as), arriving.dst_port, quote.is_some());
        self.raise_ttl();
        match (public, nat.eni()) {
            (Some(_), _) | (None, None) => Ok((Ingress::Internet, Vantage::Reanchored)),
            (None, Some(_)) => Err(DropReason::ReanchorNoPublic),
        }
    }

    /// Captured behind a NAT instance: the packet goes back in front of it, to the port of the flow's mapping, and from
    /// there by the instance's own way out.
    fn before_instance(
        &mut self,
        of: Translator,
        instance: EniIx,
        depth: usize,
    ) -> Result<(Ingress, Vantage), DropReason> {
        let quote = match self.packet.headers().transport {
            Transport::IcmpError { quote, .. } => Some(quote.and_then(|quote| quote.key())),
            _ => None,
        };
        let inside = match quote {
            Some(quoted) => Inside(quoted.ok_or(DropReason::ReanchorNoMapping)?),
            None => Inside(key_of(self.packet, self.transport).reversed()),
        };
        let outside = self.mapping(of, inside);
        let Outside(arriving) = outside.ok_or(DropReason::ReanchorNoMapping)?;
        self.aim_at(arriving.dst, arriving.dst_port, quote.is_some());
        let placed = self.behind_translation(instance, instance, depth + 1)?;
        self.raise_ttl();
        Ok(placed)
    }

    /// The outside tuple of a client's flow, made for a connection that began before the capture.
    fn mapping(&mut self, of: Translator, inside: Inside) -> Option<Outside> {
        self.shard.nat_mapping(of, inside, self.stamp.now).or_else(|| {
            let ingress = Ingress::Internet;
            let arrival = Arrival { stamp: self.stamp, ingress, captured: self.captured, transport: self.transport };
            self.shard.adopt_mapping(of, inside, &arrival)
        })
    }

    /// Makes the packet one for a translator's address and port; an error, one about what the translator had sent.
    fn aim_at(&mut self, address: IpAddr, port: u16, quotes: bool) {
        self.packet.set_dst(address);
        if quotes {
            self.packet.set_quote_src(address);
            self.packet.set_quote_src_port(port);
            return;
        }
        self.packet.set_dst_port(port);
        if let Transport::Udp { dst, .. } = &mut self.transport {
            *dst = port;
        }
    }

    /// Appliances on the way out will each make the packet a hop older again (1.25).
    fn raise_ttl_outward(&mut self, mut eni: EniIx) {
        let destination = self.packet.headers().dst;
        for _ in 0..MAX_RECURSION {
            let next = self.fabric.route_from(eni, destination).map(|hit| hit.next);
            let Some(NextHop::Interface(via)) = next else { return };
            if self.fabric.eni(via).is_none_or(|via| via.forward.is_none()) {
                return;
            }
            self.raise_ttl();
            eni = via;
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
