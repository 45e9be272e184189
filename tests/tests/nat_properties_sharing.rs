//! What mappings share, over time, against a model: external endpoints, how many a host may have, and how long they rest
//! (RFC 4787 4.1, RFC 6888 REQ-4 and REQ-8; section 12).

mod random;

use std::collections::HashMap;

use proptest::prelude::*;
use random::Rig;
use vpcemu_dataplane::{DropReason, Options};
use vpcemu_tests::{headers, udp};

const SECOND: u64 = 1_000_000_000;
/// How long a mapping lives without packets.
const IDLE: u64 = 10 * SECOND;

/// Two clients behind one address, whose ports are kept where they are free.
fn network(knobs: &str) -> String {
    format!(
        "{}\n[instance.two]\nsubnet = \"private\"\naddresses = [\"10.0.1.11\"]\nsecurity_groups = [\"all\"]\n\
         [behavior.nat_gateway]\nport_alloc = \"preserve\"\nudp_idle = \"10s\"\n{knobs}\n",
        random::PRIVATE
    )
}

/// An inside endpoint: host and port.
type Inside = (bool, u16);

/// What all mappings of an inside endpoint have in common (endpoint-independent mapping).
#[derive(Clone, Copy, Debug)]
struct Binding {
    external: u16,
    /// When the last of its mappings ends.
    until: u64,
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    cooldown: u64,
    per_host: Option<u32>,
}

/// Sends, to (host, port, remote) after a pause of tenths of a second, and says what came out.
fn play(moves: &[(bool, u16, u8, u64)], shape: Shape, reclaim: bool) -> Result<Vec<String>, TestCaseError> {
    let mut knobs = format!("mapping = \"EIM\"\nport_cooldown = \"{}s\"", shape.cooldown);
    if let Some(limit) = shape.per_host {
        knobs += &format!("\nmax_ports_per_host = {limit}");
    }
    let options = Options { reclaim, ..Options::default() };
    let mut rig = Rig::new(&network(&knobs), options, |map, headers| map.shard(headers));
    let mut bindings: HashMap<Inside, Binding> = HashMap::new();
    let mut rests: HashMap<u16, u64> = HashMap::new();
    let mut told = Vec::new();
    for (second, port, remote, pause) in moves {
        rig.now += pause * SECOND / 10;
        if reclaim {
            rig.tick();
        }
        let now = rig.now;
        let inside = (*second, *port);
        let (name, own) = if *second { ("two", "10.0.1.11") } else { ("app", "10.0.1.10") };
        let sent = rig.leave(name, udp(&format!("{own}:{port}"), &format!("198.51.100.{remote}:53")));
        let live = bindings.get(&inside).copied().filter(|binding| now < binding.until);
        let of_host = bindings.iter().filter(|((host, _), binding)| host == second && now < binding.until).count();
        told.push(format!("{:?} {:02x?}", sent.reason(), sent.bytes));
        if live.is_none() && shape.per_host.is_some_and(|limit| of_host >= limit as usize) {
            prop_assert_eq!(sent.reason(), Some(DropReason::NatPortExhausted));
            continue;
        }
        prop_assert!(sent.delivered(), "{:?}", sent.reason());
        let external = headers(&sent.bytes).key().src_port;
        match live {
            Some(binding) => prop_assert_eq!(external, binding.external, "one endpoint for all remotes"),
            None => {
                let taken = |port| {
                    let owned = bindings.values().any(|binding| binding.external == port && now < binding.until);
                    owned || rests.get(&port).is_some_and(|until| now < *until)
                };
                prop_assert!(!taken(external), "{external} is another's, or rests, at {now}: {rests:?}");
                prop_assert!(external == *port || taken(*port), "{port} was free, and not kept");
            }
        }
        let until = now + IDLE;
        bindings.insert(inside, Binding { external, until });
        rests.insert(external, until + shape.cooldown * SECOND);
    }
    Ok(told)
}

fn moves() -> impl Strategy<Value = Vec<(bool, u16, u8, u64)>> {
    let pause = prop_oneof![5 => 0..30u64, 2 => Just(100), 1 => Just(99), 2 => 0..400u64];
    proptest::collection::vec((any::<bool>(), 4000..4004u16, 1..4u8, pause), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// As the model says, and the wheel is not seen.
    #[test]
    fn endpoints_are_shared_as_the_model_says(moves in moves(), per_host in proptest::option::of(1u32..4)) {
        let shape = Shape { cooldown: 0, per_host };
        prop_assert_eq!(play(&moves, shape, true)?, play(&moves, shape, false)?);
    }

    /// Likewise while endpoints rest.
    #[test]
    fn endpoints_rest_as_the_model_says(moves in moves(), per_host in proptest::option::of(1u32..4), cooldown in 1u64..30) {
        let shape = Shape { cooldown, per_host };
        prop_assert_eq!(play(&moves, shape, true)?, play(&moves, shape, false)?);
    }
}

/// A client's binding ends, it gets another one, and the endpoint of the first rests all the same (RFC 6888 REQ-8).
#[test]
fn the_endpoint_of_a_binding_that_was_followed_by_another_rests() {
    let shape = Shape { cooldown: 120, per_host: None };
    // The first host at 0 s and 10 s, towards two remotes; then the second one wants the same port.
    let moves = [(false, 4000, 1, 0), (false, 4000, 2, 100), (true, 4000, 1, 0)];
    for reclaim in [false, true] {
        play(&moves, shape, reclaim).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// A client's first mapping is reclaimed after the second one, which had another endpoint: that endpoint is free all the same.
#[test]
fn the_order_of_reclaiming_cannot_be_observed() {
    let shape = Shape { cooldown: 0, per_host: Some(1) };
    let moves = [
        (false, 4003, 3, 0),
        // Ten seconds later that mapping is over: the endpoint is another client's, and this one gets 4004.
        (true, 4003, 1, 100),
        (false, 4003, 1, 0),
        // Again: a packet that is refused notices that the mapping of 4004 is over, before anyone notices the older one.
        (false, 4000, 1, 100),
        (false, 4003, 1, 0),
        // And again: 4003 for the first client, so that 4004 is for the second.
        (false, 4003, 3, 100),
        (true, 4003, 1, 0),
    ];
    let run = |reclaim| play(&moves, shape, reclaim).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(run(true), run(false));
}
