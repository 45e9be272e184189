//! From the steps of a walk to the interfaces that the packet passed.

use std::net::IpAddr;

use smallvec::SmallVec;
use vpcemu_packet::FlowKey;

use super::{Action, Leg, LegDirection, LoggedAt};
use crate::fabric::{Attached, Fabric, Neighbor, NextHop};
use crate::index::{EniIx, NatIx, SubnetIx, TableIx};
use crate::outcome::{Component, Denial, Direction, Outcome, Rule, Step, StepKind};
use crate::reason::DropReason;

/// `traffic-path` (9.11). What does not tell an internet gateway from a gateway endpoint, 2, is never used.
mod path {
    /// Through another resource of the same VPC, or one that AWS manages.
    pub(super) const SAME_VPC: u8 = 1;
    pub(super) const VPN_GATEWAY: u8 = 3;
    pub(super) const PEERING: u8 = 4;
    pub(super) const PEERING_OF_ANOTHER_REGION: u8 = 5;
    pub(super) const GATEWAY_ENDPOINT: u8 = 7;
    /// Of egress-only gateways too.
    pub(super) const INTERNET_GATEWAY: u8 = 8;
}

/// A packet's way, as its walk tells it.
#[derive(Clone, Copy, Debug)]
pub struct Passage<'a> {
    /// Its key before the first step.
    pub injected: FlowKey,
    /// Its IP total length there.
    pub length: u32,
    /// Who made it, if it came from no interface.
    pub made_by: Option<Component>,
    /// Its steps.
    pub steps: &'a [Step],
    /// What became of it.
    pub outcome: Outcome,
}

/// An interface that a packet passed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Passed {
    /// Where, and what was said of it.
    pub leg: Leg,
    /// Its IP total length there: a packet that becomes one of the other IP version changes it (4.33).
    pub length: u32,
}

/// Every interface that a packet passed, in order.
pub fn legs(fabric: &Fabric, passage: Passage<'_>) -> SmallVec<[Passed; 4]> {
    let Passage { injected, length, .. } = passage;
    let mut tracer = Tracer { fabric, legs: SmallVec::new(), leaving: None, next: None, header: injected, length };
    if let Some(Component::NatGateway(nat)) = passage.made_by {
        tracer.out_of_gateway(nat, injected);
    }
    for step in passage.steps {
        tracer.step(step);
        (tracer.header, tracer.length) = (step.key, step.length);
    }
    if let Outcome::Dropped(Denial { reason: DropReason::BlockPublicAccess, .. }) = passage.outcome {
        tracer.blocked();
    }
    tracer.legs
}

struct Tracer<'a> {
    fabric: &'a Fabric,
    legs: SmallVec<[Passed; 4]>,
    /// The leg of the interface that the packet has left and that what follows is to be told of.
    leaving: Option<usize>,
    /// Where the last route led.
    next: Option<NextHop>,
    header: FlowKey,
    length: u32,
}

impl Tracer<'_> {
    fn step(&mut self, step: &Step) {
        match (step.kind, step.at, step.direction) {
            (StepKind::SecurityGroup, Component::Interface(eni), Some(Direction::Egress)) => {
                self.leave(LoggedAt::Interface(eni), step.key, step.allowed);
            }
            (StepKind::SecurityGroup, Component::Interface(eni), Some(Direction::Ingress)) => {
                self.arrive(LoggedAt::Interface(eni), step.key, step.allowed);
            }
            (StepKind::NetworkAcl, _, Some(Direction::Egress)) => {
                // Of transit gateways' interfaces there is no other sign.
                if self.leaving.is_none()
                    && let Some(eni) = step.subnet.and_then(|subnet| self.attachment_in(subnet))
                {
                    self.leave(LoggedAt::Interface(eni), step.key, true);
                }
                if let (false, Some(leg)) = (step.allowed, self.leaving) {
                    self.legs[leg].leg.action = Action::Reject;
                }
            }
            (StepKind::NetworkAcl, _, Some(Direction::Ingress)) => {
                let Some(subnet) = step.subnet else { return };
                let attachment = || matches!(self.next, Some(NextHop::Edge(_))).then(|| self.attachment_in(subnet));
                match attachment().flatten() {
                    Some(eni) => self.arrive(LoggedAt::Interface(eni), step.key, step.allowed),
                    None if !step.allowed => {
                        if let Some(at) = self.receiver(subnet, step.key.dst) {
                            self.arrive(at, step.key, false);
                        }
                    }
                    None => {}
                }
            }
            (StepKind::Route, Component::RouteTable(table), _) => self.route(table, step),
            (StepKind::Nat, Component::NatGateway(nat), _) => {
                self.arrive(self.gateway(nat), self.header, true);
                if step.allowed {
                    self.length = step.length;
                    self.out_of_gateway(nat, step.key);
                }
            }
            _ => {}
        }
    }

    fn route(&mut self, table: TableIx, step: &Step) {
        let Some(Rule::Route(route)) = step.rule else { return };
        let next = self.fabric.table(table).and_then(|table| table.routes().nth(route as usize)).map(|(_, next)| next);
        self.next = next;
        if let (Some(leg), Some(next)) = (self.leaving, next) {
            let accepted = self.legs[leg].leg.action == Action::Accept;
            self.legs[leg].leg.path = self.path(next).filter(|_| accepted);
        }
    }

    fn path(&self, next: NextHop) -> Option<u8> {
        match next {
            NextHop::InternetGateway(_) | NextHop::EgressOnly(_) => Some(path::INTERNET_GATEWAY),
            NextHop::Endpoint(_) => Some(path::GATEWAY_ENDPOINT),
            NextHop::Local | NextHop::Interface(_) | NextHop::NatGateway(_) => Some(path::SAME_VPC),
            NextHop::Blackhole => None,
            NextHop::Edge(edge) => Some(match self.fabric.edge(edge) {
                Some(Neighbor::Peering(peering)) if peering.inter_region => path::PEERING_OF_ANOTHER_REGION,
                Some(Neighbor::Peering(_)) => path::PEERING,
                Some(Neighbor::VpnGateway(_)) => path::VPN_GATEWAY,
                _ => path::SAME_VPC,
            }),
        }
    }

    fn leave(&mut self, at: LoggedAt, header: FlowKey, allowed: bool) {
        let shown = (self.own(at, header.src), header.dst);
        self.leaving = Some(self.legs.len());
        self.next = None;
        self.push(at, LegDirection::Egress, header, shown, allowed, None);
    }

    fn out_of_gateway(&mut self, nat: NatIx, header: FlowKey) {
        self.leave(self.gateway(nat), header, true);
    }

    fn arrive(&mut self, at: LoggedAt, header: FlowKey, allowed: bool) {
        let shown = (header.src, self.own(at, header.dst));
        let sender = self.leaving.take();
        let from = sender.map(|leg| self.legs[leg].leg.at);
        if let (Some(leg), LoggedAt::Interface(eni)) = (sender, at) {
            let leg = &mut self.legs[leg].leg;
            leg.next = Some(eni);
            // Within a subnet no table is asked (1.20).
            if leg.action == Action::Accept {
                leg.path = leg.path.or(Some(path::SAME_VPC));
            }
        }
        self.next = None;
        let from = match from {
            Some(LoggedAt::Interface(eni)) => Some(eni),
            _ => None,
        };
        self.push(at, LegDirection::Ingress, header, shown, allowed, from);
    }

    fn push(
        &mut self,
        at: LoggedAt,
        direction: LegDirection,
        header: FlowKey,
        shown: (IpAddr, IpAddr),
        allowed: bool,
        next: Option<EniIx>,
    ) {
        let action = if allowed { Action::Accept } else { Action::Reject };
        let leg = Leg { at, direction, action, blocked: false, header, shown, path: None, next };
        self.legs.push(Passed { leg, length: self.length });
    }

    /// Block Public Access refused the packet: who sent it says so, or who would have got it.
    fn blocked(&mut self) {
        if let Some(leg) = self.leaving {
            let leg = &mut self.legs[leg].leg;
            (leg.action, leg.blocked, leg.path) = (Action::Reject, true, None);
            return;
        }
        // The gateway refuses it before it translates.
        let mut header = self.header;
        let mut receiver = self.fabric.owners(header.dst).first().copied();
        if let IpAddr::V4(public) = header.dst
            && let Some(owner) = self.fabric.public(public)
        {
            receiver = owner.eni();
            header.dst = IpAddr::V4(owner.private);
        }
        let Some(eni) = receiver else { return };
        self.arrive(LoggedAt::Interface(eni), header, false);
        if let Some(last) = self.legs.last_mut() {
            last.leg.blocked = true;
        }
    }

    /// A NAT gateway, as it logs.
    fn gateway(&self, nat: NatIx) -> LoggedAt {
        let eni = self.fabric.nat(nat).and_then(|gateway| gateway.eni());
        eni.map_or(LoggedAt::RegionalNat(nat), LoggedAt::Interface)
    }

    /// The address that records show for an interface's own side.
    fn own(&self, at: LoggedAt, real: IpAddr) -> IpAddr {
        let LoggedAt::Interface(eni) = at else { return real };
        let Some(eni) = self.fabric.eni(eni) else { return real };
        // An IPv6 address is shown as it is, if it is the interface's (9b).
        if real.is_ipv6() && eni.owns(real) { real } else { eni.primary(real).unwrap_or(real) }
    }

    /// Whom a packet was for that a subnet did not let in.
    fn receiver(&self, subnet: SubnetIx, destination: IpAddr) -> Option<LoggedAt> {
        match self.next {
            Some(NextHop::NatGateway(nat)) => Some(self.gateway(nat)),
            Some(NextHop::Interface(eni)) => Some(LoggedAt::Interface(eni)),
            _ => {
                let vpc = self.fabric.subnet(subnet)?.vpc;
                self.fabric.owner(vpc, destination).map(LoggedAt::Interface)
            }
        }
    }

    /// The interface of a transit gateway in a subnet.
    fn attachment_in(&self, subnet: SubnetIx) -> Option<EniIx> {
        let attached = self.fabric.edges().filter_map(|(_, edge)| match edge {
            Neighbor::Attachment(attachment) => match &attachment.to {
                Attached::Vpc(of) => Some(of),
                Attached::Outside { .. } => None,
            },
            _ => None,
        });
        let mut interfaces = attached.flat_map(|of| of.zones.iter().map(|(_, eni)| *eni));
        interfaces.find(|eni| self.fabric.eni(*eni).is_some_and(|eni| eni.subnet == subnet))
    }
}
