//! Security groups that refer to each other, to themselves and to what is gone, and rules that say the same thing twice
//! (6.2, 6.10-6.15): which packet passes, by which rule, and what is remembered of it.

use vpcemu_dataplane::DropReason::{NetworkAcl, SecurityGroup, SecurityGroupEmpty, SecurityGroupReferenceLost};
use vpcemu_dataplane::Options;
use vpcemu_dataplane::outcome::CtState;
use vpcemu_model::{Network, native};
use vpcemu_tests::scenario::*;
use vpcemu_tests::{Lab, syn};

/// `one`, `two` and `three` in one private subnet, `db` in another, `web` with a public address; each has a group of its own
/// name, which the tests fill with rules. Where they do not, it has none.
const HOSTS: Net = Net::new(
    r#"
[vpc.main]
cidrs = ["10.0.0.0/16", "2001:db8:1::/56"]
[internet_gateway.igw]
[subnet.pub]
cidrs = ["10.0.0.0/24", "2001:db8:1::/64"]
route_table = "pub"
[subnet.priv]
cidrs = ["10.0.1.0/24", "2001:db8:1:1::/64"]
route_table = "priv"
[subnet.data]
cidrs = ["10.0.2.0/24"]
route_table = "priv"
[route_table.pub]
routes = [{ to = "0.0.0.0/0", via = "igw" }, { to = "::/0", via = "igw" }]
[route_table.priv]
routes = []
[instance.one]
subnet = "priv"
addresses = ["10.0.1.10", "2001:db8:1:1::10"]
security_groups = ["one"]
[instance.two]
subnet = "priv"
addresses = ["10.0.1.11", "10.0.1.111", "2001:db8:1:1::11"]
security_groups = ["two"]
[instance.three]
subnet = "priv"
addresses = ["10.0.1.12"]
security_groups = ["three"]
[instance.db]
subnet = "data"
addresses = ["10.0.2.10"]
security_groups = ["db"]
[instance.web]
subnet = "pub"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
security_groups = ["web"]
"#,
);

/// With rules for some of the groups: `one` is `(name, ingress, egress)`.
fn groups(rules: &[(&str, &str, &str)]) -> Net {
    ["one", "two", "three", "db", "web"].into_iter().fold(HOSTS, |net, name| {
        let of = rules.iter().find(|(of, _, _)| *of == name);
        let (ingress, egress) = of.map_or(("", ""), |(_, ingress, egress)| (*ingress, *egress));
        net.with(&format!("[security_group.{name}]\ningress = [{ingress}]\negress = [{egress}]"))
    })
}

const ALL_OUT: &str = "{ proto = 'all', to = ['0.0.0.0/0', '::/0'] }";
const ALL_IN: &str = "{ proto = 'all', from = ['0.0.0.0/0', '::/0'] }";

#[test]
fn two_groups_that_refer_to_each_other_admit_each_others_members_only() {
    let between = |other: &str| {
        let from = format!("{{ proto = 'tcp', ports = 443, from = 'sg:{other}' }}");
        let to = format!("{{ proto = 'tcp', ports = 443, to = 'sg:{other}' }}");
        (from, to)
    };
    let ((from_one, to_one), (from_two, to_two)) = (between("one"), between("two"));
    let third = ("three", ALL_IN, ALL_OUT);
    let mut s = groups(&[("one", &from_two, &to_two), ("two", &from_one, &to_one), third]).start();
    // Each may call the other, and be answered, at any address that it has.
    for (from, to, ends) in [
        ("one", "two", "one:4000 > two:443"),
        ("two", "one", "two:4001 > one:443"),
        ("one", "two", "one:4002 > 10.0.1.111:443"),
        ("two", "one", "10.0.1.111:4003 > one:443"),
        ("one", "two", "one6:4000 > two6:443"),
    ] {
        let rules = [format!("sgr-{from}-out-1"), format!("sgr-{to}-in-1")];
        let called = s.leave(from, tcp(ends, "S")).state(CtState::New).to(to, |p| p);
        let called = called.by(&[&rules[0], &rules[1]]).counts(OPENED);
        s.leave(to, called.reply()).of(&called).to(from, |p| p).by(&["-", "-"]).counts(NOTHING);
    }
    // Not at another port, and nobody else: not even members of the same group among themselves.
    for (from, ends, at) in [
        ("one", "one:4000 > two:80", "eni-one"),
        ("one", "one:4000 > three:443", "eni-one"),
        ("one", "one:4000 > db:443", "eni-one"),
        ("one", "one:4000 > one:443", "eni-one"),
        ("three", "three:4000 > one:443", "eni-one"),
        ("three", "three:4000 > two:443", "eni-two"),
    ] {
        s.leave(from, tcp(ends, "S")).dropped(SecurityGroup, at).counts(NOTHING);
    }
}

#[test]
fn a_circle_of_references_is_not_followed_round() {
    // One calls two, two calls three, three calls one. What three may call is none of one's business.
    let calls = |other: &str| format!("{{ proto = 'tcp', ports = 443, to = 'sg:{other}' }}");
    let takes = |other: &str| format!("{{ proto = 'tcp', ports = 443, from = 'sg:{other}' }}");
    let rules = [("one", "three", "two"), ("two", "one", "three"), ("three", "two", "one")];
    let rules = rules.map(|(name, before, after)| (name, takes(before), calls(after)));
    let rules: Vec<_> = rules.iter().map(|(name, takes, calls)| (*name, takes.as_str(), calls.as_str())).collect();
    let mut s = groups(&rules).start();
    for (from, to) in [("one", "two"), ("two", "three"), ("three", "one")] {
        let call = tcp(&format!("{from}:4000 > {to}:443"), "S");
        s.leave(from, call).to(to, |p| p).counts(OPENED);
        let back = tcp(&format!("{to}:4001 > {from}:443"), "S");
        s.leave(to, back).dropped(SecurityGroup, &format!("eni-{to}")).counts(NOTHING);
    }
}

#[test]
fn a_group_that_refers_to_itself_admits_its_members() {
    // As the default group of a VPC does, whose members need no other (6.1).
    let rules = "{ proto = 'all', from = 'sg:one' }";
    let members = |net: Net| net.but("security_groups = [\"two\"]", "security_groups = [\"one\"]");
    let default = |net: Net| net.but("security_groups = [\"one\"]\n", "").but("security_groups = [\"two\"]\n", "");
    let itself = members(groups(&[("one", rules, ALL_OUT), ("three", "", ALL_OUT)]));
    let default = default(groups(&[("three", "", ALL_OUT)]));
    for (net, out, rule) in
        [(itself, "sgr-one-out-1.1", "sgr-one-in-1"), (default, "sgr-main-default-out-1", "sgr-main-default-in-1")]
    {
        let mut s = net.start();
        let called = s.leave("one", udp("one:4000 > two:53")).to("two", |p| p).counts(OPENED);
        s.leave("two", called.reply()).of(&called).to("one", |p| p).counts(NOTHING);
        s.leave("two", udp("two:4001 > one:53")).to("one", |p| p).counts(OPENED);
        // To itself as well: its own interface is a member.
        s.leave("one", udp("one:4002 > one:53")).to("one", |p| p).by(&[out, rule]).counts(OPENED);
        s.leave("three", udp("three:4000 > one:53")).dropped(SecurityGroup, "eni-one").counts(NOTHING);
    }
}

#[test]
fn a_member_of_several_groups_is_a_member_of_each() {
    // `three` is referred to by the second of its groups, and takes what any of them admits (6.2).
    let both = |net: Net| net.but("security_groups = [\"three\"]", "security_groups = [\"three\", \"db\"]");
    let rules = [
        ("one", "{ proto = 'tcp', ports = 443, from = 'sg:db' }", ALL_OUT),
        ("three", "{ proto = 'tcp', ports = 80, from = 'sg:one' }", "{ proto = 'udp', to = 'sg:one' }"),
        ("db", "{ proto = 'tcp', ports = 81, from = 'sg:one' }", "{ proto = 'tcp', to = 'sg:one' }"),
    ];
    let mut s = both(groups(&rules)).start();
    let step = s.leave("three", tcp("three:4000 > one:443", "S")).to("one", |p| p);
    step.by(&["sgr-db-out-1", "sgr-one-in-1"]).counts(OPENED);
    s.leave("three", udp("three:4000 > one:443"))
        .dropped(SecurityGroup, "eni-one")
        .by(&["sgr-three-out-1", "*"])
        .counts(NOTHING);
    for (port, rule) in [(80, "sgr-three-in-1"), (81, "sgr-db-in-1")] {
        let step = s.leave("one", tcp(&format!("one:5000 > three:{port}"), "S")).to("three", |p| p);
        step.by(&["sgr-one-out-1.1", rule]).counts(OPENED);
    }
    s.leave("one", tcp("one:5000 > three:82", "S")).dropped(SecurityGroup, "eni-three").counts(NOTHING);
}

#[test]
fn a_reference_and_a_block_for_the_same_host_are_two_ways_in() {
    // `web` by its public address has lost its identity (6.10), and only the block admits it there.
    let public = |net: Net| {
        net.but("[instance.one]\nsubnet = \"priv\"\naddresses = [\"10.0.1.10\", \"2001:db8:1:1::10\"]",
        "[instance.one]\nsubnet = \"pub\"\naddresses = [\"10.0.0.20\", \"2001:db8:1::20\"]\npublic = \"203.0.113.20\"")
    };
    let reference = "{ proto = 'udp', ports = 53, from = 'sg:web' }";
    let block = "{ proto = 'udp', ports = '1-100', from = '203.0.113.10/32' }";
    let private = || udp("web:4000 > 10.0.0.20:53");
    let outside = || udp("web:4000 > 203.0.113.20:53");
    let translated = |p: Datagram| p.src("web.pub").dst("10.0.0.20");
    let net = |rules: &str| public(groups(&[("one", rules, ""), ("web", "", ALL_OUT)])).start();
    let mut s = net(reference);
    s.leave("web", private()).to("one", |p| p).counts(OPENED);
    s.leave("web", outside()).dropped(SecurityGroupReferenceLost, "eni-one").counts(NOTHING);
    let mut s = net(block);
    s.leave("web", private()).dropped(SecurityGroup, "eni-one").counts(NOTHING);
    s.leave("web", outside()).to("one", translated).counts(OPENED);
    // With both, each finds its own, in whichever order they are written.
    for (rules, names) in [
        (format!("{reference}, {block}"), ["sgr-one-in-1", "sgr-one-in-2"]),
        (format!("{block}, {reference}"), ["sgr-one-in-2", "sgr-one-in-1"]),
    ] {
        let mut s = net(&rules);
        s.leave("web", private()).to("one", |p| p).by(&["sgr-web-out-1.1", names[0]]).counts(OPENED);
        let step = s.leave("web", outside()).to("one", translated);
        step.by(&["sgr-web-out-1.1", "100", "route 2", "-", "-", "100", names[1]]).counts(OPENED);
    }
}

#[test]
fn a_rule_about_a_group_that_is_gone_is_there_and_matches_nothing() {
    // (6.13) It is a rule, so that the group does not count as empty.
    let stale = ("one", "{ proto = 'all', from = 'sg:gone' }", "{ proto = 'all', to = 'sg:gone' }");
    let mut s = groups(&[stale, ("two", ALL_IN, ALL_OUT)]).start();
    s.leave("two", udp("two:4000 > one:53"))
        .dropped(SecurityGroup, "eni-one")
        .by(&["sgr-two-out-1.1", "*"])
        .counts(NOTHING);
    s.leave("one", udp("one:4000 > two:53")).dropped(SecurityGroup, "eni-one").by(&["*"]).counts(NOTHING);
    s.leave("three", udp("three:4000 > one:53")).dropped(SecurityGroupEmpty, "eni-three").counts(NOTHING);
    // Beside it every other rule is what it was.
    let beside = ("one", "{ proto = 'all', from = 'sg:gone' }, { proto = 'udp', ports = 53, from = 'sg:two' }", "");
    let mut s = groups(&[beside, ("two", ALL_IN, ALL_OUT)]).start();
    let step = s.leave("two", udp("two:4000 > one:53")).to("one", |p| p);
    step.by(&["sgr-two-out-1.1", "sgr-one-in-2"]).counts(OPENED);
    s.leave("two", udp("two:4000 > one:54")).dropped(SecurityGroup, "eni-one").counts(NOTHING);
}

#[test]
fn what_a_group_admitted_outlives_the_group_and_nothing_new_does() {
    // `two` leaves the group `guests` for one of its own, and the group is deleted: the rule about it is stale.
    let guests = |net: Net| net.but("security_groups = [\"two\"]", "security_groups = [\"guests\"]");
    let rules = [("one", "{ proto = 'tcp', ports = 443, from = 'sg:guests' }", ""), ("two", "", ALL_OUT)];
    let before = guests(groups(&rules)).with(&format!("[security_group.guests]\ningress = []\negress = [{ALL_OUT}]"));
    let mut s = Scenario::through(&[before, groups(&rules)]);
    let called = s.leave("two", tcp("two:4000 > one:443", "S")).to("one", |p| p).counts(OPENED);
    s.leave("one", called.reply()).of(&called).to("two", |p| p).counts(NOTHING);
    s.switch();
    let more = s.leave("two", tcp("two:4000 > one:443", "PA")).state(CtState::Established).of(&called);
    more.to("one", |p| p).counts(NOTHING);
    s.leave("two", tcp("two:4001 > one:443", "S")).dropped(SecurityGroup, "eni-one").counts(NOTHING);
}

fn network(net: &Net) -> Network {
    native::parse("test.toml", &net.text()).unwrap().network
}

#[test]
fn an_interface_that_still_lists_a_deleted_group_is_no_member_of_it() {
    // Neither from the beginning, nor after a time in which the group was there.
    let rules = "{ proto = 'tcp', ports = 443, from = 'sg:two' }";
    let whole = network(
        &groups(&[("one", rules, ""), ("two", "", ALL_OUT)])
            .but("security_groups = [\"two\"]", "security_groups = [\"two\", \"three\"]")
            .but("[instance.three]", "[instance.third]"),
    );
    let mut deleted = whole.clone();
    deleted.security_groups.retain(|group| group.id.as_str() != "sg-two");
    let third = deleted.security_groups.iter_mut().find(|group| group.id.as_str() == "sg-three").unwrap();
    third.egress = whole.security_groups.iter().find(|group| group.id.as_str() == "sg-two").unwrap().egress.clone();
    let call = |port: u16| syn(&format!("10.0.1.11:{port}"), "10.0.1.10:443");
    let mut lab = Lab::of(&[deleted.clone()], Options::default());
    lab.leave("two", call(4000)).dropped(SecurityGroup, "eni-one");
    let mut lab = Lab::of(&[whole, deleted], Options::default());
    lab.leave("two", call(4000)).delivered("eni-one");
    lab.switch();
    lab.leave("two", call(4001)).dropped(SecurityGroup, "eni-one");
}

#[test]
fn a_prefix_list_that_is_gone_or_has_nothing_in_it_matches_nothing() {
    let lists = "[prefix_list.office]\nentries = [\"198.51.100.0/24\"]\n[prefix_list.empty]\nentries = []";
    let web = |list: &str| {
        let from = format!("{{ proto = 'tcp', ports = 443, from = 'pl:{list}' }}");
        let to = format!("{{ proto = 'tcp', ports = 443, to = 'pl:{list}' }}");
        groups(&[("web", &from, &to)]).with(lists)
    };
    let out = || tcp("web:4000 > server:443", "S");
    let mut s = web("office").start();
    s.arrive(tcp("server:4000 > web.pub:443", "S")).to("web", |p| p.dst("web")).counts(OPENED);
    s.arrive(tcp("hop:4000 > web.pub:443", "S")).dropped(SecurityGroup, "eni-web").counts(NOTHING);
    s.leave("web", out()).to("internet", |p| p.src("web.pub")).counts(OPENED);
    let mut s = web("empty").start();
    s.arrive(tcp("server:4000 > web.pub:443", "S")).dropped(SecurityGroup, "eni-web").counts(NOTHING);
    s.leave("web", out()).dropped(SecurityGroup, "eni-web").counts(NOTHING);
    // Deleted while a connection lasts: that goes on, and no other begins (6.18). A file refuses such a rule, a
    // description of what runs may have one.
    let whole = network(&web("office"));
    let mut deleted = whole.clone();
    deleted.prefix_lists.clear();
    let mut lab = Lab::of(&[whole, deleted], Options::default());
    let called = lab.arrive(syn("198.51.100.7:4000", "203.0.113.10:443")).delivered("eni-web");
    lab.switch();
    lab.leave("web", called.reply()).delivered("internet");
    lab.arrive(syn("198.51.100.7:4001", "203.0.113.10:443")).dropped(SecurityGroup, "eni-web");
    lab.leave("web", syn("10.0.0.10:4000", "198.51.100.7:443")).dropped(SecurityGroup, "eni-web");
}

#[test]
fn a_prefix_list_of_everyone_is_not_everyone() {
    // What it admits is tracked, open as it may be (6.15).
    let everyone = "[prefix_list.everyone]\nentries = [\"0.0.0.0/0\"]";
    for (from, state, opens) in [("0.0.0.0/0", CtState::Untracked, NOTHING), ("pl:everyone", CtState::New, OPENED)] {
        let from = format!("{{ proto = 'all', from = '{from}' }}");
        let mut s = groups(&[("web", &from, ALL_OUT)]).with(everyone).start();
        let step = s.arrive(tcp("server:4000 > web.pub:443", "S")).state(state).to("web", |p| p.dst("web"));
        step.by(&["-", "100", "sgr-web-in-1"]).counts(opens);
    }
}

#[test]
fn the_same_rule_twice_is_the_same_rule() {
    // In one group, in two groups of the interface, or as two names of one thing: one entry, and the first is named.
    let https = "{ proto = 'tcp', ports = 443, from = '198.51.100.0/24' }";
    let twice = format!("{https}, {https}");
    let number = format!("{https}, {{ proto = 6, ports = '443-443', from = '198.51.100.0/24' }}");
    let two_groups = |net: Net| net.but("security_groups = [\"web\"]", "security_groups = [\"web\", \"db\"]");
    for net in [
        groups(&[("web", &twice, "")]),
        groups(&[("web", &number, "")]),
        two_groups(groups(&[("web", https, ""), ("db", https, "")])),
    ] {
        let mut s = net.start();
        let called = s.arrive(tcp("server:4000 > web.pub:443", "S")).to("web", |p| p.dst("web"));
        let called = called.by(&["-", "100", "sgr-web-in-1"]).counts(OPENED);
        s.leave("web", called.reply()).of(&called).to("internet", |p| p.src("web.pub")).counts(NOTHING);
        s.arrive(tcp("hop:4000 > web.pub:443", "S")).dropped(SecurityGroup, "eni-web").counts(NOTHING);
    }
    // One of them taken away changes nothing, the other one too and nobody new comes in.
    let other = groups(&[("web", "", ""), ("db", https, "")]);
    let nets = [two_groups(groups(&[("web", https, ""), ("db", https, "")])), two_groups(other), groups(&[])];
    let mut s = Scenario::through(&nets);
    let mut called = Vec::new();
    for (port, rule) in [(4000, "sgr-web-in-1"), (4001, "sgr-db-in-1")] {
        let step = s.arrive(tcp(&format!("server:{port} > web.pub:443"), "S")).to("web", |p| p.dst("web"));
        called.push(step.by(&["-", "100", rule]).counts(OPENED));
        s.switch();
    }
    s.arrive(tcp("server:4002 > web.pub:443", "S")).dropped(SecurityGroupEmpty, "eni-web").counts(NOTHING);
    for called in &called {
        s.leave("web", called.reply()).of(called).to("internet", |p| p.src("web.pub")).counts(NOTHING);
    }
}

#[test]
fn of_overlapping_rules_the_widest_decides_what_is_tracked() {
    // A rule for everyone makes a flow untracked that a narrower one would have admitted as well, whichever is first and
    // whichever is named (6.2, 6.15).
    let narrow = "{ proto = 'tcp', ports = 443, from = '198.51.100.7/32' }";
    let wide = "{ proto = 'tcp', ports = '400-500', from = '0.0.0.0/0' }";
    for rules in [format!("{narrow}, {wide}"), format!("{wide}, {narrow}")] {
        let first_is_wide = rules.starts_with(wide);
        let nets = [groups(&[("web", &rules, ALL_OUT)]), groups(&[("web", narrow, ALL_OUT)])];
        let mut s = Scenario::through(&nets.map(Net::from_the_beginning));
        let called = s.arrive(tcp("server:4000 > web.pub:443", "S")).state(CtState::Untracked);
        let called = called.to("web", |p| p.dst("web")).by(&["-", "100", "sgr-web-in-1"]).counts(NOTHING);
        let other = s.arrive(tcp("hop:4000 > web.pub:443", "S")).to("web", |p| p.dst("web"));
        let wide = if first_is_wide { "sgr-web-in-1" } else { "sgr-web-in-2" };
        other.by(&["-", "100", wide]).counts(NOTHING);
        s.leave("web", called.reply()).state(CtState::Untracked).to("internet", |p| p.src("web.pub")).counts(NOTHING);
        s.switch();
        // The narrow rule picks its flow up, tracked from now on; the other flow is over with its rule (6.18, 6.23).
        let goes_on = s.arrive(tcp("server:4000 > web.pub:443", "A")).state(CtState::Established);
        goes_on.to("web", |p| p.dst("web")).counts(OPENED);
        s.arrive(tcp("hop:4000 > web.pub:443", "A")).dropped(SecurityGroup, "eni-web").counts(NOTHING);
    }
}

#[test]
fn of_overlapping_entries_of_a_network_acl_the_first_decides_for_good() {
    let acl = |ingress: &str| {
        let out = "{ rule = 1, action = 'allow', proto = 'all', to = '0.0.0.0/0' }";
        let text = format!("[network_acl.pub]\ningress = [{ingress}]\negress = [{out}]");
        groups(&[("web", ALL_IN, ALL_OUT)])
            .but("route_table = \"pub\"\n", "route_table = \"pub\"\nnacl = \"pub\"\n")
            .with(&text)
    };
    let entry = |number: u16, action: &str| {
        format!("{{ rule = {number}, action = '{action}', proto = 'tcp', ports = 443, from = '198.51.100.0/24' }}")
    };
    for (first, second, passes) in [("allow", "deny", true), ("deny", "allow", false), ("allow", "allow", true)] {
        let mut s = acl(&format!("{}, {}", entry(20, second), entry(10, first))).start();
        let step = s.arrive(tcp("server:4000 > web.pub:443", "S"));
        if passes {
            step.to("web", |p| p.dst("web")).by(&["-", "10", "sgr-web-in-1.1"]).counts(NOTHING);
        } else {
            step.dropped(NetworkAcl, "acl-pub").by(&["-", "10"]).counts(NOTHING);
        }
    }
    // Two of one number cannot be: nobody would know which is first (7.4).
    let twice = acl(&format!("{}, {}", entry(10, "allow"), entry(10, "deny")));
    let error = native::parse("test.toml", &twice.text()).unwrap_err().to_string();
    assert!(error.starts_with("error[duplicate-rule-number]"), "{error}");
}
