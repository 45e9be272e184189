//! Network ACLs that let connections open and not be answered: they keep no state, so answers need entries of their own
//! (7.8).
//!
//! Of each entry that allows a service, what answers it is looked up in the other direction: from where the entry is about,
//! at addresses that the subnet's routes lead to, to the ports that clients take. Nothing is said about what is denied on
//! purpose, by an entry that singles out a part of what the other one allows.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::blocks::{is_v4, overlap};
use super::edge_routes::NOT_PUBLIC;
use super::routing::blocks;
use super::{Index, interfaces};
use crate::finding::{Finding, Severity};
use crate::{AclAction, AclEntry, Connectivity, Id, NetworkAcl, PortRange, Ports, Protocol, Route, Subnet, Target};

/// What Linux takes for its own end of connections, which most clients are; Windows takes a part of it and what is above.
const CLIENT_PORTS: PortRange = PortRange { from: 32768, to: 60999 };
/// What NAT gateways take, and other translators (4.12).
const TRANSLATED_PORTS: PortRange = PortRange { from: 1024, to: u16::MAX };
/// A network ACL with more entries is not looked at: each is compared with all of the other direction, and the largest quota
/// is 40 (7.15).
const SEARCHED: usize = 200;
/// An entry that denies fewer ports keeps a service from being reached rather than answers from arriving: that a client takes
/// one of them is rare.
const MANY_PORTS: u16 = 1000;

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let mut subnets: HashMap<&Id, Vec<&Subnet>> = HashMap::new();
    for subnet in &index.network.subnets {
        subnets.entry(&subnet.network_acl).or_default().push(subnet);
    }
    let translating: HashSet<&Id> = index
        .network
        .nat_gateways
        .iter()
        .filter(|gateway| gateway.available && gateway.connectivity == Connectivity::Public)
        .filter_map(|gateway| gateway.subnet())
        .collect();
    for acl in &index.network.network_acls {
        if acl.ingress.len().max(acl.egress.len()) > SEARCHED {
            continue;
        }
        let mut places: Vec<Place<'_>> = Vec::new();
        for subnet in subnets.get(&acl.id).into_iter().flatten() {
            let place = Place { index, subnet, translates: translating.contains(&subnet.id) };
            // Subnets of one table are alike, but for themselves, which no entry is asked about.
            if !places.iter().any(|it| it.is_like(&place)) {
                places.push(place);
            }
        }
        of_acl(acl, &places, findings);
    }
}

fn of_acl<'a>(acl: &'a NetworkAcl, places: &[Place<'a>], findings: &mut Vec<Finding>) {
    let (ingress, egress) = (Entries::of(&acl.ingress), Entries::of(&acl.egress));
    let unanswered = |inbound: bool, entry: &'a AclEntry, mirrored: bool| {
        let (own, other) = if inbound { (&ingress, &egress) } else { (&egress, &ingress) };
        places.iter().find_map(|place| place.unanswered(own, other, entry, inbound, mirrored))
    };
    for (inbound, entries) in [(true, &ingress), (false, &egress)] {
        for entry in entries.allowing() {
            // Whoever takes the port of the service for that of its answers writes the same entry both ways.
            let mirrors = |it: &AclEntry| (it.protocol, it.ports, it.cidr) == (entry.protocol, entry.ports, entry.cidr);
            let mirrored = !inbound && ingress.allowing().any(mirrors);
            if let Some(unanswered) = unanswered(inbound, entry, mirrored) {
                findings.push(unanswered.finding(acl, entry, inbound));
            }
        }
    }
}

/// The entries of one direction, in the order in which they are asked.
struct Entries<'a>(Vec<&'a AclEntry>);

impl<'a> Entries<'a> {
    fn of(entries: &'a [AclEntry]) -> Self {
        let mut entries: Vec<_> = entries.iter().collect();
        entries.sort_by_key(|entry| entry.number);
        Self(entries)
    }

    fn allowing(&self) -> impl Iterator<Item = &'a AclEntry> {
        self.0.iter().copied().filter(|entry| entry.action == AclAction::Allow)
    }

    fn about(&self, protocol: Protocol, address: IpAddr) -> impl Iterator<Item = (&'a AclEntry, PortRange)> {
        self.0.iter().copied().filter_map(move |entry| {
            let protocol = entry.protocol == Protocol::All || entry.protocol == protocol;
            // Ports mean nothing beside all protocols (7.7).
            let range = match entry.ports {
                Ports::Range(range) if entry.protocol != Protocol::All => range,
                _ => PortRange::ALL,
            };
            (protocol && entry.cidr.contains(&address)).then_some((entry, range))
        })
    }

    /// The entry that decides.
    fn first(&self, protocol: Protocol, address: IpAddr, port: u16) -> Option<&'a AclEntry> {
        self.about(protocol, address).find(|(_, range)| range.contains(port)).map(|(entry, _)| entry)
    }

    /// The first of `ports` that are denied for an address of `around`, and the entry that does it, if one is written.
    fn denied(
        &self,
        protocol: Protocol,
        address: IpAddr,
        ports: PortRange,
        around: IpNet,
    ) -> Option<(PortRange, Option<&'a AclEntry>)> {
        let mut undecided = vec![ports];
        for (entry, range) in self.about(protocol, address) {
            let on_purpose = entry.cidr != around && around.contains(&entry.cidr)
                || range.to.saturating_sub(range.from) < MANY_PORTS;
            let mut left = Vec::new();
            for open in undecided {
                let both = PortRange { from: open.from.max(range.from), to: open.to.min(range.to) };
                if both.from > both.to {
                    left.push(open);
                    continue;
                }
                if entry.action == AclAction::Deny && !on_purpose {
                    return Some((both, Some(entry)));
                }
                if open.from < both.from {
                    left.push(PortRange { from: open.from, to: both.from - 1 });
                }
                if both.to < open.to {
                    left.push(PortRange { from: both.to + 1, to: open.to });
                }
            }
            undecided = left;
        }
        undecided.first().map(|range| (*range, None))
    }
}

/// A subnet, as what opens connections and is connected to.
struct Place<'a> {
    index: &'a Index<'a>,
    subnet: &'a Subnet,
    /// Whether a public NAT gateway is in it.
    translates: bool,
}

/// An entry whose connections are not answered.
struct Unanswered<'a> {
    subnet: &'a Id,
    ports: PortRange,
    denied_by: Option<&'a AclEntry>,
    /// For whom, where others are answered.
    whom: Option<Whom<'a>>,
}

enum Whom<'a> {
    /// All that is outside of a VPC.
    Outside(&'a Id),
    /// One of several addresses.
    One(IpAddr),
}

impl<'a> Place<'a> {
    fn is_like(&self, other: &Self) -> bool {
        self.translates == other.translates
            && self.subnet.route_table == other.subnet.route_table
            && self.subnet.vpc == other.subnet.vpc
    }

    /// A mirrored entry is about the answers of another one, but for what a NAT gateway asks for.
    fn unanswered(
        &self,
        own: &Entries<'a>,
        other: &Entries<'a>,
        entry: &AclEntry,
        inbound: bool,
        mirrored: bool,
    ) -> Option<Unanswered<'a>> {
        if mirrored && !self.translates {
            return None;
        }
        let (protocol, port, opens) = opens(entry)?;
        let addresses = self.addresses(own, other, entry.cidr);
        let translated = |it: IpAddr| self.translates && !inbound && !self.is_inside(it);
        let of_entry = |it: &&IpAddr| own.first(protocol, **it, port).is_some_and(|first| std::ptr::eq(first, entry));
        let concerned = |it: &&IpAddr| {
            let route = self.route(**it);
            let reached = self.is_inside(**it) || route.is_some_and(|route| !inbound || lets_in(&route.target));
            // Who allows everything says nothing of what for: only what has no other use than to open connections does.
            let meant = opens == Opens::Service || !inbound && !self.is_inside(**it) && self.asks(route);
            reached && meant && (!mirrored || translated(**it))
        };
        let concerned: Vec<IpAddr> = addresses.iter().filter(of_entry).filter(concerned).copied().collect();
        let denied = |address: IpAddr| {
            let ports = if translated(address) { TRANSLATED_PORTS } else { CLIENT_PORTS };
            other.denied(protocol, address, ports, entry.cidr).map(|(ports, by)| (address, ports, by))
        };
        let all: Vec<_> = concerned.iter().filter_map(|address| denied(*address)).collect();
        let &(address, ports, denied_by) = all.first()?;
        let outside = concerned.iter().filter(|address| !self.is_inside(**address)).count();
        let whom = if all.len() == concerned.len() {
            None
        } else if all.len() == outside && all.iter().all(|(address, ..)| !self.is_inside(*address)) {
            Some(Whom::Outside(&self.subnet.vpc))
        } else {
            Some(Whom::One(address))
        };
        Some(Unanswered { subnet: &self.subnet.id, ports, denied_by, whom })
    }

    /// Addresses that stand for all of a block: the ends of every part of it that entries and routes tell apart.
    fn addresses(&self, own: &Entries<'_>, other: &Entries<'_>, block: IpNet) -> Vec<IpAddr> {
        let of_vpc = self.index.vpcs.get(&self.subnet.vpc).into_iter().flat_map(|vpc| &vpc.cidrs);
        let routed = self.routes().flat_map(|route| blocks(self.index, &route.destination));
        let entries = own.0.iter().chain(&other.0).map(|entry| &entry.cidr);
        let parts = std::iter::once(&block).chain(of_vpc).chain(routed).chain(entries);
        let mut addresses = Vec::new();
        let mut holes: Vec<IpNet> = NOT_PUBLIC.map(IpNet::V4).to_vec();
        for part in parts.filter(|part| is_v4(**part) == is_v4(block) && overlap(part.trunc(), block.trunc())) {
            let narrower = if part.prefix_len() > block.prefix_len() { part } else { &block };
            addresses.extend([narrower.network(), narrower.broadcast()]);
            holes.extend((part.prefix_len() > block.prefix_len()).then_some(*part));
        }
        // The ends of everything are nobody's.
        addresses.retain(|address| !address.is_unspecified() && *address != IpAddr::V4(Ipv4Addr::BROADCAST));
        addresses.extend(between(block, &holes));
        let mut once = HashSet::new();
        // Network ACLs are not asked about what stays in a subnet (7.2).
        addresses.retain(|it| once.insert(*it) && !self.subnet.cidrs.iter().any(|own| own.contains(it)));
        addresses
    }

    fn is_inside(&self, address: IpAddr) -> bool {
        let vpc = self.index.vpcs.get(&self.subnet.vpc);
        vpc.is_some_and(|vpc| vpc.cidrs.iter().any(|block| block.contains(&address)))
    }

    fn routes(&self) -> impl Iterator<Item = &'a Route> {
        self.index.route_tables.get(&self.subnet.route_table).into_iter().flat_map(|table| &table.routes)
    }

    /// The working route for an address.
    fn route(&self, address: IpAddr) -> Option<&'a Route> {
        let longest = |route: &&Route| {
            let around = blocks(self.index, &route.destination).iter().filter(|block| block.contains(&address));
            around.map(IpNet::prefix_len).max()
        };
        let matching = self.routes().filter_map(|route| Some((longest(&route)?, route)));
        let route = matching.max_by_key(|(length, _)| *length).map(|(_, route)| route)?;
        // Internet gateways drop what is for private addresses (2.11).
        let to_internet = matches!(route.target, Target::InternetGateway(_) | Target::NatGateway(_));
        (route.active && !(to_internet && is_private(address))).then_some(route)
    }

    /// Whether what takes a route can only have asked first.
    fn asks(&self, route: Option<&Route>) -> bool {
        let target = route.map(|route| &route.target);
        match target {
            Some(Target::NatGateway(_) | Target::EgressOnlyInternetGateway(_)) => true,
            Some(Target::InternetGateway(_)) => self.translates,
            _ => false,
        }
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => interfaces::is_private(address),
        IpAddr::V6(_) => false,
    }
}

/// The first address of a block that is in none of the others.
fn between(block: IpNet, holes: &[IpNet]) -> Option<IpAddr> {
    let mut address = block.network();
    // Every hole is left behind once.
    for _ in 0..=holes.len() {
        let Some(hole) = holes.iter().find(|hole| hole.contains(&address)) else { break };
        address = match hole.broadcast() {
            IpAddr::V4(last) => IpAddr::V4(u32::from(last).checked_add(1)?.into()),
            IpAddr::V6(last) => IpAddr::V6(u128::from(last).checked_add(1)?.into()),
        };
    }
    block.contains(&address).then_some(address)
}

/// Whether connections may come in by a target.
fn lets_in(target: &Target) -> bool {
    !matches!(target, Target::NatGateway(_) | Target::EgressOnlyInternetGateway(_) | Target::Missing(_))
}

/// What an entry allows to be opened.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opens {
    /// Connections to a service.
    Service,
    /// Everything, so that it may be meant for connections or for answers.
    Everything,
}

/// The protocol and a port of what an entry allows to be opened; none where it is for answers, or for what has none.
fn opens(entry: &AclEntry) -> Option<(Protocol, u16, Opens)> {
    /// HTTPS stands for everything.
    const ANY: u16 = 443;
    /// Other services over UDP may have nothing to answer.
    const DNS: PortRange = PortRange { from: 53, to: 53 };
    match (entry.protocol, entry.ports) {
        (Protocol::All, _) | (Protocol::TCP, Ports::Any) => Some((Protocol::TCP, ANY, Opens::Everything)),
        (Protocol::TCP, Ports::Range(range)) if range.from > range.to || range.from >= CLIENT_PORTS.from => None,
        (Protocol::TCP, Ports::Range(range)) if range.to < CLIENT_PORTS.from => {
            Some((Protocol::TCP, range.from, Opens::Service))
        }
        // From a privileged port to where clients are: everything but a few.
        (Protocol::TCP, Ports::Range(range)) if range.from < TRANSLATED_PORTS.from => {
            Some((Protocol::TCP, range.from.max(ANY), Opens::Everything))
        }
        (Protocol::UDP, Ports::Range(DNS)) => Some((Protocol::UDP, DNS.from, Opens::Service)),
        _ => None,
    }
}

impl Unanswered<'_> {
    fn finding(&self, acl: &NetworkAcl, entry: &AclEntry, inbound: bool) -> Finding {
        let (allows, from, other, to) =
            if inbound { ("in", "from", "outbound", "to") } else { ("out", "to", "inbound", "from") };
        let AclEntry { number, protocol, cidr, origin, .. } = entry;
        let what = match (protocol, entry.ports) {
            (Protocol::All, _) => "everything".to_owned(),
            (_, Ports::Any) => protocol.to_string(),
            (_, ports) => format!("{protocol} {ports}"),
        };
        let whom = match self.whom {
            None => String::new(),
            Some(Whom::Outside(vpc)) => format!(" {to} outside of {vpc}"),
            Some(Whom::One(address)) => format!(" {to} {address}, for one"),
        };
        let denies = match self.denied_by {
            Some(denying) => format!("{other} entry {} denies", denying.number),
            None => format!("no {other} entry allows"),
        };
        let text = format!(
            "entry {number} of {} lets {what} {allows} {from} {cidr} at {}, but {denies} the answers{whom}: they go to ports {}",
            acl.id,
            self.subnet,
            Ports::Range(self.ports)
        );
        let protocol = if *protocol == Protocol::All { Protocol::TCP } else { *protocol };
        let help = format!("allow {other} {protocol} {} {to} {cidr}", Ports::Range(TRANSLATED_PORTS));
        let finding = Finding::new(Severity::Lint, "no-return-traffic", origin, text).help(help);
        match self.denied_by {
            Some(denying) => finding.related(&denying.origin, "the entry that denies them"),
            None => finding,
        }
    }
}

#[cfg(test)]
mod tests;
