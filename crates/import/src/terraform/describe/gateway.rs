//! Internet, egress-only and virtual private gateways, with what they are attached to.

use serde_json::Value;

use super::objects::fields;
use super::source::first_text;
use super::{Describer, vpc};
use crate::Error;
use crate::codes;
use crate::dump::Key;

/// A kind of gateway.
struct Kind {
    key: Key,
    types: &'static [&'static str],
    /// The attributes with the VPC that it is attached to.
    vpc: &'static [&'static str],
    /// The list of its attachments.
    attachments: &'static str,
    /// The type of the resource that attaches it, and the attribute of that with its id.
    attached_by: Option<(&'static str, &'static str)>,
}

const KINDS: [Kind; 3] = [
    Kind {
        key: Key::InternetGateways,
        types: &["aws_internet_gateway"],
        vpc: &["vpc_id"],
        attachments: "Attachments",
        attached_by: Some(("aws_internet_gateway_attachment", "internet_gateway_id")),
    },
    Kind {
        key: Key::EgressOnlyInternetGateways,
        types: &["aws_egress_only_internet_gateway"],
        vpc: &["vpc_id"],
        attachments: "Attachments",
        attached_by: None,
    },
    Kind {
        key: Key::VpnGateways,
        types: &["aws_vpn_gateway"],
        // A data source names it otherwise.
        vpc: &["vpc_id", "attached_vpc_id"],
        attachments: "VpcAttachments",
        attached_by: Some(("aws_vpn_gateway_attachment", "vpn_gateway_id")),
    },
];

/// Describes all three.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    KINDS.iter().try_for_each(|kind| describe_kind(kind, to))?;
    of_default_vpc(to)
}

fn describe_kind(kind: &Kind, to: &mut Describer<'_>) -> Result<(), Error> {
    for gateway in to.source.all(kind.types) {
        let id = gateway.id()?;
        if !to.objects.add(kind.key, &id, gateway.fields(&[("state", "State")]), gateway.address()) {
            continue;
        }
        let node = gateway.node();
        if let Some(vpc) = first_text(&node, kind.vpc)? {
            attach(kind, &id, &vpc, gateway.address(), to);
        }
        // A data source lists them.
        for attachment in node.list("attachments")? {
            let state = attachment.state("state")?;
            if let Some(vpc) = attachment.text("vpc_id")?
                && matches!(state.as_deref(), None | Some("available" | "attached"))
            {
                attach(kind, &id, &vpc, gateway.address(), to);
            }
        }
    }
    let Some((by, attribute)) = kind.attached_by else { return Ok(()) };
    for attachment in to.source.managed(&[by]) {
        let (gateway, vpc) = (attachment.required(attribute)?, attachment.required("vpc_id")?);
        if !attach(kind, &gateway, &vpc, attachment.address(), to) {
            to.unknown(attachment, &gateway);
        }
    }
    Ok(())
}

/// What attaches it and the gateway itself may both say so: once it is there, the same again changes nothing.
fn attach(kind: &Kind, gateway: &str, vpc: &str, place: &str, to: &mut Describer<'_>) -> bool {
    let attachment = fields([("VpcId", Value::from(vpc)), ("State", Value::from("attached"))]);
    to.objects.append(kind.key, gateway, kind.attachments, attachment, place)
}

/// The default VPC comes with an internet gateway and a route to it in its main table, which nobody writes. A table that
/// is taken over has only the routes that are written.
fn of_default_vpc(to: &mut Describer<'_>) -> Result<(), Error> {
    let Some(vpc) = vpc::default_vpc(to)? else { return Ok(()) };
    let attached = |gateway: &String| {
        let attachments = to.objects.object(Key::InternetGateways, gateway).and_then(|it| it.get("Attachments"));
        let mut attachments = attachments.and_then(Value::as_array).into_iter().flatten();
        attachments.any(|attachment| attachment.get("VpcId").and_then(Value::as_str) == Some(&vpc))
    };
    let known = to.objects.ids(Key::InternetGateways).into_iter().find(attached);
    let place = to.source.all(&vpc::VPCS).into_iter().find(|it| it.id().is_ok_and(|id| id == vpc));
    let Some(place) = place.map(|it| it.address().to_owned()) else { return Ok(()) };
    let gateway = known.unwrap_or_else(|| {
        let id = format!("{place}.internet_gateway");
        let text = format!("{vpc} is the default VPC: it is taken to have its internet gateway still, called {id}");
        to.notes.assume(codes::UNKNOWN_GATEWAY, &vpc, text);
        to.objects.add(Key::InternetGateways, &id, fields([]), &place);
        attach(&KINDS[0], &id, &vpc, &place, to);
        id
    });
    let taken_over = to.source.all(&["aws_default_route_table", "aws_route_table"]);
    if let Some(table) = to.made.get(&(Key::RouteTables, vpc)).cloned()
        && !taken_over.iter().any(|it| it.id().is_ok_and(|id| id == table))
    {
        let route = fields([("DestinationCidrBlock", Value::from("0.0.0.0/0")), ("GatewayId", Value::from(gateway))]);
        to.objects.append(Key::RouteTables, &table, "Routes", route, &place);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vpcemu_model::Target;

    use crate::codes;
    use crate::terraform::describe::testing::{codes, ignored, network, resource, vpc_and_subnet};

    #[test]
    fn gateways_are_attached_by_themselves_or_by_another_resource() {
        let mut resources = vpc_and_subnet();
        resources.extend([
            resource("aws_internet_gateway.a", json!({"vpc_id": "aws_vpc.main"})),
            resource("aws_internet_gateway.b", json!({"vpc_id": ""})),
            resource(
                "aws_internet_gateway_attachment.b",
                json!({"internet_gateway_id": "aws_internet_gateway.b", "vpc_id": "aws_vpc.main"}),
            ),
            resource("aws_internet_gateway.c", json!({})),
            resource("aws_egress_only_internet_gateway.a", json!({"id": "eigw-1", "vpc_id": "aws_vpc.main"})),
            resource("aws_vpn_gateway.a", json!({"vpc_id": "aws_vpc.main"})),
            resource("aws_vpn_gateway.b", json!({})),
            resource(
                "aws_vpn_gateway_attachment.b",
                json!({"vpn_gateway_id": "aws_vpn_gateway.b", "vpc_id": "aws_vpc.main"}),
            ),
            resource("aws_vpn_gateway_attachment.c", json!({"vpn_gateway_id": "vgw-9", "vpc_id": "aws_vpc.main"})),
            resource(
                "data.aws_internet_gateway.d",
                json!({"id": "igw-1", "attachments": [{"state": "available", "vpc_id": "aws_vpc.main"}]}),
            ),
            resource("data.aws_vpn_gateway.d", json!({"id": "vgw-1", "attached_vpc_id": "aws_vpc.main"})),
        ]);
        let (network, notes) = network(&resources);
        let attached: Vec<bool> = network.internet_gateways.iter().map(|it| it.vpc.is_some()).collect();
        assert_eq!(attached, [true, true, false, true]);
        assert_eq!(network.egress_only_internet_gateways[0].id.as_str(), "eigw-1");
        let attached: Vec<bool> = network.vpn_gateways.iter().map(|it| it.vpc.is_some()).collect();
        assert_eq!(attached, [true, true, true]);
        assert_eq!((codes(&notes), ignored(&notes)), (vec![], vec!["aws_vpn_gateway_attachment.c"]));
    }

    #[test]
    fn the_default_vpc_has_a_way_out() {
        let vpc = resource("aws_default_vpc.it", json!({"cidr_block": "172.31.0.0/16"}));
        let (made, notes) = network(std::slice::from_ref(&vpc));
        let route = &made.route_tables[0].routes[0];
        assert_eq!(route.target, Target::InternetGateway("aws_default_vpc.it.internet_gateway".into()));
        assert_eq!(codes(&notes), [codes::UNKNOWN_GATEWAY]);

        let igw = resource("aws_internet_gateway.own", json!({"id": "igw-1", "vpc_id": "aws_default_vpc.it"}));
        let table = resource("aws_default_route_table.it", json!({"default_route_table_id": "aws_default_vpc.it"}));
        let (own, notes) = network(&[vpc.clone(), igw.clone()]);
        assert_eq!(own.route_tables[0].routes[0].target, Target::InternetGateway("igw-1".into()));
        assert_eq!((own.internet_gateways.len(), codes(&notes)), (1, vec![]));
        let (taken, _) = network(&[vpc, igw, table]);
        assert_eq!(taken.route_tables[0].routes.len(), 1);
        assert_eq!(taken.route_tables[0].routes[0].target, Target::Local);
    }
}
