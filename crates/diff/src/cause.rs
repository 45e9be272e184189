//! Which rule is responsible for a fate.

use serde::Serialize;
use vpcemu_lab::{Explanation, Hop, Nearest};

use crate::Kind;

/// What one configuration does with a packet, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Side {
    /// `allow`, `deny` or `held`.
    pub verdict: &'static str,
    /// The code of the reason, of a denial.
    pub reason: Option<&'static str>,
    /// Who denied it, or let it pass where the other did not.
    pub at: Option<String>,
    /// That one's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// In which direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dir: Option<&'static str>,
    /// By which rule: an id, a number, a route, or `*` where none matched.
    pub rule: Option<String>,
    /// What the rule says, or what was asked and with what result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Where the rule was defined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Of a denial, the rule that was nearest to letting it pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Nearest>,
    /// Source and destination as delivered, where they differ from those it was sent with.
    pub xlate: Option<Translated>,
    /// Where it ended.
    pub out: Option<String>,
    /// What passed it on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<String>,
}

/// Ends as they were delivered.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Translated {
    /// The source, with the port.
    pub src: String,
    /// The destination, with the port.
    pub dst: String,
}

/// Both sides of a change.
pub(crate) fn sides(kind: Kind, old: &Explanation, new: &Explanation) -> (Side, Side) {
    let mut sides = (Side::of(old), Side::of(new));
    match kind {
        Kind::NewlyDenied => sides.0.blame(counterpart(old, new)),
        Kind::NewlyAllowed => sides.1.blame(counterpart(new, old)),
        Kind::Rerouted | Kind::Retranslated => {
            // The first route or gateway in which they part.
            let decides = |hop: &&Hop| !matches!(hop.kind, "sg" | "nacl" | "check");
            let (mut was, mut is) = (old.steps.iter().filter(decides), new.steps.iter().filter(decides));
            let told = |hop: &Hop| (hop.hop.clone(), hop.rule.clone(), hop.change.clone());
            let parted = loop {
                match (was.next(), is.next()) {
                    (Some(was), Some(is)) if told(was) == told(is) => {}
                    parted => break parted,
                }
            };
            sides.0.blame(parted.0);
            sides.1.blame(parted.1);
        }
    }
    sides
}

/// The step of an allowed packet at which the other one was denied: at the same component, or at the same kind of one. Where it
/// took another way, the last that a rule decided.
fn counterpart<'a>(allowed: &'a Explanation, denied: &Explanation) -> Option<&'a Hop> {
    let at = denied.steps.iter().rev().find(|hop| hop.verdict == "deny");
    let same = at.and_then(|at| allowed.steps.iter().find(|hop| same_role(hop, at) && hop.hop == at.hop));
    let alike = || at.and_then(|at| allowed.steps.iter().find(|hop| same_role(hop, at)));
    same.or_else(alike).or_else(|| allowed.steps.iter().rev().find(|hop| hop.rule.is_some()))
}

fn same_role(one: &Hop, other: &Hop) -> bool {
    let subnet = |hop: &Hop| hop.subnet.as_ref().map(|subnet| subnet.id.clone());
    one.kind == other.kind
        && one.dir == other.dir
        && (subnet(one).is_none() || subnet(one) == subnet(other) || subnet(other).is_none())
}

impl Side {
    fn of(explanation: &Explanation) -> Self {
        let denied = explanation.denied.as_ref();
        let stopped = explanation.steps.iter().rev().find(|hop| hop.verdict == "deny");
        Self {
            verdict: explanation.verdict,
            reason: denied.map(|denied| denied.reason),
            at: denied.and_then(|denied| denied.at.clone()),
            name: denied.and_then(|denied| denied.name.clone()),
            dir: denied.and_then(|denied| denied.dir),
            rule: denied.and_then(|denied| denied.rule.clone()),
            text: denied.map(|denied| denied.because.clone().unwrap_or_else(|| denied.words.to_owned())),
            origin: stopped.and_then(|hop| hop.origin.clone()),
            nearest: denied.and_then(|denied| denied.nearest.clone()),
            xlate: explanation
                .xlate
                .as_ref()
                .map(|xlate| Translated { src: xlate.src.clone(), dst: xlate.dst.clone() }),
            out: explanation.out.clone(),
            via: explanation.via.clone(),
        }
    }

    /// An interface that the configuration does not have sends nothing.
    pub(crate) fn absent(interface: &str) -> Self {
        Self {
            verdict: "deny",
            reason: None,
            at: None,
            name: None,
            dir: None,
            rule: None,
            text: Some(format!("there is no {interface}")),
            origin: None,
            nearest: None,
            xlate: None,
            out: None,
            via: Vec::new(),
        }
    }

    /// Likewise where the other end is there.
    pub(crate) fn alone(explanation: &Explanation) -> Self {
        let mut side = Self::of(explanation);
        let last = explanation.steps.iter().rev().find(|hop| matches!(hop.kind, "sg" | "nacl") && hop.rule.is_some());
        side.blame(last.filter(|_| explanation.verdict == "allow"));
        side
    }

    fn blame(&mut self, hop: Option<&Hop>) {
        let Some(hop) = hop else { return };
        self.at = Some(hop.hop.clone());
        self.name.clone_from(&hop.name);
        self.dir = hop.dir;
        self.rule.clone_from(&hop.rule);
        self.text.clone_from(&hop.text);
        self.origin.clone_from(&hop.origin);
    }
}
