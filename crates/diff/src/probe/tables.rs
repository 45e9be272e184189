//! The rules of one configuration by whom they are asked for, in a form in which those of two configurations can be compared
//! and boundaries be read from. Nothing is decided by them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;

use ipnet::IpNet;
use vpcemu_model::{AclAction, Destination, Id, Network, NetworkInterface, Peer, Ports, Protocol, Target};

use crate::{Pair, Which};

/// In which direction packets pass that a rule is for, seen from the interface or subnet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    In,
    Out,
}

/// What a rule draws a boundary around.
#[derive(Clone, Debug)]
pub(super) struct Bound {
    pub(super) way: Way,
    pub(super) protocol: Protocol,
    pub(super) ports: Ports,
    /// Peers; none where it goes by groups, and may be about anybody.
    pub(super) peers: Option<Rc<[IpNet]>>,
}

impl Bound {
    /// Whether it may be about a peer; every rule is, of one whose address changes on the way.
    pub(super) fn is_about(&self, peer: Option<IpAddr>) -> bool {
        match (&self.peers, peer) {
            (Some(nets), Some(peer)) => nets.iter().any(|net| net.contains(&peer)),
            _ => true,
        }
    }
}

/// Rules of one table, and what they say as text, in which only that differs which may make a difference.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) bounds: Vec<Bound>,
    pub(super) says: String,
}

impl Table {
    /// The blocks that its rules name, of one direction or both.
    pub(super) fn nets(&self, way: Option<Way>) -> impl Iterator<Item = IpNet> {
        let bounds = self.bounds.iter().filter(move |bound| way.is_none_or(|way| bound.way == way));
        bounds.filter_map(|bound| bound.peers.as_ref()).flat_map(|peers| peers.iter().copied())
    }
}

/// The routes of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Routes {
    nets: Vec<(IpNet, Target)>,
    pub(super) says: String,
}

/// One configuration.
pub(super) struct Tables<'a> {
    pub(super) network: &'a Network,
    acls: HashMap<&'a Id, Rc<Table>>,
    groups: HashMap<&'a Id, Rc<Table>>,
    routes: HashMap<&'a Id, Rc<Routes>>,
}

/// What packets from and to an interface meet at it.
#[derive(Clone, Debug)]
pub(super) struct Stand {
    pub(super) groups: Vec<Rc<Table>>,
    pub(super) acl: Rc<Table>,
    pub(super) routes: Rc<Routes>,
    /// Everything about it, as text.
    pub(super) says: String,
}

impl<'a> Tables<'a> {
    pub(super) fn of(pair: &'a Pair, which: Which) -> Self {
        let network = pair.network(which);
        let mut tables = Self { network, acls: HashMap::new(), groups: HashMap::new(), routes: HashMap::new() };
        tables.collect_acls();
        tables.collect_groups(pair, which);
        tables.collect_routes(pair, which);
        tables
    }

    fn collect_acls(&mut self) {
        for acl in &self.network.network_acls {
            let mut table = Table::default();
            for (way, entries) in [(Way::In, &acl.ingress), (Way::Out, &acl.egress)] {
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_by_key(|entry| entry.number);
                for entry in entries {
                    let action = if entry.action == AclAction::Allow { "allow" } else { "deny" };
                    let (protocol, ports, cidr) = (entry.protocol, entry.ports, entry.cidr);
                    table.says += &format!("{way:?} {action} {protocol} {ports:?} {cidr}\n");
                    table.bounds.push(Bound { way, protocol, ports, peers: Some(Rc::from([cidr])) });
                }
            }
            self.acls.insert(&acl.id, Rc::new(table));
        }
    }

    fn collect_groups(&mut self, pair: &Pair, which: Which) {
        let members = self.network.members();
        for group in &self.network.security_groups {
            let mut says = Vec::new();
            let mut bounds = Vec::new();
            for (way, rules) in [(Way::In, &group.ingress), (Way::Out, &group.egress)] {
                for rule in rules {
                    let (told, peers): (String, Option<Rc<[IpNet]>>) = match &rule.peer {
                        Peer::Cidr(net) => (net.trunc().to_string(), Some(Rc::from([*net]))),
                        Peer::PrefixList(list) => {
                            let mut nets = self.blocks(list).to_vec();
                            nets.sort_unstable();
                            (format!("{nets:?}"), Some(Rc::from(nets)))
                        }
                        Peer::SecurityGroup(id) => {
                            let of = members.get(id).into_iter().flatten();
                            let mut ids: Vec<_> = of.map(|it| pair.canonical(which, it.id.as_str())).collect();
                            ids.sort_unstable();
                            (format!("{ids:?}"), None)
                        }
                    };
                    says.push(format!("{way:?} {} {:?} {told}\n", rule.protocol, rule.ports));
                    bounds.push(Bound { way, protocol: rule.protocol, ports: rule.ports, peers });
                }
            }
            says.sort_unstable();
            says.dedup();
            self.groups.insert(&group.id, Rc::new(Table { bounds, says: says.concat() }));
        }
    }

    fn collect_routes(&mut self, pair: &Pair, which: Which) {
        for table in &self.network.route_tables {
            let mut nets = Vec::new();
            let mut says = Vec::new();
            for route in &table.routes {
                let blocks = match &route.destination {
                    Destination::Cidr(net) => std::slice::from_ref(net),
                    Destination::PrefixList(list) => self.blocks(list),
                };
                let target = route.target.id().map_or("local", |id| pair.canonical(which, id.as_str()));
                let kind = std::mem::discriminant(&route.target);
                for net in blocks {
                    nets.push((net.trunc(), route.target.clone()));
                    says.push(format!("{} {kind:?} {target} {} {:?}\n", net.trunc(), route.active, route.route_origin));
                }
            }
            says.sort_unstable();
            self.routes.insert(&table.id, Rc::new(Routes { nets, says: says.concat() }));
        }
    }

    fn blocks(&self, list: &Id) -> &'a [IpNet] {
        self.network.prefix_lists.iter().find(|it| it.id == *list).map_or(&[], |list| &list.entries)
    }

    /// The rules of a subnet's boundary and its routes.
    pub(super) fn subnet(&self, id: &Id) -> Option<(Rc<Table>, Rc<Routes>)> {
        let subnet = self.network.subnet(id)?;
        let acl = self.acls.get(&subnet.network_acl).cloned().unwrap_or_default();
        Some((acl, self.table(&subnet.route_table)))
    }

    /// The routes of a table.
    pub(super) fn table(&self, id: &Id) -> Rc<Routes> {
        self.routes.get(id).cloned().unwrap_or_default()
    }

    /// What an interface stands in.
    pub(super) fn stand(&self, pair: &Pair, which: Which, interface: &NetworkInterface) -> Stand {
        let (acl, routes) = self.subnet(&interface.subnet).unwrap_or_default();
        let groups: Vec<_> = interface.security_groups.iter().filter_map(|id| self.groups.get(id).cloned()).collect();
        let subnet = self.network.subnet(&interface.subnet);
        let place = subnet.map(|it| (pair.canonical(which, it.vpc.as_str()), &it.availability_zone, &it.cidrs));
        let instance = interface.instance.as_ref().and_then(|id| self.network.instances.iter().find(|it| it.id == *id));
        let running = instance.map(|it| (it.running, &it.instance_type));
        let mut said: Vec<_> = groups.iter().map(|table| table.says.as_str()).collect();
        said.sort_unstable();
        let mut addresses: Vec<_> = interface.ipv4.iter().map(|pair| format!("{pair:?}")).collect();
        addresses.extend(interface.ipv6.iter().map(ToString::to_string));
        let NetworkInterface { kind, prefixes, source_dest_check, forward, in_use, .. } = interface;
        let NetworkInterface { connection_tracking, deny_all_igw_traffic, .. } = interface;
        let says = format!(
            "{place:?} {running:?} {kind:?} {prefixes:?} {source_dest_check} {forward:?} {in_use} {connection_tracking:?} \
             {deny_all_igw_traffic} {addresses:?}\n{}\n{}\n{}",
            said.concat(),
            acl.says,
            routes.says
        );
        Stand { groups, acl, routes, says }
    }
}

impl Stand {
    /// The blocks that its routes name, and those of its rules that what goes this way is asked for. What answers is known to
    /// security groups.
    pub(super) fn nets(&self, way: Way) -> impl Iterator<Item = IpNet> {
        let groups = self.groups.iter().flat_map(move |table| table.nets(Some(way)));
        groups.chain(self.acl.nets(None)).chain(self.routes.nets())
    }
}

impl Routes {
    /// The blocks that they lead to.
    pub(super) fn nets(&self) -> impl Iterator<Item = IpNet> {
        self.nets.iter().map(|(net, _)| *net)
    }

    /// Whether packets for an address are carried by something that may change them, or passes other boundaries: anything but
    /// the VPC itself and its gateways to the internet.
    pub(super) fn detours(&self, address: IpAddr) -> bool {
        let hits = self.nets.iter().filter(|(net, _)| net.contains(&address));
        // Of the longest ones any may win, by where the route comes from.
        let longest = hits.clone().map(|(net, _)| net.prefix_len()).max();
        hits.filter(|(net, _)| Some(net.prefix_len()) == longest).any(|(_, target)| match target {
            Target::Local | Target::InternetGateway(_) | Target::EgressOnlyInternetGateway(_) => false,
            Target::NatGateway(_)
            | Target::NetworkInterface(_)
            | Target::VpcEndpoint(_)
            | Target::VpcPeeringConnection(_)
            | Target::TransitGateway(_)
            | Target::VpnGateway(_)
            | Target::Edge(_)
            | Target::Missing(_) => true,
        })
    }
}
