//! Rules of security groups: a union, so that a rule is redundant if others admit all that it does (6.2).
//!
//! A reference to a group means its members, each with its own addresses and groups: another reference covers a member that
//! has that group too, and a block covers a member whose addresses all lie in it. No reference covers a block, since a packet
//! may come from an address in it and have lost its sender's identity (6.10).
//!
//! Rules are taken one after the other, the last first, and none that was found redundant counts for those after it: all of
//! them may be removed at once. Of two that say the same the earlier one stays.

use std::collections::{BTreeMap, HashMap, HashSet};

use vpcemu_model::{Id, Network, NetworkInterface, Peer, PortRange, Ports, Protocol, SecurityGroup, SecurityGroupRule};

use super::{Budget, Says, Shadow, Standing};
use crate::probe::blocks;
use crate::region::{Cell, EVERYWHERE, GivenUp, Region, Work, cells, range};

/// The standing of rules by their ids.
pub type GroupStandings = HashMap<Id, Standing>;

/// The standing of every rule of every security group.
pub fn group_standings(network: &Network, budget: &mut Budget) -> GroupStandings {
    let world = World::of(network);
    let mut standings = GroupStandings::new();
    let mut gone: HashSet<&Id> = HashSet::new();
    for (group, outbound, rule) in rules(network).into_iter().rev() {
        let standing = budget.proof(|work| world.standing(group, rule, outbound, &gone, work));
        let standing = standing.unwrap_or(Standing::Unproven);
        if matches!(standing, Standing::Shadowed(_)) {
            gone.insert(&rule.id);
        }
        standings.insert(rule.id.clone(), standing);
    }
    // Once more for those that are redundant, so that what is cited is what stays.
    for (group, outbound, rule) in rules(network) {
        if gone.contains(&rule.id)
            && let Ok(standing @ Standing::Shadowed(_)) =
                budget.proof(|work| world.standing(group, rule, outbound, &gone, work))
        {
            standings.insert(rule.id.clone(), standing);
        }
    }
    standings
}

/// Every rule with its group, and whether it is outbound.
fn rules(network: &Network) -> Vec<(&SecurityGroup, bool, &SecurityGroupRule)> {
    let mut all = Vec::new();
    for group in &network.security_groups {
        all.extend(group.ingress.iter().map(|rule| (group, false, rule)));
        all.extend(group.egress.iter().map(|rule| (group, true, rule)));
    }
    all
}

struct World<'a> {
    network: &'a Network,
    groups: HashMap<&'a Id, &'a SecurityGroup>,
    /// For each group, the members by the set of groups that they have, with the addresses of all of those.
    members: HashMap<&'a Id, BTreeMap<Vec<&'a Id>, Vec<(bool, (u128, u128))>>>,
    boxes: HashMap<&'a Id, Vec<Cell>>,
}

/// How a rule is covered in a set of groups.
enum Cover {
    /// By these.
    Whole(Vec<String>),
    /// By these, but for tracking.
    Tracked(Vec<String>),
    /// Not for this packet.
    Open(Standing),
}

impl<'a> World<'a> {
    fn of(network: &'a Network) -> Self {
        let mut groups = HashMap::new();
        for group in &network.security_groups {
            groups.entry(&group.id).or_insert(group);
        }
        let mut members: HashMap<_, BTreeMap<Vec<_>, Vec<_>>> = HashMap::new();
        for interface in &network.interfaces {
            let mut set: Vec<&Id> = interface.security_groups.iter().filter(|id| groups.contains_key(id)).collect();
            set.sort_unstable();
            set.dedup();
            for group in &set {
                members.entry(*group).or_default().entry(set.clone()).or_default().extend(addresses(interface));
            }
        }
        let rules = network.security_groups.iter().flat_map(|group| group.ingress.iter().chain(&group.egress));
        let boxes = rules.map(|rule| {
            let addresses: Vec<_> = match &rule.peer {
                Peer::Cidr(net) => vec![range(net)],
                Peer::PrefixList(list) => blocks(network, list).iter().map(range).collect(),
                // Of whoever has the group.
                Peer::SecurityGroup(_) => EVERYWHERE.to_vec(),
            };
            (&rule.id, cells(rule.protocol, rule.ports, &addresses))
        });
        let boxes = boxes.collect();
        Self { network, groups, members, boxes }
    }

    fn standing(
        &self,
        group: &'a SecurityGroup,
        rule: &SecurityGroupRule,
        outbound: bool,
        gone: &HashSet<&Id>,
        work: &mut Work,
    ) -> Result<Standing, GivenUp> {
        if let Some(why) = self.matches_nothing(rule) {
            return Ok(Standing::MatchesNothing(why));
        }
        let own = vec![&group.id];
        let mut cover = self.cover(rule, &own, outbound, gone, work)?;
        if let (Cover::Open(_) | Cover::Tracked(_), Some(sets)) = (&cover, self.members.get(&group.id)) {
            // Then by the groups that every interface has besides.
            let (mut cited, mut tracked) = (Vec::new(), false);
            let mut open = None;
            for set in sets.keys() {
                match self.cover(rule, set, outbound, gone, work)? {
                    Cover::Whole(by) => cited.extend(by),
                    Cover::Tracked(by) => {
                        cited.extend(by);
                        tracked = true;
                    }
                    Cover::Open(standing) => {
                        open = Some(standing);
                        break;
                    }
                }
            }
            let mut seen = HashSet::new();
            cited.retain(|by: &String| seen.insert(by.clone()));
            cover = match open {
                Some(standing) => Cover::Open(standing),
                None if tracked => Cover::Tracked(cited),
                None => Cover::Whole(cited),
            };
        }
        Ok(match cover {
            Cover::Whole(by) => Standing::Shadowed(Shadow { by, says: Says::Same }),
            Cover::Tracked(by) => Standing::OnlyTracks(by),
            Cover::Open(standing) => standing,
        })
    }

    fn matches_nothing(&self, rule: &SecurityGroupRule) -> Option<String> {
        match &rule.peer {
            Peer::SecurityGroup(id) if !self.groups.contains_key(id) => Some(format!("{id} does not exist (6.13)")),
            Peer::SecurityGroup(id) if !self.members.contains_key(id) => Some(format!("no interface has {id}")),
            Peer::PrefixList(id) if blocks(self.network, id).is_empty() => Some(format!("{id} has no blocks")),
            _ if self.boxes[&rule.id].is_empty() => Some("its range of ports is empty".to_owned()),
            _ => None,
        }
    }

    /// How the other rules of a set of groups cover a rule.
    fn cover(
        &self,
        rule: &SecurityGroupRule,
        set: &[&Id],
        outbound: bool,
        gone: &HashSet<&Id>,
        work: &mut Work,
    ) -> Result<Cover, GivenUp> {
        let of_group =
            |id: &&Id| self.groups.get(*id).map(|group| if outbound { &group.egress } else { &group.ingress });
        let others = set.iter().filter_map(of_group).flatten();
        let others: Vec<_> = others.filter(|other| other.id != rule.id && !gone.contains(&other.id)).collect();
        let mut cited = Vec::new();
        match &rule.peer {
            Peer::Cidr(_) | Peer::PrefixList(_) => {
                let blocks = others.iter().filter(|other| !matches!(other.peer, Peer::SecurityGroup(_))).copied();
                let rest = self.rest(self.boxes[&rule.id].clone(), blocks, &mut cited, work)?;
                if let Some(cell) = rest.cells().first() {
                    return Ok(Cover::Open(Standing::Decides(cell.probe())));
                }
            }
            Peer::SecurityGroup(group) => {
                for (groups, addresses) in &self.members[group] {
                    let meets = |other: &&&SecurityGroupRule| match &other.peer {
                        Peer::SecurityGroup(group) => groups.contains(&group),
                        Peer::Cidr(_) | Peer::PrefixList(_) => true,
                    };
                    let region = cells(rule.protocol, rule.ports, addresses);
                    let rest = self.rest(region, others.iter().filter(meets).copied(), &mut cited, work)?;
                    if let Some(cell) = rest.cells().first() {
                        let groups = groups.iter().map(|id| (*id).clone()).collect();
                        let probe = crate::Probe { groups, ..cell.probe() };
                        return Ok(Cover::Open(Standing::Decides(probe)));
                    }
                }
            }
        }
        let mut names: Vec<String> = Vec::new();
        for other in cited {
            if !names.iter().any(|name| name == other.as_str()) {
                names.push(other.to_string());
            }
        }
        Ok(if self.keeps_open(rule, &others, work)? { Cover::Whole(names) } else { Cover::Tracked(names) })
    }

    /// What rules leave of boxes; those that take something away are cited. One rule that does it alone is enough.
    fn rest<'r>(
        &self,
        region: Vec<Cell>,
        rules: impl Iterator<Item = &'r SecurityGroupRule> + Clone,
        cited: &mut Vec<&'r Id>,
        work: &mut Work,
    ) -> Result<Region, GivenUp> {
        for rule in rules.clone() {
            let mut alone = Region::new(region.clone());
            alone.subtract(&self.boxes[&rule.id], work)?;
            if alone.is_empty() {
                cited.push(&rule.id);
                return Ok(alone);
            }
        }
        let mut rest = Region::new(region);
        for rule in rules {
            if rest.subtract(&self.boxes[&rule.id], work)? {
                cited.push(&rule.id);
            }
            if rest.is_empty() {
                break;
            }
        }
        Ok(rest)
    }

    /// Whether the flows that go untracked because of a rule do so without it (6.15).
    fn keeps_open(
        &self,
        rule: &SecurityGroupRule,
        others: &[&SecurityGroupRule],
        work: &mut Work,
    ) -> Result<bool, GivenUp> {
        if !is_for_everyone(rule) {
            return Ok(true);
        }
        let open = others.iter().filter(|other| is_for_everyone(other)).copied();
        let rest = self.rest(self.boxes[&rule.id].clone(), open.clone(), &mut Vec::new(), work)?;
        let same = |protocol| {
            let family = |other: &SecurityGroupRule| matches!(&other.peer, Peer::Cidr(net) if net.addr().is_ipv4());
            let too = |other: &SecurityGroupRule| opens(other, protocol) && family(other) == family(rule);
            !opens(rule, protocol) || open.clone().any(too)
        };
        Ok(rest.is_empty() && same(Protocol::TCP) && same(Protocol::UDP))
    }
}

/// A prefix list with all addresses does not count (6.15).
fn is_for_everyone(rule: &SecurityGroupRule) -> bool {
    matches!(&rule.peer, Peer::Cidr(net) if net.prefix_len() == 0)
}

/// Whether a rule for everyone is about every port of a protocol.
fn opens(rule: &SecurityGroupRule, protocol: Protocol) -> bool {
    match (rule.protocol, rule.ports) {
        (Protocol::All, _) => true,
        (own, Ports::Any | Ports::Range(PortRange::ALL)) => own == protocol,
        _ => false,
    }
}

fn addresses(interface: &NetworkInterface) -> impl Iterator<Item = (bool, (u128, u128))> {
    let single = interface.addresses().map(|address| range(&address.into()));
    single.chain(interface.prefixes.iter().map(range))
}
