//! A record's flow, sent through the engine by whichever side opened it.

use std::net::SocketAddr;

use vpcemu_dataplane::Component;
use vpcemu_dataplane::flow_log::LoggedAt;
use vpcemu_dataplane::index::EniIx;
use vpcemu_dataplane::outcome::{Rule, StepKind};
use vpcemu_flowlog::{Action, Decision, Judgement};
use vpcemu_lab::{Conversation, Sent};
use vpcemu_packet::{FlowKey, TcpFlags};

use crate::Orientation;
use crate::exchange::{conversation, recorded};
use crate::judge::{Judge, decided, not_passing, undecided};
use crate::question::Question;
use crate::refusal::is_kept_away;

/// Of what was refused though its flow would pass.
const LATE: &str = "it may be of packets that came after their connection was over";

impl Judge {
    /// At an interface with security groups. One that shows its primary address may have meant any of its own.
    pub(crate) fn at_interface(&mut self, eni: EniIx, question: &Question) -> Judgement {
        let mut judgement = self.of_flow(question);
        if question.own_side_told || question.own().is_ipv6() {
            return judgement;
        }
        if question.explained_by(&judgement) && !is_kept_away(&judgement) {
            return judgement;
        }
        let Some(of) = self.lab.fabric().eni(eni) else { return judgement };
        let of_prefix = of.prefixes.iter().any(|net| net.addr().is_ipv4());
        let others: Vec<_> =
            of.addresses.iter().copied().filter(|own| own.is_ipv4() && *own != question.own()).collect();
        for own in others {
            let other = self.of_flow(&question.with_own(own));
            // An address that its packets do not reach cannot have been meant, if others are reached.
            if is_kept_away(&other) {
                continue;
            }
            if question.explained_by(&other) {
                return other;
            }
            if is_kept_away(&judgement) || !matches!(other, Judgement::Decided { .. }) {
                judgement = other;
            }
        }
        if of_prefix && !question.explained_by(&judgement) {
            undecided("it does not tell which of its interface's addresses its packets were for")
        } else {
            judgement
        }
    }

    fn of_flow(&mut self, question: &Question) -> Judgement {
        if question.is_icmp() {
            return self.of_icmp(question);
        }
        let judgement = self.of_ports(question);
        let allowed = matches!(judgement, Judgement::Decided { action: Action::Accept, .. });
        // Connections time out and close elsewhere by other clocks than here: what finds its own gone there may be let pass
        // here, with rules that admit what opens it.
        if question.recorded == Some(Action::Reject) && allowed && question.may_be_late() {
            return undecided(LATE);
        }
        judgement
    }

    /// By whoever the record says opened it, or whoever explains it.
    fn of_ports(&mut self, question: &Question) -> Judgement {
        match question.orientation {
            Orientation::Opening => {
                let opening = self.opening(question);
                // Without flags every refusal is taken for that of what opens.
                if question.handshake == Some(false) { self.unless_late(question, opening) } else { opening }
            }
            Orientation::Reply => self.reply_or_stray(question),
            Orientation::Unknown => {
                let opening = self.opening(question);
                if question.explained_by(&opening) {
                    return opening;
                }
                let reply = self.reply_or_stray(question);
                let other = question.explained_by(&reply) || matches!(reply, Judgement::Undecided(_));
                if other { reply } else { self.likelier(question, opening, reply) }
            }
        }
    }

    /// The packet of the record opens the flow.
    pub(crate) fn opening(&mut self, question: &Question) -> Judgement {
        self.lab.forget();
        let Some(mut conversation) = self.conversation(question.header) else { return not_passing() };
        let sent = conversation.send(&mut self.lab, TcpFlags::SYN);
        self.verdict(question, &sent)
    }

    /// It answers one that the other side opened.
    ///
    /// # Errors
    /// If there is nothing to answer: who refuses the flow before, which is the first refusal on its way and what to look at,
    /// whatever the answer would have met.
    pub(crate) fn reply(&mut self, question: &Question) -> Result<Judgement, Judgement> {
        self.lab.forget();
        let Some(mut conversation) = self.conversation(question.header.reversed()) else { return Ok(not_passing()) };
        let opened = conversation.send(&mut self.lab, TcpFlags::SYN);
        match conversation.answer(&mut self.lab, TcpFlags::SYN | TcpFlags::ACK) {
            Ok(sent) => Ok(self.verdict(question, &sent)),
            Err(_) => Err(decided(Action::Reject, self.decision(&opened))),
        }
    }

    fn reply_or_stray(&mut self, question: &Question) -> Judgement {
        match self.reply(question) {
            Ok(reply) => self.unless_late(question, reply),
            // Whoever answers all the same has no state to be let through by.
            Err(_) if question.recorded == Some(Action::Reject) => self.stray(question),
            Err(refused) => refused,
        }
    }

    /// What was refused and would be let pass as part of its flow may have come when that was over (9.5, W13). With flags it
    /// is: a connection whose first packets are refused has no others.
    fn unless_late(&mut self, question: &Question, judgement: Judgement) -> Judgement {
        let allowed = matches!(judgement, Judgement::Decided { action: Action::Accept, .. });
        if question.recorded != Some(Action::Reject) || !allowed || question.handshake == Some(true) {
            return judgement;
        }
        let stray = self.stray(question);
        match (question.explained_by(&stray), question.handshake) {
            (false, _) => judgement,
            (true, Some(_)) => stray,
            (true, None) => undecided(LATE),
        }
    }

    /// It belongs to nothing.
    fn stray(&mut self, question: &Question) -> Judgement {
        self.lab.forget();
        let Some(mut conversation) = self.conversation(question.header) else { return not_passing() };
        let sent = conversation.send(&mut self.lab, TcpFlags::SYN | TcpFlags::ACK);
        self.verdict(question, &sent)
    }

    /// Who talks to whom.
    fn conversation(&self, header: FlowKey) -> Option<Conversation> {
        let FlowKey { src, dst, src_port, dst_port, protocol, .. } = header;
        conversation(&self.lab, SocketAddr::new(src, src_port), SocketAddr::new(dst, dst_port), protocol)
    }

    /// What is recorded of a packet where the record is of.
    pub(crate) fn verdict(&self, question: &Question, sent: &Sent) -> Judgement {
        if sent.injected.is_none() {
            return not_passing();
        }
        match recorded(&self.lab, sent, question.at, question.direction) {
            Some(Action::Accept) => decided(Action::Accept, self.let_pass_by(question, sent)),
            Some(Action::Reject) => decided(Action::Reject, self.decision(sent)),
            // It never gets there.
            None if sent.denial().is_some() => decided(Action::Reject, self.decision(sent)),
            None => not_passing(),
        }
    }

    /// Who dropped a packet.
    pub(crate) fn decision(&self, sent: &Sent) -> Decision {
        let names = self.lab.names();
        let Some(denial) = sent.denial() else { return Decision::default() };
        Decision {
            reason: Some(denial.reason.code().to_owned()),
            at: denial.at.map(|at| names.component(at).to_owned()),
            rule: denial.rule.and_then(|rule| names.rule_text(rule)),
        }
    }

    /// The group rule by which an interface let it pass.
    fn let_pass_by(&self, question: &Question, sent: &Sent) -> Decision {
        let names = self.lab.names();
        let LoggedAt::Interface(eni) = question.at else { return Decision::default() };
        let at = Component::Interface(eni);
        let group = (at, StepKind::SecurityGroup, Some(question.direction.into()));
        let step = sent.steps.iter().find(|step| (step.at, step.kind, step.direction) == group);
        let rule = step.and_then(|step| step.rule).filter(|rule| matches!(rule, Rule::SecurityGroup(_)));
        Decision {
            reason: None,
            at: Some(names.component(at).to_owned()),
            rule: rule.and_then(|rule| names.rule_text(rule)),
        }
    }
}
