//! Load for benches and tests: packets of many flows, the same for the same seed.
//!
//! A [`Load`] describes traffic between clients and remotes ([`Side`]): how many flows, which of them is next
//! ([`Choice`]), how long packets are ([`Sizes`]), how many flows are TCP, UDP or ping ([`Mix`]), and how fast new ones
//! take the place of old ones. Its [`Generator`] is an iterator over [`Packet`]s. [`mod@reference`] is the least that a
//! translator has to do to such packets: the loop that an engine's figures are held against.
//!
//! There are no files, clocks or unseeded random numbers in here, and nothing of VPCs: time is what the load says, and an
//! address that a gateway puts in the place of another is for the caller to put in ([`Packet::readdressed`]).
//!
//! ```
//! use vpcemu_traffic::{Direction, Load, Mix, Side};
//!
//! let side = Side::new("10.0.1.10".parse()?, "93.0.0.0".parse()?).remotes(1000).service(443);
//! let load = Load { flows: 2, mix: Mix::TCP, ..Load::new(vec![side]) };
//! let packets: Vec<_> = load.generate().take(4).collect();
//!
//! // Both flows open before either goes on: every flow is chosen once a round.
//! let opening: Vec<_> = packets.iter().map(|packet| packet.opens()).collect();
//! assert_eq!(opening, [true, true, false, false]);
//! assert_eq!((packets[0].direction, packets[2].direction), (Direction::Outbound, Direction::Inbound));
//! assert_eq!(packets[0].bytes(), load.generate().next().unwrap().bytes());
//! # Ok::<(), std::net::AddrParseError>(())
//! ```

mod choice;
mod conversation;
mod load;
mod packet;
pub mod reference;
mod side;
mod size;

pub use choice::Choice;
pub use load::{Generator, Load, Mix};
pub use packet::{Direction, Kind, Packet};
pub use side::{Ends, Side};
pub use size::Sizes;
