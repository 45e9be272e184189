//! The maximum segment size that a TCP endpoint announces, and how gateways lower it (1.23).

use crate::checksum::Difference;
use crate::number::{TCP_HEADER, put_word, word};
use crate::options;
use crate::packet::Packet;
use crate::tcp_flags::TcpFlags;
use crate::transport::Transport;

impl Packet<'_> {
    /// The maximum segment size that a SYN or SYN-ACK announces, if it does.
    ///
    /// None for every other segment, where the option means nothing (RFC 9293 3.7.1), and where the option was cut off or
    /// is not right: options with a length of 0 or 1 or past the end of the header hide those behind them.
    pub fn mss(&self) -> Option<u16> {
        word(&self.bytes, self.mss_at()?)
    }

    /// Lowers the maximum segment size to `max`, never raises it. True if it did.
    pub fn clamp_mss(&mut self, max: u16) -> bool {
        let Some(at) = self.mss_at() else { return false };
        let Some(old) = word(&self.bytes, at).filter(|old| *old > max) else { return false };
        put_word(&mut self.bytes, at, max);
        // Behind an odd number of bytes the value's halves are in two words, each in the other's place: one's complement
        // sums do not care about byte order as long as it is the same for all (RFC 1071 2).
        let difference = match (at - usize::from(self.headers.l4)) % 2 {
            0 => Difference::of_u16(old, max),
            _ => Difference::of_u16(old.swap_bytes(), max.swap_bytes()),
        };
        if let Some(sum) = self.transport_sum() {
            sum.patch(&mut self.bytes, difference);
        }
        true
    }

    /// Where the value of the option is.
    fn mss_at(&self) -> Option<usize> {
        let Transport::Tcp { flags, .. } = self.headers.transport else { return None };
        if !flags.contains(TcpFlags::SYN) {
            return None;
        }
        let l4 = usize::from(self.headers.l4);
        let segment = self.bytes.get(l4..self.headers.within(self.bytes.len()))?;
        let header_len = usize::from(*segment.get(DATA_OFFSET_AT)? >> 4) * 4;
        // A snap length or a fragment may have cut the options: those before the cut count.
        let options = segment.get(TCP_HEADER..header_len.min(segment.len()))?;
        Some(l4 + TCP_HEADER + value_at(options)?)
    }
}

/// The maximum segment size that a whole segment announces.
pub(crate) fn announced(segment: &[u8]) -> Option<u16> {
    let header_len = usize::from(*segment.get(DATA_OFFSET_AT)? >> 4) * 4;
    let options = segment.get(TCP_HEADER..header_len)?;
    word(options, value_at(options)?)
}

/// Where the value of the maximum segment size is among the options of a TCP header (RFC 9293 3.1).
fn value_at(options: &[u8]) -> Option<usize> {
    options::walk(options).find(|(_, option)| option[0] == MSS && option.len() == MSS_LEN).map(|(at, _)| at + 2)
}

/// The data offset is the upper half of this byte of the header, in 32-bit words.
const DATA_OFFSET_AT: usize = 12;
/// The option's kind (RFC 9293 3.2).
const MSS: u8 = 2;
/// Its length: kind, length and value.
const MSS_LEN: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build;
    use crate::checksum::Checksum;
    use crate::headers::{Headers, Offloads};

    /// A SYN with these options, everything about it right.
    fn syn(v6: bool, options: &[u8]) -> Vec<u8> {
        let (src, dst) = if v6 { ("[2001:db8::1]:1", "[2001:db8::2]:2") } else { ("10.0.0.1:1", "10.0.0.2:2") };
        let (src, dst): (std::net::SocketAddr, std::net::SocketAddr) = (src.parse().unwrap(), dst.parse().unwrap());
        let plain = build::tcp(src, dst).flags(TcpFlags::SYN).payload(b"fast open").build();
        let l4 = if v6 { 40 } else { 20 };
        let mut segment = plain[l4..].to_vec();
        segment.splice(20..20, options.iter().copied());
        segment[12] = ((20 + options.len()) as u8 / 4) << 4;
        put_word(&mut segment, 16, 0);
        let sum = Checksum::of_segment(src.ip(), dst.ip(), 6, &segment);
        put_word(&mut segment, 16, sum.0);
        build::protocol(src.ip(), dst.ip(), 6, &segment).build()
    }

    /// The value before, whether it was lowered to `max`, and the value after.
    fn clamped(mut bytes: Vec<u8>, max: u16) -> (Option<u16>, bool, Option<u16>) {
        let len = bytes.len() as u32;
        let mut packet = Packet::parse(&mut bytes, len, Offloads::Strict).unwrap();
        let before = packet.mss();
        let lowered = packet.clamp_mss(max);
        let after = packet.mss();
        let headers = *packet.headers();
        assert_eq!(Headers::parse(&bytes, len, Offloads::Strict), Ok(headers));
        (before, lowered, after)
    }

    #[test]
    fn the_value_is_only_ever_lowered() {
        for v6 in [false, true] {
            let bytes = || syn(v6, &[2, 4, 0x05, 0x78]);
            assert_eq!(clamped(bytes(), 1000), (Some(1400), true, Some(1000)));
            assert_eq!(clamped(bytes(), 1400), (Some(1400), false, Some(1400)));
            assert_eq!(clamped(bytes(), 1500), (Some(1400), false, Some(1400)));
        }
    }

    #[test]
    fn the_option_may_be_anywhere() {
        for padding in 0..8 {
            let mut options = vec![1; padding];
            options.extend([2, 4, 0x23, 0x28]);
            options.resize(options.len().next_multiple_of(4), 0);
            for max in [0, 1, 0x00FF, 0x0100, 8460] {
                assert_eq!(clamped(syn(false, &options), max), (Some(9000), true, Some(max)), "behind {padding}");
            }
        }
        // Behind window scale, timestamps and selective acknowledgements.
        let options = [3, 3, 7, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 4, 2, 2, 4, 0x05, 0xB4, 0];
        assert_eq!(clamped(syn(false, &options), 1400), (Some(1460), true, Some(1400)));
    }

    #[test]
    fn options_that_are_not_right_are_left_alone() {
        let broken: [&[u8]; 8] = [
            // Behind the end of the options.
            &[0, 0, 0, 0, 2, 4, 0x23, 0x28],
            // Behind a length of 0, of 1, and one past the end.
            &[8, 0, 0, 0, 2, 4, 0x23, 0x28],
            &[8, 1, 2, 4, 0x23, 0x28, 0, 0],
            &[8, 9, 0, 0, 2, 4, 0x23, 0x28],
            // A length that is not its own.
            &[2, 3, 0x23, 0],
            &[2, 0, 0x23, 0x28],
            // The value would be payload.
            &[1, 1, 2, 4],
            &[1, 1, 1, 2],
        ];
        for options in broken {
            let before = syn(false, options);
            let mut bytes = before.clone();
            let len = bytes.len() as u32;
            let mut packet = Packet::parse(&mut bytes, len, Offloads::Strict).unwrap();
            assert_eq!((packet.mss(), packet.clamp_mss(1)), (None, false), "{options:?}");
            assert_eq!(bytes, before);
        }
    }

    #[test]
    fn only_what_opens_a_connection_announces_a_value() {
        let (src, dst) = ("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap());
        let with = |flags| build::tcp(src, dst).flags(flags).mss(1460).window_scale(7).sack_permitted().build();
        assert_eq!(clamped(with(TcpFlags::SYN | TcpFlags::ACK), 1000), (Some(1460), true, Some(1000)));
        assert_eq!(clamped(with(TcpFlags::ACK), 1000), (None, false, None));
        assert_eq!(clamped(build::udp(src, dst).payload(&[2, 4, 5, 6]).build(), 1), (None, false, None));
    }

    #[test]
    fn a_wrong_checksum_stays_as_wrong_and_a_cut_one_is_not_needed() {
        let (whole, mut wrong) =
            (syn(false, &[1, 2, 4, 0x23, 0x28, 0, 0, 0]), syn(false, &[1, 2, 4, 0x23, 0x28, 0, 0, 0]));
        wrong[37] ^= 1;
        let mut right = whole.clone();
        for bytes in [&mut wrong, &mut right] {
            let len = bytes.len() as u32;
            assert!(Packet::parse(bytes, len, Offloads::Tolerate).unwrap().clamp_mss(1400));
        }
        assert_eq!(wrong[37] ^ 1, right[37]);
        // The option is cut in the middle.
        for len in 20..whole.len() {
            let mut bytes = whole[..len].to_vec();
            let mut packet = Packet::parse(&mut bytes, whole.len() as u32, Offloads::Tolerate).unwrap();
            assert_eq!(packet.mss(), (len >= 45).then_some(9000));
            assert_eq!(packet.clamp_mss(1400), len >= 45);
        }
    }
}
