//! What is refused when a suite is read: whatever could not fail, or not pass.

mod common;

use common::Folder;

/// A flow that is allowed.
const ALLOWED: &str =
    "[[flow]]\nname = \"it\"\nfrom = \"app\"\nto = \"198.51.100.7:443\"\nproto = \"tcp\"\nexpect = \"allow\"\n";
/// A flow that is denied.
const DENIED: &str =
    "[[flow]]\nname = \"that\"\nfrom = \"app\"\nto = \"198.51.100.7:80\"\nproto = \"tcp\"\nexpect = \"deny\"\n";

fn refused(cases: &str, words: &[&str]) {
    let told = Folder::new().refused(cases);
    for word in words {
        assert!(told.contains(word), "`{word}` is not said of\n{cases}\nbut\n{told}");
    }
}

fn script(steps: &str) -> String {
    format!("[[script]]\nname = \"it\"\nsteps = [\n{steps}\n]\n")
}

const OPENS: &str = r#"{ from = "app", to = "198.51.100.7:443", proto = "tcp", flags = "S" },"#;

#[test]
fn the_cases_that_others_are_made_of_are_not() {
    let folder = Folder::new();
    folder.passes(ALLOWED);
    folder.passes(DENIED);
    folder.passes(&script(OPENS));
}

#[test]
fn a_suite_has_cases() {
    refused("", &["suite.toml:1", "no cases", "[[flow]]"]);
    refused(&script(""), &["sends no packet"]);
    refused(&script("{ wait = \"10s\" }"), &["sends no packet"]);
    refused(&script("{ }"), &["the step does nothing"]);
}

#[test]
fn keys_are_known() {
    refused(&ALLOWED.replace("proto", "protoo"), &["suite.toml:6:1", "no key `protoo`", "did you mean `proto`?"]);
    refused(&script("{ fron = \"app\" }"), &["suite.toml:5:3", "did you mean `from`?"]);
    refused(&format!("[[flows]]\n{}", ALLOWED), &["did you mean `flow`?"]);
    refused(&ALLOWED.replace("expect = \"allow\"\n", ""), &["missing field `expect`"]);
    refused(&ALLOWED.replace("\"allow\"", "\"accept\""), &["suite.toml:7:10", "`accept`", "`allow`"]);
}

#[test]
fn names_mean_something() {
    refused(
        &ALLOWED.replace("\"app\"", "\"apq\""),
        &["suite.toml:4:8", "`apq` names no interface", "did you mean `app`?"],
    );
    refused(&ALLOWED.replace("198.51.100.7:443", "wep:443"), &["suite.toml:5:6", "did you mean `web`?"]);
    refused(&ALLOWED.replace("\"tcp\"", "\"tcq\""), &["suite.toml:6:9", "did you mean `tcp`?"]);
    refused(&ALLOWED.replace(":443", ""), &["suite.toml:5:6", "to which port?"]);
    refused(&format!("{ALLOWED}via = [\"natt\"]"), &["suite.toml:8:8", "did you mean `nat`?"]);
    refused(&format!("{ALLOWED}via = [\"private\", \"nat\"]\n").replace("private", "main"), &["names no component"]);
    refused(
        &format!("{DENIED}at = \"public\"\nreason = \"NO_ROUTE\""),
        &["suite.toml:9:10", "`NO_ROUTE` is no reason"],
    );
    refused(&format!("{DENIED}reason = \"SUBNET_ACL_RESTRICTED\""), &["did you mean `SUBNET_ACL_RESTRICTION`?"]);
    refused(&format!("{DENIED}rule = 91"), &["suite.toml:8:8", "has a rule `91`", "there is *, 100, sgr-app-out-1"]);
    refused(&format!("{DENIED}rule = \"sgr-app-out-9\""), &["did you mean `sgr-app-out-1`?"]);
    refused(&script(&OPENS.replace("\"S\"", "\"S\", expect = \"deny\", rule = 91")), &["has a rule `91`"]);
    refused(&format!("{ALLOWED}xlate_src = \"nat\""), &["`nat` is no address"]);
    refused(&format!("{ALLOWED}sport = 1\n").replace("\"app\"", "\"app:2\""), &["another port"]);
}

#[test]
fn names_of_cases_are_lines_of_their_own() {
    refused(&format!("{ALLOWED}{ALLOWED}"), &["two cases are called `it`", "the first one"]);
    refused(&format!("{ALLOWED}{}", script(OPENS)), &["two cases are called `it`"]);
    refused(&ALLOWED.replace("\"it\"", "\"\""), &["a name is one line"]);
    refused(&ALLOWED.replace("\"it\"", "\"a\\n::error::b\""), &["a name is one line"]);
}

#[test]
fn expectations_of_a_flow_can_be_met_and_missed() {
    refused(
        &format!("{ALLOWED}reason = \"X_TTL\""),
        &["suite.toml:8:10", "never-evaluated", "`reason` is about a denial"],
    );
    refused(&format!("{ALLOWED}at = \"nat\""), &["`at` is about a denial"]);
    refused(&format!("{ALLOWED}rule = 100"), &["`rule` is about a denial"]);
    refused(&format!("{ALLOWED}reply = \"allow\"\nrule = 100"), &["`rule` is about a denial"]);
    refused(&format!("{ALLOWED}via = []"), &["an empty `via`"]);
    refused(&format!("{DENIED}reply = \"allow\""), &["suite.toml:8:9", "nobody answers what is denied"]);
    refused(&format!("{DENIED}xlate_src = \"203.0.113.20\""), &["`xlate_src` is about what is delivered"]);
    refused(&format!("{DENIED}xlate_dst = \"203.0.113.20\""), &["`xlate_dst` is about what is delivered"]);
}

#[test]
fn expectations_of_a_script_can_be_met_and_missed() {
    let second = |step: &str| script(&format!("{OPENS}\n{{ {step} }}"));
    refused(&second("flags = \"A\", reason = \"X_TTL\""), &["suite.toml:6:25", "`reason` is about a denial"]);
    refused(&second("flags = \"A\", by = \"nat\""), &["`by` is about a denial"]);
    refused(&second("flags = \"A\", expect = \"deny\", xlate_src = \"1.2.3.4\""), &["about what is delivered"]);
    refused(&second("flags = \"R\", generated = \"tcp-rst\""), &["nobody answers a RST"]);
    refused(&second("flags = \"A\", generated = \"icmp-frag-needed\""), &["none causes icmp-frag-needed"]);
    refused(&second("flags = \"A\", generated = \"tcp-rts\""), &["did you mean `tcp-rst`?"]);
    refused(&second("flags = \"A\", state = \"establishd\""), &["did you mean `established`?"]);
    refused(&second("flags = \"AX\""), &["`AX` are no TCP flags"]);
    refused(&second("expect = \"allow\""), &["a TCP packet has flags"]);
    refused(&second("flags = \"A\", proto = \"tcp\""), &["belong to the step that opens a flow"]);
    refused(&second("from = \"app\", flags = \"S\""), &["one of them is missing"]);
    refused(&second("from = \"app\", to = \"web:443\", flags = \"S\""), &["of which protocol?"]);
    refused(&second("at = \"351s\""), &["no time after the beginning", "+351s"]);
    refused(&second("wait = \"351\""), &["`351` is not a duration"]);
    refused(&second("wait = \"1s\", at = \"+1s\""), &["both say when"]);
    refused(
        &format!("{}\n", script(&format!("{OPENS} {{ wait = \"2s\" }}, {{ at = \"+1s\" }}"))),
        &["before the step above"],
    );
    refused(&script("{ flags = \"A\" }"), &["no flow has been opened yet"]);
    let udp = r#"{ from = "app", to = "198.51.100.7:53", proto = "udp", "#;
    refused(&script(&format!("{udp} flags = \"S\" }}")), &["only TCP has flags"]);
    refused(&script(&format!("{udp} generated = \"tcp-rst\" }}")), &["only a TCP segment causes a tcp-rst"]);
    let denied = OPENS.replace(":443", ":80").replace("\"S\"", "\"S\", expect = \"deny\"");
    refused(&script(&format!("{denied} {{ reply = true, flags = \"SA\" }}")), &["there is nothing to answer"]);
}

#[test]
fn counters_are_of_something() {
    let counting = |counter: &str| format!("{}counters = {{ \"{counter}\" = 1 }}\n", script(OPENS));
    refused(&counting("nat-tan.IdleTimeoutCount"), &["suite.toml:7:14", "did you mean `nat-nat`?"]);
    refused(&counting("igw.IdleTimeoutCount"), &["no NAT gateway", "nat-nat"]);
    refused(&counting("nat-nat.IdleTimeouts"), &["nothing is counted under `IdleTimeouts`"]);
    refused(&counting("nat-nat.ActiveConnectionCount"), &["is a gauge"]);
    refused(&counting("connections.creatd"), &["did you mean `created`?"]);
    refused(&counting("IdleTimeoutCount"), &["is no counter"]);
}

#[test]
fn captures_are_there_and_something_is_expected_of_them() {
    refused("[[capture]]\nfile = \"none.pcap\"\ngolden = \"g\"", &["suite.toml:3:8", "none.pcap: cannot be read"]);
    let folder = Folder::new();
    folder.write("a.pcap", "");
    let capture = |rest: &str| folder.refused(&format!("[[capture]]\nfile = \"a.pcap\"\n{rest}"));
    assert!(capture("").contains("nothing is expected of the capture"));
    assert!(capture("summary = {}").contains("an empty `summary` expects nothing"));
    assert!(capture("summary = { packets = { dropt = 1 } }").contains("nothing is counted under `dropt`"));
    assert!(capture("summary = { nat = { nat = {} } }").contains("an empty `summary` expects nothing"));
    let typo = capture("summary = { dropped_by_reason = { X_TLL = 1 } }");
    assert!(typo.contains("did you mean `X_TTL`?") && !typo.contains("empty"), "{typo}");
    assert!(capture("summary = { nat = { igw = { IdleTimeoutCount = 1 } } }").contains("no NAT gateway"));
    assert!(capture("summary = { delivered_to = { wep = 1 } }").contains("did you mean `web`?"));
    assert!(capture("golden = \"g\"\nat = \"wbe\"").contains("wbe"));
    assert!(capture("golden = \"g\"\nbind = [\"1.2.3.4=wbe\"]").contains("wbe"));
    assert!(capture("golden = \"g\"\nbind = [\"web\"]").contains("there is no `=`"));
    assert!(capture("golden = \"g\"\nthen = [{ at = \"60\", config = \"network.toml\" }]").contains("+351s"));
}

#[test]
fn configurations_and_binds_are_followed() {
    let folder = Folder::new();
    folder.write("network.toml", "[vpc.main]\ncidr = 1\n");
    let told = folder.refused(ALLOWED);
    assert!(
        told.contains("suite.toml:1: the configuration cannot be used") && told.contains("network.toml:2"),
        "{told}"
    );
    refused("bind = [\"10.0.0.1=web\"]\n[[flow]]\n", &["missing field"]);
    refused(&format!("bind = [\"10.0.0.1=web\"]\n{ALLOWED}"), &["suite.toml:2:9", "moves a host of a capture"]);
    refused(&format!("vpc = \"vpc-none\"\n{ALLOWED}"), &["vpc-none"]);
}

#[test]
fn nests_and_bombs_are_refused() {
    let folder = Folder::new();
    let load = |name: &str, text: &str| {
        vpcemu_suite::Suite::load(&folder.write(name, text)).map(drop).expect_err("it is no suite").to_string()
    };
    for count in [100, 10_000, 1_000_000] {
        assert!(!load("a.toml", &format!("config = {}", "[".repeat(count))).is_empty());
        assert!(!load("a.yaml", &format!("config: {}", "[".repeat(count))).is_empty());
        assert!(!load("b.yaml", &format!("config: {}", "{a: ".repeat(count))).is_empty());
    }
    let mut bomb = "a0: &a0 [x, x]\n".to_owned();
    for level in 1..60 {
        bomb.push_str(&format!("a{level}: &a{level} [*a{}, *a{}]\n", level - 1, level - 1));
    }
    assert!(!load("bomb.yaml", &bomb).is_empty());
}
