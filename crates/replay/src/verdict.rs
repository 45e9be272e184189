//! Verdicts as text: the NDJSON line of a packet, and the comment that packet outputs carry.

use std::fmt::{self, Write};

use serde::Serialize;
use vpcemu_dataplane::index::Registry;
use vpcemu_dataplane::outcome::{Outcome as Fate, Rule, Step};
use vpcemu_dataplane::{Component, DropReason, Fabric, Ingress, Place, Timeline};
use vpcemu_packet::{FlowKey, TcpFlags, endpoint, protocol_name};

use crate::batch::{Item, Outcome};

/// Names for everything that verdicts mention.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    registry: &'a Registry,
}

impl<'a> Names<'a> {
    /// The names of a timeline.
    pub fn new(timeline: &'a Timeline) -> Self {
        Self { registry: timeline.registry() }
    }

    /// The id of a component.
    pub fn component(&self, component: Component) -> &'a str {
        match component {
            Component::Interface(eni) => self.registry.enis.id(eni).as_str(),
            Component::NetworkAcl(acl) => self.registry.acls.id(acl).as_str(),
            Component::RouteTable(table) => self.registry.tables.id(table).as_str(),
            Component::InternetGateway(igw) => self.registry.igws.id(igw).as_str(),
            Component::EgressOnly(eigw) => self.registry.eigws.id(eigw).as_str(),
            Component::NatGateway(nat) => self.registry.nats.id(nat).as_str(),
            Component::Endpoint(endpoint) => self.registry.endpoints.id(endpoint).as_str(),
            Component::Edge(edge) => self.registry.edges.id(edge).as_str(),
            Component::Service(service) => service.name(),
        }
    }

    /// The name of a place.
    pub fn place(&self, place: Place) -> &'a str {
        match place {
            Place::Internet => "internet",
            Place::Interface(eni) => self.registry.enis.id(eni).as_str(),
            Place::Service(service) => service.name(),
            Place::Endpoint(endpoint) => self.registry.endpoints.id(endpoint).as_str(),
            Place::Edge(edge) => self.registry.edges.id(edge).as_str(),
        }
    }

    /// Where a packet was injected. `fabric` is the one in force then.
    pub fn ingress(&self, ingress: Ingress, fabric: &Fabric) -> &'a str {
        match ingress {
            Ingress::Interface(eni) => self.registry.enis.id(eni).as_str(),
            Ingress::Internet => "internet",
            Ingress::Service(service, _) => service.name(),
            Ingress::Endpoint(endpoint, _) => self.registry.endpoints.id(endpoint).as_str(),
            Ingress::Edge(edge) => self.registry.edges.id(edge).as_str(),
            Ingress::BehindNat(nat) => match fabric.nat(nat).and_then(|gateway| gateway.eni()) {
                Some(eni) => self.registry.enis.id(eni).as_str(),
                None => self.registry.nats.id(nat).as_str(),
            },
        }
    }

    /// A rule as text.
    pub fn rule_text(&self, rule: Rule) -> Option<String> {
        self.rule(rule).map(|rule| rule.to_string())
    }

    fn rule(&self, rule: Rule) -> Option<RuleText<'a>> {
        match rule {
            Rule::SecurityGroup(rule) => Some(RuleText::Id(self.registry.rules.id(rule).as_str())),
            Rule::NetworkAcl(number) => Some(RuleText::Number(number)),
            Rule::ImplicitDeny => Some(RuleText::Id("*")),
            Rule::Route(_) => None,
        }
    }
}

/// A rule in outputs: a network ACL entry by its number, a security group rule by its id, `*` for the implicit deny.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum RuleText<'a> {
    /// A network ACL entry.
    Number(u16),
    /// A security group rule.
    Id(&'a str),
    /// A route.
    Route(String),
}

impl fmt::Display for RuleText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Id(id) => f.write_str(id),
            Self::Route(route) => f.write_str(route),
        }
    }
}

/// Source and destination, with ports where the protocol has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ends {
    /// `10.20.0.10:42000`, `[2001:db8::1]:443`, or the bare address.
    pub src: String,
    /// Likewise.
    pub dst: String,
}

impl Ends {
    /// The ends of a key. ICMP queries have their id as port.
    pub fn of(key: &FlowKey) -> Self {
        let ported = matches!(key.protocol, 6 | 17) && (key.src_port, key.dst_port) != (0, 0);
        let query = matches!(key.protocol, 1 | 58) && key.is_query();
        let port = |port| (ported || query).then_some(port);
        Self {
            src: endpoint(key.src, port(key.src_port)).to_string(),
            dst: endpoint(key.dst, port(key.dst_port)).to_string(),
        }
    }
}

/// One line of `--verdicts`.
#[derive(Debug, Clone, Serialize)]
pub struct VerdictLine<'a> {
    /// Position in the merged input; null for a packet that the emulator made.
    pub n: Option<u64>,
    /// n of the packet that caused it to be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// What was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// Seconds and nanoseconds since the epoch.
    pub ts: String,
    /// Where it was injected.
    #[serde(rename = "in")]
    pub ingress: Option<&'a str>,
    /// How it was placed.
    pub vantage: Option<&'static str>,
    /// `tcp`, `udp`, ..., or the number.
    pub proto: Option<String>,
    /// As injected.
    pub src: Option<String>,
    /// As injected.
    pub dst: Option<String>,
    /// As captured, where re-anchoring or binding changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captured: Option<Ends>,
    /// TCP flags.
    pub flags: Option<String>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// What was assumed for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assumed: Vec<&'static str>,
    /// In how many pieces it left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pieces: Option<u32>,
    /// Its way, when asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepLine<'a>>,
}

/// One step of a verbose verdict.
#[derive(Debug, Clone, Serialize)]
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

/// Seconds and nine digits.
fn timestamp(nanoseconds: u64) -> String {
    format!("{}.{:09}", nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000)
}

fn protocol(number: u8) -> String {
    protocol_name(number).map_or_else(|| number.to_string(), str::to_owned)
}

/// The reason with which a packet was dropped, if it was.
pub(crate) fn reason(outcome: &Outcome) -> Option<DropReason> {
    match outcome.verdict.map(|verdict| verdict.outcome) {
        Some(Fate::Dropped(denial)) => Some(denial.reason),
        Some(_) => None,
        None => outcome.refused,
    }
}

impl<'a> VerdictLine<'a> {
    /// The line of a packet of the input.
    pub(crate) fn of(names: Names<'a>, fabric: &Fabric, item: &Item, outcome: &Outcome) -> Self {
        let verdict = outcome.verdict;
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
        let captured = match &item.content {
            crate::batch::Content::Packet { headers, captured, .. } => {
                let original = captured.as_ref().map_or_else(|| Ends::of(&headers.key()), Ends::of);
                let fragment_ports = headers.transport == vpcemu_packet::Transport::Missing;
                (!fragment_ports && ends.as_ref().is_some_and(|ends| *ends != original)).then_some(original)
            }
            crate::batch::Content::Refused(_) => None,
        };
        let delivered_as = verdict.filter(|_| out.is_some()).map(|verdict| Ends::of(&verdict.left_as));
        let mut assumed = Vec::new();
        if verdict.is_some_and(|verdict| verdict.adopted) {
            assumed.push("midstream");
        }
        let steps = outcome.extra.as_ref().map_or(&[][..], |extra| &extra.steps);
        Self {
            n: Some(item.stamp.n),
            cause: None,
            kind: None,
            ts: timestamp(item.timestamp),
            ingress: outcome.ingress.map(|ingress| names.ingress(ingress, fabric)),
            vantage: outcome.vantage.map(|vantage| vantage.name()),
            proto: outcome.injected.map(|key| protocol(key.protocol)),
            captured,
            flags: outcome.flags.map(|flags| TcpFlags(flags).to_string()),
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
            assumed,
            pieces: verdict.map(|verdict| verdict.pieces).filter(|pieces| *pieces > 0),
            steps: steps.iter().map(|step| StepLine::of(names, fabric, step)).collect(),
            src: ends.as_ref().map(|ends| ends.src.clone()),
            dst: ends.map(|ends| ends.dst),
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
        let transport = vpcemu_packet::Headers::parse(
            &made.bytes,
            u32::try_from(made.bytes.len()).unwrap_or(u32::MAX),
            vpcemu_packet::Offloads::Tolerate,
        );
        let flags = match transport.map(|headers| headers.transport) {
            Ok(vpcemu_packet::Transport::Tcp { flags, .. }) => Some(flags.to_string()),
            _ => None,
        };
        Self {
            n: None,
            cause: Some(item.stamp.n),
            kind: Some(made.kind.name()),
            ts: timestamp(item.timestamp),
            ingress: made.by.map(|by| names.component(by)),
            vantage: None,
            proto: Some(protocol(made.key.protocol)),
            captured: None,
            flags,
            len: u32::try_from(made.bytes.len()).unwrap_or(u32::MAX),
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
            assumed: Vec::new(),
            pieces: None,
            steps: made.steps.iter().map(|step| StepLine::of(names, fabric, step)).collect(),
            src: Some(ends.src),
            dst: Some(ends.dst),
        }
    }

    /// The comment that packet outputs carry: the line as `k=v` pairs.
    pub fn comment(&self) -> String {
        let mut text = String::with_capacity(160);
        let mut pair = |key: &str, value: &dyn fmt::Display| {
            let separator = if text.is_empty() { "" } else { " " };
            // Writing to a string cannot fail.
            let _ = write!(text, "{separator}{key}={value}");
        };
        if let Some(n) = self.n {
            pair("n", &n);
        }
        if let Some(cause) = self.cause {
            pair("cause", &cause);
        }
        if let Some(kind) = self.kind {
            pair("kind", &kind);
        }
        pair("verdict", &self.verdict);
        let texts = [("reason", self.reason), ("at", self.at), ("dir", self.dir)];
        for (key, value) in texts {
            if let Some(value) = value {
                pair(key, &value);
            }
        }
        if let Some(rule) = &self.rule {
            pair("rule", rule);
        }
        let texts = [("in", self.ingress), ("vantage", self.vantage), ("out", self.out)];
        for (key, value) in texts {
            if let Some(value) = value {
                pair(key, &value);
            }
        }
        if let Some(captured) = &self.captured {
            pair("captured", &format_args!("{}>{}", captured.src, captured.dst));
        }
        if let (Some(src), Some(dst)) = (&self.src, &self.dst) {
            pair("pkt", &format_args!("{src}>{dst}"));
        }
        if let Some(xlate) = &self.xlate {
            pair("xlate", &format_args!("{}>{}", xlate.src, xlate.dst));
        }
        if let Some(conn) = self.conn {
            pair("conn", &conn);
        }
        if let Some(state) = self.state {
            pair("state", &state);
        }
        if let Some(after) = self.after {
            pair("after", &after);
        }
        if !self.assumed.is_empty() {
            pair("assumed", &self.assumed.join(","));
        }
        text
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
