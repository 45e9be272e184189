//! `--bind ADDRESS.ATTRIBUTE=VALUE_OR_ADDRESS`: what the user says an attribute is, whatever the document says.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::terraform::address::{Address, Segment};
use crate::terraform::entry::Entry;
use crate::terraform::error::TerraformError;
use crate::terraform::kinds::slots;
use crate::terraform::plan::{Instance, Part, value_mut};
use crate::terraform::resource::Index;

/// The binds of a run, in the order given: of two for one attribute the last counts.
#[derive(Debug, Default)]
pub(crate) struct Binds {
    binds: Vec<Bind>,
}

#[derive(Debug)]
struct Bind {
    text: String,
    address: Address,
    parts: Vec<Part>,
    value: String,
}

/// What an attribute can be bound of.
pub(crate) trait Bindable {
    fn address(&self) -> &Address;
    fn values(&self) -> &Map<String, Value>;
    fn values_mut(&mut self) -> &mut Map<String, Value>;
    /// Whether an attribute that is not among the values is known to exist.
    fn has(&self, attribute: &str) -> bool;
    /// Its attributes besides the values.
    fn further(&self) -> Vec<String>;
}

impl Bindable for Entry {
    fn address(&self) -> &Address {
        &self.address
    }

    fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    fn values_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.values
    }

    fn has(&self, _: &str) -> bool {
        false
    }

    fn further(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Bindable for Instance {
    fn address(&self) -> &Address {
        &self.address
    }

    fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    fn values_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.values
    }

    fn has(&self, attribute: &str) -> bool {
        self.unknown.get(attribute).is_some()
    }

    fn further(&self) -> Vec<String> {
        self.unknown.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    }
}

impl Binds {
    /// Reads what the user wrote.
    pub(crate) fn parse(texts: &[String]) -> Result<Self, TerraformError> {
        let binds = texts.iter().map(|text| {
            let bad = |why: &str| TerraformError::Bind { bind: text.clone(), why: why.to_owned() };
            let form = "expected ADDRESS.ATTRIBUTE=VALUE_OR_ADDRESS, as in aws_nat_gateway.a.allocation_id=aws_eip.a";
            let at = equals_sign(text).ok_or_else(|| bad(form))?;
            let (left, value) = (text[..at].trim(), text[at + 1..].trim());
            let (address, rest) = Address::split(left).filter(|(_, rest)| !rest.is_empty()).ok_or_else(|| bad(form))?;
            let parts = rest.into_iter().map(|segment| match segment {
                Segment::Name(name) => Some(Part::Attribute(name.to_string())),
                Segment::Index(Index::Number(number)) => usize::try_from(number).ok().map(Part::Element),
                _ => None,
            });
            let parts: Option<Vec<_>> = parts.collect();
            let parts = parts.ok_or_else(|| bad("elements of lists are named by number, as in route[0].gateway_id"))?;
            if value.is_empty() {
                return Err(bad("there is no value after the equals sign"));
            }
            Ok(Bind { text: text.clone(), address, parts, value: value.to_owned() })
        });
        Ok(Self { binds: binds.collect::<Result<_, _>>()? })
    }

    /// Puts the values into their places.
    pub(crate) fn apply(&self, all: &mut [impl Bindable]) -> Result<(), TerraformError> {
        let places: HashMap<Address, usize> =
            all.iter().enumerate().map(|(at, it)| (it.address().clone(), at)).collect();
        for bind in &self.binds {
            let bad = |why: String| TerraformError::Bind { bind: bind.text.clone(), why };
            let Some(&at) = places.get(&bind.address) else {
                let known = all.iter().map(|it| it.address().to_string());
                return Err(bad(format!(
                    "there is no resource {}{}",
                    bind.address,
                    near(&bind.address.to_string(), known)
                )));
            };
            let Some(Part::Attribute(first)) = bind.parts.first() else {
                return Err(bad("an attribute comes first".to_owned()));
            };
            let slots = slots(&bind.address.kind);
            let of = &all[at];
            let read = read_besides(&bind.address.kind);
            let known = of.values().contains_key(first)
                || of.has(first)
                || FILLED.contains(&first.as_str())
                || read.contains(&first.as_str());
            if !known && !slots.iter().any(|slot| slot.attribute() == first) {
                let names = of.values().keys().cloned().chain(of.further());
                let names = names.chain(slots.iter().map(|slot| slot.attribute().to_owned()));
                let names = names.chain(read.iter().map(|name| (*name).to_owned()));
                return Err(bad(format!("{} has no attribute {first}{}", bind.address, near(first, names))));
            }
            let value = bind.meant(all, &places)?;
            match value_mut(all[at].values_mut(), &bind.parts) {
                Some(place) => *place = value,
                None => return Err(bad(format!("{} has no such element", bind.address))),
            }
        }
        Ok(())
    }
}

/// Attributes that documents need not mention, and that are filled in.
const FILLED: [&str; 7] =
    ["id", "cidr_block", "ipv6_cidr_block", "public_ip", "private_ip", "ipv6_addresses", "cidr_blocks"];

/// What else is read of a type, and lead to no other resource: documents that somebody shortened need not have it.
fn read_besides(kind: &str) -> &'static [&'static str] {
    match kind {
        "aws_vpc" | "aws_default_vpc" => &[
            "main_route_table_id",
            "default_route_table_id",
            "default_network_acl_id",
            "default_security_group_id",
            "assign_generated_ipv6_cidr_block",
        ],
        "aws_subnet" | "aws_default_subnet" => &[
            "availability_zone",
            "availability_zone_id",
            "map_public_ip_on_launch",
            "assign_ipv6_address_on_creation",
            "ipv6_native",
        ],
        "aws_eip" => &["allocation_id", "associate_with_private_ip"],
        "aws_eip_association" => &["private_ip_address"],
        "aws_nat_gateway" => {
            &["availability_mode", "connectivity_type", "network_interface_id", "secondary_private_ip_addresses"]
        }
        "aws_network_acl_rule" => {
            &["egress", "from_port", "icmp_code", "icmp_type", "protocol", "rule_action", "rule_number", "to_port"]
        }
        "aws_security_group" => &["name"],
        "aws_security_group_rule" => &["from_port", "protocol", "self", "to_port", "type"],
        "aws_vpc_security_group_ingress_rule" | "aws_vpc_security_group_egress_rule" => {
            &["cidr_ipv4", "cidr_ipv6", "from_port", "ip_protocol", "to_port"]
        }
        "aws_network_interface" => {
            &["interface_type", "ipv4_prefixes", "ipv6_prefixes", "private_ip_list", "private_ips", "source_dest_check"]
        }
        "aws_instance" => &[
            "associate_public_ip_address",
            "availability_zone",
            "instance_state",
            "primary_network_interface_id",
            "secondary_private_ips",
            "source_dest_check",
        ],
        "aws_vpc_endpoint" => {
            &["network_interface_ids", "prefix_list_id", "service_name", "state", "vpc_endpoint_type"]
        }
        "aws_flow_log" => &["log_format", "max_aggregation_interval", "traffic_type"],
        "aws_vpc_peering_connection" | "aws_vpc_peering_connection_accepter" => {
            &["accept_status", "auto_accept", "peer_region"]
        }
        _ => &[],
    }
}

/// The attribute under which a resource has the id of something that AWS makes with it: of two for one thing, the first.
fn made_with<'n>(kind: &str, attribute: &'n str) -> Option<&'n str> {
    match (kind, attribute) {
        ("aws_vpc" | "aws_default_vpc", "main_route_table_id") => Some("default_route_table_id"),
        (
            "aws_vpc" | "aws_default_vpc",
            "default_route_table_id" | "default_network_acl_id" | "default_security_group_id",
        )
        | ("aws_instance", "primary_network_interface_id") => Some(attribute),
        _ => None,
    }
}

impl Bind {
    fn meant(&self, all: &[impl Bindable], places: &HashMap<Address, usize>) -> Result<Value, TerraformError> {
        let name = self.parts.iter().rev().find_map(|part| match part {
            Part::Attribute(name) => Some(name.as_str()),
            Part::Element(_) => None,
        });
        let ends = ["_ids", "_ips", "_ip_list", "_prefixes", "_blocks", "_addresses", "_vgws", "security_groups"];
        let listed = matches!(self.parts.last(), Some(Part::Attribute(_)))
            && name.is_some_and(|name| ends.iter().any(|end| name.ends_with(end)));
        if let Ok(Value::Array(values)) = serde_json::from_str(&self.value) {
            let values = values.iter().map(|value| match value {
                Value::String(text) => self.one(text, all, places),
                other => Ok(other.clone()),
            });
            return values.collect::<Result<Vec<_>, _>>().map(Value::Array);
        }
        if listed {
            let values = self.value.split(',').map(|text| self.one(text.trim(), all, places));
            return values.collect::<Result<Vec<_>, _>>().map(Value::Array);
        }
        self.one(&self.value, all, places)
    }

    /// One value: that of an address or its attribute, or what is written.
    fn one(
        &self,
        text: &str,
        all: &[impl Bindable],
        places: &HashMap<Address, usize>,
    ) -> Result<Value, TerraformError> {
        let bad = |why: String| TerraformError::Bind { bind: self.text.clone(), why };
        if let Some((address, rest)) = Address::split(text).filter(|(address, _)| address.kind.starts_with("aws_")) {
            let Some(&at) = places.get(&address) else {
                let known = all.iter().map(|it| it.address().to_string());
                return Err(bad(format!("there is no resource {address}{}", near(&address.to_string(), known))));
            };
            let attribute = match &rest[..] {
                [] => "id",
                [Segment::Name(name)] => name,
                _ => return Err(bad(format!("expected an address, or one and an attribute, found {text}"))),
            };
            return match all[at].values().get(attribute) {
                Some(value) if !value.is_null() => Ok(value.clone()),
                _ if attribute == "id" => Ok(Value::from(address.to_string())),
                // It has no id yet, and is called by what has it.
                _ => match made_with(&address.kind, attribute) {
                    Some(attribute) => Ok(Value::from(format!("{address}.{attribute}"))),
                    None => Err(bad(format!("{text} is not known either"))),
                },
            };
        }
        Ok(match (text, text.parse::<i64>()) {
            ("true" | "false", _) => Value::from(text == "true"),
            (_, Ok(number)) => Value::from(number),
            _ => Value::from(text),
        })
    }
}

/// Where the first equals sign is that no key holds.
fn equals_sign(text: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    text.char_indices().find_map(|(at, character)| {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '=' if !quoted => return Some(at),
            _ => {}
        }
        None
    })
}

/// What is written much like a name: `; near are a, b`, or nothing.
fn near(name: &str, known: impl Iterator<Item = String>) -> String {
    /// Enough to find the one that was meant.
    const SHOWN: usize = 3;
    let mut known: Vec<_> = known.map(|other| (distance(name, &other), other)).collect();
    known.sort();
    known.dedup();
    // What differs in more than half is something else.
    let close = known.into_iter().filter(|(distance, other)| *distance * 2 <= name.len().max(other.len()));
    let close: Vec<_> = close.take(SHOWN).map(|(_, other)| other).collect();
    if close.is_empty() { String::new() } else { format!("; near are {}", close.join(", ")) }
}

/// How many characters have to be changed, added or left out (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, character) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (at, against) in other.iter().enumerate() {
            let changed = diagonal + usize::from(character != *against);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(address: &str, values: Value) -> Entry {
        let Value::Object(values) = values else { panic!("no attributes") };
        let (address, text) = (Address::parse(address).unwrap(), address.into());
        Entry { text, address, values, sensitive: Value::Null, path: String::new() }
    }

    fn bound(binds: &[&str]) -> Result<Vec<Value>, String> {
        let mut entries = [
            entry("aws_eip.a[\"x=y\"]", json!({"id": "eipalloc-1", "public_ip": ""})),
            entry("module.m.aws_nat_gateway.n", json!({"allocation_id": null, "private_ip": "10.0.0.1"})),
            entry("aws_route_table.r", json!({"route": [{"cidr_block": "0.0.0.0/0"}], "propagating_vgws": []})),
        ];
        let texts: Vec<String> = binds.iter().map(|text| (*text).to_owned()).collect();
        let binds = Binds::parse(&texts).map_err(|error| error.to_string())?;
        binds.apply(&mut entries).map_err(|error| error.to_string())?;
        Ok(entries.into_iter().map(|entry| Value::Object(entry.values)).collect())
    }

    #[test]
    fn values_and_addresses_are_bound() {
        let bound = bound(&[
            "module.m.aws_nat_gateway.n.allocation_id=aws_eip.a[\"x=y\"]",
            "module.m.aws_nat_gateway.n.private_ip=10.0.0.9",
            "aws_eip.a[\"x=y\"].public_ip = 203.0.113.7",
            "aws_route_table.r.route[0].nat_gateway_id=module.m.aws_nat_gateway.n",
            "aws_route_table.r.propagating_vgws=vgw-1, vgw-2",
        ]);
        let bound = bound.unwrap();
        assert_eq!(bound[0]["public_ip"], "203.0.113.7");
        assert_eq!(bound[1], json!({"allocation_id": "eipalloc-1", "private_ip": "10.0.0.9"}));
        assert_eq!(bound[2]["route"][0]["nat_gateway_id"], "module.m.aws_nat_gateway.n");
        assert_eq!(bound[2]["propagating_vgws"], json!(["vgw-1", "vgw-2"]));
    }

    #[test]
    fn what_is_read_is_bound_where_a_document_does_not_mention_it() {
        let bound = bound(&[
            "module.m.aws_nat_gateway.n.connectivity_type=private",
            "module.m.aws_nat_gateway.n.secondary_private_ip_addresses=10.0.0.8",
        ]);
        let bound = bound.unwrap();
        assert_eq!(bound[1]["connectivity_type"], "private");
        assert_eq!(bound[1]["secondary_private_ip_addresses"], json!(["10.0.0.8"]));
    }

    #[test]
    fn what_is_not_there_is_an_error_with_what_is_near() {
        let error = |bind| bound(&[bind]).unwrap_err();
        assert_eq!(
            error("module.m.aws_nat_gateway.m.allocation_id=x"),
            "--bind 'module.m.aws_nat_gateway.m.allocation_id=x': there is no resource module.m.aws_nat_gateway.m; near are \
             module.m.aws_nat_gateway.n"
        );
        let text = error("module.m.aws_nat_gateway.n.alocation_id=x");
        assert!(text.contains("has no attribute alocation_id; near are allocation_id"), "{text}");
        assert!(error("aws_route_table.r.route[3].gateway_id=igw-1").ends_with("has no such element"));
        assert!(error("aws_route_table.r.route[0].gateway_id=aws_eip.b").contains("there is no resource aws_eip.b"));
        assert!(error("aws_route_table.r").contains("expected ADDRESS.ATTRIBUTE=VALUE_OR_ADDRESS"));
        assert!(error("aws_route_table.r=x").contains("expected ADDRESS.ATTRIBUTE=VALUE_OR_ADDRESS"));
        assert!(error("aws_eip.a[\"x=y\"].public_ip=").contains("no value"));
    }
}
