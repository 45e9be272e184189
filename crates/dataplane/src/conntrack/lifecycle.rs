//! The life of a NAT mapping as data: what opens it, what keeps it, what ends it, and what remains (4.24-4.31).
//!
//! The [TCP table](super::tcp) says how far a connection has come. This one says what that means to the mapping:
//! whether it holds its port, whether it counts as active, and whether it leaves a tombstone.

use super::Tracker;
use super::tcp::TcpPhase;

/// Where in its life a mapping is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Stage {
    /// There is none.
    Free,
    /// TCP whose handshake is not complete.
    HalfOpen,
    /// TCP with data flowing, also after a FIN from one side.
    Live,
    /// TCP after FIN from both sides: the port is not free yet (4.28).
    Linger,
    /// TCP after RST (4.28).
    ResetLinger,
    /// TCP that died of idleness. The port is free, the inside is still owed a RST (4.25).
    Tombstone,
    /// UDP or an ICMP query.
    Flow,
}

/// What happens to a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Event {
    /// A SYN without a mapping.
    Open,
    /// A segment of a connection that began before the capture.
    Adopt,
    /// A RST of such a connection.
    AdoptReset,
    /// A datagram or a query without a mapping.
    OpenFlow,
    /// A translated packet, either way, that ends nothing and begins nothing (4.30).
    Packet,
    /// A segment after which the handshake is complete.
    Establish,
    /// The second of the two FINs.
    Close,
    /// RST, either way.
    Reset,
    /// A SYN from the inside on a mapping in linger (4.29).
    Reopen,
    /// A segment from the inside, other than a SYN, on a mapping that is dead.
    Resume,
    /// The timer ran out (4.24, 4.28), of a tombstone its own.
    Timer,
    /// A configuration took the gateway, or its address, away (4.31).
    Reconfigure,
}

impl Stage {
    /// Every stage, in the order of the table's rows.
    pub const ALL: [Self; 7] =
        [Self::Free, Self::HalfOpen, Self::Live, Self::Linger, Self::ResetLinger, Self::Tombstone, Self::Flow];

    /// The stage of a mapping that has come this far and is not dead.
    pub fn of(tracker: &Tracker) -> Self {
        match tracker {
            Tracker::Tcp(state) => match state.phase() {
                TcpPhase::Opening => Self::HalfOpen,
                TcpPhase::Open => Self::Live,
                TcpPhase::Closing => Self::Linger,
                TcpPhase::Reset => Self::ResetLinger,
            },
            // Only what is established leaves something to answer for when it is forgotten (11.4).
            Tracker::Linux(tracker) if tracker.is_established_tcp() => Self::Live,
            Tracker::Udp(_) | Tracker::Query | Tracker::Other | Tracker::Linux(_) => Self::Flow,
        }
    }

    /// The stage after `event`; `None` if that cannot happen here.
    pub fn next(self, event: Event) -> Option<Self> {
        STAGES[self as usize][event as usize]
    }

    /// The stage after `event`, the same if that cannot happen here.
    #[must_use]
    pub fn after(self, event: Event) -> Self {
        self.next(event).unwrap_or(self)
    }

    /// Whether it is TCP that is neither idle nor closed, and counts as active (4.37).
    pub fn is_active(self) -> bool {
        matches!(self, Self::HalfOpen | Self::Live)
    }

    /// Whether its port is taken and packets are translated.
    pub fn holds_port(self) -> bool {
        !matches!(self, Self::Free | Self::Tombstone)
    }
}

impl Event {
    /// Every event, in the order of the table's columns.
    pub const ALL: [Self; 12] = [
        Self::Open,
        Self::Adopt,
        Self::AdoptReset,
        Self::OpenFlow,
        Self::Packet,
        Self::Establish,
        Self::Close,
        Self::Reset,
        Self::Reopen,
        Self::Resume,
        Self::Timer,
        Self::Reconfigure,
    ];

    /// What it is that makes a mapping with this tracker.
    pub fn opening(tracker: &Tracker) -> Self {
        match Stage::of(tracker) {
            Stage::Free | Stage::HalfOpen => Self::Open,
            Stage::Live | Stage::Linger | Stage::Tombstone => Self::Adopt,
            Stage::ResetLinger => Self::AdoptReset,
            Stage::Flow => Self::OpenFlow,
        }
    }

    /// What a translated packet was that took a mapping's tracker from `before` to `now`.
    pub fn between(before: &Tracker, now: &Tracker) -> Self {
        let now = Stage::of(now);
        match now {
            _ if now == Stage::of(before) => Self::Packet,
            Stage::HalfOpen => Self::Reopen,
            Stage::Live => Self::Establish,
            Stage::Linger => Self::Close,
            Stage::ResetLinger => Self::Reset,
            Stage::Free | Stage::Tombstone | Stage::Flow => Self::Packet,
        }
    }
}

const __: Option<Stage> = None;
const FR: Option<Stage> = Some(Stage::Free);
const HO: Option<Stage> = Some(Stage::HalfOpen);
const LV: Option<Stage> = Some(Stage::Live);
const LG: Option<Stage> = Some(Stage::Linger);
const RL: Option<Stage> = Some(Stage::ResetLinger);
const TS: Option<Stage> = Some(Stage::Tombstone);
const FL: Option<Stage> = Some(Stage::Flow);

#[rustfmt::skip]
static STAGES: [[Option<Stage>; 12]; 7] = [
    //                 Open Adopt AdoptReset OpenFlow Packet Establish Close Reset Reopen Resume Timer Reconfigure
    // Without a mapping a segment gets a RST as if there had been one (4.26).
    /* Free */        [HO,  LV,   RL,        FL,      __,    __,       __,   __,   __,    FR,    __,   FR],
    // Nobody resumes what never began: no tombstone.
    /* HalfOpen */    [__,  __,   __,        __,      HO,    LV,       __,   RL,   __,    __,    FR,   FR],
    /* Live */        [__,  __,   __,        __,      LV,    __,       LG,   RL,   __,    __,    TS,   FR],
    /* Linger */      [__,  __,   __,        __,      LG,    __,       __,   __,   HO,    __,    FR,   FR],
    /* ResetLinger */ [__,  __,   __,        __,      RL,    __,       __,   __,   HO,    __,    FR,   FR],
    // A SYN makes another mapping, on another port. A tombstone holds nothing that a configuration could take away.
    /* Tombstone */   [HO,  __,   __,        __,      __,    __,       __,   __,   __,    TS,    FR,   TS],
    /* Flow */        [__,  __,   __,        __,      FL,    __,       __,   __,   __,    __,    FR,   FR],
];

#[cfg(test)]
mod tests {
    use super::super::UdpProgress;
    use super::super::tcp::{TcpEvent, TcpState};
    use super::*;
    use std::fmt::Write;

    #[test]
    fn the_whole_table() {
        let mut table = String::new();
        for stage in Stage::ALL {
            let port = if stage.holds_port() { "port" } else { "" };
            let active = if stage.is_active() { "active" } else { "" };
            write!(table, "{:<12}{port:<5}{active:<7}", format!("{stage:?}")).unwrap();
            for event in Event::ALL {
                if let Some(next) = stage.next(event) {
                    write!(table, " {event:?}->{next:?}").unwrap();
                }
            }
            writeln!(table).unwrap();
        }
        insta::assert_snapshot!(table, @"
        Free                     Open->HalfOpen Adopt->Live AdoptReset->ResetLinger OpenFlow->Flow Resume->Free Reconfigure->Free
        HalfOpen    port active  Packet->HalfOpen Establish->Live Reset->ResetLinger Timer->Free Reconfigure->Free
        Live        port active  Packet->Live Close->Linger Reset->ResetLinger Timer->Tombstone Reconfigure->Free
        Linger      port         Packet->Linger Reopen->HalfOpen Timer->Free Reconfigure->Free
        ResetLinger port         Packet->ResetLinger Reopen->HalfOpen Timer->Free Reconfigure->Free
        Tombstone                Open->HalfOpen Resume->Tombstone Timer->Free Reconfigure->Tombstone
        Flow        port         Packet->Flow Timer->Free Reconfigure->Free
        ");
    }

    #[test]
    fn it_agrees_with_the_tcp_table() {
        for before in TcpState::ALL {
            for event in TcpEvent::ALL {
                for reply in [false, true] {
                    let [was, is] = [before, before.next(event, reply)].map(Tracker::Tcp);
                    let next = Stage::of(&was).next(Event::between(&was, &is));
                    assert_eq!(next, Some(Stage::of(&is)), "{before:?} {event:?} {reply}");
                }
            }
        }
    }

    #[test]
    fn what_opens_a_mapping_puts_it_in_the_stage_of_its_tracker() {
        let adopted = TcpEvent::ALL.map(|event| Tracker::Tcp(TcpState::Established.next(event, false)));
        let opened = [
            Tracker::Tcp(TcpState::SynSent),
            Tracker::Tcp(TcpState::SynReceived),
            Tracker::Udp(UdpProgress::OneWay),
            Tracker::Query,
        ];
        for tracker in adopted.iter().chain(&opened) {
            assert_eq!(Stage::Free.next(Event::opening(tracker)), Some(Stage::of(tracker)), "{tracker:?}");
        }
    }

    #[test]
    fn whatever_holds_a_port_gives_it_back_in_time() {
        for stage in Stage::ALL.into_iter().filter(|stage| stage.holds_port()) {
            for event in [Event::Timer, Event::Reconfigure] {
                assert!(!stage.after(event).holds_port(), "{stage:?} {event:?}");
            }
        }
    }
}
