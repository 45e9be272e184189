//! Ports of a NAT instance against a model (11.3): kept where they are free towards that destination, of their class where
//! not, never shared; and free again when the kernel's timer ends.

mod random;

use std::collections::HashMap;

use proptest::prelude::*;
use random::Rig;
use vpcemu_dataplane::{Ingress, Options};
use vpcemu_packet::build;
use vpcemu_tests::{headers, ping, udp};

const SECOND: u64 = 1_000_000_000;
/// `nf_conntrack_udp_timeout` and `nf_conntrack_icmp_timeout`.
const IDLE: u64 = 30 * SECOND;

const NETWORK: &str = r#"
[vpc.main]
cidrs = ["10.0.0.0/16"]
[internet_gateway.igw]
[subnet.public]
cidrs = ["10.0.0.0/24"]
route_table = "public"
[subnet.private]
cidrs = ["10.0.1.0/24"]
route_table = "private"
[route_table.public]
routes = [{ to = "0.0.0.0/0", via = "igw" }]
[route_table.private]
routes = [{ to = "0.0.0.0/0", via = "nat" }]
[security_group.open]
ingress = [{ proto = "all", from = "0.0.0.0/0" }]
[instance.nat]
subnet = "public"
addresses = ["10.0.0.5"]
public = "203.0.113.5"
security_groups = ["open"]
source_dest_check = false
forward = "nat-instance"
[instance.h0]
subnet = "private"
addresses = ["10.0.1.10"]
security_groups = ["open"]
[instance.h1]
subnet = "private"
addresses = ["10.0.1.11"]
security_groups = ["open"]
[instance.h2]
subnet = "private"
addresses = ["10.0.1.12"]
security_groups = ["open"]
"#;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Flow {
    host: u8,
    port: u16,
    remote: u8,
    echo: bool,
}

#[derive(Clone, Copy, Debug)]
struct Mapping {
    external: u16,
    until: u64,
}

/// Which ports may stand for a port that is taken.
fn class(flow: Flow) -> std::ops::RangeInclusive<u16> {
    match flow.port {
        _ if flow.echo => 0..=u16::MAX,
        0..512 => 1..=511,
        512..1024 => 600..=1023,
        _ => 1024..=u16::MAX,
    }
}

fn moves() -> impl Strategy<Value = Vec<(Flow, u64)>> {
    let port = prop_oneof![Just(1u16), Just(511), Just(512), Just(1023), Just(1024), Just(4000), Just(u16::MAX)];
    let flow =
        (0..3u8, port, 0..2u8, any::<bool>()).prop_map(|(host, port, remote, echo)| Flow { host, port, remote, echo });
    let pause = prop_oneof![6 => 0..20u64, 1 => Just(300), 1 => Just(299), 1 => 0..600u64];
    proptest::collection::vec((flow, pause), 1..80)
}

/// What came out of every packet.
fn play(moves: &[(Flow, u64)], reclaim: bool) -> Result<Vec<String>, TestCaseError> {
    let mut rig = Rig::new(NETWORK, Options { reclaim, ..Options::default() }, |map, headers| map.shard(headers));
    let mut mappings: HashMap<Flow, Mapping> = HashMap::new();
    let mut told = Vec::new();
    for (flow, pause) in moves {
        rig.now += pause * SECOND / 10;
        if reclaim {
            rig.tick();
        }
        let now = rig.now;
        let (own, remote) = (format!("10.0.1.{}", 10 + flow.host), format!("198.51.100.{}", 7 + flow.remote));
        let packet = match flow.echo {
            true => ping(&own, &remote, flow.port),
            false => udp(&format!("{own}:{}", flow.port), &format!("{remote}:53")),
        };
        let sent = rig.leave(&format!("h{}", flow.host), packet);
        told.push(format!("{:?} {:02x?}", sent.reason(), sent.bytes));
        prop_assert!(sent.delivered(), "{:?}", sent.reason());
        let external = headers(&sent.bytes).key().src_port;
        let taken = |port: u16| {
            let same = |other: &Flow| other != flow && (other.remote, other.echo) == (flow.remote, flow.echo);
            mappings.iter().any(|(other, of)| same(other) && of.external == port && now < of.until)
        };
        match mappings.get(flow).filter(|mapping| now < mapping.until) {
            Some(mapping) => prop_assert_eq!(external, mapping.external, "a live mapping keeps its port"),
            None if !taken(flow.port) => prop_assert_eq!(external, flow.port, "it is free towards that destination"),
            None => {
                prop_assert!(!taken(external), "{external} is another's");
                prop_assert!(class(*flow).contains(&external), "{} became {external}", flow.port);
            }
        }
        mappings.insert(*flow, Mapping { external, until: now + IDLE });
    }
    // Whoever lives is whom a stranger's answer reaches; it is the last thing that happens to each.
    let end = rig.now;
    for (flow, mapping) in mappings.iter().filter(|(_, mapping)| end < mapping.until) {
        let (remote, own) = ([198, 51, 100, 7 + flow.remote], [203, 0, 113, 5]);
        let answer = match flow.echo {
            true => build::echo_reply(remote.into(), own.into(), mapping.external, 1).build(),
            false => build::udp((remote, 53).into(), (own, mapping.external).into()).build(),
        };
        let back = rig.one(Ingress::Internet, answer);
        prop_assert!(back.delivered(), "{:?}", back.reason());
        let key = headers(&back.bytes).key();
        prop_assert_eq!((key.dst, key.dst_port), ([10, 0, 1, 10 + flow.host].into(), flow.port));
    }
    Ok(told)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn ports_are_kept_where_they_are_free(moves in moves()) {
        prop_assert_eq!(play(&moves, true)?, play(&moves, false)?);
    }
}
