//! Captures out. What is written depends on what is given alone: no host, no system, no time.

mod buffer;
mod pcap;
mod pcapng;

pub use pcap::PcapWriter;
pub use pcapng::PcapngWriter;

use crate::Error;
use crate::walk::MAX_RECORD;

/// No packet is cut: 256 KiB is what tcpdump calls unlimited.
const SNAP_LENGTH: u32 = 262_144;

/// The captured length of a packet in two parts, if it is one that this crate would read again.
fn captured(link: &[u8], data: &[u8]) -> Result<u32, Error> {
    let length = link.len().saturating_add(data.len());
    match u32::try_from(length) {
        Ok(captured) if captured <= MAX_RECORD => Ok(captured),
        _ => Err(Error::TooLong { length, limit: MAX_RECORD }),
    }
}
