//! Records that are packets again.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{NETWORK, entries, network};
use vpcemu_packet::{Headers, Offloads};
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

/// Who sends to whom in the packets that are made of records.
fn ends(header: &str, records: &str) -> Vec<String> {
    let mut rewinder = Rewinder::new(network(NETWORK), 10);
    for entry in entries(header, records) {
        assert!(rewinder.add(&entry));
    }
    rewinder.end();
    let packets = std::iter::from_fn(|| rewinder.next_packet());
    let ends = packets.map(|packet| {
        let headers = Headers::parse(&packet.datagram, packet.datagram.len() as u32, Offloads::Strict).unwrap();
        format!("{} > {}", headers.src, headers.dst)
    });
    ends.collect()
}

#[test]
fn of_its_interfaces_addresses_a_dialogue_is_with_the_one_by_which_it_comes_about() {
    let header = "interface-id srcaddr dstaddr srcport dstport protocol action start end";
    let asked = "eni-two 203.0.113.5 10.0.0.40 51600 443 6 ACCEPT 1000 1000\n";
    let answered = "eni-two 10.0.0.40 203.0.113.5 443 51600 6 ACCEPT 1000 1000\n";
    // Only the second address has a public one, and records show the first (W7).
    let (to_second, from_second) = ("203.0.113.5 > 10.0.0.41", "10.0.0.41 > 203.0.113.5");
    assert_eq!(ends(header, &format!("{asked}{answered}")), [to_second, from_second]);
    // What is refused was there, too, and of pings whoever asks.
    assert_eq!(ends(header, &asked.replace(" 443 6 ACCEPT", " 22 6 REJECT")), [to_second]);
    let pings = "eni-two 10.0.0.40 203.0.113.5 0 0 1 ACCEPT 1000 1000\n\
                 eni-two 203.0.113.5 10.0.0.40 0 0 1 ACCEPT 1000 1000\n";
    assert_eq!(ends(header, pings), [from_second, to_second]);
    // What goes out is accepted from either address. What an answer has shown once holds for later windows.
    let alone = "eni-two 10.0.0.40 203.0.113.5 40000 443 6 ACCEPT 1000 1000\n";
    assert_eq!(ends(header, alone), ["10.0.0.40 > 203.0.113.5"]);
    let later = answered.replace("1000", "9000");
    assert_eq!(ends(header, &format!("{asked}{answered}{later}")), [to_second, from_second, from_second]);
    // The header's address is the one, whatever becomes of it; so is one that is not the first.
    let full = format!("{header} pkt-srcaddr pkt-dstaddr");
    let told = format!("{} 203.0.113.5 10.0.0.40", asked.trim_end());
    assert_eq!(ends(&full, &told), ["203.0.113.5 > 10.0.0.40"]);
    assert_eq!(ends(header, &asked.replace(".40 ", ".41 ")), [to_second]);
}
