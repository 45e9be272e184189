//! What is said of subnets, and of who is in them.

use std::collections::BTreeMap;

use vpcemu_model::{InterfaceKind, Network, NetworkInterface, Subnet};

use super::plan::{Kind, SubnetBox, named};
use crate::page::text::count;

/// Interfaces that are named of a subnet; more are counted.
const INTERFACES: usize = 4;

/// Subnets up to which each has several lines; of more, each has one.
const LINES: usize = 24;

/// Subnets up to which interfaces are named.
const NAMING: usize = 12;

/// How much is said of a subnet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// Blocks, network ACL, and interfaces by name.
    Named,
    /// The same, and how many interfaces there are.
    Counted,
    /// Blocks and how many interfaces there are.
    OneLine,
}

impl Shape {
    /// Of one of so many subnets.
    pub(super) fn of(subnets: usize) -> Self {
        match subnets {
            few if few <= NAMING => Self::Named,
            some if some <= LINES => Self::Counted,
            _ => Self::OneLine,
        }
    }
}

/// A subnet by itself.
pub(super) fn alone(network: &Network, subnet: &Subnet, inside: &[&NetworkInterface], shape: Shape) -> SubnetBox {
    let mut title = named(&subnet.id, subnet.name.as_deref());
    let cidrs = subnet.cidrs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let counts = (!inside.is_empty()).then(|| counted(inside));
    let mut lines = vec![format!("{cidrs} · {}", subnet.network_acl)];
    match shape {
        Shape::Named => {
            lines.extend(inside.iter().take(INTERFACES).map(|interface| line(network, interface)));
            let more = inside.get(INTERFACES..).unwrap_or_default();
            lines.extend((!more.is_empty()).then(|| format!("and {} more: {}", more.len(), counted(more))));
        }
        Shape::Counted => lines.extend(counts),
        Shape::OneLine => {
            lines.clear();
            title = [Some(title), Some(cidrs), counts].into_iter().flatten().collect::<Vec<_>>().join(" · ");
        }
    }
    SubnetBox { title, kind: Kind::Isolated, lines, table: None }
}

/// Subnets that have a route table and a network ACL in common.
pub(super) fn alike<'a>(subnets: &[&Subnet], inside: &impl Fn(&Subnet) -> &'a [&'a NetworkInterface]) -> SubnetBox {
    let first = subnets[0];
    let mut zones: Vec<&str> = subnets.iter().map(|subnet| &*subnet.availability_zone).collect();
    zones.sort_unstable();
    zones.dedup();
    let all: Vec<&NetworkInterface> = subnets.iter().flat_map(|subnet| inside(subnet)).copied().collect();
    let title = format!("{} subnets such as {}", subnets.len(), named(&first.id, first.name.as_deref()));
    let mut lines = vec![format!("{} · {}", zones.join(", "), first.network_acl)];
    lines.extend((!all.is_empty()).then(|| counted(&all)));
    SubnetBox { title, kind: Kind::Isolated, lines, table: None }
}

/// An interface: who it serves, and its addresses.
fn line(network: &Network, interface: &NetworkInterface) -> String {
    let gateway = network.nat_gateways.iter().find(|nat| nat.interface() == Some(&interface.id));
    let who = match (interface.kind, gateway) {
        (_, Some(gateway)) => format!("{} (NAT gateway)", gateway.name.as_deref().unwrap_or(gateway.id.as_str())),
        (InterfaceKind::Interface, _) => interface.name.as_deref().unwrap_or(interface.id.as_str()).to_owned(),
        (kind, _) => {
            format!("{} ({})", interface.name.as_deref().unwrap_or(interface.id.as_str()), word(interface, kind))
        }
    };
    let addresses: Vec<_> = interface.ipv4.iter().map(|own| own.private.to_string()).collect();
    let mut addresses =
        if addresses.is_empty() { interface.ipv6.iter().map(ToString::to_string).collect() } else { addresses };
    let more = addresses.len().saturating_sub(1);
    addresses.truncate(1);
    let public =
        interface.ipv4.iter().find_map(|own| own.public).map_or_else(String::new, |public| format!(" = {public}"));
    let more = if more > 0 { format!(" +{more}") } else { String::new() };
    let stopped = if interface.in_use { "" } else { ", not in use" };
    format!("{who}: {}{public}{more}{stopped}", addresses.join(", "))
}

fn word(interface: &NetworkInterface, kind: InterfaceKind) -> &'static str {
    match kind {
        InterfaceKind::Interface if interface.instance.is_some() => "instance",
        InterfaceKind::Interface => "interface",
        InterfaceKind::NatGateway => "NAT gateway",
        InterfaceKind::VpcEndpoint | InterfaceKind::GatewayLoadBalancerEndpoint => "endpoint",
        InterfaceKind::TransitGateway => "transit gateway attachment",
        InterfaceKind::Hyperplane | InterfaceKind::Other => "managed interface",
    }
}

fn counted(interfaces: &[&NetworkInterface]) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for interface in interfaces {
        *counts.entry(word(interface, interface.kind)).or_default() += 1;
    }
    counts.into_iter().map(|(word, number)| count(number, word)).collect::<Vec<_>>().join(", ")
}
