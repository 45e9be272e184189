//! Sets of packets, exactly: what a rule matches, and what of it others leave.
//!
//! To a rule a packet is a point with four coordinates: the family, the protocol, a detail of its transport header, and the
//! address of the other side. A rule matches boxes of such points, and a box less a box is up to six boxes, so that
//! subtraction is exact. Group references are no coordinate: see [`shadow`](crate::shadow).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use vpcemu_model::{IcmpTypeCode, Ports, Protocol};

use crate::probe::{Detail, Probe};

/// The detail of a packet whose ports, or type and code, are not there: behind all that are.
pub(crate) const UNKNOWN: u32 = 1 << 16;

/// The last detail that is there: port 65535, type 255 with code 255.
const LAST: u32 = UNKNOWN - 1;

/// A box of packets: inclusive ranges on each coordinate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cell {
    pub(crate) v6: bool,
    pub(crate) protocols: (u8, u8),
    /// The destination port, the ICMP type times 256 plus the code, or [`UNKNOWN`]. Where a protocol has neither, rules
    /// match all of the axis.
    pub(crate) details: (u32, u32),
    pub(crate) addresses: (u128, u128),
}

impl Cell {
    fn meets(&self, other: &Self) -> bool {
        self.v6 == other.v6
            && !disjoint(self.addresses, other.addresses)
            && !disjoint(self.details, other.details)
            && !disjoint(self.protocols, other.protocols)
    }

    fn is_within(&self, other: &Self) -> bool {
        self.v6 == other.v6
            && inside(self.addresses, other.addresses)
            && inside(self.details, other.details)
            && inside(self.protocols, other.protocols)
    }

    /// What of it another box leaves.
    fn minus(self, other: &Self, rest: &mut Vec<Self>) {
        if !self.meets(other) {
            rest.push(self);
            return;
        }
        // Slices off one coordinate after the other: what is left in the end lies inside the other box.
        let mut middle = self;
        let outside = around(middle.addresses, other.addresses).into_iter().flatten();
        rest.extend(outside.map(|addresses| Self { addresses, ..middle }));
        middle.addresses = common(middle.addresses, other.addresses);
        let outside = around(middle.protocols, other.protocols).into_iter().flatten();
        rest.extend(outside.map(|protocols| Self { protocols, ..middle }));
        middle.protocols = common(middle.protocols, other.protocols);
        let outside = around(middle.details, other.details).into_iter().flatten();
        rest.extend(outside.map(|details| Self { details, ..middle }));
    }

    /// For where no packet lacks its ports, or type and code: what is behind them goes with the last, so that it is never left
    /// alone.
    pub(crate) fn without_unknown(&mut self) {
        if self.details.1 == LAST {
            self.details.1 = UNKNOWN;
        }
    }

    /// A packet in it.
    pub(crate) fn probe(&self) -> Probe {
        let protocol = self.protocols.0;
        let detail = self.details.0;
        let detail = match (protocol, detail) {
            (_, UNKNOWN) => Detail::None,
            (6 | 17, port) => Detail::Port(port as u16),
            (1 | 58, both) => Detail::Icmp((both >> 8) as u8, both as u8),
            _ => Detail::None,
        };
        let peer = match self.v6 {
            false => IpAddr::V4(Ipv4Addr::from_bits(self.addresses.0 as u32)),
            true => IpAddr::V6(Ipv6Addr::from_bits(self.addresses.0)),
        };
        Probe { protocol, detail, peer, groups: Vec::new() }
    }
}

fn disjoint<N: Ord + Copy>(one: (N, N), other: (N, N)) -> bool {
    one.1 < other.0 || other.1 < one.0
}

fn inside<N: Ord + Copy>(one: (N, N), other: (N, N)) -> bool {
    other.0 <= one.0 && one.1 <= other.1
}

fn common<N: Ord + Copy>(one: (N, N), other: (N, N)) -> (N, N) {
    (one.0.max(other.0), one.1.min(other.1))
}

/// A coordinate.
trait Number: Ord + Copy {
    fn before(self) -> Self;
    fn after(self) -> Self;
}

macro_rules! numbers {
    ($($of:ty),+) => {
        $(impl Number for $of {
            fn before(self) -> Self {
                self - 1
            }
            fn after(self) -> Self {
                self + 1
            }
        })+
    };
}

numbers!(u8, u32, u128);

/// What of a range lies below another one that it meets, and what above.
fn around<N: Number>(of: (N, N), other: (N, N)) -> [Option<(N, N)>; 2] {
    let below = (of.0 < other.0).then(|| (of.0, other.0.before()));
    let above = (of.1 > other.1).then(|| (other.1.after(), of.1));
    [below, above]
}

/// Addresses of one family, IPv6 if true: from the first to the last.
pub(crate) type Stretch = (bool, (u128, u128));

/// What remains of a rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Region(Vec<Cell>);

/// How much a proof may do: boxes compared with boxes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Work(pub(crate) u64);

/// The proof was given up: it would take too much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct GivenUp;

impl Region {
    pub(crate) fn new(cells: Vec<Cell>) -> Self {
        Self(cells)
    }

    pub(crate) fn cells(&self) -> &[Cell] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether each of its boxes lies in one of others. It may lie in several together without that.
    pub(crate) fn is_within(&self, cells: &[Cell], work: &mut Work) -> Result<bool, GivenUp> {
        for own in &self.0 {
            work.0 = work.0.checked_sub(cells.len() as u64).ok_or(GivenUp)?;
            if !cells.iter().any(|cell| own.is_within(cell)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes boxes out, and tells whether anything was in them.
    pub(crate) fn subtract(&mut self, cells: &[Cell], work: &mut Work) -> Result<bool, GivenUp> {
        let mut took = false;
        for cell in cells {
            let cost = self.0.len() as u64;
            work.0 = work.0.checked_sub(cost).ok_or(GivenUp)?;
            if !self.0.iter().any(|own| own.meets(cell)) {
                continue;
            }
            took = true;
            let mut rest = Vec::with_capacity(self.0.len());
            self.0.iter().for_each(|own| own.minus(cell, &mut rest));
            self.0 = rest;
        }
        Ok(took)
    }
}

/// The boxes of what a rule says of transport headers, with any of these addresses.
pub(crate) fn cells(protocol: Protocol, ports: Ports, addresses: &[Stretch]) -> Vec<Cell> {
    let all = (0, UNKNOWN);
    let mut details = vec![all];
    let protocols = match protocol {
        Protocol::All => (0, u8::MAX),
        Protocol::Number(number) => {
            match ports {
                Ports::Range(range) if matches!(number, 6 | 17) => {
                    details = vec![(range.from.into(), range.to.into())];
                    details.retain(|(from, to)| from <= to);
                }
                Ports::Icmp(IcmpTypeCode { kind, code }) if matches!(number, 1 | 58) => {
                    details = of_type_and_code(kind, code);
                }
                // Of other protocols ports are ignored (6.4, 7.7).
                Ports::Any | Ports::Range(_) | Ports::Icmp(_) => {}
            }
            (number, number)
        }
    };
    let boxes = |details| {
        let cell = move |&(v6, addresses): &Stretch| Cell { v6, protocols, details, addresses };
        addresses.iter().map(cell)
    };
    details.into_iter().flat_map(boxes).collect()
}

fn of_type_and_code(kind: Option<u8>, code: Option<u8>) -> Vec<(u32, u32)> {
    let at = |kind: u8, code: u8| u32::from(kind) << 8 | u32::from(code);
    match (kind, code) {
        (None, None) => vec![(0, UNKNOWN)],
        (Some(kind), None) => vec![(at(kind, 0), at(kind, u8::MAX))],
        (Some(kind), Some(code)) => vec![(at(kind, code), at(kind, code))],
        (None, Some(code)) => (0..=u8::MAX).map(|kind| (at(kind, code), at(kind, code))).collect(),
    }
}

/// The addresses of a block.
pub(crate) fn range(net: &IpNet) -> Stretch {
    match net {
        IpNet::V4(net) => (false, (net.network().to_bits().into(), net.broadcast().to_bits().into())),
        IpNet::V6(net) => (true, (net.network().to_bits(), net.broadcast().to_bits())),
    }
}

/// Every address of both families.
pub(crate) const EVERYWHERE: [Stretch; 2] = [(false, (0, u32::MAX as u128)), (true, (0, u128::MAX))];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block(net: &str) -> Stretch {
        range(&net.parse().unwrap())
    }

    #[test]
    fn halves_make_a_whole() {
        let mut region = Region::new(cells(Protocol::TCP, Ports::Any, &[block("10.0.0.0/8")]));
        let mut work = Work(100);
        for half in ["10.0.0.0/9", "10.128.0.0/9"] {
            assert!(!region.is_empty());
            assert_eq!(region.subtract(&cells(Protocol::All, Ports::Any, &[block(half)]), &mut work), Ok(true));
        }
        assert!(region.is_empty());
        assert!(work.0 < 100);
    }

    #[test]
    fn too_much_work_is_given_up() {
        let mut region = Region::new(cells(Protocol::All, Ports::Any, &EVERYWHERE));
        let taken = cells(Protocol::TCP, Ports::Any, &[block("10.0.0.0/8"), block("11.0.0.0/8")]);
        assert_eq!(region.subtract(&taken, &mut Work(3)), Err(GivenUp));
    }

    fn cell() -> impl Strategy<Value = Cell> {
        // Small coordinates, so that boxes meet.
        let pair = || (0u8..6, 0u8..6).prop_map(|(a, b)| (a.min(b), a.max(b)));
        (any::<bool>(), pair(), pair(), pair()).prop_map(|(v6, protocols, details, addresses)| Cell {
            v6,
            protocols,
            details: (details.0.into(), details.1.into()),
            addresses: (addresses.0.into(), addresses.1.into()),
        })
    }

    fn holds(cells: &[Cell], (v6, protocol, detail, address): (bool, u8, u8, u8)) -> bool {
        cells.iter().any(|cell| {
            let (detail, address) = (u32::from(detail), u128::from(address));
            cell.v6 == v6
                && (cell.protocols.0..=cell.protocols.1).contains(&protocol)
                && (cell.details.0..=cell.details.1).contains(&detail)
                && (cell.addresses.0..=cell.addresses.1).contains(&address)
        })
    }

    proptest! {
        /// Point by point.
        #[test]
        fn what_is_left_is_what_is_in_one_and_not_in_the_other(one in proptest::collection::vec(cell(), 1..4), other in proptest::collection::vec(cell(), 1..5)) {
            let mut region = Region::new(one.clone());
            region.subtract(&other, &mut Work(u64::MAX)).unwrap();
            for v6 in [false, true] {
                for at in 0..6 * 6 * 6 {
                    let point = (v6, at % 6, at / 6 % 6, at / 36);
                    prop_assert_eq!(holds(region.cells(), point), holds(&one, point) && !holds(&other, point));
                }
            }
        }
    }
}
