//! Every rule of a network, and how the engine's steps name it.

use std::collections::HashMap;

use ipnet::IpNet;
use vpcemu_dataplane::Timeline;
use vpcemu_dataplane::index::{AclIx, RuleIx, TableIx};
use vpcemu_dataplane::outcome::Direction;
use vpcemu_model::{AclAction, AclEntry, Id, Network, Origin, Peer, Ports, Protocol, SecurityGroupRule};

use crate::row::{Kind, RuleName};
use crate::shadow::Tables;

/// A rule by its number in the catalog.
pub(crate) type RuleNumber = u32;

/// Every rule, in the order of the network.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) rules: Vec<Listed>,
    groups: HashMap<RuleIx, RuleNumber>,
    acls: HashMap<(AclIx, Direction, Option<u16>), RuleNumber>,
    routes: HashMap<(TableIx, IpNet), RuleNumber>,
}

/// A rule of the catalog.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) kind: Kind,
    /// The group, network ACL or route table.
    pub(crate) owner: String,
    pub(crate) owner_name: Option<String>,
    pub(crate) rule: RuleName,
    pub(crate) direction: Option<&'static str>,
    pub(crate) text: String,
    pub(crate) origin: Origin,
    /// Nobody can remove it.
    pub(crate) fixed: bool,
    /// Where it is in its owner's list of that direction; none of the implicit deny.
    pub(crate) position: Option<usize>,
    /// The group that it is about, of a rule of a security group.
    pub(crate) reference: Option<Id>,
}

impl Catalog {
    pub(crate) fn of(network: &Network, timeline: &Timeline) -> Self {
        let (rules, groups, acls, routes) = (Vec::new(), HashMap::new(), HashMap::new(), HashMap::new());
        let mut catalog = Self { rules, groups, acls, routes };
        catalog.security_groups(network, timeline);
        catalog.network_acls(network, timeline);
        catalog.route_tables(network, timeline);
        catalog
    }

    pub(crate) fn of_group(&self, rule: RuleIx) -> Option<RuleNumber> {
        self.groups.get(&rule).copied()
    }

    /// An entry, or the implicit deny.
    pub(crate) fn of_acl(&self, acl: AclIx, direction: Direction, number: Option<u16>) -> Option<RuleNumber> {
        self.acls.get(&(acl, direction, number)).copied()
    }

    pub(crate) fn of_route(&self, table: TableIx, net: IpNet) -> Option<RuleNumber> {
        self.routes.get(&(table, net)).copied()
    }

    fn add(&mut self, rule: Listed) -> RuleNumber {
        self.rules.push(rule);
        self.rules.len() as RuleNumber - 1
    }

    fn security_groups(&mut self, network: &Network, timeline: &Timeline) {
        for group in &network.security_groups {
            for (direction, rules) in directions(&group.ingress, &group.egress) {
                for (position, rule) in rules.iter().enumerate() {
                    let number = self.add(Listed {
                        kind: Kind::SecurityGroup,
                        owner: group.id.to_string(),
                        owner_name: group.name.clone(),
                        rule: RuleName::Text(rule.id.to_string()),
                        direction: Some(direction.name()),
                        text: of_group_rule(rule, direction),
                        origin: rule.origin.clone(),
                        fixed: false,
                        position: Some(position),
                        reference: match &rule.peer {
                            Peer::SecurityGroup(id) => Some(id.clone()),
                            Peer::Cidr(_) | Peer::PrefixList(_) => None,
                        },
                    });
                    if let Some(index) = timeline.registry().rules.find(&rule.id) {
                        self.groups.insert(index, number);
                    }
                }
            }
        }
    }

    fn network_acls(&mut self, network: &Network, timeline: &Timeline) {
        for acl in &network.network_acls {
            let index = timeline.registry().acls.find(&acl.id);
            for (direction, entries) in directions(&acl.ingress, &acl.egress) {
                let listed = |rule, text, origin, fixed, position| Listed {
                    kind: Kind::NetworkAcl,
                    owner: acl.id.to_string(),
                    owner_name: acl.name.clone(),
                    rule,
                    direction: Some(direction.name()),
                    text,
                    origin,
                    fixed,
                    position,
                    reference: None,
                };
                let mut order: Vec<_> = entries.iter().enumerate().collect();
                order.sort_by_key(|(_, entry)| entry.number);
                for (position, entry) in order {
                    let (name, text) = (RuleName::Number(entry.number), of_entry(entry, direction));
                    let number = self.add(listed(name, text, entry.origin.clone(), false, Some(position)));
                    let key = index.map(|index| (index, direction, Some(entry.number)));
                    key.map(|key| self.acls.entry(key).or_insert(number));
                }
                let (name, text) = (RuleName::Text("*".to_owned()), "deny everything else".to_owned());
                let number = self.add(listed(name, text, Origin::implicit(), true, None));
                index.map(|index| self.acls.insert((index, direction, None), number));
            }
        }
    }

    fn route_tables(&mut self, network: &Network, timeline: &Timeline) {
        for table in Tables::of(network, timeline).0 {
            let first = self.rules.len();
            for (position, row) in table.rows.iter().enumerate() {
                self.add(Listed {
                    kind: Kind::Route,
                    owner: table.id.to_string(),
                    owner_name: table.name.map(str::to_owned),
                    rule: RuleName::Text(row.name()),
                    direction: None,
                    text: row.text(),
                    origin: row.origin.clone(),
                    fixed: row.fixed,
                    position: Some(position),
                    reference: None,
                });
            }
            let Some(index) = timeline.registry().tables.find(table.id) else { continue };
            let numbers = table.winners.iter().map(|(net, row)| ((index, *net), (first + row) as RuleNumber));
            self.routes.extend(numbers);
        }
    }
}

fn directions<'a, T>(ingress: &'a [T], egress: &'a [T]) -> [(Direction, &'a [T]); 2] {
    [(Direction::Ingress, ingress), (Direction::Egress, egress)]
}

/// `tcp 443 from 0.0.0.0/0`.
pub(crate) fn of_group_rule(rule: &SecurityGroupRule, direction: Direction) -> String {
    let peer = match &rule.peer {
        Peer::Cidr(net) => net.to_string(),
        Peer::PrefixList(id) | Peer::SecurityGroup(id) => id.to_string(),
    };
    format!("{} {} {peer}", transport(rule.protocol, rule.ports), word(direction))
}

/// `deny tcp 22 from 0.0.0.0/0`.
fn of_entry(entry: &AclEntry, direction: Direction) -> String {
    let action = match entry.action {
        AclAction::Allow => "allow",
        AclAction::Deny => "deny",
    };
    format!("{action} {} {} {}", transport(entry.protocol, entry.ports), word(direction), entry.cidr)
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    }
}

/// `tcp 443`, `icmp type 8 code 0`, `all`.
fn transport(protocol: Protocol, ports: Ports) -> String {
    match (protocol, ports) {
        (Protocol::All, _) | (_, Ports::Any) => protocol.to_string(),
        _ => format!("{protocol} {ports}"),
    }
}
