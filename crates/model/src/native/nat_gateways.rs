//! NAT gateways of both kinds (4.1).

use std::net::Ipv4Addr;

use toml::Spanned;

use crate::{
    Connectivity, Destination, Id, InterfaceKind, Kind, NatAddress, NatGateway, NetworkInterface, Placement,
    PrivateIpv4, Route, RouteOrigin, RouteTable, Subnet, Target,
};

use super::build::Builder;
use super::defaults::{EVERY_IPV4, local_route};
use super::file::{ConnectivityFile, ModeFile, Named, NatAddressFile, NatGatewayFile, Text};
use super::hosts::interface;

impl Builder<'_> {
    pub(crate) fn nat_gateways(&mut self, gateways: Named<NatGatewayFile>) {
        for (name, gateway) in gateways {
            let id = Id::named(Kind::NatGateway, name.get_ref());
            let built = match gateway.mode.unwrap_or_default() {
                ModeFile::Zonal => self.zonal(&id, &name, &gateway),
                ModeFile::Regional => self.regional(&id, &name, &gateway),
            };
            let Some((vpc, placement, addresses)) = built else {
                self.broken.insert(id);
                continue;
            };
            let connectivity = match gateway.connectivity.map(Spanned::into_inner) {
                Some(ConnectivityFile::Private) => Connectivity::Private,
                Some(ConnectivityFile::Public) | None => Connectivity::Public,
            };
            self.network.nat_gateways.push(NatGateway {
                id,
                vpc,
                placement,
                connectivity,
                addresses,
                available: gateway.available.unwrap_or(true),
                origin: self.at(name.span()),
                name: Self::shown(Kind::NatGateway, &name, gateway.name),
            });
        }
    }

    fn zonal(&mut self, id: &Id, name: &Text, file: &NatGatewayFile) -> Option<(Id, Placement, Vec<NatAddress>)> {
        if let Some(table) = &file.route_table {
            let text = format!("{id} is zonal: it uses the route table of its subnet, and has none of its own");
            self.error_with_help("zonal-nat", table.span(), text, "write mode = \"regional\", or leave it out");
        }
        let ipv4: Vec<_> = file.addresses.iter().filter_map(|address| self.zonal_address(id, address)).collect();
        let vpc = file.vpc.as_ref().map(|vpc| (self.reference(Kind::Vpc, vpc, name), vpc.span()));
        let subnet = self.subnet(file.subnet.as_ref(), name)?;
        if let Some((vpc, span)) = vpc.filter(|(vpc, _)| *vpc != subnet.vpc) {
            let text = format!("{id} names {vpc}, and its {} is of {}", subnet.id, subnet.vpc);
            self.error_with_help("other-vpc", span, text, "leave out `vpc`");
        }
        // What is wrong with an address has been said; that it is missing is no news.
        if ipv4.len() < file.addresses.len() {
            return None;
        }
        let interface = self.nat_interface(id, &subnet, ipv4.clone(), file.eni.as_ref(), name);
        let address = |pair: PrivateIpv4| NatAddress { translated: pair.private, public: pair.public, zone: None };
        let addresses = ipv4.into_iter().map(address).collect();
        Some((subnet.vpc, Placement::Zonal { subnet: subnet.id, interface }, addresses))
    }

    fn zonal_address(&mut self, id: &Id, address: &Spanned<NatAddressFile>) -> Option<PrivateIpv4> {
        let NatAddressFile { private, public, az } = address.get_ref();
        if let Some(az) = az {
            let text = format!("{id} is zonal: all its addresses are in the zone of its subnet");
            self.error_with_help("zonal-nat", az.span(), text, "leave out `az`, or write mode = \"regional\"");
        }
        if private.is_none() {
            let text = format!("an address of {id} has no `private`, which it would translate to");
            let help = "write { private = \"10.0.0.200\", public = \"203.0.113.20\" }";
            self.error_with_help("no-address", address.span(), text, help);
        }
        let public = public.as_ref().and_then(|text| self.public_address(text));
        let private = self.parsed(private.as_ref()?, "IPv4 address", "10.0.0.200")?;
        Some(PrivateIpv4 { private, public })
    }

    /// The interface of a zonal gateway.
    fn nat_interface(
        &mut self,
        id: &Id,
        subnet: &Subnet,
        ipv4: Vec<PrivateIpv4>,
        named: Option<&Text>,
        name: &Text,
    ) -> Id {
        let eni = match named {
            Some(named) => {
                let (eni, made) = self.named_or_made(Kind::NetworkInterface, named, name);
                if !made {
                    self.claims.push((eni.clone(), named.span(), InterfaceKind::NatGateway));
                    return eni;
                }
                eni
            }
            None => {
                let short = short(id);
                let plain = Id::of(Kind::NetworkInterface, short);
                // An instance or interface of the same name comes first.
                let taken = self.declared.get(&Kind::NetworkInterface).is_some_and(|taken| taken.contains(&plain));
                if taken { Id::of(Kind::NetworkInterface, &format!("nat-{short}")) } else { plain }
            }
        };
        let origin = self.at(name.span());
        self.network.interfaces.push(NetworkInterface {
            ipv4,
            source_dest_check: false,
            ..interface(eni.clone(), subnet.id.clone(), InterfaceKind::NatGateway, origin)
        });
        eni
    }

    fn regional(&mut self, id: &Id, name: &Text, file: &NatGatewayFile) -> Option<(Id, Placement, Vec<NatAddress>)> {
        if let Some(eni) = &file.eni {
            let text = format!("{id} is regional: it has no interface");
            self.error_with_help("regional-nat", eni.span(), text, "leave out `eni`, or write mode = \"zonal\"");
        }
        if let Some(subnet) = &file.subnet {
            let text = format!("{id} is regional: it is in no subnet");
            self.error_with_help("regional-nat", subnet.span(), text, "leave out `subnet`, or write mode = \"zonal\"");
        }
        let private = |it: &&Spanned<ConnectivityFile>| *it.get_ref() == ConnectivityFile::Private;
        if let Some(connectivity) = file.connectivity.as_ref().filter(private) {
            let text = format!("{id} is regional, and regional gateways are public");
            let help = "leave out `connectivity`, or write mode = \"zonal\"";
            self.error_with_help("regional-nat", connectivity.span(), text, help);
        }
        let addresses: Vec<_> =
            file.addresses.iter().filter_map(|address| self.regional_address(id, address)).collect();
        if addresses.len() < file.addresses.len() {
            return None;
        }
        let zoneless: Vec<_> = addresses.iter().filter(|it| it.zone.is_none()).map(|it| it.translated).collect();
        for address in zoneless {
            let text = format!("no availability zone is given for {address}: it serves every zone");
            self.assume("NAT_ADDRESS_ZONE", id, text);
        }
        let table = file.route_table.as_ref().map(|table| self.reference(Kind::RouteTable, table, name));
        let vpc = self.vpc(file.vpc.as_ref(), name)?;
        let route_table = table.unwrap_or_else(|| self.regional_table(id, &vpc, name));
        Some((vpc, Placement::Regional { route_table }, addresses))
    }

    fn regional_address(&mut self, id: &Id, address: &Spanned<NatAddressFile>) -> Option<NatAddress> {
        let NatAddressFile { private, public, az } = address.get_ref();
        if let Some(private) = private {
            let text = format!("{id} is regional: it translates to its public addresses, and has no private ones");
            self.error_with_help("regional-nat", private.span(), text, "leave out `private`");
        }
        let Some(public) = public else {
            let text = format!("an address of {id} has no `public`, which it would translate to");
            let help = "write { public = \"203.0.113.20\", az = \"a\" }";
            self.error_with_help("no-address", address.span(), text, help);
            return None;
        };
        let translated = self.public_address(public)?;
        let zone = az.as_ref().map(|az| az.get_ref().clone());
        Some(NatAddress { translated, public: Some(translated), zone })
    }

    fn public_address(&mut self, text: &Text) -> Option<Ipv4Addr> {
        self.parsed(text, "IPv4 address", "203.0.113.20")
    }

    /// The table that AWS makes for a regional gateway (4.4).
    fn regional_table(&mut self, gateway: &Id, vpc: &Id, name: &Text) -> Id {
        let short = short(gateway);
        let plain = Id::of(Kind::RouteTable, short);
        // A table of the same name comes first.
        let taken = self.declared.get(&Kind::RouteTable).is_some_and(|taken| taken.contains(&plain));
        let id = if taken { Id::of(Kind::RouteTable, &format!("nat-{short}")) } else { plain };
        let blocks = self.built_vpc(vpc).map(|vpc| vpc.cidrs.clone()).unwrap_or_default();
        let mut routes: Vec<_> = blocks.into_iter().map(local_route).collect();
        let origin = self.at(name.span());
        let internet = self.network.internet_gateways.iter().find(|gateway| gateway.vpc.as_ref() == Some(vpc));
        routes.extend(internet.map(|gateway| Route {
            destination: Destination::Cidr(EVERY_IPV4),
            target: Target::InternetGateway(gateway.id.clone()),
            route_origin: RouteOrigin::Static,
            active: true,
            origin: origin.clone(),
        }));
        self.network.route_tables.push(RouteTable { id: id.clone(), name: None, vpc: vpc.clone(), routes, origin });
        id
    }
}

fn short(gateway: &Id) -> &str {
    gateway.as_str().strip_prefix(Kind::NatGateway.prefix()).unwrap_or(gateway.as_str())
}
