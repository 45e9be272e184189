//! From blocks to stretches of addresses: what blocks inside blocks say of an address is worked out once, when a
//! configuration is compiled, for every stretch between two bounds.

use std::net::IpAddr;

use ipnet::IpNet;

use super::steps::{Axis, Steps, step};

/// A value for every address of both families, by stretches: where each begins, the first at 0, and its value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Stretches {
    v4: Vec<(u128, u32)>,
    v6: Vec<(u128, u32)>,
}

impl Default for Stretches {
    /// 0 everywhere.
    fn default() -> Self {
        Self { v4: vec![(0, 0)], v6: vec![(0, 0)] }
    }
}

/// What a block says, by its first and last address.
type Spans<T> = Vec<(u128, u128, T)>;

impl Stretches {
    /// What blocks say of the addresses in them. Two blocks are apart, or one is inside the other: `enter` tells from the value
    /// around a block, and from all that is said of that same block in the order given, the value in it. What is in no
    /// block has `outside`.
    pub(crate) fn of_blocks<T>(
        outside: u32,
        blocks: impl IntoIterator<Item = (IpNet, T)>,
        mut enter: impl FnMut(u32, &[(u128, u128, T)]) -> u32,
    ) -> Self {
        let (mut v4, mut v6): (Spans<T>, Spans<T>) = (Vec::new(), Vec::new());
        for (net, said) in blocks {
            match net {
                IpNet::V4(net) => v4.push((net.network().to_bits().into(), net.broadcast().to_bits().into(), said)),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits(), said)),
            }
        }
        let v4 = nested(outside, v4, u32::MAX.into(), &mut enter);
        let v6 = nested(outside, v6, u128::MAX, &mut enter);
        Self { v4, v6 }
    }

    /// The stretches with other values, told from the first address of each.
    pub(crate) fn map(&self, mut value: impl FnMut(IpAddr, u32) -> u32) -> Self {
        let mut mapped = Self { v4: Vec::new(), v6: Vec::new() };
        for (start, of) in &self.v4 {
            step(&mut mapped.v4, *start, value(IpAddr::from((*start as u32).to_be_bytes()), *of));
        }
        for (start, of) in &self.v6 {
            step(&mut mapped.v6, *start, value(IpAddr::from(start.to_be_bytes()), *of));
        }
        mapped
    }

    /// Both, with a value for each pair of values.
    pub(crate) fn zip(&self, other: &Self, mut value: impl FnMut(u32, u32) -> u32) -> Self {
        Self { v4: zipped(&self.v4, &other.v4, &mut value), v6: zipped(&self.v6, &other.v6, &mut value) }
    }

    /// Of many that have bits for values, every bit that one of them has.
    pub(crate) fn any(mut all: Vec<Self>) -> Self {
        // By pairs, so that each takes part in few steps.
        while all.len() > 1 {
            all = all
                .chunks(2)
                .map(|pair| pair[1..].iter().fold(pair[0].clone(), |a, b| a.zip(b, |a, b| a | b)))
                .collect();
        }
        all.pop().unwrap_or_default()
    }

    /// Adds both families to `steps`.
    pub(crate) fn index(&self, steps: &mut Steps) -> AddressAxis {
        let v4: Vec<_> = self.v4.iter().map(|(start, value)| (*start as u32, *value)).collect();
        AddressAxis { v4: steps.add(&v4), v6: steps.add_wide(&self.v6) }
    }
}

fn nested<T>(
    outside: u32,
    mut spans: Spans<T>,
    end: u128,
    enter: &mut impl FnMut(u32, &[(u128, u128, T)]) -> u32,
) -> Vec<(u128, u32)> {
    // What is around comes first. The sort is stable.
    spans.sort_by_key(|(first, last, _)| (*first, std::cmp::Reverse(*last)));
    let mut steps = vec![(0, outside)];
    let mut around: Vec<(u128, u32)> = Vec::new();
    let value_of = |around: &[(u128, u32)]| around.last().map_or(outside, |(_, value)| *value);
    let leave = |around: &mut Vec<(u128, u32)>, steps: &mut _, before: Option<u128>| {
        while let Some((last, _)) = around.last().copied().filter(|(last, _)| before.is_none_or(|at| *last < at)) {
            around.pop();
            if last < end {
                step(steps, last + 1, value_of(around));
            }
        }
    };
    for same in spans.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let (first, last) = (same[0].0, same[0].1);
        leave(&mut around, &mut steps, Some(first));
        let value = enter(value_of(&around), same);
        step(&mut steps, first, value);
        around.push((last, value));
    }
    leave(&mut around, &mut steps, None);
    steps
}

fn zipped(mut a: &[(u128, u32)], mut b: &[(u128, u32)], value: &mut impl FnMut(u32, u32) -> u32) -> Vec<(u128, u32)> {
    let mut steps = Vec::new();
    let mut at = 0;
    while let ([(_, of_a), rest_a @ ..], [(_, of_b), rest_b @ ..]) = (a, b) {
        step(&mut steps, at, value(*of_a, *of_b));
        let next = |rest: &[(u128, u32)]| rest.first().map(|(start, _)| *start);
        let (next_a, next_b) = (next(rest_a), next(rest_b));
        let Some(nearest) = next_a.into_iter().chain(next_b).min() else { break };
        if next_a == Some(nearest) {
            a = rest_a;
        }
        if next_b == Some(nearest) {
            b = rest_b;
        }
        at = nearest;
    }
    steps
}

/// The two functions of [`Steps`] that have the values of addresses.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AddressAxis {
    v4: Axis,
    v6: Axis,
}

impl AddressAxis {
    /// The value at an address.
    #[inline]
    pub(crate) fn find(&self, steps: &Steps, address: IpAddr) -> u32 {
        match address {
            IpAddr::V4(v4) => steps.find(self.v4, v4.to_bits()),
            IpAddr::V6(v6) => steps.find_wide(self.v6, v6.to_bits()),
        }
    }
}

/// A value for every address.
#[derive(Debug)]
pub(crate) struct AddressMap {
    steps: Steps,
    axis: AddressAxis,
}

impl AddressMap {
    pub(crate) fn new(stretches: &Stretches) -> Self {
        let mut steps = Steps::default();
        let axis = stretches.index(&mut steps);
        Self { steps, axis }
    }

    /// The value at an address.
    #[inline]
    pub(crate) fn find(&self, address: IpAddr) -> u32 {
        self.axis.find(&self.steps, address)
    }
}

impl Default for AddressMap {
    /// 0 everywhere.
    fn default() -> Self {
        Self::new(&Stretches::default())
    }
}
