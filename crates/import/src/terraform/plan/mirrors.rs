//! Attributes that repeat resources of their own: the rules of a group, the routes of a table, what is associated.
//!
//! A plan that deletes or changes such a resource leaves the attribute as the last refresh read it. What the resource was has
//! to be taken out there, or it would stay in the network that is planned.

use std::collections::HashMap;

use ipnet::IpNet;
use serde_json::{Map, Value};
use vpcemu_model::Protocol;

use super::Plan;

/// A resource as it was before the plan deletes or changes it.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) kind: String,
    pub(super) values: Map<String, Value>,
}

/// What an attribute has of a resource.
#[derive(Debug)]
enum Repeated {
    /// It is this text.
    Text(String),
    /// This is an element of it.
    Element(String),
    /// A block with this key is.
    Block(String),
    /// A block is, or is a part of one, of rules with these protocol and ports, and this peer.
    Peer(String, String),
}

/// Takes what is gone out of the attributes that repeat it. What the configuration sets stays: it will be there.
pub(super) fn forget(plan: &mut Plan<'_>, gone: &[Gone]) {
    let mut copies: HashMap<String, Vec<(&str, Repeated)>> = HashMap::new();
    for it in gone {
        for (owner, attribute, copy) in it.copies() {
            copies.entry(owner).or_default().push((attribute, copy));
        }
    }
    if copies.is_empty() {
        return;
    }
    for instance in &mut plan.instances {
        let of = &instance.address;
        let resource = plan.configuration.resource(&of.modules, of.mode, &of.kind, &of.name);
        let expressions = resource.and_then(|it| it.get("expressions"));
        let is_set = |attribute: &str| expressions.is_some_and(|it| it.get(attribute).is_some());
        let mut names = vec![instance.id.clone()];
        // What is attached to an instance is attached to its interface; an address is called in three ways.
        for name in ["primary_network_interface_id", "allocation_id", "public_ip"] {
            let own = name == "primary_network_interface_id" || instance.kind() == "aws_eip";
            names.extend(instance.text_of(name).filter(|_| own).map(str::to_owned));
        }
        names.dedup();
        let id = instance.id.clone();
        for (attribute, copy) in names.iter().filter_map(|name| copies.get(name)).flatten() {
            let whole = ADDRESS.contains(attribute) && ADDRESS.iter().any(|it| is_set(it));
            if !whole && !is_set(attribute) {
                copy.take_from(&mut instance.values, attribute, &id);
                if let Some(prior) = &mut instance.prior {
                    copy.take_from(prior, attribute, &id);
                }
            }
        }
    }
}

/// What an elastic IP is associated with: to set one is to set all.
const ADDRESS: [&str; 3] = ["instance", "network_interface", "private_ip"];

/// Resources that link two others: the type, the attribute with the owner, its attribute that repeats the link, and the
/// attribute with what is linked.
const LINKS: [(&str, &str, &str, &str); 9] = [
    ("aws_network_acl_association", "network_acl_id", "subnet_ids", "subnet_id"),
    ("aws_vpc_endpoint_route_table_association", "vpc_endpoint_id", "route_table_ids", "route_table_id"),
    ("aws_vpc_endpoint_subnet_association", "vpc_endpoint_id", "subnet_ids", "subnet_id"),
    ("aws_vpc_endpoint_security_group_association", "vpc_endpoint_id", "security_group_ids", "security_group_id"),
    ("aws_network_interface_sg_attachment", "network_interface_id", "security_groups", "security_group_id"),
    ("aws_network_interface_sg_attachment", "network_interface_id", "vpc_security_group_ids", "security_group_id"),
    ("aws_vpn_gateway_route_propagation", "route_table_id", "propagating_vgws", "vpn_gateway_id"),
    ("aws_nat_gateway_eip_association", "nat_gateway_id", "secondary_allocation_ids", "allocation_id"),
    ("aws_route_table_association", "route_table_id", "associations", "subnet_id"),
];

/// The same where the owner has one such link only.
const ATTACHMENTS: [(&str, &str, &str, &str); 9] = [
    ("aws_main_route_table_association", "vpc_id", "main_route_table_id", "route_table_id"),
    ("aws_internet_gateway_attachment", "internet_gateway_id", "vpc_id", "vpc_id"),
    ("aws_vpn_gateway_attachment", "vpn_gateway_id", "vpc_id", "vpc_id"),
    ("aws_eip_association", "allocation_id", "instance", "instance_id"),
    ("aws_eip_association", "allocation_id", "network_interface", "network_interface_id"),
    ("aws_eip_association", "allocation_id", "private_ip", "private_ip_address"),
    ("aws_eip_association", "public_ip", "instance", "instance_id"),
    ("aws_eip_association", "public_ip", "network_interface", "network_interface_id"),
    ("aws_eip_association", "public_ip", "private_ip", "private_ip_address"),
];

/// The attributes under which rules name one peer, and several.
const PEERS: [&str; 5] =
    ["cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id", "source_security_group_id"];
const PEER_LISTS: [&str; 4] = ["cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "security_groups"];

impl Gone {
    /// Whose attributes repeat it, and how.
    fn copies(&self) -> Vec<(String, &'static str, Repeated)> {
        let of = |name: &str| word(self.values.get(name));
        let mut copies = Vec::new();
        for (links, copy) in [(LINKS, Repeated::Element as fn(String) -> Repeated), (ATTACHMENTS, Repeated::Text)] {
            for (kind, owner, attribute, linked) in links {
                if kind == self.kind
                    && let (Some(owner), Some(linked)) = (of(owner), of(linked))
                {
                    copies.push((owner, attribute, copy(linked)));
                }
            }
        }
        let direction = |egress: bool| if egress { "egress" } else { "ingress" };
        let egress = match &*self.kind {
            "aws_security_group_rule" => of("type").as_deref() == Some("egress"),
            "aws_network_acl_rule" => self.values.get("egress") == Some(&Value::Bool(true)),
            kind => kind == "aws_vpc_security_group_egress_rule",
        };
        let (owner, attributes): (_, &[&'static str]) = match &*self.kind {
            "aws_vpc_security_group_ingress_rule"
            | "aws_vpc_security_group_egress_rule"
            | "aws_security_group_rule" => {
                let Some(group) = of("security_group_id") else { return copies };
                let what = traffic(&self.values);
                let peers = peers(&self.values, &group).into_iter();
                copies.extend(peers.map(|peer| (group.clone(), direction(egress), Repeated::Peer(what.clone(), peer))));
                return copies;
            }
            "aws_route" => ("route_table_id", &["route", "routes"]),
            "aws_network_acl_rule" => ("network_acl_id", if egress { &["egress"] } else { &["ingress"] }),
            "aws_network_interface_attachment" => ("network_interface_id", &["attachment"]),
            "aws_ec2_managed_prefix_list_entry" => ("prefix_list_id", &["entry"]),
            _ => return copies,
        };
        for attribute in attributes {
            if let (Some(owner), Some(key)) = (of(owner), key(attribute, &self.values)) {
                copies.push((owner, attribute, Repeated::Block(key)));
            }
        }
        copies
    }
}

impl Repeated {
    /// Takes it out of an attribute of the resource with this id.
    fn take_from(&self, values: &mut Map<String, Value>, attribute: &str, id: &str) {
        let Some(value) = values.get_mut(attribute) else { return };
        match (self, &mut *value) {
            (Self::Text(text), value) if value.as_str() == Some(text) => *value = Value::Null,
            (Self::Element(text), Value::Array(list)) => {
                let is_it = |it: &Value| it.as_str().or_else(|| it.get("subnet_id")?.as_str()) == Some(text);
                let Some(at) = list.iter().position(is_it) else { return };
                list.remove(at);
                let left = list.len();
                // An endpoint has an interface in each of its subnets.
                if attribute == "subnet_ids"
                    && let Some(Value::Array(interfaces)) = values.get_mut("network_interface_ids")
                    && interfaces.len() == left + 1
                {
                    interfaces.remove(at);
                }
            }
            (Self::Block(text), Value::Array(list)) => {
                list.retain(|it| it.as_object().and_then(|it| key(attribute, it)).as_ref() != Some(text));
            }
            (Self::Peer(what, peer), Value::Array(list)) => {
                // Blocks that nothing is left of stay: the others keep their places.
                let rules = list.iter_mut().filter_map(Value::as_object_mut);
                rules.filter(|it| traffic(it) == *what).for_each(|it| without(it, peer, id));
            }
            _ => {}
        }
    }
}

/// Takes a peer out of a block of rules.
fn without(block: &mut Map<String, Value>, peer: &str, group: &str) {
    for name in PEER_LISTS {
        if let Some(Value::Array(list)) = block.get_mut(name) {
            list.retain(|it| word(Some(it)).is_none_or(|it| canonical(&it) != peer));
        }
    }
    if peer == group
        && let Some(own) = block.get_mut("self")
    {
        *own = Value::Bool(false);
    }
}

/// The peers of a rule with a resource of its own.
fn peers(rule: &Map<String, Value>, group: &str) -> Vec<String> {
    let lists = PEER_LISTS.iter().filter_map(|name| rule.get(*name)?.as_array()).flatten();
    let all = PEERS.iter().filter_map(|name| rule.get(*name)).chain(lists);
    let mut all: Vec<_> = all.filter_map(|it| word(Some(it))).map(|it| canonical(&it)).collect();
    if rule.get("self") == Some(&Value::Bool(true)) {
        all.push(group.to_owned());
    }
    all
}

/// Protocol and ports, in one form.
fn traffic(rule: &Map<String, Value>) -> String {
    let protocol = ["protocol", "ip_protocol"].iter().find_map(|name| word(rule.get(*name))).unwrap_or_default();
    match Protocol::parse(&protocol) {
        // Ports say something for these only.
        Some(it @ (Protocol::TCP | Protocol::UDP | Protocol::ICMP | Protocol::ICMPV6)) => {
            format!("{it} {:?}", (word(rule.get("from_port")), word(rule.get("to_port"))))
        }
        Some(it) => it.to_string(),
        None => protocol,
    }
}

/// What a list of blocks has one of.
fn key(attribute: &str, block: &Map<String, Value>) -> Option<String> {
    let names: &[&str] = match attribute {
        "ingress" | "egress" => &["rule_number", "rule_no"],
        "attachment" => &["instance_id", "instance"],
        "entry" => &["cidr"],
        _ => &[
            "destination_cidr_block",
            "cidr_block",
            "destination_ipv6_cidr_block",
            "ipv6_cidr_block",
            "destination_prefix_list_id",
        ],
    };
    names.iter().find_map(|name| word(block.get(*name))).map(|it| canonical(&it))
}

/// A block without the bits of a host, and a group without its account.
fn canonical(text: &str) -> String {
    match (text.parse::<IpNet>(), text.split_once('/')) {
        (Ok(block), _) => block.trunc().to_string(),
        (Err(_), Some((account, id))) if account.bytes().all(|byte| byte.is_ascii_digit()) => id.to_owned(),
        _ => text.to_owned(),
    }
}

/// A text or number; empty text is none.
fn word(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
