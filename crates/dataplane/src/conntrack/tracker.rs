use std::time::Duration;

use vpcemu_packet::{FlowKey, TcpFlags};

use super::linux::LinuxTracker;
use super::tcp::{TcpEvent, TcpPhase, TcpState};
use crate::fabric::FixedMap;

/// What one component remembers of a connection's progress.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tracker {
    /// TCP.
    Tcp(TcpState),
    /// UDP.
    Udp(UdpProgress),
    /// An ICMP query.
    Query,
    /// Any other protocol.
    Other,
    /// What a NAT instance tracks, as Linux does (11.3).
    Linux(LinuxTracker),
}

/// How far a UDP conversation has come: it is a stream from the packet that completes a second change of direction (6.17).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UdpProgress {
    /// One direction only.
    OneWay,
    /// Answered once.
    Answered,
    /// Out, in, out: more than one transaction.
    Stream,
}

/// Idle timers of one component.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Timers {
    /// TCP before the handshake is complete.
    pub tcp_opening: Duration,
    /// TCP with data flowing.
    pub tcp_open: Duration,
    /// TCP after FIN from both sides.
    pub tcp_closing: Duration,
    /// TCP after RST.
    pub tcp_reset: Duration,
    /// UDP, one way or answered once.
    pub udp: Duration,
    /// UDP streams.
    pub udp_stream: Duration,
    /// ICMP queries.
    pub icmp: Duration,
    /// Everything else.
    pub other: Duration,
}

impl Timers {
    /// Of entries whose tracker has the time itself.
    pub const NONE: Self = Self {
        tcp_opening: Duration::ZERO,
        tcp_open: Duration::ZERO,
        tcp_closing: Duration::ZERO,
        tcp_reset: Duration::ZERO,
        udp: Duration::ZERO,
        udp_stream: Duration::ZERO,
        icmp: Duration::ZERO,
        other: Duration::ZERO,
    };
}

/// Sets of timers, each kept once however many entries have it.
#[derive(Debug, Default)]
pub(super) struct TimerSets {
    sets: Vec<Timers>,
    numbers: FixedMap<Timers, u16>,
}

impl TimerSets {
    /// The number of a set. Beyond 65,536 of them, which takes as many interfaces with timers of their own that meet in one
    /// shard, the last one serves for all.
    pub(super) fn number(&mut self, timers: &Timers) -> u16 {
        // The latest is the likeliest, and a handful is asked faster than a hash is made.
        if let Some(number) = self.sets.iter().take(4).position(|set| set == timers) {
            return number as u16;
        }
        if let Some(number) = self.numbers.get(timers) {
            return *number;
        }
        let number = u16::try_from(self.sets.len()).unwrap_or(u16::MAX);
        if self.sets.len() <= usize::from(u16::MAX) {
            self.sets.push(*timers);
            self.numbers.insert(*timers, number);
        }
        number
    }

    /// The set of a number.
    #[inline]
    pub(super) fn set(&self, number: u16) -> &Timers {
        self.sets.get(usize::from(number)).unwrap_or(&Timers::NONE)
    }
}

impl Tracker {
    /// The tracker of an entry that `flags` (of a TCP segment) or a packet of `key` opens.
    pub fn opening(key: &FlowKey, flags: Option<TcpFlags>) -> Self {
        match (key.protocol, flags) {
            (6, Some(flags)) => Self::Tcp(TcpState::opening(TcpEvent::of(flags))),
            (6, None) => Self::Tcp(TcpState::Established),
            (17, _) => Self::Udp(UdpProgress::OneWay),
            (1 | 58, _) => Self::Query,
            _ => Self::Other,
        }
    }

    /// The tracker of a connection that began before the capture.
    pub fn adopted(flags: Option<TcpFlags>, reply: bool) -> Self {
        let event = flags.map_or(TcpEvent::Ack, TcpEvent::of);
        Self::Tcp(TcpState::Established.next(event, reply))
    }

    /// Takes note of a packet.
    pub fn observe(&mut self, flags: Option<TcpFlags>, reply: bool) {
        match self {
            Self::Tcp(state) => {
                if let Some(flags) = flags {
                    *state = state.next(TcpEvent::of(flags), reply);
                }
            }
            Self::Udp(progress) => {
                *progress = match (*progress, reply) {
                    (UdpProgress::OneWay, true) => UdpProgress::Answered,
                    (UdpProgress::Answered, false) => UdpProgress::Stream,
                    (same, _) => same,
                };
            }
            // Linux judges a packet before it takes note of it: see the NAT instance.
            Self::Query | Self::Other | Self::Linux(_) => {}
        }
    }

    /// How long the entry lives from now without another packet.
    pub fn timeout(&self, timers: &Timers) -> Duration {
        match self {
            Self::Tcp(state) => match state.phase() {
                TcpPhase::Opening => timers.tcp_opening,
                TcpPhase::Open => timers.tcp_open,
                TcpPhase::Closing => timers.tcp_closing,
                TcpPhase::Reset => timers.tcp_reset,
            },
            Self::Udp(UdpProgress::Stream) => timers.udp_stream,
            Self::Udp(_) => timers.udp,
            Self::Query => timers.icmp,
            Self::Other => timers.other,
            Self::Linux(tracker) => tracker.lease(),
        }
    }

    /// Whether this is TCP that is over and only lingers.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Tcp(state) if state.is_over())
    }

    /// Whether this is TCP that counts as active: neither idle nor closed (4.37).
    pub fn is_active_tcp(&self) -> bool {
        match self {
            Self::Tcp(state) => !state.is_over(),
            Self::Linux(tracker) => tracker.is_established_tcp(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn udp_becomes_a_stream_on_out_in_out() {
        let mut tracker = Tracker::Udp(UdpProgress::OneWay);
        let mut after = |reply| {
            tracker.observe(None, reply);
            tracker
        };
        assert_eq!(after(false), Tracker::Udp(UdpProgress::OneWay));
        assert_eq!(after(true), Tracker::Udp(UdpProgress::Answered));
        assert_eq!(after(true), Tracker::Udp(UdpProgress::Answered));
        assert_eq!(after(false), Tracker::Udp(UdpProgress::Stream));
    }
}
