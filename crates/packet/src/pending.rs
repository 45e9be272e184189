//! Replaced at merge.
use crate::packet::Packet;
impl Packet<'_> {
    /// Pending.
    pub fn clamp_mss(&mut self, _max: u16) -> bool {
        false
    }
    /// Pending.
    pub fn ip_id(&self) -> Option<u16> {
        None
    }
    /// Pending.
    pub fn set_ip_id(&mut self, _id: u16) {}
}
