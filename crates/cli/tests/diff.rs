//! `vpcemu diff`.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::path::Path;

use common::{CAPTURE, CONFIG, Ran, repository, vpcemu};
use serde_json::Value;

/// Edits of a configuration: what is written there, and what instead.
type Edits<'a> = &'a [(&'a str, &'a str)];

/// Writes `new.toml` to a folder: the usual configuration with edits.
fn edited(folder: &Path, edits: Edits<'_>) -> String {
    let mut text = std::fs::read_to_string(repository().join(CONFIG)).unwrap();
    for (was, is) in edits {
        assert!(text.contains(was), "{was}");
        text = text.replace(was, is);
    }
    let path = folder.join("new.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Compares the usual configuration with an edited one. In what it prints, the edited one is called `new.toml`.
fn diff(edits: Edits<'_>, arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let new = edited(folder.path(), edits);
    let ran = vpcemu(["diff", "-c", CONFIG, "-c", &new].iter().chain(arguments));
    Ran { stdout: ran.stdout.replace(&new, "new.toml"), ..ran }
}

const WEB_SHUT: Edits<'_> = &[("ports = \"443\"", "ports = \"8443\"")];

#[test]
fn probes_in_text() {
    let ran = diff(WEB_SHUT, &[]);
    insta::assert_snapshot!("probes", ran.stdout);
    assert_eq!((ran.stderr.as_str(), ran.code), ("", Some(1)));
}

#[test]
fn a_capture_in_text() {
    let ran = diff(WEB_SHUT, &[CAPTURE]);
    insta::assert_snapshot!("capture", ran.stdout);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn markdown_for_a_pull_request() {
    let ran = diff(WEB_SHUT, &["--format", "md"]);
    insta::assert_snapshot!("markdown", ran.stdout);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn json_has_the_documented_shape() {
    for input in [&[][..], &[CAPTURE]] {
        let ran = diff(WEB_SHUT, &[input, &["--format", "json"]].concat());
        let told: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(told["identical"], false);
        let change = told["changes"].as_array().unwrap().iter().find(|it| it["kind"] == "newly_denied").unwrap();
        assert_eq!(change["flow"]["proto"], "tcp");
        assert!(change["flow"]["dst"].as_str().unwrap().ends_with(":443"), "{change}");
        assert!(change["packets"].as_u64().unwrap() > 0);
        assert_eq!(change["old"]["verdict"], "allow");
        assert_eq!(change["old"]["rule"], "sgr-app-out-2");
        assert_eq!(change["old"]["out"], "internet");
        assert!(change["old"]["xlate"]["src"].as_str().unwrap().starts_with("203.0.113.20:"), "{change}");
        let new = &change["new"];
        assert_eq!((&new["verdict"], &new["reason"]), (&"deny".into(), &"ENI_SG_RULES_MISMATCH".into()));
        assert_eq!((&new["at"], &new["rule"]), (&"eni-app-1".into(), &"*".into()));
        assert_eq!((&new["xlate"], &new["out"]), (&Value::Null, &Value::Null));
    }
}

#[test]
fn packets_of_a_flow_count_for_its_opening() {
    let ran = diff(WEB_SHUT, &[CAPTURE, "--format", "json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let changes = told["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "one connection goes to port 443: {told}");
    // What answers and follows a packet that is denied now is the same flow, whatever is said of it.
    assert_eq!((changes[0]["first"].as_u64(), changes[0]["packets"].as_u64()), (Some(30), Some(21)));
}

#[test]
fn another_address_of_the_gateway_is_another_translation() {
    let edits = [("public = \"203.0.113.20\"", "public = \"203.0.113.21\"")];
    let ran = diff(&edits, &[CAPTURE, "--format", "json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let kinds: Vec<_> = told["changes"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert!(!kinds.is_empty() && kinds.iter().all(|kind| *kind == "retranslated"), "{kinds:?}");
    // The port is chosen for the gateway's private address, which is the same.
    let change = &told["changes"][0];
    let port = |side: &str| change[side]["xlate"]["src"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    assert_eq!(port("old"), port("new"));
}

#[test]
fn another_gateway_is_another_way() {
    let second = "[nat_gateway.spare]\nsubnet = \"pub-a\"\naddresses = [{ private = \"10.0.0.201\", public = \"203.0.113.30\" }]\n";
    let edits = [("via = \"nat\"", "via = \"spare\""), ("[nat_gateway.nat]", &format!("{second}[nat_gateway.nat]"))];
    let ran = diff(&edits, &["--format", "json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let rerouted = told["changes"].as_array().unwrap().iter().find(|it| it["kind"] == "rerouted").unwrap();
    assert_eq!(rerouted["old"]["via"], serde_json::json!(["nat-nat", "igw-igw"]));
    assert_eq!(rerouted["new"]["via"], serde_json::json!(["nat-spare", "igw-igw"]));
    assert_eq!(rerouted["old"]["rule"], "0.0.0.0/0 -> nat-nat");
    assert_eq!(rerouted["new"]["rule"], "0.0.0.0/0 -> nat-spare");
}

#[test]
fn what_means_the_same_is_identical() {
    let split = "{ proto = \"tcp\", ports = \"443\", to = \"0.0.0.0/1\" },\n  { proto = \"tcp\", ports = \"443\", to = \"128.0.0.0/1\" }";
    let edits = [("{ proto = \"tcp\", ports = \"443\", to = \"0.0.0.0/0\" }", split)];
    for arguments in [&[][..], &[CAPTURE]] {
        let ran = diff(&edits, arguments);
        assert_eq!((ran.stdout.lines().next(), ran.code), (Some("no difference"), Some(0)), "{}", ran.stdout);
    }
    let ran = diff(&edits, &["--format", "json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&told["identical"], &told["changes"]), (&true.into(), &serde_json::json!([])));
}

#[test]
fn too_few_probes_claim_nothing() {
    let ran = diff(WEB_SHUT, &["--max-probes", "3", "--format", "json"]);
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&told["identical"], &told["complete"]), (&false.into(), &false.into()));
    assert_eq!(told["basis"]["sent"], 3);
    assert!(told["basis"]["of"].as_u64().unwrap() > 3);
    let ran = diff(WEB_SHUT, &["--max-probes", "3"]);
    assert!(ran.stdout.starts_with("no difference found, but not everything was compared\n"), "{}", ran.stdout);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn what_probes_cannot_see_is_said() {
    let claims = |edits: Edits<'_>| {
        let told: Value = serde_json::from_str(&diff(edits, &["--format", "json"]).stdout).unwrap();
        let note = told["notes"][0].as_str().unwrap_or_default().to_owned();
        (told["identical"].as_bool().unwrap(), told["complete"].as_bool().unwrap(), note)
    };
    // Timers are not waited for.
    let knob = "[behavior.nat_gateway]\nudp_idle = \"60s\"\n\n[nat_gateway.nat]";
    let (identical, complete, note) = claims(&[("[nat_gateway.nat]", knob)]);
    assert!(!identical && !complete && note.starts_with("[behavior] differs"), "{note}");
    // Of the 64,512 ports that the gateway chooses from, a probe gets one.
    let acl = "[network_acl.edge]\nvpc = \"main\"\negress = [{ rule = 1, action = \"allow\", proto = \"all\", to = \"0.0.0.0/0\" }]\n\
        ingress = [{ rule = 1, action = \"deny\", proto = \"tcp\", ports = \"5000-5001\", from = \"0.0.0.0/0\" }, \
        { rule = 2, action = \"allow\", proto = \"all\", from = \"0.0.0.0/0\" }]\n\n[nat_gateway.nat]";
    let edits = [("[nat_gateway.nat]", acl), ("route_table = \"public\"", "route_table = \"public\"\nnacl = \"edge\"")];
    let (identical, complete, note) = claims(&edits);
    assert!(!identical && !complete && note.contains("names some of the ports"), "{note}");
}

#[test]
fn interfaces_of_one_side_are_told_apart() {
    let third = "[instance.app-3]\nsubnet = \"priv-a\"\naddresses = [\"10.0.10.13\"]\nsecurity_groups = [\"app\"]\n\n";
    let edits = [("[instance.app-2]", &*format!("{third}[instance.app-2]"))];
    let ran = diff(&edits, &[]);
    assert!(ran.stdout.contains("\nonly in the new configuration: app-3\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("was denied: there is no app-3\n"), "{}", ran.stdout);
    assert_eq!(ran.code, Some(1));
}

/// What `diff` says to bad input. Its exit code has to be 2.
fn refused(arguments: &[&str]) -> String {
    let ran = vpcemu(["diff"].iter().chain(arguments));
    assert_eq!((ran.stdout.as_str(), ran.code), ("", Some(2)), "{}", ran.stderr);
    ran.stderr
}

#[test]
fn bad_input_is_refused() {
    let three_tier = "crates/cli/tests/data/three-tier.toml";
    let different = refused(&["-c", CONFIG, "-c", three_tier]);
    assert!(different.starts_with("vpcemu: error: these are two different networks: "), "{different}");
    assert!(different.contains("(old: vpc-main 10.0.0.0/16; new: vpc-main 10.20.0.0/16)"), "{different}");
    assert!(refused(&["-c", CONFIG]).contains("two configurations, -c OLD -c NEW; 1 given"));
    assert!(refused(&["-c", CONFIG, "-c", CONFIG, "-c", CONFIG]).contains("3 given"));
    assert!(refused(&["-c", CONFIG, "-c", "nowhere.toml"]).contains("nowhere.toml"));
    assert!(refused(&["-c", CONFIG, "-c", CONFIG, "nowhere.pcap"]).contains("nowhere.pcap"));
    assert!(refused(&["-c", CONFIG, "-c", CONFIG, "-"]).contains("standard input can be read once"));
    assert!(refused(&["-c", CONFIG, "-c", CONFIG, "--dedup"]).contains("--dedup is about captures, and none is given"));
    assert!(refused(&["-c", CONFIG, "-c", CONFIG, "--max-probes", "9", CAPTURE]).contains("cannot be used with"));
}

#[test]
fn a_damaged_capture_is_compared_up_to_the_damage() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(repository().join(CAPTURE)).unwrap();
    let path = folder.path().join("cut.pcap");
    std::fs::write(&path, &bytes[..bytes.len() - 7]).unwrap();
    let ran = diff(WEB_SHUT, &[path.to_str().unwrap()]);
    assert!(ran.stdout.starts_with("1 flow differs (1 newly denied)\n"), "{}", ran.stdout);
    assert!(
        ran.stderr.contains("cut.pcap") && ran.stderr.contains("before the damage were compared"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.code, Some(2));
}
