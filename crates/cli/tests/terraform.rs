//! Terraform's plans and states on the command line.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::ffi::OsStr;
use std::path::PathBuf;

use common::{CAPTURE, CONFIG, Ran, repository, vpcemu};

fn example(name: &str) -> String {
    let path: PathBuf = repository().join("crates/import/tests/data/terraform").join(name);
    path.to_str().unwrap().to_owned()
}

fn run(arguments: &[&str]) -> Ran {
    vpcemu(arguments.iter().map(OsStr::new))
}

#[track_caller]
fn refused(ran: &Ran, words: &[&str]) {
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    for word in words {
        assert!(ran.stderr.contains(word), "`{word}` is not in: {}", ran.stderr);
    }
}

#[test]
fn check_shows_a_state_and_a_plan() {
    let state = run(&["check", &example("show-state.json")]);
    assert_eq!(state.code, Some(0), "{}{}", state.stdout, state.stderr);
    assert!(state.stdout.contains("\n0 assumed, 0 ignored, "), "a state leaves nothing open: {}", state.stdout);
    assert!(
        state.stdout.contains("4 aws_subnet") && state.stdout.contains("nat-0c000000000000003"),
        "{}",
        state.stdout
    );
    let plan = run(&["check", &example("show-plan.json"), "-v"]);
    assert_eq!(plan.code, Some(0), "{}", plan.stderr);
    assert!(plan.stdout.contains("0.0.0.0/0 -> aws_nat_gateway.main"), "{}", plan.stdout);
    assert!(plan.stdout.contains("aws_eip.nat.public_ip: it is known only after apply: 203.0.113."), "{}", plan.stdout);
    assert_eq!(run(&["check", &example("show-plan.json"), "--strict"]).code, Some(1));
}

#[test]
fn binds_say_what_a_plan_leaves_open() {
    let plan = example("show-plan.json");
    let bound = run(&["check", &plan, "--bind", "aws_eip.nat.public_ip=198.51.100.77"]);
    assert!(bound.stdout.contains("= 198.51.100.77"), "{}{}", bound.stdout, bound.stderr);
    let near = run(&["check", &plan, "--bind", "aws_eip.nut.public_ip=198.51.100.77"]);
    refused(&near, &["--bind 'aws_eip.nut.public_ip=198.51.100.77'", "near are aws_eip.nat"]);
    refused(&run(&["check", &plan, "--bind", "10.0.0.1=web"]), &["--bind 10.0.0.1=web", "`replay` only"]);
    refused(&run(&["check", CONFIG, "--bind", "aws_eip.a.public_ip=1.2.3.4"]), &["not an IP address", "native file"]);
}

#[test]
fn a_plan_without_a_prior_state_has_no_network_before_it() {
    let ran = run(&["check", &format!("{}#prior", example("show-plan.json"))]);
    refused(&ran, &["show-plan.json#prior: the plan has no prior state"]);
    let planned = run(&["check", &format!("{}#planned", example("show-plan.json"))]);
    assert!(planned.stdout.contains("show-plan.json#planned: "), "{}{}", planned.stdout, planned.stderr);
}

#[test]
fn replay_tells_binds_of_hosts_and_of_attributes_apart() {
    let plan = example("show-plan.json");
    let replay = |binds: &[&str]| {
        let then = format!("+1={CONFIG}");
        let mut arguments = vec!["replay", "-c", &plan, CAPTURE, "--then", &then, "--format", "json"];
        binds.iter().for_each(|bind| arguments.extend(["--bind", *bind]));
        run(&arguments)
    };
    let ran = replay(&["aws_eip.web.public_ip=198.51.100.77", "192.0.2.200=web"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(!ran.stdout.contains("aws_eip.web.public_ip"), "{}", ran.stdout);
    assert!(ran.stdout.contains("aws_eip.nat.public_ip"), "{}", ran.stdout);
    refused(&replay(&["aws_eip.nobody.public_ip=198.51.100.77"]), &["there is no resource aws_eip.nobody"]);
}
