//! Echo, ICMP errors, ages and fragments (4.17-4.20, 1.25).

use std::net::IpAddr;

use vpcemu_dataplane::DropReason;
use vpcemu_packet::{QuoteTransport, TcpFlags, Transport, build};
use vpcemu_tests::{Lab, headers, ip, ping, socket, syn, udp};

use super::{FROM, NETWORK, QUOTE_AT, TO};

#[test]
fn echo_ids_are_ports_and_come_back() {
    let mut lab = Lab::new(NETWORK);
    let sent = lab.leave("one", ping("10.0.1.10", "198.51.100.7", 77)).delivered("internet").source("203.0.113.20");
    let reply = lab.arrive(sent.reply()).delivered("eni-one");
    assert_eq!(reply.key().src_port, 77);
}

#[test]
fn errors_about_a_flow_come_back_with_the_quote_restored() {
    let mut lab = Lab::new(NETWORK);
    for (length, kind, from) in [(60, 3, "198.51.100.7"), (28, 11, "192.0.2.254")] {
        let sent = lab.leave("one", udp("10.0.1.10:5353", "198.51.100.7:53")).delivered("internet");
        let quoted = &sent.bytes[..sent.bytes.len().min(length)];
        let from: IpAddr = from.parse().unwrap();
        let error = build::icmp_error(from, sent.key().src, kind, 0, 0, quoted);
        let error = lab.arrive(error).delivered("eni-one");
        assert_eq!(error.key().src, from, "whoever reports it (4.18)");
        let Transport::IcmpError { quote: Some(quote), .. } = error.headers().transport else { panic!("an error") };
        assert_eq!(quote.src, "10.0.1.10".parse::<IpAddr>().unwrap());
        assert_eq!(quote.transport, QuoteTransport::Ports { src: 5353, dst: 53 });
    }
    let stray = udp("203.0.113.20:9999", "198.51.100.7:53");
    let stray = build::icmp_error("198.51.100.7".parse().unwrap(), "203.0.113.20".parse().unwrap(), 3, 3, 0, &stray);
    lab.arrive(stray).dropped(DropReason::NatNoSession, "nat-nat");
}

#[test]
fn ttl_goes_down_by_one_each_way_and_runs_out_at_the_gateway() {
    let mut lab = Lab::new(NETWORK);
    let packet = build::udp(socket("10.0.1.10:5353"), socket("198.51.100.7:53")).ttl(9).build();
    let sent = lab.leave("one", packet).delivered("internet");
    assert_eq!(sent.headers().ttl, 8);
    assert_eq!(lab.arrive(sent.reply()).delivered("eni-one").headers().ttl, 63);
    let packet = build::udp(socket("10.0.1.10:5353"), socket("198.51.100.7:53")).ttl(1).build();
    let dead = lab.leave("one", packet);
    let (kind, bytes, place) = dead.generated.as_ref().expect("the gateway shows up in a traceroute");
    assert_eq!((kind.name(), place.as_deref()), ("icmp-time-exceeded", Some("eni-one")));
    assert_eq!(headers(bytes).src, "10.0.0.200".parse::<IpAddr>().unwrap());
    dead.dropped(DropReason::Ttl, "nat-nat");
}

#[test]
fn an_echo_id_is_translated_and_a_request_is_no_reply() {
    let mut lab = Lab::new(NETWORK);
    let one = lab.leave("one", ping("10.0.1.10", "198.51.100.7", 77)).delivered("internet");
    let two = lab.leave("two", ping("10.0.1.11", "198.51.100.7", 77)).delivered("internet");
    assert_ne!(one.key().src_port, two.key().src_port);
    let id = one.key().src_port;
    // From outside with the same id: it asks, so it answers nothing (4.22, 4.27).
    lab.arrive(ping("198.51.100.7", "203.0.113.20", id)).dropped(DropReason::NatNoSession, "nat-nat");
    lab.arrive(ping("198.51.100.7", "203.0.113.20", 9)).dropped(DropReason::NatNoSession, "nat-nat");
    lab.arrive(one.reply()).delivered("eni-one").destination("10.0.1.10:77");
    lab.arrive(two.reply()).delivered("eni-two").destination("10.0.1.11:77");
    // A reply that nobody asked the client for goes nowhere either.
    let unasked = build::echo_reply(ip("10.0.1.10"), ip("198.51.100.9"), 5, 1).build();
    lab.leave("one", unasked).dropped(DropReason::NatNoSession, "nat-nat");
}

#[test]
fn errors_from_a_third_address_quote_the_packet_as_the_client_sent_it() {
    let flows = [
        (udp("10.0.1.10:5353", "198.51.100.7:53"), QuoteTransport::Ports { src: 5353, dst: 53 }),
        (syn("10.0.1.10:5353", "198.51.100.7:443"), QuoteTransport::Ports { src: 5353, dst: 443 }),
        (ping("10.0.1.10", "198.51.100.7", 77), QuoteTransport::Query { kind: 8, id: 77 }),
    ];
    for (original, ports) in flows {
        for (kind, code) in [(3, 3), (3, 4), (11, 0)] {
            for length in [28, original.len()] {
                let mut lab = Lab::new(NETWORK);
                let sent = lab.leave("one", original.clone()).delivered("internet");
                let error = build::icmp_error(ip("192.0.2.254"), sent.key().src, kind, code, 0, &sent.bytes[..length]);
                let error = lab.arrive(error).delivered("eni-one").source("192.0.2.254");
                assert_eq!(error.verdict.connection, Some(sent.n));
                let headers = error.headers();
                assert_eq!(headers.dst, ip("10.0.1.10"));
                let Transport::IcmpError { quote: Some(quote), .. } = headers.transport else { panic!("an error") };
                assert_eq!((quote.src, quote.dst, quote.transport), (ip("10.0.1.10"), ip("198.51.100.7"), ports));
                // But for the TTL and with it the header's checksum, to the byte.
                let (quoted, original) = (&error.bytes[QUOTE_AT..], &original[..length]);
                assert_eq!((&quoted[..8], &quoted[12..]), (&original[..8], &original[12..]));
                assert_eq!(quoted[8], original[8] - 1);
            }
        }
    }
}

#[test]
fn an_error_that_the_client_sends_goes_out_with_the_gateways_address_in_its_quote() {
    let mut lab = Lab::new(NETWORK);
    let sent = lab.leave("one", udp("10.0.1.10:5353", "198.51.100.7:53")).delivered("internet");
    let answer = sent.reply();
    let got = lab.arrive(answer.clone()).delivered("eni-one");
    let error = |about: &[u8]| build::icmp_error(ip("10.0.1.10"), ip("198.51.100.7"), 3, 3, 0, about);
    let told = lab.leave("one", error(&got.bytes)).delivered("internet").source("203.0.113.20");
    // (4.18; RFC 5508 REQ-5)
    let quoted = &told.bytes[QUOTE_AT..];
    assert_eq!((&quoted[..8], &quoted[12..]), (&answer[..8], &answer[12..]));
    // About a packet that never came through the gateway there is nothing to say.
    let stray = error(&udp("198.51.100.7:53", "10.0.1.10:6000"));
    lab.leave("one", stray).dropped(DropReason::NatNoSession, "nat-nat");
}

#[test]
fn time_exceeded_comes_from_the_private_address_and_to_the_inside_only() {
    let mut lab = Lab::new(NETWORK);
    let flows = [
        build::udp(socket("10.0.1.10:5353"), socket("198.51.100.7:53")).ttl(1).build(),
        build::tcp(socket(FROM), socket(TO)).flags(TcpFlags::SYN).ttl(1).build(),
        build::echo_request(ip("10.0.1.10"), ip("198.51.100.7"), 7, 1).ttl(1).build(),
    ];
    for original in flows {
        let dead = lab.leave("one", original.clone());
        let (_, bytes, place) = dead.generated.as_ref().expect("time exceeded");
        assert_eq!(place.as_deref(), Some("eni-one"));
        let error = headers(bytes);
        assert_eq!((error.src, error.dst), (ip("10.0.0.200"), ip("10.0.1.10")));
        assert!(matches!(error.transport, Transport::IcmpError { kind: 11, code: 0, .. }), "{error:?}");
        assert_eq!(bytes[QUOTE_AT..], original);
        dead.dropped(DropReason::Ttl, "nat-nat");
    }
    // The outside is not told (4.27).
    let sent = lab.leave("one", udp("10.0.1.10:5353", "198.51.100.7:53")).delivered("internet");
    let to = (sent.key().src, sent.key().src_port).into();
    let dead = lab.arrive(build::udp(socket("198.51.100.7:53"), to).ttl(1).build());
    assert!(dead.generated.is_none());
    dead.dropped(DropReason::Ttl, "nat-nat");
}

#[test]
fn of_fragments_only_those_of_udp_pass() {
    let mut lab = Lab::new(NETWORK);
    let tcp = build::tcp(socket(FROM), socket(TO)).flags(TcpFlags::ACK).dont_fragment(false).payload(&[7; 1000]);
    let echo = build::echo_request(ip("10.0.1.10"), ip("198.51.100.7"), 7, 1).dont_fragment(false);
    for whole in [tcp.build(), echo.payload(&[7; 1000]).build()] {
        let first = build::fragment(&whole, 600).swap_remove(0);
        lab.leave("one", first).dropped(DropReason::NatFragment, "nat-nat");
    }
    let whole = build::udp(socket("10.0.1.10:5353"), socket("198.51.100.7:53")).payload(&[7; 1000]).build();
    let first = build::fragment(&whole, 600).swap_remove(0);
    let whole = lab.leave("one", whole).delivered("internet");
    let first = lab.leave("one", first).delivered("internet");
    // The checksum is over the whole datagram, which the gateway does not have: it comes out the same all the same.
    assert_eq!(first.bytes[20..], whole.bytes[20..first.bytes.len()]);
}
