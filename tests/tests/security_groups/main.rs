//! What security groups remember, and what a change of rules does to it (section 6).

mod references;
mod timers;

use vpcemu_dataplane::outcome::CtState;
use vpcemu_dataplane::{DropReason, Options};
use vpcemu_model::{InterfaceKind, native};
use vpcemu_packet::build;
use vpcemu_tests::{Lab, data, ip, ping, syn, udp};

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

/// Clients and a server that knows them by their group, a NAT gateway, and public addresses for the hosts in `pub`.
const GROUPS: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.pub]
cidrs = ["10.0.0.0/24"]
route_table = "pub"
[subnet.priv]
cidrs = ["10.0.1.0/24"]
route_table = "priv"
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.priv]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[nat_gateway.nat]
subnet = "pub"
addresses = [{ private = "10.0.0.200", public = "203.0.113.20" }]
[security_group.client]
ingress = []
[security_group.stranger]
ingress = []
[security_group.server]
ingress = [{ proto = "tcp", ports = "443", from = "sg:client" }]
egress = [{ proto = "tcp", ports = "5432", to = "sg:client" }]
[instance.client]
subnet = "pub"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
security_groups = ["client"]
[instance.stranger]
subnet = "pub"
addresses = ["10.0.0.11"]
public = "203.0.113.11"
security_groups = ["stranger"]
[instance.hidden]
subnet = "priv"
addresses = ["10.0.1.10"]
security_groups = ["client"]
[instance.server]
subnet = "pub"
addresses = ["10.0.0.30"]
public = "203.0.113.30"
security_groups = ["server"]
"#;

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
fn the_answer_to_an_untracked_flow_is_not_tracked_either() {
    // The rule that admits it names ports, so that the other way round the flow would be tracked (6.15).
    let web = r#"
ingress = [{ proto = "tcp", ports = "443", from = "0.0.0.0/0" }, { proto = "udp", ports = "53", from = "0.0.0.0/0" }]
egress = [{ proto = "all", to = "0.0.0.0/0" }]
"#;
    let loose = |on| format!("{}\n[behavior.security_group]\ntcp_loose = {on}\n", network(web));
    for asked in [syn(CLIENT, "203.0.113.10:443"), udp(CLIENT, "203.0.113.10:53")] {
        for on in [true, false] {
            let mut lab = Lab::then(&[&loose(on), &network(NOTHING)]);
            let asked = lab.arrive(asked.clone()).delivered("eni-web");
            let answered = lab.leave("web", asked.reply()).delivered("internet");
            assert_eq!((answered.verdict.state, answered.verdict.connection), (Some(CtState::Untracked), None));
            lab.arrive(answered.reply()).delivered("eni-web");
            assert_eq!(lab.connections(), (0, 0));
            // Nothing is left of it without its rules.
            lab.switch();
            lab.leave("web", asked.reply()).dropped(DropReason::SecurityGroupEmpty, "eni-web");
        }
    }
    // What the server itself opens is tracked, from its own port too: nothing lets every answer in.
    let mut lab = Lab::new(&network(web));
    for opened in [syn("10.0.0.10:4000", "198.51.100.7:443"), udp("10.0.0.10:4000", "198.51.100.7:53")] {
        assert_eq!(lab.leave("web", opened).delivered("internet").verdict.state, Some(CtState::New));
    }
    let own = lab.leave("web", syn("10.0.0.10:443", "198.51.100.7:443")).delivered("internet");
    assert_eq!(own.verdict.state, Some(CtState::New));
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
fn a_packet_to_itself_is_its_own_answer() {
    // On its way in it is what an answer to it would be, to the last bit (6.21): no rule is asked. From another port it is not.
    let mut lab = Lab::new(GROUPS);
    for land in [syn("10.0.0.10:53", "10.0.0.10:53"), udp("10.0.0.10:53", "10.0.0.10:53")] {
        let sent = lab.leave("client", land).delivered("eni-client");
        assert_eq!((sent.verdict.state, sent.verdict.connection), (Some(CtState::Established), Some(sent.n)));
    }
    let other = udp("10.0.0.10:4000", "10.0.0.10:53");
    lab.leave("client", other).dropped(DropReason::SecurityGroupEmpty, "eni-client");
}

#[test]
fn groups_without_a_rule_in_a_direction_say_so() {
    let empty = DropReason::SecurityGroupEmpty;
    let mut lab = Lab::new(GROUPS);
    let denied = lab.leave("server", syn("10.0.0.30:4000", "10.0.0.10:5432"));
    denied.dropped(empty, "eni-client").steps(&["sg eni-server egress", "sg eni-client ingress DENY"]);
    lab.arrive(udp("198.51.100.7:53", "203.0.113.10:4000")).dropped(empty, "eni-client");
    // One rule, for something else, and it is a mismatch.
    lab.arrive(udp("198.51.100.7:53", "203.0.113.30:4000")).dropped(DropReason::SecurityGroup, "eni-server");
}

#[test]
fn untracked_is_what_is_open_to_everyone_both_ways_and_nothing_less() {
    let everyone = "0.0.0.0/0";
    let all_out = "egress = [{ proto = \"all\", to = \"0.0.0.0/0\" }]";
    let halves = "egress = [{ proto = \"all\", to = \"0.0.0.0/1\" }, { proto = \"all\", to = \"128.0.0.0/1\" }]";
    let one_port = "egress = [{ proto = \"tcp\", ports = \"4000\", to = \"0.0.0.0/0\" }]";
    let all_ports = "egress = [{ proto = \"tcp\", ports = \"0-65535\", to = \"0.0.0.0/0\" }]";
    // The rule that admits may name a port, that of the other direction may not (6.15).
    for (from, egress, state) in [
        (everyone, all_out, CtState::Untracked),
        (everyone, all_ports, CtState::Untracked),
        (everyone, one_port, CtState::New),
        (everyone, halves, CtState::New),
        (everyone, "egress = []", CtState::New),
        ("198.51.100.0/24", all_out, CtState::New),
    ] {
        let rules = format!("ingress = [{{ proto = \"tcp\", ports = \"443\", from = \"{from}\" }}]\n{egress}\n");
        let asked = Lab::new(&network(&rules)).arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-web");
        assert_eq!(asked.verdict.state, Some(state), "from {from}, {egress}");
    }
}

#[test]
fn through_a_nat_gateway_even_what_is_open_is_tracked() {
    let open = GROUPS.replace(
        "[security_group.client]\ningress = []",
        "[security_group.client]\ningress = [{ proto = \"all\", from = \"0.0.0.0/0\" }]",
    );
    let mut lab = Lab::new(&open);
    let direct = lab.leave("client", syn("10.0.0.10:4000", "198.51.100.7:443")).delivered("internet");
    assert_eq!((direct.verdict.state, direct.verdict.connection), (Some(CtState::Untracked), None));
    // (6.20)
    let through = lab.leave("hidden", syn("10.0.1.10:4000", "198.51.100.7:443")).delivered("internet");
    assert_eq!(through.verdict.connection, Some(through.n));
    let back = lab.arrive(through.reply()).delivered("eni-hidden");
    assert_eq!((back.verdict.state, back.verdict.connection), (Some(CtState::Established), Some(through.n)));
}

#[test]
fn a_network_acl_interrupts_a_tracked_connection_and_does_not_end_it() {
    let open = network(TRACKED);
    let shut = open.replacen(
        "ingress = [{ rule = 100",
        "ingress = [{ rule = 5, action = \"deny\", proto = \"all\", from = \"198.51.100.0/24\" }, { rule = 100",
        1,
    );
    // Afterwards no rule would admit the connection: only the entry does, if it is still there.
    let mut lab = Lab::then(&[&open, &shut, &network(NOTHING)]);
    let asked = lab.arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-web");
    lab.leave("web", asked.reply()).delivered("internet");
    lab.arrive(data(CLIENT, "203.0.113.10:443")).delivered("eni-web");
    lab.switch();
    let denied = lab.arrive(data(CLIENT, "203.0.113.10:443"));
    assert_eq!(denied.rule.as_deref(), Some("5")); // from the next packet on (7.14)
    denied.dropped(DropReason::NetworkAcl, "acl-pub");
    lab.wait(3600.0);
    lab.switch();
    let resumed = lab.arrive(data(CLIENT, "203.0.113.10:443")).delivered("eni-web");
    assert_eq!(resumed.verdict.connection, Some(asked.n));
}

#[test]
fn udp_and_echo_outlive_their_rule_as_tcp_does() {
    let rules = "ingress = [{ proto = \"all\", from = \"198.51.100.0/24\" }]\negress = []\n";
    for asked in [udp(CLIENT, "203.0.113.10:53"), ping("198.51.100.7", "203.0.113.10", 7)] {
        let mut lab = Lab::then(&[&network(rules), &network(NOTHING)]);
        let first = lab.arrive(asked.clone()).delivered("eni-web");
        lab.switch();
        lab.leave("web", first.reply()).delivered("internet");
        lab.arrive(asked.clone()).delivered("eni-web");
        lab.wait(180.0);
        lab.arrive(asked).dropped(DropReason::SecurityGroupEmpty, "eni-web");
    }
}

#[test]
fn echo_is_tracked_even_where_everything_is_open_so_the_moment_of_open_rules_does_not_kill_it() {
    // ICMP is always tracked (6.15), so that no configuration would not have tracked it (6.18).
    let mut lab = Lab::then(&[&network(OPEN), &network(NOTHING)]);
    let asked = lab.arrive(ping("198.51.100.7", "203.0.113.10", 7)).delivered("eni-web");
    lab.switch();
    lab.leave("web", asked.reply()).delivered("internet");
}

#[test]
fn an_error_about_an_untracked_flow_needs_no_rule_either() {
    let rules = "ingress = [{ proto = \"tcp\", ports = \"443\", from = \"0.0.0.0/0\" }]\negress = [{ proto = \"tcp\", to = \"0.0.0.0/0\" }]\n";
    let mut lab = Lab::new(&network(rules));
    let asked = lab.arrive(syn(CLIENT, "203.0.113.10:443")).delivered("eni-web");
    assert_eq!(asked.verdict.state, Some(CtState::Untracked));
    let answer = lab.leave("web", asked.reply()).delivered("internet");
    let too_big = build::icmp_error(ip("192.0.2.254"), ip("203.0.113.10"), 3, 4, 1400, &answer.bytes);
    let related = lab.arrive(too_big).delivered("eni-web");
    assert_eq!(related.verdict.state, Some(CtState::Related)); // (6.26)
    // About a UDP packet, for which there is no rule, it is nobody's.
    let other = udp("203.0.113.10:4000", "198.51.100.7:53");
    let other = build::icmp_error(ip("192.0.2.254"), ip("203.0.113.10"), 3, 4, 1400, &other);
    lab.arrive(other).dropped(DropReason::SecurityGroup, "eni-web");
}

#[test]
fn ports_are_destination_ports_and_of_tcp_and_udp_only() {
    let rules = r#"
ingress = [
  { proto = "tcp", ports = "443", from = "198.51.100.0/24" },
  { proto = "132", ports = "5000", from = "198.51.100.0/24" },
  { proto = "icmp", type = "echo-request", from = "198.51.100.0/24" },
]
egress = []
"#;
    let mut lab = Lab::new(&network(rules));
    lab.arrive(syn("198.51.100.7:443", "203.0.113.10:4000")).dropped(DropReason::SecurityGroup, "eni-web"); // (6.7)
    lab.arrive(ping("198.51.100.7", "203.0.113.10", 7)).delivered("eni-web");
    let timestamp = build::icmp_message(ip("198.51.100.7"), ip("203.0.113.10"), 13, 0, 0).payload(&[0; 12]).build();
    lab.arrive(timestamp).dropped(DropReason::SecurityGroup, "eni-web"); // (6.5)
    let sctp = build::protocol(ip("198.51.100.7"), ip("203.0.113.10"), 132, &[0; 12]).build();
    lab.arrive(sctp).delivered("eni-web"); // whatever its ports (6.4)
}

#[test]
fn connections_with_some_services_are_tracked_even_where_everything_is_open() {
    let text = format!(
        "{}[instance.function]\nsubnet = \"pub\"\naddresses = [\"10.0.0.20\"]\nsecurity_groups = [\"web\"]\n",
        network(OPEN)
    );
    for (kind, state) in [(InterfaceKind::Interface, CtState::Untracked), (InterfaceKind::Hyperplane, CtState::New)] {
        let mut network = native::parse("lab.toml", &text).unwrap().network;
        let function = network.interfaces.iter_mut().find(|interface| interface.id.as_str() == "eni-function");
        function.unwrap().kind = kind;
        let mut lab = Lab::of(&[network], Options::default());
        // (6.20) Whichever side begins.
        let called = lab.leave("web", syn("10.0.0.10:4000", "10.0.0.20:443")).delivered("eni-function");
        assert_eq!(called.verdict.state, Some(state));
        let calls = lab.leave("function", syn("10.0.0.20:4000", "10.0.0.10:443")).delivered("eni-web");
        assert_eq!(calls.verdict.state, Some(state));
        assert_eq!(lab.connections(), if state == CtState::New { (2, 0) } else { (0, 0) });
    }
}
