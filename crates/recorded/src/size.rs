//! What the sizes of TCP packets tell where a record has no flags: whether they may be a SYN that was repeated.
//!
//! A SYN says what its sender can do, in options; what comes when a connection is over (a FIN, an acknowledgement, a RST) has no
//! options, or a timestamp alone, or else brings data. Scanners that send a SYN without options are taken for something late.

use vpcemu_flowlog::Record;

/// IPv4 and TCP headers without options, in bytes (RFC 791 3.1, RFC 9293 3.1).
const BARE_IPV4: u64 = 20 + 20;
/// The same of IPv6 (RFC 8200 3).
const BARE_IPV6: u64 = 40 + 20;
/// Options are padded to words of so many bytes.
const WORD: u64 = 4;
/// There is no room for more options than this: the data offset counts to 15 words, and 5 are the header's.
const MOST: u64 = 40;
/// A timestamp as every segment of a connection that has them brings it: 10 bytes after two of padding (RFC 7323 A). A SYN of
/// a host without timestamps (segment size, window scale, SACK) may be as long, so that it tells nothing.
const TIMESTAMP: u64 = 12;

/// Whether all packets of a record have the size of a SYN, and of nothing that often comes late; `None` if it is not of TCP, or
/// lacks what tells it.
pub(crate) fn is_of_syn(record: &Record) -> Option<bool> {
    let bare = match (record.protocol?, record.srcaddr.or(record.pkt_srcaddr)?.is_ipv4()) {
        (6, true) => BARE_IPV4,
        (6, false) => BARE_IPV6,
        _ => return None,
    };
    let (packets, bytes) = (record.packets.filter(|packets| *packets > 0)?, record.bytes?);
    // What is said again has the same length.
    let options = (bytes % packets == 0).then(|| (bytes / packets).checked_sub(bare)).flatten();
    Some(options.is_some_and(|length| (WORD..=MOST).contains(&length) && length % WORD == 0 && length != TIMESTAMP))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(protocol: u8, address: &str, packets: Option<u64>, bytes: Option<u64>) -> Option<bool> {
        let srcaddr = address.parse().ok();
        is_of_syn(&Record { protocol: Some(protocol), srcaddr, packets, bytes, ..Record::default() })
    }

    #[test]
    fn a_syn_has_options() {
        let v4 = |packets, bytes| of(6, "203.0.113.5", Some(packets), Some(bytes));
        // nmap, Linux, macOS, and all options there is room for.
        for size in [44, 60, 64, 80] {
            assert_eq!([v4(1, size), v4(3, 3 * size)], [Some(true); 2], "{size}");
        }
        // Too short, bare, with a timestamp; not a number of words, longer than any header.
        for size in [0, 39, 40, 52, 41, 84, 1_500] {
            assert_eq!([v4(1, size), v4(3, 3 * size)], [Some(false); 2], "{size}");
        }
        // A FIN with a timestamp and a RST without one.
        assert_eq!(v4(2, 52 + 40), Some(false));
        assert_eq!(v4(2, 44 + 45), Some(false));
        let v6 = |bytes| of(6, "2001:db8::5", Some(1), Some(bytes));
        assert_eq!([60, 64, 72, 80, 100, 104].map(v6), [false, true, false, true, true, false].map(Some));
    }

    #[test]
    fn what_lacks_counts_or_is_not_tcp_tells_nothing() {
        assert_eq!(of(17, "203.0.113.5", Some(1), Some(44)), None);
        assert_eq!(of(6, "203.0.113.5", None, Some(44)), None);
        assert_eq!(of(6, "203.0.113.5", Some(1), None), None);
        assert_eq!(of(6, "203.0.113.5", Some(0), Some(0)), None);
        assert_eq!(of(6, "-", Some(1), Some(44)), None);
    }
}
