use serde_json::{Value, json};
use vpcemu_model::{AttachmentKind, AttachmentMedium, Destination, Network, RouteOrigin, Target, TransitGatewayRoute};

use crate::codes;
use crate::notes::Notes;
use crate::terraform::describe::testing::{codes, ignored, network, resource, vpc_and_subnet};
use crate::terraform::resource::Resource;

/// Two VPCs, both attached to one gateway.
fn with(gateway: Value, attachment: Value, more: impl IntoIterator<Item = Resource>) -> (Network, Notes) {
    let mut attachment = attachment;
    attachment["transit_gateway_id"] = json!("aws_ec2_transit_gateway.hub");
    let other = json!({"transit_gateway_id": "aws_ec2_transit_gateway.hub", "vpc_id": "aws_vpc.other",
        "subnet_ids": ["aws_subnet.b"]});
    attachment["vpc_id"] = json!("aws_vpc.main");
    attachment["subnet_ids"] = json!(["aws_subnet.a"]);
    let mut resources = vpc_and_subnet();
    resources.extend([
        resource("aws_vpc.other", json!({"cidr_block": "10.2.0.0/16"})),
        resource("aws_subnet.b", json!({"vpc_id": "aws_vpc.other", "cidr_block": "10.2.1.0/24"})),
        resource("aws_ec2_transit_gateway.hub", gateway),
        resource("aws_ec2_transit_gateway_vpc_attachment.main", attachment),
        resource("aws_ec2_transit_gateway_vpc_attachment.other", other),
    ]);
    resources.extend(more);
    network(&resources)
}

/// The table of each attachment.
fn tables(network: &Network) -> Vec<&str> {
    let attachments = network.transit_gateways[0].attachments.iter();
    attachments.map(|it| it.route_table.as_ref().map_or("-", |id| id.as_str())).collect()
}

/// Tables with destinations and what they lead to, `*` before what is propagated.
fn routes(network: &Network) -> Vec<String> {
    let short = |id: &str| id.rsplit('.').next().unwrap().to_owned();
    let line = |route: &TransitGatewayRoute| {
        let to = match &route.destination {
            Destination::Cidr(block) => block.to_string(),
            Destination::PrefixList(list) => list.to_string(),
        };
        let mark = if route.route_origin == RouteOrigin::Propagated { "*" } else { "" };
        format!("{mark}{to} {}", route.attachment.as_ref().map_or_else(|| "-".to_owned(), |id| short(id.as_str())))
    };
    let tables = network.transit_gateways[0].route_tables.iter();
    tables
        .map(|it| format!("{}: {}", short(it.id.as_str()), it.routes.iter().map(line).collect::<Vec<_>>().join(", ")))
        .collect()
}

const OWN: &str = "aws_ec2_transit_gateway.hub.association_default_route_table_id";

#[test]
fn attachments_use_the_table_that_aws_makes() {
    let (network, notes) = with(
        json!({"security_group_referencing_support": "enable"}),
        json!({"appliance_mode_support": "enable", "ipv6_support": "disable", "security_group_referencing_support": "enable"}),
        [],
    );
    assert!(network.transit_gateways[0].security_group_referencing);
    assert_eq!(tables(&network), [OWN; 2]);
    assert_eq!(routes(&network), ["association_default_route_table_id: *10.0.0.0/16 main, *10.2.0.0/16 other"]);
    let AttachmentKind::Vpc(of) = &network.transit_gateways[0].attachments[0].kind else { panic!() };
    assert!(of.appliance_mode && of.security_group_referencing && !of.ipv6);
    let interface = network.interface(&of.interfaces[0]).unwrap();
    assert_eq!((interface.subnet.as_str(), interface.ipv4.len()), ("aws_subnet.a", 1));
    // That Terraform shows no interfaces is no guess.
    assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec![]));
}

#[test]
fn a_state_knows_the_tables() {
    let gateway =
        json!({"association_default_route_table_id": "tgw-rtb-1", "propagation_default_route_table_id": "tgw-rtb-1"});
    let (network, notes) = with(gateway, json!({}), []);
    assert_eq!((tables(&network), codes(&notes)), (vec!["tgw-rtb-1"; 2], vec![]));
}

#[test]
fn tables_of_their_own_are_associated_and_learn_what_is_written() {
    let gateway = json!({"default_route_table_association": "disable", "default_route_table_propagation": "disable"});
    let of = |attachment: &str| {
        json!({"transit_gateway_route_table_id": "aws_ec2_transit_gateway_route_table.it",
            "transit_gateway_attachment_id": format!("aws_ec2_transit_gateway_vpc_attachment.{attachment}")})
    };
    let route = |over: Value| {
        let mut route = of("main");
        route.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
        route
    };
    let (network, notes) = with(
        gateway,
        json!({}),
        [
            resource(
                "aws_ec2_transit_gateway_route_table.it",
                json!({"transit_gateway_id": "aws_ec2_transit_gateway.hub"}),
            ),
            resource("aws_ec2_transit_gateway_route_table_association.it", of("other")),
            resource("aws_ec2_transit_gateway_route_table_propagation.it", of("main")),
            resource("aws_ec2_transit_gateway_route.a", route(json!({"destination_cidr_block": "0.0.0.0/0"}))),
            resource(
                "aws_ec2_transit_gateway_route.b",
                route(
                    json!({"destination_cidr_block": "192.168.0.0/16", "blackhole": true, "transit_gateway_attachment_id": null}),
                ),
            ),
            resource("aws_ec2_transit_gateway_prefix_list_reference.c", route(json!({"prefix_list_id": "pl-1"}))),
            resource("aws_ec2_managed_prefix_list.c", json!({"id": "pl-1", "name": "c", "entry": []})),
        ],
    );
    assert_eq!(tables(&network), ["-", "aws_ec2_transit_gateway_route_table.it"]);
    assert_eq!(routes(&network), ["it: 0.0.0.0/0 main, 192.168.0.0/16 -, pl-1 main, *10.0.0.0/16 main"]);
    let place = network.transit_gateways[0].route_tables[0].routes[0].origin.path.as_deref();
    assert_eq!(place, Some("aws_ec2_transit_gateway_route.a"));
    assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec![]));
}

#[test]
fn an_association_takes_the_place_of_the_default_one() {
    let of = json!({"transit_gateway_route_table_id": "aws_ec2_transit_gateway_route_table.it",
        "transit_gateway_attachment_id": "aws_ec2_transit_gateway_vpc_attachment.main"});
    let table = json!({"transit_gateway_id": "aws_ec2_transit_gateway.hub"});
    let more = || {
        [
            resource("aws_ec2_transit_gateway_route_table.it", table.clone()),
            resource("aws_ec2_transit_gateway_route_table_association.it", of.clone()),
        ]
    };
    let (network, _) = with(json!({}), json!({}), more());
    assert_eq!(tables(&network), ["aws_ec2_transit_gateway_route_table.it", OWN]);
    assert_eq!(routes(&network), ["it: ", "association_default_route_table_id: *10.0.0.0/16 main, *10.2.0.0/16 other"]);
    let off = json!({"transit_gateway_default_route_table_association": false, "transit_gateway_default_route_table_propagation": false});
    let (network, _) = with(json!({}), off, more());
    assert_eq!(routes(&network), ["it: ", "association_default_route_table_id: *10.2.0.0/16 other"]);
    let instead = |kind: &str| {
        let of = json!({"transit_gateway_id": "aws_ec2_transit_gateway.hub", "transit_gateway_route_table_id": "aws_ec2_transit_gateway_route_table.it"});
        resource(&format!("aws_ec2_transit_gateway_default_route_table_{kind}.it"), of)
    };
    let [table, _] = more();
    let (network, _) = with(json!({}), json!({}), [table, instead("association"), instead("propagation")]);
    assert_eq!(tables(&network), ["aws_ec2_transit_gateway_route_table.it"; 2]);
    assert_eq!(routes(&network)[0], "it: *10.0.0.0/16 main, *10.2.0.0/16 other");
}

#[test]
fn what_is_not_a_vpc_is_outside() {
    let vpn =
        json!({"transit_gateway_id": "aws_ec2_transit_gateway.hub", "transit_gateway_attachment_id": "tgw-attach-1"});
    let route = json!({"transit_gateway_route_table_id": OWN, "transit_gateway_attachment_id": "tgw-attach-1", "destination_cidr_block": "192.168.0.0/16"});
    let (network, notes) = with(
        json!({}),
        json!({}),
        [resource("aws_vpn_connection.it", vpn), resource("aws_ec2_transit_gateway_route.it", route)],
    );
    let attachment = &network.transit_gateways[0].attachments[2];
    assert_eq!((attachment.id.as_str(), tables(&network)), ("tgw-attach-1", vec![OWN; 3]));
    assert!(matches!(attachment.kind, AttachmentKind::Outside { medium: AttachmentMedium::Vpn, .. }));
    assert_eq!(ignored(&notes), [] as [&str; 0]);
}

#[test]
fn of_a_gateway_made_elsewhere_little_is_known() {
    let mut resources = vpc_and_subnet();
    resources.extend([
        resource("data.aws_ec2_transit_gateway.hub", json!({"id": "tgw-1", "association_default_route_table_id": "tgw-rtb-1"})),
        resource(
            "aws_ec2_transit_gateway_vpc_attachment.it",
            json!({"transit_gateway_id": "tgw-1", "vpc_id": "aws_vpc.main", "subnet_ids": ["aws_subnet.a"]}),
        ),
        resource(
            "aws_route.it",
            json!({"route_table_id": "aws_vpc.main", "destination_cidr_block": "10.9.0.0/16", "transit_gateway_id": "tgw-1"}),
        ),
    ]);
    let (network, notes) = network(&resources);
    assert_eq!(network.route_tables[0].routes[0].target, Target::Edge("tgw-1".into()));
    assert_eq!(codes(&notes), [codes::TRANSIT_GATEWAY_ROUTE_TABLE, codes::EDGE_TARGET]);
}

#[test]
fn an_attachment_may_be_known_only_by_what_accepts_it() {
    let mut resources = vpc_and_subnet();
    resources.extend([
        resource("aws_ec2_transit_gateway.hub", json!({})),
        resource(
            "aws_ec2_transit_gateway_vpc_attachment_accepter.it",
            json!({"transit_gateway_attachment_id": "tgw-attach-1", "transit_gateway_id": "aws_ec2_transit_gateway.hub",
                "vpc_id": "aws_vpc.main", "subnet_ids": ["aws_subnet.a"], "transit_gateway_default_route_table_propagation": false}),
        ),
    ]);
    let (network, notes) = network(&resources);
    assert_eq!(
        (tables(&network), routes(&network)),
        (vec![OWN], vec!["association_default_route_table_id: ".to_owned()])
    );
    assert_eq!(codes(&notes), [] as [&str; 0]);
}
