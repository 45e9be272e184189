//! Interfaces as people name them: by name, id, instance or address.

use std::net::IpAddr;

use vpcemu_dataplane::Timeline;
use vpcemu_dataplane::index::{EdgeIx, EniIx};
use vpcemu_model::{Id, Kind, Network, NetworkInterface};
use vpcemu_replay::At;

use crate::error::Error;

/// The interface that `text` names.
pub(crate) fn interface<'a>(network: &'a Network, text: &str) -> Result<&'a NetworkInterface, Error> {
    let address: Option<IpAddr> = text.parse().ok();
    let named = |interface: &&NetworkInterface| {
        let instance = interface.instance.as_ref().and_then(|id| network.instances.iter().find(|i| i.id == *id));
        let of_instance = instance.is_some_and(|of| of.id.as_str() == text || of.name.as_deref() == Some(text));
        let public = |address: IpAddr| interface.ipv4.iter().any(|pair| pair.public.map(IpAddr::V4) == Some(address));
        interface.id.as_str() == text
            || interface.name.as_deref() == Some(text)
            || of_instance
            || address.is_some_and(|address| interface.addresses().any(|own| own == address) || public(address))
    };
    let found: Vec<_> = network.interfaces.iter().filter(named).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let known: Vec<_> = network.interfaces.iter().map(describe).collect();
            Err(Error::Usage(format!("`{text}` names no interface; there is {}", known.join(", "))))
        }
        several => {
            // An instance's name means its primary interface, which has the same name.
            let exact: Vec<_> = several.iter().filter(|interface| interface.name.as_deref() == Some(text)).collect();
            if let [one] = exact.as_slice() {
                return Ok(one);
            }
            let candidates: Vec<_> = several.iter().map(|interface| describe(interface)).collect();
            Err(Error::Usage(format!("`{text}` is ambiguous: {}", candidates.join(", "))))
        }
    }
}

fn describe(interface: &NetworkInterface) -> String {
    match &interface.name {
        Some(name) if name != interface.id.as_str() => format!("{} ({name})", interface.id),
        _ => interface.id.to_string(),
    }
}

/// A vantage point: `auto`, `internet`, what lies beyond a VPC, or an interface.
pub(crate) fn vantage(network: &Network, timeline: &Timeline, text: &str) -> Result<At, Error> {
    match text {
        "auto" => return Ok(At::Auto),
        "internet" => return Ok(At::Internet),
        _ => {}
    }
    match (interface(network, text), edge(network, timeline, text)) {
        (Ok(interface), _) => Ok(At::Interface(index(timeline, interface)?)),
        (Err(_), Some(edge)) => Ok(At::Edge(edge)),
        (Err(error), None) => Err(error),
    }
}

/// What lies beyond a VPC, and outside of the configuration: by its id, or its name there.
fn edge(network: &Network, timeline: &Timeline, text: &str) -> Option<EdgeIx> {
    let peerings = network.vpc_peering_connections.iter().map(|it| (&it.id, it.name.as_deref()));
    let gateways = network.vpn_gateways.iter().map(|it| (&it.id, it.name.as_deref()));
    let named = peerings.chain(gateways).find(|(_, name)| *name == Some(text)).map(|(id, _)| id.clone());
    let attachment = Id::of(Kind::TransitGatewayAttachment, text);
    let ids = [named.unwrap_or_else(|| Id::new(text)), attachment];
    ids.iter().find_map(|id| timeline.registry().edges.find(id))
}

fn index(timeline: &Timeline, interface: &NetworkInterface) -> Result<EniIx, Error> {
    let index = timeline.registry().enis.find(&interface.id);
    index.ok_or_else(|| Error::Usage(format!("{} is in no subnet of the configuration", interface.id)))
}
