//! Network interfaces. They are the authority on addresses, groups and checks; other calls only fill gaps.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use ipnet::IpNet;
use vpcemu_model::{ConnectionTracking, Id, InterfaceKind, Network, NetworkInterface, PrivateIpv4, Vpc};

use super::positions;
use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// What others know of interfaces: gateways and endpoints which ones are theirs, subnets where they are, instances how those
/// are called that they have.
#[derive(Default)]
pub(super) struct Owned {
    nat_gateways: HashSet<Id>,
    endpoints: HashSet<Id>,
    load_balancer_endpoints: HashSet<Id>,
    subnets: HashMap<Id, usize>,
    instances: HashMap<Id, usize>,
}

impl Owned {
    /// Asks the gateways and endpoints, and the network, which has its subnets and instances by now.
    pub(super) fn read(dump: &Dump, network: &Network) -> Result<Self, Error> {
        let mut owned = Self {
            subnets: positions(&network.subnets, |subnet| Some(&subnet.id)),
            instances: positions(&network.instances, |instance| Some(&instance.id)),
            ..Self::default()
        };
        for node in dump.nodes(Key::NatGateways) {
            for address in node.list("NatGatewayAddresses")? {
                owned.nat_gateways.extend(address.id("NetworkInterfaceId")?);
            }
        }
        for node in dump.nodes(Key::VpcEndpoints) {
            let of_load_balancer = node.state("VpcEndpointType")?.as_deref() == Some("gatewayloadbalancer");
            let kind = if of_load_balancer { &mut owned.load_balancer_endpoints } else { &mut owned.endpoints };
            kind.extend(node.ids("NetworkInterfaceIds")?);
        }
        Ok(owned)
    }

    /// The VPC of a subnet, if both are part of the network.
    pub(super) fn vpc_of<'a>(&self, subnet: &Id, network: &'a Network) -> Option<&'a Vpc> {
        network.vpc(&network.subnets[*self.subnets.get(subnet)?].vpc)
    }
}

/// Fills the interfaces of the dump.
pub(super) fn read(dump: &Dump, owned: &Owned, network: &mut Network, notes: &mut Notes) -> Result<(), Error> {
    if !dump.has(Key::NetworkInterfaces) {
        let text = "no NetworkInterfaces: interfaces are those that instances and NAT gateways tell of";
        notes.assume(codes::MISSING_NETWORK_INTERFACES, Key::NetworkInterfaces.name(), text);
    }
    for node in dump.nodes(Key::NetworkInterfaces) {
        let interface = interface(&node, None, owned, network, notes)?;
        network.interfaces.extend(interface);
    }
    Ok(())
}

/// Leaves out what nothing can be sent to: an interface for RDMA only (`efa-only`), or one that is still being made. A
/// configuration without an address is another matter: somebody has to write one.
pub(super) fn drop_unaddressed(dump: &Dump, network: &mut Network, notes: &mut Notes) {
    if dump.is_of_configuration() {
        return;
    }
    network.interfaces.retain(|interface| {
        let reachable = interface.addresses().next().is_some() || !interface.prefixes.is_empty();
        if !reachable {
            notes.gone(interface.id.clone(), &interface.origin, "without an address");
        }
        reachable
    });
}

/// One interface; `within` is the instance whose description it is part of.
pub(super) fn interface(
    node: &Node<'_>,
    within: Option<&Id>,
    owned: &Owned,
    network: &Network,
    notes: &mut Notes,
) -> Result<Option<NetworkInterface>, Error> {
    let id = node.required_id("NetworkInterfaceId")?;
    let Some(subnet) = node.id("SubnetId")? else {
        notes.ignore(id, node.origin(), "it has no SubnetId");
        return Ok(None);
    };
    let Some(vpc) = owned.vpc_of(&subnet, network) else {
        notes.ignore(id, node.origin(), format!("its subnet {subnet} was not read"));
        return Ok(None);
    };
    let kind = kind(node, &id, owned)?;
    let attachment = Attachment::read(node, within)?;
    let mut security_groups = Vec::new();
    for group in node.list("Groups")? {
        security_groups.extend(group.id("GroupId")?);
    }
    match kind {
        // Some sources show the default group here; AWS has none (semantics 6.30).
        _ if is_groupless(kind) => security_groups.clear(),
        InterfaceKind::Interface if security_groups.is_empty() => {
            let text = format!("{id} names no security group: it has the default one of {}", vpc.id);
            notes.assume(codes::DEFAULT_SECURITY_GROUP, &id, text);
            security_groups.push(vpc.default_security_group.clone());
        }
        _ => {}
    }
    let served = is_groupless(kind) || kind == InterfaceKind::VpcEndpoint;
    let in_use = match node.state("Status")?.as_deref() {
        // What a gateway or endpoint says it uses is in use.
        _ if served => true,
        Some(status) => matches!(status, "in-use" | "associated" | "detaching"),
        None => !attachment.detached,
    };
    let name = match node.name()? {
        None if attachment.primary => {
            let owner = attachment.instance.as_ref().and_then(|instance| owned.instances.get(instance));
            owner.and_then(|owner| network.instances[*owner].name.clone())
        }
        name => name,
    };
    Ok(Some(NetworkInterface {
        id,
        name,
        subnet,
        kind,
        instance: attachment.instance,
        ipv4: private_addresses(node)?,
        ipv6: ipv6_addresses(node)?,
        prefixes: prefixes(node)?,
        security_groups,
        source_dest_check: node.flag("SourceDestCheck")?.unwrap_or(kind != InterfaceKind::NatGateway)
            && !forwards(kind),
        forward: None,
        in_use,
        connection_tracking: connection_tracking(node)?,
        deny_all_igw_traffic: node.flag("DenyAllIgwTraffic")?.unwrap_or(false),
        origin: node.origin(),
    }))
}

/// What gateways put into a subnet has no security group (semantics 6.30).
fn is_groupless(kind: InterfaceKind) -> bool {
    kind == InterfaceKind::NatGateway || forwards(kind)
}

/// Whether packets of others leave and enter by such interfaces, whatever their attribute says.
fn forwards(kind: InterfaceKind) -> bool {
    matches!(kind, InterfaceKind::TransitGateway | InterfaceKind::GatewayLoadBalancerEndpoint)
}

/// The attachment that AWS's description of a transit gateway's interface names.
pub(super) fn attachment_of(node: &Node<'_>) -> Result<Option<Id>, Error> {
    let description = node.text("Description")?.unwrap_or_default();
    Ok(description.strip_prefix(ATTACHMENT).map(|id| Id::new(id.trim())))
}

/// How the description of a transit gateway's interface begins, before the attachment's id.
const ATTACHMENT: &str = "Network Interface for Transit Gateway Attachment ";

/// The type where it tells, the owner's word, or the description that AWS writes.
fn kind(node: &Node<'_>, id: &Id, owned: &Owned) -> Result<InterfaceKind, Error> {
    // The API's model has `natGateway` where real answers have `nat_gateway`.
    let written = node.state("InterfaceType")?.map(|text| text.replace('_', ""));
    let description = node.text("Description")?.unwrap_or_default();
    let ordinary = matches!(written.as_deref(), None | Some("interface" | "efa" | "efa-only" | "branch" | "trunk"));
    Ok(match written.as_deref() {
        Some("natgateway") => InterfaceKind::NatGateway,
        Some("gatewayloadbalancerendpoint") => InterfaceKind::GatewayLoadBalancerEndpoint,
        Some("transitgateway") => InterfaceKind::TransitGateway,
        _ if owned.load_balancer_endpoints.contains(id) => InterfaceKind::GatewayLoadBalancerEndpoint,
        Some("vpcendpoint") => InterfaceKind::VpcEndpoint,
        Some("networkloadbalancer" | "lambda" | "globalacceleratormanaged") => InterfaceKind::Hyperplane,
        _ if owned.nat_gateways.contains(id) => InterfaceKind::NatGateway,
        _ if owned.endpoints.contains(id) => InterfaceKind::VpcEndpoint,
        _ if ordinary && description.starts_with("Interface for NAT Gateway nat-") => InterfaceKind::NatGateway,
        _ if ordinary && description.starts_with("VPC Endpoint Interface vpce-") => InterfaceKind::VpcEndpoint,
        _ if ordinary && description.starts_with(ATTACHMENT) => InterfaceKind::TransitGateway,
        _ if ordinary && !node.flag("RequesterManaged")?.unwrap_or(false) => InterfaceKind::Interface,
        _ => InterfaceKind::Other,
    })
}

struct Attachment {
    instance: Option<Id>,
    primary: bool,
    detached: bool,
}

impl Attachment {
    fn read(node: &Node<'_>, within: Option<&Id>) -> Result<Self, Error> {
        let Some(node) = node.object("Attachment")? else {
            return Ok(Self { instance: within.cloned(), primary: false, detached: false });
        };
        let detached = node.state("Status")?.as_deref() == Some("detached");
        let instance = node.id("InstanceId")?.or_else(|| within.cloned()).filter(|_| !detached);
        let primary = node.number::<i64>("DeviceIndex", "a number")? == Some(0);
        Ok(Self { instance, primary, detached })
    }
}

/// The primary address first. The public address of the primary one is also written beside the list.
fn private_addresses(node: &Node<'_>) -> Result<Vec<PrivateIpv4>, Error> {
    let public = |node: &Node<'_>| match node.object("Association")? {
        Some(association) => association.ipv4("PublicIp"),
        None => Ok(None),
    };
    let mut addresses = Vec::new();
    for entry in node.list("PrivateIpAddresses")? {
        let Some(private) = entry.ipv4("PrivateIpAddress")? else { continue };
        let primary = entry.flag("Primary")?.unwrap_or(false);
        let address = PrivateIpv4 { private, public: public(&entry)? };
        let known = addresses.iter().any(|(known, _): &(PrivateIpv4, bool)| known.private == private);
        if !known {
            addresses.push((address, primary));
        }
    }
    addresses.sort_by_key(|(_, primary)| !primary);
    let mut addresses: Vec<_> = addresses.into_iter().map(|(address, _)| address).collect();
    if let Some(private) = node.ipv4("PrivateIpAddress")? {
        match addresses.iter().position(|address| address.private == private) {
            Some(at) => addresses[..=at].rotate_right(1),
            None => addresses.insert(0, PrivateIpv4 { private, public: None }),
        }
    }
    if let Some(first) = addresses.first_mut()
        && first.public.is_none()
    {
        first.public = public(node)?;
    }
    Ok(addresses)
}

fn ipv6_addresses(node: &Node<'_>) -> Result<Vec<std::net::Ipv6Addr>, Error> {
    let mut addresses = Vec::new();
    for entry in node.list("Ipv6Addresses")? {
        addresses.extend(entry.ipv6("Ipv6Address")?);
    }
    Ok(addresses)
}

fn prefixes(node: &Node<'_>) -> Result<Vec<IpNet>, Error> {
    let mut prefixes = Vec::new();
    for (list, field) in [("Ipv4Prefixes", "Ipv4Prefix"), ("Ipv6Prefixes", "Ipv6Prefix")] {
        for entry in node.list(list)? {
            prefixes.extend(entry.block(field)?);
        }
    }
    Ok(prefixes)
}

fn connection_tracking(node: &Node<'_>) -> Result<ConnectionTracking, Error> {
    let Some(node) = node.object("ConnectionTrackingConfiguration")? else { return Ok(ConnectionTracking::default()) };
    let timer = |field| -> Result<Option<Duration>, Error> {
        let seconds = node.number::<u64>(field, "a number of seconds")?;
        // An SDK that knows no absent numbers writes 0.
        Ok(seconds.filter(|&seconds| seconds > 0).map(Duration::from_secs))
    };
    Ok(ConnectionTracking {
        tcp_established: timer("TcpEstablishedTimeout")?,
        udp: timer("UdpTimeout")?,
        udp_stream: timer("UdpStreamTimeout")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::build::testing::{codes, ignored, import_over};

    fn read_one(over: Value) -> NetworkInterface {
        let mut interface = json!({"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1",
            "Groups": [{"GroupId": "sg-1"}], "Ipv6Addresses": [{"Ipv6Address": "2001:db8::5"}]});
        interface.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        import_over(json!({"NetworkInterfaces": [interface]})).network.interfaces.remove(0)
    }

    #[test]
    fn kinds_follow_from_type_and_description() {
        let kind = |interface_type: Value, description: &str, managed: bool| {
            read_one(json!({"InterfaceType": interface_type, "Description": description, "RequesterManaged": managed}))
                .kind
        };
        let nat = "Interface for NAT Gateway nat-1";
        assert_eq!(kind(json!("natGateway"), "", false), InterfaceKind::NatGateway);
        assert_eq!(kind(json!("nat_gateway"), "", true), InterfaceKind::NatGateway);
        assert_eq!(kind(json!(null), nat, true), InterfaceKind::NatGateway);
        assert_eq!(kind(json!("interface"), nat, true), InterfaceKind::NatGateway);
        assert_eq!(kind(json!("vpc_endpoint"), "", true), InterfaceKind::VpcEndpoint);
        assert_eq!(kind(json!("interface"), "VPC Endpoint Interface vpce-1", true), InterfaceKind::VpcEndpoint);
        assert_eq!(kind(json!("transit_gateway"), "", true), InterfaceKind::TransitGateway);
        let attachment = "Network Interface for Transit Gateway Attachment tgw-attach-1";
        assert_eq!(kind(json!("interface"), attachment, true), InterfaceKind::TransitGateway);
        let endpoint = "VPC Endpoint Interface vpce-1";
        let load_balancer = InterfaceKind::GatewayLoadBalancerEndpoint;
        assert_eq!(kind(json!("gateway_load_balancer_endpoint"), endpoint, true), load_balancer);
        assert_eq!(kind(json!("interface"), "ELB app/x", true), InterfaceKind::Other);
        for hyperplane in ["lambda", "network_load_balancer", "global_accelerator_managed"] {
            assert_eq!(kind(json!(hyperplane), "", true), InterfaceKind::Hyperplane);
        }
        assert_eq!(kind(json!("load_balancer"), "", true), InterfaceKind::Other);
        assert_eq!(kind(json!("efa"), "", false), InterfaceKind::Interface);
        assert_eq!(kind(json!(null), "", false), InterfaceKind::Interface);
    }

    #[test]
    fn addresses_are_complete_and_the_primary_one_is_first() {
        let interface = read_one(json!({
            "PrivateIpAddress": "10.0.1.5",
            "Association": {"PublicIp": "203.0.113.5"},
            "PrivateIpAddresses": [
                {"PrivateIpAddress": "10.0.1.4", "Primary": false, "Association": {"PublicIp": "203.0.113.4"}},
                {"PrivateIpAddress": "10.0.1.5", "Primary": true, "Association": {}},
            ],
            "Ipv6Addresses": [{"Ipv6Address": "2001:db8::5"}],
            "Ipv4Prefixes": [{"Ipv4Prefix": "10.0.1.16/28"}], "Ipv6Prefixes": [{"Ipv6Prefix": "2001:db8:0:1::/80"}],
        }));
        let address =
            |last: u8| PrivateIpv4 { private: [10, 0, 1, last].into(), public: Some([203, 0, 113, last].into()) };
        assert_eq!(interface.ipv4, [address(5), address(4)]);
        assert_eq!(interface.ipv6, ["2001:db8::5".parse::<std::net::Ipv6Addr>().unwrap()]);
        let prefixes: Vec<String> = interface.prefixes.iter().map(ToString::to_string).collect();
        assert_eq!(prefixes, ["10.0.1.16/28", "2001:db8:0:1::/80"]);
    }

    #[test]
    fn the_written_primary_address_leads_an_unmarked_list() {
        let interface = read_one(json!({
            "PrivateIpAddress": "10.0.1.6",
            "PrivateIpAddresses": [{"PrivateIpAddress": "10.0.1.4"}, {"PrivateIpAddress": "10.0.1.5"},
                {"PrivateIpAddress": "10.0.1.6"}],
        }));
        let last: Vec<u8> = interface.ipv4.iter().map(|it| it.private.octets()[3]).collect();
        assert_eq!(last, [6, 4, 5]);
    }

    #[test]
    fn attributes_and_states() {
        let interface = read_one(json!({
            "Status": "available", "SourceDestCheck": false, "DenyAllIgwTraffic": true,
            "TagSet": [{"Key": "x", "Value": "y"}, {"Key": "Name", "Value": "edge"}],
            "ConnectionTrackingConfiguration": {"TcpEstablishedTimeout": 600, "UdpTimeout": "45", "UdpStreamTimeout": null},
        }));
        assert_eq!(interface.name.as_deref(), Some("edge"));
        assert!(!interface.in_use && !interface.source_dest_check && interface.deny_all_igw_traffic);
        let timers = interface.connection_tracking;
        assert_eq!(timers.tcp_established, Some(Duration::from_secs(600)));
        assert_eq!((timers.udp, timers.udp_stream), (Some(Duration::from_secs(45)), None));
        assert!(read_one(json!({"Status": "In-Use"})).in_use);
        assert!(read_one(json!({})).in_use);
        assert!(!read_one(json!({"Attachment": {"Status": "detached"}})).in_use);
    }

    #[test]
    fn what_has_no_place_is_left_out() {
        let imported = import_over(json!({"NetworkInterfaces": [
            {"NetworkInterfaceId": "eni-1"}, {"NetworkInterfaceId": "eni-2", "SubnetId": "subnet-9"}, {}, null]}));
        assert_eq!(ignored(&imported), ["eni-1", "eni-2"]);
        assert!(imported.network.interfaces.is_empty() && codes(&imported).is_empty());
    }
}
