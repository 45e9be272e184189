//! What a component remembers, and what changes of the configuration make it forget (4.31, 6.18).
//!
//! Rules: 4.31. Knobs: none.

use crate::conntrack::{EntryIx, Key, Way};
use crate::fabric::Fabric;
use crate::walk::Walk;

/// The live entry under `key`. A component that some configuration since did not have, or had elsewhere, as `keeps` says of
/// each configuration and the one before it, has forgotten it.
pub(crate) fn recall(
    walk: &mut Walk<'_, '_, '_>,
    key: &Key,
    keeps: impl Fn(&Fabric, &Fabric) -> bool,
) -> Option<(EntryIx, Way)> {
    let now = walk.stamp.now;
    let (entry, way) = walk.conntrack.find(key, now)?;
    if !kept_since(walk, walk.conntrack.generation(entry), keeps) {
        walk.conntrack.kill(entry, now);
        return None;
    }
    walk.conntrack.set_generation(entry, walk.stamp.generation);
    Some((entry, way))
}

/// Whether every configuration since `generation` keeps what the one before it had.
pub(crate) fn kept_since(walk: &Walk<'_, '_, '_>, generation: u32, keeps: impl Fn(&Fabric, &Fabric) -> bool) -> bool {
    let fabrics = walk.timeline.fabrics();
    let since = fabrics.iter().take(walk.stamp.generation as usize + 1).skip(generation as usize);
    since.clone().zip(since.skip(1)).all(|(before, after)| keeps(before, after))
}
