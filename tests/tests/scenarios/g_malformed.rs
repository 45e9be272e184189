//! Malformed and special packets.

use vpcemu_dataplane::DropReason::{
    IngressFromRfc1918, LinkScope, Martian, Mtu, Multicast, NoSuchPublicAddress, Protocol, ReservedAddress,
    SecurityGroupEmpty, SourceDestCheck,
};
use vpcemu_tests::scenario::*;

use crate::tracked;

#[test]
fn g1_a_udp_checksum_of_zero_stays_zero() {
    let mut s = NAT.start();
    let out = s.leave("one", udp("one:5353 > dns:53").unsummed()).to("internet", |p| p.src("nat:*").hop());
    let out = out.counts(OUT + OPENED);
    s.arrive(out.reply()).to("one", |p| p.dst("one:5353").hop()).counts(BACK);
}

#[test]
fn g2_a_wrong_udp_checksum_stays_exactly_as_wrong() {
    let wrong = || udp("one:5353 > dns:53").checksum_off_by(0x0101);
    let mut s = NAT.start();
    s.leave("one", wrong()).to("internet", |p| p.src("nat:*").hop()).counts(OUT + OPENED);
    NAT.strict().start().leave("one", wrong()).dropped(REFUSED, "-").counts(NOTHING);
}

#[test]
fn g3_a_udp_checksum_of_zero_over_ipv6_is_judged_only_if_asked_to() {
    let without = || udp("one6:5353 > server6:53").unsummed();
    EIGW.start().leave("one", without()).to("internet", |p| p).counts(OPENED);
    EIGW.strict().start().leave("one", without()).dropped(REFUSED, "-").counts(NOTHING);
}

#[test]
fn g4_a_header_that_contradicts_itself_is_refused() {
    let mut s = NAT.start();
    let packet = || udp("one:5353 > dns:53");
    for damaged in [
        packet().header_off_by(0x0100),
        packet().byte(0, 0x44),
        packet().byte(0, 0x4f),
        packet().byte(0, 0x55),
        packet().byte(2, 1).resummed(),
        packet().byte(3, 19).resummed(),
        packet().cut(19),
        packet().cut(1),
        packet().cut(35),
    ] {
        s.leave("one", damaged).dropped(REFUSED, "-").counts(NOTHING);
    }
}

#[test]
fn g5_an_ethernet_trailer_is_cut_off() {
    let mut s = NAT.start();
    for (packet, opens) in [(tcp("one:4000 > server:443", "S"), ATTEMPT + OPENED), (udp("one:5353 > dns:53"), OPENED)] {
        s.leave("one", packet.trailer(&[7; 18])).to("internet", |p| p.src("nat:*").hop()).counts(OUT + opens);
    }
}

#[test]
fn g6_a_udp_length_that_cannot_be_is_refused_and_an_empty_datagram_is_none() {
    let mut s = NAT.start();
    for length in [0, 7, 17] {
        s.leave("one", udp("one:5353 > dns:53").byte(25, length)).dropped(REFUSED, "-").counts(NOTHING);
    }
    let empty = udp("one:5353 > dns:53").payload(b"");
    s.leave("one", empty).to("internet", |p| p.src("nat:*").hop()).counts(OUT + OPENED);
}

#[test]
fn g7_addresses_that_are_nobodys_go_nowhere() {
    let mut s = EIP_PAIR.start();
    for group in ["224.0.0.1", "239.1.2.3", "255.255.255.255"] {
        s.leave("web", udp(&format!("web:1 > {group}:2"))).dropped(Multicast, "eni-web").counts(NOTHING);
    }
    s.leave("web", udp("web:1 > 10.0.0.255:2")).dropped(ReservedAddress, "eni-web").counts(NOTHING);
    for nobody in ["127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"] {
        s.leave("web", udp(&format!("{nobody}:1 > dns:2"))).dropped(SourceDestCheck, "eni-web").counts(NOTHING);
    }
}

#[test]
fn martian_addresses_do_not_cross_a_gateway() {
    let mut s = EIP_PAIR.start();
    for nobody in ["web:1 > 127.0.0.1:2", "web:1 > 0.0.0.1:2", "web6:1 > [::1]:2", "web6:1 > [::]:2"] {
        s.leave("web", udp(nobody)).dropped(Martian, "eni-web").counts(NOTHING);
    }
    for nobody in ["127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"] {
        s.arrive(udp(&format!("{nobody}:1 > web.pub:2"))).dropped(Martian, "igw-igw").counts(NOTHING);
    }
    for nobody in ["::1", "::", "ff0e::1"] {
        s.arrive(udp(&format!("[{nobody}]:1 > web6:2"))).dropped(Martian, "igw-igw").counts(NOTHING);
    }
}

#[test]
fn what_stays_on_its_link_does_not_come_from_the_internet() {
    // (1.9, 1.14): whatever it says of its hop limit, and whatever the group lets in.
    const ROUTER_ADVERTISEMENT: u8 = 134;
    const REDIRECT: u8 = 137;
    let mut s = EIP_PAIR.start();
    s.arrive(udp("[fe80::7]:1 > web6:2")).dropped(LinkScope, "igw-igw").counts(NOTHING);
    for kind in [ROUTER_ADVERTISEMENT, REDIRECT] {
        let packet = icmp("hop6 > web6", kind, 0, 0).payload(&[0; 32]).ttl(255);
        s.arrive(packet).dropped(LinkScope, "igw-igw").counts(NOTHING);
    }
    s.arrive(udp("169.254.7.7:1 > web.pub:2")).dropped(ReservedAddress, "igw-igw").counts(NOTHING);
    // Nor from an instance whose source is not checked.
    let mut s = EIP_PAIR.but("public = \"203.0.113.10\"\n", "source_dest_check = false\n").start();
    s.leave("web", udp("169.254.7.7:1 > api:2")).dropped(ReservedAddress, "eni-web").counts(NOTHING);
}

#[test]
fn a_land_packet_from_outside_is_a_packet_from_outside() {
    // Whose source the internet gateway does not judge, but for what can be nobody's (3.3).
    let mut s = EIP_PAIR.start();
    let land = || tcp("web.pub:443 > web.pub:443", "S");
    s.arrive(land()).to("web", |p| p.dst("web")).counts(NOTHING);
    tracked().start().arrive(land()).dropped(SecurityGroupEmpty, "eni-web").counts(NOTHING);
}

#[test]
fn g8_land_and_class_e_follow_the_ordinary_rules_and_link_local_does_not() {
    let mut s = EIP_PAIR.start();
    s.leave("web", udp("web:53 > web:53")).to("web", |p| p).counts(NOTHING);
    s.leave("web", udp("web:1 > 240.0.0.1:2")).to("internet", |p| p.src("web.pub")).counts(NOTHING);
    // (1.10 to 1.14)
    s.leave("web", tcp("web:1 > 169.254.169.254:80", "S")).to("imds", |p| p).counts(NOTHING);
    s.leave("web", udp("web:1 > 169.254.7.7:2")).dropped(ReservedAddress, "eni-web").counts(NOTHING);
}

#[test]
fn g9_from_outside_nobody_is_inside() {
    let mut s = NAT.start();
    s.arrive(udp("one:1 > web.pub:2")).dropped(IngressFromRfc1918, "igw-igw").counts(NOTHING);
    s.arrive(udp("server:1 > web:2")).dropped(NoSuchPublicAddress, "igw-igw").counts(NOTHING);
    s.arrive(udp("server:1 > nat.priv:2")).dropped(NoSuchPublicAddress, "igw-igw").counts(NOTHING);
}

#[test]
fn g10_ip_options_pass_unchanged() {
    // Record route, no operation, loose source route, timestamp: carried, not obeyed (1.27).
    let options: [&[u8]; 4] =
        [&[7, 7, 4, 0, 0, 0, 0, 0], &[1, 1, 1, 0], &[0x83, 7, 4, 198, 51, 100, 8, 0], &[68, 8, 5, 0, 0, 0, 0, 0]];
    for options in options {
        let mut s = NAT.start();
        let out = s.leave("one", udp("one:5353 > dns:53").options(options)).to("internet", |p| p.src("nat:*").hop());
        let out = out.counts(OUT + OPENED);
        s.arrive(out.reply().options(options)).to("one", |p| p.dst("one:5353").hop()).counts(BACK);
    }
}

#[test]
fn g11_a_nat_gateway_carries_no_gre_esp_or_unknown_protocol() {
    let mut s = NAT.start();
    for number in [47, 50, 253] {
        s.leave("one", protocol("one > server", number, &[0; 16])).dropped(Protocol, "nat-nat").counts(REFUSED_OUT);
        s.arrive(protocol("server > nat", number, &[0; 16])).dropped(Protocol, "nat-nat").counts(REFUSED_BACK);
    }
}

#[test]
fn g12_sctp_and_udp_lite_pass_the_internet_gateway_only() {
    const SCTP: u8 = 132;
    const UDP_LITE: u8 = 136;
    // An INIT, whose CRC32c covers no address.
    let init = [
        0x0f, 0xa0, 0x01, 0xbb, 0, 0, 0, 0, 0x5b, 0x1e, 0x0a, 0x3c, 1, 0, 0, 20, 0, 0, 0, 7, 0, 1, 0, 0, 0, 10, 0, 10,
        0, 0, 0, 1,
    ];
    for number in [SCTP, UDP_LITE] {
        let mut s = NAT.start();
        s.leave("one", protocol("one > server", number, &init)).dropped(Protocol, "nat-nat").counts(REFUSED_OUT);
        let out = s.leave("web", protocol("web > server", number, &init)).to("internet", |p| p.src("web.pub"));
        out.counts(OPENED);
    }
}

#[test]
fn g13_too_big_is_fragmented_after_translation_or_reported_to_the_client() {
    let mut s = NAT.start();
    let big = udp("one:5353 > dns:53").id(5).sized(3028);
    let out = s.leave("one", big.clone()).to_in_pieces("internet", 1500, |p| p.src("nat:*").hop());
    let out = out.counts(OUT + OPENED);
    let whole = big.dont_fragment(true);
    let told = error("router > one", 3, 4, &whole.clone().hop()).rest(1500).hop();
    let step = s.leave("one", whole).of(&out).dropped(Mtu, "igw-igw").answered("icmp-frag-needed", "one", told);
    let told = OUT + BACK;
    step.counts(told.bytes("BytesInFromDestination", 576).bytes("BytesOutToSource", 576));
}

#[test]
fn a_nat_gateway_carries_8500_bytes() {
    let through = "{ to = \"0.0.0.0/0\", via = \"nat\" }, { to = \"10.0.2.0/24\", via = \"nat\" }";
    let mut s = NAT.but("{ to = \"0.0.0.0/0\", via = \"nat\" }", through).start();
    let fits = udp("one:5353 > db:53").dont_fragment(true).sized(8500);
    let out = s.leave("one", fits).to("db", |p| p.src("nat.priv:*").hop()).counts(OUT + OPENED);
    // One byte more (1.22).
    let big = udp("one:5353 > db:53").dont_fragment(true).sized(8501);
    let told = error("nat.priv > one", 3, 4, &big).rest(8500);
    let step = s.leave("one", big).dropped(Mtu, "nat-nat").answered("icmp-frag-needed", "one", told);
    step.counts(REFUSED_OUT);
    let big = udp("one:5353 > db:53").id(9).sized(8501);
    s.leave("one", big).to_in_pieces("db", 8500, |p| p.src(&out.source()).hop()).counts(OUT);
}

#[test]
fn g14_ipv6_hop_limits_sizes_and_scopes() {
    let mut s = EIGW.start();
    // The edge of a VPC counts no hops (1.25).
    s.leave("one", udp("one6:1 > server6:53").ttl(1)).to("internet", |p| p).counts(OPENED);
    let big = udp("one6:1 > server6:53").sized(1501);
    let told = error("router6 > one6", 2, 0, &big).rest(1500);
    s.leave("one", big).dropped(Mtu, "eigw-eigw").answered("icmpv6-ptb", "one", told).counts(NOTHING);
    for scoped in ["one6:1 > [fe80::7]:2", "[fe80::7]:1 > server6:2", "one6:1 > [ff02::1]:2"] {
        s.leave("one", udp(scoped)).dropped(LinkScope, "eni-one").counts(NOTHING);
    }
    for nobody in ["[::1]:1 > server6:2", "[::]:1 > server6:2", "[ff0e::1]:1 > server6:2"] {
        s.leave("one", udp(nobody)).dropped(SourceDestCheck, "eni-one").counts(NOTHING);
    }
    s.leave("one", udp("one6:1 > [ff0e::1]:2")).dropped(Multicast, "eni-one").counts(NOTHING);
}

#[test]
fn g15_udp_is_a_stream_from_the_third_packet_on() {
    let mut s = tracked().start();
    let question = || udp("web:5353 > dns:53");
    let out = s.leave("web", question()).to("internet", |p| p.src("web.pub")).counts(OPENED);
    s.arrive(out.reply()).to("web", |p| p.dst("web")).counts(NOTHING);
    // Answered once it is no stream: 30 seconds (6.16).
    s.wait(29.999, NOTHING);
    s.arrive(out.reply()).to("web", |p| p.dst("web")).counts(NOTHING);
    s.wait(30.0, FORGOTTEN);
    s.arrive(out.reply()).dropped(SecurityGroupEmpty, "eni-web").counts(NOTHING);
    // Out, in, out (6.17): 180 seconds.
    let out = s.leave("web", question()).to("internet", |p| p.src("web.pub")).counts(OPENED);
    s.arrive(out.reply()).to("web", |p| p.dst("web")).counts(NOTHING);
    s.leave("web", question()).to("internet", |p| p.src("web.pub")).counts(NOTHING);
    s.wait(179.999, NOTHING);
    s.arrive(out.reply()).to("web", |p| p.dst("web")).counts(NOTHING);
    s.wait(180.0, FORGOTTEN);
}
