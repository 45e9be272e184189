//! Transit gateways: from one attachment to another, by the table that the first is associated with (10.21-10.27).
//!
//! Rules: 1.22, 1.23, 1.25, 2.14, 6.11, 7.2, 10.21-10.27. Knobs: `[behavior.transit_gateway]`.

use std::net::IpAddr;

use vpcemu_model::AttachmentMedium;
use vpcemu_packet::{Transport, build};

use crate::fabric::{Attached, AttachedVpc, Attachment, Neighbor, NextHop, TransitGateway, Zone};
use crate::index::{EdgeIx, EniIx, SubnetIx, VpcIx};
use crate::outcome::{Component, Denial, Direction, Place, Rule, StepKind};
use crate::output::GeneratedKind;
use crate::reason::DropReason;
use crate::shard::hash::Mix;
use crate::stage::{icmp, mtu, nacl};
use crate::walk::{Hop, Origination, Originator, Walk};

const KIND: StepKind = StepKind::TransitGateway;

/// By what a packet came to the gateway.
#[derive(Clone, Copy)]
struct Entrance<'a> {
    gateway: EdgeIx,
    attachment: &'a Attachment,
    /// Of a VPC: the attachment's interface that took the packet, and its zone.
    by: Option<(&'a AttachedVpc, EniIx, Zone)>,
}

/// The packet leaves `vpc`.
pub(super) fn from_vpc(
    walk: &mut Walk<'_, '_, '_>,
    gateway_ix: EdgeIx,
    gateway: &TransitGateway,
    vpc: VpcIx,
    from: Option<SubnetIx>,
) -> Result<Hop, Denial> {
    let at = Component::Edge(gateway_ix);
    let fabric = walk.fabric;
    let attachment = gateway.attachment(vpc).and_then(|edge| Some((edge, fabric.edge(edge)?)));
    let Some((edge, Neighbor::Attachment(attachment))) = attachment else {
        return Err(walk.deny(DropReason::Blackhole, at, KIND, None, None));
    };
    let Attached::Vpc(of) = &attachment.to else {
        return Err(walk.deny(DropReason::Blackhole, at, KIND, None, None));
    };
    check_state(walk, edge, attachment)?;
    // A sender is served in its own zone only (10.21); what is in no subnet is in no zone either.
    let zone = from.and_then(|subnet| fabric.subnet(subnet)).map(|subnet| subnet.zone);
    let taker = match zone {
        Some(zone) => of.in_zone(zone).map(|eni| (zone, eni)),
        None => of.zones.first().copied(),
    };
    let Some((zone, eni)) = taker else {
        return Err(walk.deny(DropReason::TransitZone, Component::Edge(edge), KIND, None, None));
    };
    // Judged even within the sender's subnet (7.2).
    if let Some(of) = fabric.eni(eni) {
        nacl::judge(walk, of.subnet, Direction::Ingress)?;
    }
    forward(walk, Entrance { gateway: gateway_ix, attachment, by: Some((of, eni, zone)) })
}

/// The packet comes from outside of the model.
pub(super) fn from_outside(walk: &mut Walk<'_, '_, '_>, edge: EdgeIx, attachment: &Attachment) -> Result<Hop, Denial> {
    if let Attached::Vpc(_) = attachment.to {
        return Err(walk.deny(DropReason::NeighborUnknown, Component::Edge(edge), KIND, None, None));
    }
    check_state(walk, edge, attachment)?;
    forward(walk, Entrance { gateway: attachment.gateway, attachment, by: None })
}

fn check_state(walk: &mut Walk<'_, '_, '_>, edge: EdgeIx, attachment: &Attachment) -> Result<(), Denial> {
    if !attachment.available {
        return Err(walk.deny(DropReason::BadStateAttachment, Component::Edge(edge), KIND, None, None));
    }
    if let Attached::Vpc(of) = &attachment.to
        && walk.source().is_ipv6()
        && !of.ipv6
    {
        return Err(walk.deny(DropReason::Ipv6Unsupported, Component::Edge(edge), KIND, None, None));
    }
    Ok(())
}

/// By the associated table to another attachment (10.22).
fn forward(walk: &mut Walk<'_, '_, '_>, entrance: Entrance<'_>) -> Result<Hop, Denial> {
    let fabric = walk.fabric;
    let at = Component::Edge(entrance.gateway);
    let Some((table_ix, table)) = entrance.attachment.table.and_then(|table| Some((table, fabric.table(table)?)))
    else {
        return Err(walk.deny(DropReason::TransitUnassociated, at, KIND, None, None));
    };
    let at_table = Component::RouteTable(table_ix);
    let Some(hit) = table.lookup(walk.destination()) else {
        return Err(walk.deny(DropReason::TransitNoRoute, at_table, StepKind::Route, None, None));
    };
    let rule = Some(Rule::Route(hit.route));
    let to = match hit.next {
        NextHop::Edge(to) => Some(to),
        _ => None,
    };
    let Some((to, Neighbor::Attachment(target))) = to.and_then(|to| Some((to, fabric.edge(to)?))) else {
        return Err(walk.deny(DropReason::TransitBlackhole, at_table, StepKind::Route, None, rule));
    };
    walk.pass(at_table, StepKind::Route, None, rule);
    check_state(walk, to, target)?;
    check_age(walk, entrance)?;
    check_size(walk, entrance, target)?;
    clamp_mss(walk);
    walk.packet.decrement_ttl(1);
    walk.pass(at, KIND, None, None);
    match &target.to {
        Attached::Outside { .. } => {
            walk.tap(at);
            Ok(Hop::Done(Place::Edge(to)))
        }
        Attached::Vpc(of) => into_vpc(walk, entrance, to, of),
    }
}

/// The packet comes out of the attachment's interface in one zone, and goes where the table of that subnet says (2.14,
/// 10.23).
fn into_vpc(walk: &mut Walk<'_, '_, '_>, entrance: Entrance<'_>, to: EdgeIx, of: &AttachedVpc) -> Result<Hop, Denial> {
    let fabric = walk.fabric;
    let from = entrance.by.and_then(|(_, _, zone)| of.in_zone(zone));
    // The source's zone, where there is an attachment; appliances see both directions of a flow in one zone (10.24).
    let eni_ix = from.filter(|_| !of.appliance_mode).or_else(|| by_flow(walk, of));
    let Some((eni_ix, subnet)) = eni_ix.and_then(|eni| Some((eni, fabric.eni(eni)?.subnet))) else {
        return Err(walk.deny(DropReason::BadStateAttachment, Component::Edge(to), KIND, None, None));
    };
    let supports = matches!(
        fabric.edge(entrance.gateway),
        Some(Neighbor::TransitGateway(gateway)) if gateway.security_group_referencing
    );
    let both = entrance.by.is_some_and(|(from, ..)| from.security_group_referencing) && of.security_group_referencing;
    walk.direct &= supports && both;
    walk.emitter = Some(eni_ix);
    walk.crossed_transit = Some(of.vpc);
    walk.tap(Component::Edge(entrance.gateway));
    Ok(Hop::LeaveSubnet(subnet))
}

/// One of the attachment's interfaces, the same for both directions of a flow.
fn by_flow(walk: &Walk<'_, '_, '_>, of: &AttachedVpc) -> Option<EniIx> {
    let key = match walk.transport {
        // An error goes with the flow that it is about.
        Transport::IcmpError { quote: Some(quote), .. } => quote.key().unwrap_or_else(|| walk.key()),
        _ => walk.key(),
    };
    let (one, other) = ((key.src, key.src_port), (key.dst, key.dst_port));
    let (low, high) = if one <= other { (one, other) } else { (other, one) };
    let ports = u64::from(low.1) << 32 | u64::from(high.1) << 16 | u64::from(key.protocol);
    let mix = Mix::new(walk.options.seed).address(low.0).address(high.0).word(ports);
    let zones = u64::try_from(of.zones.len()).ok().filter(|zones| *zones > 0)?;
    let at = usize::try_from(mix.finish() % zones).ok()?;
    of.zones.get(at).map(|(_, eni)| *eni)
}

/// Every transit gateway makes a packet a hop older, and says nothing of one that dies (1.25).
fn check_age(walk: &mut Walk<'_, '_, '_>, entrance: Entrance<'_>) -> Result<(), Denial> {
    if walk.packet.headers().ttl > 1 {
        return Ok(());
    }
    if walk.fabric.behavior.transit_gateway.time_exceeded {
        let message = icmp::time_exceeded(walk.packet.headers().version);
        tell(walk, entrance, GeneratedKind::IcmpTimeExceeded, message, 0);
    }
    Err(walk.deny(DropReason::Ttl, Component::Edge(entrance.gateway), KIND, None, None))
}

/// What is too large dies; VPCs hear of it, unless it was on its way into a VPN (1.22).
fn check_size(walk: &mut Walk<'_, '_, '_>, entrance: Entrance<'_>, target: &Attachment) -> Result<(), Denial> {
    let knobs = &walk.fabric.behavior.transit_gateway;
    let vpn = matches!(target.to, Attached::Outside { medium: AttachmentMedium::Vpn, .. });
    let too_large_for_all = mtu::exceeds(walk, knobs.mtu);
    let limit = if vpn { knobs.mtu.min(knobs.vpn_mtu) } else { knobs.mtu };
    if !mtu::exceeds(walk, limit) {
        return Ok(());
    }
    if !walk.packet.headers().dont_fragment && knobs.fragment {
        mtu::leave_in_pieces(walk, limit);
        return Ok(());
    }
    if walk.packet.headers().dont_fragment && too_large_for_all && knobs.fragmentation_needed {
        let (kind, message) = mtu::message(walk.packet.headers().version);
        tell(walk, entrance, kind, message, knobs.mtu);
    }
    Err(walk.deny(DropReason::Mtu, Component::Edge(entrance.gateway), KIND, None, None))
}

/// An ICMP error to a host of the VPC that the packet came from, from the attachment's interface there. What came from
/// outside is not told: a Connect peer would be, by an address of the tunnel that no configuration has.
fn tell(walk: &mut Walk<'_, '_, '_>, entrance: Entrance<'_>, kind: GeneratedKind, (icmp, code): (u8, u8), rest: u32) {
    let Some((_, eni_ix, _)) = entrance.by.filter(|_| mtu::may_be_answered(walk)) else { return };
    let (fabric, sender) = (walk.fabric, walk.source());
    let Some(eni) = fabric.eni(eni_ix) else { return };
    let router = || fabric.subnet(eni.subnet).and_then(|subnet| subnet.router(sender));
    let own: Option<IpAddr> = eni.primary(sender).or_else(router);
    let Some(own) = own else { return };
    let bytes = build::icmp_error(own, sender, icmp, code, rest, walk.quoted());
    walk.generated = Some(Origination { kind, bytes, from: Originator::Interface(eni_ix) });
}

/// The largest segment that both ends learn of is one that the gateway carries; it is only ever lowered (1.23).
fn clamp_mss(walk: &mut Walk<'_, '_, '_>) {
    let knobs = &walk.fabric.behavior.transit_gateway;
    if knobs.mss_clamp {
        mtu::clamp_mss(walk, knobs.mtu);
    }
}
