//! Classes of ports: intervals between the boundaries of rules.

use std::collections::BTreeSet;
use std::fmt;

use vpcemu_model::PortRange;

/// Ports that nothing tells apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Interval {
    pub(super) from: u16,
    pub(super) to: u16,
}

/// Where intervals begin.
#[derive(Clone, Debug)]
pub(super) struct Cuts(BTreeSet<u16>);

impl Cuts {
    pub(super) fn new() -> Self {
        Self(BTreeSet::from([0]))
    }

    pub(super) fn add(&mut self, range: PortRange) {
        self.0.insert(range.from);
        self.0.extend(range.to.checked_add(1));
    }

    pub(super) fn intervals(&self) -> Vec<Interval> {
        let ends = self.0.iter().skip(1).map(|next| next - 1).chain([u16::MAX]);
        self.0.iter().zip(ends).map(|(&from, to)| Interval { from, to }).collect()
    }
}

impl Interval {
    /// A port to try: `liked`, if it is one of them. Nobody sends from or to port 0, unless a rule names it alone.
    pub(super) fn pick(self, liked: u16) -> u16 {
        if self.from <= liked && liked <= self.to { liked } else { self.from.max(1).min(self.to) }
    }
}

/// Ports as rules write them: `443, 8000-8080`, or nothing where it is all of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(super) struct PortSet(BTreeSet<Interval>);

impl PortSet {
    pub(super) fn insert(&mut self, interval: Interval) {
        self.0.insert(interval);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn is_all(&self) -> bool {
        self.joined() == [Interval { from: 0, to: u16::MAX }]
    }

    fn joined(&self) -> Vec<Interval> {
        let mut joined: Vec<Interval> = Vec::new();
        for &interval in &self.0 {
            match joined.last_mut() {
                Some(last) if u32::from(last.to) + 1 >= u32::from(interval.from) => last.to = last.to.max(interval.to),
                _ => joined.push(interval),
            }
        }
        joined
    }

    /// With intervals that touch put together, so that sets that mean the same are equal.
    pub(super) fn normal(&self) -> Self {
        Self(self.joined().into_iter().collect())
    }
}

impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, Interval { from, to }) in self.joined().into_iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            match from == to {
                true => write!(f, "{comma}{from}")?,
                false => write!(f, "{comma}{from}-{to}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_begin_and_end_with_rules() {
        let mut cuts = Cuts::new();
        cuts.add(PortRange { from: 443, to: 443 });
        cuts.add(PortRange { from: 1024, to: u16::MAX });
        let ends: Vec<_> = cuts.intervals().into_iter().map(|it| (it.from, it.to, it.pick(40_000))).collect();
        assert_eq!(ends, [(0, 442, 1), (443, 443, 443), (444, 1023, 444), (1024, 65535, 40_000)]);
        assert_eq!(Interval { from: 0, to: 0 }.pick(40_000), 0);
    }

    #[test]
    fn intervals_that_touch_are_one_range() {
        let mut set = PortSet::default();
        for (from, to) in [(443, 443), (444, 500), (8080, 8080)] {
            set.insert(Interval { from, to });
        }
        assert_eq!(set.to_string(), "443-500, 8080");
        assert!(!set.is_all());
    }
}
