//! What security groups remember, and what a change of rules does to it (section 6).

use vpcemu_dataplane::outcome::CtState;
use vpcemu_dataplane::{DropReason, Midstream, Options};
use vpcemu_model::native;
use vpcemu_tests::{Lab, data, ping, syn, udp};

/// A public server whose group is `RULES`, and a client in its subnet's neighbour.
fn network(rules: &str) -> String {
    format!(
        r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.pub]
cidrs = ["10.0.0.0/24"]
route_table = "pub"
nacl = "pub"
[route_table.pub]
routes = [{{ to = "0.0.0.0/0", via = "igw" }}]
[network_acl.pub]
ingress = [{{ rule = 100, action = "allow", proto = "all", from = "0.0.0.0/0" }}]
egress = [
  {{ rule = 10, action = "deny", proto = "udp", ports = "9999", to = "0.0.0.0/0" }},
  {{ rule = 100, action = "allow", proto = "all", to = "0.0.0.0/0" }},
]
[security_group.web]
{rules}
[instance.web]
subnet = "pub"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
security_groups = ["web"]
"#
    )
}

/// Tracked: https from one block, nothing out.
const TRACKED: &str = r#"
ingress = [{ proto = "tcp", ports = "443", from = "198.51.100.0/24" }, { proto = "udp", ports = "53", from = "198.51.100.0/24" }]
egress = []
"#;
/// Open both ways.
const OPEN: &str = r#"
ingress = [{ proto = "all", from = "0.0.0.0/0" }]
egress = [{ proto = "all", to = "0.0.0.0/0" }]
"#;
const NOTHING: &str = "ingress = []\negress = []\n";

const CLIENT: &str = "198.51.100.7:4000";

#[test]
fn a_tracked_reply_needs_no_rule_and_nothing_else_gets_out() {
    let mut lab = Lab::new(&network(TRACKED));
    let asked = lab.arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-web");
    assert_eq!(asked.verdict.state, Some(CtState::New));
    let answered = lab.leave("web", asked.reply()).delivered("internet");
    assert_eq!((answered.verdict.state, answered.verdict.connection), (Some(CtState::Established), Some(asked.n)));
    lab.leave("web", syn("10.0.0.10:443", "198.51.100.7:4001")).dropped(DropReason::SecurityGroupEmpty, "eni-web");
    lab.arrive(ping("198.51.100.7", "203.0.113.10", 7)).dropped(DropReason::SecurityGroup, "eni-web");
    assert_eq!(lab.connections(), (1, 0));
}

#[test]
fn open_both_ways_is_not_tracked() {
    let mut lab = Lab::new(&network(OPEN));
    let asked = lab.arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-web");
    assert_eq!((asked.verdict.state, asked.verdict.connection), (Some(CtState::Untracked), None));
    // ICMP is tracked all the same (6.15).
    let ping = lab.arrive(ping("198.51.100.7", "203.0.113.10", 7)).delivered("eni-web");
    assert_eq!(ping.verdict.state, Some(CtState::New));
    assert_eq!(lab.connections(), (1, 0));
}

#[test]
fn tracked_connections_outlive_their_rule_and_untracked_ones_die_with_it() {
    for (rules, lives) in [(TRACKED, true), (OPEN, false)] {
        let mut lab = Lab::then(&[&network(rules), &network(NOTHING)]);
        let asked = lab.arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-web");
        lab.leave("web", asked.reply()).delivered("internet");
        lab.switch();
        let more = lab.arrive(data(CLIENT, "203.0.113.10:443"));
        assert_eq!(more.place.is_some(), lives);
        lab.arrive(syn("198.51.100.7:4001", "203.0.113.10:443")).dropped(DropReason::SecurityGroupEmpty, "eni-web");
    }
}

#[test]
fn a_moment_of_open_rules_kills_a_tracked_connection() {
    // The way to cut a connection off at once: any/any makes it untracked, then nothing admits it (6.18).
    let mut lab = Lab::then(&[&network(TRACKED), &network(OPEN), &network(NOTHING)]);
    let asked = lab.arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-web");
    lab.leave("web", asked.reply()).delivered("internet");
    lab.switch();
    lab.switch();
    lab.arrive(data(CLIENT, "203.0.113.10:443")).dropped(DropReason::SecurityGroupEmpty, "eni-web");
}

#[test]
fn what_the_network_acl_denies_leaves_nothing_behind() {
    let rules = "ingress = []\negress = [{ proto = \"udp\", to = \"198.51.100.0/24\" }]\n";
    let mut lab = Lab::new(&network(rules));
    let denied = lab.leave("web", udp("10.0.0.10:4000", "198.51.100.7:9999"));
    assert_eq!(denied.rule.as_deref(), Some("10"));
    denied.dropped(DropReason::NetworkAcl, "acl-pub");
    // No entry admits the answer (6.22).
    lab.arrive(udp("198.51.100.7:9999", "203.0.113.10:4000")).dropped(DropReason::SecurityGroupEmpty, "eni-web");
    assert_eq!(lab.connections(), (0, 0));
}

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
