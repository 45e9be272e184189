//! From the file's shape to the model: names become ids, defaults are made, what is wrong becomes findings.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::Ipv4Addr;
use std::ops::Range;
use std::str::FromStr;

use ipnet::IpNet;

use crate::finding::Finding;
use crate::{Assumption, Id, InterfaceKind, Kind, Network, Origin, Subnet, Vpc};

use super::file::{File, Named, Text};
use super::places::Places;
use super::routes::Targets;
use super::text::{help_for_unknown, listed};

/// A network with what is to be said about the file.
pub(crate) struct Built {
    pub(crate) network: Network,
    pub(crate) findings: Vec<Finding>,
    /// Ids that findings are about already: what could not be built, and what is referred to but does not exist. That they
    /// are missing from the network is no news.
    pub(crate) reported: HashSet<Id>,
}

/// Builds the network. `broken` are resources that could not be read, which has been reported.
pub(crate) fn build(places: &Places, file: File, broken: HashSet<Id>) -> Built {
    let mut builder = Builder {
        places,
        network: Network::default(),
        findings: Vec::new(),
        declared: BTreeMap::new(),
        broken,
        missing: HashSet::new(),
        vpcs: BTreeSet::new(),
        built: Positions::default(),
        hints: 0,
        targets: Targets::default(),
        taken: HashSet::new(),
        free: HashMap::new(),
        claims: Vec::new(),
    };
    builder.declare_all(&file);
    builder.network(file);
    let mut reported = builder.broken;
    reported.extend(builder.missing);
    Built { network: builder.network, findings: builder.findings, reported }
}

/// A network being built.
pub(crate) struct Builder<'a> {
    places: &'a Places,
    pub(crate) network: Network,
    pub(crate) findings: Vec<Finding>,
    /// What there is to refer to, before it is built: resources refer to each other in any order.
    pub(crate) declared: BTreeMap<Kind, BTreeSet<Id>>,
    /// What could not be read or built; references to it are right.
    pub(crate) broken: HashSet<Id>,
    pub(crate) missing: HashSet<Id>,
    /// The VPCs of the file, those that could not be read too.
    vpcs: BTreeSet<Id>,
    pub(crate) built: Positions,
    /// How many names were looked for that are like a wrong one.
    hints: usize,
    pub(crate) targets: Targets,
    /// IPv4 addresses that the file gives away.
    pub(crate) taken: HashSet<Ipv4Addr>,
    /// Up to which address the addresses of each subnet are taken.
    pub(crate) free: HashMap<Id, u32>,
    /// The interfaces that gateways, endpoints and attachments name as theirs, with the place and what they have to be.
    pub(crate) claims: Vec<(Id, Range<usize>, InterfaceKind)>,
}

/// Where in the network is what others ask for by id; of duplicates the first counts.
#[derive(Default)]
pub(crate) struct Positions {
    pub(crate) vpcs: HashMap<Id, usize>,
    pub(crate) subnets: HashMap<Id, usize>,
    pub(crate) instances: HashMap<Id, usize>,
    pub(crate) prefix_lists: HashSet<Id>,
}

/// For how many wrong names the nearest right one is looked for, among all of them: more than anybody reads at a time, and
/// few enough that a file of nothing but wrong names is done as soon as any other.
const HINTS: usize = 100;

impl Builder<'_> {
    fn network(&mut self, file: File) {
        self.taken = super::hosts::given_addresses(&file);
        self.network.behavior = self.behavior(file.behavior);
        self.vpcs(file.vpc, &file.route_table, &file.network_acl, &file.security_group);
        self.prefix_lists(file.prefix_list, &file.vpc_endpoint);
        self.subnets(file.subnet);
        self.gateways(file.internet_gateway, file.egress_only_internet_gateway);
        self.nat_gateways(file.nat_gateway);
        self.instances(file.instance);
        self.interfaces(file.eni);
        self.endpoints(&file.vpc_endpoint);
        self.peerings(file.vpc_peering_connection);
        self.transit_gateways(file.transit_gateway);
        self.vpn_gateways(&file.vpn_gateway);
        self.know_targets();
        self.route_tables(file.route_table);
        self.gateway_route_tables(file.gateway_route_table);
        self.network_acls(file.network_acl);
        self.security_groups(file.security_group);
        self.endpoint_routes(&file.vpc_endpoint);
        self.propagated_routes(&file.vpn_gateway);
        self.block_public_access(file.block_public_access);
        self.flow_logs(file.flow_log);
        self.check_claims();
    }

    fn declare_all(&mut self, file: &File) {
        fn declare<T>(builder: &mut Builder<'_>, kind: Kind, resources: &Named<T>) {
            let ids = resources.iter().map(|(name, _)| Id::named(kind, name.get_ref()));
            builder.declared.entry(kind).or_default().extend(ids);
        }
        declare(self, Kind::Vpc, &file.vpc);
        declare(self, Kind::Subnet, &file.subnet);
        declare(self, Kind::RouteTable, &file.route_table);
        declare(self, Kind::NetworkAcl, &file.network_acl);
        declare(self, Kind::SecurityGroup, &file.security_group);
        declare(self, Kind::Instance, &file.instance);
        declare(self, Kind::NetworkInterface, &file.eni);
        let primary = file.instance.iter().filter_map(|(name, instance)| super::hosts::primary(name, instance));
        self.declared.entry(Kind::NetworkInterface).or_default().extend(primary);
        let declared = self.declared.get(&Kind::Vpc).into_iter().flatten();
        let broken = self.broken.iter().filter(|id| id.as_str().starts_with(Kind::Vpc.prefix()));
        self.vpcs = declared.chain(broken).cloned().collect();
    }

    /// The VPC with this id, once it is built.
    pub(crate) fn built_vpc(&self, id: &Id) -> Option<&Vpc> {
        self.network.vpcs.get(*self.built.vpcs.get(id)?)
    }

    /// Likewise a subnet.
    pub(crate) fn built_subnet(&self, id: &Id) -> Option<&Subnet> {
        self.network.subnets.get(*self.built.subnets.get(id)?)
    }

    pub(crate) fn at(&self, span: Range<usize>) -> Origin {
        self.places.at(span)
    }

    pub(crate) fn at_file(&self) -> Origin {
        self.places.file()
    }

    pub(crate) fn error(&mut self, code: &'static str, span: Range<usize>, text: impl Into<String>) {
        self.findings.push(Finding::error(code, &self.places.at(span), text));
    }

    pub(crate) fn error_with_help(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        text: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.findings.push(Finding::error(code, &self.places.at(span), text).help(help));
    }

    pub(crate) fn assume(&mut self, code: &str, place: &Id, text: impl Into<String>) {
        let assumption = Assumption { code: code.to_owned(), place: place.to_string(), text: text.into() };
        self.network.assumptions.push(assumption);
    }

    /// A text as something that can be parsed, or a finding.
    pub(crate) fn parsed<T: FromStr>(&mut self, text: &Text, what: &str, example: &str) -> Option<T> {
        let parsed = text.get_ref().parse().ok();
        if parsed.is_none() {
            self.error("unreadable", text.span(), format!("`{}` is no {what}, as {example} is", text.get_ref()));
        }
        parsed
    }

    pub(crate) fn blocks<'t>(&mut self, texts: impl IntoIterator<Item = &'t Text>) -> Vec<IpNet> {
        texts.into_iter().filter_map(|text| self.parsed(text, "CIDR block", "10.0.0.0/16")).collect()
    }

    /// The id that a name refers to; that there is nothing of it is a finding.
    pub(crate) fn reference(&mut self, kind: Kind, name: &Text, by: &Text) -> Id {
        let id = Id::named(kind, name.get_ref());
        if self.is_declared(kind, &id) {
            return id;
        }
        let text = format!("`{}` names {id}, which does not exist", by.get_ref());
        let finding = Finding::error("unknown-reference", &self.at(name.span()), text);
        self.unknown(finding, kind, &id);
        id
    }

    /// What a resource is called: what the file says, or its name there, if that is not just its id.
    pub(crate) fn shown(kind: Kind, name: &Text, given: Option<String>) -> Option<String> {
        given.or_else(|| (!Id::is_name_of_itself(kind, name.get_ref())).then(|| name.get_ref().clone()))
    }

    /// The id of something that is made where the file does not have it, and whether it is. Only an id says how it is called:
    /// a short name of nothing is a mistake.
    pub(crate) fn named_or_made(&mut self, kind: Kind, name: &Text, by: &Text) -> (Id, bool) {
        let id = Id::named(kind, name.get_ref());
        if Id::is_name_of_itself(kind, name.get_ref()) && !self.is_declared(kind, &id) {
            return (id, true);
        }
        (self.reference(kind, name, by), false)
    }

    /// Whether the file has a resource, readable or not.
    pub(crate) fn is_declared(&self, kind: Kind, id: &Id) -> bool {
        self.declared.get(&kind).is_some_and(|known| known.contains(id)) || self.broken.contains(id)
    }

    /// A finding about the absence of a resource, with what may be meant instead.
    pub(crate) fn unknown(&mut self, finding: Finding, kind: Kind, id: &Id) {
        let may_hint = self.may_hint();
        let known = self.declared.get(&kind).into_iter().flatten();
        self.findings.push(if may_hint { finding.help(help_for_unknown(kind, id, known)) } else { finding });
        self.missing.insert(id.clone());
    }

    /// Whether there is time to look for what may be meant instead of a wrong name.
    pub(crate) fn may_hint(&mut self) -> bool {
        self.hints += 1;
        self.hints <= HINTS
    }

    /// The VPC that a resource names, or the only one there is.
    pub(crate) fn vpc(&mut self, named: Option<&Text>, of: &Text) -> Option<Id> {
        if let Some(name) = named {
            return Some(self.reference(Kind::Vpc, name, of));
        }
        if self.vpcs.len() > 1 {
            let text = format!("`{}` has to say its `vpc`: there is more than one", of.get_ref());
            let help = format!("there is {}", listed(&self.vpcs));
            self.error_with_help("which-vpc", of.span(), text, help);
            return None;
        }
        // That a file has no VPC at all is one finding, not one for each resource.
        self.vpcs.first().cloned()
    }
}
