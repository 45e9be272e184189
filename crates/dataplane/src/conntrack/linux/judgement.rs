//! What becomes of a packet, its entry and its timer.

use super::timeouts::Lease;
use super::window::Bound;

/// What Linux makes of a segment of a connection that it knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[must_use]
pub enum Judgement {
    /// It passes as a part of the connection.
    Accept {
        /// The entry lives this long from now; `None`: as long as before.
        lease: Option<Lease>,
    },
    /// It passes, translated as before, and the entry is gone: a reset before there was any answer.
    Refused,
    /// The entry is over. Delete it and look the packet up again: it opens a new one.
    Reopen,
    /// It is no part of the connection. Rulesets drop it; one that does not lets it out untranslated.
    Invalid {
        /// Why.
        why: Invalid,
        /// The entry lives on, but no longer than [`super::TimeoutClass::Unacknowledged`] from now.
        shorten: bool,
    },
}

impl Judgement {
    /// It passes, and the timer runs on.
    pub(super) const PASS: Self = Self::Accept { lease: None };
}

/// Why a packet is INVALID to Linux.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Invalid {
    /// A combination of TCP flags that no stack sends.
    Flags,
    /// A header that is cut short or lies about its length.
    Length,
    /// A wrong checksum of the transport.
    Checksum,
    /// A segment that the state does not allow, or that opens nothing.
    State,
    /// A segment from the middle of an unknown connection, and `tcp_loose` is off.
    Midstream,
    /// A TCP segment out of the window.
    Window(Bound),
    /// A reset with a sequence number of the past.
    Reset,
    /// An ICMP message that is neither a query nor an error.
    IcmpType,
    /// An ICMP answer to no known query, or an error about no known flow.
    Unrelated,
}
