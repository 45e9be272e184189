//! From the file's shape to the model: names become ids, defaults are made, what is wrong becomes findings.

use std::collections::{BTreeMap, HashSet};

use ipnet::IpNet;
use toml::Spanned;

use crate::finding::{Finding, Source};
use crate::{
    AclAction, AclEntry, Assumption, Destination, Id, Kind, Network, NetworkAcl, Origin, Peer, Ports, PrefixList,
    Protocol, Route, RouteOrigin, RouteTable, SecurityGroup, SecurityGroupRule, Subnet, Target, Vpc,
};

use super::file::{EndpointKindFile, File, Named, Text};
use super::{behavior, text};

/// Builds the network; findings are what could not be read, and what is worth saying.
pub(super) fn build(source: &Source, file: File) -> (Network, Vec<Finding>) {
    let mut builder =
        Builder { source, network: Network::default(), findings: Vec::new(), targets: Targets::default() };
    builder.network(file);
    (builder.network, builder.findings)
}

/// A network being built.
pub(super) struct Builder<'a> {
    pub(super) source: &'a Source,
    pub(super) network: Network,
    pub(super) findings: Vec<Finding>,
    targets: Targets,
}

/// What routes can lead to, by short name and by id.
#[derive(Default)]
struct Targets {
    by_name: BTreeMap<String, Vec<(Id, Target)>>,
}

impl Targets {
    fn add(&mut self, name: &str, id: Id, target: Target) {
        for key in HashSet::from([name.to_owned(), id.to_string()]) {
            self.by_name.entry(key).or_default().push((id.clone(), target.clone()));
        }
    }
}

/// Resources in the order of the file: maps are sorted by name.
pub(super) fn in_order<T>(named: Named<T>) -> Vec<(Spanned<String>, T)> {
    let mut resources: Vec<_> = named.into_iter().collect();
    resources.sort_by_key(|(name, _)| name.span().start);
    resources
}

impl Builder<'_> {
    pub(super) fn at(&self, span: std::ops::Range<usize>) -> Origin {
        super::origin(self.source, span)
    }

    pub(super) fn error(&mut self, code: &'static str, span: std::ops::Range<usize>, text: impl Into<String>) {
        let finding = Finding::error(code, &self.at(span), text);
        self.findings.push(finding);
    }

    pub(super) fn assume(&mut self, code: &str, place: &Id, text: impl Into<String>) {
        let assumption = Assumption { code: code.to_owned(), place: place.to_string(), text: text.into() };
        self.network.assumptions.push(assumption);
    }

    /// A text as something that can be parsed, or a finding.
    pub(super) fn parsed<T: std::str::FromStr>(&mut self, text: &Text, what: &str, example: &str) -> Option<T> {
        let parsed = text.get_ref().parse().ok();
        if parsed.is_none() {
            self.error("unreadable", text.span(), format!("`{}` is no {what}, as {example} is", text.get_ref()));
        }
        parsed
    }

    pub(super) fn nets(&mut self, texts: &[Text]) -> Vec<IpNet> {
        texts.iter().filter_map(|text| self.parsed(text, "CIDR block", "10.0.0.0/16")).collect()
    }

    /// The VPC that a resource names, or the only one there is.
    pub(super) fn vpc(&mut self, named: Option<&Text>, of: &Spanned<String>) -> Option<Id> {
        match (named, self.network.vpcs.as_slice()) {
            (Some(name), _) => Some(Id::of(Kind::Vpc, name.get_ref())),
            (None, [only]) => Some(only.id.clone()),
            (None, []) => {
                self.error("no-vpc", of.span(), format!("`{}` needs a VPC, and there is none", of.get_ref()));
                None
            }
            (None, several) => {
                let known: Vec<_> = several.iter().map(|vpc| vpc.id.to_string()).collect();
                let text = format!("`{}` has to say its `vpc`: there is {}", of.get_ref(), known.join(", "));
                self.error("which-vpc", of.span(), text);
                None
            }
        }
    }

    fn network(&mut self, mut file: File) {
        self.network.behavior = behavior::behavior(std::mem::take(&mut file.behavior));
        self.vpcs(&mut file);
        self.prefix_lists(&mut file);
        self.subnets(&mut file);
        self.gateways(&mut file);
        self.hosts(&mut file);
        self.targets();
        self.route_tables(&mut file);
        self.network_acls(&mut file);
        self.security_groups(&mut file);
        self.endpoint_routes(&file);
    }

    fn vpcs(&mut self, file: &mut File) {
        let vpcs = in_order(std::mem::take(&mut file.vpc));
        // The tables, lists and groups that say they are the defaults, by VPC; the only VPC's need not name it.
        let only = (vpcs.len() == 1).then(|| Id::of(Kind::Vpc, vpcs[0].0.get_ref()));
        let of = |vpc: Option<&Text>| vpc.map(|vpc| Id::of(Kind::Vpc, vpc.get_ref())).or_else(|| only.clone());
        for (name, vpc) in vpcs {
            let id = Id::of(Kind::Vpc, name.get_ref());
            let short = id.as_str().trim_start_matches("vpc-").to_owned();
            let here = |vpc: Option<&Text>| of(vpc).as_ref() == Some(&id);
            let table = file.route_table.iter().find(|(_, table)| table.main && here(table.vpc.as_ref()));
            let acl = file.network_acl.iter().find(|(_, acl)| acl.default && here(acl.vpc.as_ref()));
            let group = file.security_group.iter().find(|(_, group)| group.default && here(group.vpc.as_ref()));
            let named = |found: Option<&Spanned<String>>, kind: Kind, made: String| {
                found.map_or_else(|| Id::of(kind, &made), |name| Id::of(kind, name.get_ref()))
            };
            let main_route_table = named(table.map(|(name, _)| name), Kind::RouteTable, format!("{short}-main"));
            let default_network_acl = named(acl.map(|(name, _)| name), Kind::NetworkAcl, format!("{short}-default"));
            let default_group = named(group.map(|(name, _)| name), Kind::SecurityGroup, format!("{short}-default"));
            let (has_table, has_acl, has_group) = (table.is_some(), acl.is_some(), group.is_some());
            let cidrs = self.nets(&vpc.cidrs);
            if cidrs.is_empty() {
                self.error("no-cidr", name.span(), format!("{id} has no block: write cidrs = [\"10.0.0.0/16\"]"));
            }
            let vpc = Vpc {
                id: id.clone(),
                name: vpc.name.or_else(|| Some(name.get_ref().clone())),
                cidrs,
                main_route_table,
                default_network_acl,
                default_security_group: default_group,
                origin: self.at(name.span()),
            };
            if !has_table {
                self.network.route_tables.push(main_route_table_of(&vpc));
            }
            if !has_acl {
                self.network.network_acls.push(default_network_acl_of(&vpc));
            }
            if !has_group {
                self.network.security_groups.push(default_security_group_of(&vpc, &short));
            }
            self.network.vpcs.push(vpc);
        }
        if self.network.vpcs.is_empty() {
            self.findings.push(Finding::error(
                "no-vpc",
                &Origin { file: self.source.name.clone(), ..Origin::default() },
                "the file has no VPC: write [vpc.NAME] with cidrs = [\"10.0.0.0/16\"]",
            ));
        }
    }

    fn prefix_lists(&mut self, file: &mut File) {
        for (name, list) in in_order(std::mem::take(&mut file.prefix_list)) {
            let entries = self.nets(&list.entries);
            let id = Id::of(Kind::PrefixList, name.get_ref());
            let origin = self.at(name.span());
            let name = list.name.or_else(|| Some(name.get_ref().clone()));
            self.network.prefix_lists.push(PrefixList { id, name, entries, origin });
        }
        // A service's list is AWS's: where the file has no blocks for it, nothing matches.
        let of_services: Vec<_> =
            file.vpc_endpoint.values().filter_map(|endpoint| endpoint.prefix_list.clone()).collect();
        for name in of_services {
            let id = Id::of(Kind::PrefixList, name.get_ref());
            if self.network.prefix_lists.iter().all(|list| list.id != id) {
                self.assume(
                    "EMPTY_PREFIX_LIST",
                    &id,
                    "the file has no blocks for this list: its routes and rules match nothing",
                );
                let origin = self.at(name.span());
                let name = Some(name.get_ref().clone());
                self.network.prefix_lists.push(PrefixList { id, name, entries: Vec::new(), origin });
            }
        }
    }

    fn subnets(&mut self, file: &mut File) {
        for (name, subnet) in in_order(std::mem::take(&mut file.subnet)) {
            let Some(vpc) = self.vpc(subnet.vpc.as_ref(), &name) else { continue };
            let id = Id::of(Kind::Subnet, name.get_ref());
            let Some(of) = self.network.vpc(&vpc).cloned() else {
                let span = subnet.vpc.as_ref().map_or_else(|| name.span(), Spanned::span);
                self.error("unknown-reference", span, format!("{id} is in {vpc}, which does not exist"));
                continue;
            };
            let table = subnet.route_table.map(|table| Id::of(Kind::RouteTable, table.get_ref()));
            let acl = subnet.nacl.map(|acl| Id::of(Kind::NetworkAcl, acl.get_ref()));
            let cidrs = self.nets(&subnet.cidrs);
            if cidrs.is_empty() {
                self.error("no-cidr", name.span(), format!("{id} has no block"));
            }
            let origin = self.at(name.span());
            self.network.subnets.push(Subnet {
                id,
                name: subnet.name.or_else(|| Some(name.get_ref().clone())),
                vpc,
                availability_zone: subnet.az.unwrap_or_else(|| "a".to_owned()),
                cidrs,
                route_table: table.unwrap_or(of.main_route_table),
                network_acl: acl.unwrap_or(of.default_network_acl),
                origin,
            });
        }
    }

    /// Collects what routes can lead to.
    fn targets(&mut self) {
        let short = |id: &Id, kind: Kind| id.as_str().trim_start_matches(kind.prefix()).to_owned();
        let mut targets = Targets::default();
        for igw in &self.network.internet_gateways {
            targets.add(
                &short(&igw.id, Kind::InternetGateway),
                igw.id.clone(),
                Target::InternetGateway(igw.id.clone()),
            );
        }
        for eigw in &self.network.egress_only_internet_gateways {
            let target = Target::EgressOnlyInternetGateway(eigw.id.clone());
            targets.add(&short(&eigw.id, Kind::EgressOnlyInternetGateway), eigw.id.clone(), target);
        }
        let mut of_nat_gateways = HashSet::new();
        for nat in &self.network.nat_gateways {
            of_nat_gateways.insert(nat.interface.clone());
            targets.add(&short(&nat.id, Kind::NatGateway), nat.id.clone(), Target::NatGateway(nat.id.clone()));
        }
        for endpoint in &self.network.vpc_endpoints {
            let target = Target::VpcEndpoint(endpoint.id.clone());
            targets.add(&short(&endpoint.id, Kind::VpcEndpoint), endpoint.id.clone(), target);
        }
        for interface in self.network.interfaces.iter().filter(|eni| !of_nat_gateways.contains(&eni.id)) {
            let target = Target::NetworkInterface(interface.id.clone());
            targets.add(&short(&interface.id, Kind::NetworkInterface), interface.id.clone(), target.clone());
            if let Some(instance) = &interface.instance {
                targets.by_name.entry(instance.to_string()).or_default().push((interface.id.clone(), target));
            }
        }
        self.targets = targets;
    }

    fn route_tables(&mut self, file: &mut File) {
        for (name, table) in in_order(std::mem::take(&mut file.route_table)) {
            let Some(vpc) = self.vpc(table.vpc.as_ref(), &name) else { continue };
            let id = Id::of(Kind::RouteTable, name.get_ref());
            let mut routes: Vec<Route> = Vec::new();
            for route in &table.routes {
                let origin = self.at(route.span());
                let file = route.get_ref();
                let Some(destination) = self.destination(&file.to) else { continue };
                let Some((target, active)) = self.target(&id, &file.via) else { continue };
                routes.push(Route { destination, target, route_origin: RouteOrigin::Static, active, origin });
            }
            let blocks = self.network.vpc(&vpc).map(|vpc| vpc.cidrs.clone()).unwrap_or_default();
            let written: Vec<_> = routes.iter().map(|route| route.destination.clone()).collect();
            let local = blocks.into_iter().map(Destination::Cidr).filter(|block| !written.contains(block));
            let mut all: Vec<Route> = local.map(local_route).collect();
            all.append(&mut routes);
            let origin = self.at(name.span());
            let name = table.name.or_else(|| Some(name.get_ref().clone()));
            self.network.route_tables.push(RouteTable { id, name, vpc, routes: all, origin });
        }
    }

    fn destination(&mut self, to: &Text) -> Option<Destination> {
        match to.get_ref().strip_prefix("pl:") {
            Some(list) => self.prefix_list(list, to.span()).map(Destination::PrefixList),
            None => self.parsed(to, "CIDR block or pl:NAME", "0.0.0.0/0").map(Destination::Cidr),
        }
    }

    /// A prefix list by name; one that does not exist is a mistake.
    pub(super) fn prefix_list(&mut self, name: &str, span: std::ops::Range<usize>) -> Option<Id> {
        let id = Id::of(Kind::PrefixList, name);
        if self.network.prefix_lists.iter().any(|list| list.id == id) {
            return Some(id);
        }
        let known: Vec<_> = self.network.prefix_lists.iter().map(|list| list.id.to_string()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        self.error("unknown-prefix-list", span, format!("there is no prefix list {id}; there is {known}"));
        None
    }

    fn target(&mut self, table: &Id, via: &Text) -> Option<(Target, bool)> {
        /// Ids of what lies outside the model.
        const OUTSIDE: [&str; 5] = ["pcx-", "tgw-", "vgw-", "lgw-", "cagw-"];
        let name = via.get_ref().as_str();
        match name {
            "local" => return Some((Target::Local, true)),
            "blackhole" => return Some((Target::Missing(Id::new("blackhole")), false)),
            _ => {}
        }
        match self.targets.by_name.get(name).map(Vec::as_slice) {
            Some([(_, target)]) => Some((target.clone(), true)),
            Some(several) => {
                let candidates: Vec<_> = several.iter().map(|(id, _)| id.to_string()).collect();
                let text = format!("`{name}` can be {}: write the one that is meant", candidates.join(" or "));
                self.error("ambiguous-target", via.span(), text);
                None
            }
            None if OUTSIDE.iter().any(|prefix| name.starts_with(prefix)) => {
                let id = Id::new(name);
                let text = format!(
                    "{table} leads there; what lies behind it is outside the model, packets end at a place of that name"
                );
                self.assume("EDGE_TARGET", &id, text);
                Some((Target::Edge(id), true))
            }
            None => {
                let known: Vec<_> = self.targets.by_name.keys().map(String::as_str).collect();
                let nearest = text::nearest(name, known.iter().copied()).map(str::to_owned);
                let text = format!("a route of {table} leads to `{name}`, which does not exist");
                let help = match nearest {
                    Some(nearest) => format!("did you mean `{nearest}`?"),
                    None => format!(
                        "there is {}",
                        if known.is_empty() { "nothing that a route can lead to".to_owned() } else { known.join(", ") }
                    ),
                };
                let finding = Finding::error("unknown-target", &self.at(via.span()), text).help(help);
                self.findings.push(finding);
                None
            }
        }
    }

    /// Gateway endpoints that name their tables.
    fn endpoint_routes(&mut self, file: &File) {
        for (name, endpoint) in &file.vpc_endpoint {
            let (Some(EndpointKindFile::Gateway), Some(list)) = (endpoint.kind, &endpoint.prefix_list) else {
                continue;
            };
            let target = Target::VpcEndpoint(Id::of(Kind::VpcEndpoint, name.get_ref()));
            let destination = Destination::PrefixList(Id::of(Kind::PrefixList, list.get_ref()));
            for table in &endpoint.route_tables {
                let id = Id::of(Kind::RouteTable, table.get_ref());
                let origin = self.at(table.span());
                let Some(of) = self.network.route_tables.iter_mut().find(|table| table.id == id) else {
                    self.error("unknown-reference", table.span(), format!("there is no route table {id}"));
                    continue;
                };
                if of.routes.iter().all(|route| route.destination != destination) {
                    let (destination, target) = (destination.clone(), target.clone());
                    of.routes.push(Route {
                        destination,
                        target,
                        route_origin: RouteOrigin::Static,
                        active: true,
                        origin,
                    });
                }
            }
        }
    }
}

fn local_route(destination: Destination) -> Route {
    let (target, route_origin, origin) = (Target::Local, RouteOrigin::Static, Origin::implicit());
    Route { destination, target, route_origin, active: true, origin }
}

fn main_route_table_of(vpc: &Vpc) -> RouteTable {
    let routes = vpc.cidrs.iter().copied().map(Destination::Cidr).map(local_route).collect();
    let id = vpc.main_route_table.clone();
    RouteTable { id, name: None, vpc: vpc.id.clone(), routes, origin: Origin::implicit() }
}

/// Everyone, by family.
pub(super) fn everyone() -> [IpNet; 2] {
    [IpNet::V4(ipnet::Ipv4Net::default()), IpNet::V6(ipnet::Ipv6Net::default())]
}

/// 100 allows all IPv4, 101 all IPv6 if the VPC has any (7.5).
fn default_network_acl_of(vpc: &Vpc) -> NetworkAcl {
    let v6 = vpc.cidrs.iter().any(|net| matches!(net, IpNet::V6(_)));
    let entries = || {
        let families = everyone().into_iter().take(if v6 { 2 } else { 1 });
        families.zip([100, 101]).map(|(cidr, number)| AclEntry {
            number,
            action: AclAction::Allow,
            protocol: Protocol::All,
            ports: Ports::Any,
            cidr,
            origin: Origin::implicit(),
        })
    };
    NetworkAcl {
        id: vpc.default_network_acl.clone(),
        name: None,
        vpc: vpc.id.clone(),
        ingress: entries().collect(),
        egress: entries().collect(),
        origin: Origin::implicit(),
    }
}

/// All from itself, all to everyone (6.1).
fn default_security_group_of(vpc: &Vpc, short: &str) -> SecurityGroup {
    let id = vpc.default_security_group.clone();
    let rule = |suffix: &str, peer| SecurityGroupRule {
        id: Id::new(format!("sgr-{short}-default-{suffix}")),
        protocol: Protocol::All,
        ports: Ports::Any,
        peer,
        origin: Origin::implicit(),
    };
    let [v4, v6] = everyone();
    SecurityGroup {
        ingress: vec![rule("in-1", Peer::SecurityGroup(id.clone()))],
        egress: vec![rule("out-1", Peer::Cidr(v4)), rule("out-2", Peer::Cidr(v6))],
        id,
        name: None,
        vpc: vpc.id.clone(),
        origin: Origin::implicit(),
    }
}
