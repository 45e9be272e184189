//! Addresses that AWS chooses at apply, made up: each from the resource's own address, so that the same resource has the same one
//! in the next plan, whatever comes or goes beside it.

mod pool;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::{Value, json};

use crate::codes;
use crate::notes::Notes;
use crate::terraform::error::Unresolved;
use crate::terraform::plan::{Instance, Plan};
use crate::terraform::resource::Mode;

use pool::{Hosts, Prefixes, Publics, seed};

/// Fills in what AWS chooses. What it cannot choose is left to the user.
pub(crate) fn fill(plan: &mut Plan<'_>, notes: &mut Notes, unresolved: &mut Vec<Unresolved>) {
    let mut order: Vec<usize> = (0..plan.instances.len()).collect();
    // Where two want one address, the order in which the document lists them decides nothing.
    order.sort_by(|&one, &other| plan.instances[one].text.cmp(&plan.instances[other].text));
    let by_id = plan.instances.iter().enumerate().map(|(at, it)| (it.id.clone(), at)).collect();
    let mut maker = Maker { instances: &mut plan.instances, order, by_id, notes, unresolved };
    maker.vpcs();
    maker.subnets();
    let mut publics = Publics::new(maker.known_addresses());
    maker.elastic(&mut publics);
    let mut hosts = Hosts::new(maker.known_addresses());
    maker.nat_gateways(&mut publics, &mut hosts);
    maker.interfaces(&mut hosts);
    maker.machines(&mut publics, &mut hosts);
    maker.endpoints();
}

struct Maker<'p, 'n> {
    instances: &'p mut [Instance],
    order: Vec<usize>,
    by_id: HashMap<String, usize>,
    notes: &'n mut Notes,
    unresolved: &'n mut Vec<Unresolved>,
}

impl Maker<'_, '_> {
    /// What the plan has of some types. Addresses of what is only looked up are not made up.
    fn of_types(&self, types: &[&str]) -> Vec<usize> {
        let managed = |it: &Instance| it.address.mode == Mode::Managed && types.contains(&it.kind());
        self.order.iter().copied().filter(|&at| managed(&self.instances[at])).collect()
    }

    /// Puts a made-up value in its place, and says so.
    fn make(&mut self, at: usize, attribute: &str, value: impl Into<Value>) {
        let value = value.into();
        let shown = match &value {
            Value::String(text) => text.clone(),
            Value::Array(list) if list.iter().all(Value::is_string) => {
                list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        };
        let instance = &mut self.instances[at];
        let place = format!("{}.{attribute}", instance.text);
        let text = format!("it is known only after apply: {shown} stands for it");
        self.notes.assume(codes::PLAN_ADDRESS, place, text);
        instance.values.insert(attribute.to_owned(), value);
    }

    /// Whether an attribute is to be made up.
    fn lacks(&self, at: usize, attribute: &str) -> bool {
        let instance = &self.instances[at];
        let there = match instance.values.get(attribute) {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(list)) => !list.is_empty() && !list.iter().all(Value::is_null),
            Some(_) => true,
        };
        !there && (instance.made || instance.is_unknown(attribute))
    }

    fn require(&mut self, at: usize, attribute: &str, example: &str) {
        self.unresolved.push(Unresolved {
            place: format!("{}.{attribute}", self.instances[at].text),
            expected: "an IPv4 block".to_owned(),
            references: Vec::new(),
            candidates: Vec::new(),
            example: example.to_owned(),
        });
    }

    fn block4(&self, at: usize) -> Option<Ipv4Net> {
        self.instances[at].text_of("cidr_block")?.parse().ok()
    }

    fn block6(&self, at: usize) -> Option<Ipv6Net> {
        self.instances[at].text_of("ipv6_cidr_block")?.parse().ok()
    }

    /// The resource whose id an attribute holds.
    fn under(&self, at: usize, attribute: &str) -> Option<usize> {
        self.by_id.get(self.instances[at].text_of(attribute)?).copied()
    }

    /// Every address that the plan says anywhere.
    fn known_addresses(&self) -> Vec<IpAddr> {
        let mut found = Vec::new();
        for instance in self.instances.iter() {
            instance.values.values().for_each(|value| addresses_in(value, &mut found));
        }
        found
    }

    fn vpcs(&mut self) {
        let all = self.of_types(&["aws_vpc", "aws_default_vpc", "aws_vpc_ipv6_cidr_block_association"]);
        let known: Vec<_> = all.iter().filter_map(|&at| self.block6(at)).collect();
        let mut prefixes = Prefixes::new(known);
        for at in all {
            let kind = self.instances[at].kind().to_owned();
            if kind == "aws_default_vpc" && self.lacks(at, "cidr_block") {
                // AWS gives every default VPC this one.
                self.make(at, "cidr_block", "172.31.0.0/16");
            } else if kind == "aws_vpc" && self.lacks(at, "cidr_block") {
                self.require(at, "cidr_block", "10.0.0.0/16");
            }
            let instance = &self.instances[at];
            let wanted = kind == "aws_vpc_ipv6_cidr_block_association"
                || instance.flag("assign_generated_ipv6_cidr_block")
                || instance.text_of("ipv6_ipam_pool_id").is_some()
                || instance.values.get("ipv6_netmask_length").is_some_and(Value::is_number);
            if wanted && self.lacks(at, "ipv6_cidr_block") {
                let block = prefixes.take(seed(&self.instances[at].text));
                self.make(at, "ipv6_cidr_block", block.to_string());
            }
        }
    }

    fn subnets(&mut self) {
        let all = self.of_types(&["aws_subnet", "aws_default_subnet"]);
        let associations = self.of_types(&["aws_vpc_ipv6_cidr_block_association"]);
        let mut further: HashMap<String, Vec<Ipv6Net>> = HashMap::new();
        for at in associations {
            if let (Some(vpc), Some(block)) = (self.instances[at].text_of("vpc_id"), self.block6(at)) {
                further.entry(vpc.to_owned()).or_default().push(block);
            }
        }
        let mut taken: Vec<Ipv6Net> = all.iter().filter_map(|&at| self.block6(at)).collect();
        let mut defaults: Vec<_> =
            all.iter().copied().filter(|&at| self.instances[at].kind() == "aws_default_subnet").collect();
        defaults.sort_by_key(|&at| self.instances[at].text_of("availability_zone").map(str::to_owned));
        for (number, at) in defaults.into_iter().enumerate() {
            if self.lacks(at, "cidr_block") {
                // AWS gives the subnets of a default VPC a /20 each.
                let block = Ipv4Net::new_assert(Ipv4Addr::from(0xac1f_0000 + (number as u32 % 16) * 0x1000), 20);
                self.make(at, "cidr_block", block.to_string());
            }
        }
        for at in all {
            if !self.instances[at].flag("ipv6_native") && self.lacks(at, "cidr_block") {
                self.require(at, "cidr_block", "10.0.0.0/24");
            }
            if !(self.lacks(at, "ipv6_cidr_block") && self.instances[at].is_unknown("ipv6_cidr_block")) {
                continue;
            }
            let Some(vpc) = self.under(at, "vpc_id") else { continue };
            let more = further.get(&self.instances[vpc].id).and_then(|blocks| blocks.first().copied());
            let Some(outer) = self.block6(vpc).or(more) else { continue };
            // What people write into the third byte of the IPv4 block they write here too.
            let own = self.block4(vpc).zip(self.block4(at)).map(|(vpc, own)| {
                u64::from(
                    u32::from(own.network()).wrapping_sub(u32::from(vpc.network())) >> (32 - own.prefix_len()).min(31),
                )
            });
            let wanted = own.unwrap_or_else(|| seed(&self.instances[at].text));
            if let Some(block) = pool::part_of(outer, wanted, &taken) {
                taken.push(block);
                self.make(at, "ipv6_cidr_block", block.to_string());
            }
        }
    }

    fn elastic(&mut self, publics: &mut Publics) {
        for at in self.of_types(&["aws_eip"]) {
            if self.instances[at].text_of("carrier_ip").is_none() && self.lacks(at, "public_ip") {
                self.make_public(at, "public_ip", publics);
            }
        }
    }

    fn make_public(&mut self, at: usize, attribute: &str, publics: &mut Publics) {
        if let Some(address) = publics.take(seed(&self.instances[at].text)) {
            self.make(at, attribute, address.to_string());
        }
    }

    fn nat_gateways(&mut self, publics: &mut Publics, hosts: &mut Hosts) {
        for at in self.of_types(&["aws_nat_gateway"]) {
            if self.instances[at].text_of("availability_mode") == Some("regional") {
                // Nothing names its addresses: what describes it makes them up.
                continue;
            }
            if self.instances[at].text_of("allocation_id").is_some() && self.lacks(at, "public_ip") {
                let elastic = self.under(at, "allocation_id");
                match elastic.and_then(|eip| self.instances[eip].text_of("public_ip").map(str::to_owned)) {
                    Some(public) => {
                        self.instances[at].values.insert("public_ip".to_owned(), Value::from(public));
                    }
                    None => self.make_public(at, "public_ip", publics),
                }
            }
            if self.lacks(at, "private_ip") {
                self.make_private(at, "private_ip", hosts);
            }
            self.secondary(at, hosts);
        }
        for at in self.of_types(&["aws_nat_gateway_eip_association"]) {
            let gateway = self.under(at, "nat_gateway_id");
            let subnet = gateway.and_then(|gateway| self.under(gateway, "subnet_id"));
            if let Some(block) = subnet.and_then(|subnet| self.block4(subnet))
                && self.lacks(at, "private_ip_address")
                && let Some(address) = hosts.take4(block, seed(&self.instances[at].text))
            {
                self.make(at, "private_ip_address", address.to_string());
            }
        }
    }

    /// Private addresses beside the first one: one for each elastic IP, or as many as are asked for.
    fn secondary(&mut self, at: usize, hosts: &mut Hosts) {
        let gateway = &self.instances[at];
        let elastic = gateway.values.get("secondary_allocation_ids").and_then(Value::as_array).map_or(0, Vec::len);
        let asked = gateway.values.get("secondary_private_ip_address_count").and_then(Value::as_u64).unwrap_or(0);
        // A gateway has eight at most.
        let count = (elastic as u64).max(asked).min(8);
        if count == 0 || !self.lacks(at, "secondary_private_ip_addresses") {
            return;
        }
        let Some(block) = self.under(at, "subnet_id").and_then(|subnet| self.block4(subnet)) else { return };
        let seed = seed(&self.instances[at].text);
        let addresses = (0..count).filter_map(|number| hosts.take4(block, seed.wrapping_add(number)));
        let addresses: Vec<_> = addresses.map(|address| address.to_string()).collect();
        self.make(at, "secondary_private_ip_addresses", addresses);
    }

    fn make_private(&mut self, at: usize, attribute: &str, hosts: &mut Hosts) -> Option<String> {
        let subnet = self.under(at, "subnet_id")?;
        let address = hosts.take4(self.block4(subnet)?, seed(&self.instances[at].text))?.to_string();
        self.make(at, attribute, address.clone());
        Some(address)
    }

    /// IPv6 addresses as many as the resource says, or one if its subnet gives everything one.
    fn make_ipv6(&mut self, at: usize, hosts: &mut Hosts) {
        let Some(subnet) = self.under(at, "subnet_id") else { return };
        let Some(block) = self.block6(subnet) else { return };
        let wanted = self.instances[at].values.get("ipv6_address_count").and_then(Value::as_u64);
        let wanted =
            wanted.unwrap_or_else(|| u64::from(self.instances[subnet].flag("assign_ipv6_address_on_creation")));
        if wanted == 0 || !self.lacks(at, "ipv6_addresses") {
            return;
        }
        let seed = seed(&self.instances[at].text);
        // More than an interface can have would only fill memory.
        let addresses = (0..wanted.min(64)).map(|number| hosts.take6(block, seed.wrapping_add(number)).to_string());
        let addresses: Vec<_> = addresses.collect();
        self.make(at, "ipv6_addresses", addresses);
    }

    fn interfaces(&mut self, hosts: &mut Hosts) {
        for at in self.of_types(&["aws_network_interface"]) {
            let listed = self.instances[at].values.get("private_ips").and_then(Value::as_array);
            let first = listed.and_then(|list| list.iter().find_map(Value::as_str)).map(str::to_owned);
            match first {
                Some(first) if self.lacks(at, "private_ip") => {
                    self.instances[at].values.insert("private_ip".to_owned(), Value::from(first));
                }
                None if self.lacks(at, "private_ip") => {
                    if let Some(address) = self.make_private(at, "private_ip", hosts) {
                        self.instances[at].values.insert("private_ips".to_owned(), json!([address]));
                    }
                }
                _ => {}
            }
            self.make_ipv6(at, hosts);
        }
    }

    fn machines(&mut self, publics: &mut Publics, hosts: &mut Hosts) {
        let elastic = self.of_types(&["aws_eip", "aws_eip_association"]).into_iter();
        let elastic: Vec<String> = elastic
            .filter_map(|at| ["instance", "instance_id"].iter().find_map(|key| self.instances[at].text_of(key)))
            .map(str::to_owned)
            .collect();
        for at in self.of_types(&["aws_instance"]) {
            let has = |key: &str| {
                let blocks = self.instances[at].values.get(key).and_then(Value::as_array);
                blocks.is_some_and(|blocks| !blocks.is_empty())
            };
            if has("network_interface") || has("primary_network_interface") {
                continue;
            }
            let Some(subnet) = self.under(at, "subnet_id") else { continue };
            if self.lacks(at, "private_ip") && !self.instances[subnet].flag("ipv6_native") {
                self.make_private(at, "private_ip", hosts);
            }
            self.make_ipv6(at, hosts);
            let public = match self.instances[at].values.get("associate_public_ip_address") {
                Some(Value::Bool(public)) => *public,
                _ => self.instances[subnet].flag("map_public_ip_on_launch"),
            };
            if public && !elastic.contains(&self.instances[at].id) && self.lacks(at, "public_ip") {
                self.make_public(at, "public_ip", publics);
            }
        }
    }

    /// The prefix list of a gateway endpoint has blocks that only AWS knows; a data source of the list may tell them.
    fn endpoints(&mut self) {
        let is_list = |it: &Instance| matches!(it.kind(), "aws_prefix_list" | "aws_ec2_managed_prefix_list");
        if self.instances.iter().any(|it| it.address.mode == Mode::Data && is_list(it)) {
            return;
        }
        for at in self.of_types(&["aws_vpc_endpoint"]) {
            let instance = &self.instances[at];
            let is_gateway = matches!(instance.text_of("vpc_endpoint_type"), None | Some("Gateway"));
            if !is_gateway || !self.lacks(at, "prefix_list_id") || !self.lacks(at, "cidr_blocks") {
                continue;
            }
            let place = format!("{}.cidr_blocks", instance.text);
            let text = format!(
                "the blocks of the service are known only after apply: nothing takes the route to it, unless they are said, as \
                 in --bind '{place}=192.0.2.0/24,198.51.100.0/24'"
            );
            self.notes.assume(codes::PLAN_UNKNOWN, place, text);
        }
    }
}

fn addresses_in(value: &Value, found: &mut Vec<IpAddr>) {
    match value {
        Value::String(text) => {
            let address = text.parse().ok().or_else(|| match text.parse::<IpNet>() {
                Ok(net) if net.prefix_len() == net.max_prefix_len() => Some(net.addr()),
                _ => None,
            });
            found.extend(address);
        }
        Value::Array(values) => values.iter().for_each(|value| addresses_in(value, found)),
        Value::Object(map) => map.values().for_each(|value| addresses_in(value, found)),
        _ => {}
    }
}
