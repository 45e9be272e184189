//! The TCP control bits.

use std::fmt;
use std::ops::BitOr;
use std::str::FromStr;

/// The eight control bits of a TCP header, as they are on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// The sender has finished.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement number counts.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x20);
    /// Congestion experienced echo (RFC 3168).
    pub const ECE: Self = Self(0x40);
    /// Congestion window reduced (RFC 3168).
    pub const CWR: Self = Self(0x80);

    /// True if every bit of `other` is set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One letter a bit, `.` for none: `SA` is the second packet of a connection.
impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str(".");
        }
        for (bit, letter) in LETTERS.iter().enumerate() {
            if self.0 & (1 << bit) != 0 {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}

/// Letters as [`TcpFlags`] prints them, in any order and case.
impl FromStr for TcpFlags {
    type Err = NotTcpFlags;

    fn from_str(text: &str) -> Result<Self, NotTcpFlags> {
        let bit =
            |letter: char| LETTERS.iter().position(|known| known.eq_ignore_ascii_case(letter.encode_utf8(&mut [0; 4])));
        let flags = match text {
            "" => None,
            "." => Some(Self(0)),
            letters => letters.chars().try_fold(Self(0), |flags, letter| Some(flags | Self(1 << bit(letter)?))),
        };
        flags.ok_or_else(|| NotTcpFlags(text.to_owned()))
    }
}

/// Text that is no TCP flags.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotTcpFlags(pub String);

impl fmt::Display for NotTcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` are no TCP flags: expected letters of FSRPAUEC, or `.` for none", self.0)
    }
}

impl std::error::Error for NotTcpFlags {}

/// From the lowest bit up.
const LETTERS: [&str; 8] = ["F", "S", "R", "P", "A", "U", "E", "C"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_in_wire_order() {
        assert_eq!(TcpFlags(0).to_string(), ".");
        assert_eq!((TcpFlags::ACK | TcpFlags::SYN).to_string(), "SA");
        assert_eq!(TcpFlags(0xFF).to_string(), "FSRPAUEC");
    }

    #[test]
    fn contains_wants_every_bit() {
        assert!(TcpFlags(0x12).contains(TcpFlags::SYN));
        assert!(!TcpFlags(0x10).contains(TcpFlags::SYN | TcpFlags::ACK));
    }

    #[test]
    fn letters_are_read_back() {
        for flags in 0..=255 {
            assert_eq!(TcpFlags(flags).to_string().parse(), Ok(TcpFlags(flags)));
        }
        assert_eq!("sa".parse(), Ok(TcpFlags::SYN | TcpFlags::ACK));
        for text in ["", "SX", "S.", "é"] {
            assert_eq!(text.parse::<TcpFlags>(), Err(NotTcpFlags(text.to_owned())));
        }
    }
}
