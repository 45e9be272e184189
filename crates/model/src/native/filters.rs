//! Network ACLs and security groups.

use toml::Spanned;

use crate::finding::Finding;
use crate::{
    AclAction, AclEntry, Id, Kind, NetworkAcl, Origin, Peer, Ports, Protocol, SecurityGroup, SecurityGroupRule,
};

use super::build::{Builder, everyone, in_order};
use super::file::{ActionFile, File, OneOrMany, RuleFile};
use super::text;

/// Which way the packets of a rule go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

impl Builder<'_> {
    pub(super) fn network_acls(&mut self, file: &mut File) {
        for (name, acl) in in_order(std::mem::take(&mut file.network_acl)) {
            let Some(vpc) = self.vpc(acl.vpc.as_ref(), &name) else { continue };
            let id = Id::of(Kind::NetworkAcl, name.get_ref());
            let ingress = acl.ingress.iter().filter_map(|rule| self.acl_entry(rule, Way::In)).collect();
            let egress = acl.egress.iter().filter_map(|rule| self.acl_entry(rule, Way::Out)).collect();
            let origin = self.at(name.span());
            let name = acl.name.or_else(|| Some(name.get_ref().clone()));
            self.network.network_acls.push(NetworkAcl { id, name, vpc, ingress, egress, origin });
        }
    }

    fn acl_entry(&mut self, rule: &Spanned<RuleFile>, way: Way) -> Option<AclEntry> {
        let origin = self.at(rule.span());
        let file = rule.get_ref();
        let number = file.rule.and_then(|number| u16::try_from(number).ok());
        if number.is_none() {
            self.error("rule-number", rule.span(), "a network ACL entry needs `rule`, a number from 1 to 32766");
        }
        if file.action.is_none() {
            self.error("no-action", rule.span(), "a network ACL entry needs `action`: \"allow\" or \"deny\"");
        }
        let (protocol, ports) = self.transport(rule)?;
        let peer = self.peer(rule, way)?;
        let [net] = peer.get_ref().all() else {
            self.error("one-block", peer.span(), "a network ACL entry has one block");
            return None;
        };
        let Ok(cidr) = net.parse() else {
            let text = format!("`{net}` is no CIDR block; network ACLs know neither prefix lists nor groups");
            self.error("unreadable", peer.span(), text);
            return None;
        };
        let action = match file.action? {
            ActionFile::Allow => AclAction::Allow,
            ActionFile::Deny => AclAction::Deny,
        };
        Some(AclEntry { number: number?, action, protocol, ports, cidr, origin })
    }

    pub(super) fn security_groups(&mut self, file: &mut File) {
        for (name, group) in in_order(std::mem::take(&mut file.security_group)) {
            let Some(vpc) = self.vpc(group.vpc.as_ref(), &name) else { continue };
            let id = Id::of(Kind::SecurityGroup, name.get_ref());
            let short = id.as_str().trim_start_matches("sg-").to_owned();
            let ingress = self.group_rules(&group.ingress, Way::In, &format!("sgr-{short}-in"));
            let out = format!("sgr-{short}-out");
            let egress = match &group.egress {
                Some(rules) => self.group_rules(rules, Way::Out, &out),
                // A new group lets everything out (6.1).
                None => default_egress(&out),
            };
            let origin = self.at(name.span());
            let name = group.name.or(group.description).or_else(|| Some(name.get_ref().clone()));
            self.network.security_groups.push(SecurityGroup { id, name, vpc, ingress, egress, origin });
        }
    }

    fn group_rules(&mut self, rules: &[Spanned<RuleFile>], way: Way, prefix: &str) -> Vec<SecurityGroupRule> {
        let mut built = Vec::new();
        for (position, rule) in (1..).zip(rules) {
            let origin = self.at(rule.span());
            if rule.get_ref().rule.is_some() || rule.get_ref().action.is_some() {
                let text = "a security group rule has neither number nor action: it allows, in any order (6.2)";
                self.error("not-a-network-acl", rule.span(), text);
            }
            let (Some((protocol, ports)), Some(peer)) = (self.transport(rule), self.peer(rule, way)) else { continue };
            let peers = peer.get_ref().all();
            for (number, text) in (1..).zip(peers) {
                let Some(peer) = self.group_peer(text, peer.span()) else { continue };
                let base = rule.get_ref().id.clone().unwrap_or_else(|| format!("{prefix}-{position}"));
                // Of a rule with several peers each is a rule of its own.
                let id = Id::new(if peers.len() > 1 { format!("{base}.{number}") } else { base });
                built.push(SecurityGroupRule { id, protocol, ports, peer, origin: origin.clone() });
            }
        }
        built
    }

    fn group_peer(&mut self, text: &str, span: std::ops::Range<usize>) -> Option<Peer> {
        if let Some(list) = text.strip_prefix("pl:") {
            return self.prefix_list(list, span).map(Peer::PrefixList);
        }
        if let Some(group) = text.strip_prefix("sg:") {
            return Some(Peer::SecurityGroup(Id::of(Kind::SecurityGroup, group)));
        }
        let net = text.parse().ok();
        if net.is_none() {
            self.error("unreadable", span, format!("`{text}` is no CIDR block, pl:NAME or sg:NAME"));
        }
        net.map(Peer::Cidr)
    }

    /// The other side of a rule: `from` of what comes in, `to` of what goes out.
    fn peer<'r>(&mut self, rule: &'r Spanned<RuleFile>, way: Way) -> Option<&'r Spanned<OneOrMany>> {
        let RuleFile { from, to, .. } = rule.get_ref();
        let (right, wrong, word, other, list) = match way {
            Way::In => (from, to, "from", "to", "ingress"),
            Way::Out => (to, from, "to", "from", "egress"),
        };
        if let Some(wrong) = wrong {
            let text = format!("`{other}` in an {list} rule");
            let help = format!("{list} rules have `{word}`: the other side");
            let finding = Finding::error("wrong-direction", &self.at(wrong.span()), text).help(help);
            self.findings.push(finding);
            return None;
        }
        if right.is_none() {
            self.error("no-peer", rule.span(), format!("the rule needs `{word}`, the other side"));
        }
        right.as_ref()
    }

    fn transport(&mut self, rule: &Spanned<RuleFile>) -> Option<(Protocol, Ports)> {
        let file = rule.get_ref();
        let Some(proto) = &file.proto else {
            let text = "the rule needs `proto`: tcp, udp, icmp, icmpv6, all, or a number";
            self.error("no-protocol", rule.span(), text);
            return None;
        };
        let Some(protocol) = Protocol::parse(&proto.get_ref().to_string()) else {
            let text = format!("`{}` is no protocol: write tcp, udp, icmp, icmpv6, all, or a number", proto.get_ref());
            self.error("unreadable", proto.span(), text);
            return None;
        };
        let ports_ignored = !matches!(protocol, Protocol::TCP | Protocol::UDP);
        let types_ignored = !matches!(protocol, Protocol::ICMP | Protocol::ICMPV6);
        if let Some(ports) = file.ports.as_ref().filter(|_| ports_ignored) {
            let text = format!("ports are ignored for protocol {protocol}");
            let finding = Finding::warning("ports-ignored", &self.at(ports.span()), text);
            self.findings.push(finding);
        }
        if let Some(kind) = file.kind.as_ref().filter(|_| types_ignored) {
            let text = format!("ICMP types are ignored for protocol {protocol}");
            let finding = Finding::warning("type-ignored", &self.at(kind.span()), text);
            self.findings.push(finding);
        }
        let ports = file.ports.as_ref().map(Spanned::get_ref);
        let kind = file.kind.as_ref().map(Spanned::get_ref);
        match text::transport(protocol, ports, kind, file.code) {
            Ok(transport) => Some((protocol, transport)),
            Err(text) => {
                let at = file.ports.as_ref().or(file.kind.as_ref());
                self.error("unreadable", at.map_or_else(|| rule.span(), Spanned::span), text);
                None
            }
        }
    }
}

fn default_egress(prefix: &str) -> Vec<SecurityGroupRule> {
    let rules = everyone().into_iter().zip(["default", "default-v6"]);
    rules
        .map(|(net, suffix)| SecurityGroupRule {
            id: Id::new(format!("{prefix}-{suffix}")),
            protocol: Protocol::All,
            ports: Ports::Any,
            peer: Peer::Cidr(net),
            origin: Origin::implicit(),
        })
        .collect()
}
