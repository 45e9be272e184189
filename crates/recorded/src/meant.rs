//! Which of its interface's addresses a dialogue is with, where records show the primary one for any of them (9.10).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use vpcemu_dataplane::flow_log::LegDirection;
use vpcemu_lab::Lab;

use crate::dialogue::Dialogue;
use crate::evidence::agreement;

/// Another address than the one that records show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Meant {
    /// Whether the first end has it.
    of_first: bool,
    address: Ipv4Addr,
}

impl Meant {
    /// The address by which more of what was recorded comes about than by the shown one, if there is any: the first such of those
    /// by which most does. Who opened the dialogue is known, or either is tried.
    pub(crate) fn of(lab: &mut Lab, dialogue: &Dialogue, opened_by_first: Option<bool>) -> Option<Self> {
        let told = dialogue.told.iter().find(|told| !told.own_side_told)?;
        let (eni, direction) = told.place?;
        let of_first = told.forward == (direction == LegDirection::Egress);
        let shown = if of_first { dialogue.ends.0.ip() } else { dialogue.ends.1.ip() };
        let of = lab.fabric().eni(eni).filter(|of| shown.is_ipv4() && of.primary(shown) == Some(shown))?;
        let others: Vec<_> = of.addresses.iter().copied().filter(|own| *own != shown).collect();
        let mut most = None;
        for own in others {
            let IpAddr::V4(address) = own else { continue };
            // With one address there is nothing to try.
            let least = *most.get_or_insert_with(|| (agrees(lab, dialogue, dialogue.ends, opened_by_first), None));
            let meant = Self { of_first, address };
            let agrees = agrees(lab, dialogue, meant.instead_of(dialogue.ends), opened_by_first);
            if agrees > least.0 {
                most = Some((agrees, Some(meant)));
            }
        }
        most.and_then(|(_, meant)| meant)
    }

    /// Ends of a dialogue as its packets have them.
    pub(crate) fn instead_of(self, mut ends: (SocketAddr, SocketAddr)) -> (SocketAddr, SocketAddr) {
        let end = if self.of_first { &mut ends.0 } else { &mut ends.1 };
        end.set_ip(IpAddr::V4(self.address));
        ends
    }
}

/// How many records of a dialogue an exchange between two ends explains.
fn agrees(lab: &mut Lab, dialogue: &Dialogue, ends: (SocketAddr, SocketAddr), opened_by_first: Option<bool>) -> u32 {
    let by = |opener: bool| opened_by_first.is_none_or(|known| known == opener);
    let mut of = |opener: bool| if by(opener) { agreement(lab, dialogue, ends, opener) } else { 0 };
    of(true).max(of(false))
}
