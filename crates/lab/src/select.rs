//! Interfaces and places as people name them: by name, id, instance, IP address or the Terraform address that they come from.

use std::net::IpAddr;

use vpcemu_dataplane::Timeline;
use vpcemu_dataplane::index::{EdgeIx, EniIx};
use vpcemu_model::{Id, Kind, Network, NetworkInterface};
use vpcemu_replay::At;

use crate::Error;

/// The interface that `text` names.
///
/// # Errors
/// If none has the name, or several have it.
pub fn interface<'a>(network: &'a Network, text: &str) -> Result<&'a NetworkInterface, Error> {
    let address: Option<IpAddr> = text.parse().ok();
    // Looked for once: there may be ten thousand of them, and as many interfaces.
    let instances = network.instances.iter().filter(|it| it.id.as_str() == text || it.name.as_deref() == Some(text));
    let instances: Vec<&Id> = instances.map(|instance| &instance.id).collect();
    let named = |interface: &&NetworkInterface| {
        let of_instance = interface.instance.as_ref().is_some_and(|id| instances.contains(&id));
        let public = |address: IpAddr| interface.ipv4.iter().any(|pair| pair.public.map(IpAddr::V4) == Some(address));
        interface.id.as_str() == text
            || interface.name.as_deref() == Some(text)
            || interface.origin.path.as_deref() == Some(text)
            || of_instance
            || address.is_some_and(|address| interface.addresses().any(|own| own == address) || public(address))
    };
    let found: Vec<_> = network.interfaces.iter().filter(named).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let known: Vec<_> = network.interfaces.iter().map(describe).collect();
            Err(Error::Unknown { name: text.to_owned(), what: "interface", known: known.join(", ") })
        }
        several => {
            // An instance's name means its primary interface, which has the same name, and so does its Terraform address.
            let by_name: Vec<_> = several.iter().filter(|interface| interface.name.as_deref() == Some(text)).collect();
            let place = |interface: &NetworkInterface| interface.origin.path.as_deref() == Some(text);
            let by_place: Vec<_> = several.iter().filter(|interface| place(interface)).collect();
            for exact in [by_name, by_place] {
                if let [one] = exact.as_slice() {
                    return Ok(one);
                }
            }
            let candidates: Vec<_> = several.iter().map(|interface| describe(interface)).collect();
            Err(Error::Ambiguous { name: text.to_owned(), candidates: candidates.join(", ") })
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
///
/// # Errors
/// If nothing has the name, or several interfaces have it.
pub fn vantage(network: &Network, timeline: &Timeline, text: &str) -> Result<At, Error> {
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
pub fn edge(network: &Network, timeline: &Timeline, text: &str) -> Option<EdgeIx> {
    let peerings = network.vpc_peering_connections.iter().map(|it| (&it.id, it.name.as_deref()));
    let gateways = network.vpn_gateways.iter().map(|it| (&it.id, it.name.as_deref()));
    let named = peerings.chain(gateways).find(|(_, name)| *name == Some(text)).map(|(id, _)| id.clone());
    let attachment = Id::of(Kind::TransitGatewayAttachment, text);
    let ids = [named.unwrap_or_else(|| Id::new(text)), attachment];
    ids.iter().find_map(|id| timeline.registry().edges.find(id))
}

/// The index of an interface.
///
/// # Errors
/// If it is in no subnet of the configuration.
pub fn index(timeline: &Timeline, interface: &NetworkInterface) -> Result<EniIx, Error> {
    timeline.registry().enis.find(&interface.id).ok_or_else(|| Error::Unknown {
        name: interface.id.to_string(),
        what: "interface in a subnet of the configuration",
        known: "none of that id".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use vpcemu_model::native;

    use super::*;

    /// Two instances, the first with two interfaces, as Terraform defines them.
    fn network() -> Network {
        let text = "[vpc.main]\ncidrs = [\"10.0.0.0/16\"]\n[subnet.a]\ncidrs = [\"10.0.0.0/24\"]\n[security_group.g]\n\
            [instance.web]\nsubnet = \"a\"\naddresses = [\"10.0.0.10\"]\nsecurity_groups = [\"g\"]\n\
            [instance.app]\nsubnet = \"a\"\naddresses = [\"10.0.0.20\"]\nsecurity_groups = [\"g\"]\n\
            [eni.second]\nsubnet = \"a\"\naddresses = [\"10.0.0.30\"]\nsecurity_groups = [\"g\"]\n";
        let mut network = native::parse("select.toml", text).unwrap_or_else(|error| panic!("{error}")).network;
        let places =
            [("eni-web", "aws_instance.web[0]"), ("eni-app", "aws_instance.app"), ("eni-second", "aws_eni.it")];
        for interface in &mut network.interfaces {
            let place = places.iter().find(|(id, _)| interface.id.as_str() == *id).map(|(_, place)| *place);
            interface.origin.path = place.map(Into::into);
        }
        // As in a plan, where ids are addresses.
        network.instances[0].id = "aws_instance.web[0]".into();
        for interface in network.interfaces.iter_mut().filter(|it| it.id.as_str() != "eni-app") {
            interface.instance = Some("aws_instance.web[0]".into());
        }
        network
    }

    #[test]
    fn a_terraform_address_names_an_interface() {
        let network = network();
        let found = |text: &str| interface(&network, text).map(|it| it.id.to_string()).unwrap_or_default();
        assert_eq!(found("aws_instance.app"), "eni-app");
        assert_eq!(found("aws_eni.it"), "eni-second");
        // Of an instance with several interfaces it is the one that comes with it.
        assert_eq!(found("aws_instance.web[0]"), "eni-web");
        assert_eq!(found("10.0.0.30"), "eni-second");
        assert!(matches!(interface(&network, "aws_instance.web"), Err(Error::Unknown { .. })));
    }
}
