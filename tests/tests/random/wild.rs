//! Traffic of the kind that no test would think of.

use std::net::SocketAddr;

use super::{PUBLIC_BLOCK, Topology, Traffic, Walked};
use vpcemu_dataplane::Ingress;
use vpcemu_dataplane::outcome::Outcome;
use vpcemu_packet::{Fragment, TcpFlags, Transport, build};
use vpcemu_tests::{Lab, headers};

/// `Traffic` and what it leaves out: fragments in any order, short quotes, TTLs that run out, packets too large, data out of
/// the blue, calls to public addresses of the model from inside and outside.
pub(crate) struct Wild<'a> {
    pub(crate) usual: Traffic<'a>,
    pending: Vec<(Ingress, Vec<u8>)>,
}

impl<'a> Wild<'a> {
    pub(crate) fn new(topology: &'a Topology, seed: u64) -> Self {
        Self { usual: Traffic::new(topology, seed ^ 0xf00d), pending: Vec::new() }
    }

    /// Nanoseconds until the next packet.
    pub(crate) fn pause(&mut self) -> u64 {
        (self.usual.pause() * 1e9) as u64
    }

    /// Notes a whole packet that was delivered.
    pub(crate) fn saw(&mut self, walked: &Walked) {
        let delivered = matches!(walked.verdict.outcome, Outcome::Delivered { .. });
        if delivered && walked.bytes.len() <= 1000 && headers(&walked.bytes).fragment == Fragment::None {
            if self.usual.arrived.len() >= 100 {
                let forgotten = self.usual.dice.roll(100) as usize;
                self.usual.arrived.swap_remove(forgotten);
            }
            self.usual.arrived.push(walked.bytes.clone());
        }
    }

    pub(crate) fn next(&mut self, lab: &Lab) -> (Ingress, Vec<u8>) {
        if !self.pending.is_empty() && self.usual.dice.chance(70) {
            return self.pending.remove(0);
        }
        match self.usual.dice.roll(14) {
            0..=6 => self.usual.next(lab),
            7 | 8 => self.short_error(lab),
            9 => {
                let (ingress, packet) = self.usual.opening(lab);
                let key = headers(&packet).key();
                let ends = (SocketAddr::new(key.src, key.src_port), SocketAddr::new(key.dst, key.dst_port));
                let flags = TcpFlags::ACK | TcpFlags::PSH;
                (ingress, build::tcp(ends.0, ends.1).flags(flags).seq(7).ack(9).payload(b"data").build())
            }
            10 => self.large(lab),
            11 => {
                let (ingress, packet) = self.usual.opening(lab);
                let key = headers(&packet).key();
                let ends = (SocketAddr::new(key.src, key.src_port), SocketAddr::new(key.dst, key.dst_port));
                let ttl = 1 + self.usual.dice.roll(2) as u8;
                (ingress, build::udp(ends.0, ends.1).ttl(ttl).payload(b"probe").build())
            }
            12 => {
                let gateway = *self.usual.dice.pick(&self.usual.topology.gateways);
                let outside = format!("{PUBLIC_BLOCK}.{}", 1 + self.usual.dice.roll(60)).parse().unwrap();
                (Ingress::Internet, self.usual.first_packet(outside, gateway))
            }
            _ => {
                let topology = self.usual.topology;
                let host = self.usual.dice.pick(&topology.hosts).clone();
                let publics: Vec<_> = topology.hosts.iter().filter_map(|host| host.public).collect();
                let to = if publics.is_empty() { topology.gateways[0] } else { *self.usual.dice.pick(&publics) };
                (Ingress::Interface(lab.eni(&host.name)), self.usual.first_packet(host.v4, to))
            }
        }
    }

    /// An error that quotes no more than RFC 792 asks for, from the receiver or a router.
    fn short_error(&mut self, lab: &Lab) -> (Ingress, Vec<u8>) {
        if self.usual.arrived.is_empty() {
            return self.usual.opening(lab);
        }
        let index = self.usual.dice.roll(self.usual.arrived.len() as u64) as usize;
        let arrived = self.usual.arrived[index].clone();
        let of = headers(&arrived);
        if matches!(of.transport, Transport::IcmpError { .. } | Transport::Icmp { .. }) {
            return self.usual.opening(lab);
        }
        let cut = &arrived[..(usize::from(of.l4) + 8).min(arrived.len())];
        let (router, kind) = if of.dst.is_ipv4() { ("192.0.2.254", 3) } else { ("2001:db8:eeee::254", 1) };
        let from = if self.usual.dice.chance(50) { of.dst } else { router.parse().unwrap() };
        let packet = build::icmp_error(from, of.src, kind, 1, 0, cut);
        let hosts = &self.usual.topology.hosts;
        let sender = hosts.iter().find(|host| host.v4 == from || host.v6 == Some(from));
        (sender.map_or(Ingress::Internet, |host| Ingress::Interface(lab.eni(&host.name))), packet)
    }

    /// More than a link carries: in fragments, or whole with and without DF.
    fn large(&mut self, lab: &Lab) -> (Ingress, Vec<u8>) {
        let (ingress, packet) = self.usual.opening(lab);
        let key = headers(&packet).key();
        let ends = (SocketAddr::new(key.src, key.src_port), SocketAddr::new(key.dst, key.dst_port));
        let id = self.usual.dice.roll(60_000) as u16;
        let size = 1600 + self.usual.dice.roll(1500) as usize;
        let whole = build::udp(ends.0, ends.1).id(id).dont_fragment(self.usual.dice.chance(40));
        let whole = whole.payload(&vec![id as u8; size]).build();
        if key.src.is_ipv6() || self.usual.dice.chance(40) {
            return (ingress, whole);
        }
        let mut pieces = build::fragment(
            &build::udp(ends.0, ends.1).id(id).dont_fragment(false).payload(&vec![7; size]).build(),
            1000,
        );
        match self.usual.dice.roll(4) {
            0 => pieces.reverse(),
            // The first never comes.
            1 => drop(pieces.remove(0)),
            _ => {}
        }
        let first = pieces.remove(0);
        self.pending.extend(pieces.into_iter().map(|piece| (ingress, piece)));
        (ingress, first)
    }
}
