//! Where a packet of a capture enters: a capture was taken somewhere, and its addresses tell where.
//!
//! A packet captured behind a translation that the model performs is put back in front of it, so that the gateway can do
//! its work: that is what lets a capture taken on an instance be replayed through a NAT gateway whose ports differ from
//! the captured ones.

mod reanchor;

use std::net::IpAddr;

use vpcemu_dataplane::fabric::{Fabric, NextHop, address};
use vpcemu_dataplane::index::{EniIx, NatIx};
use vpcemu_dataplane::outcome::Service;
use vpcemu_dataplane::shard::Shard;
use vpcemu_dataplane::{DropReason, Ingress, Stamp};
use vpcemu_packet::{FlowKey, Headers, Packet, Transport};

use reanchor::Placing;

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
    /// In the order of their numbers.
    const ALL: [Self; 5] = [Self::Leaves, Self::Arrives, Self::Reanchored, Self::Service, Self::Forced];

    /// The one with a number, as `as u8` gives it.
    pub(crate) fn numbered(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

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
    // Routers between here and the internet will make what is put back a hop older each (1.25).
    let left = matches!(source, IpAddr::V4(v4) if fabric.public(v4).is_some());
    let crosses = |ingress| matches!(ingress, Ingress::Internet) || left;
    if matches!(placed, Ok((ingress, Vantage::Reanchored)) if crosses(ingress)) {
        placing.raise_ttl(fabric.behavior.underlay.hops);
    }
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
/// overlap, the one whose VPC has the destination too, or else the best way to it.
fn emitter(fabric: &Fabric, source: IpAddr, destination: IpAddr) -> Option<EniIx> {
    let mut candidates = fabric.owners(source);
    candidates.retain(|eni| fabric.eni(*eni).is_some_and(|eni| eni.nat.is_none()));
    let local = candidates.iter().copied().find(|eni| {
        let vpc = fabric.eni(*eni).and_then(|eni| fabric.vpc(eni.vpc));
        vpc.is_some_and(|vpc| vpc.cidrs.iter().any(|net| net.contains(&destination)))
    });
    local.or_else(|| nearest(fabric, &candidates, destination))
}

/// Of interfaces with one address, in VPCs that overlap, the one with the longest route to `far`; the first of several.
fn nearest(fabric: &Fabric, owners: &[EniIx], far: IpAddr) -> Option<EniIx> {
    // One more than the length of a route that leads somewhere, so that none comes last.
    let reach = |eni: &EniIx| {
        let subnet = fabric.eni(*eni).and_then(|eni| fabric.subnet(eni.subnet));
        let table = subnet.and_then(|subnet| fabric.table(subnet.table));
        let hit = table.and_then(|table| Some((table, table.lookup(far)?)));
        let hit = hit.filter(|(_, hit)| hit.next != NextHop::Blackhole);
        hit.and_then(|(table, hit)| table.net(hit.route)).map_or(0, |net| u16::from(net.prefix_len()) + 1)
    };
    // The last of equals is taken.
    owners.iter().rev().copied().max_by_key(reach)
}

fn nat_with_private(fabric: &Fabric, source: IpAddr) -> Option<NatIx> {
    fabric.owners(source).into_iter().find_map(|eni| fabric.eni(eni)?.nat)
}

/// Whether a packet that cannot be placed concerns the link, not the VPC: neighbour discovery, or link-scope addresses.
pub fn is_link_scope(headers: &Headers) -> bool {
    let scoped = |end| address::is_link_scope_v6(end);
    scoped(headers.src) || scoped(headers.dst) || address::is_neighbour_discovery(headers)
}
