//! Rules of security groups, in their two forms: permissions of a group, which fan out to one rule for each peer, and the
//! flat list that has their ids.

use std::collections::HashMap;

use serde_json::Value;
use vpcemu_model::{Id, Kind, Peer, Ports, Protocol, SecurityGroupRule};

use super::network_acl::{icmp_type, port_range};
use super::peering::OVER;
use super::suffix;
use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// The rules of one group.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) ingress: Vec<SecurityGroupRule>,
    pub(super) egress: Vec<SecurityGroupRule>,
}

/// The flat list, by group.
pub(super) fn flat(dump: &Dump, notes: &mut Notes) -> Result<HashMap<Id, Rules>, Error> {
    let mut groups: HashMap<Id, Rules> = HashMap::new();
    for node in dump.nodes(Key::SecurityGroupRules) {
        let id = node.required_id("SecurityGroupRuleId")?;
        let peer = if let Some(block) = node.block("CidrIpv4")? {
            Peer::Cidr(block)
        } else if let Some(block) = node.block("CidrIpv6")? {
            Peer::Cidr(block)
        } else if let Some(list) = node.id("PrefixListId")? {
            Peer::PrefixList(list)
        } else if let Some(info) = node.object("ReferencedGroupInfo")?
            && let Some(group) = info.id("GroupId")?
        {
            if is_stale(&info, &id, notes)? {
                continue;
            }
            Peer::SecurityGroup(group)
        } else {
            notes.ignore(id, node.origin(), "the rule names no peer");
            continue;
        };
        let (protocol, ports) = protocol_and_ports(&node)?;
        let rules = groups.entry(node.required_id("GroupId")?).or_default();
        let list = if node.flag("IsEgress")?.unwrap_or(false) { &mut rules.egress } else { &mut rules.ingress };
        // A rule's id says more than its number in a list.
        let origin = if node.is_placed() { node.origin() } else { node.origin_as(id.as_str()) };
        list.push(SecurityGroupRule { id, protocol, ports, peer, origin });
    }
    Ok(groups)
}

/// The rules of a group's permissions, with made ids.
pub(super) fn permissions(node: &Node<'_>, group: &Id, notes: &mut Notes) -> Result<Rules, Error> {
    Ok(Rules {
        ingress: fan_out(node, "IpPermissions", group, "in", notes)?,
        egress: fan_out(node, "IpPermissionsEgress", group, "out", notes)?,
    })
}

/// Both forms of a group's rules as one: a rule of both has the id of the flat one. The permissions are all that a group
/// has: a flat rule that they lack is of another time, as in a file that was made before the rule was removed. A
/// configuration has each rule in one of the forms.
pub(super) fn merge(node: &Node<'_>, listed: Rules, flat: Rules, dump: &Dump, notes: &mut Notes) -> Rules {
    let mut stale = Vec::new();
    let mut lists = |field, listed, flat| {
        let (rules, extra) = merge_lists(listed, flat);
        let tells = node.map.get(field).is_some_and(Value::is_array) && !dump.is_of_configuration();
        stale.extend(extra.iter().filter(|_| tells).map(|rule| rule.id.clone()));
        rules.into_iter().chain(extra.into_iter().filter(|_| !tells)).collect()
    };
    let rules = Rules {
        ingress: lists("IpPermissions", listed.ingress, flat.ingress),
        egress: lists("IpPermissionsEgress", listed.egress, flat.egress),
    };
    for rule in stale {
        let text = format!("{rule} is in SecurityGroupRules and not among the permissions of its group: those count");
        notes.assume(codes::CONFLICTING_COPIES, &rule, text);
    }
    rules
}

/// The listed rules, and those flat ones that are none of them.
fn merge_lists(
    listed: Vec<SecurityGroupRule>,
    mut flat: Vec<SecurityGroupRule>,
) -> (Vec<SecurityGroupRule>, Vec<SecurityGroupRule>) {
    let mut rules = Vec::with_capacity(listed.len().max(flat.len()));
    for rule in listed {
        let same = flat
            .iter()
            .position(|other| other.protocol == rule.protocol && other.ports == rule.ports && other.peer == rule.peer);
        rules.push(match same {
            Some(at) => flat.remove(at),
            None => rule,
        });
    }
    (rules, flat)
}

fn fan_out(
    node: &Node<'_>,
    field: &str,
    group: &Id,
    direction: &str,
    notes: &mut Notes,
) -> Result<Vec<SecurityGroupRule>, Error> {
    let mut rules = Vec::new();
    for permission in node.list(field)? {
        let (protocol, ports) = protocol_and_ports(&permission)?;
        let mut push = |peer, node: &Node<'_>| {
            let name = format!("{}-{direction}-{}", suffix(group), rules.len() + 1);
            let id = Id::of(Kind::SecurityGroupRule, &name);
            rules.push(SecurityGroupRule { id, protocol, ports, peer, origin: node.origin() });
        };
        for range in permission.list("IpRanges")? {
            push(Peer::Cidr(range.block("CidrIp")?.ok_or_else(|| range.missing("CidrIp"))?), &range);
        }
        for range in permission.list("Ipv6Ranges")? {
            push(Peer::Cidr(range.block("CidrIpv6")?.ok_or_else(|| range.missing("CidrIpv6"))?), &range);
        }
        for list in permission.list("PrefixListIds")? {
            push(Peer::PrefixList(list.required_id("PrefixListId")?), &list);
        }
        for pair in permission.list("UserIdGroupPairs")? {
            match pair.id("GroupId")? {
                Some(_) if is_stale(&pair, group, notes)? => {}
                Some(peer) => push(Peer::SecurityGroup(peer), &pair),
                None => notes.ignore(group, pair.origin(), "the rule names a group without its GroupId"),
            }
        }
    }
    Ok(rules)
}

/// Whether a reference is to a group behind a peering connection that is no more: the rule stays listed in AWS, and matches
/// nothing (semantics 6.13).
fn is_stale(reference: &Node<'_>, what: &Id, notes: &mut Notes) -> Result<bool, Error> {
    let Some(state) = reference.state("PeeringStatus")?.filter(|state| OVER.contains(&state.as_str())) else {
        return Ok(false);
    };
    let peering = reference.text("VpcPeeringConnectionId")?.unwrap_or_else(|| "the peering connection".to_owned());
    let text = format!("the rule is stale: {peering} to the group that it names is {state}, so it matches nothing");
    notes.ignore(what, reference.origin(), text);
    Ok(true)
}

/// Ports count for TCP and UDP only, types for ICMP only (semantics 6.4, 6.5). ICMP fields that are not there are the
/// same as -1, so that both forms of a rule compare equal.
fn protocol_and_ports(node: &Node<'_>) -> Result<(Protocol, Ports), Error> {
    let protocol = node.text("IpProtocol")?.ok_or_else(|| node.missing("IpProtocol"))?;
    let protocol =
        Protocol::parse(&protocol).ok_or_else(|| node.invalid("IpProtocol", "a protocol's name or number, or -1"))?;
    let ports = match protocol {
        Protocol::TCP | Protocol::UDP => port_range(node, "FromPort", "ToPort")?,
        Protocol::ICMP | Protocol::ICMPV6 => icmp_type(node, "FromPort", "ToPort")?,
        _ => Ports::Any,
    };
    Ok((protocol, ports))
}
