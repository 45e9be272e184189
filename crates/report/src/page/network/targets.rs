//! Routes, and what they lead to.

use std::collections::HashMap;

use vpcemu_model::{AttachmentKind, Connectivity, Destination, EndpointKind, Id, Network, Target, Vpc};

use super::plan::{BOXES, RouteRow, TargetBox, named};
use crate::page::text::count;

/// Routes by their target, in the order of the table.
pub(super) fn rows(targets: &mut Targets<'_>, routes: &[vpcemu_model::Route]) -> Vec<RouteRow> {
    /// Destinations that are named of one target.
    const DESTINATIONS: usize = 2;
    let mut by_target: Vec<(&Target, bool, Vec<String>)> = Vec::new();
    for route in routes {
        let destination = match &route.destination {
            Destination::Cidr(net) => net.to_string(),
            Destination::PrefixList(list) => {
                let list = targets
                    .network
                    .prefix_lists
                    .iter()
                    .find(|it| it.id == *list)
                    .map_or(list.as_str(), |list| list.name.as_deref().unwrap_or(list.id.as_str()));
                list.to_owned()
            }
        };
        match by_target.iter_mut().find(|(target, active, _)| **target == route.target && *active == route.active) {
            Some((_, _, destinations)) => destinations.push(destination),
            None => by_target.push((&route.target, route.active, vec![destination])),
        }
    }
    let row = |(target, active, destinations): (&Target, bool, Vec<String>)| {
        let more = destinations.len().saturating_sub(DESTINATIONS);
        let mut text = destinations.into_iter().take(DESTINATIONS).collect::<Vec<_>>().join(", ");
        if more > 0 {
            text.push_str(&format!(" +{more}"));
        }
        if *target == Target::Local {
            text.push_str(": local");
        }
        if !active {
            text.push_str(": blackhole");
        }
        RouteRow { text, target: targets.of(target, active), dead: !active }
    };
    by_target.into_iter().map(row).collect()
}

/// Boxes of what routes lead to.
pub(super) struct Targets<'a> {
    network: &'a Network,
    vpc: &'a Vpc,
    at: HashMap<Id, usize>,
    pub(super) boxes: Vec<TargetBox>,
    /// Targets that have none.
    pub(super) left_out: usize,
}

impl<'a> Targets<'a> {
    /// Of what the route tables of a VPC lead to.
    pub(super) fn new(network: &'a Network, vpc: &'a Vpc) -> Self {
        Self { network, vpc, at: HashMap::new(), boxes: Vec::new(), left_out: 0 }
    }

    fn of(&mut self, target: &Target, active: bool) -> Option<usize> {
        let id = target.id()?;
        if let Some(known) = self.at.get(id) {
            return Some(*known);
        }
        if self.boxes.len() >= BOXES {
            self.left_out += 1;
            return None;
        }
        let dead = !active || matches!(target, Target::Missing(_));
        let (name, lines) = self.describe(target, id);
        self.boxes.push(TargetBox { title: named(id, name.as_deref()), lines, dead });
        self.at.insert(id.clone(), self.boxes.len() - 1);
        Some(self.boxes.len() - 1)
    }

    /// Gateways of the VPC that no route leads to.
    pub(super) fn unrouted(&mut self) {
        let network = self.network;
        let own = |vpc: &Id| *vpc == self.vpc.id;
        let igws = network.internet_gateways.iter().filter(|it| it.vpc.as_ref().is_some_and(own));
        let eigws = network.egress_only_internet_gateways.iter().filter(|it| own(&it.vpc));
        let nats = network.nat_gateways.iter().filter(|it| own(&it.vpc));
        let all = igws.map(|it| Target::InternetGateway(it.id.clone()));
        let all = all.chain(eigws.map(|it| Target::EgressOnlyInternetGateway(it.id.clone())));
        let all: Vec<_> = all.chain(nats.map(|it| Target::NatGateway(it.id.clone()))).collect();
        for target in all {
            if target.id().is_some_and(|id| !self.at.contains_key(id))
                && let Some(at) = self.of(&target, true)
            {
                self.boxes[at].lines.push("no subnet routes here".to_owned());
            }
        }
    }

    fn describe(&self, target: &Target, id: &Id) -> (Option<String>, Vec<String>) {
        let network = self.network;
        let plain = |words: &str| (None, vec![words.to_owned()]);
        match target {
            Target::Local => plain("inside the VPC"),
            Target::InternetGateway(_) => plain("internet gateway"),
            Target::EgressOnlyInternetGateway(_) => plain("egress-only gateway"),
            Target::NatGateway(_) => {
                let Some(gateway) = network.nat_gateways.iter().find(|it| it.id == *id) else {
                    return plain("NAT gateway");
                };
                let private = if gateway.connectivity == Connectivity::Private { "private " } else { "" };
                let place = gateway.subnet().map_or_else(
                    || "regional".to_owned(),
                    |subnet| {
                        let name = network.subnet(subnet).and_then(|subnet| subnet.name.as_deref());
                        format!("in {}", name.unwrap_or(subnet.as_str()))
                    },
                );
                let mut lines = vec![format!("{private}NAT gateway, {place}")];
                let addresses: Vec<_> =
                    gateway.addresses.iter().filter_map(|it| it.public.or(Some(it.translated))).collect();
                if let Some(first) = addresses.first() {
                    let more = addresses.len() - 1;
                    lines.push(if more > 0 { format!("{first} and {more} more") } else { first.to_string() });
                }
                (gateway.name.clone(), lines)
            }
            Target::NetworkInterface(_) => {
                let interface = network.interface(id);
                let place = interface.map_or_else(String::new, |it| format!(", in {}", it.subnet));
                (interface.and_then(|it| it.name.clone()), vec![format!("interface that forwards{place}")])
            }
            Target::VpcEndpoint(_) => {
                let Some(endpoint) = network.vpc_endpoints.iter().find(|it| it.id == *id) else {
                    return plain("endpoint");
                };
                let words = match endpoint.kind {
                    EndpointKind::Gateway { .. } => "gateway endpoint",
                    EndpointKind::Interface { .. } => "interface endpoint",
                    EndpointKind::GatewayLoadBalancer { .. } => "load balancer endpoint",
                };
                (endpoint.name.clone(), vec![words.to_owned(), endpoint.service.clone()])
            }
            Target::VpcPeeringConnection(_) => {
                let peering = network.vpc_peering_connections.iter().find(|it| it.id == *id);
                let peer = peering.and_then(|it| it.peer_of(&self.vpc.id));
                let peer = peer.map_or_else(String::new, |peer| format!(" with {}", peer.vpc));
                (peering.and_then(|it| it.name.clone()), vec![format!("peering{peer}")])
            }
            Target::TransitGateway(_) => {
                let Some(gateway) = network.transit_gateways.iter().find(|it| it.id == *id) else {
                    return plain("transit gateway");
                };
                let others = gateway
                    .attachments
                    .iter()
                    .filter(|it| !matches!(&it.kind, AttachmentKind::Vpc(of) if of.vpc == self.vpc.id));
                let number = others.count() as u64;
                (gateway.name.clone(), vec!["transit gateway".to_owned(), count(number, "other attachment")])
            }
            Target::VpnGateway(_) => plain("virtual private gateway"),
            Target::Edge(_) => plain("outside of the model"),
            Target::Missing(_) => plain("does not exist any more"),
        }
    }
}
