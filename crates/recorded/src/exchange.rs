//! Flows of records as a laboratory has them: who talks to whom, and what is recorded of what is sent.

use std::net::SocketAddr;

use vpcemu_dataplane::flow_log::{LegDirection, LoggedAt, legs};
use vpcemu_flowlog::Action;
use vpcemu_lab::{Conversation, Lab, Sent};

/// Two ends, of which the first begins; none if nobody could. Pings have an identifier where records have a port of 0.
pub(crate) fn conversation(lab: &Lab, src: SocketAddr, dst: SocketAddr, protocol: u8) -> Option<Conversation> {
    let src_port = if matches!(protocol, 1 | 58) { 1 } else { src.port() };
    lab.between((src.ip(), src_port), (dst.ip(), dst.port()), protocol).map(Conversation::new)
}

/// What would be recorded of a packet somewhere; `None` if it does not come by.
pub(crate) fn recorded(lab: &Lab, sent: &Sent, at: LoggedAt, direction: LegDirection) -> Option<Action> {
    let mut passed = legs(lab.fabric(), sent.passage()?).into_iter().map(|passed| passed.leg);
    passed.find(|leg| (leg.at, leg.direction) == (at, direction)).map(|leg| leg.action.into())
}
