//! Rules of security groups: a union, so that a rule is redundant if others admit all that it does (6.2).
//!
//! A reference to a group means its members, each with its own addresses and groups: another reference covers a member that
//! has that group too, and a block covers a member whose addresses all lie in it. No reference covers a block, since a packet
//! may come from an address in it and have lost its sender's identity (6.10).
//!
//! Rules are taken one after the other, the last first, and none that was found redundant counts for those after it: all of
//! them may be removed at once. Of two that say the same the earlier one stays.

use std::collections::{BTreeMap, HashMap, HashSet};

use vpcemu_model::{Id, Network, NetworkInterface, Peer, PortRange, Ports, Protocol, SecurityGroupRule};

use super::{Budget, Says, Shadow, Standing};
use crate::probe::blocks;
use crate::region::{Cell, EVERYWHERE, GivenUp, Region, Stretch, Work, cells, range};
use crate::row::RuleName;

/// The standing of rules by their ids.
pub type GroupStandings = HashMap<Id, Standing>;

/// The standing of every rule of every security group.
pub fn group_standings(network: &Network, budget: &mut Budget) -> GroupStandings {
    let mut world = World::of(network);
    let mut standings = GroupStandings::new();
    for at in (0..world.rules.len()).rev() {
        let standing = budget.proof(|work| world.standing(at, work)).unwrap_or(Standing::Unproven);
        world.rules[at].gone = matches!(standing, Standing::Shadowed(_));
        standings.insert(world.rules[at].rule.id.clone(), standing);
    }
    // Once more for those that are redundant, so that what is cited is what stays.
    for (at, known) in world.rules.iter().enumerate().filter(|(_, known)| known.gone) {
        if let Ok(standing @ Standing::Shadowed(_)) = budget.proof(|work| world.standing(at, work)) {
            standings.insert(known.rule.id.clone(), standing);
        }
    }
    standings
}

/// Addresses by the set of groups that those who have them have.
type Members<'a> = BTreeMap<Vec<&'a Id>, Vec<Stretch>>;

struct World<'a> {
    network: &'a Network,
    rules: Vec<Known<'a>>,
    /// Inbound and outbound rules of each group, by their places.
    groups: HashMap<&'a Id, [Vec<usize>; 2]>,
    /// By group.
    members: HashMap<&'a Id, Members<'a>>,
}

struct Known<'a> {
    group: &'a Id,
    outbound: bool,
    rule: &'a SecurityGroupRule,
    boxes: Vec<Cell>,
    /// It was found redundant.
    gone: bool,
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
        let (mut rules, mut groups) = (Vec::new(), HashMap::new());
        for group in &network.security_groups {
            let mut add = |own: &'a [SecurityGroupRule], outbound| {
                let first = rules.len();
                rules.extend(own.iter().map(|rule| {
                    let boxes = cells(rule.protocol, rule.ports, &peers(network, &rule.peer));
                    Known { group: &group.id, outbound, rule, boxes, gone: false }
                }));
                (first..rules.len()).collect()
            };
            let both = [add(&group.ingress, false), add(&group.egress, true)];
            groups.entry(&group.id).or_insert(both);
        }
        let mut members: HashMap<_, Members<'_>> = HashMap::new();
        for interface in &network.interfaces {
            let mut set: Vec<&Id> = interface.security_groups.iter().filter(|id| groups.contains_key(id)).collect();
            set.sort_unstable();
            set.dedup();
            for group in &set {
                members.entry(*group).or_default().entry(set.clone()).or_default().extend(addresses(interface));
            }
        }
        Self { network, rules, groups, members }
    }

    fn standing(&self, at: usize, work: &mut Work) -> Result<Standing, GivenUp> {
        let group = self.rules[at].group;
        if let Some(why) = self.matches_nothing(at) {
            return Ok(Standing::MatchesNothing(why));
        }
        let mut cover = self.cover(at, &[group], work)?;
        if let (Cover::Open(_) | Cover::Tracked(_), Some(sets)) = (&cover, self.members.get(group)) {
            // Then by the groups that every interface has besides.
            let (mut cited, mut tracked) = (Vec::new(), false);
            let mut open = None;
            for set in sets.keys() {
                match self.cover(at, set, work)? {
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
            Cover::Whole(by) => {
                Standing::Shadowed(Shadow { by: by.into_iter().map(RuleName::Text).collect(), says: Says::Same })
            }
            Cover::Tracked(by) => Standing::OnlyTracks(by),
            Cover::Open(standing) => standing,
        })
    }

    fn matches_nothing(&self, at: usize) -> Option<String> {
        match &self.rules[at].rule.peer {
            Peer::SecurityGroup(id) if !self.groups.contains_key(id) => Some(format!("{id} does not exist (6.13)")),
            Peer::SecurityGroup(id) if !self.members.contains_key(id) => Some(format!("no interface has {id}")),
            Peer::PrefixList(id) if blocks(self.network, id).is_empty() => Some(format!("{id} has no blocks")),
            _ if self.rules[at].boxes.is_empty() => Some("its range of ports is empty".to_owned()),
            _ => None,
        }
    }

    /// How the other rules of a set of groups cover a rule.
    fn cover(&self, at: usize, set: &[&Id], work: &mut Work) -> Result<Cover, GivenUp> {
        let Known { rule, outbound, boxes, .. } = &self.rules[at];
        let of_group = |id: &&Id| self.groups.get(*id).map(|both| &both[usize::from(*outbound)]);
        let others = set.iter().filter_map(of_group).flatten().filter(|other| **other != at);
        let others: Vec<&Known<'_>> = others.map(|other| &self.rules[*other]).filter(|other| !other.gone).collect();
        let mut cited = Vec::new();
        match &rule.peer {
            Peer::Cidr(_) | Peer::PrefixList(_) => {
                let blocks = others.iter().filter(|other| !matches!(other.rule.peer, Peer::SecurityGroup(_))).copied();
                let rest = rest(boxes.clone(), blocks, &mut cited, work)?;
                if let Some(cell) = rest.cells().first() {
                    return Ok(Cover::Open(Standing::Decides(cell.probe())));
                }
            }
            Peer::SecurityGroup(group) => {
                for (groups, addresses) in &self.members[group] {
                    let meets = |other: &&&Known<'_>| match &other.rule.peer {
                        Peer::SecurityGroup(group) => groups.contains(&group),
                        Peer::Cidr(_) | Peer::PrefixList(_) => true,
                    };
                    let region = cells(rule.protocol, rule.ports, addresses);
                    let rest = rest(region, others.iter().filter(meets).copied(), &mut cited, work)?;
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
        Ok(if keeps_open(&self.rules[at], &others, work)? { Cover::Whole(names) } else { Cover::Tracked(names) })
    }
}

/// What rules leave of boxes; those that take something away are cited. One rule that does it alone is enough.
fn rest<'a>(
    region: Vec<Cell>,
    rules: impl Iterator<Item = &'a Known<'a>> + Clone,
    cited: &mut Vec<&'a Id>,
    work: &mut Work,
) -> Result<Region, GivenUp> {
    let mut rest = Region::new(region);
    for known in rules.clone() {
        if rest.is_within(&known.boxes, work)? {
            cited.push(&known.rule.id);
            return Ok(Region::default());
        }
    }
    for known in rules {
        if rest.subtract(&known.boxes, work)? {
            cited.push(&known.rule.id);
        }
        if rest.is_empty() {
            break;
        }
    }
    Ok(rest)
}

/// Whether the flows that go untracked because of a rule do so without it (6.15).
fn keeps_open(known: &Known<'_>, others: &[&Known<'_>], work: &mut Work) -> Result<bool, GivenUp> {
    let rule = known.rule;
    if !is_for_everyone(rule) {
        return Ok(true);
    }
    let open = others.iter().copied().filter(|other| is_for_everyone(other.rule));
    let family = |other: &SecurityGroupRule| matches!(&other.peer, Peer::Cidr(net) if net.addr().is_ipv4());
    let same = |protocol| {
        let too = |other: &Known<'_>| opens(other.rule, protocol) && family(other.rule) == family(rule);
        !opens(rule, protocol) || open.clone().any(too)
    };
    let rest = rest(known.boxes.clone(), open.clone(), &mut Vec::new(), work)?;
    Ok(rest.is_empty() && same(Protocol::TCP) && same(Protocol::UDP))
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

/// Where a rule's peers are; of a reference, everywhere that a member may be.
fn peers(network: &Network, peer: &Peer) -> Vec<Stretch> {
    match peer {
        Peer::Cidr(net) => vec![range(net)],
        Peer::PrefixList(list) => blocks(network, list).iter().map(range).collect(),
        Peer::SecurityGroup(_) => EVERYWHERE.to_vec(),
    }
}

fn addresses(interface: &NetworkInterface) -> impl Iterator<Item = Stretch> {
    let single = interface.addresses().map(|address| range(&address.into()));
    single.chain(interface.prefixes.iter().map(range))
}
