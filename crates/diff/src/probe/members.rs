//! Who sends and who is called: interfaces, one for all that nothing distinguishes, and what lies between them.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::rc::Rc;

use vpcemu_model::{
    AttachmentKind, Destination, EndpointKind, Id, InterfaceKind, Network, NetworkInterface, Origin, Placement,
    PortRange, Ports,
};

use super::space::{Signature, Space};
use super::tables::{Stand, Table, Tables, Way};
use crate::pair::title;
use crate::{Pair, Which};

/// An interface of either configuration.
#[derive(Debug)]
pub(super) struct Member {
    /// Its name, with how many there are that nothing distinguishes it from.
    pub(super) label: String,
    /// Its ids.
    pub(super) ids: [Option<Id>; 2],
    /// What it has in either.
    pub(super) private: Vec<IpAddr>,
    /// Public addresses that it has in either.
    pub(super) public: Vec<IpAddr>,
    /// What it stands in, in both.
    pub(super) stands: [Option<Stand>; 2],
    /// Whether that is not the same in both.
    pub(super) changed: bool,
    /// Whether it opens connections: one of each class, and none that AWS runs itself.
    pub(super) sends: bool,
    /// Whether it may send what has other sources, in either.
    pub(super) forwards: bool,
    /// The blocks that rules and routes name which its calls meet at it.
    pub(super) calls: Signature,
    /// Likewise of calls to it.
    pub(super) called: Signature,
}

/// What packets may meet between the ends of a flow: at gateways, appliances, attachments and endpoints.
pub(super) struct Middle {
    pub(super) tables: Vec<Rc<Table>>,
    /// Whether it is not the same in both.
    pub(super) changed: bool,
    /// Whether what comes from gateways may be led to it.
    pub(super) ingress_routing: bool,
    /// The blocks that its rules and routes name.
    pub(super) knows: Signature,
    /// Whether rules at a NAT gateway's subnet tell the ports apart that it chooses from.
    pub(super) splits_ports: bool,
}

/// The ports that NAT gateways choose from begin here.
const FIRST_NAT_PORT: u16 = 1024;

/// One interface that sends and is called for each class, and a second one that is called.
pub(super) fn members(pair: &Pair, tables: [&Tables<'_>; 2], space: &Space) -> Vec<Member> {
    let apart = set_apart(tables);
    let mut classes: Vec<Vec<[Option<&NetworkInterface>; 2]>> = Vec::new();
    let mut by_key: HashMap<(String, Vec<Signature>), usize> = HashMap::new();
    for interface in pair.interfaces() {
        let mut like = String::new();
        for (side, interface) in interface.iter().enumerate() {
            let Some(it) = interface else { continue };
            let mut groups: Vec<_> = it.security_groups.iter().map(Id::as_str).collect();
            groups.sort_unstable();
            let running =
                it.instance.as_ref().and_then(|id| tables[side].network.instances.iter().find(|x| x.id == *id));
            let publics: Vec<_> = it.ipv4.iter().map(|pair| pair.public.is_some()).collect();
            like += &format!(
                "{side} {} {groups:?} {:?} {} {:?} {} {:?} {} {:?} {publics:?} {} {:?}\n",
                it.subnet,
                it.kind,
                it.source_dest_check,
                it.forward,
                it.in_use,
                it.connection_tracking,
                it.deny_all_igw_traffic,
                running.map(|it| (it.running, &it.instance_type)),
                it.ipv6.len(),
                it.prefixes,
            );
            if apart.contains(&it.id) {
                like += it.id.as_str();
            }
        }
        // One that has got other addresses is like no other.
        if let [Some(old), Some(new)] = interface
            && (&old.ipv4, &old.ipv6) != (&new.ipv4, &new.ipv6)
        {
            like += old.id.as_str();
        }
        let addresses = |it: &&NetworkInterface| own(it).chain(public(it)).collect::<Vec<_>>();
        let signatures = interface.iter().flatten().flat_map(addresses).map(|it| space.signature(it)).collect();
        let at = *by_key.entry((like, signatures)).or_insert(classes.len());
        if at == classes.len() {
            classes.push(Vec::new());
        }
        classes[at].push(interface);
    }
    let mut members = Vec::new();
    for class in classes {
        for (number, interface) in class.iter().take(2).enumerate() {
            let mut member = Member::new(pair, tables, *interface, class.len(), number == 0);
            member.calls = space.known(member.stands().flat_map(|stand| stand.nets(Way::Out)));
            member.called = space.known(member.stands().flat_map(|stand| stand.nets(Way::In)));
            members.push(member);
        }
    }
    members
}

impl Member {
    fn new(
        pair: &Pair,
        tables: [&Tables<'_>; 2],
        interface: [Option<&NetworkInterface>; 2],
        alike: usize,
        first: bool,
    ) -> Self {
        let sides = || interface.into_iter().flatten();
        let name = sides().next_back().map(title).unwrap_or_default();
        let both = [Which::Old, Which::New];
        let stand = |side: usize| interface[side].map(|it| tables[side].stand(pair, both[side], it));
        let stands = [stand(0), stand(1)];
        let changed = stands[0].as_ref().map(|it| &it.says) != stands[1].as_ref().map(|it| &it.says);
        let opens = |it: &NetworkInterface| {
            matches!(it.kind, InterfaceKind::Interface | InterfaceKind::Hyperplane | InterfaceKind::Other)
        };
        Self {
            label: if alike > 1 { format!("{name} and {} like it", alike - 1) } else { name },
            ids: interface.map(|it| it.map(|it| it.id.clone())),
            private: unique(sides().flat_map(own)),
            public: unique(sides().flat_map(public)),
            changed,
            sends: first && sides().any(opens),
            forwards: sides().any(|it| !it.source_dest_check || it.forward.is_some()),
            calls: Vec::new(),
            called: Vec::new(),
            stands,
        }
    }

    /// What it stands in, in each configuration that has it.
    pub(super) fn stands(&self) -> impl Iterator<Item = &Stand> {
        self.stands.iter().flatten()
    }
}

/// An interface's addresses, and one of each prefix that is delegated to it.
fn own(interface: &NetworkInterface) -> impl Iterator<Item = IpAddr> + '_ {
    interface.addresses().chain(interface.prefixes.iter().filter_map(|net| net.hosts().next()))
}

fn public(interface: &NetworkInterface) -> impl Iterator<Item = IpAddr> + '_ {
    interface.ipv4.iter().filter_map(|pair| pair.public.map(IpAddr::V4))
}

fn unique(addresses: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut seen = HashSet::new();
    addresses.filter(|address| seen.insert(*address)).collect()
}

/// Interfaces that something else refers to.
fn set_apart<'a>(tables: [&Tables<'a>; 2]) -> HashSet<&'a Id> {
    tables.into_iter().flat_map(|tables| between(tables.network)).collect()
}

/// Interfaces that others' packets pass.
fn between(network: &Network) -> HashSet<&Id> {
    let mut found: HashSet<&Id> = HashSet::new();
    let routes = network.route_tables.iter().flat_map(|table| &table.routes);
    let of_gateways = network.gateway_route_tables.iter().flat_map(|table| &table.routes);
    for route in routes.chain(of_gateways) {
        if let vpcemu_model::Target::NetworkInterface(id) = &route.target {
            found.insert(id);
        }
    }
    for nat in &network.nat_gateways {
        if let Placement::Zonal { interface, .. } = &nat.placement {
            found.insert(interface);
        }
    }
    for attachment in network.transit_gateways.iter().flat_map(|gateway| &gateway.attachments) {
        if let AttachmentKind::Vpc(vpc) = &attachment.kind {
            found.extend(&vpc.interfaces);
        }
    }
    for endpoint in &network.vpc_endpoints {
        match &endpoint.kind {
            EndpointKind::GatewayLoadBalancer { interface } => {
                found.insert(interface);
            }
            EndpointKind::Interface { interfaces, .. } => found.extend(interfaces),
            EndpointKind::Gateway { .. } => {}
        }
    }
    found.extend(network.interfaces.iter().filter(|it| it.forward.is_some() || !it.source_dest_check).map(|it| &it.id));
    found
}

impl Middle {
    pub(super) fn of(pair: &Pair, tables: [&Tables<'_>; 2], space: &Space) -> Self {
        let mut middle =
            Self { tables: Vec::new(), changed: false, ingress_routing: false, knows: Vec::new(), splits_ports: false };
        let mut said = [gateways(&pair.old), gateways(&pair.new)];
        let mut nets = Vec::new();
        for (side, which) in [Which::Old, Which::New].into_iter().enumerate() {
            let network = tables[side].network;
            let mut interfaces: Vec<_> = between(network).into_iter().collect();
            interfaces.sort_unstable();
            for id in interfaces {
                let Some(interface) = network.interface(id) else { continue };
                let stand = tables[side].stand(pair, which, interface);
                said[side] += &stand.says;
                nets.extend(stand.nets(Way::In).chain(stand.nets(Way::Out)));
                middle.tables.extend(stand.groups);
                middle.tables.push(stand.acl);
            }
            for nat in &network.nat_gateways {
                match &nat.placement {
                    Placement::Zonal { subnet, .. } => {
                        let (acl, routes) = tables[side].subnet(subnet).unwrap_or_default();
                        said[side] += &format!("{}{}", acl.says, routes.says);
                        nets.extend(acl.nets(None).chain(routes.nets()));
                        middle.splits_ports |= acl.bounds.iter().any(|bound| match bound.ports {
                            Ports::Range(PortRange { from, to }) => {
                                from > FIRST_NAT_PORT || (FIRST_NAT_PORT..u16::MAX).contains(&to)
                            }
                            Ports::Any | Ports::Icmp(_) => false,
                        });
                        middle.tables.push(acl);
                    }
                    Placement::Regional { route_table } => {
                        let routes = tables[side].table(route_table);
                        said[side] += &routes.says;
                        nets.extend(routes.nets());
                    }
                }
            }
            middle.ingress_routing |= network.gateway_route_tables.iter().any(|table| !table.routes.is_empty());
        }
        middle.changed = said[0] != said[1];
        middle.knows = space.known(nets.into_iter());
        middle.tables.sort_by(|a, b| a.says.cmp(&b.says));
        middle.tables.dedup_by(|a, b| a.says == b.says);
        middle
    }
}

/// Gateways that only packets meet which a route leads to them, as text.
fn gateways(network: &Network) -> String {
    let Plain { mut nats, mut neighbors, .. } = Plain::of(network);
    nats.append(&mut neighbors);
    nats.sort_unstable();
    nats.join("\n")
}

/// Everything of a configuration that is not of single interfaces and subnets' rules, or [`gateways`], as text.
pub(super) fn rest(network: &Network) -> String {
    let mut rest = Plain::of(network).rest;
    rest.sort_unstable();
    rest.join("\n")
}

/// What a configuration has beside interfaces and subnets' rules, as text without names and origins.
struct Plain {
    nats: Vec<String>,
    neighbors: Vec<String>,
    rest: Vec<String>,
}

impl Plain {
    fn of(network: &Network) -> Self {
        let mut network = network.clone();
        let none = Origin::default;
        network.vpcs.iter_mut().for_each(|it| (it.origin, it.name) = (none(), None));
        network.internet_gateways.iter_mut().for_each(|it| it.origin = none());
        network.egress_only_internet_gateways.iter_mut().for_each(|it| it.origin = none());
        network.nat_gateways.iter_mut().for_each(|it| (it.origin, it.name) = (none(), None));
        network.vpc_endpoints.iter_mut().for_each(|it| (it.origin, it.name) = (none(), None));
        network.vpc_peering_connections.iter_mut().for_each(|it| it.name = None);
        network.vpn_gateways.iter_mut().for_each(|it| (it.origin, it.name) = (none(), None));
        network.block_public_access.exclusions.iter_mut().for_each(|it| it.origin = none());
        for peering in &mut network.vpc_peering_connections {
            peering.origin = none();
        }
        let mut lists: HashSet<Id> = HashSet::new();
        let mut note = |destination: &Destination| {
            if let Destination::PrefixList(list) = destination {
                lists.insert(list.clone());
            }
        };
        for gateway in &mut network.transit_gateways {
            (gateway.origin, gateway.name) = (none(), None);
            gateway.attachments.iter_mut().for_each(|it| it.origin = none());
            for table in &mut gateway.route_tables {
                (table.origin, table.name) = (none(), None);
                table.routes.iter_mut().for_each(|it| it.origin = none());
                table.routes.iter().for_each(|it| note(&it.destination));
            }
        }
        for table in &mut network.gateway_route_tables {
            (table.origin, table.name) = (none(), None);
            table.routes.iter_mut().for_each(|it| it.origin = none());
            table.routes.iter().for_each(|it| note(&it.destination));
        }
        for endpoint in &network.vpc_endpoints {
            if let EndpointKind::Gateway { prefix_list: Some(list) } = &endpoint.kind {
                lists.insert(list.clone());
            }
        }
        let lists = network.prefix_lists.iter().filter(|list| lists.contains(&list.id));
        let lists: Vec<_> = lists.map(|list| format!("{} {:?}", list.id, list.entries)).collect();
        let subnets = network.subnets.iter().map(|it| format!("{} {:?} {}", it.vpc, it.cidrs, it.availability_zone));
        // What AWS makes with a VPC has no say of its own: its rules are told with the subnets and interfaces.
        let vpcs = network.vpcs.iter().map(|it| format!("{} {:?}", it.id, it.cidrs));
        let mut rest: Vec<String> = lists.into_iter().chain(subnets).chain(vpcs).collect();
        rest.extend(network.internet_gateways.iter().map(|it| format!("{it:?}")));
        rest.extend(network.egress_only_internet_gateways.iter().map(|it| format!("{it:?}")));
        rest.extend(network.vpc_endpoints.iter().map(|it| format!("{it:?}")));
        rest.extend(network.gateway_route_tables.iter().map(|it| format!("{it:?}")));
        rest.push(format!("{:?}", network.block_public_access));
        rest.push(format!("{:?}", network.behavior));
        let mut neighbors: Vec<_> = network.vpc_peering_connections.iter().map(|it| format!("{it:?}")).collect();
        neighbors.extend(network.transit_gateways.iter().map(|it| format!("{it:?}")));
        neighbors.extend(network.vpn_gateways.iter().map(|it| format!("{it:?}")));
        Self { nats: network.nat_gateways.iter().map(|it| format!("{it:?}")).collect(), neighbors, rest }
    }
}
