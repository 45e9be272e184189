//! Transit gateways with their attachments and tables.

use std::collections::HashSet;

use ipnet::IpNet;

use crate::{
    AttachmentKind, Destination, Id, Kind, RouteOrigin, TransitGateway, TransitGatewayAttachment, TransitGatewayRoute,
};

use super::Page;
use super::behavior::word;
use super::toml;

impl<'a> Page<'a> {
    pub(super) fn transit_gateways(&mut self) {
        let network = self.network;
        for gateway in &network.transit_gateways {
            self.transit_gateway(gateway);
        }
    }

    fn transit_gateway(&mut self, gateway: &'a TransitGateway) {
        self.heading("transit_gateway", Kind::TransitGateway, &gateway.id, &gateway.origin);
        self.name_of(Kind::TransitGateway, &gateway.id, gateway.name.as_ref());
        self.flag("security_group_referencing", gateway.security_group_referencing, false);
        let name = toml::key(&self.names.get(Kind::TransitGateway, &gateway.id));
        let learned = Learned::of(gateway);
        let propagates = self.all_propagate(gateway, &learned);
        // The only table is that of attachments which name none.
        let default = match gateway.route_tables.as_slice() {
            [only] => Some(&only.id),
            _ => None,
        };
        for attachment in &gateway.attachments {
            let own = toml::key(&self.names.get(Kind::TransitGatewayAttachment, &attachment.id));
            self.heading_of(&format!("transit_gateway.{name}.attachment.{own}"), &attachment.id, &attachment.origin);
            self.attachment(attachment);
            match &attachment.route_table {
                Some(table) if Some(table) != default => {
                    self.refer("route_table", Kind::TransitGatewayRouteTable, table);
                }
                None if default.is_some() => self.flag("associated", false, true),
                _ => {}
            }
            let learning: Vec<&Id> = match propagates {
                true => learned.by(gateway, attachment),
                false => Vec::new(),
            };
            // What announces nothing propagates nothing, wherever to.
            let by_itself = match default {
                Some(default) => learning == [default] || self.blocks(attachment).is_empty(),
                None => learning.is_empty(),
            };
            if !by_itself {
                self.refer_all("propagate_to", Kind::TransitGatewayRouteTable, learning);
            }
            self.flag("available", attachment.available, true);
        }
        for table in &gateway.route_tables {
            let own = toml::key(&self.names.get(Kind::TransitGatewayRouteTable, &table.id));
            self.heading_of(&format!("transit_gateway.{name}.route_table.{own}"), &table.id, &table.origin);
            self.name_of(Kind::TransitGatewayRouteTable, &table.id, table.name.as_ref());
            let written = table.routes.iter().filter(|it| !propagates || it.route_origin == RouteOrigin::Static);
            let rows: Vec<_> = written.map(|route| self.transit_route(route)).collect();
            if !rows.is_empty() {
                self.set("routes", toml::rows(rows));
            }
        }
    }

    fn attachment(&mut self, attachment: &'a TransitGatewayAttachment) {
        match &attachment.kind {
            AttachmentKind::Vpc(of) => {
                self.refer("vpc", Kind::Vpc, &of.vpc);
                self.owned_interfaces(&of.interfaces, attachment.id.as_str());
                self.flag("appliance_mode", of.appliance_mode, false);
                self.flag("security_group_referencing", of.security_group_referencing, false);
                self.flag("ipv6", of.ipv6, false);
            }
            AttachmentKind::Outside { medium, prefixes } => {
                self.set_text("type", Some(&word(medium)));
                if !prefixes.is_empty() {
                    self.set("prefixes", toml::texts(prefixes));
                }
            }
        }
    }

    fn transit_route(&self, route: &TransitGatewayRoute) -> String {
        let attachment = route.attachment.as_ref();
        let via = attachment.map_or_else(
            || "blackhole".to_owned(),
            |id| {
                let name = self.names.get(Kind::TransitGatewayAttachment, id);
                if name == "blackhole" { id.to_string() } else { name }
            },
        );
        self.row(&route.destination, &via, route.route_origin).done()
    }

    /// What an attachment announces.
    fn blocks(&self, attachment: &'a TransitGatewayAttachment) -> Vec<IpNet> {
        match &attachment.kind {
            AttachmentKind::Vpc(of) => {
                let blocks = self.network.vpc(&of.vpc).into_iter().flat_map(|vpc| &vpc.cidrs);
                blocks.filter(|block| of.ipv6 || block.addr().is_ipv4()).copied().collect()
            }
            AttachmentKind::Outside { prefixes, .. } => prefixes.clone(),
        }
    }

    /// Whether every table has its static routes and then, attachment by attachment, all that some of them announce: then
    /// `propagate_to` says it all. A dump may have found others, or in another order.
    fn all_propagate(&self, gateway: &'a TransitGateway, learned: &Learned<'a>) -> bool {
        gateway.route_tables.iter().all(|table| {
            let of_static = table.routes.iter().take_while(|route| route.route_origin == RouteOrigin::Static).count();
            let known = gateway.attachments.iter().filter(|it| learned.pairs.contains(&(&table.id, &it.id)));
            let expected = known.flat_map(|it| self.blocks(it).into_iter().map(|block| (block, &it.id)));
            let found = table.routes[of_static..].iter().map(|route| match (&route.destination, &route.attachment) {
                (Destination::Cidr(block), Some(id)) if route.route_origin == RouteOrigin::Propagated => {
                    Some((*block, id))
                }
                _ => None,
            });
            found.eq(expected.map(Some))
        })
    }
}

/// Which tables have anything that an attachment announces.
struct Learned<'a> {
    /// Tables and attachments.
    pairs: HashSet<(&'a Id, &'a Id)>,
}

impl<'a> Learned<'a> {
    fn of(gateway: &'a TransitGateway) -> Self {
        let mut pairs = HashSet::new();
        for table in &gateway.route_tables {
            let propagated = table.routes.iter().filter(|route| route.route_origin == RouteOrigin::Propagated);
            pairs.extend(propagated.filter_map(|route| Some((&table.id, route.attachment.as_ref()?))));
        }
        Self { pairs }
    }

    /// The tables that an attachment propagates into.
    fn by(&self, gateway: &'a TransitGateway, attachment: &TransitGatewayAttachment) -> Vec<&'a Id> {
        let tables = gateway.route_tables.iter().map(|table| &table.id);
        tables.filter(|table| self.pairs.contains(&(*table, &attachment.id))).collect()
    }
}
