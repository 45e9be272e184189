//! Tightened groups as commands of the AWS CLI.

use std::fmt::Write;

use serde_json::{Value, json};
use vpcemu_model::{Network, Peer, SecurityGroupRule};

use super::Tightened;
use super::print::{bounds, changes, heading, is_real, protocol};

/// Commands that make the groups of `network` tight: first what is new is authorized, then what is not needed revoked, so that
/// nothing that was seen is refused in between. Ids are the configuration's.
pub fn aws(network: &Network, tightened: &Tightened) -> String {
    let mut text = String::from("#!/bin/sh\nset -eu\n");
    text.push_str(&heading(tightened));
    let changes = changes(network, &tightened.network);
    let all_real = network.security_groups.iter().all(|group| is_real(&group.id, "sg-"));
    if !all_real {
        text.push_str("# Some ids are names of the configuration: put those of AWS in their place.\n");
    }
    // Writing to a string cannot fail.
    for change in &changes {
        if !change.new.is_empty() {
            let permissions = permissions(&change.new);
            _ = writeln!(
                text,
                "{} \\\n  --ip-permissions {permissions}",
                command("authorize", change.outbound, change)
            );
        }
    }
    for change in &changes {
        let gone = change.gone.iter().copied();
        let (real, named): (Vec<&SecurityGroupRule>, Vec<_>) = gone.partition(|rule| is_real(&rule.id, "sgr-"));
        if !real.is_empty() {
            let ids: Vec<_> = real.iter().map(|rule| rule.id.as_str()).collect();
            let ids = ids.join(" ");
            _ = writeln!(text, "{} \\\n  --security-group-rule-ids {ids}", command("revoke", change.outbound, change));
        }
        if !named.is_empty() {
            let permissions = permissions(&named);
            _ = writeln!(text, "{} \\\n  --ip-permissions {permissions}", command("revoke", change.outbound, change));
        }
    }
    text
}

fn command(verb: &str, outbound: bool, change: &super::print::Change<'_>) -> String {
    let way = if outbound { "egress" } else { "ingress" };
    format!("aws ec2 {verb}-security-group-{way} --group-id {}", shell(change.group.id.as_str()))
}

/// The list that `--ip-permissions` takes: an item for each protocol and range, with all of its peers.
fn permissions(rules: &[&SecurityGroupRule]) -> String {
    let mut items: Vec<Value> = Vec::new();
    for rule in rules {
        let mut item = json!({ "IpProtocol": protocol(rule) });
        if let Some((from, to)) = bounds(rule) {
            item["FromPort"] = from.into();
            item["ToPort"] = to.into();
        }
        let (list, peer) = match &rule.peer {
            Peer::Cidr(net) if net.addr().is_ipv4() => ("IpRanges", json!({ "CidrIp": net.to_string() })),
            Peer::Cidr(net) => ("Ipv6Ranges", json!({ "CidrIpv6": net.to_string() })),
            Peer::PrefixList(id) => ("PrefixListIds", json!({ "PrefixListId": id.as_str() })),
            Peer::SecurityGroup(id) => ("UserIdGroupPairs", json!({ "GroupId": id.as_str() })),
        };
        let alike =
            |known: &Value| ["IpProtocol", "FromPort", "ToPort"].iter().all(|key| known.get(key) == item.get(key));
        let known = items.iter().position(alike).unwrap_or(items.len());
        if known == items.len() {
            items.push(item);
        }
        match items[known][list].as_array_mut() {
            Some(peers) => peers.push(peer),
            None => items[known][list] = json!([peer]),
        }
    }
    shell(&Value::Array(items).to_string())
}

/// A word of a shell command.
fn shell(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':');
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
