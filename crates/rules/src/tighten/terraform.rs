//! Tightened groups as Terraform resources.

use std::fmt::Write;

use vpcemu_model::{Id, Network, Peer, SecurityGroupRule};

use super::Tightened;
use super::print::{bounds, changes, heading, protocol};

/// A resource of its own for every rule, as the provider recommends. Groups that are resources of the configuration are
/// referred to by their addresses, others by their ids.
pub fn terraform(network: &Network, tightened: &Tightened) -> String {
    let mut text = heading(tightened);
    text.push_str("# Groups must have no inline rules besides: `ingress` and `egress` blocks go from them first.\n");
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
    let (module, _) = address(group);
    let place = if module.is_empty() { String::new() } else { format!("# In {module}:\n") };
    format!("\n{place}resource \"aws_vpc_security_group_{way}_rule\" \"{}_{number}\" {{\n{lines}}}\n", label(group))
}

/// What a resource may be called: letters, digits, hyphens and underscores, and no digit first.
fn label(group: &Id) -> String {
    let name = group.as_str().rsplit("aws_security_group.").next().unwrap_or_default();
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let name = name.trim_matches('_');
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("sg_{name}") } else { name.to_owned() }
}

/// The id of a resource: by its address in Terraform, where it has one, as the module that has it refers to it.
fn reference(id: &Id) -> String {
    let (_, parts) = address(id);
    match parts.as_slice() {
        [] => quoted(id.as_str()),
        // Otherwise it is an attribute of a resource, as `aws_vpc.main.default_security_group_id` is.
        ["data", _, _] | [_, _] => format!("{}.id", parts.join(".")),
        _ => parts.join("."),
    }
}

/// The module that an address of Terraform's leads into, and the parts of the rest; none of any other id.
fn address(id: &Id) -> (String, Vec<&str>) {
    let (text, mut parts, mut start, mut depth) = (id.as_str(), Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            '.' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    let modules = parts.chunks(2).take_while(|pair| pair[0] == "module" && pair.len() == 2).count() * 2;
    let rest = parts.split_off(modules);
    let known = rest.len() > 1 && (rest[0] == "data" || rest[0].starts_with("aws_"));
    if known { (parts.join("."), rest) } else { (String::new(), Vec::new()) }
}

fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "$${").replace("%{", "%%{");
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_referred_to_where_they_are() {
        for (id, module, reference) in [
            ("sg-0a1b2c3d", "", "\"sg-0a1b2c3d\""),
            ("aws_security_group.web", "", "aws_security_group.web.id"),
            ("aws_security_group.web[\"a.b\"]", "", "aws_security_group.web[\"a.b\"].id"),
            ("data.aws_security_group.old", "", "data.aws_security_group.old.id"),
            ("aws_vpc.main.default_security_group_id", "", "aws_vpc.main.default_security_group_id"),
            ("module.a[0].module.b.aws_security_group.web", "module.a[0].module.b", "aws_security_group.web.id"),
            ("what.ever", "", "\"what.ever\""),
        ] {
            let id = Id::new(id);
            assert_eq!((address(&id).0.as_str(), super::reference(&id).as_str()), (module, reference));
        }
        assert_eq!(label(&"aws_security_group.web[\"a\"]".into()), "web__a");
        assert_eq!(label(&"sg-0a1b".into()), "sg_0a1b");
    }
}
