//! Real IPv4 and IPv6 packets as bytes: where they start in a captured frame, what their headers say, how they are
//! rewritten in place, and how new ones are built.
//!
//! [`Framing`] finds the IP header in a captured frame. [`Headers::parse`] walks a datagram once, without allocating, and
//! survives any bytes. [`Packet`] rewrites addresses, ports and hop limits and keeps every checksum as right or as wrong
//! as it was (RFC 1624), also those inside the packet that an ICMP error quotes. [`translate`] makes IPv4 packets of IPv6
//! ones and back (RFC 7915). [`FlowKey`] names a packet's flow and [`build`] makes packets from nothing. [`Plain`]
//! and [`Patch`] do for most packets in a few nanoseconds what those do for all.
//!
//! It is not a network stack: it does not reassemble, keeps no state, reads no clock, and knows neither capture files
//! nor VPCs.
//!
//! ```
//! use vpcemu_packet::{Offloads, Packet, TcpFlags, build};
//!
//! let mut bytes = build::tcp("10.0.0.5:40000".parse()?, "192.0.2.1:443".parse()?).flags(TcpFlags::SYN).build();
//! let len = bytes.len() as u32;
//! let mut packet = Packet::parse(&mut bytes, len, Offloads::Strict)?;
//! assert_eq!(packet.key().to_string(), "tcp 10.0.0.5:40000 > 192.0.2.1:443");
//!
//! packet.set_src("198.51.100.7".parse()?);
//! packet.set_src_port(1024);
//! packet.decrement_ttl(1);
//!
//! // The checksums were kept right on the way.
//! let translated = Packet::parse(&mut bytes, len, Offloads::Strict)?;
//! assert_eq!(translated.key().to_string(), "tcp 198.51.100.7:1024 > 192.0.2.1:443");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod build;
mod chain;
mod checksum;
mod framing;
mod headers;
mod ip;
mod key;
mod malformed;
mod mss;
mod name;
mod number;
mod options;
mod packet;
mod plain;
mod quote;
mod rewrite;
mod rewrite_quote;
mod storage;
mod strict;
mod tcp_flags;
pub mod translate;
mod transport;

pub use checksum::{Checksum, Difference};
pub use framing::{Framing, Link, NotIp, SllDirection};
pub use headers::{Fragment, FragmentRange, Headers, IpVersion, Offloads};
pub use key::FlowKey;
pub use malformed::Malformed;
pub use name::{endpoint, protocol_name};
pub use packet::Packet;
pub use plain::{Patch, Plain};
pub use quote::{Quote, QuoteTransport};
pub use tcp_flags::{NotTcpFlags, TcpFlags};
pub use transport::Transport;
