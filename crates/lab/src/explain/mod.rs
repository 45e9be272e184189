//! What happened to a packet, in names: every hop with its rule and where that was defined, and of a denial what was nearest to
//! letting it pass.

mod denied;
mod nearest;
mod rules;
mod text;

use serde::{Serialize, Serializer};
use vpcemu_dataplane::outcome::{Outcome, Rule, Step, StepKind};
use vpcemu_dataplane::output::Generated;
use vpcemu_dataplane::{Component, Denial, DropReason, Fabric, Ingress, Timeline, Verdict};
use vpcemu_model::Network;
use vpcemu_packet::{FlowKey, TcpFlags, endpoint, protocol_name};
use vpcemu_replay::Report;
use vpcemu_replay::verdict::{Ends, Names};

use crate::{Lab, PortUse, Sent};

pub use denied::{Denied, Nearest};

/// Explains packets of one network.
#[derive(Clone, Copy, Debug)]
pub struct Explainer<'a> {
    network: &'a Network,
    fabric: &'a Fabric,
    timeline: &'a Timeline,
}

/// What an explanation is made from.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The packet's number; none of one that the emulator made.
    pub n: Option<u64>,
    /// Where it went in; none if it could not be placed, or was made on the way.
    pub ingress: Option<Ingress>,
    /// Its key as it went in; none if its headers could not be read.
    pub injected: Option<FlowKey>,
    /// Its TCP flags.
    pub flags: Option<TcpFlags>,
    /// What the engine said; none of what never reached it.
    pub verdict: Option<&'a Verdict>,
    /// Why it was dropped.
    pub reason: Option<DropReason>,
    /// Its way.
    pub steps: &'a [Step],
    /// What was made because of it.
    pub generated: Option<&'a Generated>,
    /// How many ports a NAT gateway has given out, where that is known.
    pub ports: Option<PortUse>,
}

/// What happened to one packet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Explanation {
    /// Its number; none of one that the emulator made.
    pub n: Option<u64>,
    /// What it is, if the emulator made it: `tcp-rst`, `icmp-frag-needed` ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// The name or number of its protocol.
    pub proto: String,
    /// Its source as it went in, with the port.
    pub src: String,
    /// Its destination as it went in, with the port.
    pub dst: String,
    /// Its TCP flags, as letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<String>,
    /// Where it went in.
    #[serde(rename = "in")]
    pub from: Option<String>,
    /// `allow`, `deny` or `held`.
    pub verdict: &'static str,
    /// Where it ended.
    pub out: Option<String>,
    /// Its source and destination as it was delivered, where they differ from those that it went in with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xlate: Option<Xlate>,
    /// Gateways, endpoints and interfaces that forwarded it, in their order.
    pub via: Vec<String>,
    /// What was assumed for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assumed: Option<&'static str>,
    /// Why it was dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied: Option<Denied>,
    /// Its way.
    pub steps: Vec<Hop>,
    /// What was made because of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated: Option<Box<Self>>,
}

/// Ends as they were delivered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Xlate {
    /// The source.
    pub src: String,
    /// The destination.
    pub dst: String,
}

/// An id, with the name that people gave it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Named {
    /// The id.
    pub id: String,
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One step of a packet's way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Hop {
    /// The component.
    pub hop: String,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its role: `sg`, `nacl`, `route`, `nat`, `igw`, ... as verdicts have it.
    pub kind: &'static str,
    /// `ingress` or `egress`, where there are two directions.
    pub dir: Option<&'static str>,
    /// `allow` or `deny`.
    pub verdict: &'static str,
    /// The rule that decided: an id, a number, `*`, or the route.
    #[serde(serialize_with = "rule")]
    pub rule: Option<String>,
    /// What that rule says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The security group of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Named>,
    /// The subnet at whose boundary a network ACL was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet: Option<Named>,
    /// Where the rule was defined: file and line, JSON path or Terraform address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// What connection tracking thought: `new`, `established`, `related` or `untracked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// What it changed of the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// Of a NAT gateway that opened a mapping: ports taken towards the remote, and how many there can be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ports: Option<[u32; 2]>,
}

/// What a component changed of a header.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Change {
    /// The source, before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub src: Option<[String; 2]>,
    /// The destination, before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dst: Option<[String; 2]>,
}

impl Lab {
    /// Explains what became of a packet.
    pub fn explain(&self, sent: &Sent) -> Explanation {
        let explainer = Explainer::new(self.network(), self.timeline(), sent.stamp.generation);
        explainer.explain(Facts {
            n: Some(sent.stamp.n),
            ingress: Some(sent.ingress),
            injected: sent.injected,
            flags: sent.flags,
            verdict: Some(&sent.verdict),
            reason: sent.reason(),
            steps: &sent.steps,
            generated: sent.generated.as_ref(),
            ports: sent.ports,
        })
    }
}

impl<'a> Explainer<'a> {
    /// Of the configuration `generation` of a timeline, which was compiled from `network`.
    pub fn new(network: &'a Network, timeline: &'a Timeline, generation: u32) -> Self {
        Self { network, fabric: timeline.fabric(generation), timeline }
    }

    /// Explains a packet of a replay, whose steps were recorded.
    pub fn explain_report(&self, report: &Report<'_>) -> Explanation {
        self.explain(Facts {
            n: Some(report.stamp().n),
            ingress: report.ingress(),
            injected: report.injected(),
            flags: report.flags(),
            verdict: report.verdict(),
            reason: report.reason(),
            steps: report.steps(),
            generated: report.generated(),
            ports: None,
        })
    }

    /// Explains a packet.
    pub fn explain(&self, facts: Facts<'_>) -> Explanation {
        let names = self.names();
        let ends = facts.injected.as_ref().map(Ends::of);
        let (outcome, left_as) = facts.verdict.map(|verdict| (verdict.outcome, verdict.left_as)).unzip();
        let place = match outcome {
            Some(Outcome::Delivered { at }) => Some(at),
            _ => None,
        };
        let left = left_as.as_ref().map(Ends::of).filter(|left| place.is_some() && Some(left) != ends.as_ref());
        let side = |side: (std::net::IpAddr, Option<u16>)| endpoint(side.0, side.1).to_string();
        let mut steps = self.hops(facts.steps, facts.injected);
        if let (Some(ports), Some(hop)) = (facts.ports, steps.iter_mut().find(|hop| hop.kind == StepKind::Nat.name())) {
            hop.ports = Some([ports.taken, ports.most]);
        }
        Explanation {
            n: facts.n,
            kind: None,
            proto: facts.injected.map_or_else(|| "?".to_owned(), |key| protocol(key.protocol)),
            src: ends.as_ref().map_or_else(|| "?".to_owned(), |ends| side(ends.src)),
            dst: ends.as_ref().map_or_else(|| "?".to_owned(), |ends| side(ends.dst)),
            flags: facts.flags.map(|flags| flags.to_string()),
            from: facts.ingress.map(|ingress| names.ingress(ingress, self.fabric).to_owned()),
            verdict: match outcome {
                Some(Outcome::Delivered { .. }) => "allow",
                Some(Outcome::Held) => "held",
                _ => "deny",
            },
            out: place.map(|place| names.place(place).to_owned()),
            xlate: left.map(|left| Xlate { src: side(left.src), dst: side(left.dst) }),
            via: via(&steps),
            assumed: facts.verdict.filter(|verdict| verdict.adopted).map(|_| "midstream"),
            denied: facts.reason.map(|reason| self.denied(reason, &facts)),
            steps,
            generated: facts.generated.map(|made| Box::new(self.made(made))),
        }
    }

    fn made(&self, made: &Generated) -> Explanation {
        let denial = match made.verdict.outcome {
            Outcome::Dropped(denial) => Some(denial),
            _ => None,
        };
        let explained = self.explain(Facts {
            n: None,
            ingress: None,
            injected: Some(made.key),
            flags: None,
            verdict: Some(&made.verdict),
            reason: denial.map(|denial: Denial| denial.reason),
            steps: &made.steps,
            generated: None,
            ports: None,
        });
        let from = made.by.map(|by| self.names().component(by).to_owned());
        Explanation { kind: Some(made.kind.name()), from, ..explained }
    }

    fn names(&self) -> Names<'a> {
        Names::new(self.timeline)
    }

    fn hops(&self, steps: &[Step], injected: Option<FlowKey>) -> Vec<Hop> {
        let mut before = injected;
        let hop = |step: &Step| {
            let hop = self.hop(step, before.unwrap_or(step.key));
            before = Some(step.key);
            hop
        };
        steps.iter().map(hop).collect()
    }

    fn hop(&self, step: &Step, before: FlowKey) -> Hop {
        let known = self.rule_of(step);
        let id = self.names().component(step.at).to_owned();
        Hop {
            name: self.name_of(step.at),
            kind: step.kind.name(),
            dir: step.direction.map(|direction| direction.name()),
            verdict: if step.allowed { "allow" } else { "deny" },
            rule: match (step.at, step.rule) {
                (Component::RouteTable(table), Some(Rule::Route(route))) => {
                    Some(self.fabric.describe_route(self.timeline.registry(), table, route))
                }
                (_, rule) => rule.and_then(|rule| self.names().rule_text(rule)),
            },
            text: known.as_ref().map(|known| known.text.clone()),
            group: known.as_ref().and_then(|known| known.group.clone()),
            subnet: step.subnet.map(|subnet| {
                let id = self.timeline.registry().subnets.id(subnet);
                Named { id: id.to_string(), name: self.network.subnet(id).and_then(|subnet| subnet.name.clone()) }
            }),
            origin: known.and_then(|known| known.origin),
            state: step.state.map(|state| state.name()),
            change: change(&Ends::of(&before), &Ends::of(&step.key)),
            ports: None,
            hop: id,
        }
    }
}

/// What passed a packet on, each once.
fn via(steps: &[Hop]) -> Vec<String> {
    let forwards = |hop: &&Hop| {
        let kinds = [
            StepKind::Nat,
            StepKind::InternetGateway,
            StepKind::EgressOnly,
            StepKind::Endpoint,
            StepKind::Forward,
            StepKind::Peering,
            StepKind::TransitGateway,
            StepKind::VpnGateway,
        ];
        hop.verdict == "allow" && kinds.iter().any(|kind| kind.name() == hop.kind)
    };
    let mut via: Vec<String> = Vec::new();
    for hop in steps.iter().filter(forwards) {
        if !via.contains(&hop.hop) {
            via.push(hop.hop.clone());
        }
    }
    via
}

fn change(before: &Ends, after: &Ends) -> Option<Change> {
    let side = |side: (std::net::IpAddr, Option<u16>)| endpoint(side.0, side.1).to_string();
    let differs = |before, after| (before != after).then(|| [side(before), side(after)]);
    let change = Change { src: differs(before.src, after.src), dst: differs(before.dst, after.dst) };
    (change.src.is_some() || change.dst.is_some()).then_some(change)
}

/// A rule in JSON, as verdicts have it: an entry of a network ACL is a number.
pub(crate) fn rule<S: Serializer>(rule: &Option<impl AsRef<str>>, serializer: S) -> Result<S::Ok, S::Error> {
    match rule.as_ref().map(AsRef::as_ref) {
        None => serializer.serialize_none(),
        Some(text) => match text.parse::<u16>() {
            Ok(number) => serializer.serialize_u16(number),
            Err(_) => serializer.serialize_str(text),
        },
    }
}

/// The name of a protocol, or its number.
pub(crate) fn protocol(number: u8) -> String {
    protocol_name(number).map_or_else(|| number.to_string(), str::to_owned)
}
