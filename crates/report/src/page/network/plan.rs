//! What is drawn of a network: subnets by availability zone, route tables, and what those lead to.

use std::collections::HashMap;

use vpcemu_model::{Destination, Id, Network, NetworkInterface, RouteTable, Subnet, Target, Vpc};

use super::subnets::{Shape, alike, alone};
use super::targets::{Targets, rows};

/// Subnets that are drawn one by one; of more, those that are alike are drawn as one.
const SUBNETS: usize = 60;

/// Boxes of a lane that are drawn of a VPC.
pub(super) const BOXES: usize = 60;

/// One VPC.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) title: String,
    pub(super) zones: Vec<Zone>,
    pub(super) tables: Vec<TableBox>,
    pub(super) targets: Vec<TargetBox>,
    /// What is left out.
    pub(super) notes: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Zone {
    pub(super) name: String,
    pub(super) subnets: Vec<SubnetBox>,
}

#[derive(Debug)]
pub(super) struct SubnetBox {
    pub(super) title: String,
    pub(super) kind: Kind,
    pub(super) lines: Vec<String>,
    /// Position in [`Plan::tables`].
    pub(super) table: Option<usize>,
}

#[derive(Debug)]
pub(super) struct TableBox {
    pub(super) title: String,
    pub(super) rows: Vec<RouteRow>,
    /// The strongest kind of its subnets.
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) struct RouteRow {
    pub(super) text: String,
    /// Position in [`Plan::targets`]; none stays in the VPC, or leads nowhere.
    pub(super) target: Option<usize>,
    /// Blackhole.
    pub(super) dead: bool,
}

#[derive(Debug)]
pub(super) struct TargetBox {
    pub(super) title: String,
    pub(super) lines: Vec<String>,
    pub(super) dead: bool,
}

/// What a subnet is, in the words of AWS's documentation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    Public,
    Private,
    Isolated,
}

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Isolated => "isolated",
        }
    }

    fn of(table: Option<&RouteTable>) -> Self {
        let routes = table.into_iter().flat_map(|table| &table.routes).filter(|route| route.active);
        let kinds = routes.map(|route| match (&route.target, &route.destination) {
            (Target::InternetGateway(_), _) => Self::Public,
            (Target::Local, _) | (Target::VpcEndpoint(_), Destination::PrefixList(_)) => Self::Isolated,
            _ => Self::Private,
        });
        kinds.min().unwrap_or(Self::Isolated)
    }
}

/// A plan of each VPC, in the order of the configuration.
pub(super) fn plans(network: &Network) -> Vec<Plan> {
    network.vpcs.iter().map(|vpc| plan(network, vpc)).collect()
}

fn plan(network: &Network, vpc: &Vpc) -> Plan {
    let cidrs: Vec<_> = vpc.cidrs.iter().map(ToString::to_string).collect();
    let mut plan =
        Plan { title: format!("{} · {}", named(&vpc.id, vpc.name.as_deref()), cidrs.join(", ")), ..Plan::default() };
    let tables: HashMap<&Id, &RouteTable> = network.route_tables.iter().map(|table| (&table.id, table)).collect();
    let subnets: Vec<&Subnet> = network.subnets.iter().filter(|subnet| subnet.vpc == vpc.id).collect();
    let mut groups = groups(network, &subnets, &tables);
    let left_out: usize = groups.iter().skip(BOXES).map(|(alike, _)| alike.len()).sum();
    groups.truncate(BOXES);
    let mut used: Vec<(&Id, Kind)> = Vec::new();
    for (subnets, kind) in &groups {
        match used.iter_mut().find(|(table, _)| **table == subnets[0].route_table) {
            Some((_, of)) => *of = (*of).min(*kind),
            None => used.push((&subnets[0].route_table, *kind)),
        }
    }
    let mut targets = Targets::new(network, vpc);
    for (id, kind) in used.iter() {
        let Some(table) = tables.get(id) else { continue };
        let title = named(&table.id, table.name.as_deref());
        plan.tables.push(TableBox { title, rows: rows(&mut targets, &table.routes), kind: *kind });
    }
    for table in network.gateway_route_tables.iter().filter(|table| table.vpc == vpc.id) {
        let title = format!("{} of {}", named(&table.id, table.name.as_deref()), table.gateway);
        plan.tables.push(TableBox { title, rows: rows(&mut targets, &table.routes), kind: Kind::Private });
    }
    targets.unrouted();
    let shape = Shape::of(subnets.len());
    let mut interfaces: HashMap<&Id, Vec<&NetworkInterface>> = HashMap::new();
    for interface in &network.interfaces {
        interfaces.entry(&interface.subnet).or_default().push(interface);
    }
    for (subnets, kind) in &groups {
        let inside = |subnet: &Subnet| interfaces.get(&subnet.id).map_or(&[][..], Vec::as_slice);
        let table = used.iter().position(|(table, _)| **table == subnets[0].route_table);
        let (zone, subnet) = match subnets[..] {
            [subnet] => (zone_of(subnet), alone(network, subnet, inside(subnet), shape)),
            _ => ("subnets that are alike".to_owned(), alike(subnets, &inside)),
        };
        let subnet = SubnetBox { kind: *kind, table, ..subnet };
        match plan.zones.iter_mut().find(|known| known.name == zone) {
            Some(known) => known.subnets.push(subnet),
            None => plan.zones.push(Zone { name: zone, subnets: vec![subnet] }),
        }
    }
    let drawn = |id: &Id| used.iter().any(|(table, _)| *table == id);
    let written = network.route_tables.iter().filter(|it| it.vpc == vpc.id && !it.origin.is_implicit());
    let unused = written.filter(|it| !drawn(&it.id)).count();
    for (number, what) in
        [(unused, "route table without a subnet"), (left_out, "more subnet"), (targets.left_out, "more target")]
    {
        let what = if number == 1 {
            what.to_owned()
        } else {
            what.replace("more subnet", "more subnets").replace("table", "tables").replace("target", "targets")
        };
        plan.notes.extend((number > 0).then(|| format!("not drawn: {number} {what}")));
    }
    plan.targets = targets.boxes;
    plan
}

/// Subnets one by one, or together with those that are alike where the network has many.
fn groups<'a>(
    network: &Network,
    subnets: &[&'a Subnet],
    tables: &HashMap<&Id, &RouteTable>,
) -> Vec<(Vec<&'a Subnet>, Kind)> {
    let kind = |subnet: &Subnet| Kind::of(tables.get(&subnet.route_table).copied());
    if network.subnets.len() <= SUBNETS {
        return subnets.iter().map(|subnet| (vec![*subnet], kind(subnet))).collect();
    }
    let mut groups: Vec<(Vec<&Subnet>, Kind)> = Vec::new();
    let mut at = HashMap::new();
    for subnet in subnets {
        let next = groups.len();
        let at = *at.entry((&subnet.route_table, &subnet.network_acl)).or_insert(next);
        match groups.get_mut(at) {
            Some((alike, _)) => alike.push(subnet),
            None => groups.push((vec![subnet], kind(subnet))),
        }
    }
    groups.sort_by_key(|(alike, _)| std::cmp::Reverse(alike.len()));
    groups
}

fn zone_of(subnet: &Subnet) -> String {
    match &*subnet.availability_zone {
        "" => "availability zone not named".to_owned(),
        zone => zone.to_owned(),
    }
}

/// A name with its id; an id that was made of the name says both.
pub(super) fn named(id: &Id, name: Option<&str>) -> String {
    match name {
        Some(name) if !id.as_str().ends_with(name) => format!("{name} ({id})"),
        _ => id.to_string(),
    }
}
