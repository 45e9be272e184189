//! Scenarios that do not apply to a VPC, each with the rule of the semantics page that rules it out.

/// The number, the rule, and why.
const RULED_OUT: &[(&str, &str, &str)] = &[
    ("a17", "4.37", "a gateway is observed by its CloudWatch counters: it lists no users and no sessions"),
    (
        "a18",
        "4.31",
        "no session can be deleted alone: only the end of the gateway, or of the route to it, ends them (a20)",
    ),
    ("a21", "4.3", "a gateway always translates to its own private address, no host is mapped to itself"),
    ("a24", "4.7", "a gateway serves one VPC, so that there is no matrix of routing domains (a23 has two VPCs)"),
    ("a25", "4.12", "ports belong to the destination, not to workers or routing domains (a4 reuses them)"),
    (
        "a26",
        "4.5",
        "a gateway is a hop of its own (P3): there is no translation at an interface's output to compare with",
    ),
    ("a33", "4.22", "a gateway's addresses offer no service whose port could be shadowed"),
    ("b3", "3.6", "1:1 translation is by address: no single port is mapped"),
    ("b12", "3.2", "a public address belongs to one private address: there is nothing to balance over"),
    ("d10", "1.20", "a VPC has no VLANs and no tunnels of its own: fragments are told apart by their addresses"),
    (
        "f12",
        "1.18",
        "a VPC carries IP only, so that no rule looks at an EtherType: what is not IP is dropped by itself",
    ),
    ("f16", "1.20", "a VPC has no VLANs: a tag is framing of the capture, and no rule looks at it"),
];

/// How many scenarios each letter has.
const LETTERS: [(char, usize); 7] = [('a', 35), ('b', 17), ('c', 23), ('d', 14), ('e', 22), ('f', 24), ('g', 15)];

/// The sources of the tests.
const SOURCES: &[&str] = &[
    include_str!("a_source_nat.rs"),
    include_str!("b_one_to_one.rs"),
    include_str!("c_icmp.rs"),
    include_str!("d_fragments.rs"),
    include_str!("e_tcp.rs"),
    include_str!("f_filtering.rs"),
    include_str!("f_limits.rs"),
    include_str!("f_spoofing.rs"),
    include_str!("f_state.rs"),
    include_str!("g_malformed.rs"),
];

/// The rules.
const SEMANTICS: &str = include_str!("../../../crates/dataplane/SEMANTICS.md");

#[test]
fn every_scenario_is_a_test_or_ruled_out_once() {
    let tests = SOURCES.iter().flat_map(|source| source.lines());
    let tests = tests.filter_map(|line| line.trim_start().strip_prefix("fn ")).filter_map(number);
    let mut found: Vec<_> = tests.chain(RULED_OUT.iter().map(|(number, _, _)| (*number).to_owned())).collect();
    let mut expected: Vec<_> =
        LETTERS.iter().flat_map(|(letter, last)| (1..=*last).map(move |number| format!("{letter}{number}"))).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn what_is_ruled_out_is_so_by_a_rule_of_the_semantics_page() {
    for (scenario, rule, why) in RULED_OUT {
        assert!(SEMANTICS.lines().any(|line| states(line, rule)), "{scenario}: there is no rule {rule}");
        assert!(!why.is_empty());
    }
}

/// Whether a line begins the rule, or a group of rules that it is in: `3.1–3.3 (AWS) ...`, `1.9, 1.18 (inferred) ...`.
fn states(line: &str, rule: &str) -> bool {
    let place = |text: &str| {
        text.split_once('.').and_then(|(part, number)| Some((part.parse::<u32>().ok()?, number.parse::<u32>().ok()?)))
    };
    let Some(rule) = place(rule) else { return false };
    let heads =
        line.split([',', ' ']).take_while(|word| word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()));
    heads.filter(|word| !word.is_empty()).any(|head| {
        let (first, last) = head.split_once('–').unwrap_or((head, head));
        matches!((place(first), place(last)), (Some(first), Some(last)) if (first..=last).contains(&rule))
    })
}

/// `a13` of `a13_a_reply_from_another_remote_is_filtered()`.
fn number(name: &str) -> Option<String> {
    let (number, _) = name.split_once('_')?;
    let digits =
        number.get(1..).filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let letter = number.chars().next().filter(char::is_ascii_lowercase)?;
    Some(format!("{letter}{digits}"))
}
