//! The classic format: a file header, then records (draft-ietf-opsawg-pcap).

use crate::byte_order::ByteOrder;
use crate::walk::{Context, Damage, Found, MAX_RECORD};
use crate::{Interface, LinkType, Oddity};

/// Length of the file header.
pub(crate) const FILE_HEADER: usize = 24;

/// The bits of the last word of the file header that are the link type; those above tell of frame check sequences.
const LINK_TYPE_BITS: u32 = 0x03ff_ffff;

const SECOND: u64 = 1_000_000_000;

/// Reads records, in what the magic number says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PcapWalker {
    order: ByteOrder,
    /// Nanoseconds a unit of the fraction.
    unit: u64,
    /// Length of a record header: Kuznetzov's modified format has 8 bytes more.
    record_header: usize,
}

impl PcapWalker {
    /// Tells the variant by the magic number.
    pub(crate) fn of(magic: [u8; 4]) -> Option<Self> {
        let (order, magic) = match magic {
            [0xa1, 0xb2, c, d] => (ByteOrder::Big, [c, d]),
            [d, c, 0xb2, 0xa1] => (ByteOrder::Little, [c, d]),
            _ => return None,
        };
        let (unit, record_header) = match magic {
            [0xc3, 0xd4] => (1_000, 16),
            [0x3c, 0x4d] => (1, 16),
            [0xcd, 0x34] => (1_000, 24),
            _ => return None,
        };
        Some(Self { order, unit, record_header })
    }

    /// What the file header says of the one interface.
    pub(crate) fn interface(self, header: &[u8; FILE_HEADER]) -> Interface {
        let link_type = LinkType(self.order.u32(header, 20) & LINK_TYPE_BITS);
        Interface { name: None, link_type, snap_length: self.order.u32(header, 16) }
    }

    #[inline]
    pub(crate) fn next(self, context: &mut Context<'_>) -> Result<Option<Found>, Damage> {
        let Some(header) = context.peek(self.record_header, "the record header")? else { return Ok(None) };
        let [seconds, fraction, captured, original_len] = [0, 4, 8, 12].map(|at| self.order.u32(header, at));
        if captured > MAX_RECORD {
            let cause = format!("the record claims {captured} bytes; more than {MAX_RECORD} are not believed");
            return Err(Damage::Lost(cause));
        }
        let length = self.record_header + captured as usize;
        context.peek(length, "the record")?;
        let fraction = u64::from(fraction) * self.unit;
        if fraction >= SECOND {
            context.warn(Oddity::FractionBeyondSecond);
        }
        Ok(Some(Found {
            // Neither product nor sum overflows: seconds and fraction have 32 bits each.
            timestamp_ns: u64::from(seconds) * SECOND + fraction,
            interface: 0,
            original_len,
            direction: None,
            data: self.record_header..length,
            comment: None,
            length,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants() {
        let of = |magic: u32| (PcapWalker::of(magic.to_le_bytes()), PcapWalker::of(magic.to_be_bytes()));
        for (magic, unit, record_header) in [(0xa1b2_c3d4, 1_000, 16), (0xa1b2_3c4d, 1, 16), (0xa1b2_cd34, 1_000, 24)] {
            let expected = |order| Some(PcapWalker { order, unit, record_header });
            assert_eq!(of(magic), (expected(ByteOrder::Little), expected(ByteOrder::Big)));
        }
        assert_eq!(of(0xa1b2_c3d5), (None, None));
    }

    #[test]
    fn frame_check_sequences_are_no_link_type() {
        let walker = PcapWalker::of([0xa1, 0xb2, 0xc3, 0xd4]).unwrap();
        let mut header = [0; FILE_HEADER];
        // A sequence of 4 bytes, which the bit below says is known.
        header[20..].copy_from_slice(&[0x24, 0, 0, 1]);
        assert_eq!(walker.interface(&header).link_type, LinkType::ETHERNET);
    }
}
