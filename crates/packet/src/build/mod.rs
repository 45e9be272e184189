//! Packets made from nothing: for tests and load generators, and what gateways send in their own name.
//!
//! Nothing here fails or panics. Where the two addresses are of different families the IPv4 one is written as an
//! IPv4-mapped IPv6 address; a payload that does not fit into a datagram is cut.
//!
//! ```
//! use vpcemu_packet::{TcpFlags, build};
//!
//! let syn = build::tcp("10.0.0.5:40000".parse()?, "192.0.2.1:443".parse()?).flags(TcpFlags::SYN).mss(1460).build();
//! assert_eq!(syn.len(), 44);
//! let frame = build::ethernet(&syn, [2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
//! assert_eq!(frame.len(), 58);
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

mod datagram;
mod fragment;
mod frame;
mod icmp;
mod tcp;
mod udp;

pub use datagram::{ProtocolBuilder, protocol};
pub use fragment::{fragment, fragment_v6};
pub use frame::{ethernet, frame, linux_sll, linux_sll2, vlan};
pub use icmp::{IcmpBuilder, echo_reply, echo_request, icmp_error, icmp_message};
pub use tcp::{TcpBuilder, tcp, tcp_reset};
pub use udp::{UdpBuilder, udp};

#[cfg(test)]
mod tests;
