//! `diff` finds what a change of one rule or route does to any packet, and nothing where it does nothing.
//!
//! Networks and changes are random. Whether a change alters a packet's fate is told by other packets than the probes of `diff`:
//! random ones, many of them next to boundaries. What `diff` reports is true by construction, since it reports what it has seen
//! happen to a probe; that it misses nothing is what is tested here.
//!
//! `VPCEMU_MUTATIONS` says how many changes to try, if not the usual number.

#[path = "../random/mod.rs"]
mod random;

mod mutate;
mod oracle;

use oracle::Oracle;
use random::Topology;
use vpcemu_diff::{Limit, Pair, probe};
use vpcemu_model::{Network, native};
use vpcemu_tests::Dice;

/// Random packets for each change.
const PACKETS: u32 = 1_500;
/// Changes tried unless told otherwise.
const CHANGES: u64 = 500;
/// What they are shared among: a machine of CI has as many processors.
const THREADS: u64 = 2;

fn network(topology: &Topology) -> Network {
    native::parse("random.toml", &topology.text())
        .unwrap_or_else(|error| panic!("{error}\n{}", topology.text()))
        .network
}

/// Whether a random packet shows a change, and whether `diff` reports it.
fn try_one(seed: u64) -> (bool, bool) {
    let topology = Topology::any(seed);
    let old = network(&topology);
    let mut dice = Dice::new(seed ^ 0xd1ff);
    let mut new = old.clone();
    let what = mutate::one(&mut new, &mut dice);
    let pair = Pair::new(old, new).unwrap();
    let comparison = probe(&pair, Limit::default());
    assert!(comparison.complete, "seed {seed}: {comparison}");
    let shown = Oracle::new(&pair, dice).differs(PACKETS);
    if let (Some(packet), true) = (&shown, comparison.identical) {
        panic!("seed {seed}: {what}\n{packet}\nwas not found: {comparison}\n{}", topology.text());
    }
    (shown.is_some(), !comparison.identical)
}

#[test]
fn every_change_that_alters_a_packets_fate_is_found() {
    let count = std::env::var("VPCEMU_MUTATIONS").ok().map_or(CHANGES, |text| text.parse().unwrap());
    let share = |first: u64| (first..count).step_by(THREADS as usize).map(try_one).collect::<Vec<_>>();
    let tried: Vec<_> = std::thread::scope(|scope| {
        let shares: Vec<_> = (0..THREADS).map(|first| scope.spawn(move || share(first))).collect();
        shares.into_iter().flat_map(|share| share.join().unwrap()).collect()
    });
    let altered = tried.iter().filter(|(shown, _)| *shown).count();
    let reported = tried.iter().filter(|(_, reported)| *reported).count();
    println!("{count} changes, {altered} altered a random packet's fate, {reported} were reported");
    // Otherwise the changes are not what this test is about.
    assert!(altered * 5 > tried.len() && reported < tried.len(), "{altered} and {reported} of {count}");
}

#[test]
fn what_means_the_same_is_identical() {
    for seed in 0..30 {
        let old = network(&Topology::any(seed));
        let mut new = old.clone();
        mutate::rewrite(&mut new, &mut Dice::new(seed));
        assert_ne!(old, new);
        let pair = Pair::new(old, new).unwrap();
        let comparison = probe(&pair, Limit::default());
        assert!(comparison.identical, "seed {seed}: {comparison}");
        assert_eq!(Oracle::new(&pair, Dice::new(seed)).differs(300), None);
    }
}
