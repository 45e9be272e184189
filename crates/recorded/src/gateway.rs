//! Interfaces without security groups: NAT gateways, regional ones too, and what else AWS runs.
//!
//! A NAT gateway has four kinds of records (W4). Towards its clients their packets have the client's and the remote's address and
//! the ports of the client's flow, so that the flow can be sent. Towards the remote they have the gateway's address and a port
//! that tells no client: only the network ACL and Block Public Access have a say there.

use std::net::IpAddr;

use vpcemu_dataplane::fabric::{Eni, Subject};
use vpcemu_dataplane::flow_log::{LegDirection, LoggedAt};
use vpcemu_dataplane::index::{EniIx, NatIx};
use vpcemu_dataplane::{DropReason, Ingress};
use vpcemu_flowlog::{Action, Decision, Judgement};
use vpcemu_lab::{Conversation, Resolved};
use vpcemu_packet::{FlowKey, TcpFlags};

use crate::Orientation;
use crate::icmp::{Errors, Kinds};
use crate::judge::{Judge, decided};
use crate::question::Question;

impl Judge {
    /// At a NAT gateway.
    pub(crate) fn at_gateway(&mut self, nat: NatIx, question: &Question) -> Judgement {
        let fabric = self.lab.fabric();
        let own = question.own();
        let of_gateway = match question.at {
            LoggedAt::Interface(eni) => !question.own_side_told || fabric.eni(eni).is_some_and(|eni| eni.owns(own)),
            LoggedAt::RegionalNat(_) => {
                fabric.nat(nat).is_some_and(|nat| nat.addresses.iter().any(|address| IpAddr::V4(*address) == own))
            }
        };
        // Who is nobody of the network cannot be made to send.
        if of_gateway || fabric.owners(question.peer()).is_empty() {
            self.outside(nat, question)
        } else {
            self.inside(question)
        }
    }

    /// Towards a client: what it sends, or what answers to that.
    fn inside(&mut self, question: &Question) -> Judgement {
        if question.is_icmp() {
            return self.of_icmp(question);
        }
        match (question.direction, question.orientation, question.handshake) {
            (LegDirection::Egress, ..) => self.reply(question).unwrap_or_else(|refused| refused),
            // A client that answers through the gateway what came to it by another way.
            (LegDirection::Ingress, Orientation::Reply, Some(true)) => self.by_acl_of(question),
            (LegDirection::Ingress, ..) => self.opening(question),
        }
    }

    /// Towards a remote, or where the remote is not told.
    fn outside(&mut self, nat: NatIx, question: &Question) -> Judgement {
        let by_acl = self.by_acl_of(question);
        if matches!(by_acl, Judgement::Decided { action: Action::Reject, .. })
            && question.direction == LegDirection::Egress
        {
            return by_acl;
        }
        self.blocked(nat, question).map_or(by_acl, |by| decided(Action::Reject, by))
    }

    fn by_acl_of(&self, question: &Question) -> Judgement {
        match question.at {
            LoggedAt::Interface(eni) => self.by_acl(eni, question),
            // There is no subnet, and nothing to refuse anything (4.4).
            LoggedAt::RegionalNat(_) => decided(Action::Accept, Decision::default()),
        }
    }

    /// Who refuses it if Block Public Access does (3.15).
    fn blocked(&mut self, nat: NatIx, question: &Question) -> Option<Decision> {
        if !self.lab.fabric().owners(question.peer()).is_empty() {
            return None;
        }
        let FlowKey { src, dst, src_port, dst_port, protocol, .. } = question.header;
        let straight = |ingress| Resolved { ingress, src, src_port, dst, dst_port, protocol };
        let flow = match (question.direction, question.at) {
            (LegDirection::Egress, _) => straight(Ingress::BehindNat(nat)),
            (LegDirection::Ingress, LoggedAt::RegionalNat(_)) => straight(Ingress::Internet),
            (LegDirection::Ingress, _) => self.lab.between((src, src_port), (dst, dst_port), protocol)?,
        };
        self.lab.forget();
        let sent = Conversation::new(flow).send(&mut self.lab, TcpFlags::SYN);
        (sent.reason() == Some(DropReason::BlockPublicAccess)).then(|| self.decision(&sent))
    }

    /// What the network ACL of an interface's subnet says, which knows no flows (6.30, 9.14).
    pub(crate) fn by_acl(&self, eni: EniIx, question: &Question) -> Judgement {
        let ask = |icmp_type| self.ask_acl(eni, question, FlowKey { icmp_type, ..question.header });
        if !question.is_icmp() {
            return ask(0);
        }
        let kinds = Kinds::of(question.header.protocol);
        let (request, reply) = (ask(kinds.request), ask(kinds.reply));
        if question.explained_by(&reply) {
            reply
        } else {
            self.unexplained(question, request, self.acl_errors(question))
        }
    }

    /// What ICMP errors may meet at the network ACL where they are recorded.
    pub(crate) fn acl_errors(&self, question: &Question) -> Errors {
        let LoggedAt::Interface(eni) = question.at else { return Errors { may_pass: true, may_be_refused: false } };
        let verdicts = Kinds::of(question.header.protocol).errors.map(|icmp_type| {
            let said = self.ask_acl(eni, question, FlowKey { icmp_type, ..question.header });
            matches!(said, Judgement::Decided { action: Action::Accept, .. })
        });
        Errors { may_pass: verdicts.contains(&true), may_be_refused: verdicts.contains(&false) }
    }

    fn ask_acl(&self, eni: EniIx, question: &Question, header: FlowKey) -> Judgement {
        let fabric = self.lab.fabric();
        let accept = || decided(Action::Accept, Decision::default());
        let Some(of) = fabric.eni(eni) else { return accept() };
        let Some((subnet, acl)) = fabric.subnet(of.subnet).and_then(|of| Some((of, fabric.acl(of.acl)?))) else {
            return accept();
        };
        let rules = match question.direction {
            LegDirection::Ingress => &acl.ingress,
            LegDirection::Egress => &acl.egress,
        };
        // Within a subnet no network ACL is asked (1.20), but by a transit gateway (7.2).
        if !is_attachment(of) && subnet.contains(question.peer()) {
            return accept();
        }
        let verdict = rules.judge(Subject::of_key(&header), question.peer());
        let at = self.lab.timeline().registry().acls.id(subnet.acl).to_string();
        let rule = verdict.number.map_or_else(|| "*".to_owned(), |number| number.to_string());
        let action = if verdict.allowed { Action::Accept } else { Action::Reject };
        let reason = (!verdict.allowed).then(|| DropReason::NetworkAcl.code().to_owned());
        decided(action, Decision { reason, at: Some(at), rule: Some(rule) })
    }
}

/// Whether it is what a route leads to, of a transit gateway or a Gateway Load Balancer.
fn is_attachment(eni: &Eni) -> bool {
    !eni.listens
}
