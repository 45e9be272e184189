//! Route tables, of subnets and of gateways.

use std::collections::HashSet;

use crate::native::defaults::local_route;
use crate::{Destination, GatewayRouteTable, Id, Kind, Route, RouteOrigin};

use super::Page;
use super::toml::{self, Row, text};

impl Page<'_> {
    pub(super) fn route_tables(&mut self) {
        let network = self.network;
        let of = |id: &Id| network.gateway_route_tables.iter().filter(|edge| edge.id == *id).collect::<Vec<_>>();
        // A table that routes for subnets too has its gateways there.
        let mut placed = HashSet::new();
        for table in &network.route_tables {
            if self.implied.is_left_out(Kind::RouteTable, &table.id) {
                continue;
            }
            self.heading("route_table", Kind::RouteTable, &table.id, &table.origin);
            self.name_of(Kind::RouteTable, &table.id, table.name.as_ref());
            self.of_vpc(&table.vpc);
            self.flag("main", self.implied.is_default(Kind::RouteTable, &table.id), false);
            self.routes(&table.vpc, &table.routes);
            let edges = of(&table.id);
            if !edges.is_empty() {
                self.edge_gateways(&edges);
                placed.insert(&table.id);
            }
        }
        for table in &network.gateway_route_tables {
            if !placed.insert(&table.id) {
                continue;
            }
            self.heading("gateway_route_table", Kind::RouteTable, &table.id, &table.origin);
            self.name_of(Kind::RouteTable, &table.id, table.name.as_ref());
            match of(&table.id).as_slice() {
                [only] => {
                    let gateway = self.edge_gateway(&only.gateway);
                    self.set_text("gateway", Some(&gateway));
                }
                several => self.edge_gateways(several),
            }
            self.of_vpc(&table.vpc);
            self.routes(&table.vpc, &table.routes);
        }
    }

    fn edge_gateways(&mut self, tables: &[&GatewayRouteTable]) {
        let gateways = toml::texts(tables.iter().map(|table| self.edge_gateway(&table.gateway)));
        self.set("gateways", gateways);
    }

    /// By its id: a short name may be that of gateways of both kinds.
    fn edge_gateway(&self, gateway: &Id) -> String {
        let internet = self.network.internet_gateways.iter().any(|it| it.id == *gateway);
        gateway.as_name(if internet { Kind::InternetGateway } else { Kind::VpnGateway })
    }

    /// The routes of a table, without the local ones that the reader adds.
    fn routes(&mut self, vpc: &Id, routes: &[Route]) {
        let blocks = self.network.vpc(vpc).map(|vpc| vpc.cidrs.as_slice()).unwrap_or_default();
        let locals: Vec<_> = blocks.iter().copied().map(local_route).collect();
        let is_local = |route: &Route| locals.iter().any(|local| local.is_same(route));
        let written: Vec<_> = routes.iter().filter(|route| !is_local(route)).collect();
        // As the reader puts them together: in front, one for each block that has no other route.
        let added = locals.iter().filter(|local| written.iter().all(|route| route.destination != local.destination));
        let read: Vec<_> = added.chain(written.iter().copied()).collect();
        let is_added = read.len() == routes.len() && read.iter().zip(routes).all(|(read, route)| read.is_same(route));
        let rows: Vec<_> = match is_added {
            true => written.into_iter().map(|route| self.route(route)).collect(),
            false => routes.iter().map(|route| self.route(route)).collect(),
        };
        if !rows.is_empty() {
            self.set("routes", toml::rows(rows));
        }
    }

    fn route(&self, route: &Route) -> String {
        let (via, drops) = self.names.target(&route.target);
        self.row(&route.destination, &via, route.route_origin)
            .set("active", (!route.active && !drops).then(|| "false".to_owned()))
            .done()
    }

    pub(super) fn row(&self, destination: &Destination, via: &str, origin: RouteOrigin) -> Row {
        let row = Row::new().set("to", text(&self.names.destination(destination))).set("via", text(via));
        row.flag("propagated", origin == RouteOrigin::Propagated)
    }
}
