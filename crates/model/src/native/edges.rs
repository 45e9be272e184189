//! What holds for packets at the edge of a VPC: route tables of gateways (2.15) and Block Public Access (3.15).

use toml::Spanned;

use crate::finding::Finding;
use crate::{BlockExclusion, BlockPublicAccess, GatewayRouteTable, Id, Kind, Route};

use super::build::Builder;
use super::file::{BlockPublicAccessFile, GatewayRouteTableFile, Named, Text};
use super::text::help_for_unknown;

impl Builder<'_> {
    pub(crate) fn gateway_route_tables(&mut self, tables: Named<GatewayRouteTableFile>) {
        for (name, table) in tables {
            let id = Id::named(Kind::RouteTable, name.get_ref());
            let written = self.routes(&id, &table.routes);
            self.own_id(&id, &name);
            let gateways: Vec<_> = table.gateway.iter().chain(&table.gateways).collect();
            if gateways.is_empty() {
                let text = format!("{id} needs a `gateway`: an internet gateway, or a `vgw-` id");
                self.error("no-gateway", name.span(), text);
                self.broken.insert(id.clone());
            }
            for gateway in gateways {
                self.edge_table((&id, &name, table.name.as_ref()), table.vpc.as_ref(), gateway, &written);
            }
        }
    }

    /// The table of one gateway, with the routes that are written.
    pub(crate) fn edge_table(
        &mut self,
        (id, name, shown): (&Id, &Text, Option<&String>),
        vpc: Option<&Text>,
        gateway: &Text,
        written: &[Route],
    ) {
        let gateway = self.edge_gateway(gateway, name);
        let internet = self.network.internet_gateways.iter().find(|it| Some(&it.id) == gateway.as_ref());
        let private = self.network.vpn_gateways.iter().find(|it| Some(&it.id) == gateway.as_ref());
        let described = internet.is_some() || private.is_some();
        let of_gateway = match (internet, private) {
            (Some(gateway), _) => gateway.vpc.clone(),
            (None, private) => private.and_then(|gateway| gateway.vpc.clone()),
        };
        let vpc = match (vpc, of_gateway) {
            (None, Some(vpc)) => Some(vpc),
            (named, _) => self.vpc(named, name),
        };
        let (Some(gateway), Some(vpc)) = (gateway, vpc) else {
            self.broken.insert(id.clone());
            return;
        };
        if !described {
            let text = format!("the file does not describe it; it is taken to be attached to {vpc}");
            self.assume("EDGE_GATEWAY", &gateway, text);
        }
        let routes = self.with_local_routes(&vpc, written.to_vec());
        let origin = self.at(name.span());
        let (id, name) = (id.clone(), Self::shown(Kind::RouteTable, name, shown.cloned()));
        self.network.gateway_route_tables.push(GatewayRouteTable { id, name, vpc, gateway, routes, origin });
    }

    /// One name, one table: here it is of subnets or of one gateway.
    fn own_id(&mut self, id: &Id, name: &Text) {
        let of_subnets = self.network.route_tables.iter().map(|table| (&table.id, &table.origin));
        let of_gateways = self.network.gateway_route_tables.iter().map(|table| (&table.id, &table.origin));
        if let Some((_, other)) = of_subnets.chain(of_gateways).find(|(known, _)| *known == id) {
            let finding = Finding::error("duplicate-id", &self.at(name.span()), format!("the id {id} is given twice"));
            let finding = finding.related(other, format!("{id} is here too"));
            self.findings.push(finding);
        }
    }

    /// The gateway that a table is associated with; it need not be in the model if it is a virtual private one.
    fn edge_gateway(&mut self, named: &Text, of: &Text) -> Option<Id> {
        let private = Id::named(Kind::VpnGateway, named.get_ref());
        let id = Id::named(Kind::InternetGateway, named.get_ref());
        let described = self.network.vpn_gateways.iter().any(|gateway| gateway.id == private);
        // An id of either kind that no prefix tells from the other is that of the gateway which the file has.
        let is_internet = self.network.internet_gateways.iter().any(|gateway| gateway.id == id);
        let stands_for_itself = !is_internet && Id::is_name_of_itself(Kind::VpnGateway, named.get_ref());
        if described || stands_for_itself || self.broken.contains(&private) {
            return Some(private);
        }
        let known = self.network.internet_gateways.iter().map(|gateway| &gateway.id);
        if known.clone().any(|known| *known == id) {
            return Some(id);
        }
        if !self.broken.contains(&id) {
            let help = help_for_unknown(Kind::InternetGateway, &id, known);
            let text = format!("`{}` names {id}, which does not exist", of.get_ref());
            self.error_with_help("unknown-reference", named.span(), text, help);
        }
        None
    }

    pub(crate) fn block_public_access(&mut self, file: BlockPublicAccessFile) {
        let mut exclusions = Vec::new();
        for exclusion in file.exclusions {
            let (origin, span) = (self.at(exclusion.span()), exclusion.span());
            let exclusion = exclusion.into_inner();
            // What it is called in findings.
            let of = Spanned::new(span.clone(), "block_public_access".to_owned());
            let scope = match (&exclusion.subnet, &exclusion.vpc) {
                (Some(subnet), None) => self.reference(Kind::Subnet, subnet, &of),
                (None, Some(vpc)) => self.reference(Kind::Vpc, vpc, &of),
                _ => {
                    let text = "an exclusion is of either a `subnet` or a `vpc`";
                    self.error("exclusion-scope", span, text);
                    continue;
                }
            };
            exclusions.push(BlockExclusion { scope, allows: exclusion.mode, origin });
        }
        self.network.block_public_access = BlockPublicAccess { mode: file.mode.unwrap_or_default(), exclusions };
    }
}
