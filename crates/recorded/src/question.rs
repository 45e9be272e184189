//! What a record asks: which flow, at whom, and what it leaves open.

use std::net::IpAddr;

use vpcemu_dataplane::fabric::Nat;
use vpcemu_dataplane::fabric::address::nat64_embedded;
use vpcemu_dataplane::flow_log::{LegDirection, LoggedAt};
use vpcemu_dataplane::index::NatIx;
use vpcemu_flowlog::{Action, Entry, Field, FlowDirection, Judgement, LogStatus, Record};
use vpcemu_lab::Lab;
use vpcemu_packet::FlowKey;

use crate::{Orientation, size};

/// A flow as an interface saw it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Question {
    pub(crate) at: LoggedAt,
    pub(crate) direction: LegDirection,
    /// What the packets' headers held, as far as the record tells.
    pub(crate) header: FlowKey,
    /// Whether the header held the address of the interface's own side, or anything that the interface shows its primary
    /// address for (9.10).
    pub(crate) own_side_told: bool,
    pub(crate) orientation: Orientation,
    /// Of TCP, whether there were packets that open a connection or answer that, if the record has flags.
    pub(crate) handshake: Option<bool>,
    /// Of TCP that was refused, whether those would have the sizes of its packets, if it has no flags.
    pub(crate) sized_to_open: Option<bool>,
    /// What was recorded: where a record leaves something open, whatever explains that will do.
    pub(crate) recorded: Option<Action>,
}

impl Question {
    /// What a record asks, or why that cannot be told.
    pub(crate) fn of(lab: &Lab, entry: &Entry) -> Result<Self, &'static str> {
        let record = &entry.record;
        if record.log_status != Some(LogStatus::Ok) && record.log_status.is_some() {
            return Err("it is of a window without data");
        }
        let missing = "it lacks an address, a port or the protocol";
        let src = record.pkt_srcaddr.or(record.srcaddr).ok_or(missing)?;
        let dst = record.pkt_dstaddr.or(record.dstaddr).ok_or(missing)?;
        let protocol = record.protocol.ok_or(missing)?;
        let (src_port, dst_port) = (record.srcport.ok_or(missing)?, record.dstport.ok_or(missing)?);
        let at = place(lab, entry)?;
        let direction = direction(lab, record, at).ok_or("it does not say which way the packets went")?;
        let icmp_type = match protocol {
            1 => 8,
            58 => 128,
            _ => 0,
        };
        let own_side_told = match direction {
            // Of IPv6 a NAT gateway shows the remote: it has no address of its own to show.
            _ if is_gateway(lab, at) && src.is_ipv6() => true,
            LegDirection::Ingress => record.pkt_dstaddr.is_some(),
            LegDirection::Egress => record.pkt_srcaddr.is_some(),
        };
        // SYN is 2, SYN-ACK 18 (9.9).
        let handshake = record.tcp_flags.filter(|_| protocol == 6).map(|flags| flags & 2 != 0);
        // Of the others nobody asks it, and they would be as many questions as there are sizes.
        let asks_size = handshake.is_none() && record.action == Some(Action::Reject);
        Ok(Self {
            at,
            direction,
            header: FlowKey { src, dst, src_port, dst_port, protocol, icmp_type },
            own_side_told,
            orientation: Orientation::of(record),
            handshake,
            sized_to_open: if asks_size { size::is_of_syn(record) } else { None },
            recorded: record.action,
        })
    }

    /// Whether a judgement is what was recorded.
    pub(crate) fn explained_by(&self, judgement: &Judgement) -> bool {
        matches!(judgement, Judgement::Decided { action, .. } if Some(*action) == self.recorded)
    }

    /// Whether its packets may have come when their connection was over, by what the record tells of them.
    pub(crate) fn may_be_late(&self) -> bool {
        self.handshake == Some(false) || self.sized_to_open == Some(false)
    }

    /// The other side's address: who sent what came in, who got what went out.
    pub(crate) fn peer(&self) -> IpAddr {
        match self.direction {
            LegDirection::Ingress => self.header.src,
            LegDirection::Egress => self.header.dst,
        }
    }

    /// The address of the interface's own side.
    pub(crate) fn own(&self) -> IpAddr {
        match self.direction {
            LegDirection::Ingress => self.header.dst,
            LegDirection::Egress => self.header.src,
        }
    }

    /// The same with another address on the interface's own side.
    pub(crate) fn with_own(mut self, address: IpAddr) -> Self {
        match self.direction {
            LegDirection::Ingress => self.header.dst = address,
            LegDirection::Egress => self.header.src = address,
        }
        self
    }

    pub(crate) fn is_icmp(&self) -> bool {
        matches!(self.header.protocol, 1 | 58)
    }
}

/// Who recorded it: by its id, or as the one who has an address of it.
fn place(lab: &Lab, entry: &Entry) -> Result<LoggedAt, &'static str> {
    let unknown = "its interface is not in the configuration";
    let (record, registry, fabric) = (&entry.record, lab.timeline().registry(), lab.fabric());
    if let Some(resource) = &record.resource_id {
        let nat = registry.nats.find(&(&**resource).into()).filter(|nat| fabric.nat(*nat).is_some());
        return nat.map(LoggedAt::RegionalNat).ok_or("its NAT gateway is not in the configuration");
    }
    if let Some(id) = &record.interface_id {
        let found = registry.enis.find(&(&**id).into()).filter(|eni| fabric.eni(*eni).is_some());
        return found.map(LoggedAt::Interface).ok_or(unknown);
    }
    if is_regional(entry) {
        return regional(lab, record)
            .map(LoggedAt::RegionalNat)
            .ok_or("it is of a regional NAT gateway, and does not tell of which");
    }
    let holder = |address: IpAddr| match &fabric.owners(address)[..] {
        [one] => Some(*one),
        _ => None,
    };
    let (src, dst) = (record.srcaddr.and_then(holder), record.dstaddr.and_then(holder));
    // Of a flow within the VPC the direction tells which of the two.
    let found = match (record.flow_direction, src, dst) {
        (Some(FlowDirection::Egress), src, _) => src,
        (Some(FlowDirection::Ingress), _, dst) => dst,
        (None, Some(one), None) | (None, None, Some(one)) => Some(one),
        (None, ..) => None,
    };
    found.map(LoggedAt::Interface).ok_or(unknown)
}

/// Whether a regional NAT gateway logged it: nobody else has a `-` where the interface should be (9.13).
pub(crate) fn is_regional(entry: &Entry) -> bool {
    entry.record.resource_id.is_some() || entry.fields.has(Field::InterfaceId) && entry.record.interface_id.is_none()
}

/// The regional NAT gateway that has an address of a record, or the only one of the VPC that an address is of.
fn regional(lab: &Lab, record: &Record) -> Option<NatIx> {
    let (fabric, registry) = (lab.fabric(), lab.timeline().registry());
    let addresses = [record.srcaddr, record.dstaddr];
    let vpc = record.vpc_id.as_ref().map(|id| registry.vpcs.find(&(&**id).into()));
    let in_vpc = |index| vpc.is_none_or(|vpc| vpc == Some(index));
    let gateways = || fabric.nats().filter(|(_, nat)| nat.eni().is_none() && in_vpc(nat.vpc));
    let has = |nat: &Nat, address: IpAddr| nat.addresses.iter().any(|own| IpAddr::V4(*own) == address);
    let of_vpc = |nat: &Nat, address: IpAddr| {
        fabric.vpc(nat.vpc).is_some_and(|vpc| vpc.cidrs.iter().any(|cidr| cidr.contains(&address)))
    };
    let mut own = gateways().filter(|(_, nat)| addresses.into_iter().flatten().any(|address| has(nat, address)));
    if let Some((index, _)) = own.next() {
        return own.next().is_none().then_some(index);
    }
    let mut fitting = gateways().filter(|(_, nat)| addresses.into_iter().flatten().any(|address| of_vpc(nat, address)));
    let (index, _) = fitting.next()?;
    fitting.next().is_none().then_some(index)
}

/// Whether it is the interface of a NAT gateway.
fn is_gateway(lab: &Lab, at: LoggedAt) -> bool {
    matches!(at, LoggedAt::Interface(eni) if lab.fabric().eni(eni).is_some_and(|eni| eni.nat.is_some()))
}

fn direction(lab: &Lab, record: &Record, at: LoggedAt) -> Option<LegDirection> {
    match record.flow_direction {
        Some(FlowDirection::Egress) => return Some(LegDirection::Egress),
        Some(FlowDirection::Ingress) => return Some(LegDirection::Ingress),
        None => {}
    }
    let fabric = lab.fabric();
    let towards = |src: bool, dst: bool| match (src, dst) {
        (true, false) => Some(LegDirection::Egress),
        (false, true) => Some(LegDirection::Ingress),
        _ => None,
    };
    let of = |is: &dyn Fn(IpAddr) -> bool| (record.srcaddr.is_some_and(is), record.dstaddr.is_some_and(is));
    match at {
        // The interface's own side shows its own address (9.10).
        LoggedAt::Interface(eni) => {
            let own = fabric.eni(eni)?;
            let (src, dst) = of(&|address| own.owns(address));
            let by_own = towards(src, dst);
            if by_own.is_some() || own.nat.is_none() {
                return by_own;
            }
            // On its IPv6 side a NAT gateway has no address: clients send to IPv4 hosts by those that NAT64 names them by (4.32).
            let (src, dst) = (record.srcaddr?, record.dstaddr?);
            let is_client = |address: IpAddr| !fabric.owners(address).is_empty();
            towards(nat64_embedded(src).is_some() && is_client(dst), nat64_embedded(dst).is_some() && is_client(src))
        }
        // Towards the internet it has its own address, towards the VPC the remote's.
        LoggedAt::RegionalNat(nat) => {
            let nat = fabric.nat(nat)?;
            let (src, dst) = of(&|address| nat.addresses.iter().any(|own| IpAddr::V4(*own) == address));
            let (from_client, to_client) = of(&|address| {
                fabric.vpc(nat.vpc).is_some_and(|vpc| vpc.cidrs.iter().any(|net| net.contains(&address)))
            });
            towards(src, dst).or_else(|| towards(to_client, from_client))
        }
    }
}
