use vpcemu_flowlog::Record;

/// Whether a record is of the side that opened its flow.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Orientation {
    /// It is.
    Opening,
    /// It is of the other side.
    Reply,
    /// It does not say.
    Unknown,
}

/// Where ephemeral ports begin with most systems (RFC 6335 8.1.2: 49152; Linux: 32768).
const EPHEMERAL: u16 = 32_768;
/// Below it are the ports that services are found at (RFC 6335 6).
const SYSTEM: u16 = 1_024;

impl Orientation {
    /// What a record tells.
    pub fn of(record: &Record) -> Self {
        if record.protocol == Some(6)
            && let Some(flags) = record.tcp_flags
        {
            // SYN-ACK is 18, SYN alone 2 (9.9).
            match flags {
                flags if flags & 16 != 0 => return Self::Reply,
                flags if flags & 2 != 0 => return Self::Opening,
                _ => {}
            }
        }
        let (Some(src), Some(dst)) = (record.srcport, record.dstport) else { return Self::Unknown };
        let serves =
            |port: u16, other: u16| (port < SYSTEM && other >= SYSTEM) || (port < EPHEMERAL && other >= EPHEMERAL);
        match (serves(dst, src), serves(src, dst)) {
            (true, false) => Self::Opening,
            (false, true) => Self::Reply,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_tell_who_opened_and_else_the_ports() {
        let of = |protocol, flags, src, dst| {
            Orientation::of(&Record {
                protocol: Some(protocol),
                tcp_flags: flags,
                srcport: Some(src),
                dstport: Some(dst),
                ..Record::default()
            })
        };
        assert_eq!(of(6, Some(3), 443, 51514), Orientation::Opening);
        assert_eq!(of(6, Some(19), 51514, 443), Orientation::Reply);
        assert_eq!(of(6, Some(0), 51514, 443), Orientation::Opening);
        assert_eq!(of(17, None, 53, 2048), Orientation::Reply);
        assert_eq!(of(6, None, 5432, 40000), Orientation::Reply);
        assert_eq!(of(1, None, 0, 0), Orientation::Unknown);
        assert_eq!(of(6, None, 40000, 50000), Orientation::Unknown);
    }
}
