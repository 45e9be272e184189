//! A probe sent through one configuration.

use std::net::SocketAddr;

use vpcemu_dataplane::index::{EdgeIx, EniIx};
use vpcemu_lab::{Conversation, Flow, Ingress, Lab, Resolved, Sent, TcpFlags, build};
use vpcemu_model::Id;

use super::plan::{CLIENT_PORT, Plan};
use super::{Beginning, Probe, What};
use crate::{Pair, Which};

/// One configuration, with where probes begin in it.
pub(super) struct Bench {
    pub(super) lab: Lab,
    members: Vec<Option<EniIx>>,
    edges: Vec<Option<EdgeIx>>,
}

impl Bench {
    pub(super) fn new(lab: Lab, pair: &Pair, which: Which, plan: &Plan) -> Self {
        let side = usize::from(which == Which::New);
        let registry = lab.timeline().registry();
        let members = plan.members.iter().map(|it| it.ids[side].as_ref().and_then(|id| registry.enis.find(id)));
        let edge = |name: &String| {
            let here = registry.edges.iter().find(|(_, id)| pair.canonical(which, id.as_str()) == name);
            here.map(|(edge, _)| edge).or_else(|| registry.edges.find(&Id::new(name.as_str())))
        };
        let (members, edges) = (members.collect(), plan.edges.iter().map(edge).collect());
        Self { members, edges, lab }
    }

    fn ingress(&self, from: Beginning) -> Option<Ingress> {
        match from {
            Beginning::Member(member) => self.members[member].map(Ingress::Interface),
            Beginning::Internet => Some(Ingress::Internet),
            Beginning::Edge(edge) => self.edges[edge].map(Ingress::Edge),
        }
    }

    /// The packets of a conversation in a fresh state: none if it begins nowhere here, fewer where one did not arrive.
    pub(super) fn exchange(&mut self, probe: Probe) -> Vec<Sent> {
        let Some(ingress) = self.ingress(probe.from) else { return Vec::new() };
        self.lab.forget();
        let Probe { src, dst, what, .. } = probe;
        let of = |protocol, src_port, dst_port| Resolved { ingress, src, src_port, dst, dst_port, protocol };
        let flow = match what {
            What::Ported { protocol, from, to } => of(protocol, from, to),
            What::Echo => of(if src.is_ipv6() { 58 } else { Flow::ICMP }, CLIENT_PORT, 0),
            What::Icmp { kind, code } => {
                let message = match is_error(src.is_ipv6(), kind) {
                    // It has to be about something: a segment that the other end never sent.
                    true => {
                        let quoted = build::tcp(SocketAddr::new(dst, CLIENT_PORT), SocketAddr::new(src, CLIENT_PORT));
                        build::icmp_error(src, dst, kind, code, 0, &quoted.build())
                    }
                    false => build::icmp_message(src, dst, kind, code, 0).build(),
                };
                return vec![self.lab.send(ingress, message)];
            }
            What::Protocol(number @ (1 | 58)) => {
                // The ICMP of the other IP version: only its number means anything.
                return vec![self.lab.send(ingress, build::protocol(src, dst, number, &[0; 8]).build())];
            }
            What::Protocol(number) => of(number, 0, 0),
        };
        let mut conversation = Conversation::new(flow);
        let mut sent = vec![conversation.send(&mut self.lab, TcpFlags::SYN)];
        if let Ok(answer) = conversation.answer(&mut self.lab, TcpFlags::SYN | TcpFlags::ACK) {
            let answered = answer.is_delivered();
            sent.push(answer);
            if answered && flow.protocol == Flow::TCP {
                sent.push(conversation.send(&mut self.lab, TcpFlags::ACK));
            }
        }
        sent
    }
}

/// Whether an ICMP message quotes the packet that it is about (RFC 1122 3.2.2, RFC 4443 2.1).
fn is_error(ipv6: bool, kind: u8) -> bool {
    if ipv6 { matches!(kind, 1..=4) } else { matches!(kind, 3..=5 | 11 | 12) }
}
