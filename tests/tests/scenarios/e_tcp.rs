//! TCP: how far a connection has come, and how long each stage is remembered.

use vpcemu_dataplane::DropReason::{CtInvalid, NatIdleExpired, NatNoSession, SecurityGroup, SecurityGroupEmpty};
use vpcemu_dataplane::outcome::CtState;
use vpcemu_tests::scenario::*;

use crate::tracked;

/// The RST that a NAT gateway sends to the client in the server's name, for a segment with acknowledgement number 2000.
fn reset() -> Datagram {
    tcp("server:443 > one:4000", "R").numbers(2000, 0).window(0)
}

/// Closes a connection, the inside first or the remote first.
fn close(s: &mut Scenario, it: &Conversation, inside_first: bool) {
    let out = |s: &mut Scenario, flags, counts| {
        s.leave("one", it.out(flags)).to("internet", |p| it.translated(p)).counts(counts)
    };
    let back = |s: &mut Scenario, flags, counts| s.arrive(it.back(flags)).to("one", |p| it.restored(p)).counts(counts);
    if inside_first {
        out(s, "FA", OUT);
        back(s, "A", BACK);
        back(s, "FA", BACK + INACTIVE);
        out(s, "A", OUT);
    } else {
        back(s, "FA", BACK);
        out(s, "A", OUT);
        out(s, "FA", OUT + INACTIVE);
        back(s, "A", BACK);
    }
}

#[test]
fn e1_handshake_data_fin_both_ways_and_the_wait_after() {
    let mut s = NAT.start();
    let syn = s.leave("one", tcp("one:4000 > server:443", "S")).state(CtState::New);
    let syn = syn.to("internet", |p| p.src("nat:*").hop()).counts(OUT + ATTEMPT + OPENED);
    let it = Conversation::new("one:4000", &syn.source(), "server:443");
    let answer = s.arrive(it.back("SA")).state(CtState::Established).of(&syn);
    answer.to("one", |p| it.restored(p)).counts(BACK);
    s.leave("one", it.out("A")).of(&syn).to("internet", |p| it.translated(p)).counts(OUT + ESTABLISHED);
    s.leave("one", it.out("PA")).to("internet", |p| it.translated(p)).counts(OUT);
    s.arrive(it.back("PA")).to("one", |p| it.restored(p)).counts(BACK);
    close(&mut s, &it, true);
    // The interface remembers it for 30 seconds, the gateway for 60 (6.16, 4.28).
    s.wait(59.999, NOTHING);
    s.wait(0.001, FORGOTTEN);
    s.arrive(it.back("A")).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);
}

#[test]
fn e2_closed_from_inside_retransmissions_pass_for_as_long_as_it_lingers() {
    let (mut s, it) = connected(NAT);
    close(&mut s, &it, true);
    s.wait(20.0, NOTHING);
    for flags in ["FA", "A"] {
        s.leave("one", it.out(flags)).to("internet", |p| it.translated(p)).counts(OUT);
        s.arrive(it.back(flags)).to("one", |p| it.restored(p)).counts(BACK);
    }
    // Each of them renews the linger (4.30).
    s.wait(60.0, FORGOTTEN);
    s.arrive(it.back("A")).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);
}

#[test]
fn e3_closed_from_outside_or_from_both_sides_at_once() {
    let (mut s, it) = connected(NAT);
    close(&mut s, &it, false);
    s.wait(60.0, FORGOTTEN);
    s.arrive(it.back("A")).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);

    let (mut s, it) = connected(NAT);
    s.leave("one", it.out("FA")).to("internet", |p| it.translated(p)).counts(OUT);
    s.arrive(it.back("FA")).to("one", |p| it.restored(p)).counts(BACK + INACTIVE);
    s.wait(59.999, NOTHING);
    s.arrive(it.back("A")).dropped(SecurityGroupEmpty, "eni-one").counts(BACK);
    s.wait(60.0, FORGOTTEN);
}

#[test]
fn e4_a_syn_from_one_side_passes_and_revives_nothing() {
    // From the inside: on the same port, and with the time of a handshake (4.29).
    let (mut s, it) = connected(NAT);
    close(&mut s, &it, true);
    s.wait(29.0, NOTHING);
    s.leave("one", it.out("S")).to("internet", |p| it.translated(p)).counts(OUT + ATTEMPT);
    s.wait(59.999, NOTHING);
    s.wait(0.001, FORGOTTEN + INACTIVE);
    s.arrive(it.back("PA")).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);

    // From the outside: the gateway carries it, the client's group judges it as a new connection (6.25).
    let (mut s, it) = connected(NAT);
    close(&mut s, &it, true);
    s.arrive(it.back("S")).dropped(SecurityGroupEmpty, "eni-one").counts(BACK);
    s.wait(60.0, FORGOTTEN);
    s.arrive(it.back("A")).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);
}

#[test]
fn e5_opened_again_from_both_sides_it_is_alive_again() {
    let (mut s, it) = connected(NAT);
    close(&mut s, &it, true);
    s.wait(29.0, NOTHING);
    s.leave("one", it.out("S")).to("internet", |p| it.translated(p)).counts(OUT + ATTEMPT);
    s.arrive(it.back("SA")).to("one", |p| it.restored(p)).counts(BACK);
    s.leave("one", it.out("A")).to("internet", |p| it.translated(p)).counts(OUT + ESTABLISHED);
    s.wait(349.0, NOTHING);
    s.arrive(it.back("PA")).to("one", |p| it.restored(p)).counts(BACK);
}

#[test]
fn e6_a_lost_ack_does_not_keep_a_connection_half_open() {
    // SYN-ACK again, then an ACK; or no ACK at all, but data that carries one.
    for flags in ["A", "PA"] {
        let mut s = NAT.start();
        let it = s.call();
        for _ in 0..2 {
            s.arrive(it.back("SA")).to("one", |p| it.restored(p)).counts(BACK);
            s.wait(1.0, NOTHING);
        }
        s.leave("one", it.out(flags)).to("internet", |p| it.translated(p)).counts(OUT + ESTABLISHED);
        s.wait(61.0, NOTHING);
        s.arrive(it.back("PA")).to("one", |p| it.restored(p)).counts(BACK);
    }
}

#[test]
fn e7_after_a_rst_and_its_time_data_is_dropped_and_a_syn_opens_anew() {
    let (mut s, it) = connected(NAT);
    s.arrive(it.back("R")).to("one", |p| it.restored(p)).counts(BACK + INACTIVE);
    s.wait(10.0, FORGOTTEN);
    s.arrive(it.back("PA")).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);
    let again = s.connect();
    s.arrive(again.back("PA")).to("one", |p| again.restored(p)).counts(BACK);
}

#[test]
fn e8_after_a_rst_data_passes_for_a_while_and_then_no_more() {
    let (mut s, it) = connected(NAT);
    s.leave("one", it.out("R")).to("internet", |p| it.translated(p)).counts(OUT + INACTIVE);
    s.wait(9.0, NOTHING);
    s.arrive(it.back("PA")).to("one", |p| it.restored(p)).counts(BACK);
    s.wait(9.999, NOTHING);
    s.wait(0.001, FORGOTTEN);
    s.arrive(it.back("PA")).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);
}

/// A connection through a NAT instance with real sequence numbers: the next ones are 1001 and 5001.
fn numbered(net: Net) -> (Scenario, Conversation) {
    let mut s = net.start();
    let it = Conversation::new("one:4000", "nat:4000", "server:443");
    let syn = it.out("S").numbers(1000, 0);
    s.leave("one", syn).to("internet", |p| it.translated(p)).counts(OPENED);
    s.arrive(it.back("SA").numbers(5000, 1001)).to("one", |p| it.restored(p)).counts(NOTHING);
    s.leave("one", it.out("A").numbers(1001, 5001)).to("internet", |p| it.translated(p)).counts(NOTHING);
    (s, it)
}

#[test]
fn e9_a_rst_outside_the_window_ends_nothing() {
    let (mut s, it) = numbered(NAT_INSTANCE);
    for wild in [0, 5001 + 1_000_000] {
        s.arrive(it.back("R").numbers(wild, 0)).dropped(CtInvalid, "eni-nat").counts(NOTHING);
    }
    s.wait(100.0, NOTHING);
    s.arrive(it.back("PA").numbers(5001, 1001)).to("one", |p| it.restored(p)).counts(NOTHING);
    // The one with the very number that comes next ends it: 10 seconds are left.
    s.arrive(it.back("R").numbers(5005, 0)).to("one", |p| it.restored(p)).counts(NOTHING);
    s.wait(10.0, FORGOTTEN);
    // A NAT gateway believes any of them (6.25).
    let (mut s, it) = connected(NAT);
    s.arrive(it.back("R").numbers(0, 0)).to("one", |p| it.restored(p)).counts(BACK + INACTIVE);
}

#[test]
fn e10_while_closing_any_rst_is_good() {
    let (mut s, it) = connected(NAT);
    s.leave("one", it.out("FA")).to("internet", |p| it.translated(p)).counts(OUT);
    s.arrive(it.back("R").numbers(77, 0)).to("one", |p| it.restored(p)).counts(BACK + INACTIVE);
    s.wait(10.0, FORGOTTEN);
}

#[test]
fn e11_packets_of_an_older_incarnation_change_nothing() {
    let mut s = NAT_INSTANCE.start();
    let it = Conversation::new("one:4000", "nat:4000", "server:443");
    s.leave("one", it.out("S").numbers(1000, 0)).to("internet", |p| it.translated(p)).counts(OPENED);
    // A SYN-ACK that acknowledges nothing of this SYN: it passes, so that the client resets it.
    let old = it.back("SA").numbers(9000, 77);
    s.arrive(old).to("one", |p| it.restored(p)).counts(NOTHING);
    s.leave("one", it.out("R").numbers(77, 0)).to("internet", |p| it.translated(p)).counts(NOTHING);
    // The SYN is sent again, and answered: to all that had seen the RST it begins a connection (6.25).
    s.leave("one", it.out("S").numbers(1000, 0)).to("internet", |p| it.translated(p)).counts(OPENED + FORGOTTEN);
    s.arrive(it.back("SA").numbers(5000, 1001)).to("one", |p| it.restored(p)).counts(NOTHING);
    s.leave("one", it.out("A").numbers(1001, 5001)).to("internet", |p| it.translated(p)).counts(NOTHING);
}

#[test]
fn e12_what_was_acknowledged_long_ago_may_be_sent_again() {
    let (mut s, it) = numbered(NAT_INSTANCE);
    let mut next = 5001;
    for _ in 0..200 {
        let data = it.back("PA").numbers(next, 1001).payload(&[7; 1000]);
        s.arrive(data).to("one", |p| it.restored(p)).counts(NOTHING);
        next += 1000;
        s.leave("one", it.out("A").numbers(1001, next)).to("internet", |p| it.translated(p)).counts(NOTHING);
    }
    // Far below the window: its acknowledgement was lost.
    let old = it.back("PA").numbers(next - 1000, 1001).payload(&[7; 1000]);
    s.arrive(old).to("one", |p| it.restored(p)).counts(NOTHING);
}

#[test]
fn e13_a_connection_picked_up_in_the_middle() {
    // By a security group: loose, or not at all (6.23).
    let middle = || tcp("web:4000 > server:443", "A");
    let mut s = tracked().from_the_beginning().start();
    let out = s.leave("web", middle()).state(CtState::Established).to("internet", |p| p.src("web.pub"));
    let out = out.counts(OPENED);
    s.arrive(out.reply()).to("web", |p| p.dst("web")).of(&out).counts(NOTHING);
    let mut s = tracked().from_the_beginning().knob("security_group.tcp_loose = false").start();
    s.leave("web", middle()).dropped(SecurityGroup, "eni-web").counts(NOTHING);
    // By a NAT gateway: never (4.26), unless it began before the capture.
    let mut s = NAT.from_the_beginning().knob("nat_gateway.rst_on_unknown = 'never'").start();
    s.leave("one", tcp("one:4000 > server:443", "A")).dropped(NatNoSession, "nat-nat").counts(REFUSED_OUT);
    let mut s = NAT.start();
    let out = s.leave("one", tcp("one:4000 > server:443", "A")).to("internet", |p| p.src("nat:*").hop());
    let out = out.counts(OUT + ACTIVE + OPENED);
    s.arrive(out.reply()).to("one", |p| p.dst("one:4000").hop()).counts(BACK);
}

#[test]
fn e14_syn_ack_rst_and_fin_open_nothing() {
    for flags in ["SA", "R", "FA", "RA"] {
        let mut s = NAT.from_the_beginning().knob("nat_gateway.rst_on_unknown = 'never'").start();
        s.leave("one", tcp("one:4000 > server:443", flags)).dropped(NatNoSession, "nat-nat").counts(REFUSED_OUT);
        s.arrive(tcp("server:443 > nat:4000", flags)).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);
    }
}

#[test]
fn syn_ack_rst_and_fin_open_nothing_at_a_nat_instance() {
    for flags in ["SA", "R", "FA"] {
        let mut s = NAT_INSTANCE.from_the_beginning().start();
        s.leave("one", tcp("one:4000 > server:443", flags)).dropped(CtInvalid, "eni-nat").counts(NOTHING);
    }
}

#[test]
fn e15_flags_that_make_no_sense_are_invalid_to_linux() {
    for flags in [".", "FPU", "SF", "SR", "SFRPAU"] {
        let mut s = NAT_INSTANCE.start();
        s.leave("one", tcp("one:4000 > server:443", flags)).dropped(CtInvalid, "eni-nat").counts(NOTHING);
    }
    for flags in ["SEC", "SPU"] {
        let mut s = NAT_INSTANCE.start();
        let it = Conversation::new("one:4000", "nat:4000", "server:443");
        s.leave("one", it.out(flags)).to("internet", |p| it.translated(p)).counts(OPENED);
    }
}

#[test]
fn e16_a_data_offset_that_cannot_be_is_refused_a_wrong_checksum_if_asked_to() {
    let mut s = NAT.start();
    for offset in [0x00, 0x30, 0x40, 0xf0] {
        s.leave("one", tcp("one:4000 > server:443", "S").byte(32, offset)).dropped(REFUSED, "-").counts(NOTHING);
    }
    let wrong = || tcp("one:4000 > server:443", "S").checksum_off_by(0x0101);
    s.leave("one", wrong()).to("internet", |p| p.src("nat:*").hop()).counts(OUT + ATTEMPT + OPENED);
    NAT.strict().start().leave("one", wrong()).dropped(REFUSED, "-").counts(NOTHING);
}

#[test]
fn e17_two_syns_that_cross_open_one_connection() {
    let mut s = NAT.start();
    let it = s.call();
    s.arrive(it.back("S")).to("one", |p| it.restored(p)).counts(BACK);
    s.leave("one", it.out("SA")).to("internet", |p| it.translated(p)).counts(OUT + ESTABLISHED);
    s.arrive(it.back("SA")).to("one", |p| it.restored(p)).counts(BACK);
    // (12, 5382-2)
    let mut s = NAT.knob("nat_gateway.tcp_simopen = false").start();
    let it = s.call();
    s.arrive(it.back("S")).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);
    s.arrive(it.back("SA")).to("one", |p| it.restored(p)).counts(BACK);
}

#[test]
fn e18_a_refused_connection_can_be_tried_again_from_the_same_port() {
    let mut s = NAT.start();
    let it = s.call();
    s.arrive(it.back("RA")).to("one", |p| it.restored(p)).counts(BACK + INACTIVE);
    s.wait(1.0, NOTHING);
    s.leave("one", it.out("S")).to("internet", |p| it.translated(p)).counts(OUT + ATTEMPT);
    s.arrive(it.back("SA")).to("one", |p| it.restored(p)).counts(BACK);
    s.leave("one", it.out("A")).to("internet", |p| it.translated(p)).counts(OUT + ESTABLISHED);
}

#[test]
fn e19_a_segment_size_is_clamped_and_never_raised() {
    for (net, offered, clamped) in [
        (NAT, 9000, 8460),
        (NAT, 8460, 8460),
        (NAT, 1400, 1400),
        (NAT.knob("nat_gateway.mtu = 1040"), 1400, 1000),
        (NAT.knob("nat_gateway.mss_clamp = false"), 9000, 9000),
    ] {
        let mut s = net.start();
        let syn = s.leave("one", tcp("one:4000 > server:443", "S").mss(offered));
        let syn = syn.to("internet", |p| p.src("nat:*").hop().mss(clamped)).counts(OUT + ATTEMPT + OPENED);
        // The answer says what the server can take.
        let answer = syn.reply().mss(offered);
        s.arrive(answer).to("one", |p| p.dst("one:4000").hop().mss(clamped)).counts(BACK);
    }
}

#[test]
fn e20_a_handshake_and_a_farewell_have_short_timers_and_between_them_a_long_one() {
    let flows = |s: &mut Scenario, flags: &[&str]| {
        let it = Conversation::new("web:4000", "web.pub:4000", "server:443");
        let mut opens = OPENED;
        for (at, flags) in flags.iter().enumerate() {
            if at % 2 == 0 {
                s.leave("web", it.out(flags)).to("internet", |p| p.src("web.pub")).counts(opens);
            } else {
                s.arrive(it.back(flags)).to("web", |p| p.dst("web")).counts(NOTHING);
            }
            opens = NOTHING;
        }
    };
    // (6.16)
    for (flags, timer) in [
        (&["S", "SA"][..], 60.0),
        (&["S", "SA", "A"], 432_000.0),
        (&["S", "SA", "A", "FA"], 432_000.0),
        (&["S", "SA", "FA", "FA"], 30.0),
        (&["S", "SA", "A", "R"], 10.0),
    ] {
        let mut s = tracked().start();
        flows(&mut s, flags);
        s.wait(timer - 0.001, NOTHING);
        s.wait(0.001, FORGOTTEN);
        let late = tcp("server:443 > web.pub:4000", "PA");
        s.arrive(late).dropped(SecurityGroupEmpty, "eni-web").counts(NOTHING);
    }
}

#[test]
fn e21_sequence_numbers_are_no_concern_of_groups_and_gateways() {
    // (6.25)
    let (mut s, it) = connected(NAT);
    for wild in [0, 0x8000_0000, u32::MAX] {
        s.arrive(it.back("PA").numbers(wild, wild)).to("one", |p| it.restored(p)).counts(BACK);
        s.leave("one", it.out("PA").numbers(wild, wild)).to("internet", |p| it.translated(p)).counts(OUT);
    }
    // An INIT from either side of one association is one entry, for 600 seconds (6.15).
    const SCTP: u8 = 132;
    let init = [0x0f, 0xa0, 0x01, 0xbb, 0, 0, 0, 0, 0x5b, 0x1e, 0x0a, 0x3c, 1, 0, 0, 20];
    let mut s = tracked().start();
    let out = s.leave("web", protocol("web > server", SCTP, &init)).to("internet", |p| p.src("web.pub")).counts(OPENED);
    s.arrive(protocol("server > web.pub", SCTP, &init)).to("web", |p| p.dst("web")).of(&out).counts(NOTHING);
    s.wait(599.999, NOTHING);
    s.wait(0.001, FORGOTTEN);
}

#[test]
fn a_nat_instance_checks_sequence_numbers_unless_told_not_to() {
    let wild = |it: &Conversation| it.back("PA").numbers(5001 + 1_000_000, 1001);
    let (mut s, it) = numbered(NAT_INSTANCE);
    s.arrive(wild(&it)).dropped(CtInvalid, "eni-nat").counts(NOTHING);
    let (mut s, it) = numbered(NAT_INSTANCE.knob("nat_instance.tcp_window_check = false"));
    s.arrive(wild(&it)).to("one", |p| it.restored(p)).counts(NOTHING);
}

#[test]
fn e22_after_closing_nothing_counts_as_active() {
    for inside_first in [true, false] {
        let (mut s, it) = connected(NAT);
        assert_eq!(s.lab().active(), 1);
        close(&mut s, &it, inside_first);
        assert_eq!(s.lab().active(), 0);
    }
    // Nor after 350 idle seconds: then the client is told when it speaks (4.25).
    let (mut s, it) = connected(NAT);
    s.wait(350.0, IDLE);
    assert_eq!(s.lab().active(), 0);
    s.arrive(it.back("PA")).dropped(NatNoSession, "nat-nat").counts(REFUSED_BACK);
    let late = s.leave("one", it.out("PA")).dropped(NatIdleExpired, "nat-nat");
    late.answered("tcp-rst", "one", reset()).counts(REFUSED_OUT);
}
