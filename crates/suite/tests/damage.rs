//! Suites that have been damaged at random are refused, or run; nothing panics.

mod common;

use common::Folder;
use proptest::prelude::*;
use vpcemu_suite::{Filter, Suite};

const TOML: &str = r#"config = "network.toml"
seed = 7

[[flow]]
name = "page"
from = "app:41000"
to = "198.51.100.7:443"
proto = "tcp"
expect = "allow"
reply = "allow"
xlate_src = "203.0.113.20"
via = ["nat"]

[[flow]]
name = "other"
from = "internet"
to = "web:22"
proto = 6
expect = "deny"
reason = "ENI_SG_RULES_MISMATCH"
at = "web"
rule = "*"

[[script]]
name = "idle"
midstream = "strict"
steps = [
  { flow = "a", from = "app", to = "198.51.100.7:443", proto = "tcp", flags = "S" },
  { reply = true, flags = "SA", state = "established" },
  { at = "+351s", flow = "a", flags = "PA", expect = "allow" },
  { wait = "1s" },
]
counters = { "nat.IdleTimeoutCount" = 0, "connections.created" = 1 }
"#;

const YAML: &str = r#"config: network.toml
flow:
  - name: page
    from: app:41000
    to: 198.51.100.7:443
    proto: tcp
    expect: allow
    via: [nat]
script:
  - name: idle
    steps:
      - { from: app, to: "198.51.100.7:443", proto: tcp, flags: S }
      - { reply: true, flags: SA }
      - { at: "+351s", flags: PA, expect: deny, reason: X_NAT_IDLE_EXPIRED, generated: tcp-rst }
    counters: { nat-nat.IdleTimeoutCount: 1 }
"#;

/// What is done to a text, at a place that is taken modulo its length.
#[derive(Clone, Debug)]
enum Damage {
    Remove(usize, usize),
    Insert(usize, String),
    /// A line moves to another place.
    Move(usize, usize),
    /// A word becomes another one of the text.
    Swap(usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = 0usize..4096;
    prop_oneof![
        (at.clone(), 1usize..20).prop_map(|(at, count)| Damage::Remove(at, count)),
        (at.clone(), "[ -~\\n\\t\u{e4}\u{feff}]{1,6}").prop_map(|(at, text)| Damage::Insert(at, text)),
        (at.clone(), at.clone()).prop_map(|(from, to)| Damage::Move(from, to)),
        (at.clone(), at).prop_map(|(one, other)| Damage::Swap(one, other)),
    ]
}

fn apply(text: &mut String, damage: &Damage) {
    let mut chars: Vec<char> = text.chars().collect();
    let mut lines: Vec<&str> = text.lines().collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    if chars.is_empty() || lines.is_empty() || words.is_empty() {
        return;
    }
    *text = match damage {
        Damage::Remove(at, count) => {
            let at = at % chars.len();
            chars.drain(at..(at + count).min(chars.len()));
            chars.into_iter().collect()
        }
        Damage::Insert(at, new) => {
            let at = at % chars.len();
            chars.splice(at..at, new.chars());
            chars.into_iter().collect()
        }
        Damage::Move(from, to) => {
            let line = lines.remove(from % lines.len());
            lines.insert(to % (lines.len() + 1), line);
            lines.join("\n")
        }
        Damage::Swap(one, other) => text.replacen(words[one % words.len()], words[other % words.len()], 1),
    };
}

fn survive(folder: &Folder, name: &str, text: &str, damages: &[Damage]) {
    let mut text = text.to_owned();
    damages.iter().for_each(|damage| apply(&mut text, damage));
    match Suite::load(&folder.write(name, &text)) {
        Ok(suite) => _ = suite.run(&Filter::default(), false, |_| {}),
        // What is refused is refused in words.
        Err(error) => assert!(!error.to_string().trim().is_empty()),
    }
}

proptest! {
    #[test]
    fn damaged_suites_do_no_harm(damages in prop::collection::vec(damage(), 1..6)) {
        let folder = Folder::new();
        survive(&folder, "suite.toml", TOML, &damages);
        survive(&folder, "suite.yaml", YAML, &damages);
        survive(&folder, "suite", YAML, &damages);
    }
}

#[test]
fn undamaged_they_run() {
    let folder = Folder::new();
    for (name, text, count) in [("suite.toml", TOML, 3), ("suite.yaml", YAML, 2), ("suite", YAML, 2)] {
        let suite = Suite::load(&folder.write(name, text)).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(suite.run(&Filter::default(), false, |_| {}).len(), count);
    }
}
