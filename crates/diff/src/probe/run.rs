//! The probes of two configurations, sent and compared.

use std::collections::BTreeMap;

use vpcemu_dataplane::outcome::StepKind;
use vpcemu_lab::{DropReason, Lab, Options, Sent};
use vpcemu_replay::verdict::Names;

use super::exchange::Bench;
use super::findings::{Findings, Reason, reason};
use super::plan::{CLIENT_PORT, Ends, Plan};
use super::ports::Interval;
use super::{Beginning, Probe, What};
use crate::fate::{Difference, Fate, Judge};
use crate::{Basis, Comparison, Kind, Pair, Which};

/// How much a comparison by probes may cost, and what choices are made by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// Conversations to be held at most.
    pub probes: u64,
    /// Behind every choice that AWS makes at random.
    pub seed: u64,
}

impl Limit {
    /// As many as take some ten seconds.
    pub const PROBES: u64 = 1_000_000;
}

impl Default for Limit {
    fn default() -> Self {
        Self { probes: Self::PROBES, seed: 1 }
    }
}

/// Shares that the pairs of ends are tried in, where there are too many: finding the pairs of a share takes as long as for all.
const TURNS: u64 = 16;

/// What became different of a conversation.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) kind: Kind,
    /// Which of its packets.
    pub(super) packet: usize,
    /// What the old configuration did with that one.
    pub(super) old: Reason,
    /// What the new one did.
    pub(super) new: Reason,
}

/// Compares two configurations by probes.
pub fn probe(pair: &Pair, limit: Limit) -> Comparison {
    let lab = |which| Lab::of(vec![pair.network(which).clone()], Options { seed: limit.seed, ..Options::default() });
    let (old, new) = (lab(Which::Old), lab(Which::New));
    let plan = Plan::of(pair, edges(pair, &old, &new));
    let mut of = 0;
    plan.visit((0, 1), |ends| {
        of += ends.classes.count();
        true
    });
    // Where not all can be tried, what is tried is spread over all of them.
    let turns = of.div_ceil(limit.probes.max(1)).clamp(1, TURNS);
    let old = Bench::new(old, pair, Which::Old, &plan);
    let new = Bench::new(new, pair, Which::New, &plan);
    let mut run = Run { pair, plan: &plan, old, new, left: limit.probes, sent: 0, cut: false, denied_otherwise: 0 };
    let mut findings = Findings::default();
    for turn in 0..turns {
        plan.visit((turn, turns), |ends| {
            run.converse(ends, &mut findings);
            !run.cut
        });
        if run.cut {
            break;
        }
    }
    let changes = findings.changes(&mut run);
    let (only_in_old, only_in_new) = pair.apart();
    let mut notes = Vec::new();
    let behaves = pair.old.behavior == pair.new.behavior;
    if !behaves {
        notes.push(
            "[behavior] differs: probes open connections in a fresh state, so that time-outs, limits and sizes are not seen"
                .to_owned(),
        );
    }
    if plan.leaves_ports_out() {
        notes.push(
            "a network ACL at a NAT gateway names some of the ports that the gateway chooses from: probes went by the ports that \
             it chose for them"
                .to_owned(),
        );
    }
    let complete = !run.cut && behaves && !plan.leaves_ports_out();
    // Source ports that turned out to be of no interest were not tried.
    let of = if run.cut { of } else { run.sent };
    Comparison {
        identical: changes.is_empty() && complete,
        changes,
        basis: Basis::Probes { sent: run.sent, of },
        complete,
        denied_otherwise: run.denied_otherwise,
        only_in_old,
        only_in_new,
        notes,
    }
}

/// What lies beyond the VPCs of either, by its old id.
fn edges(pair: &Pair, old: &Lab, new: &Lab) -> Vec<String> {
    let of = |lab: &Lab, which| {
        let ids = lab.timeline().registry().edges.iter();
        ids.map(|(_, id)| pair.canonical(which, id.as_str()).to_owned()).collect::<Vec<_>>()
    };
    let mut edges = of(old, Which::Old);
    edges.extend(of(new, Which::New));
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) pair: &'a Pair,
    pub(super) plan: &'a Plan,
    pub(super) old: Bench,
    pub(super) new: Bench,
    left: u64,
    sent: u64,
    cut: bool,
    denied_otherwise: u64,
}

/// What became of a conversation.
struct Held {
    /// Whether the packet that opens it was delivered, by the old and the new one.
    opened: [bool; 2],
    found: Option<Found>,
    /// Whether nothing else gets further between these two ends either.
    settled: bool,
}

impl Run<'_> {
    /// All conversations between two ends.
    fn converse(&mut self, ends: &Ends, findings: &mut Findings) {
        let Ends { classes, labels, .. } = ends;
        let probe = |what| Probe { from: ends.from, src: ends.src, dst: ends.dst, what };
        for ported in &classes.ported {
            let protocol = ported.protocol;
            let (home, away): (Vec<_>, Vec<_>) =
                ported.from.iter().copied().partition(|it| it.pick(CLIENT_PORT) == CLIENT_PORT);
            let home = home.first().copied().unwrap_or(Interval { from: 0, to: u16::MAX });
            let mut outcomes: BTreeMap<[bool; 2], Vec<Interval>> = BTreeMap::new();
            for &to in &ported.to {
                let probe = probe(What::Ported { protocol, from: CLIENT_PORT, to: to.pick(0) });
                let Some(held) = self.hold(probe) else { return };
                if let Some(found) = held.found {
                    findings.note(labels, probe, found, &[to], home);
                }
                if held.settled {
                    return;
                }
                if held.opened != [false, false] {
                    outcomes.entry(held.opened).or_default().push(to);
                }
            }
            for from in away {
                for to in outcomes.values() {
                    let port = to[0].pick(0);
                    let probe = probe(What::Ported { protocol, from: from.pick(CLIENT_PORT), to: port });
                    let Some(held) = self.hold(probe) else { return };
                    // What became of the opening packet has been seen: only answers tell ports apart that they go to.
                    if let Some(found) = held.found.filter(|found| found.packet > 0) {
                        findings.note(labels, probe, found, to, from);
                    }
                }
            }
        }
        for &what in &classes.others {
            let probe = probe(what);
            let Some(held) = self.hold(probe) else { return };
            if let Some(found) = held.found {
                findings.note(labels, probe, found, &[], Interval { from: 0, to: u16::MAX });
            }
        }
    }

    /// One conversation through both; none if it would be one too many.
    fn hold(&mut self, probe: Probe) -> Option<Held> {
        if self.left == 0 {
            self.cut = true;
            return None;
        }
        self.left -= 1;
        self.sent += 1;
        let (was, is) = (self.old.exchange(probe), self.new.exchange(probe));
        let delivered = |sent: &[Sent]| sent.first().is_some_and(Sent::is_delivered);
        let opened = [delivered(&was), delivered(&is)];
        let differs = |packet: usize| match (was.get(packet), is.get(packet)) {
            (Some(was), Some(is)) => self.judge().difference(fate(was), fate(is)),
            (Some(was), None) if packet == 0 && was.is_delivered() => Some(Difference::Change(Kind::NewlyDenied)),
            (None, Some(is)) if packet == 0 && is.is_delivered() => Some(Difference::Change(Kind::NewlyAllowed)),
            _ => None,
        };
        let mut heaviest: Option<(Kind, usize)> = None;
        let mut otherwise = false;
        for packet in 0..was.len().max(is.len()) {
            match differs(packet) {
                Some(Difference::Change(kind)) if heaviest.is_none_or(|(known, _)| kind > known) => {
                    heaviest = Some((kind, packet));
                }
                Some(Difference::Denied) => otherwise = true,
                _ => {}
            }
        }
        self.denied_otherwise += u64::from(otherwise && heaviest.is_none());
        let found = heaviest.map(|(kind, packet)| {
            let (was, is) = (was.get(packet), is.get(packet));
            Found { kind, packet, old: reason(kind, was, is), new: reason(kind, is, was) }
        });
        let settled = by_address(was.first()) && by_address(is.first());
        Some(Held { opened, found, settled })
    }

    pub(super) fn judge(&self) -> Judge<'_> {
        Judge { pair: self.pair, old: Names::new(self.old.lab.timeline()), new: Names::new(self.new.lab.timeline()) }
    }

    /// The name of where a probe begins.
    pub(super) fn beginning(&self, from: Beginning) -> String {
        match from {
            Beginning::Member(member) => {
                let ids = self.plan.members[member].ids.iter().flatten();
                ids.map(|id| super::plan::name_of(self.pair, id)).next().unwrap_or_default()
            }
            Beginning::Internet => "internet".to_owned(),
            Beginning::Edge(edge) => self.plan.edges[edge].clone(),
        }
    }
}

/// What the engine said of a packet.
pub(super) fn fate(sent: &Sent) -> Fate<'_> {
    Fate { verdict: Some(&sent.verdict), reason: sent.reason(), steps: &sent.steps }
}

/// Whether a packet was dropped for its addresses, before anything translated them: the same becomes of every packet between
/// its ends that no rule drops before that. So it is where there is nobody to send any.
fn by_address(sent: Option<&Sent>) -> bool {
    let Some(sent) = sent else { return true };
    let reasons = [
        DropReason::SourceDestCheck,
        DropReason::Spoofed,
        DropReason::NoRoute,
        DropReason::Blackhole,
        DropReason::NeighborUnknown,
        DropReason::NoPublicAddress,
        DropReason::NoSuchPublicAddress,
        DropReason::EgressToRfc1918,
        DropReason::EgressToRfc6598,
        DropReason::IngressFromRfc1918,
        DropReason::IngressFromRfc6598,
        DropReason::PrivateIpv6,
        DropReason::PeeringAddress,
        DropReason::BadStateAttachment,
        DropReason::TransitUnassociated,
        DropReason::TransitNoRoute,
        DropReason::TransitBlackhole,
        DropReason::VpnSource,
        DropReason::VpnDestination,
        DropReason::Ipv6Unsupported,
        DropReason::Martian,
        DropReason::Multicast,
        DropReason::ReservedAddress,
    ];
    let translated = sent.steps.iter().any(|step| matches!(step.kind, StepKind::Nat | StepKind::Forward));
    sent.reason().is_some_and(|reason| reasons.contains(&reason)) && !translated
}
