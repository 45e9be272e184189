//! The routes of route tables, read when every target is known.

use std::collections::HashMap;

use vpcemu_model::{
    Destination, EgressOnlyInternetGateway, EndpointKind, Id, InterfaceKind, InternetGateway, Kind, Network, Origin,
    Placement, Route, RouteOrigin, RouteTable, Target, VpcEndpoint,
};

use super::route_table::TableHead;
use super::{edge, of_known_vpc, positions};
use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// Fills the routes of every table, those of made ones included.
pub(super) fn read(
    dump: &Dump,
    tables: &[TableHead<'_>],
    network: &mut Network,
    notes: &mut Notes,
) -> Result<(), Error> {
    let interfaces = positions(&network.interfaces, |interface| Some(&interface.id));
    let by_instance = positions(&network.interfaces, |interface| interface.instance.as_ref());
    for table in tables {
        if of_known_vpc(&table.node, Key::RouteTables, network, notes)?.is_none() {
            continue;
        }
        let mut routes = Vec::new();
        for node in table.node.list("Routes")? {
            let (network, notes) = (&mut *network, &mut *notes);
            let (vpc, interfaces, by_instance) = (&table.vpc, &interfaces, &by_instance);
            let origin = node.origin();
            let mut reader = Reader { dump, vpc, interfaces, by_instance, network, notes, origin };
            routes.extend(reader.route(&node)?);
        }
        edge::tables(dump, table, &routes, network, notes)?;
        let regional = Placement::Regional { route_table: table.id.clone() };
        if !table.is_of_gateways() || network.nat_gateways.iter().any(|gateway| gateway.placement == regional) {
            network.route_tables.push(RouteTable {
                id: table.id.clone(),
                name: table.node.name()?,
                vpc: table.vpc.clone(),
                routes,
                origin: table.node.origin(),
            });
        }
    }
    add_local_routes(network);
    note_forwarding(network, &interfaces, notes);
    Ok(())
}

/// A dump says that an interface takes packets of others, but not what becomes of them.
fn note_forwarding(network: &Network, interfaces: &HashMap<Id, usize>, notes: &mut Notes) {
    let tables = network.route_tables.iter().map(|table| &table.routes);
    let tables = tables.chain(network.gateway_route_tables.iter().map(|table| &table.routes));
    for route in tables.flatten().filter(|route| route.active) {
        let Target::NetworkInterface(id) = &route.target else { continue };
        let interface = interfaces.get(id).map(|at| &network.interfaces[*at]);
        if interface.is_some_and(|it| !it.source_dest_check && it.kind == InterfaceKind::Interface) {
            let text = format!(
                "routes lead to {id}, and nothing says what it does with packets that are not for it: they are \
                 delivered to it and end there; a native file says otherwise with `forward`"
            );
            notes.assume(codes::FORWARDING_UNKNOWN, id, text);
        }
    }
}

/// AWS has a local route for every block of the VPC, whose target can be replaced but not taken away (semantics 2.3).
/// Terraform does not write them, and dumps that were cut down by hand may lack them.
fn add_local_routes(network: &mut Network) {
    let of_subnets = network.route_tables.iter_mut().map(|table| (&table.vpc, &mut table.routes));
    let of_gateways = network.gateway_route_tables.iter_mut().map(|table| (&table.vpc, &mut table.routes));
    for (vpc, routes) in of_subnets.chain(of_gateways) {
        let vpc = network.vpcs.iter().find(|known| known.id == *vpc);
        for block in vpc.into_iter().flat_map(|vpc| &vpc.cidrs) {
            let destination = Destination::Cidr(*block);
            if !routes.iter().any(|route| route.destination == destination) {
                routes.push(Route {
                    destination,
                    target: Target::Local,
                    route_origin: RouteOrigin::Static,
                    active: true,
                    origin: Origin::implicit(),
                });
            }
        }
    }
}

struct Reader<'a> {
    dump: &'a Dump,
    vpc: &'a Id,
    /// Interfaces by id and by instance, of which none is added here.
    interfaces: &'a HashMap<Id, usize>,
    by_instance: &'a HashMap<Id, usize>,
    network: &'a mut Network,
    notes: &'a mut Notes,
    /// Where the route is: what is made because it leads there has no other place.
    origin: Origin,
}

impl Reader<'_> {
    fn route(&mut self, node: &Node<'_>) -> Result<Option<Route>, Error> {
        let destination = if let Some(block) = node.block("DestinationCidrBlock")? {
            Destination::Cidr(block)
        } else if let Some(block) = node.block("DestinationIpv6CidrBlock")? {
            Destination::Cidr(block)
        } else if let Some(list) = node.id("DestinationPrefixListId")? {
            Destination::PrefixList(list)
        } else {
            return Err(node.missing("DestinationCidrBlock"));
        };
        let active = match node.state("State")?.as_deref() {
            None | Some("active") => true,
            Some("blackhole") => false,
            Some(state) => {
                self.notes.ignore("Routes", node.origin(), format!("the route's state is {state}"));
                return Ok(None);
            }
        };
        // Routes of a route server (`Advertisement`) are as dynamic as those of a virtual private gateway.
        let route_origin = match node.state("Origin")?.as_deref() {
            Some("enablevgwroutepropagation" | "advertisement") => RouteOrigin::Propagated,
            _ => RouteOrigin::Static,
        };
        let target = self.target(node, &destination, active)?;
        // The target of an active route that is gone from the dump: what leads to nothing is a black hole.
        let active = active && !matches!(target, Target::Missing(_));
        Ok(Some(Route { destination, target, route_origin, active, origin: node.origin() }))
    }

    fn target(&mut self, node: &Node<'_>, destination: &Destination, active: bool) -> Result<Target, Error> {
        // A route to an instance has its interface too.
        for (field, key) in TARGETS {
            let Some(id) = node.id(field)? else { continue };
            return Ok(match key {
                Some(key) => self.known(key, id, active),
                None if field == "GatewayId" => self.gateway(id, destination, active),
                None => self.edge(id, active),
            });
        }
        if let Some(instance) = node.id("InstanceId")? {
            return Ok(match self.by_instance.get(&instance) {
                Some(interface) => Target::NetworkInterface(self.network.interfaces[*interface].id.clone()),
                None => self.lost(Key::Reservations, instance, active),
            });
        }
        if active {
            let text = "the route has no target that is known: it drops what it matches";
            self.notes.assume(codes::UNKNOWN_TARGET, node.origin(), text);
        }
        Ok(Target::Missing(Id::new("none")))
    }

    fn known(&mut self, key: Key, id: Id, active: bool) -> Target {
        let network = &*self.network;
        match key {
            Key::NatGateways if network.nat_gateways.iter().any(|it| it.id == id) => Target::NatGateway(id),
            Key::NetworkInterfaces if self.interfaces.contains_key(&id) => Target::NetworkInterface(id),
            Key::VpcEndpoints if network.vpc_endpoints.iter().any(|it| it.id == id) => Target::VpcEndpoint(id),
            Key::VpcPeeringConnections if network.vpc_peering_connections.iter().any(|it| it.id == id) => {
                Target::VpcPeeringConnection(id)
            }
            Key::TransitGateways if network.transit_gateways.iter().any(|it| it.id == id) => Target::TransitGateway(id),
            Key::VpnGateways if network.vpn_gateways.iter().any(|it| it.id == id) => Target::VpnGateway(id),
            // Nothing of it is translated, and what lies behind it need not be in the model.
            Key::VpcPeeringConnections | Key::TransitGateways | Key::VpnGateways if !self.notes.is_gone(&id) => {
                self.edge(id, active)
            }
            Key::EgressOnlyInternetGateways => {
                if !network.egress_only_internet_gateways.iter().any(|it| it.id == id) {
                    if !active || self.dump.saw(key, &id) {
                        return self.lost(key, id, active);
                    }
                    self.made(&id);
                    let vpc = self.vpc.clone();
                    let origin = self.origin.clone();
                    let made = EgressOnlyInternetGateway { id: id.clone(), vpc, origin };
                    self.network.egress_only_internet_gateways.push(made);
                }
                Target::EgressOnlyInternetGateway(id)
            }
            _ => self.lost(key, id, active),
        }
    }

    /// `GatewayId` holds every kind of gateway that has no field of its own, and sometimes those that have.
    fn gateway(&mut self, id: Id, destination: &Destination, active: bool) -> Target {
        // What is there is what it is; an id alone tells by how it begins.
        let there = GATEWAYS.iter().find(|(key, _)| self.dump.saw(*key, &id)).map(|(_, kind)| *kind);
        let has = |kind: Kind| there.map_or_else(|| id.as_str().starts_with(kind.prefix()), |there| there == kind);
        if id.as_str().eq_ignore_ascii_case("local") {
            Target::Local
        } else if has(Kind::InternetGateway) {
            if !self.network.internet_gateways.iter().any(|it| it.id == id) {
                if !active || self.dump.saw(Key::InternetGateways, &id) {
                    return self.lost(Key::InternetGateways, id, active);
                }
                self.made(&id);
                let vpc = Some(self.vpc.clone());
                let made = InternetGateway { id: id.clone(), vpc, origin: self.origin.clone() };
                self.network.internet_gateways.push(made);
            }
            if self.network.internet_gateways.iter().any(|it| it.id == id && it.vpc.is_none()) {
                if active {
                    let text = format!("{id} is not attached to a VPC: routes to it drop what they match");
                    self.notes.assume(codes::DETACHED_GATEWAY, &id, text);
                }
                return Target::Missing(id);
            }
            Target::InternetGateway(id)
        } else if has(Kind::VpcEndpoint) {
            self.endpoint(id, destination, active)
        } else if has(Kind::NatGateway) {
            self.known(Key::NatGateways, id, active)
        } else if has(Kind::EgressOnlyInternetGateway) {
            self.known(Key::EgressOnlyInternetGateways, id, active)
        } else if has(Kind::VpnGateway) {
            self.known(Key::VpnGateways, id, active)
        } else {
            self.edge(id, active)
        }
    }

    fn endpoint(&mut self, id: Id, destination: &Destination, active: bool) -> Target {
        if self.network.vpc_endpoints.iter().any(|it| it.id == id) {
            return Target::VpcEndpoint(id);
        }
        let Destination::PrefixList(list) = destination else { return self.lost(Key::VpcEndpoints, id, active) };
        if !active || self.dump.saw(Key::VpcEndpoints, &id) {
            return self.lost(Key::VpcEndpoints, id, active);
        }
        // Only gateway endpoints have routes from prefix lists, and the list has the service's name.
        self.made(&id);
        let named = self.network.prefix_lists.iter().find(|known| known.id == *list);
        let service = named.and_then(|list| list.name.clone());
        self.network.vpc_endpoints.push(VpcEndpoint {
            id: id.clone(),
            name: None,
            vpc: self.vpc.clone(),
            service: service.unwrap_or_else(|| list.to_string()),
            kind: EndpointKind::Gateway { prefix_list: Some(list.clone()) },
            origin: self.origin.clone(),
        });
        Target::VpcEndpoint(id)
    }

    /// A target that the network does not have. AWS says which routes lead to nothing; for the others the target exists
    /// and only the dump or the model lacks it.
    fn lost(&mut self, key: Key, id: Id, active: bool) -> Target {
        if !active {
            return Target::Missing(id);
        }
        if self.notes.is_gone(&id) {
            let text = format!("{id} does not work any more: routes to it drop what they match");
            self.notes.assume(codes::UNKNOWN_TARGET, &id, text);
            return Target::Missing(id);
        }
        let why = if self.dump.saw(key, &id) { "is left out of the network" } else { "was not read" };
        let text = format!("{id} {why}: packets routed to it end there, untranslated");
        self.notes.assume(codes::UNKNOWN_TARGET, &id, text);
        Target::Edge(id)
    }

    fn edge(&mut self, id: Id, active: bool) -> Target {
        if active {
            let text = format!("{id} is not described, or not modelled: packets routed to it end there");
            self.notes.assume(codes::EDGE_TARGET, &id, text);
        }
        Target::Edge(id)
    }

    fn made(&mut self, id: &Id) {
        let text = format!("{id} was not read: taken to be there because an active route leads to it");
        self.notes.assume(codes::UNKNOWN_GATEWAY, id, text);
    }
}

/// What `GatewayId` may hold, and where it is listed.
const GATEWAYS: [(Key, Kind); 5] = [
    (Key::InternetGateways, Kind::InternetGateway),
    (Key::VpcEndpoints, Kind::VpcEndpoint),
    (Key::NatGateways, Kind::NatGateway),
    (Key::EgressOnlyInternetGateways, Kind::EgressOnlyInternetGateway),
    (Key::VpnGateways, Kind::VpnGateway),
];

/// The fields with a target, and where to look it up. `GatewayId` comes late: it may repeat another one.
const TARGETS: [(&str, Option<Key>); 12] = [
    ("NatGatewayId", Some(Key::NatGateways)),
    ("EgressOnlyInternetGatewayId", Some(Key::EgressOnlyInternetGateways)),
    ("NetworkInterfaceId", Some(Key::NetworkInterfaces)),
    ("VpcPeeringConnectionId", Some(Key::VpcPeeringConnections)),
    ("TransitGatewayId", Some(Key::TransitGateways)),
    ("CarrierGatewayId", None),
    ("LocalGatewayId", None),
    ("CoreNetworkArn", None),
    ("OdbNetworkArn", None),
    ("VpcEndpointId", Some(Key::VpcEndpoints)),
    ("GatewayId", None),
    ("IpAddress", None),
];

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::build::testing::{codes, complete, ignored, import_over, try_import};
    use crate::{Imported, codes};

    fn with_route(route: Value, over: Value) -> Imported {
        let mut over = over;
        over["RouteTables"] = json!([
            {"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": true}], "Routes": [route]}]);
        import_over(over)
    }

    fn first(imported: &Imported) -> (&Target, bool, RouteOrigin) {
        let route = &imported.network.route_tables[0].routes[0];
        (&route.target, route.active, route.route_origin)
    }

    #[test]
    fn ways_out_of_the_model_end_at_its_edge() {
        for (field, id) in [
            ("VpcPeeringConnectionId", "pcx-1"),
            ("TransitGatewayId", "tgw-1"),
            ("GatewayId", "vgw-1"),
            ("CoreNetworkArn", "arn:aws:networkmanager::1:core-network/core-network-1"),
        ] {
            let route = json!({"DestinationCidrBlock": "10.60.0.0/16", field: id, "State": "Active", "GatewayId": id});
            let imported = with_route(route, json!({}));
            assert_eq!(first(&imported), (&Target::Edge(id.into()), true, RouteOrigin::Static));
            assert_eq!(codes(&imported), [codes::EDGE_TARGET]);
        }
    }

    #[test]
    fn black_holes_stay() {
        let route = json!({"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-9", "State": "blackhole"});
        let imported = with_route(route, json!({}));
        assert_eq!(first(&imported), (&Target::Missing("nat-9".into()), false, RouteOrigin::Static));
        assert!(codes(&imported).is_empty());

        let interface = json!({"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "Groups": [{"GroupId": "sg-1"}],
            "PrivateIpAddress": "10.0.1.5"});
        let route = json!({"DestinationCidrBlock": "0.0.0.0/0", "NetworkInterfaceId": "eni-1", "State": "blackhole"});
        let imported = with_route(route, json!({"NetworkInterfaces": [interface]}));
        assert_eq!(first(&imported), (&Target::NetworkInterface("eni-1".into()), false, RouteOrigin::Static));

        let imported = with_route(json!({"DestinationCidrBlock": "0.0.0.0/0"}), json!({}));
        assert_eq!(first(&imported), (&Target::Missing("none".into()), false, RouteOrigin::Static));
        assert_eq!(codes(&imported), [codes::UNKNOWN_TARGET]);
    }

    #[test]
    fn propagated_and_filtered_routes() {
        let route = |state| {
            json!({"DestinationCidrBlock": "10.9.0.0/16", "GatewayId": "vgw-1", "State": state,
            "Origin": "EnableVgwRoutePropagation"})
        };
        assert_eq!(first(&with_route(route("active"), json!({}))).2, RouteOrigin::Propagated);
        let imported = with_route(route("filtered"), json!({}));
        assert_eq!(first(&imported).0, &Target::Local);
        assert_eq!(ignored(&imported), ["Routes"]);
    }

    #[test]
    fn gateways_that_are_only_routed_to_are_made() {
        let imported = with_route(json!({"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1"}), json!({}));
        assert_eq!(first(&imported).0, &Target::InternetGateway("igw-1".into()));
        assert_eq!(imported.network.internet_gateways[0].vpc, Some("vpc-1".into()));
        assert_eq!(codes(&imported), [codes::UNKNOWN_GATEWAY]);

        let route = json!({"DestinationIpv6CidrBlock": "::/0", "EgressOnlyInternetGatewayId": "eigw-1"});
        let imported = with_route(route, json!({}));
        assert_eq!(first(&imported).0, &Target::EgressOnlyInternetGateway("eigw-1".into()));

        let route = json!({"DestinationPrefixListId": "pl-1", "GatewayId": "vpce-1"});
        let imported = with_route(route, json!({}));
        assert_eq!(first(&imported).0, &Target::VpcEndpoint("vpce-1".into()));
        assert_eq!(codes(&imported), [codes::UNKNOWN_GATEWAY, codes::PREFIX_LIST_WITHOUT_ENTRIES]);
        assert_eq!(imported.network.prefix_lists[0].id.as_str(), "pl-1");
    }

    #[test]
    fn what_is_listed_need_not_be_called_as_aws_calls_it() {
        let target = |gateway: &str| {
            let over = json!({
                "InternetGateways": [{"InternetGatewayId": "nat-x", "Attachments": [{"VpcId": "vpc-1"}]}],
                "VpnGateways": [{"VpnGatewayId": "igw-x", "VpcAttachments": [{"VpcId": "vpc-1"}]}],
                "NatGateways": [{"NatGatewayId": "a.b", "SubnetId": "subnet-1", "State": "available",
                    "NatGatewayAddresses": [{"PrivateIp": "10.0.1.9"}]}],
            });
            let imported = with_route(json!({"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway}), over);
            first(&imported).0.clone()
        };
        assert_eq!(target("nat-x"), Target::InternetGateway("nat-x".into()));
        assert_eq!(target("igw-x"), Target::VpnGateway("igw-x".into()));
        assert_eq!(target("a.b"), Target::NatGateway("a.b".into()));
        assert_eq!(target("c.d"), Target::Edge("c.d".into()));
    }

    #[test]
    fn active_routes_to_what_was_not_read_end_there() {
        let route = json!({"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"});
        let imported = with_route(route.clone(), json!({}));
        assert_eq!(first(&imported), (&Target::Edge("nat-1".into()), true, RouteOrigin::Static));
        assert_eq!(codes(&imported), [codes::UNKNOWN_TARGET]);

        let elsewhere = json!([{"NatGatewayId": "nat-1", "SubnetId": "subnet-9", "VpcId": "vpc-1"}]);
        let imported = with_route(route.clone(), json!({"NatGateways": elsewhere}));
        assert_eq!(first(&imported).0, &Target::Edge("nat-1".into()));
        assert_eq!((codes(&imported), ignored(&imported)), (vec![codes::UNKNOWN_TARGET], vec!["nat-1"]));

        let deleted = json!([{"NatGatewayId": "nat-1", "SubnetId": "subnet-1", "State": "deleted"}]);
        let imported = with_route(route, json!({"NatGateways": deleted}));
        assert_eq!(first(&imported), (&Target::Missing("nat-1".into()), false, RouteOrigin::Static));
    }

    #[test]
    fn routes_to_what_does_not_work_any_more_are_black_holes() {
        let route = |field: &str, id: &str| json!({"DestinationCidrBlock": "0.0.0.0/0", field: id, "State": "active"});
        for attachments in [json!([{"VpcId": "vpc-1", "State": "detaching"}]), json!([])] {
            let gateways = json!({"InternetGateways": [{"InternetGatewayId": "igw-1", "Attachments": attachments}]});
            let imported = with_route(route("GatewayId", "igw-1"), gateways);
            assert_eq!(first(&imported), (&Target::Missing("igw-1".into()), false, RouteOrigin::Static));
            assert_eq!(codes(&imported), [codes::DETACHED_GATEWAY]);
        }
        let gateways = json!({"NatGateways": [{"NatGatewayId": "nat-1", "SubnetId": "subnet-1", "State": "failed",
            "NatGatewayAddresses": [{"AllocationId": "eipalloc-1"}]}]});
        let imported = with_route(route("NatGatewayId", "nat-1"), gateways);
        assert_eq!(first(&imported), (&Target::Missing("nat-1".into()), false, RouteOrigin::Static));
        let interfaces = json!({"NetworkInterfaces": [{"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1",
            "InterfaceType": "efa-only", "Groups": [{"GroupId": "sg-1"}]}]});
        let imported = with_route(route("NetworkInterfaceId", "eni-1"), interfaces);
        assert_eq!(first(&imported), (&Target::Missing("eni-1".into()), false, RouteOrigin::Static));
        assert_eq!((ignored(&imported), codes(&imported)), (vec!["eni-1"], vec![codes::UNKNOWN_TARGET]));
    }

    #[test]
    fn instances_are_routed_to_by_their_interface() {
        let interface = json!({"NetworkInterfaceId": "eni-1", "SubnetId": "subnet-1", "Groups": [{"GroupId": "sg-1"}],
            "PrivateIpAddress": "10.0.1.5", "SourceDestCheck": false, "Attachment": {"InstanceId": "i-1"}});
        let over = json!({"NetworkInterfaces": [interface],
            "Reservations": [{"Instances": [{"InstanceId": "i-1", "InstanceType": "t3.nano"}]}]});
        let imported = with_route(json!({"DestinationCidrBlock": "0.0.0.0/0", "InstanceId": "i-1"}), over);
        assert_eq!(first(&imported).0, &Target::NetworkInterface("eni-1".into()));
        // What it does with packets that are not for it is another matter.
        let [note] = &imported.network.assumptions[..] else { panic!("{:?}", imported.network.assumptions) };
        assert_eq!((note.code.as_str(), note.place.as_str()), (codes::FORWARDING_UNKNOWN, "eni-1"));
        assert!(note.text.contains("delivered to it and end there"), "{}", note.text);
        assert_eq!(imported.network.interfaces[0].forward, None);
    }

    #[test]
    fn a_route_without_destination_is_an_error() {
        let tables = json!([{"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Routes": [{"GatewayId": "local"}]}]);
        let error = try_import(&complete(json!({"RouteTables": tables}))).unwrap_err();
        assert!(error.to_string().ends_with("dump.json: RouteTables[0].Routes[0]: no DestinationCidrBlock"), "{error}");
    }
}
