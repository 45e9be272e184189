//! Elastic IPs and what they are associated with, and addresses that stand for those nobody knows yet.

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;

use serde_json::Value;

use super::Describer;
use super::objects::fields;
use super::source::{Described, Source, first_text};
use crate::Error;
use crate::dump::Key;

/// Describes them; the interfaces that they are associated with have to be described by now.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    for (address, association) in &to.elastic.all {
        let Some(public) = address.text("public_ip")? else {
            to.notes.ignore(address.address(), address.node().origin(), "its public_ip is not known");
            continue;
        };
        // An instance has another name: that of its primary interface.
        let target = association.interface.as_ref().or(association.instance.as_ref());
        let target = target.map(|name| to.objects.id(Key::NetworkInterfaces, name));
        let described = fields([
            ("AllocationId", Value::from(first_text(&address.node(), &["allocation_id", "id"])?)),
            ("NetworkInterfaceId", Value::from(target)),
            ("PrivateIpAddress", Value::from(association.private.as_deref())),
        ]);
        to.objects.add(Key::Addresses, &public, described, address.address());
    }
    Ok(())
}

/// Every elastic IP with its association, which another resource may make.
#[derive(Debug)]
pub(super) struct Elastic<'a> {
    all: Vec<(Described<'a>, Association)>,
    /// By allocation id and by address.
    allocations: HashMap<String, Described<'a>>,
    /// The private addresses of instances and interfaces, as those are written, that have one; none is the primary one.
    targets: HashMap<String, Vec<Option<String>>>,
}

/// What an elastic IP is associated with.
#[derive(Clone, Debug, Default)]
struct Association {
    interface: Option<String>,
    instance: Option<String>,
    private: Option<String>,
}

impl<'a> Elastic<'a> {
    pub(super) fn read(source: &Source<'a>) -> Result<Self, Error> {
        let mut others = HashMap::new();
        for other in source.managed(&["aws_eip_association"]) {
            let association = Association {
                interface: other.text("network_interface_id")?,
                instance: other.text("instance_id")?,
                private: other.text("private_ip_address")?,
            };
            let leads = association.interface.is_some() || association.instance.is_some();
            if let Some(named) = first_text(&other.node(), &["allocation_id", "public_ip"])?.filter(|_| leads) {
                others.entry(named).or_insert(association);
            }
        }
        let mut elastic = Self { all: Vec::new(), allocations: HashMap::new(), targets: HashMap::new() };
        for address in source.all(&["aws_eip"]) {
            let node = address.node();
            let mut association = Association {
                // A data source calls them otherwise.
                interface: first_text(&node, &["network_interface", "network_interface_id"])?,
                instance: first_text(&node, &["instance", "instance_id"])?,
                private: first_text(&node, &["associate_with_private_ip", "private_ip"])?,
            };
            let public = node.text("public_ip")?;
            let mut names = vec![address.address().to_owned()];
            names.extend(node.text("id")?);
            names.extend(node.text("allocation_id")?);
            // What the address says itself may be older: the provider reads it, and plans only the association.
            if let Some(other) = names.iter().chain(&public).find_map(|name| others.get(name)) {
                association = other.clone();
            }
            if public.is_some() {
                for target in [&association.interface, &association.instance].into_iter().flatten() {
                    elastic.targets.entry(target.clone()).or_default().push(association.private.clone());
                }
            }
            for name in names {
                elastic.allocations.entry(name).or_insert(address);
            }
            elastic.all.push((address, association));
        }
        Ok(elastic)
    }

    /// The elastic IP with this allocation id.
    pub(super) fn allocated(&self, allocation: &str) -> Option<Described<'a>> {
        self.allocations.get(allocation).copied()
    }

    /// Whether the primary address of an interface with one of these names has an elastic IP.
    pub(super) fn is_of_primary(&self, names: &[String], primary: Option<&str>) -> bool {
        let mut privates = names.iter().filter_map(|name| self.targets.get(name)).flatten();
        privates.any(|private| private.as_deref().is_none_or(|private| Some(private) == primary))
    }
}

/// Addresses that stand for public ones: none of them is anybody's.
#[derive(Debug)]
pub(super) struct Public {
    taken: HashSet<Ipv4Addr>,
    next: u32,
}

/// The block for examples that addresses are taken from.
const FIRST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Its last address, less the broadcast address that a host would take it for.
const LAST: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);

impl Public {
    /// Leaves out the addresses that resources have.
    pub(super) fn read(source: &Source<'_>) -> Result<Self, Error> {
        let mut taken = HashSet::new();
        for resource in source.all(&["aws_eip", "aws_instance", "aws_nat_gateway", "aws_network_interface"]) {
            taken.extend(resource.node().ipv4("public_ip")?);
            for list in ["regional_nat_gateway_address", "association"] {
                for address in resource.node().list(list)? {
                    taken.extend(address.ipv4("public_ip")?);
                }
            }
        }
        Ok(Self { taken, next: FIRST.into() })
    }

    /// The next one, in the order of asking; none when all are in use.
    pub(super) fn next(&mut self) -> Option<String> {
        while self.next <= LAST.into() {
            let address = Ipv4Addr::from(self.next);
            self.next += 1;
            if !self.taken.contains(&address) {
                return Some(address.to_string());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::terraform::describe::testing::{codes, ignored, network, resource, vpc_and_subnet};
    use crate::terraform::resource::Resource;

    /// The public addresses of an instance's interface and of another one with two addresses.
    fn public(more: impl IntoIterator<Item = Resource>) -> Vec<Option<String>> {
        let mut resources = vpc_and_subnet();
        let groups = json!(["aws_vpc.main.default_security_group_id"]);
        resources.extend([
            resource("aws_instance.it", json!({"id": "i-1", "instance_type": "t3.nano", "subnet_id": "aws_subnet.a", "private_ip": "10.0.1.9", "vpc_security_group_ids": groups})),
            resource("aws_network_interface.it", json!({"id": "eni-1", "subnet_id": "aws_subnet.a", "private_ip": "10.0.1.7", "private_ips": ["10.0.1.6", "10.0.1.7"], "security_groups": groups})),
        ]);
        resources.extend(more);
        let (network, notes) = network(&resources);
        assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec![]));
        let addresses = network.interfaces.iter().flat_map(|it| &it.ipv4);
        addresses.map(|it| it.public.map(|it| it.to_string())).collect()
    }

    fn eip(over: Value) -> Resource {
        let mut eip = json!({"public_ip": "203.0.113.1", "instance": "", "network_interface": ""});
        eip.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        resource("aws_eip.it", eip)
    }

    /// Which of the addresses has it.
    fn at(more: impl IntoIterator<Item = Resource>) -> Option<usize> {
        let all = public(more);
        assert_eq!(all.len(), 3);
        all.iter().position(|it| it.as_deref() == Some("203.0.113.1"))
    }

    #[test]
    fn elastic_ips_are_associated_in_three_ways() {
        // Interfaces that are written come first.
        assert_eq!(at([eip(json!({}))]), None);
        assert_eq!(at([eip(json!({"network_interface": "eni-1"}))]), Some(0));
        assert_eq!(at([eip(json!({"network_interface": "eni-1", "associate_with_private_ip": "10.0.1.6"}))]), Some(1));
        assert_eq!(at([eip(json!({"instance": "i-1"}))]), Some(2));
        let association = |over: Value| resource("aws_eip_association.it", over);
        let by_allocation = json!({"allocation_id": "aws_eip.it", "instance_id": "i-1"});
        assert_eq!(at([eip(json!({})), association(by_allocation)]), Some(2));
        let own =
            json!({"allocation_id": "eipalloc-1", "network_interface_id": "eni-1", "private_ip_address": "10.0.1.6"});
        assert_eq!(at([eip(json!({"id": "eipalloc-1"})), association(own)]), Some(1));
        let by_address = json!({"public_ip": "203.0.113.1", "instance_id": "i-1"});
        assert_eq!(at([eip(json!({})), association(by_address)]), Some(2));
        let interface = json!({"allocation_id": "aws_eip.it", "network_interface_id": "aws_instance.it.primary_network_interface_id"});
        assert_eq!(at([eip(json!({})), association(interface)]), Some(2));
        let older = eip(json!({"network_interface": "eni-9", "instance": "i-9", "private_ip": "10.0.1.99"}));
        assert_eq!(at([older, association(json!({"allocation_id": "aws_eip.it", "instance_id": "i-1"}))]), Some(2));
        let looked_up = json!({"public_ip": "203.0.113.1", "instance_id": "i-1", "network_interface_id": ""});
        assert_eq!(at([resource("data.aws_eip.it", looked_up)]), Some(2));
    }

    #[test]
    fn one_without_address_is_told() {
        let mut resources = vpc_and_subnet();
        resources.push(eip(json!({"public_ip": null, "instance": "i-1"})));
        let (_, notes) = network(&resources);
        assert_eq!(ignored(&notes), ["aws_eip.it"]);
    }
}
