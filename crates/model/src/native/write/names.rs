//! How resources are called in the file, as headings and where others refer to them.

use std::collections::{HashMap, HashSet};

use crate::native::routes::is_outside;
use crate::{Destination, Id, Kind, Network, Peer, Target};

/// As many digits and letters as AWS's older ids have; those of today have 17.
const AWS_DIGITS: usize = 8;

/// The names of all resources.
pub(super) struct Names {
    by_id: HashMap<(Kind, Id), String>,
    /// How many targets of routes have a name, as a short name or as an id.
    targets: HashMap<String, usize>,
}

impl Names {
    pub(super) fn of(network: &Network) -> Self {
        let mut names = Self { by_id: HashMap::new(), targets: HashMap::new() };
        names.add_all(Kind::Vpc, network.vpcs.iter().map(|it| (&it.id, it.name.as_deref())));
        names.add_all(Kind::Subnet, network.subnets.iter().map(|it| (&it.id, it.name.as_deref())));
        names.add_all(Kind::RouteTable, network.route_tables.iter().map(|it| (&it.id, it.name.as_deref())));
        names.add_all(Kind::RouteTable, network.gateway_route_tables.iter().map(|it| (&it.id, it.name.as_deref())));
        names.add_all(Kind::NetworkAcl, network.network_acls.iter().map(|it| (&it.id, it.name.as_deref())));
        names.add_all(Kind::SecurityGroup, network.security_groups.iter().map(|it| (&it.id, it.name.as_deref())));
        names.add_all(Kind::PrefixList, network.prefix_lists.iter().map(|it| (&it.id, it.name.as_deref())));
        names.add_all(Kind::Instance, network.instances.iter().map(|it| (&it.id, it.name.as_deref())));
        names.add_all(Kind::NetworkInterface, network.interfaces.iter().map(|it| (&it.id, it.name.as_deref())));
        names.add_all(Kind::NatGateway, network.nat_gateways.iter().map(|it| (&it.id, it.name.as_deref())));
        names.add_all(Kind::VpcEndpoint, network.vpc_endpoints.iter().map(|it| (&it.id, it.name.as_deref())));
        let peerings = network.vpc_peering_connections.iter();
        names.add_all(Kind::VpcPeeringConnection, peerings.map(|it| (&it.id, it.name.as_deref())));
        names.add_all(Kind::VpnGateway, network.vpn_gateways.iter().map(|it| (&it.id, it.name.as_deref())));
        names.add_all(Kind::FlowLog, network.flow_logs.iter().map(|it| (&it.id, it.name.as_deref())));
        names.add_nameless(Kind::InternetGateway, network.internet_gateways.iter().map(|it| &it.id));
        names.add_nameless(
            Kind::EgressOnlyInternetGateway,
            network.egress_only_internet_gateways.iter().map(|it| &it.id),
        );
        names.add_all(Kind::TransitGateway, network.transit_gateways.iter().map(|it| (&it.id, it.name.as_deref())));
        for gateway in &network.transit_gateways {
            names.add_nameless(Kind::TransitGatewayAttachment, gateway.attachments.iter().map(|it| &it.id));
            let tables = gateway.route_tables.iter().map(|it| (&it.id, it.name.as_deref()));
            names.add_all(Kind::TransitGatewayRouteTable, tables);
        }
        names.count_targets(network);
        names
    }

    fn add_all<'n>(&mut self, kind: Kind, resources: impl Iterator<Item = (&'n Id, Option<&'n str>)>) {
        for (id, name) in resources {
            // A name that gives the id needs no second one beside it.
            let short = name.filter(|name| gives(kind, name, id));
            let name = short.map_or_else(|| id.as_name(kind), str::to_owned);
            self.by_id.insert((kind, id.clone()), name);
        }
    }

    /// Kinds that have no name for people: what the file calls them need not be the whole id.
    fn add_nameless<'n>(&mut self, kind: Kind, ids: impl Iterator<Item = &'n Id>) {
        for id in ids {
            let short = id.as_str().strip_prefix(kind.prefix()).filter(|short| gives(kind, short, id));
            let is_aws = |short: &str| short.len() >= AWS_DIGITS && short.bytes().all(|byte| byte.is_ascii_hexdigit());
            let name = short.filter(|short| !is_aws(short)).map_or_else(|| id.as_name(kind), str::to_owned);
            self.by_id.insert((kind, id.clone()), name);
        }
    }

    fn count_targets(&mut self, network: &Network) {
        let mut count = |kind: Kind, id: &Id| {
            let short = id.as_str().strip_prefix(kind.prefix()).unwrap_or(id.as_str());
            for name in HashSet::from([short, id.as_str()]) {
                *self.targets.entry(name.to_owned()).or_default() += 1;
            }
        };
        network.internet_gateways.iter().for_each(|it| count(Kind::InternetGateway, &it.id));
        network.egress_only_internet_gateways.iter().for_each(|it| count(Kind::EgressOnlyInternetGateway, &it.id));
        network.nat_gateways.iter().for_each(|it| count(Kind::NatGateway, &it.id));
        network.vpc_endpoints.iter().for_each(|it| count(Kind::VpcEndpoint, &it.id));
        network.vpc_peering_connections.iter().for_each(|it| count(Kind::VpcPeeringConnection, &it.id));
        network.transit_gateways.iter().for_each(|it| count(Kind::TransitGateway, &it.id));
        network.vpn_gateways.iter().for_each(|it| count(Kind::VpnGateway, &it.id));
        network.interfaces.iter().for_each(|it| count(Kind::NetworkInterface, &it.id));
        // An instance stands for its first interface.
        network.instances.iter().for_each(|it| count(Kind::Instance, &it.id));
    }

    /// What the file calls a resource, described or not.
    pub(super) fn get(&self, kind: Kind, id: &Id) -> String {
        self.by_id.get(&(kind, id.clone())).cloned().unwrap_or_else(|| id.as_name(kind))
    }

    /// The name for people that is written beside what the file calls a resource.
    pub(super) fn beside<'n>(&self, kind: Kind, id: &Id, name: Option<&'n String>) -> Option<&'n String> {
        name.filter(|_| Id::is_name_of_itself(kind, &self.get(kind, id)))
    }

    pub(super) fn destination(&self, destination: &Destination) -> String {
        match destination {
            Destination::Cidr(block) => block.to_string(),
            Destination::PrefixList(list) => format!("pl:{}", self.get(Kind::PrefixList, list)),
        }
    }

    pub(super) fn peer(&self, peer: &Peer) -> String {
        match peer {
            Peer::Cidr(block) => block.to_string(),
            Peer::PrefixList(list) => format!("pl:{}", self.get(Kind::PrefixList, list)),
            Peer::SecurityGroup(group) => format!("sg:{}", self.get(Kind::SecurityGroup, group)),
        }
    }

    /// What `via` says, and whether that alone makes the route inactive.
    pub(super) fn target(&self, target: &Target) -> (String, bool) {
        let (kind, id) = match target {
            Target::Local => return ("local".to_owned(), false),
            Target::Missing(id) if id.as_str() == "blackhole" => return (id.to_string(), true),
            Target::Missing(id) => return (format!("missing:{id}"), true),
            Target::Edge(id) if is_outside(id.as_str()) && !self.targets.contains_key(id.as_str()) => {
                return (id.to_string(), false);
            }
            Target::Edge(id) => return (format!("edge:{id}"), false),
            Target::InternetGateway(id) => (Kind::InternetGateway, id),
            Target::EgressOnlyInternetGateway(id) => (Kind::EgressOnlyInternetGateway, id),
            Target::NatGateway(id) => (Kind::NatGateway, id),
            Target::NetworkInterface(id) => (Kind::NetworkInterface, id),
            Target::VpcEndpoint(id) => (Kind::VpcEndpoint, id),
            Target::VpcPeeringConnection(id) => (Kind::VpcPeeringConnection, id),
            Target::TransitGateway(id) => (Kind::TransitGateway, id),
            Target::VpnGateway(id) => (Kind::VpnGateway, id),
        };
        let name = self.get(kind, id);
        let is_clear = self.targets.get(&name) == Some(&1) && !matches!(name.as_str(), "local" | "blackhole");
        (if is_clear { name } else { id.to_string() }, false)
    }
}

/// Whether a short name stands for an id.
fn gives(kind: Kind, name: &str, id: &Id) -> bool {
    !name.is_empty() && !Id::is_name_of_itself(kind, name) && Id::named(kind, name) == *id
}
