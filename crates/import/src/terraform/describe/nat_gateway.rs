//! NAT gateways with their interfaces.

use serde_json::{Value, json};

use super::objects::{append, fields, placed};
use super::source::{Described, first_text, texts};
use super::vpc::SUBNETS;
use super::{Describer, Fields, interface};
use crate::Error;
use crate::codes;
use crate::dump::Key;
use crate::node::Node;

/// Describes them.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    for gateway in to.source.all(&["aws_nat_gateway"]) {
        let id = gateway.id()?;
        if to.objects.has(Key::NatGateways, &id) {
            continue;
        }
        let mut described = gateway.fields(&SAME);
        let regional = gateway.node().state("availability_mode")?.as_deref() == Some("regional");
        let addresses = if regional { regional_addresses(gateway, to)? } else { zonal_addresses(gateway, &id, to)? };
        described.insert("NatGatewayAddresses".to_owned(), Value::from(addresses));
        if regional {
            let table = route_table(gateway, to)?;
            described.insert("RouteTableId".to_owned(), Value::from(table));
        }
        to.objects.add(Key::NatGateways, &id, described, gateway.address());
    }
    Ok(())
}

/// The addresses of a gateway in a subnet; the interface that has them is described too.
fn zonal_addresses(gateway: Described<'_>, id: &str, to: &mut Describer<'_>) -> Result<Vec<Value>, Error> {
    let node = gateway.node();
    let named = node.text("network_interface_id")?;
    let interface = named.unwrap_or_else(|| gateway.address_of("network_interface_id"));
    let mut pairs = vec![Pair {
        private: node.text("private_ip")?,
        public: node.text("public_ip")?,
        allocation: node.text("allocation_id")?,
    }];
    let allocations = texts(&node, "secondary_allocation_ids")?;
    let mut private = texts(&node, "secondary_private_ip_addresses")?.into_iter();
    for allocation in allocations {
        // AWS pairs them in the order in which they are written.
        pairs.push(Pair { private: private.next(), public: None, allocation: Some(allocation) });
    }
    pairs.extend(private.map(|private| Pair { private: Some(private), public: None, allocation: None }));
    for association in to.source.managed(&["aws_nat_gateway_eip_association"]) {
        if association.required("nat_gateway_id")? == id {
            let (private, public) = (association.text("private_ip_address")?, association.text("public_ip")?);
            let allocation = association.text("allocation_id")?;
            if !pairs.iter().any(|pair| pair.allocation.is_some() && pair.allocation == allocation) {
                pairs.push(Pair { private, public, allocation });
            }
        }
    }
    let mut addresses = Vec::new();
    let mut of_interface = fields([]);
    for (at, pair) in pairs.into_iter().enumerate() {
        let Some(pair) = pair.complete(at == 0, gateway, to)? else { continue };
        let mut address = pair.described();
        address.extend(fields([
            ("NetworkInterfaceId", Value::from(interface.as_str())),
            ("IsPrimary", Value::from(at == 0)),
        ]));
        addresses.push(Value::from(placed(address, gateway.address())));
        let mut of = fields([("PrivateIpAddress", Value::from(pair.private)), ("Primary", Value::from(at == 0))]);
        of.insert("Association".to_owned(), json!({"PublicIp": pair.public}));
        append(&mut of_interface, "PrivateIpAddresses", placed(of, gateway.address()));
    }
    if let Some(subnet) = node.text("subnet_id")? {
        interface::groups_of(&mut of_interface, Vec::new(), Some(&subnet), to);
        of_interface.extend(fields([
            ("SubnetId", Value::from(subnet)),
            ("InterfaceType", Value::from("nat_gateway")),
            ("SourceDestCheck", Value::from(false)),
            ("Groups", Value::Null),
        ]));
        to.objects.add(Key::NetworkInterfaces, &interface, of_interface, gateway.address());
    }
    for name in [id, gateway.address(), &gateway.address_of("network_interface_id")] {
        to.objects.name(Key::NetworkInterfaces, name, &interface);
    }
    Ok(addresses)
}

/// A private address of a gateway with the public one that the internet gateway maps it to.
struct Pair {
    private: Option<String>,
    public: Option<String>,
    allocation: Option<String>,
}

impl Pair {
    /// Fills what the elastic IP knows. Without a private address it is none.
    fn complete(
        mut self,
        primary: bool,
        gateway: Described<'_>,
        to: &mut Describer<'_>,
    ) -> Result<Option<Self>, Error> {
        let elastic = self.allocation.as_ref().and_then(|allocation| to.elastic.allocated(allocation));
        if let Some(address) = elastic {
            self.public = match self.public {
                None => address.text("public_ip")?,
                known => known,
            };
            self.private = match self.private {
                None => address.text("private_ip")?,
                known => known,
            };
        }
        if self.private.is_none() && !primary {
            let what = self.allocation.as_deref().unwrap_or("a further address");
            let text = format!("the private address of {what} of {} is not known: it is left out", gateway.address());
            to.notes.assume(codes::UNKNOWN_NAT_ADDRESS, gateway.address(), text);
        }
        Ok(Some(self).filter(|pair| pair.private.is_some()))
    }

    fn described(&self) -> Fields {
        fields([
            ("PrivateIp", Value::from(self.private.as_deref())),
            ("PublicIp", Value::from(self.public.as_deref())),
            ("AllocationId", Value::from(self.allocation.as_deref())),
        ])
    }
}

/// The addresses of a gateway for a region: those that AWS shows, or those that are asked for, or one in every zone that
/// AWS would choose itself.
fn regional_addresses(gateway: Described<'_>, to: &mut Describer<'_>) -> Result<Vec<Value>, Error> {
    let node = gateway.node();
    let mut addresses = Vec::new();
    for shown in node.list("regional_nat_gateway_address")? {
        let allocation = shown.text("allocation_id")?;
        addresses.extend(in_zone(&shown, shown.text("public_ip")?, allocation, to)?);
    }
    if !addresses.is_empty() {
        return Ok(addresses);
    }
    for asked in node.list("availability_zone_address")? {
        let mut allocations = texts(&asked, "allocation_ids")?;
        allocations.extend(asked.text("allocation_id")?);
        for allocation in allocations {
            addresses.extend(in_zone(&asked, None, Some(allocation), to)?);
        }
    }
    if addresses.is_empty() && !gateway.is_data() {
        addresses = chosen_by_aws(gateway, to)?;
    }
    Ok(addresses)
}

fn in_zone(
    node: &Node<'_>,
    public: Option<String>,
    allocation: Option<String>,
    to: &Describer<'_>,
) -> Result<Option<Value>, Error> {
    let public = match (&public, &allocation) {
        (None, Some(allocation)) => match to.elastic.allocated(allocation) {
            Some(address) => address.text("public_ip")?,
            None => None,
        },
        _ => public,
    };
    let described = fields([
        ("PublicIp", Value::from(public)),
        ("AllocationId", Value::from(allocation)),
        ("AvailabilityZone", Value::from(node.text("availability_zone")?)),
        ("AvailabilityZoneId", Value::from(node.text("availability_zone_id")?)),
        ("Status", Value::from(node.text("status")?)),
    ]);
    Ok(Some(Value::from(placed(described, &node.path))))
}

/// One address in each zone that the VPC has subnets in.
fn chosen_by_aws(gateway: Described<'_>, to: &mut Describer<'_>) -> Result<Vec<Value>, Error> {
    let vpc = gateway.text("vpc_id")?;
    let mut zones: Vec<String> = Vec::new();
    for subnet in to.source.all(&SUBNETS) {
        let zone = first_text(&subnet.node(), &["availability_zone", "availability_zone_id"])?;
        if subnet.text("vpc_id")? == vpc {
            zones.extend(zone.filter(|zone| !zones.contains(zone)));
        }
    }
    let mut addresses = Vec::new();
    for zone in zones {
        let Some(public) = to.public.next() else { break };
        let text =
            format!("the public address of {} in {zone} is not known: {public} stands for it", gateway.address());
        to.notes.assume(codes::UNKNOWN_PUBLIC_ADDRESS, format!("{}: {zone}", gateway.address()), text);
        let described = fields([("PublicIp", Value::from(public)), ("AvailabilityZone", Value::from(zone))]);
        addresses.push(Value::from(placed(described, gateway.address())));
    }
    Ok(addresses)
}

/// The table that comes with a gateway for a region: it leads to the internet gateway of the VPC.
fn route_table(gateway: Described<'_>, to: &mut Describer<'_>) -> Result<String, Error> {
    let made = gateway.address_of("route_table_id");
    let id = gateway.text("route_table_id")?.unwrap_or_else(|| made.clone());
    let vpc = gateway.text("vpc_id")?;
    let attached = |it: &&Described<'_>| it.text("vpc_id").ok().flatten() == vpc && vpc.is_some();
    let of_vpc = to.source.all(&["aws_internet_gateway", "aws_internet_gateway_attachment"]);
    let internet = match of_vpc.iter().find(attached) {
        Some(it) => first_text(&it.node(), &["internet_gateway_id", "id"])?,
        None => None,
    };
    let routes = internet.map(|internet| {
        let route = fields([("DestinationCidrBlock", Value::from("0.0.0.0/0")), ("GatewayId", Value::from(internet))]);
        placed(route, gateway.address())
    });
    let described = fields([
        ("VpcId", Value::from(vpc)),
        ("Routes", Value::from(routes.into_iter().map(Value::from).collect::<Vec<_>>())),
    ]);
    to.objects.add(Key::RouteTables, &id, described, gateway.address());
    to.objects.name(Key::RouteTables, &made, &id);
    Ok(id)
}

const SAME: [(&str, &str); 5] = [
    ("subnet_id", "SubnetId"),
    ("vpc_id", "VpcId"),
    ("connectivity_type", "ConnectivityType"),
    ("availability_mode", "AvailabilityMode"),
    // Of a data source: what is managed works once it is there.
    ("state", "State"),
];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use vpcemu_model::{Connectivity, InterfaceKind, Network, Placement, Target};

    use crate::codes;
    use crate::notes::Notes;
    use crate::terraform::describe::testing::{codes, ignored, network, resource, vpc_and_subnet};
    use crate::terraform::resource::Resource;

    fn with(gateway: Value, more: impl IntoIterator<Item = Resource>) -> (Network, Notes) {
        let mut all = json!({"subnet_id": "aws_subnet.a", "connectivity_type": "public", "private_ip": "10.0.1.9",
            "allocation_id": "aws_eip.it"});
        all.as_object_mut().unwrap().extend(gateway.as_object().unwrap().clone());
        let mut resources = vpc_and_subnet();
        resources.push(resource("aws_eip.it", json!({"public_ip": "203.0.113.9", "private_ip": null})));
        resources.push(resource("aws_eip.more", json!({"public_ip": "203.0.113.8", "private_ip": "10.0.1.8"})));
        resources.push(resource("aws_nat_gateway.it", all));
        resources.extend(more);
        network(&resources)
    }

    fn addresses(network: &Network) -> Vec<String> {
        let shown = |public: Option<std::net::Ipv4Addr>| public.map_or_else(|| "-".to_owned(), |it| it.to_string());
        let addresses = network.nat_gateways[0].addresses.iter();
        addresses.map(|it| format!("{} {}", it.translated, shown(it.public))).collect()
    }

    #[test]
    fn a_gateway_comes_with_an_interface() {
        let (network, notes) = with(json!({"tags": {"Name": "nat"}}), []);
        let gateway = &network.nat_gateways[0];
        assert_eq!((gateway.name.as_deref(), gateway.available), (Some("nat"), true));
        assert_eq!(addresses(&network), ["10.0.1.9 203.0.113.9"]);
        let [interface] = &network.interfaces[..] else { panic!() };
        assert_eq!(interface.id.as_str(), "aws_nat_gateway.it.network_interface_id");
        assert_eq!(
            (interface.kind, interface.security_groups.len(), interface.in_use),
            (InterfaceKind::NatGateway, 0, true)
        );
        assert_eq!(interface.ipv4[0].public, Some([203, 0, 113, 9].into()));
        assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec![]));
        let (network, _) = with(json!({"network_interface_id": "eni-1", "public_ip": "203.0.113.7"}), []);
        assert_eq!(
            (network.interfaces[0].id.as_str(), addresses(&network)),
            ("eni-1", vec!["10.0.1.9 203.0.113.7".into()])
        );
    }

    #[test]
    fn further_addresses_have_an_elastic_ip_or_none() {
        let secondary = json!({"secondary_allocation_ids": ["aws_eip.more"]});
        assert_eq!(addresses(&with(secondary, []).0), ["10.0.1.9 203.0.113.9", "10.0.1.8 203.0.113.8"]);
        let paired =
            json!({"secondary_allocation_ids": ["aws_eip.more"], "secondary_private_ip_addresses": ["10.0.1.7"]});
        assert_eq!(addresses(&with(paired, []).0), ["10.0.1.9 203.0.113.9", "10.0.1.7 203.0.113.8"]);
        let private = json!({"connectivity_type": "private", "allocation_id": null, "secondary_private_ip_addresses": ["10.0.1.7"]});
        let (network, _) = with(private, []);
        assert_eq!(addresses(&network), ["10.0.1.9 -", "10.0.1.7 -"]);
        assert_eq!(network.nat_gateways[0].connectivity, Connectivity::Private);
        let association = json!({"nat_gateway_id": "aws_nat_gateway.it", "allocation_id": "aws_eip.more"});
        let (network, notes) = with(json!({}), [resource("aws_nat_gateway_eip_association.it", association)]);
        assert_eq!(addresses(&network), ["10.0.1.9 203.0.113.9", "10.0.1.8 203.0.113.8"]);
        assert_eq!(network.interfaces[0].ipv4.len(), 2);
        assert_eq!(codes(&notes), [] as [&str; 0]);
        let unknown = resource("aws_eip.new", json!({"public_ip": "203.0.113.6"}));
        let (network, notes) = with(json!({"secondary_allocation_ids": ["aws_eip.new"]}), [unknown]);
        assert_eq!((addresses(&network).len(), codes(&notes)), (1, vec![codes::UNKNOWN_NAT_ADDRESS]));
    }

    #[test]
    fn regional_gateways_have_addresses_in_zones_and_a_table() {
        let regional = |over: Value| {
            let mut all = json!({"availability_mode": "regional", "vpc_id": "aws_vpc.main", "subnet_id": null, "allocation_id": null,
                "private_ip": null});
            all.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
            let igw = resource("aws_internet_gateway.it", json!({"vpc_id": "aws_vpc.main"}));
            with(all, [igw])
        };
        let zones = |network: &Network| {
            let addresses = network.nat_gateways[0].addresses.iter();
            addresses.map(|it| format!("{} {}", it.translated, it.zone.as_deref().unwrap_or("-"))).collect::<Vec<_>>()
        };
        let shown = json!({"route_table_id": "rtb-1", "regional_nat_gateway_address": [
            {"public_ip": "203.0.113.5", "availability_zone": "us-east-1a", "status": "succeeded"},
            {"public_ip": "203.0.113.4", "availability_zone": "us-east-1a", "status": "disassociating"}]});
        let (network, notes) = regional(shown);
        assert_eq!(zones(&network), ["203.0.113.5 us-east-1a"]);
        assert_eq!(network.nat_gateways[0].placement, Placement::Regional { route_table: "rtb-1".into() });
        let table = network.route_tables.iter().find(|table| table.id.as_str() == "rtb-1").unwrap();
        assert_eq!(table.routes[0].target, Target::InternetGateway("aws_internet_gateway.it".into()));
        assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec![]));

        let asked = json!({"availability_zone_address": [{"allocation_ids": ["aws_eip.it", "aws_eip.more"], "availability_zone": "us-east-1a"}]});
        let (network, notes) = regional(asked);
        assert_eq!(zones(&network), ["203.0.113.9 us-east-1a", "203.0.113.8 us-east-1a"]);
        assert_eq!(codes(&notes), [] as [&str; 0]);
        let (network, notes) = regional(json!({}));
        assert_eq!(zones(&network), ["192.0.2.1 us-east-1a"]);
        assert_eq!(codes(&notes), [codes::UNKNOWN_PUBLIC_ADDRESS]);
    }

    #[test]
    fn a_gateway_that_is_looked_up_has_a_state() {
        let data = json!({"id": "nat-1", "subnet_id": "aws_subnet.a", "state": "failed", "private_ip": "10.0.1.7",
            "connectivity_type": "private"});
        let (network, _) = with(json!({}), [resource("data.aws_nat_gateway.other", data)]);
        assert_eq!((network.nat_gateways[0].available, network.nat_gateways[1].available), (true, false));
    }
}
