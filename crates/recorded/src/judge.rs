//! Records judged by a configuration: each flow is sent through the engine, and what would be recorded of it is compared.

use std::net::IpAddr;

use hashbrown::HashMap;
use vpcemu_dataplane::fabric::{Eni, Subject};
use vpcemu_dataplane::flow_log::{self, LegDirection, LoggedAt, Passage, legs};
use vpcemu_dataplane::index::EniIx;
use vpcemu_dataplane::outcome::{Rule, StepKind};
use vpcemu_dataplane::{Component, Options};
use vpcemu_flowlog::{Action, Decision, FlowDirection, Judgement, LogStatus, Record};
use vpcemu_lab::{Conversation, Lab, Sent};
use vpcemu_model::Network;
use vpcemu_packet::{FlowKey, TcpFlags};

use crate::Orientation;

/// Judgements that are remembered: the same flow is recorded window after window. Some 100 MB when full.
const REMEMBERED: usize = 500_000;

/// Says of records what a configuration would have recorded.
#[derive(Debug)]
pub struct Judge {
    lab: Lab,
    remembered: HashMap<Question, Judgement, foldhash::fast::FixedState>,
}

/// A flow as an interface saw it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Question {
    at: LoggedAt,
    direction: LegDirection,
    header: FlowKey,
    orientation: Orientation,
    /// What was recorded: where a record does not say who opened its flow, either that explains it will do.
    recorded: Option<Action>,
}

impl Judge {
    /// A judge who goes by one network.
    pub fn new(network: Network) -> Self {
        Self { lab: Lab::of(vec![network], Options::default()), remembered: HashMap::default() }
    }

    /// What the configuration says of a record's flow at the interface that recorded it.
    pub fn judge(&mut self, record: &Record) -> Judgement {
        let question = match self.question(record) {
            Ok(question) => question,
            Err(why) => return Judgement::Undecided(why.to_owned()),
        };
        if let Some(known) = self.remembered.get(&question) {
            return known.clone();
        }
        let judgement = self.decide(&question);
        if self.remembered.len() >= REMEMBERED {
            self.remembered.clear();
        }
        self.remembered.insert(question, judgement.clone());
        judgement
    }

    /// What a record asks, or why that cannot be told.
    fn question(&self, record: &Record) -> Result<Question, &'static str> {
        if record.log_status != Some(LogStatus::Ok) && record.log_status.is_some() {
            return Err("it is of a window without data");
        }
        let missing = "it lacks an address, a port or the protocol";
        let src = record.pkt_srcaddr.or(record.srcaddr).ok_or(missing)?;
        let dst = record.pkt_dstaddr.or(record.dstaddr).ok_or(missing)?;
        let protocol = record.protocol.ok_or(missing)?;
        let (src_port, dst_port) = (record.srcport.ok_or(missing)?, record.dstport.ok_or(missing)?);
        let at = self.place(record).ok_or("its interface is not in the configuration")?;
        let direction = self.direction(record, at).ok_or("it does not say which way the packets went")?;
        let icmp_type = match protocol {
            1 => 8,
            58 => 128,
            _ => 0,
        };
        let header = FlowKey { src, dst, src_port, dst_port, protocol, icmp_type };
        Ok(Question { at, direction, header, orientation: Orientation::of(record), recorded: record.action })
    }

    /// Who recorded it: by its id, or as the one who has an address of it.
    fn place(&self, record: &Record) -> Option<LoggedAt> {
        let registry = self.lab.timeline().registry();
        if let Some(resource) = &record.resource_id {
            return registry.nats.find(&(&**resource).into()).map(LoggedAt::RegionalNat);
        }
        let fabric = self.lab.fabric();
        if let Some(id) = &record.interface_id {
            let found = registry.enis.find(&(&**id).into()).filter(|eni| fabric.eni(*eni).is_some());
            return found.map(LoggedAt::Interface);
        }
        let holder = |address: IpAddr| match &fabric.owners(address)[..] {
            [one] => Some(*one),
            _ => None,
        };
        let (src, dst) = (record.srcaddr.and_then(holder), record.dstaddr.and_then(holder));
        // Of a flow within the VPC the direction tells which of the two.
        let found = match (record.flow_direction, src, dst) {
            (Some(FlowDirection::Egress), src, _) => src,
            (Some(FlowDirection::Ingress), _, dst) => dst,
            (None, Some(one), None) | (None, None, Some(one)) => Some(one),
            (None, ..) => None,
        };
        found.map(LoggedAt::Interface)
    }

    fn direction(&self, record: &Record, at: LoggedAt) -> Option<LegDirection> {
        match record.flow_direction {
            Some(FlowDirection::Egress) => return Some(LegDirection::Egress),
            Some(FlowDirection::Ingress) => return Some(LegDirection::Ingress),
            None => {}
        }
        let LoggedAt::Interface(eni) = at else { return None };
        let eni = self.lab.fabric().eni(eni)?;
        // The interface's own side shows its own address (9.10).
        let own = |address: Option<IpAddr>| address.is_some_and(|address| eni.owns(address));
        match (own(record.srcaddr), own(record.dstaddr)) {
            (true, false) => Some(LegDirection::Egress),
            (false, true) => Some(LegDirection::Ingress),
            _ => None,
        }
    }

    fn decide(&mut self, question: &Question) -> Judgement {
        match question.at {
            // Neither groups nor network ACLs are there to refuse anything (4.4).
            LoggedAt::RegionalNat(_) => decided(Action::Accept, Decision::default()),
            LoggedAt::Interface(eni) => match self.lab.fabric().eni(eni) {
                Some(of) if of.nat.is_some() || !of.filtered => self.at_gateway(of, question),
                _ => self.at_interface(eni, question),
            },
        }
    }

    /// At the interface of a gateway the network ACL of its subnet decides alone, and it knows no flows (6.30, 9.14).
    fn at_gateway(&self, eni: &Eni, question: &Question) -> Judgement {
        let fabric = self.lab.fabric();
        let accept = || decided(Action::Accept, Decision::default());
        let Some((subnet, acl)) = fabric.subnet(eni.subnet).and_then(|of| Some((of, fabric.acl(of.acl)?))) else {
            return accept();
        };
        let (rules, peer) = match question.direction {
            LegDirection::Ingress => (&acl.ingress, question.header.src),
            LegDirection::Egress => (&acl.egress, question.header.dst),
        };
        // Within a subnet no network ACL is asked (1.20), but by a transit gateway (7.2).
        if eni.nat.is_some() && subnet.contains(peer) {
            return accept();
        }
        let verdict = rules.judge(Subject::of_key(&question.header), peer);
        let at = self.lab.timeline().registry().acls.id(subnet.acl).to_string();
        let rule = verdict.number.map_or_else(|| "*".to_owned(), |number| number.to_string());
        let action = if verdict.allowed { Action::Accept } else { Action::Reject };
        let reason = (!verdict.allowed).then(|| "SUBNET_ACL_RESTRICTION".to_owned());
        decided(action, Decision { reason, at: Some(at), rule: Some(rule) })
    }

    /// Anywhere else the flow is sent, by whichever side opened it.
    fn at_interface(&mut self, eni: EniIx, question: &Question) -> Judgement {
        match question.orientation {
            Orientation::Opening => self.opening(eni, question),
            Orientation::Reply => self.reply(eni, question),
            Orientation::Unknown => {
                let opening = self.opening(eni, question);
                let explains = |it: &Judgement| matches!(it, Judgement::Decided { action, .. } if Some(*action) == question.recorded);
                if explains(&opening) {
                    return opening;
                }
                let reply = self.reply(eni, question);
                if explains(&reply) { reply } else { opening }
            }
        }
    }

    /// The packet of the record opens the flow.
    fn opening(&mut self, eni: EniIx, question: &Question) -> Judgement {
        self.lab.forget();
        let header = question.header;
        let Some(mut conversation) = self.conversation(header) else { return undecided() };
        let sent = conversation.send(&mut self.lab, TcpFlags::SYN);
        self.verdict_at(eni, question.direction, &sent)
    }

    /// It answers one that the other side opened.
    fn reply(&mut self, eni: EniIx, question: &Question) -> Judgement {
        self.lab.forget();
        let Some(mut conversation) = self.conversation(question.header.reversed()) else { return undecided() };
        let opened = conversation.send(&mut self.lab, TcpFlags::SYN);
        match conversation.answer(&mut self.lab, TcpFlags::SYN | TcpFlags::ACK) {
            Ok(sent) => self.verdict_at(eni, question.direction, &sent),
            // There is nothing to answer, and whoever answers all the same has no state to be let through by.
            Err(_) if question.recorded == Some(Action::Reject) => self.stray(eni, question),
            Err(_) => decided(Action::Reject, self.decision(&opened)),
        }
    }

    /// It belongs to nothing.
    fn stray(&mut self, eni: EniIx, question: &Question) -> Judgement {
        self.lab.forget();
        let Some(mut conversation) = self.conversation(question.header) else { return undecided() };
        let sent = conversation.send(&mut self.lab, TcpFlags::SYN | TcpFlags::ACK);
        self.verdict_at(eni, question.direction, &sent)
    }

    /// Who talks to whom: pings have an identifier where records have a port of 0.
    fn conversation(&self, header: FlowKey) -> Option<Conversation> {
        let src_port = if matches!(header.protocol, 1 | 58) { 1 } else { header.src_port };
        let FlowKey { src, dst, dst_port, protocol, .. } = header;
        self.lab.between((src, src_port), (dst, dst_port), protocol).map(Conversation::new)
    }

    /// What an interface records of a packet.
    fn verdict_at(&self, eni: EniIx, direction: LegDirection, sent: &Sent) -> Judgement {
        let Some(injected) = sent.injected else { return undecided() };
        let passage =
            Passage { injected, length: sent.length, made_by: None, steps: &sent.steps, outcome: sent.verdict.outcome };
        let passed = legs(self.lab.fabric(), passage);
        let leg = passed
            .iter()
            .map(|passed| passed.leg)
            .find(|leg| leg.at == LoggedAt::Interface(eni) && leg.direction == direction);
        match leg.map(|leg| leg.action) {
            Some(flow_log::Action::Accept) => decided(Action::Accept, self.rule_at(eni, direction, sent)),
            Some(flow_log::Action::Reject) => decided(Action::Reject, self.decision(sent)),
            // It never gets there.
            None if sent.denial().is_some() => decided(Action::Reject, self.decision(sent)),
            None => undecided(),
        }
    }

    /// Who dropped a packet.
    fn decision(&self, sent: &Sent) -> Decision {
        let names = self.lab.names();
        let Some(denial) = sent.denial() else { return Decision::default() };
        Decision {
            reason: Some(denial.reason.code().to_owned()),
            at: denial.at.map(|at| names.component(at).to_owned()),
            rule: denial.rule.and_then(|rule| names.rule_text(rule)),
        }
    }

    /// The group rule by which an interface let it pass.
    fn rule_at(&self, eni: EniIx, direction: LegDirection, sent: &Sent) -> Decision {
        let names = self.lab.names();
        let at = Component::Interface(eni);
        let step = sent
            .steps
            .iter()
            .find(|step| (step.at, step.kind, step.direction) == (at, StepKind::SecurityGroup, Some(direction.into())));
        let rule = step.and_then(|step| step.rule).filter(|rule| matches!(rule, Rule::SecurityGroup(_)));
        Decision {
            reason: None,
            at: Some(names.component(at).to_owned()),
            rule: rule.and_then(|rule| names.rule_text(rule)),
        }
    }
}

fn decided(action: Action, by: Decision) -> Judgement {
    Judgement::Decided { action, by }
}

fn undecided() -> Judgement {
    Judgement::Undecided("its packets would not pass the interface that recorded it".to_owned())
}
