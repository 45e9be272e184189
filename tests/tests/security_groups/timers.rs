//! What begins and ends a connection that is tracked, and how long it lives (6.16, 6.17, 6.23-6.25).

use vpcemu_dataplane::outcome::CtState;
use vpcemu_dataplane::{DropReason, Midstream, Options};
use vpcemu_model::native;
use vpcemu_packet::{TcpFlags, build};
use vpcemu_tests::{Lab, data, ip, ping, socket, syn, udp};

use super::{CLIENT, GROUPS, NOTHING, TRACKED, network};

#[test]
fn udp_lives_30_seconds_and_as_a_stream_180() {
    for (stream, timer) in [(false, 30.0), (true, 180.0)] {
        for (wait, lives) in [(timer - 0.001, true), (timer, false)] {
            let mut lab = Lab::new(&network(TRACKED));
            let asked = lab.arrive(udp(CLIENT, "203.0.113.10:53")).delivered("eni-web");
            lab.leave("web", asked.reply()).delivered("internet");
            if stream {
                lab.arrive(udp(CLIENT, "203.0.113.10:53")).delivered("eni-web");
            }
            lab.wait(wait);
            assert_eq!(lab.leave("web", asked.reply()).place.is_some(), lives, "after {wait} s, stream {stream}");
        }
    }
}

#[test]
fn an_interface_sets_its_own_timers() {
    let text = network(TRACKED).replace("public = \"203", "tcp_established_timeout = \"350s\"\npublic = \"203");
    let mut lab = Lab::new(&text);
    let asked = lab.arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-web");
    lab.leave("web", asked.reply()).delivered("internet");
    lab.arrive(data(CLIENT, "203.0.113.10:443")).delivered("eni-web");
    lab.wait(349.0);
    let answer = || data("10.0.0.10:443", CLIENT);
    lab.leave("web", answer()).delivered("internet");
    lab.wait(350.0);
    lab.leave("web", answer()).dropped(DropReason::SecurityGroupEmpty, "eni-web");
    assert_eq!(lab.connections(), (1, 1));
}

#[test]
fn on_nitro_v6_an_idle_connection_is_forgotten_after_350_s() {
    for (instance_type, wait, lives) in
        [("m7i.large", 431_999.0, true), ("m8i.large", 349.999, true), ("m8i.large", 350.0, false)]
    {
        let set = format!("instance_type = \"{instance_type}\"\npublic = \"203");
        let mut lab = Lab::new(&network(TRACKED).replace("public = \"203", &set));
        let asked = lab.arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-web");
        lab.leave("web", asked.reply()).delivered("internet");
        lab.arrive(data(CLIENT, "203.0.113.10:443")).delivered("eni-web");
        lab.wait(wait);
        let answer = lab.leave("web", data("10.0.0.10:443", CLIENT));
        let reason = (!lives).then_some(DropReason::SecurityGroupEmpty);
        assert_eq!(answer.reason(), reason, "{instance_type} after {wait} s"); // (6.16)
        assert_eq!(lab.connections(), (1, u64::from(!lives)));
    }
}

#[test]
fn a_connection_from_before_the_capture_is_adopted_where_either_direction_allows_it() {
    let run = |midstream| {
        let network = native::parse("lab.toml", &network(TRACKED)).unwrap().network;
        let mut lab = Lab::of(&[network], Options { midstream, ..Options::default() });
        // The server's answer comes first; only the rule for the request would have let the connection be.
        let first = lab.leave("web", data("10.0.0.10:443", CLIENT));
        let second = lab.arrive(data(CLIENT, "203.0.113.10:443"));
        (first, second)
    };
    let (first, second) = run(Midstream::Adopt);
    assert!(first.verdict.adopted);
    assert_eq!(second.verdict.connection, Some(first.n));
    first.delivered("internet");
    second.delivered("eni-web");
    let (first, second) = run(Midstream::Strict);
    first.dropped(DropReason::SecurityGroupEmpty, "eni-web");
    second.delivered("eni-web"); // a rule admits it (6.23)
}

#[test]
fn an_answer_has_to_be_an_answer() {
    let outward = "ingress = []\negress = [{ proto = \"all\", to = \"198.51.100.0/24\" }]\n";
    let mut lab = Lab::new(&network(outward));
    lab.leave("web", syn("10.0.0.10:4000", "198.51.100.7:443")).delivered("internet");
    lab.leave("web", udp("10.0.0.10:4000", "198.51.100.7:53")).delivered("internet");
    let echo = lab.leave("web", ping("10.0.0.10", "198.51.100.7", 7)).delivered("internet");
    let empty = DropReason::SecurityGroupEmpty;
    // Another port, another host, another protocol, another id (6.27): none of them was asked.
    for unsolicited in [
        syn("198.51.100.7:444", "203.0.113.10:4000"),
        syn("198.51.100.8:443", "203.0.113.10:4000"),
        udp("198.51.100.7:443", "203.0.113.10:4000"),
        udp("198.51.100.7:53", "203.0.113.10:4001"),
        build::echo_reply(ip("198.51.100.7"), ip("203.0.113.10"), 8, 1).build(),
        ping("198.51.100.7", "203.0.113.10", 7),
    ] {
        lab.arrive(unsolicited).dropped(empty, "eni-web");
    }
    let answer = lab.arrive(echo.reply()).delivered("eni-web");
    assert_eq!((answer.verdict.state, answer.verdict.connection), (Some(CtState::Established), Some(echo.n)));
}

#[test]
fn each_state_has_its_timer() {
    let rules = "ingress = [{ proto = \"all\", from = \"198.51.100.0/24\" }]\negress = []\n";
    let server = "10.0.0.10:443";
    let fin = TcpFlags::FIN | TcpFlags::ACK;
    let from_server = |flags| build::tcp(socket(server), socket(CLIENT)).flags(flags).build();
    let from_client = |flags| build::tcp(socket(CLIENT), socket("203.0.113.10:443")).flags(flags).build();
    let gre = || build::protocol(ip("198.51.100.7"), ip("203.0.113.10"), 47, &[0; 8]).build();
    let gre_back = || build::protocol(ip("10.0.0.10"), ip("198.51.100.7"), 47, &[0; 8]).build();
    let established = |lab: &mut Lab| {
        lab.arrive(from_client(TcpFlags::SYN)).delivered("eni-web");
        lab.leave("web", from_server(TcpFlags::SYN | TcpFlags::ACK)).delivered("internet");
        lab.arrive(from_client(TcpFlags::ACK)).delivered("eni-web");
    };
    for (what, timer) in
        [("opening", 60.0), ("open", 432_000.0), ("closing", 30.0), ("reset", 10.0), ("echo", 30.0), ("gre", 600.0)]
    {
        for lives in [true, false] {
            // Nothing is to be taken for older than the capture here (R2).
            let network = native::parse("lab.toml", &network(rules)).unwrap().network;
            let mut lab = Lab::of(&[network], Options { midstream: Midstream::Strict, ..Options::default() });
            let mut answer = from_server(TcpFlags::ACK);
            match what {
                "opening" => drop(lab.arrive(from_client(TcpFlags::SYN)).delivered("eni-web")),
                "echo" => {
                    let asked = lab.arrive(ping("198.51.100.7", "203.0.113.10", 7)).delivered("eni-web");
                    answer = asked.reply();
                }
                "gre" => {
                    lab.arrive(gre()).delivered("eni-web");
                    answer = gre_back();
                }
                _ => established(&mut lab),
            }
            if what == "closing" {
                lab.arrive(from_client(fin)).delivered("eni-web");
                lab.leave("web", from_server(fin)).delivered("internet");
            } else if what == "reset" {
                lab.arrive(from_client(TcpFlags::RST)).delivered("eni-web");
            }
            lab.wait(if lives { timer - 0.001 } else { timer });
            let reason = (!lives).then_some(DropReason::SecurityGroupEmpty);
            // (6.16)
            assert_eq!(lab.leave("web", answer).reason(), reason, "{what}");
            assert_eq!(lab.connections(), (1, u64::from(!lives)), "{what}");
        }
    }
}

#[test]
fn an_interface_sets_its_udp_timers_too() {
    let set = "udp_timeout = \"60s\"\nudp_stream_timeout = \"90s\"\npublic = \"203";
    let text = network(TRACKED).replace("public = \"203", set);
    for (stream, timer) in [(false, 60.0), (true, 90.0)] {
        for (wait, lives) in [(timer - 0.001, true), (timer, false)] {
            let mut lab = Lab::new(&text);
            let asked = lab.arrive(udp(CLIENT, "203.0.113.10:53")).delivered("eni-web");
            lab.leave("web", asked.reply()).delivered("internet");
            if stream {
                lab.arrive(udp(CLIENT, "203.0.113.10:53")).delivered("eni-web");
            }
            lab.wait(wait);
            assert_eq!(lab.leave("web", asked.reply()).place.is_some(), lives, "after {wait} s, stream {stream}");
        }
    }
}

#[test]
fn a_syn_on_a_connection_that_is_over_begins_another() {
    let mut lab = Lab::new(&network(TRACKED));
    let first = lab.arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-web");
    lab.leave("web", first.reply()).delivered("internet");
    let reset = build::tcp(socket(CLIENT), socket("203.0.113.10:443")).flags(TcpFlags::RST).build();
    lab.arrive(reset).delivered("eni-web");
    lab.wait(1.0);
    // Within the 10 s that the entry lingers (6.25); and it has the time of an opening one again.
    let second = lab.arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-web");
    lab.wait(59.0);
    lab.leave("web", second.reply()).delivered("internet");
}

#[test]
fn without_tcp_loose_only_a_syn_opens() {
    let text = format!("{}\n[behavior.security_group]\ntcp_loose = false\n", network(TRACKED));
    let network = native::parse("lab.toml", &text).unwrap().network;
    let mut lab = Lab::of(&[network], Options { midstream: Midstream::Strict, ..Options::default() });
    // (6.23)
    lab.arrive(data(CLIENT, "203.0.113.10:443")).dropped(DropReason::SecurityGroup, "eni-web");
    lab.arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-web");
    lab.arrive(data(CLIENT, "203.0.113.10:443")).delivered("eni-web");
}

#[test]
fn a_connection_whose_syn_was_seen_did_not_begin_before_the_capture() {
    let ack = |from: &str, to: &str| build::tcp(socket(from), socket(to)).flags(TcpFlags::ACK).build();
    // Between two hosts of the VPC: the SYN was seen, its entry is gone after 60 s, and a late answer meets the rules (R2).
    let mut lab = Lab::new(GROUPS);
    lab.leave("client", syn("10.0.0.10:4000", "10.0.0.30:443")).delivered("eni-server");
    lab.wait(60.0);
    lab.leave("server", ack("10.0.0.30:443", "10.0.0.10:4000")).dropped(DropReason::SecurityGroup, "eni-server");
    // The same from the internet, where the SYN is for the public address and the answer comes from the private one.
    let mut lab = Lab::new(&network(TRACKED));
    lab.arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-web");
    lab.wait(60.0);
    let late = lab.leave("web", ack("10.0.0.10:443", CLIENT));
    assert!(!late.verdict.adopted);
    late.dropped(DropReason::SecurityGroupEmpty, "eni-web");
}

#[test]
fn a_syn_on_a_connection_that_is_over_needs_a_rule() {
    // (6.18, 6.25) From the client, which opened it, and from the server.
    let both = "ingress = [{ proto = \"tcp\", from = \"198.51.100.0/24\" }]\negress = [{ proto = \"tcp\", to = \"198.51.100.0/24\" }]\n";
    for (rules, admitted) in [(both, true), (NOTHING, false)] {
        let mut lab = Lab::then(&[&network(both), &network(rules)]);
        let closed = |lab: &mut Lab| {
            let asked = lab.arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-web");
            let reset = build::tcp(socket("10.0.0.10:443"), socket(CLIENT)).flags(TcpFlags::RST).build();
            assert_eq!(lab.leave("web", reset).delivered("internet").verdict.connection, Some(asked.n));
        };
        closed(&mut lab);
        lab.switch();
        // What still belongs to the connection passes within the linger, and what would open another does not.
        lab.arrive(data(CLIENT, "203.0.113.10:443")).delivered("eni-web");
        let again = lab.arrive(syn(CLIENT, "203.0.113.10:443"));
        let reason = (!admitted).then_some(DropReason::SecurityGroupEmpty);
        assert_eq!(again.reason(), reason);
        assert_eq!(again.verdict.connection, admitted.then_some(again.n));
        assert_eq!(lab.connections(), if admitted { (2, 1) } else { (1, 1) });
    }
}
