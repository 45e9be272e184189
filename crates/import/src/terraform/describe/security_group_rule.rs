//! Rules of security groups, which are written in three forms: blocks of the group, `aws_security_group_rule` with several
//! peers, and a resource for each rule.

use std::collections::HashSet;

use ipnet::IpNet;
use serde_json::{Value, json};
use vpcemu_model::Protocol;

use super::Describer;
use super::objects::{Fields, fields, placed};
use super::security_group::{GROUPS, named};
use super::source::{Described, first_text, texts};
use crate::Error;
use crate::dump::Key;
use crate::node::Node;

/// Describes all rules, each once: a state repeats those with a resource of their own in the group.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    let mut known = HashSet::new();
    for (kind, egress) in [("aws_vpc_security_group_ingress_rule", false), ("aws_vpc_security_group_egress_rule", true)]
    {
        for rule in to.source.managed(&[kind]) {
            single(rule, egress, &mut known, to)?;
        }
    }
    for rule in to.source.managed(&["aws_security_group_rule"]) {
        several(rule, &mut known, to)?;
    }
    for group in to.source.managed(&GROUPS) {
        let id = group.id()?;
        for (list, egress) in [("ingress", false), ("egress", true)] {
            for rule in group.node().list(list)? {
                fan_out(&rule, &id, egress, &rule.path, &mut known, to)?;
            }
        }
    }
    Ok(())
}

/// What makes two rules the same.
type Same = (String, bool, String, String);

/// A rule before it is written.
struct Rule<'a> {
    group: &'a str,
    egress: bool,
    peer: Peer,
    /// The id, if AWS has given one.
    id: Option<String>,
    /// What is unique of it otherwise.
    place: String,
}

enum Peer {
    Block(String),
    PrefixList(String),
    Group(String),
}

/// A resource with one peer.
fn single(rule: Described<'_>, egress: bool, known: &mut HashSet<Same>, to: &mut Describer<'_>) -> Result<(), Error> {
    let node = rule.node();
    let group = named(&rule.required("security_group_id")?, to);
    let peer = if let Some(block) = first_text(&node, &["cidr_ipv4", "cidr_ipv6"])? {
        Peer::Block(block)
    } else if let Some(list) = node.text("prefix_list_id")? {
        Peer::PrefixList(to.objects.id(Key::PrefixLists, &list))
    } else if let Some(group) = node.text("referenced_security_group_id")? {
        Peer::Group(named(&group, to))
    } else {
        to.notes.ignore(rule.address(), node.origin(), "the rule names no peer");
        return Ok(());
    };
    let (id, place) = (rule.text("security_group_rule_id")?, rule.address().to_owned());
    write(&node, Rule { group: &group, egress, peer, id, place }, known, to)
}

/// A resource with as many peers as a block has.
fn several(rule: Described<'_>, known: &mut HashSet<Same>, to: &mut Describer<'_>) -> Result<(), Error> {
    let node = rule.node();
    let group = named(&rule.required("security_group_id")?, to);
    let egress = match node.state("type")?.as_deref() {
        Some("ingress") => false,
        Some("egress") => true,
        _ => return Err(node.invalid("type", "ingress or egress")),
    };
    fan_out(&node, &group, egress, rule.address(), known, to)
}

/// One rule for each peer that a block lists.
fn fan_out(
    node: &Node<'_>,
    group: &str,
    egress: bool,
    place: &str,
    known: &mut HashSet<Same>,
    to: &mut Describer<'_>,
) -> Result<(), Error> {
    let mut peers = Vec::new();
    for list in ["cidr_blocks", "ipv6_cidr_blocks"] {
        let blocks = texts(node, list)?;
        peers.extend(blocks.into_iter().enumerate().map(|(at, block)| (format!("{list}[{at}]"), Peer::Block(block))));
    }
    for (at, id) in texts(node, "prefix_list_ids")?.into_iter().enumerate() {
        let list = to.objects.id(Key::PrefixLists, &id);
        peers.push((format!("prefix_list_ids[{at}]"), Peer::PrefixList(list)));
    }
    for (at, text) in texts(node, "security_groups")?.into_iter().enumerate() {
        peers.push((format!("security_groups[{at}]"), Peer::Group(named(&text, to))));
    }
    if let Some(text) = node.text("source_security_group_id")? {
        peers.push(("source_security_group_id".to_owned(), Peer::Group(named(&text, to))));
    }
    if node.flag("self")?.unwrap_or(false) {
        peers.push(("self".to_owned(), Peer::Group(group.to_owned())));
    }
    // AWS has an id for it where the resource has one peer only.
    let only = peers.len() == 1;
    let id = node.text("security_group_rule_id")?.filter(|_| only);
    for (of, peer) in peers {
        let place = if only { place.to_owned() } else { format!("{place}.{of}") };
        let rule = Rule { group, egress, peer, id: id.clone(), place };
        write(node, rule, known, to)?;
    }
    Ok(())
}

fn write(node: &Node<'_>, rule: Rule<'_>, known: &mut HashSet<Same>, to: &mut Describer<'_>) -> Result<(), Error> {
    let protocol = first_text(node, &["protocol", "ip_protocol"])?.ok_or_else(|| node.missing("protocol"))?;
    let ports = (node.text("from_port")?, node.text("to_port")?);
    let (peer, mut described) = peer(rule.peer);
    let what = match Protocol::parse(&protocol) {
        // Ports say something for these only.
        Some(it @ (Protocol::TCP | Protocol::UDP | Protocol::ICMP | Protocol::ICMPV6)) => format!("{it} {ports:?}"),
        Some(it) => it.to_string(),
        None => protocol.clone(),
    };
    if !known.insert((rule.group.to_owned(), rule.egress, what, peer)) {
        return Ok(());
    }
    described.extend(fields([
        ("GroupId", Value::from(rule.group)),
        ("IsEgress", Value::from(rule.egress)),
        ("IpProtocol", Value::from(protocol)),
        ("FromPort", Value::from(ports.0)),
        ("ToPort", Value::from(ports.1)),
    ]));
    let id = rule.id.unwrap_or_else(|| rule.place.clone());
    to.objects.add(Key::SecurityGroupRules, &id, placed(described, &rule.place), &rule.place);
    Ok(())
}

/// The peer in one form, to find the same again, and its fields.
fn peer(peer: Peer) -> (String, Fields) {
    match peer {
        Peer::Block(text) => {
            let block = text.parse::<IpNet>().ok();
            let field = if text.contains(':') { "CidrIpv6" } else { "CidrIpv4" };
            let same = block.map_or_else(|| text.clone(), |block| block.trunc().to_string());
            (same, fields([(field, Value::from(text))]))
        }
        Peer::PrefixList(id) => (id.clone(), fields([("PrefixListId", Value::from(id))])),
        Peer::Group(id) => (id.clone(), fields([("ReferencedGroupInfo", json!({"GroupId": id}))])),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vpcemu_model::{Network, Peer, SecurityGroupRule};

    use crate::notes::Notes;
    use crate::terraform::describe::testing::{codes, ignored, network, resource, vpc_and_subnet};
    use crate::terraform::resource::Resource;

    fn with(group: Value, more: impl IntoIterator<Item = Resource>) -> (Network, Notes) {
        let mut group = group;
        group["vpc_id"] = json!("aws_vpc.main");
        let mut resources = vpc_and_subnet();
        resources.push(resource("aws_security_group.it", group));
        resources.extend(more);
        network(&resources)
    }

    fn rules(network: &Network, group: &str) -> Vec<String> {
        let group = network.security_groups.iter().find(|it| it.id.as_str() == group).unwrap();
        let line = |rule: &SecurityGroupRule| {
            let peer = match &rule.peer {
                Peer::Cidr(block) => block.to_string(),
                Peer::PrefixList(id) | Peer::SecurityGroup(id) => id.to_string(),
            };
            let place = rule.origin.path.as_deref().unwrap();
            let id = if rule.id.as_str() == place { String::new() } else { format!("{} ", rule.id) };
            format!("{id}{place} {} {} {peer}", rule.protocol, rule.ports)
        };
        let (ingress, egress) = (group.ingress.iter().map(line), group.egress.iter().map(line));
        ingress.map(|it| format!("< {it}")).chain(egress.map(|it| format!("> {it}"))).collect()
    }

    fn block(over: Value) -> Value {
        let mut block = json!({"protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_blocks": [], "ipv6_cidr_blocks": [],
            "prefix_list_ids": [], "security_groups": [], "self": false, "description": ""});
        block.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        block
    }

    #[test]
    fn a_group_without_egress_lets_nothing_out() {
        let (network, notes) = with(json!({"name": "web", "ingress": [], "egress": []}), []);
        assert_eq!(rules(&network, "aws_security_group.it"), [] as [&str; 0]);
        let group = network.security_groups.iter().find(|it| it.id.as_str() == "aws_security_group.it").unwrap();
        assert_eq!(group.name.as_deref(), Some("web"));
        assert_eq!(codes(&notes), [] as [&str; 0]);
    }

    #[test]
    fn blocks_fan_out() {
        let ingress = json!([
            block(json!({"cidr_blocks": ["10.0.0.0/8", "192.0.2.7/24"], "ipv6_cidr_blocks": ["::/0"], "self": true})),
            block(json!({"prefix_list_ids": ["pl-1"], "security_groups": ["123456789012/sg-9", "sg-8"]})),
        ]);
        let egress = json!([
            block(json!({"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]})),
            block(json!({"protocol": "icmp", "from_port": 8, "to_port": -1, "cidr_blocks": ["0.0.0.0/0"]}))
        ]);
        let (network, _) = with(json!({"ingress": ingress, "egress": egress}), []);
        let it = "aws_security_group.it";
        assert_eq!(
            rules(&network, it),
            [
                format!("< {it}.ingress[0].cidr_blocks[0] tcp 443 10.0.0.0/8"),
                format!("< {it}.ingress[0].cidr_blocks[1] tcp 443 192.0.2.0/24"),
                format!("< {it}.ingress[0].ipv6_cidr_blocks[0] tcp 443 ::/0"),
                format!("< {it}.ingress[0].self tcp 443 {it}"),
                format!("< {it}.ingress[1].prefix_list_ids[0] tcp 443 pl-1"),
                format!("< {it}.ingress[1].security_groups[0] tcp 443 sg-9"),
                format!("< {it}.ingress[1].security_groups[1] tcp 443 sg-8"),
                format!("> {it}.egress[0] all all 0.0.0.0/0"),
                format!("> {it}.egress[1] icmp type 8 0.0.0.0/0"),
            ]
        );
    }

    #[test]
    fn rules_with_their_own_resources_count_once() {
        // As a state has it: everything again in the group.
        let ingress = json!([
            block(json!({"cidr_blocks": ["10.0.0.0/8"], "security_groups": ["sg-8"]})),
            block(json!({"protocol": "-1", "from_port": 0, "to_port": 0, "self": true})),
            block(json!({"from_port": 22, "to_port": 22, "cidr_blocks": ["10.9.0.0/16"]})),
        ]);
        let of = |over: Value| {
            let mut rule = over;
            rule["security_group_id"] = json!("aws_security_group.it");
            rule
        };
        let (network, notes) = with(
            json!({"ingress": ingress}),
            [
                resource(
                    "aws_security_group_rule.a",
                    of(
                        json!({"type": "ingress", "protocol": "6", "from_port": 443, "to_port": 443, "cidr_blocks": ["10.0.0.0/8"],
                        "security_group_rule_id": "sgr-1"}),
                    ),
                ),
                resource(
                    "aws_security_group_rule.b",
                    of(
                        json!({"type": "ingress", "protocol": "tcp", "from_port": 443, "to_port": 443, "source_security_group_id": "sg-8",
                        "self": false}),
                    ),
                ),
                resource(
                    "aws_security_group_rule.c",
                    of(json!({"type": "ingress", "protocol": "all", "from_port": -1, "to_port": -1, "self": true})),
                ),
                resource(
                    "aws_vpc_security_group_egress_rule.d",
                    of(
                        json!({"ip_protocol": "-1", "from_port": null, "to_port": null, "cidr_ipv4": "0.0.0.0/0", "cidr_ipv6": null,
                        "security_group_rule_id": "sgr-2"}),
                    ),
                ),
                resource(
                    "aws_vpc_security_group_egress_rule.e",
                    of(json!({"ip_protocol": "udp", "from_port": 53, "to_port": 53, "prefix_list_id": "pl-1"})),
                ),
                resource(
                    "aws_vpc_security_group_egress_rule.f",
                    of(json!({"ip_protocol": "udp", "from_port": 53, "to_port": 53,
                        "referenced_security_group_id": "123456789012/sg-9"})),
                ),
                resource("aws_vpc_security_group_egress_rule.g", of(json!({"ip_protocol": "-1"}))),
            ],
        );
        assert_eq!(
            rules(&network, "aws_security_group.it"),
            [
                "< sgr-1 aws_security_group_rule.a tcp 443 10.0.0.0/8",
                "< aws_security_group_rule.b tcp 443 sg-8",
                "< aws_security_group_rule.c all all aws_security_group.it",
                "< aws_security_group.it.ingress[2] tcp 22 10.9.0.0/16",
                "> sgr-2 aws_vpc_security_group_egress_rule.d all all 0.0.0.0/0",
                "> aws_vpc_security_group_egress_rule.e udp 53 pl-1",
                "> aws_vpc_security_group_egress_rule.f udp 53 sg-9",
            ]
        );
        assert_eq!(ignored(&notes), ["aws_vpc_security_group_egress_rule.g"]);
    }

    #[test]
    fn the_default_group_is_as_aws_makes_it_until_somebody_takes_it_over() {
        let (made, notes) = with(json!({}), []);
        let id = "aws_vpc.main.default_security_group_id";
        assert_eq!(made.vpcs[0].default_security_group.as_str(), id);
        let lines = rules(&made, id);
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("< ") && lines[0].ends_with(&format!(" {id} all all {id}")), "{lines:?}");
        assert!(lines[1].ends_with(" all all 0.0.0.0/0") && lines[2].ends_with(" all all ::/0"), "{lines:?}");
        assert_eq!(codes(&notes), [] as [&str; 0]);

        let taken = resource("aws_default_security_group.it", json!({"vpc_id": "aws_vpc.main"}));
        let added = json!({"security_group_id": id, "ip_protocol": "-1", "cidr_ipv4": "0.0.0.0/0"});
        let added = resource("aws_vpc_security_group_egress_rule.a", added);
        let (taken, _) = with(json!({}), [taken, added]);
        assert_eq!(taken.vpcs[0].default_security_group.as_str(), "aws_default_security_group.it");
        let lines = rules(&taken, "aws_default_security_group.it");
        assert_eq!(lines, ["> aws_vpc_security_group_egress_rule.a all all 0.0.0.0/0"]);
    }
}
