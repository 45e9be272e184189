//! The TCP control bits.

use std::fmt;
use std::ops::BitOr;

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
}
