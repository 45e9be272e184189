//! Classes of packets between two ends: what lies between the boundaries of rules.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use vpcemu_model::{IcmpTypeCode, PortRange, Ports, Protocol};

use super::What;
use super::ports::{Cuts, Interval};
use super::tables::{Bound, Way};
use crate::Pair;

/// Types of ICMP and ICMPv6 that stand for all that no rule names: timestamps, traceroute and experiments; private ones.
const OTHER_ICMP: [u8; 4] = [13, 30, 253, 40];
const OTHER_ICMPV6: [u8; 3] = [200, 201, 100];
/// Protocols that stand for all that no rule names: for experiments (RFC 3692), and what nobody uses any more.
const OTHER_PROTOCOLS: [u8; 4] = [253, 254, 252, 251];
/// The classes of packets between two ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Classes {
    pub(super) ported: Vec<Ported>,
    pub(super) others: Vec<What>,
}

/// The classes of a protocol with ports.
#[derive(Clone, Debug)]
pub(super) struct Ported {
    pub(super) protocol: u8,
    pub(super) to: Vec<Interval>,
    pub(super) from: Vec<Interval>,
}

/// Every port.
pub(super) const ALL: Interval = Interval { from: 0, to: u16::MAX };

/// Boundaries of the rules between two ends.
pub(super) struct Bounds {
    /// Of TCP and UDP, ports that are called, and ports that answers go to.
    ports: [(Cuts, Cuts); 2],
    icmp: BTreeSet<(u8, IcmpNamed)>,
    protocols: BTreeSet<u8>,
}

/// A type, and a code where it is named.
type IcmpNamed = (u8, Option<u8>);

impl Default for Bounds {
    fn default() -> Self {
        let cuts = || (Cuts::new(), Cuts::new());
        Self { ports: [cuts(), cuts()], icmp: BTreeSet::new(), protocols: BTreeSet::new() }
    }
}

impl Bounds {
    /// Notes rules that what is sent from or to a peer is asked for.
    pub(super) fn forward(&mut self, bounds: &[Bound], way: Way, peer: Option<IpAddr>) {
        for bound in bounds.iter().filter(|bound| bound.way == way && bound.is_about(peer)) {
            self.add(bound, true);
        }
    }

    /// Notes rules that the answers are asked for.
    pub(super) fn backward(&mut self, bounds: &[Bound], way: Way, peer: Option<IpAddr>) {
        for bound in bounds.iter().filter(|bound| bound.way == way && bound.is_about(peer)) {
            self.add(bound, false);
        }
    }

    fn add(&mut self, bound: &Bound, forward: bool) {
        let Protocol::Number(protocol) = bound.protocol else { return };
        match (protocol, bound.ports) {
            (6 | 17, Ports::Range(range)) => {
                let (to, from) = &mut self.ports[usize::from(protocol == 17)];
                (if forward { to } else { from }).add(range);
            }
            (1 | 58, Ports::Icmp(IcmpTypeCode { kind: Some(kind), code })) => {
                self.icmp.insert((protocol, (kind, code)));
            }
            _ => {}
        }
        self.protocols.insert(protocol);
    }

    /// Notes a port that means something whatever is configured.
    pub(super) fn note_port(&mut self, port: u16) {
        self.ports[0].0.add(PortRange { from: port, to: port });
    }

    /// The classes between the boundaries.
    pub(super) fn classes(&self, others: &Others, ipv6: bool) -> Classes {
        let ported = |(number, (to, from)): (usize, &(Cuts, Cuts))| Ported {
            protocol: if number == 0 { 6 } else { 17 },
            to: to.intervals(),
            from: from.intervals(),
        };
        let ported = self.ports.iter().enumerate().map(ported).collect();
        let mut unported = vec![What::Echo, What::Icmp { kind: others.icmp[usize::from(ipv6)], code: 0 }];
        let (own, echo) = if ipv6 { (58, 128) } else { (1, 8) };
        // With NAT64 a rule of the one ICMP is about the other's messages.
        for &(_, (kind, code)) in self.icmp.iter().filter(|(protocol, _)| *protocol == own) {
            let codes = match code {
                Some(code) => vec![code, if code == 0 { 1 } else { 0 }],
                None => vec![0],
            };
            for code in codes.into_iter().filter(|code| (kind, *code) != (echo, 0)) {
                unported.push(What::Icmp { kind, code });
            }
        }
        let named = self.protocols.iter().copied().filter(|number| !matches!(number, 6 | 17) && *number != own);
        unported.extend(named.chain([others.protocol]).map(What::Protocol));
        unported.dedup();
        Classes { ported, others: unported }
    }
}

impl Classes {
    /// How many probes it takes, at most: source ports are tried with a port of each outcome.
    pub(super) fn count(&self) -> u64 {
        /// Delivered by both, by the old one only, by the new one only.
        const OUTCOMES: usize = 3;
        let ported = self.ported.iter().map(|it| it.to.len() + (it.from.len() - 1) * it.to.len().min(OUTCOMES));
        (ported.sum::<usize>() + self.others.len()) as u64
    }
}

/// What stands for all that no rule names.
#[derive(Clone, Copy, Debug)]
pub(super) struct Others {
    /// A protocol.
    pub(super) protocol: u8,
    /// A type of ICMP, and one of ICMPv6.
    pub(super) icmp: [u8; 2],
}

impl Others {
    pub(super) fn of(pair: &Pair) -> Self {
        let named = Named::of(pair);
        let icmp = [other(&OTHER_ICMP, &named.icmp), other(&OTHER_ICMPV6, &named.icmpv6)];
        Self { protocol: other(&OTHER_PROTOCOLS, &named.protocols), icmp }
    }
}

/// What rules name.
struct Named {
    protocols: HashSet<u8>,
    icmp: HashSet<u8>,
    icmpv6: HashSet<u8>,
}

impl Named {
    fn of(pair: &Pair) -> Self {
        let mut named = Self { protocols: HashSet::new(), icmp: HashSet::new(), icmpv6: HashSet::new() };
        for network in [&pair.old, &pair.new] {
            let groups = network.security_groups.iter().flat_map(|it| it.ingress.iter().chain(&it.egress));
            let entries = network.network_acls.iter().flat_map(|it| it.ingress.iter().chain(&it.egress));
            let rules = groups.map(|it| (it.protocol, it.ports)).chain(entries.map(|it| (it.protocol, it.ports)));
            for (protocol, ports) in rules {
                let Protocol::Number(number) = protocol else { continue };
                named.protocols.insert(number);
                if let Ports::Icmp(IcmpTypeCode { kind: Some(kind), .. }) = ports {
                    (if number == 58 { &mut named.icmpv6 } else { &mut named.icmp }).insert(kind);
                }
            }
        }
        named
    }
}

/// One that is not named; where all are, the first stands for itself only.
fn other(candidates: &[u8], named: &HashSet<u8>) -> u8 {
    candidates.iter().copied().find(|it| !named.contains(it)).unwrap_or(candidates[0])
}
