//! How long an entry lives without another packet.

use std::time::Duration;

use super::states::State;

/// Which timer runs. TCP's are named after the states, but for the last two of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TimeoutClass {
    /// TCP: SYN from one side.
    SynSent,
    /// TCP: SYN-ACK seen.
    SynRecv,
    /// TCP: data flows.
    Established,
    /// TCP: one FIN.
    FinWait,
    /// TCP: one FIN, acknowledged.
    CloseWait,
    /// TCP: two FINs.
    LastAck,
    /// TCP: two FINs, acknowledged.
    TimeWait,
    /// TCP: RST.
    Close,
    /// TCP: SYN from both sides.
    SynSent2,
    /// TCP: the same ACK again and again, or a window of 0.
    MaxRetrans,
    /// TCP: data that nobody has acknowledged, or a connection picked up in its middle and not answered yet.
    Unacknowledged,
    /// UDP without an answer, or younger than [`super::LinuxUdp::STREAM_AGE`].
    Udp,
    /// UDP that is a stream.
    UdpStream,
    /// An ICMP query.
    Query,
    /// GRE without an answer.
    Gre,
    /// GRE that was answered.
    GreStream,
    /// Any other protocol.
    Generic,
}

/// A new lease of life: the time of a class, cut short by up to two others.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Lease {
    /// Whose time it is.
    pub class: TimeoutClass,
    /// But no longer than [`TimeoutClass::MaxRetrans`].
    pub max_retrans: bool,
    /// But no longer than [`TimeoutClass::Unacknowledged`].
    pub unacknowledged: bool,
}

/// The `nf_conntrack_*_timeout*` settings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// `tcp_timeout_syn_sent`.
    pub syn_sent: Duration,
    /// `tcp_timeout_syn_recv`.
    pub syn_recv: Duration,
    /// `tcp_timeout_established`.
    pub established: Duration,
    /// `tcp_timeout_fin_wait`.
    pub fin_wait: Duration,
    /// `tcp_timeout_close_wait`.
    pub close_wait: Duration,
    /// `tcp_timeout_last_ack`.
    pub last_ack: Duration,
    /// `tcp_timeout_time_wait`.
    pub time_wait: Duration,
    /// `tcp_timeout_close`.
    pub close: Duration,
    /// `tcp_timeout_max_retrans`.
    pub max_retrans: Duration,
    /// `tcp_timeout_unacknowledged`.
    pub unacknowledged: Duration,
    /// `udp_timeout`.
    pub udp: Duration,
    /// `udp_timeout_stream`.
    pub udp_stream: Duration,
    /// `icmp_timeout`.
    pub query: Duration,
    /// `gre_timeout`.
    pub gre: Duration,
    /// `gre_timeout_stream`.
    pub gre_stream: Duration,
    /// `generic_timeout`.
    pub generic: Duration,
}

/// The kernel has no setting for the time of a simultaneous open.
const SYN_SENT2: Duration = Duration::from_secs(120);

impl Default for Timeouts {
    /// The defaults of Linux 6.18.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            syn_sent: seconds(120),
            syn_recv: seconds(60),
            established: seconds(432_000),
            fin_wait: seconds(120),
            close_wait: seconds(60),
            last_ack: seconds(30),
            time_wait: seconds(120),
            close: seconds(10),
            max_retrans: seconds(300),
            unacknowledged: seconds(300),
            udp: seconds(30),
            udp_stream: seconds(120),
            query: seconds(30),
            gre: seconds(30),
            gre_stream: seconds(180),
            generic: seconds(600),
        }
    }
}

impl Timeouts {
    /// The time of one class.
    pub fn of(&self, class: TimeoutClass) -> Duration {
        match class {
            TimeoutClass::SynSent => self.syn_sent,
            TimeoutClass::SynRecv => self.syn_recv,
            TimeoutClass::Established => self.established,
            TimeoutClass::FinWait => self.fin_wait,
            TimeoutClass::CloseWait => self.close_wait,
            TimeoutClass::LastAck => self.last_ack,
            TimeoutClass::TimeWait => self.time_wait,
            TimeoutClass::Close => self.close,
            TimeoutClass::SynSent2 => SYN_SENT2,
            TimeoutClass::MaxRetrans => self.max_retrans,
            TimeoutClass::Unacknowledged => self.unacknowledged,
            TimeoutClass::Udp => self.udp,
            TimeoutClass::UdpStream => self.udp_stream,
            TimeoutClass::Query => self.query,
            TimeoutClass::Gre => self.gre,
            TimeoutClass::GreStream => self.gre_stream,
            TimeoutClass::Generic => self.generic,
        }
    }

    /// How long a lease lasts from now.
    pub fn lasting(&self, lease: Lease) -> Duration {
        let mut time = self.of(lease.class);
        if lease.max_retrans {
            time = time.min(self.max_retrans);
        }
        if lease.unacknowledged {
            time = time.min(self.unacknowledged);
        }
        time
    }
}

impl Lease {
    /// The time of a class, uncut.
    pub fn of(class: TimeoutClass) -> Self {
        Self { class, max_retrans: false, unacknowledged: false }
    }
}

impl From<State> for TimeoutClass {
    /// The timer of a TCP state; nothing stays in [`State::None`].
    fn from(state: State) -> Self {
        match state {
            State::None | State::SynSent => Self::SynSent,
            State::SynRecv => Self::SynRecv,
            State::Established => Self::Established,
            State::FinWait => Self::FinWait,
            State::CloseWait => Self::CloseWait,
            State::LastAck => Self::LastAck,
            State::TimeWait => Self::TimeWait,
            State::Close => Self::Close,
            State::SynSent2 => Self::SynSent2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_cut_short_but_never_extended() {
        let times = Timeouts::default();
        let seconds =
            |class, max_retrans, unacknowledged| times.lasting(Lease { class, max_retrans, unacknowledged }).as_secs();
        assert_eq!(seconds(TimeoutClass::Established, false, false), 432_000);
        assert_eq!(seconds(TimeoutClass::Established, true, false), 300);
        assert_eq!(seconds(TimeoutClass::Established, false, true), 300);
        assert_eq!(seconds(TimeoutClass::Close, true, true), 10);
    }
}
