//! Packets as two sides send them: each counts what it sends, so that no two are the same.

use std::net::SocketAddr;

use vpcemu_packet::{TcpFlags, build};

/// TCP without options, the least that a segment has.
const TCP_HEADER: u64 = 20;
/// UDP and echoes.
const SHORT_HEADER: u64 = 8;
/// No datagram is longer (RFC 791 3.1).
const LONGEST: u64 = 65_535;

/// How far both sides of a dialogue have come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sides {
    /// Whether the first end opened it.
    pub(crate) first_opens: bool,
    /// The identifier of pings between them.
    echo: u16,
    first: Side,
    second: Side,
}

#[derive(Clone, Copy, Debug)]
struct Side {
    /// Where a connection begins to count.
    isn: u32,
    /// The sequence number of what comes next.
    next: u32,
    /// Packets sent.
    sent: u32,
}

impl Sides {
    /// At their beginning. `digest` tells one dialogue from another.
    pub(crate) fn new(digest: u64, first_opens: bool) -> Self {
        let side = |isn: u32| Side { isn, next: isn.wrapping_add(1), sent: 0 };
        Self {
            first_opens,
            echo: (digest >> 48) as u16,
            first: side(digest as u32),
            second: side((digest >> 32) as u32),
        }
    }

    /// The next packet of a side, an IP datagram of so many bytes, but not shorter than its headers.
    pub(crate) fn datagram(
        &mut self,
        ends: (SocketAddr, SocketAddr),
        of_first: bool,
        protocol: u8,
        flags: TcpFlags,
        length: u64,
    ) -> Vec<u8> {
        let answers = of_first != self.first_opens;
        let (src, dst) = if of_first { ends } else { (ends.1, ends.0) };
        let (side, peer) = if of_first { (&mut self.first, &self.second) } else { (&mut self.second, &self.first) };
        side.sent = side.sent.wrapping_add(1);
        let count = side.sent as u16;
        let ip = if src.is_ipv4() { 20 } else { 40 };
        let header = match protocol {
            6 => TCP_HEADER,
            17 | 1 | 58 => SHORT_HEADER,
            _ => 0,
        };
        let payload = vec![0; usize::try_from(length.min(LONGEST).saturating_sub(ip + header)).unwrap_or(0)];
        let mut datagram = match protocol {
            6 => {
                let (seq, ack) = side.segment(flags, payload.len(), peer);
                build::tcp(src, dst).flags(flags).seq(seq).ack(ack).payload(&payload).id(count).build()
            }
            17 => build::udp(src, dst).payload(&payload).id(count).build(),
            1 | 58 => {
                // Records tell neither type nor identifier. The numbers of requests and of their answers are the same.
                let kind = if answers { build::echo_reply } else { build::echo_request };
                kind(src.ip(), dst.ip(), self.echo, count).payload(&payload).id(count).build()
            }
            other => build::protocol(src.ip(), dst.ip(), other, &payload).id(count).build(),
        };
        if let ([_, traffic_and_label, high, low, ..], false) = (datagram.as_mut_slice(), src.is_ipv4()) {
            // IPv6 has no identification. Its flow label, of 20 bits, counts instead.
            *traffic_and_label |= (side.sent >> 16) as u8 & 0x0f;
            [*high, *low] = count.to_be_bytes();
        }
        datagram
    }
}

impl Side {
    /// The sequence and acknowledgement number of the next segment. A SYN that is repeated is the same one.
    fn segment(&mut self, flags: TcpFlags, payload: usize, peer: &Self) -> (u32, u32) {
        let payload = payload as u32; // at most LONGEST
        let seq = if flags.contains(TcpFlags::SYN) { self.isn } else { self.next };
        let counted = [TcpFlags::SYN, TcpFlags::FIN].into_iter().filter(|flag| flags.contains(*flag)).count();
        self.next = seq.wrapping_add(payload).wrapping_add(counted as u32);
        (seq, if flags.contains(TcpFlags::ACK) { peer.next } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use vpcemu_packet::{Headers, Offloads, Transport};

    use super::*;

    fn parsed(datagram: &[u8]) -> Headers {
        Headers::parse(datagram, datagram.len() as u32, Offloads::Strict).unwrap()
    }

    #[test]
    fn segments_count_what_both_sides_send() {
        let ends = ("10.0.0.5:40000".parse().unwrap(), "203.0.113.5:443".parse().unwrap());
        let mut sides = Sides::new(0x0000_1388_0000_03e8, true);
        let mut sent = |of_first: bool, flags: &str, payload: u64| {
            let flags = flags.parse().unwrap();
            let datagram = sides.datagram(ends, of_first, 6, flags, 40 + payload);
            assert_eq!(datagram.len() as u64, 40 + payload);
            let Transport::Tcp { seq, ack, .. } = parsed(&datagram).transport else { panic!("a segment") };
            (seq, ack)
        };
        assert_eq!(sent(true, "S", 0), (1_000, 0));
        assert_eq!(sent(true, "S", 0), (1_000, 0), "again");
        assert_eq!(sent(false, "SA", 0), (5_000, 1_001));
        assert_eq!(sent(true, "A", 100), (1_001, 5_001));
        assert_eq!(sent(false, "A", 1_000), (5_001, 1_101));
        assert_eq!(sent(true, "FA", 0), (1_101, 6_001));
        assert_eq!(sent(false, "FA", 0), (6_001, 1_102));
        assert_eq!(sent(true, "A", 0), (1_102, 6_002));
    }

    #[test]
    fn no_two_packets_are_alike() {
        for (first, second) in [("10.0.0.5:4000", "203.0.113.5:53"), ("[2001:db8::5]:4000", "[2001:db8:1::5]:53")] {
            let ends: (SocketAddr, SocketAddr) = (first.parse().unwrap(), second.parse().unwrap());
            for protocol in [1, 6, 17, 47, 58] {
                if (protocol == 1) == ends.0.is_ipv6() && matches!(protocol, 1 | 58) {
                    continue;
                }
                let mut sides = Sides::new(7, true);
                let mut all: Vec<_> =
                    (0..70_000).map(|_| sides.datagram(ends, true, protocol, TcpFlags::ACK, 0)).collect();
                all.windows(2).for_each(|pair| assert_ne!(pair[0], pair[1]));
                parsed(&all[69_999]);
                all.sort_unstable();
                all.dedup();
                assert_eq!(all.len(), if ends.0.is_ipv4() { 65_536 } else { 70_000 }, "{protocol}");
            }
        }
    }

    #[test]
    fn an_echo_is_answered_by_its_number() {
        let ends = ("203.0.113.5:0".parse().unwrap(), "10.0.0.5:0".parse().unwrap());
        let mut sides = Sides::new(7 << 48, true);
        let mut kind = |of_first| match parsed(&sides.datagram(ends, of_first, 1, TcpFlags(0), 84)).transport {
            Transport::Query { kind, id, .. } => (kind, id),
            other => panic!("{other:?}"),
        };
        assert_eq!([kind(true), kind(false), kind(true)], [(8, 7), (0, 7), (8, 7)]);
    }
}
