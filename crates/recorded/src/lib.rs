//! What flow logs recorded, under a configuration.
//!
//! A [`Judge`] sends the flow of a record through a [`Lab`](vpcemu_lab::Lab) and says what security groups and network ACLs
//! would record of it at the same interface: so months of real flows judge a change before it is made. A [`Rewinder`] makes
//! packets of records, for whatever works on captures.
//!
//! A record is one direction of one flow in one window. Which side opened the flow it says only by its TCP flags; where they
//! are missing the ports have to tell, and where those do not, either is tried. What cannot be known is not judged: section 9 of
//! the dataplane's semantics says what that is.

mod datagram;
mod dialogue;
mod evidence;
mod exchange;
mod flow;
mod gateway;
mod icmp;
mod judge;
mod meant;
mod orientation;
mod packets;
mod question;
mod refusal;
mod size;
mod told;

pub use judge::Judge;
pub use orientation::Orientation;
pub use packets::{Rewinder, Rewound};
