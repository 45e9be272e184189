use proptest::prelude::*;
use serde_json::{Map, Value, json};
use vpcemu_packet::endpoint as said;

use super::*;

const WORDS: [&str; 4] = ["allow", "X_TTL", "ingress", "icmp-frag-needed"];

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&WORDS[..])
}

/// Ids are what users wrote: anything.
fn id() -> impl Strategy<Value = &'static str> {
    "\\PC{0,12}|[\\x00-\\x7f]{0,6}|eni-[a-z]{3}".prop_map(|id| &*id.leak())
}

fn port() -> impl Strategy<Value = (IpAddr, Option<u16>)> {
    any::<(IpAddr, Option<u16>)>()
}

fn two_ends() -> impl Strategy<Value = Ends> {
    (port(), port()).prop_map(|(src, dst)| Ends { src, dst })
}

fn a_rule() -> impl Strategy<Value = RuleText<'static>> {
    prop_oneof![
        any::<u16>().prop_map(RuleText::Number),
        id().prop_map(RuleText::Id),
        id().prop_map(|route| RuleText::Route(route.to_owned())),
    ]
}

fn step() -> impl Strategy<Value = StepLine<'static>> {
    let parts = (id(), word(), prop::option::of(word()), word(), prop::option::of(a_rule()));
    parts.prop_map(|(hop, kind, dir, verdict, rule)| StepLine { hop, kind, dir, verdict, rule })
}

fn line() -> impl Strategy<Value = VerdictLine<'static>> {
    use prop::option::of;
    let first = (of(any::<u64>()), of(any::<u64>()), of(word()), any::<u64>(), of(id()), of(word()));
    let second = (of(any::<u8>()), of(two_ends()), of(two_ends()), of(any::<u8>()), any::<u32>(), word());
    let third = (of(word()), of(id()), of(word()), of(a_rule()), of(id()), of(two_ends()));
    let fourth = (of(any::<u64>()), of(word()), of(any::<u64>()), of(word()), of(any::<u32>()));
    (first, second, third, fourth, prop::collection::vec(step(), 0..3)).prop_map(
        |(
            (n, cause, kind, timestamp, ingress, vantage),
            (protocol, ends, captured, flags, len, verdict),
            (reason, at, dir, rule, out, xlate),
            (conn, state, after, assumed, pieces),
            steps,
        )| VerdictLine {
            n,
            cause,
            kind,
            timestamp,
            ingress,
            vantage,
            protocol,
            ends,
            captured,
            flags: flags.map(TcpFlags),
            len,
            verdict,
            reason,
            at,
            dir,
            rule,
            out,
            xlate,
            conn,
            state,
            after,
            assumed,
            pieces,
            steps,
        },
    )
}

fn rule_value(rule: &Option<RuleText<'_>>) -> Value {
    match rule {
        Some(RuleText::Number(rule)) => json!(rule),
        Some(RuleText::Id(rule)) => json!(rule),
        Some(RuleText::Route(rule)) => json!(rule),
        None => Value::Null,
    }
}

fn end_text((ip, port): (IpAddr, Option<u16>)) -> String {
    said(ip, port).to_string()
}

fn ends_value(ends: &Ends) -> Value {
    json!({"src": end_text(ends.src), "dst": end_text(ends.dst)})
}

/// The line as serde_json would have it, and its keys in their order.
fn expected(line: &VerdictLine<'_>) -> (Map<String, Value>, Vec<&'static str>) {
    let ts = format!("{}.{:09}", line.timestamp / 1_000_000_000, line.timestamp % 1_000_000_000);
    let proto = line.protocol.map(|number| protocol_name(number).map_or_else(|| number.to_string(), str::to_owned));
    let step = |step: &StepLine<'_>| {
        let rule = rule_value(&step.rule);
        json!({"hop": step.hop, "kind": step.kind, "dir": step.dir, "verdict": step.verdict, "rule": rule})
    };
    let pairs = [
        ("n", Some(json!(line.n))),
        ("cause", line.cause.map(|cause| json!(cause))),
        ("kind", line.kind.map(|kind| json!(kind))),
        ("ts", Some(json!(ts))),
        ("in", Some(json!(line.ingress))),
        ("vantage", Some(json!(line.vantage))),
        ("proto", Some(json!(proto))),
        ("src", Some(json!(line.ends.map(|ends| end_text(ends.src))))),
        ("dst", Some(json!(line.ends.map(|ends| end_text(ends.dst))))),
        ("captured", line.captured.as_ref().map(ends_value)),
        ("flags", Some(json!(line.flags.map(|flags| flags.to_string())))),
        ("len", Some(json!(line.len))),
        ("verdict", Some(json!(line.verdict))),
        ("reason", Some(json!(line.reason))),
        ("at", Some(json!(line.at))),
        ("dir", Some(json!(line.dir))),
        ("rule", Some(rule_value(&line.rule))),
        ("out", Some(json!(line.out))),
        ("xlate", Some(line.xlate.as_ref().map_or(Value::Null, ends_value))),
        ("conn", Some(json!(line.conn))),
        ("state", Some(json!(line.state))),
        ("after", line.after.map(|after| json!(after))),
        ("assumed", line.assumed.map(|assumed| json!([assumed]))),
        ("pieces", line.pieces.map(|pieces| json!(pieces))),
        ("steps", (!line.steps.is_empty()).then(|| line.steps.iter().map(step).collect())),
    ];
    let present = pairs.into_iter().filter_map(|(key, value)| Some((key, value?)));
    let (keys, pairs): (Vec<_>, Vec<_>) = present.map(|(key, value)| (key, (key.to_owned(), value))).unzip();
    (pairs.into_iter().collect(), keys)
}

proptest! {
    #[test]
    fn lines_are_json_with_their_keys_in_order(line in line()) {
        let mut text = Vec::new();
        line.write_json(&mut text);
        prop_assert_eq!(text.pop(), Some(b'\n'));
        let text = String::from_utf8(text).unwrap();
        let (object, keys) = expected(&line);
        let said: Map<String, Value> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&said, &object);
        // Nothing but the object's own bytes: each key and value as serde_json writes it, in order.
        let steps = |value: &Value| value.as_array().into_iter().flatten().map(|step| {
            let pair = |key: &str| format!("\"{key}\":{}", step[key]);
            format!("{{{}}}", ["hop", "kind", "dir", "verdict", "rule"].map(pair).join(","))
        }).collect::<Vec<_>>().join(",");
        let ends = |value: &Value| format!("{{\"src\":{},\"dst\":{}}}", value["src"], value["dst"]);
        let pairs = keys.iter().map(|key| match (*key, &object[*key]) {
            ("steps", value) => format!("\"steps\":[{}]", steps(value)),
            ("captured" | "xlate", value) if !value.is_null() => format!("\"{key}\":{}", ends(value)),
            (key, value) => format!("\"{key}\":{value}"),
        });
        prop_assert_eq!(text, format!("{{{}}}", pairs.collect::<Vec<_>>().join(",")));
    }

    #[test]
    fn endpoints_are_those_of_the_packet_crate(port in port()) {
        let mut text = Vec::new();
        endpoint(&mut text, port);
        prop_assert_eq!(String::from_utf8(text).unwrap(), end_text(port));
    }
}

#[test]
fn octets_are_written_without_leading_zeros() {
    for octet in 0..=255u8 {
        let mut text = Vec::new();
        endpoint(&mut text, (IpAddr::from([octet, 0, octet, 255]), Some(0)));
        assert_eq!(String::from_utf8(text).unwrap(), format!("{octet}.0.{octet}.255:0"));
    }
}

#[test]
fn a_comment_has_what_the_line_has() {
    let (src, dst) = ((IpAddr::from([10, 0, 0, 1]), Some(1)), ("2001:db8::1".parse().unwrap(), None));
    let mut line = VerdictLine {
        n: None,
        cause: Some(7),
        kind: Some("tcp-rst"),
        timestamp: 0,
        ingress: Some("eni-a b"),
        vantage: Some("leaves"),
        protocol: Some(6),
        ends: Some(Ends { src, dst }),
        captured: None,
        flags: None,
        len: 40,
        verdict: "deny",
        reason: Some("X_TTL"),
        at: None,
        dir: Some("ingress"),
        rule: Some(RuleText::Number(100)),
        out: None,
        xlate: Some(Ends { src: dst, dst: src }),
        conn: Some(3),
        state: Some("new"),
        after: Some(5),
        assumed: Some("midstream"),
        pieces: None,
        steps: Vec::new(),
    };
    let comment = |line: &VerdictLine<'_>| {
        let mut text = Vec::new();
        line.write_comment(&mut text);
        String::from_utf8(text).unwrap()
    };
    let expected = "cause=7 kind=tcp-rst verdict=deny reason=X_TTL dir=ingress rule=100 in=eni-a b vantage=leaves \
                    pkt=10.0.0.1:1>2001:db8::1 xlate=2001:db8::1>10.0.0.1:1 conn=3 state=new after=5 assumed=midstream";
    assert_eq!(comment(&line), expected);
    line = VerdictLine { n: Some(1), cause: None, kind: None, ..line };
    assert!(comment(&line).starts_with("n=1 verdict=deny "), "{}", comment(&line));
    // With steps it says the way, each component once where it looks twice in a row, and the rules.
    let step = |hop, kind, dir, rule| StepLine { hop, kind, dir, verdict: "allow", rule };
    let (out, back) = (Some("egress"), Some("ingress"));
    line.pieces = Some(2);
    line.steps = vec![
        step("eni-a", "check", None, None),
        step("eni-a", "sg", out, Some(RuleText::Id("sgr-1"))),
        step("acl-b", "nacl", out, Some(RuleText::Number(100))),
        step("rtb-c", "route", None, Some(RuleText::Route("::/0 -> eni-a".to_owned()))),
        step("eni-a", "sg", back, None),
        step("acl-b", "nacl", out, Some(RuleText::Id("*"))),
    ];
    let end = " assumed=midstream pieces=2 path=eni-a>acl-b>rtb-c>eni-a>acl-b \
               rules=eni-a:egress#sgr-1,acl-b:egress#100,rtb-c#::/0,acl-b:egress#*";
    assert!(comment(&line).ends_with(end), "{}", comment(&line));
}
