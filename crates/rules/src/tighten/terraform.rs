//! Tightened groups as Terraform resources.

use std::fmt::Write;

use vpcemu_model::{Id, Network, Peer, SecurityGroupRule};

use super::Tightened;
use super::print::{bounds, changes, heading, protocol};

/// A resource of its own for every rule, as the provider recommends. Groups that are resources of the configuration are
/// referred to by their addresses, others by their ids.
pub fn terraform(network: &Network, tightened: &Tightened) -> String {
    let mut text = heading(tightened);
    for change in changes(network, &tightened.network) {
        let way = if change.outbound { "egress" } else { "ingress" };
        for (rule, number) in change.all.iter().zip(1..) {
            text.push_str(&resource(&change.group.id, way, number, rule));
        }
        if change.all.is_empty() {
            // Writing to a string cannot fail.
            _ = writeln!(text, "\n# {}: no {way} rule is needed.", change.group.id);
        }
    }
    text
}

fn resource(group: &Id, way: &str, number: usize, rule: &SecurityGroupRule) -> String {
    let mut arguments = vec![("security_group_id", reference(group)), ("ip_protocol", quoted(&protocol(rule)))];
    if let Some((from, to)) = bounds(rule) {
        arguments.extend([("from_port", from.to_string()), ("to_port", to.to_string())]);
    }
    arguments.push(match &rule.peer {
        Peer::Cidr(net) if net.addr().is_ipv4() => ("cidr_ipv4", quoted(&net.to_string())),
        Peer::Cidr(net) => ("cidr_ipv6", quoted(&net.to_string())),
        Peer::PrefixList(id) => ("prefix_list_id", reference(id)),
        Peer::SecurityGroup(id) => ("referenced_security_group_id", reference(id)),
    });
    // The form of `terraform fmt`: equals signs in one column.
    let width = arguments.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
    let lines: String = arguments.iter().map(|(key, value)| format!("  {key:width$} = {value}\n")).collect();
    format!("\nresource \"aws_vpc_security_group_{way}_rule\" \"{}_{number}\" {{\n{lines}}}\n", label(group))
}

/// What a resource may be called: letters, digits, hyphens and underscores, and no digit first.
fn label(group: &Id) -> String {
    let name = group.as_str().rsplit("aws_security_group.").next().unwrap_or_default();
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let name = name.trim_matches('_');
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("sg_{name}") } else { name.to_owned() }
}

/// The id of a resource: by its address in Terraform, where it has one.
fn reference(id: &Id) -> String {
    let is_address = id.as_str().contains('.') && ["aws_", "data."].iter().any(|start| id.as_str().starts_with(start));
    // What is inside a module has an address that only the module itself can refer to.
    if is_address { format!("{id}.id") } else { quoted(id.as_str()) }
}

fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "$${").replace("%{", "%%{");
    format!("\"{text}\"")
}
