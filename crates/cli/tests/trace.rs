//! `vpcemu trace`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{CAPTURE, CONFIG, vpcemu};
use serde_json::Value;

const WORKED_EXAMPLE: &str = "crates/import/tests/data/worked-example";

/// What a trace prints as JSON, and its exit code.
fn trace(arguments: &str) -> (Value, Option<i32>) {
    let arguments = ["trace", "-c", WORKED_EXAMPLE, "--format", "json"].into_iter().chain(arguments.split(' '));
    let ran = vpcemu(arguments);
    (serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr)), ran.code)
}

/// Verdict, verdict of the answer, and who denied by which rule and why.
fn fate(arguments: &str) -> String {
    let (trace, _) = trace(arguments);
    let text = |key: &str| match &trace[key] {
        Value::Null => "-".to_owned(),
        // An entry of a network ACL.
        Value::Number(number) => number.to_string(),
        other => other.as_str().unwrap().to_owned(),
    };
    ["verdict", "reply", "reason", "at", "rule"].map(text).join(" ")
}

#[test]
fn the_flows_of_the_worked_example() {
    let allowed = "allow allow - - -";
    for (flow, expected) in [
        ("--proto tcp --from 10.20.10.10:40000 --to 93.184.216.34:443", allowed),
        (
            "--proto tcp --from 10.20.10.10:40001 --to 93.184.216.34:80",
            "deny - ENI_SG_RULES_MISMATCH eni-01000000000000002 *",
        ),
        (
            "--proto tcp --from 10.20.10.10:40002 --to 198.51.100.7:443",
            "allow deny SUBNET_ACL_RESTRICTION acl-0e000000000000001 90",
        ),
        ("--proto tcp --from 198.51.100.9:51000 --to 203.0.113.10:443", allowed),
        ("--proto tcp --from 192.0.2.130:51000 --to 203.0.113.10:22", allowed),
        (
            "--proto tcp --from 198.51.100.9:51000 --to 203.0.113.10:22",
            "deny - ENI_SG_RULES_MISMATCH eni-01000000000000001 *",
        ),
        (
            "--proto tcp --from 198.51.100.9:51000 --to 203.0.113.20:443",
            "deny - X_NAT_NO_SESSION nat-0c000000000000003 -",
        ),
        ("--proto tcp --from web:41000 --to app:8080", allowed),
        ("--proto tcp --from app:42000 --to db:5432", allowed),
        ("--proto tcp --from web:42000 --to db:5432", "deny - ENI_SG_RULES_MISMATCH eni-01000000000000003 *"),
        ("--proto tcp --from app:43000 --to 52.216.1.1:443", allowed),
        ("--proto tcp --from [2001:db8:1234:1a10::10]:44000 --to [2606:2800:220:1::1]:443", allowed),
        (
            "--proto tcp --from [2606:2800:220:1::1]:443 --to [2001:db8:1234:1a10::10]:8080",
            "deny - X_EIGW_NO_SESSION eigw-0c000000000000002 -",
        ),
        (
            "--proto tcp --from 10.20.10.99:40000@app --to 93.184.216.34:443",
            "deny - ENI_SOURCE_DEST_CHECK_RESTRICTION eni-01000000000000002 -",
        ),
    ] {
        assert_eq!(fate(flow), expected, "{flow}");
    }
}

#[test]
fn each_hop_says_what_it_did() {
    let (trace, code) = trace("--proto tcp --from app --to 93.184.216.34:443");
    assert_eq!(code, Some(0));
    let steps = |way: &str| -> Vec<String> {
        let text = |step: &Value, key: &str| match &step[key] {
            Value::Null => "-".to_owned(),
            Value::Number(number) => number.to_string(),
            other => other.as_str().unwrap().to_owned(),
        };
        let steps = trace[way].as_array().unwrap();
        steps
            .iter()
            .map(|step| ["kind", "hop", "dir", "verdict", "rule"].map(|key| text(step, key)).join(" "))
            .collect()
    };
    assert_eq!(
        steps("forward"),
        [
            "sg eni-01000000000000002 egress allow sgr-0600000000000000a",
            "nacl acl-0e000000000000001 egress allow 100",
            "route rtb-0d000000000000002 - allow 0.0.0.0/0 -> nat-0c000000000000003",
            "nacl acl-0e000000000000000 ingress allow 100",
            "nat nat-0c000000000000003 egress allow -",
            "nacl acl-0e000000000000000 egress allow 100",
            "route rtb-0d000000000000001 - allow 0.0.0.0/0 -> igw-0c000000000000001",
            "igw igw-0c000000000000001 - allow -",
        ]
    );
    assert_eq!(steps("reverse").len(), 7);
    let nat = &trace["forward"][4];
    assert_eq!(nat["ports"], serde_json::json!([1, 55_000]));
    assert_eq!(nat["change"]["src"][0], "10.20.10.10:40000");
    // The headers change where somebody changed them, and nowhere else.
    let changed = trace["forward"].as_array().unwrap().iter().filter(|step| step.get("change").is_some()).count();
    assert_eq!(changed, 2);
    assert_eq!(trace["packets"].as_array().unwrap().len(), 3);
    assert_eq!(trace["packets"][2]["flags"], "A");
}

#[test]
fn a_trace_reads_like_this() {
    let text = |arguments: &str| {
        let arguments = ["trace", "-c", WORKED_EXAMPLE].into_iter().chain(arguments.split(' '));
        vpcemu(arguments).stdout
    };
    insta::assert_snapshot!("allowed", text("--proto tcp --from app --to 93.184.216.34:443 --reply"));
    insta::assert_snapshot!("denied_by_group", text("--proto tcp --from web --to db:5432"));
    insta::assert_snapshot!("answer_denied", text("--proto tcp --from app --to 198.51.100.7:443"));
    insta::assert_snapshot!("no_public_address", text("--proto icmp --from internet --to db"));
}

#[test]
fn expectations_decide_the_exit_code() {
    let code = |arguments: &str| trace(arguments).1;
    let (open, shut) =
        ("--proto tcp --from app --to 93.184.216.34:443", "--proto tcp --from app --to 93.184.216.34:80");
    assert_eq!(code(&format!("{open} --expect allow --expect-reply allow")), Some(0));
    assert_eq!(code(&format!("{open} --expect deny")), Some(1));
    assert_eq!(code(&format!("{open} --expect-reply deny")), Some(1));
    assert_eq!(code(&format!("{shut} --expect deny")), Some(0));
    assert_eq!(code(&format!("{shut} --expect allow")), Some(1));
    // There is no answer to what did not arrive.
    assert_eq!(code(&format!("{shut} --expect-reply deny")), Some(1));
}

#[test]
fn other_protocols_and_ipv6() {
    assert_eq!(fate("--proto 47 --from web --to internet"), "allow allow - - -");
    assert_eq!(fate("--proto icmp --from web --to internet"), "allow allow - - -");
    assert_eq!(fate("--proto udp --from app --to dns:53"), "allow allow - - -");
    let (trace, _) = trace("--proto icmp -6 --from web --to internet");
    assert_eq!(trace["packets"][0]["proto"], "icmpv6");
}

#[test]
fn a_packet_of_a_capture_is_explained_with_what_came_before_it() {
    let of = |packet: &str| {
        let ran = vpcemu(["trace", "-c", CONFIG, "--capture", CAPTURE, "--packet", packet, "--format", "json"]);
        serde_json::from_str::<Value>(&ran.stdout).unwrap()
    };
    // As the verdicts of a replay have them.
    let folder = tempfile::tempdir().unwrap();
    let verdicts = folder.path().join("verdicts.ndjson");
    vpcemu(["replay", "-q", "-v", "-c", CONFIG, CAPTURE, "--verdicts", verdicts.to_str().unwrap()]);
    let verdicts: Vec<Value> =
        std::fs::read_to_string(verdicts).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for n in [1, 2, 17, 100, 173] {
        let (trace, line) = (of(&n.to_string()), &verdicts[n - 1]);
        assert_eq!(trace["verdict"], line["verdict"], "{n}");
        assert_eq!(trace["reason"], line["reason"], "{n}");
        assert_eq!(trace["packets"][0]["src"], line["src"], "{n}");
        let hops = |steps: &Value| -> Vec<String> {
            steps.as_array().into_iter().flatten().map(|step| step["hop"].to_string()).collect()
        };
        assert_eq!(hops(&trace["forward"]), hops(&line["steps"]), "{n}");
    }
}

#[test]
fn what_cannot_be_traced_says_why() {
    let error = |arguments: &str| {
        let ran = vpcemu(["trace", "-c", WORKED_EXAMPLE].into_iter().chain(arguments.split(' ')));
        assert_eq!(ran.code, Some(2), "{arguments}");
        ran.stderr
    };
    assert!(error("--proto tcp --from nobody --to web:80").contains("`nobody` names no interface; there is "));
    assert!(error("--proto tcp --from app --to web").contains("to which port?"));
    assert!(error("--proto smoke --from app --to web").contains("`smoke` is no protocol"));
    assert!(error("--proto 47 --from app --to web:80").contains("has no ports"));
    assert!(error("--proto icmp --from 10.20.11.10 --to [2001:db8::1]").contains("of different IP versions"));
    assert!(error("--from app --to web:80").contains("--proto"));
    let ran = vpcemu(["trace", "-c", CONFIG, "--capture", CAPTURE, "--packet", "174"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("no packet 174: there are 173"), "{}", ran.stderr);
}

#[test]
fn who_is_beyond_a_transit_gateway_comes_by_its_attachment() {
    let arguments = ["--from", "192.168.10.10", "--to", "api:80", "--proto", "tcp", "--format", "json"];
    let ran = vpcemu(["trace", "-c", "pcaps/transit-hub/config.toml"].into_iter().chain(arguments));
    let trace: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&trace["verdict"], &trace["reply"]), (&"allow".into(), &"allow".into()), "{}", ran.stdout);
    assert_eq!(trace["packets"][0]["in"], "tgw-attach-office");
}

/// A server with a public address whose answers leave by a virtual private gateway, and a second VPC with the same addresses.
const CROOKED: &str = r#"
[vpc.one]
cidrs = ["10.0.0.0/16"]
[vpc.two]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
vpc = "one"
[vpn_gateway.vgw]
vpc = "one"
[subnet.a]
vpc = "one"
cidrs = ["10.0.0.0/24"]
route_table = "out"
[subnet.b]
vpc = "two"
cidrs = ["10.0.0.0/24"]
[route_table.out]
vpc = "one"
routes = [{ to = "0.0.0.0/0", via = "vgw" }]
[security_group.web]
vpc = "one"
ingress = [
  { proto = "tcp", ports = "80", from = "0.0.0.0/0" },
  { proto = "tcp", ports = "440-442", from = "0.0.0.0/0" },
  { proto = "tcp", ports = "500", from = "sg:web" },
  { proto = "icmp", type = 8, code = 1, from = "10.0.0.0/16" },
]
[instance.web]
subnet = "a"
addresses = ["10.0.0.10"]
public = "203.0.113.10"
security_groups = ["web"]
[instance.friend]
subnet = "a"
addresses = ["10.0.0.11"]
security_groups = ["web"]
[instance.twin]
subnet = "b"
addresses = ["10.0.0.10"]
"#;

/// What a trace through it prints.
fn crooked(arguments: &str) -> common::Ran {
    let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    std::fs::write(file.path(), CROOKED).unwrap();
    vpcemu(["trace", "-c", file.path().to_str().unwrap()].into_iter().chain(arguments.split(' ')))
}

#[test]
fn an_answer_that_goes_astray_answers_nothing() {
    let ran = crooked("--proto tcp --from internet --to web:80 --format json --expect-reply deny");
    let trace: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((trace["verdict"].as_str(), trace["reply"].as_str()), (Some("allow"), Some("deny")));
    assert_eq!((trace["reason"].as_str(), trace["at"].as_str()), (Some("X_REPLY_ASTRAY"), Some("vgw-vgw")));
    assert_eq!(ran.code, Some(0));
    let text = crooked("--proto tcp --from internet --to web:80").stdout;
    assert!(text.contains("it ends at vgw-vgw, from 10.0.0.10:80; internet had asked 203.0.113.10:80"), "{text}");
}

#[test]
fn the_nearest_rule_is_the_one_that_differs_least() {
    let nearest = |arguments: &str| {
        let text = crooked(arguments).stdout;
        let lines =
            text.lines().skip_while(|line| !line.contains("nearest:")).take_while(|line| !line.contains("defined"));
        lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    // Of ports the nearest, and of a member nothing but the port.
    let port = nearest("--proto tcp --from internet --to web:443");
    assert_eq!(port, ["nearest: sgr-web-in-2 ingress tcp 440-442 0.0.0.0/0", "but port 443 is not in 440-442"]);
    let member = nearest("--proto tcp --from friend --to 10.0.0.10:501");
    assert_eq!(member, ["nearest: sgr-web-in-3 ingress tcp 500 sg-web (web)", "but port 501 is not 500"]);
    let code = nearest("--proto icmp --from friend --to 10.0.0.10");
    assert_eq!(code, ["nearest: sgr-web-in-4 ingress icmp type 8 code 1 10.0.0.0/16", "but code 0 is not 1"]);
}

#[test]
fn ends_that_mean_several_things_or_none_are_refused() {
    for (arguments, expected) in [
        ("--proto tcp --from 10.0.0.10 --to friend:80", "`10.0.0.10` is ambiguous: eni-web (web), eni-twin (twin)"),
        ("--proto tcp --from friend --to 1.2.3.4:443@web", "@web says where a flow begins"),
        ("--proto tcp --from friend --to web:99999", "99999 is no port"),
        ("--proto tcp --from friend --to vgw:80", "who is meant beyond vgw?"),
        ("--proto tcp --from friend:5 --sport 6 --to web:80", "from port 5 and from port 6"),
        ("--proto tcp --from 2001:db8::9@friend --to 2001:db8::1", "expected [2001:db8::1]:PORT"),
        ("--capture x.pcap --packet 1 --reply", "--reply"),
        ("--capture x.pcap --packet 1 --expect-reply deny", "--expect-reply"),
    ] {
        let ran = crooked(arguments);
        assert_eq!(ran.code, Some(2), "{arguments}: {}", ran.stdout);
        assert!(ran.stderr.contains(expected), "{arguments}: {}", ran.stderr);
    }
    // Who calls a public address comes from the internet, whatever way the answer takes.
    let ran = crooked("--proto tcp --from 8.8.8.8 --to 203.0.113.10:80");
    assert!(ran.stdout.contains("to eni-web via igw-igw"), "{}", ran.stdout);
}
