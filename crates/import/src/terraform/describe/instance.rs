//! Instances, each with the interface that AWS makes for it where none is written.

use serde_json::{Value, json};

use super::objects::fields;
use super::security_group::by_name;
use super::source::{Described, first_text, texts};
use super::{Describer, interface};
use crate::Error;
use crate::codes;
use crate::dump::Key;

/// Describes them. Interfaces that are written have to be described by now.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    for instance in to.source.all(&["aws_instance"]) {
        let id = instance.id()?;
        let mut described = instance.fields(&[("instance_type", "InstanceType")]);
        if let Some(state) = instance.text("instance_state")? {
            described.insert("State".to_owned(), json!({"Name": state}));
        }
        if !to.objects.add(Key::Reservations, &id, described, instance.address()) {
            continue;
        }
        let primary = match written_interfaces(instance, &id, to)? {
            Some(primary) => primary,
            None => own_interface(instance, &id, to)?,
        };
        for name in [id.as_str(), instance.address(), &instance.address_of("primary_network_interface_id")] {
            to.objects.name(Key::NetworkInterfaces, name, &primary);
        }
    }
    for (interface, attachments) in std::mem::take(&mut to.further_groups) {
        attachments.into_iter().for_each(|(attachment, _)| to.unknown(attachment, &interface));
    }
    Ok(())
}

/// Attaches the interfaces that the instance names; the primary one comes back if it is among them.
fn written_interfaces(instance: Described<'_>, id: &str, to: &mut Describer<'_>) -> Result<Option<String>, Error> {
    let mut primary = None;
    let node = instance.node();
    for (list, is_primary) in [("primary_network_interface", true), ("network_interface", false)] {
        for named in node.list(list)? {
            let Some(interface) = named.text("network_interface_id")? else { continue };
            let device = if is_primary { Some("0".to_owned()) } else { named.text("device_index")? };
            let first = device.as_deref() == Some("0");
            // A newer provider shows the one that AWS has made there too.
            if interface::attach(&interface, id, device, to) && first {
                primary = Some(interface);
            }
        }
    }
    let named = first_text(&node, &["primary_network_interface_id", "network_interface_id"])?;
    let named = named.filter(|named| to.objects.has(Key::NetworkInterfaces, named));
    if let (None, Some(named)) = (&primary, named) {
        interface::attach(&named, id, Some("0".to_owned()), to);
        primary = Some(named);
    }
    Ok(primary)
}

/// The interface that AWS makes with the instance.
fn own_interface(instance: Described<'_>, id: &str, to: &mut Describer<'_>) -> Result<String, Error> {
    let node = instance.node();
    // A data source calls it otherwise.
    let known = first_text(&node, &["primary_network_interface_id", "network_interface_id"])?;
    let interface = known.unwrap_or_else(|| instance.address_of("primary_network_interface_id"));
    let Some(subnet) = node.text("subnet_id")? else {
        to.notes.ignore(id, node.origin(), "it has no subnet_id: where it would be is not known");
        return Ok(interface);
    };
    let mut described = instance.fields(&[("source_dest_check", "SourceDestCheck")]);
    described.insert("SubnetId".to_owned(), Value::from(subnet.as_str()));
    let mut groups = texts(&node, "vpc_security_group_ids")?;
    if groups.is_empty() {
        groups = texts(&node, "security_groups")?;
    }
    let groups = groups.iter().map(|group| by_name(group, to)).collect();
    interface::groups_of(&mut described, groups, Some(&subnet), to);
    let private = node.text("private_ip")?;
    let mut names = vec![id.to_owned(), instance.address().to_owned(), interface.clone()];
    names.push(instance.address_of("primary_network_interface_id"));
    let public = match to.elastic.is_of_primary(&names, private.as_deref()) {
        // An elastic IP replaces what AWS has given by itself, which a state may still show.
        true => None,
        false => public_address(instance, &subnet, to)?,
    };
    let others = texts(&node, "secondary_private_ips")?;
    interface::private_addresses(&mut described, private, others, public, instance.address());
    interface::listed(&mut described, "Ipv6Addresses", "Ipv6Address", texts(&node, "ipv6_addresses")?);
    described.extend(fields([
        ("Status", Value::from("in-use")),
        ("Attachment", json!({"InstanceId": id, "DeviceIndex": 0})),
    ]));
    for name in names {
        for (_, group) in to.further_groups.remove(&name).into_iter().flatten() {
            interface::add_group(&mut described, group);
        }
    }
    to.objects.add(Key::NetworkInterfaces, &interface, described, instance.address());
    Ok(interface)
}

/// The public address that AWS gives by itself. Before there is one, another stands for it.
fn public_address(instance: Described<'_>, subnet: &str, to: &mut Describer<'_>) -> Result<Option<String>, Error> {
    let node = instance.node();
    if let Some(public) = node.text("public_ip")? {
        return Ok(Some(public));
    }
    let asked = node.flag("associate_public_ip_address")?;
    let gives = match asked {
        Some(asked) => asked,
        None => {
            to.objects.object(Key::Subnets, subnet).and_then(|it| it.get("MapPublicIpOnLaunch"))
                == Some(&Value::Bool(true))
        }
    };
    // A state that shows none means it: an instance that is stopped has none.
    if !gives || node.map.contains_key("public_ip") {
        return Ok(None);
    }
    let address = instance.address();
    let public = to.public.next();
    let text = match &public {
        Some(public) => format!("the public address of {address} is not known: {public} stands for it"),
        None => format!("the public address of {address} is not known: it has none"),
    };
    to.notes.assume(codes::UNKNOWN_PUBLIC_ADDRESS, address, text);
    Ok(public)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vpcemu_model::NetworkInterface;

    use crate::codes;
    use crate::notes::Notes;
    use crate::terraform::describe::testing::{codes, ignored, network, resource, vpc_and_subnet};
    use crate::terraform::resource::Resource;

    fn with(instance: Value, more: impl IntoIterator<Item = Resource>) -> (Option<NetworkInterface>, Notes) {
        let mut all = json!({"instance_type": "t3.nano", "subnet_id": "aws_subnet.a", "private_ip": "10.0.1.9",
            "vpc_security_group_ids": ["aws_security_group.web"]});
        all.as_object_mut().unwrap().extend(instance.as_object().unwrap().clone());
        let mut resources = vpc_and_subnet();
        resources.push(resource("aws_security_group.web", json!({"vpc_id": "aws_vpc.main", "name": "web"})));
        resources.push(resource("aws_instance.it", all));
        resources.extend(more);
        let (network, notes) = network(&resources);
        (network.interfaces.into_iter().next(), notes)
    }

    fn read(instance: Value) -> NetworkInterface {
        let (interface, notes) = with(instance, []);
        assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec![]));
        interface.unwrap()
    }

    #[test]
    fn an_instance_comes_with_an_interface() {
        let it = read(
            json!({"secondary_private_ips": ["10.0.1.8"], "ipv6_addresses": ["2001:db8::9"], "source_dest_check": false,
            "tags": {"Name": "web"}}),
        );
        assert_eq!(it.id.as_str(), "aws_instance.it.primary_network_interface_id");
        assert_eq!((it.name.as_deref(), it.in_use, it.source_dest_check), (Some("web"), true, false));
        assert_eq!((it.ipv4.len(), it.ipv6.len(), it.ipv4[0].private.octets()[3]), (2, 1, 9));
        assert_eq!(it.security_groups, ["aws_security_group.web".into()]);
        assert_eq!(it.origin.path.as_deref(), Some("aws_instance.it"));
        assert_eq!(read(json!({"primary_network_interface_id": "eni-1"})).id.as_str(), "eni-1");
    }

    #[test]
    fn groups_are_ids_names_or_the_default_one() {
        let groups = |instance| read(instance).security_groups[0].to_string();
        let default = "aws_vpc.main.default_security_group_id";
        assert_eq!(groups(json!({"vpc_security_group_ids": [], "security_groups": ["web"]})), "aws_security_group.web");
        assert_eq!(groups(json!({"vpc_security_group_ids": null})), default);
        assert_eq!(groups(json!({"vpc_security_group_ids": ["aws_vpc.main.default_security_group_id"]})), default);
    }

    #[test]
    fn only_running_instances_receive_packets() {
        assert!(read(json!({"instance_state": "running"})).in_use);
        assert!(!read(json!({"instance_state": "stopped"})).in_use);
        let (gone, notes) = with(json!({"instance_state": "terminated"}), []);
        assert_eq!((gone.unwrap().in_use, ignored(&notes)), (false, vec!["aws_instance.it"]));
    }

    #[test]
    fn a_public_address_is_known_or_stands_for_one() {
        let public = |instance: Value, more: Vec<Resource>| {
            let (interface, notes) = with(instance, more);
            let public = interface.unwrap().ipv4[0].public.map(|it| it.to_string());
            (public, codes(&notes).contains(&codes::UNKNOWN_PUBLIC_ADDRESS))
        };
        let some = |address: &str| Some(address.to_owned());
        assert_eq!(public(json!({"public_ip": "203.0.113.5"}), vec![]), (some("203.0.113.5"), false));
        assert_eq!(public(json!({"associate_public_ip_address": true}), vec![]), (some("192.0.2.1"), true));
        assert_eq!(public(json!({"associate_public_ip_address": true, "public_ip": ""}), vec![]), (None, false));
        assert_eq!(public(json!({}), vec![]), (None, false));
        let other = resource("aws_eip.other", json!({"public_ip": "192.0.2.1"}));
        assert_eq!(public(json!({"associate_public_ip_address": true}), vec![other]), (some("192.0.2.2"), true));
        let eip = |of: Value| vec![resource("aws_eip.it", of)];
        // The state of the instance is older than that of its elastic IP.
        let own = json!({"public_ip": "198.51.100.1", "instance": "aws_instance.it"});
        assert_eq!(public(json!({"public_ip": "203.0.113.5"}), eip(own)), (some("198.51.100.1"), false));
    }

    #[test]
    fn a_subnet_may_give_public_addresses() {
        let resources = [
            resource("aws_vpc.main", json!({"cidr_block": "10.0.0.0/16"})),
            resource(
                "aws_subnet.b",
                json!({"vpc_id": "aws_vpc.main", "cidr_block": "10.0.2.0/24", "map_public_ip_on_launch": true}),
            ),
            resource(
                "aws_instance.a",
                json!({"instance_type": "t3.nano", "subnet_id": "aws_subnet.b", "private_ip": "10.0.2.9"}),
            ),
            resource(
                "aws_instance.b",
                json!({"instance_type": "t3.nano", "subnet_id": "aws_subnet.b", "private_ip": "10.0.2.8", "associate_public_ip_address": false}),
            ),
        ];
        let (network, notes) = network(&resources);
        let public: Vec<bool> = network.interfaces.iter().map(|it| it.ipv4[0].public.is_some()).collect();
        assert_eq!((public, codes(&notes)), (vec![true, false], vec![codes::UNKNOWN_PUBLIC_ADDRESS]));
    }

    #[test]
    fn an_instance_in_no_known_subnet_is_nowhere() {
        let (interface, notes) = with(json!({"subnet_id": null}), []);
        assert_eq!((interface, ignored(&notes)), (None, vec!["aws_instance.it"]));
    }
}
