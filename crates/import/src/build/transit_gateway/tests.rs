use serde_json::{Value, json};
use vpcemu_model::{AttachmentMedium, InterfaceKind, RouteOrigin, Target, TransitGatewayRoute};

use super::*;
use crate::build::testing::{codes, complete, ignored, import_over};
use crate::{Imported, Options};

/// Two VPCs, both attached to one gateway whose only table has all there is to say.
fn full() -> Value {
    let attachment = |id: &str, vpc: &str, subnet: &str| {
        json!({"TransitGatewayAttachmentId": id, "TransitGatewayId": "tgw-1", "VpcId": vpc, "State": "available",
            "SubnetIds": [subnet], "Options": {"ApplianceModeSupport": "disable", "Ipv6Support": "disable",
                "SecurityGroupReferencingSupport": "enable"}})
    };
    let interface = |id: &str, subnet: &str, address: &str, attachment: &str| {
        json!({"NetworkInterfaceId": id, "SubnetId": subnet, "InterfaceType": "transit_gateway", "Status": "in-use",
            "Groups": [{"GroupId": "sg-1"}], "PrivateIpAddress": address, "SourceDestCheck": true,
            "RequesterManaged": true,
            "Description": format!("Network Interface for Transit Gateway Attachment {attachment}")})
    };
    let found = |block: &str, attachment: &str, kind: &str| {
        json!({"DestinationCidrBlock": block, "Type": kind, "State": "active", "TransitGatewayAttachments": [
            {"ResourceId": "x", "ResourceType": "vpc", "TransitGatewayAttachmentId": attachment}]})
    };
    json!({
        "Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}, {"VpcId": "vpc-2", "CidrBlock": "10.2.0.0/16"}],
        "Subnets": [
            {"SubnetId": "subnet-1", "VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "a"},
            {"SubnetId": "subnet-2", "VpcId": "vpc-2", "CidrBlock": "10.2.1.0/24", "AvailabilityZone": "a"}],
        "RouteTables": [
            {"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Associations": [{"Main": true}], "Routes": [
                {"DestinationCidrBlock": "10.2.0.0/16", "TransitGatewayId": "tgw-1", "State": "active"}]},
            {"RouteTableId": "rtb-2", "VpcId": "vpc-2", "Associations": [{"Main": true}], "Routes": []}],
        "NetworkAcls": [{"NetworkAclId": "acl-1", "VpcId": "vpc-1", "IsDefault": true},
            {"NetworkAclId": "acl-2", "VpcId": "vpc-2", "IsDefault": true}],
        "SecurityGroups": [{"GroupId": "sg-1", "GroupName": "default", "VpcId": "vpc-1"},
            {"GroupId": "sg-2", "GroupName": "default", "VpcId": "vpc-2"}],
        "NetworkInterfaces": [interface("eni-1", "subnet-1", "10.0.1.9", "tgw-attach-1"),
            interface("eni-2", "subnet-2", "10.2.1.9", "tgw-attach-2")],
        "TransitGateways": [{"TransitGatewayId": "tgw-1", "State": "available", "Tags": [{"Key": "Name", "Value": "hub"}],
            "Options": {"SecurityGroupReferencingSupport": "enable", "AssociationDefaultRouteTableId": "tgw-rtb-1"}}],
        "TransitGatewayVpcAttachments": [attachment("tgw-attach-1", "vpc-1", "subnet-1"),
            attachment("tgw-attach-2", "vpc-2", "subnet-2")],
        "TransitGatewayRouteTables": [{"TransitGatewayRouteTableId": "tgw-rtb-1", "TransitGatewayId": "tgw-1",
            "State": "available", "DefaultAssociationRouteTable": true, "DefaultPropagationRouteTable": true}],
        "tgw-rtb-1": {
            "Associations": [{"TransitGatewayAttachmentId": "tgw-attach-1", "State": "associated"},
                {"TransitGatewayAttachmentId": "tgw-attach-2", "State": "associated"}],
            "Routes": [found("10.0.0.0/16", "tgw-attach-1", "propagated"),
                found("10.2.0.0/16", "tgw-attach-2", "propagated")],
        },
    })
}

fn import(change: impl FnOnce(&mut Value)) -> Imported {
    let mut document = full();
    change(&mut document);
    import_over(document)
}

/// Destinations with what they lead to, `*` before what is propagated.
fn routes(table: &TransitGatewayRouteTable) -> Vec<String> {
    let line = |route: &TransitGatewayRoute| {
        let to = match &route.destination {
            Destination::Cidr(block) => block.to_string(),
            Destination::PrefixList(list) => list.to_string(),
        };
        let mark = if route.route_origin == RouteOrigin::Propagated { "*" } else { "" };
        format!("{mark}{to} {}", route.attachment.as_ref().map_or("blackhole", |id| id.as_str()))
    };
    table.routes.iter().map(line).collect()
}

fn tables(imported: &Imported) -> Vec<Option<&str>> {
    let attachments = imported.network.transit_gateways[0].attachments.iter();
    attachments.map(|it| it.route_table.as_ref().map(|id| id.as_str())).collect()
}

#[test]
fn a_complete_dump_needs_no_guesses() {
    let imported = import(|_| ());
    let network = &imported.network;
    assert_eq!((codes(&imported), ignored(&imported)), (vec![], vec![]));
    let [gateway] = &network.transit_gateways[..] else { panic!() };
    assert_eq!((gateway.name.as_deref(), gateway.security_group_referencing), (Some("hub"), true));
    let AttachmentKind::Vpc(of) = &gateway.attachments[0].kind else { panic!() };
    assert_eq!((of.vpc.as_str(), &of.interfaces[..]), ("vpc-1", &["eni-1".into()][..]));
    assert!(of.security_group_referencing && !of.appliance_mode && !of.ipv6);
    assert!(gateway.attachments.iter().all(|it| it.available));
    assert_eq!(tables(&imported), [Some("tgw-rtb-1"); 2]);
    assert_eq!(routes(&gateway.route_tables[0]), ["*10.0.0.0/16 tgw-attach-1", "*10.2.0.0/16 tgw-attach-2"]);
    assert_eq!(network.route_tables[0].routes[0].target, Target::TransitGateway("tgw-1".into()));
    let interface = &network.interfaces[0];
    assert_eq!(interface.kind, InterfaceKind::TransitGateway);
    assert!(interface.in_use && !interface.source_dest_check && interface.security_groups.is_empty());
    assert_eq!(vpcemu_model::validate::validate(network), []);
}

#[test]
fn routes_are_static_propagated_lists_and_black_holes() {
    let imported = import(|it| {
        it["PrefixLists"] = json!([{"PrefixListId": "pl-1", "Cidrs": ["192.0.2.0/24"]}]);
        let to =
            json!([{"TransitGatewayAttachmentId": "tgw-attach-1"}, {"TransitGatewayAttachmentId": "tgw-attach-2"}]);
        it["tgw-rtb-1"]["Routes"] = json!([
            {"DestinationCidrBlock": "0.0.0.0/0", "Type": "static", "State": "active", "TransitGatewayAttachments": to},
            {"PrefixListId": "pl-1", "Type": "static", "State": "active", "TransitGatewayAttachments": [to[1]]},
            {"DestinationCidrBlock": "10.99.0.0/16", "Type": "static", "State": "blackhole"},
            {"DestinationCidrBlock": "10.98.0.0/16", "Type": "static", "State": "blackhole", "TransitGatewayAttachments": [to[0]]},
            {"DestinationCidrBlock": "10.97.0.0/16", "Type": "static", "State": "deleting", "TransitGatewayAttachments": [to[0]]},
            {"DestinationCidrBlock": "10.2.0.0/16", "Type": "propagated", "State": "active", "TransitGatewayAttachments": [to[1]]},
            {"DestinationCidrBlock": "10.2.0.0/16", "Type": "propagated", "State": "active", "TransitGatewayAttachments": [to[1]]},
        ]);
    });
    let expected = [
        "0.0.0.0/0 tgw-attach-1",
        "pl-1 tgw-attach-2",
        "10.99.0.0/16 blackhole",
        "10.98.0.0/16 blackhole",
        "*10.2.0.0/16 tgw-attach-2",
    ];
    assert_eq!(routes(&imported.network.transit_gateways[0].route_tables[0]), expected);
    // The second of two ways, and what is being deleted.
    assert_eq!((codes(&imported), ignored(&imported)), (vec![], vec!["Routes"; 2]));
}

#[test]
fn a_list_that_only_a_transit_gateway_uses_needs_blocks_too() {
    let imported = import(|it| {
        it["tgw-rtb-1"]["Routes"][0] = json!({"PrefixListId": "pl-1", "Type": "static", "State": "active",
            "TransitGatewayAttachments": [{"TransitGatewayAttachmentId": "tgw-attach-1"}]});
    });
    assert_eq!(codes(&imported), [codes::PREFIX_LIST_WITHOUT_ENTRIES]);
    assert_eq!(imported.network.prefix_lists[0].id.as_str(), "pl-1");
}

#[test]
fn without_a_search_attachments_propagate_their_blocks() {
    let propagations = json!([{"TransitGatewayAttachmentId": "tgw-attach-2", "State": "enabled"},
        {"TransitGatewayAttachmentId": "tgw-attach-1", "State": "disabled"}]);
    let imported = import(|it| {
        it["tgw-rtb-1"] = json!({"Associations": it["tgw-rtb-1"]["Associations"].clone(),
            "TransitGatewayRouteTablePropagations": propagations.clone()});
    });
    assert_eq!(routes(&imported.network.transit_gateways[0].route_tables[0]), ["*10.2.0.0/16 tgw-attach-2"]);
    assert_eq!(codes(&imported), [codes::TRANSIT_GATEWAY_ROUTES]);

    // Nothing but the table: it is the default one.
    let imported = import(|it| it["tgw-rtb-1"] = json!({}));
    let all = ["*10.0.0.0/16 tgw-attach-1", "*10.2.0.0/16 tgw-attach-2"];
    assert_eq!(routes(&imported.network.transit_gateways[0].route_tables[0]), all);
    assert_eq!(tables(&imported), [Some("tgw-rtb-1"); 2]);
    let association = codes::TRANSIT_GATEWAY_ASSOCIATION;
    assert_eq!(codes(&imported), [association, association, codes::TRANSIT_GATEWAY_ROUTES]);

    // A search for static routes only.
    let imported = import(|it| {
        it["tgw-rtb-1"]["Routes"] =
            json!([{"DestinationCidrBlock": "0.0.0.0/0", "Type": "static", "State": "blackhole"}]);
        it["tgw-rtb-1"]["TransitGatewayRouteTablePropagations"] = propagations;
    });
    let expected = ["0.0.0.0/0 blackhole", "*10.2.0.0/16 tgw-attach-2"];
    assert_eq!(routes(&imported.network.transit_gateways[0].route_tables[0]), expected);
    assert_eq!(codes(&imported), [""; 0]);
}

#[test]
fn ipv6_is_announced_where_the_attachment_carries_it() {
    let with = |support: &str| {
        import(|it| {
            let block = json!([{"Ipv6CidrBlock": "2001:db8:2::/56", "Ipv6CidrBlockState": {"State": "associated"}}]);
            it["Vpcs"][1]["Ipv6CidrBlockAssociationSet"] = block;
            it["TransitGatewayVpcAttachments"][1]["Options"]["Ipv6Support"] = json!(support);
            it["tgw-rtb-1"]["Routes"] = json!([]);
        })
    };
    let of = |support: &str| routes(&with(support).network.transit_gateways[0].route_tables[0]);
    assert_eq!(of("disable"), ["*10.0.0.0/16 tgw-attach-1", "*10.2.0.0/16 tgw-attach-2"]);
    assert_eq!(of("enable")[2], "*2001:db8:2::/56 tgw-attach-2");
}

#[test]
fn attachments_tell_their_own_association() {
    let listed = |association: Value| {
        import(|it| {
            it["tgw-rtb-1"]["Associations"] = json!(null);
            let other = json!({"TransitGatewayRouteTableId": "tgw-rtb-1", "State": "associated"});
            it["TransitGatewayAttachments"] = json!([
                {"TransitGatewayAttachmentId": "tgw-attach-1", "TransitGatewayId": "tgw-1", "ResourceType": "vpc",
                 "ResourceId": "vpc-1", "State": "available", "Association": association},
                {"TransitGatewayAttachmentId": "tgw-attach-2", "TransitGatewayId": "tgw-1", "ResourceType": "vpc",
                 "ResourceId": "vpc-2", "State": "available", "Association": other}]);
        })
    };
    let with = |table: &str, state: &str| listed(json!({"TransitGatewayRouteTableId": table, "State": state}));
    assert_eq!(tables(&with("tgw-rtb-1", "associated")), [Some("tgw-rtb-1"); 2]);
    assert_eq!(tables(&with("tgw-rtb-1", "disassociated")), [None, Some("tgw-rtb-1")]);
    assert_eq!(tables(&listed(json!(null))), [None, Some("tgw-rtb-1")]);
    // A table of its own that the call for tables did not list.
    let imported = with("tgw-rtb-9", "associated");
    assert_eq!(tables(&imported), [Some("tgw-rtb-9"), Some("tgw-rtb-1")]);
    assert_eq!(imported.network.transit_gateways[0].route_tables.len(), 2);
    assert_eq!(codes(&imported), [codes::TRANSIT_GATEWAY_ROUTE_TABLE, codes::TRANSIT_GATEWAY_ROUTES]);
}

#[test]
fn what_is_no_vpc_of_the_dump_is_outside() {
    let attachment = |number: u8, kind: &str| {
        json!({"TransitGatewayAttachmentId": format!("tgw-attach-{number}"), "TransitGatewayId": "tgw-1",
            "ResourceType": kind, "ResourceId": "vpc-9", "State": "available",
            "Association": {"TransitGatewayRouteTableId": "tgw-rtb-1", "State": "associated"}})
    };
    let kinds = ["vpn", "direct-connect-gateway", "connect", "peering", "tgw-peering", "vpc", "network-function"];
    let imported = import(|it| {
        it["TransitGatewayAttachments"] = (3..).zip(kinds).map(|(number, kind)| attachment(number, kind)).collect();
        let to = json!([{"TransitGatewayAttachmentId": "tgw-attach-3"}]);
        let route = |block: &str| json!({"DestinationCidrBlock": block, "Type": "static", "State": "active", "TransitGatewayAttachments": to});
        it["tgw-rtb-1"]["Routes"] = json!([route("192.168.0.0/16"), route("0.0.0.0/0")]);
    });
    let media = imported.network.transit_gateways[0].attachments[2..].iter().map(|it| match &it.kind {
        AttachmentKind::Outside { medium, prefixes } => (*medium, prefixes.len()),
        AttachmentKind::Vpc(_) => panic!("{it:?}"),
    });
    use AttachmentMedium::{Connect, DirectConnect, Peering, Vpn};
    let expected = [(Vpn, 1), (DirectConnect, 0), (Connect, 0), (Peering, 0), (Peering, 0), (Connect, 0), (Connect, 0)];
    assert_eq!(media.collect::<Vec<_>>(), expected);
    assert_eq!(ignored(&imported), ["tgw-attach-9"]);
}

#[test]
fn interfaces_are_found_by_name_then_by_subnet_and_made_otherwise() {
    // No description names the attachment.
    let imported = import(|it| {
        for at in 0..2 {
            it["NetworkInterfaces"][at]["Description"] = json!("");
        }
    });
    let of = |imported: &Imported, at: usize| match &imported.network.transit_gateways[0].attachments[at].kind {
        AttachmentKind::Vpc(of) => of.interfaces.clone(),
        AttachmentKind::Outside { .. } => panic!(),
    };
    assert_eq!((of(&imported, 0), of(&imported, 1)), (vec!["eni-1".into()], vec!["eni-2".into()]));
    assert_eq!(codes(&imported), [""; 0]);

    let imported = import(|it| {
        it["NetworkInterfaces"].as_array_mut().unwrap().remove(0);
        it["NetworkInterfaces"][0]["Description"] =
            json!("Network Interface for Transit Gateway Attachment tgw-attach-8");
    });
    let made = imported.network.interface(&"eni-tgw-attach-1-1".into()).unwrap();
    assert_eq!((made.kind, made.subnet.as_str()), (InterfaceKind::TransitGateway, "subnet-1"));
    assert_eq!(made.ipv4[0].private.to_string(), "10.0.1.4");
    // That of another attachment is not taken, and keeps its address.
    assert_eq!(of(&imported, 1), ["eni-tgw-attach-2-1".into()]);
    assert_eq!(codes(&imported), [codes::TRANSIT_GATEWAY_INTERFACE; 2]);

    // Without the call for interfaces one note is enough.
    let imported = import(|it| it["NetworkInterfaces"] = json!(null));
    assert_eq!(codes(&imported), [codes::MISSING_NETWORK_INTERFACES]);
    assert_eq!(imported.network.interfaces.len(), 2);
}

#[test]
fn a_vpcs_attachment_of_the_general_call_has_the_usual_options() {
    let general = |interfaces: bool| {
        import(|it| {
            it["TransitGatewayVpcAttachments"] = json!([it["TransitGatewayVpcAttachments"][1].clone()]);
            it["TransitGatewayAttachments"] = json!([{"TransitGatewayAttachmentId": "tgw-attach-1", "State": "available",
                "TransitGatewayId": "tgw-1", "ResourceType": "vpc", "ResourceId": "vpc-1"}]);
            if !interfaces {
                it["NetworkInterfaces"].as_array_mut().unwrap().remove(0);
            }
        })
    };
    let of = |imported: &Imported| match &imported.network.transit_gateways[0].attachments[1].kind {
        AttachmentKind::Vpc(of) => (of.interfaces.clone(), of.security_group_referencing),
        AttachmentKind::Outside { .. } => panic!(),
    };
    let imported = general(true);
    assert_eq!(of(&imported), (vec!["eni-1".into()], false));
    assert_eq!(codes(&imported), [codes::TRANSIT_GATEWAY_ATTACHMENT]);
    let imported = general(false);
    assert_eq!(of(&imported), (vec![], false));
    let expected = [codes::TRANSIT_GATEWAY_ATTACHMENT, codes::TRANSIT_GATEWAY_INTERFACE];
    assert_eq!(codes(&imported), expected);
}

#[test]
fn what_only_a_table_names_is_attached() {
    let imported = import(|it| {
        it["tgw-rtb-1"]["Associations"][1] = json!({"TransitGatewayAttachmentId": "tgw-attach-7", "State": "associated",
            "ResourceType": "vpn", "ResourceId": "vpn-1"});
    });
    let gateway = &imported.network.transit_gateways[0];
    assert_eq!(gateway.attachments[2].id.as_str(), "tgw-attach-7");
    let outside = AttachmentKind::Outside { medium: AttachmentMedium::Vpn, prefixes: Vec::new() };
    assert_eq!(gateway.attachments[2].kind, outside);
    assert_eq!(tables(&imported), [Some("tgw-rtb-1"), None, Some("tgw-rtb-1")]);
    assert_eq!(codes(&imported), [codes::TRANSIT_GATEWAY_ATTACHMENT]);
}

#[test]
fn states_decide_what_is_there() {
    let imported = import(|it| {
        it["TransitGatewayVpcAttachments"][0]["State"] = json!("modifying");
        it["TransitGatewayVpcAttachments"][1]["State"] = json!("deleted");
    });
    let [attachment] = &imported.network.transit_gateways[0].attachments[..] else { panic!() };
    assert!(!attachment.available);
    assert_eq!(ignored(&imported), ["tgw-attach-2"]);
    // Its route led to what is no more.
    assert_eq!(codes(&imported), [codes::UNKNOWN_TARGET]);

    let imported = import(|it| it["TransitGateways"][0]["State"] = json!("deleted"));
    assert!(imported.network.transit_gateways.is_empty());
    let route = &imported.network.route_tables[0].routes[0];
    assert_eq!((&route.target, route.active), (&Target::Missing("tgw-1".into()), false));
}

#[test]
fn without_tables_there_is_one_if_anything_is_known_to_be_reached() {
    let imported = import(|it| {
        it["TransitGatewayRouteTables"] = json!(null);
        it["tgw-rtb-1"] = json!(null);
    });
    let gateway = &imported.network.transit_gateways[0];
    assert_eq!(gateway.route_tables[0].id.as_str(), "tgw-rtb-1");
    assert_eq!(routes(&gateway.route_tables[0]), ["*10.0.0.0/16 tgw-attach-1", "*10.2.0.0/16 tgw-attach-2"]);
    assert_eq!(tables(&imported), [Some("tgw-rtb-1"); 2]);
    assert_eq!(codes(&imported), [codes::TRANSIT_GATEWAY_ROUTE_TABLE]);

    // The account of one VPC sees neither tables nor other attachments of a gateway that another account shares.
    let imported = import(|it| {
        it["TransitGatewayRouteTables"] = json!(null);
        it["tgw-rtb-1"] = json!(null);
        it["TransitGatewayVpcAttachments"].as_array_mut().unwrap().pop();
    });
    assert!(imported.network.transit_gateways.is_empty());
    assert_eq!(imported.network.route_tables[0].routes[0].target, Target::Edge("tgw-1".into()));
    assert_eq!(codes(&imported), [codes::TRANSIT_GATEWAY_ROUTE_TABLE, codes::EDGE_TARGET]);
}

#[test]
fn what_belongs_to_no_gateway_of_the_dump_is_noted() {
    let imported = import(|it| it["TransitGateways"] = json!(null));
    assert_eq!(imported.network.route_tables[0].routes[0].target, Target::Edge("tgw-1".into()));
    assert_eq!(ignored(&imported), ["tgw-attach-1", "tgw-attach-2", "Associations", "Routes"]);
}

#[test]
fn the_vpcs_that_are_not_chosen_are_outside_with_their_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.json");
    std::fs::write(&path, complete(full()).to_string()).unwrap();
    let network = crate::load(&path, &Options { vpc: Some("vpc-1".into()), ..Options::default() }).unwrap().network;
    let gateway = &network.transit_gateways[0];
    assert!(matches!(gateway.attachments[0].kind, AttachmentKind::Vpc(_)));
    let blocks = vec!["10.2.0.0/16".parse().unwrap()];
    let outside = AttachmentKind::Outside { medium: AttachmentMedium::Connect, prefixes: blocks };
    assert_eq!(gateway.attachments[1].kind, outside);
    assert_eq!(network.assumptions, []);
}
