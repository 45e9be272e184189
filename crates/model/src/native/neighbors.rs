//! Peering connections and virtual private gateways.

use crate::{Destination, Id, Kind, PeeredVpc, Route, RouteOrigin, Target, VpcPeeringConnection, VpnGateway};

use super::build::Builder;
use super::file::{Named, PeeringFile, Text, VpnGatewayFile};

impl Builder<'_> {
    pub(crate) fn peerings(&mut self, peerings: Named<PeeringFile>) {
        for (name, peering) in peerings {
            let id = Id::of(Kind::VpcPeeringConnection, name.get_ref());
            let cidrs = self.blocks(&peering.peer_cidrs);
            let requester = match &peering.requester {
                Some(vpc) => Some(self.peered(vpc, &name)),
                None => self.vpc(None, &name),
            };
            let accepter = match &peering.accepter {
                Some(vpc) => Some(self.peered(vpc, &name)),
                // Who is over there does not matter where the blocks are said.
                None if !cidrs.is_empty() => Some(Id::of(Kind::Vpc, &format!("{}-peer", short(&id)))),
                None => {
                    let help = "write accepter = \"NAME\", or peer_cidrs = [...] of a VPC that is not in the file";
                    self.error_with_help("no-accepter", name.span(), format!("{id} needs an `accepter`"), help);
                    None
                }
            };
            let (Some(requester), Some(accepter)) = (requester, accepter) else {
                self.broken.insert(id);
                continue;
            };
            let outside = |vpc: &Id| self.built_vpc(vpc).is_none();
            let side = |vpc: Id| PeeredVpc { cidrs: if outside(&vpc) { cidrs.clone() } else { Vec::new() }, vpc };
            let (requester, accepter) = (side(requester), side(accepter));
            let origin = self.at(name.span());
            self.network.vpc_peering_connections.push(VpcPeeringConnection {
                id,
                name: Some(name.into_inner()),
                requester,
                accepter,
                inter_region: peering.inter_region,
                active: peering.active.unwrap_or(true),
                origin,
            });
        }
    }

    /// A VPC of the file, or one outside of it by its id.
    fn peered(&mut self, vpc: &Text, of: &Text) -> Id {
        let id = Id::of(Kind::Vpc, vpc.get_ref());
        let declared = self.declared.get(&Kind::Vpc).is_some_and(|known| known.contains(&id));
        if !declared && vpc.get_ref().starts_with(Kind::Vpc.prefix()) {
            return id;
        }
        self.reference(Kind::Vpc, vpc, of)
    }

    pub(crate) fn vpn_gateways(&mut self, gateways: &Named<VpnGatewayFile>) {
        for (name, gateway) in gateways {
            let id = Id::of(Kind::VpnGateway, name.get_ref());
            let Some(vpc) = self.vpc(gateway.vpc.as_ref(), name) else {
                self.broken.insert(id);
                continue;
            };
            let prefixes = gateway.prefixes.as_ref().map(|prefixes| self.blocks(prefixes));
            let (name, origin) = (Some(name.get_ref().clone()), self.at(name.span()));
            self.network.vpn_gateways.push(VpnGateway { id, name, vpc: Some(vpc), prefixes, origin });
        }
    }

    /// What virtual private gateways propagate into tables (2.4).
    pub(crate) fn propagated_routes(&mut self, gateways: &Named<VpnGatewayFile>) {
        for (name, gateway) in gateways {
            let id = Id::of(Kind::VpnGateway, name.get_ref());
            let known = self.network.vpn_gateways.iter().find(|known| known.id == id);
            let prefixes = known.and_then(|known| known.prefixes.clone()).unwrap_or_default();
            for named in &gateway.propagate_to {
                let table = self.reference(Kind::RouteTable, named, name);
                let origin = self.at(named.span());
                let route = |net| Route {
                    destination: Destination::Cidr(net),
                    target: Target::VpnGateway(id.clone()),
                    route_origin: RouteOrigin::Propagated,
                    active: true,
                    origin: origin.clone(),
                };
                if let Some(table) = self.network.route_tables.iter_mut().find(|it| it.id == table) {
                    table.routes.extend(prefixes.iter().copied().map(route));
                }
            }
        }
    }
}

fn short(peering: &Id) -> &str {
    peering.as_str().strip_prefix(Kind::VpcPeeringConnection.prefix()).unwrap_or(peering.as_str())
}
