//! Who sends, and who is meant.

use std::net::IpAddr;

use vpcemu_dataplane::fabric::Holder;
use vpcemu_dataplane::index::{EdgeIx, EndpointIx, EniIx, NatIx};
use vpcemu_dataplane::outcome::Service;
use vpcemu_dataplane::{Fabric, Ingress, Place, Timeline};
use vpcemu_model::Network;
use vpcemu_replay::verdict::Names;

/// One side of a conversation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Party {
    /// An interface, and who listens there.
    Interface(EniIx),
    /// A NAT gateway itself.
    NatGateway(NatIx),
    /// A service of the VPC.
    Service(Service),
    /// A gateway endpoint.
    Endpoint(EndpointIx),
    /// What lies beyond a VPC.
    Edge(EdgeIx),
    /// The outside.
    Internet,
    /// An address of a VPC that no interface has.
    Nobody,
    /// Link-local, multicast or broadcast.
    Special,
    /// There is no address that could be read.
    Unread,
}

impl Party {
    pub(crate) fn of_ingress(ingress: Ingress) -> Self {
        match ingress {
            Ingress::Interface(eni) => Self::Interface(eni),
            Ingress::Internet => Self::Internet,
            Ingress::Service(service, _) => Self::Service(service),
            Ingress::Endpoint(endpoint, _) => Self::Endpoint(endpoint),
            Ingress::Edge(edge) => Self::Edge(edge),
            Ingress::BehindNat(nat) => Self::NatGateway(nat),
        }
    }

    pub(crate) fn of_place(place: Place) -> Self {
        match place {
            Place::Internet => Self::Internet,
            Place::Interface(eni) => Self::Interface(eni),
            Place::Service(service) => Self::Service(service),
            Place::Endpoint(endpoint) => Self::Endpoint(endpoint),
            Place::Edge(edge) => Self::Edge(edge),
        }
    }

    /// Who has an address, for packets that never got there. Of several VPCs that use it, the first.
    pub(crate) fn of_address(fabric: &Fabric, address: IpAddr) -> Self {
        let public = match address {
            IpAddr::V4(public) => fabric.public(public),
            IpAddr::V6(_) => None,
        };
        let held = match public.map(|public| public.holder) {
            Some(Holder::Regional(nat)) => return Self::NatGateway(nat),
            Some(Holder::Interface(eni)) => Some(eni),
            None => None,
        };
        let owner = held.or_else(|| fabric.owners(address).first().copied());
        if let Some(eni) = owner {
            let gateway = fabric.nats().find(|(_, nat)| nat.eni() == Some(eni));
            return gateway.map_or(Self::Interface(eni), |(nat, _)| Self::NatGateway(nat));
        }
        if fabric.is_owned(address) {
            return Self::Nobody;
        }
        let special = match address {
            IpAddr::V4(v4) => v4.is_link_local() || v4.is_multicast() || v4.is_broadcast() || v4.is_unspecified(),
            IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_multicast() || v6.is_unspecified(),
        };
        if special { Self::Special } else { Self::Internet }
    }

    /// Its id, or what it is.
    pub(crate) fn id(self, timeline: &Timeline) -> &str {
        let (names, registry) = (Names::new(timeline), timeline.registry());
        match self {
            Self::Interface(eni) => names.place(Place::Interface(eni)),
            Self::NatGateway(nat) => registry.nats.id(nat).as_str(),
            Self::Service(service) => service.name(),
            Self::Endpoint(endpoint) => names.place(Place::Endpoint(endpoint)),
            Self::Edge(edge) => names.place(Place::Edge(edge)),
            Self::Internet => "internet",
            Self::Nobody => "no interface has it",
            Self::Special => "link-local or multicast",
            Self::Unread => "not readable",
        }
    }

    /// The name that people gave it, if that is another than its id.
    pub(crate) fn name<'a>(self, network: &'a Network, timeline: &Timeline) -> Option<&'a str> {
        let id = self.id(timeline);
        let name = match self {
            Self::Interface(_) => network.interfaces.iter().find(|it| it.id.as_str() == id)?.name.as_deref(),
            Self::NatGateway(_) => network.nat_gateways.iter().find(|it| it.id.as_str() == id)?.name.as_deref(),
            Self::Endpoint(_) => network.vpc_endpoints.iter().find(|it| it.id.as_str() == id)?.name.as_deref(),
            _ => None,
        };
        name.filter(|name| *name != id)
    }
}
