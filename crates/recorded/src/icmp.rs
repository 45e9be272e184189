//! Records of ICMP, which tell neither type nor identifier: pings of either side, or errors.
//!
//! Where pings of one side would pass and those of the other would be refused, nobody knows whose they were. Where neither would,
//! an error might. One about a flow that passes is let through by security groups whatever their rules are, and one about nothing
//! is refused by most: so what was accepted waits for an answer, which errors do not get, and what was refused is left alone unless
//! an error would have been let pass too.

use std::net::{IpAddr, SocketAddr};

use vpcemu_dataplane::flow_log::LoggedAt;
use vpcemu_flowlog::{Action, Judgement};
use vpcemu_packet::build;

use crate::judge::{Judge, undecided};
use crate::question::Question;
use crate::refusal::is_of_records;

/// ICMP types (RFC 792, RFC 4443).
pub(crate) struct Kinds {
    pub(crate) request: u8,
    pub(crate) reply: u8,
    /// Those that are sent about other packets today: destination unreachable, packet too big, time exceeded.
    pub(crate) errors: [u8; 3],
}

impl Kinds {
    pub(crate) fn of(protocol: u8) -> Self {
        match protocol {
            58 => Self { request: 128, reply: 129, errors: [1, 2, 3] },
            // Too big is an unreachable one here, with a code.
            _ => Self { request: 8, reply: 0, errors: [3, 3, 11] },
        }
    }
}

/// What would become of errors where a record is of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Errors {
    pub(crate) may_pass: bool,
    pub(crate) may_be_refused: bool,
}

/// Where nobody listens, so that a quoted flow is nobody's: the discard protocol.
const NOBODY: u16 = 9;

/// Where a ping from one side would pass and one from the other would not.
const EITHER: &str = "it may be of pings of either side, and only one side's would pass";

impl Judge {
    /// What is said of messages that are sent through the engine.
    pub(crate) fn of_icmp(&mut self, question: &Question) -> Judgement {
        let opening = self.opening(question);
        let reply = self.reply(question);
        let by_opening = question.explained_by(&opening);
        let by_reply = reply.as_ref().is_ok_and(|reply| question.explained_by(reply));
        let reply = reply.unwrap_or_else(|refused| refused);
        if question.recorded == Some(Action::Accept) && by_opening != by_reply {
            let (explains, other) = if by_opening { (opening, reply) } else { (reply, opening) };
            return if is_of_records(&other) { undecided(EITHER) } else { explains };
        }
        if by_opening {
            return opening;
        }
        if by_reply {
            return reply;
        }
        let ping = self.likelier(question, opening, reply);
        let mut errors = self.acl_errors(question);
        if question.recorded == Some(Action::Reject) && self.is_filtered(question) {
            errors.may_be_refused |= self.stray_is_refused(question);
        }
        self.unexplained(question, ping, errors)
    }

    /// What is made of a record, if pings have this to expect. It may be what was recorded.
    pub(crate) fn unexplained(&self, question: &Question, ping: Judgement, errors: Errors) -> Judgement {
        let Judgement::Decided { action, by } = ping else { return ping };
        match (question.recorded, action) {
            (Some(Action::Accept), Action::Reject) if errors.may_pass => Judgement::OfPings {
                action,
                by,
                otherwise: "it may be of ICMP errors about a flow that passes".to_owned(),
            },
            (Some(Action::Reject), Action::Accept) if errors.may_be_refused => {
                undecided("it may be of ICMP messages that belong to no flow")
            }
            _ => Judgement::Decided { action, by },
        }
    }

    fn is_filtered(&self, question: &Question) -> bool {
        matches!(question.at, LoggedAt::Interface(eni) if self.lab.fabric().eni(eni).is_some_and(|eni| eni.filtered))
    }

    /// Whether an error about nothing, or an answer to it, would be refused.
    fn stray_is_refused(&mut self, question: &Question) -> bool {
        let (src, dst) = (question.header.src, question.header.dst);
        let protocol = question.header.protocol;
        let kinds = Kinds::of(protocol);
        let about = |from: IpAddr, to: IpAddr| {
            build::udp(SocketAddr::new(from, NOBODY), SocketAddr::new(to, NOBODY)).payload(b"data").build()
        };
        for kind in kinds.errors.into_iter().chain([kinds.reply]) {
            self.lab.forget();
            let Some(flow) = self.lab.between((src, 1), (dst, 0), protocol) else { return true };
            let message = match kind {
                kind if kind == kinds.reply => build::echo_reply(flow.src, flow.dst, 1, 1).build(),
                kind => build::icmp_error(flow.src, flow.dst, kind, 0, 0, &about(flow.dst, flow.src)),
            };
            let sent = self.lab.send(flow.ingress, message);
            if !matches!(self.verdict(question, &sent), Judgement::Decided { action: Action::Accept, .. }) {
                return true;
            }
        }
        false
    }
}
