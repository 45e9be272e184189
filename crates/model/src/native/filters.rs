//! Network ACLs and security groups.

use std::ops::Range;

use toml::Spanned;

use crate::finding::Finding;
use crate::{
    AclAction, AclEntry, IcmpTypeCode, Id, Kind, NetworkAcl, Peer, Ports, Protocol, SecurityGroup, SecurityGroupRule,
};

use super::build::Builder;
use super::defaults;
use super::file::{
    AclEntryFile, ActionFile, GroupRuleFile, Matcher, Named, NetworkAclFile, OneOrMany, SecurityGroupFile,
};
use super::text;

/// Which way the packets of a rule go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

/// The other side of a rule as the file writes it, in pieces.
type Peers<'a> = Vec<(&'a str, Range<usize>)>;

impl Builder<'_> {
    pub(crate) fn network_acls(&mut self, acls: Named<NetworkAclFile>) {
        for (name, acl) in acls {
            let id = Id::named(Kind::NetworkAcl, name.get_ref());
            let ingress = acl.ingress.iter().filter_map(|entry| self.acl_entry(entry, Way::In)).collect();
            let egress = acl.egress.iter().filter_map(|entry| self.acl_entry(entry, Way::Out)).collect();
            let Some(vpc) = self.vpc(acl.vpc.as_ref(), &name) else {
                self.broken.insert(id);
                continue;
            };
            let origin = self.at(name.span());
            let name = Self::shown(Kind::NetworkAcl, &name, acl.name);
            self.network.network_acls.push(NetworkAcl { id, name, vpc, ingress, egress, origin });
        }
    }

    fn acl_entry(&mut self, entry: &Spanned<AclEntryFile>, way: Way) -> Option<AclEntry> {
        let (file, span) = (entry.get_ref(), entry.span());
        let number = file.rule.as_ref().and_then(|rule| u16::try_from(*rule.get_ref()).ok());
        if number.is_none() {
            let at = file.rule.as_ref().map_or_else(|| span.clone(), Spanned::span);
            self.error("rule-number", at, "a network ACL entry needs `rule`, a number from 1 to 32766");
        }
        let action = match file.action {
            Some(ActionFile::Allow) => Some(AclAction::Allow),
            Some(ActionFile::Deny) => Some(AclAction::Deny),
            None => {
                let text = "a network ACL entry needs `action`: \"allow\" or \"deny\"";
                self.error("no-action", span.clone(), text);
                None
            }
        };
        let transport = self.transport(file.into(), &span);
        let cidr = self.peers(file.into(), &span, way).and_then(|peers| match peers.as_slice() {
            [(block, at)] => {
                let cidr = block.parse().ok();
                if cidr.is_none() {
                    let help = "network ACLs know neither prefix lists nor groups";
                    self.error_with_help("unreadable", at.clone(), format!("`{block}` is no CIDR block"), help);
                }
                cidr
            }
            _ => {
                self.error("one-block", span.clone(), "a network ACL entry has one block");
                None
            }
        });
        let (protocol, ports) = transport?;
        Some(AclEntry { number: number?, action: action?, protocol, ports, cidr: cidr?, origin: self.at(span) })
    }

    pub(crate) fn security_groups(&mut self, groups: Named<SecurityGroupFile>) {
        for (name, group) in groups {
            let id = Id::named(Kind::SecurityGroup, name.get_ref());
            let short = id.as_str().strip_prefix(Kind::SecurityGroup.prefix()).unwrap_or(id.as_str());
            let out = format!("sgr-{short}-out");
            let ingress = self.group_rules(&group.ingress, Way::In, &format!("sgr-{short}-in"));
            let egress = match &group.egress {
                Some(rules) => self.group_rules(rules, Way::Out, &out),
                None => defaults::egress_rules(&out),
            };
            let further_vpcs = group.vpcs.iter().map(|vpc| self.reference(Kind::Vpc, vpc, &name)).collect();
            let Some(vpc) = self.vpc(group.vpc.as_ref(), &name) else {
                self.broken.insert(id);
                continue;
            };
            let origin = self.at(name.span());
            let name = Self::shown(Kind::SecurityGroup, &name, group.name);
            self.network.security_groups.push(SecurityGroup { id, name, vpc, further_vpcs, ingress, egress, origin });
        }
    }

    fn group_rules(&mut self, rules: &[Spanned<GroupRuleFile>], way: Way, prefix: &str) -> Vec<SecurityGroupRule> {
        let mut built = Vec::new();
        for (position, rule) in (1..).zip(rules) {
            let (file, span) = (rule.get_ref(), rule.span());
            let transport = self.transport(file.into(), &span);
            let peers = self.peers(file.into(), &span, way).unwrap_or_default();
            let base = file.id.clone().unwrap_or_else(|| format!("{prefix}-{position}"));
            let several = peers.len() > 1;
            for (number, (text, at)) in (1..).zip(peers) {
                let peer = self.group_peer(text, at);
                let (Some((protocol, ports)), Some(peer)) = (transport, peer) else { continue };
                // A rule of the model has one peer.
                let id = Id::new(if several { format!("{base}.{number}") } else { base.clone() });
                built.push(SecurityGroupRule { id, protocol, ports, peer, origin: self.at(span.clone()) });
            }
        }
        built
    }

    fn group_peer(&mut self, text: &str, span: Range<usize>) -> Option<Peer> {
        if let Some(list) = text.strip_prefix("pl:") {
            return Some(Peer::PrefixList(self.prefix_list(list, span)));
        }
        if let Some(group) = text.strip_prefix("sg:") {
            return Some(Peer::SecurityGroup(self.peer_group(group, span)));
        }
        let block = text.parse().ok();
        if block.is_none() {
            self.error("unreadable", span, format!("`{text}` is no CIDR block, pl:NAME or sg:NAME"));
        }
        block.map(Peer::Cidr)
    }

    /// A rule whose group is gone stays listed and matches nothing (6.13), so that is no error.
    fn peer_group(&mut self, name: &str, span: Range<usize>) -> Id {
        let id = Id::named(Kind::SecurityGroup, name);
        if self.is_declared(Kind::SecurityGroup, &id) {
            return id;
        }
        let text = format!("there is no security group {id}: the rule is stale and matches nothing");
        let finding = Finding::warning("stale-group", &self.at(span), text);
        self.unknown(finding, Kind::SecurityGroup, &id);
        id
    }

    /// The other side of a rule: `from` of what comes in, `to` of what goes out.
    fn peers<'r>(&mut self, rule: Matcher<'r>, span: &Range<usize>, way: Way) -> Option<Peers<'r>> {
        let (right, wrong, word, other, list) = match way {
            Way::In => (rule.from, rule.to, "from", "to", "ingress"),
            Way::Out => (rule.to, rule.from, "to", "from", "egress"),
        };
        if let Some(wrong) = wrong {
            let help = format!("rules of {list} have `{word}`, the other side; the interface itself is not written");
            self.error_with_help("wrong-direction", wrong.span(), format!("`{other}` in a rule of {list}"), help);
            return None;
        }
        let peers = right.map(|right| match right.get_ref() {
            OneOrMany::One(one) => vec![(one.as_str(), right.span())],
            OneOrMany::Many(many) => many.iter().map(|one| (one.get_ref().as_str(), one.span())).collect(),
        });
        let peers = peers.filter(|peers| !peers.is_empty());
        if peers.is_none() {
            let at = right.map_or_else(|| span.clone(), Spanned::span);
            self.error("no-peer", at, format!("the rule needs `{word}`, the other side"));
        }
        peers
    }

    fn transport(&mut self, rule: Matcher<'_>, span: &Range<usize>) -> Option<(Protocol, Ports)> {
        let Some(proto) = rule.proto else {
            let text = "the rule needs `proto`: tcp, udp, icmp, icmpv6, all, or a number";
            self.error("no-protocol", span.clone(), text);
            return None;
        };
        let Some(protocol) = Protocol::parse(&proto.get_ref().to_string()) else {
            let text = format!("`{}` is no protocol", proto.get_ref());
            let help = "write tcp, udp, icmp, icmpv6, all, or a number up to 255";
            self.error_with_help("unreadable", proto.span(), text, help);
            return None;
        };
        let (has_ports, has_types) = match protocol {
            Protocol::TCP | Protocol::UDP => (true, false),
            Protocol::ICMP | Protocol::ICMPV6 => (false, true),
            _ => (false, false),
        };
        if let Some(ports) = rule.ports.filter(|_| !has_ports) {
            self.ignored("ports-ignored", ports.span(), &format!("`ports` means nothing for protocol {protocol}"));
        }
        let kind_or_code = rule.kind.map(Spanned::span).or_else(|| rule.code.map(Spanned::span));
        if let Some(at) = kind_or_code.filter(|_| !has_types) {
            self.ignored("type-ignored", at, &format!("`type` and `code` mean nothing for protocol {protocol}"));
        }
        let ports = if has_ports {
            match rule.ports.map(|ports| text::ports(ports.get_ref()).map_err(|text| (text, ports.span()))) {
                Some(Ok(range)) => Ports::Range(range),
                Some(Err((text, at))) => {
                    self.error("unreadable", at, text);
                    return None;
                }
                None => Ports::Any,
            }
        } else if has_types {
            Ports::Icmp(self.icmp(protocol, rule)?)
        } else {
            Ports::Any
        };
        Some((protocol, ports))
    }

    fn icmp(&mut self, protocol: Protocol, rule: Matcher<'_>) -> Option<IcmpTypeCode> {
        let kind =
            match rule.kind.map(|kind| text::icmp_type(protocol, kind.get_ref()).map_err(|text| (text, kind.span()))) {
                Some(Ok(kind)) => kind,
                Some(Err((text, at))) => {
                    self.error("unreadable", at, text);
                    return None;
                }
                None => None,
            };
        // -1 is how AWS writes any code.
        let code = match rule.code.filter(|code| *code.get_ref() != -1) {
            Some(code) => match u8::try_from(*code.get_ref()) {
                Ok(code) => Some(code),
                Err(_) => {
                    self.error(
                        "unreadable",
                        code.span(),
                        format!("`{}` is no {protocol} code: it is 0 to 255", code.get_ref()),
                    );
                    return None;
                }
            },
            None => None,
        };
        Some(IcmpTypeCode { kind, code })
    }

    fn ignored(&mut self, code: &'static str, span: Range<usize>, text: &str) {
        self.findings.push(Finding::warning(code, &self.at(span), text));
    }
}
