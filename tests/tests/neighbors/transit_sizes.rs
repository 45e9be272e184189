//! What a transit gateway does to sizes and ages (1.22, 1.23, 1.25).

use vpcemu_dataplane::DropReason;
use vpcemu_dataplane::output::GeneratedKind;
use vpcemu_packet::{TcpFlags, build};
use vpcemu_tests::{Lab, headers, socket};

use super::transit::text;

#[test]
fn a_packet_gets_a_hop_older_and_dies_in_silence() {
    let aged = |ttl| build::udp(socket("10.0.0.10:4000"), socket("10.1.0.20:53")).payload(b"x").ttl(ttl).build();
    let mut lab = Lab::new(&text());
    let sent = lab.leave("client", aged(2)).delivered("eni-server");
    assert_eq!(sent.headers().ttl, 1);
    assert!(lab.leave("client", aged(1)).dropped(DropReason::Ttl, "tgw-hub").generated.is_none());
    let telling = format!("{}[behavior.transit_gateway]\ntime_exceeded = true\n", text());
    let lost = Lab::new(&telling).leave("client", aged(1)).dropped(DropReason::Ttl, "tgw-hub");
    let (kind, bytes, place) = lost.generated.unwrap();
    assert_eq!((kind, place.as_deref()), (GeneratedKind::IcmpTimeExceeded, Some("eni-client")));
    assert_eq!(headers(&bytes).src.to_string(), "10.0.8.5");
}

#[test]
fn what_is_too_large_dies_and_vpcs_hear_of_it() {
    let sized = |src: &str, dst: &str, size: usize, df| {
        let header = if src.starts_with('[') { 48 } else { 28 };
        build::udp(socket(src), socket(dst)).payload(&vec![7; size - header]).dont_fragment(df).build()
    };
    let (from, to) = ("10.0.0.10:4000", "10.1.0.20:53");
    let mut lab = Lab::new(&text());
    lab.leave("client", sized(from, to, 8500, true)).delivered("eni-server");
    // Without DF it dies all the same, and nobody hears of it.
    assert!(lab.leave("client", sized(from, to, 8501, false)).dropped(DropReason::Mtu, "tgw-hub").generated.is_none());
    let lost = lab.leave("client", sized(from, to, 8501, true)).dropped(DropReason::Mtu, "tgw-hub");
    let (kind, bytes, place) = lost.generated.unwrap();
    assert_eq!((kind, place.as_deref()), (GeneratedKind::IcmpFragmentationNeeded, Some("eni-client")));
    assert_eq!(headers(&bytes).src.to_string(), "10.0.8.5");
    assert_eq!(u16::from_be_bytes([bytes[26], bytes[27]]), 8500);
    let lost = lab.leave("client", sized("[2001:db8:1234:1a00::10]:4000", "[2001:db8:1234:2a00::20]:53", 8501, true));
    let (kind, _, place) = lost.dropped(DropReason::Mtu, "tgw-hub").generated.unwrap();
    assert_eq!((kind, place.as_deref()), (GeneratedKind::Icmpv6PacketTooBig, Some("eni-client")));
    // What comes from a VPN is not told, nor is what goes into one (10.30).
    let lost = lab.come("tgw-attach-onprem", sized("192.168.1.1:1", to, 8501, true));
    assert!(lost.dropped(DropReason::Mtu, "tgw-hub").generated.is_none());
    let lost = lab.leave("client", sized(from, "192.168.1.1:53", 1447, true));
    assert!(lost.dropped(DropReason::Mtu, "tgw-hub").generated.is_none());
    lab.leave("client", sized(from, "192.168.1.1:53", 1446, true)).delivered("tgw-attach-onprem");
    let knobs = "[behavior.transit_gateway]\nmtu = 1500\nfragment = true\nfragmentation_needed = false\n";
    let mut lab = Lab::new(&format!("{}{knobs}", text()));
    let sent = lab.leave("client", sized(from, to, 1501, false)).delivered("eni-server");
    assert_eq!(sent.pieces.iter().map(Vec::len).collect::<Vec<_>>(), [1500, 21]);
    let lost = lab.leave("client", sized(from, to, 1501, true));
    assert!(lost.dropped(DropReason::Mtu, "tgw-hub").generated.is_none());
}

#[test]
fn the_maximum_segment_size_is_lowered() {
    let opening =
        |src: &str, dst: &str, mss| build::tcp(socket(src), socket(dst)).flags(TcpFlags::SYN).mss(mss).build();
    // Behind the fixed header the option is the first: kind, length, value.
    let mss = |bytes: &[u8], header: usize| u16::from_be_bytes([bytes[header + 22], bytes[header + 23]]);
    let mut lab = Lab::new(&text());
    let v4 =
        |lab: &mut Lab, size| mss(&lab.leave("client", opening("10.0.0.10:4000", "10.1.0.20:443", size)).bytes, 20);
    assert_eq!((v4(&mut lab, 8961), v4(&mut lab, 1460)), (8460, 1460));
    let v6 = lab.leave("client", opening("[2001:db8:1234:1a00::10]:4000", "[2001:db8:1234:2a00::20]:443", 8941));
    assert_eq!(mss(&v6.bytes, 40), 8440);
    let mut lab = Lab::new(&format!("{}[behavior.transit_gateway]\nmss_clamp = false\n", text()));
    assert_eq!(v4(&mut lab, 8961), 8961);
}
