//! The tables of transit gateways. The one that AWS makes with a gateway is nobody's resource: what is attached is
//! associated with it and propagates into it unless somebody says otherwise.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::Describer;
use super::super::objects::{Fields, fields, placed};
use super::super::source::Described;
use super::{ACCEPTER, ATTACHMENT, listed};
use crate::Error;
use crate::dump::Key;

/// The lists of one table.
#[derive(Default)]
struct Lists {
    associations: Vec<Value>,
    propagations: Vec<Value>,
    routes: Vec<Value>,
}

/// The tables that attachments use by themselves.
pub(super) struct Defaults {
    pub(super) association: String,
    pub(super) propagation: String,
}

/// Describes the tables with their lists.
pub(super) fn describe(to: &mut Describer<'_>) -> Result<(), Error> {
    for table in to.source.all(&["aws_ec2_transit_gateway_route_table"]) {
        let described = table.fields(&[("transit_gateway_id", "TransitGatewayId")]);
        to.objects.add(Key::TransitGatewayRouteTables, &table.id()?, described, table.address());
    }
    // Of a gateway that is made elsewhere nobody knows the table.
    for gateway in to.source.managed(&["aws_ec2_transit_gateway"]) {
        default_table(gateway, to)?;
    }
    let mut lists: BTreeMap<String, Lists> = BTreeMap::new();
    links(&mut lists, to)?;
    defaults(&mut lists, to)?;
    routes(&mut lists, to)?;
    for table in to.objects.ids(Key::TransitGatewayRouteTables) {
        let known = lists.remove(&table);
        // A table that is only looked up has lists that nobody knows.
        let looked_up = to.source.data(&["aws_ec2_transit_gateway_route_table"]);
        if known.is_none() && looked_up.iter().any(|it| it.id().is_ok_and(|id| id == table)) {
            continue;
        }
        let Lists { associations, propagations, routes } = known.unwrap_or_default();
        to.objects.part(Key::Associations, &table, associations, &table);
        to.objects.part(Key::TransitGatewayRouteTablePropagations, &table, propagations, &table);
        to.objects.part(Key::Routes, &table, routes, &table);
    }
    Ok(())
}

/// Whether AWS makes a table with the gateway.
pub(super) fn has_default(gateway: Described<'_>) -> Result<bool, Error> {
    Ok(is_on(gateway, "default_route_table_association")? || is_on(gateway, "default_route_table_propagation")?)
}

/// The tables by default: AWS's own, or those that take its place.
pub(super) fn default_ids(gateway: Described<'_>, to: &Describer<'_>) -> Result<Defaults, Error> {
    let id = |attribute: &str| -> Result<String, Error> {
        Ok(gateway.text(attribute)?.unwrap_or_else(|| gateway.address_of(OWN)))
    };
    let of = gateway.id()?;
    let replaced = |kind: &str| -> Result<Option<String>, Error> {
        for other in to.source.managed(&[kind]) {
            if other.required("transit_gateway_id")? == of {
                return other.text("transit_gateway_route_table_id");
            }
        }
        Ok(None)
    };
    let association = replaced("aws_ec2_transit_gateway_default_route_table_association")?;
    let propagation = replaced("aws_ec2_transit_gateway_default_route_table_propagation")?;
    Ok(Defaults {
        association: association.map_or_else(|| id(OWN), Ok)?,
        propagation: propagation.map_or_else(|| id("propagation_default_route_table_id"), Ok)?,
    })
}

const OWN: &str = "association_default_route_table_id";

fn is_on(gateway: Described<'_>, attribute: &str) -> Result<bool, Error> {
    Ok(gateway.node().state(attribute)?.as_deref() != Some("disable"))
}

fn default_table(gateway: Described<'_>, to: &mut Describer<'_>) -> Result<(), Error> {
    if !has_default(gateway)? {
        return Ok(());
    }
    let Defaults { association, propagation } = default_ids(gateway, to)?;
    for attribute in [OWN, "propagation_default_route_table_id"] {
        let made = gateway.address_of(attribute);
        let id = if attribute == OWN { &association } else { &propagation };
        to.objects.name(Key::TransitGatewayRouteTables, &made, id);
    }
    for id in [association, propagation] {
        let described = fields([("TransitGatewayId", Value::from(gateway.id()?))]);
        to.objects.add(Key::TransitGatewayRouteTables, &id, described, &gateway.address_of(OWN));
    }
    Ok(())
}

/// What resources of their own associate and propagate.
fn links(lists: &mut BTreeMap<String, Lists>, to: &Describer<'_>) -> Result<(), Error> {
    for (kind, associates) in [
        ("aws_ec2_transit_gateway_route_table_association", true),
        ("aws_ec2_transit_gateway_route_table_propagation", false),
    ] {
        for link in to.source.managed(&[kind]) {
            let lists = lists.entry(table_of(link, to)?).or_default();
            let list = if associates { &mut lists.associations } else { &mut lists.propagations };
            list.push(of(&attachment_of(link, to)?, link.address()));
        }
    }
    Ok(())
}

/// What attachments are associated with and propagate into by themselves.
fn defaults(lists: &mut BTreeMap<String, Lists>, to: &Describer<'_>) -> Result<(), Error> {
    for gateway in to.source.managed(&["aws_ec2_transit_gateway"]) {
        let Defaults { association, propagation } = default_ids(gateway, to)?;
        let (associates, propagates) =
            (is_on(gateway, "default_route_table_association")?, is_on(gateway, "default_route_table_propagation")?);
        for (attached_by, id) in attachments(gateway, to)? {
            let named = of(&id, attached_by.address());
            let says = |attribute| -> Result<bool, Error> { Ok(attached_by.node().flag(attribute)?.unwrap_or(true)) };
            let elsewhere = lists.values().any(|it| it.associations.iter().any(|other| is_same(other, &named)));
            if associates && says("transit_gateway_default_route_table_association")? && !elsewhere {
                lists.entry(association.clone()).or_default().associations.push(named.clone());
            }
            let list = &mut lists.entry(propagation.clone()).or_default().propagations;
            let known = list.iter().any(|other| is_same(other, &named));
            if propagates && says("transit_gateway_default_route_table_propagation")? && !known {
                list.push(named);
            }
        }
    }
    Ok(())
}

/// What is attached to a gateway: the resource, with the id of the attachment.
fn attachments<'a>(gateway: Described<'_>, to: &Describer<'a>) -> Result<Vec<(Described<'a>, String)>, Error> {
    let id = gateway.id()?;
    let mut attachments = Vec::new();
    let mut add = |from: Described<'a>, attachment: String| {
        if !attachments.iter().any(|(_, known): &(_, String)| *known == attachment) {
            attachments.push((from, attachment));
        }
    };
    // What accepts an attachment decides for it.
    for accepter in to.source.managed(&[ACCEPTER]) {
        let attachment = accepter.required("transit_gateway_attachment_id")?;
        let of = to.objects.text(Key::TransitGatewayVpcAttachments, &attachment, "TransitGatewayId");
        if of == Some(&id) {
            add(accepter, attachment);
        }
    }
    for attachment in to.source.all(&[ATTACHMENT]) {
        if attachment.text("transit_gateway_id")?.as_ref() == Some(&id) {
            add(attachment, attachment.id()?);
        }
    }
    for (kind, attribute, _) in super::OTHERS {
        for attachment in to.source.managed(&[kind]) {
            if attachment.text("transit_gateway_id")?.as_ref() == Some(&id) {
                let name =
                    attribute.map_or_else(|| attachment.id(), |attribute| Ok(attachment.address_of(attribute)))?;
                // A peering is never associated by itself.
                if kind != "aws_ec2_transit_gateway_peering_attachment" {
                    add(attachment, to.objects.id(Key::TransitGatewayVpcAttachments, &name));
                }
            }
        }
    }
    Ok(attachments)
}

fn routes(lists: &mut BTreeMap<String, Lists>, to: &Describer<'_>) -> Result<(), Error> {
    for (kind, attribute, field) in [
        ("aws_ec2_transit_gateway_route", "destination_cidr_block", "DestinationCidrBlock"),
        ("aws_ec2_transit_gateway_prefix_list_reference", "prefix_list_id", "PrefixListId"),
    ] {
        for route in to.source.managed(&[kind]) {
            let blackhole = route.node().flag("blackhole")?.unwrap_or(false);
            let mut described = fields([
                (field, Value::from(route.required(attribute)?)),
                ("Type", Value::from("static")),
                ("State", Value::from(if blackhole { "blackhole" } else { "active" })),
            ]);
            if !blackhole {
                let attachment = listed(&attachment_of(route, to)?);
                described.insert("TransitGatewayAttachments".to_owned(), json!([attachment]));
            }
            let list = &mut lists.entry(table_of(route, to)?).or_default().routes;
            list.push(Value::from(placed(described, route.address())));
        }
    }
    Ok(())
}

fn table_of(link: Described<'_>, to: &Describer<'_>) -> Result<String, Error> {
    Ok(to.objects.id(Key::TransitGatewayRouteTables, &link.required("transit_gateway_route_table_id")?))
}

fn attachment_of(link: Described<'_>, to: &Describer<'_>) -> Result<String, Error> {
    Ok(to.objects.id(Key::TransitGatewayVpcAttachments, &link.required("transit_gateway_attachment_id")?))
}

/// An attachment in a list of a table, which `place` puts there.
fn of(attachment: &str, place: &str) -> Value {
    let mut named = Fields::new();
    named.insert("TransitGatewayAttachmentId".to_owned(), Value::from(attachment));
    Value::from(placed(named, place))
}

fn is_same(one: &Value, other: &Value) -> bool {
    one.get("TransitGatewayAttachmentId") == other.get("TransitGatewayAttachmentId")
}
