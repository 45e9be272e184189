use std::fmt;

use serde::Serialize;
use vpcemu_dataplane::{Ingress, Place};
use vpcemu_model::Network;
use vpcemu_packet::{TcpFlags, endpoint};

use crate::explain::rule;
use crate::{Denied, Error, Explanation, Flow, Hop, Lab, Resolved, Sent};

/// One flow and the answer to it, hop by hop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// The packet that opens it.
    pub forward: Explanation,
    /// The answer; none if there was nothing to answer. One that was delivered to somebody else, or from somebody who was not
    /// asked, is denied with [`REPLY_ASTRAY`].
    pub reply: Option<Explanation>,
    /// What follows the answer: of TCP the rest of the handshake.
    pub confirmation: Option<Explanation>,
    /// What the configuration left open, and anything that was assumed for these packets.
    pub assumptions: Vec<String>,
}

impl Lab {
    /// Sends the packet that opens a flow, the answer to it where it was delivered, and of TCP the rest of the handshake.
    ///
    /// # Errors
    /// As [`Lab::resolve`].
    pub fn trace(&mut self, flow: &Flow) -> Result<Trace, Error> {
        let mut conversation = self.converse(flow)?;
        let is_tcp = conversation.flow().protocol == Flow::TCP;
        let sent = conversation.send(self, TcpFlags::SYN);
        let forward = self.explain(&sent);
        let (mut reply, mut confirmation) = (None, None);
        if sent.is_delivered() {
            let answer = conversation.answer(self, TcpFlags::SYN | TcpFlags::ACK)?;
            let astray = self.astray(conversation.flow(), &answer);
            let arrives = answer.is_delivered() && astray.is_none();
            let explained = self.explain(&answer);
            reply = Some(match astray {
                Some(denied) => Explanation { verdict: "deny", denied: Some(denied), ..explained },
                None => explained,
            });
            if is_tcp && arrives {
                let sent = conversation.send(self, TcpFlags::ACK);
                confirmation = Some(self.explain(&sent));
            }
        }
        let mut trace = Trace { forward, reply, confirmation, assumptions: Vec::new() };
        trace.note_assumptions(self.network());
        Ok(trace)
    }

    /// Why an answer that was delivered is none to who asked: it ends somewhere else, or comes from somebody whom nobody asked. So
    /// it is where requests come in by one gateway and answers leave by another.
    fn astray(&self, asked: &Resolved, answer: &Sent) -> Option<Denied> {
        let place = answer.place()?;
        let expected = match asked.ingress {
            Ingress::Interface(eni) | Ingress::Service(_, eni) | Ingress::Endpoint(_, eni) => Place::Interface(eni),
            Ingress::Internet | Ingress::BehindNat(_) => Place::Internet,
            Ingress::Edge(edge) => Place::Edge(edge),
        };
        let left = answer.verdict.left_as;
        let ported = matches!(asked.protocol, Flow::TCP | Flow::UDP);
        let answers = (left.src, left.dst) == (asked.dst, asked.src)
            && (!ported || (left.src_port, left.dst_port) == (asked.dst_port, asked.src_port));
        if place == expected && answers {
            return None;
        }
        let names = self.names();
        let (at, from) = (names.place(place), names.place(expected));
        let port = |port: u16| ported.then_some(port);
        let (source, asked_of) = (endpoint(left.src, port(left.src_port)), endpoint(asked.dst, port(asked.dst_port)));
        Some(Denied {
            reason: REPLY_ASTRAY,
            words: "the answer does not reach who asked, from whom was asked",
            at: Some(at.to_owned()),
            name: None,
            dir: None,
            rule: None,
            because: Some(format!("it ends at {at}, from {source}; {from} had asked {asked_of}")),
            nearest: None,
            after: None,
        })
    }
}

/// The code of an answer that is delivered, and answers nothing. The engine drops no packet for this.
pub const REPLY_ASTRAY: &str = "X_REPLY_ASTRAY";

impl Trace {
    /// Whether the packet that opens the flow was delivered.
    pub fn is_allowed(&self) -> bool {
        self.forward.verdict == "allow"
    }

    /// Whether the answer was delivered; none if there was nothing to answer.
    pub fn is_answered(&self) -> Option<bool> {
        self.reply.as_ref().map(|reply| reply.verdict == "allow")
    }

    /// Who dropped the packet that opens the flow, or else the answer.
    pub fn denied(&self) -> Option<&Denied> {
        self.forward.denied.as_ref().or_else(|| self.reply.as_ref()?.denied.as_ref())
    }

    /// Notes what was assumed: in the configuration, and for its packets.
    pub fn note_assumptions(&mut self, network: &Network) {
        let of_network = network.assumptions.iter().map(|it| format!("{} {}: {}", it.code, it.place, it.text));
        let packets = [Some(&self.forward), self.reply.as_ref(), self.confirmation.as_ref()];
        let of_packets = packets.into_iter().flatten().filter_map(|it| it.assumed).map(str::to_owned);
        self.assumptions = of_network.chain(of_packets).collect();
    }

    /// As one object, in the shape that the command line documents.
    pub fn report(&self) -> TraceReport<'_> {
        let denied = self.denied();
        TraceReport {
            verdict: self.forward.verdict,
            reply: self.reply.as_ref().map(|reply| reply.verdict),
            reason: denied.map(|denied| denied.reason),
            at: denied.and_then(|denied| denied.at.as_deref()),
            rule: denied.and_then(|denied| denied.rule.as_deref()),
            denied,
            forward: &self.forward.steps,
            reverse: self.reply.as_ref().map_or(&[], |reply| &reply.steps),
            packets: [Some(&self.forward), self.reply.as_ref(), self.confirmation.as_ref()]
                .into_iter()
                .flatten()
                .collect(),
            assumptions: &self.assumptions,
        }
    }
}

/// A trace as one JSON object.
#[derive(Debug, Serialize)]
pub struct TraceReport<'a> {
    verdict: &'static str,
    reply: Option<&'static str>,
    reason: Option<&'static str>,
    at: Option<&'a str>,
    #[serde(serialize_with = "rule")]
    rule: Option<&'a str>,
    denied: Option<&'a Denied>,
    forward: &'a [Hop],
    reverse: &'a [Hop],
    packets: Vec<&'a Explanation>,
    assumptions: &'a [String],
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.forward.fmt(f)?;
        if let Some(reply) = &self.reply {
            reply.fmt(f)?;
        }
        f.write_str(&self.conclusion())
    }
}

impl Trace {
    /// The last line: what became of the flow.
    pub fn conclusion(&self) -> String {
        let reply = self.reply.as_ref().map_or("-", |reply| reply.verdict);
        let by = |denied: &Denied| match (&denied.at, &denied.rule) {
            (Some(at), Some(rule)) => format!(" by {at} rule {rule} ({})", denied.reason),
            (Some(at), None) => format!(" by {at} ({})", denied.reason),
            (None, _) => format!(" ({})", denied.reason),
        };
        let forward_by = self.forward.denied.as_ref().map(by).unwrap_or_default();
        let reply_by = self.reply.as_ref().and_then(|reply| reply.denied.as_ref()).map(by).unwrap_or_default();
        let assumed = match self.assumptions.len() {
            0 => "none".to_owned(),
            count => count.to_string(),
        };
        format!("verdict: {}{forward_by}   reply: {reply}{reply_by}   assumed: {assumed}\n", self.forward.verdict)
    }
}
