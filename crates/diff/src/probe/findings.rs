//! What probes found, put together: those that differ for the same reason are one change.

use std::collections::{BTreeMap, BTreeSet};

use vpcemu_dataplane::outcome::Rule;
use vpcemu_dataplane::{Component, DropReason};
use vpcemu_lab::Sent;
use vpcemu_packet::{endpoint, protocol_name};

use super::plan::Plan;
use super::ports::{Interval, PortSet};
use super::run::{Found, Run, fate};
use super::{Probe, What};
use crate::cause::sides;
use crate::{Change, Ends, Kind, Side};

/// What one configuration did, short: two probes for which that is the same on both sides differ for the same reason.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Reason(String);

/// What changed, how and why.
type Key = (std::cmp::Reverse<Kind>, usize, Reason, Reason);

/// The packets of a kind.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
struct Traffic {
    tcp: PortSet,
    udp: PortSet,
    icmp: BTreeSet<(bool, u8, u8)>,
    protocols: BTreeSet<u8>,
    /// Where answers matter: the ports they go to.
    sources: PortSet,
}

/// Probes between two ends.
#[derive(Clone, Debug)]
struct Hits {
    traffic: Traffic,
    count: u64,
    example: Probe,
}

/// What has been found.
#[derive(Default)]
pub(super) struct Findings(BTreeMap<Key, BTreeMap<(bool, String, String), Hits>>);

impl Findings {
    /// Notes a probe that stands for calls of the ports `to`, from the ports `from`.
    pub(super) fn note(
        &mut self,
        (from_whom, to_whom): &(String, String),
        probe: Probe,
        found: Found,
        to: &[Interval],
        from: Interval,
    ) {
        let key = (std::cmp::Reverse(found.kind), found.packet, found.old, found.new);
        let ends = (probe.src.is_ipv6(), from_whom.clone(), to_whom.clone());
        let hits = self.0.entry(key).or_default().entry(ends);
        let hits = hits.or_insert_with(|| Hits { traffic: Traffic::default(), count: 0, example: probe });
        hits.count += 1;
        let traffic = &mut hits.traffic;
        match probe.what {
            What::Ported { protocol: 6, .. } => to.iter().for_each(|to| traffic.tcp.insert(*to)),
            What::Ported { .. } => to.iter().for_each(|to| traffic.udp.insert(*to)),
            What::Echo => {
                let ipv6 = probe.src.is_ipv6();
                traffic.icmp.insert((ipv6, if ipv6 { 128 } else { 8 }, 0));
            }
            What::Icmp { kind, code } => {
                traffic.icmp.insert((probe.src.is_ipv6(), kind, code));
            }
            What::Protocol(number) => {
                traffic.protocols.insert(number);
            }
        }
        if found.packet > 0 && matches!(probe.what, What::Ported { .. }) {
            traffic.sources.insert(from);
        }
    }

    /// What was found, the heaviest first. Ends with the same traffic and the same ends opposite are told together.
    pub(super) fn changes(self, run: &mut Run<'_>) -> Vec<Change> {
        let mut changes = Vec::new();
        for ((kind, packet, ..), ends) in self.0 {
            let mut by_source: BTreeMap<(bool, String, Traffic), (BTreeSet<String>, Hits)> = BTreeMap::new();
            for ((ipv6, from, to), hits) in ends {
                let key = (ipv6, from, hits.traffic.normal());
                let (goals, sum) = by_source.entry(key).or_insert_with(|| (BTreeSet::new(), none(&hits)));
                goals.insert(to);
                sum.count += hits.count;
            }
            type Shared = (bool, Traffic, BTreeSet<String>);
            let mut by_ends: BTreeMap<Shared, (Vec<String>, Hits)> = BTreeMap::new();
            for ((ipv6, from, traffic), (to, hits)) in by_source {
                let (sources, sum) = by_ends.entry((ipv6, traffic, to)).or_insert_with(|| (Vec::new(), none(&hits)));
                sources.push(from);
                sum.count += hits.count;
            }
            for ((_, traffic, to), (from, hits)) in by_ends {
                let ends = (from, to.into_iter().collect());
                changes.push(change(run, (kind.0, packet), &traffic, ends, &hits));
            }
        }
        changes
    }
}

fn none(hits: &Hits) -> Hits {
    Hits { count: 0, ..hits.clone() }
}

fn change(
    run: &mut Run<'_>,
    (kind, packet): (Kind, usize),
    traffic: &Traffic,
    (from, to): (Vec<String>, Vec<String>),
    hits: &Hits,
) -> Change {
    let probe = hits.example;
    let (was, is) = (run.old.exchange(probe), run.new.exchange(probe));
    let (was, is) = (was.get(packet), is.get(packet));
    let absent = || Side::absent(&run.beginning(probe.from));
    let explained = (was.map(|it| run.old.lab.explain(it)), is.map(|it| run.new.lab.explain(it)));
    let (old, new) = match explained {
        (Some(old), Some(new)) => sides(kind, &old, &new),
        (Some(old), None) => (Side::alone(&old), absent()),
        (None, Some(new)) => (absent(), Side::alone(&new)),
        (None, None) => (absent(), absent()),
    };
    let packet = ["opening", "answer", "confirmation"].get(packet).copied();
    let sources = &traffic.sources;
    Change {
        kind,
        flow: ends(probe),
        packets: hits.count,
        first: None,
        ipv6: Some(probe.src.is_ipv6()),
        packet,
        from,
        to,
        traffic: Some(traffic.describe(run.plan)),
        source_ports: (!sources.is_empty() && !sources.is_all()).then(|| sources.to_string()),
        old,
        new,
    }
}

fn ends(probe: Probe) -> Ends {
    let (protocol, ports) = match probe.what {
        What::Ported { protocol, from, to } => (protocol, Some((from, to))),
        What::Echo | What::Icmp { .. } => (if probe.src.is_ipv6() { 58 } else { 1 }, None),
        What::Protocol(number) => (number, None),
    };
    let proto = protocol_name(protocol).map_or_else(|| protocol.to_string(), str::to_owned);
    let src = endpoint(probe.src, ports.map(|(from, _)| from)).to_string();
    Ends { proto, src, dst: endpoint(probe.dst, ports.map(|(_, to)| to)).to_string() }
}

/// What one configuration did with a packet, beside what the other did.
pub(super) fn reason(kind: Kind, ours: Option<&Sent>, theirs: Option<&Sent>) -> Reason {
    let Some(ours) = ours else { return Reason("absent".to_owned()) };
    if let Some(denial) = ours.denial() {
        let said: (DropReason, Option<Component>, _, Option<Rule>) =
            (denial.reason, denial.at, denial.direction, denial.rule);
        return Reason(format!("{said:?}"));
    }
    match (kind, theirs.and_then(Sent::denial)) {
        (Kind::Rerouted, _) => Reason(format!("{:?} {:?}", ours.place(), fate(ours).via().collect::<Vec<_>>())),
        (Kind::Retranslated, _) => {
            // Ports are chosen for each flow anew, addresses are not.
            Reason(format!("{:?} {}", fate(ours).via().collect::<Vec<_>>(), ours.source().ip()))
        }
        (_, Some(denial)) => {
            let same = ours.steps.iter().find(|step| {
                let of_kind = |at: Component| std::mem::discriminant(&at);
                denial.at.map(of_kind) == Some(of_kind(step.at)) && step.direction == denial.direction
            });
            Reason(format!("{:?}", same.map(|step| (step.at, step.rule))))
        }
        (_, None) => Reason(String::new()),
    }
}

impl Traffic {
    fn normal(&self) -> Self {
        Self {
            tcp: self.tcp.normal(),
            udp: self.udp.normal(),
            icmp: self.icmp.clone(),
            protocols: self.protocols.clone(),
            sources: self.sources.normal(),
        }
    }

    /// `tcp 443, 8000-8080; icmp`, or `all`.
    fn describe(&self, plan: &Plan) -> String {
        let other_icmp = |ipv6: bool| (ipv6, plan.others.icmp[usize::from(ipv6)], 0);
        let (pings, rest) = ([(false, 8, 0), (true, 128, 0)], [other_icmp(false), other_icmp(true)]);
        let any_icmp = (0..2).any(|it| self.icmp.contains(&pings[it]) && self.icmp.contains(&rest[it]));
        let any_protocol = self.protocols.contains(&plan.others.protocol);
        if self.tcp.is_all() && self.udp.is_all() && any_icmp && any_protocol {
            return "all".to_owned();
        }
        let mut told = Vec::new();
        for (name, ports) in [("tcp", &self.tcp), ("udp", &self.udp)] {
            match (ports.is_empty(), ports.is_all()) {
                (true, _) => {}
                (false, true) => told.push(name.to_owned()),
                (false, false) => told.push(format!("{name} {ports}")),
            }
        }
        for ipv6 in [false, true] {
            let name = if ipv6 { "icmpv6" } else { "icmp" };
            let own: Vec<_> = self.icmp.iter().filter(|(of, ..)| *of == ipv6).collect();
            let (ping, other) = (pings[usize::from(ipv6)], rest[usize::from(ipv6)]);
            if own.contains(&&ping) && own.contains(&&other) {
                told.push(name.to_owned());
                continue;
            }
            told.extend(own.into_iter().map(|&message| match message {
                it if it == ping => format!("{name} echo"),
                it if it == other => format!("{name} of other types"),
                (_, kind, code) => format!("{name} type {kind} code {code}"),
            }));
        }
        told.extend(self.protocols.iter().map(|&number| match protocol_name(number) {
            _ if number == plan.others.protocol => "other protocols".to_owned(),
            Some(name) => name.to_owned(),
            None => format!("protocol {number}"),
        }));
        told.join("; ")
    }
}
