//! What is attached to a transit gateway, which up to five calls tell of.

use ipnet::IpNet;
use vpcemu_model::{AttachmentKind, AttachmentMedium, Id, Network, Origin, VpcAttachment};

use super::interfaces::Interfaces;
use super::table::Tables;
use super::{is_enabled, push_new};
use crate::Error;
use crate::codes;
use crate::dump::{Dump, Key};
use crate::node::Node;
use crate::notes::Notes;

/// States of attachments that are listed for a while and carry nothing.
const OVER: [&str; 4] = ["deleted", "deleting", "failed", "rejected"];

/// An attachment before it is known what it is.
pub(super) struct Head {
    pub(super) id: Id,
    pub(super) gateway: Id,
    pub(super) origin: Origin,
    pub(super) association: Association,
    resource_type: Option<String>,
    resource: Option<Id>,
    state: Option<String>,
    subnets: Vec<Id>,
    options: Option<Options>,
}

/// What an attachment itself tells of its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Association {
    /// Nothing: the call that would was not made.
    Untold,
    /// That there is none.
    Absent,
    /// Which one.
    With(Id),
}

/// The options of a VPC's attachment; AWS makes one with all of them off.
#[derive(Clone, Copy, Default)]
struct Options {
    appliance_mode: bool,
    security_group_referencing: bool,
    ipv6: bool,
}

impl Head {
    pub(super) fn is_available(&self) -> bool {
        self.state.as_deref().is_none_or(|state| state == "available")
    }
}

/// What the two calls for attachments list.
pub(super) fn heads(dump: &Dump, notes: &mut Notes) -> Result<Vec<Head>, Error> {
    let mut heads = Vec::new();
    for node in dump.nodes(Key::TransitGatewayVpcAttachments) {
        let Some(mut head) = head(&node, notes)? else { continue };
        head.resource_type = Some("vpc".to_owned());
        head.resource = node.id("VpcId")?;
        head.subnets = node.ids("SubnetIds")?;
        if let Some(options) = node.object("Options")? {
            head.options = Some(Options {
                appliance_mode: is_enabled(&options, "ApplianceModeSupport")?,
                security_group_referencing: is_enabled(&options, "SecurityGroupReferencingSupport")?,
                ipv6: is_enabled(&options, "Ipv6Support")?,
            });
        }
        heads.push(head);
    }
    for node in dump.nodes(Key::TransitGatewayAttachments) {
        let id = node.required_id("TransitGatewayAttachmentId")?;
        let association = association(&node)?;
        if let Some(known) = heads.iter_mut().find(|known| known.id == id) {
            known.association = association;
            continue;
        }
        if notes.is_gone(&id) {
            continue;
        }
        let Some(mut head) = head(&node, notes)? else { continue };
        head.association = association;
        heads.push(head);
    }
    Ok(heads)
}

fn head(node: &Node<'_>, notes: &mut Notes) -> Result<Option<Head>, Error> {
    let id = node.required_id("TransitGatewayAttachmentId")?;
    let state = node.state("State")?;
    if let Some(state) = state.as_deref().filter(|state| OVER.contains(state)) {
        notes.gone(id, node.origin(), state);
        return Ok(None);
    }
    let Some(gateway) = node.id("TransitGatewayId")? else {
        notes.ignore(id, node.origin(), "it has no TransitGatewayId");
        return Ok(None);
    };
    Ok(Some(Head {
        id,
        gateway,
        origin: node.origin(),
        association: Association::Untold,
        resource_type: node.state("ResourceType")?,
        resource: node.id("ResourceId")?,
        state,
        subnets: Vec::new(),
        options: None,
    }))
}

fn association(node: &Node<'_>) -> Result<Association, Error> {
    let Some(association) = node.object("Association")? else { return Ok(Association::Absent) };
    let state = association.state("State")?;
    let table = association.id("TransitGatewayRouteTableId")?;
    let holds = matches!(state.as_deref(), None | Some("associated" | "associating"));
    Ok(table.filter(|_| holds).map_or(Association::Absent, Association::With))
}

/// Adds what only associations, propagations and routes of the gateway's tables name.
pub(super) fn named_by_tables(
    tables: &Tables<'_>,
    gateway: &Id,
    heads: &mut Vec<Head>,
    dump: &Dump,
    notes: &mut Notes,
) -> Result<(), Error> {
    for node in tables.named_attachments()? {
        let Some(id) = node.id("TransitGatewayAttachmentId")? else { continue };
        let elsewhere = [Key::TransitGatewayVpcAttachments, Key::TransitGatewayAttachments];
        if heads.iter().any(|head| head.id == id) || elsewhere.iter().any(|key| dump.saw(*key, &id)) {
            continue;
        }
        let text = format!("{id} is only named by a table of {gateway}: taken to be available");
        notes.assume(codes::TRANSIT_GATEWAY_ATTACHMENT, &id, text);
        heads.push(Head {
            id,
            gateway: gateway.clone(),
            origin: node.origin(),
            association: Association::Untold,
            resource_type: node.state("ResourceType")?,
            resource: node.id("ResourceId")?,
            state: None,
            subnets: Vec::new(),
            options: None,
        });
    }
    Ok(())
}

/// What an attachment is: of a VPC of the network, or of something outside.
pub(super) fn kind(
    head: &Head,
    interfaces: &mut Interfaces,
    dump: &Dump,
    network: &mut Network,
    notes: &mut Notes,
) -> Result<AttachmentKind, Error> {
    let medium = match head.resource_type.as_deref() {
        Some("vpc") => {
            let vpc = head.resource.as_ref().filter(|vpc| network.vpc(vpc).is_some()).cloned();
            if let Some(vpc) = vpc {
                return Ok(AttachmentKind::Vpc(of_vpc(head, vpc, interfaces, dump, network, notes)));
            }
            // Like a VPC, a Connect attachment hears of packets that are too large.
            AttachmentMedium::Connect
        }
        Some("vpn" | "vpn-concentrator" | "client-vpn") => AttachmentMedium::Vpn,
        Some("direct-connect-gateway") => AttachmentMedium::DirectConnect,
        Some("peering" | "tgw-peering") => AttachmentMedium::Peering,
        Some("connect") => AttachmentMedium::Connect,
        other => {
            let other = other.unwrap_or("unknown type");
            let text = format!("attachments of {other} are not modelled: packets to it end there");
            notes.ignore(&head.id, &head.origin, text);
            AttachmentMedium::Connect
        }
    };
    Ok(AttachmentKind::Outside { medium, prefixes: left_out_blocks(head.resource.as_ref(), dump)? })
}

fn of_vpc(
    head: &Head,
    vpc: Id,
    interfaces: &mut Interfaces,
    dump: &Dump,
    network: &mut Network,
    notes: &mut Notes,
) -> VpcAttachment {
    let options = head.options.unwrap_or_else(|| {
        let text = format!("the options of {} were not read: all of them are off", head.id);
        notes.assume(codes::TRANSIT_GATEWAY_ATTACHMENT, &head.id, text);
        Options::default()
    });
    let interfaces = interfaces.of(&head.id, &vpc, &head.subnets, &head.origin, dump, network, notes);
    let Options { appliance_mode, security_group_referencing, ipv6 } = options;
    VpcAttachment { vpc, interfaces, appliance_mode, security_group_referencing, ipv6 }
}

/// The blocks of a VPC of the dump that is not part of the network.
fn left_out_blocks(vpc: Option<&Id>, dump: &Dump) -> Result<Vec<IpNet>, Error> {
    let mut blocks = Vec::new();
    for node in dump.left_out() {
        if vpc.is_some() && node.id("VpcId")?.as_ref() == vpc {
            for block in crate::build::vpc::vpc_blocks(&node)? {
                push_new(&mut blocks, block);
            }
        }
    }
    Ok(blocks)
}
