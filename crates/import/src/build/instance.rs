//! Instances, and the interfaces that only they tell of.

use std::collections::HashSet;

use vpcemu_model::{
    ConnectionTracking, Id, Instance, InterfaceKind, Kind, Network, NetworkInterface, PrivateIpv4, instance_type,
};

use super::interface::{self, Owned};
use super::{positions, suffix};
use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// Fills the instances; terminated ones stay listed for an hour, but have nothing any more.
pub(super) fn read(dump: &Dump, network: &mut Network, notes: &mut Notes) -> Result<(), Error> {
    for node in dump.nodes(Key::Reservations) {
        let id = node.required_id("InstanceId")?;
        let state = state(&node)?;
        if state.as_deref() == Some("terminated") {
            notes.gone(id, node.origin(), "terminated");
            continue;
        }
        network.instances.push(Instance {
            id,
            name: node.name()?,
            running: state.is_none_or(|state| state == "running"),
            instance_type: node.text("InstanceType")?,
            origin: node.origin(),
        });
    }
    Ok(())
}

/// Makes the interfaces that the dump does not list itself.
pub(super) fn interfaces(dump: &Dump, owned: &Owned, network: &mut Network, notes: &mut Notes) -> Result<(), Error> {
    let instances: HashSet<Id> = network.instances.iter().map(|instance| instance.id.clone()).collect();
    let mut interfaces: HashSet<Id> = network.interfaces.iter().map(|interface| interface.id.clone()).collect();
    let mut owners: HashSet<Id> = network.interfaces.iter().filter_map(|it| it.instance.clone()).collect();
    for node in dump.nodes(Key::Reservations) {
        let id = node.required_id("InstanceId")?;
        if !instances.contains(&id) {
            continue;
        }
        let mut listed = false;
        for inner in node.list("NetworkInterfaces")? {
            let Some(interface) = inner.id("NetworkInterfaceId")? else { continue };
            listed = true;
            if dump.saw(Key::NetworkInterfaces, &interface) || interfaces.contains(&interface) {
                continue;
            }
            if let Some(made) = interface::interface(&inner, Some(&id), owned, network, notes)? {
                note_made(dump, &made.id, &id, notes);
                interfaces.insert(made.id.clone());
                owners.extend(made.instance.clone());
                network.interfaces.push(made);
            }
        }
        if listed || owners.contains(&id) {
            continue;
        }
        if let Some(made) = from_fields(&node, &id, owned, network, notes)? {
            note_made(dump, &made.id, &id, notes);
            interfaces.insert(made.id.clone());
            owners.extend(made.instance.clone());
            network.interfaces.push(made);
        }
    }
    Ok(())
}

/// Applies to interfaces what follows from their instances: whether they run, and the TCP timer of their type (A7).
/// Instances that are named but not listed are taken to run.
pub(super) fn finish(dump: &Dump, network: &mut Network, notes: &mut Notes) {
    let Network { interfaces, instances, .. } = network;
    let mut at = positions(instances, |instance| Some(&instance.id));
    for interface in interfaces {
        let Some(id) = interface.instance.clone() else { continue };
        if notes.is_gone(&id) {
            interface.instance = None;
            interface.in_use = false;
            continue;
        }
        let at = *at.entry(id.clone()).or_insert_with(|| {
            let (code, place) = if dump.has(Key::Reservations) {
                (codes::UNKNOWN_INSTANCE, id.as_str())
            } else {
                (codes::MISSING_INSTANCES, Key::Reservations.name())
            };
            let whose = if dump.has(Key::Reservations) { id.as_str() } else { "no Reservations: every instance" };
            let text = format!("{whose} is taken to run, with a TCP timer of 432,000 s");
            notes.assume(code, place, text);
            let origin = interface.origin.clone();
            instances.push(Instance { id: id.clone(), name: None, running: true, instance_type: None, origin });
            instances.len() - 1
        });
        let instance = &instances[at];
        interface.in_use &= instance.running;
        let timer = &mut interface.connection_tracking.tcp_established;
        match &instance.instance_type {
            _ if timer.is_some() => {}
            Some(of_type) => *timer = instance_type::tcp_established(of_type),
            None if !dump.saw(Key::Reservations, &id) => {}
            None => {
                let text = format!("the type of {id} was not read: its TCP timer is 432,000 s");
                notes.assume(codes::UNKNOWN_INSTANCE, &id, text);
            }
        }
    }
}

fn state(node: &Node<'_>) -> Result<Option<String>, Error> {
    match node.object("State")? {
        Some(state) => state.state("Name"),
        None => Ok(None),
    }
}

fn note_made(dump: &Dump, interface: &Id, instance: &Id, notes: &mut Notes) {
    // One note is enough where no interface is described at all.
    if dump.has(Key::NetworkInterfaces) {
        let text = format!("{interface} is not in NetworkInterfaces: it is as {instance} tells");
        notes.assume(codes::INTERFACE_FROM_INSTANCE, instance, text);
    }
}

/// The primary interface as the fields of the instance itself describe it.
fn from_fields(
    node: &Node<'_>,
    instance: &Id,
    owned: &Owned,
    network: &Network,
    notes: &mut Notes,
) -> Result<Option<NetworkInterface>, Error> {
    let Some(subnet) = node.id("SubnetId")? else { return Ok(None) };
    let Some(vpc) = owned.vpc_of(&subnet, network) else {
        notes.ignore(instance, node.origin(), format!("its subnet {subnet} was not read"));
        return Ok(None);
    };
    let public = node.ipv4("PublicIpAddress")?;
    let private = node.ipv4("PrivateIpAddress")?;
    let mut security_groups = Vec::new();
    for group in node.list("SecurityGroups")? {
        security_groups.extend(group.id("GroupId")?);
    }
    let id = Id::of(Kind::NetworkInterface, suffix(instance));
    if security_groups.is_empty() {
        let text = format!("{id} names no security group: it has the default one of {}", vpc.id);
        notes.assume(codes::DEFAULT_SECURITY_GROUP, &id, text);
        security_groups.push(vpc.default_security_group.clone());
    }
    Ok(Some(NetworkInterface {
        id,
        name: node.name()?,
        subnet,
        kind: InterfaceKind::Interface,
        instance: Some(instance.clone()),
        ipv4: private.map(|private| PrivateIpv4 { private, public }).into_iter().collect(),
        ipv6: node.ipv6("Ipv6Address")?.into_iter().collect(),
        prefixes: Vec::new(),
        security_groups,
        source_dest_check: node.flag("SourceDestCheck")?.unwrap_or(true),
        forward: None,
        in_use: true,
        connection_tracking: ConnectionTracking::default(),
        deny_all_igw_traffic: false,
        origin: node.origin(),
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::Imported;
    use crate::build::testing::{codes, ignored, import_over};

    fn interface(instance: &str) -> Value {
        json!([{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "Groups": [{"GroupId": "sg-1"}],
            "PrivateIpAddress": "10.0.1.5", "Status": "in-use",
            "Attachment": {"InstanceId": instance, "DeviceIndex": 0}}])
    }

    fn with_instance(instance: Value, interfaces: Value) -> Imported {
        import_over(json!({"Reservations": [{"Instances": [instance]}], "NetworkInterfaces": interfaces}))
    }

    #[test]
    fn state_name_and_type_reach_the_interface() {
        let instance = json!({"InstanceId": "i-1", "InstanceType": "m8i.large", "State": {"Code": 80, "Name": "Stopped"},
            "Tags": [{"Key": "Name", "Value": "web"}]});
        let imported = with_instance(instance, interface("i-1"));
        let interface = &imported.network.interfaces[0];
        assert!(!interface.in_use && !imported.network.instances[0].running);
        assert_eq!(interface.name.as_deref(), Some("web"));
        assert_eq!(interface.connection_tracking.tcp_established, Some(Duration::from_secs(350)));
        assert!(codes(&imported).is_empty());
    }

    #[test]
    fn unknown_instances_are_taken_to_run() {
        let imported = import_over(json!({"Reservations": null, "NetworkInterfaces": interface("i-1")}));
        assert_eq!(codes(&imported), [codes::MISSING_INSTANCES]);
        assert!(imported.network.instances[0].running && imported.network.interfaces[0].in_use);
        let imported = import_over(json!({"NetworkInterfaces": interface("i-1")}));
        assert_eq!(codes(&imported), [codes::UNKNOWN_INSTANCE]);
        let imported = with_instance(json!({"InstanceId": "i-1"}), interface("i-1"));
        assert_eq!(codes(&imported), [codes::UNKNOWN_INSTANCE]);
    }

    #[test]
    fn terminated_instances_have_nothing() {
        let imported = with_instance(json!({"InstanceId": "i-1", "State": {"Name": "terminated"}}), interface("i-1"));
        assert!(imported.network.instances.is_empty() && !imported.network.interfaces[0].in_use);
        assert_eq!(ignored(&imported), ["i-1"]);
    }

    #[test]
    fn interfaces_that_only_instances_know_are_made() {
        let full = json!({"InstanceId": "i-1", "InstanceType": "t3.nano", "Tags": [{"Key": "Name", "Value": "web"}],
            "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "Groups": [{"GroupId": "sg-1"}],
                "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.5", "Association": {"PublicIp": "203.0.113.5"}}],
                "Status": "in-use", "Attachment": {"DeviceIndex": 0, "Status": "attached"}}]});
        let imported = with_instance(full.clone(), json!(null));
        assert_eq!(codes(&imported), [codes::MISSING_NETWORK_INTERFACES]);
        let made = &imported.network.interfaces[0];
        assert_eq!((made.id.as_str(), made.name.as_deref(), made.in_use), ("eni-1", Some("web"), true));
        assert_eq!(made.ipv4[0].public, Some([203, 0, 113, 5].into()));
        assert_eq!(codes(&with_instance(full, json!([]))), [codes::INTERFACE_FROM_INSTANCE]);

        let plain = json!({"InstanceId": "i-1", "InstanceType": "t3.nano", "SubnetId": "subnet-1",
            "PrivateIpAddress": "10.0.1.5", "PublicIpAddress": "203.0.113.5", "SourceDestCheck": false,
            "SecurityGroups": [{"GroupId": "sg-1"}]});
        let imported = with_instance(plain, json!(null));
        let made = &imported.network.interfaces[0];
        assert_eq!((made.id.as_str(), made.source_dest_check), ("eni-1", false));
        assert_eq!(made.ipv4[0].public, Some([203, 0, 113, 5].into()));
    }

    #[test]
    fn the_interface_is_the_authority() {
        let instance = json!({"InstanceId": "i-1", "InstanceType": "t3.nano", "SubnetId": "subnet-1", "SourceDestCheck": true,
            "PublicIpAddress": "203.0.113.9", "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1"}]});
        let mut interfaces = interface("i-1");
        interfaces[0]["SourceDestCheck"] = json!(false);
        interfaces[0]["PrivateIpAddress"] = json!("10.0.1.5");
        let imported = with_instance(instance, interfaces);
        let [only] = &imported.network.interfaces[..] else { panic!() };
        assert!(!only.source_dest_check);
        assert_eq!(only.ipv4[0].public, None);
    }
}
