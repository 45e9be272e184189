//! NAT gateways: zonal ones with their interfaces here, regional ones in [`super::regional_nat_gateway`].

use vpcemu_model::{
    ConnectionTracking, Connectivity, Id, InterfaceKind, Kind, NatAddress, NatGateway, Network, NetworkInterface,
    Placement, PrivateIpv4,
};

use super::{regional_nat_gateway, suffix};
use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// Fills the gateways and makes the interfaces that the dump does not list.
pub(super) fn read(dump: &Dump, network: &mut Network, notes: &mut Notes) -> Result<(), Error> {
    for node in dump.nodes(Key::NatGateways) {
        let id = node.required_id("NatGatewayId")?;
        // Deleted gateways stay listed for about an hour.
        if node.state("State")?.as_deref() == Some("deleted") {
            notes.gone(id, node.origin(), "deleted");
            continue;
        }
        if node.state("AvailabilityMode")?.as_deref() == Some("regional") {
            let gateway = regional_nat_gateway::read(&node, id, dump, network, notes)?;
            network.nat_gateways.extend(gateway);
            continue;
        }
        let Some((mut gateway, interface)) = zonal(&node, id, network, notes)? else { continue };
        let there = network.interfaces.iter().position(|it| it.id == interface);
        // While it is pending, and after it has failed, a gateway has no more than the elastic IP that it was to get.
        if gateway.addresses.is_empty() && there.is_none_or(|at| network.interfaces[at].ipv4.is_empty()) {
            let state = node.state("State")?.unwrap_or_else(|| "available".to_owned());
            without_address(&mut gateway, notes);
            notes.gone(gateway.id, node.origin(), &format!("{state} without an address"));
            continue;
        }
        let at = there.unwrap_or_else(|| {
            if dump.has(Key::NetworkInterfaces) {
                let text = format!("{interface} of {} is not in NetworkInterfaces: made from the gateway", gateway.id);
                notes.assume(codes::NAT_GATEWAY_INTERFACE, &gateway.id, text);
            }
            network.interfaces.push(made_interface(&gateway, interface.clone()));
            network.interfaces.len() - 1
        });
        settle(&mut gateway, &mut network.interfaces[at]);
        network.nat_gateways.push(gateway);
    }
    Ok(())
}

/// One that AWS says works, but that has nothing to translate to.
pub(super) fn without_address(gateway: &mut NatGateway, notes: &mut Notes) {
    if gateway.available && gateway.addresses.is_empty() {
        gateway.available = false;
        let text = format!("{} is available but has no address: it drops everything", gateway.id);
        notes.assume(codes::NAT_GATEWAY_WITHOUT_ADDRESS, &gateway.id, text);
    }
}

/// Whether AWS has finished associating an address.
pub(super) fn has_succeeded(address: &Node<'_>) -> Result<bool, Error> {
    Ok(matches!(address.state("Status")?.as_deref(), None | Some("succeeded")))
}

/// Whether the gateway works.
pub(super) fn is_available(node: &Node<'_>) -> Result<bool, Error> {
    Ok(node.state("State")?.is_none_or(|state| state == "available"))
}

/// The gateway, with the id of its interface.
fn zonal(node: &Node<'_>, id: Id, network: &Network, notes: &mut Notes) -> Result<Option<(NatGateway, Id)>, Error> {
    let subnet = node.id("SubnetId")?;
    let Some(subnet) = subnet.filter(|subnet| network.subnet(subnet).is_some()) else {
        notes.ignore(id, node.origin(), "its subnet was not read");
        return Ok(None);
    };
    let mut addresses = Vec::new();
    let mut interface = None;
    for entry in node.list("NatGatewayAddresses")? {
        let written = entry.id("NetworkInterfaceId")?;
        let primary = entry.flag("IsPrimary")?.unwrap_or(false);
        if primary || interface.is_none() {
            interface = written.or(interface);
        }
        if !has_succeeded(&entry)? {
            continue;
        }
        if let Some(private) = entry.ipv4("PrivateIp")? {
            let public = entry.ipv4("PublicIp")?;
            addresses.push((NatAddress { translated: private, public, zone: None }, primary));
        }
    }
    addresses.sort_by_key(|(_, primary)| !primary);
    let interface = interface.unwrap_or_else(|| Id::of(Kind::NetworkInterface, suffix(&id)));
    let private = node.state("ConnectivityType")?.as_deref() == Some("private");
    let gateway = NatGateway {
        name: node.name()?,
        vpc: network.subnet(&subnet).map(|of| of.vpc.clone()).unwrap_or_else(|| subnet.clone()),
        placement: Placement::Zonal { subnet, interface: interface.clone() },
        connectivity: if private { Connectivity::Private } else { Connectivity::Public },
        addresses: addresses.into_iter().map(|(address, _)| address).collect(),
        available: is_available(node)?,
        origin: node.origin(),
        id,
    };
    Ok(Some((gateway, interface)))
}

fn made_interface(gateway: &NatGateway, id: Id) -> NetworkInterface {
    NetworkInterface {
        id,
        name: None,
        // Only zonal gateways get here.
        subnet: gateway.subnet().unwrap_or(&gateway.vpc).clone(),
        kind: InterfaceKind::NatGateway,
        instance: None,
        ipv4: Vec::new(),
        ipv6: Vec::new(),
        prefixes: Vec::new(),
        security_groups: Vec::new(),
        source_dest_check: false,
        forward: None,
        in_use: true,
        connection_tracking: ConnectionTracking::default(),
        deny_all_igw_traffic: false,
        origin: gateway.origin.clone(),
    }
}

/// Makes the gateway and its interface agree on addresses; each may know some that the other lacks.
fn settle(gateway: &mut NatGateway, interface: &mut NetworkInterface) {
    interface.kind = InterfaceKind::NatGateway;
    interface.source_dest_check = false;
    if gateway.addresses.is_empty() {
        let addresses = interface.ipv4.iter();
        gateway.addresses =
            addresses.map(|it| NatAddress { translated: it.private, public: it.public, zone: None }).collect();
    }
    for address in &mut gateway.addresses {
        match interface.ipv4.iter_mut().find(|known| known.private == address.translated) {
            Some(known) => {
                // The interface is the authority on what the internet gateway maps (A4).
                known.public = known.public.or(address.public);
                address.public = known.public;
            }
            None => interface.ipv4.push(PrivateIpv4 { private: address.translated, public: address.public }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Imported;
    use crate::build::testing::{codes, ignored, import_over};

    fn read_one(over: Value, interfaces: Value) -> Imported {
        let mut gateway =
            json!({"NatGatewayId": "nat-1", "SubnetId": "subnet-1", "VpcId": "vpc-1", "State": "available"});
        gateway.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        import_over(json!({"NatGateways": [gateway], "NetworkInterfaces": interfaces}))
    }

    fn addresses() -> Value {
        json!([
            {"PrivateIp": "10.0.1.9", "PublicIp": "203.0.113.9", "Status": "Succeeded", "NetworkInterfaceId": "eni-9"},
            {"PrivateIp": "10.0.1.8", "PublicIp": "203.0.113.8", "IsPrimary": true, "NetworkInterfaceId": "eni-9"},
            {"PrivateIp": "10.0.1.7", "PublicIp": "203.0.113.7", "Status": "failed", "NetworkInterfaceId": "eni-9"},
        ])
    }

    #[test]
    fn addresses_that_succeeded_count_and_the_interface_is_made() {
        let imported = read_one(json!({"NatGatewayAddresses": addresses()}), json!([]));
        let gateway = &imported.network.nat_gateways[0];
        let address = |last: u8| NatAddress {
            translated: [10, 0, 1, last].into(),
            public: Some([203, 0, 113, last].into()),
            zone: None,
        };
        assert_eq!(gateway.addresses, [address(8), address(9)]);
        assert_eq!(gateway.connectivity, Connectivity::Public);
        let interface = &imported.network.interfaces[0];
        assert_eq!((interface.id.as_str(), interface.kind), ("eni-9", InterfaceKind::NatGateway));
        assert_eq!(interface.ipv4.len(), 2);
        assert_eq!(codes(&imported), [codes::NAT_GATEWAY_INTERFACE]);
    }

    #[test]
    fn an_ordinary_looking_interface_is_the_gateways() {
        let interface = json!({"NetworkInterfaceId": "eni-9", "SubnetId": "subnet-1", "InterfaceType": "interface",
            "Status": "available", "SourceDestCheck": true, "Groups": [{"GroupId": "sg-1"}],
            "PrivateIpAddress": "10.0.1.8", "Association": {"PublicIp": "203.0.113.80"}});
        let imported = read_one(json!({"NatGatewayAddresses": addresses()}), json!([interface]));
        let [interface] = &imported.network.interfaces[..] else { panic!() };
        assert_eq!(interface.kind, InterfaceKind::NatGateway);
        assert!(interface.security_groups.is_empty() && !interface.source_dest_check && interface.in_use);
        // The interface is the authority; what it lacks comes from the gateway.
        assert_eq!(interface.ipv4[0].public, Some([203, 0, 113, 80].into()));
        assert_eq!(imported.network.nat_gateways[0].addresses[0].public, interface.ipv4[0].public);
        assert_eq!(interface.ipv4[1].private, std::net::Ipv4Addr::new(10, 0, 1, 9));
        assert!(codes(&imported).is_empty());
    }

    #[test]
    fn gateways_without_an_address_have_no_interface() {
        let allocated = json!([{"AllocationId": "eipalloc-1", "NetworkInterfaceId": "eni-9"}]);
        let unfinished =
            json!([{"NetworkInterfaceId": "eni-9", "SubnetId": "subnet-1", "InterfaceType": "nat_gateway"}]);
        for (state, interfaces, assumed) in [
            ("pending", json!([]), vec![]),
            ("failed", json!([]), vec![]),
            ("pending", unfinished, vec![]),
            ("available", json!([]), vec![codes::NAT_GATEWAY_WITHOUT_ADDRESS]),
        ] {
            let imported = read_one(json!({"State": state, "NatGatewayAddresses": allocated}), interfaces);
            assert!(imported.network.nat_gateways.is_empty() && imported.network.interfaces.is_empty(), "{state}");
            let said = imported.ignored.iter().find(|it| it.what == "nat-1").unwrap();
            assert_eq!((codes(&imported), &said.text), (assumed, &format!("it is {state} without an address")));
        }
    }

    #[test]
    fn gateways_that_do_not_work() {
        let address = json!([{"PrivateIp": "10.0.1.9"}]);
        let failed = json!({"State": "failed", "ConnectivityType": "private", "NatGatewayAddresses": address});
        let imported = read_one(failed, json!(null));
        let gateway = &imported.network.nat_gateways[0];
        assert!(!gateway.available);
        assert_eq!((gateway.interface().unwrap().as_str(), gateway.connectivity), ("eni-1", Connectivity::Private));
        let imported = read_one(json!({"State": "deleted"}), json!([]));
        assert!(imported.network.nat_gateways.is_empty());
        assert_eq!(ignored(&imported), ["nat-1"]);
    }
}
