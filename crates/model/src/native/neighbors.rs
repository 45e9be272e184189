//! Peering connections and virtual private gateways.

use crate::{Destination, Id, Kind, PeeredVpc, Route, RouteOrigin, Target, VpcPeeringConnection, VpnGateway};

use super::build::Builder;
use super::file::{Named, PeeringFile, Text, VpnGatewayFile};

impl Builder<'_> {
    pub(crate) fn peerings(&mut self, peerings: Named<PeeringFile>) {
        for (name, peering) in peerings {
            let id = Id::named(Kind::VpcPeeringConnection, name.get_ref());
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
            let known = |vpc: &Id| if outside(vpc) { cidrs.clone() } else { Vec::new() };
            let (of_requester, of_accepter) = (known(&requester), known(&accepter));
            let told = |builder: &mut Self, own: Option<Vec<Text>>| own.map(|own| builder.blocks(&own));
            let requester_cidrs = told(self, peering.requester_cidrs).unwrap_or(of_requester);
            let accepter_cidrs = told(self, peering.accepter_cidrs).unwrap_or(of_accepter);
            let requester = PeeredVpc { vpc: requester, cidrs: requester_cidrs };
            let accepter = PeeredVpc { vpc: accepter, cidrs: accepter_cidrs };
            let origin = self.at(name.span());
            self.network.vpc_peering_connections.push(VpcPeeringConnection {
                id,
                name: Self::shown(Kind::VpcPeeringConnection, &name, peering.name),
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
        let id = Id::named(Kind::Vpc, vpc.get_ref());
        let declared = self.declared.get(&Kind::Vpc).is_some_and(|known| known.contains(&id));
        if !declared && Id::is_name_of_itself(Kind::Vpc, vpc.get_ref()) {
            return id;
        }
        self.reference(Kind::Vpc, vpc, of)
    }

    pub(crate) fn vpn_gateways(&mut self, gateways: &Named<VpnGatewayFile>) {
        for (name, gateway) in gateways {
            let id = Id::named(Kind::VpnGateway, name.get_ref());
            let vpc = self.attached_to(gateway.attached, gateway.vpc.as_ref(), name);
            if vpc.is_none() && gateway.attached.unwrap_or(true) {
                self.broken.insert(id);
                continue;
            }
            let prefixes = gateway.prefixes.as_ref().map(|prefixes| self.blocks(prefixes));
            let name_shown = Self::shown(Kind::VpnGateway, name, gateway.name.clone());
            let origin = self.at(name.span());
            self.network.vpn_gateways.push(VpnGateway { id, name: name_shown, vpc, prefixes, origin });
        }
    }

    /// What virtual private gateways propagate into tables (2.4).
    pub(crate) fn propagated_routes(&mut self, gateways: &Named<VpnGatewayFile>) {
        for (name, gateway) in gateways {
            let id = Id::named(Kind::VpnGateway, name.get_ref());
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
