use std::fmt;

use serde::Serialize;
use vpcemu_model::Network;
use vpcemu_packet::TcpFlags;

use crate::{Denied, Error, Explanation, Flow, Hop, Lab};

/// One flow and the answer to it, hop by hop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// The packet that opens it.
    pub forward: Explanation,
    /// The answer; none if there was nothing to answer.
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
            reply = Some(self.explain(&answer));
            if is_tcp && answer.is_delivered() {
                let sent = conversation.send(self, TcpFlags::ACK);
                confirmation = Some(self.explain(&sent));
            }
        }
        let mut trace = Trace { forward, reply, confirmation, assumptions: Vec::new() };
        trace.note_assumptions(self.network());
        Ok(trace)
    }
}

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
