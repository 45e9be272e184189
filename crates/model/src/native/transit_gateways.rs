//! Transit gateways with their attachments and tables (10.21-10.27).

use std::collections::BTreeMap;

use ipnet::IpNet;
use toml::Spanned;

use crate::{
    AttachmentKind, AttachmentMedium, Destination, Id, InterfaceKind, Kind, NetworkInterface, RouteOrigin,
    TransitGateway, TransitGatewayAttachment, TransitGatewayRoute, TransitGatewayRouteTable, VpcAttachment,
};

use super::build::Builder;
use super::file::{AttachmentFile, Named, RouteFile, Text, TransitGatewayFile, TransitTableFile};
use super::gateways::made_eni;
use super::hosts::interface;
use super::text::{help_for_unknown, listed};

/// The tables of a gateway being built, with the one that attachments use that name none.
struct Tables {
    tables: Vec<TransitGatewayRouteTable>,
    default: Option<Id>,
}

impl Builder<'_> {
    pub(crate) fn transit_gateways(&mut self, gateways: Named<TransitGatewayFile>) {
        for (name, gateway) in gateways {
            let id = Id::named(Kind::TransitGateway, name.get_ref());
            let mut tables = self.transit_tables(&id, &name, &gateway.route_table);
            let mut attachments = Vec::new();
            for (attached, file) in in_order(&gateway.attachment) {
                attachments.extend(self.attachment(attached, file, &mut tables));
            }
            for (table, file) in in_order(&gateway.route_table) {
                let routes = self.transit_routes(table, file, &attachments);
                let id = Id::named(Kind::TransitGatewayRouteTable, table.get_ref());
                if let Some(table) = tables.tables.iter_mut().find(|it| it.id == id) {
                    table.routes.splice(0..0, routes);
                }
            }
            let origin = self.at(name.span());
            self.network.transit_gateways.push(TransitGateway {
                id,
                name: Self::shown(Kind::TransitGateway, &name, gateway.name),
                security_group_referencing: gateway.security_group_referencing,
                attachments,
                route_tables: tables.tables,
                origin,
            });
        }
    }

    /// The tables of the file; without any, the one that AWS makes with a gateway (10.22).
    fn transit_tables(&mut self, id: &Id, name: &Text, files: &BTreeMap<Text, TransitTableFile>) -> Tables {
        let table = |id, name, origin| TransitGatewayRouteTable { id, name, routes: Vec::new(), origin };
        if files.is_empty() {
            let short = id.as_str().strip_prefix(Kind::TransitGateway.prefix()).unwrap_or(id.as_str());
            let made = Id::of(Kind::TransitGatewayRouteTable, short);
            return Tables { tables: vec![table(made.clone(), None, self.at(name.span()))], default: Some(made) };
        }
        let mut tables = Vec::new();
        let mut default: Option<(Id, &Text)> = None;
        for (name, file) in in_order(files) {
            let id = Id::named(Kind::TransitGatewayRouteTable, name.get_ref());
            let shown = Self::shown(Kind::TransitGatewayRouteTable, name, file.name.clone());
            tables.push(table(id.clone(), shown, self.at(name.span())));
            if !file.default && files.len() > 1 {
                continue;
            }
            match &default {
                Some((_, first)) => {
                    let text = format!("{id} is the second default table of its transit gateway");
                    let finding = crate::finding::Finding::error("two-defaults", &self.at(name.span()), text);
                    self.findings.push(finding.related(&self.at(first.span()), "the first one"));
                }
                None => default = Some((id, name)),
            }
        }
        Tables { tables, default: default.map(|(id, _)| id) }
    }

    fn attachment(
        &mut self,
        name: &Text,
        file: &AttachmentFile,
        tables: &mut Tables,
    ) -> Option<TransitGatewayAttachment> {
        let id = Id::named(Kind::TransitGatewayAttachment, name.get_ref());
        let route_table = match &file.route_table {
            Some(named) => Some(self.transit_table(named, name, tables)),
            None if !file.associated.unwrap_or(true) => None,
            None => tables.default.clone(),
        };
        if let (Some(named), Some(false)) = (&file.route_table, file.associated) {
            let text = format!("{id} is associated with no table, and names one");
            self.error_with_help("not-associated", named.span(), text, "leave out one of the two");
        }
        let learning: Vec<Id> = match &file.propagate_to {
            Some(named) => named.iter().map(|named| self.transit_table(named, name, tables)).collect(),
            None => tables.default.clone().into_iter().collect(),
        };
        let prefixes = self.blocks(&file.prefixes);
        let Some((kind, blocks)) = self.attached(&id, name, file, prefixes) else {
            self.broken.insert(id);
            return None;
        };
        let origin = self.at(name.span());
        for table in tables.tables.iter_mut().filter(|table| learning.contains(&table.id)) {
            table.routes.extend(blocks.iter().map(|block| TransitGatewayRoute {
                destination: Destination::Cidr(*block),
                attachment: Some(id.clone()),
                route_origin: RouteOrigin::Propagated,
                origin: origin.clone(),
            }));
        }
        Some(TransitGatewayAttachment { id, kind, route_table, available: file.available.unwrap_or(true), origin })
    }

    /// What is attached, with the blocks that it propagates.
    fn attached(
        &mut self,
        id: &Id,
        name: &Text,
        file: &AttachmentFile,
        prefixes: Vec<IpNet>,
    ) -> Option<(AttachmentKind, Vec<IpNet>)> {
        let medium = file.medium.as_ref().map(|medium: &Spanned<AttachmentMedium>| *medium.get_ref());
        match (medium, file.subnets.is_empty()) {
            (Some(medium), true) if file.vpc.is_none() => {
                Some((AttachmentKind::Outside { medium, prefixes: prefixes.clone() }, prefixes))
            }
            (None, without_subnets) if prefixes.is_empty() && (!without_subnets || file.enis.is_some()) => {
                let (vpc, interfaces) = match (&file.enis, &file.vpc) {
                    (Some(enis), Some(vpc)) if without_subnets && file.addresses.is_empty() => {
                        let vpc = self.reference(Kind::Vpc, vpc, name);
                        (vpc, self.owned(enis, InterfaceKind::TransitGateway, name))
                    }
                    _ => self.attachment_interfaces(id, name, file)?,
                };
                let cidrs = self.built_vpc(&vpc).map(|vpc| vpc.cidrs.clone()).unwrap_or_default();
                // A VPC that does not take IPv6 does not announce it either.
                let blocks = cidrs.into_iter().filter(|net| file.ipv6 || net.addr().is_ipv4()).collect();
                let attachment = VpcAttachment {
                    vpc,
                    interfaces,
                    appliance_mode: file.appliance_mode,
                    security_group_referencing: file.security_group_referencing,
                    ipv6: file.ipv6,
                };
                Some((AttachmentKind::Vpc(attachment), blocks))
            }
            _ => {
                let text = format!("{id} is either of a `vpc` with `subnets`, or of a `type` with `prefixes`");
                let help = "a type is one of vpn, direct-connect, connect, peering";
                self.error_with_help("attachment", name.span(), text, help);
                None
            }
        }
    }

    /// One interface in each subnet (10.21).
    fn attachment_interfaces(&mut self, id: &Id, name: &Text, file: &AttachmentFile) -> Option<(Id, Vec<Id>)> {
        let (subnets, addresses) = (file.subnets.len(), file.addresses.len());
        if addresses > 0 && addresses != subnets {
            let text = "an attachment has one of `addresses` in each of its `subnets`";
            let help = format!("here are {subnets} subnets and {addresses} addresses");
            self.error_with_help("attachment-addresses", name.span(), text, help);
        }
        self.as_many(file.enis.as_deref(), subnets, name);
        let mut vpc = file.vpc.as_ref().map(|vpc| self.reference(Kind::Vpc, vpc, name));
        let mut interfaces = Vec::new();
        for (number, at) in file.subnets.iter().enumerate() {
            let subnet = self.subnet(Some(at), name)?;
            let of = vpc.get_or_insert_with(|| subnet.vpc.clone());
            // One that does not exist was said to be missing.
            if *of != subnet.vpc && !self.missing.contains(of) {
                let text = format!("{id} is of {of}, and {} is of {}", subnet.id, subnet.vpc);
                self.error("other-vpc", at.span(), text);
            }
            let (mut ipv4, ipv6) = match file.addresses.get(number) {
                Some(address) => self.addresses(std::slice::from_ref(address)),
                None => (Vec::new(), Vec::new()),
            };
            if ipv4.is_empty() && ipv6.is_empty() {
                ipv4.extend(self.free_address(&subnet));
            }
            let eni = made_eni(file.enis.as_deref(), number + 1, id.as_str());
            let origin = self.at(at.span());
            self.network.interfaces.push(NetworkInterface {
                ipv4,
                ipv6,
                source_dest_check: false,
                ..interface(eni.clone(), subnet.id, InterfaceKind::TransitGateway, origin)
            });
            interfaces.push(eni);
        }
        vpc.map(|vpc| (vpc, interfaces))
    }

    /// The id that a name refers to, whether there is such a table or not.
    fn transit_table(&mut self, named: &Text, of: &Text, tables: &Tables) -> Id {
        let id = Id::named(Kind::TransitGatewayRouteTable, named.get_ref());
        let known = tables.tables.iter().map(|table| &table.id);
        if known.clone().any(|known| *known == id) {
            return id;
        }
        let help = help_for_unknown(Kind::TransitGatewayRouteTable, &id, known);
        let text = format!("`{}` names {id}, which its transit gateway does not have", of.get_ref());
        self.error_with_help("unknown-reference", named.span(), text, help);
        self.missing.insert(id.clone());
        id
    }

    fn transit_routes(
        &mut self,
        name: &Text,
        file: &TransitTableFile,
        attachments: &[TransitGatewayAttachment],
    ) -> Vec<TransitGatewayRoute> {
        let mut routes = Vec::new();
        for route in &file.routes {
            let origin = self.at(route.span());
            let RouteFile { to: Some(to), via: Some(via), active, propagated } = route.get_ref() else {
                self.error("no-route", route.span(), "a route needs `to`, its destination, and `via`, its target");
                continue;
            };
            if active.is_some() {
                let help = "write via = \"blackhole\" for one that drops what it matches";
                let text = "a route of a transit gateway has no `active`";
                self.error_with_help("transit-route-active", route.span(), text, help);
            }
            let destination = self.destination(to);
            let id = Id::named(Kind::TransitGatewayAttachment, via.get_ref());
            let known = attachments.iter().any(|attachment| attachment.id == id) || self.broken.contains(&id);
            let attachment = match via.get_ref().as_str() {
                "blackhole" => None,
                _ if known => Some(id),
                _ => {
                    let there = listed(attachments.iter().map(|attachment| &attachment.id));
                    let text = format!("a route of `{}` leads to {id}, which does not exist", name.get_ref());
                    let help = format!("there is {there}; or write \"blackhole\"");
                    self.error_with_help("unknown-target", via.span(), text, help);
                    continue;
                }
            };
            let route_origin = if *propagated { RouteOrigin::Propagated } else { RouteOrigin::Static };
            routes.extend(destination.map(|destination| TransitGatewayRoute {
                destination,
                attachment,
                route_origin,
                origin,
            }));
        }
        routes
    }
}

/// Maps have the order of names; the model has that of the file.
fn in_order<T>(named: &BTreeMap<Text, T>) -> Vec<(&Text, &T)> {
    let mut named: Vec<_> = named.iter().collect();
    named.sort_by_key(|(name, _)| name.span().start);
    named
}
