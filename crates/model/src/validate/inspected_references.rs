//! References to groups whose members are reached by a middlebox: what has passed one is not known by its group any more,
//! even with its own address (6.10).

use std::collections::{HashMap, HashSet};

use ipnet::IpNet;

use super::Index;
use super::routing::{Named, blocks};
use crate::finding::{Finding, Severity};
use crate::{Id, NetworkInterface, Peer, Route, RouteTable, SecurityGroup, SecurityGroupRule, Target};

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    // Most networks have no such routes.
    let inspecting: HashSet<&Id> =
        index.network.route_tables.iter().filter(|table| inspects(index, table)).map(|table| &table.id).collect();
    if inspecting.is_empty() {
        return;
    }
    let members = members(index);
    for group in &index.network.security_groups {
        for (rules, inbound) in [(&group.ingress, true), (&group.egress, false)] {
            for rule in rules {
                findings.extend(of_rule(index, &inspecting, &members, group, rule, inbound));
            }
        }
    }
}

/// One member of each group in each subnet: routes are to whole subnets.
fn members<'a>(index: &Index<'a>) -> HashMap<&'a Id, Vec<&'a NetworkInterface>> {
    let mut members: HashMap<&Id, Vec<&NetworkInterface>> = HashMap::new();
    let mut seen = HashSet::new();
    for interface in &index.network.interfaces {
        for group in &interface.security_groups {
            if seen.insert((group, &interface.subnet)) {
                members.entry(group).or_default().push(interface);
            }
        }
    }
    members
}

/// Whether a table leads a part of its VPC to a middlebox.
fn inspects(index: &Index<'_>, table: &RouteTable) -> bool {
    let Some(vpc) = index.vpcs.get(&table.vpc) else { return false };
    let inside = |block: &IpNet| vpc.cidrs.iter().any(|around| around.contains(block));
    table.routes.iter().any(|it| is_middlebox(&it.target) && blocks(index, &it.destination).iter().any(inside))
}

fn is_middlebox(target: &Target) -> bool {
    matches!(target, Target::NetworkInterface(_) | Target::VpcEndpoint(_) | Target::NatGateway(_))
}

fn of_rule(
    index: &Index<'_>,
    inspecting: &HashSet<&Id>,
    members: &HashMap<&Id, Vec<&NetworkInterface>>,
    group: &SecurityGroup,
    rule: &SecurityGroupRule,
    inbound: bool,
) -> Option<Finding> {
    let Peer::SecurityGroup(peer) = &rule.peer else { return None };
    let (ours, theirs) = (members.get(&group.id)?, members.get(peer)?);
    let (senders, receivers) = if inbound { (theirs, ours) } else { (ours, theirs) };
    let inspected = |from: &NetworkInterface, to: &NetworkInterface| inspected(index, inspecting, from, to);
    let found =
        senders.iter().find_map(|from| receivers.iter().find_map(|to| Some((*from, *to, inspected(from, to)?))));
    let (from, to, (table, route)) = found?;
    let middlebox = route.target.id()?;
    let text = format!(
        "{} of {} names the group {peer}, and {middlebox} is between {} and {}: what has passed it matches no group",
        rule.id, group.id, from.id, to.id
    );
    let other = if inbound { from } else { to };
    let finding = Finding::new(Severity::Lint, "inspected-group", &rule.origin, text);
    let finding = finding.help(format!("name the blocks of {} instead", other.subnet));
    Some(finding.related(&route.origin, format!("the route {}", Named(table, route))))
}

/// The route to a middlebox that packets between two interfaces of a VPC take.
fn inspected<'a>(
    index: &Index<'a>,
    inspecting: &HashSet<&Id>,
    from: &NetworkInterface,
    to: &NetworkInterface,
) -> Option<(&'a Id, &'a Route)> {
    // Nothing gets between two of one subnet (1.20).
    if from.subnet == to.subnet || index.vpc_of_interface(from) != index.vpc_of_interface(to) {
        return None;
    }
    let table = index.subnets.get(&from.subnet).map(|subnet| &subnet.route_table)?;
    let table = index.route_tables.get(table).filter(|table| inspecting.contains(&table.id))?;
    let address = to.addresses().next()?;
    let longest = |route: &Route| {
        let around = blocks(index, &route.destination).iter().filter(|block| block.contains(&address));
        around.map(IpNet::prefix_len).max()
    };
    let matching = table.routes.iter().filter_map(|route| Some((longest(route)?, route)));
    let route = matching.max_by_key(|(length, _)| *length).map(|(_, route)| route)?;
    let itself = [&from.id, &to.id].into_iter().any(|end| route.target == Target::NetworkInterface(end.clone()));
    (route.active && is_middlebox(&route.target) && !itself).then_some((&table.id, route))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Network;
    use crate::validate::sample::{codes, interface, network, route};
    use crate::validate::validate;

    /// What goes from the private subnet to the public one passes a firewall, which stands in the latter.
    fn behind_firewall() -> Network {
        let mut network = network();
        let firewall = interface("eni-fw", "subnet-a", [10, 0, 0, 30], Some([198, 51, 100, 30]));
        network.interfaces.push(NetworkInterface { source_dest_check: false, ..firewall });
        let to = Target::NetworkInterface("eni-fw".into());
        network.route_tables[1].routes.push(route("10.0.0.0/24", to));
        network
    }

    #[test]
    fn what_passes_a_middlebox_matches_no_group() {
        let network = behind_firewall();
        let findings = validate(&network);
        let texts: Vec<_> = findings.iter().map(|it| (it.code, it.text.as_str(), it.help.as_deref())).collect();
        let expected = "sgr-1 of sg-1 names the group sg-1, and eni-fw is between eni-app and eni-web: \
                        what has passed it matches no group";
        assert_eq!(texts, [("inspected-group", expected, Some("name the blocks of subnet-b instead"))]);
    }

    #[test]
    fn other_ways_keep_who_the_sender_is() {
        // To the firewall itself, by a dead route, and to another part of the subnet.
        let with = |change: fn(&mut Network)| {
            let mut network = behind_firewall();
            change(&mut network);
            codes(&network)
        };
        assert_eq!(with(|it| it.interfaces.retain(|it| it.id.as_str() != "eni-web")), [""; 0]);
        assert_eq!(with(|it| it.route_tables[1].routes.last_mut().unwrap().active = false), ["blackhole"]);
        assert_eq!(with(|it| it.interfaces[1].security_groups = vec!["sg-other".into()])[..1], ["unknown-reference"]);
        let by_block =
            |it: &mut Network| it.security_groups[0].ingress[0].peer = Peer::Cidr("10.0.0.0/16".parse().unwrap());
        assert_eq!(with(by_block), [""; 0]);
    }
}
