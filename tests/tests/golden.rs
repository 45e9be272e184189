//! The captures of `pcaps/`, replayed and compared packet by packet with the verdicts beside them.
//!
//! `BLESS=1 cargo test -p vpcemu-tests --test golden` rewrites the verdicts.

mod common;

use std::path::{Path, PathBuf};

use vpcemu_model::native;

/// Every capture of every scenario folder.
fn captures() -> Vec<PathBuf> {
    let pcaps = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps");
    let mut captures = Vec::new();
    for folder in std::fs::read_dir(pcaps).unwrap().map(|entry| entry.unwrap().path()) {
        if !folder.join("config.toml").exists() {
            continue;
        }
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        captures
            .extend(files.filter(|file| file.extension().is_some_and(|suffix| suffix == "pcap" || suffix == "pcapng")));
    }
    captures.sort();
    captures
}

#[test]
fn every_capture_has_the_verdicts_beside_it() {
    let bless = std::env::var_os("BLESS").is_some();
    let captures = captures();
    assert!(captures.len() >= 10, "only {} captures", captures.len());
    let mut failures = Vec::new();
    for capture in captures {
        let config = capture.with_file_name("config.toml");
        let network = native::load(&config).unwrap_or_else(|error| panic!("{error}")).network;
        let folder = tempfile::tempdir().unwrap();
        let replayed = common::replay(&folder, network, std::slice::from_ref(&capture), |_| {});
        assert!(replayed.finished.damage.is_empty(), "{:?}", replayed.finished.damage);
        let golden = capture.with_extension("verdicts.ndjson");
        if bless {
            std::fs::write(&golden, &replayed.verdicts).unwrap();
            continue;
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_else(|error| panic!("{}: {error}", golden.display()));
        let differing = expected.lines().zip(replayed.verdicts.lines()).find(|(expected, actual)| expected != actual);
        if let Some((expected, actual)) = differing {
            failures.push(format!("{}\n  expected {expected}\n  actual   {actual}", golden.display()));
        } else if expected.lines().count() != replayed.verdicts.lines().count() {
            failures.push(format!("{}: another number of lines", golden.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_scenarios_show_what_they_are_there_for() {
    let lines = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pcaps").join(name);
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        lines
    };
    let has = |name: &str, pairs: &[(&str, &str)]| {
        let found = lines(name).into_iter().any(|line| pairs.iter().all(|(key, value)| line[*key] == *value));
        assert!(found, "{name} has no verdict with {pairs:?}");
    };
    // A private client's reply finds its way through the NAT gateway only because it is put back in front of it.
    has(
        "private-clients-nat/app-1.verdicts.ndjson",
        &[("vantage", "reanchored"), ("verdict", "allow"), ("out", "eni-app-1")],
    );
    has("private-clients-nat/app-2.verdicts.ndjson", &[("reason", "X_NAT_FRAGMENT"), ("at", "nat-nat")]);
    has("public-web-server/outside.verdicts.ndjson", &[("in", "internet"), ("out", "eni-web"), ("proto", "tcp")]);
    has("public-web-server/outside.verdicts.ndjson", &[("reason", "ENI_SG_RULES_MISMATCH"), ("at", "eni-web")]);
    has("ipv6-egress-only/worker.verdicts.ndjson", &[("reason", "X_EIGW_NO_SESSION"), ("at", "eigw-eigw")]);
    has("ipv6-egress-only/worker.verdicts.ndjson", &[("proto", "icmpv6"), ("state", "related"), ("verdict", "allow")]);
    has(
        "three-tier-nacl/db.verdicts.ndjson",
        &[("reason", "SUBNET_ACL_RESTRICTION"), ("at", "acl-db"), ("flags", "SA")],
    );
    // What comes back to a NAT instance is put in front of it, and its own group judges what clients ask for.
    has("nat-instance/client.verdicts.ndjson", &[("vantage", "reanchored"), ("proto", "icmp"), ("out", "eni-client")]);
    has("nat-instance/client.verdicts.ndjson", &[("reason", "ENI_SG_RULES_MISMATCH"), ("at", "eni-nat")]);
    // The client speaks IPv6, the internet IPv4.
    has("nat64/client.verdicts.ndjson", &[("in", "eni-client"), ("proto", "icmpv6"), ("out", "internet")]);
    has("nat64/client.verdicts.ndjson", &[("in", "internet"), ("proto", "icmp"), ("out", "eni-client")]);
    has("nat64/client.verdicts.ndjson", &[("reason", "X_NAT_FRAGMENT"), ("at", "nat-nat")]);
    has("regional-nat/clients.verdicts.ndjson", &[("vantage", "reanchored"), ("out", "eni-app-c")]);
    has("inspected-web-server/web.verdicts.ndjson", &[("vantage", "reanchored"), ("out", "eni-web")]);
    has("inspected-web-server/web.verdicts.ndjson", &[("reason", "ENI_SG_RULES_MISMATCH"), ("at", "eni-fw")]);
    has("transit-hub/app.verdicts.ndjson", &[("vantage", "reanchored"), ("out", "eni-app")]);
    has("transit-hub/app.verdicts.ndjson", &[("reason", "TGW_RTB_BAD_STATE_ROUTE"), ("at", "tgw-rtb-spokes")]);
    has("transit-hub/vpcs.verdicts.ndjson", &[("in", "tgw-attach-office"), ("out", "eni-api")]);
    has("transit-hub/vpcs.verdicts.ndjson", &[("in", "eni-app"), ("out", "eni-registry")]);
    has("bastion/server.verdicts.ndjson", &[("reason", "ENI_SG_RULES_MISMATCH"), ("at", "eni-server")]);
}
