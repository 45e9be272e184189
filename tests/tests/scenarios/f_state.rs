//! What filters remember: for how long, for whom, and what a change of configuration does to it.

use vpcemu_dataplane::DropReason::{NetworkAcl, SecurityGroup, SecurityGroupEmpty};
use vpcemu_dataplane::outcome::CtState;
use vpcemu_tests::scenario::*;

use crate::f_filtering::{REMOTES, grouped, listed};

/// Nothing gets in; what goes out to the documentation blocks is remembered.
fn client() -> Net {
    grouped("", &format!("{{ proto = 'all', to = {REMOTES} }}"))
}

/// Everything passes, and nothing but ICMP is remembered (6.15).
fn open() -> Net {
    grouped("{ proto = 'all', from = '0.0.0.0/0' }", "{ proto = 'all', to = '0.0.0.0/0' }")
}

/// Nothing passes of itself.
fn shut() -> Net {
    grouped("", "")
}

/// A question of `web` on its way out.
#[track_caller]
fn ask(s: &mut Scenario, question: Datagram, counts: Counts) -> Seen {
    s.leave("web", question).to("internet", |p| p.src("web.pub")).counts(counts)
}

/// The answer comes in.
#[track_caller]
fn answered(s: &mut Scenario, asked: &Seen) {
    s.arrive(asked.reply()).of(asked).to("web", |p| p.dst("web")).counts(NOTHING);
}

/// The answer comes too late.
#[track_caller]
fn unanswered(s: &mut Scenario, asked: &Seen, counts: Counts) {
    s.arrive(asked.reply()).dropped(SecurityGroupEmpty, "eni-web").counts(counts);
}

#[test]
fn f4_an_entry_lives_for_as_long_as_it_is_used() {
    let mut s = client().start();
    let asked = ask(&mut s, udp("web:4000 > dns:53"), OPENED);
    // Each question is in the last second of the 30 that the one before left (6.16).
    for _ in 0..20 {
        s.wait(29.0, NOTHING);
        ask(&mut s, udp("web:4000 > dns:53"), NOTHING);
    }
    s.wait(29.999, NOTHING);
    answered(&mut s, &asked);
    // An answer renews it as well.
    s.wait(29.999, NOTHING);
    answered(&mut s, &asked);
    s.wait(30.0, FORGOTTEN);
    unanswered(&mut s, &asked, NOTHING);
}

#[test]
fn f5_a_busy_connection_keeps_no_other_alive() {
    let mut s = client().start();
    let busy = ask(&mut s, udp("web:4000 > dns:53"), OPENED);
    let idle = ask(&mut s, udp("web:4001 > dns:53"), OPENED);
    for _ in 0..29 {
        s.wait(1.0, NOTHING);
        answered(&mut s, &busy);
    }
    s.wait(0.999, NOTHING);
    s.wait(0.001, FORGOTTEN);
    unanswered(&mut s, &idle, NOTHING);
    answered(&mut s, &busy);
    s.wait(30.0, FORGOTTEN);
}

#[test]
fn f6_everything_is_forgotten_by_a_moment_of_open_rules() {
    // There is no command that clears the table; this is how it is done (6.18).
    let mut s = Scenario::through(&[client(), open(), client()]);
    let questions = [udp("web:4000 > dns:53"), udp("web:4001 > dns:53"), tcp("web:4000 > server:443", "S")];
    let asked = questions.map(|question| ask(&mut s, question, OPENED));
    asked.iter().for_each(|asked| answered(&mut s, asked));
    let told = ask(&mut s, udp("web:4002 > dns:53"), OPENED);
    let ping = ask(&mut s, ping("web > server", 7), OPENED);
    s.switch();
    s.switch();
    asked.iter().for_each(|asked| unanswered(&mut s, asked, FORGOTTEN));
    // An error about what was forgotten is nobody's either (6.26).
    s.arrive(error("hop > web.pub", 3, 1, &told)).dropped(SecurityGroupEmpty, "eni-web").counts(FORGOTTEN);
    // What would have been tracked all the same is not (6.15).
    answered(&mut s, &ping);
    // And it can be asked for anew.
    let again = ask(&mut s, udp("web:4000 > dns:53"), OPENED);
    answered(&mut s, &again);
}

#[test]
fn f13_a_network_acl_may_be_replaced_and_removed_under_traffic() {
    let all_out = "{ rule = 100, action = 'allow', proto = 'all', to = '0.0.0.0/0' }";
    let with = |entries: &str| listed(entries, all_out);
    let all = with("{ rule = 100, action = 'allow', proto = 'all', from = '0.0.0.0/0' }");
    let none = with("{ rule = 7, action = 'deny', proto = 'all', from = '198.51.100.0/24' }");
    // The subnet falls back to the VPC's default one.
    let gone = all.clone().but("nacl = \"pub\"\n", "");
    let mut s = Scenario::through(&[all, none.clone(), gone, none]);
    let asked = ask(&mut s, udp("web:4000 > dns:53"), OPENED);
    answered(&mut s, &asked);
    s.switch();
    // From the next packet on, whatever is remembered (7.14).
    s.arrive(asked.reply()).dropped(NetworkAcl, "acl-pub").by(&["-", "7"]).counts(NOTHING);
    s.switch();
    let passes = s.arrive(asked.reply()).of(&asked).to("web", |p| p.dst("web"));
    passes.steps(&["igw igw-igw", "nacl acl-main-default ingress", "sg eni-web ingress"]).counts(NOTHING);
    s.switch();
    s.arrive(asked.reply()).dropped(NetworkAcl, "acl-pub").counts(NOTHING);
}

#[test]
fn an_interface_that_was_gone_has_forgotten_everything() {
    let elsewhere = client().but("[instance.web]", "[instance.other]");
    let mut s = Scenario::through(&[client(), elsewhere, client()]);
    let asked = ask(&mut s, udp("web:4000 > dns:53"), OPENED);
    let called = ask(&mut s, tcp("web:4000 > server:443", "S"), OPENED);
    s.switch();
    s.switch();
    unanswered(&mut s, &asked, FORGOTTEN);
    let late = error("hop > web.pub", 3, 1, &called);
    s.arrive(late).dropped(SecurityGroupEmpty, "eni-web").counts(FORGOTTEN);
}

#[test]
fn f17_one_tuple_in_a_hundred_vpcs_is_a_hundred_entries() {
    const VPCS: usize = 100;
    let vpc = |n: usize| {
        format!(
            r#"
[vpc.v{n}]
cidrs = ["10.0.0.0/16"]
[subnet.s{n}]
vpc = "v{n}"
cidrs = ["10.0.0.0/24"]
[security_group.client{n}]
vpc = "v{n}"
ingress = []
egress = [{{ proto = "all", to = "10.0.0.0/16" }}]
[security_group.server{n}]
vpc = "v{n}"
ingress = [{{ proto = "all", from = "10.0.0.0/16" }}]
egress = []
[instance.client{n}]
subnet = "s{n}"
addresses = ["10.0.0.10"]
security_groups = ["client{n}"]
[instance.server{n}]
subnet = "s{n}"
addresses = ["10.0.0.11"]
security_groups = ["server{n}"]
"#
        )
    };
    let text: String = (0..VPCS).map(vpc).collect();
    let mut s = Net::new("").with(&text).start();
    let question = || udp("10.0.0.10:4000 > 10.0.0.11:53");
    let mut asked = Vec::new();
    for n in 0..VPCS {
        let step = s.leave(&format!("client{n}"), question()).state(CtState::New);
        asked.push(step.to(&format!("server{n}"), |p| p).counts(OPENED));
    }
    // Half of them answer, and each answer is of its own.
    for n in (0..VPCS).step_by(2) {
        let answer = s.leave(&format!("server{n}"), asked[n].reply()).of(&asked[n]).state(CtState::Established);
        answer.to(&format!("client{n}"), |p| p).counts(NOTHING);
    }
    s.wait(20.0, NOTHING);
    for n in (0..VPCS).step_by(2) {
        s.leave(&format!("server{n}"), asked[n].reply()).to(&format!("client{n}"), |p| p).counts(NOTHING);
    }
    s.wait(10.0, FORGOTTEN * (VPCS as i64 / 2));
    s.leave("server1", asked[1].reply()).dropped(SecurityGroupEmpty, "eni-server1").counts(NOTHING);
    s.wait(20.0, FORGOTTEN * (VPCS as i64 / 2));
}

#[test]
fn f20_each_interface_has_its_own_timers() {
    // `api` takes part with a timer of its own, `web` with the default of 30 s.
    let open = "public = \"203.0.113.11\"\nsecurity_groups = [\"open\"]";
    let own = "public = \"203.0.113.11\"\nsecurity_groups = [\"web\"]\nudp_timeout = \"60s\"\n\
               udp_stream_timeout = \"90s\"\ntcp_established_timeout = \"1m\"";
    let mut s = client().but(open, own).start();
    let asked = ask(&mut s, udp("web:4000 > dns:53"), OPENED);
    let other = s.leave("api", udp("api:4000 > dns:53")).to("internet", |p| p.src("api.pub")).counts(OPENED);
    s.wait(30.0, FORGOTTEN);
    unanswered(&mut s, &asked, NOTHING);
    s.wait(29.999, NOTHING);
    s.arrive(other.reply()).to("api", |p| p.dst("api")).counts(NOTHING);
    s.leave("api", udp("api:4000 > dns:53")).to("internet", |p| p.src("api.pub")).counts(NOTHING);
    // Out, in, out: a stream (6.17).
    s.wait(89.999, NOTHING);
    s.wait(0.001, FORGOTTEN);
}

#[test]
fn f21_only_what_a_change_is_about_is_forgotten() {
    // Open for TCP alone, and at `web` alone: UDP there and TCP at `api` are still tracked (6.18).
    let open = "public = \"203.0.113.11\"\nsecurity_groups = [\"open\"]";
    let closed = "public = \"203.0.113.11\"\nsecurity_groups = [\"api\"]";
    let api = format!("[security_group.api]\ningress = []\negress = [{{ proto = 'all', to = {REMOTES} }}]");
    let before = client().but(open, closed).with(&api);
    let out = format!("{{ proto = 'all', to = {REMOTES} }}, {{ proto = 'tcp', to = '0.0.0.0/0' }}");
    let between = grouped("{ proto = 'tcp', from = '0.0.0.0/0' }", &out).but(open, closed).with(&api);
    let mut s = Scenario::through(&[before.clone(), between, before]);
    let call = ask(&mut s, tcp("web:4000 > server:443", "S"), OPENED);
    let question = ask(&mut s, udp("web:4000 > dns:53"), OPENED);
    let other = s.leave("api", tcp("api:4000 > server:443", "S")).to("internet", |p| p.src("api.pub")).counts(OPENED);
    s.switch();
    s.switch();
    unanswered(&mut s, &call, FORGOTTEN);
    answered(&mut s, &question);
    s.arrive(other.reply()).of(&other).to("api", |p| p.dst("api")).counts(NOTHING);
}

#[test]
fn f22_a_table_that_grows_loses_nothing() {
    const FLOWS: u16 = 20_000;
    let mut s = client().start();
    let question = |n: u16| udp(&format!("web:{} > 198.51.100.{}:53", 1024 + n, 1 + n % 250));
    let asked = s.leave_each("web", (0..FLOWS).map(question)).counts(OPENED * i64::from(FLOWS));
    let answers = (0..FLOWS).map(|n| question(n).src("web.pub").src(&format!("web.pub:{}", 1024 + n)).reply());
    let answers = s.arrive_each(answers).counts(NOTHING);
    for (asked, answer) in asked.iter().zip(&answers) {
        assert_eq!(answer.verdict.connection, Some(asked.n));
        assert_eq!(answer.place.as_deref(), Some("eni-web"));
    }
    s.wait(29.999, NOTHING);
    s.wait(0.001, FORGOTTEN * i64::from(FLOWS));
}

#[test]
fn f23_the_answer_to_what_was_never_let_out_is_judged_by_the_rules() {
    let silent = "{ rule = 1, action = 'deny', proto = 'udp', to = '0.0.0.0/0' }";
    let all_in = "{ rule = 100, action = 'allow', proto = 'all', from = '0.0.0.0/0' }";
    // The network ACL denies the question, so that nothing is remembered of it (6.22).
    let question = || udp("web:4000 > dns:53");
    let mut s = listed(all_in, silent).start();
    s.leave("web", question()).dropped(NetworkAcl, "acl-pub").counts(NOTHING);
    let answer = s.arrive(udp("dns:53 > web.pub:4000")).state(CtState::New).to("web", |p| p.dst("web"));
    answer.by(&["-", "100", "sgr-web-in-1.1"]).counts(OPENED);
    let mut s = shut().start();
    s.leave("web", question()).dropped(SecurityGroupEmpty, "eni-web").counts(NOTHING);
    s.arrive(udp("dns:53 > web.pub:4000")).dropped(SecurityGroupEmpty, "eni-web").counts(NOTHING);
    let mut s = grouped("{ proto = 'udp', ports = 53, from = '0.0.0.0/0' }", "").start();
    s.leave("web", question()).dropped(SecurityGroupEmpty, "eni-web").counts(NOTHING);
    s.arrive(udp("dns:53 > web.pub:4000")).dropped(SecurityGroup, "eni-web").counts(NOTHING);
}

#[test]
fn f24_a_syn_from_the_other_side_turns_a_connection_that_is_over_around() {
    let both =
        || grouped("{ proto = 'tcp', from = '198.51.100.0/24' }", &format!("{{ proto = 'tcp', to = {REMOTES} }}"));
    let close = |s: &mut Scenario| {
        let called = ask(s, tcp("web:4000 > server:443", "S"), OPENED);
        answered(s, &called);
        s.leave("web", tcp("web:4000 > server:443", "FA")).to("internet", |p| p.src("web.pub")).counts(NOTHING);
        s.arrive(tcp("server:443 > web.pub:4000", "FA")).to("web", |p| p.dst("web")).counts(NOTHING);
        called
    };
    // While it lasts, a SYN from there is part of it; when it is over, it is another one, which `web` answers (6.25).
    let mut s = both().start();
    let called = ask(&mut s, tcp("web:4001 > server:443", "S"), OPENED);
    let crossing = tcp("server:443 > web.pub:4001", "S");
    s.arrive(crossing).state(CtState::Established).of(&called).to("web", |p| p.dst("web")).counts(NOTHING);
    close(&mut s);
    let back = s.arrive(tcp("server:443 > web.pub:4000", "S")).state(CtState::New).to("web", |p| p.dst("web"));
    let back = back.counts(OPENED + FORGOTTEN);
    let answer = s.leave("web", back.reply()).state(CtState::Established).of(&back);
    answer.to("internet", |p| p.src("web.pub")).counts(NOTHING);
    // Where no rule lets it in, it stays out, and the connection that was over is gone.
    let mut s = client().start();
    close(&mut s);
    let syn = tcp("server:443 > web.pub:4000", "S");
    s.arrive(syn).dropped(SecurityGroupEmpty, "eni-web").counts(FORGOTTEN);
}
