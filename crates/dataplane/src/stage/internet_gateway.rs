//! Internet gateways: 1:1 translation of IPv4 by the map of the VPC's interfaces, IPv6 as it is; stateless (3.x).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vpcemu_packet::Transport;

use crate::fabric::{NextHop, PublicAddress, address};
use crate::index::{IgwIx, VpcIx};
use crate::outcome::{Component, Denial, Place, StepKind};
use crate::reason::DropReason;
use crate::stage::{egress_only, mtu};
use crate::walk::{Hop, Walk};

const KIND: StepKind = StepKind::InternetGateway;

/// The packet leaves the VPC.
pub(crate) fn outbound(walk: &mut Walk<'_, '_, '_>, igw: IgwIx) -> Result<Hop, Denial> {
    let at = Component::InternetGateway(igw);
    let fabric = walk.fabric;
    let Some(vpc) = fabric.igw(igw).and_then(|igw| igw.vpc) else {
        return Err(walk.deny(DropReason::BadState, at, KIND, None, None));
    };
    let (source, destination) = (walk.source(), walk.destination());
    // The map is keyed by address, not by who emits: an appliance may forward a workload's packet (3.2).
    if fabric.owner(vpc, source).is_none() {
        return Err(walk.deny(DropReason::Spoofed, at, KIND, None, None));
    }
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let refused = if address::is_rfc1918(destination) {
                Some(DropReason::EgressToRfc1918)
            } else if address::is_rfc6598(destination) {
                Some(DropReason::EgressToRfc6598)
            } else {
                None
            };
            if let Some(reason) = refused {
                return Err(walk.deny(reason, at, KIND, None, None));
            }
            let Some(public) = fabric.public_of(vpc, source) else {
                return Err(walk.deny(DropReason::NoPublicAddress, at, KIND, None, None));
            };
            mtu::check(walk, at)?;
            walk.packet.set_src(IpAddr::V4(public));
            // An error about an inbound packet quotes our private address as its destination (3.5).
            if let Some(IpAddr::V4(quoted)) = quoted(walk).map(|(_, destination)| destination)
                && let Some(public) = fabric.public_of(vpc, quoted)
            {
                walk.packet.set_quote_dst(IpAddr::V4(public));
            }
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            outbound_v6(walk, at, source, destination)?;
            mtu::check(walk, at)?;
        }
        _ => return Err(walk.deny(DropReason::Malformed, at, KIND, None, None)),
    }
    refresh_quote(walk);
    walk.pass(at, KIND, None, None);
    walk.tap(at);
    Ok(beyond(walk, destination))
}

/// IPv6 is not translated; private addresses never pass (1.6, 3.9).
fn outbound_v6(
    walk: &mut Walk<'_, '_, '_>,
    at: Component,
    source: Ipv6Addr,
    destination: Ipv6Addr,
) -> Result<(), Denial> {
    let unreachable = walk.emitter.and_then(|eni| walk.fabric.eni(eni)).is_some_and(|eni| eni.deny_all_igw_traffic);
    if unreachable || address::is_private_v6(source) || address::is_private_v6(destination) {
        return Err(walk.deny(DropReason::PrivateIpv6, at, KIND, None, None));
    }
    Ok(())
}

/// A public address of the model is reached from the outside: the hairpin (3.10). Everything else leaves.
pub(crate) fn beyond(walk: &mut Walk<'_, '_, '_>, destination: IpAddr) -> Hop {
    // Whoever sees the packet next sees a public address: the sender's identity is lost (3.10, 6.10).
    walk.direct = false;
    let of_model = match destination {
        IpAddr::V4(v4) => walk.fabric.public(v4).is_some(),
        IpAddr::V6(_) => !walk.fabric.owners(destination).is_empty(),
    };
    if of_model { Hop::InternetIn } else { Hop::Done(Place::Internet) }
}

/// The packet comes from the internet, for a public address of some VPC.
pub(crate) fn inbound(walk: &mut Walk<'_, '_, '_>) -> Result<Hop, Denial> {
    match (walk.source(), walk.destination()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => inbound_v4(walk, source, destination),
        (IpAddr::V6(source), IpAddr::V6(destination)) => inbound_v6(walk, source, destination),
        _ => Err(Denial { reason: DropReason::Malformed, at: None, direction: None, rule: None }),
    }
}

fn inbound_v4(walk: &mut Walk<'_, '_, '_>, source: Ipv4Addr, destination: Ipv4Addr) -> Result<Hop, Denial> {
    let fabric = walk.fabric;
    let owner = fabric.public(destination).filter(|owner| fabric.eni(owner.eni).is_some_and(|eni| eni.in_use));
    let gateway = owner.and_then(|owner| gateway_of(walk, owner.vpc));
    let (Some(PublicAddress { vpc, private, eni }), Some(igw)) = (owner, gateway) else {
        return Err(deny_unknown(walk));
    };
    let at = Component::InternetGateway(igw);
    let refused = if address::is_rfc1918(source) {
        Some(DropReason::IngressFromRfc1918)
    } else if address::is_rfc6598(source) {
        Some(DropReason::IngressFromRfc6598)
    } else {
        None
    };
    if let Some(reason) = refused {
        return Err(walk.deny(reason, at, KIND, None, None));
    }
    mtu::check_inbound(walk, at)?;
    walk.packet.set_dst(IpAddr::V4(private));
    // An error about an outbound packet quotes our public address as its source (3.5).
    if let Some(IpAddr::V4(quoted)) = quoted(walk).map(|(source, _)| source)
        && let Some(owner) = fabric.public(quoted).filter(|owner| owner.vpc == vpc)
    {
        walk.packet.set_quote_src(IpAddr::V4(owner.private));
    }
    refresh_quote(walk);
    walk.pass(at, KIND, None, None);
    walk.tap(at);
    Ok(Hop::Reach { eni, from: None })
}

fn inbound_v6(walk: &mut Walk<'_, '_, '_>, source: Ipv6Addr, destination: Ipv6Addr) -> Result<Hop, Denial> {
    let fabric = walk.fabric;
    let owner =
        fabric.owners(IpAddr::V6(destination)).into_iter().find(|eni| fabric.eni(*eni).is_some_and(|eni| eni.in_use));
    let Some(eni_ix) = owner else { return Err(deny_unknown(walk)) };
    // Which gateway serves the address is what its subnet's route to the sender says (5.6).
    if let Some(NextHop::EgressOnly(eigw)) = fabric.route_from(eni_ix, IpAddr::V6(source)).map(|hit| hit.next) {
        return egress_only::inbound(walk, eigw, eni_ix);
    }
    let gateway = walk.vpc_of(eni_ix).and_then(|vpc| gateway_of(walk, vpc));
    let Some(igw) = gateway else { return Err(deny_unknown(walk)) };
    let at = Component::InternetGateway(igw);
    let unreachable = fabric.eni(eni_ix).is_some_and(|eni| eni.deny_all_igw_traffic);
    if unreachable || address::is_private_v6(source) || address::is_private_v6(destination) {
        return Err(walk.deny(DropReason::PrivateIpv6, at, KIND, None, None));
    }
    mtu::check_inbound(walk, at)?;
    walk.pass(at, KIND, None, None);
    walk.tap(at);
    Ok(Hop::Reach { eni: eni_ix, from: None })
}

fn gateway_of(walk: &Walk<'_, '_, '_>, vpc: VpcIx) -> Option<IgwIx> {
    walk.fabric.vpc(vpc).and_then(|vpc| vpc.igw)
}

/// The destination is no public address of an attached interface (3.3, 3.11). Blamed on the only gateway, if there is one.
fn deny_unknown(walk: &mut Walk<'_, '_, '_>) -> Denial {
    let mut gateways = walk.fabric.igws();
    let only = match (gateways.next(), gateways.next()) {
        (Some((igw, _)), None) => Some(Component::InternetGateway(igw)),
        _ => None,
    };
    drop(gateways);
    match only {
        Some(at) => walk.deny(DropReason::NoSuchPublicAddress, at, KIND, None, None),
        None => Denial { reason: DropReason::NoSuchPublicAddress, at: None, direction: None, rule: None },
    }
}

/// Source and destination of the packet quoted in an ICMP error.
fn quoted(walk: &Walk<'_, '_, '_>) -> Option<(IpAddr, IpAddr)> {
    match walk.transport {
        Transport::IcmpError { quote: Some(quote), .. } => Some((quote.src, quote.dst)),
        _ => None,
    }
}

/// The quote was rewritten in the packet: later stages read it from there.
pub(crate) fn refresh_quote(walk: &mut Walk<'_, '_, '_>) {
    if matches!(walk.transport, Transport::IcmpError { .. }) {
        walk.transport = walk.packet.headers().transport;
    }
}
