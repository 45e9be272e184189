//! Route tables and what routes lead to.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use toml::Spanned;

use crate::finding::Finding;
use crate::{Destination, Id, InterfaceKind, Kind, Network, Route, RouteOrigin, RouteTable, Target};

use super::build::Builder;
use super::defaults::local_route;
use super::file::{EndpointFile, EndpointKindFile, Named, RouteFile, RouteTableFile, Text};
use super::text::{listed, nearest};

/// Ids of what a file may name without describing it: peering, transit, virtual private, local and carrier gateways, and
/// endpoints.
const OUTSIDE: [&str; 6] = ["pcx-", "tgw-", "vgw-", "lgw-", "cagw-", "vpce-"];

/// Whether a name that nothing in the file has is the id of something outside of it.
pub(crate) fn is_outside(name: &str) -> bool {
    OUTSIDE.iter().any(|prefix| name.starts_with(prefix))
}

/// The kinds that a route can lead to.
const TARGET_KINDS: [Kind; 9] = [
    Kind::InternetGateway,
    Kind::EgressOnlyInternetGateway,
    Kind::NatGateway,
    Kind::Instance,
    Kind::NetworkInterface,
    Kind::VpcEndpoint,
    Kind::VpcPeeringConnection,
    Kind::TransitGateway,
    Kind::VpnGateway,
];

/// What routes can lead to, by short name and by id.
#[derive(Default)]
pub(crate) struct Targets {
    by_name: BTreeMap<String, Vec<(Id, Target)>>,
}

impl Targets {
    pub(crate) fn of(network: &Network, described: &BTreeSet<Id>) -> Self {
        let mut targets = Self::default();
        for gateway in &network.internet_gateways {
            targets.add(Kind::InternetGateway, &gateway.id, Target::InternetGateway);
        }
        for gateway in &network.egress_only_internet_gateways {
            targets.add(Kind::EgressOnlyInternetGateway, &gateway.id, Target::EgressOnlyInternetGateway);
        }
        for gateway in &network.nat_gateways {
            targets.add(Kind::NatGateway, &gateway.id, Target::NatGateway);
        }
        for endpoint in &network.vpc_endpoints {
            targets.add(Kind::VpcEndpoint, &endpoint.id, Target::VpcEndpoint);
        }
        for peering in &network.vpc_peering_connections {
            targets.add(Kind::VpcPeeringConnection, &peering.id, Target::VpcPeeringConnection);
        }
        for gateway in &network.transit_gateways {
            targets.add(Kind::TransitGateway, &gateway.id, Target::TransitGateway);
        }
        for gateway in &network.vpn_gateways {
            targets.add(Kind::VpnGateway, &gateway.id, Target::VpnGateway);
        }
        // The interface of a gateway or endpoint is reached by that.
        let stands_alone = |kind| {
            matches!(
                kind,
                InterfaceKind::Interface
                    | InterfaceKind::VpcEndpoint
                    | InterfaceKind::Hyperplane
                    | InterfaceKind::Other
            )
        };
        for interface in network.interfaces.iter().filter(|interface| stands_alone(interface.kind)) {
            targets.add(Kind::NetworkInterface, &interface.id, Target::NetworkInterface);
        }
        // What the file describes itself can be meant itself.
        for interface in network.interfaces.iter().filter(|it| !stands_alone(it.kind) && described.contains(&it.id)) {
            let target = Target::NetworkInterface(interface.id.clone());
            targets.by_name.entry(interface.id.to_string()).or_default().push((interface.id.clone(), target));
        }
        // Instances come before further interfaces, so the first one is the primary one.
        let mut seen = HashSet::new();
        for interface in &network.interfaces {
            if let Some(instance) = interface.instance.as_ref().filter(|instance| seen.insert(*instance)) {
                let target = Target::NetworkInterface(interface.id.clone());
                targets.by_name.entry(instance.to_string()).or_default().push((interface.id.clone(), target));
            }
        }
        targets
    }

    fn add(&mut self, kind: Kind, id: &Id, target: fn(Id) -> Target) {
        let short = id.as_str().strip_prefix(kind.prefix()).unwrap_or(id.as_str());
        for name in HashSet::from([short, id.as_str()]) {
            let named = self.by_name.entry(name.to_owned()).or_default();
            // Two resources of one id are a finding of their own.
            if named.iter().all(|(known, _)| known != id) {
                named.push((id.clone(), target(id.clone())));
            }
        }
    }

    /// What to do about a name that leads nowhere.
    fn help_for_unknown(&self, name: &str) -> String {
        match nearest(name, self.by_name.keys().map(String::as_str)) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => {
                let ids: BTreeSet<&Id> = self.by_name.values().flatten().map(|(id, _)| id).collect();
                format!("there is {}; or write \"local\", or \"blackhole\"", listed(ids))
            }
        }
    }
}

impl Builder<'_> {
    pub(crate) fn know_targets(&mut self) {
        let none = BTreeSet::new();
        let described = self.declared.get(&Kind::NetworkInterface).unwrap_or(&none);
        self.targets = Targets::of(&self.network, described);
    }

    pub(crate) fn route_tables(&mut self, tables: Named<RouteTableFile>) {
        for (name, table) in tables {
            let id = Id::named(Kind::RouteTable, name.get_ref());
            let vpc = self.vpc(table.vpc.as_ref(), &name);
            let written = self.routes(&id, &table.routes);
            let Some(vpc) = vpc else {
                self.broken.insert(id);
                continue;
            };
            for gateway in &table.gateways {
                self.edge_table((&id, &name, table.name.as_ref()), table.vpc.as_ref(), gateway, &written);
            }
            let routes = self.with_local_routes(&vpc, written);
            let origin = self.at(name.span());
            let name = Self::shown(Kind::RouteTable, &name, table.name);
            self.network.route_tables.push(RouteTable { id, name, vpc, routes, origin });
        }
    }

    /// The routes that a table has in the file.
    pub(crate) fn routes(&mut self, table: &Id, routes: &[Spanned<RouteFile>]) -> Vec<Route> {
        let mut written = Vec::new();
        for route in routes {
            let origin = self.at(route.span());
            let RouteFile { to, via, active, propagated } = route.get_ref();
            let wanted = active.unwrap_or(true);
            if to.is_none() || via.is_none() {
                self.error("no-route", route.span(), "a route needs `to`, its destination, and `via`, its target");
            }
            let destination = to.as_ref().and_then(|to| self.destination(to));
            let target = via.as_ref().and_then(|via| self.target(table, via, wanted));
            if let (Some(destination), Some((target, works))) = (destination, target) {
                let route_origin = if *propagated { RouteOrigin::Propagated } else { RouteOrigin::Static };
                let active = works && wanted;
                written.push(Route { destination, target, route_origin, active, origin });
            }
        }
        written
    }

    /// The local route of each block of the VPC, unless it is written, and the written ones (2.3).
    pub(crate) fn with_local_routes(&self, vpc: &Id, mut written: Vec<Route>) -> Vec<Route> {
        let blocks = self.built_vpc(vpc).map(|vpc| vpc.cidrs.clone()).unwrap_or_default();
        let is_written = |route: &Route| written.iter().any(|other| other.destination == route.destination);
        let mut routes: Vec<_> = blocks.into_iter().map(local_route).filter(|route| !is_written(route)).collect();
        routes.append(&mut written);
        routes
    }

    pub(crate) fn destination(&mut self, to: &Text) -> Option<Destination> {
        match to.get_ref().strip_prefix("pl:") {
            Some(list) => Some(Destination::PrefixList(self.prefix_list(list, to.span()))),
            None => self.parsed(to, "CIDR block or pl:NAME", "0.0.0.0/0").map(Destination::Cidr),
        }
    }

    /// What `via` names, and whether it works. `wanted` is whether the route says that it does.
    fn target(&mut self, table: &Id, via: &Text, wanted: bool) -> Option<(Target, bool)> {
        let name = via.get_ref().as_str();
        match name {
            "local" => return Some((Target::Local, true)),
            "blackhole" => return Some((Target::Missing(Id::new("blackhole")), false)),
            _ => {}
        }
        if let Some(id) = name.strip_prefix("missing:") {
            return Some((Target::Missing(Id::new(id)), false));
        }
        if let Some(id) = name.strip_prefix("edge:") {
            return Some((self.edge(table, Id::new(id), wanted), true));
        }
        match self.targets.by_name.get(name).map(Vec::as_slice) {
            Some([(_, target)]) => Some((target.clone(), true)),
            // The id of one is not the short name of another.
            Some(several) if several.iter().filter(|(id, _)| id.as_str() == name).count() == 1 => {
                let whole = several.iter().find(|(id, _)| id.as_str() == name);
                whole.map(|(_, target)| (target.clone(), true))
            }
            Some(several) => {
                let candidates = listed(several.iter().map(|(id, _)| id));
                let text = format!("`{name}` is the short name of {candidates}");
                self.error_with_help("ambiguous-target", via.span(), text, "write the id of the one that is meant");
                None
            }
            None if TARGET_KINDS.iter().any(|kind| self.broken.contains(&Id::named(*kind, name))) => None,
            None if is_outside(name) => Some((self.edge(table, Id::new(name), wanted), true)),
            None => {
                let text = format!("a route of {table} leads to `{name}`, which does not exist");
                let finding = Finding::error("unknown-target", &self.at(via.span()), text);
                let finding = if self.may_hint() { finding.help(self.targets.help_for_unknown(name)) } else { finding };
                self.findings.push(finding);
                None
            }
        }
    }

    /// What the file names and does not describe.
    fn edge(&mut self, table: &Id, id: Id, wanted: bool) -> Target {
        if wanted {
            let text = format!(
                "{table} leads there, and what lies behind it is outside the model: packets end at a place of that name"
            );
            self.assume("EDGE_TARGET", &id, text);
        }
        Target::Edge(id)
    }

    /// The routes of gateway endpoints that name their tables (10.1).
    pub(crate) fn endpoint_routes(&mut self, endpoints: &Named<EndpointFile>) {
        for (name, endpoint) in endpoints {
            let (Some(EndpointKindFile::Gateway), Some(list)) = (endpoint.kind, &endpoint.prefix_list) else {
                continue;
            };
            let target = Target::VpcEndpoint(Id::named(Kind::VpcEndpoint, name.get_ref()));
            let destination = Destination::PrefixList(Id::named(Kind::PrefixList, list.get_ref()));
            for table in &endpoint.route_tables {
                let id = self.reference(Kind::RouteTable, table, name);
                let origin = self.at(table.span());
                let Some(table) = self.network.route_tables.iter_mut().find(|table| table.id == id) else { continue };
                if table.routes.iter().all(|route| route.destination != destination) {
                    let (destination, target) = (destination.clone(), target.clone());
                    let route_origin = RouteOrigin::Static;
                    table.routes.push(Route { destination, target, route_origin, active: true, origin });
                }
            }
        }
    }
}
