//! What Linux's netfilter does with connections: the tracking of a NAT instance (11.3).
//!
//! A pure state machine. It has no clock, no table and no packets: the caller looks up the entry, hands in what the
//! packet says, and gets a [`Judgement`] with the [`Lease`] that the entry lives on. In the order of a packet's way:
//!
//! 1. [`check_tcp`], [`check_udp`], [`check_icmp`]: what is INVALID in itself.
//! 2. No entry: [`LinuxTcp::open`], [`LinuxUdp::open`], [`LinuxQuery::open`].
//! 3. An entry: `observe`. On [`Judgement::Reopen`] the entry goes and the packet is at 2 again.
//!
//! The behaviour is that of a 6.18 kernel with the defaults of its `nf_conntrack_*` settings, measured from outside;
//! the window check is van Rooij's ("Real Stateful TCP Packet Filtering in IP Filter", 2000) with RFC 7323 and RFC 2018
//! added.
//!
//! ```
//! use vpcemu_dataplane::conntrack::linux::{Judgement, LinuxTcp, Segment, TcpOptions, Timeouts};
//! use vpcemu_packet::TcpFlags;
//!
//! let options = TcpOptions::default();
//! let segment = |flags, seq, ack| Segment { flags, seq, ack, window: 8192, payload_len: 0, options };
//! let times = Timeouts::default();
//!
//! let (mut tcp, lease) = LinuxTcp::open(&segment(TcpFlags::SYN, 1000, 0), true).unwrap();
//! assert_eq!(times.lasting(lease).as_secs(), 120);
//!
//! let answer = tcp.observe(true, &segment(TcpFlags::SYN | TcpFlags::ACK, 5000, 1001), true);
//! let Judgement::Accept { lease: Some(lease) } = answer else { panic!("not accepted") };
//! assert_eq!(times.lasting(lease).as_secs(), 60);
//!
//! let stray = tcp.observe(false, &segment(TcpFlags::ACK, 900_000, 5001), true);
//! assert!(matches!(stray, Judgement::Invalid { .. }));
//! ```

mod arrival;
mod datagram;
mod judgement;
mod segment;
mod states;
mod tcp;
mod timeouts;
mod tracker;
mod window;

pub use arrival::{IcmpKind, check_icmp, check_tcp, check_udp, valid_flags};
pub use datagram::{LinuxQuery, LinuxUdp};
pub use judgement::{Invalid, Judgement};
pub use segment::{Segment, TcpOptions};
pub use states::{Event, State, Step};
pub use tcp::LinuxTcp;
pub use timeouts::{Lease, TimeoutClass, Timeouts};
pub use tracker::{LinuxTracker, Seen, Settings};
pub use window::Bound;

#[cfg(test)]
mod tests;
