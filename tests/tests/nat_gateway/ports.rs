//! Ports and pools (4.11-4.16).

use vpcemu_dataplane::DropReason;
use vpcemu_packet::{TcpFlags, build};
use vpcemu_tests::{Lab, ip, ping, socket, syn, udp};

use super::{FROM, NETWORK, TO, connected, from_remote, with_knobs};

#[test]
fn filtering_depends_on_remote_address_and_port() {
    let mut lab = Lab::new(NETWORK);
    let public = connected(&mut lab);
    lab.arrive(from_remote(public, TcpFlags::ACK)).delivered("eni-one").destination(FROM);
    for other in ["198.51.100.8:443", "198.51.100.7:444"] {
        let stranger = build::tcp(socket(other), public).build();
        lab.arrive(stranger).dropped(DropReason::NatNoSession, "nat-nat");
    }
}

#[test]
fn two_clients_on_one_port_get_two_ports_towards_one_remote() {
    let mut lab = Lab::new(NETWORK);
    let one = lab.leave("one", syn(FROM, TO)).delivered("internet").key();
    let two = lab.leave("two", syn("10.0.1.11:4000", TO)).delivered("internet").key();
    assert_eq!((one.src, one.dst), (two.src, two.dst));
    assert_ne!(one.src_port, two.src_port);
}

#[test]
fn a_full_pool_drops_and_counts_and_other_remotes_go_on() {
    let mut lab = Lab::new(&format!("{NETWORK}\n[behavior.nat_gateway]\nmax_per_destination = 3\n"));
    for port in 4000..4003 {
        lab.leave("one", udp(&format!("10.0.1.10:{port}"), "198.51.100.7:53")).delivered("internet");
    }
    lab.leave("one", udp("10.0.1.10:4003", "198.51.100.7:53")).dropped(DropReason::NatPortExhausted, "nat-nat");
    lab.leave("one", udp("10.0.1.10:4003", "198.51.100.8:53")).delivered("internet");
    let counters = lab.nat_counters("nat-nat");
    assert_eq!((counters.error_port_allocation, counters.packets_drop), (1, 1));
    assert_eq!((counters.in_from_source.packets, counters.out_to_destination.packets), (5, 4));
    lab.wait(350.0);
    lab.leave("one", udp("10.0.1.10:4003", "198.51.100.7:53")).delivered("internet");
}

#[test]
fn ports_are_from_1024_up_and_no_two_flows_share_one_towards_a_remote() {
    let mut lab = Lab::new(NETWORK);
    let mut ports = std::collections::BTreeSet::new();
    for port in 1..=1000 {
        let sent = lab.leave("one", udp(&format!("10.0.1.10:{port}"), "198.51.100.7:53")).delivered("internet");
        ports.insert(sent.key().src_port);
    }
    assert_eq!(ports.len(), 1000);
    assert!(ports.first() >= Some(&1024), "{:?}", ports.first()); // (4.11)
}

#[test]
fn a_mapping_has_one_port_for_as_long_as_it_lives() {
    let mut lab = Lab::new(NETWORK);
    let first = lab.leave("one", syn(FROM, TO)).delivered("internet");
    let again = lab.leave("one", syn(FROM, TO)).delivered("internet");
    assert_eq!(again.key(), first.key());
    // A SYN that is sent again is no second attempt (4.37).
    assert_eq!(lab.nat_counters("nat-nat").connection_attempt, 1);
}

#[test]
fn a_pool_is_of_one_protocol_and_remote_and_the_living_keep_their_ports() {
    let mut lab = with_knobs("max_per_destination = 3");
    let tcp = |port: u16| syn(&format!("10.0.1.10:{port}"), TO);
    let echo = |id: u16| ping("10.0.1.10", "198.51.100.7", id);
    let first = lab.leave("one", tcp(1)).delivered("internet");
    for n in 2..=3 {
        lab.leave("one", tcp(n)).delivered("internet");
    }
    // Other protocols, ports and addresses have pools of their own (4.12); echo counts without a port (4.17).
    for n in 1..=3 {
        lab.leave("one", echo(n)).delivered("internet");
        lab.leave("one", udp(&format!("10.0.1.10:{n}"), TO)).delivered("internet");
    }
    for full in [tcp(4), echo(4), udp("10.0.1.10:4", TO)] {
        let full = lab.leave("one", full);
        assert!(full.generated.is_none()); // (4.16)
        full.dropped(DropReason::NatPortExhausted, "nat-nat");
    }
    // The other client has no pool of its own.
    lab.leave("two", syn("10.0.1.11:1", TO)).dropped(DropReason::NatPortExhausted, "nat-nat");
    lab.leave("one", syn("10.0.1.10:4", "198.51.100.7:444")).delivered("internet");
    lab.leave("one", syn("10.0.1.10:4", "198.51.100.8:443")).delivered("internet");
    let counters = lab.nat_counters("nat-nat");
    assert_eq!((counters.error_port_allocation, counters.packets_drop, counters.connection_attempt), (4, 4, 5));
    // Nobody was evicted for them.
    lab.arrive(first.reply()).delivered("eni-one");
    // Half-open mappings are gone after 60 s; the one that was answered, too, as nobody went on with it.
    lab.wait(60.0);
    for n in 4..=6 {
        lab.leave("one", tcp(n)).delivered("internet");
    }
    lab.leave("one", tcp(7)).dropped(DropReason::NatPortExhausted, "nat-nat");
}

#[test]
fn a_port_in_linger_is_taken() {
    let mut lab = with_knobs("max_per_destination = 1");
    let public = connected(&mut lab);
    lab.arrive(from_remote(public, TcpFlags::RST)).delivered("eni-one");
    lab.wait(9.999);
    lab.leave("two", syn("10.0.1.11:4000", TO)).dropped(DropReason::NatPortExhausted, "nat-nat");
    lab.wait(0.001);
    lab.leave("two", syn("10.0.1.11:4000", TO)).delivered("internet");
}

#[test]
fn two_addresses_are_two_pools() {
    let two = NETWORK.replace(
        "public = \"203.0.113.20\" }]",
        "public = \"203.0.113.20\" }, { private = \"10.0.0.201\", public = \"203.0.113.21\" }]",
    );
    let mut lab = Lab::new(&format!("{two}\n[behavior.nat_gateway]\nmax_per_destination = 1\n"));
    let mut sources = Vec::new();
    for port in [4000, 4001] {
        let sent = lab.leave("one", udp(&format!("10.0.1.10:{port}"), "198.51.100.7:53")).delivered("internet");
        lab.arrive(sent.reply()).delivered("eni-one").destination(&format!("10.0.1.10:{port}"));
        sources.push(sent.key().src);
    }
    // The second flow falls to the address that the first left free (4.15).
    sources.sort();
    assert_eq!(sources, [ip("203.0.113.20"), ip("203.0.113.21")]);
    lab.leave("one", udp("10.0.1.10:4002", "198.51.100.7:53")).dropped(DropReason::NatPortExhausted, "nat-nat");
    // Failed once, though two addresses were asked.
    assert_eq!(lab.nat_counters("nat-nat").error_port_allocation, 1);

    let mut lab = Lab::new(&two);
    let flows = (0..64).map(|n| udp(&format!("10.0.1.10:{}", 4000 + n), "198.51.100.7:53"));
    let on_first = flows.filter(|flow| lab.leave("one", flow.clone()).key().src == ip("203.0.113.20")).count();
    assert!((8..=56).contains(&on_first), "{on_first} of 64");
}
