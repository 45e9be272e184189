//! Probes: conversations made for two configurations, so that every boundary of either has some on both sides.
//!
//! Addresses fall into classes that every rule and route of both treats alike; so do ports, between the ends of the ranges that
//! rules name, and interfaces that nothing distinguishes. A pair of ends is tried with the boundaries of the rules that packets
//! between them may meet, and not at all where nothing has changed that they could meet: then the same engine does the same.
//! Each probe is a conversation in a fresh state: the packet that opens it, the answer, and of TCP the third.

mod classes;
mod exchange;
mod findings;
mod members;
mod plan;
mod ports;
mod run;
mod space;
mod tables;

pub use run::{Limit, probe};

use std::net::IpAddr;

/// Where a probe goes in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Beginning {
    /// It leaves an interface, by its number in the plan.
    Member(usize),
    /// It comes from the internet.
    Internet,
    /// It comes from beyond a VPC, by its number in the plan.
    Edge(usize),
}

/// What a probe is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    /// TCP or UDP.
    Ported { protocol: u8, from: u16, to: u16 },
    /// A ping.
    Echo,
    /// Another ICMP message, without an answer.
    Icmp { kind: u8, code: u8 },
    /// A protocol without ports.
    Protocol(u8),
}

/// One conversation.
#[derive(Clone, Copy, Debug)]
struct Probe {
    from: Beginning,
    src: IpAddr,
    dst: IpAddr,
    what: What,
}
