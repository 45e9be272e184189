//! References to groups of other VPCs: they match only what comes by a connection that keeps who the sender is (6.11).

use std::collections::HashMap;

use super::Index;
use crate::finding::{Finding, Severity};
use crate::{
    AttachmentKind, Id, Origin, Peer, SecurityGroup, SecurityGroupRule, TransitGateway, TransitGatewayAttachment,
    VpcAttachment,
};

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let used_in = used_in(index);
    for group in &index.network.security_groups {
        for (rules, inbound) in [(&group.ingress, true), (&group.egress, false)] {
            for rule in rules {
                findings.extend(of_rule(index, &used_in, group, rule, inbound));
            }
        }
    }
}

/// The VPCs whose interfaces may carry each group: its own and those that it is associated with (6.14).
fn used_in<'a>(index: &Index<'a>) -> HashMap<&'a Id, Vec<&'a Id>> {
    let mut used_in: HashMap<&Id, Vec<&Id>> = HashMap::new();
    for group in &index.network.security_groups {
        used_in.entry(&group.id).or_default().extend(std::iter::once(&group.vpc).chain(&group.further_vpcs));
    }
    for interface in &index.network.interfaces {
        let Some(vpc) = index.vpc_of_interface(interface) else { continue };
        for group in &interface.security_groups {
            let vpcs = used_in.entry(group).or_default();
            if !vpcs.contains(&vpc) {
                vpcs.push(vpc);
            }
        }
    }
    used_in
}

fn of_rule(
    index: &Index<'_>,
    used_in: &HashMap<&Id, Vec<&Id>>,
    group: &SecurityGroup,
    rule: &SecurityGroupRule,
    inbound: bool,
) -> Option<Finding> {
    let Peer::SecurityGroup(peer) = &rule.peer else { return None };
    // What does not exist is another finding.
    let other = index.security_groups.get(peer)?;
    let (ours, theirs) = (used_in.get(&group.id)?, used_in.get(peer)?);
    let connected = |one: &Id, other: &Id| one == other || connection(index, one, other, inbound).is_ok();
    if ours.iter().any(|one| theirs.iter().any(|other| connected(one, other))) {
        return None;
    }
    let why = connection(index, &group.vpc, &other.vpc, inbound).err()?;
    let text = format!(
        "{} of {} in {} names the group {peer} of {}, and {}: the rule matches nothing",
        rule.id, group.id, group.vpc, other.vpc, why.text
    );
    let finding = Finding::new(Severity::Lint, "unreachable-group", &rule.origin, text);
    let finding = finding.help("name the addresses of the other VPC");
    Some(match why.place {
        Some((id, origin)) => finding.related(origin, format!("{id} is here")),
        None => finding,
    })
}

/// Why references do not work, and where that is said.
struct Why<'a> {
    text: String,
    place: Option<(&'a Id, &'a Origin)>,
}

/// Whether references from one VPC to another work: over a peering connection within a region, inbound ones over a transit
/// gateway too. Where both are there and neither does it, the reason is the peering connection's.
fn connection<'a>(index: &Index<'a>, one: &Id, other: &Id, inbound: bool) -> Result<(), Why<'a>> {
    let mut why = Why { text: "nothing connects the two".to_owned(), place: None };
    for gateway in &index.network.transit_gateways {
        let Some((from, to)) = attached(gateway, other).zip(attached(gateway, one)) else { continue };
        let gateway_place = (&gateway.id, &gateway.origin);
        let off = if gateway.security_group_referencing {
            let attachment = [from, to].into_iter().find(|(_, of)| !of.security_group_referencing);
            attachment.map(|(attachment, _)| (&attachment.id, &attachment.origin))
        } else {
            Some(gateway_place)
        };
        let text = match off {
            None if inbound => return Ok(()),
            None => format!("{} carries references of inbound rules only", gateway.id),
            Some((off, _)) => format!("security group referencing is off for {off}"),
        };
        why = Why { text, place: Some(off.unwrap_or(gateway_place)) };
    }
    for peering in &index.network.vpc_peering_connections {
        if peering.peer_of(one).is_none_or(|peer| peer.vpc != *other) {
            continue;
        }
        let text = match (peering.active, peering.inter_region) {
            (true, false) => return Ok(()),
            (true, true) => format!("{} between them crosses regions", peering.id),
            (false, _) => format!("{} between them is not active", peering.id),
        };
        why = Why { text, place: Some((&peering.id, &peering.origin)) };
    }
    Err(why)
}

/// How a VPC is attached to a transit gateway.
fn attached<'a>(gateway: &'a TransitGateway, vpc: &Id) -> Option<(&'a TransitGatewayAttachment, &'a VpcAttachment)> {
    gateway.attachments.iter().find_map(|attachment| match &attachment.kind {
        AttachmentKind::Vpc(of) if of.vpc == *vpc => Some((attachment, of)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::sample::{add_second_vpc, interface, network, peering, rule, transit_gateway, vpc_attachment};
    use crate::{Network, VpcPeeringConnection};

    /// What is said of an inbound and an outbound rule of sg-2 about sg-1, which is of the other VPC.
    fn found(connect: impl FnOnce(&mut Network)) -> Vec<String> {
        let mut network = network();
        add_second_vpc(&mut network);
        network.security_groups[1].ingress = vec![rule("sgr-in", Peer::SecurityGroup("sg-1".into()))];
        network.security_groups[1].egress = vec![rule("sgr-out", Peer::SecurityGroup("sg-1".into()))];
        connect(&mut network);
        let mut findings = Vec::new();
        check(&Index::new(&network), &mut findings);
        assert!(findings.iter().all(|it| (it.code, it.severity) == ("unreachable-group", Severity::Lint)));
        findings.into_iter().map(|finding| finding.text).collect()
    }

    fn said(rule: &str, because: &str) -> String {
        format!("{rule} of sg-2 in vpc-2 names the group sg-1 of vpc-1, and {because}: the rule matches nothing")
    }

    fn both(because: &str) -> [String; 2] {
        [said("sgr-in", because), said("sgr-out", because)]
    }

    #[test]
    fn groups_of_a_vpc_that_nothing_leads_to_match_nothing() {
        assert_eq!(found(|_| ()), both("nothing connects the two"));
        let elsewhere = |it: &mut Network| it.vpc_peering_connections = vec![peering("vpc-2", "vpc-9")];
        assert_eq!(found(elsewhere), both("nothing connects the two"));
    }

    #[test]
    fn a_peering_connection_within_a_region_keeps_references_both_ways() {
        let with = |peering: VpcPeeringConnection| found(|it| it.vpc_peering_connections = vec![peering]);
        assert_eq!(with(peering("vpc-1", "vpc-2")), [""; 0]);
        assert_eq!(with(peering("vpc-2", "vpc-1")), [""; 0]);
        let inter_region = VpcPeeringConnection { inter_region: true, ..peering("vpc-1", "vpc-2") };
        assert_eq!(with(inter_region), both("pcx-1 between them crosses regions"));
        let pending = VpcPeeringConnection { active: false, ..peering("vpc-1", "vpc-2") };
        assert_eq!(with(pending), both("pcx-1 between them is not active"));
    }

    #[test]
    fn a_transit_gateway_keeps_references_of_inbound_rules_where_all_say_so() {
        let with = |change: fn(&mut TransitGateway)| {
            found(|it| {
                let attachments = [("tgw-attach-1", "vpc-1"), ("tgw-attach-2", "vpc-2")];
                let attachments = attachments.map(|(id, vpc)| vpc_attachment(id, vpc, &[]));
                it.transit_gateways = vec![transit_gateway(attachments.to_vec())];
                change(&mut it.transit_gateways[0]);
            })
        };
        assert_eq!(with(|_| ()), [said("sgr-out", "tgw-1 carries references of inbound rules only")]);
        let gateway = both("security group referencing is off for tgw-1");
        assert_eq!(with(|it| it.security_group_referencing = false), gateway);
        assert_eq!(with(|it| switch_off(it, 0)), both("security group referencing is off for tgw-attach-1"));
        assert_eq!(with(|it| switch_off(it, 1)), both("security group referencing is off for tgw-attach-2"));
        let alone = with(|it| {
            it.attachments.pop();
        });
        assert_eq!(alone, both("nothing connects the two"));
    }

    fn switch_off(gateway: &mut TransitGateway, at: usize) {
        if let AttachmentKind::Vpc(of) = &mut gateway.attachments[at].kind {
            of.security_group_referencing = false;
        }
    }

    #[test]
    fn groups_that_are_used_in_one_vpc_reach_each_other_there() {
        let shared = |it: &mut Network| {
            let carries = interface("eni-shared", "subnet-2", [10, 0, 0, 77], None);
            it.interfaces.push(carries);
        };
        assert_eq!(found(shared), [""; 0]);
    }

    #[test]
    fn the_finding_shows_the_connection() {
        let mut network = network();
        add_second_vpc(&mut network);
        network.security_groups[1].ingress = vec![rule("sgr-in", Peer::SecurityGroup("sg-1".into()))];
        network.vpc_peering_connections = vec![peering("vpc-1", "vpc-2")];
        network.vpc_peering_connections[0].inter_region = true;
        let mut findings = Vec::new();
        check(&Index::new(&network), &mut findings);
        assert_eq!(findings[0].related.as_ref().map(|(_, label)| label.as_str()), Some("pcx-1 is here"));
        assert_eq!(findings[0].help.as_deref(), Some("name the addresses of the other VPC"));
    }
}
