//! Records that are packets again.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{NETWORK, entries, network};
use vpcemu_recorded::Rewinder;

#[test]
fn what_a_gateway_recorded_its_clients_tell() {
    let records = "\
- 10.0.2.5 203.0.113.5 40112 443 6
- 203.0.113.5 10.0.2.5 443 40112 6
eni-far 10.0.2.5 203.0.113.5 40112 443 6
eni-nat 10.0.0.220 203.0.113.5 40112 443 6";
    let mut rewinder = Rewinder::new(network(NETWORK), 10);
    let mut told = |header: &str, records: &str| -> Vec<bool> {
        entries(header, records).iter().map(|entry| rewinder.add(entry)).collect()
    };
    let header = "interface-id srcaddr dstaddr srcport dstport protocol";
    assert_eq!(told(header, records), [false, false, true, false]);
    // Without the column nobody can tell them apart.
    let bare: String = records.lines().take(1).map(|line| line[2..].to_owned()).collect();
    assert_eq!(told("srcaddr dstaddr srcport dstport protocol", &bare), [true]);
}
