//! The first look at a packet, before any entry is searched: what is INVALID in itself.

use vpcemu_packet::TcpFlags;

use super::judgement::Invalid;

/// Whether a stack can have sent a segment with these flags. PSH, ECE and CWR go with everything, URG with all but RST.
pub fn valid_flags(flags: TcpFlags) -> bool {
    const ANY: u8 = TcpFlags::PSH.0 | TcpFlags::ECE.0 | TcpFlags::CWR.0;
    VALID.iter().any(|valid| valid.0 == flags.0 & !ANY)
}

const VALID: [TcpFlags; 9] = {
    const fn both(a: TcpFlags, b: TcpFlags) -> TcpFlags {
        TcpFlags(a.0 | b.0)
    }
    const SYN_URG: TcpFlags = both(TcpFlags::SYN, TcpFlags::URG);
    const FIN_ACK: TcpFlags = both(TcpFlags::FIN, TcpFlags::ACK);
    [
        TcpFlags::SYN,
        SYN_URG,
        both(TcpFlags::SYN, TcpFlags::ACK),
        TcpFlags::RST,
        both(TcpFlags::RST, TcpFlags::ACK),
        FIN_ACK,
        both(FIN_ACK, TcpFlags::URG),
        TcpFlags::ACK,
        both(TcpFlags::ACK, TcpFlags::URG),
    ]
};

/// Judges a TCP header: `available` bytes behind the IP header, of which `data_offset` 32-bit words are header.
///
/// `checksum_ok` is the caller's finding; it is true where checksums are not judged.
pub fn check_tcp(flags: TcpFlags, data_offset: u8, available: u32, checksum_ok: bool) -> Result<(), Invalid> {
    let header = u32::from(data_offset) * 4;
    if header < 20 || header > available {
        return Err(Invalid::Length);
    }
    if !checksum_ok {
        return Err(Invalid::Checksum);
    }
    if valid_flags(flags) { Ok(()) } else { Err(Invalid::Flags) }
}

/// Judges a UDP header whose length field is `length`, with `available` bytes behind the IP header. A checksum of 0 is
/// ok.
pub fn check_udp(length: u16, available: u32, checksum_ok: bool) -> Result<(), Invalid> {
    let length = u32::from(length);
    if available < 8 || length < 8 || length > available {
        return Err(Invalid::Length);
    }
    if checksum_ok { Ok(()) } else { Err(Invalid::Checksum) }
}

/// What an ICMP message is to connection tracking.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum IcmpKind {
    /// It opens an entry or belongs to one.
    Query,
    /// It belongs to the entry of the query that it answers, and is [`Invalid::Unrelated`] without.
    Answer,
    /// It belongs to the entry of the packet that it quotes, and is [`Invalid::Unrelated`] without.
    Error,
}

/// Judges an ICMP message by its type, with `available` bytes behind the IP header.
pub fn check_icmp(kind: u8, available: u32, checksum_ok: bool) -> Result<IcmpKind, Invalid> {
    if available < 8 {
        return Err(Invalid::Length);
    }
    if !checksum_ok {
        return Err(Invalid::Checksum);
    }
    match kind {
        // Echo, timestamp, information, address mask (RFC 792, RFC 950).
        8 | 13 | 15 | 17 => Ok(IcmpKind::Query),
        0 | 14 | 16 | 18 => Ok(IcmpKind::Answer),
        // Unreachable, source quench, redirect, time exceeded, parameter problem.
        3 | 4 | 5 | 11 | 12 => Ok(IcmpKind::Error),
        _ => Err(Invalid::IcmpType),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_table_of_flags() {
        let core = (0..64).map(TcpFlags).filter(|flags| !flags.contains(TcpFlags::PSH));
        let (valid, invalid): (Vec<_>, Vec<_>) = core.partition(|flags| valid_flags(*flags));
        let list = |flags: &[TcpFlags]| flags.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        insta::assert_snapshot!(list(&valid), @"S R A FA SA RA SU AU FAU");
        insta::assert_snapshot!(list(&invalid), @". F FS FR SR FSR FSA FRA SRA FSRA U FU FSU RU FRU SRU FSRU SAU FSAU RAU FRAU SRAU FSRAU");
        for flags in (0..=u8::MAX).map(TcpFlags) {
            assert_eq!(valid_flags(flags), valid_flags(TcpFlags(flags.0 & 0x37)), "{flags}");
        }
    }

    #[test]
    fn e15_and_e16_damaged_segments() {
        let syn = TcpFlags::SYN;
        assert_eq!(check_tcp(syn, 5, 20, true), Ok(()));
        assert_eq!(check_tcp(syn, 3, 20, true), Err(Invalid::Length));
        assert_eq!(check_tcp(syn, 15, 59, true), Err(Invalid::Length));
        assert_eq!(check_tcp(syn, 15, 60, true), Ok(()));
        assert_eq!(check_tcp(syn, 5, 20, false), Err(Invalid::Checksum));
        for flags in [TcpFlags(0), TcpFlags(0x29), syn | TcpFlags::FIN, syn | TcpFlags::RST] {
            assert_eq!(check_tcp(flags, 5, 20, true), Err(Invalid::Flags), "{flags}");
        }
        for more in [TcpFlags::ECE | TcpFlags::CWR, TcpFlags::PSH | TcpFlags::URG] {
            assert_eq!(check_tcp(syn | more, 5, 20, true), Ok(()));
        }
    }

    #[test]
    fn g6_udp_lengths() {
        assert_eq!(check_udp(8, 8, true), Ok(()));
        assert_eq!(check_udp(7, 8, true), Err(Invalid::Length));
        assert_eq!(check_udp(9, 8, true), Err(Invalid::Length));
        assert_eq!(check_udp(8, 11, true), Ok(()));
        assert_eq!(check_udp(6, 6, true), Err(Invalid::Length));
        assert_eq!(check_udp(8, 8, false), Err(Invalid::Checksum));
    }

    #[test]
    fn every_icmp_type() {
        let of = |wanted| {
            (0..=u8::MAX)
                .filter(|kind| check_icmp(*kind, 8, true) == wanted)
                .map(|kind| kind.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(of(Ok(IcmpKind::Query)), ["8", "13", "15", "17"]);
        assert_eq!(of(Ok(IcmpKind::Answer)), ["0", "14", "16", "18"]);
        assert_eq!(of(Ok(IcmpKind::Error)), ["3", "4", "5", "11", "12"]);
        assert_eq!(check_icmp(8, 7, true), Err(Invalid::Length));
        assert_eq!(check_icmp(8, 8, false), Err(Invalid::Checksum));
    }
}
