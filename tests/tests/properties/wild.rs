//! What must hold for traffic that no test would think of.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use vpcemu_dataplane::outcome::{Component, Outcome, Step, StepKind};
use vpcemu_dataplane::{DropReason, Ingress, Options, Place};
use vpcemu_packet::{Fragment, Headers, Offloads, Transport, build};
use vpcemu_tests::{headers, reply_to, syn};

use crate::random::{Rig, Topology, Walked, Wild};

/// The Internet checksum of bytes that contain one: all ones when it is right (RFC 1071).
fn ones(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|word| u32::from(word[0]) << 8 | word.get(1).copied().map_or(0, u32::from));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// Whether what an ICMP error quotes could have been on the wire: the checksums that it quotes whole are right.
fn quote_is_sound(error: &[u8]) -> bool {
    let of = headers(error);
    if !matches!(of.transport, Transport::IcmpError { .. }) {
        return true;
    }
    let quote = &error[usize::from(of.l4) + 8..];
    if quote[0] >> 4 == 4 && ones(&quote[..20]) != 0xffff {
        return false;
    }
    let whole = match quote[0] >> 4 {
        4 => usize::from(u16::from_be_bytes([quote[2], quote[3]])),
        _ => usize::from(u16::from_be_bytes([quote[4], quote[5]])) + 40,
    };
    // A quote that is all there is a datagram.
    whole > quote.len() || Headers::parse(&quote[..whole], whole as u32, Offloads::Strict).is_ok()
}

/// What a NAT gateway must have counted, from verdicts alone.
#[derive(Default)]
struct Refused {
    packets: u64,
    bytes: u64,
    /// Before anything counts them as traffic (4.6).
    own_subnet: u64,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Every packet has exactly one fate, fragments that wait included; NAT gateways' counters say what the verdicts say; all
    /// that leaves, is made or taken apart has right checksums, quotes included.
    #[test]
    fn wild_traffic_is_conserved_and_sound(seed: u64) {
        const PACKETS: usize = 300;
        let topology = Topology::any(seed);
        let mut rig = Rig::of(&topology.text());
        let mut wild = Wild::new(&topology, seed);
        let mut fates = HashSet::new();
        let mut refused: HashMap<_, Refused> = HashMap::new();
        let mut judge = |walked: &Walked| {
            prop_assert!(fates.insert(walked.n), "packet {} has two fates", walked.n);
            // What middleboxes make themselves may be refused like any packet.
            let made = walked.generated.iter().map(|(bytes, verdict)| (bytes.len() as u32, verdict.outcome));
            for (length, outcome) in made.chain([(walked.length, walked.verdict.outcome)]) {
                if let Outcome::Dropped(denial) = outcome
                    && let Some(Component::NatGateway(nat)) = denial.at
                {
                    let refused = refused.entry(nat).or_default();
                    refused.packets += 1;
                    match denial.reason {
                        DropReason::NatOwnSubnet => refused.own_subnet += 1,
                        _ => refused.bytes += u64::from(length),
                    }
                }
            }
            if walked.delivered() {
                headers(&walked.bytes);
                prop_assert!(quote_is_sound(&walked.bytes), "quote in {:02x?}", walked.bytes);
            }
            for piece in &walked.pieces {
                prop_assert!(headers(piece).total_len <= 1500 && piece.len() <= 1500);
            }
            prop_assert_eq!(walked.verdict.pieces as usize, walked.pieces.len());
            if let Some((made, _)) = &walked.generated {
                headers(made);
                prop_assert!(quote_is_sound(made), "quote in {:02x?}", made);
            }
            Ok(())
        };
        for _ in 0..PACKETS {
            rig.now += wild.pause();
            let (ingress, packet) = wild.next(&rig.lab);
            for walked in rig.enter(ingress, packet) {
                judge(&walked)?;
                wild.saw(&walked);
            }
        }
        for walked in rig.expire(Some(1)) {
            judge(&walked)?;
        }
        prop_assert_eq!(rig.waiting(), 0);
        prop_assert_eq!(fates.len(), PACKETS);
        for nat in rig.nats() {
            let counted = rig.nat(nat);
            let refused = refused.remove(&nat).unwrap_or_default();
            let (a, b) = (counted.in_from_source, counted.in_from_destination);
            let (c, d) = (counted.out_to_destination, counted.out_to_source);
            prop_assert_eq!(counted.packets_drop, refused.packets);
            let went = c.packets + d.packets + refused.packets - refused.own_subnet;
            prop_assert_eq!(a.packets + b.packets, went, "{:?}", counted);
            // NAT64 counts each side's own length.
            if !topology.nat64 {
                prop_assert_eq!(a.bytes + b.bytes, c.bytes + d.bytes + refused.bytes, "{:?}", counted);
            }
        }
    }

    /// As `replies_restore_the_original`, on random rules, two gateways and public blocks, amid other traffic.
    #[test]
    fn wide_replies_restore_the_original(seed: u64) {
        let topology = Topology::unconnected(seed);
        let mut rig = Rig::of(&topology.text());
        let mut wild = Wild::new(&topology, seed);
        'packets: for _ in 0..200 {
            rig.now += wild.pause();
            let (ingress, packet) = wild.next(&rig.lab);
            let before = headers(&packet);
            let fates = rig.enter(ingress, packet);
            fates.iter().for_each(|walked| wild.saw(walked));
            let (Ingress::Interface(sender), [walked]) = (ingress, fates.as_slice()) else { continue };
            let internet = walked.verdict.outcome == Outcome::Delivered { at: Place::Internet };
            let plain = before.fragment == Fragment::None && walked.pieces.is_empty();
            // Nobody answers an answer: errors and echo replies.
            let answerable = !matches!(
                before.transport,
                Transport::IcmpError { .. } | Transport::Icmp { .. } | Transport::Query { kind: 0 | 129, .. }
            );
            if !internet || !plain || !answerable {
                continue;
            }
            // A router's complaint quotes the packet as its sender knows it, however short the quote.
            let left = headers(&walked.bytes);
            let (router, kind) = if left.src.is_ipv4() { ("192.0.2.254", 11) } else { ("2001:db8:eeee::254", 3) };
            let short = (usize::from(left.l4) + 8).min(walked.bytes.len());
            for quoted in [walked.bytes.as_slice(), &walked.bytes[..short]] {
                let error = build::icmp_error(router.parse().unwrap(), left.src, kind, 0, 0, quoted);
                let told = rig.one(Ingress::Internet, error);
                let own = |step: &Step| step.kind == StepKind::Nat && step.at == Component::Interface(sender);
                if told.steps.iter().any(own) {
                    // A NAT instance that sends from a port which a client behind it has at the moment.
                    continue 'packets;
                }
                if told.delivered() {
                    let told = headers(&told.bytes);
                    let Transport::IcmpError { quote: Some(quote), .. } = told.transport else {
                        return Err(TestCaseError::fail(format!("no quote in {told:?}")));
                    };
                    prop_assert_eq!(told.dst, before.src, "{}: {:?}", before.key(), before.transport);
                    prop_assert_eq!(quote.key(), Some(before.key()));
                } else {
                    prop_assert_eq!(told.reason(), Some(DropReason::NetworkAcl), "{}: {:?}", before.key(), told.steps);
                }
            }
            let reply = rig.one(Ingress::Internet, reply_to(&left));
            match reply.verdict.outcome {
                Outcome::Delivered { at } => {
                    prop_assert_eq!(at, Place::Interface(sender));
                    prop_assert_eq!(headers(&reply.bytes).key(), before.key().reversed());
                }
                _ => {
                    let reason = reply.reason();
                    prop_assert_eq!(reason, Some(DropReason::NetworkAcl), "{} then {:?}", before.key(), reply.steps);
                }
            }
        }
    }

    /// The wheel under wild traffic: the same verdicts, steps, packets and totals.
    #[test]
    fn the_wheel_cannot_be_observed_by_wild_traffic(seed: u64) {
        let topology = Topology::any(seed);
        let text = topology.text();
        let rig =
            |reclaim| Rig::new(&text, Options { reclaim, ..Options::default() }, |map, headers| map.shard(headers));
        let (mut on, mut off) = (rig(true), rig(false));
        let mut wild = Wild::new(&topology, seed);
        for _ in 0..250 {
            let pause = wild.pause();
            on.now += pause;
            off.now += pause;
            // Windows end when they do.
            if pause.is_multiple_of(3) {
                on.tick();
                off.tick();
            }
            let (ingress, packet) = wild.next(&on.lab);
            let (fates, expected) = (on.enter(ingress, packet.clone()), off.enter(ingress, packet));
            prop_assert_eq!(&fates, &expected);
            fates.iter().for_each(|walked| wild.saw(walked));
        }
        prop_assert_eq!(on.totals(), off.totals());
    }

    /// A flow to a remote that nobody else talks to changes nothing for anybody: ports, verdicts, bytes.
    #[test]
    fn a_stranger_changes_nothing(seed: u64, at in 0usize..200) {
        let topology = Topology::any(seed);
        // Knobs that make connections towards different remotes depend on each other do just that.
        prop_assume!(!topology.serial);
        let text = topology.text();
        let run = |stranger: Option<usize>| {
            let mut rig = Rig::of(&text);
            let mut wild = Wild::new(&topology, seed);
            let mut told = Vec::new();
            for turn in 0..200 {
                rig.now += wild.pause();
                let mut fates = Vec::new();
                if stranger == Some(turn) {
                    let host = &topology.hosts[turn % topology.hosts.len()];
                    let own = Ingress::Interface(rig.lab.eni(&host.name));
                    // Fragments whose time is over now come before it.
                    fates.extend(rig.enter(own, syn(&format!("{}:1100", host.v4), "192.0.2.77:443")));
                    fates.pop();
                }
                let (ingress, packet) = wild.next(&rig.lab);
                fates.extend(rig.enter(ingress, packet));
                for mut walked in fates {
                    wild.saw(&walked);
                    // Numbers move, of packets and of the connections named by them.
                    walked.n = 0;
                    walked.verdict.connection = None;
                    walked.generated.iter_mut().for_each(|(_, verdict)| verdict.connection = None);
                    told.push(walked);
                }
            }
            told
        };
        let (alone, beside) = (run(None), run(Some(at)));
        prop_assert_eq!(alone.len(), beside.len());
        for (alone, beside) in alone.iter().zip(&beside) {
            prop_assert_eq!(alone, beside);
        }
    }

    /// Damaged packets of random traffic, in random VPCs.
    #[test]
    fn damage_is_survivable(
        seed: u64,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 100),
    ) {
        let topology = Topology::any(seed);
        let mut rig = Rig::of(&topology.text());
        let mut wild = Wild::new(&topology, seed);
        for (place, bits) in damage {
            let (ingress, mut packet) = wild.next(&rig.lab);
            let mut hurt = packet.clone();
            *place.get_mut(&mut hurt) ^= bits;
            let cut = 1 + place.index(hurt.len());
            for bytes in [&mut hurt[..], &mut packet[..cut]] {
                if let Ok(parsed) = Headers::parse(bytes, bytes.len() as u32, Offloads::Tolerate) {
                    let length = bytes.len() as u32;
                    rig.lab.walk(ingress, &mut vpcemu_packet::Packet::from_parts(bytes, parsed, length));
                }
            }
        }
    }
}
