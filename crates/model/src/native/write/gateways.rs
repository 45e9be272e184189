//! Internet, egress-only and NAT gateways, endpoints, and Block Public Access.

use crate::{BlockMode, Connectivity, EndpointKind, Id, Kind, NatGateway, NetworkInterface, Placement, VpcEndpoint};

use super::behavior::word;
use super::toml::{self, Row};
use super::{Page, toml::text};

impl<'a> Page<'a> {
    pub(super) fn gateways(&mut self) {
        let network = self.network;
        for gateway in &network.internet_gateways {
            self.heading("internet_gateway", Kind::InternetGateway, &gateway.id, &gateway.origin);
            self.attached_to(gateway.vpc.as_ref());
        }
        for gateway in &network.egress_only_internet_gateways {
            let kind = Kind::EgressOnlyInternetGateway;
            self.heading("egress_only_internet_gateway", kind, &gateway.id, &gateway.origin);
            self.of_vpc(&gateway.vpc);
        }
        network.nat_gateways.iter().for_each(|gateway| self.nat_gateway(gateway));
    }

    /// The VPC of a gateway, which need not have one.
    pub(super) fn attached_to(&mut self, vpc: Option<&Id>) {
        match vpc {
            Some(vpc) => self.of_vpc(vpc),
            None => self.flag("attached", false, true),
        }
    }

    fn nat_gateway(&mut self, gateway: &'a NatGateway) {
        self.heading("nat_gateway", Kind::NatGateway, &gateway.id, &gateway.origin);
        self.name_of(Kind::NatGateway, &gateway.id, gateway.name.as_ref());
        let mut rows = Vec::new();
        match &gateway.placement {
            Placement::Zonal { subnet, interface } => {
                self.refer("subnet", Kind::Subnet, subnet);
                let short = short(Kind::NatGateway, &gateway.id);
                if !self.owned.is_made(interface) {
                    self.refer("eni", Kind::NetworkInterface, interface);
                } else if *interface != Id::of(Kind::NetworkInterface, short) {
                    self.set_text("eni", Some(&interface.as_name(Kind::NetworkInterface)));
                }
                for address in &gateway.addresses {
                    let row = Row::new().set("private", text(&address.translated.to_string()));
                    rows.push(row.set("public", address.public.map(|public| text(&public.to_string()))).done());
                }
            }
            Placement::Regional { route_table } => {
                self.set_text("mode", Some("regional"));
                self.of_vpc(&gateway.vpc);
                self.refer("route_table", Kind::RouteTable, route_table);
                for address in &gateway.addresses {
                    let row = Row::new().set("public", text(&address.translated.to_string()));
                    rows.push(row.set("az", address.zone.as_deref().map(text)).done());
                }
            }
        }
        self.set("addresses", toml::rows(rows));
        if gateway.connectivity == Connectivity::Private {
            self.set_text("connectivity", Some("private"));
        }
        self.flag("available", gateway.available, true);
    }

    pub(super) fn endpoints(&mut self) {
        let network = self.network;
        network.vpc_endpoints.iter().for_each(|endpoint| self.endpoint(endpoint));
    }

    fn endpoint(&mut self, endpoint: &'a VpcEndpoint) {
        self.heading("vpc_endpoint", Kind::VpcEndpoint, &endpoint.id, &endpoint.origin);
        self.name_of(Kind::VpcEndpoint, &endpoint.id, endpoint.name.as_ref());
        let kind = match &endpoint.kind {
            EndpointKind::Gateway { .. } => "gateway",
            EndpointKind::Interface { .. } => "interface",
            EndpointKind::GatewayLoadBalancer { .. } => "gateway-load-balancer",
        };
        self.set_text("type", Some(kind));
        self.set_text("service", Some(&endpoint.service));
        self.of_vpc(&endpoint.vpc);
        let short = short(Kind::VpcEndpoint, &endpoint.id);
        match &endpoint.kind {
            EndpointKind::Gateway { prefix_list } => {
                if let Some(list) = prefix_list {
                    self.refer("prefix_list", Kind::PrefixList, list);
                }
            }
            EndpointKind::Interface { interfaces, udp } => {
                if let Some(made) = self.owned_interfaces(interfaces, short) {
                    self.groups_of(made);
                }
                self.flag("udp", *udp, false);
            }
            EndpointKind::GatewayLoadBalancer { interface } => {
                self.owned_interfaces(std::slice::from_ref(interface), short);
            }
        }
    }

    /// The interfaces of an endpoint or attachment: as subnets and addresses where that tells all there is, or by name. Of
    /// those that are made, the first one.
    pub(super) fn owned_interfaces(&mut self, ids: &[Id], owner: &str) -> Option<&'a NetworkInterface> {
        let Some(made) = self.owned.all_made(ids) else {
            self.refer_all("enis", Kind::NetworkInterface, ids);
            return None;
        };
        self.refer_all("subnets", Kind::Subnet, made.iter().map(|it| &it.subnet));
        self.set("addresses", toml::texts(made.iter().flat_map(|it| it.addresses())));
        let by_itself =
            |(number, id): (usize, &Id)| *id == Id::of(Kind::NetworkInterface, &format!("{owner}-{number}"));
        if !(1..).zip(ids).all(by_itself) {
            self.set("enis", toml::texts(ids.iter().map(|id| id.as_name(Kind::NetworkInterface))));
        }
        made.first().copied()
    }

    /// The groups of an interface, if it has others than it would have by itself.
    pub(super) fn groups_of(&mut self, interface: &NetworkInterface) {
        let network = self.network;
        let vpc = network.subnet(&interface.subnet).and_then(|subnet| network.vpc(&subnet.vpc));
        let default = vpc.map(|vpc| std::slice::from_ref(&vpc.default_security_group));
        if default != Some(interface.security_groups.as_slice()) {
            self.refer_all("security_groups", Kind::SecurityGroup, &interface.security_groups);
        }
    }

    pub(super) fn block_public_access(&mut self) {
        let network = self.network;
        let access = &network.block_public_access;
        if access.mode == BlockMode::Off && access.exclusions.is_empty() {
            return;
        }
        self.line("\n[block_public_access]");
        self.set_text("mode", Some(&word(&access.mode)));
        let exclusions = access.exclusions.iter().map(|exclusion| {
            let (key, kind) = match network.subnet(&exclusion.scope) {
                Some(_) => ("subnet", Kind::Subnet),
                None => ("vpc", Kind::Vpc),
            };
            let scope = text(&self.names.get(kind, &exclusion.scope));
            Row::new().set(key, scope).set("mode", text(&word(&exclusion.allows))).done()
        });
        let exclusions: Vec<_> = exclusions.collect();
        if !exclusions.is_empty() {
            self.set("exclusions", toml::rows(exclusions));
        }
    }
}

/// The id without the prefix of its kind.
pub(super) fn short(kind: Kind, id: &Id) -> &str {
    id.as_str().strip_prefix(kind.prefix()).unwrap_or(id.as_str())
}
