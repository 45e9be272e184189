//! The tightest set of security group rules that would still admit the traffic that was seen.
//!
//! What each group admitted is collected from a replay, covered exactly by as few rules as that takes (openings and nothing
//! besides), and the narrower network replayed: packet by packet the verdict has to be the same. What is missing is added;
//! then rules are left out one by one, and stay out where no verdict changes. No rule of the result can go; that no other set
//! has fewer is not claimed. Each opening stays with the group whose rule admitted it.
//!
//! Verdicts are the same if both deliver the packet, both hold it, or both drop it for the same reason. The three reasons of
//! security groups are one here: which of them it is depends on what rules there are, and those are what changes.

mod aws;
mod cover;
mod openings;
mod print;
mod terraform;
mod toml;
mod verify;

use std::sync::Arc;

use vpcemu_dataplane::{DropReason, Timeline};
use vpcemu_model::{Network, SecurityGroupRule};
use vpcemu_replay::progress::Progress;
use vpcemu_replay::{Error, Finished, ReplayOptions, listen};

use crate::observer::{Observer, Window};

pub use aws::aws;
pub(crate) use openings::{Openings, icmp};
pub use terraform::terraform;
pub use toml::toml;
use verify::{Baseline, Fate, Repair, Trial};

/// Replays that look for what is missing. Each but the last finds something; more than two are not known to be needed.
pub const ROUNDS: usize = 8;

/// Packets that may be replayed to see which rules can be left out, compiling a resource of the network counted as one: a minute
/// or so. A replay without a rule that is needed ends at the first packet that needs it.
pub const TRIED: u64 = 50_000_000;

/// The network with tighter security groups, and how far it could be proved to do the same.
#[derive(Debug)]
pub struct Tightened {
    /// The network; only rules of security groups differ.
    pub network: Network,
    /// The traffic that it was made from.
    pub window: Window,
    /// Packets whose verdicts differ all the same; 0 where it does the same.
    pub differing: u64,
    /// One of those: its number in the input, what was said of it before, and what is now.
    pub difference: Option<(u64, String, String)>,
    /// Whether it was tried for every rule that a verdict changes without it.
    pub minimal: bool,
    /// The first replay, through the network as it was.
    pub finished: Finished,
}

/// Tightens a network by the captures of `options`, whose timeline was compiled from it alone. The captures are read several
/// times. Nothing comes back if `progress` was cancelled.
///
/// # Errors
/// As [`replay`](vpcemu_replay::replay).
pub async fn tighten(
    network: &Network,
    options: &ReplayOptions,
    progress: &Arc<Progress>,
) -> Result<Option<Tightened>, Error> {
    let original = Arc::new(Timeline::compile([network]));
    let baseline = Baseline::new(Observer::remembering(network, &original));
    let with_steps = |timeline| {
        let mut options = ReplayOptions { timeline, ..options.clone() };
        options.engine.record_steps = true;
        options
    };
    let run = listen(with_steps(Arc::clone(&original)), Arc::clone(progress), baseline);
    let (finished, baseline) = run.await?;
    let (fates, observer) = baseline.into_parts();
    let fates = Arc::new(fates);
    let window = observer.window().clone();
    let mut openings = observer.openings();
    let mut tight = openings.applied_to(network);
    let mut repaired = None;
    for _ in 0..ROUNDS {
        if progress.is_cancelled() {
            return Ok(None);
        }
        let timeline = Arc::new(Timeline::compile([&tight]));
        let repair = Repair::new(Arc::clone(&fates), network, Arc::clone(&original));
        let (_, repair) = listen(with_steps(timeline), Arc::clone(progress), repair).await?;
        let more = repair.differing > 0 && openings.add(repair.missing);
        repaired = Some((repair.differing, repair.difference));
        if !more {
            break;
        }
        tight = openings.applied_to(network);
    }
    let (differing, difference) = repaired.unwrap_or_default();
    let mut tightened = Tightened { network: tight, window, differing, difference, minimal: false, finished };
    if differing == 0 && !minimise(&mut tightened, options, &fates, progress).await? {
        return Ok(None);
    }
    Ok(Some(tightened))
}

/// Leaves rules out that no verdict needs. False if it was cancelled.
async fn minimise(
    tightened: &mut Tightened,
    options: &ReplayOptions,
    fates: &Arc<Vec<Fate>>,
    progress: &Arc<Progress>,
) -> Result<bool, Error> {
    let mut left = TRIED;
    let network = &tightened.network;
    let compiled = (network.interfaces.len() + network.security_groups.len() + network.route_tables.len()) as u64;
    loop {
        let mut removed = false;
        for place in places(&tightened.network).into_iter().rev() {
            if progress.is_cancelled() {
                return Ok(false);
            }
            if left == 0 {
                openings::number(&mut tightened.network);
                return Ok(true);
            }
            let mut without = tightened.network.clone();
            rules(&mut without, place).remove(place.at);
            let timeline = Arc::new(Timeline::compile([&without]));
            let options = ReplayOptions { timeline, ..options.clone() };
            let own = Arc::new(Progress::default());
            let (_, trial) = listen(options, Arc::clone(&own), Trial::new(Arc::clone(fates), own)).await?;
            left = left.saturating_sub(trial.seen() + compiled);
            if trial.is_same() {
                tightened.network = without;
                removed = true;
            }
        }
        if !removed {
            tightened.minimal = true;
            break;
        }
    }
    openings::number(&mut tightened.network);
    Ok(true)
}

/// Where a rule is.
#[derive(Clone, Copy)]
struct RulePlace {
    group: usize,
    outbound: bool,
    at: usize,
}

fn places(network: &Network) -> Vec<RulePlace> {
    let of = |group: usize, outbound, rules: &[SecurityGroupRule]| {
        (0..rules.len()).map(move |at| RulePlace { group, outbound, at }).collect::<Vec<_>>()
    };
    let groups = network.security_groups.iter().enumerate();
    groups.flat_map(|(at, group)| [of(at, false, &group.ingress), of(at, true, &group.egress)]).flatten().collect()
}

fn rules(network: &mut Network, place: RulePlace) -> &mut Vec<SecurityGroupRule> {
    let group = &mut network.security_groups[place.group];
    if place.outbound { &mut group.egress } else { &mut group.ingress }
}

/// The reasons of security groups as one.
fn reason_class(reason: DropReason) -> DropReason {
    match reason {
        DropReason::SecurityGroupEmpty | DropReason::SecurityGroupReferenceLost => DropReason::SecurityGroup,
        other => other,
    }
}
