//! Security groups, and what stands in for those that are named but not described.

use std::collections::{HashMap, HashSet};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use vpcemu_model::{Id, Kind, Network, Origin, Peer, Ports, Protocol, SecurityGroup, SecurityGroupRule};

use super::security_group_association::{self, Associations};
use super::security_group_rule::{Rules, flat, merge, permissions};
use super::{of_known_vpc, positions, suffix};
use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// Fills the groups and gives every VPC its default one, which is made where the dump has none.
pub(super) fn read(dump: &Dump, network: &mut Network, notes: &mut Notes) -> Result<(), Error> {
    let mut flat = flat(dump, notes)?;
    let mut defaults = HashMap::new();
    let mut associations = Associations::read(dump, network)?;
    for node in dump.nodes(Key::SecurityGroups) {
        let Some((id, vpc)) = place(&node, &mut associations, network, notes)? else { continue };
        let group_name = node.text("GroupName")?;
        if group_name.as_deref() == Some("default") {
            defaults.entry(vpc.clone()).or_insert_with(|| id.clone());
        }
        let listed = permissions(&node, &id, notes)?;
        let rules = merge(&node, listed, flat.remove(&id).unwrap_or_default(), dump, notes);
        // A name that says something to people comes from the tag, but most groups only have the other one.
        let name = node.name()?.or(group_name);
        let further_vpcs = associations.take(&id, &vpc);
        network.security_groups.push(SecurityGroup { further_vpcs, ..group(id, name, vpc, rules, node.origin()) });
    }
    associations.note_unknown(notes);
    for vpc in &mut network.vpcs {
        vpc.default_security_group = match defaults.remove(&vpc.id) {
            Some(id) => id,
            None => {
                let made = default_group(&vpc.id);
                let id = made.id.clone();
                network.security_groups.push(made);
                id
            }
        };
    }
    Ok(())
}

/// The id of a group and its VPC. Of a VPC that is not part of the network it may still serve one that is.
fn place(
    node: &Node<'_>,
    associations: &mut Associations,
    network: &Network,
    notes: &mut Notes,
) -> Result<Option<(Id, Id)>, Error> {
    let id = node.required_id(Key::SecurityGroups.id_field())?;
    let foreign = node.id("VpcId")?.is_some_and(|vpc| network.vpc(&vpc).is_none());
    if let (true, Some(vpc)) = (foreign, associations.first(&id)) {
        return Ok(Some((id, vpc)));
    }
    of_known_vpc(node, Key::SecurityGroups, network, notes)
}

/// Makes the groups that interfaces carry although no file describes them, and notes references to unknown ones.
pub(super) fn finish(dump: &Dump, network: &mut Network, notes: &mut Notes) -> Result<(), Error> {
    let described = dump.has(Key::SecurityGroups);
    let ruled = dump.has(Key::SecurityGroupRules);
    if !described {
        let rules = if ruled { "groups have the rules of SecurityGroupRules" } else { "nothing in, everything out" };
        let text = format!("no SecurityGroups: {rules}");
        notes.assume(codes::MISSING_SECURITY_GROUPS, Key::SecurityGroups.name(), text);
    }
    // Already read once without an error, so notes made again here would be the same.
    let mut flat = flat(dump, &mut Notes::default())?;
    let mut known: HashSet<Id> = network.security_groups.iter().map(|group| group.id.clone()).collect();
    let subnets = positions(&network.subnets, |subnet| Some(&subnet.id));
    let mut made: Vec<SecurityGroup> = Vec::new();
    for interface in &network.interfaces {
        let Some(subnet) = subnets.get(&interface.subnet).map(|at| &network.subnets[*at]) else { continue };
        for id in &interface.security_groups {
            if let Some(vpc) = network.vpcs.iter().find(|vpc| vpc.default_security_group == *id) {
                let implicit =
                    network.security_groups.iter().any(|group| group.id == *id && group.origin.is_implicit());
                if implicit && described {
                    let text = format!("{} has no default security group here: {id} is as AWS makes it", vpc.id);
                    notes.assume(codes::UNKNOWN_DEFAULT_SECURITY_GROUP, &vpc.id, text);
                }
            }
            if !known.insert(id.clone()) {
                continue;
            }
            let rules = match flat.remove(id) {
                Some(rules) => rules,
                None if described || ruled => Rules::default(),
                None => Rules { ingress: Vec::new(), egress: egress_all(id) },
            };
            if described {
                let what = if rules.ingress.is_empty() && rules.egress.is_empty() {
                    "it allows nothing"
                } else {
                    "its rules are"
                };
                let text = format!("{id} on {} was not read: {what}", interface.id);
                notes.assume(codes::UNKNOWN_SECURITY_GROUP, id, text);
            }
            made.push(group(id.clone(), None, subnet.vpc.clone(), rules, interface.origin.clone()));
        }
    }
    network.security_groups.append(&mut made);
    security_group_association::infer(network, notes);
    note_unknown_peers(dump, network, notes);
    Ok(())
}

/// Groups of other VPCs of the dump are known even where only one VPC is kept, and match as little.
fn note_unknown_peers(dump: &Dump, network: &Network, notes: &mut Notes) {
    let known: HashSet<&Id> = network.security_groups.iter().map(|group| &group.id).collect();
    for group in &network.security_groups {
        for rule in group.ingress.iter().chain(&group.egress) {
            if let Peer::SecurityGroup(peer) = &rule.peer
                && !known.contains(peer)
            {
                if dump.saw(Key::SecurityGroups, peer) {
                    let text =
                        format!("its VPC is left out: {} of {}, which names it, matches nothing", rule.id, group.id);
                    notes.ignore(peer, &rule.origin, text);
                    continue;
                }
                let text = format!("{peer} in {} of {} was not read: it matches nothing", rule.id, group.id);
                notes.assume(codes::UNKNOWN_SECURITY_GROUP, peer, text);
            }
        }
    }
}

fn group(id: Id, name: Option<String>, vpc: Id, rules: Rules, origin: Origin) -> SecurityGroup {
    let further_vpcs = Vec::new();
    SecurityGroup { id, name, vpc, further_vpcs, ingress: rules.ingress, egress: rules.egress, origin }
}

/// What AWS makes with a VPC: everything in from members, everything out.
fn default_group(vpc: &Id) -> SecurityGroup {
    let id = Id::of(Kind::SecurityGroup, &format!("default-{}", suffix(vpc)));
    let members = SecurityGroupRule {
        id: Id::of(Kind::SecurityGroupRule, &format!("{}-in-1", suffix(&id))),
        protocol: Protocol::All,
        ports: Ports::Any,
        peer: Peer::SecurityGroup(id.clone()),
        origin: Origin::implicit(),
    };
    let rules = Rules { ingress: vec![members], egress: egress_all(&id) };
    group(id, Some("default".to_owned()), vpc.clone(), rules, Origin::implicit())
}

/// The egress rules of a new group.
fn egress_all(group: &Id) -> Vec<SecurityGroupRule> {
    let all = [(1, IpNet::V4(Ipv4Net::default())), (2, IpNet::V6(Ipv6Net::default()))];
    all.into_iter()
        .map(|(number, block)| SecurityGroupRule {
            id: Id::of(Kind::SecurityGroupRule, &format!("{}-out-{number}", suffix(group))),
            protocol: Protocol::All,
            ports: Ports::Any,
            peer: Peer::Cidr(block),
            origin: Origin::implicit(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::build::testing::{codes, complete, import_over};
    use crate::{Imported, Options};

    fn interface(group: &str) -> Value {
        json!([{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "Groups": [{"GroupId": group}],
            "PrivateIpAddress": "10.0.1.5"}])
    }

    fn rules(imported: &Imported, group: &str) -> Vec<String> {
        let group = imported.network.security_groups.iter().find(|it| it.id.as_str() == group).unwrap();
        let line = |rule: &SecurityGroupRule| format!("{} {} {} {:?}", rule.id, rule.protocol, rule.ports, rule.peer);
        group.ingress.iter().chain(&group.egress).map(line).collect()
    }

    #[test]
    fn permissions_fan_out_and_take_the_ids_of_flat_rules() {
        let over = json!({
            "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "default", "VpcId": "vpc-1",
                "IpPermissions": [
                    {"IpProtocol": "TCP", "FromPort": 80, "ToPort": 81, "IpRanges": [{"CidrIp": "10.0.0.0/8"}],
                     "Ipv6Ranges": [{"CidrIpv6": "::/0"}], "UserIdGroupPairs": [{"GroupId": "sg-1"}, {"GroupName": "x"}]},
                    {"IpProtocol": "icmpv6", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
                    {"IpProtocol": "50", "FromPort": 1, "ToPort": 2, "PrefixListIds": [{"PrefixListId": "pl-1"}]}],
                "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}],
            "SecurityGroupRules": [
                {"SecurityGroupRuleId": "sgr-b", "GroupId": "sg-1", "IsEgress": false, "IpProtocol": "icmpv6",
                 "FromPort": -1, "ToPort": -1, "CidrIpv6": "::/0"},
                {"SecurityGroupRuleId": "sgr-c", "GroupId": "sg-1", "IsEgress": true, "IpProtocol": "-1",
                 "FromPort": -1, "ToPort": -1, "CidrIpv4": "0.0.0.0/0"},
                {"SecurityGroupRuleId": "sgr-d", "GroupId": "sg-1", "IsEgress": true, "IpProtocol": "udp",
                 "FromPort": 53, "ToPort": 53, "ReferencedGroupInfo": {"GroupId": "sg-1"}},
                {"SecurityGroupRuleId": "sgr-e", "GroupId": "sg-1", "IpProtocol": "udp", "ReferencedGroupInfo": {}}],
            "PrefixLists": [{"PrefixListId": "pl-1", "Cidrs": []}],
        });
        let imported = import_over(over);
        assert_eq!(
            rules(&imported, "sg-1"),
            [
                "sgr-1-in-1 tcp 80-81 Cidr(10.0.0.0/8)",
                "sgr-1-in-2 tcp 80-81 Cidr(::/0)",
                "sgr-1-in-3 tcp 80-81 SecurityGroup(sg-1)",
                "sgr-b icmpv6 all Cidr(::/0)",
                "sgr-1-in-5 50 all PrefixList(pl-1)",
                "sgr-c all all Cidr(0.0.0.0/0)",
            ]
        );
        let origin = &imported.network.security_groups[0].ingress[1].origin;
        assert_eq!(origin.path.as_deref(), Some("SecurityGroups[0].IpPermissions[0].Ipv6Ranges[0]"));
        // What the permissions do not have is no more.
        let [note] = &imported.network.assumptions[..] else { panic!("{:?}", imported.network.assumptions) };
        assert_eq!((note.code.as_str(), note.place.as_str()), (codes::CONFLICTING_COPIES, "sgr-d"));
        assert_eq!(imported.ignored.len(), 2);
    }

    #[test]
    fn without_groups_they_are_made_of_their_rules() {
        let flat = json!([{"SecurityGroupRuleId": "sgr-a", "GroupId": "sg-9", "IpProtocol": "tcp", "FromPort": 22,
            "ToPort": 22, "CidrIpv4": "0.0.0.0/0"}]);
        let over = json!({"SecurityGroups": null, "SecurityGroupRules": flat, "NetworkInterfaces": interface("sg-9")});
        let imported = import_over(over);
        assert_eq!(codes(&imported), [codes::MISSING_SECURITY_GROUPS]);
        assert_eq!(rules(&imported, "sg-9"), ["sgr-a tcp 22 Cidr(0.0.0.0/0)"]);

        let imported = import_over(json!({"SecurityGroups": null, "NetworkInterfaces": interface("sg-9")}));
        assert_eq!(codes(&imported), [codes::MISSING_SECURITY_GROUPS]);
        assert_eq!(rules(&imported, "sg-9"), ["sgr-9-out-1 all all Cidr(0.0.0.0/0)", "sgr-9-out-2 all all Cidr(::/0)"]);
    }

    #[test]
    fn unknown_groups_allow_and_match_nothing() {
        let groups = json!([{"GroupId": "sg-1", "GroupName": "default", "VpcId": "vpc-1", "IpPermissions": [
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-8"}]}]}]);
        let imported = import_over(json!({"SecurityGroups": groups, "NetworkInterfaces": interface("sg-9")}));
        assert_eq!(codes(&imported), [codes::UNKNOWN_SECURITY_GROUP; 2]);
        assert!(rules(&imported, "sg-9").is_empty());
    }

    /// The codes of what validation finds.
    fn found(imported: &Imported) -> Vec<&'static str> {
        vpcemu_model::validate::validate(&imported.network).iter().map(|finding| finding.code).collect()
    }

    fn with_pair(pair: Value) -> Value {
        json!([{"GroupId": "sg-1", "GroupName": "default", "VpcId": "vpc-1", "IpPermissions": [
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [pair]}]}])
    }

    #[test]
    fn groups_of_other_accounts_are_not_read_rather_than_gone() {
        let pair = json!({"GroupId": "sg-8", "UserId": "999999999999", "VpcId": "vpc-9",
            "VpcPeeringConnectionId": "pcx-1", "PeeringStatus": "active"});
        let imported = import_over(json!({"SecurityGroups": with_pair(pair)}));
        assert_eq!(codes(&imported), [codes::UNKNOWN_SECURITY_GROUP]);
        assert_eq!(found(&imported), [""; 0]);
    }

    #[test]
    fn groups_of_a_vpc_that_is_left_out_are_told() {
        let mut document = complete(json!({"SecurityGroups": with_pair(json!({"GroupId": "sg-2"}))}));
        let other = json!({"GroupId": "sg-2", "GroupName": "default", "VpcId": "vpc-2"});
        document["SecurityGroups"].as_array_mut().unwrap().push(other);
        document["Vpcs"].as_array_mut().unwrap().push(json!({"VpcId": "vpc-2", "CidrBlock": "10.1.0.0/16"}));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dump.json");
        std::fs::write(&path, document.to_string()).unwrap();
        let options = Options { vpc: Some("vpc-1".into()), ..Options::default() };
        let imported = crate::load(&path, &options).unwrap();
        assert_eq!((codes(&imported).len(), found(&imported).len()), (0, 0));
        let told: Vec<_> = imported.ignored.iter().map(|it| (it.what.as_str(), it.text.as_str())).collect();
        let text = "its VPC is left out: sgr-1-in-1 of sg-1, which names it, matches nothing";
        assert_eq!(told, [("sg-2", text)]);
    }

    #[test]
    fn interfaces_without_groups_have_the_default_one() {
        let interfaces = json!([{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "Groups": [],
            "PrivateIpAddress": "10.0.1.5"}]);
        let imported = import_over(json!({"NetworkInterfaces": interfaces, "SecurityGroups": []}));
        assert_eq!(codes(&imported), [codes::DEFAULT_SECURITY_GROUP, codes::UNKNOWN_DEFAULT_SECURITY_GROUP]);
        assert_eq!(imported.network.interfaces[0].security_groups, [Id::from("sg-default-1")]);
        assert_eq!(rules(&imported, "sg-default-1").len(), 3);
    }

    #[test]
    fn references_over_a_deleted_peering_connection_match_nothing() {
        let pair = |group: &str, status: Value| json!({"GroupId": group, "VpcId": "vpc-9", "VpcPeeringConnectionId": "pcx-1", "PeeringStatus": status});
        let pairs = [pair("sg-8", json!("deleted")), pair("sg-1", json!("active")), pair("sg-1", json!(null))];
        let flat = |id: &str, status: &str| {
            json!({"SecurityGroupRuleId": id, "GroupId": "sg-1", "IsEgress": true, "IpProtocol": "udp", "FromPort": 53,
                "ToPort": 53, "ReferencedGroupInfo": {"GroupId": "sg-1", "PeeringStatus": status}})
        };
        let imported = import_over(json!({
            "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "default", "VpcId": "vpc-1",
                "IpPermissions": [{"IpProtocol": "-1", "UserIdGroupPairs": pairs}]}],
            "SecurityGroupRules": [flat("sgr-a", "Deleted"), flat("sgr-b", "active")],
        }));
        let there = ["sgr-1-in-1", "sgr-1-in-2"].map(|id| format!("{id} all all SecurityGroup(sg-1)"));
        assert_eq!(rules(&imported, "sg-1")[..2], there);
        assert_eq!(rules(&imported, "sg-1")[2..], ["sgr-b udp 53 SecurityGroup(sg-1)"]);
        let texts: Vec<_> = imported.ignored.iter().map(|it| (it.what.as_str(), it.text.as_str())).collect();
        let text = |peering: &str| {
            format!("the rule is stale: {peering} to the group that it names is deleted, so it matches nothing")
        };
        assert_eq!(texts, [("sgr-a", text("the peering connection").as_str()), ("sg-1", text("pcx-1").as_str())]);
        assert!(codes(&imported).is_empty());
    }
}
