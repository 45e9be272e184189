//! Interfaces that the reader makes of what they belong to: instances, NAT gateways, endpoints, attachments. The others have
//! tables of their own.

use std::collections::{HashMap, HashSet};

use crate::native::hosts::interface;
use crate::{
    AttachmentKind, EndpointKind, Id, Instance, InterfaceKind, NatGateway, Network, NetworkInterface, Placement,
    PrivateIpv4,
};

/// The interfaces of a network by id, and which of them need no table.
pub(super) struct Owned<'a> {
    by_id: HashMap<&'a Id, &'a NetworkInterface>,
    instances: HashMap<&'a Id, &'a Instance>,
    /// The first interface of each instance.
    first: HashMap<&'a Id, &'a NetworkInterface>,
    made: HashSet<&'a Id>,
}

impl<'a> Owned<'a> {
    pub(super) fn of(network: &'a Network) -> Self {
        let mut owned = Self {
            by_id: HashMap::new(),
            instances: network.instances.iter().map(|instance| (&instance.id, instance)).collect(),
            first: HashMap::new(),
            made: HashSet::new(),
        };
        for interface in &network.interfaces {
            owned.by_id.entry(&interface.id).or_insert(interface);
            if let Some(instance) = &interface.instance {
                owned.first.entry(instance).or_insert(interface);
            }
        }
        for instance in &network.instances {
            if let Some(primary) = owned.primary(instance).filter(|it| is_of_instance(it, instance)) {
                owned.made.insert(&primary.id);
            }
        }
        for gateway in &network.nat_gateways {
            if let Some(interface) = gateway.interface().and_then(|id| owned.get(id))
                && is_of_nat_gateway(interface, gateway)
            {
                owned.made.insert(&interface.id);
            }
        }
        for endpoint in &network.vpc_endpoints {
            match &endpoint.kind {
                EndpointKind::Interface { interfaces, .. } => owned.make_all(interfaces, is_of_endpoint),
                EndpointKind::GatewayLoadBalancer { interface } => {
                    let kind = InterfaceKind::GatewayLoadBalancerEndpoint;
                    owned.make_all(std::slice::from_ref(interface), |it, _| is_of_gateway(it, kind));
                }
                EndpointKind::Gateway { .. } => {}
            }
        }
        for attachment in network.transit_gateways.iter().flat_map(|gateway| &gateway.attachments) {
            if let AttachmentKind::Vpc(of) = &attachment.kind {
                owned.make_all(&of.interfaces, |it, _| is_of_gateway(it, InterfaceKind::TransitGateway));
            }
        }
        owned
    }

    /// Notes the interfaces of one owner, if all are as they would be made; each is compared with the first.
    fn make_all(&mut self, ids: &'a [Id], is_made: impl Fn(&NetworkInterface, &NetworkInterface) -> bool) {
        let Some(first) = ids.first().and_then(|id| self.get(id)) else { return };
        if ids.iter().all(|id| self.get(id).is_some_and(|it| is_made(it, first))) {
            self.made.extend(ids);
        }
    }

    pub(super) fn get(&self, id: &Id) -> Option<&'a NetworkInterface> {
        self.by_id.get(id).copied()
    }

    pub(super) fn instance(&self, id: &Id) -> Option<&'a Instance> {
        self.instances.get(id).copied()
    }

    /// The interface that an instance has by itself, if any.
    pub(super) fn primary(&self, instance: &Instance) -> Option<&'a NetworkInterface> {
        self.first.get(&instance.id).copied()
    }

    /// Whether the reader makes an interface of its owner.
    pub(super) fn is_made(&self, id: &Id) -> bool {
        self.made.contains(id)
    }

    /// Those of several that are made: all or none.
    pub(super) fn all_made(&self, ids: &[Id]) -> Option<Vec<&'a NetworkInterface>> {
        let all = !ids.is_empty() && ids.iter().all(|id| self.is_made(id));
        all.then(|| ids.iter().filter_map(|id| self.get(id)).collect())
    }
}

/// An interface of a kind in the place of another one, with nothing set.
fn plain(like: &NetworkInterface, kind: InterfaceKind) -> NetworkInterface {
    interface(like.id.clone(), like.subnet.clone(), kind, like.origin.clone())
}

fn is_of_instance(it: &NetworkInterface, instance: &Instance) -> bool {
    let made = NetworkInterface {
        instance: Some(instance.id.clone()),
        name: instance.name.clone(),
        security_groups: it.security_groups.clone(),
        ipv4: it.ipv4.clone(),
        ipv6: it.ipv6.clone(),
        source_dest_check: it.source_dest_check,
        forward: it.forward,
        in_use: instance.running,
        connection_tracking: it.connection_tracking,
        ..plain(it, InterfaceKind::Interface)
    };
    // Only the primary address has a public one there, and without any address one would be chosen.
    let secondary = it.ipv4.iter().skip(1).all(|pair| pair.public.is_none());
    *it == made && secondary && it.addresses().next().is_some()
}

fn is_of_nat_gateway(it: &NetworkInterface, gateway: &NatGateway) -> bool {
    let Placement::Zonal { subnet, .. } = &gateway.placement else { return false };
    let addresses = gateway.addresses.iter();
    let ipv4 = addresses.map(|address| PrivateIpv4 { private: address.translated, public: address.public }).collect();
    let made = NetworkInterface { ipv4, source_dest_check: false, ..plain(it, InterfaceKind::NatGateway) };
    *it == made && it.subnet == *subnet
}

fn is_of_endpoint(it: &NetworkInterface, first: &NetworkInterface) -> bool {
    let made = NetworkInterface {
        security_groups: first.security_groups.clone(),
        ipv4: it.ipv4.clone(),
        ipv6: it.ipv6.clone(),
        deny_all_igw_traffic: true,
        ..plain(it, InterfaceKind::VpcEndpoint)
    };
    *it == made && has_one_address(it)
}

fn is_of_gateway(it: &NetworkInterface, kind: InterfaceKind) -> bool {
    let (ipv4, ipv6) = (it.ipv4.clone(), it.ipv6.clone());
    *it == NetworkInterface { ipv4, ipv6, source_dest_check: false, ..plain(it, kind) } && has_one_address(it)
}

fn has_one_address(it: &NetworkInterface) -> bool {
    it.addresses().count() == 1 && it.ipv4.iter().all(|pair| pair.public.is_none())
}
