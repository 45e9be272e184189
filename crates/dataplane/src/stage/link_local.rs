//! The services that every VPC answers on link-local and reserved addresses: no security group, network ACL or route table
//! applies to them, in either direction (1.10, 6.29, 7.11).
//!
//! Rules: 1.10-1.12. Knobs: `underlay.services_packets_per_second`.

use std::net::IpAddr;

use vpcemu_packet::Transport;

use crate::fabric::address;
use crate::index::{EniIx, VpcIx};
use crate::outcome::{Component, Denial, Direction, Place, Service, StepKind};
use crate::reason::DropReason;
use crate::walk::{Hop, Walk};

/// The service that the packet is for.
pub(crate) fn service(walk: &Walk<'_, '_, '_>, vpc: VpcIx, destination: IpAddr) -> Option<Service> {
    let port = match walk.transport {
        Transport::Udp { dst, .. } => Some(dst),
        _ => None,
    };
    if address::is_dhcp(destination, port) {
        return Some(Service::Dhcp);
    }
    walk.fabric.service(vpc, destination)
}

/// More packets a second than an interface may send to services. DHCP is not among them: it comes before an address is there.
pub(crate) fn police(walk: &mut Walk<'_, '_, '_>, service: Service, eni: EniIx) -> Result<(), Denial> {
    let limit = walk.fabric.behavior.underlay.services_packets_per_second;
    if service == Service::Dhcp || !walk.service_packets.exceeds(limit, eni, walk.stamp.now) {
        return Ok(());
    }
    let at = Component::Interface(eni);
    Err(walk.deny(DropReason::ServiceRate, at, StepKind::Service, Some(Direction::Egress), None))
}

/// Hands the packet to the service.
pub(crate) fn ask(walk: &mut Walk<'_, '_, '_>, service: Service) -> Hop {
    walk.pass(Component::Service(service), StepKind::Service, None, None);
    Hop::Done(Place::Service(service))
}

/// The service's answer reaches the interface.
pub(crate) fn answer(walk: &mut Walk<'_, '_, '_>, service: Service, eni: EniIx) -> Result<Hop, Denial> {
    walk.pass(Component::Service(service), StepKind::Service, None, None);
    Ok(Hop::Done(Place::Interface(eni)))
}
