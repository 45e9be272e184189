//! Where route tables lead to what may rewrite addresses, worked out for all addresses at once.

use std::net::IpAddr;
use std::sync::Arc;

use smallvec::SmallVec;
use vpcemu_model::Forwarding;

use crate::fabric::{AddressMap, EndpointKind, Fabric, FixedMap, Neighbor, NextHop, RouteTable, Stretches};
use crate::index::{SubnetIx, TableIx};

/// Where the tables of subnets lead to a translator, once for all subnets whose tables lead alike. Number 0 stands for
/// tables that never do.
#[derive(Debug, Default)]
pub(super) struct Leads {
    /// 1 where they do, by number less one.
    towards: Vec<AddressMap>,
}

impl Leads {
    /// Of all configurations of a run, with the number that each address has as a source. Where subnets of several VPCs, or
    /// of several configurations, have an address, any of their tables counts.
    pub(super) fn of(timeline: &[Arc<Fabric>]) -> (Self, Stretches) {
        let mut shapes = Shapes::default();
        let mut subnets = Vec::new();
        for fabric in timeline {
            let inward = Inward::of(fabric);
            let mut of_tables: FixedMap<TableIx, u32> = FixedMap::default();
            for (_, subnet) in fabric.subnets() {
                let shape = *of_tables.entry(subnet.table).or_insert_with(|| {
                    let routes = fabric.table(subnet.table);
                    routes.map_or(0, |routes| shapes.number(inward.translators(routes)))
                });
                subnets.extend(subnet.cidrs.iter().filter(|_| shape > 0).map(|net| (*net, shape)));
            }
        }
        let sources = Stretches::of_blocks(0, subnets, |around, same| {
            let mut shapes_of: SmallVec<[u32; 4]> =
                same.iter().map(|it| it.2).chain([around]).filter(|it| *it > 0).collect();
            shapes_of.sort_unstable();
            shapes_of.dedup();
            shapes.union(&shapes_of)
        });
        (Self { towards: shapes.all.iter().map(AddressMap::new).collect() }, sources)
    }

    /// Whether tables of that number, which is not 0, lead to a translator for `destination`.
    pub(super) fn lead(&self, number: u32, destination: IpAddr) -> bool {
        self.towards.get(number as usize - 1).is_some_and(|towards| towards.find(destination) != 0)
    }
}

/// Where tables lead to translators, each way to do so once and by number from 1.
#[derive(Default)]
struct Shapes {
    all: Vec<Stretches>,
    known: FixedMap<Stretches, u32>,
    unions: FixedMap<SmallVec<[u32; 4]>, u32>,
}

impl Shapes {
    /// The number of a shape; 0 if it is one of leading nowhere.
    fn number(&mut self, shape: Stretches) -> u32 {
        if shape == Stretches::default() {
            return 0;
        }
        let next = self.all.len() as u32 + 1;
        *self.known.entry(shape).or_insert_with_key(|shape| {
            self.all.push(shape.clone());
            next
        })
    }

    /// The number of what any of these shapes does.
    fn union(&mut self, shapes: &SmallVec<[u32; 4]>) -> u32 {
        match (shapes.as_slice(), self.unions.get(shapes)) {
            ([], _) => 0,
            ([one], _) | (_, Some(one)) => *one,
            _ => {
                let all = shapes.iter().map(|shape| self.all[*shape as usize - 1].clone()).collect();
                let number = self.number(Stretches::any(all));
                self.unions.insert(shapes.clone(), number);
                number
            }
        }
    }
}

/// What routes of a fabric lead to translators.
pub(super) struct Inward<'a> {
    fabric: &'a Fabric,
    /// Whether there is any translator that an appliance or a transit gateway could stand in front of.
    has_translator: bool,
}

impl<'a> Inward<'a> {
    pub(super) fn of(fabric: &'a Fabric) -> Self {
        let instance = |eni: &crate::fabric::Eni| eni.forward == Some(Forwarding::NatInstance);
        let has_translator = fabric.nats().next().is_some() || fabric.enis().any(|(_, eni)| instance(eni));
        Self { fabric, has_translator }
    }

    /// Whether a route leads to what may rewrite addresses: an appliance, an endpoint of a Gateway Load Balancer or a transit
    /// gateway may stand in front of a translator.
    fn is_translator(&self, next: NextHop) -> bool {
        let fabric = self.fabric;
        match next {
            NextHop::NatGateway(_) => true,
            NextHop::Interface(eni) => fabric.eni(eni).is_some_and(|eni| eni.forward.is_some()),
            NextHop::Edge(edge) => {
                matches!(fabric.edge(edge), Some(Neighbor::TransitGateway(_))) && self.has_translator
            }
            NextHop::Endpoint(endpoint) => {
                let kind = fabric.endpoint(endpoint).map(|endpoint| &endpoint.kind);
                matches!(kind, Some(EndpointKind::LoadBalancer { .. })) && self.has_translator
            }
            _ => false,
        }
    }

    /// Whether a NAT gateway's route may lead to clients beyond a transit gateway, by middleboxes or straight.
    fn is_inward(&self, next: NextHop) -> bool {
        !matches!(next, NextHop::NatGateway(_)) && self.is_translator(next)
    }

    /// 1 where a table leads to a translator.
    fn translators(&self, routes: &RouteTable) -> Stretches {
        routes
            .stretches()
            .map(|start, _| u32::from(routes.lookup(start).is_some_and(|hit| self.is_translator(hit.next))))
    }

    /// 1 where the table of a NAT gateway may lead to its clients beyond a transit gateway; `None` if nowhere. The subnet is
    /// the gateway's, if it has one.
    pub(super) fn clients(&self, table: TableIx, subnet: Option<SubnetIx>) -> Option<Stretches> {
        let fabric = self.fabric;
        let routes = fabric.table(table)?;
        if !routes.routes().any(|(_, next)| self.is_inward(next)) {
            return None;
        }
        // What a default route leads to the transit gateway's own table tells.
        let defaults = routes.routes().filter(|(net, _)| net.prefix_len() == 0);
        let beyond = defaults.filter_map(|(_, next)| match next {
            NextHop::Edge(edge) => fabric.transit_table(edge, subnet?),
            _ => None,
        });
        let bounds = beyond.fold(routes.stretches(), |bounds, table| {
            let mut stretch = 0;
            bounds.zip(&table.stretches(), |_, _| {
                stretch += 1;
                stretch
            })
        });
        Some(bounds.map(|start, _| u32::from(self.is_client(routes, subnet, start))))
    }

    fn is_client(&self, routes: &RouteTable, subnet: Option<SubnetIx>, end: IpAddr) -> bool {
        let Some(hit) = routes.lookup(end).filter(|hit| self.is_inward(hit.next)) else { return false };
        if routes.net(hit.route).is_some_and(|net| net.prefix_len() > 0) {
            return true;
        }
        let (NextHop::Edge(edge), Some(subnet)) = (hit.next, subnet) else { return false };
        matches!(self.fabric.transit(edge, subnet, end), Some((_, None)))
    }
}
