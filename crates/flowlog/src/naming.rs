//! From what was counted to records: indices get their names back.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use vpcemu_dataplane::flow_log::{self, Leg, LegDirection, LoggedAt, Sum};
use vpcemu_dataplane::index::{EniIx, NatIx, Registry};
use vpcemu_model::{
    FlowLog, Id, InterfaceKind, LoggedResource, LoggedTraffic, NatGateway, Network, NetworkInterface, Subnet,
};
use vpcemu_packet::FlowKey;

use crate::record::{Action, FlowDirection, LogStatus, Record, Text, TrafficType};

/// What the page has for an account that is not known.
pub(crate) const UNKNOWN: &str = "unknown";

/// The protocols without ports whose keys have numbers for them, as IANA has them.
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

impl From<flow_log::Action> for Action {
    fn from(action: flow_log::Action) -> Self {
        match action {
            flow_log::Action::Accept => Self::Accept,
            flow_log::Action::Reject => Self::Reject,
        }
    }
}

/// Of everything that logs, what its records say whatever passes.
#[derive(Debug, Default)]
pub struct Names {
    interfaces: HashMap<EniIx, Record>,
    gateways: HashMap<NatIx, Record>,
    /// Blocks of AWS's own prefix lists, with the name of the service in AWS's list of ranges.
    services: Vec<(IpNet, Text)>,
}

impl Names {
    /// The names of a network.
    pub fn new(network: &Network, registry: &Registry) -> Self {
        let mut names = Self::default();
        names.learn(network, registry);
        names
    }

    /// Adds the names of another network of the same run; of what both have, its own are used from now on.
    pub fn learn(&mut self, network: &Network, registry: &Registry) {
        let subnets: HashMap<&Id, &Subnet> = network.subnets.iter().map(|subnet| (&subnet.id, subnet)).collect();
        for interface in &network.interfaces {
            if let Some(index) = registry.enis.find(&interface.id) {
                let subnet = subnets.get(&interface.subnet).copied();
                self.interfaces.insert(index, of_interface(network, interface, subnet));
            }
        }
        for gateway in network.nat_gateways.iter().filter(|gateway| gateway.interface().is_none()) {
            if let Some(index) = registry.nats.find(&gateway.id) {
                self.gateways.insert(index, of_regional_gateway(network, gateway));
            }
        }
        for list in &network.prefix_lists {
            if let Some(service) = list.name.as_deref().and_then(service) {
                self.services.extend(list.entries.iter().map(|entry| (*entry, Text::from(service))));
            }
        }
    }

    /// Whether a flow log has what passed somewhere: it is active, of that place, and of such packets.
    pub fn logs(&self, log: &FlowLog, leg: &Leg) -> bool {
        let wanted = match log.traffic {
            LoggedTraffic::All => true,
            LoggedTraffic::Accept => leg.action == flow_log::Action::Accept,
            LoggedTraffic::Reject => leg.action == flow_log::Action::Reject,
        };
        log.active && wanted && self.is_of(log, leg.at)
    }

    /// Whether a flow log is of a place.
    pub fn is_of(&self, log: &FlowLog, at: LoggedAt) -> bool {
        let Some(place) = self.place(at) else { return false };
        let (of, id) = match &log.resource {
            LoggedResource::Vpc(id) => (&place.vpc_id, id),
            LoggedResource::Subnet(id) => (&place.subnet_id, id),
            LoggedResource::NetworkInterface(id) => (&place.interface_id, id),
            LoggedResource::TransitGateway(_) | LoggedResource::TransitGatewayAttachment(_) => return false,
        };
        of.as_deref() == Some(id.as_str())
    }

    /// The record of what passed in a window.
    pub fn record(&self, leg: &Leg, sum: &Sum) -> Record {
        let header = leg.header;
        let direction = match leg.direction {
            LegDirection::Ingress => FlowDirection::Ingress,
            LegDirection::Egress => FlowDirection::Egress,
        };
        let mut record = self.place(leg.at).cloned().unwrap_or_default();
        let next = leg.next.and_then(|next| self.interfaces.get(&next));
        if let Some(next) = next.filter(|next| shows_next(&record, next, direction)) {
            record.next_hop_az_id.clone_from(&next.az_id);
            // Of what is somebody else's only the zone is shown.
            if record.account_id == next.account_id {
                record.next_hop_interface_id.clone_from(&next.interface_id);
                record.next_hop_subnet_id.clone_from(&next.subnet_id);
                record.next_hop_vpc_id.clone_from(&next.vpc_id);
                record.next_hop_interface_type.clone_from(&next.interface_type);
            }
        }
        let (srcport, dstport) = ports(&header);
        Record {
            srcaddr: Some(leg.shown.0),
            dstaddr: Some(leg.shown.1),
            srcport: Some(srcport),
            dstport: Some(dstport),
            protocol: Some(header.protocol),
            packets: Some(sum.packets),
            // W8
            bytes: (!leg.blocked).then_some(sum.bytes),
            start: Some(sum.first),
            end: Some(sum.last),
            action: Some(leg.action.into()),
            log_status: Some(LogStatus::Ok),
            tcp_flags: Some(sum.tcp_flags),
            traffic_type: Some(if header.src.is_ipv4() { TrafficType::Ipv4 } else { TrafficType::Ipv6 }),
            pkt_srcaddr: Some(header.src),
            pkt_dstaddr: Some(header.dst),
            pkt_src_aws_service: self.service_of(header.src),
            pkt_dst_aws_service: self.service_of(header.dst),
            flow_direction: Some(direction),
            traffic_path: leg.path,
            reject_reason: leg.blocked.then(|| "BPA".into()),
            ..record
        }
    }

    /// The record of a window in which nothing passed somewhere (9.7), from and to a time in seconds since the epoch.
    pub fn silence(&self, at: LoggedAt, start: u64, end: u64) -> Record {
        let place = self.place(at).cloned().unwrap_or_default();
        Record { start: Some(start), end: Some(end), log_status: Some(LogStatus::NoData), ..place }
    }

    fn place(&self, at: LoggedAt) -> Option<&Record> {
        match at {
            LoggedAt::Interface(index) => self.interfaces.get(&index),
            LoggedAt::RegionalNat(index) => self.gateways.get(&index),
        }
    }

    fn service_of(&self, address: IpAddr) -> Option<Text> {
        self.services.iter().find(|(net, _)| net.contains(&address)).map(|(_, service)| service.clone())
    }
}

/// The ports that records show. An ICMP query has its identifier for ports in a key, and none in a record.
pub(crate) fn ports(header: &FlowKey) -> (u16, u16) {
    match header.protocol {
        ICMP | ICMPV6 => (0, 0),
        _ => (header.src_port, header.dst_port),
    }
}

/// Whether records of a place show what is at the other end: not across regions, and not what came from a transit gateway or a
/// load balancer (9b).
fn shows_next(place: &Record, next: &Record, direction: FlowDirection) -> bool {
    let hides = matches!(next.interface_type.as_deref(), Some("transit_gateway" | "network_load_balancer"));
    place.region == next.region && !(hides && direction == FlowDirection::Ingress)
}

fn of_interface(network: &Network, interface: &NetworkInterface, subnet: Option<&Subnet>) -> Record {
    let is_of_customer = interface.kind == InterfaceKind::Interface;
    let zone = subnet.and_then(|subnet| subnet.availability_zone_id.as_deref()).map(Text::from);
    let sublocation = subnet.and_then(sublocation);
    Record {
        account_id: Some(account(network, subnet.map(|subnet| &subnet.vpc))),
        interface_id: Some(text(&interface.id)),
        vpc_id: subnet.map(|subnet| text(&subnet.vpc)),
        subnet_id: Some(text(&interface.subnet)),
        instance_id: interface.instance.as_ref().filter(|_| is_of_customer).map(text),
        region: subnet.and_then(Subnet::region).map(Text::from),
        az_id: zone.clone().filter(|_| sublocation.is_none()),
        sublocation_type: sublocation.map(Text::from),
        sublocation_id: zone.filter(|_| sublocation.is_some()),
        interface_type: interface_type(interface.kind).map(Text::from),
        ..Record::default()
    }
}

/// It has neither interface nor subnet (9.13).
fn of_regional_gateway(network: &Network, gateway: &NatGateway) -> Record {
    let mut subnets = network.subnets.iter().filter(|subnet| subnet.vpc == gateway.vpc);
    Record {
        account_id: Some(account(network, Some(&gateway.vpc))),
        vpc_id: Some(text(&gateway.vpc)),
        region: subnets.find_map(Subnet::region).map(Text::from),
        resource_id: Some(text(&gateway.id)),
        interface_type: Some("regional_nat_gateway".into()),
        ..Record::default()
    }
}

fn account(network: &Network, vpc: Option<&Id>) -> Text {
    let account = vpc.and_then(|vpc| network.vpc(vpc)).and_then(|vpc| vpc.account.as_deref());
    account.unwrap_or(UNKNOWN).into()
}

fn text(id: &Id) -> Text {
    id.as_str().into()
}

/// What a zone is whose name goes on after its region, other than by a letter.
fn sublocation(subnet: &Subnet) -> Option<&'static str> {
    let rest = subnet.availability_zone.strip_prefix(subnet.region()?)?;
    match rest {
        _ if rest.contains("-wlz-") => Some("wavelength"),
        _ if rest.starts_with('-') => Some("localzone"),
        _ => None,
    }
}

/// The kinds that records tell. A load balancer is not told from a function by the model.
fn interface_type(kind: InterfaceKind) -> Option<&'static str> {
    match kind {
        InterfaceKind::NatGateway => Some("nat_gateway"),
        InterfaceKind::VpcEndpoint | InterfaceKind::GatewayLoadBalancerEndpoint => Some("vpc_endpoint"),
        InterfaceKind::TransitGateway => Some("transit_gateway"),
        InterfaceKind::Interface | InterfaceKind::Hyperplane | InterfaceKind::Other => None,
    }
}

/// The service of a prefix list: `com.amazonaws.us-east-1.s3`.
fn service(list: &str) -> Option<&'static str> {
    match list.strip_prefix("com.amazonaws.")?.rsplit('.').next()? {
        "s3" => Some("S3"),
        "dynamodb" => Some("DYNAMODB"),
        _ => None,
    }
}
