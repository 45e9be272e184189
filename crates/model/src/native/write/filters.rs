//! Network ACLs and security groups.

use crate::native::defaults;
use crate::{AclAction, AclEntry, IcmpTypeCode, Id, Kind, Ports, Protocol, SecurityGroupRule};

use super::Page;
use super::gateways::short;
use super::toml::{self, Row, text};

impl Page<'_> {
    pub(super) fn network_acls(&mut self) {
        let network = self.network;
        for acl in &network.network_acls {
            if self.implied.is_left_out(Kind::NetworkAcl, &acl.id) {
                continue;
            }
            self.heading("network_acl", Kind::NetworkAcl, &acl.id, &acl.origin);
            self.name_of(Kind::NetworkAcl, &acl.id, acl.name.as_ref());
            self.of_vpc(&acl.vpc);
            self.flag("default", self.implied.is_default(Kind::NetworkAcl, &acl.id), false);
            for (key, word, entries) in [("ingress", "from", &acl.ingress), ("egress", "to", &acl.egress)] {
                if !entries.is_empty() {
                    self.set(key, toml::rows(entries.iter().map(|entry| acl_entry(entry, word)).collect()));
                }
            }
        }
    }

    pub(super) fn security_groups(&mut self) {
        let network = self.network;
        for group in &network.security_groups {
            if self.implied.is_left_out(Kind::SecurityGroup, &group.id) {
                continue;
            }
            self.heading("security_group", Kind::SecurityGroup, &group.id, &group.origin);
            self.name_of(Kind::SecurityGroup, &group.id, group.name.as_ref());
            self.of_vpc(&group.vpc);
            if !group.further_vpcs.is_empty() {
                self.refer_all("vpcs", Kind::Vpc, &group.further_vpcs);
            }
            self.flag("default", self.implied.is_default(Kind::SecurityGroup, &group.id), false);
            let short = short(Kind::SecurityGroup, &group.id);
            if !group.ingress.is_empty() {
                let rows = self.group_rules(&group.ingress, "from", &format!("sgr-{short}-in"));
                self.set("ingress", rows);
            }
            let out = format!("sgr-{short}-out");
            let by_itself = defaults::egress_rules(&out);
            let same = |(one, other): (&SecurityGroupRule, &SecurityGroupRule)| one.is_same(other);
            if group.egress.len() != by_itself.len() || !group.egress.iter().zip(&by_itself).all(same) {
                let rows = self.group_rules(&group.egress, "to", &out);
                self.set("egress", rows);
            }
        }
    }

    /// Rules of a group; those that one line gave are one line again. `prefix` is that of the ids that the reader makes.
    fn group_rules(&self, rules: &[SecurityGroupRule], word: &str, prefix: &str) -> String {
        let mut rows = Vec::new();
        let mut rest = rules;
        while let Some(first) = rest.first() {
            let (base, many) = together(rest);
            let peers: Vec<_> = rest[..many].iter().map(|rule| self.names.peer(&rule.peer)).collect();
            let peer = match peers.as_slice() {
                [one] => text(one),
                several => format!("[{}]", several.iter().map(|peer| text(peer)).collect::<Vec<_>>().join(", ")),
            };
            let by_itself = base == format!("{prefix}-{}", rows.len() + 1);
            let row = Row::new().set("id", (!by_itself).then(|| text(base)));
            rows.push(transport(row, first.protocol, first.ports).set(word, peer).done());
            rest = &rest[many..];
        }
        toml::rows(rows)
    }
}

/// How many of the first rules are one with several peers, and the id of that: the reader numbers them behind a dot.
fn together(rules: &[SecurityGroupRule]) -> (&str, usize) {
    let Some(first) = rules.first() else { return ("", 0) };
    let Some(base) = first.id.as_str().strip_suffix(".1") else { return (first.id.as_str(), 1) };
    let belongs = |(number, rule): &(usize, &SecurityGroupRule)| {
        let alike = rule.protocol == first.protocol && rule.ports == first.ports;
        alike && rule.id == Id::new(format!("{base}.{number}"))
    };
    match (1..).zip(rules).take_while(belongs).count() {
        0 | 1 => (first.id.as_str(), 1),
        many => (base, many),
    }
}

fn acl_entry(entry: &AclEntry, word: &str) -> String {
    let action = match entry.action {
        AclAction::Allow => "allow",
        AclAction::Deny => "deny",
    };
    let row = Row::new().set("rule", entry.number.to_string()).set("action", text(action));
    transport(row, entry.protocol, entry.ports).set(word, text(&entry.cidr.to_string())).done()
}

fn transport(row: Row, protocol: Protocol, ports: Ports) -> Row {
    let row = row.set("proto", text(&protocol.to_string()));
    match ports {
        Ports::Any => row,
        Ports::Range(range) if range.from == range.to => row.set("ports", text(&range.from.to_string())),
        Ports::Range(range) => row.set("ports", text(&format!("{}-{}", range.from, range.to))),
        Ports::Icmp(IcmpTypeCode { kind, code }) => {
            let kind = kind.map(|kind| match super::super::text::icmp_name(protocol, kind) {
                Some(name) => text(name),
                None => kind.to_string(),
            });
            row.set("type", kind).set("code", code.map(|code| code.to_string()))
        }
    }
}
