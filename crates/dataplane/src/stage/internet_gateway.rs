//! Internet gateways: 1:1 translation of IPv4 by the map of the VPC's interfaces, IPv6 as it is; stateless (3.1-3.14). What
//! comes in goes where the gateway's own table says (2.14-2.19, [`edge`]); VPC Block Public Access stands in front of it all
//! (3.15).
//!
//! Rules: 1.6, 1.14, 1.17-1.19, 1.22, 1.25, 2.10-2.12, 3.1-3.15, 5.6. Knobs: `[behavior.underlay] hops`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vpcemu_packet::Transport;

use crate::fabric::{Holder, NextHop, PublicAccess, PublicAddress, address};
use crate::index::{EniIx, IgwIx, VpcIx};
use crate::outcome::{Component, Denial, Place, StepKind};
use crate::reason::DropReason;
use crate::stage::{edge, egress_only, mtu};
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
    let sender = sender(walk, vpc, igw, source);
    // The map is keyed by address, not by who emits: an appliance may forward a workload's packet (3.2).
    let Some(sender) = sender else { return Err(walk.deny(DropReason::Spoofed, at, KIND, None, None)) };
    let inspected_by = walk.emitter.filter(|emitter| edge::is_inspection(fabric, *emitter));
    check_access(walk, at, vpc, sender, inspected_by)?;
    if let Sender::Interface(_) = sender {
        edge::check_symmetry(walk, igw, source)?;
    }
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => outbound_v4(walk, at, vpc, sender, source, destination)?,
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            outbound_v6(walk, at, source, destination)?;
            mtu::check(walk, at, mtu::INTERNET_MTU, true)?;
        }
        _ => return Err(walk.deny(DropReason::Malformed, at, KIND, None, None)),
    }
    cross_underlay(walk, at)?;
    walk.pass(at, KIND, None, None);
    walk.tap(at);
    Ok(beyond(walk, destination))
}

/// Whose packet leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    /// An interface's.
    Interface(EniIx),
    /// A regional NAT gateway's, which has the public address already (4.4).
    Regional,
    /// An address of a public block that the gateway's table leads into the VPC (2.18).
    Pool,
}

fn sender(walk: &Walk<'_, '_, '_>, vpc: VpcIx, igw: IgwIx, source: IpAddr) -> Option<Sender> {
    if let Some(eni) = walk.fabric.owner(vpc, source) {
        return Some(Sender::Interface(eni));
    }
    if let IpAddr::V4(v4) = source
        && let Some(PublicAddress { vpc: of, holder: Holder::Regional(_), .. }) = walk.fabric.public(v4)
        && of == vpc
    {
        return Some(Sender::Regional);
    }
    (walk.fabric.pool(source) == Some((vpc, igw))).then_some(Sender::Pool)
}

fn outbound_v4(
    walk: &mut Walk<'_, '_, '_>,
    at: Component,
    vpc: VpcIx,
    sender: Sender,
    source: Ipv4Addr,
    destination: Ipv4Addr,
) -> Result<(), Denial> {
    let fabric = walk.fabric;
    if let Some(reason) = refused(destination, DropReason::EgressToRfc1918, DropReason::EgressToRfc6598) {
        return Err(walk.deny(reason, at, KIND, None, None));
    }
    let Sender::Interface(_) = sender else { return mtu::check(walk, at, mtu::INTERNET_MTU, true) };
    let Some(public) = fabric.public_of(vpc, source) else {
        return Err(walk.deny(DropReason::NoPublicAddress, at, KIND, None, None));
    };
    mtu::check(walk, at, mtu::INTERNET_MTU, true)?;
    walk.packet.set_src(IpAddr::V4(public));
    // An error about an inbound packet quotes our private address as its destination (3.5).
    if let Some(IpAddr::V4(quoted)) = quoted(walk).map(|(_, destination)| destination)
        && let Some(public) = fabric.public_of(vpc, quoted)
    {
        walk.set_quoted_destination(IpAddr::V4(public), None);
    }
    Ok(())
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
        IpAddr::V4(v4) => walk.fabric.public(v4).is_some() || walk.fabric.pool(destination).is_some(),
        IpAddr::V6(_) => !walk.fabric.owners(destination).is_empty(),
    };
    if of_model { Hop::InternetIn } else { Hop::Done(Place::Internet) }
}

/// The packet comes from the internet, for a public address of some VPC.
pub(crate) fn inbound(walk: &mut Walk<'_, '_, '_>) -> Result<Hop, Denial> {
    if address::is_nowhere(walk.source()) || address::is_multicast(walk.source()) {
        return Err(deny_at_only(walk, DropReason::Martian));
    }
    // What stays on its link outside stays there too (1.14, 1.18).
    if address::is_link_scope_v6(walk.source()) || address::is_neighbour_discovery(walk.packet.headers()) {
        return Err(deny_at_only(walk, DropReason::LinkScope));
    }
    if address::stays_local(walk.source()) {
        return Err(deny_at_only(walk, DropReason::ReservedAddress));
    }
    match (walk.source(), walk.destination()) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => inbound_v4(walk, source, destination),
        (IpAddr::V6(source), IpAddr::V6(destination)) => inbound_v6(walk, source, destination),
        _ => Err(Denial { reason: DropReason::Malformed, at: None, direction: None, rule: None }),
    }
}

fn inbound_v4(walk: &mut Walk<'_, '_, '_>, source: Ipv4Addr, destination: Ipv4Addr) -> Result<Hop, Denial> {
    let fabric = walk.fabric;
    let attached = |owner: &PublicAddress| match owner.holder {
        Holder::Interface(eni) => fabric.eni(eni).is_some_and(|eni| eni.in_use),
        Holder::Regional(nat) => fabric.nat(nat).is_some(),
    };
    let owner = fabric.public(destination).filter(attached);
    let gateway = owner.and_then(|owner| gateway_of(walk, owner.vpc));
    let pool = fabric.pool(IpAddr::V4(destination));
    let (vpc, igw) = match (owner, gateway, pool) {
        (Some(owner), Some(igw), _) => (owner.vpc, igw),
        (None, _, Some(pool)) => pool,
        _ => return Err(deny_unknown(walk)),
    };
    let at = Component::InternetGateway(igw);
    if let Some(reason) = refused(source, DropReason::IngressFromRfc1918, DropReason::IngressFromRfc6598) {
        return Err(walk.deny(reason, at, KIND, None, None));
    }
    let receiver = match owner.map(|owner| owner.holder) {
        Some(Holder::Interface(eni)) => Sender::Interface(eni),
        Some(Holder::Regional(_)) => Sender::Regional,
        None => Sender::Pool,
    };
    let inspected_by = owner.and_then(|owner| edge::inspected_by(fabric, igw, IpAddr::V4(owner.private)));
    check_access(walk, at, vpc, receiver, inspected_by)?;
    mtu::check_inbound(walk, at, mtu::INTERNET_MTU)?;
    cross_underlay(walk, at)?;
    if let (Some(owner), Sender::Interface(_)) = (owner, receiver) {
        walk.packet.set_dst(IpAddr::V4(owner.private));
        // An error about an outbound packet quotes our public address as its source (3.5).
        if let Some(IpAddr::V4(quoted)) = quoted(walk).map(|(source, _)| source)
            && let Some(quoted) = fabric.public(quoted).filter(|quoted| quoted.vpc == vpc)
        {
            walk.set_quoted_source(IpAddr::V4(quoted.private), None);
        }
    }
    walk.pass(at, KIND, None, None);
    walk.tap(at);
    match owner.map(|owner| owner.holder) {
        Some(Holder::Regional(nat)) => Ok(Hop::NatOutside(nat)),
        Some(Holder::Interface(eni)) => edge::from_internet(walk, igw, vpc, Some(eni)),
        None => edge::from_internet(walk, igw, vpc, None),
    }
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
    let vpc = walk.vpc_of(eni_ix);
    let gateway = vpc.and_then(|vpc| Some((vpc, gateway_of(walk, vpc)?)));
    let Some((vpc, igw)) = gateway else { return Err(deny_unknown(walk)) };
    let at = Component::InternetGateway(igw);
    let unreachable = fabric.eni(eni_ix).is_some_and(|eni| eni.deny_all_igw_traffic);
    if unreachable || address::is_private_v6(source) || address::is_private_v6(destination) {
        return Err(walk.deny(DropReason::PrivateIpv6, at, KIND, None, None));
    }
    let inspected_by = edge::inspected_by(fabric, igw, IpAddr::V6(destination));
    check_access(walk, at, vpc, Sender::Interface(eni_ix), inspected_by)?;
    mtu::check_inbound(walk, at, mtu::INTERNET_MTU)?;
    cross_underlay(walk, at)?;
    walk.pass(at, KIND, None, None);
    walk.tap(at);
    edge::from_internet(walk, igw, vpc, Some(eni_ix))
}

/// VPC Block Public Access looks at the subnet of the private address, whichever instance forwards for it, but at that of a
/// Gateway Load Balancer's endpoint next to the gateway; a regional NAT gateway and a public block are in no subnet, so that
/// only an exclusion of the VPC helps them (3.15, 2.18).
fn check_access(
    walk: &mut Walk<'_, '_, '_>,
    at: Component,
    vpc: VpcIx,
    end: Sender,
    inspected_by: Option<EniIx>,
) -> Result<(), Denial> {
    let fabric = walk.fabric;
    let of_subnet = |eni: EniIx| Some(fabric.subnet(fabric.eni(eni)?.subnet)?.public_access);
    let (access, translated) = match end {
        Sender::Interface(eni) => {
            let translated = fabric.eni(eni).is_some_and(|eni| eni.nat.is_some());
            (of_subnet(inspected_by.unwrap_or(eni)), translated)
        }
        Sender::Regional => (fabric.vpc(vpc).map(|vpc| vpc.public_access), true),
        Sender::Pool => (fabric.vpc(vpc).map(|vpc| vpc.public_access), false),
    };
    match access {
        Some(PublicAccess::Blocked) => Err(walk.deny(DropReason::BlockPublicAccess, at, KIND, None, None)),
        Some(PublicAccess::EgressOnly) if !translated => {
            Err(walk.deny(DropReason::BlockPublicAccess, at, KIND, None, None))
        }
        _ => Ok(()),
    }
}

/// The routers between here and the internet, where a knob has some (1.25).
fn cross_underlay(walk: &mut Walk<'_, '_, '_>, at: Component) -> Result<(), Denial> {
    let hops = walk.fabric.behavior.underlay.hops;
    if hops == 0 {
        return Ok(());
    }
    if walk.packet.headers().ttl <= hops {
        return Err(walk.deny(DropReason::Ttl, at, StepKind::Check, None, None));
    }
    walk.packet.decrement_ttl(hops);
    Ok(())
}

/// Private and shared address space is not of the internet (2.11, 3.3).
fn refused(address: Ipv4Addr, rfc1918: DropReason, rfc6598: DropReason) -> Option<DropReason> {
    if address::is_rfc1918(address) {
        Some(rfc1918)
    } else if address::is_rfc6598(address) {
        Some(rfc6598)
    } else {
        None
    }
}

fn gateway_of(walk: &Walk<'_, '_, '_>, vpc: VpcIx) -> Option<IgwIx> {
    walk.fabric.vpc(vpc).and_then(|vpc| vpc.igw)
}

/// The destination is no public address of an attached interface (3.3, 3.11).
fn deny_unknown(walk: &mut Walk<'_, '_, '_>) -> Denial {
    deny_at_only(walk, DropReason::NoSuchPublicAddress)
}

/// A denial of what is for no gateway in particular. Blamed on the only one, if there is only one.
fn deny_at_only(walk: &mut Walk<'_, '_, '_>, reason: DropReason) -> Denial {
    let mut gateways = walk.fabric.igws();
    let only = match (gateways.next(), gateways.next()) {
        (Some((igw, _)), None) => Some(Component::InternetGateway(igw)),
        _ => None,
    };
    drop(gateways);
    match only {
        Some(at) => walk.deny(reason, at, KIND, None, None),
        None => Denial { reason, at: None, direction: None, rule: None },
    }
}

/// Source and destination of the packet quoted in an ICMP error.
fn quoted(walk: &Walk<'_, '_, '_>) -> Option<(IpAddr, IpAddr)> {
    match walk.transport {
        Transport::IcmpError { quote: Some(quote), .. } => Some((quote.src, quote.dst)),
        _ => None,
    }
}
