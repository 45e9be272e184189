use std::net::IpAddr;

/// Why a laboratory cannot do what it is asked to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name that nothing has.
    #[error("`{name}` names no {what}; there is {known}")]
    Unknown {
        /// The name.
        name: String,
        /// What was looked for.
        what: &'static str,
        /// What there is.
        known: String,
    },
    /// A name that several have.
    #[error("`{name}` is ambiguous: {candidates}")]
    Ambiguous {
        /// The name.
        name: String,
        /// Who has it.
        candidates: String,
    },
    /// A flow that no packet can be made for.
    #[error("{from} to {to}: {why}")]
    Flow {
        /// Where it begins, as written.
        from: String,
        /// Where it goes, as written.
        to: String,
        /// What is wrong.
        why: String,
    },
    /// A protocol that is neither a name nor a number.
    #[error("`{0}` is no protocol: expected tcp, udp, icmp, icmpv6 or a number from 0 to 255")]
    Protocol(String),
    /// An answer to a packet that nobody got.
    #[error("there is nothing to answer: no packet of the flow has reached {0}")]
    NothingToAnswer(IpAddr),
}
