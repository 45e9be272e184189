//! Scenarios: a network by name, a packet in, the very packet that must come out, and exactly the counters that may move.
//!
//! ```
//! use vpcemu_tests::scenario::*;
//!
//! let mut s = NAT.start();
//! let out = s.leave("one", udp("one:5353 > dns:53")).to("internet", |p| p.src("nat:*").hop()).counts(OUT + OPENED);
//! s.arrive(out.reply()).to("one", |p| p.dst("one:5353").hop()).counts(BACK);
//! ```
//!
//! Every step ends with what it counts: counters that were not named must not have moved since the step before, and every
//! packet that comes out is compared byte by byte and has right checksums.

mod bytes;
mod conversation;
mod counts;
mod datagram;
mod networks;
mod step;

use vpcemu_dataplane::{DropReason, Ingress, Midstream, Options};
use vpcemu_model::native;
use vpcemu_packet::Offloads;

use crate::{Lab, Sent};

pub use conversation::{Conversation, connected};
pub use counts::*;
pub use datagram::{Datagram, error, icmp, ping, pong, protocol, tcp, udp};
pub use networks::{EIGW, EIP_PAIR, NAT, NAT_INSTANCE, Net, TWO_NAT_IPS};
pub use step::{Many, Seen, Step};

/// A scenario under way.
#[derive(Debug)]
pub struct Scenario {
    lab: Lab,
    /// Drops by reason, which the laboratory does not count.
    dropped: Counts,
    /// What was counted when the last step was over.
    settled: Counts,
}

impl Scenario {
    /// Configurations that follow each other; [`Scenario::switch`] puts the next one into force. The first one says how
    /// packets are judged.
    #[track_caller]
    pub fn through(nets: &[Net]) -> Self {
        let parse = |net: &Net| native::parse("scenario.toml", &net.text()).unwrap_or_else(|error| panic!("{error}"));
        let networks: Vec<_> = nets.iter().map(|net| parse(net).network).collect();
        let (offloads, midstream) =
            nets.first().map_or((Offloads::Tolerate, Midstream::Adopt), |net| (net.offloads, net.midstream));
        let coalesced_tcp = offloads == Offloads::Tolerate;
        let mut lab = Lab::of(&networks, Options { midstream, coalesced_tcp, ..Options::default() });
        lab.offloads(offloads);
        Self { lab, dropped: NOTHING, settled: NOTHING }
    }

    /// A packet leaves an instance.
    #[track_caller]
    pub fn leave(&mut self, instance: &str, datagram: Datagram) -> Step<'_> {
        let eni = self.lab.eni(instance);
        self.enter(Ingress::Interface(eni), datagram)
    }

    /// A packet comes from the internet.
    #[track_caller]
    pub fn arrive(&mut self, datagram: Datagram) -> Step<'_> {
        self.enter(Ingress::Internet, datagram)
    }

    /// A packet enters anywhere.
    #[track_caller]
    pub fn enter(&mut self, ingress: Ingress, datagram: Datagram) -> Step<'_> {
        let sent = self.lab.enter(ingress, datagram.bytes());
        self.note(&sent);
        let later = self.later();
        Step::new(self, datagram, sent, later)
    }

    /// Packets leave an instance, one after the other.
    #[track_caller]
    pub fn leave_each(&mut self, instance: &str, datagrams: impl IntoIterator<Item = Datagram>) -> Many<'_> {
        let eni = self.lab.eni(instance);
        self.enter_each(Ingress::Interface(eni), datagrams)
    }

    /// Packets come from the internet, one after the other.
    #[track_caller]
    pub fn arrive_each(&mut self, datagrams: impl IntoIterator<Item = Datagram>) -> Many<'_> {
        self.enter_each(Ingress::Internet, datagrams)
    }

    fn enter_each(&mut self, ingress: Ingress, datagrams: impl IntoIterator<Item = Datagram>) -> Many<'_> {
        let mut sent = Vec::new();
        for datagram in datagrams {
            sent.push(self.lab.enter(ingress, datagram.bytes()));
        }
        sent.iter().for_each(|sent| self.note(sent));
        Many::new(self, sent)
    }

    /// Lets time pass, which may end things.
    #[track_caller]
    pub fn wait(&mut self, seconds: f64, ends: Counts) {
        self.lab.wait(seconds);
        self.lab.expire_held();
        let _ = self.later();
        self.settle(ends, &[], &format!("after {seconds} s"));
    }

    /// Puts the next configuration into force.
    pub fn switch(&mut self) {
        self.lab.switch();
    }

    /// The laboratory behind it.
    pub fn lab(&mut self) -> &mut Lab {
        &mut self.lab
    }

    fn later(&mut self) -> Vec<Sent> {
        let later = self.lab.take_later();
        later.iter().for_each(|sent| self.note(sent));
        later
    }

    fn note(&mut self, sent: &Sent) {
        if let Some(reason) = sent.reason() {
            self.dropped = self.dropped + drops(reason, 1);
        }
    }

    /// Compares what was counted since the last step with what this one declares.
    #[track_caller]
    fn settle(&mut self, declared: Counts, lengths: &[i64], what: &str) {
        let connections = self.lab.connections();
        let now = Counts::read(&self.lab.all_nat_counters(), self.lab.active(), connections) + self.dropped;
        let difference = declared.with_bytes(lengths).difference(&(now - self.settled));
        self.settled = now;
        assert!(difference.is_empty(), "{what}, counters differ:\n{difference}");
    }
}

impl Drop for Scenario {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.settle(NOTHING, &[], "after the last step, which may lack its `counts`");
        }
    }
}

/// Packets dropped as malformed, before they walk.
pub const REFUSED: DropReason = DropReason::Malformed;

#[cfg(test)]
mod tests {
    use super::*;

    /// A question on its way out.
    fn asked(s: &mut Scenario) -> Step<'_> {
        s.leave("one", udp("one:5353 > dns:53")).to("internet", |p| p.src("nat:*").hop())
    }

    #[test]
    #[should_panic(expected = "connections created: expected +0, got +1")]
    fn a_counter_that_was_not_named_may_not_move() {
        asked(&mut NAT.start()).counts(OUT);
    }

    #[test]
    #[should_panic(expected = "ErrorPortAllocation: expected +1, got +0")]
    fn a_counter_that_was_named_has_to_move() {
        asked(&mut NAT.start()).counts(OUT + OPENED + NO_PORT);
    }

    #[test]
    #[should_panic(expected = "BytesOutToDestination: expected +35, got +36")]
    fn bytes_count_too() {
        asked(&mut NAT.start()).counts((OUT + OPENED).bytes("BytesOutToDestination", 35));
    }

    #[test]
    #[should_panic(expected = "after the last step")]
    fn a_step_that_was_not_counted_is_found_at_the_end() {
        let mut s = NAT.start();
        let _ = asked(&mut s);
    }

    #[test]
    #[should_panic(expected = "IP time to live: expected 64, got 63")]
    fn every_byte_counts() {
        let _ = NAT.start().leave("one", udp("one:5353 > dns:53")).to("internet", |p| p.src("nat:*"));
    }

    #[test]
    #[should_panic(expected = "nothing was said of the packet's fate")]
    fn a_fate_has_to_be_told() {
        NAT.start().leave("one", udp("one:5353 > dns:53")).counts(OUT + OPENED);
    }

    #[test]
    #[should_panic(expected = "somebody answers")]
    fn an_answer_has_to_be_told() {
        let mut s = NAT.start();
        let dead = s.leave("one", udp("one:5353 > dns:53").ttl(1)).dropped(DropReason::Ttl, "nat-nat");
        dead.counts(REFUSED_OUT);
    }

    #[test]
    #[should_panic(expected = "nothing was said of the fragments [1]")]
    fn what_was_held_has_to_be_told() {
        let mut s = NAT.start();
        let [first, later] = udp("one:5353 > dns:53").sized(800).pieces(500).try_into().unwrap();
        s.leave("one", later).held().counts(NOTHING);
        s.leave("one", first).to("internet", |p| p.src("nat:*").hop()).counts(OUT * 2 + OPENED);
    }
}
