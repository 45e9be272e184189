//! Packets as bytes: where the IP header starts, what the headers say, which flow it is, and how to change it in place.
//!
//! One walk over the headers ([`Headers::parse`]) tells everything the engine asks; [`Packet`] couples it with the bytes and
//! rewrites addresses, ports, ids and TTL with incremental checksums (RFC 1624), the packet quoted in an ICMP error
//! included. [`build`] makes packets.
//!
//! There is no policy in here, no connection state, and no allocation on the way of a packet.

pub mod build;
pub mod checksum;
mod framing;
mod headers;
mod key;
mod packet;

pub use framing::{Framing, Link, NotIp, SllDirection};
pub use headers::{Fragment, Headers, IpVersion, Malformed, Offloads, Quote, QuoteTransport, TcpFlags, Transport};
pub use key::{FlowKey, endpoint, protocol_name};
pub use packet::Packet;
