//! Filters: what rules of security groups and entries of network ACLs let pass, and what they do not.

use vpcemu_dataplane::DropReason::{NetworkAcl, SecurityGroup, SecurityGroupEmpty};
use vpcemu_dataplane::outcome::CtState;
use vpcemu_tests::Dice;
use vpcemu_tests::scenario::*;

/// `web`, with rules of its own group `web`, in a subnet with a network ACL `pub`; `api` beside it, which takes everything.
const FILTERED: Net = Net::new(
    r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1::/56"]
[internet_gateway.igw]
[subnet.pub]
cidrs = ["10.0.0.0/24", "2001:db8:1::/64"]
route_table = "pub"
nacl = "pub"
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "::/0", via = "igw" }]
[security_group.open]
ingress = [{ proto = "all", from = ["0.0.0.0/0", "::/0"] }]
[instance.web]
subnet = "pub"
addresses = ["10.0.0.10", "2001:db8:1::10"]
public = "203.0.113.10"
security_groups = ["web"]
[instance.api]
subnet = "pub"
addresses = ["10.0.0.11", "2001:db8:1::11"]
public = "203.0.113.11"
security_groups = ["open"]
"#,
);

/// The documentation blocks that all remotes are in: open to them is not open to everyone, so that all is tracked (6.15).
pub(crate) const REMOTES: &str = r#"["198.51.100.0/24", "192.0.2.0/24", "2001:db8:ffff::/64"]"#;

/// What every network ACL begins with (7.5).
const ALL_IN: &str = r#"
{ rule = 100, action = "allow", proto = "all", from = "0.0.0.0/0" },
{ rule = 101, action = "allow", proto = "all", from = "::/0" },
"#;
const ALL_OUT: &str = r#"
{ rule = 100, action = "allow", proto = "all", to = "0.0.0.0/0" },
{ rule = 101, action = "allow", proto = "all", to = "::/0" },
"#;

/// With these rules in the group of `web`, and a network ACL that lets everything pass.
pub(crate) fn grouped(ingress: &str, egress: &str) -> Net {
    filtered(ingress, egress, ALL_IN, ALL_OUT)
}

/// With these entries in the network ACL, and a group that lets everything pass and remembers it.
pub(crate) fn listed(ingress: &str, egress: &str) -> Net {
    let from = format!("{{ proto = \"all\", from = {REMOTES} }}");
    let to = format!("{{ proto = \"all\", to = {REMOTES} }}");
    filtered(&from, &to, ingress, egress)
}

fn filtered(group_in: &str, group_out: &str, acl_in: &str, acl_out: &str) -> Net {
    FILTERED
        .with(&format!("[security_group.web]\ningress = [{group_in}]\negress = [{group_out}]"))
        .with(&format!("[network_acl.pub]\ningress = [{acl_in}]\negress = [{acl_out}]"))
}

/// A packet to be judged, as far as rules look at it.
struct Probe {
    protocol: &'static str,
    port: u16,
    v6: bool,
}

/// Packets from as many remotes, of all sizes; ports are those where the ranges below begin and end.
fn probes() -> Vec<(Probe, Datagram)> {
    const PORTS: [u16; 9] = [0, 442, 443, 444, 999, 1000, 2000, 2001, 65535];
    let mut dice = Dice::new(1);
    let probe = |n| {
        let protocol = *dice.pick(&["tcp", "udp", "icmp", "gre"]);
        let (port, v6) = (*dice.pick(&PORTS), dice.chance(50));
        let (from, at, to) = if v6 {
            (format!("2001:db8:ffff::{n:x}"), format!("[2001:db8:ffff::{n:x}]:4000"), "web6")
        } else {
            (format!("198.51.100.{n}"), format!("198.51.100.{n}:4000"), "web.pub")
        };
        let packet = match protocol {
            "tcp" => tcp(&format!("{at} > {to}:{port}"), "S"),
            "udp" => udp(&format!("{at} > {to}:{port}")),
            "icmp" => ping(&format!("{from} > {to}"), port),
            _ => protocol_47(&format!("{from} > {to}")),
        };
        (Probe { protocol, port, v6 }, packet.sized(100 + dice.roll(1400) as usize))
    };
    (1..=250).map(probe).collect()
}

fn protocol_47(ends: &str) -> Datagram {
    protocol(ends, 47, b"")
}

/// Sends the probes: those pass that should, and each makes an entry; all others are dropped for `reason`.
#[track_caller]
fn judged(net: Net, reason: vpcemu_dataplane::DropReason, rule: &str, passes: impl Fn(&Probe) -> bool) {
    let probes = probes();
    let count = probes.iter().filter(|(probe, _)| passes(probe)).count() as i64;
    let mut s = net.start();
    let sent = s.arrive_each(probes.iter().map(|(_, packet)| packet.clone()));
    let sent = sent.counts(OPENED * count + drops(reason, probes.len() as i64 - count));
    for ((probe, _), sent) in probes.iter().zip(sent) {
        let Probe { protocol, port, v6 } = probe;
        assert_eq!(sent.place.is_some(), passes(probe), "{rule}: {protocol} port {port}, IPv6 {v6}");
    }
}

#[test]
fn f1_what_a_rule_says_passes_and_nothing_else() {
    type Passes = fn(&Probe) -> bool;
    let rules: [(&str, Passes); 12] = [
        ("proto = 'all', X = '0.0.0.0/0'", |p| !p.v6),
        ("proto = 'all', X = '::/0'", |p| p.v6),
        ("proto = 'tcp', X = '198.51.100.0/24'", |p| p.protocol == "tcp" && !p.v6),
        ("proto = 'tcp', ports = 443, X = '0.0.0.0/0'", |p| p.protocol == "tcp" && p.port == 443 && !p.v6),
        ("proto = 'tcp', ports = 0, X = '::/0'", |p| p.protocol == "tcp" && p.port == 0 && p.v6),
        ("proto = 'udp', ports = '1000-2000', X = '::/0'", |p| {
            p.protocol == "udp" && (1000..=2000).contains(&p.port) && p.v6
        }),
        ("proto = 'udp', ports = '2001-65535', X = '0.0.0.0/0'", |p| p.protocol == "udp" && p.port > 2000 && !p.v6),
        ("proto = 'icmp', X = '0.0.0.0/0'", |p| p.protocol == "icmp" && !p.v6),
        ("proto = 'icmpv6', type = 'echo-request', X = '::/0'", |p| p.protocol == "icmp" && p.v6),
        ("proto = 'icmp', type = 'echo-reply', X = '0.0.0.0/0'", |_| false),
        ("proto = 47, X = '0.0.0.0/0'", |p| p.protocol == "gre" && !p.v6),
        ("proto = 'all', X = '203.0.113.0/24'", |_| false),
    ];
    let rest = r#"{ rule = 90, action = "allow", proto = "all", from = "0.0.0.0/0" },
        { rule = 91, action = "allow", proto = "all", from = "::/0" }"#;
    for (rule, passes) in rules {
        let rule = &rule.replace('X', "from");
        judged(grouped(&format!("{{ {rule} }}"), ""), SecurityGroup, rule, passes);
        let allow = format!("{{ rule = 10, action = 'allow', {rule} }}");
        judged(listed(&allow, ALL_OUT), NetworkAcl, rule, passes);
        let deny = format!("{{ rule = 10, action = 'deny', {rule} }}, {rest}");
        judged(listed(&deny, ALL_OUT), NetworkAcl, rule, |probe| !passes(probe));
    }
}

#[test]
fn f2_the_entry_with_the_lowest_number_that_matches_decides() {
    // Numbers count, not the order in which they are written; the first two of them match nothing (7.3).
    let entries = r#"
        { rule = 40, action = "deny", proto = "tcp", from = "0.0.0.0/0" },
        { rule = 30, action = "allow", proto = "tcp", ports = "1000-3999", from = "0.0.0.0/0" },
        { rule = 20, action = "deny", proto = "tcp", ports = "2000-2999", from = "0.0.0.0/0" },
        { rule = 11, action = "allow", proto = "tcp", ports = "2500", from = "192.0.2.0/24" },
        { rule = 10, action = "deny", proto = "udp", ports = "1000-3999", from = "203.0.113.0/24" },
    "#;
    let mut s = listed(entries, ALL_OUT).start();
    for (port, rule) in [(1000, "30"), (1999, "30"), (3000, "30"), (3999, "30")] {
        let packet = tcp(&format!("server:4000 > web.pub:{port}"), "S");
        let step = s.arrive(packet).to("web", |p| p.dst("web")).by(&["-", rule, "sgr-web-in-1.1"]);
        step.counts(OPENED);
    }
    for (packet, rule) in [
        (tcp("server:4000 > web.pub:2000", "S"), "20"),
        (tcp("server:4000 > web.pub:2500", "S"), "20"),
        (tcp("server:4000 > web.pub:999", "S"), "40"),
        (tcp("server:4000 > web.pub:4000", "S"), "40"),
        (udp("server:4000 > web.pub:2500"), "*"),
    ] {
        s.arrive(packet).dropped(NetworkAcl, "acl-pub").by(&["-", rule]).counts(NOTHING);
    }
    let step = s.arrive(tcp("hop:4000 > web.pub:2500", "S")).to("web", |p| p.dst("web"));
    step.by(&["-", "11", "sgr-web-in-1.2"]).counts(OPENED);
}

#[test]
fn f3_what_was_asked_for_passes_and_what_is_near_it_does_not() {
    let mut s = grouped("", &format!("{{ proto = 'all', to = {REMOTES} }}")).from_the_beginning().start();
    let asked = s.leave("web", udp("web:4000 > dns:53")).state(CtState::New).to("internet", |p| p.src("web.pub"));
    let asked = asked.counts(OPENED);
    let answer = s.arrive(asked.reply()).state(CtState::Established).of(&asked).to("web", |p| p.dst("web"));
    answer.by(&["-", "100", "-"]).counts(NOTHING);
    // Another port on either side, another host, another protocol.
    for near in [
        udp("dns:54 > web.pub:4000"),
        udp("dns:53 > web.pub:4001"),
        udp("server:53 > web.pub:4000"),
        tcp("dns:53 > web.pub:4000", "SA"),
        ping("dns > web.pub", 53),
    ] {
        s.arrive(near).dropped(SecurityGroupEmpty, "eni-web").by(&["-", "100", "*"]).counts(NOTHING);
    }
    // The other way round: what comes in by a rule may be answered, and the answer is all that goes out.
    let mut s = grouped("{ proto = 'tcp', ports = 443, from = '0.0.0.0/0' }", "").start();
    let asked = s.arrive(tcp("server:4000 > web.pub:443", "S")).to("web", |p| p.dst("web")).counts(OPENED);
    s.leave("web", asked.reply()).of(&asked).to("internet", |p| p.src("web.pub")).counts(NOTHING);
    for near in [tcp("web:443 > server:4001", "S"), tcp("web:444 > server:4000", "S"), udp("web:443 > server:4000")] {
        s.leave("web", near).dropped(SecurityGroupEmpty, "eni-web").counts(NOTHING);
    }
}

#[test]
fn a_network_acl_reflects_nothing() {
    // Replies need an entry of their own, which looks at their destination port (7.8, 7.6).
    let asks = "{ rule = 100, action = 'allow', proto = 'udp', ports = 53, to = '0.0.0.0/0' }";
    let answers = "{ rule = 100, action = 'allow', proto = 'udp', ports = '1024-65535', from = '0.0.0.0/0' }";
    for (entries, passes) in [("", false), (answers, true)] {
        let mut s = listed(entries, asks).start();
        let asked = s.leave("web", udp("web:4000 > dns:53")).to("internet", |p| p.src("web.pub")).counts(OPENED);
        let answer = s.arrive(asked.reply());
        if passes {
            answer.to("web", |p| p.dst("web")).of(&asked).counts(NOTHING);
        } else {
            answer.dropped(NetworkAcl, "acl-pub").by(&["-", "*"]).counts(NOTHING);
        }
    }
}

#[test]
fn f7_an_ack_without_a_connection_passes_where_a_syn_would() {
    // (6.23)
    let https = || grouped("{ proto = 'tcp', ports = 443, from = '198.51.100.0/24' }", "").from_the_beginning();
    let mut s = https().start();
    let ack = s.arrive(tcp("server:4000 > web.pub:443", "A")).state(CtState::Established);
    let ack = ack.to("web", |p| p.dst("web")).by(&["-", "100", "sgr-web-in-1"]).counts(OPENED);
    s.leave("web", ack.reply()).of(&ack).to("internet", |p| p.src("web.pub")).counts(NOTHING);
    s.arrive(tcp("server:4000 > web.pub:80", "A")).dropped(SecurityGroup, "eni-web").counts(NOTHING);
    // It has the time of an open connection, since it began before anybody looked.
    s.wait(431_999.999, NOTHING);
    s.wait(0.001, FORGOTTEN);
    let mut s = https().knob("security_group.tcp_loose = false").start();
    s.arrive(tcp("server:4000 > web.pub:443", "A")).dropped(SecurityGroup, "eni-web").counts(NOTHING);
}

#[test]
fn f8_an_echo_reply_that_nobody_asked_for_needs_a_rule() {
    // (6.27)
    let requests = "{ proto = 'icmp', type = 'echo-request', from = '0.0.0.0/0' }";
    let mut s = grouped(requests, "").start();
    s.arrive(pong("server > web.pub", 7)).dropped(SecurityGroup, "eni-web").counts(NOTHING);
    let replies = "{ proto = 'icmp', type = 'echo-reply', from = '0.0.0.0/0' }";
    let mut s = grouped(replies, "").start();
    let step = s.arrive(pong("server > web.pub", 7)).to("web", |p| p.dst("web"));
    step.by(&["-", "100", "sgr-web-in-1"]).counts(OPENED);
    s.arrive(ping("server > web.pub", 8)).dropped(SecurityGroup, "eni-web").counts(NOTHING);
}

#[test]
fn a_rule_about_a_code_holds_for_queries_too() {
    // Scanners send echo requests with a code of their own (6.5, 7.6).
    let code = |number: u8| icmp("server > web.pub", 8, number, 0x0007_0001);
    for (rule, passes) in [("code = 0, ", [true, false]), ("code = 9, ", [false, true]), ("", [true, true])] {
        let rule = format!("proto = 'icmp', type = 8, {rule}from = '0.0.0.0/0'");
        let acl = format!("{{ rule = 10, action = 'allow', {rule} }}");
        let nets = [
            (grouped(&format!("{{ {rule} }}"), ""), SecurityGroup, "eni-web"),
            (listed(&acl, ALL_OUT), NetworkAcl, "acl-pub"),
        ];
        for (net, reason, at) in nets {
            for (number, passes) in [0, 9].into_iter().zip(passes) {
                let mut s = net.clone().start();
                let step = s.arrive(code(number));
                if passes {
                    step.to("web", |p| p.dst("web")).counts(OPENED);
                } else {
                    step.dropped(reason, at).counts(NOTHING);
                }
            }
        }
    }
}

#[test]
fn f9_a_datagram_without_payload_is_judged_like_any_other() {
    let rules = format!("{{ proto = 'udp', ports = 53, from = {REMOTES} }}");
    let mut s = grouped(&rules, "").start();
    for (ends, wrong) in
        [("dns:4000 > web.pub:53", "dns:4000 > web.pub:54"), ("server6:4000 > web6:53", "server6:4000 > web6:54")]
    {
        let four = ends.starts_with("dns");
        let empty = s.arrive(udp(ends).payload(b"")).to("web", |p| if four { p.dst("web") } else { p });
        empty.counts(OPENED);
        s.arrive(udp(wrong).payload(b"")).dropped(SecurityGroup, "eni-web").counts(NOTHING);
    }
}

#[test]
fn f10_ipv6_extension_headers_and_fragments_hide_nothing() {
    const HOP_BY_HOP: u8 = 0;
    const DESTINATION: u8 = 60;
    let questions = "proto = 'udp', ports = 53, from = '2001:db8:ffff::/64'";
    let group = grouped(&format!("{{ {questions} }}"), "");
    let acl = listed(&format!("{{ rule = 10, action = 'allow', {questions} }}"), ALL_OUT);
    for (net, reason, at) in [(group, SecurityGroup, "eni-web"), (acl, NetworkAcl, "acl-pub")] {
        for number in [HOP_BY_HOP, DESTINATION] {
            let mut s = net.clone().start();
            s.arrive(udp("server6:4000 > web6:53").extension(number)).to("web", |p| p).counts(OPENED);
            s.arrive(udp("server6:4000 > web6:54").extension(number)).dropped(reason, at).counts(NOTHING);
            s.arrive(tcp("server6:4000 > web6:53", "S").extension(number)).dropped(reason, at).counts(NOTHING);
        }
        // Later fragments are judged with the ports of the first (6.31, 7.13).
        let mut s = net.clone().start();
        let mut opens = OPENED;
        for piece in udp("server6:4000 > web6:53").id(7).sized(3000).pieces(1280) {
            s.arrive(piece).to("web", |p| p).counts(opens);
            opens = NOTHING;
        }
        for piece in udp("server6:4000 > web6:54").id(8).sized(3000).pieces(1280) {
            s.arrive(piece).dropped(reason, at).counts(NOTHING);
        }
    }
}

#[test]
fn f11_an_echo_reply_that_was_asked_for_needs_none() {
    let out = format!("{{ proto = 'icmp', to = {REMOTES} }}");
    let out = out.replace(", \"2001:db8:ffff::/64\"", "") + ", { proto = 'icmpv6', to = '2001:db8:ffff::/64' }";
    let mut s = grouped("", &out).start();
    for (ends, four) in [("web > server", true), ("web6 > server6", false)] {
        let asked = s.leave("web", ping(ends, 77)).state(CtState::New);
        let asked = asked.to("internet", |p| if four { p.src("web.pub") } else { p }).counts(OPENED);
        let other = asked.reply().src(if four { "server:78" } else { "[2001:db8:ffff::7]:78" });
        s.arrive(other).dropped(SecurityGroupEmpty, "eni-web").counts(NOTHING);
        let answer = s.arrive(asked.reply()).state(CtState::Established).of(&asked);
        answer.to("web", |p| if four { p.dst("web") } else { p }).counts(NOTHING);
    }
}

#[test]
fn f14_many_rules_decide_as_few_do() {
    // As many as there can be (13): of up to 40 entries and up to 1000 rules one matches.
    for entries in [1, 10, 39, 40] {
        let entry = |n| match n {
            n if n == entries => {
                "{ rule = 900, action = 'allow', proto = 'tcp', ports = 443, from = '0.0.0.0/0' }".to_owned()
            }
            n => format!("{{ rule = {n}, action = 'deny', proto = 'tcp', ports = {}, from = '0.0.0.0/0' }}", 1000 + n),
        };
        let text = (1..=entries).map(entry).collect::<Vec<_>>().join(", ");
        let mut s = listed(&text, ALL_OUT).start();
        let step = s.arrive(tcp("server:4000 > web.pub:443", "S")).to("web", |p| p.dst("web"));
        step.by(&["-", "900", "sgr-web-in-1.1"]).counts(OPENED);
        s.arrive(tcp("server:4000 > web.pub:444", "S")).dropped(NetworkAcl, "acl-pub").by(&["-", "*"]).counts(NOTHING);
        if entries > 1 {
            let denied = tcp(&format!("server:4000 > web.pub:{}", 999 + entries), "S");
            let number = (entries - 1).to_string();
            s.arrive(denied).dropped(NetworkAcl, "acl-pub").by(&["-", &number]).counts(NOTHING);
        }
    }
    for rules in [2, 100, 1000] {
        let rule = |n| format!("{{ proto = 'tcp', ports = {}, from = '198.51.100.0/24' }}", 1000 + n);
        let text = (1..=rules).map(rule).collect::<Vec<_>>().join(", ");
        let mut s = grouped(&text, "").start();
        for n in [rules / 2, rules] {
            let packet = tcp(&format!("server:4000 > web.pub:{}", 1000 + n), "S");
            let id = format!("sgr-web-in-{n}");
            s.arrive(packet).to("web", |p| p.dst("web")).by(&["-", "100", &id]).counts(OPENED);
        }
        let past = tcp(&format!("server:4000 > web.pub:{}", 1001 + rules), "S");
        s.arrive(past).dropped(SecurityGroup, "eni-web").counts(NOTHING);
    }
}
