//! Pending.
use super::refuse;
use crate::fabric::Nat;
use crate::index::NatIx;
use crate::outcome::Denial;
use crate::reason::DropReason;
use crate::walk::Walk;
use vpcemu_packet::FlowKey;
pub(super) fn outbound(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, _nat: &Nat) -> Result<(), Denial> {
    Err(refuse(walk, nat_ix, DropReason::NatProtocol))
}
pub(super) fn inbound(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, _inside: &FlowKey) -> Result<(), Denial> {
    Err(refuse(walk, nat_ix, DropReason::NatProtocol))
}
pub(super) fn error_inbound(walk: &mut Walk<'_, '_, '_>, nat_ix: NatIx, _inside: &FlowKey) -> Result<(), Denial> {
    Err(refuse(walk, nat_ix, DropReason::NatProtocol))
}
