//! Peering connections, transit gateways and virtual private gateways (10.17-10.30).

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use ipnet::IpNet;

use super::Index;
use super::blocks::{is_v4, overlap};
use super::references::{known, prefix_list};
use super::routing::{Named, blocks};
use crate::finding::{Finding, Severity};
use crate::{
    AttachmentKind, Destination, Id, Route, TransitGateway, TransitGatewayAttachment, VpcAttachment,
    VpcPeeringConnection, VpnGateway,
};

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let network = index.network;
    network.vpc_peering_connections.iter().for_each(|peering| of_peering(index, peering, findings));
    overlaps(index, findings);
    network.transit_gateways.iter().for_each(|gateway| of_transit_gateway(index, gateway, findings));
    let mut first: HashMap<&Id, &VpnGateway> = HashMap::new();
    for gateway in &network.vpn_gateways {
        let VpnGateway { id, vpc: Some(vpc), origin, .. } = gateway else { continue };
        known(index.vpcs.contains_key(vpc), id, "VPC", vpc, origin, findings);
        match first.entry(vpc) {
            Entry::Vacant(free) => {
                free.insert(gateway);
            }
            Entry::Occupied(taken) => {
                let other = taken.get();
                let text = format!("{id} is attached to {vpc}, which already has {}", other.id);
                let finding = Finding::error("two-vgws", origin, text);
                findings.push(finding.related(&other.origin, format!("{} is here", other.id)));
            }
        }
    }
}

/// The blocks of one side: its own, or as the connection knows them.
fn side_blocks<'a>(index: &Index<'a>, peering: &'a VpcPeeringConnection, requester: bool) -> &'a [IpNet] {
    let side = if requester { &peering.requester } else { &peering.accepter };
    index.vpcs.get(&side.vpc).map_or(&side.cidrs, |vpc| &vpc.cidrs)
}

fn of_peering(index: &Index<'_>, peering: &VpcPeeringConnection, findings: &mut Vec<Finding>) {
    let VpcPeeringConnection { id, requester, accepter, origin, .. } = peering;
    if requester.vpc == accepter.vpc {
        findings.push(Finding::error(
            "peering-with-itself",
            origin,
            format!("{id} peers {} with itself", accepter.vpc),
        ));
        return;
    }
    if ![requester, accepter].iter().any(|side| index.vpcs.contains_key(&side.vpc)) {
        let text = format!("{id} peers {} with {}, neither of which is described", requester.vpc, accepter.vpc);
        let finding = Finding::warning("peering-of-nobody", origin, text);
        findings.push(finding.help("describe one of the two VPCs, or leave the connection out"));
        return;
    }
    let (ours, theirs) = (side_blocks(index, peering, true), side_blocks(index, peering, false));
    if let Some((one, other)) = overlapping(ours, theirs) {
        let text = format!(
            "{id} peers {} with {}, whose blocks {one} and {other} overlap: AWS refuses it, and the local routes win",
            requester.vpc, accepter.vpc
        );
        findings.push(Finding::warning("peering-overlap", origin, text).help("give one of the two VPCs other blocks"));
    }
}

fn overlapping(ours: &[IpNet], theirs: &[IpNet]) -> Option<(IpNet, IpNet)> {
    ours.iter().find_map(|one| theirs.iter().find(|other| overlap(*one, **other)).map(|other| (*one, *other)))
}

/// Several connections of one VPC: with the same peer, or with peers whose blocks overlap each other.
fn overlaps(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let mut of_vpc: HashMap<&Id, Vec<&VpcPeeringConnection>> = HashMap::new();
    let of_two = |it: &&VpcPeeringConnection| it.requester.vpc != it.accepter.vpc;
    for peering in index.network.vpc_peering_connections.iter().filter(|it| it.active).filter(of_two) {
        for side in [&peering.requester, &peering.accepter] {
            of_vpc.entry(&side.vpc).or_default().push(peering);
        }
    }
    for vpc in &index.network.vpcs {
        let peerings = of_vpc.get(&vpc.id).map_or(&[][..], Vec::as_slice);
        for (at, peering) in peerings.iter().enumerate() {
            for other in &peerings[..at] {
                two_peerings(index, &vpc.id, peering, other, findings);
            }
        }
    }
}

fn two_peerings(
    index: &Index<'_>,
    vpc: &Id,
    peering: &VpcPeeringConnection,
    other: &VpcPeeringConnection,
    findings: &mut Vec<Finding>,
) {
    let (Some(peer), Some(other_peer)) = (peering.peer_of(vpc), other.peer_of(vpc)) else { return };
    let at_other = format!("{} is here", other.id);
    if peer.vpc == other_peer.vpc {
        // Said once, at the side that asked.
        if peering.requester.vpc == *vpc || !index.vpcs.contains_key(&peer.vpc) {
            let text = format!("{} peers {vpc} with {}, as {} does already", peering.id, peer.vpc, other.id);
            let finding = Finding::warning("two-peerings", &peering.origin, text).help("delete one of the two");
            findings.push(finding.related(&other.origin, at_other));
        }
        return;
    }
    let blocks_of = |peering: &VpcPeeringConnection| side_blocks(index, peering, peering.accepter.vpc == *vpc).to_vec();
    if let Some((one, second)) = overlapping(&blocks_of(peering), &blocks_of(other)) {
        let text = format!(
            "{vpc} is peered with {} by {} and with {} by {}, whose blocks {one} and {second} overlap: the longest route decides",
            peer.vpc, peering.id, other_peer.vpc, other.id
        );
        let finding = Finding::warning("peers-overlap", &peering.origin, text);
        let finding = finding.help("lead each of them a block that the other has not");
        findings.push(finding.related(&other.origin, at_other));
    }
}

fn of_transit_gateway(index: &Index<'_>, gateway: &TransitGateway, findings: &mut Vec<Finding>) {
    let mut vpcs: HashMap<&Id, &Id> = HashMap::new();
    let tables: HashSet<&Id> = gateway.route_tables.iter().map(|table| &table.id).collect();
    let attachments: HashSet<&Id> = gateway.attachments.iter().map(|attachment| &attachment.id).collect();
    for attachment in &gateway.attachments {
        let TransitGatewayAttachment { id, kind, route_table, origin, .. } = attachment;
        match route_table {
            Some(table) => {
                known(tables.contains(table), id, "route table", table, origin, findings);
            }
            None => {
                let text =
                    format!("{id} is associated with no route table of {}: what comes in by it is dropped", gateway.id);
                let finding = Finding::new(Severity::Lint, "no-tgw-association", origin, text);
                findings.push(finding.help("associate it with one"));
            }
        }
        let AttachmentKind::Vpc(attached) = kind else { continue };
        of_vpc_attachment(index, attachment, attached, findings);
        if let Some(other) = vpcs.insert(&attached.vpc, id) {
            let text = format!("{id} attaches {} to {}, as {other} does already", attached.vpc, gateway.id);
            findings.push(Finding::error("two-attachments", origin, text));
        }
    }
    for table in &gateway.route_tables {
        for route in &table.routes {
            let owner = format!("a route of {}", table.id);
            if let Destination::PrefixList(list) = &route.destination {
                prefix_list(index, &owner, list, &route.origin, findings);
            }
            let Some(attachment) = &route.attachment else { continue };
            if !attachments.contains(attachment) {
                let text = format!("{owner} leads to {attachment}, which {} does not have", gateway.id);
                let finding = Finding::warning("unknown-attachment", &route.origin, text);
                findings.push(finding.help("lead it to an attachment of that gateway, or delete it"));
            }
        }
    }
}

fn of_vpc_attachment(
    index: &Index<'_>,
    attachment: &TransitGatewayAttachment,
    attached: &VpcAttachment,
    findings: &mut Vec<Finding>,
) {
    let TransitGatewayAttachment { id, origin, .. } = attachment;
    known(index.vpcs.contains_key(&attached.vpc), id, "VPC", &attached.vpc, origin, findings);
    let mut zones: HashMap<&str, &Id> = HashMap::new();
    for interface in &attached.interfaces {
        known(index.interfaces.contains_key(interface), id, "interface", interface, origin, findings);
        let subnet = index.interfaces.get(interface).and_then(|it| index.subnets.get(&it.subnet));
        let Some(subnet) = subnet else { continue };
        if let Some(other) = zones.insert(&subnet.availability_zone, &subnet.id) {
            let text = format!(
                "{id} is in {other} and {}, both in the zone {}: an attachment has one subnet a zone",
                subnet.id, subnet.availability_zone
            );
            findings.push(Finding::error("two-in-a-zone", origin, text));
        }
    }
}

/// A route to a peering connection.
pub(super) fn route_to_peering(
    index: &Index<'_>,
    named: &Named<'_>,
    vpc: &Id,
    peering: &VpcPeeringConnection,
    findings: &mut Vec<Finding>,
) {
    let (id, route) = (&peering.id, named.1);
    let at = format!("{id} is here");
    let Some(peer) = peering.peer_of(vpc) else {
        let text = format!("the route {named} leads to {id}, which does not peer {vpc}: it drops what it matches");
        let finding = Finding::warning("not-attached", &route.origin, text).help("lead it to a connection of the VPC");
        findings.push(finding.related(&peering.origin, at));
        return;
    };
    if !peering.active {
        let text = format!("the route {named} leads to {id}, which is not active: it drops what it matches");
        let finding = Finding::new(Severity::Lint, "peering-inactive", &route.origin, text);
        findings.push(finding.help("accept the connection, or delete the route").related(&peering.origin, at));
        return;
    }
    let theirs = side_blocks(index, peering, peering.requester.vpc == peer.vpc);
    let meets = |block: &IpNet| theirs.iter().any(|their| overlap(*their, *block));
    let routed = blocks(index, &route.destination);
    if !theirs.is_empty() && !routed.is_empty() && !routed.iter().any(meets) {
        let text =
            format!("the route {named} leads to {id}, and {} has no address there: all of it is dropped", peer.vpc);
        let theirs: Vec<_> = theirs.iter().map(ToString::to_string).collect();
        let finding = Finding::new(Severity::Lint, "peering-destination", &route.origin, text);
        let finding = finding.help(format!("{} has {}", peer.vpc, theirs.join(", ")));
        findings.push(finding.related(&peering.origin, at));
    }
}

/// A route to a transit gateway.
pub(super) fn route_to_transit_gateway(
    index: &Index<'_>,
    named: &Named<'_>,
    vpc: &Id,
    gateway: &TransitGateway,
    findings: &mut Vec<Finding>,
) {
    if !index.is_attached(&gateway.id, vpc) {
        not_attached(named, vpc, &gateway.id, &gateway.origin, findings);
    }
}

/// A route to a virtual private gateway.
pub(super) fn route_to_vpn_gateway(
    index: &Index<'_>,
    named: &Named<'_>,
    vpc: &Id,
    gateway: &VpnGateway,
    findings: &mut Vec<Finding>,
) {
    if gateway.vpc.as_ref() != Some(vpc) {
        not_attached(named, vpc, &gateway.id, &gateway.origin, findings);
    }
    if blocks(index, &named.1.destination).iter().any(|block| !is_v4(*block)) {
        let text = format!("the route {named} leads IPv6 to {}, which carries IPv4 only", gateway.id);
        findings.push(Finding::warning("vgw-ipv6", &named.1.origin, text).help("lead IPv6 to a transit gateway"));
    }
}

fn not_attached(named: &Named<'_>, vpc: &Id, id: &Id, origin: &crate::Origin, findings: &mut Vec<Finding>) {
    let route: &Route = named.1;
    let text = format!("the route {named} leads to {id}, which is not attached to {vpc}: it drops what it matches");
    let finding =
        Finding::warning("not-attached", &route.origin, text).help(format!("attach {vpc}, or delete the route"));
    findings.push(finding.related(origin, format!("{id} is here")));
}

#[cfg(test)]
mod tests;
