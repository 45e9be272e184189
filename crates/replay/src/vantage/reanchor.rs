//! Puts packets that were captured behind a translation back in front of it.

use std::net::{IpAddr, Ipv4Addr};

use vpcemu_dataplane::fabric::{EndpointKind, Fabric, Holder, Nat, Neighbor, NextHop, address};
use vpcemu_dataplane::index::{EdgeIx, EniIx, NatIx, SubnetIx};
use vpcemu_dataplane::shard::{Arrival, Shard, key_of};
use vpcemu_dataplane::{DropReason, Ingress, Inside, Outside, Stamp, Translator};
use vpcemu_model::Forwarding;
use vpcemu_packet::translate::ToV4;
use vpcemu_packet::{FlowKey, Packet, Transport};

use super::{Vantage, emitter, nearest};

/// How many translators, middleboxes and transit gateways may stand behind each other on the way back to the internet: more than
/// any network has, so that only a circle of routes meets it. A spoke behind an inspection and an egress VPC has five.
const MAX_RECURSION: usize = 10;

pub(super) struct Placing<'a, 'b, 'p> {
    pub(super) shard: &'a mut Shard,
    pub(super) fabric: &'a Fabric,
    pub(super) stamp: Stamp,
    pub(super) packet: &'b mut Packet<'p>,
    pub(super) transport: Transport,
    pub(super) captured: FlowKey,
}

impl Placing<'_, '_, '_> {
    /// The source is a public address of the model: captured outside, on the way out (rule 4). The private address is put
    /// back, and the packet leaves its interface.
    pub(super) fn of_public_source(&mut self, public: Ipv4Addr) -> Result<(Ingress, Vantage), DropReason> {
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
        let quoted = match self.packet.headers().transport {
            Transport::IcmpError { quote, .. } => Some(quote.and_then(|quote| quote.key())?),
            _ => None,
        };
        // An error quotes what had arrived at the translator.
        let arriving = match quoted {
            Some(quoted) => FlowKey { dst: IpAddr::V4(private), ..quoted },
            None => FlowKey { src: IpAddr::V4(private), ..key_of(self.packet, self.transport) }.reversed(),
        };
        let Inside(inside) = self.shard.nat_inside(of, Outside(arriving), self.stamp.now)?;
        // What a client said over IPv6 cannot be put back in its place: the capture has the IPv4 form.
        let eni = emitter(self.fabric, inside.src, inside.dst).filter(|_| inside.src.is_ipv4())?;
        self.packet.set_src(inside.src);
        if quoted.is_some() {
            self.packet.set_quote_dst(inside.src);
            self.packet.set_quote_dst_port(inside.src_port);
        } else {
            self.packet.set_src_port(inside.src_port);
            set_source_port(&mut self.transport, inside.src_port);
        }
        // What a NAT instance says itself is not a hop older.
        if of != Translator::Instance(eni) {
            self.raise_ttl(1);
        }
        self.raise_ttl_outward(eni);
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
    pub(super) fn of_outside_source(&mut self, destination: IpAddr) -> Result<(Ingress, Vantage), DropReason> {
        if matches!(destination, IpAddr::V4(v4) if self.fabric.public(v4).is_some()) {
            return Ok((Ingress::Internet, Vantage::Arrives));
        }
        let source = self.packet.headers().src;
        let owners = self.fabric.owners(destination);
        let eni = nearest(self.fabric, &owners, source).ok_or(DropReason::NoVantage)?;
        let subnet = self.fabric.eni(eni).ok_or(DropReason::NoVantage)?.subnet;
        self.behind_translation(eni, subnet, 0)
    }

    /// Asks the reverse route: by which way had the packet come to `eni`? `via` is the subnet whose table is asked.
    fn behind_translation(
        &mut self,
        eni: EniIx,
        via: SubnetIx,
        depth: usize,
    ) -> Result<(Ingress, Vantage), DropReason> {
        let source = self.packet.headers().src;
        let destination = self.packet.headers().dst;
        let next = self.fabric.route_of(via, source).map(|hit| hit.next);
        match (next, destination) {
            (Some(NextHop::Edge(edge)), _) => self.brought_by(eni, via, edge, depth),
            (Some(NextHop::Endpoint(endpoint)), _) => match self.fabric.endpoint(endpoint).map(|of| &of.kind) {
                // The appliances send it on as it was.
                Some(EndpointKind::LoadBalancer { subnet, .. }) if depth < MAX_RECURSION => {
                    self.behind_translation(eni, *subnet, depth + 1)
                }
                _ => Ok((Ingress::Endpoint(endpoint, eni), Vantage::Arrives)),
            },
            (Some(NextHop::NatGateway(nat)), IpAddr::V6(_)) => self.before_nat64(nat),
            // Other IPv6 is not translated: whichever gateway serves the address, the packet arrives there as it is.
            (_, IpAddr::V6(_)) => Ok((Ingress::Internet, Vantage::Arrives)),
            (Some(NextHop::NatGateway(nat)), IpAddr::V4(_)) => self.before_nat(nat),
            (Some(NextHop::Interface(via)), IpAddr::V4(_)) if depth < MAX_RECURSION => match self.translator_at(via) {
                Some(instance @ Translator::Instance(_)) => self.before_instance(instance, via, depth),
                _ => {
                    let subnet = self.fabric.eni(via).ok_or(DropReason::NoVantage)?.subnet;
                    let placed = self.behind_translation(eni, subnet, depth + 1);
                    // The appliance will make it a hop older (1.25).
                    if placed.is_ok() && self.fabric.eni(via).is_some_and(|eni| eni.forward.is_some()) {
                        self.raise_ttl(1);
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

    /// What lies beyond the VPC brought the packet: from outside of the model, or out of another VPC.
    fn brought_by(
        &mut self,
        eni: EniIx,
        via: SubnetIx,
        edge: EdgeIx,
        depth: usize,
    ) -> Result<(Ingress, Vantage), DropReason> {
        let source = self.packet.headers().src;
        let Some(Neighbor::TransitGateway(_)) = self.fabric.edge(edge) else {
            return Ok((Ingress::Edge(edge), Vantage::Arrives));
        };
        let placed = match self.fabric.transit(edge, via, source) {
            Some((_, Some(subnet))) if depth < MAX_RECURSION => self.behind_translation(eni, subnet, depth + 1),
            Some((attachment, None)) => Ok((Ingress::Edge(attachment), Vantage::Arrives)),
            _ => Err(DropReason::NoVantage),
        };
        // The transit gateway will make it a hop older (1.25).
        if placed.is_ok() {
            self.raise_ttl(1);
        }
        placed
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
        let IpAddr::V4(private) = arriving.dst else { return Err(DropReason::ReanchorNoMapping) };
        let remote = self.packet.headers().src;
        let (seen_as, ingress) = self.outside(nat, private, remote)?;
        self.aim_at(seen_as, arriving.dst_port, quote.is_some());
        self.raise_ttl(1);
        Ok((ingress, Vantage::Reanchored))
    }

    /// Where what comes from `remote` for a NAT gateway's address enters, and what the address is called there: the internet
    /// gateway's name for it, unless the remote is of the VPC or beyond another way out.
    fn outside(&self, nat: &Nat, private: Ipv4Addr, remote: IpAddr) -> Result<(IpAddr, Ingress), DropReason> {
        let own = IpAddr::V4(private);
        if let Some(owner) = self.fabric.owner(nat.vpc, remote) {
            return Ok((own, Ingress::Interface(owner)));
        }
        let Some(subnet) = nat.subnet() else { return Ok((own, Ingress::Internet)) };
        if let Some(NextHop::Edge(edge)) = self.fabric.route_of(subnet, remote).map(|hit| hit.next) {
            let attachment = self.fabric.transit(edge, subnet, remote).map(|(attachment, _)| attachment);
            return Ok((own, Ingress::Edge(attachment.unwrap_or(edge))));
        }
        let public = self.fabric.public_of(nat.vpc, private).ok_or(DropReason::ReanchorNoPublic)?;
        Ok((IpAddr::V4(public), Ingress::Internet))
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
        let (seen_as, ingress) = self.outside(nat, private, IpAddr::V4(remote))?;
        let IpAddr::V4(named) = seen_as else { return Err(lost) };
        // The client had sent what an error quotes: from the gateway to its peer.
        let made = ToV4::new(remote, named, 0).quoting(named, peer);
        self.packet.translate_to_v4(&made).map_err(|_| lost)?;
        self.transport = match self.packet.headers().transport {
            Transport::Missing => self.transport,
            own => own,
        };
        self.aim_at(seen_as, arriving.dst_port, quote.is_some());
        self.raise_ttl(1);
        Ok((ingress, Vantage::Reanchored))
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
        let subnet = self.fabric.eni(instance).ok_or(DropReason::ReanchorNoMapping)?.subnet;
        let placed = self.behind_translation(instance, subnet, depth + 1)?;
        self.raise_ttl(1);
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
        set_destination_port(&mut self.transport, port);
    }

    /// Appliances and transit gateways on the way out will each make the packet a hop older again (1.25).
    fn raise_ttl_outward(&mut self, eni: EniIx) {
        let destination = self.packet.headers().dst;
        let Some(mut subnet) = self.fabric.eni(eni).map(|eni| eni.subnet) else { return };
        for _ in 0..MAX_RECURSION {
            let next = self.fabric.route_of(subnet, destination).map(|hit| hit.next);
            let onward = match next {
                Some(NextHop::Interface(via)) => {
                    self.fabric.eni(via).filter(|via| via.forward.is_some()).map(|via| (via.subnet, 1))
                }
                Some(NextHop::Edge(edge)) => {
                    let onward = self.fabric.transit(edge, subnet, destination).and_then(|(_, subnet)| subnet);
                    onward.map(|subnet| (subnet, 1))
                }
                // The appliances behind it send it on as it was.
                Some(NextHop::Endpoint(endpoint)) => match self.fabric.endpoint(endpoint).map(|of| &of.kind) {
                    Some(EndpointKind::LoadBalancer { subnet, .. }) => Some((*subnet, 0)),
                    _ => None,
                },
                _ => None,
            };
            let Some((onward, older)) = onward else { return };
            self.raise_ttl(older);
            subnet = onward;
        }
    }

    /// Every hop to come will decrement it again (1.25).
    pub(super) fn raise_ttl(&mut self, by: u8) {
        let ttl = self.packet.headers().ttl;
        self.packet.set_ttl(ttl.saturating_add(by));
    }
}

/// A later fragment has no port to rewrite, but it is judged by the ports of its first. Likewise below.
fn set_source_port(transport: &mut Transport, port: u16) {
    match transport {
        Transport::Tcp { src, .. } | Transport::Udp { src, .. } => *src = port,
        Transport::Query { id, .. } => *id = port,
        _ => {}
    }
}

fn set_destination_port(transport: &mut Transport, port: u16) {
    match transport {
        Transport::Tcp { dst, .. } | Transport::Udp { dst, .. } => *dst = port,
        Transport::Query { id, .. } => *id = port,
        _ => {}
    }
}
