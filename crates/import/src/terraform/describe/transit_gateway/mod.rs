//! Transit gateways with what is attached to them.

mod table;

use serde_json::{Value, json};

use super::Describer;
use super::objects::fields;
use super::source::{Described, renamed};
use crate::Error;
use crate::dump::Key;

/// Describes gateways, attachments, tables and routes.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    for gateway in to.source.all(&["aws_ec2_transit_gateway"]) {
        let mut described = gateway.fields(&[("owner_id", "OwnerId")]);
        let mut options = renamed(&gateway.resource.values, &OPTIONS);
        if table::has_default(gateway)? {
            let default = table::default_ids(gateway, to)?;
            options.extend(fields([
                ("AssociationDefaultRouteTableId", Value::from(default.association)),
                ("PropagationDefaultRouteTableId", Value::from(default.propagation)),
            ]));
        }
        described.insert("Options".to_owned(), Value::from(options));
        to.objects.add(Key::TransitGateways, &gateway.id()?, described, gateway.address());
    }
    vpc_attachments(to)?;
    other_attachments(to)?;
    table::describe(to)
}

fn vpc_attachments(to: &mut Describer<'_>) -> Result<(), Error> {
    for attachment in to.source.all(&[ATTACHMENT]) {
        add_vpc_attachment(attachment, &attachment.id()?, to);
    }
    for accepter in to.source.managed(&[ACCEPTER]) {
        let id = accepter.required("transit_gateway_attachment_id")?;
        // One that is made elsewhere is known by what accepts it.
        if !to.objects.has(Key::TransitGatewayVpcAttachments, &id) {
            add_vpc_attachment(accepter, &id, to);
        }
        to.objects.name(Key::TransitGatewayVpcAttachments, &accepter.id()?, &id);
    }
    Ok(())
}

fn add_vpc_attachment(attachment: Described<'_>, id: &str, to: &mut Describer<'_>) {
    let names = [("transit_gateway_id", "TransitGatewayId"), ("vpc_id", "VpcId"), ("subnet_ids", "SubnetIds")];
    let mut described = attachment.fields(&names);
    let options = renamed(&attachment.resource.values, &ATTACHMENT_OPTIONS);
    described.insert("Options".to_owned(), Value::from(options));
    to.objects.add(Key::TransitGatewayVpcAttachments, id, described, attachment.address());
}

/// Attachments of what is outside of the model.
fn other_attachments(to: &mut Describer<'_>) -> Result<(), Error> {
    for (kind, attribute, what) in OTHERS {
        for attachment in to.source.managed(&[kind]) {
            let Some(gateway) = attachment.text("transit_gateway_id")? else { continue };
            let id = match attribute {
                None => attachment.id()?,
                Some(attribute) => {
                    let made = attachment.address_of(attribute);
                    let id = attachment.text(attribute)?.unwrap_or_else(|| made.clone());
                    to.objects.name(Key::TransitGatewayVpcAttachments, &made, &id);
                    to.objects.name(Key::TransitGatewayVpcAttachments, &attachment.id()?, &id);
                    id
                }
            };
            let described = fields([
                ("TransitGatewayId", Value::from(gateway)),
                ("ResourceType", Value::from(what)),
                ("ResourceId", Value::from(attachment.id()?)),
            ]);
            to.objects.add(Key::TransitGatewayAttachments, &id, described, attachment.address());
        }
    }
    Ok(())
}

/// An attachment as a list of a table has it.
fn listed(attachment: &str) -> Value {
    json!({"TransitGatewayAttachmentId": attachment})
}

const ATTACHMENT: &str = "aws_ec2_transit_gateway_vpc_attachment";
const ACCEPTER: &str = "aws_ec2_transit_gateway_vpc_attachment_accepter";

/// What else is attached: the type of the resource, the attribute with the id of the attachment where it is not the
/// resource itself, and what AWS calls it.
const OTHERS: [(&str, Option<&str>, &str); 4] = [
    ("aws_ec2_transit_gateway_peering_attachment", None, "peering"),
    ("aws_ec2_transit_gateway_connect", None, "connect"),
    ("aws_vpn_connection", Some("transit_gateway_attachment_id"), "vpn"),
    ("aws_dx_gateway_association", Some("transit_gateway_attachment_id"), "direct-connect-gateway"),
];

const OPTIONS: [(&str, &str); 3] = [
    ("security_group_referencing_support", "SecurityGroupReferencingSupport"),
    ("default_route_table_association", "DefaultRouteTableAssociation"),
    ("default_route_table_propagation", "DefaultRouteTablePropagation"),
];

const ATTACHMENT_OPTIONS: [(&str, &str); 3] = [
    ("appliance_mode_support", "ApplianceModeSupport"),
    ("ipv6_support", "Ipv6Support"),
    ("security_group_referencing_support", "SecurityGroupReferencingSupport"),
];

#[cfg(test)]
mod tests;
