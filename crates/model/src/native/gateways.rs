//! Internet gateways, egress-only ones and endpoints.

use crate::{
    EgressOnlyInternetGateway, EndpointKind, Id, InterfaceKind, InternetGateway, Kind, NetworkInterface, VpcEndpoint,
};

use super::build::Builder;
use super::file::{EgressOnlyFile, EndpointFile, EndpointKindFile, InternetGatewayFile, Named, Text};
use super::hosts::interface;

impl Builder<'_> {
    pub(crate) fn gateways(&mut self, internet: Named<InternetGatewayFile>, egress_only: Named<EgressOnlyFile>) {
        for (name, gateway) in internet {
            let vpc = self.attached_to(gateway.attached, gateway.vpc.as_ref(), &name);
            let (id, origin) = (Id::named(Kind::InternetGateway, name.get_ref()), self.at(name.span()));
            self.network.internet_gateways.push(InternetGateway { id, vpc, origin });
        }
        for (name, gateway) in egress_only {
            let id = Id::named(Kind::EgressOnlyInternetGateway, name.get_ref());
            match self.vpc(gateway.vpc.as_ref(), &name) {
                Some(vpc) => {
                    let origin = self.at(name.span());
                    self.network.egress_only_internet_gateways.push(EgressOnlyInternetGateway { id, vpc, origin });
                }
                None => _ = self.broken.insert(id),
            }
        }
    }

    /// The VPC that a gateway is attached to, which some are not.
    pub(crate) fn attached_to(&mut self, attached: Option<bool>, named: Option<&Text>, of: &Text) -> Option<Id> {
        if attached.unwrap_or(true) {
            return self.vpc(named, of);
        }
        if let Some(named) = named {
            let text = format!("`{}` is not attached, and names a `vpc`", of.get_ref());
            self.error_with_help("not-attached", named.span(), text, "leave out one of the two");
        }
        None
    }

    pub(crate) fn endpoints(&mut self, endpoints: &Named<EndpointFile>) {
        for (name, endpoint) in endpoints {
            self.endpoint(name, endpoint);
        }
    }

    fn endpoint(&mut self, name: &Text, file: &EndpointFile) {
        let id = Id::named(Kind::VpcEndpoint, name.get_ref());
        let vpc = self.vpc(file.vpc.as_ref(), name);
        if file.service.is_none() {
            self.error("no-service", name.span(), format!("{id} needs a `service`, as \"s3\""));
        }
        let kind = match file.kind {
            Some(EndpointKindFile::Gateway) => {
                let interfaces =
                    !file.subnets.is_empty() || !file.addresses.is_empty() || file.enis.is_some() || file.udp;
                if interfaces || file.security_groups.is_some() {
                    let text =
                        format!("{id} is a gateway endpoint: it has no interfaces, so no subnets, addresses or groups");
                    self.error("gateway-endpoint", name.span(), text);
                }
                let prefix_list = file.prefix_list.as_ref().map(|list| Id::named(Kind::PrefixList, list.get_ref()));
                Some(EndpointKind::Gateway { prefix_list })
            }
            Some(EndpointKindFile::Interface) => {
                if let Some(list) = &file.prefix_list {
                    let text = format!("{id} is an interface endpoint: it has no prefix list");
                    self.error("interface-endpoint", list.span(), text);
                }
                Some(EndpointKind::Interface { interfaces: self.endpoint_interfaces(name, file), udp: file.udp })
            }
            Some(EndpointKindFile::GatewayLoadBalancer) => self
                .load_balancer_interface(name, file)
                .map(|interface| EndpointKind::GatewayLoadBalancer { interface }),
            None => {
                let help = "a type is one of gateway, interface, gateway-load-balancer";
                self.error_with_help("no-type", name.span(), format!("{id} needs a `type`"), help);
                None
            }
        };
        let (Some(vpc), Some(service), Some(kind)) = (vpc, file.service.clone(), kind) else {
            self.broken.insert(id);
            return;
        };
        let (name, origin) = (Self::shown(Kind::VpcEndpoint, name, file.name.clone()), self.at(name.span()));
        self.network.vpc_endpoints.push(VpcEndpoint { id, name, vpc, service, kind, origin });
    }

    /// One interface in each subnet (10.7).
    fn endpoint_interfaces(&mut self, name: &Text, file: &EndpointFile) -> Vec<Id> {
        if let (Some(enis), []) = (&file.enis, file.subnets.as_slice()) {
            if !file.addresses.is_empty() || file.security_groups.is_some() {
                let text = "addresses and groups of `enis` are those of each [eni.NAME]";
                self.error("endpoint-addresses", name.span(), text);
            }
            return self.owned(enis, InterfaceKind::VpcEndpoint, name);
        }
        self.as_many(file.enis.as_deref(), file.subnets.len(), name);
        if file.subnets.is_empty() || file.subnets.len() != file.addresses.len() {
            let (subnets, addresses) = (file.subnets.len(), file.addresses.len());
            let text = "an interface endpoint has one or more `subnets` and as many `addresses`";
            let help = format!("here are {subnets} subnets and {addresses} addresses");
            self.error_with_help("endpoint-addresses", name.span(), text, help);
        }
        let id = Id::named(Kind::VpcEndpoint, name.get_ref());
        let short = id.as_str().strip_prefix(Kind::VpcEndpoint.prefix()).unwrap_or(id.as_str());
        let mut ids = Vec::new();
        for (number, (at, address)) in (1..).zip(file.subnets.iter().zip(&file.addresses)) {
            let (ipv4, ipv6) = self.addresses(std::slice::from_ref(address));
            let Some(subnet) = self.subnet(Some(at), name) else { continue };
            let eni = made_eni(file.enis.as_deref(), number, short);
            let origin = self.at(at.span());
            let security_groups = self.groups(file.security_groups.as_ref(), &subnet, name);
            self.network.interfaces.push(NetworkInterface {
                security_groups,
                ipv4,
                ipv6,
                deny_all_igw_traffic: true,
                ..interface(eni.clone(), subnet.id, InterfaceKind::VpcEndpoint, origin)
            });
            ids.push(eni);
        }
        ids
    }

    /// As many names of interfaces as there are subnets, where there are any.
    pub(crate) fn as_many(&mut self, enis: Option<&[Text]>, subnets: usize, of: &Text) {
        if let Some(enis) = enis.filter(|enis| enis.len() != subnets) {
            let text = format!("`{}` names {} interfaces in {subnets} subnets", of.get_ref(), enis.len());
            let help = "write one of `enis` a subnet, or leave out `subnets` where each is an [eni.NAME]";
            self.error_with_help("eni-count", of.span(), text, help);
        }
    }

    /// One interface in one subnet (10.14).
    fn load_balancer_interface(&mut self, name: &Text, file: &EndpointFile) -> Option<Id> {
        let id = Id::named(Kind::VpcEndpoint, name.get_ref());
        let misplaced = file.prefix_list.is_some() || file.security_groups.is_some() || file.udp;
        if misplaced || !file.route_tables.is_empty() {
            let text = format!("{id} is of a Gateway Load Balancer: it has a subnet and an address, and nothing else");
            self.error("gateway-load-balancer-endpoint", name.span(), text);
        }
        if let (Some(enis), [], []) = (&file.enis, file.subnets.as_slice(), file.addresses.as_slice()) {
            self.as_many(Some(enis), 1, name);
            return self.owned(enis, InterfaceKind::GatewayLoadBalancerEndpoint, name).into_iter().next();
        }
        self.as_many(file.enis.as_deref(), file.subnets.len(), name);
        let ([at], [] | [_]) = (file.subnets.as_slice(), file.addresses.as_slice()) else {
            let text = format!("{id} is of a Gateway Load Balancer: it is in one subnet, with at most one address");
            self.error("gateway-load-balancer-endpoint", name.span(), text);
            return None;
        };
        let (mut ipv4, ipv6) = self.addresses(&file.addresses);
        let subnet = self.subnet(Some(at), name)?;
        if file.addresses.is_empty() {
            ipv4.extend(self.free_address(&subnet));
        }
        let short = id.as_str().strip_prefix(Kind::VpcEndpoint.prefix()).unwrap_or(id.as_str());
        let eni = made_eni(file.enis.as_deref(), 1, short);
        let origin = self.at(at.span());
        self.network.interfaces.push(NetworkInterface {
            ipv4,
            ipv6,
            source_dest_check: false,
            ..interface(eni.clone(), subnet.id, InterfaceKind::GatewayLoadBalancerEndpoint, origin)
        });
        Some(eni)
    }
}

/// The id of an interface that is made: as the file says, or by the number that it is of its owner.
pub(crate) fn made_eni(enis: Option<&[Text]>, number: usize, owner: &str) -> Id {
    let named = enis.and_then(|enis| enis.get(number - 1));
    named.map_or_else(
        || Id::of(Kind::NetworkInterface, &format!("{owner}-{number}")),
        |eni| Id::named(Kind::NetworkInterface, eni.get_ref()),
    )
}
