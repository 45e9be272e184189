//! ICMP, and errors about everything else.

use vpcemu_dataplane::DropReason::{Mtu, NatNoSession, Protocol, Ttl};
use vpcemu_dataplane::outcome::CtState;
use vpcemu_tests::scenario::*;

/// An opened flow of each protocol that a NAT gateway carries: as it came out, and the inside of it.
fn flows(s: &mut Scenario) -> [(Seen, &'static str); 3] {
    let mut open =
        |packet, opens| s.leave("one", packet).to("internet", |p: Datagram| p.src("nat:*").hop()).counts(OUT + opens);
    [
        (open(udp("one:5353 > server:53"), OPENED), "one:5353"),
        (open(tcp("one:4000 > server:443", "S"), ATTEMPT + OPENED), "one:4000"),
        (open(ping("one > server", 77), OPENED), "one:77"),
    ]
}

/// A UDP flow with its answer: as the question came out, and as the answer came in.
fn answered(s: &mut Scenario) -> (Seen, Seen) {
    let out = s.leave("one", udp("one:5353 > dns:53")).to("internet", |p| p.src("nat:*").hop()).counts(OUT + OPENED);
    let got = s.arrive(out.reply()).to("one", |p| p.dst("one:5353").hop()).counts(BACK);
    (out, got)
}

/// An IPv4 header, and the eight bytes that every error quotes (RFC 792).
const EIGHT_BYTES: usize = 28;

#[test]
fn c1_port_unreachable_is_restored_inside_and_out() {
    let mut s = NAT.start();
    for (out, inside) in flows(&mut s) {
        let told =
            s.arrive(error("server > nat", 3, 3, &out)).to("one", |p| p.dst("one").hop().inner(|q| q.src(inside)));
        told.state(CtState::Related).of(&out).counts(BACK);
    }
}

#[test]
fn c2_eight_quoted_bytes_are_enough() {
    let mut s = NAT.start();
    for (out, inside) in flows(&mut s) {
        let short = error("server > nat", 3, 3, &out).quoting(EIGHT_BYTES);
        s.arrive(short).to("one", |p| p.dst("one").hop().inner(|q| q.src(inside))).counts(BACK);
    }
}

#[test]
fn c3_fewer_quoted_bytes_are_dropped() {
    let mut s = NAT.start();
    for (out, _) in flows(&mut s) {
        for short in [EIGHT_BYTES - 4, EIGHT_BYTES - 8, EIGHT_BYTES - 9] {
            let short = error("server > nat", 3, 3, &out).quoting(short);
            s.arrive(short).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);
        }
    }
}

#[test]
fn c4_fragmentation_needed_keeps_its_mtu() {
    let mut s = NAT.start();
    for (out, inside) in flows(&mut s) {
        let needed = error("hop > nat", 3, 4, &out).rest(1400);
        s.arrive(needed).to("one", |p| p.dst("one").hop().inner(|q| q.src(inside))).counts(BACK);
    }
}

#[test]
fn c5_time_exceeded_comes_from_the_router_that_says_so() {
    let mut s = NAT.start();
    for (out, inside) in flows(&mut s) {
        let exceeded = error("hop > nat", 11, 0, &out).quoting(EIGHT_BYTES);
        s.arrive(exceeded).to("one", |p| p.dst("one").hop().inner(|q| q.src(inside))).counts(BACK);
    }
}

#[test]
fn c6_an_error_about_no_known_flow_is_dropped() {
    let mut s = NAT.start();
    let (out, _) = answered(&mut s);
    for stray in [out.again().src("nat:9"), out.again().dst("server:53"), out.again().dst("dns:54")] {
        s.arrive(error("hop > nat", 11, 0, &stray)).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);
    }
}

#[test]
fn c7_a_quote_with_a_wrong_header_checksum_stays_exactly_as_wrong() {
    let mut s = NAT.start();
    let (out, _) = answered(&mut s);
    // A router had counted down the TTL and not the checksum; another counts both.
    let sloppy = error("hop > nat", 11, 0, &out).inner(|q| q.hop().header_off_by(0x0100));
    s.arrive(sloppy.clone()).to("one", |p| p.dst("one").hop().inner(|q| q.src("one:5353"))).counts(BACK);
    let careful = error("hop > nat", 11, 0, &out).inner(Datagram::hop);
    s.arrive(careful).to("one", |p| p.dst("one").hop().inner(|q| q.src("one:5353"))).counts(BACK);
    // RFC 5508 REQ-3, for captures without offloads.
    let mut s = NAT.strict().start();
    s.arrive(sloppy).dropped(REFUSED, "-").counts(NOTHING);
}

#[test]
fn c8_a_wrong_icmp_checksum_is_judged_only_if_asked_to() {
    let mut s = NAT.start();
    let (out, _) = answered(&mut s);
    let wrong = error("hop > nat", 11, 0, &out).checksum_off_by(0x1234);
    s.arrive(wrong.clone()).to("one", |p| p.dst("one").hop().inner(|q| q.src("one:5353"))).counts(BACK);
    let mut s = NAT.strict().start();
    s.arrive(wrong).dropped(REFUSED, "-").counts(NOTHING);
}

#[test]
fn c9_an_error_of_the_client_about_a_reply_leaves_as_the_gateway() {
    let mut s = NAT.start();
    let (out, got) = answered(&mut s);
    let told = s.leave("one", error("one > dns", 3, 3, &got));
    told.to("internet", |p| p.src("nat").hop().inner(|q| q.dst(&out.source()))).of(&out).counts(OUT);
}

#[test]
fn c10_an_error_of_another_router_inside_leaves_as_the_gateway_too() {
    let mut s = NAT.start();
    let (out, got) = answered(&mut s);
    // RFC 5508 REQ-5: the source becomes the gateway's, whoever reports.
    let told = s.leave("two", error("two > dns", 11, 0, &got));
    told.to("internet", |p| p.src("nat").hop().inner(|q| q.dst(&out.source()))).of(&out).counts(OUT);
}

#[test]
fn c11_an_error_of_the_one_who_asked_is_related() {
    // A group that lets UDP out and nothing else, so that the error has no rule to pass by.
    let tight = "[security_group.tight]\negress = [{ proto = \"udp\", to = \"0.0.0.0/0\" }]\ningress = []";
    let own = EIP_PAIR.but(
        "public = \"203.0.113.10\"\nsecurity_groups = [\"open\"]",
        "public = \"203.0.113.10\"\nsecurity_groups = [\"tight\"]",
    );
    let mut s = own.with(tight).start();
    let out = s.leave("web", udp("web:5353 > dns:53")).to("internet", |p| p.src("web.pub")).counts(OPENED);
    let got = s.arrive(out.reply()).to("web", |p| p.dst("web")).counts(NOTHING);
    let told = s.leave("web", error("web > dns", 3, 3, &got)).state(CtState::Related).of(&out);
    told.to("internet", |p| p.src("web.pub").inner(|q| q.dst("web.pub"))).counts(NOTHING);
}

#[test]
fn c12_an_error_about_what_came_to_an_elastic_ip_names_the_elastic_ip() {
    let mut s = EIGW.start();
    let asked = s.arrive(udp("server:4000 > web.pub:53")).to("web", |p| p.dst("web")).counts(NOTHING);
    let told = s.leave("web", error("web > server", 3, 3, &asked));
    told.to("internet", |p| p.src("web.pub").inner(|q| q.dst("web.pub"))).counts(NOTHING);
    // IPv6 is not translated.
    let asked = s.arrive(udp("server6:4000 > web6:53")).to("web", |p| p).counts(NOTHING);
    s.leave("web", error("web6 > server6", 1, 4, &asked)).to("internet", |p| p).counts(NOTHING);
}

#[test]
fn c13_a_ttl_that_runs_out_on_the_way_out_is_reported_to_the_client() {
    let mut s = NAT.start();
    for (out, inside) in flows(&mut s) {
        let last = out.again().src(inside).ttl(1);
        let told = error("nat.priv > one", 11, 0, &last);
        s.leave("one", last).dropped(Ttl, "nat-nat").answered("icmp-time-exceeded", "one", told).counts(REFUSED_OUT);
    }
}

#[test]
fn what_dies_on_the_way_creates_no_connection() {
    // Created when both ends have accepted (6.22); the error is no packet of the connection.
    let mut s = NAT.start();
    let last = udp("one:5353 > dns:53").ttl(1);
    let told = error("nat.priv > one", 11, 0, &last);
    s.leave("one", last).dropped(Ttl, "nat-nat").answered("icmp-time-exceeded", "one", told).counts(REFUSED_OUT);
}

#[test]
fn c14_a_ttl_that_runs_out_on_the_way_in_is_not_reported() {
    let mut s = NAT.start();
    let (out, _) = answered(&mut s);
    s.arrive(out.reply().ttl(1)).dropped(Ttl, "nat-nat").counts(REFUSED_BACK);
}

#[test]
fn c15_a_ttl_of_two_gets_through_and_an_error_about_it_comes_back() {
    let mut s = NAT.start();
    let out =
        s.leave("one", udp("one:5353 > dns:53").ttl(2)).to("internet", |p| p.src("nat:*").hop()).counts(OUT + OPENED);
    s.arrive(error("hop > nat", 11, 0, &out))
        .to("one", |p| p.dst("one").hop().inner(|q| q.src("one:5353")))
        .counts(BACK);
    let got = s.arrive(out.reply().ttl(2)).to("one", |p| p.dst("one:5353").hop()).counts(BACK);
    let told = s.leave("one", error("one > dns", 11, 0, &got));
    told.to("internet", |p| p.src("nat").hop().inner(|q| q.dst(&out.source()))).counts(OUT);
}

#[test]
fn c16_the_gateways_addresses_do_not_answer_pings() {
    let mut s = NAT.start();
    // (4.22), from either side.
    s.arrive(ping("server > nat", 7)).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);
    s.leave("one", ping("one > nat.priv", 7)).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);
    // An elastic IP is whoever has it.
    let asked = s.arrive(ping("server > web.pub", 7)).to("web", |p| p.dst("web")).counts(OPENED);
    s.leave("web", asked.reply()).to("internet", |p| p.src("web.pub")).counts(NOTHING);
}

#[test]
fn c17_an_ethernet_trailer_is_cut_off() {
    let mut s = NAT.start();
    let out = s.leave("one", ping("one > server", 77).trailer(&[7; 10])).to("internet", |p| p.src("nat:*").hop());
    let out = out.counts(OUT + OPENED);
    s.arrive(out.reply().trailer(&[9; 10])).to("one", |p| p.dst("one:77").hop()).counts(BACK);
}

#[test]
fn c18_a_redirect_is_not_forwarded() {
    let mut s = NAT.start();
    let (out, got) = answered(&mut s);
    // Types 3, 11 and 12 pass (12, 5382-9).
    s.arrive(error("hop > nat", 5, 1, &out)).dropped(Protocol, "nat-nat").counts(REFUSED_BACK);
    s.leave("one", error("one > dns", 5, 1, &got)).dropped(Protocol, "nat-nat").counts(REFUSED_OUT);
}

#[test]
fn c19_too_big_for_the_internet_is_told_to_the_client_behind_the_gateway() {
    let mut s = NAT.start();
    let out = s.leave("one", ping("one > server", 77)).to("internet", |p| p.src("nat:*").hop()).counts(OUT + OPENED);
    let big = ping("one > server", 77).sized(1501);
    // The router of the gateway's subnet tells the gateway, which tells the client (0.1, 4.18).
    let told = error("router > one", 3, 4, &big.clone().hop()).rest(1500).hop();
    let step = s.leave("one", big).of(&out).dropped(Mtu, "igw-igw").answered("icmp-frag-needed", "one", told);
    let told = OUT + BACK;
    step.counts(told.bytes("BytesInFromDestination", 576).bytes("BytesOutToSource", 576));
}

#[test]
fn c20_a_tunnel_that_is_too_big_hears_the_mtu_of_the_outer_path() {
    let mut s = EIP_PAIR.start();
    let tunnel = |length| protocol("web > server", 4, &udp("10.9.0.1:1 > 10.9.0.2:2").sized(length).bytes());
    s.leave("web", tunnel(100)).to("internet", |p| p.src("web.pub")).counts(OPENED);
    let big = tunnel(1481).dont_fragment(true);
    let told = error("router > web", 3, 4, &big).rest(1500);
    s.leave("web", big).dropped(Mtu, "igw-igw").answered("icmp-frag-needed", "web", told).counts(NOTHING);
}

#[test]
fn c21_only_echo_is_translated() {
    let mut s = NAT.start();
    // Timestamp, information, address mask (4.17), and a type that means nothing.
    for kind in [13, 15, 17, 42] {
        let query = icmp("one > server", kind, 0, 0x0007_0001).payload(&[0; 12]);
        s.leave("one", query).dropped(Protocol, "nat-nat").counts(REFUSED_OUT);
    }
}

#[test]
fn c22_an_echo_is_new_until_it_is_answered() {
    let mut s = NAT.start();
    let echo = || ping("one > server", 77);
    let out = s.leave("one", echo()).state(CtState::New).to("internet", |p| p.src("nat:*").hop()).counts(OUT + OPENED);
    let again = s.leave("one", echo()).state(CtState::New).to("internet", |p| p.src(&out.source()).hop());
    again.counts(OUT);
    s.arrive(out.reply()).state(CtState::Established).to("one", |p| p.dst("one:77").hop()).counts(BACK);
    let later = s.leave("one", echo()).state(CtState::Established).to("internet", |p| p.src(&out.source()).hop());
    later.counts(OUT);
}

/// Clients whose IPv4 destinations are reached by NAT64 (4.32).
fn nat64() -> Net {
    let v4 = "{ to = \"0.0.0.0/0\", via = \"nat\" }";
    NAT.but(v4, &format!("{v4}, {{ to = \"64:ff9b::/96\", via = \"nat\" }}"))
}

#[test]
fn c23_errors_cross_between_the_families() {
    let mut s = nat64().start();
    let asked = udp("one6:5353 > [64:ff9b::198.51.100.53]:53");
    // 20 bytes fewer on the way out, 20 more on the way in (4.33).
    let out = s.leave("one", asked.clone()).to("internet", |p| p.src("nat:*").dst("dns").hop().any_id());
    let out = out.counts((OUT + OPENED).bytes("BytesOutToDestination", 36));
    let answer = s.arrive(out.reply()).to("one", |p| p.src("64:ff9b::198.51.100.53").dst("one6:5353").hop());
    answer.counts(BACK.bytes("BytesOutToSource", 54));
    // Time exceeded, port unreachable, fragmentation needed (RFC 7915 4.2).
    let quote = asked.hop();
    for (v4, v6, mtu) in [((11, 0), (3, 0), None), ((3, 3), (1, 4), None), ((3, 4), (2, 0), Some(1400))] {
        let mut told = error("hop > nat", v4.0, v4.1, &out);
        let mut becomes = error("[64:ff9b::192.0.2.254]:0 > one6", v6.0, v6.1, &quote).class(0xc0).hop();
        if let Some(mtu) = mtu {
            (told, becomes) = (told.rest(mtu), becomes.rest(mtu + 20));
        }
        let length = becomes.bytes().len() as i64;
        s.arrive(told).to("one", |_| becomes).counts(BACK.bytes("BytesOutToSource", length));
    }
}
