//! Gateways, instances, interfaces and endpoints.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use toml::Spanned;

use crate::behavior::Span;
use crate::{
    ConnectionTracking, Connectivity, EgressOnlyInternetGateway, EndpointKind, Id, Instance, InterfaceKind,
    InternetGateway, Kind, NatAddress, NatGateway, NetworkInterface, PrivateIpv4, Subnet, VpcEndpoint,
};

use super::build::{Builder, in_order};
use super::file::{
    AddressFile, ConnectivityFile, EndpointFile, EndpointKindFile, File, InstanceFile, InterfaceFile, NatGatewayFile,
    Text,
};

/// The first host address of a subnet: the first four are reserved (1.8).
const FIRST_HOST: u32 = 4;

impl Builder<'_> {
    pub(super) fn gateways(&mut self, file: &mut File) {
        for (name, gateway) in in_order(std::mem::take(&mut file.internet_gateway)) {
            let vpc = self.vpc(gateway.vpc.as_ref(), &name);
            let (id, origin) = (Id::of(Kind::InternetGateway, name.get_ref()), self.at(name.span()));
            self.network.internet_gateways.push(InternetGateway { id, vpc, origin });
        }
        for (name, gateway) in in_order(std::mem::take(&mut file.egress_only_internet_gateway)) {
            let Some(vpc) = self.vpc(gateway.vpc.as_ref(), &name) else { continue };
            let (id, origin) = (Id::of(Kind::EgressOnlyInternetGateway, name.get_ref()), self.at(name.span()));
            self.network.egress_only_internet_gateways.push(EgressOnlyInternetGateway { id, vpc, origin });
        }
    }

    pub(super) fn hosts(&mut self, file: &mut File) {
        let instances = in_order(std::mem::take(&mut file.instance));
        let interfaces = in_order(std::mem::take(&mut file.eni));
        let mut taken: HashSet<Id> =
            instances.iter().map(|(name, _)| Id::of(Kind::NetworkInterface, name.get_ref())).collect();
        taken.extend(interfaces.iter().map(|(name, _)| Id::of(Kind::NetworkInterface, name.get_ref())));
        for (name, nat) in in_order(std::mem::take(&mut file.nat_gateway)) {
            self.nat_gateway(&name, nat, &taken);
        }
        for (name, instance) in instances {
            self.instance(&name, instance);
        }
        for (name, interface) in interfaces {
            self.interface(&name, interface);
        }
        for (name, endpoint) in &file.vpc_endpoint {
            self.endpoint(name, endpoint);
        }
    }

    /// The subnet that a resource names.
    fn subnet(&mut self, named: Option<&Text>, of: &Spanned<String>) -> Option<Subnet> {
        let Some(name) = named else {
            self.error("no-subnet", of.span(), format!("`{}` needs a `subnet`", of.get_ref()));
            return None;
        };
        let id = Id::of(Kind::Subnet, name.get_ref());
        let found = self.network.subnet(&id).cloned();
        if found.is_none() {
            let known: Vec<_> = self.network.subnets.iter().map(|subnet| subnet.id.to_string()).collect();
            let text = format!("`{}` is in {id}, which does not exist; there is {}", of.get_ref(), known.join(", "));
            self.error("unknown-reference", name.span(), text);
        }
        found
    }

    fn groups(&mut self, named: Option<&Vec<Text>>, subnet: &Subnet) -> Vec<Id> {
        match named {
            Some(groups) => groups.iter().map(|group| Id::of(Kind::SecurityGroup, group.get_ref())).collect(),
            None => self.network.vpc(&subnet.vpc).map(|vpc| vpc.default_security_group.clone()).into_iter().collect(),
        }
    }

    /// Addresses by family, the first IPv4 one with the public one.
    fn addresses(&mut self, texts: &[Text], public: Option<&Text>) -> (Vec<PrivateIpv4>, Vec<Ipv6Addr>) {
        let public = public.and_then(|text| self.parsed::<Ipv4Addr>(text, "IPv4 address", "203.0.113.10"));
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for text in texts {
            match self.parsed::<IpAddr>(text, "IP address", "10.0.0.10") {
                Some(IpAddr::V4(private)) => {
                    let public = if v4.is_empty() { public } else { None };
                    v4.push(PrivateIpv4 { private, public });
                }
                Some(IpAddr::V6(address)) => v6.push(address),
                None => {}
            }
        }
        (v4, v6)
    }

    fn pair(&mut self, file: &AddressFile) -> Option<PrivateIpv4> {
        let private = self.parsed(&file.private, "IPv4 address", "10.0.0.10")?;
        let public = file.public.as_ref().and_then(|text| self.parsed(text, "IPv4 address", "203.0.113.10"));
        Some(PrivateIpv4 { private, public })
    }

    fn instance(&mut self, name: &Spanned<String>, file: InstanceFile) {
        let Some(subnet) = self.subnet(file.subnet.as_ref(), name) else { return };
        let id = Id::of(Kind::Instance, name.get_ref());
        let eni = Id::of(Kind::NetworkInterface, name.get_ref().trim_start_matches("i-"));
        let (mut ipv4, ipv6) = self.addresses(&file.addresses, file.public.as_ref());
        if file.addresses.is_empty()
            && let Some(private) = self.free_address(&subnet)
        {
            let public = file.public.as_ref().and_then(|text| self.parsed(text, "IPv4 address", "203.0.113.10"));
            self.assume(
                "ADDRESS_CHOSEN",
                &eni,
                format!("no address is given; {private}, the first free one, was taken"),
            );
            ipv4.push(PrivateIpv4 { private, public });
        }
        let running = file.running.unwrap_or(true);
        let origin = self.at(name.span());
        let security_groups = self.groups(file.security_groups.as_ref(), &subnet);
        let connection_tracking = timers(file.tcp_established_timeout, file.udp_timeout, file.udp_stream_timeout);
        self.network.interfaces.push(NetworkInterface {
            id: eni,
            name: Some(name.get_ref().clone()),
            subnet: subnet.id,
            kind: InterfaceKind::Interface,
            instance: Some(id.clone()),
            ipv4,
            ipv6,
            prefixes: Vec::new(),
            security_groups,
            source_dest_check: file.source_dest_check.unwrap_or(true),
            in_use: running,
            connection_tracking,
            deny_all_igw_traffic: false,
            origin: origin.clone(),
        });
        let name = Some(name.get_ref().clone());
        self.network.instances.push(Instance { id, name, running, instance_type: file.instance_type, origin });
    }

    fn free_address(&self, subnet: &Subnet) -> Option<Ipv4Addr> {
        let IpNet::V4(net) = subnet.cidrs.iter().find(|net| matches!(net, IpNet::V4(_)))? else { return None };
        let taken: HashSet<Ipv4Addr> =
            self.network.interfaces.iter().flat_map(|eni| &eni.ipv4).map(|pair| pair.private).collect();
        let first = u32::from(net.network()).checked_add(FIRST_HOST)?;
        let last = u32::from(net.broadcast());
        (first..last).map(Ipv4Addr::from).find(|address| !taken.contains(address))
    }

    fn interface(&mut self, name: &Spanned<String>, file: InterfaceFile) {
        let Some(subnet) = self.subnet(file.subnet.as_ref(), name) else { return };
        let instance = file.instance.as_ref().map(|instance| Id::of(Kind::Instance, instance.get_ref()));
        let running = match &instance {
            Some(id) => {
                let found = self.network.instances.iter().find(|of| of.id == *id).map(|of| of.running);
                if let (None, Some(at)) = (found, &file.instance) {
                    self.error("unknown-reference", at.span(), format!("there is no instance {id}"));
                }
                found.unwrap_or(true)
            }
            None => true,
        };
        let (mut ipv4, ipv6) = self.addresses(&file.addresses, file.public.as_ref());
        ipv4.extend(file.secondary.iter().filter_map(|pair| self.pair(pair)).collect::<Vec<_>>());
        let prefixes = self.nets(&file.prefixes);
        let security_groups = self.groups(file.security_groups.as_ref(), &subnet);
        let origin = self.at(name.span());
        self.network.interfaces.push(NetworkInterface {
            id: Id::of(Kind::NetworkInterface, name.get_ref()),
            name: Some(name.get_ref().clone()),
            subnet: subnet.id,
            kind: InterfaceKind::Interface,
            instance,
            ipv4,
            ipv6,
            prefixes,
            security_groups,
            source_dest_check: file.source_dest_check.unwrap_or(true),
            in_use: running,
            connection_tracking: timers(file.tcp_established_timeout, file.udp_timeout, file.udp_stream_timeout),
            deny_all_igw_traffic: false,
            origin,
        });
    }

    fn nat_gateway(&mut self, name: &Spanned<String>, file: NatGatewayFile, taken: &HashSet<Id>) {
        if let Some(mode) = file.mode.as_ref().filter(|mode| mode.get_ref() != "zonal") {
            let text = format!("NAT gateways are \"zonal\"; mode \"{}\" is not supported yet", mode.get_ref());
            self.error("not-supported-yet", mode.span(), text);
        }
        let Some(subnet) = self.subnet(file.subnet.as_ref(), name) else { return };
        let id = Id::of(Kind::NatGateway, name.get_ref());
        let short = id.as_str().trim_start_matches("nat-").to_owned();
        let plain = Id::of(Kind::NetworkInterface, &short);
        let interface =
            if taken.contains(&plain) { Id::of(Kind::NetworkInterface, &format!("nat-{short}")) } else { plain };
        let pairs: Vec<_> = file.addresses.iter().filter_map(|pair| self.pair(pair)).collect();
        let origin = self.at(name.span());
        let connectivity = match file.connectivity {
            Some(ConnectivityFile::Private) => Connectivity::Private,
            Some(ConnectivityFile::Public) | None => Connectivity::Public,
        };
        let addresses = pairs.iter().map(|pair| NatAddress { private: pair.private, public: pair.public }).collect();
        self.network.interfaces.push(NetworkInterface {
            id: interface.clone(),
            name: None,
            subnet: subnet.id.clone(),
            kind: InterfaceKind::NatGateway,
            instance: None,
            ipv4: pairs,
            ipv6: Vec::new(),
            prefixes: Vec::new(),
            security_groups: Vec::new(),
            source_dest_check: false,
            in_use: true,
            connection_tracking: ConnectionTracking::default(),
            deny_all_igw_traffic: false,
            origin: origin.clone(),
        });
        self.network.nat_gateways.push(NatGateway {
            id,
            name: Some(name.get_ref().clone()),
            subnet: subnet.id,
            interface,
            connectivity,
            addresses,
            available: true,
            origin,
        });
    }

    fn endpoint(&mut self, name: &Spanned<String>, file: &EndpointFile) {
        let Some(vpc) = self.vpc(file.vpc.as_ref(), name) else { return };
        let id = Id::of(Kind::VpcEndpoint, name.get_ref());
        let origin = self.at(name.span());
        let kind = match file.kind {
            Some(EndpointKindFile::Gateway) => EndpointKind::Gateway {
                prefix_list: file.prefix_list.as_ref().map(|list| Id::of(Kind::PrefixList, list.get_ref())),
            },
            Some(EndpointKindFile::Interface) => {
                EndpointKind::Interface { interfaces: self.endpoint_interfaces(name, file) }
            }
            None => {
                self.error("no-type", name.span(), format!("{id} needs `type`: \"gateway\" or \"interface\""));
                return;
            }
        };
        let (name, service) = (Some(name.get_ref().clone()), file.service.clone());
        self.network.vpc_endpoints.push(VpcEndpoint { id, name, vpc, service, kind, origin });
    }

    fn endpoint_interfaces(&mut self, name: &Spanned<String>, file: &EndpointFile) -> Vec<Id> {
        let mut ids = Vec::new();
        if file.subnets.len() != file.addresses.len() {
            let text = format!(
                "an interface endpoint has one address a subnet; here are {} addresses for {} subnets",
                file.addresses.len(),
                file.subnets.len()
            );
            self.error("endpoint-addresses", name.span(), text);
        }
        for (number, (at, address)) in (1..).zip(file.subnets.iter().zip(&file.addresses)) {
            let Some(subnet) = self.subnet(Some(at), name) else { continue };
            let (ipv4, ipv6) = self.addresses(std::slice::from_ref(address), None);
            let id = Id::of(Kind::NetworkInterface, &format!("{}-{number}", name.get_ref()));
            let security_groups = self.groups(file.security_groups.as_ref(), &subnet);
            let origin = self.at(at.span());
            self.network.interfaces.push(NetworkInterface {
                id: id.clone(),
                name: None,
                subnet: subnet.id,
                kind: InterfaceKind::VpcEndpoint,
                instance: None,
                ipv4,
                ipv6,
                prefixes: Vec::new(),
                security_groups,
                source_dest_check: true,
                in_use: true,
                connection_tracking: ConnectionTracking::default(),
                deny_all_igw_traffic: true,
                origin,
            });
            ids.push(id);
        }
        ids
    }
}

fn timers(established: Option<Span>, udp: Option<Span>, udp_stream: Option<Span>) -> ConnectionTracking {
    let duration = |span: Option<Span>| span.map(|Span(duration)| duration);
    ConnectionTracking { tcp_established: duration(established), udp: duration(udp), udp_stream: duration(udp_stream) }
}
