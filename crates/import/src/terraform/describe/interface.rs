//! Network interfaces that are written themselves. Those that come with an instance, a NAT gateway or an endpoint are
//! described with it.

use serde_json::{Value, json};

use super::objects::{append, fields, placed};
use super::security_group::named;
use super::source::{Described, first_text, texts};
use super::{Describer, Fields};
use crate::Error;
use crate::dump::Key;

/// Describes them with their groups; what they are attached to follows with [`attachments`].
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    for interface in to.source.all(&["aws_network_interface"]) {
        let (id, node) = (interface.id()?, interface.node());
        let subnet = interface.text("subnet_id")?;
        let mut described = interface.fields(&SAME);
        let groups = texts(&node, "security_groups")?.iter().map(|group| named(group, to)).collect();
        groups_of(&mut described, groups, subnet.as_deref(), to);
        addresses(interface, &mut described)?;
        described.insert("Status".to_owned(), Value::from("available"));
        to.objects.add(Key::NetworkInterfaces, &id, described, interface.address());
    }
    for attachment in to.source.managed(&["aws_network_interface_sg_attachment"]) {
        let id = to.objects.id(Key::NetworkInterfaces, &attachment.required("network_interface_id")?);
        let group = json!({"GroupId": named(&attachment.required("security_group_id")?, to)});
        let Some(described) = to.objects.object_mut(Key::NetworkInterfaces, &id) else {
            // Of an instance that comes later.
            to.further_groups.entry(id).or_default().push((attachment, group));
            continue;
        };
        add_group(described, group);
    }
    Ok(())
}

/// Attaches what resources of their own, or the interfaces themselves, attach to instances.
pub(super) fn attachments(to: &mut Describer<'_>) -> Result<(), Error> {
    for attachment in to.source.managed(&["aws_network_interface_attachment"]) {
        let interface = attachment.required("network_interface_id")?;
        let (instance, device) = (attachment.required("instance_id")?, attachment.text("device_index")?);
        if !attach(&interface, &instance, device, to) {
            to.unknown(attachment, &interface);
        }
    }
    for interface in to.source.all(&["aws_network_interface"]) {
        for attachment in interface.node().list("attachment")? {
            let device = attachment.text("device_index")?;
            // A data source says it otherwise.
            let instance = first_text(&attachment, &["instance", "instance_id"])?;
            attach(&interface.id()?, instance.as_deref().unwrap_or_default(), device, to);
        }
    }
    Ok(())
}

/// Attaches an interface; what attached it first counts. False if there is no such interface.
pub(super) fn attach(interface: &str, instance: &str, device: Option<String>, to: &mut Describer<'_>) -> bool {
    let interface = to.objects.id(Key::NetworkInterfaces, interface);
    let Some(described) = to.objects.object_mut(Key::NetworkInterfaces, &interface) else { return false };
    described.insert("Status".to_owned(), Value::from("in-use"));
    described.entry("Attachment").or_insert_with(|| json!({"InstanceId": instance, "DeviceIndex": device}));
    true
}

/// Writes the groups; without any AWS gives the default one of the VPC.
pub(super) fn groups_of(described: &mut Fields, groups: Vec<String>, subnet: Option<&str>, to: &Describer<'_>) {
    let vpc = subnet.and_then(|subnet| to.objects.text(Key::Subnets, subnet, "VpcId"));
    described.insert("VpcId".to_owned(), Value::from(vpc));
    let default = vpc.and_then(|vpc| to.made.get(&(Key::SecurityGroups, vpc.to_owned())));
    let all = if groups.is_empty() { default.into_iter().cloned().collect() } else { groups };
    let all: Vec<Value> = all.into_iter().map(|group| json!({"GroupId": group})).collect();
    described.insert("Groups".to_owned(), Value::from(all));
}

/// Adds a group that is not there yet.
pub(super) fn add_group(described: &mut Fields, group: Value) {
    let known = described.get("Groups").and_then(Value::as_array).is_some_and(|known| known.contains(&group));
    if !known {
        append(described, "Groups", group);
    }
}

/// Writes addresses: the primary one first, the others in the order of the file.
pub(super) fn private_addresses(
    described: &mut Fields,
    primary: Option<String>,
    others: Vec<String>,
    public: Option<String>,
    place: &str,
) {
    let mut all: Vec<String> = primary.into_iter().collect();
    for other in others {
        if !all.contains(&other) {
            all.push(other);
        }
    }
    for (at, private) in all.into_iter().enumerate() {
        let mut address = fields([("PrivateIpAddress", Value::from(private)), ("Primary", Value::from(at == 0))]);
        if let (0, Some(public)) = (at, &public) {
            address.insert("Association".to_owned(), json!({"PublicIp": public}));
        }
        append(described, "PrivateIpAddresses", placed(address, place));
    }
}

/// Writes a list of texts as objects with one field.
pub(super) fn listed(described: &mut Fields, list: &str, field: &str, texts: Vec<String>) {
    texts.into_iter().for_each(|text| append(described, list, fields([(field, Value::from(text))])));
}

fn addresses(interface: Described<'_>, described: &mut Fields) -> Result<(), Error> {
    let node = interface.node();
    let listed_in_order = texts(&node, "private_ip_list")?;
    // `private_ips` is a set: only `private_ip` says which one is the primary.
    let primary = node.text("private_ip")?.or_else(|| listed_in_order.first().cloned());
    let others = [listed_in_order, texts(&node, "private_ips")?].concat();
    let public = match node.list("association")?.first() {
        Some(association) => association.text("public_ip")?,
        None => None,
    };
    private_addresses(described, primary, others, public, interface.address());
    let mut ipv6 = texts(&node, "ipv6_addresses")?;
    ipv6.extend(texts(&node, "ipv6_address_list")?.into_iter().filter(|it| !ipv6.contains(it)).collect::<Vec<_>>());
    listed(described, "Ipv6Addresses", "Ipv6Address", ipv6);
    listed(described, "Ipv4Prefixes", "Ipv4Prefix", texts(&node, "ipv4_prefixes")?);
    listed(described, "Ipv6Prefixes", "Ipv6Prefix", texts(&node, "ipv6_prefixes")?);
    Ok(())
}

const SAME: [(&str, &str); 7] = [
    ("subnet_id", "SubnetId"),
    ("interface_type", "InterfaceType"),
    ("description", "Description"),
    ("source_dest_check", "SourceDestCheck"),
    ("mac_address", "MacAddress"),
    ("availability_zone", "AvailabilityZone"),
    ("requester_managed", "RequesterManaged"),
];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vpcemu_model::NetworkInterface;

    use crate::terraform::describe::testing::{codes, ignored, network, resource, vpc_and_subnet};
    use crate::terraform::resource::Resource;

    fn with(interface: Value, more: impl IntoIterator<Item = Resource>) -> NetworkInterface {
        let mut interface = interface;
        interface["subnet_id"] = json!("aws_subnet.a");
        let mut resources = vpc_and_subnet();
        resources.push(resource("aws_network_interface.it", interface));
        resources.extend(more);
        let (network, notes) = network(&resources);
        assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec![]));
        network.interfaces.into_iter().find(|it| it.id.as_str() == "aws_network_interface.it").unwrap()
    }

    fn groups(interface: &NetworkInterface) -> Vec<&str> {
        interface.security_groups.iter().map(|id| id.as_str()).collect()
    }

    fn group(name: &str) -> Resource {
        resource(&format!("aws_security_group.{name}"), json!({"vpc_id": "aws_vpc.main"}))
    }

    #[test]
    fn addresses_groups_and_checks_are_kept() {
        let it = with(
            json!({"private_ip": "10.0.1.6", "private_ips": ["10.0.1.5", "10.0.1.6"], "source_dest_check": false,
                "ipv6_addresses": ["2001:db8::5"], "ipv6_address_list": ["2001:db8::5"], "ipv4_prefixes": ["10.0.1.16/28"],
                "ipv6_prefixes": [], "security_groups": ["aws_security_group.a"], "tags": {"Name": "fw"}}),
            [group("a")],
        );
        let private: Vec<String> = it.ipv4.iter().map(|it| it.private.to_string()).collect();
        assert_eq!((private, it.ipv6.len(), it.prefixes.len()), (vec!["10.0.1.6".into(), "10.0.1.5".into()], 1, 1));
        assert_eq!((it.name.as_deref(), it.source_dest_check, it.in_use), (Some("fw"), false, false));
        assert_eq!(groups(&it), ["aws_security_group.a"]);
    }

    #[test]
    fn without_groups_it_has_the_default_one() {
        let it = with(json!({"private_ips": ["10.0.1.6"]}), []);
        assert_eq!(groups(&it), ["aws_vpc.main.default_security_group_id"]);
        assert!(it.source_dest_check);
    }

    #[test]
    fn groups_may_be_attached_by_another_resource() {
        let attachment = |name: &str, group: &str| {
            let of = json!({"network_interface_id": "aws_network_interface.it", "security_group_id": group});
            resource(&format!("aws_network_interface_sg_attachment.{name}"), of)
        };
        // A state repeats the first one.
        let it = with(
            json!({"private_ips": ["10.0.1.6"], "security_groups": ["aws_security_group.a"]}),
            [group("a"), group("b"), attachment("a", "aws_security_group.a"), attachment("b", "aws_security_group.b")],
        );
        assert_eq!(groups(&it), ["aws_security_group.a", "aws_security_group.b"]);
    }

    #[test]
    fn it_is_attached_by_itself_by_another_resource_or_by_the_instance() {
        let instance = |over: Value| {
            let mut instance = json!({"instance_type": "t3.nano", "tags": {"Name": "web"}});
            instance.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
            resource("aws_instance.it", instance)
        };
        let attachment = json!({"network_interface_id": "aws_network_interface.it", "instance_id": "aws_instance.it", "device_index": 1});
        let own_subnet = json!({"subnet_id": "aws_subnet.a", "private_ip": "10.0.1.9"});
        let of_instance =
            |list: &str| json!({list: [{"device_index": 0, "network_interface_id": "aws_network_interface.it"}]});
        for (interface, more) in [
            (
                json!({"attachment": [{"instance": "aws_instance.it", "device_index": 1}]}),
                vec![instance(own_subnet.clone())],
            ),
            (json!({}), vec![instance(own_subnet), resource("aws_network_interface_attachment.it", attachment)]),
            (json!({}), vec![instance(of_instance("network_interface"))]),
            (json!({}), vec![instance(of_instance("primary_network_interface"))]),
        ] {
            let it = with(interface, more);
            assert_eq!((it.instance.as_ref().map(|id| id.as_str()), it.in_use), (Some("aws_instance.it"), true));
        }
    }
}
