//! The rows of subnets: what each is, and where it leads.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use vpcemu_model::{Destination, EndpointKind, Id, Network, RouteTable, Subnet, Target};

use super::inventory::Inventory;
use super::{count, named, shown, table, trimmed};

/// Rows of a table that are read as such; more are put together.
pub(super) const ROWS: usize = 24;

#[derive(Serialize)]
pub(super) struct SubnetRow<'a> {
    pub(super) id: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) vpc: &'a str,
    pub(super) cidrs: Vec<String>,
    pub(super) az: &'a str,
    pub(super) kind: Kind,
    /// The default routes; without any, what else leads out of the VPC.
    pub(super) routes_to: BTreeMap<String, String>,
    pub(super) route_table: &'a str,
    pub(super) network_acl: &'a str,
}

/// What a subnet is, in the words of AWS's documentation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// A route leads to an internet gateway.
    Public,
    /// None does, but others lead out of the VPC.
    Private,
    /// No route leads out of the VPC but to the services of gateway endpoints.
    Isolated,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Isolated => "isolated",
        }
    }
}

pub(super) fn rows(network: &Network) -> Vec<SubnetRow<'_>> {
    let tables: HashMap<&Id, &RouteTable> = network.route_tables.iter().map(|table| (&table.id, table)).collect();
    network.subnets.iter().map(|subnet| row(network, tables.get(&subnet.route_table).copied(), subnet)).collect()
}

fn row<'a>(network: &Network, table: Option<&RouteTable>, subnet: &'a Subnet) -> SubnetRow<'a> {
    let (mut defaults, mut others) = (BTreeMap::new(), BTreeMap::new());
    let mut kind = Kind::Isolated;
    for route in table.into_iter().flat_map(|table| &table.routes) {
        if !leads_out(network, &subnet.vpc, &route.target, &route.destination) {
            continue;
        }
        let is_default = matches!(&route.destination, Destination::Cidr(block) if block.prefix_len() == 0);
        let routes = if is_default { &mut defaults } else { &mut others };
        routes.extend([shown(route)]);
        if route.active {
            kind = kind.min(match route.target {
                Target::InternetGateway(_) => Kind::Public,
                _ => Kind::Private,
            });
        }
    }
    SubnetRow {
        id: subnet.id.as_str(),
        name: subnet.name.as_deref(),
        vpc: subnet.vpc.as_str(),
        cidrs: subnet.cidrs.iter().map(ToString::to_string).collect(),
        az: &subnet.availability_zone,
        kind,
        routes_to: if defaults.is_empty() { others } else { defaults },
        route_table: subnet.route_table.as_str(),
        network_acl: subnet.network_acl.as_str(),
    }
}

/// Whether a route is one out of its VPC, other than to the service of a gateway endpoint.
fn leads_out(network: &Network, vpc: &Id, target: &Target, destination: &Destination) -> bool {
    let inside = match destination {
        Destination::Cidr(block) => {
            let vpc = network.vpc(vpc);
            vpc.is_some_and(|vpc| vpc.cidrs.iter().any(|around| around.contains(block)))
        }
        Destination::PrefixList(_) => false,
    };
    let to_service = match target {
        Target::VpcEndpoint(id) => {
            let endpoint = network.vpc_endpoints.iter().find(|endpoint| endpoint.id == *id);
            endpoint.is_some_and(|endpoint| matches!(endpoint.kind, EndpointKind::Gateway { .. }))
        }
        target => *target == Target::Local,
    };
    !inside && !to_service
}

/// `4 subnets (2 public, 2 private)`.
pub(super) fn summary(rows: &[SubnetRow<'_>]) -> String {
    let kinds = [Kind::Public, Kind::Private, Kind::Isolated];
    let kinds = kinds.map(|kind| (rows.iter().filter(|row| row.kind == kind).count(), kind.word()));
    let kinds: Vec<_> = kinds.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    let all = count(rows.len(), "subnet");
    if kinds.is_empty() { all } else { format!("{all} ({})", kinds.join(", ")) }
}

/// The subnets of one VPC: one a row, or where they are many those that are alike.
pub(super) fn text(inventory: &Inventory<'_>, vpc: &str, all: bool) -> String {
    let rows: Vec<_> = inventory.subnets.iter().filter(|row| row.vpc == vpc).collect();
    if rows.is_empty() {
        return String::new();
    }
    let text = if all || rows.len() <= ROWS { each(&rows) } else { alike(&rows) };
    format!("{text}\n")
}

fn leads_to(row: &SubnetRow<'_>) -> String {
    /// Of what is no default route.
    const SHOWN: usize = 3;
    let mut lines: Vec<_> = row.routes_to.iter().take(SHOWN).map(|(net, to)| format!("{net} -> {to}")).collect();
    let more = row.routes_to.len().saturating_sub(SHOWN);
    lines.extend((more > 0).then(|| format!("and {more} more")));
    lines.join("\n")
}

fn each(rows: &[&SubnetRow<'_>]) -> String {
    let mut subnets = table(&["subnet", "blocks", "zone", "is", "leads to", "route table", "network ACL"]);
    for row in rows {
        subnets.add_row([
            named(row.id, row.name),
            row.cidrs.join("\n"),
            row.az.to_owned(),
            row.kind.word().to_owned(),
            leads_to(row),
            row.route_table.to_owned(),
            row.network_acl.to_owned(),
        ]);
    }
    trimmed(&subnets)
}

fn alike(rows: &[&SubnetRow<'_>]) -> String {
    let mut groups: Vec<(&SubnetRow<'_>, usize, Vec<&str>)> = Vec::new();
    let mut at = HashMap::new();
    for row in rows {
        let next = groups.len();
        let at = *at.entry((row.kind.word(), row.route_table, row.network_acl)).or_insert(next);
        if at == next {
            groups.push((row, 0, Vec::new()));
        }
        let (_, number, zones) = &mut groups[at];
        *number += 1;
        if !zones.contains(&row.az) {
            zones.push(row.az);
        }
    }
    // The largest first, in the order of the source where they are as large.
    groups.sort_by_key(|(_, number, _)| std::cmp::Reverse(*number));
    let mut subnets = table(&["subnets", "are", "lead to", "in", "route table", "network ACL", "such as"]);
    for (first, number, zones) in groups.iter().take(ROWS) {
        subnets.add_row([
            number.to_string(),
            first.kind.word().to_owned(),
            leads_to(first),
            zones.join("\n"),
            first.route_table.to_owned(),
            first.network_acl.to_owned(),
            named(first.id, first.name),
        ]);
    }
    let more = groups.len().saturating_sub(ROWS);
    let more = if more > 0 { format!("\n and {} of other tables", count(more, "group")) } else { String::new() };
    format!("{}{more}", trimmed(&subnets))
}
