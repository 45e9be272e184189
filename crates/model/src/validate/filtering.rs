//! Rules of security groups and network ACLs, and the timers of connection tracking (6.4-6.16, 7.3-7.7).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;

use super::Index;
use super::blocks::{family, host_bits, is_v4};
use crate::finding::{Finding, Severity};
use crate::{AclEntry, IcmpTypeCode, NetworkAcl, NetworkInterface, Origin, Peer, PortRange, Ports, Protocol};

/// Numbers that entries may have; those above are reserved, 32767 is the implicit deny (7.3).
pub(super) const RULE_NUMBERS: RangeInclusive<u16> = 1..=32766;
/// Seconds of `TcpEstablishedTimeout`: a minute to five days (6.16).
const TCP_ESTABLISHED: RangeInclusive<u64> = 60..=432_000;
/// Seconds of `UdpTimeout` (6.16).
const UDP: RangeInclusive<u64> = 30..=60;
/// Seconds of `UdpStreamTimeout` (6.16).
const UDP_STREAM: RangeInclusive<u64> = 60..=180;

pub(super) fn check(index: &Index<'_>, findings: &mut Vec<Finding>) {
    let network = index.network;
    for acl in &network.network_acls {
        entries(acl, "inbound", &acl.ingress, findings);
        entries(acl, "outbound", &acl.egress, findings);
    }
    for group in &network.security_groups {
        for rule in group.ingress.iter().chain(&group.egress) {
            let owner = format!("{} of {}", rule.id, group.id);
            let block = match &rule.peer {
                Peer::Cidr(block) => Some(*block),
                Peer::PrefixList(_) | Peer::SecurityGroup(_) => None,
            };
            matching(&owner, rule.protocol, rule.ports, block, &rule.origin, findings);
        }
    }
    for list in &network.prefix_lists {
        for block in &list.entries {
            findings.extend(host_bits(Severity::Warning, list.id.as_str(), *block, &list.origin));
        }
    }
    network.interfaces.iter().for_each(|interface| timers(interface, findings));
}

fn entries(acl: &NetworkAcl, direction: &str, entries: &[AclEntry], findings: &mut Vec<Finding>) {
    let mut first: HashMap<u16, &AclEntry> = HashMap::new();
    for entry in entries {
        let owner = format!("the {direction} entry {} of {}", entry.number, acl.id);
        if !RULE_NUMBERS.contains(&entry.number) {
            let (low, high) = (RULE_NUMBERS.start(), RULE_NUMBERS.end());
            let text = format!("{owner} has a number outside {low} to {high}");
            findings.push(Finding::error("rule-number", &entry.origin, text));
        }
        match first.entry(entry.number) {
            Entry::Vacant(free) => {
                free.insert(entry);
            }
            // Whatever their families (7.4).
            Entry::Occupied(taken) => {
                let text = format!("{owner} has the number of another {direction} entry");
                let finding = Finding::error("duplicate-rule-number", &entry.origin, text);
                findings.push(finding.related(&taken.get().origin, "the other entry"));
            }
        }
        matching(&owner, entry.protocol, entry.ports, Some(entry.cidr), &entry.origin, findings);
    }
}

/// What rules and entries have in common.
fn matching(
    owner: &str,
    protocol: Protocol,
    ports: Ports,
    block: Option<IpNet>,
    origin: &Origin,
    findings: &mut Vec<Finding>,
) {
    if let Ports::Range(range) = ports
        && range.from > range.to
    {
        let text = format!("{owner} has the ports {}-{}, which are none", range.from, range.to);
        let help = format!("write {}-{}", range.to, range.from);
        findings.push(Finding::error("port-range", origin, text).help(help));
    }
    if ignores(protocol, ports) {
        let text = format!("{owner} has ports or types ({ports}), which rules of protocol {protocol} ignore");
        let help = "leave them out: the rule matches every packet of its protocol";
        findings.push(Finding::warning("ports-ignored", origin, text).help(help));
    }
    let Some(block) = block else { return };
    findings.extend(host_bits(Severity::Warning, owner, block, origin));
    let other = match protocol {
        Protocol::ICMP if !is_v4(block) => "icmpv6",
        Protocol::ICMPV6 if is_v4(block) => "icmp",
        _ => return,
    };
    let text = format!("{owner} is about {protocol} and the {} block {block}: no packet is both", family(block));
    findings.push(Finding::warning("icmp-family", origin, text).help(format!("the protocol is perhaps {other}")));
}

/// Whether a rule says something about ports or types that its protocol has not (6.4, 7.7).
fn ignores(protocol: Protocol, ports: Ports) -> bool {
    match ports {
        Ports::Any | Ports::Icmp(IcmpTypeCode { kind: None, .. }) | Ports::Range(PortRange::ALL) => false,
        Ports::Range(_) => !matches!(protocol, Protocol::TCP | Protocol::UDP),
        Ports::Icmp(_) => !matches!(protocol, Protocol::ICMP | Protocol::ICMPV6),
    }
}

fn timers(interface: &NetworkInterface, findings: &mut Vec<Finding>) {
    let tracking = interface.connection_tracking;
    for (name, value, allowed) in [
        ("TcpEstablishedTimeout", tracking.tcp_established, TCP_ESTABLISHED),
        ("UdpTimeout", tracking.udp, UDP),
        ("UdpStreamTimeout", tracking.udp_stream, UDP_STREAM),
    ] {
        let Some(value) = value else { continue };
        let (low, high) = (Duration::from_secs(*allowed.start()), Duration::from_secs(*allowed.end()));
        if value < low || high < value {
            let (id, low, high) = (&interface.id, low.as_secs(), high.as_secs());
            let text = format!("{name} of {id} is {value:?}, and goes from {low} to {high} seconds");
            findings.push(Finding::error("timeout-range", &interface.origin, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity::{Error, Warning};
    use crate::validate::sample::{entry, net, network};
    use crate::{ConnectionTracking, Network};

    fn damaged(damage: impl FnOnce(&mut Network)) -> Vec<(&'static str, Severity)> {
        let mut network = network();
        damage(&mut network);
        let mut findings = Vec::new();
        check(&Index::new(&network), &mut findings);
        findings.iter().map(|finding| (finding.code, finding.severity)).collect()
    }

    fn with_entry(entry: AclEntry) -> Vec<(&'static str, Severity)> {
        damaged(|network| network.network_acls[0].ingress.push(entry))
    }

    fn with_rule(protocol: Protocol, ports: Ports, block: &str) -> Vec<(&'static str, Severity)> {
        damaged(|network| {
            let rule = &mut network.security_groups[0].ingress[0];
            (rule.protocol, rule.ports, rule.peer) = (protocol, ports, Peer::Cidr(net(block)));
        })
    }

    const HTTP: Ports = Ports::Range(PortRange { from: 80, to: 80 });
    const ECHO: Ports = Ports::Icmp(IcmpTypeCode { kind: Some(8), code: None });

    #[test]
    fn entries_have_numbers_of_their_own() {
        assert_eq!(with_entry(entry(32766, "0.0.0.0/0")), []);
        assert_eq!(with_entry(entry(0, "0.0.0.0/0")), [("rule-number", Error)]);
        assert_eq!(with_entry(entry(32767, "0.0.0.0/0")), [("rule-number", Error)]);
        assert_eq!(with_entry(entry(100, "2001:db8::/32")), [("duplicate-rule-number", Error)]);
    }

    #[test]
    fn port_ranges_are_not_reversed() {
        let ports = Ports::Range(PortRange { from: 443, to: 80 });
        assert_eq!(with_rule(Protocol::TCP, ports, "0.0.0.0/0"), [("port-range", Error)]);
        let reversed = AclEntry { protocol: Protocol::UDP, ports, ..entry(200, "0.0.0.0/0") };
        assert_eq!(with_entry(reversed), [("port-range", Error)]);
    }

    #[test]
    fn icmp_has_the_family_of_its_block() {
        assert_eq!(with_rule(Protocol::ICMP, ECHO, "0.0.0.0/0"), []);
        assert_eq!(with_rule(Protocol::ICMPV6, ECHO, "0.0.0.0/0"), [("icmp-family", Warning)]);
        let entry = AclEntry { protocol: Protocol::ICMP, ..entry(200, "::/0") };
        assert_eq!(with_entry(entry), [("icmp-family", Warning)]);
    }

    #[test]
    fn ports_are_for_protocols_that_have_them() {
        let (sctp, block) = (Protocol::Number(132), "0.0.0.0/0");
        assert_eq!(with_rule(sctp, HTTP, block), [("ports-ignored", Warning)]);
        assert_eq!(with_rule(Protocol::All, HTTP, block), [("ports-ignored", Warning)]);
        assert_eq!(with_rule(Protocol::TCP, ECHO, block), [("ports-ignored", Warning)]);
        assert_eq!(with_rule(sctp, Ports::Range(PortRange::ALL), block), []);
        assert_eq!(with_rule(Protocol::All, Ports::Icmp(IcmpTypeCode::default()), block), []);
    }

    #[test]
    fn aws_truncates_the_blocks_of_rules() {
        assert_eq!(with_rule(Protocol::TCP, HTTP, "10.0.0.1/8"), [("host-bits", Warning)]);
        assert_eq!(with_entry(entry(200, "10.0.0.1/8")), [("host-bits", Warning)]);
        let listed = damaged(|network| network.prefix_lists[0].entries.push(net("52.0.0.1/8")));
        assert_eq!(listed, [("host-bits", Warning)]);
    }

    #[test]
    fn timers_are_in_their_documented_ranges() {
        let with = |tcp, udp, stream| {
            let seconds = |seconds| Some(Duration::from_secs(seconds));
            let (tcp_established, udp, udp_stream) = (seconds(tcp), seconds(udp), seconds(stream));
            damaged(|it| it.interfaces[0].connection_tracking = ConnectionTracking { tcp_established, udp, udp_stream })
        };
        assert_eq!(with(60, 30, 60), []);
        assert_eq!(with(432_000, 60, 180), []);
        assert_eq!(with(59, 29, 59), [("timeout-range", Error); 3]);
        assert_eq!(with(432_001, 61, 181), [("timeout-range", Error); 3]);
    }
}
