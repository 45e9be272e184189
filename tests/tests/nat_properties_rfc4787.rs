//! Mapping and filtering by the definitions of RFC 4787, sections 4.1 and 5, under random UDP of two inside hosts.

mod random;

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;
use random::Rig;
use vpcemu_dataplane::{DropReason, Ingress};
use vpcemu_packet::build;
use vpcemu_tests::{Lab, headers, udp};

/// How much of the remote counts: nothing, its address, its address and port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Depends {
    No,
    Address,
    Endpoint,
}

impl Depends {
    const ALL: [Self; 3] = [Self::No, Self::Address, Self::Endpoint];

    fn knob(self) -> &'static str {
        match self {
            Self::No => "EI",
            Self::Address => "AD",
            Self::Endpoint => "APD",
        }
    }

    fn on(self, remote: SocketAddr) -> (Option<IpAddr>, Option<u16>) {
        match self {
            Self::No => (None, None),
            Self::Address => (Some(remote.ip()), None),
            Self::Endpoint => (Some(remote.ip()), Some(remote.port())),
        }
    }
}

/// One inside host more, a group that lets everything in, and knobs.
fn network(mapping: Depends, filtering: Depends, overload: bool) -> String {
    let second = "[{ private = \"10.0.0.200\", public = \"203.0.113.20\" }, { private = \"10.0.0.201\", public = \"203.0.113.21\" }]";
    let text = random::PRIVATE
        .replace("[{ private = \"10.0.0.200\", public = \"203.0.113.20\" }]", second)
        .replace("ingress = []", "ingress = [{ proto = \"all\", from = \"0.0.0.0/0\" }]");
    format!(
        "{text}\n[instance.two]\nsubnet = \"private\"\naddresses = [\"10.0.1.11\"]\nsecurity_groups = [\"all\"]\n\
         [behavior.nat_gateway]\nmapping = \"{}M\"\nfiltering = \"{}F\"\noverload = {overload}\n",
        mapping.knob(),
        filtering.knob()
    )
}

#[derive(Clone, Copy, Debug)]
struct Move {
    outward: bool,
    second: bool,
    port: u16,
    remote: SocketAddr,
    /// Which of the known external endpoints a packet from outside is for.
    to: prop::sample::Index,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let remote = (0..3u8, 0..2u16).prop_map(|(host, port)| ([198, 51, 100, 7 + host], 53 + port).into());
    let one = (any::<bool>(), any::<bool>(), 4000..4002u16, remote, any::<prop::sample::Index>())
        .prop_map(|(outward, second, port, remote, to)| Move { outward, second, port, remote, to });
    proptest::collection::vec(one, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Section 4.1: which packets of an inside endpoint share an external one; section 5: whose packets reach it there.
    /// No external endpoint has two owners, so that the definitions leave nothing open.
    #[test]
    fn mapping_and_filtering_are_what_they_are_called(moves in moves()) {
        for (mapping, filtering) in Depends::ALL.into_iter().flat_map(|of| Depends::ALL.map(|by| (of, by))) {
            // A filter looser than its mapping: see below.
            if (filtering as u8) < mapping as u8 {
                continue;
            }
            let mut rig = Rig::of(&network(mapping, filtering, false));
            let mut external: HashMap<_, SocketAddr> = HashMap::new();
            let mut owner: HashMap<SocketAddr, (bool, u16)> = HashMap::new();
            let mut called: HashMap<SocketAddr, HashSet<_>> = HashMap::new();
            for Move { outward, second, port, remote, to } in &moves {
                let (host, own) = if *second { ("two", "10.0.1.11") } else { ("app", "10.0.1.10") };
                if *outward {
                    let sent = rig.leave(host, udp(&format!("{own}:{port}"), &remote.to_string()));
                    prop_assert!(sent.delivered());
                    let key = headers(&sent.bytes).key();
                    let seen = SocketAddr::new(key.src, key.src_port);
                    let inside = (*second, *port);
                    let shared = *external.entry((inside, mapping.on(*remote))).or_insert(seen);
                    prop_assert_eq!(shared, seen, "{:?}: one mapping, two endpoints", mapping);
                    prop_assert_eq!(*owner.entry(seen).or_insert(inside), inside, "{:?}: two owners", mapping);
                    called.entry(seen).or_default().insert(filtering.on(*remote));
                    // Distinct mappings have distinct endpoints, or they would be less dependent than they are called.
                    let distinct: HashSet<_> = external.values().collect();
                    prop_assert_eq!(distinct.len(), external.len());
                    continue;
                }
                let mut known: Vec<_> = owner.keys().copied().collect();
                if known.is_empty() {
                    continue;
                }
                known.sort_unstable();
                let at = *to.get(&known);
                let came = rig.one(Ingress::Internet, build::udp(*remote, at).payload(b"knock").build());
                let passes = called[&at].contains(&filtering.on(*remote));
                prop_assert_eq!(came.delivered(), passes, "{:?} {:?}: {} to {}: {:?}", mapping, filtering, remote, at, came.reason());
                if passes {
                    let key = headers(&came.bytes).key();
                    let (second, port) = owner[&at];
                    let inside = if second { [10, 0, 1, 11] } else { [10, 0, 1, 10] };
                    prop_assert_eq!((key.dst, key.dst_port), (inside.into(), port));
                } else {
                    prop_assert_eq!(came.reason(), Some(DropReason::NatNoSession));
                }
            }
        }
    }
}

/// Section 5 looks at the external endpoint only: whoever has it is whom the packet is for, however mappings were chosen.
fn lets_in(mapping: Depends, filtering: Depends, overload: bool, from: &str) -> bool {
    let mut lab = Lab::new(&network(mapping, filtering, overload));
    let sent = lab.leave("app", udp("10.0.1.10:4000", "198.51.100.7:53")).delivered("internet");
    let to = format!("{}:{}", sent.key().src, sent.key().src_port);
    lab.arrive(udp(from, &to)).place.is_some()
}

#[test]
fn a_filter_may_be_looser_than_the_mapping() {
    assert!(lets_in(Depends::Address, Depends::No, false, "198.51.100.8:99"));
    assert!(lets_in(Depends::Endpoint, Depends::No, false, "198.51.100.8:99"));
    assert!(lets_in(Depends::Endpoint, Depends::Address, false, "198.51.100.7:99"));
    assert!(!lets_in(Depends::Endpoint, Depends::Address, false, "198.51.100.8:99"));
}

#[test]
fn a_filter_looser_than_the_mapping_lets_in_to_an_overloaded_port_of_one_owner() {
    assert!(lets_in(Depends::Endpoint, Depends::Address, true, "198.51.100.7:99"));
    assert!(lets_in(Depends::Address, Depends::No, true, "198.51.100.8:99"));
}

/// An outsider whom the filter lets in by another endpoint of the same inside one does not take its mapping away.
#[test]
fn whom_a_loose_filter_lets_in_displaces_nothing() {
    let mut lab = Lab::new(&network(Depends::Endpoint, Depends::No, false));
    let call = |lab: &mut Lab, to: &str| {
        let sent = lab.leave("app", udp("10.0.1.10:4000", to)).delivered("internet");
        format!("{}:{}", sent.key().src, sent.key().src_port)
    };
    let first = call(&mut lab, "198.51.100.7:53");
    let second = call(&mut lab, "198.51.100.8:53");
    lab.arrive(udp("198.51.100.7:53", &second)).delivered("eni-app");
    // The answer to the very first packet.
    lab.arrive(udp("198.51.100.7:53", &first)).delivered("eni-app");
}
