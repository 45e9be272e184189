//! How long mappings live, and what the gateway says when it has forgotten one (4.24-4.31).

use vpcemu_dataplane::DropReason;
use vpcemu_packet::{TcpFlags, Transport, build};
use vpcemu_tests::{Lab, data, headers, ip, ping, socket, syn, udp};

use super::{FROM, NETWORK, TO, connected, from_remote, unfiltered, with_knobs};

#[test]
fn after_350_idle_seconds_the_inside_gets_a_reset_and_the_outside_silence() {
    let mut lab = Lab::new(NETWORK);
    let public = connected(&mut lab);
    lab.wait(350.0);
    lab.arrive(from_remote(public, TcpFlags::ACK)).dropped(DropReason::NatNoSession, "nat-nat");
    let late = lab.leave("one", data(FROM, TO));
    let (kind, bytes, place) = late.generated.as_ref().expect("a RST is made");
    assert_eq!((kind.name(), place.as_deref()), ("tcp-rst", Some("eni-one")));
    let reset = headers(bytes);
    assert_eq!(reset.key(), headers(&data(FROM, TO)).key().reversed());
    // The segment had ACK: the RST has its acknowledgement number, and no ACK (RFC 9293 3.10.7.1).
    assert!(matches!(reset.transport, Transport::Tcp { flags: TcpFlags::RST, seq: 2000, .. }), "{reset:?}");
    late.dropped(DropReason::NatIdleExpired, "nat-nat");
    // A new connection of the same ports gets through, on another port.
    let again = lab.leave("one", syn(FROM, TO)).delivered("internet");
    assert_ne!(again.key().src_port, public.port());
    let counters = lab.nat_counters("nat-nat");
    assert_eq!((counters.idle_timeout, counters.connection_attempt, counters.connection_established), (1, 2, 1));
}

#[test]
fn either_direction_keeps_a_mapping_alive() {
    let mut lab = Lab::new(NETWORK);
    let public = connected(&mut lab);
    for _ in 0..3 {
        lab.wait(349.0);
        lab.arrive(from_remote(public, TcpFlags::ACK)).delivered("eni-one");
        lab.wait(349.0);
        lab.leave("one", data(FROM, TO)).delivered("internet");
    }
}

#[test]
fn half_open_closed_and_reset_mappings_linger_for_their_time() {
    let mut lab = Lab::new(NETWORK);
    let half = lab.leave("one", syn(FROM, TO)).delivered("internet");
    lab.wait(60.0);
    lab.arrive(half.reply()).dropped(DropReason::NatNoSession, "nat-nat");

    let fin = TcpFlags::FIN | TcpFlags::ACK;
    for (end, linger) in [(fin, 60.0), (TcpFlags::RST, 10.0)] {
        let mut lab = Lab::new(NETWORK);
        let public = connected(&mut lab);
        lab.leave("one", build::tcp(socket(FROM), socket(TO)).flags(end).build()).delivered("internet");
        if end == fin {
            lab.arrive(from_remote(public, fin)).delivered("eni-one");
        }
        lab.wait(linger - 1.0);
        // Within it a SYN of the same client starts the mapping again, on the same port (4.29).
        let mut lab_in_linger = lab;
        let again = lab_in_linger.leave("one", syn(FROM, TO)).delivered("internet");
        assert_eq!(again.key().src_port, public.port());
    }
}

#[test]
fn a_segment_without_a_mapping_is_reset_unless_a_knob_says_otherwise() {
    for (knob, resets) in [("always", true), ("tombstone_only", false), ("never", false)] {
        let mut lab = Lab::new(&format!("{NETWORK}\n[behavior.nat_gateway]\nrst_on_unknown = \"{knob}\"\n"));
        // A first packet of its tuple would be adopted; a second is not.
        let public = connected(&mut lab);
        lab.leave("one", build::tcp(socket(FROM), socket(TO)).flags(TcpFlags::RST).build()).delivered("internet");
        lab.wait(10.0);
        lab.arrive(from_remote(public, TcpFlags::ACK)).dropped(DropReason::NatNoSession, "nat-nat");
        let sent = lab.leave("one", data(FROM, TO));
        assert_eq!(sent.generated.is_some(), resets, "{knob}");
        sent.dropped(DropReason::NatNoSession, "nat-nat");
    }
}

#[test]
fn the_reset_after_idleness_has_the_numbers_of_rfc_9293() {
    let segment = |flags: TcpFlags, payload: &[u8]| {
        build::tcp(socket(FROM), socket(TO)).flags(flags).seq(5000).ack(7000).payload(payload).build()
    };
    let (rst, rst_ack) = (TcpFlags::RST, TcpFlags::RST | TcpFlags::ACK);
    // <SEQ=SEG.ACK><CTL=RST>, or <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>, where FIN counts as an octet.
    let cases = [
        (segment(TcpFlags::ACK, b""), rst, 7000, 0),
        (segment(TcpFlags::ACK | TcpFlags::PSH, b"four"), rst, 7000, 0),
        (segment(TcpFlags::FIN | TcpFlags::ACK, b""), rst, 7000, 0),
        (segment(TcpFlags::FIN, b""), rst_ack, 0, 5001),
        (segment(TcpFlags::FIN, b"four"), rst_ack, 0, 5005),
        (segment(TcpFlags::PSH, b"four"), rst_ack, 0, 5004),
    ];
    for (late, flags, seq, ack) in cases {
        let mut lab = Lab::new(NETWORK);
        connected(&mut lab);
        lab.wait(350.0);
        let late = lab.leave("one", late);
        let (_, bytes, place) = late.generated.as_ref().expect("a RST is made");
        assert_eq!(place.as_deref(), Some("eni-one"));
        let reset = headers(bytes);
        assert_eq!(reset.key(), headers(&syn(FROM, TO)).key().reversed());
        let Transport::Tcp { flags: f, seq: s, ack: a, payload_len, .. } = reset.transport else { panic!("TCP") };
        assert_eq!((f, s, a, payload_len), (flags, seq, ack, 0));
        late.dropped(DropReason::NatIdleExpired, "nat-nat").steps(&[
            "sg eni-one egress",
            "nacl acl-main-default egress",
            "route rtb-priv",
            "nacl acl-main-default ingress",
            "nat nat-nat DENY",
        ]);
    }
    // A RST is not answered with a RST.
    let mut lab = Lab::new(NETWORK);
    connected(&mut lab);
    lab.wait(350.0);
    assert!(lab.leave("one", segment(TcpFlags::RST, b"")).generated.is_none());
}

#[test]
fn what_comes_from_outside_after_idleness_meets_silence() {
    let mut lab = Lab::new(NETWORK);
    let public = connected(&mut lab);
    lab.wait(350.0);
    for flags in [TcpFlags::ACK, TcpFlags::SYN, TcpFlags::FIN | TcpFlags::ACK, TcpFlags::RST] {
        let late = lab.arrive(from_remote(public, flags));
        assert!(late.generated.is_none()); // (4.27)
        late.dropped(DropReason::NatNoSession, "nat-nat");
    }
}

#[test]
fn udp_that_was_idle_gets_another_mapping_and_no_answer() {
    let mut lab = Lab::new(&unfiltered());
    let flow = || udp("10.0.1.10:5353", "198.51.100.7:53");
    let before = lab.leave("one", flow()).delivered("internet");
    lab.wait(349.999);
    lab.arrive(before.reply()).delivered("eni-one"); // (4.30)
    lab.wait(350.0);
    lab.arrive(before.reply()).dropped(DropReason::NatNoSession, "nat-nat");
    let after = lab.leave("one", flow()).delivered("internet");
    assert!(after.generated.is_none());
    assert_eq!(lab.nat_counters("nat-nat").idle_timeout, 0); // of TCP only (4.37)
    lab.arrive(after.reply()).delivered("eni-one");
}

#[test]
fn icmp_errors_renew_nothing() {
    let mut lab = Lab::new(&unfiltered());
    let sent = lab.leave("one", udp("10.0.1.10:5353", "198.51.100.7:53")).delivered("internet");
    lab.wait(349.0);
    let error = build::icmp_error(ip("198.51.100.7"), sent.key().src, 3, 3, 0, &sent.bytes);
    lab.arrive(error.clone()).delivered("eni-one");
    lab.wait(1.0);
    // (4.30)
    lab.arrive(error).dropped(DropReason::NatNoSession, "nat-nat");
    lab.arrive(sent.reply()).dropped(DropReason::NatNoSession, "nat-nat");
}

#[test]
fn a_handshake_has_60_seconds() {
    let mut lab = Lab::new(NETWORK);
    let half = lab.leave("one", syn(FROM, TO)).delivered("internet");
    lab.wait(59.999);
    lab.arrive(half.reply()).delivered("eni-one");
    // The answer renews it, and it is half open still (4.28, 4.30).
    lab.wait(60.0);
    lab.arrive(half.reply()).dropped(DropReason::NatNoSession, "nat-nat");
    let counters = lab.nat_counters("nat-nat");
    assert_eq!((counters.connection_attempt, counters.connection_established, counters.idle_timeout), (1, 0, 0));
}

#[test]
fn fin_from_one_side_is_no_end_and_from_both_ends_it_in_60_seconds() {
    let fin = TcpFlags::FIN | TcpFlags::ACK;
    let mut lab = Lab::new(NETWORK);
    let public = connected(&mut lab);
    lab.leave("one", build::tcp(socket(FROM), socket(TO)).flags(fin).build()).delivered("internet");
    lab.wait(349.999);
    lab.arrive(from_remote(public, TcpFlags::ACK)).delivered("eni-one");
    lab.arrive(from_remote(public, fin)).delivered("eni-one");
    lab.wait(59.999);
    // The last ACK is carried, and renews the linger.
    lab.leave("one", data(FROM, TO)).delivered("internet");
    lab.wait(60.0);
    lab.arrive(from_remote(public, TcpFlags::ACK)).dropped(DropReason::NatNoSession, "nat-nat");
    let late = lab.leave("one", data(FROM, TO));
    assert!(late.generated.is_some());
    late.dropped(DropReason::NatNoSession, "nat-nat");
    assert_eq!(lab.nat_counters("nat-nat").idle_timeout, 0); // closed in good order (4.37)
}

#[test]
fn reset_by_either_side_it_lingers_for_10_seconds() {
    for inside in [true, false] {
        for (wait, lives) in [(9.999, true), (10.0, false)] {
            let mut lab = Lab::new(NETWORK);
            let public = connected(&mut lab);
            if inside {
                let reset = build::tcp(socket(FROM), socket(TO)).flags(TcpFlags::RST).build();
                lab.leave("one", reset).delivered("internet");
            } else {
                lab.arrive(from_remote(public, TcpFlags::RST)).delivered("eni-one");
            }
            lab.wait(wait);
            let straggler = lab.arrive(from_remote(public, TcpFlags::ACK));
            let reason = (!lives).then_some(DropReason::NatNoSession);
            assert_eq!(straggler.reason(), reason, "reset from inside: {inside}, after {wait} s");
        }
    }
}

#[test]
fn a_syn_in_linger_begins_a_connection_that_is_whole_again() {
    let mut lab = Lab::new(NETWORK);
    let public = connected(&mut lab);
    lab.arrive(from_remote(public, TcpFlags::RST)).delivered("eni-one");
    lab.wait(9.0);
    assert_eq!(connected(&mut lab), public); // (4.29)
    lab.wait(349.0);
    lab.arrive(from_remote(public, TcpFlags::ACK)).delivered("eni-one");
    let counters = lab.nat_counters("nat-nat");
    assert_eq!((counters.connection_attempt, counters.connection_established), (2, 2));
}

#[test]
fn a_segment_of_an_idle_connection_is_reset_by_the_knob() {
    for (knob, resets) in [("always", true), ("tombstone_only", true), ("never", false)] {
        let mut lab = with_knobs(&format!("rst_on_unknown = \"{knob}\""));
        connected(&mut lab);
        lab.wait(350.0);
        let late = lab.leave("one", data(FROM, TO));
        assert_eq!(late.generated.is_some(), resets, "{knob}");
        late.dropped(DropReason::NatIdleExpired, "nat-nat");
    }
}

#[test]
fn the_rfc_preset_has_the_timers_of_the_rfcs() {
    let lab = || Lab::new(&format!("{}\n[behavior]\npreset = \"rfc\"\n", unfiltered()));
    for early in [true, false] {
        let expected = if early { None } else { Some(DropReason::NatNoSession) };
        let after = |lab: &mut Lab, timer: f64| lab.wait(if early { timer - 0.001 } else { timer });
        // RFC 4787 REQ-5: 5 minutes. RFC 5508 REQ-2: 60 seconds. RFC 5382 REQ-5: 4 minutes half open.
        for (flow, timer) in [
            (udp("10.0.1.10:5353", "198.51.100.7:53"), 300.0),
            (ping("10.0.1.10", "198.51.100.7", 7), 60.0),
            (syn(FROM, TO), 240.0),
        ] {
            let mut lab = lab();
            let sent = lab.leave("one", flow).delivered("internet");
            after(&mut lab, timer);
            assert_eq!(lab.arrive(sent.reply()).reason(), expected, "{timer} s");
        }
        // RFC 5382 REQ-5: 2 hours and 4 minutes established.
        let mut open = lab();
        let public = connected(&mut open);
        after(&mut open, 7440.0);
        assert_eq!(open.arrive(from_remote(public, TcpFlags::ACK)).reason(), expected);
        // RFC 7857 2.1 and 2.2: 4 minutes after FIN both ways and after RST.
        for end in [TcpFlags::FIN | TcpFlags::ACK, TcpFlags::RST] {
            let mut over = lab();
            let public = connected(&mut over);
            over.leave("one", build::tcp(socket(FROM), socket(TO)).flags(end).build()).delivered("internet");
            over.arrive(from_remote(public, end)).delivered("eni-one");
            after(&mut over, 240.0);
            assert_eq!(over.arrive(from_remote(public, TcpFlags::ACK)).reason(), expected, "{end:?}");
        }
    }
}

#[test]
fn a_gateway_that_was_away_has_forgotten() {
    let away = NETWORK.replace("{ to = \"0.0.0.0/0\", via = \"nat\" }", "");
    let away = away.replace(
        "[nat_gateway.nat]\nsubnet = \"pub\"\naddresses = [{ private = \"10.0.0.200\", public = \"203.0.113.20\" }]\n",
        "",
    );
    let mut lab = Lab::then(&[NETWORK, &away, NETWORK]);
    let public = connected(&mut lab);
    lab.switch();
    lab.leave("one", data(FROM, TO)).dropped(DropReason::NoRoute, "rtb-priv");
    lab.arrive(from_remote(public, TcpFlags::ACK)).dropped(DropReason::NoSuchPublicAddress, "igw-igw");
    lab.switch();
    lab.arrive(from_remote(public, TcpFlags::ACK)).dropped(DropReason::NatNoSession, "nat-nat");
    // (4.31)
    let late = lab.leave("one", data(FROM, TO));
    assert!(late.generated.is_some());
    late.dropped(DropReason::NatNoSession, "nat-nat");
}
