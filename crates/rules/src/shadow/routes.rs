//! Routes: the longest prefix wins, and of equal ones the one that comes first by 2.4.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use vpcemu_dataplane::Timeline;
use vpcemu_dataplane::fabric::NextHop;
use vpcemu_model::{Destination, Id, Network, Origin, Route, RouteOrigin, Target};

use super::{Says, Shadow, Standing};
use crate::probe::{Detail, Probe, blocks};
use crate::region::range;
use crate::row::RuleName;

/// The standing of each route of each table, in the order in which the table has them.
pub type RouteStandings = HashMap<Id, Vec<Standing>>;

/// The standing of every route of every table: of subnets, of gateways and of transit gateways.
pub fn route_standings(network: &Network) -> RouteStandings {
    let timeline = Timeline::compile([network]);
    let tables = Tables::of(network, &timeline);
    tables.0.iter().map(|table| (table.id.clone(), table.standings())).collect()
}

/// Every route table, with which route has which block.
pub(crate) struct Tables<'a>(pub(crate) Vec<Table<'a>>);

pub(crate) struct Table<'a> {
    pub(crate) id: &'a Id,
    pub(crate) name: Option<&'a str>,
    pub(crate) rows: Vec<Row<'a>>,
    /// The blocks that the engine knows, each with the route that has it.
    pub(crate) winners: HashMap<IpNet, usize>,
}

pub(crate) struct Row<'a> {
    pub(crate) destination: &'a Destination,
    /// Where it leads, as text.
    pub(crate) target: String,
    pub(crate) origin: &'a Origin,
    /// AWS makes it, and nobody can remove it.
    pub(crate) fixed: bool,
    propagated: bool,
    local: bool,
    blocks: Vec<IpNet>,
}

impl<'a> Tables<'a> {
    /// Which route has a block is what the timeline's only fabric says.
    pub(crate) fn of(network: &'a Network, timeline: &Timeline) -> Self {
        let of_subnets = network.route_tables.iter().map(|table| (&table.id, &table.name, &table.routes));
        let of_gateways = network.gateway_route_tables.iter().map(|table| (&table.id, &table.name, &table.routes));
        let mut tables: Vec<Table<'a>> = of_subnets
            .chain(of_gateways)
            .map(|(id, name, routes)| {
                let rows: Vec<_> = routes.iter().map(|route| Row::of(network, route)).collect();
                Table { id, name: name.as_deref(), rows, winners: HashMap::new() }
            })
            .collect();
        for table in network.transit_gateways.iter().flat_map(|gateway| &gateway.route_tables) {
            let rows = table.routes.iter().map(|route| Row {
                destination: &route.destination,
                target: route.attachment.as_ref().map_or_else(|| "blackhole".to_owned(), Id::to_string),
                origin: &route.origin,
                fixed: false,
                propagated: route.route_origin == RouteOrigin::Propagated,
                local: false,
                blocks: of_destination(network, &route.destination),
            });
            let name = table.name.as_deref();
            tables.push(Table { id: &table.id, name, rows: rows.collect(), winners: HashMap::new() });
        }
        for table in &mut tables {
            table.winners = table.find_winners(timeline);
        }
        Self(tables)
    }
}

impl<'a> Row<'a> {
    fn of(network: &Network, route: &'a Route) -> Self {
        let local = route.target == Target::Local;
        let target = route.target.id().map_or("local", Id::as_str);
        Self {
            destination: &route.destination,
            target: if route.active { target.to_owned() } else { format!("{target} (blackhole)") },
            origin: &route.origin,
            fixed: local,
            propagated: route.route_origin == RouteOrigin::Propagated,
            local,
            blocks: of_destination(network, &route.destination),
        }
    }

    /// What comes first of routes for one block (2.4).
    fn precedence(&self) -> (bool, Option<&Id>) {
        let list = match self.destination {
            Destination::Cidr(_) => None,
            Destination::PrefixList(id) => Some(id),
        };
        (self.propagated, list)
    }

    /// How routes are named: by what they are for.
    pub(crate) fn name(&self) -> String {
        match self.destination {
            Destination::Cidr(net) => net.to_string(),
            Destination::PrefixList(list) => list.to_string(),
        }
    }

    /// `0.0.0.0/0 -> igw-igw`.
    pub(crate) fn text(&self) -> String {
        format!("{} -> {}", self.name(), self.target)
    }
}

fn of_destination(network: &Network, destination: &Destination) -> Vec<IpNet> {
    match destination {
        Destination::Cidr(net) => vec![net.trunc()],
        Destination::PrefixList(list) => blocks(network, list).iter().map(IpNet::trunc).collect(),
    }
}

impl Table<'_> {
    /// The engine's blocks, each with the first route that has it and leads where the engine says.
    fn find_winners(&self, timeline: &Timeline) -> HashMap<IpNet, usize> {
        let registry = timeline.registry();
        let compiled = registry.tables.find(self.id).and_then(|index| timeline.fabric(0).table(index));
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by_key(|&at| self.rows[at].precedence());
        let mut having: HashMap<IpNet, Vec<usize>> = HashMap::new();
        for &at in &order {
            self.rows[at].blocks.iter().for_each(|net| having.entry(*net).or_default().push(at));
        }
        let mut winners = HashMap::new();
        for (net, next) in compiled.into_iter().flat_map(|table| table.routes()) {
            let Some(rows) = having.get(&net) else { continue };
            // Of several that were propagated the engine knows which one counts (2.4.4).
            let leads = |at: &&usize| match next {
                NextHop::Edge(edge) => self.rows[**at].target == registry.edges.id(edge).as_str(),
                _ => true,
            };
            winners.insert(net, *rows.iter().find(leads).unwrap_or(&rows[0]));
        }
        winners
    }

    pub(crate) fn standings(&self) -> Vec<Standing> {
        let mut sorted: Vec<(bool, u128, u128, usize)> = self
            .winners
            .iter()
            .map(|(net, row)| {
                let (v6, (from, to)) = range(net);
                (v6, from, to, *row)
            })
            .collect();
        // Of blocks inside blocks the outer one comes first.
        sorted.sort_by_key(|&(v6, from, to, _)| (v6, from, u128::MAX - to));
        let mut won: Vec<Vec<usize>> = vec![Vec::new(); self.rows.len()];
        for (at, (.., row)) in sorted.iter().enumerate() {
            won[*row].push(at);
        }
        self.rows.iter().zip(&won).map(|(row, won)| self.standing(row, won, &sorted)).collect()
    }

    fn standing(&self, row: &Row<'_>, won: &[usize], sorted: &[(bool, u128, u128, usize)]) -> Standing {
        if row.blocks.is_empty() {
            return Standing::MatchesNothing(format!("{} has no blocks", row.name()));
        }
        let mut deciding = Vec::new();
        for &at in won {
            let (v6, from, to, own) = sorted[at];
            // The blocks inside it, outermost first: what lies between them is its own.
            let inside = sorted[at + 1..].iter().take_while(|(other, start, ..)| *other == v6 && *start <= to);
            let mut next = Some(from);
            for &(_, start, end, inner) in inside {
                match next {
                    Some(free) if start > free => break,
                    // Further inside a block that was seen.
                    Some(free) if end < free => continue,
                    None => continue,
                    Some(_) => next = end.checked_add(1).filter(|next| *next <= to),
                }
                if inner != own {
                    deciding.push(inner);
                }
            }
            if let Some(free) = next {
                return Standing::Decides(of_address(v6, free));
            }
        }
        // Blocks of others that are the same, or that a propagated route loses to (2.4.2).
        for net in &row.blocks {
            match self.winners.get(net) {
                Some(winner) if std::ptr::eq(&self.rows[*winner], row) => {}
                Some(winner) => deciding.push(*winner),
                None => {
                    let around = |other: &Row<'_>| other.local && other.blocks.iter().any(|own| own.contains(net));
                    deciding.extend((0..self.rows.len()).filter(|at| around(&self.rows[*at])));
                }
            }
        }
        let mut by: Vec<RuleName> = Vec::new();
        for name in deciding.iter().map(|at| RuleName::Text(self.rows[*at].text())) {
            if !by.contains(&name) {
                by.push(name);
            }
        }
        let says = Says::of(deciding.iter().map(|at| self.rows[*at].target == row.target));
        Standing::Shadowed(Shadow { by, says })
    }
}

fn of_address(v6: bool, address: u128) -> Probe {
    let peer = match v6 {
        false => IpAddr::V4(Ipv4Addr::from_bits(address as u32)),
        true => IpAddr::V6(Ipv6Addr::from_bits(address)),
    };
    // Routes look at the destination alone: any protocol will do.
    Probe { protocol: 0, detail: Detail::None, peer, groups: Vec::new() }
}
