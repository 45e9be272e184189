//! The boundary of a subnet on the way out: its network ACL, then its route table (section 8, sender side).
//!
//! Rules: 1.20, 2.1-2.14, 4.8, 6.20. Knobs: `nat_replies_past_default_route` of `[behavior.vpc_peering]`.

use std::net::IpAddr;

use vpcemu_packet::Transport;

use crate::conntrack::{Key, Outside, Translator};
use crate::fabric::{Fabric, NextHop, RouteHit};
use crate::index::{EdgeIx, EniIx, SubnetIx, TableIx, VpcIx};
use crate::outcome::{Component, Denial, Direction, Rule, StepKind};
use crate::reason::DropReason;
use crate::stage::{endpoint, nacl};
use crate::walk::{Hop, Walk};

/// The packet is in `subnet`, put on the wire by an interface there, and goes wherever its destination is.
pub(crate) fn leave_subnet(walk: &mut Walk<'_, '_, '_>, subnet_ix: SubnetIx) -> Result<Hop, Denial> {
    let fabric = walk.fabric;
    let destination = walk.destination();
    let Some(subnet) = fabric.subnet(subnet_ix) else { return Err(nowhere()) };
    // Inside one subnet there is neither network ACL nor route (1.20, P4).
    if subnet.contains(destination) {
        let neighbour = neighbour(walk, subnet.vpc, Some(subnet_ix), subnet.table, destination);
        let eni = neighbour?;
        walk.commit(walk.force_tracking || forces_tracking(walk, eni), Direction::Egress)?;
        return Ok(Hop::Reach { eni, from: Some(subnet_ix) });
    }
    nacl::judge(walk, subnet_ix, Direction::Egress)?;
    by_table(walk, subnet.table, subnet.vpc, Some(subnet_ix))
}

/// The packet is where no subnet is, at a gateway with a table of its own (4.4).
pub(crate) fn lookup(walk: &mut Walk<'_, '_, '_>, table: TableIx, vpc: VpcIx) -> Result<Hop, Denial> {
    by_table(walk, table, vpc, None)
}

fn by_table(walk: &mut Walk<'_, '_, '_>, table_ix: TableIx, vpc: VpcIx, from: Option<SubnetIx>) -> Result<Hop, Denial> {
    let fabric = walk.fabric;
    let destination = walk.destination();
    let at = Component::RouteTable(table_ix);
    let hit = fabric.table(table_ix).and_then(|table| table.lookup(destination));
    let rule = hit.map(|hit| Rule::Route(hit.route));
    // The packet has passed security groups and network ACL: what it leaves behind there does not depend on whether the
    // route leads anywhere (6.22, 2.9), only on where it leads (6.20).
    if let Some(NextHop::Endpoint(endpoint)) = hit.map(|hit| hit.next) {
        endpoint::track(walk, endpoint);
    }
    let next = hit.map(|hit| hit.next);
    let forced = walk.opens_entry() && (walk.force_tracking || leads_to_tracking(walk, next, vpc, from));
    walk.commit(forced, Direction::Egress)?;
    if let Some(way) = return_to_sender(walk, vpc, table_ix, hit) {
        return Ok(Hop::Neighbor { edge: way, vpc, from });
    }
    let Some(hit) = hit else {
        return Err(walk.deny(DropReason::NoRoute, at, StepKind::Route, None, None));
    };
    let next = match hit.next {
        NextHop::Blackhole => return Err(walk.deny(DropReason::Blackhole, at, StepKind::Route, None, rule)),
        NextHop::Local => {
            let eni = neighbour(walk, vpc, None, table_ix, destination)?;
            Hop::Reach { eni, from }
        }
        NextHop::Interface(eni) => Hop::Reach { eni, from },
        NextHop::InternetGateway(igw) => Hop::InternetOut(igw),
        NextHop::EgressOnly(eigw) => Hop::EgressOnlyOut(eigw),
        NextHop::NatGateway(nat) => Hop::NatGateway { nat, from },
        NextHop::Endpoint(endpoint) => Hop::Endpoint(endpoint),
        NextHop::Edge(edge) => Hop::Neighbor { edge, vpc, from },
    };
    walk.pass(at, StepKind::Route, None, rule);
    Ok(next)
}

/// Whether what a route leads to makes interfaces track the connection, whatever their rules (6.20).
fn leads_to_tracking(walk: &Walk<'_, '_, '_>, next: Option<NextHop>, vpc: VpcIx, from: Option<SubnetIx>) -> bool {
    let (fabric, destination) = (walk.fabric, walk.destination());
    let receiver = match next {
        Some(NextHop::NatGateway(_) | NextHop::EgressOnly(_)) => return true,
        Some(NextHop::Local) => fabric.owner(vpc, destination),
        Some(NextHop::Edge(edge)) => from.and_then(|from| fabric.far_owner(edge, from, destination)).map(|far| far.eni),
        _ => None,
    };
    receiver.is_some_and(|eni| forces_tracking(walk, eni))
}

/// A reply to a NAT gateway of a peered VPC goes back by the peering connection without a route to it (4.8). A default route
/// is none to it.
fn return_to_sender(walk: &mut Walk<'_, '_, '_>, vpc: VpcIx, table: TableIx, hit: Option<RouteHit>) -> Option<EdgeIx> {
    let fabric = walk.fabric;
    let way = fabric.nat_return(vpc, walk.destination())?;
    // Whether there is such a mapping is nothing that a lease covers.
    walk.recipe.spoil();
    let routed = hit.and_then(|hit| fabric.table(table)?.net(hit.route));
    let past_default = fabric.behavior.vpc_peering.nat_replies_past_default_route;
    if routed.is_some_and(|net| net.prefix_len() > 0 || !past_default) {
        return None;
    }
    let arriving = match walk.transport {
        Transport::IcmpError { quote, .. } => quote?.key()?.reversed(),
        _ => walk.key(),
    };
    let mapping = Key::NatOutside(Translator::Gateway(way.nat), Outside(arriving));
    walk.conntrack.find(&mapping, walk.stamp.now)?;
    Some(way.peering)
}

/// The interface inside the VPC that has `destination`, or why there is none.
fn neighbour(
    walk: &mut Walk<'_, '_, '_>,
    vpc: VpcIx,
    subnet: Option<SubnetIx>,
    table: TableIx,
    destination: IpAddr,
) -> Result<EniIx, Denial> {
    let fabric = walk.fabric;
    if let Some(eni) = fabric.owner(vpc, destination) {
        return Ok(eni);
    }
    let reason = absence(fabric, vpc, subnet, destination);
    // Within a subnet no table is asked; there the sender's interface is where the search ends.
    let at = match (subnet, walk.emitter) {
        (Some(_), Some(eni)) => Component::Interface(eni),
        _ => Component::RouteTable(table),
    };
    Err(walk.deny(reason, at, StepKind::Route, None, None))
}

/// Why no interface of a VPC, or of one of its subnets, has an address: the VPC keeps it for itself, or nobody has it.
pub(crate) fn absence(fabric: &Fabric, vpc: VpcIx, subnet: Option<SubnetIx>, address: IpAddr) -> DropReason {
    let reserved = match subnet.and_then(|subnet| fabric.subnet(subnet)) {
        Some(subnet) => subnet.reserves(address),
        None => fabric.is_reserved(vpc, address),
    };
    if reserved { DropReason::ReservedAddress } else { DropReason::NeighborUnknown }
}

/// Interface endpoints and some services are reached by connections that are always tracked (6.20).
fn forces_tracking(walk: &Walk<'_, '_, '_>, eni: EniIx) -> bool {
    walk.fabric.eni(eni).is_some_and(|eni| eni.forces_tracking())
}

/// A hop that this generation of the configuration does not have.
fn nowhere() -> Denial {
    Denial { reason: DropReason::NoRoute, at: None, direction: None, rule: None }
}
