//! The emulator against the kernel: the same packets through our engine and through a router made of nftables, and what comes
//! out compared.
//!
//! Needs root, `ip` and `nft`; elsewhere it says why it is skipped, unless `VPCEMU_TEST_REQUIRE` names `nft`. The routers
//! are in network namespaces of their own; nothing of the machine is touched.
//!
//! `VPCEMU_KERNEL_SEED`, `VPCEMU_KERNEL_PACKETS` and `VPCEMU_KERNEL_RULE_SETS` choose the random traffic and the random rules;
//! `VPCEMU_KERNEL_CASE` runs one case of a role, `VPCEMU_KERNEL_SHOW` prints what comes out of both for every step.

mod bytes;
mod compare;
mod differences;
mod judge;
mod language;
mod namespace;
mod ours;
mod packets;
mod random;
mod roles;
mod router;
mod rule_sets;
#[path = "../rules/mod.rs"]
mod rules;
mod sequence;
mod wire;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use differences::Basis;
use judge::{Judge, Judgement};
use roles::{Kind, Role};
use rule_sets::{Prober, RuleSet};
use vpcemu_tests::Dice;

#[test]
fn internet_gateway_as_stateless_translation() {
    cases(&roles::IGW_STATELESS);
}

#[test]
fn internet_gateway_as_stateful_translation() {
    cases(&roles::IGW_STATEFUL);
}

#[test]
fn security_group() {
    cases(&roles::SECURITY_GROUP);
}

#[test]
fn network_acl() {
    cases(&roles::NETWORK_ACL);
}

#[test]
fn network_acl_without_reassembly() {
    cases(&roles::NETWORK_ACL_WITHOUT_REASSEMBLY);
}

#[test]
fn egress_only_gateway() {
    cases(&roles::EGRESS_ONLY);
}

#[test]
fn nat_gateway() {
    cases(&roles::NAT_GATEWAY);
}

#[test]
fn nat_gateway_with_three_ports() {
    cases(&roles::NAT_GATEWAY_SMALL_POOL);
}

#[test]
fn nat_gateway_and_a_kernel_that_picks_nothing_up() {
    cases(&roles::NAT_GATEWAY_STRICT);
}

#[test]
fn internet_gateway_as_stateless_translation_at_random() {
    at_random(&roles::IGW_STATELESS);
}

#[test]
fn internet_gateway_as_stateful_translation_at_random() {
    at_random(&roles::IGW_STATEFUL);
}

#[test]
fn security_group_at_random() {
    at_random(&roles::SECURITY_GROUP);
}

#[test]
fn network_acl_at_random() {
    at_random(&roles::NETWORK_ACL);
}

#[test]
fn nat_instance() {
    cases(&roles::NAT_INSTANCE);
}

#[test]
fn nat_instance_that_picks_nothing_up() {
    cases(&roles::NAT_INSTANCE_STRICT);
}

#[test]
fn nat_instance_at_random() {
    at_random(&roles::NAT_INSTANCE);
}

#[test]
fn egress_only_gateway_at_random() {
    at_random(&roles::EGRESS_ONLY);
}

#[test]
fn nat_gateway_at_random() {
    at_random(&roles::NAT_GATEWAY);
}

#[test]
fn random_rules_of_a_security_group() {
    over_rule_sets(Kind::SecurityGroup);
}

#[test]
fn random_entries_of_a_network_acl() {
    over_rule_sets(Kind::NetworkAcl);
}

#[test]
fn random_entries_of_a_network_acl_without_reassembly() {
    over_rule_sets(Kind::NetworkAclWithoutReassembly);
}

/// Runs the cases of a role, each with routers of its own, and tells everything that is not as it should be.
fn cases(role: &Role<'_>) {
    if !able() {
        return;
    }
    let show = std::env::var_os("VPCEMU_KERNEL_SHOW").is_some();
    let one = std::env::var("VPCEMU_KERNEL_CASE").ok();
    let differences = differences::of(role.name);
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    let mut packets = 0;
    for case in language::parse(role.cases, &|name| role.address(name)) {
        if one.as_ref().is_some_and(|one| *one != case.id) {
            continue;
        }
        let mut judge = Judge::new(role);
        // Steps that did not come out of both: what is about them cannot be sent.
        let mut lost = BTreeSet::new();
        for (at, step) in case.steps.iter().enumerate() {
            packets += 1;
            let name = format!("{}/{}", case.id, at + 1);
            let known = differences.iter().find(|difference| difference.step == name);
            let place = format!("{} {name}: {}", role.name, step.text);
            let judged = judge.judge(step);
            if show {
                eprintln!("{place}\n    {}", judge.shown());
            }
            match (judged, known) {
                (Ok(Judgement::Same), None) => {}
                (Ok(Judgement::NotSent), None) if step.what.about().is_some_and(|n| lost.contains(&n)) => {
                    lost.insert(at + 1);
                }
                (Ok(Judgement::NotSent), None) => {
                    wrong.push(format!("{place}\n    the packet that it is about came out of neither"));
                }
                (Ok(Judgement::Different { kernel, ours, .. }), Some(known))
                    if (&kernel, &ours) == (&known.kernel, &known.ours) =>
                {
                    seen.insert(name);
                    lost.insert(at + 1);
                }
                (Ok(Judgement::Different { kernel, ours, details }), _) => {
                    wrong.push(format!("{place}\n    kernel: {kernel}; ours: {ours}{details}"));
                }
                (Ok(Judgement::Same | Judgement::NotSent), Some(_)) => {}
                (Err(error), _) => {
                    wrong.push(format!("{place}\n    {error}"));
                    break;
                }
            }
        }
    }
    if one.is_none() {
        let stale = differences.iter().filter(|row| !seen.contains(&row.step));
        wrong.extend(stale.map(|row| format!("{} {}: no longer as in differences.toml", role.name, row.step)));
    }
    let bugs = differences.iter().filter(|row| matches!(row.basis, Basis::Bug)).count();
    eprintln!("{}: {packets} steps, {} known differences, {bugs} of them bugs", role.name, seen.len());
    assert!(wrong.is_empty(), "{} of {packets} steps:\n{}", wrong.len(), wrong.join("\n"));
}

/// Sends random traffic through both until they differ.
fn at_random(role: &Role<'_>) {
    if !able() {
        return;
    }
    let (seed, count) = (number("VPCEMU_KERNEL_SEED", 1), number("VPCEMU_KERNEL_PACKETS", 300));
    let mut judge = Judge::new(role);
    let mut generator = random::Generator::new(role, seed);
    let mut passed = 0;
    for n in 1..=count {
        let step = generator.step();
        let place = format!("{} VPCEMU_KERNEL_SEED={seed} step {n}: {}", role.name, step.text);
        match judge.judge(&step) {
            Ok(Judgement::Same) => passed += u64::from(judge.passed()),
            Ok(Judgement::NotSent) => {}
            Ok(Judgement::Different { kernel, ours, details }) => {
                panic!("{place}\n    kernel: {kernel}; ours: {ours}{details}");
            }
            Err(error) => panic!("{place}\n    {error}"),
        }
    }
    eprintln!("{}: {count} random steps, {passed} came through", role.name);
    assert!(passed * 10 > count, "only {passed} of {count} came through: nothing was compared");
}

/// Makes random rule sets, each with routers of its own, and sends packets at their bounds through both until they differ.
fn over_rule_sets(kind: Kind) {
    if !able() {
        return;
    }
    let (seed, sets) = (number("VPCEMU_KERNEL_SEED", 1), number("VPCEMU_KERNEL_RULE_SETS", 20));
    let mut dice = Dice::new(seed * 3 + kind as u64);
    let (mut sent, mut passed) = (0, 0);
    for set in 1..=sets {
        let rules = RuleSet::random(kind, &mut dice);
        let (network, nft) = (rules.network(), rules.nft());
        let role = kind.role(&network, &nft);
        let mut judge = Judge::new(&role);
        let mut prober = Prober::new(&rules, dice.clone());
        for n in 1..=STEPS_A_RULE_SET {
            let step = prober.step();
            let place = || format!("{kind:?} VPCEMU_KERNEL_SEED={seed} rule set {set} step {n}: {}\n{nft}", step.text);
            match judge.judge(&step) {
                Ok(Judgement::Same) => {
                    sent += 1;
                    passed += u64::from(judge.passed());
                }
                Ok(Judgement::NotSent) => {}
                Ok(Judgement::Different { kernel, ours, details }) => {
                    panic!("{}    kernel: {kernel}; ours: {ours}{details}", place());
                }
                Err(error) => panic!("{}    {error}", place()),
            }
        }
    }
    eprintln!("{kind:?}: {sent} packets through {sets} rule sets, {passed} came through");
    assert!(passed * 10 > sent, "only {passed} of {sent} came through: nothing was compared");
}

/// Some for each bound of a rule set; more rule sets tell more than more packets.
const STEPS_A_RULE_SET: usize = 60;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

/// Whether a router can be made here. Says why not when not; in CI it must be.
fn able() -> bool {
    let missing = missing();
    if let Some(missing) = missing {
        let required = std::env::var("VPCEMU_TEST_REQUIRE").unwrap_or_default();
        assert!(!required.split([',', ' ']).any(|name| name == "nft"), "nft is required here, but {missing}");
        eprintln!("skipped: {missing}");
    }
    missing.is_none()
}

fn missing() -> Option<&'static str> {
    if !nix::unistd::geteuid().is_root() {
        return Some("a router needs root");
    }
    let works = |command: &str, argument: &str| {
        let status = Command::new(command).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    if !works("nft", "--version") {
        return Some("nft is not installed");
    }
    if !works("ip", "-V") {
        return Some("ip is not installed");
    }
    namespace::Namespace::new().is_err().then_some("network namespaces are not permitted")
}
