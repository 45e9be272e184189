//! Rewriting what only some packets have: the maximum segment size of a TCP handshake, the identification of IPv4.

use crate::checksum::Difference;
use crate::headers::IpVersion;
use crate::number::{TCP_HEADER, put_word, word};
use crate::packet::Packet;
use crate::tcp_flags::TcpFlags;
use crate::transport::Transport;

/// Where the identification is in an IPv4 header (RFC 791 3.1).
const IDENTIFICATION_AT: usize = 4;

/// TCP options of a single byte, and the one looked for (RFC 9293 3.1).
const END_OF_OPTIONS: u8 = 0;
const NO_OPERATION: u8 = 1;
const MAXIMUM_SEGMENT_SIZE: u8 = 2;

impl Packet<'_> {
    /// The maximum segment size that a SYN or SYN-ACK offers (RFC 9293 3.7.1).
    pub fn mss(&self) -> Option<u16> {
        self.mss_at().and_then(|at| word(&self.bytes, at))
    }

    /// Lowers the maximum segment size that a SYN or SYN-ACK offers to `max`. True if it was larger.
    pub fn clamp_mss(&mut self, max: u16) -> bool {
        let Some(at) = self.mss_at() else { return false };
        let Some(old) = word(&self.bytes, at).filter(|old| *old > max) else { return false };
        put_word(&mut self.bytes, at, max);
        // At an odd place each byte is in the other half of a checksum's word (RFC 1071 2).
        let aligned = (at - usize::from(self.headers.l4)).is_multiple_of(2);
        let difference =
            if aligned { Difference::of_u16(old, max) } else { Difference::of_u16(old.swap_bytes(), max.swap_bytes()) };
        if let Some(sum) = self.transport_sum() {
            sum.patch(&mut self.bytes, difference);
        }
        true
    }

    /// The identification of an IPv4 datagram.
    pub fn ip_id(&self) -> Option<u16> {
        (self.headers.version == IpVersion::V4).then(|| word(&self.bytes, IDENTIFICATION_AT)).flatten()
    }

    /// Replaces the identification of an IPv4 datagram.
    pub fn set_ip_id(&mut self, id: u16) {
        let Some(old) = self.ip_id() else { return };
        put_word(&mut self.bytes, IDENTIFICATION_AT, id);
        self.patch_header_checksum(Difference::of_u16(old, id));
        self.headers.renumber(id);
    }

    /// Where the value of the maximum segment size option is. Options that run past the header are nobody's.
    fn mss_at(&self) -> Option<usize> {
        let Transport::Tcp { flags, .. } = self.headers.transport else { return None };
        if !flags.contains(TcpFlags::SYN) {
            return None;
        }
        let l4 = usize::from(self.headers.l4);
        let header_len = usize::from(self.bytes.get(l4 + 12)? >> 4) * 4;
        let end = (l4 + header_len).min(self.headers.within(self.bytes.len()));
        let mut at = l4 + TCP_HEADER;
        while at < end {
            match self.bytes[at] {
                END_OF_OPTIONS => return None,
                NO_OPERATION => at += 1,
                kind => {
                    let len = usize::from(*self.bytes.get(at + 1).filter(|_| at + 1 < end)?);
                    if len < 2 || at + len > end {
                        return None;
                    }
                    if kind == MAXIMUM_SEGMENT_SIZE && len == 4 {
                        return Some(at + 2);
                    }
                    at += len;
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::build;
    use crate::headers::{Headers, Offloads};

    use super::*;

    fn syn(options: &[u8]) -> Vec<u8> {
        let plain = build::tcp("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap()).flags(TcpFlags::SYN);
        let mut bytes = plain.payload(options).build();
        bytes[20 + 12] = (5 + options.len() as u8 / 4) << 4;
        bytes[36..38].fill(0);
        let mut pseudo = bytes[12..20].to_vec();
        pseudo.extend([0, 6, 0, (bytes.len() - 20) as u8]);
        pseudo.extend(&bytes[20..]);
        put_word(&mut bytes, 36, crate::checksum::Checksum::of(&pseudo).0);
        bytes
    }

    fn clamped(options: &[u8], max: u16) -> (bool, Option<u16>) {
        let mut bytes = syn(options);
        let len = bytes.len() as u32;
        let mut packet = Packet::parse(&mut bytes, len, Offloads::Strict).unwrap();
        let done = packet.clamp_mss(max);
        let mss = packet.mss();
        Headers::parse(packet.bytes(), len, Offloads::Strict).expect("the checksum is still right");
        (done, mss)
    }

    #[test]
    fn the_segment_size_is_only_ever_lowered() {
        let mss = [2, 4, 0x05, 0x78];
        assert_eq!(clamped(&mss, 1000), (true, Some(1000)));
        assert_eq!(clamped(&mss, 1400), (false, Some(1400)));
        assert_eq!(clamped(&mss, 1500), (false, Some(1400)));
    }

    #[test]
    fn the_option_may_stand_at_an_odd_place() {
        assert_eq!(clamped(&[1, 2, 4, 0x23, 0x28, 1, 1, 0], 8460), (true, Some(8460)));
        assert_eq!(clamped(&[1, 1, 2, 4, 0x23, 0x29, 1, 0], 8460), (true, Some(8460)));
    }

    #[test]
    fn damaged_options_are_left_alone() {
        for options in [[2, 0, 0, 0], [2, 1, 0, 0], [2, 40, 0, 0], [0, 2, 4, 9], [3, 3, 2, 2], [1, 1, 1, 2]] {
            assert_eq!(clamped(&options, 1), (false, None), "{options:?}");
        }
    }

    #[test]
    fn other_segments_have_none() {
        let ends = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
        let mut bytes = build::tcp(ends.0, ends.1).mss(1400).build();
        let len = bytes.len() as u32;
        assert_eq!(Packet::parse(&mut bytes, len, Offloads::Strict).unwrap().mss(), None);
    }

    #[test]
    fn an_identification_is_replaced_with_its_checksum() {
        let ends = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
        let whole = build::udp(ends.0, ends.1).id(7).dont_fragment(false).payload(&[1; 60]).build();
        let mut bytes = build::fragment(&whole, 60).swap_remove(1);
        let len = bytes.len() as u32;
        let mut packet = Packet::parse(&mut bytes, len, Offloads::Strict).unwrap();
        assert_eq!(packet.ip_id(), Some(7));
        packet.set_ip_id(0xBEEF);
        let headers = *packet.headers();
        assert_eq!(Headers::parse(&bytes, len, Offloads::Strict), Ok(headers));
    }
}
