//! What the window check and the state table want to know of a TCP segment.

use vpcemu_packet::{Headers, TcpFlags, Transport};

use super::states::Event;
use super::window::after;

/// A TCP segment, as far as connection tracking looks at it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// The control bits.
    pub flags: TcpFlags,
    /// The sequence number.
    pub seq: u32,
    /// The acknowledgement number, whether or not ACK is set.
    pub ack: u32,
    /// The window as it is on the wire, not scaled.
    pub window: u16,
    /// The payload in bytes.
    pub payload_len: u32,
    /// The options.
    pub options: TcpOptions,
}

/// The options that matter here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpOptions {
    /// There are any at all, padding included.
    pub present: bool,
    /// The window scale offered, 0-14: a larger shift counts as 14 (RFC 7323 2.3).
    pub window_scale: Option<u8>,
    /// SACK-permitted (RFC 2018 2).
    pub sack_permitted: bool,
    /// The highest right edge of the SACK blocks, if it is beyond the acknowledgement number.
    pub sack_edge: Option<u32>,
}

impl Segment {
    /// The segment in a datagram that `headers` was parsed of; `None` if it holds no TCP header.
    ///
    /// Options that a capture's snap length cut off count as absent. A data offset beyond the datagram does not get
    /// here: [`Headers::parse`] refuses it.
    pub fn of(headers: &Headers, datagram: &[u8]) -> Option<Self> {
        let Transport::Tcp { flags, seq, ack, payload_len, window, .. } = headers.transport else { return None };
        let end = datagram.len().min(headers.total_len as usize);
        let header = datagram.get(usize::from(headers.l4)..end).unwrap_or_default();
        let len = header.get(12).map_or(0, |offset| usize::from(offset >> 4) * 4).min(header.len());
        let options = TcpOptions::parse(header.get(20..len).unwrap_or_default(), ack);
        Some(Self { flags, seq, ack, window, payload_len, options })
    }

    /// What it means to the state table.
    pub fn event(&self) -> Event {
        Event::of(self.flags)
    }

    /// The sequence number behind it; SYN and FIN take one each (RFC 9293 3.4).
    pub fn end(&self) -> u32 {
        let counted = u32::from(self.has(TcpFlags::SYN)) + u32::from(self.has(TcpFlags::FIN));
        self.seq.wrapping_add(self.payload_len).wrapping_add(counted)
    }

    pub(super) fn has(&self, flag: TcpFlags) -> bool {
        self.flags.contains(flag)
    }
}

impl TcpOptions {
    /// Reads the option bytes of a header whose acknowledgement number is `ack`.
    ///
    /// An option that is shorter than itself or runs past the header ends the list, as it does in Linux: what came
    /// before it counts, and the segment is not invalid for it.
    pub fn parse(mut bytes: &[u8], ack: u32) -> Self {
        let mut seen = Self { present: !bytes.is_empty(), ..Self::default() };
        loop {
            let (option, rest) = match bytes {
                [] | [END, ..] => return seen,
                [NO_OPERATION, rest @ ..] => (&[][..], rest),
                [_, len, ..] if (2..=bytes.len()).contains(&usize::from(*len)) => bytes.split_at(usize::from(*len)),
                _ => return seen,
            };
            match option {
                [WINDOW_SCALE, 3, shift] => seen.window_scale = Some((*shift).min(MAX_SHIFT)),
                [SACK_PERMITTED, 2] => seen.sack_permitted = true,
                [SACK, _, blocks @ ..] if blocks.len() % SACK_BLOCK == 0 => {
                    for block in blocks.chunks_exact(SACK_BLOCK) {
                        let edge = u32::from_be_bytes([block[4], block[5], block[6], block[7]]);
                        if after(edge, seen.sack_edge.unwrap_or(ack)) {
                            seen.sack_edge = Some(edge);
                        }
                    }
                }
                _ => {}
            }
            bytes = rest;
        }
    }
}

// Option kinds (RFC 9293 3.2, RFC 7323 2.2, RFC 2018 2 and 3).
const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const WINDOW_SCALE: u8 = 3;
const SACK_PERMITTED: u8 = 4;
const SACK: u8 = 5;
/// Two edges of four bytes.
const SACK_BLOCK: usize = 8;
/// RFC 7323 2.3.
pub(super) const MAX_SHIFT: u8 = 14;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use vpcemu_packet::{Offloads, build};

    /// A SYN whose header is made longer by these option bytes.
    fn syn_with(options: &[u8]) -> Vec<u8> {
        let mut bytes = build::tcp("10.0.0.5:4000".parse().unwrap(), "198.51.100.7:80".parse().unwrap())
            .flags(TcpFlags::SYN)
            .seq(1000)
            .window(8192)
            .payload(b"early")
            .build();
        bytes.splice(40..40, options.iter().copied());
        let len = bytes.len() as u16;
        bytes[2..4].copy_from_slice(&len.to_be_bytes());
        bytes[10..12].fill(0);
        bytes[32] = ((20 + options.len()) as u8 / 4) << 4;
        bytes
    }

    #[test]
    fn a_syn_with_options_is_read_from_the_wire() {
        let bytes = syn_with(&[2, 4, 5, 180, 4, 2, 1, 1, 1, 3, 3, 7]);
        let headers = Headers::parse(&bytes, bytes.len() as u32, Offloads::Tolerate).unwrap();
        let segment = Segment::of(&headers, &bytes).unwrap();
        assert_eq!((segment.seq, segment.window, segment.payload_len), (1000, 8192, 5));
        assert_eq!(segment.end(), 1006);
        let options = TcpOptions { present: true, window_scale: Some(7), sack_permitted: true, sack_edge: None };
        assert_eq!(segment.options, options);
        // Cut by the snap length: what is there is read.
        let cut = &bytes[..46];
        let headers = Headers::parse(cut, bytes.len() as u32, Offloads::Tolerate).unwrap();
        let options = TcpOptions { window_scale: None, ..options };
        assert_eq!(Segment::of(&headers, cut).unwrap().options, options);
    }

    #[test]
    fn only_tcp_has_segments() {
        let bytes = build::udp("10.0.0.5:4000".parse().unwrap(), "198.51.100.7:80".parse().unwrap()).build();
        let headers = Headers::parse(&bytes, bytes.len() as u32, Offloads::Tolerate).unwrap();
        assert_eq!(Segment::of(&headers, &bytes), None);
    }

    #[test]
    fn damaged_options_end_the_list() {
        let parse = |bytes: &[u8]| TcpOptions::parse(bytes, 0);
        let plain = TcpOptions { present: true, ..TcpOptions::default() };
        let scaled = |shift| TcpOptions { window_scale: Some(shift), ..plain };
        assert_eq!(parse(&[3, 3, 200]), scaled(14));
        assert_eq!(parse(&[3, 3, 5, 4, 0, 4, 2]), scaled(5));
        assert_eq!(parse(&[3, 3, 5, 2, 255, 4, 2]), scaled(5));
        assert_eq!(parse(&[3, 3, 5, 0, 4, 2]), scaled(5));
        assert_eq!(parse(&[3, 3, 5, 4]), scaled(5));
        assert_eq!(parse(&[3, 4, 7, 0, 4, 3, 0]), plain);
        assert_eq!(parse(&[5, 6, 0, 0, 0, 9, 0]), plain);
    }

    #[test]
    fn no_options_are_not_empty_ones() {
        assert_eq!(TcpOptions::parse(&[], 0), TcpOptions::default());
        assert!(TcpOptions::parse(&[0, 0, 0, 0], 0).present);
    }

    #[test]
    fn the_highest_sack_edge_counts() {
        let block = |left: u32, right: u32| [left.to_be_bytes(), right.to_be_bytes()].concat();
        let edge = |blocks: &[Vec<u8>], ack| {
            let body = blocks.concat();
            TcpOptions::parse(&[vec![1, 1, 5, body.len() as u8 + 2], body].concat(), ack).sack_edge
        };
        assert_eq!(edge(&[block(200, 300), block(400, 500)], 100), Some(500));
        assert_eq!(edge(&[block(400, 500), block(200, 300)], 100), Some(500));
        // A duplicate SACK (RFC 2883) is behind the acknowledgement.
        assert_eq!(edge(&[block(50, 80)], 100), None);
        assert_eq!(edge(&[block(u32::MAX - 10, 20)], u32::MAX - 100), Some(20));
    }

    proptest! {
        #[test]
        fn any_options_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..60), ack: u32) {
            let seen = TcpOptions::parse(&bytes, ack);
            prop_assert!(seen.window_scale.is_none_or(|shift| shift <= MAX_SHIFT));
            prop_assert!(seen.sack_edge.is_none_or(|edge| after(edge, ack)));
        }
    }
}
