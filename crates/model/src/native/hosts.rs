//! Instances and interfaces.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::behavior::Span;
use crate::{
    ConnectionTracking, Id, Instance, InterfaceKind, Kind, NetworkInterface, Origin, PrivateIpv4, Subnet, instance_type,
};
use ipnet::IpNet;

use super::build::Builder;
use super::file::{AddressFile, File, InstanceFile, InterfaceFile, InterfaceTypeFile, Named, Text};

/// The first host address of a subnet: the first four are reserved (1.8).
const FIRST_HOST: u32 = 4;

/// Every IPv4 address that the file gives to something, so that none is chosen twice.
pub(crate) fn given_addresses(file: &File) -> HashSet<Ipv4Addr> {
    let of_instances = file.instance.iter().flat_map(|(_, instance)| &instance.addresses);
    let of_interfaces = file.eni.iter().flat_map(|(_, interface)| &interface.addresses);
    let of_endpoints = file.vpc_endpoint.iter().flat_map(|(_, endpoint)| &endpoint.addresses);
    let secondary = file.eni.iter().flat_map(|(_, interface)| &interface.secondary);
    let of_gateways = file.nat_gateway.iter().flat_map(|(_, gateway)| &gateway.addresses);
    let of_gateways = of_gateways.filter_map(|address| address.get_ref().private.as_ref());
    let attachments = file.transit_gateway.iter().flat_map(|(_, gateway)| gateway.attachment.values());
    let of_attachments = attachments.flat_map(|attachment| &attachment.addresses);
    let texts = of_instances.chain(of_interfaces).chain(of_endpoints).chain(of_gateways).chain(of_attachments);
    let texts = texts.chain(secondary.map(|pair| &pair.private));
    texts.filter_map(|text| text.get_ref().parse().ok()).collect()
}

/// The interface that an instance has by itself; none where the file says so.
pub(crate) fn primary(name: &Text, file: &InstanceFile) -> Option<Id> {
    match file.eni.as_ref().map(|eni| eni.get_ref().as_str()) {
        Some("none") => None,
        Some(eni) => Some(Id::named(Kind::NetworkInterface, eni)),
        None => {
            let id = Id::named(Kind::Instance, name.get_ref());
            let short = id.as_str().strip_prefix(Kind::Instance.prefix()).unwrap_or(id.as_str());
            Some(Id::of(Kind::NetworkInterface, short))
        }
    }
}

impl Builder<'_> {
    /// The subnet that a resource names.
    pub(crate) fn subnet(&mut self, named: Option<&Text>, of: &Text) -> Option<Subnet> {
        let Some(name) = named else {
            self.error("no-subnet", of.span(), format!("`{}` needs a `subnet`", of.get_ref()));
            return None;
        };
        let id = self.reference(Kind::Subnet, name, of);
        self.built_subnet(&id).cloned()
    }

    /// The groups that a resource names, or its VPC's default one (6.1).
    pub(crate) fn groups(&mut self, named: Option<&Vec<Text>>, subnet: &Subnet, of: &Text) -> Vec<Id> {
        match named {
            Some(groups) => groups.iter().map(|group| self.reference(Kind::SecurityGroup, group, of)).collect(),
            None => self.built_vpc(&subnet.vpc).map(|vpc| vpc.default_security_group.clone()).into_iter().collect(),
        }
    }

    /// Addresses by family.
    pub(crate) fn addresses(&mut self, texts: &[Text]) -> (Vec<PrivateIpv4>, Vec<Ipv6Addr>) {
        let (mut ipv4, mut ipv6) = (Vec::new(), Vec::new());
        for text in texts {
            match self.parsed(text, "IP address", "10.0.0.10") {
                Some(IpAddr::V4(private)) => ipv4.push(PrivateIpv4 { private, public: None }),
                Some(IpAddr::V6(address)) => ipv6.push(address),
                None => {}
            }
        }
        (ipv4, ipv6)
    }

    /// Gives the primary IPv4 address its public one.
    fn publish(&mut self, ipv4: &mut [PrivateIpv4], public: Option<&Text>) {
        let Some(public) = public else { return };
        let address = self.parsed(public, "IPv4 address", "203.0.113.10");
        match ipv4.first_mut() {
            Some(primary) => primary.public = address,
            None => {
                let text = "`public` is the public address of the first IPv4 address, and there is none";
                self.error("public-without-private", public.span(), text);
            }
        }
    }

    fn pair(&mut self, file: &AddressFile) -> Option<PrivateIpv4> {
        let private = self.parsed(&file.private, "IPv4 address", "10.0.0.10");
        let public = file.public.as_ref().and_then(|text| self.parsed(text, "IPv4 address", "203.0.113.10"));
        Some(PrivateIpv4 { private: private?, public })
    }

    pub(crate) fn instances(&mut self, instances: Named<InstanceFile>) {
        for (name, instance) in instances {
            self.instance(&name, instance);
        }
    }

    fn instance(&mut self, name: &Text, file: InstanceFile) {
        let id = Id::named(Kind::Instance, name.get_ref());
        let Some(eni) = primary(name, &file) else {
            self.bare_instance(id, name, file);
            return;
        };
        let (mut ipv4, ipv6) = self.addresses(&file.addresses);
        let Some(subnet) = self.subnet(file.subnet.as_ref(), name) else {
            self.broken.extend([id, eni]);
            return;
        };
        if file.addresses.is_empty() {
            ipv4.extend(self.chosen_address(&eni, &subnet));
        }
        self.publish(&mut ipv4, file.public.as_ref());
        let running = file.running.unwrap_or(true);
        let shown = Self::shown(Kind::Instance, name, file.name);
        let origin = self.at(name.span());
        let security_groups = self.groups(file.security_groups.as_ref(), &subnet, name);
        self.network.interfaces.push(NetworkInterface {
            instance: Some(id.clone()),
            name: shown.clone(),
            security_groups,
            ipv4,
            ipv6,
            source_dest_check: file.source_dest_check.unwrap_or(true),
            forward: file.forward,
            in_use: running,
            connection_tracking: timers(
                file.tcp_established_timeout,
                file.udp_timeout,
                file.udp_stream_timeout,
                file.instance_type.as_deref(),
            ),
            ..interface(eni, subnet.id, InterfaceKind::Interface, origin.clone())
        });
        self.built.instances.entry(id.clone()).or_insert(self.network.instances.len());
        self.network.instances.push(Instance { id, name: shown, running, instance_type: file.instance_type, origin });
    }

    /// An instance whose interfaces say that they are its.
    fn bare_instance(&mut self, id: Id, name: &Text, file: InstanceFile) {
        let set = file.subnet.is_some() || !file.addresses.is_empty() || file.public.is_some();
        let timers = [file.tcp_established_timeout, file.udp_timeout, file.udp_stream_timeout];
        let timed = timers.iter().any(Option::is_some);
        let forwards = file.source_dest_check.is_some() || file.forward.is_some();
        if set || timed || forwards || file.security_groups.is_some() {
            let text = format!("{id} has no interface of its own, and says what only an interface has");
            self.error_with_help("instance-without-interface", name.span(), text, "leave out eni = \"none\"");
        }
        self.built.instances.entry(id.clone()).or_insert(self.network.instances.len());
        self.network.instances.push(Instance {
            id,
            name: Self::shown(Kind::Instance, name, file.name),
            running: file.running.unwrap_or(true),
            instance_type: file.instance_type,
            origin: self.at(name.span()),
        });
    }

    /// The first free address of a subnet, for an instance that has none. Where none is free, the instance stays without,
    /// which is a finding of the validation.
    fn chosen_address(&mut self, eni: &Id, subnet: &Subnet) -> Option<PrivateIpv4> {
        let chosen = self.free_address(subnet)?;
        let text = format!("no address is given: {}, the first free one, is taken", chosen.private);
        self.assume("ADDRESS_CHOSEN", eni, text);
        Some(chosen)
    }

    /// The first free address of a subnet, which is taken from now on.
    pub(crate) fn free_address(&mut self, subnet: &Subnet) -> Option<PrivateIpv4> {
        let net = subnet.cidrs.iter().find_map(|net| match net {
            IpNet::V4(net) => Some(net),
            IpNet::V6(_) => None,
        })?;
        let first = u32::from(net.network()).checked_add(FIRST_HOST)?;
        // What is taken stays taken, so the search goes on where it ended the last time.
        let first = self.free.entry(subnet.id.clone()).or_insert(first);
        let mut hosts = (*first..u32::from(net.broadcast())).map(Ipv4Addr::from);
        let free = hosts.find(|address| !self.taken.contains(address));
        *first = u32::from(free.unwrap_or_else(|| net.broadcast()));
        self.taken.extend(free);
        free.map(|private| PrivateIpv4 { private, public: None })
    }

    pub(crate) fn interfaces(&mut self, interfaces: Named<InterfaceFile>) {
        for (name, interface) in interfaces {
            self.interface(&name, interface);
        }
    }

    fn interface(&mut self, name: &Text, file: InterfaceFile) {
        let id = Id::named(Kind::NetworkInterface, name.get_ref());
        let instance = file.instance.as_ref().map(|instance| self.reference(Kind::Instance, instance, name));
        let owner = instance.as_ref().and_then(|instance| self.built.instances.get(instance));
        let owner = owner.map(|at| &self.network.instances[*at]);
        let in_use = file.in_use.unwrap_or_else(|| owner.is_none_or(|owner| owner.running));
        let instance_type = owner.and_then(|owner| owner.instance_type.clone());
        let (mut ipv4, ipv6) = self.addresses(&file.addresses);
        self.publish(&mut ipv4, file.public.as_ref());
        for pair in &file.secondary {
            ipv4.extend(self.pair(pair));
        }
        let prefixes = self.blocks(&file.prefixes);
        let Some(subnet) = self.subnet(file.subnet.as_ref(), name) else {
            self.broken.insert(id);
            return;
        };
        let origin = self.at(name.span());
        let kind = file.kind.map_or(InterfaceKind::Interface, InterfaceTypeFile::kind);
        let security_groups = match &file.security_groups {
            None if is_groupless(kind) => Vec::new(),
            named => self.groups(named.as_ref(), &subnet, name),
        };
        self.network.interfaces.push(NetworkInterface {
            name: Self::shown(Kind::NetworkInterface, name, file.name),
            security_groups,
            instance,
            ipv4,
            ipv6,
            prefixes,
            source_dest_check: file.source_dest_check.unwrap_or_else(|| !is_groupless(kind)),
            forward: file.forward,
            in_use,
            connection_tracking: timers(
                file.tcp_established_timeout,
                file.udp_timeout,
                file.udp_stream_timeout,
                instance_type.as_deref(),
            ),
            deny_all_igw_traffic: file.deny_all_igw_traffic,
            ..interface(id, subnet.id, kind, origin)
        });
    }

    /// The interfaces that a resource names as its own; they have to be of its kind.
    pub(crate) fn owned(&mut self, named: &[Text], kind: InterfaceKind, by: &Text) -> Vec<Id> {
        let mut ids = Vec::new();
        for eni in named {
            let id = self.reference(Kind::NetworkInterface, eni, by);
            self.claims.push((id.clone(), eni.span(), kind));
            ids.push(id);
        }
        ids
    }

    /// What is named as the interface of something is one of those.
    pub(crate) fn check_claims(&mut self) {
        let claims = std::mem::take(&mut self.claims);
        if claims.is_empty() {
            return;
        }
        let kinds: HashMap<Id, InterfaceKind> =
            self.network.interfaces.iter().map(|interface| (interface.id.clone(), interface.kind)).collect();
        for (id, span, kind) in claims {
            // One that does not exist was said to be missing.
            if kinds.get(&id).is_some_and(|of| *of != kind) {
                let text = format!("{id} is no interface of this kind");
                let help = format!("write type = \"{}\" in [eni.NAME]", InterfaceTypeFile::word(kind));
                self.error_with_help("eni-type", span, text, help);
            }
        }
    }
}

/// What gateways put into a subnet has no security group (6.30), and takes packets of others.
pub(crate) fn is_groupless(kind: InterfaceKind) -> bool {
    use InterfaceKind::{GatewayLoadBalancerEndpoint, NatGateway, TransitGateway};
    matches!(kind, NatGateway | TransitGateway | GatewayLoadBalancerEndpoint)
}

/// An interface with nothing set.
pub(crate) fn interface(id: Id, subnet: Id, kind: InterfaceKind, origin: Origin) -> NetworkInterface {
    NetworkInterface {
        id,
        name: None,
        subnet,
        kind,
        instance: None,
        ipv4: Vec::new(),
        ipv6: Vec::new(),
        prefixes: Vec::new(),
        security_groups: Vec::new(),
        source_dest_check: true,
        forward: None,
        in_use: true,
        connection_tracking: ConnectionTracking::default(),
        deny_all_igw_traffic: false,
        origin,
    }
}

/// The timers that the file sets, else those of the instance type (6.16).
fn timers(
    established: Option<Span>,
    udp: Option<Span>,
    udp_stream: Option<Span>,
    of_type: Option<&str>,
) -> ConnectionTracking {
    let duration = |span: Option<Span>| span.map(|Span(duration)| duration);
    ConnectionTracking {
        tcp_established: duration(established).or_else(|| of_type.and_then(instance_type::tcp_established)),
        udp: duration(udp),
        udp_stream: duration(udp_stream),
    }
}
