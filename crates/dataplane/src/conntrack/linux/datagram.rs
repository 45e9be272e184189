//! Everything that is not TCP: an entry knows whether it was answered, and its timer follows.

use std::time::Duration;

use super::timeouts::{Lease, TimeoutClass};

/// What Linux remembers of a UDP flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinuxUdp {
    replied: bool,
    assured: bool,
}

impl LinuxUdp {
    /// Only a flow older than this is a stream: DNS and its like are over by then.
    pub const STREAM_AGE: Duration = Duration::from_secs(2);

    /// The entry that a first datagram opens, with its lease of life.
    pub fn open() -> (Self, Lease) {
        (Self::default(), Lease::of(TimeoutClass::Udp))
    }

    /// Takes note of a datagram of the flow, `age` after the one that opened it.
    ///
    /// The timer of streams runs from the first packet that comes after an answer, in either direction, and later than
    /// [`Self::STREAM_AGE`]; the first answer itself never starts it.
    pub fn observe(&mut self, reply: bool, age: Duration) -> Lease {
        let stream = self.replied && age > Self::STREAM_AGE;
        self.replied |= reply;
        self.assured |= stream;
        Lease::of(if stream { TimeoutClass::UdpStream } else { TimeoutClass::Udp })
    }

    /// Whether it was answered.
    pub fn is_replied(&self) -> bool {
        self.replied
    }

    /// Whether it is a stream, so that a full table does not drop it early.
    pub fn is_assured(&self) -> bool {
        self.assured
    }
}

/// What Linux remembers of an ICMP query, or of a protocol that it knows nothing about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinuxQuery {
    kind: Kind,
    replied: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Icmp,
    Gre,
    Generic,
}

impl LinuxQuery {
    /// The entry that a first packet of this protocol number opens, with its lease of life.
    ///
    /// Of SCTP (132) and UDP-Lite (136) Linux has trackers that this is not; where they are not loaded, those packets
    /// are of the generic kind too.
    pub fn open(protocol: u8) -> (Self, Lease) {
        let kind = match protocol {
            1 | 58 => Kind::Icmp,
            47 => Kind::Gre,
            _ => Kind::Generic,
        };
        let query = Self { kind, replied: false };
        (query, query.lease())
    }

    /// Takes note of a packet of the flow.
    pub fn observe(&mut self, reply: bool) -> Lease {
        let lease = self.lease();
        self.replied |= reply;
        lease
    }

    /// Whether it was answered.
    pub fn is_replied(&self) -> bool {
        self.replied
    }

    fn lease(&self) -> Lease {
        Lease::of(match (self.kind, self.replied) {
            (Kind::Icmp, _) => TimeoutClass::Query,
            (Kind::Gre, false) => TimeoutClass::Gre,
            (Kind::Gre, true) => TimeoutClass::GreStream,
            (Kind::Generic, _) => TimeoutClass::Generic,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Timeouts;
    use super::*;

    fn seconds(lease: Lease) -> u64 {
        Timeouts::default().lasting(lease).as_secs()
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn g15_a_udp_stream_starts_after_two_seconds() {
        let (mut udp, lease) = LinuxUdp::open();
        assert_eq!(seconds(lease), 30);
        assert_eq!(seconds(udp.observe(false, ms(500))), 30);
        assert_eq!(seconds(udp.observe(true, ms(900))), 30);
        assert_eq!(seconds(udp.observe(false, ms(1900))), 30);
        assert!(udp.is_replied() && !udp.is_assured());
        assert_eq!(seconds(udp.observe(false, ms(2001))), 120);
        assert!(udp.is_assured());
    }

    #[test]
    fn a_late_first_answer_is_no_stream_yet() {
        let (mut udp, _) = LinuxUdp::open();
        assert_eq!(seconds(udp.observe(false, ms(9000))), 30);
        assert_eq!(seconds(udp.observe(true, ms(10_000))), 30);
        assert_eq!(seconds(udp.observe(true, ms(10_001))), 120);
    }

    #[test]
    fn other_protocols_have_one_timer_and_gre_two() {
        for (protocol, before, after) in [(1, 30, 30), (47, 30, 180), (50, 600, 600), (253, 600, 600)] {
            let (mut query, lease) = LinuxQuery::open(protocol);
            let leases = [lease, query.observe(false), query.observe(true), query.observe(false)].map(seconds);
            assert_eq!(leases, [before, before, before, after], "{protocol}");
            assert!(query.is_replied());
        }
    }
}
