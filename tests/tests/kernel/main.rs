//! The emulator against the kernel: the same packets through our engine and through a router made of nftables, and what comes
//! out compared.
//!
//! Needs root, `ip` and `nft`; elsewhere it says why it is skipped, unless `VPCEMU_TEST_REQUIRE` names `nft`. The routers
//! are in network namespaces of their own; nothing of the machine is touched.
//!
//! `VPCEMU_KERNEL_SEED` and `VPCEMU_KERNEL_PACKETS` choose the random traffic; `VPCEMU_KERNEL_CASE` runs one case of a role,
//! `VPCEMU_KERNEL_SHOW` prints what comes out of both for every step.

mod bytes;
mod compare;
mod differences;
mod judge;
mod language;
mod namespace;
mod ours;
mod packets;
mod roles;
mod router;
mod sequence;
mod wire;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use differences::DIFFERENCES;
use judge::{Judge, Judgement, known};
use roles::Role;

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

/// Runs the cases of a role, each with routers of its own, and tells everything that is not as it should be.
fn cases(role: &Role) {
    if !able() {
        return;
    }
    let show = std::env::var_os("VPCEMU_KERNEL_SHOW").is_some();
    let one = std::env::var("VPCEMU_KERNEL_CASE").ok();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    let mut packets = 0;
    for case in language::parse(role.cases, &|name| role.address(name)) {
        if one.as_ref().is_some_and(|one| *one != case.id) {
            continue;
        }
        let mut judge = Judge::new(role);
        for (at, step) in case.steps.iter().enumerate() {
            packets += 1;
            let known = known(role.name, &case.id, at + 1);
            let place = format!("{} {} step {}: {}", role.name, case.id, at + 1, step.text);
            let judged = judge.judge(step);
            if show {
                eprintln!("{place}\n    {}", judge.shown());
            }
            match (judged, known) {
                (Ok(Judgement::Same | Judgement::NotSent), None) => {}
                (Ok(Judgement::Different { kernel, ours, .. }), Some(difference))
                    if (kernel.as_str(), ours.as_str()) == (difference.kernel, difference.ours) =>
                {
                    seen.insert(difference.step);
                }
                (Ok(Judgement::Same | Judgement::NotSent), Some(_)) => {
                    wrong.push(format!("{place}\n    a known difference that is none"));
                }
                (Ok(Judgement::Different { kernel, ours, details }), _) => {
                    wrong.push(format!("{place}\n    kernel: {kernel}; ours: {ours}{details}"));
                }
                (Err(error), _) => {
                    wrong.push(format!("{place}\n    {error}"));
                    break;
                }
            }
        }
    }
    let stale = DIFFERENCES.iter().filter(|row| row.step.0 == role.name && !seen.contains(&row.step));
    if one.is_none() {
        wrong.extend(stale.map(|row| format!("{:?}: a known difference that does not occur", row.step)));
    }
    eprintln!("{}: {packets} steps, {} known differences", role.name, seen.len());
    assert!(wrong.is_empty(), "{} of {packets} steps:\n{}", wrong.len(), wrong.join("\n"));
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
