//! Who opened a dialogue whose records do not say it: what the configuration would have recorded of either tells.

use std::net::SocketAddr;

use vpcemu_dataplane::flow_log::{LegDirection, LoggedAt};
use vpcemu_lab::{Lab, Sent};
use vpcemu_packet::TcpFlags;

use crate::dialogue::Dialogue;
use crate::exchange::{conversation, recorded};
use crate::told::Told;

/// Whether the first end opened it, rather than answered.
///
/// Each end is taken for the one that opens, and its first packet and the answer to it are sent. The end whose exchange agrees with
/// more of what was recorded of both directions opened it. Where both agree, whichever of the two comes first did, and of one
/// second that which enters the network: somebody who may ask, and is answered.
pub(crate) fn first_opens(lab: &mut Lab, dialogue: &Dialogue) -> bool {
    let (first, second) = sides(dialogue);
    let ends = dialogue.ends;
    let (as_first, as_second) = (agreement(lab, dialogue, ends, true), agreement(lab, dialogue, ends, false));
    match (as_first.cmp(&as_second), first, second) {
        (std::cmp::Ordering::Greater, ..) => true,
        (std::cmp::Ordering::Less, ..) => false,
        // Alone, it is of the one who asks.
        (_, _, None) => true,
        (_, None, Some(_)) => false,
        (_, Some(first), Some(second)) => {
            let enters = |told: &Told| told.place.is_some_and(|(_, direction)| direction == LegDirection::Ingress);
            (first.start, !enters(first)) <= (second.start, !enters(second))
        }
    }
}

/// The first record of either end.
fn sides(dialogue: &Dialogue) -> (Option<&Told>, Option<&Told>) {
    let of = |forward: bool| dialogue.told.iter().find(|told| told.forward == forward);
    (of(true), of(false))
}

/// How many of both sides' first records an exchange between two ends explains, if it is the first end that opens it, or else the
/// second.
pub(crate) fn agreement(
    lab: &mut Lab,
    dialogue: &Dialogue,
    ends: (SocketAddr, SocketAddr),
    opened_by_first: bool,
) -> u32 {
    let (first, second) = sides(dialogue);
    let (asks, answers, src, dst) =
        if opened_by_first { (first, second, ends.0, ends.1) } else { (second, first, ends.1, ends.0) };
    let Some(mut conversation) = conversation(lab, src, dst, dialogue.protocol) else { return 0 };
    lab.forget();
    let asked = conversation.send(lab, TcpFlags::SYN);
    let explains = |lab: &Lab, told: Option<&Told>, sent: &Sent| {
        told.is_some_and(|told| {
            let at = |(eni, direction)| recorded(lab, sent, LoggedAt::Interface(eni), direction);
            told.action.is_some() && told.place.and_then(at) == told.action
        })
    };
    let mut agrees = u32::from(explains(lab, asks, &asked));
    if let Ok(answered) = conversation.answer(lab, TcpFlags::SYN | TcpFlags::ACK) {
        agrees += u32::from(explains(lab, answers, &answered));
    }
    agrees
}
