//! The classic format: a file header, then records.

use crate::reader::{Context, Damage, Found, Interface, MAX_RECORD};
use crate::{LinkType, Warning};

/// Length of the file header.
pub(crate) const FILE_HEADER: usize = 24;

const NANOSECOND: u64 = 1_000_000_000;

/// What the magic number says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Dialect {
    big_endian: bool,
    /// Nanoseconds a unit of the fraction.
    unit: u64,
    /// Length of a record header: Kuznetzov's modified format has 8 bytes more.
    record_header: usize,
}

impl Dialect {
    pub(crate) fn of(magic: [u8; 4]) -> Option<Self> {
        let (unit, record_header, big_endian) = match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] => (1_000, 16, false),
            [0xa1, 0xb2, 0xc3, 0xd4] => (1_000, 16, true),
            [0x4d, 0x3c, 0xb2, 0xa1] => (1, 16, false),
            [0xa1, 0xb2, 0x3c, 0x4d] => (1, 16, true),
            [0x34, 0xcd, 0xb2, 0xa1] => (1_000, 24, false),
            [0xa1, 0xb2, 0xcd, 0x34] => (1_000, 24, true),
            _ => return None,
        };
        Some(Self { big_endian, unit, record_header })
    }

    fn word(self, bytes: &[u8], at: usize) -> u32 {
        let word: [u8; 4] = bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).unwrap_or_default();
        if self.big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    }
}

/// Between two records.
#[derive(Debug)]
pub(crate) struct PcapState {
    dialect: Dialect,
}

impl PcapState {
    /// Reads the file header; none if it is too short.
    pub(crate) fn new(dialect: Dialect, header: &[u8]) -> Option<(Self, Interface)> {
        let header = header.get(..FILE_HEADER)?;
        // The upper bits of the link type hold the length of the frame check sequence.
        let link_type = LinkType(dialect.word(header, 20) & 0x0fff_ffff);
        let interface = Interface { name: None, link_type, snap_length: dialect.word(header, 16) };
        Some((Self { dialect }, interface))
    }

    pub(crate) fn next(&mut self, context: &mut Context<'_>) -> Result<Option<Found>, Damage> {
        let dialect = self.dialect;
        let header_len = dialect.record_header;
        let Some(header) = context.take(header_len, "the record header")? else { return Ok(None) };
        let (seconds, fraction) = (dialect.word(header, 0), dialect.word(header, 4));
        let (captured, original_len) = (dialect.word(header, 8), dialect.word(header, 12));
        if captured > MAX_RECORD {
            let cause = format!("the record claims {captured} bytes; more than {MAX_RECORD} are not believed");
            return Err(Damage::Wrong(cause));
        }
        let captured = captured as usize;
        let need = header_len + captured;
        let have = context.input.fill(need).map_err(Damage::Io)?.len();
        if have < need {
            let have = (have - header_len) as u64;
            return Err(Damage::Truncated { what: "the packet", need: captured as u64, have });
        }
        context.input.consume(need);
        let fraction = u64::from(fraction) * dialect.unit;
        if fraction >= NANOSECOND {
            context.warn(Warning::FractionBeyondSecond);
        }
        let timestamp_ns = u64::from(seconds) * NANOSECOND + fraction;
        Ok(Some(Found { timestamp_ns, interface: 0, captured, original_len, trailer: 0, direction: None }))
    }
}
