use super::*;
use crate::row::RuleName;
use crate::shadow::{Budget, Says, Shadow, Standing, acl_standings};
use vpcemu_dataplane::Timeline;
use vpcemu_model::behavior::NaclFragments;
use vpcemu_model::{AclAction, AclEntry, Network, Origin, native};

fn entry(number: u16, allow: bool, protocol: Protocol, ports: Ports, cidr: IpNet) -> AclEntry {
    let action = if allow { AclAction::Allow } else { AclAction::Deny };
    AclEntry { number, action, protocol, ports, cidr, origin: Origin::implicit() }
}

fn entries() -> impl Strategy<Value = Vec<AclEntry>> {
    let one = (1u16..30, any::<bool>(), protocol(), ports(), net());
    proptest::collection::vec(one, 1..9).prop_map(|entries| {
        let mut numbers = BTreeSet::new();
        let fresh = entries.into_iter().filter(|entry| numbers.insert(entry.0));
        fresh.map(|(number, allow, protocol, ports, net)| entry(number, allow, protocol, ports, net)).collect()
    })
}

/// Which entry decides, by the book.
fn decides<'a>(entries: &'a [AclEntry], probe: &Probe) -> Option<&'a AclEntry> {
    entries.iter().filter(|entry| probe.matches_entry(entry)).min_by_key(|entry| entry.number)
}

/// Whether a packet lacks what packets of its protocol have, as a later fragment by itself does.
fn lacks_its_detail(probe: &Probe) -> bool {
    probe.detail == Detail::None && matches!(probe.protocol, 1 | 6 | 17 | 58)
}

/// What the engine says of entries.
fn network(entries: &[AclEntry]) -> Network {
    let text = "[vpc.main]\ncidrs = [\"10.0.0.0/16\"]\n";
    let mut network = native::parse("net.toml", text).unwrap().network;
    network.network_acls[0].ingress = entries.to_vec();
    network
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn shadowed_entries_never_decide_and_all_others_do(entries in entries(), portless in any::<bool>()) {
        let fragments = if portless { NaclFragments::PortlessOnly } else { NaclFragments::Inherit };
        let standings = acl_standings(&entries, fragments, &mut Budget::default());
        let network = network(&entries);
        let timeline = Timeline::compile([&network]);
        let index = timeline.registry().acls.find(&network.network_acls[0].id).unwrap();
        let compiled = &timeline.fabric(0).acl(index).unwrap().ingress;
        let probes = probes(entries.iter().map(|entry| entry.ports), entries.iter().map(|entry| entry.cidr));
        for (entry, standing) in entries.iter().zip(&standings) {
            match standing {
                Standing::Decides(witness) => {
                    prop_assert!(portless || !lacks_its_detail(witness), "{witness}");
                    prop_assert_eq!(decides(&entries, witness).map(|it| it.number), Some(entry.number));
                    prop_assert_eq!(compiled.judge(subject(witness), witness.peer).number, Some(entry.number));
                }
                Standing::Shadowed(Shadow { by, says }) => {
                    let cited = |it: &AclEntry| by.contains(&RuleName::Number(it.number));
                    prop_assert!(!by.is_empty());
                    let possible = probes.iter().filter(|probe| portless || !lacks_its_detail(probe));
                    for probe in possible.filter(|probe| probe.matches_entry(entry)) {
                        let first = decides(&entries, probe).unwrap();
                        prop_assert!(first.number < entry.number && cited(first), "{probe}: {} of {by:?}", first.number);
                        let same = first.action == entry.action;
                        prop_assert!(*says == Says::Both || same == (*says == Says::Same));
                    }
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
        // The engine goes by the same book.
        for probe in &probes {
            let verdict = compiled.judge(subject(probe), probe.peer);
            prop_assert_eq!(verdict.number, decides(&entries, probe).map(|it| it.number), "{}", probe);
        }
    }
}

#[test]
fn all_ports_are_everything_where_fragments_have_those_of_their_first() {
    let net: IpNet = "10.0.0.0/8".parse().unwrap();
    let ports = |from, to| Ports::Range(PortRange { from, to });
    let standing = |first: &[(u16, u16)], last: (Protocol, Ports), fragments| {
        let first =
            (1..).zip(first).map(|(number, &(from, to))| entry(number, false, Protocol::TCP, ports(from, to), net));
        let entries: Vec<_> = first.chain([entry(20, true, last.0, last.1, net)]).collect();
        acl_standings(&entries, fragments, &mut Budget::default()).pop().unwrap()
    };
    let (inherit, portless) = (NaclFragments::Inherit, NaclFragments::PortlessOnly);
    for first in [&[(0, 65535)][..], &[(0, 1023), (1024, 65535)]] {
        let shadow = standing(first, (Protocol::TCP, Ports::Any), inherit);
        assert!(matches!(&shadow, Standing::Shadowed(Shadow { by, .. }) if by.len() == first.len()), "{shadow:?}");
        let open = standing(first, (Protocol::TCP, Ports::Any), portless);
        assert!(matches!(&open, Standing::Decides(witness) if witness.detail == Detail::None), "{open:?}");
    }
    // Other protocols have no ports, and one port less leaves one.
    assert!(matches!(standing(&[(0, 65535)], (Protocol::All, Ports::Any), inherit), Standing::Decides(_)));
    let open = standing(&[(0, 65534)], (Protocol::TCP, Ports::Any), inherit);
    assert!(matches!(&open, Standing::Decides(witness) if witness.detail == Detail::Port(65535)), "{open:?}");
}

#[test]
fn several_entries_shadow_one_together() {
    let ports = |from, to| Ports::Range(PortRange { from, to });
    let net = |text: &str| text.parse().unwrap();
    let entries = [
        entry(300, true, Protocol::TCP, ports(80, 443), net("10.0.0.0/24")),
        entry(100, false, Protocol::TCP, ports(0, 99), net("10.0.0.0/8")),
        entry(110, true, Protocol::TCP, ports(100, 65535), net("10.0.0.0/25")),
        entry(120, true, Protocol::TCP, ports(100, 65535), net("10.0.0.128/25")),
        entry(130, true, Protocol::TCP, ports(1, 2), net("0.0.0.0/0")),
    ];
    let standings = acl_standings(&entries, NaclFragments::PortlessOnly, &mut Budget::default());
    let by = [100, 110, 120].map(RuleName::Number).to_vec();
    assert_eq!(standings[0], Standing::Shadowed(Shadow { by, says: Says::Both }));
    // A packet to a low port from elsewhere.
    assert!(matches!(&standings[4], Standing::Decides(witness) if witness.peer == IpAddr::from([0, 0, 0, 0])));
}

#[test]
fn a_rule_for_no_port_matches_nothing_and_too_much_work_proves_nothing() {
    let empty =
        entry(1, true, Protocol::TCP, Ports::Range(PortRange { from: 2, to: 1 }), "10.0.0.0/8".parse().unwrap());
    assert!(matches!(
        acl_standings(&[empty], NaclFragments::Inherit, &mut Budget::default())[0],
        Standing::MatchesNothing(_)
    ));
    let all = |number| entry(number, true, Protocol::All, Ports::Any, "10.0.0.0/8".parse().unwrap());
    let mut spent = Budget(0);
    assert_eq!(acl_standings(&[all(1), all(2)], NaclFragments::Inherit, &mut spent)[1], Standing::Unproven);
}
