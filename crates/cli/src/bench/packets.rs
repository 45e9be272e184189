//! Packets that are ready to be pushed through an engine again and again.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use vpcemu_dataplane::{Ingress, Timeline};
use vpcemu_model::Network;
use vpcemu_traffic::reference::Span;

/// Packets in a loop: bytes one after the other, and when each is sent.
#[derive(Debug, Default)]
pub(crate) struct Packets {
    pub(crate) bytes: Vec<u8>,
    pub(crate) items: Vec<Item>,
    /// How long one loop takes, in nanoseconds.
    pub(crate) period: u64,
}

/// One packet of a loop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    pub(crate) span: Span,
    /// As for the engine.
    pub(crate) ingress: Option<Ingress>,
    /// Since the loop began, in nanoseconds.
    pub(crate) after: u64,
    /// Whether it is the first of a flow that the engine does not know, each time it comes.
    pub(crate) opens: bool,
}

/// The most bytes of packets that a loop may have: spans are of 32 bits, and there is to be room for flows, too.
pub(crate) const MAX_BYTES: usize = 2 << 30;

impl Packets {
    /// Adds a packet. False if there is no room.
    pub(crate) fn push(&mut self, datagram: &[u8], ingress: Option<Ingress>, after: u64, opens: bool) -> bool {
        if self.bytes.len() + datagram.len() > MAX_BYTES {
            return false;
        }
        let span = Span { start: self.bytes.len() as u32, len: datagram.len() as u32 };
        self.bytes.extend_from_slice(datagram);
        self.items.push(Item { span, ingress, after, opens });
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// The datagrams, in order.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.items.iter().map(|item| &self.bytes[item.span.range()])
    }

    /// The loop dealt out: packets for which `worker` gives the same number, in order.
    pub(crate) fn dealt(self: &Arc<Self>, workers: usize, worker: impl Fn(&[u8]) -> usize) -> Vec<Arc<Self>> {
        if workers == 1 {
            return vec![Arc::clone(self)];
        }
        (0..workers).map(|number| Arc::new(self.only(|datagram| worker(datagram) == number))).collect()
    }

    /// Some of the packets.
    pub(crate) fn only(&self, wanted: impl Fn(&[u8]) -> bool) -> Self {
        let mut some = Self { period: self.period, ..Self::default() };
        for (item, datagram) in self.items.iter().zip(self.datagrams()) {
            if wanted(datagram) {
                // All of it fitted into one loop.
                some.push(datagram, item.ingress, item.after, item.opens);
            }
        }
        some
    }
}

/// Interfaces by their addresses: where packets of a source enter.
#[derive(Debug, Default)]
pub(crate) struct Entrances(HashMap<IpAddr, Ingress>);

impl Entrances {
    pub(crate) fn new(network: &Network, timeline: &Timeline) -> Self {
        let enis = &timeline.registry().enis;
        let known = network.interfaces.iter().filter_map(|eni| Some((eni, Ingress::Interface(enis.find(&eni.id)?))));
        Self(known.flat_map(|(eni, ingress)| eni.addresses().map(move |address| (address, ingress))).collect())
    }

    /// What belongs to nobody comes from the internet.
    pub(crate) fn of(&self, source: IpAddr) -> Ingress {
        self.0.get(&source).copied().unwrap_or(Ingress::Internet)
    }
}
