//! What is said of a packet, with everything by its name.

mod names;
mod text;

use std::net::IpAddr;

use vpcemu_dataplane::outcome::{Outcome as Fate, Rule, Step};
use vpcemu_dataplane::{Component, DropReason, Fabric};
use vpcemu_packet::{FlowKey, Headers, Offloads, TcpFlags, Transport};

use crate::batch::{Item, Outcome};
pub use names::{Names, RuleText};

/// Source and destination, with ports where the protocol has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// Where it comes from.
    pub src: (IpAddr, Option<u16>),
    /// Where it goes.
    pub dst: (IpAddr, Option<u16>),
}

impl Ends {
    /// The ends of a key. ICMP queries have their id as port.
    pub fn of(key: &FlowKey) -> Self {
        let ported = matches!(key.protocol, 6 | 17) && (key.src_port, key.dst_port) != (0, 0);
        let query = matches!(key.protocol, 1 | 58) && key.is_query();
        let port = |port| (ported || query).then_some(port);
        Self { src: (key.src, port(key.src_port)), dst: (key.dst, port(key.dst_port)) }
    }
}

/// What is said of one packet: a line of `--verdicts`, or the comment that packet outputs carry.
#[derive(Debug, Clone)]
pub struct VerdictLine<'a> {
    /// Position in the merged input; null for a packet that the emulator made.
    pub n: Option<u64>,
    /// n of the packet that caused it to be made.
    pub cause: Option<u64>,
    /// What was made.
    pub kind: Option<&'static str>,
    /// Nanoseconds since the epoch.
    pub timestamp: u64,
    /// Where it was injected.
    pub ingress: Option<&'a str>,
    /// How it was placed.
    pub vantage: Option<&'static str>,
    /// The protocol's number.
    pub protocol: Option<u8>,
    /// As injected.
    pub ends: Option<Ends>,
    /// As captured, where re-anchoring or binding changed it.
    pub captured: Option<Ends>,
    /// TCP flags.
    pub flags: Option<TcpFlags>,
    /// IP total length.
    pub len: u32,
    /// `allow`, `deny`, `held`, `generated` or `generated_dropped`.
    pub verdict: &'static str,
    /// Why it was dropped.
    pub reason: Option<&'static str>,
    /// Who dropped it.
    pub at: Option<&'a str>,
    /// In which direction.
    pub dir: Option<&'static str>,
    /// By which rule.
    pub rule: Option<RuleText<'a>>,
    /// Where it was delivered.
    pub out: Option<&'a str>,
    /// As delivered, if that differs.
    pub xlate: Option<Ends>,
    /// The connection.
    pub conn: Option<u64>,
    /// What connection tracking thought.
    pub state: Option<&'static str>,
    /// The denied opening packet that it is inconsistent with.
    pub after: Option<u64>,
    /// What was assumed for it.
    pub assumed: Option<&'static str>,
    /// In how many pieces it left.
    pub pieces: Option<u32>,
    /// Its way, when asked for.
    pub steps: Vec<StepLine<'a>>,
}

/// One step of a verbose verdict.
#[derive(Debug, Clone)]
pub struct StepLine<'a> {
    /// The component.
    pub hop: &'a str,
    /// Its role.
    pub kind: &'static str,
    /// In which direction.
    pub dir: Option<&'static str>,
    /// `allow` or `deny`.
    pub verdict: &'static str,
    /// By which rule or route.
    pub rule: Option<RuleText<'a>>,
}

/// The reason with which a packet was dropped, if it was.
pub(crate) fn reason(outcome: &Outcome) -> Option<DropReason> {
    match outcome.verdict.as_ref().map(|verdict| verdict.outcome) {
        Some(Fate::Dropped(denial)) => Some(denial.reason),
        Some(_) => None,
        None => outcome.refused,
    }
}

impl<'a> VerdictLine<'a> {
    /// The line of a packet of the input. `captured` is its key as captured, if it was injected with another.
    pub(crate) fn of(
        names: Names<'a>,
        fabric: &Fabric,
        item: &Item,
        captured: Option<&FlowKey>,
        outcome: &Outcome,
    ) -> Self {
        let verdict = outcome.verdict.as_ref();
        let fate = verdict.map(|verdict| verdict.outcome);
        let denial = match fate {
            Some(Fate::Dropped(denial)) => Some(denial),
            _ => None,
        };
        let out = match fate {
            Some(Fate::Delivered { at }) => Some(at),
            _ => None,
        };
        let ends = outcome.injected.as_ref().map(Ends::of);
        let captured = captured.filter(|_| ends.is_some() && !item.portless).map(Ends::of);
        let delivered_as = verdict.filter(|_| out.is_some()).map(|verdict| Ends::of(&verdict.left_as));
        let steps = outcome.extra.as_ref().map_or(&[][..], |extra| &extra.steps);
        Self {
            n: Some(item.stamp.n),
            cause: None,
            kind: None,
            timestamp: item.timestamp,
            ingress: outcome.ingress.map(|ingress| names.ingress(ingress, fabric)),
            vantage: outcome.vantage.map(|vantage| vantage.name()),
            protocol: outcome.injected.map(|key| key.protocol),
            ends,
            captured: captured.filter(|captured| ends.as_ref() != Some(captured)),
            flags: outcome.flags.map(TcpFlags),
            len: outcome.length,
            verdict: match (out, fate) {
                (Some(_), _) => "allow",
                (None, Some(Fate::Held)) => "held",
                _ => "deny",
            },
            reason: reason(outcome).map(DropReason::code),
            at: denial.and_then(|denial| denial.at).map(|at| names.component(at)),
            dir: denial.and_then(|denial| denial.direction).map(|direction| direction.name()),
            rule: denial.and_then(|denial| denial.rule).and_then(|rule| names.rule(rule)),
            out: out.map(|place| names.place(place)),
            xlate: delivered_as.filter(|delivered| ends.as_ref() != Some(delivered)),
            conn: verdict.and_then(|verdict| verdict.connection),
            state: verdict.and_then(|verdict| verdict.state).map(|state| state.name()),
            after: verdict.and_then(|verdict| verdict.after),
            assumed: verdict.filter(|verdict| verdict.adopted).map(|_| "midstream"),
            pieces: verdict.map(|verdict| verdict.pieces).filter(|pieces| *pieces > 0),
            steps: steps.iter().map(|step| StepLine::of(names, fabric, step)).collect(),
        }
    }

    /// The line of a packet that the emulator made because of `item`.
    pub(crate) fn of_generated(
        names: Names<'a>,
        fabric: &Fabric,
        item: &Item,
        made: &vpcemu_dataplane::output::Generated,
    ) -> Self {
        let verdict = made.verdict;
        let (out, denial) = match verdict.outcome {
            Fate::Delivered { at } => (Some(at), None),
            Fate::Dropped(denial) => (None, Some(denial)),
            Fate::Held => (None, None),
        };
        let ends = Ends::of(&made.key);
        let delivered_as = Ends::of(&verdict.left_as);
        let length = u32::try_from(made.bytes.len()).unwrap_or(u32::MAX);
        let transport = Headers::parse(&made.bytes, length, Offloads::Tolerate).map(|headers| headers.transport);
        let flags = match transport {
            Ok(Transport::Tcp { flags, .. }) => Some(flags),
            _ => None,
        };
        Self {
            n: None,
            cause: Some(item.stamp.n),
            kind: Some(made.kind.name()),
            timestamp: item.timestamp,
            ingress: made.by.map(|by| names.component(by)),
            vantage: None,
            protocol: Some(made.key.protocol),
            ends: Some(ends),
            captured: None,
            flags,
            len: length,
            verdict: if out.is_some() { "generated" } else { "generated_dropped" },
            reason: denial.map(|denial| denial.reason.code()),
            at: denial.and_then(|denial| denial.at).map(|at| names.component(at)),
            dir: denial.and_then(|denial| denial.direction).map(|direction| direction.name()),
            rule: denial.and_then(|denial| denial.rule).and_then(|rule| names.rule(rule)),
            out: out.map(|place| names.place(place)),
            xlate: (out.is_some() && delivered_as != ends).then_some(delivered_as),
            conn: verdict.connection,
            state: verdict.state.map(|state| state.name()),
            after: None,
            assumed: None,
            pieces: None,
            steps: made.steps.iter().map(|step| StepLine::of(names, fabric, step)).collect(),
        }
    }
}

impl<'a> StepLine<'a> {
    fn of(names: Names<'a>, fabric: &Fabric, step: &Step) -> Self {
        let rule = match (step.at, step.rule) {
            (Component::RouteTable(table), Some(Rule::Route(route))) => {
                Some(RuleText::Route(fabric.describe_route(names.registry, table, route)))
            }
            (_, rule) => rule.and_then(|rule| names.rule(rule)),
        };
        Self {
            hop: names.component(step.at),
            kind: step.kind.name(),
            dir: step.direction.map(|direction| direction.name()),
            verdict: if step.allowed { "allow" } else { "deny" },
            rule,
        }
    }
}
