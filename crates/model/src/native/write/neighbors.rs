//! Peering connections and virtual private gateways.

use crate::{Kind, PeeredVpc};

use super::Page;
use super::toml;

impl Page<'_> {
    pub(super) fn peerings(&mut self) {
        let network = self.network;
        for peering in &network.vpc_peering_connections {
            self.heading("vpc_peering_connection", Kind::VpcPeeringConnection, &peering.id, &peering.origin);
            self.name_of(Kind::VpcPeeringConnection, &peering.id, peering.name.as_ref());
            self.refer("requester", Kind::Vpc, &peering.requester.vpc);
            self.refer("accepter", Kind::Vpc, &peering.accepter.vpc);
            // What the reader makes of `peer_cidrs`: the blocks of each side that the file does not describe.
            let is_outside = |side: &PeeredVpc| network.vpc(&side.vpc).is_none();
            let sides = [&peering.accepter, &peering.requester];
            let outside = sides.into_iter().find(|side| is_outside(side));
            let told = outside.map(|side| side.cidrs.as_slice()).unwrap_or_default();
            if !told.is_empty() {
                self.set("peer_cidrs", toml::texts(told));
            }
            for (key, side) in [("requester_cidrs", &peering.requester), ("accepter_cidrs", &peering.accepter)] {
                let by_itself = if is_outside(side) { told } else { &[] };
                if side.cidrs != by_itself {
                    self.set(key, toml::texts(&side.cidrs));
                }
            }
            self.flag("inter_region", peering.inter_region, false);
            self.flag("active", peering.active, true);
        }
    }

    pub(super) fn vpn_gateways(&mut self) {
        let network = self.network;
        for gateway in &network.vpn_gateways {
            self.heading("vpn_gateway", Kind::VpnGateway, &gateway.id, &gateway.origin);
            self.name_of(Kind::VpnGateway, &gateway.id, gateway.name.as_ref());
            self.attached_to(gateway.vpc.as_ref());
            if let Some(prefixes) = &gateway.prefixes {
                self.set("prefixes", toml::texts(prefixes));
            }
        }
    }
}
