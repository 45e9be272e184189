//! What an entry of a NAT instance keeps of its flow, whatever the protocol.

use std::time::Duration;

use vpcemu_packet::FlowKey;

use super::{Invalid, Judgement, Lease, LinuxQuery, LinuxTcp, LinuxUdp, Segment, State, Timeouts};
use crate::time::Timestamp;

/// A flow's progress, when it began, and the time that its last packet gave it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinuxTracker {
    progress: Progress,
    opened: Timestamp,
    lease: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    Tcp(LinuxTcp),
    Udp(LinuxUdp),
    Other(LinuxQuery),
}

/// A packet as tracking sees it.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Of TCP, the segment; none of a later fragment, which says nothing that the first did not.
    pub segment: Option<Segment>,
    /// Whether it travels against the packet that opened the flow.
    pub reply: bool,
    /// When.
    pub now: Timestamp,
}

/// What `sysctl` would set.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// `nf_conntrack_*_timeout*`.
    pub timeouts: Timeouts,
    /// The opposite of `tcp_be_liberal`.
    pub window_check: bool,
    /// `tcp_loose`.
    pub loose: bool,
}

impl LinuxTracker {
    /// The progress of a flow that a packet of `key` opens.
    ///
    /// # Errors
    /// What opens nothing.
    pub fn open(key: &FlowKey, seen: &Seen, settings: &Settings) -> Result<Self, Invalid> {
        let (progress, lease) = match (key.protocol, seen.segment) {
            (6, None) => return Err(Invalid::State),
            (6, Some(segment)) => {
                let (tcp, lease) = LinuxTcp::open(&segment, settings.loose)?;
                (Progress::Tcp(tcp), lease)
            }
            (17, _) => {
                let (udp, lease) = LinuxUdp::open();
                (Progress::Udp(udp), lease)
            }
            (protocol, _) => {
                let (query, lease) = LinuxQuery::open(protocol);
                (Progress::Other(query), lease)
            }
        };
        Ok(Self { progress, opened: seen.now, lease: settings.timeouts.lasting(lease) })
    }

    /// Takes note of a packet. The judgement's lease, if there is one, is also remembered.
    pub fn observe(&mut self, seen: &Seen, settings: &Settings) -> Judgement {
        let judgement = match (&mut self.progress, seen.segment) {
            (Progress::Tcp(tcp), Some(segment)) => tcp.observe(seen.reply, &segment, settings.window_check),
            (Progress::Tcp(_), None) => Judgement::Accept { lease: None },
            (Progress::Udp(udp), _) => accepted(udp.observe(seen.reply, age(self.opened, seen.now))),
            (Progress::Other(query), _) => accepted(query.observe(seen.reply)),
        };
        if let Judgement::Accept { lease: Some(lease) } = judgement {
            self.lease = settings.timeouts.lasting(lease);
        }
        judgement
    }

    /// How long the flow lives after the last packet that gave it a new lease.
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// Whether this is TCP that was established both ways, and has not been closed.
    pub fn is_established_tcp(&self) -> bool {
        let open = |tcp: LinuxTcp| matches!(tcp.state(), State::Established | State::FinWait | State::CloseWait);
        matches!(self.progress, Progress::Tcp(tcp) if tcp.is_assured() && open(tcp))
    }

    /// Whether a packet of the other direction was seen.
    pub fn is_replied(&self) -> bool {
        match self.progress {
            Progress::Tcp(tcp) => tcp.is_replied(),
            Progress::Udp(udp) => udp.is_replied(),
            Progress::Other(query) => query.is_replied(),
        }
    }
}

fn accepted(lease: Lease) -> Judgement {
    Judgement::Accept { lease: Some(lease) }
}

fn age(opened: Timestamp, now: Timestamp) -> Duration {
    Duration::from_nanos(now.0.saturating_sub(opened.0))
}
