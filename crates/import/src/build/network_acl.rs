//! Network ACLs and the subnets they stand at.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use vpcemu_model::{
    AclAction, AclEntry, IcmpTypeCode, Id, Kind, Network, NetworkAcl, Origin, PortRange, Ports, Protocol,
};

use super::{of_known_vpc, suffix};
use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// Fills the ACLs, gives every subnet its own and every VPC its default one, which is made where the dump has none.
pub(super) fn read(dump: &Dump, network: &mut Network, notes: &mut Notes) -> Result<(), Error> {
    let mut of_subnet = HashMap::new();
    let mut defaults = HashMap::new();
    for node in dump.nodes(Key::NetworkAcls) {
        let Some((id, vpc)) = of_known_vpc(&node, Key::NetworkAcls, network, notes)? else { continue };
        if node.flag("IsDefault")?.unwrap_or(false) {
            defaults.entry(vpc.clone()).or_insert_with(|| id.clone());
        }
        for association in node.list("Associations")? {
            if let Some(subnet) = association.id("SubnetId")? {
                match of_subnet.entry(subnet) {
                    Entry::Vacant(entry) => drop(entry.insert(id.clone())),
                    Entry::Occupied(entry) if *entry.get() == id => {}
                    Entry::Occupied(entry) => {
                        let (subnet, first) = (entry.key(), entry.get());
                        let text = format!("{subnet} is associated with {first} and with {id}: {first} counts");
                        notes.assume(codes::CONFLICTING_COPIES, subnet, text);
                    }
                }
            }
        }
        network.network_acls.push(acl(&node, id, vpc)?);
    }
    for vpc in &mut network.vpcs {
        vpc.default_network_acl = match defaults.remove(&vpc.id) {
            Some(id) => id,
            None => {
                let text = format!("{} has no default network ACL here: it has one that allows all", vpc.id);
                if dump.has(Key::NetworkAcls) {
                    notes.assume(codes::UNKNOWN_DEFAULT_NETWORK_ACL, &vpc.id, text);
                } else {
                    notes.assume(codes::MISSING_NETWORK_ACLS, &vpc.id, format!("no NetworkAcls: {text}"));
                }
                let made = default_acl(&vpc.id);
                let id = made.id.clone();
                network.network_acls.push(made);
                id
            }
        };
    }
    for subnet in &mut network.subnets {
        let default = network.vpcs.iter().find(|vpc| vpc.id == subnet.vpc).map(|vpc| &vpc.default_network_acl);
        if let Some(id) = of_subnet.get(&subnet.id).or(default) {
            subnet.network_acl = id.clone();
        }
    }
    Ok(())
}

fn acl(node: &Node<'_>, id: Id, vpc: Id) -> Result<NetworkAcl, Error> {
    let mut acl =
        NetworkAcl { id, name: node.name()?, vpc, ingress: Vec::new(), egress: Vec::new(), origin: node.origin() };
    for node in node.list("Entries")? {
        let Some(entry) = entry(&node)? else { continue };
        // SDKs that leave out false values leave out this one.
        let egress = node.flag("Egress")?.unwrap_or(false);
        if egress { acl.egress.push(entry) } else { acl.ingress.push(entry) }
    }
    // Some sources list entries in the order of their making.
    acl.ingress.sort_by_key(|entry| entry.number);
    acl.egress.sort_by_key(|entry| entry.number);
    Ok(acl)
}

/// None for the implicit denies, which dumps show as 32767 (IPv4) and 32768 (IPv6).
fn entry(node: &Node<'_>) -> Result<Option<AclEntry>, Error> {
    let expected = "a rule number of 1 to 32766";
    let number: u16 = node.number("RuleNumber", expected)?.ok_or_else(|| node.missing("RuleNumber"))?;
    if matches!(number, 32767 | 32768) {
        return Ok(None);
    }
    if !(1..=32766).contains(&number) {
        return Err(node.invalid("RuleNumber", expected));
    }
    let action = match node.state("RuleAction")?.as_deref() {
        Some("allow") => AclAction::Allow,
        Some("deny") => AclAction::Deny,
        Some(_) => return Err(node.invalid("RuleAction", "allow or deny")),
        None => return Err(node.missing("RuleAction")),
    };
    let protocol = node.text("Protocol")?.ok_or_else(|| node.missing("Protocol"))?;
    let protocol = Protocol::parse(&protocol).ok_or_else(|| node.invalid("Protocol", "a protocol number or -1"))?;
    let cidr = match node.block("CidrBlock")? {
        Some(block) => Some(block),
        None => node.block("Ipv6CidrBlock")?,
    };
    Ok(Some(AclEntry {
        number,
        action,
        protocol,
        ports: ports(node, protocol)?,
        cidr: cidr.ok_or_else(|| node.missing("CidrBlock"))?,
        origin: node.origin(),
    }))
}

/// Ports count for TCP and UDP only, types for ICMP only (semantics 7.7).
fn ports(node: &Node<'_>, protocol: Protocol) -> Result<Ports, Error> {
    match protocol {
        Protocol::TCP | Protocol::UDP => {
            let Some(range) = node.object("PortRange")? else { return Ok(Ports::Any) };
            port_range(&range, "From", "To")
        }
        Protocol::ICMP | Protocol::ICMPV6 => {
            let Some(icmp) = node.object("IcmpTypeCode")? else { return Ok(Ports::Icmp(IcmpTypeCode::default())) };
            icmp_type(&icmp, "Type", "Code")
        }
        _ => Ok(Ports::Any),
    }
}

/// A range in two fields; -1 or nothing is every port.
pub(super) fn port_range(node: &Node<'_>, from: &'static str, to: &'static str) -> Result<Ports, Error> {
    let expected = "a port of 0 to 65535, or -1";
    let read = |key| -> Result<Option<u16>, Error> {
        match node.number::<i64>(key, expected)? {
            None | Some(-1) => Ok(None),
            Some(port) => u16::try_from(port).map(Some).map_err(|_| node.invalid(key, expected)),
        }
    };
    match (read(from)?, read(to)?) {
        (None, None) => Ok(Ports::Any),
        (Some(from), None) => Ok(Ports::Range(PortRange { from, to: from })),
        (first, Some(last)) if first.unwrap_or(0) <= last => {
            Ok(Ports::Range(PortRange { from: first.unwrap_or(0), to: last }))
        }
        _ => Err(node.invalid(to, "a last port that is not below the first one")),
    }
}

/// A type and a code in two fields; -1 or nothing is any, and any type means any code.
pub(super) fn icmp_type(node: &Node<'_>, kind: &'static str, code: &'static str) -> Result<Ports, Error> {
    let expected = "a number of 0 to 255, or -1";
    let read = |key| -> Result<Option<u8>, Error> {
        match node.number::<i64>(key, expected)? {
            None | Some(-1) => Ok(None),
            Some(number) => u8::try_from(number).map(Some).map_err(|_| node.invalid(key, expected)),
        }
    };
    let (kind, code) = (read(kind)?, read(code)?);
    Ok(Ports::Icmp(IcmpTypeCode { kind, code: kind.and(code) }))
}

/// What AWS makes with a VPC: rule 100 for IPv4 and 101 for IPv6, both ways.
fn default_acl(vpc: &Id) -> NetworkAcl {
    let entries = || {
        let all =
            [(100, ipnet::IpNet::V4(ipnet::Ipv4Net::default())), (101, ipnet::IpNet::V6(ipnet::Ipv6Net::default()))];
        all.map(|(number, cidr)| AclEntry {
            number,
            action: AclAction::Allow,
            protocol: Protocol::All,
            ports: Ports::Any,
            cidr,
            origin: Origin::implicit(),
        })
    };
    NetworkAcl {
        id: Id::of(Kind::NetworkAcl, &format!("default-{}", suffix(vpc))),
        name: Some("default".to_owned()),
        vpc: vpc.clone(),
        ingress: entries().to_vec(),
        egress: entries().to_vec(),
        origin: Origin::implicit(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::build::testing::{codes, complete, import_over, try_import};

    #[test]
    fn entries_are_sorted_and_implicit_ones_dropped() {
        let entry = |number, protocol: serde_json::Value| {
            json!({"RuleNumber": number, "Protocol": protocol, "RuleAction": "Allow", "CidrBlock": "0.0.0.0/0", "PortRange":
                {"From": 1, "To": 2}, "IcmpTypeCode": {"Type": 3, "Code": -1}})
        };
        let entries = [
            entry(110, json!("17")),
            entry(90, json!(1)),
            entry(32767, json!("-1")),
            entry(100, json!("-1")),
            entry(95, json!("132")),
        ];
        let acl = json!({"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true, "Entries": entries});
        let imported = import_over(json!({"NetworkAcls": [acl]}));
        let acl = &imported.network.network_acls[0];
        let icmp = Ports::Icmp(IcmpTypeCode { kind: Some(3), code: None });
        let range = Ports::Range(PortRange { from: 1, to: 2 });
        let entries: Vec<_> = acl.ingress.iter().map(|it| (it.number, it.protocol, it.ports)).collect();
        assert_eq!(
            entries,
            [
                (90, Protocol::ICMP, icmp),
                (95, Protocol::Number(132), Ports::Any),
                (100, Protocol::All, Ports::Any),
                (110, Protocol::UDP, range)
            ]
        );
        assert!(acl.egress.is_empty());
        assert!(codes(&imported).is_empty());
    }

    #[test]
    fn without_acls_the_default_one_allows_all() {
        let imported = import_over(json!({"NetworkAcls": null}));
        assert_eq!(codes(&imported), [codes::MISSING_NETWORK_ACLS]);
        let [acl] = &imported.network.network_acls[..] else { panic!() };
        assert_eq!(imported.network.subnets[0].network_acl, acl.id);
        assert!(acl.ingress.iter().chain(&acl.egress).all(|entry| entry.action == AclAction::Allow));
        assert_eq!((acl.ingress.len(), acl.egress.len()), (2, 2));
    }

    #[test]
    fn subnets_have_their_associated_acl() {
        let imported = import_over(json!({"NetworkAcls": [
            {"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true},
            {"NetworkAclId": "acl-2", "VpcId": "vpc-1", "Associations": [{"SubnetId": "subnet-1"}]},
        ]}));
        assert_eq!(imported.network.subnets[0].network_acl.as_str(), "acl-2");
    }

    #[test]
    fn a_second_acl_of_a_subnet_is_said() {
        let acl = |id: &str| {
            json!({"NetworkAclId": id, "VpcId": "vpc-1", "IsDefault": id == "acl-1",
            "Associations": [{"SubnetId": "subnet-1"}, {"SubnetId": "subnet-1"}]})
        };
        let imported = import_over(json!({"NetworkAcls": [acl("acl-1"), acl("acl-2")]}));
        let [note] = &imported.network.assumptions[..] else { panic!("{:?}", imported.network.assumptions) };
        assert_eq!((note.code.as_str(), note.place.as_str()), (codes::CONFLICTING_COPIES, "subnet-1"));
        assert!(note.text.ends_with("with acl-1 and with acl-2: acl-1 counts"), "{}", note.text);
        assert_eq!(imported.network.subnets[0].network_acl.as_str(), "acl-1");
    }

    #[test]
    fn impossible_entries_are_errors() {
        let fails = |entry| {
            let acl = json!({"NetworkAclId": "acl-1", "VpcId": "vpc-1", "Entries": [entry]});
            let error = try_import(&complete(json!({"NetworkAcls": [acl]}))).unwrap_err().to_string();
            error.split_once("Entries[0]").unwrap().1.to_owned()
        };
        let entry = |number, from, to| {
            json!({"RuleNumber": number, "Protocol": "6", "RuleAction": "allow",
            "CidrBlock": "0.0.0.0/0", "PortRange": {"From": from, "To": to}})
        };
        assert_eq!(fails(entry(0, 1, 2)), ".RuleNumber: expected a rule number of 1 to 32766, found 0");
        assert_eq!(fails(entry(1, 1, 70000)), ".PortRange.To: expected a port of 0 to 65535, or -1, found 70000");
        assert_eq!(
            fails(entry(1, 2, 1)),
            ".PortRange.To: expected a last port that is not below the first one, found 1"
        );
        assert_eq!(fails(json!({"RuleNumber": 1})), ": no RuleAction");
    }
}
